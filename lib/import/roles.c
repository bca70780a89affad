/* SPDX-License-Identifier: Apache-2.0 */
/* Roles of columns: see roles.h.
 *
 * Names are compared as letters and digits only, without the types that RecBole and Elasticsearch
 * hang on them ("user_id:token", "userId.keyword"), what Google puts in front ("ga:clientId") or
 * Stripe behind ("product_id (metadata)"), and inside objects also without the objects
 * ("_source.user_id"). For each role a list of names is tried, the surest first; then any name that
 * ends in a word of the role and "id"; for the time, any column that holds times. The first rows
 * have a say: a column is taken only where it holds something, a time where it holds times, a value
 * where it holds numbers, and one that is mostly empty only where no other will do. */
#include "import/roles.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "import/cell.h"

enum { NAME_BYTES = 100, MANY = 50 };

#define USER_NAMES                                                                               \
    "userid user customerid customeruserid customeruniqueid reviewerid visitorid userpseudoid "  \
    "memberid clientid uid accountid personid shopperid profileid playerid readerid authorid "   \
    "subscriberid buyerid msno householdkey householdid customerno customernumber customernr "   \
    "kundennummer kundennr kundenid idclient idcliente customer visitor reviewer member client " \
    "buyer buyerusername username fullvisitorid domainuserid distinctid deviceid anonymousid "   \
    "cookieid customeremail billingemail email emailaddress sessionid session"
#define ITEM_NAMES                                                                             \
    "itemid item iid movieid productid asin parentasin sku productsku lineitemsku skuid "      \
    "articleid itemnumber itemsku itemno productno articleno artikelnummer artikelnr "         \
    "produktid idproduit idproducto idprodotto trackid songid bookid isbn businessid videoid " \
    "newsid gameid appid aid courseid recipeid contentid showid animeid artistid venueid "     \
    "placeid poiid locationid restaurantid hotelid listingid jobid goodsid adid postid docid " \
    "stockcode productcode product movie article book track song artist trackname "            \
    "lineitemname productname"
/* Of several items in a cell. */
#define BASKET_NAMES                                                                         \
    "itemids items productids products productlist itemlist skus asins articleids articles " \
    "movieids bookids songids trackids basket basketitems cart cartitems lineitems orderitems"
#define TIME_NAMES                                                                                \
    "timestamp eventtime eventtimestamp unixreviewtime unixtimestamp datetime time ts createdat " \
    "orderdate invoicedate purchasedate eventdate reviewtime reviewdate date created visittime "  \
    "sentat updatedat timestampms timestampmillis unixtime epoch purchasedat orderedat paidat "   \
    "playedat watchedat viewedat transactiondate transactiondt saledate dateadded dateread "      \
    "dateofpurchase datehourminute datehour clienteventtime collectortstamp tstamp createddate"

#define USER_WORDS "user customer visitor reviewer member client buyer"
#define ITEM_WORDS "item product movie article track book content song artist video game listing"

const struct pz_guess_role pz_guess_roles[] = {
    { PZ_INTERACTIONS, "USER_ID", true, USER_NAMES, USER_WORDS },
    { PZ_INTERACTIONS, "ITEM_ID", true, ITEM_NAMES " " BASKET_NAMES, ITEM_WORDS },
    { PZ_INTERACTIONS, "TIMESTAMP", false, TIME_NAMES, NULL },
    { PZ_INTERACTIONS, "EVENT_TYPE", false,
      "eventtype event eventname action behavior behaviour type", NULL },
    { PZ_INTERACTIONS, "EVENT_VALUE", false, "eventvalue rating stars overall score ratingvalue",
      NULL },
    { PZ_ITEMS, "ITEM_ID", true, ITEM_NAMES " id", ITEM_WORDS },
    { PZ_ITEMS, "CREATION_TIMESTAMP", false, "creationtimestamp", NULL },
    { PZ_USERS, "USER_ID", true, USER_NAMES " id", USER_WORDS },
};
const size_t pz_n_guess_roles = sizeof pz_guess_roles / sizeof *pz_guess_roles;

struct pz_candidates pz_candidates_of(const struct pz_look *look)
{
    return (struct pz_candidates){ .name = look->name,
                                   .seen = look->rows > 0 ? look->seen : NULL,
                                   .n = look->n,
                                   .rows = look->rows };
}

/* ---- names ---- */

/* Letters and digits of a name in lower case, without a type hung on it. */
static void plain_name(const char *name, char *out)
{
    const char *behind = strstr(name, " (");
    size_t n, k = 0, len = strlen(name);

    if (strncasecmp(name, "ga:", 3) == 0)
        name += 3;
    n = strcspn(name, ":");
    if (behind && behind > name && (size_t)(behind - name) < n)
        n = (size_t)(behind - name);
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

bool pz_role_open(const struct pz_candidates *c, size_t i)
{
    return i < PZ_LOOK_COLUMNS && !c->taken[i] && (!c->seen || c->seen[i].value) &&
           !is_array(c->name[i]);
}

static bool is_named(const char *name, const char *word, size_t n)
{
    char plain[NAME_BYTES];

    plain_name(name, plain);
    return strlen(plain) == n && memcmp(plain, word, n) == 0;
}

/* Whether a plain name is one of a list. */
static bool is_listed(const char *plain, const char *list)
{
    for (const char *s = list; *s;) {
        size_t n = strcspn(s, " ");

        if (strlen(plain) == n && memcmp(plain, s, n) == 0)
            return true;
        s += n + (s[n] == ' ');
    }
    return false;
}

bool pz_role_is_name(const char *name)
{
    char plain[NAME_BYTES];

    plain_name(name, plain);
    return is_listed(plain, USER_NAMES) || is_listed(plain, ITEM_NAMES) ||
           is_listed(plain, BASKET_NAMES) || is_listed(plain, TIME_NAMES);
}

size_t pz_role_find_name(const struct pz_candidates *c, const char *word, size_t n)
{
    for (size_t i = 0; i < c->n; i++)
        if (pz_role_open(c, i) && is_named(c->name[i], word, n))
            return i;
    for (size_t i = 0; i < c->n && n > 2; i++) {
        const char *leaf = strrchr(c->name[i], '.');

        if (leaf && pz_role_open(c, i) && is_named(leaf + 1, word, n))
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
static size_t find_word(const struct pz_candidates *c, const char *word, size_t n)
{
    for (size_t i = 0; i < c->n; i++)
        if (pz_role_open(c, i) && ends_in(c->name[i], word, n))
            return i;
    return SIZE_MAX;
}

/* ---- what the rows say ---- */

static bool is_time_role(const struct pz_guess_role *role)
{
    return strcmp(role->name, "TIMESTAMP") == 0;
}

bool pz_role_suits(const struct pz_candidates *c, const struct pz_guess_role *role, size_t i)
{
    const char *cell = c->seen ? c->seen[i].value : NULL;
    double x;

    if (!cell)
        return true;
    if (is_time_role(role))
        return c->any_time || pz_look_is_time(cell, true);
    /* One word in all rows is the name of an application or a site. */
    if (strcmp(role->name, "ITEM_ID") == 0 && c->rows >= MANY)
        return c->seen[i].same < c->seen[i].filled || c->seen[i].numbers > 0;
    return strcmp(role->name, "EVENT_VALUE") != 0 || pz_cell_number(cell, strlen(cell), true, &x);
}

bool pz_role_filled(const struct pz_candidates *c, size_t i)
{
    return !c->seen || c->seen[i].filled * 2 >= c->rows;
}

/* The first name of a list that is there; rather one whose column is filled. */
static size_t find_first(const struct pz_candidates *c, const struct pz_guess_role *role,
                         const char *list,
                         size_t (*find)(const struct pz_candidates *, const char *, size_t))
{
    size_t sparse = SIZE_MAX;

    for (const char *s = list; s && *s;) {
        size_t n = strcspn(s, " "), at = find(c, s, n);

        if (at != SIZE_MAX && pz_role_suits(c, role, at)) {
            if (pz_role_filled(c, at))
                return at;
            sparse = sparse == SIZE_MAX ? at : sparse;
        }
        s += n + (s[n] == ' ');
    }
    return sparse;
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

/* Any column of times; numbers, and dates that could be two, only under a name that speaks of them.
 */
static size_t find_times(const struct pz_candidates *c)
{
    for (size_t i = 0; c->seen && i < c->n; i++) {
        char plain[NAME_BYTES];
        const char *value = c->seen[i].value;
        bool speaks, number;
        double x;

        plain_name(c->name[i], plain);
        if (!pz_role_open(c, i) || is_of_something(plain))
            continue;
        speaks = strstr(plain, "time") || strstr(plain, "date") || strstr(plain, "stamp") ||
                 strstr(plain, "datum") || strstr(plain, "fecha");
        number = pz_str_to_double(value, strlen(value), &x);
        if (number ? speaks && pz_look_is_time(value, false) : pz_look_is_time(value, speaks))
            return i;
    }
    return SIZE_MAX;
}

size_t pz_role_find(const struct pz_candidates *c, const struct pz_guess_role *role)
{
    size_t at = find_first(c, role, role->names, pz_role_find_name), other;

    if (at == SIZE_MAX || !pz_role_filled(c, at)) {
        other = find_first(c, role, role->words, find_word);
        at = at == SIZE_MAX || (other != SIZE_MAX && pz_role_filled(c, other)) ? other : at;
    }
    return at == SIZE_MAX && is_time_role(role) ? find_times(c) : at;
}

const char *pz_role_parts(const struct pz_candidates *c, size_t i)
{
    static const char *const parts[] = { "|", ";", ",", " " };
    const struct pz_seen *seen = c->seen ? &c->seen[i] : NULL;
    const char *leaf = strrchr(c->name[i], '.');
    char plain[NAME_BYTES];

    plain_name(leaf ? leaf + 1 : c->name[i], plain);
    if (!seen || !is_listed(plain, BASKET_NAMES))
        return NULL;
    if (seen->bracketed == seen->filled)
        return ",";
    for (size_t k = 0; k < PZ_LOOK_PARTS; k++)
        if (seen->parted[k] > 0)
            return parts[k];
    return NULL;
}
