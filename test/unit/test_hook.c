/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hook.c - webhooks: filters, the delay of leavings, batches and retries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"

static int owner, other_owner; /* their addresses are two apps */
static push_hold_t *hold;
static const push_line_limits_t limits = { 3, 100, 50, 6, 60 };

static push_hook_event_t *event_of(void *app, push_hook_type_t type,
                                   const char *channel, const char *id)
{
    char text[] = "{}";
    push_text_t json = { text, 2, 2 };

    return push_hook_event(app, type, channel, strlen(channel), id, strlen(id),
                           &json);
}

/* Whether an event goes on at once. */
static int passes(push_hook_type_t type, const char *channel, const char *id,
                  apr_uint64_t now)
{
    push_hook_event_t *e = push_hold_pass(
        hold, event_of(&owner, type, channel, id), now);
    int on = e != NULL;

    free(e);
    return on;
}

/* The type and channel of what is due, "" when nothing is. */
static const char *due(apr_uint64_t now)
{
    static char text[64];
    push_hook_event_t *e = push_hold_due(hold, now);

    text[0] = '\0';
    if (e != NULL) {
        snprintf(text, sizeof(text), "%s %.*s %.*s", push_hook_name(e->type),
                 (int)e->channel_len, e->channel, (int)e->id_len, e->id);
        free(e);
    }
    return text;
}

static int setup(void **state)
{
    (void)state;
    hold = calloc(1, sizeof(*hold));
    hold->seed = 42;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    push_hold_clear(hold);
    free(hold);
    return 0;
}

/* --- filters --- */

static void a_receiver_gets_the_types_and_channels_it_names(void **state)
{
    static const char *const some[] = { "member_added", "cache_miss", NULL };
    static const char *const all[] = { NULL };
    static const char *const no_headers[] = { NULL };
    const chat_webhook_t hook = { "http://h", some, "presence-", "-eu",
                                  no_headers };
    const chat_webhook_t any = { "http://h", all, NULL, NULL, no_headers };

    (void)state;
    assert_true(push_hook_wants(&hook, PUSH_HOOK_ADDED, "presence-a-eu", 13));
    assert_false(
        push_hook_wants(&hook, PUSH_HOOK_REMOVED, "presence-a-eu", 13));
    assert_false(push_hook_wants(&hook, PUSH_HOOK_ADDED, "presence-a-us", 13));
    assert_false(push_hook_wants(&hook, PUSH_HOOK_ADDED, "private-a-eu", 12));
    assert_false(push_hook_wants(&hook, PUSH_HOOK_ADDED, "x", 1));
    assert_true(push_hook_wants(&any, PUSH_HOOK_VACATED, "x", 1));
    assert_true(push_hook_known("client_event"));
    assert_false(push_hook_known("client_events"));
}

/* A receiver of channel_vacated alone: unless the coming is made too, a reload
 * would be told as a leaving. */
static void a_coming_is_needed_by_whoever_wants_the_leaving(void **state)
{
    static const char *const vacated[] = { "channel_vacated", NULL };
    static const char *const no_headers[] = { NULL };
    const chat_webhook_t hook = { "http://h", vacated, NULL, NULL, no_headers };
    chat_app_t app = { .webhooks = &hook, .nwebhooks = 1 };

    (void)state;
    assert_true(push_hook_needed(&app, PUSH_HOOK_OCCUPIED, "x", 1));
    assert_true(push_hook_needed(&app, PUSH_HOOK_VACATED, "x", 1));
    assert_false(push_hook_needed(&app, PUSH_HOOK_ADDED, "x", 1));
    assert_false(push_hook_needed(&app, PUSH_HOOK_CLIENT_EVENT, "x", 1));
    app.nwebhooks = 0;
    assert_false(push_hook_needed(&app, PUSH_HOOK_VACATED, "x", 1));
}

/* --- the hold --- */

static void a_leaving_waits_three_seconds(void **state)
{
    (void)state;
    assert_true(passes(PUSH_HOOK_OCCUPIED, "a", "", 1000));
    assert_int_equal(push_hold_next(hold), PUSH_HOOK_NEVER);
    assert_false(passes(PUSH_HOOK_VACATED, "a", "", 2000));
    assert_int_equal(push_hold_next(hold), 5000);
    assert_string_equal(due(4999), "");
    assert_string_equal(due(5000), "channel_vacated a ");
    assert_string_equal(due(9999), "");
}

static void who_comes_back_takes_the_leaving_back_and_is_no_event(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 5; i++) {
        assert_false(passes(PUSH_HOOK_REMOVED, "presence-a", "7", 1000));
        assert_false(passes(PUSH_HOOK_VACATED, "presence-a", "", 1000));
        assert_false(passes(PUSH_HOOK_OCCUPIED, "presence-a", "", 3999));
        assert_false(passes(PUSH_HOOK_ADDED, "presence-a", "7", 3999));
    }
    assert_string_equal(due(99999), "");
    assert_int_equal(hold->n, 0);
    /* The next one is a coming like the first. */
    assert_true(passes(PUSH_HOOK_OCCUPIED, "presence-a", "", 4000));
}

static void somebody_else_takes_back_only_the_channels_leaving(void **state)
{
    (void)state;
    passes(PUSH_HOOK_REMOVED, "presence-a", "7", 1000);
    passes(PUSH_HOOK_VACATED, "presence-a", "", 1000);
    assert_false(passes(PUSH_HOOK_OCCUPIED, "presence-a", "", 2000));
    assert_true(passes(PUSH_HOOK_ADDED, "presence-a", "8", 2000));
    assert_string_equal(due(4000), "member_removed presence-a 7");
    assert_string_equal(due(4000), "");
}

static void channels_and_apps_are_kept_apart(void **state)
{
    push_hook_event_t *e;

    (void)state;
    passes(PUSH_HOOK_VACATED, "a", "", 0);
    assert_true(passes(PUSH_HOOK_OCCUPIED, "b", "", 1));
    e = push_hold_pass(hold,
                       event_of(&other_owner, PUSH_HOOK_OCCUPIED, "a", ""), 1);
    assert_non_null(e);
    free(e);
    assert_string_equal(due(3000), "channel_vacated a ");
}

static void leavings_go_in_their_order_and_the_rest_at_once(void **state)
{
    (void)state;
    passes(PUSH_HOOK_REMOVED, "presence-a", "1", 0);
    passes(PUSH_HOOK_REMOVED, "presence-a", "2", 1);
    passes(PUSH_HOOK_VACATED, "presence-a", "", 1);
    assert_true(passes(PUSH_HOOK_CLIENT_EVENT, "presence-a", "", 2));
    assert_true(passes(PUSH_HOOK_CACHE_MISS, "cache-a", "", 2));
    assert_false(passes(PUSH_HOOK_ADDED, "presence-a", "2", 2));
    assert_string_equal(due(3001), "member_removed presence-a 1");
    assert_string_equal(due(3001), "channel_vacated presence-a ");
    assert_string_equal(due(3001), "");
}

static void too_many_leavings_go_early_instead_of_never(void **state)
{
    char name[16];
    int i;

    (void)state;
    for (i = 0; i < PUSH_HOOK_HELD_MOST; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        passes(PUSH_HOOK_VACATED, name, "", 0);
    }
    assert_string_equal(due(0), "");
    passes(PUSH_HOOK_VACATED, "last", "", 0);
    assert_string_equal(due(0), "channel_vacated c0 ");
    assert_string_equal(due(0), "");
}

/* --- a line --- */

static int add(push_line_t *line, const char *json, apr_uint64_t now)
{
    return push_line_add(line, &limits, json, strlen(json), now);
}

static void sends(push_line_t *line, apr_uint64_t now, const char *expected)
{
    push_text_t body = { NULL, 0, 0 };

    push_line_begin(line, &limits, now, 1000000 + now, &body);
    push_text_add(&body, "", 1);
    assert_string_equal(body.at, expected);
    push_text_free(&body);
}

static void events_wait_for_company_and_go_together(void **state)
{
    push_line_t line = { 0 };

    (void)state;
    assert_int_equal(push_line_next(&line), PUSH_HOOK_NEVER);
    add(&line, "{1}", 100);
    add(&line, "{2}", 120);
    assert_int_equal(push_line_next(&line), 150);
    sends(&line, 150, "{\"time_ms\":1000150,\"events\":[{1},{2}]}");
    assert_int_equal(push_line_next(&line), PUSH_HOOK_NEVER);
    add(&line, "{3}", 160);
    assert_int_equal(push_line_next(&line), PUSH_HOOK_NEVER);
    assert_int_equal(push_line_taken(&line, 170), 2);
    assert_int_equal(push_line_next(&line), 170);
    sends(&line, 170, "{\"time_ms\":1000170,\"events\":[{3}]}");
    assert_int_equal(push_line_taken(&line, 180), 1);
    assert_int_equal(push_line_next(&line), PUSH_HOOK_NEVER);
    assert_null(line.head);
    assert_null(line.tail);
}

static void a_batch_has_its_most_and_is_then_not_waited_for(void **state)
{
    push_line_t line = { 0 };

    (void)state;
    add(&line, "{1}", 100);
    add(&line, "{2}", 100);
    add(&line, "{3}", 101);
    assert_int_equal(push_line_next(&line), 101);
    add(&line, "{4}", 101);
    sends(&line, 101, "{\"time_ms\":1000101,\"events\":[{1},{2},{3}]}");
    push_line_taken(&line, 102);
    sends(&line, 102, "{\"time_ms\":1000102,\"events\":[{4}]}");
    assert_int_equal(push_line_clear(&line), 1);
}

static void a_full_line_takes_no_more_and_keeps_what_it_has(void **state)
{
    push_line_t line = { 0 };
    const char *ten = "0123456789";
    int i;

    (void)state;
    for (i = 0; i < 6; i++) {
        assert_true(add(&line, "1", 0));
    }
    assert_false(add(&line, "2", 0));
    assert_int_equal(push_line_clear(&line), 6);
    for (i = 0; i < 5; i++) {
        assert_true(add(&line, ten, 0));
    }
    assert_false(add(&line, "01234567890", 0));
    assert_int_equal(push_line_clear(&line), 5);
}

static void a_retry_is_the_same_request_whatever_came_meanwhile(void **state)
{
    static const char first[] = "{\"time_ms\":1000050,\"events\":[{1}]}";
    push_line_t line = { 0 };

    (void)state;
    add(&line, "{1}", 0);
    sends(&line, 50, first);
    assert_int_equal(push_line_failed(&line, 60), 0);
    add(&line, "{2}", 70);
    assert_int_equal(push_line_next(&line), 60 + PUSH_HOOK_BACKOFF);
    sends(&line, 1060, first);
    push_line_failed(&line, 1070);
    assert_int_equal(push_line_next(&line), 1070 + 2 * PUSH_HOOK_BACKOFF);
    sends(&line, 3070, first);
    assert_int_equal(push_line_taken(&line, 3080), 1);
    sends(&line, 3080, "{\"time_ms\":1003080,\"events\":[{2}]}");
    push_line_clear(&line);
}

static void
after_five_minutes_a_batch_and_all_of_its_age_are_given_up(void **state)
{
    push_text_t body = { NULL, 0, 0 };
    push_line_t line = { 0 };
    apr_uint64_t now = 0;
    apr_uint32_t gone = 0;
    int tries = 0;

    (void)state;
    add(&line, "{1}", 0);
    push_line_begin(&line, &limits, now, 1, &body);
    add(&line, "{2}", 0);
    add(&line, "{3}", 290000);
    for (;;) {
        gone = push_line_failed(&line, now);
        tries++;
        if (gone > 0) {
            break;
        }
        assert_true(push_line_next(&line) > now);
        now = push_line_next(&line);
        push_line_begin(&line, &limits, now, 1, &body);
    }
    push_text_free(&body);
    assert_in_range(now, PUSH_HOOK_RETRY - PUSH_HOOK_BACKOFF_MOST,
                    PUSH_HOOK_RETRY);
    assert_in_range(tries, 8, 12);
    assert_in_range(gone, 1, 2);
    assert_int_equal(push_line_next(&line), now);
    push_line_clear(&line);
}

static void what_no_retry_can_help_is_dropped_alone(void **state)
{
    push_line_t line = { 0 };

    (void)state;
    add(&line, "{1}", 0);
    sends(&line, 50, "{\"time_ms\":1000050,\"events\":[{1}]}");
    add(&line, "{2}", 51);
    assert_int_equal(push_line_drop(&line, 60), 1);
    sends(&line, 60, "{\"time_ms\":1000060,\"events\":[{2}]}");
    push_line_clear(&line);
}

int main(void)
{
#define WITH_HOLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receiver_gets_the_types_and_channels_it_names),
        cmocka_unit_test(a_coming_is_needed_by_whoever_wants_the_leaving),
        WITH_HOLD(a_leaving_waits_three_seconds),
        WITH_HOLD(who_comes_back_takes_the_leaving_back_and_is_no_event),
        WITH_HOLD(somebody_else_takes_back_only_the_channels_leaving),
        WITH_HOLD(channels_and_apps_are_kept_apart),
        WITH_HOLD(leavings_go_in_their_order_and_the_rest_at_once),
        WITH_HOLD(too_many_leavings_go_early_instead_of_never),
        cmocka_unit_test(events_wait_for_company_and_go_together),
        cmocka_unit_test(a_batch_has_its_most_and_is_then_not_waited_for),
        cmocka_unit_test(a_full_line_takes_no_more_and_keeps_what_it_has),
        cmocka_unit_test(a_retry_is_the_same_request_whatever_came_meanwhile),
        cmocka_unit_test(
            after_five_minutes_a_batch_and_all_of_its_age_are_given_up),
        cmocka_unit_test(what_no_retry_can_help_is_dropped_alone),
    };
#undef WITH_HOLD

    return cmocka_run_group_tests(tests, NULL, NULL);
}
