/* SPDX-License-Identifier: Apache-2.0 */
/* Items that came after training: see pz_model_extend. Nobody had them yet, so that all that is
 * known of them are their attributes.
 *
 * The new ids become the tail of the model's items, in the order given; what the model says of
 * each item (events, age, impressions) is copied into longer arrays that the model owns, since the
 * old ones are borrowed from its file, which is never written to. Then each part that can read
 * attributes takes the rows in; the others go on as if the items were not there (pz_part_query). */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "model/item_facts.h"
#include "model/model.h"

/* Places among the model's own arrays. */
enum { SINCE, COUNT, SHOWN, BLOCKS /* model.c */, FROM };

/* A longer copy of a column of items, its new places zero; NULL without memory. */
static void *lengthen(struct pz_model *m, size_t slot, const void *column, size_t bytes)
{
    char *copy = pz_mem_array(m->items.n, bytes);

    if (copy)
        memcpy(copy, column, pz_model_learned(m) * bytes);
    m->owned[slot] = copy;
    return copy;
}

/* The index of a row's item that a model extended before knows from training; PZ_NONE: it came
 * since. */
static uint32_t known(const struct pz_extended *old, uint32_t i)
{
    uint32_t item = old->row[old->put.source[i].row];

    return item < pz_model_learned(old->m) ? item : PZ_NONE;
}

/* The ids that the model lacks become the tail of its items; their rows go to from, and row tells
 * of all. */
static enum pz_status add_ids(struct pz_model *m, const struct pz_dict *ids,
                              const struct pz_extended *old, uint32_t *row, uint32_t *from,
                              struct pz_err *err)
{
    uint64_t *offset = pz_mem_array((size_t)ids->n + 1, sizeof *offset);
    char *bytes = pz_mem_array(ids->n ? ids->offset[ids->n] : 0, 1);
    uint32_t n_fresh = 0, begin = 0; /* of those that follow each other; they end at i */

    m->fresh = pz_dict_own(0, offset, bytes);
    if (!offset || !bytes)
        return pz_err_memory(err, "items put since training", 8.0 * ids->n);
    for (uint32_t i = 0; i < ids->n; i++) {
        size_t n;
        const char *id = pz_dict_get(ids, i, &n);

        row[i] = old && old->put.source[i].part == 0 ? known(old, i)
                                                     : pz_dict_find(&m->items, id, n);
        if (row[i] == PZ_NONE) {
            row[i] = m->items.n + n_fresh;
            from[n_fresh++] = i;
            continue;
        }
        pz_dict_copy_run(ids, begin, i, n_fresh - (i - begin), offset, bytes);
        begin = i + 1;
    }
    pz_dict_copy_run(ids, begin, ids->n, n_fresh - (ids->n - begin), offset, bytes);
    m->fresh.n = n_fresh;
    m->items.n += m->fresh.n;
    m->items.tail = &m->fresh;
    return PZ_OK;
}

/* No events, no showings; an item is as old as its row says. */
static enum pz_status add_facts(struct pz_model *m, const struct pz_attrs *attrs,
                                const uint32_t *from, struct pz_err *err)
{
    const struct pz_attr *made = pz_item_made_column(attrs);
    int64_t *since = lengthen(m, SINCE, m->item_since, sizeof *since);
    uint32_t *count = lengthen(m, COUNT, m->item_count, sizeof *count);
    uint32_t *shown = m->item_shown ? lengthen(m, SHOWN, m->item_shown, sizeof *shown) : NULL;

    if (!since || !count || (m->item_shown && !shown))
        return pz_err_memory(err, "items put since training", 16.0 * m->items.n);
    for (uint32_t k = 0; k < m->fresh.n; k++)
        since[pz_model_learned(m) + k] = pz_item_made(made, from[k]);
    m->item_since = since;
    m->item_count = count;
    m->item_shown = shown;
    return m->block_since ? pz_model_make_blocks(m, err) : PZ_OK;
}

static enum pz_status extend_part(struct pz_model *m, size_t p, const struct pz_attrs *attrs,
                                  const struct pz_extended *old, const uint32_t *from,
                                  struct pz_err *err)
{
    const struct pz_scorer *scorer = m->part[p].scorer;

    if (old && old->m->fresh.n > 0 && scorer->extend_more)
        return scorer->extend_more(m->part[p].part, old->m->part[p].part, &old->put, from,
                                   m->fresh.n, err);
    return scorer->extend ? scorer->extend(m->part[p].part, attrs, from, m->fresh.n, err) : PZ_OK;
}

enum pz_status pz_model_extend(struct pz_model *m, const struct pz_dict *ids,
                               const struct pz_attrs *attrs, const struct pz_extended *old,
                               uint32_t *row, struct pz_err *err)
{
    uint32_t *from = pz_mem_array(ids->n, sizeof *from);
    enum pz_status st = from ? add_ids(m, ids, old, row, from, err)
                             : pz_err_memory(err, "items put since training", 4.0 * ids->n);

    if (st == PZ_OK && m->fresh.n > 0)
        st = add_facts(m, attrs, from, err);
    for (size_t p = 0; p < m->n_parts && st == PZ_OK && m->fresh.n > 0; p++)
        st = extend_part(m, p, attrs, old, from, err);
    m->owned[FROM] = from;
    m->fresh_row = from;
    return st;
}

/* ---- kept in a file ---- */

enum pz_status pz_model_save_extension(const struct pz_model *m, struct pz_writer *w,
                                       struct pz_err *err)
{
    uint32_t n = m->items.n;
    size_t words = pz_bits_words(n);
    enum pz_status st = pz_writer_add_dict(w, "fresh", &m->fresh, err);

    if (st == PZ_OK)
        st = pz_writer_add(w, "fresh/row", PZ_U32, m->fresh_row, m->fresh.n, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "since", PZ_I64, m->item_since, n, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "count", PZ_U32, m->item_count, n, err);
    if (st == PZ_OK && m->item_shown)
        st = pz_writer_add(w, "shown", PZ_U32, m->item_shown, n, err);
    if (st == PZ_OK && m->block_since)
        st = pz_writer_add(w, "block_since", PZ_I64, m->block_since, words, err);
    if (st == PZ_OK && m->block_oldest)
        st = pz_writer_add(w, "block_oldest", PZ_I64, m->block_oldest, words, err);
    if (st == PZ_OK && m->chunk_oldest)
        st = pz_writer_add(w, "chunk_oldest", PZ_I64, m->chunk_oldest, pz_bits_words(words), err);
    for (size_t p = 0; p < m->n_parts && st == PZ_OK && m->fresh.n > 0; p++)
        if (m->part[p].scorer->save_extension)
            st = m->part[p].scorer->save_extension(m->part[p].part, w, err);
    return st;
}

/* Columns of items, those of training and what came since. */
struct facts {
    const void *since, *count, *shown, *block, *oldest, *chunk;
};

static enum pz_status read_facts(const struct pz_model *m, struct pz_table *t, uint32_t n,
                                 struct facts *f, struct pz_err *err)
{
    size_t words = pz_bits_words(n);
    enum pz_status st = pz_table_get(t, "since", PZ_I64, n, &f->since, NULL, err);

    if (st == PZ_OK)
        st = pz_table_get(t, "count", PZ_U32, n, &f->count, NULL, err);
    if (st == PZ_OK && m->item_shown)
        st = pz_table_get(t, "shown", PZ_U32, n, &f->shown, NULL, err);
    if (st == PZ_OK && m->block_since)
        st = pz_table_get(t, "block_since", PZ_I64, words, &f->block, NULL, err);
    /* Older files lack these. */
    if (st == PZ_OK && m->block_since && pz_table_has(t, "block_oldest"))
        st = pz_table_get(t, "block_oldest", PZ_I64, words, &f->oldest, NULL, err);
    if (st == PZ_OK && m->block_since && pz_table_has(t, "chunk_oldest"))
        st = pz_table_get(t, "chunk_oldest", PZ_I64, pz_bits_words(words), &f->chunk, NULL, err);
    return st;
}

static void take_facts(struct pz_model *m, const struct facts *f)
{
    m->items.n += m->fresh.n;
    m->items.tail = &m->fresh;
    m->item_since = f->since;
    m->item_count = f->count;
    m->item_shown = f->shown;
    m->block_since = f->block;
    m->block_oldest = f->oldest;
    m->chunk_oldest = f->chunk;
}

enum pz_status pz_model_load_extension(struct pz_model *m, struct pz_table *t, struct pz_err *err)
{
    struct facts f = { NULL, NULL, NULL, NULL, NULL, NULL };
    struct pz_dict fresh = { 0 };
    const void *from = NULL;
    enum pz_status st = pz_table_get_dict(t, "fresh", &fresh, err);

    if (st == PZ_OK)
        st = pz_table_get(t, "fresh/row", PZ_U32, fresh.n, &from, NULL, err);
    if (st == PZ_OK)
        st = read_facts(m, t, m->items.n + fresh.n, &f, err);
    for (size_t p = 0; p < m->n_parts && st == PZ_OK && fresh.n > 0; p++)
        if (m->part[p].scorer->load_extension)
            st = m->part[p].scorer->load_extension(m->part[p].part, t, from, fresh.n, err);
    if (st != PZ_OK)
        return st;
    m->extension = t;
    m->fresh = fresh;
    m->fresh_row = from;
    if (fresh.n > 0)
        take_facts(m, &f);
    return PZ_OK;
}
