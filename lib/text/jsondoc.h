/* SPDX-License-Identifier: Apache-2.0 */
/* Where a JSON object ends that may go over several lines, found line by line. */
#ifndef PZ_TEXT_JSONDOC_H
#define PZ_TEXT_JSONDOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PZ_JSONDOC_DEPTH 512u /* levels of nesting */

enum pz_jsondoc_end {
    PZ_JSONDOC_OPEN,  /* whole so far; it goes on in the next line */
    PZ_JSONDOC_WHOLE, /* the line ends it */
    PZ_JSONDOC_BROKEN /* no continuation makes an object of it */
};

/* All-zero: before the first line. */
struct pz_jsondoc {
    unsigned depth;
    char last;                       /* the last byte that counts; 0: none yet */
    bool is_array[PZ_JSONDOC_DEPTH]; /* of each level that is open */
};

/* Go over one more line of n bytes, without its newline. Only the nesting is judged: a bracket that
 * cannot stand where it stands, or a string that the line cuts, breaks the object, so that a line
 * which was cut short is noticed at the next one and swallows nothing.
 * Threads: any, one at a time on one object */
enum pz_jsondoc_end pz_jsondoc_line(struct pz_jsondoc *doc, const char *s, size_t n);

#endif
