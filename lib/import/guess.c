/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing columns: see guess.h.
 *
 * Names are compared as letters and digits only, without the types that RecBole and Elasticsearch
 * hang on them ("user_id:token", "userId.keyword") or Google puts in front ("ga:clientId"), and
 * inside objects also without the objects ("_source.user_id"). For each role a list of names is
 * tried, the surest first; then any name that ends in a word of the role and "id"; for the time,
 * any column that holds times. The first rows have a say: a column is taken only where it holds
 * something, a time where it holds times, a value where it holds numbers.
 *
 * A file without a header is one of interactions: times tell themselves, the first two others are
 * user and item, as in MovieLens' u.data, and a third is the value if it is a small number. */
#include "import/guess.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "base/time.h"
#include "import/cell.h"
#include "import/json_form.h"
#include "text/block.h"
#include "text/record.h"

enum { NAME_BYTES = 100, COLUMNS_MAX = 200, LOOK_ROWS = 200 };

struct role {
    enum pz_table_id table;
    const char *name;
    bool needed;
    const char *names; /* separated by blanks, the surest first */
    const char *words; /* a name that ends in one of them and "id" will do */
};

#define USER_NAMES                                                                                \
    "userid user customerid customeruserid reviewerid visitorid userpseudoid memberid clientid "  \
    "uid accountid personid shopperid profileid playerid readerid authorid subscriberid buyerid " \
    "msno customer visitor reviewer member client buyer username fullvisitorid domainuserid "     \
    "distinctid deviceid anonymousid cookieid customeremail billingemail email emailaddress "     \
    "sessionid session"
#define ITEM_NAMES                                                                              \
    "itemid item movieid productid asin parentasin sku productsku lineitemsku skuid articleid " \
    "trackid songid bookid isbn businessid videoid newsid gameid courseid recipeid contentid "  \
    "showid animeid artistid venueid placeid poiid locationid restaurantid hotelid listingid "  \
    "jobid goodsid adid postid docid stockcode productcode product movie article book track "   \
    "song artist lineitemname productname"
#define TIME_NAMES                                                                                \
    "timestamp eventtime eventtimestamp unixreviewtime unixtimestamp datetime time ts createdat " \
    "orderdate invoicedate purchasedate eventdate reviewtime reviewdate date created visittime "  \
    "sentat updatedat timestampms timestampmillis unixtime epoch purchasedat orderedat paidat "   \
    "playedat watchedat viewedat transactiondate saledate dateadded dateread dateofpurchase "     \
    "datehourminute datehour clienteventtime collectortstamp tstamp createddate"

#define USER_WORDS "user customer visitor reviewer member client buyer"
#define ITEM_WORDS "item product movie article track book content song artist video game listing"

static const struct role roles[] = {
    { PZ_INTERACTIONS, "USER_ID", true, USER_NAMES, USER_WORDS },
    { PZ_INTERACTIONS, "ITEM_ID", true, ITEM_NAMES, ITEM_WORDS },
    { PZ_INTERACTIONS, "TIMESTAMP", false, TIME_NAMES, NULL },
    { PZ_INTERACTIONS, "EVENT_TYPE", false, "eventtype event eventname action behavior behaviour",
      NULL },
    { PZ_INTERACTIONS, "EVENT_VALUE", false, "eventvalue rating stars overall score ratingvalue",
      NULL },
    { PZ_ITEMS, "ITEM_ID", true, ITEM_NAMES " id", ITEM_WORDS },
    { PZ_ITEMS, "CREATION_TIMESTAMP", false, "creationtimestamp", NULL },
    { PZ_USERS, "USER_ID", true, USER_NAMES " id", USER_WORDS },
};

/* What is known of a table before its rows are read. */
struct look {
    char *const *name;  /* [n] */
    char *const *value; /* [n] the first cell of the column that holds something, NULL: none does;
                          * NULL: nobody has looked */
    size_t n;
    bool any_time;           /* --time-format says what a time is */
    bool taken[COLUMNS_MAX]; /* a role has the column */
};

/* Letters and digits of a name in lower case, without a type hung on it. */
static void plain_name(const char *name, char *out)
{
    size_t n, k = 0, len = strlen(name);

    if (strncasecmp(name, "ga:", 3) == 0)
        name += 3;
    n = strcspn(name, ":");
    /* Elasticsearch's twin of a text field. */
    if (len > 8 && strcmp(name + len - 8, ".keyword") == 0)
        n = len - 8;
    for (size_t i = 0; i < n && k + 1 < NAME_BYTES; i++)
        if (isalnum((unsigned char)name[i]))
            out[k++] = (char)tolower((unsigned char)name[i]);
    out[k] = '\0';
}

/* A key of JSON under which objects stand in an array. */
static bool is_array(const char *name)
{
    size_t n = strlen(name);

    return n > 2 && strcmp(name + n - 2, "[]") == 0;
}

/* Whether a column may be asked: it exists, is free, and holds something. */
static bool is_open(const struct look *look, size_t i)
{
    return i < COLUMNS_MAX && !look->taken[i] && (!look->value || look->value[i]) &&
           !is_array(look->name[i]);
}

static bool is_named(const char *name, const char *word, size_t n)
{
    char plain[NAME_BYTES];

    plain_name(name, plain);
    return strlen(plain) == n && memcmp(plain, word, n) == 0;
}

/* The column whose plain name is word[n], with or without the objects it is in, or SIZE_MAX. */
static size_t find_name(const struct look *look, const char *word, size_t n)
{
    for (size_t i = 0; i < look->n; i++)
        if (is_open(look, i) && is_named(look->name[i], word, n))
            return i;
    for (size_t i = 0; i < look->n && n > 2; i++) {
        const char *leaf = strrchr(look->name[i], '.');

        if (leaf && is_open(look, i) && is_named(leaf + 1, word, n))
            return i;
    }
    return SIZE_MAX;
}

/* Whether a name ends in the word and "id", and the word begins there: main_product_id and
 * mainProductId, but not facebook_id. */
static bool ends_in(const char *name, const char *word, size_t n)
{
    char plain[NAME_BYTES];
    size_t len, found = 0;

    plain_name(name, plain);
    len = strlen(plain);
    if (len < n + 2 || memcmp(plain + len - n - 2, word, n) != 0 ||
        strcmp(plain + len - 2, "id") != 0)
        return false;
    for (size_t i = 0; name[i]; i++)
        found = strncasecmp(name + i, word, n) == 0 ? i : found;
    return found == 0 || !islower((unsigned char)name[found - 1]) ||
           isupper((unsigned char)name[found]);
}

/* A column that is called word id, with more in front. */
static size_t find_word(const struct look *look, const char *word, size_t n)
{
    for (size_t i = 0; i < look->n; i++)
        if (is_open(look, i) && ends_in(look->name[i], word, n))
            return i;
    return SIZE_MAX;
}

/* ---- what a cell says ---- */

/* Earlier than any time of interest (1985), later than the ids of most files. */
static const double SOME_TIME = 5e8;

/* Whether a cell is a time; named: its column is called so. */
static bool is_time(const char *cell, bool named)
{
    size_t n = strlen(cell);
    enum pz_time_form form;
    double x;

    if (pz_str_to_double(cell, n, &x))
        return named || x >= SOME_TIME;
    return pz_time_guess(cell, n, &form) || (named && pz_time_orders(cell, n) != 0);
}

/* 07:01:00, without a date. */
static bool is_clock(const char *cell)
{
    return strlen(cell) >= 4 && strspn(cell, "0123456789:. ") == strlen(cell) &&
           strchr(cell, ':') != NULL;
}

static bool is_value(const char *cell)
{
    double x;

    return pz_cell_number(cell, strlen(cell), true, &x);
}

static bool suits(const struct look *look, const struct role *role, size_t i)
{
    const char *cell = look->value ? look->value[i] : NULL;

    if (!cell)
        return true;
    if (strcmp(role->name, "TIMESTAMP") == 0)
        return look->any_time || is_time(cell, true);
    return strcmp(role->name, "EVENT_VALUE") != 0 || is_value(cell);
}

static size_t find_first(const struct look *look, const struct role *role, const char *list,
                         size_t (*find)(const struct look *, const char *, size_t))
{
    for (const char *s = list; s && *s;) {
        size_t n = strcspn(s, " "), at = find(look, s, n);

        if (at != SIZE_MAX && suits(look, role, at))
            return at;
        s += n + (s[n] == ' ');
    }
    return SIZE_MAX;
}

/* Times of the user or the item rather than of what they do. */
static bool is_of_something(const char *plain)
{
    static const char *const words[] = { "birth",  "dob",    "release", "publish", "expir",
                                         "valid",  "until",  "since",   "join",    "signup",
                                         "regist", "member", "due",     "launch",  "deliver" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(plain, words[i]))
            return true;
    return false;
}

/* Any column of times; numbers only under a name that speaks of them. */
static size_t find_times(const struct look *look)
{
    for (size_t i = 0; look->value && i < look->n; i++) {
        char plain[NAME_BYTES];
        double x;

        if (!is_open(look, i) || !is_time(look->value[i], false))
            continue;
        plain_name(look->name[i], plain);
        if (is_of_something(plain))
            continue;
        if (!pz_str_to_double(look->value[i], strlen(look->value[i]), &x) ||
            strstr(plain, "time") || strstr(plain, "date") || strstr(plain, "stamp"))
            return i;
    }
    return SIZE_MAX;
}

static size_t find_column(const struct look *look, const struct role *role)
{
    size_t at = find_first(look, role, role->names, find_name);

    if (at == SIZE_MAX)
        at = find_first(look, role, role->words, find_word);
    return at == SIZE_MAX && strcmp(role->name, "TIMESTAMP") == 0 ? find_times(look) : at;
}

/* ---- the roles of a table ---- */

/* Whether the command line gives the role a column already, which is taken then. */
static bool is_mapped(const struct pz_strs *map, const struct role *role, struct look *look)
{
    size_t len = strlen(role->name);
    bool found = false;

    for (size_t i = 0; i < map->n; i++)
        if (strncasecmp(map->v[i], role->name, len) == 0 && map->v[i][len] == '=') {
            found = true;
            for (size_t k = 0; k < look->n && k < COLUMNS_MAX; k++)
                look->taken[k] |= strcmp(look->name[k], map->v[i] + len + 1) == 0;
        }
    return found;
}

/* The column that is called as the role is, or SIZE_MAX. */
static size_t find_own(const struct look *look, const struct role *role)
{
    for (size_t i = 0; i < look->n && i < COLUMNS_MAX; i++)
        if (pz_str_same_name(look->name[i], role->name))
            return i;
    return SIZE_MAX;
}

/* Which column has the role: SIZE_MAX none. *own: no option has to say it. */
static size_t choose(const struct pz_strs *map, const struct role *role, struct look *look,
                     bool *own)
{
    size_t at = find_own(look, role), other;
    bool mapped = is_mapped(map, role, look);

    *own = mapped || at != SIZE_MAX;
    if (at == SIZE_MAX || mapped || (is_open(look, at) && suits(look, role, at)))
        return *own ? at : find_column(look, role);
    /* There is one, but nothing in it: what else is there? */
    other = find_column(look, role);
    *own = other == SIZE_MAX;
    return *own ? at : other;
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

/* ---- when a role has no column ---- */

/* A header of one name may be several between bytes that are no usual delimiter. */
static void add_delimiter(const char *name, struct pz_str *out)
{
    static const struct {
        char byte;
        const char *typed;
    } delimiter[] = { { '^', "'^'" }, { '~', "'~'" }, { '\x01', "$'\\001'" } };

    for (size_t i = 0; i < sizeof delimiter / sizeof *delimiter; i++)
        if (strchr(name, delimiter[i].byte)) {
            pz_str_addf(out, "say --delimiter %s", delimiter[i].typed);
            return;
        }
    if (strchr(name, ':'))
        pz_str_adds(out, "put commas between the columns: tr ':' ',' < FILE > rows.csv");
    else if (strstr(name, "  "))
        pz_str_adds(out, "the columns stand under each other, put commas between them: sed -E "
                         "'s/^ +| +$//g; s/[ \t]+/,/g' FILE > rows.csv");
    else if (strchr(name, ' '))
        pz_str_adds(out, "say --delimiter ' '");
}

/* Rows of orders have no user. */
static const char *find_order(const struct look *look)
{
    static const char *const words[] = { "orderid",       "invoiceno", "invoice",
                                         "transactionid", "basketid",  "ordernumber" };

    for (size_t i = 0; i < look->n; i++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (is_named(look->name[i], words[k], strlen(words[k])))
                return look->name[i];
    return NULL;
}

/* An array of objects, rather one of items than another. */
static const char *find_array(const struct look *look)
{
    const char *found = NULL;

    for (size_t i = 0; i < look->n; i++) {
        const char *name = look->name[i];

        if (is_array(name) && (!found || strcasestr(name, "item") || strcasestr(name, "product")))
            found = name;
    }
    return found;
}

void pz_guess_advise(enum pz_table_id table, const char *role, char *const *names, size_t n,
                     struct pz_str *out)
{
    struct look look = { .name = names, .n = n };
    const char *order = find_order(&look), *array = find_array(&look);
    bool none = true;

    for (size_t k = 0; k < sizeof roles / sizeof *roles; k++)
        none &= roles[k].table != table || !roles[k].needed ||
                find_column(&look, &roles[k]) == SIZE_MAX;
    if (n == 1)
        add_delimiter(names[0], out);
    if (out->len > 0)
        return;
    pz_str_addf(out, "say --map %s=COLUMN", role);
    if (strcmp(role, "ITEM_ID") == 0 && array)
        pz_str_addf(out,
                    ", or make a row of each element of %s: jq -c '. as $r | .%s | $r + .' FILE "
                    "> rows.jsonl",
                    array, array);
    else if (strcmp(role, "USER_ID") == 0 && order)
        pz_str_addf(out,
                    ", or --map USER_ID=%s, which takes each for a user, or join the table "
                    "that has the users",
                    order);
    else if (table == PZ_INTERACTIONS && none && n >= 2)
        pz_str_adds(out,
                    ", or, if the first line is data, --header USER_ID,ITEM_ID,... with a name "
                    "for each column");
    else if (strcmp(role, "ITEM_ID") == 0 && table == PZ_INTERACTIONS && n > 10)
        pz_str_adds(out,
                    ", or, if every column is an item: awk -F, 'NR == 1 { split($0, h); print "
                    "\"USER_ID,ITEM_ID,EVENT_VALUE\"; next } { for (i = 2; i <= NF; i++) if ($i "
                    "!= \"\") print $1 \",\" h[i] \",\" $i }' FILE > rows.csv");
}

static enum pz_status refuse(const char *file, const struct role *role, const struct look *look,
                             struct pz_err *err)
{
    struct pz_str have = { 0 }, advice = { 0 };

    for (size_t i = 0; i < look->n; i++)
        pz_str_addf(&have, "%s%s", i ? ", " : "", look->name[i]);
    pz_guess_advise(role->table, role->name, look->name, look->n, &advice);
    pz_err_set(err, PZ_BAD_DATA, "%s: no column is recognised as %s; the file has: %.300s; %s",
               file, role->name, have.data ? have.data : "", advice.data ? advice.data : "");
    pz_str_clear(&have);
    pz_str_clear(&advice);
    return PZ_BAD_DATA;
}

/* The day in one column and the clock in another: without the clock a day has no order. */
static enum pz_status check_clock(const char *file, const struct look *look, size_t time,
                                  struct pz_err *err)
{
    if (!look->value || !look->value[time] || strchr(look->value[time], ':') ||
        is_value(look->value[time]))
        return PZ_OK;
    for (size_t i = 0; i < look->n && i < COLUMNS_MAX; i++)
        if (look->value[i] && is_clock(look->value[i]) && !look->taken[i])
            return pz_err_set(
                err, PZ_BAD_DATA,
                "%s: \"%.60s\" has the day and \"%.60s\" the clock; join them: awk -F, "
                "'NR == 1 { print $0 \",datetime\"; next } { print $0 \",\" $%zu \" \" "
                "$%zu }' %s > rows.csv, or leave the clock away: --map TIMESTAMP=%.60s",
                file, look->name[time], look->name[i], time + 1, i + 1, file, look->name[time]);
    return PZ_OK;
}

/* A column that is called a time and holds something else: the order of rows is no answer. */
static enum pz_status check_times(const char *file, const struct role *role,
                                  const struct look *look, struct pz_err *err)
{
    for (const char *s = role->names; look->value && *s;) {
        size_t n = strcspn(s, " "), at = find_name(look, s, n);

        if (at != SIZE_MAX)
            return pz_err_set(err, PZ_BAD_DATA,
                              "%s: \"%.60s\" holds no times that are known (\"%.60s\"): say --map "
                              "TIMESTAMP=%.60s --time-format FORMAT (strptime(3)), or --no-time to "
                              "take the order of rows",
                              file, look->name[at], look->value[at], look->name[at]);
        s += n + (s[n] == ' ');
    }
    return PZ_OK;
}

static enum pz_status guess_names(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                  const char *file, struct look *look, struct pz_arena *arena,
                                  struct pz_guess *guess, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t k = 0; k < sizeof roles / sizeof *roles && st == PZ_OK; k++) {
        const struct role *role = &roles[k];
        bool own, time = strcmp(role->name, "TIMESTAMP") == 0;
        size_t at;

        if (role->table != table)
            continue;
        at = choose(&cfg->map, role, look, &own);
        if (at == SIZE_MAX && !own && role->needed)
            return refuse(file, role, look, err);
        if (at != SIZE_MAX)
            look->taken[at] = true;
        if (own)
            continue;
        if (at == SIZE_MAX && time && !cfg->no_time)
            st = check_times(file, role, look, err);
        guess->no_time |= at == SIZE_MAX && time;
        if (at != SIZE_MAX && time)
            st = check_clock(file, look, at, err);
        /* A name with a comma could not be said in --map. */
        if (st == PZ_OK && at != SIZE_MAX && !strchr(look->name[at], ',') &&
            !add_pair(role, look->name[at], arena, guess))
            st = pz_err_memory(err, "names", 1e4);
    }
    return st;
}

bool pz_guess_map(enum pz_table_id table, const struct pz_strs *map, char *const *names, size_t n,
                  struct pz_str *out)
{
    struct look look = { .name = names, .n = n };
    bool all = true, any = false;

    for (size_t k = 0; k < sizeof roles / sizeof *roles && all; k++) {
        bool own;
        size_t at;

        if (roles[k].table != table)
            continue;
        at = choose(map, &roles[k], &look, &own);
        all = at != SIZE_MAX || own || !roles[k].needed;
        if (at != SIZE_MAX)
            look.taken[at] = true;
        if (own || at == SIZE_MAX || strchr(names[at], ','))
            continue;
        pz_str_addf(out, "%s%s=%s", any ? "," : "", roles[k].name, names[at]);
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

/* An id: no fraction, no blanks, not empty. */
static bool is_id(const char *cell)
{
    double x;

    return *cell &&
           !(is_value(cell) && strchr(cell, '.') && pz_str_to_double(cell, strlen(cell), &x));
}

/* Ratings and counts of plays; larger numbers are ids and prices. */
static bool is_small(const char *cell)
{
    double x;

    return pz_cell_is_null(NULL, cell, strlen(cell)) ||
           (pz_str_to_double(cell, strlen(cell), &x) && x > -1000 && x < 1000);
}

void pz_guess_header(char *const *cells, size_t n, struct pz_str *out, bool *no_time)
{
    size_t next = 0;

    *no_time = true;
    for (size_t i = 0; i < n; i++) {
        double x;
        bool number = pz_str_to_double(cells[i], strlen(cells[i]), &x);
        /* A number in front is an id, however large. */
        bool time = *no_time && (i >= 2 || !number) && is_time(cells[i], false);
        bool takes = next < 2 ? is_id(cells[i]) : next == 2 && is_small(cells[i]);

        if (time)
            pz_str_addf(out, "%sTIMESTAMP", i ? "," : "");
        else if (takes)
            pz_str_addf(out, "%s%s", i ? "," : "",
                        next == 0   ? "USER_ID"
                        : next == 1 ? "ITEM_ID"
                                    : "EVENT_VALUE");
        else
            pz_str_addf(out, "%sCOLUMN_%zu", i ? "," : "", i + 1);
        next += !time && (takes || next == 2);
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

/* ---- the first rows ---- */

/* The columns of a file and what they hold. JSON: the keys of the first rows, those of objects
 * inside as user.id. */
struct columns {
    char *name[COLUMNS_MAX];  /* owned where keys is set */
    char *value[COLUMNS_MAX]; /* owned */
    size_t n;
    bool keys;
};

static size_t key_slot(void *context, const char *key, bool inside)
{
    struct columns *c = context;

    (void)inside;
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->name[i], key) == 0)
            return i;
    if (c->n == COLUMNS_MAX || !(c->name[c->n] = pz_mem_strndup(key, strlen(key))))
        return SIZE_MAX;
    return c->n++;
}

/* Keep the first cell of each column that holds something. */
static void keep_values(struct columns *c, const struct pz_row *row)
{
    for (size_t i = 0; i < row->n_cells && i < COLUMNS_MAX && !row->bad; i++)
        if (!c->value[i] && row->cell[i].n > 0 &&
            !pz_cell_is_null(NULL, row->cell[i].s, row->cell[i].n))
            c->value[i] = pz_mem_strndup(row->cell[i].s, row->cell[i].n);
}

static void clear_columns(struct columns *c)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        free(c->value[i]);
        if (c->keys)
            free(c->name[i]);
    }
}

static enum pz_status look_at_json(const char *file, const char *text, size_t n, struct columns *c,
                                   struct pz_err *err)
{
    struct pz_jsonl_reader r;
    struct pz_row row;
    enum pz_status st = pz_json_form_check(file, text, n, err);

    c->keys = true;
    pz_jsonl_init(&r, key_slot, c);
    pz_jsonl_start(&r, text, n);
    for (int k = 0; k < LOOK_ROWS && st == PZ_OK && pz_jsonl_next(&r, &row); k++) {
        keep_values(c, &row);
        if (k == 0 && row.bad)
            st = pz_err_set(err, PZ_BAD_DATA, "%s:1: %s", file, row.bad);
    }
    pz_jsonl_clear(&r);
    return st;
}

static enum pz_status look_at_csv(const struct pz_text_head *head, const char *text, size_t n,
                                  struct columns *c, struct pz_err *err)
{
    struct pz_csv_reader r;
    struct pz_row row;
    bool good = pz_csv_init(&r, &head->form, head->n) && pz_csv_start(&r, text, n);

    c->n = head->n < COLUMNS_MAX ? head->n : COLUMNS_MAX;
    memcpy(c->name, head->name, c->n * sizeof *c->name);
    for (int k = 0; k < LOOK_ROWS && good && pz_csv_next(&r, &row); k++)
        keep_values(c, &row);
    pz_csv_clear(&r);
    return good ? PZ_OK : pz_err_memory(err, "a look at the rows", (double)n);
}

static enum pz_status guess_open(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                 const char *file, struct pz_blocks_in *in, struct pz_arena *arena,
                                 struct pz_guess *guess, struct pz_err *err)
{
    const struct pz_text_head *head = pz_blocks_head(in);
    struct columns c = { .n = 0 };
    struct look look = { .name = c.name, .value = c.value, .any_time = cfg->time_format != NULL };
    const char *text;
    size_t n;
    enum pz_status st = pz_blocks_peek(in, &text, &n, err);

    if (table == PZ_INTERACTIONS && !head->json && !cfg->text.header && head->n >= 2 &&
        pz_guess_is_data(head->name, head->n))
        return guess_header(head->name, head->n, arena, guess, err);
    if (st == PZ_BAD_DATA && head->json && pz_json_form_check(file, text, n, err) != PZ_OK)
        return PZ_BAD_DATA;
    if (st == PZ_OK)
        st = head->json ? look_at_json(file, text, n, &c, err)
                        : look_at_csv(head, text, n, &c, err);
    look.n = c.n;
    if (n == 0)
        look.value = NULL; /* a header and no rows, as the reader will say */
    if (st == PZ_OK)
        st = guess_names(cfg, table, file, &look, arena, guess, err);
    clear_columns(&c);
    return st;
}

static enum pz_status guess_table(const struct pz_import_cfg *cfg, enum pz_table_id table,
                                  struct pz_arena *arena, struct pz_guess *guess,
                                  struct pz_err *err)
{
    const char *file = cfg->files[table].v[0];
    struct pz_blocks_in *in = NULL;
    enum pz_status st;

    if (strcmp(file, "-") == 0)
        return pz_err_set(err, PZ_USAGE, "--guess looks at a file twice; standard input cannot be");
    st = pz_blocks_open(file, &cfg->text, &in, err);
    if (st == PZ_OK)
        st = guess_open(cfg, table, file, in, arena, guess, err);
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
