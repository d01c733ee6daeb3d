/* SPDX-License-Identifier: Apache-2.0 */
/* vouch.c - signed headers between our programs; see vouch.h. */
#include "vouch.h"

#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "channel.h"

#define NONCE 16  /* hex digits */
#define DIGITS 18 /* of a number that fits in 64 bits for sure */
#define HEX "0123456789abcdef"

/* What is left of a header. */
typedef struct {
    const char *at;
    apr_size_t len;
} rest_t;

/* The field up to the next dot. @return 0: there is no dot */
static int field(rest_t *f, rest_t *rest)
{
    const char *dot = memchr(rest->at, '.', rest->len);

    if (dot == NULL) {
        return 0;
    }
    f->at = rest->at;
    f->len = (apr_size_t)(dot - rest->at);
    rest->at = dot + 1;
    rest->len -= f->len + 1;
    return 1;
}

/* A number in its one spelling. */
static int number(apr_int64_t *out, const rest_t *f)
{
    apr_int64_t n = 0;
    apr_size_t i;

    if (f->len == 0 || f->len > DIGITS || (f->at[0] == '0' && f->len > 1)) {
        return 0;
    }
    for (i = 0; i < f->len; i++) {
        if (f->at[i] < '0' || f->at[i] > '9') {
            return 0;
        }
        n = n * 10 + (f->at[i] - '0');
    }
    *out = n;
    return 1;
}

static int is_hex(const char *at, apr_size_t len, apr_size_t wanted)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (at[i] == '\0' || strchr(HEX, at[i]) == NULL) {
            return 0;
        }
    }
    return len == wanted;
}

/* Version and time, with which both begin. */
static int begin(chat_vouch_t *v, rest_t *rest, const char *text,
                 apr_size_t len)
{
    rest_t f;

    memset(v, 0, sizeof(*v));
    rest->at = text;
    rest->len = len;
    v->text = text;
    return len <= CHAT_VOUCH_MAX && field(&f, rest) && f.len == 1 &&
           f.at[0] == '1' && field(&f, rest) && number(&v->issued, &f);
}

/* The signature, which ends both. */
static int end(chat_vouch_t *v, const rest_t *rest)
{
    v->signature = rest->at;
    v->len = (apr_size_t)(rest->at - v->text) - 1;
    return is_hex(rest->at, rest->len, CHAT_SIGNATURE_HEX - 1);
}

static int session_read(char *out, const rest_t *f)
{
    if (!chat_identity_session_valid(f->at, f->len)) {
        return 0;
    }
    memcpy(out, f->at, f->len);
    out[f->len] = '\0';
    return 1;
}

static int user_read(char *out, const rest_t *f)
{
    if (f->len > CHAT_IDENTITY_USER || memchr(f->at, '\0', f->len) != NULL) {
        return 0;
    }
    memcpy(out, f->at, f->len);
    out[f->len] = '\0';
    return chat_id_valid(out);
}

int chat_vouch_identity_parse(chat_vouch_t *v, const char *text, apr_size_t len)
{
    rest_t rest, f;

    return begin(v, &rest, text, len) && field(&f, &rest) &&
           is_hex(f.at, f.len, NONCE) && field(&f, &rest) &&
           number(&v->identity.until, &f) && field(&f, &rest) &&
           session_read(v->identity.session, &f) && field(&f, &rest) &&
           user_read(v->identity.user, &f) && end(v, &rest);
}

int chat_vouch_question_parse(chat_vouch_t *v, const char *text, apr_size_t len)
{
    rest_t rest;

    return begin(v, &rest, text, len) && end(v, &rest);
}

int chat_vouch_fresh(const chat_vouch_t *v, apr_int64_t now)
{
    return v->issued > now - CHAT_VOUCH_MS && v->issued < now + CHAT_VOUCH_MS;
}

/* The purpose, the statement, and what it is bound to. No field of the
 * statement holds the bar, and neither does a socket id or a Sec-WebSocket-Key:
 * two of one length cannot be read in two ways. */
static int pieces(chat_piece_t out[CHAT_VOUCH_PIECES], const char *purpose,
                  const chat_vouch_t *v, const char *a, apr_size_t a_len,
                  const char *b, apr_size_t b_len)
{
    const chat_piece_t all[CHAT_VOUCH_PIECES] = {
        { purpose, strlen(purpose) },
        { v->text, v->len },
        { "|", 1 },
        { a, a_len },
        { "|", 1 },
        { b, b_len },
    };

    memcpy(out, all, sizeof(all));
    return CHAT_VOUCH_PIECES;
}

int chat_vouch_identity_pieces(chat_piece_t out[CHAT_VOUCH_PIECES],
                               const chat_vouch_t *v, const char *key,
                               apr_size_t key_len, const char *ws_key,
                               apr_size_t ws_key_len)
{
    return pieces(out, "identity:", v, ws_key, ws_key_len, key, key_len);
}

int chat_vouch_question_pieces(chat_piece_t out[CHAT_VOUCH_PIECES],
                               const chat_vouch_t *v, const char *socket,
                               apr_size_t socket_len, const char *channel,
                               apr_size_t channel_len)
{
    return pieces(out, "question:", v, socket, socket_len, channel,
                  channel_len);
}

char *chat_vouch_identity(chat_signer_t *signer, const chat_identity_t *id,
                          const char *key, const char *ws_key, apr_int64_t now,
                          apr_pool_t *p)
{
    chat_piece_t all[CHAT_VOUCH_PIECES];
    char hex[CHAT_SIGNATURE_HEX];
    chat_vouch_t v = { .issued = now };
    apr_uint64_t nonce;

    if (id->user[0] == '\0' || id->session[0] == '\0' ||
        apr_generate_random_bytes((unsigned char *)&nonce, sizeof(nonce)) !=
            APR_SUCCESS) {
        return NULL;
    }
    v.text = apr_psprintf(p,
                          "1.%" APR_INT64_T_FMT ".%016" APR_UINT64_T_HEX_FMT
                          ".%" APR_INT64_T_FMT ".%s.%s",
                          now, nonce, id->until, id->session, id->user);
    v.len = strlen(v.text);
    chat_sign(signer, hex, all,
              chat_vouch_identity_pieces(all, &v, key, strlen(key), ws_key,
                                         strlen(ws_key)));
    return apr_pstrcat(p, v.text, ".", hex, NULL);
}

void chat_vouch_question(char out[CHAT_VOUCH_MAX], chat_signer_t *signer,
                         const char *socket, const char *channel,
                         apr_size_t channel_len, apr_int64_t now)
{
    chat_piece_t all[CHAT_VOUCH_PIECES];
    chat_vouch_t v = { .issued = now, .text = out };
    char hex[CHAT_SIGNATURE_HEX];

    v.len = (apr_size_t)apr_snprintf(out, CHAT_VOUCH_MAX, "1.%" APR_INT64_T_FMT,
                                     now);
    chat_sign(signer, hex, all,
              chat_vouch_question_pieces(all, &v, socket, strlen(socket),
                                         channel, channel_len));
    out[v.len] = '.';
    memcpy(out + v.len + 1, hex, sizeof(hex));
}
