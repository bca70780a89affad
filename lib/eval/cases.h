/* SPDX-License-Identifier: Apache-2.0 */
/* Test cases: what a model is asked, and what it ought to answer. */
#ifndef PZ_EVAL_CASES_H
#define PZ_EVAL_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "model/model.h"
#include "rank/rank.h"

/* One test case: ids as strings, borrowed from the cases. */
struct pz_case {
    const char *user_id;
    bool use_model; /* the history is the model's own of this user */
    const struct pz_live_event
        *past; /* [n_past] else it is this, oldest first, types and values kept */
    size_t n_past;
    const char *const *truth; /* [n_truth] different items */
    const float *gain;        /* [n_truth] weight of the item's event, > 0; NULL: all alike */
    size_t n_truth;
    int64_t now; /* when it is asked: at its first truth; 0: at the end of the data */
    bool early;  /* of cold items: within the item's first week */
};

struct pz_cases {
    struct pz_case *c; /* [n] */
    size_t n;
    const char *const *among; /* [n_among] only these items are ranked; NULL: the whole catalogue */
    size_t n_among;
    bool weighed;          /* cases have gains */
    struct pz_arena arena; /* what they point to */
};
/* Free everything; all-zero again. */
void pz_cases_clear(struct pz_cases *cases);

/* Cases of a split: every user with truth; the history is what roles say. role as pz_split_assign.
 * m: the model trained on the rest. Where it has event rules, truth of types and values that do not
 * count is no truth, and where their weights differ, truth has gains. */
enum pz_status pz_cases_from_split(const struct pz_dataset *ds, const uint8_t *role,
                                   const struct pz_model *m, struct pz_cases *cases,
                                   struct pz_err *err);

/* Cases of the split "cold-items": a user's first interaction with a cold item (role TRUTH), after
 * the history he had by then without cold items; none where that is empty. Ranked among the cold
 * items. */
enum pz_status pz_cases_from_cold(const struct pz_dataset *ds, const uint8_t *role,
                                  struct pz_cases *cases, struct pz_err *err);

/* Cases of a test dataset: each user's interactions are truth, whatever their types; the history is
 * the model's own, or, with history, that dataset's. Users without a history there get an empty
 * one. */
enum pz_status pz_cases_from_test(const struct pz_dataset *test, const struct pz_dataset *history,
                                  struct pz_cases *cases, struct pz_err *err);

#endif
