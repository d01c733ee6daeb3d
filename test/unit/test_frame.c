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

static void a_twin_says_the_same_in_fewer_bytes(void **state)
{
    char text[1000];
    push_frame_t *f, *twin;
    push_deflate_t d;
    apr_size_t len;
    char *out;

    (void)state;
    memset(&d, 0, sizeof(d));
    memset(text, 'x', sizeof(text));
    f = push_frame_ws(WS_TEXT, text, sizeof(text));
    assert_ptr_equal(push_frame_for(f, 0, &d), f);
    twin = push_frame_for(f, 15, &d);
    assert_ptr_not_equal(twin, f);
    assert_true(twin->len < 100);
    assert_int_equal(twin->data[0], 0xc1); /* FIN, RSV1, text */
    assert_int_equal(twin->data[1], twin->len - 2);
    assert_int_equal(push_deflate_unpack(&d, WS_TEXT, &out, &len,
                                         twin->data + 2, twin->len - 2, 1000),
                     WS_DONE);
    assert_int_equal(len, sizeof(text));
    assert_memory_equal(out, text, len);
    /* Made once; one more for who looks back less far than it does. */
    assert_ptr_equal(push_frame_for(f, 15, &d), twin);
    assert_ptr_equal(push_frame_for(f, 10, &d), twin);
    assert_ptr_not_equal(push_frame_for(f, 9, &d), twin);
    assert_ptr_equal(push_frame_for(f, 9, &d), push_frame_for(f, 8, &d));
    /* It outlives the original where it waits in a queue. */
    push_frame_retain(twin);
    push_frame_release(f);
    assert_int_equal(twin->data[0], 0xc1);
    push_frame_release(twin);
    push_deflate_clear(&d);
}

static void what_is_no_message_or_does_not_pay_has_no_twin(void **state)
{
    unsigned char noise[500] = { 0 };
    push_frame_t *frames[6];
    push_deflate_t d;
    unsigned int seed = 1;
    int i;

    (void)state;
    memset(&d, 0, sizeof(d));
    frames[0] = push_frame_ws(WS_TEXT, NULL, 0);
    frames[1] = push_frame_ws(WS_TEXT, noise, PUSH_DEFLATE_LEAST - 1);
    frames[2] = push_frame_ws(WS_PING, noise, 125);
    /* A message and another frame behind it, as a ping of both kinds is. */
    frames[3] = push_frame_ws(WS_TEXT, noise, 300);
    frames[3]->data[3]--;
    /* Bytes that are the rest of something. */
    frames[4] = push_frame_create(300);
    memset(frames[4]->data, 'x', 300);
    for (i = 0; i < (int)sizeof(noise); i++) {
        seed = seed * 1103515245u + 12345u;
        noise[i] = (unsigned char)(seed >> 16);
    }
    frames[5] = push_frame_ws(WS_BINARY, noise, sizeof(noise));
    for (i = 0; i < 6; i++) {
        assert_ptr_equal(push_frame_for(frames[i], 15, &d), frames[i]);
        assert_ptr_equal(push_frame_for(frames[i], 15, &d), frames[i]);
        push_frame_release(frames[i]);
    }
    push_deflate_clear(&d);
}

/* A loop that sends a shared frame to one who compresses. */
static void *make_twin(void *baton)
{
    push_frame_t *f = baton, *twin;
    push_deflate_t d;

    memset(&d, 0, sizeof(d));
    twin = push_frame_for(f, 15, &d);
    push_frame_retain(twin);
    push_frame_release(f);
    push_deflate_clear(&d);
    return twin;
}

static void loops_that_make_a_twin_at_once_share_one(void **state)
{
    push_frame_t *f;
    pthread_t threads[4];
    void *twins[4];
    char text[5000];
    int i, round;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (round = 0; round < 50; round++) {
        f = push_frame_ws(WS_TEXT, text, sizeof(text));
        for (i = 0; i < 4; i++) {
            push_frame_retain(f);
            assert_int_equal(pthread_create(&threads[i], NULL, make_twin, f),
                             0);
        }
        push_frame_release(f);
        for (i = 0; i < 4; i++) {
            pthread_join(threads[i], &twins[i]);
            assert_ptr_equal(twins[i], twins[0]);
        }
        for (i = 0; i < 4; i++) {
            push_frame_release(twins[i]);
        }
    }
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
        cmocka_unit_test(a_twin_says_the_same_in_fewer_bytes),
        cmocka_unit_test(what_is_no_message_or_does_not_pay_has_no_twin),
        cmocka_unit_test(loops_that_make_a_twin_at_once_share_one),
        cmocka_unit_test(the_last_thread_to_let_go_frees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
