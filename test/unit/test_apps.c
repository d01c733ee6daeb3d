/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apps.c - the apps while their settings change.
 *
 * Settings are made as files would make them, each state in a pool of its own
 * that goes when the next one is there, as a reload does it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <apr_general.h>

#include "apps.h"

#define LOOPS 2

static apr_pool_t *pool;    /* of the process */
static apr_pool_t *current; /* of the settings in use; NULL: the first */
static push_apps_t *apps;
static int cleared; /* calls of clear() */

static void clear(push_app_t *app)
{
    assert_true(app->removed);
    cleared++;
}

static chat_apps_t *settings_of(const char *list, apr_pool_t *p)
{
    chat_apps_t *conf = apr_pcalloc(p, sizeof(*conf));
    json_t *root = json_pack("{s:o}", "appManager.array.apps",
                             json_loads(list, 0, NULL));
    const char *why = NULL;

    assert_int_equal(chat_apps_read(conf, root, &why, p), APR_SUCCESS);
    json_decref(root);
    return conf;
}

static int setup(void **state)
{
    (void)state;
    apr_pool_create(&pool, NULL);
    current = NULL;
    cleared = 0;
    return push_apps_create(&apps,
                            settings_of("[{\"id\":\"1\",\"key\":\"one\","
                                        "\"secret\":\"s1\"}]",
                                        pool),
                            LOOPS, pool) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

/* As a reload: prepare, reap, change, drop what was. */
static void change_to(const char *list)
{
    push_apps_change_t change;
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    assert_int_equal(push_apps_prepare(&change, apps, settings_of(list, p), p),
                     APR_SUCCESS);
    push_apps_reap(apps, clear);
    push_apps_change(apps, &change, 5);
    if (current != NULL) {
        apr_pool_destroy(current);
    }
    current = p;
}

static push_app_t *by_id(const char *id)
{
    return push_app_by_id(apps, id, strlen(id));
}

static push_app_t *by_key(const char *key)
{
    return push_app_by_key(apps, key, strlen(key));
}

static int good(push_app_t *app, const char *secret)
{
    const chat_piece_t piece = { "text", 4 };
    char hex[CHAT_SIGNATURE_HEX];
    chat_signer_t *signer;

    assert_int_equal(chat_signer_create(&signer, secret, pool), APR_SUCCESS);
    chat_sign(signer, hex, &piece, 1);
    assert_int_equal(push_app_signed(app, 0, hex, strlen(hex), &piece, 1),
                     push_app_signed(app, LOOPS - 1, hex, strlen(hex), &piece,
                                     1));
    return push_app_signed(app, 0, hex, strlen(hex), &piece, 1);
}

static void an_app_with_its_id_and_key_stays_and_has_other_settings(void **state)
{
    push_app_t *one = by_id("1");

    (void)state;
    push_count(&push_app_traffic(one, 1)->opened, 7);
    assert_true(good(one, "s1"));
    change_to("[{\"id\":\"0\",\"key\":\"zero\",\"secret\":\"s0\"},"
              "{\"id\":\"1\",\"key\":\"one\",\"secret\":\"s2\",\"secrets\":"
              "[\"s1\"],\"maxConnections\":3,\"enableUserAuthentication\":"
              "true}]");
    assert_ptr_equal(by_id("1"), one);
    assert_ptr_equal(by_key("one"), one);
    assert_int_equal(push_apps_count(apps), 2);
    assert_ptr_equal(push_apps_at(apps, 1), one);
    assert_int_equal(one->conf->max_connections, 3);
    assert_int_equal(one->demands, 5);
    assert_true(good(one, "s1") && good(one, "s2"));
    assert_int_equal(push_app_traffic(one, 1)->opened, 7);
    change_to("[{\"id\":\"1\",\"key\":\"one\",\"secret\":\"s2\"}]");
    assert_false(good(one, "s1"));
    assert_true(good(one, "s2"));
    assert_null(by_id("0"));
}

static void another_key_is_another_app_that_goes_on_counting(void **state)
{
    push_app_t *one = by_id("1");
    push_traffic_t sum;

    (void)state;
    push_count(&push_app_traffic(one, 0)->opened, 7);
    change_to("[{\"id\":\"1\",\"key\":\"two\",\"secret\":\"s1\"}]");
    assert_ptr_not_equal(by_id("1"), one);
    assert_int_not_equal(by_id("1")->number, one->number);
    assert_null(by_key("one"));
    /* Its last connection ends, and that is counted under the same id. */
    push_count(&push_app_traffic(one, 0)->closed, 1);
    push_app_traffic_sum(&sum, by_id("1"));
    assert_int_equal(sum.opened, 7);
    assert_int_equal(sum.closed, 1);
}

static void a_removed_app_allows_nothing_and_waits_for_its_connections(
    void **state)
{
    push_app_t *one = by_id("1");

    (void)state;
    one->connections = 1;
    change_to("[{\"id\":\"2\",\"key\":\"two\",\"secret\":\"s2\"}]");
    assert_null(by_id("1"));
    assert_null(by_id(""));
    assert_true(one->removed);
    assert_string_equal(one->conf->id, "1");
    assert_false(good(one, "s1"));
    assert_false(push_app_auth(one, 0, ":00", 3, NULL, 0));
    assert_false(one->conf->enabled);
    assert_int_equal(one->conf->max_channels, 0);
    change_to("[{\"id\":\"2\",\"key\":\"two\",\"secret\":\"s2\"}]");
    change_to("[{\"id\":\"2\",\"key\":\"two\",\"secret\":\"s2\"}]");
    assert_int_equal(push_apps_removed(apps), 1);
    assert_int_equal(cleared, 0);
    one->connections = 0;
    change_to("[{\"id\":\"2\",\"key\":\"two\",\"secret\":\"s2\"}]");
    assert_int_equal(cleared, 1);
    assert_int_equal(push_apps_removed(apps), 1); /* tasks may name it still */
    change_to("[{\"id\":\"2\",\"key\":\"two\",\"secret\":\"s2\"}]");
    assert_int_equal(push_apps_removed(apps), 0);
}

static void a_thousand_changes_keep_no_more_than_the_last_two(void **state)
{
    push_app_t *one = by_id("1");
    char list[200];
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        snprintf(list, sizeof(list),
                 "[{\"id\":\"1\",\"key\":\"one\",\"secret\":\"s1\"},"
                 "{\"id\":\"x%d\",\"key\":\"x%d\",\"secret\":\"s\"}]",
                 i, i);
        change_to(list);
        assert_true(push_apps_removed(apps) <= 2);
    }
    assert_ptr_equal(by_id("1"), one);
    assert_int_equal(cleared, 998);
}

static void a_change_that_is_not_made_leaves_nothing(void **state)
{
    push_app_t *one = by_id("1");
    push_apps_change_t change;
    apr_pool_t *p;

    (void)state;
    apr_pool_create(&p, pool);
    assert_int_equal(
        push_apps_prepare(&change, apps,
                          settings_of("[{\"id\":\"1\",\"key\":\"two\","
                                      "\"secret\":\"s\"}]",
                                      p),
                          p),
        APR_SUCCESS);
    push_apps_forget(&change);
    apr_pool_destroy(p);
    assert_ptr_equal(by_id("1"), one);
    assert_ptr_equal(by_key("one"), one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        T(an_app_with_its_id_and_key_stays_and_has_other_settings),
        T(another_key_is_another_app_that_goes_on_counting),
        T(a_removed_app_allows_nothing_and_waits_for_its_connections),
        T(a_thousand_changes_keep_no_more_than_the_last_two),
        T(a_change_that_is_not_made_leaves_nothing),
#undef T
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
