/* SPDX-License-Identifier: Apache-2.0 */
/* seal_file.c - sealed files on disk; see seal_file.h. */
#include "seal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#define PATH_ROOM 4096

static apr_status_t system_error(void)
{
    return errno != 0 ? APR_FROM_OS_ERROR(errno) : APR_EGENERAL;
}

/* All of len bytes at a place, or an error; APR_EOF when there are fewer. */
static apr_status_t get(int fd, unsigned char *to, apr_size_t len,
                        apr_int64_t at)
{
    while (len > 0) {
        ssize_t n = pread(fd, to, len, (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? APR_EOF : system_error();
        }
        to += n;
        at += n;
        len -= (apr_size_t)n;
    }
    return APR_SUCCESS;
}

static apr_status_t put(int fd, const unsigned char *from, apr_size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, from, len);

        if (n < 0 && errno != EINTR) {
            return system_error();
        }
        if (n > 0) {
            from += n;
            len -= (apr_size_t)n;
        }
    }
    return APR_SUCCESS;
}

int chat_seal_file_head(chat_seal_head_t *head, int fd)
{
    unsigned char bytes[CHAT_SEAL_HEAD];

    return get(fd, bytes, sizeof(bytes), 0) == APR_SUCCESS &&
           chat_seal_head_parse(head, bytes, sizeof(bytes));
}

/* Bytes of the content in a block. */
static apr_size_t block_len(apr_int64_t size, apr_int64_t number)
{
    apr_int64_t left = size - number * CHAT_SEAL_BLOCK;

    return left > CHAT_SEAL_BLOCK ? CHAT_SEAL_BLOCK
           : left > 0             ? (apr_size_t)left
                                  : 0;
}

/* An empty file has a block, too. */
static apr_int64_t blocks_of(apr_int64_t size)
{
    return size > 0 ? (size + CHAT_SEAL_BLOCK - 1) / CHAT_SEAL_BLOCK : 1;
}

apr_status_t chat_seal_file_block(unsigned char *out, apr_size_t *len,
                                  unsigned char *scratch, int fd,
                                  const unsigned char key[CHAT_SEAL_KEY],
                                  const chat_seal_head_t *head,
                                  apr_int64_t number)
{
    apr_status_t rv;

    if (number < 0 || number >= blocks_of(head->size)) {
        return APR_EINVAL;
    }
    *len = block_len(head->size, number);
    rv = get(fd, scratch, *len + CHAT_SEAL_TAG, chat_seal_block_at(number));
    if (rv != APR_SUCCESS) {
        return APR_STATUS_IS_EOF(rv) ? APR_EGENERAL : rv;
    }
    return chat_seal_block_open(out, key, head, number, scratch,
                                *len + CHAT_SEAL_TAG)
               ? APR_SUCCESS
               : APR_EGENERAL;
}

/* Where bytes come from. */
typedef struct {
    int fd;
    const unsigned char *key; /* NULL: it lies open */
    chat_seal_head_t head;    /* size is set in any case */
} source_t;

/* The room a copy needs. */
typedef struct {
    unsigned char plain[CHAT_SEAL_BLOCK];
    unsigned char sealed[CHAT_SEAL_BLOCK + CHAT_SEAL_TAG];
} room_t;

static void room_free(room_t *room)
{
    if (room != NULL) {
        OPENSSL_cleanse(room->plain, sizeof(room->plain));
        free(room);
    }
}

static apr_status_t take(room_t *room, apr_size_t *len, const source_t *from,
                         apr_int64_t number)
{
    if (from->key != NULL) {
        return chat_seal_file_block(room->plain, len, room->sealed, from->fd,
                                    from->key, &from->head, number);
    }
    *len = block_len(from->head.size, number);
    return get(from->fd, room->plain, *len, number * CHAT_SEAL_BLOCK);
}

/* @param key  NULL: it is written open */
static apr_status_t copy(int to, const source_t *from, const unsigned char *key,
                         const char *key_id, const char *file)
{
    room_t *room = malloc(sizeof(*room));
    apr_int64_t n = blocks_of(from->head.size);
    apr_status_t rv = room != NULL ? APR_SUCCESS : APR_ENOMEM;
    chat_seal_head_t head;

    if (rv == APR_SUCCESS && key != NULL) {
        rv = chat_seal_head_make(&head, key_id, file, from->head.size)
                 ? put(to, head.bytes, sizeof(head.bytes))
                 : APR_EGENERAL;
    }
    for (apr_int64_t i = 0; rv == APR_SUCCESS && i < n; i++) {
        apr_size_t len = 0;

        rv = take(room, &len, from, i);
        if (rv == APR_SUCCESS && key == NULL) {
            rv = put(to, room->plain, len);
        }
        else if (rv == APR_SUCCESS) {
            rv = chat_seal_block(room->sealed, key, &head, i, room->plain, len)
                     ? put(to, room->sealed, len + CHAT_SEAL_TAG)
                     : APR_EGENERAL;
        }
    }
    room_free(room);
    return rv;
}

apr_status_t chat_seal_file_copy(int to, int from, apr_int64_t size,
                                 const unsigned char key[CHAT_SEAL_KEY],
                                 const char *key_id, const char *file)
{
    source_t source = { .fd = from };

    source.head.size = size;
    return copy(to, &source, key, key_id, file);
}

apr_status_t chat_seal_file_open(int to, int from,
                                 const unsigned char key[CHAT_SEAL_KEY],
                                 const chat_seal_head_t *head)
{
    source_t source = { .fd = from, .key = key, .head = *head };

    return copy(to, &source, NULL, NULL, NULL);
}

/* --- in a file's place --- */

static apr_status_t sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_ROOM];
    apr_status_t rv;
    int fd;

    if (slash == NULL || (size_t)(slash - path) >= sizeof(dir)) {
        return APR_EINVAL;
    }
    snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return system_error();
    }
    rv = fsync(fd) == 0 ? APR_SUCCESS : system_error();
    close(fd);
    return rv;
}

/* Lock the file that has this name; one that has lost it was replaced. */
static apr_status_t lock(int fd, const char *path, struct stat *st)
{
    struct stat named;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? APR_EAGAIN : system_error();
    }
    if (fstat(fd, st) != 0 || stat(path, &named) != 0) {
        return system_error();
    }
    return named.st_ino == st->st_ino && named.st_dev == st->st_dev
               ? APR_SUCCESS
               : APR_EAGAIN;
}

/* Write it, and give it the name if that is still there: a file that was
 * removed meanwhile is not to come back. */
static apr_status_t write_new(const char *path, const char *beside,
                              const source_t *from, const struct stat *was,
                              const unsigned char *key, const char *key_id,
                              const char *file)
{
    int to = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    struct stat st;
    apr_status_t rv;

    if (to < 0) {
        return system_error();
    }
    /* Root's, when an operator does it, would be nobody's to read. */
    if (geteuid() == 0 && fchown(to, was->st_uid, was->st_gid) != 0) {
        rv = system_error();
    }
    else {
        rv = copy(to, from, key, key_id, file);
    }
    if (rv == APR_SUCCESS && fsync(to) != 0) {
        rv = system_error();
    }
    close(to);
    if (rv == APR_SUCCESS && (fstat(from->fd, &st) != 0 || st.st_nlink == 0)) {
        rv = APR_ENOENT;
    }
    if (rv == APR_SUCCESS && rename(beside, path) != 0) {
        rv = system_error();
    }
    if (rv != APR_SUCCESS) {
        unlink(beside);
        return rv;
    }
    return sync_directory(path);
}

apr_status_t chat_seal_file_replace(const char *path, const char *beside,
                                    const unsigned char *old,
                                    const unsigned char key[CHAT_SEAL_KEY],
                                    const char *key_id, const char *file)
{
    source_t from = { .key = old };
    struct stat st;
    apr_status_t rv;
    int sealed;

    from.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from.fd < 0) {
        return system_error();
    }
    rv = lock(from.fd, path, &st);
    sealed = rv == APR_SUCCESS && chat_seal_file_head(&from.head, from.fd);
    if (sealed && strcmp(from.head.key_id, key_id) == 0) {
        close(from.fd);
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS && sealed != (old != NULL)) {
        rv = APR_EAGAIN;
    }
    if (rv == APR_SUCCESS && !sealed) {
        from.head.size = st.st_size;
    }
    if (rv == APR_SUCCESS) {
        apr_cpystrn(from.head.file, file, sizeof(from.head.file));
        rv = write_new(path, beside, &from, &st, key, key_id, file);
    }
    close(from.fd);
    return rv;
}
