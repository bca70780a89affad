/* SPDX-License-Identifier: Apache-2.0 */
/* Datasets: the interactions, items and users of one import, or of several read as one group.
 *
 * In memory and on disk alike: ids are dense indices into byte-ordered dictionaries; interactions
 * are grouped by user (CSR) and stand in time order within a user, equal times in input order.
 *
 * Threads: a dataset does not change once it is made: any number may read it. */
#ifndef PZ_DATA_DATASET_H
#define PZ_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ranks.h"
#include "base/str.h"
#include "data/attrs.h"
#include "data/watermarks.h"

#define PZ_MAX_EVENT_TYPES 255

/* Owns the memory behind a dataset: a table it was read from, and arrays of its own. All-zero is
 * empty. */
struct pz_dataset_store {
    struct pz_table *table;
    void **array; /* freed by pz_dataset_free */
    size_t n, cap;
};

struct pz_dataset {
    struct pz_dict users, items; /* every id met in any table */
    struct pz_dict events; /* event types, byte order; n = 0 when the data have no EVENT_TYPE */
    uint64_t n_interactions;
    const uint64_t *ptr;  /* [users.n + 1] interactions of user u are ptr[u] .. ptr[u+1] */
    const uint32_t *item; /* [n_interactions] */
    const int64_t *time;  /* [n_interactions] Unix seconds */
    const uint8_t *event; /* [n_interactions] index into events; NULL when there are none */
    const float
        *value; /* [n_interactions] EVENT_VALUE, NaN = null; NULL when the column is missing */
    const uint64_t *impression_ptr; /* [n_interactions + 1]; NULL when the column is missing */
    const uint32_t *impression;     /* item indices shown */
    const uint64_t *all_ptr; /* [users.n + 1] as ptr, but of all users, where of several ranks each
                                has read the interactions of its own alone (pz_dataset_open_share);
                                NULL: it has all */
    uint32_t first_user, end_user;   /* those are its own then; the others look as if without */
    struct pz_attrs context;         /* other columns of Interactions, rows as above */
    struct pz_attrs item_attrs;      /* rows = items.n */
    struct pz_attrs user_attrs;      /* rows = users.n */
    struct pz_watermarks watermarks; /* what of live stores is in it; owned */
    char fingerprint[33];            /* of the contents; of the parts' fingerprints for a group */
    struct pz_dataset_store store;   /* owns what the pointers above point to */
};

/* Read one *.pzd file; its arrays are used as decoded, nothing is copied. Several files as one:
 * group.h.
 * Errors:  PZ_NO_INPUT, PZ_IO it cannot be read; PZ_BAD_DATA it is no dataset or damaged;
 *          PZ_TRY_AGAIN
 * Owner:   the caller, until pz_dataset_free (which accepts NULL)
 * Threads: any */
enum pz_status pz_dataset_load(const char *path, struct pz_dataset **out, struct pz_err *err);
void pz_dataset_free(struct pz_dataset *ds);

/* The two steps of pz_dataset_load, where of several ranks each may read a share (group.c): the
 * dictionaries and ptr, then all the rest, with the interactions of some users alone.
 *
 * users   whose interactions are read; NULL: all
 * Errors: as pz_dataset_load
 * Owner:  *out: the caller, until pz_dataset_free, also after pz_dataset_read failed */
enum pz_status pz_dataset_begin(const char *path, struct pz_dataset **out, struct pz_err *err);
enum pz_status pz_dataset_read(struct pz_dataset *ds, const char *path,
                               const struct pz_share *users, struct pz_err *err);

/* Whether a dataset begun can be read in shares: interactions have no context and no impressions.
 */
bool pz_dataset_can_share(const struct pz_dataset *ds);

/* Make a dataset that was read in shares whole, in memory that ranks have in common where they can.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  as before */
enum pz_status pz_dataset_join(struct pz_dataset *ds, struct pz_err *err);

/* Give the memory of the times back, for who reads them no more for a while, and then read them
 * again from the file into the same place; in between they are anything. rest: false where they
 * cannot be read again, as of several files; nothing is done then.
 * Errors:  wake: as pz_dataset_load
 * Threads: nobody else reads the times */
bool pz_dataset_rest_times(const struct pz_dataset *ds);
enum pz_status pz_dataset_wake_times(const struct pz_dataset *ds, struct pz_err *err);

/* Interactions of all users, whether this rank has them or not. */
static inline uint64_t pz_dataset_size(const struct pz_dataset *ds)
{
    return ds->all_ptr ? ds->all_ptr[ds->users.n] : ds->n_interactions;
}

/* Give an array from pz_mem_array or malloc to the dataset; returns it, or NULL (array freed) when
 * memory is out or array is NULL.
 * Owner: the dataset, until pz_dataset_free */
void *pz_dataset_own(struct pz_dataset *ds, void *array);

/* Write as a *.pzd (for import and --merge). Same content, same bytes.
 *
 * Errors: as pz_writer_open, pz_writer_add and pz_writer_commit; PZ_TRY_AGAIN memory is out */
enum pz_status pz_dataset_save(const struct pz_dataset *ds, const char *path, struct pz_err *err);

/* Append the Avro schemas (a JSON array of Interactions, Items, Users records as Personalize writes
 * them) that describe ds. */
void pz_dataset_schema(const struct pz_dataset *ds, struct pz_str *out);

/* Add what of live stores is in a dataset, without reading the rest of it.
 *
 * Errors:  PZ_BAD_DATA damaged; others as pz_table_open
 * Owner:   the caller clears the marks, also after a failure
 * Threads: any */
enum pz_status pz_dataset_watermarks(const char *path, struct pz_watermarks *marks,
                                     struct pz_err *err);

#endif
