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
    "  --json                   verify: print one JSON object\n"
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

enum {
    OPT_DB = 1,
    OPT_CONFIG,
    OPT_CHECKPOINT,
    OPT_JSON,
    OPT_USER,
    OPT_CONVERSATION,
    OPT_ACTION,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_LIMIT,
    OPT_OUT,
    OPT_BEFORE,
    OPT_KEY
};

/* clang-format off */
static const apr_getopt_option_t options[] = {
    { "database",         OPT_DB,           1, NULL },
    { "config",           OPT_CONFIG,       1, NULL },
    { "since-checkpoint", OPT_CHECKPOINT,   1, NULL },
    { "json",             OPT_JSON,         0, NULL },
    { "user",             OPT_USER,         1, NULL },
    { "conversation",     OPT_CONVERSATION, 1, NULL },
    { "action",           OPT_ACTION,       1, NULL },
    { "since",            OPT_SINCE,        1, NULL },
    { "until",            OPT_UNTIL,        1, NULL },
    { "limit",            OPT_LIMIT,        1, NULL },
    { "out",              OPT_OUT,          1, NULL },
    { "before",           OPT_BEFORE,       1, NULL },
    { "audit-key",        OPT_KEY,          1, NULL },
    { "help",             'h',              0, NULL },
    { NULL, 0, 0, NULL }
};
/* clang-format on */

/* Entries have times that sort as text; so much of one will do. */
static int time_take(const char **to, const char *option, const char *value)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    size_t len = strlen(value);
    int good = len == 10 || len == 19 || len == 20 || len == 24;

    for (size_t i = 0; good && i < len; i++) {
        good = form[i] == '0' ? value[i] >= '0' && value[i] <= '9'
                              : value[i] == form[i] ||
                                    (value[i] == 'Z' && i + 1 == len);
    }
    if (!good) {
        return ctl_usage("audit", "%s is a time as 2026-11-29 or "
                                  "2026-11-29T16:00:00Z, not '%s'",
                         option, value);
    }
    *to = value;
    return CTL_OK;
}

static int limit_take(ctl_audit_t *a, const char *value)
{
    char *end;

    a->limit = strtoll(value, &end, 10);
    return *end == '\0' && a->limit > 0
               ? CTL_OK
               : ctl_usage("audit", "--limit is a number from 1 on, not '%s'",
                           value);
}

static int option_take(ctl_audit_t *a, int option, const char *value)
{
    switch (option) {
    case OPT_DB:
        a->target.database = value;
        break;
    case OPT_CONFIG:
        a->target.config = value;
        break;
    case OPT_CHECKPOINT:
        a->checkpoint = value;
        break;
    case OPT_JSON:
        a->json = 1;
        break;
    case OPT_USER:
        a->user = value;
        break;
    case OPT_CONVERSATION:
        a->conversation = value;
        break;
    case OPT_ACTION:
        a->action = value;
        break;
    case OPT_SINCE:
        return time_take(&a->since, "--since", value);
    case OPT_UNTIL:
        return time_take(&a->until, "--until", value);
    case OPT_LIMIT:
        return limit_take(a, value);
    case OPT_OUT:
        a->out = value;
        break;
    case OPT_KEY:
        a->key = value;
        break;
    default:
        return time_take(&a->before, "--before", value);
    }
    return CTL_OK;
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
        ctl_say("no entry is older");
        return CTL_OK;
    }
    if (rv == APR_SUCCESS) {
        rv = purge_rows(s, chat_db_get_int(res, 0, 0, 0),
                        chat_db_get(res, 0, 1));
    }
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    ctl_say("entries up to %s are gone", chat_db_get(res, 0, 0));
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

int ctl_audit(int argc, const char *const *argv, apr_pool_t *p)
{
    ctl_audit_t a = { .target = { NULL, NULL } };
    apr_getopt_t *state;
    const char *value;
    ctl_session_t s;
    int option, verb, status;
    apr_status_t rv;

    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(help, stdout);
        return CTL_OK;
    }
    for (verb = 0; verb < NVERBS; verb++) {
        if (argc > 1 && !strcmp(argv[1], verbs[verb].name)) {
            break;
        }
    }
    if (verb == NVERBS) {
        return ctl_usage("audit", "say verify, list, checkpoint or purge");
    }
    apr_getopt_init(&state, p, argc - 1, argv + 1);
    while ((rv = ctl_option(state, options, "audit", &option, &value)) ==
           APR_SUCCESS) {
        if (option == 'h') {
            fputs(help, stdout);
            return CTL_OK;
        }
        status = option_take(&a, option, value);
        if (status != CTL_OK) {
            return status;
        }
    }
    if (rv != APR_EOF) {
        return CTL_USAGE;
    }
    status = key_open(&a, p);
    if (status != CTL_OK) {
        return status;
    }
    status = ctl_session_open(&s, &a.target, verbs[verb].writes, "audit", p);
    return status == CTL_OK ? verbs[verb].run(&s, &a) : status;
}
