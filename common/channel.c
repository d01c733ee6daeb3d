/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - reading channel names, see channel.h.
 *
 * Pure functions over bytes. The prefixes are compared as the documents write
 * them, in lower case and anchored at the start: `my-cache-x` is no cache
 * channel and `Private-x` is a public one.
 */
#include "channel.h"

#include <string.h>

#define ID_MAX 64 /* bytes of an id in a channel name or in a path */

/* Where an alias differs from the name it stands for: after "private". */
#define ALIAS "private."
#define ALIAS_DOT (sizeof(ALIAS) - 2)

#define SERVER_TO_USER "#server-to-user-"

static int is_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static int in_alphabet(unsigned char c)
{
    return is_alnum(c) || c == '_' || c == '-' || c == '=' || c == '@' ||
           c == ',' || c == '.' || c == ';';
}

static int starts_with(const char *s, apr_size_t len, const char *prefix)
{
    apr_size_t n = strlen(prefix);

    return len >= n && memcmp(s, prefix, n) == 0;
}

/* What the start of a valid name says; the longer prefix is asked first. An
 * alias promises what its canonical name would, hence one row each. */
static apr_size_t read_prefix(chat_channel_t *out, const char *name,
                              apr_size_t len)
{
    /* clang-format off */
    static const struct {
        const char *prefix;
        chat_channel_kind_t kind;
        int alias;
    } prefixes[] = {
        { "private-encrypted-", CHAT_CHANNEL_ENCRYPTED, 0 },
        { "private.encrypted-", CHAT_CHANNEL_ENCRYPTED, 1 },
        { "private-",           CHAT_CHANNEL_PRIVATE,   0 },
        { ALIAS,                CHAT_CHANNEL_PRIVATE,   1 },
        { "presence-",          CHAT_CHANNEL_MEMBERS,   0 },
    };
    /* clang-format on */
    apr_size_t i;

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (starts_with(name, len, prefixes[i].prefix)) {
            out->kind = prefixes[i].kind;
            out->alias = prefixes[i].alias;
            return strlen(prefixes[i].prefix);
        }
    }
    out->kind = CHAT_CHANNEL_PUBLIC;
    out->alias = 0;
    return 0;
}

chat_channel_result_t chat_channel_parse(chat_channel_t *out, const char *name,
                                         apr_size_t len, apr_size_t max)
{
    apr_size_t i;

    if (len == 0) {
        return CHAT_CHANNEL_EMPTY;
    }
    if (len > max) {
        return CHAT_CHANNEL_TOO_LONG;
    }
    for (i = 0; i < len; i++) {
        if (!in_alphabet((unsigned char)name[i])) {
            return CHAT_CHANNEL_ALPHABET;
        }
    }
    i = read_prefix(out, name, len);
    out->cache = starts_with(name + i, len - i, "cache-");
    return CHAT_CHANNEL_OK;
}

int chat_channel_is_server(const char *name, apr_size_t len)
{
    return starts_with(name, len, SERVER_TO_USER);
}

void chat_channel_canonical(char *to, const char *name, apr_size_t len)
{
    memmove(to, name, len);
    if (starts_with(to, len, ALIAS)) {
        to[ALIAS_DOT] = '-';
    }
}

const char *chat_channel_id(const char *name, const char *prefix)
{
    apr_size_t n = strlen(prefix);

    if (strncmp(name, prefix, n) != 0 || !chat_id_valid(name + n)) {
        return NULL;
    }
    return name + n;
}

int chat_id_valid(const char *id)
{
    apr_size_t n;

    for (n = 0; id[n] != '\0'; n++) {
        if (n == ID_MAX ||
            !(is_alnum((unsigned char)id[n]) || id[n] == '_' || id[n] == '-')) {
            return 0;
        }
    }
    return n > 0;
}
