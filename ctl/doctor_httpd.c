/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_httpd.c - what httpd's program, configuration and processes say,
 * before anybody asks the site anything.
 */
#include "advisories.h"
#include "doctor.h"
#include "process.h"
#include "sizing.h"

#include <apr_strings.h>

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Seconds after which a quiet Pusher client pings, unless activityTimeout says
 * otherwise. */
#define QUIET_CLIENT 120
#define PUMPED_WANTED                                                          \
    1000              /* sockets by TLS; mod_chat warns below it as well       \
                       */
#define TABLE_OLD 180 /* days after which advisories may be missing */

static const httpd_directive_t *last(const doctor_t *d, const char *name)
{
    return httpd_conf_last(d->conf, d->site.vhost, name);
}

/* --- the program --- */

/* Days since the table of advisories was written. */
static int table_age(void)
{
    struct tm then = { .tm_year = ADVISORIES_DAY / 10000 - 1900,
                       .tm_mon = ADVISORIES_DAY / 100 % 100 - 1,
                       .tm_mday = ADVISORIES_DAY % 100 };

    return (int)((time(NULL) - timegm(&then)) / 86400);
}

/* The flaws of a release in the modules that are loaded: how many, and the one
 * that was found last. */
static int flaws(const advisory_t **worst, const doctor_t *d, int patch)
{
    const advisory_t *a;
    int at = 0, n = 0;

    while ((a = advisory_next(patch, &at)) != NULL) {
        if (a->module == NULL || d->conf == NULL ||
            httpd_conf_module(d->conf, a->module)) {
            n++;
            *worst = a;
        }
    }
    return n;
}

static void check_version(doctor_t *d)
{
    const char *version = d->httpd_version;
    const advisory_t *worst = NULL;
    int n, patch, backports;

    if (version == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "httpd-version",
                   d->httpd != NULL ? d->httpd : "httpd", "say --httpd PROGRAM",
                   "no program tells its version");
        return;
    }
    if (strncmp(version, "2.4.", 4) != 0) {
        doctor_say(d, DOCTOR_FAIL, "httpd-version", d->httpd,
                   "install httpd 2.4", "this is httpd %s", version);
        return;
    }
    patch = atoi(version + 4);
    n = flaws(&worst, d, patch);
    /* Distributions keep the number and mend what is behind it. */
    backports = *d->httpd_platform != '\0' &&
                strcasecmp(d->httpd_platform, "Unix") != 0;
    if (n > 0) {
        doctor_say(
            d, backports ? DOCTOR_WARN : DOCTOR_FAIL, "httpd-version", d->httpd,
            backports ? apr_psprintf(d->p,
                                     "see that all updates of %s are "
                                     "installed: it may have mended 2.4.%d "
                                     "under its old number",
                                     d->httpd_platform, patch)
                      : apr_psprintf(d->p, "install httpd 2.4.%d or later",
                                     advisory_best()),
            "httpd %s has %d known flaws in what is loaded, %s: %s", version, n,
            worst->id, worst->what);
        return;
    }
    if (table_age() > TABLE_OLD) {
        doctor_say(d, DOCTOR_WARN, "httpd-version", d->httpd,
                   "install a newer release of mod_chat's tools, or look at "
                   "https://httpd.apache.org/security/vulnerabilities_24.html",
                   "httpd %s: nothing is known against it, but the table of "
                   "advisories is %d days old",
                   version, table_age());
        return;
    }
    doctor_say(d, DOCTOR_OK, "httpd-version", NULL, NULL,
               "httpd %s: no advisory is known against it (table of %d-%02d-"
               "%02d, %d days old)",
               version, ADVISORIES_DAY / 10000, ADVISORIES_DAY / 100 % 100,
               ADVISORIES_DAY % 100, table_age() > 0 ? table_age() : 0);
}

/* --- the configuration as a whole --- */

/* "… Syntax error on line 12 of /etc/apache2/x.conf:" as "FILE:LINE". */
static const char *syntax_where(const doctor_t *d, const char *text)
{
    const char *at = strstr(text, "rror on line ");
    const char *file = at != NULL ? strstr(at, " of ") : NULL;

    if (file == NULL) {
        return d->httpd_file;
    }
    file += 4;
    return apr_psprintf(d->p, "%.*s:%d", (int)strcspn(file, ":\n"), file,
                        atoi(at + strlen("rror on line ")));
}

/* The sentence behind it, or the last line. */
static const char *syntax_words(const doctor_t *d, const char *text)
{
    const char *at = strstr(text, "rror on line ");
    const char *next = at != NULL ? strchr(at, '\n') : NULL;

    if (next == NULL || next[1] == '\0') {
        next = text;
    }
    next += *next == '\n';
    return apr_pstrmemdup(d->p, next, strcspn(next, "\n"));
}

static void check_syntax(doctor_t *d)
{
    const char *const argv[] = { d->httpd, "-t", "-f", d->httpd_file, NULL };
    char *text;
    int status;

    if (d->httpd == NULL ||
        (text = process_run(&status, argv, d->env, 30, d->p)) == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "httpd-syntax",
                   d->httpd != NULL ? d->httpd : "httpd", "say --httpd PROGRAM",
                   "no program is there to judge the configuration");
    }
    else if (status == 0) {
        doctor_say(d, DOCTOR_OK, "httpd-syntax", NULL, NULL,
                   "httpd takes the configuration of %d files",
                   d->conf->files->nelts);
    }
    else {
        doctor_say(d, geteuid() == 0 ? DOCTOR_FAIL : DOCTOR_UNKNOWN,
                   "httpd-syntax", syntax_where(d, text),
                   geteuid() == 0 ? "correct the line: httpd would not start "
                                    "again with it"
                                  : "run as root, who may read all of it",
                   "httpd does not take the configuration: %s",
                   syntax_words(d, text));
    }
    if (d->conf->trouble != NULL && status == 0) {
        doctor_say(d, DOCTOR_UNKNOWN, "httpd-config",
                   apr_psprintf(d->p, "%s:%d", d->conf->trouble_file,
                                d->conf->trouble_line),
                   "what follows from it was not looked at: compare with "
                   "`httpd -t -D DUMP_CONFIG`",
                   "%s", d->conf->trouble);
    }
}

/* --- the process --- */

/* The newest of the files that were read. */
static apr_time_t newest(const doctor_t *d, const char **file)
{
    apr_time_t at = 0, each;
    struct stat st;
    int i;

    for (i = 0; i < d->conf->files->nelts; i++) {
        const char *path = APR_ARRAY_IDX(d->conf->files, i, const char *);

        if (stat(path, &st) == 0) {
            each = apr_time_from_sec(st.st_mtim.tv_sec);
            if (each > at) {
                at = each;
                *file = path;
            }
        }
    }
    if (d->push_file != NULL && stat(d->push_file, &st) == 0 &&
        apr_time_from_sec(st.st_mtim.tv_sec) > at) {
        at = apr_time_from_sec(st.st_mtim.tv_sec);
        *file = d->push_file;
    }
    return at;
}

static void check_process(doctor_t *d)
{
    const httpd_directive_t *pid = last(d, "PidFile");
    const char *file = NULL;
    apr_time_t at;

    if (d->httpd_pid == 0) {
        d->httpd_down = 1;
        doctor_say(d, DOCTOR_FAIL, "httpd-process", doctor_at(d, pid),
                   "start httpd (systemctl start apache2)",
                   "httpd does not run: no process of the PidFile");
        return;
    }
    if (process_state(d->httpd_pid, d->p) == 'T') {
        doctor_say(d, DOCTOR_FAIL, "httpd-process",
                   apr_psprintf(d->p, "process %d", (int)d->httpd_pid),
                   apr_psprintf(d->p, "kill -CONT %d", (int)d->httpd_pid),
                   "httpd is stopped (SIGSTOP)");
        return;
    }
    if (process_replaced(d->httpd_pid, d->p)) {
        doctor_say(d, DOCTOR_WARN, "httpd-process",
                   apr_psprintf(d->p, "process %d", (int)d->httpd_pid),
                   "restart httpd (systemctl restart apache2)",
                   "httpd's program was replaced since it was started: what "
                   "runs is the old one");
        return;
    }
    at = newest(d, &file);
    /* Its children are made anew by a reload; clocks here count seconds. */
    if (at > process_started(d->httpd_pid, 1, d->p) + apr_time_from_sec(2)) {
        doctor_say(d, DOCTOR_WARN, "httpd-process", file,
                   "systemctl reload apache2",
                   "was changed after httpd has read it last");
        return;
    }
    doctor_say(d, DOCTOR_OK, "httpd-process", NULL, NULL,
               "httpd runs as process %d", (int)d->httpd_pid);
}

static void check_files(doctor_t *d)
{
    pid_t child = d->httpd_pid > 0 ? process_child(d->httpd_pid, d->p) : 0;
    const httpd_directive_t *threads = last(d, "ThreadsPerChild");
    long limit = child > 0 ? process_files(child, d->p) : -1;
    long need = 100 + 2 * (threads != NULL
                               ? atol(httpd_directive_word(threads, 0))
                               : 25);

    if (d->o.sockets > 0 && doctor_sockets_stay(d)) {
        need = need > 2L * d->o.sockets ? need : 2L * d->o.sockets;
    }
    if (limit < 0) {
        if (d->httpd_pid > 0) {
            doctor_say(d, DOCTOR_UNKNOWN, "httpd-files",
                       apr_psprintf(d->p, "process %d", (int)d->httpd_pid),
                       "run as root", "its limit of open files is not shown");
        }
        return;
    }
    if (limit < need) {
        doctor_say(d, DOCTOR_FAIL, "httpd-files",
                   apr_psprintf(d->p, "process %d", (int)child),
                   apr_psprintf(d->p,
                                "LimitNOFILE=%ld in a drop-in of httpd's unit "
                                "(systemctl edit apache2), or ulimit -n in "
                                "envvars",
                                need * 2),
                   "a child of httpd may have %ld files open and needs %ld "
                   "(two for each socket)",
                   limit, need);
        return;
    }
    doctor_say(d, DOCTOR_OK, "httpd-files", NULL, NULL,
               "a child of httpd may have %ld files open", limit);
}

/* --- the chat's directives --- */

static void check_directives(doctor_t *d)
{
    static const char *const needed[] = { "ChatDatabase", "ChatPushConfig",
                                          "ChatHtdocs" };
    apr_size_t i;

    if (!httpd_conf_module(d->conf, "chat_module")) {
        doctor_say(d, DOCTOR_FAIL, "chat-module", d->httpd_file,
                   "load it: a2enmod chat, or LoadModule chat_module "
                   "modules/mod_chat.so",
                   "no LoadModule loads mod_chat");
        return;
    }
    if (d->chat == NULL) {
        doctor_say(d, DOCTOR_FAIL, "chat-module", d->httpd_file,
                   "say Chat On: a2enconf chat, or Include chat.conf in the "
                   "site",
                   "mod_chat is loaded, and no directive says Chat On");
        return;
    }
    for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (last(d, needed[i]) == NULL) {
            doctor_say(d, DOCTOR_FAIL, "chat-module", doctor_at(d, d->chat),
                       apr_psprintf(d->p, "add %s (see chat.conf)", needed[i]),
                       "Chat is On and there is no %s", needed[i]);
            return;
        }
    }
    doctor_say(d, DOCTOR_OK, "chat-module", NULL, NULL,
               "mod_chat is loaded; Chat On at %s", doctor_at(d, d->chat));
}

/* --- access --- */

/* The <Location> around a directive that is about a path; NULL: none is. */
static const httpd_section_t *location_of(const httpd_directive_t *each,
                                          const char *path, apr_pool_t *p)
{
    const httpd_section_t *s = each->in;

    while (s != NULL && strncasecmp(s->kind, "Require", 7) == 0) {
        s = s->up;
    }
    return s != NULL && s->up == NULL && httpd_section_has(s, path, p) ? s
                                                                       : NULL;
}

static int is_denial(const httpd_directive_t *each)
{
    const char *first = httpd_directive_word(each, 0);
    const char *second = httpd_directive_word(each, 1);

    return (!strcasecmp(each->name, "Require") && !strcasecmp(first, "all") &&
            !strcasecmp(second, "denied")) ||
           (!strcasecmp(each->name, "Deny") && !strcasecmp(second, "all"));
}

/* What refuses a path to everybody: the last <Location> with a Require decides,
 * and those of the host come after the server's. */
static const httpd_directive_t *denial(const doctor_t *d, const char *path)
{
    const httpd_section_t *s, *deciding = NULL;
    const httpd_directive_t *each, *found = NULL;
    int i, pass, granted = 0;

    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < d->conf->directives->nelts; i++) {
            each = &APR_ARRAY_IDX(d->conf->directives, i, httpd_directive_t);
            if (each->host != (pass == 0 ? HTTPD_SERVER : d->site.vhost) ||
                (pass == 1 && each->host == HTTPD_SERVER) ||
                (strcasecmp(each->name, "Require") != 0 &&
                 strcasecmp(each->name, "Deny") != 0) ||
                (s = location_of(each, path, d->p)) == NULL) {
                continue;
            }
            if (s != deciding) {
                deciding = s;
                found = NULL;
                granted = 0;
            }
            if (is_denial(each)) {
                found = each;
            }
            else {
                granted = 1;
            }
        }
    }
    return granted ? NULL : found;
}

static void check_access(doctor_t *d)
{
    static const char *const paths[] = { "/chat", "/app/key", "/chat-assets/x",
                                         "/broadcasting/auth" };
    const httpd_directive_t *by;
    const char *prefix = d->site.prefix;
    apr_size_t i;

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        by = denial(d, apr_pstrcat(d->p, prefix, paths[i], NULL));
        if (by != NULL) {
            d->access_denied = 1;
            doctor_say(d, DOCTOR_FAIL, "access", doctor_at(d, by),
                       "take it away, or let those in whom the chat is for",
                       "%s %s %s refuses %s%s to everybody", by->name,
                       httpd_directive_word(by, 0), httpd_directive_word(by, 1),
                       prefix, paths[i]);
            return;
        }
    }
    doctor_say(d, DOCTOR_OK, "access", NULL, NULL,
               "no <Location> refuses the chat's URLs to everybody");
}

/* --- the way of sockets that stay --- */

const char *doctor_handoff_mode(const doctor_t *d)
{
    const httpd_directive_t *said = d->conf != NULL
                                        ? httpd_conf_for(
                                              d->conf, d->site.vhost,
                                              "ChatHandoff",
                                              apr_pstrcat(d->p, d->site.prefix,
                                                          "/app/key", NULL),
                                              d->p)
                                        : NULL;

    return said != NULL ? httpd_directive_word(said, 0) : "On";
}

int doctor_sockets_stay(const doctor_t *d)
{
    return d->site.tls || d->handoff == NULL ||
           !strcasecmp(doctor_handoff_mode(d), "off");
}

/* Whether they are pumped, and hold no worker: TLS on event. */
static int are_pumped(const doctor_t *d)
{
    return d->site.tls && d->handoff != NULL &&
           !strcasecmp(doctor_handoff_mode(d), "on") &&
           httpd_conf_module(d->conf, "mpm_event_module");
}

/* Whether each holds a worker and goes by mod_proxy. */
static int are_proxied(const doctor_t *d)
{
    return doctor_sockets_stay(d) && !are_pumped(d);
}

static int pattern_has(const char *pattern, const char *path)
{
    regex_t re;
    int found;

    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return 0;
    }
    found = regexec(&re, path, 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

/* Where one directive sends a path by mod_proxy; NULL: nowhere. */
static const char *sends(const httpd_directive_t *each, const char *path,
                         apr_pool_t *p)
{
    const char *first = httpd_directive_word(each, 0);
    const char *second = httpd_directive_word(each, 1);

    if (!strcasecmp(each->name, "ProxyPass")) {
        if (each->in != NULL) {
            return httpd_section_has(each->in, path, p) ? first : NULL;
        }
        return !strncmp(path, first, strlen(first)) ? second : NULL;
    }
    if (!strcasecmp(each->name, "ProxyPassMatch")) {
        if (each->in != NULL) {
            return httpd_section_has(each->in, path, p) ? first : NULL;
        }
        return pattern_has(first, path) ? second : NULL;
    }
    return !strcasecmp(each->name, "RewriteRule") &&
                   (!strncasecmp(second, "ws:", 3) ||
                    !strncasecmp(second, "wss:", 4)) &&
                   pattern_has(first, path)
               ? second
               : NULL;
}

const httpd_directive_t *doctor_tunnel(const doctor_t *d, const char **target)
{
    const char *path = apr_pstrcat(d->p, d->site.prefix, "/app/key", NULL);
    const httpd_directive_t *each, *found = NULL;
    const char *to;
    int i;

    for (i = 0; d->conf != NULL && i < d->conf->directives->nelts; i++) {
        each = &APR_ARRAY_IDX(d->conf->directives, i, httpd_directive_t);
        if (each->host != HTTPD_SERVER && each->host != d->site.vhost) {
            continue;
        }
        to = sends(each, path, d->p);
        if (to != NULL && (found == NULL || (found->host == HTTPD_SERVER &&
                                             each->host != HTTPD_SERVER))) {
            found = each;
            *target = to;
        }
    }
    return found != NULL && !strcmp(*target, "!") ? NULL : found;
}

/* Modules that a directive of the configuration needs. */
static void check_modules(doctor_t *d)
{
    const char *target = "";
    const httpd_directive_t *tunnel = doctor_tunnel(d, &target);
    int ws = !strncasecmp(target, "ws:", 3) || !strncasecmp(target, "wss:", 4);
    const char *lacks = NULL;

    if (tunnel == NULL && !are_proxied(d)) {
        doctor_say(d, DOCTOR_OK, "proxy-modules", NULL, NULL,
                   "no ProxyPass takes sockets, and none is needed");
        return;
    }
    if (tunnel == NULL) {
        doctor_say(d, DOCTOR_FAIL, "proxy-modules", doctor_at(d, d->chat),
                   "add the ProxyPass of chat.conf for /app/; switch proxy, "
                   "proxy_http and proxy_wstunnel on",
                   "sockets stay in httpd here (TLS, ChatHandoff, or no "
                   "handoff.path), and no ProxyPass takes them on");
        return;
    }
    if (!httpd_conf_module(d->conf, "proxy_module")) {
        lacks = "proxy";
    }
    else if (ws && !httpd_conf_module(d->conf, "proxy_wstunnel_module")) {
        lacks = "proxy_wstunnel";
    }
    else if (!ws && !httpd_conf_module(d->conf, "proxy_http_module")) {
        lacks = "proxy_http";
    }
    if (lacks != NULL) {
        doctor_say(d, are_proxied(d) ? DOCTOR_FAIL : DOCTOR_WARN,
                   "proxy-modules", doctor_at(d, tunnel),
                   apr_psprintf(d->p, "a2enmod %s, or LoadModule %s_module",
                                lacks, lacks),
                   "sockets shall go to %s, and mod_%s is not loaded", target,
                   lacks);
        return;
    }
    doctor_say(d, DOCTOR_OK, "proxy-modules", NULL, NULL,
               "what ProxyPass needs for sockets is loaded");
}

/* ProxyPass leads to the port where chat-push listens. */
static void check_target(doctor_t *d)
{
    const char *target = NULL;
    const httpd_directive_t *tunnel = doctor_tunnel(d, &target);
    const char *host, *colon;
    int port;

    if (tunnel == NULL || d->push == NULL || d->push_port <= 0 ||
        (host = strstr(target, "://")) == NULL ||
        !strncasecmp(target, "unix:", 5)) {
        return;
    }
    host += 3;
    colon = memchr(host, ':', strcspn(host, "/"));
    port = colon != NULL                          ? atoi(colon + 1)
           : target[2] == 's' || target[4] == 's' ? 443
                                                  : 80;
    if (port != d->push_port &&
        port != (int)doctor_push_number(d, "ssl.port", -1)) {
        doctor_say(d, DOCTOR_FAIL, "proxy-target", doctor_at(d, tunnel),
                   apr_psprintf(d->p,
                                "make it %d there (CHAT_PUSH_PORT), or "
                                "set port in %s",
                                d->push_port, d->push_file),
                   "sockets go to port %d, and chat-push listens on %d", port,
                   d->push_port);
        return;
    }
    doctor_say(d, DOCTOR_OK, "proxy-target", NULL, NULL,
               "ProxyPass leads to chat-push's port %d", port);
}

/* "180", "3000ms", "2min" in seconds. */
static double seconds_of(const char *text)
{
    char *unit;
    double n = strtod(text, &unit);

    return !strncasecmp(unit, "ms", 2)   ? n / 1000
           : !strncasecmp(unit, "mi", 2) ? n * 60
           : !strncasecmp(unit, "h", 1)  ? n * 3600
                                         : n;
}

/* The timeout= of a ProxyPass; NULL: it has none. */
static const char *own_timeout(const httpd_directive_t *tunnel)
{
    int i;

    for (i = 0; i < tunnel->nwords; i++) {
        if (!strncasecmp(tunnel->words[i], "timeout=", 8)) {
            return tunnel->words[i] + 8;
        }
    }
    return NULL;
}

static void check_timeout(doctor_t *d)
{
    const char *target = NULL;
    const httpd_directive_t *tunnel = doctor_tunnel(d, &target);
    const int quiet = (int)doctor_push_number(d, "activityTimeout",
                                              QUIET_CLIENT);
    const httpd_directive_t *by = tunnel;
    const char *name = "timeout=";
    const char *value;

    if (tunnel == NULL) {
        return;
    }
    value = own_timeout(tunnel);
    if (value == NULL) {
        by = last(d, "ProxyTimeout");
        by = by != NULL ? by : last(d, "Timeout");
        name = by != NULL ? by->name : "Timeout";
        value = by != NULL ? httpd_directive_word(by, 0) : "60";
    }
    if (seconds_of(value) < quiet + 10) {
        doctor_say(d, are_proxied(d) ? DOCTOR_FAIL : DOCTOR_WARN,
                   "proxy-timeout",
                   by != NULL ? doctor_at(d, by) : doctor_at(d, tunnel),
                   apr_psprintf(d->p,
                                "say timeout=300 in the ProxyPass at %s, or "
                                "ProxyTimeout 300",
                                doctor_at(d, tunnel)),
                   "%s %s: proxied sockets that are quiet end after %.0f s, "
                   "and a quiet client pings after %d",
                   name, value, seconds_of(value), quiet);
        return;
    }
    doctor_say(d, DOCTOR_OK, "proxy-timeout", NULL, NULL,
               "quiet sockets have %.0f s in the proxy, and clients ping "
               "after %d",
               seconds_of(value), quiet);
}

/* --- the arithmetic --- */

static chat_mpm_t mpm_of(const doctor_t *d)
{
    return httpd_conf_module(d->conf, "mpm_event_module")     ? CHAT_MPM_EVENT
           : httpd_conf_module(d->conf, "mpm_worker_module")  ? CHAT_MPM_WORKER
           : httpd_conf_module(d->conf, "mpm_prefork_module") ? CHAT_MPM_PREFORK
                                                              : CHAT_MPM_OTHER;
}

static void number(int *to, const doctor_t *d, const char *name)
{
    const httpd_directive_t *said = httpd_conf_last(d->conf, HTTPD_SERVER,
                                                    name);

    if (said != NULL) {
        *to = atoi(httpd_directive_word(said, 0));
    }
}

static void sizing_read(chat_sizing_t *s, const doctor_t *d)
{
    const httpd_directive_t *factor = httpd_conf_last(
        d->conf, HTTPD_SERVER, "AsyncRequestWorkerFactor");
    int prefork = mpm_of(d) == CHAT_MPM_PREFORK;

    chat_sizing_default(s, mpm_of(d));
    number(&s->server_limit, d, "ServerLimit");
    number(&s->thread_limit, d, "ThreadLimit");
    number(&s->threads_per_child, d, "ThreadsPerChild");
    number(&s->max_workers, d, "MaxClients");
    number(&s->max_workers, d, "MaxRequestWorkers");
    number(&s->min_spare, d, prefork ? "MinSpareServers" : "MinSpareThreads");
    number(&s->max_spare, d, prefork ? "MaxSpareServers" : "MaxSpareThreads");
    if (factor != NULL) {
        s->async_factor = (int)(atof(httpd_directive_word(factor, 0)) * 100);
    }
    chat_sizing_settle(s);
}

/* The line of the first of some directives that is there, else the file. */
static const char *at_one_of(const doctor_t *d, const char *const *names)
{
    const httpd_directive_t *said = NULL;

    while (said == NULL && *names != NULL) {
        said = httpd_conf_last(d->conf, HTTPD_SERVER, *names++);
    }
    return doctor_at(d, said);
}

static void check_slots(doctor_t *d, const chat_sizing_t *s,
                        const chat_capacity_t *c)
{
    static const char *const names[] = { "ServerLimit", "MaxRequestWorkers",
                                         "ThreadsPerChild", NULL };

    if (c->restarts < 1 && doctor_sockets_stay(d)) {
        doctor_say(
            d, DOCTOR_FAIL, "worker-slots", at_one_of(d, names),
            apr_psprintf(d->p, "ServerLimit %d", chat_sizing_limit_for(s, 1)),
            "ServerLimit %d leaves no slot for a new child while %d "
            "old ones (MaxRequestWorkers %d / ThreadsPerChild %d) keep "
            "their sockets after a graceful restart: httpd would answer "
            "nobody",
            s->server_limit, c->children, s->max_workers, s->threads_per_child);
        return;
    }
    doctor_say(d, DOCTOR_OK, "worker-slots", NULL, NULL,
               doctor_sockets_stay(d)
                   ? "ServerLimit %d has slots for %d children, and as many "
                     "again for %d graceful restart(s) while sockets stay"
                   : "ServerLimit %d, %d children; no socket stays in httpd, "
                     "so restarts (%d) need no slots",
               s->server_limit, c->children, c->restarts);
}

static void check_workers(doctor_t *d, const chat_sizing_t *s,
                          const chat_capacity_t *c)
{
    static const char *const names[] = { "MaxRequestWorkers", "MaxClients",
                                         "ThreadsPerChild", NULL };
    static const char *const spares[] = { "MaxSpareThreads", "MaxSpareServers",
                                          "MaxRequestWorkers", NULL };

    if (!are_proxied(d)) {
        doctor_say(d, DOCTOR_OK, "workers", NULL, NULL,
                   "%d workers, none of them held by sockets", s->max_workers);
    }
    else if (d->o.sockets + 50 > c->proxied && d->o.sockets > 0) {
        doctor_say(
            d, DOCTOR_FAIL, "workers", at_one_of(d, names),
            apr_psprintf(d->p, "MaxRequestWorkers %d, ServerLimit %d",
                         d->o.sockets + 50,
                         2 * ((d->o.sockets + 50) / s->threads_per_child + 1)),
            "each socket holds a worker here: MaxRequestWorkers %d is "
            "not enough for %d sockets and requests beside them",
            s->max_workers, d->o.sockets);
    }
    else if (s->max_spare < s->max_workers) {
        doctor_say(d, DOCTOR_WARN, "workers", at_one_of(d, spares),
                   apr_psprintf(d->p, "MaxSpareThreads %d", s->max_workers),
                   "MaxSpareThreads %d is less than MaxRequestWorkers %d: "
                   "children are retired under their sockets",
                   s->max_spare, s->max_workers);
    }
    else {
        doctor_say(d, DOCTOR_OK, "workers", NULL, NULL,
                   "%d workers: so many sockets at most, one each", c->proxied);
    }
}

static void check_pump(doctor_t *d, const chat_sizing_t *s,
                       const chat_capacity_t *c)
{
    static const char *const names[] = { "AsyncRequestWorkerFactor",
                                         "ThreadsPerChild", "MinSpareThreads",
                                         NULL };
    int wanted = d->o.sockets > 0 ? d->o.sockets : PUMPED_WANTED;

    if (!are_pumped(d)) {
        return;
    }
    if (c->pumped < wanted) {
        doctor_say(d, d->o.sockets > 0 ? DOCTOR_FAIL : DOCTOR_WARN,
                   "async-workers", at_one_of(d, names),
                   apr_psprintf(d->p, "AsyncRequestWorkerFactor %d",
                                chat_sizing_factor_for(s, wanted)),
                   "AsyncRequestWorkerFactor %g carries %d sockets by TLS in "
                   "the children that are always there (ThreadsPerChild %d, "
                   "MinSpareThreads %d), not %d: more are answered 503",
                   s->async_factor / 100.0, c->pumped, s->threads_per_child,
                   s->min_spare, wanted);
        return;
    }
    doctor_say(d, DOCTOR_OK, "async-workers", NULL, NULL,
               "AsyncRequestWorkerFactor %g carries %d sockets by TLS",
               s->async_factor / 100.0, c->pumped);
}

static void check_sizes(doctor_t *d)
{
    chat_capacity_t capacity;
    chat_sizing_t sizing;

    if (mpm_of(d) == CHAT_MPM_OTHER) {
        doctor_say(d, DOCTOR_UNKNOWN, "workers", d->httpd_file,
                   "use event, worker or prefork",
                   "no MPM is loaded that is known here");
        return;
    }
    sizing_read(&sizing, d);
    chat_sizing_capacity(&capacity, &sizing);
    check_slots(d, &sizing, &capacity);
    check_workers(d, &sizing, &capacity);
    check_pump(d, &sizing, &capacity);
}

/* --- modules beside --- */

static void check_http2(doctor_t *d)
{
    const httpd_directive_t *on = last(d, "H2WebSockets");

    if (httpd_conf_module(d->conf, "http2_module") && on != NULL &&
        !strcasecmp(httpd_directive_word(on, 0), "on")) {
        doctor_say(d, DOCTOR_FAIL, "http2", doctor_at(d, on),
                   "H2WebSockets off; browsers then open a connection of "
                   "HTTP/1.1 for each socket",
                   "H2WebSockets on: six sockets fill a browser's HTTP/2 "
                   "connection, and its requests wait for ever");
        return;
    }
    doctor_say(d, DOCTOR_OK, "http2", NULL, NULL,
               "no WebSocket goes over HTTP/2");
}

static void check_reqtimeout(doctor_t *d)
{
    if (!httpd_conf_module(d->conf, "reqtimeout_module")) {
        doctor_say(d, DOCTOR_WARN, "reqtimeout", d->httpd_file,
                   "a2enmod reqtimeout",
                   "mod_reqtimeout is not loaded: whoever sends slowly holds "
                   "workers as long as he likes");
        return;
    }
    doctor_say(d, DOCTOR_OK, "reqtimeout", NULL, NULL,
               "mod_reqtimeout bounds slow requests");
}

void doctor_check_httpd(doctor_t *d)
{
    check_version(d);
    if (d->conf == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "httpd-config", d->httpd_file,
                   "say --httpd-conf FILE, or run as root",
                   "httpd's configuration is not there or cannot be read by "
                   "this user");
        return;
    }
    check_syntax(d);
    check_process(d);
    check_files(d);
    check_directives(d);
    if (!httpd_conf_module(d->conf, "chat_module") || d->chat == NULL) {
        return;
    }
    check_access(d);
    check_modules(d);
    check_target(d);
    check_timeout(d);
    check_sizes(d);
    check_http2(d);
    check_reqtimeout(d);
}
