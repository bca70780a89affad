/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines of a block to rows, and where an object ends that goes over several lines: a table
 * each. */
#include "base/str.h"
#include "tests/unit/unit.h"
#include "text/jsondoc.h"
#include "text/record.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* ---- rows ---- */

/* Keys of the test: A, B, C at the top, user.id and "deep.er.id" inside. What else is asked for is
 * noted. */
struct keys {
    struct pz_str asked;
};

static size_t slot_of(void *context, const char *key, bool inside)
{
    static const char *const top[] = { "A", "B", "C" }, *const within[] = { "user.id",
                                                                            "deep.er.id" };
    struct keys *k = context;

    for (size_t i = 0; i < LENGTH(top) && !inside; i++)
        if (strcmp(top[i], key) == 0)
            return i;
    for (size_t i = 0; i < LENGTH(within) && inside; i++)
        if (strcmp(within[i], key) == 0)
            return LENGTH(top) + i;
    pz_str_addf(&k->asked, "%s%s ", inside ? "/" : "", key);
    return SIZE_MAX;
}

static const struct {
    const char *text, *rows, *asked;
} inputs[] = {
    { "", "", "" },
    { "\n \n\t\r\n", "", "" },
    { "{\"A\":\"x\"}\n", "1:[x]", "" },
    { "{\"A\":\"x\"}", "1:[x]", "" }, /* without a newline */
    { "{\"A\":\"x\"}\r\n{\"B\":\"y\"}\r\n", "1:[x] 2:[][y]", "" },
    { "\n\n{\"A\":1}\n\n{\"A\":2}\n", "3:[1] 5:[2]", "" }, /* blank lines count as lines */
    { "{}\n", "1:", "" },
    /* values as a CSV cell has them */
    { "{\"A\":1,\"B\":-0.5,\"C\":1e3}\n", "1:[1][-0.5][1000]", "" },
    { "{\"A\":true,\"B\":false,\"C\":null}\n", "1:[true][false][]", "" },
    { "{\"A\":9007199254740993}\n", "1:[9007199254740993]",
      "" }, /* 2^53 + 1: no double on the way */
    { "{\"A\":0.1}\n", "1:[0.1]", "" },
    { "{\"A\":\"\\u00e4\\\"\\\\\"}\n", "1:[\xc3\xa4\"\\]", "" },
    { "{\"A\":\"\"}\n", "1:[]", "" },
    { "{\"A\":[\"x\",\"y\"]}\n", "1:[x|y]", "" },
    { "{\"A\":[1,true,\"z\"]}\n", "1:[1|true|z]", "" },
    { "{\"A\":[]}\n", "1:[]", "" },
    { "{\"A\":\"x|y\"}\n", "1:[x|y]", "" },
    { "{\"A\":[\"x|y\"]}\n", "1! column A: an array with a '|'", "" },
    { "{\"B\":[\"x\",\"p|q\"]}\n", "1! column B: an array with a '|'", "" },
    /* a row that lacks a key has none of the last row's value */
    { "{\"A\":1,\"B\":2}\n{\"B\":3}\n{\"A\":4}\n", "1:[1][2] 2:[][3] 3:[4][]", "" },
    /* objects inside */
    { "{\"user\":{\"id\":\"u\",\"n\":1}}\n", "1:[][][][u]", "/user.n /user " },
    { "{\"user\":{\"of\":[{\"n\":1}]},\"C\":[{}]}\n", "1:", "/user.of[] /user /C[] " },
    { "{\"deep\":{\"er\":{\"id\":7}}}\n", "1:[][][][][7]", "/deep " },
    { "{\"A\":{\"x\":1}}\n", "1:", "/A.x /A " },
    { "{\"A\":[{\"x\":1}]}\n", "1:", "/A[] " },
    { "{\"A\":[[1]]}\n", "1:", "/A[] " },
    { "{\"Z\":1}\n", "1:", "Z " },
    /* MongoDB */
    { "{\"A\":{\"$oid\":\"5f\"},\"B\":{\"$numberLong\":\"12\"}}\n", "1:[5f][12]", "" },
    { "{\"A\":{\"$date\":{\"$numberLong\":\"99\"}}}\n", "1:[99]", "" },
    { "{\"A\":{\"$numberInt\":\"1\"},\"B\":{\"$numberDouble\":\"2.5\"},\"C\":{\"$numberDecimal\":"
      "\"3\"}}\n",
      "1:[1][2.5][3]", "" },
    { "{\"A\":[{\"$oid\":\"1\"},{\"$oid\":\"2\"}]}\n", "1:[1|2]", "" },
    { "{\"A\":{\"$oid\":\"5f\",\"x\":1}}\n", "1:", "/A.$oid /A.x /A " }, /* not that alone */
    /* lines that are no rows cost themselves alone */
    { "{\"A\":1\n{\"A\":2}\n", "1! JSON 2:[2]", "" },
    { "7\n{\"A\":2}\n", "1! JSON 2:[2]", "" },
    { "[1]\n{\"A\":2}\n", "1! a line must be a JSON object 2:[2]", "" },
    { "{\"A\":1,\"A\":2}\n{\"A\":3}\n", "1! JSON 2:[3]", "" },
    { "{\"A\":1} x\n{\"A\":3}\n", "1! JSON 2:[3]", "" },
    { "{\"A\":\"\xff\"}\n{\"A\":3}\n", "1! JSON 2:[3]", "" },
    { "{\"A\":\"\\u0000\"}\n{\"A\":3}\n", "1! JSON 2:[3]", "" },
};

static void add_row(struct pz_str *out, const struct pz_row *row, const char *bad)
{
    pz_str_addf(out, "%s%llu%c", out->len ? " " : "", (unsigned long long)row->line,
                row->bad ? '!' : ':');
    if (row->bad) /* as much of the reason as the table gives */
        pz_str_addf(out, " %.*s", (int)strlen(bad), row->bad);
    for (size_t c = 0; c < row->n_cells && !row->bad; c++)
        pz_str_addf(out, "[%.*s]", (int)row->cell[c].n, row->cell[c].s);
}

/* The reason that a table's row gives behind "! ", up to the next row. */
static const char *reason_in(const char *rows, char *reason, size_t size)
{
    const char *from = strstr(rows, "! "), *to = from ? from + 2 : NULL;

    reason[0] = '\0';
    while (to && *to && !(*to == ' ' && to[1] >= '1' && to[1] <= '9' && strchr(":!", to[2])))
        to++;
    if (from)
        snprintf(reason, size, "%.*s", (int)(to - from - 2), from + 2);
    return reason;
}

TEST(a_line_of_json_is_cells_or_a_reason)
{
    for (size_t i = 0; i < LENGTH(inputs); i++) {
        struct keys keys = { .asked = { 0 } };
        struct pz_jsonl_reader r;
        struct pz_str rows = { 0 };
        struct pz_row row;
        char reason[100];

        pz_str_adds(&keys.asked, "");
        pz_str_adds(&rows, "");
        reason_in(inputs[i].rows, reason, sizeof reason);
        pz_jsonl_init(&r, slot_of, &keys);
        pz_jsonl_start(&r, inputs[i].text, strlen(inputs[i].text));
        while (pz_jsonl_next(&r, &row))
            add_row(&rows, &row, reason);
        if (strcmp(rows.data, inputs[i].rows) != 0 || strcmp(keys.asked.data, inputs[i].asked) != 0)
            fail_msg("%s\ngives %s (%s)\nand not %s (%s)", inputs[i].text, rows.data,
                     keys.asked.data, inputs[i].rows, inputs[i].asked);
        pz_jsonl_clear(&r);
        pz_str_clear(&rows);
        pz_str_clear(&keys.asked);
    }
}

static size_t first_slot(void *context, const char *key, bool inside)
{
    (void)context;
    (void)key;
    return inside ? SIZE_MAX : 0;
}

TEST(two_keys_of_one_column_are_refused_wherever_the_value_is)
{
    static const char *const lines[] = { "{\"X\":1,\"Y\":2}\n", "{\"X\":[1],\"Y\":\"2\"}\n" };

    for (size_t i = 0; i < LENGTH(lines); i++) {
        struct pz_jsonl_reader r;
        struct pz_row row;

        pz_jsonl_init(&r, first_slot, NULL);
        pz_jsonl_start(&r, lines[i], strlen(lines[i]));
        assert_true(pz_jsonl_next(&r, &row));
        assert_non_null(row.bad);
        assert_string_equal(row.bad, "two keys stand for one column, one is \"Y\"");
        pz_jsonl_clear(&r);
    }
}

TEST(a_reader_goes_on_with_the_next_block)
{
    struct keys keys = { .asked = { 0 } };
    struct pz_jsonl_reader r;
    struct pz_row row;

    pz_jsonl_init(&r, slot_of, &keys);
    for (int block = 0; block < 2; block++) {
        pz_jsonl_start(&r, "\n{\"B\":\"y\"}\n", 11);
        assert_true(pz_jsonl_next(&r, &row));
        assert_int_equal(row.line, 2); /* in the block */
        assert_int_equal(row.n_raw, 9);
        assert_memory_equal(row.raw, "{\"B\":\"y\"}", 9);
        assert_false(pz_jsonl_next(&r, &row));
        assert_false(pz_jsonl_next(&r, &row)); /* the end stays the end */
    }
    pz_jsonl_clear(&r);
    pz_str_clear(&keys.asked);
}

TEST(a_path_inside_has_255_bytes_at_most)
{
    for (size_t n = 254; n <= 255; n++) { /* of the key: "o." and 253 bytes are 255 */
        struct keys keys = { .asked = { 0 } };
        struct pz_jsonl_reader r;
        struct pz_str line = { 0 };
        struct pz_row row;

        pz_str_adds(&line, "{\"o\":{\"");
        for (size_t i = 0; i + 1 < n; i++)
            pz_str_addc(&line, 'k');
        pz_str_adds(&line, "\":1}}\n");
        pz_jsonl_init(&r, slot_of, &keys);
        pz_jsonl_start(&r, line.data, line.len);
        assert_true(pz_jsonl_next(&r, &row));
        assert_null(row.bad);
        /* longer: the value is passed over, and only the object was asked for */
        assert_int_equal(keys.asked.len,
                         n == 254 ? strlen("/o ") + strlen("/o. ") + 253 : strlen("/o "));
        pz_jsonl_clear(&r);
        pz_str_clear(&line);
        pz_str_clear(&keys.asked);
    }
}

/* ---- where an object ends ---- */

/* Lines separated by newlines; after each: O open, W whole, B broken (nothing is read behind
 * it). */
static const struct {
    const char *lines, *ends;
} docs[] = {
    { "{}", "W" },
    { "{\"a\": 1}", "W" },
    { "  {\"a\":[1, 2]}\t\r", "W" },
    { "{\n}", "OW" },
    { "{\n\"a\": {\n\"b\": [\n1,\n2\n]\n}\n}", "OOOOOOOW" },
    { "{\"a\":\n{}}", "OW" }, /* the value comes in the next line */
    { "{\"a\":[\n{},\n{}\n]}", "OOOW" },
    { "{\"a\": \"}\"", "O" }, /* a bracket in a string is none */
    { "{\"a\": \"\\\"}\"}", "W" },
    { "{\"a\": \"\\\\\"}", "W" },
    { "{\"a\": \"x", "B" }, /* strings end in their line */
    { "{\"a\": \"x\\", "B" },
    { "", "O" },
    { "\n \n{}", "OOW" },
    /* cut short: the next line shows it */
    { "{\"a\": 1,\n{\"a\": 2}", "OB" },
    { "{\"a\": 1\n{\"a\": 2}", "OB" },
    { "{\"a\"\n{\"a\": 2}", "OB" },
    { "{\"a\": [1\n{\"a\": 2}", "OB" },
    { "{\"a\": {}\n{\"a\": 2}", "OB" },
    /* cannot be told from a value: the next line closes too little */
    { "{\"a\":\n{\"a\": 2}", "OO" },
    { "{\"a\": [1,\n{\"a\": 2}", "OO" },
    /* never an object */
    { "[1]", "B" },
    { "7", "B" },
    { "\"a\"", "B" },
    { "}", "B" },
    { "{]", "B" },
    { "{\"a\":[}", "B" },
    { "{\"a\":[}]", "B" },
    { "{} {}", "B" },
    { "{} x", "B" },
    { "{\n}\n{}", "OWB" }, /* a second one, after the end */
    { "{{}}", "B" },
    { "{[]}", "B" },
    { "{\"a\"[]}", "B" },
};

TEST(an_object_ends_where_its_brackets_do)
{
    for (size_t i = 0; i < LENGTH(docs); i++) {
        struct pz_jsondoc doc = { .depth = 0 };
        enum pz_jsondoc_end end = PZ_JSONDOC_OPEN;
        const char *s = docs[i].lines;
        char ends[16] = "";

        for (size_t line = 0; end != PZ_JSONDOC_BROKEN && line < sizeof ends - 1; line++) {
            size_t n = strcspn(s, "\n");

            end = pz_jsondoc_line(&doc, s, n);
            ends[line] = "OWB"[end];
            if (!s[n])
                break;
            s += n + 1;
        }
        if (strcmp(ends, docs[i].ends) != 0)
            fail_msg("%s\ngives %s and not %s", docs[i].lines, ends, docs[i].ends);
    }
}

TEST(brackets_nest_512_deep)
{
    for (size_t depth = PZ_JSONDOC_DEPTH; depth <= PZ_JSONDOC_DEPTH + 1; depth++) {
        struct pz_jsondoc doc = { .depth = 0 };
        struct pz_str text = { 0 };

        pz_str_adds(&text, "{\"a\":");
        for (size_t i = 1; i < depth; i++)
            pz_str_addc(&text, '[');
        for (size_t i = 1; i < depth; i++)
            pz_str_addc(&text, ']');
        pz_str_addc(&text, '}');
        assert_int_equal(pz_jsondoc_line(&doc, text.data, text.len),
                         depth == PZ_JSONDOC_DEPTH ? PZ_JSONDOC_WHOLE : PZ_JSONDOC_BROKEN);
        pz_str_clear(&text);
    }
}
