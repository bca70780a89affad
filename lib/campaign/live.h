/* SPDX-License-Identifier: Apache-2.0 */
/* The live store: events that came after training, numbered 1, 2, 3 ..., durable before they are
 * acknowledged and seen by every reader that starts afterwards (LMDB; the only module that sees it). */
#ifndef PZ_CAMPAIGN_LIVE_H
#define PZ_CAMPAIGN_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "rank/rank.h"

/* One event to keep; all strings borrowed, NULL where missing. user_id or session_id is needed. */
struct pz_event {
    const char *user_id, *session_id, *item_id, *event_type, *event_id;
    double value; /* NAN: none */
    int64_t time;
};

struct pz_live_store;

/* Open folder dir (made if missing when writable). Any number of processes may read and write. */
enum pz_status pz_live_open(const char *dir, bool writable, struct pz_live_store **out,
                            struct pz_err *err);
void pz_live_close(struct pz_live_store *s);

/* Store n events in one durable transaction: all or none. An event whose event_id was stored before is
 * passed over. *n_new: how many were new. *last: number of the newest event in the store. */
enum pz_status pz_live_put(struct pz_live_store *s, const struct pz_event *event, size_t n,
                           size_t *n_new, uint64_t *last, struct pz_err *err);

/* Events of a user (or of a session used as a user id) with numbers above `after`, and those of sessions
 * that joined the user, in order of number. Strings live in the arena; *live borrows from it. */
enum pz_status pz_live_read(struct pz_live_store *s, const char *user_id, uint64_t after,
                            struct pz_arena *arena, struct pz_live *live, struct pz_err *err);

/* Call fn for every event with a number above `after`, in order; fn's status other than PZ_OK ends it.
 * The user of a joined session's event is the user. Events of a session that joined its user by an event
 * after `after` are called for too: before, they were nobody's. */
typedef enum pz_status pz_live_fn(void *context, uint64_t number, const struct pz_event *event,
                                  struct pz_err *err);
enum pz_status pz_live_each(struct pz_live_store *s, uint64_t after, pz_live_fn *fn, void *context,
                            struct pz_err *err);

/* Number of the newest event, 0 when there is none, and how many are stored. */
enum pz_status pz_live_last(struct pz_live_store *s, uint64_t *last, uint64_t *count,
                            struct pz_err *err);

/* Remove a user's events and sessions and remember that he is forgotten. *n_removed: events. */
enum pz_status pz_live_forget(struct pz_live_store *s, const char *user_id, uint64_t *n_removed,
                              struct pz_err *err);

#endif
