/* SPDX-License-Identifier: Apache-2.0 */
/* pz-recommend: answers from a campaign or a model file, one or many. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/batch.h"
#include "answer/rules.h"
#include "answer/write.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/time.h"
#include "campaign/filters.h"
#include "campaign/view.h"
#include "filter/filter.h"
#include "rank/rank.h"

struct config {
    const char *user, *item, *rank, *history, *format, *output, *input;
    const char *seen, *seen_types, *seen_age, *diversify, *rotate, *objective, *page_token, *now,
        *filter, *why;
    struct pz_strs context, promote, promote_values, boost, max_per, filter_values;
    long long num, seed;
    double exploration_weight, exploration_age;
    bool all_users, all_items, check_filter, explain;
    struct pz_common common;
};

static const struct pz_opt opts[] = {
    PZ_STR('u', "user", struct config, user, NULL, "ID", "recommend for this user"),
    PZ_STR('i', "item", struct config, item, NULL, "ID", "recommend items related to this one"),
    PZ_STR(0, "rank", struct config, rank, NULL, "ID,ID,...",
           "put these items in order for --user"),
    PZ_STR(0, "history", struct config, history, NULL, "ID,ID,...",
           "items that the user just met, oldest first; enough for a user nobody knows"),
    PZ_LIST(0, "context", struct config, context, "KEY=VALUE",
            "what is known of the moment: a column of Interactions and its value"),
    PZ_INT('n', "num", struct config, num, "0 (campaign setting, else 25)", 0, 1000000, "N",
           "how many results"),
    PZ_STR(0, "filter", struct config, filter, NULL, "EXPR|NAME",
           "only items that pass this filter, or the campaign's filter of that name; see "
           "pz-filter(5)"),
    PZ_LIST(0, "filter-values", struct config, filter_values, "NAME=LIST",
            "values of the filter's placeholders, or a JSON object of them as Personalize's "
            "filterValues"),
    PZ_FLAG(0, "check-filter", struct config, check_filter,
            "say how many items pass the filter, and recommend nothing"),
    PZ_STR(0, "seen", struct config, seen, "default", "default|exclude|keep|only",
           "items of the user's history: the recipe's rule, leave out, keep, or only those"),
    PZ_STR(0, "seen-types", struct config, seen_types, NULL, "TYPE,TYPE,...",
           "only events of these types make an item seen; * is any type"),
    PZ_STR(0, "seen-age", struct config, seen_age, NULL, "AGE",
           "only events this recent make an item seen, as 30d or 12h"),
    PZ_LIST(0, "promote", struct config, promote, "NAME:PERCENT[:FILTER]",
            "give this share of the places to items that pass FILTER, wherever chance puts them; "
            "--filter does not act on them"),
    PZ_LIST(0, "promote-values", struct config, promote_values, "NAME:PARAM=LIST",
            "values of the placeholders of a promotion's filter"),
    PZ_LIST(0, "boost", struct config, boost, "CONDITION: FACTOR",
            "multiply the scores of items of which a condition of pz-filter(5) holds; 0 leaves "
            "them out"),
    PZ_LIST(0, "max-per", struct config, max_per, "COLUMN=N",
            "at most N items of one value of a column of Items"),
    PZ_STR(0, "diversify", struct config, diversify, NULL, "LAMBDA[:COLUMN]",
           "weigh likeness to items higher up against relevance, 0 to 1; by the model's item "
           "vectors or a column"),
    PZ_STR(0, "rotate", struct config, rotate, NULL, "RATE[:HALFLIFE]",
           "an item shown to the user just now loses this part of its score, half of that after "
           "HALFLIFE (1d)"),
    PZ_STR(0, "objective", struct config, objective, NULL, "COLUMN=low|medium|high",
           "favour items with large values of a numeric column of Items; medium ranks by expected "
           "value"),
    PZ_REAL(0, "exploration-weight", struct config, exploration_weight,
            "-1 (campaign setting, else 0.3)", -1, 1, "W",
            "share of the score by which young items are drawn, where the recipe explores"),
    PZ_REAL(0, "exploration-age", struct config, exploration_age, "0 (campaign setting, else 30)",
            0, 100000, "DAYS",
            "items up to this age, counted back from the newest interaction, are young"),
    PZ_STR(0, "page-token", struct config, page_token, NULL, "TOKEN",
           "the page after the answer that gave this token; start begins and has text formats say "
           "the next"),
    PZ_STR(0, "now", struct config, now, NULL, "TIME",
           "the moment of asking; without it that of the newest event known, and the clock for "
           "filters"),
    PZ_INT(0, "seed", struct config, seed, "0", 0, 9e15, "N",
           "of chance: places of promoted items"),
    PZ_FLAG(0, "explain", struct config, explain,
            "say for each item what it scored, which items of the history it owes that to, and "
            "which rules acted"),
    PZ_STR(0, "why", struct config, why, NULL, "ID",
           "instead of an answer, say what became of this item in it"),
    PZ_STR('f', "format", struct config, format, "csv", "csv|tsv|json|jsonl",
           "how to write answers; jsonl is Personalize's batch format"),
    PZ_STR('o', "output", struct config, output, "-", "FILE", "where to write"),
    PZ_STR(0, "input", struct config, input, NULL, "FILE",
           "answer for every row of a CSV or JSON Lines file (- is standard input) with userId, "
           "itemId or history, and itemList for rankings"),
    PZ_FLAG(0, "all-users", struct config, all_users, "answer for every user of the model"),
    PZ_FLAG(0, "all-items", struct config, all_items, "answer for every item of the model"),
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};

struct job {
    const struct config *cfg;
    struct pz_view *view; /* of a campaign, owned; NULL: a bare model */
    struct pz_model *m;   /* owned when bare */
    struct pz_ruleset rules;
    struct pz_request base;   /* what all questions share */
    struct pz_filter *filter; /* NULL: none */
    struct pz_filter_args filter_args;
    struct pz_filter_values *filter_values; /* NULL: none, or every question brings its own */
    struct pz_out *out;
    enum pz_format format;
    struct pz_log *log;
    uint64_t n_short, n_failed;
};

static enum pz_format parse_format(const struct config *cfg)
{
    static const char *const names[] = { "csv", "tsv", "json", "jsonl" };
    int f = 0;

    if (cfg->common.json)
        return PZ_FORMAT_JSON;
    while (strcmp(names[f], cfg->format) != 0)
        f++;
    return (enum pz_format)f;
}

typedef enum pz_status rule_fn(struct pz_ruleset *s, const char *text, struct pz_err *err);

/* Hand an option's text to its rule; the error then names the option. */
static enum pz_status add_rule(rule_fn *fn, struct pz_ruleset *s, const char *option,
                               const char *text, struct pz_err *err)
{
    enum pz_status st = text ? fn(s, text, err) : PZ_OK;

    if (st != PZ_OK)
        pz_err_prefix(err, "--%s", option);
    return st;
}

static enum pz_status add_rules(rule_fn *fn, struct pz_ruleset *s, const char *option,
                                const struct pz_strs *list, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < list->n && st == PZ_OK; i++)
        st = add_rule(fn, s, option, list->v[i], err);
    return st;
}

static enum pz_status read_now(const char *text, int64_t *now, struct pz_err *err)
{
    enum pz_time_form form;

    if (text && (!pz_time_guess(text, strlen(text), &form) ||
                 !pz_time_parse(text, strlen(text), form, now)))
        return pz_err_set(err, PZ_USAGE, "--now: \"%s\" is no time", text);
    return PZ_OK;
}

static enum pz_status compile_filter(const void *context, const char *text, struct pz_filter **out,
                                     struct pz_err *err)
{
    const struct job *job = context;

    return pz_view_filter(job->view, job->m, text, out, err);
}

static enum pz_status read_rules(struct job *job, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    const struct pz_settings none = { NULL }, *set = job->view ? &job->view->settings : &none;
    const char *seen = strcmp(cfg->seen, "default") == 0 ? pz_settings_word(set, "seen", "default")
                                                         : cfg->seen;
    struct pz_ruleset *s = &job->rules;
    enum pz_status st = add_rule(pz_ruleset_seen, s, "seen", seen, err);

    s->compile = compile_filter;
    s->compile_context = job;
    if (st == PZ_OK)
        st = add_rule(pz_ruleset_types, s, "seen-types", cfg->seen_types, err);
    if (st == PZ_OK)
        st = add_rule(pz_ruleset_age, s, "seen-age", cfg->seen_age, err);
    if (st == PZ_OK)
        st = add_rules(pz_ruleset_promotion, s, "promote", &cfg->promote, err);
    if (st == PZ_OK)
        st = pz_ruleset_bind(s, cfg->promote_values.v, cfg->promote_values.n, err);
    if (st == PZ_OK)
        st = add_rules(pz_ruleset_boost, s, "boost", &cfg->boost, err);
    if (st == PZ_OK)
        st = add_rules(pz_ruleset_cap, s, "max-per", &cfg->max_per, err);
    if (st == PZ_OK)
        st = add_rule(pz_ruleset_diversity, s, "diversify", cfg->diversify, err);
    if (st == PZ_OK)
        st = add_rule(pz_ruleset_rotation, s, "rotate", cfg->rotate, err);
    if (st == PZ_OK)
        st = add_rule(pz_ruleset_objective, s, "objective", cfg->objective, err);
    if (st == PZ_OK)
        st = add_rules(pz_ruleset_context, s, "context", &cfg->context, err);
    if (st == PZ_OK && cfg->page_token && strcmp(cfg->page_token, "start") != 0)
        st = pz_page_parse(cfg->page_token, &s->rules.page, err);
    job->base = (struct pz_request){
        .num = (uint32_t)(cfg->num ? (double)cfg->num : pz_settings_number(set, "num", 25)),
        .rules = s->rules,
        .context = s->context,
        .n_context = s->n_context,
        .seed = (uint64_t)cfg->seed,
        .explain = cfg->explain || cfg->why,
        .exploration_weight = cfg->exploration_weight < 0
                                  ? pz_settings_number(set, "exploration-weight", -1)
                                  : cfg->exploration_weight,
        .exploration_cutoff_days = cfg->exploration_age > 0
                                       ? cfg->exploration_age
                                       : pz_settings_number(set, "exploration-age", 0)
    };
    return st == PZ_OK ? read_now(cfg->now, &job->base.now, err) : st;
}

/* What the campaign knows of a user by now. */
static enum pz_status gather(const void *context, const char *user_id, struct pz_arena *arena,
                             struct pz_live *live, struct pz_err *err)
{
    const struct job *job = context;

    return job->view ? pz_view_gather(job->view, user_id, arena, live, err) : PZ_OK;
}

/* The pieces of "a,b,c" in place. */
static enum pz_status split_ids(char *text, struct pz_strs *list, struct pz_err *err)
{
    for (char *next; text; text = next) {
        next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        if (*text && !pz_strs_add(list, text))
            return pz_err_memory(err, "a list of ids", 1e4);
    }
    return PZ_OK;
}

static enum pz_status write_answer(struct job *job, struct pz_ranker *r,
                                   const struct pz_request *req, const struct pz_answer *answer,
                                   struct pz_err *err)
{
    struct pz_str text = { 0 };
    struct pz_why why;
    char token[64];
    enum pz_status st = PZ_OK;

    if (job->cfg->why) {
        st = pz_rank_why(r, answer, job->cfg->why, &why, err);
        if (st == PZ_OK)
            pz_answer_why(&text, job->format, job->m, req, job->cfg->why, &why);
    } else {
        pz_answer_header(&text, job->format, req->item_id && !req->user_id, req->explain);
        pz_answer_add(&text, job->format, job->m, req, answer);
    }
    if (st == PZ_OK)
        st = text.failed ? pz_err_memory(err, "the answer", 1e5)
                         : pz_out_write(job->out, text.data ? text.data : "", text.len, err);
    pz_str_clear(&text);
    if (answer->has_next && job->cfg->page_token && job->format != PZ_FORMAT_JSON)
        pz_log(job->log, PZ_LOG_NOTE, "next page: --page-token %s",
               pz_page_format(&answer->next, token));
    return st;
}

static enum pz_status answer_one(struct job *job, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    struct pz_ranker *r = pz_ranker_new(job->m);
    struct pz_strs rank = { 0 }, history = { 0 };
    char *rank_text = cfg->rank ? pz_mem_strndup(cfg->rank, strlen(cfg->rank)) : NULL;
    char *hist_text = cfg->history ? pz_mem_strndup(cfg->history, strlen(cfg->history)) : NULL;
    struct pz_request req = job->base;
    struct pz_answer answer = { 0 };
    struct pz_arena arena = { NULL };
    struct pz_live live = { 0 };
    enum pz_status st = r ? PZ_OK : pz_err_memory(err, "a query", 13.0 * job->m->items.n);

    if (st == PZ_OK)
        st = split_ids(rank_text, &rank, err);
    if (st == PZ_OK)
        st = split_ids(hist_text, &history, err);
    if (st == PZ_OK)
        st = gather(job, cfg->user, &arena, &live, err);
    req.user_id = cfg->user;
    req.item_id = cfg->item;
    req.rank = rank.v;
    req.n_rank = rank.n;
    req.history = history.v;
    req.n_history = history.n;
    req.live = &live;
    if (st == PZ_OK)
        st = pz_rank(r, &req, &answer, err);
    if (st == PZ_OK)
        st = write_answer(job, r, &req, &answer, err);
    job->n_short = answer.is_short;
    pz_arena_clear(&arena);
    pz_strs_clear(&rank);
    pz_strs_clear(&history);
    free(rank_text);
    free(hist_text);
    pz_ranker_free(r);
    return st;
}

/* ---- filters */
static enum pz_status read_filter(struct job *job, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    enum pz_status st;

    if (!cfg->filter)
        return cfg->check_filter || cfg->filter_values.n
                   ? pz_err_set(err, PZ_USAGE, "--check-filter and --filter-values need --filter")
                   : PZ_OK;
    st = pz_view_filter(job->view, job->m, cfg->filter, &job->filter, err);
    for (size_t i = 0; i < cfg->filter_values.n && st == PZ_OK; i++)
        st = pz_filter_args_add(&job->filter_args, cfg->filter_values.v[i], err);
    if (st == PZ_OK)
        st = pz_filter_bind(job->filter, &job->filter_args, &job->filter_values, err);
    if (st == PZ_USAGE && job->filter && cfg->input && !cfg->check_filter)
        st = PZ_OK; /* the rows may bring what is missing, else they say so */
    job->base.filter = job->filter;
    job->base.filter_values = job->filter_values;
    return st;
}

static uint64_t count_bits(const uint64_t *words, size_t n)
{
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += (uint64_t)__builtin_popcountll(words[i]);
    return count;
}

/* How many pass for this user, item and moment, whatever was seen. */
static enum pz_status check_filter(struct job *job, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    bool users = pz_filter_of_users(job->filter);
    uint32_t n = users ? job->m->users.n : job->m->items.n;
    size_t words = ((size_t)n + 63) / 64;
    uint64_t *allowed = pz_mem_array(words, sizeof *allowed), passed = 0;
    struct pz_filter_work *work = pz_filter_work_new();
    struct pz_strs history = { 0 };
    struct pz_arena arena = { NULL };
    struct pz_live live = { 0 };
    char *hist_text = cfg->history ? pz_mem_strndup(cfg->history, strlen(cfg->history)) : NULL;
    struct pz_filter_env env = { .user_id = cfg->user,
                                 .item_id = cfg->item,
                                 .live = &live,
                                 .now = job->base.now ? job->base.now : pz_time_now() };
    struct pz_str text = { 0 };
    enum pz_status st = allowed && work ? PZ_OK : pz_err_memory(err, "a filter", n / 8.0);

    if (st == PZ_OK)
        st = split_ids(hist_text, &history, err);
    if (st == PZ_OK)
        st = gather(job, cfg->user, &arena, &live, err);
    env.history = history.v;
    env.n_history = history.n;
    if (st == PZ_OK) {
        memset(allowed, 0xff, words * sizeof *allowed);
        if (n % 64)
            allowed[words - 1] = ((uint64_t)1 << (n % 64)) - 1;
        st = pz_filter_apply(job->filter, job->filter_values, &env, work, allowed, err);
    }
    if (st == PZ_OK) {
        passed = count_bits(allowed, words);
        pz_str_addf(&text,
                    cfg->common.json ? "{\"pass\":%llu,\"of\":%u}\n" : "%llu of %u %s pass\n",
                    (unsigned long long)passed, n, users ? "users" : "items");
        st = pz_out_write(job->out, text.data, text.len, err);
    }
    pz_str_clear(&text);
    pz_arena_clear(&arena);
    pz_strs_clear(&history);
    free(hist_text);
    pz_filter_work_free(work);
    free(allowed);
    return st;
}

static enum pz_status answer_many(struct job *job, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    struct pz_batch batch = { .m = job->m,
                              .base = job->base,
                              .filter_args = &job->filter_args,
                              .format = job->format,
                              .out = job->out,
                              .log = job->log,
                              .gather = gather,
                              .context = job };
    enum pz_status st = cfg->input ? pz_batch_file(&batch, cfg->input, err)
                                   : pz_batch_all(&batch, cfg->all_items, err);

    job->n_short = batch.n_short;
    job->n_failed = batch.n_failed;
    return st;
}

static enum pz_status open_source(struct job *job, const char *path, struct pz_err *err)
{
    enum pz_status st;

    if (!pz_campaign_is(path))
        return pz_model_open(path, &job->m, err);
    st = pz_view_open(path, &job->view, err);
    job->m = st == PZ_OK ? job->view->model : NULL;
    return st;
}

static enum pz_status check_usage(const struct config *cfg, const struct pz_strs *args, bool many,
                                  struct pz_err *err)
{
    if (args->n != 1)
        return pz_err_set(err, PZ_USAGE,
                          "one CAMPAIGN or MODEL is needed; see pz-recommend --help");
    if (!many && !cfg->user && !cfg->item && !cfg->history && !cfg->check_filter)
        return pz_err_set(err, PZ_USAGE,
                          "for whom? give --user, --item, --history, --input or --all-users");
    if (many &&
        (cfg->user || cfg->item || cfg->history || cfg->rank || cfg->page_token || cfg->why))
        return pz_err_set(err, PZ_USAGE,
                          "--input, --all-users and --all-items answer many; --user, --item, "
                          "--rank, --history, --page-token and --why ask one question");
    return PZ_OK;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    const struct config *cfg = config;
    struct job job = { .cfg = cfg, .log = log, .format = parse_format(cfg) };
    bool many = cfg->input || cfg->all_users || cfg->all_items;
    enum pz_status st = check_usage(cfg, args, many, err);

    if (st == PZ_OK)
        st = open_source(&job, args->v[0], err);
    if (st == PZ_OK)
        st = read_rules(&job, err);
    if (st == PZ_OK)
        st = read_filter(&job, err);
    if (st == PZ_OK)
        st = pz_out_open(cfg->output, &job.out, err);
    if (st == PZ_OK)
        st = cfg->check_filter ? check_filter(&job, err)
             : many            ? answer_many(&job, err)
                               : answer_one(&job, err);
    if (st == PZ_OK) {
        st = pz_out_commit(job.out, err);
        job.out = NULL;
    }
    if (st == PZ_OK && job.n_short > 0)
        pz_log(log, PZ_LOG_NOTE, "fewer than %u items could be recommended%s", job.base.num,
               many ? " for some" : "");
    if (st == PZ_OK && job.n_failed > 0)
        pz_log(log, PZ_LOG_WARN, "%llu rows could not be answered; their lines say why",
               (unsigned long long)job.n_failed);
    pz_out_abort(job.out);
    pz_ruleset_clear(&job.rules);
    pz_filter_values_free(job.filter_values);
    pz_filter_args_clear(&job.filter_args);
    pz_filter_free(job.filter);
    if (job.view)
        pz_view_free(job.view);
    else
        pz_model_free(job.m);
    return st;
}

int main(int argc, char **argv)
{
    static const struct pz_cmd cmd = {
        .name = "pz-recommend",
        .synopsis = "[options] CAMPAIGN|MODEL --user ID | --item ID | --user ID --rank ID,ID,...\n"
                    "[options] CAMPAIGN|MODEL --input FILE | --all-users | --all-items",
        .summary = "Recommend items from a campaign or a model file.",
        .examples = "  pz-recommend home.pzc --user 42 --num 10\n"
                    "  pz-recommend home.pzm --all-users --format csv > all.csv",
        .opts = opts,
        .cfg_bytes = sizeof(struct config),
        .common_offset = offsetof(struct config, common),
        .operands = "file",
        .run = run,
    };

    return pz_cmd_main(&cmd, argc, argv);
}
