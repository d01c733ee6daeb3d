/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_channel_rule.c - which rule is about which channel, and which directives
 * make one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "channel_rule.h"

static apr_pool_t *pool;

static const char *parse(chat_channel_rule_t *rule, const char *pattern,
                         const char *words)
{
    apr_array_header_t *list = apr_array_make(pool, 4, sizeof(const char *));
    char *rest = apr_pstrdup(pool, words), *last, *word;

    for (word = apr_strtok(rest, " ", &last); word != NULL;
         word = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return chat_channel_rule_parse(rule, pattern, list, pool);
}

static const char *built_in(const char *name, char id[CHAT_ID_SIZE])
{
    const chat_channel_rule_t *rule = chat_channel_rule_find(NULL, name, id);

    return rule != NULL ? rule->pattern : "none";
}

static void each_channel_of_the_application_has_its_rule(void **state)
{
    static const struct {
        const char *name, *pattern, *id;
    } known[] = {
        { "private-user.7", "user.{id}", "7" },
        { "private-App.Models.User.7", "App.Models.User.{id}", "7" },
        { "private-conversation.7", "conversation.{id}", "7" },
        { "presence-conversation.a-b_c", "conversation.{id}", "a-b_c" },
        { "private-encrypted-conversation.7", "conversation.{id}", "7" },
        { "private-consultation.7", "consultation.{id}", "7" },
        { "private-doctor.7.availability", "doctor.{id}.availability", "7" },
        { "presence-notifications.global", "notifications.global", "" },
        { "private-notifications.doctors", "notifications.doctors", "" },
        { "private-notifications.patients", "notifications.patients", "" },
        { "private-notifications.admins", "notifications.admins", "" },
        { "private-emergency.consultations", "emergency.consultations", "" },
    };
    char id[CHAT_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_string_equal(built_in(known[i].name, id), known[i].pattern);
        assert_string_equal(id, known[i].id);
    }
}

static void what_is_near_a_channel_is_none(void **state)
{
    static const char *const wrong[] = {
        "user.7",                "private.user.7",
        "Private-user.7",        "private-user.",
        "private-user.7.",       "private-user.7.8",
        "private-user.a b",      "private-users.7",
        "private-encrypted-",    "private-",
        "",                      "private-doctor.7",
        "private-doctor..availability", "private-doctor.7.availabilityx",
        "private-notifications.global.x", "private-presence-user.7",
        "private-user.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaa",
    };
    char id[CHAT_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_string_equal(built_in(wrong[i], id), "none");
    }
}

static void a_sites_rule_comes_first(void **state)
{
    apr_array_header_t *own = apr_array_make(pool, 2,
                                             sizeof(chat_channel_rule_t));
    chat_channel_rule_t *rule = apr_array_push(own);
    char id[CHAT_ID_SIZE];

    (void)state;
    assert_null(parse(rule, "doctor.{id}.availability", "any role=nurse"));
    assert_ptr_equal(
        chat_channel_rule_find(own, "private-doctor.3.availability", id), rule);
    assert_int_equal(rule->may, CHAT_MAY_ANY | CHAT_MAY_ROLE);
    assert_null(parse(apr_array_push(own), "notifications.global", "nobody"));
    assert_int_equal(
        chat_channel_rule_find(own, "private-notifications.global", id)->may,
        CHAT_MAY_NOBODY);
    assert_string_equal(
        chat_channel_rule_find(own, "private-user.1", id)->pattern,
        "user.{id}");
}

static void a_prefix_in_a_pattern_means_that_kind_alone(void **state)
{
    chat_channel_rule_t rule;
    char id[CHAT_ID_SIZE];

    (void)state;
    assert_null(parse(&rule, "presence-ward.{id}", "any"));
    assert_true(chat_channel_rule_fits(&rule, "presence-ward.7", id));
    assert_false(chat_channel_rule_fits(&rule, "private-ward.7", id));
    assert_null(parse(&rule, "private-{id}", "any"));
    assert_true(chat_channel_rule_fits(&rule, "private-ward", id));
    assert_false(chat_channel_rule_fits(&rule, "private-encrypted-ward", id));
    assert_null(parse(&rule, "private-encrypted-{id}", "any"));
    assert_true(chat_channel_rule_fits(&rule, "private-encrypted-ward", id));
    assert_false(chat_channel_rule_fits(&rule, "private-ward", id));
}

static void roles_are_whole_words(void **state)
{
    chat_channel_rule_t rule;

    (void)state;
    assert_null(parse(&rule, "ward", "role=doctor|nurse role=porter"));
    assert_true(chat_channel_rule_role(&rule, "doctor"));
    assert_true(chat_channel_rule_role(&rule, "nurse"));
    assert_true(chat_channel_rule_role(&rule, "porter"));
    assert_false(chat_channel_rule_role(&rule, "doc"));
    assert_false(chat_channel_rule_role(&rule, "doctor|nurse"));
    assert_false(chat_channel_rule_role(&rule, ""));
}

static void a_bad_directive_is_said_so(void **state)
{
    static const struct {
        const char *pattern, *words, *says;
    } wrong[] = {
        { "", "any", "1 to 164" },
        { "ward", "", "followed by who may" },
        { "ward", "everybody", "everybody is none of" },
        { "ward", "self", "need an {id}" },
        { "ward", "any member", "need an {id}" },
        { "ward", "any nobody", "nobody is none of" },
        { "ward {id}", "any", "a pattern is of" },
        { "ward/{id}", "any", "a pattern is of" },
        { "ward.{nr}", "any", "a pattern is of" },
        { "ward.{id}.{id}", "any", "a pattern is of" },
        { "ward.{id}x", "any", "behind {id}" },
        { "ward", "role=", "followed by roles" },
        { "ward", "role=a||b", "followed by roles" },
        { "ward", "role=|b", "followed by roles" },
    };
    chat_channel_rule_t rule;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *why = parse(&rule, wrong[i].pattern, wrong[i].words);

        assert_non_null(why);
        assert_non_null(strstr(why, wrong[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_channel_of_the_application_has_its_rule),
        cmocka_unit_test(what_is_near_a_channel_is_none),
        cmocka_unit_test(a_sites_rule_comes_first),
        cmocka_unit_test(a_prefix_in_a_pattern_means_that_kind_alone),
        cmocka_unit_test(roles_are_whole_words),
        cmocka_unit_test(a_bad_directive_is_said_so),
    };

    if (apr_initialize() != APR_SUCCESS ||
        apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
