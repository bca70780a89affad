/* SPDX-License-Identifier: Apache-2.0 */
/* Export as a dataset: see export.h. The tables go as CSV into unnamed temporary files and
 * through pz_import, twice: first with inferred types, then with the schema that results when
 * the model's columns keep the model's types, so that the day's dataset merges with the ones
 * before.
 *
 * The result carries the watermark of what it was exported for, from the number after `after` on
 * but for what had been collected before: that is how a gap between days is noticed. */
#include "live/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/import.h"

struct tables {
    FILE *file[PZ_N_TABLES]; /* unlinked */
    char path[PZ_N_TABLES][32];
    struct pz_exported done[PZ_N_TABLES];
};

/* A temporary file and an output to it. */
static enum pz_status open_table(struct tables *t, int table, struct pz_out **out,
                                 struct pz_err *err)
{
    t->file[table] = tmpfile();
    if (!t->file[table])
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create a temporary file");
    snprintf(t->path[table], sizeof t->path[table], "/dev/fd/%d", fileno(t->file[table]));
    return pz_out_attach(fileno(t->file[table]), "a temporary file", out, err);
}

static enum pz_status write_table(struct tables *t, int table, struct pz_live_store *s,
                                  const struct pz_export_cfg *cfg, struct pz_err *err)
{
    struct pz_out *out = NULL;
    enum pz_status st = open_table(t, table, &out, err);

    if (st == PZ_OK && table == PZ_INTERACTIONS)
        st = pz_live_export_events(s, cfg->model, cfg->after, out, &t->done[table], err);
    else if (st == PZ_OK)
        st = pz_live_export_rows(s, table == PZ_ITEMS ? PZ_LIVE_ITEMS : PZ_LIVE_USERS, cfg, out,
                                 &t->done[table], err);
    if (st == PZ_OK)
        return pz_out_commit(out, err);
    pz_out_abort(out);
    return st;
}

/* *rejected: rows whose values do not have the types of the schema. */
static enum pz_status import(const struct tables *t, const struct pz_schema *schema,
                             struct pz_dataset **ds, uint64_t *rejected, struct pz_err *err)
{
    /* What clients put is meant as it is: "None" is a text here, as live. */
    static const struct pz_strs no_spellings;
    struct pz_import_cfg cfg = {
        .schema = schema, .null = &no_spellings, .max_errors = 100, .percent = true
    };
    struct pz_import_count count[PZ_N_TABLES];
    enum pz_status st = PZ_OK;

    *rejected = 0;

    for (int i = 0; i < PZ_N_TABLES && st == PZ_OK; i++)
        if (t->done[i].n > 0 && !pz_strs_add(&cfg.files[i], t->path[i]))
            st = pz_err_memory(err, "file names", 100);
    if (st == PZ_OK)
        st = pz_import(&cfg, ds, count, err);
    for (int i = 0; i < PZ_N_TABLES; i++) {
        *rejected += st == PZ_OK ? count[i].rejected : 0;
        pz_strs_clear(&cfg.files[i]);
    }
    return st;
}

/* The model's type for every column that it has; any may be null here. */
static void take_types(struct pz_attrs *attrs, const struct pz_attrs *known)
{
    for (uint32_t i = 0; i < attrs->n_attrs; i++) {
        const struct pz_attr *a = pz_attrs_find(known, attrs->attr[i].name);

        attrs->attr[i].nullable = true;
        if (!a)
            continue;
        attrs->attr[i].kind = a->kind;
        attrs->attr[i].whole = a->whole;
        attrs->attr[i].wide = a->wide;
    }
}

static enum pz_status make_schema(struct pz_dataset *ds, const struct pz_model *m,
                                  struct pz_schema *schema, struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    take_types(&ds->context, m ? &m->context : NULL);
    take_types(&ds->item_attrs, m ? &m->item_attrs : NULL);
    take_types(&ds->user_attrs, m ? &m->user_attrs : NULL);
    pz_dataset_schema(ds, &text);
    st = text.failed ? pz_err_memory(err, "a schema", 1e4)
                     : pz_schema_add(schema, text.data, text.len, "the schema of the export", err);
    pz_str_clear(&text);
    return st;
}

/* What was exported: from the number after `after` on, but for what had been collected before. */
static enum pz_status mark(struct pz_live_store *s, const struct pz_export_cfg *cfg,
                           const struct pz_exported *done, struct pz_dataset *ds,
                           struct pz_err *err)
{
    struct pz_live_size size;
    enum pz_status st = pz_live_count(s, &size, err);
    uint64_t after = cfg->after > size.collected ? cfg->after : size.collected,
             rows = cfg->rows_after > size.rows_collected ? cfg->rows_after : size.rows_collected;

    if (st == PZ_OK && !pz_watermarks_add(&ds->watermarks, size.store,
                                          (struct pz_range){ after + 1, done->live_seen },
                                          (struct pz_range){ rows + 1, done->rows_seen }))
        st = pz_err_memory(err, "watermarks of live stores", 1e3);
    return st == PZ_OK ? pz_live_add_origins(s, &ds->watermarks, err) : st;
}

static enum pz_status make_dataset(struct pz_live_store *s, const struct tables *t,
                                   const struct pz_export_cfg *cfg, const struct pz_exported *done,
                                   const char *path, struct pz_err *err)
{
    struct pz_schema schema = { 0 };
    struct pz_dataset *ds = NULL;
    uint64_t rejected;
    enum pz_status st = import(t, NULL, &ds, &rejected, err);

    if (st == PZ_OK)
        st = make_schema(ds, cfg->model, &schema, err);
    pz_dataset_free(ds);
    ds = NULL;
    if (st == PZ_OK)
        st = import(t, &schema, &ds, &rejected, err);
    if (st == PZ_OK && rejected > 0)
        pz_log(cfg->log, PZ_LOG_WARN, "%llu rows left out; export them as CSV to see them",
               (unsigned long long)rejected);
    if (st == PZ_OK)
        st = mark(s, cfg, done, ds, err);
    if (st == PZ_OK)
        st = pz_dataset_save(ds, path, err);
    pz_schema_clear(&schema);
    pz_dataset_free(ds);
    return st;
}

enum pz_status pz_live_export_dataset(struct pz_live_store *s, const struct pz_export_cfg *cfg,
                                      const char *path, struct pz_exported *done,
                                      struct pz_err *err)
{
    struct tables t = { .file = { NULL } };
    enum pz_status st = PZ_OK;

    for (int i = 0; i < PZ_N_TABLES && st == PZ_OK; i++)
        st = write_table(&t, i, s, cfg, err);
    if (st == PZ_OK && t.done[PZ_INTERACTIONS].n + t.done[PZ_ITEMS].n + t.done[PZ_USERS].n == 0)
        st = pz_err_set(err, PZ_NEGATIVE, "no new events or rows: no dataset is written");
    *done = t.done[PZ_INTERACTIONS];
    done->n += t.done[PZ_ITEMS].n + t.done[PZ_USERS].n;
    done->nulled += t.done[PZ_ITEMS].nulled + t.done[PZ_USERS].nulled;
    done->rows_seen = t.done[PZ_ITEMS].rows_seen < t.done[PZ_USERS].rows_seen
                          ? t.done[PZ_ITEMS].rows_seen
                          : t.done[PZ_USERS].rows_seen;
    if (st == PZ_OK)
        st = make_dataset(s, &t, cfg, done, path, err);
    for (int i = 0; i < PZ_N_TABLES; i++)
        if (t.file[i])
            fclose(t.file[i]);
    return st;
}
