/* SPDX-License-Identifier: Apache-2.0 */
/* Bench: see bench.h. Each thread asks for every T-th user, T being their number, and keeps the
 * time of each question; the quantiles are of all together.
 *
 * Questions go through pz_ask, as those of the endpoint do: what is left out is HTTP, JSON and
 * signatures. Each thread asks at least one question, however short the time is, and ends at its
 * first failure, which is the result then. A signal ends the measurement early; what was measured
 * counts. */
#include "serve/bench.h"

#include <stdlib.h>
#include <string.h>

#include "answer/answer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/signals.h"
#include "base/time.h"

struct lane {
    double *seconds; /* [n] owned */
    size_t n, cap;
    enum pz_status st;
    struct pz_err err;
};

struct run {
    const struct pz_prepared *prepared;
    const struct pz_model *m;
    double end;
    uint32_t threads;
};

static void ask_one(const struct run *run, struct lane *lane, uint32_t i)
{
    const struct pz_model *m = run->m;
    size_t n_user = 0, n_item = 0;
    const char *user = m->users.n ? pz_dict_get(&m->users, i % m->users.n, &n_user) : "";
    const char *item = m->items.n ? pz_dict_get(&m->items, i % m->items.n, &n_item) : "";
    struct pz_arena arena = { NULL };
    const char *id = pz_arena_strndup(&arena, item, n_item);
    struct pz_question q = { .user_id = pz_arena_strndup(&arena, user, n_user) };
    struct pz_answered answered = { 0 };
    double from = pz_time_clock();

    q.item_id = m->recipe->task == PZ_TASK_RELATED ? id : NULL;
    q.list = &id;
    q.n_list = m->recipe->task == PZ_TASK_RANK;
    lane->st = pz_ask(run->prepared, &q, &answered, &lane->err);
    pz_answered_clear(&answered);
    pz_arena_clear(&arena);
    if (lane->st == PZ_OK &&
        !pz_mem_grow(&lane->seconds, &lane->cap, lane->n + 1, sizeof *lane->seconds))
        lane->st = pz_err_memory(&lane->err, "times", 8.0 * (double)lane->n);
    if (lane->st == PZ_OK)
        lane->seconds[lane->n++] = pz_time_clock() - from;
}

/* At least one question, however short the time. */
static void run_lane(const struct run *run, struct lane *lane, uint32_t first)
{
    uint32_t i = first;

    /* Each thread begins elsewhere and steps by the number of threads, so that no two ask for the
     * same user at once and share what the other brought into the cache. */
    do {
        ask_one(run, lane, i);
        i += run->threads;
    } while (lane->st == PZ_OK && pz_time_clock() < run->end && !pz_stop_asked());
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static enum pz_status sum_up(struct lane *lane, uint32_t threads, struct pz_bench *out,
                             struct pz_err *err)
{
    struct lane all = { 0 };
    enum pz_status st = PZ_OK;

    for (uint32_t t = 0; t < threads && st == PZ_OK; t++) {
        st = lane[t].st;
        if (st != PZ_OK)
            *err = lane[t].err;
        else if (!pz_mem_grow(&all.seconds, &all.cap, all.n + lane[t].n + 1, sizeof *all.seconds))
            st = pz_err_memory(err, "times", 8.0 * (double)all.n);
        else if (lane[t].n > 0)
            memcpy(all.seconds + all.n, lane[t].seconds, lane[t].n * sizeof *all.seconds);
        all.n += lane[t].n;
    }
    if (st == PZ_OK && all.n > 0) {
        qsort(all.seconds, all.n, sizeof *all.seconds, by_size);
        out->p50_s = all.seconds[all.n / 2];
        /* The time that 99 of 100 questions stay below, without interpolation. */
        out->p99_s = all.seconds[all.n * 99 / 100];
        out->questions = all.n;
    }
    free(all.seconds);
    return st;
}

static enum pz_status measure(struct run *run, double seconds, struct pz_bench *out,
                              struct pz_err *err)
{
    struct lane *lane = calloc(run->threads, sizeof *lane);
    double from = pz_time_clock(), cpu = pz_cpu_seconds();
    enum pz_status st;

    if (!lane)
        return pz_err_memory(err, "threads", 1e3);
    run->end = from + seconds;
#pragma omp parallel for schedule(static, 1) num_threads((int)run->threads)
    for (uint32_t t = 0; t < run->threads; t++)
        run_lane(run, &lane[t], t);
    seconds = pz_time_clock() - from;
    st = sum_up(lane, run->threads, out, err);
    out->tps = (double)out->questions / seconds;
    out->cpu_s = out->questions ? (pz_cpu_seconds() - cpu) / (double)out->questions : 0;
    for (uint32_t t = 0; t < run->threads; t++)
        free(lane[t].seconds);
    free(lane);
    return st;
}

enum pz_status pz_bench_run(const char *campaign, double seconds, struct pz_bench *out,
                            struct pz_err *err)
{
    const struct pz_ask_options o = { .exploration_weight = -1 };
    struct pz_service *service = NULL;
    struct pz_prepared *prepared = NULL;
    struct pz_snapshot *snap = NULL;
    enum pz_status st = pz_service_open(campaign, &service, err);

    memset(out, 0, sizeof *out);
    if (st == PZ_OK) {
        snap = pz_service_take(service);
        st = pz_prepare(snap, &o, &prepared, err);
    }
    if (st == PZ_OK) {
        struct run run = { .prepared = prepared,
                           .m = snap->model,
                           .threads = (uint32_t)pz_par_threads() };

        st = measure(&run, seconds, out, err);
    }
    pz_prepared_free(prepared);
    pz_snapshot_release(snap);
    pz_service_close(service);
    return st;
}
