/* SPDX-License-Identifier: Apache-2.0 */
/* What to type where a column cannot be told: see pz_guess_advise. Lines are whole: with the names
 * of the file and its columns, and its delimiter. */
#include <string.h>
#include <strings.h>

#include "import/guess.h"
#include "import/headless.h"
#include "import/roles.h"
#include "text/stream.h"

enum { MATRIX_COLUMNS = 10 };

/* A file that nobody described, and what is known of it. */
struct asked {
    enum pz_table_id table;
    const char *role, *file;
    char delimiter; /* of its cells */
    bool json;
    const struct pz_look *look;
    struct pz_candidates c;
    struct pz_blocks_in *in;
};

/* A header of one name may be several between bytes that are no usual delimiter. */
static void add_delimiter(const struct asked *a, struct pz_str *out)
{
    const char *name = a->look->name[0], *delimiter = pz_headless_delimiter(name);

    if (delimiter)
        pz_str_addf(out,
                    delimiter[0] == '\x01' ? "say --delimiter $'\\001'" : "say --delimiter '%s'",
                    delimiter);
    else if (strchr(name, ':'))
        pz_str_addf(out, "put commas between the columns: tr ':' ',' < %s > rows.csv", a->file);
    else if (strstr(name, "  "))
        pz_str_addf(out,
                    "the columns stand under each other, put commas between them: sed -E "
                    "'s/^ +| +$//g; s/[ \t]+/,/g' %s > rows.csv",
                    a->file);
}

/* Rows of orders have no user. */
static size_t find_order(const struct pz_candidates *c)
{
    static const char *const words[] = { "orderid",       "invoiceno", "invoice",
                                         "transactionid", "basketid",  "ordernumber" };

    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        size_t at = pz_role_find_name(c, words[k], strlen(words[k]));

        if (at != SIZE_MAX)
            return at;
    }
    return SIZE_MAX;
}

/* An array of objects, rather one of items than another. */
static const char *find_array(const struct pz_look *look)
{
    const char *found = NULL;

    for (size_t i = 0; i < look->n; i++) {
        const char *name = look->name[i];
        size_t n = strlen(name);

        if (n > 2 && strcmp(name + n - 2, "[]") == 0 &&
            (!found || strcasestr(name, "item") || strcasestr(name, "product")))
            found = name;
    }
    return found;
}

/* The column that is most like one of ids, and that no other role would have; NULL: none. */
static const char *find_likely(const struct asked *a)
{
    struct pz_candidates c = a->c;

    for (size_t k = 0; k < pz_n_guess_roles; k++) {
        const struct pz_guess_role *role = &pz_guess_roles[k];
        size_t at = role->table == a->table && strcmp(role->name, a->role) != 0
                        ? pz_role_find(&c, role)
                        : SIZE_MAX;

        if (at != SIZE_MAX)
            c.taken[at] = true;
    }
    for (size_t i = 0; i < c.n; i++) {
        const struct pz_seen *seen = c.seen ? &c.seen[i] : NULL;

        if (pz_role_open(&c, i) && c.name[i][0] && !pz_role_is_name(c.name[i]) &&
            !(seen && (seen->dates > 0 || seen->fractions > 0 || seen->moments == seen->filled)))
            return c.name[i];
    }
    return NULL;
}

void pz_guess_add_map(const char *role, const char *column, struct pz_str *out)
{
    struct pz_str pair = { 0 };

    pz_str_addf(&pair, "%s=%s", role, column);
    pz_str_adds(out, "--map ");
    if (pair.data)
        pz_str_add_shell(out, pair.data);
    pz_str_clear(&pair);
}

/* ---- tables of other shapes ---- */

/* "awk -F, " */
static void add_awk(const struct asked *a, struct pz_str *out)
{
    const char *between = a->delimiter == ','            ? ","
                          : a->delimiter == '\t'         ? "'\\t'"
                          : a->delimiter == PZ_TEXT_PAIR ? "::"
                                                         : NULL;

    if (between)
        pz_str_addf(out, "awk -F%s ", between);
    else
        pz_str_addf(out, "awk -F'%c' ", a->delimiter);
}

/* A row a user, a column an item: all but the first column are numbers, and no name is a role's. */
static bool is_matrix(const struct asked *a)
{
    const struct pz_look *look = a->look;
    bool matrix = look->n > MATRIX_COLUMNS && look->rows > 0 && !a->json;

    for (size_t i = 1; i < look->n && matrix; i++)
        matrix = look->seen[i].small == look->seen[i].filled;
    return matrix;
}

static void add_matrix(const struct asked *a, bool header, struct pz_str *out)
{
    pz_str_adds(out, "a row is a user and a column an item, make a row of each value: ");
    add_awk(a, out);
    pz_str_addf(out,
                header ? "'{ gsub(/[\"\\r]/, \"\") } NR == 1 { split($0, h); print "
                         "\"USER_ID,ITEM_ID,EVENT_VALUE\"; next } { for (i = 2; i <= NF; i++) if "
                         "($i != \"\" && $i != 0) print $1 \",\" h[i] \",\" $i }' %s > rows.csv"
                       : "'{ gsub(/[\"\\r]/, \"\"); for (i = 2; i <= NF; i++) if ($i != \"\" && $i "
                         "!= 0) print $1 \",\" i - 1 \",\" $i }' %s > rows.csv, and say --header "
                         "USER_ID,ITEM_ID,EVENT_VALUE --no-time",
                a->file);
}

/* Lines of many lengths: a user and what they had, if all is numbers; else a basket. */
static bool is_ragged(const struct asked *a)
{
    return !a->json && a->look->n > 0 && a->look->uneven * 4 > a->look->rows + a->look->uneven;
}

static void add_ragged(const struct asked *a, struct pz_str *out)
{
    bool numbers = strspn(a->look->name[0], "0123456789") == strlen(a->look->name[0]);

    pz_str_adds(out, numbers ? "a line is a user and their items, make a row of each: "
                             : "a line is a basket of items, make a row of each: ");
    add_awk(a, out);
    pz_str_addf(out,
                numbers
                    ? "'{ gsub(/[\"\\r]/, \"\"); for (i = 2; i <= NF; i++) if ($i != \"\") print "
                      "$1 \",\" $i }' %s > rows.csv"
                    : "'{ gsub(/[\"\\r]/, \"\"); for (i = 1; i <= NF; i++) if ($i != \"\") print "
                      "NR \",\" $i }' %s > rows.csv",
                a->file);
    pz_str_adds(out, ", and say --header USER_ID,ITEM_ID --no-time");
}

/* Orders in one file and what was in them in another: rows of the second get those of the first.
 * False: no other file has the same orders and what this one lacks. */
static bool add_join(const struct asked *a, const struct pz_strs *files, struct pz_str *out)
{
    size_t order = find_order(&a->c);
    bool lacks_user = strcmp(a->role, "USER_ID") == 0, found = false;

    for (size_t i = 0; i < files->n && order != SIZE_MAX && !found && !a->json; i++) {
        struct pz_look look = { .n = 0 };
        struct pz_blocks_in *in = NULL;
        struct pz_err err = { 0 };
        struct pz_candidates c;
        size_t key = SIZE_MAX;

        if (strcmp(files->v[i], a->file) == 0 ||
            pz_blocks_open(files->v[i], NULL, &in, &err) != PZ_OK)
            continue;
        if (!pz_blocks_head(in)->json && pz_look_at(in, false, &look, &err) == PZ_OK) {
            c = pz_candidates_of(&look);
            key = find_order(&c);
            found = key != SIZE_MAX &&
                    pz_role_find(&c, &pz_guess_roles[lacks_user ? 0 : 1]) != SIZE_MAX;
        }
        if (found) {
            pz_str_adds(out, "join the files: ");
            add_awk(a, out);
            pz_str_addf(
                out,
                "-v OFS='%c' '{ gsub(/\\r/, \"\") } NR == FNR { k = $%zu; if (NR == 1) $%zu = "
                "\"joined\"; more[k] = $0; next } { print $0, more[$%zu] }' %s %s > rows.csv",
                a->delimiter, (lacks_user ? key : order) + 1, (lacks_user ? key : order) + 1,
                (lacks_user ? order : key) + 1, lacks_user ? files->v[i] : a->file,
                lacks_user ? a->file : files->v[i]);
        }
        pz_look_clear(&look);
        pz_blocks_close(in);
    }
    return found;
}

/* ---- the whole ---- */

void pz_guess_header(struct pz_blocks_in *in, struct pz_str *out)
{
    struct pz_look look = { .n = 0 };
    struct pz_headless told;
    struct pz_err err = { 0 };

    if (pz_look_at(in, true, &look, &err) != PZ_OK ||
        pz_headless_tell(&look, in, &told, &err) != PZ_OK) {
        pz_str_adds(out, "--header USER_ID,ITEM_ID --no-time");
    } else {
        pz_str_adds(out, "--header ");
        pz_headless_names(&look, &told, false, out);
        pz_str_adds(out, told.time == SIZE_MAX ? " --no-time" : "");
    }
    pz_look_clear(&look);
}

static bool is_any_found(const struct asked *a)
{
    for (size_t k = 0; k < pz_n_guess_roles; k++)
        if (pz_guess_roles[k].table == a->table &&
            pz_role_find(&a->c, &pz_guess_roles[k]) != SIZE_MAX)
            return true;
    return false;
}

/* No column is called by a number. */
static bool is_data(const struct pz_look *look)
{
    const char *first = look->n > 0 ? look->name[0] : "";

    return pz_guess_is_data(look->name, look->n) ||
           (*first && strspn(first, "0123456789") == strlen(first));
}

/* Items or users whose first line is data get one of names; --header is for interactions. */
static void add_names(const struct asked *a, struct pz_str *out)
{
    const char *between = a->delimiter == PZ_TEXT_PAIR ? "::" : (char[]){ a->delimiter, '\0' };

    pz_str_addf(out, "the first line is data, put names above it: { echo '%s", a->role);
    for (size_t i = 1; i < a->look->n; i++)
        pz_str_addf(out, "%sCOLUMN_%zu", between, i + 1);
    pz_str_addf(out, "'; cat %s; } > %s.csv", a->file, a->table == PZ_ITEMS ? "items" : "users");
}

/* What one person's own export holds has no user, as that of Last.fm: they are one. */
static void add_me(const char *file, char delimiter, bool header, struct pz_str *out)
{
    const char *between = delimiter == '\t'           ? "\\t"
                          : delimiter == PZ_TEXT_PAIR ? "::"
                                                      : (char[]){ delimiter, '\0' };

    pz_str_adds(out, "if all rows are one person's, let them be a user: sed '");
    if (header)
        pz_str_addf(out, "1s/^/USER_ID%s/; 1!", between);
    pz_str_addf(out, "s/^/me%s/' %s > rows.csv", between, file);
}

void pz_guess_advise_alone(struct pz_blocks_in *in, const struct pz_look *look,
                           const struct pz_headless *told, struct pz_str *out)
{
    add_me(pz_in_typed(pz_blocks_name(in)), pz_blocks_head(in)->form.delimiter, false, out);
    pz_str_adds(out, ", and say --header ");
    pz_headless_names_alone(look, told, out);
    pz_str_addf(out, "; or, if column %zu is the user, --header ", told->user + 1);
    pz_headless_names(look, told, false, out);
}

/* Columns there are, and one of them may be it. */
static void add_choice(const struct asked *a, struct pz_str *out)
{
    const char *array = find_array(a->look), *likely = find_likely(a);
    size_t order = find_order(&a->c);
    bool item = strcmp(a->role, "ITEM_ID") == 0;

    if (item && array) {
        pz_str_addf(out, "make a row of each element of %s: jq -c '. as $r | .%s | $r + .' %s > ",
                    array, array, a->file);
        pz_str_adds(out, "rows.jsonl");
    } else if (strcmp(a->role, "USER_ID") == 0 && order != SIZE_MAX) {
        pz_str_adds(out, "join the table that has the users, or say ");
        pz_guess_add_map(a->role, a->c.name[order], out);
        pz_str_adds(out, ", which takes each for a user");
    } else if (likely) {
        pz_str_adds(out, "say which one it is, as in ");
        pz_guess_add_map(a->role, likely, out);
        if (a->table == PZ_INTERACTIONS && !a->json && !item && is_any_found(a)) {
            pz_str_adds(out, ", or, ");
            add_me(a->file, a->delimiter, true, out);
        }
    } else {
        pz_str_adds(out, "none of them can be it: join the table that has it");
    }
    if (a->table == PZ_INTERACTIONS && !a->json && a->look->n >= 2 && !is_any_found(a)) {
        pz_str_adds(out, ", or, if the first line is data, ");
        pz_guess_header(a->in, out);
    }
}

void pz_guess_advise(enum pz_table_id table, const char *role, struct pz_blocks_in *in,
                     const struct pz_strs *files, struct pz_str *out)
{
    struct pz_look look = { .n = 0 };
    struct pz_err err = { 0 };
    struct asked a = { .table = table,
                       .role = role,
                       .file = pz_in_typed(pz_blocks_name(in)),
                       .delimiter = pz_blocks_head(in)->form.delimiter,
                       .json = pz_blocks_head(in)->json,
                       .look = &look,
                       .in = in };
    enum pz_status st = pz_look_at(in, false, &look, &err);
    bool others;

    a.c = pz_candidates_of(&look);
    others = st == PZ_OK && table == PZ_INTERACTIONS;
    if (look.n == 1 && !a.json)
        add_delimiter(&a, out);
    if (out->len > 0 || out->failed)
        ; /* its cells are to be parted first */
    else if (others && is_ragged(&a) && !is_any_found(&a))
        add_ragged(&a, out);
    else if (others && is_matrix(&a))
        add_matrix(&a, !pz_guess_is_data(look.name, look.n), out);
    else if (table != PZ_INTERACTIONS && !a.json && is_data(&look))
        add_names(&a, out);
    else if (!(others && files && add_join(&a, files, out)))
        add_choice(&a, out);
    pz_look_clear(&look);
}
