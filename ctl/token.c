/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.c - chatctl token: bearer tokens, as Sanctum's table keeps them.
 *
 * A token is printed once, when it is made; the table has its digest only. Each
 * change leaves an entry in the audit log.
 */
#include "options.h"
#include "secret.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "token"
#define NAME_MAX_BYTES 255
#define ABILITIES_MAX 20 /* as POST /chat/token has it */
#define TOKEN_BYTES 32

static const char help[] =
    "usage: chatctl token list [--user WHO]\n"
    "       chatctl token create --user WHO [--name NAME] [--abilities A,B]\n"
    "                            [--expires TIME]\n"
    "       chatctl token revoke ID\n"
    "       ... (--database TARGET | --config FILE) [--json]\n"
    "\n"
    "Bearer tokens, by which phones and programs are somebody. One that is "
    "revoked is\n"
    "good for nothing at once, and its sockets are closed.\n"
    "\n"
    "  --user WHO         whose: an e-mail address or an id\n"
    "  --name NAME        what it is for; chatctl\n"
    "  --abilities A,B    what it may be used for; * is everything; *\n"
    "  --expires TIME     how long it is good: 90s, 15m, 12h or 30d; for ever\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://…\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             print JSON objects, one a line\n"
    "\n"
    "Exit status: 0 done, 1 failed or there is none, 2 wrong arguments.\n";

typedef struct {
    ctl_target_t given;
    const char *user, *name, *abilities, *expires;
    int json;
    chat_db_t *db;
    apr_pool_t *p;
} token_t;

enum {
    COL_ID,
    COL_USER,
    COL_EMAIL,
    COL_NAME,
    COL_ABILITIES,
    COL_CREATED,
    COL_USED,
    COL_ENDS
};

/* @param id  of the user, as text; NULL when no --user was given */
static int user_find(const char **id, const token_t *t)
{
    chat_db_value_t value = chat_db_text(t->user);
    chat_db_result_t *res;
    int status;

    *id = NULL;
    if (t->user == NULL) {
        return CTL_OK;
    }
    status = ctl_query(&res, t->db, "ctl_user", &value, 1, t->p);
    if (status == CTL_OK && chat_db_rows(res) == 0) {
        return ctl_fail("nobody has the e-mail address or the id '%s'",
                        t->user);
    }
    *id = status == CTL_OK ? chat_db_get(res, 0, 0) : NULL;
    return status;
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static void row_say(const token_t *t, const chat_db_result_t *res, int row)
{
    if (t->json) {
        ctl_json_line(
            json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                      (json_int_t)chat_db_get_int(res, row, COL_ID, 0),
                      "user_id", ctl_json_field(res, row, COL_USER), "email",
                      ctl_json_text(res, row, COL_EMAIL), "name",
                      ctl_json_text(res, row, COL_NAME), "abilities",
                      ctl_json_field(res, row, COL_ABILITIES), "created_at",
                      ctl_json_text(res, row, COL_CREATED), "last_used_at",
                      ctl_json_text(res, row, COL_USED), "expires_at",
                      ctl_json_text(res, row, COL_ENDS)));
        return;
    }
    ctl_say("%-6s %-32s %-24s used %-24s ends %s",
            chat_db_get(res, row, COL_ID),
            or_dash(chat_db_get(res, row, COL_EMAIL)),
            or_dash(chat_db_get(res, row, COL_NAME)),
            or_dash(chat_db_get(res, row, COL_USED)),
            or_dash(chat_db_get(res, row, COL_ENDS)));
}

static int list(const token_t *t)
{
    chat_db_value_t args[] = { chat_db_null(), chat_db_int(0) };
    const char *user;
    int status = user_find(&user, t);
    int n = 1;

    args[0] = chat_db_text(user);
    while (status == CTL_OK && n > 0) {
        chat_db_result_t *res;
        apr_pool_t *page;

        apr_pool_create(&page, t->p);
        status = ctl_query(&res, t->db, "ctl_tokens", args, 2, page);
        n = status == CTL_OK ? chat_db_rows(res) : 0;
        for (int i = 0; i < n; i++) {
            row_say(t, res, i);
        }
        if (n > 0) {
            args[1] = chat_db_int(chat_db_get_int(res, n - 1, COL_ID, 0));
        }
        apr_pool_destroy(page);
    }
    return status;
}

/* As POST /chat/token takes it. */
static int ability_valid(const char *one)
{
    apr_size_t len = strlen(one);

    return !strcmp(one, "*") ||
           (len > 0 && len <= 64 &&
            strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789:._-") == len);
}

/* "a,b" as a JSON list, from the pool; NULL: said already. */
static const char *abilities_read(const token_t *t)
{
    const char *rest = t->abilities != NULL ? t->abilities : "*";
    json_t *all = json_array();
    const char *text = NULL;
    char *out;

    while (*rest != '\0') {
        apr_size_t len = strcspn(rest, ",");
        const char *one = apr_pstrmemdup(t->p, rest, len);
        int last = rest[len] == '\0';

        if (!ability_valid(one) || (!last && rest[len + 1] == '\0') ||
            json_array_size(all) == ABILITIES_MAX) {
            json_decref(all);
            ctl_usage(COMMAND,
                      "--abilities is a list like chat:read,chat:write"
                      ", not '%s'",
                      t->abilities);
            return NULL;
        }
        json_array_append_new(all, json_string(one));
        rest += len + !last;
    }
    out = json_dumps(all, JSON_COMPACT);
    text = out != NULL ? apr_pstrdup(t->p, out) : NULL;
    free(out);
    json_decref(all);
    return text;
}

static int created_say(const token_t *t, const char *id, const char *secret)
{
    const char *token = apr_pstrcat(t->p, id, "|", secret, NULL);

    if (t->json) {
        ctl_json_line(json_pack("{s:I, s:s}", "id", (json_int_t)apr_atoi64(id),
                                "token", token));
    }
    else {
        ctl_say("%s", token);
    }
    return CTL_OK;
}

static int create(const token_t *t)
{
    const char *name = t->name != NULL ? t->name : "chatctl";
    const char *user, *abilities, *secret, *id;
    char digest[CHAT_SHA256_HEX];
    chat_db_conn_t *conn;
    apr_int64_t seconds = 0;
    chat_db_result_t *res;
    chat_db_value_t args[5];
    int status;

    if (t->user == NULL) {
        return ctl_usage(COMMAND, "say --user WHO");
    }
    abilities = abilities_read(t);
    if (abilities == NULL ||
        ctl_text(name, NAME_MAX_BYTES, COMMAND, "--name") != CTL_OK ||
        (t->expires != NULL &&
         ctl_seconds(&seconds, t->expires, COMMAND, "expires") != CTL_OK)) {
        return CTL_USAGE;
    }
    status = user_find(&user, t);
    secret = chat_secret_token(TOKEN_BYTES, t->p);
    if (status != CTL_OK || secret == NULL) {
        return status != CTL_OK ? status
                                : ctl_fail("the system gives no randomness");
    }
    chat_sha256_hex(digest, secret, strlen(secret));
    args[0] = chat_db_text(user);
    args[1] = chat_db_text(name);
    args[2] = chat_db_text(digest);
    args[3] = chat_db_text(abilities);
    args[4] = chat_db_int(seconds);
    status = ctl_change_begin(&conn, t->db);
    if (status != CTL_OK) {
        return status;
    }
    /* What fails is remembered, and the end says it. */
    id = chat_db_run(&res, conn, "ctl_token_add", args, 5, t->p) == APR_SUCCESS
             ? chat_db_get(res, 0, 0)
             : "";
    status = ctl_change_end(conn, t->db, "token.created", "",
                            apr_psprintf(t->p, "token %s of user %.64s", id,
                                         user),
                            t->p);
    return status == CTL_OK ? created_say(t, id, secret) : status;
}

static int revoke_one(const token_t *t, const char *text)
{
    chat_db_value_t value;
    chat_db_conn_t *conn;
    chat_db_result_t *res;
    apr_int64_t id;
    int none, status = ctl_number(&id, text, APR_INT64_MAX, COMMAND, "ID");

    if (status != CTL_OK) {
        return status;
    }
    value = chat_db_int(id);
    status = ctl_change_begin(&conn, t->db);
    if (status != CTL_OK) {
        return status;
    }
    none = chat_db_run(&res, conn, "ctl_token_end", &value, 1, t->p) ==
               APR_SUCCESS &&
           chat_db_rows(res) == 0;
    status = ctl_change_end(conn, t->db, none ? NULL : "token.revoked", "",
                            apr_psprintf(t->p, "token %" APR_INT64_T_FMT, id),
                            t->p);
    if (status != CTL_OK || none) {
        return none ? ctl_fail("there is no token %s", text) : status;
    }
    if (t->json) {
        ctl_json_line(
            json_pack("{s:I, s:s}", "id", (json_int_t)id, "status", "revoked"));
    }
    else {
        ctl_say("token %s revoked", text);
    }
    return CTL_OK;
}

/* Whether the words are one of the ways to call it. */
static int words_check(const ctl_words_t *words)
{
    static const struct {
        const char *verb;
        int n;
    } ways[] = { { "list", 1 }, { "create", 1 }, { "revoke", 2 } };

    if (words->n == 0) {
        return ctl_usage(COMMAND, "say list, create or revoke");
    }
    for (int i = 0; i < 3; i++) {
        if (!strcmp(words->word[0], ways[i].verb)) {
            return words->n == ways[i].n ? CTL_OK
                   : words->n < ways[i].n
                       ? ctl_usage(COMMAND, "revoke which?")
                       : ctl_usage(COMMAND, "'%s' is one argument too many",
                                   words->word[ways[i].n]);
        }
    }
    return ctl_usage(COMMAND, "there is no '%s'", words->word[0]);
}

int ctl_token(int argc, const char *const *argv, apr_pool_t *p)
{
    token_t t = { .p = p };
    const ctl_opt_t opts[] = { { "user", &t.user, NULL, "list,create" },
                               { "name", &t.name, NULL, "create" },
                               { "abilities", &t.abilities, NULL, "create" },
                               { "expires", &t.expires, NULL, "create" },
                               { "json", NULL, &t.json, NULL },
                               { "database", &t.given.database, NULL, NULL },
                               { "config", &t.given.config, NULL, NULL },
                               { NULL, NULL, NULL, NULL } };
    ctl_words_t words;
    int done = 0;
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done || (status = words_check(&words)) != CTL_OK ||
        (status = ctl_options_fit(opts, words.word[0], COMMAND)) != CTL_OK ||
        (status = ctl_open(&t.db, &t.given, COMMAND, p)) != CTL_OK) {
        return status;
    }
    return !strcmp(words.word[0], "list")     ? list(&t)
           : !strcmp(words.word[0], "create") ? create(&t)
                                              : revoke_one(&t, words.word[1]);
}
