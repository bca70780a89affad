/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, names and types: every column and event type is looked up, every value is of
 * its column's type, and what speaks of interactions is brought into one form:
 *
 *   a part that consists of tests on Interactions joined by AND and OR speaks of one interaction,
 *   and becomes COUNT(Interactions WHERE part) >= 1; an AND gathers all such parts of its own
 *
 * so that evaluation knows tests of rows, tests of the user or the current item, and counts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "filter/ast.h"
#include "filter/filter.h"

enum position { IN_WHERE, IN_IF, IN_COUNT };

struct check {
    struct pz_filter *f;
    struct pz_err *err;
    const struct pz_filter_clause *clause;
    enum position position;
};

bool pz_filter_number(const char *s, size_t n, bool truth, double *out)
{
    bool is_true;

    if (pz_str_to_double(s, n, out))
        return true;
    if (truth && pz_str_to_bool(s, n, &is_true)) {
        *out = is_true;
        return true;
    }
    /* A date is a number of seconds, except where true or false is meant. */
    return !truth && pz_filter_time(s, n, out);
}

bool pz_filter_expr_has(const struct pz_filter_expr *e, enum pz_filter_expr_kind kind)
{
    return e &&
           (e->kind == kind || pz_filter_expr_has(e->a, kind) || pz_filter_expr_has(e->b, kind));
}

bool pz_filter_is_number(const struct pz_filter_column *c)
{
    return c->kind == PZ_ATTR_NUMBER || c->kind == PZ_ATTR_BOOL;
}

const struct pz_filter_column *pz_filter_left(const struct pz_filter *f,
                                              const struct pz_filter_node *test)
{
    return &f->column[test->left->column];
}

static enum pz_status memory(struct check *c)
{
    return pz_err_memory(c->err, "a filter", 1e4);
}

/* ---- tables and columns */
enum table { ITEMS, USERS, EVENTS, THE_USER, THE_ITEM };
struct table_name {
    const char *name;
    enum table table;
};
static const struct table_name table_names[] = {
    { "Items", ITEMS },
    { "Item", ITEMS },
    { "Actions", ITEMS },
    { "Action", ITEMS },
    { "Users", USERS },
    { "User", USERS },
    { "Interactions", EVENTS },
    { "Action_Interactions", EVENTS },
    { "CurrentUser", THE_USER },
    { "CurrentItem", THE_ITEM },
    { "CurrentAction", THE_ITEM },
};
enum { N_TABLES = sizeof table_names / sizeof *table_names };

static enum pz_status unknown_table(struct check *c, const struct pz_filter_expr *ref)
{
    const char *names[N_TABLES];

    for (size_t i = 0; i < N_TABLES; i++)
        names[i] = table_names[i].name;
    return pz_filter_fault(c->f->text, ref->at, c->err,
                           "there is no table %s%s (there are Items, Users, Interactions, "
                           "CurrentUser and CurrentItem)",
                           ref->table, pz_str_hint("", ref->table, names, N_TABLES).text);
}

/* The area of a reference, and whether its columns are those of users. */
static enum pz_status find_area(struct check *c, const struct pz_filter_expr *ref,
                                enum pz_filter_area *area, bool *of_users)
{
    bool rows_are_users = c->f->of_users;
    enum table table = c->position == IN_COUNT                   ? EVENTS
                       : c->position == IN_IF && !rows_are_users ? THE_USER
                       : rows_are_users                          ? USERS
                                                                 : ITEMS;

    if (ref->table) {
        size_t i = 0;

        while (i < N_TABLES && !pz_str_same_name(table_names[i].name, ref->table))
            i++;
        if (i == N_TABLES)
            return unknown_table(c, ref);
        table = table_names[i].table;
    }
    if (rows_are_users && (table == ITEMS || table == THE_USER))
        return pz_filter_fault(c->f->text, ref->at, c->err,
                               "a filter of users speaks of Users, Interactions and CurrentItem");
    if (rows_are_users && table == EVENTS && c->position == IN_IF)
        return pz_filter_fault(c->f->text, ref->at, c->err,
                               "a filter of users has no current user");
    *of_users = table == USERS || table == THE_USER;
    *area = table == EVENTS                                            ? PZ_AREA_EVENT
            : table == THE_ITEM                                        ? PZ_AREA_ITEM
            : table == THE_USER || (table == USERS && !rows_are_users) ? PZ_AREA_USER
                                                                       : PZ_AREA_ROW;
    if (c->position == IN_IF && *area == PZ_AREA_ROW)
        return pz_filter_fault(
            c->f->text, ref->at, c->err,
            "IF is decided once for a query; what differs from row to row belongs before IF");
    return PZ_OK;
}

static const char *area_name(enum pz_filter_area area, bool of_users)
{
    return area == PZ_AREA_EVENT ? "Interactions" : of_users ? "Users" : "Items";
}

static const struct pz_attrs *model_attrs(const struct check *c, enum pz_filter_area area,
                                          bool of_users)
{
    return area == PZ_AREA_EVENT ? &c->f->m->context
           : of_users            ? &c->f->m->user_attrs
                                 : &c->f->m->item_attrs;
}

static const struct pz_attrs *live_attrs(const struct check *c, enum pz_filter_area area,
                                         bool of_users)
{
    const struct pz_overlay *o = of_users ? c->f->users : c->f->items;

    return o && area != PZ_AREA_EVENT ? &o->attrs : NULL;
}

static enum pz_status unknown_column(struct check *c, const struct pz_filter_expr *ref,
                                     enum pz_filter_area area, bool of_users)
{
    static const char *const reserved[] = { "EVENT_TYPE", "EVENT_VALUE", "TIMESTAMP", "ITEM_ID" };
    const struct pz_attrs *in[2] = { model_attrs(c, area, of_users),
                                     live_attrs(c, area, of_users) };
    /* More names than that are not searched for the one that was perhaps meant. */
    const char *names[512];
    size_t n = 0;

    for (size_t i = 0; i < 4 && area == PZ_AREA_EVENT; i++)
        names[n++] = reserved[i];
    if (area != PZ_AREA_EVENT)
        names[n++] = of_users ? "USER_ID" : "ITEM_ID";
    for (int k = 0; k < 2; k++)
        for (uint32_t a = 0; in[k] && a < in[k]->n_attrs && n < 512; a++)
            names[n++] = in[k]->attr[a].name;
    return pz_filter_fault(c->f->text, ref->at, c->err, "%s has no column %s%s",
                           area_name(area, of_users), ref->text,
                           pz_str_hint("", ref->text, names, n).text);
}

/* The columns that every table has. */
static bool reserved_column(struct pz_filter_column *col, const char *name)
{
    static const struct {
        const char *name;
        enum pz_filter_what what;
        enum pz_attr_kind kind;
    } events[] = { { "EVENT_TYPE", PZ_WHAT_TYPE, PZ_ATTR_STRING },
                   { "EVENT_VALUE", PZ_WHAT_VALUE, PZ_ATTR_NUMBER },
                   { "TIMESTAMP", PZ_WHAT_TIME, PZ_ATTR_NUMBER },
                   { "ITEM_ID", PZ_WHAT_ID, PZ_ATTR_STRING },
                   { "ACTION_ID", PZ_WHAT_ID, PZ_ATTR_STRING } };

    for (size_t i = 0; i < 5 && col->area == PZ_AREA_EVENT; i++)
        if (pz_str_same_name(name, events[i].name)) {
            col->what = events[i].what;
            col->kind = events[i].kind;
            col->is_float = col->what == PZ_WHAT_VALUE;
            return true;
        }
    col->what = PZ_WHAT_ID;
    col->kind = PZ_ATTR_STRING;
    return col->area != PZ_AREA_EVENT && (col->of_users ? pz_str_same_name(name, "USER_ID")
                                                        : pz_str_same_name(name, "ITEM_ID") ||
                                                              pz_str_same_name(name, "ACTION_ID"));
}

static enum pz_status find_column(struct check *c, struct pz_filter_expr *ref)
{
    struct pz_filter *f = c->f;
    struct pz_filter_column *col;
    enum pz_filter_area area = PZ_AREA_ROW;
    bool of_users = false;
    enum pz_status st = find_area(c, ref, &area, &of_users);

    if (st != PZ_OK)
        return st;
    if (!pz_mem_grow(&f->column, &f->cap_columns, f->n_columns + 1, sizeof *f->column))
        return memory(c);
    col = &f->column[f->n_columns];
    *col = (struct pz_filter_column){ .area = area, .of_users = of_users };
    if (!reserved_column(col, ref->text)) {
        const struct pz_attr *live = pz_attrs_find(live_attrs(c, area, of_users), ref->text);

        col->what = PZ_WHAT_ATTR;
        col->attr = pz_attrs_find(model_attrs(c, area, of_users), ref->text);
        if (!col->attr && !live)
            return unknown_column(c, ref, area, of_users);
        col->kind = col->attr ? col->attr->kind : live->kind;
        col->over = live;
        col->is_float = pz_attr_is_float(col->attr ? col->attr : live);
        memcpy(col->name, col->attr ? col->attr->name : live->name, sizeof col->name);
    }
    f->uses_user |= area == PZ_AREA_USER;
    f->uses_item |= area == PZ_AREA_ITEM;
    f->uses_context |= area == PZ_AREA_EVENT && col->what == PZ_WHAT_ATTR;
    ref->column = (uint32_t)f->n_columns++;
    return PZ_OK;
}

/* ---- values */
static enum pz_status find_place(struct check *c, struct pz_filter_expr *e, bool number,
                                 bool scalar)
{
    struct pz_filter *f = c->f;
    struct pz_filter_place *p;
    size_t i = 0;

    while (i < f->n_places && strcmp(f->place[i].name, e->text) != 0)
        i++;
    if (i == f->n_places) {
        if (!pz_mem_grow(&f->place, &f->cap_places, i + 1, sizeof *f->place))
            return memory(c);
        f->place[f->n_places++] = (struct pz_filter_place){ .name = e->text, .at = e->at };
    }
    p = &f->place[i];
    p->number |= number;
    p->scalar |= scalar;
    p->required |= c->clause->include;
    e->place = (uint32_t)i;
    return PZ_OK;
}

/* "click, rating" in one pair of quotes, as Personalize's guide writes it: these two types, or one
 * of that name. */
static enum pz_status check_type(struct check *c, struct pz_filter_expr *e)
{
    struct pz_filter_expr *last = e;

    for (const char *part = strchr(e->text, ',') ? e->text : NULL; part;
         part = strchr(part, ',') ? strchr(part, ',') + 1 : NULL) {
        const char *from = part + strspn(part, " ");
        size_t n = strcspn(from, ",");
        struct pz_filter_expr *more = pz_arena_take(&c->f->arena, sizeof *more);

        while (n > 0 && from[n - 1] == ' ')
            n--;
        if (!more)
            return memory(c);
        *more = *last;
        if (!(more->text = pz_arena_strndup(&c->f->arena, from, n)))
            return memory(c);
        last->next = more;
        last = more;
    }
    return PZ_OK;
}

static enum pz_status check_ref(struct check *c, struct pz_filter_expr *e, bool number)
{
    enum pz_status st = find_column(c, e);
    const struct pz_filter_column *col;

    if (st != PZ_OK)
        return st;
    if (number && (st = pz_filter_text_times(c->f, &c->f->column[e->column], c->err)) != PZ_OK)
        return st;
    col = &c->f->column[e->column];
    if (col->area == PZ_AREA_EVENT)
        return pz_filter_fault(c->f->text, e->at, c->err,
                               "Interactions can only stand on the left of an operator");
    if (pz_filter_is_number(col) != number)
        return pz_filter_fault(c->f->text, e->at, c->err, "%s holds %s, %s are needed here",
                               e->text, number ? "texts" : "numbers", number ? "numbers" : "texts");
    return PZ_OK;
}

/* truth: true and false are meant; inside: of a sum or product; scalar: one value is needed. */
static enum pz_status check_number(struct check *c, struct pz_filter_expr *e, bool truth,
                                   bool inside, bool scalar)
{
    enum pz_status st = PZ_OK;

    switch (e->kind) {
    case PZ_EXPR_NUMBER:
    case PZ_EXPR_NOW:
        return PZ_OK;
    case PZ_EXPR_TRUTH:
        e->kind = PZ_EXPR_NUMBER;
        return truth ? PZ_OK
                     : pz_filter_fault(c->f->text, e->at, c->err,
                                       "a number is needed, not true or false");
    case PZ_EXPR_TEXT:
        if (strcmp(e->text, "*") == 0 && !scalar)
            return PZ_OK;
        if (!pz_filter_number(e->text, strlen(e->text), truth, &e->num))
            return pz_filter_fault(c->f->text, e->at, c->err, "%s is needed",
                                   truth ? "true or false" : "a number or an ISO-8601 time");
        e->is_time = !truth && pz_filter_time(e->text, strlen(e->text), &e->num);
        e->kind = PZ_EXPR_NUMBER;
        return PZ_OK;
    case PZ_EXPR_PLACE:
        return find_place(c, e, true, scalar || inside);
    case PZ_EXPR_REF:
        return check_ref(c, e, true);
    default:
        st = check_number(c, e->a, false, true, true);
        return st == PZ_OK && e->b ? check_number(c, e->b, false, true, true) : st;
    }
}

static enum pz_status check_text(struct check *c, struct pz_filter_expr *e, bool scalar)
{
    switch (e->kind) {
    case PZ_EXPR_TEXT:
    case PZ_EXPR_NUMBER:
    case PZ_EXPR_TRUTH:
        return PZ_OK;
    case PZ_EXPR_PLACE:
        return find_place(c, e, false, scalar);
    case PZ_EXPR_REF:
        return check_ref(c, e, false);
    default:
        return pz_filter_fault(c->f->text, e->at, c->err, "a text is needed, in quotes");
    }
}

/* ---- tests */
static bool has_area(const struct pz_filter *f, const struct pz_filter_expr *e,
                     enum pz_filter_area area)
{
    return e && ((e->kind == PZ_EXPR_REF && f->column[e->column].area == area) ||
                 has_area(f, e->a, area) || has_area(f, e->b, area));
}

static bool is_order(enum pz_filter_op op)
{
    return op >= PZ_OP_LESS && op <= PZ_OP_GREATER_EQUAL;
}

static enum pz_status check_op(struct check *c, struct pz_filter_node *n,
                               const struct pz_filter_column *col)
{
    bool order = is_order(n->op);
    const char *name = n->left->text;

    if (order && col->kind != PZ_ATTR_NUMBER)
        return pz_filter_fault(c->f->text, n->left->at, c->err,
                               "%s holds %s; <, <=, > and >= need a column of numbers or of dates",
                               name, col->kind == PZ_ATTR_BOOL ? "true and false" : "texts");
    if (n->op >= PZ_OP_ALL && n->op <= PZ_OP_EXACTLY &&
        (pz_filter_is_number(col) || col->what != PZ_WHAT_ATTR))
        return pz_filter_fault(
            c->f->text, n->left->at, c->err,
            "%s has one value a row: use IN; HAS is for columns of several texts", name);
    if (n->op == PZ_OP_TRUE) {
        struct pz_filter_expr *one = pz_arena_take(&c->f->arena, sizeof *one);

        if (col->kind != PZ_ATTR_BOOL)
            return pz_filter_fault(c->f->text, n->left->at, c->err,
                                   "%s is not a boolean column: an operator is needed behind it",
                                   name);
        if (!one)
            return memory(c);
        *one = (struct pz_filter_expr){ .kind = PZ_EXPR_NUMBER, .at = n->at, .num = 1 };
        n->op = PZ_OP_ANY;
        n->right = one;
    }
    return PZ_OK;
}

static enum pz_status check_right(struct check *c, struct pz_filter_node *n, bool number,
                                  bool truth, enum pz_filter_what what)
{
    bool is_ask = false, is_bound = false;
    enum pz_status st = PZ_OK;

    /* What needs a value of the moment, of the user or of the item is decided when a question
     * comes; placeholders when values are bound; everything else once, now. */
    for (struct pz_filter_expr *e = n->right, *next; e && st == PZ_OK; e = next) {
        next = e->next; /* check_type may put more in between */
        st = number ? check_number(c, e, truth, false, n->scalar) : check_text(c, e, n->scalar);
        if (st == PZ_OK && what == PZ_WHAT_TYPE && e->kind == PZ_EXPR_TEXT)
            st = check_type(c, e);
        if (st != PZ_OK) /* and columns may not be known */
            return st;
        is_ask |= pz_filter_expr_has(e, PZ_EXPR_NOW) || has_area(c->f, e, PZ_AREA_USER) ||
                  has_area(c->f, e, PZ_AREA_ITEM);
        is_bound |= pz_filter_expr_has(e, PZ_EXPR_PLACE);
        n->by_row |= has_area(c->f, e, PZ_AREA_ROW);
    }
    n->when = is_ask ? PZ_WHEN_ASKED : is_bound ? PZ_WHEN_BOUND : PZ_WHEN_COMPILED;
    return st;
}

/* The units of the columns in an expression that is a time. */
static void find_units(struct check *c, const struct pz_filter_expr *e)
{
    if (!e)
        return;
    if (e->kind == PZ_EXPR_REF)
        pz_filter_find_unit(c->f, &c->f->column[e->column]);
    find_units(c, e->a);
    find_units(c, e->b);
}

static void find_test_units(struct check *c, const struct pz_filter_node *n)
{
    for (const struct pz_filter_expr *e = n->right; e; e = e->next)
        if (pz_filter_is_time(e) || e->kind == PZ_EXPR_PLACE ||
            (e->kind == PZ_EXPR_NUMBER &&
             fabs(e->num) >= 19000101)) { /* the least that is a time */
            find_units(c, n->left);
            find_units(c, e);
        }
}

static enum pz_status check_test(struct check *c, struct pz_filter_node *n)
{
    struct pz_filter_column col;
    enum pz_status st = find_column(c, n->left);

    if (st != PZ_OK)
        return st;
    if (is_order(n->op) &&
        (st = pz_filter_text_times(c->f, &c->f->column[n->left->column], c->err)) != PZ_OK)
        return st;
    col = *pz_filter_left(c->f, n); /* the array may move */
    if (c->position == IN_COUNT && col.area != PZ_AREA_EVENT)
        return pz_filter_fault(c->f->text, n->at, c->err,
                               "inside COUNT only columns of Interactions can be tested");
    st = check_op(c, n, &col);
    if (st == PZ_OK)
        st = check_right(c, n, pz_filter_is_number(&col), col.kind == PZ_ATTR_BOOL, col.what);
    if (st == PZ_OK && n->by_row &&
        (col.area == PZ_AREA_EVENT || !pz_filter_is_number(&col) || n->op == PZ_OP_ANY))
        st = pz_filter_fault(c->f->text, n->right->at, c->err,
                             "two columns can be compared by <, <=, > and >= when both hold "
                             "numbers of the row; for texts put the row's column on the left");
    if (st == PZ_OK && pz_filter_is_number(&col))
        find_test_units(c, n);
    return st;
}

static enum pz_status check_node(struct check *c, struct pz_filter_node *n)
{
    enum position outer = c->position;
    enum pz_status st = PZ_OK;

    if (n->kind == PZ_NODE_TEST)
        return check_test(c, n);
    if (n->kind == PZ_NODE_COUNT) {
        if (outer == IN_COUNT)
            return pz_filter_fault(c->f->text, n->at, c->err, "COUNT inside COUNT has no meaning");
        if (outer == IN_IF && c->f->of_users)
            return pz_filter_fault(c->f->text, n->at, c->err,
                                   "a filter of users has no current user");
        st = check_right(c, n, true, false, PZ_WHAT_VALUE);
        if (st == PZ_OK && n->by_row)
            st = pz_filter_fault(c->f->text, n->right->at, c->err,
                                 "COUNT cannot be compared with a column of the row");
        c->position = IN_COUNT;
    }
    for (struct pz_filter_node *child = n->child; child && st == PZ_OK; child = child->next)
        st = check_node(c, child);
    c->position = outer;
    return st;
}

/* ---- bringing conditions on Interactions into the form of counts */
static bool of_one_event(const struct pz_filter *f, const struct pz_filter_node *n)
{
    if (n->kind == PZ_NODE_TEST)
        return pz_filter_left(f, n)->area == PZ_AREA_EVENT;
    if (n->kind != PZ_NODE_AND && n->kind != PZ_NODE_OR)
        return false;
    for (const struct pz_filter_node *child = n->child; child; child = child->next)
        if (!of_one_event(f, child))
            return false;
    return true;
}

/* COUNT(Interactions WHERE predicate) >= 1; NULL when memory is out. */
static struct pz_filter_node *exists(struct pz_filter *f, struct pz_filter_node *predicate)
{
    struct pz_filter_node *n = pz_arena_take(&f->arena, sizeof *n);
    struct pz_filter_expr *one = pz_arena_take(&f->arena, sizeof *one);

    if (!n || !one)
        return NULL;
    *one = (struct pz_filter_expr){ .kind = PZ_EXPR_NUMBER, .at = predicate->at, .num = 1 };
    *n = (struct pz_filter_node){ .kind = PZ_NODE_COUNT,
                                  .at = predicate->at,
                                  .child = predicate,
                                  .op = PZ_OP_GREATER_EQUAL,
                                  .scalar = true,
                                  .right = one };
    return n;
}

static void append(struct pz_filter_node ***tail, struct pz_filter_node *n)
{
    n->next = NULL;
    **tail = n;
    *tail = &n->next;
}

/* The children of n in two lists; those of an AND inside an AND (OR inside OR) count as its own. */
static void sort_children(const struct pz_filter *f, struct pz_filter_node *n,
                          struct pz_filter_node ***events, struct pz_filter_node ***others)
{
    for (struct pz_filter_node *child = n->child, *next; child; child = next) {
        next = child->next;
        if (of_one_event(f, child))
            append(events, child);
        else if (child->kind == n->kind)
            sort_children(f, child, events, others);
        else
            append(others, child);
    }
}

static struct pz_filter_node *lift(struct pz_filter *f, struct pz_filter_node *n)
{
    struct pz_filter_node *events = NULL, *others = NULL, *list = NULL, **e = &events,
                          **o = &others, **tail = &list, *one;

    if (of_one_event(f, n))
        return exists(f, n);
    if (n->kind == PZ_NODE_TEST || n->kind == PZ_NODE_COUNT)
        return n;
    if (n->kind == PZ_NODE_NOT) {
        n->child = lift(f, n->child);
        return n->child ? n : NULL;
    }
    /* Tests of one interaction that stand side by side in an AND speak of the same interaction, so
     * they stay together; the others are lifted each by itself. */
    sort_children(f, n, &e, &o);
    if (events) {
        one = events;
        if (events->next) {
            if (!(one = pz_arena_take(&f->arena, sizeof *one)))
                return NULL;
            *one = (struct pz_filter_node){ .kind = n->kind, .at = events->at, .child = events };
        }
        if (!(one = exists(f, one)))
            return NULL;
        append(&tail, one);
    }
    for (struct pz_filter_node *child = others, *next; child; child = next) {
        next = child->next;
        if (!(one = lift(f, child)))
            return NULL;
        append(&tail, one);
    }
    n->child = list;
    return n;
}

/* ---- numbers */
static enum pz_status number_tests(struct pz_filter *f, struct pz_filter_node *n, size_t depth)
{
    enum pz_status st = PZ_OK;

    /* Evaluation takes a bit set per level: sized here, once. */
    f->depth = depth > f->depth ? depth : f->depth;
    f->uses_events |= n->kind == PZ_NODE_COUNT;
    if (n->kind == PZ_NODE_TEST || n->kind == PZ_NODE_COUNT) {
        if (!pz_mem_grow(&f->test, &f->cap_tests, f->n_tests + 1, sizeof *f->test))
            return PZ_TRY_AGAIN;
        n->id = (uint32_t)f->n_tests;
        f->test[f->n_tests++] = n;
    }
    for (struct pz_filter_node *child = n->child; child && st == PZ_OK; child = child->next)
        st = number_tests(f, child, depth + 1);
    return st;
}

static enum pz_status check_clause(struct check *c, struct pz_filter_clause *clause)
{
    struct pz_filter *f = c->f;
    enum pz_status st;

    if (pz_str_same_name(clause->target, "UserID") != f->of_users)
        return pz_filter_fault(f->text, clause->at, c->err,
                               "all parts of a filter must be about the same: ItemID or UserID");
    clause->id = (uint32_t)f->n_clauses++;
    c->clause = clause;
    c->position = IN_WHERE;
    st = check_node(c, clause->where);
    c->position = IN_IF;
    if (st == PZ_OK && clause->only_if)
        st = check_node(c, clause->only_if);
    if (st != PZ_OK)
        return st;
    clause->where = lift(f, clause->where);
    if (clause->only_if && clause->where && !(clause->only_if = lift(f, clause->only_if)))
        clause->where = NULL;
    if (!clause->where || number_tests(f, clause->where, 1) != PZ_OK ||
        (clause->only_if && number_tests(f, clause->only_if, 1) != PZ_OK))
        return memory(c);
    return PZ_OK;
}

enum pz_status pz_filter_check(struct pz_filter *f, struct pz_err *err)
{
    struct check c = { .f = f, .err = err };
    enum pz_status st = PZ_OK;

    f->of_users = pz_str_same_name(f->clause->target, "UserID");
    for (struct pz_filter_clause *clause = f->clause; clause && st == PZ_OK; clause = clause->next)
        st = check_clause(&c, clause);
    return st;
}
