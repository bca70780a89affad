/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: see json.h. Documents that are read whole go through Jansson. What is written in quantity
 * (answers, log lines, rejected rows) is appended to a text piece by piece, without building a
 * tree.
 *
 * Invariants: duplicate keys are refused, since readers disagree about which one counts. Every
 * string that is written is valid UTF-8, whatever bytes it was made of: a byte that is no part of a
 * character becomes U+FFFD. A number that JSON cannot write is null. Out of memory is never
 * mistaken for a fault of the text. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Jansson tells a failed allocation as a fault of the text, or builds a document without the
 * member; so its allocations are ours, and a failure is remembered until it has been reported. */
static _Thread_local bool ran_out;

static void *allocate(size_t n)
{
    void *p = malloc(n);

    ran_out = ran_out || !p;
    return p;
}

__attribute__((constructor)) static void watch_allocations(void)
{
    json_set_alloc_funcs(allocate, free);
}

static bool take_ran_out(void)
{
    bool was = ran_out;

    ran_out = false;
    return was;
}

enum pz_status pz_json_parse(const char *bytes, size_t n, const char *what, json_t **out,
                             struct pz_err *err)
{
    const char *fault;
    json_error_t problem;

    *out = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &problem);
    if (take_ran_out()) {
        json_decref(*out);
        *out = NULL;
        return pz_err_memory(err, what, (double)n);
    }
    if (*out)
        return PZ_OK;
    fault = pz_str_text_fault(bytes, n);
    return pz_err_set(err, PZ_BAD_DATA, "%s:%d: column %d: %s", what, problem.line, problem.column,
                      fault ? fault : problem.text);
}

void pz_json_dump(struct pz_str *out, const json_t *doc, bool pretty)
{
    /* 15 digits are all that every double can be trusted to keep; 17 would print 0.1 as
     * 0.10000000000000001. */
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) |
                   (pretty ? (size_t)JSON_INDENT(2) : (size_t)JSON_COMPACT);
    char *text = json_dumps(doc, flags);

    if (take_ran_out() || !text) { /* while it was built, or now */
        free(text);
        out->failed = true;
        return;
    }
    pz_str_adds(out, text);
    pz_str_addc(out, '\n');
    free(text);
}

/* Bytes of the UTF-8 sequence at s if it is plain (no escape needed) and well-formed, else 0. */
static size_t plain_length(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    if (c < 0x80)
        return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
    return len <= n && pz_str_is_utf8(s, len) ? len : 0;
}

/* DEL is escaped although JSON does not ask for it: on a terminal it is a control character. */
static void add_escape(struct pz_str *out, unsigned char c)
{
    const char *from = "\"\\\b\f\n\r\t", *to = "\"\\bfnrt", *at = c ? strchr(from, c) : NULL;

    if (at) {
        pz_str_addc(out, '\\');
        pz_str_addc(out, to[at - from]);
    } else if (c < 0x20 || c == 0x7f) {
        pz_str_addf(out, "\\u%04x", c);
    } else {
        pz_str_adds(out, "\xef\xbf\xbd"); /* U+FFFD for a byte that is not UTF-8 */
    }
}

void pz_json_add_string(struct pz_str *out, const char *s, size_t n)
{
    size_t start = 0, i = 0;

    pz_str_addc(out, '"');
    while (i < n) {
        size_t len = plain_length(s + i, n - i);

        if (len > 0) {
            i += len;
            continue;
        }
        pz_str_add(out, s + start, i - start);
        add_escape(out, (unsigned char)s[i]);
        start = ++i;
    }
    pz_str_add(out, s + start, n - start);
    pz_str_addc(out, '"');
}

void pz_json_add_number(struct pz_str *out, double x, bool short_form)
{
    if (!isfinite(x))
        pz_str_adds(out, "null");
    else if (short_form)
        pz_str_add_float(out, (float)x);
    else
        pz_str_add_double(out, x);
}

/* As a CSV cell would have it: null is an empty text, and a whole number keeps all its digits,
 * which a double would round from 2^53 on. */
bool pz_json_add_scalar(struct pz_str *out, const json_t *value)
{
    if (json_is_string(value))
        pz_str_add(out, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        pz_str_addf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        pz_str_add_double(out, json_real_value(value));
    else if (json_is_boolean(value))
        pz_str_adds(out, json_is_true(value) ? "true" : "false");
    return !json_is_object(value) && !json_is_array(value);
}
