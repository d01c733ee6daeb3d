/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - numbers and the link to chat-push as text; see status.h. */
#include "status.h"

#include <apr_strings.h>
#include <http_main.h>
#include <http_protocol.h>
#include <mod_status.h>

#include "companion.h"
#include "config.h"
#include "outcome.h"
#include "tls_pump.h"

/* Every counter: its name at `?auto` (NULL: it has none), and what people
 * read. Those from the third on are the ways in which one is refused. */
/* clang-format off */
static const struct {
    chat_outcome_t what;
    const char *key;
    const char *text;
} counters[] = {
    { CHAT_OUTCOME_HANDED,    "ChatHandedOver",       "handed over to chat-push" },
    { CHAT_OUTCOME_PROXIED,   "ChatLeftToProxy",      "left to mod_proxy" },
    { CHAT_OUTCOME_AWAY,      "ChatRefusedAway",      "chat-push took none (503)" },
    { CHAT_OUTCOME_UNKNOWN,   "ChatRefusedUnknown",   "the database could not say whose (503)" },
    { CHAT_OUTCOME_FULL,      "ChatRefusedFull",      "no room for more by TLS (503)" },
    { CHAT_OUTCOME_LARGE,     "ChatRefusedLarge",     "more than 16 kB of headers (431)" },
    { CHAT_OUTCOME_EARLY,     "ChatRefusedEarly",     "gone, or too much sent before the answer (400)" },
    { CHAT_OUTCOME_MALFORMED, "ChatRefusedMalformed", "no upgrade request (426)" },
    { CHAT_OUTCOME_UNFIT,     "ChatRefusedUnfit",     "cannot be handed over, and no ProxyPass (501)" },
};
/* clang-format on */
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))
#define REFUSALS 2 /* the first of them */

#define N "%" APR_UINT64_T_FMT

static apr_uint64_t refused(void)
{
    apr_uint64_t sum = 0;

    for (size_t i = REFUSALS; i < COUNTERS; i++) {
        sum += chat_outcome_of(counters[i].what);
    }
    return sum;
}

/* Who asks and gives nothing is told the same as who has a socket to give.
 * @return NULL when it takes sockets, else why not */
static const char *trouble_of(chat_companion_t *companion)
{
    chat_companion_result_t result;
    int link;

    result = chat_companion_ask(&link, companion);
    if (result != CHAT_COMPANION_READY) {
        return chat_companion_why(result);
    }
    chat_companion_keep(companion, link);
    return NULL;
}

/* The companion of a host, once for all hosts that share it. */
static chat_companion_t *companion_of(server_rec *first, server_rec *s)
{
    chat_companion_t *companion = chat_server_of(s)->companion;

    for (; first != s; first = first->next) {
        if (chat_server_of(first)->companion == companion) {
            return NULL;
        }
    }
    return companion;
}

static void links_for_programs(request_rec *r)
{
    int n = 0, well = 0;

    for (server_rec *s = ap_server_conf; s != NULL; s = s->next) {
        chat_companion_t *companion = companion_of(ap_server_conf, s);

        if (companion != NULL) {
            n++;
            well += trouble_of(companion) == NULL;
        }
    }
    ap_rprintf(r, "ChatPushLinks: %d\nChatPushLinksWell: %d\n", n, well);
}

static void links_for_people(request_rec *r)
{

    for (server_rec *s = ap_server_conf; s != NULL; s = s->next) {
        chat_companion_t *companion = companion_of(ap_server_conf, s);
        const char *why;

        if (companion == NULL) {
            continue;
        }
        why = trouble_of(companion);
        ap_rprintf(r, "<dt>chat-push at %s %s%s</dt>\n",
                   ap_escape_html(r->pool, chat_companion_path(companion)),
                   why == NULL ? "takes sockets" : "takes no sockets: ",
                   why == NULL ? "" : ap_escape_html(r->pool, why));
    }
}

static void for_programs(request_rec *r)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        ap_rprintf(r, "%s: " N "\n", counters[i].key,
                   chat_outcome_of(counters[i].what));
    }
    ap_rprintf(r, "ChatRefused: " N "\n", refused());
    chat_pump_status(r, 1);
    links_for_programs(r);
}

static void for_people(request_rec *r)
{
    apr_uint64_t n;

    ap_rputs("<hr />\n<h2>mod_chat: WebSockets</h2>\n<dl>\n", r);
    links_for_people(r);
    for (size_t i = 0; i < REFUSALS; i++) {
        ap_rprintf(r, "<dt>" N " %s</dt>\n", chat_outcome_of(counters[i].what),
                   counters[i].text);
    }
    chat_pump_status(r, 0);
    ap_rprintf(r, "\n<dt>" N " refused</dt>\n", refused());
    for (size_t i = REFUSALS; i < COUNTERS; i++) {
        n = chat_outcome_of(counters[i].what);
        if (n > 0) {
            ap_rprintf(r, "<dd>" N " %s</dd>\n", n, counters[i].text);
        }
    }
    ap_rputs("</dl>\n", r);
}

int chat_status(request_rec *r, int flags)
{
    if (flags & AP_STATUS_SHORT) {
        for_programs(r);
    }
    else {
        for_people(r);
    }
    return OK;
}
