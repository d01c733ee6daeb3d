/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_find.c - what there is to look at: httpd's program and configuration,
 * chat-push's settings, the processes of both, the site's address.
 *
 * What the user did not say is looked for where Debian, then where httpd's own
 * installation puts it. httpd's environment is Debian's envvars beside the
 * configuration. The processes are found by what they hold: httpd by its
 * PidFile, chat-push by the port it listens on (so by root; else by its name).
 */
#include "doctor.h"
#include "process.h"

#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const programs[] = { "/usr/sbin/apache2", "/usr/sbin/httpd",
                                        "/usr/local/apache2/bin/httpd",
                                        "/usr/local/sbin/httpd", NULL };
static const char *const configurations[] = {
    "/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf",
    "/usr/local/apache2/conf/httpd.conf", "/usr/local/etc/apache24/httpd.conf",
    NULL
};
static const char push_settings[] = "/etc/mod_chat/chat-push.json";

static const char *first_there(const char *const *paths)
{
    while (*paths != NULL && access(*paths, F_OK) != 0) {
        paths++;
    }
    return *paths;
}

/* --- httpd's program --- */

/* "Server version: Apache/2.4.71 (Debian)" */
static void version_read(doctor_t *d, const char *text)
{
    const char *at = text != NULL ? strstr(text, "Apache/") : NULL;
    const char *paren;

    d->httpd_platform = "";
    if (at == NULL) {
        return;
    }
    at += strlen("Apache/");
    d->httpd_version = apr_pstrmemdup(d->p, at, strspn(at, "0123456789."));
    paren = at + strcspn(at, "(\n");
    if (*paren == '(') {
        d->httpd_platform = apr_pstrmemdup(d->p, paren + 1,
                                           strcspn(paren + 1, ")\n"));
    }
}

/* The value of a line ` -D NAME="value"`; NULL: there is none. */
static const char *built_in(const char *text, const char *name, apr_pool_t *p)
{
    const char *at = text != NULL
                         ? strstr(text, apr_pstrcat(p, name, "=\"", NULL))
                         : NULL;

    at = at != NULL ? strchr(at, '"') + 1 : NULL;
    return at != NULL ? apr_pstrmemdup(p, at, strcspn(at, "\"\n")) : NULL;
}

/* The names that `httpd -l` lists. */
static apr_array_header_t *modules_read(const char *text, apr_pool_t *p)
{
    apr_array_header_t *list = apr_array_make(p, 16, sizeof(char *));
    char *copy = apr_pstrdup(p, text != NULL ? text : "");
    char *state, *word;

    for (word = apr_strtok(copy, " \n", &state); word != NULL;
         word = apr_strtok(NULL, " \n", &state)) {
        apr_size_t len = strlen(word);

        if (len > 2 && !strcmp(word + len - 2, ".c")) {
            APR_ARRAY_PUSH(list, const char *) = word;
        }
    }
    return list;
}

/* Debian's envvars is a shell's, and only a shell knows what it says. */
static apr_table_t *environment(const char *file, apr_pool_t *p)
{
    apr_table_t *env = apr_table_make(p, 16);
    const char *slash = strrchr(file, '/');
    const char *vars = apr_pstrcat(
        p,
        apr_pstrmemdup(p, file, slash != NULL ? (apr_size_t)(slash - file) : 0),
        "/envvars", NULL);
    const char *const argv[] = {
        "/bin/sh", "-c", "unset HOME; . \"$1\" >/dev/null 2>&1; env",
        "sh",      vars, NULL
    };
    char *state, *line, *equals, *text;
    int status;

    text = access(vars, R_OK) == 0 ? process_run(&status, argv, NULL, 10, p)
                                   : NULL;
    for (line = text != NULL ? apr_strtok(text, "\n", &state) : NULL;
         line != NULL; line = apr_strtok(NULL, "\n", &state)) {
        equals = strchr(line, '=');
        if (equals != NULL) {
            *equals = '\0';
            apr_table_set(env, line, equals + 1);
        }
    }
    return env;
}

static char *httpd_says(doctor_t *d, const char *flag)
{
    const char *const argv[] = { d->httpd, flag, NULL };
    int status = -1;

    return d->httpd != NULL
               ? process_run(&status, argv, d->env, d->o.seconds, d->p)
               : NULL;
}

static void httpd_find(doctor_t *d)
{
    httpd_given_t given = { 0 };
    const char *built, *why = NULL;

    d->httpd = d->o.httpd != NULL ? d->o.httpd : first_there(programs);
    d->httpd_file = d->o.httpd_conf != NULL ? d->o.httpd_conf
                                            : first_there(configurations);
    d->env = d->httpd_file != NULL ? environment(d->httpd_file, d->p) : NULL;
    version_read(d, httpd_says(d, "-v"));
    if (d->httpd_file == NULL) {
        d->httpd_file = "httpd's configuration";
        return;
    }
    built = httpd_says(d, "-V");
    given.root = built_in(built, "HTTPD_ROOT", d->p);
    given.version = d->httpd_version;
    given.modules = modules_read(httpd_says(d, "-l"), d->p);
    given.env = d->env;
    if (httpd_conf_read(&d->conf, d->httpd_file, &given, &why, d->p) !=
        APR_SUCCESS) {
        d->conf = NULL;
    }
    else if (httpd_conf_last(d->conf, HTTPD_SERVER, "PidFile") == NULL) {
        why = built_in(built, "DEFAULT_PIDLOG", d->p);
        apr_table_set(d->conf->defines, "DOCTOR_PIDFILE", why ? why : "");
    }
}

/* --- the chat in it --- */

/* The last `Chat On`, and whose it is. */
static void chat_find(doctor_t *d)
{
    const httpd_directive_t *each;
    int i;

    d->chat_host = HTTPD_SERVER;
    for (i = 0; d->conf != NULL && i < d->conf->directives->nelts; i++) {
        each = &APR_ARRAY_IDX(d->conf->directives, i, httpd_directive_t);
        if (!strcasecmp(each->name, "Chat") &&
            !strcasecmp(httpd_directive_word(each, 0), "on")) {
            d->chat = each;
            d->chat_host = each->host;
        }
    }
}

/* --- the site --- */

/* The port in "addr:port" and "[addr]:port"; 0: none is said. */
static int port_of(const char *address)
{
    const char *colon = strrchr(address, ':');

    if (colon == NULL) { /* Listen 80 */
        return atoi(address);
    }
    return strchr(colon, ']') == NULL ? atoi(colon + 1) : 0;
}

/* The address without its port; NULL: any. */
static const char *address_of(const char *address, apr_pool_t *p)
{
    const char *colon = strrchr(address, ':');
    apr_size_t len = colon != NULL ? (apr_size_t)(colon - address) : 0;

    if (len > 2 && *address == '[') {
        address++;
        len -= 2;
    }
    if (len == 0 || *address == '*' || !strncmp(address, "0.0.0.0", len) ||
        !strncmp(address, "::", len) ||
        !strncasecmp(address, "_default_", len)) {
        return NULL;
    }
    return apr_pstrmemdup(p, address, len);
}

/* The first address of a host. */
static const char *host_address(const doctor_t *d, int host)
{
    const char *all = APR_ARRAY_IDX(d->conf->hosts, host, httpd_host_t)
                          .addresses;
    const char *from = all + strspn(all, " \t\"");

    return apr_pstrmemdup(d->p, from, strcspn(from, " \t\""));
}

static int host_port(const doctor_t *d, int host)
{
    const char *address = host_address(d, host);

    return strchr(address, ':') != NULL ? port_of(address) : 0;
}

static int is_tls(const doctor_t *d, int host)
{
    const httpd_directive_t *e = httpd_conf_last(d->conf, host, "SSLEngine");

    return e != NULL && strcasecmp(httpd_directive_word(e, 0), "off") != 0;
}

static int is_named(const doctor_t *d, int host, const char *name)
{
    const httpd_directive_t *each;
    int i, j;

    for (i = 0; i < d->conf->directives->nelts; i++) {
        each = &APR_ARRAY_IDX(d->conf->directives, i, httpd_directive_t);
        if (each->host != host ||
            (strcasecmp(each->name, "ServerName") != 0 &&
             strcasecmp(each->name, "ServerAlias") != 0)) {
            continue;
        }
        for (j = 0; j < each->nwords; j++) {
            const char *word = strstr(each->words[j], "://");

            word = word != NULL ? word + 3 : each->words[j];
            if (!strncasecmp(word, name, strlen(name)) &&
                (word[strlen(name)] == '\0' || word[strlen(name)] == ':')) {
                return 1;
            }
        }
    }
    return 0;
}

/* The host that answers at a port for a name, as httpd chooses it. */
static int host_for(const doctor_t *d, int port, const char *name)
{
    int first = HTTPD_SERVER;
    int i, own;

    for (i = 0; d->conf != NULL && i < d->conf->hosts->nelts; i++) {
        own = host_port(d, i);
        if (own != 0 && own != port) {
            continue;
        }
        if (is_named(d, i, name)) {
            return i;
        }
        first = first == HTTPD_SERVER ? i : first;
    }
    return first;
}

/* ChatPrefix ends with a slash, and the paths that follow it begin with one. */
static const char *slash_off(const httpd_directive_t *prefix, apr_pool_t *p)
{
    const char *path = httpd_directive_word(prefix, 0);
    apr_size_t len = strlen(path);

    return len > 0 && path[len - 1] == '/' ? apr_pstrmemdup(p, path, len - 1)
                                           : path;
}

/* What stands before the chat's own paths: people may give the chat's address,
 * https://example.org/clinic/chat. */
static const char *prefix_of(const char *path, apr_pool_t *p)
{
    apr_size_t len = strcspn(path, "?#");

    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    if (len >= 5 && !strncmp(path + len - 5, "/chat", 5)) {
        len -= 5;
    }
    return apr_pstrmemdup(p, path, len);
}

/* "https://chat.example.org:8443/…"; @return 0: not of that form */
static int url_read(doctor_site_t *site, const char *url, apr_pool_t *p)
{
    const char *from = strstr(url, "://");
    const char *colon;
    apr_size_t len;

    if (from == NULL || (strncasecmp(url, "https:", 6) != 0 &&
                         strncasecmp(url, "http:", 5) != 0)) {
        return 0;
    }
    site->tls = (url[4] | 0x20) == 's';
    from += 3;
    len = strcspn(from, "/?#");
    site->prefix = prefix_of(from + len, p);
    site->port = site->tls ? 443 : 80;
    colon = memchr(from, ':', len);
    if (colon != NULL) {
        site->port = atoi(colon + 1);
        len = (apr_size_t)(colon - from);
    }
    site->host = apr_pstrmemdup(p, from, len);
    return len > 0 && site->port > 0 && site->port < 65536;
}

static void site_name(doctor_t *d)
{
    doctor_site_t *site = &d->site;
    int usual = site->port == (site->tls ? 443 : 80);

    site->url = apr_psprintf(d->p, usual ? "%s://%s" : "%s://%s:%d",
                             site->tls ? "https" : "http", site->host,
                             site->port);
    site->origin = site->url;
}

/* The first Listen of a port, or the first of all for 0. */
static const char *listening(const doctor_t *d, int port)
{
    const httpd_directive_t *each;
    int i;

    for (i = 0; i < d->conf->directives->nelts; i++) {
        each = &APR_ARRAY_IDX(d->conf->directives, i, httpd_directive_t);
        if (!strcasecmp(each->name, "Listen") && each->nwords > 0 &&
            (port == 0 || port_of(each->words[0]) == port)) {
            return each->words[0];
        }
    }
    return NULL;
}

/* The host that has the chat; with TLS rather than without. */
static int host_choose(const doctor_t *d)
{
    int i, best = HTTPD_SERVER;

    if (d->chat_host != HTTPD_SERVER) {
        return d->chat_host;
    }
    for (i = 0; i < d->conf->hosts->nelts; i++) {
        if (best == HTTPD_SERVER || (is_tls(d, i) && !is_tls(d, best))) {
            best = i;
        }
    }
    return best;
}

/* Nobody said where the site is: its configuration does. */
static void site_guess(doctor_t *d)
{
    doctor_site_t *site = &d->site;
    const httpd_directive_t *name;
    const char *address, *listen, *said, *scheme;

    site->vhost = host_choose(d);
    site->port = site->vhost != HTTPD_SERVER ? host_port(d, site->vhost) : 0;
    listen = listening(d, site->port);
    if (site->port == 0) {
        site->port = listen != NULL ? port_of(listen) : 80;
    }
    site->tls = is_tls(d, site->vhost);
    address = site->vhost != HTTPD_SERVER
                  ? address_of(host_address(d, site->vhost), d->p)
                  : NULL;
    if (address == NULL && listen != NULL) {
        address = address_of(listen, d->p);
    }
    site->connect = address != NULL ? address : "127.0.0.1";
    name = httpd_conf_last(d->conf, site->vhost, "ServerName");
    said = httpd_directive_word(name, 0);
    scheme = strstr(said, "://");
    said = scheme != NULL ? scheme + 3 : said;
    site->host = *said != '\0' ? apr_pstrmemdup(d->p, said, strcspn(said, ":"))
                               : "localhost";
    site_name(d);
    if (*said == '\0') {
        site->origin = NULL;
    }
    else if (scheme != NULL) { /* TLS ends before httpd: a browser's words */
        site->origin = httpd_directive_word(name, 0);
    }
}

static void site_find(doctor_t *d)
{
    doctor_site_t *site = &d->site;
    const httpd_directive_t *prefix;

    site->vhost = HTTPD_SERVER;
    if (d->o.url != NULL) {
        if (url_read(site, d->o.url, d->p)) {
            site->vhost = host_for(d, site->port, site->host);
            site_name(d);
        }
    }
    else if (d->conf != NULL && d->chat != NULL) {
        site_guess(d);
    }
    prefix = d->conf != NULL
                 ? httpd_conf_last(d->conf, site->vhost, "ChatPrefix")
                 : NULL;
    if (prefix != NULL || site->prefix == NULL) {
        site->prefix = prefix != NULL ? slash_off(prefix, d->p) : "";
    }
}

/* --- chat-push's settings --- */

const char *doctor_push_text(const doctor_t *d, const char *name)
{
    const json_t *value = d->push != NULL ? chat_conf_find(d->push, name)
                                          : NULL;
    const char *text = json_string_value(value);

    return text != NULL && *text != '\0' ? text : NULL;
}

apr_int64_t doctor_push_number(const doctor_t *d, const char *name,
                               apr_int64_t otherwise)
{
    const json_t *value = d->push != NULL ? chat_conf_find(d->push, name)
                                          : NULL;

    return json_is_integer(value)  ? json_integer_value(value)
           : json_is_string(value) ? apr_atoi64(json_string_value(value))
                                   : otherwise;
}

/* Whose event log the database holds, as both programs know it. */
static int chat_app(const doctor_t *d)
{
    const char *id = doctor_push_text(d, "database.app");
    int i = 0;

    while (id != NULL && i < d->apps.n && strcmp(d->apps.list[i].id, id) != 0) {
        i++;
    }
    return i < d->apps.n ? i : -1;
}

static void push_read(doctor_t *d)
{
    const char *host = doctor_push_text(d, "host");

    d->app = chat_app(d);
    d->push_host = host == NULL || !strcmp(host, "0.0.0.0") ? "127.0.0.1"
                   : !strcmp(host, "::")                    ? "::1"
                                                            : host;
    d->push_port = (int)doctor_push_number(d, "port", 6001);
    if (doctor_push_text(d, "ssl.certPath") != NULL &&
        doctor_push_number(d, "ssl.port", -1) < 0) {
        d->push_tls = 1;
    }
    d->handoff = doctor_push_text(d, "handoff.path");
    d->target = d->o.database != NULL ? d->o.database
                                      : doctor_push_text(d, "database.url");
}

static void push_find(doctor_t *d)
{
    const httpd_directive_t *named = d->conf != NULL
                                         ? httpd_conf_last(d->conf,
                                                           d->site.vhost,
                                                           "ChatPushConfig")
                                         : NULL;
    const char *why = NULL;

    d->push_port = d->app = -1;
    d->push_file = d->o.push_config != NULL ? d->o.push_config
                   : named != NULL
                       ? httpd_conf_path(d->conf,
                                         httpd_directive_word(named, 0), d->p)
                   : access(push_settings, F_OK) == 0 ? push_settings
                                                      : NULL;
    if (d->push_file == NULL) {
        d->target = d->o.database;
        return;
    }
    if (access(d->push_file, R_OK) != 0 ||
        chat_conf_load(&d->push, d->push_file, &why, d->p) != APR_SUCCESS ||
        chat_apps_read(&d->apps, d->push, &why, d->p) != APR_SUCCESS) {
        doctor_say(d, access(d->push_file, R_OK) ? DOCTOR_UNKNOWN : DOCTOR_FAIL,
                   "push-config", d->push_file,
                   why != NULL ? "correct the setting; chat-push and httpd "
                                 "start with it no more"
                               : "say --push-config FILE, or run as root",
                   "%s", why != NULL ? why : "it cannot be read by this user");
        d->push = NULL;
        d->target = d->o.database;
        return;
    }
    push_read(d);
}

void doctor_find(doctor_t *d)
{
    httpd_find(d);
    chat_find(d);
    site_find(d);
    push_find(d);
}

/* --- processes --- */

static const char *pid_file(const doctor_t *d)
{
    const httpd_directive_t *said = httpd_conf_last(d->conf, HTTPD_SERVER,
                                                    "PidFile");
    const char *path = said != NULL
                           ? httpd_directive_word(said, 0)
                           : apr_table_get(d->conf->defines, "DOCTOR_PIDFILE");

    return path != NULL && *path != '\0' ? httpd_conf_path(d->conf, path, d->p)
                                         : NULL;
}

/* Whom httpd's children run as: those that run, else as is configured. */
static void httpd_user_find(doctor_t *d)
{
    const httpd_directive_t *user = httpd_conf_last(d->conf, HTTPD_SERVER,
                                                    "User");
    const httpd_directive_t *group = httpd_conf_last(d->conf, HTTPD_SERVER,
                                                     "Group");
    pid_t child = d->httpd_pid > 0 ? process_child(d->httpd_pid, d->p) : 0;

    if (child > 0 && who_runs(&d->httpd_user, child, d->p) &&
        d->httpd_user.uid != 0) {
        return;
    }
    if (who_named(&d->httpd_user,
                  user != NULL ? httpd_directive_word(user, 0) : "#65534",
                  d->p) &&
        group != NULL) {
        who_group(&d->httpd_user, httpd_directive_word(group, 0));
    }
}

void doctor_find_processes(doctor_t *d)
{
    const char *file, *text;

    if (d->conf != NULL) {
        file = pid_file(d);
        text = file != NULL ? process_file(file, d->p) : NULL;
        d->httpd_pid = text != NULL ? (pid_t)atoi(text) : 0;
        if (d->httpd_pid <= 0 || !process_is_there(d->httpd_pid, d->p)) {
            d->httpd_pid = 0;
        }
        httpd_user_find(d);
    }
    if (d->push != NULL) {
        if (d->push_port > 0) {
            d->push_pid = process_listening(d->push_port, "chat-push",
                                            d->p);
        }
        if (d->push_pid == 0) {
            d->push_pid = process_called("chat-push", d->push_file, d->p);
        }
        if (d->push_pid == 0 || !who_runs(&d->push_user, d->push_pid, d->p)) {
            who_named(&d->push_user,
                      doctor_push_text(d, "user") ? doctor_push_text(d, "user")
                                                  : "chat-push",
                      d->p);
        }
    }
}
