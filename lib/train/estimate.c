/* SPDX-License-Identifier: Apache-2.0 */
/* What a training will take, without doing it: see pz_train_estimate.
 *
 *   1. the parts say what their fits take, from counts of the data (pz_scorer.cost)
 *   2. without tuning how fast this machine is shows on a few small fits (speed.c); with it the
 *      parts are fitted and asked, which tells that, too, and join each other, which tells how much
 *      of a search they are worth (probe.c)
 *   3. the trials of the search are those that it will make on average (plan.c), each a fit or none
 *      and a judgement of some of the cases (search.c, judge.c)
 *
 * What chance decides is taken at its mean: whether a trial is pruned, and whether the part that
 * takes long stays when it was tried. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/plan.h"
#include "train/probe.h"
#include "train/training.h"

enum { SCALE_CASES = 300 };

/* The chance that a trial is judged on all cases and not pruned after a quarter: of the first part,
 * of others, of which the best of several weights is judged, and, where less gains, at a scan and
 * when all parts are there. A trend passes by users whose lists it leaves: so many are judged. */
static const double WHOLE = 0.35, WHOLE_BESIDE = 0.7, WHOLE_LESS = 0.2, JUDGED_TREND = 0.25;
static const double TREND_TRIALS = 14, TREND_AGAIN = 7;
/* Of settings judged on repeats, and of a part of the history alone where it is of use. */
static const double REPEAT_TRIALS = 5, HISTORY_TRIALS = 15, RETURNS = 0.6;
/* What a part brings beside parts whose settings were searched, of what it brings beside a first
 * one that was searched a little, less the standard errors by which the best of several weights
 * gains by chance; a part that is tried all over a range itself brings all of it. And how far that
 * is from this mean, as a share of it and at least. On the sample, MovieLens, Deskdrop and Beauty
 * factors brought .33, .54, .7 and .2 of it, other parts less than .008 where nothing was found. */
static const double BY_CHANCE = 1.5, BESIDE_TUNED = 0.45, TUNED_SPREAD = 0.33, TUNED_LEAST = 0.004;
/* Rounds in which the weights of all parts move, in both searches of them (search_balance.c). */
static const double ROUNDS = 2.7;
/* The chance that a part stays which must be worth that it takes long: where lists are worth
 * little, it hardly shows what it brings. On six sets it stayed where lists of the sample were
 * worth .07 and more. */
static const double LONG_STAYS = 0.75, LONG_STAYS_POOR = 0.1, POOR = 0.05;
/* Of lists that are worth so little that chance is most of it little wins: fewer trials are judged
 * on all cases, fewer parts searched. */
static const double NOISE = 0.03, LESS_OF_NOISE = 0.5;
/* The chance that a part has a weight, however small, when others are judged. */
static const double PRESENT = 0.9, PRESENT_YET = 0.4;
/* Memory that is free but in pieces, and what a writer takes. */
static const double SLACK = 1.1, WRITER = 1.5e6;
/* The chance that a whole search moves a part from its defaults by a fit. */
static const double MOVED = 0.6;
/* Simple answers meet the blend on the newest slice; most lose there, and others are not asked. */
static const double JUDGED_LATE = 1.0 / 3;
/* Cases that are asked one by one, beside blocks of them. */
static const double ONE_BY_ONE = 1.3;
static const double WRITE_NS = 7, WRITE_ID_NS = 1000, SCALE_NS = 40;

struct estimating {
    struct pz_training t;
    struct pz_train_cfg cfg;
    struct pz_valid v;
    struct pz_fit_cost all[PZ_MAX_PARTS], train[PZ_MAX_PARTS]; /* of the last fits, of a trial's */
    struct pz_fit_cost turned[PZ_MAX_PARTS];    /* of a trial's with a switch turned */
    struct pz_fit_cost moved[PZ_MAX_PARTS];     /* of one with a setting moved, on average */
    struct pz_plan_stages stages[PZ_MAX_PARTS]; /* of learning, one but for what takes long */
    struct pz_probe probe;
    double repeat_cases; /* that keep what was seen; 0: nothing comes back */
    double begun_s;      /* what was taken already, reading included */
    double bytes;        /* what is held already */
    bool searches_power;
    struct pz_log *log;
};

/* ---- the plan ---- */

/* A chance that something wins, for these data. */
static double wins(const struct estimating *e, double chance)
{
    return e->probe.value < NOISE ? LESS_OF_NOISE * chance : chance;
}

static void plan_stages(struct estimating *e, size_t p)
{
    size_t k = pz_search_effort(&e->t.choice[p]);

    e->stages[p] = k < SIZE_MAX ? pz_plan_effort(&e->t.choice[p], k, wins(e, 1))
                                : (struct pz_plan_stages){ .n = 1, .amount = 1, .chosen = 1 };
}

/* ---- what is to come ---- */

/* The parts that a training has: all, or all but those that take long. */
struct outlook {
    const struct estimating *e;
    bool with;
    double cases, memo; /* share of cases of which the other parts' sum is kept */
    struct pz_log *log; /* NULL: nothing is said */
    bool counts;        /* cases asked in place of seconds: that is what prices are 1 of */
};

/* What a stage is to take, in the words of search.c. Returns it. */
static double stage(const struct outlook *o, const char *name, double amount)
{
    if (o->counts)
        pz_log(o->log, PZ_LOG_DEBUG, "stage: %s: %.0f cases asked", name, amount);
    else
        pz_log(o->log, PZ_LOG_DEBUG, "stage: %s: %.3f CPU s", name, amount);
    return amount;
}

/* The chance that a trial of part p is judged on all cases. */
static double whole(const struct outlook *o, size_t p)
{
    return p == 0 ? WHOLE : o->e->t.choice[p].scorer->is_fallback ? WHOLE_LESS : WHOLE_BESIDE;
}

static bool has(const struct outlook *o, size_t p)
{
    return o->with || !o->e->t.choice[p].scorer->any_time;
}

static bool joins(const struct outlook *o, size_t p)
{
    return has(o, p) && o->e->probe.joined[p];
}

/* The chance that the part stays that takes long. */
static double long_stays(const struct estimating *e)
{
    return e->probe.value < POOR ? LONG_STAYS_POOR : LONG_STAYS;
}

/* The chance that a part is there when others are judged. */
static double presence(const struct outlook *o, size_t p)
{
    const struct pz_choice *c = &o->e->t.choice[p];

    return !has(o, p)              ? 0
           : p == 0                ? 1
           : c->scorer->any_time   ? long_stays(o->e)
           : o->e->probe.joined[p] ? PRESENT
                                   : PRESENT_YET;
}

/* Seconds of a case asked of the first n parts but one. */
static double others(const struct outlook *o, size_t n, size_t except)
{
    double sum = 0;

    for (size_t p = 0; p < n; p++)
        sum += p != except ? presence(o, p) * o->e->probe.ask_s[p] : 0;
    return sum;
}

/* All parts by all cases. */
static double ask_all(const struct outlook *o)
{
    return o->cases * others(o, o->e->t.n, SIZE_MAX);
}

/* A trial of part p beside the first n by some weights; fresh: nothing is kept of the others
 * yet. */
static double trial(const struct outlook *o, size_t p, size_t n, double weights, bool fresh)
{
    double rest = (fresh ? 1 : 1 - o->memo) * others(o, n, p);

    return o->cases * (o->e->probe.ask_s[p] + o->e->probe.new_s[p] +
                       (weights - 1) * o->e->probe.rank_s + rest);
}

/* Its first one beside those before it, of which all but the last are in what is kept. */
static double coming_in(const struct outlook *o, size_t p, double weights)
{
    double last = p > 0 ? presence(o, p - 1) * o->e->probe.ask_s[p - 1] : 0;

    return trial(o, p, p + 1, weights, false) + o->cases * o->memo * last;
}

/* A trial that is judged on all cases by that chance, on the first quarter else, where that is
 * enough users. What is kept is kept of the first cases. */
static double moved(const struct outlook *o, size_t p, size_t n, double chance)
{
    double on_all = o->e->v.n_users < 4 * PZ_RUNG_MIN ? 1 : chance;
    double of_first = fmax(1 - 4 * o->memo, 0) / 4, of_rest = 0.75 - fmax(o->memo - 0.25, 0);
    double weights = p > 0 ? PZ_WEIGHTS - 3 : 0;

    return o->cases * ((0.25 + 0.75 * on_all) * (o->e->probe.ask_s[p] + o->e->probe.new_s[p] +
                                                 weights * o->e->probe.rank_s) +
                       (of_first + on_all * of_rest) * others(o, n, p));
}

/* A fit of part p of which more is learned, so many times what its settings say. */
static double effort_s(const struct outlook *o, size_t p, const struct pz_fit_cost *c,
                       double amount)
{
    return o->e->probe.start_s[p] * c->start_ns +
           o->e->probe.learn_s[p] * amount * (c->work_ns - c->start_ns);
}

static double fit_s(const struct outlook *o, size_t p)
{
    return effort_s(o, p, &o->e->train[p], 1);
}

/* A fit with a setting moved; what it takes more to ask goes with the bytes that are read. */
static double moved_s(const struct outlook *o, size_t p)
{
    const struct pz_fit_cost *usual = &o->e->train[p], *moved = &o->e->moved[p];
    double longer = usual->kept > 0 ? moved->kept / usual->kept - 1 : 0;

    return effort_s(o, p, moved, 1) +
           longer * o->cases * o->e->probe.ask_s[p] * (0.25 + 0.75 * whole(o, p));
}

/* A fit in another region of the settings. */
static double turned_s(const struct outlook *o, size_t p)
{
    return effort_s(o, p, &o->e->turned[p], 1);
}

static bool is_hidden(const struct outlook *o, size_t p)
{
    return pz_valid_hides(&o->e->v, o->e->t.choice[p].scorer);
}

/* Whether a setting of a part is tried all over its range when it comes in. */
static bool is_scanned(const struct pz_choice *c)
{
    bool any = false;

    for (size_t k = 0; k < c->scorer->n_settings; k++)
        any = any || (c->scorer->settings[k].scanned && c->low[k] < c->high[k]);
    return any;
}

/* The share of a whole search that part p is given: what brings little gets little (tune.c). */
static double share(const struct outlook *o, size_t p)
{
    const struct pz_choice *c = &o->e->t.choice[p];
    bool scanned = is_scanned(c);
    double left = scanned ? 1 : BESIDE_TUNED, error = left * o->e->probe.error[p],
           gain = left * o->e->probe.gain[p] - (scanned ? 1 : BY_CHANCE) * error;

    error = hypot(hypot(error, TUNED_SPREAD * gain), TUNED_LEAST);
    return p == 0                   ? 1
           : c->scorer->any_time    ? long_stays(o->e)
           : c->scorer->is_fallback ? o->e->probe.joined[p]
                                    : wins(o->e, pz_plan_share(gain, error));
}

/* The search of part p when it comes in. */
static double search_part(const struct outlook *o, size_t p, uint32_t n_fits)
{
    const struct pz_choice *c = &o->e->t.choice[p];
    struct pz_plan plan = pz_plan_part(c, n_fits);
    double one = moved(o, p, p + 1, whole(o, p));
    double s = effort_s(o, p, &o->e->train[p], o->e->stages[p].amount) +
               coming_in(o, p, p > 0 ? PZ_WEIGHTS : 1) +
               (o->e->stages[p].n - 1) * trial(o, p, p + 1, PZ_WEIGHTS, false);

    if (p == 0 && o->e->v.sliced)
        s += TREND_TRIALS * JUDGED_TREND * 2 * trial(o, p, 1, 1, true);
    s += (plan.scans + plan.fitted_scans) * moved(o, p, p + 1, WHOLE_LESS) +
         plan.fitted_scans * fit_s(o, p);
    return is_hidden(o, p)
               ? s
               : s + share(o, p) * ((plan.regions + plan.fits + plan.moves) * one +
                                    plan.heats * moved(o, p, p + 1, 0) + plan.fits * moved_s(o, p) +
                                    plan.regions * turned_s(o, p));
}

/* Once more, when all are there. */
static double search_last(const struct outlook *o, size_t p, uint32_t n_fits)
{
    struct pz_plan plan = pz_plan_part(&o->e->t.choice[p], n_fits);
    size_t n = o->e->t.n;

    if (is_hidden(o, p) || plan.last <= 0)
        return 0;
    return share(o, p) *
           (trial(o, p, n, PZ_WEIGHTS - 2, true) + (plan.last - 1) * moved(o, p, n, WHOLE_LESS));
}

/* The weights of all parts together. */
static double balance(const struct outlook *o)
{
    double moves = 1;

    for (size_t p = 0; p < o->e->t.n; p++)
        moves += joins(o, p) && !o->e->t.choice[p].weight_fixed && !is_hidden(o, p)
                     ? PZ_BALANCE_STEPS
                     : 0;
    return o->e->t.n > 1 ? ROUNDS * (ask_all(o) + o->cases * moves * o->e->probe.rank_s) : 0;
}

/* The weights once more, on the cases beside the slice. */
static double next(const struct outlook *o)
{
    const struct pz_valid *v = &o->e->v;
    uint32_t n = 0;

    if (!v->sliced || v->tune_for != PZ_FOR_BOTH || v->n_users == 0)
        return 0;
    for (uint32_t u = 0; u < v->n_users; u++)
        n += v->late[u] ? 0 : v->first[u + 1] - v->first[u];
    return balance(o) * n / v->first[v->n_users];
}

/* What comes back, on cases of its own, and where that is much the weights by those. */
static double search_repeats(const struct outlook *hide)
{
    struct outlook keep = *hide, *o = &keep;
    double s;

    if (hide->e->repeat_cases <= 0)
        return 0;
    o->cases = hide->e->repeat_cases;
    o->memo = fmin(hide->memo * hide->cases / o->cases, 1);
    s = 2 * ask_all(o) + RETURNS * (balance(o) + next(o));

    for (size_t p = 0; p < o->e->t.n; p++) {
        const struct pz_choice *c = &o->e->t.choice[p];
        double n = c->scorer->of_history ? RETURNS * HISTORY_TRIALS : 0;

        for (size_t k = 0; k < c->scorer->n_settings && !c->scorer->of_history; k++)
            n += c->scorer->settings[k].judged == PZ_JUDGED_ON_REPEAT && c->low[k] < c->high[k]
                     ? REPEAT_TRIALS
                     : 0;
        if (n > 0 && (joins(o, p) || is_hidden(o, p)))
            s += trial(o, p, o->e->t.n, 1, true) +
                 (n - 1) * moved(o, p, o->e->t.n, c->scorer->of_history ? WHOLE : WHOLE_LESS);
    }
    return s;
}

/* When all parts are there. */
static double together(const struct outlook *o, uint32_t n_fits)
{
    double s = balance(o);

    for (size_t p = 0; p < o->e->t.n; p++)
        s += has(o, p) ? search_last(o, p, n_fits) : 0;
    return s + (o->e->v.sliced ? TREND_AGAIN * JUDGED_TREND * ask_all(o) : 0);
}

/* Defaults, judged, and fitted where the search has left them, as it mostly does with the first
 * part. */
static double defaults_s(const struct outlook *o)
{
    double sum = ask_all(o);

    for (size_t p = 0; p < o->e->t.n; p++)
        if (has(o, p) && !o->e->t.choice[p].scorer->any_time)
            sum += (p == 0 ? 1 : MOVED * share(o, p)) * fit_s(o, p);
    return sum;
}

/* Beside simple answers: each part alone, defaults, and those with a switch turned. */
static double close(const struct outlook *o)
{
    uint32_t turned = pz_plan_regions(&o->e->t.choice[0]);

    return !o->e->v.sliced ? 0
                           : JUDGED_LATE * 2 * ask_all(o) + (1 + turned) * defaults_s(o) -
                                 turned * (fit_s(o, 0) - turned_s(o, 0));
}

/* Where they were not judged before, defaults are for the check. */
static double check(const struct outlook *o)
{
    return (o->counts ? 1 : ONE_BY_ONE) * ask_all(o) + (o->e->v.sliced ? 0 : defaults_s(o));
}

/* Weights of event types, where they differ, are tried with four powers on the first part. */
static double choose_power(const struct outlook *o)
{
    bool differ = false;

    for (size_t i = 1; i < o->e->cfg.n_rules; i++)
        differ = differ || o->e->cfg.rules[i].weight != o->e->cfg.rules[0].weight;
    return differ && o->e->searches_power ? 4 * (fit_s(o, 0) + trial(o, 0, 1, 1, true)) : 0;
}

static double tuning_s(const struct outlook *o)
{
    const struct pz_corpus *c = &o->e->v.train;
    uint32_t n_fits = pz_tune_fits(c->ptr[c->n_users], c->ordered, o->e->cfg.n_trials);
    double s = choose_power(o);

    for (size_t p = 0; p < o->e->t.n; p++)
        if (has(o, p))
            s += stage(o, o->e->t.choice[p].scorer->name, search_part(o, p, n_fits));
    s += stage(o, "all together", together(o, n_fits));
    s += stage(o, "closing comparison", close(o));
    s += stage(o, "repeats", search_repeats(o));
    s += stage(o, "weights of what comes next", next(o));
    return s + stage(o, "check",
                     check(o) + fmin(SCALE_CASES / o->cases, 1) * ask_all(o) +
                         SCALE_NS * 1e-9 * SCALE_CASES * c->n_items);
}

/* As train.c has it: parts without a weight are left out. */
static bool stays(const struct outlook *o, size_t p)
{
    const struct pz_scorer *s = o->e->t.choice[p].scorer;

    return has(o, p) && (o->cases <= 0 || o->e->probe.joined[p] || s->is_fallback || s->kept_idle);
}

/* What the last fit of a part learns, in fits. */
static double last_effort(const struct outlook *o, size_t p)
{
    const struct pz_scorer *s = o->e->t.choice[p].scorer;

    return o->cases <= 0 ? 1
                         : o->e->stages[p].chosen * (s->finish && !o->e->v.sliced ? s->touches : 1);
}

/* The last fits, and the file. keep: the chance that a part stays that takes long. */
static double finishing_s(const struct outlook *o, double keep)
{
    const struct pz_dataset *ds = o->e->t.ds;
    double s = 0;

    for (size_t p = 0; p < o->e->t.n; p++)
        if (stays(o, p))
            s += (o->e->t.choice[p].scorer->any_time ? keep : 1) *
                 (effort_s(o, p, &o->e->all[p], last_effort(o, p)) +
                  o->e->probe.speed * WRITE_NS * o->e->all[p].kept);
    return s + o->e->probe.speed * (WRITE_NS * 16 * (double)ds->n_interactions +
                                    WRITE_ID_NS * ((double)ds->users.n + ds->items.n));
}

/* Bytes that cases remember: what other parts add up to, and vectors of histories. */
static double remembered(const struct outlook *o, double cases)
{
    double n_items = o->e->t.corpus.c.n_items,
           sums = o->e->v.n_memo > 0 ? fmin(PZ_VALID_MEMO, cases * n_items * 4) : 0;

    for (size_t p = 0; p < o->e->t.n; p++)
        sums += has(o, p) ? 4 * cases * o->e->probe.vector[p] : 0;
    return sums;
}

/* Bytes while parts are searched. A part that is fitted again stays until the new one has won; the
 * first one's defaults are fitted once more beside all others. What takes long keeps all that a fit
 * holds that may go on. Cases that keep what was seen remember for themselves. */
static double search_peak(const struct outlook *o, double kept)
{
    const struct pz_corpus *c = &o->e->t.corpus.c;
    double before = 0, goes_on = 0, most = 0;

    for (size_t p = 0; p < o->e->t.n; p++)
        if (has(o, p)) {
            const struct pz_fit_cost *cost = &o->e->all[p];
            bool is_long = o->e->t.choice[p].scorer->any_time;

            before += cost->kept;
            most = fmax(most, before + goes_on + cost->beside +
                                  (!is_long && share(o, p) > 0.5 ? cost->kept : 0));
            goes_on += is_long ? cost->beside : 0;
        }
    most = fmax(most, kept + goes_on + o->e->all[0].kept + o->e->all[0].beside);
    if (o->e->repeat_cases > 0)
        most = fmax(most, kept + goes_on + remembered(o, o->e->repeat_cases));
    return most + remembered(o, o->cases) + 16.0 * (double)c->ptr[c->n_users] + 8.0 * c->n_users;
}

/* Bytes at most; a part goes into the file before the next one is fitted. */
static double peak(const struct outlook *o)
{
    const struct pz_corpus *c = &o->e->t.corpus.c;
    bool rests = pz_corpus_can_rest(&o->e->t.corpus, o->e->t.ds);
    double kept = 0, most = 0;

    for (size_t p = 0; p < o->e->t.n; p++)
        if (has(o, p)) {
            kept += o->e->all[p].kept;
            most = fmax(most,
                        o->e->all[p].kept + o->e->all[p].beside - (rests ? o->e->all[p].rests : 0));
        }
    if (o->cases > 0)
        most = fmax(most, search_peak(o, kept));
    return WRITER + SLACK * (o->e->bytes + 4.0 * (double)c->ptr[c->n_users] + most);
}

static struct outlook look(const struct estimating *e, bool with, struct pz_log *log)
{
    struct outlook o = { .e = e, .with = with, .log = log };

    if (e->v.n_users > 0) {
        o.cases = e->v.first[e->v.n_users];
        o.memo = e->v.n_memo / o.cases;
    }
    return o;
}

/* Say how often the search will have a part score a case. A search counts the same, so that a plan
 * can be held against what came of it on any machine. */
static void foretell_cases(const struct estimating *e, bool with, struct pz_log *log)
{
    struct estimating counting = *e;
    struct outlook o = look(&counting, with, log);

    o.counts = true;
    counting.probe.rank_s = 0;
    for (size_t p = 0; p < e->t.n; p++) {
        counting.probe.start_s[p] = counting.probe.learn_s[p] = counting.probe.new_s[p] = 0;
        counting.probe.ask_s[p] = 1;
    }
    if (o.cases > 0)
        tuning_s(&o);
}

static struct pz_outlay foresee(const struct estimating *e, bool with, double keep,
                                struct pz_log *log)
{
    struct outlook o = look(e, with, log);

    return (struct pz_outlay){ e->begun_s + (o.cases > 0 ? tuning_s(&o) : 0) +
                                   stage(&o, "last fits and file", finishing_s(&o, keep)),
                               peak(&o) };
}

/* ---- all of it ---- */

/* What a trial's fit takes with the first switch turned. */
static enum pz_status cost_turned(struct estimating *e, size_t p, struct pz_err *err)
{
    struct pz_choice there = e->t.choice[p];
    size_t k = 0;

    while (k < there.scorer->n_settings && !pz_choice_is_region(&there, k))
        k++;
    e->turned[p] = e->train[p];
    if (k == there.scorer->n_settings)
        return PZ_OK;
    pz_choice_turn(&there, k);
    return pz_scorer_cost(there.scorer, &e->v.train, there.value, &e->turned[p], err);
}

/* What a trial's fit takes on average with a setting moved that takes a fit. Only whole numbers say
 * how much is done. */
static enum pz_status cost_moved(struct estimating *e, size_t p, struct pz_err *err)
{
    const struct pz_choice *c = &e->t.choice[p];
    const struct pz_fit_cost *usual = &e->train[p];
    struct pz_fit_cost *sum = &e->moved[p];
    double n = 0, work = 0, kept = 0;
    enum pz_status st = PZ_OK;

    for (size_t k = 0; k < c->scorer->n_settings; k++) {
        bool counts = c->scorer->settings[k].whole;

        if (!pz_plan_moves(c, k) || c->scorer->settings[k].read_out)
            continue;
        for (int up = -1; up <= 1 && st == PZ_OK; up += 2, n++) {
            struct pz_choice there = *c;

            *sum = *usual;
            there.value[k] = pz_choice_moved(c, k, up * 0.25);
            if (counts)
                st = pz_scorer_cost(c->scorer, &e->v.train, there.value, sum, err);
            work += sum->work_ns;
            kept += sum->kept;
        }
    }
    *sum = *usual;
    if (n > 0) {
        sum->work_ns = work / n;
        sum->kept = kept / n;
    }
    return st;
}

static enum pz_status count_part(struct estimating *e, size_t p, struct pz_err *err)
{
    const struct pz_choice *c = &e->t.choice[p];
    enum pz_status st = pz_scorer_cost(c->scorer, e->t.teach, c->value, &e->all[p], err);

    if (st == PZ_OK && e->v.n_users > 0)
        st = pz_scorer_cost(c->scorer, &e->v.train, c->value, &e->train[p], err);
    if (st == PZ_OK && e->v.n_users > 0)
        st = cost_turned(e, p, err);
    if (st == PZ_OK && e->v.n_users > 0)
        st = cost_moved(e, p, err);
    plan_stages(e, p);
    return st;
}

static enum pz_status count(struct estimating *e, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t p = 0; p < e->t.n && st == PZ_OK; p++)
        st = count_part(e, p, err);
    return st;
}

/* How many cases there are that keep what was seen, where that makes a difference. */
static enum pz_status cut_repeats(struct estimating *e, struct pz_err *err)
{
    struct pz_valid keep = { .metric = e->cfg.metric, .tune_for = e->cfg.tune_for };
    enum pz_status st = pz_valid_cut(e->t.teach, e->cfg.recipe->task, false,
                                     pz_tune_users(e->t.teach), e->cfg.seed, &keep, err);

    if (st == PZ_OK && pz_valid_n_truths(&keep) > pz_valid_n_truths(&e->v))
        e->repeat_cases = keep.first[keep.n_users];
    pz_valid_clear(&keep);
    return st;
}

/* The cases of the search, where there will be one. */
static enum pz_status cut(struct estimating *e, struct pz_err *err)
{
    const struct pz_recipe *recipe = e->cfg.recipe;
    enum pz_status st;

    e->v.metric = e->cfg.metric;
    e->v.tune_for = e->cfg.tune_for;
    if (e->cfg.n_trials == 0 || (e->t.n == 1 && e->t.choice[0].scorer->is_fallback))
        return PZ_OK;
    st = pz_valid_cut(e->t.teach, recipe->task, recipe->exclude_seen, pz_tune_users(e->t.teach),
                      e->cfg.seed, &e->v, err);
    if (st == PZ_OK && e->v.n_users > 0 && e->t.n > 1)
        st = pz_valid_remember(&e->v, err);
    return st == PZ_OK && e->v.exclude_seen ? cut_repeats(e, err) : st;
}

static enum pz_status try_parts(struct estimating *e, struct pz_err *err)
{
    enum pz_status st = pz_probe_parts(&e->v, e->t.choice, e->t.n, &e->t.trend, e->cfg.seed, e->log,
                                       &e->probe, err);

    for (size_t p = 0; p < e->t.n && st == PZ_OK; p++) {
        plan_stages(e, p); /* now that it is known what lists are worth */
        e->probe.ask_s[p] *= 1 + e->stages[p].beyond;
        e->probe.new_s[p] *= 1 + e->stages[p].beyond;
    }
    return st;
}

/* No part is tried: all take what this machine's speed says. */
static enum pz_status try_machine(struct estimating *e, struct pz_err *err)
{
    enum pz_status st = pz_estimate_speed(INFINITY, &e->probe.speed, err);

    for (size_t p = 0; p < e->t.n; p++)
        e->probe.start_s[p] = e->probe.learn_s[p] = e->probe.speed;
    return st;
}

/* What the training that was asked for takes, of what it takes with and without the part that takes
 * long. */
static void choose(const struct estimating *e, struct pz_estimate *out)
{
    const struct pz_scorer *slow = NULL;
    const char *asked;
    bool wanted, has;

    for (size_t p = 0; p < e->t.n; p++)
        slow = e->t.choice[p].scorer->any_time ? e->t.choice[p].scorer : slow;
    asked = slow ? pz_params_asked(&e->cfg, slow) : NULL;
    wanted = asked && strcmp(asked, "on") == 0;
    out->without = foresee(e, false, 0, NULL);
    if (slow) {
        out->slow = slow->name;
        out->with = foresee(e, true, 1, NULL);
    }
    has = slow && pz_training_decides(&e->t, slow);
    out->asked = foresee(e, has, wanted ? 1 : long_stays(e), e->log);
    foretell_cases(e, has, e->log);
}

enum pz_status pz_train_estimate(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                 struct pz_estimate *out, struct pz_err *err)
{
    struct estimating e = {
        .t = { .ds = ds }, .cfg = *cfg, .log = cfg->log, .bytes = (double)pz_mem_peak()
    };
    enum pz_status st;

    *out = (struct pz_estimate){ 0 };
    e.t.cfg = &e.cfg;
    e.cfg.log = NULL;
    e.searches_power = e.cfg.event_power <= 0;
    if (e.searches_power) /* what it takes is counted */
        e.cfg.event_power = PZ_EVENT_POWER;
    st = pz_training_prepare(&e.t, err);
    e.begun_s = pz_cpu_seconds();
    if (st == PZ_OK)
        st = cut(&e, err);
    if (st == PZ_OK)
        st = count(&e, err);
    if (st == PZ_OK)
        st = e.v.n_users > 0 ? try_parts(&e, err) : try_machine(&e, err);
    if (st == PZ_OK)
        choose(&e, out);
    pz_valid_clear(&e.v);
    pz_training_clear(&e.t);
    return st;
}
