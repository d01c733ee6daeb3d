/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup.h - what mod_chat asks chat-files, and what it is told.
 *
 * A request is one message, "check <id> <mime>" or "thumb <id>"; the answer one
 * JSON object. The same object lies as <id>.verdict beside the file until
 * mod_chat has taken it. Both directions are written and read here by pure
 * functions, because each side treats the other as a stranger: chat-files
 * reads strangers' files all day.
 *
 * Where files lie, below the directory of ChatFiles:
 *
 *   incoming/<id>         while it is streamed in; chat-files never looks there
 *   <ab>/<id>             whole; <ab> are the first two digits of the id
 *   <ab>/<id>.verdict     the answer, until it is taken
 *   <ab>/<id>.thumb       a JPEG of at most 320 by 320; empty: there is none
 *   <ab>/<id>.new         being rewritten; worth nothing after a crash
 */
#ifndef CHAT_CHECKUP_H
#define CHAT_CHECKUP_H

#include <apr.h>

#define CHAT_CHECKUP_ID 32      /* lower-case hex digits of a file's id */
#define CHAT_CHECKUP_MIME 100   /* bytes of a media type, at most */
#define CHAT_CHECKUP_WHY 120    /* bytes of a reason, at most */
#define CHAT_CHECKUP_PATH 1024  /* bytes of a path with its NUL, at most */
#define CHAT_CHECKUP_REQUEST 160 /* bytes of a request, at most */
#define CHAT_CHECKUP_ANSWER 512 /* bytes of an answer, at most */
#define CHAT_CHECKUP_SHA256 64  /* hex digits */

typedef enum {
    CHAT_CHECKUP_CHECK, /* scan, clean, measure; answer when known */
    CHAT_CHECKUP_THUMB  /* make the thumbnail that is not there, later */
} chat_checkup_verb_t;

typedef struct {
    chat_checkup_verb_t verb;
    char id[CHAT_CHECKUP_ID + 1];
    char mime[CHAT_CHECKUP_MIME + 1]; /* "" with THUMB */
} chat_checkup_request_t;

typedef enum {
    CHAT_CHECKUP_PENDING, /* not known yet: the scanner is away and is asked
                           * again, or it takes longer than one waits */
    CHAT_CHECKUP_CLEAN,
    CHAT_CHECKUP_INFECTED, /* the scanner said so; `why` is its name for it */
    CHAT_CHECKUP_FAILED    /* nobody could tell, for good; `why` is a sentence's
                            * part */
} chat_checkup_state_t;

typedef struct {
    chat_checkup_state_t state;
    char why[CHAT_CHECKUP_WHY + 1]; /* printable ASCII; "" when clean */
    apr_int64_t width;  /* pixels as shown (after orientation), 0: no image */
    apr_int64_t height;
    int thumb;          /* 1: a thumbnail is there or will be in a moment */
    apr_int64_t size;   /* bytes of the file as it lies there now */
    char sha256[CHAT_CHECKUP_SHA256 + 1]; /* of these; "" unless clean */
} chat_checkup_t;

/** Whether `len` bytes are an id: 32 lower-case hex digits. */
int chat_checkup_id_valid(const char *id, apr_size_t len);

/**
 * The path of a file: dir/ab/id and `suffix` ("", ".thumb", ".verdict").
 * @return 0 when it does not fit or the id is none, else its length
 */
apr_size_t chat_checkup_path(char to[CHAT_CHECKUP_PATH], const char *dir,
                             const char *id, const char *suffix);

/** Write a request, without a terminator. @return its bytes; 0: not valid */
apr_size_t chat_checkup_ask(char to[CHAT_CHECKUP_REQUEST],
                            const chat_checkup_request_t *request);

/** Read one. @return 1, or 0 when it is none */
int chat_checkup_asked(chat_checkup_request_t *request, const char *bytes,
                       apr_size_t len);

/** Write an answer, without a terminator. Bytes of `why` that are not printable
 * ASCII become '?'. @return its bytes */
apr_size_t chat_checkup_tell(char to[CHAT_CHECKUP_ANSWER],
                             const chat_checkup_t *answer);

/** Read one. @return 1, or 0 when it is none that chat_checkup_tell writes */
int chat_checkup_told(chat_checkup_t *answer, const char *bytes,
                      apr_size_t len);

/** "pending", "clean", "infected" or "failed": as in the table's `state`. */
const char *chat_checkup_state_name(chat_checkup_state_t state);

#endif
