/* SPDX-License-Identifier: Apache-2.0 */
/* Text to rows: both engines on the same nasty inputs, held to each other and to what is right. */
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/both_engines.h"
#include "tests/unit/unit.h"

static char path[256];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/pz-test-rows-%ld", (long)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

AROUND_ALL(make_path, remove_path)

static void put_file(const char *bytes, size_t n)
{
    assert_int_equal(pz_file_write(path, bytes, n, NULL), PZ_OK);
}

struct nasty {
    const char *text, *rows; /* rows: NULL: only held to each other */
};

#define GARBAGE "bad: there is text between a closing quote an "
#define OPEN "bad: a quote is opened and never closed"
#define RAGGED(n) "bad: has " #n " fields where the header has 2"

static const struct nasty inputs[] = {
    /* plain */
    { "A,B\n1,2\n", "(A)(B)2:[1][2] 1,2\n" },
    { "A,B\n1,2", "(A)(B)2:[1][2] 1,2\n" },
    { "A,B\r\n1,2\r\n", "(A)(B)2:[1][2] 1,2\n" },
    { "A,B\r\n1,2\r", "(A)(B)2:[1][2] 1,2\n" },
    { "A,B\n\n1,2\n\r\n\n3,4\n", "(A)(B)3:[1][2] 1,2\n6:[3][4] 3,4\n" },
    { "A,B\n,\n", "(A)(B)" }, /* a spreadsheet's blank line */
    { "A,B\n1,2\n,\r\n\"\",\n3,4\n", "(A)(B)2:[1][2] 1,2\n4:[][] \"\",\n5:[3][4] 3,4\n" },
    { "A,B\n1,2\n\x1a", "(A)(B)2:[1][2] 1,2\n" },
    { "A,B\n1,2\x1a", "(A)(B)2:[1][2] 1,2\n" },
    { "A,B\n1,2\r\n\f\r\n3,4\n\f", "(A)(B)2:[1][2] 1,2\n4:[3][4] 3,4\n" },
    { "A,B\n , \n", "(A)(B)2:[ ][ ]  , \n" },
    { "\xef\xbb\xbf"
      "A,B\n1,2\n",
      "(A)(B)2:[1][2] 1,2\n" },
    { "\n\n A , B \n1,2\n", "(A)(B)4:[1][2] 1,2\n" },
    { "A;B\n1,5;2\n", "(A)(B)2:[1,5][2] 1,5;2\n" },
    { "A\tB\n1\t2\n", "(A)(B)2:[1][2] 1\t2\n" },
    { "A|B\n1|2\n", "(A)(B)2:[1][2] 1|2\n" },
    { "A::B\n1::2\n", "(A)(B)2:[1][2] 1\x1f"
                      "2\n" },
    { "A::B\n1:2::3\n", "(A)(B)2:[1:2][3] 1:2\x1f"
                        "3\n" },
    { "A\n1\n2\n", "(A)2:[1] 1\n3:[2] 2\n" },
    { "A\n", "(A)" },
    { "A", "(A)" },
    { "", "status 65" },
    { "\n\n", "status 65" },
    { " \t\r\n", "status 65" },
    /* quotes as they should be */
    { "A,B\n\"1\",\"2\"\n", "(A)(B)2:[1][2] \"1\",\"2\"\n" },
    { "A,B\n\"1\",\"2\"\r\n", "(A)(B)2:[1][2] \"1\",\"2\"\n" },
    { "A,B\n\"1\",\"2\"\r", "(A)(B)2:[1][2] \"1\",\"2\"\n" },
    { "A,B\n\"\",\"\"\n", "(A)(B)2:[][] \"\",\"\"\n" },
    { "A,B\n\"a\"\"b\",2\n", "(A)(B)2:[a\"b][2] \"a\"\"b\",2\n" },
    { "A,B\n\"\"\"\",2\n", "(A)(B)2:[\"][2] \"\"\"\",2\n" },
    { "A,B\n\"a,b\",2\n3,4\n", "(A)(B)2:[a,b][2] \"a,b\",2\n3:[3][4] 3,4\n" },
    { "A,B\n\"a\nb\",2\n3,4\n", "(A)(B)2:[a\nb][2] \"a\nb\",2\n4:[3][4] 3,4\n" },
    { "A,B\n\"a\r\nb\",2\r\n3,4\r\n", "(A)(B)2:[a\r\nb][2] \"a\r\nb\",2\n4:[3][4] 3,4\n" },
    { "A,B\n\"a\rb\",2\n", "(A)(B)2:[a\rb][2] \"a\rb\",2\n" },
    { "A,B\n1,\"\n\"\n3,4\n", "(A)(B)2:[1][\n] 1,\"\n\"\n4:[3][4] 3,4\n" },
    { "\"A\",\"B\"\n1,2\n", "(A)(B)2:[1][2] 1,2\n" },
    { "\"A\nx\",B\n1,2\n", "(A\nx)(B)3:[1][2] 1,2\n" },
    { "A,B\n\"1\",2\n\n\"3\",4\n", "(A)(B)2:[1][2] \"1\",2\n4:[3][4] \"3\",4\n" },
    /* a quote inside a plain cell is a byte */
    { "A,B\n24\" wide,2\n3,4\n", "(A)(B)2:[24\" wide][2] 24\" wide,2\n3:[3][4] 3,4\n" },
    { "A,B\nx\"\",2\n", "(A)(B)2:[x\"\"][2] x\"\",2\n" },
    { "A,B\n \"x\",2\n", "(A)(B)2:[ \"x\"][2]  \"x\",2\n" },
    { "A,B\n1,2\"\n3,4\n", "(A)(B)2:[1][2\"] 1,2\"\n3:[3][4] 3,4\n" },
    { "A,B\n1,2\"\r\n3,4\n", "(A)(B)2:[1][2\"] 1,2\"\n3:[3][4] 3,4\n" },
    { "A,B\na\"b\"c,\"d\"\n", "(A)(B)2:[a\"b\"c][d] a\"b\"c,\"d\"\n" },
    { "A,B\n\t\"x\",2\n", "(A)(B)2:[\t\"x\"][2] \t\"x\",2\n" },
    /* quotes that spoil their line, and no other */
    { "A,B\n\"1\"x,2\n3,4\n", "(A)(B)2: " GARBAGE "\"1\"x,2\n3:[3][4] 3,4\n" },
    { "A,B\n\"1\" ,2\n3,4\n", "(A)(B)2: " GARBAGE "\"1\" ,2\n3:[3][4] 3,4\n" },
    { "A,B\n\"1\"\rx,2\n3,4\n", "(A)(B)2: " GARBAGE "\"1\"\rx,2\n3:[3][4] 3,4\n" },
    { "A,B\n\"1\"\r,2\n3,4\n", "(A)(B)2: " GARBAGE "\"1\"\r,2\n3:[3][4] 3,4\n" },
    { "A,B\n\"1\"\r\r\n3,4\n", "(A)(B)2: " GARBAGE "\"1\"\n3:[3][4] 3,4\n" },
    { "A,B\n\"1,2\n3,4\n5,6\n", "(A)(B)2: " OPEN " \"1,2\n3:[3][4] 3,4\n4:[5][6] 5,6\n" },
    { "A,B\n1,\"2\n3,4\n", "(A)(B)2: " OPEN " 1,\"2\n3:[3][4] 3,4\n" },
    { "A,B\n1,2\n3,\"4", "(A)(B)2:[1][2] 1,2\n3: " OPEN " 3,\"4\n" },
    { "A,B\n1,\"", "(A)(B)2: " OPEN " 1,\"\n" },
    { "A,B\n\"\"\"\n3,4\n", "(A)(B)2: " OPEN " \"\"\"\n3:[3][4] 3,4\n" },
    { "A,B\n1,\"2\n3,4\n5,\"6\"\n7,8\n",
      "(A)(B)2: " GARBAGE "1,\"2\n3:[3][4] 3,4\n4:[5][6] 5,\"6\"\n5:[7][8] 7,8\n" },
    { "A,B\n1,\"2\n3,4\n5,6\"\n7,8\n",
      "(A)(B)2:[1][2\n3,4\n5,6] 1,\"2\n3,4\n5,6\"\n5:[7][8] 7,8\n" },
    { "A,B\n\"1\n2\",3,4\n5,6\n",
      "(A)(B)2: " RAGGED(3) " \"1\n3: " RAGGED(3) " 2\",3,4\n4:[5][6] 5,6\n" },
    { "A,B\n\"1,2\n3,4\"\n5,6\n",
      "(A)(B)2: " RAGGED(1) " \"1,2\n3:[3][4\"] 3,4\"\n4:[5][6] 5,6\n" },
    /* another number of cells */
    { "A,B\n1\n2,3\n", "(A)(B)2: " RAGGED(1) " 1\n3:[2][3] 2,3\n" },
    { "A,B\n1,2,3\n4,5\n", "(A)(B)2: " RAGGED(3) " 1,2,3\n3:[4][5] 4,5\n" },
    { "A,B\n1,2,\n", "(A)(B)2: " RAGGED(3) " 1,2,\n" },
    { "A,B\n\"1\"\n2,3\n", "(A)(B)2: " RAGGED(1) " \"1\"\n3:[2][3] 2,3\n" },
    { "A,B\n\"1\",\"2\",\"3\"\n4,5\n", "(A)(B)2: " RAGGED(3) " \"1\",\"2\",\"3\"\n3:[4][5] 4,5\n" },
    /* CR alone is a byte */
    { "A,B\n1\r2,3\n", "(A)(B)2:[1\r2][3] 1\r2,3\n" },
    { "A,B\n1,2\r\r\n", "(A)(B)2:[1][2\r] 1,2\n" },
    { "A\n\r\r\nx\n", "(A)2:[\r] \n3:[x] x\n" },
    { "A,B\n\r1,2\n", "(A)(B)2:[\r1][2] \r1,2\n" },
    { "A,B\n\r,\r\n", "(A)(B)2:[\r][] \r,\n" },
    { "A\n\"x\"\r\n\r\ny\r\n", "(A)2:[x] \"x\"\n4:[y] y\n" },
    /* titles above the header, and what only looks so */
    { "Export of May\nA;B\n1;2\n", "(A)(B)3:[1][2] 1;2\n" },
    { "# made by shop 4.2\nA,B\n1,2\n", "(A)(B)3:[1][2] 1,2\n" },
    { "# one\n# two\nA,B\n1,2\n", "(A)(B)4:[1][2] 1,2\n" },
    { "Title\n\"A\nx\",B\n1,2\n", NULL },
    { "\"A,B\n1,2\n", "status 65" },
    { "A,B\"\n1,2\n", "(A)(B\")2:[1][2] 1,2\n" },
    /* bytes that are no text, and texts that are no tables */
    { "A,B\n\x80\xff,2\n", "(A)(B)2:[\x80\xff][2] \x80\xff,2\n" },
    { "\xe9,B\n1,2\n", "status 65" },
    { "[{\"A\":1}]", "status 65" },
    { "A,B\r1,2\r", "status 65" },
};

enum { N_INPUTS = sizeof inputs / sizeof inputs[0] };

static void check_both(const char *text, size_t n, const char *right)
{
    struct pz_str stream = { 0 }, blocks = { 0 };

    put_file(text, n);
    rows_of_stream(path, NULL, &stream);
    rows_of_blocks(path, NULL, &blocks);
    assert_int_equal(stream.failed || blocks.failed, 0);
    assert_string_equal(stream.data ? stream.data : "", blocks.data ? blocks.data : "");
    if (right)
        assert_string_equal(stream.data ? stream.data : "", right);
    pz_str_clear(&stream);
    pz_str_clear(&blocks);
}

TEST(both_engines_have_the_same_rows_of_nasty_inputs)
{
    assert_true(N_INPUTS >= 60);
    for (int i = 0; i < N_INPUTS; i++)
        check_both(inputs[i].text, strlen(inputs[i].text), inputs[i].rows);
}

TEST(nul_bytes_are_bytes_of_a_cell)
{
    static const char nul[] = "A,B\n1\0x,2\n\"\0\",3\n";

    check_both(nul, sizeof nul - 1, NULL);
}

TEST(utf16_is_refused)
{
    check_both("\xff\xfe"
               "A\0,\0B\0\n\0",
               10, "status 65");
    check_both("A\0,\0B\0\n\0", 8, "status 65");
}

/* Rows around the ends of blocks: a record of every length there, quoted and not. */
TEST(rows_at_the_ends_of_blocks_are_whole)
{
    enum { N = 1 << 21 };
    char *text = malloc(N + 256);

    for (size_t shift = 0; shift < 24; shift++) {
        size_t n = (size_t)sprintf(text, "A,B\n");

        while (n < N)
            n += (size_t)sprintf(text + n, n / 13 % 3 ? "%zu,\"a\nb\"\n" : "%zu,\"x\"y\n",
                                 n + shift);
        n += (size_t)sprintf(text + n, "\"open,1\n2,3\n");
        check_both(text, n, NULL);
    }
    free(text);
}

/* A quote that stays open for 4 MB costs its line alone. */
TEST(a_quote_open_for_long_is_never_closed)
{
    enum { LINES = 600000 };
    char *text = malloc(LINES * 8 + 64);
    size_t n = (size_t)sprintf(text, "A,B\n1,\"2\n");
    struct pz_str rows = { 0 };

    for (int i = 0; i < LINES; i++)
        n += (size_t)sprintf(text + n, "3,45678\n");
    n += (size_t)sprintf(text + n, "3,\"4\"\n");
    check_both(text, n, NULL);
    rows_of_stream(path, NULL, &rows);
    assert_non_null(strstr(rows.data, "2: " OPEN " 1,\"2\n3:[3][45678] 3,45678\n"));
    assert_non_null(strstr(rows.data, "600003:[3][4] 3,\"4\"\n"));
    pz_str_clear(&rows);
    free(text);
}

/* ---- JSON in streams ---- */

static const struct {
    const char *name, *text, *rows; /* of each row: line, '!' where it is bad, its bytes */
} json_inputs[] = {
    { "cut after a colon", "{\"a\":1}\n{\"a\":\n{\"a\":2}\n{\"a\":3}\n",
      "1 {\"a\":1}|2!{\"a\":|3 {\"a\":2}|4 {\"a\":3}|" },
    { "cut after a comma", "{\"a\":1,\n{\"a\":2}\n", "1!{\"a\":1,|2 {\"a\":2}|" },
    { "cut after a value", "{\"a\":1\n{\"a\":2}\n", "1!{\"a\":1|2 {\"a\":2}|" },
    { "cut in a string", "{\"a\":\"x\n{\"a\":2}\n", "1!{\"a\":\"x|2 {\"a\":2}|" },
    { "cut behind a backslash", "{\"a\":\"x\\\n{\"a\":2}\n", "1!{\"a\":\"x\\|2 {\"a\":2}|" },
    { "cut in an array", "{\"a\":[1,2\n{\"a\":2}\n", "1!{\"a\":[1,2|2 {\"a\":2}|" },
    { "cut in an array of objects", "{\"a\":[\n{\"a\":2}\n{\"a\":3}\n",
      "1!{\"a\":[|2 {\"a\":2}|3 {\"a\":3}|" },
    { "cut at the end", "{\"a\":1}\n{\"a\":2,", "1 {\"a\":1}|2!{\"a\":2,|" },
    { "over several lines", "{\"a\":1,\n \"b\":{\n \"c\":[1,\n{}]}\n}\n{\"a\":2}\n",
      "1 {\"a\":1,\n \"b\":{\n \"c\":[1,\n{}]}\n}|6 {\"a\":2}|" },
    { "several lines and wrong", "{\"a\":1,\n\"b\":tru\n}\n{\"a\":2}\n",
      "1!{\"a\":1,|2!\"b\":tru|3!}|4 {\"a\":2}|" },
    { "closed too often", "{\"a\":1}}\n{\"a\":2}\n", "1!{\"a\":1}}|2 {\"a\":2}|" },
    { "two on a line", "{\"a\":1}{\"a\":2}\n{\"a\":3}\n", "1!{\"a\":1}{\"a\":2}|2 {\"a\":3}|" },
    { "a bracket of the other kind", "{\"a\":[1}\n{\"a\":2}\n", "1!{\"a\":[1}|2 {\"a\":2}|" },
    { "braces in strings", "{\"a\":\"}{\\\"{\"}\n{\"a\":2}\n",
      "1 {\"a\":\"}{\\\"{\"}|2 {\"a\":2}|" },
    { "no object", "{\"a\":1}\n7\n[1]\nx\n{\"a\":2}\n", "1 {\"a\":1}|2!7|3![1]|4!x|5 {\"a\":2}|" },
    { "blank lines", "\n{\"a\":1}\r\n \t\r\n{\"a\":2}\r\n", "2 {\"a\":1}|4 {\"a\":2}|" },
};

TEST(a_json_line_that_breaks_off_swallows_nothing)
{
    for (size_t k = 0; k < sizeof json_inputs / sizeof *json_inputs; k++) {
        struct pz_str rows = { 0 };
        struct pz_rows_in *in = NULL;
        struct pz_row row = { 0 };

        put_file(json_inputs[k].text, strlen(json_inputs[k].text));
        assert_int_equal(pz_rows_open(path, NULL, &in, NULL), PZ_OK);
        while (pz_rows_next(in, &row, NULL) == PZ_OK && !row.end) {
            assert_true((row.bad != NULL) == (row.json == NULL));
            pz_str_addf(&rows, "%d%c%.*s|", (int)row.line, row.bad ? '!' : ' ', (int)row.n_raw,
                        row.raw);
        }
        assert_string_equal(rows.data, json_inputs[k].rows);
        pz_rows_close(in);
        pz_str_clear(&rows);
    }
}
