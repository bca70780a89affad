/* SPDX-License-Identifier: Apache-2.0 */
/* Which column of a stranger's file is which, told from names that real exports have and from what
 * the first rows hold; and what to type where it cannot be told.
 *
 * Threads: any, each with its own arena. */
#ifndef PZ_IMPORT_GUESS_H
#define PZ_IMPORT_GUESS_H

#include "base/mem.h"
#include "base/str.h"
#include "import/headless.h"
#include "import/import.h"
#include "text/block.h"

/* What to add to the command line. All-zero: nothing; strings live in the arena. */
struct pz_guess {
    struct pz_strs map;    /* "USER_ID=customer_id", with "Items." where the tables differ */
    const char *header;    /* names for files without a header; NULL: they have one */
    const char *swapped;   /* with user and item the other way round, where only their order told
                            * which is which; else NULL */
    const char *delimiter; /* that is no usual one, and was not given; NULL: none such */
    const char *basket;    /* between several items in a cell; NULL: there is one */
    bool no_time;          /* the interactions have no column of times */
};

/* Look at the first file of each table and guess what cfg->map does not say already.
 *
 * Errors: PZ_USAGE a table is standard input, which cannot be looked at twice; PZ_BAD_DATA a file
 *         has no column for USER_ID or ITEM_ID that can be told (the message lists the columns), or
 *         as pz_blocks_open
 * Owner:  clear guess->map; the strings are the arena's */
enum pz_status pz_import_guess(const struct pz_import_cfg *cfg, struct pz_arena *arena,
                               struct pz_guess *guess, struct pz_err *err);

/* The pairs of --map that the names alone tell, onto *out: "USER_ID=customer,ITEM_ID=sku".
 * map      pairs that are given
 * Returns whether every column that the table needs is there then. Threads: any */
bool pz_guess_map(enum pz_table_id table, const struct pz_strs *map, char *const *names, size_t n,
                  struct pz_str *out);

/* What can be done where no column of a file is recognised as a role (USER_ID), onto *out: options
 * or commands to type. The first line may be data.
 * files  of the table, which may have what this one lacks; NULL: no others */
void pz_guess_advise(enum pz_table_id table, const char *role, struct pz_blocks_in *in,
                     const struct pz_strs *files, struct pz_str *out);

/* The same for rows without a header that are probably one person's, as told (its `alone`). */
void pz_guess_advise_alone(struct pz_blocks_in *in, const struct pz_look *look,
                           const struct pz_headless *told, struct pz_str *out);

/* "--map ROLE=COLUMN" as a shell reads it, onto *out. */
void pz_guess_add_map(const char *role, const char *column, struct pz_str *out);

/* Options for interactions whose first line is data, onto *out: "--header USER_ID,ITEM_ID". */
void pz_guess_header(struct pz_blocks_in *in, struct pz_str *out);

/* Whether a first line is data rather than names: half and more of it are numbers and the first is
 * no name, or one is a time, or it is numbers with blanks between them. Threads: any */
bool pz_guess_is_data(char *const *cells, size_t n);

#endif
