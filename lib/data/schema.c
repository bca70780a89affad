/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: see schema.h.
 *
 * A Personalize schema is a flat Avro record: every field has one primitive type or the union of
 * one with null. Two attributes beside Avro matter: "categorical" and "textual". The reserved
 * fields have fixed types; what Personalize refuses is refused here, with the reason. */
#include "data/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

enum { SCHEMA_MAX = 1 << 20 };

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

const char *pz_table_name(enum pz_table_id table)
{
    static const char *const names[PZ_N_TABLES] = { "Interactions", "Items", "Users" };

    return names[table];
}

enum need { NEEDED, RESERVED };
enum shape { STRING, LONG, REAL };

/* Fields whose type Personalize fixes. */
struct fixed {
    enum pz_table_id table;
    const char *name;
    enum need need;
    enum shape shape;
};

static const struct fixed fixed_fields[] = {
    { PZ_INTERACTIONS, "USER_ID", NEEDED, STRING },
    { PZ_INTERACTIONS, "ITEM_ID", NEEDED, STRING },
    { PZ_INTERACTIONS, "TIMESTAMP", NEEDED, LONG },
    { PZ_INTERACTIONS, "EVENT_TYPE", RESERVED, STRING },
    /* Float in Personalize's documents; double is taken as well. */
    { PZ_INTERACTIONS, "EVENT_VALUE", RESERVED, REAL },
    { PZ_INTERACTIONS, "IMPRESSION", RESERVED, STRING },
    { PZ_INTERACTIONS, "RECOMMENDATION_ID", RESERVED, STRING },
    { PZ_INTERACTIONS, "EVENT_ATTRIBUTION_SOURCE", RESERVED, STRING },
    { PZ_ITEMS, "ITEM_ID", NEEDED, STRING },
    { PZ_ITEMS, "CREATION_TIMESTAMP", RESERVED, LONG },
    { PZ_USERS, "USER_ID", NEEDED, STRING },
};

static bool set_type(struct pz_field *field, const char *type)
{
    static const struct {
        const char *name;
        enum pz_attr_kind kind;
        bool whole, wide;
    } types[] = {
        { "int", PZ_ATTR_NUMBER, true, false },    { "long", PZ_ATTR_NUMBER, true, true },
        { "float", PZ_ATTR_NUMBER, false, false }, { "double", PZ_ATTR_NUMBER, false, true },
        { "boolean", PZ_ATTR_BOOL, false, false }, { "string", PZ_ATTR_STRING, false, false }
    };

    for (size_t i = 0; i < LENGTH(types); i++)
        if (strcmp(types[i].name, type) == 0) {
            field->kind = types[i].kind;
            field->whole = types[i].whole;
            field->wide = types[i].wide;
            return true;
        }
    return false;
}

/* "float" or ["float", "null"] in either order. */
static enum pz_status read_type(const json_t *type, struct pz_field *field, const char *where,
                                struct pz_err *err)
{
    size_t n = json_is_array(type) ? json_array_size(type) : 1, n_types = 0;

    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_is_array(type) ? json_array_get(type, i) : type);

        if (!name)
            return pz_err_set(err, PZ_BAD_DATA,
                              "%s: field %s: the type must be a name or a list of names", where,
                              field->name);
        if (strcmp(name, "null") == 0)
            field->nullable = true;
        else if (!set_type(field, name))
            return pz_err_set(err, PZ_BAD_DATA,
                              "%s: field %s: unknown type \"%.60s\"; known are string, int, long, "
                              "float, double, boolean and null",
                              where, field->name, name);
        else
            n_types++;
    }
    if (n_types != 1)
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s: field %s: one type is needed, besides null, and not %zu", where,
                          field->name, n_types);
    return PZ_OK;
}

bool pz_schema_name_fits(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (name[i] < 0x21 || name[i] > 0x7e || name[i] == '/' || name[i] == '"')
            return false;
    return n > 0 && n <= PZ_FIELD_MAX;
}

static enum pz_status check_name(const struct pz_schema *schema, enum pz_table_id table,
                                 const char *name, const char *where, struct pz_err *err)
{
    const struct pz_field *other = name ? pz_schema_find(schema, table, name) : NULL;

    if (!name || !pz_schema_name_fits(name))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s: field %zu: the name must be 1 to %d letters, digits, '_' and the "
                          "like, and not \"%.60s\"",
                          where, schema->n[table] + 1, PZ_FIELD_MAX, name ? name : "");
    if (other)
        return pz_err_set(err, PZ_BAD_DATA, "%s: fields %s and %s have the same name", where,
                          other->name, name);
    return PZ_OK;
}

static enum pz_status read_attributes(const json_t *json, struct pz_field *field, const char *where,
                                      struct pz_err *err)
{
    bool categorical = json_is_true(json_object_get(json, "categorical"));
    bool textual = json_is_true(json_object_get(json, "textual"));

    if ((categorical || textual) && field->kind != PZ_ATTR_STRING)
        return pz_err_set(err, PZ_BAD_DATA, "%s: field %s: only a string can be %s", where,
                          field->name, categorical ? "categorical" : "textual");
    if (categorical && textual)
        return pz_err_set(err, PZ_BAD_DATA, "%s: field %s is both categorical and textual", where,
                          field->name);
    if (categorical)
        field->kind = PZ_ATTR_CATEGORY;
    if (textual)
        field->kind = PZ_ATTR_TEXT;
    return PZ_OK;
}

static enum pz_status read_field(struct pz_schema *schema, enum pz_table_id table,
                                 const json_t *json, const char *where, struct pz_err *err)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    struct pz_field field = { .nullable = false };
    enum pz_status st = check_name(schema, table, name, where, err);

    if (st != PZ_OK)
        return st;
    memcpy(field.name, name, strlen(name));
    st = read_type(json_object_get(json, "type"), &field, where, err);
    if (st == PZ_OK)
        st = read_attributes(json, &field, where, err);
    if (st == PZ_OK && !pz_mem_grow(&schema->field[table], &schema->cap[table],
                                    schema->n[table] + 1, sizeof field))
        st = pz_err_memory(err, "the schema", 64e3);
    if (st == PZ_OK)
        schema->field[table][schema->n[table]++] = field;
    return st;
}

static bool shape_fits(const struct pz_field *field, enum shape shape)
{
    if (shape == STRING)
        return field->kind == PZ_ATTR_STRING;
    return field->kind == PZ_ATTR_NUMBER && field->whole == (shape == LONG) &&
           (shape == REAL || field->wide);
}

static enum pz_status check_fixed(const struct pz_schema *schema, enum pz_table_id table,
                                  const char *where, struct pz_err *err)
{
    static const char *const shapes[] = { "string that is not categorical", "long", "float" };

    for (size_t i = 0; i < LENGTH(fixed_fields); i++) {
        const struct fixed *rule = &fixed_fields[i];
        const struct pz_field *field;

        if (rule->table != table)
            continue;
        field = pz_schema_find(schema, table, rule->name);
        if (!field && rule->need == NEEDED)
            return pz_err_set(err, PZ_BAD_DATA, "%s: the field %s is missing", where, rule->name);
        if (field && !shape_fits(field, rule->shape))
            return pz_err_set(err, PZ_BAD_DATA, "%s: field %s must be a %s", where, field->name,
                              shapes[rule->shape]);
        /* Personalize allows null in every reserved field but these. */
        if (field && field->nullable &&
            (rule->need == NEEDED || strcmp(rule->name, "EVENT_TYPE") == 0))
            return pz_err_set(err, PZ_BAD_DATA, "%s: field %s cannot be null", where, field->name);
    }
    return PZ_OK;
}

static enum pz_status find_table(const char *name, const char *what, enum pz_table_id *table,
                                 struct pz_err *err)
{
    for (int t = 0; t < PZ_N_TABLES; t++)
        if (name && strcasecmp(name, pz_table_name((enum pz_table_id)t)) == 0) {
            *table = (enum pz_table_id)t;
            return PZ_OK;
        }
    return pz_err_set(
        err, PZ_BAD_DATA,
        "%s: a schema's \"name\" must be Interactions, Items or Users, and not \"%.60s\"", what,
        name ? name : "");
}

static enum pz_status add_record(struct pz_schema *schema, const json_t *record, const char *what,
                                 struct pz_err *err)
{
    const json_t *fields = json_object_get(record, "fields");
    enum pz_table_id table = PZ_INTERACTIONS;
    char where[256];
    enum pz_status st;

    if (!json_is_object(record))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s: a schema is a JSON object with \"name\" and \"fields\", or an array of them",
            what);
    st = find_table(json_string_value(json_object_get(record, "name")), what, &table, err);
    if (st != PZ_OK)
        return st;
    if (schema->given[table])
        return pz_err_set(err, PZ_BAD_DATA, "%s: a second schema for %s", what,
                          pz_table_name(table));
    if (!json_is_array(fields))
        return pz_err_set(err, PZ_BAD_DATA, "%s: %s: \"fields\" must be an array", what,
                          pz_table_name(table));
    schema->given[table] = true;
    snprintf(where, sizeof where, "%.160s: %s", what, pz_table_name(table));
    for (size_t i = 0; i < json_array_size(fields) && st == PZ_OK; i++)
        st = read_field(schema, table, json_array_get(fields, i), where, err);
    return st == PZ_OK ? check_fixed(schema, table, where, err) : st;
}

enum { ENVELOPES = 12 }; /* levels of JSON around a schema */

static enum pz_status add_inside(struct pz_schema *schema, const json_t *doc, int depth,
                                 const char *what, struct pz_err *err);

/* A schema as text in a string, as describe-schema has it. What is no JSON is no schema. */
static enum pz_status add_text(struct pz_schema *schema, const json_t *text, int depth,
                               const char *what, struct pz_err *err)
{
    json_t *doc = NULL;
    struct pz_err ignored;
    enum pz_status st = PZ_OK;

    /* Most strings of an answer are names and dates; only what could be a document is parsed. */
    if (json_string_value(text)[0] != '{' && json_string_value(text)[0] != '[')
        return PZ_OK;
    if (pz_json_parse(json_string_value(text), json_string_length(text), what, &doc, &ignored) ==
        PZ_OK)
        st = add_inside(schema, doc, depth, what, err);
    json_decref(doc);
    return st;
}

/* The schemas in an envelope, however deep: a record is an object with "fields". */
static enum pz_status add_inside(struct pz_schema *schema, const json_t *doc, int depth,
                                 const char *what, struct pz_err *err)
{
    const char *key;
    json_t *member;
    size_t i;
    enum pz_status st = PZ_OK;

    if (json_object_get(doc, "fields"))
        return add_record(schema, doc, what, err);
    if (depth == 0)
        return PZ_OK;
    if (json_is_string(doc))
        return add_text(schema, doc, depth - 1, what, err);
    json_object_foreach (pz_json_lend(doc), key, member)
        st = st == PZ_OK ? add_inside(schema, member, depth - 1, what, err) : st;
    json_array_foreach (doc, i, member)
        st = st == PZ_OK ? add_inside(schema, member, depth - 1, what, err) : st;
    return st;
}

static size_t count_given(const struct pz_schema *schema)
{
    size_t n = 0;

    for (int t = 0; t < PZ_N_TABLES; t++)
        n += schema->given[t];
    return n;
}

enum pz_status pz_schema_add(struct pz_schema *schema, const char *bytes, size_t n,
                             const char *what, struct pz_err *err)
{
    json_t *doc = NULL;
    size_t before = count_given(schema), blank = 0;
    struct pz_str listed = { 0 };
    enum pz_status st;

    while (blank < n && strchr(" \t\r\n", bytes[blank]) && bytes[blank])
        blank++;
    if (blank < n && bytes[blank] == '"') { /* aws --query schema.schema: a document as a string */
        pz_str_addf(&listed, "[%.*s]", (int)n, bytes);
        bytes = listed.data;
        n = listed.len;
    }
    st = listed.failed ? pz_err_memory(err, what, (double)n)
                       : pz_json_parse(bytes, n, what, &doc, err);

    if (st == PZ_OK)
        st = add_inside(schema, doc, ENVELOPES, what, err);
    if (st == PZ_OK && count_given(schema) == before) /* says what is wrong with it */
        st = add_record(schema, json_is_array(doc) ? json_array_get(doc, 0) : doc, what, err);
    pz_str_clear(&listed);
    json_decref(doc);
    return st;
}

enum pz_status pz_schema_read(const char *path, struct pz_schema *schema, struct pz_err *err)
{
    char *text = NULL;
    size_t n = 0;
    enum pz_status st = pz_file_read(path, SCHEMA_MAX, &text, &n, err);

    if (st == PZ_OK)
        st = pz_schema_add(schema, text, n, path, err);
    free(text);
    return st;
}

void pz_schema_clear(struct pz_schema *schema)
{
    for (int t = 0; t < PZ_N_TABLES; t++)
        free(schema->field[t]);
    memset(schema, 0, sizeof *schema);
}

const struct pz_field *pz_schema_find(const struct pz_schema *schema, enum pz_table_id table,
                                      const char *name)
{
    for (size_t i = 0; i < schema->n[table]; i++)
        if (pz_str_same_name(schema->field[table][i].name, name))
            return &schema->field[table][i];
    return NULL;
}
