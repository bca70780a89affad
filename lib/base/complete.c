/* SPDX-License-Identifier: Apache-2.0 */
/* Shell completion from the option tables: names, the values of closed lists, files for the rest;
 * see pz_cmd_complete in opt.h. The scripts hold everything they need: nothing is looked up while a
 * person waits for the Tab key, so completing works for a program that is not installed and never
 * reads a campaign.
 *
 * bash gets one function that fills COMPREPLY from two lists (words, and files where a value may
 * be one); options are offered to who types a '-', or where nothing else fits. zsh gets an
 * _arguments call, whose brackets show each option's meaning. The words of a closed list are those
 * of the table's `shown`, so that a new value is completed without a change here. */
#include <stdio.h>
#include <string.h>

#include "base/opt.h"

/* ---- bash: readline splits "--name=value" at the '=', so the option is one or two words back ----
 */

static void bash_words(const struct pz_opt *opts)
{
    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END; opt++)
        printf("--%s%s ", opt->name, opt->kind == PZ_OPT_FLAG ? "" : "=");
    printf("--help --version");
}

/* The words that an option takes, into out: of its closed list, or as the command knows; false: it
 * takes others, or files. */
static bool add_values(const struct pz_cmd *cmd, const struct pz_opt *opt, struct pz_str *out)
{
    pz_str_reset(out);
    if (pz_opt_is_choice(opt))
        for (const char *p = opt->shown; *p; p++)
            pz_str_addc(out, *p == '|' ? ' ' : *p);
    else if (cmd->values)
        cmd->values(opt->name, out);
    return out->len > 0 && !out->failed;
}

static bool is_number(const struct pz_opt *opt)
{
    return opt->kind == PZ_OPT_INT || opt->kind == PZ_OPT_REAL;
}

/* The suffix of the files that an option takes, by how its value is shown; NULL: any. */
static const char *suffix_of(const struct pz_opt *opt)
{
    const char *shown = opt->kind == PZ_OPT_OUT || !opt->shown ? "" : opt->shown;

    return strstr(shown, ".pzd") ? "pzd" : strstr(shown, "MODEL") ? "pzm" : NULL;
}

static void bash_choices(const struct pz_cmd *cmd, const char *indent)
{
    struct pz_str words = { 0 };

    for (const struct pz_opt *opt = cmd->opts; opt->kind != PZ_OPT_END; opt++) {
        const char *suffix = suffix_of(opt);
        bool known;

        if (opt->kind == PZ_OPT_FLAG)
            continue;
        known = add_values(cmd, opt, &words) || is_number(opt);
        printf("%s--%s", indent, opt->name);
        if (opt->letter)
            printf("|-%c", opt->letter);
        printf(") values=\"%s\" files=%s ;;\n", known && words.data ? words.data : "",
               known    ? ""
               : suffix ? suffix
                        : "yes");
    }
    pz_str_clear(&words);
}

/* Suffixes of operands, "pzm|pzc", as words: folders are offered in any case. */
static void bash_operands(const char *operands)
{
    if (strcmp(operands, "file") == 0) {
        printf("yes");
        return;
    }
    for (const char *p = operands; *p; p++)
        putchar(*p == '|' ? ' ' : *p);
}

static void bash_body(const struct pz_cmd *cmd, const char *indent)
{
    struct pz_str words = { 0 };

    if (cmd->values)
        cmd->values("", &words);
    printf("%swords=\"", indent);
    bash_words(cmd->opts);
    printf("\"\n%scase $opt in\n", indent);
    bash_choices(cmd, indent);
    printf("%s*) values=none operands=\"%s\" files=\"", indent, words.data ? words.data : "");
    bash_operands(cmd->operands);
    printf("\" ;;\n%sesac\n", indent);
    pz_str_clear(&words);
}

static void complete_bash(const struct pz_cmd *cmd)
{
    char fn[64];
    size_t n = 0;

    /* A function's name may hold no '-' in POSIX mode. */
    for (const char *p = cmd->name; *p && n + 1 < sizeof fn; p++)
        fn[n++] = *p == '-' ? '_' : *p;
    fn[n] = '\0';
    printf("_%s()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} opt=${COMP_WORDS[COMP_CWORD-1]} words values "
           "operands files suffix name\n"
           "    if [[ $cur == = ]]; then cur=\"\"; elif [[ $opt == = ]]; then "
           "opt=${COMP_WORDS[COMP_CWORD-2]}; fi\n",
           fn);
    if (cmd->sub) {
        printf("    case ${COMP_WORDS[1]} in\n");
        for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++) {
            printf("    %s)\n", sub->name);
            bash_body(sub, "        ");
            printf("        ;;\n");
        }
        printf("    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"");
        for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++)
            printf("%s ", sub->name);
        printf("--help --version\" values=none files=\"\" operands=$words; fi\n");
    } else {
        bash_body(cmd, "    ");
    }
    printf("    if [[ $values != none ]]; then operands=$values words=$values; fi\n"
           "    [[ $cur != -* ]] || operands=$words\n"
           "    mapfile -t COMPREPLY < <(\n"
           "        compgen -W \"$operands\" -- \"$cur\"\n"
           "        case $files in\n"
           "        '') ;;\n"
           "        yes) compgen -f -- \"$cur\" ;;\n"
           "        *)\n"
           "            compgen -d -- \"$cur\"\n"
           "            for suffix in $files; do\n"
           "                compgen -f -X \"!*.$suffix\" -- \"$cur\" |\n"
           "                    while read -r name; do [[ -d $name ]] || echo \"$name\"; done\n"
           "            done ;;\n"
           "        esac)\n"
           "    if [[ $values == none && -z $cur && ${#COMPREPLY[@]} -eq 0 ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
           "    fi\n"
           "    [[ ${COMPREPLY[0]:-} != *[=:] ]] || compopt -o nospace +o filenames 2>/dev/null\n"
           "    return 0\n}\ncomplete -o filenames -F _%s %s\n",
           fn, cmd->name);
}

/* ---- zsh ---- */

/* Text inside '...[...]': brackets and colons are zsh's, a quote ends the word. */
static void zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_files(const char *suffixes)
{
    printf("_files");
    if (suffixes && strcmp(suffixes, "file") != 0)
        printf(" -g \"*.(%s)\"", suffixes);
}

static void zsh_options(const struct pz_cmd *cmd)
{
    struct pz_str words = { 0 };

    printf("    _arguments");
    for (const struct pz_opt *opt = cmd->opts; opt->kind != PZ_OPT_END; opt++) {
        printf(" \\\n        '%s--%s%s[", opt->kind == PZ_OPT_LIST ? "*" : "", opt->name,
               opt->kind == PZ_OPT_FLAG ? "" : "=");
        zsh_text(opt->meaning);
        printf("]");
        if (opt->kind != PZ_OPT_FLAG && add_values(cmd, opt, &words)) {
            printf(":value:(");
            zsh_text(words.data);
            printf(")");
        } else if (opt->kind != PZ_OPT_FLAG) {
            printf(":value:");
            zsh_files(suffix_of(opt));
        }
        printf("'");
    }
    printf(" \\\n        '*:file:");
    zsh_files(cmd->operands);
    printf("'\n");
    pz_str_clear(&words);
}

static void complete_zsh(const struct pz_cmd *cmd)
{
    printf("#compdef %s\n", cmd->name);
    if (!cmd->sub) {
        zsh_options(cmd);
        return;
    }
    printf("if (( CURRENT == 2 )); then\n    compadd");
    for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++)
        printf(" %s", sub->name);
    printf("\n    return\nfi\ncase $words[2] in\n");
    for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++) {
        printf("%s)\n", sub->name);
        zsh_options(sub);
        printf("    ;;\n");
    }
    printf("esac\n");
}

void pz_cmd_complete(const struct pz_cmd *cmd, bool zsh)
{
    if (zsh)
        complete_zsh(cmd);
    else
        complete_bash(cmd);
}
