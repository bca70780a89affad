/* SPDX-License-Identifier: Apache-2.0 */
/* Private to campaign/: a tally of live events for the sake of items that training did not see: how
 * many users have each of them now, and after which items. It goes on from where it was: counted is
 * what came since, and a file of the version (versions/NNNN/tally.pz) keeps it.
 *
 * Like items.flat the file follows from the version and the store: whoever finds that it is of
 * others, or damaged, or not there, counts all events that the version has not seen.
 *
 * Threads: a tally does not change once it is made. */
#ifndef PZ_CAMPAIGN_TALLY_H
#define PZ_CAMPAIGN_TALLY_H

#include "live/live_data.h"
#include "live/store.h"
#include "model/arrivals.h"
#include "model/model.h"

struct pz_view;

/* Events of one item after another, of distinct pairs of user and item. Weighted by time: an event
 * counts twice what one counts a half-life before. */
struct pz_tally_pair {
    uint32_t item;     /* of a history: the model's index, behind those of the unseen items */
    uint32_t follower; /* index of an unseen item; PZ_NONE: whatever came after */
    double weight;
};

/* An item that training did not see. */
struct pz_tally_item {
    double sum, square; /* of its users' weights, and of the squares of these */
    double before;      /* what the tally's total was when it came */
    uint32_t users;     /* how many */
};

struct pz_tally {
    uint64_t upto;      /* the last event counted */
    uint64_t check;     /* a hash of it: another with its number is of another past */
    uint64_t epoch;     /* the first event of an unseen item; 0: there is none. Pairs begin there */
    double total;       /* weight of all events */
    double now;         /* weight of an event at the time of the newest */
    struct pz_dict ids; /* items that training did not see */
    struct pz_tally_item *item; /* [ids.n] */
    struct pz_tally_pair *pair; /* [n_pairs] by item, then follower */
    size_t n_pairs;
    uint32_t n_learned; /* items of the model */
};

/* Count what came after t->upto, of a store whose versions have seen events up to `seen`.
 *
 * same     out: false where t->upto is not the event that it was: t is then of another past
 * Errors:  as pz_live_each; PZ_TRY_AGAIN memory is out. t is then fit for pz_tally_free alone
 * Threads: one */
enum pz_status pz_tally_count(struct pz_tally *t, const struct pz_model *m,
                              struct pz_live_store *store, uint64_t seen, bool *same,
                              struct pz_err *err);

/* The tally of the view's store, up to now.
 *
 * v        its model is not extended yet
 * old      of an older view of the campaign; NULL: none
 * Errors:  as pz_live_each; PZ_TRY_AGAIN memory is out
 * Owner:   *out: pz_tally_free; NULL: no events, or a failure
 * Threads: one, which has the view alone */
enum pz_status pz_tally_make(const char *campaign, const struct pz_view *v,
                             const struct pz_tally *old, struct pz_tally **out, struct pz_err *err);

/* Accepts NULL. */
void pz_tally_free(struct pz_tally *t);

/* A hash of the items that pz_tally_rows is about; 0: there are none.
 * Threads: any */
uint64_t pz_tally_mark(const struct pz_tally *t);

/* Rows without values for items that are known from events alone, of two users or more, where no
 * overlay has them.
 *
 * put      [n] overlays; NULL ones are passed over
 * Errors:  PZ_TRY_AGAIN memory is out
 * Owner:   *out: pz_overlay_free; NULL: there are none
 * Threads: any */
enum pz_status pz_tally_rows(const struct pz_tally *t, const struct pz_overlay *const *put,
                             size_t n, struct pz_overlay **out, struct pz_err *err);

/* What the tally says of items that a model got by its extension.
 *
 * Errors:  PZ_TRY_AGAIN memory is out
 * Owner:   *out: pz_arrivals_free; NULL: it says nothing
 * Threads: any */
enum pz_status pz_tally_arrivals(const struct pz_tally *t, const struct pz_model *m,
                                 struct pz_arrivals **out, struct pz_err *err);

/* Whether an event came since with an item that training did not see.
 *
 * after    number of the last event that was looked at
 * Errors:  none: where events cannot be read none came
 * Threads: any */
bool pz_tally_is_behind(const struct pz_model *m, struct pz_live_store *store, uint64_t after);

#endif
