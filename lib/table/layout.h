/* SPDX-License-Identifier: Apache-2.0 */
/* Private to table/: what the writer and the reader of a table share. All numbers little-endian.
 *
 * packed:  head (skippable frame, 20 bytes) | frames of column 0 | ... | contents (zstd frame) | foot
 *          (skippable frame, FOOT_BYTES)
 * flat:    flat head (64 bytes) | columns, each at a multiple of 64 | contents (plain)
 * contents: u32 number of columns, then a column: u8 name length, name, u8 type, u64 n, u64 XXH3 of the
 *          values, u64 offset in the file, u32 number of frames, u32 stored bytes a frame. */
#ifndef PZ_TABLE_LAYOUT_H
#define PZ_TABLE_LAYOUT_H

#include <stdint.h>
#include <string.h>

#include "table/table.h"

#define PZ_FORMAT_VERSION 1u
#define PZ_SKIP_HEAD 0x184D2A5Au
#define PZ_SKIP_FOOT 0x184D2A5Bu
#define PZ_HEAD_BYTES 20u
#define PZ_FOOT_BYTES 40u
#define PZ_FLAT_BYTES 64u
#define PZ_FLAT_MAGIC "pzflat01"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pz's files are little-endian and read in place; big-endian machines are not supported"
#endif

struct pz_layout_column {
    char name[PZ_NAME_MAX + 1];
    enum pz_type type;
    uint64_t n, hash, offset;
    uint32_t n_frames;
    uint32_t *frame; /* [n_frames] stored bytes; owned */
    void *data;      /* decoded (owned) or mapped; NULL: not read yet */
};

/* Append the contents of n columns as the head comment says; the caller frees *bytes. */
enum pz_status pz_layout_encode(const struct pz_layout_column *col, size_t n, unsigned char **bytes,
                                size_t *n_bytes, struct pz_err *err);

/* The reverse; distrusts everything. file_bytes bounds offsets. *col owned by the caller. */
enum pz_status pz_layout_decode(const unsigned char *bytes, size_t n_bytes, uint64_t file_bytes,
                                struct pz_layout_column **col, size_t *n, struct pz_err *err);

/* Free n columns' frame lists and the array (not the data). */
void pz_layout_free(struct pz_layout_column *col, size_t n);

static inline void pz_put32(unsigned char *p, uint32_t x)
{
    memcpy(p, &x, sizeof x);
}

static inline void pz_put64(unsigned char *p, uint64_t x)
{
    memcpy(p, &x, sizeof x);
}

static inline uint32_t pz_get32(const unsigned char *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint64_t pz_get64(const unsigned char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

#endif
