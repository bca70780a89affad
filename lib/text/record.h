/* SPDX-License-Identifier: Apache-2.0 */
/* The engine for files: the rows of one block of text, in place (row.h has the rules). Nothing is
 * shared.
 *
 * Threads: one a reader. */
#ifndef PZ_TEXT_RECORD_H
#define PZ_TEXT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "text/row.h"
#include "text/scan.h"

/* ---- CSV ---- */
struct pz_csv_reader {
    const struct pz_csv_form *form;
    const char *text; /* [n], ends with a newline; borrowed */
    size_t n, at;
    uint64_t line;  /* of the byte at `at`, from 1 */
    uint32_t *mark; /* [cap_mark] owned */
    size_t cap_mark, n_marks, at_mark;
    bool check_text;
    struct pz_cell *cell; /* [max_cells + 1] owned */
    size_t max_cells;
    char *plain; /* [cap_plain] unquoted cells of the current record; owned */
    size_t cap_plain;
    char problem[160];
};

/* Make room for records of max_cells; false when memory is out. End with pz_csv_clear. */
bool pz_csv_init(struct pz_csv_reader *r, const struct pz_csv_form *form, size_t max_cells);

/* Start on a block of whole records; false when memory is out. */
bool pz_csv_start(struct pz_csv_reader *r, const char *text, size_t n);

/* The next row; false at the end of the block. row->cell holds at most max_cells of its cells. */
bool pz_csv_next(struct pz_csv_reader *r, struct pz_row *row);

/* Free what it owns. */
void pz_csv_clear(struct pz_csv_reader *r);

/* ---- JSON Lines ---- */

/* The slot of a key, or SIZE_MAX for a key to pass over. Called with names as they are written;
 * inside: with the path of a value inside an object ("user.id") or with "key[]" for an array that
 * is none of plain values. */
typedef size_t pz_jsonl_slot(void *context, const char *key, bool inside);

struct pz_jsonl_reader {
    pz_jsonl_slot *slot;
    void *context;
    const char *text; /* borrowed */
    size_t n, at;
    uint64_t line;
    struct pz_cell *cell; /* [cap_cells] owned */
    size_t *offset;       /* [cap_cells] into text while it grows */
    size_t cap_cells, cap_offset, n_cells;
    struct pz_str values;
    char problem[200];
};

/* slot, context: what to ask for the slot of a key. Start on a block of whole lines, borrowed. */
void pz_jsonl_init(struct pz_jsonl_reader *r, pz_jsonl_slot *slot, void *context);
void pz_jsonl_start(struct pz_jsonl_reader *r, const char *text, size_t n);

/* The next object. row->cell has an entry for every slot met so far in this reader; keys that are
 * null or missing give empty cells; arrays of scalars are joined with '|'; what else is nested is
 * passed over, except values inside objects that get a slot. MongoDB's {"$oid": ...}, {"$date":
 * ...} and {"$number...": ...} are their value, as are DynamoDB's {"S": "..."} and {"N": "..."}. */
bool pz_jsonl_next(struct pz_jsonl_reader *r, struct pz_row *row);

/* Free what it owns. */
void pz_jsonl_clear(struct pz_jsonl_reader *r);

#endif
