/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c - chatctl hold: what a court or an authority wants kept.
 *
 * A conversation on hold keeps its content: purge passes it over, and erase
 * refuses. Placing and releasing are entries of the audit log.
 */
#include "wipe.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "hold"
#define WHY_MAX 2000 /* bytes of a reason */

static const char help[] =
    "usage: chatctl hold add|release|list [OPTION...]\n"
    "                    (--database TARGET | --config FILE)\n"
    "\n"
    "A conversation on legal hold keeps its content, whoever wants it removed.\n"
    "\n"
    "  --conversation ID  which\n"
    "  --why TEXT         add: the reason\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://...\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             print JSON objects, one a line\n"
    "\n"
    "Exit status: 0 done, 1 failed or there is none, 2 wrong arguments.\n";

typedef struct {
    ctl_target_t given;
    const char *conversation, *why;
    int json;
} hold_t;

/* Change one, and write that down, in one transaction. */
static int change(ctl_session_t *s, const hold_t *h, int add)
{
    char now[CHAT_AUDIT_TIME];
    chat_db_value_t id = ctl_id(h->conversation), args[4], less[3];
    chat_db_result_t *res = NULL, *there = NULL;
    const char *conversation;
    apr_status_t rv;

    chat_audit_time(now, apr_time_now());
    rv = ctl_session_run(&there, s, "care_exists", &id, 1);
    if (rv == CHAT_DB_EINPUT || (rv == APR_SUCCESS && chat_db_rows(there) == 0)) {
        return ctl_fail("there is no conversation %s", h->conversation);
    }
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    /* As the database writes it: who purges looks for that text. */
    conversation = chat_db_get(there, 0, 0);
    less[0] = args[0] = chat_db_text(conversation);
    args[1] = chat_db_text(h->why);
    less[1] = args[2] = chat_db_text(s->who);
    less[2] = args[3] = chat_db_text(now);
    rv = chat_db_begin(s->conn);
    if (rv == APR_SUCCESS) {
        rv = add ? ctl_session_run(&res, s, "care_hold", args, 4)
                 : ctl_session_run(&res, s, "care_release", less, 3);
    }
    if (rv == APR_SUCCESS && chat_db_rows(res) == 0) {
        chat_db_rollback(s->conn);
        return ctl_fail(add ? "conversation %s is on hold already"
                            : "conversation %s is not on hold",
                        conversation);
    }
    if (rv == APR_SUCCESS) {
        chat_audit_note(s->conn, s->who, add ? "hold.placed" : "hold.released",
                        conversation, "", s->rows);
        rv = chat_db_commit(s->conn);
    }
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    if (h->json) {
        ctl_json_line(json_pack("{s:s, s:s}", "conversation_id", conversation,
                                "status", add ? "on hold" : "released"));
    }
    else {
        ctl_say("conversation %s: %s", conversation,
                add ? "on hold" : "released");
    }
    return CTL_OK;
}

static int list(ctl_session_t *s, const hold_t *h)
{
    static const char *const names[] = { "conversation_id", "why",
                                         "placed_by",       "placed_at",
                                         "released_by",     "released_at" };
    chat_db_result_t *res;
    apr_status_t rv = ctl_session_run(&res, s, "care_holds", NULL, 0);

    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    for (int i = 0; i < chat_db_rows(res); i++) {
        json_t *one = json_object();

        for (int k = 0; k < 6; k++) {
            json_object_set_new(one, names[k], ctl_json_text(res, i, k));
        }
        if (h->json) {
            ctl_json_line(one);
            continue;
        }
        ctl_say("%s since %s: %s%s%s", chat_db_get(res, i, 0),
                chat_db_get(res, i, 3), chat_db_get(res, i, 1),
                chat_db_get(res, i, 5) != NULL ? ", released " : "",
                chat_db_get(res, i, 5) != NULL ? chat_db_get(res, i, 5) : "");
        json_decref(one);
    }
    return CTL_OK;
}

int ctl_hold(int argc, const char *const *argv, apr_pool_t *p)
{
    hold_t h = { .json = 0 };
    ctl_opt_t opts[] = { { "conversation", &h.conversation, NULL, "add,release" },
                         { "why", &h.why, NULL, "add" },
                         { "database", &h.given.database, NULL, NULL },
                         { "config", &h.given.config, NULL, NULL },
                         { "json", NULL, &h.json, NULL },
                         { NULL, NULL, NULL, NULL } };
    const char *verb;
    ctl_session_t s;
    ctl_words_t words;
    int done = 0;
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    verb = words.n == 1 ? words.word[0] : "";
    if (strcmp(verb, "list") != 0 && strcmp(verb, "add") != 0 &&
        strcmp(verb, "release") != 0) {
        return ctl_usage(COMMAND, "say add, release or list");
    }
    if (strcmp(verb, "list") != 0 && h.conversation == NULL) {
        return ctl_usage(COMMAND, "%s wants --conversation", verb);
    }
    if (strcmp(verb, "add") == 0 && h.why == NULL) {
        return ctl_usage(COMMAND, "add wants --why");
    }
    if (ctl_options_fit(opts, verb, COMMAND) != CTL_OK ||
        (h.why != NULL &&
         ctl_text(h.why, WHY_MAX, COMMAND, "--why") != CTL_OK)) {
        return CTL_USAGE;
    }
    status = ctl_session_open(&s, &h.given, strcmp(verb, "list") != 0, COMMAND,
                              p);
    if (status != CTL_OK) {
        return status;
    }
    return strcmp(verb, "list") == 0 ? list(&s, &h)
                                     : change(&s, &h, strcmp(verb, "add") == 0);
}
