/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks: the processes of one training on several machines. Without MPI, or started alone, there is
 * one, and everything here comes to nothing.
 *
 *     pz_ranks_start -> (gather, collect, sum, exchange, turn, pass)... -> pz_ranks_end
 *                       split -> (the same, among the group)... -> unite
 *
 * All ranks run the same program on the same inputs and come to the same decisions, so that they
 * meet in the same calls in the same order. Each does its share of the long loops; then all have
 * all of the result. Sums are of whole numbers: any order gives the same. So the bytes of a model
 * do not depend on how many there are. The first rank alone writes files, messages and answers.
 *
 * A call here does not fail: where a rank cannot go on, nobody can, and all of them end.
 *
 * Threads: the main thread, outside of parallel loops. */
#ifndef PZ_BASE_RANKS_H
#define PZ_BASE_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

/* Bytes for a rank. */
struct pz_parcel {
    const void *data;
    size_t bytes;
};

/* Room for the bytes of a rank. */
struct pz_inbox {
    void *data;
    size_t bytes;
};

/* What connects the ranks: made by the one module that knows MPI. */
struct pz_ranks_net {
    int id, n;
    /* Send out[r] to rank r and receive in[r] from it, for all r but the own; lengths are known. */
    void (*exchange)(const struct pz_parcel *out, const struct pz_inbox *in);
    /* The end of this rank: with 0 once all are there, else of all ranks at once. */
    void (*leave)(int status);
};

/* Join the ranks when the program was started as several; NULL where it was built without MPI. */
extern void (*const pz_ranks_start)(void);

/* For pz_ranks_start: be one of several from now on.
 *
 * net  borrowed until pz_ranks_end */
void pz_ranks_join(const struct pz_ranks_net *net);

/* The end of the program with this exit status, which is returned: a failure ends all ranks. */
int pz_ranks_end(int status);

/* How many there are, at least 1, and which is this one, from 0. Threads: any */
int pz_ranks_n(void);
int pz_ranks_id(void);

/* Whether this one speaks and writes for all. Threads: any */
static inline bool pz_ranks_first(void)
{
    return pz_ranks_id() == 0;
}

/* Go on in groups of neighbours, each of which is all there is until pz_ranks_unite: ids count from
 * 0 in each. Returns the number of the own group, from 0; 0 without other ranks.
 *
 * groups  1 .. pz_ranks_n() */
int pz_ranks_split(int groups);
void pz_ranks_unite(void);

/* Before a failure is told: what all ranks meet, the first tells and ends them; what it does not
 * meet, the others tell a little later, by their number. Returns that number as a prefix of
 * messages, "" for the first.
 * Owner: nobody: a constant, or static memory */
const char *pz_ranks_prefix(void);

/* Rows that are one rank's. */
struct pz_share {
    size_t first, end;
};

/* The rows of n that are rank r's, in whole blocks of `block` rows. Threads: any */
struct pz_share pz_ranks_share(size_t n, size_t block, int r);

/* The same for this rank. Threads: any */
static inline struct pz_share pz_ranks_mine(size_t n, size_t block)
{
    return pz_ranks_share(n, block, pz_ranks_id());
}

/* Give all ranks all rows: each has filled its share.
 *
 * rows  [n] of `bytes` each */
void pz_ranks_gather(void *rows, size_t n, size_t block, size_t bytes);

/* The same where shares are what ranks say: this one has filled rows `mine`. */
void pz_ranks_gather_mine(void *rows, struct pz_share mine, size_t bytes);

/* Memory that ranks have in common where all of them run on one machine: each writes its rows, and
 * reads those of others after a gather, which then moves nothing, or a meeting. Elsewhere each has
 * an array of its own, as with pz_mem_room, and does the same. All ranks ask together. Contents are
 * undefined. NULL: memory is out.
 * Owner: the caller, by pz_ranks_return */
void *pz_ranks_room(size_t n, size_t elem_bytes);

/* Give such an array back, or one of pz_mem_room; accepts NULL. Other ranks may go on with it. */
void pz_ranks_return(void *array);

/* Whether an array is in common. */
bool pz_ranks_common(const void *array);

/* Whether large arrays of pz_ranks_room are. All ranks ask together. */
bool pz_ranks_together(void);

/* The rows of an array of pz_ranks_room that this rank fills: its share of n, or all of them where
 * the array is its own. */
struct pz_share pz_ranks_filled(const void *array, size_t n);

/* Nobody goes on before all are here. Nothing for an array that is not in common. */
void pz_ranks_meet(const void *array);

/* Do something rank after rank, in the order in which one process would: turn, add the own, pass.
 * After turn state [bytes] is what the ranks before left of it (of the first as it was), after pass
 * what the last one did. */
void pz_ranks_turn(void *state, size_t bytes);
void pz_ranks_pass(void *state, size_t bytes);

/* Put what each rank has behind one another in the order of ranks.
 *
 * mine    [bytes]
 * from    [pz_ranks_n() + 1] where each rank's begins in *all, in bytes
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller frees *all, also after a failure */
enum pz_status pz_ranks_collect(const void *mine, size_t bytes, void **all, size_t *from,
                                struct pz_err *err);

/* Send each rank its parcel and receive one from each.
 *
 * out     [pz_ranks_n()]
 * in      [pz_ranks_n()] filled; the data are one block, which begins at in[0].data
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller frees in[0].data, also after a failure */
enum pz_status pz_ranks_exchange(const struct pz_parcel *out, struct pz_inbox *in,
                                 struct pz_err *err);

/* Send the first rank bytes, for which it asks with the same number. */
void pz_ranks_give(const void *data, size_t bytes);
void pz_ranks_take(int from, void *data, size_t bytes);

/* value[k] becomes the sum over all ranks.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_ranks_sum(int64_t *value, size_t n, struct pz_err *err);

/* Tell, for each rank, what was sent and waited for since the last time, and the peak of memory so
 * far. */
void pz_ranks_report(struct pz_log *log, const char *what);

#endif
