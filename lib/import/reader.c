/* SPDX-License-Identifier: Apache-2.0 */
/* The import reader: see reader.h.
 *
 * Every thread takes the next block, parses it into its own memory, packs the rows into a row group
 * and puts the row group in the place of its block. Which thread parses which block is chance; the
 * place of a row group is not, and numbers of strings are told apart by thread until all strings
 * are sorted. Faults are told in the order of the file: a block's as soon as all before it are
 * done, when its first line is known. */
#include "import/reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/signals.h"
#include "text/stream.h"

/* A block that is parsed and not told yet. */
struct outcome {
    bool ready;
    uint64_t lines, read, rejected;
    struct pz_row_error *row_error; /* [n_errors], owned */
    size_t n_errors;
};

struct job {
    struct pz_import_reader *in;
    const char *path;
    size_t first_group;      /* of this file in the staging */
    struct outcome *outcome; /* [n] by block */
    size_t n, cap, told;
    uint64_t lines;         /* before block `told` */
    uint64_t consumed;      /* bytes of the file, for progress */
    pthread_mutex_t blocks; /* one thread reads, the others sleep: OpenMP's would spin */
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
    move_shown(w, w->code[field], from);
    w->shown = w->moved;
    w->cap_shown = w->cap_moved;
    w->moved = swap;
    w->cap_moved = cap;
    free(from);
    return true;
}

static void permute(struct pz_worker *w, uint64_t *code)
{
    for (size_t r = 0; r < w->n_rows; r++)
        w->moved[r] = code[w->order[r]];
    memcpy(code, w->moved, w->n_rows * sizeof *code);
}

/* Bring the block's interactions into the order of their users' partitions. */
static bool order_block(struct pz_worker *w, struct pz_row_group *group)
{
    size_t user = pz_mapping_role(w->reader->mapping, PZ_ROLE_USER);
    bool good = true;

    group->partition = pz_mem_array(PZ_PARTITIONS + 1, sizeof *group->partition);
    if (group->partition && w->n_rows == 0)
        return true; /* every partition is empty, and so may be the arrays below */
    if (!group->partition || !pz_mem_grow(&w->order, &w->cap_order, w->n_rows, sizeof *w->order))
        return false;
    pz_partition_order(w->users.partition, w->code[user], w->n_rows, w->order, group->partition);
    for (size_t i = 0; i < w->n_columns_used && good; i++)
        if (w->column[i].role == PZ_ROLE_SHOWN)
            good = order_shown(w, w->column[i].field);
    /* behind order_shown, which puts the array of impressions, shorter perhaps, in its place */
    good = good && pz_mem_grow(&w->moved, &w->cap_moved, w->n_rows, sizeof *w->moved);
    for (size_t f = 0; f < w->n_codes && good; f++)
        if (w->code[f]) /* a column of the file, or the numbers of --no-time */
            permute(w, w->code[f]);
    if (good)
        permute(w, w->line);
    return good;
}

static bool pack_group(struct pz_worker *w, struct pz_row_group *group, uint32_t number)
{
    bool good = true;

    *group = (struct pz_row_group){ .n_rows = (uint32_t)w->n_rows, .worker = number };
    if (w->reader->mapping->table == PZ_INTERACTIONS)
        good = order_block(w, group);
    group->col = pz_mem_array(w->n_codes, sizeof *group->col);
    if (!good || !group->col || !pz_packed_make(&group->line, w->line, w->n_rows))
        return false;
    group->n_cols = (uint32_t)w->n_codes;
    for (uint32_t f = 0; f < group->n_cols && good; f++) {
        uint64_t null = pz_role_null(w->reader->mapping->field[f].role);

        if (w->code[f])
            good = pz_packed_make(&group->col[f], w->code[f], w->n_rows);
        else
            group->col[f].base = null;
    }
    if (good && w->n_shown > 0) {
        group->n_shown = (uint32_t)w->n_shown;
        good = pz_packed_make(&group->shown, w->shown, w->n_shown);
    }
    return good;
}

/* Under the lock: a place for the row group of block seq. */
static bool make_place(struct job *job, uint64_t seq)
{
    struct pz_staging *staging = job->in->staging;
    size_t need = job->first_group + (size_t)seq + 1, had = staging->n;

    if (!pz_mem_grow(&staging->group, &staging->cap, need, sizeof *staging->group) ||
        !pz_mem_grow(&job->outcome, &job->cap, (size_t)seq + 1, sizeof *job->outcome))
        return false;
    if (need > had) {
        memset(staging->group + had, 0, (need - had) * sizeof *staging->group);
        staging->n = need;
    }
    if (seq + 1 > job->n) {
        memset(job->outcome + job->n, 0, ((size_t)seq + 1 - job->n) * sizeof *job->outcome);
        job->n = (size_t)seq + 1;
    }
    return true;
}

static void free_row_errors(struct pz_row_error *row_error, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(row_error[i].value);
        free(row_error[i].raw);
    }
    free(row_error);
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
    /* Whoever finishes the block that was waited for tells its successors too. */
    while (job->told < job->n && job->outcome[job->told].ready) {
        struct outcome *o = &job->outcome[job->told];
        struct pz_row_group *group = &job->in->staging->group[job->first_group + job->told];
        struct pz_err err = { .status = PZ_OK };
        enum pz_status st;

        for (size_t i = 0; i < o->n_errors; i++)
            o->row_error[i].line += job->lines;
        st = pz_row_errors_report(job->in->row_errors, pz_blocks_name(job->in->blocks),
                                  o->row_error, o->n_errors, &err);
        if (st != PZ_OK)
            fail(job, job->told, st, &err);
        group->file = pz_in_name_of(job->path);
        group->lines_before = job->lines;
        free(o->row_error);
        o->row_error = NULL;
        o->n_errors = 0;
        job->lines += o->lines;
        job->in->count->read += o->read;
        job->in->count->rejected += o->rejected;
        job->told++;
    }
}

static void finish_block(struct job *job, struct pz_worker *w, struct pz_row_group *group,
                         bool good)
{
    struct pz_err err = { .status = PZ_OK };

#pragma omp critical(pz_import_order)
    {
        if (!good || !make_place(job, w->block.seq)) {
            fail(job, w->block.seq, pz_err_memory(&err, "the rows", (double)w->block.n), &err);
            pz_row_group_clear(group);
        } else {
            struct outcome *o = &job->outcome[w->block.seq];

            job->in->staging->group[job->first_group + w->block.seq] = *group;
            job->in->staging->n_rows += group->n_rows;
            *o = (struct outcome){ .ready = true,
                                   .read = w->n_read,
                                   .rejected = w->n_rejected,
                                   .row_error = w->row_error,
                                   .n_errors = w->n_errors };
            o->lines = (pz_blocks_head(job->in->blocks)->json ? w->json.line : w->csv.line) - 1;
            w->row_error = NULL;
            w->n_errors = w->cap_errors = 0;
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

    pthread_mutex_lock(&job->blocks);
    if (pz_stop_asked())
        st = pz_err_set(&err, PZ_INTERRUPTED, "stopped; nothing was written");
    w->block.n = 0;
    if (st == PZ_OK)
        st = pz_blocks_next(job->in->blocks, &w->block, &err);
    consumed = pz_blocks_consumed(job->in->blocks);
    pthread_mutex_unlock(&job->blocks);
#pragma omp critical(pz_import_order)
    {
        if (st != PZ_OK)
            /* Reading fails behind all blocks that were read: a bad row before it is the first
             * fault of the file. */
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
        struct pz_row_group group = { .n_rows = 0 };
        bool good = pz_worker_parse(w) && pack_group(w, &group, number);

        finish_block(job, w, &group, good);
    }
}

static enum pz_status read_blocks(struct job *job, struct pz_err *err)
{
    struct pz_import_reader *in = job->in;

    pz_log_begin(in->log, pz_blocks_name(in->blocks), "bytes", pz_blocks_size(in->blocks));
#pragma omp parallel num_threads(in->n_workers)
    work(job, (uint32_t)pz_par_id());
    pz_log_done(in->log);
    for (size_t i = job->told; i < job->n; i++)
        free_row_errors(job->outcome[i].row_error, job->outcome[i].n_errors);
    if (job->st == PZ_OK)
        return PZ_OK;
    if (err)
        *err = job->err;
    if (job->st == PZ_BAD_DATA)
        pz_err_prefix(err, "%s:%llu", pz_blocks_name(in->blocks),
                      (unsigned long long)job->lines + 1);
    return job->st;
}

/* The odd cells of a field that all threads have met: how many, and where the first one is. */
static struct pz_odd_cells unite_odd(const struct job *job, size_t f, bool null)
{
    struct pz_odd_cells all = { 0 };

    for (int k = 0; k < job->in->n_workers; k++) {
        const struct pz_worker *w = &job->in->worker[k];
        struct pz_odd_cells mine = null ? w->null[f] : w->blank[f];

        if (mine.n > 0 && (all.n == 0 || mine.block < all.block)) {
            all.block = mine.block;
            all.line = mine.line;
        }
        all.n += mine.n;
    }
    return all;
}

static void report_odd(const struct job *job, size_t f, const struct pz_odd_cells *odd,
                       const char *what)
{
    uint64_t line = pz_blocks_head(job->in->blocks)->lines + odd->line;

    if (odd->n == 0)
        return;
    for (uint64_t i = 0; i < odd->block && i < job->n; i++)
        line += job->outcome[i].lines;
    pz_log(job->in->log, PZ_LOG_NOTE, "%s:%llu: %s: %llu cells %s", pz_blocks_name(job->in->blocks),
           (unsigned long long)line, job->in->mapping->field[f].f.name, (unsigned long long)odd->n,
           what);
}

/* Report the cells of this file that were read as null for their spelling, or without the blanks at
 * their ends, with the line of the first. */
static void report_cells(const struct job *job)
{
    for (size_t f = 0; f < job->in->mapping->n; f++) {
        struct pz_odd_cells null = unite_odd(job, f, true), blank = unite_odd(job, f, false);

        report_odd(job, f, &null, "such as NULL or NaN are read as null; --null '' keeps them");
        report_odd(job, f, &blank, "have blanks at their ends, which are left out");
    }
}

enum pz_status pz_import_reader_file(struct pz_import_reader *in, const char *path,
                                     struct pz_err *err)
{
    struct job job = { .in = in,
                       .path = path,
                       .first_group = in->staging->n,
                       .blocks = PTHREAD_MUTEX_INITIALIZER,
                       .st = PZ_OK };
    enum pz_status st = pz_blocks_open(path, &in->text, &in->blocks, err);
    uint64_t read = in->count->read;

    /* Columns of later files come behind those of earlier ones: a file has fewer blocks than 2^40.
     */
    in->file_order += (uint64_t)1 << 40;
    if (st == PZ_OK)
        st = pz_import_reader_sniff(in, err);
    if (st == PZ_OK) {
        job.lines = pz_blocks_head(in->blocks)->lines;
        st = read_blocks(&job, err);
    }
    if (st == PZ_OK && in->count->read == read)
        st = pz_err_set(err, PZ_BAD_DATA, "%s: a header and no rows", pz_blocks_name(in->blocks));
    if (in->blocks)
        report_cells(&job);
    free(job.outcome);
    if (st == PZ_OK && pz_blocks_unended(in->blocks))
        pz_log(in->log, PZ_LOG_NOTE, "%s: the last line has no end: is the file whole?",
               pz_blocks_name(in->blocks));
    for (int k = 0; k < in->n_workers; k++)
        pz_worker_leave(&in->worker[k]);
    pz_blocks_close(in->blocks);
    in->blocks = NULL;
    return st;
}
