/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - what is counted, see metrics.h.
 *
 * A series is a row of a table where there are many alike: name, kind, help and
 * where its number is. Soketi's have a label for the app, ours are of the whole
 * process; all are printed by the same functions, as text or as JSON.
 */
#include "metrics.h"
#include "api.h"
#include "log.h"
#include "server.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>

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
    { "connects_refused_total", "Handshakes refused with 429, their address came too often.", AT(knocks) },
    { "origins_refused_total", "Handshakes refused with 403 for their Origin.", AT(origins) },
};
#undef AT

/* Soketi's series of its adapters between servers. There is one server here, as
 * with its local adapter: they have names and no values. */
static const struct {
    const char *name;
    const char *kind;
    const char *help;
} adapter_series[] = {
    { "horizontal_adapter_resolve_time", "histogram", "Time of requests to other servers." },
    { "horizontal_adapter_resolved_promises", "counter", "Requests that other servers answered." },
    { "horizontal_adapter_uncomplete_promises", "counter", "Requests that they did not answer in full." },
    { "horizontal_adapter_sent_requests", "counter", "Requests to other servers." },
    { "horizontal_adapter_received_requests", "counter", "Requests of other servers." },
    { "horizontal_adapter_received_responses", "counter", "Answers of other servers." },
};

/* Connections the process has ended because they did not keep up, by
 * push_end_t, and those it could not take. */
static const struct {
    const char *reason;
    apr_size_t at; /* in push_counters_t */
} drops[] = {
    { "slow_reader", offsetof(push_counters_t, ends) + PUSH_END_SLOW * sizeof(apr_uint64_t) },
    { "silent", offsetof(push_counters_t, ends) + PUSH_END_TIMEOUT * sizeof(apr_uint64_t) },
    { "socket_error", offsetof(push_counters_t, ends) + PUSH_END_ERROR * sizeof(apr_uint64_t) },
    { "slow_request", offsetof(push_counters_t, http_ends) + PUSH_END_TIMEOUT * sizeof(apr_uint64_t) },
    { "bad_request", offsetof(push_counters_t, bad_requests) },
    { "no_memory", offsetof(push_counters_t, refused) },
};

/* Connections now, by what they are; `at` as above. */
static const struct {
    const char *state;
    apr_size_t at;
} states[] = {
    { "http", offsetof(push_counters_t, states) + PUSH_CONN_HTTP * sizeof(apr_uint64_t) },
    { "websocket", offsetof(push_counters_t, states) + PUSH_CONN_OPEN * sizeof(apr_uint64_t) },
    { "closing", offsetof(push_counters_t, states) + PUSH_CONN_CLOSING * sizeof(apr_uint64_t) },
};
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

/* A value of a label in Prometheus' text: its own three escapes. */
static void label_quote(push_text_t *out, const char *value)
{
    push_text_str(out, "\"");
    for (; *value != '\0'; value++) {
        switch (*value) {
        case '\n':
            push_text_str(out, "\\n");
            break;
        case '"':
        case '\\':
            push_text_str(out, "\\");
            /* fall through */
        default:
            push_text_add(out, value, 1);
            break;
        }
    }
    push_text_str(out, "\"");
}

/* A sample of a series, or of the part of a histogram that `suffix` names. A
 * label's value is of the settings or of the tables above. */
static void sample_of(sink_t *s, const char *name, const char *suffix,
                      const char *label, const char *value, const char *number)
{
    const char *prefix = push_server.conf->metrics_prefix;

    if (s->json) {
        push_text_printf(s->out, "%s{\"value\":%s,", s->samples++ ? "," : "",
                         number);
        if (*suffix != '\0') {
            push_text_printf(s->out, "\"metricName\":\"%s%s%s\",", prefix, name,
                             suffix);
        }
        push_text_str(s->out, "\"labels\":{");
        if (label != NULL) {
            push_text_printf(s->out, "\"%s\":", label);
            push_text_quote(s->out, value, strlen(value));
            push_text_str(s->out, ",");
        }
        push_text_printf(s->out, "\"port\":%d}}", push_server.port);
        return;
    }
    push_text_printf(s->out, "%s%s%s{", prefix, name, suffix);
    if (label != NULL) {
        push_text_printf(s->out, "%s=", label);
        label_quote(s->out, value);
        push_text_str(s->out, ",");
    }
    push_text_printf(s->out, "port=\"%d\"} %s\n", push_server.port, number);
}

static void sample(sink_t *s, const char *name, const char *label,
                   const char *value, apr_uint64_t number)
{
    char text[24];

    apr_snprintf(text, sizeof(text), "%" APR_UINT64_T_FMT, number);
    sample_of(s, name, "", label, value, text);
}

/* Microseconds as seconds. */
static const char *seconds(char text[32], apr_uint64_t micros)
{
    apr_snprintf(text, 32, "%" APR_UINT64_T_FMT ".%06d", micros / 1000000,
                 (int)(micros % 1000000));
    return text;
}

static void histogram(sink_t *s, const char *name, const char *help,
                      const push_histogram_t *h)
{
    char number[24], text[32];
    apr_uint64_t n = 0;
    int i;

    series_begin(s, name, "histogram", help);
    for (i = 0; i <= PUSH_HISTOGRAM_BOUNDS; i++) {
        n += h->counts[i];
        apr_snprintf(number, sizeof(number), "%" APR_UINT64_T_FMT, n);
        sample_of(s, name, "_bucket", "le",
                  i < PUSH_HISTOGRAM_BOUNDS
                      ? seconds(text, push_histogram_bounds[i])
                      : "+Inf",
                  number);
    }
    sample_of(s, name, "_sum", NULL, NULL, seconds(text, h->sum));
    sample_of(s, name, "_count", NULL, NULL, number);
    series_end(s);
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

static void adapter_samples(sink_t *s)
{
    apr_size_t i;

    for (i = 0; i < COUNT(adapter_series); i++) {
        series_begin(s, adapter_series[i].name, adapter_series[i].kind,
                     adapter_series[i].help);
        series_end(s);
    }
}

static apr_uint64_t longest_queue(void)
{
    apr_uint64_t most = 0;
    int i;

    for (i = 0; i < push_server.nloops; i++) {
        apr_uint64_t n = push_counter_get(
            &push_conns_counters(push_server.conns[i])->queue_peak);

        most = n > most ? n : most;
    }
    return most;
}

static void end_samples(sink_t *s)
{
    apr_size_t i;

    series_begin(s, "ends_total", "counter", "WebSockets ended, by reason.");
    for (i = 0; i < PUSH_ENDS; i++) {
        sample(s, "ends_total", "reason", push_end_name((push_end_t)i),
               transport(offsetof(push_counters_t, ends) +
                         i * sizeof(apr_uint64_t)));
    }
    series_end(s);
    series_begin(s, "closes_total", "counter",
                 "WebSockets ended, by close code.");
    for (i = 0; i < PUSH_CLOSES; i++) {
        sample(s, "closes_total", "code", push_close_name((int)i),
               transport(offsetof(push_counters_t, closes) +
                         i * sizeof(apr_uint64_t)));
    }
    series_end(s);
    series_begin(s, "drops_total", "counter",
                 "Connections dropped by the server, by reason.");
    for (i = 0; i < COUNT(drops); i++) {
        sample(s, "drops_total", "reason", drops[i].reason,
               transport(drops[i].at));
    }
    series_end(s);
}

static void loop_samples(sink_t *s)
{
    push_histogram_t h;
    int i;

    push_hubs_latency(push_server.hubs, &h);
    histogram(s, "publish_to_write_seconds",
              "From an event's arrival to a loop's last subscriber, once for "
              "each event and loop.",
              &h);
    memset(&h, 0, sizeof(h));
    for (i = 0; i < push_server.nloops; i++) {
        push_histogram_sum(&h, push_loop_turns(push_server.loops[i]));
    }
    histogram(s, "loop_turn_seconds",
              "How long a loop's turns took: what is ready then waits so long.",
              &h);
}

static void process_samples(sink_t *s)
{
    apr_size_t i;

    single(s, "up", "gauge", "1: the process answers.", 1);
    single(s, "start_time_seconds", "gauge",
           "When the process started, seconds since 1970.",
           (apr_uint64_t)push_server.started);
    single(s, "loops", "gauge", "Event loops, one thread each.",
           (apr_uint64_t)push_server.nloops);
    single(s, "channels", "gauge", "Channels with subscribers.",
           push_hubs_count(push_server.hubs));
    single(s, "subscriptions", "gauge", "Subscriptions of all clients.",
           push_hub_subscriptions(push_server.hubs));
    single(s, "users", "gauge", "Users that are signed in.",
           push_hubs_users(push_server.hubs));
    series_begin(s, "connections", "gauge", "Connections now, by kind.");
    for (i = 0; i < COUNT(states); i++) {
        sample(s, "connections", "kind", states[i].state,
               transport(states[i].at));
    }
    series_end(s);
    single(s, "tls_connections", "gauge", "Those of them with TLS.",
           transport(offsetof(push_counters_t, secure)));
    single(s, "handed_over_total", "counter",
           "Connections that came through httpd.",
           transport(offsetof(push_counters_t, adopted)));
    single(s, "queued_bytes", "gauge", "Bytes waiting for slow readers.",
           transport(offsetof(push_counters_t, queued)));
    single(s, "queue_peak_bytes", "gauge",
           "The longest queue of one connection since the start.",
           longest_queue());
    single(s, "log_suppressed_total", "counter",
           "Log lines that were more than clients may cause.",
           push_log_suppressed());
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
    single(s, "relay_lag_seconds", "gauge",
           "Since the relay was last at the end of the log.", c.lag_ms / 1000);
    single(s, "relay_connected", "gauge",
           "Whether the last look at the log succeeded.", c.connected ? 1 : 0);
}

static void retention_samples(sink_t *s)
{
    push_retention_counters_t c;

    if (push_server.retention == NULL) {
        return;
    }
    push_retention_counters(push_server.retention, &c);
    single(s, "retention_events_total", "counter",
           "Old events removed from the log.", c.removed);
    single(s, "retention_failures_total", "counter",
           "Tries to remove old events that failed.", c.failures);
    single(s, "retention_oldest_seconds", "gauge",
           "Age of the oldest event of the log at the last look.",
           (apr_uint64_t)c.oldest);
}

static void indexer_samples(sink_t *s)
{
    push_indexer_counters_t c;

    if (push_server.indexer == NULL) {
        return;
    }
    push_indexer_counters(push_server.indexer, &c);
    single(s, "search_indexed_total", "counter",
           "Messages put into the index of searches.", c.indexed);
    single(s, "search_failures_total", "counter",
           "Rounds of indexing that failed.", c.failures);
    single(s, "search_behind", "gauge",
           "Message ids that were not in the index at the last look.",
           (apr_uint64_t)c.behind);
}

static void readers_samples(sink_t *s)
{
    push_readers_counters_t c;

    if (push_server.readers == NULL) {
        return;
    }
    push_readers_counters(push_server.readers, &c);
    single(s, "readers_marked_total", "counter",
           "Messages marked read here for who opened much at once.", c.marked);
    single(s, "readers_failures_total", "counter",
           "Looks for messages to be marked read that failed.", c.failures);
}

static void due_samples(sink_t *s)
{
    push_due_counters_t c;

    if (push_server.due == NULL) {
        return;
    }
    push_due_counters(push_server.due, &c);
    single(s, "plans_expired_total", "counter",
           "Plans marked here as expired.", c.expired);
    single(s, "plans_reminded_total", "counter",
           "Reminders of plans written here.", c.reminded);
    single(s, "plans_failures_total", "counter",
           "Looks for plans that are due that failed.", c.failures);
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
    char text[32];
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
    series_begin(s, "canary_round_trip_seconds", "gauge",
                 "From request to the last loop's event, the last that came "
                 "back.");
    sample_of(s, "canary_round_trip_seconds", "", NULL, NULL,
              seconds(text, f.micros));
    series_end(s);
    single(s, "canary_well", "gauge",
           "Whether the last one came back; /ready says the same.",
           push_canary_well(push_server.canary, why) ? 1 : 0);
}

static void all_samples(sink_t *s)
{
    app_samples(s);
    adapter_samples(s);
    process_samples(s);
    end_samples(s);
    loop_samples(s);
    relay_samples(s);
    retention_samples(s);
    indexer_samples(s);
    readers_samples(s);
    due_samples(s);
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
