/* SPDX-License-Identifier: Apache-2.0 */
/* audit_seal.c - HMAC over the audit log; see audit_seal.h. */
#include "audit_seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "audit_entry.h"

#define ROOM (CHAT_AUDIT_LINE + 1200) /* of what is signed: a spool's name, a line */

/* HMAC of head and rest, in hex. @return 0 when there is none */
static int mac_of(char out[CHAT_SHA256_HEX], const unsigned char *key,
                  const char *head, const char *rest, apr_size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE], text[ROOM];
    apr_size_t n = strlen(head);
    unsigned int size = 0;

    if (n + len > sizeof(text)) {
        return 0;
    }
    memcpy(text, head, n);
    memcpy(text + n, rest, len);
    if (HMAC(EVP_sha256(), key, CHAT_SEAL_KEY, text, n + len, digest, &size) ==
            NULL ||
        size != CHAT_SHA256) {
        return 0;
    }
    for (unsigned int i = 0; i < size; i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
    return 1;
}

/* Whether any key of the ring has made it. */
static int any_made(const char *mac, const chat_keyring_t *ring,
                    const char *head, const char *rest, apr_size_t len)
{
    const unsigned char *key;
    const char *id;
    int good = 0;

    for (int i = 0; (key = chat_keyring_key(ring, i, &id)) != NULL; i++) {
        char right[CHAT_SHA256_HEX];

        good |= mac_of(right, key, head, rest, len) &&
                chat_secret_equal(mac, CHAT_AUDIT_MAC, right, CHAT_AUDIT_MAC);
    }
    return good;
}

static int first_makes(char out[CHAT_SHA256_HEX], const chat_keyring_t *ring,
                       const char *head, const char *rest, apr_size_t len)
{
    const char *id;
    const unsigned char *key = chat_keyring_key(ring, 0, &id);

    return key != NULL && mac_of(out, key, head, rest, len);
}

static void place(char out[128], const char *what, apr_int64_t seq,
                  const char *hash)
{
    snprintf(out, 128, "%s\t%" APR_INT64_T_FMT "\t%.64s", what, seq, hash);
}

int chat_audit_seal_make(char out[CHAT_AUDIT_SEAL_ROOM], const chat_keyring_t *ring,
                         apr_int64_t seq, const char *hash)
{
    char text[128], mac[CHAT_SHA256_HEX];
    const char *id = "";

    place(text, "seal", seq, hash);
    if (chat_keyring_key(ring, 0, &id) == NULL ||
        !first_makes(mac, ring, text, "", 0)) {
        return 0;
    }
    snprintf(out, CHAT_AUDIT_SEAL_ROOM, "%.32s %.64s", id, mac);
    return 1;
}

chat_audit_seal_t chat_audit_seal_check(const char *object,
                                        const chat_keyring_t *ring,
                                        apr_int64_t seq, const char *hash)
{
    const char *space = strchr(object, ' '), *id;
    const unsigned char *key;
    char text[128], right[CHAT_SHA256_HEX];

    if (space == NULL || strlen(space + 1) != CHAT_AUDIT_MAC) {
        return CHAT_AUDIT_SEAL_FORGED;
    }
    place(text, "seal", seq, hash);
    for (int i = 0; (key = chat_keyring_key(ring, i, &id)) != NULL; i++) {
        if (strlen(id) == (apr_size_t)(space - object) &&
            memcmp(id, object, strlen(id)) == 0) {
            return mac_of(right, key, text, "", 0) &&
                           chat_secret_equal(space + 1, CHAT_AUDIT_MAC, right,
                                             CHAT_AUDIT_MAC)
                       ? CHAT_AUDIT_SEAL_GOOD
                       : CHAT_AUDIT_SEAL_FORGED;
        }
    }
    return CHAT_AUDIT_SEAL_UNKNOWN;
}

/* @return 0 when the name is too long for a spool's */
static int line_head(char out[1100], const char *spool, apr_int64_t offset)
{
    int n = snprintf(out, 1100, "line\t%s\t%" APR_INT64_T_FMT "\t", spool,
                     offset);

    return n > 0 && n < 1100;
}

int chat_audit_line_sign(char out[CHAT_SHA256_HEX], const chat_keyring_t *ring,
                         const char *spool, apr_int64_t offset, const char *line,
                         apr_size_t len)
{
    char head[1100];

    return line_head(head, spool, offset) &&
           first_makes(out, ring, head, line, len);
}

int chat_audit_line_check(const char *mac, const chat_keyring_t *ring,
                          const char *spool, apr_int64_t offset,
                          const char *line, apr_size_t len)
{
    char head[1100];

    return line_head(head, spool, offset) && any_made(mac, ring, head, line, len);
}

int chat_audit_memo_make(char out[192], const chat_keyring_t *ring,
                         apr_int64_t seq, const char *hash)
{
    char text[128], mac[CHAT_SHA256_HEX];

    place(text, "memo", seq, hash);
    if (!first_makes(mac, ring, text, "", 0)) {
        return 0;
    }
    snprintf(out, 192, "%" APR_INT64_T_FMT " %.64s %.64s", seq, hash, mac);
    return 1;
}

int chat_audit_memo_read(apr_int64_t *seq, char hash[CHAT_SHA256_HEX],
                         const chat_keyring_t *ring, const char *line)
{
    char its_hash[CHAT_SHA256_HEX], mac[CHAT_SHA256_HEX], text[128];
    apr_size_t digits = strspn(line, "0123456789");
    int end = 0;

    if (digits == 0 || digits > 18 ||
        sscanf(line + digits, " %64[0-9a-f] %64[0-9a-f]%n", its_hash, mac,
               &end) != 2 ||
        strlen(its_hash) != 64 || strlen(mac) != CHAT_AUDIT_MAC ||
        strspn(line + digits + end, "\n") != strlen(line + digits + end)) {
        return 0;
    }
    place(text, "memo", apr_atoi64(line), its_hash);
    if (!any_made(mac, ring, text, "", 0)) {
        return 0;
    }
    *seq = apr_atoi64(line);
    memcpy(hash, its_hash, CHAT_SHA256_HEX);
    return 1;
}
