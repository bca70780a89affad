/* SPDX-License-Identifier: Apache-2.0 */
/* Private to eval/: the drawings of a report, as inline SVG whose colours are the page's variables.
 * All append; memory that is out shows in out->failed.
 *
 * Threads: one for each string. */
#ifndef PZ_EVAL_SVG_H
#define PZ_EVAL_SVG_H

#include <stddef.h>

#include "base/str.h"

/* Append text with <, >, & and quotes as entities. */
void pz_svg_text(struct pz_str *out, const char *text);

/* A bar from 0 to value on a scale that ends at full. series: its colour, 0 the model's. */
void pz_svg_bar(struct pz_str *out, double value, double full, int series);

/* A dot at value with a whisker from low to high. */
void pz_svg_interval(struct pz_str *out, double value, double low, double high, double full,
                     int series);

/* A line of a chart. */
struct pz_svg_line {
    const char *name;
    const double *y; /* [n], >= 0 */
};

/* Lines over the positions x, with the value of each first line's point written at it. n >= 2. */
void pz_svg_lines(struct pz_str *out, const char *title, const double *x, size_t n,
                  const struct pz_svg_line *line, size_t n_lines);

#endif
