/* SPDX-License-Identifier: Apache-2.0 */
/* One look at the start of a text: what it is, what delimits, which columns there are, where the
 * rows begin. */
#include "base/str.h"
#include "tests/unit/unit.h"
#include "text/decode.h"
#include "text/head.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static const struct {
    const char *text;
    size_t n; /* 0: strlen */
    struct pz_text_cfg cfg;
    const char
        *is; /* "delimiter|names|lines before the first row", "json", or "! " and a message */
} heads[] = {
    { "A,B\n1,2\n", 0, { 0 }, ",|A B|1" },
    { "A;B\n1;2\n", 0, { 0 }, ";|A B|1" },
    { "A\tB\n1\t2\n", 0, { 0 }, "\t|A B|1" },
    { "A|B\n1|2\n", 0, { 0 }, "||A B|1" },
    { "A::B\n1::2\n", 0, { 0 }, "\x1f|A B|1" },
    { "A:B,C\n", 0, { 0 }, ",|A:B C|1" },             /* one ':' delimits nothing */
    { "\"A;B\",C;D,E\n", 0, { 0 }, ",|A;B C;D E|1" }, /* not inside quotes */
    { " A , B\t\n", 0, { 0 }, ",|A B|1" },            /* blanks around names */
    { "A\n1\n", 0, { 0 }, ",|A|1" },                  /* nothing delimits: one column */
    { "\xef\xbb\xbf"
      "A,B\n",
      0,
      { 0 },
      ",|A B|1" },                                   /* a byte order mark */
    { "\n \r\n\nA,B\n", 0, { 0 }, ",|A B|4" },       /* blank lines */
    { "\"A\nX\",B\n1,2\n", 0, { 0 }, ",|A\nX B|2" }, /* a header of two lines */
    { "{\"A\":1}\n", 0, { 0 }, "json" },
    { "\n  {\"A\":1}\n", 0, { 0 }, "json" },
    /* titles above the header */
    { "Sales of May\nA,B\n1,2\n", 0, { 0 }, ",|A B|2" },
    { "# a\n# b\nA,B\n", 0, { 0 }, ",|A B|3" },
    { "A\n1\n2\n", 0, { 0 }, ",|A|1" }, /* one column is no title over another */
    { "A\n1\n2,3\n4\n", 0, { 0 }, ",|A|1" },
    { "sep=;\r\nA;B\n1;2\n", 0, { 0 }, ";|A B|2" },
    { "Report: clicks,,\n,,\nA,B,C\n1,2,3\n", 0, { 0 }, ",|A B C|3" },
    { "\"All, of May\",,\nA,B,C\n1,2,3\n", 0, { 0 }, ",|A B C|2" },
    { "Shop\n\nfrom May to June\n\nA\tB\tC\n1\t2\t3\n", 0, { 0 }, "\t|A B C|5" },
    { "A,\n1,2\n", 0, { 0 }, ",|A |1" }, /* a column without a name */
    /* what the caller knows */
    { "A;B,C\n", 0, { .delimiter = ";" }, ";|A B,C|1" },
    { "A\tB,C\n", 0, { .delimiter = "tab" }, "\t|A B,C|1" },
    { "A\tB,C\n", 0, { .delimiter = "\\t" }, "\t|A B,C|1" },
    { "A::B,C\n", 0, { .delimiter = "::" }, "\x1f|A B,C|1" },
    { "A^B\n", 0, { .delimiter = "^" }, "^|A B|1" },
    { "A,B\n", 0, { .delimiter = "ab" }, "! neither one byte, nor tab, nor ::" },
    { "A,B\n", 0, { .delimiter = "" }, "! neither one byte" },
    { "A,B\n", 0, { .delimiter = "\"" }, "! neither one byte" },
    { "A,B\n", 0, { .delimiter = ":" }, "! neither one byte" },
    { "1,2\n3,4\n", 0, { .header = "A,B" }, ",|A B|0" },
    { "x\ny\nA,B\n1,2\n", 0, { .skip_lines = 2 }, ",|A B|3" },
    { "x\n{\"A\":1}\n", 0, { .skip_lines = 1 }, "json" },
    /* what only looks like a table */
    { "", 0, { 0 }, "! the file is empty" },
    { " \n\r\n", 0, { 0 }, "! the file is empty" },
    { "x\n", 0, { .skip_lines = 1 }, "! the file is empty" },
    { "\xef\xbb\xbf", 0, { 0 }, "! the file is empty" }, /* a byte order mark alone */
    { "\xff\xfe"
      "A\0",
      4,
      { 0 },
      "! iconv -f UTF-16 -t UTF-8" },
    { "\xfe\xff"
      "\0A",
      4,
      { 0 },
      "! iconv -f UTF-16 -t UTF-8" },
    { "A\0,\0", 4, { 0 }, "! iconv -f UTF-16LE -t UTF-8" },
    { "\0A\0,", 4, { 0 }, "! iconv -f UTF-16BE -t UTF-8" },
    { "[{\"A\":1}]\n", 0, { 0 }, "! jq -c '.[]'" },
    { "A,B\r1,2\r3,4\r\n", 0, { 0 }, "! tr '\\r' '\\n'" },
    { "A,B\xe4\n", 0, { 0 }, "! iconv -f LATIN1 -t UTF-8" },
    { "\"A,B\n1,2\n", 0, { 0 }, "! has a quote that is not closed" },
    { "\"A\"x,B\n", 0, { 0 }, "! text between a closing quote" },
};

static void add_head(struct pz_str *out, const struct pz_text_head *head)
{
    if (head->json) {
        pz_str_adds(out, "json");
        return;
    }
    pz_str_addf(out, "%c|", head->form.delimiter);
    for (size_t i = 0; i < head->n; i++)
        pz_str_addf(out, "%s%s", i > 0 ? " " : "", head->name[i]);
    pz_str_addf(out, "|%llu", (unsigned long long)head->lines);
}

static void check_head(size_t i)
{
    size_t n = heads[i].n ? heads[i].n : strlen(heads[i].text);
    struct pz_text_head head = { .json = false };
    struct pz_err err = { .text = "" };
    struct pz_str got = { 0 };
    char text[256];
    bool more;
    enum pz_status st;

    memcpy(text, heads[i].text, n + 1); /* "::" is folded in place */
    st = pz_text_head_read("f.csv", &heads[i].cfg, text, &n, true, &head, &more, &err);
    assert_false(more);
    if (st == PZ_OK)
        add_head(&got, &head);
    if (heads[i].is[0] == '!' ? st == PZ_OK || !strstr(err.text, heads[i].is + 2)
                              : st != PZ_OK || strcmp(got.data, heads[i].is) != 0)
        fail_msg("head %zu is %s and not %s", i, st == PZ_OK ? got.data : err.text, heads[i].is);
    pz_str_clear(&got);
    pz_text_head_clear(&head);
}

TEST(the_start_of_a_text_says_what_it_is)
{
    for (size_t i = 0; i < LENGTH(heads); i++)
        check_head(i);
}

/* Cut anywhere, the head asks for more or says what it says of the whole; it never guesses. */
static void check_cut(const char *whole, size_t cut, const char *is)
{
    struct pz_text_head head = { .json = false };
    struct pz_err err = { .text = "" };
    struct pz_str got = { 0 };
    char text[64];
    size_t n = cut;
    bool more = false;

    memcpy(text, whole, cut);
    if (pz_text_head_read("f", NULL, text, &n, false, &head, &more, &err) != PZ_OK)
        fail_msg("%zu bytes: %s", cut, err.text);
    if (!more) {
        add_head(&got, &head);
        assert_string_equal(got.data, is);
    }
    pz_str_clear(&got);
    pz_text_head_clear(&head);
}

TEST(a_head_that_is_cut_asks_for_more)
{
    static const char *const whole[] = { "\xef\xbb\xbf\n# title\nA::B\n1::2\n", "Title\nA,B\n1,2\n",
                                         "\"A\nX\",B\n1,2\n", "\n\n{\"A\":1}\n" };
    static const char *const is[] = { "\x1f|A B|3", ",|A B|2", ",|A\nX B|2", "json" };

    for (size_t i = 0; i < LENGTH(whole); i++)
        for (size_t cut = 0; cut <= strlen(whole[i]); cut++)
            check_cut(whole[i], cut, is[i]);
}

/* Names on one line, or titles above it, at the limit and one more. */
TEST(a_header_has_at_most_4096_columns)
{
    for (size_t n_columns = 4096; n_columns <= 4097; n_columns++) {
        struct pz_text_head head = { .json = false };
        struct pz_err err = { .text = "" };
        struct pz_str text = { 0 };
        bool more;
        enum pz_status st;

        for (size_t i = 0; i < n_columns; i++)
            pz_str_addf(&text, "%sc%zu", i > 0 ? "," : "", i);
        pz_str_addc(&text, '\n');
        st = pz_text_head_read("f", NULL, text.data, &text.len, true, &head, &more, &err);
        assert_int_equal(st, n_columns == 4096 ? PZ_OK : PZ_BAD_DATA);
        if (st != PZ_OK)
            assert_non_null(strstr(err.text, "more than 4096 columns"));
        pz_text_head_clear(&head);
        pz_str_clear(&text);
    }
}

TEST(at_most_ten_lines_are_passed_over_as_titles)
{
    for (size_t n_titles = 10; n_titles <= 11; n_titles++) {
        struct pz_text_head head = { .json = false };
        struct pz_str text = { 0 };
        bool more;

        for (size_t i = 0; i < n_titles; i++)
            pz_str_adds(&text, "# title\n");
        pz_str_adds(&text, "A,B\n1,2\n");
        assert_int_equal(pz_text_head_read("f", NULL, text.data, &text.len, true, &head, &more,
                                           NULL),
                         PZ_OK);
        assert_int_equal(head.passed, 10);
        assert_int_equal(head.n, n_titles == 10 ? 2 : 1); /* the eleventh is a header then */
        pz_text_head_clear(&head);
        pz_str_clear(&text);
    }
}

static const struct {
    const char *text;
    size_t from;
    const char *folded;
} folds[] = {
    { "a::b", 0,
      "a\x1f"
      "b" },
    { "a:b", 0, "a:b" },
    { ":::", 0, "\x1f:" },
    { "::::", 0, "\x1f\x1f" },
    { "", 0, "" },
    { "a:", 0, "a:" },
    { "a::b", 2,
      "a\x1f"
      "b" },               /* the first ':' came with the last read */
    { "a::b", 3, "a::b" }, /* looked at before: only the ':' just before is looked at again */
    { "::a::", 2, "::a\x1f" },
};

TEST(pairs_of_colons_become_one_byte)
{
    for (size_t i = 0; i < LENGTH(folds); i++) {
        char text[16];
        size_t n;

        strcpy(text, folds[i].text);
        n = pz_text_fold(text, folds[i].from, strlen(text));
        if (n != strlen(folds[i].folded) || memcmp(text, folds[i].folded, n) != 0)
            fail_msg("\"%s\" from %zu", folds[i].text, folds[i].from);
    }
}

/* ---- packing ---- */

static const struct {
    const char *bytes;
    size_t n;
    enum pz_packing is;
} packings[] = {
    { "\x1f\x8b\x08", 3, PZ_PACKING_GZIP },
    { "\x1f\x8b", 1, PZ_PACKING_NONE },
    { "\xfd"
      "7zXZ\0",
      6, PZ_PACKING_XZ },
    { "\xfd"
      "7zXZ\0",
      5, PZ_PACKING_NONE },
    { "BZh91AY&SY", 10, PZ_PACKING_BZIP2 },
    { "USER_ID,ITEM_ID", 15, PZ_PACKING_NONE },
    { "", 0, PZ_PACKING_NONE },
};

TEST(packing_is_told_by_the_first_bytes)
{
    for (size_t i = 0; i < LENGTH(packings); i++)
        if (pz_packing_of(packings[i].bytes, packings[i].n) != packings[i].is)
            fail_msg("row %zu", i);
}
