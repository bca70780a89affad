/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: a query under way. rank.c says in which order the steps run; each step is a file of its
 * own that reads what earlier ones left here and adds its part. */
#ifndef PZ_RANK_RANKER_H
#define PZ_RANK_RANKER_H

#include "rank/rank.h"

/* One event of the user's past. */
struct pz_past {
    uint32_t item;    /* the model's index */
    const char *type; /* n_type bytes, not NUL-terminated, borrowed; NULL: none */
    size_t n_type;
    int64_t time;
    float weight;     /* as training gave it; 0: does not count for scoring */
};

struct pz_ranker {
    const struct pz_model *m;
    const struct pz_request *req; /* being answered */

    /* history: everything that happened, oldest first, and what the scorers read of it (in q) */
    struct pz_past *past; /* [n_past] */
    size_t n_past, cap_past;
    uint32_t user;        /* the model's index; PZ_NONE: not known to it */
    uint32_t *hist;       /* backing of q */
    int64_t *hist_time;
    float *hist_weight;
    size_t cap_hist[3];
    struct pz_given *given; /* user attributes */
    size_t cap_given, n_given;
    struct pz_query q;

    /* mask */
    uint64_t *allowed; /* [words] items that may be recommended */
    size_t words;

    /* score */
    float *blend;      /* [items.n] */
    float *fallback;   /* [items.n] once has_fallback */
    bool has_fallback;
    uint32_t used;     /* bit i: part i had something to say */
    void *scratch;

    /* answer */
    struct pz_hit *hit; /* [cap_hits] */
    size_t cap_hits;
};

/* ---- sets of items ---- */

/* Put an item into a set, take it out, ask. */
static inline void pz_set_add(uint64_t *set, uint32_t i)
{
    set[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Likewise. */
static inline void pz_set_remove(uint64_t *set, uint32_t i)
{
    set[i / 64] &= ~((uint64_t)1 << (i % 64));
}

/* Likewise. */
static inline bool pz_set_has(const uint64_t *set, uint32_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

/* Make the set all of n items, or none; bits from n on stay 0. words = ceil(n / 64). */
void pz_set_fill(uint64_t *set, uint32_t n, bool all);

/* ---- the steps ---- */

/* history.c: past, user, given and q, from the model, live events and the inline history. */
enum pz_status pz_rank_history(struct pz_ranker *r, struct pz_err *err);

/* history.c: the history is one event with an item: what items are related to. PZ_NONE: an empty one. */
enum pz_status pz_rank_history_item(struct pz_ranker *r, uint32_t item, struct pz_err *err);

/* mask.c: allowed, from the rules and the past. */
enum pz_status pz_rank_mask(struct pz_ranker *r, struct pz_err *err);

/* score.c: blend and used. */
void pz_rank_score(struct pz_ranker *r);

/* score.c: fallback, if it is not there yet: scores above 0 for every item. */
void pz_rank_fallback(struct pz_ranker *r);

/* score.c: Personalize's scores of n hits: softmax(scale * blend) over the allowed items. */
void pz_rank_softmax(const struct pz_ranker *r, struct pz_hit *hit, size_t n);

/* score.c: where items come from whose place follows from the blend. */
enum pz_origin pz_rank_origin(const struct pz_ranker *r);

/* top.c: the `want` best items of a set with a score above 0, best first, equal scores to the lower index.
 * score: [n]. hit: room for want. Returns how many there are. */
size_t pz_top(const float *score, const uint64_t *set, uint32_t n, struct pz_hit *hit, size_t want);

/* top.c: sort hits best first, equal ones by item index. */
void pz_top_sort(struct pz_hit *hit, size_t n);

/* Make room for n hits. */
enum pz_status pz_rank_grow_hits(struct pz_ranker *r, size_t n, struct pz_err *err);

#endif
