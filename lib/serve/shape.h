/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes: what a JSON value of the protocol may be, as a table, and the check of a value against
 * it. Clients check types and required members only, so that every bound must be checked here. */
#ifndef PZ_SERVE_SHAPE_H
#define PZ_SERVE_SHAPE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

enum pz_shape_kind {
    PZ_SHAPE_STRING, /* min to max characters of a pattern */
    PZ_SHAPE_DOC,    /* a string of min to max characters that holds a JSON object */
    PZ_SHAPE_WHOLE,  /* a whole number from min to max */
    PZ_SHAPE_NUMBER, /* from min to max */
    PZ_SHAPE_BOOL,
    PZ_SHAPE_LIST,  /* min to max of .of[0] */
    PZ_SHAPE_MAP,   /* up to max of .of[0]: their keys have .key */
    PZ_SHAPE_STRUCT /* the members .of, ended by .name NULL; others are passed over */
};

enum pz_pattern {
    PZ_PATTERN_ANY,
    PZ_PATTERN_ARN,  /* arn:PARTITION:personalize:REGION:ACCOUNT:REST */
    PZ_PATTERN_NAME, /* [a-zA-Z0-9][a-zA-Z0-9-_]* */
    PZ_PATTERN_WORD, /* [A-Za-z0-9_]+ */
    PZ_PATTERN_ASCII /* printable */
};

struct pz_shape {
    const char *name; /* of a member */
    enum pz_shape_kind kind;
    double min, max;
    enum pz_pattern pattern;
    bool required;
    const struct pz_shape *of;
    struct {
        double max; /* characters of a map's keys */
        enum pz_pattern pattern;
    } key;
};

/* Check a value. null is as good as absent.
 *
 * Errors:  PZ_BAD_DATA names the member, "promotions[1].percentPromotedItems", and what it must be
 * Threads: any */
enum pz_status pz_shape_check(const struct pz_shape *shape, const json_t *value,
                              struct pz_err *err);

/* Parse a request's body: one JSON object, no key twice in an object, no deeper than 32.
 *
 * Errors:  PZ_BAD_DATA it is none
 * Owner:   *out: json_decref; NULL when it fails
 * Threads: any */
enum pz_status pz_shape_parse(const char *bytes, size_t n, json_t **out, struct pz_err *err);

#endif
