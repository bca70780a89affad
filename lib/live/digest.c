/* SPDX-License-Identifier: Apache-2.0 */
/* Digests: see digest.h. An owner with many events has the older ones twice: one by one, and as
 * rows, one a type and item. What a query asks of old events (seen rules, most filters) the rows
 * can tell, in time in proportion to the items, not to the events; the newest PZ_LIVE_SHOWN_MAX are
 * always read one by one.
 *
 * Invariants:
 *   1. The rows hold the events of the owner with numbers up to `upto`, exactly those that are
 *      stored: whoever removes an event drops the digest, in the same transaction.
 *   2. Behind a digest are at least KEPT events: who meets fewer need not look for one.
 *   3. A digest says nothing that the events do not: a reader may do without, and does where rows
 *      cannot answer (store.c).
 *
 * Cost. Most owners never have one. One event in SAMPLE, chosen by its number, looks how many
 * events its owner has behind the digest; where they are SLACK and a SHAREth of the rows more
 * than stay outside, the digest is written anew. So an event costs a few hundredths of a look, and
 * its part of being written again is that of SHARE rows, whatever the owner's size.
 *
 * In table "owner", under 'd', 'u' or 's', id, NUL, u32 big-endian: pieces of about PIECE bytes,
 * little-endian, each of a range of items, so that an item is looked up once however many rows it
 * has: struct pz_digest_head; then of each row, by group and in a group by item, struct
 * pz_live_fact; f64 largest and smallest value of those that have one; the groups; u32 first -
 * base, u32 last - base, the top bit "mixed", of each row; u16 item of each row; u16 place in the
 * text of each item, and the end of the last; the text: items and types, each ended by a NUL.
 *
 * Items ascend by their bytes: ids are then found in a dictionary by going along it. An owner whose
 * numbers do not fit 32 bits has no digest. */
#include "live/digest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/simd.h"
#include "base/str.h"
#include "table/hash.h"

enum {
    SAMPLE = 32,
    SLACK = 64,
    SHARE = 32, /* of the rows */
    KEPT = PZ_DIGEST_KEPT,
    PIECE = 16384,
    ROWS = 384,           /* of a piece: of 26 bytes or 42, and as much for groups and items */
    LAYOUT = 2,           /* that of format 5 has 0 or 1 here */
    MOST = PZ_DIGEST_MANY /* events in a row, and between its first and last */
};

/* The key of a piece; returns its length. */
static size_t make_key(unsigned char *key, char who, const char *id, uint32_t piece)
{
    size_t n = strlen(id) + 1;

    key[0] = 'd';
    key[1] = (unsigned char)who;
    memcpy(key + 2, id, n);
    piece = htobe32(piece);
    memcpy(key + 2 + n, &piece, 4);
    return n + 6;
}

/* ---- reading ---- */

/* Pieces of format 5 are passed over: it is as if they were not there. */
static bool is_ours(const MDB_val *v)
{
    return v->mv_size > sizeof(struct pz_digest_head) &&
           ((const char *)v->mv_data)[offsetof(struct pz_digest_head, layout)] == LAYOUT;
}

int pz_digest_look(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                   struct pz_digest_about *about)
{
    struct pz_digest_head head;
    unsigned char key[PZ_LIVE_KEY_BYTES];
    MDB_val v;
    int rc = pz_db_get(s, txn, PZ_DB_OWNER, key, make_key(key, who, id, 0), &v);

    *about = (struct pz_digest_about){ 0 };
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (!is_ours(&v))
        return 0;
    memcpy(&head, v.mv_data, sizeof head);
    *about = (struct pz_digest_about){ head.upto, head.stamp, head.all };
    return 0;
}

PZ_KERNEL static uint16_t max_of(const uint16_t *v, size_t n)
{
    uint16_t max = 0;

    for (size_t i = 0; i < n; i++)
        max = v[i] > max ? v[i] : max;
    return max;
}

/* Whether no place named in a piece lies beyond it. */
static bool is_sound(const struct pz_digest_piece *p, size_t n_text)
{
    const struct pz_digest_head *h = p->head;
    uint64_t n_rows = 0, n_valued = 0;
    bool good = n_text > 0 && p->text[n_text - 1] == '\0';

    for (uint32_t i = 0; i < h->n_groups; i++) {
        n_rows += p->group[i].n;
        n_valued += p->group[i].type & 1 ? p->group[i].n : 0;
        good &= p->group[i].type / 2 < n_text;
    }
    for (uint32_t i = 0; i < h->n_items; i++)
        good &= p->offset[i] < p->offset[i + 1] && p->text[p->offset[i + 1] - 1] == '\0';
    return good && p->offset[h->n_items] <= n_text && max_of(p->ref, h->n_rows) < h->n_items &&
           n_rows == h->n_rows && n_valued == h->n_valued;
}

/* Where the arrays of a piece of n bytes lie; false: it is damaged. */
static bool find_arrays(char *from, size_t n, struct pz_digest_piece *p)
{
    const struct pz_digest_head *h = p->head = (const void *)from;
    size_t fact = sizeof *h, value = fact + (size_t)h->n_rows * sizeof *p->fact,
           group = value + (size_t)h->n_valued * sizeof *p->value,
           number = group + (size_t)h->n_groups * sizeof *p->group,
           ref = number + (size_t)h->n_rows * sizeof *p->number,
           offset = ref + (size_t)h->n_rows * sizeof *p->ref,
           text = offset + ((size_t)h->n_items + 1) * sizeof *p->offset;

    p->fact = (void *)(from + fact);
    p->value = (void *)(from + value);
    p->group = (const void *)(from + group);
    p->number = (const void *)(from + number);
    p->ref = (const void *)(from + ref);
    p->offset = (const void *)(from + offset);
    p->text = from + text;
    p->bytes = n;
    return text < n && is_sound(p, n - text);
}

static int read_piece(const MDB_val *v, struct pz_arena *arena, pz_digest_fn *fn, void *context)
{
    struct pz_digest_piece piece;
    char *copy;

    if (!is_ours(v))
        return 0;
    copy = pz_arena_take(arena, v->mv_size);
    if (!copy)
        return ENOMEM;
    memcpy(copy, v->mv_data, v->mv_size);
    return find_arrays(copy, v->mv_size, &piece) ? fn(context, &piece) : MDB_CORRUPTED;
}

int pz_digest_read(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                   struct pz_arena *arena, pz_digest_fn *fn, void *context)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];
    size_t n = make_key(key, who, id, 0);
    struct pz_walk w;

    pz_walk_from(&w, s, txn, PZ_DB_OWNER, key, n);
    while (pz_walk_next(&w) && w.key.mv_size == n && memcmp(w.key.mv_data, key, n - 4) == 0)
        w.rc = read_piece(&w.value, arena, fn, context);
    return pz_walk_end(&w);
}

/* ---- writing ---- */

struct digest {
    uint64_t upto, stamp;
    struct pz_digest_row *row;
    size_t n, cap;
};

static int keep_row(struct digest *d, const struct pz_digest_row *row)
{
    if (!pz_mem_grow(&d->row, &d->cap, d->n + 1, sizeof *d->row))
        return ENOMEM;
    d->row[d->n++] = *row;
    return 0;
}

static int keep_piece(void *context, const struct pz_digest_piece *piece)
{
    const double(*value)[2] = piece->value;
    size_t row = 0;
    int rc = 0;

    for (uint32_t g = 0; g < piece->head->n_groups && rc == 0; g++) {
        const struct pz_digest_group *group = &piece->group[g];
        const char *type = piece->text + group->type / 2;
        bool valued = group->type & 1;

        for (size_t end = row + group->n; row < end && rc == 0; row++, value += valued) {
            const struct pz_live_fact *fact = &piece->fact[row];
            const uint32_t *number = piece->number[row];

            rc = keep_row(context,
                          &(struct pz_digest_row){
                              .type = *type ? type : NULL,
                              .item = piece->text + piece->offset[piece->ref[row]],
                              .first = piece->head->base + number[0],
                              .last = pz_digest_last(piece, row),
                              .time = fact->time,
                              .early = fact->before == UINT32_MAX ? INT64_MIN
                                                                  : fact->time - fact->before,
                              .value = valued ? (*value)[0] : NAN,
                              .least = valued ? (*value)[1] : NAN,
                              .n = fact->times,
                              .mixed = pz_digest_mixed(number) });
        }
    }
    return rc;
}

static const char *type_of(const struct pz_digest_row *r)
{
    return r->type ? r->type : "";
}

static int compare_groups(const struct pz_digest_row *a, const struct pz_digest_row *b)
{
    int order = strcmp(type_of(a), type_of(b));

    return order != 0 ? order : isnan(a->value) - isnan(b->value);
}

static int compare(const struct pz_digest_row *a, const struct pz_digest_row *b)
{
    int order = strcmp(a->item, b->item);

    return order != 0 ? order : compare_groups(a, b);
}

static int by_item(const void *x, const void *y)
{
    const struct pz_digest_row *a = x, *b = y;
    int order = compare(a, b);

    return order != 0 ? order : (a->first > b->first) - (a->first < b->first);
}

static int by_group(const void *x, const void *y)
{
    const struct pz_digest_row *a = x, *b = y;
    int order = compare_groups(a, b);

    return order != 0 ? order : (a->ref > b->ref) - (a->ref < b->ref);
}

/* Later events of the same kind into a row. */
static void add(struct pz_digest_row *to, const struct pz_digest_row *r)
{
    bool time = r->time < to->time, value = r->value < to->value;

    to->mixed = r->mixed || time || value;
    to->last = r->last;
    to->time = time ? to->time : r->time;
    to->early = r->early < to->early ? r->early : to->early;
    to->value = value ? to->value : r->value;
    to->least = r->least < to->least ? r->least : to->least;
    to->n += r->n;
}

/* Rows that stand for one event each, and those of the digest, become the digest. */
static void merge(struct digest *d)
{
    size_t kept = 0;

    qsort(d->row, d->n, sizeof *d->row, by_item);
    for (size_t i = 1; i < d->n; i++)
        if (compare(&d->row[kept], &d->row[i]) == 0)
            add(&d->row[kept], &d->row[i]);
        else
            d->row[++kept] = d->row[i];
    d->n = d->n ? kept + 1 : 0;
}

/* A piece as it is made. */
struct made {
    struct pz_digest_head head;
    struct pz_live_fact fact[ROWS];
    double value[ROWS][2];
    struct pz_digest_group group[ROWS];
    uint32_t number[ROWS][2];
    uint16_t ref[ROWS], offset[ROWS + 1];
    struct pz_str text;
};

/* Rows from this one on as far as a piece goes, and their items; returns how many they are. */
static size_t add_items(struct made *m, const struct digest *d, size_t from)
{
    struct pz_digest_row *r = &d->row[from];
    size_t n = 0, most = d->n - from < ROWS ? d->n - from : ROWS;

    m->head = (struct pz_digest_head){
        .upto = d->upto, .all = (uint32_t)d->n, .layout = LAYOUT, .stamp = d->stamp
    };
    pz_str_reset(&m->text);
    for (; n < most && m->text.len < PIECE / 2; n++) {
        if (n == 0 || strcmp(r[n].item, r[n - 1].item) != 0) {
            m->offset[m->head.n_items++] = (uint16_t)m->text.len;
            pz_str_add(&m->text, r[n].item, strlen(r[n].item) + 1);
        }
        r[n].ref = (uint16_t)(m->head.n_items - 1);
    }
    m->offset[m->head.n_items] = (uint16_t)m->text.len;
    return n;
}

static void add_row(struct made *m, const struct pz_digest_row *r, bool is_other)
{
    const uint32_t i = m->head.n_rows++;
    const uint64_t before = (uint64_t)r->time - (uint64_t)r->early;
    const bool valued = !isnan(r->value);

    if (is_other) {
        m->group[m->head.n_groups++] = (struct pz_digest_group){ .type = (uint32_t)m->text.len * 2 +
                                                                         valued };
        pz_str_add(&m->text, type_of(r), strlen(type_of(r)) + 1);
    }
    m->group[m->head.n_groups - 1].n++;
    m->fact[i] = (struct pz_live_fact){ r->time,
                                        before < UINT32_MAX ? (uint32_t)before : UINT32_MAX, r->n };
    m->number[i][0] = (uint32_t)(r->first - m->head.base);
    m->number[i][1] = (uint32_t)(r->last - m->head.base) | (r->mixed ? (uint32_t)MOST + 1 : 0);
    m->ref[i] = r->ref;
    if (valued) {
        m->value[m->head.n_valued][0] = r->value;
        m->value[m->head.n_valued++][1] = r->least;
    }
}

static void add_rows(struct made *m, struct pz_digest_row *r, size_t n)
{
    struct pz_digest_head *h = &m->head;

    h->base = r->first;
    h->last = r->last;
    h->latest = r->time;
    h->says = PZ_LIVE_PAIRS | PZ_LIVE_ENDS;
    for (size_t i = 0; i < n; i++) {
        if (r[i].mixed)
            h->says &= PZ_LIVE_ENDS;
        if ((uint64_t)r[i].time - (uint64_t)r[i].early >= UINT32_MAX)
            h->says &= PZ_LIVE_PAIRS;
        h->base = r[i].first < h->base ? r[i].first : h->base;
        h->last = r[i].last > h->last ? r[i].last : h->last;
        h->latest = r[i].time > h->latest ? r[i].time : h->latest;
    }
    qsort(r, n, sizeof *r, by_group);
    for (size_t i = 0; i < n; i++)
        add_row(m, &r[i], i == 0 || compare_groups(&r[i - 1], &r[i]) != 0);
}

/* The arrays one behind the other. */
static void join(const struct made *m, struct pz_str *out)
{
    const struct pz_digest_head *h = &m->head;

    pz_str_reset(out);
    pz_str_add(out, (const char *)h, sizeof *h);
    pz_str_add(out, (const char *)m->fact, h->n_rows * sizeof *m->fact);
    pz_str_add(out, (const char *)m->value, h->n_valued * sizeof *m->value);
    pz_str_add(out, (const char *)m->group, h->n_groups * sizeof *m->group);
    pz_str_add(out, (const char *)m->number, h->n_rows * sizeof *m->number);
    pz_str_add(out, (const char *)m->ref, h->n_rows * sizeof *m->ref);
    pz_str_add(out, (const char *)m->offset, (h->n_items + 1) * sizeof *m->offset);
    pz_str_add(out, m->text.data, m->text.len);
}

int pz_digest_drop(struct pz_live_store *s, MDB_txn *txn, char who, const char *id)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];
    int rc = 0;

    for (uint32_t piece = 0; rc == 0; piece++)
        rc = pz_db_del(s, txn, PZ_DB_OWNER, key, make_key(key, who, id, piece));
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static uint64_t hash_of(const struct digest *d)
{
    uint64_t h = d->upto;

    for (size_t i = 0; i < d->n; i++) {
        const struct pz_digest_row *r = &d->row[i];
        const char *type = type_of(r);
        double ends[2] = { r->value, r->least };

        h = pz_rng_mix(h ^ pz_hash64(r->item, strlen(r->item)));
        h = pz_rng_mix(h ^ pz_hash64(type, strlen(type)));
        h = pz_rng_mix(h ^ r->first);
        h = pz_rng_mix(h ^ r->last);
        h = pz_rng_mix(h ^ (uint64_t)r->time);
        h = pz_rng_mix(h ^ (uint64_t)r->early ^ ((uint64_t)r->n << 32));
        h = pz_rng_mix(h ^ pz_hash64(ends, sizeof ends));
    }
    return h;
}

static bool fits(const struct digest *d)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < d->n; i++)
        first = d->row[i].first < first ? d->row[i].first : first;
    return d->n <= MOST && d->upto - first <= MOST;
}

static int write(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                 const struct digest *d)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];
    struct made *made = calloc(1, sizeof *made);
    struct pz_str out = { 0 };
    int rc = made ? pz_digest_drop(s, txn, who, id) : ENOMEM;
    uint32_t piece = 0;

    for (size_t at = 0, n, n_rows = fits(d) ? d->n : 0; at < n_rows && rc == 0; at += n) {
        size_t n_key = make_key(key, who, id, piece++);

        n = add_items(made, d, at);
        add_rows(made, &d->row[at], n);
        join(made, &out);
        rc = made->text.failed || out.failed
                 ? ENOMEM
                 : pz_db_put(s, txn, PZ_DB_OWNER, key, n_key, out.data, out.len, 0);
    }
    if (made)
        pz_str_clear(&made->text);
    pz_str_clear(&out);
    free(made);
    return rc == 0 ? pz_db_put_meta(s, txn, "format", PZ_DB_DIGESTS) : rc;
}

/* ---- bringing up to date ---- */

/* The events behind the newest KEPT of a list, the newest first, as rows. */
static int read_events(struct pz_live_store *s, MDB_txn *txn, const struct pz_numbers *list,
                       struct pz_arena *arena, struct digest *d)
{
    int rc = 0;

    for (size_t i = KEPT; i < list->n && rc == 0; i++) {
        struct pz_digest_row r = { .first = list->v[i], .last = list->v[i], .n = 1, .item = "" };
        struct pz_event e;

        rc = pz_live_get(s, txn, list->v[i], &e);
        if (rc != 0)
            break;
        r.time = r.early = e.time;
        r.value = r.least = e.value;
        if (e.event_type)
            r.type = pz_arena_strndup(arena, e.event_type, strlen(e.event_type));
        if (e.item_id)
            r.item = pz_arena_strndup(arena, e.item_id, strlen(e.item_id));
        rc = r.item && !r.type == !e.event_type ? keep_row(d, &r) : ENOMEM;
    }
    return rc;
}

static int make(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                const struct pz_numbers *list)
{
    struct pz_arena arena = { 0 };
    struct digest d = { .upto = list->v[KEPT] };
    int rc = pz_digest_read(s, txn, who, id, &arena, keep_piece, &d);

    if (rc == 0)
        rc = read_events(s, txn, list, &arena, &d);
    if (rc == 0) {
        merge(&d);
        d.stamp = pz_rng_mix(hash_of(&d) ^ list->v[0]);
        rc = write(s, txn, who, id, &d);
    }
    free(d.row);
    pz_arena_clear(&arena);
    return rc;
}

/* list: the newest KEPT + SLACK + 1 events of an owner. */
static int follow(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                  struct pz_numbers *list)
{
    struct pz_digest_about d;
    int rc = pz_digest_look(s, txn, who, id, &d);

    if (rc != 0 || d.upto >= list->v[list->n - 1])
        return rc;
    rc = pz_live_owned(s, txn, who, id, d.upto, list->v[list->n - 1], SIZE_MAX, list);
    return rc == 0 && list->n > KEPT + SLACK + d.n_rows / SHARE ? make(s, txn, who, id, list) : rc;
}

int pz_digest_follow(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                     uint64_t number)
{
    char who = e->user_id ? 'u' : 's';
    const char *id = e->user_id ? e->user_id : e->session_id;
    struct pz_numbers list = { NULL, 0, 0 };
    int rc;

    /* Mixed, lest an owner's numbers, every 32nd by chance, are never met. */
    if (pz_rng_mix(number) % SAMPLE != 0)
        return 0;
    rc = pz_live_owned(s, txn, who, id, 0, UINT64_MAX, KEPT + SLACK + 1, &list);
    if (rc == 0 && list.n > KEPT + SLACK)
        rc = follow(s, txn, who, id, &list);
    free(list.v);
    return rc;
}
