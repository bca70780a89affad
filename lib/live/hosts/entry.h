/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: entries, what the live store takes in under one number, as bytes that travel
 * between hosts (journal.h) and are applied to a store (entry.c).
 *
 *   kind          body
 *   PZ_VOID       nothing: the entry that had the number was erased, or its number was lost
 *   PZ_EVENT      a record of "events" (store.c)
 *   PZ_ITEM, _USER  id, then name and value of each column that is not null, each ended by a NUL
 *   PZ_FORGET     the id of a user to forget
 *   PZ_PURGE      the 16 bytes of the salted hash of one, whose id nobody shall keep
 *
 * Numbers in records are of the machine's byte order, as in the store: hosts of one log share it.
 *
 * Threads: any; those with a transaction belong to its thread. */
#ifndef PZ_LIVE_ENTRY_H
#define PZ_LIVE_ENTRY_H

#include "live/events.h"

enum pz_entry_kind { PZ_VOID, PZ_EVENT, PZ_ITEM, PZ_USER, PZ_FORGET, PZ_PURGE, PZ_N_KINDS };

struct pz_entry {
    uint64_t number;
    int64_t at; /* Unix seconds by the log's clock, when it was taken in */
    enum pz_entry_kind kind;
    const char *body; /* [n] borrowed */
    size_t n;
};

struct pz_entries {
    struct pz_entry *v;
    size_t n, cap;
    struct pz_arena arena; /* holds the bodies */
};

/* Free all of it.
 *
 * Threads: any */
void pz_entries_clear(struct pz_entries *list);

/* Add an entry with a body of n bytes, which are to be written there.
 *
 * Owner: the list; NULL: memory is out */
char *pz_entries_add(struct pz_entries *list, enum pz_entry_kind kind, size_t n);

/* Add an event or a row that was checked; false: memory is out. */
bool pz_entries_add_event(struct pz_entries *list, const struct pz_event *e);
bool pz_entries_add_row(struct pz_entries *list, enum pz_live_table table,
                        const struct pz_live_row *row);

struct pz_applying {
    const struct pz_entry *entry;
    size_t n;
    uint64_t trimmed; /* numbers up to this one may be missing */
    enum pz_live_fate
        *fate;     /* [n] of events; NULL: not wanted. Of those that were applied before it
                              * is found out */
    uint64_t last; /* set: the last number after it */
};

/* Apply entries in a transaction, in order of their numbers; those up to "last" are passed over.
 * applying: a struct pz_applying. Where numbers are missing it stops. Returns 0, an LMDB or errno
 * value, or ERANGE: they are missing before the first. */
int pz_live_apply_all(struct pz_live_store *s, MDB_txn *txn, void *applying);

#endif
