/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.c - events from application servers: one, a batch, or to a user.
 *
 * A request is checked whole before anything of it is delivered, so an error
 * means that nobody got anything. The body is scanned, not parsed into a tree;
 * name and data go into the message as they came.
 */
#include "api_inside.h"
#include "client.h"
#include "pusher.h"

#include <string.h>
#include <apr_strings.h>

/* One event, checked. */
typedef struct {
    pusher_publish_t in;
    push_name_t *names; /* nnames channels, each once */
    apr_size_t nnames;
    apr_uint64_t except; /* number of the connection left out, 0: none */
    int info;            /* attributes asked for; 0: none */
} api_event_t;

static const char empty[] = "{}";

/* The text of a string, in the body or the pool. */
static const char *text_of(const api_request_t *r, const scan_value_t *v)
{
    char *text;

    if (!v->escaped) {
        return v->at + 1;
    }
    text = apr_palloc(r->pool, v->size + 1u);
    scan_text(text, v);
    return text;
}

static int given(const scan_value_t *v)
{
    return v->type != SCAN_ABSENT && v->type != SCAN_NULL;
}

/* --- checking --- */

/* The channel of a user: its id is free but for what would break a message. */
static int user_channel(const char *name, apr_size_t len)
{
    const apr_size_t prefix = sizeof(PUSH_USER_EVENTS) - 1;

    return chat_channel_is_server(name, len) &&
           push_client_user_id(name + prefix, len - prefix);
}

/* The name of a channel to publish on, in canonical form. */
static int name_read(api_request_t *r, push_name_t *name, const scan_value_t *v)
{
    const apr_size_t max = r->app->conf->max_channel_name;
    chat_channel_t kind;
    const char *text;
    char *canonical;

    if (v->type != SCAN_STRING) {
        api_error(r, 400, "A channel must be a string");
        return 0;
    }
    text = text_of(r, v);
    if (user_channel(text, v->size)) {
        push_name_set(name, push_server.hubs, r->app, text, v->size, NULL);
        return 1;
    }
    switch (chat_channel_parse(&kind, text, v->size, max)) {
    case CHAT_CHANNEL_OK:
        break;
    case CHAT_CHANNEL_TOO_LONG:
        api_error(r, 400,
                  "A channel name has %u characters, at most %" APR_SIZE_T_FMT
                  " are allowed",
                  v->size, max);
        return 0;
    default:
        api_error(r, 400,
                  "A channel name must be of A-Z a-z 0-9 _ - = @ , . and ;");
        return 0;
    }
    if (kind.alias && push_server.identities) {
        canonical = apr_pmemdup(r->pool, text, v->size);
        chat_channel_canonical(canonical, canonical, v->size);
        text = canonical;
        chat_channel_parse(&kind, text, v->size, max);
    }
    else if (kind.alias) {
        memset(&kind, 0, sizeof(kind)); /* an ordinary public name */
    }
    push_name_set(name, push_server.hubs, r->app, text, v->size, &kind);
    return 1;
}

static int repeated(const push_name_t *names, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        if (names[i].hash == names[n].hash && names[i].len == names[n].len &&
            !memcmp(names[i].name, names[n].name, names[n].len)) {
            return 1;
        }
    }
    return 0;
}

static apr_size_t elements(const scan_value_t *array)
{
    const char *at = NULL;
    scan_value_t v;
    apr_size_t n = 0;

    while (scan_next(array, &at, &v)) {
        n++;
    }
    return n;
}

static int channel_list(api_request_t *r, api_event_t *e)
{
    const apr_size_t max = r->app->conf->max_event_channels;
    const scan_value_t *list = &e->in.channels;
    apr_size_t n = list->type == SCAN_ARRAY ? elements(list) : 0;
    const char *at = NULL;
    scan_value_t v;

    if (n == 0) {
        api_error(r, 400, "channels must be a list of channel names");
        return 0;
    }
    if (n > max) {
        api_error(r, 400,
                  "The event is for %" APR_SIZE_T_FMT
                  " channels, at most %" APR_SIZE_T_FMT " are allowed",
                  n, max);
        return 0;
    }
    e->names = apr_palloc(r->pool, n * sizeof(push_name_t));
    while (scan_next(list, &at, &v)) {
        if (!name_read(r, &e->names[e->nnames], &v)) {
            return 0;
        }
        e->nnames += !repeated(e->names, e->nnames);
    }
    return 1;
}

static int channels_read(api_request_t *r, api_event_t *e)
{
    if (given(&e->in.channels)) {
        return channel_list(r, e);
    }
    if (!given(&e->in.channel)) {
        api_error(r, 400, "The event needs channel or channels");
        return 0;
    }
    e->names = apr_palloc(r->pool, sizeof(push_name_t));
    e->nnames = 1;
    return name_read(r, e->names, &e->in.channel);
}

/* Events of such names are the server's own. */
static int name_reserved(const char *name, apr_size_t len)
{
    static const char *const prefixes[] = { "pusher:", "pusher_internal:" };
    apr_size_t i;

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        apr_size_t n = strlen(prefixes[i]);

        if (len >= n && !memcmp(name, prefixes[i], n)) {
            return 1;
        }
    }
    return 0;
}

static int name_and_data(api_request_t *r, const pusher_publish_t *in)
{
    const chat_app_t *app = r->app->conf;
    apr_size_t size = in->data.type == SCAN_STRING ? in->data.size
                                                   : in->data.len;

    if (in->name.type != SCAN_STRING || in->name.size == 0) {
        api_error(r, 400, "The event needs a name, a string");
        return 0;
    }
    if (in->name.size > app->max_event_name) {
        api_error(r, 400,
                  "The event's name has %u bytes, at most %" APR_SIZE_T_FMT
                  " are allowed",
                  in->name.size, app->max_event_name);
        return 0;
    }
    if (name_reserved(text_of(r, &in->name), in->name.size)) {
        api_error(r, 400,
                  "Only the server sends events that begin with pusher: or "
                  "pusher_internal:");
        return 0;
    }
    if (!given(&in->data)) {
        api_error(r, 400, "The event needs data");
        return 0;
    }
    if (size > app->max_event_payload) {
        api_error(r, 413,
                  "The event's data has %" APR_SIZE_T_FMT
                  " bytes, at most %" APR_SIZE_T_FMT " are allowed",
                  size, app->max_event_payload);
        return 0;
    }
    return 1;
}

static int options_read(api_request_t *r, api_event_t *e)
{
    const scan_value_t *id = &e->in.socket_id;
    const scan_value_t *info = &e->in.info;
    const char *text;

    if (given(id)) {
        text = id->type == SCAN_STRING ? text_of(r, id) : "";
        if (!chat_socket_id_valid(text, id->size)) {
            api_error(r, 400, "socket_id must be digits, a dot and digits");
            return 0;
        }
        e->except = push_client_number(text, id->size);
    }
    if (given(info)) {
        e->info = info->type != SCAN_STRING
                      ? -1
                      : api_info(text_of(r, info), info->size,
                                 API_USER_COUNT | API_SUBSCRIPTION_COUNT);
        if (e->info < 0) {
            api_error(r, 400,
                      "info may be user_count, subscription_count or both");
            return 0;
        }
    }
    return 1;
}

static int event_read(api_request_t *r, api_event_t *e, const char *json,
                      apr_size_t len)
{
    const char *why;

    memset(e, 0, sizeof(*e));
    why = pusher_publish_read(&e->in, json, len);
    if (why != NULL) {
        api_error(r, 400, "The event is no JSON object: %s", why);
        return 0;
    }
    return name_and_data(r, &e->in) && channels_read(r, e) &&
           options_read(r, e);
}

/* Every channel of an event counts as one against the app's rate. */
static int within_rate(api_request_t *r, apr_size_t cost)
{
    if (push_hubs_behind(push_server.hubs)) {
        api_error(r, 503, "Earlier events are not delivered yet, try again");
        return 0;
    }
    if (push_budget_spend(&r->app->publishes, r->app->conf->max_backend_events,
                          (apr_uint32_t)cost,
                          push_loop_seconds(push_conn_loop(r->c)))) {
        return 1;
    }
    api_error(r, 429,
              "The app has published %" APR_INT64_T_FMT
              " events in this second, its most",
              r->app->conf->max_backend_events);
    return 0;
}

/* --- delivering --- */

static void publish(api_request_t *r, const api_event_t *e)
{
    push_event_t out = { NULL, 0, e->except, 1 };
    apr_size_t i;

    for (i = 0; i < e->nnames; i++) {
        out.frame = pusher_event(&e->in.name, e->names[i].name, e->names[i].len,
                                 &e->in.data, NULL, &out.name_at);
        push_hub_publish(push_server.hubs, r->hub, &e->names[i], &out);
        push_frame_release(out.frame);
    }
    push_count(&push_app_traffic(r->app, r->loop)->published, e->nnames);
}

static void answer_event(api_request_t *r, const api_event_t *e)
{
    push_text_t out = { NULL, 0, 0 };
    apr_size_t i;

    if (e->info == 0) {
        push_text_str(&out, empty);
    }
    else {
        push_text_str(&out, "{\"channels\":{");
        for (i = 0; i < e->nnames; i++) {
            push_text_str(&out, i > 0 ? "," : "");
            push_text_quote(&out, e->names[i].name, e->names[i].len);
            push_text_str(&out, ":");
            api_attributes(&out, &e->names[i], e->info);
        }
        push_text_str(&out, "}}");
    }
    api_reply(r, 200, &out);
}

/* Parameters may also stand in the query string of a request without body. */
static int body_read(api_request_t *r)
{
    if (r->len > 0) {
        return 1;
    }
    r->body = query_json(r->query, &r->len, r->pool);
    if (r->body == NULL) {
        r->len = 0;
        api_error(r, 400, "The query string is not UTF-8");
        return 0;
    }
    return 1;
}

void api_events(api_request_t *r)
{
    api_event_t e;

    if (!body_read(r) || !event_read(r, &e, r->body, r->len) ||
        !within_rate(r, e.nnames)) {
        return;
    }
    publish(r, &e);
    answer_event(r, &e);
}

/* The batch as a list of objects; 0 when it was refused. */
static apr_size_t batch_size(api_request_t *r, scan_value_t *list)
{
    const scan_field_t fields[] = { { "batch", list } };
    const char *why = scan_object(r->body, r->len, fields, 1);
    apr_size_t n;

    if (why != NULL) {
        api_error(r, 400, "The body is no JSON object: %s", why);
        return 0;
    }
    n = list->type == SCAN_ARRAY ? elements(list) : 0;
    if (n == 0) {
        api_error(r, 400, "batch must be a list of events");
        return 0;
    }
    if (n > r->app->conf->max_event_batch) {
        api_error(r, 400,
                  "The batch has %" APR_SIZE_T_FMT
                  " events, at most %" APR_SIZE_T_FMT " are allowed",
                  n, r->app->conf->max_event_batch);
        return 0;
    }
    return n;
}

/* Attributes by place in the batch, {} for an event that asked for none. */
static void answer_batch(api_request_t *r, const api_event_t *events,
                         apr_size_t n)
{
    push_text_t out = { NULL, 0, 0 };
    int asked = 0;
    apr_size_t i;

    for (i = 0; i < n; i++) {
        asked |= events[i].info;
    }
    if (!asked) {
        push_text_str(&out, empty);
        api_reply(r, 200, &out);
        return;
    }
    push_text_str(&out, "{\"batch\":[");
    for (i = 0; i < n; i++) {
        push_text_str(&out, i > 0 ? "," : "");
        if (events[i].info) {
            api_attributes(&out, events[i].names, events[i].info);
        }
        else {
            push_text_str(&out, empty);
        }
    }
    push_text_str(&out, "]}");
    api_reply(r, 200, &out);
}

void api_batch(api_request_t *r)
{
    scan_value_t list, item;
    const char *at = NULL;
    api_event_t *events;
    apr_size_t n, i;
    apr_size_t cost = 0;

    n = batch_size(r, &list);
    if (n == 0) {
        return;
    }
    events = apr_palloc(r->pool, n * sizeof(*events));
    for (i = 0; i < n && scan_next(&list, &at, &item); i++) {
        if (!event_read(r, &events[i], item.at, item.len)) {
            return;
        }
        cost += events[i].nnames;
    }
    if (!within_rate(r, cost)) {
        return;
    }
    for (i = 0; i < n; i++) {
        publish(r, &events[i]);
    }
    answer_batch(r, events, n);
}

/* --- users --- */

/* The channel of the user in the path under a prefix; 0 when it was refused. */
static int user_name(api_request_t *r, push_name_t *name, const char *prefix)
{
    char *text = apr_pstrcat(
        r->pool, prefix, apr_pstrmemdup(r->pool, r->arg.at, r->arg.len), NULL);

    if (!push_client_user_id(r->arg.at, r->arg.len)) {
        api_error(r, 400, "The user id has characters that are not allowed");
        return 0;
    }
    push_name_set(name, push_server.hubs, r->app, text, strlen(text), NULL);
    return 1;
}

void api_user_event(api_request_t *r)
{
    api_event_t e;
    push_name_t name;
    const char *why;

    if (!body_read(r)) {
        return;
    }
    memset(&e, 0, sizeof(e));
    why = pusher_publish_read(&e.in, r->body, r->len);
    if (why != NULL) {
        api_error(r, 400, "The event is no JSON object: %s", why);
        return;
    }
    e.names = &name;
    e.nnames = 1;
    if (!name_and_data(r, &e.in) || !user_name(r, &name, PUSH_USER_EVENTS) ||
        !within_rate(r, 1)) {
        return;
    }
    publish(r, &e);
    answer_event(r, &e);
}

void api_user_terminate(api_request_t *r)
{
    push_text_t out = { NULL, 0, 0 };
    push_name_t name;

    if (!user_name(r, &name, PUSH_USER_CHANNEL)) {
        return;
    }
    push_hub_each(push_server.hubs, &name, push_client_terminate, 0);
    push_text_str(&out, empty);
    api_reply(r, 200, &out);
}
