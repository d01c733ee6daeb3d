/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deflate.c - permessage-deflate (deflate.h).
 */
#include <stdlib.h>
#include <string.h>

#include "deflate.h"

/* --- agreeing ------------------------------------------------------------ */

/* What is left of a header. */
typedef struct {
    const char *at;
    const char *end;
} rest_t;

typedef struct {
    const char *at; /* of a quoted string: without the quotes */
    apr_size_t len;
    int quoted; /* may have backslashes */
} word_t;

static void blanks_skip(rest_t *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t')) {
        r->at++;
    }
}

/* Take one character that may stand here, and the blanks around it. */
static int mark_take(rest_t *r, char mark)
{
    blanks_skip(r);
    if (r->at == r->end || *r->at != mark) {
        return 0;
    }
    r->at++;
    blanks_skip(r);
    return 1;
}

/* A character of a token (RFC 9110, 5.6.2). */
static int is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static int token_take(rest_t *r, word_t *out)
{
    out->at = r->at;
    out->quoted = 0;
    while (r->at < r->end && is_token(*r->at)) {
        r->at++;
    }
    out->len = (apr_size_t)(r->at - out->at);
    return out->len > 0;
}

/* What a quoted string says must be a token too (RFC 6455, 9.1). */
static int quoted_take(rest_t *r, word_t *out)
{
    out->at = ++r->at;
    out->quoted = 1;
    while (r->at < r->end && *r->at != '"') {
        if (*r->at == '\\') {
            r->at++;
        }
        if (r->at == r->end || !is_token(*r->at)) {
            return 0;
        }
        r->at++;
    }
    out->len = (apr_size_t)(r->at - out->at);
    return r->at < r->end && out->len > 0 && *r->at++ == '"';
}

static int value_take(rest_t *r, word_t *out)
{
    return r->at < r->end && *r->at == '"' ? quoted_take(r, out)
                                           : token_take(r, out);
}

static int word_is(const word_t *w, const char *text)
{
    return w->len == strlen(text) && memcmp(w->at, text, w->len) == 0;
}

/* A window's size: 8 to 15, without leading zeros (7.1.2). @return 0 if not */
static int window_read(const word_t *w)
{
    int n = 0;
    apr_size_t i;

    for (i = 0; i < w->len; i++) {
        if (w->quoted && w->at[i] == '\\') {
            continue;
        }
        if (w->at[i] < (n == 0 ? '1' : '0') || w->at[i] > '9' || n > 9) {
            return 0;
        }
        n = n * 10 + (w->at[i] - '0');
    }
    return n >= WS_WINDOW_MIN && n <= WS_WINDOW_MAX ? n : 0;
}

/* The parameters an offer may have (7.1). What the client promises about its
 * own side binds us to nothing: we unpack with the largest window and start
 * every message afresh. */
typedef enum { VALUE_NONE, VALUE_WINDOW, VALUE_MAYBE_WINDOW } value_t;
/* clang-format off */
static const struct {
    const char *name;
    value_t value; /* what stands behind the name */
    int ours;      /* it is the window for what we send */
} params[] = {
    { "server_no_context_takeover", VALUE_NONE,         0 },
    { "client_no_context_takeover", VALUE_NONE,         0 },
    { "server_max_window_bits",     VALUE_WINDOW,       1 },
    { "client_max_window_bits",     VALUE_MAYBE_WINDOW, 0 },
};
/* clang-format on */
#define PARAMS (sizeof(params) / sizeof(params[0]))

/* An offer so far. */
typedef struct {
    ws_deflate_t wants;
    unsigned int seen; /* a bit for each of params */
    int good;
} offer_t;

/* One parameter; value NULL: none was given. @return 0: we cannot keep it */
static int param_judge(offer_t *offer, const word_t *name, const word_t *value)
{
    unsigned int i = 0;
    int window;

    while (i < PARAMS && !word_is(name, params[i].name)) {
        i++;
    }
    if (i == PARAMS || (offer->seen & 1u << i)) {
        return 0;
    }
    offer->seen |= 1u << i;
    if (value == NULL) {
        return params[i].value != VALUE_WINDOW;
    }
    window = params[i].value == VALUE_NONE ? 0 : window_read(value);
    if (window > 0 && params[i].ours) {
        offer->wants.window = (unsigned char)window;
        offer->wants.asked = 1;
    }
    return window > 0;
}

/* `; name [= value]` as often as it comes. @return 0: the grammar is broken */
static int params_take(rest_t *r, offer_t *offer)
{
    word_t name, value;
    int given;

    while (mark_take(r, ';')) {
        if (!token_take(r, &name)) {
            return 0;
        }
        given = mark_take(r, '=');
        if (given && !value_take(r, &value)) {
            return 0;
        }
        offer->good &= param_judge(offer, &name, given ? &value : NULL);
    }
    return 1;
}

int ws_deflate_offered(ws_deflate_t *out, const char *value, apr_size_t len)
{
    rest_t r = { value, value + len };
    word_t name;
    offer_t offer;
    int any = 0;

    for (;;) {
        /* A list may have empty elements (RFC 9110, 5.6.1). */
        while (mark_take(&r, ',')) {
        }
        if (r.at == r.end) {
            return any;
        }
        memset(&offer, 0, sizeof(offer));
        offer.wants.window = WS_WINDOW_MAX;
        if (!token_take(&r, &name)) {
            return 0;
        }
        offer.good = word_is(&name, "permessage-deflate");
        if (!params_take(&r, &offer)) {
            return 0;
        }
        if (r.at < r.end && *r.at != ',') {
            return 0;
        }
        any = 1;
        if (offer.good && out->window == 0) {
            *out = offer.wants;
        }
    }
}

static char *put(char *at, const char *text)
{
    apr_size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

apr_size_t ws_deflate_answer(char *out, const ws_deflate_t *agreed)
{
    char *at = out;

    if (agreed->window == 0) {
        return 0;
    }
    at = put(at, "Sec-WebSocket-Extensions: permessage-deflate"
                 "; server_no_context_takeover"
                 "; client_no_context_takeover");
    if (agreed->asked) {
        at = put(at, "; server_max_window_bits=");
        if (agreed->window >= 10) {
            *at++ = '1';
        }
        *at++ = (char)('0' + agreed->window % 10);
    }
    at = put(at, "\r\n");
    return (apr_size_t)(at - out);
}

/* --- packing ------------------------------------------------------------- */

/* Level 3 takes a third of the default's time for the large events and is
 * hardly worse with JSON. */
#define LEVEL 3
#define MEM_LEVEL 7

/* zlib knows no raw stream with 8 bits; with 9 its packer reaches back 250
 * bytes at most (its window less what the longest match needs). */
static const int window_bits[PUSH_WIDTHS] = { 15, 9 };

#define BUF_MIN 4096   /* bytes */
#define BUF_KEEP 65536 /* bytes of a buffer that stay */

/* What a sync flush ends with; it is not sent (7.2.1). */
static const unsigned char tail[4] = { 0x00, 0x00, 0xff, 0xff };

/* Make a buffer larger; what is in it stays. @return 0: no memory */
static int buf_grow(push_deflate_buf_t *b, apr_size_t room)
{
    unsigned char *at;

    if (room <= b->room) {
        return 1;
    }
    at = realloc(b->at, room);
    if (at == NULL) {
        return 0;
    }
    b->at = at;
    b->room = room;
    return 1;
}

static void buf_free(push_deflate_buf_t *b)
{
    free(b->at);
    b->at = NULL;
    b->room = 0;
}

static z_stream *packer(push_deflate_t *d, push_width_t width)
{
    z_stream *z = &d->packers[width];

    if (!d->packing[width]) {
        if (deflateInit2(z, LEVEL, Z_DEFLATED, -window_bits[width], MEM_LEVEL,
                         Z_DEFAULT_STRATEGY) != Z_OK) {
            return NULL;
        }
        d->packing[width] = 1;
        return z;
    }
    return deflateReset(z) == Z_OK ? z : NULL;
}

apr_size_t push_deflate_pack(push_deflate_t *d, push_width_t width,
                             unsigned char **out, const void *data,
                             apr_size_t len)
{
    z_stream *z;

    /* There is room for as many bytes as the message has: a flush that does not
     * get done in that would not pay. */
    if (len < PUSH_DEFLATE_LEAST || len > APR_INT32_MAX ||
        !buf_grow(&d->packed, len > BUF_MIN ? len : BUF_MIN)) {
        return 0;
    }
    z = packer(d, width);
    if (z == NULL) {
        return 0;
    }
    z->next_in = (Bytef *)data;
    z->avail_in = (uInt)len;
    z->next_out = d->packed.at;
    z->avail_out = (uInt)len;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in > 0 ||
        z->avail_out == 0) {
        return 0;
    }
    *out = d->packed.at;
    return len - z->avail_out - sizeof(tail);
}

/* --- unpacking ----------------------------------------------------------- */

static z_stream *unpacker(push_deflate_t *d)
{
    z_stream *z = &d->unpacker;

    if (!d->unpacking) {
        if (inflateInit2(z, -WS_WINDOW_MAX) != Z_OK) {
            return NULL;
        }
        d->unpacking = 1;
        return z;
    }
    return inflateReset(z) == Z_OK ? z : NULL;
}

/* A message being unpacked. */
typedef struct {
    push_deflate_buf_t *buf;
    z_stream *z;
    apr_size_t len;   /* bytes of it so far */
    apr_size_t limit; /* most of them */
    int is_text;
    chat_utf8_state_t utf8;
    int ended; /* a final block was its last */
} unpacking_t;

/* Room for the next piece: twice what there is, no more than the limit and one
 * byte behind it. That byte is where a message too long shows. */
static ws_result_t piece_room(unpacking_t *u)
{
    apr_size_t room = u->buf->room - 1;

    if (u->len < room) {
        return WS_DONE;
    }
    if (u->len > u->limit) {
        return WS_TOO_BIG;
    }
    room = 2 * u->buf->room;
    room = room - 2 > u->limit ? u->limit + 2 : room;
    return buf_grow(u->buf, room) ? WS_DONE : WS_TOO_BIG;
}

/* Unpack as much as there is room for. */
static ws_result_t piece_unpack(unpacking_t *u)
{
    z_stream *z = u->z;
    apr_size_t room = u->buf->room - 1 - u->len;
    apr_size_t n;
    int rc;

    if (room > u->limit + 1 - u->len) {
        room = u->limit + 1 - u->len;
    }
    z->next_out = u->buf->at + u->len;
    z->avail_out = (uInt)room;
    rc = inflate(z, Z_SYNC_FLUSH);
    n = room - z->avail_out;
    if (u->is_text) {
        u->utf8 = chat_utf8_feed(u->utf8, u->buf->at + u->len, n);
        if (u->utf8 == CHAT_UTF8_REJECT) {
            return WS_NOT_UTF8;
        }
    }
    u->len += n;
    if (u->len > u->limit) {
        return WS_TOO_BIG;
    }
    /* Some packers know no flush and end each message with a final block: what
     * comes then is a new stream (7.2.3.4). */
    u->ended = rc == Z_STREAM_END;
    if (u->ended) {
        return inflateReset(z) == Z_OK ? WS_DONE : WS_CORRUPT;
    }
    return rc == Z_OK || rc == Z_BUF_ERROR ? WS_DONE : WS_CORRUPT;
}

/* Unpack some bytes of the message, all of them. */
static ws_result_t bytes_unpack(unpacking_t *u, const void *data,
                                apr_size_t size)
{
    z_stream *z = u->z;
    ws_result_t r;

    z->next_in = (Bytef *)data;
    z->avail_in = (uInt)size;
    do {
        r = piece_room(u);
        if (r == WS_DONE) {
            r = piece_unpack(u);
        }
    } while (r == WS_DONE &&
             (z->avail_in > 0 || (z->avail_out == 0 && !u->ended)));
    return r;
}

/* All is unpacked: a message ends between two blocks. */
static int at_block_end(const z_stream *z) { return (z->data_type & 128) != 0; }

static ws_result_t message_unpack(unpacking_t *u, const void *data,
                                  apr_size_t size)
{
    ws_result_t r = bytes_unpack(u, data, size);

    if (r != WS_DONE || u->ended) {
        return r;
    }
    r = bytes_unpack(u, tail, sizeof(tail));
    return r == WS_DONE && !at_block_end(u->z) ? WS_CORRUPT : r;
}

ws_result_t push_deflate_unpack(push_deflate_t *d, int opcode, char **out,
                                apr_size_t *len, const void *data,
                                apr_size_t size, apr_size_t limit)
{
    unpacking_t u = { .buf = &d->unpacked,
                      .limit = limit,
                      .is_text = opcode == WS_TEXT };
    ws_result_t r = WS_DONE;

    u.z = unpacker(d);
    if (u.z == NULL || size > APR_INT32_MAX || limit > APR_INT32_MAX ||
        !buf_grow(&d->unpacked, BUF_MIN)) {
        return WS_TOO_BIG;
    }
    /* An empty message should be one byte of an empty block; some send none. */
    if (size > 0) {
        r = message_unpack(&u, data, size);
    }
    if (r == WS_DONE && u.utf8 != CHAT_UTF8_ACCEPT) {
        r = WS_NOT_UTF8;
    }
    *out = (char *)d->unpacked.at;
    *len = u.len;
    return r;
}

void push_deflate_trim(push_deflate_buf_t *b)
{
    if (b->room > BUF_KEEP) {
        buf_free(b);
    }
}

void push_deflate_clear(push_deflate_t *d)
{
    int i;

    for (i = 0; i < PUSH_WIDTHS; i++) {
        if (d->packing[i]) {
            deflateEnd(&d->packers[i]);
        }
    }
    if (d->unpacking) {
        inflateEnd(&d->unpacker);
    }
    buf_free(&d->packed);
    buf_free(&d->unpacked);
    memset(d, 0, sizeof(*d));
}
