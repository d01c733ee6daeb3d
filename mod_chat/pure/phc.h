/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phc.h - which algorithm made a password's hash, and what checking it costs.
 *
 * bcrypt as PHP and crypt(3) write it (`$2y$12$…`), argon2 as PHP writes it
 * (`$argon2id$v=19$m=65536,t=4,p=1$salt$hash`). Argon2 takes as much memory as
 * the hash says, so the numbers are read and held against a limit before any is
 * taken. Pure.
 */
#ifndef CHAT_PHC_H
#define CHAT_PHC_H

#include <apr.h>

typedef enum {
    CHAT_PHC_BCRYPT,
    CHAT_PHC_ARGON2I,
    CHAT_PHC_ARGON2ID,
    CHAT_PHC_OTHER,  /* something that crypt(3) may know, or nothing */
    CHAT_PHC_BROKEN  /* begins like argon2 and is none */
} chat_phc_kind_t;

typedef struct {
    chat_phc_kind_t kind;
    apr_uint32_t memory; /* argon2: kB */
    apr_uint32_t passes; /* argon2 */
    apr_uint32_t lanes;  /* argon2: threads that are started */
    apr_size_t prefix;   /* bytes of the hash up to the salt: algorithm and cost */
} chat_phc_t;

#define CHAT_PHC_PASSES_MAX 64
#define CHAT_PHC_LANES_MAX 16

/** Read a hash. @param hash  terminated; of a database, so not to be believed */
void chat_phc_parse(chat_phc_t *out, const char *hash);

/**
 * Whether a hash may be checked here.
 * @param memory  most kB that argon2 may take
 */
int chat_phc_affordable(const chat_phc_t *phc, apr_uint32_t memory);

#endif
