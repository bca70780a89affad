/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: the loop under pz_put_events and pz_put_rows, and what both do with values.
 */
#ifndef PZ_LIVE_PUT_PRIVATE_H
#define PZ_LIVE_PUT_PRIVATE_H

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "live/put.h"
#include "text/rows.h"

/* What takes records and stores batches. */
struct pz_put_sink {
    /* Take one record: a JSON object, or (doc NULL) a CSV row. PZ_BAD_DATA with the column and the
     * reason when it cannot be; nothing of it is taken then. */
    enum pz_status (*take)(void *context, const json_t *doc, const struct pz_rows_in *in,
                           const struct pz_row *row, struct pz_err *err);
    /* Entries taken and not stored yet. */
    size_t (*pending)(const void *context);
    /* Store them, and add to count->stored, .conflicts and .last. */
    enum pz_status (*store)(void *context, struct pz_put_count *count, struct pz_err *err);
    void *context;
};

/* Read cfg->path to its end. Errors get FILE:LINE in front. */
enum pz_status pz_put_run(const struct pz_put_cfg *cfg, const struct pz_put_sink *sink,
                          struct pz_put_count *count, struct pz_err *err);

/* A JSON value as a CSV cell would have it, appended to out: arrays of plain values joined by '|';
 * null and
 * [] give nothing. NULL, or the reason why it cannot be one. */
const char *pz_put_cell(const json_t *value, struct pz_str *out);

/* Read a time in any form to Unix seconds; the bit of the form is added to *forms (NULL: not
 * wanted). NULL or the reason. */
const char *pz_put_time(const char *s, size_t n, int64_t *seconds, unsigned *forms);

/* Parse properties (a string of JSON, or an object) into a new reference. */
enum pz_status pz_put_parse(const json_t *value, json_t **object, struct pz_err *err);

#endif
