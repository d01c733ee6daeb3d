/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd_conf.c - see httpd_conf.h.
 *
 * A file is read line by line (httpd_line.h), and what a line does depends on
 * where it stands: `open` is the list of containers around it, innermost last.
 * Inside of a condition that does not hold nothing counts but the end of it.
 */
#include "httpd_conf.h"
#include "httpd_line.h"

#include <apr_file_io.h>
#include <apr_fnmatch.h>
#include <apr_strings.h>

#include <errno.h>
#include <glob.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define LINE_MOST 16384
#define FILE_MOST (4 << 20)    /* bytes */
#define DEPTH_MOST 40          /* files within files */
#define DIRECTIVES_MOST 500000 /* a file may include itself in vain */

/* A container that is open. */
typedef struct {
    const char *kind;               /* "IfModule", "VirtualHost", … */
    int skip;                       /* its contents do not count */
    const httpd_section_t *section; /* that of its contents */
    int host;                       /* of its contents */
} open_t;

typedef struct {
    httpd_conf_t *conf;
    const httpd_given_t *given;
    apr_array_header_t *open; /* open_t */
    const char *file;         /* being read */
    int line;                 /* in it */
    int depth;                /* files around it */
    char *text;               /* LINE_MOST bytes: a line's arguments */
    apr_pool_t *p;
} reader_t;

static void file_read(reader_t *rd, const char *path, int must);

/* The first thing that could not be followed is kept. */
static void trouble(reader_t *rd, const char *what)
{
    if (rd->conf->trouble == NULL) {
        rd->conf->trouble = what;
        rd->conf->trouble_file = rd->file;
        rd->conf->trouble_line = rd->line;
    }
}

static const open_t *innermost(const reader_t *rd)
{
    return rd->open->nelts > 0
               ? &APR_ARRAY_IDX(rd->open, rd->open->nelts - 1, open_t)
               : NULL;
}

/* --- names and modules --- */

static const char *variable(void *ctx, const char *name, apr_size_t len)
{
    const reader_t *rd = ctx;
    char *copy = apr_pstrmemdup(rd->p, name, len);
    const char *value = apr_table_get(rd->conf->defines, copy);

    return value == NULL && rd->given->env != NULL
               ? apr_table_get(rd->given->env, copy)
               : value;
}

static int module_add(httpd_conf_t *conf, const char *name)
{
    APR_ARRAY_PUSH(conf->modules, const char *) = name;
    return 1;
}

/* "mod_ssl.c" and "ssl_module" are the same; MPMs call their files event.c. */
static const char *module_name(const char *word, apr_pool_t *p)
{
    static const char *const mpms[] = { "event", "worker", "prefork" };
    apr_size_t len = strlen(word);
    apr_size_t i;
    char *base;

    if (len < 3 || strcmp(word + len - 2, ".c") != 0) {
        return word;
    }
    base = apr_pstrmemdup(p, word, len - 2);
    for (i = 0; i < sizeof(mpms) / sizeof(mpms[0]); i++) {
        if (!strcmp(base, mpms[i])) {
            return apr_pstrcat(p, "mpm_", base, "_module", NULL);
        }
    }
    if (!strncmp(base, "mod_", 4)) {
        base += 4;
    }
    return !strcmp(base, "http_core") ? "http_module"
                                      : apr_pstrcat(p, base, "_module", NULL);
}

int httpd_conf_module(const httpd_conf_t *conf, const char *name)
{
    int i;

    for (i = 0; i < conf->modules->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(conf->modules, i, const char *), name)) {
            return 1;
        }
    }
    return 0;
}

/* --- conditions --- */

/* "2.4" against "2.4.71": what is not said is 0. */
static int version_compare(const char *a, const char *b)
{
    int i, x, y;

    for (i = 0; i < 3; i++) {
        x = (int)strtol(a, (char **)&a, 10);
        y = (int)strtol(b, (char **)&b, 10);
        if (x != y) {
            return x < y ? -1 : 1;
        }
        a += *a == '.';
        b += *b == '.';
    }
    return 0;
}

static int version_holds(const reader_t *rd, const char *op, const char *than)
{
    int negated = *op == '!' && op[1] != '=' && op[1] != '\0';
    int c, holds;

    if (*than == '\0') { /* the operator may be left out */
        than = op;
        op = "=";
    }
    op += negated;
    if (rd->given->version == NULL || *than == '/' || *op == '~') {
        return 1; /* patterns of versions are not followed */
    }
    c = version_compare(rd->given->version, than);
    holds = !strcmp(op, ">")    ? c > 0
            : !strcmp(op, ">=") ? c >= 0
            : !strcmp(op, "<")  ? c < 0
            : !strcmp(op, "<=") ? c <= 0
            : !strcmp(op, "!=") ? c != 0
                                : c == 0;
    return negated ? !holds : holds;
}

static int file_there(const reader_t *rd, const char *path)
{
    struct stat st;

    return stat(httpd_conf_path(rd->conf, path, rd->p), &st) == 0;
}

/* Whether a container is a condition. @param holds  set when it is one */
static int is_condition(int *holds, const reader_t *rd, const char *kind,
                        const char *a, const char *b)
{
    int negated = *a == '!';
    const char *what = a + negated;

    if (!strcasecmp(kind, "IfModule")) {
        *holds = httpd_conf_module(rd->conf, module_name(what, rd->p));
    }
    else if (!strcasecmp(kind, "IfDefine")) {
        *holds = apr_table_get(rd->conf->defines, what) != NULL;
    }
    else if (!strcasecmp(kind, "IfFile")) {
        *holds = file_there(rd, what);
    }
    else if (!strcasecmp(kind, "IfDirective") ||
             !strcasecmp(kind, "IfSection")) {
        *holds = 1; /* which module knows what is not known here */
        return 1;
    }
    else if (!strcasecmp(kind, "IfVersion")) {
        *holds = version_holds(rd, a, b);
        return 1;
    }
    else {
        return 0;
    }
    *holds = negated ? !*holds : *holds;
    return 1;
}

/* --- containers --- */

static int host_add(reader_t *rd, const char *addresses)
{
    httpd_host_t *host = apr_array_push(rd->conf->hosts);

    host->addresses = addresses;
    host->file = rd->file;
    host->line = rd->line;
    return rd->conf->hosts->nelts - 1;
}

static httpd_section_t *section_make(const reader_t *rd, const char *kind,
                                     const char *a, const char *b,
                                     const httpd_section_t *up)
{
    httpd_section_t *s = apr_pcalloc(rd->p, sizeof(*s));
    apr_size_t len = strlen(kind);

    s->kind = kind;
    s->regex = !strcmp(a, "~") ||
               (len > 5 && !strcasecmp(kind + len - 5, "Match"));
    s->arg = !strcmp(a, "~") ? b : a;
    s->file = rd->file;
    s->line = rd->line;
    s->up = up;
    return s;
}

/* "<Kind arguments>" without the angles. */
static void container_open(reader_t *rd, const char *kind, char *args)
{
    const open_t *around = innermost(rd);
    open_t *o;
    open_t is = { kind, 0, NULL, HTTPD_SERVER };
    char *rest = apr_pstrdup(rd->p, args);
    const char *a = httpd_word_next(&rest);
    const char *b = httpd_word_next(&rest);
    int holds;

    a = a != NULL ? a : "";
    b = b != NULL ? b : "";
    if (around != NULL) {
        is = *around;
        is.kind = kind;
    }
    if (is.skip) {
        ; /* nothing within is looked at */
    }
    else if (is_condition(&holds, rd, kind, a, b)) {
        is.skip = !holds;
    }
    else if (!strcasecmp(kind, "VirtualHost")) {
        is.host = host_add(rd, apr_pstrdup(rd->p, args));
    }
    else if (!strcasecmp(kind, "Macro")) {
        is.skip = 1;
    }
    else {
        is.section = section_make(rd, kind, a, b, is.section);
    }
    o = apr_array_push(rd->open);
    *o = is;
}

/* A file that ends within a container is httpd's to complain about. */
static void container_close(reader_t *rd, const char *kind)
{
    const open_t *o = innermost(rd);

    if (o != NULL && !strcasecmp(o->kind, kind)) {
        apr_array_pop(rd->open);
    }
    else {
        trouble(rd, apr_psprintf(rd->p, "</%s> closes nothing", kind));
    }
}

/* --- directives --- */

static void include(reader_t *rd, const char *pattern, int must)
{
    const char *path = httpd_conf_path(rd->conf, pattern, rd->p);
    glob_t found;
    struct stat st;
    apr_size_t i;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        path = apr_pstrcat(rd->p, path, "/*", NULL);
    }
    if (strpbrk(path, "*?[") == NULL) {
        file_read(rd, path, must);
        return;
    }
    if (glob(path, 0, NULL, &found) != 0) {
        if (must) {
            trouble(rd, apr_pstrcat(rd->p, "Include ", pattern,
                                    " finds no file", NULL));
        }
        return;
    }
    for (i = 0; i < found.gl_pathc; i++) {
        file_read(rd, apr_pstrdup(rd->p, found.gl_pathv[i]), must);
    }
    globfree(&found);
}

/* @return whether there was room */
static int directive_add(reader_t *rd, const char *name, char *args)
{
    const open_t *o = innermost(rd);
    apr_array_header_t *words = apr_array_make(rd->p, 4, sizeof(char *));
    httpd_directive_t *d;
    const char *word;

    while ((word = httpd_word_next(&args)) != NULL) {
        APR_ARRAY_PUSH(words, const char *) = word;
    }
    if (rd->conf->directives->nelts >= DIRECTIVES_MOST) {
        trouble(rd, "there are too many directives to read them all");
        return 0;
    }
    d = apr_array_push(rd->conf->directives);
    d->name = name;
    d->words = (const char *const *)words->elts;
    d->nwords = words->nelts;
    d->file = rd->file;
    d->line = rd->line;
    d->host = o != NULL ? o->host : HTTPD_SERVER;
    d->in = o != NULL ? o->section : NULL;
    return 1;
}

/* What a directive does to what is read after it. */
static void directive_obey(reader_t *rd, const httpd_directive_t *d)
{
    const char *first = httpd_directive_word(d, 0);
    int i;

    if (!strcasecmp(d->name, "Include") ||
        !strcasecmp(d->name, "IncludeOptional")) {
        for (i = 0; i < d->nwords; i++) {
            include(rd, d->words[i], !strcasecmp(d->name, "Include"));
        }
    }
    else if (!strcasecmp(d->name, "Define")) {
        apr_table_set(rd->conf->defines, first, httpd_directive_word(d, 1));
    }
    else if (!strcasecmp(d->name, "UnDefine")) {
        apr_table_unset(rd->conf->defines, first);
    }
    else if (!strcasecmp(d->name, "LoadModule")) {
        module_add(rd->conf, first);
    }
    else if (!strcasecmp(d->name, "ServerRoot")) {
        rd->conf->root = first;
    }
    else if (!strcasecmp(d->name, "Use")) {
        trouble(rd, apr_pstrcat(rd->p, "the macro ", first,
                                " is used, and macros are not followed", NULL));
    }
}

/* @param line  trimmed and not empty */
static void line_read(reader_t *rd, char *line)
{
    char *text = rd->text;
    char *args = line + strcspn(line, " \t\r\n\f\v");
    char *close;
    httpd_directive_t d;

    if (line[0] == '<' && line[1] == '/') {
        line[strcspn(line, "> \t")] = '\0';
        container_close(rd, line + 2);
        return;
    }
    if (*args != '\0') {
        *args++ = '\0';
    }
    if (!httpd_line_expand(text, LINE_MOST, args, variable, rd)) {
        trouble(rd, "the line is too long with its variables");
        return;
    }
    if (line[0] == '<') {
        close = strrchr(text, '>');
        if (close != NULL) {
            *close = '\0';
        }
        line[strcspn(line, ">")] = '\0';
        container_open(rd, apr_pstrdup(rd->p, line + 1), text);
        return;
    }
    if (innermost(rd) != NULL && innermost(rd)->skip) {
        return;
    }
    if (directive_add(rd, apr_pstrdup(rd->p, line), apr_pstrdup(rd->p, text))) {
        d = APR_ARRAY_IDX(rd->conf->directives, rd->conf->directives->nelts - 1,
                          httpd_directive_t);
        directive_obey(rd, &d); /* the list may move meanwhile */
    }
}

/* --- files --- */

/* @return NULL: errno says why */
static char *file_bytes(apr_size_t *len, const char *path, apr_pool_t *p)
{
    FILE *f = fopen(path, "re");
    struct stat st;
    char *bytes;

    if (f == NULL) {
        return NULL;
    }
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_size > FILE_MOST) {
        fclose(f);
        errno = EINVAL;
        return NULL;
    }
    bytes = apr_palloc(p, (apr_size_t)st.st_size + 1);
    *len = fread(bytes, 1, (apr_size_t)st.st_size, f);
    fclose(f);
    return bytes;
}

static void lines_read(reader_t *rd, const char *bytes, apr_size_t len)
{
    httpd_lines_t lines = { bytes, bytes + len, 1 };
    char *line = apr_palloc(rd->p, LINE_MOST);
    httpd_line_result_t got;

    while ((got = httpd_line_next(&lines, line, LINE_MOST, &rd->line)) !=
           HTTPD_LINES_END) {
        if (got == HTTPD_LINE_LONG) {
            trouble(rd, "the line is too long");
        }
        else {
            line_read(rd, line);
        }
    }
}

/* @param must  complain when it is not there */
static void file_read(reader_t *rd, const char *path, int must)
{
    const char *outer = rd->file;
    int outer_line = rd->line;
    apr_size_t len;
    char *bytes;

    if (rd->depth >= DEPTH_MOST) {
        trouble(rd, "files include each other without end");
        return;
    }
    bytes = file_bytes(&len, path, rd->p);
    if (bytes == NULL) {
        if (must || errno != ENOENT) {
            trouble(rd, apr_psprintf(rd->p, "%s cannot be read: %s", path,
                                     strerror(errno)));
        }
        return;
    }
    APR_ARRAY_PUSH(rd->conf->files, const char *) = path;
    rd->file = path;
    rd->line = 0;
    rd->depth++;
    lines_read(rd, bytes, len);
    rd->depth--;
    rd->file = outer;
    rd->line = outer_line;
}

apr_status_t httpd_conf_read(httpd_conf_t **conf, const char *file,
                             const httpd_given_t *given, const char **why,
                             apr_pool_t *p)
{
    httpd_conf_t *c = apr_pcalloc(p, sizeof(*c));
    reader_t rd = { c,
                    given,
                    apr_array_make(p, 8, sizeof(open_t)),
                    file,
                    0,
                    0,
                    apr_palloc(p, LINE_MOST),
                    p };
    int i;

    c->directives = apr_array_make(p, 256, sizeof(httpd_directive_t));
    c->hosts = apr_array_make(p, 4, sizeof(httpd_host_t));
    c->modules = apr_array_make(p, 32, sizeof(char *));
    c->files = apr_array_make(p, 16, sizeof(char *));
    c->defines = apr_table_make(p, 16);
    c->root = given->root != NULL ? given->root : "/";
    for (i = 0; given->modules != NULL && i < given->modules->nelts; i++) {
        module_add(
            c, module_name(APR_ARRAY_IDX(given->modules, i, const char *), p));
    }
    file_read(&rd, file, 1);
    *conf = c;
    if (c->files->nelts == 0) {
        *why = c->trouble;
        return APR_ENOENT;
    }
    return APR_SUCCESS;
}

/* --- asking --- */

const char *httpd_directive_word(const httpd_directive_t *d, int n)
{
    return d != NULL && n < d->nwords ? d->words[n] : "";
}

const char *httpd_conf_path(const httpd_conf_t *conf, const char *path,
                            apr_pool_t *p)
{
    return *path == '/' ? path : apr_pstrcat(p, conf->root, "/", path, NULL);
}

const httpd_directive_t *httpd_conf_last(const httpd_conf_t *conf, int host,
                                         const char *name)
{
    const httpd_directive_t *server = NULL;
    const httpd_directive_t *own = NULL;
    const httpd_directive_t *d;
    int i;

    for (i = 0; i < conf->directives->nelts; i++) {
        d = &APR_ARRAY_IDX(conf->directives, i, httpd_directive_t);
        if (d->in == NULL && !strcasecmp(d->name, name)) {
            if (d->host == HTTPD_SERVER) {
                server = d;
            }
            else if (d->host == host) {
                own = d;
            }
        }
    }
    return own != NULL ? own : server;
}

static int regex_has(const char *pattern, const char *path)
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

int httpd_section_has(const httpd_section_t *s, const char *path, apr_pool_t *p)
{
    apr_size_t len = strlen(s->arg);

    if (strncasecmp(s->kind, "Location", 8) != 0) {
        return 0;
    }
    if (s->regex) {
        return regex_has(s->arg, path);
    }
    if (apr_fnmatch_test(s->arg)) {
        return apr_fnmatch(apr_pstrcat(p, s->arg, "*", NULL), path, 0) ==
               APR_SUCCESS;
    }
    return !strncmp(s->arg, path, len) &&
           (len == 0 || s->arg[len - 1] == '/' || path[len] == '/' ||
            path[len] == '\0');
}

/* All containers around a directive are about the path. */
static int stands_for(const httpd_directive_t *d, const char *path,
                      apr_pool_t *p)
{
    const httpd_section_t *s;

    for (s = d->in; s != NULL; s = s->up) {
        if (!httpd_section_has(s, path, p)) {
            return 0;
        }
    }
    return 1;
}

const httpd_directive_t *httpd_conf_for(const httpd_conf_t *conf, int host,
                                        const char *name, const char *path,
                                        apr_pool_t *p)
{
    const httpd_directive_t *found[2] = { NULL, NULL }; /* server's, host's */
    const httpd_directive_t *d;
    int i, own;

    for (i = 0; i < conf->directives->nelts; i++) {
        d = &APR_ARRAY_IDX(conf->directives, i, httpd_directive_t);
        own = d->host != HTTPD_SERVER;
        if ((own && d->host != host) || strcasecmp(d->name, name) != 0 ||
            !stands_for(d, path, p)) {
            continue;
        }
        /* A section's counts more than what stands outside of all. */
        if (d->in != NULL || found[own] == NULL || found[own]->in == NULL) {
            found[own] = d;
        }
    }
    if (found[1] != NULL &&
        (found[1]->in != NULL || found[0] == NULL || found[0]->in == NULL)) {
        return found[1];
    }
    return found[0];
}
