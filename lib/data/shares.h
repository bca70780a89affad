/* SPDX-License-Identifier: Apache-2.0 */
/* A corpus in shares: of several ranks each has the events of its own users, and of the others only
 * how many they have. So a rank needs its share of memory, whatever there is of interactions.
 *
 * Who learns from a corpus goes through the users that it has, and then, where the corpus is in
 * shares, makes of what it found that of all:
 *
 *     turn -> add up over users -> pass      what one process adds up in the order of users
 *     begin -> add up over some -> end        the same, of a corpus that is whole, too
 *     by_item                                 what is made item by item: each rank has its items
 *
 * For a corpus that is whole these do what one process does.
 *
 * Threads: the main thread, outside of parallel loops. */
#ifndef PZ_DATA_SHARES_H
#define PZ_DATA_SHARES_H

#include "base/ranks.h"
#include "data/corpus.h"
#include "table/table.h"

/* Users are shared in whole blocks of so many, a multiple of PZ_MAT_ROWS. */
enum { PZ_SHARE_USERS = 512 };

/* Whether n events of n_items items are shared among ranks. */
bool pz_shares_worth(uint64_t n, uint32_t n_items);

/* Which users are this rank's, so that all have about as many events; ptr [n_users + 1] of all. */
void pz_shares_of(const uint64_t *ptr, uint32_t n_users, uint32_t *first, uint32_t *end);

/* to [n_users + 1] becomes all_ptr of those users alone. */
void pz_shares_ptr(const uint64_t *all_ptr, uint32_t n_users, uint32_t first, uint32_t end,
                   uint64_t *to);

/* The other way round: all_ptr from what each rank knows of its users; NULL without memory.
 * Owner: the caller */
uint64_t *pz_shares_all(const uint64_t *ptr, uint32_t n_users, uint32_t first, uint32_t end);

/* Make of a whole corpus this rank's share. Memory of events that are not its own goes back to the
 * system, and so does that of the dataset from which the corpus borrows, of whose interactions
 * nothing may be read again. Nothing is done where there is one rank, or shares are there.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  as before */
enum pz_status pz_shares_keep(struct pz_corpus_own *own, struct pz_err *err);

/* All of a column of which each rank has the values of its users' events, in memory that ranks have
 * in common where they can; NULL without memory.
 *
 * all_ptr  [n_users + 1]
 * users    those of this rank, whose values are part
 * Owner:   the caller, by pz_ranks_return */
void *pz_shares_join(const uint64_t *all_ptr, uint32_t n_users, struct pz_share users,
                     const void *part, size_t bytes);

/* Make a corpus in shares whole: each rank gets the events of all, as by pz_shares_join. It must
 * have no context.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  as before */
enum pz_status pz_shares_whole(struct pz_corpus_own *own, struct pz_err *err);

/* Of a corpus whose ptr is of a share's users: fill all_ptr by what the ranks have.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the corpus */
enum pz_status pz_shares_count(struct pz_corpus_own *own, struct pz_err *err);

/* As pz_writer_add, of a column with a value for each event, of which each rank has its own; w:
 * NULL for all but the first rank. A piece is in memory at a time. c: whose events they are.
 * Errors: as pz_writer_add */
enum pz_status pz_shares_add(struct pz_writer *w, const struct pz_corpus *c, const char *name,
                             enum pz_type type, const void *data, struct pz_err *err);

/* The users that this rank works on: its own, or of a whole corpus as pz_ranks_mine. */
struct pz_share pz_shares_mine(const struct pz_corpus *c, size_t block);

/* As pz_ranks_turn and pz_ranks_pass where the corpus is in shares; else, and for NULL, nothing. */
void pz_shares_turn(const struct pz_corpus *c, void *sums, size_t bytes);
void pz_shares_pass(const struct pz_corpus *c, void *sums, size_t bytes);

/* The same of a whole corpus, too, where it has so many events that the sums are little beside
 * them: then no rank does what another has done. Between the two this rank adds up the users that
 * it gets, and no others. All ranks come here. */
struct pz_share pz_shares_begin(const struct pz_corpus *c, void *sums, size_t bytes);
void pz_shares_end(const struct pz_corpus *c, void *sums, size_t bytes);

/* Events by item, those of an item in the order of users. */
struct pz_by_item {
    uint64_t *ptr;       /* [n_items + 1] */
    uint32_t *user;      /* [ptr[n_items]] */
    float *value;        /* likewise */
    const uint64_t *all; /* [n_items + 1] as ptr, but of all items */
    uint64_t *own_all;
};

/* Turn a corpus with a value for each of its events: the lists of the items that are
 * pz_ranks_mine(n_items, block), with the events of all users. Memory: 8 bytes an event of these,
 * 16 where it is in shares.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller, by pz_by_item_clear, also after a failure */
enum pz_status pz_by_item_make(const struct pz_corpus *c, const float *value, size_t block,
                               struct pz_by_item *out, struct pz_err *err);
void pz_by_item_clear(struct pz_by_item *b);

#endif
