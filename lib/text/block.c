/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of whole records: see block.h.
 *
 * Bytes are read into `tail` until it holds a block; what lies before the last record end is handed
 * out by swapping buffers with the caller, and the unfinished rest is copied to the new tail. A
 * record without end makes the tail grow up to PZ_RECORD_MAX. A quote that is open there, or at the
 * end of the file, is cut at the end of its first line: the parser then finds it unclosed, rejects
 * that line, and everything behind it is read as usual. */
#include "text/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/stream.h"

struct pz_blocks_in {
    struct pz_in *in;
    struct pz_csv_form form;
    bool json, at_end;
    struct pz_block tail; /* read and not handed out; seq: the next block's */
    char *header;         /* [n_header] */
    size_t n_header;
    uint64_t lines;
};

/* Read until the tail has at least want bytes or the file ends. The last line gets its newline. */
static enum pz_status fill(struct pz_blocks_in *blocks, size_t want, struct pz_err *err)
{
    struct pz_block *tail = &blocks->tail;
    enum pz_status st = PZ_OK;

    if (!pz_mem_grow(&tail->text, &tail->cap, want + 1, 1))
        return pz_err_memory(err, "an input buffer", (double)want);
    while (st == PZ_OK && !blocks->at_end && tail->n < want) {
        size_t got = 0;

        st = pz_in_read(blocks->in, tail->text + tail->n, want - tail->n, &got, err);
        tail->n += got;
        if (st == PZ_OK && got == 0) {
            blocks->at_end = true;
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

/* How many bytes of the tail are whole records; 0: more has to be read. */
static size_t find_cut(const struct pz_blocks_in *blocks)
{
    const char *text = blocks->tail.text;
    size_t n = blocks->tail.n, open = n, cut;
    bool last = blocks->at_end || n >= PZ_RECORD_MAX;

    if (blocks->json) {
        const char *newline = memrchr(text, '\n', n);

        return newline ? (size_t)(newline - text) + 1 : 0;
    }
    cut = pz_scan_cut(&blocks->form, text, n, &open);
    if (cut == 0 && last)
        cut = first_line(text, n);
    return cut;
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

static char guess_delimiter(const char *s, size_t n)
{
    static const char candidates[] = ",;\t";
    size_t best = 0;
    char chosen = ',';

    for (const char *c = candidates; *c; c++) {
        size_t count = 0;
        bool quoted = false;

        for (size_t i = 0; i < n; i++) {
            quoted ^= s[i] == '"';
            count += s[i] == *c && !quoted;
        }
        if (count > best) {
            best = count;
            chosen = *c;
        }
    }
    return chosen;
}

static enum pz_status take_header(struct pz_blocks_in *blocks, struct pz_err *err)
{
    struct pz_block *tail = &blocks->tail;
    size_t line = first_line(tail->text, tail->n), end = 0;

    blocks->form.delimiter = guess_delimiter(tail->text, line);
    if (line == 0 || pz_scan_record(&blocks->form, tail->text, tail->n, 0, &end) != PZ_SCAN_RECORD)
        return pz_err_set(err, PZ_BAD_DATA, "%s:%llu: the header line %s", pz_blocks_name(blocks),
                          (unsigned long long)blocks->lines + 1,
                          line == 0 ? "has no end: is this a CSV file?"
                                    : "has a quote that is not closed");
    blocks->header = pz_mem_strndup(tail->text, end);
    blocks->n_header = end;
    if (!blocks->header)
        return pz_err_memory(err, "the header", (double)end);
    for (size_t i = 0; i < end; i++)
        blocks->lines += blocks->header[i] == '\n';
    drop_front(tail, end);
    return PZ_OK;
}

/* Pass over what comes before the content; refuse what only looks like text. */
static enum pz_status look(struct pz_blocks_in *blocks, struct pz_err *err)
{
    struct pz_block *tail = &blocks->tail;
    size_t at = 0;

    if (tail->n >= 2 &&
        (memcmp(tail->text, "\xff\xfe", 2) == 0 || memcmp(tail->text, "\xfe\xff", 2) == 0))
        return pz_err_set(err, PZ_BAD_DATA, "%s is UTF-16; convert it: iconv -f UTF-16 -t UTF-8",
                          pz_blocks_name(blocks));
    if (tail->n >= 3 && memcmp(tail->text, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (at < tail->n &&
           (tail->text[at] == '\n' || tail->text[at] == '\r' || tail->text[at] == ' '))
        blocks->lines += tail->text[at++] == '\n';
    drop_front(tail, at);
    if (tail->n == 0)
        return pz_err_set(err, PZ_BAD_DATA, "%s: the file is empty", pz_blocks_name(blocks));
    if (tail->text[0] == '[')
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s is a JSON array; one object a line is needed: jq -c '.[]'",
                          pz_blocks_name(blocks));
    blocks->json = tail->text[0] == '{';
    return blocks->json ? PZ_OK : take_header(blocks, err);
}

enum pz_status pz_blocks_open(const char *path, bool backslash, struct pz_blocks_in **out,
                              struct pz_err *err)
{
    struct pz_blocks_in *blocks = calloc(1, sizeof *blocks);
    enum pz_status st = blocks ? pz_in_open(path, &blocks->in, err)
                               : pz_err_memory(err, "an input", sizeof *blocks);

    if (st == PZ_OK) {
        blocks->form.backslash = backslash;
        st = fill(blocks, PZ_BLOCK_BYTES, err);
    }
    if (st == PZ_OK)
        st = look(blocks, err);
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
    free(blocks->header);
    free(blocks);
}

const char *pz_blocks_name(const struct pz_blocks_in *blocks)
{
    return pz_in_name(blocks->in);
}

bool pz_blocks_is_json(const struct pz_blocks_in *blocks)
{
    return blocks->json;
}

const struct pz_csv_form *pz_blocks_form(const struct pz_blocks_in *blocks)
{
    return &blocks->form;
}

const char *pz_blocks_header(const struct pz_blocks_in *blocks, size_t *n)
{
    *n = blocks->n_header;
    return blocks->header;
}

uint64_t pz_blocks_lines(const struct pz_blocks_in *blocks)
{
    return blocks->lines;
}

enum pz_status pz_blocks_peek(struct pz_blocks_in *blocks, const char **text, size_t *n,
                              struct pz_err *err)
{
    enum pz_status st = prepare(blocks, n, err);

    *text = blocks->tail.text;
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
