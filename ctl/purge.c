/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purge.c - chatctl purge: content whose time is over goes.
 *
 * How long it is kept is a rule for each status of a conversation, in the
 * table chat_retention: what kind of conversation it is shows in what became of
 * it. A timer runs it (conf/chat-purge.timer); no rule, nothing goes.
 */
#include "wipe.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "purge"
#define DAYS_MOST 36600
#define STATUS_MAX 100 /* bytes */

static const char help[] =
    "usage: chatctl purge run|rules [OPTION...]\n"
    "       chatctl purge set STATUS DAYS\n"
    "       chatctl purge unset STATUS\n"
    "                     (--database TARGET | --config FILE)\n"
    "\n"
    "Content of conversations is kept for so many days after their last change, "
    "by\n"
    "their status; * is for those without a rule. run removes what is older: "
    "texts,\n"
    "files, earlier texts, reactions, words of plans, titles. Rows, ids and times stay, and what is on "
    "legal\n"
    "hold.\n"
    "\n"
    "  --dry-run          run: count, change nothing\n"
    "  --files DIR        where attachments are (ChatFiles)\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://...\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             print JSON objects, one a line\n"
    "\n"
    "Exit status: 0 done, 1 failed or there is none, 2 wrong arguments.\n";

typedef struct {
    ctl_target_t given;
    ctl_removal_t content;
    int json;
} purge_t;

static int rules(ctl_session_t *s, const purge_t *o)
{
    chat_db_result_t *res;
    apr_status_t rv = ctl_session_run(&res, s, "care_rules", NULL, 0);

    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    for (int i = 0; i < chat_db_rows(res); i++) {
        if (o->json) {
            ctl_json_line(json_pack("{s:s, s:I}", "status",
                                    chat_db_get(res, i, 0), "days",
                                    (json_int_t)chat_db_get_int(res, i, 1, 0)));
        }
        else {
            ctl_say("%s: %s days", chat_db_get(res, i, 0),
                    chat_db_get(res, i, 1));
        }
    }
    return CTL_OK;
}

/* A rule for a status that no conversation can come to removes nothing, and
 * nobody would know. */
static int status_known(ctl_session_t *s, const char *status)
{
    static const char *const ours[] = { "*", "pending", "in_progress",
                                        "completed", "cancelled" };
    chat_db_value_t arg = chat_db_text(status);
    chat_db_result_t *res;
    apr_status_t rv;

    for (int i = 0; i < 5; i++) {
        if (strcmp(ours[i], status) == 0) {
            return CTL_OK;
        }
    }
    rv = ctl_session_run(&res, s, "care_status", &arg, 1);
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    return chat_db_rows(res) > 0
               ? CTL_OK
               : ctl_fail("no conversation has the status '%s'; those of the "
                          "chat are pending, in_progress, completed and "
                          "cancelled, and * is any",
                          status);
}

/* @param days  0: the rule goes */
static int rule(ctl_session_t *s, const char *status, apr_int64_t days,
                int json)
{
    chat_db_value_t args[] = { chat_db_text(status), chat_db_int(days) };
    chat_db_result_t *res;
    apr_status_t rv;

    if (days > 0 && status_known(s, status) != CTL_OK) {
        return CTL_FAILED;
    }
    rv = chat_db_begin(s->conn);
    if (rv == APR_SUCCESS) {
        rv = days > 0 ? ctl_session_run(&res, s, "care_rule", args, 2)
                      : ctl_session_run(&res, s, "care_rule_gone", args, 1);
    }
    if (rv == APR_SUCCESS && days == 0 && chat_db_rows(res) == 0) {
        chat_db_rollback(s->conn);
        return ctl_fail("there is no rule for %s", status);
    }
    if (rv == APR_SUCCESS) {
        chat_audit_note(s->conn, s->who, "retention.rule", "",
                        apr_psprintf(s->rows, "%.100s %s", status,
                                     days > 0 ? apr_ltoa(s->rows, (long)days)
                                              : "none"),
                        s->rows);
        rv = chat_db_commit(s->conn);
    }
    if (rv == APR_SUCCESS && json) {
        ctl_json_line(json_pack("{s:s, s:o}", "status", status, "days",
                                days > 0 ? json_integer(days) : json_null()));
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

static int run(ctl_session_t *s, purge_t *o)
{
    chat_db_result_t *due;
    apr_status_t rv = chat_db_run(&due, s->conn, "care_due", NULL, 0, s->p);
    int n, status = CTL_OK;

    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    n = chat_db_rows(due);
    for (int i = 0; status == CTL_OK && i < n; i++) {
        const char *id = chat_db_get(due, i, 0);
        apr_int64_t before = o->content.messages;
        int held;

        /* It may have been put on hold meanwhile. */
        status = ctl_removal_held(&held, s, id);
        if (status == CTL_OK && !held) {
            status = ctl_removal_remove(s, &o->content, id, NULL);
        }
        if (status == CTL_OK && !held && !o->content.dry) {
            status = ctl_removal_note(
                s, "purge", id,
                apr_psprintf(s->rows, "%" APR_INT64_T_FMT " messages",
                             o->content.messages - before));
        }
    }
    if (status != CTL_OK) {
        return status;
    }
    if (o->json) {
        ctl_json_line(json_pack("{s:b, s:i, s:I, s:I}", "dry_run",
                                o->content.dry, "conversations", n, "messages",
                                (json_int_t)o->content.messages, "files",
                                (json_int_t)o->content.removed));
    }
    else {
        ctl_say("%s%d conversations, %" APR_INT64_T_FMT
                " messages, %" APR_INT64_T_FMT " files",
                o->content.dry ? "would remove the content of: "
                               : "removed the content of: ",
                n, o->content.messages, o->content.removed);
    }
    return CTL_OK;
}

int ctl_purge(int argc, const char *const *argv, apr_pool_t *p)
{
    purge_t o = { .json = 0 };
    ctl_opt_t opts[] = { { "dry-run", NULL, &o.content.dry, "run" },
                         { "files", &o.content.files, NULL, "run" },
                         { "database", &o.given.database, NULL, NULL },
                         { "config", &o.given.config, NULL, NULL },
                         { "json", NULL, &o.json, NULL },
                         { NULL, NULL, NULL, NULL } };
    const char *verb;
    ctl_session_t s;
    ctl_words_t words;
    int done = 0, is_run, is_rules, is_set, is_unset;
    apr_int64_t days = 0;
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    verb = words.n > 0 ? words.word[0] : "";
    is_run = !strcmp(verb, "run") && words.n == 1;
    is_rules = !strcmp(verb, "rules") && words.n == 1;
    is_set = !strcmp(verb, "set") && words.n == 3;
    is_unset = !strcmp(verb, "unset") && words.n == 2;
    if (!is_run && !is_rules && !is_set && !is_unset) {
        return ctl_usage(COMMAND, "say run, rules, set STATUS DAYS or unset "
                                  "STATUS");
    }
    if (ctl_options_fit(opts, verb, COMMAND) != CTL_OK ||
        ctl_directory(o.content.files, COMMAND, "--files") != CTL_OK ||
        (is_set && (ctl_text(words.word[1], STATUS_MAX, COMMAND, "STATUS") !=
                        CTL_OK ||
                    ctl_number(&days, words.word[2], DAYS_MOST, COMMAND,
                               "DAYS") != CTL_OK))) {
        return CTL_USAGE;
    }
    status = ctl_session_open(&s, &o.given, !is_rules && !o.content.dry,
                              COMMAND, p);
    if (status != CTL_OK) {
        return status;
    }
    return is_run     ? run(&s, &o)
           : is_rules ? rules(&s, &o)
                      : rule(&s, words.word[1], days, o.json);
}
