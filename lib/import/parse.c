/* SPDX-License-Identifier: Apache-2.0 */
/* Intake, one block on one thread: see intake.h.
 *
 * A row is judged whole before anything of it is kept: first all cells become words or a fault, and
 * only then do its ids and texts enter the dictionaries, so that a rejected row leaves no trace. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/cell.h"
#include "import/reader.h"

enum { SHOWN_BYTES = 80, KEPT_FAULTS = 20 };

struct pz_worker *pz_workers_new(int n)
{
    struct pz_worker *workers = pz_mem_array((size_t)n, sizeof *workers);
    bool good = workers != NULL;

    for (int k = 0; k < n && good; k++) {
        workers[k].users.with_buckets = true;
        for (int t = 0; t < PZ_N_TABLES; t++) {
            workers[k].text[t] = pz_mem_array(PZ_PLAN_MAX, sizeof **workers[k].text);
            good = good && workers[k].text[t];
        }
    }
    if (!good) {
        pz_workers_free(workers, n);
        return NULL;
    }
    return workers;
}

static void free_worker(struct pz_worker *w)
{
    pz_texts_clear(&w->users);
    pz_texts_clear(&w->items);
    for (int t = 0; t < PZ_N_TABLES; t++) {
        for (size_t f = 0; f < PZ_PLAN_MAX && w->text[t]; f++)
            pz_texts_clear(&w->text[t][f]);
        free(w->text[t]);
    }
    free(w->block.text);
    free(w->bound);
    free(w->key);
    for (size_t f = 0; f < w->n_words; f++)
        free(w->word[f]);
    free(w->word);
    free(w->shown);
    free(w->order);
    free(w->moved);
    free(w->fault);
}

void pz_workers_free(struct pz_worker *workers, int n)
{
    for (int k = 0; k < n && workers; k++)
        free_worker(&workers[k]);
    free(workers);
}

/* ---- faults ---- */

static void add_fault(struct pz_worker *w, const struct pz_record *rec, const char *column,
                      const struct pz_cell *cell, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static void add_fault(struct pz_worker *w, const struct pz_record *rec, const char *column,
                      const struct pz_cell *cell, const char *fmt, ...)
{
    struct pz_fault *fault;
    bool all = w->intake->faults->reject != NULL;
    va_list args;

    w->n_rejected++;
    if (!all && w->n_faults >= KEPT_FAULTS)
        return;
    if (!pz_mem_grow(&w->fault, &w->cap_faults, w->n_faults + 1, sizeof *w->fault)) {
        w->out_of_memory = true;
        return;
    }
    fault = &w->fault[w->n_faults++];
    memset(fault, 0, sizeof *fault);
    fault->line = rec->line;
    fault->column = column;
    va_start(args, fmt);
    vsnprintf(fault->reason, sizeof fault->reason, fmt, args);
    va_end(args);
    if (cell) {
        fault->n_value = cell->n < SHOWN_BYTES ? cell->n : SHOWN_BYTES;
        fault->value = pz_mem_strndup(cell->n ? cell->s : "", fault->n_value);
    }
    if (all) {
        fault->n_raw = rec->n_raw;
        fault->raw = pz_mem_strndup(rec->raw, rec->n_raw);
    }
    w->out_of_memory |= (cell && !fault->value) || (all && !fault->raw);
}

/* ---- cells ---- */

static const char *judge_id(const struct pz_record *rec, const struct pz_cell *c)
{
    if (c->n - 1 >= PZ_ID_MAX)
        return c->n == 0 ? "is empty" : "is longer than 256 bytes";
    return rec->check_text ? pz_word_check_text(c->s, c->n) : NULL;
}

static const char *judge_text(const struct pz_record *rec, const struct pz_cell *c)
{
    if (c->n > PZ_CELL_MAX)
        return "is longer than 100,000 bytes";
    return rec->check_text ? pz_word_check_text(c->s, c->n) : NULL;
}

static struct pz_cell next_shown(const char **s, const char *end)
{
    const char *bar = memchr(*s, '|', (size_t)(end - *s)), *stop = bar ? bar : end;
    struct pz_cell part = { *s, (size_t)(stop - *s) };

    *s = bar ? bar + 1 : end;
    return part;
}

static const char *judge_shown(const struct pz_record *rec, const struct pz_cell *c, uint64_t *word)
{
    const char *s = c->s, *end = c->s + c->n;
    const char *why = judge_text(rec, c);

    *word = 0;
    while (s < end && !why) {
        struct pz_cell part = next_shown(&s, end);

        if (part.n > PZ_ID_MAX)
            why = "has an item id longer than 256 bytes";
        *word += part.n > 0;
    }
    return why;
}

/* The word of a cell, or why it has none. Texts get theirs in keep_texts. */
static const char *judge_cell(const struct pz_worker *w, const struct pz_bound *b,
                              const struct pz_record *rec, const struct pz_cell *c, uint64_t *word)
{
    const struct pz_plan_field *field = &w->intake->plan->field[b->field];

    if (b->use == PZ_USE_USER || b->use == PZ_USE_ITEM)
        return judge_id(rec, c);
    if (c->n == 0) {
        *word = pz_use_null(b->use);
        return field->needed || b->use == PZ_USE_EVENT ? "is empty" : NULL;
    }
    switch (b->use) {
    case PZ_USE_TIME:
    case PZ_USE_CREATED:
        return pz_word_time(c->s, c->n, field->form, word);
    case PZ_USE_VALUE:
        return pz_word_value(c->s, c->n, word);
    case PZ_USE_NUMBER:
        return pz_word_number(&field->f, c->s, c->n, word);
    case PZ_USE_BOOL:
        return pz_word_bool(c->s, c->n, word);
    case PZ_USE_SHOWN:
        return judge_shown(rec, c, word);
    case PZ_USE_EVENT:
    case PZ_USE_TEXT:
    case PZ_USE_USER:
    case PZ_USE_ITEM:
        break;
    }
    return judge_text(rec, c);
}

static bool keep_shown(struct pz_worker *w, const struct pz_cell *c)
{
    const char *s = c->s, *end = c->s + c->n;

    while (s < end) {
        struct pz_cell part = next_shown(&s, end);
        uint32_t item;

        if (part.n == 0)
            continue;
        item = pz_texts_add(&w->items, part.s, part.n);
        if (item == PZ_NONE ||
            !pz_mem_grow(&w->shown, &w->cap_shown, w->n_shown + 1, sizeof *w->shown))
            return false;
        w->shown[w->n_shown++] = item;
    }
    return true;
}

static const struct pz_cell *cell_of(const struct pz_bound *b, const struct pz_record *rec)
{
    static const struct pz_cell none = { "", 0 };

    return b->cell < rec->n_cells ? &rec->cell[b->cell] : &none;
}

/* Ids and texts of a good row enter the dictionaries. False when memory is out. */
static bool keep_texts(struct pz_worker *w, const struct pz_record *rec)
{
    struct pz_texts *text = w->text[w->intake->plan->table];
    bool good = true;

    for (size_t i = 0; i < w->n_bound && good; i++) {
        const struct pz_bound *b = &w->bound[i];
        const struct pz_cell *c = cell_of(b, rec);
        uint64_t *word = &w->word[b->field][w->n_rows];
        uint32_t number;

        if (b->use == PZ_USE_USER || b->use == PZ_USE_ITEM) {
            *word = pz_texts_defer(b->use == PZ_USE_USER ? &w->users : &w->items, c->s, c->n);
            good = *word != UINT64_MAX;
        } else if ((b->use == PZ_USE_EVENT || b->use == PZ_USE_TEXT) && c->n > 0) {
            number = pz_texts_add(&text[b->field], c->s, c->n);
            *word = (uint64_t)number + 1;
            good = number != PZ_NONE;
        } else if (b->use == PZ_USE_SHOWN && c->n > 0) {
            good = keep_shown(w, c);
        }
    }
    return good;
}

static bool grow_rows(struct pz_worker *w)
{
    size_t cap = w->cap_rows ? w->cap_rows * 2 : 4096;

    for (size_t f = 0; f < w->n_words; f++) {
        uint64_t *grown = w->word[f] ? realloc(w->word[f], cap * sizeof *grown) : NULL;

        if (w->word[f] && !grown)
            return false;
        w->word[f] = grown;
    }
    w->cap_rows = cap;
    return true;
}

/* Room for one more word of a field that gets its first column now; rows before it are null. */
static bool open_field(struct pz_worker *w, size_t field, enum pz_use use)
{
    size_t had = w->n_words;

    if (w->cap_rows == 0 && !grow_rows(w))
        return false;
    if (field >= had) {
        uint64_t **word = realloc(w->word, (field + 1) * sizeof *word);

        if (!word)
            return false;
        w->word = word;
        w->n_words = field + 1;
        memset(word + had, 0, (w->n_words - had) * sizeof *word);
    }
    if (!w->word[field])
        w->word[field] = malloc(w->cap_rows * sizeof **w->word);
    for (size_t r = 0; w->word[field] && r < w->n_rows; r++)
        w->word[field][r] = pz_use_null(use);
    return w->word[field] != NULL;
}

bool pz_worker_bind(struct pz_worker *w, size_t cell, size_t field)
{
    enum pz_use use = w->intake->plan->field[field].use;
    size_t at = w->n_bound;

    for (size_t i = 0; i < w->n_bound; i++)
        if (w->bound[i].field == field)
            return true;
    if (!pz_mem_grow(&w->bound, &w->cap_bound, w->n_bound + 1, sizeof *w->bound) ||
        !open_field(w, field, use))
        return false;
    while (at > 0 && w->bound[at - 1].cell > cell) {
        w->bound[at] = w->bound[at - 1];
        at--;
    }
    w->bound[at] = (struct pz_bound){ (uint32_t)cell, (uint32_t)field, use };
    w->n_bound++;
    return true;
}

static bool take_row(struct pz_worker *w, const struct pz_record *rec)
{
    if (w->n_rows == w->cap_rows && !grow_rows(w))
        return false;
    for (size_t i = 0; i < w->n_bound; i++) {
        const struct pz_bound *b = &w->bound[i];
        const struct pz_cell *c = cell_of(b, rec);
        const char *why = judge_cell(w, b, rec, c, &w->word[b->field][w->n_rows]);

        if (why) {
            add_fault(w, rec, w->intake->plan->field[b->field].f.name, c, "%s", why);
            return true;
        }
    }
    if (!keep_texts(w, rec))
        return false;
    w->n_rows++;
    return true;
}

static bool resolve_ids(struct pz_worker *w)
{
    bool good = true;

    for (size_t i = 0; i < w->n_bound && good; i++) {
        enum pz_use use = w->bound[i].use;

        if (use == PZ_USE_USER || use == PZ_USE_ITEM)
            good = pz_texts_resolve(use == PZ_USE_USER ? &w->users : &w->items,
                                    w->word[w->bound[i].field], w->n_rows);
    }
    return good;
}

bool pz_worker_parse(struct pz_worker *w)
{
    bool json = pz_feed_is_json(w->intake->feed);
    struct pz_record rec;

    w->n_rows = w->n_shown = w->n_faults = 0;
    w->n_read = w->n_rejected = 0;
    w->out_of_memory = false;
    if (json)
        pz_jsonl_start(&w->json, w->block.text, w->block.n);
    else if (!pz_csv_start(&w->csv, w->block.text, w->block.n))
        return false;
    while (json ? pz_jsonl_next(&w->json, &rec) : pz_csv_next(&w->csv, &rec)) {
        w->n_read++;
        if (rec.bad)
            add_fault(w, &rec, NULL, NULL, "%s", rec.bad);
        else if (!json && rec.n_cells != w->csv.max_cells)
            add_fault(w, &rec, NULL, NULL, "has %zu fields where the header has %zu", rec.n_cells,
                      w->csv.max_cells);
        else if (!take_row(w, &rec))
            return false;
        if (w->out_of_memory)
            return false;
    }
    return resolve_ids(w);
}
