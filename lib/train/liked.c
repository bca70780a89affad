/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as liked: see liked.h. "--event rating:threshold=auto" leaves it to the data.
 *
 *   1. a user's newest tenth of all events, one at least, is held out, whatever its values; a held
 *      item is worth what its value has above the middle of all values, as a share of the most: who
 *      gives less does not want more of the like
 *   2. for no threshold and for the values that a fifth, two, three and four fifths of the events
 *      lie below, transitions by default learn from what is left of the rest, and answer for
 *      histories of what is left
 *   3. a threshold is taken when its lists gain SURE standard errors over those of no threshold;
 *      the best of them
 *
 * Everything is done for one rule after the other, the others as they are. */
#include "train/liked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "train/tune.h"

enum { FIFTHS = 5 };
static const double SURE = 2;

struct liked {
    const struct pz_dataset *ds;
    const struct pz_train_cfg *cfg;
    struct pz_event_rule *rules;
    size_t n_rules;
    uint8_t *keep;       /* [ds->n_interactions] what may be learned from */
    uint8_t *held;       /* [ds->n_interactions] what is asked for */
    double low, high;    /* values of held events of the rule */
    struct pz_valid v;   /* the cases; histories change with the threshold */
    double *none, *each; /* [v.n_users] values without a threshold, with one */
};

static bool of_type(const struct liked *l, const struct pz_event_rule *rule, uint64_t p)
{
    const struct pz_dataset *ds = l->ds;
    size_t n = 0;
    const char *type = ds->event ? pz_dict_get(&ds->events, ds->event[p], &n) : "";

    return ds->value && !isnan(ds->value[p]) && strlen(rule->type) == n &&
           strncasecmp(rule->type, type, n) == 0;
}

static int ascending(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;

    return a < b ? -1 : a > b;
}

/* The values that fifths of the events of the rule lie below; returns how many differ. */
static size_t find_values(const struct liked *l, const struct pz_event_rule *rule, float *value,
                          float *sorted)
{
    uint64_t n = 0;
    size_t found = 0;

    for (uint64_t p = 0; p < l->ds->n_interactions; p++)
        if ((!l->cfg->keep || l->cfg->keep[p]) && of_type(l, rule, p))
            sorted[n++] = l->ds->value[p];
    qsort(sorted, n, sizeof *sorted, ascending);
    for (uint64_t i = 1; i < FIFTHS && n > 0; i++) {
        float x = sorted[n * i / FIFTHS];

        /* From the smallest value on is no threshold; a value twice is one trial. */
        if (x > sorted[0] && (found == 0 || x > value[found - 1]))
            value[found++] = x;
    }
    return found;
}

/* Hold out every user's newest tenth. */
static void hold_out(struct liked *l)
{
    const struct pz_dataset *ds = l->ds;

    for (uint32_t u = 0; u < ds->users.n; u++) {
        uint64_t n = 0, k;

        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++)
            n += l->keep[p] = !l->cfg->keep || l->cfg->keep[p];
        /* A tenth, rounded up, but nothing of one or two events: there would be no history left to
         * ask with. */
        k = n < 3 ? 0 : (n + 9) / 10;
        for (uint64_t p = ds->ptr[u + 1]; p > ds->ptr[u] && k > 0; p--)
            if (l->keep[p - 1]) {
                l->keep[p - 1] = 0;
                l->held[p - 1] = 1;
                k--;
            }
    }
}

static bool had_before(const struct liked *l, uint64_t from, uint64_t p)
{
    for (uint64_t q = from; q < p; q++)
        if (l->ds->item[q] == l->ds->item[p])
            return true;
    return false;
}

/* A user's held items that are worth something and were not met before. */
static void add_user(struct liked *l, const struct pz_event_rule *rule, uint32_t user)
{
    struct pz_valid_case *c = &l->v.c[l->v.n_users];
    const struct pz_dataset *ds = l->ds;

    *c = (struct pz_valid_case){ .user = user, .share = 1 };
    c->truth = l->v.n_users ? c[-1].truth + c[-1].n_truth : 0;
    for (uint64_t p = ds->ptr[user]; p < ds->ptr[user + 1]; p++) {
        double worth = 1;

        /* Items met before are told by memory, not by taste. */
        if (!l->held[p] || had_before(l, ds->ptr[user], p))
            continue;
        if (of_type(l, rule, p))
            /* -1 at the least value, 1 at the largest: what is at the middle or below is no item to
             * find. */
            worth = 2 * ((double)ds->value[p] - l->low) / (l->high - l->low) - 1;
        c->now = c->n_truth == 0 ? ds->time[p] : c->now;
        l->v.truth[c->truth + c->n_truth] = ds->item[p];
        l->v.gain[c->truth + c->n_truth] = (float)worth;
        /* Written first, counted if it is worth something: the next one takes its place otherwise.
         */
        c->n_truth += worth > 0;
    }
    if (c->n_truth > 0) {
        l->v.n_users++;
        l->v.first[l->v.n_users] = l->v.n_users;
    }
}

static bool make_cases(struct liked *l, const struct pz_event_rule *rule)
{
    const struct pz_dataset *ds = l->ds;

    l->low = INFINITY;
    l->high = -INFINITY;
    for (uint64_t p = 0; p < ds->n_interactions; p++)
        if ((l->keep[p] || l->held[p]) && of_type(l, rule, p)) {
            l->low = fmin(l->low, (double)ds->value[p]);
            l->high = fmax(l->high, (double)ds->value[p]);
        }
    l->v.n_users = 0;
    for (uint32_t u = 0; u < ds->users.n && l->low < l->high; u++)
        add_user(l, rule, u);
    return l->v.n_users > 0;
}

/* Learn with the rules as they are and judge. */
static enum pz_status judge(struct liked *l, double *each, struct pz_err *err)
{
    struct pz_corpus_own own;
    enum pz_status st = pz_corpus_make(l->ds, l->rules, l->n_rules, l->keep, &own, err);

    l->v.train = own.c;
    l->v.seq_item = own.c.item;
    l->v.seq_time = own.c.time;
    l->v.seq_weight = own.c.weight;
    for (uint32_t u = 0; st == PZ_OK && u < l->v.n_users; u++) {
        l->v.c[u].from = own.c.ptr[l->v.c[u].user];
        l->v.c[u].end = own.c.ptr[l->v.c[u].user + 1];
    }
    if (st == PZ_OK)
        st = pz_valid_judge_core(&l->v, l->cfg->seed, each, err);
    pz_corpus_clear(&own);
    return st;
}

static enum pz_status choose(struct liked *l, struct pz_event_rule *rule, float *sorted,
                             struct pz_err *err)
{
    float value[FIFTHS];
    size_t n = find_values(l, rule, value, sorted);
    double best = -INFINITY, top;
    enum pz_status st;

    rule->threshold = -INFINITY;
    if (n == 0 || !make_cases(l, rule))
        return PZ_OK;
    st = judge(l, l->none, err);
    top = st == PZ_OK ? pz_search_mean(l->none, l->v.n_users) : 0;
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        double mean;

        rule->threshold = (double)value[i];
        st = judge(l, l->each, err);
        mean = st == PZ_OK ? pz_search_mean(l->each, l->v.n_users) : 0;
        pz_log(l->cfg->log, PZ_LOG_DEBUG, "%s from %g on: %.4f, all %.4f", rule->type,
               rule->threshold, mean, pz_search_mean(l->none, l->v.n_users));
        if (st == PZ_OK && mean > top && pz_search_gain(l->each, l->none, l->v.n_users) > SURE) {
            top = mean;
            best = rule->threshold;
        }
    }
    rule->threshold = best;
    if (isfinite(best))
        pz_log(l->cfg->log, PZ_LOG_NOTE, "%s counts from %g on", rule->type, best);
    else
        pz_log(l->cfg->log, PZ_LOG_NOTE, "%s counts whatever its value", rule->type);
    return st;
}

static bool take_memory(struct liked *l, float **sorted)
{
    size_t n = l->ds->n_interactions, users = l->ds->users.n;

    *sorted = pz_mem_array(n, sizeof **sorted);
    l->keep = pz_mem_array(n, 1);
    l->held = pz_mem_array(n, 1);
    l->v.first = pz_mem_array(users + 1, sizeof *l->v.first);
    l->v.c = pz_mem_array(users + 1, sizeof *l->v.c);
    l->v.truth = pz_mem_array(n + 1, sizeof *l->v.truth);
    l->v.gain = pz_mem_array(n + 1, sizeof *l->v.gain);
    l->none = pz_mem_array(users, sizeof *l->none);
    l->each = pz_mem_array(users, sizeof *l->each);
    return *sorted && l->keep && l->held && l->v.first && l->v.c && l->v.truth && l->v.gain &&
           l->none && l->each;
}

enum pz_status pz_liked_choose(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                               struct pz_event_rule *rules, size_t n_rules, struct pz_err *err)
{
    struct liked l = { .ds = ds, .cfg = cfg, .rules = rules, .n_rules = n_rules };
    float *sorted = NULL;
    enum pz_status st = PZ_OK;

    l.v.task = cfg->recipe->task;
    l.v.exclude_seen = cfg->recipe->exclude_seen;
    l.v.metric = cfg->metric;
    for (size_t i = 0; i < n_rules && st == PZ_OK; i++) {
        if (!isnan(rules[i].threshold))
            continue;
        if (!sorted && !take_memory(&l, &sorted))
            st = pz_err_memory(err, "choosing a threshold", 26.0 * (double)ds->n_interactions);
        else
            hold_out(&l);
        if (st == PZ_OK)
            st = choose(&l, &rules[i], sorted, err);
    }
    free(sorted);
    free(l.keep);
    free(l.held);
    free(l.v.first);
    free(l.v.c);
    free(l.v.truth);
    free(l.v.gain);
    free(l.none);
    free(l.each);
    return st;
}
