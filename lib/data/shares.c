/* SPDX-License-Identifier: Apache-2.0 */
/* Corpora in shares: see shares.h.
 *
 * A rank's arrays begin with its first user: pointers move on, and pages before and behind are
 * given back where they are.
 *
 * Turning: each rank sorts its events by item, by counting, and sends each other rank the lists of
 * its items, which lie behind one another; they are joined rank after rank, in which order users
 * ascend. */
#include "data/shares.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void pz_shares_turn(const struct pz_corpus *c, void *sums, size_t bytes)
{
    if (c && c->all_ptr)
        pz_ranks_turn(sums, bytes);
}

void pz_shares_pass(const struct pz_corpus *c, void *sums, size_t bytes)
{
    if (c && c->all_ptr)
        pz_ranks_pass(sums, bytes);
}

/* Whether sums go from rank to rank: always of a corpus in shares, else where all that is sent of
 * them is at most a byte for so many events, which take some 20 ns each. */
static bool travels(const struct pz_corpus *c, size_t bytes)
{
    enum { EVENTS_OF_BYTE = 4 };
    uint64_t sent = 2 * (uint64_t)(pz_ranks_n() - 1) * bytes;

    return c->all_ptr || sent * EVENTS_OF_BYTE <= c->ptr[c->n_users];
}

struct pz_share pz_shares_begin(const struct pz_corpus *c, void *sums, size_t bytes)
{
    if (!travels(c, bytes))
        return (struct pz_share){ 0, c->n_users };
    pz_ranks_turn(sums, bytes);
    return pz_shares_mine(c, PZ_SHARE_USERS);
}

void pz_shares_end(const struct pz_corpus *c, void *sums, size_t bytes)
{
    if (travels(c, bytes))
        pz_ranks_pass(sums, bytes);
}

struct pz_share pz_shares_mine(const struct pz_corpus *c, size_t block)
{
    return c->all_ptr ? (struct pz_share){ c->first_user, c->end_user }
                      : pz_ranks_mine(c->n_users, block);
}

/* Numbers of each become where it begins. ptr: [n + 1] */
static void add_up(uint64_t *ptr, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ptr[i + 1] += ptr[i];
}

/* ---- from all to a share ---- */

/* Transitions of users in shares send what they counted before the cut, which the catalogue bounds
 * only where each item has many events (2,000,000 events, two ranks, bytes sent an event with all
 * users / in shares: 2,000 an item 1 / 5, 500 an item 10 / 46; 74 an item 40 / 95): below that
 * memory must be worth it. */
enum { EVENTS_OF_ITEM = 1000, MANY_EVENTS = 100000000 };

bool pz_shares_worth(uint64_t n, uint32_t n_items)
{
    return pz_ranks_n() > 1 && (n >= MANY_EVENTS || n >= (uint64_t)EVENTS_OF_ITEM * n_items);
}

/* The first user of rank r: the first of a block from whom on there are r / ranks of all events. */
static uint32_t first_of(const uint64_t *ptr, uint32_t n_users, int r)
{
    const uint32_t block = PZ_SHARE_USERS;
    uint64_t ranks = (uint64_t)pz_ranks_n(), before = ptr[n_users] / ranks * (uint64_t)r +
                                                      ptr[n_users] % ranks * (uint64_t)r / ranks;
    uint32_t u = 0;

    while (u < n_users && ptr[u] < before)
        u = n_users - u > block ? u + block : n_users;
    return r == (int)ranks ? n_users : u;
}

void pz_shares_of(const uint64_t *ptr, uint32_t n_users, uint32_t *first, uint32_t *end)
{
    *first = first_of(ptr, n_users, pz_ranks_id());
    *end = first_of(ptr, n_users, pz_ranks_id() + 1);
}

void pz_shares_ptr(const uint64_t *all_ptr, uint32_t n_users, uint32_t first, uint32_t end,
                   uint64_t *to)
{
    for (uint32_t u = 0; u <= n_users; u++) {
        uint32_t within = u < first ? first : u > end ? end : u;

        to[u] = all_ptr[within] - all_ptr[first];
    }
}

/* What is not n elements from `first` on of a column of `all`; where the own ones begin. */
static const void *keep_part(const void *column, uint64_t first, uint64_t n, uint64_t all,
                             size_t bytes)
{
    char *from;

    if (!column)
        return NULL;
    memcpy(&from, &column, sizeof from); /* nobody reads what goes, of this process's own arrays */
    pz_mem_give_back(from, first, bytes);
    pz_mem_give_back(from + (first + n) * bytes, all - first - n, bytes);
    return from + first * bytes;
}

/* The rows of the context that are the own events'. */
static enum pz_status keep_context(struct pz_corpus_own *own, uint64_t first, uint64_t n,
                                   struct pz_err *err)
{
    const struct pz_attrs *all = own->c.context;
    struct pz_attrs *mine;

    if (!all)
        return PZ_OK;
    mine = own->owned[7] = pz_mem_room(1, sizeof *mine + all->n_attrs * sizeof *mine->attr);
    if (!mine)
        return pz_err_memory(err, "context columns", 1e3 * all->n_attrs);
    *mine = *all;
    mine->n_rows = n;
    mine->attr = memcpy(mine + 1, all->attr, all->n_attrs * sizeof *mine->attr);
    mine->present = all->present ? all->present + first : NULL;
    for (uint32_t k = 0; k < mine->n_attrs; k++) {
        mine->attr[k].num = all->attr[k].num ? all->attr[k].num + first : NULL;
        mine->attr[k].ptr = all->attr[k].ptr ? all->attr[k].ptr + first : NULL;
    }
    own->c.context = mine;
    return PZ_OK;
}

enum pz_status pz_shares_keep(struct pz_corpus_own *own, struct pz_err *err)
{
    struct pz_corpus *c = &own->c;
    uint64_t *ptr, first, n, all = c->ptr ? c->ptr[c->n_users] : 0;

    if (pz_ranks_n() == 1 || c->all_ptr || !c->ptr)
        return PZ_OK;
    free(own->owned[8]); /* of a share before it was made whole */
    ptr = own->owned[8] = pz_mem_array((size_t)c->n_users + 1, sizeof *ptr);
    if (!ptr)
        return pz_err_memory(err, "a share of the users", 8.0 * c->n_users);
    pz_shares_of(c->ptr, c->n_users, &c->first_user, &c->end_user);
    pz_shares_ptr(c->ptr, c->n_users, c->first_user, c->end_user, ptr);
    first = c->ptr[c->first_user];
    n = ptr[c->n_users];
    c->all_ptr = c->ptr;
    c->ptr = ptr;
    c->item = keep_part(c->item, first, n, all, sizeof *c->item);
    c->time = keep_part(c->time, first, n, all, sizeof *c->time);
    c->weight = keep_part(c->weight, first, n, all, sizeof *c->weight);
    c->event = keep_part(c->event, first, n, all, sizeof *c->event);
    return keep_context(own, first, n, err);
}

/* ---- from shares to all ---- */

uint64_t *pz_shares_all(const uint64_t *ptr, uint32_t n_users, uint32_t first, uint32_t end)
{
    uint64_t *all = pz_mem_array((size_t)n_users + 1, sizeof *all);

    for (uint32_t u = first; u < end && all; u++)
        all[u + 1] = ptr[u + 1] - ptr[u];
    if (all)
        pz_ranks_gather_mine(all + 1, (struct pz_share){ first, end }, sizeof *all);
    if (all)
        add_up(all, n_users);
    return all;
}

enum pz_status pz_shares_count(struct pz_corpus_own *own, struct pz_err *err)
{
    struct pz_corpus *c = &own->c;

    own->owned[6] = pz_shares_all(c->ptr, c->n_users, c->first_user, c->end_user);
    c->all_ptr = own->owned[6];
    return c->all_ptr ? PZ_OK : pz_err_memory(err, "counts of users", 8.0 * c->n_users);
}

void *pz_shares_join(const uint64_t *all_ptr, uint32_t n_users, struct pz_share users,
                     const void *part, size_t bytes)
{
    struct pz_share mine = { all_ptr[users.first], all_ptr[users.end] };
    char *all = pz_ranks_room(all_ptr[n_users] + 1, bytes);

    if (!all)
        return NULL;
    memcpy(all + mine.first * bytes, part, (mine.end - mine.first) * bytes);
    pz_ranks_gather_mine(all, mine, bytes);
    return all;
}

/* All of a column; it takes the place of what the corpus owns. */
static const void *make_whole(struct pz_corpus_own *own, int place, const void *column,
                              size_t bytes)
{
    const struct pz_corpus *c = &own->c;
    void *all = pz_shares_join(c->all_ptr, c->n_users,
                               (struct pz_share){ c->first_user, c->end_user }, column, bytes);

    if (!all)
        return NULL;
    pz_ranks_return(own->owned[place]);
    own->owned[place] = all;
    return all;
}

enum pz_status pz_shares_whole(struct pz_corpus_own *own, struct pz_err *err)
{
    struct pz_corpus *c = &own->c;
    bool has_event = c->event != NULL;

    if (!c->all_ptr)
        return PZ_OK;
    c->item = make_whole(own, 1, c->item, sizeof *c->item);
    c->time = make_whole(own, 2, c->time, sizeof *c->time);
    c->weight = make_whole(own, 3, c->weight, sizeof *c->weight);
    c->event = has_event ? make_whole(own, 4, c->event, sizeof *c->event) : NULL;
    if (!c->item || !c->time || !c->weight || (has_event && !c->event))
        return pz_err_memory(err, "the interactions of all ranks",
                             17.0 * (double)pz_corpus_size(c));
    c->ptr = c->all_ptr;
    c->all_ptr = NULL;
    return PZ_OK;
}

/* ---- into a file ---- */

enum { PIECE = 1 << 20 };

/* A column that comes rank after rank, in pieces. */
struct stream {
    struct pz_share *share; /* [ranks] in bytes */
    const char *mine;
    char *piece;
    int rank;
    size_t at;       /* in the rank's share */
    size_t have, up; /* bytes of the piece, and those of them taken */
};

/* The next piece of a rank's; of this one in place. */
static void refill(struct stream *s)
{
    size_t left;

    while ((left = s->share[s->rank].end - s->share[s->rank].first - s->at) == 0) {
        s->rank++;
        s->at = 0;
    }
    s->have = left < PIECE ? left : PIECE;
    s->up = 0;
    if (s->rank > 0)
        pz_ranks_take(s->rank, s->piece, s->have);
    else
        memcpy(s->piece, s->mine + s->at, s->have);
    s->at += s->have;
}

static enum pz_status next_bytes(void *source, void *to, size_t n, struct pz_err *err)
{
    struct stream *s = source;
    char *at = to;

    (void)err;
    for (size_t step; n > 0; n -= step, at += step) {
        if (s->up == s->have)
            refill(s);
        step = n < s->have - s->up ? n : s->have - s->up;
        memcpy(at, s->piece + s->up, step);
        s->up += step;
    }
    return PZ_OK;
}

/* What the first rank asks for. */
static void give_all(const char *mine, size_t n)
{
    for (size_t at = 0, step; at < n; at += step) {
        step = n - at < PIECE ? n - at : PIECE;
        pz_ranks_give(mine + at, step);
    }
}

enum pz_status pz_shares_add(struct pz_writer *w, const struct pz_corpus *c, const char *name,
                             enum pz_type type, const void *data, struct pz_err *err)
{
    size_t bytes = pz_type_bytes(type);
    struct stream s = { .mine = data };
    struct pz_column_source source = { next_bytes, &s };
    enum pz_status st = PZ_OK;

    if (!c->all_ptr)
        return pz_writer_add(w, name, type, data, c->ptr[c->n_users], err);
    s.share = pz_mem_array((size_t)pz_ranks_n(), sizeof *s.share);
    s.piece = pz_mem_room(PIECE, 1);
    if (!s.share || !s.piece) {
        st = pz_err_memory(err, "a column", PIECE);
    } else {
        s.share[pz_ranks_id()] = (struct pz_share){ c->all_ptr[c->first_user] * bytes,
                                                    c->all_ptr[c->end_user] * bytes };
        pz_ranks_gather(s.share, (size_t)pz_ranks_n(), 1, sizeof *s.share);
        if (w)
            st = pz_writer_add_from(w, name, type, pz_corpus_size(c), &source, err);
        else
            give_all(data, s.share[pz_ranks_id()].end - s.share[pz_ranks_id()].first);
    }
    free(s.share);
    free(s.piece);
    return st;
}

/* ---- by item ---- */

void pz_by_item_clear(struct pz_by_item *b)
{
    free(b->ptr);
    free(b->own_all);
    free(b->user);
    free(b->value);
    *b = (struct pz_by_item){ 0 };
}

/* Events of each item, and where those of the items asked for begin. */
static void count_own(const struct pz_corpus *c, struct pz_share items, struct pz_by_item *b)
{
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
        b->own_all[c->item[p] + 1]++;
    for (size_t i = items.first; i < items.end; i++)
        b->ptr[i + 1] = b->own_all[i + 1];
    add_up(b->own_all, c->n_items);
    add_up(b->ptr, c->n_items);
}

/* By counting: each item's users ascend, since users are read in order. */
static enum pz_status turn_own(const struct pz_corpus *c, const float *value, struct pz_share items,
                               struct pz_by_item *b, struct pz_err *err)
{
    uint64_t n, *fill;

    b->ptr = pz_mem_array((size_t)c->n_items + 1, sizeof *b->ptr);
    b->all = b->own_all = pz_mem_array((size_t)c->n_items + 1, sizeof *b->own_all);
    if (!b->ptr || !b->all)
        return pz_err_memory(err, "lists of items", 16.0 * c->n_items);
    count_own(c, items, b);
    n = b->ptr[c->n_items];
    fill = pz_mem_copy(b->ptr, c->n_items, sizeof *fill);
    b->user = pz_mem_room(n + 1, sizeof *b->user);
    b->value = pz_mem_room(n + 1, sizeof *b->value);
    if (!fill || !b->user || !b->value) {
        free(fill);
        return pz_err_memory(err, "the interactions by item", 8.0 * (double)n);
    }
    for (uint32_t u = 0; u < c->n_users; u++)
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++) {
            uint64_t at;

            if (c->item[p] < items.first || c->item[p] >= items.end)
                continue;
            at = fill[c->item[p]]++;
            b->user[at] = u;
            b->value[at] = value[p];
        }
    free(fill);
    return PZ_OK;
}

/* Lists of a share's items on their way. */
struct turning {
    size_t n_items, block, n; /* n: items of this rank */
    const uint64_t *own;      /* [n_items + 1] where those of the own events begin */
    uint64_t n_to;            /* events of the own items */
    uint64_t *from;           /* [ranks * n] events of each rank */
};

/* Send each rank what there is of its items, elements of own in the order of items: of an item as
 * many as ptr says, or one. */
static enum pz_status send_lists(const struct turning *t, const char *own, const uint64_t *ptr,
                                 size_t bytes, struct pz_inbox *in, struct pz_err *err)
{
    struct pz_parcel *out = pz_mem_array((size_t)pz_ranks_n(), sizeof *out);
    enum pz_status st = PZ_OK;

    for (int r = 0; r < pz_ranks_n() && out; r++) {
        struct pz_share its = pz_ranks_share(t->n_items, t->block, r);
        uint64_t from = ptr ? ptr[its.first] : its.first, to = ptr ? ptr[its.end] : its.end;

        out[r] = (struct pz_parcel){ own + from * bytes, (to - from) * bytes };
    }
    st = out ? pz_ranks_exchange(out, in, err) : pz_err_memory(err, "lists of items", 1e3);
    free(out);
    return st;
}

/* The lists of the own items, of each rank in turn, into `to`, 4 bytes an element. */
static bool join_lists(const struct turning *t, const struct pz_inbox *in, char *to)
{
    enum { BYTES = 4 };
    size_t ranks = (size_t)pz_ranks_n();
    const char **at = pz_mem_array(ranks, sizeof *at);

    for (size_t r = 0; r < ranks && at; r++)
        at[r] = in[r].data;
    for (size_t i = 0; i < t->n && at; i++)
        for (size_t r = 0; r < ranks; r++) {
            size_t bytes = t->from[r * t->n + i] * BYTES;

            if (bytes > 0)
                memcpy(to, at[r], bytes);
            to += bytes;
            at[r] += bytes;
        }
    free(at);
    return at != NULL;
}

/* One column, from the own events by item to all events of the own items. NULL without memory. */
static void *swap_column(const struct turning *t, void *own, struct pz_err *err)
{
    enum { BYTES = 4 };
    struct pz_inbox *in = pz_mem_array((size_t)pz_ranks_n(), sizeof *in);
    char *all = NULL;
    enum pz_status st = in ? send_lists(t, own, t->own, BYTES, in, err) : PZ_TRY_AGAIN;

    free(own);
    if (st == PZ_OK && (all = pz_mem_room(t->n_to + 1, BYTES)) && !join_lists(t, in, all)) {
        free(all);
        all = NULL;
    }
    free(in ? in[0].data : NULL);
    free(in);
    return all;
}

/* How many events the own items have with each rank, which is t->from. */
static enum pz_status count_lists(struct turning *t, struct pz_err *err)
{
    struct pz_inbox *in = pz_mem_array((size_t)pz_ranks_n(), sizeof *in);
    uint64_t *count = pz_mem_array(t->n_items, sizeof *count);
    enum pz_status st = in && count
                            ? PZ_OK
                            : pz_err_memory(err, "lists of items", 8.0 * (double)t->n_items);

    for (size_t i = 0; i < t->n_items && st == PZ_OK; i++)
        count[i] = t->own[i + 1] - t->own[i];
    if (st == PZ_OK)
        st = send_lists(t, (const char *)count, NULL, sizeof *count, in, err);
    t->from = in ? in[0].data : NULL;
    free(in);
    free(count);
    return st;
}

/* ptr, all: [n_items + 1], zero. */
static void lay_out(struct turning *t, uint64_t *ptr, uint64_t *all)
{
    struct pz_share mine = pz_ranks_mine(t->n_items, t->block);

    for (size_t i = 0; i < t->n; i++) {
        for (size_t r = 0; r < (size_t)pz_ranks_n(); r++)
            ptr[mine.first + i + 1] += t->from[r * t->n + i];
        all[mine.first + i + 1] = ptr[mine.first + i + 1];
    }
    pz_ranks_gather(all + 1, t->n_items, t->block, sizeof *all);
    add_up(ptr, t->n_items);
    add_up(all, t->n_items);
    t->n_to = ptr[t->n_items];
}

/* The own events by item become all events of the own items. */
static enum pz_status swap_lists(struct pz_by_item *b, uint32_t n_items, size_t block,
                                 struct pz_err *err)
{
    struct pz_share mine = pz_ranks_mine(n_items, block);
    struct turning t = {
        .n_items = n_items, .block = block, .n = mine.end - mine.first, .own = b->ptr
    };
    uint64_t *ptr = pz_mem_array((size_t)n_items + 1, sizeof *ptr);
    enum pz_status st;

    memset(b->own_all, 0, ((size_t)n_items + 1) * sizeof *b->own_all);
    st = ptr ? count_lists(&t, err) : pz_err_memory(err, "lists of items", 8.0 * n_items);
    if (st == PZ_OK) {
        lay_out(&t, ptr, b->own_all);
        b->user = swap_column(&t, b->user, err);
        b->value = swap_column(&t, b->value, err);
        if (!b->user || !b->value)
            st = pz_err_memory(err, "the interactions by item", 8.0 * (double)t.n_to);
    }
    free(b->ptr);
    b->ptr = ptr;
    free(t.from);
    return st;
}

enum pz_status pz_by_item_make(const struct pz_corpus *c, const float *value, size_t block,
                               struct pz_by_item *out, struct pz_err *err)
{
    struct pz_share all = { 0, c->n_items };
    enum pz_status st;

    *out = (struct pz_by_item){ 0 };
    st = turn_own(c, value, c->all_ptr ? all : pz_ranks_mine(c->n_items, block), out, err);
    return st == PZ_OK && c->all_ptr ? swap_lists(out, c->n_items, block, err) : st;
}
