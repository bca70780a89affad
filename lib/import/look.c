/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the first rows: see look.h. */
#include "import/look.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "import/cell.h"
#include "import/json_form.h"
#include "text/record.h"
#include "text/stream.h"

enum { LOOK_ROWS = 200, HEAP_ROWS = 50000, HEAP_S = 1800, HEAP_IDS = 5, CELL_BYTES = 200 };

/* Earlier than any time of interest (1985), later than the ids of most files. */
static const double SOME_TIME = 5e8;

bool pz_look_is_time(const char *cell, bool named)
{
    size_t n = strlen(cell);
    enum pz_time_form form;
    double x;

    if (pz_str_to_double(cell, n, &x))
        return named || x >= SOME_TIME;
    return pz_time_guess(cell, n, &form) || (named && pz_time_orders(cell, n) != 0);
}

/* ---- what a cell says ---- */

/* Seconds between 1990 and 2100, or their thousandths or millionths: what ids of ten digits mostly
 * are not, if all of them must be. */
static bool is_moment(double x)
{
    static const double first = 631152000, last = 4102444800;

    return (x >= first && x < last) || (x >= 1e3 * first && x < 1e3 * last) ||
           (x >= 1e6 * first && x < 1e6 * last);
}

static bool is_event(const char *cell)
{
    static const char *const words[] = { "view",      "click", "purchase", "buy",   "cart",
                                         "addtocart", "pv",    "fav",      "play",  "like",
                                         "watch",     "order", "listen",   "share", "transaction" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(cell, words[i]) == 0)
            return true;
    return false;
}

static bool begins_with(const char *cell, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncasecmp(cell, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* user_000001, customer17; an address; a reviewer of Amazon's. */
static bool is_user(const char *cell)
{
    static const char *const words[] = { "user", "cust", "member", "visitor", "client", "shopper" };
    size_t n = strlen(cell);

    return begins_with(cell, words, sizeof words / sizeof *words) || strchr(cell, '@') ||
           (n >= 12 && n <= 14 && cell[0] == 'A' &&
            strspn(cell, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n);
}

/* item7, sku-5001; a number of Amazon's. */
static bool is_item(const char *cell)
{
    static const char *const words[] = { "item", "sku",     "prod", "movie",
                                         "book", "article", "song", "track" };
    size_t n = strlen(cell);

    return begins_with(cell, words, sizeof words / sizeof *words) ||
           (n == 10 && strncmp(cell, "B0", 2) == 0 &&
            strspn(cell, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n);
}

static void count_number(struct pz_seen *seen, const char *cell, double x, double before)
{
    seen->numbers++;
    seen->fractions += strpbrk(cell, ".eE") != NULL;
    seen->small += x > -1000 && x < 1000;
    seen->zeros += x == 0;
    seen->moments += is_moment(x);
    seen->counted += x == before + 1;
}

/* Whether blanks part ids rather than words: each part has a digit. */
static bool parts_ids(const char *cell)
{
    for (const char *s = cell; *s;) {
        size_t n = strcspn(s, " ");

        if (n > 0 && strcspn(s, "0123456789") >= n)
            return false;
        s += n + (s[n] == ' ');
    }
    return true;
}

/* before: the number in the row before, which becomes that of this one. */
static void count_cell(struct pz_seen *seen, const char *cell, double *before)
{
    enum pz_time_form form;
    size_t n = strlen(cell);
    double x;

    seen->filled++;
    if (pz_str_to_double(cell, n, &x)) {
        count_number(seen, cell, x, *before);
        *before = x;
    } else {
        seen->dates += pz_time_guess(cell, n, &form) || pz_time_orders(cell, n) != 0;
    }
    seen->events += is_event(cell);
    seen->users += is_user(cell);
    seen->items += is_item(cell);
    seen->bracketed += cell[0] == '[' && cell[n - 1] == ']';
    for (size_t k = 0; k < PZ_LOOK_PARTS; k++)
        seen->parted[k] += strchr(cell, "|;, "[k]) && ("|;, "[k] != ' ' || parts_ids(cell));
}

/* ---- rows ---- */

static bool count_row(struct pz_look *look, const struct pz_row *row, double *before)
{
    char cell[CELL_BYTES];

    for (size_t i = 0; i < row->n_cells && i < look->n; i++) {
        struct pz_seen *seen = &look->seen[i];
        size_t n = row->cell[i].n < sizeof cell ? row->cell[i].n : sizeof cell - 1;

        if (n == 0 || pz_cell_is_null(NULL, row->cell[i].s, row->cell[i].n))
            continue;
        memcpy(cell, row->cell[i].s, n);
        cell[n] = '\0';
        count_cell(seen, cell, &before[i]);
        if (!seen->value && !(seen->value = pz_mem_strndup(row->cell[i].s, row->cell[i].n)))
            return false;
        seen->same += strlen(seen->value) == row->cell[i].n &&
                      memcmp(seen->value, row->cell[i].s, row->cell[i].n) == 0;
    }
    look->rows++;
    return true;
}

static size_t key_slot(void *context, const char *key, bool inside)
{
    struct pz_look *look = context;

    (void)inside;
    for (size_t i = 0; i < look->n; i++)
        if (strcmp(look->name[i], key) == 0)
            return i;
    if (look->n == PZ_LOOK_COLUMNS || !(look->name[look->n] = pz_mem_strndup(key, strlen(key))))
        return SIZE_MAX;
    return look->n++;
}

static enum pz_status look_at_json(const char *file, const char *text, size_t n,
                                   struct pz_look *look, struct pz_err *err)
{
    double before[PZ_LOOK_COLUMNS] = { 0 };
    struct pz_jsonl_reader r;
    struct pz_row row;
    enum pz_status st = pz_json_form_check(file, text, n, err);

    pz_jsonl_init(&r, key_slot, look);
    pz_jsonl_start(&r, text, n);
    for (int k = 0; k < LOOK_ROWS && st == PZ_OK && pz_jsonl_next(&r, &row); k++) {
        if (k == 0 && row.bad)
            st = pz_err_set(err, PZ_BAD_DATA, "%s:1: %s", file, row.bad);
        else if (!row.bad && !count_row(look, &row, before))
            st = pz_err_memory(err, "a look at the rows", (double)n);
    }
    pz_jsonl_clear(&r);
    return st;
}

/* The names of the header; of a headless file they are its first row. */
static bool take_names(const struct pz_text_head *head, bool headless, struct pz_look *look,
                       double *before)
{
    struct pz_cell cell[PZ_LOOK_COLUMNS];
    struct pz_row row = { .cell = cell };

    for (; look->n < head->n && look->n < PZ_LOOK_COLUMNS; look->n++) {
        const char *name = head->name[look->n];

        cell[look->n] = (struct pz_cell){ name, strlen(name) };
        if (!(look->name[look->n] = pz_mem_strndup(name, strlen(name))))
            return false;
    }
    row.n_cells = look->n;
    return !headless || count_row(look, &row, before);
}

static enum pz_status look_at_csv(const struct pz_text_head *head, const char *text, size_t n,
                                  struct pz_look *look, double *before, struct pz_err *err)
{
    struct pz_csv_reader r;
    struct pz_row row;
    bool good = pz_csv_init(&r, &head->form, head->n) && pz_csv_start(&r, text, n);

    for (int k = 0; k < LOOK_ROWS && good && pz_csv_next(&r, &row); k++) {
        look->uneven += row.n_cells != head->n;
        good = row.bad || count_row(look, &row, before);
    }
    pz_csv_clear(&r);
    return good ? PZ_OK : pz_err_memory(err, "a look at the rows", (double)n);
}

enum pz_status pz_look_at(struct pz_blocks_in *in, bool headless, struct pz_look *look,
                          struct pz_err *err)
{
    const struct pz_text_head *head = pz_blocks_head(in);
    const char *text, *file = pz_blocks_name(in);
    double before[PZ_LOOK_COLUMNS] = { 0 };
    size_t n;
    enum pz_status st;

    if (!head->json && !take_names(head, headless, look, before))
        return pz_err_memory(err, "a look at the rows", 1e4);
    st = pz_blocks_peek(in, &text, &n, err);
    if (st == PZ_BAD_DATA && head->json && pz_json_form_check(file, text, n, err) != PZ_OK)
        return PZ_BAD_DATA;
    if (st != PZ_OK)
        return st;
    return head->json ? look_at_json(file, text, n, look, err)
                      : look_at_csv(head, text, n, look, before, err);
}

void pz_look_clear(struct pz_look *look)
{
    for (size_t i = 0; i < look->n; i++) {
        free(look->name[i]);
        free(look->seen[i].value);
    }
    look->n = 0;
}

/* ---- heaps ---- */

struct visit {
    uint64_t id, other; /* hashes of them */
    int64_t time;
};

static int by_id_and_time(const void *x, const void *y)
{
    const struct visit *a = x, *b = y;

    return a->id != b->id ? (a->id > b->id) - (a->id < b->id)
                          : (a->time > b->time) - (a->time < b->time);
}

/* FNV-1a: a few ids that fall together do no harm here. */
static uint64_t hash_id(const struct pz_cell *c)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < c->n; i++)
        h = (h ^ (unsigned char)c->s[i]) * 0x100000001b3u;
    return h;
}

/* time: SIZE_MAX: the order of rows. */
static size_t read_visits(struct pz_csv_reader *r, size_t id, size_t other, size_t time,
                          struct visit *visit)
{
    struct pz_row row;
    size_t n = 0;

    while (n < HEAP_ROWS && pz_csv_next(r, &row)) {
        enum pz_time_form form;

        if (row.bad || row.n_cells <= id || row.n_cells <= other)
            continue;
        visit[n].time = (int64_t)n;
        if (time != SIZE_MAX &&
            (row.n_cells <= time || !pz_time_guess(row.cell[time].s, row.cell[time].n, &form) ||
             !pz_time_parse(row.cell[time].s, row.cell[time].n, form, &visit[n].time)))
            continue;
        visit[n].id = hash_id(&row.cell[id]);
        visit[n++].other = hash_id(&row.cell[other]);
    }
    return n;
}

/* The visits of the first block, by id and time. Owner: the caller, free() */
static enum pz_status sort_visits(struct pz_blocks_in *in, size_t id, size_t other, size_t time,
                                  struct visit **visit, size_t *n_visits, struct pz_err *err)
{
    const struct pz_text_head *head = pz_blocks_head(in);
    struct pz_csv_reader r = { .form = NULL };
    const char *text;
    size_t n;
    enum pz_status st;

    *n_visits = 0;
    *visit = pz_mem_array(HEAP_ROWS, sizeof **visit);
    st = *visit ? pz_blocks_peek(in, &text, &n, err)
                : pz_err_memory(err, "a look at the rows", 1e6);
    if (st == PZ_OK && (!pz_csv_init(&r, &head->form, head->n) || !pz_csv_start(&r, text, n)))
        st = pz_err_memory(err, "a look at the rows", (double)n);
    if (st == PZ_OK)
        *n_visits = read_visits(&r, id, other, time, *visit);
    if (*n_visits > 0)
        qsort(*visit, *n_visits, sizeof **visit, by_id_and_time);
    pz_csv_clear(&r);
    return st;
}

enum pz_status pz_look_heaps(struct pz_blocks_in *in, size_t id, size_t other, size_t time,
                             double *share, uint32_t *pairs, struct pz_err *err)
{
    struct visit *visit;
    size_t n_visits, near = 0, ids = 0;
    enum pz_status st = sort_visits(in, id, other, time, &visit, &n_visits, err);

    *share = 0;
    *pairs = 0;
    for (size_t i = 1; i < n_visits; i++)
        if (visit[i].id != visit[i - 1].id) {
            ids++;
        } else if (visit[i].other != visit[i - 1].other) {
            near += visit[i].time - visit[i - 1].time <= HEAP_S;
            ++*pairs;
        }
    if (ids < HEAP_IDS)
        *pairs = 0;
    if (*pairs > 0)
        *share = (double)near / *pairs;
    free(visit);
    return st;
}

enum pz_status pz_look_spread(struct pz_blocks_in *in, size_t id, size_t other,
                              struct pz_spread *spread, struct pz_err *err)
{
    struct visit *visit;
    size_t n_visits, first = 0;
    enum pz_status st = sort_visits(in, id, other, SIZE_MAX, &visit, &n_visits, err);

    *spread = (struct pz_spread){ .ids = 0 };
    for (size_t i = 0; i < n_visits; i++) {
        bool begins = i == 0 || visit[i].id != visit[i - 1].id;

        first = begins ? i : first;
        spread->ids += begins;
        spread->again += !begins;
        spread->elsewhere += visit[i].other != visit[first].other;
        /* By the order of rows a run ends where the next row of the file has another id. */
        spread->runs += begins || visit[i].time != visit[i - 1].time + 1;
    }
    free(visit);
    return st;
}
