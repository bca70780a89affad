/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: step 1, the history: what the user did and what is known of them.
 *
 * Threads: one a history, which belongs to one ranker. */
#ifndef PZ_RANK_HISTORY_H
#define PZ_RANK_HISTORY_H

#include "rank/asked.h"

enum { PZ_HIST_MAX = 500 /* events that scorers read */, PZ_MET = 4096 };

/* One event of the user's past. */
struct pz_past {
    uint32_t item;    /* the model's index */
    const char *type; /* n_type bytes, not NUL-terminated, borrowed; NULL: none */
    size_t n_type;
    int64_t time;
    float weight; /* as training gave it; 0: does not count; below 0: nor for scoring, but seen */
};

/* Everything that happened, oldest first, and what the scorers read of it. Live events that came
 * as rows which stand for several stay where they lie, unless the others are too few or the answer
 * is to be explained. Kept from query to query for its memory; pz_history_read fills all of it
 * anew. */
struct pz_history {
    struct pz_past *past; /* [n_past] */
    size_t n_past;
    const struct pz_live_run *run; /* of the request: rows that are not in past */
    size_t before_run;             /* where in past they would be */
    uint32_t user;                 /* the model's index; PZ_NONE: not known to it */
    uint64_t live_last;            /* number of the newest live event in past */
    uint32_t *live_item;   /* [live events of the request] the model's item, PZ_NONE: none */
    int64_t now;           /* of rules about age: the request's, else the newest thing known */
    struct pz_query query; /* borrows from the arrays below */
    struct pz_query known; /* the same without items that came since training */
    uint32_t *hist;        /* backing of query, then of known; the next two, too */
    int64_t *hist_time;
    float *hist_weight;
    struct pz_given *given;   /* [n_given] user attributes */
    struct pz_given *context; /* [n_context] */
    size_t n_given, n_context;
    uint32_t *met; /* [PZ_MET] items looked up lately, by a hash of their ids; any value is good */
    size_t cap_past, cap_live, cap_hist[3], cap_given, cap_context;
};

/* Fill the history from the model, live events and the request's own, in this order.
 *
 * Errors:  PZ_USAGE a context that is no column, or has a value that it cannot have; PZ_TRY_AGAIN
 *          memory
 * Threads: one a history */
enum pz_status pz_history_read(struct pz_history *h, const struct pz_asked *asked,
                               struct pz_err *err);

/* Replace what scorers read by one event with an item, which others are related to; past stays.
 *
 * item     PZ_NONE: no event at all
 * Errors:  PZ_TRY_AGAIN memory
 * Threads: one a history */
enum pz_status pz_history_of_item(struct pz_history *h, const struct pz_asked *asked, uint32_t item,
                                  struct pz_err *err);

/* Whether a live event counts: those after a page's snapshot do not. */
bool pz_history_counts(const struct pz_request *req, const struct pz_live_event *event);

/* The rows that count: those of a page's snapshot do, or none.
 *
 * Owner:   the request */
const struct pz_live_run *pz_history_run(const struct pz_request *req);

/* What row i of a run comes to, into *to, which is that of row i - 1, whose type is the same.
 * weight: of the run's type */
void pz_history_of_row(const struct pz_type_weight *weight, const struct pz_live_run *run, size_t i,
                       struct pz_past *to);

/* Free the memory; all-zero is accepted. */
void pz_history_clear(struct pz_history *h);

#endif
