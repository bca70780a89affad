/* SPDX-License-Identifier: Apache-2.0 */
/* Traces of ids in a store's file: see traces.h.
 *
 * The file is looked at as it is, page by page, whether the store can be opened or not. A page that
 * has the form of a leaf or a branch (page.h) is taken apart: keys and values of its entries are
 * compared field by field (db.h). Which of these pages are in use and which are free is not asked:
 * both are on the disk. What lies between the entries of a page, and all other pages, is free space
 * or a large value; there an id counts where anything of what our records put around one is around
 * it:
 *
 *   a NUL behind it (fields of a record, keys of owner and joins), or before it (the size of a key
 *   that has fewer than 256 bytes); 'u' or 's' after a NUL (keys of owner); a number of 8 bytes
 *   that is not astronomical before it (values of sessions and forgotten); or no part of a word on
 *   both sides */
#include "live/traces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "base/word.h"
#include "live/events.h"
#include "live/page.h"

/* One id and where it was found. */
struct wanted {
    const char *id;
    size_t len;
    bool in_record, in_space;
};

struct search {
    struct wanted *wanted; /* [n] */
    size_t n;
};

/* ---- entries ---- */

/* The bytes are an id, or with `text` hold it as a word. */
static void compare(struct search *s, const char *bytes, size_t n, bool text)
{
    for (size_t i = 0; i < s->n; i++) {
        struct wanted *w = &s->wanted[i];

        w->in_record = w->in_record || (w->len == n && memcmp(w->id, bytes, n) == 0) ||
                       (text && n > w->len && pz_word_find(bytes, n, w->id, w->len));
    }
}

/* Keys are an id; a letter and an id, or an id alone, with a NUL and a number behind it; or a
 * number. */
static void look_at_key(struct search *s, const char *key, size_t n)
{
    if (n > 9 && key[n - 9] == '\0') {
        compare(s, key, n - 9, false);
        compare(s, key + 1, n - 10, false);
    } else if (n > 0 && key[0] != '\0') {
        compare(s, key, n, false);
    }
}

/* Values are an id; a number and perhaps an id, or texts with a NUL behind each; or several
 * numbers. */
static void look_at_value(struct search *s, const char *value, size_t n)
{
    if (n > 8 && value[0] == '\0')
        compare(s, value + 8, n - 8, value[n - 1] == '\0');
    else if (n > 0)
        compare(s, value, n, false);
}

/* A value, with its check behind it, or of a format without. */
static void look_at_both(struct search *s, const char *value, size_t n)
{
    look_at_value(s, value, n);
    if (n > PZ_DB_CHECK)
        look_at_value(s, value, n - PZ_DB_CHECK);
}

/* ---- what lies between them ---- */

static bool may_be_id(const char *page, const char *end, const char *p, size_t len)
{
    char before = p > page ? p[-1] : '\0', behind = p + len < end ? p[len] : '\0';

    return before == '\0' || behind == '\0' ||
           ((before == 'u' || before == 's') && (p - page < 2 || p[-2] == '\0')) ||
           (p - page >= 8 && p[-8] == '\0' && p[-7] == '\0' && p[-6] == '\0') ||
           (!pz_word_byte((unsigned char)before) && !pz_word_byte((unsigned char)behind));
}

static void look_at_space(struct search *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < s->n; i++) {
        struct wanted *w = &s->wanted[i];
        const char *p = bytes, *end = bytes + n;

        while (!w->in_space && n > 0 && (p = memmem(p, (size_t)(end - p), w->id, w->len)) != NULL) {
            w->in_space = may_be_id(bytes, end, p, w->len);
            p++;
        }
    }
}

/* ---- pages ---- */

struct file {
    const unsigned char *bytes;
    void *map; /* the same, to be given back */
    size_t n;
    unsigned char *of_items; /* [pages] 1: of the database of items, as of the newest transaction */
};

/* What the page itself has of an entry's value. */
static size_t bytes_here(const struct pz_page_entry *e)
{
    return e->flags & PZ_NODE_BIG ? 0 : e->value_bytes;
}

/* Where an entry leads: a branch's to a page, that of a database to its root. */
static uint64_t leads_to(const struct pz_page_entry *e)
{
    return (e->flags & PZ_NODE_SUB_DB) && bytes_here(e) == PZ_PAGE_DB
               ? pz_get64(e->value + PZ_PAGE_ROOT)
               : e->child;
}

/* Follow a tree from its root: note the pages of items, or with `all` look for that database. */
static void find_items(struct file *f, uint64_t number, bool all, int depth)
{
    const unsigned char *page = f->bytes + number * PZ_PAGE;
    bool leaf;
    struct pz_page_entry e;

    if (number >= f->n / PZ_PAGE || depth > PZ_PAGE_DEEPEST || f->of_items[number])
        return;
    f->of_items[number] = !all;
    leaf = pz_get16(page + 10) & PZ_PAGE_LEAF;
    for (size_t i = 0; i < pz_page_n_entries(page); i++)
        if (pz_page_read_entry(page, i, &e) && leads_to(&e) != PZ_PAGE_NO_ROOT &&
            (!leaf || (all && e.key_bytes == 5 && memcmp(e.key, "items", 5) == 0)))
            find_items(f, leads_to(&e), all && !leaf, depth + 1);
}

static void mark_items(struct file *f)
{
    const unsigned char *meta;

    if (f->n < (size_t)2 * PZ_PAGE)
        return;
    meta = pz_page_newest(f->bytes, f->bytes + PZ_PAGE);
    find_items(f, pz_get64(meta + PZ_PAGE_META_DBS + PZ_PAGE_DB + PZ_PAGE_ROOT), true, 0);
}

/* An event's value without what it says of items, which is no trace of a user whose id is an item's
 * too: the item and the impression are put aside. Returns false when the entry is no event. */
static bool look_at_event(struct search *s, const struct pz_page_entry *e)
{
    const char *value = (const char *)e->value, *p = value + 16, *end = value + bytes_here(e);

    if (e->key_bytes != 8 || e->key[0] != '\0' || bytes_here(e) < 16 + PZ_LIVE_N_TEXTS)
        return false;
    for (int field = 0; field < PZ_LIVE_N_TEXTS; field++) {
        size_t n = strnlen(p, (size_t)(end - p));

        if (p + n == end)
            return false;
        p += n + 1;
    }
    if (p != end && p + PZ_DB_CHECK != end)
        return false;
    p = value + 16;
    for (int field = 0; field < PZ_LIVE_N_TEXTS; field++) {
        size_t n = strlen(p);

        if (field != 2 && field != 6)
            compare(s, p, n, true);
        p += n + 1;
    }
    return true;
}

/* A page by itself. False: it has not the form of one with entries. */
static bool look_at_page(struct search *s, const struct file *f, size_t number)
{
    const unsigned char *page = f->bytes + number * PZ_PAGE;
    size_t n = pz_page_n_entries(page), lower = PZ_PAGE_HEAD + 2 * n;
    struct pz_page_entry e;

    for (size_t i = 0; i < n; i++)
        if (!pz_page_read_entry(page, i, &e))
            return false;
    for (size_t i = 0; i < n; i++) {
        (void)pz_page_read_entry(page, i, &e);
        if (look_at_event(s, &e))
            continue;
        if (!f->of_items[number])
            look_at_key(s, (const char *)e.key, e.key_bytes);
        if (leads_to(&e) == PZ_PAGE_NO_ROOT)
            look_at_both(s, (const char *)e.value, bytes_here(&e));
    }
    look_at_space(s, (const char *)page + lower, n ? pz_get16(page + 14) - lower : 0);
    return n > 0;
}

static void look_at_pages(struct search *s, struct file *f)
{
    size_t from = 0; /* of the pages without entries that were met last */

    mark_items(f);
    for (size_t page = 0; page < f->n / PZ_PAGE; page++)
        if (look_at_page(s, f, page)) {
            /* together, as a large value goes on from page to page */
            look_at_space(s, (const char *)f->bytes + from, page * PZ_PAGE - from);
            from = (page + 1) * PZ_PAGE;
        }
    look_at_space(s, (const char *)f->bytes + from, f->n - from);
}

static enum pz_status map_file(const char *path, struct file *f, struct pz_err *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = NULL;

    if (fd < 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);
    if (fstat(fd, &info) == 0 && info.st_size > 0)
        map = mmap(NULL, f->n = (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return pz_err_errno(err, PZ_IO, errno, "cannot read %s", path);
    f->bytes = f->map = map;
    f->of_items = calloc(f->n / PZ_PAGE + 1, 1);
    return f->of_items ? PZ_OK : pz_err_memory(err, "pages", (double)f->n / PZ_PAGE);
}

static enum pz_status tell(const struct search *s, pz_trace_fn *fn, void *context,
                           struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < s->n && st == PZ_OK; i++) {
        if (s->wanted[i].in_record)
            st = fn(context, s->wanted[i].id, "records, in use or free", err);
        else if (s->wanted[i].in_space)
            st = fn(context, s->wanted[i].id, "free space", err);
    }
    return st;
}

enum pz_status pz_live_traces(const char *path, const char *const *id, size_t n, pz_trace_fn *fn,
                              void *context, struct pz_err *err)
{
    struct search s = { .wanted = calloc(n + 1, sizeof *s.wanted), .n = n };
    struct file f = { .n = 0 };
    enum pz_status st = s.wanted ? map_file(path, &f, err)
                                 : pz_err_memory(err, "ids", (double)(n * sizeof *s.wanted));

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        s.wanted[i] = (struct wanted){ .id = id[i], .len = strlen(id[i]) };
    if (st == PZ_OK)
        look_at_pages(&s, &f);
    if (st == PZ_OK)
        st = tell(&s, fn, context, err);
    if (f.bytes)
        munmap(f.map, f.n);
    free(f.of_items);
    free(s.wanted);
    return st;
}
