/* SPDX-License-Identifier: Apache-2.0 */
/* What an option table tells people: --help for the terminal, and the OPTIONS section of the manual
 * (mdoc) that the build splices into man/NAME.1.in. Both are made from the same rows that parse.
 *
 * Help is laid in two columns, one where the terminal is narrow, and wrapped to COLUMNS or the
 * terminal's width; without either to 79 columns, so that what a pager or a file gets does not
 * depend on where it was made. Lines of usage are broken between their alternatives, examples so
 * that they can be pasted. A default that stands for something else than its number is written
 * "0 (no limit)" in the table: the parser reads what is before the blank, people are shown what is
 * in parentheses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/str.h"

enum {
    INDENT = 30,
    INDENT_NARROW = 8,
    WIDTH_MIN = 50,
    WIDTH_NARROW = 70,
    WIDTH_PLAIN = 79,
    WIDTH_MAX = 1000
};

/* COLUMNS, where it is a number, is what the reader wants, whatever the terminal. */
static int width_of_terminal(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    long long wanted;

    if (columns && pz_str_to_i64(columns, strlen(columns), &wanted) && wanted > 0)
        return wanted < WIDTH_MIN ? WIDTH_MIN : wanted > WIDTH_MAX ? WIDTH_MAX : (int)wanted - 1;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_PLAIN;
    return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col - 1;
}

/* Bytes of what stands together: a word, or with `groups` also what is in quotes or brackets. */
static int together(const char *text, bool groups)
{
    const char *at = text;
    char quote = '\0';
    int open = 0;

    for (; *at && *at != '\n' && (*at != ' ' || quote || open > 0); at++)
        if (groups && quote)
            quote = *at == quote ? '\0' : quote;
        else if (groups && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (groups)
            open += (*at == '[' || *at == '(') - (*at == ']' || *at == ')');
    return (int)(at - text);
}

/* How lines are broken. */
struct wrap {
    int indent, width; /* of the lines after the first; columns */
    bool groups;       /* what is in quotes or brackets stays together */
    const char *end;   /* of a line that goes on */
};

/* Print words of a line from column `at` on, going on at the next line where one does not fit; ends
 * with a newline. Returns where the line ends in text. */
static const char *print_line(const char *text, int at, const struct wrap *w)
{
    bool first = true;

    while (*text && *text != '\n') {
        int n = together(text, w->groups);

        if (!first && at + 1 + n + (int)strlen(w->end) > w->width) {
            printf("%s\n%*s", w->end, w->indent, "");
            at = w->indent;
        } else if (!first) {
            putchar(' ');
            at++;
        }
        printf("%.*s", n, text);
        first = false;
        at += n;
        text += n;
        while (*text == ' ')
            text++;
    }
    putchar('\n');
    return text + (*text == '\n');
}

static void print_wrapped(const char *text, int at, int indent, int width)
{
    print_line(text, at, &(struct wrap){ indent, width, false, "" });
}

static const char *shown(const struct pz_opt *opt)
{
    return opt->shown ? opt->shown : "VALUE";
}

/* What to show of a default: the words in parentheses where it has them. */
static void show_default(const struct pz_opt *opt, char *buf, size_t n)
{
    const char *open = strstr(opt->def, " (");

    if (open)
        snprintf(buf, n, "%.*s", (int)(strlen(open) - 3), open + 2);
    else
        snprintf(buf, n, "%s", opt->def);
}

static void print_option(const struct pz_opt *opt, int width)
{
    char left[160], def[160], right[2048];
    int indent = width < WIDTH_NARROW ? INDENT_NARROW : INDENT;
    int n = snprintf(left, sizeof left, "  %c%c%c --%s%s%s", opt->letter ? '-' : ' ',
                     opt->letter ? opt->letter : ' ', opt->letter ? ',' : ' ', opt->name,
                     opt->kind == PZ_OPT_FLAG ? "" : "=",
                     opt->kind == PZ_OPT_FLAG ? "" : shown(opt));

    def[0] = '\0';
    if (opt->def)
        show_default(opt, def, sizeof def);
    snprintf(right, sizeof right, "%s%s%s%s", opt->meaning, opt->def ? " [" : "", def,
             opt->def ? "]" : "");
    printf("%s%*s", left, n >= indent ? 0 : indent - n, "");
    if (n >= indent)
        printf("\n%*s", indent, "");
    print_wrapped(right, indent, indent, width);
}

/* "usage: pz-deploy publish|status|...": the subcommands of the table, broken after a bar. */
static void print_commands(const char *program, const struct pz_cmd *cmd, int width)
{
    int indent = printf("usage: %s ", program), at = indent;

    for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++) {
        int n = (int)strlen(sub->name) + (sub[1].name ? 1 : 0);

        if (at > indent && at + n > width) {
            printf("\n%*s", indent, "");
            at = indent;
        }
        at += printf("%s%s", sub->name, sub[1].name ? "|" : "");
    }
    at += 1 + (int)strlen(cmd->synopsis);
    if (at > width)
        printf("\n%*s%s\n", indent, "", cmd->synopsis);
    else
        printf(" %s\n", cmd->synopsis);
}

static void print_synopsis(const char *program, const struct pz_cmd *cmd, int width)
{
    bool sub = strcmp(program, cmd->name) != 0;

    for (const char *line = cmd->synopsis; line && *line;) {
        int at = printf("%s %s%s%s ", line == cmd->synopsis ? "usage:" : "      ", program,
                        sub ? " " : "", sub ? cmd->name : "");

        line = print_line(line, at, &(struct wrap){ at, width, true, "" });
    }
}

static void print_examples(const char *line, int width)
{
    printf("\nExamples:\n");
    while (*line) {
        line += strspn(line, " ");
        printf("  ");
        line = print_line(line, 2, &(struct wrap){ 6, width, true, " \\" });
    }
}

void pz_help_print(const char *program, const struct pz_cmd *cmd)
{
    static const struct pz_opt common[] = {
        { PZ_OPT_FLAG, 'h', "help", 0, NULL, 0, 0, NULL, "print this" },
        { PZ_OPT_FLAG, 'V', "version", 0, NULL, 0, 0, NULL, "print the version" },
    };
    int width = width_of_terminal();
    char each[100];

    if (cmd->sub)
        print_commands(program, cmd, width);
    else
        print_synopsis(program, cmd, width);
    putchar('\n');
    print_wrapped(cmd->summary, 0, 0, width);
    if (cmd->examples)
        print_examples(cmd->examples, width);
    if (cmd->sub) {
        snprintf(each, sizeof each, "Commands (%.40s COMMAND --help describes each):", program);
        putchar('\n');
        print_wrapped(each, 0, 0, width);
        for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++) {
            printf("  %-12s ", sub->name);
            print_wrapped(sub->summary, 15, 15, width);
        }
        return;
    }
    printf("\nOptions:\n");
    for (const struct pz_opt *opt = cmd->opts; opt->kind != PZ_OPT_END; opt++)
        print_option(opt, width);
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        print_option(&common[i], width);
}

/* mdoc text: a leading dot or apostrophe would be a request, a backslash an escape. */
static void print_mdoc(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
        if (*text == '.' && text[1] == ' ') { /* new sentence, new line */
            putchar('\n');
            text++;
        }
    }
}

static void print_mdoc_options(const struct pz_opt *opts)
{
    char def[160];

    printf(".Bl -tag -width Ds\n");
    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END; opt++) {
        printf(".It ");
        if (opt->letter)
            printf("Fl %c , ", opt->letter);
        printf("Fl \\-%s", opt->name);
        if (opt->kind != PZ_OPT_FLAG)
            printf(" Ns = Ns Ar %s", shown(opt));
        putchar('\n');
        print_mdoc(opt->meaning);
        printf(".\n");
        if (opt->def) {
            show_default(opt, def, sizeof def);
            printf("Default: %s.\n", def);
        }
    }
    printf(".It Fl h , Fl \\-help\nPrint a summary.\n.It Fl V , Fl \\-version\nPrint the "
           "version.\n.El\n");
}

void pz_help_mdoc(const struct pz_cmd *cmd)
{
    if (!cmd->sub) {
        print_mdoc_options(cmd->opts);
        return;
    }
    for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++) {
        printf(".Ss %s\n", sub->name);
        print_mdoc(sub->summary);
        printf(".\n");
        print_mdoc_options(sub->opts);
    }
}
