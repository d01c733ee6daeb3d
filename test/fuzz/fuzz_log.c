/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_log.c - whatever a value holds, it is one line with the fields it was
 * given: no byte of it ends the line, forges a field or breaks the JSON.
 *
 * The input: a byte for style and level, then a message and values, each ended
 * by a NUL.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth) {
        abort();
    }
}

/* Past a logfmt value; it has been checked that it ends within the line. */
static const char *value_end(const char *at)
{
    if (*at != '"') {
        return at + strcspn(at, " \n");
    }
    for (at++; *at != '"'; at++) {
        must(*at != '\0');
        at += *at == '\\';
    }
    return at + 1;
}

/* The line of `time level msg` and n fields named "f". */
static void check_logfmt(const char *line, int n)
{
    const char *at = strstr(line, " msg=");

    must(at != NULL);
    at = value_end(at + 5);
    for (; n > 0; n--) {
        must(!strncmp(at, " f=", 3));
        at = value_end(at + 3);
    }
    must(!strcmp(at, "\n"));
}

static void check_json(const char *line)
{
    json_t *json = json_loads(line, 0, NULL);

    must(json != NULL);
    must(json_is_string(json_object_get(json, "msg")));
    must(json_is_string(json_object_get(json, "time")));
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[PUSH_LOG_LINE + 1];
    push_log_field_t fields[PUSH_LOG_FIELDS];
    push_log_style_t style;
    char *text, *at, *end;
    apr_size_t len, i;
    int n;

    if (size < 2) {
        return 0;
    }
    text = malloc(size);
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    end = text + size - 1;
    at = text + strlen(text);
    for (n = 0; n < PUSH_LOG_FIELDS && at < end; n++) {
        at++;
        fields[n] = (push_log_field_t){ "f", n % 5 == 4 ? NULL : at, size };
        at += strlen(at);
    }
    style = (push_log_style_t)(data[0] % 3);
    len = push_log_line(line, style, (apr_time_t)size * 1000003,
                        (push_log_level_t)(data[0] / 3 % 4), text, fields, n);
    must(len <= PUSH_LOG_LINE && line[len - 1] == '\n');
    line[len] = '\0';
    for (i = 0; i + 1 < len; i++) {
        must((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
    }
    if (style == PUSH_LOG_LOGFMT) {
        check_logfmt(line, n);
    }
    else if (style == PUSH_LOG_JSON) {
        check_json(line);
    }
    free(text);
    return 0;
}
