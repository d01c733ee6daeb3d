/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - data keys; see keys.h. What is remembered is in a table of fixed
 * size by hash: a key that falls on another's place takes it, and is asked for
 * anew.
 */
#include "keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#define ID_MAX (CHAT_SEAL_ID - 1) /* of a conversation */
#define ELSEWHERE                                                              \
    "a sealed text was changed, belongs elsewhere, or is another key's"

/* A key, by its own id. */
typedef struct {
    char key_id[CHAT_SEAL_KEY_ID]; /* "": free */
    chat_seal_key_t key;
} known_t;

/* Which key is a conversation's newest. */
typedef struct {
    char conversation[ID_MAX + 1];
    char key_id[CHAT_SEAL_KEY_ID];
    apr_time_t until;
} newest_t;

struct chat_keys_t {
    const chat_keyring_t *ring;
    chat_db_t *db;
    pthread_mutex_t lock; /* over the two tables */
    known_t known[CHAT_KEYS_MAX];
    newest_t newest[CHAT_KEYS_MAX];
};

static unsigned place(const char *id)
{
    apr_ssize_t len = APR_HASH_KEY_STRING;

    return apr_hashfunc_default(id, &len) % CHAT_KEYS_MAX;
}

static apr_status_t forget(void *data)
{
    chat_keys_t *keys = data;

    OPENSSL_cleanse(keys->known, sizeof(keys->known));
    pthread_mutex_destroy(&keys->lock);
    return APR_SUCCESS;
}

apr_status_t chat_keys_create(chat_keys_t **keys, const chat_keyring_t *ring,
                              chat_db_t *db, apr_pool_t *p)
{
    chat_keys_t *k = apr_pcalloc(p, sizeof(*k));

    k->ring = ring;
    k->db = db;
    if (pthread_mutex_init(&k->lock, NULL) != 0) {
        return APR_ENOLOCK;
    }
    apr_pool_cleanup_register(p, k, forget, apr_pool_cleanup_null);
    *keys = k;
    return APR_SUCCESS;
}

/* --- what is remembered --- */

static int recall(chat_seal_key_t *key, chat_keys_t *keys, const char *key_id)
{
    known_t *one = &keys->known[place(key_id)];
    int found;

    pthread_mutex_lock(&keys->lock);
    found = strcmp(one->key_id, key_id) == 0;
    if (found) {
        *key = one->key;
    }
    pthread_mutex_unlock(&keys->lock);
    return found;
}

static void remember(chat_keys_t *keys, const char *key_id,
                     const chat_seal_key_t *key)
{
    known_t *one = &keys->known[place(key_id)];

    pthread_mutex_lock(&keys->lock);
    apr_cpystrn(one->key_id, key_id, sizeof(one->key_id));
    one->key = *key;
    pthread_mutex_unlock(&keys->lock);
}

static int recall_newest(char *key_id, chat_keys_t *keys,
                         const char *conversation)
{
    newest_t *one = &keys->newest[place(conversation)];
    int found;

    pthread_mutex_lock(&keys->lock);
    found = strcmp(one->conversation, conversation) == 0 &&
            one->until > apr_time_now();
    if (found) {
        memcpy(key_id, one->key_id, CHAT_SEAL_KEY_ID);
    }
    pthread_mutex_unlock(&keys->lock);
    return found;
}

static void remember_newest(chat_keys_t *keys, const char *conversation,
                            const char *key_id)
{
    newest_t *one = &keys->newest[place(conversation)];

    pthread_mutex_lock(&keys->lock);
    apr_cpystrn(one->conversation, conversation, sizeof(one->conversation));
    apr_cpystrn(one->key_id, key_id, sizeof(one->key_id));
    one->until = apr_time_now() + CHAT_KEYS_NEWEST;
    pthread_mutex_unlock(&keys->lock);
}

/* --- asking for them --- */

static const char *about(const char *conversation, apr_pool_t *p)
{
    return apr_pstrcat(p, "conversation ", conversation, NULL);
}

static apr_status_t away(const char **why, apr_status_t rv)
{
    *why = chat_db_error(NULL);
    return rv;
}

apr_status_t chat_keys_get(chat_seal_key_t *key, chat_keys_t *keys,
                           const char *key_id, const char **why, apr_pool_t *p)
{
    chat_db_value_t value = chat_db_int(apr_atoi64(key_id));
    chat_db_result_t *res;
    apr_status_t rv;

    if (recall(key, keys, key_id)) {
        return APR_SUCCESS;
    }
    rv = chat_db_query(&res, keys->db, "key_by_id", &value, 1, p);
    if (rv != APR_SUCCESS) {
        return away(why, rv);
    }
    if (chat_db_rows(res) == 0 || strlen(chat_db_get(res, 0, 1)) > ID_MAX) {
        *why = apr_psprintf(p, "there is no data key %s", key_id);
        return APR_NOTFOUND;
    }
    apr_cpystrn(key->conversation, chat_db_get(res, 0, 1),
                sizeof(key->conversation));
    if (!chat_keyring_unwrap(keys->ring, key->bytes, chat_db_get(res, 0, 0),
                             about(key->conversation, p), why, p)) {
        return APR_EGENERAL;
    }
    remember(keys, key_id, key);
    return APR_SUCCESS;
}

apr_status_t chat_keys_find(unsigned char key[CHAT_SEAL_KEY], chat_keys_t *keys,
                            const char *key_id, const char **why, apr_pool_t *p)
{
    chat_seal_key_t whole;
    apr_status_t rv = chat_keys_get(&whole, keys, key_id, why, p);

    if (rv == APR_SUCCESS) {
        memcpy(key, whole.bytes, CHAT_SEAL_KEY);
        OPENSSL_cleanse(&whole, sizeof(whole));
    }
    return rv;
}

/* A new key for a conversation. */
static apr_status_t make(unsigned char *key, char *key_id, chat_keys_t *keys,
                         chat_db_value_t conversation, const char *id,
                         const char **why, apr_pool_t *p)
{
    chat_db_value_t args[] = { conversation, chat_db_null() };
    chat_seal_key_t whole;
    chat_db_result_t *res;
    const char *wrapped;
    apr_status_t rv;

    if (RAND_bytes(key, CHAT_SEAL_KEY) != 1) {
        *why = "the system gives no randomness";
        return APR_EGENERAL;
    }
    wrapped = chat_keyring_wrap(keys->ring, key, about(id, p), why, p);
    if (wrapped == NULL) {
        return APR_EGENERAL;
    }
    args[1] = chat_db_text(wrapped);
    rv = chat_db_query(&res, keys->db, "key_insert", args, 2, p);
    if (rv != APR_SUCCESS) {
        return away(why, rv);
    }
    apr_cpystrn(key_id, chat_db_get(res, 0, 0), CHAT_SEAL_KEY_ID);
    memcpy(whole.bytes, key, CHAT_SEAL_KEY);
    apr_cpystrn(whole.conversation, id, sizeof(whole.conversation));
    remember(keys, key_id, &whole);
    OPENSSL_cleanse(&whole, sizeof(whole));
    return APR_SUCCESS;
}

apr_status_t chat_keys_newest(unsigned char key[CHAT_SEAL_KEY],
                              char key_id[CHAT_SEAL_KEY_ID], chat_keys_t *keys,
                              chat_db_value_t conversation, const char *id,
                              const char **why, apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv;

    if (strlen(id) > ID_MAX) {
        *why = "a conversation's id is longer than 64 characters";
        return APR_EINVAL;
    }
    if (recall_newest(key_id, keys, id)) {
        return chat_keys_find(key, keys, key_id, why, p);
    }
    rv = chat_db_query(&res, keys->db, "key_newest", &conversation, 1, p);
    if (rv != APR_SUCCESS) {
        return away(why, rv);
    }
    if (chat_db_rows(res) == 0) {
        rv = make(key, key_id, keys, conversation, id, why, p);
    }
    else {
        apr_cpystrn(key_id, chat_db_get(res, 0, 0), CHAT_SEAL_KEY_ID);
        rv = chat_keys_find(key, keys, key_id, why, p);
    }
    if (rv == APR_SUCCESS) {
        remember_newest(keys, id, key_id);
    }
    return rv;
}

/* --- texts --- */

apr_status_t chat_keys_seal(const char **sealed, chat_keys_t *keys,
                            chat_db_value_t conversation,
                            const chat_seal_about_t *what, const char *text,
                            const char **why, apr_pool_t *p)
{
    unsigned char key[CHAT_SEAL_KEY];
    char key_id[CHAT_SEAL_KEY_ID];
    apr_status_t rv = chat_keys_newest(key, key_id, keys, conversation,
                                       what->conversation, why, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *sealed = chat_seal_text(key, key_id, what, text, strlen(text), p);
    OPENSSL_cleanse(key, sizeof(key));
    if (*sealed == NULL) {
        *why = "OpenSSL has no AES-256-GCM, or the system no randomness";
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

const char *chat_keys_open(chat_keys_t *keys, const char *text,
                           const chat_seal_about_t *where, const char **why,
                           apr_pool_t *p)
{
    const char *plain = NULL;
    chat_sealed_t sealed;
    chat_seal_key_t key;
    apr_size_t len;

    *why = NULL;
    if (!chat_sealed_parse(&sealed, text, strlen(text))) {
        return text;
    }
    if (chat_keys_get(&key, keys, sealed.key_id, why, p) != APR_SUCCESS) {
        return "";
    }
    if (chat_sealed_fits(&sealed, key.conversation, where)) {
        plain = chat_seal_open(&len, &key, &sealed, p);
    }
    OPENSSL_cleanse(&key, sizeof(key));
    if (plain == NULL) {
        *why = ELSEWHERE;
        return "";
    }
    return plain;
}

/* What opening a JSON text needs. */
typedef struct {
    chat_keys_t *keys;
    const char *why;
    chat_seal_key_t key;
    apr_pool_t *p;
} finding_t;

static const chat_seal_key_t *find(void *baton, const char *key_id)
{
    finding_t *f = baton;

    return chat_keys_get(&f->key, f->keys, key_id, &f->why, f->p) == APR_SUCCESS
               ? &f->key
               : NULL;
}

const char *chat_keys_open_json(chat_keys_t *keys, const char *json,
                                const char *conversation, const char **why,
                                apr_pool_t *p)
{
    finding_t f = { .keys = keys, .p = p };
    int failed = 0;

    json = chat_seal_open_json(json, conversation, find, &f, &failed, p);
    OPENSSL_cleanse(&f.key, sizeof(f.key));
    *why = failed == 0 ? NULL : f.why != NULL ? f.why : ELSEWHERE;
    return json;
}
