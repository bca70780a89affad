/* SPDX-License-Identifier: Apache-2.0 */
/* The blend, roughly: of parts that read long vectors it is known first what they give an item at
 * most, from the lengths of vectors or from shorter copies of them (struct pz_scorer, rough).
 * Whoever chooses asks for more of the few items that can be chosen, and for the exact blend of
 * fewer. Exact means the bits of pz_model_score.
 *
 *     pz_rough_new -> [pz_rough_score -> [pz_rough_look -> pz_rough_exact]...]... -> pz_rough_free
 *
 * Threads: one a struct pz_rough. */
#ifndef PZ_MODEL_ROUGH_H
#define PZ_MODEL_ROUGH_H

#include "base/mem.h"
#include "model/model.h"

/* What scores of a part do not exceed: reach * length * (1 + fade * (trend - 1)). */
struct pz_rough_limit {
    const float *length, *trend; /* [learned items]; trend NULL: 1 */
    float reach, fade;
};

/* A part of the blend at hand that was scored roughly. */
struct pz_rough_part {
    const struct pz_part *part;
    void *scratch;               /* its own, until the next query */
    struct pz_rough_limit limit; /* length NULL: all items were scanned */
    const uint32_t *longest;     /* [learned] items by length; NULL: lengths do not tell */
    float factor;                /* weight / largest score */
    float weight;                /* no allowed item is given more */
};

/* A part whose scores stand in an array: factor * score * (1 + fade * (trend - 1)). */
struct pz_rough_fixed {
    struct pz_rough_limit limit; /* reach 1: what the scores are */
    float factor;
    const float *most; /* [words of learned] no one of 64 scores is above; NULL: not known */
};

/* A part that is asked of some items alone, by its score_some. */
struct pz_rough_asked {
    const struct pz_part *part;
    void *scratch; /* its own, made ready */
};

/* The largest of each 64 scores of such a part, from question to question: of these scores at that
 * fade. */
struct pz_rough_most {
    const float *score;
    float fade;
    float *most; /* [words of learned] owned; NULL: not known */
};

struct pz_rough {
    float *base; /* [items.n], where it is not dense [words of learned items] what the other parts
                    gave, but for those that are fixed: few or all */
    float *few, *all;
    uint64_t *touched; /* learned items whose base may not be 0, where it is not dense; of others it
                          is */
    bool dense;
    struct pz_rough_fixed fixed[PZ_MAX_PARTS]; /* behind base, in the order of the blend */
    size_t n_fixed;
    struct pz_rough_most most[PZ_MAX_PARTS]; /* by part of the model */
    float *scan;     /* [learned] what was scanned gave, where any was; NULL: nothing ever is */
    float *max;      /* [words of items.n] no allowed one of 64 items has more */
    uint64_t *plain; /* words, a bit each, that nobody wrote: in each item's place there is to be
                      * `rest`, and rest_max in max */
    float rest, rest_max;
    float *off; /* [words of items.n] how far what was scanned is off at most, 64 items together */
    struct pz_rough_part part[PZ_MAX_PARTS];
    size_t n;                                  /* parts; 0: the blend is exact */
    struct pz_rough_asked asked[PZ_MAX_PARTS]; /* [n_asked] of pz_rough_begin_some */
    size_t n_asked;
    bool any_scan, any_reach; /* which kinds are among them */
    float slack;              /* what additions in another order can round, added to each blend */
    int64_t now;
    uint32_t n_items, learned; /* all, and those that parts know */
    char *scratch;             /* of the parts that can be scored roughly, one after the other */
};

/* One query of a block. */
struct pz_rough_task {
    struct pz_rough *rough; /* its own */
    struct pz_scoring job;  /* allowed is not NULL; out and used are filled */
    bool some;              /* for pz_rough_some: a base without parts that can be asked there */
    bool done;              /* out; false: a part cannot be scored roughly, ask pz_model_score */
};

/* What parts say exactly of one query: base, touched, dense and fixed of t->rough. Part of
 * pz_rough_score.
 */
void pz_rough_base(const struct pz_model *m, struct pz_rough_task *t);

/* The same of one item. */
float pz_rough_base_of(const struct pz_rough *r, uint32_t item);

/* A limit of reach 1, with the part's trend. */
struct pz_rough_limit pz_rough_limit_of(const struct pz_part *p, const float *length, int64_t now);

/* The trend in a limit. */
static inline float pz_rough_trend(const struct pz_rough_limit *l, uint32_t item)
{
    return l->trend ? 1 + l->fade * (l->trend[item] - 1) : 1;
}

/* limit[k] of the n <= 64 items from `first` on. */
static inline __attribute__((always_inline)) void pz_rough_limits(const struct pz_rough_limit *l,
                                                                  size_t first, uint32_t n,
                                                                  float *limit)
{
    const float *length = l->length + first;

    for (uint32_t k = 0; k < n; k++)
        limit[k] = l->reach * length[k];
    if (l->trend)
        for (uint32_t k = 0; k < n; k++)
            limit[k] *= 1 + l->fade * (l->trend[first + k] - 1);
}

/* Whether all of a word's items came since training and have a base of 0: what they have at most is
 * the same, and their blend is 0. Where no lengths tell such words are not written, see `plain`. */
static inline bool pz_rough_is_plain(const struct pz_rough *r, size_t w)
{
    return w * 64 >= r->learned && !r->dense;
}

/* Whether a model is worth it: it has parts that can be scored roughly, and many items. */
bool pz_rough_suits(const struct pz_model *m);

/* Bytes that pz_rough_new takes of a slab. */
size_t pz_rough_bytes(const struct pz_model *m);

/* Room for a model's items, some of it taken from a slab.
 * Errors: NULL: memory is out, or the slab is too small
 * Owner:  pz_rough_free, which accepts NULL, before the slab is cleared */
struct pz_rough *pz_rough_new(const struct pz_model *m, struct pz_mem_slab *slab);
void pz_rough_free(struct pz_rough *r);

/* As pz_model_score, roughly, of n <= PZ_SCORE_BLOCK queries: job.out becomes what the blend of an
 * allowed item is at most, but in plain words. The same bits however many queries there are.
 * Owner: task[k].rough borrows from m and from the query until its next use */
void pz_rough_score(const struct pz_model *m, struct pz_rough_task *task, size_t n);

/* In place of pz_rough_score, for who asks of some items alone: base and what tells which items may
 * be worth it (touched, fixed, longest of parts) are there. t->done, as there, false also where a
 * part cannot but score all items.
 * Owner: as pz_rough_score */
void pz_rough_begin_some(const struct pz_model *m, struct pz_rough_task *t);

/* Add to set those of the allowed items that such parts find first of theirs. */
void pz_rough_heads(const struct pz_rough *r, const uint64_t *allowed, uint64_t *set);

/* Then, once: the blend of n items in ascending order, about, into blend[n]; score [n] is room. The
 * largest score of a part is looked for among those of them that are allowed. */
void pz_rough_some(const struct pz_model *m, struct pz_rough_task *t, const uint32_t *item,
                   size_t n, float *blend, float *score);

/* The blend that pz_rough_some said of an item, without what bytes are off. */
float pz_rough_closer(const struct pz_rough *r, uint32_t item, float blend);

enum { PZ_ROUGH_ITEMS = 64 };

/* A closer look at n <= PZ_ROUGH_ITEMS items, in ascending order, of which pz_rough_score
 * said at_most[i]: it becomes less where more is known, and the blend of item[i] is about[i], at
 * least as far below that as at_most is above. Items that have less than `least` need no close
 * look: their about is at_most. */
void pz_rough_look(const struct pz_rough *r, const uint32_t *item, size_t n, float least,
                   float *at_most, float *about);

/* Bring nearer what pz_rough_exact reads of an item, which will be asked for soon. */
void pz_rough_prefetch(const struct pz_rough *r, uint32_t item);

/* What pz_model_score says of one item. */
float pz_rough_exact(const struct pz_rough *r, uint32_t item);

#endif
