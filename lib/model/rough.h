/* SPDX-License-Identifier: Apache-2.0 */
/* The blend, roughly: what parts that read long vectors say is scored from shorter copies of them
 * (struct pz_scorer, rough), with a bound on the error, and whoever chooses asks for the exact blend
 * of the few items that can be chosen. Exact means the bits of pz_model_score.
 *
 *     pz_rough_new -> [pz_rough_score -> pz_rough_exact...]... -> pz_rough_free
 *
 * Threads: one a struct pz_rough. */
#ifndef PZ_MODEL_ROUGH_H
#define PZ_MODEL_ROUGH_H

#include "model/model.h"

/* A part of the blend at hand that was scored roughly. */
struct pz_rough_part {
    const struct pz_part *part;
    void *scratch; /* its own, until the next query */
    float factor;  /* weight / largest score */
};

struct pz_rough {
    float *base; /* [items.n] what the other parts gave */
    float *off;  /* [words of items.n] how far the blend is off at most, 64 items together */
    float *max;  /* [words of items.n] no allowed one of 64 items has more, off or exact */
    struct pz_rough_part part[PZ_MAX_PARTS];
    size_t n; /* parts; 0: the blend is exact */
    int64_t now;
    char *scratch; /* of the parts that can be scored roughly, one after the other */
};

/* Whether a model is worth it: it has parts that can be scored roughly, and many items. */
bool pz_rough_suits(const struct pz_model *m);

/* Room for a model's items.
 * Errors: NULL: memory is out
 * Owner:  pz_rough_free, which accepts NULL */
struct pz_rough *pz_rough_new(const struct pz_model *m);
void pz_rough_free(struct pz_rough *r);

/* One query of a block. */
struct pz_rough_task {
    struct pz_rough *rough; /* its own */
    struct pz_scoring job;  /* allowed is not NULL; out and used are filled */
    bool done;              /* out; false: a part cannot be scored roughly, ask pz_model_score */
};

/* As pz_model_score, roughly, of n <= PZ_SCORE_BLOCK queries: fills what each task has to fill, to the
 * same bits however many there are.
 * Owner: task[k].rough borrows from m and from the query until its next use */
void pz_rough_score(const struct pz_model *m, struct pz_rough_task *task, size_t n);

/* What pz_model_score says of one item. */
float pz_rough_exact(const struct pz_rough *r, uint32_t item);

#endif
