/* SPDX-License-Identifier: Apache-2.0 */
/* What a column without a schema holds, told from its distinct cells.
 *
 * Threads: any: nothing is kept between calls. */
#ifndef PZ_IMPORT_INFER_H
#define PZ_IMPORT_INFER_H

#include "base/time.h"
#include "data/schema.h"

struct pz_infer_cfg {
    uint64_t n_rows;       /* rows with a cell */
    bool long_texts;       /* long texts are PZ_ATTR_TEXT (items); otherwise PZ_ATTR_STRING */
    bool is_import;        /* times, lists and stray cells are looked for too */
    bool comma;            /* 1,5 is a number */
    bool number;           /* it is a column of numbers, whatever else is in it */
    const char *separator; /* between the parts of a list; NULL: looked for */
};

/* How a cell is cut into the parts of a list. */
enum pz_list_form {
    PZ_LIST_PARTS,   /* at a separator, "|" as a rule */
    PZ_LIST_BRACKETS /* ["a","b"], ['a', 'b'] */
};

struct pz_inferred {
    bool is_time; /* a NUMBER: Unix seconds, to be parsed by form */
    enum pz_time_form form;
    enum pz_list_form list;
    const char *separator; /* of PZ_LIST_PARTS */
    bool perhaps_list;     /* cells with commas are lists, or might be */
    bool signs;            /* numbers with a unit or a comma: "$ 9.50", "20%", "9,50" */
    bool stray_time;       /* the stray is one in a column of times of that form */
    uint32_t n_strays;     /* distinct cells that keep a column of numbers from being one */
    uint32_t stray;        /* the first of them; of signs too */
};

/* Infer the type of a column.
 *
 * field    .name says which: ..._ID stays a string, whatever its values look like; .kind, .whole
 *          and .wide are filled
 * cells    the distinct non-empty cells, whole ("A|B" is one cell)
 * how      what else there is to know; NULL: not wanted
 *
 * BOOL: all are true or false. NUMBER: all are decimal numbers; whole ones that a double cannot
 * hold, and those with leading zeros, are not. Times (is_import): dates as text, or whole numbers
 * that are milliseconds or more, or YYYYMMDD, of a column whose name speaks of time. CATEGORY: a
 * '|' in at least half of the cells, or in any that do not read as text, or lists in brackets, or
 * parts between commas that come again and alone, or few values: some repeated, and at most 50 or
 * at most half of n_rows, and 40 bytes at the mean. TEXT: at the mean at least 40 bytes and 4
 * blanks. Else STRING. Cannot fail; threads: any. */
void pz_infer(struct pz_field *field, const struct pz_dict *cells, const struct pz_infer_cfg *cfg,
              struct pz_inferred *how);

/* Whether s is a list in brackets. */
bool pz_infer_is_brackets(const char *s, size_t n);

#endif
