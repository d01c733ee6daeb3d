/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_rule.h - who may subscribe to which channels.
 *
 * A rule is a pattern and conditions, one of which must hold. Patterns are
 * names without the prefix that says what the protocol makes of a channel
 * (`private-`, `private-encrypted-`, `presence-`), as a Laravel application
 * writes them: `conversation.{id}` is about all three. A pattern that begins
 * with one of these prefixes is about that kind alone. `{id}` stands for 1-64
 * of [A-Za-z0-9_-].
 *
 * The first rule whose pattern fits decides, the site's (ChatChannel) before
 * the built-in ones; a name that fits none is refused. Pure: what a condition
 * needs to know is asked of the caller.
 */
#ifndef CHAT_CHANNEL_RULE_H
#define CHAT_CHANNEL_RULE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "channel.h"
#include "path.h"

/* Conditions; bits, for a rule has several. */
typedef enum {
    CHAT_MAY_NOBODY = 0,
    CHAT_MAY_ANY = 1,    /* whoever is logged in */
    CHAT_MAY_SELF = 2,   /* the user whose id stands in the name */
    CHAT_MAY_MEMBER = 4, /* who may read the conversation of that id */
    CHAT_MAY_STAFF = 8,  /* ChatStaffRoles */
    CHAT_MAY_ROLE = 16   /* one of `roles` */
} chat_may_t;

typedef struct {
    const char *pattern;
    unsigned may;      /* of chat_may_t */
    const char *roles; /* "doctor|patient", or NULL */
} chat_channel_rule_t;

/**
 * Make a rule of what a directive says.
 * @param words  `any`, `self`, `member`, `staff`, `role=a|b`, or `nobody` alone;
 *               const char *, at least one
 * @param rule   its texts live in p
 * @return NULL, or what is wrong, a sentence
 */
const char *chat_channel_rule_parse(chat_channel_rule_t *rule,
                                    const char *pattern,
                                    const apr_array_header_t *words,
                                    apr_pool_t *p);

/**
 * Whether a rule is about a channel.
 * @param name  as the client wrote it; one that is neither private nor presence
 *              fits no rule, as anybody may have it
 * @param id    set when it fits: what stands for {id}, or ""
 */
int chat_channel_rule_fits(const chat_channel_rule_t *rule, const char *name,
                           char id[CHAT_ID_SIZE]);

/** Whether a role is among those of a rule. */
int chat_channel_rule_role(const chat_channel_rule_t *rule, const char *role);

/**
 * The rule about a channel.
 * @param own  the site's rules (chat_channel_rule_t), NULL: none
 * @param id   as above
 * @return NULL when no rule is about it
 */
const chat_channel_rule_t *chat_channel_rule_find(const apr_array_header_t *own,
                                                  const char *name,
                                                  char id[CHAT_ID_SIZE]);

/** What one in an encrypted channel needs besides: has `private-encrypted-`. */
int chat_channel_encrypted(const char *name);

#endif
