/* SPDX-License-Identifier: Apache-2.0 */
/* Column mappings: see mapping.h. Without a schema the reserved names of Personalize have their
 * meaning, and every other column is text until its values have been seen. */
#include "import/mapping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct reserved {
    enum pz_table_id table;
    const char *name;
    enum pz_role role;
    bool needed;
};

static const struct reserved reserved[] = {
    { PZ_INTERACTIONS, "USER_ID", PZ_ROLE_USER, true },
    { PZ_INTERACTIONS, "ITEM_ID", PZ_ROLE_ITEM, true },
    { PZ_INTERACTIONS, "TIMESTAMP", PZ_ROLE_TIME, true },
    { PZ_INTERACTIONS, "EVENT_TYPE", PZ_ROLE_EVENT, false },
    { PZ_INTERACTIONS, "EVENT_VALUE", PZ_ROLE_VALUE, false },
    { PZ_INTERACTIONS, "IMPRESSION", PZ_ROLE_SHOWN, false },
    { PZ_INTERACTIONS, "RECOMMENDATION_ID", PZ_ROLE_TEXT, false },
    { PZ_INTERACTIONS, "EVENT_ATTRIBUTION_SOURCE", PZ_ROLE_TEXT, false },
    { PZ_ITEMS, "ITEM_ID", PZ_ROLE_ITEM, true },
    { PZ_ITEMS, "CREATION_TIMESTAMP", PZ_ROLE_CREATED, false },
    { PZ_USERS, "USER_ID", PZ_ROLE_USER, true },
    { PZ_USERS, "CREATION_TIMESTAMP", PZ_ROLE_CREATED, false },
};

enum { N_RESERVED = sizeof reserved / sizeof reserved[0] };

static const struct reserved *find_reserved(enum pz_table_id table, const char *name)
{
    for (int i = 0; i < N_RESERVED; i++)
        if (reserved[i].table == table && pz_str_same_name(reserved[i].name, name))
            return &reserved[i];
    return NULL;
}

uint64_t pz_role_null(enum pz_role role)
{
    double wide = (double)NAN;
    float narrow = NAN;
    uint64_t code = 0;
    uint32_t half;

    if (role == PZ_ROLE_NUMBER || role == PZ_ROLE_BOOL) {
        memcpy(&code, &wide, sizeof code);
    } else if (role == PZ_ROLE_VALUE) {
        memcpy(&half, &narrow, sizeof half);
        code = half;
    }
    return code;
}

static enum pz_role role_of(const struct pz_field *f)
{
    return f->kind == PZ_ATTR_NUMBER ? PZ_ROLE_NUMBER
           : f->kind == PZ_ATTR_BOOL ? PZ_ROLE_BOOL
                                     : PZ_ROLE_TEXT;
}

/* A field of the schema, or of a reserved name. */
static void add_field(struct pz_mapping *mapping, const struct pz_field *f, bool given)
{
    struct pz_mapping_field *field = &mapping->field[mapping->n++];
    const struct reserved *r = find_reserved(mapping->table, f->name);

    memset(field, 0, sizeof *field);
    field->f = *f;
    field->given = given;
    field->role = given ? role_of(f) : PZ_ROLE_TEXT;
    field->needed = given && !f->nullable;
    if (!r)
        return;
    memset(field->f.name, 0, sizeof field->f.name);
    memcpy(field->f.name, r->name, strlen(r->name));
    field->role = r->role;
    field->needed = field->needed || r->needed;
    field->given = true;
    if (r->role == PZ_ROLE_CREATED)
        field->f.kind = PZ_ATTR_NUMBER;
    if (r->role == PZ_ROLE_CREATED)
        field->f.whole = field->f.wide = true;
}

static bool clashes(const struct pz_mapping *mapping, const struct pz_field *f)
{
    const struct reserved *r = find_reserved(mapping->table, f->name);

    return r && r->role == PZ_ROLE_CREATED && (f->kind != PZ_ATTR_NUMBER || !f->whole);
}

enum pz_status pz_mapping_init(struct pz_mapping *mapping, enum pz_table_id table,
                               const struct pz_schema *schema, const struct pz_strs *map,
                               struct pz_err *err)
{
    struct pz_field text = { .kind = PZ_ATTR_STRING };

    *mapping = (struct pz_mapping){ .table = table, .map = map };
    mapping->field = pz_mem_array(PZ_MAPPING_MAX, sizeof *mapping->field);
    if (!mapping->field)
        return pz_err_memory(err, "columns", PZ_MAPPING_MAX * sizeof *mapping->field);
    mapping->by_schema = schema && schema->given[table];
    if (mapping->by_schema && schema->n[table] > PZ_MAPPING_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "the schema of %s has more than %d fields",
                          pz_table_name(table), PZ_MAPPING_MAX);
    for (size_t i = 0; mapping->by_schema && i < schema->n[table]; i++) {
        if (clashes(mapping, &schema->field[table][i]))
            return pz_err_set(err, PZ_BAD_DATA, "the schema of %s: %s must be a long",
                              pz_table_name(table), schema->field[table][i].name);
        add_field(mapping, &schema->field[table][i], true);
    }
    for (int i = 0; i < N_RESERVED && !mapping->by_schema; i++) {
        if (reserved[i].table != table || !reserved[i].needed)
            continue;
        memcpy(text.name, reserved[i].name, strlen(reserved[i].name) + 1);
        add_field(mapping, &text, false);
    }
    return PZ_OK;
}

void pz_mapping_clear(struct pz_mapping *mapping)
{
    free(mapping->field);
    memset(mapping, 0, sizeof *mapping);
}

/* Our name for a column of the file, after --map; into out of PZ_NAME_MAX + 1 bytes. What cannot
 * stand in a column name becomes '_'. */
static void our_name(const struct pz_mapping *mapping, const char *column, char *out)
{
    const char *name = column;
    size_t n = strlen(column);

    for (size_t i = 0; mapping->map && i < mapping->map->n; i++) {
        const char *pair = mapping->map->v[i], *equals = strchr(pair, '=');

        if (equals && pz_str_same_name(equals + 1, column)) {
            name = pair;
            n = (size_t)(equals - pair);
            break;
        }
    }
    if (n > PZ_FIELD_MAX)
        n = PZ_FIELD_MAX;
    for (size_t i = 0; i < n; i++)
        out[i] = name[i] < 0x21 || name[i] > 0x7e || name[i] == '/' || name[i] == '"' ? '_'
                                                                                      : name[i];
    out[n] = '\0';
}

size_t pz_mapping_find(struct pz_mapping *mapping, const char *column)
{
    struct pz_field text = { .kind = PZ_ATTR_STRING };

    our_name(mapping, column, text.name);
    if (!text.name[0])
        return SIZE_MAX;
    for (size_t i = 0; i < mapping->n; i++)
        if (pz_str_same_name(mapping->field[i].f.name, text.name))
            return i;
    if (mapping->by_schema || mapping->n == PZ_MAPPING_MAX)
        return SIZE_MAX;
    add_field(mapping, &text, false);
    return mapping->n - 1;
}

size_t pz_mapping_role(const struct pz_mapping *mapping, enum pz_role role)
{
    for (size_t i = 0; i < mapping->n; i++)
        if (mapping->field[i].role == role)
            return i;
    return SIZE_MAX;
}
