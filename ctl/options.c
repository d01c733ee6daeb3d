/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - arguments by a table, and the database they name; see options.h.
 */
#include "options.h"

#include "audit_log.h"
#include "utf8.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* @return CTL_OK, or CTL_USAGE: said already */
static int take(const ctl_opt_t *opt, const char *value, const char *command)
{
    if (opt->text == NULL) {
        *opt->flag = 1;
        return CTL_OK;
    }
    if (*opt->text != NULL) {
        return ctl_usage(command, "--%s is there twice", opt->name);
    }
    if (*value == '\0') {
        return ctl_usage(command, "--%s wants a value", opt->name);
    }
    *opt->text = value;
    return CTL_OK;
}

/* What apr_getopt_long() does not take. */
static int refuse(const apr_getopt_t *state, const ctl_opt_t *opts,
                  apr_status_t rv, const char *command)
{
    const char *word = state->ind > 0 ? state->argv[state->ind - 1] : "";
    int len = (int)strcspn(word, "=");

    if (rv != APR_BADARG) {
        return ctl_usage(command, "there is no option '%.*s'", len, word);
    }
    for (; opts->name != NULL; opts++) {
        if (opts->flag != NULL && len > 2 &&
            strlen(opts->name) == (size_t)len - 2 &&
            strncmp(opts->name, word + 2, (size_t)len - 2) == 0) {
            return ctl_usage(command, "%.*s takes no value", len, word);
        }
    }
    return ctl_usage(command, "%s wants a value", word);
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
        if (take(&opts[option - 256], value, command) != CTL_OK) {
            return CTL_USAGE;
        }
    }
    if (rv != APR_EOF) {
        return refuse(state, opts, rv, command);
    }
    words->word = state->argv + state->ind;
    words->n = state->argc - state->ind;
    for (int i = 0; i < words->n; i++) {
        if (*words->word[i] == '\0') {
            return ctl_usage(command, "one of the arguments is empty");
        }
    }
    return CTL_OK;
}

/* Whether a word is in a list like "add,list". */
static int is_among(const char *word, const char *list)
{
    apr_size_t len = strlen(word);

    while (*list != '\0') {
        apr_size_t one = strcspn(list, ",");

        if (one == len && strncmp(list, word, len) == 0) {
            return 1;
        }
        list += one + (list[one] == ',');
    }
    return 0;
}

int ctl_options_fit(const ctl_opt_t *opts, const char *verb,
                    const char *command)
{
    for (; opts->name != NULL; opts++) {
        int given = opts->text != NULL ? *opts->text != NULL : *opts->flag;

        if (given && opts->verbs != NULL && !is_among(verb, opts->verbs)) {
            return ctl_usage(command, "--%s is for %s, not for %s", opts->name,
                             opts->verbs, verb);
        }
    }
    return CTL_OK;
}

int ctl_text(const char *text, apr_size_t most, const char *command,
             const char *option)
{
    apr_size_t len = strlen(text);
    int good = len > 0 && len <= most && chat_utf8_valid(text, len);

    for (apr_size_t i = 0; good && i < len; i++) {
        good = (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
    }
    return good ? CTL_OK
                : ctl_usage(command,
                            "%s is a line of UTF-8 of at most %" APR_SIZE_T_FMT
                            " bytes",
                            option, most);
}

int ctl_directory(const char *dir, const char *command, const char *option)
{
    struct stat info;

    return dir == NULL || (stat(dir, &info) == 0 && S_ISDIR(info.st_mode))
               ? CTL_OK
               : ctl_usage(command, "%s: there is no directory %s", option, dir);
}

int ctl_keys_setting(const char *setting, const char *command,
                     const char *option)
{
    return strncmp(setting, "file:/", 6) == 0 ||
                   strncmp(setting, "command:/", 9) == 0
               ? CTL_OK
               : ctl_usage(command, "%s is file:/path or command:/path",
                           option);
}

int ctl_number(apr_int64_t *n, const char *text, apr_int64_t most,
               const char *command, const char *option)
{
    char *end = NULL;

    errno = 0;
    *n = apr_strtoi64(text, &end, 10);
    if (!apr_isdigit(*text) || errno != 0 || *end != '\0' || *n < 1 ||
        *n > most) {
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
    unit = apr_isdigit(*text) ? unit_of(end) : 0;
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

const char *ctl_whoever(apr_pool_t *p)
{
    const char *sudo = getenv("SUDO_UID");

    return apr_psprintf(p, "uid %ld%s%.20s", (long)getuid(),
                        sudo != NULL ? ", by sudo of uid " : "",
                        sudo != NULL ? sudo : "");
}

int ctl_change_begin(chat_db_conn_t **conn, chat_db_t *db)
{
    apr_status_t rv = chat_db_acquire_to_write(conn, db);
    int status;

    if (rv != APR_SUCCESS) {
        return ctl_db_fail(chat_db_engine(db), NULL, rv);
    }
    rv = chat_db_begin(*conn);
    if (rv == APR_SUCCESS) {
        return CTL_OK;
    }
    status = ctl_db_fail(chat_db_engine(db), *conn, rv);
    chat_db_release(*conn);
    return status;
}

int ctl_change_end(chat_db_conn_t *conn, chat_db_t *db, const char *action,
                   const char *conversation, const char *object, apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;
    int status;

    if (action == NULL) {
        chat_db_rollback(conn);
    }
    else {
        chat_audit_note(conn, ctl_whoever(p), action, conversation, object, p);
        rv = chat_db_commit(conn);
    }
    status = rv == APR_SUCCESS ? CTL_OK
                               : ctl_db_fail(chat_db_engine(db), conn, rv);
    chat_db_release(conn);
    return status;
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
