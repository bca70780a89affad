/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing columns: see guess.h.
 *
 * Names are compared as letters and digits only, without the types that RecBole and Elasticsearch
 * hang on them ("user_id:token", "userId.keyword"). For each role a list of names is tried, the
 * surest first; then any name that holds a word of the role and ends in "id". A file without a
 * header is one of interactions: the column of Unix times tells itself, the first two others are
 * user and item, as in MovieLens' u.data, and a third is the value. */
#include "import/guess.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "text/block.h"
#include "text/record.h"

enum { NAME_BYTES = 100, COLUMNS_MAX = 200 };

struct role {
    enum pz_table_id table;
    const char *name;
    bool needed;
    const char *names; /* separated by blanks, the surest first */
    const char *words; /* a name that has one of them and ends in "id" will do */
};

#define USER_NAMES                                                                              \
    "userid user customerid reviewerid visitorid userpseudoid memberid clientid uid accountid " \
    "personid shopperid profileid playerid readerid authorid customer visitor reviewer member " \
    "client fullvisitorid deviceid anonymousid sessionid session"
#define ITEM_NAMES                                                                            \
    "itemid item movieid productid asin parentasin sku articleid trackid songid bookid isbn " \
    "businessid videoid newsid gameid courseid recipeid contentid showid animeid artistid "   \
    "stockcode productcode product movie article book track id"

static const struct role roles[] = {
    { PZ_INTERACTIONS, "USER_ID", true, USER_NAMES,
      "user customer visitor reviewer member client" },
    { PZ_INTERACTIONS, "ITEM_ID", true, ITEM_NAMES,
      "item product movie article track book content" },
    { PZ_INTERACTIONS, "TIMESTAMP", false,
      "timestamp eventtime eventtimestamp unixreviewtime unixtimestamp time datetime ts createdat "
      "orderdate invoicedate purchasedate eventdate reviewtime reviewdate date created visittime "
      "sentat updatedat",
      NULL },
    { PZ_INTERACTIONS, "EVENT_TYPE", false, "eventtype event eventname action behavior behaviour",
      NULL },
    { PZ_INTERACTIONS, "EVENT_VALUE", false, "eventvalue rating stars overall score ratingvalue",
      NULL },
    { PZ_ITEMS, "ITEM_ID", true, ITEM_NAMES, "item product movie article track book content" },
    { PZ_ITEMS, "CREATION_TIMESTAMP", false, "creationtimestamp", NULL },
    { PZ_USERS, "USER_ID", true, USER_NAMES " id", "user customer visitor reviewer member client" },
};

/* Letters and digits of a name in lower case, without a type hung on it. */
static void plain_name(const char *name, char *out)
{
    size_t n = strcspn(name, ":"), k = 0, len = strlen(name);

    /* Elasticsearch's twin of a text field. */
    if (len > 8 && strcmp(name + len - 8, ".keyword") == 0)
        n = len - 8;
    for (size_t i = 0; i < n && k + 1 < NAME_BYTES; i++)
        if (isalnum((unsigned char)name[i]))
            out[k++] = (char)tolower((unsigned char)name[i]);
    out[k] = '\0';
}

/* The column whose plain name is word[n], or SIZE_MAX. */
static size_t find_name(char *const *names, size_t n_names, const char *word, size_t n)
{
    char plain[NAME_BYTES];

    for (size_t i = 0; i < n_names; i++) {
        plain_name(names[i], plain);
        if (strlen(plain) == n && memcmp(plain, word, n) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* A column that has the word in its name and ends in "id". */
static size_t find_word(char *const *names, size_t n_names, const char *word, size_t n)
{
    char plain[NAME_BYTES];

    for (size_t i = 0; i < n_names; i++) {
        size_t len;

        plain_name(names[i], plain);
        len = strlen(plain);
        if (len > 2 && strcmp(plain + len - 2, "id") == 0 && memmem(plain, len, word, n))
            return i;
    }
    return SIZE_MAX;
}

static size_t find_first(char *const *names, size_t n_names, const char *list,
                         size_t (*find)(char *const *, size_t, const char *, size_t))
{
    for (const char *s = list; s && *s;) {
        size_t n = strcspn(s, " "), at = find(names, n_names, s, n);

        if (at != SIZE_MAX)
            return at;
        s += n + (s[n] == ' ');
    }
    return SIZE_MAX;
}

/* Whether the file or the command line gives the role a column already. */
static bool is_known(const struct pz_import_cfg *cfg, const struct role *role, char *const *names,
                     size_t n)
{
    size_t len = strlen(role->name);

    for (size_t i = 0; i < cfg->map.n; i++)
        if (strncasecmp(cfg->map.v[i], role->name, len) == 0 && cfg->map.v[i][len] == '=')
            return true;
    for (size_t i = 0; i < n; i++)
        if (pz_str_same_name(names[i], role->name))
            return true;
    return false;
}

static bool add_pair(const struct role *role, const char *column, struct pz_arena *arena,
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

static enum pz_status refuse(const char *file, const struct role *role, char *const *names,
                             size_t n, struct pz_err *err)
{
    struct pz_str have = { 0 };

    for (size_t i = 0; i < n; i++)
        pz_str_addf(&have, "%s%s", i ? ", " : "", names[i]);
    pz_err_set(err, PZ_BAD_DATA,
               "%s: no column is recognised as %s; the file has: %.300s; say --map %s=COLUMN", file,
               role->name, have.data ? have.data : "", role->name);
    pz_str_clear(&have);
    return PZ_BAD_DATA;
}

static enum pz_status guess_names(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                  const char *file, char *const *names, size_t n,
                                  struct pz_arena *arena, struct pz_guess *guess,
                                  struct pz_err *err)
{
    for (size_t k = 0; k < sizeof roles / sizeof *roles; k++) {
        const struct role *role = &roles[k];
        size_t at;

        if (role->table != table || is_known(cfg, role, names, n))
            continue;
        at = find_first(names, n, role->names, find_name);
        if (at == SIZE_MAX)
            at = find_first(names, n, role->words, find_word);
        if (at == SIZE_MAX && role->needed)
            return refuse(file, role, names, n, err);
        if (at == SIZE_MAX && strcmp(role->name, "TIMESTAMP") == 0)
            guess->no_time = true;
        /* A name with a comma could not be said in --map. */
        else if (at != SIZE_MAX && !strchr(names[at], ',') &&
                 !add_pair(role, names[at], arena, guess))
            return pz_err_memory(err, "names", 1e4);
    }
    return PZ_OK;
}

bool pz_guess_is_data(char *const *cells, size_t n)
{
    size_t numbers = 0;
    enum pz_time_form form;
    double x;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(cells[i]);
        bool number = pz_str_to_double(cells[i], len, &x);

        numbers += number ||
                   (n == 1 && strchr(cells[i], ' ') && strspn(cells[i], "0123456789. ") == len);
        if (!number && pz_time_guess(cells[i], len, &form))
            return true;
    }
    /* A header of numbers is rare, a first row without any too. */
    return n > 0 && numbers * 2 >= n;
}

void pz_guess_header(char *const *cells, size_t n, struct pz_str *out, bool *no_time)
{
    static const char *const order[] = { "USER_ID", "ITEM_ID", "EVENT_VALUE" };
    enum pz_time_form form;
    size_t next = 0;

    *no_time = true;
    for (size_t i = 0; i < n; i++) {
        double x = 0;
        size_t len = strlen(cells[i]);
        bool number = pz_str_to_double(cells[i], len, &x);
        bool time = *no_time && i >= 2 &&
                    /* 1985: larger than the ids of most files, smaller than any time of interest.
                     */
                    (number ? x >= 5e8 : pz_time_guess(cells[i], len, &form));

        if (time)
            pz_str_addf(out, "%sTIMESTAMP", i ? "," : "");
        else if (next < 3)
            pz_str_addf(out, "%s%s", i ? "," : "", order[next++]);
        else
            pz_str_addf(out, "%sCOLUMN_%zu", i ? "," : "", i + 1);
        *no_time = *no_time && !time;
    }
}

static enum pz_status guess_header(char *const *cells, size_t n, struct pz_arena *arena,
                                   struct pz_guess *guess, struct pz_err *err)
{
    struct pz_str header = { 0 };

    pz_guess_header(cells, n, &header, &guess->no_time);
    guess->header = header.failed ? NULL : pz_arena_strndup(arena, header.data, header.len);
    pz_str_clear(&header);
    return guess->header ? PZ_OK : pz_err_memory(err, "names", 1e4);
}

/* The keys of the first object of a JSON Lines file, those of objects inside as user.id. */
struct keys {
    char *name[COLUMNS_MAX]; /* owned */
    size_t n;
};

static size_t first_slot(void *context, const char *key, bool inside)
{
    struct keys *keys = context;

    (void)inside;
    if (keys->n < COLUMNS_MAX) {
        char *copy = pz_mem_strndup(key, strlen(key));

        if (copy)
            keys->name[keys->n++] = copy;
    }
    return SIZE_MAX;
}

static enum pz_status guess_json(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                 const char *file, struct pz_blocks_in *in, struct pz_arena *arena,
                                 struct pz_guess *guess, struct pz_err *err)
{
    struct keys keys = { .n = 0 };
    struct pz_jsonl_reader r;
    struct pz_row row;
    const char *text;
    size_t n;
    enum pz_status st = pz_blocks_peek(in, &text, &n, err);

    pz_jsonl_init(&r, first_slot, &keys);
    if (st == PZ_OK) {
        pz_jsonl_start(&r, text, n);
        pz_jsonl_next(&r, &row);
        st = guess_names(cfg, table, file, keys.name, keys.n, arena, guess, err);
    }
    pz_jsonl_clear(&r);
    for (size_t i = 0; i < keys.n; i++)
        free(keys.name[i]);
    return st;
}

static enum pz_status guess_table(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                  struct pz_arena *arena, struct pz_guess *guess,
                                  struct pz_err *err)
{
    const char *file = cfg->files[table].v[0];
    struct pz_blocks_in *in = NULL;
    const struct pz_text_head *head;
    enum pz_status st;

    if (strcmp(file, "-") == 0)
        return pz_err_set(err, PZ_USAGE, "--guess looks at a file twice; standard input cannot be");
    st = pz_blocks_open(file, &cfg->text, &in, err);
    if (st != PZ_OK)
        return st;
    head = pz_blocks_head(in);
    if (head->json)
        st = guess_json(cfg, table, file, in, arena, guess, err);
    else if (table == PZ_INTERACTIONS && !cfg->text.header && head->n >= 2 &&
             pz_guess_is_data(head->name, head->n))
        st = guess_header(head->name, head->n, arena, guess, err);
    else
        st = guess_names(cfg, table, file, head->name, head->n, arena, guess, err);
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
