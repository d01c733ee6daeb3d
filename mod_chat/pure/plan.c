/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - the fields of a treatment plan; see plan.h. */
#include "plan.h"

#include <string.h>
#include <apr_strings.h>

#include "content.h"
#include "shape.h"
#include "utf8.h"

/* What is in use of ISO 4217, each with a blank behind it. */
static const char currencies[] =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND "
    "BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF "
    "DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW "
    "KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR "
    "MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN "
    "PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN "
    "SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED "
    "VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG ";

/* That of a plan that names none. */
#define CURRENCY "USD"

typedef enum { ABSENT, TAKEN_AWAY, GIVEN } given_t;

/* What a body says of a field. */
static given_t given(const chat_fields_t *body, const char *name)
{
    const char *text;

    if (body->object != NULL) {
        const json_t *value = json_object_get(body->object, name);

        return value == NULL ? ABSENT
               : json_is_null(value) || (json_is_string(value) &&
                                         json_string_length(value) == 0)
                   ? TAKEN_AWAY
                   : GIVEN;
    }
    text = chat_form_get(&body->form, name);
    return text == NULL ? ABSENT : *text == '\0' ? TAKEN_AWAY : GIVEN;
}

/* A text of at most `max` characters, trimmed. A text of blanks is taken away.
 * @param out   untouched when the field is absent, `none` when taken away
 * @param long_why  what to say of a longer one
 * @return NULL, or what is wrong */
static const char *text_field(const char **out, const chat_fields_t *body,
                              const char *name, apr_size_t max,
                              const char *none, const char *long_why,
                              apr_pool_t *p)
{
    const char *text;

    switch (given(body, name)) {
    case ABSENT:
        return NULL;
    case TAKEN_AWAY:
        *out = none;
        return NULL;
    case GIVEN:
        break;
    }
    switch (chat_fields_text(body, name, &text)) {
    case CHAT_JSON_OK:
        break;
    case CHAT_JSON_MISSING: /* "" */
        *out = none;
        return NULL;
    case CHAT_JSON_TYPE:
        return "must be a text";
    }
    switch (chat_content_clean(&text, text, p)) {
    case CHAT_CONTENT_OK:
        break;
    case CHAT_CONTENT_EMPTY:
        *out = none;
        return NULL;
    case CHAT_CONTENT_LONG:
        return long_why;
    }
    if (chat_utf8_count(text, strlen(text)) > max) {
        return long_why;
    }
    *out = text;
    return NULL;
}

/* A number from `least` to `most`, of JSON or as digits.
 * @param none  what it is when taken away
 * @return NULL, or `why` when it is none */
static const char *number_field(apr_int64_t *out, const chat_fields_t *body,
                                const char *name, apr_int64_t least,
                                apr_int64_t most, apr_int64_t none,
                                const char *why)
{
    const json_t *value = body->object != NULL
                              ? json_object_get(body->object, name)
                              : NULL;
    const char *text;
    apr_int64_t n;

    switch (given(body, name)) {
    case ABSENT:
        return NULL;
    case TAKEN_AWAY:
        *out = none;
        return NULL;
    case GIVEN:
        break;
    }
    if (json_is_integer(value)) {
        n = json_integer_value(value);
    }
    else if (chat_fields_text(body, name, &text) != CHAT_JSON_OK ||
             !chat_form_number(&n, text)) {
        return why;
    }
    if (n < least || n > most) {
        return why;
    }
    *out = n;
    return NULL;
}

static const char *currency_field(const char **out, const chat_fields_t *body)
{
    const char *text, *at;

    switch (given(body, "currency")) {
    case ABSENT:
        return NULL;
    case TAKEN_AWAY:
        *out = CURRENCY;
        return NULL;
    case GIVEN:
        break;
    }
    if (chat_fields_text(body, "currency", &text) != CHAT_JSON_OK ||
        strlen(text) != 3 || strchr(text, ' ') != NULL) {
        return "must be a currency of ISO 4217, as USD";
    }
    at = strstr(currencies, text);
    if (at == NULL || at[3] != ' ') {
        return "must be a currency of ISO 4217, as USD";
    }
    *out = text;
    return NULL;
}

/* Two digits. */
static int two(const char *s) { return (s[0] - '0') * 10 + s[1] - '0'; }

/* Whether a time as chat_shape_time() gives it stands in the calendar. */
static int in_calendar(const char *time, apr_time_t *at)
{
    apr_time_exp_t e = { 0 }, back;

    e.tm_year = two(time) * 100 + two(time + 2) - 1900;
    e.tm_mon = two(time + 5) - 1;
    e.tm_mday = two(time + 8);
    e.tm_hour = two(time + 11);
    e.tm_min = two(time + 14);
    e.tm_sec = two(time + 17);
    return e.tm_year >= 100 && e.tm_mon >= 0 && e.tm_mon < 12 &&
           e.tm_mday > 0 && e.tm_mday < 32 && e.tm_hour < 24 && e.tm_min < 60 &&
           e.tm_sec < 60 && apr_time_exp_gmt_get(at, &e) == APR_SUCCESS &&
           apr_time_exp_gmt(&back, *at) == APR_SUCCESS &&
           back.tm_mday == e.tm_mday;
}

/* "2026-12-24T18:00:00.000Z" as the databases take it. */
static const char *database_time(const char *time, apr_pool_t *p)
{
    char *text = apr_pstrmemdup(p, time, CHAT_SHAPE_TIME - 2);

    text[10] = ' ';
    return text;
}

static const char *end_field(const char **out, const chat_fields_t *body,
                             apr_time_t now, apr_pool_t *p)
{
    char time[CHAT_SHAPE_TIME];
    const char *text;
    apr_time_t at;

    switch (given(body, "expires_at")) {
    case ABSENT:
        return NULL;
    case TAKEN_AWAY:
        *out = NULL;
        return NULL;
    case GIVEN:
        break;
    }
    if (chat_fields_text(body, "expires_at", &text) != CHAT_JSON_OK ||
        strlen(text) > 40 || !chat_shape_time(time, text) ||
        !in_calendar(time, &at)) {
        return "must be a time in UTC, as 2026-12-24T18:00:00Z";
    }
    if (at <= now) {
        return "must lie in the future";
    }
    *out = database_time(time, p);
    return NULL;
}

void chat_plan_init(chat_plan_t *plan)
{
    chat_plan_t none = { NULL, "", CURRENCY, NULL, -1, 0, 0, 0 };

    *plan = none;
}

static const char *must_field(int *out, const chat_fields_t *body)
{
    switch (given(body, "must_acknowledge")) {
    case ABSENT:
        return NULL;
    case TAKEN_AWAY:
        *out = 0;
        return NULL;
    case GIVEN:
        break;
    }
    return chat_fields_bool(body, "must_acknowledge", out) == CHAT_JSON_OK
               ? NULL
               : "must be true or false";
}

int chat_plan_read(chat_plan_t *plan, const chat_fields_t *body, apr_time_t now,
                   const char **field, const char **why, apr_pool_t *p)
{
    *field = "title";
    *why = text_field(&plan->title, body, "title", CHAT_PLAN_TITLE_MAX, NULL,
                      "must not be longer than 200 characters", p);
    if (*why == NULL && plan->title == NULL) {
        *why = "is required";
    }
    if (*why != NULL) {
        return 0;
    }
    *field = "description";
    *why = text_field(&plan->description, body, "description", CHAT_CONTENT_MAX,
                      "", "must not be longer than 2000 characters", p);
    if (*why != NULL) {
        return 0;
    }
    *field = "price_cents";
    *why = number_field(&plan->price_cents, body, "price_cents", 0,
                        CHAT_PLAN_PRICE_MAX, -1,
                        "must be a whole number of cents, at most 9999999999");
    if (*why != NULL) {
        return 0;
    }
    *field = "currency";
    *why = currency_field(&plan->currency, body);
    if (*why != NULL) {
        return 0;
    }
    *field = "duration_days";
    *why = number_field(&plan->duration_days, body, "duration_days", 1,
                        CHAT_PLAN_DAYS_MAX, 0,
                        "must be a number of days, 1 to 3650");
    if (*why != NULL) {
        return 0;
    }
    *field = "valid_days";
    *why = number_field(&plan->valid_days, body, "valid_days", 1,
                        CHAT_PLAN_DAYS_MAX, 0,
                        "must be a number of days, 1 to 3650");
    if (*why != NULL) {
        return 0;
    }
    *field = "expires_at";
    *why = end_field(&plan->expires_at, body, now, p);
    if (*why == NULL && plan->expires_at != NULL && plan->valid_days > 0) {
        *why = "cannot be said together with valid_days";
    }
    if (*why != NULL) {
        return 0;
    }
    *field = "must_acknowledge";
    *why = must_field(&plan->must_acknowledge, body);
    return *why == NULL;
}

int chat_plan_load(chat_plan_t *plan, const char *json, apr_pool_t *p)
{
    const json_t *object = chat_json_parse_pool(json, strlen(json), NULL, p);
    char time[CHAT_SHAPE_TIME];
    const char *end;

    chat_plan_init(plan);
    if (object == NULL) {
        return 0;
    }
    chat_json_string(object, "title", &plan->title);
    chat_json_string(object, "description", &plan->description);
    chat_json_string(object, "currency", &plan->currency);
    chat_json_int(object, "price_cents", &plan->price_cents);
    chat_json_int(object, "duration_days", &plan->duration_days);
    chat_json_int(object, "valid_days", &plan->valid_days);
    chat_json_bool(object, "must_acknowledge", &plan->must_acknowledge);
    if (chat_json_string(object, "expires_at", &end) == CHAT_JSON_OK &&
        chat_shape_time(time, end)) {
        plan->expires_at = database_time(time, p);
    }
    return 1;
}

int chat_plan_reason(const char **out, const chat_fields_t *body,
                     const char **why, apr_pool_t *p)
{
    *out = NULL;
    *why = text_field(out, body, "reason", CHAT_PLAN_REASON_MAX, NULL,
                      "must not be longer than 500 characters", p);
    return *why == NULL;
}

const char *chat_plan_text(const chat_plan_t *plan, apr_pool_t *p)
{
    /* No text has this byte between two of the others unnoticed: lengths. */
    return apr_psprintf(
        p,
        "%" APR_SIZE_T_FMT ":%s|%" APR_SIZE_T_FMT ":%s|%s|%s|%" APR_INT64_T_FMT
        "|%" APR_INT64_T_FMT "|%" APR_INT64_T_FMT "|%d",
        strlen(plan->title), plan->title, strlen(plan->description),
        plan->description, plan->currency,
        plan->expires_at != NULL ? plan->expires_at : "", plan->price_cents,
        plan->duration_days, plan->valid_days, plan->must_acknowledge);
}
