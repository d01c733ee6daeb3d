/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c - the relay's thread: look, publish, remember, wait. See relay.h.
 *
 * How the place becomes safe: behind the events of a batch one task, a fence,
 * goes to each loop. Tasks of one poster stay in order, so when the last fence
 * was run, every loop has handed the batch to its sockets or their queues, and
 * the id noted with the fence is written to the state file. One fence is under
 * way at a time; what is published meanwhile is covered by the next. Waiting
 * for the queues too would let one slow reader hold the place for all.
 *
 * The same fences keep the relay from running away from the loops: a database gives
 * events faster than a loop hands them to ten thousand sockets, and after a long
 * absence there may be a million. What is before the loops is AHEAD_MOST bytes and a
 * batch; the rest stays in the log. A loop that does not turn at all slows the
 * others down and does not stop them (PACE_MS).
 */
#include "relay.h"
#include "channel.h"
#include "json.h"
#include "tail.h"
#include "wake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#define POLL_MS 250          /* unless the configuration says otherwise */
#define BACK_OFF_MS 5000     /* between two tries when the database is away */
#define BACK_MS 20000        /* after a start: longest until clients are back */
#define BACKLOG_MOST 10000   /* events of an absence that are given out */
#define WOKEN_MS 100         /* least between two tries when woken */
#define GATHER_MS 4          /* least between two looks when woken */
#define STOP_WAIT_MS 1000    /* for the loops' last fence */
#define AHEAD_MOST (16 * 1024 * 1024) /* bytes of events the loops have not run */
#define PACE_MS 5000         /* longest wait for them before the next batch */
#define SCRATCH_KEPT 1048576 /* bytes the scratch pool keeps after a batch */

typedef struct {
    push_task_t task; /* first: the loop gives us this back */
    push_relay_t *relay;
} fence_t;

/* After a start: what some clients may still miss. */
typedef struct {
    int open;             /* 0: they are back, or their time is over */
    apr_int64_t from;     /* it begins behind this id */
    apr_uint32_t awaited; /* subscriptions they had */
    apr_uint64_t least;   /* monotonic milliseconds: open until then, however
                             many there are: some of them may be new */
    apr_uint64_t until;   /* likewise: given out no longer */
} gap_t;

struct push_relay_t {
    const push_relay_conf_t *conf;
    apr_pool_t *pool; /* what it was made in; main thread only */
    push_tail_t *tail;
    push_wake_t *wake;    /* NULL: no socket */
    apr_pool_t *scratch;  /* for one batch */
    apr_thread_t *thread; /* NULL: not started */
    int nudge;            /* eventfd: a fence was passed, or stop */
    int stopping;         /* atomic */
    apr_uint64_t looked;  /* monotonic milliseconds: the last look's end */

    /* The state file. */
    int state_fd;               /* -1: no file */
    int state_failing;          /* its last write failed, and that was said */
    push_relay_state_t written; /* what it holds */
    push_relay_place_t fenced;  /* the place it will hold after the fence */
    gap_t gap;
    fence_t *fences; /* one per loop */
    int fences_out;  /* atomic: not yet run; 0: none under way */
    apr_uint64_t sent;   /* bytes of events given to the loops, ever */
    apr_uint64_t before; /* of these, in front of the last fence */
    apr_uint64_t passed; /* of these, in front of the last one that was run */

    apr_uint32_t failing; /* looks that failed in a row */
    apr_uint64_t away;    /* monotonic milliseconds of the first of them */
    apr_uint64_t caught_up; /* atomic: monotonic milliseconds when it last was
                               at the log's end */
    push_relay_counters_t counters; /* atomic, each for itself */
};

/* --- small things --------------------------------------------------------- */

static apr_uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000 + (apr_uint64_t)ts.tv_nsec / 1000000;
}

static void say(const push_relay_t *relay, int trouble, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const push_relay_t *relay, int trouble, const char *format, ...)
{
    char line[600];
    va_list args;

    va_start(args, format);
    apr_vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    relay->conf->log(trouble, line);
}

static int stopping(const push_relay_t *relay)
{
    return __atomic_load_n(&relay->stopping, __ATOMIC_ACQUIRE);
}

static void count(apr_uint64_t *counter, apr_uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void nudge(push_relay_t *relay)
{
    /* It can fail only when the count is full, and then it is readable. */
    eventfd_write(relay->nudge, 1);
}

/* --- the state file ------------------------------------------------------- */

/* What the file says; an empty place when it says nothing. */
static push_relay_state_t state_read(push_relay_t *relay)
{
    push_relay_state_t state = { { "", 0 }, 0, 0 };
    char bytes[PUSH_RELAY_STATE_SIZE + 1]; /* one more, to see a longer file */
    ssize_t n = pread(relay->state_fd, bytes, sizeof(bytes), 0);

    if (n == 0) {
        return state; /* new */
    }
    if (n < 0 || !push_relay_state_parse(&state, bytes, (apr_size_t)n)) {
        say(relay, 1,
            "relay: %s is no state file: going on from the end of "
            "the event log",
            relay->conf->state);
    }
    return state;
}

static apr_status_t state_open(push_relay_t *relay, const char **why,
                               apr_pool_t *p)
{
    relay->state_fd = open(relay->conf->state,
                           O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (relay->state_fd < 0) {
        *why = apr_psprintf(p, "state file %s: %s", relay->conf->state,
                            strerror(errno));
        return APR_FROM_OS_ERROR(errno);
    }
    relay->written = state_read(relay);
    return APR_SUCCESS;
}

/* No fsync: the file shall survive our end, and after a power cut the clients
 * ask GET /chat/sync anyway. A write that fails is said once. */
static void state_write(push_relay_t *relay, const push_relay_state_t *state)
{
    char bytes[PUSH_RELAY_STATE_SIZE];
    ssize_t n;

    push_relay_state_format(bytes, state);
    n = pwrite(relay->state_fd, bytes, sizeof(bytes), 0);
    if (n == (ssize_t)sizeof(bytes)) {
        /* A file that was no state file may have been longer. */
        if (relay->written.at.epoch[0] == '\0' &&
            ftruncate(relay->state_fd, sizeof(bytes)) != 0) {
            n = -1;
        }
        relay->written = *state;
    }
    if (n != (ssize_t)sizeof(bytes) && !relay->state_failing) {
        say(relay, 1, "relay: cannot write %s: %s", relay->conf->state,
            n < 0 ? strerror(errno) : "the disk is full");
    }
    relay->state_failing = n != (ssize_t)sizeof(bytes);
}

static int same_place(const push_relay_place_t *a, const push_relay_place_t *b)
{
    return a->id == b->id && strcmp(a->epoch, b->epoch) == 0;
}

static void gap_begin(push_relay_t *relay)
{
    apr_uint32_t seconds = relay->conf->replay_seconds;

    relay->gap.open = seconds > 0;
    relay->gap.from = relay->written.from;
    relay->gap.awaited = relay->written.awaited;
    relay->gap.least = now_ms() + (seconds * 1000 / 6 < BACK_MS
                                       ? seconds * 1000 / 6
                                       : BACK_MS);
    relay->gap.until = now_ms() + ((apr_uint64_t)seconds + 1) * 1000;
}

/* What neither we nor a next start will read again: retention may have it. */
static void needless_note(push_relay_t *relay)
{
    const push_relay_place_t *at = push_tail_place(relay->tail);
    apr_int64_t id = at->id;

    if (relay->state_fd >= 0) {
        id = strcmp(relay->written.at.epoch, at->epoch) != 0 ? 0
             : relay->written.from < id ? relay->written.from
                                        : id;
    }
    __atomic_store_n(&relay->counters.needless, id, __ATOMIC_RELAXED);
}

/* Write that everything up to the last fence was relayed, and for whom that
 * does not hold yet. */
static void state_keep(push_relay_t *relay)
{
    apr_uint32_t here = push_hub_subscriptions(relay->conf->hubs);
    push_relay_state_t state = { relay->fenced, relay->fenced.id, here };
    gap_t *gap = &relay->gap;

    if ((here >= gap->awaited && now_ms() >= gap->least) ||
        now_ms() >= gap->until) {
        gap->open = 0;
    }
    if (gap->open && gap->from < state.from) {
        state.from = gap->from;
        state.awaited = gap->awaited;
    }
    if (!same_place(&state.at, &relay->written.at) ||
        state.from != relay->written.from ||
        state.awaited != relay->written.awaited) {
        state_write(relay, &state);
        needless_note(relay);
    }
}

/* --- fences --------------------------------------------------------------- */

static void fence_run(push_loop_t *loop, push_task_t *task)
{
    push_relay_t *relay = ((fence_t *)task)->relay;

    (void)loop;
    if (__atomic_sub_fetch(&relay->fences_out, 1, __ATOMIC_ACQ_REL) == 0) {
        nudge(relay);
    }
}

static void fences_post(push_relay_t *relay)
{
    int i;

    __atomic_store_n(&relay->fences_out, relay->conf->nloops, __ATOMIC_RELEASE);
    for (i = 0; i < relay->conf->nloops; i++) {
        push_loop_post(relay->conf->loops[i], &relay->fences[i].task);
    }
}

/* Write what the last fence made safe, if there is a file, and fence what came
 * since. Harmless at any time. @return whether everything relayed was run */
static int place_settle(push_relay_t *relay)
{
    const push_relay_place_t *at = push_tail_place(relay->tail);

    if (at->epoch[0] == '\0') {
        return 1;
    }
    if (__atomic_load_n(&relay->fences_out, __ATOMIC_ACQUIRE) > 0) {
        return 0;
    }
    relay->passed = relay->before;
    if (relay->fenced.epoch[0] != '\0' && relay->state_fd >= 0) {
        state_keep(relay);
    }
    if (same_place(&relay->fenced, at)) {
        return 1;
    }
    relay->fenced = *at;
    relay->before = relay->sent;
    fences_post(relay);
    return 0;
}

/* Let the loops come after, when they have too much before them. */
static void pace(push_relay_t *relay)
{
    struct pollfd fd = { relay->nudge, POLLIN, 0 };
    apr_uint64_t until = now_ms() + PACE_MS;
    apr_uint64_t now;
    eventfd_t n;

    while (relay->sent - relay->passed > AHEAD_MOST && !stopping(relay) &&
           !place_settle(relay) && (now = now_ms()) < until) {
        if (poll(&fd, 1, (int)(until - now)) > 0) {
            eventfd_read(relay->nudge, &n);
        }
    }
}

/* --- looking -------------------------------------------------------------- */

/* What a read did beside handing events over, for the log. */
static void batch_tell(const push_relay_t *relay,
                       const push_tail_batch_t *batch)
{
    const char *state = relay->conf->state != NULL ? relay->conf->state
                                                   : "the last place";

    if (batch->start == PUSH_RELAY_OTHER_LOG) {
        say(relay, 1,
            "relay: %s is of another event log: going on from the "
            "end of this one",
            state);
    }
    if (batch->start == PUSH_RELAY_BACKWARDS) {
        say(relay, 1,
            "relay: the event log is shorter than it was, an older "
            "database was put back: going on from its end");
    }
    if (batch->missed > 0) {
        say(relay, 1, "relay: %" APR_INT64_T_FMT " events %s", batch->missed,
            batch->start == PUSH_RELAY_SKIPPED
                ? "of a long absence are left out, clients find them by "
                  "GET /chat/sync"
                : "were removed from the log before they were relayed");
    }
    if (batch->given_up > 0) {
        say(relay, 1,
            "relay: the event log has too many holes beside a transaction that "
            "does not end: %" APR_INT64_T_FMT " ids are waited for no longer, "
            "their events may reach nobody",
            batch->given_up);
    }
    if (batch->unreadable > 0) {
        say(relay, 1,
            "relay: %d rows of chat_events up to id %" APR_INT64_T_FMT
            " are no events and were left out",
            batch->unreadable, push_tail_place(relay->tail)->id);
    }
}

static void batch_count(push_relay_t *relay, const push_tail_batch_t *batch)
{
    apr_int64_t at = push_tail_place(relay->tail)->id;
    apr_int64_t behind = push_tail_head(relay->tail) - at;

    count(&relay->counters.relayed, (apr_uint64_t)batch->events);
    count(&relay->counters.unreadable, (apr_uint64_t)batch->unreadable);
    __atomic_store_n(&relay->counters.last_id, at, __ATOMIC_RELAXED);
    needless_note(relay);
    __atomic_store_n(&relay->counters.behind, behind > 0 ? behind : 0,
                     __ATOMIC_RELAXED);
    if (behind <= 0) {
        __atomic_store_n(&relay->caught_up, now_ms(), __ATOMIC_RELAXED);
    }
}

/* Nothing was written since the last look: who was at the end is there yet. */
static void still_caught_up(push_relay_t *relay)
{
    if (__atomic_load_n(&relay->counters.behind, __ATOMIC_RELAXED) == 0) {
        __atomic_store_n(&relay->caught_up, now_ms(), __ATOMIC_RELAXED);
    }
}

/* One batch from the log through `fn`. @param more  set to "read again" */
static apr_status_t batch_read(push_relay_t *relay, apr_int64_t most,
                               push_tail_fn fn, int *more)
{
    push_tail_batch_t batch;
    apr_status_t rv;

    rv = push_tail_read(relay->tail, &batch, most, fn, relay, relay->scratch);
    batch_tell(relay, &batch);
    batch_count(relay, &batch);
    apr_pool_clear(relay->scratch);
    *more = batch.more;
    return rv;
}

/* Keep account of whether the database is there; each change is said once. */
static apr_status_t look_ended(push_relay_t *relay, apr_status_t rv)
{
    __atomic_store_n(&relay->counters.connected, rv == APR_SUCCESS,
                     __ATOMIC_RELAXED);
    if (rv != APR_SUCCESS) {
        count(&relay->counters.failures, 1);
        if (relay->failing++ == 0) {
            relay->away = now_ms();
            say(relay, 1, "relay: cannot read the event log, trying again: %s",
                push_tail_why(relay->tail));
        }
        return rv;
    }
    if (relay->failing > 0) {
        say(relay, 0,
            "relay: reading the event log again after %" APR_UINT64_T_FMT " s",
            (now_ms() - relay->away) / 1000);
        relay->failing = 0;
    }
    return APR_SUCCESS;
}

/* A log-in has another end. The row is the triggers' (sql/schema.*.sql). */
static void session_event(const push_relay_t *relay, const push_tail_event_t *e)
{
    json_t *data = chat_json_parse_pool(e->data, e->len, NULL, relay->scratch);
    const char *session = json_string_value(json_object_get(data, "session"));
    const json_t *until = json_object_get(data, "until");
    apr_int64_t at = json_is_integer(until) ? json_integer_value(until) : -1;

    if (session != NULL && until != NULL && relay->conf->session != NULL) {
        /* A negative number is a time before 1970. */
        relay->conf->session(session,
                             json_is_integer(until) && at < 0 ? 0 : at);
    }
}

/* Somebody is no member of a conversation any more. Likewise. */
static void member_event(const push_relay_t *relay, const push_tail_event_t *e)
{
    json_t *data = chat_json_parse_pool(e->data, e->len, NULL, relay->scratch);
    const json_t *user = json_object_get(data, "user_id");
    const char *conversation = json_string_value(
        json_object_get(data, "conversation_id"));

    if (conversation != NULL && relay->conf->member != NULL &&
        (json_is_null(user) || json_is_string(user))) {
        relay->conf->member(conversation, json_string_value(user));
    }
}

/* Whether an event is for us and no client. */
static int is_ours(const push_relay_t *relay, const push_tail_event_t *e)
{
    if (strcmp(e->event, PUSH_RELAY_SESSION) == 0) {
        session_event(relay, e);
        return 1;
    }
    if (strcmp(e->event, PUSH_RELAY_MEMBER) == 0) {
        member_event(relay, e);
        return 1;
    }
    return 0;
}

/* The other name of a conversation's channel. @return 0 when it has none */
static int legacy_name(char other[CHAT_CHANNEL_NAME_MAX + 1],
                       const char *channel)
{
    const char *id = chat_channel_id(channel, CHAT_CHANNEL_CONVERSATION);

    if (id == NULL) {
        return 0;
    }
    apr_snprintf(other, CHAT_CHANNEL_NAME_MAX + 1, CHAT_CHANNEL_CONSULTATION
                 "%s", id);
    return 1;
}

static void event_publish(void *baton, const push_tail_event_t *e)
{
    push_relay_t *relay = baton;
    char other[CHAT_CHANNEL_NAME_MAX + 1];
    int i;

    if (is_ours(relay, e)) {
        return;
    }
    for (i = 0; e->channels[i] != NULL; i++) {
        push_hub_event(relay->conf->hubs, relay->conf->app, e->channels[i],
                       e->event, e->data, e->len);
        relay->sent += e->len;
        if (legacy_name(other, e->channels[i]) &&
            push_hub_awaited(relay->conf->hubs, relay->conf->app, other)) {
            push_hub_event(relay->conf->hubs, relay->conf->app, other, e->event,
                           e->data, e->len);
        }
    }
}

/* Relay what is new. @param asked  read without asking for changes first */
static apr_status_t look(push_relay_t *relay, int asked)
{
    int more = asked;
    apr_status_t rv = APR_SUCCESS;

    if (!asked) {
        rv = push_tail_changed(relay->tail, &more);
        if (rv == APR_SUCCESS && !more) {
            still_caught_up(relay);
        }
    }
    while (rv == APR_SUCCESS && more && !stopping(relay)) {
        rv = batch_read(relay, -1, event_publish, &more);
        place_settle(relay);
        pace(relay);
    }
    relay->looked = now_ms();
    return look_ended(relay, rv);
}

/* --- the thread ----------------------------------------------------------- */

/* Milliseconds until the next look: the poll interval, doubled with each
 * failure in a row. */
static int wait_time(const push_relay_t *relay)
{
    apr_uint32_t poll_ms = relay->conf->poll_ms;
    apr_uint64_t ms = poll_ms > 0 ? poll_ms : POLL_MS;
    apr_uint32_t i;

    for (i = 1; i < relay->failing && ms < BACK_OFF_MS; i++) {
        ms *= 2;
    }
    if (relay->failing > 0 && ms > BACK_OFF_MS) {
        ms = BACK_OFF_MS > poll_ms ? BACK_OFF_MS : poll_ms;
    }
    return ms > APR_INT32_MAX ? APR_INT32_MAX : (int)ms;
}

/* Sleep until the next look is due, settling the place when a fence was passed.
 * Whoever wakes us has just written, so a database that was away is probably
 * back; but that is tried WOKEN_MS after the last failure at the earliest. And a
 * look takes in all that was written: with thousands of messages a second one
 * every GATHER_MS does, and who wakes us meanwhile is not listened to; the first
 * message after a while is looked for at once.
 * @return whether somebody asked for the look */
static int wait_for_news(push_relay_t *relay)
{
    struct pollfd fds[3] = { { relay->nudge, POLLIN, 0 },
                             { -1, POLLIN, 0 },
                             { push_tail_fd(relay->tail), POLLIN, 0 } };
    apr_uint64_t now = now_ms();
    apr_uint64_t until = now + (apr_uint64_t)wait_time(relay);
    apr_uint64_t early = relay->looked + GATHER_MS;
    int woken = 0;
    eventfd_t n;

    if (relay->failing > 0) {
        early = now + WOKEN_MS;
    }
    if (relay->wake != NULL) {
        fds[1].fd = push_wake_fd(relay->wake);
    }
    /* What came along with the last answer is not to be seen by poll(). */
    if (fds[2].fd >= 0 && push_tail_notified(relay->tail)) {
        woken = 1;
        until = early < until ? early : until;
        fds[1].fd = -1;
        fds[2].fd = -1;
    }
    for (; now < until && !stopping(relay); now = now_ms()) {
        if (poll(fds, 3, (int)(until - now)) <= 0) {
            continue;
        }
        if (fds[0].revents != 0) {
            eventfd_read(relay->nudge, &n);
            place_settle(relay);
        }
        if (fds[1].revents != 0 && push_wake_drain(relay->wake)) {
            count(&relay->counters.wakes, 1);
            woken = 1;
        }
        if (fds[2].revents != 0 && push_tail_notified(relay->tail)) {
            woken = 1;
        }
        if (woken) {
            until = early < until ? early : until;
            fds[1].fd = -1;
            fds[2].fd = -1;
        }
    }
    return woken;
}

static void *APR_THREAD_FUNC relay_run(apr_thread_t *thread, void *data)
{
    push_relay_t *relay = data;
    sigset_t all;
    int asked = 1; /* the first look asks nobody */

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stopping(relay)) {
        if (look(relay, asked) != APR_SUCCESS) {
            wait_for_news(relay);
            asked = 1; /* what changed meanwhile was not read */
            continue;
        }
        asked = wait_for_news(relay);
        place_settle(relay); /* clients have come and gone meanwhile */
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* Let the loops do what they were given, so that the next start repeats
 * nothing; for so long as somebody waits for our end. */
static void place_keep(push_relay_t *relay)
{
    struct pollfd fd = { relay->nudge, POLLIN, 0 };
    apr_uint64_t until = now_ms() + STOP_WAIT_MS;
    apr_uint64_t now;
    eventfd_t n;

    while (relay->state_fd >= 0 && !place_settle(relay) &&
           (now = now_ms()) < until) {
        if (poll(&fd, 1, (int)(until - now)) > 0) {
            eventfd_read(relay->nudge, &n);
        }
    }
}

/* --- for the main thread -------------------------------------------------- */

static apr_status_t relay_cleanup(void *data)
{
    push_relay_t *relay = data;

    push_relay_stop(relay);
    apr_pool_destroy(relay->scratch);
    if (relay->state_fd >= 0) {
        close(relay->state_fd);
    }
    if (relay->nudge >= 0) {
        close(relay->nudge);
    }
    return APR_SUCCESS;
}

/* The scratch pool has an allocator of its own: the relay's thread must not
 * meet the loops at the lock of the process's. */
static apr_status_t scratch_create(push_relay_t *relay)
{
    apr_allocator_t *allocator;
    apr_status_t rv;

    rv = apr_pool_create_unmanaged_ex(&relay->scratch, NULL, NULL);
    if (rv == APR_SUCCESS) {
        allocator = apr_pool_allocator_get(relay->scratch);
        apr_allocator_max_free_set(allocator, SCRATCH_KEPT);
    }
    return rv;
}

static void fences_create(push_relay_t *relay, apr_pool_t *p)
{
    int i;

    relay->fences = apr_pcalloc(p, sizeof(fence_t) *
                                       (apr_size_t)relay->conf->nloops);
    for (i = 0; i < relay->conf->nloops; i++) {
        relay->fences[i].task.run = fence_run;
        relay->fences[i].relay = relay;
    }
}

static apr_status_t parts_open(push_relay_t *relay, const char **why,
                               apr_pool_t *p)
{
    const push_relay_conf_t *conf = relay->conf;
    apr_status_t rv = APR_SUCCESS;

    relay->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (relay->nudge < 0) {
        *why = apr_psprintf(p, "eventfd: %s", strerror(errno));
        return APR_FROM_OS_ERROR(errno);
    }
    if (conf->wake != NULL) {
        rv = push_wake_open(&relay->wake, conf->wake, why, p);
    }
    if (rv == APR_SUCCESS && conf->state != NULL) {
        rv = state_open(relay, why, p);
    }
    if (rv == APR_SUCCESS) {
        rv = push_tail_create(&relay->tail, conf->database, &relay->written.at,
                              why, p);
    }
    if (rv == APR_SUCCESS) {
        push_tail_open_with(relay->tail, conf->open, conf->open_baton);
        push_tail_rewind(relay->tail, relay->written.from);
    }
    return rv;
}

apr_status_t push_relay_create(push_relay_t **out,
                               const push_relay_conf_t *conf, const char **why,
                               apr_pool_t *p)
{
    push_relay_t *relay = apr_pcalloc(p, sizeof(*relay));
    apr_status_t rv;

    relay->conf = conf;
    relay->pool = p;
    relay->nudge = -1;
    relay->state_fd = -1;
    relay->caught_up = now_ms();
    rv = scratch_create(relay);
    if (rv != APR_SUCCESS) {
        *why = "out of memory";
        return rv;
    }
    fences_create(relay, p);
    apr_pool_pre_cleanup_register(p, relay, relay_cleanup);
    rv = parts_open(relay, why, p);
    if (rv == APR_SUCCESS) {
        *out = relay;
    }
    return rv;
}

static void event_keep(void *baton, const push_tail_event_t *e)
{
    const push_relay_t *relay = baton;
    char other[CHAT_CHANNEL_NAME_MAX + 1];
    int i;

    if (is_ours(relay, e)) {
        return; /* a socket of it may have been on its way when we came */
    }
    for (i = 0; e->channels[i] != NULL; i++) {
        push_hub_backlog(relay->conf->hubs, relay->conf->app, e->channels[i],
                         e->event, e->data, e->len,
                         relay->conf->replay_seconds);
        if (legacy_name(other, e->channels[i])) {
            push_hub_backlog(relay->conf->hubs, relay->conf->app, other,
                             e->event, e->data, e->len,
                             relay->conf->replay_seconds);
        }
    }
}

void push_relay_backlog(push_relay_t *relay)
{
    apr_int64_t most = BACKLOG_MOST;
    apr_status_t rv;
    int more;

    /* Nobody can have been connected before the very first start. */
    if (relay->written.at.epoch[0] != '\0') {
        gap_begin(relay);
        push_hub_replay(relay->conf->hubs, relay->conf->replay_seconds);
    }
    do {
        rv = batch_read(relay, most, event_keep, &more);
        most = -1; /* the first read has left out what is too much */
    } while (rv == APR_SUCCESS && more);
    look_ended(relay, rv);
}

apr_status_t push_relay_start(push_relay_t *relay)
{
    return apr_thread_create(&relay->thread, NULL, relay_run, relay,
                             relay->pool);
}

void push_relay_stop(push_relay_t *relay)
{
    apr_status_t rv;

    if (relay->thread == NULL) {
        return;
    }
    __atomic_store_n(&relay->stopping, 1, __ATOMIC_RELEASE);
    nudge(relay);
    apr_thread_join(&rv, relay->thread);
    relay->thread = NULL;
    place_keep(relay);
}

void push_relay_counters(const push_relay_t *relay, push_relay_counters_t *out)
{
    const push_relay_counters_t *c = &relay->counters;

    out->relayed = __atomic_load_n(&c->relayed, __ATOMIC_RELAXED);
    out->unreadable = __atomic_load_n(&c->unreadable, __ATOMIC_RELAXED);
    out->wakes = __atomic_load_n(&c->wakes, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&c->failures, __ATOMIC_RELAXED);
    out->last_id = __atomic_load_n(&c->last_id, __ATOMIC_RELAXED);
    out->needless = __atomic_load_n(&c->needless, __ATOMIC_RELAXED);
    out->behind = __atomic_load_n(&c->behind, __ATOMIC_RELAXED);
    out->lag_ms = now_ms() -
                  __atomic_load_n(&relay->caught_up, __ATOMIC_RELAXED);
    out->connected = __atomic_load_n(&c->connected, __ATOMIC_RELAXED);
}
