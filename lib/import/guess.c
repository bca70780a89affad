/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing columns: see guess.h. The first file of each table is opened and looked at (look.c); a
 * header's names choose by roles.c, a first line that is data is told by headless.c, and what
 * cannot be told is refused with what advise.c has to type. */
#include "import/guess.h"

#include <string.h>
#include <strings.h>

#include "base/time.h"
#include "import/headless.h"
#include "import/roles.h"
#include "text/stream.h"

/* Earlier than any time of interest (1985), later than the ids of most files. */
static const double SOME_TIME = 5e8;

enum { USER_ROLE, ITEM_ROLE }; /* of interactions, in pz_guess_roles */

/* ---- the roles of a table ---- */

/* Whether the command line gives the role a column already, which is taken then. */
static bool is_mapped(const struct pz_strs *map, const struct pz_guess_role *role,
                      struct pz_candidates *c)
{
    size_t len = strlen(role->name);
    bool found = false;

    for (size_t i = 0; i < map->n; i++)
        if (strncasecmp(map->v[i], role->name, len) == 0 && map->v[i][len] == '=') {
            found = true;
            for (size_t k = 0; k < c->n && k < PZ_LOOK_COLUMNS; k++)
                c->taken[k] |= strcmp(c->name[k], map->v[i] + len + 1) == 0;
        }
    return found;
}

/* The column that is called as the role is, or SIZE_MAX. */
static size_t find_own(const struct pz_candidates *c, const struct pz_guess_role *role)
{
    for (size_t i = 0; i < c->n && i < PZ_LOOK_COLUMNS; i++)
        if (pz_str_same_name(c->name[i], role->name))
            return i;
    return SIZE_MAX;
}

/* Which column has the role: SIZE_MAX none. *own: no option has to say it. */
static size_t choose(const struct pz_strs *map, const struct pz_guess_role *role,
                     struct pz_candidates *c, bool *own)
{
    size_t at = find_own(c, role), other;
    bool mapped = is_mapped(map, role, c), good;

    *own = mapped || at != SIZE_MAX;
    if (at == SIZE_MAX || mapped)
        return *own ? at : pz_role_find(c, role);
    good = pz_role_open(c, at) && pz_role_suits(c, role, at);
    if (good && (!role->needed || pz_role_filled(c, at)))
        return at;
    /* There is one, but nothing in it, or in few rows: what else is there? */
    other = pz_role_find(c, role);
    *own = other == SIZE_MAX || other == at || (good && !pz_role_filled(c, other));
    return *own ? at : other;
}

static bool add_pair(const struct pz_guess_role *role, const char *column, struct pz_arena *arena,
                     struct pz_guess *guess)
{
    struct pz_str pair = { 0 };
    bool good;

    pz_str_addf(&pair, "%s=%s", role->name, column);
    for (size_t i = 0; i < guess->map.n && !pair.failed; i++)
        if (strcmp(guess->map.v[i], pair.data) == 0) {
            pz_str_clear(&pair);
            return true;
        }
    if (role->table != PZ_INTERACTIONS) {
        pz_str_reset(&pair);
        pz_str_addf(&pair, "%s.%s=%s", pz_table_name(role->table), role->name, column);
    }
    good = !pair.failed && pz_strs_add(&guess->map, pz_arena_strndup(arena, pair.data, pair.len));
    pz_str_clear(&pair);
    return good;
}

static enum pz_status refuse(const struct pz_import_cfg *cfg, const struct pz_guess_role *role,
                             const struct pz_candidates *c, struct pz_blocks_in *in,
                             struct pz_err *err)
{
    struct pz_str have = { 0 }, advice = { 0 };

    for (size_t i = 0; i < c->n; i++)
        pz_str_addf(&have, "%s%s", i ? ", " : "", c->name[i]);
    pz_guess_advise(role->table, role->name, in, &cfg->files[role->table], &advice);
    pz_err_set(err, PZ_BAD_DATA, "%s: no column is recognised as %s; the file has: %.300s; %s",
               pz_blocks_name(in), role->name, have.data ? have.data : "",
               advice.data ? advice.data : "");
    pz_str_clear(&have);
    pz_str_clear(&advice);
    return PZ_BAD_DATA;
}

/* 07:01:00, without a date. */
static bool is_clock(const char *cell)
{
    return strlen(cell) >= 4 && strspn(cell, "0123456789:. ") == strlen(cell) &&
           strchr(cell, ':') != NULL;
}

/* The day in one column and the clock in another: without the clock a day has no order. */
static enum pz_status refuse_clock(struct pz_blocks_in *in, const char *day, size_t at,
                                   const char *clock, size_t clock_at, struct pz_err *err)
{
    struct pz_str typed = { 0 };
    const char *file = pz_blocks_name(in);
    char between = pz_blocks_head(in)->form.delimiter;

    pz_guess_add_map("TIMESTAMP", day, &typed);
    pz_err_set(
        err, PZ_BAD_DATA,
        "%s: \"%.60s\" has the day and \"%.60s\" the clock; join them: awk -F'%c' '{ "
        "sub(/\\r$/, \"\") } NR == 1 { print $0 \"%cdatetime\"; next } { print $0 \"%c\" $%zu "
        "\" \" $%zu }' %s > rows.csv, or leave the clock away: %s",
        file, day, clock, between, between, between, at + 1, clock_at + 1, pz_in_typed(file),
        typed.data ? typed.data : "");
    pz_str_clear(&typed);
    return PZ_BAD_DATA;
}

static enum pz_status check_clock(struct pz_blocks_in *in, const struct pz_candidates *c,
                                  size_t time, struct pz_err *err)
{
    const struct pz_seen *seen = c->seen ? &c->seen[time] : NULL;

    if (!seen || !seen->value || pz_blocks_head(in)->json || strchr(seen->value, ':') ||
        seen->numbers > 0)
        return PZ_OK;
    for (size_t i = 0; i < c->n; i++)
        if (c->seen[i].value && is_clock(c->seen[i].value) && !c->taken[i])
            return refuse_clock(in, c->name[time], time, c->name[i], i, err);
    return PZ_OK;
}

/* A column that is called a time and holds something else: the order of rows is no answer. */
static enum pz_status check_times(struct pz_blocks_in *in, const struct pz_guess_role *role,
                                  const struct pz_candidates *c, struct pz_err *err)
{
    for (const char *s = role->names; c->seen && *s;) {
        size_t n = strcspn(s, " "), at = pz_role_find_name(c, s, n);

        if (at != SIZE_MAX) {
            struct pz_str typed = { 0 };

            pz_guess_add_map("TIMESTAMP", c->name[at], &typed);
            pz_err_set(err, PZ_BAD_DATA,
                       "%s: \"%.60s\" holds no times that are known (\"%.60s\"): say %s "
                       "--time-format FORMAT (strptime(3)), or --no-time to take the order of rows",
                       pz_blocks_name(in), c->name[at], c->seen[at].value,
                       typed.data ? typed.data : "");
            pz_str_clear(&typed);
            return PZ_BAD_DATA;
        }
        s += n + (s[n] == ' ');
    }
    return PZ_OK;
}

/* Several of a thing, as shops write an order ("1x Shirt, 2x Hat", by a sign of their own): with
 * each number the same thing would be another item. */
static enum pz_status check_quantities(struct pz_blocks_in *in, const struct pz_candidates *c,
                                       size_t at, struct pz_err *err)
{
    static const char *const signs[] = { "\u00d7", "x" };
    const char *value = c->seen && c->seen[at].value ? c->seen[at].value : "", *s;

    s = value + strspn(value, "0123456789");
    if (s == value)
        return PZ_OK;
    s += *s == ' ';
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t n = strlen(signs[i]);

        if (strncmp(s, signs[i], n) == 0 && s[n] == ' ')
            return pz_err_set(err, PZ_BAD_DATA,
                              "%s: %s tells how many of each, as in \"%.40s\"; take that away: sed "
                              "-E 's/(^|[\",;| ])[0-9]+ ?%s /\\1/g' %s > rows.csv",
                              pz_blocks_name(in), c->name[at], value, signs[i],
                              pz_in_typed(pz_blocks_name(in)));
    }
    return PZ_OK;
}

static enum pz_status guess_names(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                  struct pz_blocks_in *in, struct pz_candidates *c,
                                  struct pz_arena *arena, struct pz_guess *guess,
                                  struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t k = 0; k < pz_n_guess_roles && st == PZ_OK; k++) {
        const struct pz_guess_role *role = &pz_guess_roles[k];
        bool own, time = strcmp(role->name, "TIMESTAMP") == 0;
        size_t at;

        if (role->table != table)
            continue;
        at = choose(&cfg->map, role, c, &own);
        if (at == SIZE_MAX && !own && role->needed)
            return refuse(cfg, role, c, in, err);
        if (at != SIZE_MAX)
            c->taken[at] = true;
        if (at != SIZE_MAX && table == PZ_INTERACTIONS && strcmp(role->name, "ITEM_ID") == 0 &&
            !cfg->basket)
            guess->basket = pz_role_parts(c, at);
        if (at != SIZE_MAX && table == PZ_INTERACTIONS && strcmp(role->name, "ITEM_ID") == 0)
            st = check_quantities(in, c, at, err);
        if (own)
            continue;
        if (st == PZ_OK && at == SIZE_MAX && time && !cfg->no_time)
            st = check_times(in, role, c, err);
        guess->no_time |= at == SIZE_MAX && time;
        if (st == PZ_OK && at != SIZE_MAX && time)
            st = check_clock(in, c, at, err);
        /* A name with a comma could not be said in --map. */
        if (st == PZ_OK && at != SIZE_MAX && !strchr(c->name[at], ',') &&
            !add_pair(role, c->name[at], arena, guess))
            st = pz_err_memory(err, "names", 1e4);
    }
    return st;
}

bool pz_guess_map(enum pz_table_id table, const struct pz_strs *map, char *const *names, size_t n,
                  struct pz_str *out)
{
    struct pz_candidates c = { .name = names, .n = n };
    bool all = true, any = false;

    for (size_t k = 0; k < pz_n_guess_roles && all; k++) {
        bool own;
        size_t at;

        if (pz_guess_roles[k].table != table)
            continue;
        at = choose(map, &pz_guess_roles[k], &c, &own);
        all = at != SIZE_MAX || own || !pz_guess_roles[k].needed;
        if (at != SIZE_MAX)
            c.taken[at] = true;
        if (own || at == SIZE_MAX || strchr(names[at], ','))
            continue;
        pz_str_addf(out, "%s%s=%s", any ? "," : "", pz_guess_roles[k].name, names[at]);
        any = true;
    }
    return all && any;
}

/* ---- files without a header ---- */

bool pz_guess_is_data(char *const *cells, size_t n)
{
    size_t numbers = 0;
    enum pz_time_form form;
    double x;

    /* Where a column is an item, the header has their numbers. */
    if (n > 0 && (!cells[0][0] || pz_role_is_name(cells[0])))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(cells[i]);
        bool number = pz_str_to_double(cells[i], len, &x);

        numbers += number ||
                   (n == 1 && strchr(cells[i], ' ') && strspn(cells[i], "0123456789. ") == len);
        if (number ? x >= SOME_TIME : pz_time_guess(cells[i], len, &form))
            return true;
    }
    /* A header of numbers is rare, a first row without any too. */
    return n > 0 && numbers * 2 >= n;
}

/* Whether a number stands in the first line where all rows have one. */
static bool goes_on(const struct pz_look *look)
{
    double x;

    for (size_t i = 0; i < look->n && !pz_role_is_name(look->name[0]) && look->name[0][0]; i++)
        if (pz_str_to_double(look->name[i], strlen(look->name[i]), &x) &&
            look->seen[i].filled > 0 && look->seen[i].numbers == look->seen[i].filled)
            return true;
    return false;
}

static enum pz_status refuse_alone(struct pz_blocks_in *in, const struct pz_look *look,
                                   const struct pz_headless *told, struct pz_err *err)
{
    struct pz_str advice = { 0 };

    pz_guess_advise_alone(in, look, told, &advice);
    pz_err_set(err, PZ_BAD_DATA,
               "%s: the first line is data, and no column looks like a user: what is in column %zu "
               "comes with one of column %zu alone, as an album with its artist; %s",
               pz_blocks_name(in), told->item + 1, told->user + 1, advice.data ? advice.data : "");
    pz_str_clear(&advice);
    return PZ_BAD_DATA;
}

static enum pz_status guess_header(const struct pz_import_cfg *cfg, struct pz_blocks_in *in,
                                   struct pz_arena *arena, struct pz_guess *guess,
                                   struct pz_err *err)
{
    struct pz_look look = { .n = 0 };
    struct pz_str header = { 0 }, swapped = { 0 };
    struct pz_headless told = { .item = SIZE_MAX };
    enum pz_status st = pz_look_at(in, true, &look, err);

    if (st == PZ_OK)
        st = pz_headless_tell(&look, in, &told, err);
    if (st == PZ_OK && (told.matrix || told.item == SIZE_MAX)) {
        struct pz_candidates c = pz_candidates_of(&look);

        st = refuse(cfg, &pz_guess_roles[told.user == SIZE_MAX ? USER_ROLE : ITEM_ROLE], &c, in,
                    err);
    } else if (st == PZ_OK && told.alone != SIZE_MAX) {
        st = refuse_alone(in, &look, &told, err);
    }
    pz_headless_names(&look, &told, false, &header);
    pz_headless_names(&look, &told, true, &swapped);
    guess->no_time = told.time == SIZE_MAX;
    if (!cfg->basket && told.item != SIZE_MAX)
        guess->basket = pz_headless_parts(&look.seen[told.item]);
    guess->header = header.data ? pz_arena_strndup(arena, header.data, header.len) : NULL;
    if (told.told == PZ_TOLD_BY_ORDER && swapped.data)
        guess->swapped = pz_arena_strndup(arena, swapped.data, swapped.len);
    if (st == PZ_OK && (!guess->header || header.failed || swapped.failed))
        st = pz_err_memory(err, "names", 1e4);
    pz_look_clear(&look);
    pz_str_clear(&header);
    pz_str_clear(&swapped);
    return st;
}

/* ---- a table ---- */

static enum pz_status guess_open(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                 struct pz_blocks_in *in, struct pz_arena *arena,
                                 struct pz_guess *guess, struct pz_err *err)
{
    struct pz_look look = { .n = 0 };
    enum pz_status st = pz_look_at(in, false, &look, err);
    struct pz_candidates c = pz_candidates_of(&look);

    c.any_time = cfg->time_format != NULL;
    if (st == PZ_OK && table == PZ_INTERACTIONS && !pz_blocks_head(in)->json && !cfg->text.header &&
        look.n >= 2 && look.uneven * 4 <= look.rows + look.uneven &&
        (pz_guess_is_data(look.name, look.n) || goes_on(&look)))
        st = guess_header(cfg, in, arena, guess, err);
    else if (st == PZ_OK)
        st = guess_names(cfg, table, in, &c, arena, guess, err);
    pz_look_clear(&look);
    return st;
}

/* A first line that is one cell between usual delimiters is opened again by the one it has. */
static enum pz_status open_table(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                 const char **delimiter, struct pz_blocks_in **in,
                                 struct pz_err *err)
{
    const char *file = cfg->files[table].v[0];
    struct pz_text_cfg text = cfg->text;
    const struct pz_text_head *head = NULL;
    bool alone = cfg->files[PZ_ITEMS].n + cfg->files[PZ_USERS].n == 0;
    enum pz_status st;

    if (table != PZ_INTERACTIONS && cfg->files[PZ_INTERACTIONS].n > 0)
        text.header = NULL;
    st = pz_blocks_open(file, &text, in, err);
    head = st == PZ_OK ? pz_blocks_head(*in) : NULL;
    /* --delimiter is for all tables. */
    *delimiter = head && !head->json && head->n == 1 && !text.delimiter && alone
                     ? pz_headless_delimiter(head->name[0])
                     : NULL;
    if (!*delimiter)
        return st;
    text.delimiter = *delimiter;
    pz_blocks_close(*in);
    *in = NULL;
    return pz_blocks_open(file, &text, in, err);
}

static enum pz_status guess_table(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                  struct pz_arena *arena, struct pz_guess *guess,
                                  struct pz_err *err)
{
    struct pz_blocks_in *in = NULL;
    const char *delimiter = NULL;
    enum pz_status st;

    if (strcmp(cfg->files[table].v[0], "-") == 0)
        return pz_err_set(err, PZ_USAGE, "--guess looks at a file twice; standard input cannot be");
    st = open_table(cfg, table, &delimiter, &in, err);
    if (st == PZ_OK)
        st = guess_open(cfg, table, in, arena, guess, err);
    guess->delimiter = delimiter ? delimiter : guess->delimiter;
    pz_blocks_close(in);
    return st;
}

enum pz_status pz_import_guess(const struct pz_import_cfg *cfg, struct pz_arena *arena,
                               struct pz_guess *guess, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (int t = 0; t < PZ_N_TABLES && st == PZ_OK; t++)
        if (cfg->files[t].n > 0)
            st = guess_table(cfg, (enum pz_table_id)t, arena, guess, err);
    return st;
}
