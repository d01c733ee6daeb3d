/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - HTTP/1.1 requests as bytes (http.h).
 *
 * The head is read line by line; every line must end in CRLF. After the last
 * one the framing of the body is decided, once: Content-Length, chunked, or no
 * body.
 */
#include <string.h>
#include <strings.h>

#include "http.h"

#define METHOD_MAX 32       /* characters */
#define LENGTH_DIGITS 18    /* of Content-Length: fits apr_int64_t */
#define CHUNK_DIGITS 15     /* hexadecimal, of a chunk size */
#define CHUNK_LINE_MAX 1024 /* bytes of a size line with its extensions */
#define TRAILER_MAX 8192    /* bytes of all trailer lines */

/* RFC 9110 section 5.6.2 */
static int is_token(char ch)
{
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
        (ch >= '0' && ch <= '9')) {
        return 1;
    }
    return ch != '\0' && strchr("!#$%&'*+-.^_`|~", ch) != NULL;
}

static int is_space(char ch) { return ch == ' ' || ch == '\t'; }

int http_span_is(const http_span_t *span, const char *text)
{
    apr_size_t len = strlen(text);

    return span->len == len && memcmp(span->at, text, len) == 0;
}

static int span_is_nocase(const http_span_t *span, const char *text)
{
    return span->len == strlen(text) &&
           strncasecmp(span->at, text, span->len) == 0;
}

static http_span_t span_trim(http_span_t s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* The bytes before the next `sep`; rest moves behind it. 0 at the end. */
static int span_split(http_span_t *out, http_span_t *rest, char sep)
{
    const char *end;

    if (rest->at == NULL) {
        return 0;
    }
    end = rest->len > 0 ? memchr(rest->at, sep, rest->len) : NULL;
    *out = *rest;
    if (end == NULL) {
        rest->at = NULL;
        rest->len = 0;
        return 1;
    }
    out->len = (apr_size_t)(end - rest->at);
    rest->at += out->len + 1;
    rest->len -= out->len + 1;
    return 1;
}

/* Take a line off the buffer: without its CRLF, which must be there. */
static http_result_t line_take(http_span_t *line, const char *buf,
                               apr_size_t len, apr_size_t *at)
{
    const char *end;

    if (*at >= len || (end = memchr(buf + *at, '\n', len - *at)) == NULL) {
        return HTTP_MORE;
    }
    line->at = buf + *at;
    line->len = (apr_size_t)(end - line->at);
    *at += line->len + 1;
    if (line->len == 0 || line->at[line->len - 1] != '\r') {
        return HTTP_BAD;
    }
    line->len--;
    return HTTP_DONE;
}

/* "HTTP/1.1", the only versions we answer being 1.0 and 1.1. */
static http_result_t version_parse(http_head_t *out, http_span_t v)
{
    if (v.len != 8 || memcmp(v.at, "HTTP/", 5) != 0 || v.at[5] < '0' ||
        v.at[5] > '9' || v.at[6] != '.' || v.at[7] < '0' || v.at[7] > '9') {
        return HTTP_BAD;
    }
    if (v.at[5] != '1' || v.at[7] > '1') {
        return HTTP_VERSION;
    }
    out->minor = v.at[7] - '0';
    return HTTP_DONE;
}

/* "http://host/path" (RFC 9112 section 3.2.2): what follows the authority. */
static http_result_t absolute_strip(http_span_t *target)
{
    apr_size_t skip;
    const char *path;

    if (target->len > 7 && strncasecmp(target->at, "http://", 7) == 0) {
        skip = 7;
    }
    else if (target->len > 8 && strncasecmp(target->at, "https://", 8) == 0) {
        skip = 8;
    }
    else {
        return HTTP_BAD;
    }
    target->at += skip;
    target->len -= skip;
    path = memchr(target->at, '/', target->len);
    if (path == NULL || path == target->at) {
        return HTTP_BAD;
    }
    target->len -= (apr_size_t)(path - target->at);
    target->at = path;
    return HTTP_DONE;
}

static http_result_t target_parse(http_head_t *out, http_span_t target)
{
    apr_size_t i;

    for (i = 0; i < target.len; i++) {
        if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#') {
            return HTTP_BAD;
        }
    }
    if (target.len == 0) {
        return HTTP_BAD;
    }
    if (target.at[0] != '/' && !http_span_is(&target, "*") &&
        absolute_strip(&target) != HTTP_DONE) {
        return HTTP_BAD;
    }
    span_split(&out->path, &target, '?');
    out->query = target;
    return HTTP_DONE;
}

/* METHOD SP target SP version */
static http_result_t request_line(http_head_t *out, http_span_t line)
{
    http_span_t target;
    apr_size_t i;

    if (!span_split(&out->method, &line, ' ') || line.at == NULL ||
        !span_split(&target, &line, ' ') || line.at == NULL) {
        return HTTP_BAD;
    }
    if (out->method.len == 0 || out->method.len > METHOD_MAX) {
        return HTTP_BAD;
    }
    for (i = 0; i < out->method.len; i++) {
        if (!is_token(out->method.at[i])) {
            return HTTP_BAD;
        }
    }
    if (target_parse(out, target) != HTTP_DONE) {
        return HTTP_BAD;
    }
    return version_parse(out, line);
}

/* name ":" OWS value OWS; no space before the colon, no folded line, no control
 * character, so that nobody behind or before us reads it as something else. */
static http_result_t header_parse(http_head_t *out, http_span_t line)
{
    http_header_t *h = &out->headers[out->nheaders];
    apr_size_t i;

    for (i = 0; i < line.len && is_token(line.at[i]); i++) {
    }
    if (i == 0 || i == line.len || line.at[i] != ':') {
        return HTTP_BAD;
    }
    h->name.at = line.at;
    h->name.len = i;
    h->value.at = line.at + i + 1;
    h->value.len = line.len - i - 1;
    for (i = 0; i < h->value.len; i++) {
        unsigned char ch = (unsigned char)h->value.at[i];
        if ((ch < ' ' && ch != '\t') || ch == 0x7f) {
            return HTTP_BAD;
        }
    }
    h->value = span_trim(h->value);
    out->nheaders++;
    return HTTP_DONE;
}

static http_result_t length_parse(apr_int64_t *length, const http_span_t *v)
{
    apr_size_t i;

    if (v->len == 0 || v->len > LENGTH_DIGITS) {
        return HTTP_BAD;
    }
    *length = 0;
    for (i = 0; i < v->len; i++) {
        if (v->at[i] < '0' || v->at[i] > '9') {
            return HTTP_BAD;
        }
        *length = *length * 10 + (v->at[i] - '0');
    }
    return HTTP_DONE;
}

/* What the fields that steer the transport add up to. */
typedef struct {
    int hosts;
    int codings;
    int lengths;
    int close;
    int keep;
} steering_t;

static http_result_t steering_take(http_head_t *out, steering_t *st,
                                   const http_header_t *h)
{
    switch (h->name.len) {
    case 4:
        st->hosts += span_is_nocase(&h->name, "host");
        break;
    case 6:
        if (span_is_nocase(&h->name, "expect")) {
            out->expect_continue |= span_is_nocase(&h->value, "100-continue");
        }
        break;
    case 10:
        if (span_is_nocase(&h->name, "connection")) {
            st->close |= http_has_token(&h->value, "close");
            st->keep |= http_has_token(&h->value, "keep-alive");
        }
        break;
    case 14:
        if (span_is_nocase(&h->name, "content-length")) {
            st->lengths++;
            return length_parse(&out->length, &h->value);
        }
        break;
    case 17:
        if (span_is_nocase(&h->name, "transfer-encoding")) {
            st->codings++;
            out->chunked = span_is_nocase(&h->value, "chunked");
            return out->chunked ? HTTP_DONE : HTTP_CODING;
        }
        break;
    default:
        break;
    }
    return HTTP_DONE;
}

/* RFC 9112 sections 3.2 (Host), 6 (body) and 9.3 (persistence). */
static http_result_t steering_judge(http_head_t *out)
{
    http_result_t r;
    steering_t st;
    int i;

    memset(&st, 0, sizeof(st));
    for (i = 0; i < out->nheaders; i++) {
        r = steering_take(out, &st, &out->headers[i]);
        if (r != HTTP_DONE) {
            return r;
        }
    }
    if (st.hosts > 1 || (st.hosts == 0 && out->minor == 1)) {
        return HTTP_BAD;
    }
    if (st.lengths > 1 || st.codings > 1 || (st.codings && st.lengths) ||
        (st.codings && out->minor == 0)) {
        return HTTP_BAD;
    }
    out->keep_alive = !st.close && (out->minor == 1 || st.keep);
    out->expect_continue = out->expect_continue && out->minor == 1;
    return HTTP_DONE;
}

/* The lines up to the empty one, from `at` on. */
static http_result_t lines_parse(http_head_t *out, const char *buf,
                                 apr_size_t len, apr_size_t *at)
{
    http_span_t line;
    http_result_t r;

    r = line_take(&line, buf, len, at);
    if (r == HTTP_DONE && line.len == 0 && *at == 2) {
        r = line_take(&line, buf, len, at);
    }
    if (r == HTTP_DONE) {
        r = request_line(out, line);
    }
    while (r == HTTP_DONE) {
        r = line_take(&line, buf, len, at);
        if (r != HTTP_DONE || line.len == 0) {
            return r;
        }
        if (out->nheaders == HTTP_HEADERS_MAX) {
            return HTTP_TOO_LARGE;
        }
        r = header_parse(out, line);
    }
    return r;
}

http_result_t http_head_parse(http_head_t *out, apr_size_t *used,
                              const char *buf, apr_size_t len, apr_size_t limit)
{
    apr_size_t seen = len > limit ? limit : len;
    apr_size_t at = 0;
    http_result_t r;

    out->nheaders = 0;
    out->chunked = 0;
    out->expect_continue = 0;
    out->length = 0;
    r = lines_parse(out, buf, seen, &at);
    if (r == HTTP_MORE) {
        return len >= limit ? HTTP_TOO_LARGE : HTTP_MORE;
    }
    if (r != HTTP_DONE) {
        return r;
    }
    *used = at;
    return steering_judge(out);
}

const http_span_t *http_header(const http_head_t *head, const char *name)
{
    int i;

    for (i = 0; i < head->nheaders; i++) {
        if (span_is_nocase(&head->headers[i].name, name)) {
            return &head->headers[i].value;
        }
    }
    return NULL;
}

int http_header_count(const http_head_t *head, const char *name)
{
    int i, n = 0;

    for (i = 0; i < head->nheaders; i++) {
        n += span_is_nocase(&head->headers[i].name, name);
    }
    return n;
}

int http_has_token(const http_span_t *value, const char *token)
{
    http_span_t rest = *value, item;

    while (span_split(&item, &rest, ',')) {
        item = span_trim(item);
        if (span_is_nocase(&item, token)) {
            return 1;
        }
    }
    return 0;
}

/* --- chunked bodies ------------------------------------------------------ */

/* The states follow the grammar; CR states wait for the line feed. */
enum {
    CHUNK_SIZE,  /* hexadecimal digits */
    CHUNK_BLANK, /* after the size; only an extension or the end may follow */
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* a line of the trailer, the empty one ends the body */
    CHUNK_TRAILER_LF,
    CHUNK_END
};

static int hex_value(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }
    if (ch >= 'A' && ch <= 'F') {
        return ch - 'A' + 10;
    }
    return -1;
}

/* What may stand behind the digits of a size. "3 5" is no size: who skips the
 * blank reads another one than who stops there. */
static http_result_t size_follow(http_chunked_t *st, char ch)
{
    if (ch == '\r') {
        st->state = CHUNK_SIZE_LF;
        return HTTP_MORE;
    }
    if (ch == ';') {
        st->state = CHUNK_EXTENSION;
        return HTTP_MORE;
    }
    if (is_space(ch) && ++st->line <= CHUNK_LINE_MAX) {
        st->state = CHUNK_BLANK;
        return HTTP_MORE;
    }
    return HTTP_BAD;
}

/* A character of the size: a digit, or what ends it. */
static http_result_t size_step(http_chunked_t *st, char ch)
{
    int digit = hex_value(ch);

    if (digit >= 0 && st->line < CHUNK_DIGITS) {
        st->chunk = st->chunk << 4 | (apr_uint64_t)digit;
        st->line++;
        return HTTP_MORE;
    }
    if (st->line == 0 || digit >= 0) {
        return HTTP_BAD;
    }
    return size_follow(st, ch);
}

static http_result_t extension_step(http_chunked_t *st, char ch)
{
    if (ch == '\r') {
        st->state = CHUNK_SIZE_LF;
        return HTTP_MORE;
    }
    if (ch == '\n' || ch == '\0' || ++st->line > CHUNK_LINE_MAX) {
        return HTTP_BAD;
    }
    return HTTP_MORE;
}

/* The size line is complete. */
static http_result_t size_end(http_chunked_t *st, apr_size_t limit)
{
    st->line = 0;
    if (st->chunk == 0) {
        st->state = CHUNK_TRAILER;
        return HTTP_MORE;
    }
    if (st->total > limit || st->chunk > limit - st->total) {
        return HTTP_TOO_LARGE;
    }
    st->total += st->chunk;
    st->state = CHUNK_DATA;
    return HTTP_MORE;
}

static http_result_t trailer_step(http_chunked_t *st, char ch)
{
    if (ch == '\r') {
        st->state = CHUNK_TRAILER_LF;
        return HTTP_MORE;
    }
    if (ch == '\n' || ch == '\0' || ++st->trailer > TRAILER_MAX) {
        return HTTP_BAD;
    }
    st->line = 1; /* not the empty line */
    return HTTP_MORE;
}

static http_result_t trailer_end(http_chunked_t *st)
{
    st->state = st->line ? CHUNK_TRAILER : CHUNK_END;
    st->line = 0;
    return st->state == CHUNK_END ? HTTP_DONE : HTTP_MORE;
}

/* Every byte but chunk data goes through here. */
static http_result_t chunked_step(http_chunked_t *st, char ch, apr_size_t limit)
{
    switch (st->state) {
    case CHUNK_SIZE:
        return size_step(st, ch);
    case CHUNK_BLANK:
        return size_follow(st, ch);
    case CHUNK_EXTENSION:
        return extension_step(st, ch);
    case CHUNK_SIZE_LF:
        return ch == '\n' ? size_end(st, limit) : HTTP_BAD;
    case CHUNK_DATA_CR:
        st->state = CHUNK_DATA_LF;
        return ch == '\r' ? HTTP_MORE : HTTP_BAD;
    case CHUNK_DATA_LF:
        st->state = CHUNK_SIZE;
        return ch == '\n' ? HTTP_MORE : HTTP_BAD;
    case CHUNK_TRAILER:
        return trailer_step(st, ch);
    case CHUNK_TRAILER_LF:
        return ch == '\n' ? trailer_end(st) : HTTP_BAD;
    default:
        return HTTP_BAD;
    }
}

http_result_t http_chunked(http_chunked_t *st, char *buf, apr_size_t len,
                           apr_size_t *used, apr_size_t *body, apr_size_t limit)
{
    http_result_t r = HTTP_MORE;
    apr_size_t at = 0, n;

    *body = 0;
    while (at < len && r == HTTP_MORE) {
        if (st->state != CHUNK_DATA) {
            r = chunked_step(st, buf[at++], limit);
            continue;
        }
        n = len - at < st->chunk ? len - at : (apr_size_t)st->chunk;
        memmove(buf + *body, buf + at, n);
        *body += n;
        at += n;
        st->chunk -= n;
        if (st->chunk == 0) {
            st->state = CHUNK_DATA_CR;
        }
    }
    *used = at;
    return r;
}

/* --- queries ------------------------------------------------------------- */

int http_query_next(http_span_t *name, http_span_t *value, http_span_t *rest)
{
    http_span_t item;

    while (span_split(&item, rest, '&')) {
        if (item.len == 0) {
            continue;
        }
        span_split(name, &item, '=');
        *value = item;
        return 1;
    }
    return 0;
}

int http_query_get(http_span_t *out, http_span_t query, const char *name)
{
    http_span_t key, value;

    while (http_query_next(&key, &value, &query)) {
        if (http_span_is(&key, name)) {
            *out = value;
            return 1;
        }
    }
    return 0;
}

apr_ssize_t http_decode(char *out, http_span_t in, int form)
{
    apr_size_t i, n = 0;
    int high, low;
    char ch;

    for (i = 0; i < in.len; i++) {
        ch = in.at[i];
        if (ch == '%') {
            if (in.len - i < 3) {
                return -1;
            }
            high = hex_value(in.at[i + 1]);
            low = hex_value(in.at[i + 2]);
            if (high < 0 || low < 0) {
                return -1;
            }
            ch = (char)(high << 4 | low);
            i += 2;
        }
        else if (ch == '+' && form) {
            ch = ' ';
        }
        if (ch == '\0') {
            return -1;
        }
        out[n++] = ch;
    }
    return (apr_ssize_t)n;
}

/* --- answers ------------------------------------------------------------- */

const char *http_reason(int status)
{
    /* clang-format off */
    static const struct { int status; const char *reason; } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Content" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    /* clang-format on */
    apr_size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}
