/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - chatctl doctor: whether a live site is well, and which line is
 * not.
 *
 * It looks from inside (configuration, processes, files, database) and from
 * outside (every door, as a client comes in), changes nothing, and names for
 * whatever is wrong the place and what to do. The parts are in doctor.h.
 */
#include "doctor.h"

#include <apr_file_info.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SECONDS 5 /* to wait for an answer */

static const char help[] =
    "usage: chatctl doctor [OPTION...]\n"
    "\n"
    "Look at a live site: httpd's configuration, chat-push's settings, both\n"
    "processes, the database, and every way in as a client takes it. Nothing "
    "is\n"
    "changed. Each failure names file, line or setting, and what to do. Best "
    "run "
    "as\n"
    "root: other users may not look at all of it.\n"
    "\n"
    "  --httpd-conf FILE   httpd's main configuration file\n"
    "  --httpd PROGRAM     httpd's program\n"
    "  --push-config FILE  chat-push's settings; else ChatPushConfig's\n"
    "  --url URL           the site as its users call it, for what is seen "
    "from\n"
    "                      outside; else as httpd's configuration says, asked "
    "on\n"
    "                      this machine\n"
    "  --db TARGET         the database; else database.url of the settings\n"
    "  --key KEY           the app key that the pages have\n"
    "  --sockets N         how many WebSockets the site is to carry at once\n"
    "  --cafile FILE       PEM: authorities to trust beside the system's\n"
    "  --timeout SECONDS   to wait for an answer; 5\n"
    "  --json              print one JSON object\n"
    "  --quiet             leave out what is well\n"
    "  --strict            a warning is a failure\n"
    "\n"
    "Exit status: 0 nothing failed, 1 something did, 2 wrong arguments or "
    "nothing\n"
    "could be looked at.\n";

enum {
    OPT_HTTPD_CONF = 1,
    OPT_HTTPD,
    OPT_PUSH,
    OPT_URL,
    OPT_DB,
    OPT_KEY,
    OPT_SOCKETS,
    OPT_CAFILE,
    OPT_TIMEOUT,
    OPT_JSON,
    OPT_QUIET,
    OPT_STRICT
};

/* clang-format off */
static const apr_getopt_option_t options[] = {
    { "httpd-conf",  OPT_HTTPD_CONF, 1, NULL },
    { "httpd",       OPT_HTTPD,      1, NULL },
    { "push-config", OPT_PUSH,       1, NULL },
    { "url",         OPT_URL,        1, NULL },
    { "db",          OPT_DB,         1, NULL },
    { "key",         OPT_KEY,        1, NULL },
    { "sockets",     OPT_SOCKETS,    1, NULL },
    { "cafile",      OPT_CAFILE,     1, NULL },
    { "timeout",     OPT_TIMEOUT,    1, NULL },
    { "json",        OPT_JSON,       0, NULL },
    { "quiet",       OPT_QUIET,      0, NULL },
    { "strict",      OPT_STRICT,     0, NULL },
    { "help",        'h',            0, NULL },
    { NULL, 0, 0, NULL }
};
/* clang-format on */

static int number(int *to, const char *option, const char *value, int most)
{
    char *end;
    long n = strtol(value, &end, 10);

    if (*value == '\0' || *end != '\0' || n < 1 || n > most) {
        return ctl_usage("doctor", "%s is a number from 1 to %d, not '%s'",
                         option, most, value);
    }
    *to = (int)n;
    return CTL_OK;
}

static int option_take(doctor_options_t *o, int option, const char *value)
{
    switch (option) {
    case OPT_HTTPD_CONF:
        o->httpd_conf = value;
        break;
    case OPT_HTTPD:
        o->httpd = value;
        break;
    case OPT_PUSH:
        o->push_config = value;
        break;
    case OPT_URL:
        o->url = value;
        break;
    case OPT_DB:
        o->database = value;
        break;
    case OPT_KEY:
        o->key = value;
        break;
    case OPT_CAFILE:
        o->cafile = value;
        break;
    case OPT_SOCKETS:
        return number(&o->sockets, "--sockets", value, 10000000);
    case OPT_TIMEOUT:
        return number(&o->seconds, "--timeout", value, 600);
    case OPT_JSON:
        o->json = 1;
        break;
    case OPT_QUIET:
        o->quiet = 1;
        break;
    default:
        o->strict = 1;
        break;
    }
    return CTL_OK;
}

/* What was named has to be there: a slip of the pen is no finding. httpd, which
 * is asked with these names, takes one without a slash in front from its
 * ServerRoot on. */
static int named_check(doctor_options_t *o, apr_pool_t *p)
{
    const char **const files[] = { &o->httpd_conf, &o->httpd, &o->push_config,
                                   &o->cafile };
    char *whole;
    apr_size_t i;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (*files[i] == NULL) {
            continue;
        }
        if (access(*files[i], F_OK) != 0) {
            return ctl_usage("doctor", "there is no file %s", *files[i]);
        }
        if (apr_filepath_merge(&whole, NULL, *files[i], APR_FILEPATH_NATIVE,
                               p) == APR_SUCCESS) {
            *files[i] = whole;
        }
    }
    if (o->url != NULL && strncasecmp(o->url, "http://", 7) != 0 &&
        strncasecmp(o->url, "https://", 8) != 0) {
        return ctl_usage("doctor",
                         "--url is http://HOST or https://HOST, not "
                         "'%s'",
                         o->url);
    }
    if (o->database != NULL && ctl_target_wrong(o->database) != NULL) {
        return ctl_usage("doctor", "--db: %s", ctl_target_wrong(o->database));
    }
    return CTL_OK;
}

/* @param done  --help was asked for and answered */
static int arguments(doctor_options_t *o, int *done, int argc,
                     const char *const *argv, apr_pool_t *p)
{
    const char *value = NULL;
    apr_getopt_t *state;
    int option, status;
    apr_status_t rv;

    apr_getopt_init(&state, p, argc, argv);
    while ((rv = ctl_option(state, options, "doctor", &option, &value)) ==
           APR_SUCCESS) {
        if (option == 'h') {
            fputs(help, stdout);
            *done = 1;
            return CTL_OK;
        }
        status = option_take(o, option, value);
        if (status != CTL_OK) {
            return status;
        }
    }
    return rv == APR_EOF ? named_check(o, p) : CTL_USAGE;
}

int ctl_doctor(int argc, const char *const *argv, apr_pool_t *p)
{
    doctor_t d = { .p = p, .o = { .seconds = SECONDS } };
    int done = 0;
    int status = arguments(&d.o, &done, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    d.report = doctor_report_make(p);
    doctor_find(&d);
    doctor_find_processes(&d);
    doctor_check_httpd(&d);
    doctor_check_push(&d);
    doctor_check_database(&d);
    doctor_check_files(&d);
    doctor_check_doors(&d);
    doctor_check_endpoints(&d);
    return doctor_report_print(&d);
}
