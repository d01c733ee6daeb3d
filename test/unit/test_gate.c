/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gate.c - the queue of writers. Order is made certain by letting each
 * thread come only when the one before is known to wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#define THREADS 5

typedef struct {
    chat_gate_t gate;
    int order[THREADS]; /* who came in as the nth; written inside the gate */
    int n;
} world_t;

typedef struct {
    world_t *w;
    int me;
} visitor_t;

static int waiting(chat_gate_t *gate, int n)
{
    int yes;

    pthread_mutex_lock(&gate->lock);
    yes = n == 0 ? gate->first == NULL : gate->last != NULL;
    pthread_mutex_unlock(&gate->lock);
    return yes;
}

static void *visit(void *data)
{
    visitor_t *v = data;

    if (chat_gate_enter(&v->w->gate, apr_time_from_sec(30)) == APR_SUCCESS) {
        v->w->order[v->w->n++] = v->me;
        chat_gate_leave(&v->w->gate);
    }
    return NULL;
}

static void those_who_wait_come_in_as_they_came(void **state)
{
    world_t w = { .n = 0 };
    visitor_t visitors[THREADS];
    pthread_t threads[THREADS];
    chat_gate_wait_t *last = NULL;

    (void)state;
    chat_gate_init(&w.gate, 1);
    assert_int_equal(chat_gate_enter(&w.gate, 0), APR_SUCCESS);
    for (int i = 0; i < THREADS; i++) {
        chat_gate_wait_t *now = last;

        visitors[i] = (visitor_t){ &w, i };
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]),
                         0);
        while (now == last) {
            apr_sleep(1000);
            pthread_mutex_lock(&w.gate.lock);
            now = w.gate.last;
            pthread_mutex_unlock(&w.gate.lock);
        }
        last = now;
    }
    chat_gate_leave(&w.gate);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(w.n, THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(w.order[i], i);
    }
    assert_true(waiting(&w.gate, 0));
    chat_gate_destroy(&w.gate);
}

static void who_waited_too_long_leaves_the_queue_whole(void **state)
{
    chat_gate_t gate;

    (void)state;
    chat_gate_init(&gate, 1);
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    assert_int_equal(chat_gate_enter(&gate, 20000), APR_TIMEUP);
    assert_true(waiting(&gate, 0));
    chat_gate_leave(&gate);
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    chat_gate_leave(&gate);
    chat_gate_destroy(&gate);
}

static void as_many_come_in_as_there_is_room_for(void **state)
{
    chat_gate_t gate;

    (void)state;
    chat_gate_init(&gate, 2);
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    assert_int_equal(chat_gate_enter(&gate, 20000), APR_TIMEUP);
    chat_gate_leave(&gate);
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    chat_gate_leave(&gate);
    chat_gate_leave(&gate);
    chat_gate_destroy(&gate);
}

/* One inside takes the jobs of those who wait, leaves, and does them: others
 * come in and go meanwhile, and those who were taken come back when they are
 * told. */
typedef struct {
    chat_gate_t *gate;
    int job;
    int served;
    apr_status_t rv;
} client_t;

static void *ask(void *data)
{
    client_t *c = data;

    c->rv = chat_gate_enter_or_served(c->gate, &c->job, apr_time_from_sec(30),
                                      &c->served);
    if (c->rv == APR_SUCCESS && !c->served) {
        chat_gate_leave(c->gate);
    }
    return NULL;
}

static void jobs_are_done_by_one_who_has_left_already(void **state)
{
    chat_gate_t gate;
    client_t clients[THREADS];
    pthread_t threads[THREADS];
    chat_gate_wait_t *list = NULL, **end = &list;
    int n = 0;

    (void)state;
    chat_gate_init(&gate, 1);
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    for (int i = 0; i < THREADS; i++) {
        clients[i] = (client_t){ .gate = &gate };
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &clients[i]),
                         0);
    }
    while (n < THREADS) {
        *end = chat_gate_jobs(&gate, THREADS);
        for (; *end != NULL; end = &(*end)->next) {
            *(int *)(*end)->job = 1;
            n++;
        }
    }
    chat_gate_leave(&gate);
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    chat_gate_leave(&gate);
    chat_gate_served(list);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].rv, APR_SUCCESS);
        assert_int_equal(clients[i].served, 1);
        assert_int_equal(clients[i].job, 1);
    }
    assert_int_equal(chat_gate_enter(&gate, 0), APR_SUCCESS);
    chat_gate_leave(&gate);
    chat_gate_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_wait_come_in_as_they_came),
        cmocka_unit_test(who_waited_too_long_leaves_the_queue_whole),
        cmocka_unit_test(as_many_come_in_as_there_is_room_for),
        cmocka_unit_test(jobs_are_done_by_one_who_has_left_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
