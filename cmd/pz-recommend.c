/* SPDX-License-Identifier: Apache-2.0 */
/* pz-recommend: answers from a campaign or a model file, one or many. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/par.h"
#include "campaign/campaign.h"
#include "data/rows.h"
#include "rank/answer.h"
#include "rank/rank.h"

struct config {
    const char *user, *item, *rank, *history, *format, *output, *input, *seen;
    long long num, seed;
    bool all_users, all_items;
    struct pz_common common;
};

static const struct pz_opt opts[] = {
    PZ_STR('u', "user", struct config, user, NULL, "ID", "recommend for this user"),
    PZ_STR('i', "item", struct config, item, NULL, "ID", "recommend items related to this one"),
    PZ_STR(0, "rank", struct config, rank, NULL, "ID,ID,...", "put these items in order for --user"),
    PZ_STR(0, "history", struct config, history, NULL, "ID,ID,...",
           "items that the user just met, oldest first; enough for a user nobody knows"),
    PZ_INT('n', "num", struct config, num, "25", 1, 1000000, "N", "results wanted"),
    PZ_STR(0, "seen", struct config, seen, "default", "default|exclude|keep|only",
           "items of the user's history: the recipe's rule, leave out, keep, or only those"),
    PZ_STR('f', "format", struct config, format, "csv", "csv|tsv|json|jsonl",
           "how to write answers; jsonl is Personalize's batch format"),
    PZ_STR('o', "output", struct config, output, "-", "FILE", "where to write"),
    PZ_STR(0, "input", struct config, input, NULL, "FILE",
           "answer for every row of a CSV or JSON Lines file (- is standard input) with a column "
           "userId or itemId, and itemList for rankings"),
    PZ_FLAG(0, "all-users", struct config, all_users, "answer for every user of the model"),
    PZ_FLAG(0, "all-items", struct config, all_items, "answer for every item of the model"),
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};

enum { BATCH = 4096 };

/* The pieces of "a,b,c" in place. */
static enum pz_status split_ids(char *text, char separator, struct pz_strs *list, struct pz_err *err)
{
    while (text && *text) {
        char *next = strchr(text, separator);

        if (next)
            *next++ = '\0';
        if (*text && !pz_strs_add(list, text))
            return pz_err_memory(err, "a list of ids", 1e4);
        text = next;
    }
    return PZ_OK;
}

struct job {
    const struct config *cfg;
    struct pz_model *m;
    struct pz_live_store *store; /* NULL: a bare model */
    uint64_t live_seen;
    struct pz_out *out;
    enum pz_format format;
    struct pz_log *log;
    uint64_t n_short;
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

static struct pz_request base_request(const struct job *job)
{
    static const char letters[] = "deko"; /* first letters of --seen in the order of enum pz_seen */

    return (struct pz_request){ .num = (uint32_t)job->cfg->num,
                                .rules.seen = (enum pz_seen)(strchr(letters, job->cfg->seen[0]) - letters) };
}

/* Answer with what the campaign knows of the user by now. */
static enum pz_status rank_now(const struct job *job, struct pz_ranker *r, struct pz_request *req,
                               struct pz_answer *answer, struct pz_err *err)
{
    struct pz_arena arena = { NULL };
    struct pz_live live = { 0 };
    enum pz_status st = PZ_OK;

    if (job->store && req->user_id)
        st = pz_live_read(job->store, req->user_id, job->live_seen, &arena, &live, err);
    req->live = &live;
    if (st == PZ_OK)
        st = pz_rank(r, req, answer, err);
    req->live = NULL;
    pz_arena_clear(&arena);
    return st;
}

static enum pz_status answer_one(struct job *job, struct pz_err *err)
{
    const struct config *cfg = job->cfg;
    struct pz_ranker *r = pz_ranker_new(job->m);
    struct pz_strs rank = { 0 }, history = { 0 };
    char *rank_text = cfg->rank ? pz_mem_strndup(cfg->rank, strlen(cfg->rank)) : NULL;
    char *hist_text = cfg->history ? pz_mem_strndup(cfg->history, strlen(cfg->history)) : NULL;
    struct pz_request req = base_request(job);
    struct pz_answer answer = { 0 };
    struct pz_str text = { 0 };
    enum pz_status st = r ? PZ_OK : pz_err_memory(err, "a query", 12.0 * job->m->items.n);

    if (st == PZ_OK)
        st = split_ids(rank_text, ',', &rank, err);
    if (st == PZ_OK)
        st = split_ids(hist_text, ',', &history, err);
    req.user_id = cfg->user;
    req.item_id = cfg->item;
    req.rank = rank.v;
    req.n_rank = rank.n;
    req.history = history.v;
    req.n_history = history.n;
    if (st == PZ_OK)
        st = rank_now(job, r, &req, &answer, err);
    if (st == PZ_OK) {
        pz_answer_header(&text, job->format, cfg->item && !cfg->user);
        pz_answer_add(&text, job->format, job->m, &req, &answer);
        job->n_short = answer.is_short && !req.n_rank;
        st = text.failed ? pz_err_memory(err, "the answer", 1e5)
                         : pz_out_write(job->out, text.data ? text.data : "", text.len, err);
    }
    pz_str_clear(&text);
    pz_strs_clear(&rank);
    pz_strs_clear(&history);
    free(rank_text);
    free(hist_text);
    pz_ranker_free(r);
    return st;
}

/* A block of questions, answered in parallel and written in order. */
struct question {
    char *user, *item, *list; /* owned by the arena; NULL: none */
};

struct block {
    struct question q[BATCH];
    struct pz_str text[BATCH];
    bool is_short[BATCH];
    size_t n;
    struct pz_arena arena;
};

static enum pz_status ask(struct job *job, struct pz_ranker *r, struct block *b, size_t i)
{
    struct pz_strs list = { 0 };
    struct pz_request req = base_request(job);
    struct pz_answer answer = { 0 };
    enum pz_status st = split_ids(b->q[i].list, '|', &list, NULL);

    req.user_id = b->q[i].user;
    req.item_id = b->q[i].item;
    req.rank = list.v;
    req.n_rank = list.n;
    if (st == PZ_OK)
        st = rank_now(job, r, &req, &answer, NULL);
    pz_str_reset(&b->text[i]);
    if (st == PZ_OK)
        pz_answer_add(&b->text[i], job->format, job->m, &req, &answer);
    b->is_short[i] = answer.is_short && !req.n_rank;
    pz_strs_clear(&list);
    return b->text[i].failed ? PZ_TRY_AGAIN : st;
}

static enum pz_status answer_block(struct job *job, struct pz_ranker **ranker, struct block *b,
                                   struct pz_err *err)
{
    int failed = 0;
    enum pz_status st = PZ_OK;

#pragma omp parallel for schedule(dynamic, 8) num_threads(pz_par_threads())
    for (size_t i = 0; i < b->n; i++)
        if (ask(job, ranker[pz_par_id()], b, i) != PZ_OK) {
#pragma omp atomic write
            failed = 1;
        }
    if (failed)
        st = pz_err_set(err, PZ_BAD_DATA, "a row does not fit the model's recipe (%s)",
                        job->m->recipe->name);
    for (size_t i = 0; i < b->n && st == PZ_OK; i++) {
        st = pz_out_write(job->out, b->text[i].data ? b->text[i].data : "", b->text[i].len, err);
        job->n_short += b->is_short[i];
    }
    pz_log_step(job->log, b->n);
    b->n = 0;
    pz_arena_clear(&b->arena);
    if (st == PZ_OK && pz_stop_asked())
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped");
    return st;
}

static char *keep(struct block *b, const char *s, size_t n)
{
    return n ? pz_arena_strndup(&b->arena, s, n) : NULL;
}

static enum pz_status batch_all(struct job *job, struct pz_ranker **ranker, struct block *b,
                                struct pz_err *err)
{
    const struct pz_dict *dict = job->cfg->all_items ? &job->m->items : &job->m->users;
    enum pz_status st = PZ_OK;

    pz_log_begin(job->log, "recommending", job->cfg->all_items ? "items" : "users", dict->n);
    for (uint32_t i = 0; i < dict->n && st == PZ_OK; i++) {
        size_t len;
        const char *s = pz_dict_get(dict, i, &len);
        char *id = keep(b, s, len);

        b->q[b->n++] = job->cfg->all_items ? (struct question){ NULL, id, NULL }
                                           : (struct question){ id, NULL, NULL };
        if (!id)
            st = pz_err_memory(err, "a batch", 1e5);
        else if (b->n == BATCH)
            st = answer_block(job, ranker, b, err);
    }
    if (st == PZ_OK)
        st = answer_block(job, ranker, b, err);
    pz_log_done(job->log);
    return st;
}

static size_t find_column(const struct pz_rows_in *in, const char *name)
{
    for (size_t i = 0; i < pz_rows_n_columns(in); i++)
        if (pz_str_same_name(pz_rows_column(in, i), name))
            return i;
    return SIZE_MAX;
}

static char *cell(struct block *b, const struct pz_rows_in *in, const struct pz_row *row,
                  const char *name)
{
    size_t c = find_column(in, name);

    return c == SIZE_MAX ? NULL : keep(b, row->cell[c].s, row->cell[c].n);
}

static enum pz_status take_row(struct block *b, const struct pz_rows_in *in,
                               const struct pz_row *row, struct pz_err *err)
{
    struct question *q = &b->q[b->n];

    if (row->bad)
        return pz_err_set(err, PZ_BAD_DATA, "%s:%llu: %s", pz_rows_name(in),
                          (unsigned long long)row->line, row->bad);
    q->user = cell(b, in, row, "userId");
    q->item = cell(b, in, row, "itemId");
    q->list = cell(b, in, row, "itemList");
    if (!q->user && !q->item)
        return pz_err_set(err, PZ_BAD_DATA, "%s:%llu: neither userId nor itemId", pz_rows_name(in),
                          (unsigned long long)row->line);
    b->n++;
    return PZ_OK;
}

static enum pz_status batch_file(struct job *job, struct pz_ranker **ranker, struct block *b,
                                 struct pz_err *err)
{
    struct pz_rows_in *in = NULL;
    struct pz_row row = { 0 };
    enum pz_status st = pz_rows_open(job->cfg->input, &in, err);

    pz_log_begin(job->log, "recommending", "rows", 0);
    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(in, &row, err);
        if (st == PZ_OK && !row.end)
            st = take_row(b, in, &row, err);
        if (st == PZ_OK && (b->n == BATCH || row.end))
            st = answer_block(job, ranker, b, err);
    }
    pz_log_done(job->log);
    pz_rows_close(in);
    return st;
}

static enum pz_status answer_many(struct job *job, struct pz_err *err)
{
    int n = pz_par_threads();
    struct pz_ranker **ranker = pz_mem_array((size_t)n, sizeof *ranker);
    struct block *b = pz_mem_array(1, sizeof *b);
    struct pz_str head = { 0 };
    enum pz_status st = ranker && b ? PZ_OK : pz_err_memory(err, "a batch", sizeof *b);

    for (int i = 0; i < n && st == PZ_OK; i++)
        if (!(ranker[i] = pz_ranker_new(job->m)))
            st = pz_err_memory(err, "a query", 12.0 * job->m->items.n);
    pz_answer_header(&head, job->format, job->cfg->all_items || job->m->recipe->task == PZ_TASK_RELATED);
    if (st == PZ_OK && head.len)
        st = pz_out_write(job->out, head.data, head.len, err);
    pz_str_clear(&head);
    if (st == PZ_OK)
        st = job->cfg->input ? batch_file(job, ranker, b, err) : batch_all(job, ranker, b, err);
    for (int i = 0; ranker && i < n; i++)
        pz_ranker_free(ranker[i]);
    for (size_t i = 0; b && i < BATCH; i++)
        pz_str_clear(&b->text[i]);
    if (b)
        pz_arena_clear(&b->arena);
    free(ranker);
    free(b);
    return st;
}

static enum pz_status open_source(struct job *job, const char *path, struct pz_err *err)
{
    uint32_t version;
    enum pz_status st;

    if (!pz_campaign_is(path))
        return pz_model_open(path, &job->m, err);
    st = pz_campaign_open_model(path, &job->m, &version, &job->live_seen, err);
    return st == PZ_OK ? pz_campaign_open_live(path, false, &job->store, err) : st;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log, struct pz_err *err)
{
    const struct config *cfg = config;
    struct job job = { .cfg = cfg, .log = log, .format = parse_format(cfg) };
    bool many = cfg->input || cfg->all_users || cfg->all_items;
    enum pz_status st;

    if (args->n != 1)
        return pz_err_set(err, PZ_USAGE, "one CAMPAIGN or MODEL is needed; see pz-recommend --help");
    if (!many && !cfg->user && !cfg->item && !cfg->history)
        return pz_err_set(err, PZ_USAGE,
                          "for whom? give --user, --item, --history, --input or --all-users");
    st = open_source(&job, args->v[0], err);
    if (st == PZ_OK)
        st = pz_out_open(cfg->output, &job.out, err);
    if (st == PZ_OK)
        st = many ? answer_many(&job, err) : answer_one(&job, err);
    if (st == PZ_OK) {
        st = pz_out_commit(job.out, err);
        job.out = NULL;
    }
    if (st == PZ_OK && job.n_short > 0)
        pz_log(log, PZ_LOG_NOTE, "fewer than %lld items could be recommended%s", cfg->num,
               many ? " for some" : "");
    pz_out_abort(job.out);
    pz_live_close(job.store);
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
