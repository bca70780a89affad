/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: a store that is the view of a log (follow.h): what is put goes to the log
 * first.
 *
 * Threads: any, of any number of processes. */
#ifndef PZ_LIVE_SHARED_H
#define PZ_LIVE_SHARED_H

#include "live/hosts/entry.h"
#include "live/hosts/journal.h"

/* As pz_live_put_each, pz_live_put_rows and pz_live_forget of a store that follows a log: PZ_OK
 * when the log has it for good and this store has it too.
 *
 * Errors:  PZ_UNAVAILABLE the log cannot be reached: what was put may be stored or not, and may be
 *          put again with its event ids; else as those */
enum pz_status pz_shared_put_events(struct pz_live_store *s, const struct pz_event *event, size_t n,
                                    enum pz_live_fate *fate, uint64_t *last, struct pz_err *err);
enum pz_status pz_shared_put_rows(struct pz_live_store *s, enum pz_live_table table,
                                  const struct pz_live_row *row, size_t n, uint64_t *last,
                                  struct pz_err *err);
enum pz_status pz_shared_forget(struct pz_live_store *s, const char *user_id, bool purge,
                                struct pz_live_receipt *receipt, struct pz_err *err);

/* What a store knows of its log. */
struct pz_shared_state {
    char url[1024]; /* "": none */
    uint64_t bound, boot, id, last;
    unsigned char salt[PZ_HASH_SALT_BYTES];
};

/* Read it.
 *
 * Errors:  as pz_live_count */
enum pz_status pz_shared_state(struct pz_live_store *s, struct pz_shared_state *state,
                               struct pz_err *err);

/* A connection to the store's log, after it is made sure that the one is a view of the other. A
 * store that a power cut may have left half written is emptied: the log has it.
 *
 * Errors:  PZ_USAGE the store has no log, or pz_live_log_init is still to be called; PZ_BAD_DATA
 *          the log is another one, or has less than the store; else as pz_journal_open
 * Owner:   *out: pz_journal_close */
enum pz_status pz_shared_connect(struct pz_live_store *s, struct pz_journal **out,
                                 struct pz_err *err);

/* Apply all that the log has, at least up to a number. *last: the last of the store then.
 *
 * Errors:  PZ_BAD_DATA numbers are missing; as pz_journal_read; as pz_live_put_each */
enum pz_status pz_shared_catch_up(struct pz_live_store *s, struct pz_journal *j, uint64_t upto,
                                  uint64_t *last, struct pz_err *err);

/* Say that the store's file is whole: a start after it does not empty it.
 *
 * Errors:  as pz_live_put_each */
enum pz_status pz_shared_settle(struct pz_live_store *s, struct pz_err *err);

/* The name of a folder among those of all hosts: the host's and its path, cut to n bytes. */
void pz_shared_name(const char *path, char *name, size_t n);

#endif
