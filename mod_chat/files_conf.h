/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_conf.h - what the directives about files said.
 *
 * Part of chat_server_t (config.h), read-only once a child runs. A host without
 * ChatFiles takes no files; its routes for them answer 404.
 */
#ifndef CHAT_FILES_CONF_H
#define CHAT_FILES_CONF_H

#include <httpd.h>
#include <http_config.h>

typedef struct {
    const char *dir;     /* ChatFiles, absolute; NULL: no files */
    apr_int64_t max;     /* bytes of a file */
    apr_int64_t most;    /* files of a message */
    apr_int64_t user;    /* bytes of all files of an account; 0: no limit */
    apr_int64_t talk;    /* likewise of a conversation */
    unsigned types;      /* of filetype.h */
    apr_interval_time_t expires; /* µs an upload waits to be sent */
    apr_interval_time_t wait;    /* µs a request waits for the scan */
    apr_interval_time_t link;    /* µs a signed link works */
    apr_int64_t pace;    /* bytes a second of a body with files, on average; 0: any */
    apr_interval_time_t grace; /* µs of such a body that are not looked at */
} chat_files_conf_t;

/** Nothing was said. */
void chat_files_conf_init(chat_files_conf_t *conf);

/** What `over` says, else what `under` does. */
void chat_files_conf_merge(chat_files_conf_t *to,
                           const chat_files_conf_t *under,
                           const chat_files_conf_t *over);

/** Fill in the defaults. */
void chat_files_conf_defaults(chat_files_conf_t *conf);

/**
 * Whether the directory will do for a server: outside every DocumentRoot; made
 * where it is missing when `make` is 1.
 * @return a sentence, from p; NULL when all is well
 */
const char *chat_files_conf_check(const chat_files_conf_t *conf,
                                  server_rec *first, int make, apr_pool_t *p);

/* The directives; config.c's table names them. The offset of the field stands
 * in cmd->info where one function serves several. */
const char *chat_files_set_dir(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_files_set_size(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_files_set_most(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_files_set_time(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_files_set_pace(cmd_parms *cmd, void *dir, const char *pace,
                                const char *grace);
const char *chat_files_add_type(cmd_parms *cmd, void *dir, const char *arg);

#endif
