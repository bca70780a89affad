/* SPDX-License-Identifier: Apache-2.0 */
/* Talk: messages and progress on stderr. A program sets the log up once; the library only calls it
 * and works the same when it is NULL (silent). stdout never passes through here.
 *
 * Threads: pz_log and pz_log_step anywhere; new, free, begin, expect, done and pz_stop_install the
 * main one. */
#ifndef PZ_BASE_LOG_H
#define PZ_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum pz_level { PZ_LOG_ERROR, PZ_LOG_WARN, PZ_LOG_NOTE, PZ_LOG_DEBUG };

struct pz_log;

/* program  name in front of every line; borrowed. level: the most talkative level shown.
 * json     one JSON object a line instead of text.
 * Progress is drawn as one updating line on a terminal and as a line every 10 s elsewhere, and not
 * at all below PZ_LOG_NOTE. NULL when memory is out.
 * Owner: the caller, by pz_log_free, which accepts NULL. */
struct pz_log *pz_log_new(const char *program, enum pz_level level, bool json);
void pz_log_free(struct pz_log *log);

/* Write one line; log may be NULL. */
void pz_log(struct pz_log *log, enum pz_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A stage of work of `total` units (0 = unknown), e.g. ("reading rows", "rows", 20000000).
 * Stages do not nest. what and unit are borrowed until pz_log_done. */
void pz_log_begin(struct pz_log *log, const char *what, const char *unit, uint64_t total);
/* Units done since the last call; cheap (an atomic add and a rare write). */
void pz_log_step(struct pz_log *log, uint64_t units);
/* Where neither is known at the beginning: now about `total` units are expected, and `seconds` from
 * here to the end, without those of `aside` (borrowed until pz_log_done), or NULL. */
void pz_log_expect(struct pz_log *log, uint64_t total, double seconds, const char *aside);
/* End of the stage: clears the line; with PZ_LOG_NOTE says how much in how long. */
void pz_log_done(struct pz_log *log);

/* Wall and processor seconds since the process started (user + system, all threads). */
double pz_wall_seconds(void);
double pz_cpu_seconds(void);

#endif
