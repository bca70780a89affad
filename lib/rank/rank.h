/* SPDX-License-Identifier: Apache-2.0 */
/* Ranking: one query answered, the same way on a bare model and on a campaign. What is live reaches
 * it as plain data in struct pz_live.
 *
 * Calling sequence:
 *
 *   r = pz_ranker_new(model);                    once a thread
 *   pz_rank(r, &request, &answer, &err);         any number of times
 *     pz_rank_why(r, &answer, item, &why, &err); only before the next pz_rank, with .explain
 *   pz_ranker_free(r);
 *
 * The answer, its hits and reasons are the ranker's and valid until its next pz_rank; they borrow
 * ids from the request and text from its filters. A query walks through these steps (private
 * headers of the same names); what a step filled is valid until the next pz_rank, but for what a
 * later step is said to change:
 *
 *   after step      valid                                       changed later by
 *   1 history       past, user, live_last, now, query           2b, a ranking sets query.task
 *   2 mask          allowed, promotable                         2b: the item asked about leaves
 *                                                               both, a list its own in allowed
 *   2b related      query: the one item in place of the past
 *   3 adjustment    shown, objective, boosted                   explored: by 4
 *   4 scores        blend, as the model alone has it; used      exploration, then the adjustment
 *                   (explained: raw keeps that blend)           multiply blend
 *                   fallback                                    only once has_fallback
 *   5 choice        hit [n], gone, all pages so far             the scores of hits: softmax
 *   6 explanation   reason [n], if asked for
 *
 * Threads: one a ranker; any number of rankers a model, which they only read. */
#ifndef PZ_RANK_RANK_H
#define PZ_RANK_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "live/live_data.h"
#include "model/model.h"

enum pz_seen { PZ_SEEN_DEFAULT, PZ_SEEN_EXCLUDE, PZ_SEEN_KEEP, PZ_SEEN_ONLY, PZ_SEEN_AUTO };

/* At most `most` items of one value of a column of Items. */
struct pz_cap {
    const char *column;
    uint32_t most; /* > 0 */
};

struct pz_filter;
struct pz_filter_values;

/* Promoted items take a share of the places, wherever chance puts them. The request's filter does
 * not act on them. */
struct pz_promotion {
    const char *name;
    double percent;                        /* 0 < percent <= 100 */
    const struct pz_filter *filter;        /* which items are promoted; NULL: any */
    const struct pz_filter_values *values; /* bound to it; NULL when it has no placeholders */
};

/* Items that pass a filter have their scores multiplied. */
struct pz_boost {
    const char *text; /* as it was written, for explanations */
    double factor;    /* >= 0 */
    const struct pz_filter *filter;
    const struct pz_filter_values *values;
};

/* Where in a row of pages an answer stands; see page.c. All-zero: the first page, of now. */
struct pz_page {
    uint32_t number; /* earlier pages */
    uint64_t live;   /* live events after this number do not count, if number > 0 */
    uint32_t check;  /* of the model and the question */
    bool next; /* the first page was about what comes next (pz_model_next): so are the others */
};

/* Rules beside the model's opinion, each in force only where set. All-zero: the recipe's own. */
struct pz_rules {
    enum pz_seen seen;
    const char *const *seen_type; /* [n_seen_types] only events of these types make an item seen;
                                   * "*": all; none given: all events that the model learns from */
    size_t n_seen_types;
    int64_t seen_age_s;       /* only events this recent; 0: all */
    const struct pz_cap *cap; /* [n_caps] */
    size_t n_caps;
    const struct pz_promotion *promotion; /* [n_promotions]; percentages sum to at most 100 */
    size_t n_promotions;
    const struct pz_boost *boost; /* [n_boosts] */
    size_t n_boosts;
    double diversity;             /* lambda of MMR, 0 .. 1; 0: off */
    const char *diversity_column; /* of Items; NULL: the model's item vectors */
    double rotation; /* 0 .. 1: the part of its score that an item shown just now loses */
    int64_t rotation_half_life_s; /* of a showing's effect; 0: a day */
    const char *objective;        /* numeric column of Items to gain by; NULL: none */
    double objective_power;       /* score times value to this power */
    struct pz_page page;
};

/* The seen rule in force: what the rules say (auto: keep, where validation found lists better with
 * what was seen, else the recipe's), else exclude where they name types or an age, else
 * the recipe's. is_list: of a ranking, which keeps what it is given unless the rules say otherwise.
 */
enum pz_seen pz_rank_seen(const struct pz_model *m, const struct pz_rules *rules, bool is_list);

/* Read a token that pz_page_format wrote.
 *
 * Errors:  PZ_USAGE it is none */
enum pz_status pz_page_parse(const char *token, struct pz_page *page, struct pz_err *err);

/* Write the token of a page into buf of at least 64 bytes; returns buf.
 * Owner: the caller, whose buf it is */
char *pz_page_format(const struct pz_page *page, char *buf);

/* Something known of the moment: a column of Interactions beside the reserved ones, and its value.
 */
struct pz_context {
    const char *key, *value;
};

struct pz_request {
    const char *user_id;     /* NULL: none */
    const char *item_id;     /* of related items; NULL: none */
    const char *const *rank; /* candidates to order; NULL: none */
    size_t n_rank;
    const char *const
        *history; /* inline history, oldest first, after the model's and live events */
    size_t n_history;
    uint32_t num;                   /* results wanted */
    const struct pz_filter *filter; /* which items may be recommended, see filter.h; NULL: any */
    const struct pz_filter_values
        *filter_values;  /* bound to it; NULL when it has no placeholders */
    uint64_t values_key; /* of the texts that filter values were bound from, for page tokens */
    const struct pz_context *context;
    size_t n_context;
    struct pz_rules rules;
    const struct pz_live *live; /* NULL: none */
    int64_t now;                /* 0: the model's newest time; for filters the clock */
    uint64_t seed;
    double exploration_weight;      /* see explore.h; < 0: the recipe's default */
    double exploration_cutoff_days; /* age of the items it lifts; 0: 30 */
    double probe;   /* the share of the items whose vectors are looked at, see probe.h; 0: all */
    bool no_scores; /* leave hits' scores out: saves a pass over the catalogue */
    bool explain;
    const char
        *echo; /* the question as a JSON object, for batch answers; NULL: made from the fields */
};

/* Where an answer or an item of it comes from. */
enum pz_origin {
    PZ_ORIGIN_PERSONAL,
    PZ_ORIGIN_SESSION,
    PZ_ORIGIN_CONTENT,
    PZ_ORIGIN_POPULAR,
    PZ_ORIGIN_EXPLORATION,
    PZ_ORIGIN_PROMOTION,
    PZ_ORIGIN_SIMILAR,
    PZ_ORIGIN_UNKNOWN
};

/* "personal", "session", ...: as answers say it.
 * Owner: nobody; it lives for ever */
const char *pz_origin_name(enum pz_origin origin);

struct pz_hit {
    uint32_t item;  /* PZ_NONE for a candidate of --rank that the model does not know */
    const char *id; /* of that candidate, borrowed from the request; else NULL */
    float blend;    /* what the order follows */
    double score;   /* Personalize's softmax score; NAN when the recipe has none */
    enum pz_origin source;
    const char *promotion; /* its name; NULL: not promoted */
};

/* An item of the history and its part in the place of another. */
struct pz_cause {
    uint32_t item;
    int64_t time; /* of its newest event */
    float share;  /* of the blend */
};

enum { PZ_MAX_CAUSES = 5 };

/* Why an item stands where it stands. */
struct pz_reason {
    float blend;                  /* the model's, before rules acted */
    float part[PZ_MAX_PARTS + 1]; /* what each part of the model gave, and behind them, what live
                                   * events of an item that training did not see; the sum is the
                                   * blend */
    uint32_t rank; /* from 1, by the model's order alone among the items that may be recommended */
    float exploration; /* what it added after (1 - weight) of the blend was kept; 0: nothing */
    float rotation, objective,
        boost; /* factors of those rules, of all boosts together; 1: did not act */
    struct pz_cause cause[PZ_MAX_CAUSES]; /* the largest first, by absolute value */
    size_t n_causes;
    float rest; /* sum of the other causes' shares */
};

struct pz_answer {
    struct pz_hit *hit; /* [n] best first; owned by the ranker, valid until its next query */
    size_t n;
    bool is_short;            /* fewer than asked for although asked for more */
    double probed;            /* the share of the items that a probe looked at; 0: it was none */
    struct pz_reason *reason; /* [n] when asked for, else NULL; owned as hit is */
    double score_s;           /* seconds of step 4 and after; of pz_rank, not of a block */
    bool has_next;            /* more can be had: ask again with .rules.page = next */
    struct pz_page next;
};

/* A ranker: the working memory of one thread for one model. 9 bytes an item and the parts' scratch.
 */
struct pz_ranker;

/* Make a ranker.
 *
 * m        borrowed: it must outlive the ranker
 * Errors:  NULL: memory is out
 * Owner:   pz_ranker_free
 * Threads: one a ranker; any number of rankers a model */
struct pz_ranker *pz_ranker_new(const struct pz_model *m);

/* Free it; accepts NULL. Answers of it end with it. */
void pz_ranker_free(struct pz_ranker *r);

/* What became of one item in the answer. */
enum pz_fate {
    PZ_FATE_LISTED, /* it is in the answer, at .place */
    PZ_FATE_LATER, /* it may be recommended; .place is its own after the rules that change scores */
    PZ_FATE_DISPLACED, /* the same, and early enough: diversity, caps or promotions put others in
                          its place */
    PZ_FATE_SEEN,      /* the seen rule: .event_type at .time */
    PZ_FATE_FILTERED,  /* by .condition */
    PZ_FATE_NOT_SEEN,  /* only seen items were asked for */
    PZ_FATE_ITSELF,    /* it is the item that others are related to */
    PZ_FATE_UNLISTED,  /* a ranking of a list that it is not in */
    PZ_FATE_UNKNOWN    /* the model does not know it */
};

struct pz_why {
    enum pz_fate fate;
    size_t place; /* from 1 */
    size_t among; /* items that may be recommended */
    int64_t time;
    const char *event_type; /* n_type bytes; NULL: none; borrowed until the next query */
    size_t n_type;
    const char
        *condition; /* n_condition bytes of the filter's text: an EXCLUDE that covers it, or what it
                     * would have to be for the first INCLUDE; borrowed from the filter */
    size_t n_condition;
    struct pz_reason reason; /* unless unknown */
};

/* Answer one request. Unknown users and items never fail: they get the fallback and the source says
 * so.
 *
 * Errors:  PZ_USAGE the request does not fit the recipe (no item, no list), a rule names a column
 *          that is not there, a filter lacks values, a page token is of another question;
 *          PZ_TRY_AGAIN memory
 * Owner:   the answer is the ranker's, until its next query
 * Threads: one a ranker */
enum pz_status pz_rank(struct pz_ranker *r, const struct pz_request *req, struct pz_answer *answer,
                       struct pz_err *err);

/* One query of a block. */
struct pz_rank_task {
    struct pz_ranker *ranker; /* its own; all of one model */
    const struct pz_request *req;
    struct pz_answer answer; /* out, as the next two are: the ranker's, until its next query */
    enum pz_status status;
    struct pz_err err;
};

/* pz_rank of n <= PZ_SCORE_BLOCK queries at once, each with a ranker of its own: the same answers,
 * at a part of the cost, since the parts read items once for all of them.
 *
 * Errors:  as pz_rank, in each task's status and err; one that fails does not harm the others
 * Threads: one a ranker */
void pz_rank_block(struct pz_rank_task *task, size_t n);

/* How likely each of n sets of items holds the user's next one: the share of its items in the
 * softmax over the items that may be recommended, before exploration and rules that multiply
 * scores.
 *
 * set      bits of items; of a set only items that may be recommended count
 * share    [n]
 * Errors:  as pz_rank
 * Threads: one a ranker */
enum pz_status pz_rank_shares(struct pz_ranker *r, const struct pz_request *req,
                              const uint64_t *const *set, size_t n, double *share,
                              struct pz_err *err);

/* What became of an item, any id, in the answer just given by r to a request with .explain.
 *
 * Errors:  PZ_INTERNAL the answer was not explained; PZ_TRY_AGAIN memory
 * Owner:   *out borrows from the request and the ranker, until its next query
 * Threads: one a ranker */
enum pz_status pz_rank_why(struct pz_ranker *r, const struct pz_answer *answer, const char *item_id,
                           struct pz_why *out, struct pz_err *err);

#endif
