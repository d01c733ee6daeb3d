/* SPDX-License-Identifier: Apache-2.0 */
/* phc.c - reading password hashes; see phc.h. */
#include "phc.h"

#include <string.h>

#define BASE64                                                                 \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define SALT_MAX 88 /* characters, 64 bytes */
#define HASH_MAX 88

/* Take a text. @return what is behind it, NULL when it is not there */
static const char *take(const char *at, const char *text)
{
    size_t len = strlen(text);

    return at != NULL && strncmp(at, text, len) == 0 ? at + len : NULL;
}

/* Take a number of 1 to 9 digits without leading zeros. */
static const char *take_number(apr_uint32_t *to, const char *at)
{
    size_t len = at != NULL ? strspn(at, "0123456789") : 0;

    if (len == 0 || len > 9 || *at == '0') {
        return NULL;
    }
    *to = 0;
    for (; len > 0; len--) {
        *to = *to * 10 + (apr_uint32_t)(*at++ - '0');
    }
    return at;
}

static const char *take_base64(const char *at, size_t max)
{
    size_t len = at != NULL ? strspn(at, BASE64) : 0;

    return len > 0 && len <= max ? at + len : NULL;
}

/* @param at  behind `$argon2id` */
static void argon2_parse(chat_phc_t *out, const char *hash, const char *at)
{
    apr_uint32_t version = 0;

    at = take_number(&version, take(at, "$v="));
    at = take_number(&out->memory, take(at, "$m="));
    at = take_number(&out->passes, take(at, ",t="));
    at = take_number(&out->lanes, take(at, ",p="));
    at = take(at, "$");
    out->prefix = at != NULL ? (apr_size_t)(at - hash) : 0;
    at = take_base64(at, SALT_MAX);
    at = take_base64(take(at, "$"), HASH_MAX);
    if (at == NULL || *at != '\0') {
        out->kind = CHAT_PHC_BROKEN;
        out->prefix = 0;
    }
}

void chat_phc_parse(chat_phc_t *out, const char *hash)
{
    const char *at;

    memset(out, 0, sizeof(*out));
    out->kind = CHAT_PHC_OTHER;
    if ((at = take(hash, "$argon2id")) != NULL && *at == '$') {
        out->kind = CHAT_PHC_ARGON2ID;
        argon2_parse(out, hash, at);
    }
    else if ((at = take(hash, "$argon2i")) != NULL && *at == '$') {
        out->kind = CHAT_PHC_ARGON2I;
        argon2_parse(out, hash, at);
    }
    else if (strncmp(hash, "$argon2", 7) == 0) {
        out->kind = CHAT_PHC_BROKEN;
    }
    else if (strncmp(hash, "$2", 2) == 0 && strlen(hash) == 60 &&
             strchr("aby", hash[2]) != NULL && hash[3] == '$' &&
             strspn(hash + 4, "0123456789") == 2 && hash[6] == '$') {
        out->kind = CHAT_PHC_BCRYPT;
        out->prefix = 7;
    }
}

int chat_phc_affordable(const chat_phc_t *phc, apr_uint32_t memory)
{
    switch (phc->kind) {
    case CHAT_PHC_ARGON2I:
    case CHAT_PHC_ARGON2ID:
        return phc->memory <= memory && phc->passes <= CHAT_PHC_PASSES_MAX &&
               phc->lanes <= CHAT_PHC_LANES_MAX;
    case CHAT_PHC_BROKEN:
        return 0;
    default:
        return 1;
    }
}
