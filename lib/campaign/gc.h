/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting: old versions, and live events that are safe elsewhere.
 *
 * Threads: any process, any time; it waits for the campaign's lock. */
#ifndef PZ_CAMPAIGN_GC_H
#define PZ_CAMPAIGN_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

struct pz_gc_cfg {
    uint32_t keep;           /* newest versions to keep */
    uint32_t keep_weekly;    /* besides, the newest of each of so many of the latest weeks */
    bool events;             /* also live events and rows */
    bool force;              /* those too that no dataset holds */
    const char *const *data; /* [n_data] datasets that the next training reads */
    size_t n_data;
    const char *const *id; /* [n_ids] users who are to leave the disk */
    size_t n_ids;
    double wait_s;      /* patience for the lock */
    struct pz_log *log; /* NULL: silent */
};

struct pz_gc {
    uint32_t versions; /* removed */
    uint64_t live;     /* events and rows removed */
    uint64_t marks;    /* of forgotten users */
};

/* Remove all versions but the newest cfg->keep, the weekly ones, the pinned, the current and the
 * previous one, and what a crash left behind. With cfg->events also live events and rows that all
 * versions left contain and that the datasets named contain too, and of a store that other
 * campaigns beside this one share, all versions of theirs; and the marks of users who were
 * forgotten before all of these were made and are in none of them. With cfg->id versions go whose
 * model knows such a user, the previous one among them; the current and pinned ones stay with a
 * warning.
 *
 * removed  how far it got, also when it fails
 * Errors:  PZ_NO_INPUT none was published; PZ_BAD_DATA the campaign is damaged or its current
 *          version is not among those there are (nothing is removed then); PZ_NEGATIVE events would
 *          be in no dataset and cfg->force is not set (nothing is removed then); PZ_TRY_AGAIN
 *          locked; PZ_IO removing failed; as pz_sharing_each (nothing is removed then) */
enum pz_status pz_campaign_gc(const char *campaign, const struct pz_gc_cfg *cfg,
                              struct pz_gc *removed, struct pz_err *err);

/* Up to which numbers of its live store all versions contain events and rows.
 *
 * Errors:  as pz_campaign_list; as pz_live_count; both are 0 then */
enum pz_status pz_campaign_contained(const char *campaign, uint64_t *events, uint64_t *rows,
                                     struct pz_err *err);

/* Keep a version whatever its age, or let it go again.
 *
 * Errors:  PZ_NO_INPUT no such version, or it was not pinned; others as pz_settings_set */
enum pz_status pz_campaign_pin(const char *campaign, uint32_t version, bool pinned, double wait_s,
                               struct pz_err *err);

#endif
