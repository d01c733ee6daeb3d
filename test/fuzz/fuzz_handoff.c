/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_handoff.c - both ends of a handoff: a message has one spelling, so what
 * is understood is written back byte for byte; and what was understood lies
 * within the message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "handoff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void give_check(const chat_handoff_t *m, const uint8_t *data,
                       size_t size)
{
    unsigned char front[CHAT_HANDOFF_FRONT];
    apr_size_t n = chat_handoff_front(front, m);

    must(n > 0 && n + m->head_len + m->early_len == size);
    must(memcmp(front, data, n) == 0);
    must(strlen(m->identity.user) <= CHAT_IDENTITY_USER);
    must(strlen(m->identity.session) <= CHAT_IDENTITY_SESSION);
    must(m->head == (const char *)data + n);
    must(m->early == m->head + m->head_len);
    must(m->early + m->early_len == (const char *)data + size);
}

static void note_check(const uint8_t *data, size_t size)
{
    unsigned char again[CHAT_HANDOFF_NOTE_MAX];
    chat_handoff_note_t note;

    if (chat_handoff_parse_note(&note, data, size) == CHAT_HANDOFF_OK) {
        must(strlen(note.identity.user) <= CHAT_IDENTITY_USER);
        must(strlen(note.identity.session) <= CHAT_IDENTITY_SESSION);
        must(chat_handoff_note(again, &note) == size);
        must(memcmp(again, data, size) == 0);
        return;
    }
    must(note.identity.user[0] == '\0' && note.socket[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char again[CHAT_HANDOFF_SHORT];
    chat_handoff_verdict_t verdict;
    chat_handoff_kind_t kind;
    chat_handoff_t m;

    if (chat_handoff_parse(&kind, &m, data, size) == CHAT_HANDOFF_OK) {
        if (kind == CHAT_HANDOFF_GIVE) {
            give_check(&m, data, size);
        }
        else if (kind == CHAT_HANDOFF_ASK) {
            must(chat_handoff_ask(again) == size &&
                 memcmp(again, data, size) == 0);
        }
    }
    note_check(data, size);
    if (chat_handoff_parse_answer(&verdict, data, size) == CHAT_HANDOFF_OK) {
        must(chat_handoff_answer(again, verdict) == size &&
             memcmp(again, data, size) == 0);
    }
    return 0;
}
