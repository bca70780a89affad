/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of whole records: see block.h.
 *
 * Bytes are read into `tail` until it holds a block; what lies before the last record end is handed
 * out by swapping buffers with the caller, and the unfinished rest is copied to the new tail. A
 * record without end makes the tail grow up to PZ_RECORD_MAX. A quote that is open there is cut at
 * the end of its first line: the parser then finds it unclosed, rejects that line, and everything
 * behind it is read as usual. */
#include "text/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/stream.h"

struct pz_blocks_in {
    struct pz_in *in;
    struct pz_text_head head;
    bool at_end, unended;
    struct pz_block tail; /* read and not handed out; seq: the next block's */
};

/* Read until the tail has at least want bytes or the file ends. The last line gets its newline. */
static enum pz_status fill(struct pz_blocks_in *blocks, size_t want, struct pz_err *err)
{
    struct pz_block *tail = &blocks->tail;
    bool nul = false;
    enum pz_status st = PZ_OK;

    if (!pz_mem_grow(&tail->text, &tail->cap, want + 1, 1))
        return pz_err_memory(err, "an input buffer", (double)want);
    while (st == PZ_OK && !blocks->at_end && tail->n < want) {
        size_t got = 0;

        st = pz_in_read(blocks->in, tail->text + tail->n, want - tail->n, &got, err);
        tail->n = blocks->head.pairs ? pz_text_fold(tail->text, tail->n, tail->n + got)
                                     : tail->n + got;
        if (st == PZ_OK && got == 0) {
            blocks->at_end = true;
            /* Bytes that a file got when it was made longer, and never filled. */
            nul = tail->n > 0 && tail->text[tail->n - 1] == '\0';
            tail->n = pz_scan_trim(tail->text, tail->n);
            blocks->unended = nul || (tail->n > 0 && tail->text[tail->n - 1] != '\n');
            /* Remembered for a warning: a file whose last line has no end may have been cut while
             * it was copied. */
            if (tail->n > 0 && tail->text[tail->n - 1] != '\n')
                tail->text[tail->n++] = '\n';
        }
    }
    return st;
}

static size_t first_line(const char *text, size_t n)
{
    const char *newline = memchr(text, '\n', n);

    return newline ? (size_t)(newline - text) + 1 : 0;
}

/* How many bytes of the tail are whole records; 0: more has to be read. At the end of the file that
 * is all of it, whatever is open: the reader of the block knows what to do. */
static size_t find_cut(const struct pz_blocks_in *blocks)
{
    const char *text = blocks->tail.text;
    size_t n = blocks->tail.n, cut;

    if (blocks->at_end)
        return n;
    if (blocks->head.json) {
        const char *newline = memrchr(text, '\n', n);

        return newline ? (size_t)(newline - text) + 1 : 0;
    }
    /* From here on only CSV: a newline may stand inside quotes. */
    cut = pz_scan_cut(&blocks->head.form, text, n);
    return cut == 0 && n >= PZ_RECORD_MAX ? first_line(text, n) : cut;
}

/* Make sure that the tail starts with whole records; *cut their bytes, 0 at the end of the file. */
static enum pz_status prepare(struct pz_blocks_in *blocks, size_t *cut, struct pz_err *err)
{
    size_t want = PZ_BLOCK_BYTES;
    enum pz_status st = fill(blocks, want, err);

    *cut = st == PZ_OK && blocks->tail.n > 0 ? find_cut(blocks) : 0;
    while (st == PZ_OK && *cut == 0 && blocks->tail.n > 0) {
        if (want >= PZ_RECORD_MAX)
            return pz_err_set(err, PZ_BAD_DATA, "a line of more than %u bytes", PZ_RECORD_MAX);
        /* Doubling keeps the work linear: the tail is scanned again from its start each time. */
        want *= 2;
        st = fill(blocks, want, err);
        if (st == PZ_OK)
            *cut = find_cut(blocks);
    }
    return st;
}

static void drop_front(struct pz_block *tail, size_t n)
{
    memmove(tail->text, tail->text + n, tail->n - n);
    tail->n -= n;
}

static enum pz_status look(struct pz_blocks_in *blocks, const struct pz_text_cfg *cfg,
                           struct pz_err *err)
{
    struct pz_block *tail = &blocks->tail;
    size_t want = PZ_BLOCK_BYTES;
    bool more = true;
    enum pz_status st = PZ_OK;

    for (; st == PZ_OK && more; want *= 2) {
        st = fill(blocks, want, err);
        if (st == PZ_OK)
            st = pz_text_head_read(pz_in_name(blocks->in), cfg, tail->text, &tail->n,
                                   blocks->at_end, &blocks->head, &more, err);
    }
    if (st == PZ_OK)
        drop_front(tail, blocks->head.bytes);
    return st;
}

enum pz_status pz_blocks_open(const char *path, const struct pz_text_cfg *cfg,
                              struct pz_blocks_in **out, struct pz_err *err)
{
    struct pz_blocks_in *blocks = calloc(1, sizeof *blocks);
    enum pz_status st = blocks ? pz_in_open(path, &blocks->in, err)
                               : pz_err_memory(err, "an input", sizeof *blocks);

    if (st == PZ_OK)
        st = look(blocks, cfg, err);
    if (st != PZ_OK) {
        pz_blocks_close(blocks);
        blocks = NULL;
    }
    *out = blocks;
    return st;
}

void pz_blocks_close(struct pz_blocks_in *blocks)
{
    if (!blocks)
        return;
    pz_in_close(blocks->in);
    free(blocks->tail.text);
    pz_text_head_clear(&blocks->head);
    free(blocks);
}

const char *pz_blocks_name(const struct pz_blocks_in *blocks)
{
    return pz_in_name(blocks->in);
}

const struct pz_text_head *pz_blocks_head(const struct pz_blocks_in *blocks)
{
    return &blocks->head;
}

enum pz_status pz_blocks_peek(struct pz_blocks_in *blocks, const char **text, size_t *n,
                              struct pz_err *err)
{
    enum pz_status st = prepare(blocks, n, err);

    *text = blocks->tail.text;
    if (st == PZ_BAD_DATA)
        *n = blocks->tail.n;
    return st;
}

enum pz_status pz_blocks_next(struct pz_blocks_in *blocks, struct pz_block *block,
                              struct pz_err *err)
{
    struct pz_block *tail = &blocks->tail, whole;
    size_t cut = 0, rest;
    enum pz_status st = prepare(blocks, &cut, err);

    block->n = 0;
    if (st != PZ_OK || cut == 0)
        return st;
    rest = tail->n - cut;
    if (!pz_mem_grow(&block->text, &block->cap, rest + PZ_BLOCK_BYTES + 1, 1))
        return pz_err_memory(err, "an input buffer", (double)rest + PZ_BLOCK_BYTES);
    /* Less than a record is copied per block; the block itself changes hands. */
    memcpy(block->text, tail->text + cut, rest);
    whole = *tail;
    whole.n = cut;
    *tail = (struct pz_block){ block->text, rest, block->cap, whole.seq + 1 };
    *block = whole;
    return PZ_OK;
}

uint64_t pz_blocks_size(const struct pz_blocks_in *blocks)
{
    return pz_in_size(blocks->in);
}

uint64_t pz_blocks_consumed(const struct pz_blocks_in *blocks)
{
    return pz_in_consumed(blocks->in);
}

bool pz_blocks_unended(const struct pz_blocks_in *blocks)
{
    return blocks->unended;
}
