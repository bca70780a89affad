/* SPDX-License-Identifier: Apache-2.0 */
/* pz-eval: what its option table fills in, and windows of time. */
#ifndef PZ_CMD_EVAL_H
#define PZ_CMD_EVAL_H

#include "base/json.h"
#include "base/opt.h"
#include "eval/judge.h"
#include "train/options.h"

struct eval_cfg {
    const char *split, *output, *history, *seen, *per_user, *k, *vs, *gate, *report, *objective;
    struct pz_strs recipes;
    bool parts;
    long long pool_days, windows;
    const char *window;
    struct pz_strs with_windows;
    struct pz_train_options learn;
    struct pz_common common;
};

/* Print text (taken), or in its place a document in JSON (taken) where there is one. */
enum pz_status eval_print(struct pz_str *text, json_t *doc, struct pz_err *err);

/* Whether --windows and --window go with the other options; PZ_OK without them.
 * Errors: PZ_USAGE with what is needed */
enum pz_status eval_check_windows(const struct eval_cfg *cfg, struct pz_err *err);

/* --windows: judge and print the table; --window: judge one and print its line. v has recipe, list
 * lengths and seen rule. */
enum pz_status eval_windows(const struct eval_cfg *cfg, const struct pz_strs *args,
                            const struct pz_verdict *v, struct pz_err *err);

/* --with-windows: the table from the lines of all windows; operands are further files of lines, as
 * a shell's pattern gives them. */
enum pz_status eval_with_windows(struct eval_cfg *cfg, const struct pz_strs *args,
                                 struct pz_err *err);

#endif
