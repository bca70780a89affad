/* SPDX-License-Identifier: Apache-2.0 */
/* The options of learning that programs share, from texts to a training's settings. */
#ifndef PZ_TRAIN_OPTIONS_H
#define PZ_TRAIN_OPTIONS_H

#include "base/opt.h"
#include "base/str.h"
#include "train/train.h"

/* As option tables fill them. */
struct pz_train_options {
    struct pz_strs events, params, excluded; /* --event, --param, --exclude-column */
    const char *metric;                      /* --tune-metric */
    const char *tune_for;                    /* --tune-for: next, both, any or auto */
    long long tune, seed;
    double tune_time;   /* processor seconds */
    double event_power; /* --event-power; 0: not given */
    bool no_tune;
};

/* Fill cfg but for what programs say in ways of their own: recipe, keep, timeout, record_time.
 *
 * held_out  how a test is split off before, the text of --split or --holdout; NULL: none is
 *
 * Errors:  PZ_USAGE a bad event rule, metric or split; PZ_TRY_AGAIN memory is out; as
 *          pz_excluded_read
 * Owner:   cfg borrows from options, and owns its rules and columns: pz_train_options_clear, also
 *          after errors
 * Threads: one a cfg */
enum pz_status pz_train_options_read(const struct pz_train_options *options, const char *held_out,
                                     struct pz_log *log, struct pz_train_cfg *cfg,
                                     struct pz_err *err);
void pz_train_options_clear(struct pz_train_cfg *cfg);

/* The words that an option of learning takes, see struct pz_cmd: recipes, metrics, splits, -p.
 * Threads: any */
void pz_train_options_values(const char *option, struct pz_str *out);

/* ---- params_list.c ---- */

enum pz_list_form {
    PZ_LIST_TEXT, /* a table for people */
    PZ_LIST_JSON, /* an object a line */
    PZ_LIST_MDOC, /* for the manual */
    PZ_LIST_NAMES /* "NAME= NAME= ...", for completion */
};

/* Append all that -p can set: name, default, what is allowed and searched, meaning.
 * Threads: any */
void pz_params_list(struct pz_str *out, enum pz_list_form form);

/* Whether -p list is among them.
 * Threads: any */
bool pz_params_ask_list(const struct pz_strs *params);

#endif
