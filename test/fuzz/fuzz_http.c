/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http.c - request heads, chunked bodies and queries, whole and cut.
 *
 * The input is a request after one byte that says where to cut. A head cut
 * short must wait or fail; what it parses to must lie inside it; a chunked body
 * must decode to the same bytes in one piece, in two, and byte by byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static char *copy_of(const void *data, size_t size)
{
    char *copy = calloc(size ? size : 1, 1);

    must(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

static http_result_t parse(http_head_t *head, apr_size_t *used,
                           const char *data, size_t size)
{
    char *copy = copy_of(data, size);
    http_result_t r = http_head_parse(head, used, copy, size, HTTP_HEAD_MAX);

    free(copy); /* the caller looks at the result only */
    return r;
}

/* A head cut short waits, or fails when the whole fails too. */
static void cut_check(const char *data, size_t size, http_result_t whole,
                      size_t head_len)
{
    http_head_t head;
    apr_size_t used;
    http_result_t r;
    size_t len;

    for (len = 0; len < size && len < 600; len++) {
        r = parse(&head, &used, data, len);
        if (whole == HTTP_DONE) {
            must(r == (len < head_len ? HTTP_MORE : HTTP_DONE));
        }
        else if (whole == HTTP_MORE) {
            must(r == HTTP_MORE);
        }
        else {
            must(r != HTTP_DONE);
        }
    }
}

static void inside(const http_span_t *span, const char *buf, size_t len)
{
    if (span->len > 0) {
        must(span->at >= buf && span->at + span->len <= buf + len);
    }
}

static void query_check(http_span_t query)
{
    http_span_t name, value, found, rest = query;
    apr_size_t steps = 0;
    apr_ssize_t n;
    char *out;

    while (http_query_next(&name, &value, &rest)) {
        must(++steps <= query.len);
        inside(&name, query.at, query.len);
        inside(&value, query.at, query.len);
        out = copy_of(value.at, value.len);
        n = http_decode(out, value, 1);
        must(n <= (apr_ssize_t)value.len);
        must(n < 0 || memchr(out, 0, (size_t)n) == NULL);
        free(out);
    }
    must(!http_query_get(&found, query, "not there at all"));
}

static void head_check(const http_head_t *head, const char *buf, size_t len)
{
    int i;

    must(len >= 2 && buf[len - 1] == '\n');
    inside(&head->method, buf, len);
    inside(&head->path, buf, len);
    inside(&head->query, buf, len);
    must(head->nheaders <= HTTP_HEADERS_MAX);
    for (i = 0; i < head->nheaders; i++) {
        inside(&head->headers[i].name, buf, len);
        inside(&head->headers[i].value, buf, len);
        http_has_token(&head->headers[i].value, "upgrade");
    }
    must(http_header_count(head, "host") <= 1);
    must(!(head->chunked && http_header(head, "content-length") != NULL));
    must(head->length >= 0);
    query_check(head->query);
}

/* Decode in pieces: `cut` bytes first, then `step` at a time.
 * @return the result; out and len have the body */
static http_result_t dechunk(const char *data, size_t size, size_t cut,
                             size_t step, char *out, size_t *len)
{
    apr_size_t used, body;
    http_result_t r = HTTP_MORE;
    http_chunked_t st;
    size_t n = cut;
    char *piece;

    memset(&st, 0, sizeof(st));
    *len = 0;
    while (size > 0 && r == HTTP_MORE) {
        n = n == 0 || n > size ? size : n;
        piece = copy_of(data, n);
        r = http_chunked(&st, piece, n, &used, &body, BODY_MAX);
        must(used <= n && body <= used && *len + body <= BODY_MAX);
        must(r != HTTP_MORE || used == n);
        memcpy(out + *len, piece, body);
        free(piece);
        *len += body;
        data += used;
        size -= used;
        n = step;
    }
    return r;
}

static void chunked_check(const char *data, size_t size, size_t cut)
{
    static char whole[BODY_MAX], other[BODY_MAX];
    size_t len, again;
    http_result_t r = dechunk(data, size, 0, 0, whole, &len);

    must(dechunk(data, size, cut, 0, other, &again) == r);
    must(again == len && memcmp(whole, other, len) == 0);
    must(dechunk(data, size, 1, 1, other, &again) == r);
    must(again == len && memcmp(whole, other, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_size_t used = 0;
    http_head_t head;
    http_result_t r;
    char *buf;

    if (size < 1) {
        return 0;
    }
    size--;
    buf = copy_of(data + 1, size);
    r = http_head_parse(&head, &used, buf, size, HTTP_HEAD_MAX);
    cut_check(buf, size, r, used);
    if (r == HTTP_DONE) {
        must(used <= size);
        head_check(&head, buf, used);
        if (head.chunked) {
            chunked_check(buf + used, size - used, data[0]);
        }
    }
    else {
        chunked_check(buf, size, data[0]);
    }
    free(buf);
    return 0;
}
