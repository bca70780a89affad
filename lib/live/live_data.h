/* SPDX-License-Identifier: Apache-2.0 */
/* Live data as plain structs: what happened since training, as filter and rank read it. The store
 * fills them (store.h, overlay.h); who only asks needs no store. */
#ifndef PZ_LIVE_LIVE_DATA_H
#define PZ_LIVE_LIVE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/attrs.h"
#include "table/dict.h"

/* What a reader of a user's events makes of them: of each type and item whether there is one, how
 * late the latest is and how large the largest, and what is named here. Values are joined by |. */
enum pz_live_detail {
    PZ_LIVE_KINDS = 0,
    PZ_LIVE_PAIRS = 1,  /* the latest and the largest are one event */
    PZ_LIVE_ENDS = 2,   /* how early the earliest is, how small the smallest */
    PZ_LIVE_COUNTS = 4, /* how many there are */
    PZ_LIVE_EACH = 8    /* each by itself */
};

/* A live event of one user that the model has not seen (borrowed). */
struct pz_live_event {
    const char *item_id; /* any string; items the model does not know count for nothing yet */
    const char *event_type;
    double value; /* NAN: none */
    int64_t time;
    uint64_t number; /* in the live store, ascending; 0: none */
    const char *const
        *shown; /* [n_shown] ids of the event's impression: what the user had in sight */
    size_t n_shown;
    uint32_t found;         /* the model's index of the item, and one; 0: none, or not looked up */
    const char *properties; /* a JSON object: other columns of Interactions; NULL: none */
};

/* When several of them were. */
struct pz_live_fact {
    int64_t time;    /* of the latest; not later than now */
    uint32_t before; /* how many seconds earlier the earliest was; UINT32_MAX: not known */
    uint32_t times;  /* how many they are */
};

/* Rows that stand for several of them, of one type, all with a value or all without. */
struct pz_live_run {
    const char *event_type;
    size_t n;
    const struct pz_live_fact *fact; /* [n] */
    const double (*value)[2];        /* [n] the largest, the smallest; NULL: they have none */
    const uint16_t *ref;             /* [n] which of the following it is */
    const uint32_t *item;            /* the model's index, PZ_NONE: it has none */
    const char *const *item_id;
    const struct pz_live_run *next; /* NULL: the last */
};

/* The model's index of the item of a row; PZ_NONE: it has none. */
static inline uint32_t pz_live_row_item(const struct pz_live_run *run, size_t row)
{
    return run->item[run->ref[row]];
}

/* Rows of Items or Users put since the model was made. A row replaces the model's whole row of that
 * id, as PutItems does; a column that the overlay lacks is null in its rows. Columns are matched by
 * name and may be ones that the model lacks. */
struct pz_overlay {
    struct pz_dict ids;
    struct pz_attrs attrs; /* attrs.n_rows == ids.n, with value dictionaries of its own */
    /* [ids.n] the model's index of each id, PZ_NONE: the model lacks it; NULL: not looked up yet
     * (every query does it then) */
    const uint32_t *row;
    uint32_t *own_row; /* the same where pz_overlay_free frees it, else NULL */
};

/* What a campaign knows beyond its model (all borrowed; all-zero: nothing). */
struct pz_live {
    const struct pz_live_event *event; /* [n_events] oldest first */
    size_t n_events;
    const struct pz_live_run *run; /* older events, in any order; NULL: none */
    int64_t run_time;              /* the latest of their times */
    uint64_t run_last;             /* the largest of their numbers */
    bool forgotten; /* the user asked to be forgotten: the model's history is not used */
    const struct pz_overlay *items, *users; /* NULL: none */
    struct pz_live_held *held; /* what run borrows from: pz_live_release; NULL: nothing */
};

#endif
