/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: what many requests put becomes one durable transaction. While one batch is being
 * synced the next gathers; a single request waits for nothing but its own sync. */
#ifndef PZ_SERVE_COMMIT_H
#define PZ_SERVE_COMMIT_H

#include "base/err.h"
#include "live/store.h"

/* What one request puts: events, or rows of one table. Borrowed until .done was called. */
struct pz_commit_job {
    const struct pz_event *event;  /* [n]; NULL: rows */
    const struct pz_live_row *row; /* [n] */
    enum pz_live_table table;
    size_t n;
    const enum pz_live_fate *fate; /* [n] of events, for .done when all went well */
    /* Called on the committer's thread when it is durable, or has failed. */
    void (*done)(struct pz_commit_job *job, enum pz_status st, const struct pz_err *err);
    void *context;
    struct pz_commit_job *next; /* the committer's */
};

/* What was committed so far. */
struct pz_commit_stats {
    uint64_t batches, entries, failures;
    uint64_t size[16]; /* batches of up to 1, 2, 4, ... 32768 entries */
    double seconds;    /* in transactions */
    double slowest_s;
};

struct pz_commit;

/* Start the committer of a store, which it borrows.
 *
 * Errors:  PZ_TRY_AGAIN memory, or no thread
 * Owner:   *out: pz_commit_close
 * Threads: one */
enum pz_status pz_commit_open(struct pz_live_store *store, struct pz_commit **out,
                              struct pz_err *err);

/* Hand over a job. Its events must have passed pz_live_check: one that cannot be stored is left out
 * without a word. When too much waits already it is done at once, with PZ_TRY_AGAIN.
 *
 * Threads: any */
void pz_commit_put(struct pz_commit *c, struct pz_commit_job *job);

/* Copy the figures.
 *
 * Threads: any */
void pz_commit_read(struct pz_commit *c, struct pz_commit_stats *out);

/* Commit what is left, stop, free; accepts NULL.
 *
 * Threads: one, after the last pz_commit_put */
void pz_commit_close(struct pz_commit *c);

#endif
