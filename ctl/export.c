/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.c - chatctl export: all that is stored about one person.
 *
 * Into a directory: a file of JSON lines for each kind (the table below), the
 * attachments they uploaded under files/, and at last manifest.json, which
 * counts what is there; without it the export was interrupted. With `--out -`
 * the same lines go to stdout, each with its kind, and no files. Secrets
 * (passwords, tokens, cookies) are in neither.
 *
 * Rows are read a page at a time and written at once: a person with a million
 * messages takes no more memory than one with ten. What lies encrypted is opened
 * (opening.h).
 */
#include "opening.h"
#include "wipe.h"

#include <apr_strings.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COMMAND "export"
#define PAGE 500

static const char help[] =
    "usage: chatctl export --user WHO --out DIR|- [OPTION...]\n"
    "                      (--database TARGET | --config FILE)\n"
    "\n"
    "All that is stored about a person: who they are, conversations, messages, "
    "plans,\n"
    "files, log-ins, audit entries. Into a new directory, or to stdout as JSON "
    "lines.\n"
    "\n"
    "  --user WHO         an e-mail address or an id\n"
    "  --out DIR          made; - is stdout, without the files\n"
    "  --files DIR        where attachments are (ChatFiles)\n"
    "  --keys SETTING     what opens encrypted texts and files (ChatKeys); "
    "else\n"
    "                     database.keys of --config\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://...\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             as without it: all of it is JSON\n"
    "\n"
    "Exit status: 0 done, 1 failed, or something is left out or could not be "
    "opened,\n"
    "2 wrong arguments.\n";

/* The kinds: name, statement, that of the first page where it is another, whether
 * it is asked for each conversation, whether there must be plans. */
/* clang-format off */
static const struct {
    const char *name, *label, *first;
    int each, plans;
} kinds[] = {
    { "profile",       "export_profile",       NULL, 0, 0 },
    { "conversations", "export_conversations", NULL, 0, 0 },
    { "messages",      "export_messages",      "export_messages_first", 1, 0 },
    { "direct",        "export_alone",         NULL, 0, 0 },
    { "edits",         "export_edits",         NULL, 1, 0 },
    { "reactions",     "export_reactions",     NULL, 0, 0 },
    { "plans",         "export_plans",         NULL, 0, 1 },
    { "files",         "export_files",         NULL, 0, 0 },
    { "sessions",      "export_sessions",      NULL, 0, 0 },
    { "tokens",        "export_tokens",        NULL, 0, 0 },
    { "audit",         "export_audit",         NULL, 0, 0 },
};
/* clang-format on */
#define NKINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

typedef struct {
    ctl_target_t given;
    const char *who, *out, *files;
    const char *id;    /* of the person */
    FILE *to;          /* of the kind at hand */
    apr_int64_t count; /* of the kind at hand */
    apr_int64_t copied, missing; /* files */
    ctl_opening_t opening;
} export_t;

/* --- files ----------------------------------------------------------------------- */

/* Of which conversation a row is, as text; "" when it does not say. */
static const char *conversation_of(const char *row, apr_pool_t *p)
{
    json_t *root = json_loads(row, 0, NULL);
    const json_t *id = json_object_get(root, "conversation_id");
    const char *text = json_is_string(id) ? apr_pstrdup(p, json_string_value(id))
                       : json_is_integer(id)
                           ? apr_psprintf(p, "%" APR_INT64_T_FMT,
                                          (apr_int64_t)json_integer_value(id))
                           : "";

    json_decref(root);
    return text;
}

/* One that is not there (refused by the scanner, say) is counted. */
static int file_copy(ctl_session_t *s, export_t *o, const char *id,
                     const char *row)
{
    const char *from, *to;
    apr_status_t rv;

    if (o->files == NULL || strspn(id, "0123456789abcdef") != strlen(id) ||
        strlen(id) < 2) {
        o->missing++;
        return CTL_OK;
    }
    from = ctl_removal_path(o->files, id, "", s->rows);
    to = apr_psprintf(s->rows, "%s/files/%s", o->out, id);
    rv = ctl_opening_copy(&o->opening, from, to, conversation_of(row, s->rows),
                          id, s->rows);
    if (APR_STATUS_IS_ENOENT(rv)) {
        o->missing++;
        return CTL_OK;
    }
    if (rv != APR_SUCCESS) {
        return ctl_fail("%s cannot be copied: %s", from, chat_db_strerror(rv));
    }
    o->copied++;
    return CTL_OK;
}

/* --- rows ------------------------------------------------------------------------ */

static int row_write(ctl_session_t *s, export_t *o, int kind,
                     const char *key, const char *json)
{
    int to_stdout = o->to == stdout;

    if (json == NULL) {
        return CTL_OK;
    }
    json = ctl_opening_json(&o->opening, json, s->rows);
    if ((to_stdout && fprintf(o->to, "{\"kind\":\"%s\",\"data\":",
                              kinds[kind].name) < 0) ||
        fputs(json, o->to) < 0 || fputs(to_stdout ? "}\n" : "\n", o->to) < 0) {
        return ctl_fail("%s.jsonl cannot be written", kinds[kind].name);
    }
    o->count++;
    return !to_stdout && strcmp(kinds[kind].name, "files") == 0
               ? file_copy(s, o, key, json)
               : CTL_OK;
}

/* Page by page. @param conversation  NULL: not for each */
static int rows_write(ctl_session_t *s, export_t *o, int kind,
                      const char *conversation, int member)
{
    const char *label = kinds[kind].label;
    const char *first = kinds[kind].first;
    apr_pool_t *keys;
    const char *key = NULL;
    int n = PAGE, status = CTL_OK;

    apr_pool_create(&keys, s->p);
    if (first == NULL || !chat_db_has(first, s->engine)) {
        first = label;
    }
    while (status == CTL_OK && n == PAGE) {
        chat_db_value_t args[] = {
            ctl_id(o->id), key != NULL ? ctl_id(key) : chat_db_null(),
            chat_db_int(PAGE),
            conversation != NULL ? ctl_id(conversation) : chat_db_null(),
            chat_db_int(member)
        };
        chat_db_result_t *res;
        apr_status_t rv = ctl_session_run(&res, s, key == NULL ? first : label,
                                          args, conversation != NULL ? 5 : 3);

        if (rv != APR_SUCCESS) {
            status = ctl_session_failed(s, rv);
            break;
        }
        n = chat_db_rows(res);
        for (int i = 0; status == CTL_OK && i < n; i++) {
            status = row_write(s, o, kind, chat_db_get(res, i, 0),
                               chat_db_get(res, i, 1));
        }
        if (n == PAGE) {
            apr_pool_clear(keys);
            key = apr_pstrdup(keys, chat_db_get(res, n - 1, 0));
        }
        apr_pool_clear(s->rows);
    }
    apr_pool_destroy(keys);
    return status;
}

static int kind_write(ctl_session_t *s, export_t *o, int kind,
                      const chat_db_result_t *conversations)
{
    int status = CTL_OK, to_stdout = strcmp(o->out, "-") == 0;
    const char *path = apr_psprintf(s->p, "%s/%s.jsonl", o->out,
                                    kinds[kind].name);

    o->count = 0;
    o->to = to_stdout ? stdout : fopen(path, "wx");
    if (o->to == NULL) {
        return ctl_fail("%s cannot be made: %s", path, strerror(errno));
    }
    if (!kinds[kind].each) {
        status = rows_write(s, o, kind, NULL, 0);
    }
    for (int i = 0; kinds[kind].each && status == CTL_OK &&
                    i < chat_db_rows(conversations); i++) {
        status = rows_write(s, o, kind, chat_db_get(conversations, i, 0),
                            (int)chat_db_get_int(conversations, i, 1, 0));
    }
    if (!to_stdout && fclose(o->to) != 0 && status == CTL_OK) {
        status = ctl_fail("%s cannot be written: %s", path, strerror(errno));
    }
    return status;
}

/* --- the whole -------------------------------------------------------------------- */

static int directory_make(const export_t *o, apr_pool_t *p)
{
    if (strcmp(o->out, "-") == 0) {
        return CTL_OK;
    }
    if (mkdir(o->out, 0700) != 0 ||
        mkdir(apr_pstrcat(p, o->out, "/files", NULL), 0700) != 0) {
        return ctl_fail("%s cannot be made: %s", o->out, strerror(errno));
    }
    return CTL_OK;
}

static int manifest_write(const export_t *o, json_t *counts, apr_pool_t *p)
{
    char now[CHAT_AUDIT_TIME];
    const char *path = apr_pstrcat(p, o->out, "/manifest.json", NULL);
    json_t *m;
    int good;

    chat_audit_time(now, apr_time_now());
    m = json_pack("{s:i, s:s, s:s, s:O, s:I, s:I, s:I}", "version", 1, "user", o->id,
                  "at", now, "counts", counts, "files_copied",
                  (json_int_t)o->copied, "files_missing",
                  (json_int_t)o->missing, "encrypted",
                  (json_int_t)o->opening.shut);
    if (strcmp(o->out, "-") == 0) {
        ctl_json_line(json_pack("{s:s, s:o}", "kind", "manifest", "data", m));
        return CTL_OK;
    }
    good = json_dump_file(m, path, JSON_INDENT(2)) == 0;
    json_decref(m);
    return good ? CTL_OK : ctl_fail("%s cannot be written", path);
}

static int person_find(ctl_session_t *s, export_t *o)
{
    chat_db_value_t arg = chat_db_text(o->who);
    chat_db_result_t *res;
    apr_status_t rv = chat_db_run(&res, s->conn, "ctl_user", &arg, 1, s->p);

    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    if (chat_db_rows(res) == 0) {
        return ctl_fail("nobody has the e-mail address or the id '%s'", o->who);
    }
    o->id = chat_db_get(res, 0, 0);
    return CTL_OK;
}

/* An adapted database may have no plans, or others than we know. */
static int plans_there(int *there, ctl_session_t *s)
{
    chat_db_result_t *res;
    apr_status_t rv;

    *there = 1;
    if (s->engine == CHAT_DB_SQLITE) {
        return CTL_OK;
    }
    rv = chat_db_run(&res, s->conn, "care_has_plans", NULL, 0, s->p);
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    *there = chat_db_get_int(res, 0, 0, 0) != 0;
    return CTL_OK;
}

/* That it is done is written down before anything leaves. */
static int export(ctl_session_t *s, export_t *o)
{
    chat_db_result_t *conversations;
    chat_db_value_t user;
    json_t *counts = json_object();
    int plans = 0, status = person_find(s, o);
    apr_status_t rv;

    if (status == CTL_OK) {
        status = plans_there(&plans, s);
    }
    if (status == CTL_OK) {
        status = directory_make(o, s->p);
    }
    if (status == CTL_OK) {
        status = ctl_removal_note(s, "export", "",
                                  apr_psprintf(s->p, "user %.64s", o->id));
    }
    if (status != CTL_OK) {
        json_decref(counts);
        return status;
    }
    user = ctl_id(o->id);
    rv = chat_db_run(&conversations, s->conn, "care_conversations", &user, 1,
                     s->p);
    if (rv != APR_SUCCESS) {
        json_decref(counts);
        return ctl_session_failed(s, rv);
    }
    for (int i = 0; status == CTL_OK && i < NKINDS; i++) {
        if (kinds[i].plans && !plans) {
            continue; /* the application has none that we know */
        }
        status = kind_write(s, o, i, conversations);
        json_object_set_new(counts, kinds[i].name, json_integer(o->count));
    }
    if (status == CTL_OK) {
        status = manifest_write(o, counts, s->p);
    }
    json_decref(counts);
    if (status == CTL_OK) {
        status = ctl_opening_end(&o->opening);
    }
    /* To stdout none is promised. */
    return status == CTL_OK && o->files == NULL && o->missing > 0 &&
                   strcmp(o->out, "-") != 0
               ? ctl_fail("%" APR_INT64_T_FMT " file(s) are not in it: say "
                          "with --files where they are (ChatFiles)",
                          o->missing)
               : status;
}

int ctl_export(int argc, const char *const *argv, apr_pool_t *p)
{
    export_t o = { .who = NULL };
    ctl_session_t s;
    ctl_words_t words;
    int done = 0, json = 0;
    const ctl_opt_t opts[] = { { "user", &o.who, NULL, NULL },
                               { "out", &o.out, NULL, NULL },
                               { "files", &o.files, NULL, NULL },
                               { "keys", &o.opening.setting, NULL, NULL },
                               { "database", &o.given.database, NULL, NULL },
                               { "config", &o.given.config, NULL, NULL },
                               { "json", NULL, &json, NULL },
                               { NULL, NULL, NULL, NULL } };
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    if (o.who == NULL || o.out == NULL || *o.out == '\0' || words.n > 0) {
        return ctl_usage(COMMAND, "say --user WHO and --out DIR, and no other "
                                  "words");
    }
    if (ctl_directory(o.files, COMMAND, "--files") != CTL_OK ||
        (o.opening.setting != NULL &&
         ctl_keys_setting(o.opening.setting, COMMAND, "--keys") != CTL_OK)) {
        return CTL_USAGE;
    }
    status = ctl_session_open(&s, &o.given, 1, COMMAND, p);
    if (status == CTL_OK) {
        status = ctl_opening_start(&o.opening, &o.given, s.db, p);
    }
    return status == CTL_OK ? export(&s, &o) : status;
}
