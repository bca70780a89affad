/* SPDX-License-Identifier: Apache-2.0 */
/* Gates: see verdict.h. A recursive descent that evaluates as it reads; both sides of && and ||
 * are always read, so that a fault in either is found before anything is trained.
 *
 * A value is a number or a truth, never both, and each place says which it needs. The metric
 * named last in a comparison is that of names which have none of their own. The first fault is
 * kept and names its place in the text; a gate that is false says which comparison is, in the
 * words of the expression.
 *
 * A comparison with 0 / 0 is neither true nor false (Kleene's third truth, between the two: ! is
 * 1 - x, && the least, || the most): no turn of words makes a yes of what cannot be told. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ledger.h"
#include "eval/verdict.h"

enum { DEPTH_MAX = 64, NAME_BYTES = 160 };

#define UNKNOWN 0.5

struct value {
    double x;   /* of a truth: 1, 0 or UNKNOWN */
    bool truth; /* it is true or false, not a number */
};

struct gate {
    struct pz_verdict *v;
    const char *at;          /* what is left */
    char metric[NAME_BYTES]; /* last named in this comparison; "": none */
    int depth;
    bool failed;
    struct pz_err *err;
};

static struct value fail(struct gate *g, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static struct value fail(struct gate *g, const char *fmt, ...)
{
    char text[200];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    /* What fails later mostly fails because of the first. */
    if (!g->failed)
        pz_err_set(g->err, PZ_USAGE, "--gate: %s, at \"%.40s\" in \"%.200s\"", text,
                   *g->at ? g->at : "the end", g->v->gate);
    g->failed = true;
    return (struct value){ 0, false };
}

/* a must be a truth, or a number. */
static void need(struct gate *g, struct value a, bool truth)
{
    if (a.truth != truth)
        fail(g, truth ? "&&, || and ! need comparisons" : "a comparison is no number");
}

static void skip_blanks(struct gate *g)
{
    while (*g->at == ' ' || *g->at == '\t' || *g->at == '\n')
        g->at++;
}

static bool accept(struct gate *g, const char *token)
{
    size_t n = strlen(token);

    skip_blanks(g);
    if (strncmp(g->at, token, n) != 0)
        return false;
    g->at += n;
    return true;
}

/* ---- names ---- */

static const struct {
    const char *name, *key; /* key: without "_at_K" */
} families[] = {
    { "ndcg", "normalized_discounted_cumulative_gain" },
    { "mrr", "mean_reciprocal_rank" },
    { "precision", "precision" },
    { "recall", "recall" },
    { "hit", "hit_rate" },
    { "hr", "hit_rate" },
    { "map", "mean_average_precision" },
    { "weighted_ndcg", "normalized_discounted_cumulative_gain_with_event_weights" },
    { "catalogue_share", "catalogue_share" },
};
enum { N_FAMILIES = sizeof families / sizeof *families };

static const char *const singles[] = { "coverage", "gini", "novelty", "users" };

static bool is_single(const char *name)
{
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (strcmp(name, singles[i]) == 0)
            return true;
    return false;
}

/* "ndcg@10" or a key to the key; false when it is neither. *k: its K, 0 for those without. */
static bool find_key(const char *name, char *key, uint32_t *k)
{
    const char *at = strchr(name, '@'), *next = at ? NULL : strstr(name, "_at_");
    size_t n, i = 0;
    long long number;

    *k = 0;
    if (is_single(name)) {
        snprintf(key, NAME_BYTES, "%s", name);
        return true;
    }
    /* The last one: a metric's own name may hold "_at_". */
    for (; next; next = strstr(next + 1, "_at_"))
        at = next;
    if (!at)
        return false;
    n = (size_t)(at - name);
    while (i < N_FAMILIES &&
           (strlen(families[i].name) != n || strncmp(families[i].name, name, n) != 0) &&
           (strlen(families[i].key) != n || strncmp(families[i].key, name, n) != 0))
        i++;
    at += *at == '@' ? 1 : 4;
    if (i == N_FAMILIES || !pz_str_to_i64(at, strlen(at), &number) || number < 1 || number > 10000)
        return false;
    *k = (uint32_t)number;
    snprintf(key, NAME_BYTES, "%s_at_%u", families[i].key, *k);
    return true;
}

/* The place of a metric among the figures, or n_metrics. */
static size_t find_metric(const struct pz_figures *f, const char *key)
{
    size_t i = 0;

    while (i < f->n_metrics && strcmp(f->name[i], key) != 0)
        i++;
    return i;
}

/* The metric of that name becomes the current one; false when there is none. */
static bool set_metric(struct gate *g, const char *name)
{
    const struct pz_eval_cfg *how = &g->v->how;
    uint32_t k;
    size_t i = 0;

    if (!find_key(name, g->metric, &k)) {
        fail(g,
             "\"%.60s\" is no metric (ndcg@10, mrr@25, precision@5, recall@20, hit@10, map@10, "
             "coverage, ...)",
             name);
        return false;
    }
    /* Only what was measured can be asked, and that is known before anything is trained. */
    while (k > 0 && i < how->n_k && how->k[i] != k)
        i++;
    if (k > 0 && i == how->n_k) {
        fail(g, "\"%.60s\" is not measured: add its length to --at", name);
        return false;
    }
    return true;
}

/* The figures of vs; NULL: there is none. */
static const struct pz_figures *vs_of(const struct pz_verdict *v)
{
    for (size_t i = 0; i < v->n_rivals; i++)
        if (strcmp(v->rival[i].name, "vs") == 0)
            return &v->rival[i].figures;
    return NULL;
}

bool pz_verdict_pooled(const struct pz_verdict *v, const char *metric, bool all,
                       struct pz_pool_sum *out)
{
    const struct pz_figures *mine = &v->mine.figures, *vs = vs_of(v);
    size_t i = find_metric(mine, metric);

    if (!vs || i == mine->n_metrics)
        return false;
    *out = pz_pool_with(all ? &v->pool : NULL, metric, mine->each + i, vs->each + i, mine->n_cases,
                        mine->n_metrics);
    return true;
}

/* Of the days together, where the gate asks for that; what it asks of vs is noted. */
static bool pooled(struct gate *g, const struct pz_figures *f, struct pz_pool_sum *sum)
{
    const struct pz_figures *vs = vs_of(g->v);

    if (vs && f == vs)
        pz_pool_use(&g->v->pool, g->metric);
    return g->v->pool.n_days > 0 && (f == vs || f == &g->v->mine.figures) &&
           pz_verdict_pooled(g->v, g->metric, true, sum);
}

static double value_of(struct gate *g, const struct pz_figures *f)
{
    const char *key = g->metric;
    size_t i = find_metric(f, key);
    struct pz_pool_sum sum;

    if (f->n_metrics == 0)
        return 1; /* a look at the form only */
    if (pooled(g, f, &sum))
        return (f == &g->v->mine.figures ? sum.mine : sum.rival) / (double)sum.n;
    if (i < f->n_metrics)
        return f->mean[i];
    if (strcmp(key, "coverage") == 0)
        return f->coverage;
    if (strcmp(key, "gini") == 0)
        return f->gini;
    if (strcmp(key, "users") == 0)
        return (double)f->n_cases;
    for (i = 0; i < g->v->how.n_k; i++)
        if (strncmp(key, "catalogue_share_at_", 19) == 0 &&
            g->v->how.k[i] == strtoul(key + 19, NULL, 10))
            return f->share[i];
    return fail(g, "\"%.60s\" needs --event types of different weights", key).x;
}

/* A bound of the interval of mine, or with a rival of the difference to it. */
static double bound_of(struct gate *g, const struct pz_figures *rival, bool low)
{
    const struct pz_figures *f = &g->v->mine.figures;
    size_t i = find_metric(f, g->metric);
    struct pz_pool_sum sum;
    struct pz_lift lift;

    if (f->n_metrics == 0)
        return 1;
    if (i == f->n_metrics)
        return fail(g, "\"%.60s\" has no interval", g->metric).x;
    if (!rival)
        return low ? f->low[i] : f->high[i];
    if (pooled(g, rival, &sum)) {
        pz_pool_interval(&sum, &lift.low, &lift.high);
        return low ? lift.low : lift.high;
    }
    lift = pz_compare(f, rival, i);
    return low ? lift.low : lift.high;
}

static const struct pz_contender *find_rival(const struct gate *g, const char *name)
{
    for (size_t i = 0; i < g->v->n_rivals; i++)
        if (pz_str_same_name(g->v->rival[i].name, name))
            return &g->v->rival[i];
    return NULL;
}

/* [RIVAL.][low.|high.]METRIC, or RIVAL. */
static double look_up(struct gate *g, char *name)
{
    const struct pz_contender *rival;
    char *dot = strchr(name, '.');
    int bound = 0;

    if (dot)
        *dot = '\0';
    rival = find_rival(g, name);
    if (rival && !dot) {
        if (!g->metric[0])
            return fail(g,
                        "\"%.60s\" stands before a metric: say which of its metrics, as in "
                        "vs.ndcg@10",
                        name)
                .x;
        return value_of(g, &rival->figures);
    }
    if (!rival && dot)
        *dot = '.';
    if (rival)
        name = dot + 1;
    if (strncmp(name, "low.", 4) == 0)
        bound = 1;
    else if (strncmp(name, "high.", 5) == 0)
        bound = 2;
    name += bound == 1 ? 4 : bound == 2 ? 5 : 0;
    if (!rival && strcmp(name, "vs") == 0)
        return fail(g, "vs needs --vs OTHER.pzm").x;
    if (!set_metric(g, name))
        return 0;
    if (bound)
        return bound_of(g, rival ? &rival->figures : NULL, bound == 1);
    return value_of(g, rival ? &rival->figures : &g->v->mine.figures);
}

static struct value read_name(struct gate *g)
{
    char name[NAME_BYTES];
    size_t n = strspn(g->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@");

    if (n >= sizeof name)
        return fail(g, "a name is too long");
    memcpy(name, g->at, n);
    name[n] = '\0';
    g->at += n;
    return (struct value){ look_up(g, name), false };
}

/* ---- expressions ---- */

static struct value read_or(struct gate *g);

static struct value read_number(struct gate *g)
{
    char *end;
    double x = strtod(g->at, &end);

    g->at = end;
    if (accept(g, "%"))
        x /= 100;
    return (struct value){ x, false };
}

static struct value read_atom(struct gate *g)
{
    struct value a;

    skip_blanks(g);
    if (g->failed)
        return (struct value){ 0, false };
    if (isdigit((unsigned char)*g->at) || *g->at == '.')
        return read_number(g);
    if (isalpha((unsigned char)*g->at))
        return read_name(g);
    if (++g->depth > DEPTH_MAX)
        return fail(g, "nested too deeply");
    if (accept(g, "-")) {
        a = read_atom(g);
        need(g, a, false);
        a.x = -a.x;
    } else if (accept(g, "(")) {
        a = read_or(g);
        if (!accept(g, ")"))
            fail(g, "a ) is missing");
    } else {
        a = fail(g, "a number, a metric or a ( is missing");
    }
    g->depth--;
    return a;
}

static struct value read_product(struct gate *g)
{
    struct value a = read_atom(g);

    while (!g->failed) {
        bool times = accept(g, "*");
        struct value b;

        if (!times && !accept(g, "/"))
            break;
        b = read_atom(g);
        need(g, a, false);
        need(g, b, false);
        a.x = times ? a.x * b.x : a.x / b.x;
    }
    return a;
}

static struct value read_sum(struct gate *g)
{
    struct value a = read_product(g);

    while (!g->failed) {
        bool plus = accept(g, "+");
        struct value b;

        if (!plus && !accept(g, "-"))
            break;
        b = read_product(g);
        need(g, a, false);
        need(g, b, false);
        a.x = plus ? a.x + b.x : a.x - b.x;
    }
    return a;
}

static bool compare(int op, double a, double b)
{
    switch (op) {
    case 0:
        return a >= b;
    case 1:
        return a <= b;
    case 2:
        return a == b;
    case 3:
        return a != b;
    case 4:
        return a > b;
    default:
        return a < b;
    }
}

/* Say which comparison is false, in the words of the expression. */
static void say_no(struct gate *g, const char *from, const char *what, double a, double b)
{
    struct pz_str *why = &g->v->why;
    size_t n = (size_t)(g->at - from);

    while (n > 0 && from[n - 1] == ' ')
        n--;
    pz_str_addf(why, "%s%.*s %s: %.6g against %.6g", why->len ? "; " : "", (int)n, from, what,
                isnan(a) ? (double)NAN : a, isnan(b) ? (double)NAN : b);
}

static struct value read_compare(struct gate *g)
{
    static const char *const ops[] = { ">=", "<=", "==", "!=", ">", "<" };
    const char *from;
    struct value a, b;
    int op = 0;
    bool unknown;

    skip_blanks(g);
    from = g->at;
    g->metric[0] = '\0';
    a = read_sum(g);
    while (op < 6 && !g->failed && !accept(g, ops[op]))
        op++;
    if (op == 6 || g->failed)
        return a;
    b = read_sum(g);
    need(g, a, false);
    need(g, b, false);
    pz_ledger_number("gate_left", a.x);
    pz_ledger_number("gate_right", b.x);
    unknown = isnan(a.x) || isnan(b.x);
    if (unknown || !compare(op, a.x, b.x))
        say_no(g, from, unknown ? "cannot be told" : "is false", a.x, b.x);
    return (struct value){ unknown ? UNKNOWN : compare(op, a.x, b.x), true };
}

static struct value read_not(struct gate *g)
{
    struct value a;

    if (!accept(g, "!"))
        return read_compare(g);
    if (++g->depth > DEPTH_MAX)
        return fail(g, "nested too deeply");
    a = read_not(g);
    g->depth--;
    need(g, a, true);
    a.x = 1 - a.x;
    return a;
}

static struct value read_and(struct gate *g)
{
    struct value a = read_not(g);

    while (!g->failed && accept(g, "&&")) {
        struct value b = read_not(g);

        need(g, a, true);
        need(g, b, true);
        a.x = fmin(a.x, b.x);
    }
    return a;
}

static struct value read_or(struct gate *g)
{
    struct value a = read_and(g);

    while (!g->failed && accept(g, "||")) {
        struct value b = read_and(g);

        need(g, a, true);
        need(g, b, true);
        a.x = fmax(a.x, b.x);
    }
    return a;
}

enum pz_status pz_gate_judge(struct pz_verdict *v, struct pz_err *err)
{
    struct gate g = { .v = v, .at = v->gate, .err = err };
    struct value all;

    if (!v->gate)
        return PZ_OK;
    pz_str_reset(&v->why);
    all = read_or(&g);
    skip_blanks(&g);
    if (!g.failed && *g.at)
        fail(&g, "something is left over");
    if (!g.failed)
        need(&g, all, true);
    if (g.failed)
        return PZ_USAGE;
    v->passed = all.x == 1;
    if (v->passed)
        pz_str_reset(&v->why);
    return v->why.failed ? pz_err_memory(err, "the gate's reasons", 1e4) : PZ_OK;
}
