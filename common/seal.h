/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - what lies encrypted: texts in rows, files in blocks.
 *
 * AES-256-GCM (NIST SP 800-38D) with a random nonce for each text and for each
 * file. A sealed text is
 *
 *   sealed:2:KEY:KIND.AUTHOR.NAME:BASE64URL
 *
 * KEY is the data key's id, 1 to 19 digits. KIND, AUTHOR and NAME say what the
 * text is (chat_seal_about_t), so that who can write to the database can put it
 * nowhere else: they are authenticated, with KEY and the conversation, and held
 * against the row that the text is found in. BASE64URL is
 * of nonce (12 bytes), ciphertext, tag (16 bytes). A sealed file is a head of 64 bytes and then blocks of
 * 65,536 bytes of the content, the last one shorter, each followed by its tag.
 * A block's nonce is the head's eight random bytes and the block's number (32
 * bits, big endian); what is authenticated besides is the head, so that blocks
 * can be neither swapped nor cut off unseen, and which file of which
 * conversation it is, so that no file passes for another. Reading from the middle opens the
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
#define CHAT_SEAL_MARK "sealed:2:"
#define CHAT_SEAL_ID 65   /* an id of a user or conversation, terminated */
#define CHAT_SEAL_NAME 23 /* which one of its author's, terminated */
#define CHAT_SEAL_FILE 112 /* which file of which conversation, terminated */
#define CHAT_SEAL_HEAD 64     /* bytes before a sealed file's first block */
#define CHAT_SEAL_BLOCK 65536 /* bytes of the content in a block */
#define CHAT_SEAL_TAG 16      /* and behind each */

/* What a sealed text can be. */
typedef enum {
    CHAT_SEAL_MESSAGE = 'm',
    CHAT_SEAL_FILENAME = 'f',
    CHAT_SEAL_TITLE = 't', /* of a plan */
    CHAT_SEAL_DESCRIPTION = 'd',
    CHAT_SEAL_REASON = 'r',
    CHAT_SEAL_SUBJECT = 's' /* the title of a conversation */
} chat_seal_kind_t;

/* What a text is, and whose. */
typedef struct {
    chat_seal_kind_t kind;
    const char *conversation; /* its id as the database writes it */
    const char *author;       /* likewise */
    const char *name;         /* chat_seal_name of a message's client_id or a
                                 file's id; of a plan 22 random characters of
                                 [A-Za-z0-9_-]; "": none */
} chat_seal_about_t;

/* A data key, and the conversation that it is wrapped for. */
typedef struct {
    unsigned char bytes[CHAT_SEAL_KEY];
    char conversation[CHAT_SEAL_ID];
} chat_seal_key_t;

/* A sealed text, taken apart; pointers lead into it. */
typedef struct {
    char key_id[CHAT_SEAL_KEY_ID];
    chat_seal_kind_t kind;
    char author[CHAT_SEAL_ID];
    char name[CHAT_SEAL_NAME];
    const char *about; /* what is authenticated of it: about_len of them */
    apr_size_t about_len;
    const char *base64; /* len of them */
    apr_size_t len;
} chat_sealed_t;

/** Whether a text is a sealed one by its form. */
int chat_sealed_parse(chat_sealed_t *out, const char *text, apr_size_t len);

/** The name of what is called `text`: half of its SHA-256; "" of NULL and "". */
void chat_seal_name(char name[CHAT_SEAL_NAME], const char *text,
                    apr_size_t len);

/**
 * Whether a sealed text may stand where it was found.
 * @param where  NULL in a field: what stands there does not say
 * @param conversation  its key's
 */
int chat_sealed_fits(const chat_sealed_t *sealed, const char *conversation,
                     const chat_seal_about_t *where);

/**
 * Seal a text.
 * @param key_id  1 to 19 digits
 * @param about   every field is set
 * @return from p; NULL when there is no randomness or no AES, or an id is none
 */
char *chat_seal_text(const unsigned char key[CHAT_SEAL_KEY], const char *key_id,
                     const chat_seal_about_t *about, const char *text,
                     apr_size_t len, apr_pool_t *p);

/**
 * Open one. Whether it stands where it belongs is chat_sealed_fits's question.
 * @param len  set to the text's length
 * @return from p, terminated; NULL when it is not what this key has sealed
 */
char *chat_seal_open(apr_size_t *len, const chat_seal_key_t *key,
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

/* --- files --- */

/* A sealed file's head, read. */
typedef struct {
    char key_id[CHAT_SEAL_KEY_ID];
    apr_int64_t size; /* bytes of the content */
    unsigned char bytes[CHAT_SEAL_HEAD];
    char file[CHAT_SEAL_FILE]; /* which it is; not among the bytes: who opens
                                  it knows (chat_seal_file_name) */
} chat_seal_head_t;

/**
 * Which file it is: authenticated with every block of it.
 * @param suffix  "", or ".thumb" of its small picture
 * @return 0 when an id is too long
 */
int chat_seal_file_name(char file[CHAT_SEAL_FILE], const char *conversation,
                        const char *id, const char *suffix);

/**
 * Begin a sealed file: draw its nonce and write its head.
 * @param file  chat_seal_file_name
 * @return 0 when there is no randomness
 */
int chat_seal_head_make(chat_seal_head_t *head, const char *key_id,
                        const char *file, apr_int64_t size);

/** Whether bytes are the head of a sealed file; its `file` is "" then. */
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
