/* SPDX-License-Identifier: Apache-2.0 */
/* Live stores of several hosts as views of one log in PostgreSQL: the log gives the numbers and the
 * identity, so that a model counts the same events as known on every host.
 *
 *   pz_live_log_set(s, url, &err);       the store is to follow the log there
 *   pz_live_log_init(s, &made, &err);    make the log, or join the one that is there
 *     pz_live_put_each(s, ...);          from then on goes through the log (store.h)
 *     pz_live_log_sync(s, &last, &err);  take over what others put, once
 *     pz_follow_open(s, ..., &f, &err);  or as it comes, in a thread of its own
 *       pz_follow_fresh(f, 0.1);         have all that was acknowledged before now
 *     pz_follow_close(f);
 *
 * Threads: any; a follower is closed by one, after its last use. */
#ifndef PZ_LIVE_FOLLOW_H
#define PZ_LIVE_FOLLOW_H

#include <stdbool.h>

#include "live/store.h"

/* Name the log that a store is to follow (postgresql://...), or, in a store that follows one, where
 * it is now. NULL: none, unless it follows one already.
 *
 * Errors:  PZ_USAGE no such URL; the store is the view of a log already; else as
 *          pz_live_put_each */
enum pz_status pz_live_log_set(struct pz_live_store *s, const char *url, struct pz_err *err);

/* The URL of the log without its password, into url of n bytes; "": none is set.
 *
 * Errors:  as pz_live_count */
enum pz_status pz_live_log_url(struct pz_live_store *s, char *url, size_t n, struct pz_err *err);

/* Make the log, with all that the store holds, or join the one that is there with an empty store.
 *
 * made     whether it was made
 * Errors:  PZ_USAGE no log is set; the store holds other events than the log; PZ_UNAVAILABLE the
 *          log cannot be reached, or libpq is not there; else as pz_live_put_each */
enum pz_status pz_live_log_init(struct pz_live_store *s, bool *made, struct pz_err *err);

/* Take over all that the log has.
 *
 * last     the store's last number then
 * Errors:  PZ_BAD_DATA the log is another one, lacks numbers, or has gone back; PZ_USAGE,
 *          PZ_UNAVAILABLE as pz_live_log_init; else as pz_live_put_each */
enum pz_status pz_live_log_sync(struct pz_live_store *s, uint64_t *last, struct pz_err *err);

/* A campaign whose store follows the log, as its host told the log. */
struct pz_log_host {
    char name[300];        /* host name, ':' and its path */
    uint64_t applied;      /* last number that it has */
    uint64_t events, rows; /* all its models contain events and rows up to these */
    int64_t seen;          /* when it told so, Unix seconds by the log's clock */
};

struct pz_log_info {
    char url[256];            /* without a password; "": no log is set */
    char store[17];           /* identity */
    uint64_t last, trimmed;   /* the last number; numbers up to `trimmed` may be gone */
    uint64_t applied;         /* of this store */
    uint64_t entries, bytes;  /* that the log holds */
    bool safe;                /* the database syncs what it commits */
    int standbys;             /* that it waits for, as far as it tells */
    struct pz_log_host *host; /* [n_hosts] */
    size_t n_hosts;
    uint64_t events, rows; /* that the models of all hosts contain */
};

/* Look at the log. With no log set only url is filled.
 *
 * Errors:  as pz_live_log_sync
 * Owner:   the caller frees info->host */
enum pz_status pz_live_log_info(struct pz_live_store *s, struct pz_log_info *info,
                                struct pz_err *err);

/* Tell the log what all models of a campaign contain.
 *
 * Errors:  as pz_live_log_sync */
enum pz_status pz_live_log_tell(struct pz_live_store *s, const char *campaign, uint64_t events,
                                uint64_t rows, struct pz_err *err);

/* Whether the store is the view of a log; or is to be. */
bool pz_live_follows(const struct pz_live_store *s);

/* Remove from the log what the models of all hosts contain and what is older than `days` days (how
 * long late repeats are known).
 *
 * Errors:  as pz_live_log_sync */
enum pz_status pz_live_log_trim(struct pz_live_store *s, uint64_t events, uint64_t rows,
                                double days, uint64_t *removed, struct pz_err *err);

/* Take a host off the list of those that keep the log from being trimmed.
 *
 * Errors:  PZ_NO_INPUT it is not on it; else as pz_live_log_sync */
enum pz_status pz_live_log_drop(struct pz_live_store *s, const char *host, struct pz_err *err);

struct pz_follow;

/* Follow the log in a thread, until pz_follow_close. A log that cannot be reached is tried again
 * and again.
 *
 * Errors:  PZ_TRY_AGAIN no thread, or memory is out
 * Owner:   *out: pz_follow_close, before the store is closed; it stays NULL, and PZ_OK, when the
 *          store follows no log */
enum pz_status pz_follow_open(struct pz_live_store *s, struct pz_follow **out, struct pz_err *err);

/* Wait until the first look into the log was made, or failed, or wait_s are over. */
void pz_follow_begin(struct pz_follow *f, double wait_s);

/* Accepts NULL. */
void pz_follow_close(struct pz_follow *f);

/* Wait until the store has all that any host acknowledged before this call. Many may wait together
 * for one look into the log. false: it could not be made sure of within wait_s, or the log is
 * away. */
bool pz_follow_fresh(struct pz_follow *f, double wait_s);

/* What all models of a campaign contain, for the log to know. */
void pz_follow_mark(struct pz_follow *f, const char *campaign, uint64_t events, uint64_t rows);

struct pz_follow_state {
    bool connected;
    double lag_s;     /* since the store was last known to have all; at the beginning since then */
    uint64_t applied; /* last number of the store */
    uint64_t reconnects; /* connections after the first */
    uint64_t looks;      /* into the log */
    uint64_t unsure;     /* calls of pz_follow_fresh that were false */
    char problem[256];   /* "": none */
};

/* Copy the figures. */
void pz_follow_read(struct pz_follow *f, struct pz_follow_state *state);

#endif
