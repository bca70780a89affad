/* SPDX-License-Identifier: Apache-2.0 */
/* The one answering call: a campaign or a model file opened, asked, and refreshed when it changed.
 * pz-recommend, batches, --check-filter and the endpoint all go this way.
 *
 * Calling sequence:
 *
 *   pz_service_open(path, &service, &err);              once a process and campaign
 *
 *   snap = pz_service_take(service);                    the campaign as of one moment, immutable
 *   pz_prepare(snap, &options, &prepared, &err);      options + settings + defaults, filters bound;
 *                                                     for one question or for millions
 *     pz_ask(prepared, &question, &answered, &err);   any number of times, from any threads
 *     ... read answered.answer, answered.req; pz_ask_why(&answered, ...) ...
 *     pz_answered_clear(&answered);                   gives the working memory back
 *   pz_prepared_free(prepared);
 *   pz_snapshot_release(snap);
 *
 *   pz_service_refresh(service, &changed, &err);        now and then, from one thread or a timer
 *   pz_service_close(service);
 *
 * What is borrowed until when:
 *
 *   thing                          valid until
 *   snap->view, snap->model        pz_snapshot_release
 *   a filter of pz_snapshot_filter pz_snapshot_release
 *   prepared                       pz_prepared_free; it keeps its snapshot alive itself
 *   answered.answer, .req, reasons pz_answered_clear of it
 *   the question                   the caller's: until pz_answered_clear
 *
 * A refresh never disturbs who holds the old snapshot: a reference count frees it when the last one
 * lets go. Live events are not part of a snapshot: every question reads the newest. */
#ifndef PZ_ANSWER_ANSWER_H
#define PZ_ANSWER_ANSWER_H

#include "answer/question.h"
#include "base/err.h"
#include "base/opt.h"
#include "campaign/view.h"
#include "filter/filter.h"
#include "rank/rank.h"

struct pz_service;

/* A service as of one moment. Read-only but for its reference count, its cache of filters, its
 * pool of rankers, which lock themselves, and a flag. */
struct pz_snapshot {
    struct pz_view *view;         /* NULL: a bare model file */
    const struct pz_model *model; /* the view's, or the file's */
    uint32_t version;             /* of the campaign; 0: a bare model file */
    atomic_bool damaged;          /* its file was overwritten under it: it answers no more */
    struct pz_snapshot_own *own;  /* private to service.c */
};

/* Open a campaign (a folder) or a model file.
 *
 * Errors:  PZ_NO_INPUT nothing there, or a campaign without a version; PZ_BAD_DATA damaged;
 *          PZ_IO reading failed; PZ_TRY_AGAIN memory
 * Owner:   *out: pz_service_close; NULL when it fails
 * Threads: any */
enum pz_status pz_service_open(const char *path, struct pz_service **out, struct pz_err *err);

/* The same for one version of a campaign, whichever is current.
 *
 * Errors:  PZ_NO_INPUT no such version; others as pz_service_open
 * Owner:   *out: pz_service_close; NULL when it fails
 * Threads: any */
enum pz_status pz_service_open_version(const char *path, uint32_t version, struct pz_service **out,
                                       struct pz_err *err);

/* Close it; accepts NULL. Snapshots that are still held live on.
 *
 * Threads: one, after the last use of the service itself */
void pz_service_close(struct pz_service *service);

/* The newest snapshot.
 *
 * Owner:   the caller holds a reference: pz_snapshot_release
 * Threads: any; a lock is held for an instant */
struct pz_snapshot *pz_service_take(struct pz_service *service);

/* One more reference to a snapshot that the caller holds.
 *
 * Owner:   pz_snapshot_release once more
 * Threads: any */
struct pz_snapshot *pz_snapshot_hold(struct pz_snapshot *snap);

/* Give a reference back; accepts NULL.
 *
 * Threads: any */
void pz_snapshot_release(struct pz_snapshot *snap);

/* Look whether the campaign changed (another version, other settings, rows put or forgotten) and,
 * if so, swap in a new snapshot: filters in use are compiled again and a question is asked first,
 * so that its pages are in memory before anybody waits for them. When it cannot be opened the old
 * snapshot stays and answers go on, unless its own file was overwritten: then pz_prepare refuses
 * it. Unchanged: two small reads. A model file never changes.
 *
 * changed  true when a new snapshot is in place; NULL: not wanted
 * Errors:  as pz_service_open; the service works on with what it had
 * Threads: any; while one thread refreshes, others return at once with *changed false */
enum pz_status pz_service_refresh(struct pz_service *service, bool *changed, struct pz_err *err);

/* A filter by expression or, in a campaign, by name; compiled at its first use and kept.
 *
 * Errors:  PZ_USAGE a fault of the expression, or no such name; PZ_TRY_AGAIN memory
 * Owner:   *out is borrowed, until pz_snapshot_release
 * Threads: any; first uses wait for each other */
enum pz_status pz_snapshot_filter(struct pz_snapshot *snap, const char *text,
                                  const struct pz_filter **out, struct pz_err *err);

/* ---- preparing ---- */

/* What many questions share, each in the form that its option has on the command line (see
 * rules.h); all-zero, but for exploration_weight = -1, means: the campaign's settings, else the
 * defaults. Everything is borrowed during pz_prepare only. */
struct pz_ask_options {
    long long num;             /* 0: setting "num", else 25 */
    double exploration_weight; /* < 0: setting "exploration-weight", else the recipe's .3 */
    double exploration_age;    /* days; <= 0: setting "exploration-age", else 30 */
    double probe;              /* share of the items; <= 0: setting "probe", else all */
    const char *seen;          /* NULL or "default": setting "seen", else the recipe's rule */
    const char *seen_types, *seen_age, *diversify, *rotate, *objective; /* NULL: none */
    struct pz_strs context, promote, promote_values, boost, max_per;
    const char *filter;           /* expression or name; NULL: any item */
    struct pz_strs filter_values; /* NAME=LIST or a JSON object each */
    const char *page_token;       /* NULL or "start": the first page */
    const char *now;              /* a time; NULL: see struct pz_request */
    long long seed;
    bool explain;   /* reasons for every hit; needed by pz_ask_why */
    bool no_scores; /* leave scores out: saves a pass over the catalogue */
    bool many; /* questions bring filter values of their own: what is missing here is no fault */
};

/* What is asked where neither an option nor a setting says: one row for each option that has a
 * setting of the same name. */
struct pz_ask_default {
    const char *setting; /* name in campaign.json and, with "--", of the option */
    double number;       /* default of a number */
    const char *word;    /* default of a word; NULL: a number */
    const char *meaning; /* the default in words, for the manual */
};
extern const struct pz_ask_default pz_ask_defaults[]; /* ended by .setting = NULL */

struct pz_prepared;

/* Merge options, settings and defaults, compile and bind.
 *
 * Errors:  PZ_USAGE an option's text, a filter or its values are wrong: the message names the
 *          option; PZ_UNAVAILABLE the snapshot is damaged; PZ_TRY_AGAIN memory
 * Owner:   *out: pz_prepared_free; it holds a reference to the snapshot
 * Threads: any; the result may be shared by threads */
enum pz_status pz_prepare(struct pz_snapshot *snap, const struct pz_ask_options *options,
                          struct pz_prepared **out, struct pz_err *err);

/* Accepts NULL.
 *
 * Threads: one, when no pz_ask of it runs and no answer of it is held */
void pz_prepared_free(struct pz_prepared *p);

/* The request that questions of it become, without their own part; the snapshot it was made for.
 *
 * Owner:   the prepared one, until pz_prepared_free
 * Threads: any */
const struct pz_request *pz_prepared_request(const struct pz_prepared *p);
struct pz_snapshot *pz_prepared_snapshot(const struct pz_prepared *p);

/* ---- asking ---- */

/* An answer with the memory that it stands in. */
struct pz_answered {
    const struct pz_prepared *prepared;
    struct pz_request req;   /* as it was asked of the model */
    struct pz_answer answer; /* hits, reasons, next page */
    bool is_known;           /* the user asked for has events or attributes, live or learned; true
                                where none was named */
    double gather_s;         /* seconds to read what is live */
    struct pz_live live;     /* what was live for the user */
    struct pz_arena arena;   /* owned, as the next two are */
    struct pz_filter_values *values;
    struct pz_ranker *ranker;
};

/* Answer one question from the newest live events.
 *
 * Errors:  PZ_USAGE the question does not fit the recipe, or its values the filter; PZ_BAD_DATA it
 *          was no question (.problem); PZ_TRY_AGAIN memory; PZ_IO, PZ_BAD_DATA the live store
 * Owner:   *out: pz_answered_clear, also after a failure
 * Threads: any, each with its own *out */
enum pz_status pz_ask(const struct pz_prepared *p, const struct pz_question *question,
                      struct pz_answered *out, struct pz_err *err);

enum { PZ_ASK_BLOCK = PZ_SCORE_BLOCK };

/* One answer of a block. */
struct pz_asked_one {
    struct pz_answered answered; /* pz_answered_clear, also after a failure */
    enum pz_status status;
    struct pz_err err;
};

/* pz_ask of n <= PZ_ASK_BLOCK questions at once: the same answers, at a part of the cost.
 *
 * Errors:  as pz_ask, in each one's status and err; one that fails does not harm the others
 * Owner:   each out[i].answered: pz_answered_clear
 * Threads: any, each with its own *out */
void pz_ask_block(const struct pz_prepared *p, const struct pz_question *question,
                  struct pz_asked_one *out, size_t n);

/* Give back what an answer held; all-zero is accepted.
 *
 * Threads: any */
void pz_answered_clear(struct pz_answered *a);

/* What became of an item in an answer prepared with .explain.
 *
 * Errors:  PZ_INTERNAL it was not; PZ_TRY_AGAIN memory
 * Owner:   *out is borrowed until pz_answered_clear
 * Threads: one an answer */
enum pz_status pz_ask_why(struct pz_answered *a, const char *item_id, struct pz_why *out,
                          struct pz_err *err);

/* How many rows the prepared filter lets through for this question's user, item and moment,
 * whatever was seen.
 *
 * passed, of  items, or users where the filter is about users (pz_filter_of_users)
 * Errors:  PZ_USAGE values are missing, or the filter speaks of an item and none is given;
 *          PZ_TRY_AGAIN memory
 * Threads: any */
enum pz_status pz_ask_count(const struct pz_prepared *p, const struct pz_question *question,
                            uint64_t *passed, uint32_t *of, struct pz_err *err);

enum { PZ_RID_BYTES = 41 };

/* The id of an answer as Personalize's recommendationId, "RID-" and a UUID whose first field is the
 * campaign's version: equal answers have equal ids. buf: room for PZ_RID_BYTES. Returns buf.
 *
 * Owner:   the caller, whose buf it is
 * Threads: any */
char *pz_answered_rid(const struct pz_answered *a, char *buf);

/* The version in an id that pz_answered_rid made; false: it is none.
 *
 * Threads: any */
bool pz_rid_version(const char *rid, uint32_t *version);

#endif
