/* SPDX-License-Identifier: Apache-2.0 */
/* A corpus in shares: of several ranks each has the events of its own users, and of the others only
 * how many they have. So a rank needs its share of memory, whatever there is of interactions.
 *
 * Who learns from a corpus goes through the users that it has, and then, where the corpus is in
 * shares, makes of what it found that of all:
 *
 *     turn -> add up over users -> pass      what one process adds up in the order of users
 *     by_item                                 what is made item by item: each rank has its items
 *
 * For a corpus that is whole these do what one process does.
 *
 * Threads: the main thread, outside of parallel loops. */
#ifndef PZ_DATA_SHARES_H
#define PZ_DATA_SHARES_H

#include "base/ranks.h"
#include "data/corpus.h"

/* Make of a whole corpus this rank's share: users in whole blocks of `block` with about as many
 * events for each rank. Memory of events that are not its own goes back to the system, and so does
 * that of the dataset from which the corpus borrows, of whose interactions nothing may be read
 * again. Nothing is done where there is one rank.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  as before */
enum pz_status pz_shares_keep(struct pz_corpus_own *own, uint32_t block, struct pz_err *err);

/* The users that this rank works on: its own, or of a whole corpus as pz_ranks_mine. */
struct pz_share pz_shares_mine(const struct pz_corpus *c, size_t block);

/* As pz_ranks_turn and pz_ranks_pass where the corpus is in shares; else nothing. */
void pz_shares_turn(const struct pz_corpus *c, void *sums, size_t bytes);
void pz_shares_pass(const struct pz_corpus *c, void *sums, size_t bytes);

/* Events by item, those of an item in the order of users. */
struct pz_by_item {
    uint64_t *ptr;       /* [n_items + 1] */
    uint32_t *user;      /* [ptr[n_items]] */
    float *value;        /* likewise */
    const uint64_t *all; /* [n_items + 1] as ptr, but of all items */
    uint64_t *own_all;
};

/* Turn a corpus with a value for each of its events: all lists, or, where it is in shares, those of
 * the items that are pz_ranks_mine(n_items, block), with the events of all users. Memory: 8 bytes
 * an event, 16 where it is in shares.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller, by pz_by_item_clear, also after a failure */
enum pz_status pz_by_item_make(const struct pz_corpus *c, const float *value, size_t block,
                               struct pz_by_item *out, struct pz_err *err);
void pz_by_item_clear(struct pz_by_item *b);

#endif
