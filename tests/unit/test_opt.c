/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: what a command line means, and what is refused with which words. */
#include "base/opt.h"

#include "tests/unit/unit.h"

struct config {
    bool flag;
    long long count;
    double rate;
    const char *format, *path;
    struct pz_strs sets;
    struct pz_common common;
};

static const struct pz_opt opts[] = {
    PZ_FLAG('f', "flag", struct config, flag, "a flag"),
    PZ_INT('n', "count", struct config, count, "7 (seven)", -5, 100, "N", "a whole number"),
    PZ_REAL(0, "rate", struct config, rate, "0.5", 0, 1, "X", "a number"),
    PZ_STR(0, "format", struct config, format, "csv", "csv|json|jsonl", "a closed list"),
    PZ_STR('o', "output", struct config, path, NULL, "FILE|-", "a file"),
    PZ_LIST('s', "set", struct config, sets, "NAME=VALUE", "a list"),
    PZ_OPT_COMMON(struct config, common),
    PZ_END,
};

static struct config cfg;
static struct pz_strs args;
static struct pz_err err;
static char words[16][64];

/* Parse a line of words separated by blanks. */
static enum pz_status parse(const char *line)
{
    char copy[256], *argv[17], *rest = copy;
    int argc = 0;

    pz_opt_clear(opts, &cfg);
    pz_strs_clear(&args);
    cfg = (struct config){ 0 };
    err.text[0] = '\0';
    snprintf(copy, sizeof copy, "prog %s", line);
    for (char *word; (word = strsep(&rest, " ")) != NULL && argc < 16;) {
        snprintf(words[argc], sizeof words[argc], "%s", word);
        argv[argc] = words[argc];
        argc++;
    }
    argv[argc] = NULL;
    return pz_opt_parse(opts, argc, argv, &cfg, &args, &err);
}

static int forget(void **state __attribute__((unused)))
{
    pz_opt_clear(opts, &cfg);
    pz_strs_clear(&args);
    return 0;
}

AROUND_EACH(NULL, forget)

TEST(defaults_are_set_and_words_about_them_are_not_read)
{
    assert_int_equal(parse("in.csv"), PZ_OK);
    assert_int_equal(cfg.count, 7);
    assert_true(cfg.rate == 0.5 && !cfg.flag && !cfg.path);
    assert_string_equal(cfg.format, "csv");
    assert_int_equal(args.n, 1);
    assert_string_equal(args.v[0], "in.csv");
}

TEST(every_way_to_write_an_option_is_the_same)
{
    static const char *const lines[] = { "--count=3 --flag", "--count 3 -f", "-n3 -f",
                                         "-n 3 --fl",        "-fn 3",        "--cou=3 --flag" };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(lines[i]), PZ_OK);
        assert_int_equal(cfg.count, 3);
        assert_true(cfg.flag);
    }
}

TEST(the_bounds_of_numbers_belong_to_them_and_one_beyond_does_not)
{
    static const struct {
        const char *line;
        enum pz_status want;
    } t[] = {
        { "--count=-5", PZ_OK },     { "--count=100", PZ_OK },     { "--count=-6", PZ_USAGE },
        { "--count=101", PZ_USAGE }, { "--count=1.5", PZ_USAGE },  { "--count=", PZ_USAGE },
        { "--count=abc", PZ_USAGE }, { "--count=0x10", PZ_USAGE }, { "--rate=0", PZ_OK },
        { "--rate=1", PZ_OK },       { "--rate=1.01", PZ_USAGE },  { "--rate=-0.1", PZ_USAGE },
        { "--rate=nan", PZ_USAGE },  { "--rate=1e-3", PZ_OK },
    };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        if (parse(t[i].line) != t[i].want)
            fail_msg("%s: %s", t[i].line, err.text);
}

TEST(a_closed_list_takes_its_words_in_any_case_and_no_others)
{
    assert_int_equal(parse("--format JSON"), PZ_OK);
    assert_string_equal(cfg.format, "json");
    assert_int_equal(parse("--format=JsonL"), PZ_OK);
    assert_string_equal(cfg.format, "jsonl");
    assert_int_equal(parse("--format=js"), PZ_USAGE);
    assert_non_null(strstr(err.text, "csv|json|jsonl"));
    assert_int_equal(parse("--output=JSON"), PZ_OK); /* not a list: kept as written */
    assert_string_equal(cfg.path, "JSON");
}

TEST(lists_keep_their_order_and_the_last_single_value_counts)
{
    assert_int_equal(parse("-s a=1 --set b=2 -sc=3 -o x -o y"), PZ_OK);
    assert_int_equal(cfg.sets.n, 3);
    assert_string_equal(cfg.sets.v[1], "b=2");
    assert_string_equal(cfg.path, "y");
}

TEST(two_dashes_end_options_and_one_dash_is_an_operand)
{
    assert_int_equal(parse("- -- -f --count"), PZ_OK);
    assert_int_equal(args.n, 3);
    assert_string_equal(args.v[2], "--count");
    assert_false(cfg.flag);
}

TEST(what_is_not_understood_is_said_with_what_was_perhaps_meant)
{
    assert_int_equal(parse("--cuont=3"), PZ_USAGE);
    assert_non_null(strstr(err.text, "did you mean --count"));
    assert_int_equal(parse("-x"), PZ_USAGE);
    assert_int_equal(parse("--flag=yes"), PZ_USAGE);
    assert_int_equal(parse("--count"), PZ_USAGE);
    assert_non_null(strstr(err.text, "needs a value"));
    assert_int_equal(parse("--f=1"), PZ_USAGE); /* flag or format */
    assert_non_null(strstr(err.text, "several"));
}
