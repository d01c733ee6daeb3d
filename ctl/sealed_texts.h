/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed_texts.h - the sealed texts of a conversation, one after the other: for
 * chatctl keys verify, which looks, and keys reseal, which seals them anew.
 *
 * Messages and what they said before, messages that are held, titles,
 * descriptions and reasons of plans, the conversation's title, names of files.
 * A batch is one transaction; a text that is sealed with the newest key is left
 * alone, so what was interrupted goes on where it was. Nobody is told of a text
 * that only got another key: the triggers pass it over (chat_resealing).
 */
#ifndef CTL_SEALED_TEXTS_H
#define CTL_SEALED_TEXTS_H

#include "keys.h"
#include "session.h"

typedef struct {
    ctl_session_t *s;
    chat_keys_t *keys;
    int write; /* seal them with the newest key */
    int open;  /* those that lie open as well */
    apr_int64_t sealed; /* with the newest key, by this */
    apr_int64_t before; /* that were already, or are only looked at */
    apr_int64_t clear;  /* that lie open */
    apr_int64_t shut;   /* that cannot be opened or belong elsewhere */
} ctl_texts_t;

/** All of a conversation. What is shut is said, one line each.
 * @return CTL_OK, else said already */
int ctl_texts(ctl_texts_t *t, const char *conversation);

#endif
