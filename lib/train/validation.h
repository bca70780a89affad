/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: validation cases cut from the training data, and judging parts on them.
 *
 * Threads: cases belong to one thread, which cuts, judges and clears them; judging uses all cores.
 * The rest is safe with one scratch a thread. */
#ifndef PZ_TRAIN_VALIDATION_H
#define PZ_TRAIN_VALIDATION_H

#include "model/model.h"

/* What a list is worth: the metric that tuning maximises, from the ranks of the truths. */
enum pz_metric_kind {
    /* Mean of nDCG@10 and nDCG@100, steadier than either on few cases; what coming back is worth is
     * judged by nDCG@10 alone (tune.c). */
    PZ_METRIC_MIX,
    PZ_METRIC_NDCG,
    PZ_METRIC_MRR,
    PZ_METRIC_RECALL,
    PZ_METRIC_PRECISION,
    PZ_METRIC_HIT
};
struct pz_metric {
    enum pz_metric_kind kind;
    uint32_t k; /* length of the list; not of MIX */
};

/* What lists are tuned for: what users do next and what comes in the newest slice (pz_valid_cut),
 * what they do next above all, or what is missing in a history, whenever it was. */
enum pz_tune_for { PZ_FOR_BOTH, PZ_FOR_NEXT, PZ_FOR_ANY };

/* "both", "next" or "any", a constant.
 * Owner:   nobody
 * Threads: any */
const char *pz_tune_for_name(enum pz_tune_for what);

/* Parse "ndcg@10", "mrr@25", "recall@20", "precision@5", "hit@10" or "mix".
 * Errors: PZ_USAGE it is none of these */
enum pz_status pz_metric_parse(const char *text, struct pz_metric *out, struct pz_err *err);

/* From this rank on, counted from 0, an item is worth nothing. */
uint32_t pz_metric_depth(const struct pz_metric *metric);

/* The value of one list. rank: ranks of the truths from 0, any order; gain: what each is worth, >
 * 0. */
double pz_metric_value(const struct pz_metric *metric, const uint32_t *rank, const float *gain,
                       uint32_t n);

/* One question and its answers. The history is seq_item[from .. end) of the case set. */
struct pz_valid_case {
    uint64_t from, end;
    uint64_t truth; /* first in truth[] */
    uint32_t n_truth;
    uint32_t user;
    float share; /* in the user's value; a user's shares sum to the user's vote, 1 on average */
    int64_t now; /* when it is asked */
};

/* The vectors that a part of a version (struct pz_part) made of the cases. */
struct pz_valid_vectors {
    const struct pz_scorer *scorer; /* NULL: nothing is kept here */
    uint32_t version;
    size_t n; /* floats a case */
    float *x; /* [cases * n]; of a case that was not asked yet the first is NaN. NULL: no room */
};

/* The cases: users in random order, each with one or a few cases. */
struct pz_valid {
    struct pz_corpus train;   /* without the truths: what trials learn from */
    const uint32_t *seq_item; /* histories of cases */
    const int64_t *seq_time;
    const float *seq_weight;
    uint32_t n_users;
    uint32_t *first;         /* [n_users + 1] cases of a user */
    struct pz_valid_case *c; /* [first[n_users]] */
    uint32_t *truth;
    float *gain;
    enum pz_task task;
    enum pz_tune_for tune_for; /* set before they are cut */
    bool whole;                /* likewise: no slice is held out */
    bool exclude_seen;
    /* What users had beside the histories, until they are asked; NULL: nothing. */
    const struct pz_corpus *seen;
    const float *scale; /* [n_items] multiplies the judged part's scores; NULL: nothing */
    bool sliced;        /* the newest slice of time is held out whole, and judged */
    double slice_s;     /* and so long */
    uint8_t *still;     /* [n_users], sliced: judging passes by these, whose values are known */
    uint8_t *late;      /* [n_users] whether a user's cases are of the slice */
    bool newest; /* the users are the newest of many: what holds at the end of the data holds for
                       them */
    struct pz_metric metric;
    uint32_t n_memo; /* cases whose sum over the parts beside the judged one is kept */
    float *memo;     /* [n_memo * n_items]; NULL: none */
    uint8_t *known;  /* [n_memo] of which parts it is there (judge.c) */
    struct pz_valid_vectors *vectors; /* [PZ_MAX_PARTS] what parts keep of cases; NULL: nothing */
    uint64_t *asked; /* counts how often a part scores a case; NULL: nobody counts */
    void *owned[16];
    size_t n_owned;
};

/* Cut cases from a corpus, which must outlive them. All ranks do so together.
 *
 * Where the times are those of a calendar (pz_valid_slice), the newest tenth of all events leaves
 * the training part, and up to two thirds of the votes, with PZ_FOR_NEXT a twentieth, are of that
 * slice: what its users did in it, those included who are new, asked at its beginning. That is how
 * a model is used until the next one.
 *
 * The other votes: with order the newest tenth of a drawn user's n
 * events (at least one) leaves the training part. Cases: all of these events from the history
 * before them, and, where there are several, the next few one by one, each from the history right
 * before it; both kinds share the user's vote. Where order means nothing, and with PZ_FOR_ANY in
 * place of all that, a random fifth leaves, with all events of its items where exclude_seen, and is
 * one case: on a random tenth of 1000 users parts that help seem to harm. Truths are items the
 * history lacks (with exclude_seen), worth the largest weight of their events. Users without a
 * truth give no case. Where next to nobody has one, as all come back to what they know, cases keep
 * what was seen: v->exclude_seen tells. max: users to draw; of the newest tenth where users come
 * and go, as sessions do, and are many.
 *
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller, by pz_valid_clear, also after a failure */
enum pz_status pz_valid_cut(const struct pz_corpus *c, enum pz_task task, bool exclude_seen,
                            uint32_t max, uint64_t seed, struct pz_valid *v, struct pz_err *err);
void pz_valid_clear(struct pz_valid *v);

/* Where lists are worth less to the users of the slice than to the others, let those users count
 * more, twice at most, so that a share more of it is worth the same: what comes next in the same
 * session is easily told, and would else decide alone. Users without a history are not asked. each:
 * [n_users] values by which worth is measured, which become those of the new shares. */
void pz_valid_even(const struct pz_valid *v, double *each);

/* The time at which the newest slice begins, INT64_MAX where none is judged: without order, where
 * users come and go (pz_valid_newest), where everybody's times begin together, as those of files do
 * that tell of order only, and where fewer than PZ_SLICE_USERS act in it. */
int64_t pz_valid_slice(const struct pz_corpus *c, uint32_t max);
enum { PZ_SLICE_USERS = 50 };

/* Whether at most `max` users would be the newest: users come and go, their first events being
 * spread ten times wider than the events of one of them, and twice as many have a truth. */
bool pz_valid_newest(const struct pz_corpus *c, uint32_t max);

/* Truths of all cases. Threads: any */
uint64_t pz_valid_n_truths(const struct pz_valid *v);

enum { PZ_VALID_MEMO = 24 << 20 /* bytes */ };

/* Make room to keep, for as many cases as fit in that, what the other parts than the judged one
 * add up to, and have parts keep the vectors that they make of histories.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_valid_remember(struct pz_valid *v, struct pz_err *err);

/* Drop what is kept: parts beside the judged one are other than they were, or a part will be judged
 * that is not behind all others. */
void pz_valid_forget(const struct pz_valid *v);

/* Judge a blend in which one part's weight takes each of several values.
 *
 * part    [n_parts]; the weight of part[judged] is not used
 * weight  [n_weights] tried for part[judged]
 * from, to   users from <= u < to
 * each    [n_weights * v->n_users]: values of these users, row a weight; others are left alone
 * Between two calls of pz_valid_forget, the judged part and the parts beside it must stay as they
 * are; but where the last part is judged, one more part may join behind it, and be judged then.
 * Parallel over users, the same at any number of threads.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_valid_judge(const struct pz_valid *v, const struct pz_part *part, size_t n_parts,
                              size_t judged, const double *weight, size_t n_weights, uint32_t from,
                              uint32_t to, double *each, struct pz_err *err);

/* One part of a blend takes other weights. */
struct pz_move {
    size_t part;
    double weight;
    double cold_weight;
};

/* Judge a blend of parts [n_parts] as it is and with each of the moves alone, every part scored
 * once a case for all of them.
 *
 * each    [(n_moves + 1) * v->n_users]: values of all users, the first row of the blend as it is
 * Parallel over users, the same at any number of threads.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_valid_judge_moves(const struct pz_valid *v, const struct pz_part *part,
                                    size_t n_parts, const struct pz_move *move, size_t n_moves,
                                    double *each, struct pz_err *err);

/* The values of users when the core of every recipe, by default and alone, learns from v->train and
 * answers: what a question about the data themselves is decided by, before there are parts.
 * Errors: as pz_scorer.fit and pz_valid_judge */
enum pz_status pz_valid_judge_core(const struct pz_valid *v, uint64_t seed, double *each,
                                   struct pz_err *err);

/* Whether a part can say nothing on these cases, as what it scores is hidden: it is judged on cases
 * of its own. */
static inline bool pz_valid_hides(const struct pz_valid *v, const struct pz_scorer *s)
{
    return s->of_history && v->exclude_seen;
}

/* A case that is being scored, of a block of PZ_SCORE_BLOCK. */
struct pz_valid_scratch {
    struct pz_query q;
    uint32_t at;         /* which case it is ready for */
    float *total, *mine; /* [n_items] */
    uint64_t *allowed;   /* bitset of items that may be recommended */
    void *scratch;
    struct pz_given *given; /* the user's attributes */
};
/* An array of a block for each thread (pz_par_threads), or NULL when memory is out.
 * Owner: the caller, by pz_valid_scratch_free (accepts NULL) */
struct pz_valid_scratch *pz_valid_scratch_new(const struct pz_valid *v, const struct pz_part *part,
                                              size_t n_parts);
void pz_valid_scratch_free(struct pz_valid_scratch *scratch);

/* Make a case ready to be scored: q and allowed. */
void pz_valid_ask(const struct pz_valid *v, const struct pz_valid_case *c,
                  struct pz_valid_scratch *scratch);

/* The blend of the parts but part[except] (SIZE_MAX: of all) for n <= PZ_SCORE_BLOCK cases that
 * were made ready, into the total of each. */
void pz_valid_sum(const struct pz_valid *v, const struct pz_part *part, size_t n_parts,
                  size_t except, struct pz_valid_scratch *const *scratch, size_t n);

/* The ranks of a case's truths, from 0, in scratch->total, which pz_valid_sum left there; rank has
 * room for PZ_VALID_TRUTHS, of which it returns how many it filled. Items of the history that
 * cannot be recommended get -INFINITY in total. */
uint32_t pz_valid_ranks(const struct pz_valid *v, const struct pz_valid_case *c,
                        const struct pz_valid_scratch *scratch, uint32_t *rank);
enum { PZ_VALID_TRUTHS = 256 };

#endif
