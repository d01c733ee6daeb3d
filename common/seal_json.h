/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_json.h - sealed texts within JSON: opened where they belong.
 *
 * A sealed text says what it is (seal.h); the object it stands in says what it
 * should be. Both are held against each other:
 *
 *   member        kind       author                        name
 *   content       message    user_id, or id of user        client_id
 *   name          file name  that of an object around it   id
 *   title         plan's, or doctor_id                     that of the object's
 *                 a conversation's (whose id must be its)  other texts
 *   description   plan's     doctor_id                     that of the others
 *   reason        plan's     not said                      that of the others
 *
 * The conversation is consultation_id, conversation_id or the id of
 * `consultation`, of this object or the nearest one around it, or what the
 * caller says. What an object does not say is not asked. A text that cannot be
 * opened, or that belongs elsewhere, becomes "", and its object gets a member
 * `"unreadable":true` behind it.
 *
 * Pure, safe from every thread; takes memory for each object and string of the
 * JSON, and only when a sealed text is in it.
 */
#ifndef CHAT_SEAL_JSON_H
#define CHAT_SEAL_JSON_H

#include "seal.h"

/** The key that a sealed text names. @return NULL: it cannot be had; else
 * valid until the next call */
typedef const chat_seal_key_t *(*chat_seal_find_t)(void *baton,
                                                   const char *key_id);

/**
 * Open every string of a JSON text that is a sealed one.
 * @param json    well-formed JSON, terminated; of other bytes some may be
 *                opened, but nothing is read or written outside of them
 * @param conversation  whose texts they are where nothing else says so; NULL:
 *                nobody knows
 * @param failed  counts those that could not be opened; may be NULL
 * @return json itself when it holds none, else from p
 */
const char *chat_seal_open_json(const char *json, const char *conversation,
                                chat_seal_find_t find, void *baton,
                                int *failed, apr_pool_t *p);

#endif
