/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.c - what all commands do alike: reading options, finding the database,
 * saying what went wrong.
 *
 * A target may hold a password. It is never printed: common/db leaves it out of
 * what it says, and here only the engine's name is added.
 */
#include "app.h"
#include "ctl.h"

#include <apr_strings.h>
#include <jansson.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 2000 /* bytes of one on stderr: arguments stand in it */

static apr_array_header_t *diverted; /* NULL: all is printed */

void ctl_divert(apr_array_header_t *to) { diverted = to; }

/* @return whether it was kept */
static int divert(const char *format, va_list args)
{
    if (diverted == NULL) {
        return 0;
    }
    APR_ARRAY_PUSH(diverted, const char *) = apr_pvsprintf(diverted->pool,
                                                           format, args);
    return 1;
}

/* What of a character that begins at `at` does something to a terminal instead
 * of standing in its line: ASCII and C1 controls, what turns the line's
 * direction.
 * @return its bytes, 0: it is harmless */
static int acts(const unsigned char *at)
{
    if (at[0] < 0x20 || at[0] == 0x7f) {
        return 1;
    }
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
        return 2;
    }
    if (at[0] == 0xe2 && ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
                          (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9))) {
        return 3;
    }
    return 0;
}

/* Names of people and devices are in it as they called themselves. */
static void safely_print(const char *line, FILE *to)
{
    const unsigned char *at = (const unsigned char *)line;

    while (*at != '\0') {
        int n = acts(at);

        putc(n > 0 ? '?' : *at, to);
        at += n > 0 ? n : 1;
    }
}

/* What goes wrong is said in a line, whatever the arguments in it are. */
static void trouble_print(const char *start, const char *format, va_list args,
                          const char *end)
{
    char line[MESSAGE_MAX + 1];
    int n = vsnprintf(line, sizeof(line), format, args), cut = MESSAGE_MAX;

    if (n > MESSAGE_MAX) { /* not within a character */
        while (cut > MESSAGE_MAX - 4 && ((unsigned char)line[cut] & 0xc0) == 0x80) {
            cut--;
        }
        line[cut] = '\0';
    }
    fflush(stdout); /* what was done comes before what was not */
    fputs(start, stderr);
    safely_print(line, stderr);
    fputs(n > MESSAGE_MAX ? "…" : "", stderr);
    fputs(end, stderr);
    putc('\n', stderr);
}

void ctl_say(const char *format, ...)
{
    apr_pool_t *p;
    va_list args;

    va_start(args, format);
    if (!divert(format, args)) {
        apr_pool_create(&p, NULL);
        safely_print(apr_pvsprintf(p, format, args), stdout);
        putchar('\n');
        apr_pool_destroy(p);
    }
    va_end(args);
}

int ctl_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!divert(format, args)) {
        trouble_print("chatctl: ", format, args, "");
    }
    va_end(args);
    return CTL_FAILED;
}

int ctl_usage(const char *command, const char *format, ...)
{
    va_list args;

    char start[64], end[64];

    snprintf(start, sizeof(start), "chatctl %s: ", command);
    snprintf(end, sizeof(end), ": see chatctl %s --help", command);
    va_start(args, format);
    trouble_print(start, format, args, end);
    va_end(args);
    return CTL_USAGE;
}

apr_status_t ctl_option(apr_getopt_t *state, const apr_getopt_option_t *options,
                        const char *command, int *option, const char **value)
{
    const char *word = state->ind < state->argc ? state->argv[state->ind] : "";
    apr_status_t rv;

    state->errfn = NULL;
    rv = apr_getopt_long(state, options, option, value);
    if (rv == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    if (rv == APR_BADARG) {
        ctl_usage(command, "%s wants a value", word);
        return APR_EINVAL;
    }
    if (rv != APR_EOF) {
        ctl_usage(command, "there is no option '%.*s'", (int)strcspn(word, "="),
                  word);
        return APR_EINVAL;
    }
    if (state->ind < state->argc) {
        ctl_usage(command, "'%s' is one argument too many",
                  state->argv[state->ind]);
        return APR_EINVAL;
    }
    return APR_EOF;
}

/* database.url of a file as chat-push reads it. */
static int config_target(const char **target, const char *file, apr_pool_t *p)
{
    const char *why = NULL;
    const char *text;
    json_t *root;

    if (chat_conf_load(&root, file, &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    text = json_string_value(chat_conf_find(root, "database.url"));
    *target = text != NULL ? apr_pstrdup(p, text) : NULL;
    json_decref(root);
    if (*target == NULL) {
        return ctl_fail("%s names no database: set database.url in it, or say "
                        "--database",
                        file);
    }
    return CTL_OK;
}

const char *ctl_target_wrong(const char *target)
{
    if (strncmp(target, "sqlite:", 7) == 0) {
        return target[7] == '/' ? NULL
                                : "sqlite: wants the absolute path of a file";
    }
    return strncmp(target, "postgresql://", 13) == 0 ||
                   strncmp(target, "postgres://", 11) == 0
               ? NULL
               : "a database is sqlite:/path/file.db or postgresql://…";
}

int ctl_target(const char **target, const ctl_target_t *given,
               const char *command, apr_pool_t *p)
{
    const char *why;
    int status;

    if ((given->database == NULL) == (given->config == NULL)) {
        return ctl_usage(command, "say --database TARGET or --config FILE");
    }
    if (given->config != NULL) {
        status = config_target(target, given->config, p);
        why = status == CTL_OK ? ctl_target_wrong(*target) : NULL;
        return why != NULL ? ctl_fail("%s: database.url: %s", given->config, why)
                           : status;
    }
    *target = given->database;
    why = ctl_target_wrong(*target);
    return why != NULL ? ctl_usage(command, "--database: %s", why) : CTL_OK;
}

const char *ctl_engine_name(chat_db_engine_t engine)
{
    return engine == CHAT_DB_SQLITE ? "sqlite" : "postgresql";
}

/* What somebody can do about it; "": the failure's own words say all. */
static const char *remedy(apr_status_t rv)
{
    switch (rv) {
    case CHAT_DB_EAWAY:
        return ": see that the database is there and that this user may open "
               "it";
    case CHAT_DB_ESQL:
        return ": is it the chat's database? chatctl migrate --check says";
    case CHAT_DB_EBUSY:
        return ": somebody else holds it, try again later";
    case CHAT_DB_EFULL:
        return ": be a user who may write to it, on a disk with room";
    default:
        return "";
    }
}

int ctl_db_fail(chat_db_engine_t engine, const chat_db_conn_t *conn,
                apr_status_t rv)
{
    return ctl_fail("%s: %s%s", ctl_engine_name(engine), chat_db_error(conn),
                    remedy(rv));
}
