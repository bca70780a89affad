/* SPDX-License-Identifier: Apache-2.0 */
/* The table of contents: see layout.h for its format.
 *
 * Its own bytes are covered by a hash in the file's foot (packed) or head (flat). Still every
 * number in them is held against the others and against the file, because a hash says that nothing
 * was damaged, not that the writer was honest:
 *   1. a count is compared with the bytes that are there before anything of its size is allocated;
 * 2. columns must begin where the one before ends, and the last must end where the contents begin,
 *      so that no byte of the file belongs to none and no frame to two;
 *   3. the number of frames follows from type and count, and must agree.
 * / */
#include "table/layout.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/number.h"
#include "table/hash.h"

enum { FIXED_BYTES = 1 + 4 * 8 + 4, LEAST_BYTES = 2 + FIXED_BYTES };

size_t pz_type_bytes(enum pz_type type)
{
    static const uint8_t bytes[] = { 0, 1, 2, 4, 8, 4, 8, 4, 8 };

    return type >= PZ_U8 && type <= PZ_F64 ? bytes[type] : 0;
}

static unsigned char *encode_column(unsigned char *p, const struct pz_layout_column *col)
{
    size_t len = strlen(col->name);

    *p++ = (unsigned char)len;
    memcpy(p, col->name, len);
    p += len;
    *p++ = (unsigned char)col->type;
    pz_put64(p, col->n);
    pz_put64(p + 8, col->hash);
    pz_put64(p + 16, col->stored_hash);
    pz_put64(p + 24, col->offset);
    pz_put32(p + 32, col->n_frames);
    p += 36;
    if (col->n_frames)
        memcpy(p, col->frame, 4 * (size_t)col->n_frames);
    return p + 4 * (size_t)col->n_frames;
}

enum pz_status pz_layout_encode(const struct pz_layout_column *col, size_t n, unsigned char **bytes,
                                size_t *n_bytes, struct pz_err *err)
{
    size_t size = 4;
    unsigned char *p;

    *bytes = NULL;
    *n_bytes = 0;
    for (size_t i = 0; i < n; i++)
        size += 1 + strlen(col[i].name) + FIXED_BYTES + 4 * (size_t)col[i].n_frames;
    if (size > PZ_CONTENTS_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "too many columns for one file: %zu", n);
    p = malloc(size);
    if (!p)
        return pz_err_memory(err, "the table of contents", (double)size);
    *bytes = p;
    *n_bytes = size;
    pz_put32(p, (uint32_t)n);
    p += 4;
    for (size_t i = 0; i < n; i++)
        p = encode_column(p, &col[i]);
    return PZ_OK;
}

static enum pz_status broken(struct pz_err *err)
{
    return pz_err_set(err, PZ_BAD_DATA, "the table of contents is damaged");
}

static bool is_printable(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < 0x20 || s[i] > 0x7e)
            return false;
    return n > 0 && n <= PZ_NAME_MAX;
}

/* The number of frames that raw bytes make. */
static uint64_t count_frames(uint64_t raw)
{
    return raw / PZ_FRAME_BYTES + (raw % PZ_FRAME_BYTES != 0);
}

/* Whether type, count, frames and place agree with each other. frames: the stored sizes, unaligned.
 */
static bool fits(struct pz_layout_column *col, const unsigned char *frames, uint64_t expected,
                 const struct pz_extent *where)
{
    bool flat = where->align > 1;
    uint64_t raw;

    if (__builtin_mul_overflow(col->n, pz_type_bytes(col->type), &raw) ||
        col->n_frames != (flat ? 0 : count_frames(raw)))
        return false;
    col->stored = flat ? raw : 0;
    for (uint32_t f = 0; f < col->n_frames; f++)
        col->stored += pz_get32(frames + 4 * (size_t)f);
    return col->offset == expected && expected <= where->to && col->stored <= where->to - expected;
}

/* One column at *p, whose bytes must begin at `expected`. */
static enum pz_status decode_column(const unsigned char **p, const unsigned char *end,
                                    uint64_t expected, const struct pz_extent *where,
                                    struct pz_layout_column *col, struct pz_err *err)
{
    size_t len = *p < end ? **p : 0;

    /* At the end of the bytes len is 0, and no name is empty: both are refused here. */
    if ((size_t)(end - *p) < 1 + len + FIXED_BYTES || !is_printable(*p + 1, len))
        return broken(err);
    memcpy(col->name, *p + 1, len);
    *p += 1 + len;
    col->type = (enum pz_type) * (*p)++;
    col->n = pz_get64(*p);
    col->hash = pz_get64(*p + 8);
    col->stored_hash = pz_get64(*p + 16);
    col->offset = pz_get64(*p + 24);
    col->n_frames = pz_get32(*p + 32);
    *p += 36;
    if (pz_type_bytes(col->type) == 0 || (size_t)(end - *p) / 4 < col->n_frames ||
        !fits(col, *p, expected, where))
        return broken(err);
    col->frame = pz_mem_copy(*p, col->n_frames, 4);
    *p += 4 * (size_t)col->n_frames;
    return col->frame ? PZ_OK : pz_err_memory(err, "the table of contents", 4.0 * col->n_frames);
}

enum pz_status pz_layout_decode(const unsigned char *bytes, size_t n_bytes,
                                const struct pz_extent *where, struct pz_layout_column **col,
                                size_t *n, struct pz_err *err)
{
    const unsigned char *p = bytes + 4, *end = bytes + n_bytes;
    uint64_t at = where->from;
    enum pz_status st = PZ_OK;

    *col = NULL;
    *n = 0;
    /* The shortest entry has a name of one byte: more columns than that cannot be. */
    if (n_bytes < 4 || pz_get32(bytes) > n_bytes / LEAST_BYTES)
        return broken(err);
    *col = pz_mem_array(pz_get32(bytes), sizeof **col);
    if (!*col)
        return pz_err_memory(err, "the table of contents", (double)n_bytes);
    *n = pz_get32(bytes);
    for (size_t i = 0; i < *n && st == PZ_OK; i++) {
        st = decode_column(&p, end, pz_layout_align(at, where->align), where, &(*col)[i], err);
        at = (*col)[i].offset + (*col)[i].stored;
    }
    return st == PZ_OK && (p != end || at != where->to) ? broken(err) : st;
}

void pz_layout_free(struct pz_layout_column *col, size_t n)
{
    for (size_t i = 0; i < n && col; i++)
        free(col[i].frame);
    free(col);
}

enum pz_status pz_layout_fingerprint(const struct pz_layout_column *col, size_t n, char hex[33],
                                     struct pz_err *err)
{
    struct pz_hash *h = pz_hash_new();

    if (!h)
        return pz_err_memory(err, "a hash", 1e3);
    for (size_t i = 0; i < n; i++) {
        unsigned char facts[24];

        if (pz_layout_is_derived(&col[i]))
            continue;
        pz_put64(facts, (uint64_t)col[i].type);
        pz_put64(facts + 8, col[i].n);
        pz_put64(facts + 16, col[i].hash);
        /* With its NUL, so that no two lists of names run together to the same bytes. */
        pz_hash_add(h, col[i].name, strlen(col[i].name) + 1);
        pz_hash_add(h, facts, sizeof facts);
    }
    pz_hash_finish(h, hex);
    return PZ_OK;
}
