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

/* What only some messages have to say. Each is a key of the object, in this order,
 * and a column of the statement message_details; add one in all three. */
typedef enum {
    CHAT_DETAIL_EDITED_AT, /* null or a time */
    CHAT_DETAIL_DELETED_AT,
    CHAT_DETAIL_REPLY_TO,    /* null or {"id", "content", "user", "deleted"} */
    CHAT_DETAIL_REACTIONS,   /* [{"emoji", "count", "user_ids"}] */
    CHAT_DETAIL_ATTACHMENTS, /* [{"id", "name", …}] */
    CHAT_DETAIL_PLAN,        /* null or the plan whose card it is */
    CHAT_DETAILS
} chat_detail_t;

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
    int detailed;               /* there is more to say of it */
    const char *const *details; /* CHAT_DETAILS of them, as JSON; NULL: null.
                                   NULL: it is a plain message */
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
