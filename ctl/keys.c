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

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "keys"

static const char help[] =
    "usage: chatctl keys check | rotate | renew CONVERSATION\n"
    "       chatctl keys reseal CONVERSATION --files DIR\n"
    "       --keys SETTING (--database TARGET | --config FILE) [--json]\n"
    "\n"
    "The keys that texts and files of conversations are sealed with "
    "(ChatKeys), "
    "each\n"
    "wrapped by a key that is not in the database. check unwraps all of them; "
    "rotate\n"
    "wraps anew, with the first key of the file, those that another one had "
    "wrapped;\n"
    "renew gives a conversation another key for what is written from a minute "
    "on;\n"
    "reseal seals its files, also those from before, with the newest key.\n"
    "\n"
    "  --files DIR        where attachments are (ChatFiles)\n"
    "  --keys SETTING     file:/path or command:/path, as ChatKeys has it\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://…\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             print a JSON object\n"
    "\n"
    "Exit status: 0 done, 1 failed or a key cannot be unwrapped, 2 wrong "
    "arguments.\n";

typedef struct {
    ctl_target_t given;
    const char *setting, *files;
    int json, rotate;
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
    if (status != CTL_OK) {
        return status;
    }
    if (k->json) {
        ctl_json_line(json_pack("{s:I, s:I, s:I}", "keys", k->seen, "rewrapped",
                                k->changed, "lost", k->lost));
    }
    else {
        ctl_say("%lld keys, %lld wrapped anew, %lld that cannot be unwrapped",
                (long long)k->seen, (long long)k->changed, (long long)k->lost);
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

static int renew(const keys_t *k, const char *conversation)
{
    unsigned char key[CHAT_SEAL_KEY];
    chat_db_value_t args[2];
    const char *wrapped, *why = "";
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
    status = ctl_query(&res, k->db, "key_insert", args, 2, k->p);
    if (status != CTL_OK) {
        return status;
    }
    if (k->json) {
        ctl_json_line(json_pack("{s:s, s:I}", "conversation_id", conversation,
                                "key",
                                (json_int_t)chat_db_get_int(res, 0, 0, 0)));
    }
    else {
        ctl_say("conversation %s has key %s", conversation,
                chat_db_get(res, 0, 0));
    }
    return CTL_OK;
}

static int reseal(const keys_t *k, const char *conversation)
{
    ctl_reseal_t done = { .sealed = 0 };
    int status = ctl_reseal(&done, k->db, k->ring, conversation, k->files,
                            k->p);

    if (status != CTL_OK) {
        return status;
    }
    if (k->json) {
        ctl_json_line(json_pack("{s:s, s:I, s:I, s:I, s:I}", "conversation_id",
                                conversation, "sealed",
                                (json_int_t)done.sealed, "before",
                                (json_int_t)done.before, "left",
                                (json_int_t)done.left, "lost",
                                (json_int_t)done.lost));
    }
    else {
        ctl_say("%" APR_INT64_T_FMT " files sealed, %" APR_INT64_T_FMT
                " were so, %" APR_INT64_T_FMT " to be tried again, "
                "%" APR_INT64_T_FMT " that are not there or cannot be opened",
                done.sealed, done.before, done.left, done.lost);
    }
    return done.left + done.lost == 0 ? CTL_OK : CTL_FAILED;
}

/* Whether the words are one of the ways to call it. */
static int words_check(const ctl_words_t *words)
{
    const char *verb = words->n > 0 ? words->word[0] : "";
    int wanted = !strcmp(verb, "renew") || !strcmp(verb, "reseal") ? 2 : 1;

    if (strcmp(verb, "check") != 0 && strcmp(verb, "rotate") != 0 &&
        strcmp(verb, "renew") != 0 && strcmp(verb, "reseal") != 0) {
        return ctl_usage(COMMAND, "say check, rotate, renew or reseal");
    }
    if (words->n < wanted) {
        return ctl_usage(COMMAND, "%s which conversation's?", verb);
    }
    return words->n == wanted
               ? CTL_OK
               : ctl_usage(COMMAND, "'%s' is one argument too many",
                           words->word[wanted]);
}

int ctl_keys(int argc, const char *const *argv, apr_pool_t *p)
{
    keys_t k = { .p = p };
    const ctl_opt_t opts[] = { { "keys", &k.setting, NULL },
                               { "files", &k.files, NULL },
                               { "json", NULL, &k.json },
                               { "database", &k.given.database, NULL },
                               { "config", &k.given.config, NULL },
                               { NULL, NULL, NULL } };
    const char *why = "";
    ctl_words_t words;
    int done = 0;
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done || (status = words_check(&words)) != CTL_OK) {
        return status;
    }
    if (k.setting == NULL) {
        return ctl_usage(COMMAND, "say --keys SETTING");
    }
    if ((k.files != NULL) != !strcmp(words.word[0], "reseal")) {
        return ctl_usage(COMMAND, "--files DIR is for reseal, which wants it");
    }
    if (chat_keyring_open(&k.ring, k.setting, &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    status = ctl_open(&k.db, &k.given, COMMAND, p);
    if (status != CTL_OK) {
        return status;
    }
    k.rotate = !strcmp(words.word[0], "rotate");
    return !strcmp(words.word[0], "renew")    ? renew(&k, words.word[1])
           : !strcmp(words.word[0], "reseal") ? reseal(&k, words.word[1])
                                              : all(&k);
}
