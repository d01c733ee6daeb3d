/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail.c - chatctl tail: the event log as it grows.
 *
 * Only reads. Events of different conversations can become visible out of the
 * order of their ids, so ids that are missing are remembered for a while and
 * printed when they come. What people wrote is left out unless it is asked for.
 */
#include "options.h"

#include <apr_strings.h>
#include <apr_time.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND "tail"
#define LOOK apr_time_from_msec(200) /* between two looks */
#define GAPS 4096                    /* ids that are remembered as missing */
#define GAP_AGE apr_time_from_sec(60)

static const char help[] =
    "usage: chatctl tail [OPTION...] (--database TARGET | --config FILE)\n"
    "\n"
    "Print events as they pass, a JSON object a line: id, event, "
    "conversation_id,\n"
    "channels, created_at. Ends by a signal.\n"
    "\n"
    "  --since ID         begin behind this event; 0: all that are kept; else "
    "with\n"
    "                     those to come\n"
    "  --conversation ID  only of this one\n"
    "  --event NAME       only of this name\n"
    "  --data             with the events' data: what people wrote is in it\n"
    "  --count N          end after so many\n"
    "  --timeout TIME     end after so long: 90s, 15m …\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://…\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             as without it: all of it is JSON\n"
    "\n"
    "Exit status: 0 ended by --count or a signal, 1 failed or --timeout came "
    "first,\n"
    "2 wrong arguments.\n";

/* An id below the newest one that has not been seen. */
typedef struct {
    apr_int64_t id;
    apr_time_t since;
} gap_t;

typedef struct {
    ctl_target_t given;
    const char *since, *conversation, *event, *count, *timeout;
    int data;
    chat_db_t *db;
    apr_int64_t last; /* the highest id seen */
    apr_int64_t left; /* events to print; -1: no end */
    apr_time_t until; /* 0: no end */
    gap_t gaps[GAPS]; /* ngaps of them, by id */
    int ngaps;
} tail_t;

static volatile sig_atomic_t ended;

static void on_signal(int signum)
{
    (void)signum;
    ended = 1;
}

/* --- gaps --- */

/* All ids between the last one and this one may still come. A filter hides
 * other events: then nothing is known to be missing, so nothing is waited for.
 */
static void gaps_note(tail_t *t, apr_int64_t id)
{
    apr_int64_t from = t->last + 1;

    if (id - from > GAPS) {
        from = id - GAPS;
    }
    for (; from < id && t->ngaps < GAPS; from++) {
        t->gaps[t->ngaps++] = (gap_t){ from, apr_time_now() };
    }
}

static void gaps_forget(tail_t *t, apr_int64_t id)
{
    apr_time_t old = apr_time_now() - GAP_AGE;
    int n = 0;

    for (int i = 0; i < t->ngaps; i++) {
        if (t->gaps[i].id != id && t->gaps[i].since > old) {
            t->gaps[n++] = t->gaps[i];
        }
    }
    t->ngaps = n;
}

static int is_gap(const tail_t *t, apr_int64_t id)
{
    for (int i = 0; i < t->ngaps; i++) {
        if (t->gaps[i].id == id) {
            return 1;
        }
    }
    return 0;
}

/* --- events --- */

static void event_say(const tail_t *t, const chat_db_result_t *res, int row)
{
    json_t *said = json_pack("{s:I, s:o, s:o, s:o, s:o}", "id",
                             (json_int_t)chat_db_get_int(res, row, 0, 0),
                             "event", ctl_json_text(res, row, 1),
                             "conversation_id", ctl_json_field(res, row, 2),
                             "channels", ctl_json_field(res, row, 3),
                             "created_at", ctl_json_text(res, row, 4));

    if (t->data) {
        json_object_set_new(said, "data", ctl_json_field(res, row, 5));
    }
    ctl_json_line(said);
}

/* @return whether it is one to print */
static int event_take(tail_t *t, apr_int64_t id)
{
    if (id > t->last) {
        gaps_note(t, id);
        t->last = id;
        return 1;
    }
    if (is_gap(t, id)) {
        gaps_forget(t, id);
        return 1;
    }
    return 0;
}

/* One look at the log. @param n  rows there were */
static int look(tail_t *t, apr_int64_t *from, int *n, apr_pool_t *p)
{
    chat_db_value_t args[] = { chat_db_int(*from),
                               chat_db_text(t->conversation),
                               chat_db_text(t->event) };
    chat_db_result_t *res;
    int status = ctl_query(&res, t->db, "ctl_tail", args, 3, p);

    *n = status == CTL_OK ? chat_db_rows(res) : 0;
    for (int i = 0; i < *n && t->left != 0; i++) {
        *from = chat_db_get_int(res, i, 0, 0);
        if (event_take(t, *from)) {
            event_say(t, res, i);
            t->left -= t->left > 0;
        }
    }
    return status;
}

/* From the oldest id that is missing to the log's end. */
static int look_all(tail_t *t, apr_pool_t *p)
{
    apr_int64_t from;
    int status, n;

    gaps_forget(t, -1);
    from = t->ngaps > 0 ? t->gaps[0].id - 1 : t->last;
    do {
        apr_pool_t *page;

        apr_pool_create(&page, p);
        status = look(t, &from, &n, page);
        apr_pool_destroy(page);
    } while (status == CTL_OK && n > 0 && t->left != 0 && !ended);
    /* A full disk must not look like a quiet log: main() says what it was. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        ended = 1;
    }
    return status;
}

static int follow(tail_t *t, apr_pool_t *p)
{
    int status = CTL_OK;

    while (!ended && t->left != 0) {
        status = look_all(t, p);
        if (status != CTL_OK || ended || t->left == 0) {
            break;
        }
        if (t->until != 0 && apr_time_now() >= t->until) {
            return ctl_fail("the time is over");
        }
        apr_sleep(LOOK);
    }
    return status;
}

/* --- the command --- */

static int begin(tail_t *t, apr_pool_t *p)
{
    chat_db_result_t *res;
    int status;

    if (t->since != NULL) {
        return CTL_OK;
    }
    status = ctl_query(&res, t->db, "ctl_tail_head", NULL, 0, p);
    t->last = status == CTL_OK ? chat_db_get_int(res, 0, 0, 0) : 0;
    return status;
}

static int limits(tail_t *t)
{
    apr_int64_t seconds = 0;
    int status = CTL_OK;

    t->left = -1;
    if (t->since != NULL && strcmp(t->since, "0") != 0 &&
        (strspn(t->since, "0123456789") != strlen(t->since) ||
         strlen(t->since) > 18)) {
        return ctl_usage(COMMAND, "--since is an event's id, not '%s'",
                         t->since);
    }
    t->last = t->since != NULL ? apr_atoi64(t->since) : 0;
    if (t->count != NULL) {
        status = ctl_number(&t->left, t->count, APR_INT64_MAX, COMMAND,
                            "--count");
    }
    if (status == CTL_OK && t->timeout != NULL) {
        status = ctl_seconds(&seconds, t->timeout, COMMAND, "timeout");
        t->until = apr_time_now() + apr_time_from_sec(seconds);
    }
    return status;
}

int ctl_tail(int argc, const char *const *argv, apr_pool_t *p)
{
    tail_t *t = apr_pcalloc(p, sizeof(*t));
    int json = 0;
    const ctl_opt_t opts[] = { { "since", &t->since, NULL, NULL },
                               { "conversation", &t->conversation, NULL, NULL },
                               { "event", &t->event, NULL, NULL },
                               { "data", NULL, &t->data, NULL },
                               { "json", NULL, &json, NULL },
                               { "count", &t->count, NULL, NULL },
                               { "timeout", &t->timeout, NULL, NULL },
                               { "database", &t->given.database, NULL, NULL },
                               { "config", &t->given.config, NULL, NULL },
                               { NULL, NULL, NULL, NULL } };
    ctl_words_t words;
    int done = 0, status;

    status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    if (words.n > 0) {
        return ctl_usage(COMMAND, "'%s' is one argument too many",
                         words.word[0]);
    }
    if ((status = limits(t)) != CTL_OK ||
        (status = ctl_open(&t->db, &t->given, COMMAND, p)) != CTL_OK ||
        (status = begin(t, p)) != CTL_OK) {
        return status;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    return follow(t, p);
}
