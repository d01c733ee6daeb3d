/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - arguments by a table, and the database they name; see options.h.
 */
#include "options.h"

#include <apr_strings.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEARS ((apr_int64_t)10 * 366 * 24 * 3600)
#define PATIENCE apr_time_from_sec(10) /* for another's lock */

/* --- arguments --- */

static apr_getopt_option_t *table(const ctl_opt_t *opts, apr_pool_t *p)
{
    apr_getopt_option_t *to;
    int n = 0;

    while (opts[n].name != NULL) {
        n++;
    }
    to = apr_pcalloc(p, sizeof(*to) * (apr_size_t)(n + 2));
    for (int i = 0; i < n; i++) {
        to[i].name = opts[i].name;
        to[i].optch = 256 + i;
        to[i].has_arg = opts[i].text != NULL;
    }
    to[n].name = "help";
    to[n].optch = 'h';
    return to;
}

int ctl_options(ctl_words_t *words, int *done, const ctl_opt_t *opts,
                const char *command, const char *help, int argc,
                const char *const *argv, apr_pool_t *p)
{
    const apr_getopt_option_t *list = table(opts, p);
    const char *value = NULL;
    apr_getopt_t *state;
    int option;
    apr_status_t rv;

    apr_getopt_init(&state, p, argc, argv);
    state->interleave = 1;
    state->errfn = NULL;
    while ((rv = apr_getopt_long(state, list, &option, &value)) ==
           APR_SUCCESS) {
        if (option == 'h') {
            fputs(help, stdout);
            *done = 1;
            return CTL_OK;
        }
        if (opts[option - 256].text != NULL) {
            *opts[option - 256].text = value;
        }
        else {
            *opts[option - 256].flag = 1;
        }
    }
    if (rv != APR_EOF) {
        return ctl_usage(command,
                         rv == APR_BADARG ? "%s wants a value"
                                          : "there is no option '%s'",
                         state->ind > 0 ? state->argv[state->ind - 1] : "");
    }
    words->word = state->argv + state->ind;
    words->n = state->argc - state->ind;
    return CTL_OK;
}

int ctl_number(apr_int64_t *n, const char *text, apr_int64_t most,
               const char *command, const char *option)
{
    char *end = NULL;

    errno = 0;
    *n = apr_strtoi64(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *n < 1 || *n > most) {
        return ctl_usage(command,
                         "%s is a number from 1 to %" APR_INT64_T_FMT
                         ", not '%s'",
                         option, most, text);
    }
    return CTL_OK;
}

static apr_int64_t unit_of(const char *end)
{
    return !strcmp(end, "") || !strcmp(end, "s") ? 1
           : !strcmp(end, "m")                   ? 60
           : !strcmp(end, "h")                   ? 3600
           : !strcmp(end, "d")                   ? 24 * 3600
                                                 : 0;
}

int ctl_seconds(apr_int64_t *n, const char *text, const char *command,
                const char *option)
{
    char *end = NULL;
    apr_int64_t unit;

    errno = 0;
    *n = apr_strtoi64(text, &end, 10);
    unit = end != text ? unit_of(end) : 0;
    if (errno != 0 || unit == 0 || *n < 1 || *n > YEARS / unit) {
        return ctl_usage(command,
                         "--%s is a time like 90s, 15m, 12h or 30d, not '%s'",
                         option, text);
    }
    *n *= unit;
    return CTL_OK;
}

/* --- the database --- */

/* Under a name that is not mod_chat's: triggers then wake chat-push by NOTIFY.
 */
static const char *under_own_name(const char *target, apr_pool_t *p)
{
    if (strncmp(target, "postgres", strlen("postgres")) != 0 ||
        strstr(target, "application_name=") != NULL) {
        return target;
    }
    return apr_pstrcat(p, target, strchr(target, '?') != NULL ? "&" : "?",
                       "application_name=chatctl", NULL);
}

int ctl_open(chat_db_t **db, const ctl_target_t *given, const char *command,
             apr_pool_t *p)
{
    chat_db_conf_t conf = { .max = 1, .busy = PATIENCE };
    const char *why = NULL;
    int status = ctl_target(&conf.target, given, command, p);

    if (status != CTL_OK) {
        return status;
    }
    conf.target = under_own_name(conf.target, p);
    return chat_db_open(db, &conf, &why, p) == APR_SUCCESS
               ? CTL_OK
               : ctl_fail("%s", why);
}

int ctl_query(chat_db_result_t **res, chat_db_t *db, const char *label,
              const chat_db_value_t *args, int n, apr_pool_t *p)
{
    apr_status_t rv = chat_db_query(res, db, label, args, n, p);

    return rv == APR_SUCCESS ? CTL_OK
                             : ctl_db_fail(chat_db_engine(db), NULL, rv);
}

int ctl_adapted(int *adapted, chat_db_t *db, apr_pool_t *p)
{
    chat_db_result_t *res;
    int status = ctl_query(&res, db, "migrate_shape", NULL, 0, p);

    *adapted = status == CTL_OK && chat_db_get_int(res, 0, 2, 0) != 0;
    return status;
}

/* --- what is printed --- */

void ctl_json_line(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
}

json_t *ctl_json_text(const chat_db_result_t *res, int row, int col)
{
    const char *text = chat_db_get(res, row, col);
    json_t *value = text != NULL ? json_string(text) : NULL;

    return value != NULL ? value : json_null();
}

json_t *ctl_json_field(const chat_db_result_t *res, int row, int col)
{
    const char *text = chat_db_get(res, row, col);
    json_t *value = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL)
                                 : NULL;

    return value != NULL ? value : json_null();
}
