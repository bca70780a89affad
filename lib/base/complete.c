/* SPDX-License-Identifier: Apache-2.0 */
/* Shell completion from the option tables: names, the values of closed lists, files for the rest;
 * see pz_cmd_complete in opt.h. The scripts hold everything they need: nothing is looked up while a
 * person waits for the Tab key, so completing works for a program that is not installed and never
 * reads a campaign.
 *
 * bash gets one function that fills COMPREPLY from two lists (words, and files where a value may be
 * one); zsh gets an _arguments call, whose brackets show each option's meaning. The words of a
 * closed list are those of the table's `shown`, so that a new value is completed without a change
 * here. */
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

static void bash_choices(const struct pz_opt *opts, const char *indent)
{
    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END; opt++) {
        if (opt->kind == PZ_OPT_FLAG)
            continue;
        printf("%s--%s) values=\"", indent, opt->name);
        for (const char *p = pz_opt_is_choice(opt) ? opt->shown : ""; *p; p++)
            putchar(*p == '|' ? ' ' : *p);
        printf("\" files=%s ;;\n", pz_opt_is_choice(opt) ? "" : "yes");
    }
}

static void bash_body(const struct pz_cmd *cmd, const char *indent)
{
    printf("%swords=\"", indent);
    bash_words(cmd->opts);
    printf("\"\n%scase $opt in\n", indent);
    bash_choices(cmd->opts, indent);
    printf("%s*) values=none files=yes ;;\n%sesac\n", indent, indent);
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
           "files\n"
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
        printf("--help --version\" values=none files=\"\"; fi\n");
    } else {
        bash_body(cmd, "    ");
    }
    printf("    [[ $values == none ]] || words=$values\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"; [[ ! $files ]] || "
           "compgen -f -- \"$cur\")\n"
           "    [[ ${COMPREPLY[0]:-} != *= ]] || compopt -o nospace 2>/dev/null\n"
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

static void zsh_options(const struct pz_opt *opts, const char *operands)
{
    printf("    _arguments");
    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END; opt++) {
        printf(" \\\n        '%s--%s%s[", opt->kind == PZ_OPT_LIST ? "*" : "", opt->name,
               opt->kind == PZ_OPT_FLAG ? "" : "=");
        zsh_text(opt->meaning);
        printf("]");
        if (pz_opt_is_choice(opt)) {
            printf(":value:(");
            for (const char *p = opt->shown; *p; p++)
                putchar(*p == '|' ? ' ' : *p);
            printf(")");
        } else if (opt->kind != PZ_OPT_FLAG) {
            printf(":value:_files");
        }
        printf("'");
    }
    printf(" \\\n        '*:%s:_files'\n", operands ? operands : "file");
}

static void complete_zsh(const struct pz_cmd *cmd)
{
    printf("#compdef %s\n", cmd->name);
    if (!cmd->sub) {
        zsh_options(cmd->opts, cmd->operands);
        return;
    }
    printf("if (( CURRENT == 2 )); then\n    compadd");
    for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++)
        printf(" %s", sub->name);
    printf("\n    return\nfi\ncase $words[2] in\n");
    for (const struct pz_cmd *sub = cmd->sub; sub->name; sub++) {
        printf("%s)\n", sub->name);
        zsh_options(sub->opts, sub->operands);
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
