/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.c - settings from a JSON file and the environment, see conf.h.
 *
 * Three tables say everything: our settings with their defaults, Soketi's
 * variables with the keys they stand for, and Soketi's keys that mean nothing
 * here. The environment is laid over the parsed file before it is read, so a
 * value has one way in.
 */
#include "conf.h"
#include "log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include <apr_tables.h>

#define APPS "appManager.array.apps"
#define TRUSTED "trustedProxies"
#define PAGES_ORIGIN "cors.origin"
#define PAGES_METHODS "cors.methods"
#define PAGES_HEADERS "cors.allowedHeaders"
#define TRUSTED_USUAL "127.0.0.0/8, ::1, unix"

typedef enum {
    KIND_TEXT, /* const char *; "" is NULL when there is no default */
    KIND_INT,  /* int within min..max */
    KIND_SECONDS, /* int in milliseconds, given in seconds */
    KIND_MODE, /* int, given as the octal digits of a file's mode */
    KIND_BOOL, /* int; -1 when not said */
    KIND_KB,   /* apr_size_t in bytes, given in units of 1,024 */
    KIND_MB    /* apr_size_t in bytes, given in units of 1,048,576 */
} conf_kind_t;

typedef struct {
    const char *key;
    conf_kind_t kind;
    apr_size_t at;    /* in push_conf_t */
    const char *text; /* default of KIND_TEXT */
    double value;     /* default of the others, in the key's unit */
    double min, max;
} conf_setting_t;

/* Our settings: key, kind, place, default text or number, smallest, largest. */
/* clang-format off */
#define AT(member) offsetof(push_conf_t, member)
static const conf_setting_t settings[] = {
    { "host",                      KIND_TEXT, AT(host), "0.0.0.0", 0, 0, 0 },
    { "port",                      KIND_INT,  AT(port), NULL, 6001, -1, 65535 },
    { "ssl.certPath",              KIND_TEXT, AT(tls_cert), NULL, 0, 0, 0 },
    { "ssl.keyPath",               KIND_TEXT, AT(tls_key), NULL, 0, 0, 0 },
    { "ssl.passphrase",            KIND_TEXT, AT(tls_pass), NULL, 0, 0, 0 },
    { "ssl.caPath",                KIND_TEXT, AT(tls_ca), NULL, 0, 0, 0 },
    { "ssl.port",                  KIND_INT,  AT(tls_port), NULL, -1, 0, 65535 },
    { "unix.path",                 KIND_TEXT, AT(unix_path), NULL, 0, 0, 0 },
    { "unix.mode",                 KIND_MODE, AT(unix_mode), NULL, 0660, 0, 0777 },
    { "handoff.path",              KIND_TEXT, AT(handoff_path), NULL, 0, 0, 0 },
    { "handoff.mode",              KIND_MODE, AT(handoff_mode), NULL, 0660, 0, 0777 },
    { "loops",                     KIND_INT,  AT(loops), NULL, 0, 0, 256 },
    { "user",                      KIND_TEXT, AT(user), NULL, 0, 0, 0 },
    { "group",                     KIND_TEXT, AT(group), NULL, 0, 0, 0 },
    { "uring",                     KIND_BOOL, AT(uring), NULL, 1, 0, 0 },
    { "pathPrefix",                KIND_TEXT, AT(path_prefix), "", 0, 0, 0 },
    { "metrics.enabled",           KIND_BOOL, AT(metrics_enabled), NULL, -1, 0, 0 },
    { "metrics.host",              KIND_TEXT, AT(metrics_host), NULL, 0, 0, 0 },
    { "metrics.port",              KIND_INT,  AT(metrics_port), NULL, -1, 0, 65535 },
    { "metrics.prometheus.prefix", KIND_TEXT, AT(metrics_prefix), "soketi_", 0, 0, 0 },
    { "httpApi.requestLimitInMb",  KIND_MB,   AT(max_body), NULL, 1, 1.0 / (1024 * 1024), 1024 },
    { "httpApi.acceptTraffic.memoryThreshold",
                                   KIND_INT,  AT(memory_percent), NULL, 85, 1, 100 },
    { "maxMessageInKb",            KIND_KB,   AT(max_message), NULL, 128, 1, 1048576 },
    { "maxUnfinishedInMb",         KIND_MB,   AT(max_input), NULL, 64, 1, 65536 },
    { "maxQueueInKb",              KIND_KB,   AT(max_queue), NULL, 1024, 1, 1048576 },
    { "channelLimits.cacheTtl",    KIND_INT,  AT(cache_ttl), NULL, 1800, 1, 31536000 },
    { "defaultProtocol",           KIND_INT,  AT(default_protocol), NULL, 0, 0, 7 },
    { "activityTimeout",           KIND_INT,  AT(activity_timeout), NULL, 120, 1, 86400 },
    { "pongTimeout",               KIND_INT,  AT(pong_timeout), NULL, 30, 1, 86400 },
    { "userAuthenticationTimeout", KIND_INT,  AT(auth_timeout), NULL, 30000, 1, 86400000 },
    { "shutdownGracePeriod",       KIND_INT,  AT(shutdown_grace), NULL, 3000, 0, 600000 },
    { "canary.seconds",            KIND_SECONDS, AT(canary_ms), NULL, 5, 0, 3600 },
    { "drain.seconds",             KIND_SECONDS, AT(drain_ms), NULL, 1, 0, 3600 },
    { "log.format",                KIND_TEXT, AT(log_format), "text", 0, 0, 0 },
    { "log.level",                 KIND_TEXT, AT(log_level_name), "info", 0, 0, 0 },
    { "log.linesPerSecond",        KIND_INT,  AT(log_most), NULL, 20, 0, 1000000 },
    { "database.url",              KIND_TEXT, AT(database_url), NULL, 0, 0, 0 },
    { "database.wake",             KIND_TEXT, AT(database_wake), NULL, 0, 0, 0 },
    { "database.state",            KIND_TEXT, AT(database_state), NULL, 0, 0, 0 },
    { "database.keys",             KIND_TEXT, AT(database_keys), NULL, 0, 0, 0 },
    { "database.app",              KIND_TEXT, AT(database_app), NULL, 0, 0, 0 },
    { "database.pollMs",           KIND_INT,  AT(poll_ms), NULL, 250, 1, 3600000 },
    { "database.replaySeconds",    KIND_INT,  AT(replay_seconds), NULL, 120, 0, 86400 },
    { "database.retentionSeconds", KIND_INT,  AT(retention_seconds), NULL, 604800, 0, 315360000 },
    { "plans.everySeconds",        KIND_INT,  AT(plans_every), NULL, 30, 0, 3600 },
    { "plans.reminderSeconds",     KIND_INT,  AT(plans_reminder), NULL, 86400, 0, 31536000 },
    { "plans.reminders",           KIND_INT,  AT(plans_reminders), NULL, 5, 0, 1000 },
    { "webhooks.allowPrivateTargets",
                                   KIND_BOOL, AT(webhooks_private), NULL, 0, 0, 0 },
    { "webhooks.batching.enabled", KIND_BOOL, AT(webhooks_batching), NULL, 1, 0, 0 },
    { "webhooks.batching.duration", KIND_INT, AT(webhooks_gather), NULL, 50, 0, 10000 },
};
#undef AT

/* Variables and the keys they stand for. */
static const struct {
    const char *name;
    const char *key;
} variables[] = {
    { "SOKETI_HOST", "host" },
    { "SOKETI_PORT", "port" },
    { "SOKETI_PATH_PREFIX", "pathPrefix" },
    { "CHAT_PUSH_LOOPS", "loops" },
    { "CHAT_PUSH_DEFAULT_PROTOCOL", "defaultProtocol" },
    { "CHAT_PUSH_TRUSTED_PROXIES", TRUSTED },
    { "CHAT_PUSH_URING", "uring" },
    { "SOKETI_METRICS_ENABLED", "metrics.enabled" },
    { "SOKETI_METRICS_HOST", "metrics.host" },
    { "SOKETI_METRICS_SERVER_PORT", "metrics.port" },
    { "SOKETI_METRICS_PROMETHEUS_PREFIX", "metrics.prometheus.prefix" },
    { "SOKETI_HTTP_ACCEPT_TRAFFIC_MEMORY_THRESHOLD", "httpApi.acceptTraffic.memoryThreshold" },
    { "SOKETI_CHANNEL_LIMITS_MAX_NAME_LENGTH", "channelLimits.maxNameLength" },
    { "SOKETI_CHANNEL_CACHE_TTL", "channelLimits.cacheTtl" },
    { "SOKETI_EVENT_MAX_BATCH_SIZE", "eventLimits.maxBatchSize" },
    { "SOKETI_EVENT_MAX_CHANNELS_AT_ONCE", "eventLimits.maxChannelsAtOnce" },
    { "SOKETI_EVENT_MAX_NAME_LENGTH", "eventLimits.maxNameLength" },
    { "SOKETI_EVENT_MAX_SIZE_IN_KB", "eventLimits.maxPayloadInKb" },
    { "SOKETI_PRESENCE_MAX_MEMBERS", "presence.maxMembersPerChannel" },
    { "SOKETI_PRESENCE_MAX_MEMBER_SIZE", "presence.maxMemberSizeInKb" },
    { "SOKETI_USER_AUTHENTICATION_TIMEOUT", "userAuthenticationTimeout" },
    { "SOKETI_SHUTDOWN_GRACE_PERIOD", "shutdownGracePeriod" },
    { "CHAT_PUSH_DATABASE_RETENTION_SECONDS", "database.retentionSeconds" },
    { "CHAT_PUSH_DATABASE_REPLAY_SECONDS", "database.replaySeconds" },
    { "CHAT_PUSH_PLANS_EVERY_SECONDS", "plans.everySeconds" },
    { "CHAT_PUSH_PLANS_REMINDER_SECONDS", "plans.reminderSeconds" },
    { "CHAT_PUSH_PLANS_REMINDERS", "plans.reminders" },
    { "CHAT_PUSH_USER", "user" },
    { "CHAT_PUSH_GROUP", "group" },
    { "CHAT_PUSH_LOG_FORMAT", "log.format" },
    { "CHAT_PUSH_LOG_LEVEL", "log.level" },
    { "CHAT_PUSH_LOG_LINES_PER_SECOND", "log.linesPerSecond" },
    { "CHAT_PUSH_CANARY_SECONDS", "canary.seconds" },
    { "CHAT_PUSH_DRAIN_SECONDS", "drain.seconds" },
    { "SOKETI_WEBHOOKS_BATCHING", "webhooks.batching.enabled" },
    { "SOKETI_WEBHOOKS_BATCHING_DURATION", "webhooks.batching.duration" },
    { "SOKETI_APP_MANAGER_DRIVER", "appManager.driver" },
    { "SOKETI_ADAPTER_DRIVER", "adapter.driver" },
    { "SOKETI_MODE", "mode" },
    { "SOKETI_SSL_CERT", "ssl.certPath" },
    { "SOKETI_SSL_KEY", "ssl.keyPath" },
    { "SOKETI_SSL_PASS", "ssl.passphrase" },
    { "SOKETI_SSL_CA", "ssl.caPath" },
    { "CHAT_PUSH_SSL_PORT", "ssl.port" },
    { "CHAT_PUSH_UNIX_PATH", "unix.path" },
    { "CHAT_PUSH_UNIX_MODE", "unix.mode" },
    { "CHAT_PUSH_HANDOFF_PATH", "handoff.path" },
    { "CHAT_PUSH_HANDOFF_MODE", "handoff.mode" },
};

/* Variables of the first app and its keys; the later ones win. `text`: never
 * JSON, whatever it looks like (a key may be all digits). */
static const struct {
    const char *name;
    const char *key;
    int text;
} app_variables[] = {
    { "PUSHER_APP_ID", "id", 1 },
    { "PUSHER_APP_KEY", "key", 1 },
    { "PUSHER_APP_SECRET", "secret", 1 },
    { "SOKETI_DEFAULT_APP_ID", "id", 1 },
    { "SOKETI_DEFAULT_APP_KEY", "key", 1 },
    { "SOKETI_DEFAULT_APP_SECRET", "secret", 1 },
    { "SOKETI_DEFAULT_APP_MAX_CONNS", "maxConnections", 0 },
    { "SOKETI_DEFAULT_APP_ENABLE_CLIENT_MESSAGES", "enableClientMessages", 0 },
    { "SOKETI_DEFAULT_APP_ENABLED", "enabled", 0 },
    { "SOKETI_DEFAULT_APP_MAX_BACKEND_EVENTS_PER_SEC", "maxBackendEventsPerSecond", 0 },
    { "SOKETI_DEFAULT_APP_MAX_CLIENT_EVENTS_PER_SEC", "maxClientEventsPerSecond", 0 },
    { "SOKETI_DEFAULT_APP_MAX_READ_REQ_PER_SEC", "maxReadRequestsPerSecond", 0 },
    { "SOKETI_DEFAULT_APP_USER_AUTHENTICATION", "enableUserAuthentication", 0 },
    { "SOKETI_DEFAULT_APP_WEBHOOKS", "webhooks", 0 },
};

/* Settings that may change while chat-push runs, beside the apps; all others
 * are looked at once, when it starts. */
static const char *const live_keys[] = {
    "pathPrefix", "metrics.prometheus.prefix", "httpApi.requestLimitInMb",
    "httpApi.acceptTraffic.memoryThreshold", "maxMessageInKb",
    "maxUnfinishedInMb", "maxQueueInKb", "channelLimits.cacheTtl",
    "defaultProtocol", "activityTimeout", "pongTimeout", "userAuthenticationTimeout",
    "shutdownGracePeriod", "drain.seconds", "database.retentionSeconds",
    "webhooks.allowPrivateTargets", "webhooks.batching.enabled",
    "webhooks.batching.duration",
};

/* Soketi's keys that need nothing here; one that ends in a dot stands for all
 * below it. */
static const char *const idle_keys[] = {
    "adapter.", "appManager.driver", "appManager.cache.", "appManager.dynamodb.",
    "appManager.mysql.", "appManager.postgres.", "cache.", "cluster.", "cors.credentials",
    "database.mysql.", "database.postgres.", "database.redis.",
    "databasePooling.", "debug", "instance.", "metrics.driver", "mode",
    "queue.", "rateLimiter.",
};

/* The same of its variables, behind SOKETI_. */
static const char *const idle_variables[] = {
    "ADAPTER_", "APP_MANAGER_", "CACHE_", "CLUSTER_", "DB_", "DEBUG", "METRICS_DRIVER",
    "MODE", "QUEUE_", "RATE_LIMITER_",
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int begins(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

static const char *env_get(const char *const *env, const char *name)
{
    apr_size_t len = strlen(name);

    for (; *env != NULL; env++) {
        if (!strncmp(*env, name, len) && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}

/* Soketi reads a variable as JSON where it is some, else as text. */
static json_t *env_value(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    return value != NULL ? value : json_string(text);
}

/* The list of apps, with at least one in it. */
static json_t *apps_list(json_t *root)
{
    json_t *list = chat_conf_find(root, APPS);

    if (list == NULL) {
        list = json_array();
        json_object_set_new(root, APPS, list);
    }
    if (json_is_array(list) && json_array_size(list) == 0) {
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id",
                                              CHAT_APP_DEFAULT_ID, "key",
                                              CHAT_APP_DEFAULT_KEY, "secret",
                                              CHAT_APP_DEFAULT_SECRET));
    }
    return list;
}

static const conf_setting_t *setting_of(const char *key)
{
    apr_size_t i;

    for (i = 0; i < COUNT(settings); i++) {
        if (!strcmp(key, settings[i].key)) {
            return &settings[i];
        }
    }
    return NULL;
}

/* Where text is wanted it is text, also a passphrase of digits alone. */
static json_t *env_setting(const char *key, const char *text)
{
    const conf_setting_t *s = setting_of(key);

    return s != NULL && s->kind == KIND_TEXT ? json_string(text)
                                             : env_value(text);
}

static void env_apply(json_t *root, const char *const *env)
{
    json_t *app = json_array_get(apps_list(root), 0);
    const char *text;
    apr_size_t i;

    for (i = 0; i < COUNT(variables); i++) {
        text = env_get(env, variables[i].name);
        if (text != NULL && *text != '\0') {
            json_object_set_new(root, variables[i].key,
                                env_setting(variables[i].key, text));
        }
    }
    for (i = 0; i < COUNT(app_variables) && json_is_object(app); i++) {
        text = env_get(env, app_variables[i].name);
        if (text != NULL && *text != '\0') {
            json_object_set_new(app, app_variables[i].key,
                                app_variables[i].text ? json_string(text)
                                                      : env_value(text));
        }
    }
}

static int number_of(const json_t *value, double *out)
{
    const char *text = json_string_value(value);
    char *end;

    if (json_is_number(value)) {
        *out = json_number_value(value);
        return 1;
    }
    if (text == NULL || *text == '\0') {
        return 0;
    }
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && *end == '\0';
}

static int bool_of(const json_t *value, int *out)
{
    const char *text = json_string_value(value);
    double number;

    if (json_is_boolean(value)) {
        *out = json_is_true(value);
        return 1;
    }
    if (text != NULL && (!strcmp(text, "true") || !strcmp(text, "false"))) {
        *out = *text == 't';
        return 1;
    }
    if (number_of(value, &number) && (number == 0 || number == 1)) {
        *out = number == 1;
        return 1;
    }
    return 0;
}

/* A file's mode: 660, "660" and "0660" are the same. */
static int mode_of(const json_t *value, double max, double *out)
{
    const char *text = json_string_value(value);
    char digits[32];
    char *end;

    if (json_is_integer(value)) {
        apr_snprintf(digits, sizeof(digits), "%" APR_INT64_T_FMT,
                     (apr_int64_t)json_integer_value(value));
        text = digits;
    }
    if (text == NULL || *text < '0' || *text > '7') {
        return 0;
    }
    *out = (double)strtoul(text, &end, 8);
    return *end == '\0' && *out <= max;
}

static void number_put(char *to, const conf_setting_t *s, double number)
{
    if (s->kind == KIND_INT || s->kind == KIND_BOOL || s->kind == KIND_MODE) {
        *(int *)(void *)to = (int)number;
    }
    else if (s->kind == KIND_SECONDS) {
        *(int *)(void *)to = (int)(number * 1000);
    }
    else {
        *(apr_size_t *)(void *)to = (apr_size_t)(number * (s->kind == KIND_KB
                                                               ? 1024
                                                               : 1024 * 1024));
    }
}

/* A number as people write it: never 3.1536e+07. */
static const char *plain(double number, apr_pool_t *p)
{
    char text[32];

    snprintf(text, sizeof(text), "%.10g", number);
    return apr_pstrdup(p, text);
}

static const char *setting_read(push_conf_t *conf, const conf_setting_t *s,
                                const json_t *value, apr_pool_t *p)
{
    char *to = (char *)conf + s->at;
    const char *text;
    double number;
    int flag;

    if (value == NULL || json_is_null(value)) {
        if (s->kind == KIND_TEXT) {
            *(const char **)(void *)to = s->text;
        }
        else {
            number_put(to, s, s->value);
        }
        return NULL;
    }
    switch (s->kind) {
    case KIND_TEXT:
        text = json_string_value(value);
        if (text == NULL) {
            return "must be a string";
        }
        *(const char **)(void *)to = *text == '\0' ? s->text
                                                   : apr_pstrdup(p, text);
        return NULL;
    case KIND_BOOL:
        if (!bool_of(value, &flag)) {
            return "must be true or false";
        }
        number_put(to, s, flag);
        return NULL;
    case KIND_MODE:
        if (!mode_of(value, s->max, &number)) {
            return "must be the octal digits of a mode, as 660";
        }
        number_put(to, s, number);
        return NULL;
    default:
        if (!number_of(value, &number) || !(number >= s->min) ||
            !(number <= s->max) ||
            (s->kind == KIND_INT && (double)(int)number != number)) {
            return apr_psprintf(p, "must be a %snumber from %s to %s",
                                s->kind == KIND_INT ? "whole " : "",
                                plain(s->min, p), plain(s->max, p));
        }
        number_put(to, s, number);
        return NULL;
    }
}

static int idle(const char *key, const char *const *list, apr_size_t n,
                char open)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        apr_size_t len = strlen(list[i]);

        if (list[i][len - 1] == open ? begins(key, list[i])
                                     : !strcmp(key, list[i])) {
            return 1;
        }
    }
    return 0;
}

/* What is found on a walk through the file. */
typedef struct {
    apr_array_header_t *unknown;
    apr_array_header_t *ignored;
    apr_array_header_t *warnings; /* sentences */
    int apps_given;               /* not only the app everybody knows */
    apr_pool_t *pool;
} walk_t;

static void note(apr_array_header_t *list, const char *name)
{
    APR_ARRAY_PUSH(list, const char *) = name;
}

static int setting_known(const char *key)
{
    return setting_of(key) != NULL || chat_app_global(key) ||
           !strcmp(key, APPS) || !strcmp(key, TRUSTED) ||
           !strcmp(key, PAGES_ORIGIN) || !strcmp(key, PAGES_METHODS) ||
           !strcmp(key, PAGES_HEADERS);
}

static void walk_apps(walk_t *w, const json_t *list)
{
    const json_t *app;
    const char *key;
    void *at;
    apr_size_t i;

    for (i = 0; i < json_array_size(list); i++) {
        app = json_array_get(list, i);
        for (at = json_object_iter((json_t *)app); at != NULL;
             at = json_object_iter_next((json_t *)app, at)) {
            key = json_object_iter_key(at);
            if (!chat_app_knows(key)) {
                note(w->unknown,
                     apr_psprintf(w->pool, APPS "[%d].%s", (int)i, key));
            }
        }
    }
}

static void walk(walk_t *w, json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;
    void *at;

    for (at = json_object_iter(object); at != NULL;
         at = json_object_iter_next(object, at)) {
        key = apr_pstrcat(w->pool, prefix, json_object_iter_key(at), NULL);
        value = json_object_iter_value(at);
        if (!strcmp(key, APPS)) {
            walk_apps(w, value);
        }
        else if (setting_known(key)) {
            continue;
        }
        else if (idle(key, idle_keys, COUNT(idle_keys), '.')) {
            note(w->ignored, key);
        }
        else if (json_is_object(value)) {
            walk(w, value, apr_pstrcat(w->pool, key, ".", NULL));
        }
        else {
            note(w->unknown, key);
        }
    }
}

static void walk_env(walk_t *w, const char *const *env)
{
    const char *name;
    apr_size_t i;
    int known;

    for (; *env != NULL; env++) {
        if (!begins(*env, "SOKETI_")) {
            continue;
        }
        name = apr_pstrndup(w->pool, *env, strcspn(*env, "="));
        known = 0;
        for (i = 0; i < COUNT(variables); i++) {
            known |= !strcmp(name, variables[i].name);
        }
        for (i = 0; i < COUNT(app_variables); i++) {
            known |= !strcmp(name, app_variables[i].name);
        }
        if (!known) {
            note(idle(name + 7, idle_variables, COUNT(idle_variables), '_')
                     ? w->ignored
                     : w->unknown,
                 name);
        }
    }
}

/* One proxy of the list, or one network of them; 0 when it is none. */
static int trusted_add(apr_array_header_t *nets, int *local, const char *text,
                       apr_size_t len)
{
    push_net_t net;

    memset(&net, 0, sizeof(net)); /* compared as bytes later */
    if (len == 4 && !memcmp(text, "unix", 4)) {
        *local = 1;
        return 1;
    }
    if (!push_net_parse(&net, text, len)) {
        return 0;
    }
    APR_ARRAY_PUSH(nets, push_net_t) = net;
    return 1;
}

/* The proxies of a text, with commas or blanks between them. */
static int trusted_split(apr_array_header_t *nets, int *local, const char *text)
{
    apr_size_t len;

    for (text += strspn(text, ", "); *text != '\0';
         text += strspn(text, ", ")) {
        len = strcspn(text, ", ");
        if (!trusted_add(nets, local, text, len)) {
            return 0;
        }
        text += len;
    }
    return 1;
}

/* A list of strings, or one string as an environment has it; an empty one
 * trusts nobody. */
static const char *trusted_read(push_conf_t *conf, const json_t *value,
                                apr_pool_t *p)
{
    apr_array_header_t *nets = apr_array_make(p, 4, sizeof(push_net_t));
    const char *text = value == NULL || json_is_null(value)
                           ? TRUSTED_USUAL
                           : json_string_value(value);
    int right = text != NULL ? trusted_split(nets, &conf->trusted.local, text)
                             : json_is_array(value);
    apr_size_t i;

    for (i = 0; right && i < json_array_size(value); i++) {
        text = json_string_value(json_array_get(value, i));
        right = text != NULL &&
                trusted_add(nets, &conf->trusted.local, text, strlen(text));
    }
    conf->trusted.list = (const push_net_t *)(void *)nets->elts;
    conf->trusted.n = nets->nelts;
    return right ? NULL
                 : "must be a list of addresses, networks (address/bits) and "
                   "\"unix\"";
}

static const char *default_secret(const chat_apps_t *apps)
{
    int i, n;

    for (i = 0; i < apps->n; i++) {
        for (n = 0; apps->list[i].secrets[n] != NULL; n++) {
            if (!strcmp(apps->list[i].secrets[n], CHAT_APP_DEFAULT_SECRET)) {
                return apps->list[i].id;
            }
        }
    }
    return NULL;
}

/* The first app that lets nobody in by a number; NULL: none. */
static const char *shut_app(const chat_apps_t *apps)
{
    int i;

    for (i = 0; i < apps->n; i++) {
        if (apps->list[i].enabled && apps->list[i].max_connections == 0) {
            return apps->list[i].id;
        }
    }
    return NULL;
}

static const char *const *warnings_of(const push_conf_t *conf, const walk_t *w)
{
    apr_pool_t *p = w->pool;
    apr_array_header_t *list = apr_array_make(p, 8, sizeof(const char *));
    const char *id = default_secret(&conf->apps);
    const char *shut = shut_app(&conf->apps);

    if (w->unknown->nelts > 0) {
        note(list, apr_pstrcat(p, "unknown settings, please check: ",
                               apr_array_pstrcat(p, w->unknown, ' '), NULL));
    }
    if (w->ignored->nelts > 0) {
        note(list, apr_pstrcat(p, "settings of Soketi without effect here: ",
                               apr_array_pstrcat(p, w->ignored, ' '), NULL));
    }
    apr_array_cat(list, w->warnings);
    if (conf->max_body > conf->max_input) {
        note(list, "httpApi.requestLimitInMb is more than maxUnfinishedInMb: "
                   "requests larger than that are answered 503");
    }
    /* Soketi speaks plain then, too. */
    if (conf->tls_cert == NULL &&
        (conf->tls_pass != NULL || conf->tls_ca != NULL)) {
        note(list, "no TLS: ssl.passphrase and ssl.caPath do nothing without "
                   "ssl.certPath and ssl.keyPath");
    }
    if (id != NULL) {
        note(list,
             apr_psprintf(p,
                          "the secret of app %s is \"" CHAT_APP_DEFAULT_SECRET
                          "\", which everybody knows: set another one",
                          id));
    }
    /* Soketi lets everybody in then, against its documents. */
    if (shut != NULL) {
        note(list, apr_psprintf(p,
                                "maxConnections of app %s is 0: nobody can "
                                "connect; no limit is -1",
                                shut));
    }
    note(list, NULL);
    return (const char *const *)(void *)list->elts;
}

/* --- what Soketi can be and chat-push is not --- */

/* A value of Soketi's that is one of several; NULL when it is the usual one. */
static const char *unusual(const json_t *root, const char *key,
                           const char *usual)
{
    const char *text = json_string_value(chat_conf_find(root, key));

    return text == NULL || *text == '\0' || !strcmp(text, usual) ? NULL : text;
}

/* Whether somebody has said which apps there are. */
static int apps_given(const json_t *root, const char *const *env)
{
    apr_size_t i;

    for (i = 0; i < COUNT(app_variables); i++) {
        const char *text = env_get(env, app_variables[i].name);

        if (!strcmp(app_variables[i].key, "key") && text != NULL &&
            *text != '\0') {
            return 1;
        }
    }
    return json_array_size(chat_conf_find(root, APPS)) > 0;
}

/* Where going on would mean something else than it does there. */
static const char *soketi_check(walk_t *w, const json_t *root)
{
    const char *apps = unusual(root, "appManager.driver", "array");
    const char *adapter = unusual(root, "adapter.driver", "local");
    const char *mode = unusual(root, "mode", "full");

    if (mode != NULL && !strcmp(mode, "worker")) {
        return "mode is worker: chat-push sends webhooks itself and needs no "
               "worker beside it";
    }
    if (apps != NULL && !w->apps_given) {
        return apr_psprintf(w->pool,
                            "appManager.driver is %s: chat-push has its apps "
                            "from " APPS " and SOKETI_DEFAULT_APP_*, and there "
                            "are none",
                            apps);
    }
    if (apps != NULL) {
        note(w->warnings, apr_psprintf(w->pool,
                                       "appManager.driver is %s: the apps are "
                                       "those of these settings alone",
                                       apps));
    }
    if (adapter != NULL) {
        note(w->warnings,
             apr_psprintf(w->pool,
                          "adapter.driver is %s: several chat-push processes "
                          "share no channels, run one, it uses all cores",
                          adapter));
    }
    return NULL;
}

/* "ws/", "/ws" and "/ws/" all mean "/ws". */
static const char *prefix_normal(const char *prefix, apr_pool_t *p)
{
    apr_size_t len = strlen(prefix);

    while (len > 0 && prefix[len - 1] == '/') {
        len--;
    }
    if (len == 0) {
        return "";
    }
    return apr_pstrcat(p, *prefix == '/' ? "" : "/",
                       apr_pstrndup(p, prefix, len), NULL);
}

/* Where to listen. Never plain where somebody expects TLS. */
static const char *listen_check(const push_conf_t *conf)
{
    if ((conf->tls_cert == NULL) != (conf->tls_key == NULL)) {
        return "ssl.certPath and ssl.keyPath go together, and one is missing";
    }
    if (conf->tls_cert == NULL && conf->tls_port >= 0) {
        return "ssl.port is set, but ssl.certPath and ssl.keyPath are not";
    }
    if (conf->port < 0 && conf->tls_port < 0 && conf->unix_path == NULL) {
        return "port is -1, and neither ssl.port nor unix.path says where to "
               "listen instead";
    }
    return NULL;
}

/* What several settings say together. */
static const char *conf_check(push_conf_t *conf, apr_pool_t *p)
{
    const char *wrong = listen_check(conf);
    int i;

    if (wrong != NULL) {
        return wrong;
    }
    if (conf->metrics_port >= 0 && conf->metrics_enabled < 0) {
        conf->metrics_enabled = 1;
    }
    if (conf->metrics_port < 0) {
        conf->metrics_port = 9601;
    }
    if (conf->metrics_host == NULL) {
        conf->metrics_host = conf->metrics_enabled < 0 ? "127.0.0.1"
                                                       : "0.0.0.0";
    }
    conf->log_style = push_log_style_of(conf->log_format);
    conf->log_level = push_log_level_of(conf->log_level_name);
    if (conf->log_style < 0) {
        return "log.format must be text, logfmt or json";
    }
    if (conf->log_level < 0) {
        return "log.level must be error, warning, info or debug";
    }
    /* Less would take from people what they miss over lunch. */
    if (conf->retention_seconds != 0 && conf->retention_seconds < 3600) {
        return "database.retentionSeconds must be 0 or at least 3600";
    }
    conf->path_prefix = prefix_normal(conf->path_prefix, p);
    for (i = 0; conf->database_app != NULL && i < conf->apps.n; i++) {
        if (!strcmp(conf->database_app, conf->apps.list[i].id)) {
            return NULL;
        }
    }
    return conf->database_app != NULL ? "database.app names no app" : NULL;
}

apr_status_t push_conf_read(push_conf_t *conf, json_t *root,
                            const char *const *env, const char **why,
                            apr_pool_t *p)
{
    walk_t w = { .unknown = apr_array_make(p, 4, sizeof(const char *)),
                 .ignored = apr_array_make(p, 4, sizeof(const char *)),
                 .warnings = apr_array_make(p, 4, sizeof(const char *)),
                 .apps_given = apps_given(root, env),
                 .pool = p };
    const char *wrong;
    apr_status_t rv;
    apr_size_t i;

    memset(conf, 0, sizeof(*conf));
    walk(&w, root, "");
    walk_env(&w, env);
    env_apply(root, env);
    for (i = 0; i < COUNT(settings); i++) {
        wrong = setting_read(conf, &settings[i],
                             chat_conf_find(root, settings[i].key), p);
        if (wrong != NULL) {
            *why = apr_psprintf(p, "%s %s", settings[i].key, wrong);
            return APR_EINVAL;
        }
    }
    wrong = trusted_read(conf, chat_conf_find(root, TRUSTED), p);
    if (wrong != NULL) {
        *why = apr_psprintf(p, "%s %s", TRUSTED, wrong);
        return APR_EINVAL;
    }
    wrong = push_pages_read(&conf->pages, chat_conf_find(root, PAGES_ORIGIN),
                            chat_conf_find(root, PAGES_METHODS),
                            chat_conf_find(root, PAGES_HEADERS), p);
    if (wrong != NULL) {
        *why = wrong;
        return APR_EINVAL;
    }
    rv = chat_apps_read(&conf->apps, root, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    wrong = soketi_check(&w, root);
    if (wrong == NULL) {
        wrong = conf_check(conf, p);
    }
    if (wrong != NULL) {
        *why = wrong;
        return APR_EINVAL;
    }
    conf->warnings = warnings_of(conf, &w);
    return APR_SUCCESS;
}

apr_status_t push_conf_load(push_conf_t *conf, const char *file,
                            const char *const *env, const char **why,
                            apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;
    json_t *root = NULL;

    if (file == NULL) {
        root = json_object();
    }
    else {
        rv = chat_conf_load(&root, file, why, p);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = push_conf_read(conf, root, env, why, p);
    json_decref(root);
    if (rv != APR_SUCCESS && file != NULL) {
        *why = apr_pstrcat(p, file, ": ", *why, NULL);
    }
    return rv;
}

/* --- other settings while running --- */

static apr_size_t setting_size(const conf_setting_t *s)
{
    switch (s->kind) {
    case KIND_TEXT:
        return sizeof(const char *);
    case KIND_KB:
    case KIND_MB:
        return sizeof(apr_size_t);
    default:
        return sizeof(int);
    }
}

static int setting_same(const conf_setting_t *s, const char *a, const char *b)
{
    const char *x, *y;

    if (s->kind != KIND_TEXT) {
        return !memcmp(a, b, setting_size(s));
    }
    x = *(const char *const *)(const void *)a;
    y = *(const char *const *)(const void *)b;
    return x == y || (x != NULL && y != NULL && !strcmp(x, y));
}

static int is_live(const char *key)
{
    apr_size_t i;

    for (i = 0; i < COUNT(live_keys); i++) {
        if (!strcmp(key, live_keys[i])) {
            return 1;
        }
    }
    return 0;
}

static int trusted_same(const push_nets_t *a, const push_nets_t *b)
{
    return a->n == b->n && a->local == b->local &&
           !memcmp(a->list, b->list, (apr_size_t)a->n * sizeof(*a->list));
}

void push_conf_follow(push_conf_t *next, const push_conf_t *now,
                      apr_array_header_t *changed, apr_array_header_t *kept)
{
    apr_size_t i;

    for (i = 0; i < COUNT(settings); i++) {
        const conf_setting_t *s = &settings[i];
        char *to = (char *)next + s->at;
        const char *from = (const char *)now + s->at;

        if (is_live(s->key)) {
            if (!setting_same(s, to, from)) {
                note(changed, s->key);
            }
            continue;
        }
        if (!setting_same(s, to, from)) {
            note(kept, s->key);
        }
        memcpy(to, from, setting_size(s));
    }
    if (!trusted_same(&next->trusted, &now->trusted)) {
        note(changed, TRUSTED);
    }
    if (!push_pages_same(&next->pages, &now->pages)) {
        note(changed, "cors");
    }
}
