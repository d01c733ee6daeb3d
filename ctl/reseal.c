/* SPDX-License-Identifier: Apache-2.0 */
/* reseal.c - files with a newer key; see reseal.h. */
#include "reseal.h"

#include "keys.h"
#include "options.h"
#include "seal_file.h"
#include "wipe.h"

#include <apr_strings.h>
#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The columns of reseal_files. */
enum { FILE_ID, FILE_NAME, FILE_KEY, FILE_THUMB, FILE_USER };

typedef struct {
    ctl_reseal_t *done;
    chat_db_t *db;
    chat_keys_t *keys;
    chat_db_value_t conversation;
    const char *conversation_id;
    const char *files;
    unsigned char key[CHAT_SEAL_KEY]; /* the newest */
    char key_id[CHAT_SEAL_KEY_ID];
} reseal_t;

/* The key a file is sealed with now. @return 1; 0: it lies open; -1: it has
 * none that could be had */
static int old_key(unsigned char *key, reseal_t *r, const char *path,
                   apr_pool_t *p)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), sealed;
    const char *why = "";
    chat_seal_head_t head;

    if (fd < 0) {
        return 0; /* chat_seal_file_replace says so */
    }
    sealed = chat_seal_file_head(&head, fd);
    close(fd);
    if (!sealed) {
        return 0;
    }
    if (chat_keys_find(key, r->keys, head.key_id, &why, p) != APR_SUCCESS) {
        ctl_fail("%s: %s", path, why);
        return -1;
    }
    return 1;
}

static apr_status_t replace(reseal_t *r, const char *id, const char *suffix,
                            apr_pool_t *p)
{
    const char *path = ctl_removal_path(r->files, id, suffix, p);
    unsigned char old[CHAT_SEAL_KEY];
    char file[CHAT_SEAL_FILE];
    int had = old_key(old, r, path, p);
    apr_status_t rv = had < 0 || !chat_seal_file_name(file, r->conversation_id,
                                                      id, suffix)
                          ? APR_EGENERAL
                          : chat_seal_file_replace(
                                path, apr_pstrcat(p, path, "-sealing", NULL),
                                had ? old : NULL, r->key, r->key_id, file);

    OPENSSL_cleanse(old, sizeof(old));
    return rv;
}

/* The thumbnail first, as while it is to be made the file must lie open. An
 * empty one says that there is none. */
static apr_status_t both(reseal_t *r, const char *id, int thumb, apr_pool_t *p)
{
    const char *small = ctl_removal_path(r->files, id, ".thumb", p);
    apr_status_t rv = APR_SUCCESS;
    struct stat st;

    if (thumb && stat(small, &st) != 0) {
        return errno == ENOENT ? APR_EAGAIN : APR_FROM_OS_ERROR(errno);
    }
    if (thumb && st.st_size > 0) {
        rv = replace(r, id, ".thumb", p);
    }
    return rv == APR_SUCCESS
               ? replace(r, id, "", p)
               : rv;
}

/* Its name, sealed with the newest key. NULL: said already */
static const char *name_of(reseal_t *r, const char *id, const char *user,
                           const char *name, apr_pool_t *p)
{
    const char *why = NULL, *sealed = NULL;
    chat_seal_about_t where = { CHAT_SEAL_FILENAME, r->conversation_id, NULL,
                                NULL };
    char its_name[CHAT_SEAL_NAME];

    if (name == NULL) {
        return "";
    }
    chat_seal_name(its_name, id, strlen(id));
    where.name = its_name;
    name = chat_keys_open(r->keys, name, &where, &why, p);
    where.author = user;
    if (why == NULL &&
        chat_keys_seal(&sealed, r->keys, r->conversation, &where, name, &why,
                       p) == APR_SUCCESS) {
        return sealed;
    }
    ctl_fail("the name of a file: %s", why);
    return NULL;
}

static int file_take(reseal_t *r, const chat_db_result_t *res, int row,
                     apr_pool_t *p)
{
    const char *id = chat_db_get(res, row, FILE_ID), *name;
    const char *had = chat_db_get(res, row, FILE_KEY);
    apr_status_t rv;

    if (had != NULL && strcmp(had, r->key_id) == 0) {
        r->done->before++;
        return CTL_OK;
    }
    rv = both(r, id, chat_db_get_int(res, row, FILE_THUMB, 0) != 0, p);
    if (rv == APR_SUCCESS) {
        name = name_of(r, id, chat_db_get(res, row, FILE_USER),
                       chat_db_get(res, row, FILE_NAME), p);
        if (name != NULL) {
            chat_db_value_t args[] = { chat_db_text(id),
                                       chat_db_int(apr_atoi64(r->key_id)),
                                       chat_db_text(name) };

            r->done->sealed++;
            return ctl_query(NULL, r->db, "reseal_file", args, 3, p);
        }
        rv = APR_EGENERAL;
    }
    if (APR_STATUS_IS_EAGAIN(rv)) {
        r->done->left++;
        return CTL_OK;
    }
    if (APR_STATUS_IS_EACCES(rv) || APR_STATUS_IS_ENOSPC(rv)) {
        return ctl_fail("file %s below %s: %s", id, r->files,
                        chat_db_strerror(rv));
    }
    r->done->lost++;
    return CTL_OK;
}

int ctl_reseal(ctl_reseal_t *done, chat_db_t *db, const chat_keyring_t *ring,
               const char *conversation, const char *files, apr_pool_t *p)
{
    reseal_t r = { .done = done,
                   .db = db,
                   .conversation = ctl_id(conversation),
                   .conversation_id = conversation,
                   .files = files };
    const char *last = "", *why = "";
    int status = CTL_OK, n = 1;

    if (chat_keys_create(&r.keys, ring, db, p) != APR_SUCCESS) {
        return ctl_fail("out of memory");
    }
    if (chat_keys_newest(r.key, r.key_id, r.keys, r.conversation, conversation,
                         &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    while (status == CTL_OK && n > 0) {
        chat_db_value_t args[] = { r.conversation, chat_db_text(last) };
        chat_db_result_t *res;
        apr_pool_t *page;

        apr_pool_create(&page, p);
        status = ctl_query(&res, db, "reseal_files", args, 2, page);
        n = status == CTL_OK ? chat_db_rows(res) : 0;
        for (int i = 0; status == CTL_OK && i < n; i++) {
            status = file_take(&r, res, i, page);
        }
        last = n > 0 ? apr_pstrdup(p, chat_db_get(res, n - 1, FILE_ID)) : last;
        apr_pool_destroy(page);
    }
    OPENSSL_cleanse(r.key, sizeof(r.key));
    return status;
}
