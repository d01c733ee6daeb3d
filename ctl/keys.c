/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - chatctl keys: the data keys of conversations, and the key that wraps
 * them.
 *
 * To take another wrapping key: put its line first in the file (or let the
 * program wrap with it), reload httpd and chat-push, `chatctl keys rotate`, and
 * when that has said that none is left, take the old line away. What is sealed
 * stays as it is; a data key itself is replaced by `chatctl keys renew`, for
 * what comes then.
 */
#include "keyring.h"
#include "options.h"
#include "reseal.h"
#include "sealed_texts.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "keys"

static const char help[] =
    "usage: chatctl keys check | verify [CONVERSATION] | rotate\n"
    "       chatctl keys renew CONVERSATION\n"
    "       chatctl keys reseal CONVERSATION [--files DIR] [--open]\n"
    "       --keys SETTING (--database TARGET | --config FILE) [--json]\n"
    "\n"
    "The keys that texts and files of conversations are sealed with "
    "(ChatKeys), each\n"
    "wrapped by a key that is not in the database. check unwraps all of them; "
    "verify\n"
    "opens every sealed text and says which were changed or belong elsewhere; "
    "rotate\n"
    "wraps anew, with the first key of the file, those that another one had "
    "wrapped;\n"
    "renew gives a conversation another key for what is written from a minute "
    "on;\n"
    "reseal seals its texts with the newest key, and with --files its files, "
    "also\n"
    "those from before there were keys.\n"
    "\n"
    "  --files DIR        where attachments are (ChatFiles)\n"
    "  --open             also texts that lie open: those from before there "
    "were keys,\n"
    "                     titles, what another program wrote. Searches find "
    "them no more\n"
    "  --keys SETTING     file:/path or command:/path, as ChatKeys has it\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://…\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             print a JSON object\n"
    "\n"
    "Exit status: 0 done, 1 failed, or a key or text cannot be opened, 2 wrong\n"
    "arguments.\n";

typedef struct {
    ctl_target_t given;
    const char *setting, *files;
    int json, rotate, open;
    chat_keyring_t *ring;
    chat_db_t *db;
    json_int_t seen, changed, lost;
    apr_pool_t *p;
} keys_t;

static const char *about(const char *conversation, apr_pool_t *p)
{
    return apr_pstrcat(p, "conversation ", conversation, NULL);
}

/* Wrap a key anew unless it is wrapped so already. */
static int rewrap(keys_t *k, apr_int64_t id, const char *wrapped,
                  const char *what, const unsigned char *key, apr_pool_t *p)
{
    chat_db_value_t args[3];
    const char *anew, *why = "";
    chat_db_result_t *res;
    int status;

    if (chat_keyring_current(k->ring, wrapped) &&
        strncmp(k->setting, "file:", 5) == 0) {
        return CTL_OK;
    }
    anew = chat_keyring_wrap(k->ring, key, what, &why, p);
    if (anew == NULL) {
        return ctl_fail("%s", why);
    }
    args[0] = chat_db_int(id);
    args[1] = chat_db_text(wrapped);
    args[2] = chat_db_text(anew);
    status = ctl_query(&res, k->db, "key_rewrap", args, 3, p);
    k->changed += status == CTL_OK && chat_db_rows(res) > 0;
    return status;
}

static int key_take(keys_t *k, const chat_db_result_t *res, int row,
                    apr_pool_t *p)
{
    unsigned char key[CHAT_SEAL_KEY];
    const char *wrapped = chat_db_get(res, row, 1), *why = "";
    const char *what = about(chat_db_get(res, row, 2), p);
    int status = CTL_OK;

    k->seen++;
    if (!chat_keyring_unwrap(k->ring, key, wrapped, what, &why, p)) {
        k->lost++;
        ctl_fail("%s", why);
        return CTL_OK;
    }
    if (k->rotate) {
        status = rewrap(k, chat_db_get_int(res, row, 0, 0), wrapped, what, key,
                        p);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return status;
}

/* What was done is in the audit log. */
static int note(const keys_t *k, const char *action, const char *conversation,
                const char *object)
{
    chat_db_conn_t *conn;
    int status = ctl_change_begin(&conn, k->db);

    return status == CTL_OK ? ctl_change_end(conn, k->db, action, conversation,
                                             object, k->p)
                            : status;
}

/* Every key, a page at a time. */
static int all(keys_t *k)
{
    chat_db_value_t from = chat_db_int(0);
    int status = CTL_OK, n = 1;

    while (status == CTL_OK && n > 0) {
        chat_db_result_t *res;
        apr_pool_t *page;

        apr_pool_create(&page, k->p);
        status = ctl_query(&res, k->db, "keys_all", &from, 1, page);
        n = status == CTL_OK ? chat_db_rows(res) : 0;
        for (int i = 0; i < n && status == CTL_OK; i++) {
            status = key_take(k, res, i, page);
        }
        if (n > 0) {
            from = chat_db_int(chat_db_get_int(res, n - 1, 0, 0));
        }
        apr_pool_destroy(page);
    }
    if (status == CTL_OK && k->changed > 0) {
        status = note(k, "keys.rewrapped", "",
                      apr_psprintf(k->p, "%" APR_INT64_T_FMT " keys",
                                   (apr_int64_t)k->changed));
    }
    if (status != CTL_OK) {
        return status;
    }
    if (k->json) {
        ctl_json_line(json_pack("{s:I, s:I, s:I}", "keys", k->seen, "rewrapped",
                                k->changed, "lost", k->lost));
    }
    else {
        ctl_say("%" APR_INT64_T_FMT " keys, %" APR_INT64_T_FMT
                " wrapped anew, %" APR_INT64_T_FMT " that cannot be unwrapped",
                (apr_int64_t)k->seen, (apr_int64_t)k->changed,
                (apr_int64_t)k->lost);
    }
    return k->lost == 0 ? CTL_OK : CTL_FAILED;
}

/* An id as a value: a number when it looks like one. */
static chat_db_value_t id_value(const char *id)
{
    return strspn(id, "0123456789") == strlen(id) && strlen(id) < 19
               ? chat_db_int(apr_atoi64(id))
               : chat_db_text(id);
}

/* A conversation's id as the database has it: keys and texts are sealed for that.
 * @return CTL_OK, else said already */
static int conversation_find(const char **id, const keys_t *k, const char *given)
{
    chat_db_value_t value = id_value(given);
    chat_db_result_t *res;
    apr_status_t rv = chat_db_query(&res, k->db, "care_exists", &value, 1, k->p);

    if (rv == CHAT_DB_EINPUT || (rv == APR_SUCCESS && chat_db_rows(res) == 0)) {
        return ctl_fail("there is no conversation %s", given);
    }
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(chat_db_engine(k->db), NULL, rv);
    }
    *id = chat_db_get(res, 0, 0);
    return CTL_OK;
}

static int renew(const keys_t *k, const char *conversation)
{
    unsigned char key[CHAT_SEAL_KEY];
    chat_db_value_t args[2];
    const char *wrapped, *why = "", *id;
    chat_db_conn_t *conn;
    chat_db_result_t *res;
    int status;

    if (RAND_bytes(key, sizeof(key)) != 1) {
        return ctl_fail("the system gives no randomness");
    }
    wrapped = chat_keyring_wrap(k->ring, key, about(conversation, k->p), &why,
                                k->p);
    OPENSSL_cleanse(key, sizeof(key));
    if (wrapped == NULL) {
        return ctl_fail("%s", why);
    }
    args[0] = id_value(conversation);
    args[1] = chat_db_text(wrapped);
    status = ctl_change_begin(&conn, k->db);
    if (status != CTL_OK) {
        return status;
    }
    /* What fails is remembered, and the end says it. */
    id = chat_db_run(&res, conn, "key_insert", args, 2, k->p) == APR_SUCCESS
             ? chat_db_get(res, 0, 0)
             : "";
    status = ctl_change_end(conn, k->db, "keys.renewed", conversation,
                            apr_psprintf(k->p, "key %s", id), k->p);
    if (status != CTL_OK) {
        return status;
    }
    if (k->json) {
        ctl_json_line(json_pack("{s:s, s:I}", "conversation_id", conversation,
                                "key",
                                (json_int_t)apr_atoi64(id)));
    }
    else {
        ctl_say("conversation %s has key %s", conversation, id);
    }
    return CTL_OK;
}

/* The session of a command that goes through texts, and their keys. */
static int texts_start(ctl_texts_t *t, ctl_session_t *s, const keys_t *k)
{
    int status = ctl_session_open(s, &k->given, t->write, COMMAND, k->p);

    t->s = s;
    if (status == CTL_OK &&
        chat_keys_create(&t->keys, k->ring, k->db, k->p) != APR_SUCCESS) {
        return ctl_fail("out of memory");
    }
    return status;
}

static json_t *texts_json(const ctl_texts_t *t)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "sealed", (json_int_t)t->sealed,
                     "before", (json_int_t)t->before, "clear",
                     (json_int_t)t->clear, "shut", (json_int_t)t->shut);
}

static void reseal_say(const keys_t *k, const char *conversation,
                       const ctl_texts_t *t, const ctl_reseal_t *done)
{
    if (k->json) {
        ctl_json_line(json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}",
                                "conversation_id", conversation, "sealed",
                                (json_int_t)done->sealed, "before",
                                (json_int_t)done->before, "left",
                                (json_int_t)done->left, "lost",
                                (json_int_t)done->lost, "texts",
                                texts_json(t)));
        return;
    }
    ctl_say("%" APR_INT64_T_FMT " texts sealed, %" APR_INT64_T_FMT
            " were so, %" APR_INT64_T_FMT " lie open, %" APR_INT64_T_FMT
            " cannot be opened",
            t->sealed, t->before, t->clear, t->shut);
    if (k->files != NULL) {
        ctl_say("%" APR_INT64_T_FMT " files sealed, %" APR_INT64_T_FMT
                " were so, %" APR_INT64_T_FMT " to be tried again, "
                "%" APR_INT64_T_FMT " that are not there or cannot be opened",
                done->sealed, done->before, done->left, done->lost);
    }
}

static int reseal(const keys_t *k, const char *conversation)
{
    ctl_reseal_t done = { .sealed = 0 };
    ctl_texts_t t = { .write = 1, .open = k->open };
    ctl_session_t s;
    int status = texts_start(&t, &s, k);

    if (status == CTL_OK) {
        status = ctl_texts(&t, conversation);
    }
    if (status == CTL_OK && k->files != NULL) {
        status = ctl_reseal(&done, k->db, k->ring, conversation, k->files,
                            k->p);
    }
    if (status == CTL_OK && t.sealed + done.sealed > 0) {
        status = note(k, "keys.resealed", conversation,
                      apr_psprintf(k->p, "%" APR_INT64_T_FMT " texts, %"
                                   APR_INT64_T_FMT " files",
                                   t.sealed, (apr_int64_t)done.sealed));
    }
    if (status != CTL_OK) {
        return status;
    }
    reseal_say(k, conversation, &t, &done);
    return done.left + done.lost + t.shut == 0 ? CTL_OK : CTL_FAILED;
}

/* --- whether they are where they belong --- */

static int verify_all(const keys_t *k, ctl_texts_t *t)
{
    const char *last = "0";
    int status = CTL_OK, n = 1;

    while (status == CTL_OK && n > 0) {
        chat_db_value_t from = ctl_id(last);
        chat_db_result_t *res;
        apr_pool_t *page;

        apr_pool_create(&page, k->p);
        status = ctl_query(&res, k->db, "texts_conversations", &from, 1, page);
        n = status == CTL_OK ? chat_db_rows(res) : 0;
        for (int i = 0; status == CTL_OK && i < n; i++) {
            status = ctl_texts(t, chat_db_get(res, i, 0));
        }
        last = n > 0 ? apr_pstrdup(k->p, chat_db_get(res, n - 1, 0)) : last;
        apr_pool_destroy(page);
    }
    return status;
}

static int verify(const keys_t *k, const char *conversation)
{
    ctl_texts_t t = { .write = 0 };
    ctl_session_t s;
    int status = texts_start(&t, &s, k);

    if (status == CTL_OK) {
        status = conversation != NULL ? ctl_texts(&t, conversation)
                                      : verify_all(k, &t);
    }
    if (status != CTL_OK) {
        return status;
    }
    if (k->json) {
        ctl_json_line(texts_json(&t));
    }
    else {
        ctl_say("%" APR_INT64_T_FMT " sealed texts are where they belong, "
                "%" APR_INT64_T_FMT " lie open, %" APR_INT64_T_FMT
                " cannot be opened",
                t.before, t.clear, t.shut);
    }
    return t.shut == 0 ? CTL_OK : CTL_FAILED;
}

/* Whether the words are one of the ways to call it. */
static int words_check(const ctl_words_t *words)
{
    const char *verb = words->n > 0 ? words->word[0] : "";
    int wanted = !strcmp(verb, "renew") || !strcmp(verb, "reseal") ? 2 : 1;
    int most = !strcmp(verb, "verify") ? 2 : wanted;

    if (strcmp(verb, "check") != 0 && strcmp(verb, "rotate") != 0 &&
        strcmp(verb, "verify") != 0 && wanted == 1) {
        return ctl_usage(COMMAND,
                         "say check, verify, rotate, renew or reseal");
    }
    if (words->n < wanted) {
        return ctl_usage(COMMAND, "%s which conversation's?", verb);
    }
    return words->n <= most ? CTL_OK
                            : ctl_usage(COMMAND,
                                        "'%s' is one argument too many",
                                        words->word[most]);
}

int ctl_keys(int argc, const char *const *argv, apr_pool_t *p)
{
    keys_t k = { .p = p };
    const ctl_opt_t opts[] = { { "keys", &k.setting, NULL, NULL },
                               { "files", &k.files, NULL, "reseal" },
                               { "open", NULL, &k.open, "reseal" },
                               { "json", NULL, &k.json, NULL },
                               { "database", &k.given.database, NULL, NULL },
                               { "config", &k.given.config, NULL, NULL },
                               { NULL, NULL, NULL, NULL } };
    const char *why = "", *conversation = NULL;
    ctl_words_t words;
    int done = 0;
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done || (status = words_check(&words)) != CTL_OK) {
        return status;
    }
    if (k.setting == NULL) {
        return ctl_usage(COMMAND, "say --keys SETTING");
    }
    if (ctl_options_fit(opts, words.word[0], COMMAND) != CTL_OK ||
        ctl_keys_setting(k.setting, COMMAND, "--keys") != CTL_OK ||
        ctl_directory(k.files, COMMAND, "--files") != CTL_OK) {
        return CTL_USAGE;
    }
    if (chat_keyring_open(&k.ring, k.setting, &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    status = ctl_open(&k.db, &k.given, COMMAND, p);
    if (status != CTL_OK) {
        return status;
    }
    if (words.n > 1 && (status = conversation_find(&conversation, &k,
                                                   words.word[1])) != CTL_OK) {
        return status;
    }
    k.rotate = !strcmp(words.word[0], "rotate");
    return !strcmp(words.word[0], "renew")    ? renew(&k, conversation)
           : !strcmp(words.word[0], "reseal") ? reseal(&k, conversation)
           : !strcmp(words.word[0], "verify") ? verify(&k, conversation)
                                              : all(&k);
}
