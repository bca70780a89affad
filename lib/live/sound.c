/* SPDX-License-Identifier: Apache-2.0 */
/* Soundness of a store's file: see pz_db_sound in db.h.
 *
 * LMDB believes what its pages say of themselves: a wrong number in a page leads it out of the
 * page, and writing there breaks the heap, which shows anywhere later. So the pages that the newest
 * meta page leads to are walked as data: each must be where its number says, of a kind that can be
 * there, with its entries inside it and in order, as many in each table as LMDB has counted; no
 * more pages are met than there are. A reader that finds nothing looks at the pages on its way only
 * (pz_page_path). The layout is that of LMDB 0.9 (mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta), in
 * the machine's byte order.
 *
 * Writers go on meanwhile. The pages of the newest transaction are not used again while the
 * caller's own lasts; a caller without one is told nothing wrong of what a writer changed
 * meanwhile: what looks wrong is looked at again until no transaction came in between.
 *
 * Nothing here allocates, locks or writes: it is also called when the program crashed. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live/db.h"
#include "live/page.h"

enum { TRIES = 100 };

/* A key that bounds others; p NULL: none. */
struct bound {
    const unsigned char *p;
    size_t n;
};

static bool is_leaf(const unsigned char *page)
{
    return pz_get16(page + 10) & PZ_PAGE_LEAF;
}

size_t pz_page_n_entries(const unsigned char *page)
{
    uint16_t flags = pz_get16(page + 10) & 0xff & ~PZ_PAGE_DIRTY, lower = pz_get16(page + 12),
             upper = pz_get16(page + 14);

    return (flags == PZ_PAGE_BRANCH || flags == PZ_PAGE_LEAF) && lower > PZ_PAGE_HEAD &&
                   lower % 2 == 0 && lower <= upper && upper <= PZ_PAGE
               ? (size_t)(lower - PZ_PAGE_HEAD) / 2
               : 0;
}

/* An entry's head has 48 bits of what a branch leads to, or the 32 of how long a leaf's value
 * is. */
bool pz_page_read_entry(const unsigned char *page, size_t i, struct pz_page_entry *e)
{
    size_t at = pz_get16(page + PZ_PAGE_HEAD + 2 * i), room = (size_t)PZ_PAGE - at;
    const unsigned char *node = page + at;
    bool leaf = is_leaf(page);
    uint32_t low;

    if (at < pz_get16(page + 14) || at > PZ_PAGE - PZ_PAGE_NODE || at % 2)
        return false;
    low = pz_get16(node) | (uint32_t)pz_get16(node + 2) << 16;
    *e = (struct pz_page_entry){ .key = node + PZ_PAGE_NODE,
                                 .key_bytes = pz_get16(node + 6),
                                 .value_bytes = leaf ? low : 0,
                                 .child = leaf ? PZ_PAGE_NO_ROOT
                                               : low | (uint64_t)pz_get16(node + 4) << 32,
                                 .flags = leaf ? pz_get16(node + 4) : 0 };
    e->value = e->key + e->key_bytes;
    e->bytes = (size_t)PZ_PAGE_NODE + e->key_bytes +
               (e->flags & PZ_NODE_BIG ? sizeof e->child : e->value_bytes);
    e->bytes += e->bytes % 2;
    return e->bytes <= room;
}

/* As LMDB compares: bytes, then lengths; or, of the list of free pages, numbers. */
static int compare(const struct bound *a, const struct pz_page_entry *b, bool numbers)
{
    size_t n = a->n < b->key_bytes ? a->n : b->key_bytes;
    int order;

    if (numbers && a->n == 8 && b->key_bytes == 8) {
        uint64_t x = pz_get64(a->p), y = pz_get64(b->key);

        return x < y ? -1 : x > y;
    }
    order = memcmp(a->p, b->key, n);
    return order ? order : a->n < b->key_bytes ? -1 : a->n > b->key_bytes;
}

/* A large value has pages of its own, of which the first has a head. */
static bool is_big_sound(const struct pz_page_tree *t, const struct pz_page_entry *e)
{
    uint64_t number = pz_get64(e->value);
    const unsigned char *page = t->file + number * PZ_PAGE;
    uint64_t n = (e->value_bytes + PZ_PAGE_HEAD + PZ_PAGE - 1) / PZ_PAGE;

    return number < t->n_pages && n <= t->n_pages - number && pz_get64(page) == number &&
           (pz_get16(page + 10) & PZ_PAGE_OVERFLOW) && pz_get32(page + 12) >= n;
}

static bool is_head_sound(const unsigned char *page, uint64_t number)
{
    uint16_t flags = pz_get16(page + 10) & 0xff & ~PZ_PAGE_DIRTY, lower = pz_get16(page + 12),
             upper = pz_get16(page + 14);

    return pz_get64(page) == number && (flags == PZ_PAGE_BRANCH || flags == PZ_PAGE_LEAF) &&
           lower >= PZ_PAGE_HEAD && lower % 2 == 0 && lower <= upper && upper <= PZ_PAGE &&
           (flags == PZ_PAGE_LEAF || lower >= PZ_PAGE_HEAD + 2 * 2);
}

/* Whether all that a page says of itself fits together: it is where its number says, its entries
 * lie side by side up to its end (zeros in place of some would leave a gap), and their keys ascend,
 * from `from` on and before `to`. A branch's first key says nothing. */
static bool is_page_sound(const struct pz_page_tree *t, uint64_t number, const struct bound *from,
                          const struct bound *to, bool numbers)
{
    const unsigned char *page = t->file + number * PZ_PAGE;
    struct bound last = { NULL, 0 };
    struct pz_page_entry e = { .key = NULL };
    size_t used = 0, n;

    if (number >= t->n_pages || !is_head_sound(page, number))
        return false;
    n = pz_page_n_entries(page);
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 && !is_leaf(page);

        if (!pz_page_read_entry(page, i, &e) || ((e.flags & PZ_NODE_BIG) && !is_big_sound(t, &e)) ||
            (!first && last.p && compare(&last, &e, numbers) >= 0) ||
            (!first && !last.p && from && from->p && compare(from, &e, numbers) > 0))
            return false;
        last = first ? last : (struct bound){ e.key, e.key_bytes };
        used += e.bytes;
    }
    return used == (size_t)PZ_PAGE - pz_get16(page + 14) &&
           (!last.p || !to || !to->p || compare(to, &e, numbers) > 0);
}

/* ---- all of it ---- */

struct walk {
    struct pz_page_tree tree;
    uint64_t met, entries; /* entries: in leaves of the table that is walked */
    bool numbers;
};

static bool walk_page(struct walk *w, uint64_t number, int depth, const struct bound *from,
                      const struct bound *to);

/* A table in the table of tables. */
static bool walk_table(struct walk *w, const struct pz_page_entry *e)
{
    uint64_t root = e->value_bytes == PZ_PAGE_DB ? pz_get64(e->value + PZ_PAGE_ROOT) : 0;
    uint64_t above = w->entries;
    bool good = e->value_bytes == PZ_PAGE_DB;

    w->entries = 0;
    if (good && root != PZ_PAGE_NO_ROOT)
        good = walk_page(w, root, pz_get16(e->value + PZ_PAGE_DEPTH), NULL, NULL);
    good = good && w->entries == pz_get64(e->value + PZ_PAGE_ENTRIES);
    w->entries = above;
    return good;
}

static bool walk_branch(struct walk *w, const unsigned char *page, int depth,
                        const struct bound *from, const struct bound *to)
{
    size_t n = pz_page_n_entries(page);
    struct pz_page_entry e, next;

    if (!pz_page_read_entry(page, 0, &e))
        return false;
    for (size_t i = 0; i < n; i++, e = next) {
        struct bound low = { e.key, e.key_bytes }, high = { NULL, 0 };

        if (i + 1 < n) {
            if (!pz_page_read_entry(page, i + 1, &next))
                return false;
            high = (struct bound){ next.key, next.key_bytes };
        }
        if (!walk_page(w, e.child, depth - 1, i == 0 ? from : &low, i + 1 < n ? &high : to))
            return false;
    }
    return true;
}

/* depth: levels from here on, that of leaves is 1. */
static bool walk_page(struct walk *w, uint64_t number, int depth, const struct bound *from,
                      const struct bound *to)
{
    const unsigned char *page = w->tree.file + number * PZ_PAGE;
    struct pz_page_entry e;

    if (depth < 1 || depth > PZ_PAGE_DEEPEST || ++w->met > w->tree.n_pages ||
        !is_page_sound(&w->tree, number, from, to, w->numbers) || is_leaf(page) != (depth == 1))
        return false;
    if (depth > 1)
        return walk_branch(w, page, depth, from, to);
    for (size_t i = 0; i < pz_page_n_entries(page); i++)
        if (!pz_page_read_entry(page, i, &e) || ((e.flags & PZ_NODE_SUB_DB) && !walk_table(w, &e)))
            return false;
    w->entries += pz_page_n_entries(page);
    return true;
}

/* ---- one way from the root ---- */

bool pz_page_find_tree(const unsigned char *file, uint64_t transaction, struct pz_page_tree *tree)
{
    const unsigned char *meta = file + transaction % 2 * PZ_PAGE;

    *tree = (struct pz_page_tree){ file, pz_get64(meta + PZ_PAGE_META_LAST) + 1,
                                   pz_get64(meta + PZ_PAGE_META_DBS + PZ_PAGE_DB + PZ_PAGE_ROOT),
                                   pz_get16(meta + PZ_PAGE_META_DBS + PZ_PAGE_DB + PZ_PAGE_DEPTH) };
    return pz_get64(meta + PZ_PAGE_META_LAST + 8) == transaction;
}

bool pz_page_is_leaf(const struct pz_page_tree *tree, const unsigned char *page)
{
    return is_page_sound(tree, (uint64_t)(page - tree->file) / PZ_PAGE, NULL, NULL, false) &&
           is_leaf(page);
}

/* How many entries of a page have keys that are not behind `key`; a branch's first has one that is
 * not. */
static size_t count_upto(const unsigned char *page, const struct bound *key)
{
    size_t low = is_leaf(page) ? 0 : 1, high = pz_page_n_entries(page);
    struct pz_page_entry e;

    while (low < high) {
        size_t middle = (low + high) / 2;

        (void)pz_page_read_entry(page, middle, &e);
        if (compare(key, &e, false) >= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* From a root of `depth` levels to the leaf of a key; NULL: a page on the way is not whole. */
static const unsigned char *descend(const struct pz_page_tree *t, uint64_t number, int depth,
                                    const struct bound *key)
{
    struct bound from = { NULL, 0 }, to = { NULL, 0 };

    for (; depth > 0 && depth <= PZ_PAGE_DEEPEST; depth--) {
        const unsigned char *page = t->file + number * PZ_PAGE;
        struct pz_page_entry e;
        size_t n;

        if (!is_page_sound(t, number, &from, &to, false) || is_leaf(page) != (depth == 1))
            return NULL;
        if (depth == 1)
            return page;
        n = count_upto(page, key);
        if (n < pz_page_n_entries(page) && pz_page_read_entry(page, n, &e))
            to = (struct bound){ e.key, e.key_bytes };
        if (!pz_page_read_entry(page, n - 1, &e))
            return NULL;
        from = (struct bound){ e.key, e.key_bytes };
        number = e.child;
    }
    return NULL;
}

static void give(const struct pz_page_tree *t, const unsigned char *page, size_t i,
                 struct pz_page_entry *out)
{
    if (i >= pz_page_n_entries(page) || !pz_page_read_entry(page, i, out))
        *out = (struct pz_page_entry){ .key = NULL };
    else if (out->flags & PZ_NODE_BIG)
        out->value = t->file + pz_get64(out->value) * PZ_PAGE + PZ_PAGE_HEAD;
}

bool pz_page_path(const struct pz_page_tree *tree, const char *table, const void *key, size_t n,
                  struct pz_page_entry beside[2])
{
    struct bound name = { (const unsigned char *)table, strlen(table) }, at = { key, n };
    const unsigned char *page = descend(tree, tree->root, tree->depth, &name), *db;
    size_t i = page ? count_upto(page, &name) : 0;

    memset(beside, 0, 2 * sizeof *beside);
    if (i == 0)
        return false;
    give(tree, page, i - 1, &beside[0]);
    db = beside[0].value;
    if (beside[0].key_bytes != name.n || memcmp(beside[0].key, name.p, name.n) != 0 ||
        beside[0].value_bytes != PZ_PAGE_DB)
        return false;
    beside[0].key = NULL;
    if (pz_get64(db + PZ_PAGE_ROOT) == PZ_PAGE_NO_ROOT)
        return pz_get64(db + PZ_PAGE_ENTRIES) == 0;
    page = descend(tree, pz_get64(db + PZ_PAGE_ROOT), pz_get16(db + PZ_PAGE_DEPTH), &at);
    if (!page)
        return false;
    i = count_upto(page, &at);
    give(tree, page, i - 1, &beside[0]); /* none when i is 0 */
    give(tree, page, i, &beside[1]);
    return true;
}

/* Where everything begins, as of the newest transaction. */
struct start {
    uint64_t root[2], last_page, transaction, entries[2];
    int depth[2];
    bool in_turn; /* the other first page is of the transaction before it */
};

/* The newer of the two first pages. MDB_CORRUPTED: they are none; an errno value: reading failed,
 * which says nothing of them. */
static int read_start(int fd, struct start *s)
{
    unsigned char page[2][PZ_PAGE_META_LAST + 16];
    const unsigned char *newest;
    uint64_t number[2];

    for (int i = 0; i < 2; i++) {
        ssize_t got = pread(fd, page[i], sizeof page[i], (off_t)i * PZ_PAGE);

        if (got < 0)
            return errno;
        if (got != sizeof page[i] || pz_get32(page[i] + PZ_PAGE_HEAD) != PZ_PAGE_MAGIC)
            return MDB_CORRUPTED;
        number[i] = pz_get64(page[i] + PZ_PAGE_META_LAST + 8);
    }
    newest = pz_page_newest(page[0], page[1]);
    *s = (struct start){ .last_page = pz_get64(newest + PZ_PAGE_META_LAST),
                         .transaction = pz_get64(newest + PZ_PAGE_META_LAST + 8) };
    for (size_t i = 0; i < 2; i++) {
        const unsigned char *db = newest + PZ_PAGE_META_DBS + i * PZ_PAGE_DB;

        s->root[i] = pz_get64(db + PZ_PAGE_ROOT);
        s->depth[i] = pz_get16(db + PZ_PAGE_DEPTH);
        s->entries[i] = pz_get64(db + PZ_PAGE_ENTRIES);
    }
    /* Transaction n writes page n % 2. */
    s->in_turn = s->transaction == 0 || (number[0] % 2 == 0 && number[1] % 2 == 1 &&
                                         number[0] + number[1] == 2 * s->transaction - 1);
    return 0;
}

int pz_db_start_sound(int fd)
{
    struct start s = { .in_turn = false };
    int rc = 0;

    /* A writer may come between the two pages, but not each time. */
    for (int i = 0; i < TRIES && rc == 0 && !s.in_turn; i++)
        rc = read_start(fd, &s);
    return rc == 0 && !s.in_turn ? MDB_CORRUPTED : rc;
}

static bool walk_all(struct walk *w, const struct start *s)
{
    for (int i = 0; i < 2; i++) {
        w->numbers = i == 0;
        w->entries = 0;
        if ((s->root[i] != PZ_PAGE_NO_ROOT && !walk_page(w, s->root[i], s->depth[i], NULL, NULL)) ||
            w->entries != s->entries[i])
            return false;
    }
    return true;
}

/* Look once. MDB_CORRUPTED only if nobody wrote meanwhile, or *again says so. */
static int look(int fd, bool *again)
{
    struct walk w = { .met = 0 };
    struct start start, end;
    struct stat info;
    void *map;
    int rc = read_start(fd, &start);

    /* Read while they were written, perhaps. */
    *again = rc == MDB_CORRUPTED && read_start(fd, &end) == 0;
    /* The size after the start was read: its pages were there by then. */
    if (rc == 0 && fstat(fd, &info) != 0)
        rc = errno;
    if (rc != 0)
        return rc;
    map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return errno;
    w.tree = (struct pz_page_tree){ .file = map, .n_pages = (uint64_t)info.st_size / PZ_PAGE };
    rc = walk_all(&w, &start) ? 0 : MDB_CORRUPTED;
    munmap(map, (size_t)info.st_size);
    *again = rc != 0 && read_start(fd, &end) == 0 && end.transaction != start.transaction;
    return rc;
}

int pz_db_sound(int fd)
{
    bool again = true;
    int rc = 0;

    for (int i = 0; i < TRIES && again; i++)
        rc = look(fd, &again);
    return again ? EAGAIN : rc;
}
