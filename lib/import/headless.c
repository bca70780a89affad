/* SPDX-License-Identifier: Apache-2.0 */
/* Files without a header: see headless.h.
 *
 * Most have the user in front of the item, as MovieLens' u.data; some have not, as Amazon's ratings
 * of 2018. Ids that are written as those of people or things ("user_000639", "B000FA64PK") say
 * which is which. Numbers do not, but what is done does: a person comes, does several things and
 * leaves, while what happens to a thing is spread over time. Within half an hour of a user's event
 * comes another, with another item, in 98 % of MovieLens 100K and 84 % of RetailRocket; of an
 * item's, with another user, in 3 % and 6 %. News are read in waves, and tell nothing: in Deskdrop
 * it is 33 % and 30 %.
 *
 * Sessions and orders have one user, and albums one artist: where ids of the second column come
 * again with the same of the first, it is no item that people share. Then a column behind that
 * changes within a session and is met by others is the item; where there is none, the rows are
 * probably one person's. */
#include "import/headless.h"

#include <string.h>

enum { MATRIX_COLUMNS = 12, PAIRS_MIN = 50, USERS_MIN = 5, ITEMS_MIN = 10 };

/* How much more often, and by how much of all rows, heaps have to come in the second column. */
static const double TIMES_MORE = 3, SHARE_MORE = 0.05;

static bool has_any(const struct pz_seen *s)
{
    return s->filled > 0;
}

/* Dates, or numbers that are nothing else. */
static bool is_time(const struct pz_seen *s)
{
    return has_any(s) && s->dates + s->moments == s->filled;
}

/* An id: no fraction, not the number of its row. */
static bool is_id(const struct pz_look *look, size_t i)
{
    const struct pz_seen *s = &look->seen[i];

    return has_any(s) && s->fractions == 0 &&
           !(i == 0 && look->rows > 3 && look->n > 3 && s->counted + 1 >= look->rows);
}

/* Ratings and counts of plays; larger numbers are ids and prices, nothing but 0 is a code. */
static bool is_value(const struct pz_seen *s)
{
    return has_any(s) && s->small == s->filled && s->zeros < s->filled;
}

/* Behind the ids first, as an id of ten digits may look like a time. */
static size_t find_time(const struct pz_look *look)
{
    for (size_t i = 2; i < look->n; i++)
        if (is_time(&look->seen[i]))
            return i;
    for (size_t i = 0; i < look->n && i < 2 && look->n > 2; i++)
        if (is_time(&look->seen[i]))
            return i;
    return SIZE_MAX;
}

static bool is_matrix(const struct pz_look *look)
{
    bool matrix = look->n >= MATRIX_COLUMNS;

    for (size_t i = 1; i < look->n && matrix; i++)
        matrix = look->seen[i].numbers == look->seen[i].filled &&
                 look->seen[i].small == look->seen[i].filled;
    return matrix;
}

/* A value stands next to the item, but for the time. */
static void take_value(const struct pz_look *look, struct pz_headless *out)
{
    size_t i = out->item + 1 + (out->time == out->item + 1);

    out->value = i < look->n && is_value(&look->seen[i]) ? i : SIZE_MAX;
}

static void find_ids(const struct pz_look *look, struct pz_headless *out)
{
    for (size_t i = 0; i < look->n; i++) {
        const struct pz_seen *s = &look->seen[i];

        if (i == out->time)
            continue;
        if (out->user == SIZE_MAX && is_id(look, i))
            out->user = i;
        else if (out->user != SIZE_MAX && out->item == SIZE_MAX && is_id(look, i))
            out->item = i;
        else if (out->item != SIZE_MAX && out->event == SIZE_MAX && s->events > 0)
            out->event = i;
    }
    if (out->item != SIZE_MAX)
        take_value(look, out);
}

static bool is_swapped_by_ids(const struct pz_seen *user, const struct pz_seen *item)
{
    return user->users + item->items < user->items + item->users && user->users == 0 &&
           item->items == 0;
}

static enum pz_status tell_by_heaps(struct pz_blocks_in *in, struct pz_headless *out,
                                    struct pz_err *err)
{
    double first = 0, second = 0;
    uint32_t n_first = 0, n_second = 0;
    enum pz_status st = pz_look_heaps(in, out->user, out->item, out->time, &first, &n_first, err);

    if (st == PZ_OK)
        st = pz_look_heaps(in, out->item, out->user, out->time, &second, &n_second, err);
    if (st != PZ_OK || n_first < PAIRS_MIN || n_second < PAIRS_MIN)
        return st;
    if (second > TIMES_MORE * first && second > first + SHARE_MORE) {
        size_t item = out->user;

        out->user = out->item;
        out->item = item;
        out->told = PZ_TOLD_BY_HEAPS;
    } else if (first > TIMES_MORE * second && first > second + SHARE_MORE) {
        out->told = PZ_TOLD_BY_HEAPS;
    }
    return st;
}

/* Each id comes with one of the other column alone. */
static bool is_within(const struct pz_spread *s)
{
    return s->again >= PAIRS_MIN && s->elsewhere * 50 <= s->again;
}

/* The next column of ids behind the item's, or n. */
static size_t next_ids(const struct pz_look *look, const struct pz_headless *told, size_t i)
{
    for (i++; i < look->n; i++)
        if (i != told->time && i != told->user && i != told->event && is_id(look, i) &&
            !is_value(&look->seen[i]) && !is_time(&look->seen[i]))
            break;
    return i;
}

/* What people share behind a column of sessions, or whose the rows are if nothing is shared. */
static enum pz_status look_behind(const struct pz_look *look, struct pz_blocks_in *in,
                                  struct pz_headless *out, struct pz_err *err)
{
    struct pz_spread user = { .ids = 0 }, item, behind, changes;
    size_t finest = out->item;
    enum pz_status st = pz_look_spread(in, out->item, out->user, &item, err);

    if (st == PZ_OK)
        st = pz_look_spread(in, out->user, out->item, &user, err);
    if (st != PZ_OK || !is_within(&item) || user.ids < USERS_MIN)
        return st;
    for (size_t i = next_ids(look, out, out->item); i < look->n; i = next_ids(look, out, i)) {
        st = pz_look_spread(in, i, out->user, &behind, err);
        if (st == PZ_OK)
            st = pz_look_spread(in, out->item, i, &changes, err);
        if (st != PZ_OK)
            return st;
        if (is_within(&behind)) {
            finest = i;
        } else if (behind.ids >= ITEMS_MIN && changes.elsewhere * 2 > changes.again) {
            out->item = i;
            take_value(look, out);
            return PZ_OK;
        }
    }
    /* In the order of users even what others have may be with one of them so far. */
    if (user.runs > 2 * user.ids && out->told != PZ_TOLD_BY_IDS)
        out->alone = finest;
    return PZ_OK;
}

enum pz_status pz_headless_tell(const struct pz_look *look, struct pz_blocks_in *in,
                                struct pz_headless *out, struct pz_err *err)
{
    const struct pz_seen *user, *item;
    enum pz_status st = PZ_OK;

    *out = (struct pz_headless){ .user = SIZE_MAX,
                                 .item = SIZE_MAX,
                                 .time = SIZE_MAX,
                                 .event = SIZE_MAX,
                                 .value = SIZE_MAX,
                                 .alone = SIZE_MAX };
    out->time = find_time(look);
    find_ids(look, out);
    out->matrix = out->time == SIZE_MAX && is_matrix(look);
    if (out->item == SIZE_MAX)
        return PZ_OK;
    user = &look->seen[out->user];
    item = &look->seen[out->item];
    if (user->users + user->items + item->users + item->items > 0) {
        out->told = PZ_TOLD_BY_IDS;
        if (is_swapped_by_ids(user, item)) {
            size_t at = out->user;

            out->user = out->item;
            out->item = at;
        }
    } else if (in && out->time != SIZE_MAX) {
        st = tell_by_heaps(in, out, err);
    }
    return in && st == PZ_OK ? look_behind(look, in, out, err) : st;
}

void pz_headless_names(const struct pz_look *look, const struct pz_headless *told, bool swapped,
                       struct pz_str *out)
{
    for (size_t i = 0; i < look->n; i++) {
        const char *name = i == (swapped ? told->item : told->user)   ? "USER_ID"
                           : i == (swapped ? told->user : told->item) ? "ITEM_ID"
                           : i == told->time                          ? "TIMESTAMP"
                           : i == told->event                         ? "EVENT_TYPE"
                           : i == told->value                         ? "EVENT_VALUE"
                                                                      : NULL;

        pz_str_adds(out, i ? "," : "");
        if (name)
            pz_str_adds(out, name);
        else
            pz_str_addf(out, "COLUMN_%zu", i + 1);
    }
}

void pz_headless_names_alone(const struct pz_look *look, const struct pz_headless *told,
                             struct pz_str *out)
{
    const struct pz_headless own = { .user = SIZE_MAX,
                                     .item = told->alone,
                                     .time = told->time,
                                     .event = told->event,
                                     .value = SIZE_MAX };

    pz_str_adds(out, "USER_ID,");
    pz_headless_names(look, &own, false, out);
}

const char *pz_headless_delimiter(const char *name)
{
    static const struct {
        char byte;
        const char *typed;
    } delimiter[] = { { '^', "^" }, { '~', "~" }, { '\x01', "\x01" }, { ' ', " " } };

    /* Columns that stand under each other, and a line of a log, have blanks within their cells. */
    for (size_t i = 0; i < sizeof delimiter / sizeof *delimiter; i++)
        if (strchr(name, delimiter[i].byte) && !strstr(name, "  ") && !strchr(name, ':'))
            return delimiter[i].typed;
    return NULL;
}

const char *pz_headless_parts(const struct pz_seen *seen)
{
    return seen->parted[0] * 2 > seen->filled   ? "|"
           : seen->parted[3] * 2 > seen->filled ? " "
                                                : NULL;
}
