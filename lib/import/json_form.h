/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: JSON that is not one object a line. */
#ifndef PZ_IMPORT_JSON_FORM_H
#define PZ_IMPORT_JSON_FORM_H

#include <stddef.h>

#include "base/err.h"

/* Look at the first n bytes of a file that begins with '{', and refuse what is no object a line
 * with the command that makes it one: objects over several lines or behind each other on one,
 * commas between them, a document that wraps its rows, one that has its columns in arrays.
 *
 * Errors:  PZ_BAD_DATA it is one of them
 * Threads: any */
enum pz_status pz_json_form_check(const char *file, const char *text, size_t n, struct pz_err *err);

#endif
