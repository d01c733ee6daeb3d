/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - HTTP/1.1 requests as bytes (RFC 9110, 9112). No sockets, no
 * allocation: heads are spans into the caller's buffer, chunked bodies are
 * decoded in place. What a proxy and we could read differently is refused
 * (two lengths, length with chunked, obsolete folding, bare CR or LF).
 */
#ifndef PUSH_HTTP_H
#define PUSH_HTTP_H

#include <apr.h>

#define HTTP_HEADERS_MAX 64    /* header fields of a request at most */
#define HTTP_HEAD_MAX 16384    /* bytes of a request head at most */

typedef struct {
    const char *at; /* not terminated */
    apr_size_t len;
} http_span_t;

typedef struct {
    http_span_t name;
    http_span_t value; /* without surrounding white space */
} http_header_t;

typedef enum {
    HTTP_DONE,
    HTTP_MORE,       /* incomplete; call again with more bytes */
    HTTP_BAD,        /* 400 */
    HTTP_TOO_LARGE,  /* head: 431; body: 413 */
    HTTP_VERSION,    /* 505: neither HTTP/1.0 nor HTTP/1.1 */
    HTTP_CODING      /* 501: a transfer coding we do not know */
} http_result_t;

typedef struct {
    http_span_t method; /* as sent: case matters */
    http_span_t path;   /* before '?', as sent (percent-encoded) */
    http_span_t query;  /* after '?', as sent; len 0 when none */
    int minor;          /* HTTP/1.minor */
    int nheaders;
    http_header_t headers[HTTP_HEADERS_MAX];
    int keep_alive;     /* the connection may be used again */
    int chunked;        /* body is chunked */
    int expect_continue;
    apr_int64_t length; /* Content-Length; 0 when none */
} http_head_t;

/**
 * Parse the request head at the start of a buffer. One empty line before it is
 * skipped (RFC 9112 section 2.2). A mistake shows with the end of its line:
 * after HTTP_MORE it is no use to ask again before another line feed has come.
 * @param used  bytes of the head with its empty line, on HTTP_DONE
 * @param limit longest head accepted, in bytes
 */
http_result_t http_head_parse(http_head_t *out, apr_size_t *used,
                              const char *buf, apr_size_t len,
                              apr_size_t limit);

/** The first header of a name (ASCII case ignored), or NULL. */
const http_span_t *http_header(const http_head_t *head, const char *name);

/** How often a header occurs. */
int http_header_count(const http_head_t *head, const char *name);

/** Whether a comma-separated header value holds a token (case ignored). */
int http_has_token(const http_span_t *value, const char *token);

/** Whether a span is exactly this text (case matters). */
int http_span_is(const http_span_t *span, const char *text);

/* Where the decoding of a chunked body stands; all zero is the start. */
typedef struct {
    int state;          /* http.c */
    int line;           /* bytes of the current size or trailer line */
    apr_uint64_t chunk; /* bytes of the current chunk still to come */
    apr_uint64_t total; /* decoded bytes so far */
    apr_size_t trailer; /* bytes of all trailer lines so far */
} http_chunked_t;

/**
 * Decode the next piece of a chunked body in place (RFC 9112 section 7.1).
 * Extensions and trailers are skipped, within limits.
 * @param buf   the next raw bytes; what they decode to is moved to its start
 * @param len   bytes there
 * @param used  raw bytes taken: all of them, or up to the body's end
 * @param body  decoded bytes now at buf
 * @param limit longest decoded body accepted, in bytes
 * @return HTTP_DONE at the end of the body, HTTP_MORE before it
 */
http_result_t http_chunked(http_chunked_t *st, char *buf, apr_size_t len,
                           apr_size_t *used, apr_size_t *body,
                           apr_size_t limit);

/**
 * The value of a query parameter, still percent-encoded.
 * @return 0 when there is none
 */
int http_query_get(http_span_t *out, http_span_t query, const char *name);

/**
 * Step through the parameters of a query; empty ones are skipped, one without
 * '=' has an empty value.
 * @return 0 at the end
 */
int http_query_next(http_span_t *name, http_span_t *value, http_span_t *rest);

/**
 * Percent-decode; '+' is a space when `form`.
 * @param out  in.len bytes of room, may be in.at itself
 * @return decoded length, -1 for a bad escape or a decoded NUL
 */
apr_ssize_t http_decode(char *out, http_span_t in, int form);

/** The reason phrase of a status code, "Unknown" for one we never send. */
const char *http_reason(int status);

#endif
