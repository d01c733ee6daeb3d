/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_conf.c - chat-push's settings from a file and the environment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
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
    assert_null(conf.warnings[2]);
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
        /* Its ids are not committed in order: events would be passed over. */
        { "{\"database\":{\"url\":\"postgresql://h/d\"}}", "database.url" },
        { "{\"database\":{\"url\":\"postgres://h/d\"}}", "database.url" },
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
                  "\"maxQueueInKb\":7,\"activityTimeout\":120," SAFE_APP "}",
                  no_env, &why),
        APR_SUCCESS);
    push_conf_follow(&next, &now, changed, kept);
    assert_int_equal(next.port, 1);
    assert_null(next.database_wake);
    assert_string_equal(next.path_prefix, "/b");
    assert_int_equal(next.max_queue, 7 * 1024);
    assert_int_equal(kept->nelts, 2);
    assert_true(listed(kept, "port") && listed(kept, "database.wake"));
    assert_int_equal(changed->nelts, 2);
    assert_true(listed(changed, "pathPrefix") &&
                listed(changed, "maxQueueInKb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_word_it_is_soketis_default),
        cmocka_unit_test(
            proxies_on_this_host_are_trusted_unless_others_are_named),
        cmocka_unit_test(the_environment_overrides_the_file),
        cmocka_unit_test(pusher_variables_name_the_app_too),
        cmocka_unit_test(unknown_settings_are_named),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_mode_is_octal_however_it_is_written),
        cmocka_unit_test(variables_of_tls_are_text_and_soketis),
        cmocka_unit_test(a_path_prefix_has_one_form),
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
