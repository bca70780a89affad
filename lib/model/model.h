/* SPDX-License-Identifier: Apache-2.0 */
/* The model: one immutable solution version. Self-contained: ids, histories and metadata that
 * serving and filters need, the learned parts with their blend weights, and the manifest.
 *
 * Threads: a model only changes while it is opened, extended and freed, each by one thread that has
 * it alone; in between any number may read it and score, each with a scratch of its own. */
#ifndef PZ_MODEL_MODEL_H
#define PZ_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/attrs.h"
#include "data/corpus.h"
#include "data/dataset.h"
#include "model/arrivals.h"
#include "model/query.h"
#include "model/scorer.h"
#include "model/trend.h"

#define PZ_MAX_PARTS 12

struct pz_part {
    const struct pz_scorer *scorer;
    void *part;         /* owned */
    double weight;      /* in the blend; 0 parts are kept for fallback and similarity only */
    double cold_weight; /* further weight while little is known of the user, see pz_part_weight */
    struct pz_weights own[PZ_LISTS]; /* the same in other lists */
    const struct pz_trend *trend;    /* multiplies its scores; NULL: none; borrowed */
    uint32_t version; /* another one wherever part would make other vectors of histories, for who
                         keeps those; 0: nobody does */
};

/* A part's weight for a query: weight + cold_weight / n where a user's history has n > 0 events, by
 * the weights of lists that hold what was seen where q->keeps_seen, and as far as q->next says by
 * those of what comes next.
 * After one or two events the other parts know little, and what everybody likes is worth half as
 * much as they are. Of a part of what is now (pz_scorer.presence) its share of that. */
double pz_part_weight(const struct pz_part *part, const struct pz_query *q);

/* Whether a part has no weight in any list. */
bool pz_part_is_idle(const struct pz_part *part);

/* The names that a manifest has for a part's weight and cold_weight in such lists, constants.
 * Owner:   nobody
 * Threads: any */
const char *pz_lists_weight(enum pz_lists lists);
const char *pz_lists_early(enum pz_lists lists);

/* The query as a part may read it: without items that came since training, if it knows nothing of
 * such.
 * Owner: whoever has q: it is q or q->known */
const struct pz_query *pz_part_query(const struct pz_part *part, const struct pz_query *q);

/* A part's scores of all items, times the trend, into score[n], which need not be zero before.
 * scratch as the scorer asks for. Returns false when it has nothing to say; score is then zero.
 * Threads: safe with one scratch a thread */
bool pz_part_score(const struct pz_part *part, const struct pz_query *q, uint32_t n, void *scratch,
                   float *score);

struct pz_model {
    const struct pz_recipe *recipe;
    struct pz_dict items, users, events;
    struct pz_dict
        fresh; /* items that came by pz_model_extend: the tail of items, see pz_model_learned */
    /* Histories by user, oldest first: all interactions, those too that event rules left out. */
    uint64_t n_interactions;
    const uint64_t *ptr;  /* [users.n + 1] */
    const uint32_t *item; /* [n_interactions], as the next ones */
    const int64_t *time;
    const float *weight;        /* 0: learning left it out; below 0: by an unasked threshold */
    const uint8_t *event;       /* NULL when the data have no event types */
    const float *value;         /* NaN = null; NULL when the data have no event values */
    const uint32_t *item_count; /* [items.n] interactions that were learned from */
    const int64_t
        *item_since; /* [items.n] CREATION_TIMESTAMP, else first interaction, else INT64_MAX */
    const int64_t
        *block_since; /* [words of items.n] the largest item_since of 64 items; NULL: not made */
    const int64_t *block_oldest; /* the least; NULL: not made, as where block_since was stored */
    const int64_t *chunk_oldest; /* [words of words] the least of 4096 items; NULL: likewise */
    const uint32_t *item_shown;  /* [items.n] impressions; NULL when the data have none */
    struct pz_attrs item_attrs, user_attrs;
    struct pz_attrs context; /* other columns of Interactions: rows parallel to item */
    int64_t newest;          /* time of the newest interaction */
    struct pz_trend trend;   /* of items, that all parts heed */
    struct pz_part part[PZ_MAX_PARTS];
    size_t n_parts;
    bool sealed;                  /* the file is known to be whole without reading it */
    bool keep_seen;               /* validation found lists better with what was seen */
    double slice_s;               /* how long the newest slice of the search was; 0: none */
    double event_power;           /* by which event weights are damped; 0: PZ_EVENT_POWER */
    double softmax_scale;         /* score = softmax(scale * blend) over the catalogue */
    json_t *manifest;             /* owned */
    struct pz_table *table;       /* owned; what the pointers above borrow from */
    struct pz_table *extension;   /* owned; likewise, of pz_model_load_extension; NULL: none */
    const uint32_t *fresh_row;    /* [fresh.n] the row put of each */
    struct pz_arrivals *arrivals; /* owned; items of `fresh` that users have; NULL: none */
    void *owned[5]; /* or from these: arrays that pz_model_extend made longer, or made here */
};

/* How far a question is about what comes next, not about all that comes until the next training: 1
 * within a visit, which a pause of half an hour ends, as web analytics count them. Else by the time
 * `now` that it is asked for: 0 at the end of the data and after it, half a quarter of the slice
 * before. 0 where no slice was judged.
 *
 * pause_s: since the newest event of the history; INFINITY: there is none */
double pz_model_next(const struct pz_model *m, int64_t now, double pause_s);

/* Read a *.pzm, or a flat one unpacked from it (then mapped: microseconds where its seal says that
 * nobody has touched it, else it is read whole).
 *
 * Errors: as pz_table_open and pz_table_get; PZ_BAD_DATA the columns do not fit together, or the
 *         manifest is damaged or names a recipe or scorer that this pz does not know; PZ_TRY_AGAIN
 *         memory is out
 * Owner:  the caller, by pz_model_free (accepts NULL); *out is NULL after a failure */
enum pz_status pz_model_open(const char *path, struct pz_model **out, struct pz_err *err);

/* The same with all that pz_model_derive gives, also from a flat file that has not, or as another
 * pz derived it: for who publishes.
 *
 * Errors: as pz_model_open
 * Owner:  as pz_model_open */
enum pz_status pz_model_open_anew(const char *path, struct pz_model **out, struct pz_err *err);

/* The same for who brings the parts up to date and asks them nothing: what only answers need is not
 * made, and parts are there when pz_model_load_part has read them, so that one need not stand in
 * memory beside the next.
 *
 * Errors: as pz_model_open
 * Owner:  as pz_model_open */
enum pz_status pz_model_open_to_update(const char *path, struct pz_model **out, struct pz_err *err);

/* What a model says of itself, without anything else of it.
 *
 * Errors: as pz_table_get_text; PZ_BAD_DATA it is damaged
 * Owner:  the caller, json_decref */
enum pz_status pz_model_manifest(struct pz_table *t, json_t **doc, struct pz_err *err);

/* Read part p of a model that was opened so, unless it is there.
 *
 * Errors:  as pz_scorer.load
 * Owner:   the model
 * Threads: one, which has the model alone */
enum pz_status pz_model_load_part(struct pz_model *m, size_t p, struct pz_err *err);
void pz_model_free(struct pz_model *m);

/* What follows from the parts and is written beside them at publication (scorer.h, derive).
 *
 * Errors:  as pz_derived_add
 * Owner:   the caller clears *out, also after a failure, before it frees m */
enum pz_status pz_model_derive(const struct pz_model *m, struct pz_derived *out,
                               struct pz_err *err);

/* Make block_since, block_oldest and chunk_oldest of item_since, again after a change.
 * Errors:  PZ_TRY_AGAIN memory is out
 * Owner:   the model
 * Threads: one, which has the model alone */
enum pz_status pz_model_make_blocks(struct pz_model *m, struct pz_err *err);

/* How many items training saw: those from this index on came by pz_model_extend. */
static inline uint32_t pz_model_learned(const struct pz_model *m)
{
    return m->items.n - m->fresh.n;
}

/* A model of the same file that was extended by most of the rows put: what it has is not made
 * again. Borrowed during the call. */
struct pz_extended {
    const struct pz_model *m;
    const uint32_t *row; /* its index of each of its rows */
    struct pz_put_since put;
};

/* Make items of the ids that the model lacks: they take the indices behind its own, in the order of
 * ids, and parts that read attributes score them. row[ids->n] becomes the index of every id. ids,
 * attrs: the rows put, attrs->n_rows
 * == ids->n; borrowed during the call. Once a model, before any query or ranker.
 *
 * old      NULL: none
 *
 * Errors:  PZ_TRY_AGAIN memory is out; as a part's extend. The model is fit for pz_model_free only
 *          then
 * Threads: one, which has the model alone */
enum pz_status pz_model_extend(struct pz_model *m, const struct pz_dict *ids,
                               const struct pz_attrs *attrs, const struct pz_extended *old,
                               uint32_t *row, struct pz_err *err);

/* Write what pz_model_extend made of a model / give it to the same model, opened anew, in its
 * stead.
 *
 * t        a flat table
 * save     Errors: as pz_writer_add
 * load     Errors: as pz_table_get; pz_model_extend may follow then
 * Owner:   the model takes the table over where PZ_OK is returned
 * Threads: one, which has the model alone */
enum pz_status pz_model_save_extension(const struct pz_model *m, struct pz_writer *w,
                                       struct pz_err *err);
enum pz_status pz_model_load_extension(struct pz_model *m, struct pz_table *t, struct pz_err *err);

/* Be sure of a model after it was used, as pz_table_recheck has it of a table.
 * Errors:  as pz_table_recheck
 * Threads: any */
enum pz_status pz_model_recheck(const struct pz_model *m, struct pz_err *err);

/* What training made of events of a type. */
struct pz_type_weight {
    double weight, threshold; /* of values, NAN: none */
    double below;             /* the weight where the threshold is not reached */
};

/* event_type: any string, compared without regard to case; NULL: none. */
struct pz_type_weight pz_model_type_weight(const struct pz_model *m, const char *event_type);

/* Of one event; value: NAN when there is none. */
double pz_type_weight_of(const struct pz_type_weight *w, double value);

/* Weight of an event as training saw it (1 without rules; 0 for types that do not count; below 0
 * where a threshold that nobody asked for kept it from teaching).
 * event_type: any string, compared without regard to case; value NAN when there is none. */
double pz_model_event_weight(const struct pz_model *m, const char *event_type, double value);

/* Bytes of scratch one thread needs for pz_model_score. */
size_t pz_model_scratch(const struct pz_model *m);

/* As pz_mem_slab_map, for what holds numbers of all items: it is dense unless training saw few of
 * them, as most answers write little of the others. often: most answers use it.
 * Errors: NULL: memory is out
 * Owner:  the slab */
void *pz_model_map(const struct pz_model *m, struct pz_mem_slab *slab, size_t n, size_t elem_bytes,
                   bool often);

/* The blend: out[items.n] = sum of weight * score / max(score over allowed) over the parts.
 * allowed: bitset of items that may be recommended (64-bit words, items.n bits); NULL: all.
 * part_score: NULL, or [n_parts * items.n] to receive each part's normalised score.
 * used: bit i set when part i had something to say. Thread-safe with one scratch a thread. */
void pz_model_score(const struct pz_model *m, const struct pz_query *q, const uint64_t *allowed,
                    void *scratch, float *out, float *part_score, uint32_t *used);

/* The largest of n scores whose bit is set (NULL: of all), 0 where none is above. Threads: any */
float pz_score_max(const float *score, uint32_t n, const uint64_t *allowed);

/* The same of each 64 scores, into max[words of n]. Threads: any */
void pz_score_max_words(const float *score, uint32_t n, const uint64_t *allowed, float *max);

/* The same of all where no allowed one of each 64 scores is above bound[0], bound[1], ...; NULL:
 * not known. Words of scores in `skip`, a bit each, are left out; NULL: none. */
float pz_score_max_below(const float *score, uint32_t n, const uint64_t *allowed,
                         const float *bound, const uint64_t *skip);

/* Which of n <= 64 scores are above `bar`, a bit each. Threads: any */
uint64_t pz_scores_above(const float *score, uint32_t n, float bar);

/* One query of a block, as pz_model_score has its arguments. */
struct pz_scoring {
    const struct pz_query *q;
    const uint64_t *allowed;
    void *scratch; /* pz_model_scratch bytes, 64-byte aligned */
    float *out;    /* [items.n] */
    uint32_t used; /* out */
};

/* pz_model_score, without part scores, of n <= PZ_SCORE_BLOCK queries at once: the same bits, at a
 * part of the cost, since items are read once for all.
 *
 * Threads: any, each with its own scratch */
void pz_model_score_block(const struct pz_model *m, struct pz_scoring *job, size_t n);

#endif
