/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_relay_state.c - the state file has one spelling: what is accepted is
 * written back byte for byte, and beginning there never passes the log's end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    push_relay_place_t head = { "ab", 1000 };
    push_relay_state_t state;
    push_relay_place_t from;
    char line[PUSH_RELAY_STATE_SIZE];

    if (!push_relay_state_parse(&state, (const char *)data, size)) {
        return 0;
    }
    push_relay_state_format(line, &state);
    if (size != sizeof(line) || memcmp(line, data, size) != 0 ||
        !push_relay_epoch_valid(state.at.epoch) || state.from > state.at.id) {
        abort();
    }
    push_relay_start_at(&from, &state.at, &head, 100);
    if (strcmp(from.epoch, head.epoch) != 0 || from.id > head.id ||
        from.id < head.id - 100) {
        abort();
    }
    return 0;
}
