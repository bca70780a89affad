/* SPDX-License-Identifier: Apache-2.0 */
/* Private to campaign/: names and files inside a campaign's folder.
 *
 * Only names that are made here are ever removed: versions/NNNN, NNNN.new and NNNN.old with their
 * files, and the temporary files of the campaign's own files. Symbolic links are not followed.
 *
 * Threads: any; what changes the folder wants the lock. */
#ifndef PZ_CAMPAIGN_LAYOUT_H
#define PZ_CAMPAIGN_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"

enum { PZ_PATH_BYTES = 4096 };

/* CAMPAIGN/REST into buf of PZ_PATH_BYTES. Errors: PZ_CANT_CREATE too long */
enum pz_status pz_layout_path(char *buf, const char *campaign, const char *rest,
                              struct pz_err *err);

/* CAMPAIGN/versions/NNNNREST into buf of PZ_PATH_BYTES. Errors: PZ_CANT_CREATE too long */
enum pz_status pz_layout_version(char *buf, const char *campaign, uint32_t version,
                                 const char *rest, struct pz_err *err);

struct pz_current {
    uint32_t current, previous; /* 0: none */
    uint32_t highest;           /* ever published; numbers are not used again */
};

/* The file `current`; all 0: nothing was published.
 *
 * Errors: PZ_BAD_DATA it is not what was written (its check, or the numbers among themselves), or
 *         it is missing while there are versions: pz-deploy repair is the way out; others as
 *         pz_file_read */
enum pz_status pz_layout_read_current(const char *campaign, struct pz_current *c,
                                      struct pz_err *err);

/* Replace it. Errors: as pz_file_write */
enum pz_status pz_layout_write_current(const char *campaign, const struct pz_current *c,
                                       struct pz_err *err);

/* As pz_layout_read_current, where a version must have been published.
 *
 * Errors: PZ_NO_INPUT too, with what to do: the campaign has none */
enum pz_status pz_layout_need(const char *campaign, struct pz_current *c, struct pz_err *err);

/* Take the campaign's lock (see pz_lock_take). Owner: *held is released by pz_lock_free.
 * Errors: PZ_TRY_AGAIN somebody else has it; PZ_CANT_CREATE */
enum pz_status pz_layout_lock(const char *campaign, double wait_s, struct pz_lock **held,
                              struct pz_err *err);

/* The numbers of the versions there are, ascending; a folder that is missing has none.
 *
 * Errors: PZ_IO, PZ_NO_INPUT, PZ_TRY_AGAIN the folder cannot be read to its end
 * Owner:  the caller frees *list, which is NULL after a failure */
enum pz_status pz_layout_versions(const char *campaign, uint32_t **list, size_t *n,
                                  struct pz_err *err);

/* Make a folder unless it is there. Errors: PZ_CANT_CREATE */
enum pz_status pz_layout_mkdir(const char *path, struct pz_err *err);

/* Remove versions/NAME with model.flat, items.flat, users.flat, their seals, tally.pz, info.json
 * and temporary files. What is not ours, or cannot be removed, stays and is a warning.
 * Returns whether it is gone. */
bool pz_layout_remove(const char *campaign, const char *name, struct pz_log *log);

/* Remove what processes that died left behind: half-made and half-removed versions, versions above
 * the highest published, temporary files. Only with the lock held. What stays is a warning.
 *
 * Errors: as pz_layout_read_current; nothing is removed then */
enum pz_status pz_layout_sweep(const char *campaign, struct pz_log *log, struct pz_err *err);

#endif
