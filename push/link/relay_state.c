/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_state.c - one line of fixed width, and what it means, see
 * relay_state.h. Pure functions.
 */
#include "relay_state.h"

#include <stdio.h>
#include <string.h>

#define DIGITS 19 /* of the largest id */

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

/* Exactly 19 digits that fit in 63 bits. */
static int id_parse(apr_int64_t *out, const char *s)
{
    apr_uint64_t id = 0;
    int i;

    for (i = 0; i < DIGITS; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return 0;
        }
        id = id * 10 + (apr_uint64_t)(s[i] - '0');
    }
    if (id > APR_INT64_MAX) {
        return 0;
    }
    *out = (apr_int64_t)id;
    return 1;
}

int push_relay_state_parse(push_relay_place_t *out, const char *bytes,
                           apr_size_t len)
{
    apr_size_t n, i;
    apr_int64_t id;

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
    if (!id_parse(&id, bytes + PUSH_RELAY_EPOCH + 1)) {
        return 0;
    }
    memcpy(out->epoch, bytes, n);
    out->epoch[n] = '\0';
    out->id = id;
    return 1;
}

void push_relay_state_format(char out[PUSH_RELAY_STATE_SIZE],
                             const push_relay_place_t *at)
{
    char line[PUSH_RELAY_STATE_SIZE + 1];

    snprintf(line, sizeof(line), "%-*s %0*" APR_INT64_T_FMT "\n",
             PUSH_RELAY_EPOCH, at->epoch, DIGITS, at->id);
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
