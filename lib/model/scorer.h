/* SPDX-License-Identifier: Apache-2.0 */
/* Scorers: learned parts behind one interface. A model is a list of parts and their blend weights.
 *
 * A part is learned from a corpus by fit, brought up to date from a delta by update, kept in a
 * table's columns under "NAME/", and answers queries: it scores all items for the history in the
 * query, with no state for users, no allocation, from any number of threads. */
#ifndef PZ_MODEL_SCORER_H
#define PZ_MODEL_SCORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "data/corpus.h"
#include "model/query.h"
#include "table/table.h"

/* One setting (hyperparameter) of a scorer: "factors.dim" on the command line and in manifests. */
struct pz_setting {
    const char *name;    /* without the scorer's name */
    double def;          /* default */
    double min, max;     /* allowed */
    double low, high;    /* range that tuning searches; low = high: not tuned */
    bool log_scale;      /* searched on a logarithmic scale */
    bool whole;          /* an integer */
    bool read_out;       /* acts in scoring only: changing it needs no new fit (see set) */
    const char *meaning; /* for the manual */
};

struct pz_fit_cfg {
    const double *value; /* [n_settings] in the order of the scorer's settings */
    uint64_t seed;
    double time_limit_s; /* wall seconds this fit may take; 0: no limit. At the limit the best so
                            far */
    struct pz_log *log;  /* may be NULL */
};

struct pz_scorer {
    const char *name;
    const char *meaning; /* one line for the manual */
    const struct pz_setting *settings;
    size_t n_settings;

    /* Learn a part. *part is the scorer's own struct; free with .free. The corpus is borrowed
     * during the call only. An empty or tiny corpus gives a valid part that scores zeros. */
    enum pz_status (*fit)(const struct pz_corpus *corpus, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err);
    bool any_time; /* fit takes long and, stopped by a signal or the time limit, gives the best so
                      far */

    /* A new part = old part + the interactions of delta, whose indices are those of `corpus`: the
     * whole corpus after the delta. old_item[i] is the old part's index of item i, or PZ_NONE for
     * new items; first_new[u] is the position in corpus of user u's first new interaction (ptr[u+1]
     * when none). Cost in proportion to the delta. NULL: fit again on the whole. */
    enum pz_status (*update)(const void *old, const struct pz_corpus *corpus,
                             const uint32_t *old_item, const uint64_t *first_new,
                             const struct pz_fit_cfg *cfg, void **part, struct pz_err *err);

    enum pz_status (*save)(const void *part, struct pz_writer *w, struct pz_err *err);

    /* Read from a table; big arrays stay borrowed from it. n_items rows are expected. Packed tables
     * are checked throughout, flat ones were checked when they were made. */
    enum pz_status (*load)(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err);

    /* Take in items that came since, by what attributes say of them: the k-th, row row[k] of attrs
     * (columns matched by name), becomes item n_items + k. From then on score fills out[n_items +
     * n] and histories may hold such items; explain, too. attrs is borrowed during the call only;
     * at most once a part. NULL: the part knows nothing of them and is asked without them, see
     * struct pz_query. */
    enum pz_status (*extend)(void *part, const struct pz_attrs *attrs, const uint32_t *row,
                             uint32_t n, struct pz_err *err);

    void (*free)(void *part);

    /* Change a read-out setting (settings[i].read_out) of a fitted part. NULL when there are none.
     */
    void (*set)(void *part, size_t setting, double value);

    /* Bytes of scratch that score and explain need for one thread. */
    size_t (*scratch_bytes)(const void *part);

    /* Write a score for every item (or for the candidates) into out[n_items], which is all zero at
     * the call; higher is better, 0 = nothing to say, negative allowed only if the scorer says so
     * in its head comment. Scale is free: the blend normalises. Deterministic; no allocation;
     * thread-safe with one scratch a thread (64-byte aligned, content undefined). Returns false
     * when the scorer has nothing to say for this query (out is then still zero). */
    bool (*score)(const void *part, const struct pz_query *q, void *scratch, float *out);

    /* The share of each history event in the score of one item: contrib[n_hist], summing to the
     * score where the scorer is additive. NULL: cannot say. */
    void (*explain)(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                    float *contrib);

    /* Item vectors for similarity (diversity): *dim floats a row, row-major [n_items * dim],
     * borrowed. NULL: has none. */
    const float *(*vectors)(const void *part, uint32_t *dim);
};

/* Every scorer, in the order of DESIGN.md; ended by NULL. */
extern const struct pz_scorer *const pz_scorers[];

/* The scorer of that name, or NULL. */
const struct pz_scorer *pz_scorer_find(const char *name);

/* The index of a setting, or SIZE_MAX. */
size_t pz_scorer_setting(const struct pz_scorer *s, const char *name);

/* Whether set[n_settings], read from a file, are values that are allowed: such settings are as
 * little trusted as any other input. PZ_BAD_DATA names the first that is not. */
enum pz_status pz_scorer_check(const struct pz_scorer *s, const double *set, struct pz_err *err);

/* Fill value[n_settings] with the defaults. */
void pz_scorer_defaults(const struct pz_scorer *s, double *value);

#endif
