/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of Items in answers. A row put since the model was made replaces the model's whole
 * row: a column that such a row lacks is null, as PutItems has it.
 *
 * A column is found by name once, in the model and in the overlay; either may lack it, but not
 * both. Values become text as CSV cells have them, several joined by '|'. Nothing is copied:
 * columns borrow from the snapshot and live as long as it does. */
#include "answer/columns.h"

#include <string.h>

enum { NAMES_MAX = 256 };

static enum pz_status no_column(const struct pz_model *m, const char *name, struct pz_err *err)
{
    const char *names[NAMES_MAX];
    size_t n = 0;

    for (; n < m->item_attrs.n_attrs && n < NAMES_MAX; n++)
        names[n] = m->item_attrs.attr[n].name;
    return pz_err_set(err, PZ_USAGE, "--columns: Items has no column \"%s\"%s", name,
                      pz_str_hint("", name, names, n).text);
}

/* Add the column of that name; false: there is none. */
static bool add(struct pz_columns *c, const char *name)
{
    struct pz_shown_column *k = &c->column[c->n];

    k->base = pz_attrs_find(&c->m->item_attrs, name);
    k->over = c->over ? pz_attrs_find(&c->over->attrs, name) : NULL;
    if (!k->base && !k->over)
        return false;
    k->name = k->base ? k->base->name : k->over->name;
    c->n++;
    return true;
}

static void start(struct pz_columns *c, const struct pz_snapshot *snap)
{
    *c = (struct pz_columns){ .m = snap->model, .over = snap->view ? snap->view->items : NULL };
}

enum pz_status pz_columns_find(const struct pz_snapshot *snap, const char *names,
                               struct pz_columns *out, struct pz_err *err)
{
    start(out, snap);
    while (names && *names) {
        char name[PZ_NAME_MAX + 1];
        size_t n = strcspn(names, ",");

        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), names);
        if (out->n == PZ_MAX_COLUMNS)
            return pz_err_set(err, PZ_USAGE, "--columns: at most %d columns", PZ_MAX_COLUMNS);
        if (n > 0 && !add(out, name))
            return no_column(snap->model, name, err);
        names += n + (names[n] == ',');
    }
    return PZ_OK;
}

bool pz_columns_title(const struct pz_snapshot *snap, struct pz_columns *out)
{
    const struct pz_attr *a;

    start(out, snap);
    a = pz_attrs_title(&out->m->item_attrs);
    if (!a && out->over)
        a = pz_attrs_title(&out->over->attrs);
    return a && add(out, a->name);
}

void pz_columns_add(struct pz_str *out, const struct pz_columns *c, size_t k, uint32_t item)
{
    const struct pz_attr *a = c->column[k].base;
    uint64_t row = item;

    if (item == PZ_NONE)
        return;
    if (c->over) {
        size_t n;
        const char *id = pz_dict_get(&c->m->items, item, &n);
        uint32_t put = pz_dict_find(&c->over->ids, id, n);

        if (put != PZ_NONE) {
            a = c->column[k].over;
            row = put;
        }
    }
    if (a && row < (a == c->column[k].over ? c->over->attrs.n_rows : c->m->item_attrs.n_rows))
        pz_attr_add_text(out, a, row);
}
