/* SPDX-License-Identifier: Apache-2.0 */
/* Telling row errors: see reader.h. The first 20 become messages, as more would hide the rest of
 * the log; all of them go to the reject file, as JSON Lines with file, line, column, reason and
 * the row as it was.
 *
 * Values come from a stranger's file: a message shows at most 60 bytes, never half a character,
 * and control characters as '?'. Every row error is freed here, also when writing fails. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "import/reader.h"

enum { MESSAGES = 20, VALUE_CHARS = 60 };

/* At most VALUE_CHARS bytes, not cutting a character, control characters as '?'. */
static void add_printable(struct pz_str *out, const char *s, size_t n)
{
    size_t show = n > VALUE_CHARS ? VALUE_CHARS : n;

    while (show > 0 && show < n && ((unsigned char)s[show] & 0xc0) == 0x80)
        show--;
    if (!pz_str_is_utf8(s, show)) {
        for (size_t i = 0; i < show; i++)
            pz_str_addc(out, s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?');
    } else {
        pz_str_add_plain(out, s, show);
    }
    if (show < n)
        pz_str_adds(out, "...");
}

/* FILE:LINE: first, as compilers do: editors jump there. */
static void say(struct pz_log *log, const char *file, const struct pz_row_error *row_error)
{
    struct pz_str text = { 0 };

    pz_str_addf(&text, "%s:%llu: ", file, (unsigned long long)row_error->line);
    if (row_error->column)
        pz_str_addf(&text, "column %s: ", row_error->column);
    pz_str_adds(&text, row_error->reason);
    if (row_error->value) {
        pz_str_adds(&text, ": \"");
        add_printable(&text, row_error->value, row_error->n_value);
        pz_str_addc(&text, '"');
    }
    if (!text.failed)
        pz_log(log, PZ_LOG_ERROR, "%s", text.data);
    pz_str_clear(&text);
}

static void add_member(struct pz_str *out, const char *key, const char *s, size_t n)
{
    pz_str_addf(out, ",\"%s\":", key);
    pz_json_add_string(out, s, n);
}

static enum pz_status write_line(struct pz_out *reject, const char *file,
                                 const struct pz_row_error *row_error, struct pz_err *err)
{
    struct pz_str line = { 0 };
    enum pz_status st;

    pz_str_adds(&line, "{\"file\":");
    pz_json_add_string(&line, file, strlen(file));
    pz_str_addf(&line, ",\"line\":%llu", (unsigned long long)row_error->line);
    if (row_error->column)
        add_member(&line, "column", row_error->column, strlen(row_error->column));
    add_member(&line, "reason", row_error->reason, strlen(row_error->reason));
    add_member(&line, "row", row_error->raw, row_error->n_raw);
    pz_str_adds(&line, "}\n");
    st = line.failed ? pz_err_memory(err, "a rejected row", (double)row_error->n_raw)
                     : pz_out_write(reject, line.data, line.len, err);
    pz_str_clear(&line);
    return st;
}

enum pz_status pz_row_errors_report(struct pz_row_errors *row_errors, const char *file,
                                    struct pz_row_error *row_error, size_t n, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n; i++) {
        if (st == PZ_OK && row_errors->n < MESSAGES)
            say(row_errors->log, file, &row_error[i]);
        if (st == PZ_OK && row_errors->reject)
            st = write_line(row_errors->reject, file, &row_error[i], err);
        row_errors->n++;
        free(row_error[i].value);
        free(row_error[i].raw);
    }
    return st;
}
