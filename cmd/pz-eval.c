/* SPDX-License-Identifier: Apache-2.0 */
/* pz-eval: how good a model is, always compared with popularity. */
#include <stdio.h>
#include <string.h>

#include "answer/rules.h"
#include "base/file.h"
#include "base/json.h"
#include "base/ledger.h"
#include "base/opt.h"
#include "campaign/operand.h"
#include "cmd/eval/eval.h"
#include "eval/page.h"
#include "eval/windows.h"
#include "table/table.h"

static const struct pz_opt opts[] = {
    PZ_STR('s', "split", struct eval_cfg, split, NULL, "SPEC",
           "split the datasets, train on the training part and evaluate: personalize[:P%], "
           "leave-last[:N], time:TIMESTAMP, time:P%, users[:P%], random[:P%], cold-items[:P%]"),
    PZ_INT(
        0, "windows", struct eval_cfg, windows, "0 (one)", 0, PZ_MAX_WINDOWS, "N",
        "with --split time:...: cut what is held out into N windows, and judge each with a model "
        "trained up to it, with the first model and growing histories, and by popularity"),
    PZ_STR(0, "window", struct eval_cfg, window, NULL, "K/N",
           "of --windows N judge the K-th alone, and print what was found as a line of JSON: a job "
           "of a scheduler"),
    PZ_LIST(0, "with-windows", struct eval_cfg, with_windows, "FILE",
            "print the table of --windows from the files of all --window. Further files may follow "
            "as operands"),
    PZ_LIST('r', "recipe", struct eval_cfg, recipes, "NAME",
            "with --split: recipe to train, user-personalization when none is given. May be given "
            "several times: the others are trained too, as baselines"),
    PZ_LIST('p', "param", struct eval_cfg, learn.params, "NAME=VALUE",
            "as in pz-train, for the first recipe"),
    PZ_LIST('e', "event", struct eval_cfg, learn.events, "TYPE:weight=W,threshold=T",
            "as in pz-train, with --split. Held-out events that do not count are no ground truth"),
    PZ_LIST(0, "exclude-column", struct eval_cfg, learn.excluded, "TABLE.COLUMN",
            "learn nothing from this column (Items.PRICE, Users.AGE, Interactions.DEVICE), or from "
            "those of excludedDatasetColumns in FILE.json; filters and answers have them. May be "
            "given several times"),
    PZ_REAL(0, "event-power", struct eval_cfg, learn.event_power, "0 (validation chooses)", 0, 1,
            "P", "as in pz-train, with --split"),
    PZ_INT('t', "tune", struct eval_cfg, learn.tune, PZ_TUNE_TRIALS, 0, 1000, "N",
           "as in pz-train, with --split"),
    PZ_REAL(0, "tune-time", struct eval_cfg, learn.tune_time, "0 (no limit)", 0, 1e6, "SECONDS",
            "as in pz-train, with --split"),
    PZ_STR(0, "tune-metric", struct eval_cfg, learn.metric, "mix", "NAME",
           "as in pz-train, with --split"),
    PZ_STR(0, "tune-for", struct eval_cfg, learn.tune_for, "auto", "next|both|any|auto",
           "as in pz-train, with --split; auto: next with leave-last, any with random, else both"),
    PZ_FLAG(0, "no-tune", struct eval_cfg, learn.no_tune, "as in pz-train, with --split"),
    PZ_OUT('o', "output", struct eval_cfg, output, NULL, "FILE",
           "with --split: keep the model of the first recipe"),
    PZ_STR(0, "history", struct eval_cfg, history, NULL, "HIST.pzd",
           "take the test users' histories from this dataset, not from the model"),
    PZ_STR(0, "seen", struct eval_cfg, seen, "default", "default|exclude|keep|auto",
           "whether items of the history may be recommended; the default is the recipe's"),
    PZ_STR(0, "objective", struct eval_cfg, objective, NULL, "COLUMN=off|low|medium|high",
           "rank as pz-recommend --objective does, and add average_rewards_at_k: what the hits are "
           "worth, as a share of what the ground truth is; off only measures"),
    PZ_STR('k', "at", struct eval_cfg, k, "5,10,20,25", "K,K,...", "list lengths for the metrics"),
    PZ_STR(0, "vs", struct eval_cfg, vs, NULL, "MODEL|CAMPAIGN",
           "judge this model, or a campaign's current version, on the same users too, as the "
           "baseline vs"),
    PZ_FLAG(0, "parts", struct eval_cfg, parts,
            "judge each part of the model without the others, too: what their blend gains over it"),
    PZ_STR(0, "gate", struct eval_cfg, gate, NULL, "EXPR",
           "exit with 1 when the expression is false, such as 'ndcg@10 >= 0.98*vs && coverage >= "
           "0.1'"),
    PZ_INT(0, "pool-days", struct eval_cfg, pool_days, "0 (today's test alone)", 0, 366, "N",
           "with --vs and --ledger: let --gate compare over the last N days' tests in the ledger"),
    PZ_OUT(0, "report", struct eval_cfg, report, NULL, "FILE.html",
           "write the result as a page too"),
    PZ_OUT(0, "per-user", struct eval_cfg, per_user, NULL, "FILE",
           "write a line for each test user: user_id and every metric, tab-separated"),
    PZ_INT(0, "seed", struct eval_cfg, learn.seed, "1", 0, 9e15, "N",
           "seed of the split, the training and the intervals"),
    PZ_OPT_COMMON(struct eval_cfg, common),
    PZ_END
};

/* ---- reports ---- */

static struct pz_str command; /* as it was typed, for the report */

static void add_word(const char *word)
{
    pz_str_adds(&command, command.len ? " " : "");
    pz_str_add_shell(&command, word);
}

enum pz_status eval_print(struct pz_str *text, json_t *doc, struct pz_err *err)
{
    if (doc)
        pz_json_dump(text, doc, true);
    json_decref(doc);
    text->failed |= !text->data; /* memory was out for a document */
    return pz_cmd_print(text, "the report", err);
}

static enum pz_status print(const struct eval_cfg *cfg, const struct pz_verdict *v,
                            struct pz_err *err)
{
    struct pz_str text = { 0 };

    if (!cfg->common.json)
        pz_verdict_text(&text, v);
    return eval_print(&text, cfg->common.json ? pz_verdict_json(v) : NULL, err);
}

static enum pz_status write_report(const struct eval_cfg *cfg, const struct pz_judgement *j,
                                   struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st = pz_judgement_page(j, command.data, &text, err);

    if (st == PZ_OK)
        st = pz_file_write(cfg->report, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

static enum pz_status report(const struct eval_cfg *cfg, const struct pz_judgement *j,
                             struct pz_err *err)
{
    enum pz_status st = cfg->per_user ? pz_judgement_per_user(j, cfg->per_user, err) : PZ_OK;

    if (st == PZ_OK && cfg->report)
        st = write_report(cfg, j, err);
    if (st == PZ_OK)
        st = print(cfg, &j->v, err);
    if (cfg->gate)
        pz_ledger_text("gate", cfg->gate);
    if (cfg->gate && st == PZ_OK)
        pz_ledger_text("gate_says", j->v.passed ? "yes" : j->v.why.data ? j->v.why.data : "no");
    if (st == PZ_OK && cfg->gate && !j->v.passed)
        st = pz_err_set(err, PZ_NEGATIVE, "the gate says no: %s",
                        j->v.why.data ? j->v.why.data : cfg->gate);
    return st;
}

/* A model, then datasets; with --split datasets alone. */
static enum pz_status check_operands(const struct eval_cfg *cfg, const struct pz_strs *args,
                                     struct pz_err *err)
{
    const unsigned dataset = 1u << PZ_OPERAND_DATASET,
                   model = 1u << PZ_OPERAND_MODEL | 1u << PZ_OPERAND_CAMPAIGN;
    enum pz_status st = PZ_OK;

    if (!cfg->split && pz_operands_swapped(args->v[0], model, args->v[1], dataset))
        return pz_err_set(err, PZ_USAGE, "the model comes first: pz-eval %s %s", args->v[1],
                          args->v[0]);
    for (size_t i = 0; i < args->n && st == PZ_OK; i++)
        st = pz_operand_want(args->v[i], i == 0 && !cfg->split ? model : dataset, err);
    return st == PZ_OK && cfg->vs ? pz_operand_want(cfg->vs, model, err) : st;
}

static enum pz_status check_usage(const struct eval_cfg *cfg, const struct pz_strs *args,
                                  struct pz_err *err)
{
    if (args->n < (cfg->split ? 1 : 2))
        return pz_err_set(err, PZ_USAGE,
                          "give MODEL.pzm TEST.pzd, or --split SPEC DATA.pzd; see --help");
    if (pz_out_check_binary(cfg->output, err) != PZ_OK || check_operands(cfg, args, err) != PZ_OK)
        return PZ_USAGE;
    if (cfg->split && (cfg->vs || cfg->history))
        return pz_err_set(
            err, PZ_USAGE,
            "--split trains its own models; compare recipes by giving --recipe again");
    if (!cfg->split && (cfg->recipes.n || cfg->learn.params.n || cfg->learn.events.n ||
                        cfg->learn.excluded.n || cfg->output))
        return pz_err_set(err, PZ_USAGE,
                          "--recipe, --param, --event, --exclude-column and --output need --split");
    if (cfg->pool_days > 0 && (!cfg->vs || !cfg->gate || !cfg->common.ledger))
        return pz_err_set(err, PZ_USAGE, "--pool-days needs --vs, --gate and --ledger");
    return PZ_OK;
}

static enum pz_status judge(const struct eval_cfg *cfg, const struct pz_strs *args,
                            struct pz_judgement *j, struct pz_err *err)
{
    struct pz_train_cfg job = { .n_rules = 0 };
    enum pz_status st;

    if (!cfg->split)
        return pz_judgement_given(j, args->v[0], cfg->vs, args->v + 1, args->n - 1, cfg->history,
                                  err);
    st = pz_train_options_read(&cfg->learn, cfg->split, j->v.how.log, &job, err);
    if (st == PZ_OK)
        st = pz_judgement_split(j, args, &job, cfg->output, err);
    pz_train_options_clear(&job);
    return st;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    struct eval_cfg *cfg = config;
    struct pz_ruleset rules = { 0 };
    struct pz_judgement j = { .v = { .seed = (uint64_t)cfg->learn.seed,
                                     .gate = cfg->gate,
                                     .by_part = cfg->parts,
                                     .how = { .seed = (uint64_t)cfg->learn.seed, .log = log } } };
    struct pz_str list = { 0 };
    enum pz_status st;

    if (pz_params_ask_list(&cfg->learn.params)) {
        pz_params_list(&list, cfg->common.json ? PZ_LIST_JSON : PZ_LIST_TEXT);
        return pz_cmd_print(&list, "the settings", err);
    }
    if (cfg->with_windows.n > 0)
        return eval_with_windows(cfg, args, err);
    st = check_usage(cfg, args, err);
    if (st == PZ_OK)
        st = eval_check_windows(cfg, err);
    j.v.how.seen = cfg->seen[0] == 'e'   ? PZ_SEEN_EXCLUDE
                   : cfg->seen[0] == 'k' ? PZ_SEEN_KEEP
                   : cfg->seen[0] == 'a' ? PZ_SEEN_AUTO
                                         : PZ_SEEN_DEFAULT;
    if (st == PZ_OK && cfg->objective)
        st = pz_ruleset_objective(&rules, cfg->objective, err);
    j.v.how.objective = rules.rules.objective;
    j.v.how.objective_power = rules.rules.objective_power;
    if (st == PZ_OK)
        st = pz_eval_parse_ks(cfg->k, &j.v.how, err);
    if (st == PZ_OK)
        st = pz_judgement_name(&j, cfg->split, cfg->recipes.v, cfg->recipes.n, cfg->vs, err);
    if (st == PZ_OK && (cfg->windows > 0 || cfg->window)) {
        st = eval_windows(cfg, args, &j.v, err);
        pz_judgement_clear(&j);
        return st;
    }
    if (st == PZ_OK)
        st = judge(cfg, args, &j, err);
    if (st == PZ_OK && cfg->pool_days > 0)
        st = pz_judgement_pool(&j, cfg->common.ledger, (uint32_t)cfg->pool_days, err);
    if (st == PZ_OK)
        st = pz_judgement_run(&j, err);
    if (st == PZ_OK)
        st = report(cfg, &j, err);
    pz_ruleset_clear(&rules);
    pz_judgement_clear(&j);
    return st;
}

int main(int argc, char **argv)
{
    static const struct pz_cmd cmd = {
        .name = "pz-eval",
        .synopsis = "[options] MODEL.pzm TEST.pzd...\n--split SPEC [options] DATA.pzd...\n"
                    "--split time:SPEC --window K/N [options] DATA.pzd... >FILE\n"
                    "--with-windows FILE... [options]",
        .summary = "Judge a model by exact full ranking, compared with popularity.",
        .examples =
            "  pz-eval --split personalize shop.pzd\n"
            "  pz-eval --split leave-last -r user-personalization -r related-items shop.pzd\n"
            "  pz-eval --json new.pzm test.pzd --vs old.pzm --gate 'ndcg@10 >= 0.98*vs'\n"
            "  pz-eval home.pzm test.pzd --history hist.pzd --seen keep",
        .opts = opts,
        .cfg_bytes = sizeof(struct eval_cfg),
        .common_offset = offsetof(struct eval_cfg, common),
        .operands = "pzm|pzd",
        .format = PZ_FORMAT_VERSION,
        .learns = true,
        .run = run,
        .values = pz_train_options_values,
    };

    int status;

    add_word("pz-eval");
    for (int i = 1; i < argc; i++)
        add_word(argv[i]);
    status = pz_cmd_main(&cmd, argc, argv);
    pz_str_clear(&command);
    return status;
}
