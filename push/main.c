/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - chat-push: events into WebSocket frames.
 *
 *   chat-push [--config FILE]
 *
 * Settings come from the file and the environment (conf.h). The main thread
 * reads them, starts one thread per loop, the relay's, retention's, that of plans
 * and the webhooks', says what listens where, and then waits for a signal: SIGHUP reads
 * the settings again (reload.h), SIGTERM or SIGINT ends it in good order, the
 * clients one after the other (drain.h), and a second one at once. SIGUSR2 ends
 * it too, and makes the next one of it: the same process runs the program that
 * is installed by then, on the same listening sockets (held.h). What keeps it
 * from starting is one sentence and exit status 1.
 */
#include "adopt.h"
#include "client.h"
#include "drain.h"
#include "held.h"
#include "listener.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "noted.h"
#include "opener.h"
#include "person.h"
#include "removal.h"
#include "privilege.h"
#include "pulse.h"
#include "reload.h"
#include "server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>

/* What threads that ask the database get to end: a lock is waited for a second. */
#define ASKING_SECONDS 3

extern char **environ;

/* What main keeps track of beside push_server. */
typedef struct {
    push_conf_t conf;
    push_protocol_t clients; /* what the transport calls */
    push_protocol_t metrics;
    push_loop_t **loops;
    push_conns_t **conns;
    pthread_t *threads;
    push_listener_t *listeners[3]; /* port, ssl.port, unix.path: those set */
    int nlisteners;
    push_adopt_t *adopt;               /* handoff.path; NULL: none */
    const char *places;                /* where they listen, for the log */
    push_listener_t *metrics_listener; /* NULL: none */
    push_pulse_t *pulse;               /* of the watchdog */
    const char *sending; /* how a frame for many goes out, for the log */
    push_relay_conf_t relay;
    push_retention_conf_t retention;
    push_indexer_conf_t indexer;
    push_readers_conf_t readers;
    push_due_conf_t due;
    push_chore_t *chores[4]; /* of these: those there are */
    int nchores;
    int stuck; /* at the end: some of the threads that ask the database go on */
    push_reload_t reload;
    apr_pool_t *pool;
} process_t;

static int fail(const char *why)
{
    push_log(PUSH_LOG_ERROR, "%s", why);
    return 0;
}

static int usage(void)
{
    fputs("usage: chat-push [--config FILE]\n", stderr);
    return 0;
}

/* --- starting --- */

static int arguments(int argc, char **argv, const char **file)
{
    int i = 1;

    *file = NULL;
    /* Soketi's start script says `soketi start`. */
    if (i < argc && !strcmp(argv[i], "start")) {
        i++;
    }
    for (; i < argc; i++) {
        if (!strcmp(argv[i], "--config") && i + 1 < argc) {
            *file = argv[++i];
        }
        else if (!strncmp(argv[i], "--config=", 9)) {
            *file = argv[i] + 9;
        }
        else {
            return usage();
        }
    }
    return 1;
}

static int settings(process_t *m, const char *file)
{
    const char *why = NULL;
    int i;

    m->reload.file = file;
    m->reload.env = (const char *const *)environ;
    m->reload.conf = &m->conf;
    m->reload.clients = &m->clients;
    m->reload.pool = m->pool;
    m->reload.log = push_log_report;
    if (push_conf_load(&m->conf, file, m->reload.env, &why, m->pool) !=
        APR_SUCCESS) {
        return fail(why);
    }
    push_log_setup((push_log_style_t)m->conf.log_style,
                   (push_log_level_t)m->conf.log_level,
                   (apr_uint32_t)m->conf.log_most);
    for (i = 0; m->conf.warnings[i] != NULL; i++) {
        push_log(PUSH_LOG_WARNING, "%s", m->conf.warnings[i]);
    }
    push_held_tell(push_log_report);
    return 1;
}

/* As many descriptors as we may have. @return how many these are */
static apr_uint64_t descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

static int failed(process_t *m, apr_status_t rv, const char *what)
{
    char text[120];

    return fail(apr_psprintf(m->pool, "%s: %s", what,
                             apr_strerror(rv, text, sizeof(text))));
}

/* Frames for many in batches, if we may. */
static void batches_open(process_t *m)
{
    apr_status_t rv = m->conf.uring ? APR_SUCCESS : APR_ENOTIMPL;
    char text[120];
    int i;

    for (i = 0; rv == APR_SUCCESS && i < push_server.nloops; i++) {
        rv = push_conns_batch_open(m->conns[i], m->pool);
    }
    if (rv == APR_SUCCESS) {
        m->sending = "sending through io_uring";
    }
    else if (!m->conf.uring) {
        m->sending = "sending without io_uring";
    }
    else {
        m->sending = apr_psprintf(m->pool, "sending without io_uring (%s)",
                                  apr_strerror(rv, text, sizeof(text)));
    }
}

static int loops_create(process_t *m)
{
    int n = m->conf.loops;
    apr_status_t rv;
    int i;

    if (n == 0) {
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
        n = n < 1 ? 1 : n;
    }
    m->loops = apr_pcalloc(m->pool, (apr_size_t)n * sizeof(*m->loops));
    m->conns = apr_pcalloc(m->pool, (apr_size_t)n * sizeof(*m->conns));
    m->threads = apr_pcalloc(m->pool, (apr_size_t)n * sizeof(*m->threads));
    push_server_protocol(&m->clients, &m->conf);
    for (i = 0; i < n; i++) {
        rv = push_loop_create(&m->loops[i], i, m->pool);
        if (rv == APR_SUCCESS) {
            rv = push_conns_create(&m->conns[i], m->loops[i], &m->clients,
                                   m->pool);
        }
        if (rv != APR_SUCCESS) {
            return failed(m, rv, "an event loop cannot be made");
        }
    }
    push_server.loops = m->loops;
    push_server.conns = m->conns;
    push_server.nloops = n;
    push_server.rounds = push_rounds_create(m->loops, m->conns, n, m->pool);
    batches_open(m);
    return 1;
}

static int server_create(process_t *m)
{
    const push_conf_t *conf = &m->conf;
    apr_status_t rv;
    int i;

    push_server.conf = conf;
    push_server.identities = conf->database_url != NULL;
    for (i = 0; i < conf->apps.n; i++) {
        push_server.identities |= conf->apps.list[i].auth_endpoint != NULL;
    }
    rv = push_apps_create(&push_server.apps, &conf->apps, push_server.nloops,
                          m->pool);
    if (rv != APR_SUCCESS) {
        return failed(m, rv, "HMAC-SHA256 is not to be had");
    }
    rv = push_hubs_create(&push_server.hubs, m->loops, push_server.nloops,
                          (apr_uint32_t)conf->cache_ttl, push_server.identities,
                          m->pool);
    if (rv == APR_SUCCESS) {
        rv = push_server_prepare();
    }
    return rv == APR_SUCCESS ? 1 : failed(m, rv, "random numbers");
}

/* Listeners are open and keys are read; all files made from here on belong to
 * the user. */
static int privilege_drop(process_t *m)
{
    const char *const paths[] = { m->conf.unix_path, m->conf.handoff_path };
    const char *why = NULL;

    return push_privilege_drop(m->conf.user, m->conf.group, paths, 2, &why,
                               m->pool) == APR_SUCCESS
               ? 1
               : fail(why);
}

static apr_status_t departed_end(void *data)
{
    push_departed_destroy(data);
    return APR_SUCCESS;
}

/* A table of departures for each loop, before news of any can come. */
static int departed_create(process_t *m)
{
    int i;

    push_server.departed = apr_pcalloc(m->pool,
                                       sizeof(*push_server.departed) *
                                           (apr_size_t)push_server.nloops);
    for (i = 0; i < push_server.nloops; i++) {
        if (push_departed_init(&push_server.departed[i]) != APR_SUCCESS) {
            return fail("no random bytes");
        }
        apr_pool_cleanup_register(m->pool, &push_server.departed[i],
                                  departed_end, apr_pool_cleanup_null);
    }
    return 1;
}

/* What lies encrypted in the log. @return 0: said already */
static int opener_create(process_t *m)
{
    push_opener_t *opener;
    const char *why = NULL;

    if (m->conf.database_keys == NULL) {
        return 1;
    }
    if (push_opener_create(&opener, m->conf.database_url,
                           m->conf.database_keys, push_log_report, &why,
                           m->pool) != APR_SUCCESS) {
        return fail(why);
    }
    m->relay.open = push_opener_open;
    m->relay.open_baton = opener;
    return 1;
}

/* The log's app, its place and what was missed: before a loop runs, so before
 * anybody is let in. */
static int relay_create(process_t *m)
{
    const push_conf_t *conf = &m->conf;
    const char *why = NULL;

    if (conf->database_url == NULL) {
        return 1;
    }
    m->relay.database = conf->database_url;
    m->relay.wake = conf->database_wake;
    m->relay.state = conf->database_state;
    m->relay.poll_ms = (apr_uint32_t)conf->poll_ms;
    m->relay.replay_seconds = (apr_uint32_t)conf->replay_seconds;
    m->relay.hubs = push_server.hubs;
    m->relay.app = conf->database_app
                       ? push_app_by_id(push_server.apps, conf->database_app,
                                        strlen(conf->database_app))
                       : push_apps_at(push_server.apps, 0);
    m->reload.log_app = m->relay.app;
    push_server.chat = m->relay.app;
    m->relay.loops = m->loops;
    m->relay.nloops = push_server.nloops;
    m->relay.session = push_person_until;
    m->relay.member = push_removal;
    m->relay.log = push_log_report;
    if (!departed_create(m) || !opener_create(m)) {
        return 0;
    }
    if (push_relay_create(&push_server.relay, &m->relay, &why, m->pool) !=
        APR_SUCCESS) {
        return fail(why);
    }
    push_relay_backlog(push_server.relay);
    return 1;
}

static apr_int64_t relayed_upto(void *relay)
{
    push_relay_counters_t counters;

    push_relay_counters(relay, &counters);
    return counters.needless;
}

static apr_status_t chore_keep(process_t *m, apr_status_t rv,
                               push_chore_t *chore)
{
    if (rv == APR_SUCCESS) {
        m->chores[m->nchores++] = chore;
    }
    return rv;
}

/* Also where everything is kept: other settings may end that. */
static apr_status_t retention_create(process_t *m, const char **why)
{
    apr_status_t rv;

    m->retention.database = m->conf.database_url;
    m->retention.upto = relayed_upto;
    m->retention.baton = push_server.relay;
    m->retention.log = push_log_report;
    rv = push_retention_create(&push_server.retention, &m->retention,
                               m->conf.retention_seconds, why, m->pool);
    return chore_keep(m, rv, push_retention_chore(push_server.retention));
}

static apr_status_t indexer_create(process_t *m, const char **why)
{
    apr_status_t rv;

    m->indexer.database = m->conf.database_url;
    m->indexer.log = push_log_report;
    rv = push_indexer_create(&push_server.indexer, &m->indexer, why, m->pool);
    return chore_keep(m, rv, push_indexer_chore(push_server.indexer));
}

static apr_status_t readers_create(process_t *m, const char **why)
{
    apr_status_t rv;

    m->readers.database = m->conf.database_url;
    m->readers.log = push_log_report;
    rv = push_readers_create(&push_server.readers, &m->readers, why, m->pool);
    return chore_keep(m, rv, push_readers_chore(push_server.readers));
}

static apr_status_t due_create(process_t *m, const char **why)
{
    const push_conf_t *conf = &m->conf;
    apr_status_t rv;

    if (conf->plans_every == 0) {
        return APR_SUCCESS;
    }
    m->due.database = conf->database_url;
    m->due.every_seconds = conf->plans_every;
    m->due.reminder_seconds = conf->plans_reminder;
    m->due.reminders = conf->plans_reminders;
    m->due.log = push_log_report;
    rv = push_due_create(&push_server.due, &m->due, why, m->pool);
    return chore_keep(m, rv, push_due_chore(push_server.due));
}

static int chores_create(process_t *m)
{
    const char *why = NULL;

    if (push_server.relay == NULL) {
        return 1;
    }
    return retention_create(m, &why) == APR_SUCCESS &&
                   indexer_create(m, &why) == APR_SUCCESS &&
                   readers_create(m, &why) == APR_SUCCESS &&
                   due_create(m, &why) == APR_SUCCESS
               ? 1
               : fail(why);
}

static int chores_start(process_t *m)
{
    int i;

    for (i = 0; i < m->nchores; i++) {
        if (push_chore_start(m->chores[i]) != APR_SUCCESS) {
            return fail(apr_pstrcat(m->pool, "the thread of ",
                                    push_chore_name(m->chores[i]),
                                    " cannot be started", NULL));
        }
    }
    return 1;
}

/* Who httpd says is logged in, by whatever way, is a user of this database. */
static int membership_create(process_t *m)
{
    const char *why = NULL;

    if (push_server.relay == NULL) {
        return 1;
    }
    return push_membership_create(&push_server.membership,
                                  m->conf.database_url, push_log_report, &why,
                                  m->pool) == APR_SUCCESS
               ? 1
               : fail(why);
}

/* Who else may be let in is for the apps' auth endpoints to say. */
static int endpoint_create(process_t *m)
{
    apr_status_t rv;

    if (!push_server.identities) {
        return 1;
    }
    rv = push_endpoint_create(&push_server.endpoint, push_log_report, m->pool);
    return rv == APR_SUCCESS ? 1 : failed(m, rv, "auth endpoints");
}

static int webhooks_create(process_t *m)
{
    push_webhooks_conf_t settings;
    apr_status_t rv;
    int i;

    if (!push_webhooks_wanted(&m->conf.apps)) {
        return 1;
    }
    push_webhooks_settings(&settings, &m->conf, push_log_report);
    rv = push_webhooks_create(&push_server.webhooks, &settings, m->pool);
    for (i = 0; i < push_apps_count(push_server.apps) && rv == APR_SUCCESS;
         i++) {
        push_app_t *app = push_apps_at(push_server.apps, i);

        rv = push_webhooks_change(push_server.webhooks, app, app->conf);
    }
    return rv == APR_SUCCESS ? 1 : failed(m, rv, "webhooks");
}

static int canary_create(process_t *m)
{
    apr_status_t rv;

    if (m->conf.canary_ms == 0) {
        return 1;
    }
    rv = push_canary_create(&push_server.canary, m->loops, push_server.nloops,
                            &m->clients, (apr_uint32_t)m->conf.canary_ms,
                            m->pool);
    return rv == APR_SUCCESS ? 1 : failed(m, rv, "the canary");
}

/* Nobody asked for metrics by name: a taken port is then no reason not to
 * start. */
static int metrics_listen(process_t *m)
{
    const char *why = NULL;
    push_conns_t *conns;
    apr_status_t rv;

    if (m->conf.metrics_enabled == 0) {
        return 1;
    }
    push_metrics_protocol(&m->metrics);
    rv = push_conns_create(&conns, m->loops[0], &m->metrics, m->pool);
    if (rv != APR_SUCCESS) {
        return failed(m, rv, "metrics");
    }
    rv = push_listener_open(&m->metrics_listener, &conns, 1,
                            m->conf.metrics_host, m->conf.metrics_port, &why,
                            m->pool);
    if (rv == APR_SUCCESS) {
        return 1;
    }
    m->metrics_listener = NULL;
    if (m->conf.metrics_enabled < 0) {
        push_log(PUSH_LOG_WARNING, "no metrics: %s", why);
        return 1;
    }
    return fail(why);
}

/* Certificate and key come before any socket: where they cannot be had nobody
 * is let in. */
static int tls_create(process_t *m)
{
    const push_tls_files_t files = { .cert = m->conf.tls_cert,
                                     .key = m->conf.tls_key,
                                     .passphrase = m->conf.tls_pass,
                                     .ca = m->conf.tls_ca };
    const char *why = NULL;

    if (files.cert == NULL) {
        return 1;
    }
    return push_tls_create(&m->reload.tls, &files, &why, m->pool) == APR_SUCCESS
               ? 1
               : fail(why);
}

static void listener_add(process_t *m, push_listener_t *l, const char *place)
{
    m->listeners[m->nlisteners++] = l;
    m->places = m->places == NULL
                    ? place
                    : apr_pstrcat(m->pool, m->places, " and ", place, NULL);
}

/* @param tls  NULL: plain */
static int port_listen(process_t *m, int port, push_tls_t *tls)
{
    const char *why = NULL;
    push_listener_t *l;

    if (port < 0) {
        return 1;
    }
    if (push_listener_open(&l, m->conns, push_server.nloops, m->conf.host, port,
                           &why, m->pool) != APR_SUCCESS) {
        return fail(why);
    }
    push_listener_secure(l, tls);
    port = push_listener_port(l);
    if (push_server.port == 0) {
        push_server.port = port;
    }
    listener_add(m, l,
                 apr_psprintf(m->pool, "%s:%d%s", m->conf.host, port,
                              tls != NULL ? " (TLS)" : ""));
    return 1;
}

static int path_listen(process_t *m)
{
    const char *path = m->conf.unix_path;
    const char *why = NULL;
    push_listener_t *l;

    if (path == NULL) {
        return 1;
    }
    if (push_listener_open_path(&l, m->conns, push_server.nloops, path,
                                m->conf.unix_mode, &why,
                                m->pool) != APR_SUCCESS) {
        return fail(why);
    }
    listener_add(m, l, apr_pstrcat(m->pool, "unix:", path, NULL));
    return 1;
}

/* The door through httpd. */
static int handoff_listen(process_t *m)
{
    const char *path = m->conf.handoff_path;
    const char *why = NULL;

    if (path == NULL) {
        return 1;
    }
    if (push_adopt_open(&m->adopt, m->conns, push_server.nloops, path,
                        m->conf.handoff_mode, push_log_report, &why,
                        m->pool) != APR_SUCCESS) {
        return fail(why);
    }
    push_adopt_on_note(m->adopt, push_noted);
    m->places = apr_pstrcat(m->pool, m->places, " and handoff:", path, NULL);
    return 1;
}

static int listen_all(process_t *m)
{
    push_tls_t *on_port;

    if (!tls_create(m)) {
        return 0;
    }
    on_port = m->conf.tls_port < 0 ? m->reload.tls : NULL;
    return port_listen(m, m->conf.port, on_port) &&
           port_listen(m, m->conf.tls_port, m->reload.tls) && path_listen(m) &&
           handoff_listen(m) && metrics_listen(m);
}

static void *run_loop(void *loop)
{
    push_loop_run(loop);
    return NULL;
}

static int threads_start(process_t *m)
{
    int i, rc;

    for (i = 0; i < push_server.nloops; i++) {
        rc = pthread_create(&m->threads[i], NULL, run_loop, m->loops[i]);
        if (rc != 0) {
            return failed(m, rc, "a thread cannot be started");
        }
    }
    if (push_server.relay != NULL &&
        push_relay_start(push_server.relay) != APR_SUCCESS) {
        return fail("the relay's thread cannot be started");
    }
    if (!chores_start(m)) {
        return 0;
    }
    if (push_server.membership != NULL &&
        push_membership_start(push_server.membership) != APR_SUCCESS) {
        return fail("the thread of memberships cannot be started");
    }
    if (push_server.endpoint != NULL &&
        push_endpoint_start(push_server.endpoint) != APR_SUCCESS) {
        return fail("the thread of auth endpoints cannot be started");
    }
    if (push_server.webhooks != NULL &&
        push_webhooks_start(push_server.webhooks) != APR_SUCCESS) {
        return fail("the webhooks' thread cannot be started");
    }
    if (push_server.canary != NULL &&
        push_canary_start(push_server.canary) != APR_SUCCESS) {
        return fail("the canary's thread cannot be started");
    }
    return 1;
}

static void announce(const process_t *m, apr_uint64_t files)
{
    const char *metrics = "";

    if (m->metrics_listener != NULL) {
        metrics = apr_psprintf(m->pool, ", metrics on http://%s:%d/metrics",
                               m->conf.metrics_host,
                               push_listener_port(m->metrics_listener));
    }
    push_log(PUSH_LOG_INFO,
             "listening on %s%s%s with %d %s and %d %s, at most "
             "%" APR_UINT64_T_FMT " open files%s%s, %s",
             m->places, *m->conf.path_prefix ? " below " : "",
             m->conf.path_prefix, push_server.nloops,
             push_server.nloops == 1 ? "loop" : "loops", m->conf.apps.n,
             m->conf.apps.n == 1 ? "app" : "apps", files, metrics,
             push_server.relay ? ", relaying the event log" : "",
             m->sending);
}

/* --- ending --- */

/* Signals are taken by the main thread, waiting for them; threads started
 * later inherit the mask. */
static void signals_block(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
}

/* The next signal. While it is waited for the watchdog is fed, four times in
 * its time, as long as every loop turns. */
static int signal_next(process_t *m, const sigset_t *set)
{
    const apr_uint32_t ms = push_notify_watchdog() / 4;
    const struct timespec wait = { ms / 1000, (ms % 1000) * 1000000L };
    int hanging;
    int sig;

    for (;;) {
        sig = sigtimedwait(set, NULL, ms > 0 ? &wait : NULL);
        if (sig > 0) {
            return sig;
        }
        hanging = ms > 0 ? push_pulse_beat(m->pulse) : -1;
        if (hanging >= 0) {
            push_log(PUSH_LOG_WARNING, "loop %d does not turn", hanging);
        }
        else if (ms > 0) {
            push_notify("WATCHDOG=1");
        }
    }
}

/* @return the signal that ends it */
static int wait_for_end(process_t *m, const sigset_t *set)
{
    int sig;

    while ((sig = signal_next(m, set)) == SIGHUP) {
        push_notify_reloading();
        push_reload(&m->reload);
        push_notify("READY=1");
    }
    return sig;
}

/* Whether somebody has lost patience: another SIGTERM or SIGINT within ms. */
static int hurried(const sigset_t *set, int ms)
{
    const struct timespec wait = { ms / 1000, (ms % 1000) * 1000000L };
    int sig = sigtimedwait(set, NULL, &wait);

    return sig == SIGTERM || sig == SIGINT;
}

static apr_uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000 + (apr_uint64_t)ts.tv_nsec / 1000000;
}

/* Send the clients away and let them answer their close frames.
 * @return 0 when that was cut short */
static int drain(process_t *m, const sigset_t *set, int again)
{
    /* Who waits for the next process is not spared by going early. */
    const apr_uint32_t whole = again ? 0 : (apr_uint32_t)m->conf.drain_ms;
    const apr_uint32_t most = whole + (apr_uint32_t)m->conf.shutdown_grace;
    const apr_uint64_t begun = now_ms();
    apr_uint32_t passed = 0;
    push_drain_t *d;

    push_drain_begin(&d, m->conns, push_server.nloops, whole, m->pool);
    do {
        push_drain_step(d, passed);
        if (hurried(set, PUSH_DRAIN_STEP)) {
            return 0;
        }
        passed = (apr_uint32_t)(now_ms() - begun);
    } while (!push_drain_done(d) && passed < most);
    return 1;
}

/* The end of the threads that ask the database; it may be left behind. */
typedef struct {
    const process_t *m;
    pthread_mutex_t lock; /* of done */
    pthread_cond_t changed;
    int done;
} asking_t;

static void *asking_end(void *baton)
{
    asking_t *asking = baton;

    if (push_server.relay != NULL) {
        push_relay_stop(push_server.relay);
    }
    if (push_server.membership != NULL) {
        push_membership_stop(push_server.membership);
    }
    push_chores_stop(asking->m->chores, asking->m->nchores);
    pthread_mutex_lock(&asking->lock);
    asking->done = 1;
    pthread_cond_signal(&asking->changed);
    pthread_mutex_unlock(&asking->lock);
    return NULL;
}

static int asking_wait(asking_t *asking)
{
    struct timespec until;
    int rc = 0, done;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ASKING_SECONDS;
    pthread_mutex_lock(&asking->lock);
    while (!asking->done && rc == 0) {
        rc = pthread_cond_timedwait(&asking->changed, &asking->lock, &until);
    }
    done = asking->done;
    pthread_mutex_unlock(&asking->lock);
    return done;
}

/* End the threads that ask the database. Each does so with its statement, whose
 * answer may never come from a server that hangs: the clients shall not wait for
 * that, nor the next process. Sets m->stuck when they have not ended in time. */
static void asking_stop(process_t *m)
{
    asking_t *asking = apr_pcalloc(m->pool, sizeof(*asking));
    pthread_condattr_t attr;
    pthread_t ending;

    asking->m = m;
    pthread_mutex_init(&asking->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&asking->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (push_server.relay == NULL ||
        pthread_create(&ending, NULL, asking_end, asking) != 0) {
        asking_end(asking);
    }
    else if (asking_wait(asking)) {
        pthread_join(ending, NULL);
    }
    else {
        m->stuck = 1;
        push_log(PUSH_LOG_WARNING,
                 "the database does not answer: ending without it");
    }
}

/* @param again  the next process is made of this one
 * @return 0 when somebody had no patience */
static int end(process_t *m, const sigset_t *set, int again)
{
    int patient;
    int i;

    push_log(PUSH_LOG_INFO, again ? "closing, to start again" : "closing");
    if (again) {
        push_notify_reloading();
        push_held_prepare();
    }
    else {
        push_notify("STOPPING=1\nSTATUS=Sending clients away");
    }
    push_server_close();
    for (i = 0; i < m->nlisteners; i++) {
        push_listener_close(m->listeners[i]);
    }
    if (m->adopt != NULL) {
        push_adopt_close(m->adopt);
    }
    if (again && m->metrics_listener != NULL) {
        push_listener_close(m->metrics_listener); /* the next one answers */
        push_listener_closed(m->metrics_listener);
        m->metrics_listener = NULL;
    }
    /* Whoever is sent away comes back at once: to the next process, and to no
     * loop that has not heard yet that this one ends. */
    for (i = 0; i < m->nlisteners; i++) {
        push_listener_closed(m->listeners[i]);
    }
    if (push_server.canary != NULL) {
        push_canary_stop(push_server.canary);
    }
    asking_stop(m);
    if (push_server.endpoint != NULL) {
        push_endpoint_stop(push_server.endpoint);
    }
    patient = drain(m, set, again);
    if (m->metrics_listener != NULL) {
        push_listener_close(m->metrics_listener);
    }
    for (i = 0; i < push_server.nloops; i++) {
        push_loop_stop(m->loops[i]);
    }
    for (i = 0; i < push_server.nloops; i++) {
        pthread_join(m->threads[i], NULL);
    }
    if (push_server.webhooks != NULL) {
        push_webhooks_stop(push_server.webhooks,
                           patient ? m->conf.shutdown_grace : 0);
    }
    return patient;
}

int main(int argc, char **argv)
{
    static process_t m;
    const char *file;
    apr_uint64_t files;
    sigset_t set;
    int again;

    if (!arguments(argc, argv, &file)) {
        return 1;
    }
    apr_initialize();
    push_held_begin();
    apr_pool_create(&m.pool, NULL);
    signals_block(&set);
    files = descriptors();
    if (!settings(&m, file) || !loops_create(&m) || !server_create(&m) ||
        !webhooks_create(&m) || !canary_create(&m) || !listen_all(&m) ||
        !privilege_drop(&m) || !relay_create(&m) || !chores_create(&m) ||
        !membership_create(&m) ||
        !endpoint_create(&m)) {
        apr_pool_destroy(m.pool); /* and with it the wake-up socket's name */
        return 1;
    }
    push_held_rest(push_log_report);
    if (!threads_start(&m)) {
        return 1;
    }
    announce(&m, files);
    push_pulse_create(&m.pulse, m.loops, push_server.nloops, m.pool);
    push_notify("READY=1\nSTATUS=Listening");
    again = wait_for_end(&m, &set) == SIGUSR2;
    again = end(&m, &set, again) && again; /* SIGTERM meanwhile means it */
    if (!m.stuck) {
        apr_pool_destroy(m.pool);
    }
    if (again) {
        push_log(PUSH_LOG_ERROR, "cannot start again as %s: %s", argv[0],
                 strerror(push_held_exec(argv)));
        return 1;
    }
    push_log(PUSH_LOG_INFO, "closed");
    if (m.stuck) {
        _exit(0); /* threads still use what would be given back */
    }
    apr_terminate();
    return 0;
}
