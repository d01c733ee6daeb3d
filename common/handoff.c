/* SPDX-License-Identifier: Apache-2.0 */
/* handoff.c - the messages of a handoff as bytes; see handoff.h. */
#include "handoff.h"

#include <string.h>

#include "channel.h"
#include "signature.h"

#define HEADER 4 /* bytes that every version has */
#define FIXED 44 /* bytes of a GIVE before its texts */
#define FLAG_SECURE 1

/* Where the fields of a GIVE are. */
enum {
    AT_FLAGS = 4,
    AT_USER = 5,
    AT_PORT = 6,
    AT_HEAD = 8,
    AT_EARLY = 12,
    AT_ADDRESS = 16,
    AT_UNTIL = 32,
    AT_SESSION = 40,
    AT_ZEROS = 41
};

/* Of a NOTE. */
enum {
    AT_NOTE_USER = 4,
    AT_NOTE_SESSION = 5,
    AT_NOTE_SOCKET = 6,
    AT_NOTE_ZERO = 7,
    AT_NOTE_UNTIL = 8,
    NOTE_FIXED = 16
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

/* Ids are written into channel names and log lines: nothing else gets in.
 * Nobody has no log-in either. */
static int identity_valid(const chat_identity_t *id)
{
    apr_size_t len = strlen(id->session);

    if (id->user[0] == '\0') {
        return len == 0 && id->until == 0;
    }
    return chat_id_valid(id->user) && id->until >= 0 &&
           (len == 0 || chat_identity_session_valid(id->session, len));
}

static int fits(const chat_handoff_t *m)
{
    return m->head_len > 0 && m->head_len <= CHAT_HANDOFF_HEAD &&
           m->early_len <= CHAT_HANDOFF_EARLY && identity_valid(&m->identity);
}

apr_size_t chat_handoff_front(unsigned char out[CHAT_HANDOFF_FRONT],
                              const chat_handoff_t *m)
{
    const apr_uint64_t until = (apr_uint64_t)m->identity.until;
    const apr_size_t user = strlen(m->identity.user);
    const apr_size_t session = strlen(m->identity.session);

    if (!fits(m)) {
        return 0;
    }
    header_put(out, CHAT_HANDOFF_GIVE);
    out[AT_FLAGS] = m->secure ? FLAG_SECURE : 0;
    out[AT_USER] = (unsigned char)user;
    out[AT_PORT] = (unsigned char)(m->port >> 8);
    out[AT_PORT + 1] = (unsigned char)m->port;
    number_put(out + AT_HEAD, m->head_len);
    number_put(out + AT_EARLY, m->early_len);
    memcpy(out + AT_ADDRESS, m->address, sizeof(m->address));
    number_put(out + AT_UNTIL, until >> 32);
    number_put(out + AT_UNTIL + 4, until);
    out[AT_SESSION] = (unsigned char)session;
    memset(out + AT_ZEROS, 0, FIXED - AT_ZEROS);
    memcpy(out + FIXED, m->identity.user, user);
    memcpy(out + FIXED + user, m->identity.session, session);
    return FIXED + user + session;
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

/* A text of the message, terminated. @return 0: it is none of ours */
static int text_get(char *to, apr_size_t room, const char *at, apr_size_t len)
{
    if (len >= room || memchr(at, '\0', len) != NULL) {
        return 0;
    }
    memcpy(to, at, len);
    to[len] = '\0';
    return 1;
}

static chat_handoff_result_t
give_parse(chat_handoff_t *m, const unsigned char *buf, apr_size_t len)
{
    const char *at = (const char *)buf + FIXED;
    apr_size_t user, session;

    memset(m, 0, sizeof(*m));
    if (len < FIXED || (buf[AT_FLAGS] & ~FLAG_SECURE) != 0 ||
        buf[AT_ZEROS] != 0 || buf[AT_ZEROS + 1] != 0 ||
        buf[AT_ZEROS + 2] != 0) {
        return CHAT_HANDOFF_BAD;
    }
    user = buf[AT_USER];
    session = buf[AT_SESSION];
    m->secure = buf[AT_FLAGS] & FLAG_SECURE;
    m->port = (apr_uint16_t)(buf[AT_PORT] << 8 | buf[AT_PORT + 1]);
    memcpy(m->address, buf + AT_ADDRESS, sizeof(m->address));
    m->head = at + user + session;
    m->head_len = number_get(buf + AT_HEAD);
    m->early = m->head + m->head_len;
    m->early_len = number_get(buf + AT_EARLY);
    /* No sum overflows: both are below 2^32, and bounded before they count. */
    if (m->head_len > CHAT_HANDOFF_HEAD || m->early_len > CHAT_HANDOFF_EARLY ||
        FIXED + user + session + m->head_len + m->early_len != len ||
        !text_get(m->identity.user, sizeof(m->identity.user), at, user) ||
        !text_get(m->identity.session, sizeof(m->identity.session), at + user,
                  session)) {
        memset(m, 0, sizeof(*m));
        return CHAT_HANDOFF_BAD;
    }
    m->identity.until = (apr_int64_t)((apr_uint64_t)number_get(buf + AT_UNTIL)
                                          << 32 |
                                      number_get(buf + AT_UNTIL + 4));
    if (!fits(m)) {
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
    if (buf[3] == CHAT_HANDOFF_NOTE) {
        *kind = CHAT_HANDOFF_NOTE;
        return CHAT_HANDOFF_OK;
    }
    if (buf[3] == CHAT_HANDOFF_GIVE) {
        *kind = CHAT_HANDOFF_GIVE;
        return give_parse(m, buf, len);
    }
    return CHAT_HANDOFF_BAD;
}

/* --- notes ---------------------------------------------------------------- */

static int note_valid(const chat_handoff_note_t *note)
{
    return note->identity.user[0] != '\0' && identity_valid(&note->identity) &&
           chat_socket_id_valid(note->socket, strlen(note->socket));
}

apr_size_t chat_handoff_note(unsigned char out[CHAT_HANDOFF_NOTE_MAX],
                             const chat_handoff_note_t *note)
{
    const apr_uint64_t until = (apr_uint64_t)note->identity.until;
    const apr_size_t user = strlen(note->identity.user);
    const apr_size_t session = strlen(note->identity.session);
    const apr_size_t socket = strlen(note->socket);
    unsigned char *at = out + NOTE_FIXED;

    if (!note_valid(note)) {
        return 0;
    }
    header_put(out, CHAT_HANDOFF_NOTE);
    out[AT_NOTE_USER] = (unsigned char)user;
    out[AT_NOTE_SESSION] = (unsigned char)session;
    out[AT_NOTE_SOCKET] = (unsigned char)socket;
    out[AT_NOTE_ZERO] = 0;
    number_put(out + AT_NOTE_UNTIL, until >> 32);
    number_put(out + AT_NOTE_UNTIL + 4, until);
    memcpy(at, note->identity.user, user);
    memcpy(at + user, note->identity.session, session);
    memcpy(at + user + session, note->socket, socket);
    return NOTE_FIXED + user + session + socket;
}

chat_handoff_result_t chat_handoff_parse_note(chat_handoff_note_t *note,
                                              const unsigned char *buf,
                                              apr_size_t len)
{
    const char *at = (const char *)buf + NOTE_FIXED;
    chat_handoff_result_t result = header_check(buf, len);
    apr_size_t user, session, socket;

    memset(note, 0, sizeof(*note));
    if (result != CHAT_HANDOFF_OK) {
        return result;
    }
    if (len < NOTE_FIXED || buf[3] != CHAT_HANDOFF_NOTE ||
        buf[AT_NOTE_ZERO] != 0) {
        return CHAT_HANDOFF_BAD;
    }
    user = buf[AT_NOTE_USER];
    session = buf[AT_NOTE_SESSION];
    socket = buf[AT_NOTE_SOCKET];
    note->identity.until = (apr_int64_t)((apr_uint64_t)number_get(
                                             buf + AT_NOTE_UNTIL)
                                             << 32 |
                                         number_get(buf + AT_NOTE_UNTIL + 4));
    if (NOTE_FIXED + user + session + socket != len ||
        !text_get(note->identity.user, sizeof(note->identity.user), at, user) ||
        !text_get(note->identity.session, sizeof(note->identity.session),
                  at + user, session) ||
        !text_get(note->socket, sizeof(note->socket), at + user + session,
                  socket) ||
        !note_valid(note)) {
        memset(note, 0, sizeof(*note));
        return CHAT_HANDOFF_BAD;
    }
    return CHAT_HANDOFF_OK;
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
