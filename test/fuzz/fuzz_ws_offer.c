/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ws_offer.c - what a client offers of permessage-deflate.
 *
 * The input is a Sec-WebSocket-Extensions header. What is agreed must be within
 * its bounds, our answer must be an offer we would take ourselves and mean the
 * same, and a header agrees on the same whether it comes whole or is parted at
 * a comma into two.
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

/* Read from a copy of the exact size, so that ASan sees a read past it. */
static int offered(ws_deflate_t *out, const uint8_t *data, size_t len)
{
    char *copy = malloc(len ? len : 1);
    int ok;

    must(copy != NULL);
    memcpy(copy, data, len);
    ok = ws_deflate_offered(out, copy, len);
    free(copy);
    return ok;
}

static void answer_check(const ws_deflate_t *agreed)
{
    static const char name[] = "Sec-WebSocket-Extensions: ";
    char out[WS_DEFLATE_ANSWER];
    apr_size_t n = ws_deflate_answer(out, agreed);
    ws_deflate_t again = { 0, 0 };

    must(n <= sizeof(out) && (n == 0) == (agreed->window == 0));
    if (n == 0) {
        return;
    }
    must(memcmp(out, name, sizeof(name) - 1) == 0);
    must(memcmp(out + n - 2, "\r\n", 2) == 0);
    must(ws_deflate_offered(&again, out + sizeof(name) - 1,
                            n - 2 - (sizeof(name) - 1)));
    must(again.window == agreed->window && again.asked == agreed->asked);
}

/* No character of a token is a comma, so every comma parts two offers. */
static void parted_check(const ws_deflate_t *whole, const uint8_t *data,
                         size_t size)
{
    const uint8_t *comma = memchr(data, ',', size);
    ws_deflate_t parted = { 0, 0 };

    if (comma == NULL) {
        return;
    }
    offered(&parted, data, (size_t)(comma - data));
    offered(&parted, comma + 1, size - (size_t)(comma - data) - 1);
    must(parted.window == whole->window && parted.asked == whole->asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ws_deflate_t agreed = { 0, 0 };
    ws_deflate_t before = { 9, 1 };
    int ok = offered(&agreed, data, size);

    must(agreed.window == 0 ||
         (agreed.window >= WS_WINDOW_MIN && agreed.window <= WS_WINDOW_MAX));
    must(agreed.asked ? agreed.window != 0
                      : agreed.window == 0 || agreed.window == WS_WINDOW_MAX);
    must(offered(&before, data, size) == ok);
    must(before.window == 9 && before.asked == 1);
    answer_check(&agreed);
    if (ok) {
        parted_check(&agreed, data, size);
    }
    return 0;
}
