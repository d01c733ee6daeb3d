/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app.c - reading the apps out of the JSON file.
 *
 * An app's settings are a table: the names a setting may have (Soketi reads
 * three spellings of each), where it goes, and its kind. Soketi's global limits
 * are the defaults of every app, so they are read first into a template.
 */
#include "app.h"
#include "channel.h"
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_base64.h>
#include <apr_strings.h>

#define BASE64                                                                 \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define CONF_FILE_MAX (1024 * 1024) /* bytes */
#define APPS "appManager.array.apps"
#define APPS_NUMBERED_MAX 1000 /* apps that keys with a number may name */

typedef enum {
    KIND_STRING, /* const char * */
    KIND_BOOL,   /* int */
    KIND_LIMIT,  /* apr_int64_t, -1 none */
    KIND_PACE,   /* the same; a minute is divided by it */
    KIND_SIZE,   /* apr_size_t, as it is */
    KIND_KB      /* apr_size_t in bytes, given in units of 1024, maybe 0.5 */
} app_kind_t;

typedef struct {
    const char *names[3]; /* the first is ours; the others Soketi's */
    app_kind_t kind;
    apr_size_t at; /* in chat_app_t */
} app_setting_t;

/* Every setting of an app that is one value. */
/* clang-format off */
#define AT(member) offsetof(chat_app_t, member)
static const app_setting_t settings[] = {
    { { "id", "AppId", NULL },          KIND_STRING, AT(id) },
    { { "key", "AppKey", NULL },        KIND_STRING, AT(key) },
    { { "authEndpoint", NULL, NULL },   KIND_STRING, AT(auth_endpoint) },
    { { "enabled", "Enabled", NULL },   KIND_BOOL,   AT(enabled) },
    { { "enableClientMessages", "EnableClientMessages", "enable_client_messages" },
                                        KIND_BOOL,   AT(client_events) },
    { { "enableUserAuthentication", "EnableUserAuthentication", "enable_user_authentication" },
                                        KIND_BOOL,   AT(user_authentication) },
    { { "enableSubscriptionCount", NULL, NULL }, KIND_BOOL, AT(subscription_count) },
    { { "enableWatchlist", NULL, NULL },         KIND_BOOL, AT(watchlist) },
    { { "perMessageDeflate", NULL, NULL },       KIND_BOOL, AT(deflate) },
    { { "requireTls", NULL, NULL },              KIND_BOOL, AT(tls_only) },
    { { "maxConnections", "MaxConnections", "max_connections" },
                                        KIND_LIMIT,  AT(max_connections) },
    { { "maxConnectionsPerUser", NULL, NULL },    KIND_LIMIT, AT(max_per_user) },
    { { "maxConnectionsPerAddress", NULL, NULL }, KIND_LIMIT, AT(max_per_address) },
    { { "maxConnectsPerAddressPerMinute", NULL, NULL }, KIND_PACE, AT(max_connects) },
    { { "maxBackendEventsPerSecond", "MaxBackendEventsPerSecond", "max_backend_events_per_sec" },
                                        KIND_LIMIT,  AT(max_backend_events) },
    { { "maxClientEventsPerSecond", "MaxClientEventsPerSecond", "max_client_events_per_sec" },
                                        KIND_LIMIT,  AT(max_client_events) },
    { { "maxSubscribesPerMinute", NULL, NULL },   KIND_LIMIT, AT(max_subscribes) },
    { { "maxReadRequestsPerSecond", "MaxReadRequestsPerSecond", "max_read_req_per_sec" },
                                        KIND_LIMIT,  AT(max_read_requests) },
    { { "maxChannelNameLength", "MaxChannelNameLength", "max_channel_name_length" },
                                        KIND_SIZE,   AT(max_channel_name) },
    { { "maxEventNameLength", "MaxEventNameLength", "max_event_name_length" },
                                        KIND_SIZE,   AT(max_event_name) },
    { { "maxEventPayloadInKb", "MaxEventPayloadInKb", "max_event_payload_in_kb" },
                                        KIND_KB,     AT(max_event_payload) },
    { { "maxEventChannelsAtOnce", "MaxEventChannelsAtOnce", "max_event_channels_at_once" },
                                        KIND_SIZE,   AT(max_event_channels) },
    { { "maxEventBatchSize", "MaxEventBatchSize", "max_event_batch_size" },
                                        KIND_SIZE,   AT(max_event_batch) },
    { { "maxPresenceMembersPerChannel", "MaxPresenceMembersPerChannel", "max_presence_members_per_channel" },
                                        KIND_SIZE,   AT(max_presence_members) },
    { { "maxPresenceMemberSizeInKb", "MaxPresenceMemberSizeInKb", "max_presence_member_size_in_kb" },
                                        KIND_KB,     AT(max_presence_member) },
    { { "maxChannelsPerConnection", NULL, NULL }, KIND_SIZE, AT(max_channels) },
    { { "maxWatchlistSize", NULL, NULL },         KIND_SIZE, AT(max_watchlist) },
};

/* Limits of the whole file, which an app may change for itself. */
static const app_setting_t globals[] = {
    { { "channelLimits.maxNameLength", NULL, NULL },    KIND_SIZE, AT(max_channel_name) },
    { { "eventLimits.maxNameLength", NULL, NULL },      KIND_SIZE, AT(max_event_name) },
    { { "eventLimits.maxPayloadInKb", NULL, NULL },     KIND_KB,   AT(max_event_payload) },
    { { "eventLimits.maxChannelsAtOnce", NULL, NULL },  KIND_SIZE, AT(max_event_channels) },
    { { "eventLimits.maxBatchSize", NULL, NULL },       KIND_SIZE, AT(max_event_batch) },
    { { "presence.maxMembersPerChannel", NULL, NULL },  KIND_SIZE, AT(max_presence_members) },
    { { "presence.maxMemberSizeInKb", NULL, NULL },     KIND_KB,   AT(max_presence_member) },
    { { "channelLimits.maxPerConnection", NULL, NULL }, KIND_SIZE, AT(max_channels) },
};
#undef AT
/* clang-format on */

/* Keys of an app that are no single value, and those we know of but do not
 * need. */
static const char *const composites[] = { "secret",   "AppSecret",
                                          "secrets",  "allowedOrigins",
                                          "webhooks", "Webhooks",
                                          "encryptionMasterKeyBase64" };

#define UNSAID -2 /* max_subscribes: no file can say this */
#define SUBSCRIBES 10000

/* The documented limits; a file may change them. */
static const chat_app_t documented = {
    .enabled = 1,
    .max_connections = -1,
    .max_per_user = -1,
    .max_per_address = -1,
    .max_connects = -1,
    .max_backend_events = -1,
    .max_client_events = 10,
    .max_subscribes = UNSAID,
    .max_read_requests = -1,
    .max_channel_name = CHAT_CHANNEL_NAME_MAX,
    .max_event_name = 200,
    .max_event_payload = 10 * 1024,
    .max_event_channels = 100,
    .max_event_batch = 10,
    .max_presence_members = 100,
    .max_presence_member = 1024,
    .max_channels = 1000,
    .max_watchlist = 100,
};

/* A key may itself contain dots, so each place where the name can be cut is
 * tried, the longest key first. */
json_t *chat_conf_find(const json_t *root, const char *dotted)
{
    apr_size_t len = strlen(dotted);
    char key[256];
    json_t *value;

    if (!json_is_object(root) || len >= sizeof(key)) {
        return NULL;
    }
    value = json_object_get(root, dotted);
    if (value != NULL) {
        return value;
    }
    while (len > 0) {
        while (len > 0 && dotted[len - 1] != '.') {
            len--;
        }
        if (len == 0) {
            return NULL;
        }
        len--; /* the dot itself */
        memcpy(key, dotted, len);
        key[len] = '\0';
        value = chat_conf_find(json_object_get(root, key), dotted + len + 1);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

/* A number, or a string that holds one and nothing else. */
static int number_of(const json_t *value, double *out)
{
    const char *text;
    char *end;

    if (json_is_number(value)) {
        *out = json_number_value(value);
        return 1;
    }
    text = json_string_value(value);
    if (text == NULL || *text == '\0') {
        return 0;
    }
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && *end == '\0' && isfinite(*out);
}

/* One without a fraction, within limits. */
static int whole_of(const json_t *value, double least, double most, double *out)
{
    return number_of(value, out) && *out >= least && *out <= most &&
           (double)(apr_int64_t)*out == *out;
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
        *out = text[0] == 't';
        return 1;
    }
    if (number_of(value, &number) && (number == 0 || number == 1)) {
        *out = number == 1;
        return 1;
    }
    return 0;
}

/* Ids and keys are strings in the protocol, but files write numbers too. */
static int string_of(const json_t *value, const char **out, apr_pool_t *p)
{
    if (json_is_string(value)) {
        *out = apr_pstrdup(p, json_string_value(value));
        return 1;
    }
    if (json_is_integer(value)) {
        *out = apr_psprintf(p, "%" APR_INT64_T_FMT,
                            (apr_int64_t)json_integer_value(value));
        return 1;
    }
    return 0;
}

/* Put a value where its setting wants it; the sentence says what it must be
 * when it is not. */
static const char *setting_put(chat_app_t *app, const app_setting_t *s,
                               const json_t *value, apr_pool_t *p)
{
    char *to = (char *)app + s->at;
    double number;

    switch (s->kind) {
    case KIND_STRING:
        return string_of(value, (const char **)(void *)to, p)
                   ? NULL
                   : "must be a string";
    case KIND_BOOL:
        return bool_of(value, (int *)(void *)to) ? NULL
                                                 : "must be true or false";
    case KIND_LIMIT:
        if (!whole_of(value, -1, 1e15, &number)) {
            return "must be a whole number: 0 for none, -1 for no limit";
        }
        *(apr_int64_t *)(void *)to = (apr_int64_t)number;
        return NULL;
    case KIND_PACE:
        if (!whole_of(value, -1, 60000, &number)) {
            return "must be a whole number up to 60000: 0 for none, -1 for no "
                   "limit";
        }
        *(apr_int64_t *)(void *)to = (apr_int64_t)number;
        return NULL;
    case KIND_SIZE:
        if (!whole_of(value, 1, 1e9, &number)) {
            return "must be a whole number from 1 to 1000000000";
        }
        *(apr_size_t *)(void *)to = (apr_size_t)number;
        return NULL;
    case KIND_KB:
        if (!number_of(value, &number) || number * 1024 < 1 || number > 1e9) {
            return "must be a number above 0 and up to 1000000000";
        }
        *(apr_size_t *)(void *)to = (apr_size_t)(number * 1024);
        return NULL;
    }
    return "is of no known kind";
}

static apr_status_t globals_read(chat_app_t *app, const json_t *root,
                                 const char **why, apr_pool_t *p)
{
    const char *wrong;
    json_t *value;
    apr_size_t i;

    for (i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        value = chat_conf_find(root, globals[i].names[0]);
        if (value == NULL || json_is_null(value)) {
            continue;
        }
        wrong = setting_put(app, &globals[i], value, p);
        if (wrong != NULL) {
            *why = apr_psprintf(p, "%s %s", globals[i].names[0], wrong);
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}

/* A list of strings, NULL-terminated; `first` goes before them if not NULL. */
static const char *list_read(const char *const **out, const char *first,
                             const json_t *value, apr_pool_t *p)
{
    apr_size_t n = json_array_size(value);
    const char **list = apr_pcalloc(p, (n + 2) * sizeof(*list));
    apr_size_t at = 0;
    apr_size_t i;

    if (first != NULL) {
        list[at++] = first;
    }
    if (value != NULL && !json_is_null(value) && !json_is_array(value)) {
        return "must be a list of strings";
    }
    for (i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(value, i));

        if (text == NULL || *text == '\0') {
            return "must be a list of strings";
        }
        list[at++] = apr_pstrdup(p, text);
    }
    *out = list;
    return NULL;
}

/* What every request has from us, whatever the operator says of it. */
static int header_ours(const char *name)
{
    static const char *const ours[] = { "x-pusher-key", "x-pusher-signature",
                                        "content-type", "content-length",
                                        "transfer-encoding" };
    apr_size_t i;

    for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (!strcasecmp(name, ours[i])) {
            return 1;
        }
    }
    return 0;
}

static int header_valid(const char *name, const char *value)
{
    const char *c;

    for (c = name; *c != '\0'; c++) {
        if (!apr_isalnum(*c) && *c != '-' && *c != '_') {
            return 0;
        }
    }
    return *name != '\0' && *value != '\0' && strpbrk(value, "\r\n") == NULL;
}

static const char *headers_read(const char *const **out, json_t *object,
                                apr_pool_t *p)
{
    const char **list = apr_pcalloc(p, (json_object_size(object) + 1) *
                                           sizeof(*list));
    const char *name, *value;
    json_t *member;
    int n = 0;

    if (object != NULL && !json_is_null(object) && !json_is_object(object)) {
        return "needs headers that are an object";
    }
    json_object_foreach(object, name, member)
    {
        value = json_string_value(member);
        if (value == NULL || !header_valid(name, value)) {
            return "has a header that cannot be set";
        }
        if (!header_ours(name)) {
            list[n++] = apr_pstrcat(p, name, ": ", value, NULL);
        }
    }
    *out = list;
    return NULL;
}

static const char *webhook_read(chat_webhook_t *hook, const json_t *value,
                                apr_pool_t *p)
{
    const json_t *filter = json_object_get(value, "filter");
    const char *text = json_string_value(json_object_get(value, "url"));

    if (text == NULL && json_object_get(value, "lambda_function") != NULL) {
        return "has a lambda_function, which chat-push cannot call: it needs a "
               "url";
    }
    if (text == NULL ||
        (strncmp(text, "http://", 7) && strncmp(text, "https://", 8))) {
        return "needs a url that begins with http:// or https://";
    }
    hook->url = apr_pstrdup(p, text);
    text = json_string_value(
        json_object_get(filter, "channel_name_starts_with"));
    hook->prefix = text ? apr_pstrdup(p, text) : NULL;
    text = json_string_value(json_object_get(filter, "channel_name_ends_with"));
    hook->suffix = text ? apr_pstrdup(p, text) : NULL;
    if (list_read(&hook->events, NULL, json_object_get(value, "event_types"),
                  p) != NULL) {
        return "needs event_types, a list of strings";
    }
    return headers_read(&hook->headers, json_object_get(value, "headers"), p);
}

/* The list may come as a string that holds it, from an environment. */
static const char *webhooks_read(chat_app_t *app, json_t *value, apr_pool_t *p)
{
    chat_webhook_t *hooks;
    const char *wrong;
    apr_size_t n, i;

    if (json_is_string(value)) {
        value = chat_json_parse_pool(json_string_value(value),
                                     json_string_length(value), NULL, p);
    }
    if (!json_is_array(value)) {
        return "must be a list";
    }
    n = json_array_size(value);
    hooks = apr_pcalloc(p, (n + 1) * sizeof(*hooks));
    for (i = 0; i < n; i++) {
        wrong = webhook_read(&hooks[i], json_array_get(value, i), p);
        if (wrong != NULL) {
            return wrong;
        }
    }
    app->webhooks = hooks;
    app->nwebhooks = (int)n;
    return NULL;
}

/* As Soketi reads it: "" is not set, and of two spellings the second wins. */
static int is_unset(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && !json_string_length(value));
}

static json_t *get_any(const json_t *app, const char *a, const char *b)
{
    json_t *value = json_object_get(app, b);

    value = is_unset(value) ? json_object_get(app, a) : value;
    return is_unset(value) ? NULL : value;
}

/* The key from which those of encrypted channels are made. */
static const char *master_key_read(chat_app_t *app, const json_t *value,
                                   apr_pool_t *p)
{
    const char *text = json_string_value(value);
    char *key;

    if (is_unset(value)) {
        return NULL;
    }
    /* 44 characters are at most 33 bytes. */
    if (text == NULL || strlen(text) != 44 || text[43] != '=' ||
        strspn(text, BASE64) != 43) {
        return "must be 32 bytes in base64";
    }
    key = apr_palloc(p, (apr_size_t)apr_base64_decode_len(text) + 1);
    if (apr_base64_decode(key, text) != CHAT_APP_ENCRYPTION_KEY) {
        return "must be 32 bytes in base64";
    }
    app->encryption_key = key;
    return NULL;
}

/* The settings that are lists. `key` names the one that is wrong. */
static const char *composites_read(chat_app_t *app, const json_t *from,
                                   const char **key, apr_pool_t *p)
{
    json_t *value = get_any(from, "secret", "AppSecret");
    const char *secret = NULL;
    const char *wrong;

    *key = "secret";
    if (value != NULL && !string_of(value, &secret, p)) {
        return "must be a string";
    }
    *key = "secrets";
    wrong = list_read(&app->secrets, secret, json_object_get(from, "secrets"),
                      p);
    if (wrong != NULL) {
        return wrong;
    }
    *key = "allowedOrigins";
    value = json_object_get(from, "allowedOrigins");
    if (value != NULL && !json_is_null(value)) {
        wrong = list_read(&app->origins, NULL, value, p);
        if (wrong != NULL) {
            return wrong;
        }
    }
    *key = "encryptionMasterKeyBase64";
    wrong = master_key_read(app, json_object_get(from, *key), p);
    if (wrong != NULL) {
        return wrong;
    }
    *key = "webhooks";
    value = get_any(from, "webhooks", "Webhooks");
    return value == NULL ? NULL : webhooks_read(app, value, p);
}

/* An app that can be used: what identifies it is there. */
static const char *app_complete(const chat_app_t *app, const char **key)
{
    *key = "id";
    if (app->id == NULL || *app->id == '\0' || strpbrk(app->id, "/?#% ")) {
        return "is needed: a string without / ? # % and spaces";
    }
    *key = "key";
    if (app->key == NULL || *app->key == '\0' || strpbrk(app->key, ":/?#% ")) {
        return "is needed: a string without : / ? # % and spaces";
    }
    *key = "secret";
    if (app->secrets[0] == NULL || *app->secrets[0] == '\0') {
        return "is needed: a string";
    }
    return NULL;
}

static const char *app_read(chat_app_t *app, const json_t *from,
                            const char **key, apr_pool_t *p)
{
    const char *wrong;
    json_t *value;
    apr_size_t i;
    int n;

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        for (n = 0; n < 3 && settings[i].names[n] != NULL; n++) {
            *key = settings[i].names[n];
            value = json_object_get(from, *key);
            if (is_unset(value)) {
                continue;
            }
            wrong = setting_put(app, &settings[i], value, p);
            if (wrong != NULL) {
                return wrong;
            }
        }
    }
    if (app->max_subscribes == UNSAID) {
        /* Twice what a socket may have: a page that comes back asks for all. */
        app->max_subscribes = app->max_channels > SUBSCRIBES / 2
                                  ? 2 * (apr_int64_t)app->max_channels
                                  : SUBSCRIBES;
    }
    wrong = composites_read(app, from, key, p);
    return wrong != NULL ? wrong : app_complete(app, key);
}

/* Two apps under one id or key could not be told apart. */
static int app_repeated(const chat_app_t *apps, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        if (!strcmp(apps[i].id, apps[n].id) ||
            !strcmp(apps[i].key, apps[n].key)) {
            return 1;
        }
    }
    return 0;
}

apr_status_t chat_apps_read(chat_apps_t *apps, const json_t *root,
                            const char **why, apr_pool_t *p)
{
    json_t *list = chat_conf_find(root, APPS);
    chat_app_t template = documented;
    const char *key;
    const char *wrong;
    chat_app_t *all;
    apr_status_t rv;
    apr_size_t n, i;

    apps->list = NULL;
    apps->n = 0;
    rv = globals_read(&template, root, why, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (list != NULL && !json_is_array(list)) {
        *why = APPS " must be a list";
        return APR_EINVAL;
    }
    n = json_array_size(list);
    all = apr_pcalloc(p, (n + 1) * sizeof(*all));
    for (i = 0; i < n; i++) {
        all[i] = template;
        wrong = app_read(&all[i], json_array_get(list, i), &key, p);
        if (wrong == NULL && app_repeated(all, i)) {
            key = "id";
            wrong = "and key must differ from those of the other apps";
        }
        if (wrong != NULL) {
            *why = apr_psprintf(p, APPS "[%d].%s %s", (int)i, key, wrong);
            return APR_EINVAL;
        }
    }
    apps->list = all;
    apps->n = (int)n;
    return APR_SUCCESS;
}

int chat_app_knows(const char *key)
{
    apr_size_t i;
    int n;

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        for (n = 0; n < 3 && settings[i].names[n] != NULL; n++) {
            if (!strcmp(key, settings[i].names[n])) {
                return 1;
            }
        }
    }
    for (i = 0; i < sizeof(composites) / sizeof(composites[0]); i++) {
        if (!strcmp(key, composites[i])) {
            return 1;
        }
    }
    return 0;
}

int chat_app_global(const char *dotted)
{
    apr_size_t i;

    for (i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        if (!strcmp(dotted, globals[i].names[0])) {
            return 1;
        }
    }
    return 0;
}

/* The app that a key as "appManager.array.apps.0.enabled" is of, made when the
 * list has none there; `key` is set to what is behind the number. The first
 * one begins as Soketi's default app. NULL: the key is no such key. */
static json_t *app_numbered(json_t *root, const char *dotted, const char **key)
{
    static const char prefix[] = APPS ".";
    const char *at = dotted + sizeof(prefix) - 1;
    unsigned long n;
    json_t *list;
    char *end;

    if (strncmp(dotted, prefix, sizeof(prefix) - 1) || !apr_isdigit(*at)) {
        return NULL;
    }
    n = strtoul(at, &end, 10);
    if (n >= APPS_NUMBERED_MAX || end[0] != '.' || end[1] == '\0') {
        return NULL;
    }
    *key = end + 1;
    list = chat_conf_find(root, APPS);
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
    while (json_is_array(list) && json_array_size(list) <= n) {
        json_array_append_new(list, json_object());
    }
    return json_array_get(list, n);
}

/* Put the keys that name an app by its number into the list of apps. */
static void apps_gather(json_t *root)
{
    json_t *keys = json_copy(root);
    const char *dotted, *key;
    json_t *value, *app;

    json_object_foreach(keys, dotted, value)
    {
        app = app_numbered(root, dotted, &key);
        if (app != NULL) {
            json_object_set(app, key, value);
            json_object_del(root, dotted);
        }
    }
    json_decref(keys);
}

apr_status_t chat_conf_load(json_t **root, const char *path, const char **why,
                            apr_pool_t *p)
{
    const char *wrong = NULL;
    char message[128];
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t len;
    apr_status_t rv;
    char *text;

    rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p, "%s cannot be opened: %s", path,
                            apr_strerror(rv, message, sizeof(message)));
        return rv;
    }
    rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file);
    if (rv == APR_SUCCESS &&
        (info.filetype != APR_REG || info.size > CONF_FILE_MAX)) {
        apr_file_close(file);
        *why = apr_psprintf(p, "%s is no file of at most 1 MB", path);
        return APR_EINVAL;
    }
    len = (apr_size_t)info.size;
    text = apr_palloc(p, len + 1);
    if (rv == APR_SUCCESS && len > 0) {
        rv = apr_file_read_full(file, text, len, &len);
    }
    apr_file_close(file);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(p, "%s cannot be read: %s", path,
                            apr_strerror(rv, message, sizeof(message)));
        return rv;
    }
    *root = chat_json_parse(text, len, &wrong, p);
    if (!json_is_object(*root)) {
        *why = apr_psprintf(p, "%s: %s", path,
                            *root ? "it is no JSON object" : wrong);
        json_decref(*root);
        *root = NULL;
        return APR_EINVAL;
    }
    apps_gather(*root);
    return APR_SUCCESS;
}

/* --- whether settings have changed --- */

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && !strcmp(a, b));
}

static int same_list(const char *const *a, const char *const *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    while (*a != NULL && *b != NULL && !strcmp(*a, *b)) {
        a++;
        b++;
    }
    return *a == NULL && *b == NULL;
}

int chat_webhooks_same(const chat_app_t *a, const chat_app_t *b)
{
    int i;

    for (i = 0; i < a->nwebhooks && i < b->nwebhooks; i++) {
        const chat_webhook_t *x = &a->webhooks[i];
        const chat_webhook_t *y = &b->webhooks[i];

        if (!same_text(x->url, y->url) || !same_list(x->events, y->events) ||
            !same_text(x->prefix, y->prefix) ||
            !same_text(x->suffix, y->suffix) ||
            !same_list(x->headers, y->headers)) {
            return 0;
        }
    }
    return a->nwebhooks == b->nwebhooks;
}

static int same_setting(const app_setting_t *s, const chat_app_t *a,
                        const chat_app_t *b)
{
    const void *x = (const char *)a + s->at;
    const void *y = (const char *)b + s->at;

    switch (s->kind) {
    case KIND_STRING:
        return same_text(*(const char *const *)x, *(const char *const *)y);
    case KIND_BOOL:
        return *(const int *)x == *(const int *)y;
    case KIND_LIMIT:
    case KIND_PACE:
        return *(const apr_int64_t *)x == *(const apr_int64_t *)y;
    case KIND_SIZE:
    case KIND_KB:
        return *(const apr_size_t *)x == *(const apr_size_t *)y;
    }
    return 0;
}

int chat_app_same(const chat_app_t *a, const chat_app_t *b)
{
    apr_size_t i;

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (!same_setting(&settings[i], a, b)) {
            return 0;
        }
    }
    return same_list(a->secrets, b->secrets) &&
           same_list(a->origins, b->origins) && chat_webhooks_same(a, b);
}

int chat_app_origin_is(const char *entry, const char *origin)
{
    const char *host = strstr(origin, "://");
    apr_size_t len = strlen(entry), host_len;

    host = host ? host + 3 : origin;
    host_len = strcspn(host, ":/");

    if (!strcmp(entry, "*")) {
        return 1;
    }
    if (strstr(entry, "://") != NULL) {
        return !strcasecmp(entry, origin);
    }
    if (entry[0] == '*' && entry[1] == '.') {
        return host_len >= len - 1 &&
               !strncasecmp(host + host_len - (len - 1), entry + 1, len - 1);
    }
    return host_len == len && !strncasecmp(host, entry, len);
}

const chat_app_t *chat_app_by_key(const chat_apps_t *apps, const char *key,
                                  apr_size_t len)
{
    int i;

    for (i = 0; i < apps->n; i++) {
        if (strlen(apps->list[i].key) == len &&
            !memcmp(apps->list[i].key, key, len)) {
            return &apps->list[i];
        }
    }
    return NULL;
}

const chat_app_t *chat_app_by_id(const chat_apps_t *apps, const char *id,
                                 apr_size_t len)
{
    int i;

    for (i = 0; i < apps->n; i++) {
        if (strlen(apps->list[i].id) == len &&
            !memcmp(apps->list[i].id, id, len)) {
            return &apps->list[i];
        }
    }
    return NULL;
}
