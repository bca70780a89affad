/* SPDX-License-Identifier: Apache-2.0 */
/* The trend of items: how much of what happens with an item happens now. It multiplies what all
 * parts say of the item, so that a list asked for now holds what lives now. See trend.c.
 *
 * Threads: a trend is only read once it is made: any number; one that is being filled or cleared
 * has one caller. */
#ifndef PZ_MODEL_TREND_H
#define PZ_MODEL_TREND_H

#include <stdint.h>

#include "base/err.h"
#include "data/corpus.h"
#include "model/query.h"
#include "table/table.h"

struct pz_trend {
    double power;       /* 0: no trend, scale is NULL */
    double half_life_s; /* seconds after which an event counts half */
    double rate;        /* how far young items are judged by rate, 0 .. 1 */
    int64_t newest;     /* time of the newest event */
    uint32_t n_items;
    const float *scale; /* [n_items] > 0, borrowed or own */
    float *own;         /* owned, NULL when scale is borrowed from a table */
    float young;        /* the scale of an item that nobody had yet */
};

/* The share of each item's events that are recent beside that of all items, 1: the same.
 *
 * half_s  seconds after which an event counts half
 * share   the caller's [c->n_items]
 * Errors: PZ_TRY_AGAIN memory is out
 * Threads: safe */
enum pz_status pz_trend_shares(const struct pz_corpus *c, double half_s, float *share,
                               struct pz_err *err);

/* The trend of a corpus: scale = share^power, by how.power, how.half_life_s and how.rate; the rest
 * of *how is not read. power 0 gives no trend.
 *
 * Errors: PZ_TRY_AGAIN memory is out; *out is then all-zero
 * Owner:  the caller clears *out
 * Threads: safe */
enum pz_status pz_trend_make(const struct pz_corpus *c, const struct pz_trend *how,
                             struct pz_trend *out, struct pz_err *err);

/* Free what is owned; accepts all-zero. */
void pz_trend_clear(struct pz_trend *t);

/* Write the column item_trend, none without a trend.
 *
 * Errors:  as pz_writer_add
 * Threads: one writer, one thread */
enum pz_status pz_trend_save(const struct pz_trend *t, struct pz_writer *w, struct pz_err *err);

/* Read it, borrowed from the table. power, half_life_s and newest are the caller's to set before.
 *
 * Errors:  PZ_BAD_DATA the column is missing or damaged
 * Owner:   nothing is handed out
 * Threads: one table, one thread */
enum pz_status pz_trend_load(struct pz_table *table, uint32_t n_items, struct pz_trend *t,
                             struct pz_err *err);

/* How much of the trend a question asked at `now` is given, as pz_count_fade; t may be NULL: 0. */
double pz_trend_fade(const struct pz_trend *t, int64_t now);

/* The factor of one item, which may have come after training. t may be NULL: 1. */
float pz_trend_factor(const struct pz_trend *t, int64_t now, uint32_t item);

/* *score of one item times its factor, as pz_trend_apply has it, to the last bit. t may be NULL. */
void pz_trend_apply_to(const struct pz_trend *t, int64_t now, uint32_t item, float *score);

/* off[k], a bound for the k-th 64 of n items, times the largest of their factors. t may be NULL. */
void pz_trend_widen(const struct pz_trend *t, int64_t now, float *off, uint32_t n);

/* score[n] times the factors. t may be NULL. */
void pz_trend_apply(const struct pz_trend *t, int64_t now, float *score, uint32_t n);

#endif
