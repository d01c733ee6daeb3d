/* SPDX-License-Identifier: Apache-2.0 */
/*
 * presence.h - the members of one presence channel.
 *
 * A member is a user, not a connection: the first connection of a user brings
 * it in, the last one takes it out, and only these two are events (Pusher
 * Channels documents, "Presence channels"). User ids keep the JSON type they
 * came with and are compared as text, so 7 and "7" are one user.
 *
 * A plain data structure without locks: the hub keeps one per presence channel
 * under its shard's mutex. A member's texts never change while it exists, so
 * whoever holds one of its counts may read them without the mutex.
 */
#ifndef PUSH_PRESENCE_H
#define PUSH_PRESENCE_H

#include "text.h"

/* Who joins. The texts are the caller's. */
typedef struct {
    const char *id; /* as text for comparing: 7 for both 7 and "7" */
    apr_size_t id_len;
    const char *json; /* the id as JSON, type kept: 7 or "7" */
    apr_size_t json_len;
    const char *info; /* user_info as JSON */
    apr_size_t info_len;
} push_user_t;

typedef struct push_member_t {
    struct push_member_t *next; /* in its hash chain */
    apr_uint32_t hash;
    apr_uint32_t place;       /* in the table's list */
    apr_uint32_t connections; /* of this user */
    push_user_t user;         /* texts lie behind this struct */
} push_member_t;

/* All zero is empty. */
typedef struct {
    push_member_t **list; /* n of them, in no order */
    push_member_t **chains;
    apr_uint32_t n;
    apr_uint32_t room; /* of list and chains, a power of two or 0 */
} push_members_t;

/**
 * Another connection of a user.
 * @param max    most users
 * @param first  set when the user was not a member before
 * @return NULL when the table is full and the user no member
 */
push_member_t *push_members_join(push_members_t *t, const push_user_t *user,
                                 apr_size_t max, int *first);

/**
 * A connection less.
 * @return 1 when it was the user's last: the member is out of the table and
 *         the caller frees it
 */
int push_members_leave(push_members_t *t, push_member_t *m);

/** Free the table's own memory; it is empty by then. */
void push_members_clear(push_members_t *t);

/** Add {"presence":{"count":…,"ids":[…],"hash":{…}}} to a text. */
void push_members_json(const push_members_t *t, push_text_t *out);

#endif
