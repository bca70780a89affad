/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: see columns.h.
 *
 * A text column is the numbers of its distinct cells. The cells of all threads are united and
 * sorted, the type is inferred from them where no schema gives it, and each distinct cell is turned
 * into a number, or into its parts between '|', once; the rows then only look up. */
#include "import/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "import/cell.h"
#include "import/infer.h"

/* One text column while it is typed. */
struct cells {
    const struct pz_mapping *mapping;
    struct pz_inferred how;
    uint64_t n_lost;       /* rows whose cell is no number where --number wants one */
    struct pz_dict dict;   /* distinct cells */
    uint32_t **map;        /* [n_workers][...] number -> index */
    uint64_t *code;        /* [longest row group] scratch */
    uint64_t *part_ptr;    /* CATEGORY: [dict.n + 1] into part */
    uint32_t *part;        /* indices of values */
    struct pz_dict values; /* CATEGORY: distinct parts */
};

size_t pz_staged_longest(const struct pz_staged *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->staging->n; i++)
        n = s->staging->group[i].n_rows > n ? s->staging->group[i].n_rows : n;
    return n;
}

static void cells_clear(const struct pz_staged *s, struct cells *c)
{
    pz_dict_clear(&c->dict);
    pz_dict_clear(&c->values);
    for (int k = 0; k < s->n_workers && c->map; k++)
        free(c->map[k]);
    free(c->map);
    free(c->code);
    free(c->part_ptr);
    free(c->part);
}

static enum pz_status unite_cells(const struct pz_staged *s, uint32_t f, struct cells *c,
                                  struct pz_err *err)
{
    struct pz_texts **text = pz_mem_array((size_t)s->n_workers, sizeof *text);
    enum pz_status st = PZ_OK;

    c->map = pz_mem_array((size_t)s->n_workers, sizeof *c->map);
    c->code = pz_mem_array(pz_staged_longest(s), sizeof *c->code);
    if (!text || !c->map || !c->code)
        st = pz_err_memory(err, "a column", 8.0 * (double)pz_staged_longest(s));
    for (int k = 0; k < s->n_workers && st == PZ_OK; k++)
        text[k] = &s->worker[k].text[s->mapping->table][f];
    if (st == PZ_OK)
        st = pz_texts_unite(text, (size_t)s->n_workers, &c->dict, c->map, err);
    for (int k = 0; k < s->n_workers && st == PZ_OK; k++)
        pz_texts_clear(text[k]);
    free(text);
    return st;
}

/* Turn a row group's codes, in place, into index + 1 of the cell, 0 for null. */
static void read_codes(const struct pz_row_group *group, uint32_t f, uint32_t *const *map,
                       uint64_t *code)
{
    pz_row_group_read(group, f, 0, code);
    for (uint32_t r = 0; r < group->n_rows; r++)
        if (code[r] > 0)
            code[r] = (uint64_t)map[group->worker][code[r] - 1] + 1;
}

static uint64_t count_nulls(const struct pz_staged *s, uint32_t f, uint64_t *code)
{
    uint64_t n = 0, null = pz_role_null(s->mapping->field[f].role);

    for (size_t i = 0; i < s->staging->n; i++) {
        pz_row_group_read(&s->staging->group[i], f, null, code);
        for (uint32_t r = 0; r < s->staging->group[i].n_rows; r++)
            n += code[r] == null;
    }
    return n;
}

/* ---- numbers ---- */

/* The value of one cell; NaN when it has none, which only --number lets happen. */
static double parse_cell(const struct pz_field *f, const struct cells *c, const char *s, size_t n)
{
    uint64_t code = 0;
    int64_t seconds;
    double value = NAN;

    /* Up to the end of 9999, which stands for ever: no event happens then, but an offer may end. */
    if (c->how.is_time)
        return pz_time_parse(s, n, c->how.form, &seconds) ? (double)seconds : value;
    if (!(f->kind == PZ_ATTR_BOOL ? pz_encode_bool(s, n, &code)
                                  : pz_encode_number(f, s, n, c->mapping->decimal_comma, &code)))
        memcpy(&value, &code, sizeof value);
    return value;
}

static double *parse_cells(const struct pz_field *f, const struct cells *c)
{
    double *value = pz_mem_array(c->dict.n, sizeof *value);

    for (uint32_t i = 0; value && i < c->dict.n; i++) {
        size_t n;
        const char *s = pz_dict_get(&c->dict, i, &n);

        value[i] = parse_cell(f, c, s, n);
    }
    return value;
}

static enum pz_status fill_numbers_from_cells(const struct pz_staged *s, uint32_t f,
                                              const struct pz_field *type, struct cells *c,
                                              double *num, struct pz_err *err)
{
    double *value = parse_cells(type, c);
    uint64_t at = 0;

    if (!value)
        return pz_err_memory(err, type->name, 8.0 * c->dict.n);
    for (size_t i = 0; i < s->staging->n; i++) {
        const struct pz_row_group *group = &s->staging->group[i];

        read_codes(group, f, c->map, c->code);
        for (uint32_t r = 0; r < group->n_rows; r++, at++) {
            /* A number is parsed once per distinct cell, however many rows have it. */
            num[at] = c->code[r] ? value[c->code[r] - 1] : (double)NAN;
            c->n_lost += c->code[r] && isnan(num[at]);
        }
    }
    free(value);
    return PZ_OK;
}

/* Words that are numbers or times already. */
static void fill_numbers_from_codes(const struct pz_staged *s, uint32_t f, uint64_t *code,
                                    double *num)
{
    enum pz_role role = s->mapping->field[f].role;
    uint64_t at = 0;

    for (size_t i = 0; i < s->staging->n; i++) {
        const struct pz_row_group *group = &s->staging->group[i];

        pz_row_group_read(group, f, pz_role_null(role), code);
        if (role != PZ_ROLE_CREATED) {
            memcpy(num + at, code, group->n_rows * sizeof *num);
            at += group->n_rows;
            continue;
        }
        for (uint32_t r = 0; r < group->n_rows; r++)
            num[at++] = code[r] ? (double)pz_decode_time(code[r]) : (double)NAN;
    }
}

/* ---- lists ---- */

struct parts {
    struct pz_dict_builder *b;
    struct pz_str json; /* scratch */
    size_t cap, n;
};

/* Turn what stood between quotes into a JSON array of one string: Python's \' and \xNN are ' and
 * \u00NN there. */
static void write_as_json(struct pz_str *out, const struct pz_cell *part)
{
    pz_str_reset(out);
    pz_str_adds(out, "[\"");
    for (size_t i = 0; i < part->n; i++) {
        bool escape = part->s[i] == '\\' && i + 1 < part->n;

        i += escape;
        if (escape && part->s[i] == 'x')
            pz_str_adds(out, "\\u00");
        else if (escape && part->s[i] == '\'')
            pz_str_addc(out, '\'');
        else if (escape || part->s[i] == '"')
            pz_str_addf(out, "\\%c", part->s[i]);
        else
            pz_str_addc(out, part->s[i]);
    }
    pz_str_adds(out, "\"]");
}

/* Add a part, its escapes read; one whose escapes nobody knows stays as it stands. */
static uint32_t add_part(struct parts *p, const struct pz_cell *part, bool brackets)
{
    uint32_t number;
    enum pz_status st;
    json_t *doc;

    if (!brackets || !memchr(part->s, '\\', part->n))
        return pz_dict_builder_add(p->b, part->s, part->n);
    write_as_json(&p->json, part);
    if (p->json.failed)
        return PZ_NONE;
    st = pz_json_parse(p->json.data, p->json.len, "a list", &doc, NULL);
    if (st != PZ_OK)
        return st == PZ_BAD_DATA ? pz_dict_builder_add(p->b, part->s, part->n) : PZ_NONE;
    number = pz_dict_builder_add(p->b, json_string_value(json_array_get(doc, 0)),
                                 json_string_length(json_array_get(doc, 0)));
    json_decref(doc);
    return number;
}

/* Cut one cell; empty parts are dropped. False when memory is out. */
static bool cut_cell(struct cells *c, struct parts *p, const char *s, size_t len)
{
    bool brackets = c->how.list == PZ_LIST_BRACKETS;
    /* Without the brackets: the type was inferred from all cells having them. */
    const char *end = s + len - brackets;

    for (s += brackets; s < end;) {
        struct pz_cell part = brackets ? pz_cell_bracketed(&s, end)
                                       : pz_cell_part(&s, end, c->how.separator);

        if (part.n == 0)
            continue;
        if (!pz_mem_grow(&c->part, &p->cap, p->n + 1, sizeof *c->part) ||
            (c->part[p->n] = add_part(p, &part, brackets)) == PZ_NONE)
            return false;
        p->n++;
    }
    return true;
}

/* Cut every cell into its parts. */
static enum pz_status split_cells(struct cells *c, struct pz_err *err)
{
    struct parts p = { .b = pz_dict_builder_new() };
    uint32_t *final = NULL;
    bool good = p.b && (c->part_ptr = pz_mem_array((size_t)c->dict.n + 1, sizeof *c->part_ptr));
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < c->dict.n && good; i++) {
        size_t len;
        const char *s = pz_dict_get(&c->dict, i, &len);

        good = cut_cell(c, &p, s, len);
        c->part_ptr[i + 1] = p.n;
    }
    if (!good)
        st = pz_err_memory(err, "categories", 4.0 * (double)p.n);
    if (st == PZ_OK)
        st = pz_dict_builder_finish(p.b, &c->values, &final, err);
    for (size_t k = 0; k < p.n && st == PZ_OK; k++)
        c->part[k] = final[c->part[k]];
    free(final);
    pz_str_clear(&p.json);
    pz_dict_builder_free(p.b);
    return st;
}

/* STRING and TEXT: every cell is its own single part. */
static enum pz_status whole_cells(struct cells *c, struct pz_err *err)
{
    c->part_ptr = pz_mem_array((size_t)c->dict.n + 1, sizeof *c->part_ptr);
    c->part = pz_mem_array(c->dict.n, sizeof *c->part);
    if (!c->part_ptr || !c->part)
        return pz_err_memory(err, "texts", 12.0 * c->dict.n);
    for (uint32_t i = 0; i < c->dict.n; i++) {
        c->part[i] = i;
        c->part_ptr[i + 1] = i + 1;
    }
    /* The cells' dictionary becomes the values', without a copy. */
    c->values = c->dict;
    memset(&c->dict, 0, sizeof c->dict);
    return PZ_OK;
}

static uint64_t *make_row_ptr(const struct pz_staged *s, uint32_t f, struct cells *c)
{
    uint64_t *ptr = pz_mem_array(s->staging->n_rows + 1, sizeof *ptr), at = 0;

    for (size_t i = 0; ptr && i < s->staging->n; i++) {
        read_codes(&s->staging->group[i], f, c->map, c->code);
        for (uint32_t r = 0; r < s->staging->group[i].n_rows; r++, at++) {
            uint64_t cell = c->code[r];

            ptr[at + 1] = ptr[at] + (cell ? c->part_ptr[cell] - c->part_ptr[cell - 1] : 0);
        }
    }
    return ptr;
}

static enum pz_status fill_lists(const struct pz_staged *s, uint32_t f, struct cells *c,
                                 struct pz_attr *out, struct pz_err *err)
{
    uint64_t *ptr = make_row_ptr(s, f, c), at = 0;
    uint32_t *code = ptr ? pz_mem_array(ptr[s->staging->n_rows], sizeof *code) : NULL;

    out->ptr = out->own.ptr = ptr;
    out->code = out->own.code = code;
    if (!code)
        return pz_err_memory(err, out->name, 12.0 * (double)s->staging->n_rows);
    for (size_t i = 0; i < s->staging->n; i++) {
        read_codes(&s->staging->group[i], f, c->map, c->code);
        for (uint32_t r = 0; r < s->staging->group[i].n_rows; r++, at++) {
            uint64_t cell = c->code[r], n = ptr[at + 1] - ptr[at];

            out->nullable |= n == 0; /* also a cell of nothing but '|' */
            if (n > 0)
                memcpy(code + ptr[at], c->part + c->part_ptr[cell - 1], n * sizeof *code);
        }
    }
    out->values = c->values;
    memset(&c->values, 0, sizeof c->values);
    return PZ_OK;
}

/* ---- a column ---- */

static enum pz_status fill_attr(const struct pz_staged *s, uint32_t f, const struct pz_field *type,
                                struct cells *c, struct pz_attr *out, struct pz_err *err)
{
    double *num = NULL;
    enum pz_status st;

    if (type->kind == PZ_ATTR_NUMBER || type->kind == PZ_ATTR_BOOL) {
        out->num = out->own.num = num = pz_mem_array(s->staging->n_rows, sizeof *num);
        if (!num)
            return pz_err_memory(err, type->name, 8.0 * (double)s->staging->n_rows);
        if (s->mapping->field[f].role == PZ_ROLE_TEXT)
            return fill_numbers_from_cells(s, f, type, c, num, err);
        fill_numbers_from_codes(s, f, c->code, num);
        return PZ_OK;
    }
    st = type->kind == PZ_ATTR_CATEGORY ? split_cells(c, err) : whole_cells(c, err);
    return st == PZ_OK ? fill_lists(s, f, c, out, err) : st;
}

struct wanted_cell {
    uint32_t *const *map;
    uint32_t cell;
};

static bool is_cell(const struct pz_row_group *group, uint64_t code, const void *context)
{
    const struct wanted_cell *w = context;

    return code > 0 && w->map[group->worker][code - 1] == w->cell;
}

/* Name the cell, or the first one, that keeps a column of numbers or times from being one. */
static void report_stray(const struct pz_staged *s, uint32_t f, const struct pz_field *type,
                         struct cells *c)
{
    const struct pz_inferred *how = &c->how;
    struct pz_log *log = s->mapping->cfg->log;
    struct wanted_cell wanted = { c->map, how->stray };
    struct pz_place at = pz_staging_find(s->staging, f, 0, is_cell, &wanted, c->code);
    unsigned long long line = at.line;
    const char *table = pz_table_name(s->mapping->table);
    size_t n = 0;
    const char *stray = pz_dict_get(&c->dict, how->stray, &n);
    int show = n < 60 ? (int)n : 60;

    if (type->kind == PZ_ATTR_NUMBER)
        pz_log(log, PZ_LOG_WARN, "%s:%llu: %s.%s: \"%.*s\" is no number and is read as null",
               at.file, line, table, type->name, show, stray);
    else if (how->signs)
        pz_log(
            log, PZ_LOG_WARN,
            "%s:%llu: %s.%s is a text: its cells are numbers with a unit or a comma, as \"%.*s\"; "
            "only plain ones such as 9.5 are read as numbers",
            at.file, line, table, type->name, show, stray);
    else if (how->stray_time)
        pz_log(log, PZ_LOG_WARN,
               "%s:%llu: %s.%s is a text because of \"%.*s\", where all others are times in %s; "
               "--null reads such cells as null",
               at.file, line, table, type->name, show, stray, pz_time_form_name(how->form));
    else
        pz_log(log, PZ_LOG_WARN,
               "%s:%llu: %s.%s is a text because of \"%.*s\"%s; --number %s reads it as numbers, "
               "and such cells as null",
               at.file, line, table, type->name, show, stray,
               how->n_strays > 1 ? " and others" : "", type->name);
}

/* Report what was made of a column that is not what it seems. */
static void report_type(const struct pz_staged *s, uint32_t f, const struct pz_field *type,
                        struct cells *c)
{
    const struct pz_inferred *how = &c->how;
    const char *table = pz_table_name(s->mapping->table);
    struct pz_log *log = s->mapping->cfg->log;

    if (how->is_time)
        pz_log(log, PZ_LOG_NOTE, "%s.%s is a time in %s, kept as Unix seconds", table, type->name,
               pz_time_form_name(how->form));
    if (how->list == PZ_LIST_BRACKETS)
        pz_log(log, PZ_LOG_NOTE, "%s.%s holds lists in brackets", table, type->name);
    else if (type->kind == PZ_ATTR_CATEGORY && strcmp(how->separator, "|") != 0)
        pz_log(log, PZ_LOG_NOTE,
               "%s.%s holds lists separated by '%s'; --list %s='|' keeps them whole", table,
               type->name, how->separator, type->name);
    else if (how->perhaps_list && !how->signs)
        pz_log(log, PZ_LOG_NOTE,
               "%s.%s has cells with commas that may be lists; --list %s=, takes them for such",
               table, type->name, type->name);
    if (how->n_strays > 0 || how->signs)
        report_stray(s, f, type, c);
}

/* The separator of --list for a column, or NULL. */
static const char *separator_of(const struct pz_import_cfg *cfg, const char *name)
{
    char own[PZ_NAME_MAX + 1];

    for (size_t i = 0; i < cfg->list.n; i++) {
        const char *equals = strchr(cfg->list.v[i], '=');
        size_t n = (size_t)(equals - cfg->list.v[i]);

        if (n > PZ_NAME_MAX)
            continue;
        memcpy(own, cfg->list.v[i], n);
        own[n] = '\0';
        if (pz_str_same_name(own, name))
            return equals + 1;
    }
    return NULL;
}

static bool is_listed(const struct pz_strs *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (pz_str_same_name(names->v[i], name))
            return true;
    return false;
}

/* The type of a column: as given, or inferred from its cells. */
static void find_type(const struct pz_staged *s, uint32_t f, uint64_t nulls, struct pz_field *type,
                      struct cells *c)
{
    const struct pz_mapping *mapping = s->mapping;
    struct pz_infer_cfg cfg = { .n_rows = s->staging->n_rows - nulls,
                                .long_texts = mapping->table == PZ_ITEMS,
                                .is_import = true,
                                .comma = mapping->decimal_comma,
                                .number = is_listed(&mapping->cfg->number, type->name),
                                .separator = separator_of(mapping->cfg, type->name) };

    c->how = (struct pz_inferred){ .separator = cfg.separator ? cfg.separator : "|" };
    if (!mapping->field[f].given) {
        pz_infer(type, &c->dict, &cfg, &c->how);
        report_type(s, f, type, c);
    }
    if (!mapping->by_schema)
        type->nullable = nulls > 0;
}

static enum pz_status make_attr(const struct pz_staged *s, uint32_t f, struct pz_attr *out,
                                struct pz_err *err)
{
    struct pz_field type = s->mapping->field[f].f;
    struct cells c = { .mapping = s->mapping };
    enum pz_status st = unite_cells(s, f, &c, err);

    if (st == PZ_OK) {
        find_type(s, f, count_nulls(s, f, c.code), &type, &c);
        memcpy(out->name, type.name, sizeof out->name);
        out->kind = type.kind;
        out->whole = type.whole;
        out->wide = type.wide;
        out->nullable = type.nullable;
        st = fill_attr(s, f, &type, &c, out, err);
        out->nullable |= c.n_lost > 0;
        pz_staging_drop(s->staging, f);
    }
    if (st == PZ_OK && c.n_lost > 0)
        pz_log(s->mapping->cfg->log, PZ_LOG_WARN,
               "%s.%s: %llu cells are no numbers and read as null",
               pz_table_name(s->mapping->table), type.name, (unsigned long long)c.n_lost);
    cells_clear(s, &c);
    return st;
}

static bool is_attribute(enum pz_role role)
{
    return role == PZ_ROLE_CREATED || role == PZ_ROLE_NUMBER || role == PZ_ROLE_BOOL ||
           role == PZ_ROLE_TEXT;
}

/* Fields in the order of the schema, or in that of their first appearance. */
static size_t order_fields(const struct pz_mapping *mapping, uint32_t *order)
{
    size_t n = 0;

    for (uint32_t f = 0; f < mapping->n; f++) {
        const struct pz_mapping_field *field = &mapping->field[f], *other;
        size_t at = n++;

        while (at > 0 && !mapping->by_schema && (other = &mapping->field[order[at - 1]]) &&
               (other->first > field->first ||
                (other->first == field->first && other->first_at > field->first_at))) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = f;
    }
    return n;
}

enum pz_status pz_columns_make(const struct pz_staged *s, struct pz_attrs *out, struct pz_err *err)
{
    uint32_t *order = pz_mem_array(PZ_MAPPING_MAX, sizeof *order);
    size_t n = order ? order_fields(s->mapping, order) : 0;
    enum pz_status st = PZ_OK;

    *out = (struct pz_attrs){ .n_rows = s->staging->n_rows };
    out->attr = pz_mem_array(s->mapping->n, sizeof *out->attr);
    if (!order || !out->attr)
        st = pz_err_memory(err, "columns", 1e4);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (is_attribute(s->mapping->field[order[i]].role) &&
            (s->mapping->field[order[i]].met || !s->mapping->cfg->like))
            st = make_attr(s, order[i], &out->attr[out->n_attrs++], err);
    free(order);
    return st;
}
