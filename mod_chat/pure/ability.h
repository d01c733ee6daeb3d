/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ability.h - what a bearer token may do.
 *
 * Sanctum keeps a list of texts with each token; `*` is everything. We ask for
 * one of three: chat:read for what only reads, chat:write for what changes
 * something, chat:account for passwords, sessions and tokens. Which one a route
 * needs stands in its row of routes.def. A token may always end itself.
 *
 * Pure. The statements that send and read in one step (send_bearer, page_bearer)
 * look at the list themselves, in the same way: for the name in quotes. A list with a
 * backslash in it they leave to us.
 */
#ifndef CHAT_ABILITY_H
#define CHAT_ABILITY_H

#define CHAT_ABILITY_READ "chat:read"
#define CHAT_ABILITY_WRITE "chat:write"
#define CHAT_ABILITY_ACCOUNT "chat:account"
#define CHAT_ABILITIES_ALL "[\"*\"]"

/**
 * Whether a token has an ability.
 * @param list  Sanctum's, JSON; NULL (a row that was made by hand): everything
 */
int chat_ability_has(const char *list, const char *ability);

/** Whether a text can be an ability: 1-64 of A-Z a-z 0-9 : . _ - or `*`. */
int chat_ability_valid(const char *text);

#endif
