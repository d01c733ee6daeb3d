/* SPDX-License-Identifier: Apache-2.0 */
/* files_conf.c - directives about files; see files_conf.h. */
#include "files_conf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <apr_strings.h>
#include <http_core.h>
#include <unixd.h>

#include "config.h"
#include "filetype.h"
#include "form.h"
#include "store.h"

#define UNSET (-1)
#define MIB 1048576

void chat_files_conf_init(chat_files_conf_t *conf)
{
    conf->max = conf->most = conf->user = conf->talk = UNSET;
    conf->expires = conf->wait = conf->link = UNSET;
    conf->pace = conf->grace = UNSET;
}

static void say(apr_int64_t *to, apr_int64_t over)
{
    if (over != UNSET) {
        *to = over;
    }
}

void chat_files_conf_merge(chat_files_conf_t *to,
                           const chat_files_conf_t *under,
                           const chat_files_conf_t *over)
{
    *to = *under;
    if (over->dir != NULL) {
        to->dir = over->dir;
    }
    if (over->types != 0) {
        to->types = over->types;
    }
    say(&to->max, over->max);
    say(&to->most, over->most);
    say(&to->user, over->user);
    say(&to->talk, over->talk);
    say(&to->expires, over->expires);
    say(&to->wait, over->wait);
    say(&to->link, over->link);
    say(&to->pace, over->pace);
    say(&to->grace, over->grace);
}

static void otherwise(apr_int64_t *to, apr_int64_t value)
{
    if (*to == UNSET) {
        *to = value;
    }
}

void chat_files_conf_defaults(chat_files_conf_t *conf)
{
    otherwise(&conf->max, 10 * (apr_int64_t)MIB);
    otherwise(&conf->most, 10);
    otherwise(&conf->user, 1024 * (apr_int64_t)MIB);
    otherwise(&conf->talk, 1024 * (apr_int64_t)MIB);
    otherwise(&conf->expires, apr_time_from_sec(24 * 3600));
    otherwise(&conf->wait, apr_time_from_sec(10));
    otherwise(&conf->link, apr_time_from_sec(300));
    otherwise(&conf->pace, 2048);
    otherwise(&conf->grace, apr_time_from_sec(30));
    if (conf->types == 0) {
        conf->types = chat_filetype_default();
    }
}

/* The path without links, or as it stands when it is not there yet. */
static const char *real(const char *path, apr_pool_t *p)
{
    char *found = realpath(path, NULL);
    const char *copy = found != NULL ? apr_pstrdup(p, found) : path;

    free(found);
    return copy;
}

static int within(const char *path, const char *root)
{
    size_t len = strlen(root);

    while (len > 0 && root[len - 1] == '/') {
        len--;
    }
    return strncmp(path, root, len) == 0 &&
           (path[len] == '/' || path[len] == '\0');
}

/* A host that keeps its files in the same place and its rows elsewhere: each
 * would remove the other's as nobody's. */
static const char *shared_by(const chat_files_conf_t *conf, server_rec *first)
{
    const char *database = NULL;

    for (server_rec *s = first; s != NULL; s = s->next) {
        const chat_server_t *other = chat_server_of(s);

        if (!other->used || other->database == NULL ||
            other->files.dir == NULL ||
            strcmp(other->files.dir, conf->dir) != 0) {
            continue;
        }
        if (database != NULL && strcmp(database, other->database) != 0) {
            return other->where;
        }
        database = other->database;
    }
    return NULL;
}

const char *chat_files_conf_check(const chat_files_conf_t *conf,
                                  server_rec *first, int make, apr_pool_t *p)
{
    const char *dir, *why;

    if (conf->dir == NULL) {
        return NULL;
    }
    dir = real(conf->dir, p);
    for (server_rec *s = first; s != NULL; s = s->next) {
        const core_server_config *core =
            ap_get_core_module_config(s->module_config);
        const char *htdocs = chat_server_of(s)->htdocs;
        const char *root = core->ap_document_root;

        if ((root != NULL && within(dir, real(root, p))) ||
            (htdocs != NULL && within(dir, real(htdocs, p)))) {
            return apr_psprintf(p,
                                "ChatFiles %s lies below %s, which httpd serves "
                                "to everybody: take a directory outside",
                                conf->dir,
                                root != NULL && within(dir, real(root, p))
                                    ? root
                                    : htdocs);
        }
    }
    why = shared_by(conf, first);
    if (why != NULL) {
        return apr_psprintf(p,
                            "ChatFiles %s is shared by hosts that differ in "
                            "ChatDatabase (%s): give each a directory of its "
                            "own",
                            conf->dir, why);
    }
    why = make ? chat_store_prepare(conf->dir, ap_unixd_config.user_id,
                                    ap_unixd_config.group_id, p)
               : NULL;
    return why != NULL ? apr_pstrcat(p, "ChatFiles: ", why, NULL) : NULL;
}

/* --- directives ----------------------------------------------------------------
 */

static chat_files_conf_t *conf_of(cmd_parms *cmd)
{
    return &chat_server_of(cmd->server)->files;
}

static apr_int64_t *field_of(cmd_parms *cmd)
{
    return (apr_int64_t *)(void *)((char *)conf_of(cmd) + (apr_size_t)cmd->info);
}

const char *chat_files_set_dir(cmd_parms *cmd, void *dir, const char *arg)
{
    char *path = apr_pstrdup(cmd->pool, arg);
    size_t len = strlen(path);

    (void)dir;
    while (len > 1 && path[len - 1] == '/') {
        path[--len] = '\0';
    }
    if (path[0] != '/' || len < 2 || len > 900) {
        return "ChatFiles: the absolute path of a directory";
    }
    conf_of(cmd)->dir = path;
    return NULL;
}

const char *chat_files_set_size(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t n, *to = field_of(cmd);
    int quota = to != &conf_of(cmd)->max;

    (void)dir;
    if (quota && strcasecmp(arg, "off") == 0) {
        *to = 0;
        return NULL;
    }
    if (!chat_form_number(&n, arg) || n < 1024 || n > APR_INT64_MAX / 4) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           quota ? ": bytes, at least 1024, or off"
                                 : ": bytes, at least 1024",
                           NULL);
    }
    *to = n;
    return NULL;
}

const char *chat_files_set_most(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t n;

    (void)dir;
    if (!chat_form_number(&n, arg) || n < 1 || n > 50) {
        return "ChatMaxFiles: a number of files from 1 to 50";
    }
    conf_of(cmd)->most = n;
    return NULL;
}

const char *chat_files_set_time(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_interval_time_t value;

    (void)dir;
    if (ap_timeout_parameter_parse(arg, &value, "s") != APR_SUCCESS ||
        value < apr_time_from_sec(1)) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           ": a time of at least 1 s", NULL);
    }
    *field_of(cmd) = value;
    return NULL;
}

const char *chat_files_set_pace(cmd_parms *cmd, void *dir, const char *pace,
                                const char *grace)
{
    chat_files_conf_t *conf = conf_of(cmd);
    apr_interval_time_t time = apr_time_from_sec(30);
    apr_int64_t n = 0;

    (void)dir;
    if ((strcasecmp(pace, "off") != 0 || grace != NULL) &&
        (!chat_form_number(&n, pace) || n < 1 || n > MIB ||
         (grace != NULL &&
          (ap_timeout_parameter_parse(grace, &time, "s") != APR_SUCCESS ||
           time < apr_time_from_sec(1) || time > apr_time_from_sec(3600))))) {
        return "ChatUploadPace: bytes per second (1 to 1048576) and the seconds "
               "(1 to 3600) before they are asked for, or off";
    }
    conf->pace = n;
    conf->grace = time;
    return NULL;
}

const char *chat_files_add_type(cmd_parms *cmd, void *dir, const char *arg)
{
    unsigned bit = chat_filetype_bit(arg);
    char words[256];

    (void)dir;
    if (bit == 0) {
        chat_filetype_words(words, sizeof(words), ~0u);
        return apr_pstrcat(cmd->pool, "ChatFileTypes: ", arg,
                           " is none of: ", words, NULL);
    }
    conf_of(cmd)->types |= bit;
    return NULL;
}
