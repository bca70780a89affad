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
 * little-endian:
 *
 *   u64 upto; u32 rows of the whole digest; u32 rows of this piece; u64 base; u8 whether they have
 *   values; type, NUL; the rows: u32 first - base, u32 last - base, i64 time, u32 n, the top bit
 *   "mixed", f64 value where they have one; the rows' items, each ended by a NUL
 *
 * A piece holds rows of one type. Rows ascend by type, value or none, and bytes of the item: ids
 * are then found in a dictionary by going along it. An owner whose numbers do not fit 32 bits has
 * no digest. */
#include "live/digest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

enum {
    SAMPLE = 32,
    SLACK = 64,
    SHARE = 32, /* of the rows */
    KEPT = PZ_DIGEST_KEPT,
    PIECE = 16384,
    HEAD = 25,
    ROW = PZ_DIGEST_ROW,
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

int pz_digest_look(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t *upto,
                   uint32_t *n)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];
    MDB_val v;
    int rc = pz_db_get(s, txn, PZ_DB_OWNER, key, make_key(key, who, id, 0), &v);

    *upto = *n = 0;
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (v.mv_size < HEAD)
        return MDB_CORRUPTED;
    memcpy(upto, v.mv_data, 8);
    memcpy(n, (const char *)v.mv_data + 8, 4);
    return 0;
}

/* The texts are copied together, the rows read where they lie. */
static int read_piece(const MDB_val *v, struct pz_arena *arena, pz_digest_fn *fn, void *context)
{
    const char *p = v->mv_data, *end = p + v->mv_size, *rows;
    struct pz_digest_piece piece;
    size_t n_type, bytes;
    char *text;
    int rc;

    /* With a NUL at the end no text is read beyond it. */
    if (v->mv_size < HEAD + 1 || end[-1] != '\0')
        return MDB_CORRUPTED;
    memcpy(&piece.n, p + 12, 4);
    memcpy(&piece.base, p + 16, 8);
    piece.valued = p[24] != 0;
    n_type = strlen(p + HEAD) + 1;
    rows = p + HEAD + n_type;
    bytes = (size_t)piece.n * (piece.valued ? ROW + 8 : ROW);
    if (bytes > (size_t)(end - rows))
        return MDB_CORRUPTED;
    p = rows + bytes;
    text = pz_arena_take(arena, n_type + (size_t)(end - p));
    if (!text)
        return ENOMEM;
    memcpy(text, rows - n_type, n_type);
    memcpy(text + n_type, p, (size_t)(end - p));
    piece.type = *text ? text : NULL;
    piece.row = rows;
    piece.item = text + n_type;
    piece.end = piece.item + (end - p);
    rc = fn(context, &piece);
    return rc == 0 && piece.n > 0 ? MDB_CORRUPTED : rc;
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
    uint64_t upto;
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

static int keep_piece(void *context, struct pz_digest_piece *piece)
{
    struct pz_digest_row row;
    int rc = 0;

    while (rc == 0 && pz_digest_next(piece, &row))
        rc = keep_row(context, &row);
    return rc;
}

static const char *type_of(const struct pz_digest_row *r)
{
    return r->type ? r->type : "";
}

static int compare(const struct pz_digest_row *a, const struct pz_digest_row *b)
{
    int order = strcmp(type_of(a), type_of(b));

    if (order == 0)
        order = isnan(a->value) - isnan(b->value);
    return order != 0 ? order : strcmp(a->item, b->item);
}

static int by_key(const void *x, const void *y)
{
    const struct pz_digest_row *a = x, *b = y;
    int order = compare(a, b);

    return order != 0 ? order : (a->first > b->first) - (a->first < b->first);
}

/* Later events of the same kind into a row. */
static void add(struct pz_digest_row *to, const struct pz_digest_row *r)
{
    bool time = r->time < to->time, value = r->value < to->value;

    to->mixed = r->mixed || time || value;
    to->last = r->last;
    to->time = time ? to->time : r->time;
    to->value = value ? to->value : r->value;
    to->n += r->n;
}

/* Rows that stand for one event each, and those of the digest, become the digest. */
static void merge(struct digest *d)
{
    size_t kept = 0;

    qsort(d->row, d->n, sizeof *d->row, by_key);
    for (size_t i = 1; i < d->n; i++)
        if (compare(&d->row[kept], &d->row[i]) == 0)
            add(&d->row[kept], &d->row[i]);
        else
            d->row[++kept] = d->row[i];
    d->n = d->n ? kept + 1 : 0;
}

static size_t row_bytes(const struct pz_digest_row *r)
{
    return isnan(r->value) ? ROW : ROW + 8;
}

/* How many rows from this one on are in a piece, its bytes, and the smallest number. */
static size_t cut(const struct digest *d, size_t from, size_t *bytes, uint64_t *base)
{
    const struct pz_digest_row *r = &d->row[from], *first = r, *end = d->row + d->n;

    *bytes = HEAD + strlen(type_of(r)) + 1;
    *base = r->first;
    do {
        *base = r->first < *base ? r->first : *base;
        *bytes += row_bytes(r) + r->n_item + 1;
        r++;
    } while (r < end && *bytes < PIECE && isnan(r->value) == isnan(first->value) &&
             strcmp(type_of(r), type_of(first)) == 0);
    return (size_t)(r - first);
}

static void write_piece(char *p, const struct digest *d, size_t from, size_t n, uint64_t base)
{
    const uint32_t all = (uint32_t)d->n, here = (uint32_t)n;

    memcpy(p, &d->upto, 8);
    memcpy(p + 8, &all, 4);
    memcpy(p + 12, &here, 4);
    memcpy(p + 16, &base, 8);
    p[24] = (char)(isnan(d->row[from].value) ? 0 : 1);
    p = stpcpy(p + HEAD, type_of(&d->row[from])) + 1;
    for (size_t i = from; i < from + n; i++) {
        const struct pz_digest_row *r = &d->row[i];
        const uint32_t number[2] = { (uint32_t)(r->first - base), (uint32_t)(r->last - base) },
                       times = r->n | (r->mixed ? (uint32_t)MOST + 1 : 0);

        memcpy(p, number, 8);
        memcpy(p + 8, &r->time, 8);
        memcpy(p + 16, &times, 4);
        if (!isnan(r->value))
            memcpy(p + ROW, &r->value, 8);
        p += row_bytes(r);
    }
    for (size_t i = from; i < from + n; i++)
        p = stpcpy(p, d->row[i].item) + 1;
}

int pz_digest_drop(struct pz_live_store *s, MDB_txn *txn, char who, const char *id)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];
    int rc = 0;

    for (uint32_t piece = 0; rc == 0; piece++)
        rc = pz_db_del(s, txn, PZ_DB_OWNER, key, make_key(key, who, id, piece));
    return rc == MDB_NOTFOUND ? 0 : rc;
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
    int rc = pz_digest_drop(s, txn, who, id);
    size_t n_rows = fits(d) ? d->n : 0;
    uint32_t piece = 0;
    uint64_t base;

    for (size_t at = 0, n, bytes; at < n_rows && rc == 0; at += n) {
        size_t n_key = make_key(key, who, id, piece++);
        void *to;

        n = cut(d, at, &bytes, &base);
        rc = pz_db_reserve(s, txn, PZ_DB_OWNER, key, n_key, bytes, 0, &to);
        if (rc != 0)
            break;
        write_piece(to, d, at, n, base);
        pz_db_seal(PZ_DB_OWNER, key, n_key, to, bytes);
    }
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
        r.time = e.time;
        r.value = e.value;
        if (e.event_type)
            r.type = pz_arena_strndup(arena, e.event_type, strlen(e.event_type));
        if (e.item_id) {
            r.n_item = strlen(e.item_id);
            r.item = pz_arena_strndup(arena, e.item_id, r.n_item);
        }
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
    uint64_t upto;
    uint32_t n;
    int rc = pz_digest_look(s, txn, who, id, &upto, &n);

    if (rc != 0 || upto >= list->v[list->n - 1])
        return rc;
    rc = pz_live_owned(s, txn, who, id, upto, list->v[list->n - 1], SIZE_MAX, list);
    return rc == 0 && list->n > KEPT + SLACK + n / SHARE ? make(s, txn, who, id, list) : rc;
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
