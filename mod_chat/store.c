/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - files on disk; see store.h. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/rand.h>
#include <apr_strings.h>

#include "checkup.h"
#include "seal_file.h"

#define SYNC_STEP (1 << 20) /* bytes */

int chat_store_id(char out[CHAT_STORE_ID])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[32] = '\0';
    return 1;
}

const char *chat_store_path(const char *dir, const char *id, const char *suffix,
                            apr_pool_t *p)
{
    char path[CHAT_CHECKUP_PATH];
    apr_size_t len = chat_checkup_path(path, dir, id, suffix);

    return len > 0 ? apr_pstrmemdup(p, path, len) : NULL;
}

static const char *incoming_path(const chat_store_t *in, char *out, size_t size)
{
    snprintf(out, size, "%s/incoming/%s", in->dir, in->id);
    return out;
}

static int make_dir(const char *path, apr_uint64_t uid, apr_uint64_t gid)
{
    if (mkdir(path, 0700) != 0) {
        return errno == EEXIST;
    }
    /* Only root needs to, and may. */
    return geteuid() != 0 || chown(path, (uid_t)uid, (gid_t)gid) == 0;
}

const char *chat_store_prepare(const char *dir, apr_uint64_t uid,
                               apr_uint64_t gid, apr_pool_t *p)
{
    const char *incoming = apr_pstrcat(p, dir, "/incoming", NULL);
    struct stat st;

    if (!make_dir(dir, uid, gid) || !make_dir(incoming, uid, gid)) {
        return apr_psprintf(p, "%s cannot be made: %s", dir, strerror(errno));
    }
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return apr_psprintf(p, "%s is no directory", dir);
    }
    if ((st.st_mode & 0077) != 0) {
        return apr_psprintf(p,
                            "%s can be entered by others than its owner: make "
                            "its mode 0700",
                            dir);
    }
    if (geteuid() == 0 && st.st_uid != (uid_t)uid) {
        return apr_psprintf(p, "%s does not belong to httpd's user", dir);
    }
    return NULL;
}

void chat_store_drop(chat_store_t *in)
{
    char path[CHAT_CHECKUP_PATH];

    if (in->fd >= 0) {
        close(in->fd);
        in->fd = -1;
        if (!in->kept) {
            unlink(incoming_path(in, path, sizeof(path)));
        }
    }
    if (in->kept) {
        in->kept = 0;
        if (chat_checkup_path(path, in->dir, in->id, "") > 0) {
            unlink(path);
        }
    }
    EVP_MD_CTX_free(in->digest);
    in->digest = NULL;
}

static apr_status_t drop(void *in)
{
    chat_store_drop(in);
    return APR_SUCCESS;
}

void chat_store_given(chat_store_t *in) { in->kept = 0; }

apr_status_t chat_store_begin(chat_store_t **to, const char *dir, char *buffer,
                              apr_pool_t *p)
{
    chat_store_t *in = apr_pcalloc(p, sizeof(*in));
    char path[CHAT_CHECKUP_PATH];

    in->dir = dir;
    in->buffer = buffer;
    in->fd = -1;
    in->digest = EVP_MD_CTX_new();
    apr_pool_cleanup_register(p, in, drop, apr_pool_cleanup_null);
    if (in->digest == NULL || !chat_store_id(in->id) ||
        EVP_DigestInit_ex(in->digest, EVP_sha256(), NULL) != 1) {
        return APR_EGENERAL;
    }
    in->fd = open(incoming_path(in, path, sizeof(path)),
                  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (in->fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    *to = in;
    return APR_SUCCESS;
}

/* All of it, whatever the system takes at once. */
static apr_status_t put(chat_store_t *in, const char *bytes, apr_size_t len)
{
    EVP_DigestUpdate(in->digest, bytes, len);
    in->written += (apr_off_t)len;
    while (len > 0) {
        ssize_t n = write(in->fd, bytes, len);

        if (n < 0 && errno != EINTR) {
            return APR_FROM_OS_ERROR(errno);
        }
        if (n > 0) {
            bytes += n;
            len -= (apr_size_t)n;
        }
    }
    return APR_SUCCESS;
}

/* The disk begins while more comes, so that the sync at the end has little left
 * to wait for. */
static void begin_to_sync(chat_store_t *in)
{
    apr_off_t written = in->written;

    if (!in->unhurried && written - in->syncing >= SYNC_STEP) {
        sync_file_range(in->fd, in->syncing, written - in->syncing,
                        SYNC_FILE_RANGE_WRITE);
        in->syncing = written;
    }
}

static apr_status_t flush(chat_store_t *in)
{
    apr_size_t len = in->held;
    apr_status_t rv;

    in->held = 0;
    rv = put(in, in->buffer, len);
    begin_to_sync(in);
    return rv;
}

apr_status_t chat_store_write(chat_store_t *in, const char *bytes,
                              apr_size_t len)
{
    in->size += (apr_off_t)len;
    while (len > 0) {
        apr_size_t n = CHAT_STORE_BUFFER - in->held;
        apr_status_t rv;

        n = len < n ? len : n;
        memcpy(in->buffer + in->held, bytes, n);
        in->held += n;
        bytes += n;
        len -= n;
        if (in->held == CHAT_STORE_BUFFER && (rv = flush(in)) != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

apr_status_t chat_store_end(chat_store_t *in)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    apr_status_t rv = flush(in);
    unsigned int len = 0;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    EVP_DigestFinal_ex(in->digest, digest, &len);
    for (unsigned int i = 0; i < len && i < 32; i++) {
        snprintf(in->sha256 + 2 * i, 3, "%02x", digest[i]);
    }
    return APR_SUCCESS;
}

apr_size_t chat_store_tail(const chat_store_t *in, char *out, apr_size_t max)
{
    apr_off_t from = in->size > (apr_off_t)max ? in->size - (apr_off_t)max : 0;
    ssize_t n = pread(in->fd, out, max, from);

    return n > 0 ? (apr_size_t)n : 0;
}

apr_status_t chat_store_seal(chat_store_t *in,
                             const unsigned char key[CHAT_SEAL_KEY],
                             const char *key_id, const char *conversation)
{
    char open_path[CHAT_CHECKUP_PATH], path[CHAT_CHECKUP_PATH + 8];
    char file[CHAT_SEAL_FILE];
    apr_status_t rv;
    int to;

    if (!chat_seal_file_name(file, conversation, in->id, "")) {
        return APR_EINVAL;
    }
    incoming_path(in, open_path, sizeof(open_path));
    snprintf(path, sizeof(path), "%s-sealed", open_path);
    to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    rv = chat_seal_file_copy(to, in->fd, in->size, key, key_id, file);
    if (rv == APR_SUCCESS && rename(path, open_path) != 0) {
        rv = APR_FROM_OS_ERROR(errno);
    }
    if (rv != APR_SUCCESS) {
        unlink(path);
        close(to);
        return rv;
    }
    close(in->fd);
    in->fd = to;
    return APR_SUCCESS;
}

static apr_status_t sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv;

    if (fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    rv = fsync(fd) == 0 ? APR_SUCCESS : APR_FROM_OS_ERROR(errno);
    close(fd);
    return rv;
}

apr_status_t chat_store_keep(chat_store_t *in, apr_pool_t *p)
{
    const char *to = chat_store_path(in->dir, in->id, "", p);
    const char *dir = apr_psprintf(p, "%s/%.2s", in->dir, in->id);
    char from[CHAT_CHECKUP_PATH];

    if (to == NULL) {
        return APR_EGENERAL;
    }
    if (fdatasync(in->fd) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    incoming_path(in, from, sizeof(from));
    if (rename(from, to) != 0) {
        if (errno != ENOENT || (mkdir(dir, 0700) != 0 && errno != EEXIST) ||
            rename(from, to) != 0) {
            return APR_FROM_OS_ERROR(errno);
        }
        sync_dir(in->dir);
    }
    in->kept = 1;
    close(in->fd);
    in->fd = -1;
    return sync_dir(dir);
}

void chat_store_remove(const char *dir, const char *id, apr_pool_t *p)
{
    /* Those at the end are what chat-files and sealing write before they rename
     * it; one that was killed has left it there. */
    static const char *const suffixes[] = {
        "",           ".thumb",   ".verdict",       ".new",
        ".thumb-new", "-sealing", ".thumb-sealing", ".verdict-new"
    };

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        const char *path = chat_store_path(dir, id, suffixes[i], p);

        if (path != NULL) {
            unlink(path);
        }
    }
}
