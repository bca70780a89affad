/* SPDX-License-Identifier: Apache-2.0 */
/* pz-recommend: answers from a campaign or a model file, one or many. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer/answer.h"
#include "answer/batch.h"
#include "answer/write.h"
#include "base/mem.h"
#include "base/opt.h"

struct config {
    struct pz_ask_options ask;
    const char *user, *item, *rank, *history, *why; /* one question */
    const char *input, *part, *segment_item, *segment_where;
    bool segments;
    bool all_users, all_items; /* many */
    bool check_filter;
    const char *format, *columns, *output;
    struct pz_common common;
};

static const struct pz_opt opts[] = {
    PZ_STR('u', "user", struct config, user, NULL, "ID", "recommend for this user"),
    PZ_STR('i', "item", struct config, item, NULL, "ID", "recommend items related to this one"),
    PZ_STR(0, "rank", struct config, rank, NULL, "ID,ID,...",
           "put these items in order for --user"),
    PZ_STR(0, "history", struct config, history, NULL, "ID,ID,...",
           "items that the user just met, oldest first; enough for a user nobody knows"),
    PZ_LIST(0, "context", struct config, ask.context, "KEY=VALUE",
            "what is known of the moment: a column of Interactions and its value"),
    PZ_INT('n', "num", struct config, ask.num, "0 (campaign setting, else 25)", 0, 1000000, "N",
           "how many results"),
    PZ_STR(0, "filter", struct config, ask.filter, NULL, "EXPR|NAME",
           "only items that pass this filter, or the campaign's filter of that name; see "
           "pz-filter(5)"),
    PZ_LIST(0, "filter-values", struct config, ask.filter_values, "NAME=LIST",
            "values of the filter's placeholders, or a JSON object of them as Personalize's "
            "filterValues"),
    PZ_FLAG(0, "check-filter", struct config, check_filter,
            "say how many items pass the filter, and recommend nothing"),
    PZ_STR(0, "seen", struct config, ask.seen, "default", "default|exclude|keep|only|auto",
           "items of the user's history: the recipe's rule, leave out, keep, only those, or keep "
           "where training found lists better with them"),
    PZ_STR(0, "seen-types", struct config, ask.seen_types, NULL, "TYPE,TYPE,...",
           "only events of these types make an item seen; * is any type"),
    PZ_STR(0, "seen-age", struct config, ask.seen_age, NULL, "AGE",
           "only events this recent make an item seen, as 30d or 12h"),
    PZ_LIST(0, "promote", struct config, ask.promote, "NAME:PERCENT[:FILTER]",
            "give this share of the places to items that pass FILTER, wherever chance puts them; "
            "--filter does not act on them"),
    PZ_LIST(0, "promote-values", struct config, ask.promote_values, "NAME:PARAM=LIST",
            "values of the placeholders of a promotion's filter"),
    PZ_LIST(0, "boost", struct config, ask.boost, "CONDITION: FACTOR",
            "multiply the scores of items of which a condition of pz-filter(5) holds; 0 leaves "
            "them out"),
    PZ_LIST(0, "max-per", struct config, ask.max_per, "COLUMN=N",
            "at most N items of one value of a column of Items"),
    PZ_STR(0, "diversify", struct config, ask.diversify, NULL, "LAMBDA[:COLUMN]",
           "weigh likeness to items higher up against relevance, 0 to 1; by the model's item "
           "vectors or a column"),
    PZ_STR(0, "rotate", struct config, ask.rotate, NULL, "RATE[:HALFLIFE]",
           "an item shown to the user just now loses this part of its score, half of that after "
           "HALFLIFE (1d)"),
    PZ_STR(0, "objective", struct config, ask.objective, NULL, "COLUMN=low|medium|high",
           "favour items with large values of a numeric column of Items; medium ranks by expected "
           "value"),
    PZ_REAL(0, "exploration-weight", struct config, ask.exploration_weight,
            "-1 (campaign setting, else 0.3)", -1, 1, "W",
            "share of the score by which young items are drawn, where the recipe explores"),
    PZ_REAL(0, "exploration-age", struct config, ask.exploration_age,
            "0 (campaign setting, else 30)", 0, 100000, "DAYS",
            "items up to this age, counted back from the newest interaction, are young"),
    PZ_STR(0, "page-token", struct config, ask.page_token, NULL, "TOKEN",
           "the page after the answer that gave this token; start begins and has text formats say "
           "the next"),
    PZ_STR(0, "now", struct config, ask.now, NULL, "TIME",
           "the moment of asking; without it that of the newest event known, and the clock for "
           "filters"),
    PZ_INT(0, "seed", struct config, ask.seed, "0", 0, 9e15, "N",
           "of chance: places of promoted items"),
    PZ_FLAG(0, "explain", struct config, ask.explain,
            "say for each item what it scored, which items of the history it owes that to, and "
            "which rules acted"),
    PZ_STR(0, "why", struct config, why, NULL, "ID",
           "instead of an answer, say what became of this item in it"),
    PZ_STR(0, "columns", struct config, columns, NULL, "NAME,NAME,...",
           "columns of Items to give with each item: cells of CSV, metadata in JSON"),
    PZ_STR('f', "format", struct config, format, "auto", "auto|csv|tsv|json|jsonl|table",
           "how to write answers; auto is a table on a terminal, else csv; jsonl is Personalize's "
           "batch format"),
    PZ_OUT('o', "output", struct config, output, "-", "FILE", "where to write"),
    PZ_STR(0, "input", struct config, input, NULL, "FILE",
           "answer for every row of a CSV or JSON Lines file (- is standard input) with userId, "
           "itemId or history, and itemList for rankings"),
    PZ_STR(0, "part", struct config, part, NULL, "I/N",
           "of --all-users or --all-items only part I of N, by a hash of the id: parts can run "
           "anywhere, at any time"),
    PZ_STR(0, "segment-item", struct config, segment_item, NULL, "ID",
           "the users most likely to want this item"),
    PZ_STR(0, "segment-where", struct config, segment_where, NULL, "CONDITION",
           "the users most likely to want items of which this holds, as Items.GENRE = \"Comedy\""),
    PZ_FLAG(0, "segments", struct config, segments,
            "rows of --input with an itemId ask for users; rows with itemAttributes always do"),
    PZ_FLAG(0, "all-users", struct config, all_users,
            "answer for every user that the model or a live event knows"),
    PZ_FLAG(0, "all-items", struct config, all_items, "answer for every item of the model"),
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};

struct job {
    const struct config *cfg;
    struct pz_service *service;
    struct pz_prepared *prepared;
    struct pz_sink *out;
    struct pz_show show;
    struct pz_log *log;
    uint64_t n_short, n_failed;
};

static bool is_segment(const struct config *cfg)
{
    return cfg->segment_item || cfg->segment_where;
}

static bool is_many(const struct config *cfg)
{
    return is_segment(cfg) || cfg->input || cfg->all_users || cfg->all_items;
}

static enum pz_format parse_format(const struct config *cfg)
{
    static const char *const names[] = { "csv", "tsv", "json", "jsonl", "table" };
    bool to_terminal = strcmp(cfg->output, "-") == 0 && isatty(STDOUT_FILENO);
    int f = 0;

    if (cfg->common.json)
        return PZ_FORMAT_JSON;
    if (strcmp(cfg->format, "auto") == 0)
        return to_terminal && !is_many(cfg) ? PZ_FORMAT_TABLE : PZ_FORMAT_CSV;
    while (strcmp(names[f], cfg->format) != 0)
        f++;
    return (enum pz_format)f;
}

/* The question that the options ask; free with clear_question. */
static enum pz_status read_question(const struct config *cfg, struct pz_arena *arena,
                                    struct pz_question *q, struct pz_err *err)
{
    bool failed = false;

    *q = (struct pz_question){ .user_id = cfg->user, .item_id = cfg->item };
    q->list = pz_question_ids(cfg->rank, ',', arena, &q->n_list, &failed);
    q->history = pz_question_ids(cfg->history, ',', arena, &q->n_history, &failed);
    return failed ? pz_err_memory(err, "a list of ids", 1e4) : PZ_OK;
}

static enum pz_status write_text(struct job *job, struct pz_str *text, struct pz_err *err)
{
    enum pz_status st = text->failed
                            ? pz_err_memory(err, "the answer", 1e5)
                            : pz_sink_write(job->out, text->data ? text->data : "", text->len, err);

    pz_str_clear(text);
    return st;
}

static enum pz_status write_answer(struct job *job, struct pz_answered *a, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    const struct pz_model *m = pz_prepared_snapshot(job->prepared)->model;
    struct pz_str text = { 0 };
    struct pz_why why;
    char token[64];

    if (cfg->why) {
        enum pz_status st = pz_ask_why(a, cfg->why, &why, err);

        if (st != PZ_OK)
            return st;
        pz_answer_why(&text, job->show.format, m, &a->req, cfg->why, &why);
    } else {
        pz_answer_header(&text, &job->show, a->req.item_id && !a->req.user_id, a->req.explain);
        pz_answer_add(&text, &job->show, a);
    }
    if (a->answer.has_next && cfg->ask.page_token && job->show.format != PZ_FORMAT_JSON)
        pz_log(job->log, PZ_LOG_NOTE, "next page: --page-token %s",
               pz_page_format(&a->answer.next, token));
    return write_text(job, &text, err);
}

static enum pz_status answer_one(struct job *job, const struct pz_question *q, struct pz_err *err)
{
    struct pz_answered a;
    enum pz_status st = pz_ask(job->prepared, q, &a, err);

    if (st == PZ_OK)
        st = write_answer(job, &a, err);
    if (st == PZ_OK && !a.is_known)
        pz_log(job->log, PZ_LOG_NOTE,
               "nothing is known of user \"%s\": the answer is what everybody likes%s",
               a.req.user_id, a.req.n_history > 0 ? " beside what --history says" : "");
    job->n_short = a.answer.is_short;
    pz_answered_clear(&a);
    return st;
}

static enum pz_status check_filter(struct job *job, const struct pz_question *q, struct pz_err *err)
{
    const struct pz_filter *filter = pz_prepared_request(job->prepared)->filter;
    struct pz_str text = { 0 };
    uint64_t passed;
    uint32_t of;
    enum pz_status st = pz_ask_count(job->prepared, q, &passed, &of, err);

    if (st != PZ_OK)
        return st;
    pz_str_addf(&text,
                job->cfg->common.json ? "{\"pass\":%llu,\"of\":%u}\n" : "%llu of %u %s pass\n",
                (unsigned long long)passed, of, pz_filter_of_users(filter) ? "users" : "items");
    return write_text(job, &text, err);
}

/* "I/N", I from 1 to N. */
static enum pz_status read_part(const struct config *cfg, struct pz_batch *batch,
                                struct pz_err *err)
{
    int end = 0;

    if (!cfg->part)
        return PZ_OK;
    if (!cfg->all_users && !cfg->all_items)
        return pz_err_set(err, PZ_USAGE, "--part is of --all-users or --all-items");
    if (sscanf(cfg->part, "%" SCNu32 "/%" SCNu32 "%n", &batch->part, &batch->n_parts, &end) != 2 ||
        cfg->part[end] || batch->part < 1 || batch->part > batch->n_parts)
        return pz_err_set(err, PZ_USAGE, "--part is written I/N with I from 1 to N, not \"%s\"",
                          cfg->part);
    return PZ_OK;
}

static enum pz_status answer_many(struct job *job, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    struct pz_batch batch = { .prepared = job->prepared,
                              .show = &job->show,
                              .segments = cfg->segments,
                              .out = job->out,
                              .log = job->log };
    struct pz_question q = { .item_id = cfg->segment_item, .attributes = cfg->segment_where };
    enum pz_status st = read_part(cfg, &batch, err);

    if (st != PZ_OK)
        return st;
    st = is_segment(cfg) ? pz_batch_segment(&batch, &q, err)
         : cfg->input    ? pz_batch_file(&batch, cfg->input, err)
                         : pz_batch_all(&batch, cfg->all_items, err);

    job->n_short = batch.n_short;
    job->n_failed = batch.n_failed;
    return st;
}

static enum pz_status answer(struct job *job, struct pz_err *err)
{
    struct pz_question q;
    struct pz_arena arena = { NULL };
    enum pz_status st = read_question(job->cfg, &arena, &q, err);

    if (st == PZ_OK)
        st = job->cfg->check_filter ? check_filter(job, &q, err)
             : is_many(job->cfg)    ? answer_many(job, err)
                                    : answer_one(job, &q, err);
    pz_arena_clear(&arena);
    return st;
}

static void warn_of_filters(const struct job *job)
{
    const struct pz_request *req = pz_prepared_request(job->prepared);
    const struct pz_rules *rules = &req->rules;

    if (req->filter)
        pz_filter_log_warnings(req->filter, req->filter_values, job->log);
    for (size_t i = 0; i < rules->n_promotions; i++)
        if (rules->promotion[i].filter)
            pz_filter_log_warnings(rules->promotion[i].filter, rules->promotion[i].values,
                                   job->log);
    for (size_t i = 0; i < rules->n_boosts; i++)
        pz_filter_log_warnings(rules->boost[i].filter, rules->boost[i].values, job->log);
}

/* What is popular or trending is so for everybody; other recipes need to know whom or what for. */
static enum pz_status check_whom(const struct config *cfg, const struct pz_model *m,
                                 struct pz_err *err)
{
    bool for_all = m->recipe->task == PZ_TASK_USER && m->n_parts == 1;

    if (for_all || is_many(cfg) || cfg->user || cfg->item || cfg->history || cfg->check_filter)
        return PZ_OK;
    return pz_err_set(err, PZ_USAGE,
                      "for whom? give --user, --item, --history, --input or --all-users");
}

/* Open what is asked and merge the options with its settings. */
static enum pz_status open_and_prepare(struct job *job, const char *path, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    struct pz_ask_options options = cfg->ask;
    struct pz_snapshot *snap;
    enum pz_status st = pz_service_open(path, &job->service, err);

    if (st != PZ_OK)
        return st;
    options.explain = cfg->ask.explain || cfg->why;
    options.many = cfg->input && !cfg->check_filter;
    snap = pz_service_take(job->service);
    st = pz_prepare(snap, &options, &job->prepared, err);
    job->show.snap = snap;
    if (st == PZ_OK)
        st = pz_columns_find(snap, cfg->columns, &job->show.columns, err);
    if (st == PZ_OK)
        st = check_whom(cfg, snap->model, err);
    pz_snapshot_release(snap);
    if (st == PZ_OK)
        warn_of_filters(job);
    return st;
}

static enum pz_status check_usage(const struct config *cfg, const struct pz_strs *args,
                                  struct pz_err *err)
{
    bool many = is_many(cfg);

    if (args->n != 1)
        return pz_err_set(err, PZ_USAGE,
                          "one CAMPAIGN or MODEL is needed; see pz-recommend --help");
    if (many &&
        (cfg->user || cfg->item || cfg->history || cfg->rank || cfg->ask.page_token || cfg->why))
        return pz_err_set(err, PZ_USAGE,
                          "--input, --all-users, --all-items and segments answer many; --user, "
                          "--item, --rank, --history, --page-token and --why ask one question");
    if (cfg->segment_item && cfg->segment_where)
        return pz_err_set(err, PZ_USAGE, "--segment-item and --segment-where are two questions");
    if ((cfg->check_filter || cfg->ask.filter_values.n) && !cfg->ask.filter)
        return pz_err_set(err, PZ_USAGE, "--check-filter and --filter-values need --filter");
    return PZ_OK;
}

static void warn_of_damage(const struct job *job)
{
    struct pz_snapshot *snap = pz_service_take(job->service);

    if (snap->view && atomic_load(&snap->view->live_damaged))
        pz_log(job->log, PZ_LOG_WARN,
               "the live store is damaged: the model answers alone, without live events, items put "
               "live and users to forget; see pz-event stats");
    pz_snapshot_release(snap);
}

static void report(const struct job *job)
{
    warn_of_damage(job);
    if (job->n_short > 0)
        pz_log(job->log, PZ_LOG_NOTE, "fewer than %u items could be recommended%s",
               pz_prepared_request(job->prepared)->num, is_many(job->cfg) ? " for some" : "");
    if (job->n_failed > 0)
        pz_log(job->log, PZ_LOG_WARN, "%llu rows could not be answered; their lines say why",
               (unsigned long long)job->n_failed);
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    const struct config *cfg = config;
    struct job job = { .cfg = cfg, .log = log, .show.format = parse_format(cfg) };
    enum pz_status st = check_usage(cfg, args, err);

    if (st == PZ_OK)
        st = open_and_prepare(&job, args->v[0], err);
    if (st == PZ_OK)
        st = pz_sink_open(cfg->output, &job.out, err);
    if (st == PZ_OK)
        st = answer(&job, err);
    if (st == PZ_OK) {
        st = pz_sink_commit(job.out, err);
        job.out = NULL;
    }
    if (st == PZ_OK)
        report(&job);
    pz_sink_abort(job.out);
    pz_prepared_free(job.prepared);
    pz_service_close(job.service);
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
