/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_app.c - the apps of a Soketi file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_general.h>

#include "app.h"

static apr_pool_t *pool;

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static apr_status_t read_apps(chat_apps_t *apps, const char *text,
                              const char **why)
{
    json_t *json = json_of(text);
    apr_status_t rv = chat_apps_read(apps, json, why, pool);

    json_decref(json);
    return rv;
}

static void a_setting_is_found_nested_dotted_and_in_between(void **state)
{
    static const char *const spellings[] = { "{\"a\":{\"b\":{\"c\":1}}}",
                                             "{\"a.b.c\":1}",
                                             "{\"a.b\":{\"c\":1}}",
                                             "{\"a\":{\"b.c\":1}}" };
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        json_t *json = json_of(spellings[i]);

        assert_int_equal(json_integer_value(chat_conf_find(json, "a.b.c")), 1);
        assert_null(chat_conf_find(json, "a.b.d"));
        assert_null(chat_conf_find(json, "c"));
        json_decref(json);
    }
    assert_null(chat_conf_find(NULL, "a"));
}

static void what_a_file_does_not_say_is_as_documented(void **state)
{
    const char *why = NULL;
    chat_apps_t apps;
    const chat_app_t *app;

    (void)state;
    assert_int_equal(
        read_apps(&apps,
                  "{\"appManager.array.apps\":[{\"id\":1,\"key\":\"k\","
                  "\"secret\":\"s\"}]}",
                  &why),
        APR_SUCCESS);
    assert_int_equal(apps.n, 1);
    app = apps.list;
    assert_string_equal(app->id, "1");
    assert_string_equal(app->secrets[0], "s");
    assert_null(app->secrets[1]);
    assert_true(app->enabled);
    assert_false(app->client_events);
    assert_null(app->origins);
    assert_int_equal(app->max_channel_name, 164);
    assert_int_equal(app->max_event_payload, 10240);
    assert_int_equal(app->max_presence_member, 1024);
    assert_int_equal(app->max_client_events, 10);
    assert_int_equal(app->max_connections, -1);
}

static void an_app_of_soketi_is_read_in_each_of_its_spellings(void **state)
{
    const char *why = NULL;
    chat_apps_t apps;
    const chat_app_t *app;

    (void)state;
    assert_int_equal(
        read_apps(
            &apps,
            "{\"eventLimits\":{\"maxPayloadInKb\":\"0.5\"},"
            "\"presence.maxMembersPerChannel\":7,"
            "\"appManager\":{\"array\":{\"apps\":[{\"AppId\":\"i\","
            "\"AppKey\":\"k\",\"AppSecret\":\"s\",\"max_connections\":\"5\","
            "\"EnableClientMessages\":\"true\",\"enabled\":0,"
            "\"secrets\":[\"old\"],\"allowedOrigins\":[\"https://a\"],"
            "\"maxPresenceMembersPerChannel\":\"\","
            "\"webhooks\":\"[{\\\"url\\\":\\\"http://h\\\",\\\"event_types\\\":"
            "[\\\"channel_occupied\\\"],\\\"headers\\\":{\\\"A-b\\\":"
            "\\\"c d\\\",\\\"X-Pusher-Key\\\":\\\"no\\\"}}]\"}]}}}",
            &why),
        APR_SUCCESS);
    app = apps.list;
    assert_int_equal(app->max_connections, 5);
    assert_true(app->client_events);
    assert_false(app->enabled);
    assert_string_equal(app->secrets[0], "s");
    assert_string_equal(app->secrets[1], "old");
    assert_string_equal(app->origins[0], "https://a");
    assert_int_equal(app->max_event_payload, 512);
    assert_int_equal(app->max_presence_members, 7);
    assert_int_equal(app->nwebhooks, 1);
    assert_string_equal(app->webhooks[0].events[0], "channel_occupied");
    assert_string_equal(app->webhooks[0].headers[0], "A-b: c d");
    assert_null(app->webhooks[0].headers[1]);
    assert_ptr_equal(chat_app_by_key(&apps, "k", 1), app);
    assert_ptr_equal(chat_app_by_id(&apps, "i", 1), app);
    assert_null(chat_app_by_id(&apps, "k", 1));
}

/* Every number of an app: its key, where it goes, and what begins it: -1 for how
 * many and how often, 1 for lengths and sizes. */
/* clang-format off */
#define LIMIT(key, member, most) { key, offsetof(chat_app_t, member), -1, most, 1 }
#define SIZE(key, member) { key, offsetof(chat_app_t, member), 1, 1e9, 1 }
#define KB(key, member) { key, offsetof(chat_app_t, member), 1, 1e9, 1024 }
static const struct {
    const char *key;
    size_t at;
    int least;
    double most;
    int unit;
} numbers[] = {
    LIMIT("maxConnections", max_connections, 1e15),
    LIMIT("maxConnectionsPerUser", max_per_user, 1e15),
    LIMIT("maxConnectionsPerAddress", max_per_address, 1e15),
    LIMIT("maxConnectsPerAddressPerMinute", max_connects, 60000),
    LIMIT("maxBackendEventsPerSecond", max_backend_events, 1e15),
    LIMIT("maxClientEventsPerSecond", max_client_events, 1e15),
    LIMIT("maxSubscribesPerMinute", max_subscribes, 1e15),
    LIMIT("maxReadRequestsPerSecond", max_read_requests, 1e15),
    SIZE("maxChannelNameLength", max_channel_name),
    SIZE("maxEventNameLength", max_event_name),
    KB("maxEventPayloadInKb", max_event_payload),
    SIZE("maxEventChannelsAtOnce", max_event_channels),
    SIZE("maxEventBatchSize", max_event_batch),
    SIZE("maxPresenceMembersPerChannel", max_presence_members),
    KB("maxPresenceMemberSizeInKb", max_presence_member),
    SIZE("maxChannelsPerConnection", max_channels),
    SIZE("maxWatchlistSize", max_watchlist),
};
/* clang-format on */
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* One app with a number so written. @return the number it has; -7: refused */
static apr_int64_t number_read(size_t n, const char *written)
{
    const char *why = NULL;
    chat_apps_t apps;
    char text[256];

    snprintf(text, sizeof(text),
             "{\"appManager.array.apps\":[{\"id\":\"a\",\"key\":\"k\","
             "\"secret\":\"s\",\"%s\":%s}]}",
             numbers[n].key, written);
    if (read_apps(&apps, text, &why) == APR_SUCCESS) {
        return *(const apr_int64_t *)(const void *)((const char *)apps.list +
                                                    numbers[n].at);
    }
    if (why == NULL || strstr(why, numbers[n].key) == NULL ||
        strstr(why, "number") == NULL) {
        fail_msg("%s: %s: '%s' says nothing of it", numbers[n].key, written,
                 why);
    }
    return -7;
}

static void each_number_has_one_beginning_and_an_end(void **state)
{
    char most[32], more[32];
    size_t n;

    (void)state;
    for (n = 0; n < NUMBERS; n++) {
        apr_int64_t none = numbers[n].least < 0 ? 0 : -7;

        snprintf(most, sizeof(most), "%.0f", numbers[n].most);
        snprintf(more, sizeof(more), "%.0f", numbers[n].most + 1);
        assert_int_equal(number_read(n, "-2"), -7);
        assert_int_equal(number_read(n, "-1"), none == 0 ? -1 : -7);
        assert_int_equal(number_read(n, "\"-1\""), none == 0 ? -1 : -7);
        assert_int_equal(number_read(n, "0"), none);
        assert_int_equal(number_read(n, "\"0\""), none);
        assert_int_equal(number_read(n, "1"), numbers[n].unit);
        assert_int_equal(number_read(n, "\"7\""), 7 * numbers[n].unit);
        assert_int_equal(number_read(n, most),
                         (apr_int64_t)numbers[n].most * numbers[n].unit);
        assert_int_equal(number_read(n, more), -7);
    }
}

static void what_is_no_number_of_that_kind_is_refused(void **state)
{
    static const char *const wrong[] = {
        "true",      "[]",      "{}",         "[1]",      "\"many\"",
        "\"1 000\"", "\"1k\"",  "\"nan\"",    "\"inf\"",  "\"-inf\"",
        "\"1e999\"", "1e300",   "-1e300",     "-0.5",     "\"-0.25\"",
        "0.0001",    "\"--1\"", "\"9999999999999999999999\"",
    };
    size_t n, i;

    (void)state;
    for (n = 0; n < NUMBERS; n++) {
        for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            assert_int_equal(number_read(n, wrong[i]), -7);
        }
        assert_int_equal(number_read(n, "1.5"),
                         numbers[n].unit == 1024 ? 1536 : -7);
    }
}

static void what_is_wrong_is_named(void **state)
{
#define ONE(app) "{\"appManager.array.apps\":[" app "]}"
    static const struct {
        const char *text;
        const char *names;
    } wrong[] = {
        { "{\"appManager.array.apps\":{}}", "appManager.array.apps" },
        { ONE("{}"), "[0].id" },
        { ONE("7"), "[0].id" },
        { ONE("{\"id\":\"a\",\"secret\":\"s\"}"), ".key" },
        { ONE("{\"id\":\"a\",\"key\":\"k\"}"), ".secret" },
        { ONE("{\"id\":\"a/b\",\"key\":\"k\",\"secret\":\"s\"}"), ".id" },
        { ONE("{\"id\":[],\"key\":\"k\",\"secret\":\"s\"}"), ".id" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\","
              "\"maxConnections\":\"many\"}"),
          ".maxConnections" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\","
              "\"enabled\":\"yes\"}"),
          ".enabled" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\","
              "\"allowedOrigins\":\"x\"}"),
          ".allowedOrigins" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\","
              "\"encryptionMasterKeyBase64\":\"c2hvcnQ=\"}"),
          ".encryptionMasterKeyBase64" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\","
              "\"webhooks\":[{\"url\":\"ftp://x\"}]}"),
          ".webhooks" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\","
              "\"webhooks\":[{\"lambda_function\":\"f\"}]}"),
          "lambda_function" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\","
              "\"webhooks\":[{\"url\":\"http://h\","
              "\"headers\":{\"A\":\"b\\r\\nC: d\"}}]}"),
          ".webhooks" },
        { ONE("{\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\"},"
              "{\"id\":\"a\",\"key\":\"l\",\"secret\":\"s\"}"),
          "[1].id" },
        { "{\"eventLimits.maxPayloadInKb\":-1}", "eventLimits.maxPayloadInKb" },
        { "{\"eventLimits\":{\"maxPayloadInKb\":0}}",
          "eventLimits.maxPayloadInKb" },
        { "{\"channelLimits.maxNameLength\":0}", "channelLimits.maxNameLength" },
        { "{\"channelLimits.maxPerConnection\":-1}",
          "channelLimits.maxPerConnection" },
        { "{\"eventLimits.maxNameLength\":0.5}", "eventLimits.maxNameLength" },
        { "{\"eventLimits.maxChannelsAtOnce\":0}",
          "eventLimits.maxChannelsAtOnce" },
        { "{\"eventLimits.maxBatchSize\":\"nan\"}", "eventLimits.maxBatchSize" },
        { "{\"presence.maxMembersPerChannel\":-1}",
          "presence.maxMembersPerChannel" },
        { "{\"presence.maxMemberSizeInKb\":1e10}", "presence.maxMemberSizeInKb" },
    };
    chat_apps_t apps;
    const char *why;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        why = NULL;
        assert_int_not_equal(read_apps(&apps, wrong[i].text, &why),
                             APR_SUCCESS);
        assert_non_null(why);
        if (strstr(why, wrong[i].names) == NULL) {
            fail_msg("'%s' does not name %s", why, wrong[i].names);
        }
    }
}

static void a_file_that_cannot_be_used_is_said_in_a_sentence(void **state)
{
    char path[] = "/tmp/test_app.XXXXXX";
    const char *why = NULL;
    json_t *root = NULL;
    int fd = mkstemp(path);

    (void)state;
    assert_int_not_equal(chat_conf_load(&root, "/nonexistent/x", &why, pool),
                         APR_SUCCESS);
    assert_non_null(strstr(why, "/nonexistent/x"));
    assert_int_not_equal(chat_conf_load(&root, "/tmp", &why, pool),
                         APR_SUCCESS);
    assert_int_equal(write(fd, "{\"a\":1,", 7), 7);
    assert_int_not_equal(chat_conf_load(&root, path, &why, pool), APR_SUCCESS);
    assert_non_null(strstr(why, path));
    assert_int_equal(write(fd, "\"b\":2}", 6), 6);
    assert_int_equal(chat_conf_load(&root, path, &why, pool), APR_SUCCESS);
    assert_int_equal(json_integer_value(json_object_get(root, "b")), 2);
    json_decref(root);
    close(fd);
    unlink(path);
}

/* One app whose JSON has more members in its front. */
static chat_app_t app_with(const char *more)
{
    chat_apps_t apps;
    const char *why = NULL;
    char text[500];

    snprintf(text, sizeof(text),
             ONE("{%s\"id\":\"a\",\"key\":\"k\",\"secret\":\"s\"}"), more);
    assert_int_equal(read_apps(&apps, text, &why), APR_SUCCESS);
    return apps.list[0];
}

static void any_other_setting_is_a_change(void **state)
{
    static const char *const texts[] = {
        "",
        "\"authEndpoint\":\"http://h\",",
        "\"enabled\":false,",
        "\"enableClientMessages\":true,",
        "\"maxConnections\":7,",
        "\"maxChannelNameLength\":7,",
        "\"maxEventPayloadInKb\":7,",
        "\"maxChannelsPerConnection\":7,",
        "\"secrets\":[\"t\"],",
        "\"allowedOrigins\":[],",
        "\"allowedOrigins\":[\"*\"],",
        "\"webhooks\":[{\"url\":\"http://h\"}],",
        "\"webhooks\":[{\"url\":\"http://i\"}],",
        "\"webhooks\":[{\"url\":\"http://h\",\"event_types\":[\"x\"]}],",
        "\"webhooks\":[{\"url\":\"http://h\",\"headers\":{\"A\":\"b\"}}],",
        "\"webhooks\":[{\"url\":\"http://h\",\"filter\":"
        "{\"channel_name_starts_with\":\"x\"}}],",
        "\"webhooks\":[{\"url\":\"http://h\",\"filter\":"
        "{\"channel_name_ends_with\":\"x\"}}],",
        "\"webhooks\":[{\"url\":\"http://h\"},{\"url\":\"http://i\"}],",
    };
    const size_t n = sizeof(texts) / sizeof(texts[0]);
    chat_app_t a, b;
    size_t i, j;

    (void)state;
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            a = app_with(texts[i]);
            b = app_with(texts[j]);
            if (chat_app_same(&a, &b) != (i == j)) {
                fail_msg("%s and %s", texts[i], texts[j]);
            }
        }
    }
}

/* Who may have many channels may ask for all of them, and once more. */
static void subscribes_follow_the_channels_a_socket_may_have(void **state)
{
    (void)state;
    assert_int_equal(app_with("").max_subscribes, 10000);
    assert_int_equal(app_with("\"maxChannelsPerConnection\":7,").max_subscribes,
                     10000);
    assert_int_equal(
        app_with("\"maxChannelsPerConnection\":7000,").max_subscribes, 14000);
    assert_int_equal(app_with("\"maxChannelsPerConnection\":5000,"
                              "\"maxSubscribesPerMinute\":30,")
                         .max_subscribes,
                     30);
    assert_int_equal(app_with("\"maxSubscribesPerMinute\":-1,").max_subscribes,
                     -1);
}

/* Soketi takes the keys of its apps one by one, and its default app is below
 * them. */
static void keys_of_an_app_may_stand_alone(void **state)
{
    static const char text[] =
        "{\"appManager.array.apps.0.enableClientMessages\":true,"
        "\"appManager.array.apps.1.id\":40000,"
        "\"appManager.array.apps.1.key\":\"k\","
        "\"appManager.array.apps.1.secret\":\"s\","
        "\"appManager.array.apps.99999.id\":\"far\","
        "\"appManager.array.apps.x.id\":\"none\"}";
    char path[] = "/tmp/chat-app-XXXXXX";
    int fd = mkstemp(path);
    chat_apps_t apps;
    const char *why;
    json_t *root;

    (void)state;
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    assert_int_equal(chat_conf_load(&root, path, &why, pool), APR_SUCCESS);
    unlink(path);
    assert_int_equal(json_object_size(root), 3); /* apps, two unknown */
    assert_int_equal(chat_apps_read(&apps, root, &why, pool), APR_SUCCESS);
    json_decref(root);
    assert_int_equal(apps.n, 2);
    assert_string_equal(apps.list[0].id, CHAT_APP_DEFAULT_ID);
    assert_true(apps.list[0].client_events);
    assert_string_equal(apps.list[1].id, "40000");
    assert_false(apps.list[1].client_events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setting_is_found_nested_dotted_and_in_between),
        cmocka_unit_test(what_a_file_does_not_say_is_as_documented),
        cmocka_unit_test(an_app_of_soketi_is_read_in_each_of_its_spellings),
        cmocka_unit_test(each_number_has_one_beginning_and_an_end),
        cmocka_unit_test(what_is_no_number_of_that_kind_is_refused),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(any_other_setting_is_a_change),
        cmocka_unit_test(subscribes_follow_the_channels_a_socket_may_have),
        cmocka_unit_test(a_file_that_cannot_be_used_is_said_in_a_sentence),
        cmocka_unit_test(keys_of_an_app_may_stand_alone),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
