/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: the typed metadata columns of items, users or interactions (context).
 *
 * Threads: any number may read the same attributes; one while they are made or cleared, and one at
 * a time on the table or writer they come from or go to. */
#ifndef PZ_DATA_ATTRS_H
#define PZ_DATA_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "table/dict.h"
#include "table/table.h"

/* Personalize's types. NUMBER and BOOL have one value a row; the others a list of codes into a
 * dictionary: CATEGORY any number ("A|B"), STRING and TEXT at most one. */
enum pz_attr_kind {
    PZ_ATTR_NUMBER, /* int, long, float, double */
    PZ_ATTR_BOOL,
    PZ_ATTR_CATEGORY, /* string with "categorical": true; parts separated by '|' */
    PZ_ATTR_TEXT,     /* string with "textual": true */
    PZ_ATTR_STRING    /* other strings: filterable and returnable, not learned from */
};

/* Bytes in a cell of text; Personalize's longest has 20,000 characters. */
#define PZ_CELL_MAX 100000u

struct pz_attr {
    char name[PZ_NAME_MAX + 1]; /* as in the schema, e.g. "CATEGORY_L1" */
    enum pz_attr_kind kind;
    bool nullable;
    bool whole;            /* NUMBER from int or long: printed without a fraction */
    bool wide;             /* NUMBER from long or double (int or float otherwise), for the schema */
    const double *num;     /* NUMBER, BOOL: [n_rows], NaN = null, BOOL 0 or 1; else NULL */
    const uint64_t *ptr;   /* others: [n_rows + 1] into code; an empty list is null */
    const uint32_t *code;  /* [ptr[n_rows]] indices into values, in the order written */
    struct pz_dict values; /* distinct values */
    struct {
        double *num;
        uint64_t *ptr;
        uint32_t *code;
    } own; /* the same arrays where pz_attrs_clear frees them, else NULL */
};

struct pz_attrs {
    uint32_t n_attrs;
    uint64_t n_rows;
    struct pz_attr *attr;   /* [n_attrs], owned */
    const uint8_t *present; /* [n_rows] 1 where the table had a row for this id; NULL: all */
    uint8_t *own_present;   /* the same where pz_attrs_clear frees it, else NULL */
};

/* Whether a NUMBER's values are kept as floats, see pz_as_float. */
static inline bool pz_attr_is_float(const struct pz_attr *a)
{
    return a->kind == PZ_ATTR_NUMBER && !a->whole && !a->wide;
}

/* Why a number is none of a NUMBER's type (int, long, float, double), as a predicate ("is a number
 * out of range of an int"); NULL: it is one.
 * Owner: nobody; the text lives for ever */
const char *pz_number_misfit(bool whole, bool wide, double x);

/* The attribute of that name (pz_str_same_name), or NULL.
 * Owner: attrs; valid as long as they */
const struct pz_attr *pz_attrs_find(const struct pz_attrs *attrs, const char *name);

/* The column of Items that holds what people call an item, or NULL: TITLE, NAME and the like by
 * name; else one whose name ends in TITLE or NAME and in which most rows have a value of their own
 * (GAME_NAME; not BRAND_NAME).
 * Owner: attrs; valid as long as they */
const struct pz_attr *pz_attrs_title(const struct pz_attrs *attrs);

/* Write / read as columns under prefix ("items": "items/schema", "items/PRICE.num", ...). Packed
 * tables are checked (offsets ascend, codes < values.n).
 *
 * save     Errors: as pz_writer_add, and PZ_TRY_AGAIN memory is out
 * load     Errors: PZ_BAD_DATA a column is missing or damaged; PZ_IO; PZ_TRY_AGAIN memory is out.
 *          Nothing is left in *attrs then
 * Owner:   a set that was read borrows from the table; pz_attrs_clear in any case */
enum pz_status pz_attrs_save(const struct pz_attrs *attrs, const char *prefix, struct pz_writer *w,
                             struct pz_err *err);
enum pz_status pz_attrs_load(struct pz_table *t, const char *prefix, struct pz_attrs *attrs,
                             struct pz_err *err);
void pz_attrs_clear(struct pz_attrs *attrs);

/* Whether two tables have the same columns with the same values in the same rows.
 * Threads: any */
bool pz_attrs_same(const struct pz_attrs *a, const struct pz_attrs *b);

/* Where a row of a concatenated table comes from: row `row` of part `part`; PZ_NONE parts give
 * nulls.
 */
struct pz_source {
    uint32_t part;
    uint64_t row;
};

/* How many rows from r < n on stand one after the other in one part. */
static inline uint64_t pz_source_run(const struct pz_source *source, uint64_t r, uint64_t n)
{
    uint64_t k = r + 1;

    while (k < n && source[k].part == source[r].part && source[k].row == source[r].row + (k - r))
        k++;
    return k - r;
}

/* Build a table of n_rows rows from rows of n_in tables: the columns are the union of theirs (by
 * name; strings, texts and categories unite, a column without values fits every kind, one that an
 * input lacks which gives rows is nullable), dictionaries are united and hold only values that are
 * used. present is kept when any input has it: 1 where the source row is present.
 *
 * Errors: PZ_BAD_DATA a column of two kinds; PZ_TRY_AGAIN memory is out
 * Owner:  *out owns its arrays, until pz_attrs_clear */
enum pz_status pz_attrs_concat(const struct pz_attrs *const *in, size_t n_in,
                               const struct pz_source *source, uint64_t n_rows,
                               struct pz_attrs *out, struct pz_err *err);

/* Append the value of a row as text, as a CSV cell has it before quoting: several values joined by
 * '|', nothing for null. */
void pz_attr_add_text(struct pz_str *out, const struct pz_attr *a, uint64_t row);

#endif
