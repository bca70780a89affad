/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: the Avro-JSON records of Amazon Personalize, and the inference of types without one. */
#ifndef PZ_DATA_SCHEMA_H
#define PZ_DATA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "data/attrs.h"

enum pz_table_id { PZ_INTERACTIONS, PZ_ITEMS, PZ_USERS, PZ_N_TABLES };

/* "Interactions", "Items", "Users". */
const char *pz_table_name(enum pz_table_id table);

struct pz_field {
    char name[PZ_NAME_MAX + 1];
    enum pz_attr_kind kind;
    bool nullable, whole, wide;
};

struct pz_schema {
    bool given[PZ_N_TABLES];
    struct pz_field *field[PZ_N_TABLES]; /* owned */
    size_t n[PZ_N_TABLES];
};

/* Read a file with one record, an array of records, or an object {"schema": "..."}; adds to schema. */
enum pz_status pz_schema_read(const char *path, struct pz_schema *schema, struct pz_err *err);
void pz_schema_clear(struct pz_schema *schema);

/* The field of that name (pz_str_same_name), or NULL. */
const struct pz_field *pz_schema_find(const struct pz_schema *schema, enum pz_table_id table,
                                      const char *name);

/* Guess a column's type from its distinct values (nulls left out; n = 0 gives STRING):
 * all numbers -> NUMBER (whole when all are); all true/false -> BOOL; a '|' in any value, or short values
 * (at most 64 bytes on average) that repeat (n_rows >= 2 n) -> CATEGORY; long ones with blanks (over 24
 * bytes on average) -> TEXT; else STRING. */
void pz_schema_infer(const struct pz_dict_builder *values, uint64_t n_rows, struct pz_field *field);

#endif
