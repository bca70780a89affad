/* SPDX-License-Identifier: Apache-2.0 */
/* Questions from options, a file or all ids of a model; answers to a sink.
 *
 * One question is answered as it is read; many go through answer/batch.h, which scores them in
 * blocks and keeps their order. Both ask the same call (answer/answer.h), so that a batch says what
 * single questions say. What only warns (a filter that no item passes, a damaged live store) goes
 * to the log once for each run. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer/batch.h"
#include "answer/probe.h"
#include "base/mem.h"
#include "cmd/recommend/recommend.h"
#include "text/sink.h"

static bool is_segment(const struct recommend_cfg *cfg)
{
    return cfg->segment_item || cfg->segment_where;
}

bool recommend_is_many(const struct recommend_cfg *cfg)
{
    return is_segment(cfg) || cfg->input || cfg->all_users || cfg->all_items;
}

enum pz_format recommend_format(const struct recommend_job *job)
{
    static const char *const names[] = { "csv", "tsv", "json", "jsonl", "table" };
    const struct recommend_cfg *cfg = job->cfg;
    bool to_terminal = strcmp(job->output, "-") == 0 && isatty(STDOUT_FILENO);
    int f = 0;

    if (cfg->common.json)
        return PZ_FORMAT_JSON;
    if (strcmp(cfg->format, "auto") == 0)
        return job->output_text.len                     ? PZ_FORMAT_JSONL
               : to_terminal && !recommend_is_many(cfg) ? PZ_FORMAT_TABLE
                                                        : PZ_FORMAT_CSV;
    while (strcmp(names[f], cfg->format) != 0)
        f++;
    return (enum pz_format)f;
}

/* What goes with --wide and --manifest. */
static enum pz_status check_output(const struct recommend_job *job, struct pz_err *err)
{
    const struct recommend_cfg *cfg = job->cfg;
    bool segments = is_segment(cfg) || cfg->segments,
         rows = strcmp(cfg->format, "csv") == 0 || strcmp(cfg->format, "tsv") == 0 ||
                (strcmp(cfg->format, "auto") == 0 && !job->output_text.len && !cfg->common.json);

    if (cfg->wide &&
        (!recommend_is_many(cfg) || segments || !rows || cfg->columns || cfg->ask.explain))
        return pz_err_set(
            err, PZ_USAGE,
            "--wide is for many users in CSV or TSV, of ids alone: not with --columns, "
            "--explain and segments");
    if (cfg->manifest && (!recommend_is_many(cfg) || strcmp(job->output, "-") == 0 ||
                          (cfg->input && strcmp(cfg->input, "-") == 0)))
        return pz_err_set(err, PZ_USAGE,
                          "--manifest is for many answers into a file: it needs --output FILE, and "
                          "--input from a file");
    return PZ_OK;
}

enum pz_status recommend_find_output(struct recommend_job *job, struct pz_err *err)
{
    const struct recommend_cfg *cfg = job->cfg;
    const char *slash;
    struct stat info;

    job->output = cfg->output;
    if (stat(cfg->output, &info) != 0 || !S_ISDIR(info.st_mode))
        return check_output(job, err);
    if (!cfg->input || strcmp(cfg->input, "-") == 0)
        return pz_err_set(
            err, PZ_USAGE,
            "--output %s is a folder: that is for --input with a file, whose name the "
            "output takes",
            cfg->output);
    slash = strrchr(cfg->input, '/');
    pz_str_addf(&job->output_text, "%s/%s.out", cfg->output, slash ? slash + 1 : cfg->input);
    job->output = job->output_text.data;
    return job->output_text.failed ? pz_err_memory(err, "a name", 1e3) : check_output(job, err);
}

/* The question that the options ask; free with clear_question. */
static enum pz_status read_question(const struct recommend_cfg *cfg, struct pz_arena *arena,
                                    struct pz_question *q, struct pz_err *err)
{
    const char *user = cfg->user ? pz_str_text_fault(cfg->user, strlen(cfg->user)) : NULL,
               *item = cfg->item ? pz_str_text_fault(cfg->item, strlen(cfg->item)) : NULL;
    enum pz_status st;

    *q = (struct pz_question){ .user_id = cfg->user, .item_id = cfg->item };
    if (user || item)
        return pz_err_set(err, PZ_USAGE, "--%s %s", user ? "user" : "item", user ? user : item);
    st = pz_opt_ids(&cfg->rank, arena, &q->list, &q->n_list, err);
    return st == PZ_OK ? pz_opt_ids(&cfg->history, arena, &q->history, &q->n_history, err) : st;
}

static enum pz_status write_text(struct recommend_job *job, struct pz_str *text, struct pz_err *err)
{
    enum pz_status st = text->failed
                            ? pz_err_memory(err, "the answer", 1e5)
                            : pz_sink_write(job->out, text->data ? text->data : "", text->len, err);

    pz_str_clear(text);
    return st;
}

static enum pz_status write_answer(struct recommend_job *job, struct pz_answered *a,
                                   struct pz_err *err)
{
    const struct recommend_cfg *cfg = job->cfg;
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

static enum pz_status answer_one(struct recommend_job *job, const struct pz_question *q,
                                 struct pz_err *err)
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
    job->n_probed = a.answer.probed > 0;
    pz_answered_clear(&a);
    return st;
}

static enum pz_status check_filter(struct recommend_job *job, const struct pz_question *q,
                                   struct pz_err *err)
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

/* One row of the table. */
static void add_probed(struct pz_str *text, const struct pz_probed *p, bool json)
{
    double ms = 1e3 * p->cpu_s, exact_ms = 1e3 * p->exact_cpu_s;

    if (json)
        pz_str_addf(text,
                    "{\"share\":%g,\"users\":%zu,\"probed\":%zu,\"looked\":%.5f,"
                    "\"recall\":%.4f,\"cpuMs\":%.3f,\"exactCpuMs\":%.3f}\n",
                    p->share, p->n, p->n_probed, p->looked, p->recall, ms, exact_ms);
    else
        pz_str_addf(text, "%7g %7zu %7zu %9.5f %7.4f %8.3f %8.3f\n", p->share, p->n, p->n_probed,
                    p->looked, p->recall, ms, exact_ms);
}

/* For the share asked for, or several. */
static enum pz_status check_probe(struct recommend_job *job, struct pz_err *err)
{
    static const double ladder[] = { .001, .002, .005, .01, .02 };
    double own = pz_prepared_request(job->prepared)->probe;
    size_t n = own > 0 ? 1 : sizeof ladder / sizeof *ladder;
    bool json = job->cfg->common.json;
    struct pz_str text = { 0 };
    enum pz_status st = PZ_OK;

    if (!json)
        pz_str_addf(&text, "%7s %7s %7s %9s %7s %8s %8s\n", "share", "users", "probed", "looked",
                    "recall", "CPU ms", "exact");
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        struct pz_probed p;

        st = pz_probe_measure(job->prepared, own > 0 ? own : ladder[i], &p, err);
        if (st == PZ_OK)
            add_probed(&text, &p, json);
    }
    if (st == PZ_OK)
        return write_text(job, &text, err);
    pz_str_clear(&text);
    return st;
}

/* "I/N", I from 1 to N. */
static enum pz_status read_part(const struct recommend_cfg *cfg, struct pz_batch *batch,
                                struct pz_err *err)
{
    if (!cfg->part)
        return PZ_OK;
    if (!cfg->all_users && !cfg->all_items)
        return pz_err_set(err, PZ_USAGE, "--part is of --all-users or --all-items");
    if (!pz_str_to_share(cfg->part, UINT32_MAX, &batch->part, &batch->n_parts))
        return pz_err_set(err, PZ_USAGE, "--part is written I/N with I from 1 to N, not \"%s\"",
                          cfg->part);
    return PZ_OK;
}

static enum pz_status answer_many(struct recommend_job *job, struct pz_err *err)
{
    const struct recommend_cfg *cfg = job->cfg;
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

    job->n_asked = batch.n_asked;
    job->n_rows = batch.n_rows;
    job->n_short = batch.n_short;
    job->n_failed = batch.n_failed;
    job->n_probed = batch.n_probed;
    return st;
}

enum pz_status recommend_answer(struct recommend_job *job, struct pz_err *err)
{
    struct pz_question q;
    struct pz_arena arena = { NULL };
    enum pz_status st = read_question(job->cfg, &arena, &q, err);

    if (st == PZ_OK)
        st = job->cfg->check_filter        ? check_filter(job, &q, err)
             : job->cfg->check_probe       ? check_probe(job, err)
             : recommend_is_many(job->cfg) ? answer_many(job, err)
                                           : answer_one(job, &q, err);
    pz_arena_clear(&arena);
    return st;
}

static void warn_of_filters(const struct recommend_job *job)
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
static enum pz_status check_whom(const struct recommend_cfg *cfg, const struct pz_model *m,
                                 struct pz_err *err)
{
    bool for_all = m->recipe->task == PZ_TASK_USER && m->n_parts == 1;

    if (for_all || recommend_is_many(cfg) || cfg->user || cfg->item || cfg->history.n ||
        cfg->check_filter || cfg->check_probe)
        return PZ_OK;
    return pz_err_set(err, PZ_USAGE,
                      "for whom? give --user, --item, --history, --input or --all-users");
}

/* Open what is asked and merge the options with its settings. */
enum pz_status recommend_open(struct recommend_job *job, const char *path, struct pz_err *err)
{
    const struct recommend_cfg *cfg = job->cfg;
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
    job->show.wide = cfg->wide && st == PZ_OK ? pz_prepared_request(job->prepared)->num : 0;
    if (st == PZ_OK)
        st = pz_columns_find(snap, cfg->columns, &job->show.columns, err);
    if (st == PZ_OK)
        st = check_whom(cfg, snap->model, err);
    pz_snapshot_release(snap);
    if (st == PZ_OK)
        warn_of_filters(job);
    return st;
}

static void warn_of_damage(const struct recommend_job *job)
{
    struct pz_snapshot *snap = pz_service_take(job->service);

    if (snap->view && atomic_load(&snap->view->live_damaged))
        pz_log(job->log, PZ_LOG_WARN,
               "the live store is damaged: the model answers alone, without live events, items put "
               "live and users to forget; see pz-event stats");
    pz_snapshot_release(snap);
}

void recommend_report(const struct recommend_job *job)
{
    warn_of_damage(job);
    if (job->n_short > 0)
        pz_log(job->log, PZ_LOG_NOTE, "fewer than %u items could be recommended%s",
               pz_prepared_request(job->prepared)->num,
               recommend_is_many(job->cfg) ? " for some" : "");
    if (job->n_probed > 0)
        pz_log(job->log, PZ_LOG_NOTE,
               "a part of the items was looked at (probe)%s; --check-probe says what that costs",
               recommend_is_many(job->cfg) ? " for some" : "");
    if (job->n_failed > 0)
        pz_log(job->log, PZ_LOG_WARN, "%llu rows could not be answered; their lines say why",
               (unsigned long long)job->n_failed);
}
