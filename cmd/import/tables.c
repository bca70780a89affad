/* SPDX-License-Identifier: Apache-2.0 */
/* Tables become a dataset (the import itself), or a report of what in them will hurt (--check).
 *
 * An import writes nothing when more rows are bad than --max-errors allows. A check goes on: bad
 * rows are an insight there, and no failure, unless --strict makes serious insights one (exit code
 * 1). */
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "cmd/import/import.h"
#include "import/insights.h"

enum pz_status import_run(const struct import_cfg *cfg, const struct pz_strs *args,
                          struct pz_log *log, struct pz_err *err)
{
    struct pz_import_count count[PZ_N_TABLES] = { { 0 } };
    struct pz_dataset *ds = NULL;
    enum pz_status st = cfg->guess ? PZ_OK : import_need_output(cfg, err);

    if (st == PZ_OK)
        st = import_tables(cfg, args, -1, log, &ds, count, err);
    if (st == PZ_OK && ds)
        st = pz_dataset_save(ds, cfg->output, err);
    import_say_counts(count, st, log, err);
    if (st == PZ_OK && ds && cfg->common.json && strcmp(cfg->output, "-") != 0)
        import_print_counts(count);
    pz_dataset_free(ds);
    return st;
}

/* ---- check ---- */

static enum pz_status print_check(const struct import_cfg *cfg, const json_t *doc,
                                  struct pz_err *err)
{
    struct pz_str text = { 0 };
    size_t serious = pz_check_serious(doc);
    enum pz_status st;

    if (cfg->common.json)
        pz_json_dump(&text, doc, true);
    else
        pz_check_text(&text, doc);
    st = pz_cmd_print(&text, "the report", err);
    if (st == PZ_OK && cfg->strict && serious > 0)
        st = pz_err_set(err, PZ_NEGATIVE, "%zu serious insight%s", serious,
                        serious == 1 ? "" : "s");
    return st;
}

/* Bad rows are an insight here, not a failure. */
enum pz_status import_check(const struct import_cfg *cfg, const struct pz_strs *args,
                            struct pz_log *log, struct pz_err *err)
{
    bool raw = cfg->interactions.n > 0;
    struct pz_import_count count[PZ_N_TABLES] = { { 0 } };
    struct pz_dataset *ds = NULL;
    json_t *doc = NULL;
    enum pz_status st = PZ_OK;

    if (cfg->output)
        st = pz_err_set(err, PZ_USAGE, "--check writes no dataset; leave -o out");
    else if (raw && args->n > 0)
        st = pz_err_set(err, PZ_USAGE, "--check takes tables or datasets, not both");
    if (st == PZ_OK)
        st = raw ? import_tables(cfg, args, 100, log, &ds, count, err)
                 : import_open(args, &ds, err);
    if (st == PZ_OK)
        st = pz_check(ds, pz_time_now(), raw ? count : NULL, &doc, err);
    if (raw)
        import_say_counts(count, st, log, err);
    if (st == PZ_OK)
        st = print_check(cfg, doc, err);
    json_decref(doc);
    pz_dataset_free(ds);
    return st;
}
