/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - the names of channels and what a name promises.
 *
 * In the Pusher protocol the name alone decides who may subscribe and what the
 * server keeps for the channel, so this is the one place that reads it. Names
 * are bytes with a length: nothing here allocates, and nothing is terminated.
 *
 * Source: Pusher Channels documents, "Channels naming conventions" (at most 164
 * characters of A-Z a-z 0-9 _ - = @ , . ;) and the pages on private, presence,
 * encrypted and cache channels. `private.` names are ours: see doc/design.md.
 */
#ifndef CHAT_CHANNEL_H
#define CHAT_CHANNEL_H

#include <apr.h>

/* The longest name the Pusher documents allow, in bytes; a setting may differ.
 */
#define CHAT_CHANNEL_NAME_MAX 164

/* Prefixes of the chat's own channels; an id follows. */
#define CHAT_CHANNEL_USER "private-user."
#define CHAT_CHANNEL_CONVERSATION "private-conversation."
#define CHAT_CHANNEL_PRESENCE "presence-conversation."
/* What older pages call a conversation's; its events go to both. */
#define CHAT_CHANNEL_CONSULTATION "private-consultation."

typedef enum {
    CHAT_CHANNEL_PUBLIC,    /* anybody who knows the app key */
    CHAT_CHANNEL_PRIVATE,   /* `private-`: a signature for this socket */
    CHAT_CHANNEL_ENCRYPTED, /* `private-encrypted-`: as private, data opaque */
    CHAT_CHANNEL_MEMBERS    /* `presence-`: signature over channel_data too */
} chat_channel_kind_t;

typedef struct {
    chat_channel_kind_t kind; /* who may subscribe */
    int cache; /* `cache-` follows the kind's prefix: last event is kept */
    int alias; /* `private.…`: private by identity, no signature possible */
} chat_channel_t;

typedef enum {
    CHAT_CHANNEL_OK,
    CHAT_CHANNEL_EMPTY,    /* no name at all */
    CHAT_CHANNEL_TOO_LONG, /* longer than `max` bytes */
    CHAT_CHANNEL_ALPHABET  /* a byte outside the documented alphabet */
} chat_channel_result_t;

/**
 * Read a channel name.
 * @param out   what the name promises; untouched unless CHAT_CHANNEL_OK
 * @param name  the name, `len` bytes, need not be terminated
 * @param max   longest name accepted, in bytes
 */
chat_channel_result_t chat_channel_parse(chat_channel_t *out, const char *name,
                                         apr_size_t len, apr_size_t max);

/**
 * Whether a name is one that only servers may use (`#server-to-user-…`): such a
 * name is never a valid subscription but may appear inside the server.
 */
int chat_channel_is_server(const char *name, apr_size_t len);

/**
 * The canonical form of a name: `private.user.7` and `private-user.7` are one
 * logical channel (doc/design.md, decision 7). Same length, one byte differs.
 * @param to  `len` bytes, may be `name` itself
 */
void chat_channel_canonical(char *to, const char *name, apr_size_t len);

/**
 * The id behind a prefix, if it is one mod_chat could have made: 1-64 of
 * [A-Za-z0-9_-].
 * @return pointer into name, NULL when prefix or id do not fit
 */
const char *chat_channel_id(const char *name, const char *prefix);

/** Whether a string is an id as it may stand in a path: 1-64 [A-Za-z0-9_-]. */
int chat_id_valid(const char *id);

#endif
