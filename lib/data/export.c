/* SPDX-License-Identifier: Apache-2.0 */
/* Export: see export.h. Lines are collected in a buffer that is written out when it is large, so
 * memory does not grow with the table.
 *
 * The text is chosen so that pz-import reads the same values back: cells are quoted only where
 * CSV asks for it, several values of a cell are joined by '|', null is an empty cell, and rows
 * come in the order of the dataset, which is that of the import. Rows of items and users are
 * only those that the import had, not every id that interacts. */
#include "data/export.h"

#include <math.h>

#include "base/log.h"
#include "base/signals.h"

enum { FLUSH_BYTES = 1 << 20 };

struct sink {
    struct pz_out *out;
    struct pz_str text;
};

static enum pz_status flush(struct sink *sink, size_t at_least, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (sink->text.failed)
        return pz_err_memory(err, "a line", (double)sink->text.len);
    if (pz_stop_asked())
        return pz_err_set(err, PZ_INTERRUPTED, "stopped; nothing was written");
    if (sink->text.len > at_least) {
        st = pz_out_write(sink->out, sink->text.data, sink->text.len, err);
        pz_str_reset(&sink->text);
    }
    return st;
}

static void add_string(struct pz_str *text, const struct pz_dict *dict, uint32_t i)
{
    size_t n;
    const char *s = pz_dict_get(dict, i, &n);

    pz_str_add_csv(text, s, n, ',');
}

/* A list of values joined with '|', quoted as a whole where it must be. */
static void add_list(struct pz_str *text, const struct pz_dict *dict, const uint32_t *code,
                     uint64_t n)
{
    struct pz_str cell = { 0 };

    /* The commonest case, without a copy. */
    if (n == 1) {
        add_string(text, dict, code[0]);
        return;
    }
    for (uint64_t k = 0; k < n; k++) {
        size_t len;
        const char *s = pz_dict_get(dict, code[k], &len);

        if (k > 0)
            pz_str_addc(&cell, '|');
        pz_str_add(&cell, s, len);
    }
    if (n > 0)
        pz_str_add_csv(text, cell.data, cell.len, ',');
    text->failed |= cell.failed;
    pz_str_clear(&cell);
}

static void add_attrs(struct pz_str *text, const struct pz_attrs *attrs, uint64_t row)
{
    for (uint32_t i = 0; i < attrs->n_attrs; i++) {
        const struct pz_attr *a = &attrs->attr[i];

        pz_str_addc(text, ',');
        if (a->num)
            pz_attr_add_text(text, a, row);
        else
            add_list(text, &a->values, a->code + a->ptr[row], a->ptr[row + 1] - a->ptr[row]);
    }
    pz_str_addc(text, '\n');
}

static void add_header(struct pz_str *text, const struct pz_attrs *attrs)
{
    for (uint32_t i = 0; i < attrs->n_attrs; i++) {
        pz_str_addc(text, ',');
        pz_str_adds(text, attrs->attr[i].name);
    }
    pz_str_addc(text, '\n');
}

static void add_interaction(struct pz_str *text, const struct pz_dataset *ds, uint32_t user,
                            uint64_t p)
{
    add_string(text, &ds->users, user);
    pz_str_addc(text, ',');
    add_string(text, &ds->items, ds->item[p]);
    pz_str_addf(text, ",%lld", (long long)ds->time[p]);
    if (ds->event) {
        pz_str_addc(text, ',');
        add_string(text, &ds->events, ds->event[p]);
    }
    if (ds->value) {
        pz_str_addc(text, ',');
        if (!isnan(ds->value[p]))
            pz_str_add_float(text, ds->value[p]);
    }
    if (ds->impression_ptr) {
        uint64_t from = ds->impression_ptr[p], to = ds->impression_ptr[p + 1];

        pz_str_addc(text, ',');
        add_list(text, &ds->items, ds->impression + from, to - from);
    }
    add_attrs(text, &ds->context, p);
}

static enum pz_status export_interactions(const struct pz_dataset *ds, struct sink *sink,
                                          struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    pz_str_adds(&sink->text, "USER_ID,ITEM_ID,TIMESTAMP");
    pz_str_adds(&sink->text, ds->event ? ",EVENT_TYPE" : "");
    pz_str_adds(&sink->text, ds->value ? ",EVENT_VALUE" : "");
    pz_str_adds(&sink->text, ds->impression_ptr ? ",IMPRESSION" : "");
    add_header(&sink->text, &ds->context);
    for (uint32_t u = 0; u < ds->users.n && st == PZ_OK; u++) {
        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++)
            add_interaction(&sink->text, ds, u, p);
        st = flush(sink, FLUSH_BYTES, err);
    }
    return st;
}

static enum pz_status export_rows(const struct pz_attrs *attrs, const struct pz_dict *ids,
                                  const char *id_name, struct sink *sink, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    pz_str_adds(&sink->text, id_name);
    add_header(&sink->text, attrs);
    for (uint32_t i = 0; i < ids->n && st == PZ_OK; i++) {
        /* An id that only interacts has no row; written, it would become one when imported again.
         */
        if (attrs->present && !attrs->present[i])
            continue;
        add_string(&sink->text, ids, i);
        add_attrs(&sink->text, attrs, i);
        st = flush(sink, FLUSH_BYTES, err);
    }
    return st;
}

bool pz_export_has(const struct pz_dataset *ds, enum pz_table_id table)
{
    const struct pz_attrs *attrs = table == PZ_ITEMS ? &ds->item_attrs : &ds->user_attrs;

    if (table == PZ_INTERACTIONS || attrs->n_attrs > 0)
        return true;
    for (uint64_t i = 0; attrs->present && i < attrs->n_rows; i++)
        if (attrs->present[i])
            return true;
    return false;
}

enum pz_status pz_export(const struct pz_dataset *ds, enum pz_table_id table, struct pz_out *out,
                         struct pz_err *err)
{
    struct sink sink = { .out = out };
    enum pz_status st;

    if (!pz_export_has(ds, table))
        return pz_err_set(err, PZ_BAD_DATA, "the dataset has no %s table", pz_table_name(table));
    if (table == PZ_INTERACTIONS)
        st = export_interactions(ds, &sink, err);
    else if (table == PZ_ITEMS)
        st = export_rows(&ds->item_attrs, &ds->items, "ITEM_ID", &sink, err);
    else
        st = export_rows(&ds->user_attrs, &ds->users, "USER_ID", &sink, err);
    if (st == PZ_OK)
        st = flush(&sink, 0, err);
    pz_str_clear(&sink.text);
    return st;
}
