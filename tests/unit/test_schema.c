/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of Personalize: text to fields, or the reason why it is none; one row per rule. */
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "data/schema.h"
#include "tests/unit/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* A field as "NAME type", with '?' behind a nullable one. */
static void add_field(struct pz_str *out, const struct pz_field *f)
{
    static const char *const names[] = { "", "boolean", "category", "text", "string" };
    const char *number = f->whole ? f->wide ? "long" : "int" : f->wide ? "double" : "float";

    pz_str_addf(out, " %s:%s%s", f->name, f->kind == PZ_ATTR_NUMBER ? number : names[f->kind],
                f->nullable ? "?" : "");
}

static void add_schema(struct pz_str *out, const struct pz_schema *schema)
{
    for (int t = 0; t < PZ_N_TABLES; t++) {
        if (!schema->given[t])
            continue;
        pz_str_addf(out, "%s%s", out->len ? "; " : "", pz_table_name((enum pz_table_id)t));
        for (size_t i = 0; i < schema->n[t]; i++)
            add_field(out, &schema->field[t][i]);
    }
}

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define IDS FIELD("USER_ID", "\"string\"") "," FIELD("ITEM_ID", "\"string\"")
#define TIMED IDS "," FIELD("TIMESTAMP", "\"long\"")
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define INTER(more) RECORD("Interactions", TIMED more)
#define ITEMS(more) RECORD("Items", FIELD("ITEM_ID", "\"string\"") more)
#define MIN "Interactions USER_ID:string ITEM_ID:string TIMESTAMP:long"

static const struct {
    const char *text, *is; /* is: the fields, or "! " and a part of the message */
} schemas[] = {
    { INTER(""), MIN },
    { RECORD("interactions", TIMED), MIN }, /* the record's name in any case */
    { RECORD("Users", FIELD("USER_ID", "\"string\"") "," FIELD("AGE", "\"int\"")),
      "Users USER_ID:string AGE:int" },
    { ITEMS("," FIELD("A", "\"int\"") "," FIELD("B", "\"long\"") "," FIELD("C", "\"float\"")),
      "Items ITEM_ID:string A:int B:long C:float" },
    { ITEMS(
          "," FIELD("A", "\"double\"") "," FIELD("B", "\"boolean\"") "," FIELD("C", "\"string\"")),
      "Items ITEM_ID:string A:double B:boolean C:string" },
    { ITEMS("," FIELD("A", "[\"null\",\"float\"]") "," FIELD("B", "[\"float\",\"null\"]")),
      "Items ITEM_ID:string A:float? B:float?" },
    { ITEMS(",{\"name\":\"G\",\"type\":\"string\",\"categorical\":true}"),
      "Items ITEM_ID:string G:category" },
    { ITEMS(",{\"name\":\"D\",\"type\":[\"null\",\"string\"],\"textual\":true}"),
      "Items ITEM_ID:string D:text?" },
    { INTER("," FIELD("EVENT_VALUE", "[\"float\",\"null\"]")), MIN " EVENT_VALUE:float?" },
    { INTER("," FIELD("EVENT_VALUE", "\"double\"")), MIN " EVENT_VALUE:double" },
    { INTER("," FIELD("IMPRESSION", "\"string\"")), MIN " IMPRESSION:string" },
    { ITEMS("," FIELD("CREATION_TIMESTAMP", "\"long\"")),
      "Items ITEM_ID:string CREATION_TIMESTAMP:long" },
    /* several, and whatever holds them */
    { "[" INTER("") "," ITEMS("") "]", MIN "; Items ITEM_ID:string" },
    { "{\"schema\":{\"name\":\"x\",\"schema\":" ITEMS("") "}}", "Items ITEM_ID:string" },
    { "{\"schema\":{\"schema\":\"{\\\"name\\\":\\\"Items\\\",\\\"fields\\\":[{\\\"name\\\":"
      "\\\"ITEM_ID\\\",\\\"type\\\":\\\"string\\\"}]}\"}}",
      "Items ITEM_ID:string" },
    { "{\"note\":\"{no JSON\",\"schema\":" ITEMS("") "}", "Items ITEM_ID:string" },
    { "[[[[[[[[[[[[" ITEMS("") "]]]]]]]]]]]]", "Items ITEM_ID:string" }, /* 12 levels around it */
    { "[[[[[[[[[[[[[" ITEMS("") "]]]]]]]]]]]]]", "! a schema is a JSON object" }, /* 13 */
    /* what is no schema */
    { "", "! s.json" },
    { "[]", "! a schema is a JSON object" },
    { "7", "! expected near '7'" },
    { "{}", "! must be Interactions, Items or Users, and not \"\"" },
    { RECORD("Things", ""), "! must be Interactions, Items or Users, and not \"Things\"" },
    { "{\"name\":\"Items\",\"fields\":7}", "! \"fields\" must be an array" },
    { "[" ITEMS("") "," ITEMS("") "]", "! a second schema for Items" },
    /* fields */
    { ITEMS(",7"), "! Items: field 2: the name must be" },
    { ITEMS(",{\"type\":\"int\"}"), "! field 2: the name must be" },
    { ITEMS("," FIELD("A/B", "\"int\"")), "! not \"A/B\"" },
    { ITEMS("," FIELD("A", "\"int\"") "," FIELD("a", "\"int\"")), "! A and a have the same name" },
    { ITEMS("," FIELD("A_B", "\"int\"") "," FIELD("AB", "\"int\"")), "! have the same name" },
    { ITEMS(",{\"name\":\"A\"}"), "! the type must be a name or a list of names" },
    { ITEMS("," FIELD("A", "7")), "! the type must be a name or a list of names" },
    { ITEMS("," FIELD("A", "[\"int\",7]")), "! the type must be a name or a list of names" },
    { ITEMS("," FIELD("A", "\"bytes\"")), "! unknown type \"bytes\"" },
    { ITEMS("," FIELD("A", "\"null\"")), "! one type is needed, besides null, and not 0" },
    { ITEMS("," FIELD("A", "[\"int\",\"string\"]")), "! besides null, and not 2" },
    { ITEMS("," FIELD("A", "[]")), "! besides null, and not 0" },
    { ITEMS(",{\"name\":\"A\",\"type\":\"int\",\"categorical\":true}"),
      "! only a string can be categorical" },
    { ITEMS(",{\"name\":\"A\",\"type\":\"int\",\"textual\":true}"), "! can be textual" },
    { ITEMS(",{\"name\":\"A\",\"type\":\"string\",\"categorical\":true,\"textual\":true}"),
      "! A is both categorical and textual" },
    /* reserved ones */
    { RECORD("Interactions", IDS), "! the field TIMESTAMP is missing" },
    { RECORD("Items", FIELD("A", "\"int\"")), "! the field ITEM_ID is missing" },
    { RECORD("Users", FIELD("ITEM_ID", "\"string\"")), "! the field USER_ID is missing" },
    { RECORD("Interactions", IDS "," FIELD("TIMESTAMP", "\"int\"")), "! TIMESTAMP must be a long" },
    { RECORD("Interactions", IDS "," FIELD("TIMESTAMP", "\"double\"")), "! must be a long" },
    { RECORD("Interactions", IDS "," FIELD("TIMESTAMP", "[\"long\",\"null\"]")),
      "! TIMESTAMP cannot be null" },
    { INTER("," FIELD("EVENT_TYPE", "[\"string\",\"null\"]")), "! EVENT_TYPE cannot be null" },
    { INTER("," FIELD("EVENT_VALUE", "\"int\"")), "! EVENT_VALUE must be a float" },
    { INTER("," FIELD("EVENT_VALUE", "\"string\"")), "! EVENT_VALUE must be a float" },
    { RECORD("Items", "{\"name\":\"ITEM_ID\",\"type\":\"string\",\"categorical\":true}"),
      "! ITEM_ID must be a string that is not categorical" },
    { RECORD("Items", FIELD("ITEM_ID", "\"long\"")), "! must be a string" },
};

TEST(a_schema_is_its_fields_or_a_reason)
{
    for (size_t i = 0; i < LENGTH(schemas); i++) {
        struct pz_schema schema = { .given = { false } };
        struct pz_err err = { .text = "" };
        struct pz_str got = { 0 };
        const char *is = schemas[i].is;
        enum pz_status st = pz_schema_add(&schema, schemas[i].text, strlen(schemas[i].text),
                                          "s.json", &err);

        if (st == PZ_OK)
            add_schema(&got, &schema);
        if (is[0] == '!' ? st != PZ_BAD_DATA || !strstr(err.text, is + 2) ||
                               strncmp(err.text, "s.json", 6) != 0
                         : st != PZ_OK || strcmp(got.data, is) != 0)
            fail_msg("%s\nis %s, and not %s", schemas[i].text, st == PZ_OK ? got.data : err.text,
                     is);
        pz_str_clear(&got);
        pz_schema_clear(&schema);
        assert_null(schema.field[PZ_ITEMS]);
    }
}

TEST(schemas_of_several_files_add_up_and_none_comes_twice)
{
    static const char inter[] = INTER(""), items[] = ITEMS("");
    struct pz_schema schema = { .given = { false } };
    struct pz_err err = { .text = "" };

    assert_int_equal(pz_schema_add(&schema, inter, sizeof inter - 1, "a", NULL), PZ_OK);
    assert_int_equal(pz_schema_add(&schema, items, sizeof items - 1, "b", NULL), PZ_OK);
    assert_true(schema.given[PZ_INTERACTIONS] && schema.given[PZ_ITEMS] && !schema.given[PZ_USERS]);
    assert_int_equal(pz_schema_add(&schema, items, sizeof items - 1, "c", &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "c: a second schema for Items"));
    pz_schema_clear(&schema);
}

TEST(a_field_is_found_whatever_its_case_and_underscores)
{
    static const char items[] = ITEMS("," FIELD("releaseDate", "\"long\""));
    struct pz_schema schema = { .given = { false } };

    assert_int_equal(pz_schema_add(&schema, items, sizeof items - 1, "s", NULL), PZ_OK);
    assert_ptr_equal(pz_schema_find(&schema, PZ_ITEMS, "RELEASE_DATE"), &schema.field[PZ_ITEMS][1]);
    assert_null(pz_schema_find(&schema, PZ_ITEMS, "RELEASE"));
    assert_null(pz_schema_find(&schema, PZ_USERS, "RELEASE_DATE")); /* of another table */
    pz_schema_clear(&schema);
}

TEST(a_column_s_name_has_bounds)
{
    static const struct {
        const char *name;
        bool fits;
    } names[] = {
        { "A", true },      { "~!", true },        { "a-b.c", true }, { "", false },
        { "A B", false },   { "A\"", false },      { "A\t", false },  { "A/B", false },
        { "A\x7f", false }, { "\xc3\xa4", false },
    };
    char longest[PZ_FIELD_MAX + 2];

    for (size_t i = 0; i < LENGTH(names); i++)
        if (pz_schema_name_fits(names[i].name) != names[i].fits)
            fail_msg("\"%s\"", names[i].name);
    memset(longest, 'x', sizeof longest);
    longest[PZ_FIELD_MAX + 1] = '\0';
    assert_false(pz_schema_name_fits(longest)); /* 101 bytes */
    longest[PZ_FIELD_MAX] = '\0';
    assert_true(pz_schema_name_fits(longest)); /* 100 */
}

TEST(a_schema_file_may_have_a_mebibyte)
{
    static const char items[] = ITEMS("");
    enum { MAX = 1 << 20 };
    char path[64], *text = malloc(MAX + 2);

    assert_non_null(text);
    snprintf(path, sizeof path, "/tmp/pz-test-schema-%ld", (long)getpid());
    memset(text, ' ', MAX + 1);
    memcpy(text, items, sizeof items - 1);
    for (size_t n = MAX; n <= MAX + 1; n++) {
        struct pz_schema schema = { .given = { false } };

        assert_int_equal(pz_file_write(path, text, n, NULL), PZ_OK);
        assert_int_equal(pz_schema_read(path, &schema, NULL), n == MAX ? PZ_OK : PZ_BAD_DATA);
        pz_schema_clear(&schema);
    }
    unlink(path);
    free(text);
}
