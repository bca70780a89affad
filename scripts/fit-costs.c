/* SPDX-License-Identifier: Apache-2.0 */
/* fit-costs DATA.pzd...: lib/model/costs.h, made anew on this machine.
 *
 * Each scorer is fitted on the datasets and on a fourth and a sixteenth of their users, by its
 * defaults and, on small ones, with one setting moved at a time; the better of two runs counts. Its
 * nanoseconds are those of least squares of relative errors, none below 0, drawn a little to what
 * they were, since what hardly occurs in these data says nothing. Progress and errors go to stderr.
 *
 *     make build/scripts/fit-costs && OMP_NUM_THREADS=1 build/scripts/fit-costs *.pzd >new &&
 *         mv new lib/model/costs.h */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "model/costs.h"
#include "model/dense.h"
#include "model/model.h"

enum { RUNS = 2, SHARES = 3, POINTS = 4096, VARIED = 130000, SWEEPS = 2000 };
static const double PRIOR = 0.02, EFFORT = 0.1;

struct point {
    size_t scorer;
    double term[PZ_COST_TERMS]; /* over the nanoseconds taken */
    double base;                /* the same of what is not in terms */
};
static struct point point[POINTS];
static size_t n_points;

static const char head[] =
    "/* SPDX-License-Identifier: Apache-2.0 */\n"
    "/* Nanoseconds of the terms of pz_scorer.cost, by one thread, a row for each of pz_scorers. "
    "Made "
    "by\n * scripts/fit-costs.c; included by scorer.c alone. */\n"
    "#ifndef PZ_MODEL_COSTS_H\n#define PZ_MODEL_COSTS_H\n\n#include \"model/scorer.h\"\n\n"
    "static const double pz_cost_ns[][PZ_COST_TERMS] = {\n";

static void fail(const char *what, const struct pz_err *err)
{
    fprintf(stderr, "fit-costs: %s: %s\n", what, err->text);
    exit(1);
}

static double fit_once(const struct pz_scorer *s, const struct pz_corpus *c, const double *value)
{
    struct pz_fit_cfg cfg = { .value = value, .seed = 1 };
    struct pz_err err = { 0 };
    double from = pz_cpu_seconds(), took;
    void *part = NULL;

    if (s->fit(c, &cfg, &part, &err) != PZ_OK)
        fail(s->name, &err);
    took = pz_cpu_seconds() - from;
    s->free(part);
    return took;
}

static void measure(size_t scorer, const struct pz_corpus *c, const double *value,
                    const char *moved)
{
    const struct pz_scorer *s = pz_scorers[scorer];
    struct point *p = &point[n_points];
    struct pz_fit_cost cost;
    struct pz_err err = { 0 };
    double best = 1e30, said;

    if (n_points == POINTS)
        return;
    for (int r = 0; r < RUNS; r++)
        best = fmin(best, fit_once(s, c, value));
    if (pz_scorer_cost(s, c, value, &cost, &err) != PZ_OK)
        fail(s->name, &err);
    said = cost.work_ns;
    p->scorer = scorer;
    p->base = said;
    for (size_t k = 0; k < PZ_COST_TERMS; k++) {
        p->base -= cost.term[k] * pz_cost_ns[scorer][k];
        p->term[k] = cost.term[k] / (best * 1e9);
    }
    p->base /= best * 1e9;
    n_points += best > 1e-4;
    fprintf(stderr, "%-12s %9llu events %7.3f s, said %.2f of it %s\n", s->name,
            (unsigned long long)c->ptr[c->n_users], best, said / (best * 1e9), moved);
}

/* The scorer as it starts for the data, and with each setting of a fit moved. */
static void vary(size_t scorer, const struct pz_corpus *c)
{
    const struct pz_scorer *s = pz_scorers[scorer];
    struct pz_setup setup = { .corpus = c, .recipe = pz_recipes };
    struct pz_choice choice;
    bool first = true;

    if (s->suits && s->suits(&setup) == PZ_SUITS_NEVER)
        return;
    pz_choice_init(&choice, s);
    if (s->start)
        s->start(&setup, &choice);
    for (size_t k = 0; k < s->n_settings; k++)
        if (s->settings[k].effort && first) {
            choice.value[k] *= EFFORT;
            first = false;
        }
    measure(scorer, c, choice.value, "");
    for (size_t k = 0; k < s->n_settings && c->ptr[c->n_users] < VARIED; k++) {
        double kept = choice.value[k];

        /* What nobody searches need not be known so well, but for what takes long. */
        if (s->settings[k].read_out || !s->settings[k].whole ||
            (choice.low[k] >= choice.high[k] && !s->any_time))
            continue;
        choice.value[k] = s->settings[k].high - s->settings[k].low == 1 ? 1 - kept : 2 * kept;
        if (choice.value[k] >= s->settings[k].min && choice.value[k] <= s->settings[k].max)
            measure(scorer, c, choice.value, s->settings[k].name);
        choice.value[k] = kept;
    }
}

static void vary_all(const struct pz_corpus *c)
{
    for (size_t i = 0; pz_scorers[i]; i++)
        vary(i, c);
}

/* Of every so many-th user. */
static void share(const struct pz_corpus *c, uint32_t every)
{
    uint64_t *to = pz_mem_array(c->n_users, sizeof *to);
    struct pz_corpus_own part = { 0 };
    struct pz_err err = { 0 };

    for (uint32_t u = 0; to && u < c->n_users; u++)
        to[u] = u % every ? c->ptr[u] : c->ptr[u + 1];
    if (!to || pz_corpus_ranges(c, c->ptr, to, &part, &err) != PZ_OK)
        fail("a share", &err);
    vary_all(&part.c);
    pz_corpus_clear(&part);
    free(to);
}

static void measure_file(const char *path)
{
    struct pz_dataset *ds = NULL;
    struct pz_corpus_own own = { 0 };
    struct pz_err err = { 0 };

    if (pz_dataset_load(path, &ds, &err) != PZ_OK ||
        pz_corpus_make(ds, NULL, 0, NULL, &own, &err) != PZ_OK)
        fail(path, &err);
    fprintf(stderr, "%s\n", path);
    for (uint32_t k = 0, every = 1; k < SHARES; k++, every *= 4)
        share(&own.c, every);
    pz_corpus_clear(&own);
    pz_dataset_free(ds);
}

/* Least squares by one coordinate after the other, which cannot fall below 0. */
static void solve(size_t scorer, double *ns)
{
    const double *old = pz_cost_ns[scorer];

    memcpy(ns, old, PZ_COST_TERMS * sizeof *ns);
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (size_t k = 0; k < PZ_COST_TERMS; k++) {
            double a = old[k] > 0 ? PRIOR / (old[k] * old[k]) : 0, b = a * old[k];

            for (size_t i = 0; i < n_points; i++) {
                const struct point *p = &point[i];
                double rest = p->scorer == scorer ? 1 - p->base : 0;

                for (size_t j = 0; j < PZ_COST_TERMS && p->scorer == scorer; j++)
                    rest -= j != k ? ns[j] * p->term[j] : 0;
                if (p->scorer == scorer) {
                    a += p->term[k] * p->term[k];
                    b += p->term[k] * rest;
                }
            }
            ns[k] = a > 0 ? fmax(b / a, 0) : 0;
        }
}

/* How far what is said is from the truth, in the mean of squares. */
static void tell(size_t scorer, const double *ns)
{
    double sum = 0, low = 10, high = 0;
    size_t n = 0;

    for (size_t i = 0; i < n_points; i++)
        if (point[i].scorer == scorer) {
            double said = point[i].base;

            for (size_t k = 0; k < PZ_COST_TERMS; k++)
                said += ns[k] * point[i].term[k];
            sum += (said - 1) * (said - 1);
            low = fmin(low, said);
            high = fmax(high, said);
            n++;
        }
    fprintf(stderr, "%-12s %zu fits: said %.2f to %.2f of the truth, in the mean %.2f off\n",
            pz_scorers[scorer]->name, n, low, high, n ? sqrt(sum / (double)n) : 0);
}

int main(int argc, char **argv)
{
    struct pz_err err = { 0 };

    if (argc < 2) {
        fputs("usage: fit-costs DATA.pzd... >costs.h\n", stderr);
        return 2;
    }
    if (pz_mat_reserve(&err) != PZ_OK)
        fail("memory", &err);
    for (int i = 1; i < argc; i++)
        measure_file(argv[i]);
    printf("%s", head);
    for (size_t s = 0; pz_scorers[s]; s++) {
        double ns[PZ_COST_TERMS];

        solve(s, ns);
        tell(s, ns);
        printf("    { ");
        for (size_t k = 0; k < PZ_COST_TERMS; k++)
            printf("%.4g%s", ns[k], k + 1 < PZ_COST_TERMS ? ", " : " },\n");
    }
    printf("};\n\n#endif\n");
    return 0;
}
