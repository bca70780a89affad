/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of Items as rules read them: by name, a row put since the model was made in place of
 * the model's whole row. A column that such a row lacks is null in it, whatever the model has.
 *
 * The model and the overlay have dictionaries of their own, so values are compared by a 64-bit
 * hash of their text, and numbers by a hash of their bits. Where an item's row is, is looked up
 * at each reading: nothing is copied, and a column costs nothing until it is read. */
#include "rank/column.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "table/hash.h"

enum { NAMES_MAX = 256 };

static enum pz_status no_column(const struct pz_model *m, const char *name, struct pz_err *err)
{
    const struct pz_attrs *attrs = &m->item_attrs;
    const char *names[NAMES_MAX];
    size_t n = 0;

    while (n < attrs->n_attrs && n < NAMES_MAX) {
        names[n] = attrs->attr[n].name;
        n++;
    }
    return pz_err_set(err, PZ_USAGE, "Items has no column \"%s\"%s", name,
                      pz_str_hint("", name, names, n).text);
}

enum pz_status pz_column_find(const struct pz_asked *asked, const char *name, struct pz_column *out,
                              struct pz_err *err)
{
    const struct pz_overlay *overlay = asked->req->live ? asked->req->live->items : NULL;

    if (strncasecmp(name, "items.", 6) == 0)
        name += 6;
    *out = (struct pz_column){ .base = pz_attrs_find(&asked->m->item_attrs, name),
                               .over = overlay ? pz_attrs_find(&overlay->attrs, name) : NULL,
                               .overlay = overlay,
                               .items = &asked->m->items };
    return out->base || out->over ? PZ_OK : no_column(asked->m, name, err);
}

/* The column and the row that hold an item's values; NULL: they are null. */
static const struct pz_attr *locate(const struct pz_column *c, uint32_t item, uint64_t *row)
{
    if (c->overlay) {
        size_t len;
        const char *id = pz_dict_get(c->items, item, &len);
        uint32_t k = pz_dict_find(&c->overlay->ids, id, len);

        if (k != PZ_NONE) {
            *row = k;
            return c->over;
        }
    }
    *row = item;
    return c->base;
}

size_t pz_column_count(const struct pz_column *c, uint32_t item)
{
    uint64_t row;
    const struct pz_attr *a = locate(c, item, &row);

    if (!a)
        return 0;
    return a->num ? (size_t)!isnan(a->num[row]) : (size_t)(a->ptr[row + 1] - a->ptr[row]);
}

uint64_t pz_column_key(const struct pz_column *c, uint32_t item, size_t k)
{
    uint64_t row;
    const struct pz_attr *a = locate(c, item, &row);
    size_t len;
    const char *text;

    if (a->num)
        return pz_hash64(&a->num[row], sizeof *a->num);
    text = pz_dict_get(&a->values, a->code[a->ptr[row] + k], &len);
    return pz_hash64(text, len);
}

double pz_column_number(const struct pz_column *c, uint32_t item)
{
    uint64_t row;
    const struct pz_attr *a = locate(c, item, &row);

    return a && a->num ? a->num[row] : NAN;
}
