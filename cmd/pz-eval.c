/* SPDX-License-Identifier: Apache-2.0 */
/* pz-eval: how good a model is, always beside popularity. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer/rules.h"
#include "base/file.h"
#include "base/json.h"
#include "base/ledger.h"
#include "base/mem.h"
#include "base/opt.h"
#include "campaign/campaign.h"
#include "data/split.h"
#include "eval/verdict.h"
#include "train/train.h"

struct config {
    const char *split, *output, *tune_metric, *history, *seen, *per_user, *k, *vs, *gate, *report,
        *objective;
    struct pz_strs recipes, events, params;
    long long seed, tune;
    double tune_time;
    bool no_tune;
    struct pz_common common;
};

static const struct pz_opt opts[] = {
    PZ_STR('s', "split", struct config, split, NULL, "SPEC",
           "split the datasets, train on the training part and evaluate: personalize[:P%], "
           "leave-last[:N], time:TIMESTAMP, time:P%, users[:P%], random[:P%], cold-items[:P%]"),
    PZ_LIST('r', "recipe", struct config, recipes, "NAME",
            "with --split: recipe to train, user-personalization when none is given. May be given "
            "several times: the others are trained too and stand beside the first as baselines"),
    PZ_LIST('p', "param", struct config, params, "NAME=VALUE",
            "as in pz-train, for the first recipe"),
    PZ_LIST('e', "event", struct config, events, "TYPE:weight=W,threshold=T",
            "as in pz-train, with --split. Truth that does not count is no truth then"),
    PZ_INT('t', "tune", struct config, tune, PZ_TUNE_TRIALS, 0, 1000, "N",
           "as in pz-train, with --split"),
    PZ_REAL(0, "tune-time", struct config, tune_time, "0 (no limit)", 0, 1e6, "SECONDS",
            "as in pz-train, with --split"),
    PZ_STR(0, "tune-metric", struct config, tune_metric, "mix", "NAME",
           "as in pz-train, with --split"),
    PZ_FLAG(0, "no-tune", struct config, no_tune, "as in pz-train, with --split"),
    PZ_OUT('o', "output", struct config, output, NULL, "FILE",
           "with --split: keep the model of the first recipe"),
    PZ_STR(0, "history", struct config, history, NULL, "HIST.pzd",
           "take the test users' histories from this dataset, not from the model"),
    PZ_STR(0, "seen", struct config, seen, "default", "default|exclude|keep",
           "whether items of the history may be recommended; the default is the recipe's"),
    PZ_STR(0, "objective", struct config, objective, NULL, "COLUMN=off|low|medium|high",
           "rank as pz-recommend --objective does, and add average_rewards_at_k: what the hits are "
           "worth, as a share of what the truth is; off only measures"),
    PZ_STR('k', "at", struct config, k, "5,10,20,25", "K,K,...", "list lengths for the metrics"),
    PZ_STR(0, "vs", struct config, vs, NULL, "OTHER.pzm",
           "judge this model on the same users too, as the baseline vs"),
    PZ_STR(0, "gate", struct config, gate, NULL, "EXPR",
           "exit with 1 when the expression is false, such as 'ndcg@10 >= 0.98*vs && coverage >= "
           "0.1'"),
    PZ_OUT(0, "report", struct config, report, NULL, "FILE.html", "write the result as a page too"),
    PZ_OUT(0, "per-user", struct config, per_user, NULL, "FILE",
           "write a line for each test user: user_id and every metric, tab-separated"),
    PZ_INT(0, "seed", struct config, seed, "1", 0, 9e15, "N",
           "seed of the split, the training and the intervals"),
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};

/* What is judged: model[0] is the one, model[i + 1] is rival i's. */
struct session {
    struct pz_verdict v;
    struct pz_model *model[PZ_MAX_RIVALS + 1];
    struct pz_cases cases;
};

/* ---- training, with --split ---- */

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

/* Train into keep, or into a temporary file that goes as soon as it is open. */
static enum pz_status train_one(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                const char *keep, struct pz_model **out, struct pz_err *err)
{
    char path[512];
    enum pz_status st = keep ? PZ_OK : temp_model(path, sizeof path, err);

    if (st != PZ_OK)
        return st;
    st = pz_train(ds, job, keep ? keep : path, err);
    if (st == PZ_OK)
        st = pz_model_open(keep ? keep : path, out, err);
    if (!keep)
        unlink(path);
    return st;
}

/* The model judged, by the options; rivals with the same events and the defaults. */
static enum pz_status train_all(const struct config *cfg, const struct pz_dataset *ds,
                                struct pz_train_cfg *job, struct session *s, struct pz_err *err)
{
    double cpu = pz_cpu_seconds(), wall = pz_wall_seconds();
    enum pz_status st;

    job->recipe = pz_recipe_find(s->v.recipe, NULL);
    st = train_one(ds, job, cfg->output, &s->model[0], err);
    s->v.trained = true;
    s->v.cpu_s = pz_cpu_seconds() - cpu;
    s->v.wall_s = pz_wall_seconds() - wall;
    s->v.peak_bytes = pz_mem_peak();
    job->n_params = 0;
    for (size_t i = 0; i < s->v.n_rivals && st == PZ_OK; i++) {
        job->recipe = pz_recipe_find(i == 0 ? "popularity-count" : s->v.rival[i].name, NULL);
        st = train_one(ds, job, NULL, &s->model[i + 1], err);
    }
    return st;
}

static enum pz_status train_with_events(const struct config *cfg, const struct pz_dataset *ds,
                                        const uint8_t *keep, struct session *s, struct pz_err *err)
{
    struct pz_event_rule *rules = NULL;
    struct pz_train_cfg job = { .n_rules = cfg->events.n,
                                .params = cfg->params.v,
                                .n_params = cfg->params.n,
                                .keep = keep,
                                .n_trials = cfg->no_tune ? 0 : (uint32_t)cfg->tune,
                                .tune_time_s = cfg->tune_time,
                                .seed = (uint64_t)cfg->seed,
                                .log = s->v.how.log };
    enum pz_status st = pz_event_rules_parse(cfg->events.v, cfg->events.n, &rules, err);

    job.rules = rules;
    if (st == PZ_OK)
        st = pz_metric_parse(cfg->tune_metric, &job.metric, err);
    if (st == PZ_OK)
        st = train_all(cfg, ds, &job, s, err);
    pz_event_rules_free(rules, cfg->events.n);
    return st;
}

static enum pz_status split_and_train(const struct config *cfg, const struct pz_strs *args,
                                      struct session *s, struct pz_err *err)
{
    struct pz_split_spec spec = { .share = 0 };
    struct pz_dataset *ds = NULL;
    uint8_t *role = NULL, *keep = NULL;
    enum pz_status st = pz_split_parse(cfg->split, &spec, err);

    if (st == PZ_OK)
        st = pz_dataset_open(args->v, args->n, &ds, err);
    s->v.cold = spec.kind == PZ_SPLIT_COLD_ITEMS;
    if (st == PZ_OK) {
        role = pz_mem_array(ds->n_interactions, 1);
        keep = pz_mem_array(ds->n_interactions, 1);
        st = role && keep ? pz_split_assign(ds, &spec, (uint64_t)cfg->seed, role, err)
                          : pz_err_memory(err, "the split", 2.0 * (double)ds->n_interactions);
    }
    for (uint64_t p = 0; st == PZ_OK && p < ds->n_interactions; p++)
        keep[p] = (role[p] & PZ_ROLE_TRAIN) != 0;
    if (st == PZ_OK)
        st = train_with_events(cfg, ds, keep, s, err);
    if (st == PZ_OK)
        st = s->v.cold ? pz_cases_from_cold(ds, role, &s->cases, err)
                       : pz_cases_from_split(ds, role, s->model[0], &s->cases, err);
    free(role);
    free(keep);
    pz_dataset_free(ds);
    return st;
}

/* ---- a given model ---- */

/* The popularity row of a given model: its own popularity part alone. */
static void only_popularity(struct pz_model *m)
{
    for (size_t i = 0; i < m->n_parts; i++)
        m->part[i].weight = m->part[i].scorer->is_fallback;
}
/* A model file, or the current version of a campaign. */
static enum pz_status open_model(const char *operand, struct pz_model **out, struct pz_err *err)
{
    char path[4096];
    enum pz_status st = pz_campaign_model_path(operand, path, sizeof path, err);

    return st == PZ_OK ? pz_model_open(path, out, err) : st;
}

static enum pz_status open_given(const struct config *cfg, const struct pz_strs *args,
                                 struct session *s, struct pz_err *err)
{
    struct pz_dataset *test = NULL, *history = NULL;
    enum pz_status st = open_model(args->v[0], &s->model[0], err);

    if (st == PZ_OK)
        st = open_model(args->v[0], &s->model[1], err);
    if (st == PZ_OK) {
        s->v.recipe = s->model[0]->recipe->name;
        only_popularity(s->model[1]);
    }
    if (st == PZ_OK && cfg->vs)
        st = open_model(cfg->vs, &s->model[2], err);
    if (st == PZ_OK)
        st = pz_dataset_open(args->v + 1, args->n - 1, &test, err);
    if (st == PZ_OK && cfg->history)
        st = pz_dataset_open(&cfg->history, 1, &history, err);
    if (st == PZ_OK)
        st = pz_cases_from_test(test, history, &s->cases, err);
    pz_dataset_free(test);
    pz_dataset_free(history);
    return st;
}

/* ---- judging ---- */

static enum pz_status judge_one(struct session *s, struct pz_model *m, struct pz_contender *c,
                                struct pz_err *err)
{
    enum pz_status st;

    if (m->recipe->task == PZ_TASK_RANK) /* the list to order is the catalogue */
        m->recipe = pz_recipe_find("user-personalization", NULL);
    st = pz_evaluate(m, &s->cases, &s->v.how, &c->figures, err);
    for (int exploring = 0; st == PZ_OK && s->v.cold && exploring < 2; exploring++) {
        struct pz_eval_cfg how = s->v.how;

        how.exploration_weight = exploring ? -1 : 0;
        st = pz_evaluate_reach(m, &s->cases, &how, c->reach[exploring], err);
    }
    return st;
}

static enum pz_status judge_all(struct session *s, struct pz_err *err)
{
    enum pz_status st = judge_one(s, s->model[0], &s->v.mine, err);

    for (size_t i = 0; i < s->v.n_rivals && st == PZ_OK; i++)
        st = judge_one(s, s->model[i + 1], &s->v.rival[i], err);
    return st == PZ_OK ? pz_gate_judge(&s->v, err) : st;
}

/* ---- reports ---- */

static enum pz_status print_result(const struct config *cfg, const struct pz_verdict *v,
                                   struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st = PZ_OK;

    if (cfg->common.json) {
        json_t *doc = pz_verdict_json(v);

        if (doc)
            pz_json_dump(&text, doc, true);
        json_decref(doc);
    } else {
        pz_verdict_text(&text, v);
    }
    if (!text.data || text.failed)
        st = pz_err_memory(err, "the report", 1e5);
    else
        fwrite(text.data, 1, text.len, stdout); /* checked when stdout is closed */
    pz_str_clear(&text);
    return st;
}

static enum pz_status write_report(const struct config *cfg, const struct pz_verdict *v,
                                   struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_verdict_html(&text, v);
    st = text.failed ? pz_err_memory(err, "the report", 1e5)
                     : pz_file_write(cfg->report, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

static void add_line(struct pz_str *line, const struct pz_figures *f, const struct pz_case *c,
                     size_t k)
{
    pz_str_reset(line);
    pz_str_add_csv(line, c->user_id, strlen(c->user_id), '\t');
    for (size_t i = 0; i < f->n_metrics; i++) {
        pz_str_addc(line, '\t');
        pz_str_add_float(line, f->each[k * f->n_metrics + i]);
    }
    pz_str_addc(line, '\n');
}

static enum pz_status write_per_user(const struct config *cfg, const struct session *s,
                                     struct pz_err *err)
{
    const struct pz_figures *f = &s->v.mine.figures;
    struct pz_out *out = NULL;
    struct pz_str line = { 0 };
    enum pz_status st = pz_out_open(cfg->per_user, &out, err);

    pz_str_adds(&line, "user_id");
    for (size_t i = 0; i < f->n_metrics; i++)
        pz_str_addf(&line, "\t%s", f->name[i]);
    pz_str_addc(&line, '\n');
    for (size_t k = 0; k <= f->n_cases && st == PZ_OK; k++) {
        if (k > 0)
            add_line(&line, f, &s->cases.c[k - 1], k - 1);
        st = line.failed ? pz_err_memory(err, "a line", 1e4)
                         : pz_out_write(out, line.data, line.len, err);
    }
    pz_str_clear(&line);
    if (st == PZ_OK)
        return pz_out_commit(out, err);
    pz_out_abort(out);
    return st;
}

static enum pz_status report(const struct config *cfg, const struct session *s, struct pz_err *err)
{
    enum pz_status st = cfg->per_user ? write_per_user(cfg, s, err) : PZ_OK;

    if (st == PZ_OK && cfg->report)
        st = write_report(cfg, &s->v, err);
    if (st == PZ_OK)
        st = print_result(cfg, &s->v, err);
    if (cfg->gate)
        pz_ledger_text("gate", cfg->gate);
    if (cfg->gate && st == PZ_OK)
        pz_ledger_text("gate_says", s->v.passed ? "yes" : s->v.why.data ? s->v.why.data : "no");
    if (st == PZ_OK && cfg->gate && !s->v.passed)
        st = pz_err_set(err, PZ_NEGATIVE, "the gate says no: %s",
                        s->v.why.data ? s->v.why.data : cfg->gate);
    return st;
}

/* ---- the whole ---- */

/* Name the contenders and look at the gate, before anything costs time. */
static enum pz_status prepare(const struct config *cfg, struct session *s, struct pz_err *err)
{
    struct pz_verdict *v = &s->v;
    const char *const *names = cfg->recipes.n ? cfg->recipes.v
                                              : (const char *const[]){ "user-personalization" };
    size_t n = cfg->recipes.n ? cfg->recipes.n : 1;

    v->protocol = cfg->split ? cfg->split : "test";
    v->gate = cfg->gate;
    v->rival[v->n_rivals++].name = "popularity";
    if (cfg->vs)
        v->rival[v->n_rivals++].name = "vs";
    if (n > PZ_MAX_RIVALS - 1)
        return pz_err_set(err, PZ_USAGE, "at most %d recipes can be compared", PZ_MAX_RIVALS - 1);
    for (size_t i = 0; i < n && cfg->split; i++) {
        const struct pz_recipe *recipe;
        enum pz_status st = pz_recipe_choose(names[i], &recipe, NULL, err);

        if (st != PZ_OK)
            return st;
        if (i == 0)
            v->recipe = recipe->name;
        else
            v->rival[v->n_rivals++].name = recipe->name;
    }
    return pz_gate_judge(v, err);
}

static enum pz_status check_usage(const struct config *cfg, const struct pz_strs *args,
                                  struct pz_err *err)
{
    if (args->n < (cfg->split ? 1 : 2))
        return pz_err_set(err, PZ_USAGE,
                          "give MODEL.pzm TEST.pzd, or --split SPEC DATA.pzd; see --help");
    if (cfg->split && (cfg->vs || cfg->history))
        return pz_err_set(
            err, PZ_USAGE,
            "--split trains its own models; compare recipes by giving --recipe again");
    if (!cfg->split && (cfg->recipes.n || cfg->params.n || cfg->events.n || cfg->output))
        return pz_err_set(err, PZ_USAGE, "--recipe, --param, --event and --output need --split");
    return PZ_OK;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_ruleset rules = { 0 };
    struct session s = { .v = { .seed = (uint64_t)cfg->seed,
                                .how = { .seed = (uint64_t)cfg->seed, .log = log } } };
    enum pz_status st = check_usage(cfg, args, err);

    s.v.how.seen = cfg->seen[0] == 'e'   ? PZ_SEEN_EXCLUDE
                   : cfg->seen[0] == 'k' ? PZ_SEEN_KEEP
                                         : PZ_SEEN_DEFAULT;
    if (st == PZ_OK && cfg->objective)
        st = pz_ruleset_objective(&rules, cfg->objective, err);
    s.v.how.objective = rules.rules.objective;
    s.v.how.objective_power = rules.rules.objective_power;
    if (st == PZ_OK)
        st = pz_eval_parse_ks(cfg->k, &s.v.how, err);
    if (st == PZ_OK)
        st = prepare(cfg, &s, err);
    if (st == PZ_OK)
        st = cfg->split ? split_and_train(cfg, args, &s, err) : open_given(cfg, args, &s, err);
    if (st == PZ_OK)
        st = judge_all(&s, err);
    if (st == PZ_OK)
        st = report(cfg, &s, err);
    pz_ruleset_clear(&rules);
    pz_verdict_clear(&s.v);
    pz_cases_clear(&s.cases);
    for (size_t i = 0; i <= PZ_MAX_RIVALS; i++)
        pz_model_free(s.model[i]);
    return st;
}

int main(int argc, char **argv)
{
    static const struct pz_cmd cmd = {
        .name = "pz-eval",
        .synopsis = "[options] MODEL.pzm TEST.pzd...\n--split SPEC [options] DATA.pzd...",
        .summary = "Judge a model by exact full ranking, beside popularity.",
        .examples =
            "  pz-eval --split personalize shop.pzd\n"
            "  pz-eval --split leave-last -r user-personalization -r related-items shop.pzd\n"
            "  pz-eval --json new.pzm test.pzd --vs old.pzm --gate 'ndcg@10 >= 0.98*vs'\n"
            "  pz-eval home.pzm test.pzd --history hist.pzd --seen keep",
        .opts = opts,
        .cfg_bytes = sizeof(struct config),
        .common_offset = offsetof(struct config, common),
        .operands = "file",
        .learns = true,
        .run = run,
    };

    return pz_cmd_main(&cmd, argc, argv);
}
