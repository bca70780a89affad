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
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live/db.h"

enum {
    PAGE = 4096,
    HEAD = 16,     /* of a page: number 8, key size 2, flags 2, lower 2, upper 2 */
    NODE = 8,      /* of an entry: low 2, high 2, flags 2, key size 2 */
    DB = 48,       /* MDB_db: 4, flags 2, depth 2, three counts, entries, root at 40 */
    META_DBS = 40, /* in a page: after its head, magic 4, version 4, address 8, map size 8 */
    META_LAST = META_DBS + 2 * DB, /* last page 8, transaction 8 */
    DEEPEST = 32,
    TRIES = 100,
    BRANCH = 1,
    LEAF = 2,
    OVERFLOW_PAGE = 4,
    BIG_DATA = 1,
    SUB_DB = 2
};

#define NO_ROOT UINT64_MAX
#define MAGIC 0xBEEFC0DEu

struct walk {
    const unsigned char *file;
    uint64_t n_pages, met;
};

static uint16_t get16(const unsigned char *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static uint64_t get64(const unsigned char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static uint32_t get32(const unsigned char *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static bool walk_page(struct walk *w, uint64_t number, int depth);

/* A large value has pages of its own, of which the first has a head. */
static bool is_big_sound(const struct walk *w, uint64_t number, uint64_t bytes)
{
    const unsigned char *page = w->file + number * PAGE;
    uint64_t n = (bytes + HEAD + PAGE - 1) / PAGE;

    return number < w->n_pages && n <= w->n_pages - number && get64(page) == number &&
           (get16(page + 10) & OVERFLOW_PAGE) && get32(page + 12) >= n;
}

static bool walk_leaf(struct walk *w, const unsigned char *node, size_t room, int depth)
{
    uint64_t bytes = get16(node) | (uint64_t)get16(node + 2) << 16, key = get16(node + 6);
    uint16_t flags = get16(node + 4);
    const unsigned char *data = node + NODE + key;

    if (flags & BIG_DATA)
        return room >= NODE + key + 8 && is_big_sound(w, get64(data), bytes);
    if (room < NODE + key + bytes)
        return false;
    if (flags & SUB_DB)
        return bytes == DB &&
               (get64(data + 40) == NO_ROOT || walk_page(w, get64(data + 40), depth + 1));
    return true;
}

static bool walk_branch(struct walk *w, const unsigned char *node, size_t room, int depth)
{
    uint64_t child = get16(node) | (uint64_t)get16(node + 2) << 16 |
                     (uint64_t)get16(node + 4) << 32;

    return room >= (size_t)NODE + get16(node + 6) && walk_page(w, child, depth + 1);
}

static bool walk_page(struct walk *w, uint64_t number, int depth)
{
    const unsigned char *page = w->file + number * PAGE;
    uint16_t flags, lower, upper;

    if (number >= w->n_pages || depth > DEEPEST || ++w->met > w->n_pages || get64(page) != number)
        return false;
    flags = get16(page + 10) & 0xff & ~0x10; /* 0x10: written to in a transaction */
    lower = get16(page + 12);
    upper = get16(page + 14);
    if ((flags != BRANCH && flags != LEAF) || lower < HEAD || lower % 2 || lower > upper ||
        upper > PAGE || (flags == BRANCH && lower < HEAD + 2 * 2))
        return false;
    for (uint16_t at = HEAD; at < lower; at += 2) {
        uint16_t node = get16(page + at);
        size_t room = (size_t)PAGE - node;

        if (node < upper || node > PAGE - NODE || node % 2 ||
            !(flags == LEAF ? walk_leaf : walk_branch)(w, page + node, room, depth))
            return false;
    }
    return true;
}

/* Where everything begins, as of the newest transaction. */
struct start {
    uint64_t root[2], last_page, transaction;
};

/* The newer of the two first pages; false: neither is one. */
static bool read_start(int fd, struct start *s)
{
    unsigned char page[META_LAST + 16];
    bool found = false;

    for (int i = 0; i < 2; i++) {
        if (pread(fd, page, sizeof page, (off_t)i * PAGE) != sizeof page ||
            get32(page + HEAD) != MAGIC)
            return false;
        if (found && get64(page + META_LAST + 8) < s->transaction)
            break;
        *s = (struct start){ { get64(page + META_DBS + 40), get64(page + META_DBS + DB + 40) },
                             get64(page + META_LAST),
                             get64(page + META_LAST + 8) };
        found = true;
    }
    return true;
}

static bool walk_all(struct walk *w, const struct start *s)
{
    for (int i = 0; i < 2; i++)
        if (s->root[i] != NO_ROOT && !walk_page(w, s->root[i], 0))
            return false;
    return true;
}

/* Look once; false only if nobody wrote meanwhile or *again says so. Without a verdict it is sound. */
static bool look(int fd, bool *again)
{
    struct walk w = { .met = 0 };
    struct start start, end;
    struct stat info;
    void *map;
    bool sound;

    *again = false;
    if (!read_start(fd, &start))
        return false;
    if (fstat(fd, &info) != 0) /* after the start was read: its pages were there by then */
        return true;
    map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return true;
    w.file = map;
    w.n_pages = (uint64_t)info.st_size / PAGE;
    sound = walk_all(&w, &start);
    munmap(map, (size_t)info.st_size);
    *again = !sound && read_start(fd, &end) && end.transaction != start.transaction;
    return sound;
}

bool pz_db_is_sound(int fd)
{
    bool again = true, sound = true;

    for (int i = 0; i < TRIES && again; i++)
        sound = look(fd, &again);
    return sound || again;
}
