/* SPDX-License-Identifier: Apache-2.0 */
/* claims.c - see claims.h. */
#include "claims.h"

#include <pthread.h>
#include <string.h>

#include "clock.h"

#define CLAIMS 1024
#define FIRST 1000    /* ms before the second try; doubles */
#define LONGEST 60000 /* ms */

typedef struct {
    chat_checkup_request_t request;
    int used;
    int tries;
    long long due; /* files_now() of the next try; 0: being looked at */
} claim_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static claim_t claims[CLAIMS];

int files_claim(const chat_checkup_request_t *request)
{
    int i, place = -1;

    pthread_mutex_lock(&lock);
    for (i = 0; i < CLAIMS; i++) {
        if (!claims[i].used) {
            place = place < 0 ? i : place;
        }
        else if (strcmp(claims[i].request.id, request->id) == 0) {
            place = -1;
            break;
        }
    }
    if (place >= 0) {
        memset(&claims[place], 0, sizeof(claims[place]));
        claims[place].used = 1;
        claims[place].request = *request;
    }
    pthread_mutex_unlock(&lock);
    return place;
}

void files_release(int claim)
{
    pthread_mutex_lock(&lock);
    claims[claim].used = 0;
    pthread_mutex_unlock(&lock);
}

int files_later(int claim, int most)
{
    claim_t *c = &claims[claim];
    int again;

    pthread_mutex_lock(&lock);
    again = c->tries < most;
    if (again) {
        long long wait = FIRST;
        int i;

        for (i = 0; i < c->tries && wait < LONGEST; i++) {
            wait *= 2;
        }
        c->tries++;
        c->due = files_now() + (wait < LONGEST ? wait : LONGEST);
        pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
    return again;
}

/* The claim that is due first, or -1. */
static int first(void)
{
    int i, found = -1;

    for (i = 0; i < CLAIMS; i++) {
        if (claims[i].used && claims[i].due > 0 &&
            (found < 0 || claims[i].due < claims[found].due)) {
            found = i;
        }
    }
    return found;
}

/* Until something changes, or for `ms`. */
static void rest(long long ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&changed, &lock, &until);
}

int files_due(chat_checkup_request_t *request)
{
    int claim;

    pthread_mutex_lock(&lock);
    for (;;) {
        long long now = files_now();

        claim = first();
        if (claim >= 0 && claims[claim].due <= now) {
            break;
        }
        rest(claim >= 0 ? claims[claim].due - now : LONGEST);
    }
    claims[claim].due = 0;
    *request = claims[claim].request;
    pthread_mutex_unlock(&lock);
    return claim;
}
