/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - what the files of the load generator share.
 *
 * wsload.c reads the options, runs the phases and prints the result;
 * subscriber.c holds the WebSocket clients, publisher.c the HTTP API clients;
 * hist.c counts times, usage.c asks the kernel what the server used. One
 * thread, one epoll set, so all of it is plain globals. Times are
 * CLOCK_MONOTONIC nanoseconds unless a name says otherwise.
 *
 * A message carries a mark of MARK_LEN characters: "@@", then in hexadecimal
 * the time it was due (16), its number within the channel from 1 on (8) and the
 * channel (6). It tells latency, loss, duplication, order and misrouting of
 * every single delivery.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>
#include <stdio.h>

#define MARK_LEN 32

/* --- options (wsload.c), described in README.md -------------------------- */

typedef struct {
    const char *scenario, *label, *host, *app_id, *key, *secret, *prefix;
    int port, pubport; /* of subscribers and publishers; pubport 0: the same */
    int conns, channels, size, pubconns, depth, window, srcs, inflight;
    int pin, json; /* flags */
    int tree;      /* flag: count the children of pids, too */
    double rate;   /* publishes a second, 0: closed loop */
    double secs, warmup, settle, idle; /* seconds */
    int pids[16], npids;
} load_options_t;

extern load_options_t opt;
extern int load_epoll;

void load_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));
uint64_t load_now(void);

/* 0..n-1, the same sequence in every run. */
uint32_t load_random(uint32_t n);

/* --- what has happened since it was last cleared -------------------------- */

typedef struct {
    uint64_t sent, acked, failed; /* publishes */
    uint64_t shed;                /* not sent: the publisher's queue was full */
    uint64_t reconnects;          /* of publishers, which the server closed */
    uint64_t expected; /* deliveries that the publishes should cause */
    uint64_t delivered, unique, dup, out_of_order, misrouted;
    uint64_t bytes; /* read by subscribers */
    uint64_t errors, closed;
} load_count_t;

extern load_count_t count;
extern int load_recording;          /* flag: times go to the histograms */
extern uint64_t load_last_delivery; /* 0: none yet */

/* --- hist.c --------------------------------------------------------------- */

#define HIST_SUB 64 /* 32 steps for each power of two: 3 % resolution */

typedef struct {
    uint64_t n, max;
    uint64_t bucket[64 * HIST_SUB];
} hist_t;

extern hist_t hist_latency; /* due or sent until read, of a delivery */
extern hist_t hist_answer;  /* sent until answered, of a publish */
extern hist_t hist_late;    /* due until sent, of a publish */
extern hist_t hist_connect; /* connect() until subscribed */

void hist_add(hist_t *h, uint64_t ns);

/* The time, in microseconds, below which the share q of them lies. */
double hist_quantile(const hist_t *h, double q);

/* --- usage.c -------------------------------------------------------------- */

typedef struct {
    double cpu;       /* seconds run, all threads */
    double wait;      /* seconds ready to run but without a core */
    double user, sys; /* seconds, in steps of a clock tick */
    long pss_kb;      /* only when memory was asked for */
    int nprocs;
} usage_t;

usage_t usage_of_server(int with_memory);
void usage_of_self(double *run, double *wait);

/* The whole machine's kernel slab, kB. */
long usage_slab_kb(void);

/* --- subscriber.c --------------------------------------------------------- */

void subscribers_create(void);

/* Connect and subscribe everybody, `inflight` at a time.
 * @return how many are subscribed */
int subscribers_connect(void (*turn)(uint64_t max_wait));
void subscriber_event(uint32_t index);

/* Close with a reset, which leaves no TIME_WAIT behind. */
void subscribers_close(void);

/* Subscribers of a channel. */
extern uint32_t *channel_subs;

/* --- publisher.c ---------------------------------------------------------- */

void publishers_create(void);
void publishers_connect(void);
void publisher_event(uint32_t index);

/* One message to a random channel, due at `ts`. */
void publish_due(uint64_t ts);

/* As many as the server takes. */
void publish_all_it_takes(void);

/* Whether publishes wait to be sent or answered. */
int publishers_busy(void);

/* epoll's data: the index of a subscriber, or of a publisher with this set. */
#define LOAD_PUBLISHER ((uint64_t)1 << 32)

#endif
