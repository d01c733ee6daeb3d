/* SPDX-License-Identifier: Apache-2.0 */
/* known.c - see known.h. */
#include "known.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

/* Digests are spread evenly: their first letters are as good as any hash.
 * @return the set, -1 for what is no digest */
static int set_of(const char *digest)
{
    char head[9];

    if (strlen(digest) != CHAT_KNOWN_DIGEST ||
        strspn(digest, "0123456789abcdef") != CHAT_KNOWN_DIGEST) {
        return -1;
    }
    memcpy(head, digest, 8);
    head[8] = '\0';
    return (int)(strtoul(head, NULL, 16) % CHAT_KNOWN_SETS);
}

/* @return the place in the set, -1 when it is in none */
static int way_of(const chat_known_t *known, int set, const char *digest)
{
    int i;

    for (i = 0; i < CHAT_KNOWN_WAYS; i++) {
        if (known->places[set][i].user[0] != '\0' &&
            chat_secret_equal(known->places[set][i].digest, CHAT_KNOWN_PREFIX,
                              digest, CHAT_KNOWN_PREFIX)) {
            return i;
        }
    }
    return -1;
}

void chat_known_note(chat_known_t *known, const char *digest, const char *user)
{
    int set = set_of(digest), way;
    size_t len = strlen(user);

    if (set < 0 || len == 0 || len >= CHAT_ID_SIZE) {
        return;
    }
    way = way_of(known, set, digest);
    if (way < 0) {
        way = known->next[set];
        known->next[set] = (unsigned char)((way + 1) % CHAT_KNOWN_WAYS);
        memcpy(known->places[set][way].digest, digest, CHAT_KNOWN_PREFIX);
    }
    memcpy(known->places[set][way].user, user, len + 1);
}

int chat_known_find(const chat_known_t *known, const char *digest, char *user)
{
    int set = set_of(digest);
    int way = set < 0 ? -1 : way_of(known, set, digest);

    if (way < 0) {
        return 0;
    }
    memcpy(user, known->places[set][way].user, CHAT_ID_SIZE);
    return 1;
}

chat_id_kind_t chat_id_kind(const char *id)
{
    static const char uuid[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    apr_size_t digits = strspn(id, "0123456789"), i;

    if (digits > 0 && id[digits] == '\0') {
        return digits <= 9 ? CHAT_ID_KIND_NUMBER : CHAT_ID_KIND_UNKNOWN;
    }
    for (i = 0; uuid[i] != '\0'; i++) {
        if (uuid[i] == '-' ? id[i] != '-'
                           : id[i] == '\0' ||
                                 strchr("0123456789abcdefABCDEF", id[i]) ==
                                     NULL) {
            return CHAT_ID_KIND_TEXT;
        }
    }
    return id[i] == '\0' ? CHAT_ID_KIND_UUID : CHAT_ID_KIND_TEXT;
}

int chat_id_fits(chat_id_kind_t seen, const char *id)
{
    return seen == CHAT_ID_KIND_TEXT ||
           (seen != CHAT_ID_KIND_UNKNOWN && chat_id_kind(id) == seen);
}
