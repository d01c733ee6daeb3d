/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_multipart.c - a body with the boundary "B": one meaning, however it is
 * cut into pieces. The first byte says how long the pieces are. The same bytes
 * are tried as headers of a part and as a Content-Type.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

/* What was received, as a number. */
typedef struct {
    uint64_t hash; /* of calls and bytes, not of how the bytes were cut */
    size_t bytes;
    int begun, ended;
} heard_t;

static void mix(heard_t *h, const void *bytes, size_t len)
{
    const unsigned char *s = bytes;

    for (size_t i = 0; i < len; i++) {
        h->hash = (h->hash ^ s[i]) * 0x100000001b3u;
    }
}

static int begin(void *to, const chat_part_t *part)
{
    heard_t *h = to;

    must(h->begun == h->ended);
    h->begun++;
    must(part->name[0] != '\0' && strlen(part->name) <= CHAT_MULTIPART_NAME);
    must(strlen(part->filename) <= CHAT_MULTIPART_FILENAME);
    must(strpbrk(part->filename, "\r\n\t") == NULL);
    mix(h, "{", 1);
    mix(h, part->name, strlen(part->name));
    mix(h, part->filename, strlen(part->filename));
    mix(h, part->type, strlen(part->type));
    return 1;
}

static int bytes_of(void *to, const char *bytes, size_t len)
{
    heard_t *h = to;

    must(len > 0 && h->begun == h->ended + 1);
    h->bytes += len;
    mix(h, bytes, len);
    return 1;
}

static int end(void *to)
{
    heard_t *h = to;

    h->ended++;
    must(h->begun == h->ended);
    mix(h, "}", 1);
    return 1;
}

static chat_multipart_result_t run(heard_t *h, const uint8_t *data, size_t size,
                                   size_t piece)
{
    static chat_multipart_t m;
    chat_multipart_sink_t sink = { begin, bytes_of, end, h };

    memset(h, 0, sizeof(*h));
    chat_multipart_init(&m, "B", &sink);
    for (size_t at = 0; at < size;) {
        size_t n = size - at < piece ? size - at : piece;
        char *copy = malloc(n); /* ASan sees a read past a piece */

        must(copy != NULL);
        memcpy(copy, data + at, n);
        chat_multipart_feed(&m, copy, n);
        free(copy);
        at += n;
    }
    return chat_multipart_end(&m);
}

static void as_header(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char boundary[CHAT_MULTIPART_BOUNDARY + 1];
    char name[CHAT_MULTIPART_FILENAME + 1];
    static chat_part_t part;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (chat_multipart_boundary(boundary, text)) {
        must(boundary[0] != '\0');
        must(strpbrk(boundary, "\r\n\"") == NULL);
    }
    if (chat_disposition_filename(name, text)) {
        must(strpbrk(name, "\r\n") == NULL);
    }
    if (chat_part_parse(&part, text, size)) {
        must(part.name[0] != '\0' || size > 0);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heard_t whole, cut;
    chat_multipart_result_t result;

    if (size == 0) {
        return 0;
    }
    result = run(&whole, data + 1, size - 1, size);
    must(run(&cut, data + 1, size - 1, 1 + data[0] % 40) == result);
    must(whole.hash == cut.hash && whole.bytes == cut.bytes);
    must(whole.begun == cut.begun && whole.ended == cut.ended);
    must(whole.bytes <= size);
    if (result == CHAT_MULTIPART_OK) {
        must(whole.begun == whole.ended);
    }
    as_header(data + 1, size - 1);
    return 0;
}
