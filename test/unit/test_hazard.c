/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hazard.c - the arithmetic of threads and slots, and what is said of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "hazard.h"

static apr_pool_t *pool;

/* Debian's mpm_event.conf. */
static const chat_hazard_mpm_t debian = {
    .workers = { "MaxRequestWorkers", "mpm_event.conf:9", 150 },
    .threads = { "ThreadsPerChild", "mpm_event.conf:8", 25 },
    .slots = { "ServerLimit", NULL, 16 },
    .spare = { "MaxSpareThreads", "mpm_event.conf:6", 75 },
    .recycle = { "MaxConnectionsPerChild", "mpm_event.conf:10", 0 },
    .ping = 120,
};

/* doc/operations.md's, for 500 people. */
static const chat_hazard_mpm_t sized = {
    .workers = { "MaxRequestWorkers", "chat-size.conf:3", 576 },
    .threads = { "ThreadsPerChild", "chat-size.conf:2", 64 },
    .slots = { "ServerLimit", "chat-size.conf:4", 18 },
    .spare = { "MaxSpareThreads", "chat-size.conf:5", 576 },
    .recycle = { "MaxConnectionsPerChild", NULL, 0 },
    .ping = 120,
};

static apr_array_header_t *sentences(void)
{
    return apr_array_make(pool, 8, sizeof(const char *));
}

static const char *sentence(const apr_array_header_t *all, int i)
{
    assert_true(i < all->nelts);
    return APR_ARRAY_IDX(all, i, const char *);
}

static apr_array_header_t *judged(const chat_hazard_mpm_t *mpm, int tunnels)
{
    apr_array_header_t *all = sentences();

    chat_hazard_of_mpm(all, mpm, "chat.example.org:443", tunnels, pool);
    return all;
}

static apr_array_header_t *judged_host(const chat_hazard_host_t *host)
{
    apr_array_header_t *all = sentences();

    chat_hazard_of_host(all, host, &debian, pool);
    return all;
}

static void children_are_rounded_up_and_slots_are_what_is_left(void **state)
{
    chat_hazard_mpm_t mpm = debian;

    (void)state;
    assert_int_equal(chat_hazard_children(&mpm), 6);
    assert_int_equal(chat_hazard_spare_slots(&mpm), 10);
    mpm.workers.value = 151;
    assert_int_equal(chat_hazard_children(&mpm), 7);
    mpm.prefork = 1;
    assert_int_equal(chat_hazard_children(&mpm), 151);
    assert_int_equal(chat_hazard_spare_slots(&mpm), -135);
    mpm.prefork = 0;
    mpm.threads.value = 0;
    assert_int_equal(chat_hazard_children(&mpm), 0);
}

static void what_the_documents_say_to_set_is_enough(void **state)
{
    (void)state;
    assert_int_equal(judged(&sized, 1)->nelts, 0);
    assert_int_equal(judged(&sized, 0)->nelts, 0);
}

static void few_workers_are_said_with_the_number_of_people(void **state)
{
    apr_array_header_t *all = judged(&debian, 1);
    chat_hazard_mpm_t mpm = sized;

    (void)state;
    assert_int_equal(all->nelts, 2); /* and MaxSpareThreads */
    assert_string_equal(
        sentence(all, 0),
        "MaxRequestWorkers 150 (mpm_event.conf:9) is few: each WebSocket of "
        "chat.example.org:443 goes through mod_proxy and holds one worker "
        "while it is open, so 150 - 50 for requests = 100 people can be there "
        "at once and the next one waits with everybody else; set it to their "
        "number + 50");
    mpm.workers.value = 151;
    mpm.spare.value = 151;
    assert_int_equal(judged(&mpm, 1)->nelts, 0);
    mpm.workers.value = mpm.spare.value = 20;
    assert_non_null(strstr(sentence(judged(&mpm, 1), 0), " = 0 people"));
    assert_int_equal(judged(&mpm, 0)->nelts, 0); /* pumped: no workers held */
}

static void slots_must_do_for_two_generations(void **state)
{
    chat_hazard_mpm_t mpm = sized;

    (void)state;
    mpm.slots.value = 17;
    mpm.slots.at = NULL;
    assert_string_equal(
        sentence(judged(&mpm, 1), 0),
        "ServerLimit 17 (the default) leaves 17 - MaxRequestWorkers 576 / "
        "ThreadsPerChild 64 = 8 spare slots: at a graceful restart old "
        "children keep theirs while WebSockets of chat.example.org:443 are "
        "open, and without a slot no new child can start and no request is "
        "answered; set it to 2 x 9 = 18 or more");
    assert_int_equal(judged(&mpm, 0)->nelts, 1); /* a pump stays as well */
    mpm.prefork = 1;
    mpm.slots.value = 1000;
    assert_non_null(strstr(sentence(judged(&mpm, 1), 0),
                           "1000 - MaxRequestWorkers 576 = 424 spare slots"));
    mpm.slots.value = 1152;
    assert_int_equal(judged(&mpm, 1)->nelts, 0);
}

static void children_that_end_for_other_reasons_are_named(void **state)
{
    chat_hazard_mpm_t mpm = sized;

    (void)state;
    mpm.spare.value = 250;
    mpm.recycle.value = 10000;
    assert_int_equal(judged(&mpm, 1)->nelts, 2);
    assert_non_null(
        strstr(sentence(judged(&mpm, 0), 0),
               "MaxSpareThreads 250 (chat-size.conf:5) is less than "
               "MaxRequestWorkers 576: as soon as 251 threads"));
    assert_non_null(strstr(sentence(judged(&mpm, 0), 1),
                           "MaxConnectionsPerChild 10000 (the default) ends"));
}

static void a_timeout_must_let_a_ping_come_through(void **state)
{
    chat_hazard_host_t host = { .name = "a:443", .way = CHAT_WAY_TUNNEL };

    (void)state;
    host.timeout.name = "ProxyTimeout";
    host.timeout.at = "a.conf:4";
    host.timeout.value = 179;
    assert_string_equal(
        sentence(judged_host(&host), 0),
        "ProxyTimeout 179 (a.conf:4) cuts each WebSocket of a:443 that is "
        "quiet for 179 s, and a client pings after 120 s only; set "
        "timeout=180 or more on the ProxyPass of /app/ (120 + 60)");
    host.timeout.value = 180;
    assert_int_equal(judged_host(&host)->nelts, 0);
    host.timeout.value = 60;
    host.way = CHAT_WAY_HANDED;
    assert_int_equal(judged_host(&host)->nelts, 0);
    host.way = CHAT_WAY_PUMPED;
    assert_int_equal(judged_host(&host)->nelts, 0);
    host.way = CHAT_WAY_TUNNEL;
    host.untimed.name = "ProxyWebsocketFallbackToProxyHttp";
    host.untimed.at = "a.conf:9";
    assert_int_equal(judged_host(&host)->nelts, 1); /* there is no timeout */
    assert_non_null(strstr(sentence(judged_host(&host), 0),
                           "ProxyWebsocketFallbackToProxyHttp Off (a.conf:9)"));
}

static void what_keeps_sockets_from_coming_counts_on_every_way(void **state)
{
    chat_hazard_host_t host = {
        .name = "a:443",
        .way = CHAT_WAY_HANDED,
        .h2 = { "H2WebSockets", "a.conf:1", 0 },
        .keepalive = { "KeepAlive", "a.conf:2", 0 },
        .fields = { "LimitRequestFields", "a.conf:3", 39 },
        .denied = { "Require", "a.conf:4", 0 },
    };

    (void)state;
    assert_int_equal(judged_host(&host)->nelts, 4);
    host.fields.value = 40;
    assert_int_equal(judged_host(&host)->nelts, 3);
    host.fields.value = 0; /* no limit */
    assert_int_equal(judged_host(&host)->nelts, 3);
    host.way = CHAT_WAY_NONE; /* none of our business */
    assert_int_equal(judged_host(&host)->nelts, 0);
    host.way = CHAT_WAY_REFUSED;
    host.why = "nobody takes them";
    assert_string_equal(sentence(judged_host(&host), 0),
                        "WebSockets of a:443 are refused: nobody takes them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_rounded_up_and_slots_are_what_is_left),
        cmocka_unit_test(what_the_documents_say_to_set_is_enough),
        cmocka_unit_test(few_workers_are_said_with_the_number_of_people),
        cmocka_unit_test(slots_must_do_for_two_generations),
        cmocka_unit_test(children_that_end_for_other_reasons_are_named),
        cmocka_unit_test(a_timeout_must_let_a_ping_come_through),
        cmocka_unit_test(what_keeps_sockets_from_coming_counts_on_every_way),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
