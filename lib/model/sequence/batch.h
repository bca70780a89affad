/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/sequence/: what the training of the sequence encoder sees of a corpus, step by
 * step.
 *
 * Threads: data and step belong to the one thread that drives the training; its parallel loops only
 * read them. */
#ifndef PZ_MODEL_SEQUENCE_BATCH_H
#define PZ_MODEL_SEQUENCE_BATCH_H

#include "model/sequence/sequence.h"

/* Pairs (event p -> event p + 1), p = first .. first + n - 1, of one user. */
struct pz_seq_chunk {
    uint64_t first; /* position in the corpus */
    uint32_t n;
};

struct pz_seq_data {
    const struct pz_corpus *c; /* borrowed */
    const uint64_t *first_new; /* of an update: as in struct pz_delta, borrowed; NULL: all is new */
    uint64_t seed;
    size_t window, batch; /* pairs a chunk, tokens a step (a chunk more at most) */
    uint32_t draws;       /* candidates drawn a step */
    bool full;            /* every live item is a candidate */
    uint32_t max_cand;
    uint32_t *count; /* [n_items] events */
    uint32_t *live;  /* [n_live] items with a count */
    uint32_t n_live;
    float *log_pi; /* [n_items] log of the probability to be a candidate */
    struct pz_seq_chunk *chunk;
    size_t n_chunks, next;
    uint64_t n_pairs; /* of an epoch; with first_new, of the last one cut */
};

/* Make the data of a training.
 * Settings WINDOW, BATCH and NEGATIVES and the seed are read from cfg.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *b, also after a failure; the corpus is borrowed */
enum pz_status pz_seq_data_init(struct pz_seq_data *b, const struct pz_corpus *c,
                                const struct pz_fit_cfg *cfg, struct pz_err *err);
void pz_seq_data_clear(struct pz_seq_data *b);

/* Cut and shuffle anew. With first_new only windows with something new are taken, and of the other
 * users' newest windows, drawn at random, as many pairs again: what was learned is not forgotten.
 * n_pairs becomes what the epoch has. */
void pz_seq_epoch(struct pz_seq_data *b, uint64_t epoch);

/* One step: T tokens of n_seq chunks and the items they name, candidates first. */
struct pz_seq_step {
    size_t room;     /* tokens there is memory for */
    uint64_t number; /* steps taken so far */
    uint32_t T, n_seq;
    uint32_t *start;          /* [n_seq + 1] */
    uint32_t *in, *target;    /* [T] places in item[] */
    float *w_in, *w_out;      /* [T] weight of the event; weight in the loss, summing to 1 */
    uint32_t n_cand, n_items; /* item[0 .. n_cand) are the candidates */
    uint32_t *item;           /* [n_items] each item once */
    uint32_t *place;          /* [items of the corpus] place in item[], or PZ_NONE */
    float *log_pi;            /* [n_cand] */
};
/* Room for any step of b.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *s, also after a failure */
enum pz_status pz_seq_step_init(struct pz_seq_step *s, const struct pz_seq_data *b,
                                struct pz_err *err);
/* Accepts an all-zero one. */
void pz_seq_step_clear(struct pz_seq_step *s);
/* The next step of the epoch; false at its end. */
bool pz_seq_next(struct pz_seq_data *b, struct pz_seq_step *s);

#endif
