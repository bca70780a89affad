/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: the layout of LMDB 0.9's file (mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta), in
 * the machine's byte order, for those who look at the file as bytes.
 *
 * Threads: any. */
#ifndef PZ_LIVE_PAGE_H
#define PZ_LIVE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/number.h"

enum {
    PZ_PAGE = 4096,
    PZ_PAGE_HEAD = 16, /* number 8, key size 2, flags 2, lower 2, upper 2 */
    PZ_PAGE_NODE = 8,  /* head of an entry: low 2, high 2, flags 2, key size 2 */
    PZ_PAGE_DB = 48,   /* MDB_db: 4, flags 2, depth 2, three counts, entries, root at 40 */
    PZ_PAGE_DEPTH = 6, /* in MDB_db */
    PZ_PAGE_ENTRIES = 32,
    PZ_PAGE_ROOT = 40,
    PZ_PAGE_META_DBS = 40, /* in a page: after its head, magic 4, version 4, address 8, map 8 */
    PZ_PAGE_META_LAST = 40 + 96, /* last page 8, transaction 8 */
    PZ_PAGE_DEEPEST = 32,
    /* flags of pages and entries */
    PZ_PAGE_BRANCH = 1,
    PZ_PAGE_LEAF = 2,
    PZ_PAGE_OVERFLOW = 4,
    PZ_PAGE_DIRTY = 0x10, /* written to in a transaction */
    PZ_NODE_BIG = 1,
    PZ_NODE_SUB_DB = 2
};

#define PZ_PAGE_NO_ROOT UINT64_MAX
#define PZ_PAGE_MAGIC 0xBEEFC0DEu

/* A store's pages as of one transaction. */
struct pz_page_tree {
    const unsigned char *file;
    uint64_t n_pages, root; /* root: of the table of tables */
    int depth;              /* of that: levels */
};

/* Find the pages of a transaction; false: they are being used again. */
bool pz_page_find_tree(const unsigned char *file, uint64_t transaction, struct pz_page_tree *tree);

/* Whether the page is a leaf that is whole: all it says of itself fits together. */
bool pz_page_is_leaf(const struct pz_page_tree *tree, const unsigned char *page);

/* An entry as it stands in its page. */
struct pz_page_entry {
    const unsigned char *key,
        *value; /* key NULL: none; value: of a leaf. A large one has pages of its
                                         own: here is the number of the first */
    size_t key_bytes, value_bytes;
    size_t bytes;   /* that it takes of its page */
    uint64_t child; /* of a branch; else PZ_PAGE_NO_ROOT */
    uint16_t flags; /* of a leaf */
};

/* How many entries a page has; 0 where it has not the form of one with entries. */
size_t pz_page_n_entries(const unsigned char *page);

/* The i-th entry; false: it does not lie in the page. */
bool pz_page_read_entry(const unsigned char *page, size_t i, struct pz_page_entry *e);

/* The newer of the two pages at the start of a file. */
static inline const unsigned char *pz_page_newest(const unsigned char *first,
                                                  const unsigned char *second)
{
    return pz_get64(second + PZ_PAGE_META_LAST + 8) > pz_get64(first + PZ_PAGE_META_LAST + 8)
               ? second
               : first;
}

/* Whether the pages from the root of a table (by its name) to the place of a key are whole and lead
 * there. beside: the entry of the key or before it, and the one after, as far as they are on its
 * page; large values where they are. */
bool pz_page_path(const struct pz_page_tree *tree, const char *table, const void *key, size_t n,
                  struct pz_page_entry beside[2]);

#endif
