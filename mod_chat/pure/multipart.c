/* SPDX-License-Identifier: Apache-2.0 */
/* multipart.c - bodies with files; see multipart.h. */
#include "multipart.h"

#include <string.h>
#include <strings.h>

#define PADDING 64 /* spaces behind a delimiter */

/* Where in the body we are. */
enum {
    PREAMBLE, /* before the first delimiter */
    DATA,     /* in a part */
    BEHIND,   /* right behind a delimiter */
    DASH,     /* and one "-" */
    CR,       /* and CR */
    SPACES,   /* and spaces, which only CRLF may follow */
    SPACES_CR,
    HEADERS,
    EPILOGUE
};

/* --- reading a header's parameters -----------------------------------------
 */

/* Bytes that are still to be read. */
typedef struct {
    const char *at;
    const char *end;
} text_t;

static int is_token(int c)
{
    return c > 32 && c < 127 && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static void skip_spaces(text_t *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t')) {
        t->at++;
    }
}

static int skip(text_t *t, char c)
{
    if (t->at < t->end && *t->at == c) {
        t->at++;
        return 1;
    }
    return 0;
}

/* One token. @return its bytes, 0: there is none */
static size_t token(text_t *t)
{
    const char *start = t->at;

    while (t->at < t->end && is_token((unsigned char)*t->at)) {
        t->at++;
    }
    return (size_t)(t->at - start);
}

/* Add a byte to a text that has room for `max`. @return 0: it has not */
static int put(char *out, size_t *len, size_t max, char c)
{
    if (*len == max) {
        return 0;
    }
    out[(*len)++] = c;
    out[*len] = '\0';
    return 1;
}

/* A name is text: what controls something is no part of it. */
static int is_control(int c) { return (c >= 0 && c < 32) || c == 127; }

/* A parameter's value, a token or a quoted text. A backslash that is followed by
 * neither `"` nor itself is one: some senders do not escape the paths they send.
 * @return 0: none, or longer than max */
static int value(text_t *t, char *out, size_t max)
{
    size_t len = 0;

    out[0] = '\0';
    if (!skip(t, '"')) {
        const char *start = t->at;
        size_t n = token(t);

        if (n == 0 || n > max) {
            return 0;
        }
        memcpy(out, start, n);
        out[n] = '\0';
        return 1;
    }
    while (t->at < t->end && *t->at != '"') {
        if (*t->at == '\\' && t->end - t->at > 1 &&
            (t->at[1] == '"' || t->at[1] == '\\')) {
            t->at++;
        }
        if (is_control((unsigned char)*t->at) ||
            !put(out, &len, max, *t->at++)) {
            return 0;
        }
    }
    return skip(t, '"');
}

/* The next `; name=value`. @return 1, 0 at the end, -1: broken */
static int parameter(text_t *t, const char **name, size_t *name_len, char *out,
                     size_t max)
{
    skip_spaces(t);
    if (t->at == t->end) {
        return 0;
    }
    if (!skip(t, ';')) {
        return -1;
    }
    skip_spaces(t);
    if (t->at == t->end) {
        return 0; /* a semicolon too many */
    }
    *name = t->at;
    *name_len = token(t);
    if (*name_len == 0) {
        return -1;
    }
    skip_spaces(t);
    if (!skip(t, '=')) {
        return -1;
    }
    skip_spaces(t);
    return value(t, out, max) ? 1 : -1;
}

static int is(const char *s, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(s, name, len) == 0;
}

/* --- the boundary -------------------------------------------------------------
 */

static int boundary_valid(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && s[len - 1] != ' ' &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                     "0123456789'()+_,-./:=? ") == len;
}

int chat_multipart_boundary(char out[CHAT_MULTIPART_BOUNDARY + 1],
                            const char *content_type)
{
    static const char media[] = "multipart/form-data";
    char found[256]; /* of any parameter; longer ones nobody sends */
    const char *name;
    size_t name_len;
    int more, n = 0;
    text_t t;

    if (content_type == NULL) {
        return 0;
    }
    t.at = content_type;
    t.end = content_type + strlen(content_type);
    skip_spaces(&t);
    if ((size_t)(t.end - t.at) < sizeof(media) - 1 ||
        strncasecmp(t.at, media, sizeof(media) - 1) != 0) {
        return 0;
    }
    t.at += sizeof(media) - 1;
    while ((more = parameter(&t, &name, &name_len, found,
                             sizeof(found) - 1)) == 1) {
        if (!is(name, name_len, "boundary")) {
            continue;
        }
        if (++n > 1 || strlen(found) > CHAT_MULTIPART_BOUNDARY ||
            !boundary_valid(found)) {
            return 0;
        }
        strcpy(out, found);
    }
    return more == 0 && n == 1;
}

/* --- the headers of a part ------------------------------------------------------
 */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* %XX as a byte, -1: it is none */
static int percent(const char *s)
{
    int high = s[0] == '%' ? hex(s[1]) : -1;
    int low = high >= 0 ? hex(s[2]) : -1;

    return low >= 0 ? high * 16 + low : -1;
}

/* Browsers write three characters as %XX in a name (HTML, "multipart form
 * data"); of these only `"` may stand in one. */
static void unescape_quotes(char *s)
{
    char *to = s;

    for (; *s != '\0'; s++) {
        if (percent(s) == '"') {
            *to++ = '"';
            s += 2;
        }
        else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

/* RFC 8187: charset'language'percent-encoded, in place, to UTF-8.
 * @return 0 when it is not that */
static int extended(char *out, size_t max, const char *s)
{
    const char *text = strchr(s, '\'');
    int latin = text != NULL && is(s, (size_t)(text - s), "iso-8859-1");
    size_t len = 0;

    if (text == NULL || (!latin && !is(s, (size_t)(text - s), "utf-8"))) {
        return 0;
    }
    text = strchr(text + 1, '\'');
    if (text == NULL) {
        return 0;
    }
    out[0] = '\0';
    for (text++; *text != '\0'; text++) {
        int c = (unsigned char)*text;

        if (c == '%') {
            c = percent(text);
            text += c >= 0 ? 2 : 0;
        }
        if (c < 0 || is_control(c)) {
            return 0;
        }
        if (latin && c >= 128) {
            if (!put(out, &len, max, (char)(0xc0 | c >> 6))) {
                return 0;
            }
            c = 0x80 | (c & 0x3f);
        }
        if (!put(out, &len, max, (char)c)) {
            return 0;
        }
    }
    return 1;
}

/* What a Content-Disposition says. */
typedef struct {
    char name[CHAT_MULTIPART_NAME + 1];
    char filename[CHAT_MULTIPART_FILENAME + 1];
    int names;  /* how often each was there */
    int plain;  /* filename= */
    int starred;/* filename*= */
} disposition_t;

/* The parameters; `name` and the like twice is a trick. @return 0: broken */
static int disposition(disposition_t *d, text_t t)
{
    char found[3 * CHAT_MULTIPART_FILENAME + 64];
    const char *name;
    size_t name_len;
    int more;

    memset(d, 0, sizeof(*d));
    while ((more = parameter(&t, &name, &name_len, found,
                             sizeof(found) - 1)) == 1) {
        if (is(name, name_len, "name")) {
            unescape_quotes(found);
            if (strlen(found) > CHAT_MULTIPART_NAME || ++d->names > 1) {
                return 0;
            }
            strcpy(d->name, found);
        }
        else if (is(name, name_len, "filename")) {
            unescape_quotes(found);
            if (strlen(found) > CHAT_MULTIPART_FILENAME || ++d->plain > 1) {
                return 0;
            }
            if (!d->starred) {
                strcpy(d->filename, found);
            }
        }
        else if (is(name, name_len, "filename*")) {
            if (++d->starred > 1 ||
                !extended(d->filename, CHAT_MULTIPART_FILENAME, found)) {
                return 0;
            }
        }
    }
    return more == 0;
}

static int read_disposition(chat_part_t *part, text_t t)
{
    const char *kind;
    disposition_t d;

    skip_spaces(&t);
    kind = t.at;
    if (!is(kind, token(&t), "form-data") || !disposition(&d, t) ||
        d.names != 1 || d.name[0] == '\0') {
        return 0;
    }
    strcpy(part->name, d.name);
    part->has_file = d.plain + d.starred > 0;
    if (part->has_file) {
        strcpy(part->filename, d.filename);
    }
    return 1;
}

int chat_disposition_filename(char out[CHAT_MULTIPART_FILENAME + 1],
                              const char *header)
{
    text_t t = { header, header + strlen(header) };
    disposition_t d;

    for (const char *s = header; *s != '\0'; s++) {
        if (is_control((unsigned char)*s)) {
            return 0;
        }
    }
    skip_spaces(&t);
    token(&t); /* attachment, inline, form-data: all the same here */
    if (!disposition(&d, t) || d.plain + d.starred == 0) {
        return 0;
    }
    strcpy(out, d.filename);
    return 1;
}

/* The type without its parameters. */
static int read_type(chat_part_t *part, text_t t)
{
    size_t len;

    skip_spaces(&t);
    for (len = 0; t.at + len < t.end && t.at[len] != ';' && t.at[len] != ' ' &&
                  t.at[len] != '\t';
         len++) {
        char c = t.at[len];

        if (len == CHAT_MULTIPART_TYPE ||
            (c != '/' && !is_token((unsigned char)c))) {
            return 0;
        }
        part->type[len] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    part->type[len] = '\0';
    return 1;
}

/* Bytes are sent as they are; nothing here decodes base64. */
static int read_encoding(text_t t)
{
    const char *at;
    size_t len;

    skip_spaces(&t);
    at = t.at;
    len = token(&t);
    return is(at, len, "binary") || is(at, len, "8bit") || is(at, len, "7bit");
}

/* One header. Those that mean nothing to form-data are passed over, as RFC 7578
 * has it. */
static int read_header(chat_part_t *part, text_t t, int *dispositions,
                       int *types)
{
    const char *name = t.at;
    size_t len = token(&t);

    if (len == 0 || !skip(&t, ':')) {
        return 0;
    }
    for (const char *s = t.at; s < t.end; s++) {
        if (is_control((unsigned char)*s) && *s != '\t') {
            return 0;
        }
    }
    if (is(name, len, "content-disposition")) {
        return ++*dispositions == 1 && read_disposition(part, t);
    }
    if (is(name, len, "content-type")) {
        return ++*types == 1 && read_type(part, t);
    }
    return !is(name, len, "content-transfer-encoding") || read_encoding(t);
}

int chat_part_parse(chat_part_t *part, const char *headers, size_t len)
{
    const char *end = headers + len;
    int lines = 0, dispositions = 0, types = 0;

    part->name[0] = part->filename[0] = part->type[0] = '\0';
    part->has_file = 0;
    while (headers < end) {
        const char *eol = memchr(headers, '\r', (size_t)(end - headers));
        text_t line = { headers, eol != NULL ? eol : end };

        if (++lines > CHAT_MULTIPART_LINES ||
            !read_header(part, line, &dispositions, &types)) {
            return 0;
        }
        if (eol == NULL) {
            break;
        }
        if (end - eol < 2 || eol[1] != '\n') {
            return 0;
        }
        headers = eol + 2;
    }
    return dispositions == 1;
}

/* --- the body -----------------------------------------------------------------
 */

void chat_multipart_init(chat_multipart_t *m, const char *boundary,
                         const chat_multipart_sink_t *sink)
{
    size_t len = strlen(boundary);

    memset(m, 0, sizeof(*m));
    m->sink = *sink;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, len);
    m->delimiter_len = 4 + len;
    m->matched = m->granted = 2; /* a body may begin without CRLF */
    m->state = PREAMBLE;
    m->failed = CHAT_MULTIPART_OK;
}

static void fail(chat_multipart_t *m, chat_multipart_result_t why)
{
    if (m->failed == CHAT_MULTIPART_OK) {
        m->failed = why;
    }
}

/* Bytes that turned out to be no delimiter. */
static void pass(chat_multipart_t *m, const char *bytes, size_t len)
{
    if (len == 0 || m->failed != CHAT_MULTIPART_OK) {
        return;
    }
    if (!m->open) {
        m->outside += len;
        if (m->outside > CHAT_MULTIPART_OUTSIDE) {
            fail(m, CHAT_MULTIPART_LONG);
        }
        return;
    }
    if (!m->sink.bytes(m->sink.to, bytes, len)) {
        fail(m, CHAT_MULTIPART_STOPPED);
    }
}

/* Go back to data after `matched` bytes of a delimiter that was none. */
static void no_delimiter(chat_multipart_t *m, size_t matched)
{
    /* What was taken for granted at the start was never sent. */
    pass(m, m->delimiter + m->granted, matched - m->granted);
    m->granted = m->matched = 0;
    m->state = m->open ? DATA : PREAMBLE;
}

/* How many bytes come before what may be a delimiter, as far as can be seen. */
static size_t plain(const chat_multipart_t *m, const char *bytes, size_t len)
{
    size_t n = 0;

    for (;;) {
        const char *cr = memchr(bytes + n, '\r', len - n);
        size_t seen;

        if (cr == NULL) {
            return len;
        }
        n = (size_t)(cr - bytes);
        seen = len - n < m->delimiter_len ? len - n : m->delimiter_len;
        if (memcmp(cr, m->delimiter, seen) == 0) {
            return n;
        }
        n++;
    }
}

/* In data, or before the first part: find the delimiter. @return bytes taken */
static size_t find(chat_multipart_t *m, const char *bytes, size_t len)
{
    size_t n = 0;

    if (m->matched == 0) {
        n = plain(m, bytes, len);
        pass(m, bytes, n);
        if (n < len) {
            m->matched = 1;
            n++;
        }
        return n;
    }
    while (n < len && m->matched < m->delimiter_len &&
           bytes[n] == m->delimiter[m->matched]) {
        m->matched++;
        n++;
    }
    if (m->matched == m->delimiter_len) {
        m->state = BEHIND;
    }
    else if (n < len) {
        no_delimiter(m, m->matched); /* and this byte is looked at again */
    }
    return n;
}

/* The delimiter was one: what it ended is over. */
static void close_part(chat_multipart_t *m)
{
    if (m->open) {
        m->open = 0;
        if (!m->sink.end(m->sink.to)) {
            fail(m, CHAT_MULTIPART_STOPPED);
        }
    }
    m->granted = m->matched = 0;
    m->outside = 0;
}

static void begin_headers(chat_multipart_t *m)
{
    close_part(m);
    if (++m->parts > CHAT_MULTIPART_PARTS) {
        fail(m, CHAT_MULTIPART_MANY);
    }
    m->headers_len = 0;
    m->state = HEADERS;
}

/* One byte right behind the delimiter. @return bytes taken: 0 or 1 */
static size_t behind(chat_multipart_t *m, char c)
{
    switch (m->state) {
    case BEHIND:
        if (c == '-' || c == '\r') {
            m->state = c == '-' ? DASH : CR;
            return 1;
        }
        if (c == ' ' || c == '\t') {
            m->state = SPACES;
            m->matched = 1;
            return 1;
        }
        break;
    case DASH:
        if (c == '-') {
            close_part(m);
            m->state = EPILOGUE;
            return 1;
        }
        no_delimiter(m, m->delimiter_len);
        pass(m, "-", 1);
        return 0;
    case CR:
        if (c == '\n') {
            begin_headers(m);
            return 1;
        }
        no_delimiter(m, m->delimiter_len);
        m->matched = 1; /* that CR may begin the next */
        return 0;
    case SPACES:
        if ((c == ' ' || c == '\t') && m->matched < PADDING) {
            m->matched++;
            return 1;
        }
        if (c == '\r') {
            m->state = SPACES_CR;
            return 1;
        }
        fail(m, CHAT_MULTIPART_BROKEN);
        return 1;
    default: /* SPACES_CR */
        if (c == '\n') {
            begin_headers(m);
        }
        else {
            fail(m, CHAT_MULTIPART_BROKEN);
        }
        return 1;
    }
    no_delimiter(m, m->delimiter_len);
    return 0;
}

/* Whether the headers collected end with an empty line. */
static int headers_whole(const chat_multipart_t *m)
{
    const char *end = m->headers + m->headers_len;

    return (m->headers_len == 2 && memcmp(m->headers, "\r\n", 2) == 0) ||
           (m->headers_len >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0);
}

static size_t header_byte(chat_multipart_t *m, char c)
{
    if (m->headers_len == sizeof(m->headers)) {
        fail(m, CHAT_MULTIPART_LONG);
        return 1;
    }
    m->headers[m->headers_len++] = c;
    if (c != '\n' || !headers_whole(m)) {
        return 1;
    }
    if (m->headers_len == 2 ||
        !chat_part_parse(&m->part, m->headers, m->headers_len - 4)) {
        fail(m, CHAT_MULTIPART_BROKEN);
        return 1;
    }
    m->state = DATA;
    m->matched = 0;
    m->open = 1;
    if (!m->sink.begin(m->sink.to, &m->part)) {
        fail(m, CHAT_MULTIPART_STOPPED);
    }
    return 1;
}

chat_multipart_result_t chat_multipart_feed(chat_multipart_t *m,
                                            const char *bytes, size_t len)
{
    while (len > 0 && m->failed == CHAT_MULTIPART_OK) {
        size_t n;

        switch (m->state) {
        case PREAMBLE:
        case DATA:
            n = find(m, bytes, len);
            break;
        case HEADERS:
            n = header_byte(m, *bytes);
            break;
        case EPILOGUE:
            pass(m, bytes, len);
            n = len;
            break;
        default:
            n = behind(m, *bytes);
            break;
        }
        bytes += n;
        len -= n;
    }
    return m->failed;
}

chat_multipart_result_t chat_multipart_end(chat_multipart_t *m)
{
    if (m->failed == CHAT_MULTIPART_OK && m->state != EPILOGUE) {
        m->failed = CHAT_MULTIPART_BROKEN;
    }
    return m->failed;
}

const char *chat_multipart_why(chat_multipart_result_t result)
{
    switch (result) {
    case CHAT_MULTIPART_LONG:
        return "the headers of a part of the body are too long";
    case CHAT_MULTIPART_MANY:
        return "the body has more than 100 parts";
    default:
        return "the body is no whole multipart/form-data";
    }
}
