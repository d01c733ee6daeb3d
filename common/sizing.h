/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizing.h - how many sockets an httpd can carry: the arithmetic of its MPM.
 *
 * A socket that is handed over to chat-push costs httpd nothing. One that stays
 * (TLS ends here, or a filter is in the way) costs a worker when it is proxied,
 * and a place among the suspended connections when it is pumped (event only).
 * Children of before a graceful restart keep their slots until their last such
 * socket has ended, so a restart needs as many slots again.
 *
 * event stops to accept in a child that has more connections open than its
 * threads and its idle threads times AsyncRequestWorkerFactor. Half of what the
 * factor gives is the pump's (so that a child whose workers are busy still
 * accepts), and sockets alone make event start no further children, so those
 * count that MinSpareThreads keeps.
 *
 * Pure: numbers in, numbers out. Who reads httpd's settings is somebody else.
 */
#ifndef CHAT_SIZING_H
#define CHAT_SIZING_H

typedef enum {
    CHAT_MPM_PREFORK,
    CHAT_MPM_WORKER,
    CHAT_MPM_EVENT,
    CHAT_MPM_OTHER /* none of the three: nothing is known of it */
} chat_mpm_t;

/* An MPM's settings, as configured or as httpd settles them. */
typedef struct {
    chat_mpm_t mpm;
    int server_limit;      /* ServerLimit: processes at most, old ones too */
    int thread_limit;      /* ThreadLimit: threads of a process at most */
    int threads_per_child; /* ThreadsPerChild; 1 on prefork */
    int max_workers;       /* MaxRequestWorkers; 0: not configured */
    int min_spare;         /* MinSpareThreads, MinSpareServers on prefork */
    int max_spare;         /* MaxSpareThreads, MaxSpareServers on prefork */
    int async_factor;      /* AsyncRequestWorkerFactor, in hundredths */
} chat_sizing_t;

/* What follows from them. */
typedef struct {
    int children; /* processes when all workers are busy */
    int proxied;  /* sockets behind mod_proxy at which no worker is left */
    int pumped;   /* sockets that are pumped, in the children that are always
                     there; 0 where the MPM is not event */
    int restarts; /* graceful restarts, all workers busy, before no slot is
                     left for a new process */
} chat_capacity_t;

/** What httpd takes where nothing is configured. */
void chat_sizing_default(chat_sizing_t *s, chat_mpm_t mpm);

/** Bring settings into the bounds that httpd brings them into at its start. */
void chat_sizing_settle(chat_sizing_t *s);

/** What settled settings carry. */
void chat_sizing_capacity(chat_capacity_t *out, const chat_sizing_t *s);

/** The least AsyncRequestWorkerFactor with which so many sockets can be pumped,
 * a whole number, at least 2; settled settings. */
int chat_sizing_factor_for(const chat_sizing_t *s, int sockets);

/** The least ServerLimit that leaves slots for `restarts` restarts; settled. */
int chat_sizing_limit_for(const chat_sizing_t *s, int restarts);

#endif
