/* SPDX-License-Identifier: Apache-2.0 */
/* Which column of a stranger's file is which, told from names that real exports have.
 *
 * Threads: any, each with its own arena. */
#ifndef PZ_IMPORT_GUESS_H
#define PZ_IMPORT_GUESS_H

#include "base/mem.h"
#include "base/str.h"
#include "import/import.h"

/* What to add to the command line. All-zero: nothing; strings live in the arena. */
struct pz_guess {
    struct pz_strs map; /* "USER_ID=customer_id", with "Items." in front where the tables differ */
    const char *header; /* names for files without a header; NULL: they have one */
    bool no_time;       /* the interactions have no column of times */
};

/* Look at the first file of each table and guess what cfg->map does not say already.
 *
 * Errors: PZ_USAGE a table is standard input, which cannot be looked at twice; PZ_BAD_DATA a file
 *         has no column for USER_ID or ITEM_ID that can be told (the message lists the columns), or
 *         as pz_blocks_open
 * Owner:  clear guess->map; the strings are the arena's */
enum pz_status pz_import_guess(const struct pz_import_cfg *cfg, struct pz_arena *arena,
                               struct pz_guess *guess, struct pz_err *err);

/* Names for the columns of interactions without a header, by their first line, onto *out:
 * "USER_ID,ITEM_ID,...".
 * no_time  whether none of them is a time
 * Threads: any */
void pz_guess_header(char *const *cells, size_t n, struct pz_str *out, bool *no_time);

/* The pairs of --map that the names alone tell, onto *out: "USER_ID=customer,ITEM_ID=sku".
 * map      pairs that are given
 * Returns whether every column that the table needs is there then. Threads: any */
bool pz_guess_map(enum pz_table_id table, const struct pz_strs *map, char *const *names, size_t n,
                  struct pz_str *out);

/* What can be done where no column is recognised as a role (USER_ID), onto *out: options or
 * commands to type, FILE standing for the file. Threads: any */
void pz_guess_advise(enum pz_table_id table, const char *role, char *const *names, size_t n,
                     struct pz_str *out);

/* Whether a first line is data rather than names: half and more of it are numbers, or one is a
 * time, or it is numbers with blanks between them. Threads: any */
bool pz_guess_is_data(char *const *cells, size_t n);

#endif
