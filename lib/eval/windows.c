/* SPDX-License-Identifier: Apache-2.0 */
/* Windows: see windows.h. Each window asks what production asks: everything until now is known,
 * what comes next? The recipe trained anew shows what a training before every window is worth
 * against one model that only sees histories grow; popularity is counted anew in each window, too.
 *
 * The figures of a window are means over its users. Over all windows each user of each window
 * counts once; differences are paired, with the interval of pool.h. */
#include "eval/window_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "data/group.h"
#include "data/split.h"
#include "eval/judge.h"

struct job {
    const struct pz_dataset *ds;
    const struct pz_eval_cfg *how;
    struct pz_train_cfg *train;
    const struct pz_recipe *recipe;
    struct pz_model *first; /* trained before the first window */
    uint8_t *role, *keep;   /* [n_interactions] */
    struct pz_windows *out;
};

void pz_windows_clear(struct pz_windows *w)
{
    free(w->window);
    json_decref(w->asked);
    memset(w, 0, sizeof *w);
}

/* ---- cutting ---- */

static int by_time(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

/* Windows of about as many held-out events each; events of one time stay together. */
static enum pz_status cut(struct job *j, size_t n_windows, struct pz_err *err)
{
    const struct pz_dataset *ds = j->ds;
    struct pz_windows *w = j->out;
    int64_t *time = pz_mem_array(ds->n_interactions, sizeof *time);
    uint64_t n = 0;

    w->window = pz_mem_array(n_windows, sizeof *w->window);
    if (!time || !w->window) {
        free(time);
        return pz_err_memory(err, "windows", 8.0 * (double)ds->n_interactions);
    }
    for (uint64_t p = 0; p < ds->n_interactions; p++)
        if (j->role[p] & PZ_ROLE_TRUTH)
            time[n++] = ds->time[p];
    qsort(time, n, sizeof *time, by_time);
    for (size_t i = 0; i < n_windows && n > 0; i++) {
        int64_t from = time[n * i / n_windows];

        if (w->n > 0 && w->window[w->n - 1].from == from)
            continue;
        if (w->n > 0)
            w->window[w->n - 1].to = from;
        w->window[w->n++] = (struct pz_window){ .from = from, .to = time[n - 1] + 1 };
    }
    free(time);
    return w->n ? PZ_OK : pz_err_set(err, PZ_BAD_DATA, "nothing is held out");
}

/* What is known before a window, and its ground truth; known: the role of the former. */
static void set_roles(struct job *j, const struct pz_window *w, int known)
{
    for (uint64_t p = 0; p < j->ds->n_interactions; p++) {
        int64_t t = j->ds->time[p];

        j->role[p] = (uint8_t)(t < w->from ? known : t < w->to ? PZ_ROLE_TRUTH : PZ_ROLE_NONE);
        j->keep[p] = t < w->from;
    }
}

/* ---- judging ---- */

static size_t ndcg_column(const struct pz_figures *f, uint32_t k)
{
    char name[64];
    size_t i = 0;

    snprintf(name, sizeof name, "normalized_discounted_cumulative_gain_at_%u", k);
    while (i + 1 < f->n_metrics && strcmp(f->name[i], name) != 0)
        i++;
    return i;
}

/* Figures of a model on a window; known: where histories come from, see set_roles. */
static enum pz_status judge(struct job *j, struct pz_model *m, const struct pz_window *w, int known,
                            struct pz_figures *f, struct pz_err *err)
{
    struct pz_cases cases;
    enum pz_status st;

    set_roles(j, w, known);
    if (m->recipe->task == PZ_TASK_RANK) /* the list to order is the catalogue */
        m->recipe = pz_recipe_find("user-personalization", NULL);
    st = pz_cases_make(&(struct pz_cases_source){ .test = j->ds, .role = j->role }, m, &cases, err);
    if (st == PZ_OK)
        st = pz_evaluate(m, &cases, j->how, f, err);
    pz_cases_clear(&cases);
    return st;
}

static void note(const struct job *j, struct pz_window *w,
                 const struct pz_figures f[PZ_WINDOW_WAYS])
{
    size_t column = ndcg_column(&f[0], j->out->k);

    w->n_users = f[0].n_cases;
    w->judged = true;
    for (int way = 0; way < PZ_WINDOW_WAYS; way++) {
        w->value[way] = f[way].mean[column];
        w->against[way] = pz_pool_with(NULL, f[0].name[column], f[0].each + column,
                                       f[way].each + column, w->n_users, f[0].n_metrics);
    }
}

/* A model of what is known before a window. */
static enum pz_status train(struct job *j, const struct pz_window *w,
                            const struct pz_recipe *recipe, struct pz_model **out,
                            struct pz_err *err)
{
    set_roles(j, w, PZ_ROLE_TRAIN);
    j->train->recipe = recipe;
    return pz_judgement_train(j->ds, j->train, NULL, out, err);
}

static enum pz_status run_window(struct job *j, struct pz_window *w, struct pz_err *err)
{
    struct pz_model *retrained = NULL, *popularity = NULL;
    struct pz_figures f[PZ_WINDOW_WAYS] = { { 0 } };
    enum pz_status st = j->first ? PZ_OK : train(j, j->out->window, j->recipe, &j->first, err);

    if (st == PZ_OK && w != j->out->window)
        st = train(j, w, j->recipe, &retrained, err);
    if (st == PZ_OK)
        st = train(j, w, pz_recipe_find("popularity-count", NULL), &popularity, err);
    if (st == PZ_OK)
        st = judge(j, retrained ? retrained : j->first, w, PZ_ROLE_TRAIN, &f[PZ_WINDOW_RETRAINED],
                   err);
    if (st == PZ_OK) /* without TRAIN the histories are those of the roles, not the model's */
        st = judge(j, j->first, w, PZ_ROLE_HISTORY, &f[PZ_WINDOW_LIVE], err);
    if (st == PZ_OK)
        st = judge(j, popularity, w, PZ_ROLE_TRAIN, &f[PZ_WINDOW_POPULARITY], err);
    if (st == PZ_OK)
        note(j, w, f);
    for (int way = 0; way < PZ_WINDOW_WAYS; way++)
        pz_figures_clear(&f[way]);
    pz_model_free(popularity);
    pz_model_free(retrained);
    return st;
}

/* What all windows have in common, and jobs of one work state. */
static enum pz_status set_question(struct job *j, const struct pz_windows_cfg *cfg,
                                   struct pz_err *err)
{
    struct pz_windows *w = j->out;

    w->asked = pz_train_question(j->ds, j->train);
    if (!w->asked || json_object_set_new(w->asked, "protocol", json_string(cfg->split)) != 0 ||
        json_object_set_new(w->asked, "seen", json_integer(j->how->seen)) != 0 ||
        json_object_set_new(w->asked, "at", json_integer(w->k)) != 0)
        return pz_err_memory(err, "windows", 1e4);
    pz_windows_read_question(w);
    return PZ_OK;
}

static enum pz_status run_windows(struct job *j, const struct pz_windows_cfg *cfg,
                                  struct pz_err *err)
{
    struct pz_windows *w = j->out;
    struct pz_split_spec split;
    enum pz_status st = pz_split_parse(cfg->split, &split, err);

    if (st == PZ_OK && split.kind != PZ_SPLIT_TIME)
        st = pz_err_set(err, PZ_USAGE, "windows are of time: --split time:P%% or time:TIMESTAMP");
    if (st == PZ_OK)
        st = set_question(j, cfg, err);
    if (st == PZ_OK)
        st = pz_split_assign(j->ds, &split, j->train->seed, j->role, err);
    if (st == PZ_OK)
        st = cut(j, cfg->n_windows, err);
    for (size_t i = 0; i < w->n && st == PZ_OK; i++)
        if (cfg->only == 0 || cfg->only == i + 1)
            st = run_window(j, &w->window[i], err);
    return st;
}

enum pz_status pz_windows_run(const struct pz_windows_cfg *cfg, struct pz_windows *out,
                              struct pz_err *err)
{
    struct pz_eval_cfg rule = *cfg->how;
    struct pz_dataset *ds = NULL;
    struct job j = { .how = &rule, .train = cfg->train, .recipe = cfg->train->recipe, .out = out };
    enum pz_status st = pz_dataset_open(cfg->data->v, cfg->data->n, &ds, err);

    *out = (struct pz_windows){ .k = cfg->how->k[pz_eval_near_ten(cfg->how)],
                                .n_asked = cfg->n_windows,
                                .only = cfg->only };
    if (rule.seen == PZ_SEEN_DEFAULT)
        rule.seen = pz_judgement_seen(j.recipe);
    if (st == PZ_OK) {
        j.ds = ds;
        j.role = pz_mem_array(ds->n_interactions, 1);
        j.keep = pz_mem_array(ds->n_interactions, 1);
        cfg->train->keep = j.keep;
        st = j.role && j.keep ? run_windows(&j, cfg, err)
                              : pz_err_memory(err, "windows", 2.0 * (double)ds->n_interactions);
    }
    cfg->train->keep = NULL;
    cfg->train->recipe = j.recipe;
    pz_model_free(j.first);
    free(j.role);
    free(j.keep);
    pz_dataset_free(ds);
    return st;
}

/* ---- reports ---- */

static const char *const ways[PZ_WINDOW_WAYS] = { "retrained", "live", "popularity" };

/* Retrained, paired with a way, over the users of all windows. */
static struct pz_pool_sum over_all(const struct pz_windows *w, int way)
{
    struct pz_pool_sum sum = { .n_days = 0 };

    for (size_t i = 0; i < w->n; i++)
        pz_pool_add(&sum, &w->window[i].against[way]);
    return sum;
}

static double mean_of(const struct pz_windows *w, int way)
{
    struct pz_pool_sum s = over_all(w, way);

    return s.n ? s.rival / (double)s.n : 0;
}

static uint64_t users_of(const struct pz_windows *w)
{
    return over_all(w, 0).n;
}

void pz_windows_text(struct pz_str *out, const struct pz_windows *w)
{
    char from[32];
    struct pz_pool_sum sum;
    double low, high;

    pz_str_addf(out,
                "protocol %s in %zu windows, recipe %s, seed %llu; nDCG@%u\n"
                "retrained: trained before each window; live: once, with histories that grow\n\n"
                "%-20s %8s %10s %10s %10s\n",
                w->protocol, w->n, w->recipe, (unsigned long long)w->seed, w->k, "window from",
                "users", ways[0], ways[1], ways[2]);
    for (size_t i = 0; i < w->n; i++) {
        const struct pz_window *one = &w->window[i];

        pz_str_addf(out, "%-20s %8zu %10.4f %10.4f %10.4f\n", pz_time_format(one->from, from),
                    one->n_users, one->value[0], one->value[1], one->value[2]);
    }
    pz_str_addf(out, "%-20s %8llu %10.4f %10.4f %10.4f\n", "all", (unsigned long long)users_of(w),
                mean_of(w, 0), mean_of(w, 1), mean_of(w, 2));
    for (int way = 1; way < PZ_WINDOW_WAYS; way++) {
        sum = over_all(w, way);
        pz_pool_interval(&sum, &low, &high);
        pz_str_addf(out, "%sretrained minus %s: %+.4f [%+.4f, %+.4f]\n", way == 1 ? "\n" : "",
                    ways[way], mean_of(w, 0) - mean_of(w, way), low, high);
    }
}

json_t *pz_windows_json(const struct pz_windows *w)
{
    json_t *list = json_array(), *all = json_object();

    for (size_t i = 0; i < w->n; i++) {
        const struct pz_window *one = &w->window[i];
        json_t *o = json_pack("{s:I, s:I, s:I}", "from", (json_int_t)one->from, "to",
                              (json_int_t)one->to, "users", (json_int_t)one->n_users);

        for (int way = 0; way < PZ_WINDOW_WAYS; way++)
            json_object_set_new(o, ways[way], json_real(one->value[way]));
        json_array_append_new(list, o);
    }
    json_object_set_new(all, "users", json_integer((json_int_t)users_of(w)));
    for (int way = 0; way < PZ_WINDOW_WAYS; way++) {
        struct pz_pool_sum sum = over_all(w, way);
        double low = 0, high = 0;

        if (sum.n > 0)
            pz_pool_interval(&sum, &low, &high);
        json_object_set_new(all, ways[way],
                            json_pack("{s:f, s:[f,f]}", "mean", mean_of(w, way),
                                      "retrained_minus_this", low, high));
    }
    return json_pack("{s:s, s:s, s:I, s:s, s:i, s:o, s:o}", "protocol", w->protocol, "recipe",
                     w->recipe, "seed", (json_int_t)w->seed, "metric",
                     "normalized_discounted_cumulative_gain", "at", (int)w->k, "windows", list,
                     "all", all);
}
