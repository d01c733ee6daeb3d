/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.c - chatctl user: who is in the chat, and whether they may log in.
 *
 * A password is never an argument, which every user of the machine can read: it
 * comes from stdin, or is made here and printed once. Whoever gets another one,
 * or is suspended, is logged out everywhere: the rows' own triggers tell
 * chat-push. Each change leaves an entry in the audit log.
 */
#include "options.h"
#include "secret.h"
#include "utf8.h"

#include <apr_lib.h>
#include <apr_md5.h>
#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "user"
#define PASSWORD_MIN 8
#define PASSWORD_MAX 72 /* bytes that bcrypt looks at */
#define COST 12
#define HASH_SIZE 128 /* a bcrypt hash has 60 */
#define TOLD_MAX 255  /* bytes of a name or an address */

static const char help[] =
    "usage: chatctl user list [--role ROLE]\n"
    "       chatctl user show WHO\n"
    "       chatctl user add EMAIL --name NAME [--role ROLE] [--locale LANG]\n"
    "                        [--password-stdin]\n"
    "       chatctl user password WHO [--password-stdin]\n"
    "       chatctl user suspend WHO\n"
    "       chatctl user activate WHO\n"
    "       chatctl user logout WHO\n"
    "       ... (--database TARGET | --config FILE) [--json]\n"
    "\n"
    "Who is in the chat, and whether they may log in. WHO is an e-mail address "
    "or an\n"
    "id. A new password, suspending and logout end all log-ins of theirs, "
    "tokens and\n"
    "sockets included. In an application's database (Laravel) people are made "
    "and\n"
    "suspended by the application.\n"
    "\n"
    "  --role ROLE        patient, doctor or admin; patient\n"
    "  --name NAME        as others see it\n"
    "  --locale LANG      en or ar; en\n"
    "  --password-stdin   read the password from stdin, a line; else one is "
    "made and\n"
    "                     printed\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://…\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             print JSON objects, one a line\n"
    "\n"
    "Exit status: 0 done, 1 failed or nobody is called so, 2 wrong "
    "arguments.\n";

typedef struct {
    ctl_target_t given;
    const char *role, *name, *locale;
    int from_stdin, json;
    chat_db_t *db;
    int adapted; /* the tables are an application's */
    apr_pool_t *p;
} user_t;

/* Whom WHO means. */
typedef struct {
    const char *id; /* as text */
    const char *id_json;
    const char *email, *name;
} person_t;

enum {
    COL_ID,
    COL_NAME,
    COL_EMAIL,
    COL_ROLE,
    COL_LOCALE,
    COL_ACTIVE,
    COL_SESSIONS,
    COL_TOKENS,
    COL_SEEN
};

/* --- who --- */

static int person_find(person_t *who, const user_t *u, const char *text)
{
    chat_db_value_t value = chat_db_text(text);
    chat_db_result_t *res;
    int status = ctl_query(&res, u->db, "ctl_user", &value, 1, u->p);

    if (status != CTL_OK) {
        return status;
    }
    if (chat_db_rows(res) == 0) {
        return ctl_fail("nobody has the e-mail address or the id '%s'", text);
    }
    who->id = chat_db_get(res, 0, 0);
    who->id_json = chat_db_get(res, 0, 1);
    who->email = chat_db_get(res, 0, 2);
    who->name = chat_db_get(res, 0, 3);
    return CTL_OK;
}

/* @param id  JSON, from SQL */
static int done_say(const user_t *u, const char *id, const char *email,
                    const char *what, const char *password)
{
    json_t *said;

    if (!u->json) {
        ctl_say("%s %s: %s", email, id, what);
        if (password != NULL) {
            ctl_say("password: %s", password);
        }
        return CTL_OK;
    }
    said = json_pack("{s:o, s:s, s:s}", "id",
                     json_loads(id, JSON_DECODE_ANY, NULL), "email", email,
                     "status", what);
    if (password != NULL) {
        json_object_set_new(said, "password", json_string(password));
    }
    ctl_json_line(said);
    return CTL_OK;
}

/* --- list and show --- */

static void row_say(const user_t *u, const chat_db_result_t *res, int row)
{
    int active = (int)chat_db_get_int(res, row, COL_ACTIVE, 0);

    if (u->json) {
        ctl_json_line(json_pack(
            "{s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:o}", "id",
            ctl_json_field(res, row, COL_ID), "name",
            ctl_json_text(res, row, COL_NAME), "email",
            ctl_json_text(res, row, COL_EMAIL), "role",
            ctl_json_text(res, row, COL_ROLE), "locale",
            ctl_json_text(res, row, COL_LOCALE), "active", active, "sessions",
            (json_int_t)chat_db_get_int(res, row, COL_SESSIONS, 0), "tokens",
            (json_int_t)chat_db_get_int(res, row, COL_TOKENS, 0),
            "last_seen_at", ctl_json_text(res, row, COL_SEEN)));
        return;
    }
    ctl_say("%-6s %-9s %-9s %-32s %s", chat_db_get(res, row, COL_ID),
            chat_db_get(res, row, COL_ROLE), active ? "active" : "suspended",
            chat_db_get(res, row, COL_EMAIL), chat_db_get(res, row, COL_NAME));
}

/* @param only   the id as JSON of the one to show; NULL: all
 * @param found  there was one */
static int rows_say(const user_t *u, const char *only, int *found)
{
    chat_db_value_t args[] = { chat_db_text(u->role), chat_db_null() };
    chat_db_result_t *res;

    *found = 0;

    do {
        apr_pool_t *page;
        int status, n;

        apr_pool_create(&page, u->p);
        status = ctl_query(&res, u->db, "ctl_users", args, 2, page);
        if (status != CTL_OK) {
            return status;
        }
        n = chat_db_rows(res);
        for (int i = 0; i < n; i++) {
            if (only == NULL || !strcmp(only, chat_db_get(res, i, COL_ID))) {
                row_say(u, res, i);
                *found = 1;
            }
        }
        if (n == 0) {
            return CTL_OK;
        }
        args[1] = chat_db_text(
            apr_pstrdup(u->p, chat_db_get(res, n - 1, COL_EMAIL)));
        apr_pool_destroy(page);
    } while (1);
}

static int one_of(const char *word, const char *const *list)
{
    while (*list != NULL && strcmp(word, *list) != 0) {
        list++;
    }
    return *list != NULL;
}

static const char *const roles[] = { "patient", "doctor", "admin", NULL };

/* An application's people may have other roles, so only what nobody has is no
 * role. */
static int list(const user_t *u)
{
    int found, status = rows_say(u, NULL, &found);

    return status == CTL_OK && !found && u->role != NULL &&
                   !one_of(u->role, roles)
               ? ctl_fail("nobody has the role '%s'; those of the chat are "
                          "patient, doctor and admin",
                          u->role)
               : status;
}

/* --- passwords --- */

/* A line of stdin. It goes through JSON when somebody logs in with it. */
static int password_read(const char **password, const user_t *u)
{
    char line[PASSWORD_MAX + 3];
    apr_size_t len;

    if (!u->from_stdin) {
        *password = chat_secret_token(12, u->p);
        return *password != NULL ? CTL_OK
                                 : ctl_fail("the system gives no randomness");
    }
    memset(line, '\n', sizeof(line)); /* tells a NUL of the line from its end */
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return ctl_fail("no password came on stdin");
    }
    len = strcspn(line, "\r\n");
    if (line[len] == '\0' && len + 1 < sizeof(line) && line[len + 1] != '\n') {
        return ctl_fail("a password has no NUL in it");
    }
    line[len] = '\0';
    if (len < PASSWORD_MIN || len > PASSWORD_MAX) {
        return ctl_fail("a password has %d to %d bytes", PASSWORD_MIN,
                        PASSWORD_MAX);
    }
    if (!chat_utf8_valid(line, len)) {
        return ctl_fail("a password is UTF-8");
    }
    *password = apr_pstrdup(u->p, line);
    return CTL_OK;
}

/* As Laravel writes it: bcrypt, "$2y$12$…". */
static int password_hash(const char **hash, const char *password, apr_pool_t *p)
{
    unsigned char salt[16];
    char *out = apr_palloc(p, HASH_SIZE);

    if (apr_generate_random_bytes(salt, sizeof(salt)) != APR_SUCCESS ||
        apr_bcrypt_encode(password, COST, salt, sizeof(salt), out, HASH_SIZE) !=
            APR_SUCCESS) {
        return ctl_fail("the password could not be hashed");
    }
    *hash = out;
    return CTL_OK;
}

static int password_take(const char **password, const char **hash,
                         const user_t *u)
{
    int status = password_read(password, u);

    return status == CTL_OK ? password_hash(hash, *password, u->p) : status;
}

/* --- changes --- */

static int add_check(const user_t *u, const char *email)
{
    static const char *const locales[] = { "en", "ar", NULL };
    const char *at = strchr(email, '@');

    if (u->name == NULL) {
        return ctl_usage(COMMAND, "add wants --name");
    }
    if (ctl_text(u->name, TOLD_MAX, COMMAND, "--name") != CTL_OK ||
        ctl_text(email, TOLD_MAX, COMMAND, "EMAIL") != CTL_OK) {
        return CTL_USAGE;
    }
    if (at == NULL || at == email || at[1] == '\0' ||
        strchr(at + 1, '@') != NULL || strchr(email, ' ') != NULL) {
        return ctl_usage(COMMAND, "'%s' is no e-mail address", email);
    }
    if (u->locale != NULL && !one_of(u->locale, locales)) {
        return ctl_usage(COMMAND, "--locale is en or ar, not '%s'", u->locale);
    }
    return one_of(u->role != NULL ? u->role : "patient", roles)
               ? CTL_OK
               : ctl_usage(COMMAND,
                           "--role is patient, doctor or admin, not "
                           "'%s'",
                           u->role);
}

/* What the application does itself is not done behind its back. */
static int own_people(const user_t *u)
{
    return u->adapted ? ctl_fail("people of this database are the "
                                 "application's: let it do that")
                      : CTL_OK;
}

static int add(const user_t *u, const char *email)
{
    const char *password, *hash, *id, *object;
    chat_db_value_t args[5];
    chat_db_conn_t *conn;
    chat_db_result_t *res;
    apr_status_t rv;
    int status = own_people(u);

    if (status != CTL_OK ||
        (status = password_take(&password, &hash, u)) != CTL_OK ||
        (status = ctl_change_begin(&conn, u->db)) != CTL_OK) {
        return status;
    }
    args[0] = chat_db_text(u->name);
    args[1] = chat_db_text(email);
    args[2] = chat_db_text(hash);
    args[3] = chat_db_text(u->role != NULL ? u->role : "patient");
    args[4] = chat_db_text(u->locale != NULL ? u->locale : "en");
    rv = chat_db_run(&res, conn, "ctl_user_add", args, 5, u->p);
    if (rv == CHAT_DB_EUNIQUE) {
        ctl_change_end(conn, u->db, NULL, NULL, NULL, u->p);
        return ctl_fail("somebody has the e-mail address '%s' already", email);
    }
    id = rv == APR_SUCCESS ? chat_db_get(res, 0, 0) : "";
    object = apr_psprintf(u->p, "user %s", id);
    status = ctl_change_end(conn, u->db, "user.added", "", object, u->p);
    return status == CTL_OK ? done_say(u, id, email, "added",
                                       u->from_stdin ? NULL : password)
                            : status;
}

/* One change of the user's row, the end of their log-ins and the entry of the
 * audit log, or none of it.
 * @param label  NULL: the log-ins only */
static int change(const user_t *u, const person_t *who, const char *action,
                  const char *label, const char *value, int ends)
{
    chat_db_value_t args[] = { chat_db_text(who->id), chat_db_text(value) };
    chat_db_conn_t *conn;
    int status = ctl_change_begin(&conn, u->db);

    if (status != CTL_OK) {
        return status;
    }
    /* What fails is remembered, and the end says it. */
    if (label != NULL) {
        chat_db_run(NULL, conn, label, args, 2, u->p);
    }
    if (ends) {
        chat_db_run(NULL, conn, "ctl_sessions_end", args, 1, u->p);
        chat_db_run(NULL, conn, "ctl_tokens_end", args, 1, u->p);
    }
    return ctl_change_end(conn, u->db, action, "",
                          apr_psprintf(u->p, "user %.64s", who->id), u->p);
}

static int password(const user_t *u, const person_t *who)
{
    const char *text, *hash;
    int status = password_take(&text, &hash, u);

    if (status == CTL_OK) {
        status = change(u, who, "user.password", "ctl_user_password", hash, 1);
    }
    return status == CTL_OK ? done_say(u, who->id_json, who->email,
                                       "has another password, and is logged "
                                       "out everywhere",
                                       u->from_stdin ? NULL : text)
                            : status;
}

static int suspend(const user_t *u, const person_t *who)
{
    int status = own_people(u);

    if (status == CTL_OK) {
        status = change(u, who, "user.suspended", "ctl_user_status",
                        "suspended", 1);
    }
    return status == CTL_OK
               ? done_say(u, who->id_json, who->email, "suspended", NULL)
               : status;
}

static int activate(const user_t *u, const person_t *who)
{
    int status = own_people(u);

    if (status == CTL_OK) {
        status = change(u, who, "user.activated", "ctl_user_status", "active",
                        0);
    }
    return status == CTL_OK
               ? done_say(u, who->id_json, who->email, "active", NULL)
               : status;
}

static int log_out(const user_t *u, const person_t *who)
{
    int status = change(u, who, "user.loggedout", NULL, NULL, 1);

    return status == CTL_OK ? done_say(u, who->id_json, who->email,
                                       "logged out everywhere", NULL)
                            : status;
}

static int show(const user_t *u, const person_t *who)
{
    int found;

    return rows_say(u, who->id_json, &found);
}

/* --- the command --- */

/* What is done to one person. */
static const struct {
    const char *word;
    int (*run)(const user_t *u, const person_t *who);
} deeds[] = { { "show", show },       { "password", password },
              { "suspend", suspend }, { "activate", activate },
              { "logout", log_out },  { NULL, NULL } };

static int user_run(const user_t *u, const ctl_words_t *words)
{
    const char *verb = words->word[0];
    person_t who;
    int status;

    if (!strcmp(verb, "list")) {
        return list(u);
    }
    if (!strcmp(verb, "add")) {
        return add(u, words->word[1]);
    }
    status = person_find(&who, u, words->word[1]);
    for (int i = 0; status == CTL_OK && deeds[i].word != NULL; i++) {
        if (!strcmp(verb, deeds[i].word)) {
            return deeds[i].run(u, &who);
        }
    }
    return status;
}

/* Whether the words are one of the ways to call it. */
static int words_check(const ctl_words_t *words)
{
    int known = 0, wanted = 2;

    if (words->n == 0) {
        return ctl_usage(COMMAND, "say what to do");
    }
    if (!strcmp(words->word[0], "list")) {
        known = 1;
        wanted = 1;
    }
    known |= !strcmp(words->word[0], "add");
    for (int i = 0; deeds[i].word != NULL; i++) {
        known |= !strcmp(words->word[0], deeds[i].word);
    }
    if (!known) {
        return ctl_usage(COMMAND, "there is no '%s'", words->word[0]);
    }
    if (words->n < wanted) {
        return ctl_usage(COMMAND, "%s whom?", words->word[0]);
    }
    return words->n == wanted
               ? CTL_OK
               : ctl_usage(COMMAND, "'%s' is one argument too many",
                           words->word[wanted]);
}

int ctl_user(int argc, const char *const *argv, apr_pool_t *p)
{
    user_t u = { .p = p };
    const ctl_opt_t opts[] = { { "role", &u.role, NULL, "list,add" },
                               { "name", &u.name, NULL, "add" },
                               { "locale", &u.locale, NULL, "add" },
                               { "password-stdin", NULL, &u.from_stdin, "add,password" },
                               { "json", NULL, &u.json, NULL },
                               { "database", &u.given.database, NULL, NULL },
                               { "config", &u.given.config, NULL, NULL },
                               { NULL, NULL, NULL, NULL } };
    ctl_words_t words;
    int done = 0;
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done || (status = words_check(&words)) != CTL_OK ||
        (status = ctl_options_fit(opts, words.word[0], COMMAND)) != CTL_OK ||
        (!strcmp(words.word[0], "add") &&
         (status = add_check(&u, words.word[1])) != CTL_OK) ||
        (status = ctl_open(&u.db, &u.given, COMMAND, p)) != CTL_OK ||
        (status = ctl_adapted(&u.adapted, u.db, p)) != CTL_OK) {
        return status;
    }
    return user_run(&u, &words);
}
