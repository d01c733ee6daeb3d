/* SPDX-License-Identifier: Apache-2.0 */
/* known.c - see known.h. */
#include "known.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

/* Digests are spread evenly: their first letters are as good as any hash.
 * @return -1 for what is no digest */
static int place_of(const char *digest)
{
    char head[9];

    if (strlen(digest) != CHAT_KNOWN_DIGEST ||
        strspn(digest, "0123456789abcdef") != CHAT_KNOWN_DIGEST) {
        return -1;
    }
    memcpy(head, digest, 8);
    head[8] = '\0';
    return (int)(strtoul(head, NULL, 16) % CHAT_KNOWN_PLACES);
}

void chat_known_note(chat_known_t *known, const char *digest, const char *user)
{
    int i = place_of(digest);
    size_t len = strlen(user);

    if (i < 0 || len == 0 || len >= CHAT_ID_SIZE) {
        return;
    }
    memcpy(known->places[i].digest, digest, CHAT_KNOWN_DIGEST);
    memcpy(known->places[i].user, user, len + 1);
}

int chat_known_find(const chat_known_t *known, const char *digest, char *user)
{
    int i = place_of(digest);

    if (i < 0 || known->places[i].user[0] == '\0' ||
        !chat_secret_equal(known->places[i].digest, CHAT_KNOWN_DIGEST, digest,
                           CHAT_KNOWN_DIGEST)) {
        return 0;
    }
    memcpy(user, known->places[i].user, CHAT_ID_SIZE);
    return 1;
}
