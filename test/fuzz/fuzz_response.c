/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_response.c - what a server may answer chatctl doctor.
 *
 * What is found lies within the bytes; what was complete stays the same when
 * more follows, and a cut head asks for more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void fields(const response_head_t *head)
{
    static const char *const names[] = { "Date", "Content-Length", "" };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        apr_size_t len = 0;
        const char *value = response_field(&len, head, names[i]);

        must(value == NULL || (value >= head->fields &&
                               value + len <= head->fields + head->fields_len));
    }
}

static void head_of(const char *bytes, size_t size)
{
    response_head_t head, cut;

    if (response_head_parse(&head, bytes, size) == RESPONSE_DONE) {
        must(head.head_len <= size && head.status >= 100 && head.status < 600);
        must(head.fields + head.fields_len == bytes + head.head_len);
        must(response_head_parse(&cut, bytes, head.head_len) == RESPONSE_DONE);
        must(response_head_parse(&cut, bytes, head.head_len - 1) ==
             RESPONSE_MORE);
        fields(&head);
    }
}

static void frames_of(const char *bytes, size_t size)
{
    response_frame_t frame;
    apr_size_t used;

    while (response_frame_parse(&frame, &used, bytes, size) == RESPONSE_DONE) {
        must(used >= 2 && used <= size);
        must(frame.payload + frame.len == bytes + used);
        bytes += used;
        size -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1); /* exact: ASan watches */

    must(copy != NULL);
    memcpy(copy, data, size);
    head_of(copy, size);
    frames_of(copy, size);
    free(copy);
    return 0;
}
