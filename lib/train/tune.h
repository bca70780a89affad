/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: choosing settings and blend weights on a validation split of the training
 * data. */
#ifndef PZ_TRAIN_TUNE_H
#define PZ_TRAIN_TUNE_H

#include "base/json.h"
#include "model/model.h"
#include "train/validation.h"

struct pz_tune_cfg {
    uint32_t n_trials;  /* fits tried for each part */
    double time_s;      /* processor seconds in all; 0: no limit */
    double fit_limit_s; /* wall seconds of a fit that may stop early; 0: no limit */
    enum pz_task task;
    bool exclude_seen; /* rank without the history's items */
    struct pz_metric metric;
    uint64_t seed;
    struct pz_log *log;
    json_t *trials;   /* array that receives an object a trial */
    bool record_time; /* with its processor seconds */
};

/* Whether validation is on the newest users: they come and go and are many (see pz_valid_newest).
 */
bool pz_tune_newest(const struct pz_corpus *c);

/* How many fits of n_trials are tried for a part when there are n interactions: fewer on large
 * data, and half where there is no order. */
uint32_t pz_tune_fits(uint64_t n, bool ordered, uint32_t n_trials);

/* Choose settings and weights in place, on cases as valid.h cuts them. The first part's weight
 * stays 1. */
enum pz_status pz_tune(const struct pz_corpus *corpus, const struct pz_tune_cfg *cfg,
                       struct pz_choice *choice, size_t n_choices, double *softmax_scale,
                       struct pz_err *err);

/* ---- the search of one part's settings (search.c) ---- */

struct pz_search {
    const struct pz_valid *v;
    const struct pz_tune_cfg *cfg;
    struct pz_choice *choice;          /* [n_parts] */
    struct pz_part part[PZ_MAX_PARTS]; /* fitted on v->train; weight 0: not there yet */
    size_t n_parts;
    double until_s;              /* processor seconds of the process; 0: no limit */
    double trial_s;              /* processor seconds when the last trial ended */
    double *each;                /* [v->n_users] values of the blend as it stands */
    double *trial;               /* [PZ_WEIGHTS * v->n_users] of a trial */
    double mean;                 /* of each */
    bool idle;                   /* the last trial changed nothing */
    bool inert[PZ_MAX_SETTINGS]; /* of the part searched: moving it changed nothing */
};
#define PZ_WEIGHTS 8 /* weights tried at once */

/* Fit part p with its settings as they are and find its weight beside the parts before it.
 * The blend's values and mean become those with it. */
enum pz_status pz_search_begin(struct pz_search *s, size_t p, struct pz_err *err);

/* Look for better settings of part p beside the other parts, with at most n_fits new fits; n_fits =
 * 0 moves read-out settings and the weight only. */
enum pz_status pz_search_part(struct pz_search *s, size_t p, uint32_t n_fits, struct pz_err *err);

/* Look for a better value of read-out setting k of part p alone, on cases s->v that may be other
 * than before; all weights stay. s->each and s->mean become those on these cases. */
enum pz_status pz_search_setting(struct pz_search *s, size_t p, size_t k, struct pz_err *err);

#endif
