/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for a person at a terminal: aligned columns, titles where Items has such a column,
 * reasons in words. See write.h.
 *
 * Cells are made first, then every column gets the width of its widest cell (characters, not
 * bytes); the last one is not padded. Long texts are cut with an ellipsis, between characters. A
 * reason names the history's items that gave most, by their part of the blend. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "answer/write.h"
#include "base/mem.h"

enum { CELL_MAX = 40 /* characters of a title or column that are shown */ };

struct grid {
    struct pz_str *cell; /* [rows * cols], owned */
    size_t rows, cols;
};

/* Characters of UTF-8 text. */
static size_t width(const struct pz_str *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->len; i++)
        n += ((unsigned char)s->data[i] & 0xc0) != 0x80;
    return n;
}

/* Cut after max characters, with an ellipsis. */
static void cut(struct pz_str *s, size_t max)
{
    size_t n = 0, i = 0;

    if (width(s) <= max)
        return;
    for (; i < s->len && n < max; i++)
        n += ((unsigned char)s->data[i] & 0xc0) != 0x80;
    /* i stands behind the first byte of the character that gives way to the ellipsis. */
    s->len = i - 1;
    s->data[s->len] = '\0';
    pz_str_adds(s, "…");
}

static void add_grid(struct pz_str *out, const struct grid *g)
{
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t c = 0; c < g->cols; c++) {
            const struct pz_str *s = &g->cell[r * g->cols + c];
            size_t max = 0;

            /* A page of rows: widths are found again for each cell without harm. */
            for (size_t k = 0; k < g->rows; k++) {
                size_t w = width(&g->cell[k * g->cols + c]);

                max = w > max ? w : max;
            }
            pz_str_add_plain(out, s->len ? s->data : "", s->len);
            out->failed |= s->failed;
            if (c + 1 < g->cols)
                pz_str_addf(out, "%*s", (int)(max - width(s) + 2), "");
        }
        pz_str_addc(out, '\n');
    }
}

/* What people call an item: its title, else its id. */
static void add_name(struct pz_str *out, const struct pz_show *show, const struct pz_columns *title,
                     uint32_t item)
{
    size_t len = out->len, n;
    const char *id;

    if (title->n > 0)
        pz_columns_add(out, title, 0, item);
    if (out->len > len)
        return;
    id = pz_dict_get(&show->snap->model->items, item, &n);
    pz_str_add(out, id, n);
}

/* "because of A (57 %), B (28 %)": the history's items that gave most, by their part of the blend.
 */
static void add_words(struct pz_str *out, const struct pz_show *show,
                      const struct pz_columns *title, const struct pz_reason *reason)
{
    const char *before = "because of ";

    for (size_t i = 0; i < reason->n_causes && reason->blend > 0; i++) {
        double percent = 100 * (double)(reason->cause[i].share / reason->blend);

        /* Less than a percent of the score is no reason that anybody wants to read. */
        if (percent < 1)
            continue;
        pz_str_adds(out, before);
        add_name(out, show, title, reason->cause[i].item);
        pz_str_addf(out, " (%.0f %%)", percent);
        before = ", ";
    }
    if (reason->exploration > 0)
        pz_str_adds(out, *before == ',' ? "; it is new" : "it is new");
}

static void fill_head(struct grid *g, const struct pz_show *show, bool titled, bool explained)
{
    struct pz_str *c = g->cell;

    pz_str_adds(c++, "rank");
    pz_str_adds(c++, "item");
    if (titled)
        pz_str_adds(c++, "title");
    for (size_t k = 0; k < show->columns.n; k++)
        pz_str_adds(c++, show->columns.column[k].name);
    pz_str_adds(c++, "score");
    pz_str_adds(c++, "source");
    if (explained)
        pz_str_adds(c, "why");
}

static void fill_row(struct grid *g, size_t i, const struct pz_show *show,
                     const struct pz_columns *title, const struct pz_answer *a)
{
    const struct pz_hit *h = &a->hit[i];
    struct pz_str *c = g->cell + (i + 1) * g->cols;
    size_t n = h->id ? strlen(h->id) : 0;
    const char *id = h->item == PZ_NONE ? h->id
                                        : pz_dict_get(&show->snap->model->items, h->item, &n);

    pz_str_addf(c++, "%zu", i + 1);
    pz_str_add(c++, id, n);
    if (title->n > 0) {
        pz_columns_add(c, title, 0, h->item);
        cut(c++, CELL_MAX);
    }
    for (size_t k = 0; k < show->columns.n; k++) {
        pz_columns_add(c, &show->columns, k, h->item);
        cut(c++, CELL_MAX);
    }
    if (!isnan(h->score))
        pz_str_addf(c, "%.4f", h->score);
    c++;
    pz_str_adds(c++, pz_origin_name(h->source));
    if (a->reason)
        add_words(c, show, title, &a->reason[i]);
}

void pz_answer_table(struct pz_str *out, const struct pz_show *show, const struct pz_answered *a)
{
    struct pz_columns title;
    bool titled = pz_columns_title(show->snap, &title);
    struct grid g = { .rows = a->answer.n + 1,
                      .cols = 4 + titled + show->columns.n + (a->answer.reason != NULL) };

    g.cell = pz_mem_array(g.rows * g.cols, sizeof *g.cell);
    if (!g.cell) {
        out->failed = true;
        return;
    }
    fill_head(&g, show, titled, a->answer.reason != NULL);
    for (size_t i = 0; i < a->answer.n; i++)
        fill_row(&g, i, show, &title, &a->answer);
    add_grid(out, &g);
    for (size_t i = 0; i < g.rows * g.cols; i++)
        pz_str_clear(&g.cell[i]);
    free(g.cell);
}
