/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a JSON object: see jsondoc.h.
 *
 * A stack of one flag per open bracket (array or object) and the last byte that is no blank tell
 * what may follow: a bracket opens a value only after ':' or, in an array, after '[' or ','. A line
 * of a log that was cut short leaves the object open; the '{' of the next line then stands where
 * none can stand. Strings cannot hold a newline, so one that is open at the end of a line is cut.
 */
#include "text/jsondoc.h"

/* The offset after the string that starts at s[i] ('"'); n + 1 when the line ends first. */
static size_t skip_string(const char *s, size_t n, size_t i)
{
    for (i++; i < n && s[i] != '"'; i++)
        /* The byte behind a backslash ends nothing, whatever it is. */
        i += s[i] == '\\';
    return i < n ? i + 1 : n + 1;
}

static bool open_bracket(struct pz_jsondoc *doc, char c)
{
    bool in_array = doc->depth > 0 && doc->is_array[doc->depth - 1];

    /* Only one object, and at the top only an object. */
    if (doc->depth == PZ_JSONDOC_DEPTH || (doc->depth == 0 && (doc->last || c != '{')))
        return false;
    if (doc->depth > 0 && doc->last != ':' && !(in_array && (doc->last == '[' || doc->last == ',')))
        return false;
    doc->is_array[doc->depth++] = c == '[';
    return true;
}

static bool close_bracket(struct pz_jsondoc *doc, char c)
{
    if (doc->depth == 0 || doc->is_array[doc->depth - 1] != (c == ']'))
        return false;
    doc->depth--;
    return true;
}

enum pz_jsondoc_end pz_jsondoc_line(struct pz_jsondoc *doc, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        char c = s[i];
        bool good = true;

        if (c == ' ' || c == '\t' || c == '\r') {
            i++;
            continue;
        }
        if (doc->depth == 0 && (doc->last || c != '{'))
            return PZ_JSONDOC_BROKEN; /* something before or behind the object */
        if (c == '"')
            i = skip_string(s, n, i);
        else
            i++;
        if (c == '{' || c == '[')
            good = open_bracket(doc, c);
        else if (c == '}' || c == ']')
            good = close_bracket(doc, c);
        /* A string leaves its quote here: like any value, it is followed by a comma or a bracket.
         */
        doc->last = c;
        if (!good || i > n)
            return PZ_JSONDOC_BROKEN;
    }
    return doc->depth == 0 && doc->last ? PZ_JSONDOC_WHOLE : PZ_JSONDOC_OPEN;
}
