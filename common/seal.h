/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - what lies encrypted: texts in rows, files in blocks.
 *
 * AES-256-GCM (NIST SP 800-38D) with a random nonce for each text and for each
 * file. A sealed text is
 *
 *   sealed:1:KEY:BASE64URL       KEY the data key's id, 1 to 19 digits
 *
 * of nonce (12 bytes), ciphertext, tag (16 bytes); what is authenticated
 * besides is "KEY". A sealed file is a head of 64 bytes and then blocks of
 * 65,536 bytes of the content, the last one shorter, each followed by its tag.
 * A block's nonce is the head's eight random bytes and the block's number (32
 * bits, big endian); what is authenticated besides is the head, so that blocks
 * can be neither swapped nor cut off unseen. Reading from the middle opens the
 * blocks it needs and no other.
 *
 * Pure but for the randomness; safe from every thread. Whose key it is, and
 * where keys come from, is keyring.h's and keys.h's.
 */
#ifndef CHAT_SEAL_H
#define CHAT_SEAL_H

#include <apr_errno.h>
#include <apr_pools.h>

#define CHAT_SEAL_KEY 32    /* bytes of a key */
#define CHAT_SEAL_KEY_ID 20 /* its id as text, terminated */
#define CHAT_SEAL_MARK "sealed:1:"
#define CHAT_SEAL_HEAD 64     /* bytes before a sealed file's first block */
#define CHAT_SEAL_BLOCK 65536 /* bytes of the content in a block */
#define CHAT_SEAL_TAG 16      /* and behind each */

/* A sealed text, taken apart; points into it. */
typedef struct {
    char key_id[CHAT_SEAL_KEY_ID];
    const char *base64; /* len of them */
    apr_size_t len;
} chat_sealed_t;

/** Whether a text is a sealed one by its form. */
int chat_sealed_parse(chat_sealed_t *out, const char *text, apr_size_t len);

/**
 * Seal a text.
 * @param key_id  1 to 19 digits
 * @return from p; NULL when there is no randomness or no AES
 */
char *chat_seal_text(const unsigned char key[CHAT_SEAL_KEY], const char *key_id,
                     const char *text, apr_size_t len, apr_pool_t *p);

/**
 * Open one.
 * @param len  set to the text's length
 * @return from p, terminated; NULL when it is not what this key has sealed
 */
char *chat_seal_open(apr_size_t *len, const unsigned char key[CHAT_SEAL_KEY],
                     const chat_sealed_t *sealed, apr_pool_t *p);

/**
 * Wrap a key with another one: nonce, ciphertext, tag as base64url.
 * @param about  authenticated besides: what the key is for
 * @return from p; NULL as above
 */
char *chat_seal_wrap(const unsigned char with[CHAT_SEAL_KEY], const char *about,
                     const unsigned char key[CHAT_SEAL_KEY], apr_pool_t *p);

/** @return whether it is a key that was wrapped so; else key is unchanged */
int chat_seal_unwrap(unsigned char key[CHAT_SEAL_KEY],
                     const unsigned char with[CHAT_SEAL_KEY], const char *about,
                     const char *wrapped, apr_size_t len, apr_pool_t *p);

/** Which key a sealed text names. @return its bytes, NULL: it cannot be had */
typedef const unsigned char *(*chat_seal_find_t)(void *baton,
                                                 const char *key_id);

/**
 * Open every string of a JSON text that is a sealed one. What cannot be opened
 * becomes "".
 * @param json    well-formed JSON, terminated
 * @param failed  counts those that could not be opened; may be NULL
 * @return json itself when it holds none, else from p
 */
const char *chat_seal_open_json(const char *json, chat_seal_find_t find,
                                void *baton, int *failed, apr_pool_t *p);

/* --- files --- */

/* A sealed file's head, read. */
typedef struct {
    char key_id[CHAT_SEAL_KEY_ID];
    apr_int64_t size; /* bytes of the content */
    unsigned char bytes[CHAT_SEAL_HEAD];
} chat_seal_head_t;

/**
 * Begin a sealed file: draw its nonce and write its head.
 * @return 0 when there is no randomness
 */
int chat_seal_head_make(chat_seal_head_t *head, const char *key_id,
                        apr_int64_t size);

/** Whether bytes are the head of a sealed file. */
int chat_seal_head_parse(chat_seal_head_t *head, const unsigned char *bytes,
                         apr_size_t len);

/** Bytes the sealed file has in all. */
apr_int64_t chat_seal_file_size(const chat_seal_head_t *head);

/** Where block `number` begins in the sealed file; how long its content is is
 * the smaller of CHAT_SEAL_BLOCK and what is left of size. */
apr_int64_t chat_seal_block_at(apr_int64_t number);

/**
 * Seal a block.
 * @param out  len + CHAT_SEAL_TAG bytes; may not overlap in
 * @return 0 when there is no AES
 */
int chat_seal_block(unsigned char *out, const unsigned char key[CHAT_SEAL_KEY],
                    const chat_seal_head_t *head, apr_int64_t number,
                    const unsigned char *in, apr_size_t len);

/**
 * Open one.
 * @param out  len - CHAT_SEAL_TAG bytes; may not overlap in
 * @param len  with the tag
 * @return 0 when it is not the block of this number of this file
 */
int chat_seal_block_open(unsigned char *out,
                         const unsigned char key[CHAT_SEAL_KEY],
                         const chat_seal_head_t *head, apr_int64_t number,
                         const unsigned char *in, apr_size_t len);

#endif
