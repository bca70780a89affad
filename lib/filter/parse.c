/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, from text to a tree: a lexer and a parser by recursive descent. The
 * grammar is that of pz-filter.5; AND binds tighter than OR, NOT tighter than AND. Words are
 * keywords by place and without regard to case, so that columns may be called like keywords.
 *
 * Signs that other languages and word processors write are taken for what they mean here. The
 * depth of the tree is bounded, so that no text can exhaust the stack. The first fault ends it
 * and names the character where it is. Nodes and their texts live in the arena given. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "filter/ast.h"

enum token {
    T_END,
    T_WORD,
    T_NUMBER,
    T_TEXT,
    T_PLACE,
    T_EQUAL,
    T_UNEQUAL,
    T_LESS,
    T_LESS_EQUAL,
    T_GREATER,
    T_GREATER_EQUAL,
    T_OTHER /* one byte of punctuation, in p->byte */
};

struct parser {
    const char *text;
    struct pz_arena *arena;
    enum pz_status st;
    struct pz_err *err;
    int depth;
    /* the token at hand */
    enum token token;
    size_t at, next; /* where it begins and ends */
    char byte;
    bool quoted;   /* a word in backquotes: never a keyword */
    const char *s; /* of WORD, TEXT, PLACE; NUMBER: as written */
    double num;
    bool is_time; /* a NUMBER that was written as a duration */
};

enum pz_status pz_filter_fault(const char *text, size_t at, struct pz_err *err, const char *fmt,
                               ...)
{
    char what[512];
    size_t characters = 1, n;
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    for (size_t i = 0; i < at; i++)
        /* Characters, not bytes: that is what an editor counts. */
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    n = strcspn(text + at, "\n\r");
    if (n > 30)
        /* Never cut inside a character. */
        for (n = 30; n > 0 && ((unsigned char)text[at + n] & 0xc0) == 0x80;)
            n--;
    return n ? pz_err_set(err, PZ_USAGE, "filter: character %zu, at \"%.*s%s\": %s", characters,
                          (int)n, text + at, text[at + n] ? "..." : "", what)
             : pz_err_set(err, PZ_USAGE, "filter: at the end: %s", what);
}

/* ---- tokens */
static const char *keep(struct parser *p, const char *s, size_t n)
{
    const char *copy = pz_arena_strndup(p->arena, s, n);

    if (!copy && p->st == PZ_OK)
        p->st = pz_err_memory(p->err, "a filter", (double)n);
    return copy;
}

static void fault(struct parser *p, size_t at, const char *what)
{
    if (p->st == PZ_OK)
        p->st = pz_filter_fault(p->text, at, p->err, "%s", what);
    p->token = T_END;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word_length(const char *s)
{
    size_t n = 0;

    while (is_letter(s[n]) || is_digit(s[n]))
        n++;
    return n;
}

/* What word processors and pages make of ASCII: bytes that mean one of ours. */
struct typography {
    const char *bytes, *means;
};

static const struct typography *find_sign(const struct typography *list, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(s, list[i].bytes, strlen(list[i].bytes)) == 0)
            return &list[i];
    return NULL;
}

/* The quote at s: its bytes, and which ASCII quote it stands for; 0: it is none. */
static size_t quote_at(const char *s, char *quote)
{
    static const struct typography quotes[] = { { "\"", "\"" },           { "\'", "\'" },
                                                { "\xe2\x80\x9c", "\"" }, { "\xe2\x80\x9d", "\"" },
                                                { "\xe2\x80\x9e", "\"" }, { "\xe2\x80\x9f", "\"" },
                                                { "\xe2\x80\x98", "\'" }, { "\xe2\x80\x99", "\'" },
                                                { "\xe2\x80\x9a", "\'" }, { "\xe2\x80\x9b", "\'" },
                                                { "\xc2\xab", "\"" },     { "\xc2\xbb", "\"" } };
    const struct typography *found = find_sign(quotes, sizeof quotes / sizeof *quotes, s);

    *quote = found ? *found->means : '\0';
    return found ? strlen(found->bytes) : 0;
}

/* Bytes of blanks at s, those that pages put between words included. */
static size_t blanks_at(const char *s)
{
    static const struct typography wide[] = { { "\xc2\xa0", " " },
                                              { "\xe2\x80\xaf", " " },
                                              { "\xe3\x80\x80", " " },
                                              { "\xef\xbb\xbf", "" } };
    const struct typography *found;
    size_t n = 0;

    for (;;) {
        n += strspn(s + n, " \t\r\n");
        if (!(found = find_sign(wide, sizeof wide / sizeof *wide, s + n)))
            return n;
        n += strlen(found->bytes);
    }
}

/* "..." or '...', or between typographic quotes: a backslash stands before a quote or a backslash
 * that is meant. An ASCII quote is closed by its like only, so that a text may hold the others. */
static void lex_text(struct parser *p)
{
    char quote, end;
    size_t n = 0, n_open = quote_at(p->text + p->at, &quote), n_end = 0;
    const char *s = p->text + p->at + n_open;
    /* At most the rest of the text: unescaping only shortens. */
    char *to = pz_arena_take(p->arena, strlen(s) + 1);

    p->token = T_TEXT;
    p->s = to;
    if (!to) {
        keep(p, s, 0);
        fault(p, p->at, "no memory");
        return;
    }
    while (*s) {
        n_end = quote_at(s, &end);
        /* What was opened by a typographic quote may be closed by any of its kind: languages differ
         * in theirs. */
        if (end == quote && (n_open == 1 ? n_end == 1 : n_end > 0))
            break;
        if (*s == '\\' && (s[1] == '\\' || s[1] == '"' || s[1] == '\''))
            s++;
        to[n++] = *s++;
    }
    to[n] = '\0';
    if (!*s)
        fault(p, p->at, "the quote is never closed");
    else
        p->next = (size_t)(s - p->text) + n_end;
}

/* 12, 1.5, 2e6, or a duration like 30d in seconds. */
static void lex_number(struct parser *p)
{
    const char *s = p->text + p->at;
    size_t n = 0;
    int64_t seconds;

    while (is_digit(s[n]) || (s[n] == '.' && is_digit(s[n + 1])))
        n++;
    if ((s[n] == 'e' || s[n] == 'E') &&
        (is_digit(s[n + 1]) || ((s[n + 1] == '-' || s[n + 1] == '+') && is_digit(s[n + 2]))))
        for (n += 2; is_digit(s[n]);)
            n++;
    p->token = T_NUMBER;
    /* Letters behind a number belong to it: 30d is one token, and 3x one fault. */
    p->next = p->at + n + word_length(s + n);
    p->s = keep(p, s, p->next - p->at);
    p->is_time = false;
    if (p->s && !pz_str_to_double(p->s, p->next - p->at, &p->num)) {
        if ((p->is_time = pz_time_duration(p->s, &seconds)))
            p->num = (double)seconds;
        else
            fault(p, p->at, "not a number, nor a duration like 30d, 12h, 45m");
    }
}

static void lex_word(struct parser *p)
{
    const char *s = p->text + p->at;

    p->token = T_WORD;
    p->quoted = *s == '`';
    if (p->quoted) {
        size_t n = strcspn(s + 1, "`");

        if (!s[n + 1] || n == 0)
            fault(p, p->at, "a name and a closing ` are needed");
        else
            p->s = keep(p, s + 1, n);
        p->next = p->at + n + 2;
    } else {
        size_t n = word_length(s);

        p->s = keep(p, s, n);
        p->next = p->at + n;
    }
}

static void lex_place(struct parser *p)
{
    size_t n = word_length(p->text + p->at + 1);

    p->token = T_PLACE;
    p->next = p->at + 1 + n;
    p->s = keep(p, p->text + p->at + 1, n);
    if (n == 0)
        fault(p, p->at, "a placeholder needs a name: $NAME");
}

/* Signs that other languages write, as the words and signs that they mean here. */
static bool lex_foreign(struct parser *p)
{
    static const struct typography words[] = { { "&&", "AND" }, { "||", "OR" } };
    /* Unequal, at most, at least, each as one character. */
    static const struct typography signs[] = { { "\xe2\x89\xa0", "!" },
                                               { "\xe2\x89\xa4", "<" },
                                               { "\xe2\x89\xa5", ">" } };
    const struct typography *found = find_sign(words, 2, p->text + p->at);

    if (found) {
        p->token = T_WORD;
        p->s = found->means;
    } else if ((found = find_sign(signs, 3, p->text + p->at))) {
        p->token = *found->means == '!'   ? T_UNEQUAL
                   : *found->means == '<' ? T_LESS_EQUAL
                                          : T_GREATER_EQUAL;
    }
    p->next = p->at + (found ? strlen(found->bytes) : 0);
    return found != NULL;
}

static void lex_sign(struct parser *p)
{
    const char *s = p->text + p->at;
    bool equal = s[1] == '=';

    if (lex_foreign(p))
        return;
    p->byte = *s;
    p->next = p->at + 1;
    p->token = T_OTHER;
    if (*s == '=') {
        p->token = T_EQUAL;
        p->next += equal;
    } else if ((*s == '!' && equal) || (*s == '<' && s[1] == '>')) {
        p->token = T_UNEQUAL;
        p->next++;
    } else if (*s == '<' || *s == '>') {
        p->token = *s == '<' ? (equal ? T_LESS_EQUAL : T_LESS)
                   : equal   ? T_GREATER_EQUAL
                             : T_GREATER;
        p->next += equal;
    } else if (!strchr("(),.|+-*/[];", *s)) {
        fault(p, p->at, "this character has no meaning here");
    }
}

static void advance(struct parser *p)
{
    char c, quote;

    p->token = T_END;
    if (p->st != PZ_OK) /* and p->next may lie behind the end */
        return;
    p->at = p->next + blanks_at(p->text + p->next);
    p->next = p->at;
    c = p->text[p->at];
    p->quoted = false;
    if (quote_at(p->text + p->at, &quote))
        lex_text(p);
    else if (is_digit(c))
        lex_number(p);
    else if (is_letter(c) || c == '`')
        lex_word(p);
    else if (c == '$')
        lex_place(p);
    else if (c != '\0')
        lex_sign(p);
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->token == T_WORD && !p->quoted &&
           pz_str_same_word(p->s, strlen(p->s), word, strlen(word));
}

static bool at_byte(const struct parser *p, char c)
{
    return p->token == T_OTHER && p->byte == c;
}

static bool take_word(struct parser *p, const char *word)
{
    bool is = at_word(p, word);

    if (is)
        advance(p);
    return is;
}

static bool take_byte(struct parser *p, char c)
{
    bool is = at_byte(p, c);

    if (is)
        advance(p);
    return is;
}

static void need_byte(struct parser *p, char c, const char *what)
{
    if (!take_byte(p, c))
        fault(p, p->at, what);
}

/* True while the tree may grow deeper; every way in has its way out. */
static bool deeper(struct parser *p)
{
    /* Each level takes a few hundred bytes of stack in the parser, and again in every walk over the
     * tree. */
    if (++p->depth > PZ_FILTER_DEPTH)
        fault(p, p->at, "nested too deep");
    return p->st == PZ_OK;
}

static void *make(struct parser *p, size_t bytes)
{
    void *x = pz_arena_take(p->arena, bytes);

    if (x)
        memset(x, 0, bytes);
    else if (p->st == PZ_OK)
        p->st = pz_err_memory(p->err, "a filter", (double)bytes);
    return x;
}

/* ---- values */
static struct pz_filter_expr *new_expr(struct parser *p, enum pz_filter_expr_kind kind, size_t at)
{
    struct pz_filter_expr *e = make(p, sizeof *e);

    if (e) {
        e->kind = kind;
        e->at = (uint32_t)at;
    }
    return e;
}

static struct pz_filter_expr *parse_sum(struct parser *p);

/* COLUMN or TABLE.COLUMN */
static struct pz_filter_expr *parse_ref(struct parser *p)
{
    struct pz_filter_expr *e = new_expr(p, PZ_EXPR_REF, p->at);

    if (!e)
        return NULL;
    e->text = p->s;
    advance(p);
    if (take_byte(p, '.')) {
        if (p->token != T_WORD)
            fault(p, p->at, "a column is needed behind the dot");
        e->table = e->text;
        e->text = p->s;
        advance(p);
    }
    return e;
}

/* The next token can only be (: tells NOW() and COUNT(...) from columns of that name. */
static bool before_paren(const struct parser *p)
{
    return p->text[p->next + blanks_at(p->text + p->next)] == '(';
}

static struct pz_filter_expr *parse_word(struct parser *p)
{
    struct pz_filter_expr *e;

    if (at_word(p, "NOW") && before_paren(p)) {
        e = new_expr(p, PZ_EXPR_NOW, p->at);
        advance(p);
        advance(p);
        need_byte(p, ')', "NOW() takes nothing");
        return e;
    }
    /* TRUE.X would be the column X of a table called TRUE. */
    if ((at_word(p, "TRUE") || at_word(p, "FALSE")) && p->text[p->next] != '.') {
        e = new_expr(p, PZ_EXPR_TRUTH, p->at);
        if (e) {
            e->text = p->s;
            e->num = at_word(p, "TRUE");
        }
        advance(p);
        return e;
    }
    return parse_ref(p);
}

static struct pz_filter_expr *parse_leaf(struct parser *p)
{
    enum pz_filter_expr_kind kind = p->token == T_NUMBER ? PZ_EXPR_NUMBER
                                    : p->token == T_TEXT ? PZ_EXPR_TEXT
                                                         : PZ_EXPR_PLACE;
    struct pz_filter_expr *e;

    if (p->token == T_WORD)
        return parse_word(p);
    if (p->token != T_NUMBER && p->token != T_TEXT && p->token != T_PLACE) {
        fault(p, p->at, "a value is needed: a number, a quoted text, $NAME, NOW() or TABLE.COLUMN");
        return NULL;
    }
    e = new_expr(p, kind, p->at);
    if (e) {
        e->text = p->s;
        e->num = p->num;
        e->is_time = kind == PZ_EXPR_NUMBER && p->is_time;
    }
    advance(p);
    return e;
}

static struct pz_filter_expr *parse_factor(struct parser *p)
{
    struct pz_filter_expr *e = NULL;
    size_t at = p->at;

    if (deeper(p)) {
        if (take_byte(p, '(')) {
            e = parse_sum(p);
            need_byte(p, ')', "a closing parenthesis is missing");
        } else if (take_byte(p, '-')) {
            if ((e = new_expr(p, PZ_EXPR_NEGATIVE, at)))
                e->a = parse_factor(p);
        } else {
            e = parse_leaf(p);
        }
    }
    p->depth--;
    return e;
}

/* The n-th operator of a chain, which is as deep as it is long. */
static struct pz_filter_expr *chain(struct parser *p, int n, enum pz_filter_expr_kind kind)
{
    struct pz_filter_expr *e = new_expr(p, kind, p->at);

    if (n >= PZ_FILTER_DEPTH)
        fault(p, p->at, "the sum or product is too long");
    advance(p);
    return p->st == PZ_OK ? e : NULL;
}

static struct pz_filter_expr *parse_term(struct parser *p)
{
    struct pz_filter_expr *e = parse_factor(p);

    for (int n = 0; p->st == PZ_OK && (at_byte(p, '*') || at_byte(p, '/')); n++) {
        struct pz_filter_expr *both = chain(p, n,
                                            at_byte(p, '*') ? PZ_EXPR_MULTIPLY : PZ_EXPR_DIVIDE);

        if (!both)
            break;
        both->a = e;
        both->b = parse_factor(p);
        e = both;
    }
    return e;
}

static struct pz_filter_expr *parse_sum(struct parser *p)
{
    struct pz_filter_expr *e = parse_term(p);

    for (int n = 0; p->st == PZ_OK && (at_byte(p, '+') || at_byte(p, '-')); n++) {
        struct pz_filter_expr *both = chain(p, n, at_byte(p, '+') ? PZ_EXPR_ADD : PZ_EXPR_SUBTRACT);

        if (!both)
            break;
        both->a = e;
        both->b = parse_term(p);
        e = both;
    }
    return e;
}

/* (value, value, ...), [value, value, ...] or one value alone. */
static struct pz_filter_expr *parse_list(struct parser *p)
{
    struct pz_filter_expr *head = NULL, **tail = &head;
    bool square = take_byte(p, '[');

    if (!square && !take_byte(p, '('))
        return parse_sum(p);
    do {
        *tail = parse_sum(p);
        if (*tail)
            tail = &(*tail)->next;
    } while (p->st == PZ_OK && take_byte(p, ','));
    need_byte(p, square ? ']' : ')', "a comma or a closing parenthesis is missing in the list");
    return head;
}

/* ---- conditions */
static struct pz_filter_node *new_node(struct parser *p, enum pz_filter_node_kind kind, size_t at)
{
    struct pz_filter_node *n = make(p, sizeof *n);

    if (n) {
        n->kind = kind;
        n->at = (uint32_t)at;
    }
    return n;
}

static struct pz_filter_node *parse_or(struct parser *p);

static bool parse_comparison(struct parser *p, struct pz_filter_node *n)
{
    static const enum pz_filter_op ops[] = { PZ_OP_ANY,        PZ_OP_ANY,     PZ_OP_LESS,
                                             PZ_OP_LESS_EQUAL, PZ_OP_GREATER, PZ_OP_GREATER_EQUAL };

    if (p->token < T_EQUAL || p->token > T_GREATER_EQUAL)
        return false;
    n->op = ops[p->token - T_EQUAL];
    n->negated = p->token == T_UNEQUAL;
    n->scalar = true;
    advance(p);
    n->right = parse_sum(p);
    return true;
}

/* Behind HAS. */
static void parse_set_word(struct parser *p, struct pz_filter_node *n)
{
    n->negated = at_word(p, "NONE");
    if (take_word(p, "ALL"))
        n->op = PZ_OP_ALL;
    else if (take_word(p, "ONLY"))
        n->op = PZ_OP_ONLY;
    else if (take_word(p, "EXACTLY"))
        n->op = PZ_OP_EXACTLY;
    else if (!take_word(p, "ANY") && !take_word(p, "NONE"))
        fault(p, p->at, "HAS needs ALL, ANY, NONE, ONLY or EXACTLY and a list");
    n->right = parse_list(p);
}

static struct pz_filter_node *parse_test(struct parser *p)
{
    struct pz_filter_node *n = new_node(p, PZ_NODE_TEST, p->at);

    if (!n)
        return NULL;
    n->left = parse_ref(p);
    if (take_word(p, "NOT_IN")) {
        n->negated = true;
        n->right = parse_list(p);
    } else if (take_word(p, "NOT")) {
        n->negated = true;
        if (!take_word(p, "IN"))
            fault(p, p->at, "IN is needed behind NOT");
        n->right = parse_list(p);
    } else if (take_word(p, "IN")) {
        n->right = parse_list(p);
    } else if (take_word(p, "HAS")) {
        parse_set_word(p, n);
    } else if (take_word(p, "IS")) {
        n->op = PZ_OP_NULL;
        n->negated = take_word(p, "NOT");
        if (!take_word(p, "NULL"))
            fault(p, p->at, "NULL is needed behind IS");
    } else if (!parse_comparison(p, n)) {
        n->op = PZ_OP_TRUE;
        if (p->token != T_END && !at_byte(p, ')') && !at_byte(p, '|') && !at_byte(p, ';') &&
            !at_word(p, "AND") && !at_word(p, "OR") && !at_word(p, "IF"))
            fault(p, p->at,
                  "an operator is needed: =, !=, <, <=, >, >=, IN, NOT IN, HAS or IS NULL");
    }
    return n;
}

/* COUNT(Interactions [WHERE condition]) op value */
static struct pz_filter_node *parse_count(struct parser *p)
{
    struct pz_filter_node *n = new_node(p, PZ_NODE_COUNT, p->at);

    advance(p);
    advance(p);
    if (!n)
        return NULL;
    if (!at_word(p, "Interactions") && !at_word(p, "Action_Interactions"))
        fault(p, p->at, "COUNT(Interactions WHERE ...) is what can be counted");
    advance(p);
    if (take_word(p, "WHERE"))
        n->child = parse_or(p);
    need_byte(p, ')', "a closing parenthesis is missing behind COUNT");
    if (!parse_comparison(p, n))
        fault(p, p->at, "COUNT(...) needs a comparison: =, !=, <, <=, > or >=");
    return n;
}

static struct pz_filter_node *parse_not(struct parser *p)
{
    struct pz_filter_node *n = NULL;
    size_t at = p->at;

    if (deeper(p)) {
        if (take_word(p, "NOT")) {
            if ((n = new_node(p, PZ_NODE_NOT, at)))
                n->child = parse_not(p);
        } else if (take_byte(p, '(')) {
            n = parse_or(p);
            need_byte(p, ')', "a closing parenthesis is missing");
        } else if (at_word(p, "COUNT") && before_paren(p)) {
            n = parse_count(p);
        } else if (p->token == T_WORD) {
            n = parse_test(p);
        } else {
            fault(p, p->at, "a condition is needed, as in Items.PRICE < 10");
        }
    }
    p->depth--;
    return n;
}

/* one [word one]...: a chain of `kind`, or the one alone. */
static struct pz_filter_node *parse_chain(struct parser *p, enum pz_filter_node_kind kind,
                                          const char *word,
                                          struct pz_filter_node *(*one)(struct parser *p))
{
    struct pz_filter_node *first = one(p), *all, *last = first;

    if (!first || !at_word(p, word) || !(all = new_node(p, kind, p->at)))
        return first;
    all->child = first;
    while (p->st == PZ_OK && take_word(p, word))
        if ((last->next = one(p)))
            last = last->next;
    return all;
}

static struct pz_filter_node *parse_and(struct parser *p)
{
    return parse_chain(p, PZ_NODE_AND, "AND", parse_not);
}

static struct pz_filter_node *parse_or(struct parser *p)
{
    return parse_chain(p, PZ_NODE_OR, "OR", parse_and);
}

/* ItemID, UserID or ActionID, or as Item.ID; NULL: something else. */
static const char *parse_target(struct parser *p)
{
    static const char *const names[][2] = { { "ItemID", "Item" },
                                            { "UserID", "User" },
                                            { "ActionID", "Action" } };
    const char *target = NULL, *word = p->token == T_WORD && !p->quoted ? p->s : "";
    bool dotted = false;

    for (size_t i = 0; i < 3 && !target; i++) {
        dotted = pz_str_same_name(word, names[i][1]);
        if (dotted || pz_str_same_name(word, names[i][0]))
            target = names[i][0];
    }
    advance(p);
    if (dotted && !(take_byte(p, '.') && take_word(p, "ID")))
        target = NULL;
    return target;
}

static struct pz_filter_clause *parse_clause(struct parser *p)
{
    size_t at;

    struct pz_filter_clause *c = make(p, sizeof *c);

    if (!c)
        return NULL;
    c->at = (uint32_t)p->at;
    c->include = at_word(p, "INCLUDE");
    if (!take_word(p, "INCLUDE") && !take_word(p, "EXCLUDE"))
        fault(p, p->at, "INCLUDE or EXCLUDE is needed");
    at = p->at;
    if (!(c->target = parse_target(p)))
        fault(p, at, "ItemID, UserID or ActionID is needed");
    if (!take_word(p, "WHERE"))
        fault(p, p->at, "WHERE is needed");
    c->where = parse_or(p);
    if (take_word(p, "IF"))
        c->only_if = parse_or(p);
    if (take_byte(p, ';') && p->st == PZ_OK && p->token != T_END)
        fault(p, p->at, "nothing can follow the semicolon at the end");
    if (p->st == PZ_OK && p->token != T_END && !at_byte(p, '|'))
        fault(p, p->at, "AND, OR, IF or | is needed");
    return c;
}

enum pz_status pz_filter_parse(const char *text, struct pz_arena *arena,
                               struct pz_filter_clause **out, struct pz_err *err)
{
    struct parser p = { .text = text, .arena = arena, .err = err };
    struct pz_filter_clause **tail = out;

    *out = NULL;
    if (!pz_str_is_utf8(text, strlen(text)))
        return pz_err_set(err, PZ_USAGE, "filter: the text is not UTF-8");
    advance(&p);
    do {
        *tail = parse_clause(&p);
        if (*tail)
            tail = &(*tail)->next;
    } while (p.st == PZ_OK && take_byte(&p, '|'));
    return p.st;
}
