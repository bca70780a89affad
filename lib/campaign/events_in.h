/* SPDX-License-Identifier: Apache-2.0 */
/* Reading events for the live store: CSV, flat JSON Lines, and Personalize's PutEvents requests, one JSON
 * object a line. */
#ifndef PZ_CAMPAIGN_EVENTS_IN_H
#define PZ_CAMPAIGN_EVENTS_IN_H

#include "base/err.h"
#include "campaign/live.h"

/* Store every event of path ("-": standard input), 1,000 a transaction. Each batch is durable when the
 * next begins; a bad line is PZ_BAD_DATA naming it, and says how many events before it were stored.
 * Names: userId, sessionId, itemId, eventType, eventValue, eventId, sentAt or timestamp, without regard to
 * case and '_'. PutEvents: itemId and eventValue may stand inside properties. Events without a time get
 * the present one. */
enum pz_status pz_events_read(struct pz_live_store *s, const char *path, size_t *n_read, size_t *n_new,
                              uint64_t *last, struct pz_err *err);

#endif
