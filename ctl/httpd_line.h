/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd_line.h - the lines and words of httpd's configuration files, by httpd's
 * own rules. No file, no allocation: bytes go in, and unit test and fuzzer
 * drive it directly. What the words mean is httpd_conf.h.
 *
 * A line that ends in a backslash goes on in the next one, comments too.
 * ${NAME} is replaced before a line is cut into words. A word may stand in
 * quotes of either kind, in which a backslash keeps a quote or a backslash.
 */
#ifndef CTL_HTTPD_LINE_H
#define CTL_HTTPD_LINE_H

#include <apr.h>

/* A file's text while it is read. */
typedef struct {
    const char *at;  /* what was not read yet */
    const char *end; /* behind the last byte */
    int line;        /* the number of the line at `at`; from 1 */
} httpd_lines_t;

typedef enum {
    HTTPD_LINE,      /* one was read */
    HTTPD_LINES_END, /* there are no more */
    HTTPD_LINE_LONG  /* one did not fit and was passed over */
} httpd_line_result_t;

/**
 * The next line that is neither empty nor a comment, without the white space
 * around it; continued lines are joined. A NUL byte becomes a blank.
 * @param out     terminated; room for `room` bytes with the terminator
 * @param number  where it begins; with HTTPD_LINES_END unchanged
 */
httpd_line_result_t httpd_line_next(httpd_lines_t *lines, char *out,
                                    apr_size_t room, int *number);

/** What a name stands for, NULL: it is not defined. */
typedef const char *(*httpd_lookup_t)(void *ctx, const char *name,
                                      apr_size_t len);

/**
 * Replace each ${NAME}; one that is not defined stays as it is written.
 * @return 0 when the result does not fit into `room` bytes with its terminator
 */
int httpd_line_expand(char *out, apr_size_t room, const char *in,
                      httpd_lookup_t lookup, void *ctx);

/**
 * Cut the next word off a line, in place.
 * @param rest  goes on behind the word
 * @return the word, NULL when there is none
 */
char *httpd_word_next(char **rest);

#endif
