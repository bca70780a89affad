/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes: see shape.h. The steps to the member that is being looked at are kept as the check
 * descends; they become the text of a path only when something is wrong.
 *
 * The first member that does not fit is told in the words of Amazon's validation errors, elements
 * counted from 1. null counts as absent, members that the shape does not have are passed over, and
 * lengths are in characters. Text may hold no NUL: what is checked is what C reads later. Depth is
 * bounded before the JSON parser runs, which calls itself for each level, and shapes bound their
 * own. */
#include "serve/shape.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 32, STEPS_MAX = 16, PATH_BYTES = 256 };

struct check {
    struct step {
        const char *name; /* of a member; NULL: an element of a list */
        size_t number;    /* from 1 */
    } step[STEPS_MAX];
    size_t n; /* steps; those beyond STEPS_MAX, which no shape has, are not told */
    struct pz_err *err;
};

/* "eventList[2].itemId"; what does not fit is cut. */
static const char *write_path(const struct check *c, char path[PATH_BYTES])
{
    size_t at = 0;

    for (size_t i = 0; i < c->n && i < STEPS_MAX && at < PATH_BYTES; i++) {
        const struct step *step = &c->step[i];

        at += (size_t)(step->name ? snprintf(path + at, PATH_BYTES - at, "%s%.60s", at ? "." : "",
                                             step->name)
                                  : snprintf(path + at, PATH_BYTES - at, "[%zu]", step->number));
    }
    return at ? path : "body";
}

static enum pz_status bad(const struct check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum pz_status bad(const struct check *c, const char *fmt, ...)
{
    char text[300], path[PATH_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return pz_err_set(c->err, PZ_BAD_DATA,
                      "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                      "Member must %s",
                      write_path(c, path), text);
}

/* Go down to a member or an element. */
static void down(struct check *c, const char *name, size_t number)
{
    if (c->n < STEPS_MAX)
        c->step[c->n] = (struct step){ name, number };
    c->n++;
}

static void up(struct check *c)
{
    c->n--;
}

/* ---- texts ---- */

static size_t count_characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* arn:PARTITION:personalize:REGION:ACCOUNT:REST; region and account may be empty. */
static bool is_arn(const char *s)
{
    size_t n;

    if (strncmp(s, "arn:", 4) != 0)
        return false;
    s += 4;
    n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (n == 0 || strncmp(s + n, ":personalize:", 13) != 0)
        return false;
    s = strchr(s + n + 13, ':');
    s = s ? strchr(s + 1, ':') : NULL;
    return s && s[1];
}

static bool is_word(const char *s, bool dash)
{
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_' && !(dash && *s == '-'))
            return false;
    return true;
}

static bool is_ascii(const char *s)
{
    while (*s >= 0x20 && *s < 0x7f)
        s++;
    return *s == '\0';
}

static const char *misfit(enum pz_pattern pattern, const char *s)
{
    switch (pattern) {
    case PZ_PATTERN_ARN:
        return is_arn(s) ? NULL : "arn:([a-z\\d-]+):personalize:.*:.*:.+";
    case PZ_PATTERN_NAME:
        return isalnum((unsigned char)*s) && is_word(s, true) ? NULL
                                                              : "[a-zA-Z0-9][a-zA-Z0-9\\-_]*";
    case PZ_PATTERN_WORD:
        return *s && is_word(s, false) ? NULL : "[A-Za-z0-9_]+";
    case PZ_PATTERN_ASCII:
        return is_ascii(s) ? NULL : "[\\x20-\\x7E]*";
    default:
        return NULL;
    }
}

static enum pz_status check_text(struct check *c, const char *s, double min, double max,
                                 enum pz_pattern pattern)
{
    size_t n = count_characters(s);
    const char *wanted;

    if ((double)n < min)
        return bad(c, "have length greater than or equal to %.0f", min);
    if ((double)n > max)
        return bad(c, "have length less than or equal to %.0f", max);
    wanted = misfit(pattern, s);
    return wanted ? bad(c, "satisfy regular expression pattern: %s", wanted) : PZ_OK;
}

static enum pz_status check_string(struct check *c, const struct pz_shape *shape,
                                   const json_t *value)
{
    if (!json_is_string(value))
        return bad(c, "be a string");
    if (strlen(json_string_value(value)) != json_string_length(value))
        return bad(c, "have no NUL character");
    return check_text(c, json_string_value(value), shape->min, shape->max, shape->pattern);
}

static enum pz_status check_doc(struct check *c, const struct pz_shape *shape, const json_t *value)
{
    struct pz_err why;
    json_t *doc = NULL;
    enum pz_status st = check_string(c, shape, value);

    if (st == PZ_OK &&
        pz_shape_parse(json_string_value(value), json_string_length(value), &doc, &why) != PZ_OK)
        st = bad(c, "be a string that holds a JSON object (%.120s)", why.text);
    json_decref(doc);
    return st;
}

/* ---- numbers ---- */

static enum pz_status check_number(struct check *c, const struct pz_shape *shape,
                                   const json_t *value)
{
    double x = json_number_value(value);

    if (!json_is_number(value) || !isfinite(x))
        return bad(c, "be a number");
    if (shape->kind == PZ_SHAPE_WHOLE && floor(x) != x)
        return bad(c, "be a whole number");
    if (x < shape->min)
        return bad(c, "have value greater than or equal to %.0f", shape->min);
    return x > shape->max ? bad(c, "have value less than or equal to %.0f", shape->max) : PZ_OK;
}

/* ---- what holds others ---- */

static enum pz_status check_value(struct check *c, const struct pz_shape *shape,
                                  const json_t *value);

static enum pz_status check_list(struct check *c, const struct pz_shape *shape, const json_t *value)
{
    enum pz_status st = PZ_OK;
    const json_t *one;
    size_t i, n = json_array_size(value);

    if (!json_is_array(value))
        return bad(c, "be a list");
    if ((double)n < shape->min)
        return bad(c, "have length greater than or equal to %.0f", shape->min);
    if ((double)n > shape->max)
        return bad(c, "have length less than or equal to %.0f", shape->max);
    json_array_foreach (value, i, one) {
        down(c, NULL, i + 1);
        st = json_is_null(one) ? bad(c, "not be null") : check_value(c, shape->of, one);
        up(c);
        if (st != PZ_OK)
            break;
    }
    return st;
}

static enum pz_status check_map(struct check *c, const struct pz_shape *shape, const json_t *value)
{
    enum pz_status st = PZ_OK;
    const char *key;
    json_t *one;

    if (!json_is_object(value))
        return bad(c, "be a map");
    if ((double)json_object_size(value) > shape->max)
        return bad(c, "have length less than or equal to %.0f", shape->max);
    json_object_foreach (pz_json_lend(value), key, one) {
        down(c, key, 0);
        st = check_text(c, key, 1, shape->key.max, shape->key.pattern);
        if (st == PZ_OK)
            st = json_is_null(one) ? bad(c, "not be null") : check_value(c, shape->of, one);
        up(c);
        if (st != PZ_OK)
            break;
    }
    return st;
}

static enum pz_status check_members(struct check *c, const struct pz_shape *shape,
                                    const json_t *value)
{
    enum pz_status st = PZ_OK;

    if (!json_is_object(value))
        return bad(c, "be a structure");
    for (const struct pz_shape *m = shape->of; m->name && st == PZ_OK; m++) {
        const json_t *one = json_object_get(value, m->name);

        down(c, m->name, 0);
        if (one && !json_is_null(one))
            st = check_value(c, m, one);
        else if (m->required)
            st = bad(c, "not be null");
        up(c);
    }
    return st;
}

static enum pz_status check_value(struct check *c, const struct pz_shape *shape,
                                  const json_t *value)
{
    switch (shape->kind) {
    case PZ_SHAPE_STRING:
        return check_string(c, shape, value);
    case PZ_SHAPE_DOC:
        return check_doc(c, shape, value);
    case PZ_SHAPE_WHOLE:
    case PZ_SHAPE_NUMBER:
        return check_number(c, shape, value);
    case PZ_SHAPE_BOOL:
        return json_is_boolean(value) ? PZ_OK : bad(c, "be true or false");
    case PZ_SHAPE_LIST:
        return check_list(c, shape, value);
    case PZ_SHAPE_MAP:
        return check_map(c, shape, value);
    default:
        return check_members(c, shape, value);
    }
}

enum pz_status pz_shape_check(const struct pz_shape *shape, const json_t *value, struct pz_err *err)
{
    struct check c = { .n = 0, .err = err };

    return check_value(&c, shape, value);
}

/* Jansson's parser calls itself for each level: the bound must hold before it runs. */
static bool is_deep(const char *s, size_t n)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        if (in_string && s[i] == '\\')
            i++;
        else if (s[i] == '"')
            in_string = !in_string;
        else if (!in_string && (s[i] == '{' || s[i] == '[') && ++depth > DEPTH_MAX)
            return true;
        else if (!in_string && (s[i] == '}' || s[i] == ']'))
            depth--;
    }
    return false;
}

enum pz_status pz_shape_parse(const char *bytes, size_t n, json_t **out, struct pz_err *err)
{
    enum pz_status st;

    *out = NULL;
    if (is_deep(bytes, n))
        return pz_err_set(err, PZ_BAD_DATA, "JSON nested more than %d deep", DEPTH_MAX);
    st = pz_json_parse(bytes, n, "JSON", out, err);
    if (st == PZ_OK && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        st = pz_err_set(err, PZ_BAD_DATA, "JSON: an object is expected");
    }
    return st;
}
