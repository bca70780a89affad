/* SPDX-License-Identifier: Apache-2.0 */
/* Private to text/: what only looks like a table or JSON Lines is refused with the command that
 * turns it into one. */
#ifndef PZ_TEXT_REFUSE_H
#define PZ_TEXT_REFUSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The first n bytes of a file: UTF-16, archives, pages of the web.
 * Errors:  PZ_BAD_DATA it is one of them
 * Threads: any */
enum pz_status pz_refuse_bytes(const char *file, const char *text, size_t n, struct pz_err *err);

/* The text from its first byte that counts: arrays and strings of JSON, Python's dicts, SQL, ARFF,
 * matrices, tables drawn for a screen, the line ends of old Macs.
 * Errors:  PZ_BAD_DATA it is one of them
 * Threads: any */
enum pz_status pz_refuse_form(const char *file, const char *text, size_t n, struct pz_err *err);

#endif
