/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling: see pool.h. A record is a text fact of the run's ledger line, "pool_1" to "pool_4":
 *
 *   DAY METRIC USERS SUM-MINE SUM-VS SUM-OF-SQUARED-DIFFERENCES
 *
 * DAY is that of the newest test event, not of the clock, so that a replay of old days pools as
 * they did. With D the mean difference over all N users of the days and S the sum of squares, the
 * variance of D is (S - N D^2) / (N (N - 1)). */
#include "eval/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/ledger.h"
#include "base/mem.h"
#include "base/time.h"

enum { DAY_S = 86400 };

static const char *const facts[PZ_POOL_METRICS] = { "pool_1", "pool_2", "pool_3", "pool_4" };

void pz_pool_clear(struct pz_pool *pool)
{
    free(pool->sum);
    memset(pool, 0, sizeof *pool);
}

/* ---- reading ---- */

struct record {
    int64_t day; /* Unix seconds of its beginning */
    struct pz_pool_sum sum;
};

struct records {
    struct record *v;
    size_t n, cap;
};

static bool parse(const char *text, struct record *r)
{
    char day[16];

    r->sum = (struct pz_pool_sum){ .n_days = 1 };
    return sscanf(text, "%15s %95s %" SCNu64 " %lf %lf %lf", day, r->sum.metric, &r->sum.n,
                  &r->sum.mine, &r->sum.rival, &r->sum.square) == 6 &&
           pz_time_parse(day, strlen(day), PZ_TIME_ISO8601, &r->day);
}

/* In place of the same day's and metric's. */
static bool put(struct records *all, const struct record *r)
{
    size_t i = 0;

    while (i < all->n &&
           (all->v[i].day != r->day || strcmp(all->v[i].sum.metric, r->sum.metric) != 0))
        i++;
    if (i == all->n && !pz_mem_grow(&all->v, &all->cap, ++all->n, sizeof *all->v))
        return false;
    all->v[i] = *r;
    return true;
}

static enum pz_status read_line(struct records *all, const char *line, size_t n, int64_t first,
                                int64_t today, struct pz_err *err)
{
    json_t *doc = NULL;
    enum pz_status st = pz_json_parse(line, n, "a line of the ledger", &doc, err);
    bool good = true;

    for (size_t k = 0; st == PZ_OK && k < PZ_POOL_METRICS && good; k++) {
        const char *text = json_string_value(json_object_get(doc, facts[k]));
        struct record r;

        if (text && parse(text, &r) && r.day >= first && r.day < today)
            good = put(all, &r);
    }
    json_decref(doc);
    return good ? st : pz_err_memory(err, "the ledger's days", 1e5);
}

static struct pz_pool_sum *find_sum(const struct pz_pool *pool, const char *metric)
{
    for (size_t i = 0; i < pool->n; i++)
        if (strcmp(pool->sum[i].metric, metric) == 0)
            return &pool->sum[i];
    return NULL;
}

void pz_pool_add(struct pz_pool_sum *to, const struct pz_pool_sum *from)
{
    to->n_days += from->n_days;
    to->n += from->n;
    to->mine += from->mine;
    to->rival += from->rival;
    to->square += from->square;
}

static enum pz_status add_up(const struct records *all, struct pz_pool *pool, struct pz_err *err)
{
    size_t cap = 0;

    for (size_t i = 0; i < all->n; i++) {
        struct pz_pool_sum *sum = find_sum(pool, all->v[i].sum.metric);

        if (!sum) {
            if (!pz_mem_grow(&pool->sum, &cap, pool->n + 1, sizeof *pool->sum))
                return pz_err_memory(err, "the ledger's days", 1e5);
            sum = &pool->sum[pool->n++];
            *sum = (struct pz_pool_sum){ .n_days = 0 };
            memcpy(sum->metric, all->v[i].sum.metric, sizeof sum->metric);
        }
        pz_pool_add(sum, &all->v[i].sum);
    }
    return PZ_OK;
}

static int64_t day_of(int64_t seconds)
{
    return seconds - ((seconds % DAY_S) + DAY_S) % DAY_S;
}

enum pz_status pz_pool_read(const char *ledger, int64_t newest, uint32_t n_days,
                            struct pz_pool *pool, struct pz_err *err)
{
    FILE *f = fopen(ledger, "r");
    struct records all = { .n = 0 };
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int64_t today = day_of(newest);
    enum pz_status st = PZ_OK;

    pool->n_days = n_days;
    if (!f && errno == ENOENT)
        return PZ_OK;
    if (!f)
        return pz_err_set(err, PZ_IO, "cannot read %s: %s", ledger, strerror(errno));
    while (st == PZ_OK && (n = getline(&line, &cap, f)) > 0)
        if (strspn(line, " \t\r\n") < (size_t)n)
            st = read_line(&all, line, (size_t)n, today - ((int64_t)n_days - 1) * DAY_S, today,
                           err);
    if (st == PZ_OK && ferror(f))
        st = pz_err_set(err, PZ_IO, "reading %s failed", ledger);
    if (st == PZ_OK)
        st = add_up(&all, pool, err);
    fclose(f);
    free(line);
    free(all.v);
    return st;
}

/* ---- sums ---- */

struct pz_pool_sum pz_pool_with(const struct pz_pool *pool, const char *metric, const float *mine,
                                const float *rival, size_t n, size_t stride)
{
    const struct pz_pool_sum *before = pool ? find_sum(pool, metric) : NULL;
    struct pz_pool_sum sum = { .n_days = 1, .n = n };

    snprintf(sum.metric, sizeof sum.metric, "%s", metric);
    for (size_t i = 0; i < n; i++) {
        double a = (double)mine[i * stride], b = (double)rival[i * stride];

        sum.mine += a;
        sum.rival += b;
        sum.square += (a - b) * (a - b);
    }
    if (before)
        pz_pool_add(&sum, before);
    return sum;
}

void pz_pool_interval(const struct pz_pool_sum *s, double *low, double *high)
{
    double n = (double)s->n, mean = (s->mine - s->rival) / n,
           variance = n > 1 ? fmax(0, s->square - n * mean * mean) / (n * (n - 1)) : 0;

    *low = mean - 1.96 * sqrt(variance);
    *high = mean + 1.96 * sqrt(variance);
}

void pz_pool_use(struct pz_pool *pool, const char *metric)
{
    for (size_t i = 0; i < PZ_POOL_METRICS; i++)
        if (!pool->used[i][0] || strcmp(pool->used[i], metric) == 0) {
            snprintf(pool->used[i], sizeof pool->used[i], "%s", metric);
            return;
        }
}

void pz_pool_note(size_t number, int64_t newest, const struct pz_pool_sum *today)
{
    char day[32], text[256];

    pz_time_format(newest, day);
    snprintf(text, sizeof text, "%.10s %s %" PRIu64 " %.17g %.17g %.17g", day, today->metric,
             today->n, today->mine, today->rival, today->square);
    pz_ledger_text(facts[number], text);
}
