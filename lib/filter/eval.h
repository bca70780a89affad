/* SPDX-License-Identifier: Apache-2.0 */
/* Private to filter/: what evaluation of one query shares.
 *
 *   values.c   right sides made ready, rows against them   bits.c    whole columns, and their cache
 *   events.c   interactions against counts                 index.c   columns asked with new values
 *
 * Threads: one struct pz_filter_ctx and work for each; what they share is read-only, but for the
 *          cache (a mutex) and the indexes (published once). */
#ifndef PZ_FILTER_EVAL_H
#define PZ_FILTER_EVAL_H

#include "base/json.h"
#include "base/str.h"
#include "filter/ast.h"
#include "filter/filter.h"

/* One row of items or users: of the model, or of the overlay, which replaces the model's. */
struct pz_filter_row {
    bool known; /* false: every column is null */
    bool live;  /* at is a row of the overlay */
    uint64_t at;
    const char *id; /* of the user or item asked for; else NULL */
};

struct pz_filter_work {
    uint64_t *words;           /* bitsets, used as a stack */
    uint32_t *count;           /* [items] zero between uses */
    struct pz_filter_set *set; /* by test: right sides of ASKED tests */
    uint32_t *live_item;       /* the model's items of live and inline events */
    json_t **props;            /* [n_props] properties of live events, where tests ask for them */
    struct pz_str key;         /* of a cached bitset */
    struct pz_filter_bitset **held; /* cached bitsets in use */
    size_t cap_words, cap_count, cap_set, cap_live, cap_props, cap_held, n_held, n_props;
};

struct pz_filter_ctx {
    const struct pz_filter *f;
    const struct pz_filter_values *values;
    const struct pz_filter_env *env;
    struct pz_filter_work *work;
    uint32_t user_index; /* in the model */
    struct pz_filter_row user, item;
    size_t n_rows; /* of a bitset: items, or users */
};

/* ---- values.c */
/* Make the right side of a test ready.
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_filter_set_fill(const struct pz_filter_ctx *ctx,
                                  const struct pz_filter_node *test, struct pz_filter_set *set,
                                  struct pz_err *err);
void pz_filter_set_clear(struct pz_filter_set *set);

/* The number in a column of a row; NaN: null. */
double pz_filter_row_number(const struct pz_filter_ctx *ctx, uint32_t column,
                            const struct pz_filter_row *row);

/* Whether a number, or codes of the model's dictionary, pass the test; not yet negated. */
bool pz_filter_set_has_number(const struct pz_filter_node *test, const struct pz_filter_set *set,
                              double x);
bool pz_filter_set_has_codes(const struct pz_filter_node *test, const struct pz_filter_set *set,
                             const uint32_t *code, size_t n);

/* Whether a text is in the set. */
bool pz_filter_set_has_text(const struct pz_filter_set *set, const char *s, size_t n);

/* Whether a row passes a test whose column is the row's, value by value; negation included. */
bool pz_filter_row_passes(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                          const struct pz_filter_set *set, const struct pz_filter_row *row);

/* The right side of a test, wherever it was made ready.
 *
 * Owner:   the filter, its values or the work */
const struct pz_filter_set *pz_filter_set_of(const struct pz_filter_ctx *ctx,
                                             const struct pz_filter_node *test);

/* The i-th of some texts. */
typedef struct pz_filter_bytes pz_filter_bytes_fn(const void *from, size_t i);

/* Whether a row whose values in a column are n texts passes; not yet negated. */
bool pz_filter_set_has_texts(const struct pz_filter_node *test, const struct pz_filter_set *set,
                             pz_filter_bytes_fn *text, const void *from, size_t n);

/* ---- events.c */
/* Make the live events of a query ready.
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_filter_events_prepare(struct pz_filter_ctx *ctx, struct pz_err *err);
void pz_filter_events_release(struct pz_filter_work *work);

/* How many interactions of a user (an index of the model; with the live ones when they ask) pass a
 * COUNT. */
uint64_t pz_filter_events_count(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                                uint32_t user);

/* Whether a number of interactions satisfies a COUNT's comparison. */
bool pz_filter_events_enough(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                             uint64_t count);

/* The items of which enough interactions of the one who asks pass, into words. */
void pz_filter_events_items(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                            uint64_t *words);

/* ---- index.c */
/* Room for an index of a column, made when it has been asked often enough. NULL: memory is out.
 *
 * Owner:   the caller: pz_filter_index_free, which accepts NULL */
struct pz_filter_index *pz_filter_index_new(void);
void pz_filter_index_free(struct pz_filter_index *index);

/* Answer a test of rows from the column's index: the bits of words, all of them, before negation.
 * False: there is none yet, or a scan is faster; words are undefined then.
 *
 * n_rows   rows of the model's column; others have bit 0
 * n_bits   rows of a bitset
 * Threads: any */
bool pz_filter_index_ask(const struct pz_filter_node *test, const struct pz_filter_column *col,
                         const struct pz_filter_set *set, uint64_t n_rows, size_t n_bits,
                         uint64_t *words);

/* ---- bits.c */
/* The answer to a test of rows for every row of the model, or of the overlay in its place, into
 * words; negation included. */
void pz_filter_scan(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                    const struct pz_filter_set *set, uint64_t *words);

/* The same from the filter's cache, made there when it is missing.
 *
 * Owner:   the cache; held until pz_filter_release. NULL when memory is out */
const uint64_t *pz_filter_cached(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                                 const struct pz_filter_set *set);

/* Give back all that a work holds. */
void pz_filter_release(const struct pz_filter *f, struct pz_filter_work *work);

/* The cache of a filter.
 *
 * Owner:   the filter: pz_filter_cache_free; NULL when memory is out */
struct pz_filter_cache *pz_filter_cache_new(void);
void pz_filter_cache_free(struct pz_filter_cache *cache);

#endif
