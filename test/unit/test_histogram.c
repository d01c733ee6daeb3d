/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_histogram.c - a time falls into the class whose bound it does not pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "histogram.h"

static void a_time_is_counted_once_in_its_class(void **state)
{
    push_histogram_t h, sum;
    int i;

    (void)state;
    memset(&h, 0, sizeof(h));
    memset(&sum, 0, sizeof(sum));
    push_histogram_add(&h, 0);
    push_histogram_add(&h, 100);
    push_histogram_add(&h, 101);
    push_histogram_add(&h, 1000000);
    push_histogram_add(&h, 1000001);
    push_histogram_sum(&sum, &h);
    push_histogram_sum(&sum, &h);
    assert_int_equal(sum.counts[0], 4);
    assert_int_equal(sum.counts[1], 2);
    assert_int_equal(sum.counts[PUSH_HISTOGRAM_BOUNDS - 1], 2);
    assert_int_equal(sum.counts[PUSH_HISTOGRAM_BOUNDS], 2);
    assert_int_equal(sum.sum, 2 * 2000202);
    for (i = 1; i < PUSH_HISTOGRAM_BOUNDS; i++) {
        assert_true(push_histogram_bounds[i] > push_histogram_bounds[i - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_counted_once_in_its_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
