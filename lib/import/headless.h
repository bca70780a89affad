/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: names for the columns of interactions that have no header.
 *
 * Threads: any. */
#ifndef PZ_IMPORT_HEADLESS_H
#define PZ_IMPORT_HEADLESS_H

#include "base/str.h"
#include "import/look.h"

/* How user and item were told apart. */
enum pz_told {
    PZ_TOLD_BY_ORDER, /* they stand so in most files */
    PZ_TOLD_BY_IDS,   /* by how the ids are written */
    PZ_TOLD_BY_HEAPS  /* by what comes in heaps (pz_look_heaps) */
};

struct pz_headless {
    size_t user, item, time; /* columns; SIZE_MAX: none */
    size_t event, value;
    bool matrix; /* a row a user and a column an item, in the place of ids */
    /* Nobody's: what the first id is, is told by the second, as the artist by the album; this
     * column is the thing. SIZE_MAX: otherwise. */
    size_t alone;
    enum pz_told told;
};

/* Tell the columns by what their cells hold: times tell themselves, the first two others are ids,
 * and which of them is the user's shows in how they are written or, by the rows of `in`, in what
 * comes in heaps; NULL: nobody has rows. A session between user and item is passed over.
 *
 * Errors: as pz_look_heaps */
enum pz_status pz_headless_tell(const struct pz_look *look, struct pz_blocks_in *in,
                                struct pz_headless *out, struct pz_err *err);

/* "USER_ID,ITEM_ID,COLUMN_3,TIMESTAMP" onto *out. swapped: with user and item the other way round
 */
void pz_headless_names(const struct pz_look *look, const struct pz_headless *told, bool swapped,
                       struct pz_str *out);

/* The columns of rows that are all one person's, who comes in front of them: "USER_ID,COLUMN_1,..."
 */
void pz_headless_names_alone(const struct pz_look *look, const struct pz_headless *told,
                             struct pz_str *out);

/* The separator of several items in the cells of a column without a name, or NULL. Commas are part
 * of titles. Owner: nobody, it is a constant. */
const char *pz_headless_parts(const struct pz_seen *seen);

/* The delimiter of a first line that is one cell between usual ones, as --delimiter has it, or
 * NULL. Owner: nobody, it is a constant. */
const char *pz_headless_delimiter(const char *line);

#endif
