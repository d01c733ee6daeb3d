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
    memset(f->twins, 0, sizeof(f->twins));
    return f;
}

static push_frame_t *frame_build(int rsv1, int opcode, const void *payload,
                                 apr_size_t len)
{
    unsigned char head[WS_HEADER_MAX];
    apr_size_t n = ws_header(head, 1, rsv1, opcode, len);
    push_frame_t *f = push_frame_create(n + len);

    memcpy(f->data, head, n);
    if (len > 0) {
        memcpy(f->data + n, payload, len);
    }
    return f;
}

push_frame_t *push_frame_ws(int opcode, const void *payload, apr_size_t len)
{
    return frame_build(0, opcode, payload, len);
}

/* Where the payload begins of a frame that holds one whole message and nothing
 * else. @return 0 when it holds something else */
static apr_size_t payload_at(const push_frame_t *f)
{
    unsigned char head[WS_HEADER_MAX];
    apr_size_t at = f->len < 2          ? 0
                    : f->data[1] < 126  ? 2
                    : f->data[1] == 126 ? 4
                                        : 10;

    /* Its header is what we would write for such a message. */
    if (at == 0 || f->len < at || ws_is_control(f->data[0]) ||
        ws_header(head, 1, 0, f->data[0] & 0xf, f->len - at) != at ||
        memcmp(head, f->data, at) != 0) {
        return 0;
    }
    return at;
}

static push_frame_t *twin_make(push_frame_t *f, push_width_t width,
                               push_deflate_t *d)
{
    apr_size_t at = payload_at(f);
    unsigned char *packed;
    push_frame_t *twin;
    apr_size_t len;

    if (at == 0) {
        return f;
    }
    len = push_deflate_pack(d, width, &packed, f->data + at, f->len - at);
    if (len == 0) {
        return f;
    }
    twin = frame_build(1, f->data[0] & 0xf, packed, len);
    push_deflate_trim(&d->packed);
    return twin;
}

push_frame_t *push_frame_twin(push_frame_t *f, push_width_t width,
                              push_deflate_t *d)
{
    push_frame_t **slot = &f->twins[width];
    push_frame_t *twin = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    push_frame_t *other = NULL;

    if (twin != NULL) {
        return twin;
    }
    twin = twin_make(f, width, d);
    if (__atomic_compare_exchange_n(slot, &other, twin, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return twin;
    }
    /* Another loop was faster. */
    if (twin != f) {
        push_frame_release(twin);
    }
    return other;
}

void push_frame_retain(push_frame_t *f)
{
    __atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
}

static void twins_release(push_frame_t *f)
{
    int i;

    for (i = 0; i < PUSH_WIDTHS; i++) {
        if (f->twins[i] != NULL && f->twins[i] != f) {
            push_frame_release(f->twins[i]);
        }
    }
}

void push_frame_release(push_frame_t *f)
{
    /* Release what we read before, acquire what the others did: only then may
     * the bytes be given back. */
    if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        twins_release(f);
        free(f);
    }
}
