/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd_conf.h - httpd's configuration as a list of directives, each with the
 * file and line it stands in.
 *
 * httpd can print its hosts and files but not where a value comes from, unless
 * it has mod_info; so the files are read here, as httpd does: Include and
 * IncludeOptional with their patterns, Define and ${NAME}, IfDefine, IfModule,
 * IfVersion and IfFile, in the order in which they stand. What is left out:
 * .htaccess files, macros (mod_macro) and what <If> says at run time.
 *
 * Nothing is changed and nothing is judged. Everything lives in the pool given.
 */
#ifndef CTL_HTTPD_CONF_H
#define CTL_HTTPD_CONF_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_tables.h>

/* A container around directives, except <VirtualHost> and conditions. */
typedef struct httpd_section_t {
    const char *kind; /* "Location", "Directory", … as written */
    const char *arg;  /* its first word without a "~" */
    int regex;        /* LocationMatch, or a "~" came first */
    const char *file;
    int line;
    const struct httpd_section_t *up; /* the one around it, or NULL */
} httpd_section_t;

#define HTTPD_SERVER (-1) /* the host of what stands outside of all hosts */

typedef struct {
    const char *name;         /* as written */
    const char *const *words; /* nwords of them, variables replaced */
    int nwords;
    const char *file;
    int line;
    int host;                  /* into hosts, or HTTPD_SERVER */
    const httpd_section_t *in; /* innermost, NULL: none */
} httpd_directive_t;

/* A <VirtualHost>. */
typedef struct {
    const char *addresses; /* as written: "*:443" */
    const char *file;
    int line;
} httpd_host_t;

/* What may be given before reading. */
typedef struct {
    const char *root;                  /* ServerRoot where none is said */
    const char *version;               /* "2.4.71", for IfVersion; or NULL */
    const apr_array_header_t *modules; /* char *, compiled in: "core.c" */
    const apr_table_t *env;            /* for ${NAME}: httpd's environment */
} httpd_given_t;

typedef struct {
    apr_array_header_t *directives; /* httpd_directive_t */
    apr_array_header_t *hosts;      /* httpd_host_t */
    apr_array_header_t *modules;    /* char *, "chat_module" */
    apr_array_header_t *files;      /* char *, all that were read */
    apr_table_t *defines;
    const char *root;    /* ServerRoot */
    const char *trouble; /* what could not be followed, a sentence; or NULL */
    const char *trouble_file; /* where; NULL with trouble NULL */
    int trouble_line;
} httpd_conf_t;

/**
 * Read a configuration.
 * @param why  a sentence that names the file, when not APR_SUCCESS: the first
 *             file cannot be read
 */
apr_status_t httpd_conf_read(httpd_conf_t **conf, const char *file,
                             const httpd_given_t *given, const char **why,
                             apr_pool_t *p);

/** Whether a module is there; by the name LoadModule has ("ssl_module"). */
int httpd_conf_module(const httpd_conf_t *conf, const char *name);

/**
 * The directive that counts in a host: the last one in it, else the last one of
 * the server; none inside of a section.
 */
const httpd_directive_t *httpd_conf_last(const httpd_conf_t *conf, int host,
                                         const char *name);

/** Whether a section is about a URL path: <Location>, <LocationMatch>. */
int httpd_section_has(const httpd_section_t *section, const char *path,
                      apr_pool_t *p);

/**
 * The last directive of a name that counts for a URL path in a host: inside of
 * its sections about URLs, else outside of all. As httpd merges them: the
 * host's after the server's.
 */
const httpd_directive_t *httpd_conf_for(const httpd_conf_t *conf, int host,
                                        const char *name, const char *path,
                                        apr_pool_t *p);

/** A path as a directive has it, made absolute by ServerRoot. */
const char *httpd_conf_path(const httpd_conf_t *conf, const char *path,
                            apr_pool_t *p);

/** The n-th word, from 0; "" when there are fewer. */
const char *httpd_directive_word(const httpd_directive_t *d, int n);

#endif
