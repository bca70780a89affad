/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: see schema.h. */
#include "data/schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

enum { SCHEMA_MAX = 1 << 20 };

const char *pz_table_name(enum pz_table_id table)
{
    static const char *const names[] = { "Interactions", "Items", "Users" };

    return names[table];
}

static bool set_type(struct pz_field *f, const char *type)
{
    static const struct {
        const char *name;
        enum pz_attr_kind kind;
        bool whole, wide;
    } types[] = { { "int", PZ_ATTR_NUMBER, true, false },     { "long", PZ_ATTR_NUMBER, true, true },
                  { "float", PZ_ATTR_NUMBER, false, false },  { "double", PZ_ATTR_NUMBER, false, true },
                  { "boolean", PZ_ATTR_BOOL, false, false },  { "string", PZ_ATTR_STRING, false, false } };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0) {
            f->kind = types[i].kind;
            f->whole = types[i].whole;
            f->wide = types[i].wide;
            return true;
        }
    return false;
}

static bool read_type(struct pz_field *f, const json_t *type)
{
    size_t i;
    const json_t *part;
    bool found = false;

    if (json_is_string(type))
        return set_type(f, json_string_value(type));
    json_array_foreach(type, i, part) {
        const char *name = json_is_string(part) ? json_string_value(part) : "";

        if (strcmp(name, "null") == 0)
            f->nullable = true;
        else if (found || !set_type(f, name))
            return false;
        else
            found = true;
    }
    return found;
}

static enum pz_status read_field(const json_t *doc, const char *path, struct pz_field *f,
                                 struct pz_err *err)
{
    const char *name = json_string_value(json_object_get(doc, "name"));

    memset(f, 0, sizeof *f);
    if (!name || !*name || strlen(name) > PZ_NAME_MAX || strchr(name, ' ') || strchr(name, '\n'))
        return pz_err_set(err, PZ_BAD_DATA, "%s: a field has no usable name", path);
    strcpy(f->name, name);
    if (!read_type(f, json_object_get(doc, "type")))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s: field %s: the type must be string, int, long, float, double, boolean, "
                          "or a union of one of them with null",
                          path, name);
    if (f->kind == PZ_ATTR_STRING && json_is_true(json_object_get(doc, "categorical")))
        f->kind = PZ_ATTR_CATEGORY;
    else if (f->kind == PZ_ATTR_STRING && json_is_true(json_object_get(doc, "textual")))
        f->kind = PZ_ATTR_TEXT;
    return PZ_OK;
}

static enum pz_status read_record(const json_t *doc, const char *path, struct pz_schema *schema,
                                  struct pz_err *err)
{
    const char *name = json_string_value(json_object_get(doc, "name"));
    const json_t *fields = json_object_get(doc, "fields");
    int t = 0;
    enum pz_status st = PZ_OK;

    while (name && t < PZ_N_TABLES && !pz_str_same_name(name, pz_table_name((enum pz_table_id)t)))
        t++;
    if (!name || t == PZ_N_TABLES || !json_is_array(fields))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s: not a Personalize schema: a record named Interactions, Items or Users "
                          "with fields is needed",
                          path);
    free(schema->field[t]);
    schema->n[t] = json_array_size(fields);
    schema->field[t] = pz_mem_array(schema->n[t], sizeof **schema->field);
    schema->given[t] = true;
    if (!schema->field[t])
        return pz_err_memory(err, "a schema", 1e4);
    for (size_t i = 0; i < schema->n[t] && st == PZ_OK; i++)
        st = read_field(json_array_get(fields, i), path, &schema->field[t][i], err);
    return st;
}

enum pz_status pz_schema_read(const char *path, struct pz_schema *schema, struct pz_err *err)
{
    char *text = NULL;
    size_t n = 0, i;
    json_t *doc = NULL, *record;
    enum pz_status st = pz_file_read(path, SCHEMA_MAX, &text, &n, err);

    if (st == PZ_OK)
        st = pz_json_parse(text, n, path, &doc, err);
    if (st == PZ_OK && json_is_array(doc)) {
        json_array_foreach(doc, i, record)
            if (st == PZ_OK)
                st = read_record(record, path, schema, err);
    } else if (st == PZ_OK) {
        st = read_record(doc, path, schema, err);
    }
    json_decref(doc);
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

void pz_schema_infer(const struct pz_dict_builder *values, uint64_t n_rows, struct pz_field *field)
{
    uint32_t n = pz_dict_builder_count(values), seen = 0;
    bool numbers = true, whole = true, bools = true, bars = false, blanks = false;
    double bytes = 0;

    for (uint32_t i = 0; i < n; i++) {
        size_t len;
        const char *s = pz_dict_builder_get(values, i, &len);
        double x = 0;

        if (len == 0)
            continue;
        seen++;
        bytes += (double)len;
        numbers = numbers && pz_str_to_double(s, len, &x);
        whole = whole && x == floor(x) && !memchr(s, '.', len);
        bools = bools && ((len == 4 && memcmp(s, "true", 4) == 0) ||
                          (len == 5 && memcmp(s, "false", 5) == 0));
        bars |= memchr(s, '|', len) != NULL;
        blanks |= memchr(s, ' ', len) != NULL;
    }
    field->nullable = seen < n;
    field->wide = true;
    if (seen > 0)
        bytes /= seen;
    if (seen > 0 && numbers) {
        field->kind = PZ_ATTR_NUMBER;
        field->whole = whole;
    } else if (seen > 0 && bools) {
        field->kind = PZ_ATTR_BOOL;
    } else if (bars || (seen > 0 && bytes <= 64 && n_rows >= 2 * (uint64_t)seen)) {
        field->kind = PZ_ATTR_CATEGORY;
    } else if (blanks && bytes > 24) {
        field->kind = PZ_ATTR_TEXT;
    } else {
        field->kind = PZ_ATTR_STRING;
    }
}
