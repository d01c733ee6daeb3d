/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealing.h - texts that lie encrypted in the database, where a site has ChatKeys.
 *
 * What people write is sealed before it is stored (common/keys.h), and whatever is
 * answered is opened on its way out (reply.c), in one place for all routes. Without
 * ChatKeys nothing is sealed, and what was sealed before is shown as it lies there.
 */
#ifndef CHAT_SEALING_H
#define CHAT_SEALING_H

#include "request.h"
#include "seal.h"

/** What the caller writes in q->conversation: which of it, for the functions below.
 * @param name  a message's client_id or a file's id; NULL or "": none */
chat_seal_about_t chat_sealing_own(const chat_request_t *q, chat_seal_kind_t kind,
                                   const char *name);

/**
 * A text as it is to be stored.
 * @param stored  text itself without ChatKeys, else from the request's pool
 */
apr_status_t chat_sealing_text(const char **stored, const chat_request_t *q,
                               const chat_seal_about_t *about, const char *text);

/** A text out of a row. "" when it cannot be opened or is not what `about` says; the
 * log says why then. */
const char *chat_sealing_open(const chat_request_t *q, const chat_seal_about_t *about,
                              const char *text);

/** The client_id that a message is stored with: its text is sealed for one, so with
 * ChatKeys a message without gets a random one. @return NULL: it needs none */
const char *chat_sealing_client_id(const chat_request_t *q, const char *given);

/** The same for every string of an answer. */
const char *chat_sealing_json(const chat_request_t *q, const char *json);

#endif
