/* SPDX-License-Identifier: Apache-2.0 */
/* Ids as values of options: "a,b", with quotes as in CSV for an id that has a comma in it, or @FILE
 * for lists that are longer than a command line may be. An id that begins with @ or a quote stands
 * in quotes.
 *
 * A text is cut in its place: no id is longer in it than as it was written, so that the copy in the
 * arena holds all of them. Empty ids between commas are passed over, as trailing commas are. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/str.h"

/* Cut a text into ids in its place. A quoted id may have anything in it, a
 * quote is doubled there. False: a quote is not closed. */
static bool cut_ids(char *text, struct pz_strs *ids, bool *failed)
{
    while (*text) {
        bool quoted = *text == '"';
        char *id = text, *to = text;

        text += quoted;
        while (*text && (quoted || !strchr(",\n\r", *text))) {
            if (quoted && *text == '"' && *++text != '"')
                quoted = false;
            else
                *to++ = *text++;
        }
        if (quoted)
            return false;
        text += *text != '\0';
        *to = '\0';
        *failed = *failed || (*id && !pz_strs_add(ids, id));
    }
    return true;
}

static enum pz_status add_ids(const char *given, struct pz_arena *arena, struct pz_strs *ids,
                              struct pz_err *err)
{
    const char *fault;
    char *file = NULL, *text;
    size_t n = strlen(given);
    bool failed = false;
    enum pz_status st = *given == '@' ? pz_file_read(given + 1, (size_t)1 << 30, &file, &n, err)
                                      : PZ_OK;

    if (st != PZ_OK)
        return st;
    text = pz_arena_strndup(arena, file ? file : given, n);
    free(file);
    fault = text ? pz_str_text_fault(text, n) : NULL;
    if (fault)
        return pz_err_set(err, PZ_USAGE, "%s: an id %s", given, fault);
    if (text && !cut_ids(text, ids, &failed))
        return pz_err_set(err, PZ_USAGE, "%s: a quote is not closed", given);
    return text && !failed ? PZ_OK : pz_err_memory(err, "a list of ids", (double)n);
}

enum pz_status pz_opt_ids(const struct pz_strs *given, struct pz_arena *arena,
                          const char *const **ids, size_t *n, struct pz_err *err)
{
    struct pz_strs list = { .n = 0 };
    const char **kept;
    enum pz_status st = PZ_OK;

    *ids = NULL;
    *n = 0;
    for (size_t i = 0; i < given->n && st == PZ_OK; i++)
        st = add_ids(given->v[i], arena, &list, err);
    if (st == PZ_OK && list.n > 0) {
        kept = pz_arena_take(arena, list.n * sizeof *kept);
        if (kept)
            memcpy(kept, list.v, list.n * sizeof *kept);
        *ids = kept;
        *n = kept ? list.n : 0;
        st = kept ? PZ_OK : pz_err_memory(err, "a list of ids", (double)list.n * sizeof *kept);
    }
    pz_strs_clear(&list);
    return st;
}
