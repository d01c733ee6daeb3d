/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - one row of the event log as clients see it.
 *
 * SQL triggers write chat_events; chat-push pushes a row to its channels and
 * GET /chat/sync lists it. Both must show the same data object, so both build
 * it here: the trigger's payload with the row's id and the cursor added.
 *
 * A cursor is opaque to clients. It names the log it belongs to (an epoch drawn
 * when the log was made), so that a cursor from another database is found out
 * and answered with `reset` instead of silence. As text it is
 * `c1.{epoch}.{id}`, which needs no escaping in a URL; the number in front is
 * the form's version, so that another form can be told from this one.
 *
 * Where transactions commit in another order than they take ids (PostgreSQL),
 * an id that is missing now may still appear. Then a cursor stays behind the
 * first such id and remembers how far it has looked, so that the next sync can
 * tell an id that was given up from one to come: `c2.{epoch}.{id}.{upto}.
 * {fence}.{page}`, in one word.
 */
#ifndef CHAT_EVENT_H
#define CHAT_EVENT_H

#include <apr_pools.h>

typedef struct {
    const char *epoch; /* the log: 1-32 of [0-9a-f] */
    apr_int64_t id;    /* everything up to this id has been seen */
    apr_int64_t upto;  /* what was there up to this id has been seen, too; what
                          was missing may appear while a transaction older than
                          `fence` runs. At least `id` */
    apr_int64_t fence; /* a transaction id; 0 with upto == id */
    apr_int64_t page;  /* a sync under way goes on behind this id; else `id` */
} chat_cursor_t;

/** A cursor behind which nothing can appear. */
chat_cursor_t chat_cursor_at(const char *epoch, apr_int64_t id);

/** A cursor as text, from p. */
char *chat_cursor_text(const chat_cursor_t *c, apr_pool_t *p);

/**
 * Read a cursor a client gives back.
 * @return 0 when it is no cursor at all (a bad request)
 */
int chat_cursor_parse(chat_cursor_t *out, const char *text, apr_pool_t *p);

/**
 * The data object of an event: `payload` (a JSON object as the trigger wrote
 * it) with "id" and "cursor" added as its last members. Always valid UTF-8: the
 * rows may be any program's, and one bad byte would end every WebSocket that
 * gets it. A NUL in a text is U+FFFD, as answers have it (db.h).
 * @return from p; NULL when payload is not an object by its first and last byte
 */
char *chat_event_data(const char *payload, apr_int64_t id, const char *cursor,
                      apr_pool_t *p);

/**
 * The WebSocket message of an event: {"event":…,"channel":…,"data":"…"} with
 * data as a string that holds JSON, as the Pusher protocol wants it.
 * @param data  valid UTF-8
 * @param len   set to the length of the answer
 */
char *chat_event_message(const char *event, const char *channel,
                         const char *data, apr_size_t *len, apr_pool_t *p);

#endif
