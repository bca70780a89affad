/* SPDX-License-Identifier: Apache-2.0 */
/* Random filters, made as trees and written out as text: what the compiled filter answers must be
 * what the tree answers row by row from the plain texts of the tables. */
#include <strings.h>

#include "base/rng.h"
#include "fixture_filter.h"
#include "tests/unit/unit.h"

enum { N_EXPRESSIONS = 10000, N_ITEMS = 70, N_USERS = 12, MAX_KIDS = 3, MAX_RIGHT = 3 };

/* ---- trees */
enum area { ITEM_ROW, USER_ROW, THE_USER, THE_ITEM, EVENT };
enum leaf_kind { L_TEXT, L_NUMBER, L_STAR, L_REF, L_NOW, L_PLACE };

struct leaf {
    enum leaf_kind kind;
    const char *text; /* TEXT; column of REF */
    double num;
    enum area area;
    int place;
};

struct value { /* leaf, or leaf op leaf */
    struct leaf a, b;
    char op; /* '\0': a alone */
};

enum op { ANY, ALL, ONLY, EXACTLY, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, IS_NULL };

struct tree {
    enum { AND, OR, NOT, TEST, COUNT } kind;
    struct tree *kid[MAX_KIDS];
    int n_kids;
    enum area area;
    const char *column;
    char type; /* of the column: n, b, c, s */
    enum op op;
    bool negated, as_list;
    struct value right[MAX_RIGHT];
    int n_right;
};

struct clause {
    bool include;
    struct tree *where, *only_if;
};

struct world {
    struct pz_rng rng;
    struct pz_arena arena;
    struct shop *shop;
    struct table new_items, new_users;
    struct pz_overlay items, users;
    size_t first[N_USERS + 1]; /* of each user in the table of events */
    /* of one expression */
    bool overlaid, of_users;
    struct pz_live live;
    struct pz_filter_env env;
    struct pz_str place[4]; /* as given; empty: not given */
    const char *texts[4][3];
    double nums[4][3];
    int n_values[4];
};

static uint32_t below(struct world *w, uint32_t n)
{
    return pz_rng_below(&w->rng, n);
}

static const char *const pool[] = { "A", "B", "C", "a", "x y", "q\"t", "it's", "D" };

static const char *any_text(struct world *w)
{
    return pool[below(w, sizeof pool / sizeof *pool)];
}

/* ---- tables */
static void add_multi(struct world *w, struct pz_str *s)
{
    uint32_t n = below(w, 4);

    for (uint32_t i = 0; i < n; i++)
        pz_str_addf(s, "%s%s", i ? "|" : "", any_text(w));
}

static double any_number(struct world *w)
{
    int whole = (int)below(w, 41) - 10;

    return below(w, 3) ? whole : whole + below(w, 10) / 10.0;
}

static void add_number(struct world *w, struct pz_str *s)
{
    if (below(w, 6))
        pz_str_addf(s, "%g", any_number(w));
}

static void add_bool(struct world *w, struct pz_str *s)
{
    static const char *const words[] = { "true", "false", "" };

    pz_str_adds(s, words[below(w, 3)]);
}

/* A row by the kinds of its columns. */
static void add_row(struct world *w, struct pz_str *s, const char *kinds)
{
    for (; *kinds; kinds++) {
        pz_str_addc(s, ';');
        if (*kinds == 'n')
            add_number(w, s);
        else if (*kinds == 'b')
            add_bool(w, s);
        else if (*kinds == 'c')
            add_multi(w, s);
        else if (below(w, 5))
            pz_str_adds(s, any_text(w));
    }
    pz_str_addc(s, '\n');
}

static void make_world(struct world *w)
{
    static const char *const types[] = { "Click", "Stream", "buy" };
    struct pz_str items = { 0 }, users = { 0 }, events = { 0 }, more = { 0 }, others = { 0 };

    pz_rng_init(&w->rng, 20260101, 4);
    pz_str_adds(&items, "ITEM_ID;CAT:c;BRAND:s;PRICE:n;OLD_PRICE:d;SALE:b\n");
    pz_str_adds(&users, "USER_ID;AGE:n;TIER:s;LIKES:c;VIP:b\n");
    pz_str_adds(&events,
                "USER_ID;ITEM_ID:s;EVENT_TYPE:s;TIMESTAMP:n;EVENT_VALUE:n;DEVICE:c;QTY:n\n");
    pz_str_adds(&more, "ITEM_ID;CAT:c;PRICE:n;EXTRA:n;TAG:c\n");
    pz_str_adds(&others, "USER_ID;LIKES:c;AGE:n\n");
    for (int i = 0; i < N_ITEMS; i++) {
        pz_str_addf(&items, "i%02d", i);
        add_row(w, &items, "csnnb");
        if (i % 7 == 0) {
            pz_str_addf(&more, "i%02d", i);
            add_row(w, &more, "cnnc");
        }
    }
    pz_str_adds(&more, "new;A|B;3;4;B\n");
    for (int u = 0; u < N_USERS; u++) {
        pz_str_addf(&users, "u%02d", u);
        add_row(w, &users, "nscb");
        if (u % 3 == 0) {
            pz_str_addf(&others, "u%02d", u);
            add_row(w, &others, "cn");
        }
        w->first[u + 1] = w->first[u];
        for (uint32_t e = below(w, 60); e > 0; e--, w->first[u + 1]++) {
            pz_str_addf(&events, "u%02d;i%02u;%s;%u", u, below(w, N_ITEMS), types[below(w, 3)],
                        below(w, 1000));
            add_row(w, &events, "ncn");
        }
    }
    w->shop = make_shop(items.data, users.data, events.data);
    w->new_items = read_table(more.data);
    w->new_users = read_table(others.data);
    w->items = make_overlay(&w->new_items);
    w->users = make_overlay(&w->new_users);
    pz_str_clear(&items);
    pz_str_clear(&users);
    pz_str_clear(&events);
    pz_str_clear(&more);
    pz_str_clear(&others);
}

static void free_world(struct world *w)
{
    clear_overlay(&w->items);
    clear_overlay(&w->users);
    free_table(&w->new_items);
    free_table(&w->new_users);
    free_shop(w->shop);
    for (int p = 0; p < 4; p++)
        pz_str_clear(&w->place[p]);
    pz_arena_clear(&w->arena);
}

/* ---- making trees */
struct column_of {
    enum area area;
    const char *name;
    char type;
    bool put; /* only in rows put since */
};
static const struct column_of columns[] = {
    { ITEM_ROW, "CAT", 'c', false },      { ITEM_ROW, "BRAND", 's', false },
    { ITEM_ROW, "PRICE", 'n', false },    { ITEM_ROW, "OLD_PRICE", 'n', false },
    { ITEM_ROW, "SALE", 'b', false },     { ITEM_ROW, "ITEM_ID", 's', false },
    { ITEM_ROW, "EXTRA", 'n', true },     { ITEM_ROW, "TAG", 'c', true },
    { USER_ROW, "AGE", 'n', false },      { USER_ROW, "TIER", 's', false },
    { USER_ROW, "LIKES", 'c', false },    { USER_ROW, "VIP", 'b', false },
    { USER_ROW, "USER_ID", 's', false },  { EVENT, "EVENT_TYPE", 's', false },
    { EVENT, "EVENT_TYPE", 's', false },  { EVENT, "TIMESTAMP", 'n', false },
    { EVENT, "EVENT_VALUE", 'n', false }, { EVENT, "ITEM_ID", 's', false },
    { EVENT, "DEVICE", 'c', false },      { EVENT, "QTY", 'n', false },
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* A random column of an area, of a type ('t': c or s; '\0': any). */
static const struct column_of *any_column(struct world *w, enum area area, char type)
{
    enum area stored = area == THE_ITEM ? ITEM_ROW : area == THE_USER ? USER_ROW : area;

    for (;;) {
        const struct column_of *c = &columns[below(w, N_COLUMNS)];

        if (c->area == stored && (!c->put || w->overlaid) &&
            (!type || c->type == type || (type == 't' && (c->type == 'c' || c->type == 's'))))
            return c;
    }
}

static enum area outside(struct world *w)
{
    return w->of_users || below(w, 2) ? THE_ITEM : THE_USER;
}

static struct leaf number_leaf(struct world *w)
{
    struct leaf l = { .kind = L_NUMBER, .num = any_number(w) };
    uint32_t kind = below(w, 8);

    if (kind == 0)
        return (struct leaf){ .kind = L_NOW };
    if (kind == 1)
        return (struct leaf){ .kind = L_PLACE, .place = 2 };
    if (kind == 2) {
        l = (struct leaf){ .kind = L_REF, .area = outside(w) };
        l.text = any_column(w, l.area, 'n')->name;
    }
    return l;
}

static struct value number_value(struct world *w)
{
    struct value v = { .a = number_leaf(w) };

    if (below(w, 3) == 0) {
        v.op = "+-*"[below(w, 3)];
        v.b = number_leaf(w);
    }
    return v;
}

static struct value text_value(struct world *w, const struct tree *t)
{
    static const char *const types[] = { "click", "STREAM", "Buy" };
    struct value v = { .a = { .kind = L_TEXT, .text = any_text(w) } };
    uint32_t kind = below(w, 10);
    char *id = pz_arena_take(&w->arena, 8);

    if (strcmp(t->column, "EVENT_TYPE") == 0) {
        v.a.text = types[below(w, 3)];
    } else if (strcmp(t->column, "ITEM_ID") == 0) {
        snprintf(id, 8, "i%02u", below(w, N_ITEMS + 5));
        v.a.text = id;
    } else if (strcmp(t->column, "USER_ID") == 0) {
        snprintf(id, 8, "u%02u", below(w, N_USERS));
        v.a.text = id;
    }
    if (kind == 0 && t->op == ANY) {
        v.a.kind = L_STAR;
    } else if (kind == 1) {
        v.a = (struct leaf){ .kind = L_PLACE, .place = (int)below(w, 2) };
    } else if (kind == 2) {
        v.a = (struct leaf){ .kind = L_REF, .area = outside(w) };
        v.a.text = any_column(w, v.a.area, 't')->name;
    }
    return v;
}

static void fill_right(struct world *w, struct tree *t)
{
    t->as_list = t->op <= EXACTLY && (t->op != ANY || below(w, 3));
    t->n_right = t->op == IS_NULL ? 0 : t->as_list ? 1 + (int)below(w, MAX_RIGHT) : 1;
    for (int i = 0; i < t->n_right; i++) {
        struct value *v = &t->right[i];

        if (t->type == 'b')
            *v = (struct value){ .a = { .kind = L_NUMBER, .num = below(w, 2) } };
        else if (t->type == 'n' && t->as_list && below(w, 6) == 0)
            *v = (struct value){ .a = { .kind = L_PLACE, .place = 3 } };
        else
            *v = t->type == 'n' ? number_value(w) : text_value(w, t);
        if (!t->as_list && (v->a.kind == L_STAR || (v->a.kind == L_PLACE && v->a.place != 2)))
            t->as_list = true;
    }
}

static struct tree *make_test(struct world *w, enum area area)
{
    struct tree *t = pz_arena_take(&w->arena, sizeof *t);
    const struct column_of *c = any_column(w, area, '\0');
    bool many = c->type == 'c' || strcmp(c->name, "BRAND") == 0;

    *t = (struct tree){ .kind = TEST, .area = area, .column = c->name, .type = c->type };
    t->negated = below(w, 3) == 0;
    if (below(w, 12) == 0)
        t->op = IS_NULL;
    else if (c->type == 'n' && below(w, 3))
        t->op = LESS + below(w, 4);
    else if (many && below(w, 2))
        t->op = ANY + below(w, 4);
    if (t->op >= LESS && t->op <= GREATER_EQUAL)
        t->negated = false;
    if (t->op >= ALL && t->op <= EXACTLY)
        t->negated = false;
    fill_right(w, t);
    if (t->op >= LESS && t->op <= GREATER_EQUAL && area == ITEM_ROW && below(w, 4) == 0)
        t->right[0] = (struct value){ .a = { .kind = L_REF, .area = ITEM_ROW, .text = "OLD_PRICE" },
                                      .op = '*',
                                      .b = { .kind = L_NUMBER, .num = 2 } };
    return t;
}

static struct tree *make_tree(struct world *w, const enum area *areas, uint32_t n_areas, int depth)
{
    struct tree *t;
    uint32_t kind = depth > 0 ? below(w, 6) : 9;

    if (kind > 3)
        return make_test(w, areas[below(w, n_areas)]);
    t = pz_arena_take(&w->arena, sizeof *t);
    *t = (struct tree){ .kind = kind == 3 ? NOT : kind == 2 ? OR : AND };
    t->n_kids = t->kind == NOT ? 1 : 2 + (int)below(w, MAX_KIDS - 1);
    for (int i = 0; i < t->n_kids; i++) {
        t->kid[i] = make_tree(w, areas, n_areas, depth - 1);
        if (n_areas > 1 && below(w, 12) == 0) { /* a COUNT, outside of COUNT */
            static const enum area event[] = { EVENT };
            struct tree *count = pz_arena_take(&w->arena, sizeof *count);

            *count = (struct tree){ .kind = COUNT,
                                    .op = below(w, 2) ? ANY : LESS + below(w, 4),
                                    .type = 'n' };
            count->n_kids = below(w, 4) != 0;
            count->kid[0] = make_tree(w, event, 1, 2);
            count->n_right = 1;
            count->right[0].a = (struct leaf){ .kind = L_NUMBER, .num = below(w, 4) };
            t->kid[i] = count;
        }
    }
    return t;
}

/* ---- writing trees as text */
static void word(struct world *w, struct pz_str *s, const char *text)
{
    uint32_t style = below(w, 3);

    for (; *text; text++)
        pz_str_addc(s, style == 0   ? *text
                       : style == 1 ? (char)(*text >= 'a' && *text <= 'z' ? *text - 32 : *text)
                                    : (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text));
}

static void spaces(struct world *w, struct pz_str *s)
{
    pz_str_adds(s, below(w, 5) ? " " : "\n  ");
}

static void write_quoted(struct pz_str *s, const char *text, char quote)
{
    pz_str_addc(s, quote);
    for (; *text; text++) {
        if (*text == quote || *text == '\\')
            pz_str_addc(s, '\\');
        pz_str_addc(s, *text);
    }
    pz_str_addc(s, quote);
}

static void write_ref(struct world *w, struct pz_str *s, enum area area, const char *column)
{
    static const char *const names[] = { "Items", "Users", "CurrentUser", "CurrentItem",
                                         "Interactions" };

    word(w, s, names[area]);
    pz_str_addc(s, '.');
    word(w, s, column);
}

static void write_leaf(struct world *w, struct pz_str *s, const struct leaf *l, char type)
{
    if (l->kind == L_TEXT || l->kind == L_STAR)
        write_quoted(s, l->kind == L_STAR ? "*" : l->text, below(w, 2) ? '"' : '\'');
    else if (l->kind == L_REF)
        write_ref(w, s, l->area, l->text);
    else if (l->kind == L_NOW)
        word(w, s, "NOW()");
    else if (l->kind == L_PLACE)
        pz_str_addf(s, "$P%d", l->place);
    else if (type == 'b' && below(w, 2))
        word(w, s, l->num != 0 ? "TRUE" : "FALSE");
    else if (type == 'b')
        pz_str_adds(s, l->num != 0 ? "'True'" : "\"false\"");
    else
        pz_str_addf(s, below(w, 4) || l->num < 0 ? "%g" : "'%g'", l->num);
}

static void write_value(struct world *w, struct pz_str *s, const struct value *v, char type)
{
    bool around = below(w, 5) == 0 && type == 'n';

    pz_str_adds(s, around ? "(" : "");
    write_leaf(w, s, &v->a, v->op ? 'n' : type);
    if (v->op) {
        pz_str_addf(s, " %c ", v->op);
        write_leaf(w, s, &v->b, 'n');
    }
    pz_str_adds(s, around ? ")" : "");
}

static void write_right(struct world *w, struct pz_str *s, const struct tree *t)
{
    pz_str_adds(s, t->as_list ? "(" : "");
    for (int i = 0; i < t->n_right; i++) {
        pz_str_adds(s, i ? ", " : "");
        write_value(w, s, &t->right[i], t->type);
    }
    pz_str_adds(s, t->as_list ? ")" : "");
}

static void write_op(struct world *w, struct pz_str *s, const struct tree *t)
{
    static const char *const order[] = { "<", "<=", ">", ">=" };
    static const char *const set[] = { "", "HAS ALL", "HAS ONLY", "HAS EXACTLY" };

    spaces(w, s);
    if (t->op == IS_NULL)
        word(w, s, t->negated ? "IS NOT NULL" : "IS NULL");
    else if (t->op >= LESS)
        pz_str_adds(s, order[t->op - LESS]);
    else if (t->op > ANY)
        word(w, s, set[t->op]);
    else if (!t->as_list)
        pz_str_adds(s, !t->negated ? "=" : below(w, 2) ? "!=" : "<>");
    else
        word(w, s, t->negated ? "NOT IN" : "IN");
    spaces(w, s);
}

static void write_tree(struct world *w, struct pz_str *s, const struct tree *t);

static void write_kid(struct world *w, struct pz_str *s, const struct tree *t, int i)
{
    const struct tree *kid = t->kid[i];
    bool must = (t->kind == NOT && kid->kind <= OR) || (t->kind == AND && kid->kind == OR);
    bool around = must || below(w, 6) == 0;

    pz_str_adds(s, around ? "(" : "");
    write_tree(w, s, kid);
    pz_str_adds(s, around ? ")" : "");
}

static void write_tree(struct world *w, struct pz_str *s, const struct tree *t)
{
    if (t->kind == TEST || t->kind == COUNT) {
        if (t->kind == TEST) {
            write_ref(w, s, t->area, t->column);
        } else {
            word(w, s, "COUNT(Interactions");
            if (t->n_kids) {
                word(w, s, " WHERE ");
                write_kid(w, s, t, 0);
            }
            pz_str_addc(s, ')');
        }
        write_op(w, s, t);
        write_right(w, s, t);
        return;
    }
    if (t->kind == NOT)
        word(w, s, "NOT ");
    for (int i = 0; i < t->n_kids; i++) {
        if (i) {
            spaces(w, s);
            word(w, s, t->kind == AND ? "AND" : "OR");
            spaces(w, s);
        }
        write_kid(w, s, t, i);
    }
}

/* ---- answering from trees, row by row */
struct at { /* where a tree is answered */
    struct world *w;
    const char *row;                  /* id of the row; NULL in IF */
    const struct pz_live_event *live; /* of an event: live, */
    size_t event; /* or a row of the table of events, or SIZE_MAX: an inline one */
    const char *inline_item;
};

/* The cell of a row put since, or else of the first table; NULL: null. */
static const char *cell_of(struct world *w, bool users, const char *id, const char *column)
{
    const struct table *in[] = { users ? &w->new_users : &w->new_items,
                                 users ? &w->shop->users : &w->shop->items };

    if (!id || strcmp(column, users ? "USER_ID" : "ITEM_ID") == 0)
        return id;
    for (int k = w->overlaid ? 0 : 1; k < 2; k++) {
        size_t r = (size_t)atoi(id + 1); /* base tables have row N for "iN" and "uN" */

        if (k == 0 || r >= in[k]->n_rows || *id == 'n')
            r = row_of_id(in[k], id, strlen(id));

        if (r == SIZE_MAX || (k == 1 && users && w->live.forgotten && id == w->env.user_id))
            continue;
        for (size_t c = 1; c < in[k]->n_columns; c++)
            if (strcmp(in[k]->name[c], column) == 0)
                return *in[k]->cell[r][c] ? in[k]->cell[r][c] : NULL;
        return NULL;
    }
    return NULL;
}

static const char *property(const struct pz_live_event *e, const char *column)
{
    static char buf[2][64];
    static int turn;
    const char *at = e->properties
                         ? strstr(e->properties,
                                  strcmp(column, "DEVICE") == 0 ? "\"device\":\"" : "\"qty\":\"")
                         : NULL;

    if (!at)
        return NULL;
    at = strchr(at, ':') + 2;
    turn = !turn;
    snprintf(buf[turn], sizeof buf[turn], "%.*s", (int)strcspn(at, "\""), at);
    return *buf[turn] ? buf[turn] : NULL;
}

static const char *event_cell(const struct at *at, const char *column)
{
    static char buf[32];
    const struct table *t = &at->w->shop->events;

    if (at->event != SIZE_MAX)
        for (size_t c = 1; c < t->n_columns; c++)
            if (strcmp(t->name[c], column) == 0)
                return *t->cell[at->event][c] ? t->cell[at->event][c] : NULL;
    if (strcmp(column, "TIMESTAMP") == 0) {
        snprintf(buf, sizeof buf, "%lld", (long long)(at->live ? at->live->time : at->w->env.now));
        return buf;
    }
    if (!at->live)
        return strcmp(column, "ITEM_ID") == 0 ? at->inline_item : NULL;
    if (strcmp(column, "ITEM_ID") == 0)
        return at->live->item_id;
    if (strcmp(column, "EVENT_TYPE") == 0)
        return at->live->event_type;
    if (strcmp(column, "EVENT_VALUE") != 0)
        return property(at->live, column);
    snprintf(buf, sizeof buf, "%g", at->live->value);
    return isnan(at->live->value) ? NULL : buf;
}

static const char *get_cell(const struct at *at, enum area area, const char *column)
{
    const struct pz_filter_env *env = &at->w->env;

    return area == ITEM_ROW   ? cell_of(at->w, false, at->row, column)
           : area == USER_ROW ? cell_of(at->w, true, at->row, column)
           : area == THE_USER ? cell_of(at->w, true, env->user_id, column)
           : area == THE_ITEM ? cell_of(at->w, false, env->item_id, column)
                              : event_cell(at, column);
}

static double to_number(const char *cell)
{
    return !cell                        ? NAN
           : strcmp(cell, "true") == 0  ? 1
           : strcmp(cell, "false") == 0 ? 0
                                        : atof(cell);
}

static double leaf_number(const struct at *at, const struct leaf *l)
{
    return l->kind == L_NUMBER  ? l->num
           : l->kind == L_NOW   ? (double)at->w->env.now
           : l->kind == L_PLACE ? at->w->nums[l->place][0]
                                : to_number(get_cell(at, l->area, l->text));
}

static double value_number(const struct at *at, const struct value *v)
{
    double a = leaf_number(at, &v->a), b = v->op ? leaf_number(at, &v->b) : 0;

    return v->op == '+' ? a + b : v->op == '-' ? a - b : v->op == '*' ? a * b : a;
}

/* As the decimals that are written there: a product of two has two digits behind the point. */
static bool compares(enum op op, double x, double y)
{
    double more = fabs(x - y) < 1e-4 ? 0 : x - y;

    return op == LESS            ? more < 0
           : op == LESS_EQUAL    ? more <= 0
           : op == GREATER       ? more > 0
           : op == GREATER_EQUAL ? more >= 0
                                 : more == 0;
}

static bool number_test(const struct at *at, const struct tree *t, double x)
{
    if (t->op == IS_NULL)
        return isnan(x);
    for (int i = 0; i < t->n_right; i++) {
        double y = t->right[i].a.kind == L_PLACE && t->right[i].a.place == 3
                       ? NAN
                       : value_number(at, &t->right[i]);

        if (compares(t->op, x, y))
            return true;
        if (t->right[i].a.kind == L_PLACE && t->right[i].a.place == 3)
            for (int k = 0; k < at->w->n_values[3]; k++)
                if (compares(t->op, x, at->w->nums[3][k]))
                    return true;
    }
    return false;
}

struct words {
    struct {
        const char *s;
        size_t n;
    } text[16];
    int n;
    bool star;
};

static void put_cell(struct words *set, const char *cell, bool parts)
{
    while (cell && *cell) {
        size_t n = parts ? strcspn(cell, "|") : strlen(cell);

        set->text[set->n].s = cell;
        set->text[set->n++].n = n;
        cell += n + (cell[n] == '|');
    }
}

/* Is the i-th of a in b? */
static bool is_in(const struct words *a, int i, const struct words *b, bool any_case)
{
    const char *s = a->text[i].s;
    size_t n = a->text[i].n;

    for (int k = 0; k < b->n; k++)
        if (b->text[k].n == n &&
            (any_case ? strncasecmp(b->text[k].s, s, n) == 0 : memcmp(b->text[k].s, s, n) == 0))
            return true;
    return false;
}

static bool all_in(const struct words *a, const struct words *b, bool any_case)
{
    for (int i = 0; i < a->n; i++)
        if (!is_in(a, i, b, any_case))
            return false;
    return a->n > 0;
}

static bool text_test(const struct at *at, const struct tree *t, const char *cell)
{
    struct words row = { .n = 0 }, right = { .n = 0 };
    bool any_case = strcmp(t->column, "EVENT_TYPE") == 0;

    put_cell(&row, cell, t->type == 'c');
    if (t->op == IS_NULL)
        return row.n == 0;
    for (int i = 0; i < t->n_right; i++) {
        const struct leaf *l = &t->right[i].a;

        right.star |= l->kind == L_STAR;
        if (l->kind == L_TEXT)
            put_cell(&right, l->text, false);
        for (int k = 0; l->kind == L_PLACE && k < at->w->n_values[l->place]; k++)
            put_cell(&right, at->w->texts[l->place][k], false);
        if (l->kind == L_REF)
            put_cell(&right, get_cell(at, l->area, l->text),
                     strcmp(l->text, "CAT") == 0 || strcmp(l->text, "TAG") == 0 ||
                         strcmp(l->text, "LIKES") == 0);
    }
    if (right.star)
        return any_case || row.n > 0;
    if (t->op != ANY)
        return (t->op == ONLY || all_in(&right, &row, any_case)) &&
               (t->op == ALL || all_in(&row, &right, any_case));
    for (int i = 0; i < row.n; i++)
        if (is_in(&row, i, &right, any_case))
            return true;
    return false;
}

static bool answer_test(const struct at *at, const struct tree *t)
{
    const char *cell = get_cell(at, t->area, t->column);
    bool passes = t->type == 'n' || t->type == 'b' ? number_test(at, t, to_number(cell))
                                                   : text_test(at, t, cell);

    return passes != t->negated;
}

static bool answer_event(const struct at *at, const struct tree *t)
{
    if (t->kind == TEST)
        return answer_test(at, t);
    if (t->kind == NOT)
        return !answer_event(at, t->kid[0]);
    for (int i = 0; i < t->n_kids; i++)
        if (answer_event(at, t->kid[i]) != (t->kind == AND))
            return t->kind != AND;
    return t->kind == AND;
}

/* Counts the interactions that pass all of n trees: of the row's item, of the row's user, or all in
 * IF. */
static int count_events(const struct at *at, struct tree *const *all, int n)
{
    struct world *w = at->w;
    struct at e = *at;
    const char *mine = w->of_users ? at->row : w->env.user_id;
    int count = 0, user = mine ? atoi(mine + 1) : N_USERS;
    bool known = user < N_USERS && !w->live.forgotten;
    size_t from = w->first[known ? user : 0], to = known ? w->first[user + 1] : from;
    size_t n_live = w->of_users ? 0 : w->live.n_events,
           n_inline = w->of_users ? 0 : w->env.n_history;

    for (size_t i = from; i < to + n_live + n_inline; i++) {
        size_t k = i - to;
        bool old = i < to, passes;

        e.event = old ? i : SIZE_MAX;
        e.live = !old && k < n_live ? &w->live.event[k] : NULL;
        e.inline_item = !old && k >= n_live ? w->env.history[k - n_live] : NULL;
        if (!w->of_users && at->row) {
            const char *item = event_cell(&e, "ITEM_ID");

            if (!item || strcmp(item, at->row) != 0)
                continue;
        }
        passes = true;
        for (int j = 0; j < n && passes; j++)
            passes = answer_event(&e, all[j]);
        count += passes;
    }
    return count;
}

static bool answer(const struct at *at, const struct tree *t);

static bool pure(const struct tree *t)
{
    if (t->kind == TEST)
        return t->area == EVENT;
    if (t->kind != AND && t->kind != OR)
        return false;
    for (int i = 0; i < t->n_kids; i++)
        if (!pure(t->kid[i]))
            return false;
    return true;
}

/* The kids of an AND, those of ANDs inside it as its own; pure ones go to one list. */
static bool answer_others(const struct at *at, const struct tree *t, struct tree **events, int *n)
{
    bool passes = true;

    for (int i = 0; i < t->n_kids; i++) {
        if (pure(t->kid[i]))
            events[(*n)++] = t->kid[i];
        else if (t->kid[i]->kind == AND)
            passes &= answer_others(at, t->kid[i], events, n);
        else
            passes &= answer(at, t->kid[i]);
    }
    return passes;
}

static bool answer(const struct at *at, const struct tree *t)
{
    struct tree *events[32];
    int n = 0;
    bool passes;

    if (pure(t)) {
        events[0] = (struct tree *)(uintptr_t)t;
        return count_events(at, events, 1) > 0;
    }
    if (t->kind == TEST)
        return answer_test(at, t);
    if (t->kind == COUNT)
        return number_test(at, t, count_events(at, t->kid, t->n_kids));
    if (t->kind == NOT)
        return !answer(at, t->kid[0]);
    if (t->kind == AND) {
        passes = answer_others(at, t, events, &n);
        return passes && (n == 0 || count_events(at, events, n) > 0);
    }
    for (int i = 0; i < t->n_kids; i++)
        if (answer(at, t->kid[i]))
            return true;
    return false;
}

/* ---- one expression */
static bool uses_place(const struct tree *t, int place)
{
    for (int i = 0; i < t->n_right; i++)
        if ((t->right[i].a.kind == L_PLACE && t->right[i].a.place == place) ||
            (t->right[i].op && t->right[i].b.kind == L_PLACE && t->right[i].b.place == place))
            return true;
    for (int i = 0; i < t->n_kids; i++)
        if (uses_place(t->kid[i], place))
            return true;
    return false;
}

static void make_places(struct world *w)
{
    for (int p = 0; p < 4; p++) {
        pz_str_reset(&w->place[p]);
        w->n_values[p] = p == 2 ? 1 : 1 + (int)below(w, 3);
        if (p == 1 && below(w, 4) == 0)
            w->n_values[p] = 0;
        for (int i = 0; i < w->n_values[p]; i++) {
            w->texts[p][i] = any_text(w);
            w->nums[p][i] = any_number(w);
            pz_str_adds(&w->place[p], i ? ", " : "");
            if (p < 2)
                write_quoted(&w->place[p], w->texts[p][i], below(w, 2) ? '"' : '\'');
            else
                pz_str_addf(&w->place[p], below(w, 2) ? "%g" : "\"%g\"", w->nums[p][i]);
        }
    }
}

static void make_env(struct world *w)
{
    static struct pz_live_event event[6];
    static char ids[24][8];
    static const char *const types[] = { "click", "STREAM", "Buy", "other", NULL };
    static const char *const props[] = { NULL, "{\"device\":\"A|x y\",\"qty\":\"7\"}",
                                         "{\"device\":\"\"}", "{\"qty\":\"-3\"}",
                                         "{\"device\":\"a\"}" };
    static const char *history[3];
    int id = 0;

    w->overlaid = below(w, 2);
    w->of_users = below(w, 10) == 0;
    memset(&w->live, 0, sizeof w->live);
    w->live.event = event;
    w->live.n_events = below(w, 7);
    w->live.forgotten = below(w, 20) == 0 && !w->of_users;
    for (size_t i = 0; i < w->live.n_events; i++) {
        snprintf(ids[id], 8, "i%02u", below(w, N_ITEMS + 4));
        bool again = i > 0 && below(w, 2); /* the item and the type of the one before */

        event[i] = (struct pz_live_event){ .item_id = again ? event[i - 1].item_id : ids[id],
                                           .event_type = again ? event[i - 1].event_type
                                                               : types[below(w, 5)],
                                           .value = below(w, 3) ? any_number(w) : (double)NAN,
                                           .time = below(w, 1000),
                                           .properties = props[below(w, 5)] };
        id++;
    }
    if (w->overlaid) {
        w->live.items = &w->items;
        w->live.users = &w->users;
    }
    w->env = (struct pz_filter_env){
        .live = &w->live, .history = history, .n_history = below(w, 3), .now = below(w, 1000)
    };
    for (size_t i = 0; i < w->env.n_history; i++) {
        snprintf(ids[id], 8, "i%02u", below(w, N_ITEMS + 4));
        history[i] = ids[id++];
    }
    snprintf(ids[id], 8, "u%02u", below(w, N_USERS + 1));
    w->env.user_id = below(w, 10) && !w->of_users ? ids[id] : NULL;
    id++;
    snprintf(ids[id], 8, "i%02u", below(w, N_ITEMS + 4));
    w->env.item_id = below(w, 8) ? ids[id] : "new";
}

static int make_clauses(struct world *w, struct clause *c, struct pz_str *text)
{
    static const enum area rows[] = {
        ITEM_ROW, ITEM_ROW, ITEM_ROW, EVENT, EVENT, THE_USER, THE_ITEM
    };
    static const enum area user_rows[] = { USER_ROW, USER_ROW, EVENT, THE_ITEM };
    static const enum area ifs[] = { THE_USER, THE_USER, THE_ITEM, EVENT };
    int n = 1 + (int)below(w, 3);

    for (int i = 0; i < n; i++) {
        c[i] = (struct clause){ .include = below(w, 2) };
        c[i].where = w->of_users ? make_tree(w, user_rows, 4, 3) : make_tree(w, rows, 7, 3);
        c[i].only_if = below(w, 4) == 0 && !w->of_users ? make_tree(w, ifs, 4, 2) : NULL;
        pz_str_adds(text, i ? " | " : "");
        word(w, text, c[i].include ? "INCLUDE" : "EXCLUDE");
        spaces(w, text);
        word(w, text, w->of_users ? "UserID" : "ItemID");
        word(w, text, " WHERE ");
        write_tree(w, text, c[i].where);
        if (c[i].only_if) {
            word(w, text, " IF ");
            write_tree(w, text, c[i].only_if);
        }
    }
    return n;
}

static bool naive(struct world *w, const struct clause *c, int n, const char *row)
{
    struct at here = { .w = w, .row = row, .event = SIZE_MAX },
              once = { .w = w, .event = SIZE_MAX };
    bool some = false, included = false, excluded = false;

    for (int i = 0; i < n; i++) {
        bool lacks = w->n_values[1] == 0 &&
                     (uses_place(c[i].where, 1) || (c[i].only_if && uses_place(c[i].only_if, 1)));

        if (lacks || (c[i].only_if && !answer(&once, c[i].only_if)))
            continue;
        some |= c[i].include;
        if (answer(&here, c[i].where)) {
            included |= c[i].include;
            excluded |= !c[i].include;
        }
    }
    return (included || !some) && !excluded;
}

static bool refused(const struct world *w, const struct clause *c, int n)
{
    for (int i = 0; i < n; i++)
        if (w->n_values[1] == 0 && c[i].include &&
            (uses_place(c[i].where, 1) || (c[i].only_if && uses_place(c[i].only_if, 1))))
            return true;
    return false;
}

static enum pz_status bind(const struct world *w, const struct pz_filter *f,
                           struct pz_filter_values **values, const struct clause *c, int n,
                           struct pz_err *err)
{
    struct pz_filter_args args = { 0 };
    enum pz_status st = PZ_OK;

    for (int p = 0; p < 4; p++) {
        bool used = false;
        char text[200];

        for (int i = 0; i < n; i++)
            used |= uses_place(c[i].where, p) || (c[i].only_if && uses_place(c[i].only_if, p));
        snprintf(text, sizeof text, "P%d=%s", p, w->n_values[p] ? w->place[p].data : "");
        if (used && w->n_values[p] && st == PZ_OK)
            st = pz_filter_args_add(&args, text, err);
    }
    if (st == PZ_OK)
        st = pz_filter_bind(f, &args, values, err);
    pz_filter_args_clear(&args);
    return st;
}

static void compare(struct world *w, const struct clause *c, int n, const char *text,
                    const uint64_t *allowed)
{
    const struct pz_dict *dict = w->of_users ? &w->shop->m.users : &w->shop->m.items;

    for (uint32_t i = 0; i < dict->n; i++) {
        size_t len;
        const char *s = pz_dict_get(dict, i, &len);
        char id[16];

        snprintf(id, sizeof id, "%.*s", (int)len, s);
        if ((allowed[i / 64] >> (i % 64) & 1) != naive(w, c, n, id))
            fail_msg("%s differs for %s, user %s, item %s", text, id,
                     w->env.user_id ? w->env.user_id : "-", w->env.item_id);
    }
}

/* ---- live events of one kind together ---- */

enum { N_LIVE = 6 };

/* Rows, each a run of its own until pack(). */
struct together {
    struct pz_live_fact fact[N_LIVE], packed_fact[N_LIVE];
    double value[N_LIVE][2], packed_value[N_LIVE][2];
    uint16_t ref[N_LIVE];
    uint32_t item[N_LIVE];
    const char *item_id[N_LIVE];
    struct pz_live_run run[N_LIVE], packed[N_LIVE];
    size_t n;
};

static bool is_of(const struct pz_live_run *run, const struct pz_live_event *e)
{
    return strcmp(run->item_id[0], e->item_id) == 0 &&
           (run->value == NULL) == (isnan(e->value) != 0) &&
           strcmp(run->event_type ? run->event_type : "", e->event_type ? e->event_type : "") == 0;
}

static void begin_row(struct world *w, struct together *out, const struct pz_live_event *e)
{
    static const uint16_t first = 0;
    size_t k = out->n++;

    out->fact[k] = (struct pz_live_fact){ e->time, 0, 0 };
    out->value[k][0] = out->value[k][1] = e->value;
    out->item[k] = pz_dict_find_str(&w->shop->m.items, e->item_id);
    out->item_id[k] = e->item_id;
    out->run[k] = (struct pz_live_run){ .event_type = e->event_type,
                                        .n = 1,
                                        .fact = &out->fact[k],
                                        .value = isnan(e->value) ? NULL
                                                                 : (const void *)&out->value[k],
                                        .ref = &first,
                                        .item = &out->item[k],
                                        .item_id = &out->item_id[k] };
}

static bool same_kind(const struct pz_live_run *a, const struct pz_live_run *b)
{
    return !a->value == !b->value &&
           strcmp(a->event_type ? a->event_type : "", b->event_type ? b->event_type : "") == 0;
}

/* The runs, each of all rows that are of one type and have values or not. */
static const struct pz_live_run *pack(struct together *t)
{
    struct pz_live_run *last = NULL;
    size_t at = 0, n_runs = 0;

    for (size_t k = 0; k < t->n; k++) {
        struct pz_live_run run = t->run[k];

        run.fact = &t->packed_fact[at];
        run.value = run.value ? (const void *)&t->packed_value[at] : NULL;
        run.ref = &t->ref[at];
        run.item = t->item;
        run.item_id = t->item_id;
        run.n = 0;
        for (size_t j = k; j < t->n; j++)
            if (t->run[j].n > 0 && same_kind(&t->run[k], &t->run[j])) {
                t->packed_fact[at] = t->fact[j];
                memcpy(t->packed_value[at], t->value[j], sizeof t->value[j]);
                t->ref[at++] = (uint16_t)j;
                t->run[j].n = 0;
                run.n++;
            }
        if (run.n > 0) {
            run.next = last;
            t->packed[n_runs] = run;
            last = &t->packed[n_runs++];
        }
    }
    return last;
}

/* As a digest of them would tell; false: it would not, as the latest is not the largest. */
static bool put_together(struct world *w, bool pairs, struct together *out)
{
    out->n = 0;
    for (size_t i = 0; i < w->live.n_events; i++) {
        const struct pz_live_event *e = &w->live.event[i];
        struct pz_live_fact *fact;
        double *value;
        int64_t early;
        size_t k = 0;

        while (k < out->n && !is_of(&out->run[k], e))
            k++;
        if (k == out->n)
            begin_row(w, out, e);
        fact = &out->fact[k];
        value = out->value[k];
        if (pairs && (e->time > fact->time ? e->value < value[0]
                                           : e->value > value[0] && e->time < fact->time))
            return false;
        early = fact->time - fact->before;
        early = e->time < early ? e->time : early;
        fact->time = e->time > fact->time ? e->time : fact->time;
        fact->before = (uint32_t)(fact->time - early);
        fact->times++;
        value[0] = e->value > value[0] ? e->value : value[0];
        value[1] = e->value < value[1] ? e->value : value[1];
    }
    return true;
}

/* Where a filter does not ask for each event, several together answer alike. */
static void try_together(struct world *w, const struct pz_filter *f,
                         const struct pz_filter_values *values, struct pz_filter_work *work,
                         const uint64_t *should, const char *text, size_t *n_together)
{
    struct together t;
    struct pz_live live = w->live;
    struct pz_filter_env env = w->env;
    uint64_t allowed[2] = { UINT64_MAX, UINT64_MAX };
    enum pz_live_detail detail = pz_filter_detail(f);

    if (detail & PZ_LIVE_EACH || !put_together(w, detail & PZ_LIVE_PAIRS, &t))
        return;
    live.n_events = 0;
    live.run = pack(&t);
    env.live = &live;
    assert_int_equal(pz_filter_apply(f, values, &env, work, allowed, NULL), PZ_OK);
    for (uint32_t i = 0; i < (w->of_users ? w->shop->m.users.n : w->shop->m.items.n); i++)
        if ((allowed[i / 64] ^ should[i / 64]) >> (i % 64) & 1)
            fail_msg("%s: otherwise of events together", text);
    *n_together += t.n < w->live.n_events;
}

static void try_one(struct world *w, struct pz_filter_work *work, size_t *n_refused, size_t *n_some,
                    size_t *n_together)
{
    struct clause c[3];
    struct pz_str text = { 0 };
    struct pz_filter *f = NULL;
    struct pz_filter_values *values = NULL;
    struct pz_err err = { 0 };
    uint64_t allowed[2] = { UINT64_MAX, UINT64_MAX };
    int n;

    make_env(w);
    make_places(w);
    n = make_clauses(w, c, &text);
    if (pz_filter_compile(text.data,
                          &(struct pz_filter_schema){
                              .m = &w->shop->m, .items = w->live.items, .users = w->live.users },
                          &f, &err) != PZ_OK)
        fail_msg("%s: %s", text.data, err.text);
    if (bind(w, f, &values, c, n, &err) != PZ_OK) {
        if (!refused(w, c, n))
            fail_msg("%s: %s", text.data, err.text);
        ++*n_refused;
    } else {
        assert_false(refused(w, c, n));
        for (int turn = 0; turn < 3; turn++) { /* asked again and otherwise: what is cached */
            w->env.item_id = turn == 1 ? "i33" : w->env.item_id;
            w->env.now += turn == 2;
            allowed[0] = allowed[1] = UINT64_MAX;
            if (pz_filter_apply(f, values, &w->env, work, allowed, &err) != PZ_OK)
                fail_msg("%s: %s", text.data, err.text);
            compare(w, c, n, text.data, allowed);
            try_together(w, f, values, work, allowed, text.data, n_together);
        }
        *n_some += allowed[0] != 0 && allowed[0] != UINT64_MAX;
    }
    pz_filter_values_free(values);
    pz_filter_free(f);
    pz_str_clear(&text);
    pz_arena_clear(&w->arena);
}

TEST(compiled_filters_answer_as_the_rows_do)
{
    static struct world w;
    struct pz_filter_work *work = pz_filter_work_new();
    size_t n_refused = 0, n_some = 0, n_together = 0;

    make_world(&w);
    for (int i = 0; i < N_EXPRESSIONS; i++)
        try_one(&w, work, &n_refused, &n_some, &n_together);
    assert_in_range(n_refused, 1, N_EXPRESSIONS / 10);
    assert_true(n_together > N_EXPRESSIONS / 20);
    assert_in_range(n_some, N_EXPRESSIONS / 3,
                    N_EXPRESSIONS); /* most are neither all nor nothing */
    pz_filter_work_free(work);
    free_world(&w);
}
