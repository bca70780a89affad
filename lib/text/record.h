/* SPDX-License-Identifier: Apache-2.0 */
/* The records of one block of text as cells. One reader a thread; nothing is
 * shared. */
#ifndef PZ_TEXT_RECORD_H
#define PZ_TEXT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "text/rows.h"
#include "text/scan.h"

struct pz_record {
    struct pz_cell *cell; /* [n_cells]; the reader's, valid until the next call */
    size_t n_cells;  /* CSV: as many as the record has, of which .cell holds at most max_cells */
    uint64_t line;   /* where it starts, from 1 at the start of the block */
    const char *raw; /* its bytes, without the line end */
    size_t n_raw;
    const char *bad; /* why it is no record; NULL: it is one */
    bool check_text; /* bytes from 0x80 on or NUL may be inside: cells have to be checked */
};

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
    char *plain; /* [cap_plain] unquoted fields of the current record; owned */
    size_t cap_plain;
};

/* Make room for records of max_cells; false when memory is out. End with pz_csv_clear. */
bool pz_csv_init(struct pz_csv_reader *r, const struct pz_csv_form *form, size_t max_cells);

/* Start on a block of whole records; false when memory is out. */
bool pz_csv_start(struct pz_csv_reader *r, const char *text, size_t n);

/* The next record; blank lines are passed over. False at the end of the block. A record with a
 * wrong quote is .bad and ends at the end of its first line. */
bool pz_csv_next(struct pz_csv_reader *r, struct pz_record *rec);

/* Free what it owns. */
void pz_csv_clear(struct pz_csv_reader *r);

/* ---- JSON Lines ---- */

/* The slot of a key, or SIZE_MAX for a key to pass over. Called with names as they are written. */
typedef size_t pz_jsonl_slot(void *context, const char *key);

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

/* The next object. rec->cell has an entry for every slot met so far in this reader; keys that are
 * null or missing give empty cells; arrays of scalars are joined with '|'; nested objects make it
 * .bad. */
bool pz_jsonl_next(struct pz_jsonl_reader *r, struct pz_record *rec);

/* Free what it owns. */
void pz_jsonl_clear(struct pz_jsonl_reader *r);

#endif
