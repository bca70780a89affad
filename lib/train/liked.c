/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as liked: see liked.h. "--event rating:threshold=auto" leaves it to the data, and so
 * does tuning where nobody gave rules and values are few and different, as ratings are.
 *
 *   1. a user's newest tenth of all events, one at least, is held out, whatever its values; a held
 *      item is worth what its value has above the middle of all values, as a share of the most: who
 *      gives less does not want more of the like
 *   2. for no threshold and for the values that a fifth, two, three and four fifths of the events
 *      lie below, transitions by default learn from what is left of the rest, and answer for
 *      histories of what is left
 *   3. a threshold is taken when its lists gain SURE standard errors over those of no threshold;
 *      the best of them. Unasked it must also beat lists without a threshold that heed how often
 *      each item reaches it, which a price does as well, and gain more on what is liked than it
 *      loses, to the power AGAINST, where all held items are worth the same, by a factor of WORTH
 *
 * Everything is done for one rule after the other, the others as they are. Of large data some users
 * are asked, and some teach. */
#include "train/liked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "train/tune.h"

enum {
    FIFTHS = 5,
    SCALE = 20,     /* values of a scale at most */
    FEW = 5,        /* events of an item */
    EVENTS = 100000 /* about so many teach */
};
/* By which power a factor of lists of all counts against one of lists of what is liked: ratings say
 * what is wanted. Both of made camps, newest tenth 3.24 and .70, without each user's last like 2.93
 * and .26; of MovieLens 100K from a 3 on 1.02 and .93, from a 4 on 1.01 and .82. */
static const double SURE = 2, AGAINST = 2.0 / 3, WORTH = 1.05;

struct liked {
    const struct pz_dataset *ds;
    const struct pz_train_cfg *cfg;
    struct pz_event_rule *rules;
    size_t n_rules;
    uint8_t *keep;       /* [ds->n_interactions] what may be learned from */
    uint8_t *held;       /* [ds->n_interactions] what is asked for */
    double low, high;    /* values of held events of the rule */
    struct pz_valid v;   /* the cases; histories change with the threshold */
    uint32_t n_liked;    /* of them where what is liked is asked for; all else where all is */
    double *none, *each; /* [v.n_users] values without a threshold, with one */
};

static bool of_type(const struct liked *l, const struct pz_event_rule *rule, uint64_t p)
{
    const struct pz_dataset *ds = l->ds;
    size_t n = 0;
    const char *type = ds->event ? pz_dict_get(&ds->events, ds->event[p], &n) : "";

    return ds->value && !isnan(ds->value[p]) &&
           (!*rule->type || pz_str_same_word(rule->type, strlen(rule->type), type, n));
}

static int ascending(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;

    return a < b ? -1 : a > b;
}

/* The values that fifths of the rule's events lie below, of those who teach; returns how many
 * differ. Unasked only those of a scale: prices and durations are no ratings. */
static size_t find_values(const struct liked *l, const struct pz_event_rule *rule, float *value,
                          float *sorted)
{
    uint64_t n = 0;
    size_t found = 0, steps = 0;

    for (uint64_t p = 0; p < l->ds->n_interactions; p++)
        if ((l->keep[p] || l->held[p]) && of_type(l, rule, p))
            sorted[n++] = l->ds->value[p];
    qsort(sorted, n, sizeof *sorted, ascending);
    for (uint64_t i = 1; i < n; i++)
        steps += sorted[i] > sorted[i - 1];
    if (rule->unasked && steps >= SCALE)
        return 0;
    for (uint64_t i = 1; i < FIFTHS && n > 0; i++) {
        float x = sorted[n * i / FIFTHS];

        /* From the smallest value on is no threshold; a value twice is one trial. */
        if (x > sorted[0] && (found == 0 || x > value[found - 1]))
            value[found++] = x;
    }
    return found;
}

/* Draw a share of the users by hashes of their numbers. */
static bool is_drawn(const struct liked *l, uint32_t user, uint64_t stream, double share)
{
    struct pz_rng rng;

    pz_rng_init(&rng, l->cfg->seed ^ 0x6c696b65 ^ stream << 32, user);
    return pz_rng_unit(&rng) < share;
}

/* Hold out the newest tenth of every user who teaches. */
static void hold_out(struct liked *l)
{
    const struct pz_dataset *ds = l->ds;
    double share = (double)EVENTS / (double)ds->n_interactions;

    for (uint32_t u = 0; u < ds->users.n; u++) {
        bool teaches = is_drawn(l, u, 0, share);
        uint64_t n = 0, k;

        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++) {
            l->keep[p] = teaches && (!l->cfg->keep || l->cfg->keep[p]);
            l->held[p] = 0;
            n += l->keep[p];
        }
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

/* A user's held items that are worth something and were not met before; rule NULL: all alike. */
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
        if (rule && of_type(l, rule, p))
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
    for (int all = 0; all < (rule->unasked ? 2 : 1); all++) {
        for (uint32_t u = 0; u < ds->users.n && l->low < l->high; u++)
            if (is_drawn(l, u, 1, pz_tune_most(ds->items.n) / (double)ds->users.n))
                add_user(l, all ? NULL : rule, u);
        l->n_liked = all ? l->n_liked : l->v.n_users;
    }
    return l->n_liked > 0;
}

/* Learn with the rules as they are and judge. Unasked what is too low to teach was seen all the
 * same: of all that users kept, in `every`. */
static enum pz_status judge(struct liked *l, const struct pz_corpus *every, double *each,
                            struct pz_err *err)
{
    struct pz_corpus_own own;
    enum pz_status st = pz_corpus_make(l->ds, l->rules, l->n_rules, l->keep, &own, err);

    l->v.train = own.c;
    l->v.seq_item = own.c.item;
    l->v.seq_time = own.c.time;
    l->v.seq_weight = own.c.weight;
    l->v.seen = every;
    for (uint32_t u = 0; st == PZ_OK && u < l->v.n_users; u++) {
        l->v.c[u].from = own.c.ptr[l->v.c[u].user];
        l->v.c[u].end = own.c.ptr[l->v.c[u].user + 1];
    }
    if (st == PZ_OK)
        st = pz_valid_judge_core(&l->v, l->cfg->seed, each, err);
    pz_corpus_clear(&own);
    return st;
}

/* By which factor lists by a threshold are better than others, on some of the cases. */
static double factor(const struct liked *l, const double *than, uint32_t from, uint32_t n)
{
    double mean = pz_search_mean(than + from, n);

    return mean > 0 ? pz_search_mean(l->each + from, n) / mean : 1;
}

/* Whether values with a threshold beat others. */
static bool wins(const struct liked *l, const struct pz_event_rule *rule, const double *than)
{
    uint32_t n = l->n_liked;
    double liked = factor(l, than, 0, n), all = factor(l, l->none, n, l->v.n_users - n);

    pz_log(l->cfg->log, PZ_LOG_DEBUG,
           "%s from %g on: lists of what is liked times %.2f, of all times %.2f", rule->type,
           rule->threshold, liked, all);
    return pz_search_gain(l->each, than, n) > SURE &&
           (!rule->unasked || liked * pow(fmin(all, 1), AGAINST) > WORTH);
}

/* The share of each item's events that reach the threshold, near that of all where they are few. */
static float *like_rates(const struct liked *l, const struct pz_event_rule *rule)
{
    const struct pz_dataset *ds = l->ds;
    float *rate = pz_mem_array(ds->items.n, sizeof *rate),
          *n = pz_mem_array(ds->items.n, sizeof *n);
    double liked = 0, all = 0;

    for (uint64_t p = 0; rate && n && p < ds->n_interactions; p++) {
        bool likes = !of_type(l, rule, p) ||
                     pz_value_reaches((double)ds->value[p], rule->threshold);

        n[ds->item[p]] += l->keep[p];
        rate[ds->item[p]] += l->keep[p] && likes;
        all += l->keep[p];
        liked += l->keep[p] && likes;
    }
    for (uint32_t i = 0; rate && n && i < ds->items.n; i++)
        rate[i] = (rate[i] + (float)(FEW * liked / all)) / (n[i] + FEW);
    if (!n) {
        free(rate);
        rate = NULL;
    }
    free(n);
    return rate;
}

/* Whether a threshold that nobody asked for tells of people's taste: a price or a size is of the
 * item, and lists without a threshold are as good when they heed how often items reach it. */
static enum pz_status is_taste(struct liked *l, struct pz_event_rule *rule,
                               const struct pz_corpus *every, bool *taste, struct pz_err *err)
{
    float *rate = like_rates(l, rule);
    double threshold = rule->threshold, *known = pz_mem_array(l->v.n_users, sizeof *known);
    enum pz_status st = rate && known ? PZ_OK
                                      : pz_err_memory(err, "choosing a threshold",
                                                      8.0 * (l->ds->items.n + l->v.n_users));

    rule->threshold = -INFINITY;
    l->v.scale = rate;
    if (st == PZ_OK)
        st = judge(l, every, known, err);
    l->v.scale = NULL;
    rule->threshold = threshold;
    *taste = st == PZ_OK && wins(l, rule, known);
    free(rate);
    free(known);
    return st;
}

/* Find the best of the values. */
static enum pz_status try_values(struct liked *l, struct pz_event_rule *rule, const float *value,
                                 size_t n, struct pz_err *err)
{
    struct pz_corpus_own every = { .c = { .n_users = 0 } };
    const struct pz_corpus *seen = rule->unasked ? &every.c : NULL;
    double best = -INFINITY, top = 0;
    enum pz_status st = PZ_OK;

    if (seen)
        st = pz_corpus_make(l->ds, l->rules, l->n_rules, l->keep, &every, err);
    if (st == PZ_OK)
        st = judge(l, seen, l->none, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        double mean;
        bool won;

        rule->threshold = (double)value[i];
        st = judge(l, seen, l->each, err);
        mean = st == PZ_OK ? pz_search_mean(l->each, l->n_liked) : 0;
        won = mean > top && wins(l, rule, l->none);
        if (won && rule->unasked)
            st = is_taste(l, rule, seen, &won, err);
        if (won) {
            top = mean;
            best = rule->threshold;
        }
    }
    rule->threshold = best;
    pz_corpus_clear(&every);
    return st;
}

static enum pz_status choose(struct liked *l, struct pz_event_rule *rule, float *sorted,
                             struct pz_err *err)
{
    float value[FIFTHS];
    size_t n = find_values(l, rule, value, sorted);
    enum pz_status st;

    rule->threshold = -INFINITY;
    if (n == 0 || !make_cases(l, rule))
        return PZ_OK;
    st = try_values(l, rule, value, n, err);
    if (st == PZ_OK && isfinite(rule->threshold))
        pz_log(l->cfg->log, PZ_LOG_NOTE, "%s %s from %g on", *rule->type ? rule->type : "all",
               rule->unasked ? "teaches" : "counts", rule->threshold);
    else if (st == PZ_OK && !rule->unasked)
        pz_log(l->cfg->log, PZ_LOG_NOTE, "%s counts whatever its value", rule->type);
    return st;
}

static bool take_memory(struct liked *l, float **sorted)
{
    size_t n = l->ds->n_interactions, users = l->ds->users.n;

    *sorted = pz_mem_array(n, sizeof **sorted);
    l->keep = pz_mem_array(n, 1);
    l->held = pz_mem_array(n, 1);
    l->v.first = pz_mem_array(2 * users + 1, sizeof *l->v.first);
    l->v.c = pz_mem_array(2 * users + 1, sizeof *l->v.c);
    l->v.truth = pz_mem_array(2 * n + 1, sizeof *l->v.truth);
    l->v.gain = pz_mem_array(2 * n + 1, sizeof *l->v.gain);
    l->none = pz_mem_array(2 * users, sizeof *l->none);
    l->each = pz_mem_array(2 * users, sizeof *l->each);
    return *sorted && l->keep && l->held && l->v.first && l->v.c && l->v.truth && l->v.gain &&
           l->none && l->each;
}

/* What is the same for all rules. */
static enum pz_status begin(struct liked *l, float **sorted, struct pz_err *err)
{
    if (!take_memory(l, sorted))
        return pz_err_memory(err, "choosing a threshold", 30.0 * (double)l->ds->n_interactions);
    hold_out(l);
    return PZ_OK;
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
        if (!sorted)
            st = begin(&l, &sorted, err);
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

/* A rule for every type of event: threshold to be chosen, names behind the rules. */
static enum pz_status make_rules(const struct pz_dataset *ds, struct pz_event_rule **rules,
                                 size_t *n_rules, struct pz_err *err)
{
    size_t n = ds->events.n ? ds->events.n : 1, bytes = n * sizeof **rules + 1, len;
    char *room;

    for (uint32_t e = 0; e < ds->events.n; e++) {
        pz_dict_get(&ds->events, e, &len);
        bytes += len + 1;
    }
    *rules = pz_mem_array(bytes, 1);
    if (!*rules)
        return pz_err_memory(err, "event rules", (double)bytes);
    room = (char *)(*rules + n);
    for (size_t i = 0; i < n; i++) {
        const char *type = ds->events.n ? pz_dict_get(&ds->events, (uint32_t)i, &len) : "";

        len = ds->events.n ? len : 0;
        (*rules)[i] = (struct pz_event_rule){ memcpy(room, type, len), 1, NAN, true };
        room += len + 1; /* zeroed memory */
    }
    *n_rules = n;
    return PZ_OK;
}

enum pz_status pz_liked_find(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                             struct pz_event_rule **rules, size_t *n_rules, struct pz_err *err)
{
    size_t n = 0;
    enum pz_status st = make_rules(ds, rules, n_rules, err);

    if (st == PZ_OK)
        st = pz_liked_choose(ds, cfg, *rules, *n_rules, err);
    for (size_t i = 0; i < *n_rules && st == PZ_OK; i++)
        if (isfinite((*rules)[i].threshold))
            (*rules)[n++] = (*rules)[i];
    *n_rules = n;
    return st;
}
