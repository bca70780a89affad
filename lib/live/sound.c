/* SPDX-License-Identifier: Apache-2.0 */
/* Soundness of a store's file: see pz_db_sound in db.h.
 *
 * LMDB believes what its pages say of themselves: a wrong number in a page leads it out of the page, and
 * writing there breaks the heap, which shows anywhere later. So the pages that the newest meta page
 * leads to are walked as data: each must be where its number says, of a kind that can be there,
 * with its entries inside it, and no page is met twice as often as there are pages. The layout is
 * that of LMDB 0.9 (mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta), in the machine's byte order.
 *
 * Writers go on meanwhile. The pages of the newest transaction are not used again while the caller's
 * own lasts; a caller without one is told nothing wrong of what a writer changed meanwhile: what
 * looks wrong is looked at again until no transaction came in between.
 *
 * Nothing here allocates, locks or writes: it is also called when the program crashed. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "live/db.h"
#include "live/page.h"

enum { TRIES = 100 };

struct walk {
    const unsigned char *file;
    uint64_t n_pages, met;
};

static bool walk_page(struct walk *w, uint64_t number, int depth);

/* A large value has pages of its own, of which the first has a head. */
static bool is_big_sound(const struct walk *w, uint64_t number, uint64_t bytes)
{
    const unsigned char *page = w->file + number * PZ_PAGE;
    uint64_t n = (bytes + PZ_PAGE_HEAD + PZ_PAGE - 1) / PZ_PAGE;

    return number < w->n_pages && n <= w->n_pages - number && pz_get64(page) == number &&
           (pz_get16(page + 10) & PZ_PAGE_OVERFLOW) && pz_get32(page + 12) >= n;
}

static bool walk_leaf(struct walk *w, const unsigned char *node, size_t room, int depth)
{
    uint64_t bytes = pz_page_value_bytes(node), key = pz_get16(node + 6);
    uint16_t flags = pz_get16(node + 4);
    const unsigned char *data = node + PZ_PAGE_NODE + key;

    if (flags & PZ_NODE_BIG)
        return room >= PZ_PAGE_NODE + key + 8 && is_big_sound(w, pz_get64(data), bytes);
    if (room < PZ_PAGE_NODE + key + bytes)
        return false;
    if (flags & PZ_NODE_SUB_DB)
        return bytes == PZ_PAGE_DB && (pz_get64(data + PZ_PAGE_ROOT) == PZ_PAGE_NO_ROOT ||
                                       walk_page(w, pz_get64(data + PZ_PAGE_ROOT), depth + 1));
    return true;
}

static bool walk_branch(struct walk *w, const unsigned char *node, size_t room, int depth)
{
    return room >= (size_t)PZ_PAGE_NODE + pz_get16(node + 6) &&
           walk_page(w, pz_page_child(node), depth + 1);
}

/* What an entry takes of its page. */
static size_t entry_bytes(const unsigned char *node, bool leaf)
{
    size_t n = (size_t)PZ_PAGE_NODE + pz_get16(node + 6);

    if (leaf)
        n += pz_get16(node + 4) & PZ_NODE_BIG ? 8 : pz_page_value_bytes(node);
    return n + n % 2;
}

static bool walk_page(struct walk *w, uint64_t number, int depth)
{
    const unsigned char *page = w->file + number * PZ_PAGE;
    uint16_t flags, lower, upper;
    size_t used = 0;

    if (number >= w->n_pages || depth > PZ_PAGE_DEEPEST || ++w->met > w->n_pages ||
        pz_get64(page) != number)
        return false;
    flags = pz_get16(page + 10) & 0xff & ~PZ_PAGE_DIRTY;
    lower = pz_get16(page + 12);
    upper = pz_get16(page + 14);
    if ((flags != PZ_PAGE_BRANCH && flags != PZ_PAGE_LEAF) || lower < PZ_PAGE_HEAD || lower % 2 ||
        lower > upper || upper > PZ_PAGE ||
        (flags == PZ_PAGE_BRANCH && lower < PZ_PAGE_HEAD + 2 * 2))
        return false;
    for (uint16_t at = PZ_PAGE_HEAD; at < lower; at += 2) {
        uint16_t node = pz_get16(page + at);
        size_t room = (size_t)PZ_PAGE - node;

        if (node < upper || node > PZ_PAGE - PZ_PAGE_NODE || node % 2 ||
            !(flags == PZ_PAGE_LEAF ? walk_leaf : walk_branch)(w, page + node, room, depth))
            return false;
        used += entry_bytes(page + node, flags == PZ_PAGE_LEAF);
    }
    /* Entries lie side by side up to the end of the page: zeros in place of some leave a gap. */
    return used == (size_t)PZ_PAGE - upper;
}

/* Where everything begins, as of the newest transaction. */
struct start {
    uint64_t root[2], last_page, transaction;
};

/* The newer of the two first pages. MDB_CORRUPTED: they are none; an errno value: reading failed,
 * which says nothing of them. */
static int read_start(int fd, struct start *s)
{
    unsigned char page[PZ_PAGE_META_LAST + 16];
    bool found = false;

    for (int i = 0; i < 2; i++) {
        ssize_t got = pread(fd, page, sizeof page, (off_t)i * PZ_PAGE);

        if (got < 0)
            return errno;
        if (got != sizeof page || pz_get32(page + PZ_PAGE_HEAD) != PZ_PAGE_MAGIC)
            return MDB_CORRUPTED;
        if (found && pz_get64(page + PZ_PAGE_META_LAST + 8) < s->transaction)
            break;
        *s = (struct start){ { pz_get64(page + PZ_PAGE_META_DBS + PZ_PAGE_ROOT),
                               pz_get64(page + PZ_PAGE_META_DBS + PZ_PAGE_DB + PZ_PAGE_ROOT) },
                             pz_get64(page + PZ_PAGE_META_LAST),
                             pz_get64(page + PZ_PAGE_META_LAST + 8) };
        found = true;
    }
    return 0;
}

static bool walk_all(struct walk *w, const struct start *s)
{
    for (int i = 0; i < 2; i++)
        if (s->root[i] != PZ_PAGE_NO_ROOT && !walk_page(w, s->root[i], 0))
            return false;
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

    *again = false;
    /* The size after the start was read: its pages were there by then. */
    if (rc == 0 && fstat(fd, &info) != 0)
        rc = errno;
    if (rc != 0)
        return rc;
    map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return errno;
    w.file = map;
    w.n_pages = (uint64_t)info.st_size / PZ_PAGE;
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
