/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conf.c - the settings file: lines NAME=value first, if it begins with
 * '#', as the environment; then JSON. What is accepted is complete, also as the
 * settings of a running process that gets others.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "conf.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 16

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

/* Lines that begin with '#' are variables. @return where the JSON begins */
static const char *variables(const char **env, const char *at, const char *end,
                             apr_pool_t *p)
{
    const char *eol;
    int n = 0;

    while (at < end && *at == '#' && n < LINES) {
        eol = memchr(at, '\n', (size_t)(end - at));
        eol = eol ? eol : end;
        env[n++] = apr_pstrmemdup(p, at + 1, (apr_size_t)(eol - at - 1));
        at = eol + (eol < end);
    }
    env[n] = NULL;
    return at;
}

static void complete(const push_conf_t *conf)
{
    int i;

    must(conf->apps.n > 0 && conf->host != NULL && conf->path_prefix != NULL);
    must(conf->port >= 0 && conf->port <= 65535 && conf->activity_timeout > 0);
    for (i = 0; i < conf->apps.n; i++) {
        const chat_app_t *app = &conf->apps.list[i];

        must(app->id[0] && app->key[0] && app->secrets[0][0]);
        must(chat_app_by_key(&conf->apps, app->key, strlen(app->key)) == app);
        must(chat_app_same(app, app));
    }
}

/* Settings differ from themselves in nothing, and stay complete when others
 * are to follow them. */
static void followed(const push_conf_t *conf, apr_pool_t *p)
{
    static const char *const no_env[] = { NULL };
    apr_array_header_t *changed = apr_array_make(p, 4, sizeof(char *));
    apr_array_header_t *kept = apr_array_make(p, 4, sizeof(char *));
    json_t *root = json_object();
    const char *why = NULL;
    push_conf_t next = *conf;

    push_conf_follow(&next, conf, changed, kept);
    must(changed->nelts == 0 && kept->nelts == 0);
    must(push_conf_read(&next, root, no_env, &why, p) == APR_SUCCESS);
    push_conf_follow(&next, conf, changed, kept);
    must(next.port == conf->port && next.database_url == conf->database_url);
    complete(&next);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    const char *end = (const char *)data + size;
    const char *env[LINES + 1];
    const char *at = variables(env, (const char *)data, end, p);
    const char *why = NULL;
    push_conf_t conf;
    json_t *root = chat_json_parse(at, (apr_size_t)(end - at), &why, p);

    if (json_is_object(root)) {
        why = NULL;
        if (push_conf_read(&conf, root, env, &why, p) == APR_SUCCESS) {
            complete(&conf);
            followed(&conf, p);
        }
        else {
            must(why != NULL);
        }
    }
    json_decref(root);
    apr_pool_clear(p);
    return 0;
}
