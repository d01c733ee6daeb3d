/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handoff.h - what mod_chat and chat-push say when a client's socket changes
 * hands.
 *
 * They speak over a SEQPACKET Unix socket, which keeps the bounds of messages,
 * and every message of theirs is one of four:
 *
 *   ASK     mod_chat: do you take a socket right now?
 *   ANSWER  chat-push: yes, or why not
 *   GIVE    mod_chat: here it is (the descriptor travels beside the bytes),
 * with the head of the upgrade request, bytes that were read behind it, whose
 * connection it is and who logged in
 *   NOTE    mod_chat: this log-in was just given a signature for that socket,
 * which chat-push has already, by another way; its ANSWER is yes
 *
 * Asking comes first because what has been given cannot be taken back: a
 * chat-push that is stopped or stuck answers nothing, and the client is told
 * 503 while it still is httpd's.
 *
 * The first four bytes of a message mean the same in every version: two that
 * name the protocol, its version, the kind. So each side knows a stranger's
 * version from a message it cannot read further. Numbers are in network order.
 *
 *   0  "CH"   2  version   3  kind
 *   ANSWER    4  chat_handoff_verdict_t, then three zeros
 *   GIVE      4  flags     5  bytes of the user's id     6  client's port
 *             8  bytes of the head       12  bytes read behind it
 *            16  client's address, 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d
 *            32  when the log-in ends, 8 bytes: Unix seconds, 0: not by itself
 *            40  bytes of the log-in's name      41  three zeros
 *            44  the user's id, the log-in's name, the head, the bytes behind
 *                it; nothing follows
 *
 *   NOTE      4  bytes of the user's id     5  of the log-in's name
 *             6  of the socket's id         7  zero
 *             8  when the log-in ends, as above
 *            16  the three texts; nothing follows
 *
 * Pure: no sockets, no allocation.
 */
#ifndef CHAT_HANDOFF_H
#define CHAT_HANDOFF_H

#include <apr.h>

#include "identity.h"

#define CHAT_HANDOFF_VERSION 3

#define CHAT_HANDOFF_SHORT 8     /* bytes of an ASK or ANSWER */
#define CHAT_HANDOFF_HEAD 16384  /* most bytes of a request head */
#define CHAT_HANDOFF_EARLY 65536 /* most bytes read behind it */
/* Most bytes before the head. */
#define CHAT_HANDOFF_FRONT (44 + CHAT_IDENTITY_USER + CHAT_IDENTITY_SESSION)
#define CHAT_HANDOFF_MAX                                                       \
    (CHAT_HANDOFF_FRONT + CHAT_HANDOFF_HEAD + CHAT_HANDOFF_EARLY)

typedef enum {
    CHAT_HANDOFF_ASK = 1,
    CHAT_HANDOFF_ANSWER = 2,
    CHAT_HANDOFF_GIVE = 3,
    CHAT_HANDOFF_NOTE = 4
} chat_handoff_kind_t;

/* What an ANSWER says. */
typedef enum {
    CHAT_HANDOFF_YES = 0,
    CHAT_HANDOFF_FULL = 1,    /* no descriptor is left */
    CHAT_HANDOFF_STRANGER = 2 /* the ASK was of another version */
} chat_handoff_verdict_t;
#define CHAT_HANDOFF_VERDICTS 3

/* The contents of a GIVE. Head and early bytes are not terminated. */
typedef struct {
    int secure; /* the client came to httpd by TLS, or as if by it */
    unsigned char address[16]; /* all zero: unknown */
    apr_uint16_t port;         /* 0: unknown */
    chat_identity_t identity;  /* who logged in */
    const char *head; /* request line and headers, with the empty line */
    apr_size_t head_len;
    const char *early; /* lies right behind the head in a parsed message */
    apr_size_t early_len;
} chat_handoff_t;

#define CHAT_HANDOFF_SOCKET 63 /* most bytes of a socket's id */
/* Most bytes of a NOTE. */
#define CHAT_HANDOFF_NOTE_MAX                                                  \
    (16 + CHAT_IDENTITY_USER + CHAT_IDENTITY_SESSION + CHAT_HANDOFF_SOCKET)

/* The contents of a NOTE. */
typedef struct {
    chat_identity_t identity; /* a user, whose log-in may have no name */
    char socket[CHAT_HANDOFF_SOCKET + 1]; /* digits, a dot, digits */
} chat_handoff_note_t;

/** Write an ASK. @return its length, CHAT_HANDOFF_SHORT */
apr_size_t chat_handoff_ask(unsigned char out[CHAT_HANDOFF_SHORT]);

/** Write an ANSWER, likewise. */
apr_size_t chat_handoff_answer(unsigned char out[CHAT_HANDOFF_SHORT],
                               chat_handoff_verdict_t verdict);

/**
 * Write the part of a GIVE that comes before the head: the head and the early
 * bytes follow it as they are, in the same sendmsg().
 * @return its length, 0 when something of `m` does not fit
 */
apr_size_t chat_handoff_front(unsigned char out[CHAT_HANDOFF_FRONT],
                              const chat_handoff_t *m);

/** Write a NOTE. @return its length, 0 when something of it does not fit */
apr_size_t chat_handoff_note(unsigned char out[CHAT_HANDOFF_NOTE_MAX],
                             const chat_handoff_note_t *note);

typedef enum {
    CHAT_HANDOFF_OK,
    CHAT_HANDOFF_BAD,  /* no message of ours, or one that lies about itself */
    CHAT_HANDOFF_OTHER /* another version of the protocol */
} chat_handoff_result_t;

/**
 * Read what chat-push is sent: an ASK, a GIVE or the front of a NOTE, which
 * chat_handoff_parse_note() reads.
 * @param kind  set on CHAT_HANDOFF_OK
 * @param m     set when it is a GIVE; points into buf
 */
chat_handoff_result_t chat_handoff_parse(chat_handoff_kind_t *kind,
                                         chat_handoff_t *m,
                                         const unsigned char *buf,
                                         apr_size_t len);

/** Read a NOTE. @param note  set on CHAT_HANDOFF_OK */
chat_handoff_result_t chat_handoff_parse_note(chat_handoff_note_t *note,
                                              const unsigned char *buf,
                                              apr_size_t len);

/**
 * Read what mod_chat is sent: an ANSWER.
 * @param verdict  set on CHAT_HANDOFF_OK
 */
chat_handoff_result_t chat_handoff_parse_answer(chat_handoff_verdict_t *verdict,
                                                const unsigned char *buf,
                                                apr_size_t len);

#endif
