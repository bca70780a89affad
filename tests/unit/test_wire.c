/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes and the wire protocol: each bound of the reference holds on both sides, and the message
 * names the member. */
#include "serve/wire.h"

#include "tests/unit/unit.h"

#define ARN "arn:aws:personalize:us-east-1:000000000000:"

/* Check a body against an operation's shape; the error's text, or "" when it is good. */
static const char *check(enum pz_operation op, const char *body)
{
    static struct pz_err err;
    json_t *doc = NULL;
    enum pz_status st = pz_shape_parse(body, strlen(body), &doc, &err);

    if (st == PZ_OK)
        st = pz_shape_check(pz_wire_operations[op].shape, doc, &err);
    json_decref(doc);
    return st == PZ_OK ? "" : err.text;
}

static void expect_good(enum pz_operation op, const char *body)
{
    assert_string_equal(check(op, body), "");
}

static void expect_bad(enum pz_operation op, const char *body, const char *member)
{
    const char *text = check(op, body);

    if (!strstr(text, member))
        fail_msg("%s: \"%s\" does not name %s", body, text, member);
}

static char *repeat(char *buf, char c, size_t n)
{
    memset(buf, c, n);
    buf[n] = '\0';
    return buf;
}

/* {"campaignArn":...,"userId":"1",MEMBER} */
static const char *with(const char *member)
{
    static char body[70000];

    snprintf(body, sizeof body, "{\"campaignArn\":\"" ARN "campaign/demo\",\"userId\":\"1\",%s}",
             member);
    return body;
}

TEST(bounds_of_recommendations_hold_on_both_sides)
{
    char many[1200], body[3000];

    expect_good(PZ_OP_GET_RECOMMENDATIONS, with("\"numResults\":500"));
    expect_good(PZ_OP_GET_RECOMMENDATIONS, with("\"numResults\":0"));
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"numResults\":501"), "'numResults'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"numResults\":-1"), "'numResults'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"numResults\":2.5"), "'numResults'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"numResults\":\"3\""), "'numResults'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, "{\"campaignArn\":\"demo\"}", "'campaignArn'");
    snprintf(body, sizeof body, "{\"userId\":\"%s\"}", repeat(many, 'x', 256));
    expect_good(PZ_OP_GET_RECOMMENDATIONS, body);
    snprintf(body, sizeof body, "{\"userId\":\"%s\"}", repeat(many, 'x', 257));
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, body, "'userId'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, "{\"userId\":\"\"}", "'userId'");
    expect_good(PZ_OP_GET_RECOMMENDATIONS, "{\"userId\":null,\"unknown\":[1,{}]}");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"context\":{\"a b\":\"x\"}"), "'context.a b'");
    snprintf(body, sizeof body, "\"context\":{\"A\":\"%s\"}", repeat(many, 'x', 1001));
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with(body), "'context.A'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"filterValues\":{\"A\":1}"), "'filterValues.A'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"promotions\":[{\"percentPromotedItems\":101}]"),
               "'promotions[1].percentPromotedItems'");
    expect_good(PZ_OP_GET_RECOMMENDATIONS, with("\"promotions\":[{\"percentPromotedItems\":100}]"));
    expect_bad(PZ_OP_GET_RECOMMENDATIONS,
               with("\"promotions\":[{\"percentPromotedItems\":1},{\"percentPromotedItems\":1}]"),
               "'promotions'");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, with("\"metadataColumns\":{\"ITEMS\":[\"a\"],\"B\":[]}"),
               "'metadataColumns'");
}

TEST(length_is_counted_in_characters)
{
    char body[2000] = "{\"userId\":\"";

    for (int i = 0; i < 256; i++)
        strcat(body, "ü");
    strcat(body, "\"}");
    expect_good(PZ_OP_GET_RECOMMENDATIONS, body);
}

TEST(bounds_of_events_hold)
{
    char many[2000], body[4000];
    const char *head = "{\"trackingId\":\"t\",\"sessionId\":\"s\",\"eventList\":[";

    snprintf(body, sizeof body, "%s{\"eventType\":\"click\",\"sentAt\":1795428000.5}]}", head);
    expect_good(PZ_OP_PUT_EVENTS, body);
    snprintf(body, sizeof body, "%s{\"eventType\":\"click\"}]}", head);
    expect_bad(PZ_OP_PUT_EVENTS, body, "'eventList[1].sentAt'");
    snprintf(body, sizeof body, "%s]}", head);
    expect_bad(PZ_OP_PUT_EVENTS, body, "'eventList'");
    snprintf(body, sizeof body, "%s{\"eventType\":\"c\",\"sentAt\":1,\"eventValue\":\"NaN\"}]}",
             head);
    expect_bad(PZ_OP_PUT_EVENTS, body, "'eventList[1].eventValue'");
    snprintf(body, sizeof body, "%s{\"eventType\":\"c\",\"sentAt\":1,\"properties\":\"{\"}]}",
             head);
    expect_bad(PZ_OP_PUT_EVENTS, body, "'eventList[1].properties'");
    snprintf(body, sizeof body,
             "%s{\"eventType\":\"c\",\"sentAt\":1,\"properties\":\"{\\\"a\\\":\\\"%s\\\"}\"}]}",
             head, repeat(many, 'x', 1016));
    expect_good(PZ_OP_PUT_EVENTS, body);
    snprintf(body, sizeof body,
             "%s{\"eventType\":\"c\",\"sentAt\":1,\"properties\":\"{\\\"a\\\":\\\"%s\\\"}\"}]}",
             head, repeat(many, 'x', 1017));
    expect_bad(PZ_OP_PUT_EVENTS, body, "'eventList[1].properties'");
    snprintf(body, sizeof body, "%s{\"eventType\":\"c\",\"sentAt\":1,\"impression\":[]}]}", head);
    expect_bad(PZ_OP_PUT_EVENTS, body, "'eventList[1].impression'");
    snprintf(body, sizeof body,
             "%s{\"eventType\":\"c\",\"sentAt\":1,\"recommendationId\":\"%s\"}]}", head,
             repeat(many, 'x', 41));
    expect_bad(PZ_OP_PUT_EVENTS, body, "'eventList[1].recommendationId'");
    expect_bad(PZ_OP_PUT_EVENTS, "{\"sessionId\":\"s\",\"eventList\":[]}", "'trackingId'");
}

TEST(json_that_could_be_read_in_two_ways_is_refused)
{
    char deep[200], brackets[50];

    expect_bad(PZ_OP_GET_RECOMMENDATIONS, "{\"userId\":\"a\",\"userId\":\"b\"}", "duplicate");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, "[]", "object");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, "{", "JSON");
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, "{\"userId\":\"a\\u0000b\"}", "JSON");
    snprintf(deep, sizeof deep, "{\"a\":%s", repeat(brackets, '[', 40));
    expect_bad(PZ_OP_GET_RECOMMENDATIONS, deep, "nested");
    expect_good(PZ_OP_GET_RECOMMENDATIONS,
                "{\"userId\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"\"}");
}

TEST(arns_end_in_a_kind_and_a_name)
{
    size_t n;
    const char *rest;

    assert_memory_equal(pz_wire_arn(ARN "campaign/demo", "campaign", &n, NULL), "demo", 5);
    assert_int_equal(n, 4);
    assert_null(pz_wire_arn(ARN "filter/demo", "campaign", &n, NULL));
    assert_null(pz_wire_arn(ARN "solution/demo", "campaign", &n, NULL)); /* as long a kind */
    assert_null(pz_wire_arn(ARN "campaigns/demo", "campaign", &n, NULL));
    assert_null(pz_wire_arn(ARN "campaign/demo/x", "campaign", &n, NULL));
    assert_null(pz_wire_arn(ARN "campaign/", "campaign", &n, NULL));
    assert_null(pz_wire_arn("arn:aws:personalize", "campaign", &n, NULL));
    assert_memory_equal(pz_wire_arn(ARN "dataset/shop/ITEMS", "dataset", &n, &rest), "shop/", 5);
    assert_int_equal(n, 4);
    assert_string_equal(rest, "ITEMS");
    assert_null(pz_wire_arn(ARN "dataset/shop", "dataset", &n, &rest));
}

static enum pz_status read_query(enum pz_operation op, const char *body, struct pz_wire_query *q,
                                 struct pz_arena *arena, json_t **doc, struct pz_err *err)
{
    enum pz_status st = pz_shape_parse(body, strlen(body), doc, err);

    return st == PZ_OK ? pz_wire_query_read(*doc, op, arena, q, err) : st;
}

TEST(a_query_has_all_that_the_body_says)
{
    struct pz_arena arena = { NULL };
    struct pz_wire_query q;
    struct pz_err err;
    json_t *doc = NULL;

    assert_int_equal(
        read_query(PZ_OP_GET_RECOMMENDATIONS,
                   with(
                       "\"context\":{\"DEVICE\":\"phone\"},\"filterArn\":\"" ARN "filter/f\","
                       "\"filterValues\":{\"G\":\"\\\"a\\\",\\\"b\\\"\"},\"promotions\":[{\"name\":"
                       "\"p\",\"percentPromotedItems\":20,\"filterArn\":\"" ARN "filter/g\"}],"
                       "\"metadataColumns\":{\"ITEMS\":[\"TITLE\"]},\"numResults\":7"),
                   &q, &arena, &doc, &err),
        PZ_OK);
    assert_int_equal(q.num, 7);
    assert_int_equal(q.question.n_context, 1);
    assert_string_equal(q.question.context[0].value, "phone");
    assert_non_null(strstr(q.question.filter_values, "\\\"a\\\",\\\"b\\\""));
    assert_string_equal(q.promotion_name, "p");
    assert_true(q.promotion_percent == 20);
    assert_int_equal(q.n_columns, 1);
    json_decref(doc);
    pz_arena_clear(&arena);
}

TEST(members_that_exclude_each_other_are_refused)
{
    struct pz_arena arena = { NULL };
    struct pz_wire_query q;
    struct pz_err err;
    json_t *doc = NULL;

    assert_int_equal(read_query(PZ_OP_GET_RECOMMENDATIONS, "{\"userId\":\"1\"}", &q, &arena, &doc,
                                &err),
                     PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "campaignArn"));
    json_decref(doc);
    assert_int_equal(read_query(PZ_OP_GET_RECOMMENDATIONS,
                                with("\"numResults\":51,\"metadataColumns\":{\"ITEMS\":[\"A\"]}"),
                                &q, &arena, &doc, &err),
                     PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "numResults"));
    json_decref(doc);
    assert_int_equal(read_query(PZ_OP_GET_RECOMMENDATIONS, with("\"filterValues\":{\"A\":\"1\"}"),
                                &q, &arena, &doc, &err),
                     PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "filterValues"));
    json_decref(doc);
    pz_arena_clear(&arena);
}
