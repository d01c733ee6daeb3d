/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_conf.c - the directives about chat-files; see scan_conf.h.
 */
#include "scan_conf.h"

#include <string.h>
#include <unistd.h>
#include <apr_strings.h>
#include <http_core.h>

#include "config.h"
#include "form.h"

#define UNSET (-1)
#define DEFAULT_TIME apr_time_from_sec(30)
#define DEFAULT_RETRIES 5
#define DEFAULT_PIXELS 50000000
#define SOCKET_PATH 107 /* bytes a socket's path may have */

void chat_scan_conf_init(chat_scan_conf_t *conf)
{
    conf->scan_timeout = UNSET;
    conf->scan_retries = UNSET;
    conf->max_pixels = UNSET;
}

void chat_scan_conf_merge(chat_scan_conf_t *conf,
                          const chat_scan_conf_t *over)
{
    if (over->program != NULL) {
        conf->program = over->program;
    }
    if (over->scan != NULL) {
        conf->scan = over->scan;
    }
    if (over->scan_timeout != UNSET) {
        conf->scan_timeout = over->scan_timeout;
    }
    if (over->scan_retries != UNSET) {
        conf->scan_retries = over->scan_retries;
    }
    if (over->max_pixels != UNSET) {
        conf->max_pixels = over->max_pixels;
    }
}

const char *chat_scan_conf_check(chat_scan_conf_t *conf, int wanted,
                                 apr_pool_t *p)
{
    if (conf->program == NULL) {
        conf->program = CHAT_LIB "/chat-files";
    }
    if (conf->scan == NULL) {
        conf->scan = "off";
    }
    if (conf->scan_timeout == UNSET) {
        conf->scan_timeout = DEFAULT_TIME;
    }
    if (conf->scan_retries == UNSET) {
        conf->scan_retries = DEFAULT_RETRIES;
    }
    if (conf->max_pixels == UNSET) {
        conf->max_pixels = DEFAULT_PIXELS;
    }
    if (wanted && access(conf->program, X_OK) != 0) {
        return apr_psprintf(p,
                            "ChatFilesProgram: there is no program %s, which "
                            "ChatFiles needs",
                            conf->program);
    }
    return NULL;
}

static chat_scan_conf_t *conf_of(cmd_parms *cmd)
{
    return &chat_server_of(cmd->server)->scan;
}

const char *chat_scan_set_program(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    conf_of(cmd)->program = ap_server_root_relative(cmd->pool, arg);
    return conf_of(cmd)->program != NULL ? NULL
                                         : "ChatFilesProgram: a program's path";
}

/* host:port, or [v6]:port. */
static int is_address(const char *s)
{
    const char *colon = strrchr(s, ':');
    apr_int64_t port;

    return colon != NULL && colon > s && strlen(s) < 200 &&
           chat_form_number(&port, colon + 1) && port >= 1 && port <= 65535;
}

const char *chat_scan_set_scanner(cmd_parms *cmd, void *dir, const char *arg)
{
    int good = strcmp(arg, "off") == 0;

    (void)dir;
    if (strncmp(arg, "clamd:", 6) == 0) {
        good = arg[6] == '/' ? strlen(arg + 6) <= SOCKET_PATH
                             : is_address(arg + 6);
    }
    else if (strncmp(arg, "command:", 8) == 0) {
        good = arg[8] == '/' && strlen(arg + 8) < 250;
        if (good && access(arg + 8, X_OK) != 0) {
            return apr_pstrcat(cmd->pool, "ChatScan: ", arg + 8,
                               " is no program that can be run", NULL);
        }
    }
    conf_of(cmd)->scan = arg;
    return good ? NULL
                : "ChatScan: off, clamd:/path/of/its/socket, clamd:host:port "
                  "or command:/path/of/a/program";
}

const char *chat_scan_set_timeout(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_interval_time_t time;

    (void)dir;
    if (ap_timeout_parameter_parse(arg, &time, "s") != APR_SUCCESS ||
        time < apr_time_from_msec(10) || time > apr_time_from_sec(600)) {
        return "ChatScanTimeout: a time from 10 ms to 600 s";
    }
    conf_of(cmd)->scan_timeout = time;
    return NULL;
}

const char *chat_scan_set_retries(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t n;

    (void)dir;
    if (!chat_form_number(&n, arg) || n < 0 || n > 100) {
        return "ChatScanRetries: a number from 0 to 100";
    }
    conf_of(cmd)->scan_retries = (int)n;
    return NULL;
}

const char *chat_scan_set_max_pixels(cmd_parms *cmd, void *dir,
                                     const char *arg)
{
    apr_int64_t n;

    (void)dir;
    if (!chat_form_number(&n, arg) || n < 10000 || n > 1000000000) {
        return "ChatMaxPixels: a number from 10000 to 1000000000";
    }
    conf_of(cmd)->max_pixels = n;
    return NULL;
}
