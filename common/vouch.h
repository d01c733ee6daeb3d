/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vouch.h - what one of our programs says to the other in a header, signed.
 *
 * Two statements, each true for half a minute:
 *
 *   IDENTITY  mod_chat to chat-push, with an upgrade that goes through
 *             mod_proxy: whose log-in came with it
 *   QUESTION  chat-push to mod_chat, with a request to the auth route on
 *             behalf of a socket: this comes from no browser, its Origin was
 *             looked at
 *
 * Both are signed with the app's secret, which both programs have (and whoever
 * has it may sign every channel anyway). What is signed begins with a word and
 * a colon, as no signature of the Pusher protocol does, so neither can pass for
 * the other or for a channel's.
 *
 *   X-Chat-Identity: 1.issued.nonce.until.session.user.signature
 *   X-Chat-Question: 1.issued.signature
 *
 * issued is in Unix milliseconds, until in Unix seconds, nonce 16 hex digits,
 * the signature 64. An identity is bound to the upgrade it came with by that
 * one's Sec-WebSocket-Key and its app; that it is used once is for who believes
 * it to see to (push/pusher/recent.h). A question is bound to its socket and
 * channel.
 *
 * Pure: no clock, no sockets; parsing allocates nothing.
 */
#ifndef CHAT_VOUCH_H
#define CHAT_VOUCH_H

#include <apr_pools.h>

#include "identity.h"
#include "signature.h"

#define CHAT_VOUCH_IDENTITY "X-Chat-Identity"
#define CHAT_VOUCH_QUESTION "X-Chat-Question"
#define CHAT_VOUCH_MAX 320 /* most bytes of either */
#define CHAT_VOUCH_MS                                                          \
    30000 /* how long one is believed, and how far ahead the                   \
             other's clock may be */
#define CHAT_VOUCH_PIECES 6

/* A statement taken apart; nothing in it is believed before its signature was
 * checked. */
typedef struct {
    apr_int64_t issued;       /* Unix milliseconds */
    const char *text;         /* what is signed of it, in the header */
    apr_size_t len;           /* of text */
    const char *signature;    /* CHAT_SIGNATURE_HEX - 1 bytes, in the header */
    chat_identity_t identity; /* empty in a question */
} chat_vouch_t;

/** @return 0 when it is none */
int chat_vouch_identity_parse(chat_vouch_t *v, const char *text,
                              apr_size_t len);

/** Likewise. */
int chat_vouch_question_parse(chat_vouch_t *v, const char *text,
                              apr_size_t len);

/** Whether it is neither old nor from the future. @param now  Unix ms */
int chat_vouch_fresh(const chat_vouch_t *v, apr_int64_t now);

/**
 * The bytes that the signature is of, for chat_signed() and the like.
 * @param key       the app's key
 * @param ws_key    the upgrade's Sec-WebSocket-Key
 * @return how many pieces
 */
int chat_vouch_identity_pieces(chat_piece_t out[CHAT_VOUCH_PIECES],
                               const chat_vouch_t *v, const char *key,
                               apr_size_t key_len, const char *ws_key,
                               apr_size_t ws_key_len);

/** Likewise; socket and channel are those asked for. */
int chat_vouch_question_pieces(chat_piece_t out[CHAT_VOUCH_PIECES],
                               const chat_vouch_t *v, const char *socket,
                               apr_size_t socket_len, const char *channel,
                               apr_size_t channel_len);

/**
 * Make an identity's header.
 * @param now  Unix ms
 * @return its value, from p; NULL when the identity is nobody's or the system
 *         gives no randomness
 */
char *chat_vouch_identity(chat_signer_t *signer, const chat_identity_t *id,
                          const char *key, const char *ws_key, apr_int64_t now,
                          apr_pool_t *p);

/** Make a question's. @param out  CHAT_VOUCH_MAX bytes */
void chat_vouch_question(char out[CHAT_VOUCH_MAX], chat_signer_t *signer,
                         const char *socket, const char *channel,
                         apr_size_t channel_len, apr_int64_t now);

#endif
