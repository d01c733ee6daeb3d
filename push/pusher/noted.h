/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noted.h - mod_chat says whose socket one is that came without an identity.
 *
 * A phone that connects straight to us, or a page's WebSocket that carries no
 * log-in, brings signatures, which do not say whose they are. mod_chat knows:
 * it has just made one, for a log-in, and tells us before its answer goes out
 * (handoff.h, NOTE). So these sockets are found as well when the log-in or a
 * membership ends. A note opens nothing: what such a socket may is what it has
 * signatures for.
 *
 * The first note counts. One of another user's means that two people share a
 * socket, and then nobody could say when it is to end: it is closed with 4200,
 * comes back under another id and asks anew.
 */
#ifndef PUSH_NOTED_H
#define PUSH_NOTED_H

#include "handoff.h"

/** A note has come. Any thread. A socket that is not ours is passed over. */
void push_noted(const chat_handoff_note_t *note);

#endif
