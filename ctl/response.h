/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response.h - what a server answers, as bytes: the head of an HTTP response
 * and WebSocket frames from a server. Pure; for chatctl doctor, which asks a
 * few short questions and believes nothing.
 */
#ifndef CTL_RESPONSE_H
#define CTL_RESPONSE_H

#include <apr.h>

typedef struct {
    int status;          /* 100 to 599 */
    apr_size_t head_len; /* of the whole head, with its empty line */
    const char *fields;  /* the header lines; point into the bytes */
    apr_size_t fields_len;
} response_head_t;

typedef enum {
    RESPONSE_DONE,
    RESPONSE_MORE, /* incomplete: read on */
    RESPONSE_BAD   /* not what it should be */
} response_result_t;

/** Read the head of a response at the start of a buffer. */
response_result_t response_head_parse(response_head_t *out, const char *buf,
                                      apr_size_t len);

/**
 * A header's value, without the blanks around it.
 * @return points into the head; NULL when there is none of that name
 */
const char *response_field(apr_size_t *len, const response_head_t *head,
                           const char *name);

/* A frame of a server: never masked. */
typedef struct {
    int opcode; /* 1 text, 8 close, 9 ping, … */
    const char *payload;
    apr_size_t len;
} response_frame_t;

/**
 * Read the WebSocket frame at the start of a buffer.
 * @param used  set on RESPONSE_DONE: the bytes of the frame
 * @return RESPONSE_BAD also for a fragment and for more than 64 kB
 */
response_result_t response_frame_parse(response_frame_t *out, apr_size_t *used,
                                       const char *buf, apr_size_t len);

#endif
