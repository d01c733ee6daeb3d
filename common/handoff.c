/* SPDX-License-Identifier: Apache-2.0 */
/* handoff.c - the messages of a handoff as bytes; see handoff.h. */
#include "handoff.h"

#include <string.h>

#include "channel.h"

#define HEADER 4 /* bytes that every version has */
#define FIXED 32 /* bytes of a GIVE before its texts */
#define FLAG_SECURE 1

/* Where the fields of a GIVE are. */
enum {
    AT_FLAGS = 4,
    AT_USER = 5,
    AT_PORT = 6,
    AT_HEAD = 8,
    AT_EARLY = 12,
    AT_ADDRESS = 16
};

static void header_put(unsigned char *out, chat_handoff_kind_t kind)
{
    out[0] = 'C';
    out[1] = 'H';
    out[2] = CHAT_HANDOFF_VERSION;
    out[3] = (unsigned char)kind;
}

static void number_put(unsigned char *out, apr_size_t n)
{
    out[0] = (unsigned char)(n >> 24);
    out[1] = (unsigned char)(n >> 16);
    out[2] = (unsigned char)(n >> 8);
    out[3] = (unsigned char)n;
}

static apr_size_t number_get(const unsigned char *at)
{
    return (apr_size_t)at[0] << 24 | (apr_size_t)at[1] << 16 |
           (apr_size_t)at[2] << 8 | at[3];
}

static apr_size_t short_put(unsigned char out[CHAT_HANDOFF_SHORT],
                            chat_handoff_kind_t kind, int value)
{
    memset(out, 0, CHAT_HANDOFF_SHORT);
    header_put(out, kind);
    out[HEADER] = (unsigned char)value;
    return CHAT_HANDOFF_SHORT;
}

apr_size_t chat_handoff_ask(unsigned char out[CHAT_HANDOFF_SHORT])
{
    return short_put(out, CHAT_HANDOFF_ASK, 0);
}

apr_size_t chat_handoff_answer(unsigned char out[CHAT_HANDOFF_SHORT],
                               chat_handoff_verdict_t verdict)
{
    return short_put(out, CHAT_HANDOFF_ANSWER, verdict);
}

/* An id is written into channel names and log lines: nothing else gets in. */
static int user_valid(const char *user, apr_size_t len)
{
    char text[CHAT_HANDOFF_USER + 1];

    if (len == 0) {
        return 1;
    }
    if (len > CHAT_HANDOFF_USER || memchr(user, '\0', len) != NULL) {
        return 0;
    }
    memcpy(text, user, len);
    text[len] = '\0';
    return chat_id_valid(text);
}

static int fits(const chat_handoff_t *m)
{
    return m->head_len > 0 && m->head_len <= CHAT_HANDOFF_HEAD &&
           m->early_len <= CHAT_HANDOFF_EARLY &&
           user_valid(m->user, m->user_len);
}

apr_size_t chat_handoff_front(unsigned char out[CHAT_HANDOFF_FRONT],
                              const chat_handoff_t *m)
{
    if (!fits(m)) {
        return 0;
    }
    header_put(out, CHAT_HANDOFF_GIVE);
    out[AT_FLAGS] = m->secure ? FLAG_SECURE : 0;
    out[AT_USER] = (unsigned char)m->user_len;
    out[AT_PORT] = (unsigned char)(m->port >> 8);
    out[AT_PORT + 1] = (unsigned char)m->port;
    number_put(out + AT_HEAD, m->head_len);
    number_put(out + AT_EARLY, m->early_len);
    memcpy(out + AT_ADDRESS, m->address, sizeof(m->address));
    if (m->user_len > 0) {
        memcpy(out + FIXED, m->user, m->user_len);
    }
    return FIXED + m->user_len;
}

/* Whose message it is, as far as every version says. */
static chat_handoff_result_t header_check(const unsigned char *buf,
                                          apr_size_t len)
{
    if (len < HEADER || buf[0] != 'C' || buf[1] != 'H') {
        return CHAT_HANDOFF_BAD;
    }
    return buf[2] == CHAT_HANDOFF_VERSION ? CHAT_HANDOFF_OK
                                          : CHAT_HANDOFF_OTHER;
}

/* A short message's value; -1: it is not a whole and clean one. */
static int short_value(const unsigned char *buf, apr_size_t len)
{
    if (len != CHAT_HANDOFF_SHORT || buf[5] != 0 || buf[6] != 0 ||
        buf[7] != 0) {
        return -1;
    }
    return buf[HEADER];
}

static chat_handoff_result_t
give_parse(chat_handoff_t *m, const unsigned char *buf, apr_size_t len)
{
    const char *at = (const char *)buf + FIXED;

    if (len < FIXED || (buf[AT_FLAGS] & ~FLAG_SECURE) != 0) {
        return CHAT_HANDOFF_BAD;
    }
    m->secure = buf[AT_FLAGS] & FLAG_SECURE;
    m->port = (apr_uint16_t)(buf[AT_PORT] << 8 | buf[AT_PORT + 1]);
    memcpy(m->address, buf + AT_ADDRESS, sizeof(m->address));
    m->user = at;
    m->user_len = buf[AT_USER];
    m->head = at + m->user_len;
    m->head_len = number_get(buf + AT_HEAD);
    m->early = m->head + m->head_len;
    m->early_len = number_get(buf + AT_EARLY);
    /* No sum overflows: both are below 2^32, and bounded before they count. */
    if (m->head_len > CHAT_HANDOFF_HEAD || m->early_len > CHAT_HANDOFF_EARLY ||
        FIXED + m->user_len + m->head_len + m->early_len != len || !fits(m)) {
        memset(m, 0, sizeof(*m));
        return CHAT_HANDOFF_BAD;
    }
    return CHAT_HANDOFF_OK;
}

chat_handoff_result_t chat_handoff_parse(chat_handoff_kind_t *kind,
                                         chat_handoff_t *m,
                                         const unsigned char *buf,
                                         apr_size_t len)
{
    chat_handoff_result_t result = header_check(buf, len);

    if (result != CHAT_HANDOFF_OK) {
        return result;
    }
    if (buf[3] == CHAT_HANDOFF_ASK && short_value(buf, len) == 0) {
        *kind = CHAT_HANDOFF_ASK;
        return CHAT_HANDOFF_OK;
    }
    if (buf[3] == CHAT_HANDOFF_GIVE) {
        *kind = CHAT_HANDOFF_GIVE;
        return give_parse(m, buf, len);
    }
    return CHAT_HANDOFF_BAD;
}

chat_handoff_result_t chat_handoff_parse_answer(chat_handoff_verdict_t *verdict,
                                                const unsigned char *buf,
                                                apr_size_t len)
{
    chat_handoff_result_t result = header_check(buf, len);
    int value;

    if (result != CHAT_HANDOFF_OK) {
        return result;
    }
    value = buf[3] == CHAT_HANDOFF_ANSWER ? short_value(buf, len) : -1;
    if (value < 0 || value >= CHAT_HANDOFF_VERDICTS) {
        return CHAT_HANDOFF_BAD;
    }
    *verdict = (chat_handoff_verdict_t)value;
    return CHAT_HANDOFF_OK;
}
