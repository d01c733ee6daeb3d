/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - counted bytes for the wire (frame.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "ws.h"

push_frame_t *push_frame_create(apr_size_t len)
{
    push_frame_t *f = malloc(sizeof(*f) + len);

    if (f == NULL || len > APR_UINT32_MAX) {
        fputs("chat-push: out of memory for a frame\n", stderr);
        abort();
    }
    f->refs = 1;
    f->len = (apr_uint32_t)len;
    return f;
}

push_frame_t *push_frame_ws(int opcode, const void *payload, apr_size_t len)
{
    unsigned char head[WS_HEADER_MAX];
    apr_size_t n = ws_header(head, 1, 0, opcode, len);
    push_frame_t *f = push_frame_create(n + len);

    memcpy(f->data, head, n);
    if (len > 0) {
        memcpy(f->data + n, payload, len);
    }
    return f;
}

void push_frame_retain(push_frame_t *f)
{
    __atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
}

void push_frame_release(push_frame_t *f)
{
    /* Release what we read before, acquire what the others did: only then may
     * the bytes be given back. */
    if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(f);
    }
}
