/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: the loop under pz_put_events and pz_put_rows, and what both do with values.
 *
 * Threads: one a run, each with its own texts. */
#ifndef PZ_LIVE_PUT_PRIVATE_H
#define PZ_LIVE_PUT_PRIVATE_H

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "live/put.h"
#include "text/rows.h"

/* What takes records and stores batches. */
struct pz_put_sink {
    /* Look at the columns of a CSV file; a failure ends it before a record is read. */
    enum pz_status (*start)(void *context, const struct pz_rows_in *in, struct pz_err *err);
    /* Take one record: a JSON object, or (doc NULL) a CSV row. PZ_BAD_DATA with the column and the
     * reason when it cannot be, PZ_NEGATIVE when it is to be left out and counted; nothing of it is
     * taken then. */
    enum pz_status (*take)(void *context, const json_t *doc, const struct pz_rows_in *in,
                           const struct pz_row *row, struct pz_err *err);
    /* Entries taken and not stored yet. */
    size_t (*pending)(const void *context);
    /* Whether their texts take so much memory that they are to be stored now. */
    bool (*large)(const void *context);
    /* Store them, and add to count->stored, .conflicts and .last. */
    enum pz_status (*store)(void *context, struct pz_put_count *count, struct pz_err *err);
    void *context;
};

/* Read cfg->path to its end. Messages get FILE:LINE in front.
 *
 * Errors:  PZ_BAD_DATA more bad records than cfg->max_errors (those before are stored);
 *          PZ_INTERRUPTED a signal came; as pz_rows_open, pz_rows_next and the sink's functions */
enum pz_status pz_put_run(const struct pz_put_cfg *cfg, const struct pz_put_sink *sink,
                          struct pz_put_count *count, struct pz_err *err);

/* A JSON value as a CSV cell would have it, appended to out: arrays of plain values joined by '|';
 * null and [] give nothing. NULL, or the reason why it cannot be one.
 * Owner: nobody; reasons live for ever */
const char *pz_put_cell(const json_t *value, struct pz_str *out);

/* Read a time in any form to Unix seconds; the bit of the form is added to *forms (NULL: not
 * wanted). NULL or the reason.
 * Owner: nobody; reasons live for ever */
const char *pz_put_time(const char *s, size_t n, int64_t *seconds, unsigned *forms);

/* What is wrong with a value in a column of the model: NULL, or the reason. value: the JSON value
 * that s was made from; NULL: a CSV cell.
 * Owner: nobody; reasons live for ever */
const char *pz_put_check(const struct pz_attr *a, const json_t *value, const char *s, size_t n);

/* What is wrong with a text, in a column that the model has or lacks: NULL, or the reason.
 * Owner: nobody; reasons live for ever */
const char *pz_put_text_fault(const char *s, size_t n);

/* What is wrong with the items that were in sight, joined by '|': NULL, or the reason.
 * Owner: nobody; reasons live for ever */
const char *pz_put_shown_fault(const char *s, size_t n);

/* Our name of a column or member, by the pairs OURS=THEIRS; buf is for it, of PZ_NAME_MAX + 1.
 * Owner: the caller (buf or name), or the map */
const char *pz_put_name(const struct pz_strs *map, const char *name, char *buf);

/* Whether a column of ours is there, after the map. */
bool pz_put_has(const struct pz_strs *map, const struct pz_rows_in *in, const char *ours);

/* The map is made of pairs, and the file has the columns that they name.
 * Errors: PZ_USAGE no pair; PZ_BAD_DATA no such column, with the columns that there are */
enum pz_status pz_put_check_map(const struct pz_strs *map, const struct pz_rows_in *in,
                                struct pz_err *err);

/* "FILE: WHAT: its columns are A, B, C".
 * Errors: PZ_BAD_DATA always, as what it is for */
enum pz_status pz_put_no_column(const struct pz_rows_in *in, const char *what, struct pz_err *err);

/* Parse properties (a string of JSON, or an object).
 * Errors: PZ_BAD_DATA they are none; else as pz_json_parse
 * Owner:  *object: the caller, a new reference, also after a failure */
enum pz_status pz_put_parse(const json_t *value, json_t **object, struct pz_err *err);

#endif
