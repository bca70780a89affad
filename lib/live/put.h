/* SPDX-License-Identifier: Apache-2.0 */
/* Putting many: events, items or users from a file or a pipe into the live store. CSV with a
 * header, or JSON objects: one a line or spread over several, flat ones or Personalize's requests
 * as they are (PutEvents, PutItems, PutUsers; "properties" as a string of JSON or as an object).
 *
 * A batch is stored in one durable transaction when it has PZ_PUT_BATCH entries, when the input
 * ends, and when a pipe has nothing more to read at the moment: what a slow producer wrote is not
 * left waiting. */
#ifndef PZ_LIVE_PUT_H
#define PZ_LIVE_PUT_H

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "data/attrs.h"
#include "live/store.h"

#define PZ_PUT_BATCH 1000

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
    const char *path;    /* "-": standard input */
    uint64_t max_errors; /* bad records that are said and left out; one more ends it */
    struct pz_log *log;
    void (*ack)(const struct pz_put_count *); /* called after every durable batch; NULL: none */
};

/* Put events. Columns, without regard to case and '_': userId, sessionId, itemId, eventType,
 * eventValue, eventId, recommendationId, impression ("A|B" or an array), sentAt or timestamp (Unix
 * seconds to nanoseconds by magnitude, or ISO-8601; now when missing); trackingId is passed over;
 * any other column, and what stands inside properties, is a column of Interactions. PZ_BAD_DATA
 * names the record; those before it are stored. PZ_INTERRUPTED: a signal came; *count says what is
 * stored. */
enum pz_status pz_put_events(struct pz_live_store *s, const struct pz_put_cfg *cfg,
                             struct pz_put_count *count, struct pz_err *err);

/* Put rows of items or users: the id (itemId or userId) and columns, each row replacing the row of
 * that id. known: the model's columns, whose types values must have (NULL: no model); other columns
 * are taken as they are. */
enum pz_status pz_put_rows(struct pz_live_store *s, enum pz_live_table table,
                           const struct pz_attrs *known, const struct pz_put_cfg *cfg,
                           struct pz_put_count *count, struct pz_err *err);

/* One event from `properties` JSON given beside its fields: fills what *e leaves open from them as
 * pz_put_events does, and keeps the rest as e->properties. Texts live in the arena. */
enum pz_status pz_put_properties(struct pz_event *e, const char *json, struct pz_arena *arena,
                                 struct pz_err *err);

/* The events of one PutEvents request (userId, sessionId, eventList; "properties" as text or as an
 * object), as pz_put_events would take them.
 *
 * Errors:  PZ_BAD_DATA names the event and the member; PZ_TRY_AGAIN memory
 * Owner:   *event, [*n], and its texts live in the arena
 * Threads: any, each with its own arena */
enum pz_status pz_put_event_list(const json_t *doc, struct pz_arena *arena, struct pz_event **event,
                                 size_t *n, struct pz_err *err);

/* The rows of one PutItems or PutUsers request ("items" or "users"), as pz_put_rows would take
 * them. known: as there.
 *
 * Errors:  PZ_BAD_DATA names the row and the column; PZ_TRY_AGAIN memory
 * Owner:   *row, [*n], and its texts live in the arena
 * Threads: any, each with its own arena */
enum pz_status pz_put_row_list(const json_t *doc, enum pz_live_table table,
                               const struct pz_attrs *known, struct pz_arena *arena,
                               struct pz_live_row **row, size_t *n, struct pz_err *err);

struct pz_put_one {
    const char *id, *properties; /* a JSON object */
    struct pz_log *log;
};

/* Put one row from its id and its properties. */
enum pz_status pz_put_row(struct pz_live_store *s, enum pz_live_table table,
                          const struct pz_attrs *known, const struct pz_put_one *one,
                          uint64_t *last, struct pz_err *err);

#endif
