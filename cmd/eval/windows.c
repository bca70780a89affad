/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of time: --windows judges all, --window one of them as a job of a scheduler, and
 * --with-windows puts the jobs' lines together. */
#include "eval/windows.h"

#include "cmd/eval/eval.h"

enum pz_status eval_check_windows(const struct eval_cfg *cfg, struct pz_err *err)
{
    uint32_t k, n;

    if (cfg->windows == 0 && !cfg->window)
        return PZ_OK;
    if (cfg->windows > 0 && cfg->window)
        return pz_err_set(err, PZ_USAGE, "--windows judges all, --window one of them: give one");
    if (cfg->window && !pz_str_to_share(cfg->window, PZ_MAX_WINDOWS, &k, &n))
        return pz_err_set(err, PZ_USAGE, "--window %s: K/N with 1 <= K <= N <= %d is needed",
                          cfg->window, PZ_MAX_WINDOWS);
    if (!cfg->split || cfg->recipes.n > 1 || cfg->gate || cfg->report || cfg->per_user ||
        cfg->output || cfg->objective || cfg->parts)
        return pz_err_set(err, PZ_USAGE,
                          "--window%s needs --split time:P%% and one recipe, and prints its own %s",
                          cfg->window ? "" : "s", cfg->window ? "line" : "table");
    return PZ_OK;
}

static enum pz_status print_table(const struct eval_cfg *cfg, const struct pz_windows *w,
                                  struct pz_err *err)
{
    struct pz_str text = { 0 };

    if (!cfg->common.json)
        pz_windows_text(&text, w);
    return eval_print(&text, cfg->common.json ? pz_windows_json(w) : NULL, err);
}

static enum pz_status print_line(const struct pz_windows *w, struct pz_err *err)
{
    struct pz_str line = { 0 };
    enum pz_status st = pz_windows_line(w, &line, err);

    if (st == PZ_OK)
        return pz_cmd_print(&line, "the window", err);
    pz_str_clear(&line);
    return st;
}

enum pz_status eval_windows(const struct eval_cfg *cfg, const struct pz_strs *args,
                            const struct pz_verdict *v, struct pz_err *err)
{
    struct pz_train_cfg train = { .n_rules = 0 };
    struct pz_windows_cfg job = { .split = cfg->split,
                                  .n_windows = (uint32_t)cfg->windows,
                                  .data = args,
                                  .how = &v->how,
                                  .train = &train };
    struct pz_windows w = { .n = 0 };
    enum pz_status st = pz_train_options_read(&cfg->learn, cfg->split, v->how.log, &train, err);

    train.recipe = pz_recipe_find(v->recipe, NULL);
    if (cfg->window)
        pz_str_to_share(cfg->window, PZ_MAX_WINDOWS, &job.only, &job.n_windows);
    if (st == PZ_OK)
        st = pz_windows_run(&job, &w, err);
    if (st == PZ_OK)
        st = cfg->window ? print_line(&w, err) : print_table(cfg, &w, err);
    pz_windows_clear(&w);
    pz_train_options_clear(&train);
    return st;
}

enum pz_status eval_with_windows(struct eval_cfg *cfg, const struct pz_strs *args,
                                 struct pz_err *err)
{
    struct pz_windows w = { .n = 0 };
    enum pz_status st = PZ_OK;

    if (cfg->split || cfg->windows > 0 || cfg->window || cfg->recipes.n || cfg->gate ||
        cfg->report || cfg->per_user || cfg->output || cfg->objective || cfg->vs || cfg->history ||
        cfg->parts)
        return pz_err_set(
            err, PZ_USAGE,
            "--with-windows takes all from its files; --json is the one option beside");
    for (size_t i = 0; i < args->n && st == PZ_OK; i++)
        if (!pz_strs_add(&cfg->with_windows, args->v[i]))
            st = pz_err_memory(err, "the operands", 1e3);
    if (st == PZ_OK)
        st = pz_windows_unite(cfg->with_windows.v, cfg->with_windows.n, &w, err);
    if (st == PZ_OK)
        st = print_table(cfg, &w, err);
    pz_windows_clear(&w);
    return st;
}
