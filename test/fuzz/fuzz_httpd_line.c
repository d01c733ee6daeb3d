/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_httpd_line.c - a configuration file of httpd, as chatctl doctor reads
 * it.
 *
 * Every line is read once, its number goes up and stays within the file; what
 * is expanded is terminated where it should be; the words of a line are no
 * longer than the line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "httpd_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* Some are defined, one of them empty, one longer than a line. */
static const char *lookup(void *ctx, const char *name, apr_size_t len)
{
    (void)ctx;
    must(len > 0 && memchr(name, '}', len) == NULL);
    return name[0] == 'E' ? "" : name[0] == 'L' ? ctx : len == 1 ? "$" : NULL;
}

static void words(char *line)
{
    size_t most = strlen(line);
    char *rest = line;
    const char *word;

    while ((word = httpd_word_next(&rest)) != NULL) {
        size_t len = strlen(word);

        must(word >= line && word + len <= line + most && rest <= line + most);
    }
    must(httpd_word_next(&rest) == NULL);
}

static void expand(const char *line, size_t room)
{
    static char longer[300];
    char *out = malloc(room);

    memset(longer, 'x', sizeof(longer) - 1);
    must(out != NULL);
    if (httpd_line_expand(out, room, line, lookup, longer)) {
        must(strlen(out) < room);
        words(out);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    httpd_lines_t lines;
    httpd_line_result_t got;
    char *copy = malloc(size + 1); /* exact but for one: ASan watches */
    char line[64];
    int number = 0;
    int last = 0;

    must(copy != NULL);
    memcpy(copy, data, size);
    lines.at = copy;
    lines.end = copy + size;
    lines.line = 1;
    while ((got = httpd_line_next(&lines, line, sizeof(line), &number)) !=
           HTTPD_LINES_END) {
        must(number > last && number < lines.line);
        last = number;
        if (got == HTTPD_LINE) {
            must(line[0] != '\0' && line[0] != '#');
            must(strlen(line) < sizeof(line));
            expand(line, 200);
            words(line);
        }
    }
    must(lines.at == lines.end);
    free(copy);
    return 0;
}
