/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - a text that grows: for answers, lists and metrics.
 *
 * Memory is malloc'ed, because texts are also built under a shard's mutex where
 * no pool belongs; the owner calls push_text_free(). Out of memory ends the
 * process, as everywhere in chat-push.
 */
#ifndef PUSH_TEXT_H
#define PUSH_TEXT_H

#include <apr.h>

/* All zero is empty. */
typedef struct {
    char *at; /* not terminated */
    apr_size_t len;
    apr_size_t room;
} push_text_t;

void push_text_add(push_text_t *t, const void *bytes, apr_size_t len);
void push_text_str(push_text_t *t, const char *s);
void push_text_num(push_text_t *t, apr_uint64_t n);

/** As printf; for what is not built often. */
void push_text_printf(push_text_t *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Bytes of UTF-8 as a JSON string with its quotes. */
void push_text_quote(push_text_t *t, const char *bytes, apr_size_t len);

void push_text_free(push_text_t *t);

/** What malloc gave, or the end of the process. */
void *push_must(void *memory);

#endif
