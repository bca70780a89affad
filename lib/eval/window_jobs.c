/* SPDX-License-Identifier: Apache-2.0 */
/* Windows as jobs of a scheduler: see windows.h. A line holds the sums of a window exactly, and
 * what was asked; it knows nothing of the machine. Sums are added up in the order of windows
 * (windows.c), whoever made them, so that a table put together has the bytes of one made at once.
 *
 * A window that is missing is refused: the figures over all windows would be others. Where there
 * are fewer windows than asked, as many events are of one time, the jobs beyond them say so and
 * count as done. */
#include "eval/window_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/rows.h"

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

bool pz_windows_read_question(struct pz_windows *w)
{
    w->protocol = text_of(w->asked, "protocol");
    w->recipe = text_of(w->asked, "recipe");
    w->seed = (uint64_t)json_integer_value(json_object_get(w->asked, "seed"));
    w->k = (uint32_t)json_integer_value(json_object_get(w->asked, "at"));
    return w->protocol && w->recipe;
}

/* ---- a job's line ---- */

static json_t *way_json(const struct pz_window *w, int way)
{
    const struct pz_pool_sum *s = &w->against[way];

    return json_pack("{s:f, s:f, s:f, s:f}", "value", w->value[way], "mine", s->mine, "rival",
                     s->rival, "square", s->square);
}

enum pz_status pz_windows_line(const struct pz_windows *w, struct pz_str *line, struct pz_err *err)
{
    const struct pz_window *one = w->only <= w->n ? &w->window[w->only - 1] : NULL;
    json_t *doc = json_pack("{s:I, s:I, s:I, s:O}", "window", (json_int_t)w->only, "of",
                            (json_int_t)w->n_asked, "windows", (json_int_t)w->n, "asked", w->asked),
           *ways = json_array();
    char *text = NULL;

    for (int way = 0; one && way < PZ_WINDOW_WAYS; way++)
        json_array_append_new(ways, way_json(one, way));
    if (one)
        json_object_update_new(doc,
                               json_pack("{s:I, s:I, s:I}", "from", (json_int_t)one->from, "to",
                                         (json_int_t)one->to, "users", (json_int_t)one->n_users));
    if (json_object_set_new(doc, "ways", ways) == 0)
        text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (text) {
        pz_str_adds(line, text);
        pz_str_addc(line, '\n');
    }
    free(text);
    json_decref(doc);
    return text && !line->failed ? PZ_OK : pz_err_memory(err, "the line of a window", 1e4);
}

/* ---- all lines ---- */

static enum pz_status begin(struct pz_windows *all, const json_t *line, struct pz_err *err)
{
    json_int_t n = json_integer_value(json_object_get(line, "windows")),
               of = json_integer_value(json_object_get(line, "of"));

    all->asked = json_deep_copy(json_object_get(line, "asked"));
    if (!json_is_object(all->asked) || !pz_windows_read_question(all) || n < 1 || n > of ||
        of > PZ_MAX_WINDOWS)
        return pz_err_set(err, PZ_BAD_DATA, "no line of pz-eval --window");
    all->n = (size_t)n;
    all->n_asked = (uint32_t)of;
    all->window = pz_mem_array(all->n, sizeof *all->window);
    return all->window ? PZ_OK : pz_err_memory(err, "windows", 1e4);
}

static bool read_way(const json_t *o, struct pz_window *w, int way)
{
    struct pz_pool_sum *s = &w->against[way];

    *s = (struct pz_pool_sum){ .n_days = 1, .n = w->n_users };
    s->mine = json_number_value(json_object_get(o, "mine"));
    s->rival = json_number_value(json_object_get(o, "rival"));
    s->square = json_number_value(json_object_get(o, "square"));
    w->value[way] = json_number_value(json_object_get(o, "value"));
    return json_is_object(o);
}

static enum pz_status take(void *data, const json_t *line, struct pz_err *err)
{
    struct pz_windows *all = data;
    json_int_t k = json_integer_value(json_object_get(line, "window")),
               users = json_integer_value(json_object_get(line, "users"));
    enum pz_status st = all->asked ? PZ_OK : begin(all, line, err);
    struct pz_window *w;
    bool whole = true;

    if (st != PZ_OK)
        return st;
    if (k < 1 || k > all->n_asked ||
        json_integer_value(json_object_get(line, "of")) != all->n_asked ||
        json_integer_value(json_object_get(line, "windows")) != (json_int_t)all->n ||
        !json_equal(json_object_get(line, "asked"), all->asked))
        return pz_err_set(err, PZ_BAD_DATA,
                          "the window was judged with other data or options than those before it");
    if (k > (json_int_t)all->n)
        return PZ_OK;
    w = &all->window[k - 1];
    *w = (struct pz_window){ .judged = true,
                             .from = json_integer_value(json_object_get(line, "from")),
                             .to = json_integer_value(json_object_get(line, "to")),
                             .n_users = users > 0 ? (size_t)users : 0 };
    for (int way = 0; way < PZ_WINDOW_WAYS; way++)
        whole = read_way(json_array_get(json_object_get(line, "ways"), (size_t)way), w, way) &&
                whole;
    return whole && users > 0 ? PZ_OK
                              : pz_err_set(err, PZ_BAD_DATA, "no whole line of pz-eval --window");
}

static enum pz_status check_whole(const struct pz_windows *all, struct pz_err *err)
{
    struct pz_str missing = { 0 };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < all->n; i++)
        if (!all->window[i].judged)
            pz_str_addf(&missing, "%s%zu", missing.len ? ", " : "", i + 1);
    if (all->n == 0)
        st = pz_err_set(err, PZ_BAD_DATA, "there is no line of pz-eval --window");
    else if (missing.len > 0 || missing.failed)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "of %zu windows these are missing: %s; run their jobs again", all->n,
                        missing.failed ? "some" : missing.data);
    pz_str_clear(&missing);
    return st;
}

enum pz_status pz_windows_unite(const char *const *path, size_t n, struct pz_windows *out,
                                struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    *out = (struct pz_windows){ .n = 0 };
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        st = pz_rows_each_object(path[i], "pz-eval --window", take, out, err);
    return st == PZ_OK ? check_whole(out, err) : st;
}
