/* SPDX-License-Identifier: Apache-2.0 */
/* response.c - see response.h. Pure functions. */
#include "response.h"

#include <apr_lib.h>

#include <string.h>
#include <strings.h>

/* The end of the head: behind its empty line, NULL: not there yet. */
static const char *head_end(const char *buf, apr_size_t len)
{
    const char *at = buf;
    const char *end = buf + len;

    while ((at = memchr(at, '\n', (apr_size_t)(end - at))) != NULL) {
        at++;
        if (end - at >= 1 && at[0] == '\n') {
            return at + 1;
        }
        if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
            return at + 2;
        }
    }
    return NULL;
}

response_result_t response_head_parse(response_head_t *out, const char *buf,
                                      apr_size_t len)
{
    static const char http[] = "HTTP/1."; /* then "1 200 OK" */
    const apr_size_t known = sizeof(http) - 1;
    const char *end, *line;

    if (memcmp(buf, http, len < known ? len : known) != 0) {
        return RESPONSE_BAD;
    }
    end = head_end(buf, len);
    if (end == NULL) {
        return RESPONSE_MORE;
    }
    line = memchr(buf, '\n', (apr_size_t)(end - buf));
    if (line - buf < 12 || buf[8] != ' ' || buf[9] < '1' || buf[9] > '5' ||
        !apr_isdigit(buf[10]) || !apr_isdigit(buf[11])) {
        return RESPONSE_BAD;
    }
    out->status = (buf[9] - '0') * 100 + (buf[10] - '0') * 10 + buf[11] - '0';
    out->head_len = (apr_size_t)(end - buf);
    out->fields = line + 1;
    out->fields_len = (apr_size_t)(end - out->fields);
    return RESPONSE_DONE;
}

const char *response_field(apr_size_t *len, const response_head_t *head,
                           const char *name)
{
    const char *line = head->fields;
    const char *end = line + head->fields_len;
    apr_size_t name_len = strlen(name);
    const char *stop;

    while (line < end) {
        stop = memchr(line, '\n', (apr_size_t)(end - line));
        stop = stop != NULL ? stop : end;
        if ((apr_size_t)(stop - line) > name_len && line[name_len] == ':' &&
            !strncasecmp(line, name, name_len)) {
            line += name_len + 1;
            while (line < stop && apr_isspace(*line)) {
                line++;
            }
            while (stop > line && apr_isspace(stop[-1])) {
                stop--;
            }
            *len = (apr_size_t)(stop - line);
            return line;
        }
        line = stop < end ? stop + 1 : end;
    }
    return NULL;
}

response_result_t response_frame_parse(response_frame_t *out, apr_size_t *used,
                                       const char *buf, apr_size_t len)
{
    const unsigned char *b = (const unsigned char *)buf;
    apr_size_t head = 2;
    apr_size_t size;

    if (len < 2) {
        return RESPONSE_MORE;
    }
    if ((b[0] & 0xf0) != 0x80 || (b[1] & 0x80) != 0 || b[1] == 127) {
        return RESPONSE_BAD; /* a fragment, an extension, masked, or huge */
    }
    size = b[1];
    if (size == 126) {
        if (len < 4) {
            return RESPONSE_MORE;
        }
        head = 4;
        size = (apr_size_t)b[2] << 8 | b[3];
    }
    if (len < head + size) {
        return RESPONSE_MORE;
    }
    out->opcode = b[0] & 0x0f;
    out->payload = buf + head;
    out->len = size;
    *used = head + size;
    return RESPONSE_DONE;
}
