/* SPDX-License-Identifier: Apache-2.0 */
/* The run ledger: one line of JSON a run, appended to a file that scripts and people keep for
 * years: what ran, on how much, at what cost, with which result. Independent of what the run wrote,
 * whose bytes do not depend on it.
 *
 * Threads: safe anywhere. */
#ifndef PZ_BASE_LEDGER_H
#define PZ_BASE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Note a fact of this run: a number, or a text of at most 255 bytes. The last of a name counts; at
 * most 32 names, more are left out.
 *
 * name  a constant, letters and _ */
void pz_ledger_number(const char *name, double value);
void pz_ledger_text(const char *name, const char *value);

/* Add to a number (0 at first). */
void pz_ledger_count(const char *name, uint64_t more);

/* Append the line: time, program, kind (command, unless a fact "kind" was noted), the facts, wall
 * and processor seconds, peak memory, exit status and the error's text.
 *
 * command  the subcommand, or NULL
 * Errors:  PZ_CANT_CREATE, PZ_IO, PZ_TRY_AGAIN the line could not be appended */
enum pz_status pz_ledger_append(const char *path, const char *program, const char *command,
                                enum pz_status exit, const struct pz_err *why, struct pz_err *err);

#endif
