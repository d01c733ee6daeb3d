/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ctl.c - chatctl's pure parts: what it takes out of the scripts of sql/,
 * and how two databases are compared.
 */
#include "db_private.h"
#include "inventory.h"
#include "script.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static apr_pool_t *pool;

/* --- scripts --- */

static void a_script_says_its_version(void **state)
{
    (void)state;
    assert_int_equal(ctl_script_version(NULL), 0);
    assert_int_equal(ctl_script_version("SELECT 1;"), 0);
    assert_int_equal(
        ctl_script_version("INSERT INTO chat_schema (version) VALUES (12) x;"),
        12);
    assert_int_equal(
        ctl_script_version("INSERT INTO chat_schema (version) VALUES (3);"
                           "INSERT INTO chat_schema (version) VALUES (2);"),
        3);
}

/* The two of PostgreSQL share the statement, so neither may lag behind. */
static void all_schemas_have_one_version(void **state)
{
    int ours = ctl_script_version(chat_db_script_text("schema.sqlite.sql"));

    (void)state;
    assert_true(ours >= 2);
    assert_int_equal(
        ctl_script_version(chat_db_script_text("schema.pgsql.sql")), ours);
    assert_int_equal(
        ctl_script_version(chat_db_script_text("laravel.pgsql.sql")), ours);
}

static void the_inside_of_a_transaction_is_found(void **state)
{
    (void)state;
    assert_string_equal(
        ctl_script_body("PRAGMA x;\nBEGIN IMMEDIATE;\nA;\nCOMMIT;\n", pool),
        "A;\n");
    assert_string_equal(ctl_script_body("BEGIN;\nA;\nCOMMIT;", pool), "A;\n");
    /* A body's BEGIN has no semicolon, its END; is no COMMIT. */
    assert_string_equal(
        ctl_script_body("BEGIN;\r\nCREATE TRIGGER t\nBEGIN\n  A;\nEND;\nB;\n"
                        "COMMIT;\n",
                        pool),
        "CREATE TRIGGER t\nBEGIN\n  A;\nEND;\nB;\n");
    assert_string_equal(ctl_script_body("A;\nB;", pool), "A;\nB;");
    assert_string_equal(ctl_script_body("BEGINNING;\nCOMMITTED;\n", pool),
                        "BEGINNING;\nCOMMITTED;\n");
    assert_string_equal(ctl_script_body("", pool), "");
}

static int occurrences(const char *text, const char *word)
{
    int n = 0;

    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* Otherwise a script's own COMMIT would end our transaction half-way. */
static void no_script_has_a_second_transaction(void **state)
{
    static const char *const names[] = { "schema.sqlite.sql",
                                         "schema.pgsql.sql",
                                         "laravel.pgsql.sql" };
    const char *text;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        text = chat_db_script_text(names[i]);
        if (text != NULL) {
            assert_int_equal(occurrences(text, "\nCOMMIT;\n"), 1);
            text = ctl_script_body(text, pool);
            assert_int_equal(occurrences(text, "COMMIT;"), 0);
            assert_int_equal(occurrences(text, "\nBEGIN;"), 0);
            assert_int_equal(occurrences(text, "PRAGMA"), 0);
            assert_int_equal(ctl_script_version(text),
                             ctl_script_version(chat_db_script_text(names[i])));
        }
    }
}

static void texts_are_compared_without_comments_and_lines(void **state)
{
    static const struct {
        const char *sql;
        const char *plain;
    } cases[] = {
        { NULL, "" },
        { " \n", "" },
        { "SELECT  1\n\tFROM x ", "SELECT 1 FROM x" },
        { "a -- why\n b", "a b" },
        { "a--why", "a" },
        { "a/* b */c", "a c" },
        { "a /* never ends", "a" },
        { "'a  -- b' c", "'a  -- b' c" },
        { "'it''s  --x' -- y", "'it''s  --x'" },
        { "\"a  b\"  c", "\"a  b\" c" },
        { "'open  --", "'open  --" },
        { "a - b / c", "a - b / c" },
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(ctl_sql_plain(cases[i].sql, pool), cases[i].plain);
    }
}

static void the_checks_of_a_table_are_found(void **state)
{
    static const struct {
        const char *sql;
        const char *checks; /* joined by | */
    } cases[] = {
        { NULL, "" },
        { "CREATE TABLE t (a, b)", "" },
        { "CREATE TABLE t (a CHECK (a > 0), b, CONSTRAINT c check(b  <> a))",
          "CHECK (a > 0)|CHECK (b <> a)" },
        { "CREATE TABLE t (a CHECK -- why\n (a IN ('(', ')', 'x''y') AND (b)))",
          "CHECK (a IN ('(', ')', 'x''y') AND (b))" },
        { "CREATE TABLE checks (check_in, incheck (1), \"CHECK (1)\", "
          "`CHECK (2)`, b DEFAULT 'CHECK (3)', check)",
          "" },
        { "CREATE TABLE t (\xc3\xa9"
          "CHECK (1))",
          "" },
        { "CREATE TABLE t (a CHECK (never ends", "CHECK (never ends" },
        { "CHECK", "" },
        { "CHECK (", "CHECK (" },
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(
            apr_array_pstrcat(pool, ctl_sql_checks(cases[i].sql, pool), '|'),
            cases[i].checks);
    }
}

/* --- inventories --- */

static void the_best_of_several_counts(void **state)
{
    static const ctl_object_t wanted = { "index", "t (a)", "t_a", "", "" };
    static const ctl_object_t others[] = {
        { "table", "t (a)", "t_a", "", "" },
        { "index", "t (b)", "t_b", "", "" },
        { "index", "t (a)", "x", "", "another text" },
        { "index", "t (a)", "x", "invalid", "" },
        { "index", "t (a)", "y", "", "" },
    };
    static const ctl_fit_t fits[] = { CTL_OBJECT_MISSING, CTL_OBJECT_MISSING,
                                      CTL_OBJECT_DIFFERENT, CTL_OBJECT_IDLE,
                                      CTL_OBJECT_FITS };
    apr_array_header_t *there = apr_array_make(pool, 8, sizeof(ctl_object_t));
    int i;

    (void)state;
    assert_int_equal(ctl_inventory_fit(&wanted, there), CTL_OBJECT_MISSING);
    for (i = 0; i < 5; i++) {
        APR_ARRAY_PUSH(there, ctl_object_t) = others[i];
        assert_int_equal(ctl_inventory_fit(&wanted, there), fits[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_says_its_version),
        cmocka_unit_test(all_schemas_have_one_version),
        cmocka_unit_test(the_inside_of_a_transaction_is_found),
        cmocka_unit_test(no_script_has_a_second_transaction),
        cmocka_unit_test(texts_are_compared_without_comments_and_lines),
        cmocka_unit_test(the_checks_of_a_table_are_found),
        cmocka_unit_test(the_best_of_several_counts),
    };
    int rc;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return rc;
}
