/* SPDX-License-Identifier: Apache-2.0 */
/* Scorers: learned parts behind one interface. A model is a list of parts and their blend weights.
 *
 * The life of a part, and who calls what:
 *
 *     suits -> start -> (tuning: fit, set, score, free) -> fit -> save        train/train.c, tune.c
 *     load -> [extend once] -> score, explain, vectors, any number of times   model.c, rank/
 *     load -> update -> save                                                  train/update.c
 *     free ends each of them and accepts a part in any state that fit, update or load returned
 *
 * Adding a scorer:
 *
 *   1. a folder lib/model/NAME/ with at least NAME.c, whose head comment gives the formula and
 * where it is published, the columns that it writes (all under "NAME/") and whether scores may be
 *      negative
 *   2. an enum of its settings and a table of them, a row each in the form of PZ_SETTING below
 *   3. a `const struct pz_scorer pz_NAME` that fills the fields of struct pz_scorer; fit, save,
 * load, free, scratch_bytes and score are required, NULL means for each other field what its
 * comment says
 *   4. one line in parts.h and one in the list of scorer.c, where its place is its place in the
 * blend
 *   5. a unit test that knows a tiny case by hand, and man pages, which list settings by themselves
 *
 * Nothing else names a scorer: whatever training or answering needs to know of it is asked of the
 * interface, and make lint refuses a name elsewhere.
 *
 * Threads: parts are only read once they are made: any number of threads may score, explain and
 * save, each with a scratch of its own. fit and update use all cores and belong to one caller; set,
 * extend and free want the part alone. The functions at the end are safe anywhere, on different
 * choices. */
#ifndef PZ_MODEL_SCORER_H
#define PZ_MODEL_SCORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "data/corpus.h"
#include "model/query.h"
#include "model/recipe.h"
#include "table/table.h"

/* On which cases a value of a setting shows its worth. */
enum pz_judged {
    PZ_JUDGED_ALWAYS,    /* on all */
    PZ_JUDGED_ON_REPEAT, /* on cases that keep the items of the history */
    PZ_JUDGED_AT_END     /* on cases from the end of the data; on others it would be chance */
};

/* One setting (hyperparameter) of a scorer: "factors.dim" on the command line and in manifests. */
struct pz_setting {
    const char *name; /* without the scorer's name */
    double def;       /* default */
    double min, max;  /* allowed */
    double low, high; /* range that tuning searches; low = high: not tuned */
    bool log_scale;   /* searched on a logarithmic scale */
    bool whole;       /* an integer */
    bool scanned;     /* tried all over its range before the part is judged */
    bool read_out;    /* acts in scoring only: changing it needs no new fit (see set) */
    bool late;        /* a read-out that acts behind the vector that is kept (see kept_floats) */
    bool effort;      /* how much is learned: more costs in proportion (see more). Of several the
                              first comes first, the next one where that is at its end */
    enum pz_judged judged; /* where tuning looks at it */
    const char *meaning;   /* for the manual */
};

/* A row of a scorer's table names what it sets: { PZ_SETTING("decay", "weight of a pair per
 * position between"), PZ_ALLOWED(0.9, 0, 1), PZ_SEARCHED(0.4, 0.97) }. */
#define PZ_SETTING(setting_name, says) .name = (setting_name), .meaning = (says)
#define PZ_ALLOWED(default_value, from, to) .def = (default_value), .min = (from), .max = (to)
#define PZ_SEARCHED(from, to) .low = (from), .high = (to)
#define PZ_LOG_SCALE .log_scale = true
#define PZ_WHOLE .whole = true
#define PZ_SCANNED .scanned = true
#define PZ_READ_OUT .read_out = true
#define PZ_LATE .late = true
#define PZ_EFFORT .effort = true
#define PZ_JUDGED(where) .judged = (where)

#define PZ_MAX_SETTINGS 24

/* What a scorer looks at to say whether it suits, and from where its settings start. */
struct pz_setup {
    const struct pz_corpus *corpus;
    const struct pz_recipe *recipe;
    bool newest_users; /* users come and go: validation is on the newest */
    size_t n_before;   /* parts that stand before this one in the blend */
};

enum pz_suits {
    PZ_SUITS_NEVER,    /* there is nothing to learn */
    PZ_SUITS_IF_ASKED, /* it can be learned, but is not worth it unless somebody asks */
    PZ_SUITS
};

/* What a part counts in a blend: weight + cold_weight / n where a user's history has n > 0 events.
 */
struct pz_weights {
    double weight, cold_weight;
};

/* Lists that have weights of their own: those that hold what was seen, those of what comes next
 * (pz_model_next), and those that are both. */
enum pz_lists { PZ_LISTS_KEPT, PZ_LISTS_NEXT, PZ_LISTS_KEPT_NEXT, PZ_LISTS };

/* One part of a model to be: its scorer and the settings and weight chosen for it. */
struct pz_choice {
    const struct pz_scorer *scorer;
    double value[PZ_MAX_SETTINGS];
    double low[PZ_MAX_SETTINGS], high[PZ_MAX_SETTINGS]; /* searched; low = high: fixed */
    double weight;
    double cold_weight;    /* as in struct pz_part, beside a first part of 1 */
    bool weighs[PZ_LISTS]; /* which of the next ones there are */
    struct pz_weights own[PZ_LISTS];
    bool weight_fixed;
    bool unjudged; /* tuning had no time for it */
    /* Of a part that a search learned and that only has to be finished (pz_scorer.finish): to which
     * effort, 0: it is to be fitted; and the part, the training's, NULL: to be made again. */
    double reached;
    void *begun;
};

struct pz_fit_cfg {
    const double *value; /* [n_settings] in the order of the scorer's settings */
    uint64_t seed;
    double time_limit_s; /* wall seconds this fit may take; 0: no limit. At the limit the best so
                            far */
    /* Of an update: processor seconds that it may go on learning, if it takes new events in without
     * learning from them; 0: it does not. */
    double learn_s;
    bool only_saved; /* nobody asks the part: of several ranks the first alone needs all of it */
    bool goes_on;    /* `more` may follow: keep what it needs */
    bool finishes;   /* and `finish`: what was learned before the last touches is the same however
                           many stages led there */
    struct pz_log *log; /* may be NULL */
    /* Times and weights of the corpus that fit has read may rest until it is done: see
     * pz_fit_has_read. */
    void (*has_read)(void *training, unsigned what);
    void *training;
};

/* A fit reads times or weights (PZ_CORPUS_TIMES, PZ_CORPUS_WEIGHTS, or both) no more. */
static inline void pz_fit_has_read(const struct pz_fit_cfg *cfg, unsigned what)
{
    if (cfg->has_read)
        cfg->has_read(cfg->training, what);
}

/* What an update brings: the corpus is the whole after it. */
struct pz_delta {
    const uint32_t *old_item;  /* [corpus->n_items] the old part's index, PZ_NONE for new items */
    const uint64_t *first_new; /* [corpus->n_users] the position in corpus of the user's first new
                                  interaction, ptr[u + 1] when there is none */
    /* Users whose new interactions are not their newest count again as a whole: first_new is
     * ptr[u], and what the old part counted of them stands here, in the corpus' numbers of items,
     * to be taken back. NULL: there are none. */
    const struct pz_corpus *taken_back;
    struct pz_table
        *old_table; /* of the old part: an update may drop columns of it that it has read,
                                 * to make room, and the part is then only freed. NULL: they stay */
};

/* What a fit takes. A scorer counts what it does, in terms; costs.h says what each of a term takes.
 */
enum { PZ_COST_TERMS = 8 };
struct pz_fit_cost {
    double term[PZ_COST_TERMS];
    double work_ns;  /* by one thread of a machine of 2024: of other machines the ratios hold. Of
                       the scorer: what is not in terms */
    double start_ns; /* of it what a part that learns on (pz_scorer.more) does once */
    double kept;     /* bytes of the part */
    double beside;   /* bytes at most, beside those, while it is fitted */
    double rests;    /* of them, where times and weights of the corpus that it has read may rest
                        (pz_fit_has_read): so much less is held */
};

/* What an update is of, in counts. */
struct pz_update_size {
    double n_items, n_events; /* with the delta */
    double n_new;             /* events of the delta */
};

/* Queries that are scored together. */
enum { PZ_SCORE_BLOCK = 8 };

/* What scores of a query do not exceed, above 0 or below: factor * length of the item. */
struct pz_reach {
    const float *length;     /* [items that the part learned of] */
    const uint32_t *longest; /* [the same] items by descending length */
    float factor;
};

/* Rows put, of which a model of the same file has most: row i is row source[i].row of those that it
 * was extended by (part 0) or of attrs (part 1). */
struct pz_put_since {
    const struct pz_source *source; /* [n_rows] */
    uint32_t n_rows;
    const struct pz_attrs *attrs; /* NULL: none */
};

struct pz_scorer {
    const char *name;
    const char *meaning; /* one line for the manual */
    const struct pz_setting *settings;
    size_t n_settings;

    bool relates;      /* belongs to recipes of related items, too, not to those for users alone */
    bool is_fallback;  /* last in every recipe: it orders what no other part knows */
    bool of_history;   /* scores items of the history only: judged on cases that keep them */
    bool kept_idle;    /* stays in the model at weight 0: other steps read its vectors */
    double min_weight; /* tuning gives at least this, where validation cannot see what it is for */
    double max_weight; /* and at most this times the first part's; 0: any */

    /* Whether the part is for this data and recipe. NULL: always. */
    enum pz_suits (*suits)(const struct pz_setup *setup);

    /* Adjust a choice of defaults to the data: settings, their ranges, the cold weight. NULL: the
     * defaults hold for all data. */
    void (*start)(const struct pz_setup *setup, struct pz_choice *choice);

    /* Move a choice to another region of settings from which a search may get further: moves along
     * one setting at a time do not reach it. Only what is searched may move; false: there is none.
     * NULL: there is none. */
    bool (*elsewhere)(struct pz_choice *choice);

    /* Learn a part. *part is the scorer's own struct; free with .free. The corpus is borrowed
     * during the call only. An empty or tiny corpus gives a valid part that scores zeros.
     *
     * Errors: PZ_TRY_AGAIN memory is out; PZ_UNAVAILABLE more interactions than the scorer can
     *         count; PZ_INTERNAL numbers are not finite; PZ_INTERRUPTED a signal asked for the end
     *         and the scorer has nothing to give yet. *part is then NULL or fit for free only */
    enum pz_status (*fit)(const struct pz_corpus *corpus, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err);
    bool in_shares;  /* fit learns from a corpus in shares, too (data/shares.h) */
    unsigned unread; /* PZ_CORPUS_TIMES: neither fit nor finish reads times */
    bool any_time;   /* fit takes long and, stopped by a signal or the time limit, gives the best so
                      far */

    /* What fit takes with these settings, from counts of the data and at a small share of it. NULL:
     * a look at each event, which is the first term, and a number for each item.
     *
     * Errors: PZ_TRY_AGAIN memory is out */
    enum pz_status (*cost)(const struct pz_corpus *corpus, const double *value,
                           struct pz_fit_cost *out, struct pz_err *err);

    /* Learn on, on the same corpus, a part whose last fit or more had goes_on, until it has learned
     * as much as the effort setting in cfg says; the other settings are as they were. NULL: there
     * is no effort setting. Errors: as fit; the part is fit for free only after one. */
    enum pz_status (*more)(void *part, const struct pz_corpus *corpus, const struct pz_fit_cfg *cfg,
                           struct pz_err *err);
    /* A part of all of a corpus, from one with goes_on that learned of it without some of its
     * events: only the last touches are left to do. cfg as for fit; begun is fit for free only
     * afterwards. NULL: what a search learned is of no use for it. Errors: as fit. */
    enum pz_status (*finish)(void *begun, const struct pz_corpus *corpus,
                             const struct pz_fit_cfg *cfg, void **part, struct pz_err *err);
    double touches; /* the share of what was learned that more learns once more: last touches */

    /* A new part = old part + what the delta brings. Cost in proportion to the delta, beside what
     * copying the old part takes. NULL: fit again on the whole. Errors: as fit. */
    enum pz_status (*update)(const void *old, const struct pz_corpus *corpus,
                             const struct pz_delta *delta, const struct pz_fit_cfg *cfg,
                             void **part, struct pz_err *err);
    /* What an update takes beside reading the old part and writing the new one: work_ns and beside.
     * NULL: next to nothing. */
    struct pz_fit_cost (*update_cost)(const struct pz_update_size *size);
    bool borrows; /* what update makes borrows from the old part, which must outlive it */
    double
        refit_at; /* drift: fit anew once the interactions have grown by this share since the part
                        was last fitted; 0: an update is as good as a fit */

    /* Write the part's columns. Errors: as pz_writer_add. */
    enum pz_status (*save)(const void *part, struct pz_writer *w, struct pz_err *err);

    /* Add to `out` what follows from a loaded part and need not be made again by each process that
     * opens the model: publishing writes it beside the part's columns, and load takes it where it
     * is there. Names as those of columns, arrays as pz_derived_add has them; borrowed ones are the
     * part's. NULL: nothing does.
     *
     * Errors: as pz_derived_add */
    enum pz_status (*derive)(const void *part, struct pz_derived *out, struct pz_err *err);

    /* Read from a table; big arrays stay borrowed from it. n_items rows are expected. Packed tables
     * are checked throughout, flat ones were checked when they were made.
     *
     * Errors: as pz_table_get; PZ_BAD_DATA a setting or number is damaged; PZ_TRY_AGAIN memory is
     * out */
    enum pz_status (*load)(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err);

    /* Take in items that came since, by what attributes say of them: the k-th, row row[k] of attrs
     * (columns matched by name), becomes item n_items + k. From then on score fills out[n_items +
     * n] and histories may hold such items; explain, too. attrs is borrowed during the call only,
     * row as long as the part; at most once a part. NULL: the part knows nothing of them and is
     * asked without them, see struct pz_query. Errors: PZ_TRY_AGAIN memory is out. */
    enum pz_status (*extend)(void *part, const struct pz_attrs *attrs, const uint32_t *row,
                             uint32_t n, struct pz_err *err);

    /* The same for a part that is as `old`, which was extended by other rows: only what was put
     * since is new. NULL: extend is asked. Errors: as extend. */
    enum pz_status (*extend_more)(void *part, const void *old, const struct pz_put_since *put,
                                  const uint32_t *row, uint32_t n, struct pz_err *err);

    /* Write what extend made / take it from a flat table, which outlives the part, in the place of
     * extend with the same row and n. NULL where extend is.
     *
     * Errors: as pz_writer_add; as pz_table_get, and extend may follow then */
    enum pz_status (*save_extension)(const void *part, struct pz_writer *w, struct pz_err *err);
    enum pz_status (*load_extension)(void *part, struct pz_table *t, const uint32_t *row,
                                     uint32_t n, struct pz_err *err);

    void (*free)(void *part);

    /* Change a read-out setting (settings[i].read_out) of a part that fit made. NULL when there are
     * none. */
    void (*set)(void *part, size_t setting, double value);

    /* The share of its weight that the part has for a question asked at `now`, 0 .. 1: a part of
     * what is now, judged where the newest slice of time is held out, says little of the past, and
     * the trend of items is not for it. NULL: always all. */
    double (*presence)(const void *part, int64_t now);

    /* Bytes of scratch that score and explain need for one thread. */
    size_t (*scratch_bytes)(const void *part);

    /* Write a score for every item (or for the candidates) into out[n_items], which is all zero at
     * the call; higher is better, 0 = nothing to say, negative allowed only if the scorer says so
     * in its head comment. Scale is free: the blend normalises. Deterministic; no allocation;
     * thread-safe with one scratch a thread (64-byte aligned, content undefined). Returns false
     * when the scorer has nothing to say for this query (out is then still zero). */
    bool (*score)(const void *part, const struct pz_query *q, void *scratch, float *out);

    /* As score, where most items are left 0, among them all that came since training: bits of all
     * items whose out may be another number are put into touched, which is empty at the call; when
     * the part has nothing to say, too. NULL: out is full. */
    bool (*score_few)(const void *part, const struct pz_query *q, void *scratch, float *out,
                      uint64_t *touched);

    /* Scores of this query that stand in an array of the part's, of the items that it learned of;
     * not negative. NULL, also as the answer: ask score. */
    const float *(*fixed)(const void *part, const struct pz_query *q);

    /* Scores at a fraction of the cost, and how far they may be off. All three or none (NULL):
     *   rough       make a query ready in its scratch; false: it cannot for this query, ask score,
     *               which then has the scratch
     *   rough_scan  the scores of the items that the part learned of, out[k], for n <=
     *               PZ_SCORE_BLOCK queries that were made ready; items are read once for all.
     *               off[k][b] becomes what the scores of the b-th 64 items may be off at most
     *   exact       what score says of one item, to the last bit, while the scratch stays
     *   prefetch    bring what exact reads of an item nearer; NULL: it lies near
     * Where lengths of vectors tell which items can matter, of few of many; both or none (NULL):
     *   reach       of a query that was made ready; false: of so few items all are scanned
     *   rough_rows  the scores of n items; off[i] becomes what out[i] may be off at most */
    bool (*rough)(const void *part, const struct pz_query *q, void *scratch);
    void (*rough_scan)(const void *part, void *const *scratch, size_t n, float *const *out,
                       float *const *off);
    float (*exact)(const void *part, void *scratch, uint32_t item);
    void (*prefetch)(const void *part, uint32_t item);
    bool (*reach)(const void *part, void *scratch, struct pz_reach *out);
    void (*rough_rows)(const void *part, void *scratch, const uint32_t *item, size_t n, float *out,
                       float *off);

    /* Some items alone, a small part of many. The first and the last, or none (NULL): rough and
     * rough_rows are asked, and where there are none score.
     *   some        make a query ready in its scratch; false: nothing to say
     *   heads       add to a set a few of those allowed, some dozens, of which the part says most,
     *               as far as that is soon found; NULL: it is not
     *   score_some  about what score says of n items, in ascending order, into out[n], as if there
     *               were no others */
    bool (*some)(const void *part, const struct pz_query *q, void *scratch);
    void (*heads)(const void *part, void *scratch, const uint64_t *allowed, uint64_t *set);
    void (*score_some)(const void *part, void *scratch, const uint32_t *item, size_t n, float *out);

    /* As score, for n queries at once, so that items are read once for all of them: what score says
     * of q[i], to the last bit, in out[i] with scratch[i], and its result in said[i]. n <=
     * PZ_SCORE_BLOCK. NULL: score is called n times. */
    void (*score_block)(const void *part, const struct pz_query *const *q, size_t n,
                        void *const *scratch, float *const *out, bool *said);

    /* The length of the vector that score_block makes of a history before it looks at items, and
     * keeps where a query has room for it (pz_query.vector): for who asks the same over and over.
     * It holds as long as the part and its read-outs that are not `late`. NULL: it keeps none. */
    size_t (*kept_floats)(const void *part);

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

/* The scorer of that name, or NULL.
 * Owner: nobody: constants */
const struct pz_scorer *pz_scorer_find(const char *name);

/* The index of a setting, or SIZE_MAX. */
size_t pz_scorer_setting(const struct pz_scorer *s, const char *name);

/* Whether set[n_settings], read from a file, are values that are allowed: such settings are as
 * little trusted as any other input.
 * Errors: PZ_BAD_DATA names the first that is not */
enum pz_status pz_scorer_check(const struct pz_scorer *s, const double *set, struct pz_err *err);

/* pz_scorer.cost, or what stands for it.
 * Errors: as pz_scorer.cost */
enum pz_status pz_scorer_cost(const struct pz_scorer *s, const struct pz_corpus *corpus,
                              const double *value, struct pz_fit_cost *out, struct pz_err *err);

/* Fill value[n_settings] with the defaults. */
void pz_scorer_defaults(const struct pz_scorer *s, double *value);

/* The scorer with its defaults and ranges. */
void pz_choice_init(struct pz_choice *c, const struct pz_scorer *s);

/* Fix a setting of a choice: it is not searched. */
void pz_choice_fix(struct pz_choice *c, size_t setting, double value);

/* Fix all settings as they are. */
void pz_choice_fix_all(struct pz_choice *c);

/* The end of a fit, an update or a load: *part becomes the part, or NULL after a failure, when what
 * there is of it is freed.
 *
 * own      may be NULL
 * Errors:  st, as it came
 * Owner:   *part: the caller, by the scorer's free
 * Threads: any */
static inline enum pz_status pz_part_hand_out(enum pz_status st, void *own,
                                              void (*free_part)(void *), void **part)
{
    if (st != PZ_OK) {
        free_part(own);
        own = NULL;
    }
    *part = own;
    return st;
}

#endif
