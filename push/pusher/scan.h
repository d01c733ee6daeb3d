/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h - JSON in one pass, for what comes thousands of times a second.
 *
 * A tree of a 240-byte publish costs more than everything else done with it.
 * This reads an object once: checks all of it (RFC 8259, UTF-8, lone
 * surrogates, U+0000, nesting) and notes where the wanted members stand. A
 * string that was checked can be copied into an answer as it is, escapes and
 * all. Nothing is allocated. Members of the object read must differ in name;
 * objects further down are checked for syntax only, since nobody reads them.
 *
 * What comes rarely is parsed by common/json.h.
 */
#ifndef PUSH_SCAN_H
#define PUSH_SCAN_H

#include <apr.h>

#define SCAN_DEPTH 32   /* containers within containers */
#define SCAN_MEMBERS 64 /* members of an object that is read */

typedef enum {
    SCAN_ABSENT, /* no such member */
    SCAN_NULL,
    SCAN_BOOL,
    SCAN_NUMBER,
    SCAN_STRING,
    SCAN_ARRAY,
    SCAN_OBJECT
} scan_type_t;

/* A value where it stands in the input. */
typedef struct {
    const char *at;        /* its first byte: for a string the quote */
    apr_uint32_t len;      /* its bytes, quotes included */
    apr_uint32_t size;     /* of a string: bytes of the text it stands for */
    unsigned char type;    /* scan_type_t */
    unsigned char escaped; /* a string whose text is not its inside */
} scan_value_t;

/* A member wanted of an object. */
typedef struct {
    const char *name;
    scan_value_t *to; /* SCAN_ABSENT when it is not there */
} scan_field_t;

/**
 * Read one object that fills all of `len` bytes.
 * @param fields  n of them; their values point into text
 * @return NULL when it is right, else what is wrong, to follow "JSON: "
 */
const char *scan_object(const char *text, apr_size_t len,
                        const scan_field_t *fields, int n);

/** As scan_object, for a value that scan_object found: must be an object. */
const char *scan_members(const scan_value_t *object, const scan_field_t *fields,
                         int n);

/**
 * Step over the elements of an array that scan_object found.
 * @param at  NULL at first; the place reached
 * @return 0 at the end
 */
int scan_next(const scan_value_t *array, const char **at, scan_value_t *out);

/** The text of a string. @param out  v->size bytes; not terminated */
void scan_text(char *out, const scan_value_t *v);

/** Whether a string is a text. */
int scan_is(const scan_value_t *v, const char *text);

/** Whether a number is an integer literal: digits, maybe a minus. */
int scan_integer(const scan_value_t *v);

#endif
