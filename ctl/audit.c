/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - chatctl audit: reading, proving and shortening the audit log.
 *
 *   verify      the chain, from its beginning or from a checkpoint
 *   list        entries as lines of JSON
 *   checkpoint  number and hash of the last entry, to be kept elsewhere
 *   purge       the oldest entries go; one that says so is added
 */
#include "audit_look.h"

#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000 /* entries of one statement */

static const char help[] =
    "usage: chatctl audit verify|list|checkpoint|purge [OPTION...]\n"
    "                     (--database TARGET | --config FILE)\n"
    "\n"
    "The audit log: who did what, when, from where. verify computes the chain "
    "of\n"
    "hashes again and names each entry that was changed, removed or moved.\n"
    "\n"
    "  --database TARGET        sqlite:/path/file.db or postgresql://...\n"
    "  --config FILE            take database.url of chat-push's settings\n"
    "  --since-checkpoint FILE  verify: from the last checkpoint in a file on\n"
    "  --audit-key SETTING      verify: file:/path as ChatAuditKey has it; looks "
    "at\n"
    "                           httpd's seals as well\n"
    "  --json                   print JSON; list and checkpoint always do\n"
    "  --user WHO               list: of a user, by e-mail address or id\n"
    "  --conversation ID        list: of a conversation\n"
    "  --action NAME            list: of an action, as message.sent, or message\n"
    "  --since TIME             list: from a time on, as 2026-11-29 or\n"
    "                           2026-11-29T16:00:00Z\n"
    "  --until TIME             list: before a time\n"
    "  --limit N                list: so many at most\n"
    "  --out FILE               checkpoint: append it to a file\n"
    "  --before TIME            purge: entries before a time\n"
    "\n"
    "Exit status: 0 done or intact, 1 failed or not intact, 2 wrong "
    "arguments.\n";

static int day_good(int year, int month, int day)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap);
}

/* Whether the numbers at these places of a time are those of a time. */
static int time_good(const char *text, size_t len)
{
    return day_good(atoi(text), atoi(text + 5), atoi(text + 8)) &&
           (len == 10 || (atoi(text + 11) < 24 && atoi(text + 14) < 60 &&
                          atoi(text + 17) < 60));
}

/* Entries have times that sort as text; so much of one will do. */
static int time_check(const char *option, const char *value)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    size_t len = value != NULL ? strlen(value) : 0;
    int good = len == 10 || len == 19 || len == 20 || len == 24;

    if (value == NULL) {
        return CTL_OK;
    }
    for (size_t i = 0; good && i < len; i++) {
        good = form[i] == '0' ? value[i] >= '0' && value[i] <= '9'
                              : value[i] == form[i] ||
                                    (value[i] == 'Z' && i + 1 == len);
    }
    return good && time_good(value, len)
               ? CTL_OK
               : ctl_usage("audit", "%s is a time as 2026-11-29 or "
                                    "2026-11-29T16:00:00Z, not '%s'",
                           option, value);
}

/* --- list ------------------------------------------------------------------- */

static void entry_print(const chat_db_result_t *res, int row)
{
    static const char *const names[] = { "at",       "user_id",
                                         "via",      "action",
                                         "conversation_id", "object",
                                         "address",  "agent",
                                         "status",   "request_id" };
    json_t *e = json_object();

    json_object_set_new(e, "seq",
                        json_integer(chat_db_get_int(res, row, AUDIT_SEQ, 0)));
    for (int i = 0; i < CHAT_AUDIT_FIELDS; i++) {
        json_object_set_new(e, names[i],
                            json_string(chat_db_get(res, row, AUDIT_FIRST + i)));
    }
    json_object_set_new(e, "hash",
                        json_string(chat_db_get(res, row, AUDIT_HASH)));
    ctl_json_line(e);
}

/* An e-mail address is looked up. An id is taken as it is: the log remembers those
 * who are gone. */
static int user_find(ctl_session_t *s, const char **id, const char *who)
{
    chat_db_value_t arg = chat_db_text(who);
    chat_db_result_t *res;
    apr_status_t rv;

    *id = who;
    if (who == NULL || strchr(who, '@') == NULL) {
        return CTL_OK;
    }
    rv = chat_db_run(&res, s->conn, "ctl_user", &arg, 1, s->p);
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    if (chat_db_rows(res) == 0) {
        return ctl_fail("nobody has the e-mail address '%s'", who);
    }
    *id = chat_db_get(res, 0, 0);
    return CTL_OK;
}

static int list(ctl_session_t *s, const ctl_audit_t *a)
{
    const char *user;
    int status = user_find(s, &user, a->user);
    apr_int64_t left = a->limit > 0 ? a->limit : APR_INT64_MAX, seq = 0;
    int n = PAGE;

    if (status != CTL_OK) {
        return status;
    }
    while (n == PAGE && left > 0) {
        chat_db_value_t args[] = { chat_db_int(seq),
                                   chat_db_int(left < PAGE ? left : PAGE),
                                   chat_db_text(user),
                                   chat_db_text(a->conversation),
                                   chat_db_text(a->action),
                                   chat_db_text(a->since),
                                   chat_db_text(a->until) };
        chat_db_result_t *res;
        apr_status_t rv = ctl_session_run(&res, s, "audit_list", args, 7);

        if (rv != APR_SUCCESS) {
            return ctl_session_failed(s, rv);
        }
        n = chat_db_rows(res);
        for (int i = 0; i < n; i++) {
            entry_print(res, i);
        }
        seq = chat_db_get_int(res, n - 1, AUDIT_SEQ, seq);
        left -= n;
        apr_pool_clear(s->rows);
    }
    return CTL_OK;
}

/* --- purge ------------------------------------------------------------------ */

/* The mark first, because the trigger asks it; then the rows; then an entry
 * that says how far and with which hash the chain goes on. */
static apr_status_t purge_rows(ctl_session_t *s, apr_int64_t seq,
                               const char *hash)
{
    chat_db_value_t mark[] = { chat_db_int(seq), chat_db_text(hash) };
    const char *object = apr_psprintf(s->rows, "%" APR_INT64_T_FMT " %s", seq,
                                      hash);
    apr_status_t rv = chat_db_begin(s->conn);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    ctl_session_run(NULL, s, "audit_head", NULL, 0);
    ctl_session_run(NULL, s, "audit_purge_mark", mark, 2);
    ctl_session_run(NULL, s, "audit_purge", mark, 1);
    chat_audit_note(s->conn, s->who, "audit.purge", "", object, s->rows);
    return chat_db_commit(s->conn);
}

static int purge(ctl_session_t *s, const ctl_audit_t *a)
{
    chat_db_value_t before = chat_db_text(a->before);
    chat_db_result_t *res;
    apr_status_t rv;

    if (a->before == NULL) {
        return ctl_usage("audit", "purge wants --before TIME");
    }
    rv = ctl_session_run(&res, s, "audit_before", &before, 1);
    if (rv == APR_SUCCESS && chat_db_rows(res) == 0) {
        if (a->json) {
            ctl_json_line(json_pack("{s:n}", "purged_to"));
        }
        else {
            ctl_say("no entry is older");
        }
        return CTL_OK;
    }
    if (rv == APR_SUCCESS) {
        rv = purge_rows(s, chat_db_get_int(res, 0, 0, 0),
                        chat_db_get(res, 0, 1));
    }
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    if (a->json) {
        ctl_json_line(json_pack("{s:I}", "purged_to",
                                (json_int_t)chat_db_get_int(res, 0, 0, 0)));
    }
    else {
        ctl_say("entries up to %s are gone", chat_db_get(res, 0, 0));
    }
    return CTL_OK;
}

/* --- the command ------------------------------------------------------------ */

/* What can be done, and whether it writes. */
static const struct {
    const char *name;
    int (*run)(ctl_session_t *s, const ctl_audit_t *a);
    int writes;
} verbs[] = { { "verify", ctl_audit_verify, 0 },
              { "list", list, 0 },
              { "checkpoint", ctl_audit_checkpoint, 0 },
              { "purge", purge, 1 } };
#define NVERBS (int)(sizeof(verbs) / sizeof(verbs[0]))

static int key_open(ctl_audit_t *a, apr_pool_t *p)
{
    const char *why = "", *id;
    chat_keyring_t *ring;

    if (a->key == NULL) {
        return CTL_OK;
    }
    if (chat_keyring_open(&ring, a->key, &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    if (chat_keyring_key(ring, 0, &id) == NULL) {
        return ctl_usage("audit", "--audit-key wants file:/path");
    }
    a->ring = ring;
    return CTL_OK;
}

static int verb_find(const ctl_words_t *words)
{
    for (int i = 0; words->n == 1 && i < NVERBS; i++) {
        if (!strcmp(words->word[0], verbs[i].name)) {
            return i;
        }
    }
    return -1;
}

int ctl_audit(int argc, const char *const *argv, apr_pool_t *p)
{
    ctl_audit_t a = { .target = { NULL, NULL } };
    const char *limit = NULL;
    const ctl_opt_t opts[] = {
        { "database", &a.target.database, NULL, NULL },
        { "config", &a.target.config, NULL, NULL },
        { "json", NULL, &a.json, NULL },
        { "since-checkpoint", &a.checkpoint, NULL, "verify" },
        { "audit-key", &a.key, NULL, "verify" },
        { "user", &a.user, NULL, "list" },
        { "conversation", &a.conversation, NULL, "list" },
        { "action", &a.action, NULL, "list" },
        { "since", &a.since, NULL, "list" },
        { "until", &a.until, NULL, "list" },
        { "limit", &limit, NULL, "list" },
        { "out", &a.out, NULL, "checkpoint" },
        { "before", &a.before, NULL, "purge" },
        { NULL, NULL, NULL, NULL }
    };
    ctl_session_t s;
    ctl_words_t words;
    int done = 0, verb;
    int status = ctl_options(&words, &done, opts, "audit", help, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    verb = verb_find(&words);
    if (verb < 0) {
        return words.n > 1
                   ? ctl_usage("audit", "'%s' is one argument too many",
                               words.word[1])
                   : ctl_usage("audit", "say verify, list, checkpoint or "
                                        "purge");
    }
    if ((status = ctl_options_fit(opts, words.word[0], "audit")) != CTL_OK ||
        (status = time_check("--since", a.since)) != CTL_OK ||
        (status = time_check("--until", a.until)) != CTL_OK ||
        (status = time_check("--before", a.before)) != CTL_OK ||
        (limit != NULL && (status = ctl_number(&a.limit, limit, APR_INT64_MAX,
                                               "audit", "--limit")) != CTL_OK) ||
        (a.key != NULL && (status = ctl_keys_setting(a.key, "audit",
                                                     "--audit-key")) !=
                              CTL_OK) ||
        (status = key_open(&a, p)) != CTL_OK) {
        return status;
    }
    status = ctl_session_open(&s, &a.target, verbs[verb].writes, "audit", p);
    return status == CTL_OK ? verbs[verb].run(&s, &a) : status;
}
