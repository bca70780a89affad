/* SPDX-License-Identifier: Apache-2.0 */
/* Column mappings: see mapping.h. Without a schema the reserved names of Personalize have their
 * meaning, and every other column is text until its values have been seen (infer.c).
 *
 * A column of a file is looked for by the pairs of --map first, then by its name without regard
 * to case and '_'. Fields are only ever added, in an array of full size, so that their numbers
 * and places hold while workers read. What a schema does not name is left out. */
#include "import/mapping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

struct reserved {
    enum pz_table_id table;
    const char *name;
    enum pz_role role;
    bool needed;
};

/* Names with a meaning of their own in Personalize's schemas, and what it means for the reader. */
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
    /* The reserved spelling, whatever the schema's or the file's was. */
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

static enum pz_status add_schema(struct pz_mapping *mapping, const struct pz_schema *schema,
                                 struct pz_err *err)
{
    enum pz_table_id table = mapping->table;

    mapping->by_schema = !mapping->cfg->like;
    if (schema->n[table] > PZ_MAPPING_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "the schema of %s has more than %d fields",
                          pz_table_name(table), PZ_MAPPING_MAX);
    for (size_t i = 0; i < schema->n[table]; i++) {
        struct pz_field f = schema->field[table][i];

        if (clashes(mapping, &f))
            return pz_err_set(err, PZ_BAD_DATA, "the schema of %s: %s must be a long",
                              pz_table_name(table), f.name);
        f.nullable |= mapping->cfg->like;
        add_field(mapping, &f, true);
    }
    return PZ_OK;
}

enum pz_status pz_mapping_init(struct pz_mapping *mapping, enum pz_table_id table,
                               const struct pz_import_cfg *cfg, bool *map_met, struct pz_err *err)
{
    struct pz_field text = { .kind = PZ_ATTR_STRING };
    const struct pz_schema *schema = cfg->schema;
    enum pz_status st = PZ_OK;

    *mapping = (struct pz_mapping){ .table = table, .cfg = cfg, .map = &cfg->map };
    mapping->map_met = map_met;
    mapping->field = pz_mem_array(PZ_MAPPING_MAX, sizeof *mapping->field);
    if (!mapping->field)
        return pz_err_memory(err, "columns", PZ_MAPPING_MAX * sizeof *mapping->field);
    if (schema && schema->given[table])
        st = add_schema(mapping, schema, err);
    for (int i = 0; i < N_RESERVED && !(schema && schema->given[table]); i++) {
        if (reserved[i].table != table || !reserved[i].needed)
            continue;
        memcpy(text.name, reserved[i].name, strlen(reserved[i].name) + 1);
        add_field(mapping, &text, false);
    }
    for (size_t i = 0; i < mapping->n; i++)
        if (cfg->no_time && mapping->field[i].role == PZ_ROLE_TIME)
            mapping->field[i].needed = false;
    return st;
}

void pz_mapping_clear(struct pz_mapping *mapping)
{
    for (size_t i = 0; i < mapping->n_left_out; i++)
        free(mapping->left_out[i]);
    free(mapping->field);
    memset(mapping, 0, sizeof *mapping);
}

/* Whether a pair is for this table; *name passes over the table's name ("Items.ITEM_ID=id"). */
static bool is_for(const struct pz_mapping *mapping, const char **name)
{
    for (int t = 0; t < PZ_N_TABLES; t++) {
        const char *table = pz_table_name((enum pz_table_id)t);
        size_t n = strlen(table);

        if (strncasecmp(*name, table, n) == 0 && (*name)[n] == '.') {
            *name += n + 1;
            return t == (int)mapping->table;
        }
    }
    return true;
}

/* The pair of --map for a column of the file, without the name of a table, or NULL. */
static const char *find_pair(struct pz_mapping *mapping, const char *column)
{
    for (size_t i = 0; i < mapping->map->n; i++) {
        const char *pair = mapping->map->v[i], *equals = strchr(pair, '='), *name = pair;

        /* The first pair that fits counts; that it was met is noted, so that a pair for nothing is
         * an error. */
        if (equals && pz_str_same_name(equals + 1, column) && is_for(mapping, &name)) {
            if (mapping->map_met)
                mapping->map_met[i] = true;
            return name;
        }
    }
    return NULL;
}

/* Our name for a column of the file, after --map; into out of PZ_NAME_MAX + 1 bytes. What cannot
 * stand in a column name becomes '_'. */
static void our_name(const char *pair, const char *column, char *out)
{
    const char *name = pair ? pair : column;
    size_t n = pair ? (size_t)(strchr(pair, '=') - pair) : strlen(column);

    if (n > PZ_FIELD_MAX)
        n = PZ_FIELD_MAX;
    for (size_t i = 0; i < n; i++)
        out[i] = name[i] < 0x21 || name[i] > 0x7e || name[i] == '/' || name[i] == '"' ? '_'
                                                                                      : name[i];
    out[n] = '\0';
}

static size_t find_field(struct pz_mapping *mapping, const char *pair, const char *column)
{
    struct pz_field text = { .kind = PZ_ATTR_STRING };

    our_name(pair, column, text.name);
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

size_t pz_mapping_find(struct pz_mapping *mapping, const char *column)
{
    return find_field(mapping, find_pair(mapping, column), column);
}

bool pz_mapping_names(struct pz_mapping *mapping, const char *column)
{
    return find_pair(mapping, column) != NULL;
}

/* Whether --map reads a value of the object that the first n bytes of a path name. */
static bool is_read(const struct pz_mapping *mapping, const char *path, size_t n)
{
    for (size_t i = 0; i < mapping->map->n; i++) {
        const char *column = strchr(mapping->map->v[i], '=');

        if (column && strncmp(column + 1, path, n) == 0 &&
            (column[1 + n] == '.' || column[1 + n] == '['))
            return true;
    }
    return false;
}

size_t pz_mapping_find_inside(struct pz_mapping *mapping, const char *path, bool *report)
{
    const char *pair = find_pair(mapping, path);
    size_t n = strcspn(path, ".[");

    *report = false;
    if (pair)
        return find_field(mapping, pair, path);
    if (is_read(mapping, path, n))
        return SIZE_MAX;
    for (size_t i = 0; i < mapping->n_left_out; i++)
        if (strlen(mapping->left_out[i]) == n && memcmp(mapping->left_out[i], path, n) == 0)
            return SIZE_MAX;
    if (mapping->n_left_out < PZ_LEFT_OUT_MAX &&
        (mapping->left_out[mapping->n_left_out] = pz_mem_strndup(path, n)) != NULL) {
        mapping->n_left_out++;
        *report = true;
    }
    return SIZE_MAX;
}

size_t pz_mapping_role(const struct pz_mapping *mapping, enum pz_role role)
{
    for (size_t i = 0; i < mapping->n; i++)
        if (mapping->field[i].role == role)
            return i;
    return SIZE_MAX;
}
