/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_frame.c - frames are built right and freed once, also across threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "frame.h"
#include "ws.h"

static void a_frame_holds_header_and_payload(void **state)
{
    push_frame_t *f = push_frame_ws(WS_TEXT, "hello", 5);

    (void)state;
    assert_int_equal(f->len, 7);
    assert_memory_equal(f->data, "\x81\x05hello", 7);
    push_frame_release(f);
    f = push_frame_ws(WS_BINARY, NULL, 0);
    assert_int_equal(f->len, 2);
    push_frame_release(f);
}

/* What a loop does with a frame of another: queue it, write it, let it go. */
static void *use(void *baton)
{
    push_frame_t *f = baton;
    int i;

    for (i = 0; i < 20000; i++) {
        push_frame_retain(f);
        if (f->data[2] != 'x') {
            return (void *)1;
        }
        push_frame_release(f);
    }
    push_frame_release(f);
    return NULL;
}

static void the_last_thread_to_let_go_frees_it(void **state)
{
    push_frame_t *f = push_frame_ws(WS_TEXT, "x", 1);
    pthread_t threads[4];
    void *wrong;
    int i;

    (void)state;
    for (i = 0; i < 4; i++) {
        push_frame_retain(f);
        assert_int_equal(pthread_create(&threads[i], NULL, use, f), 0);
    }
    push_frame_release(f);
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_holds_header_and_payload),
        cmocka_unit_test(the_last_thread_to_let_go_frees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
