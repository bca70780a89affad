/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: named typed columns in one file, in two forms with one interface.
 *
 * packed (*.pzd, *.pzm)   standard zstd frames, each with its checksum, so that zstd -t and zstdcat
 *                         work: a skippable frame with magic, kind and format version; then every
 *                         column cut into frames of at most PZ_FRAME_BYTES raw bytes, compressed
 *                         and decoded in parallel; then the table of contents (a data frame); then
 *                         a skippable frame that says where the contents start, its size and
 *                         checksum.
 * flat                    the same columns uncompressed, each aligned to 64 bytes, for mmap:
 *                         opening costs microseconds and many processes share the pages.
 *
 * Bytes are the same at any thread count. man/pz-formats.5 describes every byte.
 *
 *     pz_writer_open -> pz_writer_add... -> pz_writer_commit, or pz_writer_abort
 *     pz_table_open -> [pz_table_trust] -> pz_table_get... (pointers live until drop or close)
 *         -> pz_table_close
 *
 * Threads: a writer and a packed table belong to one thread, which uses all cores inside a call. On
 * a flat table pz_table_get changes nothing but the list of what was looked up: one thread too. */
#ifndef PZ_TABLE_TABLE_H
#define PZ_TABLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "table/dict.h"

enum pz_type { PZ_U8 = 1, PZ_U16, PZ_U32, PZ_U64, PZ_I32, PZ_I64, PZ_F32, PZ_F64 };

#define PZ_FORMAT_VERSION 2u   /* of packed and flat files */
#define PZ_NAME_MAX 127        /* bytes in a column name */
#define PZ_FRAME_BYTES 4194304 /* raw bytes a frame */

/* Bytes of one element. */
size_t pz_type_bytes(enum pz_type type);

/* What is known of a column. */
struct pz_column_info {
    const char *name; /* borrowed from the table */
    enum pz_type type;
    uint64_t n, file_bytes;
};

/* ---- writing ---- */
struct pz_writer;
struct pz_table;
struct pz_layout_column;

/* Start a packed table. kind: 4 characters, "data" or "modl". path as pz_out_open. level: zstd
 * level, 0 for the default. The file appears only at pz_writer_commit.
 * Errors: as pz_out_open; PZ_TRY_AGAIN memory is out
 * Owner:  the caller ends *w by commit or abort */
enum pz_status pz_writer_open(const char *path, const char *kind, int level, struct pz_writer **w,
                              struct pz_err *err);

/* Start a flat table of columns that are added as to a packed one, by the same calls.
 * Errors: as pz_out_open; PZ_TRY_AGAIN memory is out
 * Owner:  as pz_writer_open */
enum pz_status pz_writer_open_flat(const char *path, const char *kind, struct pz_writer **w,
                                   struct pz_err *err);

/* Copy from a packed table, as they stand in its file, the frames of what is added from now on that
 * has the same name, type and values there: nothing is compressed that was compressed before.
 * Columns that have been read from it are compared frame by frame, others as a whole by their hash.
 * Owner:  t is borrowed until commit or abort
 * Threads: one at a time on the same writer; t is only read */
void pz_writer_reuse(struct pz_writer *w, const struct pz_table *t);

/* Add a column. name: unique, printable ASCII, '/' separates parts ("factors/items"). data: n
 * elements, borrowed during the call only. Compresses on all threads.
 * Errors: PZ_INTERNAL a name that is not allowed or was there before; PZ_IO writing failed;
 *         PZ_TRY_AGAIN memory is out */
enum pz_status pz_writer_add(struct pz_writer *w, const char *name, enum pz_type type,
                             const void *data, uint64_t n, struct pz_err *err);

/* Where the values of a column come from that is not in memory as a whole: the next n bytes of it
 * into `to`. */
struct pz_column_source {
    enum pz_status (*next)(void *source, void *to, size_t n, struct pz_err *err);
    void *source;
};

/* As pz_writer_add to a packed table, of values that come piece by piece; a few frames are in
 * memory at a time. The bytes are the same.
 * Errors: as pz_writer_add, and as source->next */
enum pz_status pz_writer_add_from(struct pz_writer *w, const char *name, enum pz_type type,
                                  uint64_t n, const struct pz_column_source *source,
                                  struct pz_err *err);

/* Add a dictionary as columns NAME.offset (u64) and NAME.bytes (u8).
 * Errors: as pz_writer_add */
enum pz_status pz_writer_add_dict(struct pz_writer *w, const char *name, const struct pz_dict *dict,
                                  struct pz_err *err);

/* Add text (u8 column without the NUL).
 * Errors: as pz_writer_add */
enum pz_status pz_writer_add_text(struct pz_writer *w, const char *name, const char *text,
                                  struct pz_err *err);

/* Give back what packing takes, until the next column is added: for who has much else to do before.
 * Accepts NULL. Threads: one at a time on the same writer */
void pz_writer_rest(struct pz_writer *w);

/* Write the contents and make the file appear; frees w.
 * Errors: PZ_BAD_DATA too many columns for a file; as pz_out_commit */
enum pz_status pz_writer_commit(struct pz_writer *w, struct pz_err *err);
/* Drop everything; accepts NULL. */
void pz_writer_abort(struct pz_writer *w);

/* ---- reading ----
 * Messages of pz_table_open and pz_table_verify name the file; those of the calls that read from an
 * open table name the column, and the caller, who knows what was opened, puts the file in front. */
struct pz_table;

/* The kind of a table by its first bytes, "data", "modl" or "rows" (not NUL-terminated); false when
 * it is none or cannot be read.
 * Threads: any */
bool pz_table_kind(const char *path, char kind[4]);

/* Open a packed or flat table and check its header and contents; columns are read when asked for.
 * path "-" is standard input; kind as in pz_writer_open, NULL for any.
 * Errors: PZ_NO_INPUT it cannot be opened; PZ_BAD_DATA truncated, altered, foreign, another kind or
 *         a newer format; PZ_TRY_AGAIN memory is out
 * Owner:  the caller, by pz_table_close */
enum pz_status pz_table_open(const char *path, const char *kind, struct pz_table **t,
                             struct pz_err *err);
/* Frees the columns too: every pointer from pz_table_get is then dead. Accepts NULL. */
void pz_table_close(struct pz_table *t);

/* Whether it is the flat form, and read as such. */
bool pz_table_is_flat(const struct pz_table *t);

/* Read a flat table as the packed one that it was made of, from now on: what is derived is not
 * there, and pz_table_is_flat says no. For who makes another flat table of it, with what this pz
 * derives.
 * Threads: one, before the table is read */
void pz_table_read_anew(struct pz_table *t);

/* Say, and whether somebody said, that parts are read to be changed and are asked nothing: what
 * follows from columns for answers alone need not be made.
 * Threads: one, before the table is read */
void pz_table_ask_nothing(struct pz_table *t);
bool pz_table_is_asked(const struct pz_table *t);

/* The path of its file, for messages: "standard input" for "-".
 * Owner:   the table
 * Threads: any */
const char *pz_table_path(const struct pz_table *t);

/* How many columns there are, the i-th in file order, and whether there is one of that name. */
size_t pz_table_n_columns(const struct pz_table *t);
struct pz_column_info pz_table_column(const struct pz_table *t, size_t i);
bool pz_table_has(const struct pz_table *t, const char *name);

/* A column's elements, 64-byte aligned. Packed: decoded (all threads) and checked at the first
 * call, then kept. Flat: a pointer into the map. n may be NULL when want_n is given: want_n !=
 * PZ_ANY demands that many elements.
 * Errors: PZ_BAD_DATA no such column, another type or number, frames or hashes that do not fit;
 *         PZ_TRY_AGAIN memory is out
 * Owner:  the table; valid until pz_table_drop or close */
enum pz_status pz_table_get(struct pz_table *t, const char *name, enum pz_type type,
                            uint64_t want_n, const void **data, uint64_t *n, struct pz_err *err);

/* Elements first .. first + n - 1 of a packed table's column, without the others: stored bytes are
 * checked as a whole, values by the checksums of the frames that are decoded.
 * Errors: as pz_table_get; PZ_BAD_DATA the column has no such elements
 * Owner:  the caller frees *data */
enum pz_status pz_table_get_part(struct pz_table *t, const char *name, enum pz_type type,
                                 uint64_t first, uint64_t n, void **data, struct pz_err *err);

/* The values of a column that pz_table_get has read, to be changed in place: a decoded copy, not
 * the file. NULL: a flat table's, which are the file.
 * Owner: the table */
void *pz_table_copy(struct pz_table *t, const char *name);
#define PZ_ANY UINT64_MAX

/* Bytes, unpacked, of the columns that pz_table_get was asked for, or of those that it was not. */
uint64_t pz_table_bytes(const struct pz_table *t, bool asked);

/* Forget a decoded column's memory (packed tables; its pointers are then dead). */
void pz_table_drop(struct pz_table *t, const char *name);

/* Forget the first n values of a decoded column, which nobody reads again: their memory goes
 * back in large pieces, so that what is made of a column may have its place. Only pz_table_drop
 * forgets the rest. */
void pz_table_give_back(struct pz_table *t, const char *name, uint64_t n);

/* Whether there is a dictionary of that name. Threads: any */
bool pz_table_has_dict(const struct pz_table *t, const char *name);

/* A dictionary written by pz_writer_add_dict; checked when packed.
 * Errors: as pz_table_get, and PZ_BAD_DATA for broken invariants
 * Owner:  the table */
enum pz_status pz_table_get_dict(struct pz_table *t, const char *name, struct pz_dict *dict,
                                 struct pz_err *err);
/* A text as a NUL-terminated copy.
 * Errors: as pz_table_get
 * Owner:  the caller frees *text */
enum pz_status pz_table_get_text(struct pz_table *t, const char *name, char **text,
                                 struct pz_err *err);

/* Read and check every byte of the file.
 * Errors: PZ_BAD_DATA something was altered; PZ_TRY_AGAIN memory is out */
enum pz_status pz_table_verify(struct pz_table *t, struct pz_err *err);

/* Be sure of a table before it is believed. Columns of a packed one are checked as they are read;
 * a flat one must be as sealed, or is read whole. *sealed: it was not read for this, and need not
 * be sealed again.
 * Errors: as pz_table_verify */
enum pz_status pz_table_trust(struct pz_table *t, bool *sealed, struct pz_err *err);

/* Say that a flat table was read whole as it is now, in a small file beside it (PZ_SEAL_ENDING).
 * Only after pz_table_trust or pz_table_verify.
 * Errors: as pz_file_write */
enum pz_status pz_table_seal(const struct pz_table *t, struct pz_err *err);
#define PZ_SEAL_ENDING ".seal"

/* Be sure of a table after it was used: one that is written to while it is mapped changes under
 * those who read it, so that what was made of it counts only when this says yes. A look at the
 * file, unless it was touched.
 * Errors:  as pz_table_verify
 * Threads: any */
enum pz_status pz_table_recheck(struct pz_table *t, struct pz_err *err);

/* Whether the file at the table's path is another one by now, or was written to.
 * Threads: any */
bool pz_table_is_touched(const struct pz_table *t);

/* Columns that follow from others, so that whoever opens a flat table need not make them. Their
 * names begin with PZ_DERIVED; they are no part of a fingerprint. All-zero: none. */
#define PZ_DERIVED "derived/"
struct pz_derived {
    struct pz_layout_column *col; /* [n] */
    size_t n, cap;
};

/* Add one of n elements.
 *
 * name     without PZ_DERIVED
 * data     borrowed until pz_derived_clear
 * own      from malloc, such as data itself: taken over, also after a failure; NULL: nothing
 * Errors:  PZ_TRY_AGAIN memory is out, or data is NULL: it was then
 * Threads: one at a time on the same list */
enum pz_status pz_derived_add(struct pz_derived *d, const char *name, enum pz_type type,
                              const void *data, uint64_t n, void *own, struct pz_err *err);
/* The i-th of a list, its name with PZ_DERIVED.
 * Owner: the name is the list's */
struct pz_column_info pz_derived_column(const struct pz_derived *d, size_t i);
/* Free the list and what it owns; leaves an all-zero one. */
void pz_derived_clear(struct pz_derived *d);

/* Write all columns of t but derived ones, then those of derived (NULL: none), as a flat table at
 * path (atomic, fsynced), checking each of t on the way.
 * Errors: as pz_table_get of every column; as pz_out_open and pz_out_commit */
enum pz_status pz_table_unpack(struct pz_table *t, const struct pz_derived *derived,
                               const char *path, struct pz_err *err);

/* A fingerprint of the contents (names, types, values; not of the compression, nor of derived
 * columns): XXH3-128 as 32 hex digits into hex[33].
 * Errors: as pz_table_get of every column */
enum pz_status pz_table_fingerprint(struct pz_table *t, char *hex, struct pz_err *err);

#endif
