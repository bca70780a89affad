/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: which columns a table has and what they mean. Given as Amazon Personalize's Avro JSON,
 * or inferred from the values.
 *
 * Threads: any number may read the same schema; one while it is filled or cleared. */
#ifndef PZ_DATA_SCHEMA_H
#define PZ_DATA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/attrs.h"

/* The tables of a dataset group. */
enum pz_table_id { PZ_INTERACTIONS, PZ_ITEMS, PZ_USERS, PZ_N_TABLES };

/* "Interactions", "Items", "Users": the record name of the schema.
 * Owner: nobody; it lives for ever */
const char *pz_table_name(enum pz_table_id table);

#define PZ_FIELD_MAX 100 /* bytes in a column name: a part of names in the file, see table.h */

struct pz_field {
    char name[PZ_NAME_MAX + 1]; /* at most PZ_FIELD_MAX bytes */
    enum pz_attr_kind kind;
    bool nullable;
    bool whole, wide; /* of NUMBER, see attrs.h */
};

/* What was given; all-zero: nothing. */
struct pz_schema {
    bool given[PZ_N_TABLES];
    struct pz_field *field[PZ_N_TABLES]; /* [n[table]], owned, in the order of the file; the
                                          * reserved fields (USER_ID, ...) are among them */
    size_t n[PZ_N_TABLES], cap[PZ_N_TABLES];
};

/* Add the records in n bytes of JSON: an Avro schema, an array of them, or whatever holds some, as
 * the answer of describe-schema or the parameters of a solution do; which table is told by "name".
 *
 * what    names the source in messages
 * Errors: PZ_BAD_DATA not JSON, an unknown record or type, a table given twice, a required field
 *         missing, a reserved one of another type, two fields whose names differ only in case and
 *         underscores; PZ_TRY_AGAIN memory is out
 * Owner:  schema needs pz_schema_clear, also after a failure */
enum pz_status pz_schema_add(struct pz_schema *schema, const char *bytes, size_t n,
                             const char *what, struct pz_err *err);

/* The same from a file.
 * Errors: as pz_schema_add and pz_file_read */
enum pz_status pz_schema_read(const char *path, struct pz_schema *schema, struct pz_err *err);

/* Free the fields; all-zero again. */
void pz_schema_clear(struct pz_schema *schema);

/* The field of that name (pz_str_same_name), or NULL.
 * Owner: the schema, until it is added to or cleared */
const struct pz_field *pz_schema_find(const struct pz_schema *schema, enum pz_table_id table,
                                      const char *name);

/* Whether a name can be a column: 1 to PZ_FIELD_MAX printable ASCII bytes, no blank, no '/'. */
bool pz_schema_name_fits(const char *name);

#endif
