/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.h - what the commands of chatctl share.
 *
 * A command is a function in the table of main.c. It reads its own arguments,
 * says what it did on stdout and what went wrong on stderr, in one sentence
 * that names what to do, and returns one of the three exit statuses. One
 * thread; the pool lives as long as the process.
 */
#ifndef CTL_H
#define CTL_H

#include "db.h"

#include <apr_getopt.h>
#include <apr_pools.h>
#include <apr_tables.h>

/* Exit statuses of every command. */
#define CTL_OK 0     /* done, or: it is as it should be */
#define CTL_FAILED 1 /* not done, or: it is not as it should be */
#define CTL_USAGE 2  /* the arguments make no sense */

typedef struct {
    const char *name;
    /* argv[0] is the command's name; returns an exit status */
    int (*run)(int argc, const char *const *argv, apr_pool_t *p);
    const char *summary; /* a line of --help */
} ctl_command_t;

/* Which database a command is about: the arguments --database and --config. */
typedef struct {
    const char *database; /* as given, or NULL */
    const char *config;   /* a file as chat-push reads it, or NULL */
} ctl_target_t;

/** Say on stderr what keeps a command from doing its work: one line, of at most
 * 2000 bytes and without what ctl_say() leaves out. @return CTL_FAILED */
int ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Say on stdout what was found or done: one line. Characters that would move a
 * terminal's cursor or turn the line round are `?`. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Collect what ctl_say() and ctl_fail() would print, for a command that asks
 * another one.
 * @param to  of char *, whose pool the sentences are from; NULL: print again
 */
void ctl_divert(apr_array_header_t *to);

/** Say what is wrong with a command's arguments. @return CTL_USAGE */
int ctl_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * The next option, as apr_getopt_long; what it would print is said our way.
 * @return APR_SUCCESS, APR_EOF when all are read and no argument is left over,
 *         else APR_EINVAL: said already, the command returns CTL_USAGE
 */
apr_status_t ctl_option(apr_getopt_t *state, const apr_getopt_option_t *options,
                        const char *command, int *option, const char **value);

/** What is wrong with a database's target as such: a sentence; NULL: nothing,
 * it may be there. */
const char *ctl_target_wrong(const char *target);

/**
 * The database's target from what was given; --config's file is read.
 * @param target  "sqlite:/…" or "postgresql://…"; may hold a password: it is
 *                never printed
 * @return CTL_OK, else said already: CTL_USAGE also when --database is none
 */
int ctl_target(const char **target, const ctl_target_t *given,
               const char *command, apr_pool_t *p);

/** How an engine is called in what chatctl says. */
const char *ctl_engine_name(chat_db_engine_t engine);

/**
 * Say that the database refused something, and what can be done about it.
 * @param conn  whose last failure; NULL: the calling thread's
 * @return CTL_FAILED
 */
int ctl_db_fail(chat_db_engine_t engine, const chat_db_conn_t *conn,
                apr_status_t rv);

/* The commands. */
int ctl_migrate(int argc, const char *const *argv, apr_pool_t *p);
int ctl_erase(int argc, const char *const *argv, apr_pool_t *p);
int ctl_export(int argc, const char *const *argv, apr_pool_t *p);
int ctl_hold(int argc, const char *const *argv, apr_pool_t *p);
int ctl_purge(int argc, const char *const *argv, apr_pool_t *p);
int ctl_audit(int argc, const char *const *argv, apr_pool_t *p);
int ctl_doctor(int argc, const char *const *argv, apr_pool_t *p);
int ctl_user(int argc, const char *const *argv, apr_pool_t *p);
int ctl_token(int argc, const char *const *argv, apr_pool_t *p);
int ctl_keys(int argc, const char *const *argv, apr_pool_t *p);
int ctl_tail(int argc, const char *const *argv, apr_pool_t *p);
int ctl_routes(int argc, const char *const *argv, apr_pool_t *p);
int ctl_trigger(int argc, const char *const *argv, apr_pool_t *p);

#endif
