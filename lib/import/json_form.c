/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that is not one object a line: see json_form.h.
 *
 * One walk over the first object finds where it ends, and on the way the first array of objects
 * that is not inside another array: the rows of a document that wraps them, {"data": [...]}. Rows
 * have such arrays too, so an object that is followed by others is a row, whatever is in it. */
#include "import/json_form.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "text/stream.h"

enum { DEPTH = 16, PATH_BYTES = 200, FEW = 3 };

struct walk {
    const char *text;
    size_t n, at;
    struct {
        const char *key; /* of the member under way, with its quotes; NULL: an array */
        size_t n_key, members;
        bool array;
    } level[DEPTH];
    size_t depth;
    char path[PATH_BYTES]; /* of the first array of objects, as jq writes it */
    size_t rows, long_members;
};

static size_t skip_blanks(const char *text, size_t n, size_t i)
{
    while (i < n && strchr(" \t\r\n\f\x1a", text[i]))
        i++; /* strchr finds the NUL behind its string too */
    return i;
}

static size_t skip_string(const char *text, size_t n, size_t i)
{
    for (i++; i < n && text[i] != '"'; i++)
        i += text[i] == '\\';
    return i < n ? i + 1 : n;
}

static bool is_word(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return n > 0 && !isdigit((unsigned char)s[0]);
}

/* The path of the array that was just opened. */
static void note_path(struct walk *w)
{
    size_t used = 0;

    for (size_t d = 0; d + 1 < w->depth; d++) {
        const char *key = w->level[d].key;
        size_t n = w->level[d].n_key, bare = n >= 2 && is_word(key + 1, n - 2) ? 1 : 0;

        if (w->level[d].array || !key || used + n + 2 > sizeof w->path) {
            used = 0;
            break;
        }
        w->path[used++] = '.';
        memcpy(w->path + used, key + bare, n - 2 * bare);
        used += n - 2 * bare;
    }
    w->path[used] = '\0';
}

static void open_level(struct walk *w, bool array)
{
    bool in_array = w->depth > 0 && w->level[w->depth - 1].array;

    if (!array && in_array && !w->path[0])
        note_path(w);
    if (!array && in_array && w->depth >= 2)
        w->rows++;
    w->level[w->depth].array = array;
    w->level[w->depth].key = NULL;
    w->level[w->depth].members = 0;
    w->depth++;
}

static void close_level(struct walk *w)
{
    w->depth--;
    w->long_members += w->depth == 1 && w->level[1].members >= FEW;
}

/* One byte of structure. */
static void step(struct walk *w, char c)
{
    if (c == '{' || c == '[')
        open_level(w, c == '[');
    else if (c == '}' || c == ']')
        close_level(w);
    else if (c == ',')
        w->level[w->depth - 1].members++;
}

/* Go to the end of the first object. False: the text ends before, or is too deep. */
static bool walk(struct walk *w)
{
    do {
        char c = w->text[w->at];

        if (c == '"') {
            size_t end = skip_string(w->text, w->n, w->at);
            size_t next = skip_blanks(w->text, w->n, end);

            if (next < w->n && w->text[next] == ':' && w->depth > 0) {
                w->level[w->depth - 1].key = w->text + w->at;
                w->level[w->depth - 1].n_key = end - w->at;
            }
            w->at = end;
            continue;
        }
        step(w, c);
        w->at++;
    } while (w->depth > 0 && w->depth < DEPTH && w->at < w->n);
    return w->depth == 0;
}

static enum pz_status refuse_document(const char *file, const struct walk *w, struct pz_err *err)
{
    if (w->path[0] && w->rows >= 2)
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s is one JSON document around its rows; one object per line is needed: "
                          "jq -c '%s[]' %s > rows.jsonl",
                          file, w->path, pz_in_typed(file));
    return pz_err_set(
        err, PZ_BAD_DATA,
        "%s has its columns as JSON arrays or objects; one object per line is needed: "
        "jq -c '[to_entries[] | .key as $k | [.value[] | {($k): .}]] | transpose[] | "
        "add' %s > rows.jsonl",
        file, pz_in_typed(file));
}

enum pz_status pz_json_form_check(const char *file, const char *text, size_t n, struct pz_err *err)
{
    struct walk w = { .text = text, .n = n };
    const char *newline = memchr(text, '\n', n);
    bool whole = n > 0 && text[0] == '{' && walk(&w);
    size_t next = skip_blanks(text, n, w.at);
    bool alone = next == n, lines = newline && newline < text + w.at;

    if (n == 0 || text[0] != '{' || w.depth == DEPTH)
        return PZ_OK;
    if ((alone || !whole) && ((w.path[0] && w.rows >= 2) || (w.long_members >= 2 && !w.path[0])))
        return refuse_document(file, &w, err);
    if (whole && !alone && text[next] == ',')
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s has commas between its JSON objects; take them away: sed "
                          "'s/,[[:space:]]*$//' %s > rows.jsonl",
                          file, pz_in_typed(file));
    /* A line that is cut short ends its record, not the file. */
    if (lines && (whole || !memmem(newline, n - (size_t)(newline - text), "\n{", 2)))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s: an object goes over several lines; one object per line is needed: jq "
            "-c . %s",
            file, pz_in_typed(file));
    if (whole && !alone && text[next] == '{' && !(newline && newline < text + next))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s has several JSON objects on a line; one object per line is needed: jq "
            "-c . %s > rows.jsonl",
            file, pz_in_typed(file));
    return PZ_OK;
}
