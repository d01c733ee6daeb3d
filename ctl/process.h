/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - what /proc says of other processes, and running a program for
 * what it prints. What may not be looked at is as if it were not there.
 */
#ifndef CTL_PROCESS_H
#define CTL_PROCESS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include <sys/types.h>

/**
 * Run a program for what it prints (stdout and stderr), at most 256 kB of it.
 * @param argv     argv[0] is its path
 * @param env      variables beside our own, or NULL
 * @param seconds  it is killed after so many
 * @param status   its exit status, -1: it did not end by itself
 * @return NULL: it could not be run
 */
char *process_run(int *status, const char *const *argv, const apr_table_t *env,
                  int seconds, apr_pool_t *p);

/** A small file's text; NULL when it cannot be read. */
char *process_file(const char *path, apr_pool_t *p);

int process_is_there(pid_t pid, apr_pool_t *p);

/** The state as ps shows it: 'S', 'T' (stopped), …; 0: no such process. */
char process_state(pid_t pid, apr_pool_t *p);

/** A child of a process; 0: it has none. */
pid_t process_child(pid_t pid, apr_pool_t *p);

/** When a process was started, or the youngest of its children; 0: unknown. */
apr_time_t process_started(pid_t pid, int children, apr_pool_t *p);

/** How many files a process may have open (the soft limit); -1: unknown. */
long process_files(pid_t pid, apr_pool_t *p);

/** Whether its program was replaced since it was started. */
int process_replaced(pid_t pid, apr_pool_t *p);

/** Its program's name, of at most 15 bytes; NULL: unknown. */
const char *process_name(pid_t pid, apr_pool_t *p);

/**
 * Who listens on a TCP port; 0: nobody, or we may not know.
 * @param name  whose it is if several have the socket: some keep one open for
 *              the next start of its program
 */
pid_t process_listening(int port, const char *name, apr_pool_t *p);

/** The first process of a name that has a word among its arguments; 0: none. */
pid_t process_called(const char *name, const char *word, apr_pool_t *p);

/** The first number of a file below /proc/sys; -1: unknown. */
apr_int64_t process_sysctl(const char *path, apr_pool_t *p);

#endif
