/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done with datasets that are there: show, export, merge.
 *
 * Operands are read as one dataset group (data/group.h), in the order given: of two rows of an item
 * or a user the last counts. Nothing is inferred again: types and times are those of the files.
 * With --without and --without-items, --merge leaves users and items out. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "campaign/operand.h"
#include "cmd/import/import.h"
#include "data/export.h"
#include "data/info.h"
#include "live/put.h"

/* ---- info, export, merge ---- */

/* The operands without some users and items; without NULL: with all. */
static enum pz_status open_some(const struct pz_strs *args, struct pz_without *without,
                                struct pz_dataset **ds, struct pz_err *err)
{
    if (args->n == 0)
        return pz_err_set(err, PZ_USAGE, "name the datasets (*.pzd) as operands");
    for (size_t i = 0; i < args->n; i++)
        if (pz_operand_want(args->v[i], 1u << PZ_OPERAND_DATASET, err) != PZ_OK)
            return PZ_USAGE;
    return pz_dataset_open_without(args->v, args->n, without, ds, err);
}

enum pz_status import_open(const struct pz_strs *args, struct pz_dataset **ds, struct pz_err *err)
{
    return open_some(args, NULL, ds, err);
}

enum pz_status import_info(const struct import_cfg *cfg, const struct pz_strs *args,
                           struct pz_err *err)
{
    struct pz_dataset *ds = NULL;
    struct pz_str text = { 0 };
    json_t *doc = NULL;
    enum pz_status st = import_open(args, &ds, err);

    if (st == PZ_OK) {
        doc = pz_info_json(ds);
        if (doc && cfg->common.json)
            pz_json_dump(&text, doc, true);
        else if (doc)
            pz_info_text(&text, doc);
        st = doc ? pz_cmd_print(&text, "the report", err) : pz_err_memory(err, "the report", 1e4);
    }
    json_decref(doc);
    pz_dataset_free(ds);
    return st;
}

static enum pz_status write_schema(const struct pz_dataset *ds, struct pz_out *out,
                                   struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_dataset_schema(ds, &text);
    st = text.failed ? pz_err_memory(err, "the schema", 1e4)
                     : pz_out_write(out, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

enum pz_status import_export(const struct import_cfg *cfg, const struct pz_strs *args,
                             struct pz_err *err)
{
    static const char *const tables[] = { "interactions", "items", "users" };
    struct pz_dataset *ds = NULL;
    struct pz_out *out = NULL;
    int table = 0;
    enum pz_status st = import_open(args, &ds, err);

    while (table < PZ_N_TABLES && strcmp(tables[table], cfg->export_table) != 0)
        table++;
    if (st == PZ_OK)
        st = pz_out_open(cfg->output ? cfg->output : "-", &out, err);
    if (st == PZ_OK)
        st = table < PZ_N_TABLES ? pz_export(ds, (enum pz_table_id)table, out, err)
                                 : write_schema(ds, out, err);
    if (st == PZ_OK)
        st = pz_out_commit(out, err);
    else
        pz_out_abort(out);
    pz_dataset_free(ds);
    return st;
}

enum pz_status import_need_output(const struct import_cfg *cfg, struct pz_err *err)
{
    if (cfg->output)
        return pz_out_check_binary(cfg->output, err);
    return pz_err_set(err, PZ_USAGE, "-o FILE is needed: the dataset to write");
}

/* The operands without the users and items that are to be left out. */
static enum pz_status open_without(const struct import_cfg *cfg, const struct pz_strs *args,
                                   struct pz_log *log, struct pz_dataset **ds, struct pz_err *err)
{
    struct pz_put_without without = { .user = { .n = 0 } };
    enum pz_status st = pz_put_read_without(cfg->without, cfg->without_items, &without, err);

    if (st == PZ_OK)
        st = open_some(args, &without.out, ds, err);
    if (st == PZ_OK)
        pz_put_tell_without(&without, log);
    pz_put_without_clear(&without);
    return st;
}

enum pz_status import_merge(const struct import_cfg *cfg, const struct pz_strs *args,
                            struct pz_log *log, struct pz_err *err)
{
    struct pz_dataset *ds = NULL;
    enum pz_status st = import_need_output(cfg, err);

    if (st == PZ_OK)
        st = cfg->without || cfg->without_items ? open_without(cfg, args, log, &ds, err)
                                                : import_open(args, &ds, err);
    if (st == PZ_OK)
        st = pz_dataset_save(ds, cfg->output, err);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%zu datasets merged: %llu interactions, %u users, %u items",
               args->n, (unsigned long long)ds->n_interactions, ds->users.n, ds->items.n);
    if (st == PZ_OK && cfg->common.json && strcmp(cfg->output, "-") != 0)
        printf("{\"interactions\":%llu,\"users\":%u,\"items\":%u}\n",
               (unsigned long long)ds->n_interactions, ds->users.n, ds->items.n);
    pz_dataset_free(ds);
    return st;
}
