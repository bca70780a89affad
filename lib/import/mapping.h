/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: the columns of one table while it is imported: by the schema, or as they are
 * met.
 *
 * Threads: one at a time while a mapping grows: the workers of a table take turns (sniff.c). Fields
 * that are there keep number and place, so that reading those needs no lock. */
#ifndef PZ_IMPORT_MAPPING_H
#define PZ_IMPORT_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/time.h"
#include "data/schema.h"
#include "import/import.h"

#define PZ_MAPPING_MAX 512 /* columns a table */
#define PZ_LEFT_OUT_MAX 32
#define PZ_ID_MAX 256 /* bytes in an id */

/* What a column is for, which decides what its code in a row group means (null in brackets). */
enum pz_role {
    PZ_ROLE_USER,    /* number of the user id */
    PZ_ROLE_ITEM,    /* number of the item id */
    PZ_ROLE_TIME,    /* Unix seconds, sign bit turned over */
    PZ_ROLE_EVENT,   /* number of the text + 1 [0] */
    PZ_ROLE_VALUE,   /* bits of a float [NaN] */
    PZ_ROLE_SHOWN,   /* how many items the impression has [0] */
    PZ_ROLE_CREATED, /* as PZ_ROLE_TIME [0] */
    PZ_ROLE_NUMBER,  /* bits of a double [NaN] */
    PZ_ROLE_BOOL,    /* bits of a double, 0 or 1 [NaN] */
    PZ_ROLE_TEXT     /* number of the text + 1 [0] */
};

struct pz_mapping_field {
    struct pz_field f; /* name; the type where it is given */
    enum pz_role role;
    bool given;             /* the type is known: by a schema or because the name is reserved */
    bool needed;            /* a file without the column is refused */
    bool met;               /* some file had it */
    enum pz_time_form form; /* of times, in the file being read */
    uint64_t first;         /* where a column without schema was met first: block, */
    uint64_t first_at;      /* and place in the block; orders columns of JSON Lines */
};

/* The fields keep their place in memory while others are added. */
struct pz_mapping {
    enum pz_table_id table;
    bool by_schema;                  /* columns that the schema does not name are left out */
    const struct pz_import_cfg *cfg; /* borrowed */
    bool decimal_comma;              /* a file separates cells by ';' */
    bool *map_met;                   /* [cfg->map.n] a file has that column; borrowed */
    char *left_out[PZ_LEFT_OUT_MAX]; /* [n_left_out] keys of objects that were reported; owned */
    size_t n_left_out;
    const struct pz_strs *map;      /* NAME=COLUMN pairs */
    struct pz_mapping_field *field; /* [PZ_MAPPING_MAX], owned */
    size_t n;
};

/* Start the mapping of a table: the fields of cfg->schema, or the needed ones. cfg and map_met are
 * borrowed. Clear in any case.
 * Errors: PZ_BAD_DATA the schema has too many fields or a wrong CREATION_TIMESTAMP; PZ_TRY_AGAIN */
enum pz_status pz_mapping_init(struct pz_mapping *mapping, enum pz_table_id table,
                               const struct pz_import_cfg *cfg, bool *map_met, struct pz_err *err);
void pz_mapping_clear(struct pz_mapping *mapping);

/* The field of a column of a file, by the map and by name; a new field when there is no schema.
 * SIZE_MAX: the column is left out (not in the schema, no name, or more than PZ_MAPPING_MAX). */
size_t pz_mapping_find(struct pz_mapping *mapping, const char *column);

/* Whether --map names the column of the file. Threads: one on a mapping */
bool pz_mapping_names(struct pz_mapping *mapping, const char *column);

/* The field that --map reads from inside an object ("user.id"), or SIZE_MAX. *report: the object is
 * left out and was not reported yet. */
size_t pz_mapping_find_inside(struct pz_mapping *mapping, const char *path, bool *report);

/* The field with that role, or SIZE_MAX. */
size_t pz_mapping_role(const struct pz_mapping *mapping, enum pz_role role);

/* The code that stands for null. */
uint64_t pz_role_null(enum pz_role role);

#endif
