/* SPDX-License-Identifier: Apache-2.0 */
/* Import: see import.h.
 *
 *   1. all threads parse the files into staged rows (reader.c); bad rows are told in order
 *   2. the threads' id dictionaries are united and sorted (staging.c)
 *   3. interactions are grouped by user, ordered by time, freed of repeats (interactions.c)
 *   4. the columns of items and users are typed (columns.c), and for each id the last row is kept
 * A staged row is a few bytes: numbers in the dictionary of the thread that read it, packed. */
#include "import/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "import/columns.h"
#include "import/interactions.h"
#include "import/report.h"

struct import {
    const struct pz_import_cfg *cfg;
    struct pz_import_count *count; /* [PZ_N_TABLES] */
    struct pz_row_errors row_errors;
    struct pz_worker *worker; /* [n_workers] */
    int n_workers;
    struct pz_mapping mapping[PZ_N_TABLES];
    struct pz_staging staging[PZ_N_TABLES];
    bool *map_met;                   /* [cfg->map.n] a file has the column of that pair */
    uint32_t **user_map, **item_map; /* [n_workers] number of the worker -> index */
};

static struct pz_staged staged_of(struct import *im, enum pz_table_id t)
{
    return (struct pz_staged){ &im->mapping[t], &im->staging[t], im->worker, im->n_workers };
}

static enum pz_status read_table(struct import *im, enum pz_table_id t, struct pz_err *err)
{
    const struct pz_strs *files = &im->cfg->files[t];
    struct pz_import_reader in = { .mapping = &im->mapping[t],
                                   .staging = &im->staging[t],
                                   .worker = im->worker,
                                   .n_workers = im->n_workers,
                                   .text = im->cfg->text,
                                   .row_errors = &im->row_errors,
                                   .count = &im->count[t],
                                   .log = im->cfg->log };
    enum pz_status st = pz_mapping_init(&im->mapping[t], t, im->cfg, im->map_met, err);

    /* Two tables have not the same columns: names are for the interactions, where there are any. */
    if (t != PZ_INTERACTIONS && im->cfg->files[PZ_INTERACTIONS].n > 0)
        in.text.header = NULL;
    for (size_t i = 0; i < files->n && st == PZ_OK; i++)
        st = pz_import_reader_file(&in, files->v[i], err);
    return st;
}

static enum pz_status read_tables(struct import *im, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (im->cfg->reject)
        st = pz_out_open(im->cfg->reject, &im->row_errors.reject, err);
    im->map_met = pz_mem_array(im->cfg->map.n + 1, sizeof *im->map_met);
    if (!im->map_met)
        st = pz_err_memory(err, "--map", (double)im->cfg->map.n);
    for (int t = 0; t < PZ_N_TABLES && st == PZ_OK; t++)
        st = read_table(im, (enum pz_table_id)t, err);
    for (size_t i = 0; i < im->cfg->map.n && st == PZ_OK; i++)
        if (!im->map_met[i])
            st = pz_err_set(err, PZ_BAD_DATA, "--map %s: no file has that column",
                            im->cfg->map.v[i]);
    if (st == PZ_OK) {
        struct pz_out *reject = im->row_errors.reject;

        im->row_errors.reject = NULL;
        st = pz_out_commit(reject, err);
    }
    return st;
}

/* More bad rows than allowed, or nothing left. */
static enum pz_status judge(const struct import *im, struct pz_err *err)
{
    const struct pz_import_cfg *cfg = im->cfg;
    uint64_t read = 0, rejected = 0;

    for (int t = 0; t < PZ_N_TABLES; t++) {
        read += im->count[t].read;
        rejected += im->count[t].rejected;
    }
    /* Judged over all tables when everything was read: whoever mends an export wants all faults at
     * once. */
    if ((double)rejected > (cfg->percent ? cfg->max_errors / 100 * (double)read : cfg->max_errors))
        return pz_err_set(err, PZ_BAD_DATA,
                          rejected < read ? "%llu bad rows, and --max-errors allows %g%s; nothing "
                                            "written (--max-errors %llu leaves them out)"
                                          : "%llu bad rows, and --max-errors allows %g%s; nothing "
                                            "written",
                          (unsigned long long)rejected, cfg->max_errors, cfg->percent ? "%" : "",
                          (unsigned long long)rejected);
    if (im->staging[PZ_INTERACTIONS].n_rows == 0 && cfg->files[PZ_INTERACTIONS].n > 0)
        return pz_err_set(err, PZ_BAD_DATA, "no interaction is left; nothing written");
    return PZ_OK;
}

/* ---- ids ---- */

static enum pz_status unite_ids(struct import *im, struct pz_dataset *ds, struct pz_err *err)
{
    size_t n = (size_t)im->n_workers;
    struct pz_texts **text = pz_mem_array(n, sizeof *text);
    enum pz_status st = PZ_OK;

    im->user_map = pz_mem_array(n, sizeof *im->user_map);
    im->item_map = pz_mem_array(n, sizeof *im->item_map);
    if (!text || !im->user_map || !im->item_map)
        st = pz_err_memory(err, "ids", 24.0 * (double)n);
    for (size_t k = 0; k < n && st == PZ_OK; k++)
        text[k] = &im->worker[k].users;
    if (st == PZ_OK)
        st = pz_texts_unite(text, n, &ds->users, im->user_map, err);
    for (size_t k = 0; k < n && st == PZ_OK; k++) {
        pz_texts_clear(text[k]);
        text[k] = &im->worker[k].items;
    }
    if (st == PZ_OK)
        st = pz_texts_unite(text, n, &ds->items, im->item_map, err);
    for (size_t k = 0; k < n && st == PZ_OK; k++)
        pz_texts_clear(text[k]);
    free(text);
    return st;
}

/* ---- items and users ---- */

/* For each id the last staged row. */
static enum pz_status find_rows(struct import *im, enum pz_table_id t, struct pz_source *source,
                                struct pz_err *err)
{
    struct pz_staged s = staged_of(im, t);
    uint32_t *const *maps = t == PZ_ITEMS ? im->item_map : im->user_map;
    uint32_t col = (uint32_t)pz_mapping_role(s.mapping,
                                             t == PZ_ITEMS ? PZ_ROLE_ITEM : PZ_ROLE_USER);
    uint64_t *word = pz_mem_array(pz_staged_longest(&s), sizeof *word), row = 0;

    if (!word)
        return pz_err_memory(err, "rows", 8.0 * (double)pz_staged_longest(&s));
    for (size_t i = 0; i < s.staging->n; i++) {
        const struct pz_row_group *group = &s.staging->group[i];

        pz_row_group_read(group, col, 0, word);
        for (uint32_t r = 0; r < group->n_rows; r++, row++) {
            struct pz_source *of = &source[maps[group->worker][word[r]]];

            /* Rows come in the order of the input, so the last one of an id stays. */
            im->count[t].duplicate += of->part != PZ_NONE;
            *of = (struct pz_source){ 0, row };
        }
    }
    free(word);
    return PZ_OK;
}

static enum pz_status mark_present(const struct pz_source *source, struct pz_attrs *out,
                                   struct pz_err *err)
{
    uint8_t *present = pz_mem_array(out->n_rows, 1);

    if (!present)
        return pz_err_memory(err, "rows", (double)out->n_rows);
    for (uint64_t i = 0; i < out->n_rows; i++)
        present[i] = source[i].part != PZ_NONE;
    out->present = out->own_present = present;
    return PZ_OK;
}

static enum pz_status make_rows(struct import *im, enum pz_table_id t, uint32_t n_ids,
                                struct pz_attrs *out, struct pz_err *err)
{
    struct pz_source *source = pz_mem_array(n_ids, sizeof *source);
    struct pz_staged s = staged_of(im, t);
    struct pz_attrs typed = { .n_attrs = 0 };
    const struct pz_attrs *in = &typed;
    enum pz_status st = source ? PZ_OK : pz_err_memory(err, "rows", 16.0 * n_ids);

    for (uint32_t i = 0; i < n_ids && st == PZ_OK; i++)
        source[i].part = PZ_NONE;
    if (st == PZ_OK)
        st = find_rows(im, t, source, err);
    if (st == PZ_OK)
        st = pz_columns_make(&s, &typed, err);
    if (st == PZ_OK)
        st = pz_attrs_concat(&in, 1, source, n_ids, out, err);
    if (st == PZ_OK) /* also without a table: present = NULL would mean that all are */
        st = mark_present(source, out, err);
    pz_attrs_clear(&typed);
    free(source);
    return st;
}

/* ---- the whole ---- */

/* Without times the place of a row in the input is its time, in seconds from 2000 on: workers
 * numbered the rows of their blocks, and each block starts where the one before it ends. */
static void order_rows(struct import *im)
{
    struct pz_staging *staging = &im->staging[PZ_INTERACTIONS];
    size_t f = pz_mapping_role(&im->mapping[PZ_INTERACTIONS], PZ_ROLE_TIME);
    uint64_t rows = 0;

    for (size_t i = 0; i < staging->n && f != SIZE_MAX; i++) {
        if (f < staging->group[i].n_cols)
            staging->group[i].col[f].base += rows;
        rows += staging->group[i].n_rows;
    }
}

static void count_kept(struct import *im)
{
    for (int t = 0; t < PZ_N_TABLES; t++) {
        struct pz_import_count *c = &im->count[t];

        c->kept = c->read - c->rejected - c->duplicate;
    }
}

static enum pz_status build(struct import *im, struct pz_dataset *ds, struct pz_err *err)
{
    struct pz_staged staged[PZ_N_TABLES];
    struct pz_staged_ids ids = { &ds->users, &ds->items, NULL, NULL };
    enum pz_status st = unite_ids(im, ds, err);

    for (int t = 0; t < PZ_N_TABLES; t++)
        staged[t] = staged_of(im, (enum pz_table_id)t);
    ids.user_map = im->user_map;
    ids.item_map = im->item_map;
    if (st == PZ_OK)
        st = pz_import_report(staged, &ids, im->cfg->log, err);
    if (st == PZ_OK)
        st = pz_interactions_make(&staged[PZ_INTERACTIONS], im->user_map, im->item_map, ds,
                                  &im->count[PZ_INTERACTIONS].duplicate, err);
    pz_staging_clear(&im->staging[PZ_INTERACTIONS]);
    if (st == PZ_OK)
        st = make_rows(im, PZ_ITEMS, ds->items.n, &ds->item_attrs, err);
    if (st == PZ_OK)
        st = make_rows(im, PZ_USERS, ds->users.n, &ds->user_attrs, err);
    return st;
}

static void import_clear(struct import *im)
{
    for (int t = 0; t < PZ_N_TABLES; t++) {
        pz_mapping_clear(&im->mapping[t]);
        pz_staging_clear(&im->staging[t]);
    }
    for (int k = 0; k < im->n_workers; k++) {
        if (im->user_map)
            free(im->user_map[k]);
        if (im->item_map)
            free(im->item_map[k]);
    }
    free(im->map_met);
    free(im->user_map);
    free(im->item_map);
    pz_workers_free(im->worker, im->n_workers);
    pz_out_abort(im->row_errors.reject);
}

enum pz_status pz_import(const struct pz_import_cfg *cfg, struct pz_dataset **out,
                         struct pz_import_count count[PZ_N_TABLES], struct pz_err *err)
{
    struct import im = { .cfg = cfg, .count = count, .n_workers = pz_par_threads() };
    struct pz_dataset *ds = calloc(1, sizeof *ds);
    enum pz_status st = PZ_OK;

    *out = NULL;
    memset(count, 0, PZ_N_TABLES * sizeof *count);
    im.row_errors.log = cfg->log;
    im.worker = pz_workers_new(im.n_workers);
    if (!ds || !im.worker)
        st = pz_err_memory(err, "an import", 1e5);
    if (st == PZ_OK)
        st = read_tables(&im, err);
    if (st == PZ_OK)
        st = judge(&im, err);
    if (st == PZ_OK && cfg->no_time)
        order_rows(&im);
    if (st == PZ_OK)
        st = build(&im, ds, err);
    for (int t = PZ_ITEMS; t <= PZ_USERS && st == PZ_OK; t++)
        if (count[t].read > 0)
            st = pz_import_join(ds, (enum pz_table_id)t, &count[t], err);
    count_kept(&im);
    import_clear(&im);
    if (st != PZ_OK) {
        pz_dataset_free(ds);
        ds = NULL;
    }
    *out = ds;
    return st;
}
