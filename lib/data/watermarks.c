/* SPDX-License-Identifier: Apache-2.0 */
/* Watermarks: see watermarks.h. Sets of ranges are short sorted arrays: a store that is exported
 * day by day gives one range.
 *
 * Ranges ascend and neither overlap nor touch; adding one swallows those that it meets, so a set
 * has one form only and can be compared as text. "1 .. N without a gap" is kept beside the set
 * and follows from it after every addition. A text that is read back must be digits only: blanks
 * and signs, which strtoull would take, are damage. */
#include "data/watermarks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { GAPS_NAMED = 5 };

/* ---- ranges ---- */

bool pz_ranges_add(struct pz_ranges *r, uint64_t first, uint64_t last)
{
    size_t at = 0, stop;

    if (first == 0 || last < first)
        return true;
    while (at < r->n && r->v[at].last < first - 1) /* neither overlaps nor touches */
        at++;
    for (stop = at; stop < r->n && r->v[stop].first - 1 <= last; stop++) {
        first = r->v[stop].first < first ? r->v[stop].first : first;
        last = r->v[stop].last > last ? r->v[stop].last : last;
    }
    if (stop == at && !pz_mem_grow(&r->v, &r->cap, r->n + 1, sizeof *r->v))
        return false;
    memmove(r->v + at + 1, r->v + stop, (r->n - stop) * sizeof *r->v);
    r->n = r->n + 1 - (stop - at);
    r->v[at] = (struct pz_range){ first, last };
    return true;
}

bool pz_ranges_unite(struct pz_ranges *r, const struct pz_ranges *other)
{
    bool ok = true;

    for (size_t i = 0; i < other->n && ok; i++)
        ok = pz_ranges_add(r, other->v[i].first, other->v[i].last);
    return ok;
}

bool pz_ranges_contain(const struct pz_ranges *r, uint64_t first, uint64_t last)
{
    bool found = last < first;

    for (size_t i = 0; i < r->n && !found; i++)
        found = r->v[i].first <= first && last <= r->v[i].last;
    return found;
}

uint64_t pz_ranges_upto(const struct pz_ranges *r)
{
    return r->n > 0 && r->v[0].first == 1 ? r->v[0].last : 0;
}

uint64_t pz_ranges_missing(const struct pz_ranges *r, uint64_t from, struct pz_str *out)
{
    uint64_t n = 0;
    size_t named = 0;

    for (size_t i = 0; i < r->n; i++) {
        if (r->v[i].first > from) {
            /* The numbers from `from` to the one before this range. */
            n += r->v[i].first - from;
            if (named++ < GAPS_NAMED)
                pz_str_addf(out, "%s%" PRIu64, named > 1 ? ", " : "", from);
            if (named <= GAPS_NAMED && r->v[i].first - 1 > from)
                pz_str_addf(out, "-%" PRIu64, r->v[i].first - 1);
        }
        from = r->v[i].last + 1;
    }
    if (named > GAPS_NAMED)
        pz_str_adds(out, ", ...");
    return n;
}

void pz_ranges_clear(struct pz_ranges *r)
{
    free(r->v);
    memset(r, 0, sizeof *r);
}

static bool contain_all(const struct pz_ranges *whole, const struct pz_ranges *part)
{
    bool all = true;

    for (size_t i = 0; i < part->n && all; i++)
        all = pz_ranges_contain(whole, part->v[i].first, part->v[i].last);
    return all;
}

static void write_ranges(const struct pz_ranges *r, struct pz_str *out)
{
    if (r->n == 0 || (r->n == 1 && r->v[0].first == 1)) {
        pz_str_addf(out, "%" PRIu64, pz_ranges_upto(r));
        return;
    }
    for (size_t i = 0; i < r->n; i++)
        pz_str_addf(out, "%s%" PRIu64 "-%" PRIu64, i > 0 ? "," : "", r->v[i].first, r->v[i].last);
}

/* Digits only, where strtoull would take blanks and signs. */
static const char *read_number(const char *p, uint64_t *x)
{
    *x = 0;
    if (*p < '0' || *p > '9')
        return NULL;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (*x > (UINT64_MAX - 9) / 10)
            return NULL;
        *x = *x * 10 + (uint64_t)(*p - '0');
    }
    return p;
}

/* NULL: no ranges. *ok false: memory is out. */
static const char *read_ranges(const char *p, struct pz_ranges *r, bool *ok)
{
    uint64_t first, last;

    p = read_number(p, &first);
    if (p && *p != '-') {
        *ok = *ok && pz_ranges_add(r, 1, first);
        return p;
    }
    while (p && *p == '-') {
        p = read_number(p + 1, &last);
        if (!p || first == 0 || last < first)
            return NULL;
        *ok = *ok && pz_ranges_add(r, first, last);
        if (*p != ',')
            return p;
        p = read_number(p + 1, &first);
    }
    return NULL;
}

/* ---- watermarks ---- */

/* The watermark of a store, made when there is none. NULL: memory is out. */
static struct pz_watermark *get(struct pz_watermarks *marks, const char *store)
{
    size_t at = 0;

    while (at < marks->n && strcmp(marks->v[at].store, store) < 0)
        at++;
    if (at < marks->n && strcmp(marks->v[at].store, store) == 0)
        return &marks->v[at];
    if (!pz_mem_grow(&marks->v, &marks->cap, marks->n + 1, sizeof *marks->v))
        return NULL;
    memmove(marks->v + at + 1, marks->v + at, (marks->n - at) * sizeof *marks->v);
    memset(&marks->v[at], 0, sizeof marks->v[at]);
    strncpy(marks->v[at].store, store, sizeof marks->v[at].store - 1);
    marks->n++;
    return &marks->v[at];
}

static struct pz_watermark *find(const struct pz_watermarks *marks, const char *store)
{
    for (size_t i = 0; i < marks->n; i++)
        if (strcmp(marks->v[i].store, store) == 0)
            return &marks->v[i];
    return NULL;
}

/* What of the numbers 1 .. upto is in one set into another; *more: something was not in it. */
static bool share(const struct pz_ranges *from, uint64_t upto, struct pz_ranges *to, bool *more)
{
    bool ok = true;

    for (size_t i = 0; i < from->n && from->v[i].first <= upto && ok; i++) {
        uint64_t last = from->v[i].last < upto ? from->v[i].last : upto;

        *more = *more || !pz_ranges_contain(to, from->v[i].first, last);
        ok = pz_ranges_add(to, from->v[i].first, last);
    }
    return ok;
}

/* After an addition: copies and their origins contain what the other does of what they share, over
 * as many copies of copies as there are; and "1 .. N" is set. */
static bool settle(struct pz_watermarks *marks)
{
    bool ok = true, more = true;

    while (more && ok) {
        more = false;
        for (size_t i = 0; i < marks->n && ok; i++) {
            struct pz_watermark *m = &marks->v[i], *o = *m->origin ? find(marks, m->origin) : NULL;

            ok = !o || (share(&o->event_ranges, m->shared, &m->event_ranges, &more) &&
                        share(&o->row_ranges, m->shared, &m->row_ranges, &more) &&
                        share(&m->event_ranges, m->shared, &o->event_ranges, &more) &&
                        share(&m->row_ranges, m->shared, &o->row_ranges, &more));
        }
    }
    for (size_t i = 0; i < marks->n; i++) {
        marks->v[i].events = pz_ranges_upto(&marks->v[i].event_ranges);
        marks->v[i].rows = pz_ranges_upto(&marks->v[i].row_ranges);
    }
    return ok;
}

static void set_origin(struct pz_watermark *m, const char *origin, uint64_t shared)
{
    memcpy(m->origin, origin, strnlen(origin, sizeof m->origin - 1));
    m->shared = shared;
}

bool pz_watermarks_add(struct pz_watermarks *marks, const char *store, struct pz_range events,
                       struct pz_range rows)
{
    struct pz_watermark *m = get(marks, store);

    return m && pz_ranges_add(&m->event_ranges, events.first, events.last) &&
           pz_ranges_add(&m->row_ranges, rows.first, rows.last) && settle(marks);
}

bool pz_watermarks_add_origin(struct pz_watermarks *marks, const char *store, const char *origin,
                              uint64_t shared)
{
    struct pz_watermark *m = get(marks, origin) ? get(marks, store) : NULL;

    if (m)
        set_origin(m, origin, shared);
    return m && settle(marks);
}

bool pz_watermarks_unite(struct pz_watermarks *marks, const struct pz_watermarks *other)
{
    bool ok = true;

    for (size_t i = 0; i < other->n && ok; i++) {
        struct pz_watermark *m = get(marks, other->v[i].store);

        ok = m && pz_ranges_unite(&m->event_ranges, &other->v[i].event_ranges) &&
             pz_ranges_unite(&m->row_ranges, &other->v[i].row_ranges);
        if (ok && *other->v[i].origin)
            set_origin(m, other->v[i].origin, other->v[i].shared);
    }
    return ok && settle(marks);
}

const struct pz_watermark *pz_watermarks_find(const struct pz_watermarks *marks, const char *store)
{
    return find(marks, store);
}

bool pz_watermarks_contain(const struct pz_watermarks *whole, const struct pz_watermarks *part)
{
    bool all = part->n > 0;

    for (size_t i = 0; i < part->n && all; i++) {
        const struct pz_watermark *p = &part->v[i], *w = find(whole, p->store);

        all = w && contain_all(&w->event_ranges, &p->event_ranges) &&
              contain_all(&w->row_ranges, &p->row_ranges);
    }
    return all;
}

static enum pz_status check_ranges(const struct pz_ranges *r, bool whole, const char *store,
                                   const char *what, const char *kind, struct pz_err *err)
{
    struct pz_str gaps = { 0 };
    uint64_t n = r->n > 0 ? pz_ranges_missing(r, whole ? 1 : r->v[0].first, &gaps) : 0;
    enum pz_status st = PZ_OK;

    if (gaps.failed)
        st = pz_err_memory(err, "missing numbers", 1e3);
    else if (n > 0)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "%s lack %s %s of the live store %s: add the export that has them "
                        "(pz-event export --for MODEL exports all that a model lacks)",
                        what, kind, gaps.data, store);
    pz_str_clear(&gaps);
    return st;
}

enum pz_status pz_watermark_check(const struct pz_watermark *m, bool whole, const char *what,
                                  struct pz_err *err)
{
    enum pz_status st = check_ranges(&m->event_ranges, whole, m->store, what, "events", err);

    return st == PZ_OK ? check_ranges(&m->row_ranges, whole, m->store, what, "rows", err) : st;
}

enum pz_status pz_watermarks_check(const struct pz_watermarks *marks, bool whole, const char *what,
                                   struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < marks->n && st == PZ_OK; i++)
        st = pz_watermark_check(&marks->v[i], whole, what, err);
    return st;
}

void pz_watermarks_write(const struct pz_watermarks *marks, struct pz_str *out)
{
    for (size_t i = 0; i < marks->n; i++) {
        pz_str_addf(out, "%s ", marks->v[i].store);
        write_ranges(&marks->v[i].event_ranges, out);
        pz_str_addc(out, ' ');
        write_ranges(&marks->v[i].row_ranges, out);
        if (*marks->v[i].origin)
            pz_str_addf(out, " %s %" PRIu64, marks->v[i].origin, marks->v[i].shared);
        pz_str_addc(out, '\n');
    }
}

/* An identity; NULL: it is none. */
static const char *read_store(const char *p, char store[17])
{
    if (strspn(p, "0123456789abcdef") != 16)
        return NULL;
    memcpy(store, p, 16);
    return p + 16;
}

/* A line, without its end; NULL: it is none. *ok false: memory is out. */
static const char *read_mark(const char *p, struct pz_watermarks *marks, bool *ok)
{
    char store[17] = "", origin[17] = "";
    struct pz_watermark *m;

    p = read_store(p, store);
    if (!p || *p != ' ')
        return NULL;
    m = get(marks, store);
    *ok = m != NULL;
    p = m ? read_ranges(p + 1, &m->event_ranges, ok) : NULL;
    p = p && *p == ' ' ? read_ranges(p + 1, &m->row_ranges, ok) : NULL;
    if (!p || *p != ' ')
        return p;
    p = read_store(p + 1, origin);
    if (!p || *p != ' ')
        return NULL;
    set_origin(m, origin, 0);
    return read_number(p + 1, &m->shared);
}

enum pz_status pz_watermarks_read(struct pz_watermarks *marks, const char *text, struct pz_err *err)
{
    bool ok = true;

    while (text && *text && ok) {
        text = read_mark(text, marks, &ok);
        text = text && *text == '\n' ? text + 1 : NULL;
    }
    if (!ok || (text && !settle(marks)))
        return pz_err_memory(err, "watermarks of live stores", 1e3);
    return text ? PZ_OK : pz_err_set(err, PZ_BAD_DATA, "the watermarks of live stores are damaged");
}

void pz_watermarks_clear(struct pz_watermarks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        pz_ranges_clear(&marks->v[i].event_ranges);
        pz_ranges_clear(&marks->v[i].row_ranges);
    }
    free(marks->v);
    memset(marks, 0, sizeof *marks);
}
