/* SPDX-License-Identifier: Apache-2.0 */
/* Test cases: what a model is asked, and what it ought to answer.
 *
 * Threads: any, each with cases of its own; models and datasets are only read. */
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
    uint32_t n_history; /* events of the history that count */
    int64_t now;        /* when it is asked: at its first ground truth, or where that has no time
                           at the newest event of the model's history; 0: at the end of the data */
    bool early;         /* of cold items: within the item's first week */
};

/* What is held out, counted. */
struct pz_held_out {
    uint64_t n_events;  /* that are held out */
    uint64_t n_counted; /* of these, those that count by the model's event rules */
    uint64_t n_items;   /* user and item pairs that they come to: the ground truth */
    uint64_t
        n_repeats;   /* of these, those whose item stands in the user's history: they cannot be hit
                         * where seen items are left out */
    uint64_t n_tied; /* users whose first held-out event has the time of an event of the history:
                         * which of the two came first, nobody knows */
    uint64_t n_amid; /* users whose history goes on after the first held-out event, if that has a
                      * time: what is asked is what is missing, not what comes next */
    uint64_t n_timeless; /* users whose held-out events have time 0, though their history has times:
                          * nobody knows which of the two is asked */
};

struct pz_cases {
    struct pz_case *c; /* [n] */
    size_t n;
    const char *const *among; /* [n_among] only these items are ranked; NULL: the whole catalogue */
    size_t n_among;
    bool weighed; /* cases have gains */
    struct pz_held_out held;
    struct pz_arena arena; /* what they point to */
};
/* Free everything; all-zero again. */
void pz_cases_clear(struct pz_cases *cases);

/* Where cases come from (all borrowed). */
struct pz_cases_source {
    const struct pz_dataset *test;
    const uint8_t *role; /* [test->n_interactions] as pz_split_assign: what has PZ_ROLE_TRUTH
                                       * is ground truth; NULL: everything is */
    const struct pz_dataset *history; /* the histories of users; NULL: the roles' for users who are
                                       * held out whole, else the model's own */
};

/* A case for each user with ground truth: what is held out and counts by the model's event rules;
 * where their weights differ, ground truth has gains. The one way to figures: a split and a test
 * dataset that was split off the same way give the same cases. Users without a history get an empty
 * one.
 *
 * m        the model that is judged; it says which events count
 * cases    overwritten
 * Errors:  PZ_TRY_AGAIN memory
 * Owner:   the caller clears cases, also after an error; they point to copies, not into `from`
 * Threads: any */
enum pz_status pz_cases_make(const struct pz_cases_source *from, const struct pz_model *m,
                             struct pz_cases *cases, struct pz_err *err);

/* How many held-out events a model has in its histories already, same user, item and time: it was
 * trained on what it is asked, and its figures say nothing.
 *
 * Errors:  PZ_TRY_AGAIN memory
 * Threads: any */
enum pz_status pz_cases_learned(const struct pz_cases_source *from, const struct pz_model *m,
                                uint64_t *n, struct pz_err *err);

/* Cases of the split "cold-items": a user's first interaction with a cold item (role TRUTH), after
 * the history they had by then without cold items; none where that is empty. Ranked among the cold
 * items.
 *
 * Errors:  PZ_TRY_AGAIN memory
 * Owner:   the caller clears cases, also after an error */
enum pz_status pz_cases_from_cold(const struct pz_dataset *ds, const uint8_t *role,
                                  struct pz_cases *cases, struct pz_err *err);

#endif
