/* SPDX-License-Identifier: Apache-2.0 */
/* Intake: see intake.h.
 *
 * Every thread takes the next block, parses it into its own memory, packs the rows into a chunk and
 * puts the chunk in the place of its block. Which thread parses which block is chance; the place of
 * a chunk is not, and numbers of strings are told apart by thread until all strings are sorted.
 * Faults are told in the order of the file: a block's as soon as all before it are done, when its
 * first line is known. */
#include "import/reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"

/* A block that is parsed and not told yet. */
struct outcome {
    bool ready;
    uint64_t lines, read, rejected;
    struct pz_fault *fault; /* [n_faults], owned */
    size_t n_faults;
};

struct job {
    struct pz_intake *in;
    size_t first_chunk;      /* of this file in the stage */
    struct outcome *outcome; /* [n] by block */
    size_t n, cap, told;
    uint64_t lines;       /* before block `told` */
    uint64_t consumed;    /* bytes of the file, for progress */
    pthread_mutex_t feed; /* one thread reads, the others sleep: OpenMP's would spin */
    enum pz_status st;
    uint64_t st_block; /* whose failure st is; the first in the file counts */
    struct pz_err err;
};

/* The impressions of the rows in their new order, into moved. */
static void move_shown(const struct pz_worker *w, const uint64_t *length, uint64_t *from)
{
    size_t at = 0;

    from[0] = 0;
    for (size_t r = 0; r < w->n_rows; r++)
        from[r + 1] = from[r] + length[r];
    for (size_t r = 0; r < w->n_rows; r++) {
        size_t old = w->order[r];

        memcpy(w->moved + at, w->shown + from[old], length[old] * sizeof *w->moved);
        at += length[old];
    }
}

static bool order_shown(struct pz_worker *w, size_t field)
{
    uint64_t *from, *swap = w->shown;
    size_t cap = w->cap_shown;

    if (w->n_shown == 0)
        return true;
    from = pz_mem_array(w->n_rows + 1, sizeof *from);
    if (!from || !pz_mem_grow(&w->moved, &w->cap_moved, w->n_shown, sizeof *w->moved)) {
        free(from);
        return false;
    }
    move_shown(w, w->word[field], from);
    w->shown = w->moved;
    w->cap_shown = w->cap_moved;
    w->moved = swap;
    w->cap_moved = cap;
    free(from);
    return true;
}

/* Bring the block's interactions into the order of their users' buckets. */
static bool order_block(struct pz_worker *w, struct pz_chunk *chunk)
{
    size_t user = pz_plan_use(w->intake->plan, PZ_USE_USER);
    bool good = true;

    chunk->bucket = pz_mem_array(PZ_BUCKETS + 1, sizeof *chunk->bucket);
    if (chunk->bucket && w->n_rows == 0)
        return true; /* every bucket is empty, and so may be the arrays below */
    if (!chunk->bucket || !pz_mem_grow(&w->order, &w->cap_order, w->n_rows, sizeof *w->order) ||
        !pz_mem_grow(&w->moved, &w->cap_moved, w->n_rows, sizeof *w->moved))
        return false;
    pz_bucket_order(w->users.bucket, w->word[user], w->n_rows, w->order, chunk->bucket);
    for (size_t i = 0; i < w->n_bound && good; i++)
        if (w->bound[i].use == PZ_USE_SHOWN)
            good = order_shown(w, w->bound[i].field);
    for (size_t i = 0; i < w->n_bound && good; i++) {
        uint64_t *word = w->word[w->bound[i].field];

        for (size_t r = 0; r < w->n_rows; r++)
            w->moved[r] = word[w->order[r]];
        memcpy(word, w->moved, w->n_rows * sizeof *word);
    }
    return good;
}

static bool pack_chunk(struct pz_worker *w, struct pz_chunk *chunk, uint32_t number)
{
    bool good = true;

    *chunk = (struct pz_chunk){ .n_rows = (uint32_t)w->n_rows, .worker = number };
    if (w->intake->plan->table == PZ_INTERACTIONS)
        good = order_block(w, chunk);
    chunk->col = pz_mem_array(w->n_words, sizeof *chunk->col);
    if (!good || !chunk->col)
        return false;
    chunk->n_cols = (uint32_t)w->n_words;
    for (uint32_t f = 0; f < chunk->n_cols && good; f++) {
        uint64_t null = pz_use_null(w->intake->plan->field[f].use);

        if (w->word[f])
            good = pz_packed_make(&chunk->col[f], w->word[f], w->n_rows);
        else
            chunk->col[f].base = null;
    }
    if (good && w->n_shown > 0) {
        chunk->n_shown = (uint32_t)w->n_shown;
        good = pz_packed_make(&chunk->shown, w->shown, w->n_shown);
    }
    return good;
}

/* Under the lock: a place for the chunk of block seq. */
static bool make_place(struct job *job, uint64_t seq)
{
    struct pz_stage *stage = job->in->stage;
    size_t need = job->first_chunk + (size_t)seq + 1, had = stage->n;

    if (!pz_mem_grow(&stage->chunk, &stage->cap, need, sizeof *stage->chunk) ||
        !pz_mem_grow(&job->outcome, &job->cap, (size_t)seq + 1, sizeof *job->outcome))
        return false;
    if (need > had) {
        memset(stage->chunk + had, 0, (need - had) * sizeof *stage->chunk);
        stage->n = need;
    }
    if (seq + 1 > job->n) {
        memset(job->outcome + job->n, 0, ((size_t)seq + 1 - job->n) * sizeof *job->outcome);
        job->n = (size_t)seq + 1;
    }
    return true;
}

static void free_faults(struct pz_fault *fault, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(fault[i].value);
        free(fault[i].raw);
    }
    free(fault);
}

/* Under the lock: remember the failure that comes first in the file. */
static void fail(struct job *job, uint64_t block, enum pz_status st, const struct pz_err *err)
{
    if (job->st != PZ_OK && job->st_block <= block)
        return;
    job->st = st;
    job->st_block = block;
    job->err = *err;
}

/* Under the lock: tell the blocks whose predecessors are all told. */
static void tell_ready(struct job *job)
{
    while (job->told < job->n && job->outcome[job->told].ready) {
        struct outcome *o = &job->outcome[job->told];
        struct pz_err err = { .status = PZ_OK };
        enum pz_status st;

        for (size_t i = 0; i < o->n_faults; i++)
            o->fault[i].line += job->lines;
        st = pz_faults_tell(job->in->faults, pz_feed_name(job->in->feed), o->fault, o->n_faults,
                            &err);
        if (st != PZ_OK)
            fail(job, job->told, st, &err);
        free(o->fault);
        o->fault = NULL;
        o->n_faults = 0;
        job->lines += o->lines;
        job->in->count->read += o->read;
        job->in->count->rejected += o->rejected;
        job->told++;
    }
}

static void finish_block(struct job *job, struct pz_worker *w, struct pz_chunk *chunk, bool good)
{
    struct pz_err err = { .status = PZ_OK };

#pragma omp critical(pz_intake_order)
    {
        if (!good || !make_place(job, w->block.seq)) {
            fail(job, w->block.seq, pz_err_memory(&err, "the rows", (double)w->block.n), &err);
            pz_chunk_clear(chunk);
        } else {
            struct outcome *o = &job->outcome[w->block.seq];

            job->in->stage->chunk[job->first_chunk + w->block.seq] = *chunk;
            job->in->stage->n_rows += chunk->n_rows;
            *o = (struct outcome){ .ready = true,
                                   .read = w->n_read,
                                   .rejected = w->n_rejected,
                                   .fault = w->fault,
                                   .n_faults = w->n_faults };
            o->lines = (pz_feed_is_json(job->in->feed) ? w->json.line : w->csv.line) - 1;
            w->fault = NULL;
            w->n_faults = w->cap_faults = 0;
            tell_ready(job);
        }
    }
}

/* Take the next block; false when there is none or the work has failed. */
static bool take_block(struct job *job, struct pz_worker *w)
{
    struct pz_err err = { .status = PZ_OK };
    enum pz_status st = PZ_OK;
    uint64_t consumed;
    bool go;

    pthread_mutex_lock(&job->feed);
    if (pz_stop_asked())
        st = pz_err_set(&err, PZ_INTERRUPTED, "stopped; nothing was written");
    w->block.n = 0;
    if (st == PZ_OK)
        st = pz_feed_next(job->in->feed, &w->block, &err);
    consumed = pz_feed_consumed(job->in->feed);
    pthread_mutex_unlock(&job->feed);
#pragma omp critical(pz_intake_order)
    {
        if (st != PZ_OK)
            fail(job, UINT64_MAX, st, &err);
        go = job->st == PZ_OK && w->block.n > 0;
        if (consumed > job->consumed) {
            pz_log_step(job->in->log, consumed - job->consumed);
            job->consumed = consumed;
        }
    }
    return go;
}

static void work(struct job *job, uint32_t number)
{
    struct pz_worker *w = &job->in->worker[number];

    while (take_block(job, w)) {
        struct pz_chunk chunk = { .n_rows = 0 };
        bool good = pz_worker_parse(w) && pack_chunk(w, &chunk, number);

        finish_block(job, w, &chunk, good);
    }
}

static enum pz_status read_blocks(struct job *job, struct pz_err *err)
{
    struct pz_intake *in = job->in;

    pz_log_begin(in->log, pz_feed_name(in->feed), "bytes", pz_feed_size(in->feed));
#pragma omp parallel num_threads(in->n_workers)
    work(job, (uint32_t)pz_par_id());
    pz_log_done(in->log);
    for (size_t i = job->told; i < job->n; i++)
        free_faults(job->outcome[i].fault, job->outcome[i].n_faults);
    free(job->outcome);
    if (job->st == PZ_OK)
        return PZ_OK;
    if (err)
        *err = job->err;
    if (job->st == PZ_BAD_DATA)
        pz_err_prefix(err, "%s:%llu", pz_feed_name(in->feed), (unsigned long long)job->lines + 1);
    return job->st;
}

enum pz_status pz_intake_file(struct pz_intake *in, const char *path, struct pz_err *err)
{
    struct job job = {
        .in = in, .first_chunk = in->stage->n, .feed = PTHREAD_MUTEX_INITIALIZER, .st = PZ_OK
    };
    enum pz_status st = pz_feed_open(path, in->backslash, &in->feed, err);
    uint64_t read = in->count->read;

    in->file_order += (uint64_t)1 << 40;
    if (st == PZ_OK)
        st = pz_intake_bind(in, err);
    if (st == PZ_OK) {
        job.lines = pz_feed_lines(in->feed);
        st = read_blocks(&job, err);
    }
    if (st == PZ_OK && in->count->read == read)
        st = pz_err_set(err, PZ_BAD_DATA, "%s: a header and no rows", pz_feed_name(in->feed));
    for (int k = 0; k < in->n_workers; k++)
        pz_worker_leave(&in->worker[k]);
    pz_feed_close(in->feed);
    in->feed = NULL;
    return st;
}
