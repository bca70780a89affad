/* SPDX-License-Identifier: Apache-2.0 */
/* What is no such text: see refuse.h. People have what their database, their spreadsheet or their
 * notebook gave them; who brings what cannot be read gets one line to type.
 *
 * Only signs that no table has are taken for one: a first byte, a first word, a line of dashes
 * under the header. */
#include "text/refuse.h"

#include <string.h>
#include <strings.h>

#include "text/stream.h"

static bool begins(const char *text, size_t n, const char *word)
{
    size_t len = strlen(word);

    return n >= len && strncasecmp(text, word, len) == 0;
}

static enum pz_status refuse_encoding(const char *file, const char *text, size_t n,
                                      struct pz_err *err)
{
    const char *from = NULL;

    /* With a byte order mark or without: the first character of a header is ASCII. */
    if (n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        from = "UTF-16";
    else if (n >= 2 && text[0] && !text[1])
        from = "UTF-16LE";
    else if (n >= 2 && !text[0] && text[1])
        from = "UTF-16BE";
    if (!from)
        return PZ_OK;
    return pz_err_set(err, PZ_BAD_DATA, "%s is UTF-16; convert it: iconv -f %s -t UTF-8 %s", file,
                      from, pz_in_typed(file));
}

enum pz_status pz_refuse_bytes(const char *file, const char *text, size_t n, struct pz_err *err)
{
    enum { TAR_MAGIC = 257 };

    if (n >= TAR_MAGIC + 5 && memcmp(text + TAR_MAGIC, "ustar", 5) == 0)
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s is a tar archive, not text; unpack it: tar -xOf %s > out.csv", file,
                          pz_in_typed(file));
    if (begins(text, n, "<html") || begins(text, n, "<!doctype") || begins(text, n, "<?xml"))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s is HTML or XML, no table of rows; a download that asks for a login "
                          "gives such pages",
                          file);
    return refuse_encoding(file, text, n, err);
}

static size_t line_at(const char *text, size_t n)
{
    const char *newline = memchr(text, '\n', n);

    return newline ? (size_t)(newline - text) + 1 : n;
}

/* ---- JSON that is no object a line ---- */

static size_t skip_blanks(const char *text, size_t n, size_t i)
{
    while (i < n && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return i;
}

static enum pz_status refuse_json(const char *file, const char *text, size_t n, struct pz_err *err)
{
    size_t i = skip_blanks(text, n, 1);
    const char *name = pz_in_typed(file);
    char inside = i < n ? text[i] : '\0';

    if (text[0] == '[')
        return pz_err_set(err, PZ_BAD_DATA,
                          inside == '{' || inside == ']' || inside == '\0'
                              ? "%s is a JSON array; one object per line is needed: jq -c '.[]' %s"
                          : inside == '['
                              ? "%s is a JSON array of arrays; make rows of it: jq -r '.[] | @csv' "
                                "%s > rows.csv"
                              : "%s has a JSON array on a line; make rows of them: jq -r @csv %s > "
                                "rows.csv",
                          file, name);
    if (text[0] == '"' && inside == '{')
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s has its JSON objects in strings; take them out: jq -c fromjson %s",
                          file, name);
    if (text[0] == '{' && (inside == '\'' || (inside == 'u' && i + 1 < n && text[i + 1] == '\'')))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s has objects as Python prints them, not JSON; turn them: python3 -c "
                          "'import ast,json,sys; [print(json.dumps(ast.literal_eval(l))) for l in "
                          "sys.stdin]' < %s > rows.jsonl",
                          file, name);
    return PZ_OK;
}

/* ---- tables that are written otherwise ---- */

/* A line of dashes between the header and the rows: '|' or '+' of a table for the screen, ',' or
 * tab of cells that are dashes; '\0': none. */
static char find_rule(const char *s, size_t n)
{
    char between = '\0';
    size_t dashes = 0;

    for (size_t i = 0; i < n && s[i] != '\n' && s[i] != '\r'; i++) {
        if (!strchr("-+|=: ,\t", s[i]) || !s[i])
            return '\0';
        dashes += s[i] == '-';
        if (strchr("+|,\t", s[i]))
            between = strchr("+|", s[i]) ? '|' : ',';
    }
    return dashes >= 3 ? between : '\0';
}

static enum pz_status refuse_drawn(const char *file, const char *text, size_t n, struct pz_err *err)
{
    size_t first = line_at(text, n);
    char rule = find_rule(text, first);

    if (!rule && first < n)
        rule = find_rule(text + first, n - first);
    if (rule == ',')
        return pz_err_set(err, PZ_BAD_DATA, "%s:2: a line of dashes; take it away: sed 2d %s", file,
                          pz_in_typed(file));
    return rule ? pz_err_set(err, PZ_BAD_DATA,
                             "%s is a table drawn for the screen; make rows of it: sed -E "
                             "'/^[-+|=: ]*$/d; /^\\(?[0-9]+ rows?/d; s/^[ |]+|[ |]+$//g; s/ *\\| "
                             "*/,/g' %s > rows.csv",
                             file, pz_in_typed(file))
                : PZ_OK;
}

/* A dump of a database: statements, or rows between COPY and a line "\.". */
static enum pz_status refuse_sql(const char *file, const char *text, size_t n, struct pz_err *err)
{
    const char *name = pz_in_typed(file);
    bool sql = begins(text, n, "--") || begins(text, n, "/*") || begins(text, n, "insert into") ||
               begins(text, n, "create table") || begins(text, n, "drop table") ||
               begins(text, n, "set ");

    if (sql && memmem(text, n, "FROM stdin;", 11))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s is an SQL dump; take the rows out: sed -n '/^COPY /,/^\\\\\\.$/p' %s | "
            "sed '1d;$d' > rows.tsv",
            file, name);
    if (sql && (memmem(text, n, "INSERT INTO", 11) || memmem(text, n, "insert into", 11)))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s is an SQL dump; take the rows out: grep -i '^insert into' %s | sed -E "
            "'s/^.* VALUES *\\(//I; s/\\), *\\(/\\n/g; s/\\);$//' | tr \"'\" '\"' > "
            "rows.csv",
            file, name);
    return PZ_OK;
}

/* "17:", then the users of item 17, then "18:" ... */
static bool has_item_lines(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && text[i] >= '0' && text[i] <= '9')
        i++;
    return i > 0 && i + 1 < n && text[i] == ':' && (text[i + 1] == '\n' || text[i + 1] == '\r');
}

/* 10.0.0.1 - - [01/Jan/2021:00:24:28 +0000] "GET ...: the log of a web server. */
static bool is_access_log(const char *text, size_t n)
{
    const char *bracket = memmem(text, line_at(text, n), " [", 2);
    size_t left = bracket ? (size_t)(text + line_at(text, n) - bracket) : 0;

    return left > 30 && bracket[4] == '/' && bracket[8] == '/' && bracket[13] == ':' &&
           memmem(bracket, left, "] \"", 3);
}

static enum pz_status refuse_files(const char *file, const char *text, size_t n, struct pz_err *err)
{
    const char *name = pz_in_typed(file);

    if (begins(text, n, "@relation"))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s is ARFF; make rows of it: { grep -i '^@attribute' %s | awk '{print "
                          "$2}' | paste -sd,; sed '1,/^@data/Id' %s; } > rows.csv",
                          file, name, name);
    if (begins(text, n, "%%MatrixMarket"))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s is a matrix; make rows of it: grep -v '^%%' %s | sed 1d > rows.txt, "
                          "and say --delimiter ' ' --header USER_ID,ITEM_ID,EVENT_VALUE --no-time",
                          file, name);
    if (is_access_log(text, n))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s is the log of a web server; make rows of it: sed -nE 's/^([^ ]+) "
            ".*\\[([^]]+)\\] \"[A-Z]+ ([^ ?\",]+).*/\\1,\\2,\\3/p' %s > rows.csv, and "
            "say --header USER_ID,TIMESTAMP,ITEM_ID --time-format '%%d/%%b/%%Y:%%T %%z'",
            file, name);
    if (has_item_lines(text, n))
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s:1: the item stands above its rows; put it into them: awk '/:\\r?$/ "
                          "{ sub(/:\\r?$/, \"\"); item = $0; next } { print item \",\" $0 }' %s > "
                          "rows.csv, and say --header ITEM_ID,USER_ID,EVENT_VALUE,TIMESTAMP",
                          file, name);
    return PZ_OK;
}

/* ---- line ends ---- */

/* A CR outside quotes that no newline follows. */
static bool is_old_mac(const char *s, size_t n)
{
    bool quoted = false;

    for (size_t i = 0; i + 2 < n; i++) {
        quoted ^= s[i] == '"';
        if (s[i] == '\r' && !quoted && s[i + 1] != '\n')
            return true;
    }
    return false;
}

static enum pz_status refuse_line_ends(const char *file, const char *text, size_t n,
                                       struct pz_err *err)
{
    if (!is_old_mac(text, line_at(text, n)))
        return PZ_OK;
    return pz_err_set(err, PZ_BAD_DATA,
                      "%s has the line ends of an old Mac; convert them: tr '\\r' '\\n' < %s", file,
                      pz_in_typed(file));
}

enum pz_status pz_refuse_form(const char *file, const char *text, size_t n, struct pz_err *err)
{
    enum pz_status st = n > 0 ? refuse_json(file, text, n, err) : PZ_OK;

    if (st == PZ_OK)
        st = refuse_sql(file, text, n, err);
    if (st == PZ_OK)
        st = refuse_files(file, text, n, err);
    if (st == PZ_OK)
        st = refuse_line_ends(file, text, n, err);
    return st == PZ_OK ? refuse_drawn(file, text, n, err) : st;
}
