/* SPDX-License-Identifier: Apache-2.0 */
/* Dataset groups: see group.h. Files are read one by one and united by merge.c; a single file is
 * taken as it is.
 *
 * All parts are read before the first is merged, since the dictionaries of all are needed to
 * number ids. The parts are freed once they are united, also after a failure, so a group costs
 * twice its size at the peak. */
#include "data/group.h"

#include <stdlib.h>

#include "base/ledger.h"
#include "base/mem.h"
#include "data/shares.h"

/* ---- all of it, or in shares ---- */

/* From so many interactions on each of their columns is in memory that ranks have in common. */
enum { TOGETHER = 1 << 16 };

/* Files begun, and whose users are read of each. */
struct opening {
    const char *const *paths;
    size_t n;
    struct pz_dataset **part; /* [n] */
    struct pz_share *users;   /* [n] of the part's users */
    uint32_t first, end;      /* the same of the users of all */
    bool share, join;         /* each rank reads its users; and then has all interactions */
};

/* How what was begun is read. keep: a share may be all that a rank gets. */
static void choose_way(struct opening *o, bool keep)
{
    uint64_t n = 0;
    uint32_t items = 1;
    bool can = true;

    for (size_t k = 0; k < o->n && can; k++) {
        can = pz_dataset_can_share(o->part[k]);
        n += o->part[k]->ptr[o->part[k]->users.n];
        items = o->part[k]->items.n > items ? o->part[k]->items.n : items;
    }
    keep = keep && pz_shares_worth(n, items);
    o->join = can && !keep && n >= TOGETHER && pz_ranks_n() > 1 && pz_ranks_together();
    o->share = can && (keep || o->join);
}

/* The first of a part's n users who comes at or behind `least` in the whole; map ascends. */
static uint32_t first_from(const uint32_t *map, uint32_t n, uint32_t least)
{
    uint32_t low = 0;

    while (low < n) {
        uint32_t mid = low + (n - low) / 2;

        if (map[mid] < least)
            low = mid + 1;
        else
            n = mid;
    }
    return low;
}

/* Share the users of all parts, united; map: [n] where each part's are among them. */
static enum pz_status share_united(struct opening *o, uint32_t n_users, uint32_t *const *map,
                                   struct pz_err *err)
{
    uint64_t *ptr = pz_mem_array((size_t)n_users + 1, sizeof *ptr);

    if (!ptr)
        return pz_err_memory(err, "a share of the users", 8.0 * n_users);
    for (size_t k = 0; k < o->n; k++)
        for (uint32_t u = 0; u < o->part[k]->users.n; u++)
            ptr[map[k][u] + 1] += o->part[k]->ptr[u + 1] - o->part[k]->ptr[u];
    for (uint32_t u = 0; u < n_users; u++)
        ptr[u + 1] += ptr[u];
    pz_shares_of(ptr, n_users, &o->first, &o->end);
    for (size_t k = 0; k < o->n; k++)
        o->users[k] = (struct pz_share){ first_from(map[k], o->part[k]->users.n, o->first),
                                         first_from(map[k], o->part[k]->users.n, o->end) };
    free(ptr);
    return PZ_OK;
}

static enum pz_status share_users(struct opening *o, struct pz_err *err)
{
    const struct pz_dict **in = pz_mem_array(o->n, sizeof *in);
    uint32_t **map = pz_mem_array(o->n, sizeof *map);
    struct pz_dict all = { 0 };
    enum pz_status st;

    for (size_t k = 0; k < o->n && in; k++)
        in[k] = &o->part[k]->users;
    st = in && map ? pz_dict_merge(in, o->n, &all, map, err)
                   : pz_err_memory(err, "a share of the users", 16.0 * (double)o->n);
    if (st == PZ_OK)
        st = share_united(o, all.n, map, err);
    pz_dict_clear(&all);
    for (size_t k = 0; k < o->n && map; k++)
        free(map[k]);
    free(map);
    free(in);
    return st;
}

/* Read what was begun, as one. */
static enum pz_status read_parts(struct opening *o, struct pz_dataset **out, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t k = 0; k < o->n && st == PZ_OK; k++)
        st = pz_dataset_read(o->part[k], o->paths[k], o->share ? &o->users[k] : NULL, err);
    if (st != PZ_OK)
        return st;
    if (o->n == 1) {
        *out = o->part[0];
        o->part[0] = NULL;
        return PZ_OK;
    }
    st = pz_dataset_merge(o->part, o->n, NULL, out, err);
    if (st == PZ_OK && o->share) {
        struct pz_dataset *ds = *out;

        ds->first_user = o->first;
        ds->end_user = o->end;
        ds->all_ptr = pz_dataset_own(ds, pz_shares_all(ds->ptr, ds->users.n, o->first, o->end));
        if (!ds->all_ptr)
            st = pz_err_memory(err, "a share of the users", 8.0 * ds->users.n);
    }
    return st;
}

static enum pz_status open_files(const char *const *paths, size_t n_paths, bool keep,
                                 struct pz_dataset **out, struct pz_err *err)
{
    struct opening o = { .paths = paths,
                         .n = n_paths,
                         .part = pz_mem_array(n_paths, sizeof *o.part),
                         .users = pz_mem_array(n_paths, sizeof *o.users) };
    enum pz_status st = o.part && o.users ? PZ_OK : pz_err_memory(err, "datasets", 1e3);

    *out = NULL;
    if (st == PZ_OK && n_paths == 0)
        st = pz_err_set(err, PZ_USAGE, "no dataset given");
    for (size_t k = 0; k < n_paths && st == PZ_OK; k++)
        st = pz_dataset_begin(paths[k], &o.part[k], err);
    if (st == PZ_OK)
        choose_way(&o, keep);
    if (st == PZ_OK && o.share)
        st = share_users(&o, err);
    if (st == PZ_OK)
        st = read_parts(&o, out, err);
    if (st == PZ_OK && o.join)
        st = pz_dataset_join(*out, err);
    if (st == PZ_OK)
        pz_ledger_count("rows_in", pz_dataset_size(*out));
    for (size_t k = 0; k < n_paths && o.part; k++)
        pz_dataset_free(o.part[k]);
    free(o.part);
    free(o.users);
    if (st != PZ_OK) {
        pz_dataset_free(*out);
        *out = NULL;
    }
    return st;
}

enum pz_status pz_dataset_open(const char *const *paths, size_t n_paths, struct pz_dataset **out,
                               struct pz_err *err)
{
    return open_files(paths, n_paths, false, out, err);
}

enum pz_status pz_dataset_open_share(const char *const *paths, size_t n_paths,
                                     struct pz_dataset **out, struct pz_err *err)
{
    return open_files(paths, n_paths, true, out, err);
}

/* ---- without some ---- */

enum pz_status pz_dataset_open_without(const char *const *paths, size_t n_paths,
                                       struct pz_without *without, struct pz_dataset **out,
                                       struct pz_err *err)
{
    struct pz_dataset **part;
    enum pz_status st = PZ_OK;

    if (!without)
        return pz_dataset_open(paths, n_paths, out, err);
    *out = NULL;
    if (n_paths == 0)
        return pz_err_set(err, PZ_USAGE, "no dataset given");
    part = pz_mem_array(n_paths, sizeof *part);
    if (!part)
        return pz_err_memory(err, "datasets", (double)n_paths);
    for (size_t i = 0; i < n_paths && st == PZ_OK; i++)
        st = pz_dataset_load(paths[i], &part[i], err);
    if (st == PZ_OK)
        st = pz_dataset_merge(part, n_paths, without, out, err);
    if (st == PZ_OK)
        pz_ledger_count("rows_in", (*out)->n_interactions);
    for (size_t i = 0; i < n_paths; i++)
        pz_dataset_free(part[i]);
    free(part);
    return st;
}
