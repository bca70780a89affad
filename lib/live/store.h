/* SPDX-License-Identifier: Apache-2.0 */
/* The live store: what came after training. Events, and rows of items and users, are numbered 1, 2,
 * 3 ... in one sequence, durable before they are acknowledged, and seen by every reader that starts
 * afterwards.
 *
 * Calling sequence:
 *
 *   pz_live_open(dir, writable, &s, &err);      once; opening it again in the process borrows it
 *     pz_live_put_each(s, event, n, fate, ...); many callers' events, one sync; durable when PZ_OK
 *     pz_live_read_as(s, user, &want, ...);     a query: the events of one user
 *     pz_live_each(s, after, ...);              an export: all, chunk by chunk
 *     pz_live_forget(s, user, ...);             a person, at once
 *     pz_live_collect(s, events, rows, ...);    what versions and datasets hold
 *     pz_live_compact(s, ...);                  while others go on
 *   pz_live_close(s);                           once for each opening
 *
 * Threads: any number, of any number of processes, may use one store, to read and to write. */
#ifndef PZ_LIVE_STORE_H
#define PZ_LIVE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/opt.h"
#include "data/watermarks.h"
#include "live/live_data.h"

/* One event to keep; all strings borrowed, NULL where missing. user_id or session_id is needed. */
struct pz_event {
    const char *user_id, *session_id, *item_id, *event_type, *event_id, *recommendation_id;
    const char *impression; /* ids of items shown, '|' between them */
    const char *properties; /* a JSON object: other columns of Interactions */
    double value;           /* NAN: none */
    int64_t time;
};

#define PZ_LIVE_ID_MAX 256       /* bytes in an id, as pz-import has it */
#define PZ_LIVE_TEXT_MAX 1048576 /* bytes in an impression, in properties, in a cell of a row */

#define PZ_LIVE_SHOWN_MAX 500 /* live events of a user read in full, the newest */
#define PZ_LIVE_READ_BYTES \
    (16u << 20)            /* of properties of the others, beyond which they are left out */
#define PZ_LIVE_ID_DAYS 30 /* how long the id of a collected event is known */

struct pz_live_store;

/* Whether the path is a live store that stands by itself: a folder with data.mdb, or a name that
 * ends in .pzl (there or not).
 *
 * Errors:  PZ_NO_ACCESS, PZ_IO, PZ_TRY_AGAIN it cannot be looked at; *is is false then
 * Threads: any */
enum pz_status pz_live_is(const char *path, bool *is, struct pz_err *err);

/* Open folder dir (made if missing when writable, for its owner alone). A store that is open in
 * this process already is not opened again: the same one is returned and counted, whatever its
 * path. A store whose folder is replaced (compacted, restored) is followed by itself.
 *
 * Errors:  a reader gets NULL and PZ_OK when nothing was stored yet, and needs no write permission;
 *          PZ_NO_INPUT a named store (pz_live_is) is not there; PZ_CANT_CREATE no permission;
 *          PZ_BAD_DATA damaged, or of a newer pz; PZ_TRY_AGAIN out of memory, descriptors or locks
 * Owner:   close it with pz_live_close, once for each opening
 * Threads: any; the store may be used by any number of threads. Not across fork: open anew */
enum pz_status pz_live_open(const char *dir, bool writable, struct pz_live_store **out,
                            struct pz_err *err);

/* The last one closes. Accepts NULL. */
void pz_live_close(struct pz_live_store *s);

/* Whether the event could be stored: ids and texts of allowed lengths, a user or session, a type.
 *
 * Errors:  PZ_BAD_DATA says what is wrong
 * Threads: any */
enum pz_status pz_live_check(const struct pz_event *e, struct pz_err *err);

/* What became of an event. */
enum pz_live_fate {
    PZ_LIVE_STORED,
    PZ_LIVE_REPEATED, /* its event id was stored before: nothing to do */
    PZ_LIVE_CONFLICT, /* its event id was stored before, for another user or item: not stored */
    PZ_LIVE_REFUSED   /* it cannot be stored; pz_live_check says why */
};

/* Store the events of many callers in one durable transaction: what cannot be stored is left out
 * and harms nobody else's.
 *
 * fate     [n] what became of each; meaningful when PZ_OK is returned
 * last     the last number given out, as of this transaction
 * Errors:  PZ_OK means durable; else nothing of all this is stored: PZ_IO the disk is full or
 *          fails, PZ_BAD_DATA the store is damaged, PZ_NO_INPUT it was removed, PZ_TRY_AGAIN out of
 *          memory
 * Threads: any; commits are one after the other, so that one call with many events is much cheaper
 *          than many calls */
enum pz_status pz_live_put_each(struct pz_live_store *s, const struct pz_event *event, size_t n,
                                enum pz_live_fate *fate, uint64_t *last, struct pz_err *err);

/* Store n events in one durable transaction: all or none. An event whose event_id was stored before
 * is passed over.
 *
 * n_new    how many were new
 * Errors:  PZ_BAD_DATA names the first event that cannot be stored; else as pz_live_put_each
 * Threads: any */
enum pz_status pz_live_put(struct pz_live_store *s, const struct pz_event *event, size_t n,
                           size_t *n_new, uint64_t *last, struct pz_err *err);

struct pz_live_want {
    uint64_t after; /* numbers above it */
    uint64_t upto;  /* and up to this one; 0: all */
    enum pz_live_detail detail;
    size_t most;                 /* the newest alone; 0: all */
    const struct pz_dict *items; /* for items of rows; NULL: all are PZ_NONE */
    struct pz_live_cache *cache; /* for what is read with these items; NULL: none */
};

/* Digests that were read, for whoever asks for the same owners again, up to so many bytes.
 *
 * Owner:   the caller: pz_live_cache_free, which accepts NULL, when nothing is held any more; NULL:
 *          memory is out
 * Threads: any number may read with one */
struct pz_live_cache *pz_live_cache_new(size_t most);
void pz_live_cache_free(struct pz_live_cache *cache);

/* Give back what live borrows from a cache; its rows are not valid any more.
 *
 * Threads: one a live */
void pz_live_release(struct pz_live *live);

/* Events of a user (or of a session used as a user id), and those of sessions that joined the user,
 * in order of number. Less than EACH: of an owner with many, all but the newest PZ_LIVE_SHOWN_MAX
 * come as rows that stand for several (digest.c), none later than now; where those cannot say what
 * is wanted, each comes by itself. So the cost is bounded by the items, not by the events; of EACH,
 * by the events. Those before the newest PZ_LIVE_SHOWN_MAX come without their impressions and, but
 * for EACH, properties. The model's history of a forgotten user is not used, so that all their
 * events count: `after` is then 0. Only what is of events and .forgotten of *live is touched.
 *
 * Errors:  as pz_live_put_each
 * Owner:   strings live in the arena; with a cache the caller: pz_live_release
 * Threads: any, each with its own arena */
enum pz_status pz_live_read_as(struct pz_live_store *s, const char *user_id,
                               const struct pz_live_want *want, struct pz_arena *arena,
                               struct pz_live *live, struct pz_err *err);

/* The same, of all events with numbers above `after`, each by itself.
 *
 * Errors:  as pz_live_put_each
 * Owner:   strings live in the arena
 * Threads: any, each with its own arena */
enum pz_status pz_live_read(struct pz_live_store *s, const char *user_id, uint64_t after,
                            struct pz_arena *arena, struct pz_live *live, struct pz_err *err);

typedef enum pz_status pz_live_fn(void *context, int pass, uint64_t number,
                                  const struct pz_event *event, struct pz_err *err);

/* Call fn for every event with a number above `after`, in order. The user of a joined session's
 * event is the user. Events of a session that joined its user by an event after `after` are called
 * for too: before, they were nobody's. All that n_passes times, for pass 0, 1, ..., as of one
 * moment, but for what is forgotten or collected in between. No snapshot is held while fn runs: it
 * may take its time and call into the store.
 *
 * Errors:  fn's status other than PZ_OK ends it and is returned; else as pz_live_put_each
 * Owner:   the event is borrowed until fn returns */
enum pz_status pz_live_each(struct pz_live_store *s, uint64_t after, int n_passes, pz_live_fn *fn,
                            void *context, struct pz_err *err);

/* The same of events with numbers above `after` alone, once: in time in proportion to them.
 *
 * Errors:  as pz_live_each
 * Owner:   the event is borrowed until fn returns */
enum pz_status pz_live_since(struct pz_live_store *s, uint64_t after, pz_live_fn *fn, void *context,
                             struct pz_err *err);

struct pz_live_size {
    char store[17];                /* identity of the store, as in struct pz_watermark */
    uint64_t last;                 /* last number given out; 0: none */
    uint64_t rows_last;            /* number of the last change of items and users */
    uint64_t rows_mark;            /* a hash of all changes of items and users, in order */
    uint64_t collected,            /* events up to this number were collected, all that could be */
        rows_collected;            /* likewise rows */
    uint64_t events, items, users, /* stored now */
        sessions, forgotten;       /* joined sessions; forgotten users */
    uint64_t bytes, map_bytes;     /* of the file in use; of addresses kept for it */
    uint64_t file;                 /* tells it from one that took its place */
    bool moved; /* it is a copy, or was restored: before it gives a number it draws an identity */
};

/* How much there is, as of now. Two small reads.
 *
 * Errors:  as pz_live_put_each */
enum pz_status pz_live_count(struct pz_live_store *s, struct pz_live_size *size,
                             struct pz_err *err);

/* Add to watermarks which identities the store had before it was copied or restored, and up to
 * which numbers: what contains those under an old identity contains them under the present one.
 *
 * Errors:  PZ_TRY_AGAIN memory is out; others as pz_live_put_each
 * Threads: as pz_live_count */
enum pz_status pz_live_add_origins(struct pz_live_store *s, struct pz_watermarks *marks,
                                   struct pz_err *err);

/* Let the store draw a new identity: somebody contains numbers that it never gave, as its file was
 * written over with an older one. Does nothing in a store that follows a log.
 *
 * Errors:  as pz_live_put_each */
enum pz_status pz_live_part(struct pz_live_store *s, struct pz_err *err);

struct pz_live_space {
    uint64_t bytes, free; /* of the file; of them in free pages, which are used again */
    uint64_t behind; /* transactions that the oldest reader is behind; while it reads, pages that
                           * were given up since are not used again */
    int pid;         /* of that reader; 0: none is behind */
};

/* A hash of the store's file as it stands, XXH3-128 as `xxhsum -H2 data.mdb` prints it, into
 * hex[33]; of a moment only when nobody writes.
 *
 * Errors:  PZ_TRY_AGAIN memory is out; others as pz_live_read
 * Threads: any */
enum pz_status pz_live_hash(struct pz_live_store *s, char hex[33], struct pz_err *err);

/* Look through all pages of the store: whether they fit together. Records are not read.
 *
 * Errors:  PZ_BAD_DATA they do not; others as pz_live_read
 * Threads: any */
enum pz_status pz_live_verify(struct pz_live_store *s, struct pz_err *err);

/* What the file holds and who keeps it from shrinking. Reads the list of free pages.
 *
 * Errors:  as pz_live_put_each
 * Threads: any */
enum pz_status pz_live_space(struct pz_live_store *s, struct pz_live_space *space,
                             struct pz_err *err);

struct pz_live_receipt {
    uint64_t events, sessions, rows; /* removed */
    uint64_t number;                 /* of the forgetting */
};

/* Remove a user's events, sessions and row and remember that they are forgotten, in one durable
 * transaction. What is removed stays as bytes in free pages until pz_live_compact.
 *
 * purge    of the id only a salted hash is kept: pz_live_each_forgotten cannot name it any more
 * Errors:  PZ_BAD_DATA no id of 1 to 256 bytes; else as pz_live_put_each
 * Threads: any */
enum pz_status pz_live_forget(struct pz_live_store *s, const char *user_id, bool purge,
                              struct pz_live_receipt *receipt, struct pz_err *err);

struct pz_live_compacted {
    uint64_t before, after; /* bytes of the file */
};

/* Write the store anew and put the new folder in its place: free pages are given back, and no byte
 * of what was removed is left. Other processes follow by themselves with their next transaction.
 *
 * done     NULL: not wanted
 * Errors:  PZ_UNAVAILABLE the file system cannot exchange folders; PZ_IO the disk is full or fails;
 *          PZ_BAD_DATA damaged; the store is as it was then
 * Threads: any process, any time; writers and openings wait for it, readers do not */
enum pz_status pz_live_compact(struct pz_live_store *s, struct pz_live_compacted *done,
                               struct pz_err *err);

typedef enum pz_status pz_live_id_fn(void *context, const char *user_id, uint64_t number,
                                     struct pz_err *err);

/* Call fn for every forgotten user whose id was not purged, in no particular order, with the number
 * of the forgetting.
 *
 * Errors:  fn's status other than PZ_OK ends it and is returned; else as pz_live_put_each */
enum pz_status pz_live_each_forgotten(struct pz_live_store *s, pz_live_id_fn *fn, void *context,
                                      struct pz_err *err);

/* Which of a dictionary's users are forgotten, also those whose id was purged: their indices,
 * ascending.
 *
 * Errors:  PZ_TRY_AGAIN memory is out; else as pz_live_put_each
 * Owner:   the caller frees *user, which is NULL after a failure */
enum pz_status pz_live_find_forgotten(struct pz_live_store *s, const struct pz_dict *users,
                                      uint32_t **user, uint32_t *n, struct pz_err *err);

/* Know as forgotten no longer who was up to number `upto`, but for the users of `keep`: what is to
 * keep their old events out is to name all who are in a file that is read.
 *
 * Errors:  as pz_live_put_each; PZ_OK and nothing in a store that follows a log, which has the list
 */
enum pz_status pz_live_unmark(struct pz_live_store *s, uint64_t upto, const struct pz_strs *keep,
                              uint64_t *n_removed, struct pz_err *err);

/* Remove what every retained model has: events with numbers up to `events`, rows up to `rows`.
 * Kept: events of sessions that joined nobody, or joined later; all of forgotten users; event ids
 * for PZ_LIVE_ID_DAYS days since they came, so that late repeats stay out. *n_removed: both
 * together. Works in pieces, so that writers get their turn.
 *
 * Errors:  as pz_live_put_each; pieces that were done stay done */
enum pz_status pz_live_collect(struct pz_live_store *s, uint64_t events, uint64_t rows,
                               uint64_t *n_removed, struct pz_err *err);

/* ---- rows of items and users ---- */

enum pz_live_table { PZ_LIVE_ITEMS, PZ_LIVE_USERS };

/* A row to keep: names and values of its columns, without the id. Replaces the row of that id. */
struct pz_live_row {
    const char *id;
    const char *const *name, *const *value; /* [n]; a missing or empty value is null */
    size_t n;
};

/* Store n rows in one durable transaction. *last as in pz_live_put.
 *
 * Errors:  PZ_BAD_DATA an id, the number of columns or a text is out of bounds: nothing is stored;
 *          else as pz_live_put_each */
enum pz_status pz_live_put_rows(struct pz_live_store *s, enum pz_live_table table,
                                const struct pz_live_row *row, size_t n, uint64_t *last,
                                struct pz_err *err);

typedef enum pz_status pz_live_row_fn(void *context, const struct pz_live_row *row,
                                      struct pz_err *err);

/* Call fn for every row with a number above `after`, in byte order of ids. Time in proportion to
 * those rows where `after` is the number of one of the newest 65,536 changes; else to all.
 *
 * Errors:  fn's status other than PZ_OK ends it and is returned; else as pz_live_put_each */
enum pz_status pz_live_each_row(struct pz_live_store *s, enum pz_live_table table, uint64_t after,
                                pz_live_row_fn *fn, void *context, struct pz_err *err);

/* Whether rows_last of this store was `number` once and rows_mark `mark`, all changes since are
 * listed, and none of them was a removal.
 *
 * Errors:  as pz_live_put_each; *was is false then */
enum pz_status pz_live_rows_were(struct pz_live_store *s, uint64_t number, uint64_t mark, bool *was,
                                 struct pz_err *err);

#endif
