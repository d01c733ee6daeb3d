/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appkeys.c - see appkeys.h.
 *
 * The parent writes and children read, without a lock: `turn` is odd while the
 * keys are being changed, and a reader who finds it odd, or another one after
 * reading, reads again. What lies between the two looks at `turn` is read and
 * written with acquire and release, which keeps it there; a fence would do too,
 * but ThreadSanitizer knows none.
 */
#include "appkeys.h"

#include <string.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <http_log.h>

#include "chat_module.h"

APLOG_USE_MODULE(chat);

#define ROOM 16384 /* bytes for the keys of a file; later ones are left out */
#define TRIES 1000 /* of a reader; then the parent died while it wrote */

struct chat_appkeys_t {
    apr_uint32_t turn;
    apr_uint32_t len;
    char keys[ROOM]; /* each ended by a NUL; len bytes of them */
};

/* What the parent knows of a file. */
typedef struct {
    const chat_push_t *push;
    apr_finfo_t seen; /* as it was when it was looked at last */
} file_t;

static apr_array_header_t *files; /* of file_t, the parent's */

static int is_same(const apr_finfo_t *a, const apr_finfo_t *b)
{
    return a->mtime == b->mtime && a->size == b->size && a->inode == b->inode;
}

static apr_status_t look(apr_finfo_t *out, const char *path, apr_pool_t *p)
{
    memset(out, 0, sizeof(*out));
    return apr_stat(out, path,
                    APR_FINFO_MTIME | APR_FINFO_SIZE | APR_FINFO_INODE, p);
}

/* A host's file among those that have been found; NULL: it is a new one. */
static int is_listed(const chat_push_t *push)
{
    int i;

    for (i = 0; i < files->nelts; i++) {
        if (APR_ARRAY_IDX(files, i, file_t).push == push) {
            return 1;
        }
    }
    return 0;
}

apr_status_t chat_appkeys_prepare(apr_pool_t *p, server_rec *s)
{
    apr_shm_t *shm;
    apr_status_t rv;
    char *at;
    int i;

    files = apr_array_make(p, 2, sizeof(file_t));
    for (; s != NULL; s = s->next) {
        const chat_push_t *push = chat_server_of(s)->push;

        if (push != NULL && push->handoff != NULL && !is_listed(push)) {
            file_t *f = apr_array_push(files);

            f->push = push;
            look(&f->seen, push->path, p);
        }
    }
    if (files->nelts == 0) {
        return APR_SUCCESS;
    }
    rv = apr_shm_create(
        &shm, (apr_size_t)files->nelts * sizeof(struct chat_appkeys_t), NULL,
        p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    at = apr_shm_baseaddr_get(shm);
    memset(at, 0, (apr_size_t)files->nelts * sizeof(struct chat_appkeys_t));
    for (i = 0; i < files->nelts; i++) {
        /* The last word on a setting, before anybody reads it. */
        chat_push_t *push = (chat_push_t *)APR_ARRAY_IDX(files, i, file_t).push;

        push->more = (struct chat_appkeys_t *)(void *)at + i;
    }
    return APR_SUCCESS;
}

static void keys_write(struct chat_appkeys_t *to, const chat_apps_t *apps)
{
    apr_size_t len = 0;
    int i;

    __atomic_add_fetch(&to->turn, 1, __ATOMIC_ACQ_REL);
    for (i = 0; i < apps->n; i++) {
        const char *key = apps->list[i].key;
        const apr_size_t n = strlen(key) + 1;
        apr_size_t j;

        if (len + n > ROOM) {
            continue;
        }
        for (j = 0; j < n; j++) {
            __atomic_store_n(&to->keys[len++], key[j], __ATOMIC_RELEASE);
        }
    }
    __atomic_store_n(&to->len, (apr_uint32_t)len, __ATOMIC_RELEASE);
    __atomic_add_fetch(&to->turn, 1, __ATOMIC_RELEASE);
}

static void file_read(const file_t *f, server_rec *s, apr_pool_t *p)
{
    chat_apps_t apps = { NULL, 0 };
    const char *why = NULL;
    json_t *root = NULL;

    if (chat_conf_load(&root, f->push->path, &why, p) == APR_SUCCESS) {
        chat_apps_read(&apps, root, &why, p);
        json_decref(root);
    }
    if (why != NULL || apps.n == 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "ChatPushConfig %s has changed and cannot be used, its "
                     "apps stay as they were: %s",
                     f->push->path, why != NULL ? why : "it names no app");
        return;
    }
    keys_write(f->push->more, &apps);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                 "ChatPushConfig %s has changed: WebSockets of %d apps are "
                 "handed over",
                 f->push->path, apps.n);
}

int chat_appkeys_monitor(apr_pool_t *p, server_rec *s)
{
    apr_finfo_t now;
    apr_pool_t *own;
    int i;

    for (i = 0; files != NULL && i < files->nelts; i++) {
        file_t *f = &APR_ARRAY_IDX(files, i, file_t);

        apr_pool_create(&own, p);
        if (look(&now, f->push->path, own) == APR_SUCCESS &&
            !is_same(&now, &f->seen)) {
            f->seen = now;
            file_read(f, s, own);
        }
        apr_pool_destroy(own);
    }
    return DECLINED;
}

/* Byte by byte, as the parent may be writing each of them. */
static int is_among(const struct chat_appkeys_t *in, const char *key)
{
    const apr_size_t len = __atomic_load_n(&in->len, __ATOMIC_ACQUIRE);
    apr_size_t same = 0; /* bytes that the two have in common so far */
    int differs = 0;
    apr_size_t at;

    for (at = 0; at < len && at < ROOM; at++) {
        const char c = __atomic_load_n(&in->keys[at], __ATOMIC_ACQUIRE);

        differs |= c != key[same];
        if (c == '\0' && !differs) {
            return 1;
        }
        same = c == '\0' ? 0 : same + !differs;
        differs &= c != '\0';
    }
    return 0;
}

int chat_appkeys_has(const chat_push_t *push, const char *key)
{
    const struct chat_appkeys_t *in = push->more;
    int i, found;

    for (i = 0; in != NULL && i < TRIES; i++) {
        const apr_uint32_t turn = __atomic_load_n(&in->turn, __ATOMIC_ACQUIRE);

        found = is_among(in, key);
        if (turn % 2 == 0 &&
            __atomic_load_n(&in->turn, __ATOMIC_RELAXED) == turn) {
            return found;
        }
    }
    return 0;
}
