/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the data keys of conversations: made, kept wrapped in chat_keys, and
 * remembered unwrapped by this process.
 *
 * A conversation has a key from the first text that is sealed in it; it may get
 * another one, and texts name theirs. Unwrapping asks the keyring, which may
 * run a program: it is done once for each key and process, and at most
 * CHAT_KEYS_MAX are remembered. Safe from every thread; no lock is held while
 * the database or the keyring is asked.
 */
#ifndef CHAT_KEYS_H
#define CHAT_KEYS_H

#include "db.h"
#include "keyring.h"
#include "seal_json.h"

#define CHAT_KEYS_MAX 4096
#define CHAT_KEYS_NEWEST                                                       \
    apr_time_from_sec(60) /* how long one stays the newest */

typedef struct chat_keys_t chat_keys_t;

/** What is remembered lives in p and is wiped with it. @param db  must outlive
 * it
 */
apr_status_t chat_keys_create(chat_keys_t **keys, const chat_keyring_t *ring,
                              chat_db_t *db, apr_pool_t *p);

/**
 * The key that a conversation's new texts are sealed with; made when it has
 * none.
 * @param id  its id as the database writes it
 * @param key_id  set to the key's id
 * @param why  a sentence for the log when not APR_SUCCESS, from p
 */
apr_status_t chat_keys_newest(unsigned char key[CHAT_SEAL_KEY],
                              char key_id[CHAT_SEAL_KEY_ID], chat_keys_t *keys,
                              chat_db_value_t conversation, const char *id,
                              const char **why, apr_pool_t *p);

/** A key by its id, and whose it is.
 * @return APR_NOTFOUND when there is none of that id */
apr_status_t chat_keys_get(chat_seal_key_t *key, chat_keys_t *keys,
                           const char *key_id, const char **why, apr_pool_t *p);

/** The bytes of it alone. */
apr_status_t chat_keys_find(unsigned char key[CHAT_SEAL_KEY], chat_keys_t *keys,
                            const char *key_id, const char **why,
                            apr_pool_t *p);

/**
 * Seal a text with its conversation's newest key.
 * @param conversation  about->conversation as a value of the database
 * @param about   every field is set
 * @param sealed  from p
 */
apr_status_t chat_keys_seal(const char **sealed, chat_keys_t *keys,
                            chat_db_value_t conversation,
                            const chat_seal_about_t *about, const char *text,
                            const char **why, apr_pool_t *p);

/**
 * A text out of a row: opened when it is a sealed one, else as it is.
 * @param where  what the row says it should be; NULL in a field: it does not say
 * @return from p; "" when it cannot be opened or belongs elsewhere, and why
 *         says so; why is NULL otherwise
 */
const char *chat_keys_open(chat_keys_t *keys, const char *text,
                           const chat_seal_about_t *where, const char **why,
                           apr_pool_t *p);

/**
 * Open all sealed strings of a JSON text (chat_seal_open_json).
 * @param conversation  whose they are where the JSON does not say; NULL: nobody
 *             knows
 * @param why  of the last one that could not be opened; NULL: all were
 */
const char *chat_keys_open_json(chat_keys_t *keys, const char *json,
                                const char *conversation, const char **why,
                                apr_pool_t *p);

#endif
