/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_conf.c - chat-push's settings from a file and the environment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <apr_general.h>

#include "conf.h"

static apr_pool_t *pool;
static const char *const no_env[] = { NULL };

static apr_status_t read_conf(push_conf_t *conf, const char *text,
                              const char *const *env, const char **why)
{
    json_t *json = json_loads(text, 0, NULL);
    apr_status_t rv;

    assert_non_null(json);
    rv = push_conf_read(conf, json, env, why, pool);
    json_decref(json);
    return rv;
}

static void without_any_word_it_is_soketis_default(void **state)
{
    const char *why = NULL;
    push_conf_t conf;

    (void)state;
    assert_int_equal(read_conf(&conf, "{}", no_env, &why), APR_SUCCESS);
    assert_string_equal(conf.host, "0.0.0.0");
    assert_int_equal(conf.port, 6001);
    assert_string_equal(conf.path_prefix, "");
    assert_int_equal(conf.metrics_port, 9601);
    assert_int_equal(conf.metrics_enabled, -1);
    assert_string_equal(conf.metrics_host, "127.0.0.1");
    assert_int_equal(conf.activity_timeout, 120);
    assert_int_equal(conf.apps.n, 1);
    assert_string_equal(conf.apps.list[0].key, "app-key");
    assert_null(conf.database_url);
    assert_int_equal(conf.retention_seconds, 7 * 24 * 3600);
    assert_false(conf.webhooks_private);
    assert_true(conf.webhooks_batching);
    /* Everybody knows the default secret. */
    assert_non_null(strstr(conf.warnings[0], "app-secret"));
}

/* Whether the proxies of a setting have an address; -1: it is refused. */
static int trusts(const char *setting, const char *env, const char *address)
{
    const char *const with[] = { env, NULL };
    const char *why = NULL;
    push_conf_t conf;
    push_ip_t ip = { { 0 } };

    if (read_conf(&conf, setting, with, &why) != APR_SUCCESS) {
        assert_non_null(strstr(why, "trustedProxies"));
        return -1;
    }
    if (*address != '\0') {
        assert_true(push_ip_parse(&ip, address, strlen(address)));
    }
    return push_nets_have(&conf.trusted, &ip);
}

static void proxies_on_this_host_are_trusted_unless_others_are_named(
    void **state)
{
    static const char named[] = "{\"trustedProxies\":[\"10.0.0.0/8\",\"::1\"]}";

    (void)state;
    assert_int_equal(trusts("{}", NULL, "127.0.0.1"), 1);
    assert_int_equal(trusts("{}", NULL, "::1"), 1);
    assert_int_equal(trusts("{}", NULL, ""), 1); /* a Unix socket */
    assert_int_equal(trusts("{}", NULL, "10.0.0.1"), 0);
    assert_int_equal(trusts(named, NULL, "10.0.0.1"), 1);
    assert_int_equal(trusts(named, NULL, "127.0.0.1"), 0);
    assert_int_equal(trusts(named, NULL, ""), 0);
    assert_int_equal(trusts("{\"trustedProxies\":[]}", NULL, "::1"), 0);
    assert_int_equal(trusts("{\"trustedProxies\":\"\"}", NULL, "::1"), 0);
    assert_int_equal(trusts(named, "CHAT_PUSH_TRUSTED_PROXIES=unix, 1.2.3.4",
                            "1.2.3.4"),
                     1);
    assert_int_equal(trusts(named, "CHAT_PUSH_TRUSTED_PROXIES=unix", ""), 1);
    assert_int_equal(trusts("{\"trustedProxies\":7}", NULL, ""), -1);
    assert_int_equal(trusts("{\"trustedProxies\":[7]}", NULL, ""), -1);
    assert_int_equal(trusts("{\"trustedProxies\":[\"proxy\"]}", NULL, ""), -1);
    assert_int_equal(trusts("{\"trustedProxies\":\"1.2.3.4/33\"}", NULL, ""),
                     -1);
}

static void the_environment_overrides_the_file(void **state)
{
    static const char *const env[] = { "SOKETI_PORT=7001",
                                       "SOKETI_DEFAULT_APP_ID=12",
                                       "SOKETI_DEFAULT_APP_KEY=0077",
                                       "SOKETI_DEFAULT_APP_SECRET=1e5",
                                       "SOKETI_DEFAULT_APP_MAX_CONNS=3",
                                       "SOKETI_EVENT_MAX_SIZE_IN_KB=2",
                                       "SOKETI_METRICS_SERVER_PORT=0",
                                       "CHAT_PUSH_LOOPS=3",
                                       "CHAT_PUSH_URING=0",
                                       "CHAT_PUSH_DATABASE_RETENTION_SECONDS"
                                       "=3600",
                                       NULL };
    const char *why = NULL;
    push_conf_t conf;

    (void)state;
    assert_int_equal(
        read_conf(&conf,
                  "{\"port\":1,\"appManager.array.apps\":[{\"id\":\"x\","
                  "\"key\":\"y\",\"secret\":\"z\",\"enableClientMessages\":"
                  "true}]}",
                  env, &why),
        APR_SUCCESS);
    assert_int_equal(conf.port, 7001);
    assert_int_equal(conf.loops, 3);
    assert_int_equal(conf.uring, 0);
    assert_int_equal(conf.retention_seconds, 3600);
    assert_int_equal(conf.apps.n, 1);
    assert_string_equal(conf.apps.list[0].id, "12");
    assert_string_equal(conf.apps.list[0].key, "0077");
    assert_string_equal(conf.apps.list[0].secrets[0], "1e5");
    assert_true(conf.apps.list[0].client_events);
    assert_int_equal(conf.apps.list[0].max_connections, 3);
    assert_int_equal(conf.apps.list[0].max_event_payload, 2048);
    /* A port that was asked for is wanted. */
    assert_int_equal(conf.metrics_enabled, 1);
    assert_null(conf.warnings[0]);
}

static void pusher_variables_name_the_app_too(void **state)
{
    static const char *const env[] = { "PUSHER_APP_ID=a", "PUSHER_APP_KEY=b",
                                       "PUSHER_APP_SECRET=c", NULL };
    const char *why = NULL;
    push_conf_t conf;

    (void)state;
    assert_int_equal(read_conf(&conf, "{}", env, &why), APR_SUCCESS);
    assert_string_equal(conf.apps.list[0].id, "a");
    assert_string_equal(conf.apps.list[0].key, "b");
    assert_string_equal(conf.apps.list[0].secrets[0], "c");
}

#define SAFE_APP                                                               \
    "\"appManager.array.apps\":[{\"id\":\"x\",\"key\":\"y\",\"secret\":\"z\"}" \
    "]"

static void unknown_settings_are_named(void **state)
{
    static const char *const env[] = { "SOKETI_PROT=1",
                                       "SOKETI_DB_REDIS_HOST=h", "OTHER=1",
                                       NULL };
    const char *why = NULL;
    push_conf_t conf;

    (void)state;
    assert_int_equal(
        read_conf(&conf,
                  "{\"prot\":1,\"metrics\":{\"enabled\":false,\"hots\":1},"
                  "\"adapter.driver\":\"redis\",\"appManager\":{\"array\":"
                  "{\"apps\":[{\"id\":\"x\",\"key\":\"y\",\"secret\":\"z\","
                  "\"enableClientMesages\":true}]}}}",
                  env, &why),
        APR_SUCCESS);
    assert_non_null(strstr(conf.warnings[0], "prot"));
    assert_non_null(strstr(conf.warnings[0], "metrics.hots"));
    assert_non_null(strstr(conf.warnings[0], "SOKETI_PROT"));
    assert_non_null(strstr(conf.warnings[0],
                           "appManager.array.apps[0].enableClientMesages"));
    assert_null(strstr(conf.warnings[0], "adapter"));
    assert_non_null(strstr(conf.warnings[1], "adapter.driver"));
    assert_non_null(strstr(conf.warnings[1], "SOKETI_DB_REDIS_HOST"));
    assert_non_null(strstr(conf.warnings[2], "adapter.driver is redis"));
    assert_null(conf.warnings[3]);
}

/* Every number of chat-push itself, with its smallest and largest; `part`: it may
 * have a fraction. */
static const struct {
    const char *key;
    double least, most;
    int part;
} numbers[] = {
    { "port", 0, 65535, 0 }, /* -1 needs another place to listen */
    { "loops", 0, 256, 0 },
    { "metrics.port", 0, 65535, 0 },
    { "httpApi.requestLimitInMb", 1, 1024, 1 },
    { "httpApi.acceptTraffic.memoryThreshold", 1, 100, 0 },
    { "maxMessageInKb", 1, 1048576, 1 },
    { "maxUnfinishedInMb", 1, 65536, 1 },
    { "maxQueueInKb", 1, 1048576, 1 },
    { "channelLimits.cacheTtl", 1, 31536000, 0 },
    { "activityTimeout", 1, 86400, 0 },
    { "defaultProtocol", 0, 7, 0 },
    { "pongTimeout", 1, 86400, 0 },
    { "userAuthenticationTimeout", 1, 86400000, 0 },
    { "shutdownGracePeriod", 0, 600000, 0 },
    { "canary.seconds", 0, 3600, 1 },
    { "drain.seconds", 0, 3600, 1 },
    { "log.linesPerSecond", 0, 1000000, 0 },
    { "database.pollMs", 1, 3600000, 0 },
    { "database.replaySeconds", 0, 86400, 0 },
    { "database.retentionSeconds", 3600, 315360000, 0 },
    { "plans.everySeconds", 0, 3600, 0 },
    { "plans.reminderSeconds", 0, 31536000, 0 },
    { "plans.reminders", 0, 1000, 0 },
    { "webhooks.batching.duration", 0, 10000, 0 },
};

static int number_taken(const char *key, const char *written)
{
    const char *why = NULL;
    push_conf_t conf;
    char text[128];

    snprintf(text, sizeof(text), "{\"%s\":%s}", key, written);
    if (read_conf(&conf, text, no_env, &why) == APR_SUCCESS) {
        return 1;
    }
    if (why == NULL || strstr(why, key) == NULL) {
        fail_msg("%s: '%s' does not name %s", written, why, key);
    }
    return 0;
}

static void each_number_has_a_smallest_and_a_largest(void **state)
{
    static const char *const wrong[] = { "\"nan\"", "\"inf\"", "-1e300",
                                         "1e300",     "\"\"",    "[]",
                                         "-2",        "\"5 s\"" };
    char text[32];
    size_t n, i;

    (void)state;
    for (n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
        const char *key = numbers[n].key;

        snprintf(text, sizeof(text), "%.0f", numbers[n].least);
        assert_true(number_taken(key, text));
        snprintf(text, sizeof(text), "\"%.0f\"", numbers[n].most);
        assert_true(number_taken(key, text));
        snprintf(text, sizeof(text), "%.0f", numbers[n].most + 1);
        assert_false(number_taken(key, text));
        snprintf(text, sizeof(text), "%.1f", numbers[n].least + 0.5);
        assert_int_equal(number_taken(key, text), numbers[n].part);
        for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            assert_false(number_taken(key, wrong[i]));
        }
    }
}

static void an_app_that_lets_nobody_in_is_a_warning(void **state)
{
    static const char with[] = "{\"appManager.array.apps\":[{\"id\":\"shut\","
                               "\"key\":\"k\",\"secret\":\"s\","
                               "\"maxConnections\":%d}]}";
    const char *why = NULL;
    push_conf_t conf;
    char text[128];

    (void)state;
    snprintf(text, sizeof(text), with, 0);
    assert_int_equal(read_conf(&conf, text, no_env, &why), APR_SUCCESS);
    assert_non_null(strstr(conf.warnings[0], "shut is 0"));
    snprintf(text, sizeof(text), with, -1);
    assert_int_equal(read_conf(&conf, text, no_env, &why), APR_SUCCESS);
    assert_null(conf.warnings[0]);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *names;
    } wrong[] = {
        { "{\"port\":70000}", "port" },
        { "{\"port\":\"x\"}", "port" },
        { "{\"port\":{}}", "port" },
        { "{\"host\":1}", "host" },
        { "{\"metrics\":{\"enabled\":\"maybe\"}}", "metrics.enabled" },
        { "{\"activityTimeout\":0}", "activityTimeout" },
        { "{\"database\":{\"app\":\"none\"}}", "database.app" },
        { "{\"database\":{\"retentionSeconds\":3599}}",
          "database.retentionSeconds" },
        { "{\"database\":{\"retentionSeconds\":-1}}",
          "database.retentionSeconds" },
        { "{\"appManager.array.apps\":7}", "appManager.array.apps" },
        /* Never plain where somebody expects TLS. */
        { "{\"ssl\":{\"certPath\":\"/x\"}}", "ssl.keyPath" },
        { "{\"ssl\":{\"keyPath\":\"/x\"}}", "ssl.certPath" },
        { "{\"ssl\":{\"port\":6443}}", "ssl.port" },
        { "{\"port\":-1}", "unix.path" },
        { "{\"unix\":{\"mode\":\"rw\"}}", "unix.mode" },
        { "{\"unix\":{\"mode\":668}}", "unix.mode" },
        { "{\"unix\":{\"mode\":\"1777\"}}", "unix.mode" },
    };
    push_conf_t conf;
    const char *why;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        why = NULL;
        assert_int_not_equal(read_conf(&conf, wrong[i].text, no_env, &why),
                             APR_SUCCESS);
        if (why == NULL || strstr(why, wrong[i].names) == NULL) {
            fail_msg("'%s' does not name %s", why, wrong[i].names);
        }
    }
}

static void a_mode_is_octal_however_it_is_written(void **state)
{
    static const char *const spellings[] = {
        "{\"unix\":{\"mode\":620}}", "{\"unix\":{\"mode\":\"620\"}}",
        "{\"unix.mode\":\"0620\"}"
    };
    const char *const env[] = { "CHAT_PUSH_UNIX_MODE=620", NULL };
    const char *why = NULL;
    push_conf_t conf;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        assert_int_equal(read_conf(&conf, spellings[i], no_env, &why),
                         APR_SUCCESS);
        assert_int_equal(conf.unix_mode, 0620);
    }
    assert_int_equal(read_conf(&conf, "{}", env, &why), APR_SUCCESS);
    assert_int_equal(conf.unix_mode, 0620);
    assert_int_equal(read_conf(&conf, "{}", no_env, &why), APR_SUCCESS);
    assert_int_equal(conf.unix_mode, 0660);
}

static void variables_of_tls_are_text_and_soketis(void **state)
{
    const char *const env[] = { "SOKETI_SSL_CERT=/c", "SOKETI_SSL_KEY=/k",
                                "SOKETI_SSL_PASS=123456", "SOKETI_SSL_CA=/a",
                                NULL };
    const char *why = NULL;
    push_conf_t conf;

    (void)state;
    assert_int_equal(read_conf(&conf, "{" SAFE_APP "}", env, &why),
                     APR_SUCCESS);
    assert_string_equal(conf.tls_cert, "/c");
    assert_string_equal(conf.tls_key, "/k");
    assert_string_equal(conf.tls_pass, "123456");
    assert_string_equal(conf.tls_ca, "/a");
    assert_int_equal(conf.tls_port, -1);
    assert_null(conf.warnings[0]);

    /* Without a certificate it is as with Soketi: plain, but not silently. */
    assert_int_equal(read_conf(&conf, "{" SAFE_APP "}", env + 3, &why),
                     APR_SUCCESS);
    assert_non_null(strstr(conf.warnings[0], "no TLS"));
}

static void a_path_prefix_has_one_form(void **state)
{
    static const char *const spellings[] = {
        "{\"pathPrefix\":\"ws\"," SAFE_APP "}",
        "{\"pathPrefix\":\"/ws/\"," SAFE_APP "}",
        "{\"pathPrefix\":\"/ws\"," SAFE_APP "}"
    };
    const char *why = NULL;
    push_conf_t conf;
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(read_conf(&conf, spellings[i], no_env, &why),
                         APR_SUCCESS);
        assert_string_equal(conf.path_prefix, "/ws");
    }
    assert_int_equal(
        read_conf(&conf, "{\"pathPrefix\":\"/\"," SAFE_APP "}", no_env, &why),
        APR_SUCCESS);
    assert_string_equal(conf.path_prefix, "");
}

/* --- Soketi's environment, all of it --- */

/* Variables that mean something here: what they are set to, and where that must
 * be found. SSL_CERT, SSL_KEY, SSL_PASS and SSL_CA are the TLS listener's. */
#define IN_CONF(member) 0, offsetof(push_conf_t, member), \
    sizeof(((push_conf_t *)NULL)->member)
#define IN_APP(member) 1, offsetof(chat_app_t, member), \
    sizeof(((chat_app_t *)NULL)->member)
/* clang-format off */
static const struct {
    const char *name; /* behind SOKETI_ */
    const char *value;
    int app; /* in the first app */
    size_t at;
    size_t size;
    const char *text; /* expected, or NULL: */
    apr_int64_t number;
} taken[] = {
    { "HOST", "127.0.0.9", IN_CONF(host), "127.0.0.9", 0 },
    { "PORT", "6009", IN_CONF(port), NULL, 6009 },
    { "PATH_PREFIX", "/123", IN_CONF(path_prefix), "/123", 0 },
    { "PATH_PREFIX", "123", IN_CONF(path_prefix), "/123", 0 },
    { "SHUTDOWN_GRACE_PERIOD", "9000", IN_CONF(shutdown_grace), NULL, 9000 },
    { "USER_AUTHENTICATION_TIMEOUT", "9000", IN_CONF(auth_timeout), NULL, 9000 },
    { "CHANNEL_CACHE_TTL", "99", IN_CONF(cache_ttl), NULL, 99 },
    { "HTTP_ACCEPT_TRAFFIC_MEMORY_THRESHOLD", "77", IN_CONF(memory_percent), NULL, 77 },
    { "METRICS_ENABLED", "true", IN_CONF(metrics_enabled), NULL, 1 },
    { "METRICS_ENABLED", "0", IN_CONF(metrics_enabled), NULL, 0 },
    { "METRICS_HOST", "::1", IN_CONF(metrics_host), "::1", 0 },
    { "METRICS_SERVER_PORT", "9609", IN_CONF(metrics_port), NULL, 9609 },
    { "METRICS_PROMETHEUS_PREFIX", "x_", IN_CONF(metrics_prefix), "x_", 0 },
    { "WEBHOOKS_BATCHING", "false", IN_CONF(webhooks_batching), NULL, 0 },
    { "WEBHOOKS_BATCHING_DURATION", "77", IN_CONF(webhooks_gather), NULL, 77 },
    { "MODE", "server", IN_CONF(port), NULL, 6001 },
    { "ADAPTER_DRIVER", "cluster", IN_CONF(port), NULL, 6001 },
    { "APP_MANAGER_DRIVER", "array", IN_CONF(port), NULL, 6001 },
    { "CHANNEL_LIMITS_MAX_NAME_LENGTH", "77", IN_APP(max_channel_name), NULL, 77 },
    { "EVENT_MAX_BATCH_SIZE", "77", IN_APP(max_event_batch), NULL, 77 },
    { "EVENT_MAX_CHANNELS_AT_ONCE", "77", IN_APP(max_event_channels), NULL, 77 },
    { "EVENT_MAX_NAME_LENGTH", "77", IN_APP(max_event_name), NULL, 77 },
    { "EVENT_MAX_SIZE_IN_KB", "0.5", IN_APP(max_event_payload), NULL, 512 },
    { "PRESENCE_MAX_MEMBERS", "77", IN_APP(max_presence_members), NULL, 77 },
    { "PRESENCE_MAX_MEMBER_SIZE", "2", IN_APP(max_presence_member), NULL, 2048 },
    { "DEFAULT_APP_ID", "0077", IN_APP(id), "0077", 0 },
    { "DEFAULT_APP_KEY", "1e5", IN_APP(key), "1e5", 0 },
    { "DEFAULT_APP_MAX_CONNS", "77", IN_APP(max_connections), NULL, 77 },
    { "DEFAULT_APP_ENABLE_CLIENT_MESSAGES", "true", IN_APP(client_events), NULL, 1 },
    { "DEFAULT_APP_ENABLED", "false", IN_APP(enabled), NULL, 0 },
    { "DEFAULT_APP_MAX_BACKEND_EVENTS_PER_SEC", "77", IN_APP(max_backend_events), NULL, 77 },
    { "DEFAULT_APP_MAX_CLIENT_EVENTS_PER_SEC", "-1", IN_APP(max_client_events), NULL, -1 },
    { "DEFAULT_APP_MAX_READ_REQ_PER_SEC", "77", IN_APP(max_read_requests), NULL, 77 },
    { "DEFAULT_APP_USER_AUTHENTICATION", "true", IN_APP(user_authentication), NULL, 1 },
    { "DEFAULT_APP_WEBHOOKS", "[{\"url\":\"http://h\",\"event_types\":[\"client_event\"]}]",
      IN_APP(nwebhooks), NULL, 1 },
};
/* clang-format on */

static apr_int64_t number_at(const char *at, size_t size)
{
    apr_int64_t wide;
    int narrow;

    if (size == sizeof(narrow)) {
        memcpy(&narrow, at, size);
        return narrow;
    }
    assert_int_equal(size, sizeof(wide));
    memcpy(&wide, at, size);
    return wide;
}

/* With one variable of Soketi's set, beside a secret nobody knows. */
static apr_status_t read_variable(push_conf_t *conf, const char *name,
                                  const char *value, const char **why)
{
    char line[256];
    const char *const env[] = { line, "SOKETI_DEFAULT_APP_SECRET=1234", NULL };

    snprintf(line, sizeof(line), "SOKETI_%s=%s", name, value);
    return read_conf(conf, "{}", env, why);
}

static void each_variable_of_soketi_that_means_something_is_taken(void **state)
{
    const char *why = NULL;
    push_conf_t conf;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        const char *at;

        if (read_variable(&conf, taken[i].name, taken[i].value, &why) !=
            APR_SUCCESS) {
            fail_msg("%s: %s", taken[i].name, why);
        }
        at = taken[i].app ? (const char *)&conf.apps.list[0]
                          : (const char *)&conf;
        at += taken[i].at;
        if (taken[i].text != NULL) {
            assert_string_equal(*(const char *const *)(const void *)at,
                                taken[i].text);
        }
        else if (number_at(at, taken[i].size) != taken[i].number) {
            fail_msg("%s is not taken", taken[i].name);
        }
        assert_string_equal(conf.apps.list[0].secrets[0], "1234");
        /* Only what is said of several processes is worth a word. */
        if (conf.warnings[0] != NULL &&
            strstr(conf.warnings[0], "adapter.driver is cluster") == NULL) {
            fail_msg("%s: %s", taken[i].name, conf.warnings[0]);
        }
    }
}

static void each_other_variable_of_soketi_is_named_as_without_effect(
    void **state)
{
    static const char *const names[] = {
        "ADAPTER_CLUSTER_REQUESTS_TIMEOUT", "ADAPTER_REDIS_PREFIX",
        "ADAPTER_REDIS_CLUSTER_MODE", "ADAPTER_REDIS_REQUESTS_TIMEOUT",
        "ADAPTER_REDIS_SUB_OPTIONS", "ADAPTER_REDIS_PUB_OPTIONS",
        "ADAPTER_NATS_PREFIX", "ADAPTER_NATS_SERVERS", "ADAPTER_NATS_USER",
        "ADAPTER_NATS_PASSWORD", "ADAPTER_NATS_TOKEN", "ADAPTER_NATS_TIMEOUT",
        "ADAPTER_NATS_REQUESTS_TIMEOUT", "ADAPTER_NATS_NODES_NUMBER",
        "APP_MANAGER_CACHE_ENABLED", "APP_MANAGER_CACHE_TTL",
        "APP_MANAGER_DYNAMODB_TABLE", "APP_MANAGER_DYNAMODB_REGION",
        "APP_MANAGER_DYNAMODB_ENDPOINT", "APP_MANAGER_MYSQL_TABLE",
        "APP_MANAGER_MYSQL_VERSION", "APP_MANAGER_POSTGRES_TABLE",
        "APP_MANAGER_POSTGRES_VERSION", "APP_MANAGER_MYSQL_USE_V2",
        "CACHE_DRIVER", "CACHE_REDIS_CLUSTER_MODE", "CACHE_REDIS_OPTIONS",
        "CLUSTER_CHECK_INTERVAL", "CLUSTER_HOST", "CLUSTER_IGNORE_PROCESS",
        "CLUSTER_BROADCAST_ADDRESS", "CLUSTER_KEEPALIVE_INTERVAL",
        "CLUSTER_MASTER_TIMEOUT", "CLUSTER_MULTICAST_ADDRESS",
        "CLUSTER_NODE_TIMEOUT", "CLUSTER_PORT", "CLUSTER_PREFIX",
        "CLUSTER_UNICAST_ADDRESSES", "DEBUG", "DB_POOLING_ENABLED",
        "DB_POOLING_MIN", "DB_POOLING_MAX", "DB_MYSQL_HOST", "DB_MYSQL_PORT",
        "DB_MYSQL_USERNAME", "DB_MYSQL_PASSWORD", "DB_MYSQL_DATABASE",
        "DB_POSTGRES_HOST", "DB_POSTGRES_PORT", "DB_POSTGRES_USERNAME",
        "DB_POSTGRES_PASSWORD", "DB_POSTGRES_DATABASE", "DB_REDIS_HOST",
        "DB_REDIS_PORT", "DB_REDIS_DB", "DB_REDIS_USERNAME",
        "DB_REDIS_PASSWORD", "DB_REDIS_KEY_PREFIX", "DB_REDIS_SENTINELS",
        "DB_REDIS_SENTINEL_PASSWORD", "DB_REDIS_CLUSTER_NODES",
        "DB_REDIS_INSTANCE_NAME", "METRICS_DRIVER", "QUEUE_DRIVER",
        "QUEUE_REDIS_CONCURRENCY", "QUEUE_REDIS_OPTIONS",
        "QUEUE_REDIS_CLUSTER_MODE", "QUEUE_SQS_REGION",
        "QUEUE_SQS_CLIENT_OPTIONS", "QUEUE_SQS_URL", "QUEUE_SQS_ENDPOINT",
        "QUEUE_SQS_PROCESS_BATCH", "QUEUE_SQS_BATCH_SIZE",
        "QUEUE_SQS_POLLING_WAIT_TIME_MS", "RATE_LIMITER_DRIVER",
        "RATE_LIMITER_REDIS_OPTIONS", "RATE_LIMITER_REDIS_CLUSTER_MODE",
    };
    const char *why = NULL;
    push_conf_t conf;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(read_variable(&conf, names[i], "1", &why),
                         APR_SUCCESS);
        assert_non_null(conf.warnings[0]);
        if (strstr(conf.warnings[0], "without effect here: SOKETI_") == NULL ||
            strstr(conf.warnings[0], names[i]) == NULL ||
            conf.warnings[1] != NULL) {
            fail_msg("%s: %s", names[i], conf.warnings[0]);
        }
    }
}

static void what_would_mean_something_else_here_is_refused(void **state)
{
    static const char *const worker[] = { "SOKETI_MODE=worker", NULL };
    static const char *const mysql[] = { "SOKETI_APP_MANAGER_DRIVER=mysql",
                                         NULL };
    static const char *const both[] = { "SOKETI_APP_MANAGER_DRIVER=mysql",
                                        "PUSHER_APP_KEY=k",
                                        "PUSHER_APP_SECRET=s", NULL };
    const char *why = NULL;
    push_conf_t conf;

    (void)state;
    assert_int_not_equal(read_conf(&conf, "{}", worker, &why), APR_SUCCESS);
    assert_non_null(strstr(why, "mode is worker"));
    /* Nobody shall get the app that everybody knows in place of his own. */
    assert_int_not_equal(read_conf(&conf, "{}", mysql, &why), APR_SUCCESS);
    assert_non_null(strstr(why, "appManager.driver is mysql"));
    assert_int_equal(read_conf(&conf, "{}", both, &why), APR_SUCCESS);
    assert_non_null(strstr(conf.warnings[0], "appManager.driver is mysql"));
    assert_int_equal(
        read_conf(&conf, "{\"appManager\":{\"driver\":\"mysql\"}," SAFE_APP "}",
                  no_env, &why),
        APR_SUCCESS);
}

static void bodies_that_do_not_fit_into_memory_are_a_warning(void **state)
{
    const char *why = NULL;
    push_conf_t conf;

    (void)state;
    assert_int_equal(
        read_conf(&conf, "{\"httpApi.requestLimitInMb\":64," SAFE_APP "}",
                  no_env, &why),
        APR_SUCCESS);
    assert_null(conf.warnings[0]);
    assert_int_equal(
        read_conf(&conf, "{\"httpApi.requestLimitInMb\":65," SAFE_APP "}",
                  no_env, &why),
        APR_SUCCESS);
    assert_non_null(strstr(conf.warnings[0], "maxUnfinishedInMb"));
}

static int listed(const apr_array_header_t *list, const char *key)
{
    int i;

    for (i = 0; i < list->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(list, i, const char *), key)) {
            return 1;
        }
    }
    return 0;
}

/* What a page of an origin is told; "": nothing; NULL: the settings are refused. */
static const char *told(const char *settings, const char *origin)
{
    http_span_t span = { origin, origin ? strlen(origin) : 0 };
    const char *why = NULL, *lines;
    push_conf_t conf;

    if (read_conf(&conf, settings, no_env, &why) != APR_SUCCESS) {
        assert_non_null(strstr(why, "cors."));
        return NULL;
    }
    lines = push_pages_lines(&conf.pages, origin ? &span : NULL, pool);
    return lines != NULL ? lines : "";
}

static void pages_of_listed_origins_may_read_answers(void **state)
{
    static const char *const wrong[] = {
        "{\"cors.origin\":7}",
        "{\"cors.origin\":[7]}",
        "{\"cors.origin\":[\"\"]}",
        "{\"cors.origin\":[\"a\\r\\nSet-Cookie: x\"]}",
        "{\"cors.origin\":[\"a, b\"]}",
        "{\"cors.origin\":{}}",
        "{\"cors.methods\":true}",
        "{\"cors.methods\":\"GET\\r\\nX: y\"}",
        "{\"cors.allowedHeaders\":[\"a b\"]}",
        "{\"cors\":{\"allowedHeaders\":[\"\xc3\xa4\"]}}",
    };
    const char *lines;

    (void)state;
    lines = told("{}", "https://a");
    assert_non_null(strstr(lines, "Access-Control-Allow-Origin: *\r\n"));
    assert_null(strstr(lines, "Vary"));
    assert_string_equal(told("{}", NULL), "");
    lines = told("{\"cors\":{\"origin\":[\"https://a\",\"https://b\"],"
                 "\"methods\":\"GET POST\",\"allowedHeaders\":[\"X-A\","
                 "\"X-B\"],\"credentials\":true}}",
                 "https://b");
    assert_string_equal(lines, "Access-Control-Allow-Origin: https://b\r\n"
                               "Vary: Origin\r\n"
                               "Access-Control-Allow-Methods: GET, POST\r\n"
                               "Access-Control-Allow-Headers: X-A, X-B\r\n");
    assert_string_equal(told("{\"cors.origin\":[\"https://a\"]}", "https://aa"),
                        "");
    assert_string_equal(told("{\"cors.origin\":[]}", "https://a"), "");
    assert_non_null(strstr(told("{\"cors.origin\":null}", "https://a"), "*"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(told(wrong[i], "https://a"));
    }
}

static void a_running_process_takes_what_it_can(void **state)
{
    apr_array_header_t *changed = apr_array_make(pool, 4, sizeof(char *));
    apr_array_header_t *kept = apr_array_make(pool, 4, sizeof(char *));
    push_conf_t now, next;
    const char *why = NULL;

    (void)state;
    assert_int_equal(
        read_conf(&now, "{\"port\":1,\"pathPrefix\":\"a\"," SAFE_APP "}",
                  no_env, &why),
        APR_SUCCESS);
    assert_int_equal(
        read_conf(&next,
                  "{\"port\":2,\"pathPrefix\":\"b\",\"database.wake\":\"/x\","
                  "\"maxQueueInKb\":7,\"activityTimeout\":120,"
                  "\"database.retentionSeconds\":0,"
                  "\"cors.origin\":[\"https://a\"],"
                  "\"trustedProxies\":[\"10.1.0.0/16\"]," SAFE_APP "}",
                  no_env, &why),
        APR_SUCCESS);
    push_conf_follow(&next, &now, changed, kept);
    assert_int_equal(next.port, 1);
    assert_null(next.database_wake);
    assert_string_equal(next.path_prefix, "/b");
    assert_int_equal(next.max_queue, 7 * 1024);
    assert_int_equal(kept->nelts, 2);
    assert_true(listed(kept, "port") && listed(kept, "database.wake"));
    assert_int_equal(next.retention_seconds, 0);
    assert_int_equal(changed->nelts, 5);
    assert_true(listed(changed, "trustedProxies") && listed(changed, "cors") &&
                listed(changed, "pathPrefix") &&
                listed(changed, "database.retentionSeconds") &&
                listed(changed, "maxQueueInKb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_word_it_is_soketis_default),
        cmocka_unit_test(
            proxies_on_this_host_are_trusted_unless_others_are_named),
        cmocka_unit_test(pages_of_listed_origins_may_read_answers),
        cmocka_unit_test(the_environment_overrides_the_file),
        cmocka_unit_test(pusher_variables_name_the_app_too),
        cmocka_unit_test(unknown_settings_are_named),
        cmocka_unit_test(each_number_has_a_smallest_and_a_largest),
        cmocka_unit_test(an_app_that_lets_nobody_in_is_a_warning),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_mode_is_octal_however_it_is_written),
        cmocka_unit_test(variables_of_tls_are_text_and_soketis),
        cmocka_unit_test(a_path_prefix_has_one_form),
        cmocka_unit_test(each_variable_of_soketi_that_means_something_is_taken),
        cmocka_unit_test(
            each_other_variable_of_soketi_is_named_as_without_effect),
        cmocka_unit_test(what_would_mean_something_else_here_is_refused),
        cmocka_unit_test(bodies_that_do_not_fit_into_memory_are_a_warning),
        cmocka_unit_test(a_running_process_takes_what_it_can),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
