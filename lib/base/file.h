/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all, and locks that a crash releases.
 *
 *     pz_out_open -> pz_out_write... -> pz_out_commit, or pz_out_abort
 *
 * Threads: an output and a lock belong to one thread at a time; several may have one each. */
#ifndef PZ_BASE_FILE_H
#define PZ_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct pz_out;
struct stat;

/* Whether two looks were at one file or folder, whatever its names: device and inode are the same,
 * and there is no other way to tell.
 * Threads: any */
bool pz_file_is_same(const struct stat *a, const struct stat *b);

/* Start an output. path "-" is standard output (written as it comes), and so are devices, named
 * pipes, and descriptors by their names (/dev/stdout, /dev/fd/3), files behind them included. Any
 * other path is written to a temporary file ".NAME.XXXXXX.tmp" in the same folder, or in that of
 * the file that a symbolic link leads to, and becomes path only at commit; mode and owner are those
 * of the file it replaces, else 0666 less the umask, and pz_file_give's. Temporary files of path
 * whose process died are removed.
 * Errors: PZ_CANT_CREATE the file cannot be made there; PZ_TRY_AGAIN memory is out
 * Owner:  the caller ends *out by pz_out_commit or pz_out_abort, which both free it */
enum pz_status pz_out_open(const char *path, struct pz_out **out, struct pz_err *err);

/* Write to an open descriptor, which stays the caller's; name is for messages. Commit flushes, no
 * more.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  as pz_out_open */
enum pz_status pz_out_attach(int fd, const char *name, struct pz_out **out, struct pz_err *err);

/* Refuse to write binary to a terminal: path is "-" and standard output is one.
 * Errors: PZ_USAGE */
enum pz_status pz_out_check_binary(const char *path, struct pz_err *err);

/* Standard input as a file that can be mapped: itself where it is a regular file at its beginning,
 * else a temporary file without a name that holds all it gave. The first call reads, later ones get
 * the same descriptor, which stays open.
 * Errors:  PZ_IO reading or the temporary file failed; PZ_INTERRUPTED a signal asked for the end
 * Threads: one at a time */
enum pz_status pz_file_stdin(int *fd, struct pz_err *err);

/* Before anything is written: what is to be mapped is written in pieces of 2 MB, each at a multiple
 * of that. File systems with large folios (ext4 since Linux 6.16, XFS) keep such pieces as large
 * pages, which a process maps by one fault in place of 32 to 512. */
void pz_out_for_map(struct pz_out *out);

/* Append n bytes (buffered). A failure is sticky and is reported again at commit.
 * Errors: PZ_IO writing failed */
enum pz_status pz_out_write(struct pz_out *out, const void *bytes, size_t n, struct pz_err *err);

/* Write n bytes anew, that were written before at place `at` of a file of the output's own.
 * Errors: PZ_IO writing failed; PZ_INTERNAL the output is a pipe or a device */
enum pz_status pz_out_rewrite(struct pz_out *out, uint64_t at, const void *bytes, size_t n,
                              struct pz_err *err);

/* Bytes written so far. */
uint64_t pz_out_size(const struct pz_out *out);

/* Flush, fsync, close, rename over the name, fsync the folder, in this order; on any failure the
 * temporary file is removed and the old file stays as it was. Frees out. NULL is PZ_OK.
 * Errors: PZ_IO any of these steps failed */
enum pz_status pz_out_commit(struct pz_out *out, struct pz_err *err);

/* Remove what was written and free. Accepts NULL. */
void pz_out_abort(struct pz_out *out);

/* Remove the temporary files of this process; async-signal-safe, for the handlers of
 * SIGINT/SIGTERM. */
void pz_out_abort_all(void);

/* Whether an entry of a folder is a temporary file of an output NAME (its last part only). */
bool pz_file_is_temp_of(const char *entry, const char *name);

/* Remove temporary files of outputs to path whose process is no more. Tidying up: what cannot be
 * looked at or removed stays. */
void pz_file_remove_orphans(const char *path);

/* Whether there is something at path. Only ENOENT is absence: what cannot be looked at is an error,
 * because somebody may go on to replace or delete what is there.
 * Errors: PZ_NO_INPUT, PZ_IO, PZ_TRY_AGAIN it could not be looked at; *there is then true
 * Threads: any */
enum pz_status pz_file_exists(const char *path, bool *there, struct pz_err *err);

/* Read a whole file of at most max_bytes into *data, with a NUL behind it.
 * Errors: PZ_NO_INPUT it cannot be opened; PZ_IO reading failed; PZ_BAD_DATA it is larger;
 *         PZ_TRY_AGAIN memory is out
 * Owner:  the caller frees *data */
enum pz_status pz_file_read(const char *path, size_t max_bytes, char **data, size_t *n,
                            struct pz_err *err);

/* Write a whole small file by pz_out_open/_commit.
 * Errors: as those */
enum pz_status pz_file_write(const char *path, const void *data, size_t n, struct pz_err *err);

/* Root gives what it has just made in somebody else's folder to whom that belongs, as SQLite does
 * with its journals: a server that runs as a user of its own can go on with what a job of root's
 * wrote. fd, folder: descriptors of what was made and of the folder that it lies in. Nobody else,
 * and in a folder of root's: nothing; what cannot be given stays root's. */
void pz_file_give(int fd, int folder);

/* Make a folder, as mkdir does, and give it as pz_file_give says. 0, or an errno value, EEXIST
 * included. */
int pz_file_mkdir(const char *path, mode_t mode);

/* fsync a folder, so that names made in it survive a power cut.
 * Errors: PZ_IO it failed */
enum pz_status pz_file_sync_dir(const char *dir, struct pz_err *err);

/* The folder part of a path ("." if none) into buf of n bytes; false if it does not fit. */
bool pz_file_dirname(const char *path, char *buf, size_t n);

struct pz_lock;

/* Take a lock on path (created if missing, never removed), held by an flock and so released by the
 * kernel when the process ends. wait_s: seconds of patience.
 * Errors: PZ_TRY_AGAIN still held, naming the holder and since when; PZ_CANT_CREATE, PZ_IO
 * Owner:  the caller, by pz_lock_free */
enum pz_status pz_lock_take(const char *path, double wait_s, struct pz_lock **lock,
                            struct pz_err *err);

/* Release a lock; accepts NULL. */
void pz_lock_free(struct pz_lock *lock);

#endif
