/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape.h - rows as the JSON that clients see.
 *
 * A message has one shape wherever it is shown. Events get it from the triggers
 * (sql/schema.*.sql), answers from here: making it in SQL took PostgreSQL ten
 * times as long as finding the rows. test/site/shape.test.mjs holds the two side
 * by side.
 *
 * Pure: texts in, text out. What is not valid UTF-8 is passed on as it is.
 */
#ifndef CHAT_SHAPE_H
#define CHAT_SHAPE_H

#include <apr_pools.h>

#define CHAT_SHAPE_TIME 25 /* "2026-11-29T07:29:55.123Z" and its terminator */

/* A message; all texts are the caller's. */
typedef struct {
    const char *id; /* a number */
    const char *content;
    const char *type;
    const char *client_id;    /* NULL: none */
    const char *user_id;      /* as JSON: 7 or "0b6c…" */
    const char *conversation; /* its id, likewise */
    const char *created_at;   /* as the database writes a time; NULL: none */
    const char *read_at;      /* likewise; NULL: not yet */
    const char *name;         /* the author's */
    const char *role;
} chat_message_t;

/**
 * A time as RFC 3339 with milliseconds.
 * @param out   CHAT_SHAPE_TIME bytes
 * @param text  "YYYY-MM-DD HH:MM:SS", with `T` between, with any fraction, with
 *              Z or +00 behind; may be NULL
 * @return 0 when it is none of that
 */
int chat_shape_time(char *out, const char *text);

/** The object {"id", "name", "role"}, from p. @param id  as JSON */
char *chat_shape_person(const char *id, const char *name, const char *role,
                        apr_pool_t *p);

/** A text as JSON, "null" for NULL, from p. */
char *chat_shape_text(const char *text, apr_pool_t *p);

/** A time as JSON, "null" for what is none (chat_shape_time), from p. */
char *chat_shape_time_json(const char *text, apr_pool_t *p);

/** Bytes that chat_shape_message() writes at most. */
apr_size_t chat_shape_size(const chat_message_t *m);

/** Write the object at `to`. @return behind its last byte; not terminated */
char *chat_shape_message(char *to, const chat_message_t *m);

#endif
