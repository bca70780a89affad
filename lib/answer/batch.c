/* SPDX-License-Identifier: Apache-2.0 */
/* Batch: see batch.h. Questions are read in blocks; a block is answered in parallel, each question
 * into a text of its own, and written in order. */
#include "answer/batch.h"

#include <stdlib.h>
#include <string.h>

#include "answer/question.h"
#include "base/par.h"
#include "text/rows.h"

enum { BLOCK_MAX = 4096, BLOCK_MIN = 64, BLOCK_RESULTS = 131072 };

struct block {
    struct pz_batch *batch;
    struct pz_ranker **ranker; /* [n_threads] */
    int n_threads;
    struct pz_question *q;   /* [size] */
    struct pz_str *text;     /* [size] the answer, or why there is none */
    bool *failed, *is_short; /* [size] */
    size_t size, n;
    struct pz_arena arena; /* of the questions */
};

static void free_block(struct block *b)
{
    for (int i = 0; b->ranker && i < b->n_threads; i++)
        pz_ranker_free(b->ranker[i]);
    for (size_t i = 0; b->text && i < b->size; i++)
        pz_str_clear(&b->text[i]);
    free(b->ranker);
    free(b->q);
    free(b->text);
    free(b->failed);
    free(b->is_short);
    pz_arena_clear(&b->arena);
}

/* Long answers make small blocks. */
static enum pz_status make_block(struct block *b, struct pz_batch *batch, struct pz_err *err)
{
    size_t size = BLOCK_RESULTS / (batch->base.num + 1);
    bool good;

    size = size > BLOCK_MAX ? BLOCK_MAX : size < BLOCK_MIN ? BLOCK_MIN : size;
    *b = (struct block){ .batch = batch, .size = size, .n_threads = pz_par_threads() };
    b->ranker = pz_mem_array((size_t)b->n_threads, sizeof *b->ranker);
    b->q = pz_mem_array(size, sizeof *b->q);
    b->text = pz_mem_array(size, sizeof *b->text);
    b->failed = pz_mem_array(size, sizeof *b->failed);
    b->is_short = pz_mem_array(size, sizeof *b->is_short);
    good = b->ranker && b->q && b->text && b->failed && b->is_short;
    for (int i = 0; i < b->n_threads && good; i++)
        good = (b->ranker[i] = pz_ranker_new(batch->m)) != NULL;
    return good ? PZ_OK : pz_err_memory(err, "a batch", 13.0 * batch->m->items.n * b->n_threads);
}

/* Bind the question's filter values over those for all, where it has any or nothing is bound for
 * all. */
static enum pz_status bind_values(const struct pz_batch *batch, const struct pz_question *q,
                                  struct pz_request *req, struct pz_filter_values **values,
                                  struct pz_err *err)
{
    struct pz_filter_args args = { 0 };
    enum pz_status st;

    if (!req->filter || (req->filter_values && !q->filter_values))
        return PZ_OK;
    st = pz_filter_args_copy(&args, batch->filter_args, err);
    if (st == PZ_OK && q->filter_values)
        st = pz_filter_args_add(&args, q->filter_values, err);
    if (st == PZ_OK)
        st = pz_filter_bind(req->filter, &args, values, err);
    req->filter_values = *values;
    pz_filter_args_clear(&args);
    return st;
}

/* Answer question i into its text. */
static void ask(struct block *b, struct pz_ranker *r, size_t i)
{
    const struct pz_batch *batch = b->batch;
    const struct pz_question *q = &b->q[i];
    struct pz_request req = batch->base;
    struct pz_answer answer = { 0 };
    struct pz_arena arena = { NULL };
    struct pz_live live = { 0 };
    struct pz_filter_values *values = NULL;
    struct pz_err err = { 0 };
    enum pz_status st = PZ_OK;

    pz_str_reset(&b->text[i]);
    pz_question_fill(q, &req);
    if (q->problem)
        st = pz_err_set(&err, PZ_BAD_DATA, "%s", q->problem);
    if (st == PZ_OK)
        st = bind_values(batch, q, &req, &values, &err);
    if (st == PZ_OK && batch->gather && req.user_id)
        st = batch->gather(batch->context, req.user_id, &arena, &live, &err);
    req.live = &live;
    if (st == PZ_OK)
        st = pz_rank(r, &req, &answer, &err);
    b->failed[i] = st != PZ_OK;
    b->is_short[i] = answer.is_short && req.n_rank == 0;
    if (st == PZ_OK)
        pz_answer_add(&b->text[i], batch->format, batch->m, &req, &answer);
    else if (batch->format == PZ_FORMAT_JSONL)
        pz_answer_error(&b->text[i], &req, err.text);
    else
        pz_str_adds(&b->text[i], err.text);
    pz_filter_values_free(values);
    pz_arena_clear(&arena);
}

static enum pz_status write_block(struct block *b, struct pz_err *err)
{
    struct pz_batch *batch = b->batch;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < b->n && st == PZ_OK; i++) {
        if (b->text[i].failed)
            st = pz_err_memory(err, "an answer", (double)b->text[i].len);
        else if (b->failed[i] && batch->format != PZ_FORMAT_JSONL)
            st = pz_err_set(err, PZ_BAD_DATA, "%s%s%s", b->q[i].where ? b->q[i].where : "",
                            b->q[i].where ? ": " : "", b->text[i].data);
        else if (b->text[i].len)
            st = pz_out_write(batch->out, b->text[i].data, b->text[i].len, err);
        batch->n_short += b->is_short[i];
        batch->n_failed += b->failed[i];
        batch->n_asked++;
    }
    return st;
}

static enum pz_status answer_block(struct block *b, struct pz_err *err)
{
    enum pz_status st;

#pragma omp parallel for schedule(dynamic, 8) num_threads(b->n_threads) if (b->n > 8)
    for (size_t i = 0; i < b->n; i++)
        ask(b, b->ranker[pz_par_id()], i);
    st = write_block(b, err);
    pz_log_step(b->batch->log, b->n);
    b->n = 0;
    pz_arena_clear(&b->arena);
    if (st == PZ_OK && pz_stop_asked())
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped");
    return st;
}

static enum pz_status all_of(struct block *b, const struct pz_dict *dict, bool items,
                             struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < dict->n && st == PZ_OK; i++) {
        size_t len;
        const char *s = pz_dict_get(dict, i, &len);
        char *id = pz_arena_strndup(&b->arena, s, len);

        b->q[b->n++] = (struct pz_question){ .user_id = items ? NULL : id,
                                             .item_id = items ? id : NULL };
        if (!id)
            st = pz_err_memory(err, "a batch", (double)len);
        else if (b->n == b->size)
            st = answer_block(b, err);
    }
    return st == PZ_OK ? answer_block(b, err) : st;
}

static enum pz_status all_rows(struct block *b, struct pz_rows_in *in, struct pz_err *err)
{
    struct pz_row row = { 0 };
    enum pz_status st = PZ_OK;

    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(in, &row, err);
        if (st == PZ_OK && !row.end)
            st = pz_question_read(in, &row, &b->arena, &b->q[b->n++], err);
        if (st == PZ_OK && (b->n == b->size || row.end))
            st = answer_block(b, err);
    }
    return st;
}

static enum pz_status write_header(struct pz_batch *batch, bool items, struct pz_err *err)
{
    struct pz_str head = { 0 };
    enum pz_status st = PZ_OK;

    pz_answer_header(&head, batch->format, items || batch->m->recipe->task == PZ_TASK_RELATED,
                     batch->base.explain);
    if (head.len)
        st = pz_out_write(batch->out, head.data, head.len, err);
    pz_str_clear(&head);
    return st;
}

enum pz_status pz_batch_file(struct pz_batch *batch, const char *path, struct pz_err *err)
{
    struct pz_rows_in *in = NULL;
    struct block b;
    enum pz_status st = make_block(&b, batch, err);

    if (st == PZ_OK)
        st = pz_rows_open(path, &in, err);
    if (st == PZ_OK)
        st = write_header(batch, false, err);
    if (st == PZ_OK && pz_rows_is_json(in))
        pz_rows_set_raw(in);
    pz_log_begin(batch->log, "recommending", "rows", 0);
    if (st == PZ_OK)
        st = all_rows(&b, in, err);
    pz_log_done(batch->log);
    pz_rows_close(in);
    free_block(&b);
    return st;
}

enum pz_status pz_batch_all(struct pz_batch *batch, bool items, struct pz_err *err)
{
    const struct pz_dict *dict = items ? &batch->m->items : &batch->m->users;
    struct block b;
    enum pz_status st = make_block(&b, batch, err);

    if (st == PZ_OK)
        st = write_header(batch, items, err);
    pz_log_begin(batch->log, "recommending", items ? "items" : "users", dict->n);
    if (st == PZ_OK)
        st = all_of(&b, dict, items, err);
    pz_log_done(batch->log);
    free_block(&b);
    return st;
}
