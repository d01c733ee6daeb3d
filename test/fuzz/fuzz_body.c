/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_body.c - request bodies: the first byte says form (f) or JSON (anything
 * else), the rest is the body. Every field a handler reads is read, and what is
 * taken for a message keeps its promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "content.h"
#include "fields.h"
#include "plan.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

/* What is taken is UTF-8 without NUL, trimmed, and 1 to 2,000 characters. */
static void check_content(const chat_fields_t *f, const char *name,
                          apr_pool_t *p)
{
    const char *text, *clean, *again;

    if (chat_fields_text(f, name, &text) != CHAT_JSON_OK) {
        return;
    }
    must(text[0] != '\0' && chat_utf8_valid(text, strlen(text)));
    chat_client_id_valid(text);
    if (chat_content_clean(&clean, text, p) != CHAT_CONTENT_OK) {
        return;
    }
    must(chat_utf8_valid(clean, strlen(clean)));
    must(chat_utf8_count(clean, strlen(clean)) <= CHAT_CONTENT_MAX);
    must(chat_content_clean(&again, clean, p) == CHAT_CONTENT_OK &&
         strcmp(again, clean) == 0);
}

/* What is taken for a plan is within its bounds, and so it is read again. */
static void check_plan(const chat_fields_t *f, apr_pool_t *p)
{
    const char *field, *why, *reason;
    chat_plan_t plan;

    if (chat_plan_reason(&reason, f, &why, p)) {
        must(reason == NULL ||
             chat_utf8_count(reason, strlen(reason)) <= CHAT_PLAN_REASON_MAX);
    }
    chat_plan_init(&plan);
    if (!chat_plan_read(&plan, f, 0, &field, &why, p)) {
        must(field != NULL && why != NULL);
        return;
    }
    must(plan.title[0] != '\0' &&
         chat_utf8_count(plan.title, strlen(plan.title)) <=
             CHAT_PLAN_TITLE_MAX);
    must(chat_utf8_count(plan.description, strlen(plan.description)) <=
         CHAT_CONTENT_MAX);
    must(strlen(plan.currency) == 3);
    must(plan.price_cents >= -1 && plan.price_cents <= CHAT_PLAN_PRICE_MAX);
    must(plan.duration_days >= 0 && plan.duration_days <= CHAT_PLAN_DAYS_MAX);
    must(plan.valid_days >= 0 && plan.valid_days <= CHAT_PLAN_DAYS_MAX);
    must(plan.expires_at == NULL ||
         (strlen(plan.expires_at) == 23 && plan.valid_days == 0));
    must(plan.must_acknowledge == 0 || plan.must_acknowledge == 1);
    must(chat_plan_text(&plan, p) != NULL);
}

/* The list is one that SQL's json_each() takes: digits and commas. */
static void check_ids(const chat_fields_t *f, apr_pool_t *p)
{
    const char *ids;
    apr_int64_t id = 0;

    must(chat_fields_id(f, "reply_to", &id) != CHAT_JSON_OK || id > 0);
    if (chat_fields_ids(f, "message_ids", 500, &ids, p) == CHAT_JSON_OK) {
        size_t len = strlen(ids);

        must(len > 2 && ids[0] == '[' && ids[len - 1] == ']');
        must(strspn(ids + 1, "0123456789,") == len - 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    chat_media_t media = size > 0 && data[0] == 'f' ? CHAT_MEDIA_FORM
                                                    : CHAT_MEDIA_JSON;
    const char *body = (const char *)data + (size > 0);
    const char *why = NULL;
    chat_fields_result_t result;
    chat_fields_t f;
    int typing;

    result = chat_fields_parse(&f, media, body, size - (size > 0), &why, p);
    must(result == CHAT_FIELDS_OK || why != NULL);
    if (result == CHAT_FIELDS_OK) {
        check_content(&f, "content", p);
        check_content(&f, "message", p);
        check_content(&f, "client_id", p);
        check_plan(&f, p);
        check_ids(&f, p);
        typing = 2;
        must(chat_fields_bool(&f, "typing", &typing) != CHAT_JSON_OK ||
             typing == 0 || typing == 1);
    }
    apr_pool_clear(p);
    return 0;
}
