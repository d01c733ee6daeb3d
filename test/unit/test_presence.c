/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_presence.c - the members of a presence channel: by user, not connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "presence.h"

static push_user_t user_of(const char *id, const char *json)
{
    push_user_t user = { id, strlen(id), json, strlen(json), "{\"n\":1}", 7 };

    return user;
}

static void the_first_connection_brings_in_and_the_last_takes_out(void **state)
{
    push_user_t user = user_of("7", "7");
    push_members_t t = { 0 };
    push_member_t *a, *b;
    int first;

    (void)state;
    a = push_members_join(&t, &user, 10, &first);
    assert_true(first);
    b = push_members_join(&t, &user, 10, &first);
    assert_false(first);
    assert_ptr_equal(a, b);
    assert_int_equal(t.n, 1);
    assert_false(push_members_leave(&t, a));
    assert_int_equal(t.n, 1);
    assert_true(push_members_leave(&t, a));
    assert_int_equal(t.n, 0);
    free(a);
    push_members_clear(&t);
}

static void seven_and_the_text_seven_are_one_user(void **state)
{
    push_user_t number = user_of("7", "7");
    push_user_t text = user_of("7", "\"7\"");
    push_members_t t = { 0 };
    push_member_t *m;
    int first;

    (void)state;
    m = push_members_join(&t, &number, 10, &first);
    assert_ptr_equal(push_members_join(&t, &text, 10, &first), m);
    assert_false(first);
    push_members_leave(&t, m);
    push_members_leave(&t, m);
    free(m);
    push_members_clear(&t);
}

/* Soketi refuses a member's second tab when the channel is full. */
static void a_full_channel_takes_another_connection_of_a_member(void **state)
{
    push_user_t one = user_of("1", "1");
    push_user_t two = user_of("2", "2");
    push_members_t t = { 0 };
    push_member_t *m;
    int first;

    (void)state;
    m = push_members_join(&t, &one, 1, &first);
    assert_null(push_members_join(&t, &two, 1, &first));
    assert_ptr_equal(push_members_join(&t, &one, 1, &first), m);
    push_members_leave(&t, m);
    push_members_leave(&t, m);
    free(m);
    push_members_clear(&t);
}

static void the_list_names_every_member_with_its_type(void **state)
{
    push_user_t number = user_of("7", "7");
    push_user_t text = user_of("x\"", "\"x\\\"\"");
    push_members_t t = { 0 };
    push_text_t out = { NULL, 0, 0 };
    push_member_t *a, *b;
    json_t *json, *presence, *hash;
    int first;

    (void)state;
    a = push_members_join(&t, &number, 10, &first);
    b = push_members_join(&t, &text, 10, &first);
    push_members_json(&t, &out);
    json = json_loadb(out.at, out.len, 0, NULL);
    assert_non_null(json);
    presence = json_object_get(json, "presence");
    hash = json_object_get(presence, "hash");
    assert_int_equal(json_integer_value(json_object_get(presence, "count")), 2);
    assert_true(
        json_is_integer(json_array_get(json_object_get(presence, "ids"), 0)));
    assert_non_null(json_object_get(hash, "7"));
    assert_non_null(json_object_get(hash, "x\""));
    json_decref(json);
    push_text_free(&out);
    push_members_leave(&t, a);
    push_members_leave(&t, b);
    free(a);
    free(b);
    push_members_clear(&t);
}

static void many_members_come_and_go_in_any_order(void **state)
{
    enum { USERS = 300 };
    push_member_t *members[USERS] = { NULL };
    push_members_t t = { 0 };
    unsigned seed = 1;
    char id[16];
    int first, i, n = 0, step;

    (void)state;
    for (step = 0; step < 20000; step++) {
        push_user_t user;

        seed = seed * 1103515245u + 12345u;
        i = (int)((seed >> 8) % USERS);
        snprintf(id, sizeof(id), "%d", i);
        user = user_of(id, id);
        if (members[i] == NULL) {
            members[i] = push_members_join(&t, &user, USERS, &first);
            assert_true(first);
            n++;
        }
        else {
            assert_true(push_members_leave(&t, members[i]));
            free(members[i]);
            members[i] = NULL;
            n--;
        }
        assert_int_equal(t.n, n);
    }
    for (i = 0; i < USERS; i++) {
        if (members[i] != NULL) {
            assert_ptr_equal(t.list[members[i]->place], members[i]);
            push_members_leave(&t, members[i]);
            free(members[i]);
        }
    }
    push_members_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_connection_brings_in_and_the_last_takes_out),
        cmocka_unit_test(seven_and_the_text_seven_are_one_user),
        cmocka_unit_test(a_full_channel_takes_another_connection_of_a_member),
        cmocka_unit_test(the_list_names_every_member_with_its_type),
        cmocka_unit_test(many_members_come_and_go_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
