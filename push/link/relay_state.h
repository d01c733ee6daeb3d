/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_state.h - where the relay was, and where it goes on from.
 *
 * What the next process must know lies in a file of one line of fixed width,
 * `{epoch, padded with blanks} {id, 19 digits} {from, 19 digits} {awaited, 10
 * digits}\n`, which each write replaces as a whole. What this file says is
 * pure: bytes in, decision out; the relay does the reading and writing.
 */
#ifndef PUSH_RELAY_STATE_H
#define PUSH_RELAY_STATE_H

#include <apr.h>

#define PUSH_RELAY_EPOCH 32 /* bytes of an epoch at most */
/* Bytes of the file: 32 + 1 + 19 + 1 + 19 + 1 + 10 + 1. */
#define PUSH_RELAY_STATE_SIZE 84

/* A place in an event log. */
typedef struct {
    char
        epoch[PUSH_RELAY_EPOCH + 1]; /* the log's name, "" before it is known */
    apr_int64_t id; /* everything up to this id has been relayed */
} push_relay_place_t;

/* What the file says. */
typedef struct {
    push_relay_place_t at; /* what has been relayed */
    apr_int64_t from;      /* from behind this id on somebody may still miss
                              something; at.id when nobody does */
    apr_uint32_t awaited;  /* subscriptions of those whom an end of the process
                              at this moment would leave with a gap */
} push_relay_state_t;

/**
 * Read the file's bytes.
 * @return 0 when they are anything but what push_relay_state_format() writes;
 *         `out` is untouched then
 */
int push_relay_state_parse(push_relay_state_t *out, const char *bytes,
                           apr_size_t len);

/** Write them; the epoch is 1-32 of [0-9a-f], the ids are not negative and
 * `from` is not past `at`. */
void push_relay_state_format(char out[PUSH_RELAY_STATE_SIZE],
                             const push_relay_state_t *state);

/** Whether a text may be an epoch. */
int push_relay_epoch_valid(const char *epoch);

typedef enum {
    PUSH_RELAY_RESUME,    /* go on behind the saved place */
    PUSH_RELAY_FIRST,     /* nothing was saved: begin at the log's end */
    PUSH_RELAY_OTHER_LOG, /* the database is another one: begin at its end */
    PUSH_RELAY_BACKWARDS, /* the log is shorter than it was, an old copy was put
                             back: begin at its end */
    PUSH_RELAY_SKIPPED    /* too much to catch up: only the newest `most` */
} push_relay_start_t;

/**
 * Where to begin reading.
 * @param from   the id behind which to begin; all of `head` is filled in
 * @param saved  the place saved, an empty epoch when there was none
 * @param head   the log as it is: its epoch and the last id ever given
 * @param most   events to catch up at most; negative: no limit
 */
push_relay_start_t push_relay_start_at(push_relay_place_t *from,
                                       const push_relay_place_t *saved,
                                       const push_relay_place_t *head,
                                       apr_int64_t most);

#endif
