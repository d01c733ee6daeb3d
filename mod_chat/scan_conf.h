/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_conf.h - what the directives say of chat-files: how uploaded files are
 * looked at. Where they lie is files_conf.h's.
 */
#ifndef CHAT_SCAN_CONF_H
#define CHAT_SCAN_CONF_H

#include <httpd.h>
#include <http_config.h>

/* Part of chat_server_t (config.h), read-only once a child runs. */
typedef struct {
    const char *program; /* path of chat-files */
    const char *scan; /* as chat-files reads it; "off" */
    apr_interval_time_t scan_timeout; /* µs */
    int scan_retries;
    apr_int64_t max_pixels;
} chat_scan_conf_t;

/** Nothing said yet. */
void chat_scan_conf_init(chat_scan_conf_t *conf);

/** A virtual host's over the main server's. */
void chat_scan_conf_merge(chat_scan_conf_t *conf,
                          const chat_scan_conf_t *over);

/**
 * Fill the defaults.
 * @param wanted  chat-files is to run: it must be there
 * @return a sentence, from p: what is wrong; NULL when all is well
 */
const char *chat_scan_conf_check(chat_scan_conf_t *conf, int wanted,
                                 apr_pool_t *p);

/* One function per directive. */
const char *chat_scan_set_program(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_scan_set_scanner(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_scan_set_timeout(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_scan_set_retries(cmd_parms *cmd, void *dir, const char *arg);
const char *chat_scan_set_max_pixels(cmd_parms *cmd, void *dir,
                                     const char *arg);

#endif
