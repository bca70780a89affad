/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of the endpoint: order, bounds, and that each exchange is done or shed, once. The clock
 * plays no part: what is late is made so by its time of arrival. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/time.h"
#include "serve/queue.h"

#include "tests/unit/unit.h"

enum { MANY = 64 };

static struct {
    pthread_mutex_t gate; /* held: workers wait at their first exchange */
    struct pz_exchange *done[MANY], *shed[MANY];
    atomic_uint n_done, n_shed;
} seen;

static void work(void *context, struct pz_exchange *x)
{
    (void)context;
    pthread_mutex_lock(&seen.gate);
    seen.done[atomic_fetch_add(&seen.n_done, 1)] = x;
    pthread_mutex_unlock(&seen.gate);
}

static void shed(void *context, struct pz_exchange *x)
{
    (void)context;
    seen.shed[atomic_fetch_add(&seen.n_shed, 1)] = x;
}

static int fresh(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    pthread_mutex_init(&seen.gate, NULL);
    return 0;
}

static int done(void **state)
{
    (void)state;
    pthread_mutex_destroy(&seen.gate);
    return 0;
}

AROUND_EACH(fresh, done)

static struct pz_queue *open_queue(size_t capacity, double budget_s)
{
    struct pz_queue_cfg cfg = {
        .workers = 1, .capacity = capacity, .budget_s = budget_s, .work = work, .shed = shed
    };
    struct pz_queue *q = NULL;

    assert_int_equal(pz_queue_open(&cfg, &q, NULL), PZ_OK);
    return q;
}

/* Put one that the worker takes and is kept with at the gate. */
static void occupy(struct pz_queue *q, struct pz_exchange *x)
{
    x->arrived = pz_time_clock();
    pz_queue_put(q, x, true);
    while (pz_queue_length(q) > 0)
        continue;
}

TEST(writes_go_before_reads_and_reads_in_order)
{
    struct pz_exchange x[6] = { 0 };
    struct pz_queue *q = open_queue(8, 1e6);

    pthread_mutex_lock(&seen.gate);
    occupy(q, &x[0]);
    for (int i = 1; i < 6; i++) {
        x[i].arrived = pz_time_clock();
        pz_queue_put(q, &x[i], i == 4);
    }
    pthread_mutex_unlock(&seen.gate);
    pz_queue_close(q);
    assert_int_equal(seen.n_done, 6);
    assert_ptr_equal(seen.done[1], &x[4]);
    assert_ptr_equal(seen.done[2], &x[1]);
    assert_ptr_equal(seen.done[3], &x[2]);
    assert_ptr_equal(seen.done[5], &x[5]);
}

/* Three reads have waited for so many of a budget of 1,000 seconds when a worker is free. */
static void answer_three(struct pz_exchange x[4], double waited_s)
{
    struct pz_queue *q = open_queue(8, 1000);

    pthread_mutex_lock(&seen.gate);
    occupy(q, &x[0]);
    for (int i = 1; i < 4; i++) {
        x[i].arrived = pz_time_clock() - waited_s + i;
        pz_queue_put(q, &x[i], false);
    }
    pthread_mutex_unlock(&seen.gate);
    pz_queue_close(q);
}

TEST(under_load_the_newest_read_goes_first)
{
    struct pz_exchange x[4] = { 0 };

    answer_three(x, 800); /* more than three quarters of it */
    assert_ptr_equal(seen.done[1], &x[3]);
    assert_ptr_equal(seen.done[2], &x[2]);
    assert_ptr_equal(seen.done[3], &x[1]);
    assert_int_equal(seen.n_shed, 0);
}

TEST(as_long_as_there_is_time_the_oldest_read_goes_first)
{
    struct pz_exchange x[4] = { 0 };

    answer_three(x, 600);
    assert_ptr_equal(seen.done[1], &x[1]);
    assert_ptr_equal(seen.done[3], &x[3]);
}

TEST(a_read_that_waited_too_long_is_shed_and_a_write_never)
{
    struct pz_exchange x[4] = { 0 };
    struct pz_queue *q = open_queue(8, 10);

    pthread_mutex_lock(&seen.gate);
    occupy(q, &x[0]);
    for (int i = 1; i < 4; i++) {
        x[i].arrived = pz_time_clock() - (i == 3 ? 0 : 100);
        pz_queue_put(q, &x[i], i == 1);
    }
    pthread_mutex_unlock(&seen.gate);
    pz_queue_close(q);
    assert_int_equal(seen.n_shed, 1);
    assert_ptr_equal(seen.shed[0], &x[2]);
    assert_int_equal(seen.n_done, 3);
    assert_ptr_equal(seen.done[1], &x[1]);
}

TEST(when_it_is_full_the_oldest_read_goes_and_the_newest_write)
{
    struct pz_exchange x[8] = { 0 };
    struct pz_queue *q = open_queue(2, 1e6);

    pthread_mutex_lock(&seen.gate);
    occupy(q, &x[0]);
    for (int i = 1; i < 7; i++) {
        x[i].arrived = pz_time_clock();
        pz_queue_put(q, &x[i], i > 3);
    }
    assert_int_equal(pz_queue_length(q), 4);
    pthread_mutex_unlock(&seen.gate);
    pz_queue_close(q);
    assert_int_equal(seen.n_shed, 2);
    assert_ptr_equal(seen.shed[0], &x[1]);
    assert_ptr_equal(seen.shed[1], &x[6]);
    assert_int_equal(seen.n_done, 5);
}

/* Have a read take a twentieth of a second; the worker is kept at the gate by another then. */
static void teach(struct pz_queue *q, struct pz_exchange *x)
{
    double from = pz_time_clock();

    pthread_mutex_lock(&seen.gate);
    x[0].arrived = from;
    pz_queue_put(q, &x[0], false);
    while (pz_time_clock() - from < 0.05 || pz_queue_length(q) > 0)
        continue;
    pthread_mutex_unlock(&seen.gate);
    while (atomic_load(&seen.n_done) == 0)
        continue;
    pthread_mutex_lock(&seen.gate);
    occupy(q, &x[1]);
}

TEST(it_is_busy_when_what_waits_would_take_half_of_the_budget)
{
    struct pz_exchange x[6] = { 0 };
    struct pz_queue *q = open_queue(8, 0.2);

    teach(q, x);
    assert_false(pz_queue_is_busy(q)); /* nothing waits */
    for (int i = 2; i < 6; i++) {
        x[i].arrived = pz_time_clock() + 1e6;
        pz_queue_put(q, &x[i], false);
    }
    assert_true(pz_queue_is_busy(q)); /* four of .05 s, and .1 is half */
    pthread_mutex_unlock(&seen.gate);
    pz_queue_close(q);
    assert_int_equal(seen.n_done, 6);
}

TEST(it_is_busy_with_a_tenth_of_the_budget_where_reads_wait_all_the_time)
{
    struct pz_exchange x[6] = { 0 };
    struct pz_queue *q = open_queue(8, 1.5);

    teach(q, x);
    for (int i = 2; i < 6; i++) {
        x[i].arrived = pz_time_clock() - 1000; /* for the first: since when some wait */
        pz_queue_put(q, &x[i], false);
    }
    assert_true(pz_queue_is_busy(q)); /* four of .05 s; half would be .75 */
    pthread_mutex_unlock(&seen.gate);
    pz_queue_close(q);
    assert_int_equal(seen.n_done + seen.n_shed, 6);
}

TEST(one_read_that_took_long_does_not_double_the_average_and_many_are_believed)
{
    double average = pz_queue_average(0, 1);

    assert_true(average == 1);
    assert_true(pz_queue_average(average, 1000) < 2);
    for (int i = 0; i < 100; i++)
        average = pz_queue_average(average, 1000);
    assert_true(average > 900 && average <= 1000);
    for (int i = 0; i < 200; i++)
        average = pz_queue_average(average, 1);
    assert_true(average < 1.1);
}

TEST(it_is_not_busy_with_what_is_done_long_before_the_budget_ends)
{
    struct pz_exchange x[4] = { 0 };
    struct pz_queue *q = open_queue(8, 1000);

    teach(q, x);
    for (int i = 2; i < 4; i++) {
        x[i].arrived = pz_time_clock();
        pz_queue_put(q, &x[i], false);
    }
    assert_false(pz_queue_is_busy(q));
    pthread_mutex_unlock(&seen.gate);
    pz_queue_close(q);
}
