/* SPDX-License-Identifier: Apache-2.0 */
/* password.c - checking passwords and making their hashes; see password.h. */
#include "password.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <argon2.h>
#include <apr_general.h>
#include <apr_md5.h>
#include <apr_strings.h>
#include <http_log.h>

#include "chat_module.h"
#include "phc.h"

APLOG_USE_MODULE(chat);

#define WAIT_SECONDS 10 /* for a turn */
#define SALT 16         /* bytes */
#define HASH 32         /* bytes of argon2's */
#define ENCODED_MAX 256

/* Those of this child that are at it; any thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int running;

static int turn_take(const chat_server_t *conf)
{
    struct timespec until;
    int late = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    pthread_mutex_lock(&lock);
    while (running >= conf->password.at_once && !late) {
        late = pthread_cond_timedwait(&ended, &lock, &until) != 0;
    }
    running += !late;
    pthread_mutex_unlock(&lock);
    return !late;
}

static void turn_give(void)
{
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
}

static int is_right(const chat_phc_t *phc, const char *password,
                    const char *hash)
{
    switch (phc->kind) {
    case CHAT_PHC_ARGON2ID:
        return argon2id_verify(hash, password, strlen(password)) == ARGON2_OK;
    case CHAT_PHC_ARGON2I:
        return argon2i_verify(hash, password, strlen(password)) == ARGON2_OK;
    case CHAT_PHC_BROKEN:
        return 0;
    default:
        /* Without `$` it would be compared as it is, or by DES. */
        return *hash == '$' &&
               apr_password_validate(password, hash) == APR_SUCCESS;
    }
}

apr_status_t chat_password_check(int *right, const chat_request_t *q,
                                 const char *password, const char *hash)
{
    chat_phc_t phc;

    *right = 0;
    chat_phc_parse(&phc, hash);
    if (!chat_phc_affordable(&phc, q->conf->password.memory)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, q->r,
                      "a password's hash is none, or wants more than "
                      "ChatPasswordMemory: nobody can log in with it");
        return APR_SUCCESS;
    }
    if (!turn_take(q->conf)) {
        return APR_TIMEUP;
    }
    *right = is_right(&phc, password, hash);
    turn_give();
    return APR_SUCCESS;
}

static apr_status_t bcrypt_make(char *hash, const chat_hashing_t *with,
                                const char *password,
                                const unsigned char *salt)
{
    return apr_bcrypt_encode(password, (unsigned)with->cost, salt, SALT, hash,
                             ENCODED_MAX);
}

static apr_status_t argon2_make(char *hash, const chat_hashing_t *with,
                                const char *password, const unsigned char *salt)
{
    return argon2id_hash_encoded(with->passes, with->kilobytes, with->lanes,
                                 password, strlen(password), salt, SALT, HASH,
                                 hash, ENCODED_MAX) == ARGON2_OK
               ? APR_SUCCESS
               : APR_ENOMEM;
}

apr_status_t chat_password_make(const char **hash, const chat_request_t *q,
                                const char *password)
{
    const chat_hashing_t *with = &q->conf->password;
    char *text = apr_palloc(q->r->pool, ENCODED_MAX);
    unsigned char salt[SALT];
    apr_status_t rv = apr_generate_random_bytes(salt, sizeof(salt));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!turn_take(q->conf)) {
        return APR_TIMEUP;
    }
    rv = with->argon2 ? argon2_make(text, with, password, salt)
                      : bcrypt_make(text, with, password, salt);
    turn_give();
    *hash = text;
    return rv;
}

const char *chat_password_decoy(const char *like, apr_pool_t *p)
{
    static const char
        bcrypt[] = "Zm9yIG5vYm9keSBhdCBhb.O9uS3bY7vQ1mD5kX8cT2wR6hL4zJ0fG",
        argon2[] = "Zm9yIG5vYm9keSBhdA$O9uS3bY7vQ1mD5kX8cT2wR6hL4zJ0fGZm9yIG5"
                   "vYm9k";
    chat_phc_t phc;

    chat_phc_parse(&phc, like != NULL ? like : "");
    switch (phc.kind) {
    case CHAT_PHC_BCRYPT:
        return apr_pstrcat(p, apr_pstrndup(p, like, phc.prefix), bcrypt, NULL);
    case CHAT_PHC_ARGON2I:
    case CHAT_PHC_ARGON2ID:
        return apr_pstrcat(p, apr_pstrndup(p, like, phc.prefix), argon2, NULL);
    default:
        return apr_pstrcat(p, "$2y$10$", bcrypt, NULL);
    }
}
