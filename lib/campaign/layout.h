/* SPDX-License-Identifier: Apache-2.0 */
/* Private to campaign/: names and files inside a campaign's folder. */
#ifndef PZ_CAMPAIGN_LAYOUT_H
#define PZ_CAMPAIGN_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"

enum { PZ_PATH_BYTES = 4096 };

/* CAMPAIGN/REST into buf of PZ_PATH_BYTES. */
enum pz_status pz_layout_path(char *buf, const char *campaign, const char *rest,
                              struct pz_err *err);

/* CAMPAIGN/versions/NNNNREST into buf of PZ_PATH_BYTES. */
enum pz_status pz_layout_version(char *buf, const char *campaign, uint32_t version,
                                 const char *rest, struct pz_err *err);

struct pz_current {
    uint32_t current, previous; /* 0: none */
    uint32_t highest;           /* ever published; numbers are not used again */
};

/* The file `current`; all 0: nothing was published. Written atomically. */
enum pz_status pz_layout_read_current(const char *campaign, struct pz_current *c,
                                      struct pz_err *err);
enum pz_status pz_layout_write_current(const char *campaign, const struct pz_current *c,
                                       struct pz_err *err);

/* PZ_NO_INPUT with what to do when the campaign has no published version. */
enum pz_status pz_layout_need(const char *campaign, struct pz_err *err);

/* Take the campaign's lock (see pz_lock_take). */
enum pz_status pz_layout_lock(const char *campaign, double wait_s, struct pz_lock **held,
                              struct pz_err *err);

/* The numbers of the versions there are, ascending; caller frees *list. */
enum pz_status pz_layout_versions(const char *campaign, uint32_t **list, size_t *n,
                                  struct pz_err *err);

/* Make a folder unless it is there. */
enum pz_status pz_layout_mkdir(const char *path, struct pz_err *err);

/* Remove a folder and the plain files in it; what cannot be removed stays. */
void pz_layout_remove(const char *path);

/* Remove what processes that died left behind: half-made and half-removed versions, versions that
 * were never published, temporary files. Only with the lock held. */
enum pz_status pz_layout_sweep(const char *campaign, struct pz_err *err);

#endif
