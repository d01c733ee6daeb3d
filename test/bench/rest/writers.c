/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writers.c - programs that know nothing of mod_chat and write messages by SQL.
 *
 *   writers CONNINFO COUNT SECONDS HOLD_MS FILE
 *
 * COUNT threads, each with a connection of its own, insert a message and leave
 * the transaction open for 0 to HOLD_MS ms, so that transactions commit in
 * another order than they took their ids. FILE has lines: conversation TAB from
 * TAB to. For each message that is committed a line goes to the standard
 * output:
 *
 *   message id TAB conversation TAB time
 *
 * with the monotonic clock's ms just before COMMIT was sent: what is measured
 * from there includes the commit. The last line is `done` and how many there
 * were.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TALKS_MAX 1000

typedef struct {
    char talk[64], from[64], to[64];
} pick_t;

typedef struct {
    pthread_t thread;
    unsigned int seed;
    long written;
} writer_t;

static const char *conninfo;
static unsigned int hold_us;
static double until; /* monotonic ms */
static pick_t picks[TALKS_MAX];
static int picks_n;

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail(PGconn *c)
{
    fprintf(stderr, "writers: %s", PQerrorMessage(c));
    exit(1);
}

static void run(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);

    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        fail(c);
    }
    PQclear(r);
}

static void write_one(writer_t *w, PGconn *c)
{
    const pick_t *pick = &picks[rand_r(&w->seed) % (unsigned int)picks_n];
    const char *values[] = { pick->from, pick->to, pick->talk };
    char id[32];
    double sent;
    PGresult *r;

    run(c, "BEGIN");
    r = PQexecPrepared(c, "send", 3, values, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail(c);
    }
    snprintf(id, sizeof(id), "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    if (hold_us > 0) {
        usleep((unsigned int)rand_r(&w->seed) % hold_us);
    }
    sent = now_ms();
    run(c, "COMMIT");
    printf("%s\t%s\t%.3f\n", id, pick->talk, sent); /* stdio locks */
    w->written++;
}

static void *writer_main(void *arg)
{
    writer_t *w = arg;
    PGconn *c = PQconnectdb(conninfo);
    PGresult *r;

    if (PQstatus(c) != CONNECTION_OK) {
        fail(c);
    }
    r = PQprepare(c, "send",
                  "INSERT INTO messages (from_user_id, to_user_id, request_id,"
                  " body, type, created_at, updated_at)"
                  " VALUES ($1, $2, $3, 'written by SQL', 'text',"
                  " now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')"
                  " RETURNING id",
                  0, NULL);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        fail(c);
    }
    PQclear(r);
    while (now_ms() < until) {
        write_one(w, c);
    }
    PQfinish(c);
    return NULL;
}

static int picks_read(const char *name)
{
    FILE *f = fopen(name, "r");

    if (f == NULL) {
        perror(name);
        return 0;
    }
    while (picks_n < TALKS_MAX &&
           fscanf(f, "%63s %63s %63s", picks[picks_n].talk, picks[picks_n].from,
                  picks[picks_n].to) == 3) {
        picks_n++;
    }
    fclose(f);
    return picks_n > 0;
}

int main(int argc, char **argv)
{
    writer_t *writers;
    long written = 0;
    int n;

    if (argc != 6) {
        fprintf(stderr, "usage: writers CONNINFO COUNT SECONDS HOLD_MS FILE\n");
        return 2;
    }
    conninfo = argv[1];
    n = atoi(argv[2]);
    until = now_ms() + atof(argv[3]) * 1e3;
    hold_us = (unsigned int)(atof(argv[4]) * 1e3);
    if (n < 1 || !picks_read(argv[5])) {
        return 1;
    }
    writers = calloc((size_t)n, sizeof(*writers));
    if (writers == NULL) {
        return 1;
    }
    for (int i = 0; i < n; i++) {
        writers[i].seed = (unsigned int)i * 77 + 5;
        pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]);
    }
    for (int i = 0; i < n; i++) {
        pthread_join(writers[i].thread, NULL);
        written += writers[i].written;
    }
    printf("done\t%ld\n", written);
    free(writers);
    return 0;
}
