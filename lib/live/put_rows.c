/* SPDX-License-Identifier: Apache-2.0 */
/* Putting many rows of items or users: see put.h. Each record becomes an id and pairs of name
 * and value, as text; a batch of them is stored in one transaction.
 *
 * A value must fit the type that the model's column has, if there is one; times are kept as Unix
 * seconds. A column that the model lacks is kept, and said once, as it may be a slip of the pen.
 * A column that stands twice in one row is a fault of the record, not a choice to be made here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/opt.h"
#include "data/schema.h"
#include "live/put_private.h"

struct rows {
    struct pz_live_store *s;
    enum pz_live_table table;
    const struct pz_attrs *known; /* NULL: no model */
    const struct pz_strs *map;
    struct pz_log *log;
    struct pz_live_row *row;
    size_t n, cap, bytes; /* bytes: of values */
    struct pz_arena arena;
    struct pz_str cell;
    struct pz_strs name, value; /* of the row in the making; in the arena */
    struct pz_strs said;        /* columns that the model lacks */
    struct pz_arena said_texts; /* their texts */
};

static enum pz_status bad(const char *column, const char *reason, const char *s, size_t n,
                          struct pz_err *err)
{
    return pz_err_set(err, PZ_BAD_DATA, "%s: %s: \"%.*s\"", column, reason, (int)(n < 60 ? n : 60),
                      s);
}

static const char *id_name(const struct rows *t)
{
    return t->table == PZ_LIVE_ITEMS ? "itemId" : "userId";
}

/* ---- types ---- */

/* Once for each: a column that the model lacks is kept, but may be a slip of the pen. */
static void say_unknown(struct rows *t, const char *name)
{
    const char *names[256];
    size_t n = 0;
    char *copy;

    for (size_t i = 0; i < t->said.n; i++)
        if (strcmp(t->said.v[i], name) == 0)
            return;
    for (; n < t->known->n_attrs && n < 256; n++)
        names[n] = t->known->attr[n].name;
    pz_log(t->log, PZ_LOG_NOTE, "column %s is not in the model; it is kept, filters know it%s",
           name, pz_str_hint("", name, names, n).text);
    copy = pz_arena_strndup(&t->said_texts, name, strlen(name));
    if (copy)
        pz_strs_add(&t->said, copy); /* without memory it is said again */
}

/* ---- cells ---- */

/* Times are kept as Unix seconds. */
static const char *normalise_time(struct rows *t, const char **s, size_t *n)
{
    int64_t seconds;
    const char *why = pz_put_time(*s, *n, &seconds, NULL);

    if (why)
        return why;
    pz_str_reset(&t->cell);
    pz_str_addf(&t->cell, "%lld", (long long)seconds);
    *s = t->cell.data;
    *n = t->cell.len;
    return NULL;
}

static enum pz_status set_cell(struct rows *t, const char *name, const json_t *value, const char *s,
                               size_t n, struct pz_err *err)
{
    const struct pz_attr *a = pz_attrs_find(t->known, name);
    const char *why = NULL, *kept_name, *kept;

    for (size_t i = 0; i < t->name.n; i++)
        if (pz_str_same_name(t->name.v[i], name))
            return pz_err_set(err, PZ_BAD_DATA, "%s: stands twice in one row", name);
    pz_str_trim(&s, &n);
    if (n == 0)
        return PZ_OK;
    if (!a && !pz_schema_name_fits(name))
        why = "cannot be the name of a column";
    else if ((why = pz_put_text_fault(s, n)))
        ; /* said */
    else if (pz_str_same_name(name, "CREATION_TIMESTAMP"))
        why = normalise_time(t, &s, &n);
    else if (a)
        why = pz_put_check(a, value, s, n);
    if (why)
        return bad(name, why, s, n, err);
    if (!a && t->known)
        say_unknown(t, name);
    kept_name = a ? a->name : pz_arena_strndup(&t->arena, name, strlen(name));
    kept = pz_arena_strndup(&t->arena, s, n);
    return kept_name && kept && pz_strs_add(&t->name, kept_name) && pz_strs_add(&t->value, kept)
               ? PZ_OK
               : pz_err_memory(err, "rows", 1e6);
}

static enum pz_status set_id(struct rows *t, const char *name, const char **id, const char *s,
                             size_t n, struct pz_err *err)
{
    const char *why;

    if (n > PZ_LIVE_ID_MAX)
        return bad(name, "is longer than 256 bytes", s, n, err);
    if ((why = pz_str_text_fault(s, n)))
        return bad(name, why, s, n, err);
    *id = pz_arena_strndup(&t->arena, s, n);
    return *id ? PZ_OK : pz_err_memory(err, "rows", 1e6);
}

static enum pz_status set_field(struct rows *t, const char **id, const char *name,
                                const json_t *value, const char *s, size_t n, struct pz_err *err)
{
    char buf[PZ_NAME_MAX + 1];

    if (n == 0)
        return PZ_OK;
    name = pz_put_name(t->map, name, buf);
    return pz_str_same_name(name, id_name(t)) ? set_id(t, name, id, s, n, err)
                                              : set_cell(t, name, value, s, n, err);
}

static enum pz_status set_json(struct rows *t, const char **id, const char *name,
                               const json_t *value, struct pz_err *err)
{
    const char *why;

    pz_str_reset(&t->cell);
    why = pz_put_cell(value, &t->cell);
    return why ? pz_err_set(err, PZ_BAD_DATA, "%s: %s", name, why)
               : set_field(t, id, name, value, t->cell.data ? t->cell.data : "", t->cell.len, err);
}

/* ---- rows ---- */

static enum pz_status keep(struct rows *t, const char *id, struct pz_err *err)
{
    const char **name = pz_arena_take(&t->arena, (t->name.n + 1) * sizeof *name);
    const char **value = pz_arena_take(&t->arena, (t->name.n + 1) * sizeof *value);

    if (!id)
        return pz_err_set(err, PZ_BAD_DATA, "%s: is missing", id_name(t));
    if (!name || !value || !pz_mem_grow(&t->row, &t->cap, t->n + 1, sizeof *t->row))
        return pz_err_memory(err, "rows", 1e6);
    for (size_t i = 0; i < t->name.n; i++) {
        name[i] = t->name.v[i];
        value[i] = t->value.v[i];
        t->bytes += strlen(value[i]);
    }
    t->row[t->n++] = (struct pz_live_row){ id, name, value, t->name.n };
    return PZ_OK;
}

static enum pz_status set_properties(struct rows *t, const char **id, const json_t *value,
                                     struct pz_err *err)
{
    json_t *object = NULL, *one;
    const char *key;
    enum pz_status st = pz_put_parse(value, &object, err);

    if (st == PZ_OK)
        json_object_foreach (object, key, one)
            if ((st = set_json(t, id, key, one, err)) != PZ_OK)
                break;
    json_decref(object);
    return st;
}

/* {"itemId": ..., "properties": ...} or {"ITEM_ID": ..., COLUMN: ..., ...} */
static enum pz_status take_object(struct rows *t, const json_t *object, struct pz_err *err)
{
    const char *key, *id = NULL;
    json_t *value;
    enum pz_status st = PZ_OK;

    t->name.n = t->value.n = 0;
    if (!json_is_object(object))
        return pz_err_set(err, PZ_BAD_DATA, "must be an object");
    json_object_foreach (pz_json_lend(object), key, value) {
        if (strcmp(key, "properties") == 0)
            st = json_is_null(value) ? PZ_OK : set_properties(t, &id, value, err);
        else if (strcmp(key, "datasetArn") != 0)
            st = set_json(t, &id, key, value, err);
        if (st != PZ_OK)
            return st;
    }
    return keep(t, id, err);
}

static enum pz_status take_list(struct rows *t, const json_t *list, struct pz_err *err)
{
    const json_t *one;
    size_t i;
    enum pz_status st = PZ_OK;

    json_array_foreach (list, i, one) {
        st = take_object(t, one, err);
        if (st != PZ_OK) {
            pz_err_prefix(err, "row %zu of the list", i + 1);
            return st;
        }
    }
    return PZ_OK;
}

static enum pz_status take_row(void *context, const json_t *doc, const struct pz_rows_in *in,
                               const struct pz_row *row, struct pz_err *err)
{
    struct rows *t = context;
    const json_t *list = json_object_get(doc, t->table == PZ_LIVE_ITEMS ? "items" : "users");
    const char *id = NULL;
    size_t before = t->n;
    enum pz_status st = PZ_OK;

    if (doc) {
        st = json_is_array(list) ? take_list(t, list, err) : take_object(t, doc, err);
    } else {
        t->name.n = t->value.n = 0;
        for (size_t i = 0; st == PZ_OK && i < pz_rows_n_columns(in); i++)
            st = set_field(t, &id, pz_rows_column(in, i), NULL, row->cell[i].s, row->cell[i].n,
                           err);
        if (st == PZ_OK)
            st = keep(t, id, err);
    }
    if (st != PZ_OK)
        t->n = before;
    return st;
}

static size_t pending(const void *context)
{
    return ((const struct rows *)context)->n;
}

static bool is_large(const void *context)
{
    return ((const struct rows *)context)->bytes > PZ_PUT_BYTES;
}

static enum pz_status store(void *context, struct pz_put_count *count, struct pz_err *err)
{
    struct rows *t = context;
    enum pz_status st = pz_live_put_rows(t->s, t->table, t->row, t->n, &count->last, err);

    count->stored += st == PZ_OK ? t->n : 0;
    t->n = t->bytes = 0;
    pz_arena_clear(&t->arena);
    return st;
}

static void rows_clear(struct rows *t)
{
    pz_strs_clear(&t->said);
    pz_arena_clear(&t->said_texts);
    pz_strs_clear(&t->name);
    pz_strs_clear(&t->value);
    pz_str_clear(&t->cell);
    pz_arena_clear(&t->arena);
    free(t->row);
}

enum pz_status pz_put_row_list(const json_t *doc, enum pz_live_table table,
                               const struct pz_attrs *known, struct pz_arena *arena,
                               struct pz_live_row **row, size_t *n, struct pz_err *err)
{
    struct rows t = { .table = table, .known = known, .arena = *arena };
    const char *member = table == PZ_LIVE_ITEMS ? "items" : "users";
    enum pz_status st = take_list(&t, json_object_get(doc, member), err);

    *row = st == PZ_OK ? pz_arena_take(&t.arena, t.n * sizeof **row) : NULL;
    if (st == PZ_OK && !*row)
        st = pz_err_memory(err, "rows", (double)t.n * sizeof **row);
    if (st == PZ_OK)
        memcpy(*row, t.row, t.n * sizeof **row);
    *n = st == PZ_OK ? t.n : 0;
    *arena = t.arena;
    t.arena = (struct pz_arena){ NULL };
    rows_clear(&t);
    return st;
}

static enum pz_status start_rows(void *context, const struct pz_rows_in *in, struct pz_err *err)
{
    const struct rows *t = context;
    char what[96];

    if (pz_put_has(t->map, in, id_name(t)))
        return PZ_OK;
    snprintf(what, sizeof what, "there is no column for the id (%s, or --map %s=COLUMN)",
             id_name(t), t->table == PZ_LIVE_ITEMS ? "ITEM_ID" : "USER_ID");
    return pz_put_no_column(in, what, err);
}

enum pz_status pz_put_rows(struct pz_live_store *s, enum pz_live_table table,
                           const struct pz_put_cfg *cfg, struct pz_put_count *count,
                           struct pz_err *err)
{
    struct rows t = {
        .s = s, .table = table, .known = cfg->known, .map = cfg->map, .log = cfg->log
    };
    struct pz_put_sink sink = { start_rows, take_row, pending, is_large, store, &t };
    enum pz_status st = pz_put_run(cfg, &sink, count, err);

    rows_clear(&t);
    return st;
}

enum pz_status pz_put_row(struct pz_live_store *s, enum pz_live_table table,
                          const struct pz_attrs *known, const struct pz_put_one *one,
                          uint64_t *last, struct pz_err *err)
{
    struct rows t = { .s = s, .table = table, .known = known, .log = one->log };
    const char *kept = NULL;
    json_t *object = NULL;
    struct pz_put_count count = { 0 };
    enum pz_status st = pz_json_parse(one->properties, strlen(one->properties), "properties",
                                      &object, err);

    if (st == PZ_OK)
        st = set_id(&t, id_name(&t), &kept, one->id, strlen(one->id), err);
    if (st == PZ_OK)
        st = set_properties(&t, &kept, object, err);
    if (st == PZ_OK)
        st = keep(&t, kept, err);
    if (st == PZ_OK)
        st = store(&t, &count, err);
    *last = count.last;
    json_decref(object);
    rows_clear(&t);
    return st;
}
