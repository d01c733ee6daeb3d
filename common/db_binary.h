/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_binary.h - values as PostgreSQL sends them in binary, as the text that it
 * would have sent instead.
 *
 * Making that text is a good part of what a page of messages costs the server,
 * and here it is made in a fraction of the time. Formats: PostgreSQL, "Frontend/Backend
 * Protocol", "Formats and Format Codes"; src/backend/utils/adt, the _send
 * functions. Pure functions, without locks.
 */
#ifndef CHAT_DB_BINARY_H
#define CHAT_DB_BINARY_H

#include <apr.h>

/* Bytes of the longest text made here, its NUL included: a time stamp of the
 * year 294276 with a zone is shorter. */
#define CHAT_DB_BINARY_TEXT 40

/* What has to be done with a value of a type. */
typedef enum {
    CHAT_DB_BINARY_NOT,  /* not known here: ask for text */
    CHAT_DB_BINARY_SAME, /* its binary form is its text */
    CHAT_DB_BINARY_MADE  /* chat_db_binary_text() makes it */
} chat_db_binary_t;

/** @param type  an object id of pg_type, as PQftype() gives it */
chat_db_binary_t chat_db_binary_kind(unsigned type);

/**
 * The text of a value of a type whose kind is CHAT_DB_BINARY_MADE, in a session
 * with DateStyle ISO and TimeZone UTC.
 * @return 0 when `len` is not that type's: nothing was written
 */
int chat_db_binary_text(char to[CHAT_DB_BINARY_TEXT], unsigned type,
                        const char *bytes, apr_size_t len);

#endif
