/* SPDX-License-Identifier: Apache-2.0 */
/* The import reader, one block on one thread: see reader.h.
 *
 * A row is judged whole before anything of it is kept: first all cells become codes or a row error,
 * and only then do its ids and texts enter the dictionaries, so that a rejected row leaves no
 * trace. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/cell.h"
#include "import/reader.h"
#include "text/stream.h"

/* No more errors than are shown are kept of a block, unless all go to a file: a file of nothing but
 * bad rows must not need the memory of its rows once more. */
enum { SHOWN_BYTES = 80, KEPT_ERRORS = 20 };

struct pz_worker *pz_workers_new(int n)
{
    struct pz_worker *workers = pz_mem_array((size_t)n, sizeof *workers);
    bool good = workers != NULL;

    for (int k = 0; k < n && good; k++) {
        workers[k].users.with_partitions = true;
        for (int t = 0; t < PZ_N_TABLES; t++) {
            workers[k].text[t] = pz_mem_array(PZ_MAPPING_MAX, sizeof **workers[k].text);
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
        for (size_t f = 0; f < PZ_MAPPING_MAX && w->text[t]; f++)
            pz_texts_clear(&w->text[t][f]);
        free(w->text[t]);
    }
    free(w->block.text);
    free(w->column);
    free(w->key);
    for (size_t f = 0; f < w->n_codes; f++)
        free(w->code[f]);
    free(w->code);
    free(w->line);
    free(w->shown);
    free(w->order);
    free(w->moved);
    free(w->row_error);
}

void pz_workers_free(struct pz_worker *workers, int n)
{
    for (int k = 0; k < n && workers; k++)
        free_worker(&workers[k]);
    free(workers);
}

/* ---- row errors ---- */

static void add_row_error(struct pz_worker *w, const struct pz_row *rec, const char *column,
                          const struct pz_cell *cell, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static void add_row_error(struct pz_worker *w, const struct pz_row *rec, const char *column,
                          const struct pz_cell *cell, const char *fmt, ...)
{
    struct pz_row_error *row_error;
    bool all = w->reader->row_errors->reject != NULL;
    va_list args;

    w->n_rejected++;
    if (!all && w->n_errors >= KEPT_ERRORS)
        return;
    if (!pz_mem_grow(&w->row_error, &w->cap_errors, w->n_errors + 1, sizeof *w->row_error)) {
        w->out_of_memory = true;
        return;
    }
    row_error = &w->row_error[w->n_errors++];
    memset(row_error, 0, sizeof *row_error);
    row_error->line = rec->line;
    row_error->column = column;
    va_start(args, fmt);
    vsnprintf(row_error->reason, sizeof row_error->reason, fmt, args);
    va_end(args);
    if (cell) {
        row_error->n_value = cell->n < SHOWN_BYTES ? cell->n : SHOWN_BYTES;
        row_error->value = pz_mem_strndup(cell->n ? cell->s : "", row_error->n_value);
    }
    if (all) {
        row_error->n_raw = rec->n_raw;
        row_error->raw = pz_mem_strndup(rec->raw, rec->n_raw);
    }
    w->out_of_memory |= (cell && !row_error->value) || (all && !row_error->raw);
}

/* ---- cells ---- */

static const char *judge_id(const struct pz_row *rec, const struct pz_cell *c)
{
    /* One comparison for both ends: 0 - 1 is the largest number. */
    if (c->n - 1 >= PZ_ID_MAX)
        return c->n == 0 ? "is empty" : "is longer than 256 bytes";
    return rec->check_text ? pz_str_text_fault(c->s, c->n) : NULL;
}

static const char *judge_text(const struct pz_row *rec, const struct pz_cell *c)
{
    if (c->n > PZ_CELL_MAX)
        return "is longer than 100,000 bytes";
    return rec->check_text ? pz_str_text_fault(c->s, c->n) : NULL;
}

static struct pz_cell next_shown(const char **s, const char *end)
{
    const char *bar = memchr(*s, '|', (size_t)(end - *s)), *stop = bar ? bar : end;
    struct pz_cell part = { *s, (size_t)(stop - *s) };

    *s = bar ? bar + 1 : end;
    return part;
}

static const char *judge_shown(const struct pz_row *rec, const struct pz_cell *c, uint64_t *code)
{
    const char *s = c->s, *end = c->s + c->n;
    const char *why = judge_text(rec, c);

    *code = 0;
    while (s < end && !why) {
        struct pz_cell part = next_shown(&s, end);

        if (part.n > PZ_ID_MAX)
            why = "has an item id longer than 256 bytes";
        /* Counted only; the items enter the dictionary when the whole row is known to be good. */
        *code += part.n > 0;
    }
    return why;
}

/* The code of a cell, or why it has none. Texts get theirs in keep_texts. */
static const char *judge_cell(const struct pz_worker *w, const struct pz_column_cell *b,
                              const struct pz_row *rec, const struct pz_cell *c, uint64_t *code)
{
    const struct pz_mapping_field *field = &w->reader->mapping->field[b->field];
    bool comma = w->reader->mapping->decimal_comma;

    if (b->role == PZ_ROLE_USER || b->role == PZ_ROLE_ITEM)
        return judge_id(rec, c);
    if (c->n == 0) {
        *code = pz_role_null(b->role);
        return field->needed || b->role == PZ_ROLE_EVENT ? "is empty" : NULL;
    }
    switch (b->role) {
    case PZ_ROLE_TIME:
    case PZ_ROLE_CREATED:
        return field->form == PZ_TIME_GIVEN
                   ? pz_encode_time_as(c->s, c->n, w->reader->mapping->cfg->time_format, code)
                   : pz_encode_time(c->s, c->n, field->form, code);
    case PZ_ROLE_VALUE:
        return pz_encode_value(c->s, c->n, comma, code);
    case PZ_ROLE_NUMBER:
        return pz_encode_number(&field->f, c->s, c->n, comma, code);
    case PZ_ROLE_BOOL:
        return pz_encode_bool(c->s, c->n, code);
    case PZ_ROLE_SHOWN:
        return judge_shown(rec, c, code);
    /* Their codes are numbers in dictionaries, which keep_texts gives. */
    case PZ_ROLE_EVENT:
    case PZ_ROLE_TEXT:
    case PZ_ROLE_USER:
    case PZ_ROLE_ITEM:
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

static const struct pz_cell *cell_of(const struct pz_column_cell *b, const struct pz_row *rec)
{
    static const struct pz_cell none = { "", 0 };

    return b->cell < rec->n_cells ? &rec->cell[b->cell] : &none;
}

/* Ids and texts of a good row enter the dictionaries. False when memory is out. */
static bool keep_texts(struct pz_worker *w, const struct pz_row *rec)
{
    struct pz_texts *text = w->text[w->reader->mapping->table];
    bool good = true;

    for (size_t i = 0; i < w->n_columns_used && good; i++) {
        const struct pz_column_cell *b = &w->column[i];
        const struct pz_cell *c = cell_of(b, rec);
        uint64_t *code = &w->code[b->field][w->n_rows];
        uint32_t number;

        /* Deferred: a block's ids are looked up together, so that memory can be fetched ahead. */
        if (b->role == PZ_ROLE_USER || b->role == PZ_ROLE_ITEM) {
            *code = pz_texts_defer(b->role == PZ_ROLE_USER ? &w->users : &w->items, c->s, c->n);
            good = *code != UINT64_MAX;
        } else if ((b->role == PZ_ROLE_EVENT || b->role == PZ_ROLE_TEXT) && c->n > 0) {
            number = pz_texts_add(&text[b->field], c->s, c->n);
            *code = (uint64_t)number + 1;
            good = number != PZ_NONE;
        } else if (b->role == PZ_ROLE_SHOWN && c->n > 0) {
            good = keep_shown(w, c);
        }
    }
    return good;
}

static bool grow_rows(struct pz_worker *w)
{
    /* One capacity for all columns; fields without a column have no array. */
    size_t cap = w->cap_rows ? w->cap_rows * 2 : 4096;
    uint64_t *line = realloc(w->line, cap * sizeof *line);

    if (!line)
        return false;
    w->line = line;
    for (size_t f = 0; f < w->n_codes; f++) {
        uint64_t *grown = w->code[f] ? realloc(w->code[f], cap * sizeof *grown) : NULL;

        if (w->code[f] && !grown)
            return false;
        w->code[f] = grown;
    }
    w->cap_rows = cap;
    return true;
}

/* Room for one more code of a field that gets its first column now; rows before it are null. */
static bool open_field(struct pz_worker *w, size_t field, enum pz_role role)
{
    size_t had = w->n_codes;

    if (w->cap_rows == 0 && !grow_rows(w))
        return false;
    if (field >= had) {
        uint64_t **code = realloc(w->code, (field + 1) * sizeof *code);

        if (!code)
            return false;
        w->code = code;
        w->n_codes = field + 1;
        memset(code + had, 0, (w->n_codes - had) * sizeof *code);
    }
    if (!w->code[field])
        w->code[field] = malloc(w->cap_rows * sizeof **w->code);
    for (size_t r = 0; w->code[field] && r < w->n_rows; r++)
        w->code[field][r] = pz_role_null(role);
    return w->code[field] != NULL;
}

bool pz_worker_take_column(struct pz_worker *w, size_t cell, size_t field)
{
    enum pz_role role = w->reader->mapping->field[field].role;
    size_t at = w->n_columns_used;

    for (size_t i = 0; i < w->n_columns_used; i++)
        if (w->column[i].field == field)
            return true;
    if (!pz_mem_grow(&w->column, &w->cap_columns, w->n_columns_used + 1, sizeof *w->column) ||
        !open_field(w, field, role))
        return false;
    /* In the order of the cells, so that a row is walked from left to right. */
    while (at > 0 && w->column[at - 1].cell > cell) {
        w->column[at] = w->column[at - 1];
        at--;
    }
    w->column[at] = (struct pz_column_cell){ (uint32_t)cell, (uint32_t)field, role };
    w->n_columns_used++;
    return true;
}

static void count_odd(const struct pz_worker *w, struct pz_odd_cells *odd, const struct pz_row *rec)
{
    if (odd->n++ > 0)
        return;
    odd->block = w->block.seq;
    odd->line = rec->line;
}

/* Blanks at the ends of words say nothing: "x " and "x" are one category. Those of ids are kept, as
 * other tables may write them so too, and are reported with the ids. */
static void cut_blanks(struct pz_worker *w, const struct pz_row *rec, size_t field,
                       struct pz_cell *c)
{
    if (c->s[0] != ' ' && c->s[c->n - 1] != ' ')
        return;
    count_odd(w, &w->blank[field], rec);
    pz_str_trim(&c->s, &c->n);
}

/* Whether one of pandas' spellings of "no value" could begin so: none is longer than 9 bytes, and
 * only 1.#IND and 1.#QNAN begin with a digit; or a date of no day. */
static inline bool may_be_null(const struct pz_cell *c)
{
    enum { LONGEST = 9 };
    unsigned char first = (unsigned char)c->s[0];

    if (c->n > LONGEST)
        return first == '0' && pz_cell_is_no_day(c->s, c->n);
    if (first >= '0' && first <= '9')
        return c->n >= 6 && c->s[2] == '#';
    return first == 'n' || first == 'N' || first == '<' || first == '#' || first == '-' ||
           first == '\\';
}

/* Cells that spell "no value" become empty; an id or a time that does is a reason to reject the
 * row. */
static const char *blank_nulls(struct pz_worker *w, const struct pz_row *rec, size_t *at)
{
    struct pz_cell *cell = pz_blocks_head(w->reader->blocks)->json ? w->json.cell : w->csv.cell;
    const struct pz_strs *spellings = w->reader->mapping->cfg->null;

    for (size_t i = 0; i < w->n_columns_used; i++) {
        const struct pz_column_cell *b = &w->column[i];
        struct pz_cell *c = &cell[b->cell];

        if (b->cell >= rec->n_cells || c->n == 0)
            continue;
        if (b->role == PZ_ROLE_TEXT || b->role == PZ_ROLE_EVENT)
            cut_blanks(w, rec, b->field, c);
        if (c->n == 0 || (!spellings && !may_be_null(c)) || !pz_cell_is_null(spellings, c->s, c->n))
            continue;
        *at = i;
        if (b->role == PZ_ROLE_USER || b->role == PZ_ROLE_ITEM)
            return "stands for no value (--null '' takes such words as ids)";
        if (b->role == PZ_ROLE_TIME)
            return "stands for a missing time";
        count_odd(w, &w->null[b->field], rec);
        c->n = 0;
    }
    return NULL;
}

static bool take_row(struct pz_worker *w, const struct pz_row *rec)
{
    size_t at = 0;
    const char *no_id = blank_nulls(w, rec, &at);

    if (no_id) {
        add_row_error(w, rec, w->reader->mapping->field[w->column[at].field].f.name,
                      cell_of(&w->column[at], rec), "%s", no_id);
        return true;
    }
    if (w->n_rows == w->cap_rows && !grow_rows(w))
        return false;
    for (size_t i = 0; i < w->n_columns_used; i++) {
        const struct pz_column_cell *b = &w->column[i];
        const struct pz_cell *c = cell_of(b, rec);
        const char *why = judge_cell(w, b, rec, c, &w->code[b->field][w->n_rows]);

        if (why) {
            bool unknown = b->role == PZ_ROLE_TIME && strcmp(why, PZ_CELL_NO_TIME) == 0;
            bool latin = strcmp(why, PZ_STR_NOT_UTF8) == 0;

            add_row_error(w, rec, w->reader->mapping->field[b->field].f.name, c, "%s%s%.100s%s",
                          why,
                          unknown ? "; --time-format reads others"
                          : latin ? " "
                                  : "",
                          latin ? pz_in_typed(pz_blocks_name(w->reader->blocks)) : "",
                          latin ? " > utf8.csv" : "");
            return true;
        }
    }
    if (!keep_texts(w, rec))
        return false;
    w->line[w->n_rows++] = rec->line;
    return true;
}

/* A row of several items becomes one of each; its cell is that of the reader. */
static bool take_basket(struct pz_worker *w, const struct pz_row *rec)
{
    struct pz_cell *cell = pz_blocks_head(w->reader->blocks)->json ? w->json.cell : w->csv.cell;
    const char *separator = w->reader->mapping->cfg->basket, *s, *end;
    struct pz_cell whole = { "", 0 };
    size_t at = 0, n = 0;
    bool brackets, good = true;

    while (at < w->n_columns_used && w->column[at].role != PZ_ROLE_ITEM)
        at++;
    if (at == w->n_columns_used || w->column[at].cell >= rec->n_cells)
        return take_row(w, rec);
    cell += w->column[at].cell;
    whole = *cell;
    brackets = whole.n >= 2 && whole.s[0] == '[' && whole.s[whole.n - 1] == ']';
    end = whole.s + whole.n - brackets;
    for (s = whole.s + brackets; s < end && good;) {
        *cell = brackets ? pz_cell_bracketed(&s, end) : pz_cell_part(&s, end, separator);
        if (cell->n > 0) {
            good = take_row(w, rec);
            n++;
        }
    }
    if (n == 0 && good) { /* nothing but separators is no item */
        *cell = (struct pz_cell){ "", 0 };
        good = take_row(w, rec);
    }
    *cell = whole;
    w->n_read += n > 0 ? n - 1 : 0;
    return good;
}

/* ---- the short road ---- */

/* The code of a cell that is as most are. False: the long road has to judge it. */
static inline bool code_cell(const struct pz_worker *w, const struct pz_column_cell *b,
                             const struct pz_row *rec, const struct pz_cell *c, uint64_t *code)
{
    if (c->n == 0 || may_be_null(c))
        return false;
    if (b->role == PZ_ROLE_USER || b->role == PZ_ROLE_ITEM) {
        *code = c->n <= 8 ? pz_texts_word(c->s, c->n) : 0;
        return c->n <= 8;
    }
    return b->role != PZ_ROLE_EVENT && b->role != PZ_ROLE_TEXT && b->role != PZ_ROLE_SHOWN &&
           !judge_cell(w, b, rec, c, code);
}

/* Take a row of short ids and numbers, most of all rows, in one walk over its cells. False: nothing
 * has happened, and take_row has to look at it. */
static bool take_short(struct pz_worker *w, const struct pz_row *rec)
{
    const struct pz_column_cell *b = w->column, *end = b + w->n_columns_used;

    if (w->n_rows == w->cap_rows || rec->check_text || w->reader->mapping->cfg->null)
        return false;
    for (; b < end; b++)
        if (b->cell >= rec->n_cells ||
            !code_cell(w, b, rec, &rec->cell[b->cell], &w->code[b->field][w->n_rows]))
            return false;
    w->line[w->n_rows++] = rec->line;
    return true;
}

/* --no-time: rows are numbered, from 2000 on. */
static bool number_rows(struct pz_worker *w)
{
    enum { YEAR_2000 = 946684800 };
    size_t f = pz_mapping_role(w->reader->mapping, PZ_ROLE_TIME);

    if (f == SIZE_MAX || !w->reader->mapping->cfg->no_time)
        return true;
    if (!open_field(w, f, PZ_ROLE_TIME))
        return false;
    for (size_t r = 0; r < w->n_rows; r++)
        /* Numbered within the block; import.c adds the rows before it when all blocks are known. */
        w->code[f][r] = (YEAR_2000 + r) ^ (uint64_t)1 << 63;
    return true;
}

static bool resolve_ids(struct pz_worker *w)
{
    bool good = true;

    for (size_t i = 0; i < w->n_columns_used && good; i++) {
        enum pz_role role = w->column[i].role;

        if (role == PZ_ROLE_USER || role == PZ_ROLE_ITEM)
            good = pz_texts_resolve(role == PZ_ROLE_USER ? &w->users : &w->items,
                                    w->code[w->column[i].field], w->n_rows);
    }
    return good;
}

/* Cells too many mostly are of a text with the delimiter in it: of the column that is called so, or
 * of any. */
static void refuse_row(struct pz_worker *w, const struct pz_row *rec)
{
    static const char *const likely[] = { "title", "name", "desc", "text", "review", "comment" };
    const struct pz_text_head *head = pz_blocks_head(w->reader->blocks);
    const char *column = NULL, *any = NULL, *file = strstr(rec->bad, "< FILE");

    for (size_t i = 0; i < w->n_columns_used && !column && !head->json; i++) {
        const char *name = head->name[w->column[i].cell];

        if (w->column[i].role != PZ_ROLE_TEXT)
            continue;
        for (size_t k = 0; k < sizeof likely / sizeof *likely && !column; k++)
            column = strcasestr(name, likely[k]) ? name : NULL;
        any = name;
    }
    column = column ? column : any;
    if (file) /* that of a command */
        add_row_error(w, rec, NULL, NULL, "%.*s< %.80s%s", (int)(file - rec->bad), rec->bad,
                      pz_in_typed(pz_blocks_name(w->reader->blocks)), file + 6);
    else if (column && rec->n_cells > head->form.n_columns)
        add_row_error(
            w, rec, NULL, NULL,
            "%s; if a text has the delimiter in it without quotes, say --unquoted '%.40s'",
            rec->bad, column);
    else
        add_row_error(w, rec, NULL, NULL, "%s", rec->bad);
}

bool pz_worker_parse(struct pz_worker *w)
{
    bool json = pz_blocks_head(w->reader->blocks)->json;
    bool basket = w->reader->mapping->cfg->basket && w->reader->mapping->table == PZ_INTERACTIONS;
    struct pz_row rec;

    w->n_rows = w->n_shown = w->n_errors = 0;
    w->n_read = w->n_rejected = 0;
    w->out_of_memory = false;
    if (json)
        pz_jsonl_start(&w->json, w->block.text, w->block.n);
    else if (!pz_csv_start(&w->csv, w->block.text, w->block.n))
        return false;
    while (json ? pz_jsonl_next(&w->json, &rec) : pz_csv_next(&w->csv, &rec)) {
        w->n_read++;
        if (rec.bad)
            refuse_row(w, &rec);
        else if (basket ? !take_basket(w, &rec) : !take_short(w, &rec) && !take_row(w, &rec))
            return false;
        if (w->out_of_memory)
            return false;
    }
    return resolve_ids(w) && number_rows(w);
}
