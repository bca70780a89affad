/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: a query under way. rank.c says in which order the steps run; each step is a
 * file of its own that reads what earlier ones left here and adds its part. */
#ifndef PZ_RANK_RANKER_H
#define PZ_RANK_RANKER_H

#include "base/bits.h"
#include "rank/explore.h"
#include "rank/rank.h"

/* One event of the user's past. */
struct pz_past {
    uint32_t item;    /* the model's index */
    const char *type; /* n_type bytes, not NUL-terminated, borrowed; NULL: none */
    size_t n_type;
    int64_t time;
    float weight; /* as training gave it; 0: does not count for scoring */
};

/* A column of Items as it is now: the model's, overlaid by rows put since. */
struct pz_column {
    const struct pz_attr *base; /* NULL: the model lacks it */
    const struct pz_attr *over; /* NULL: the overlay lacks it, or there is none */
    const struct pz_overlay *overlay;
    const struct pz_dict *items;
};

/* Items placed so far by value of a column: an open hash table. */
struct pz_tally {
    struct pz_tally_cell {
        uint64_t key;
        uint32_t count; /* 0: free */
    } * cell;
    size_t n_cells, used; /* n_cells: a power of 2 */
};

/* A candidate's standing in the choice by maximal marginal relevance. */
struct pz_slot {
    float relevance; /* share of the best candidate's */
    float alike;     /* largest similarity to what was chosen */
    float norm;      /* of its vector */
    bool taken;
};

/* The objective in force: factor = (value / largest)^power. */
struct pz_objective {
    struct pz_column column;
    double least, largest, power; /* smallest positive and largest value */
    bool on;
};

enum { PZ_MAX_CAPS = 8, PZ_HIST_MAX = 500 /* events that scorers read */ };

struct pz_ranker {
    const struct pz_model *m;
    const struct pz_request *req; /* being answered */

    /* history: everything that happened, oldest first, and what the scorers read of it (in q) */
    struct pz_past *past; /* [n_past] */
    size_t n_past, cap_past;
    uint32_t user;  /* the model's index; PZ_NONE: not known to it */
    uint32_t *hist; /* backing of q, then of known */
    int64_t *hist_time;
    float *hist_weight;
    size_t cap_hist[3];
    struct pz_query known;  /* q without items that came since training, when q.known tells of it */
    struct pz_given *given; /* user attributes */
    size_t cap_given, n_given;
    struct pz_given *context;
    size_t cap_context, n_context;
    uint64_t live_last; /* number of the newest live event in past */
    int64_t now;        /* of rules about age: the request's, else the newest thing known */
    struct pz_query q;

    /* mask */
    uint64_t *allowed;    /* [words] items that may be recommended */
    uint64_t *promotable; /* [words] items that may be promoted: the seen rule alone */
    uint64_t *eligible;   /* [words] scratch of one promotion */
    size_t words;
    struct pz_filter_work *filter_work; /* made by the first filter */

    /* showings since training, by item */
    struct pz_shown *shown;
    size_t n_shown, cap_shown;

    /* score */
    float *blend;    /* [items.n] */
    float *fallback; /* [items.n] once has_fallback */
    bool has_fallback;
    uint32_t used; /* bit i: part i had something to say */
    void *scratch;

    /* adjust */
    struct pz_explored *explored; /* [n_explored] items that exploration lifted */
    size_t n_explored;
    struct pz_objective objective;
    uint64_t *boosted; /* [n_boosts * words] items that pass each boost's filter */
    size_t cap_boosted;

    /* choose */
    uint64_t *gone;                           /* [words] items that have their place already */
    uint64_t *open;                           /* [words] scratch of candidates */
    struct pz_column cap[PZ_MAX_CAPS], alike; /* columns of the rules; alike: of diversity */
    struct pz_tally tally;
    struct pz_hit *pool;  /* candidates in order */
    struct pz_slot *slot; /* beside pool, for diversity */
    size_t cap_pool, cap_slots;
    struct pz_hit *promoted;
    size_t cap_promoted;

    /* explain: allocated when first asked for */
    float *raw;        /* [items.n] the blend before rules */
    float *part_score; /* [n_parts * items.n] each part's, normalised */
    float *part_unit; /* [n_parts] what a part's own score is multiplied with to become its share of
                         raw */
    float *contrib;   /* [PZ_HIST_MAX] */
    struct pz_reason *reason;
    size_t cap_reasons;

    /* answer */
    struct pz_hit *hit; /* [cap_hits] */
    size_t cap_hits;
};

/* ---- the steps ---- */

/* history.c: past, user, given and q, from the model, live events and the inline history. */
enum pz_status pz_rank_history(struct pz_ranker *r, struct pz_err *err);

/* history.c: whether a live event counts: those after a page's snapshot do not. */
bool pz_rank_counts(const struct pz_ranker *r, const struct pz_live_event *event);

/* history.c: the history is one event with an item: what items are related to. PZ_NONE: an empty
 * one. */
enum pz_status pz_rank_history_item(struct pz_ranker *r, uint32_t item, struct pz_err *err);

/* mask.c: allowed and promotable, from the rules and the past. */
enum pz_status pz_rank_mask(struct pz_ranker *r, struct pz_err *err);

/* mask.c: clear the bits of items that do not pass a filter. */
enum pz_status pz_rank_filter(struct pz_ranker *r, const struct pz_filter *filter,
                              const struct pz_filter_values *values, uint64_t *set,
                              struct pz_err *err);

/* mask.c: the part of the request's filter that an item does not pass (see filter_why.h); *n 0: it
 * passes. */
enum pz_status pz_rank_filter_why(struct pz_ranker *r, uint32_t item, const char **text, size_t *n,
                                  struct pz_err *err);

/* mask.c: whether an event makes its item seen. */
bool pz_rank_is_seen(const struct pz_ranker *r, const struct pz_past *event);

/* score.c: blend and used; with .explain what explanations need. */
enum pz_status pz_rank_score(struct pz_ranker *r, struct pz_err *err);

/* score.c: what exploration added to an item, 0 for most. */
float pz_rank_exploration(const struct pz_ranker *r, uint32_t item);

/* explain.c: room for what explanations need, if it is not there. */
enum pz_status pz_explain_begin(struct pz_ranker *r, struct pz_err *err);

/* explain.c: keep the blend as it is before rules act, and the scale of each part. */
void pz_explain_keep(struct pz_ranker *r);

/* explain.c: a reason for every hit of the answer. */
enum pz_status pz_explain(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err);

/* score.c: fallback, if it is not there yet: scores above 0 for every item. */
void pz_rank_fallback(struct pz_ranker *r);

/* score.c: Personalize's scores of n hits: softmax(scale * blend) over the allowed items. Hits that
 * no part knows get one only where all is set. */
void pz_rank_softmax(const struct pz_ranker *r, struct pz_hit *hit, size_t n, bool all);

/* score.c: where items come from whose place follows from the blend. */
enum pz_origin pz_rank_origin(const struct pz_ranker *r);

/* adjust.c: make ready the rules that multiply scores. PZ_USAGE: a column that is not there. */
enum pz_status pz_rank_prepare(struct pz_ranker *r, struct pz_err *err);

/* adjust.c: multiply an array of scores [items.n] by what those rules say; negative ones stay. */
void pz_rank_adjust(const struct pz_ranker *r, float *score);

/* adjust.c: the factors of one item. */
float pz_rank_rotation(const struct pz_ranker *r, uint32_t item);
float pz_rank_objective(const struct pz_ranker *r, uint32_t item);
float pz_rank_boost(const struct pz_ranker *r, uint32_t item);

/* choose.c: the answer: `want` items of allowed by blend, then fallback, as caps, diversity and
 * promotions say; of the page asked for. Fills hit and returns their number in *n. */
enum pz_status pz_rank_choose(struct pz_ranker *r, size_t want, size_t *n, struct pz_err *err);

/* choose.c: the `want` best of a set by blend, then by fallback, in order. Returns how many there
 * are. */
size_t pz_rank_candidates(struct pz_ranker *r, const uint64_t *set, struct pz_hit *hit,
                          size_t want);

/* promote.c: which of n places k promoted items take: place[i] set for k of them, by chance from
 * seed. */
void pz_promote_places(uint64_t seed, size_t n, size_t k, bool *place);

/* diversify.c: the model's item vectors, *dim floats each; NULL: it has none. */
const float *pz_rank_vectors(const struct pz_ranker *r, uint32_t *dim);

/* diversify.c: choose `want` of n candidates (in order of relevance) by maximal marginal relevance
 * (Carbonell & Goldstein 1998), within the caps; writes them to out and returns how many. */
size_t pz_diversify(struct pz_ranker *r, const struct pz_hit *pool, size_t n, struct pz_hit *out,
                    size_t want);

/* caps.c: whether one more item of these values fits; count it; forget all. */
bool pz_caps_fit(const struct pz_ranker *r, uint32_t item);
enum pz_status pz_caps_take(struct pz_ranker *r, uint32_t item, struct pz_err *err);
void pz_caps_reset(struct pz_ranker *r);

/* page.c: what a token's check must be. */
uint32_t pz_page_check(const struct pz_model *m, const struct pz_request *req);

/* column.c: find a column of Items by name, with or without "Items.". PZ_USAGE with "did you mean".
 */
enum pz_status pz_column_find(const struct pz_ranker *r, const char *name, struct pz_column *out,
                              struct pz_err *err);

/* column.c: how many values an item has; the k-th as a word that is equal for equal values; the
 * number of a numeric column, NAN for null. */
size_t pz_column_count(const struct pz_column *c, uint32_t item);
uint64_t pz_column_key(const struct pz_column *c, uint32_t item, size_t k);
double pz_column_number(const struct pz_column *c, uint32_t item);

/* top.c: the `want` best items of a set with a score above 0, best first, equal scores to the lower
 * index. score: [n]. hit: room for want. Returns how many there are. */
size_t pz_top(const float *score, const uint64_t *set, uint32_t n, struct pz_hit *hit, size_t want);

/* top.c: sort hits best first, equal ones by item index. */
void pz_top_sort(struct pz_hit *hit, size_t n);

/* Make room for n hits. */
enum pz_status pz_rank_grow_hits(struct pz_ranker *r, size_t n, struct pz_err *err);

#endif
