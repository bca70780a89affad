/* SPDX-License-Identifier: Apache-2.0 */
/* Batch: see batch.h. Questions are read in blocks; a block is answered in parallel, each
 * question into a text of its own, and written in order, so that the output does not depend on
 * the number of threads.
 *
 * A block has as many questions as make about the same number of results, so that long answers
 * do not take more memory. Questions that ask for users are answered together, in one pass over
 * the users a block. */
#include "answer/batch.h"

#include <stdlib.h>
#include <string.h>

#include "answer/newcomers.h"
#include "answer/question.h"
#include "answer/user_segments.h"
#include "base/par.h"
#include "base/signals.h"
#include "table/hash.h"
#include "text/rows.h"

/* Results, not questions, are what a block keeps in memory: 131072 ids and scores are some ten
 * megabytes of text. */
enum { BLOCK_MAX = 4096, BLOCK_MIN = 64, BLOCK_RESULTS = 131072 };

struct block {
    struct pz_batch *batch;
    const struct pz_model *m;
    const struct pz_request *base;
    struct pz_question *q;  /* [size] */
    struct pz_str *text;    /* [size] the answer, or why there is none */
    enum pz_status *status; /* [size] */
    bool *is_short;         /* [size] as the next one */
    bool *is_probed;
    size_t *n_rows;  /* [size] results of the answer */
    bool warned;     /* that rows cannot say how many results they want */
    bool known_only; /* pass over users of whom nothing is known: they were forgotten */
    size_t size, n;
    struct pz_arena arena; /* of the questions */
};

static void free_block(struct block *b)
{
    for (size_t i = 0; b->text && i < b->size; i++)
        pz_str_clear(&b->text[i]);
    free(b->q);
    free(b->text);
    free(b->status);
    free(b->is_short);
    free(b->is_probed);
    free(b->n_rows);
    pz_arena_clear(&b->arena);
}

/* Long answers make small blocks. */
static enum pz_status make_block(struct block *b, struct pz_batch *batch, struct pz_err *err)
{
    const struct pz_request *base = pz_prepared_request(batch->prepared);
    /* At least 64, so that all threads have work however long the answers are. */
    size_t size = BLOCK_RESULTS / (base->num + 1);

    size = size > BLOCK_MAX ? BLOCK_MAX : size < BLOCK_MIN ? BLOCK_MIN : size;
    *b = (struct block){ .batch = batch,
                         .m = pz_prepared_snapshot(batch->prepared)->model,
                         .base = base,
                         .size = size };
    b->q = pz_mem_array(size, sizeof *b->q);
    b->text = pz_mem_array(size, sizeof *b->text);
    b->status = pz_mem_array(size, sizeof *b->status);
    b->is_short = pz_mem_array(size, sizeof *b->is_short);
    b->is_probed = pz_mem_array(size, sizeof *b->is_probed);
    b->n_rows = pz_mem_array(size, sizeof *b->n_rows);
    return b->q && b->text && b->status && b->is_short && b->is_probed && b->n_rows
               ? PZ_OK
               : pz_err_memory(err, "a batch", (double)(size * sizeof *b->q));
}

/* What is wrong with a question concerns that question; what is wrong with us (memory, a disk) ends
 * the batch, which may work later. */
static bool is_ours(enum pz_status st)
{
    return st != PZ_OK && st != PZ_NEGATIVE && st != PZ_USAGE && st != PZ_BAD_DATA;
}

/* Write the answer to question i into its text. */
static void write_one(struct block *b, size_t i, struct pz_asked_one *one)
{
    const struct pz_batch *batch = b->batch;
    const struct pz_answered *a = &one->answered;

    pz_str_reset(&b->text[i]);
    b->status[i] = one->status;
    b->is_short[i] = a->answer.is_short && a->req.n_rank == 0;
    b->is_probed[i] = a->answer.probed > 0;
    b->n_rows[i] = 0;
    /* Between the list of users and the question somebody was forgotten: nothing is written of
     * them. */
    if (one->status == PZ_OK && b->known_only && !a->is_known)
        b->is_short[i] = false;
    else if (one->status == PZ_OK) {
        pz_answer_add(&b->text[i], batch->show, a);
        b->n_rows[i] = a->answer.n;
    } else if (batch->show->format == PZ_FORMAT_JSONL && !is_ours(one->status))
        pz_answer_error(&b->text[i], &a->req, one->err.text);
    else
        pz_str_adds(&b->text[i], one->err.text);
}

static bool is_segment(const struct block *b, const struct pz_question *q)
{
    return q->attributes || (b->batch->segments && q->item_id && !q->problem);
}

/* Answer questions from `first` on together. */
static void ask(struct block *b, size_t first)
{
    struct pz_asked_one one[PZ_ASK_BLOCK];
    size_t n = b->n - first < PZ_ASK_BLOCK ? b->n - first : PZ_ASK_BLOCK;

    pz_ask_block(b->batch->prepared, b->q + first, one, n);
    for (size_t i = 0; i < n; i++) {
        if (!is_segment(b, &b->q[first + i]))
            write_one(b, first + i, &one[i]);
        pz_answered_clear(&one[i].answered);
    }
}

/* Whether the answer to question i may be written. */
static enum pz_status check_one(const struct block *b, size_t i, struct pz_err *err)
{
    const char *where = b->q[i].where;
    bool ours = is_ours(b->status[i]);

    if (b->text[i].failed)
        return pz_err_memory(err, "an answer", (double)b->text[i].len);
    if (!ours && (b->status[i] == PZ_OK || b->batch->show->format == PZ_FORMAT_JSONL))
        return PZ_OK;
    return pz_err_set(err, ours ? b->status[i] : PZ_BAD_DATA, "%s%s%s", where ? where : "",
                      where ? ": " : "", b->text[i].data);
}

static enum pz_status write_block(struct block *b, struct pz_err *err)
{
    struct pz_batch *batch = b->batch;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < b->n && st == PZ_OK; i++) {
        st = check_one(b, i, err);
        if (st == PZ_OK && b->text[i].len)
            st = pz_sink_write(batch->out, b->text[i].data, b->text[i].len, err);
        batch->n_short += b->is_short[i];
        batch->n_probed += b->is_probed[i];
        batch->n_rows += b->n_rows[i];
        batch->n_failed += b->status[i] != PZ_OK;
        batch->n_asked++;
    }
    return st;
}

/* ---- questions for users ---- */

static void write_segment(struct block *b, size_t i, const struct pz_user_segment *s)
{
    struct pz_str *out = &b->text[i];

    pz_str_reset(out);
    b->status[i] = s->status;
    b->is_short[i] = s->status == PZ_OK && s->n < b->base->num;
    b->is_probed[i] = false;
    b->n_rows[i] = s->status == PZ_OK ? s->n : 0;
    if (s->status == PZ_OK)
        pz_answer_segment(out, b->batch->show, &b->q[i], s);
    else if (b->batch->show->format == PZ_FORMAT_JSONL && b->q[i].echo && !is_ours(s->status))
        pz_answer_error(out, &(struct pz_request){ .echo = b->q[i].echo }, s->err.text);
    else
        pz_str_adds(out, s->err.text);
}

/* Answer those questions of a block that ask for users, in one pass over the users. */
static enum pz_status answer_segments(struct block *b, struct pz_err *err)
{
    struct pz_user_segment *segment = pz_mem_array(b->n, sizeof *segment);
    size_t n = 0, k = 0;
    enum pz_status st = segment ? PZ_OK : pz_err_memory(err, "segments", 1e3 * (double)b->n);

    for (size_t i = 0; i < b->n && st == PZ_OK; i++)
        if (is_segment(b, &b->q[i]))
            segment[n++] = (struct pz_user_segment){ .item_id = b->q[i].item_id,
                                                     .where = b->q[i].attributes };
    if (st == PZ_OK && n > 0)
        st = pz_user_segments_find(b->batch->prepared, segment, n, err);
    for (size_t i = 0; i < b->n && st == PZ_OK; i++)
        if (is_segment(b, &b->q[i]))
            write_segment(b, i, &segment[k++]);
    pz_user_segments_clear(segment, n);
    free(segment);
    return st;
}

static enum pz_status answer_block(struct block *b, struct pz_err *err)
{
    enum pz_status st;

#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads()) if (b->n > PZ_ASK_BLOCK)
    for (size_t i = 0; i < b->n; i += PZ_ASK_BLOCK)
        ask(b, i);
    st = answer_segments(b, err);
    if (st == PZ_OK)
        st = pz_model_recheck(b->m, err);
    if (st == PZ_OK)
        st = write_block(b, err);
    pz_log_step(b->batch->log, b->n);
    b->n = 0;
    pz_arena_clear(&b->arena);
    if (st == PZ_OK && pz_stop_asked())
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped");
    return st;
}

static bool is_in_part(const struct pz_batch *batch, const char *id, size_t n)
{
    /* By a hash of the id: the parts stay the same when users come or go, and need not know of each
     * other. */
    return batch->n_parts == 0 || pz_hash64(id, n) % batch->n_parts == batch->part - 1;
}

static enum pz_status all_of(struct block *b, const struct pz_dict *dict, bool items,
                             struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < dict->n && st == PZ_OK; i++) {
        size_t len;
        const char *s = pz_dict_get(dict, i, &len);
        char *id;

        if (!is_in_part(b->batch, s, len))
            continue;
        id = pz_arena_strndup(&b->arena, s, len);

        b->q[b->n++] = (struct pz_question){ .user_id = items ? NULL : id,
                                             .item_id = items ? id : NULL };
        if (!id)
            st = pz_err_memory(err, "a batch", (double)len);
        else if (b->n == b->size)
            st = answer_block(b, err);
    }
    return st == PZ_OK ? answer_block(b, err) : st;
}

/* The next row as a question. */
static enum pz_status read_question(struct block *b, struct pz_rows_in *in,
                                    const struct pz_row *row, struct pz_err *err)
{
    struct pz_question *q = &b->q[b->n++];
    enum pz_status st = pz_question_read(in, row, &b->arena, q, err);

    if (st == PZ_OK && q->has_number && !b->warned) {
        b->warned = true;
        pz_log(
            b->batch->log, PZ_LOG_WARN,
            "%s: numResults is not heeded, here and in other rows: all lists of a batch have the "
            "%u items of --num",
            q->where, b->base->num);
    }
    if (st == PZ_OK && b->batch->show->wide > 0 && (q->n_list > 0 || q->attributes))
        q->problem = "a wide row has no place for a ranking or users";
    return st;
}

static enum pz_status all_rows(struct block *b, struct pz_rows_in *in, struct pz_err *err)
{
    struct pz_row row = { 0 };
    enum pz_status st = PZ_OK;

    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(in, &row, err);
        if (st == PZ_OK && !row.end)
            st = read_question(b, in, &row, err);
        if (st == PZ_OK && (b->n == b->size || row.end))
            st = answer_block(b, err);
    }
    return st;
}

static enum pz_status write_header(struct block *b, bool items, struct pz_err *err)
{
    struct pz_str head = { 0 };
    enum pz_status st = PZ_OK;

    pz_answer_header(&head, b->batch->show, items || b->m->recipe->task == PZ_TASK_RELATED,
                     b->base->explain);
    if (head.len)
        st = pz_sink_write(b->batch->out, head.data, head.len, err);
    pz_str_clear(&head);
    return st;
}

enum pz_status pz_batch_segment(struct pz_batch *batch, const struct pz_question *q,
                                struct pz_err *err)
{
    struct block b;
    enum pz_status st = make_block(&b, batch, err);
    struct pz_str head = { 0 };

    pz_answer_segment_header(&head, batch->show);
    if (st == PZ_OK && head.len)
        st = pz_sink_write(batch->out, head.data, head.len, err);
    pz_str_clear(&head);
    batch->segments = true;
    if (st == PZ_OK) {
        b.q[b.n++] = *q;
        st = answer_segments(&b, err);
    }
    if (st == PZ_OK && b.status[0] != PZ_OK && !is_ours(b.status[0]))
        st = pz_err_set(err, PZ_USAGE, "%s", b.text[0].data);
    if (st == PZ_OK)
        st = write_block(&b, err);
    free_block(&b);
    return st;
}

enum pz_status pz_batch_file(struct pz_batch *batch, const char *path, struct pz_err *err)
{
    struct pz_rows_in *in = NULL;
    struct block b;
    enum pz_status st = make_block(&b, batch, err);

    if (st == PZ_OK)
        st = pz_rows_open(path, NULL, &in, err);
    if (st == PZ_OK)
        st = write_header(&b, false, err);
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
    struct block b;
    enum pz_status st = make_block(&b, batch, err);
    const struct pz_dict *dict = items ? &b.m->items : &b.m->users;
    struct pz_dict fresh = { 0 };

    b.known_only = !items;
    if (st == PZ_OK && !items)
        st = pz_newcomers(pz_prepared_snapshot(batch->prepared)->view, &fresh, err);
    if (st == PZ_OK)
        st = write_header(&b, items, err);
    pz_log_begin(batch->log, "recommending", items ? "items" : "users", dict->n + fresh.n);
    if (st == PZ_OK)
        st = all_of(&b, dict, items, err);
    if (st == PZ_OK)
        st = all_of(&b, &fresh, items, err);
    pz_log_done(batch->log);
    pz_dict_clear(&fresh);
    free_block(&b);
    return st;
}
