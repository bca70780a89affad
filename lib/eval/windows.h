/* SPDX-License-Identifier: Apache-2.0 */
/* Rolling origin: what a recipe is worth in use, window after window of the newest time.
 *
 *   pz_windows_run      train up to each window's beginning, judge on it; or one window, as a job
 *   pz_windows_line     what such a job found
 *   pz_windows_unite    the lines of all jobs are what one run finds
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
    double value[PZ_WINDOW_WAYS];               /* means over the users */
    struct pz_pool_sum against[PZ_WINDOW_WAYS]; /* retrained, paired with each way */
    bool judged;                                /* value and against are known */
};

/* What to judge; all is borrowed. */
struct pz_windows_cfg {
    const char *split;          /* by time; what it holds out is cut */
    uint32_t n_windows;         /* of about as many events each; events of one time stay together */
    uint32_t only;              /* of the windows judge this one, from 1; 0: all */
    const struct pz_strs *data; /* paths of datasets */
    const struct pz_eval_cfg
        *how;                   /* list lengths and seen rule, of which default is the recipe's */
    struct pz_train_cfg *train; /* recipe, event rules, settings, tuning, log; keep is set here */
};

struct pz_windows {
    json_t
        *asked; /* data, protocol, recipe, rules and options: pz_train_question and more; owned */
    const char *protocol, *recipe; /* in it */
    uint64_t seed;
    uint32_t k;               /* of nDCG, that of how.k next to ten */
    uint32_t n_asked, only;   /* as in struct pz_windows_cfg */
    struct pz_window *window; /* [n], owned */
    size_t n;                 /* fewer than asked where many events are of one time */
};

/* Cut what a split by time holds out, and judge each window, or the one that is asked for.
 *
 * Cost:    a training of the recipe, one of popularity and three evaluations per window; of one
 *          that is not the first, asked for alone, a training more, up to the first
 * Errors:  PZ_USAGE the split is not by time; PZ_BAD_DATA no ground truth; what training says
 * Owner:   the caller clears out, also after an error */
enum pz_status pz_windows_run(const struct pz_windows_cfg *cfg, struct pz_windows *out,
                              struct pz_err *err);
void pz_windows_clear(struct pz_windows *w);

/* Append the line of a single window: a JSON object that is the same on any machine.
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_windows_line(const struct pz_windows *w, struct pz_str *line, struct pz_err *err);

/* Put the lines of all windows together, in whatever order and files they come: text and JSON have
 * the bytes that one run of all windows gives.
 *
 * path     [n] files, "-" is standard input; a file may hold many lines
 * Errors:  PZ_BAD_DATA a line is none or of another question, or windows are missing; PZ_TRY_AGAIN
 *          memory; as pz_rows_open
 * Owner:   the caller clears out, also after an error */
enum pz_status pz_windows_unite(const char *const *path, size_t n, struct pz_windows *out,
                                struct pz_err *err);

/* Append a table for people. */
void pz_windows_text(struct pz_str *out, const struct pz_windows *w);

/* {"protocol", "recipe", "seed", "metric", "windows", "all"}; NULL when memory is out.
 *
 * Owner:   a new reference */
json_t *pz_windows_json(const struct pz_windows *w);

#endif
