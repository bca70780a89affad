/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: step 4, the scores of all items.
 *
 * Threads: one a struct pz_scores, which belongs to one ranker. */
#ifndef PZ_RANK_SCORE_H
#define PZ_RANK_SCORE_H

#include "model/rough.h"
#include "rank/adjust.h"

enum { PZ_BESIDE_MAX = 512, PZ_BEYOND = 256 };

struct pz_beside {
    uint32_t item;
    float blend;
};

/* What a probe looked at, and a sample of the other items that may be recommended. */
struct pz_probe {
    uint32_t *item;       /* [n] ascending */
    float *blend, *score; /* [n] as scored; room */
    size_t cap_item, cap_blend, cap_score, n;
    double n_beyond; /* items that may be recommended and were not looked at */
    uint32_t sample[PZ_BEYOND];
    float beyond[PZ_BEYOND]; /* [n_sample] their blends */
    size_t n_sample;
};

struct pz_scores {
    uint32_t n_items;
    float *blend;    /* [items.n]; where is_rough what it is at most, but of items in exact; nothing
                      * in words that are plain (rough.h) until one of theirs is asked for */
    float *fallback; /* [items.n] once has_fallback, see pz_scored_fallback; scratch before */
    bool has_fallback;
    uint32_t used; /* bit i: part i had something to say */
    void *scratch; /* of the parts */
    bool is_rough; /* until pz_scores_settle, see rough.h; false: the next four say nothing */
    struct pz_rough *rough;                 /* NULL: the model has no use for it */
    uint64_t *exact;                        /* items whose blend is exact */
    uint64_t *near;                         /* items that were looked at closer */
    float kept;                             /* what exploration has left of each blend */
    struct pz_beside beside[PZ_BESIDE_MAX]; /* [n_beside] exact blends of items in plain words, each
                                               of which would be written for it otherwise; where
                                               one is written they are in it, too; ascending */
    size_t n_beside;
    struct pz_probe *probe; /* of the query at hand: see probe.h; NULL: it is none */
    struct pz_probe own_probe;
    uint64_t *young; /* from question to question: see explore.h, kept */
    int64_t young_from;
    struct pz_young young_list;
    double *chance; /* [arrivals of the model] that each is the next item, and what it gained by */
    float *added;   /* that; NULL: there are none */
};

/* What the first four steps left, as choice and explanation read it. Of the mask they use the
 * working memory, of the scores they fill the fallback when it is first needed. */
struct pz_scored {
    const struct pz_asked *asked;
    const struct pz_history *history;
    struct pz_mask *mask;
    const struct pz_adjustment *adjustment;
    struct pz_scores *scores;
};

/* Whether an item's word is plain, of rough scores. */
static inline bool pz_scores_in_plain(const struct pz_scores *s, uint32_t item)
{
    return pz_bits_has(s->rough->plain, item / 64);
}

/* Whether the k-th item beside is one of a set and nowhere else. */
static inline bool pz_scores_is_beside(const struct pz_scores *s, size_t k, const uint64_t *set)
{
    return pz_scores_in_plain(s, s->beside[k].item) && pz_bits_has(set, s->beside[k].item);
}

/* Bytes that pz_scores_init takes of a slab, and those that it maps there. */
size_t pz_scores_bytes(const struct pz_model *m);
size_t pz_scores_more(const struct pz_model *m);

/* Room for a model's items, some of it taken from a slab; false: memory is out (pz_scores_clear
 * then, too, before the slab). */
bool pz_scores_init(struct pz_scores *s, const struct pz_model *m, struct pz_mem_slab *slab);
void pz_scores_clear(struct pz_scores *s);

/* Fill blend and used of n <= PZ_SCORE_BLOCK queries of one model, as the model alone has them;
 * has_fallback becomes false. Roughly, unless the request wants more than some items and their
 * scores: then is_rough. The same bits however many queries there are. */
void pz_scores_make(const struct pz_scored *const *scored, size_t n);

/* What the parts are asked. */
struct pz_scoring pz_scored_job(const struct pz_scored *s);

/* The same of one query, never roughly.
 *
 * part_score  NULL, or room for [n_parts * items.n] to receive each part's normalised scores */
void pz_scores_make_exact(const struct pz_scored *scored, float *part_score);

/* Exploration has left `kept` of each blend and lifted n items above that. */
void pz_scores_explored(struct pz_scores *s, uint32_t n_items, float kept,
                        const struct pz_explored *lifted, size_t n);

/* The `want` best items of a set, as pz_top has them. */
size_t pz_scores_top(struct pz_scores *s, const uint64_t *set, uint32_t n_items, struct pz_hit *hit,
                     size_t want);

/* Make the blend of an item exact / bring nearer what that reads. */
void pz_scores_prefetch(const struct pz_scores *s, uint32_t item);
void pz_scores_settle(struct pz_scores *s, uint32_t item);

/* The exact blend of an item, once, before exploration and in ascending order; in a plain word it
 * is beside. */
float pz_scores_exact(struct pz_scores *s, uint32_t item);

/* The largest blend of a set. */
float pz_scores_largest(struct pz_scores *s, const uint64_t *set);

/* Make exact the blend of all items of a set (a part of what the seen rule leaves) that can be
 * among the `want` best of it: the others are below those then, rough as they are. hit: room for
 * want. */
void pz_scores_settle_best(struct pz_scores *s, const uint64_t *set, uint32_t n_items,
                           struct pz_hit *hit, size_t want);

/* The same of each item of the set. */
void pz_scores_settle_all(struct pz_scores *s, const uint64_t *set, uint32_t n_items);

/* Scores above 0 for every item, for those that no part knows; made at the first call.
 *
 * Owner:   the scores */
const float *pz_scored_fallback(const struct pz_scored *scored);

/* Personalize's scores of n hits: softmax(scale * blend) over the allowed items. Hits that no part
 * knows get one only where all is set. Over more than 1000 items the sum is taken of blends as
 * rough as they are: it is within 2 % of the exact one and mostly within 0.1 %. Of more than
 * 100,000 samples tell of all but the best: within 6 %, mostly within 0.5 %. The proportions of the
 * hits to each other are exact. */
void pz_scored_softmax(const struct pz_scored *scored, struct pz_hit *hit, size_t n, bool all);

/* Sum of exp(scale * (score - top)) over the items of a set, top the largest of them; within 1e-5
 * of the exact sum, in proportion, at a tenth of its cost. */
double pz_softmax_sum(const float *score, const uint64_t *set, uint32_t n, float scale, float top);

/* Where items come from whose place follows from the blend. */
enum pz_origin pz_scored_origin(const struct pz_scored *scored);

#endif
