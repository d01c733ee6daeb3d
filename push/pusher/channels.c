/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channels.c - what application servers may ask about channels and users.
 *
 * Soketi's users read subscription_count and occupied without asking for them,
 * so they are always there; what the documents say is asked with `info`.
 */
#include "api_inside.h"
#include "pusher.h"

#include <string.h>

static const struct {
    const char *name;
    int flag;
} attributes[] = {
    { "user_count", API_USER_COUNT },
    { "subscription_count", API_SUBSCRIPTION_COUNT },
    { "cache", API_CACHE },
};

static int attribute_of(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if (strlen(attributes[i].name) == len &&
            !memcmp(attributes[i].name, text, len)) {
            return attributes[i].flag;
        }
    }
    return 0;
}

int api_info(const char *text, apr_size_t len, int known)
{
    const char *end = text + len;
    const char *comma;
    int info = 0;
    int flag;

    while (text < end) {
        comma = memchr(text, ',', (apr_size_t)(end - text));
        comma = comma ? comma : end;
        flag = attribute_of(text, (apr_size_t)(comma - text));
        if ((flag & known) == 0) {
            return -1;
        }
        info |= flag;
        text = comma + (comma < end);
    }
    return info;
}

void api_attributes(push_text_t *out, const push_name_t *name, int info)
{
    push_channel_info_t known;
    const char *comma = "";

    push_hub_info(push_server.hubs, name, &known);
    push_text_str(out, "{");
    if ((info & API_USER_COUNT) && name->members) {
        push_text_printf(out, "\"user_count\":%u", known.users);
        comma = ",";
    }
    if (info & API_SUBSCRIPTION_COUNT) {
        push_text_printf(out, "%s\"subscription_count\":%u", comma,
                         known.subscriptions);
    }
    push_text_str(out, "}");
    if (known.cached != NULL) {
        push_frame_release(known.cached);
    }
}

/* --- lists --- */

static int within_rate(api_request_t *r)
{
    if (push_budget_spend(&r->app->reads, r->app->conf->max_read_requests, 1,
                          push_loop_seconds(push_conn_loop(r->c)))) {
        return 1;
    }
    api_error(r, 429,
              "The app has made %" APR_INT64_T_FMT
              " requests in this second, its most",
              r->app->conf->max_read_requests);
    return 0;
}

/* The attributes asked for; -1 when it was refused. */
static int info_read(api_request_t *r, int known)
{
    const query_param_t *param = query_get(r->query, "info");
    int info = param ? api_info(param->value, param->value_len, known) : 0;

    if (info < 0) {
        api_error(r, 400, "info asks for an attribute that is not known here");
    }
    return info;
}

/* The last event of a cache channel. */
static void cache_add(push_text_t *out, apr_size_t name_len,
                      const push_channel_info_t *known)
{
    const char *data;
    apr_size_t len;

    if (known->cached == NULL) {
        push_text_str(out, ",\"cache\":null");
        return;
    }
    data = pusher_data(known->cached, known->cached_at, name_len, &len);
    push_text_str(out, ",\"cache\":{\"data\":");
    push_text_add(out, data, len);
    push_text_printf(out, ",\"ttl\":%u}", known->cached_ttl);
}

typedef struct {
    push_text_t out;
    const char *prefix;
    apr_size_t prefix_len;
    int info; /* API_… asked for */
    int any;
} list_t;

static void list_add(void *baton, const char *name, apr_size_t len,
                     const push_channel_info_t *known)
{
    list_t *list = baton;
    chat_channel_t kind;

    if (len < list->prefix_len ||
        memcmp(name, list->prefix, list->prefix_len)) {
        return;
    }
    memset(&kind, 0, sizeof(kind));
    chat_channel_parse(&kind, name, len, len);
    push_text_str(&list->out, list->any ? "," : "");
    list->any = 1;
    push_text_quote(&list->out, name, len);
    push_text_str(&list->out, ":{\"occupied\":true,\"subscription_count\":");
    push_text_num(&list->out, known->subscriptions);
    if (kind.kind == CHAT_CHANNEL_MEMBERS) {
        push_text_str(&list->out, ",\"user_count\":");
        push_text_num(&list->out, known->users);
    }
    if (kind.cache && (list->info & API_CACHE)) {
        cache_add(&list->out, len, known);
    }
    push_text_str(&list->out, "}");
}

void api_channels(api_request_t *r)
{
    static const char presence[] = "presence-";
    const query_param_t *prefix = query_get(r->query, "filter_by_prefix");
    list_t list = { { NULL, 0, 0 }, "", 0, 0, 0 };
    int info;

    if (!within_rate(r)) {
        return;
    }
    info = info_read(r, API_USER_COUNT | API_SUBSCRIPTION_COUNT | API_CACHE);
    if (info < 0) {
        return;
    }
    list.info = info;
    if (prefix != NULL) {
        list.prefix = prefix->value;
        list.prefix_len = prefix->value_len;
    }
    if ((info & API_USER_COUNT) &&
        (list.prefix_len < sizeof(presence) - 1 ||
         memcmp(list.prefix, presence, sizeof(presence) - 1))) {
        api_error(r, 400,
                  "user_count is known of presence channels only: ask with "
                  "filter_by_prefix=presence-");
        return;
    }
    push_text_str(&list.out, "{\"channels\":{");
    push_hub_channels(push_server.hubs, r->app, list_add, &list);
    push_text_str(&list.out, "}}");
    api_reply(r, 200, &list.out);
}

/* --- one channel --- */

/* The channel in the path; 0 when it was refused. */
static int channel_read(api_request_t *r, push_name_t *name)
{
    chat_channel_t kind;

    if (chat_channel_parse(&kind, r->arg.at, r->arg.len,
                           r->app->conf->max_channel_name) != CHAT_CHANNEL_OK) {
        api_error(r, 400, "The path names no valid channel");
        return 0;
    }
    if (kind.alias && !push_server.identities) {
        memset(&kind, 0, sizeof(kind));
    }
    push_name_set(name, push_server.hubs, r->app, r->arg.at, r->arg.len, &kind);
    return 1;
}

void api_channel(api_request_t *r)
{
    push_text_t out = { NULL, 0, 0 };
    push_channel_info_t known;
    push_name_t name;
    int info;

    if (!within_rate(r) || !channel_read(r, &name)) {
        return;
    }
    info = info_read(r, API_USER_COUNT | API_SUBSCRIPTION_COUNT | API_CACHE);
    if (info < 0) {
        return;
    }
    if ((info & API_USER_COUNT) && !name.members) {
        api_error(r, 400, "user_count is known of presence channels only");
        return;
    }
    if ((info & API_CACHE) && !name.cache) {
        api_error(r, 400, "cache is known of cache channels only");
        return;
    }
    push_hub_info(push_server.hubs, &name, &known);
    push_text_printf(&out, "{\"occupied\":%s,\"subscription_count\":%u",
                     known.subscriptions > 0 ? "true" : "false",
                     known.subscriptions);
    if (name.members) {
        push_text_printf(&out, ",\"user_count\":%u", known.users);
    }
    if (info & API_CACHE) {
        cache_add(&out, name.len, &known);
    }
    push_text_str(&out, "}");
    if (known.cached != NULL) {
        push_frame_release(known.cached);
    }
    api_reply(r, 200, &out);
}

typedef struct {
    push_text_t out;
    int with_info; /* Soketi's with_user_info=1 */
    int any;
} users_t;

static void user_add(void *baton, const push_member_t *m)
{
    users_t *users = baton;

    push_text_str(&users->out, users->any ? ",{\"id\":" : "{\"id\":");
    users->any = 1;
    push_text_add(&users->out, m->user.json, m->user.json_len);
    if (users->with_info) {
        push_text_str(&users->out, ",\"user_info\":");
        push_text_add(&users->out, m->user.info, m->user.info_len);
    }
    push_text_str(&users->out, "}");
}

void api_channel_users(api_request_t *r)
{
    const query_param_t *info = query_get(r->query, "with_user_info");
    users_t users = { { NULL, 0, 0 }, 0, 0 };
    push_name_t name;

    if (!within_rate(r) || !channel_read(r, &name)) {
        return;
    }
    if (!name.members) {
        api_error(r, 400, "Only presence channels have users");
        return;
    }
    users.with_info = info != NULL && info->value_len == 1 &&
                      info->value[0] == '1';
    push_text_str(&users.out, "{\"users\":[");
    push_hub_users(push_server.hubs, &name, user_add, &users);
    push_text_str(&users.out, "]}");
    api_reply(r, 200, &users.out);
}

/* How many clients the app has; Reverb's question, Pusher's API has none. */
void api_connections(api_request_t *r)
{
    push_text_t out = { NULL, 0, 0 };

    if (!within_rate(r)) {
        return;
    }
    push_text_printf(&out, "{\"connections\":%d}",
                     __atomic_load_n(&r->app->connections, __ATOMIC_RELAXED));
    api_reply(r, 200, &out);
}
