/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_room.c - AsyncRequestWorkerFactor and what follows; see tls_room.h.
 *
 * The factor is a variable of the MPM's own that it tells nobody. So it is read
 * where the MPM reads it: in httpd's tree of directives, which is complete once
 * the configuration was read. Included files and the insides of <If…> sections
 * that hold stand in it like all else.
 *
 * Descriptors are a limit too: event gives a child up when accept() finds none.
 */
#include "tls_room.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <ap_mpm.h>
#include <http_config.h>
#include <http_core.h>
#include <util_cfgtree.h>

#include "chat_module.h"
#include "config.h"

APLOG_USE_MODULE(chat);

#define FACTOR 2.0  /* event's, without the directive */
#define LARGE 10000 /* a factor beyond which nothing changes */
#define WANTED 1000 /* sockets; less is worth a warning */

typedef struct {
    double factor;
    int has_tls; /* some SSLEngine is not off */
} found_t;

static int room; /* of a child; set by the parent before it forks */

/* Inside of other sections the factor may not stand. */
static int is_host(const ap_directive_t *d)
{
    return strcasecmp(d->directive, "<VirtualHost") == 0;
}

static void look(found_t *found, const ap_directive_t *d, apr_pool_t *p)
{
    for (; d != NULL; d = d->next) {
        const char *args = d->args != NULL ? d->args : "";

        if (strcasecmp(d->directive, "AsyncRequestWorkerFactor") == 0) {
            found->factor = strtod(ap_getword_conf(p, &args), NULL);
        }
        else if (strcasecmp(d->directive, "SSLEngine") == 0) {
            found->has_tls |= strcasecmp(ap_getword_conf(p, &args), "off") != 0;
        }
        else if (is_host(d)) {
            look(found, d->first_child, p);
        }
    }
}

/* Whether some host hands over what it can, TLS included. */
static int is_wanted(server_rec *s)
{
    for (; s != NULL; s = s->next) {
        const chat_push_t *push = chat_server_of(s)->push;
        const chat_dir_t *dir = ap_get_module_config(s->lookup_defaults,
                                                     &chat_module);

        if (push != NULL && push->handoff != NULL &&
            (dir->handoff == CHAT_HANDOFF_UNSET ||
             dir->handoff == CHAT_HANDOFF_ON)) {
            return 1;
        }
    }
    return 0;
}

static int mpm(int what)
{
    int value = 0;

    return ap_mpm_query(what, &value) == APR_SUCCESS ? value : 0;
}

/* Children that the MPM keeps however little there is to do. */
static int least_children(int threads)
{
    int n = (mpm(AP_MPMQ_MIN_SPARE_THREADS) + threads - 1) / threads;

    return n > 1 ? n : 1;
}

static int is_little(int threads)
{
    return (apr_int64_t)room * least_children(threads) < WANTED;
}

/* How many the limit of open files leaves room for, at two each. The others: a
 * worker has a connection, a file and one to a database or an application. */
static int by_files(int threads)
{
    struct rlimit limit;
    rlim_t others = (rlim_t)threads * 4 + 64;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur > 2 * (rlim_t)INT_MAX) {
        return INT_MAX;
    }
    return limit.rlim_cur > others ? (int)((limit.rlim_cur - others) / 2) : 0;
}

static void warn_files(server_rec *s)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                 "the limit of open files is low: a child of httpd takes %d "
                 "WebSockets by TLS, which have two each, more are answered "
                 "503; raise it (LimitNOFILE= of the systemd unit, ulimit -n)",
                 room);
}

static void warn(server_rec *s, int threads, int factor)
{
    const int children = least_children(threads);
    const int need = (2 * WANTED + threads * children - 1) /
                     (threads * children);

    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                 "AsyncRequestWorkerFactor is %d: a child of httpd takes %d "
                 "WebSockets by TLS (half of ThreadsPerChild %d * %d) and %d "
                 "%s always there (MinSpareThreads), more sockets may be "
                 "answered 503; for %d set AsyncRequestWorkerFactor %d, for "
                 "none here ChatHandoff PlainOnly",
                 factor, room, threads, factor, children,
                 children == 1 ? "child is" : "children are", WANTED, need);
}

void chat_tls_room_prepare(server_rec *s, apr_pool_t *ptemp)
{
    found_t found = { FACTOR, 0 };
    const int threads = mpm(AP_MPMQ_MAX_THREADS);
    int factor, files, says;

    look(&found, ap_conftree, ptemp);
    factor = found.factor < 0       ? 0
             : found.factor < LARGE ? (int)found.factor /* as event does */
                                    : LARGE;
    room = (int)((apr_int64_t)threads * factor / 2);
    says = mpm(AP_MPMQ_IS_ASYNC) && found.has_tls && is_wanted(s);
    if (says && is_little(threads)) {
        warn(s, threads, factor);
    }
    files = by_files(threads);
    if (files < room) {
        room = files;
        if (says && is_little(threads)) {
            warn_files(s);
        }
    }
}

int chat_tls_room(void) { return room; }
