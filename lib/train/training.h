/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: a training under way, shared by those who begin one (train.c, update.c).
 *
 * Threads: one training, one thread, whose fits use all cores. */
#ifndef PZ_TRAIN_TRAINING_H
#define PZ_TRAIN_TRAINING_H

#include "train/excluded.h"
#include "train/train.h"
#include "train/tune.h"

struct pz_training {
    const struct pz_dataset *ds;
    const struct pz_train_cfg *cfg;
    struct pz_corpus_own corpus;
    struct pz_learned learned;     /* columns that the corpus knows, where some are excluded */
    struct pz_corpus_own cut;      /* without what heavy users have beyond the cap; else all-zero */
    const struct pz_corpus *teach; /* what parts learn from: one of these */
    uint64_t cap;                  /* events of a user that teach; UINT64_MAX: nobody has more */
    struct pz_choice choice[PZ_MAX_PARTS];
    void *part[PZ_MAX_PARTS];         /* NULL: not fitted, or in the file and freed */
    bool done[PZ_MAX_PARTS];          /* fitted, by pz_training_fit */
    struct pz_writer *file;           /* the model that is being written; NULL: none */
    bool stores;                      /* each part goes into the file once it is fitted */
    uint64_t fitted_on[PZ_MAX_PARTS]; /* of an update: interactions at a part's fit; else 0 */
    struct pz_table *reuse;           /* of an update: the old model's file; borrowed; NULL: none */
    size_t n;
    struct pz_choice trend; /* of items */
    struct pz_trend now;    /* by trend, of the whole corpus */
    double softmax_scale;
    enum pz_seen_verdict seen;
    double slice_s;  /* as in struct pz_model */
    json_t *trials;  /* array; owned */
    json_t *check;   /* the held-out check of tuning, an object, empty without; owned */
    json_t *chain;   /* of an update: how far from the last full training; owned */
    json_t *lineage; /* what the model was made from, for the manifest; owned; NULL: its dataset
                        alone */
};

/* From the data to the parts that they can feed, with settings, ranges and weights as they start:
 * what teaches, and t->choice. Before that t has ds and cfg.
 * Errors: as pz_train
 * Owner:  the training, also after a failure */
enum pz_status pz_training_prepare(struct pz_training *t, struct pz_err *err);

/* Whether a part that was prepared is tried or learned: one that takes long and that nobody asked
 * for is not where the data cannot decide on it. */
bool pz_training_decides(const struct pz_training *t, const struct pz_scorer *s);

/* What every training does with a corpus just made: say how many events are beyond its end, and set
 * its `wishes` by the recipe and the event weights. */
void pz_training_begin(struct pz_training *t);

/* What the parameters say of a part, "on", "off" or "auto"; NULL: nothing.
 * Owner:   cfg
 * Threads: any */
const char *pz_params_asked(const struct pz_train_cfg *cfg, const struct pz_scorer *s);

/* Look at the parameters without the data.
 * Errors:  PZ_USAGE an unknown part or setting, or a value that is not allowed
 * Threads: any */
enum pz_status pz_params_check(const struct pz_train_cfg *cfg, struct pz_err *err);

/* Put what pz_params_check let pass into the choices.
 * Errors:  PZ_USAGE the part is not among them
 * Threads: one at a time on a training */
enum pz_status pz_params_apply(struct pz_training *t, struct pz_err *err);

/* Choose what parts learn from: the corpus, or, where users have more than t->cap events, the cut
 * of it. end as pz_heavy_cut has it. Tells of heavy users.
 * Errors:  PZ_TRY_AGAIN memory is out
 * Owner:   the training
 * Threads: one training, one thread */
enum pz_status pz_training_teach(struct pz_training *t, const uint64_t *end, struct pz_err *err);

/* Begin the model's file with all that it has beside parts. From now on pz_training_fit puts a part
 * away once it is fitted, so that a training has one of them at a time.
 * Errors: as pz_writer_open and _add; PZ_TRY_AGAIN memory is out
 * Owner:  the training, until pz_training_end or pz_training_clear, which gives the file up */
enum pz_status pz_training_store(struct pz_training *t, const char *path, struct pz_err *err);

/* Write the manifest and end the file (atomic).
 * Errors: as pz_writer_add and _commit; PZ_TRY_AGAIN memory is out */
enum pz_status pz_training_end(struct pz_training *t, struct pz_err *err);

/* The parts in the order in which they are fitted, and so stand in the file, into order [t->n]:
 * those that may be stopped come last, as by then a model can be written.
 * Threads: any */
void pz_training_order(const struct pz_training *t, size_t *order);

/* Of several ranks let each keep its share of the interactions (data/shares.h) where the i-th part
 * in order and all after it learn from shares, and that is worth it; else let each have all. The
 * dataset's interactions may not be read again then.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_training_share(struct pz_training *t, const size_t *order, size_t i,
                                 struct pz_err *err);

/* Fit part p on all that teaches with the settings chosen.
 * Errors: as pz_scorer.fit; PZ_INTERRUPTED a signal came, and the part is none that may stop early
 * Owner:  the training */
enum pz_status pz_training_fit(struct pz_training *t, size_t p, struct pz_err *err);

/* Whether there is time left, after the first n_ready parts are ready.
 * Errors:  PZ_TRY_AGAIN timeout_s is over
 * Threads: any */
enum pz_status pz_training_in_time(const struct pz_training *t, size_t n_ready, struct pz_err *err);

/* Wall seconds left of timeout_s; 0: no limit.
 * Threads: any */
double pz_training_time_left(const struct pz_training *t);

/* Part p goes into the file and is freed.
 * Errors: as pz_scorer.save */
enum pz_status pz_training_put_away(struct pz_training *t, size_t p, struct pz_err *err);

/* Of an update: on how many interactions part p of a model with this manifest was fitted, and
 * whether a part is fitted anew when there were `was` and are `now`.
 * Threads: any */
double pz_update_fitted_on(const json_t *manifest, size_t p);
bool pz_update_anew(const struct pz_scorer *s, double was, double now);

/* Fit a part with these settings; add what the fit is said to take (pz_scorer.cost) and the
 * processor seconds that it took.
 * Errors: as pz_scorer.cost and pz_scorer.fit
 * Owner:  *part is the caller's */
enum pz_status pz_estimate_fit(const struct pz_scorer *s, const struct pz_corpus *c,
                               const double *value, void **part, double *said, double *took,
                               struct pz_err *err);

/* Seconds that a nanosecond of pz_scorer.cost takes on this machine, by one to four small fits: as
 * many as are little beside the work_ns that are foreseen. Errors: as pz_scorer.fit */
enum pz_status pz_estimate_speed(double work_ns, double *speed, struct pz_err *err);

/* Free the parts, the corpus and the lists. */
void pz_training_clear(struct pz_training *t);

#endif
