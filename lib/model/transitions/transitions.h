/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the transitions scorer, shared by its files and its tests.
 *
 * A history is i_1 .. i_m in time order. Position p has a target weight t_p = w_p * time decay *
 * n_u^-user_norm; as sources all weigh the same. w_p is the damped event weight (pz_weight_damp).
 * Where the corpus says `wishes`, the events of a user with an item are one wish: a target where
 * met first, with the largest of their weights, and w_p = 0 after that. With W the window, a the
 * symmetric share, r the decay, d = |p - q| <= W, y = max(p, q):
 *
 *   count  C[b->j] = sum over i_q = b, i_p = j, p != q of  t_y (a + (1-a) [q<p] r^(d-1))
 *   Gram   G[b,j]  = sum over i_q = b, i_p = j of          a t_y + (1-a) r^d T_y
 *          T_y = sum over t > y of t_t r^(2(t-1-y))        (the diagonal d = 0 included)
 *
 * Events of one moment have no order: they stand together in the middle of their places, and each
 * comes after all the others, at the mean distance of two of them over all orders.
 *
 * G is the Gram matrix of the decayed histories h_t = sum over p < t of r^(t-1-p) e_{i_p}, weighted
 * by t_t, in closed form for pairs within the window; C is the right-hand side of the same least
 * squares.
 *
 * Threads: parts, views and features are only read once they are made: any number may score, each
 * with a scratch of its own. A fit or an update uses all cores and belongs to one caller. */
#ifndef PZ_MODEL_TRANSITIONS_TRANSITIONS_H
#define PZ_MODEL_TRANSITIONS_TRANSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/scorer.h"
#include "table/csr.h"

/* Indices of the settings, in the order of the scorer's table. */
enum pz_trans_set {
    PZ_TRANS_RIDGE,       /* 0 kNN, 1 neighbourhood ridge */
    PZ_TRANS_DECAY,       /* r */
    PZ_TRANS_SYMMETRIC,   /* a */
    PZ_TRANS_WINDOW,      /* W */
    PZ_TRANS_SOURCE_NORM, /* x of kNN */
    PZ_TRANS_TARGET_NORM, /* y */
    PZ_TRANS_RECENCY,     /* exponent of 1 / rank in the history */
    PZ_TRANS_KEEP,        /* counts kept an item */
    PZ_TRANS_NEIGHBOURS,  /* unknowns of one ridge system */
    PZ_TRANS_LAMBDA,
    PZ_TRANS_USER_NORM,   /* e */
    PZ_TRANS_HALF_LIFE,   /* days; 0: no time decay */
    PZ_TRANS_HISTORY,     /* events of the history that score */
    PZ_TRANS_HOP,         /* weight of the second step */
    PZ_TRANS_REPEAT,      /* weight of coming back to items of the history */
    PZ_TRANS_ATTRIBUTES,  /* weight of attributes as sources; 0: none */
    PZ_TRANS_ATTR_TARGET, /* weight of attributes as targets */
    PZ_TRANS_ATTR_POP,    /* power of an item's popularity with its attribute's score */
    PZ_TRANS_TREND,       /* power of how an item's events are recent */
    PZ_TRANS_N
};

enum {
    PZ_TRANS_LAGS = 20,       /* length of the repeat curve */
    PZ_TRANS_HOP_ITEMS = 30,  /* items that the second step starts from */
    PZ_TRANS_ROW_MAX = 2048,  /* coefficients kept a source item by the ridge */
    PZ_TRANS_DENSE = 3000,    /* items up to which the Gram matrix is a full square */
    PZ_TRANS_BLOCK = 1 << 17, /* entries of rows that are made before they are appended */
    PZ_TRANS_FAR = INT8_MIN
};

/* Categories of items as features: numbers n_items + a stand for attribute a in lists and cells. */
struct pz_trans_feats {
    uint32_t n_items, n; /* attributes */
    struct pz_csr rows; /* [n_items] features ascending, values u_A of unit length within an item */
    struct pz_dict names; /* [n] "COLUMN=value" */
    uint64_t *inv_ptr;    /* [n + 1] the same by attribute, for counting; NULL when n = 0
                           * or loaded; owned */
    uint32_t *inv_item;
    float *inv_weight;
    const uint32_t *kind; /* [n_items] items with the same features and weights are of one kind */
    const uint32_t *head; /* [n_kinds] the first item of each; both NULL without features */
    uint32_t *own_kind, *own_head; /* NULL when borrowed from a table */
    uint32_t n_kinds;
};

/* A learned part. counts run by source (C[b->.]) for kNN and by target (C[.->j]) for the ridge;
 * coef are the ridge's coefficients by source, empty for kNN, which scores with the counts
 * themselves. */
struct pz_trans {
    double set[PZ_TRANS_N];
    uint32_t n_items;
    bool ordered;   /* false: the histories have no order, recency means nothing */
    int64_t newest; /* time that the counts are decayed to */
    struct pz_trans_feats feats;
    struct pz_csr counts, coef; /* lists = n_items + feats.n */
    const float
        *pop; /* [n_items + feats.n] sum of damped event weight * time decay, of attributes too */
    const float
        *repeat; /* [PZ_TRANS_LAGS] share of events equal to the k-th last event before them */
    const float
        *trend;       /* [n_items] share of an item's events that are recent, 1: as of all items */
    const float *due; /* [n_items + feats.n] share of a target's counts that is new since it was
                         solved, after an update; NULL after a fit */
    const float *follow; /* [n_items + feats.n] sum of a target's coefficients beside that of what a
                            diagonal solver makes of its counts, when it was solved; 0: it was not.
                            NULL for kNN and in files before this was kept */
    float *own_pop, *own_repeat, *own_trend, *own_due, *own_follow;
    /* These follow from the settings: */
    const float *source_scale;                 /* [n_items + feats.n] pop^-x (kNN) or 1 */
    const float *target_scale;                 /* [n_items] pop^-y trend^z */
    const float *attr_scale;                   /* [n_items] (pop + 1)^attribute_pop */
    float *own_source, *own_target, *own_attr; /* NULL when borrowed from a table */
};

/* What counting reads: all users or only those that a delta touches. */
struct pz_trans_view {
    const struct pz_corpus *c;
    const double *set;
    const struct pz_trans_feats *feats;
    double a;        /* symmetric share in force: 1 when the corpus has no order */
    uint32_t window; /* likewise */
    uint32_t n_items;
    uint64_t n;    /* positions */
    uint64_t *ptr; /* [n_users + 1]; NULL once the view is made */
    uint32_t n_users;
    uint64_t *begins;     /* [n / 64 + 2] bits: where a history begins; that of n is set, too */
    uint64_t *moments;    /* [n / 64 + 2] the same of moments: events of one time */
    const uint32_t *item; /* [n]; the corpus's own where all of it is read */
    uint32_t *own_item;   /* [n] */
    uint32_t *user;       /* [n] of a delta; NULL in a fit, as the next two, where all is new */
    uint64_t *fresh;      /* [n_users] first new position */
    float *stale;         /* [n_users] factor of pairs of old positions: 1 - (n_old / n_new)^-e */
    void *block;          /* owned: the arrays target, tail and shift */
    bool together;        /* the block is in common, and each rank fills the users of its share */
    float *target;        /* [n] t_p */
    float *tail;          /* [n] T_p */
    uint64_t *occ_ptr;    /* [n_items + 1] positions by item; in a fit on several ranks without
                          features of the items whose rows are the rank's own */
    uint32_t *occ;        /* [occ_ptr[n_items]], ascending within an item */
    int8_t *shift; /* [n] from 2 p to the sum of the bounds of the moment of position p, twice
                             its middle; PZ_TRANS_FAR: too far for a byte, see moments */
    double unit;   /* sums of pairs are whole multiples of 1 / unit, a power of two */
    uint32_t max;  /* twice a distance is at most this */
    float *power;  /* [most + 1] r^(d/2) */
};

/* ---- features.c ---- */

/* Features of n_items items from their attributes (NULL: none). old, old_item: those of an earlier
 * part, whose items keep theirs (see pz_scorer.update); NULL in a fit.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *out, also after a failure */
enum pz_status pz_trans_feats_make(const struct pz_attrs *attrs, uint32_t n_items,
                                   const struct pz_trans_feats *old, const uint32_t *old_item,
                                   struct pz_trans_feats *out, struct pz_err *err);
void pz_trans_feats_clear(struct pz_trans_feats *f);

/* Fill kind, head and n_kinds, which scoring needs: a catalogue has far fewer kinds than items.
 * Without features it needs none of them.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_trans_feats_kinds(struct pz_trans_feats *f, struct pz_err *err);

/* ---- view.c ---- */

/* Read a corpus, of a delta only the users with new interactions and, with targets below 0, what is
 * taken back; delta NULL: all. set: [PZ_TRANS_N], feats: both borrowed. Memory: 13 bytes an
 * interaction taken, 4 of them shared among ranks and the others in common where they are on one
 * machine, and 8 an item; of a delta 8 more.
 * Errors: PZ_UNAVAILABLE more than 2^32 - 2 interactions; PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *v, also after a failure */
enum pz_status pz_trans_view_init(struct pz_trans_view *v, const struct pz_corpus *c,
                                  const double *set, const struct pz_trans_feats *feats,
                                  const struct pz_delta *delta, struct pz_err *err);
void pz_trans_view_clear(struct pz_trans_view *v);

/* Of a set of beginnings: the last at p or before, or `least` <= p where that is later. Threads:
 * any */
static inline uint64_t pz_trans_begin(const uint64_t *begins, uint64_t p, uint64_t least)
{
    uint64_t w = p / 64, bits = begins[w] << (63 - p % 64), at = p; /* bit 63 is that of `at` */

    for (; bits == 0 && at > least && w > 0; at = w * 64 + 63)
        bits = begins[--w];
    at -= bits ? (uint64_t)__builtin_clzll(bits) : 0;
    return at > least ? at : least;
}

/* The first behind p, or `most` > p where that is earlier. Threads: any */
static inline uint64_t pz_trans_end(const uint64_t *begins, uint64_t p, uint64_t most)
{
    uint64_t at = p + 1, w = at / 64, bits = begins[w] >> (at % 64); /* bit 0 is that of `at` */

    for (; bits == 0 && at < most; at = w * 64)
        bits = begins[++w];
    at += bits ? (uint64_t)__builtin_ctzll(bits) : 0;
    return at < most ? at : most;
}

/* The positions of one moment. */
struct pz_trans_moment {
    uint64_t first, end;
};

/* The moment of position p. Threads: any */
static inline struct pz_trans_moment pz_trans_moment(const struct pz_trans_view *v, uint64_t p)
{
    return (struct pz_trans_moment){ pz_trans_begin(v->moments, p, 0),
                                     pz_trans_end(v->moments, p, v->n) };
}

/* Twice the distance of two events of a moment, the mean over all orders: of g events (g + 1) / 3.
 * At most 255. */
static inline uint32_t pz_trans_within(struct pz_trans_moment m)
{
    uint64_t twice = (2 * (m.end - m.first + 1) + 1) / 3; /* rounded */

    return twice < 2 ? 2 : twice < UINT8_MAX ? (uint32_t)twice : UINT8_MAX;
}

/* Give back all that is of users and positions: for who has counted. */
void pz_trans_view_drop(struct pz_trans_view *v);

/* Positions between which pairs count; without order all of a history do, nearly. */
uint32_t pz_trans_window(const struct pz_corpus *c, const double *set);

/* Add damped event weight * time decay of the corpus's interactions (of the new ones when
 * first_new) to pop[n_items], then make pop[n_items + a] the sum over the items of attribute a.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_trans_pop(const struct pz_corpus *c, const double *set, const uint64_t *first_new,
                            const struct pz_trans_feats *feats, float *pop, struct pz_err *err);

/* How much more of an item's events are recent than of all items' events: events count half after a
 * tenth of the time that the corpus spans; few events tell little. trend: [n_items], 1 where
 * nothing is known.
 * Errors: as pz_trend_shares */
enum pz_status pz_trans_trend(const struct pz_corpus *c, float *trend, struct pz_err *err);

/* The repeat curve of a corpus: curve[k-1] = share of events whose item stood k places before and
 * not nearer. */
void pz_trans_repeat(const struct pz_corpus *c, float *curve);

/* The factor that time decay gives to an event of age age_s seconds. */
double pz_trans_decay(const double *set, double age_s);

/* ---- rows.c ---- */

/* Keep the k largest of n keys, value bits in the high half, ~item in the low (ties: lower item
 * first), at the front in no particular order. Returns min(n, k). The set kept does not depend on
 * the order. */
uint32_t pz_trans_select(uint64_t *key, uint32_t n, uint32_t k);
/* The key of value v >= 0 of an item, and the item of a key. */
uint64_t pz_trans_key(float v, uint32_t item);
uint32_t pz_trans_key_item(uint64_t key);

/* Earlier counts to add to: renumbered by old_row and new_row, multiplied by factor. */
struct pz_trans_old {
    const struct pz_csr *counts;
    const uint32_t *old_row; /* [items + features] new -> old or PZ_NONE */
    const uint32_t *new_row; /* [counts->n] old -> new */
    double factor;
    struct pz_table *table; /* of counts, which are given back as they are read; NULL: they stay */
    /* NULL: not asked for. Receives, beside the new entries, what stood there before, in rows that
     * nothing was added to 0; the caller frees it, also after a failure. */
    float **before;
};

/* All rows of counts, the largest value * scale[item] kept, at most keep a row. old: counts to add
 * to, or NULL. Parallel over rows. Of several ranks each has its own rows then (pz_trans_gather).
 * Errors: PZ_TRY_AGAIN memory is out; PZ_INTERRUPTED a signal asked for the end
 * Owner:  the caller clears *out, also after a failure */
enum pz_status pz_trans_count(const struct pz_trans_view *v, bool by_target, const float *scale,
                              const struct pz_trans_old *old, struct pz_csr *out,
                              struct pz_err *err);

struct pz_gram; /* gram.h */

/* How many pairs a row of the Gram matrix of n items and features keeps at most. Threads: any */
uint32_t pz_trans_gram_row_max(uint32_t n);

/* The Gram matrix, each pair once: in the row of the one with the larger scale (ties: of the lower
 * number), so that no row is long, and in the item's where one is a feature. Rows with wanted[row]
 * != 0 (NULL: all; with features all items' are needed), the `row_max` largest value * scale kept a
 * row, the diagonal and the features always. scale: 1 / sqrt(popularity) or alike. What the view
 * has of positions by item goes back as it is read, so nothing can be counted from it afterwards.
 * Errors: as pz_trans_count
 * Owner:  the caller, by pz_gram_clear */
enum pz_status pz_trans_gram(const struct pz_trans_view *v, const uint8_t *wanted,
                             const float *scale, uint32_t row_max, struct pz_gram *out,
                             struct pz_err *err);

/* ---- transpose.c ---- */

/* The same entries by their items: list i of out holds (list, value) of every entry with item i;
 * zero values are left out, and all but the row_max largest |value| of a list. Entries are < n_out.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *out, also after a failure */
enum pz_status pz_trans_transpose(const struct pz_csr *in, uint32_t n_out, uint32_t row_max,
                                  struct pz_csr *out, struct pz_err *err);

/* Drop all but the row_max largest |value| of each row (ties: the lower item stays); what the
 * arrays, which the rows own, have beyond goes back.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_trans_cut_rows(struct pz_csr *rows, uint32_t row_max, struct pz_err *err);

/* ---- ridge.c ---- */

/* Solve the targets with wanted[j] != 0 (NULL: all): (G[N,N] + lambda g I) b = C[N,j], N the
 * `neighbours` sources of counts (by target) with the largest C / sqrt(pop). value: [counts
 * entries] receives b at N and 0 elsewhere; entries of unwanted targets are not touched, nor those
 * of other ranks (pz_trans_gather). Of the view nothing is left that pz_trans_view_drop gives back.
 * Errors: as pz_trans_count; counts may have no items then, and are to be cleared alone */
enum pz_status pz_trans_solve(struct pz_trans_view *v, struct pz_csr *counts, const float *pop,
                              const uint8_t *wanted, float *value, struct pz_err *err);

/* What the ridge with only the diagonal of its Gram matrix, for which the popularity stands,
 * would make of a count. */
static inline double pz_trans_diagonal(const struct pz_trans *t, uint32_t source, double count)
{
    return count / ((double)t->pop[source] + t->set[PZ_TRANS_LAMBDA]);
}

/* pz_trans.follow of target j. value: [counts entries] as pz_trans_solve left it. Threads: any */
float pz_trans_follow(const struct pz_trans *t, uint32_t j, const float *value);

/* Solve A x = b in place for symmetric positive definite A by Cholesky. A: [n * stride] upper
 * triangle row-major, overwritten; x: [n] right-hand side in, solution out. A pivot below `floor`
 * is raised to it, so that a matrix that rounding or pruning made indefinite still gives finite
 * answers. */
void pz_trans_cholesky(float *A, size_t n, size_t stride, float floor, float *x);

/* ---- cells.c ---- */

/* Of several ranks each has made its own rows: make them those of all, and *coef (NULL: none) the
 * values beside theirs. to_first: ranks other than the first keep what they have.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  as before; *coef may be allocated anew */
enum pz_status pz_trans_gather(struct pz_csr *rows, float **coef, bool to_first,
                               struct pz_err *err);

/* ---- score.c ---- */

/* As pz_scorer.scratch_bytes, .score, .score_few, .score_block and .explain. */
size_t pz_trans_scratch_bytes(const void *part);
bool pz_trans_score(const void *part, const struct pz_query *q, void *scratch, float *out);
bool pz_trans_score_few(const void *part, const struct pz_query *q, void *scratch, float *out,
                        uint64_t *touched);
void pz_trans_score_block(const void *part, const struct pz_query *const *q, size_t n,
                          void *const *scratch, float *const *out, bool *said);
void pz_trans_explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                      float *contrib);

/* ---- cost.c ---- */

/* Sums over all rows, of which some are looked at. */
struct pz_trans_sums {
    double pairs;           /* of events within the window, both directions */
    double sources;         /* that meet a target */
    double gram, featured;  /* of those, in the Gram matrix; of them, with a feature */
    double kept;            /* of those */
    double unknowns, cubes; /* m of a target's system, m^3 */
};

/* What a count by these settings will have to do.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_trans_look(const struct pz_corpus *c, const double *set,
                             const struct pz_trans_feats *feats, struct pz_trans_sums *out,
                             struct pz_err *err);

/* As pz_scorer.update_cost. */
struct pz_fit_cost pz_trans_update_cost(const struct pz_update_size *size);
/* As pz_scorer.cost.
 * Errors: as pz_scorer.cost */
enum pz_status pz_trans_cost(const struct pz_corpus *c, const double *set, struct pz_fit_cost *out,
                             struct pz_err *err);

/* ---- file.c ---- */

/* As pz_scorer.save and .load.
 * Errors: as pz_writer_add, pz_table_get; PZ_BAD_DATA a setting or number is damaged; PZ_TRY_AGAIN
 *         memory is out
 * Owner:  the caller, by pz_trans_free; big arrays stay borrowed from the table */
enum pz_status pz_trans_save(const void *part, struct pz_writer *w, struct pz_err *err);
/* As pz_scorer.derive.
 * Errors: as pz_derived_add */
enum pz_status pz_trans_derive(const void *part, struct pz_derived *out, struct pz_err *err);
enum pz_status pz_trans_load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err);
/* Of a table that is read to be changed nobody reads the first n counts, any count, or the first n
 * coefficients again.
 * Threads: one */
void pz_trans_give_back_counts(struct pz_table *t, uint64_t n);
void pz_trans_drop_counts(struct pz_table *t);
void pz_trans_give_back_coef(struct pz_table *t, uint64_t n);
/* The values of the coefficients read, to be changed in place; NULL: they are the file itself.
 * Owner: the table */
float *pz_trans_own_coef(struct pz_table *t);
/* The ridge's coefficients, which pz_trans_load leaves where they are in a table that is asked
 * nothing: an update reads them when it has done with the counts. rows: items + features.
 * Errors: as pz_csr_load
 * Owner:  the table */
enum pz_status pz_trans_load_coef(struct pz_table *t, uint32_t rows, struct pz_csr *coef,
                                  struct pz_err *err);

/* ---- transitions.c ---- */

/* Make the scales follow the settings, and the kinds of features; arrays are allocated when not
 * owned.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_trans_scale(struct pz_trans *t, struct pz_err *err);
void pz_trans_fill_scale(const float *pop, uint32_t n, double power, float *scale); /* pop^-power */
void pz_trans_free(void *part);

/* ---- update.c ---- */

/* As pz_scorer.update.
 * Errors: as pz_trans_view_init and pz_trans_count; PZ_INTERNAL an item of the old part is gone
 * Owner:  the caller, by pz_trans_free; *part is NULL after a failure */
enum pz_status pz_trans_update(const void *old, const struct pz_corpus *c,
                               const struct pz_delta *delta, const struct pz_fit_cfg *cfg,
                               void **part, struct pz_err *err);

#endif
