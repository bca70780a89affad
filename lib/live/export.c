/* SPDX-License-Identifier: Apache-2.0 */
/* Export: see export.h. Which columns there are is known only at the end, so the events are
 * walked twice, as of one moment: once for the names, once for the lines. Rows likewise.
 *
 * The file must import into a dataset that merges with the model's: columns are named as in the
 * model, else in capitals, and a value that does not fit the model's type becomes null (and is
 * counted), as it would take its whole row with it. A change of rows during the export is in the
 * file and counts again as live, which is the same row. */
#include "live/export.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/opt.h"
#include "base/str.h"
#include "data/watermarks.h"
#include "live/put_private.h"
#include "table/table.h"

/* A client that makes a type or a column of every id must not keep the rest from being exported:
 * what is more than a dataset can have becomes this type, or null. */
static const char other_type[] = "other";
enum { COLUMNS_MAX = 4000 };

/* Columns beside the fixed ones. */
struct columns {
    struct pz_strs name;   /* as they are written into the file */
    struct pz_arena texts; /* of the names */
    struct pz_str *cell;   /* [name.n] of the line in the making */
};

static void columns_clear(struct columns *c)
{
    for (size_t i = 0; c->cell && i < c->name.n; i++)
        pz_str_clear(&c->cell[i]);
    free(c->cell);
    pz_strs_clear(&c->name);
    pz_arena_clear(&c->texts);
}

/* Rows and events mostly have their columns in one order: look first at place `at`. */
static size_t find_column(const struct columns *c, size_t at, const char *name)
{
    if (at < c->name.n && strcmp(c->name.v[at], name) == 0)
        return at;
    for (size_t i = 0; i < c->name.n; i++)
        if (pz_str_same_name(c->name.v[i], name))
            return i;
    return SIZE_MAX;
}

/* deviceType becomes DEVICE_TYPE, as columns are named in schemas. */
static void add_capitals(struct pz_str *out, const char *name)
{
    for (const char *p = name; *p; p++) {
        if (p > name && isupper((unsigned char)p[0]) && islower((unsigned char)p[-1]))
            pz_str_addc(out, '_');
        pz_str_addc(out, (char)toupper((unsigned char)*p));
    }
}

static enum pz_status add_column(struct columns *c, const struct pz_attrs *known, size_t at,
                                 const char *name, struct pz_err *err)
{
    const struct pz_attr *a;
    struct pz_str text = { 0 };
    const char *kept;

    if (find_column(c, at, name) != SIZE_MAX || c->name.n == COLUMNS_MAX)
        return PZ_OK;
    a = pz_attrs_find(known, name);
    if (a)
        pz_str_adds(&text, a->name);
    else
        add_capitals(&text, name);
    kept = text.failed ? NULL : pz_arena_strndup(&c->texts, text.data, text.len);
    pz_str_clear(&text);
    return kept && pz_strs_add(&c->name, kept) ? PZ_OK : pz_err_memory(err, "columns", 1e4);
}

static enum pz_status make_cells(struct columns *c, struct pz_err *err)
{
    c->cell = pz_mem_array(c->name.n, sizeof *c->cell);
    return c->cell ? PZ_OK : pz_err_memory(err, "columns", 1e4);
}

static void add_text(struct pz_str *line, const char *text)
{
    if (text)
        pz_str_add_csv(line, text, strlen(text), ',');
}

/* The rest of a line, and the line into the file; cells are empty afterwards. */
static enum pz_status end_line(struct pz_str *line, struct columns *c, struct pz_out *out,
                               struct pz_err *err)
{
    bool failed = false;

    for (size_t i = 0; i < c->name.n; i++) {
        pz_str_addc(line, ',');
        add_text(line, c->cell[i].len ? c->cell[i].data : NULL);
        failed |= c->cell[i].failed;
        pz_str_reset(&c->cell[i]);
    }
    pz_str_addc(line, '\n');
    return line->failed || failed ? pz_err_memory(err, "a line", 1e5)
                                  : pz_out_write(out, line->data, line->len, err);
}

static enum pz_status begin_file(struct pz_str *line, const char *fixed, const struct columns *c,
                                 struct pz_out *out, struct pz_err *err)
{
    pz_str_reset(line);
    pz_str_adds(line, fixed);
    for (size_t i = 0; i < c->name.n; i++) {
        pz_str_addc(line, ',');
        add_text(line, c->name.v[i]);
    }
    pz_str_addc(line, '\n');
    return line->failed ? pz_err_memory(err, "a line", 1e4)
                        : pz_out_write(out, line->data, line->len, err);
}

/* ---- events ---- */

struct events {
    const struct pz_attrs *known;
    struct columns columns;
    struct pz_out *out;
    struct pz_str line;
    struct pz_exported *done;
    struct pz_dict_builder *types; /* of the model, and those that came since */
};

static enum pz_status meet_columns(struct events *x, const struct pz_event *e, const json_t *props,
                                   struct pz_err *err)
{
    const char *key;
    json_t *value;
    size_t at = 0;
    enum pz_status st = e->impression ? add_column(&x->columns, NULL, 0, "IMPRESSION", err) : PZ_OK;

    if (st == PZ_OK && e->recommendation_id)
        st = add_column(&x->columns, NULL, 0, "RECOMMENDATION_ID", err);
    if (st == PZ_OK)
        json_object_foreach (pz_json_lend(props), key, value)
            if ((st = add_column(&x->columns, x->known, at++, key, err)) != PZ_OK)
                break;
    return st;
}

/* A value that does not fit the model's column, or no dataset, would take its whole row with it. */
static void null_misfit(const struct pz_attrs *known, const char *name, const json_t *value,
                        struct pz_str *cell, struct pz_exported *done)
{
    const struct pz_attr *a = cell->len > 0 ? pz_attrs_find(known, name) : NULL;

    if (cell->len == 0 || !(pz_put_text_fault(cell->data, cell->len) ||
                            (a && pz_put_check(a, value, cell->data, cell->len))))
        return;
    pz_str_reset(cell);
    done->nulled++;
}

/* A text of the event itself into its column. */
static void fill_column(struct events *x, size_t at, const char *name, const char *text)
{
    size_t i = text ? find_column(&x->columns, at, name) : SIZE_MAX;

    if (i != SIZE_MAX && !pz_put_shown_fault(text, strlen(text)))
        pz_str_adds(&x->columns.cell[i], text);
    else if (i != SIZE_MAX)
        x->done->nulled++;
}

static const char *type_of(struct events *x, const char *type)
{
    uint32_t number = pz_dict_builder_add(x->types, type, strlen(type));

    x->line.failed |= number == PZ_NONE;
    if (number < PZ_MAX_EVENT_TYPES - 1 || strcmp(type, other_type) == 0)
        return type;
    x->done->retyped++;
    return other_type;
}

static enum pz_status write_event(struct events *x, const struct pz_event *e, const json_t *props,
                                  struct pz_err *err)
{
    struct pz_str *line = &x->line;
    const char *key;
    json_t *value;
    size_t at = 0;

    pz_str_reset(line);
    add_text(line, e->user_id);
    pz_str_addc(line, ',');
    add_text(line, e->item_id);
    pz_str_addf(line, ",%lld,", (long long)e->time);
    add_text(line, type_of(x, e->event_type));
    pz_str_addc(line, ',');
    if (!isnan(e->value))
        pz_str_add_double(line, e->value);
    fill_column(x, 0, "IMPRESSION", e->impression);
    fill_column(x, 1, "RECOMMENDATION_ID", e->recommendation_id);
    json_object_foreach (pz_json_lend(props), key, value) {
        size_t i = find_column(&x->columns, at++, key);

        if (i == SIZE_MAX)
            x->done->nulled += x->columns.name.n == COLUMNS_MAX;
        if (i == SIZE_MAX || x->columns.cell[i].len > 0)
            continue;
        pz_put_cell(value, &x->columns.cell[i]);
        null_misfit(x->known, key, value, &x->columns.cell[i], x->done);
    }
    x->done->n++;
    return end_line(line, &x->columns, x->out, err);
}

static const char events_head[] = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE";

static enum pz_status begin_events(struct events *x, struct pz_err *err)
{
    enum pz_status st = make_cells(&x->columns, err);

    return st == PZ_OK ? begin_file(&x->line, events_head, &x->columns, x->out, err) : st;
}

static enum pz_status export_event(void *context, int pass, uint64_t number,
                                   const struct pz_event *e, struct pz_err *err)
{
    struct events *x = context;
    json_t *props = NULL;
    enum pz_status st = PZ_OK;

    if (pass == 1 && !x->columns.cell)
        st = begin_events(x, err);
    x->done->live_seen = number > x->done->live_seen ? number : x->done->live_seen;
    if (!e->user_id ||
        !e->item_id) { /* sessions nobody joined and events without an item train nothing */
        x->done->nobodys += pass == 1;
        return st;
    }
    if (st == PZ_OK && e->properties)
        st = pz_json_parse(e->properties, strlen(e->properties), "properties", &props, err);
    if (st == PZ_OK)
        st = pass == 0 ? meet_columns(x, e, props, err) : write_event(x, e, props, err);
    json_decref(props);
    return st;
}

enum pz_status pz_live_export_events(struct pz_live_store *s, const struct pz_model *m,
                                     uint64_t after, struct pz_out *out, struct pz_exported *done,
                                     struct pz_err *err)
{
    struct events x = {
        .known = m ? &m->context : NULL, .out = out, .done = done, .types = pz_dict_builder_new()
    };
    enum pz_status st = x.types ? PZ_OK : pz_err_memory(err, "event types", 1e4);

    done->live_seen = after;
    for (uint32_t e = 0; m && e < m->events.n && st == PZ_OK; e++) {
        size_t n;
        const char *type = pz_dict_get(&m->events, e, &n);

        if (pz_dict_builder_add(x.types, type, n) == PZ_NONE)
            st = pz_err_memory(err, "event types", 1e4);
    }
    if (st == PZ_OK && s)
        st = pz_live_each(s, after, 2, export_event, &x, err);
    if (st == PZ_OK && !x.columns.cell)
        st = begin_events(&x, err);
    columns_clear(&x.columns);
    pz_dict_builder_free(x.types);
    pz_str_clear(&x.line);
    return st;
}

/* ---- rows ---- */

struct rows {
    const struct pz_attrs *known;
    struct columns columns;
    struct pz_out *out;
    struct pz_str line;
    struct pz_exported *done;
};

static enum pz_status meet_row(void *context, const struct pz_live_row *row, struct pz_err *err)
{
    struct rows *x = context;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < row->n && st == PZ_OK; i++)
        st = add_column(&x->columns, NULL, i, row->name[i], err);
    return st;
}

static enum pz_status write_row(void *context, const struct pz_live_row *row, struct pz_err *err)
{
    struct rows *x = context;

    pz_str_reset(&x->line);
    add_text(&x->line, row->id);
    for (size_t i = 0; i < row->n;
         i++) { /* a column that came between the passes waits for the next */
        size_t at = find_column(&x->columns, i, row->name[i]);

        if (at == SIZE_MAX)
            x->done->nulled += x->columns.name.n == COLUMNS_MAX;
        if (at == SIZE_MAX || x->columns.cell[at].len > 0)
            continue;
        pz_str_adds(&x->columns.cell[at], row->value[i]);
        null_misfit(x->known, row->name[i], NULL, &x->columns.cell[at], x->done);
    }
    x->done->n++;
    return end_line(&x->line, &x->columns, x->out, err);
}

/* rows_seen is read first: a row that changes afterwards is in the file and counts again as live,
 * which is the same row. */
enum pz_status pz_live_export_rows(struct pz_live_store *s, enum pz_live_table table,
                                   const struct pz_export_cfg *cfg, struct pz_out *out,
                                   struct pz_exported *done, struct pz_err *err)
{
    const struct pz_model *m = cfg->model;
    uint64_t after = cfg->rows_after;
    struct rows x = { .known = !m                       ? NULL
                               : table == PZ_LIVE_ITEMS ? &m->item_attrs
                                                        : &m->user_attrs,
                      .out = out,
                      .done = done };
    struct pz_live_size size = { .rows_last = after };
    enum pz_status st = s ? pz_live_count(s, &size, err) : PZ_OK;

    if (st == PZ_OK && s)
        st = pz_live_each_row(s, table, after, meet_row, &x, err);
    if (st == PZ_OK)
        st = make_cells(&x.columns, err);
    if (st == PZ_OK)
        st = begin_file(&x.line, table == PZ_LIVE_ITEMS ? "ITEM_ID" : "USER_ID", &x.columns, out,
                        err);
    if (st == PZ_OK && s)
        st = pz_live_each_row(s, table, after, write_row, &x, err);
    if (done->rows_seen == 0 || size.rows_last < done->rows_seen)
        done->rows_seen = size.rows_last;
    columns_clear(&x.columns);
    pz_str_clear(&x.line);
    return st;
}

static enum pz_status write_id(void *context, const char *user_id, uint64_t number,
                               struct pz_err *err)
{
    struct rows *x = context;

    (void)number;
    pz_str_reset(&x->line);
    add_text(&x->line, user_id);
    x->done->n++;
    return end_line(&x->line, &x->columns, x->out, err);
}

enum pz_status pz_live_export_forgotten(struct pz_live_store *s, struct pz_out *out,
                                        struct pz_exported *done, struct pz_err *err)
{
    struct rows x = { .out = out, .done = done };
    enum pz_status st = begin_file(&x.line, "USER_ID", &x.columns, out, err);

    if (st == PZ_OK && s)
        st = pz_live_each_forgotten(s, write_id, &x, err);
    pz_str_clear(&x.line);
    return st;
}

/* The forgotten users of one table, into the builder. */
static enum pz_status add_forgotten_in(struct pz_live_store *s, const char *path,
                                       struct pz_dict_builder *b, struct pz_err *err)
{
    struct pz_table *t = NULL;
    struct pz_dict users;
    uint32_t *user = NULL, n = 0;
    enum pz_status st = pz_table_open(path, NULL, &t, err);

    if (st == PZ_OK)
        st = pz_table_get_dict(t, "users", &users, err);
    if (st == PZ_OK)
        st = pz_live_find_forgotten(s, &users, &user, &n, err);
    for (uint32_t i = 0; i < n && st == PZ_OK; i++) {
        size_t len;
        const char *id = pz_dict_get(&users, user[i], &len);

        if (pz_dict_builder_add(b, id, len) == PZ_NONE)
            st = pz_err_memory(err, "users", 1e3);
    }
    free(user);
    pz_table_close(t);
    return st;
}

enum pz_status pz_live_export_forgotten_in(struct pz_live_store *s, const char *const *path,
                                           size_t n, struct pz_out *out, struct pz_exported *done,
                                           struct pz_err *err)
{
    struct rows x = { .out = out, .done = done };
    struct pz_dict_builder *b = pz_dict_builder_new();
    struct pz_dict found = { 0 };
    enum pz_status st = b ? PZ_OK : pz_err_memory(err, "users", 1e3);

    for (size_t i = 0; s && i < n && st == PZ_OK; i++)
        st = add_forgotten_in(s, path[i], b, err);
    if (st == PZ_OK)
        st = pz_dict_builder_finish(b, &found, NULL, err);
    if (st == PZ_OK)
        st = found.n
                 ? begin_file(&x.line, "USER_ID", &x.columns, out, err)
                 : pz_err_set(err, PZ_NEGATIVE, "none of the forgotten users is in these files");
    for (uint32_t i = 0; i < found.n && st == PZ_OK; i++) {
        size_t len;
        const char *id = pz_dict_get(&found, i, &len);

        pz_str_reset(&x.line);
        pz_str_add_csv(&x.line, id, len, ',');
        done->n++;
        st = end_line(&x.line, &x.columns, out, err);
    }
    pz_dict_clear(&found);
    pz_dict_builder_free(b);
    pz_str_clear(&x.line);
    return st;
}

/* ---- what a model lacks ---- */

/* Numbers after `after` that were collected are nowhere to export from. */
static enum pz_status check_collected(uint64_t after, uint64_t collected, const char *what,
                                      struct pz_err *err)
{
    return after >= collected
               ? PZ_OK
               : pz_err_set(err, PZ_BAD_DATA,
                            "the model lacks %s %llu-%llu, which were collected from the live "
                            "store: merge or update with the dataset that has them first",
                            what, (unsigned long long)after + 1, (unsigned long long)collected);
}

enum pz_status pz_live_lacking(struct pz_live_store *s, const struct pz_model *m,
                               struct pz_export_cfg *cfg, struct pz_err *err)
{
    const char *text = json_string_value(json_object_get(m->manifest, "live"));
    const struct pz_watermark *mark = NULL;
    struct pz_watermarks marks = { .n = 0 };
    struct pz_live_size size = { .last = 0 };
    enum pz_status st = s ? pz_live_count(s, &size, err) : PZ_OK;

    if (st == PZ_OK && text)
        st = pz_watermarks_read(&marks, text, err);
    if (st == PZ_OK && s)
        st = pz_live_add_origins(s, &marks, err);
    if (st == PZ_OK)
        st = pz_watermarks_check(&marks, true, "the model's data", err);
    if (st == PZ_OK)
        mark = pz_watermarks_find(&marks, size.store);
    cfg->after = mark ? mark->events : 0;
    cfg->rows_after = mark ? mark->rows : 0;
    pz_watermarks_clear(&marks);
    if (st == PZ_OK && cfg->after >= size.last && cfg->rows_after >= size.rows_last)
        return pz_err_set(err, PZ_NEGATIVE, "nothing new: the model has all up to number %llu",
                          (unsigned long long)size.last);
    if (st == PZ_OK)
        st = check_collected(cfg->after, size.collected, "events", err);
    return st == PZ_OK ? check_collected(cfg->rows_after, size.rows_collected, "rows", err) : st;
}
