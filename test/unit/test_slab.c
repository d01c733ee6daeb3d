/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_slab.c - slots are zeroed, distinct, visited, and their memory returns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>

#include "slab.h"

#define MANY 5000
#define SIZE 200

static apr_pool_t *pool;
static char *slots[MANY];

static void count(void *slot, void *baton)
{
    int *n = baton;

    (void)slot;
    ++*n;
}

static void a_slot_is_zeroed_also_when_used_again(void **state)
{
    static const char zeroes[SIZE];
    push_slab_t *slab;
    char *slot;

    (void)state;
    assert_int_equal(push_slab_create(&slab, SIZE, pool), APR_SUCCESS);
    slot = push_slab_take(slab);
    assert_memory_equal(slot, zeroes, SIZE);
    memset(slot, 0xff, SIZE);
    push_slab_give(slab, slot);
    assert_ptr_equal(push_slab_take(slab), slot);
    assert_memory_equal(slot, zeroes, SIZE);
}

static void slots_do_not_overlap(void **state)
{
    push_slab_t *slab;
    int i, n = 0;

    (void)state;
    push_slab_create(&slab, SIZE, pool);
    for (i = 0; i < MANY; i++) {
        slots[i] = push_slab_take(slab);
        assert_int_equal((apr_uintptr_t)slots[i] % 16, 0);
        memset(slots[i], i & 0xff, SIZE);
    }
    for (i = 0; i < MANY; i++) {
        assert_int_equal((unsigned char)slots[i][0], i & 0xff);
        assert_int_equal((unsigned char)slots[i][SIZE - 1], i & 0xff);
    }
    push_slab_each(slab, count, &n);
    assert_int_equal(n, MANY);
}

static void memory_returns_after_a_storm(void **state)
{
    push_slab_t *slab;
    int round, i, n = 0;

    (void)state;
    push_slab_create(&slab, SIZE, pool);
    for (round = 0; round < 3; round++) {
        for (i = 0; i < MANY; i++) {
            slots[i] = push_slab_take(slab);
        }
        assert_true(push_slab_mapped(slab) >= MANY * SIZE);
        for (i = 0; i < MANY; i++) {
            push_slab_give(slab, slots[(i * 7) % MANY]);
        }
        assert_int_equal(push_slab_mapped(slab), PUSH_SLAB_PAGE);
    }
    push_slab_each(slab, count, &n);
    assert_int_equal(n, 0);
}

static void one_coming_and_going_maps_nothing(void **state)
{
    push_slab_t *slab;
    void *first, *slot;

    (void)state;
    push_slab_create(&slab, SIZE, pool);
    first = push_slab_take(slab);
    push_slab_give(slab, first);
    slot = push_slab_take(slab);
    assert_ptr_equal(slot, first);
    assert_int_equal(push_slab_mapped(slab), PUSH_SLAB_PAGE);
}

static void a_slot_larger_than_a_slab_is_for_is_refused(void **state)
{
    push_slab_t *slab;

    (void)state;
    assert_int_equal(push_slab_create(&slab, 5000, pool), APR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_is_zeroed_also_when_used_again),
        cmocka_unit_test(slots_do_not_overlap),
        cmocka_unit_test(memory_returns_after_a_storm),
        cmocka_unit_test(one_coming_and_going_maps_nothing),
        cmocka_unit_test(a_slot_larger_than_a_slab_is_for_is_refused),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
