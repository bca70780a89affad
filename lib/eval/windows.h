/* SPDX-License-Identifier: Apache-2.0 */
/* Rolling origin: what a recipe is worth in use, window after window of the newest time.
 *
 *   pz_windows_run      train up to each window's beginning, judge on it
 *   pz_windows_text, pz_windows_json
 *   pz_windows_clear    in any case
 *
 * Threads: one at a time; training and evaluating use the others inside. */
#ifndef PZ_EVAL_WINDOWS_H
#define PZ_EVAL_WINDOWS_H

#include "base/json.h"
#include "eval/evaluate.h"
#include "eval/pool.h"
#include "train/train.h"

enum { PZ_MAX_WINDOWS = 50 };

/* Three ways to answer in a window, as columns. */
enum pz_window_way {
    PZ_WINDOW_RETRAINED,  /* trained on everything before the window */
    PZ_WINDOW_LIVE,       /* trained before the first window, with histories up to this one */
    PZ_WINDOW_POPULARITY, /* of everything before the window */
    PZ_WINDOW_WAYS
};

struct pz_window {
    int64_t from, to; /* [from, to) in Unix seconds */
    size_t n_users;
    double value[PZ_WINDOW_WAYS]; /* means over the users */
};

struct pz_windows {
    const char *protocol, *recipe; /* borrowed */
    uint64_t seed;
    uint32_t k;               /* of nDCG, that of how.k next to ten */
    struct pz_window *window; /* [n], owned */
    size_t n;
    struct pz_pool_sum
        against[PZ_WINDOW_WAYS]; /* retrained, paired with each way, over all windows */
};

/* Cut what a split by time holds out into n_windows of about as many events each, and judge each.
 *
 * spec   a split by time; what it holds out is cut
 * how    list lengths and seen rule, of which default is the recipe's
 * job    recipe, event rules, settings, tuning and log; keep is set here
 * Cost:    a training of the recipe, one of popularity and three evaluations per window
 * Errors:  PZ_USAGE the split is not by time; PZ_BAD_DATA no ground truth; what training says
 * Owner:   the caller clears out, also after an error */
enum pz_status pz_windows_run(const char *spec, size_t n_windows, const struct pz_strs *data,
                              const struct pz_eval_cfg *how, struct pz_train_cfg *job,
                              struct pz_windows *out, struct pz_err *err);
void pz_windows_clear(struct pz_windows *w);

/* Append a table for people. */
void pz_windows_text(struct pz_str *out, const struct pz_windows *w);

/* {"protocol", "recipe", "seed", "metric", "windows", "all"}; NULL when memory is out.
 *
 * Owner:   a new reference */
json_t *pz_windows_json(const struct pz_windows *w);

#endif
