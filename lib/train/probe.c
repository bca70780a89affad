/* SPDX-License-Identifier: Apache-2.0 */
/* Parts tried before a training is foreseen: see probe.h.
 *
 * What a search costs hangs on what each part brings beside those before it (tune.c), most of all
 * beside a trend, which is searched as tune.c does it. Taught by a share of the users the first
 * part knows too little, and the others seem to bring more than they will; so all of them teach
 * where that takes little beside the training. */
#include "train/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/training.h"

enum {
    WHOLE_MAX = 120000,  /* events of which all users teach where no part takes long */
    SAMPLE_MAX = 500000, /* and where one does */
    ASKED = 400,         /* cases */
    JOINED = 1500,
    FIRST = 4 * PZ_RUNG_MIN /* users, so that a quarter of them is enough for a first heat */
};

/* Of what takes long so much is learned, and then so many times that. */
static const double LONG_SAMPLE = 0.005, LEARNS_ON = 4;
/* Cases that are asked again at once, as here, are asked faster than in a search, where fits and
 * other parts come between: on a quiet machine judging took 1.1 to 1.6 times what was said. */
static const double COLD = 1.2;
/* Seconds of a fit that tell more of its part than of chance. */
static const double MEASURED_S = 0.005;

struct probing {
    const struct pz_valid *v;
    struct pz_search s;
    size_t n; /* parts */
    struct pz_log *log;
    struct pz_probe *out;
};

/* Every so many-th user of what trials learn from, as what is judged may not be known. dear: there
 * is a part that takes long, beside which a fit of the others is little. */
static enum pz_status sample(const struct pz_corpus *c, bool dear, struct pz_corpus_own *few,
                             struct pz_err *err)
{
    uint64_t n = c->ptr[c->n_users], most = dear ? SAMPLE_MAX : WHOLE_MAX,
             step = (n + most - 1) / most;
    uint64_t *to = pz_mem_array(c->n_users, sizeof *to);
    enum pz_status st = to ? PZ_OK : pz_err_memory(err, "the sample", 8.0 * c->n_users);

    for (uint64_t u = 0; st == PZ_OK && u < c->n_users; u++)
        to[u] = step > 1 && u % step > 0 ? c->ptr[u] : c->ptr[u + 1];
    if (st == PZ_OK)
        st = pz_corpus_ranges(c, c->ptr, to, few, err);
    free(to);
    return st;
}

/* Seconds of judging the first users by so many weights. */
static enum pz_status time_judging(const struct pz_valid *v, const struct pz_part *part,
                                   size_t n_weights, uint32_t users, double *each, double *took,
                                   struct pz_err *err)
{
    static const double weight[PZ_WEIGHTS] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    double from = pz_cpu_seconds();
    enum pz_status st = pz_valid_judge(v, part, 1, 0, weight, n_weights, 0, users, each, err);

    *took = pz_cpu_seconds() - from;
    return st;
}

/* What asking a part takes, by the first cases; of the first part also what a weight more takes,
 * where memory that is touched for the first time would be as much. */
static enum pz_status time_asking(const struct probing *b, size_t p, struct pz_err *err)
{
    const struct pz_valid *v = b->v;
    struct pz_probe *out = b->out;
    void *part = b->s.part[p].part;
    struct pz_part judged = {
        .scorer = b->s.choice[p].scorer, .part = part, .weight = 1, .version = 1
    };
    double *each = pz_mem_array((size_t)v->n_users * PZ_WEIGHTS, sizeof *each), once = 0, all = 0,
           first = 0;
    uint32_t users = 1;
    enum pz_status st = each ? PZ_OK : pz_err_memory(err, "judgements", 64.0 * v->n_users);

    while (users < v->n_users && v->first[users] < ASKED)
        users++;
    if (st == PZ_OK && p == 0)
        st = time_judging(v, &judged, PZ_WEIGHTS, users, each, &all, err);
    if (st == PZ_OK && p == 0)
        st = time_judging(v, &judged, PZ_WEIGHTS, users, each, &all, err);
    if (st == PZ_OK)
        st = time_judging(v, &judged, 1, users, each, &first, err);
    once = first;
    if (st == PZ_OK && judged.scorer->kept_floats) {
        out->vector[p] = (double)judged.scorer->kept_floats(part);
        st = time_judging(v, &judged, 1, users, each, &once, err);
    }
    free(each);
    out->ask_s[p] = COLD * once / v->first[users];
    out->new_s[p] = COLD * fmax(first - once, 0) / v->first[users];
    if (p == 0)
        out->rank_s = fmax(all - once, 0) / (PZ_WEIGHTS - 1) / v->first[users];
    return st;
}

/* Whether the part comes into the blend beside those before it, as a search would find (search.c).
 * The one that takes long has learned nothing yet. */
static enum pz_status join(struct probing *b, size_t p, struct pz_err *err)
{
    struct pz_search *s = &b->s;
    struct pz_probe *out = b->out;
    const struct pz_choice *c = &s->choice[p];
    double w[PZ_WEIGHTS], before = s->mean, *was = pz_mem_array(s->v->n_users, sizeof *was);
    double errors;
    size_t n_w;
    enum pz_status st;

    if (!was)
        return pz_err_memory(err, "judgements", 8.0 * s->v->n_users);
    memcpy(was, s->each, s->v->n_users * sizeof *was);
    s->n_parts = p + 1;
    s->part[p].weight = c->weight_fixed || p == 0 ? c->weight : 0;
    n_w = pz_search_weights(s, p, true, w);
    st = pz_valid_judge(s->v, s->part, p + 1, p, w, n_w, 0, s->v->n_users, s->trial, err);
    if (st == PZ_OK)
        pz_search_join(s, p, w, n_w);
    out->gain[p] = before > 0 ? s->mean / before - 1 : 1;
    errors = pz_search_gain(s->each, was, s->v->n_users);
    out->error[p] = isfinite(errors) && fabs(errors) > 0 ? out->gain[p] / errors : 0;
    pz_log(b->log, PZ_LOG_DEBUG, "%s joined: %.4f, gains %.1f %%, standard error %.1f",
           c->scorer->name, s->mean, 100 * out->gain[p], 100 * out->error[p]);
    free(was);
    if (c->scorer->any_time)
        s->part[p].weight = 0;
    out->joined[p] = s->part[p].weight > 0 || c->scorer->any_time;
    return st;
}

/* Fit what takes long a little and go on, so that what its start takes is known apart from what its
 * learning does: products of matrices, which other work on the machine slows down by another factor
 * than it does the start or other parts. */
static enum pz_status learn_little(struct probing *b, const struct pz_corpus *c, size_t p,
                                   struct pz_choice *choice, struct pz_err *err)
{
    const struct pz_scorer *s = choice->scorer;
    void **part = &b->s.part[p].part;
    double *effort = &choice->value[pz_choice_effort(choice, 0)];
    struct pz_fit_cfg cfg = { .value = choice->value, .seed = 1, .goes_on = true };
    struct pz_fit_cost cost;
    double from, first, learned;
    enum pz_status st;

    *effort *= LONG_SAMPLE;
    st = pz_scorer_cost(s, c, choice->value, &cost, err);
    from = pz_cpu_seconds();
    if (st == PZ_OK)
        st = s->fit(c, &cfg, part, err);
    first = pz_cpu_seconds() - from;
    *effort *= LEARNS_ON;
    from = pz_cpu_seconds();
    if (st == PZ_OK)
        st = s->more(*part, c, &cfg, err);
    learned = cost.work_ns - cost.start_ns;
    b->out->learn_s[p] = (pz_cpu_seconds() - from) / ((LEARNS_ON - 1 + s->touches) * learned);
    b->out->start_s[p] = fmax(first - b->out->learn_s[p] * learned, 0) / fmax(cost.start_ns, 1);
    return st;
}

/* Fit part p and ask it. *said and *took become those of its fit, 0 of what takes long. */
static enum pz_status try_part(struct probing *b, const struct pz_corpus *c, size_t p, double *said,
                               double *took, struct pz_err *err)
{
    struct pz_search *s = &b->s;
    struct pz_choice choice = s->choice[p];
    enum pz_status st;

    *said = *took = 0;
    s->part[p] = (struct pz_part){ .scorer = choice.scorer,
                                   .cold_weight = choice.cold_weight,
                                   .trend = choice.scorer->presence ? NULL : &s->now };
    st = choice.scorer->more
             ? learn_little(b, c, p, &choice, err)
             : pz_estimate_fit(choice.scorer, c, choice.value, &s->part[p].part, said, took, err);
    return st == PZ_OK ? time_asking(b, p, err) : st;
}

/* Fit and ask all parts, which tells how fast this machine is. */
static enum pz_status fit_parts(struct probing *b, const struct pz_corpus *c, struct pz_err *err)
{
    struct pz_probe *out = b->out;
    double said[PZ_MAX_PARTS] = { 0 }, took[PZ_MAX_PARTS] = { 0 }, all_said = 0, all_took = 0;
    enum pz_status st = PZ_OK;

    for (size_t p = 0; p < b->n && st == PZ_OK; p++) {
        st = try_part(b, c, p, &said[p], &took[p], err);
        all_said += said[p];
        all_took += took[p];
    }
    out->speed = all_said > 0 ? all_took / all_said : 0;
    for (size_t p = 0; p < b->n && st == PZ_OK; p++)
        if (!b->s.choice[p].scorer->more) {
            out->learn_s[p] = took[p] > MEASURED_S ? took[p] / said[p] : out->speed;
            out->start_s[p] = out->learn_s[p];
        }
    return st;
}

/* Search the trend of items beside the first part, as tune.c does, on some of the users: it takes
 * much of what other parts would bring. */
static enum pz_status search_trend(struct pz_search *s, struct pz_valid *few, struct pz_err *err)
{
    uint32_t all = few->n_users, first = all < FIRST ? all : FIRST;
    double weight = s->part[0].weight;
    enum pz_status st;

    pz_valid_even(few, s->each);
    few->n_users = first;
    s->mean = pz_search_mean(s->each, first);
    st = pz_search_trend(s, false, err);
    few->n_users = all;
    if (st == PZ_OK)
        st = pz_valid_judge(few, s->part, 1, 0, &weight, 1, first, all, s->each, err);
    s->mean = pz_search_mean(s->each, all);
    return st;
}

/* Fit all parts, and have them join beside each other on some of the cases. */
static enum pz_status try_all(struct probing *b, const struct pz_corpus *c, struct pz_err *err)
{
    struct pz_search *s = &b->s;
    struct pz_valid few = *b->v;
    /* Not more than there is room for what others add up to: it would be asked again and again. */
    uint32_t most = few.n_memo < JOINED ? few.n_memo : JOINED;
    enum pz_status st = PZ_OK;

    while (few.n_users > FIRST && few.first[few.n_users] > most)
        few.n_users--;
    few.train = *c;
    s->v = &few;
    s->each = pz_mem_array(few.n_users, sizeof *s->each);
    s->trial = pz_mem_array((size_t)few.n_users * PZ_WEIGHTS, sizeof *s->trial);
    if (!s->each || !s->trial)
        st = pz_err_memory(err, "a search", 72.0 * few.n_users);
    if (st == PZ_OK)
        st = fit_parts(b, c, err);
    pz_valid_forget(&few);
    for (size_t p = 0; p < b->n && st == PZ_OK; p++) {
        st = join(b, p, err);
        if (st == PZ_OK && p == 0 && few.sliced)
            st = search_trend(s, &few, err);
    }
    b->out->value = s->mean;
    pz_trend_clear(&s->now);
    for (size_t p = 0; p < b->n; p++)
        if (s->part[p].part)
            s->part[p].scorer->free(s->part[p].part);
    free(s->each);
    free(s->trial);
    return st;
}

enum pz_status pz_probe_parts(const struct pz_valid *v, struct pz_choice *choice, size_t n,
                              const struct pz_choice *trend, uint64_t seed, struct pz_log *log,
                              struct pz_probe *out, struct pz_err *err)
{
    struct pz_choice now = *trend;
    struct pz_tune_cfg cfg = { .seed = seed };
    struct probing b = { .v = v, .n = n, .log = log, .out = out };
    struct pz_corpus_own few = { 0 };
    bool dear = false;
    enum pz_status st;

    *out = (struct pz_probe){ 0 };
    /* Cases may keep vectors of the parts' first versions: those that were asked alone. */
    b.s = (struct pz_search){ .v = v, .cfg = &cfg, .choice = choice, .trend = &now, .versions = 1 };
    pz_search_leave_trend(&b.s, n);
    for (size_t p = 0; p < n; p++)
        dear |= choice[p].scorer->any_time;
    st = sample(&v->train, dear, &few, err);
    if (st == PZ_OK)
        st = try_all(&b, &few.c, err);
    pz_corpus_clear(&few);
    return st;
}
