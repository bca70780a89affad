/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/: choosing settings and blend weights on a validation split of the training data. */
#ifndef PZ_MODEL_TUNE_H
#define PZ_MODEL_TUNE_H

#include "base/json.h"
#include "model/model.h"

#define PZ_MAX_SETTINGS 24

/* One part of the model to be: its scorer and the settings and weight chosen for it. */
struct pz_choice {
    const struct pz_scorer *scorer;
    double value[PZ_MAX_SETTINGS];
    bool fixed[PZ_MAX_SETTINGS]; /* the user set it: not tuned */
    double weight;
    bool weight_fixed;
};

struct pz_tune_cfg {
    uint32_t n_trials;  /* settings tried a scorer */
    double time_s;      /* processor seconds in all; 0: no limit */
    bool exclude_seen;  /* rank without the history's items */
    uint64_t seed;
    struct pz_log *log;
    json_t *trials;     /* array that receives an object a trial */
};

/* Choose settings and weights in place. Metric: nDCG@10 over validation users, truth = the newest tenth
 * (at least one) of an ordered history, a random tenth of an unordered one; at most 2,000 users. */
enum pz_status pz_tune(const struct pz_corpus *corpus, const struct pz_tune_cfg *cfg,
                       struct pz_choice *choice, size_t n_choices, double *softmax_scale,
                       struct pz_err *err);

#endif
