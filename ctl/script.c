/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.c - see script.h. The scripts are ours: their lines are known, so no
 * SQL needs to be parsed. A transaction's lines begin at the margin and end
 * with a semicolon, which the BEGIN of a trigger's or a function's body never
 * does.
 */
#include "script.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int ctl_script_version(const char *script)
{
    static const char words[] = "INTO chat_schema (version) VALUES (";
    int highest = 0;

    while (script != NULL && (script = strstr(script, words)) != NULL) {
        script += sizeof(words) - 1;
        if (atoi(script) > highest) {
            highest = atoi(script);
        }
    }
    return highest;
}

/* Whether a line is `word …;`. */
static int line_is(const char *line, const char *end, const char *word)
{
    apr_size_t len = strlen(word);

    while (end > line && apr_isspace(end[-1])) {
        end--;
    }
    return (apr_size_t)(end - line) > len && !strncmp(line, word, len) &&
           (line[len] == ';' || line[len] == ' ') && end[-1] == ';';
}

const char *ctl_script_body(const char *script, apr_pool_t *p)
{
    const char *from = NULL;
    const char *to = NULL;
    const char *line = script;
    const char *end;

    for (; *line != '\0'; line = *end == '\0' ? end : end + 1) {
        end = line + strcspn(line, "\n");
        if (from == NULL && line_is(line, end, "BEGIN")) {
            from = *end == '\0' ? end : end + 1;
        }
        if (line_is(line, end, "COMMIT")) {
            to = line;
        }
    }
    from = from != NULL ? from : script;
    to = to != NULL && to >= from ? to : line;
    return apr_pstrmemdup(p, from, (apr_size_t)(to - from));
}

/* The end of what is quoted at s; a doubled quote goes on at once. */
static const char *quoted_end(const char *s)
{
    const char *close = strchr(s + 1, *s);

    return close != NULL ? close + 1 : s + strlen(s);
}

static int is_quote(char c) { return c == '\'' || c == '"' || c == '`'; }

/* The end of a comment at s, or s when there is none. */
static const char *comment_end(const char *s)
{
    const char *close;

    if (s[0] == '-' && s[1] == '-') {
        return s + strcspn(s, "\n");
    }
    if (s[0] == '/' && s[1] == '*') {
        close = strstr(s + 2, "*/");
        return close != NULL ? close + 2 : s + strlen(s);
    }
    return s;
}

const char *ctl_sql_plain(const char *sql, apr_pool_t *p)
{
    const char *s = sql != NULL ? sql : "";
    const char *end;
    char *plain = apr_palloc(p, strlen(s) + 1);
    char *to = plain;
    int gap = 0;

    while (*s != '\0') {
        end = apr_isspace(*s) ? s + 1 : comment_end(s);
        if (end != s) {
            gap = 1;
            s = end;
            continue;
        }
        if (gap && to > plain) {
            *to++ = ' ';
        }
        gap = 0;
        end = is_quote(*s) ? quoted_end(s) : s + 1;
        memcpy(to, s, (apr_size_t)(end - s));
        to += end - s;
        s = end;
    }
    *to = '\0';
    return plain;
}

/* The end of the parentheses at s, or of the text. */
static const char *parentheses_end(const char *s)
{
    int depth = 0;

    for (; *s != '\0'; s = is_quote(*s) ? quoted_end(s) : s + 1) {
        depth += *s == '(' ? 1 : *s == ')' ? -1 : 0;
        if (depth == 0) {
            return s + 1;
        }
    }
    return s;
}

static int is_word(char c) { return apr_isalnum(c) || c == '_' || (c & 0x80); }

apr_array_header_t *ctl_sql_checks(const char *sql, apr_pool_t *p)
{
    static const char check[] = "CHECK";
    apr_array_header_t *checks = apr_array_make(p, 4, sizeof(char *));
    const char *s = ctl_sql_plain(sql, p);
    const char *word, *end;

    while (*s != '\0') {
        for (word = s; is_word(*s); s++) {
        }
        if (s == word) {
            s = is_quote(*s) ? quoted_end(s) : s + 1;
            continue;
        }
        end = *s == ' ' ? s + 1 : s;
        if (s - word == sizeof(check) - 1 && *end == '(' &&
            !strncasecmp(word, check, sizeof(check) - 1)) {
            s = parentheses_end(end);
            APR_ARRAY_PUSH(checks, const char *) = apr_pstrcat(
                p, check, " ", apr_pstrmemdup(p, end, (apr_size_t)(s - end)),
                NULL);
        }
    }
    return checks;
}
