/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - files on disk, below ChatFiles.
 *
 *   incoming/<id>   while it is received
 *   <ab>/<id>       kept; <ab> are the first two of the id's 32 hex digits
 *   <ab>/<id>.…     what chat-files makes of it (common/checkup.h)
 *
 * A file is whole on disk under its last name before its row is committed, so a
 * row without a file cannot be. A file without a row can, when a process dies in
 * between; care.c removes those. Names come from the system's randomness and
 * never from a sender.
 *
 * A receiver belongs to one request and takes CHAT_STORE_BUFFER bytes, however
 * long the file is. Thread-safe, as each has its own.
 */
#ifndef CHAT_STORE_H
#define CHAT_STORE_H

#include <openssl/evp.h>
#include <apr_errno.h>
#include <apr_pools.h>

#include "seal.h"

#define CHAT_STORE_ID 33      /* 32 lower-case hex digits and the terminator */
#define CHAT_STORE_BUFFER 69632 /* bytes; more than CHAT_FILETYPE_TAIL */
#define CHAT_STORE_SHA256 65

/* A file being received. */
typedef struct {
    char id[CHAT_STORE_ID];
    const char *dir;  /* of ChatFiles */
    int fd;           /* -1: closed */
    int kept;         /* it has its last name */
    apr_off_t size;   /* bytes received, those in the buffer too */
    char *buffer;     /* CHAT_STORE_BUFFER bytes, shared by a request's files */
    apr_size_t held;  /* bytes in it that are not written yet */
    apr_off_t written; /* bytes of these that left the buffer */
    apr_off_t syncing; /* bytes that the disk was told to write */
    int unhurried; /* the disk is told of nothing before chat_store_keep: what is
                      sealed first may never be on it as it came */
    EVP_MD_CTX *digest;
    char sha256[CHAT_STORE_SHA256]; /* set by chat_store_end */
} chat_store_t;

/** Make the directories that are missing, mode 0700, owned by `uid` and `gid`.
 * @return a sentence saying what is wrong with it, from p; NULL: it will do */
const char *chat_store_prepare(const char *dir, apr_uint64_t uid,
                               apr_uint64_t gid, apr_pool_t *p);

/**
 * Begin a file. What is not kept is removed when p is cleared.
 * @param buffer  CHAT_STORE_BUFFER bytes that no other file uses at a time
 */
apr_status_t chat_store_begin(chat_store_t **in, const char *dir, char *buffer,
                              apr_pool_t *p);

/** Take `len` bytes. */
apr_status_t chat_store_write(chat_store_t *in, const char *bytes,
                              apr_size_t len);

/** No more will come: the rest is written, sha256 set. The file stays open. */
apr_status_t chat_store_end(chat_store_t *in);

/** The last bytes of an ended file. @return how many were read into `out` */
apr_size_t chat_store_tail(const chat_store_t *in, char *out, apr_size_t max);

/** Seal an ended file, before it is kept. @param key_id  its key's
 * @param conversation  the id of whose file it is */
apr_status_t chat_store_seal(chat_store_t *in,
                             const unsigned char key[CHAT_SEAL_KEY],
                             const char *key_id, const char *conversation);

/** Make an ended file safe on disk under its last name; closes it. */
apr_status_t chat_store_keep(chat_store_t *in, apr_pool_t *p);

/** Remove a file that is not to be, kept or not. May be called twice. */
void chat_store_drop(chat_store_t *in);

/** From now on it is a row's: p being cleared leaves it alone. */
void chat_store_given(chat_store_t *in);

/** The path of a kept file, from p. NULL: `id` is none. @param suffix  "",
 * ".thumb" */
const char *chat_store_path(const char *dir, const char *id, const char *suffix,
                            apr_pool_t *p);

/** Remove a kept file with all that was made of it. It need not be there. */
void chat_store_remove(const char *dir, const char *id, apr_pool_t *p);

/** A new random id. @return 0 when the system gives no randomness */
int chat_store_id(char out[CHAT_STORE_ID]);

#endif
