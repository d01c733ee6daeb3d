/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_seal.c - sealed texts, keys and files: what goes in comes out, and
 * nothing that was touched does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "seal_json.h"

static const unsigned char
    key[CHAT_SEAL_KEY] = "0123456789abcdef0123456789abcde";
static const unsigned char
    other[CHAT_SEAL_KEY] = "another key, which is not right";
static const chat_seal_key_t whole = {
    "0123456789abcdef0123456789abcde", "3"
};
static const chat_seal_key_t wrong = {
    "another key, which is not right", "3"
};
static const chat_seal_about_t about = { CHAT_SEAL_MESSAGE, "3", "5", "" };
static apr_pool_t *pool;

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    return 0;
}

static void a_text_comes_out_as_it_went_in(void **state)
{
    const char *const texts[] = { "", "x", "a secret, \"quoted\" \n",
                                  "\xd8\xb3\xd8\xb1" };
    chat_sealed_t sealed;
    apr_size_t len;

    (void)state;
    for (int i = 0; i < 4; i++) {
        char *text = chat_seal_text(key, "7", &about, texts[i],
                                    strlen(texts[i]), pool);
        char *again = chat_seal_text(key, "7", &about, texts[i],
                                     strlen(texts[i]), pool);

        assert_memory_equal(text, "sealed:2:7:m.5.:", 16);
        assert_string_not_equal(text, again);
        assert_true(chat_sealed_parse(&sealed, text, strlen(text)));
        assert_string_equal(sealed.key_id, "7");
        assert_string_equal(chat_seal_open(&len, &whole, &sealed, pool), texts[i]);
        assert_int_equal(len, strlen(texts[i]));
        assert_null(chat_seal_open(&len, &wrong, &sealed, pool));
    }
}

static void what_was_touched_stays_shut(void **state)
{
    char *text = chat_seal_text(key, "12", &about, "hello", 5, pool);
    apr_size_t len = strlen(text), n;
    chat_sealed_t sealed;

    (void)state;
    for (apr_size_t i = sizeof("sealed:2:") - 1; i < len; i++) {
        char *copy = apr_pstrdup(pool, text);

        copy[i] = copy[i] == '3' ? '4' : '3';
        if (chat_sealed_parse(&sealed, copy, len)) {
            char *plain = chat_seal_open(&n, &whole, &sealed, pool);

            /* The last character has bits that are nobody's. */
            assert_true(plain == NULL || i == len - 1);
        }
    }
    for (apr_size_t i = 0; i < len; i++) {
        if (chat_sealed_parse(&sealed, text, i)) {
            assert_null(chat_seal_open(&n, &whole, &sealed, pool));
        }
    }
}

static void other_texts_are_none(void **state)
{
    const char *const texts[] = { "",
                                  "sealed:2:",
                                  "sealed:2:7",
                                  "sealed:2:7:",
                                  "sealed:2::QQ",
                                  "sealed:2:x:QQ",
                                  "sealed:2:7:QQ",
                                  "sealed:1:7:m..:QQ",
                                  "sealed:2:7:Q Q",
                                  "sealed:2:7:QQ=",
                                  "sealed:2:12345678901234567890:QQ",
                                  " sealed:2:7:QQ" };
    chat_sealed_t sealed;

    (void)state;
    for (apr_size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(chat_sealed_parse(&sealed, texts[i], strlen(texts[i])));
    }
}

static void a_key_is_wrapped_for_one_purpose(void **state)
{
    unsigned char out[CHAT_SEAL_KEY];
    char *wrapped = chat_seal_wrap(key, "conversation 7", other, pool);
    apr_size_t len = strlen(wrapped);

    (void)state;
    assert_true(
        chat_seal_unwrap(out, key, "conversation 7", wrapped, len, pool));
    assert_memory_equal(out, other, sizeof(out));
    assert_false(
        chat_seal_unwrap(out, key, "conversation 8", wrapped, len, pool));
    assert_false(
        chat_seal_unwrap(out, other, "conversation 7", wrapped, len, pool));
    assert_false(
        chat_seal_unwrap(out, key, "conversation 7", wrapped, len - 4, pool));
    assert_false(chat_seal_unwrap(out, key, "conversation 7", "*", 1, pool));
    assert_false(chat_seal_unwrap(out, key, "conversation 7", "", 0, pool));
}

static void what_a_text_is_stands_in_it_and_holds(void **state)
{
    char name[CHAT_SEAL_NAME];
    chat_seal_about_t of = { CHAT_SEAL_REASON, "3", "a-b_9", name };
    chat_seal_about_t no = { CHAT_SEAL_MESSAGE, "3", "a.b", "" };
    chat_seal_key_t elsewhere = whole;
    chat_sealed_t sealed;
    char *text, *changed;
    apr_size_t n;

    (void)state;
    chat_seal_name(name, "c1", 2);
    assert_int_equal(strlen(name), 22);
    text = chat_seal_text(key, "7", &of, "hello", 5, pool);
    assert_true(chat_sealed_parse(&sealed, text, strlen(text)));
    assert_int_equal(sealed.kind, CHAT_SEAL_REASON);
    assert_string_equal(sealed.author, "a-b_9");
    assert_string_equal(sealed.name, name);
    assert_true(chat_sealed_fits(&sealed, "3", &of));
    assert_false(chat_sealed_fits(&sealed, "4", &of));
    strcpy(elsewhere.conversation, "4");
    assert_null(chat_seal_open(&n, &elsewhere, &sealed, pool));
    /* What it says of itself cannot be changed. */
    for (int i = 11; text[i] != ':'; i++) {
        changed = apr_pstrdup(pool, text);
        changed[i] = changed[i] == 'm' ? 'd' : 'm';
        assert_true(!chat_sealed_parse(&sealed, changed, strlen(changed)) ||
                    chat_seal_open(&n, &whole, &sealed, pool) == NULL);
    }
    assert_null(chat_seal_text(key, "7", &no, "x", 1, pool));
    chat_seal_name(name, NULL, 0);
    assert_string_equal(name, "");
}

static const chat_seal_key_t *find(void *baton, const char *key_id)
{
    (void)baton;
    return strcmp(key_id, "7") == 0 ? &whole : NULL;
}

/* A text sealed for a place, as JSON. */
static const char *of(chat_seal_kind_t kind, const char *author,
                      const char *called, const char *text)
{
    char *name = apr_palloc(pool, CHAT_SEAL_NAME);
    chat_seal_about_t what = { kind, "3", author, name };

    chat_seal_name(name, called, strlen(called));
    return apr_pstrcat(pool, "\"",
                       chat_seal_text(key, "7", &what, text, strlen(text),
                                      pool),
                       "\"", NULL);
}

static void opens_to(const char *json, const char *conversation,
                     const char *wanted, int shut)
{
    int failed = 0;

    assert_string_equal(
        chat_seal_open_json(json, conversation, find, NULL, &failed, pool),
        wanted);
    assert_int_equal(failed, shut);
}

#define SHUT "\"\",\"unreadable\":true"

static void strings_of_json_are_opened_where_they_stand(void **state)
{
    const char *text = of(CHAT_SEAL_MESSAGE, "5", "", "a \"b\"\n");
    const char *foreign = apr_pstrcat(
        pool, "\"", chat_seal_text(key, "8", &about, "x", 1, pool), "\"", NULL);
    const char *json;

    (void)state;
    opens_to(apr_pstrcat(pool, "{\"content\":", text, ",\"n\":[{\"content\":",
                         foreign,
                         "},\"c\",{\"content\":\"see "
                         ":\\\"sealed:2:7:m..:QQ\\\"\",\"body\":\"sealed:2: "
                         "no\"}]}",
                         NULL),
             NULL,
             "{\"content\":\"a \\\"b\\\"\\n\",\"n\":[{\"content\":" SHUT
             "},\"c\",{\"content\":\"see :\\\"sealed:2:7:m..:QQ\\\"\",\"body\":"
             "\"sealed:2: no\"}]}",
             1);
    opens_to(apr_pstrcat(pool, "{\"content\" : ", text, ", \"x\":\t ", text,
                         ", \"l\": [\"sealed:2:7:m..:QQ\"]}", NULL),
             NULL,
             "{\"content\" : \"a \\\"b\\\"\\n\", \"x\":\t " SHUT
             ", \"l\": [\"sealed:2:7:m..:QQ\"]}",
             1);
    json = "{\"content\":\"plain\"}";
    assert_ptr_equal(chat_seal_open_json(json, NULL, find, NULL, NULL, pool),
                     json);
    json = "{\"content\":\"sealed:2:7:QQ";
    assert_string_equal(chat_seal_open_json(json, NULL, find, NULL, NULL, pool),
                        json);
}

static void a_message_is_its_authors_of_its_name_and_conversation(void **state)
{
    const char *text = of(CHAT_SEAL_MESSAGE, "5", "c1", "hi");
    const char *quoted = of(CHAT_SEAL_MESSAGE, "6", "c0", "what?");
    const char *file = of(CHAT_SEAL_FILENAME, "5", "00ff", "x.pdf");

#define MESSAGE(content, client, user, talk)                                   \
    apr_pstrcat(pool, "{\"content\":", content, ",\"client_id\":" client       \
                ",\"user_id\":" user ",\"consultation_id\":" talk "}", NULL)
    (void)state;
    opens_to(MESSAGE(text, "\"c1\"", "5", "3"), NULL,
             MESSAGE("\"hi\"", "\"c1\"", "5", "3"), 0);
    opens_to(MESSAGE(text, "\"c1\"", "\"5\"", "\"3\""), "4",
             MESSAGE("\"hi\"", "\"c1\"", "\"5\"", "\"3\""), 0);
    opens_to(MESSAGE(text, "\"c2\"", "5", "3"), NULL,
             MESSAGE(SHUT, "\"c2\"", "5", "3"), 1);
    opens_to(MESSAGE(text, "null", "5", "3"), NULL,
             MESSAGE(SHUT, "null", "5", "3"), 1);
    opens_to(MESSAGE(text, "\"c1\"", "6", "3"), NULL,
             MESSAGE(SHUT, "\"c1\"", "6", "3"), 1);
    opens_to(MESSAGE(text, "\"c1\"", "5", "4"), NULL,
             MESSAGE(SHUT, "\"c1\"", "5", "4"), 1);
    opens_to(apr_pstrcat(pool, "{\"content\":", text, "}", NULL), "4",
             "{\"content\":" SHUT "}", 1);
    /* A quote has its own person, a file its message's. */
    opens_to(apr_pstrcat(pool, "{\"user_id\":5,\"reply_to\":{\"content\":",
                         quoted, ",\"user\":{\"id\":6}},\"attachments\":[{"
                         "\"id\":\"00ff\",\"name\":", file,
                         "}],\"consultation_id\":3}", NULL),
             NULL,
             "{\"user_id\":5,\"reply_to\":{\"content\":\"what?\",\"user\":{"
             "\"id\":6}},\"attachments\":[{\"id\":\"00ff\",\"name\":\"x.pdf\"}],"
             "\"consultation_id\":3}",
             0);
    opens_to(apr_pstrcat(pool, "{\"user_id\":6,\"reply_to\":{\"content\":",
                         quoted, ",\"user\":{\"id\":5}},\"attachments\":[{"
                         "\"id\":\"00ff\",\"name\":", file, "}]}", NULL),
             NULL,
             "{\"user_id\":6,\"reply_to\":{\"content\":" SHUT
             ",\"user\":{\"id\":5}},\"attachments\":[{\"id\":\"00ff\",\"name\":"
             SHUT "}]}",
             2);
}

static void texts_of_a_plan_belong_together(void **state)
{
    const char *title = of(CHAT_SEAL_TITLE, "2", "p", "T");
    const char *words = of(CHAT_SEAL_DESCRIPTION, "2", "p", "D");
    const char *another = of(CHAT_SEAL_DESCRIPTION, "2", "q", "D");
    const char *reason = of(CHAT_SEAL_REASON, "5", "p", "R");
    const char *subject = of(CHAT_SEAL_SUBJECT, "", "", "S");

#define PLAN(t, d, r)                                                          \
    apr_pstrcat(pool, "{\"title\":", t, ",\"description\":", d,                \
                ",\"doctor_id\":2,\"consultation_id\":3,\"reason\":", r, "}",  \
                NULL)
    (void)state;
    opens_to(PLAN(title, words, reason), NULL, PLAN("\"T\"", "\"D\"", "\"R\""),
             0);
    opens_to(PLAN(title, another, reason), NULL, PLAN("\"T\"", SHUT, "\"R\""), 1);
    /* Said once for an object. */
    opens_to(PLAN(title, reason, words), NULL, PLAN("\"T\"", SHUT, "\"\""), 2);
    opens_to(apr_pstrcat(pool, "{\"id\":3,\"title\":", subject, "}", NULL),
             NULL, "{\"id\":3,\"title\":\"S\"}", 0);
    opens_to(apr_pstrcat(pool, "{\"id\":4,\"title\":", subject, "}", NULL),
             NULL, "{\"id\":4,\"title\":" SHUT "}", 1);
}

static void a_file_is_opened_block_by_block(void **state)
{
    const apr_int64_t sizes[] = { 0, 1, CHAT_SEAL_BLOCK, CHAT_SEAL_BLOCK + 1,
                                  3 * CHAT_SEAL_BLOCK - 5 };
    unsigned char *in = malloc(CHAT_SEAL_BLOCK),
                  *out = malloc(CHAT_SEAL_BLOCK + CHAT_SEAL_TAG);
    unsigned char *back = malloc(CHAT_SEAL_BLOCK);

    (void)state;
    memset(in, 'x', CHAT_SEAL_BLOCK);
    for (int i = 0; i < 5; i++) {
        chat_seal_head_t head, read;
        apr_int64_t at = CHAT_SEAL_HEAD, n = 0;

        assert_true(
            chat_seal_head_make(&head, "1234567890123456789", "3/a",
                                sizes[i]));
        assert_true(chat_seal_head_parse(&read, head.bytes, CHAT_SEAL_HEAD));
        assert_int_equal(read.size, sizes[i]);
        assert_string_equal(read.key_id, "1234567890123456789");
        strcpy(read.file, "3/a");
        do {
            apr_int64_t left = sizes[i] - n * CHAT_SEAL_BLOCK;
            apr_size_t len = left > CHAT_SEAL_BLOCK ? CHAT_SEAL_BLOCK
                                                    : (apr_size_t)left;

            assert_int_equal(chat_seal_block_at(n), at);
            assert_true(chat_seal_block(out, key, &head, n, in, len));
            assert_true(chat_seal_block_open(back, key, &read, n, out,
                                             len + CHAT_SEAL_TAG));
            assert_memory_equal(back, in, len);
            assert_false(chat_seal_block_open(back, key, &read, n + 1, out,
                                              len + CHAT_SEAL_TAG));
            assert_false(chat_seal_block_open(back, other, &read, n, out,
                                              len + CHAT_SEAL_TAG));
            read.bytes[47] ^= 1; /* another size, another file */
            assert_false(chat_seal_block_open(back, key, &read, n, out,
                                              len + CHAT_SEAL_TAG));
            read.bytes[47] ^= 1;
            at += (apr_int64_t)len + CHAT_SEAL_TAG;
            n++;
        } while (n * CHAT_SEAL_BLOCK < sizes[i]);
        assert_int_equal(chat_seal_file_size(&head), at);
    }
    free(in);
    free(out);
    free(back);
}

static void heads_that_are_none(void **state)
{
    chat_seal_head_t head, read;

    (void)state;
    assert_false(chat_seal_head_make(&head, "", "3/a", 1));
    assert_false(chat_seal_head_make(&head, "x", "3/a", 1));
    assert_false(chat_seal_head_make(&head, "1", "3/a", -1));
    assert_true(chat_seal_head_make(&head, "1", "3/a", 5));
    assert_false(chat_seal_head_parse(&read, head.bytes, CHAT_SEAL_HEAD - 1));
    for (int i = 0; i < CHAT_SEAL_HEAD; i++) {
        int random = i >= 48 && i < 56, size = i >= 40 && i < 48, id = i == 16;

        head.bytes[i] ^= 0x41;
        if (!random && !size && !id) {
            assert_false(
                chat_seal_head_parse(&read, head.bytes, CHAT_SEAL_HEAD));
        }
        head.bytes[i] ^= 0x41;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_comes_out_as_it_went_in),
        cmocka_unit_test(what_was_touched_stays_shut),
        cmocka_unit_test(other_texts_are_none),
        cmocka_unit_test(a_key_is_wrapped_for_one_purpose),
        cmocka_unit_test(what_a_text_is_stands_in_it_and_holds),
        cmocka_unit_test(strings_of_json_are_opened_where_they_stand),
        cmocka_unit_test(a_message_is_its_authors_of_its_name_and_conversation),
        cmocka_unit_test(texts_of_a_plan_belong_together),
        cmocka_unit_test(a_file_is_opened_block_by_block),
        cmocka_unit_test(heads_that_are_none),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
