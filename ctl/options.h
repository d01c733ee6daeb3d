/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - a command's arguments, read into variables by a table.
 *
 * For commands whose options are texts and switches; --help is known to all. A
 * command's words ("add", an e-mail address) may stand between options.
 */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include "ctl.h"

#include <jansson.h>

/* An option. Exactly one of text and flag is not NULL. */
typedef struct {
    const char *name;  /* without the two dashes; NULL ends the table */
    const char **text; /* takes a value */
    int *flag;         /* is set to 1 */
    const char *verbs; /* the command's words it is for, "add,list"; NULL: all */
} ctl_opt_t;

/* The words that are no options, in their order. */
typedef struct {
    const char *const *word;
    int n;
} ctl_words_t;

/**
 * Read all arguments. None may be empty, no value may be given twice.
 * @param command  for what is said about them
 * @param help     printed on stdout for --help
 * @param done     --help was asked for and answered: the command is over
 * @return CTL_OK, or CTL_USAGE: said already
 */
int ctl_options(ctl_words_t *words, int *done, const ctl_opt_t *opts,
                const char *command, const char *help, int argc,
                const char *const *argv, apr_pool_t *p);

/** Whether all options that were given are for what is done.
 * @param verb  the command's word
 * @return CTL_OK, or CTL_USAGE: said already */
int ctl_options_fit(const ctl_opt_t *opts, const char *verb,
                    const char *command);

/** Whether a text that will be stored is one: UTF-8 of at most `most` bytes,
 * without control characters.
 * @param option  what the help calls it, "--name" or "EMAIL"
 * @return CTL_OK, or CTL_USAGE: said already */
int ctl_text(const char *text, apr_size_t most, const char *command,
             const char *option);

/** Whether a directory that was named is one. @param dir  NULL: none was
 * @return CTL_OK, or CTL_USAGE: said already */
int ctl_directory(const char *dir, const char *command, const char *option);

/** Whether a setting is of the kind that opens keys, file:/path or command:/path.
 * @return CTL_OK, or CTL_USAGE: said already */
int ctl_keys_setting(const char *setting, const char *command,
                     const char *option);

/** A whole number from 1 to `most` out of an argument's text.
 * @param option  what the help calls it, "--count" or "ID"
 * @return CTL_OK, or CTL_USAGE: said already */
int ctl_number(apr_int64_t *n, const char *text, apr_int64_t most,
               const char *command, const char *option);

/** A time from an option: 90, 90s, 15m, 12h or 30d, in seconds, at most ten
 * years. Likewise. */
int ctl_seconds(apr_int64_t *n, const char *text, const char *command,
                const char *option);

/**
 * Open the database a command is about.
 * @return CTL_OK, else said already
 */
int ctl_open(chat_db_t **db, const ctl_target_t *given, const char *command,
             apr_pool_t *p);

/** Who is at the keyboard, for the audit log: numbers, because a name of an
 * account is often a person's. From p. */
const char *ctl_whoever(apr_pool_t *p);

/**
 * Begin to change something that the audit log is to tell of.
 * @param conn  to be given to ctl_change_end(), whatever comes between
 * @return CTL_OK, else said already, and there is nothing to end
 */
int ctl_change_begin(chat_db_conn_t **conn, chat_db_t *db);

/**
 * End it: write down that it was done, in the same transaction. What failed
 * between is remembered, and said here.
 * @param action  NULL: it was not done, and nothing is changed
 * @param object  of the entry: what was changed, "user 7"
 * @return CTL_OK, else said already
 */
int ctl_change_end(chat_db_conn_t *conn, chat_db_t *db, const char *action,
                   const char *conversation, const char *object, apr_pool_t *p);

/** Whether the tables are an application's own. @return CTL_OK, else said */
int ctl_adapted(int *adapted, chat_db_t *db, apr_pool_t *p);

/**
 * Run a statement that is a transaction of its own.
 * @return CTL_OK, else said already
 */
int ctl_query(chat_db_result_t **res, chat_db_t *db, const char *label,
              const chat_db_value_t *args, int n, apr_pool_t *p);

/** Print a JSON value on a line of its own; takes the reference. */
void ctl_json_line(json_t *value);

/** The text of a field as JSON; null for NULL. A new reference. */
json_t *ctl_json_text(const chat_db_result_t *res, int row, int col);

/** The JSON that a field holds; null for NULL and for what is none. A new
 * reference. */
json_t *ctl_json_field(const chat_db_result_t *res, int row, int col);

#endif
