/* SPDX-License-Identifier: Apache-2.0 */
/* Personalize's runtime and events protocol: which paths there are, what a request may hold, what
 * its members mean to pz, and how an answer is written. */
#ifndef PZ_SERVE_WIRE_H
#define PZ_SERVE_WIRE_H

#include "answer/answer.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "serve/shape.h"

enum pz_operation {
    PZ_OP_GET_RECOMMENDATIONS,
    PZ_OP_GET_PERSONALIZED_RANKING,
    PZ_OP_GET_ACTION_RECOMMENDATIONS,
    PZ_OP_PUT_EVENTS,
    PZ_OP_PUT_ITEMS,
    PZ_OP_PUT_USERS,
    PZ_OP_PUT_ACTIONS,
    PZ_OP_PUT_ACTION_INTERACTIONS,
    PZ_OP_CONTROL,
    PZ_OP_CONSOLE, /* no operation of Amazon's: what the console's page asks for */
    PZ_N_OPERATIONS
};

struct pz_wire_operation {
    const char *name, *path;
    bool writes;
    const struct pz_shape *shape; /* of the request; NULL: looked at elsewhere */
};
extern const struct pz_wire_operation pz_wire_operations[PZ_N_OPERATIONS];

/* The operation of a path as it was sent; PZ_N_OPERATIONS: there is none.
 *
 * Threads: any */
enum pz_operation pz_wire_find(const char *path);

/* A request for items. Everything borrows from the document. */
struct pz_wire_query {
    const char *campaign_arn; /* or of a recommender */
    struct pz_question question;
    unsigned num;
    const char *filter_arn;     /* NULL: none */
    const char *promotion_name; /* NULL: no promotion */
    double promotion_percent;
    const char *promotion_filter_arn; /* NULL: any item */
    const json_t *promotion_values;   /* NULL: none */
    const char **column; /* [n_columns] of Items to give with every item; in the arena */
    size_t n_columns;
};

/* Read a document that has the operation's shape.
 *
 * Errors:  PZ_BAD_DATA what the shape cannot say: neither campaign nor recommender, both, ...;
 *          PZ_TRY_AGAIN memory
 * Owner:   *q borrows from doc and the arena
 * Threads: any */
enum pz_status pz_wire_query_read(const json_t *doc, enum pz_operation op, struct pz_arena *arena,
                                  struct pz_wire_query *q, struct pz_err *err);

/* The name at the end of an ARN of a kind, "campaign/NAME"; NULL: it is of another kind. For kinds
 * with more behind the name ("dataset/NAME/ITEMS") *rest is that, else it must be NULL. n: of the
 * name.
 *
 * Owner:   it points into arn
 * Threads: any */
const char *pz_wire_arn(const char *arn, const char *kind, size_t *n, const char **rest);

/* Append the text of an item's cell: lists joined by '|'; false, and nothing, where it is null or
 * there is no such column. A row put since training counts before the model's.
 *
 * Threads: any */
bool pz_wire_cell(struct pz_str *out, const struct pz_snapshot *snap, const char *column,
                  const char *id, size_t n_id);

/* Append the body of an answer.
 *
 * op   PZ_OP_GET_RECOMMENDATIONS or _PERSONALIZED_RANKING
 * Threads: any */
void pz_wire_answer(struct pz_str *out, enum pz_operation op, const struct pz_answered *a,
                    const struct pz_wire_query *q);

#endif
