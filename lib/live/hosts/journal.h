/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: the log that several hosts share, in PostgreSQL. (A log of messages is
 * base/log.h; this one is called a journal in the code.)
 *
 *   pz_journal_open(url, &j, &err);         a connection
 *     pz_journal_make(j, &head, &err);      the tables, if there are none
 *     pz_journal_append(j, list, ...);      numbers and a durable commit
 *     pz_journal_read(j, after, list, ...); what came since
 *   pz_journal_close(j);
 *
 * Order. A batch takes its numbers and is inserted by one statement, which holds the lock of the
 * head's row until it is committed: numbers become visible in their order and without gaps.
 * (Numbers of a sequence are taken before the commit; who polls behind the last one seen loses
 * events.)
 *
 * Once. A batch has a token of its own, and tokens are unique in the log: a batch whose commit was
 * cut off is sent again, and is stored once.
 *
 * A failure with pz_journal_is_lost: the connection is gone, and another may do it.
 *
 * Threads: a journal belongs to one thread at a time. */
#ifndef PZ_LIVE_LOG_JOURNAL_H
#define PZ_LIVE_LOG_JOURNAL_H

#include "live/hosts/entry.h"
#include "table/hash.h"

struct pz_journal;

/* Whether it is a URL that a journal can be at. */
bool pz_journal_is_url(const char *url);

/* The URL without its password, into out of n bytes.
 *
 * Owner: the caller's out */
const char *pz_journal_shown(const char *url, char *out, size_t n);

/* Connect.
 *
 * Errors:  PZ_UNAVAILABLE no libpq, no such host, no answer, no permission
 * Owner:   *out: pz_journal_close */
enum pz_status pz_journal_open(const char *url, struct pz_journal **out, struct pz_err *err);

/* Accepts NULL. */
void pz_journal_close(struct pz_journal *j);

/* Whether the connection is gone. */
bool pz_journal_is_lost(const struct pz_journal *j);

/* What stands before the entries. */
struct pz_journal_head {
    uint64_t store;                         /* identity of every store that follows it */
    unsigned char salt[PZ_HASH_SALT_BYTES]; /* of their hashes */
    uint64_t last;                          /* number given out */
    uint64_t trimmed;                       /* numbers up to this one may be missing */
};

/* Read the head.
 *
 * Errors:  PZ_NO_INPUT there are no tables; PZ_BAD_DATA a newer pz's; PZ_UNAVAILABLE, PZ_IO the
 *          database says no */
enum pz_status pz_journal_head(struct pz_journal *j, struct pz_journal_head *head,
                               struct pz_err *err);

/* Make the tables with this head and these entries, which have their numbers. *made false: others
 * are there, and nothing was done.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_make(struct pz_journal *j, const struct pz_journal_head *head,
                               const struct pz_entries *list, bool *made, struct pz_err *err);

/* Append entries. They get their numbers; PZ_OK: they are durable, on a synchronous standby too
 * where there is one.
 *
 * token    not 0; the same when the same entries are sent again
 * Errors:  as pz_journal_head; after a lost connection they may be stored or not */
enum pz_status pz_journal_append(struct pz_journal *j, struct pz_entry *entry, size_t n,
                                 int64_t token, struct pz_err *err);

/* Read what is behind a number, a piece of it; list->n 0: nothing is.
 *
 * Errors:  as pz_journal_head; PZ_TRY_AGAIN memory is out */
enum pz_status pz_journal_read(struct pz_journal *j, uint64_t after, struct pz_entries *list,
                               struct pz_err *err);

/* Be told of new entries from now on.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_listen(struct pz_journal *j, struct pz_err *err);

/* Wait until the journal has something to tell, fd can be read, or ms are over. */
void pz_journal_wait(struct pz_journal *j, int fd, int ms);

/* Keep everybody from appending until pz_journal_unlock: head as it is now.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_lock(struct pz_journal *j, struct pz_journal_head *head,
                               struct pz_err *err);

/* Under the lock: erase a user's events and rows, and the events without a user of n sessions;
 * their numbers stay, as PZ_VOID. purge: also the entries by which the user was forgotten by name.
 * Reads the whole log.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_erase(struct pz_journal *j, const char *user_id,
                                const char *const *session, size_t n, bool purge,
                                struct pz_err *err);

/* Let go; commit: with what was done under it, durable when PZ_OK.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_unlock(struct pz_journal *j, bool commit, struct pz_err *err);

/* A store that follows the log. */
struct pz_journal_host {
    char name[300];   /* host and path */
    uint64_t applied; /* last number that it has */
    uint64_t events,  /* numbers of events, of rows that all its models contain */
        rows;
    int64_t seen; /* Unix seconds by the log's clock when it said so */
};

/* Say how far a store is. seen is not used.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_tell(struct pz_journal *j, const struct pz_journal_host *host,
                               struct pz_err *err);

/* All of them.
 *
 * Errors:  as pz_journal_head; PZ_TRY_AGAIN memory is out
 * Owner:   the caller frees *host */
enum pz_status pz_journal_hosts(struct pz_journal *j, struct pz_journal_host **host, size_t *n,
                                struct pz_err *err);

/* Take a host off the list; its name as listed.
 *
 * Errors:  PZ_NO_INPUT it is not on it; else as pz_journal_head */
enum pz_status pz_journal_drop(struct pz_journal *j, const char *name, struct pz_err *err);

/* Remove events with numbers up to `events` and rows up to `rows` that are older than `days` days;
 * who asked to be forgotten stays.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_trim(struct pz_journal *j, uint64_t events, uint64_t rows, double days,
                               uint64_t *removed, struct pz_err *err);

struct pz_journal_size {
    uint64_t entries, bytes;
    bool safe;    /* the database syncs what it commits */
    int standbys; /* that it waits for */
};

/* How large it is, and whether its commits are durable.
 *
 * Errors:  as pz_journal_head */
enum pz_status pz_journal_measure(struct pz_journal *j, struct pz_journal_size *size,
                                  struct pz_err *err);

#endif
