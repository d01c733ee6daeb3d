/* SPDX-License-Identifier: Apache-2.0 */
/* hazard.c - the arithmetic of threads and slots; see hazard.h. */
#include "hazard.h"

#include <stdarg.h>
#include <apr_strings.h>

__attribute__((format(printf, 3, 4))) static void
say(apr_array_header_t *out, apr_pool_t *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    APR_ARRAY_PUSH(out, const char *) = apr_pvsprintf(p, format, args);
    va_end(args);
}

/* "ServerLimit 16 (mpm.conf:3)" */
static const char *named(const chat_setting_t *s, apr_pool_t *p)
{
    return apr_psprintf(p, "%s %d (%s)", s->name, s->value,
                        s->at != NULL ? s->at : "the default");
}

/* The same for what is on or off. */
static const char *switched(const chat_setting_t *s, const char *to,
                            apr_pool_t *p)
{
    return apr_psprintf(p, "%s %s (%s)", s->name, to,
                        s->at != NULL ? s->at : "the default");
}

int chat_hazard_children(const chat_hazard_mpm_t *mpm)
{
    const int threads = mpm->prefork ? 1 : mpm->threads.value;

    return threads > 0 ? (mpm->workers.value + threads - 1) / threads : 0;
}

int chat_hazard_spare_slots(const chat_hazard_mpm_t *mpm)
{
    return mpm->slots.value - chat_hazard_children(mpm);
}

/* How many people can be here at once. */
static void judge_workers(apr_array_header_t *out, const chat_hazard_mpm_t *mpm,
                          const char *host, apr_pool_t *p)
{
    const int room = mpm->workers.value - CHAT_HAZARD_REQUESTS;

    if (room > CHAT_HAZARD_FEW) {
        return;
    }
    say(out, p,
        "%s is few: each WebSocket of %s goes through mod_proxy and holds one "
        "worker while it is open, so %d - %d for requests = %d people can be "
        "there at once and the next one waits with everybody else; set it to "
        "their number + %d",
        named(&mpm->workers, p), host, mpm->workers.value, CHAT_HAZARD_REQUESTS,
        room > 0 ? room : 0, CHAT_HAZARD_REQUESTS);
}

/* A graceful restart beside children that stay for their sockets. */
static void judge_slots(apr_array_header_t *out, const chat_hazard_mpm_t *mpm,
                        const char *host, apr_pool_t *p)
{
    const int children = chat_hazard_children(mpm);
    const int spare = chat_hazard_spare_slots(mpm);
    const char *sum;

    if (spare >= children) {
        return;
    }
    sum = mpm->prefork
              ? apr_psprintf(p, "%d - MaxRequestWorkers %d", mpm->slots.value,
                             mpm->workers.value)
              : apr_psprintf(
                    p, "%d - MaxRequestWorkers %d / ThreadsPerChild %d",
                    mpm->slots.value, mpm->workers.value, mpm->threads.value);
    say(out, p,
        "%s leaves %s = %d spare slots: at a graceful restart old children "
        "keep "
        "theirs while WebSockets of %s are open, and without a slot no new "
        "child can start and no request is answered; set it to 2 x %d = %d or "
        "more",
        named(&mpm->slots, p), sum, spare, host, children, 2 * children);
}

static void judge_spare(apr_array_header_t *out, const chat_hazard_mpm_t *mpm,
                        const char *host, apr_pool_t *p)
{
    if (mpm->prefork || mpm->spare.value >= mpm->workers.value) {
        return;
    }
    say(out, p,
        "%s is less than MaxRequestWorkers %d: as soon as %d threads are idle, "
        "children are ended that still hold WebSockets of %s, and keep their "
        "slots and idle threads until the last one closes; set it to %d",
        named(&mpm->spare, p), mpm->workers.value, mpm->spare.value + 1, host,
        mpm->workers.value);
}

static void judge_recycle(apr_array_header_t *out, const chat_hazard_mpm_t *mpm,
                          const char *host, apr_pool_t *p)
{
    if (mpm->recycle.value == 0) {
        return;
    }
    say(out, p,
        "%s ends a child after %d connections, which then keeps its slot until "
        "the last WebSocket of %s in it closes; set it to 0",
        named(&mpm->recycle, p), mpm->recycle.value, host);
}

void chat_hazard_of_mpm(apr_array_header_t *out, const chat_hazard_mpm_t *mpm,
                        const char *host, int tunnels, apr_pool_t *p)
{
    if (tunnels) {
        judge_workers(out, mpm, host, p);
    }
    judge_slots(out, mpm, host, p);
    judge_spare(out, mpm, host, p);
    judge_recycle(out, mpm, host, p);
}

/* What mod_proxy does to a tunnel. */
static void judge_tunnel(apr_array_header_t *out,
                         const chat_hazard_host_t *host,
                         const chat_hazard_mpm_t *mpm, apr_pool_t *p)
{
    const int least = mpm->ping + CHAT_HAZARD_MARGIN;

    if (host->untimed.name != NULL) {
        say(out, p,
            "%s: a WebSocket of %s whose client has vanished without a word "
            "holds its worker for ever, as mod_proxy_wstunnel has no idle "
            "timeout; take it out",
            switched(&host->untimed, "Off", p), host->name);
        return;
    }
    if (host->timeout.name != NULL && host->timeout.value < least) {
        say(out, p,
            "%s cuts each WebSocket of %s that is quiet for %d s, and a client "
            "pings after %d s only; set timeout=%d or more on the ProxyPass of "
            "/app/ (%d + %d)",
            named(&host->timeout, p), host->name, host->timeout.value,
            mpm->ping, least, mpm->ping, CHAT_HAZARD_MARGIN);
    }
}

void chat_hazard_of_host(apr_array_header_t *out,
                         const chat_hazard_host_t *host,
                         const chat_hazard_mpm_t *mpm, apr_pool_t *p)
{
    if (host->way == CHAT_WAY_NONE) {
        return;
    }
    if (host->way == CHAT_WAY_REFUSED) {
        say(out, p, "WebSockets of %s are refused: %s", host->name, host->why);
    }
    if (host->way == CHAT_WAY_TUNNEL) {
        judge_tunnel(out, host, mpm, p);
    }
    if (host->denied.name != NULL) {
        say(out, p,
            "%s lets nobody in to /app/ of %s, so that no WebSocket is opened "
            "there; take it out, or say Require all granted there",
            switched(&host->denied, "all denied", p), host->name);
    }
    if (host->h2.name != NULL) {
        say(out, p,
            "%s: WebSockets of %s share a browser's one HTTP/2 connection, "
            "where six of them leave ordinary requests no room, and none can "
            "be handed over; take it out",
            switched(&host->h2, "on", p), host->name);
    }
    if (host->keepalive.name != NULL) {
        say(out, p,
            "%s: every message, read mark and typing notice of %s opens a "
            "connection of its own; set KeepAlive On",
            switched(&host->keepalive, "Off", p), host->name);
    }
    if (host->fields.name != NULL && host->fields.value > 0 &&
        host->fields.value < CHAT_HAZARD_FIELDS) {
        say(out, p,
            "%s refuses with 400 who has more header lines: a browser opens a "
            "WebSocket of %s with 15 to 20, and each proxy adds some; set it "
            "to %d or more",
            named(&host->fields, p), host->name, CHAT_HAZARD_FIELDS);
    }
}
