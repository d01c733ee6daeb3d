/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_entry.h - an entry of the audit log as bytes: its line, its hash.
 *
 * An entry says who did what to which object, when, from where, and how it was
 * answered. It never holds a message's text or a person's name: its fields are
 * ids, words of ours, an address and a browser's name for itself.
 *
 * On its way to the database an entry is one line of a spool file: its ten
 * fields in the order below, a TAB between two, a LF behind the last. In the
 * database each has a number, seq, without gaps, and a hash:
 *
 *   SHA-256, as 64 lower-case hex digits, of the UTF-8 text
 *
 *     previous hash TAB seq TAB field TAB field … TAB field
 *
 * with the ten fields in the order below, seq in decimal, and 64 zeros for the
 * previous hash of entry 1. No field holds a control character, so a text of
 * fields can be read in one way only. In PostgreSQL's words:
 *
 *   encode(sha256(convert_to(concat_ws(E'\t', previous, seq, at, user_id, via,
 *       action, conversation_id, object, address, agent, status, request_id),
 *       'UTF8')), 'hex')
 *
 * Pure: no clock but chat_audit_time(), no files, no database (audit_log.h).
 */
#ifndef CHAT_AUDIT_ENTRY_H
#define CHAT_AUDIT_ENTRY_H

#include <apr_time.h>

#include "secret.h"

/* The fields, in the order of line, hash and table. */
typedef enum {
    CHAT_AUDIT_AT,           /* "2026-11-29T16:32:58.123Z" */
    CHAT_AUDIT_USER,         /* id; "" when nobody is known */
    CHAT_AUDIT_VIA,          /* session, token, apache, none, chatctl */
    CHAT_AUDIT_ACTION,       /* "messages.read"; the routes table has them */
    CHAT_AUDIT_CONVERSATION, /* id, "" */
    CHAT_AUDIT_OBJECT,       /* id of a message, file, token …, "" */
    CHAT_AUDIT_ADDRESS,      /* the client's, "" */
    CHAT_AUDIT_AGENT,        /* the beginning of User-Agent, "" */
    CHAT_AUDIT_STATUS,       /* the answer's status; below 400: ok */
    CHAT_AUDIT_REQUEST,      /* mod_unique_id's name of the request, "" */
    CHAT_AUDIT_FIELDS
} chat_audit_field_t;

#define CHAT_AUDIT_LINE 704 /* bytes of the longest line, LF included */
#define CHAT_AUDIT_TIME 25  /* bytes of a time, terminator included */

/* The hash before the first entry. */
#define CHAT_AUDIT_GENESIS                                                     \
    "0000000000000000000000000000000000000000000000000000000000000000"

typedef struct {
    const char *field[CHAT_AUDIT_FIELDS]; /* UTF-8; NULL counts as "" */
} chat_audit_entry_t;

/** A time as entries have it. */
void chat_audit_time(char out[CHAT_AUDIT_TIME], apr_time_t at);

/**
 * An entry as a line, from whatever its fields are: each is cut to its longest
 * (at a character's end), and what is a control character or no UTF-8 becomes
 * `?`.
 * @return the line's bytes, at most CHAT_AUDIT_LINE; it is not terminated
 */
apr_size_t chat_audit_line(char to[CHAT_AUDIT_LINE],
                           const chat_audit_entry_t *entry);

/**
 * Take a line apart.
 * @param line  without its LF; TABs become terminators, and line[len] is set
 *              to one. The fields point into it
 * @return 0 when it is not one that chat_audit_line() could have written
 */
int chat_audit_parse(chat_audit_entry_t *entry, char *line, apr_size_t len);

/** The hash of an entry. @param previous  of the one before it */
void chat_audit_hash(char out[CHAT_SHA256_HEX], const char *previous,
                     apr_int64_t seq, const chat_audit_entry_t *entry);

#endif
