/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_state.c - one line of fixed width, and what it means, see
 * relay_state.h. Pure functions.
 */
#include "relay_state.h"

#include <stdio.h>
#include <string.h>

#define DIGITS 19         /* of the largest id */
#define AWAITED_DIGITS 10 /* of the largest count */

/* Where they begin in the line. */
#define ID_AT (PUSH_RELAY_EPOCH + 1)
#define FROM_AT (ID_AT + DIGITS + 1)
#define AWAITED_AT (FROM_AT + DIGITS + 1)

static apr_size_t epoch_length(const char *s, apr_size_t len)
{
    apr_size_t n = 0;

    while (n < len &&
           ((s[n] >= '0' && s[n] <= '9') || (s[n] >= 'a' && s[n] <= 'f'))) {
        n++;
    }
    return n;
}

int push_relay_epoch_valid(const char *epoch)
{
    apr_size_t len = strlen(epoch);

    return len > 0 && len <= PUSH_RELAY_EPOCH &&
           epoch_length(epoch, len) == len;
}

/* Exactly n digits, at most 19, that make no more than `most`. */
static int number_parse(apr_int64_t *out, const char *s, int n,
                        apr_int64_t most)
{
    apr_uint64_t number = 0;
    int i;

    for (i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return 0;
        }
        number = number * 10 + (apr_uint64_t)(s[i] - '0');
    }
    if (number > (apr_uint64_t)most) {
        return 0;
    }
    *out = (apr_int64_t)number;
    return 1;
}

/* The numbers of a line of the right length. */
static int numbers_parse(push_relay_state_t *out, const char *line)
{
    apr_int64_t awaited;

    if (line[FROM_AT - 1] != ' ' || line[AWAITED_AT - 1] != ' ' ||
        !number_parse(&out->at.id, line + ID_AT, DIGITS, APR_INT64_MAX) ||
        !number_parse(&out->from, line + FROM_AT, DIGITS, out->at.id) ||
        !number_parse(&awaited, line + AWAITED_AT, AWAITED_DIGITS,
                      APR_UINT32_MAX)) {
        return 0;
    }
    out->awaited = (apr_uint32_t)awaited;
    return 1;
}

int push_relay_state_parse(push_relay_state_t *out, const char *bytes,
                           apr_size_t len)
{
    push_relay_state_t state;
    apr_size_t n, i;

    if (len != PUSH_RELAY_STATE_SIZE || bytes[len - 1] != '\n') {
        return 0;
    }
    n = epoch_length(bytes, PUSH_RELAY_EPOCH);
    if (n == 0) {
        return 0;
    }
    for (i = n; i <= PUSH_RELAY_EPOCH; i++) {
        if (bytes[i] != ' ') {
            return 0;
        }
    }
    if (!numbers_parse(&state, bytes)) {
        return 0;
    }
    memcpy(state.at.epoch, bytes, n);
    state.at.epoch[n] = '\0';
    *out = state;
    return 1;
}

void push_relay_state_format(char out[PUSH_RELAY_STATE_SIZE],
                             const push_relay_state_t *state)
{
    char line[PUSH_RELAY_STATE_SIZE + 1];

    snprintf(line, sizeof(line),
             "%-*s %0*" APR_INT64_T_FMT " %0*" APR_INT64_T_FMT " %0*u\n",
             PUSH_RELAY_EPOCH, state->at.epoch, DIGITS, state->at.id, DIGITS,
             state->from, AWAITED_DIGITS, state->awaited);
    memcpy(out, line, PUSH_RELAY_STATE_SIZE);
}

push_relay_start_t push_relay_start_at(push_relay_place_t *from,
                                       const push_relay_place_t *saved,
                                       const push_relay_place_t *head,
                                       apr_int64_t most)
{
    *from = *head;
    if (saved->epoch[0] == '\0') {
        return PUSH_RELAY_FIRST;
    }
    if (strcmp(saved->epoch, head->epoch) != 0) {
        return PUSH_RELAY_OTHER_LOG;
    }
    if (saved->id > head->id) {
        return PUSH_RELAY_BACKWARDS;
    }
    if (most >= 0 && head->id - saved->id > most) {
        from->id = head->id - most;
        return PUSH_RELAY_SKIPPED;
    }
    from->id = saved->id;
    return PUSH_RELAY_RESUME;
}
