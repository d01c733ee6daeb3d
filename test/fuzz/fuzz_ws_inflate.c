/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ws_inflate.c - a compressed message from a client.
 *
 * The first byte of the input says whether it is text and how long it may be,
 * the rest is the payload. What is unpacked must keep to the limit and come out
 * the same again with what the last message left behind, memory must keep to
 * the limit too, and what we pack of it a client of the smallest window that
 * was agreed must be able to unpack.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* As a client does, with a window of so many bits. */
static void client_check(const unsigned char *packed, apr_size_t size, int bits,
                         const void *data, apr_size_t len)
{
    unsigned char *out = malloc(len + 1);
    z_stream z;

    memset(&z, 0, sizeof(z));
    must(out != NULL && inflateInit2(&z, -bits) == Z_OK);
    z.next_in = (Bytef *)packed;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)len + 1;
    inflate(&z, Z_SYNC_FLUSH);
    must(z.total_out == len && memcmp(out, data, len) == 0);
    inflateEnd(&z);
    free(out);
}

static void pack_check(push_deflate_t *d, int opcode, const char *data,
                       apr_size_t len)
{
    unsigned char *packed;
    apr_size_t size, again;
    char *out;
    int bits;

    for (bits = WS_WINDOW_MIN; bits <= WS_WINDOW_MAX; bits += 7) {
        size = push_deflate_pack(d, push_deflate_width(bits, len), &packed,
                                 data, len);
        must(size < len || size == 0);
        if (size == 0) {
            continue;
        }
        client_check(packed, size, bits, data, len);
        must(push_deflate_unpack(d, opcode, &out, &again, packed, size, len) ==
             WS_DONE);
        must(again == len && memcmp(out, data, len) == 0);
        must(push_deflate_unpack(d, opcode, &out, &again, packed, size,
                                 len - 1) == WS_TOO_BIG);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static push_deflate_t used; /* by every input before */
    push_deflate_t fresh;
    apr_size_t len, limit, len_again;
    char *out, *copy, *out_again;
    ws_result_t r;
    int opcode;

    if (size < 1) {
        return 0;
    }
    opcode = data[0] & 1 ? WS_TEXT : WS_BINARY;
    limit = (apr_size_t)(data[0] >> 1) * 512;
    memset(&fresh, 0, sizeof(fresh));
    r = push_deflate_unpack(&fresh, opcode, &out, &len, data + 1, size - 1,
                            limit);
    must(r == WS_DONE || r == WS_TOO_BIG || r == WS_CORRUPT ||
         (r == WS_NOT_UTF8 && opcode == WS_TEXT));
    must(fresh.unpacked.room <= (limit + 2 > 4096 ? limit + 2 : 4096));
    must(push_deflate_unpack(&used, opcode, &out_again, &len_again, data + 1,
                             size - 1, limit) == r);
    if (r == WS_DONE) {
        must(len <= limit && len == len_again);
        must(memcmp(out, out_again, len) == 0);
        must(opcode != WS_TEXT || chat_utf8_valid(out, len));
        copy = malloc(len + 1);
        must(copy != NULL);
        memcpy(copy, out, len);
        copy[len] = '\0';
        pack_check(&fresh, opcode, copy, len);
        free(copy);
    }
    push_deflate_clear(&fresh);
    return 0;
}
