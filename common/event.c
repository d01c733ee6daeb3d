/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - cursors, and an event row as text, see event.h.
 *
 * Payloads come from SQL triggers, which write JSON by functions of the
 * database; they are spliced as text and not parsed, because every event passes
 * here once for each of its channels. All functions are pure.
 */
#include "event.h"
#include "json.h"
#include "utf8.h"

#include <string.h>
#include <apr_strings.h>

#define CURSOR_FORM "c1."
#define EPOCH_MAX 32
#define ID_DIGITS_MAX 19 /* of INT64_MAX */

char *chat_cursor_text(const chat_cursor_t *c, apr_pool_t *p)
{
    return apr_psprintf(p, CURSOR_FORM "%s.%" APR_INT64_T_FMT, c->epoch, c->id);
}

/* The decimal digits that are all of `s`, in the one way we write them. */
static int id_parse(apr_int64_t *out, const char *s)
{
    apr_uint64_t id = 0;
    apr_size_t n;

    for (n = 0; s[n] != '\0'; n++) {
        if (s[n] < '0' || s[n] > '9' || n == ID_DIGITS_MAX) {
            return 0;
        }
        id = id * 10 + (apr_uint64_t)(s[n] - '0');
    }
    if (n == 0 || (s[0] == '0' && n > 1) || id > APR_INT64_MAX) {
        return 0;
    }
    *out = (apr_int64_t)id;
    return 1;
}

int chat_cursor_parse(chat_cursor_t *out, const char *text, apr_pool_t *p)
{
    const char *epoch;
    apr_size_t n;
    apr_int64_t id;

    if (strncmp(text, CURSOR_FORM, strlen(CURSOR_FORM)) != 0) {
        return 0;
    }
    epoch = text + strlen(CURSOR_FORM);
    n = strspn(epoch, "0123456789abcdef");
    if (n == 0 || n > EPOCH_MAX || epoch[n] != '.' ||
        !id_parse(&id, epoch + n + 1)) {
        return 0;
    }
    out->epoch = apr_pstrmemdup(p, epoch, n);
    out->id = id;
    return 1;
}

char *chat_event_data(const char *payload, apr_int64_t id, const char *cursor,
                      apr_pool_t *p)
{
    apr_size_t len;
    const char *comma;

    payload = chat_utf8_repaired(payload, p);
    len = strlen(payload);
    if (len < 2 || payload[0] != '{' || payload[len - 1] != '}') {
        return NULL;
    }
    /* An object without members takes no comma before its first. */
    comma = 1 + strspn(payload + 1, " \t\r\n") == len - 1 ? "" : ",";
    return apr_psprintf(p, "%.*s%s\"id\":%" APR_INT64_T_FMT ",\"cursor\":%s}",
                        (int)(len - 1), payload, comma, id,
                        chat_json_quote(cursor, strlen(cursor), p));
}

static char *text_put(char *to, const char *s)
{
    apr_size_t n = strlen(s);

    memcpy(to, s, n);
    return to + n;
}

char *chat_event_message(const char *event, const char *channel,
                         const char *data, apr_size_t *len, apr_pool_t *p)
{
    static const char before_event[] = "{\"event\":";
    static const char before_channel[] = ",\"channel\":";
    static const char before_data[] = ",\"data\":";
    apr_size_t event_len = strlen(event);
    apr_size_t channel_len = strlen(channel);
    apr_size_t data_len = strlen(data);
    char *text;
    char *end;

    text = apr_palloc(p, sizeof(before_event) + sizeof(before_channel) +
                             sizeof(before_data) + sizeof("}") +
                             chat_json_size(event, event_len) +
                             chat_json_size(channel, channel_len) +
                             chat_json_size(data, data_len));
    end = text_put(text, before_event);
    end = chat_json_put(end, event, event_len);
    end = text_put(end, before_channel);
    end = chat_json_put(end, channel, channel_len);
    end = text_put(end, before_data);
    end = chat_json_put(end, data, data_len);
    end = text_put(end, "}");
    *len = (apr_size_t)(end - text);
    *end = '\0';
    return text;
}
