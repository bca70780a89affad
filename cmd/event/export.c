/* SPDX-License-Identifier: Apache-2.0 */
/* Events and rows out of a live store, for the next training: as CSV, or as a dataset.
 *
 * A dataset (a name that ends in .pzd) carries its watermarks, the ranges of numbers that it holds,
 * by which merging, updating and collecting know what is where; a CSV file does not, so that the
 * numbers are said for publish. With nothing new no file is written, and the exit code is 1. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/ledger.h"
#include "base/mem.h"
#include "campaign/live.h"
#include "cmd/event/event.h"
#include "live/export.h"

/* Those who are users of the files of --in; of a campaign its current version counts. */
static enum pz_status export_forgotten_in(struct pz_live_store *live, const struct event_cfg *cfg,
                                          struct pz_out *out, struct pz_exported *done,
                                          struct pz_err *err)
{
    struct pz_strs path = { .n = 0 };
    struct pz_arena arena = { NULL };
    char found[4096];
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < cfg->in.n && st == PZ_OK; i++) {
        const char *kept = NULL;

        st = pz_campaign_model_path(cfg->in.v[i], found, sizeof found, err);
        if (st == PZ_OK)
            kept = pz_arena_strndup(&arena, found, strlen(found));
        if (st == PZ_OK && (!kept || !pz_strs_add(&path, kept)))
            st = pz_err_memory(err, "files", 1e4);
    }
    if (st == PZ_OK)
        st = pz_live_export_forgotten_in(live, path.v, path.n, out, done, err);
    pz_strs_clear(&path);
    pz_arena_clear(&arena);
    return st;
}

static enum pz_status export_csv(struct pz_live_store *live, const struct pz_export_cfg *export,
                                 const struct event_cfg *cfg, struct pz_exported *done,
                                 struct pz_err *err)
{
    struct pz_out *out = NULL;
    enum pz_status st = pz_out_open(cfg->output, &out, err);

    if (st == PZ_OK && cfg->table[0] == 'i' && cfg->table[1] == 'n')
        st = pz_live_export_events(live, export->model, export->after, out, done, err);
    else if (st == PZ_OK && cfg->table[0] == 'f' && cfg->in.n > 0)
        st = export_forgotten_in(live, cfg, out, done, err);
    else if (st == PZ_OK && cfg->table[0] == 'f')
        st = pz_live_export_forgotten(live, out, done, err);
    else if (st == PZ_OK)
        st = pz_live_export_rows(live, cfg->table[0] == 'i' ? PZ_LIVE_ITEMS : PZ_LIVE_USERS, export,
                                 out, done, err);
    if (st == PZ_OK)
        return pz_out_commit(out, err);
    pz_out_abort(out);
    return st;
}

static bool is_dataset(const char *path)
{
    size_t n = strlen(path);

    return n > 4 && strcmp(path + n - 4, ".pzd") == 0;
}

static void report_export(const struct event_cfg *cfg, const struct pz_exported *done,
                          struct pz_log *log)
{
    bool all = is_dataset(cfg->output), events = all || strcmp(cfg->table, "interactions") == 0,
         rows = all || strcmp(cfg->table, "items") == 0 || strcmp(cfg->table, "users") == 0;
    char seen[96] = "";
    int n = 0;

    pz_ledger_count("rows_out", done->n);
    pz_ledger_count("rows_left_out", done->nobodys);
    if (events)
        n = snprintf(seen, sizeof seen, " --live-seen %llu", (unsigned long long)done->live_seen);
    if (rows)
        snprintf(seen + n, sizeof seen - (size_t)n, " --rows-seen %llu",
                 (unsigned long long)done->rows_seen);
    if (events && done->nobodys > 0)
        pz_log(log, PZ_LOG_NOTE,
               "%llu events left out: of sessions that joined no user yet, or without an item",
               (unsigned long long)done->nobodys);
    if (done->nulled > 0)
        pz_log(log, PZ_LOG_WARN,
               "%llu values are null in the export: they do not fit the model's column, or are "
               "more than a dataset can hold",
               (unsigned long long)done->nulled);
    if (done->retyped > 0)
        pz_log(log, PZ_LOG_WARN,
               "%llu events have the type \"other\" in the export: there are more than %d event "
               "types; does a client make one of every id?",
               (unsigned long long)done->retyped, PZ_MAX_EVENT_TYPES);
    pz_log(log, PZ_LOG_NOTE, "%llu %s%s%s", (unsigned long long)done->n,
           all      ? "events and rows"
           : events ? "events"
           : rows   ? "rows"
                    : "forgotten users",
           *seen ? "; publish a model that is trained with them by pz-deploy publish" : "", seen);
    if (cfg->common.json && strcmp(cfg->output, "-") != 0) /* there the data go */
        printf("{\"exported\":%llu,\"left_out\":%llu,\"nulled\":%llu,\"live_seen\":%llu,"
               "\"rows_seen\":%llu}\n",
               (unsigned long long)done->n, (unsigned long long)done->nobodys,
               (unsigned long long)done->nulled, (unsigned long long)done->live_seen,
               (unsigned long long)done->rows_seen);
}

/* The model whose columns name and type the export's: that of --for, else the current one, when
 * there is one. */
static enum pz_status open_columns(const char *path, const struct event_cfg *cfg,
                                   struct pz_model **m, struct pz_err *err)
{
    struct pz_version version;
    bool is;
    enum pz_status st;

    if (!cfg->lacking)
        return event_open_model(path, m, err);
    st = pz_campaign_is(cfg->lacking, &is, err);
    if (st != PZ_OK)
        return st;
    return is ? pz_campaign_open_model(cfg->lacking, m, &version, err)
              : pz_model_open(cfg->lacking, m, err);
}

enum pz_status event_export(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    struct event_cfg *cfg = config;
    struct pz_export_cfg export = { .after = (uint64_t)cfg->after,
                                    .rows_after = (uint64_t)cfg->rows_after,
                                    .log = log };
    struct pz_exported done = { 0 };
    struct pz_live_store *live = NULL;
    struct pz_model *m = NULL;
    enum pz_status st = event_need_campaign(args, err);

    if (st == PZ_OK && cfg->lacking && cfg->after + cfg->rows_after > 0)
        st = pz_err_set(err, PZ_USAGE, "--for says itself after which numbers");
    if (st == PZ_OK && cfg->in.n > 0 && cfg->table[0] != 'f')
        st = pz_err_set(err, PZ_USAGE, "--in goes with --table forgotten");
    if (st == PZ_OK)
        st = event_open_store(args, false, &live, err);
    if (st == PZ_OK)
        st = open_columns(args->v[0], cfg, &m, err);
    if (st == PZ_OK && cfg->lacking)
        st = pz_live_lacking(live, m, &export, err);
    export.model = m;
    if (st == PZ_OK)
        st = is_dataset(cfg->output)
                 ? pz_live_export_dataset(live, &export, cfg->output, &done, err)
                 : export_csv(live, &export, cfg, &done, err);
    pz_live_close(live);
    pz_model_free(m);
    if (st == PZ_OK)
        report_export(cfg, &done, log);
    return st;
}
