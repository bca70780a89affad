/* SPDX-License-Identifier: Apache-2.0 */
/* bench-rank MODEL [USERS [ROUNDS]]: processor time of pz_rank, 25 items for each of some users of
 * a model or a model.flat, one by one, the means of 8 of these and in blocks of 8, beside floors
 * measured in the same run: one pass of 8-bit rows, as many and as long as the model's item
 * vectors, times a 16-bit query; and the product of as many vectors of floats with those of 64
 * users, a user's share of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/simd.h"
#include "model/dense.h"
#include "rank/rank.h"

enum { NUM = 25, ID_MAX = 1024 };

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void *need(void *p)
{
    if (!p) {
        fputs("bench-rank: out of memory\n", stderr);
        exit(75);
    }
    return p;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

/* What a machine with other work says: the least is nearest to a quiet one. */
struct spread {
    double least, median;
};

static struct spread spread_of(double *us, size_t n)
{
    qsort(us, n, sizeof *us, by_value);
    return (struct spread){ us[n / 20], us[n / 2] };
}

/* The floor does not sink with what PZ_KERNEL learns: registers of 32 bytes, as the goals were set
 * with. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FLOOR __attribute__((target_clones("arch=x86-64-v3", "default"), optimize("O3")))
#else
#define FLOOR
#endif

/* out[i] = dot(row i, x). */
FLOOR static void scan(const int8_t *row, const int16_t *x, size_t n, size_t d, float *out)
{
    for (size_t i = 0; i < n; i++, row += d) {
        int32_t sum = 0;

        for (size_t k = 0; k < d; k++)
            sum += (int32_t)(int16_t)row[k] * (int32_t)x[k];
        out[i] = (float)sum;
    }
}

/* Microseconds of a scan of n x d numbers. */
static struct spread floor_us(size_t n, size_t d, size_t rounds)
{
    int8_t *row = need(pz_mem_array(n, d));
    int16_t *x = need(pz_mem_array(d, sizeof *x));
    float *out = need(pz_mem_array(n, sizeof *out));
    double *us = need(pz_mem_array(rounds, sizeof *us));
    struct spread result;
    struct pz_rng rng;

    pz_rng_init(&rng, 1, 1);
    for (size_t i = 0; i < n * d; i++)
        row[i] = (int8_t)pz_rng_below(&rng, 255);
    for (size_t k = 0; k < d; k++)
        x[k] = (int16_t)(pz_rng_below(&rng, 16384) - 8192);
    for (size_t r = 0; r < rounds; r++) {
        double begin = cpu_us();

        scan(row, x, n, d, out);
        us[r] = cpu_us() - begin;
    }
    result = spread_of(us, rounds);
    free(row);
    free(x);
    free(out);
    free(us);
    return result;
}

enum { TILE = 1024, TOGETHER = 64 };

/* The largest score of each user so far. */
PZ_KERNEL static void look(const float *score, float *best)
{
    for (size_t i = 0; i < TILE; i++, score += TOGETHER)
        for (size_t k = 0; k < TOGETHER; k++)
            best[k] = score[k] > best[k] ? score[k] : best[k];
}

/* Microseconds a user of the product of n x d numbers with TOGETHER vectors, each score looked
 * at. */
static struct spread product_us(size_t n, size_t d, size_t rounds)
{
    size_t tiles = (n + TILE - 1) / TILE;
    float *row = need(pz_mem_array(tiles * TILE * d, sizeof *row));
    float *x = need(pz_mem_array(TOGETHER * d, sizeof *x));
    float *out = need(pz_mem_array(TILE * TOGETHER, sizeof *out)), best[TOGETHER] = { 0 };
    double *us = need(pz_mem_array(rounds, sizeof *us));
    struct spread result;

    for (size_t i = 0; i < tiles * TILE * d; i++)
        row[i] = (float)(i % 251) - 125;
    for (size_t k = 0; k < TOGETHER * d; k++)
        x[k] = (float)(k % 127) - 63;
    for (size_t r = 0; r < rounds; r++) {
        double begin = cpu_us();

        for (size_t t = 0; t < tiles; t++) {
            pz_gemm_abt((struct pz_gemm){ TILE, TOGETHER, d, 0 }, row + t * TILE * d, x, out);
            look(out, best);
        }
        us[r] = (cpu_us() - begin) / TOGETHER;
    }
    result = spread_of(us, rounds);
    free(row);
    free(x);
    free(out);
    free(us);
    return result;
}

/* The length of the model's item vectors, 64 if it has none. */
static size_t dim_of(const struct pz_model *m)
{
    uint32_t dim = 64;

    for (size_t i = 0; i < m->n_parts; i++)
        if (m->part[i].scorer->vectors) {
            m->part[i].scorer->vectors(m->part[i].part, &dim);
            return dim;
        }
    return dim;
}

/* Ids of users spread over the model's. */
static char (*pick_users(const struct pz_model *m, size_t *n))[ID_MAX]
{
    char(*id)[ID_MAX];

    *n = m->users.n < *n ? m->users.n : *n;
    id = need(pz_mem_array(*n, sizeof *id));
    for (size_t k = 0; k < *n; k++) {
        size_t len;
        const char *s = pz_dict_get(&m->users, (uint32_t)(k * m->users.n / *n), &len);

        snprintf(id[k], sizeof *id, "%.*s", (int)len, s);
    }
    return id;
}

static struct pz_request request(const char *user)
{
    return (struct pz_request){ .user_id = user, .num = NUM, .exploration_weight = -1 };
}

/* Microseconds a user, one by one, and *eight: the means of as many together as are in a block,
 * since users do not cost the same. n: a multiple of that. */
static struct spread one_by_one(const struct pz_model *m, char (*id)[ID_MAX], size_t n,
                                size_t rounds, struct spread *eight)
{
    struct pz_ranker *r = need(pz_ranker_new(m));
    double *us = need(pz_mem_array(n * rounds, sizeof *us));
    double *mean = need(pz_mem_array(n * rounds / PZ_SCORE_BLOCK, sizeof *mean));
    struct spread result;

    for (size_t k = 0; k < n * rounds; k++) {
        struct pz_request req = request(id[k % n]);
        struct pz_answer answer;
        struct pz_err err;
        double begin = cpu_us();

        if (pz_rank(r, &req, &answer, &err) != PZ_OK)
            fprintf(stderr, "bench-rank: %s\n", err.text);
        us[k] = cpu_us() - begin;
        mean[k / PZ_SCORE_BLOCK] += us[k] / PZ_SCORE_BLOCK;
    }
    result = spread_of(us + n, n * (rounds - 1)); /* the first round warms up */
    *eight = spread_of(mean + n / PZ_SCORE_BLOCK, n / PZ_SCORE_BLOCK * (rounds - 1));
    pz_ranker_free(r);
    free(us);
    free(mean);
    return result;
}

/* The same in blocks. */
static struct spread in_blocks(const struct pz_model *m, char (*id)[ID_MAX], size_t n,
                               size_t rounds)
{
    struct pz_ranker *r[PZ_SCORE_BLOCK];
    size_t blocks = n / PZ_SCORE_BLOCK * rounds;
    double *us = need(pz_mem_array(blocks, sizeof *us));
    struct spread result;

    for (size_t i = 0; i < PZ_SCORE_BLOCK; i++)
        r[i] = need(pz_ranker_new(m));
    for (size_t k = 0; k < blocks; k++) {
        struct pz_rank_task task[PZ_SCORE_BLOCK];
        struct pz_request req[PZ_SCORE_BLOCK];
        double begin = cpu_us();

        for (size_t i = 0; i < PZ_SCORE_BLOCK; i++) {
            req[i] = request(id[(k * PZ_SCORE_BLOCK + i) % n]);
            task[i] = (struct pz_rank_task){ .ranker = r[i], .req = &req[i] };
        }
        pz_rank_block(task, PZ_SCORE_BLOCK);
        us[k] = (cpu_us() - begin) / PZ_SCORE_BLOCK;
    }
    result = spread_of(us + n / PZ_SCORE_BLOCK, blocks - n / PZ_SCORE_BLOCK);
    for (size_t i = 0; i < PZ_SCORE_BLOCK; i++)
        pz_ranker_free(r[i]);
    free(us);
    return result;
}

static void print(const char *name, struct spread us, struct spread least)
{
    printf("   %s %8.1f %8.1f (%.2f %.2f)", name, us.least, us.median, us.least / least.least,
           us.median / least.median);
}

int main(int argc, char **argv)
{
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 200,
           rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 6;
    struct pz_err err = { 0 };
    struct pz_model *m = NULL;
    char(*id)[ID_MAX];
    struct spread least, one, eight;

    if (argc < 2 || n < PZ_SCORE_BLOCK || rounds < 2) {
        fputs("usage: bench-rank MODEL [USERS [ROUNDS]]\n", stderr);
        return 2;
    }
    if (pz_model_open(argv[1], &m, &err) != PZ_OK) {
        fprintf(stderr, "bench-rank: %s\n", err.text);
        return 1;
    }
    id = pick_users(m, &n);
    n -= n % PZ_SCORE_BLOCK;
    least = floor_us(m->items.n, dim_of(m), 100);
    printf("%9u x %-4zu", m->items.n, dim_of(m));
    print("floor", least, least);
    one = one_by_one(m, id, n, rounds, &eight);
    print("one", one, least);
    print("the mean of 8", eight, least);
    print("in blocks", in_blocks(m, id, n, rounds), least);
    print("product", product_us(m->items.n, dim_of(m), 10), least);
    putchar('\n');
    pz_model_free(m);
    free(id);
    return 0;
}
