/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may use: memory that --max-memory, a control group, an address space limit or
 * the machine leave it, and the processors that a control group's quota leaves it.
 *
 * --max-memory is kept by the kernel (RLIMIT_DATA: heap, and private mappings that can be written):
 * an allocation beyond it fails, and the failure is reported like any other lack of memory, as
 * PZ_TRY_AGAIN with what would have been needed. Files that are mapped to be read do not count;
 * they leave memory by themselves when it is short.
 *
 * Threads: pz_limits_set_memory before others start; the rest anywhere. */
#ifndef PZ_BASE_LIMITS_H
#define PZ_BASE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Keep the process within so many bytes; "512M", "2G", "2GiB", "1.5 GB" or plain bytes, in powers
 * of 1000, with i in powers of 1024. Stacks of `threads` threads and what pz_limits_spare names
 * come on top, as they are reserved and hardly used.
 *
 * Errors:  PZ_USAGE it is no size; PZ_TRY_AGAIN it is below what the process has already, or the
 *          kernel refuses the limit */
enum pz_status pz_limits_set_memory(const char *text, int threads, struct pz_err *err);

/* A library is about to reserve so many bytes of which it will use few: they do not count. */
void pz_limits_spare(size_t bytes);

/* The memory that this process may use, in bytes: the least of what --max-memory, its control
 * groups (v2), RLIMIT_AS and the machine allow. whose: set to who says so, "--max-memory" or the
 * like; a constant. */
double pz_limits_memory(const char **whose);

/* Processors' worth of time that the control groups' quotas allow, rounded up; 0: no quota. */
int pz_limits_cpus(void);

/* The least number that `file` (memory.max, cpu.max) holds in a control group (v2) and those above
 * it, or infinity. A file "QUOTA PERIOD" counts as their ratio. Read only.
 * root  where the groups are mounted; group  the process's path below it, beginning with '/' */
double pz_limits_of_group(const char *root, const char *group, const char *file);

/* What to say when an allocation of so many bytes fails: "; 480.0 MB are in use of the 512.0 MB
 * that --max-memory allows, at least 560.0 MB are needed", or nothing where only the machine
 * limits. */
void pz_limits_describe(double bytes, char *text, size_t size);

#endif
