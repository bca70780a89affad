/* SPDX-License-Identifier: Apache-2.0 */
/* The files behind the names on a command line.
 *
 * Threads: any, each with its own arena and list. */
#ifndef PZ_IMPORT_FILES_H
#define PZ_IMPORT_FILES_H

#include "base/mem.h"
#include "base/opt.h"

/* Add each path to files; a directory stands for the files in it, in the order of their names, as a
 * prefix does in S3. Names that start with '.' or '_' (_SUCCESS) are no data.
 * Errors: PZ_NO_INPUT a directory without files; PZ_IO it cannot be read; PZ_TRY_AGAIN
 * Owner:  clear files; the strings are the caller's or the arena's */
enum pz_status pz_import_files(const struct pz_strs *paths, struct pz_arena *arena,
                               struct pz_strs *files, struct pz_err *err);

#endif
