/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: choosing settings and blend weights on a validation split of the training
 * data.
 *
 * Threads: a search belongs to one thread; its fits and judgements use all cores. */
#ifndef PZ_TRAIN_TUNE_H
#define PZ_TRAIN_TUNE_H

#include "base/json.h"
#include "model/model.h"
#include "train/validation.h"

/* The settings of the trend of items (model/trend.h) as if it were a part: a name and settings for
 * struct pz_choice, nothing to call. */
extern const struct pz_scorer pz_trend_choice;
enum pz_trend_set { PZ_TREND_POWER, PZ_TREND_HALF_LIFE /* days */, PZ_TREND_RATE, PZ_TREND_N };

/* Its defaults and ranges for a corpus: half-lives are shares of the time that the events span. */
void pz_trend_choice_init(struct pz_choice *c, const struct pz_corpus *corpus);

/* The trend of a corpus as chosen.
 * Errors: as pz_trend_make
 * Owner:  the caller clears *out */
enum pz_status pz_trend_chosen(const struct pz_choice *c, const struct pz_corpus *corpus,
                               struct pz_trend *out, struct pz_err *err);

/* Whether lists are better with what was seen. */
enum pz_seen_verdict { PZ_SEEN_UNJUDGED, PZ_SEEN_BETTER_HIDDEN, PZ_SEEN_BETTER_KEPT };

struct pz_tune_cfg {
    uint32_t n_trials;  /* fits tried for each part */
    double time_s;      /* processor seconds in all; 0: no limit */
    double end_s;       /* wall seconds of the process when all is learned, the fits after tuning
                           included; 0: no limit */
    double fit_limit_s; /* wall seconds of a fit that may stop early; 0: no limit */
    enum pz_task task;
    bool exclude_seen;            /* rank without the history's items */
    const struct pz_corpus *seen; /* and without these; NULL: there are none */
    struct pz_metric metric;
    enum pz_tune_for tune_for;
    uint64_t seed;
    uint32_t search; /* number of a search that begins with jumps; 0 and 1: the usual one */
    struct pz_log *log;
    json_t *trials;   /* array that receives an object a trial */
    json_t *check;    /* object that receives the held-out check (check.c); NULL: none */
    double *slice_s;  /* receives how long the newest slice is by which weights for now were found
                        beside those for what comes next; NULL: there are no such */
    bool record_time; /* with its processor seconds */
    enum pz_seen_verdict *seen_verdict; /* receives it; NULL: not asked */
};

/* Whether validation is on the newest users: they come and go and are many (see pz_valid_newest).
 */
bool pz_tune_newest(const struct pz_corpus *c);

/* How many users a search draws to be judged, and how many at most by the number of items. */
uint32_t pz_tune_users(const struct pz_corpus *c);
uint32_t pz_tune_most(uint32_t n_items);

/* How many fits of n_trials are tried for a part when there are n interactions: fewer on large
 * data, and half where there is no order. */
uint32_t pz_tune_fits(uint64_t n, bool ordered, uint32_t n_trials);

/* Choose settings and weights in place, on cases as validation.h cuts them, and the trend of items
 * where a slice of time is judged; trend NULL: there is none. The first part's weight stays 1.
 * Errors: PZ_INTERRUPTED a signal asked for the end; PZ_TRY_AGAIN memory is out; as
 * pz_scorer.fit */
enum pz_status pz_tune(const struct pz_corpus *corpus, const struct pz_tune_cfg *cfg,
                       struct pz_choice *choice, size_t n_choices, struct pz_choice *trend,
                       double *softmax_scale, struct pz_err *err);

/* Make again the parts that a search left to be finished (pz_choice.reached), as it made them.
 * Errors: as pz_tune */
enum pz_status pz_tune_again(const struct pz_corpus *corpus, const struct pz_tune_cfg *cfg,
                             struct pz_choice *choice, size_t n_choices, struct pz_err *err);

/* ---- the search of one part's settings (search.c) ---- */

/* What the line of progress is guessed from (forecast.c). */
struct pz_forecast {
    size_t n;               /* parts that will be tried; 0: nothing is guessed */
    uint32_t n_fits;        /* for each */
    double began_s;         /* wall seconds */
    uint32_t done, of_part; /* trials in all, and of the part under way */
    size_t part;            /* which is the last of so many */
};

struct pz_search {
    const struct pz_valid *v;
    const struct pz_tune_cfg *cfg;
    struct pz_choice *choice;          /* [n_parts] */
    struct pz_part part[PZ_MAX_PARTS]; /* fitted on v->train; weight 0: not there yet */
    struct pz_choice *trend;           /* NULL: none is searched */
    struct pz_trend now;               /* of v->train, by *trend */
    size_t n_parts;
    uint32_t versions;            /* that parts have had: each state of each has its own */
    double until_s;               /* processor seconds of the process; 0: no limit */
    double fit_s[PZ_MAX_PARTS];   /* wall seconds of a part's last fit */
    double reached[PZ_MAX_PARTS]; /* to which effort a part that can be finished learned; else 0 */
    double longest_s;             /* wall seconds of the longest fit */
    double trial_s;               /* processor seconds when the last trial ended */
    double stage_s, fitted_s;     /* when the last stage ended; of fits since */
    uint64_t asked;               /* how often a part scored a case since */
    double *each;                 /* [v->n_users] values of the blend as it stands */
    double *trial;                /* [PZ_WEIGHTS * v->n_users] of a trial */
    double *untuned;              /* [v->n_users] values of the defaults; NULL: not asked */
    bool knows_untuned;           /* it holds them */
    double mean;                  /* of each */
    double share[PZ_MAX_PARTS];   /* of a whole search that the part's settings are worth */
    struct pz_forecast forecast;
    bool repeats;                              /* cases keep what was seen, for that alone */
    bool in_heat;                              /* the first quarter of the users decides */
    bool idle;                                 /* the last trial changed nothing */
    bool inert[PZ_MAX_PARTS][PZ_MAX_SETTINGS]; /* moving it changed nothing, in this region */
};
#define PZ_WEIGHTS 8 /* weights tried at once */

/* Fit part p with its settings as they are and find its weight beside the parts before it.
 * The blend's values and mean become those with it.
 * Errors: as pz_scorer.fit and pz_valid_judge
 * Owner:  the search has the part, also after a failure */
enum pz_status pz_search_begin(struct pz_search *s, size_t p, struct pz_err *err);

/* Look for better settings of part p beside the other parts, with at most n_fits new fits, or
 * s->share[p] of them and of the moves of read-outs; n_fits = 0 moves read-out settings only.
 * Errors: as pz_search_begin */
enum pz_status pz_search_part(struct pz_search *s, size_t p, uint32_t n_fits, struct pz_err *err);

/* Fix, of the first n choices, what the cases cannot judge: a trend is that of the end of the data,
 * and other cases would judge it by chance. */
void pz_search_leave_trend(const struct pz_search *s, size_t n);

/* Find the weight of part p beside the others all over again, 0 included and else from a tenth to a
 * hundred times `unit`, on cases s->v that may be other than before. s->each and s->mean become
 * those on these cases.
 * Errors: as pz_valid_judge */
enum pz_status pz_search_weight(struct pz_search *s, size_t p, double unit, struct pz_err *err);

/* Look for a better value of read-out setting k of part p alone, on cases s->v that may be other
 * than before; all weights stay. s->each and s->mean become those on these cases.
 * Errors: as pz_valid_judge */
enum pz_status pz_search_setting(struct pz_search *s, size_t p, size_t k, struct pz_err *err);

/* Move the weights of all parts that have one together, until nothing is gained.
 * Errors: as pz_valid_judge_moves */
enum pz_status pz_search_balance(struct pz_search *s, struct pz_err *err);

/* Look for a trend of items that makes the parts as they stand better: all over its range, or,
 * fine, around what it is. Weights and settings of parts stay.
 * Errors: as pz_trend_make and pz_valid_judge */
enum pz_status pz_search_trend(struct pz_search *s, bool fine, struct pz_err *err);

/* Fit part p in stages and find out by setting k how much it shall learn (search_effort.c).
 * Otherwise as pz_search_begin.
 * Errors: as pz_search_begin; pz_scorer.more */
enum pz_status pz_search_stages(struct pz_search *s, size_t p, size_t k, struct pz_err *err);
/* The setting of effort that is searched; SIZE_MAX: none is. */
size_t pz_search_effort(const struct pz_choice *c);

/* Set the blend as it stands beside simple answers on the users of the newest slice of time, and
 * take one that does better there (close.c). untuned, trend: choices as they were before the
 * search; trend NULL: none. Where a slice is judged only.
 * Errors: as pz_search_begin */
enum pz_status pz_search_close(struct pz_search *s, const struct pz_choice *untuned,
                               const struct pz_choice *trend, struct pz_err *err);

/* Other weights than those found, which stay, for such lists: sought from those of lists that hold
 * what was seen, where there are such and lists may, by the cases of the search; of what comes next
 * by those beside the slice.
 * Errors: as pz_valid_judge_moves */
enum pz_status pz_search_weigh(struct pz_search *s, enum pz_lists lists, struct pz_err *err);

/* The same for lists that hold what was seen, by parts fitted once more, with the settings found,
 * on all of the corpus but users' last events: no slice is held out (search_whole.c).
 * Errors: as pz_search_begin, and PZ_TRY_AGAIN memory is out */
enum pz_status pz_search_whole(struct pz_search *s, const struct pz_corpus *corpus,
                               enum pz_lists lists, struct pz_err *err);

/* Say in out what the blend as it stands is worth on the cases, and what it gained over the choices
 * as they were before the search (check.c): users, value, gain, gain_error and metrics.
 * Errors: as pz_search_begin
 * Owner:  the caller has out */
enum pz_status pz_search_check(struct pz_search *s, const struct pz_choice *untuned,
                               const struct pz_choice *trend, json_t *out, struct pz_err *err);

/* ---- for the files of the search ---- */

/* The values of a blend of parts on the cases, into each; parts without a weight are left out.
 * Errors: as pz_valid_judge */
enum pz_status pz_search_judge(const struct pz_search *s, const struct pz_part *part, double *each,
                               struct pz_err *err);
/* The same of the choices as they were before the search, into s->untuned, parts that take long
 * aside: fitted for this alone, unless the closing comparison has judged them.
 * Errors: as pz_search_begin */
enum pz_status pz_search_judge_untuned(struct pz_search *s, const struct pz_choice *untuned,
                                       const struct pz_choice *trend, struct pz_err *err);

/* Whether setting k is searched and has two values; whether, beside that, the other one wants a
 * fit, which may lead anywhere. */
bool pz_choice_is_switch(const struct pz_choice *c, size_t k);
bool pz_choice_is_region(const struct pz_choice *c, size_t k);

/* The first setting of effort from k on; SIZE_MAX: there is none. Whether its range has room for
 * twice the value of setting k. */
size_t pz_choice_effort(const struct pz_choice *c, size_t k);
bool pz_choice_may_double(const struct pz_choice *c, size_t k);

/* Whether what part p learns here is finished on all data. Not where the newest slice of time is
 * held out: it would be read too little (MovieLens 100K, each user's last, nDCG@10 with the rest of
 * a run beside a fit from the start: three passes -.0064, standard error .0030, part of which are
 * other kernels; with six and a half -.0008, .0030, which takes as long as the fit). */
bool pz_search_finishes(const struct pz_search *s, size_t p);

/* Give setting k, of two values, the other one. */
void pz_choice_turn(struct pz_choice *c, size_t k);

/* The mean gain of a over b in standard errors, of the first n users / of those of them whose cases
 * are of the newest slice, where there is one; equal values give 0. */
double pz_search_gain(const double *a, const double *b, uint32_t n);
double pz_search_gain_late(const struct pz_search *s, const double *a, const double *b, uint32_t n);
double pz_search_mean(const double *each, uint32_t n);
bool pz_search_out_of_time(const struct pz_search *s);
/* Out of the time of the whole run, in which parts are fitted after the search. */
bool pz_search_must_end(const struct pz_search *s);
/* The value of setting k a share of its range further on; the same when there is nowhere to go. */
double pz_choice_moved(const struct pz_choice *c, size_t k, double step);
/* Weights to try for a part, w[PZ_WEIGHTS]: around the one it has, or the default and all over for
 * a new part. The first part, whose weight the others are measured by, keeps one. Returns how
 * many. */
size_t pz_search_weights(const struct pz_search *s, size_t p, bool is_new, double *w);
/* New part p joins the blend with the best of weights w[n_w], whose values are in s->trial. */
void pz_search_join(struct pz_search *s, size_t p, const double *w, size_t n_w);
/* A stage has ended: say what it took, in the words of estimate.c. */
void pz_search_stage(struct pz_search *s, const char *name);
/* After a trial: say what is left. */
void pz_search_forecast(struct pz_search *s);
/* Put a trial into the log and the list of trials. */
void pz_search_note(struct pz_search *s, const struct pz_choice *c, double weight, double mean,
                    uint32_t users, bool won);

enum {
    PZ_RUNG_MIN = 100, /* users of a first heat */
    PZ_SCAN_STEPS = 6,
    PZ_BALANCE_STEPS = 5,     /* weights of a part beside the one that it has */
    PZ_BALANCE_COLD_STEPS = 3 /* and of what it has more while little is known of the user */
};
/* The share of the blend's value that a part must bring by its defaults for a whole search of its
 * settings; one that brings less gets so much less of it. */
#define PZ_SEARCH_WHOLE 0.02

#endif
