/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - what became of WebSockets, counted over all children.
 *
 * The counters lie in memory that the parent shares with its children, and stay
 * where they are over graceful restarts: they count from httpd's start. Any
 * thread counts, with atomic additions.
 */
#ifndef CHAT_TALLY_H
#define CHAT_TALLY_H

#include <httpd.h>

/* Refused means: answered by us, with the status named. */
typedef enum {
    CHAT_TALLY_HANDED,    /* given to chat-push */
    CHAT_TALLY_PROXIED,   /* left to mod_proxy, where it holds a worker */
    CHAT_TALLY_AWAY,      /* 503: chat-push takes none */
    CHAT_TALLY_FULL,      /* 503: no room for one more by TLS */
    CHAT_TALLY_LARGE,     /* 431: more headers than chat-push reads */
    CHAT_TALLY_EARLY,     /* 400: gone, or too much sent before the answer */
    CHAT_TALLY_MALFORMED, /* 426: no upgrade request */
    CHAT_TALLY_UNFIT,     /* 501: cannot leave httpd, and no ProxyPass */
    CHAT_TALLY_N
} chat_tally_t;

/** Make the counters, or find those of before the restart; post_config. */
apr_status_t chat_tally_prepare(server_rec *s);

void chat_tally_count(chat_tally_t what);

apr_uint64_t chat_tally_of(chat_tally_t what);

#endif
