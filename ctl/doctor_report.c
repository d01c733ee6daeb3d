/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_report.c - findings, kept in the order in which they came, and printed
 * at the end: for people
 *
 *   FAIL  proxy-timeout  /etc/apache2/apache2.conf:12: what is wrong
 *                        -> what to do
 *   41 checks: 39 ok, 1 failed, 1 warning
 *
 * or as one JSON object.
 */
#include "doctor.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    doctor_status_t status;
    const char *check;
    const char *where;
    const char *remedy;
    const char *what;
} finding_t;

struct doctor_report_t {
    apr_array_header_t *list; /* finding_t */
    int count[5];             /* by status */
};

/* By status: the word in a line, the word in JSON, one and several of them. */
/* clang-format off */
static const struct {
    const char *line, *json, *one, *many;
} words[] = {
    [DOCTOR_OK]      = { "ok",   "ok",      "ok",             "ok" },
    [DOCTOR_WARN]    = { "warn", "warn",    "warning",        "warnings" },
    [DOCTOR_FAIL]    = { "FAIL", "fail",    "failed",         "failed" },
    [DOCTOR_UNKNOWN] = { "?",    "unknown", "not looked at",  "not looked at" },
    [DOCTOR_SKIP]    = { "-",    "skipped", "skipped",        "skipped" },
};
/* clang-format on */

doctor_report_t *doctor_report_make(apr_pool_t *p)
{
    doctor_report_t *r = apr_pcalloc(p, sizeof(*r));

    r->list = apr_array_make(p, 64, sizeof(finding_t));
    return r;
}

/* What was heard over the wire is somebody else's, and a terminal obeys it. */
static void tame(char *text)
{
    for (; *text != '\0'; text++) {
        if (apr_iscntrl(*text)) {
            *text = '?';
        }
    }
}

void doctor_say(doctor_t *d, doctor_status_t status, const char *check,
                const char *where, const char *remedy, const char *format, ...)
{
    finding_t *f = apr_array_push(d->report->list);
    va_list args;
    char *what;

    va_start(args, format);
    f->status = status;
    f->check = check;
    f->where = where;
    f->remedy = remedy;
    what = apr_pvsprintf(d->p, format, args);
    va_end(args);
    tame(what);
    f->what = what;
    d->report->count[status]++;
}

const char *doctor_at(const doctor_t *d, const httpd_directive_t *directive)
{
    return directive == NULL
               ? d->httpd_file
               : apr_psprintf(d->p, "%s:%d", directive->file, directive->line);
}

const char *doctor_setting(const doctor_t *d, const char *name)
{
    return apr_psprintf(d->p, "%s: %s",
                        d->push_file != NULL ? d->push_file : "chat-push",
                        name);
}

static int verdict(const doctor_t *d)
{
    const int *count = d->report->count;

    if (count[DOCTOR_FAIL] > 0 || (d->o.strict && count[DOCTOR_WARN] > 0)) {
        return CTL_FAILED;
    }
    /* Nothing failed because nothing could be asked is no good news. */
    return d->conf == NULL && d->push == NULL && d->site.url == NULL ? CTL_USAGE
                                                                     : CTL_OK;
}

static void lines_print(const doctor_t *d)
{
    const finding_t *f;
    int i, width = 0;

    for (i = 0; i < d->report->list->nelts; i++) {
        f = &APR_ARRAY_IDX(d->report->list, i, finding_t);
        width = (int)strlen(f->check) > width ? (int)strlen(f->check) : width;
    }
    for (i = 0; i < d->report->list->nelts; i++) {
        f = &APR_ARRAY_IDX(d->report->list, i, finding_t);
        if (d->o.quiet &&
            (f->status == DOCTOR_OK || f->status == DOCTOR_SKIP)) {
            continue;
        }
        printf("%-5s %-*s  %s%s%s\n", words[f->status].line, width, f->check,
               f->where != NULL ? f->where : "", f->where != NULL ? ": " : "",
               f->what);
        if (f->remedy != NULL) {
            printf("%*s-> %s\n", 8 + width, "", f->remedy);
        }
    }
}

static void summary_print(const doctor_t *d)
{
    static const doctor_status_t order[] = { DOCTOR_OK, DOCTOR_FAIL,
                                             DOCTOR_WARN, DOCTOR_UNKNOWN,
                                             DOCTOR_SKIP };
    const int *count = d->report->count;
    const char *before = ": ";
    apr_size_t i;

    if (verdict(d) == CTL_OK &&
        count[DOCTOR_WARN] + count[DOCTOR_UNKNOWN] == 0) {
        printf("all is well: ");
    }
    printf("%d checks", d->report->list->nelts);
    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (count[order[i]] > 0) {
            printf("%s%d %s", before, count[order[i]],
                   count[order[i]] == 1 ? words[order[i]].one
                                        : words[order[i]].many);
            before = ", ";
        }
    }
    putchar('\n');
}

static json_t *text_or_null(const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;

    return value != NULL ? value : json_null(); /* a path need not be UTF-8 */
}

static void json_print(const doctor_t *d)
{
    json_t *checks = json_array();
    const finding_t *f;
    json_t *root;
    int i;

    for (i = 0; i < d->report->list->nelts; i++) {
        f = &APR_ARRAY_IDX(d->report->list, i, finding_t);
        json_array_append_new(
            checks,
            json_pack("{s:s, s:s, s:o, s:o, s:o}", "check", f->check, "status",
                      words[f->status].json, "what", text_or_null(f->what),
                      "where", text_or_null(f->where), "remedy",
                      text_or_null(f->remedy)));
    }
    root = json_pack("{s:b, s:s?, s:i, s:i, s:i, s:o}", "ok",
                     verdict(d) == CTL_OK, "site", d->site.url, "failed",
                     d->report->count[DOCTOR_FAIL], "warnings",
                     d->report->count[DOCTOR_WARN], "unknown",
                     d->report->count[DOCTOR_UNKNOWN], "checks", checks);
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

int doctor_report_print(const doctor_t *d)
{
    if (d->o.json) {
        json_print(d);
    }
    else {
        lines_print(d);
        summary_print(d);
    }
    return verdict(d);
}
