/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c - chatctl routes: the URLs that mod_chat of this release answers, and
 * who may ask for them. They are the rows of mod_chat/routes.def; nothing is
 * asked of a running site.
 */
#include "options.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "routes"

static const char help[] =
    "usage: chatctl routes [--json]\n"
    "\n"
    "The URLs that mod_chat of this release answers, behind ChatPrefix, in five "
    "columns:\n"
    "method, path, who may ask (anybody; user; member: of the conversation, or "
    "staff),\n"
    "which ability a bearer token needs, what the audit log calls it; - is "
    "none.\n"
    "\n"
    "  --json             print a JSON object for each\n"
    "\n"
    "Exit status: 0 done, 2 wrong arguments.\n";

/* A row of routes.def, as texts of C; handlers are not looked at. */
typedef struct {
    const char *method;  /* "M_GET" */
    const char *path;
    const char *who;     /* "MEMBER" */
    const char *ability; /* may be NULL */
    const char *action;  /* may be NULL */
} row_t;

static const row_t rows[] = {
#define ROUTE(method, path, need, ability, handler, at_once, action)           \
    { #method, path, #need, ability, action },
#include "../mod_chat/routes.def"
#undef ROUTE
};

/* A visitor is one of the staff that says why (ChatBreakGlass). */
static const char *who_name(const row_t *row)
{
    static const struct {
        const char *need, *name;
    } names[] = { { "ANYBODY", "anybody" },
                  { "USER", "user" },
                  { "MEMBER", "member" },
                  { "VISITOR", "staff" } };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(row->who, names[i].need) == 0) {
            return names[i].name;
        }
    }
    return row->who;
}

static const char *method_name(const row_t *row)
{
    return row->method + strlen("M_");
}

static void json_say(const row_t *row)
{
    ctl_json_line(json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "method",
                            method_name(row), "path", row->path, "who",
                            who_name(row), "ability", row->ability, "audited",
                            row->action));
}

static void text_say(const row_t *row)
{
    printf("%-7s %-56s %-8s %-13s %s\n", method_name(row), row->path,
           who_name(row), row->ability != NULL ? row->ability : "-",
           row->action != NULL ? row->action : "-");
}

int ctl_routes(int argc, const char *const *argv, apr_pool_t *p)
{
    int json = 0, done = 0, status;
    ctl_words_t words;
    const ctl_opt_t opts[] = { { "json", NULL, &json, NULL }, { NULL, NULL, NULL, NULL } };

    status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);
    if (status != CTL_OK || done) {
        return status;
    }
    if (words.n > 0) {
        return ctl_usage(COMMAND, "'%s' is one argument too many",
                         words.word[0]);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (json ? json_say : text_say)(&rows[i]);
    }
    return CTL_OK;
}
