/* SPDX-License-Identifier: Apache-2.0 */
/* credential.c - Authorization and Cookie headers; see credential.h. */
#include "credential.h"

#include <string.h>
#include <strings.h>
#include <apr_strings.h>

#define ID_DIGITS 18 /* any number of so many digits fits 64 bits */

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char base64url[] = ALNUM "-_";
static const char b64token[] = ALNUM "-._~+/="; /* RFC 6750: b64token */

/* The id before the `|`. @return 0 when it is no number we could have given */
static int id_parse(apr_int64_t *id, const char *s, size_t len)
{
    if (len == 0 || len > ID_DIGITS || strspn(s, "0123456789") != len) {
        return 0;
    }
    *id = apr_atoi64(s); /* stops at the `|` */
    return *id > 0;
}

chat_bearer_result_t chat_bearer_parse(chat_bearer_t *out, const char *header,
                                       apr_pool_t *p)
{
    static const char scheme[] = "Bearer";
    const char *bar, *secret;
    size_t len;

    if (header == NULL ||
        strncasecmp(header, scheme, sizeof(scheme) - 1) != 0) {
        return CHAT_BEARER_NONE;
    }
    header += sizeof(scheme) - 1;
    if (*header != ' ') {
        return *header == '\0' ? CHAT_BEARER_BAD : CHAT_BEARER_NONE;
    }
    header += strspn(header, " ");
    out->id = 0;
    secret = header;
    bar = strchr(header, '|');
    if (bar != NULL) {
        if (!id_parse(&out->id, header, (size_t)(bar - header))) {
            return CHAT_BEARER_BAD;
        }
        secret = bar + 1;
    }
    len = strspn(secret, b64token);
    if (len == 0 || len > CHAT_BEARER_MAX ||
        secret[len + strspn(secret + len, " ")] != '\0') {
        return CHAT_BEARER_BAD;
    }
    out->secret = apr_pstrmemdup(p, secret, len);
    return CHAT_BEARER_OK;
}

const char *chat_cookie_token(const char *header, const char *name,
                              apr_pool_t *p)
{
    size_t name_len = strlen(name);

    while (header != NULL && *header != '\0') {
        size_t len;

        header += strspn(header, "; \t");
        len = strcspn(header, ";");
        if (len == name_len + 1 + CHAT_TOKEN_LEN &&
            strncmp(header, name, name_len) == 0 && header[name_len] == '=' &&
            strspn(header + name_len + 1, base64url) == CHAT_TOKEN_LEN) {
            return apr_pstrmemdup(p, header + name_len + 1, CHAT_TOKEN_LEN);
        }
        header += len;
    }
    return NULL;
}
