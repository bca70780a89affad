/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows were put lately, by number: so that who has made something of the rows up to a number
 * looks at what came since, not at all rows.
 *
 * The list stands in "owner" under 'r' and the number of the change, in order: the mark of all
 * changes up to it, the table, the id. It is whole as long as its last number is that of the last
 * change ("rows" in meta): whoever changes rows without it (forgetting, an older pz) ends it, and
 * the next put begins another. It has the newest CHANGES_MAX changes at most, and of a batch of
 * more than BATCH_MAX rows the last: what was made before such is made anew. Ids of forgotten users
 * are in no list. */
#include "live/events.h"

#include <errno.h>
#include <stdlib.h>

enum { CHANGES_MAX = 65536, BATCH_MAX = 4096, KEY = 9, HEAD = 9 };

static const char *const counted = "changes"; /* how many there are, in meta */

static void make_key(unsigned char key[KEY], uint64_t number)
{
    key[0] = 'r';
    pz_db_put_number(key + 1, number);
}

/* The number of a list's entry; 0: it is none. */
static uint64_t number_of(const struct pz_walk *w)
{
    const unsigned char *key = w->key.mv_data;

    return w->key.mv_size == KEY && key[0] == 'r' && w->value.mv_size > HEAD
               ? pz_db_get_number(key + 1)
               : 0;
}

/* Remove the oldest until `left` of n are there. */
static int cut(struct pz_live_store *s, MDB_txn *txn, uint64_t *n, uint64_t left)
{
    unsigned char key[KEY];
    struct pz_walk w;

    make_key(key, 0);
    pz_walk_from(&w, s, txn, PZ_DB_OWNER, key, KEY);
    for (; *n > left && pz_walk_next(&w) && number_of(&w) > 0; --*n)
        pz_walk_delete(&w);
    return pz_walk_end(&w);
}

static int clear(struct pz_live_store *s, MDB_txn *txn)
{
    uint64_t n = UINT64_MAX, had = 0;
    int rc = pz_db_get_meta(s, txn, counted, &had);

    if (rc == 0 && had > 0)
        rc = cut(s, txn, &n, 0);
    return rc == 0 && had > 0 ? pz_db_put_meta(s, txn, counted, 0) : rc;
}

/* The last number of the list and its mark; 0: it is empty. */
static int find_last(struct pz_live_store *s, MDB_txn *txn, uint64_t *number)
{
    unsigned char key[KEY];
    struct pz_walk w;

    make_key(key, UINT64_MAX);
    pz_walk_back(&w, s, txn, PZ_DB_OWNER, key, KEY);
    *number = pz_walk_next(&w) ? number_of(&w) : 0;
    return pz_walk_end(&w);
}

int pz_changes_begin(struct pz_live_store *s, MDB_txn *txn, size_t n, bool *all)
{
    uint64_t rows = 0, last = 0;
    int rc = pz_db_get_meta(s, txn, "rows", &rows);

    *all = n <= BATCH_MAX;
    if (rc == 0)
        rc = find_last(s, txn, &last);
    return rc == 0 && (last != rows || !*all) ? clear(s, txn) : rc;
}

int pz_changes_add(struct pz_live_store *s, MDB_txn *txn, enum pz_live_table table, const char *id,
                   uint64_t number, uint64_t mark)
{
    unsigned char key[KEY], value[HEAD + PZ_LIVE_ID_MAX];
    size_t n = strlen(id);

    make_key(key, number);
    pz_db_put_number(value, mark);
    value[8] = (unsigned char)table;
    memcpy(value + HEAD, id, n);
    return pz_db_put(s, txn, PZ_DB_OWNER, key, KEY, value, HEAD + n, 0);
}

int pz_changes_end(struct pz_live_store *s, MDB_txn *txn, size_t n_added)
{
    uint64_t all = 0;
    int rc = pz_db_get_meta(s, txn, counted, &all);

    all += n_added;
    if (rc == 0 && all > CHANGES_MAX)
        rc = cut(s, txn, &all, CHANGES_MAX);
    return rc == 0 ? pz_db_put_meta(s, txn, counted, all) : rc;
}

int pz_changes_forget(struct pz_live_store *s, MDB_txn *txn, const char *user_id)
{
    unsigned char key[KEY];
    size_t n = strlen(user_id);
    bool named = false;
    struct pz_walk w;
    int rc;

    make_key(key, 0);
    pz_walk_from(&w, s, txn, PZ_DB_OWNER, key, KEY);
    while (!named && pz_walk_next(&w) && number_of(&w) > 0)
        named = w.value.mv_size == HEAD + n &&
                memcmp((const char *)w.value.mv_data + HEAD, user_id, n) == 0;
    rc = pz_walk_end(&w);
    return rc == 0 && named ? clear(s, txn) : rc;
}

int pz_changes_mark(struct pz_live_store *s, MDB_txn *txn, uint64_t number, uint64_t *mark)
{
    unsigned char key[KEY];
    uint64_t rows = 0, last = 0;
    MDB_val v;
    int rc = pz_db_get_meta(s, txn, "rows", &rows);

    if (rc == 0)
        rc = find_last(s, txn, &last);
    if (rc == 0 && last != rows)
        rc = MDB_NOTFOUND;
    make_key(key, number);
    if (rc == 0)
        rc = pz_db_get(s, txn, PZ_DB_OWNER, key, KEY, &v);
    if (rc == 0 && v.mv_size <= HEAD)
        rc = MDB_CORRUPTED;
    if (rc == 0)
        *mark = pz_db_get_number(v.mv_data);
    return rc;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In byte order, each once. */
static void put_in_order(struct pz_changes *list)
{
    size_t n = 0;

    if (list->n > 1)
        qsort(list->id, list->n, sizeof *list->id, by_id);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || strcmp(list->id[n - 1], list->id[i]) != 0)
            list->id[n++] = list->id[i];
    list->n = n;
}

static int take_id(const struct pz_walk *w, enum pz_live_table table, struct pz_arena *arena,
                   struct pz_changes *list)
{
    const unsigned char *value = w->value.mv_data;

    if (value[8] != (unsigned char)table)
        return 0;
    if (!pz_mem_grow(&list->id, &list->cap, list->n + 1, sizeof *list->id))
        return ENOMEM;
    list->id[list->n] = pz_arena_strndup(arena, (const char *)value + HEAD,
                                         w->value.mv_size - HEAD);
    return list->id[list->n++] ? 0 : ENOMEM;
}

int pz_changes_read(struct pz_live_store *s, MDB_txn *txn, enum pz_live_table table, uint64_t after,
                    struct pz_arena *arena, struct pz_changes *list)
{
    unsigned char key[KEY];
    uint64_t mark;
    struct pz_walk w;
    int rc = pz_changes_mark(s, txn, after, &mark);

    list->n = 0;
    list->whole = rc == 0;
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    make_key(key, after + 1);
    pz_walk_from(&w, s, txn, PZ_DB_OWNER, key, KEY);
    while (pz_walk_next(&w) && number_of(&w) > 0)
        w.rc = take_id(&w, table, arena, list);
    rc = pz_walk_end(&w);
    if (rc == 0)
        put_in_order(list);
    return rc;
}
