/* SPDX-License-Identifier: Apache-2.0 */
/* The corpus: what learning sees of a dataset. Interactions that count (event types and thresholds
 * applied), each with its weight; histories by user in time order. Scorers know nothing else of
 * data.
 *
 * Threads: any number may read the same corpus; one while it is made or cleared. */
#ifndef PZ_DATA_CORPUS_H
#define PZ_DATA_CORPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/number.h"
#include "data/attrs.h"
#include "data/dataset.h"

struct pz_corpus {
    uint32_t n_users, n_items; /* of the dictionaries: users and items without interactions count */
    const uint64_t *ptr;       /* [n_users + 1] */
    const uint32_t *item;      /* [ptr[n_users]] */
    const int64_t *time;       /* [ptr[n_users]] Unix seconds, ascending within a user */
    const float *weight;       /* [ptr[n_users]] > 0; 1 for every event when no weights are set */
    const uint8_t *event;      /* [ptr[n_users]] event type index, or NULL */
    const struct pz_attrs *item_attrs; /* rows = n_items; NULL or n_attrs = 0 when there are none */
    const struct pz_attrs *user_attrs; /* rows = n_users; likewise */
    const struct pz_attrs *context;    /* rows = ptr[n_users], parallel to item; likewise */
    const uint64_t *all_ptr; /* [n_users + 1] as ptr, but of all users, where of several ranks each
                                has the events of its own alone (shares.h); NULL: it has all */
    uint32_t first_user, end_user; /* those are its own then; the others look as if without */
    int64_t newest;                /* where the data end (pz_newest); 0 when empty */
    uint64_t beyond;    /* events later than that: ages take them for ones of that time */
    bool ordered;       /* pz_order_known: what depends on order is not learned without it */
    double event_power; /* by which scorers damp weights, see pz_weight_damp; pz_corpus_make: 0 */
    bool wishes; /* events of a user with an item are steps of one wish; pz_corpus_make: false */
};

/* The time of event p as ages are counted from it: not after newest. */
static inline int64_t pz_corpus_time(const struct pz_corpus *c, uint64_t p)
{
    return c->time[p] < c->newest ? c->time[p] : c->newest;
}

/* Events of all users, whether this rank has them or not. */
static inline uint64_t pz_corpus_size(const struct pz_corpus *c)
{
    return (c->all_ptr ? c->all_ptr : c->ptr)[c->n_users];
}

/* The same of one user. */
static inline uint64_t pz_corpus_events(const struct pz_corpus *c, uint32_t user)
{
    const uint64_t *ptr = c->all_ptr ? c->all_ptr : c->ptr;

    return ptr[user + 1] - ptr[user];
}

/* Seconds from the oldest event to `newest`; 0 without events. Cost: a look at each time. */
double pz_corpus_span(const struct pz_corpus *c);

/* One --event TYPE:weight=W,threshold=T. Interactions of types that no rule names are left out when
 * there is any rule; values below the threshold are left out (a missing value passes). */
struct pz_event_rule {
    const char *type; /* compared without regard to case; borrowed */
    double weight;    /* > 0; only ratios matter: scaled so that the largest is 1 */
    double threshold; /* -INFINITY: none; NAN: training chooses, until then none */
    bool unasked; /* training chose it by itself: what lies below does not teach, but it happened,
                     and types that no rule names are learned from. Type "" is any type */
};

/* Whether an event's value (NAN: none) reaches a threshold, both as floats, which is how datasets
 * keep values. An event without a value passes every threshold. */
static inline bool pz_value_reaches(double value, double threshold)
{
    return !(pz_as_float(value) < pz_as_float(threshold));
}

/* Parse n texts like "purchase:weight=1,threshold=0.5"; the type alone means weight 1. *rules: [n].
 *
 * Errors: PZ_USAGE names the text; PZ_TRY_AGAIN memory is out
 * Owner:  the caller frees *rules, in any case; the types lie behind them in one block */
enum pz_status pz_event_rules_parse(const char *const *text, size_t n, struct pz_event_rule **rules,
                                    struct pz_err *err);

/* A corpus, and those of its arrays that it owns. */
struct pz_corpus_own {
    struct pz_corpus c;
    void *owned[9];   /* arrays to free; NULL entries are allowed */
    unsigned resting; /* see pz_corpus_rest */
    float each;       /* weight, where weights rest */
};

/* Make the corpus of a dataset. keep: [n_interactions] 1 for interactions to use (a split), NULL
 * for all. Ranks that have all of the dataset come here together, and have what is copied in common
 * where they can; so with pz_corpus_ranges.
 *
 * Errors: PZ_USAGE a rule names an unknown type ("did you mean"); PZ_TRY_AGAIN memory is out
 * Owner:  *out, until pz_corpus_clear; attribute tables, and arrays where all interactions count,
 *         are borrowed from ds, which must outlive it */
enum pz_status pz_corpus_make(const struct pz_dataset *ds, const struct pz_event_rule *rules,
                              size_t n_rules, const uint8_t *keep, struct pz_corpus_own *out,
                              struct pz_err *err);
void pz_corpus_clear(struct pz_corpus_own *own);

enum { PZ_CORPUS_TIMES = 1, PZ_CORPUS_WEIGHTS = 2 };

/* Times or weights that nobody reads for a while: give their memory back, where they can be had
 * again, and have them again at the same place. In between they are anything. Of a corpus that
 * borrows its columns from ds, on one rank, times can where the dataset can
 * (pz_dataset_rest_times), weights where all are alike; of another nothing rests.
 *
 * can_rest  whether anything may
 * what    PZ_CORPUS_TIMES | PZ_CORPUS_WEIGHTS, or one of them
 * Errors: wake: as pz_dataset_wake_times
 * Threads: nobody else reads them, in this corpus or another of the same dataset */
bool pz_corpus_can_rest(const struct pz_corpus_own *own, const struct pz_dataset *ds);
void pz_corpus_rest(struct pz_corpus_own *own, const struct pz_dataset *ds, unsigned what);
enum pz_status pz_corpus_wake(struct pz_corpus_own *own, const struct pz_dataset *ds, unsigned what,
                              struct pz_err *err);

/* The part of a corpus that has of each user a range of events.
 *
 * from, to  [c->n_users] positions: ptr[u] <= from <= to <= ptr[u + 1]; equal: nothing of that user
 * Errors:   PZ_TRY_AGAIN memory is out; *out is then all-zero
 * Owner:    *out, until pz_corpus_clear; attributes of items and users stay borrowed */
enum pz_status pz_corpus_ranges(const struct pz_corpus *c, const uint64_t *from, const uint64_t *to,
                                struct pz_corpus_own *out, struct pz_err *err);

/* The weight of every interaction of ds under the rules, 0 for those that are left out, and less
 * than 0 for those that an unasked threshold keeps from teaching.
 *
 * weight  the caller's [n_interactions]
 * Errors: as pz_corpus_make */
enum pz_status pz_corpus_weights(const struct pz_dataset *ds, const struct pz_event_rule *rules,
                                 size_t n_rules, float *weight, struct pz_err *err);

/* An event weight damped for learning: weight^power, 1 for 1, by the power of the corpus, of the
 * query (struct pz_query) or of the model; 0 stands for PZ_EVENT_POWER. A weight says what is
 * wanted, and in full it would leave too few events to learn from. */
float pz_weight_damp(float weight, double power);
#define PZ_EVENT_POWER 0.125

#endif
