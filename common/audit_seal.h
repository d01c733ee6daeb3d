/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_seal.h - what only who has the audit key can write: HMAC-SHA256 over
 * where the audit log's chain has come, and over lines on their way to it.
 *
 * A seal is an entry like any other, `audit.sealed`, whose object is
 *
 *   ID HEX     HMAC(key ID, "seal TAB SEQ TAB HASH"): its own number and the hash
 *              of the entry before it, which depends on all before that one
 *
 * So it proves the whole chain up to it, and nothing of the table changes. A
 * line of a spool carries, behind a TAB, HMAC("line TAB SPOOL TAB OFFSET TAB LINE"):
 * nobody can add, change, move or repeat one. A memo is what the writer remembers
 * of its last seal: HMAC("memo TAB SEQ TAB HASH").
 *
 * Keys are those of a keyring's file: the first signs, all are good. Compared in
 * constant time. Pure, safe from every thread.
 */
#ifndef CHAT_AUDIT_SEAL_H
#define CHAT_AUDIT_SEAL_H

#include "keyring.h"
#include "secret.h"

#define CHAT_AUDIT_MAC (CHAT_SHA256_HEX - 1) /* characters of an HMAC */
#define CHAT_AUDIT_SEAL_ROOM 112 /* bytes of a seal's object, terminated */

/** A seal's object, with the first key. @return 0: there is no key, or no HMAC */
int chat_audit_seal_make(char out[CHAT_AUDIT_SEAL_ROOM], const chat_keyring_t *ring,
                         apr_int64_t seq, const char *hash);

/** What a seal is worth. */
typedef enum {
    CHAT_AUDIT_SEAL_GOOD,
    CHAT_AUDIT_SEAL_FORGED, /* not made for this place by who has the key */
    CHAT_AUDIT_SEAL_UNKNOWN /* its key is not in the ring */
} chat_audit_seal_t;

chat_audit_seal_t chat_audit_seal_check(const char *object,
                                        const chat_keyring_t *ring,
                                        apr_int64_t seq, const char *hash);

/** Sign a line of a spool, without its LF. @param offset  where it begins */
int chat_audit_line_sign(char out[CHAT_SHA256_HEX], const chat_keyring_t *ring,
                         const char *spool, apr_int64_t offset, const char *line,
                         apr_size_t len);

/** Whether `mac` (CHAT_AUDIT_MAC characters) is that of the line, by any key. */
int chat_audit_line_check(const char *mac, const chat_keyring_t *ring,
                          const char *spool, apr_int64_t offset,
                          const char *line, apr_size_t len);

/** What the writer remembers, as a line "SEQ HASH HEX" without its LF. */
int chat_audit_memo_make(char out[192], const chat_keyring_t *ring,
                         apr_int64_t seq, const char *hash);

/** @return whether a line is one that a key of the ring has made; seq and hash are
 * set then */
int chat_audit_memo_read(apr_int64_t *seq, char hash[CHAT_SHA256_HEX],
                         const chat_keyring_t *ring, const char *line);

#endif
