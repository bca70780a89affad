/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: which column plays which role, by names that real exports have and by what
 * the first rows show.
 *
 * Threads: any, each with its own candidates. */
#ifndef PZ_IMPORT_ROLES_H
#define PZ_IMPORT_ROLES_H

#include "data/schema.h"
#include "import/look.h"

struct pz_guess_role {
    enum pz_table_id table;
    const char *name; /* USER_ID */
    bool needed;
    const char *names; /* separated by blanks, the surest first */
    const char *words; /* a name that ends in one of them and "id" will do */
};

/* All roles, in the order in which they choose. Constant. */
extern const struct pz_guess_role pz_guess_roles[];
extern const size_t pz_n_guess_roles;

/* The columns that may be chosen. */
struct pz_candidates {
    char *const *name;          /* [n] */
    const struct pz_seen *seen; /* [n] NULL: nobody has looked at the rows */
    size_t n;
    uint32_t rows;               /* that were looked at */
    bool any_time;               /* --time-format says what a time is */
    bool taken[PZ_LOOK_COLUMNS]; /* a role has the column */
};

/* The columns of a look; names alone, when nobody looked. Borrowed. */
struct pz_candidates pz_candidates_of(const struct pz_look *look);

/* The column for a role, or SIZE_MAX. Cannot fail. */
size_t pz_role_find(const struct pz_candidates *c, const struct pz_guess_role *role);

/* The column whose name is word, but for blanks, case and what is hung on it, or SIZE_MAX; it is
 * free and holds something. */
size_t pz_role_find_name(const struct pz_candidates *c, const char *word, size_t n);

/* Whether a column may be chosen: it is free, and holds something. */
bool pz_role_open(const struct pz_candidates *c, size_t i);

/* Whether what a column holds can be the role's. */
bool pz_role_suits(const struct pz_candidates *c, const struct pz_guess_role *role, size_t i);

/* Whether a name is one of a user, an item or a time, so that the line it is in is a header. */
bool pz_role_is_name(const char *name);

/* Whether half the rows and more have something in a column. */
bool pz_role_filled(const struct pz_candidates *c, size_t i);

/* The separator of several items in one cell of a column, or NULL: its name is of many
 * ("item_ids"), and some of its cells have the separator, or all are in brackets.
 * Owner: nobody, it is a constant. */
const char *pz_role_parts(const struct pz_candidates *c, size_t i);

#endif
