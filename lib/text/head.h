/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a text: is it CSV or JSON Lines, which byte delimits, what are the columns called,
 * and where do the records start. Everything that only looks like such a text (UTF-16, a JSON
 * array, old-Mac line ends) is refused with the command that turns it into one.
 *
 * Threads: any; a text and its head belong to one thread while they are read. */
#ifndef PZ_TEXT_HEAD_H
#define PZ_TEXT_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/scan.h"

/* What is known of a text before it is read. All-zero: nothing. Strings are borrowed. */
struct pz_text_cfg {
    bool backslash;        /* inside quotes, \" and \\ stand for " and \ */
    const char *delimiter; /* one byte, "tab" or "::"; NULL: , ; tab | or :: as the head has most */
    const char *header;    /* names of the columns, separated by commas; NULL: the first line */
    unsigned skip_lines;   /* lines in front that do not count */
    const char
        *unquoted; /* a column whose cells may hold the delimiter without quotes; NULL: none */
};

#define PZ_TEXT_PAIR '\x1f' /* stands for "::" after pz_text_fold */

struct pz_text_head {
    bool json;
    bool pairs; /* "::" delimits: fold all that is read */
    struct pz_csv_form form;
    char **name; /* [n] columns without blanks around them; owned */
    size_t n;
    size_t bytes;      /* of the text before its first record */
    uint64_t lines;    /* in them */
    uint64_t passed;   /* a title or comment before the header, in lines: worth a message */
    bool header_given; /* by the configuration */
};

/* Look at the first *n bytes of a text; where "::" delimits they are folded in place, and *n
 * shrinks.
 *
 * file    its name in messages
 * at_end  the text has no more bytes (its last line then ends with a newline)
 * *more   true: the header is not complete, and nothing was decided; call again with more bytes
 * Errors: PZ_BAD_DATA empty, UTF-16, a JSON array, a header with an open quote or without end, no
 *         UTF-8, over 4096 columns; PZ_USAGE cfg->delimiter cannot be one, or cfg->unquoted is no
 *         column; PZ_TRY_AGAIN no memory
 * Owner:  clear head in any case */
enum pz_status pz_text_head_read(const char *file, const struct pz_text_cfg *cfg, char *text,
                                 size_t *n, bool at_end, struct pz_text_head *head, bool *more,
                                 struct pz_err *err);
void pz_text_head_clear(struct pz_text_head *head);

/* Turn each "::" of text[from, n) into PZ_TEXT_PAIR, in place; a ':' just before from is looked at
 * again. Returns the new n. */
size_t pz_text_fold(char *text, size_t from, size_t n);

#endif
