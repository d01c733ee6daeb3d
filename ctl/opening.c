/* SPDX-License-Identifier: Apache-2.0 */
/* opening.c - what lies encrypted, for commands; see opening.h. */
#include "opening.h"

#include "app.h"
#include "seal_file.h"

#include <apr_strings.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* database.keys of a file as chat-push reads it. */
static int config_setting(const char **setting, const char *file, apr_pool_t *p)
{
    const char *why = NULL, *text;
    json_t *root;

    if (chat_conf_load(&root, file, &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    text = json_string_value(chat_conf_find(root, "database.keys"));
    *setting = text != NULL && *text != '\0' ? apr_pstrdup(p, text) : NULL;
    json_decref(root);
    return CTL_OK;
}

int ctl_opening_start(ctl_opening_t *o, const ctl_target_t *given,
                      chat_db_t *db, apr_pool_t *p)
{
    const char *why = "out of memory";
    chat_keyring_t *ring;
    int status = CTL_OK;

    o->p = p;
    o->why = "say with --keys what opens them (ChatKeys of httpd's "
             "configuration)";
    if (o->setting == NULL && given->config != NULL) {
        status = config_setting(&o->setting, given->config, p);
    }
    if (status != CTL_OK || o->setting == NULL) {
        return status;
    }
    if (chat_keyring_open(&ring, o->setting, &why, p) != APR_SUCCESS ||
        chat_keys_create(&o->keys, ring, db, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    return CTL_OK;
}

static void shut(ctl_opening_t *o, const char *why)
{
    o->shut++;
    if (why != NULL) {
        o->why = apr_pstrdup(o->p, why);
    }
}

/* Nobody's key: finds out whether there is anything sealed. */
static const chat_seal_key_t *no_key(void *baton, const char *key_id)
{
    (void)baton;
    (void)key_id;
    return NULL;
}

const char *ctl_opening_json(ctl_opening_t *o, const char *json, apr_pool_t *p)
{
    const char *why = NULL, *plain;
    int failed = 0;

    if (strstr(json, CHAT_SEAL_MARK) == NULL) {
        return json;
    }
    if (o->keys == NULL) {
        chat_seal_open_json(json, NULL, no_key, NULL, &failed, p);
        if (failed > 0) {
            shut(o, NULL);
        }
        return json;
    }
    plain = chat_keys_open_json(o->keys, json, NULL, &why, p);
    if (why == NULL) {
        return plain;
    }
    shut(o, why);
    return json;
}

/* --- files --- */

static apr_status_t system_error(void) { return APR_FROM_OS_ERROR(errno); }

/* Bytes as they lie. */
static apr_status_t copy(int to, int from)
{
    char piece[65536];
    ssize_t n;

    while ((n = read(from, piece, sizeof(piece))) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return system_error();
        }
        for (ssize_t done = 0, w; done < n; done += w) {
            w = write(to, piece + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR) {
                return system_error();
            }
            w = w < 0 ? 0 : w;
        }
    }
    return APR_SUCCESS;
}

/* The file opened. @return APR_EGENERAL: it cannot be */
static apr_status_t copy_open(ctl_opening_t *o, int to, int from,
                              chat_seal_head_t *head, const char *conversation,
                              const char *id, apr_pool_t *p)
{
    unsigned char key[CHAT_SEAL_KEY];
    const char *why = NULL;
    apr_status_t rv;

    if (o->keys == NULL) {
        shut(o, NULL);
        return APR_EGENERAL;
    }
    if (chat_keys_find(key, o->keys, head->key_id, &why, p) != APR_SUCCESS) {
        shut(o, why);
        return APR_EGENERAL;
    }
    rv = chat_seal_file_name(head->file, conversation, id, "")
             ? chat_seal_file_open(to, from, key, head)
             : APR_EGENERAL;
    OPENSSL_cleanse(key, sizeof(key));
    if (rv == APR_EGENERAL) {
        shut(o, "a sealed file was changed, is another one, or another key's");
    }
    return rv;
}

static apr_status_t copy_either(ctl_opening_t *o, int to, int from,
                                const char *conversation, const char *id,
                                apr_pool_t *p)
{
    chat_seal_head_t head;
    apr_status_t rv;

    if (!chat_seal_file_head(&head, from)) {
        return copy(to, from);
    }
    rv = copy_open(o, to, from, &head, conversation, id, p);
    if (rv != APR_EGENERAL) {
        return rv;
    }
    if (ftruncate(to, 0) != 0 || lseek(to, 0, SEEK_SET) != 0) {
        return system_error();
    }
    return copy(to, from);
}

apr_status_t ctl_opening_copy(ctl_opening_t *o, const char *from,
                              const char *to, const char *conversation,
                              const char *id, apr_pool_t *p)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out;
    apr_status_t rv;

    if (in < 0) {
        return system_error();
    }
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    rv = out >= 0 ? copy_either(o, out, in, conversation, id, p) : system_error();
    close(in);
    if (out >= 0 && close(out) != 0 && rv == APR_SUCCESS) {
        rv = system_error();
    }
    return rv;
}

int ctl_opening_end(const ctl_opening_t *o)
{
    return o->shut == 0
               ? CTL_OK
               : ctl_fail("%" APR_INT64_T_FMT
                          " rows or files are encrypted and were given as they "
                          "lie: %s",
                          o->shut, o->why);
}
