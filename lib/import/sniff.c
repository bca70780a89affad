/* SPDX-License-Identifier: Apache-2.0 */
/* The import reader, the start of a file: which column is which field, and how its times are
 * written. See reader.h.
 *
 * The times of a sample of rows vote for a form; the most frequent one is that of the column in
 * this file, and cells of other forms are then row errors rather than silently another moment.
 * Keys of JSON are met while workers run: each remembers those it knows, and only a new one
 * takes the lock of the mapping. A field's first place in the input is kept, so that the order
 * of columns does not depend on threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/cell.h"
#include "import/guess.h"
#include "import/json_form.h"
#include "import/reader.h"

enum { SAMPLE_ROWS = 2000 };

/* ---- the header of CSV ---- */

static void add_list(struct pz_str *out, char *const *names, size_t n, const char *between)
{
    for (size_t i = 0; i < n; i++)
        pz_str_addf(out, "%s%s", i ? between : "", names[i]);
}

/* What to add to the command line for a file without a header. */
static void add_header_option(const struct pz_import_reader *in, char *const *cells, size_t n,
                              struct pz_str *out)
{
    if (n == 1 && strchr(cells[0], ' '))
        pz_str_adds(out, "--delimiter ' ' --header USER_ID,ITEM_ID");
    else if (in->mapping->table == PZ_INTERACTIONS)
        pz_guess_header(in->blocks, out);
    else
        pz_str_addf(out, "--header %s_ID", in->mapping->table == PZ_ITEMS ? "ITEM" : "USER");
    for (size_t i = 1; i < n && in->mapping->table != PZ_INTERACTIONS; i++)
        pz_str_addf(out, ",COLUMN_%zu", i + 1);
}

/* A pair of --map that was meant for the missing column, with what it was perhaps meant to say.
 * Returns whether there is one. */
static bool add_map_hint(const struct pz_strs *map, const char *missing, char *const *names,
                         size_t n, struct pz_str *out)
{
    bool found = false;

    for (size_t i = 0; i < map->n; i++) {
        const char *pair = map->v[i], *column = strchr(pair, '=');
        struct pz_str ours = { 0 };
        struct pz_hint hint = { "" };

        if (!column)
            continue;
        pz_str_add(&ours, pair, (size_t)(column - pair));
        if (ours.data && pz_str_same_name(ours.data, missing))
            hint = pz_str_hint("", column + 1, (const char *const *)names, n);
        else if (ours.data)
            hint = pz_str_hint("", ours.data, &missing, 1);
        if (hint.text[0])
            pz_str_addf(out, "%s--map %s%s", found ? "; " : "", pair, hint.text);
        found |= hint.text[0];
        pz_str_clear(&ours);
    }
    return found;
}

/* What to add where columns have other names; missing: how many are, name: the first. */
static void add_map_option(const struct pz_import_reader *in, const char *name, size_t missing,
                           char *const *names, size_t n, struct pz_str *out)
{
    struct pz_str guessed = { 0 };
    bool told = pz_guess_map(in->mapping->table, in->mapping->map, names, n, &guessed);

    if (add_map_hint(in->mapping->map, name, names, n, out)) {
        ; /* said: a name of --map is nearly that of a column */
    } else if (told && guessed.data) {
        pz_str_adds(out, "name them with --map ");
        pz_str_add_shell(out, guessed.data);
        if (missing > 1 && !strstr(guessed.data, "TIMESTAMP=") &&
            in->mapping->table == PZ_INTERACTIONS && !in->mapping->cfg->no_time)
            pz_str_adds(out, " --no-time, which takes the order of rows");
    } else if (missing == 1 && strcmp(name, "TIMESTAMP") == 0) {
        pz_str_adds(out, "if none of them is a time, say --no-time, which takes the order of rows");
    } else {
        pz_guess_advise(in->mapping->table, name, in->blocks, NULL, out);
    }
    pz_str_clear(&guessed);
}

static enum pz_status check_missing(const struct pz_import_reader *in, char *const *names, size_t n,
                                    const bool *has, struct pz_err *err)
{
    struct pz_str missing = { 0 }, have = { 0 }, option = { 0 };
    const char *example = NULL, *file = pz_blocks_name(in->blocks);
    size_t n_missing = 0;

    for (size_t f = 0; f < in->mapping->n; f++) {
        const struct pz_mapping_field *field = &in->mapping->field[f];

        if (has[f] || !field->needed)
            continue;
        pz_str_addf(&missing, "%s%s", example ? ", " : "", field->f.name);
        example = example ? example : field->f.name;
        n_missing++;
    }
    if (!example)
        return PZ_OK;
    add_list(&have, names, n, ", ");
    if (pz_guess_is_data(names, n)) {
        add_header_option(in, names, n, &option);
        pz_err_set(err, PZ_BAD_DATA,
                   "%s: the first line looks like data (%.100s); name the columns: %.300s", file,
                   have.data ? have.data : "", option.data ? option.data : "");
    } else {
        add_map_option(in, example, n_missing, names, n, &option);
        pz_err_set(err, PZ_BAD_DATA,
                   "%s: Input %s is missing the following columns: [%.300s]; the file has: "
                   "%.300s; %.300s",
                   file, pz_blocks_head(in->blocks)->json ? "JSON" : "CSV",
                   missing.data ? missing.data : "", have.data ? have.data : "",
                   option.data ? option.data : "");
    }
    pz_str_clear(&missing);
    pz_str_clear(&have);
    pz_str_clear(&option);
    return PZ_BAD_DATA;
}

/* Whether --map names another column of the file for what this one is by its name. */
static bool is_beaten(struct pz_import_reader *in, char *const *names, size_t n, size_t c)
{
    size_t f = pz_mapping_find(in->mapping, names[c]);

    for (size_t i = 0; i < n && !pz_mapping_names(in->mapping, names[c]); i++)
        if (i != c && pz_mapping_names(in->mapping, names[i]) &&
            pz_mapping_find(in->mapping, names[i]) == f)
            return true;
    return false;
}

static enum pz_status sniff_header(struct pz_import_reader *in, char *const *names, size_t n,
                                   struct pz_column_cell *column, size_t *n_columns_used,
                                   struct pz_err *err)
{
    bool has[PZ_MAPPING_MAX] = { false };

    *n_columns_used = 0;
    for (size_t c = 0; c < n; c++) {
        size_t before = in->mapping->n, f = pz_mapping_find(in->mapping, names[c]);
        bool beaten = f != SIZE_MAX && is_beaten(in, names, n, c);

        if (in->mapping->n > before) {
            in->mapping->field[f].first = in->file_order;
            in->mapping->field[f].first_at = c;
        }
        if (f == SIZE_MAX || beaten) {
            pz_log(in->log, PZ_LOG_NOTE, "%s: column \"%.100s\" is left out: %s",
                   pz_blocks_name(in->blocks), names[c],
                   beaten                   ? "--map names another for it"
                   : !names[c][0]           ? "it has no name"
                   : in->mapping->by_schema ? "it is not in the schema"
                                            : "there are too many columns");
            continue;
        }
        if (has[f])
            return pz_err_set(err, PZ_BAD_DATA,
                              "%s: two columns stand for %s; the second is \"%.100s\"",
                              pz_blocks_name(in->blocks), in->mapping->field[f].f.name, names[c]);
        has[f] = true;
        in->mapping->field[f].met = true;
        column[(*n_columns_used)++] = (struct pz_column_cell){ (uint32_t)c, (uint32_t)f,
                                                               in->mapping->field[f].role };
    }
    return check_missing(in, names, n, has, err);
}

/* ---- the form of times ---- */

struct sample {
    struct pz_import_reader *in;
    uint32_t count[PZ_MAPPING_MAX][PZ_N_TIME_FORMS];
    uint64_t line;                      /* of the row at hand, behind the header */
    uint64_t ambiguous[PZ_MAPPING_MAX]; /* line where day and month could change places first; 0 */
    unsigned orders[PZ_MAPPING_MAX];    /* that it could be read in */
    uint64_t rounded[PZ_MAPPING_MAX];   /* line of the first 8.81E+08; 0: none */
    uint32_t days[PZ_MAPPING_MAX];      /* numbers that could be days of a spreadsheet */
    bool parts[PZ_MAPPING_MAX];         /* one of them with a part of a day */
    uint64_t day[PZ_MAPPING_MAX];       /* line of the first */
    size_t n_keys;
    char *key[PZ_MAPPING_MAX]; /* [n_names] of JSON, those of objects inside as user.id; owned */
    size_t n_names;
    bool has[PZ_MAPPING_MAX]; /* JSON has the field */
};

static void keep_first(uint64_t *first, bool is, uint64_t line)
{
    if (is && *first == 0)
        *first = line;
}

/* Spreadsheets count days: 1980 to 2100, which would be hours of 1970. */
static void look_for_days(struct sample *s, size_t field, const char *t, size_t n)
{
    double x;

    if (!pz_str_to_double(t, n, &x) || x < 29221 || x >= 73051)
        return;
    s->days[field]++;
    s->parts[field] |= x != floor(x);
    keep_first(&s->day[field], true, s->line);
}

static void sample_cell(struct sample *s, size_t field, const struct pz_cell *c)
{
    enum pz_role role = s->in->mapping->field[field].role;
    enum pz_time_form form;
    const char *t = c->s;
    size_t n = c->n;
    unsigned can;

    while (n > 0 && *t == ' ') {
        t++;
        n--;
    }
    while (n > 0 && t[n - 1] == ' ')
        n--;
    if ((role != PZ_ROLE_TIME && role != PZ_ROLE_CREATED) || n == 0 || (n == 1 && *t == '0') ||
        pz_cell_is_no_day(t, n))
        return;
    if (pz_time_guess(t, n, &form)) {
        s->count[field][form]++;
        keep_first(&s->rounded[field],
                   form <= PZ_TIME_NANOS && (memchr(t, 'E', n) || memchr(t, 'e', n)), s->line);
        if (form == PZ_TIME_SECONDS)
            look_for_days(s, field, t, n);
        return;
    }
    can = pz_time_orders(t, n);
    if (can && s->ambiguous[field] == 0)
        s->orders[field] = can;
    keep_first(&s->ambiguous[field], can != 0, s->line);
}

/* The name of an object that is left out, reported once. */
static size_t find_inside(struct pz_import_reader *in, const char *path)
{
    bool report;
    size_t f = pz_mapping_find_inside(in->mapping, path, &report);
    const char *leaf = strrchr(path, '.');

    if (report)
        pz_log(in->log, PZ_LOG_NOTE, "%s: \"%.*s\" is left out, it holds objects%s%s%s%s",
               pz_blocks_name(in->blocks), (int)strcspn(path, ".["), path, leaf ? "; --map " : "",
               leaf ? leaf + 1 : "", leaf ? "=" : "", leaf ? path : "");
    return f;
}

/* Remember a key for a message. */
static void keep_key(struct sample *s, const char *key)
{
    for (size_t i = 0; i < s->n_names; i++)
        if (strcmp(s->key[i], key) == 0)
            return;
    if (s->n_names < PZ_MAPPING_MAX &&
        (s->key[s->n_names] = pz_mem_strndup(key, strlen(key))) != NULL)
        s->n_names++;
}

static size_t sample_slot(void *context, const char *key, bool inside)
{
    struct sample *s = context;
    size_t before = s->in->mapping->n;
    size_t f = inside ? find_inside(s->in, key) : pz_mapping_find(s->in->mapping, key);

    if (s->in->mapping->n > before) {
        s->in->mapping->field[f].first = s->in->file_order;
        s->in->mapping->field[f].first_at = s->n_keys++;
    }
    if (f != SIZE_MAX)
        s->has[f] = true;
    keep_key(s, key);
    return f;
}

static enum pz_status sample_json(struct sample *s, const char *text, size_t n, struct pz_err *err)
{
    struct pz_jsonl_reader r;
    struct pz_row rec;
    uint64_t n_good = 0;
    enum pz_status st = pz_json_form_check(pz_blocks_name(s->in->blocks), text, n, err);

    if (st != PZ_OK)
        return st;
    pz_jsonl_init(&r, sample_slot, s);
    pz_jsonl_start(&r, text, n);
    for (int row = 0; row < SAMPLE_ROWS && pz_jsonl_next(&r, &rec); row++) {
        s->line = rec.line;
        n_good += !rec.bad;
        for (size_t f = 0; f < rec.n_cells && !rec.bad; f++)
            sample_cell(s, f, &rec.cell[f]);
    }
    pz_jsonl_clear(&r);
    if (n_good > 0)
        st = check_missing(s->in, s->key, s->n_names, s->has, err);
    for (size_t i = 0; i < s->n_names; i++)
        free(s->key[i]);
    return st;
}

/* All rows have a cell that the header does not name: R and pandas can write the name of a row in
 * front of it, other programs a delimiter behind it, after which all cells are empty. */
static enum pz_status refuse_nameless(const struct pz_import_reader *in, bool empty,
                                      struct pz_err *err)
{
    const struct pz_text_head *head = pz_blocks_head(in->blocks);
    struct pz_str names = { 0 };

    add_list(&names, head->name, head->n, ",");
    pz_err_set(
        err, PZ_BAD_DATA,
        "%s: all rows have one cell more than the header, %s: say --skip-lines %llu --header "
        "%s%.300s%s",
        pz_blocks_name(in->blocks), empty ? "an empty one at their end" : "as when rows have names",
        (unsigned long long)head->lines, empty ? "" : "ROW,", names.data ? names.data : "...",
        empty ? ",EMPTY" : "");
    pz_str_clear(&names);
    return PZ_BAD_DATA;
}

static enum pz_status sample_csv(struct sample *s, const struct pz_column_cell *column,
                                 size_t n_columns_used, size_t n_columns, const char *text,
                                 size_t n, struct pz_err *err)
{
    struct pz_csv_reader r;
    struct pz_row rec;
    bool good = pz_csv_init(&r, &pz_blocks_head(s->in->blocks)->form, n_columns) &&
                pz_csv_start(&r, text, n);

    uint64_t n_rows = 0, n_longer = 0, n_open = 0;

    for (int row = 0; good && row < SAMPLE_ROWS && pz_csv_next(&r, &rec); row++) {
        s->line = rec.line;
        n_rows++;
        n_longer += rec.n_cells == n_columns + 1;
        n_open += rec.n_raw > 0 && rec.raw[rec.n_raw - 1] == r.form->delimiter;
        for (size_t i = 0; i < n_columns_used && !rec.bad; i++)
            sample_cell(s, column[i].field, &rec.cell[column[i].cell]);
    }
    pz_csv_clear(&r);
    if (good && n_longer == n_rows && n_rows > 0)
        return refuse_nameless(s->in, n_open == n_rows, err);
    return good ? PZ_OK : pz_err_memory(err, "a look at the times", (double)n);
}

/* Which of day, month and year stands first cannot be told. */
static enum pz_status refuse_order(const struct sample *s, size_t f, struct pz_err *err)
{
    unsigned can = s->orders[f];

    return pz_err_set(
        err, PZ_BAD_DATA,
        "%s:%llu: %s: is the day or the month first%s? Say --time-format day-first%s%s",
        pz_blocks_name(s->in->blocks),
        (unsigned long long)pz_blocks_head(s->in->blocks)->lines + s->ambiguous[f],
        s->in->mapping->field[f].f.name, can & PZ_TIME_YEAR_CAN ? ", or the year" : "",
        can & PZ_TIME_MONTH_CAN ? " or --time-format month-first" : "",
        can & PZ_TIME_YEAR_CAN ? " or --time-format '%y/%m/%d', with %H:%M if there is a "
                                 "clock"
                               : "");
}

/* All numbers could be days of a spreadsheet. With parts of a day they are; else they may count
 * something. */
static enum pz_status choose_days(const struct sample *s, size_t f, struct pz_err *err)
{
    if (s->parts[f]) {
        s->in->mapping->field[f].form = PZ_TIME_DAYS;
        return PZ_OK;
    }
    return pz_err_set(err, PZ_BAD_DATA,
                      "%s:%llu: %s looks like days of a spreadsheet: if it is, say --time-format "
                      "days; if it is not, --time-format seconds",
                      pz_blocks_name(s->in->blocks),
                      (unsigned long long)pz_blocks_head(s->in->blocks)->lines + s->day[f],
                      s->in->mapping->field[f].f.name);
}

/* The most frequent form; seconds when there was none. */
static enum pz_status choose_form(const struct sample *s, size_t f, struct pz_err *err)
{
    struct pz_mapping_field *field = &s->in->mapping->field[f];
    const char *file = pz_blocks_name(s->in->blocks), *format = s->in->mapping->cfg->time_format;
    uint64_t header = pz_blocks_head(s->in->blocks)->lines;
    uint32_t best = 0;
    enum pz_status st = PZ_OK;

    field->form = PZ_TIME_SECONDS;
    if (field->role == PZ_ROLE_TIME && format) {
        if (!pz_time_form_called(format, &field->form))
            field->form = PZ_TIME_GIVEN;
        return PZ_OK;
    }
    for (int form = 0; form < PZ_N_TIME_FORMS; form++)
        if (s->count[f][form] > best) {
            best = s->count[f][form];
            field->form = (enum pz_time_form)form;
        }
    if (best == 0 && s->ambiguous[f] > 0)
        return refuse_order(s, f, err);
    if (best > 0 && s->days[f] == best && field->form == PZ_TIME_SECONDS &&
        field->role == PZ_ROLE_TIME)
        st = choose_days(s, f, err);
    if (best > 0 && st == PZ_OK)
        pz_log(s->in->log, PZ_LOG_NOTE, "%s: %s is in %s", file, field->f.name,
               pz_time_form_name(field->form));
    if (s->rounded[f] > 0)
        pz_log(s->in->log, PZ_LOG_WARN,
               "%s:%llu: %s is written like 8.81E+08: a spreadsheet has rounded the times", file,
               (unsigned long long)header + s->rounded[f], field->f.name);
    return st;
}

static enum pz_status choose_forms(const struct sample *s, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t f = 0; f < s->in->mapping->n && st == PZ_OK; f++)
        if (s->in->mapping->field[f].role == PZ_ROLE_TIME ||
            s->in->mapping->field[f].role == PZ_ROLE_CREATED)
            st = choose_form(s, f, err);
    return st;
}

static enum pz_status look_ahead(struct pz_import_reader *in, const struct pz_column_cell *column,
                                 size_t n_columns_used, size_t n_columns, struct pz_err *err)
{
    struct sample *s = pz_mem_array(1, sizeof *s);
    const char *text = NULL;
    size_t n = 0;
    enum pz_status st = s ? pz_blocks_peek(in->blocks, &text, &n, err)
                          : pz_err_memory(err, "a look at the times", sizeof *s);

    if (st != PZ_OK && s)
        pz_err_prefix(err, "%s:%llu", pz_blocks_name(in->blocks),
                      (unsigned long long)pz_blocks_head(in->blocks)->lines + 1);
    if (st == PZ_OK && n == 0)
        st = pz_err_set(err, PZ_BAD_DATA, "%s: a header and no rows", pz_blocks_name(in->blocks));
    if (st == PZ_OK) {
        s->in = in;
        st = pz_blocks_head(in->blocks)->json
                 ? sample_json(s, text, n, err)
                 : sample_csv(s, column, n_columns_used, n_columns, text, n, err);
    }
    if (st == PZ_OK)
        st = choose_forms(s, err);
    free(s);
    return st;
}

/* ---- the threads ---- */

/* The field of a key in JSON. A thread remembers the keys it met; keys mostly come in the same
 * order, so the one behind the last is tried first. */
static size_t slot_of_key(void *context, const char *key, bool inside)
{
    struct pz_worker *w = context;
    size_t f, before, i;

    for (i = 0; i < w->n_keys; i++) {
        size_t at = (w->last_key + 1 + i) % w->n_keys;

        if (strcmp(w->key[at].key, key) == 0) {
            w->last_key = at;
            return w->key[at].field;
        }
    }
#pragma omp critical(pz_import_mapping)
    {
        struct pz_mapping *mapping = w->reader->mapping;
        uint64_t block = w->reader->file_order + w->block.seq + 1;
        /* Row and key: of two threads that meet a key, the one earlier in the file decides the
         * column's place. */
        uint64_t place = w->n_read << 16 | (w->n_keys & 0xffff);

        before = mapping->n;
        f = inside ? find_inside(w->reader, key) : pz_mapping_find(mapping, key);
        if (f != SIZE_MAX && f < before)
            before = mapping->field[f].first;
        else if (f != SIZE_MAX)
            before = SIZE_MAX;
        if (f != SIZE_MAX && !mapping->by_schema &&
            (block < before || (block == before && place < mapping->field[f].first_at))) {
            mapping->field[f].first = block;
            mapping->field[f].first_at = place;
        }
        if (f != SIZE_MAX)
            mapping->field[f].met = true;
    }
    if (!pz_mem_grow(&w->key, &w->cap_keys, w->n_keys + 1, sizeof *w->key) ||
        !(w->key[w->n_keys].key = pz_mem_strndup(key, strlen(key)))) {
        w->out_of_memory = true;
        return SIZE_MAX;
    }
    w->key[w->n_keys].field = f;
    w->last_key = w->n_keys++;
    if (f != SIZE_MAX && !pz_worker_take_column(w, f, f))
        w->out_of_memory = true;
    return f;
}

void pz_worker_leave(struct pz_worker *w)
{
    pz_csv_clear(&w->csv);
    pz_jsonl_clear(&w->json);
    for (size_t i = 0; i < w->n_keys; i++)
        free(w->key[i].key);
    memset(w->null, 0, sizeof w->null);
    memset(w->blank, 0, sizeof w->blank);
    w->n_keys = w->last_key = 0;
    w->n_columns_used = 0;
    for (size_t f = 0; f < w->n_codes; f++) {
        free(w->code[f]);
        w->code[f] = NULL;
    }
}

/* JSON: the schema's fields and the needed ones have their cells from the start; CSV: the header's.
 */
static bool start_worker(struct pz_worker *w, struct pz_import_reader *in,
                         const struct pz_column_cell *column, size_t n_columns_used,
                         size_t n_columns)
{
    bool good = true;

    w->reader = in;
    w->n_rows = 0;
    for (size_t i = 0; i < n_columns_used && good; i++)
        good = pz_worker_take_column(w, column[i].cell, column[i].field);
    if (!pz_blocks_head(in->blocks)->json)
        return good && pz_csv_init(&w->csv, &pz_blocks_head(in->blocks)->form, n_columns);
    pz_jsonl_init(&w->json, slot_of_key, w);
    for (size_t f = 0; f < in->mapping->n && good; f++)
        if (in->mapping->field[f].needed || in->mapping->by_schema)
            good = pz_worker_take_column(w, f, f);
    return good;
}

enum pz_status pz_import_reader_sniff(struct pz_import_reader *in, struct pz_err *err)
{
    const struct pz_text_head *head = pz_blocks_head(in->blocks);
    struct pz_column_cell *column = pz_mem_array(PZ_MAPPING_MAX, sizeof *column);
    size_t n_columns_used = 0;
    enum pz_status st = column ? PZ_OK : pz_err_memory(err, "columns", 1e4);

    in->mapping->decimal_comma |= head->form.delimiter == ';';
    if (head->passed > 0)
        pz_log(in->log, PZ_LOG_NOTE, "%s: passed over %llu title lines above the header",
               pz_blocks_name(in->blocks), (unsigned long long)head->passed);

    if (st == PZ_OK && !head->json)
        st = sniff_header(in, head->name, head->n, column, &n_columns_used, err);
    if (st == PZ_OK)
        st = look_ahead(in, column, n_columns_used, head->n, err);
    for (int k = 0; k < in->n_workers && st == PZ_OK; k++)
        if (!start_worker(&in->worker[k], in, column, n_columns_used, head->n))
            st = pz_err_memory(err, "a reader", (double)PZ_BLOCK_BYTES);
    free(column);
    return st;
}
