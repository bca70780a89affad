/* SPDX-License-Identifier: Apache-2.0 */
/* Dataset groups: several datasets read as one. */
#ifndef PZ_DATA_GROUP_H
#define PZ_DATA_GROUP_H

#include "base/opt.h"
#include "data/dataset.h"

/* Read n_paths *.pzd files as one dataset group: dictionaries are united, identical events (user,
 * item, time, type, value and context alike) are kept once, for an item or user row the last file
 * that has one wins, columns of all files are united. Memory: the decoded size of the files, twice
 * for several. Ranks on one machine have large columns in common, of which each reads its part,
 * where pz_dataset_can_share: all of them come here.
 * Errors:  PZ_USAGE no path; as pz_dataset_load and pz_dataset_merge
 * Owner:   *out: the caller, until pz_dataset_free
 * Threads: any; of several ranks the main thread */
enum pz_status pz_dataset_open(const char *const *paths, size_t n_paths, struct pz_dataset **out,
                               struct pz_err *err);

/* As pz_dataset_open, but of several ranks each reads the interactions of its share of the users
 * (shares.h) where that is worth it and pz_dataset_can_share: for a training.
 * Errors:  as pz_dataset_open
 * Owner:   *out: the caller, until pz_dataset_free
 * Threads: the main thread */
enum pz_status pz_dataset_open_share(const char *const *paths, size_t n_paths,
                                     struct pz_dataset **out, struct pz_err *err);

/* Users and items to leave out: their interactions, their rows and their ids. */
struct pz_without {
    const struct pz_strs *users, *items; /* ids; NULL: none */
    uint32_t n_users, n_items;           /* how many of them were there */
};

/* As pz_dataset_open, without some users and items; without NULL: with all.
 * Errors:  as pz_dataset_open
 * Owner:   *out: the caller, until pz_dataset_free
 * Threads: any */
enum pz_status pz_dataset_open_without(const char *const *paths, size_t n_paths,
                                       struct pz_without *without, struct pz_dataset **out,
                                       struct pz_err *err);

/* The same of datasets in memory; the inputs stay the caller's.
 * Errors:  PZ_BAD_DATA over 255 event types, or a column of two types (see pz_attrs_concat);
 *          PZ_TRY_AGAIN no memory
 * Owner:   *out: the caller, until pz_dataset_free
 * Threads: any */
enum pz_status pz_dataset_merge(struct pz_dataset *const *in, size_t n_in,
                                struct pz_without *without, struct pz_dataset **out,
                                struct pz_err *err);

#endif
