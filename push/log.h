/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line on standard error for one fact.
 *
 * A line has a level, a message and fields: text for people (the default),
 * logfmt or JSON for machines. It never holds the text of an event or message,
 * channel data, an auth string or a secret; what a client chose (an origin, a
 * path) is no field either. Every byte that could end the line or be taken for
 * another field is escaped, so that nobody can forge a line or move the cursor
 * of a terminal.
 *
 * What clients cause has a budget of lines in a second for the whole process;
 * above it lines are counted, not written, and the next one written says how
 * many there were.
 *
 * Any thread may log. A line is one write().
 */
#ifndef PUSH_LOG_H
#define PUSH_LOG_H

#include <apr.h>
#include <apr_time.h>

typedef enum {
    PUSH_LOG_ERROR,   /* the process cannot go on */
    PUSH_LOG_WARNING, /* somebody should look */
    PUSH_LOG_INFO,    /* starting, ending, clients refused or cut off */
    PUSH_LOG_DEBUG    /* every connection's coming and going */
} push_log_level_t;

typedef enum {
    PUSH_LOG_TEXT,   /* "chat-push: warning: message key=value …" */
    PUSH_LOG_LOGFMT, /* time=… level=… msg="…" key=value … */
    PUSH_LOG_JSON /* {"time":"…","level":"…","msg":"…","key":"value",…} */
} push_log_style_t;

typedef struct {
    const char *key;  /* ours: letters and underscores */
    const char *text; /* NULL: the value is the number */
    apr_uint64_t number;
} push_log_field_t;

#define PUSH_LOG_FIELDS 14    /* most fields of a line */
#define PUSH_LOG_VALUE 128    /* bytes of a value; the rest is cut off */
#define PUSH_LOG_MESSAGE 2000 /* bytes of a message; as above */
#define PUSH_LOG_LINE 28000   /* bytes that hold every line */

/**
 * A line as bytes, with its end: no clock, no descriptor.
 * @param out   PUSH_LOG_LINE bytes
 * @param time  microseconds since 1970
 * @param n     fields, those past PUSH_LOG_FIELDS are left out
 * @return its length
 */
apr_size_t push_log_line(char *out, push_log_style_t style, apr_time_t time,
                         push_log_level_t level, const char *message,
                         const push_log_field_t *fields, int n);

/** By their names in the settings; -1 for any other name. */
int push_log_style_of(const char *name);
int push_log_level_of(const char *name);

/**
 * How to log from here on; before the threads run.
 * @param most  lines a second that clients may cause
 */
void push_log_setup(push_log_style_t style, push_log_level_t level,
                    apr_uint32_t most);

/** Whether lines of a level are written at all. */
int push_log_on(push_log_level_t level);

/** A fact about the process. */
void push_log(push_log_level_t level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A fact that a client has caused: within the budget. */
void push_log_client(push_log_level_t level, const char *message,
                     const push_log_field_t *fields, int n);

/** Lines that were over the budget, since the start. */
apr_uint64_t push_log_suppressed(void);

/** For those who report through a callback: a warning, or a fact. */
void push_log_report(int trouble, const char *line);

#endif
