/* SPDX-License-Identifier: Apache-2.0 */
/* Putting many: events, items or users from a file or a pipe into the live store. CSV with a
 * header, or JSON objects: one a line or spread over several, flat ones or Personalize's requests
 * as they are (PutEvents, PutItems, PutUsers; "properties" as a string of JSON or as an object).
 *
 * A batch is stored in one durable transaction when it has PZ_PUT_BATCH entries (PZ_PUT_BULK
 * without cfg->ack) or PZ_PUT_BYTES, when the input ends, and when a pipe has nothing more to read
 * at the moment: what a slow producer wrote is not left waiting.
 *
 * Threads: any, also on one store, each with its own arena and log. */
#ifndef PZ_LIVE_PUT_H
#define PZ_LIVE_PUT_H

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/opt.h"
#include "data/attrs.h"
#include "data/group.h"
#include "live/store.h"

#define PZ_PUT_BATCH 1000  /* entries a transaction where acknowledgements are wanted */
#define PZ_PUT_BULK 300000 /* else: each page of the ids is written once, not a hundred times */
#define PZ_PUT_BYTES (32u << 20) /* of texts, at most */

/* How far it got. */
struct pz_put_count {
    uint64_t read;      /* entries (a request may hold several, one that is refused counts as one):
                    * stored, duplicates and bad ones together */
    uint64_t bad;       /* records left out */
    uint64_t stored;    /* durable now */
    uint64_t conflicts; /* of the duplicates: their event id was that of another event */
    uint64_t last;      /* last live number */
};

struct pz_put_cfg {
    const char *path;          /* "-": standard input */
    uint64_t max_errors;       /* bad records that are said and left out; one more ends it */
    const struct pz_strs *map; /* "ITEM_ID=product_id": our name = the file's; NULL: none */
    const struct pz_attrs
        *known;   /* columns of the model, whose types values must have; NULL: none */
    bool no_item; /* events without an item are wanted */
    bool now;     /* events without a time happen now */
    struct pz_log *log;
    void (*ack)(const struct pz_put_count *); /* called after every durable batch; NULL: none */
};

/* Put events. Columns, without regard to case and '_': userId, sessionId, itemId, eventType,
 * eventValue, eventId, recommendationId, impression ("A|B" or an array), sentAt or timestamp (Unix
 * seconds to nanoseconds by magnitude, or ISO-8601); trackingId is passed over; any other column,
 * and what stands inside properties, is a column of Interactions. Users and sessions called null,
 * undefined, None, NaN or nil are none.
 *
 * An item is needed but in PutEvents requests, unless cfg->no_item. A time is needed in CSV; in
 * JSON it is now when no member looks like one; unless cfg->now.
 *
 * Errors:  PZ_BAD_DATA names the record (those before it are stored), or the columns that there are
 *          when one is missing (nothing is stored); PZ_INTERRUPTED a signal came, *count says what
 *          is stored; else as pz_live_put_each
 * Threads: any, also on one store */
enum pz_status pz_put_events(struct pz_live_store *s, const struct pz_put_cfg *cfg,
                             struct pz_put_count *count, struct pz_err *err);

/* Put rows of items or users: the id (itemId or userId) and columns, each row replacing the row of
 * that id. Columns that cfg->known lacks are taken as they are.
 *
 * Errors:  as pz_put_events
 * Threads: likewise */
enum pz_status pz_put_rows(struct pz_live_store *s, enum pz_live_table table,
                           const struct pz_put_cfg *cfg, struct pz_put_count *count,
                           struct pz_err *err);

/* One event from `properties` JSON given beside its fields: fills what *e leaves open from them as
 * pz_put_events does, and keeps the rest as e->properties.
 *
 * known    the model's columns, whose types they must have; NULL: any
 * Errors:  PZ_BAD_DATA names the member; PZ_TRY_AGAIN memory
 * Owner:   texts live in the arena
 * Threads: any, each with its own arena */
enum pz_status pz_put_properties(struct pz_event *e, const char *json, const struct pz_attrs *known,
                                 struct pz_arena *arena, struct pz_err *err);

/* Whether the id of a user or session stands for none: null, undefined, None, NaN, nil, "". */
bool pz_put_is_none(const char *id);

/* The events of one PutEvents request (userId, sessionId, eventList; "properties" as text or as an
 * object), as pz_put_events would take them. known: as there.
 *
 * Errors:  PZ_BAD_DATA names the event and the member; PZ_TRY_AGAIN memory
 * Owner:   *event, [*n], and its texts live in the arena
 * Threads: any, each with its own arena */
enum pz_status pz_put_event_list(const json_t *doc, const struct pz_attrs *known,
                                 struct pz_arena *arena, struct pz_event **event, size_t *n,
                                 struct pz_err *err);

/* The rows of one PutItems or PutUsers request ("items" or "users"), as pz_put_rows would take
 * them. known: as there.
 *
 * Errors:  PZ_BAD_DATA names the row and the column; PZ_TRY_AGAIN memory
 * Owner:   *row, [*n], and its texts live in the arena
 * Threads: any, each with its own arena */
enum pz_status pz_put_row_list(const json_t *doc, enum pz_live_table table,
                               const struct pz_attrs *known, struct pz_arena *arena,
                               struct pz_live_row **row, size_t *n, struct pz_err *err);

/* Read ids: one a line, or the column of that name of a CSV file ("-": standard input).
 *
 * Errors:  PZ_BAD_DATA no such column among several, or a row that is none; else as pz_rows_open
 * Owner:   texts live in the arena; clear *ids with pz_strs_clear, also after a failure */
enum pz_status pz_put_read_ids(const char *path, const char *column, struct pz_strs *ids,
                               struct pz_arena *arena, struct pz_err *err);

/* Users and items to leave out of datasets, and their ids as read from files. */
struct pz_put_without {
    struct pz_without out; /* users, items: NULL where no file was given */
    struct pz_strs user, item;
    struct pz_arena arena;
};

/* Read them from files as pz_put_read_ids does, columns USER_ID and ITEM_ID. users, items: paths;
 * NULL: none
 *
 * Errors:  as pz_put_read_ids
 * Owner:   *w, all-zero before: pz_put_without_clear, also after a failure */
enum pz_status pz_put_read_without(const char *users, const char *items, struct pz_put_without *w,
                                   struct pz_err *err);

/* Say how many of them were there, after a merge; and free them. */
void pz_put_tell_without(const struct pz_put_without *w, struct pz_log *log);
void pz_put_without_clear(struct pz_put_without *w);

struct pz_put_one {
    const char *id, *properties; /* a JSON object */
    struct pz_log *log;
};

/* Put one row from its id and its properties.
 *
 * Errors:  PZ_BAD_DATA names the column; else as pz_live_put_rows */
enum pz_status pz_put_row(struct pz_live_store *s, enum pz_live_table table,
                          const struct pz_attrs *known, const struct pz_put_one *one,
                          uint64_t *last, struct pz_err *err);

#endif
