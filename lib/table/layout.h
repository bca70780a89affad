/* SPDX-License-Identifier: Apache-2.0 */
/* Private to table/: what the writer and the reader of a table share. All numbers little-endian.
 *
 * packed:  head (skippable frame, 20 bytes) | frames of column 0 | ... | contents (zstd frame) |
 *          foot (skippable frame, FOOT_BYTES)
 * flat:    flat head (64 bytes) | columns, each at the next multiple of 64 | contents (plain)
 * contents: u32 number of columns, then a column: u8 name length, name, u8 type, u64 n, u64 XXH3 of
 * the
 *          values, u64 XXH3 of the stored bytes, u64 offset in the file, u32 number of frames, u32
 *          stored bytes a frame.
 *
 * A zstd frame has bits that no decoder looks at and several spellings of the same values; only the
 * hash of the stored bytes notices that they were touched. The columns tile the file without gap or
 * overlap, so no byte is outside a check and no frame can stand for two columns.
 *
 * Threads: nothing here is shared. */
#ifndef PZ_TABLE_LAYOUT_H
#define PZ_TABLE_LAYOUT_H

#include <stdint.h>
#include <string.h>

#include "table/table.h"

#define PZ_SKIP_HEAD 0x184D2A5Au
#define PZ_SKIP_FOOT 0x184D2A5Bu
#define PZ_HEAD_BYTES 20u
#define PZ_FOOT_BYTES 40u
#define PZ_FLAT_BYTES 64u
#define PZ_FLAT_MAGIC "pzflat01"
#define PZ_PACKED_MAGIC "pz01"
#define PZ_END_MAGIC "pz01end\n"
#define PZ_CONTENTS_MAX (1u << 24) /* bytes: half a million columns, or a terabyte of frames */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pz's files are little-endian and read in place; big-endian machines are not supported"
#endif

struct pz_layout_column {
    char name[PZ_NAME_MAX + 1];
    enum pz_type type;
    uint64_t n, hash;        /* elements; XXH3 of the values */
    uint64_t stored_hash;    /* XXH3 of the bytes in the file */
    uint64_t offset, stored; /* place in the file, bytes there */
    uint32_t n_frames;
    uint32_t *frame;  /* [n_frames] stored bytes; owned */
    const void *data; /* decoded or mapped; NULL: not read yet */
    void *own;        /* what is freed with the column, such as data; NULL: nothing */
    bool asked;       /* somebody wanted its values */
};

/* Where the columns of a file stand: from, each at the next multiple of align, until to. */
struct pz_extent {
    uint64_t from, to, align;
};

/* The contents of n columns as the head comment says.
 * Errors: PZ_BAD_DATA more than PZ_CONTENTS_MAX bytes; PZ_TRY_AGAIN memory is out
 * Owner:  the caller frees *bytes */
enum pz_status pz_layout_encode(const struct pz_layout_column *col, size_t n, unsigned char **bytes,
                                size_t *n_bytes, struct pz_err *err);

/* The reverse; distrusts everything: the columns must fill `where` exactly.
 * Errors: PZ_BAD_DATA anything that a writer would not have written; PZ_TRY_AGAIN memory is out
 * Owner:  the caller, also after a failure: *col by pz_layout_free; .data is NULL */
enum pz_status pz_layout_decode(const unsigned char *bytes, size_t n_bytes,
                                const struct pz_extent *where, struct pz_layout_column **col,
                                size_t *n, struct pz_err *err);

/* Free n columns' frame lists and the array (not the data). */
void pz_layout_free(struct pz_layout_column *col, size_t n);

/* The fingerprint of columns by names, types and values (see pz_table_fingerprint).
 *
 * Errors:  PZ_TRY_AGAIN memory is out
 * Threads: any */
enum pz_status pz_layout_fingerprint(const struct pz_layout_column *col, size_t n, char hex[33],
                                     struct pz_err *err);

/* Whether a column follows from others of its table. */
static inline bool pz_layout_is_derived(const struct pz_layout_column *col)
{
    return strncmp(col->name, PZ_DERIVED, sizeof PZ_DERIVED - 1) == 0;
}

/* Bytes of the values. Cannot overflow for a column from pz_layout_decode. */
static inline uint64_t pz_layout_raw(const struct pz_layout_column *col)
{
    return col->n * pz_type_bytes(col->type);
}

/* Raw bytes in frame f of a packed column of raw bytes. */
static inline size_t pz_layout_frame(uint64_t raw, uint32_t f)
{
    uint64_t left = raw - (uint64_t)f * PZ_FRAME_BYTES;

    return left < PZ_FRAME_BYTES ? (size_t)left : PZ_FRAME_BYTES;
}

/* x rounded up to a multiple of align. */
static inline uint64_t pz_layout_align(uint64_t x, uint64_t align)
{
    return (x + align - 1) / align * align;
}

/* The head of a flat file of n_contents bytes of contents at `offset`. */
void pz_layout_flat_head(const char kind[4], uint64_t offset, const unsigned char *contents,
                         size_t n_contents, unsigned char head[PZ_FLAT_BYTES]);

struct pz_out;

/* Append the values of a column to a flat file, at the next place where one may begin.
 * Errors:  as pz_out_write
 * Threads: one at a time on the same output */
enum pz_status pz_layout_write_values(struct pz_out *out, const struct pz_layout_column *col,
                                      struct pz_err *err);

/* Whether the 4 bytes at p are a kind of file that pz writes. */
static inline int pz_layout_is_kind(const void *p)
{
    return memcmp(p, "data", 4) == 0 || memcmp(p, "modl", 4) == 0 || memcmp(p, "rows", 4) == 0;
}

#endif
