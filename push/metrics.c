/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - what is counted, see metrics.h.
 *
 * A series is a row of a table: name, kind, help and where its number is. Two
 * tables, because Soketi's have a label for the app and ours are of the whole
 * process; both are printed by the same two functions.
 */
#include "metrics.h"
#include "api.h"
#include "server.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Soketi's series, per app; `at` is in push_traffic_t. */
/* clang-format off */
#define AT(member) offsetof(push_traffic_t, member)
static const struct {
    const char *name; /* behind the prefix */
    const char *help;
    apr_size_t at;
} app_series[] = {
    { "new_connections_total", "WebSocket connections opened.", AT(opened) },
    { "new_disconnections_total", "WebSocket connections ended.", AT(closed) },
    { "socket_received_bytes", "Bytes of WebSocket messages received, decompressed.", AT(bytes_in) },
    { "socket_transmitted_bytes", "Bytes of WebSocket messages sent, before compression.", AT(bytes_out) },
    { "ws_messages_received_total", "WebSocket messages received.", AT(messages_in) },
    { "ws_messages_sent_total", "WebSocket messages sent.", AT(messages_out) },
    { "http_received_bytes", "Body bytes of HTTP API requests.", AT(http_in) },
    { "http_transmitted_bytes", "Body bytes of HTTP API answers.", AT(http_out) },
    { "http_calls_received_total", "HTTP API requests.", AT(http_calls) },
    { "published_total", "Events taken from the HTTP API, once per channel.", AT(published) },
};
#undef AT

/* Names of the values of push_close_t as labels. */
static const char *const closes[] = { "normal", "abnormal", "broken", "refused",
                                      "back_off", "reconnect", "application" };
/* clang-format on */

/* Where a sample goes: one of the two formats, with what is common to both. */
typedef struct {
    push_text_t *out;
    int json;
    int series;  /* so far */
    int samples; /* of the series so far */
} sink_t;

static void series_begin(sink_t *s, const char *name, const char *kind,
                         const char *help)
{
    const char *prefix = push_server.conf->metrics_prefix;

    s->samples = 0;
    if (!s->json) {
        push_text_printf(s->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix,
                         name, help, prefix, name, kind);
        return;
    }
    push_text_str(s->out, s->series++ ? ",{\"help\":" : "{\"help\":");
    push_text_quote(s->out, help, strlen(help));
    push_text_printf(s->out,
                     ",\"name\":\"%s%s\",\"type\":\"%s\",\"aggregator\":"
                     "\"sum\",\"values\":[",
                     prefix, name, kind);
}

static void series_end(sink_t *s)
{
    if (s->json) {
        push_text_str(s->out, "]}");
    }
}

/* A label's value is of the settings or of the tables above. */
static void sample(sink_t *s, const char *name, const char *label,
                   const char *value, apr_uint64_t number)
{
    if (s->json) {
        push_text_printf(s->out,
                         "%s{\"value\":%" APR_UINT64_T_FMT ",\"labels\":{",
                         s->samples++ ? "," : "", number);
        if (label != NULL) {
            push_text_printf(s->out, "\"%s\":", label);
            push_text_quote(s->out, value, strlen(value));
            push_text_str(s->out, ",");
        }
        push_text_printf(s->out, "\"port\":%d}}", push_server.port);
        return;
    }
    push_text_printf(s->out, "%s%s{", push_server.conf->metrics_prefix, name);
    if (label != NULL) {
        push_text_printf(s->out, "%s=", label);
        push_text_quote(s->out, value, strlen(value));
        push_text_str(s->out, ",");
    }
    push_text_printf(s->out, "port=\"%d\"} %" APR_UINT64_T_FMT "\n",
                     push_server.port, number);
}

static void single(sink_t *s, const char *name, const char *kind,
                   const char *help, apr_uint64_t number)
{
    series_begin(s, name, kind, help);
    sample(s, name, NULL, NULL, number);
    series_end(s);
}

static void app_samples(sink_t *s)
{
    push_apps_t *apps = push_server.apps;
    push_traffic_t sum;
    push_app_t *app;
    apr_int32_t open;
    apr_size_t i;
    int n;

    series_begin(s, "connected", "gauge", "WebSocket connections now.");
    for (n = 0; n < push_apps_count(apps); n++) {
        app = push_apps_at(apps, n);
        open = __atomic_load_n(&app->connections, __ATOMIC_RELAXED);
        sample(s, "connected", "app_id", app->conf->id,
               open > 0 ? (apr_uint64_t)open : 0);
    }
    series_end(s);
    for (i = 0; i < COUNT(app_series); i++) {
        series_begin(s, app_series[i].name, "counter", app_series[i].help);
        for (n = 0; n < push_apps_count(apps); n++) {
            app = push_apps_at(apps, n);
            push_app_traffic_sum(&sum, app);
            sample(s, app_series[i].name, "app_id", app->conf->id,
                   *(apr_uint64_t *)(void *)((char *)&sum + app_series[i].at));
        }
        series_end(s);
    }
}

/* A counter of the transport, all loops together. `at` is in
 * push_counters_t. */
static apr_uint64_t transport(apr_size_t at)
{
    apr_uint64_t sum = 0;
    int i;

    for (i = 0; i < push_server.nloops; i++) {
        const char *base = (const char *)push_conns_counters(
            push_server.conns[i]);

        sum += push_counter_get(
            (const apr_uint64_t *)(const void *)(base + at));
    }
    return sum;
}

static void labelled(sink_t *s, const char *name, const char *label,
                     const char *help, const char *const *values, apr_size_t n,
                     apr_size_t at)
{
    apr_size_t i;

    series_begin(s, name, "counter", help);
    for (i = 0; i < n; i++) {
        sample(s, name, label, values[i],
               transport(at + i * sizeof(apr_uint64_t)));
    }
    series_end(s);
}

static void process_samples(sink_t *s)
{
    apr_size_t i;

    single(s, "channels", "gauge", "Channels with subscribers.",
           push_hubs_count(push_server.hubs));
    single(s, "queued_bytes", "gauge", "Bytes waiting for slow readers.",
           transport(offsetof(push_counters_t, queued)));
    series_begin(s, "ends_total", "counter", "WebSockets ended, by reason.");
    for (i = 0; i < PUSH_ENDS; i++) {
        sample(s, "ends_total", "reason", push_end_name((push_end_t)i),
               transport(offsetof(push_counters_t, ends) +
                         i * sizeof(apr_uint64_t)));
    }
    series_end(s);
    labelled(s, "closes_total", "code",
             "WebSockets ended, by class of close code.", closes, PUSH_CLOSES,
             offsetof(push_counters_t, closes));
}

static void relay_samples(sink_t *s)
{
    push_relay_counters_t c;

    if (push_server.relay == NULL) {
        return;
    }
    push_relay_counters(push_server.relay, &c);
    single(s, "relay_events_total", "counter", "Events of the log relayed.",
           c.relayed);
    single(s, "relay_failures_total", "counter",
           "Looks at the log that failed.", c.failures);
    single(s, "relay_behind", "gauge", "Events of the log not yet relayed.",
           c.behind > 0 ? (apr_uint64_t)c.behind : 0);
    single(s, "relay_connected", "gauge",
           "Whether the last look at the log succeeded.", c.connected ? 1 : 0);
}

static void webhook_samples(sink_t *s)
{
    push_webhooks_counters_t c;

    if (push_server.webhooks == NULL) {
        return;
    }
    push_webhooks_counters(push_server.webhooks, &c);
    single(s, "webhook_events_sent_total", "counter",
           "Webhook events taken by their receivers.", c.sent);
    single(s, "webhook_events_failed_total", "counter",
           "Webhook events given up after retries, or not allowed.", c.failed);
    single(s, "webhook_events_dropped_total", "counter",
           "Webhook events for which a queue was full.", c.dropped);
    single(s, "webhook_events_queued", "gauge",
           "Webhook events waiting for their receivers.", c.queued);
}

static void canary_samples(sink_t *s)
{
    push_canary_figures_t f;
    char why[PUSH_CANARY_WHY];

    if (push_server.canary == NULL) {
        return;
    }
    push_canary_figures(push_server.canary, &f);
    single(s, "canary_rounds_total", "counter",
           "Events the process has sent to itself through every loop.",
           f.rounds);
    single(s, "canary_failures_total", "counter",
           "Those that did not come back in time.", f.failures);
    single(s, "canary_round_trip_microseconds", "gauge",
           "From request to the last loop's event, the last that came back.",
           f.micros);
    single(s, "canary_well", "gauge",
           "Whether the last one came back; /ready says the same.",
           push_canary_well(push_server.canary, why) ? 1 : 0);
}

static void all_samples(sink_t *s)
{
    app_samples(s);
    process_samples(s);
    relay_samples(s);
    webhook_samples(s);
    canary_samples(s);
}

void push_metrics_text(push_text_t *out)
{
    sink_t s = { out, 0, 0, 0 };

    all_samples(&s);
}

void push_metrics_json(push_text_t *out)
{
    sink_t s = { out, 1, 0, 0 };

    push_text_str(out, "[");
    all_samples(&s);
    push_text_str(out, "]");
}

/* GET /metrics, /metrics?json=1 and /usage; the rest is not here. */
static void request(push_conn_t *c, const http_head_t *head, char *body,
                    apr_size_t len)
{
    const char *type = "application/json";
    push_text_t out = { NULL, 0, 0 };
    http_span_t json;

    (void)body;
    (void)len;
    if (!http_span_is(&head->method, "GET") &&
        !http_span_is(&head->method, "HEAD")) {
        push_conn_refuse(c, head, 405, "use GET");
        return;
    }
    if (http_span_is(&head->path, "/usage")) {
        push_api_usage(&out);
    }
    else if (http_span_is(&head->path, "/")) {
        type = "text/plain";
        push_text_str(&out, "OK");
    }
    else if (!http_span_is(&head->path, "/metrics")) {
        push_conn_refuse(c, head, 404, "metrics are at /metrics");
        return;
    }
    else if (http_query_get(&json, head->query, "json")) {
        push_metrics_json(&out);
    }
    else {
        type = "text/plain; version=0.0.4; charset=utf-8";
        push_metrics_text(&out);
    }
    push_conn_reply(c, head, 200, type, NULL, out.at, out.len);
    push_text_free(&out);
}

/* Nothing here becomes a WebSocket. */
static void message(push_conn_t *c, int opcode, char *data, apr_size_t len)
{
    (void)c;
    (void)opcode;
    (void)data;
    (void)len;
}

static apr_uint32_t sweep(push_conn_t *c, apr_uint32_t now)
{
    (void)c;
    return now + 60;
}

static void closed(push_conn_t *c, push_end_t why, int code)
{
    (void)c;
    (void)why;
    (void)code;
}

void push_metrics_protocol(push_protocol_t *proto)
{
    memset(proto, 0, sizeof(*proto));
    proto->max_body = 1024;
    proto->max_message = 1024;
    proto->max_queue = 16 * 1024 * 1024;
    proto->http_idle = 60;
    proto->request = request;
    proto->message = message;
    proto->sweep = sweep;
    proto->closed = closed;
}
