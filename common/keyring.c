/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c - keys from a file or a program; see keyring.h. */
#include "keyring.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <apr_encode.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <apr_thread_proc.h>
#include <openssl/crypto.h>

#define FILE_MAX_BYTES 65536
#define ID_MAX 32
#define PATIENCE apr_time_from_sec(10)

/* A key of the file. */
typedef struct {
    char id[ID_MAX + 1];
    unsigned char bytes[CHAT_SEAL_KEY];
} one_t;

struct chat_keyring_t {
    const char *command;      /* NULL: a file's keys */
    apr_array_header_t *keys; /* of one_t */
};

/* --- the file --- */

static int id_valid(const char *id, apr_size_t len)
{
    apr_size_t n = 0;

    while (n < len && (apr_isalnum(id[n]) || id[n] == '-' || id[n] == '_')) {
        n++;
    }
    return n == len && n > 0 && n <= ID_MAX;
}

/* 32 bytes out of base64. @return whether it is that */
static int key_read(unsigned char *to, const char *text, apr_size_t len,
                    apr_pool_t *p)
{
    unsigned char *raw;
    apr_size_t n;
    int ok;

    if (len > 2 * CHAT_SEAL_KEY) {
        return 0;
    }
    raw = apr_pcalloc(p, 2 * CHAT_SEAL_KEY + 3);
    ok = apr_decode_base64_binary(raw, text, (apr_ssize_t)len, APR_ENCODE_NONE,
                                  &n) == APR_SUCCESS &&
         n == CHAT_SEAL_KEY;
    if (ok) {
        memcpy(to, raw, CHAT_SEAL_KEY);
    }
    OPENSSL_cleanse(raw, 2 * CHAT_SEAL_KEY);
    return ok;
}

static int known(const chat_keyring_t *ring, const char *id, apr_size_t len)
{
    for (int i = 0; i < ring->keys->nelts; i++) {
        const one_t *one = &APR_ARRAY_IDX(ring->keys, i, one_t);

        if (strlen(one->id) == len && memcmp(one->id, id, len) == 0) {
            return i;
        }
    }
    return -1;
}

/* One line of the file, without its end. @return NULL, or what is wrong */
static const char *line_take(chat_keyring_t *ring, const char *line,
                             apr_size_t len, apr_pool_t *p)
{
    const char *hash = memchr(line, '#', len);
    apr_size_t id_len, gap;
    one_t one;

    len = hash != NULL ? (apr_size_t)(hash - line) : len;
    while (len > 0 && apr_isspace(*line)) {
        line++;
        len--;
    }
    while (len > 0 && apr_isspace(line[len - 1])) {
        len--;
    }
    if (len == 0) {
        return NULL;
    }
    for (id_len = 0; id_len < len && !apr_isspace(line[id_len]); id_len++) {
    }
    for (gap = id_len; gap < len && apr_isspace(line[gap]); gap++) {
    }
    if (!id_valid(line, id_len)) {
        return "a line begins with an id of 1 to 32 of A-Z a-z 0-9 _ -";
    }
    if (known(ring, line, id_len) >= 0) {
        return "two lines have one id";
    }
    memset(&one, 0, sizeof(one));
    memcpy(one.id, line, id_len);
    if (!key_read(one.bytes, line + gap, len - gap, p)) {
        return "behind the id stand 32 bytes as base64 (openssl rand -base64 "
               "32)";
    }
    APR_ARRAY_PUSH(ring->keys, one_t) = one;
    OPENSSL_cleanse(&one, sizeof(one));
    return NULL;
}

static apr_status_t ring_forget(void *data)
{
    apr_array_header_t *keys = data;

    OPENSSL_cleanse(keys->elts, (apr_size_t)(keys->nelts * keys->elt_size));
    return APR_SUCCESS;
}

apr_status_t chat_keyring_parse(chat_keyring_t **ring, const char *text,
                                const char **why, apr_pool_t *p)
{
    chat_keyring_t *r = apr_pcalloc(p, sizeof(*r));
    int number = 0;

    /* Room enough that the array never moves and leaves keys behind. */
    r->keys = apr_array_make(p, FILE_MAX_BYTES / 40, sizeof(one_t));
    apr_pool_cleanup_register(p, r->keys, ring_forget, apr_pool_cleanup_null);
    while (*text != '\0') {
        apr_size_t len = strcspn(text, "\n");
        const char *wrong = line_take(r, text, len, p);

        number++;
        if (wrong != NULL) {
            *why = apr_psprintf(p, "line %d: %s", number, wrong);
            return APR_EINVAL;
        }
        text += len + (text[len] == '\n');
    }
    if (r->keys->nelts == 0) {
        *why = "there is no key in it";
        return APR_EINVAL;
    }
    *ring = r;
    return APR_SUCCESS;
}

static apr_status_t file_open(chat_keyring_t **ring, const char *path,
                              const char **why, apr_pool_t *p)
{
    char reason[120];
    const char *wrong = NULL;
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t len = FILE_MAX_BYTES;
    char *text;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ,
                                    APR_FPROT_OS_DEFAULT, p);

    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&info, APR_FINFO_PROT | APR_FINFO_SIZE, file);
    }
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p, "%s: %s", path,
                            apr_strerror(rv, reason, sizeof(reason)));
        return rv;
    }
    if ((info.protection & (APR_FPROT_WREAD | APR_FPROT_WWRITE)) != 0 ||
        info.size >= FILE_MAX_BYTES) {
        *why = apr_psprintf(p,
                            info.size >= FILE_MAX_BYTES
                                ? "%s is larger than 64 kB"
                                : "%s can be read by everybody: chmod 640",
                            path);
        return APR_EACCES;
    }
    text = apr_pcalloc(p, FILE_MAX_BYTES + 1);
    rv = apr_file_read_full(file, text, len, &len);
    apr_file_close(file);
    if (rv == APR_SUCCESS || rv == APR_EOF) {
        rv = strlen(text) == len ? chat_keyring_parse(ring, text, &wrong, p)
                                 : APR_EINVAL;
    }
    OPENSSL_cleanse(text, FILE_MAX_BYTES);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p, "%s: %s", path,
                            wrong != NULL ? wrong : "it is no text");
    }
    return rv;
}

/* --- the program --- */

static apr_status_t program_open(chat_keyring_t **ring, const char *path,
                                 const char **why, apr_pool_t *p)
{
    apr_finfo_t info;
    apr_status_t rv = apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_PROT, p);

    if (rv != APR_SUCCESS || path[0] != '/' || info.filetype != APR_REG ||
        (info.protection &
         (APR_FPROT_UEXECUTE | APR_FPROT_GEXECUTE | APR_FPROT_WEXECUTE)) == 0) {
        *why = apr_psprintf(p, "%s is no program, by its whole path", path);
        return rv != APR_SUCCESS ? rv : APR_EINVAL;
    }
    *ring = apr_pcalloc(p, sizeof(**ring));
    (*ring)->command = apr_pstrdup(p, path);
    (*ring)->keys = apr_array_make(p, 1, sizeof(one_t));
    return APR_SUCCESS;
}

/* What it says within the time, one line. @return 0 when it says more or
 * nothing */
static int line_hear(char *line, apr_size_t room, apr_file_t *from)
{
    apr_size_t len = 0;
    apr_status_t rv = APR_SUCCESS;

    apr_file_pipe_timeout_set(from, PATIENCE);
    while (rv == APR_SUCCESS && len < room - 1) {
        apr_size_t n = room - 1 - len;

        rv = apr_file_read(from, line + len, &n);
        len += rv == APR_SUCCESS ? n : 0;
    }
    if (rv != APR_EOF) {
        return 0;
    }
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        len--;
    }
    line[len] = '\0';
    for (apr_size_t i = 0; i < len; i++) {
        if (!apr_isgraph(line[i])) {
            return 0;
        }
    }
    return len > 0;
}

static int proc_start(apr_proc_t *proc, const char *path, const char *verb,
                      const char *about, apr_pool_t *p)
{
    const char *args[] = { path, verb, about, NULL };
    apr_procattr_t *attr;

    return apr_procattr_create(&attr, p) == APR_SUCCESS &&
           apr_procattr_io_set(attr, APR_FULL_BLOCK, APR_FULL_BLOCK,
                               APR_NO_PIPE) == APR_SUCCESS &&
           apr_procattr_cmdtype_set(attr, APR_PROGRAM) == APR_SUCCESS &&
           apr_procattr_error_check_set(attr, 1) == APR_SUCCESS &&
           apr_proc_create(proc, path, args, NULL, attr, p) == APR_SUCCESS;
}

/* Run it with a line on stdin. @param answer  CHAT_WRAPPED_MAX + 2 bytes */
static int program_ask(char *answer, const chat_keyring_t *ring,
                       const char *verb, const char *about, const char *told,
                       const char **why, apr_pool_t *p)
{
    apr_exit_why_e how = APR_PROC_EXIT;
    int status = 0, heard;
    apr_pool_t *mine;
    apr_proc_t proc;

    apr_pool_create(&mine, p);
    if (!proc_start(&proc, ring->command, verb, about, mine)) {
        *why = apr_psprintf(p, "%s cannot be run", ring->command);
        apr_pool_destroy(mine);
        return 0;
    }
    apr_file_pipe_timeout_set(proc.in, PATIENCE);
    apr_file_write_full(proc.in, told, strlen(told), NULL);
    apr_file_write_full(proc.in, "\n", 1, NULL);
    apr_file_close(proc.in);
    heard = line_hear(answer, CHAT_WRAPPED_MAX + 2, proc.out);
    if (!heard) {
        apr_proc_kill(&proc, SIGKILL);
    }
    apr_proc_wait(&proc, &status, &how, APR_WAIT);
    apr_pool_destroy(mine);
    if (!heard || how != APR_PROC_EXIT || status != 0) {
        *why = apr_psprintf(p, "%s %s %s failed", ring->command, verb, about);
        return 0;
    }
    return 1;
}

/* --- both --- */

apr_status_t chat_keyring_open(chat_keyring_t **ring, const char *setting,
                               const char **why, apr_pool_t *p)
{
    if (strncmp(setting, "file:", 5) == 0) {
        return file_open(ring, setting + 5, why, p);
    }
    if (strncmp(setting, "command:", 8) == 0) {
        return program_open(ring, setting + 8, why, p);
    }
    *why = "keys are file:/path or command:/path";
    return APR_EINVAL;
}

const char *chat_keyring_wrap(const chat_keyring_t *ring,
                              const unsigned char key[CHAT_SEAL_KEY],
                              const char *about, const char **why,
                              apr_pool_t *p)
{
    const one_t *one;
    const char *text;

    if (ring->command != NULL) {
        char *answer = apr_palloc(p, CHAT_WRAPPED_MAX + 2);
        char *told = apr_palloc(p, 2 * CHAT_SEAL_KEY);
        int ok;

        apr_encode_base64_binary(told, key, CHAT_SEAL_KEY, APR_ENCODE_NONE,
                                 NULL);
        ok = program_ask(answer, ring, "wrap", about, told, why, p);
        OPENSSL_cleanse(told, 2 * CHAT_SEAL_KEY);
        return ok ? answer : NULL;
    }
    one = &APR_ARRAY_IDX(ring->keys, 0, one_t);
    text = chat_seal_wrap(one->bytes, about, key, p);
    if (text == NULL) {
        *why = "OpenSSL has no AES-256-GCM, or the system no randomness";
        return NULL;
    }
    return apr_pstrcat(p, one->id, ":", text, NULL);
}

static int program_unwrap(const chat_keyring_t *ring, unsigned char *key,
                          const char *wrapped, const char *about,
                          const char **why, apr_pool_t *p)
{
    char *answer = apr_palloc(p, CHAT_WRAPPED_MAX + 2);
    int ok = program_ask(answer, ring, "unwrap", about, wrapped, why, p);

    if (ok && !key_read(key, answer, strlen(answer), p)) {
        *why = apr_psprintf(p, "%s unwrap %s does not say 32 bytes as base64",
                            ring->command, about);
        ok = 0;
    }
    OPENSSL_cleanse(answer, CHAT_WRAPPED_MAX + 2);
    return ok;
}

int chat_keyring_unwrap(const chat_keyring_t *ring,
                        unsigned char key[CHAT_SEAL_KEY], const char *wrapped,
                        const char *about, const char **why, apr_pool_t *p)
{
    apr_size_t len = strcspn(wrapped, ":");
    int i;

    if (ring->command != NULL) {
        return program_unwrap(ring, key, wrapped, about, why, p);
    }
    i = wrapped[len] == ':' ? known(ring, wrapped, len) : -1;
    if (i < 0) {
        *why = apr_psprintf(p,
                            "the key of %s was wrapped with a key that is "
                            "not in the file: %.*s",
                            about, len > ID_MAX ? ID_MAX : (int)len, wrapped);
        return 0;
    }
    if (!chat_seal_unwrap(key, APR_ARRAY_IDX(ring->keys, i, one_t).bytes, about,
                          wrapped + len + 1, strlen(wrapped + len + 1), p)) {
        *why = apr_psprintf(p,
                            "the wrapped key of %s was changed, or is "
                            "another one's",
                            about);
        return 0;
    }
    return 1;
}

int chat_keyring_current(const chat_keyring_t *ring, const char *wrapped)
{
    apr_size_t len = strcspn(wrapped, ":");

    return ring->command != NULL || known(ring, wrapped, len) == 0;
}

const unsigned char *chat_keyring_key(const chat_keyring_t *ring, int i,
                                      const char **id)
{
    const one_t *one;

    if (ring->command != NULL || i < 0 || i >= ring->keys->nelts) {
        return NULL;
    }
    one = &APR_ARRAY_IDX(ring->keys, i, one_t);
    *id = one->id;
    return one->bytes;
}
