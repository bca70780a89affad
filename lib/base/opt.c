/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables, the parsing half: see opt.h. The others are help.c (--help, the manual),
 * complete.c (shells) and cmd.c (main). All are made from the same rows, so that none can forget an
 * option.
 *
 * Syntax is that of getopt_long, whose rules people know: -j4 -qv --name=value --name value, a long
 * name may be cut where one option alone begins with it, "--" ends the options. Two things differ.
 * Options and operands may be mixed in any order without POSIXLY_CORRECT, and an operand that
 * begins with '-' is possible only behind "--".
 *
 * Invariants: a value is judged whole and within the row's range before it is stored; defaults are
 * texts that go through the same parser; argv is not copied, so values are borrowed from it for the
 * life of the process. */
#include "base/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

bool pz_strs_add(struct pz_strs *list, const char *s)
{
    if (!pz_mem_grow(&list->v, &list->cap, list->n + 1, sizeof *list->v))
        return false;
    list->v[list->n++] = s;
    return true;
}

void pz_strs_clear(struct pz_strs *list)
{
    free(list->v);
    memset(list, 0, sizeof *list);
}

/* A value "a|b|c" in .shown is a closed list; "FILE|-" and the like (upper case) is not. */
bool pz_opt_is_choice(const struct pz_opt *opt)
{
    const char *shown = opt->kind == PZ_OPT_STR ? opt->shown : NULL;

    return shown && strchr(shown, '|') && shown[0] >= 'a' && shown[0] <= 'z';
}

/* Write the word of a closed list as the list has it, whatever its case on the command line
 * (Personalize's enums are in capitals). False: it is none of them. */
static bool match_choice(const char *shown, char *value)
{
    size_t n = strlen(value);

    while (shown) {
        const char *bar = strchr(shown, '|');
        size_t len = bar ? (size_t)(bar - shown) : strlen(shown);

        /* Overwrites the command line's own bytes, so that whoever compares the value later needs
         * to know one spelling only. */
        if (len == n && strncasecmp(shown, value, n) == 0) {
            memcpy(value, shown, n);
            return true;
        }
        shown = bar ? bar + 1 : NULL;
    }
    return false;
}

static enum pz_status store(const struct pz_opt *opt, const char *value, void *cfg,
                            struct pz_err *err)
{
    char *field = (char *)cfg + opt->offset;
    long long whole;
    double real;

    switch (opt->kind) {
    case PZ_OPT_FLAG:
        *(bool *)field = true;
        return PZ_OK;
    case PZ_OPT_INT:
        if (!pz_str_to_i64(value, strlen(value), &whole) || (double)whole < opt->min ||
            (double)whole > opt->max)
            return pz_err_set(err, PZ_USAGE, "--%s: \"%s\" is not a whole number from %.0f to %.0f",
                              opt->name, value, opt->min, opt->max);
        *(long long *)field = whole;
        return PZ_OK;
    case PZ_OPT_REAL:
        if (!pz_str_to_double(value, strlen(value), &real) || real < opt->min || real > opt->max)
            return pz_err_set(err, PZ_USAGE, "--%s: \"%s\" is not a number from %g to %g",
                              opt->name, value, opt->min, opt->max);
        *(double *)field = real;
        return PZ_OK;
    case PZ_OPT_STR:
    case PZ_OPT_OUT:
        *(const char **)field = value;
        return PZ_OK;
    case PZ_OPT_LIST:
        return pz_strs_add((struct pz_strs *)field, value)
                   ? PZ_OK
                   : pz_err_memory(err, "the options", sizeof value);
    case PZ_OPT_END:
        break;
    }
    return pz_err_set(err, PZ_INTERNAL, "option table of --%s is broken", opt->name);
}

static enum pz_status store_given(const struct pz_opt *opt, char *value, void *cfg,
                                  struct pz_err *err)
{
    if (pz_opt_is_choice(opt) && !match_choice(opt->shown, value))
        return pz_err_set(err, PZ_USAGE, "--%s: \"%s\" is not one of %s", opt->name, value,
                          opt->shown);
    return store(opt, value, cfg, err);
}

/* "0 (no limit)" is 0 to the parser; see help.c. */
static enum pz_status store_default(const struct pz_opt *opt, void *cfg, struct pz_err *err)
{
    char number[32];

    if (opt->kind != PZ_OPT_INT && opt->kind != PZ_OPT_REAL)
        return store(opt, opt->def, cfg, err);
    snprintf(number, sizeof number, "%.*s", (int)strcspn(opt->def, " "), opt->def);
    return store(opt, number, cfg, err);
}

static enum pz_status set_defaults(const struct pz_opt *opts, void *cfg, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END && st == PZ_OK; opt++)
        if (opt->def)
            st = store_default(opt, cfg, err);
    return st;
}

static enum pz_status unknown_option(const struct pz_opt *opts, const char *name,
                                     struct pz_err *err)
{
    const char *names[256];
    size_t n = 0;

    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END && n < 256; opt++)
        names[n++] = opt->name;
    return pz_err_set(err, PZ_USAGE, "unknown option --%s%s; see --help", name,
                      pz_str_hint("--", name, names, n).text);
}

/* The option whose name is, or alone begins with, the n bytes at name. */
static enum pz_status find_long(const struct pz_opt *opts, const char *name, size_t n,
                                const struct pz_opt **found, struct pz_err *err)
{
    const struct pz_opt *match = NULL;
    size_t matches = 0;
    char word[128];

    snprintf(word, sizeof word, "%.*s", (int)(n < 100 ? n : 100), name);
    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END; opt++) {
        if (strncmp(opt->name, name, n) != 0)
            continue;
        if (opt->name[n] == '\0') {
            *found = opt;
            return PZ_OK;
        }
        match = opt;
        matches++;
    }
    if (matches > 1)
        return pz_err_set(err, PZ_USAGE, "--%s could be several options; write it out", word);
    if (!match)
        return unknown_option(opts, word, err);
    *found = match;
    return PZ_OK;
}

struct cursor {
    int argc, at;
    char **argv;
};

static enum pz_status take_value(const struct pz_opt *opt, struct cursor *c, char **value,
                                 struct pz_err *err)
{
    if (c->at + 1 >= c->argc)
        return pz_err_set(err, PZ_USAGE, "--%s needs a value (%s)", opt->name, opt->shown);
    *value = c->argv[++c->at];
    return PZ_OK;
}

static enum pz_status parse_long(const struct pz_opt *opts, struct cursor *c, void *cfg,
                                 struct pz_err *err)
{
    char *name = c->argv[c->at] + 2, *equals = strchr(name, '='), *value = NULL;
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const struct pz_opt *opt = NULL;
    enum pz_status st = find_long(opts, name, n, &opt, err);

    if (st != PZ_OK)
        return st;
    if (opt->kind == PZ_OPT_FLAG && equals)
        return pz_err_set(err, PZ_USAGE, "--%s takes no value", opt->name);
    if (equals)
        value = equals + 1;
    else if (opt->kind != PZ_OPT_FLAG)
        st = take_value(opt, c, &value, err);
    return st == PZ_OK ? store_given(opt, value, cfg, err) : st;
}

static enum pz_status parse_letters(const struct pz_opt *opts, struct cursor *c, void *cfg,
                                    struct pz_err *err)
{
    char *letters = c->argv[c->at] + 1;
    enum pz_status st = PZ_OK;

    while (*letters && st == PZ_OK) {
        const struct pz_opt *opt = opts;
        char *value = NULL;

        while (opt->kind != PZ_OPT_END && opt->letter != *letters)
            opt++;
        if (opt->kind == PZ_OPT_END)
            return pz_err_set(err, PZ_USAGE, "unknown option -%c; see --help", *letters);
        letters++;
        /* -j4: what follows a letter that takes a value is the value, even when it looks like more
         * letters. */
        if (opt->kind != PZ_OPT_FLAG && *letters) {
            value = letters;
            letters += strlen(letters);
        } else if (opt->kind != PZ_OPT_FLAG) {
            st = take_value(opt, c, &value, err);
        }
        if (st == PZ_OK)
            st = store_given(opt, value, cfg, err);
    }
    return st;
}

enum pz_status pz_opt_parse(const struct pz_opt *opts, int argc, char **argv, void *cfg,
                            struct pz_strs *args, struct pz_err *err)
{
    struct cursor c = { .argc = argc, .at = 1, .argv = argv };
    enum pz_status st = set_defaults(opts, cfg, err);
    bool only_operands = false;

    for (; c.at < argc && st == PZ_OK; c.at++) {
        const char *arg = argv[c.at];

        /* A lone "-" is an operand: standard input or output. */
        if (only_operands || arg[0] != '-' || arg[1] == '\0') {
            if (!pz_strs_add(args, arg))
                st = pz_err_memory(err, "the operands", sizeof arg);
        } else if (strcmp(arg, "--") == 0) {
            only_operands = true;
        } else if (arg[1] == '-') {
            st = parse_long(opts, &c, cfg, err);
        } else {
            st = parse_letters(opts, &c, cfg, err);
        }
    }
    return st;
}

void pz_opt_clear(const struct pz_opt *opts, void *cfg)
{
    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END; opt++)
        if (opt->kind == PZ_OPT_LIST)
            pz_strs_clear((struct pz_strs *)((char *)cfg + opt->offset));
}
