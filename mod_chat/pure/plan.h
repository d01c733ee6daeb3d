/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - is this a treatment plan: the fields of a body, checked.
 *
 * Pure: fields, a time and a pool.
 */
#ifndef CHAT_PLAN_H
#define CHAT_PLAN_H

#include <apr_pools.h>
#include <apr_time.h>

#include "fields.h"

#define CHAT_PLAN_TITLE_MAX 200  /* characters */
#define CHAT_PLAN_REASON_MAX 500 /* likewise */
#define CHAT_PLAN_PRICE_MAX                                                    \
    9999999999LL /* a Laravel numeric(10, 2) holds it                          \
                  */
#define CHAT_PLAN_DAYS_MAX 3650

/* A plan as its doctor writes it. */
typedef struct {
    const char *title;       /* trimmed; NULL: not said yet */
    const char *description; /* trimmed, at most CHAT_CONTENT_MAX; "": none */
    const char *currency;    /* ISO 4217, "USD" */
    const char *expires_at;  /* "YYYY-MM-DD HH:MM:SS.mmm" in UTC; NULL: none */
    apr_int64_t price_cents; /* -1: none */
    apr_int64_t duration_days; /* 0: none */
    apr_int64_t valid_days;    /* from its submission; 0: none */
    int must_acknowledge;
} chat_plan_t;

/** A plan of which nothing was said yet. */
void chat_plan_init(chat_plan_t *plan);

/**
 * Take over what a body says; what it does not name stays. A JSON null, or an
 * empty field of a form, takes a value away.
 * @param now    expires_at has to lie behind it
 * @param field  the field that will not do, when 0 is returned
 * @param why    and what is wrong with it, "must be …"
 * @return 0 when something will not do
 */
int chat_plan_read(chat_plan_t *plan, const chat_fields_t *body, apr_time_t now,
                   const char **field, const char **why, apr_pool_t *p);

/**
 * The same of a plan that the database gives as JSON, which is trusted.
 * @return 0 when it is no JSON
 */
int chat_plan_load(chat_plan_t *plan, const char *json, apr_pool_t *p);

/** A reason. @param out  NULL: none was given. @return 0 when it will not do */
int chat_plan_reason(const char **out, const chat_fields_t *body,
                     const char **why, apr_pool_t *p);

/** All a plan says as one text that no other plan has, from p. */
const char *chat_plan_text(const chat_plan_t *plan, apr_pool_t *p);

#endif
