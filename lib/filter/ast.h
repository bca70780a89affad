/* SPDX-License-Identifier: Apache-2.0 */
/* Private to filter/: the tree that parsing makes, checking completes and evaluation walks.
 *
 *   field of a node   valid after
 *   kind .. right     pz_filter_parse (COUNT nodes may still be made by pz_filter_check)
 *   id, when, by_row  pz_filter_check; columns and placeholders of expressions, too
 *   bits              pz_filter_compile, of COMPILED tests of rows
 *
 * Threads: while it is compiled, a filter belongs to one thread; then all is read-only but the
 *          cache and the indexes, which lock for themselves. */
#ifndef PZ_FILTER_AST_H
#define PZ_FILTER_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/attrs.h"
#include "live/live_data.h"
#include "model/model.h"

enum { PZ_FILTER_DEPTH = 100 }; /* nesting of parentheses, NOT and signs */

/* ---- values */
enum pz_filter_expr_kind {
    PZ_EXPR_NUMBER, /* also durations, in seconds */
    PZ_EXPR_TEXT,
    PZ_EXPR_TRUTH, /* TRUE, FALSE */
    PZ_EXPR_PLACE, /* $NAME */
    PZ_EXPR_NOW,
    PZ_EXPR_REF, /* TABLE.COLUMN */
    PZ_EXPR_NEGATIVE,
    PZ_EXPR_ADD,
    PZ_EXPR_SUBTRACT,
    PZ_EXPR_MULTIPLY,
    PZ_EXPR_DIVIDE
};

struct pz_filter_expr {
    enum pz_filter_expr_kind kind;
    uint32_t at;       /* where in the filter's text */
    double num;        /* NUMBER, TRUTH */
    bool is_time;      /* NUMBER: a moment or a duration, in seconds */
    const char *text;  /* TEXT, or as written (NUMBER, TRUTH); name of PLACE; column of REF */
    const char *table; /* of REF; NULL: a bare column */
    struct pz_filter_expr *a, *b; /* operands */
    struct pz_filter_expr *next;  /* in a list of values */
    uint32_t column,
        place; /* checked: of REF in the filter's columns, of PLACE in its placeholders */
};

/* ---- conditions */
enum pz_filter_op { /* = and IN are ANY; != and NOT IN are ANY, negated */
                    PZ_OP_ANY,
                    PZ_OP_ALL,
                    PZ_OP_ONLY,
                    PZ_OP_EXACTLY,
                    PZ_OP_LESS,
                    PZ_OP_LESS_EQUAL,
                    PZ_OP_GREATER,
                    PZ_OP_GREATER_EQUAL,
                    PZ_OP_NULL, /* IS NULL */
                    PZ_OP_TRUE  /* a boolean column alone */
};

enum pz_filter_node_kind {
    PZ_NODE_AND,
    PZ_NODE_OR,
    PZ_NODE_NOT,
    PZ_NODE_TEST, /* left op right */
    PZ_NODE_COUNT /* how many events pass `child` (NULL: all), compared with right; checking turns
                   * conditions on Interactions into COUNT(...) >= 1 */
};

/* What a test's right side depends on. */
enum pz_filter_when { PZ_WHEN_COMPILED, PZ_WHEN_BOUND, PZ_WHEN_ASKED };

/* A test's right side, ready to compare with. */
struct pz_filter_bytes {
    const char *s;
    size_t n;
};
struct pz_filter_set {
    bool any;                     /* "*": any value */
    struct pz_filter_bytes *text; /* of columns of texts */
    uint32_t *code; /* the texts' codes in the model's dictionary of the column, ascending */
    double *num;    /* of columns of numbers; no NaN */
    size_t n_text, n_code, n_num, cap_text, cap_code, cap_num;
};

struct pz_filter_node {
    enum pz_filter_node_kind kind;
    uint32_t at;
    struct pz_filter_node *child, *next;
    struct pz_filter_expr *left; /* a REF; NULL for COUNT */
    enum pz_filter_op op;
    bool negated;
    bool scalar;                  /* right is one value, not a list */
    struct pz_filter_expr *right; /* a list by ->next */
    /* checked: */
    uint32_t id; /* of TEST and COUNT: its number in the filter */
    enum pz_filter_when when;
    bool by_row;          /* right speaks of columns of the row itself */
    const uint64_t *bits; /* COMPILED tests of rows: the answer */
};

/* One INCLUDE or EXCLUDE. */
struct pz_filter_clause {
    bool include;
    uint32_t at, id;
    const char *target;                     /* as written: "ItemID" */
    struct pz_filter_node *where, *only_if; /* only_if: NULL: always */
    struct pz_filter_clause *next;
};

/* Parse text into clauses.
 *
 * Errors:  PZ_USAGE a fault, with the place; PZ_TRY_AGAIN memory
 * Owner:   the arena, whose strings may point into text */
enum pz_status pz_filter_parse(const char *text, struct pz_arena *arena,
                               struct pz_filter_clause **out, struct pz_err *err);

/* Say "filter: character N, at "...": what is wrong".
 *
 * at       offset into text
 * Errors:  PZ_USAGE always */
enum pz_status pz_filter_fault(const char *text, size_t at, struct pz_err *err, const char *fmt,
                               ...) __attribute__((format(printf, 4, 5)));

/* ---- the compiled filter */
enum pz_filter_area { PZ_AREA_ROW, PZ_AREA_USER, PZ_AREA_ITEM, PZ_AREA_EVENT };
enum pz_filter_what { PZ_WHAT_ATTR, PZ_WHAT_ID, PZ_WHAT_TYPE, PZ_WHAT_VALUE, PZ_WHAT_TIME };

/* How a column of numbers writes times; see times.c. */
enum pz_filter_unit {
    PZ_UNIT_UNKNOWN, /* nobody asked yet */
    PZ_UNIT_OTHER,   /* no times, or not all in one form: taken as they are */
    PZ_UNIT_SECONDS,
    PZ_UNIT_MILLIS,
    PZ_UNIT_MICROS,
    PZ_UNIT_DAYS /* YYYYMMDD */
};

struct pz_filter_column {
    enum pz_filter_area area;
    enum pz_filter_what what;
    enum pz_attr_kind kind;
    bool is_float; /* kept as floats: compared with numbers that are rounded alike */
    char name[PZ_NAME_MAX + 1];
    enum pz_filter_unit unit;      /* of times in it, where a test asks */
    bool of_users;                 /* an attribute of users (else of items or events) */
    const struct pz_attr *attr;    /* the model's; NULL: only the overlay has it, or not an ATTR */
    const struct pz_attr *over;    /* the overlay's; NULL: it lacks it, or there is none */
    struct pz_filter_index *index; /* of a test that changes from query to query; owned */
};

struct pz_filter_place {
    const char *name;
    uint32_t at;
    bool number, scalar; /* some use needs numbers; some use needs one value */
    bool required;       /* some INCLUDE uses it */
};

struct pz_filter {
    char *text; /* owned */
    const struct pz_model *m;
    const struct pz_overlay *items, *users;
    bool (*has_type)(void *context, const char *type); /* of the schema */
    void *context;
    const struct pz_overlay *over; /* of the two, that of the rows that are filtered; NULL: none */
    const uint32_t *over_row;      /* [over->ids.n] its rows in the model */
    struct pz_arena arena;
    struct pz_filter_clause *clause;
    bool of_users;
    struct pz_filter_column *column;
    struct pz_filter_place *place;
    struct pz_filter_node **test; /* by id */
    struct pz_filter_set *set;    /* [n_tests] of COMPILED tests */
    size_t n_columns, cap_columns, n_places, cap_places, n_tests, cap_tests, n_clauses;
    size_t depth; /* bitsets that evaluation needs at once */
    bool uses_item, uses_user, uses_events, uses_context;
    struct pz_filter_cache *cache;
};

struct pz_filter_values {
    const struct pz_filter *f;
    struct pz_arena arena;
    struct pz_filter_set *given; /* [n_places] the values as texts; n_text 0: not given */
    struct pz_filter_set *set;   /* [n_tests] of BOUND tests */
    bool *off;                   /* [n_clauses] lacks a value */
};

/* Resolve names and types, turn conditions on Interactions into counts, number the tests.
 *
 * Errors:  PZ_USAGE a fault, with the place; PZ_TRY_AGAIN memory */
enum pz_status pz_filter_check(struct pz_filter *f, struct pz_err *err);

/* Read a number, a time (pz_filter_time) or, when truth is allowed, true and false; false: neither.
 */
bool pz_filter_number(const char *s, size_t n, bool truth, double *out);

/* ---- times.c */
/* Read a date or time that is no plain number, to Unix seconds; false: it is none. */
bool pz_filter_time(const char *s, size_t n, double *out);

/* Whether an expression is a time in Unix seconds, or a duration. */
bool pz_filter_is_time(const struct pz_filter_expr *e);

/* Set col->unit, once. Time in proportion to the rows while they agree. */
void pz_filter_find_unit(const struct pz_filter *f, struct pz_filter_column *col);

/* Between Unix seconds and a column's unit. */
double pz_filter_to_unit(enum pz_filter_unit unit, double seconds);
double pz_filter_from_unit(enum pz_filter_unit unit, double x);

/* A plain number that is compared with a column: converted when both are times of different
 * forms. */
double pz_filter_plain_number(enum pz_filter_unit unit, double x);

/* Make a column of texts that are dates one of numbers, in Unix seconds; others stay as they are.
 *
 * Errors:  PZ_TRY_AGAIN memory
 * Owner:   what it makes lives in the filter's arena */
enum pz_status pz_filter_text_times(struct pz_filter *f, struct pz_filter_column *col,
                                    struct pz_err *err);

/* True when the expression is of that kind or has a part that is. */
bool pz_filter_expr_has(const struct pz_filter_expr *e, enum pz_filter_expr_kind kind);

/* The column of a test.
 *
 * Owner:   the filter; while it is checked, until the next column is found */
const struct pz_filter_column *pz_filter_left(const struct pz_filter *f,
                                              const struct pz_filter_node *test);

/* True for columns whose values are numbers. */
bool pz_filter_is_number(const struct pz_filter_column *c);

#endif
