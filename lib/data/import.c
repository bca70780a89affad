/* SPDX-License-Identifier: Apache-2.0 */
/* Import: see import.h.
 *
 *   1. read every file row by row; a row either enters the growing columns or is rejected with a reason
 *   2. sort the id dictionaries, type the other columns (schema or inference)
 *   3. assemble the interactions (assemble.c); items and users: the last row of an id wins */
#include "data/import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/assemble.h"
#include "data/cells.h"
#include "data/rows.h"

enum { SHOWN_ERRORS = 20, ID_MAX = 256, MAX_CONTEXT = 250 };

enum role { ROLE_USER, ROLE_ITEM, ROLE_TIME, ROLE_EVENT, ROLE_VALUE, ROLE_IMPRESSION, N_ROLES };

static const char *const role_names[N_ROLES] = { "USER_ID",    "ITEM_ID",     "TIMESTAMP",
                                                 "EVENT_TYPE", "EVENT_VALUE", "IMPRESSION" };

struct table {
    struct pz_cells *cells; /* other columns */
    size_t n_cells, cap_cells;
    uint32_t *id; /* Items, Users: temporary id of a row */
    size_t cap_id;
    uint64_t n; /* rows kept so far */
};

struct import {
    const struct pz_import_cfg *cfg;
    struct pz_import_count *count;
    struct pz_out *reject;
    uint64_t n_errors;
    struct pz_dict_builder *users, *items, *events;
    struct table table[PZ_N_TABLES];
    /* interactions, temporary indices */
    uint32_t *user, *item;
    int64_t *time;
    uint8_t *event;
    float *value;
    size_t cap_user, cap_item, cap_time, cap_event, cap_value;
    struct pz_cells impression;
    bool has_event, has_value, has_impression, form_known;
    enum pz_time_form form;
};

/* One file being read: where its columns go. */
struct source {
    enum pz_table_id table;
    struct pz_rows_in *in;
    size_t role[N_ROLES]; /* column, SIZE_MAX: none */
    size_t *cells;        /* [n] column -> index in table's cells, SIZE_MAX: a role */
    size_t n, cap;
};

/* Our name for a column of the file, after --map. */
static const char *mapped(const struct import *im, const char *name)
{
    for (size_t i = 0; i < im->cfg->map.n; i++) {
        const char *pair = im->cfg->map.v[i], *equals = strchr(pair, '=');
        static _Thread_local char ours[PZ_NAME_MAX + 1];

        if (equals && strcmp(equals + 1, name) == 0 && (size_t)(equals - pair) <= PZ_NAME_MAX) {
            memcpy(ours, pair, (size_t)(equals - pair));
            ours[equals - pair] = '\0';
            return ours;
        }
    }
    return name;
}

static bool has_role(enum pz_table_id t, enum role r)
{
    return t == PZ_INTERACTIONS || (t == PZ_ITEMS ? r == ROLE_ITEM : r == ROLE_USER);
}

static enum pz_status new_cells(struct import *im, struct source *src, const char *name,
                                size_t *index, struct pz_err *err)
{
    struct table *t = &im->table[src->table];

    for (*index = 0; *index < t->n_cells; (*index)++)
        if (pz_str_same_name(t->cells[*index].name, name))
            return PZ_OK;
    if (t->n_cells >= MAX_CONTEXT || strlen(name) > PZ_NAME_MAX - 16 || !*name)
        return pz_err_set(err, PZ_BAD_DATA, "%s: column name \"%.40s\" is empty or too long, or there "
                          "are more than %d columns", pz_rows_name(src->in), name, MAX_CONTEXT);
    if (!pz_mem_grow(&t->cells, &t->cap_cells, t->n_cells + 1, sizeof *t->cells))
        return pz_err_memory(err, "columns", 1e4);
    memset(&t->cells[t->n_cells], 0, sizeof *t->cells);
    for (size_t i = 0; name[i]; i++) /* blanks would break the schema text */
        t->cells[t->n_cells].name[i] = (name[i] == ' ' || name[i] == '/') ? '_' : name[i];
    t->cells[t->n_cells].is_time = pz_str_same_name(name, "CREATION_TIMESTAMP");
    t->n_cells++;
    return PZ_OK;
}

/* Give every column that appeared a role or cells. */
static enum pz_status bind_columns(struct import *im, struct source *src, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    while (src->n < pz_rows_n_columns(src->in) && st == PZ_OK) {
        const char *name = mapped(im, pz_rows_column(src->in, src->n));
        int r = 0;

        if (!pz_mem_grow(&src->cells, &src->cap, src->n + 1, sizeof *src->cells))
            return pz_err_memory(err, "columns", 1e4);
        src->cells[src->n] = SIZE_MAX;
        while (r < N_ROLES &&
               !(has_role(src->table, (enum role)r) && pz_str_same_name(name, role_names[r])))
            r++;
        if (r < N_ROLES && src->role[r] != SIZE_MAX)
            return pz_err_set(err, PZ_BAD_DATA, "%s: two columns are %s", pz_rows_name(src->in),
                              role_names[r]);
        if (r < N_ROLES)
            src->role[r] = src->n;
        else
            st = new_cells(im, src, name, &src->cells[src->n], err);
        src->n++;
    }
    return st;
}

static enum pz_status require(const struct source *src, enum role r, struct pz_err *err)
{
    struct pz_str have = { 0 };

    if (src->role[r] != SIZE_MAX)
        return PZ_OK;
    for (size_t i = 0; i < pz_rows_n_columns(src->in); i++)
        pz_str_addf(&have, "%s%s", i ? ", " : "", pz_rows_column(src->in, i));
    pz_err_set(err, PZ_BAD_DATA, "%s: the column %s is missing (the file has: %.300s); name it with "
               "--map %s=COLUMN", pz_rows_name(src->in), role_names[r], have.data ? have.data : "",
               role_names[r]);
    pz_str_clear(&have);
    return PZ_BAD_DATA;
}

static enum pz_status check_required(struct import *im, const struct source *src, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (src->table != PZ_USERS)
        st = require(src, ROLE_ITEM, err);
    if (st == PZ_OK && src->table != PZ_ITEMS)
        st = require(src, ROLE_USER, err);
    if (st == PZ_OK && src->table == PZ_INTERACTIONS)
        st = require(src, ROLE_TIME, err);
    if (src->table == PZ_INTERACTIONS) {
        im->has_event |= src->role[ROLE_EVENT] != SIZE_MAX;
        im->has_value |= src->role[ROLE_VALUE] != SIZE_MAX;
        im->has_impression |= src->role[ROLE_IMPRESSION] != SIZE_MAX;
        if (st == PZ_OK && im->has_event && src->role[ROLE_EVENT] == SIZE_MAX)
            st = require(src, ROLE_EVENT, err);
    }
    return st;
}

static void printable(struct pz_str *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n && i < 60; i++)
        pz_str_addc(out, (unsigned char)s[i] < 32 || s[i] == 127 ? '?' : s[i]);
    if (n > 60)
        pz_str_adds(out, "...");
}

/* Name a bad row: a warning for the first ones, a line in the reject file for each. */
static enum pz_status reject_row(struct import *im, const struct source *src,
                                 const struct pz_row *row, const char *column, const char *reason,
                                 const struct pz_cell *cell, struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st = PZ_OK;

    im->count[src->table].rejected++;
    if (im->n_errors++ < SHOWN_ERRORS) {
        if (cell)
            printable(&text, cell->s, cell->n);
        pz_log(im->cfg->log, PZ_LOG_ERROR, "%s:%llu: %s%s%s%s%s%s", pz_rows_name(src->in),
               (unsigned long long)row->line, column ? "column " : "", column ? column : "",
               column ? ": " : "", reason, cell ? ": \"" : "",
               cell ? (pz_str_addc(&text, '"'), text.data) : "");
    }
    if (im->reject) {
        pz_str_reset(&text);
        pz_str_addf(&text, "{\"line\":%llu,\"file\":", (unsigned long long)row->line);
        pz_json_add_string(&text, pz_rows_name(src->in), strlen(pz_rows_name(src->in)));
        pz_str_adds(&text, ",\"column\":");
        pz_json_add_string(&text, column ? column : "", column ? strlen(column) : 0);
        pz_str_adds(&text, ",\"reason\":");
        pz_json_add_string(&text, reason, strlen(reason));
        pz_str_adds(&text, ",\"row\":");
        pz_json_add_string(&text, row->raw, row->n_raw);
        pz_str_adds(&text, "}\n");
        st = text.failed ? pz_err_memory(err, "a reject line", 1e4)
                         : pz_out_write(im->reject, text.data, text.len, err);
    }
    pz_str_clear(&text);
    return st;
}

/* Why n bytes cannot be an id; NULL when they can. */
static const char *bad_id(const struct pz_cell *c)
{
    if (c->n == 0)
        return "is empty";
    if (c->n > ID_MAX)
        return "is longer than 256 bytes";
    if (memchr(c->s, '\0', c->n))
        return "has a NUL byte";
    return pz_str_is_utf8(c->s, c->n) ? NULL : "is not UTF-8";
}

struct values {
    int64_t time;
    float value;
};

static const char *bad_time(struct import *im, const struct pz_cell *c, int64_t *time)
{
    enum pz_time_form form;

    if (!pz_time_guess(c->s, c->n, &form))
        return "is not a time (Unix seconds, milliseconds, microseconds or ISO-8601)";
    if (!im->form_known) {
        im->form_known = true;
        im->form = form;
        pz_log(im->cfg->log, form == PZ_TIME_SECONDS ? PZ_LOG_DEBUG : PZ_LOG_NOTE,
               "TIMESTAMP is read as %s", pz_time_form_name(form));
    }
    if (form != im->form && (form == PZ_TIME_ISO8601 || im->form == PZ_TIME_ISO8601))
        return "is written in another form than the first row's";
    if (form != im->form && !(c->n == 1 && c->s[0] == '0'))
        return "is of another magnitude than the first row's (seconds or milliseconds?)";
    return pz_time_parse(c->s, c->n, im->form, time) ? NULL : "is out of range";
}

static const char *bad_value(const struct pz_cell *c, float *value)
{
    double x;

    *value = NAN;
    if (c->n == 0)
        return NULL;
    if (!pz_str_to_double(c->s, c->n, &x) || fabs(x) > 3.4e38)
        return "is not a number";
    *value = (float)x;
    return NULL;
}

static const char *bad_text(const struct pz_cell *c)
{
    if (memchr(c->s, '\0', c->n))
        return "has a NUL byte";
    return pz_str_is_utf8(c->s, c->n) ? NULL : "is not UTF-8";
}

/* The first thing wrong with a row: its column, *reason and *cell; PZ_OK columns give NULL. */
static const char *find_fault(struct import *im, const struct source *src, const struct pz_row *row,
                              struct values *v, const char **reason, const struct pz_cell **cell)
{
    for (size_t i = 0; i < src->n; i++) {
        *cell = &row->cell[i];
        if (i == src->role[ROLE_USER] || i == src->role[ROLE_ITEM])
            *reason = bad_id(*cell);
        else if (i == src->role[ROLE_TIME])
            *reason = bad_time(im, *cell, &v->time);
        else if (i == src->role[ROLE_VALUE])
            *reason = bad_value(*cell, &v->value);
        else if (i == src->role[ROLE_EVENT] && (*cell)->n == 0)
            *reason = "is empty";
        else
            *reason = bad_text(*cell);
        if (*reason)
            return pz_rows_column(src->in, i);
    }
    return NULL;
}

static enum pz_status add_id(struct pz_dict_builder *b, const struct pz_cell *c, uint32_t *number,
                             struct pz_err *err)
{
    *number = pz_dict_builder_add(b, c->s, c->n);
    return *number == PZ_NONE ? pz_err_memory(err, "ids", 1e6) : PZ_OK;
}

static bool grow_interactions(struct import *im, uint64_t n)
{
    return pz_mem_grow(&im->user, &im->cap_user, n, sizeof *im->user) &&
           pz_mem_grow(&im->item, &im->cap_item, n, sizeof *im->item) &&
           pz_mem_grow(&im->time, &im->cap_time, n, sizeof *im->time) &&
           (!im->has_event || pz_mem_grow(&im->event, &im->cap_event, n, 1)) &&
           (!im->has_value || pz_mem_grow(&im->value, &im->cap_value, n, sizeof *im->value));
}

static enum pz_status keep_interaction(struct import *im, const struct source *src,
                                       const struct pz_row *row, const struct values *v,
                                       struct pz_err *err)
{
    uint64_t r = im->table[PZ_INTERACTIONS].n;
    uint32_t event = 0;
    enum pz_status st;

    if (!grow_interactions(im, r + 1))
        return pz_err_memory(err, "interactions", 21.0 * (double)r);
    st = add_id(im->users, &row->cell[src->role[ROLE_USER]], &im->user[r], err);
    if (st == PZ_OK)
        st = add_id(im->items, &row->cell[src->role[ROLE_ITEM]], &im->item[r], err);
    im->time[r] = v->time;
    if (im->has_value)
        im->value[r] = v->value;
    if (st == PZ_OK && im->has_event)
        st = add_id(im->events, &row->cell[src->role[ROLE_EVENT]], &event, err);
    if (st == PZ_OK && event >= PZ_MAX_EVENT_TYPES)
        return pz_err_set(err, PZ_BAD_DATA, "%s:%llu: more than %d event types; is EVENT_TYPE the "
                          "right column?", pz_rows_name(src->in), (unsigned long long)row->line,
                          PZ_MAX_EVENT_TYPES);
    if (im->has_event)
        im->event[r] = (uint8_t)event;
    if (st == PZ_OK && src->role[ROLE_IMPRESSION] != SIZE_MAX) {
        const struct pz_cell *c = &row->cell[src->role[ROLE_IMPRESSION]];

        st = pz_cells_add(&im->impression, r, c->s, c->n, err);
    }
    return st;
}

static enum pz_status keep_row(struct import *im, const struct source *src, const struct pz_row *row,
                               const struct values *v, struct pz_err *err)
{
    struct table *t = &im->table[src->table];
    enum pz_status st;

    if (src->table == PZ_INTERACTIONS) {
        st = keep_interaction(im, src, row, v, err);
    } else {
        bool items = src->table == PZ_ITEMS;

        if (!pz_mem_grow(&t->id, &t->cap_id, t->n + 1, sizeof *t->id))
            return pz_err_memory(err, "ids", 4.0 * (double)t->n);
        st = add_id(items ? im->items : im->users,
                    &row->cell[src->role[items ? ROLE_ITEM : ROLE_USER]], &t->id[t->n], err);
    }
    for (size_t i = 0; i < src->n && st == PZ_OK; i++)
        if (src->cells[i] != SIZE_MAX)
            st = pz_cells_add(&t->cells[src->cells[i]], t->n, row->cell[i].s, row->cell[i].n, err);
    t->n++;
    return st;
}

static enum pz_status take_row(struct import *im, struct source *src, const struct pz_row *row,
                               struct pz_err *err)
{
    struct values v = { 0, NAN };
    const char *reason = NULL, *column;
    const struct pz_cell *cell = NULL;
    enum pz_status st;

    im->count[src->table].read++;
    if (row->bad)
        return reject_row(im, src, row, NULL, row->bad, NULL, err);
    st = bind_columns(im, src, err);
    if (st == PZ_OK && im->count[src->table].read == 1)
        st = check_required(im, src, err);
    if (st != PZ_OK)
        return st;
    for (int r = 0; r < N_ROLES; r++) /* JSON rows may lack a required key */
        if (src->role[r] != SIZE_MAX && src->role[r] >= src->n)
            return require(src, (enum role)r, err);
    column = find_fault(im, src, row, &v, &reason, &cell);
    if (column)
        return reject_row(im, src, row, column, reason, cell, err);
    return keep_row(im, src, row, &v, err);
}

static enum pz_status read_file(struct import *im, enum pz_table_id table, const char *path,
                                struct pz_err *err)
{
    struct source src = { .table = table };
    struct pz_row row = { 0 };
    uint64_t seen = 0, n = 0;
    enum pz_status st;

    for (int r = 0; r < N_ROLES; r++)
        src.role[r] = SIZE_MAX;
    st = pz_rows_open(path, &src.in, err);
    if (st == PZ_OK)
        st = bind_columns(im, &src, err);
    if (st == PZ_OK && src.n > 0) /* CSV: the header is known now */
        st = check_required(im, &src, err);
    if (st == PZ_OK)
        pz_log_begin(im->cfg->log, pz_table_name(table), "bytes", pz_rows_size(src.in));
    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(src.in, &row, err);
        if (st == PZ_OK && !row.end)
            st = take_row(im, &src, &row, err);
        if ((++n & 4095) == 0) {
            pz_log_step(im->cfg->log, pz_rows_consumed(src.in) - seen);
            seen = pz_rows_consumed(src.in);
            if (pz_stop_asked())
                st = pz_err_set(err, PZ_INTERRUPTED, "stopped");
        }
    }
    if (st == PZ_OK)
        pz_log_done(im->cfg->log);
    pz_rows_close(src.in);
    free(src.cells);
    return st;
}

static enum pz_status read_tables(struct import *im, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (int t = 0; t < PZ_N_TABLES; t++)
        for (size_t i = 0; i < im->cfg->files[t].n && st == PZ_OK; i++) {
            st = read_file(im, (enum pz_table_id)t, im->cfg->files[t].v[i], err);
            if (st == PZ_OK && im->count[t].read == 0)
                st = pz_err_set(err, PZ_BAD_DATA, "%s: a header but no rows", im->cfg->files[t].v[i]);
        }
    return st;
}

/* Item ids in impressions join the dictionary before it is sorted. */
static enum pz_status note_shown_items(struct import *im, struct pz_err *err)
{
    const struct pz_dict_builder *values = im->impression.values;

    for (uint32_t i = 0; values && i < pz_dict_builder_count(values); i++) {
        size_t len;
        const char *s = pz_dict_builder_get(values, i, &len), *end = s + len;

        while (s < end) {
            const char *bar = memchr(s, '|', (size_t)(end - s)), *stop = bar ? bar : end;

            if (stop > s && pz_dict_builder_add(im->items, s, (size_t)(stop - s)) == PZ_NONE)
                return pz_err_memory(err, "ids", 1e6);
            s = stop + 1;
        }
    }
    return PZ_OK;
}

struct finals {
    uint32_t *user, *item, *event; /* temporary number -> index */
};

static enum pz_status finish_ids(struct import *im, struct pz_dataset *ds, struct finals *f,
                                 struct pz_err *err)
{
    enum pz_status st = note_shown_items(im, err);

    if (st == PZ_OK)
        st = pz_dict_builder_finish(im->users, &ds->users, &f->user, err);
    if (st == PZ_OK)
        st = pz_dict_builder_finish(im->items, &ds->items, &f->item, err);
    if (st == PZ_OK)
        st = pz_dict_builder_finish(im->events, &ds->events, &f->event, err);
    for (uint64_t r = 0; r < im->table[PZ_INTERACTIONS].n && st == PZ_OK; r++) {
        im->user[r] = f->user[im->user[r]];
        im->item[r] = f->item[im->item[r]];
        if (im->has_event)
            im->event[r] = (uint8_t)f->event[im->event[r]];
    }
    return st;
}

/* Type the columns of a table into attrs of n_rows rows in reading order. */
static enum pz_status type_columns(const struct import *im, enum pz_table_id id,
                                   struct pz_attrs *attrs, struct pz_err *err)
{
    const struct table *t = &im->table[id];
    const struct pz_schema *schema = im->cfg->schema;
    enum pz_status st = PZ_OK;

    memset(attrs, 0, sizeof *attrs);
    attrs->owned = true;
    attrs->n_rows = t->n;
    attrs->attr = pz_mem_array(t->n_cells, sizeof *attrs->attr);
    if (!attrs->attr)
        return pz_err_memory(err, "columns", 1e4);
    for (size_t i = 0; i < t->n_cells && st == PZ_OK; i++) {
        const struct pz_field *field =
            schema && schema->given[id] ? pz_schema_find(schema, id, t->cells[i].name) : NULL;

        st = pz_cells_finish(&t->cells[i], t->n, field, &attrs->attr[i], err);
        attrs->n_attrs++;
    }
    return st;
}

static enum pz_status finish_interactions(struct import *im, struct pz_dataset *ds,
                                          struct pz_err *err)
{
    struct pz_attrs context = { 0 };
    struct pz_attr shown = { .name = "" };
    uint64_t n = im->table[PZ_INTERACTIONS].n;
    uint32_t *shown_item = NULL;
    struct pz_rows rows = { n, im->user, im->item, im->time, im->event, im->value, NULL, NULL,
                            &context };
    enum pz_status st = type_columns(im, PZ_INTERACTIONS, &context, err);

    if (st == PZ_OK && im->has_impression) {
        struct pz_field list = { .kind = PZ_ATTR_CATEGORY, .nullable = true };

        strcpy(im->impression.name, "IMPRESSION");
        st = pz_cells_finish(&im->impression, n, &list, &shown, err);
        if (st == PZ_OK && !(shown_item = pz_mem_array(shown.ptr[n], sizeof *shown_item)))
            st = pz_err_memory(err, "impressions", 4.0 * (double)shown.ptr[n]);
        for (uint64_t k = 0; st == PZ_OK && k < shown.ptr[n]; k++) {
            size_t len;
            const char *s = pz_dict_get(&shown.values, shown.code[k], &len);

            shown_item[k] = pz_dict_find(&ds->items, s, len);
        }
        rows.impression_ptr = shown.ptr;
        rows.impression = shown_item;
    }
    if (st == PZ_OK)
        st = pz_assemble(&rows, ds, &im->count[PZ_INTERACTIONS].duplicate, err);
    pz_attrs_clear(&context);
    free((void *)(uintptr_t)shown.ptr);
    free((void *)(uintptr_t)shown.code);
    pz_dict_clear(&shown.values);
    free(shown_item);
    return st;
}

static enum pz_status finish_rows(struct import *im, enum pz_table_id id, const uint32_t *final,
                                  uint32_t n, struct pz_attrs *out, struct pz_err *err)
{
    const struct table *t = &im->table[id];
    struct pz_attrs raw = { 0 };
    const struct pz_attrs *in = &raw;
    struct pz_source *source = pz_mem_array(n, sizeof *source);
    uint8_t *present;
    enum pz_status st = source ? type_columns(im, id, &raw, err)
                               : pz_err_memory(err, "columns", 16.0 * n);

    for (uint32_t i = 0; i < n && st == PZ_OK; i++)
        source[i].part = PZ_NONE;
    for (uint64_t r = 0; r < t->n && st == PZ_OK; r++) {
        struct pz_source *s = &source[final[t->id[r]]];

        im->count[id].duplicate += s->part != PZ_NONE;
        *s = (struct pz_source){ 0, r };
    }
    if (st == PZ_OK)
        st = pz_attrs_gather(&in, 1, source, n, out, err);
    if (st == PZ_OK) {
        out->present = present = pz_mem_array(n, 1);
        for (uint32_t i = 0; present && i < n; i++)
            present[i] = source[i].part != PZ_NONE;
        if (!present)
            st = pz_err_memory(err, "columns", n);
    }
    pz_attrs_clear(&raw);
    free(source);
    return st;
}

static enum pz_status judge_errors(const struct import *im, struct pz_err *err)
{
    uint64_t read = 0;
    double allowed = im->cfg->max_errors;

    for (int t = 0; t < PZ_N_TABLES; t++)
        read += im->count[t].read;
    if (im->cfg->percent)
        allowed = allowed / 100 * (double)read;
    if ((double)im->n_errors <= allowed)
        return PZ_OK;
    return pz_err_set(err, PZ_BAD_DATA,
                      "%llu bad rows of %llu%s; mend them, or allow some with --max-errors N or N%% "
                      "and keep them with --reject FILE",
                      (unsigned long long)im->n_errors, (unsigned long long)read,
                      im->n_errors > SHOWN_ERRORS ? " (the first 20 are named above)" : "");
}

static void import_clear(struct import *im)
{
    for (int t = 0; t < PZ_N_TABLES; t++) {
        for (size_t i = 0; i < im->table[t].n_cells; i++)
            pz_cells_clear(&im->table[t].cells[i]);
        free(im->table[t].cells);
        free(im->table[t].id);
    }
    pz_cells_clear(&im->impression);
    pz_dict_builder_free(im->users);
    pz_dict_builder_free(im->items);
    pz_dict_builder_free(im->events);
    free(im->user);
    free(im->item);
    free(im->time);
    free(im->event);
    free(im->value);
    pz_out_abort(im->reject);
}

static enum pz_status build(struct import *im, struct pz_dataset *ds, struct pz_err *err)
{
    struct finals f = { NULL, NULL, NULL };
    enum pz_status st = finish_ids(im, ds, &f, err);

    if (st == PZ_OK)
        st = finish_interactions(im, ds, err);
    if (st == PZ_OK)
        st = finish_rows(im, PZ_ITEMS, f.item, ds->items.n, &ds->item_attrs, err);
    if (st == PZ_OK)
        st = finish_rows(im, PZ_USERS, f.user, ds->users.n, &ds->user_attrs, err);
    free(f.user);
    free(f.item);
    free(f.event);
    for (int t = 0; t < PZ_N_TABLES; t++)
        im->count[t].kept = im->count[t].read - im->count[t].rejected - im->count[t].duplicate;
    return st;
}

enum pz_status pz_import(const struct pz_import_cfg *cfg, struct pz_dataset **out,
                         struct pz_import_count count[PZ_N_TABLES], struct pz_err *err)
{
    struct import im = { .cfg = cfg, .count = count };
    struct pz_dataset *ds = calloc(1, sizeof *ds);
    enum pz_status st = PZ_OK;

    *out = NULL;
    memset(count, 0, PZ_N_TABLES * sizeof *count);
    im.users = pz_dict_builder_new();
    im.items = pz_dict_builder_new();
    im.events = pz_dict_builder_new();
    if (!ds || !im.users || !im.items || !im.events)
        st = pz_err_memory(err, "an import", 1e5);
    if (st == PZ_OK && cfg->reject)
        st = pz_out_open(cfg->reject, &im.reject, err);
    if (st == PZ_OK)
        st = read_tables(&im, err);
    if (st == PZ_OK && im.reject) {
        st = pz_out_commit(im.reject, err);
        im.reject = NULL;
    }
    if (st == PZ_OK)
        st = judge_errors(&im, err);
    if (st == PZ_OK)
        st = build(&im, ds, err);
    import_clear(&im);
    if (st != PZ_OK) {
        pz_dataset_free(ds);
        ds = NULL;
    }
    *out = ds;
    return st;
}
