/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: Amazon Personalize's filter expressions and a superset of them (pz-filter.5).
 *
 *   pz_filter_compile        text against a model and the rows put since, once
 *   pz_filter_log_warnings   what nothing has, for people
 *   pz_filter_args_add       filter values as texts, from options or a question
 *   pz_filter_bind           values of one question or of many
 *   pz_filter_work_new       once a thread
 *   pz_filter_apply          narrow a bit set of items, exactly, before anything is scored; again
 *                            and again, for any user, item and moment
 *   pz_filter_values_free, pz_filter_work_free, pz_filter_free, in this order
 *
 * What a filter borrows (model, overlays, the schema's context) has to outlive it, and the filter
 * its values. When rows are put, the overlay is another one, and the filter is compiled anew.
 *
 * Threads: a compiled filter and bound values are read-only: any number of threads may share them,
 *          each with a struct pz_filter_work of its own. Compiling, binding and freeing are for one
 *          thread at a time. */
#ifndef PZ_FILTER_FILTER_H
#define PZ_FILTER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "live/live_data.h"
#include "model/model.h"

/* What a filter looks at (all borrowed; the model and the overlays must outlive the filter). */
struct pz_filter_schema {
    const struct pz_model *m;
    const struct pz_overlay *items, *users; /* rows put since; NULL: none */
    /* Whether some live event has this type, asked by pz_filter_warnings for types that the model
     * lacks; NULL: none has. */
    bool (*has_type)(void *context, const char *type);
    void *context;
};

struct pz_filter;

/* Compile text (NUL-terminated). Conditions without placeholders on items or users alone are
 * evaluated here: one bit a row each. Queries must bring the same overlays.
 *
 * Errors:  PZ_USAGE a fault in the text: the message has the place and, for an unknown name, what
 *          was perhaps meant; PZ_TRY_AGAIN memory
 * Owner:   the caller frees *out with pz_filter_free; NULL after an error */
enum pz_status pz_filter_compile(const char *text, const struct pz_filter_schema *schema,
                                 struct pz_filter **out, struct pz_err *err);
void pz_filter_free(struct pz_filter *f);

/* The text it was compiled from.
 *
 * Owner:   the filter */
const char *pz_filter_text(const struct pz_filter *f);

/* True when the filter is about users ("INCLUDE UserID ..."): its bitsets have a bit a user. */
bool pz_filter_of_users(const struct pz_filter *f);

/* Filter values by name, as Personalize's filterValues: a name and a list in one string,
 * "\"a\",\"b\""; quotes may be left out around values without commas. All-zero is empty; free with
 * pz_filter_args_clear. */
struct pz_filter_arg {
    char *name, *value; /* owned */
};
struct pz_filter_args {
    struct pz_filter_arg *v;
    size_t n, cap;
};

/* Add what text says: NAME=LIST, or a JSON object {"NAME":"LIST", ...}; a name given again gets the
 * new value.
 *
 * Errors:  PZ_USAGE it is neither; PZ_TRY_AGAIN memory */
enum pz_status pz_filter_args_add(struct pz_filter_args *args, const char *text,
                                  struct pz_err *err);
/* Add all of another's (NULL: none).
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_filter_args_copy(struct pz_filter_args *args, const struct pz_filter_args *from,
                                   struct pz_err *err);
void pz_filter_args_clear(struct pz_filter_args *args);

struct pz_filter_values;

/* Bind values to the filter's placeholders. Every placeholder of an INCLUDE must be given; an
 * EXCLUDE that misses one does not act.
 *
 * args     NULL or empty: none
 * Errors:  PZ_USAGE a missing, unknown or ill-typed value; PZ_TRY_AGAIN memory
 * Owner:   the caller frees *out with pz_filter_values_free, before the filter */
enum pz_status pz_filter_bind(const struct pz_filter *f, const struct pz_filter_args *args,
                              struct pz_filter_values **out, struct pz_err *err);
void pz_filter_values_free(struct pz_filter_values *values);

/* Append a sentence and a line end for each value of the filter that nothing has: a text that no
 * row of the column holds, an event type that no interaction has so far, an item that is not there;
 * with what was perhaps meant. Such a filter is a good one: it says the same before and after the
 * first purchase. Time in proportion to the columns' distinct values; meant for people, once a
 * filter.
 *
 * values  bound values to look at too; NULL: none
 * Errors:  none; memory that is out shows in out->failed
 * Threads: as the schema's has_type */
void pz_filter_warnings(const struct pz_filter *f, const struct pz_filter_values *values,
                        struct pz_str *out);

/* The same as warnings in the log; memory that is out is passed over: they are advice. */
void pz_filter_log_warnings(const struct pz_filter *f, const struct pz_filter_values *values,
                            struct pz_log *log);

/* What the filter asks of a user's live events. A constant of it: a look at its conditions.
 *
 * Threads: any */
enum pz_live_detail pz_filter_detail(const struct pz_filter *f);

/* For whom and when (all borrowed; all-zero: nobody, now = 1970). */
struct pz_filter_env {
    const char *user_id;        /* NULL: none: no CurrentUser attributes */
    const char *item_id;        /* CurrentItem; NULL: none */
    const struct pz_live *live; /* NULL: none */
    const uint32_t *live_item;  /* [live->n_events] the model's item of each; NULL: looked up */
    const char *const *history; /* items met just now: events at `now` without a type */
    size_t n_history;
    int64_t now; /* NOW(), Unix seconds */
};

/* Working memory of one thread, for any filters in turn. Grows to a few bits a row of the largest
 * filter and stays: queries do not allocate after the first ones, but for bitsets newly cached.
 *
 * Owner:   the caller: pz_filter_work_free; NULL when memory is out */
struct pz_filter_work *pz_filter_work_new(void);
void pz_filter_work_free(struct pz_filter_work *work);

/* Clear the bits of rows that do not pass. A user's interactions are all of the model's and the
 * live ones.
 *
 * values   from pz_filter_bind for this filter; NULL when it has no placeholders
 * allowed  a bit an item (a user, if pz_filter_of_users) in 64-bit words; only narrowed
 * Errors:  PZ_USAGE the filter speaks of CurrentItem and there is none, or values are missing;
 *          PZ_TRY_AGAIN memory; PZ_INTERNAL rows other than those it was compiled with */
enum pz_status pz_filter_apply(const struct pz_filter *f, const struct pz_filter_values *values,
                               const struct pz_filter_env *env, struct pz_filter_work *work,
                               uint64_t *allowed, struct pz_err *err);

#endif
