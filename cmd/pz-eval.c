/* SPDX-License-Identifier: Apache-2.0 */
/* pz-eval: how good a model is, always beside popularity. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/opt.h"
#include "data/split.h"
#include "eval/evaluate.h"
#include "model/train.h"

struct config {
    const char *split, *recipe, *history, *seen, *per_user, *k;
    struct pz_strs events, params;
    long long seed, tune;
    bool no_tune;
    struct pz_common common;
};

static const struct pz_opt opts[] = {
    PZ_STR('s', "split", struct config, split, NULL, "SPEC",
           "split the datasets, train on the training part and evaluate: personalize[:P%], "
           "leave-last[:N], time:TIMESTAMP, time:P%, users:P%, random[:P%], cold-items[:P%]"),
    PZ_STR('r', "recipe", struct config, recipe, "user-personalization", "NAME",
           "recipe to train with --split"),
    PZ_LIST('p', "param", struct config, params, "NAME=VALUE", "as in pz-train, with --split"),
    PZ_LIST('e', "event", struct config, events, "TYPE:weight=W,threshold=T",
            "as in pz-train, with --split"),
    PZ_INT('t', "tune", struct config, tune, "8", 0, 1000, "N", "as in pz-train, with --split"),
    PZ_FLAG(0, "no-tune", struct config, no_tune, "as in pz-train, with --split"),
    PZ_STR(0, "history", struct config, history, NULL, "HIST.pzd",
           "take the test users' histories from this dataset, not from the model"),
    PZ_STR(0, "seen", struct config, seen, "default", "default|exclude|keep",
           "whether items of the history may be recommended; the default is the recipe's"),
    PZ_STR('k', "at", struct config, k, "5,10,20,25", "K,K,...", "list lengths for the metrics"),
    PZ_STR(0, "per-user", struct config, per_user, NULL, "FILE",
           "write a line for each test user: user_id and every metric, tab-separated"),
    PZ_INT(0, "seed", struct config, seed, "1", 0, 9e15, "N",
           "seed of the split, the training and the intervals"),
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};

struct judged {
    struct pz_model *model, *popular;
    struct pz_eval_cfg how;
    struct pz_cases cases;
    struct pz_figures mine, base;
    bool cold;            /* cold items: reach counts */
    double reach[2][PZ_MAX_KS]; /* of the model, of popularity */
    double cpu_s, wall_s; /* of training, when it trained */
    bool trained;
};

static enum pz_status parse_ks(const char *text, struct pz_eval_cfg *cfg, struct pz_err *err)
{
    while (*text && cfg->n_k < PZ_MAX_KS) {
        char *end;
        long k = strtol(text, &end, 10);

        if (end == text || k < 1 || k > 10000 || (*end && *end != ','))
            break;
        cfg->k[cfg->n_k++] = (uint32_t)k;
        text = *end ? end + 1 : end;
    }
    if (*text || cfg->n_k == 0)
        return pz_err_set(err, PZ_USAGE, "--at takes up to %d numbers from 1 to 10000", PZ_MAX_KS);
    return PZ_OK;
}

static enum pz_status temp_model(char *path, size_t n, struct pz_err *err)
{
    const char *dir = getenv("TMPDIR");
    int fd;

    snprintf(path, n, "%s/pz-eval.XXXXXX", dir && *dir ? dir : "/tmp");
    fd = mkstemp(path);
    if (fd < 0)
        return pz_err_set(err, PZ_CANT_CREATE, "cannot create a temporary file %s", path);
    close(fd);
    return PZ_OK;
}

/* Train into a temporary file that goes as soon as it is open. */
static enum pz_status train_temp(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                 struct pz_model **out, struct pz_err *err)
{
    char path[512];
    enum pz_status st = temp_model(path, sizeof path, err);

    if (st != PZ_OK)
        return st;
    st = pz_train(ds, job, path, err);
    if (st == PZ_OK)
        st = pz_model_open(path, out, err);
    unlink(path);
    return st;
}

static enum pz_status train_both(const struct config *cfg, const struct pz_dataset *ds,
                                 const uint8_t *keep, struct pz_log *log, struct judged *j,
                                 struct pz_err *err)
{
    struct pz_event_rule *rules = pz_mem_array(cfg->events.n, sizeof *rules);
    struct pz_train_cfg job = { .recipe = pz_recipe_find(cfg->recipe),
                                .rules = rules,
                                .n_rules = cfg->events.n,
                                .params = cfg->params.v,
                                .n_params = cfg->params.n,
                                .keep = keep,
                                .n_trials = cfg->no_tune ? 0 : (uint32_t)cfg->tune,
                                .seed = (uint64_t)cfg->seed,
                                .log = log };
    double cpu = pz_cpu_seconds(), wall = pz_wall_seconds();
    enum pz_status st = rules ? PZ_OK : pz_err_memory(err, "event rules", 1e3);

    if (st == PZ_OK && !job.recipe)
        st = pz_err_set(err, PZ_USAGE, "--recipe %s is not known", cfg->recipe);
    for (size_t i = 0; i < cfg->events.n && st == PZ_OK; i++)
        st = pz_event_rule_parse(cfg->events.v[i], &rules[i], err);
    if (st == PZ_OK)
        st = train_temp(ds, &job, &j->model, err);
    j->cpu_s = pz_cpu_seconds() - cpu;
    j->wall_s = pz_wall_seconds() - wall;
    j->trained = true;
    job.recipe = pz_recipe_find("popularity-count");
    job.params = NULL;
    job.n_params = 0;
    job.n_trials = 0;
    if (st == PZ_OK)
        st = train_temp(ds, &job, &j->popular, err);
    for (size_t i = 0; rules && i < cfg->events.n; i++)
        free((char *)(uintptr_t)rules[i].type);
    free(rules);
    return st;
}

static enum pz_status split_and_train(const struct config *cfg, const struct pz_strs *args,
                                      struct pz_log *log, struct judged *j, struct pz_err *err)
{
    struct pz_split_spec spec = { 0 };
    struct pz_dataset *ds = NULL;
    uint8_t *role = NULL, *keep = NULL;
    enum pz_status st = pz_split_parse(cfg->split, &spec, err);

    if (st == PZ_OK)
        st = pz_dataset_open(args->v, args->n, &ds, err);
    j->cold = spec.kind == PZ_SPLIT_COLD_ITEMS;
    if (st == PZ_OK) {
        role = pz_mem_array(ds->n_inter, 1);
        keep = pz_mem_array(ds->n_inter, 1);
        st = role && keep ? pz_split_assign(ds, &spec, (uint64_t)cfg->seed, role, err)
                          : pz_err_memory(err, "the split", 2.0 * (double)ds->n_inter);
    }
    for (uint64_t p = 0; st == PZ_OK && p < ds->n_inter; p++)
        keep[p] = (role[p] & PZ_ROLE_TRAIN) != 0;
    if (st == PZ_OK)
        st = j->cold ? pz_cases_from_cold(ds, role, &j->cases, err)
                     : pz_cases_from_split(ds, role, &j->cases, err);
    if (st == PZ_OK)
        st = train_both(cfg, ds, keep, log, j, err);
    free(role);
    free(keep);
    pz_dataset_free(ds);
    return st;
}

/* The popularity row of a given model: its own popularity part alone. */
static void only_popularity(struct pz_model *m)
{
    for (size_t i = 0; i < m->n_parts; i++)
        m->part[i].weight = strcmp(m->part[i].scorer->name, "popularity") == 0;
}

static enum pz_status open_given(const struct config *cfg, const struct pz_strs *args,
                                 struct judged *j, struct pz_err *err)
{
    struct pz_dataset *test = NULL, *history = NULL;
    enum pz_status st = pz_model_open(args->v[0], &j->model, err);

    if (st == PZ_OK)
        st = pz_model_open(args->v[0], &j->popular, err);
    if (st == PZ_OK)
        only_popularity(j->popular);
    if (st == PZ_OK)
        st = pz_dataset_open(args->v + 1, args->n - 1, &test, err);
    if (st == PZ_OK && cfg->history)
        st = pz_dataset_open(&cfg->history, 1, &history, err);
    if (st == PZ_OK)
        st = pz_cases_from_test(test, history, &j->cases, err);
    pz_dataset_free(test);
    pz_dataset_free(history);
    return st;
}

static json_t *metric_object(const struct pz_figures *f, const struct judged *j, const double *reach)
{
    json_t *o = json_object();

    for (size_t i = 0; i < f->n_metrics; i++)
        json_object_set_new(o, f->name[i], json_real(f->mean[i]));
    json_object_set_new(o, "coverage", json_real(f->coverage));
    json_object_set_new(o, "catalogue_share", json_real(f->catalogue_share));
    json_object_set_new(o, "gini", json_real(f->gini));
    json_object_set_new(o, "novelty", json_real(f->novelty));
    for (size_t i = 0; j->cold && i < j->how.n_k; i++) {
        char name[48];

        snprintf(name, sizeof name, "first_week_audience_reached_at_%u", j->how.k[i]);
        json_object_set_new(o, name, json_real(reach[i]));
    }
    return o;
}

static enum pz_status print_json(const struct config *cfg, const struct judged *j, struct pz_err *err)
{
    json_t *intervals = json_object(), *lift = json_object(), *doc;
    struct pz_str text = { 0 };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < j->mine.n_metrics; i++) {
        struct pz_lift l = pz_compare(&j->mine, &j->base, i, (uint64_t)cfg->seed);

        json_object_set_new(intervals, j->mine.name[i],
                            json_pack("[f,f]", j->mine.low[i], j->mine.high[i]));
        json_object_set_new(lift, j->mine.name[i],
                            json_pack("{s:o, s:f, s:[f,f], s:b}", "ratio",
                                      isfinite(l.ratio) ? json_real(l.ratio) : json_null(),
                                      "difference", l.difference, "interval", l.low, l.high,
                                      "excludes_zero", l.low > 0 || l.high < 0));
    }
    doc = json_pack("{s:s, s:I, s:I, s:s, s:o, s:o, s:{s:o}, s:{s:o}}", "protocol",
                    cfg->split ? cfg->split : "test", "users", (json_int_t)j->mine.n_cases, "seed",
                    (json_int_t)cfg->seed, "recipe", j->model->recipe->name, "metrics",
                    metric_object(&j->mine, j, j->reach[0]), "intervals", intervals, "baselines", "popularity",
                    metric_object(&j->base, j, j->reach[1]), "lift", "popularity", lift);
    if (doc && j->trained)
        json_object_set_new(doc, "train",
                            json_pack("{s:f, s:f, s:I}", "cpu_seconds", j->cpu_s, "wall_seconds",
                                      j->wall_s, "peak_memory_bytes", (json_int_t)pz_mem_peak()));
    if (doc)
        pz_json_dump(&text, doc, true);
    if (!doc || text.failed)
        st = pz_err_memory(err, "the report", 1e5);
    else
        fputs(text.data, stdout);
    json_decref(doc);
    pz_str_clear(&text);
    return st;
}

static void print_table(const struct config *cfg, const struct judged *j)
{
    printf("protocol %s, %zu %s, seed %lld, recipe %s\n\n", cfg->split ? cfg->split : "test",
           j->mine.n_cases, j->cold ? "cases" : "users", cfg->seed, j->model->recipe->name);
    printf("%-44s %8s  %-17s %10s  %8s  %s\n", "metric", "value", "95% interval", "popularity", "lift",
           "interval of the difference");
    for (size_t i = 0; i < j->mine.n_metrics; i++) {
        struct pz_lift l = pz_compare(&j->mine, &j->base, i, (uint64_t)cfg->seed);

        printf("%-44s %8.4f  [%.4f, %.4f]  %10.4f  %+7.1f%%  [%+.4f, %+.4f]%s\n", j->mine.name[i],
               j->mine.mean[i], j->mine.low[i], j->mine.high[i], j->base.mean[i], 100 * l.ratio, l.low,
               l.high, l.low > 0 || l.high < 0 ? "" : " includes 0");
    }
    printf("%-44s %8.4f  %-17s %10.4f\n", "coverage", j->mine.coverage, "", j->base.coverage);
    printf("%-44s %8.4f  %-17s %10.4f\n", "gini", j->mine.gini, "", j->base.gini);
    printf("%-44s %8.4f  %-17s %10.4f\n", "novelty (bits)", j->mine.novelty, "", j->base.novelty);
    for (size_t i = 0; j->cold && i < j->how.n_k; i++)
        printf("first_week_audience_reached_at_%-13u %8.4f  %-17s %10.4f\n", j->how.k[i], j->reach[0][i],
               "", j->reach[1][i]);
}

static enum pz_status write_per_user(const struct config *cfg, const struct judged *j,
                                     struct pz_err *err)
{
    struct pz_out *out = NULL;
    struct pz_str line = { 0 };
    enum pz_status st = pz_out_open(cfg->per_user, &out, err);

    pz_str_adds(&line, "user_id");
    for (size_t i = 0; i < j->mine.n_metrics; i++)
        pz_str_addf(&line, "\t%s", j->mine.name[i]);
    pz_str_addc(&line, '\n');
    for (size_t k = 0; k < j->mine.n_cases && st == PZ_OK; k++) {
        pz_str_adds(&line, j->cases.c[k].user_id);
        for (size_t i = 0; i < j->mine.n_metrics; i++) {
            pz_str_addc(&line, '\t');
            pz_str_add_float(&line, j->mine.each[k * j->mine.n_metrics + i]);
        }
        pz_str_addc(&line, '\n');
        if (line.failed)
            st = pz_err_memory(err, "a line", 1e4);
        else
            st = pz_out_write(out, line.data, line.len, err);
        pz_str_reset(&line);
    }
    pz_str_clear(&line);
    if (st == PZ_OK)
        return pz_out_commit(out, err);
    pz_out_abort(out);
    return st;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log, struct pz_err *err)
{
    const struct config *cfg = config;
    struct judged j = { .how = { .seed = (uint64_t)cfg->seed, .log = log } };
    enum pz_status st = parse_ks(cfg->k, &j.how, err);

    j.how.seen = cfg->seen[0] == 'e' ? PZ_SEEN_EXCLUDE : cfg->seen[0] == 'k' ? PZ_SEEN_KEEP
                                                                           : PZ_SEEN_DEFAULT;
    if (st == PZ_OK && args->n < (cfg->split ? 1 : 2))
        st = pz_err_set(err, PZ_USAGE, "give MODEL.pzm TEST.pzd, or --split SPEC DATA.pzd; see --help");
    if (st == PZ_OK)
        st = cfg->split ? split_and_train(cfg, args, log, &j, err) : open_given(cfg, args, &j, err);
    if (st == PZ_OK)
        st = pz_evaluate(j.model, &j.cases, &j.how, &j.mine, err);
    if (st == PZ_OK)
        st = pz_evaluate(j.popular, &j.cases, &j.how, &j.base, err);
    if (st == PZ_OK && j.cold)
        st = pz_evaluate_reach(j.model, &j.cases, &j.how, j.reach[0], err);
    if (st == PZ_OK && j.cold)
        st = pz_evaluate_reach(j.popular, &j.cases, &j.how, j.reach[1], err);
    if (st == PZ_OK && cfg->per_user)
        st = write_per_user(cfg, &j, err);
    if (st == PZ_OK && cfg->common.json)
        st = print_json(cfg, &j, err);
    else if (st == PZ_OK)
        print_table(cfg, &j);
    pz_figures_clear(&j.mine);
    pz_figures_clear(&j.base);
    pz_cases_clear(&j.cases);
    pz_model_free(j.model);
    pz_model_free(j.popular);
    return st;
}

int main(int argc, char **argv)
{
    static const struct pz_cmd cmd = {
        .name = "pz-eval",
        .synopsis = "[options] MODEL.pzm TEST.pzd...\n--split SPEC [options] DATA.pzd...",
        .summary = "Judge a model by exact full ranking, beside popularity.",
        .examples = "  pz-eval --split personalize shop.pzd\n"
                    "  pz-eval --json home.pzm test.pzd --history hist.pzd",
        .opts = opts,
        .cfg_bytes = sizeof(struct config),
        .common_offset = offsetof(struct config, common),
        .operands = "file",
        .run = run,
    };

    return pz_cmd_main(&cmd, argc, argv);
}
