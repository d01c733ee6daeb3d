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

#include <string.h>
#include <apr_strings.h>

#define EPOCH_MAX 32
#define ID_DIGITS_MAX 19 /* of INT64_MAX */

chat_cursor_t chat_cursor_at(const char *epoch, apr_int64_t id)
{
    chat_cursor_t c = { epoch, id, id, 0, id };

    return c;
}

/* Whether the short form says all of it. */
static int cursor_is_plain(const chat_cursor_t *c)
{
    return c->upto == c->id && c->page == c->id && c->fence == 0;
}

char *chat_cursor_text(const chat_cursor_t *c, apr_pool_t *p)
{
    if (cursor_is_plain(c)) {
        return apr_psprintf(p, "c1.%s.%" APR_INT64_T_FMT, c->epoch, c->id);
    }
    return apr_psprintf(p,
                        "c2.%s.%" APR_INT64_T_FMT ".%" APR_INT64_T_FMT
                        ".%" APR_INT64_T_FMT ".%" APR_INT64_T_FMT,
                        c->epoch, c->id, c->upto, c->fence, c->page);
}

/* Decimal digits in the one way we write them, up to `end`, which is stepped
 * over: '.' or the text's end. @return NULL when that is not what is there */
static const char *number_take(apr_int64_t *out, const char *s, char end)
{
    apr_uint64_t id = 0;
    apr_size_t n;

    for (n = 0; s[n] >= '0' && s[n] <= '9'; n++) {
        if (n == ID_DIGITS_MAX) {
            return NULL;
        }
        id = id * 10 + (apr_uint64_t)(s[n] - '0');
    }
    if (n == 0 || s[n] != end || (s[0] == '0' && n > 1) ||
        id > APR_INT64_MAX) {
        return NULL;
    }
    *out = (apr_int64_t)id;
    return s + n + (end != '\0');
}

static int long_form_take(chat_cursor_t *c, const char *s)
{
    s = number_take(&c->id, s, '.');
    s = s != NULL ? number_take(&c->upto, s, '.') : NULL;
    s = s != NULL ? number_take(&c->fence, s, '.') : NULL;
    s = s != NULL ? number_take(&c->page, s, '\0') : NULL;
    return s != NULL && c->upto >= c->id && c->page >= c->id &&
           (c->fence > 0) == (c->upto > c->id) && !cursor_is_plain(c);
}

int chat_cursor_parse(chat_cursor_t *out, const char *text, apr_pool_t *p)
{
    const char *epoch = text + 3;
    chat_cursor_t c = { 0 };
    apr_size_t n;

    if (text[0] != 'c' || (text[1] != '1' && text[1] != '2') ||
        text[2] != '.') {
        return 0;
    }
    n = strspn(epoch, "0123456789abcdef");
    if (n == 0 || n > EPOCH_MAX || epoch[n] != '.') {
        return 0;
    }
    if (text[1] == '1') {
        if (number_take(&c.id, epoch + n + 1, '\0') == NULL) {
            return 0;
        }
        c = chat_cursor_at(NULL, c.id);
    }
    else if (!long_form_take(&c, epoch + n + 1)) {
        return 0;
    }
    c.epoch = apr_pstrmemdup(p, epoch, n);
    *out = c;
    return 1;
}

char *chat_event_data(const char *payload, apr_int64_t id, const char *cursor,
                      apr_pool_t *p)
{
    apr_size_t len;
    const char *comma;

    payload = chat_json_repaired(payload, p);
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
