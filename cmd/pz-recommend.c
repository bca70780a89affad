/* SPDX-License-Identifier: Apache-2.0 */
/* pz-recommend: answers from a campaign or a model file, one or many. The option table and the
 * order of the work; its steps are in recommend/. */
#include "campaign/operand.h"
#include "cmd/recommend/recommend.h"
#include "table/table.h"
#include "text/sink.h"

const struct pz_opt recommend_opts[] = {
    PZ_STR('u', "user", struct recommend_cfg, user, NULL, "ID", "recommend for this user"),
    PZ_STR('i', "item", struct recommend_cfg, item, NULL, "ID",
           "recommend items related to this one"),
    PZ_LIST(0, "rank", struct recommend_cfg, rank, "ID,ID,...",
            "put these items in order for --user. An id with a comma stands in quotes, as in CSV; "
            "@FILE reads ids from a file; may be given several times"),
    PZ_LIST(
        0, "history", struct recommend_cfg, history, "ID,ID,...",
        "items that the user just met, oldest first; enough for a user nobody knows. Written as "
        "for --rank"),
    PZ_LIST(0, "context", struct recommend_cfg, ask.context, "KEY=VALUE",
            "what is known of the moment: a column of Interactions and its value"),
    PZ_INT('n', "num", struct recommend_cfg, ask.num, "0 (campaign setting, else 25)", 0, 1000000,
           "N", "how many results"),
    PZ_STR(0, "filter", struct recommend_cfg, ask.filter, NULL, "EXPR|NAME",
           "only items that pass this filter, or the campaign's filter of that name; see "
           "pz-filter(5)"),
    PZ_LIST(0, "filter-values", struct recommend_cfg, ask.filter_values, "NAME=LIST",
            "values of the filter's placeholders, or a JSON object of them as Personalize's "
            "filterValues"),
    PZ_FLAG(0, "check-filter", struct recommend_cfg, check_filter,
            "say how many items pass the filter, and recommend nothing"),
    PZ_STR(0, "seen", struct recommend_cfg, ask.seen, "default", "default|exclude|keep|only|auto",
           "items of the user's history: the recipe's rule, leave out, keep, only those, or keep "
           "where training found lists better with them"),
    PZ_STR(0, "seen-types", struct recommend_cfg, ask.seen_types, NULL, "TYPE,TYPE,...",
           "only events of these types make an item seen; * is any type"),
    PZ_STR(0, "seen-age", struct recommend_cfg, ask.seen_age, NULL, "AGE",
           "only events this recent make an item seen, as 30d or 12h"),
    PZ_LIST(0, "promote", struct recommend_cfg, ask.promote, "NAME:PERCENT[:FILTER]",
            "give this share of the places to items that pass FILTER, wherever chance puts them; "
            "--filter does not act on them"),
    PZ_LIST(0, "promote-values", struct recommend_cfg, ask.promote_values, "NAME:PARAM=LIST",
            "values of the placeholders of a promotion's filter"),
    PZ_LIST(0, "boost", struct recommend_cfg, ask.boost, "CONDITION: FACTOR",
            "multiply the scores of items of which a condition of pz-filter(5) holds; 0 leaves "
            "them out"),
    PZ_LIST(0, "max-per", struct recommend_cfg, ask.max_per, "COLUMN=N",
            "at most N items of one value of a column of Items"),
    PZ_STR(0, "diversify", struct recommend_cfg, ask.diversify, NULL, "LAMBDA[:COLUMN]",
           "weigh likeness to items higher up against relevance, 0 to 1; by the model's item "
           "vectors or a column"),
    PZ_STR(0, "rotate", struct recommend_cfg, ask.rotate, NULL, "RATE[:HALFLIFE]",
           "an item shown to the user just now loses this part of its score, half of that after "
           "HALFLIFE (1d)"),
    PZ_STR(0, "objective", struct recommend_cfg, ask.objective, NULL, "COLUMN=low|medium|high",
           "favour items with large values of a numeric column of Items; medium ranks by expected "
           "value"),
    PZ_REAL(0, "exploration-weight", struct recommend_cfg, ask.exploration_weight,
            "-1 (campaign setting, else 0.3)", -1, 1, "W",
            "share of the score by which young items are drawn, where the recipe explores"),
    PZ_REAL(0, "exploration-age", struct recommend_cfg, ask.exploration_age,
            "0 (campaign setting, else 30)", 0, 100000, "DAYS",
            "items up to this age, counted back from the newest interaction, are young"),
    PZ_REAL(0, "probe", struct recommend_cfg, ask.probe, "0 (campaign setting, else 1)", 0, 1,
            "SHARE",
            "look only at what seems best and the longest vectors of this share of the items: "
            "sooner in large catalogues, and not always the same list. 0.001 does well; 1: all"),
    PZ_FLAG(0, "check-probe", struct recommend_cfg, check_probe,
            "say how much of the exact lists a probe finds and what it costs, and recommend "
            "nothing"),
    PZ_STR(0, "page-token", struct recommend_cfg, ask.page_token, NULL, "TOKEN",
           "the page after the answer that gave this token; start begins and has text formats say "
           "the next"),
    PZ_STR(0, "now", struct recommend_cfg, ask.now, NULL, "TIME",
           "the moment of asking; without it that of the newest event known, and the clock for "
           "filters"),
    PZ_INT(0, "seed", struct recommend_cfg, ask.seed, "0", 0, 9e15, "N",
           "of chance: places of promoted items"),
    PZ_FLAG(0, "explain", struct recommend_cfg, ask.explain,
            "say for each item what it scored, which items of the history it owes that to, and "
            "which rules acted"),
    PZ_STR(0, "why", struct recommend_cfg, why, NULL, "ID",
           "instead of an answer, say what became of this item in it"),
    PZ_STR(0, "columns", struct recommend_cfg, columns, NULL, "NAME,NAME,...",
           "columns of Items to give with each item: cells of CSV, metadata in JSON"),
    PZ_STR('f', "format", struct recommend_cfg, format, "auto", "auto|csv|tsv|json|jsonl|table",
           "how to write answers; auto is a table on a terminal, else csv; jsonl is Personalize's "
           "batch format"),
    PZ_OUT('o', "output", struct recommend_cfg, output, "-", "FILE",
           "where to write; compressed when it ends in .zst or .gz. With --input a folder takes "
           "NAME.out, in Personalize's batch format unless --format says another"),
    PZ_FLAG(0, "wide", struct recommend_cfg, wide,
            "CSV and TSV with one row a user: user_id, item_1, item_2, ..."),
    PZ_FLAG(0, "manifest", struct recommend_cfg, manifest,
            "write FILE.manifest.json beside the output of many answers: rows, hashes, model, live "
            "numbers. Where that says that FILE is there, whole and of the same, nothing is done"),
    PZ_STR(0, "input", struct recommend_cfg, input, NULL, "FILE",
           "answer for every row of a CSV or JSON Lines file (- is standard input) with userId, "
           "itemId or history, and itemList for rankings"),
    PZ_STR(0, "part", struct recommend_cfg, part, NULL, "I/N",
           "of --all-users or --all-items only part I of N, by a hash of the id: parts can run "
           "anywhere, at any time"),
    PZ_STR(0, "segment-item", struct recommend_cfg, segment_item, NULL, "ID",
           "the users most likely to want this item"),
    PZ_STR(0, "segment-where", struct recommend_cfg, segment_where, NULL, "CONDITION",
           "the users most likely to want items of which this holds, as Items.GENRE = \"Comedy\""),
    PZ_FLAG(0, "segments", struct recommend_cfg, segments,
            "rows of --input with an itemId ask for users; rows with itemAttributes always do"),
    PZ_FLAG(0, "all-users", struct recommend_cfg, all_users,
            "answer for every user that the model or a live event knows"),
    PZ_FLAG(0, "all-items", struct recommend_cfg, all_items, "answer for every item of the model"),
    PZ_OPT_COMMON(struct recommend_cfg, common),
    PZ_END
};

static enum pz_status check_usage(const struct recommend_cfg *cfg, const struct pz_strs *args,
                                  struct pz_err *err)
{
    bool many = recommend_is_many(cfg);

    if (args->n != 1)
        return pz_err_set(err, PZ_USAGE,
                          "one CAMPAIGN or MODEL is needed; see pz-recommend --help");
    if (pz_operand_want(args->v[0], 1u << PZ_OPERAND_MODEL | 1u << PZ_OPERAND_CAMPAIGN, err) !=
        PZ_OK)
        return PZ_USAGE;
    if (many && (cfg->user || cfg->item || cfg->history.n || cfg->rank.n || cfg->ask.page_token ||
                 cfg->why))
        return pz_err_set(err, PZ_USAGE,
                          "--input, --all-users, --all-items and segments answer many; --user, "
                          "--item, --rank, --history, --page-token and --why ask one question");
    if (cfg->segment_item && cfg->segment_where)
        return pz_err_set(err, PZ_USAGE, "--segment-item and --segment-where are two questions");
    if ((cfg->check_filter || cfg->ask.filter_values.n) && !cfg->ask.filter)
        return pz_err_set(err, PZ_USAGE, "--check-filter and --filter-values need --filter");
    return PZ_OK;
}

/* Answer to the output, and make both files appear. */
static enum pz_status answer(struct recommend_job *job, struct pz_err *err)
{
    enum pz_status st = pz_sink_open(job->output, &job->out, err);

    if (st == PZ_OK)
        st = recommend_answer(job, err);
    if (st == PZ_OK) {
        st = pz_sink_commit(job->out, err);
        job->out = NULL;
    }
    if (st == PZ_OK && job->inputs)
        st = recommend_manifest_write(job, err);
    if (st == PZ_OK)
        recommend_report(job);
    pz_sink_abort(job->out);
    return st;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    const struct recommend_cfg *cfg = config;
    struct recommend_job job = { .cfg = cfg, .log = log };
    bool whole = false;
    enum pz_status st = check_usage(cfg, args, err);

    if (st == PZ_OK)
        st = recommend_find_output(&job, err);
    if (st == PZ_OK) {
        job.operand = args->v[0];
        job.show.format = recommend_format(&job);
        st = recommend_open(&job, args->v[0], err);
    }
    if (st == PZ_OK && cfg->manifest)
        st = recommend_manifest_read(&job, &whole, err);
    if (whole)
        pz_log(log, PZ_LOG_NOTE, "%s is already whole", job.output);
    else if (st == PZ_OK)
        st = answer(&job, err);
    json_decref(job.inputs);
    pz_str_clear(&job.output_text);
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
        .opts = recommend_opts,
        .cfg_bytes = sizeof(struct recommend_cfg),
        .common_offset = offsetof(struct recommend_cfg, common),
        .operands = "pzc|pzm",
        .campaign = true,
        .format = PZ_FORMAT_VERSION,
        .run = run,
    };

    return pz_cmd_main(&cmd, argc, argv);
}
