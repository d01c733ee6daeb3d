/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wsload.c - load generator for servers that speak the Pusher protocol.
 *
 *   wsload --scenario NAME --port PORT --pid PID [options]
 *
 * It connects many subscribers, waits, publishes through the HTTP API (a
 * warm-up first, then the stretch that is measured) and prints one line of JSON
 * with what the server used and what became of every delivery. README.md
 * explains scenarios, options and figures; load.h says which file does what.
 *
 * SIGTERM ends the stretch that is measured early. Exit status 0: everyone
 * connected and every message arrived once, where it should. 2: otherwise. 1:
 * it could not run.
 */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "load.h"

#define DRAIN_QUIET 3000000000u /* nothing for so long: nothing more comes */

load_options_t opt = {
    .scenario = "custom",
    .label = "",
    .host = "127.0.0.1",
    .app_id = "app-id",
    .key = "app-key",
    .secret = "app-secret",
    .prefix = "c",
    .port = 6001,
    .conns = 100,
    .channels = 1,
    .size = 200,
    .pubconns = 4,
    .depth = 1,
    .srcs = 4,
    .inflight = 64,
    .pin = -1,
    .rate = 10,
    .secs = 5,
    .warmup = 2,
    .settle = 1,
};
load_count_t count;
int load_epoll;
int load_recording;
static volatile sig_atomic_t enough; /* SIGTERM came: publish no more */
uint64_t load_last_delivery;

/* What a run is; the columns are the options of these names. */
/* clang-format off */
static const struct {
    const char *name;
    int conns, channels, pubconns, window, pin;
    double rate, secs, warmup, settle, idle;
} scenarios[] = {
    { "idle-10k",      10000, 10000, 1,  0,  1,    0,  0, 0, 3, 5 },
    { "fanout-1k",      1000,     1, 1,  0,  1,   20, 10, 3, 1, 0 },
    { "fanout-1k-max",  1000,     1, 4, 16,  0,    0,  6, 3, 1, 0 },
    { "fanout-10k",    10000,     1, 1,  0,  1,    2, 10, 3, 1, 0 },
    { "pairs-5k",      10000,  5000, 16, 0,  1, 1000, 10, 3, 1, 0 },
    { "pairs-5k-max",  10000,  5000, 32, 0,  1,    0,  6, 3, 1, 0 },
};

/* Options with a value: the member it goes to and how it is read. */
static const struct {
    const char *name;
    enum { OPT_TEXT, OPT_INT, OPT_DOUBLE } kind;
    size_t at;
} values[] = {
    { "label",    OPT_TEXT,   offsetof(load_options_t, label) },
    { "host",     OPT_TEXT,   offsetof(load_options_t, host) },
    { "app-id",   OPT_TEXT,   offsetof(load_options_t, app_id) },
    { "key",      OPT_TEXT,   offsetof(load_options_t, key) },
    { "secret",   OPT_TEXT,   offsetof(load_options_t, secret) },
    { "prefix",   OPT_TEXT,   offsetof(load_options_t, prefix) },
    { "port",     OPT_INT,    offsetof(load_options_t, port) },
    { "pubport",  OPT_INT,    offsetof(load_options_t, pubport) },
    { "conns",    OPT_INT,    offsetof(load_options_t, conns) },
    { "channels", OPT_INT,    offsetof(load_options_t, channels) },
    { "size",     OPT_INT,    offsetof(load_options_t, size) },
    { "pubconns", OPT_INT,    offsetof(load_options_t, pubconns) },
    { "depth",    OPT_INT,    offsetof(load_options_t, depth) },
    { "window",   OPT_INT,    offsetof(load_options_t, window) },
    { "srcs",     OPT_INT,    offsetof(load_options_t, srcs) },
    { "inflight", OPT_INT,    offsetof(load_options_t, inflight) },
    { "pin",      OPT_INT,    offsetof(load_options_t, pin) },
    { "rate",     OPT_DOUBLE, offsetof(load_options_t, rate) },
    { "secs",     OPT_DOUBLE, offsetof(load_options_t, secs) },
    { "warmup",   OPT_DOUBLE, offsetof(load_options_t, warmup) },
    { "settle",   OPT_DOUBLE, offsetof(load_options_t, settle) },
    { "idle",     OPT_DOUBLE, offsetof(load_options_t, idle) },
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void load_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

uint64_t load_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint32_t load_random(uint32_t n)
{
    static uint64_t state = 88172645463325252ull; /* xorshift */

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * (uint64_t)n >> 32);
}

/* --- options ------------------------------------------------------------- */

static void scenario_use(const char *name)
{
    size_t i;

    for (i = 0; i < COUNT(scenarios); i++) {
        if (!strcmp(scenarios[i].name, name)) {
            opt.scenario = scenarios[i].name;
            opt.conns = scenarios[i].conns;
            opt.channels = scenarios[i].channels;
            opt.pubconns = scenarios[i].pubconns;
            opt.window = scenarios[i].window;
            opt.pin = scenarios[i].pin;
            opt.rate = scenarios[i].rate;
            opt.secs = scenarios[i].secs;
            opt.warmup = scenarios[i].warmup;
            opt.settle = scenarios[i].settle;
            opt.idle = scenarios[i].idle;
            return;
        }
    }
    load_die("no scenario is named %s", name);
}

static void value_set(const char *name, const char *text)
{
    char *base = (char *)&opt;
    size_t i;

    for (i = 0; i < COUNT(values); i++) {
        if (strcmp(values[i].name, name) != 0) {
            continue;
        }
        switch (values[i].kind) {
        case OPT_TEXT:
            *(const char **)(void *)(base + values[i].at) = text;
            return;
        case OPT_INT:
            *(int *)(void *)(base + values[i].at) = atoi(text);
            return;
        case OPT_DOUBLE:
            *(double *)(void *)(base + values[i].at) = atof(text);
            return;
        }
    }
    load_die("no option is named --%s", name);
}

static void pids_set(const char *text)
{
    while (*text != '\0' && opt.npids < (int)COUNT(opt.pids)) {
        opt.pids[opt.npids++] = atoi(text);
        text += strcspn(text, ",");
        text += *text == ',';
    }
}

static void options(int argc, char **argv)
{
    const char *name, *text;
    int i;

    for (i = 1; i < argc; i++) {
        name = argv[i];
        if (!strcmp(name, "--tree")) {
            opt.tree = 1;
            continue;
        }
        if (strncmp(name, "--", 2) != 0 || i + 1 == argc) {
            load_die("usage: wsload --option value ..., see README.md");
        }
        name += 2;
        text = argv[++i];
        if (!strcmp(name, "scenario")) {
            scenario_use(text);
        }
        else if (!strcmp(name, "data")) {
            opt.json = !strcmp(text, "json");
        }
        else if (!strcmp(name, "pid")) {
            pids_set(text);
        }
        else {
            value_set(name, text);
        }
    }
    if (opt.pin < 0) {
        opt.pin = opt.channels > 1;
    }
    if (opt.pubconns > opt.channels && opt.pin) {
        opt.pubconns = opt.channels;
    }
    if (opt.size < MARK_LEN || opt.size > 60000 || opt.depth < 1 ||
        opt.depth > 256 || opt.channels < 1 || opt.channels > 0xffffff ||
        opt.conns < 1 || opt.pubconns < 1 || opt.srcs < 1 || opt.inflight < 1) {
        load_die("an option is out of range");
    }
}

/* As many descriptors as this process may have. */
static void raise_limit(void)
{
    struct rlimit limit, want = { 1000000, 1000000 };

    if (setrlimit(RLIMIT_NOFILE, &want) != 0) {
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)(opt.conns + opt.pubconns + 32)) {
        load_die("RLIMIT_NOFILE %ld is too low for %d connections",
                 (long)limit.rlim_cur, opt.conns);
    }
}

/* --- phases -------------------------------------------------------------- */

/* Wait for something to happen and handle it. */
static void turn(uint64_t max_wait)
{
    static struct epoll_event ready[256];
    struct timespec t = { (time_t)(max_wait / 1000000000u),
                          (long)(max_wait % 1000000000u) };
    int n = epoll_pwait2(load_epoll, ready, (int)COUNT(ready), &t, NULL), i;

    for (i = 0; i < n; i++) {
        if (ready[i].data.u64 & LOAD_PUBLISHER) {
            publisher_event((uint32_t)ready[i].data.u64);
        }
        else {
            subscriber_event((uint32_t)ready[i].data.u64);
        }
    }
}

static void wait_quietly(double secs)
{
    uint64_t end = load_now() + (uint64_t)(secs * 1e9), now;

    while ((now = load_now()) < end) {
        turn(end - now);
    }
}

static void publish_at_rate(uint64_t end)
{
    uint64_t step = (uint64_t)(1e9 / opt.rate), now = load_now(), next = now;

    while (now < end && !enough) {
        while (next <= now && next < end) {
            publish_due(next);
            next += step;
        }
        now = load_now();
        turn(next > now ? (next < end ? next : end) - now : 0);
        now = load_now();
    }
}

static void publish_for(double secs)
{
    uint64_t end = load_now() + (uint64_t)(secs * 1e9);

    if (opt.rate > 0) {
        publish_at_rate(end);
        return;
    }
    while (load_now() < end && !enough) {
        publish_all_it_takes();
        turn(20000000);
    }
}

/* Until every delivery is there, or nothing moves any more; then a little
 * longer, for stray duplicates. */
static void drain(void)
{
    uint64_t moved = load_now(), delivered = count.delivered,
             acked = count.acked;

    while ((count.unique < count.expected || publishers_busy()) &&
           load_now() - moved < DRAIN_QUIET) {
        turn(50000000);
        if (count.delivered != delivered || count.acked != acked) {
            delivered = count.delivered;
            acked = count.acked;
            moved = load_now();
        }
    }
    wait_quietly(0.05);
}

/* --- the result ---------------------------------------------------------- */

typedef struct {
    usage_t empty, subscribed, settled; /* before publishing */
    usage_t idle_start, idle_end;
    usage_t start, end;            /* of the measured stretch */
    double connect_s, run_s;       /* wall-clock seconds */
    double own_run, own_wait;      /* seconds, measured stretch */
    long slab_empty, slab_settled; /* kB */
    int ready;
    uint64_t lost;
} result_t;

static double per(double a, double b) { return b > 0 ? a / b : 0; }

static void text_print(const char *name, const char *value)
{
    printf("\"%s\":\"%s\",", name, value);
}

static void number_print(const char *name, double value)
{
    printf("\"%s\":%.10g,", name, value);
}

static void hist_print(const char *name, const hist_t *h)
{
    printf("\"%s\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,"
           "\"max\":%.1f},",
           name, hist_quantile(h, 0.5), hist_quantile(h, 0.9),
           hist_quantile(h, 0.99), hist_quantile(h, 0.999),
           (double)h->max / 1000);
}

static void print_before(const result_t *r)
{
    double ready = r->ready;

    text_print("scenario", opt.scenario);
    text_print("label", opt.label);
    number_print("conns", opt.conns);
    number_print("ready", ready);
    number_print("channels", opt.channels);
    number_print("size", opt.size);
    number_print("rate", opt.rate);
    number_print("secs", opt.secs);
    number_print("connect_per_s", per(ready, r->connect_s));
    hist_print("connect_us", &hist_connect);
    number_print("server_cpu_ms_per_connect",
                 per((r->subscribed.cpu - r->empty.cpu) * 1000, ready));
    number_print("pss_before_kb", (double)r->empty.pss_kb);
    number_print("pss_ready_kb", (double)r->settled.pss_kb);
    number_print(
        "pss_bytes_per_conn",
        per((double)(r->settled.pss_kb - r->empty.pss_kb) * 1024, ready));
    number_print("slab_both_ends_bytes_per_conn",
                 per((double)(r->slab_settled - r->slab_empty) * 1024, ready));
    number_print("idle_cpu_ms_per_s",
                 per((r->idle_end.cpu - r->idle_start.cpu) * 1000, opt.idle));
}

static void print_run(const result_t *r)
{
    double cpu = r->end.cpu - r->start.cpu;

    number_print("run_s", r->run_s);
    number_print("published", (double)count.acked);
    number_print("publish_failed", (double)count.failed);
    number_print("shed", (double)count.shed);
    number_print("publisher_reconnects", (double)count.reconnects);
    number_print("publish_per_s", per((double)count.acked, r->run_s));
    number_print("deliveries", (double)count.delivered);
    number_print("deliveries_per_s", per((double)count.delivered, r->run_s));
    number_print("bytes_per_delivery",
                 per((double)count.bytes, (double)count.delivered));
    number_print("lost", (double)r->lost);
    number_print("dup", (double)count.dup);
    number_print("out_of_order", (double)count.out_of_order);
    number_print("misrouted", (double)count.misrouted);
    number_print("errors", (double)count.errors);
    number_print("closed", (double)count.closed);
    hist_print("lat_us", &hist_latency);
    hist_print("ack_us", &hist_answer);
    hist_print("late_us", &hist_late);
    number_print("server_procs", r->end.nprocs);
    number_print("server_cpu_s", cpu);
    number_print("server_utime_s", r->end.user - r->start.user);
    number_print("server_stime_s", r->end.sys - r->start.sys);
    number_print("server_runq_wait_s", r->end.wait - r->start.wait);
    number_print("server_util", per(cpu, r->run_s));
    number_print("server_cpu_s_per_million_deliveries",
                 per(cpu * 1e6, (double)count.delivered));
    number_print("server_cpu_ms_per_1000_publishes",
                 per(cpu * 1e6, (double)count.acked));
    number_print("client_cpu_s", r->own_run);
    number_print("client_runq_wait_s", r->own_wait);
    printf("\"client_util\":%.3f", per(r->own_run, r->run_s));
}

/* --- a run --------------------------------------------------------------- */

static void connect_everybody(result_t *r)
{
    uint64_t start;

    r->empty = usage_of_server(1);
    r->slab_empty = usage_slab_kb();
    start = load_now();
    r->ready = subscribers_connect(turn);
    r->connect_s = (double)(load_now() - start) / 1e9;
    r->subscribed = usage_of_server(0);
    if (r->ready < opt.conns) {
        fprintf(stderr, "only %d of %d connected\n", r->ready, opt.conns);
    }
    wait_quietly(opt.settle);
    r->settled = usage_of_server(1);
    r->slab_settled = usage_slab_kb();
}

static void publish_warm_up(void)
{
    publish_for(opt.warmup);
    drain();
    if (count.unique < count.expected) {
        fprintf(stderr, "warm-up: %llu of %llu delivered\n",
                (unsigned long long)count.unique,
                (unsigned long long)count.expected);
    }
    memset(&count, 0, sizeof(count));
    load_last_delivery = 0;
}

static void publish_measured(result_t *r)
{
    double run0, wait0;
    uint64_t start, end;

    load_recording = 1;
    usage_of_self(&run0, &wait0);
    r->start = usage_of_server(0);
    start = load_now();
    publish_for(opt.secs);
    drain();
    end = load_last_delivery > 0 ? load_last_delivery : load_now();
    r->run_s = (double)(end - start) / 1e9;
    r->end = usage_of_server(0);
    usage_of_self(&r->own_run, &r->own_wait);
    r->own_run -= run0;
    r->own_wait -= wait0;
    if (count.expected > count.unique) {
        r->lost = count.expected - count.unique;
    }
}

static void on_term(int signo)
{
    (void)signo;
    enough = 1;
}

int main(int argc, char **argv)
{
    result_t r = { 0 };

    options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    raise_limit();
    load_epoll = epoll_create1(EPOLL_CLOEXEC);
    subscribers_create();
    publishers_create();
    connect_everybody(&r);
    if (opt.idle > 0) {
        r.idle_start = usage_of_server(0);
        wait_quietly(opt.idle);
        r.idle_end = usage_of_server(0);
    }
    if (opt.secs > 0) {
        publishers_connect();
        publish_warm_up();
        publish_measured(&r);
    }
    putchar('{');
    print_before(&r);
    print_run(&r);
    puts("}");
    fflush(stdout);
    subscribers_close();
    return r.ready < opt.conns || r.lost || count.dup || count.misrouted ||
                   count.failed || count.shed
               ? 2
               : 0;
}
