/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: reading goes through Jansson (this is the only header that includes it); writing of small
 * documents too; lines by the million are appended by hand (20 x faster than building a tree).
 *
 * Threads: safe anywhere on documents and buffers of one's own. */
#ifndef PZ_BASE_JSON_H
#define PZ_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Parse n bytes; duplicate keys are refused. what names the source in errors ("campaign.json").
 * Errors: PZ_BAD_DATA with line and column
 * Owner:  the caller, by json_decref */
enum pz_status pz_json_parse(const char *bytes, size_t n, const char *what, json_t **out,
                             struct pz_err *err);

/* Write a document (out->failed too when memory ran out in this thread while it was built, which
 * Jansson would pass over) sorted as built, two-space indent when pretty, with a final newline. */
void pz_json_dump(struct pz_str *out, const json_t *doc, bool pretty);

/* A value to walk, or to count as a reference to: Jansson takes it without const, and changes no
 * member of it there. The one place that drops const of documents. */
static inline json_t *pz_json_lend(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

/* Append a JSON string literal (quotes, escapes; invalid UTF-8 bytes become U+FFFD). */
void pz_json_add_string(struct pz_str *out, const char *s, size_t n);

/* Append a scalar as it would stand in a CSV cell: a string's characters, the shortest decimal text
 * of a number, true or false; null appends nothing. False for an object or an array. */
bool pz_json_add_scalar(struct pz_str *out, const json_t *value);

/* Append a number; NaN and infinities become null. At most 9 significant digits when short_form. */
void pz_json_add_number(struct pz_str *out, double x, bool short_form);

#endif
