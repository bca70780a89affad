/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/popularity/: popularity within segments of users, for those who have no history.
 *
 * A segment s is a category or boolean of the user or of the context ("AGE_BAND=18-24"). With n_si
 * the weighted users (events for context) of item i in s, N_s their sum and p_i the share of i in
 * everybody's:
 *     p(i | s) = (n_si + shrink p_i) / (N_s + shrink)
 * and a user in several segments gets the mean of theirs. A segment keeps its PZ_SEGMENT_ITEMS
 * largest n_si.
 *
 * Threads: segments are only read once they are made or loaded: any number; before that one
 * caller. */
#ifndef PZ_MODEL_POPULARITY_SEGMENTS_H
#define PZ_MODEL_POPULARITY_SEGMENTS_H

#include "model/scorer.h"
#include "table/csr.h"

enum { PZ_SEGMENT_ITEMS = 500 };

struct pz_segments {
    struct pz_dict names; /* [n] "COLUMN=value", "context:COLUMN=value" where users have it, too */
    const double *shrink; /* [1] */
    const double *total;  /* [n] N_s */
    struct pz_csr list;   /* [n] items ascending within a segment, values n_si */
    uint32_t n_items;
    void *owned[2]; /* total and shrink unless borrowed */
};

/* Count the segments of a corpus: of user attributes and context, values that one in a hundred
 * users (events) has, two at least. shrink 0, or no such attributes: no segments.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *out, also after a failure */
enum pz_status pz_segments_make(const struct pz_corpus *c, double shrink, struct pz_segments *out,
                                struct pz_err *err);

/* Write the columns popularity/segments/..., none without segments.
 * Errors: as pz_writer_add */
enum pz_status pz_segments_save(const struct pz_segments *s, struct pz_writer *w,
                                struct pz_err *err);
/* Read them; none are there when nothing was written.
 * Errors: as pz_table_get; PZ_BAD_DATA a number is damaged
 * Owner:  the arrays stay the table's; the caller clears *s, also after a failure */
enum pz_status pz_segments_load(struct pz_table *t, uint32_t n_items, struct pz_segments *s,
                                struct pz_err *err);

/* Free what is owned; accepts all-zero. */
void pz_segments_clear(struct pz_segments *s);

/* score[n_items], everybody's counts, becomes the mean over the query's segments, in the same unit.
 * Nothing changes when the query belongs to none. Threads: any, on different scores */
void pz_segments_mix(const struct pz_segments *s, const struct pz_query *q, float *score);

#endif
