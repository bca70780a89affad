/* SPDX-License-Identifier: Apache-2.0 */

#include "base/par.h"
#include "fixture_filter.h"
#include "tests/unit/unit.h"

static const char items[] =
    "ITEM_ID;CATEGORY:c;CATEGORY_L1:c;CATEGORY_L2:c;PRICE:n;GENRE:c;CREATION_TIMESTAMP:n;OWNER:s;"
    "AVAILABLE:c;DESCRIPTION:c;VALUE:n;MEMBERSHIP_LEVEL:c;ON_SALE:b;OLD_PRICE:n\n"
    "a;watch;shoe;boot;10;comedy|drama;1000;in-house;True;luxury;5;Premium;true;12\n"
    "b;watch;shoe;sandal;20;drama;2000;in-house;False;plain;50;Basic;false;20\n"
    "c;clothing;shirt;;30;horror;3000;other;True;luxury;500;Premium;true;60\n"
    "d;clothing;shoe;sneaker|boot;40;comedy;4000;other;False;plain;;Basic;;\n"
    "e;;;;;;;;;;;;;\n";
static const char users[] = "USER_ID;AGE:n;MEMBERSHIP:c;MEMBERSHIP_STATUS:c;LIKES:c;BUDGET:n\n"
                            "ann;25;Premium;gold;comedy|horror;25\n"
                            "bob;17;Basic;silver;drama;100\n"
                            "cid;;;;;\n";
static const char events[] = "USER_ID;ITEM_ID:s;EVENT_TYPE:s;TIMESTAMP:n;EVENT_VALUE:n;DEVICE:c\n"
                             "ann;a;click;100;1;phone\n"
                             "ann;b;stream;200;2;tv\n"
                             "ann;b;click;800;;phone\n"
                             "ann;c;favorite;300;5;tv\n"
                             "ann;c;NOT_TAKEN;400;;\n"
                             "bob;d;rating;500;3;phone\n"
                             "bob;d;rating;600;4;phone\n"
                             "bob;a;purchase;900;;tv\n";

struct asked {
    const char *user, *item, *values; /* values: JSON or NAME=LIST */
    const struct pz_live *live;
    int64_t now;
};

static struct pz_err err;

/* The ids that pass, one after the other; "!" when the filter, its values or the query are refused.
 */
static const char *passing(const char *text, struct asked q)
{
    static char out[64];
    struct shop *s = make_shop(items, users, events);
    struct pz_filter_schema schema = { .m = &s->m,
                                       .items = q.live ? q.live->items : NULL,
                                       .users = q.live ? q.live->users : NULL };
    struct pz_filter_env env = {
        .user_id = q.user, .item_id = q.item, .live = q.live, .now = q.now
    };
    struct pz_filter *f = NULL;
    struct pz_filter_args args = { 0 };
    struct pz_filter_values *values = NULL;
    struct pz_filter_work *work = pz_filter_work_new();
    uint64_t allowed[] = { 0xff };
    enum pz_status st = pz_filter_compile(text, &schema, &f, &err);

    if (st == PZ_OK && q.values)
        st = pz_filter_args_add(&args, q.values, &err);
    if (st == PZ_OK)
        st = pz_filter_bind(f, &args, &values, &err);
    if (st == PZ_OK)
        st = pz_filter_apply(f, values, &env, work, allowed, &err);
    strcpy(out, st == PZ_OK ? "" : "!");
    if (st == PZ_OK) {
        const struct pz_dict *dict = pz_filter_of_users(f) ? &s->m.users : &s->m.items;

        for (uint32_t i = 0; i < dict->n; i++) {
            size_t n;
            const char *id = pz_dict_get(dict, i, &n);

            if (allowed[0] >> i & 1)
                strncat(out, id, n);
        }
    }
    pz_filter_work_free(work);
    pz_filter_values_free(values);
    pz_filter_args_clear(&args);
    pz_filter_free(f);
    free_shop(s);
    return out;
}

#define PASS(text, expected, ...) \
    assert_string_equal(passing(text, (struct asked){ __VA_ARGS__ }), expected)
/* Refused, and the message says `words`. */
#define REFUSED(filter, words, ...)                                               \
    do {                                                                          \
        assert_string_equal(passing(filter, (struct asked){ __VA_ARGS__ }), "!"); \
        if (!strstr(err.text, words))                                             \
            fail_msg("\"%s\" does not say \"%s\"", err.text, words);              \
    } while (0)

TEST(every_documented_example_of_item_filters)
{
    PASS("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)", "cde", .user = "ann",
         .values = "EVENT_TYPE=\"click\"");
    PASS("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"click\", \"stream\")", "cde",
         .user = "ann");
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"click\")", "ab", .user = "ann");
    PASS("EXCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORY)", "cde",
         .values = "{\"CATEGORY\":\"\\\"watch\\\"\"}");
    PASS(
        "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE",
        "a", .item = "d");
    PASS("EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN (\"shoe\") AND Items.CATEGORY_L2 NOT IN "
         "(\"boot\")",
         "acde", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.PRICE <= $PRICE", "ab", .values = "PRICE=20");
    PASS("INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP < $DATE", "ab", .values = "DATE=\"3000\"");
    PASS("INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)", "acd",
         .values = "{\"GENRE\":\"\\\"comedy\\\",\\\"horror\\\"\"}");
    PASS(
        "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.CREATION_TIMESTAMP > $DATE",
        "bc", .item = "d", .values = "DATE=1000");
    PASS("EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) IF CurrentUser.AGE = $AGE", "bce",
         .user = "ann", .values = "{\"GENRE\":\"\\\"comedy\\\"\",\"AGE\":\"25\"}");
    PASS("EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) IF CurrentUser.AGE = $AGE", "abcde",
         .user = "bob", .values = "{\"GENRE\":\"\\\"comedy\\\"\",\"AGE\":\"25\"}");
    PASS("INCLUDE ItemID WHERE Items.CATEGORY IN (\"watch\") AND Items.DESCRIPTION IN (\"luxury\") "
         "IF "
         "CurrentUser.AGE > 18",
         "a", .user = "ann");
    PASS("INCLUDE ItemID WHERE Items.CATEGORY IN (\"watch\") AND Items.DESCRIPTION IN (\"luxury\") "
         "IF "
         "CurrentUser.AGE > 18",
         "abcde", .user = "bob");
    PASS("INCLUDE ItemID WHERE Items.OWNER IN (\"in-house\")", "ab", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.CATEGORY IN (\"clothing\") AND Items.AVAILABLE IN (\"True\")",
         "c", .user = NULL);
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_TYPE in (\"*\")", "abc", .user = "ann");
}

TEST(every_documented_example_of_combined_filters)
{
    PASS("INCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORY) | INCLUDE ItemID WHERE "
         "Interactions.EVENT_TYPE IN (\"favorite\")",
         "abc", .user = "ann", .values = "CATEGORY=\"watch\"");
    PASS("INCLUDE ItemID WHERE Items.GENRE IN ($GENRE) | EXCLUDE ItemID WHERE "
         "Interactions.EVENT_TYPE IN "
         "(\"click\", \"stream\")",
         "d", .user = "ann", .values = "GENRE=\"comedy\"");
    /* the order of the parts has no meaning */
    PASS("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"click\", \"stream\") | INCLUDE ItemID "
         "WHERE "
         "Items.GENRE IN ($GENRE)",
         "d", .user = "ann", .values = "GENRE=\"comedy\"");
    PASS("EXCLUDE ItemID WHERE Items.PRICE < 15 | EXCLUDE ItemID WHERE Items.PRICE > 35", "bce",
         .user = NULL);
}

TEST(every_documented_example_of_action_filters)
{
    PASS("INCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ($EVENT_TYPE)", "c",
         .user = "ann", .values = "EVENT_TYPE=\"NOT_TAKEN\"");
    PASS("EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN (\"NOT_TAKEN\")", "abde",
         .user = "ann");
    PASS("EXCLUDE ActionID WHERE Actions.CATEGORY IN ($CATEGORY)", "abe",
         .values = "CATEGORY=clothing");
    PASS("INCLUDE ActionID WHERE Actions.VALUE > ($VALUE)", "bc", .values = "VALUE=5");
    PASS("INCLUDE ActionID WHERE Action.MEMBERSHIP_LEVEL IN (\"Premium\") IF "
         "CurrentUser.MEMBERSHIP = "
         "$PREMIUM",
         "ac", .user = "ann", .values = "PREMIUM=\"Premium\"");
    PASS("EXCLUDE ActionID WHERE Actions.VALUE < ($VALUE) IF CurrentUser.MEMBERSHIP = $PREMIUM",
         "bcde", .user = "ann", .values = "{\"VALUE\":\"50\",\"PREMIUM\":\"\\\"Premium\\\"\"}");
}

TEST(every_documented_example_of_user_filters)
{
    PASS("INCLUDE UserID WHERE Users.MEMBERSHIP_STATUS IN ($MEMBERSHIP)", "bob",
         .values = "MEMBERSHIP=\"silver\"");
    PASS("EXCLUDE UserID WHERE Users.AGE < $AGE", "anncid", .values = "AGE=18");
    PASS("INCLUDE UserID WHERE Interactions.EVENT_TYPE IN (\"click, rating\")", "annbob",
         .user = NULL);
    PASS("EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)", "anncid",
         .values = "EVENT_TYPE=\"purchase\"");
}

TEST(case_and_quotes_are_lenient_values_are_not)
{
    PASS("include itemId where INTERACTIONS.event_type in ('CLICK')", "ab", .user = "ann");
    PASS("Include ITEM_ID Where items.category not in ('watch') and items.Price >= 40", "d",
         .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.CATEGORY IN (\"Watch\")", "", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.GENRE IN $GENRE", "acd", .values = "GENRE=comedy, 'horror'");
    PASS("INCLUDE ItemID WHERE Items.OWNER = 'in-house' AND Items.PRICE = '10'", "a", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.`CATEGORY` = \"watch\"", "ab", .user = NULL);
}

TEST(filter_values_are_checked)
{
    static const char in[] =
        "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE) AND Items.PRICE < $PRICE";

    REFUSED(in, "no filter value PRICE is given", .values = "GENRE=drama");
    REFUSED(in, "did you mean $GENRE?", .values = "{\"GENRES\":\"\\\"drama\\\"\",\"PRICE\":\"3\"}");
    REFUSED(in, "a number is needed",
            .values = "{\"GENRE\":\"\\\"drama\\\"\",\"PRICE\":\"\\\"cheap\\\"\"}");
    REFUSED(in, "one value is needed", .values = "{\"GENRE\":\"\\\"drama\\\"\",\"PRICE\":\"1,2\"}");
    REFUSED(in, "never closed", .values = "{\"GENRE\":\"\\\"drama\",\"PRICE\":\"1\"}");
    REFUSED(in, "neither NAME=VALUE", .values = "GENRE");
    /* an EXCLUDE without its value does not act; other parts do */
    PASS("EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) | EXCLUDE ItemID WHERE Items.PRICE > 25",
         "abe", .user = NULL);
    /* names are matched with case, and values may be anywhere, mixed and in NOT IN */
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < $Price",
            "no placeholder $PRICE; did you mean $Price", .values = "PRICE=3");
    PASS("INCLUDE ItemID WHERE Items.GENRE NOT IN ($A, \"horror\", $B)", "e",
         .values = "{\"A\":\"comedy\",\"B\":\"drama\"}");
    PASS("INCLUDE ItemID WHERE COUNT(Interactions WHERE EVENT_VALUE >= $V) > $N - 1", "bc",
         .user = "ann", .values = "{\"V\":2,\"N\":1}");
    PASS("INCLUDE ItemID WHERE Items.GENRE IN ($G)", "abcd", .values = "G=\"*\"");
    PASS("INCLUDE ItemID WHERE Items.ON_SALE = $S", "ac", .values = "S=\"True\"");
}

TEST(what_is_null_fails_a_test_and_passes_its_negation)
{
    PASS("INCLUDE ItemID WHERE Items.PRICE < 1000", "abcd", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.PRICE != 10", "bcde", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.CATEGORY NOT IN (\"watch\")", "cde", .user = NULL);
    PASS("INCLUDE ItemID WHERE NOT Items.PRICE < 25", "cde", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.CATEGORY IS NULL OR Items.ON_SALE IS NULL", "de",
         .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.CATEGORY_L2 IS NOT NULL", "abd", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE", "", .item = "e");
    PASS("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE", "", .item = "nosuch");
    PASS("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"*\")", "abcde", .user = "nobody");
}

TEST(and_binds_tighter_than_or_and_parentheses_group)
{
    PASS("INCLUDE ItemID WHERE Items.PRICE = 40 OR Items.GENRE IN (\"drama\") AND Items.PRICE < 15",
         "ad", .user = NULL);
    PASS("INCLUDE ItemID WHERE (Items.PRICE = 40 OR Items.GENRE IN (\"drama\")) AND Items.PRICE < "
         "15",
         "a", .user = NULL);
    PASS("INCLUDE ItemID WHERE NOT (Items.PRICE = 40 OR Items.GENRE IN (\"drama\"))", "ce",
         .user = NULL);
    PASS("INCLUDE ItemID WHERE NOT Items.PRICE = 40 AND NOT NOT Items.GENRE IN (\"drama\")", "ab",
         .user = NULL);
}

TEST(any_column_of_any_table_in_one_expression)
{
    PASS("INCLUDE ItemID WHERE Items.PRICE <= CurrentUser.BUDGET AND NOT Interactions.EVENT_TYPE = "
         "'stream'",
         "a", .user = "ann");
    PASS("INCLUDE ItemID WHERE CurrentUser.BUDGET >= Items.PRICE", "ab", .user = "ann");
    PASS("INCLUDE ItemID WHERE Items.GENRE IN CurrentUser.LIKES OR Users.AGE < 18", "acd",
         .user = "ann");
    PASS("INCLUDE ItemID WHERE Items.GENRE IN CurrentUser.LIKES OR Users.AGE < 18", "abcde",
         .user = "bob");
    PASS("INCLUDE ItemID WHERE Items.PRICE < Items.OLD_PRICE * 0.9", "ac", .user = NULL);
    PASS("INCLUDE ItemID WHERE ITEM_ID IN ('a', 'e', 'nosuch')", "ae", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.ITEM_ID != CurrentItem.ITEM_ID AND PRICE >= CurrentItem.PRICE "
         "/ 2",
         "acd", .item = "b");
    PASS("INCLUDE ItemID WHERE Items.ON_SALE", "ac", .user = NULL);
    PASS("INCLUDE ItemID WHERE NOT ON_SALE AND Items.AVAILABLE = 'False'", "bd", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.ON_SALE = FALSE", "b", .user = NULL);
    PASS("INCLUDE ItemID WHERE Interactions.DEVICE = 'tv'", "bc", .user = "ann");
    PASS("EXCLUDE ItemID WHERE Items.PRICE > 15 IF CurrentUser.USER_ID IN ('bob') OR "
         "CurrentItem.PRICE > 30",
         "ae", .user = "ann", .item = "d");
}

TEST(sets_are_compared_as_sets)
{
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS ALL ('comedy', 'drama', 'comedy')", "a",
         .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS ANY ('comedy', 'drama')", "abd", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS NONE ('comedy', 'drama')", "ce", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS ONLY ('comedy', 'horror')", "cd", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS EXACTLY ('drama', 'comedy')", "a", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS ALL ('comedy', 'nosuch')", "", .user = NULL);
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS ONLY CurrentItem.GENRE", "abd", .item = "a");
}

TEST(interactions_are_looked_at_one_by_one)
{
    /* one interaction that is a click and is new; b was clicked at 800, a at 100 */
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_TYPE = 'click' AND Interactions.TIMESTAMP > "
         "NOW() - 5m",
         "b", .user = "ann", .now = 900);
    PASS("INCLUDE ItemID WHERE Interactions.TIMESTAMP > NOW() - 15m AND (Items.PRICE > 0 AND "
         "Interactions.EVENT_TYPE = 'stream')",
         "b", .user = "ann", .now = 1000);
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ('click', 'stream')", "c",
         .user = "ann");
    PASS("INCLUDE ItemID WHERE NOT Interactions.EVENT_TYPE IN ('click', 'stream')", "cde",
         .user = "ann");
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_VALUE IS NULL", "bc", .user = "ann");
    PASS("INCLUDE ItemID WHERE COUNT(Interactions) >= 2", "bc", .user = "ann");
    PASS("INCLUDE ItemID WHERE COUNT(Interactions WHERE EVENT_TYPE = 'click') = 0", "cde",
         .user = "ann");
    PASS("INCLUDE ItemID WHERE COUNT(Interactions WHERE Interactions.EVENT_TYPE = 'click' AND NOT "
         "DEVICE = "
         "'tv') >= 1 AND COUNT(Interactions WHERE EVENT_TYPE = 'stream') >= 1",
         "b", .user = "ann");
    PASS("INCLUDE ItemID WHERE Items.PRICE > 25 IF COUNT(Interactions WHERE EVENT_TYPE = 'rating') "
         ">= 2",
         "cd", .user = "bob");
    PASS("INCLUDE ItemID WHERE Items.PRICE > 25 IF COUNT(Interactions WHERE EVENT_TYPE = 'rating') "
         ">= 2",
         "abcde", .user = "ann");
    PASS("INCLUDE ItemID WHERE Items.PRICE > 25 IF Interactions.ITEM_ID = 'd'", "cd",
         .user = "bob");
    PASS("INCLUDE UserID WHERE COUNT(Interactions WHERE EVENT_VALUE > 2) = 2", "bob", .user = NULL);
}

TEST(live_rows_and_events_count_at_once)
{
    struct table it = read_table(
        "ITEM_ID;PRICE:n;GENRE:c;STOCK:n\na;99;musical|drama;0\nc;;;7\nnew;1;comedy;3\n");
    struct table us = read_table("USER_ID;AGE:n;LIKES:c\nann;16;musical\nzoe;40;comedy\n");
    struct pz_overlay io = make_overlay(&it), uo = make_overlay(&us);
    const struct pz_live_event ev[] = {
        { .item_id = "d",
          .event_type = "Purchase",
          .value = NAN,
          .time = 950,
          .properties = "{\"device\":\"watch|tv\"}" },
        { .item_id = "unknown", .event_type = "click", .value = 3, .time = 960 },
        { .item_id = "e", .value = 1, .time = 970, .properties = "{\"device\":7}" }
    };
    struct pz_live live = { .event = ev, .n_events = 3, .items = &io, .users = &uo };

    PASS("INCLUDE ItemID WHERE Items.PRICE > 25", "ad", .live = &live);
    PASS("INCLUDE ItemID WHERE Items.GENRE IN ('musical', 'comedy')", "ad", .live = &live);
    PASS("INCLUDE ItemID WHERE Items.STOCK > 0 OR Items.STOCK IS NULL", "bcde", .live = &live);
    PASS("INCLUDE ItemID WHERE Items.CATEGORY IS NULL", "ace", .live = &live);
    PASS("INCLUDE ItemID WHERE Items.GENRE IN CurrentUser.LIKES IF CurrentUser.AGE < 18", "a",
         .user = "ann", .live = &live);
    PASS("INCLUDE ItemID WHERE Items.GENRE HAS ALL CurrentUser.LIKES", "d", .user = "zoe",
         .live = &live);
    PASS("INCLUDE ItemID WHERE Items.GENRE IN CurrentItem.GENRE AND Items.PRICE >= "
         "CurrentItem.PRICE",
         "d", .item = "new", .live = &live);
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ('purchase')", "d", .user = "ann",
         .live = &live);
    PASS("INCLUDE ItemID WHERE Interactions.TIMESTAMP >= 800", "bde", .user = "ann", .live = &live);
    PASS("INCLUDE ItemID WHERE Interactions.DEVICE IN ('tv', 7)", "bcde", .user = "ann",
         .live = &live);
    PASS("INCLUDE ItemID WHERE Interactions.DEVICE HAS ALL ('tv', 'watch')", "d", .user = "ann",
         .live = &live);
    PASS("INCLUDE ItemID WHERE COUNT(Interactions WHERE DEVICE IS NULL) = 0 AND Items.PRICE > 0",
         "abd", .user = "ann", .live = &live);
    PASS(
        "INCLUDE ItemID WHERE Items.PRICE > 0 IF COUNT(Interactions WHERE ITEM_ID = 'unknown') = 1",
        "abd", .user = "ann", .live = &live);
    live.forgotten = true;
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ('*')", "de", .user = "ann",
         .live = &live);
    PASS("INCLUDE UserID WHERE Users.AGE < 18", "annbob", .live = &live);
    clear_overlay(&io);
    clear_overlay(&uo);
    free_table(&it);
    free_table(&us);
}

TEST(many_live_events_of_known_and_unknown_items_count_each_query)
{
    enum { N = 3000 };
    static struct pz_live_event event[N];
    static char id[N][8];
    static const char known[] = "abcde";
    struct shop *s = make_shop(items, users, events);
    struct pz_filter_work *work = pz_filter_work_new();
    struct pz_filter *f;

    assert_int_equal(
        pz_filter_compile("INCLUDE ItemID WHERE COUNT(Interactions WHERE EVENT_TYPE = 'put') >= 2",
                          &(struct pz_filter_schema){ .m = &s->m }, &f, NULL),
        PZ_OK);
    for (unsigned turn = 0; turn < 5; turn++) { /* another item is left out each time */
        struct pz_live live = { .event = event, .n_events = N };
        uint64_t allowed = 0x1f;

        for (unsigned i = 0; i < N; i++) {
            if (i % 3 == 0 && i / 3 % 5 != turn)
                snprintf(id[i], sizeof id[i], "%c", known[i / 3 % 5]);
            else
                snprintf(id[i], sizeof id[i], "x%u", i % 1000);
            event[i] = (struct pz_live_event){ .item_id = id[i], .event_type = "Put", .time = i };
        }
        assert_int_equal(pz_filter_apply(f, NULL,
                                         &(struct pz_filter_env){ .live = &live, .now = 1 }, work,
                                         &allowed, NULL),
                         PZ_OK);
        assert_int_equal(allowed, 0x1f & ~(1u << turn));
    }
    pz_filter_work_free(work);
    pz_filter_free(f);
    free_shop(s);
}

TEST(a_type_that_nobody_had_is_no_fault)
{
    PASS("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"favourite\")", "abcde", .user = "ann");
    PASS("INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"click, rating,none\")", "ab",
         .user = "ann");
}

TEST(faults_are_found_where_they_are)
{
    REFUSED("INCLUDE ItemID WHERE Items.PRCE < 3", "character 22, at \"Items.PRCE < 3\"",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRCE < 3", "did you mean PRICE?", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.ITEMID_ = 'a' OR Items.ITEM_IDX = 'a'",
            "did you mean ITEM_ID?", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Interactions.EVENT_TIPE = 'a'", "did you mean EVENT_TYPE?",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Interactions.DEVICES = 'a'", "did you mean DEVICE?",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.TIMESTAMQ > 3", "Items has no column TIMESTAMQ",
            .user = NULL);
    assert_null(strstr(err.text, "did you mean")); /* Interactions alone have TIMESTAMP */
    REFUSED("INCLUDE ItemID WHERE Itms.PRICE < 3", "did you mean Items?", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.GENRE < 3", "GENRE holds texts", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < 'cheap'", "character 36, at \"'cheap'\": a number",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE IN CurrentItem.GENRE", "GENRE holds texts",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < 3 Items.PRICE > 1", "AND, OR, IF or | is needed",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE LIKE 3", "an operator is needed", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE", "PRICE is not a boolean column", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.GENRE IN ('a' 'b')", "a comma or a closing parenthesis",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.GENRE = 'a", "never closed", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE (Items.PRICE < 3", "at the end: a closing parenthesis",
            .user = NULL);
    REFUSED("INCLUDE ItemID", "WHERE is needed", .user = NULL);
    REFUSED("", "INCLUDE or EXCLUDE is needed", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < 3 IF Items.PRICE < 3", "IF is decided once",
            .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < 3 | INCLUDE UserID WHERE Users.AGE < 3",
            "about the same", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE", "no item is asked for",
            .user = "ann");
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < 3x", "not a number", .user = NULL);
    REFUSED("INCLUDE ItemID WHERE Items.PRICE < 3 # 4", "has no meaning here", .user = NULL);
}

TEST(deep_nesting_is_refused_not_followed)
{
    struct pz_str text = { 0 };

    pz_str_adds(&text, "INCLUDE ItemID WHERE ");
    for (int i = 0; i < 100000; i++)
        pz_str_addc(&text, '(');
    REFUSED(text.data, "nested too deep", .user = NULL);
    pz_str_reset(&text);
    pz_str_adds(&text, "INCLUDE ItemID WHERE Items.PRICE < 1");
    for (int i = 0; i < 100000; i++)
        pz_str_adds(&text, "+1");
    REFUSED(text.data, "too long", .user = NULL);
    pz_str_clear(&text);
}

TEST(values_given_again_replace_and_numbers_are_values)
{
    struct pz_filter_args args = { 0 };

    assert_int_equal(pz_filter_args_add(&args, "A=1", NULL), PZ_OK);
    assert_int_equal(pz_filter_args_add(&args, "{\"B\":2.5,\"A\":\"\\\"x=y\\\"\"}", NULL), PZ_OK);
    assert_int_equal(pz_filter_args_add(&args, "$C=a=b", NULL), PZ_OK);
    assert_int_equal(args.n, 3);
    assert_string_equal(args.v[0].value, "\"x=y\"");
    assert_string_equal(args.v[1].value, "2.5");
    assert_string_equal(args.v[2].name, "C");
    assert_string_equal(args.v[2].value, "a=b");
    assert_int_equal(pz_filter_args_add(&args, "{\"A\":[1]}", NULL), PZ_USAGE);
    assert_int_equal(pz_filter_args_add(&args, "{\"A\"", NULL), PZ_USAGE);
    pz_filter_args_clear(&args);
}

TEST(a_filter_says_what_it_asks_of_live_events)
{
    static const struct {
        unsigned detail;
        const char *where;
    } asks[] = {
        { PZ_LIVE_KINDS, "Items.PRICE > 2" },
        { PZ_LIVE_KINDS, "Interactions.EVENT_TYPE IN ('click')" },
        { PZ_LIVE_KINDS, "NOT Interactions.EVENT_TYPE IN ('click')" },
        { PZ_LIVE_KINDS, "Interactions.TIMESTAMP > 5" },
        { PZ_LIVE_ENDS, "Interactions.TIMESTAMP < 5" },
        { PZ_LIVE_ENDS, "Interactions.EVENT_TYPE IN ('buy') AND Interactions.EVENT_VALUE <= 5" },
        { PZ_LIVE_EACH, "Interactions.TIMESTAMP = 5" },
        { PZ_LIVE_ENDS, "COUNT(Interactions WHERE NOT TIMESTAMP > 5) >= 1" },
        { PZ_LIVE_EACH, "COUNT(Interactions WHERE TIMESTAMP > 5 AND TIMESTAMP < 9) >= 1" },
        { PZ_LIVE_EACH, "COUNT(Interactions WHERE EVENT_VALUE < 3 AND TIMESTAMP > 5) >= 1" },
        { PZ_LIVE_KINDS, "COUNT(Interactions WHERE NOT TIMESTAMP < 5) >= 1" },
        { PZ_LIVE_KINDS, "COUNT(Interactions WHERE NOT (NOT EVENT_VALUE >= 5)) >= 1" },
        { PZ_LIVE_PAIRS, "COUNT(Interactions WHERE EVENT_VALUE > 3 AND TIMESTAMP > 5) >= 1" },
        { PZ_LIVE_COUNTS, "COUNT(Interactions WHERE EVENT_TYPE = 'click') >= 2" },
        { PZ_LIVE_COUNTS, "COUNT(Interactions) = 0" },
        { PZ_LIVE_COUNTS | PZ_LIVE_EACH, "COUNT(Interactions WHERE TIMESTAMP > 5) >= 2" },
        { PZ_LIVE_EACH, "COUNT(Interactions WHERE DEVICE = 'tv') >= 1" },
    };
    struct shop *s = make_shop(items, users, events);

    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct pz_filter *f = NULL;
        char text[200];

        snprintf(text, sizeof text, "EXCLUDE ItemID WHERE %s", asks[i].where);
        if (pz_filter_compile(text, &(struct pz_filter_schema){ .m = &s->m }, &f, &err) != PZ_OK)
            fail_msg("%s: %s", text, err.text);
        if (pz_filter_detail(f) != asks[i].detail)
            fail_msg("%s asks for %d", text, (int)pz_filter_detail(f));
        pz_filter_free(f);
    }
    free_shop(s);
}

TEST(one_filter_serves_many_threads)
{
    enum { ROUNDS = 2000, THREADS = 4, PRICES = 90 };
    struct shop *s = make_shop(items, users, events);
    struct pz_filter *f = NULL;
    struct pz_filter_work *work[THREADS];
    int wrong = 0;

    assert_int_equal(
        pz_filter_compile(
            "INCLUDE ItemID WHERE Items.PRICE < NOW() OR Interactions.TIMESTAMP < NOW()",
            &(struct pz_filter_schema){ .m = &s->m }, &f, NULL),
        PZ_OK);
    for (int t = 0; t < THREADS; t++)
        work[t] = pz_filter_work_new();
#pragma omp parallel for num_threads(THREADS) reduction(+ : wrong)
    for (int i = 0; i < ROUNDS; i++) {
        struct pz_filter_env env = { .user_id = "nobody",
                                     .now = i * 7 % PRICES }; /* the cache holds 64 */
        uint64_t allowed = UINT64_MAX, want = 0;

        for (int item = 0; item < 4; item++)
            want |= (uint64_t)(10 * (item + 1) < env.now) << item;
        if (pz_filter_apply(f, NULL, &env, work[pz_par_id()], &allowed, NULL) != PZ_OK ||
            (allowed & 31) != want)
            wrong++;
    }
    assert_int_equal(wrong, 0);
    for (int t = 0; t < THREADS; t++)
        pz_filter_work_free(work[t]);
    pz_filter_free(f);
    free_shop(s);
}
