/* SPDX-License-Identifier: Apache-2.0 */
/* Write the interactions of a made world as CSV to standard output. Each world has one difficulty
 * that real data have as well, alone and strong, and everything in it follows from SEED: the same
 * bytes at every run.
 *
 *   drift      news: an item lives for about a month and fades from its first day on; a user reads
 *              in 2 of 20 fields
 *   shop       an online shop: half of the items stay, the others live for a month; what was seen
 *              is often seen again soon, some of it is bought
 *   groceries  a household buys about 15 staples, each at an interval of its own, and now and then
 *              something else
 *   bots       people with tastes, and 10 robots that walk through the catalogue and make 95 % of
 *              all events
 *   films      many events of few users: what comes next follows from where the last films lie,
 *              which takes many of them to find out
 *   camps      people rate what everybody sees: 5 for items of their own camp, 1 for the other's
 *
 * usage: make-worlds drift|shop|groceries|bots|films|camps */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20260101u
#define START_S INT64_C(1735689600) /* 2025-01-01T00:00:00Z, seconds */
#define DAY_S 86400

static uint64_t state = SEED;

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_word(void)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double uniform(void)
{
    return (double)(next_word() >> 11) * 0x1p-53;
}

static int below(int n)
{
    return (int)(uniform() * n);
}

static void write_head(const char *more)
{
    printf("USER_ID,ITEM_ID,TIMESTAMP%s\n", more);
}

static int64_t second_of(double day)
{
    return START_S + (int64_t)(day * DAY_S);
}

/* ---- worlds whose items come and go ---- */

enum { FIELDS = 20, ITEMS = 2000, DAYS = 180, PEOPLE = 1500, VISITS = 12, PER_VISIT = 3 };

struct item {
    double born, strength; /* day; relative */
    int stays;             /* does not fade */
};
static struct item items[ITEMS];

static void make_items(double share_that_stays)
{
    for (int i = 0; i < ITEMS; i++) {
        items[i].stays = uniform() < share_that_stays;
        items[i].born = items[i].stays ? -1 : uniform() * (DAYS + 30) - 30;
        items[i].strength = pow(uniform(), -0.5) * (items[i].stays ? 0.15 : 1);
    }
}

/* How much an item draws on a day: it fades with 10 days and is gone after 30. */
static double pull(const struct item *item, double day)
{
    double age = day - item->born;

    if (age < 0 || (!item->stays && age > 30))
        return 0;
    return item->strength * (item->stays ? 1 : exp(-age / 10));
}

/* An item of a field, field 0 to FIELDS - 1 being item modulo FIELDS; -1 when none is there. */
static int draw_item(int field, double day)
{
    double total = 0, at;
    int last = -1;

    for (int i = field; i < ITEMS; i += FIELDS)
        total += pull(&items[i], day);
    at = uniform() * total;
    for (int i = field; i < ITEMS && at >= 0; i += FIELDS) {
        double p = pull(&items[i], day);

        last = p > 0 ? i : last;
        at -= p;
    }
    return last;
}

static void visit(int user, int field, double day, double again, int *last, int with_types)
{
    for (int k = 0; k < PER_VISIT; k++) {
        int item = *last >= 0 && uniform() < again ? *last : draw_item(field, day);
        const char *type = !with_types ? "" : uniform() < 0.1 ? ",buy" : ",view";

        if (item >= 0)
            printf("u%d,i%d,%" PRId64 "%s\n", user, item, second_of(day) + 60 * k, type);
        *last = item;
    }
}

static void make_fields(double share_that_stays, double again, int with_types)
{
    make_items(share_that_stays);
    write_head(with_types ? ",EVENT_TYPE" : "");
    for (int u = 0; u < PEOPLE; u++) {
        int likes[2] = { below(FIELDS), below(FIELDS) }, last = -1;
        double from = uniform() < 0.7 ? 0 : uniform() * DAYS; /* some come later */

        for (int v = 0; v < VISITS; v++) {
            double day = from + (v + uniform()) * (DAYS - from) / VISITS;

            visit(u, uniform() < 0.9 ? likes[uniform() < 0.3] : below(FIELDS), day, again, &last,
                  with_types);
        }
    }
}

/* ---- groceries ---- */

enum { HOUSEHOLDS = 600, GOODS = 500, STAPLES = 15, BUY_DAYS = 150 };

/* Popular goods are the low numbers. */
static int draw_good(void)
{
    double x = uniform();

    return (int)(x * x * GOODS);
}

static void make_groceries(void)
{
    write_head("");
    for (int u = 0; u < HOUSEHOLDS; u++) {
        for (int s = 0; s < STAPLES; s++) {
            int good = draw_good();
            double every = 4 + uniform() * 30;

            for (double day = uniform() * every; day < BUY_DAYS;
                 day += every * (0.8 + 0.4 * uniform()))
                printf("h%d,g%d,%" PRId64 "\n", u, good, second_of(floor(day) + 0.7));
        }
        for (double day = uniform() * 5; day < BUY_DAYS; day += 10 * uniform())
            printf("h%d,g%d,%" PRId64 "\n", u, draw_good(), second_of(floor(day) + 0.7));
    }
}

/* ---- bots ---- */

enum { BOTS = 10, BOT_SHARE = 19 /* events of bots for each of people */, ACTS = 15, SHELF = 40 };

static void make_bots(void)
{
    long n = 0;

    write_head("");
    for (int u = 0; u < PEOPLE; u++) {
        int shelf = below(ITEMS / SHELF);

        for (int k = 0; k < ACTS; k++, n++) {
            double x = uniform();

            printf("u%d,i%d,%" PRId64 "\n", u, shelf * SHELF + (int)(x * x * SHELF),
                   second_of((k + uniform()) * DAYS / ACTS));
            shelf = uniform() < 0.15 ? below(ITEMS / SHELF) : shelf;
        }
    }
    for (int b = 0; b < BOTS; b++) {
        int at = below(ITEMS);

        for (long k = 0; k < n * BOT_SHARE / BOTS; k++) {
            at = uniform() < 0.5 ? (at + 1) % ITEMS : below(ITEMS);
            printf("bot%d,i%d,%" PRId64 "\n", b, at,
                   second_of((double)k * DAYS * BOTS / ((double)n * BOT_SHARE)));
        }
    }
}

/* ---- films ---- */

enum { VIEWERS = 3000, FILMS = 3000, SEEN = 160, DIMS = 16, CANDIDATES = 100 };

/* Where a film lies. */
static double place[FILMS][DIMS];

static double near(const double *a, const double *b)
{
    double sum = 0;

    for (int k = 0; k < DIMS; k++)
        sum += a[k] * b[k];
    return sum;
}

static void draw_place(double *x)
{
    for (int k = 0; k < DIMS; k++) /* about normal, of length about 1 */
        x[k] = (uniform() + uniform() + uniform() + uniform() - 2) * sqrt(3.0 / DIMS);
}

/* One of some films that the viewer has not seen, popular ones more often among them: near to where
 * the mood leads, and to the taste. */
static int draw_film(const double *mood, const double *taste, const char *seen)
{
    double total = 0;
    int film = -1;

    for (int c = 0; c < CANDIDATES; c++) {
        double x = uniform(), weight;
        int at = (int)(x * x * FILMS);

        if (seen[at])
            continue;
        weight = exp(6 * near(mood, place[at]) + 3 * near(taste, place[at]));
        total += weight;
        film = uniform() * total < weight ? at : film;
    }
    return film;
}

/* A film leads elsewhere: its place, turned, on the mood so far. */
static void move_mood(double *mood, int film)
{
    double x[DIMS];

    for (int k = 0; k < DIMS; k++)
        x[k] = 0.6 * mood[k] + (k % 3 ? 1 : -1) * place[film][(k + 5) % DIMS];
    memcpy(mood, x, sizeof x);
}

static void make_films(void)
{
    static char seen[FILMS];

    write_head("");
    for (int i = 0; i < FILMS; i++)
        draw_place(place[i]);
    for (int u = 0; u < VIEWERS; u++) {
        double taste[DIMS], mood[DIMS] = { 0 }, from = uniform() * DAYS / 2;

        draw_place(taste);
        memset(seen, 0, sizeof seen);
        for (int k = 0; k < SEEN; k++) {
            int film = draw_film(mood, taste, seen);

            if (film < 0)
                continue;
            seen[film] = 1;
            move_mood(mood, film);
            printf("u%d,f%d,%" PRId64 "\n", u, film,
                   second_of(from + (k + uniform()) * DAYS / 2 / SEEN));
        }
    }
}

/* ---- camps ---- */

enum { CAMPS = 6, RATED = 600, RATINGS = 30 };

static void make_camps(void)
{
    write_head(",EVENT_TYPE,EVENT_VALUE");
    for (int u = 0; u < PEOPLE; u++) {
        int camp = below(CAMPS);

        for (int k = 0; k < RATINGS; k++) {
            double x = uniform();
            int item = (int)(x * x * RATED);
            int value = item % CAMPS == camp ? 4 + below(2) : 1 + below(2);

            if (item % CAMPS != camp &&
                uniform() < 0.5) /* half of what is not theirs is not taken */
                continue;
            printf("u%d,i%d,%" PRId64 ",rating,%d\n", u, item,
                   second_of((k + uniform()) * DAYS / RATINGS), value);
        }
    }
}

int main(int argc, char **argv)
{
    const char *world = argc == 2 ? argv[1] : "";

    if (strcmp(world, "drift") == 0)
        make_fields(0, 0, 0);
    else if (strcmp(world, "shop") == 0)
        make_fields(0.5, 0.25, 1);
    else if (strcmp(world, "groceries") == 0)
        make_groceries();
    else if (strcmp(world, "bots") == 0)
        make_bots();
    else if (strcmp(world, "films") == 0)
        make_films();
    else if (strcmp(world, "camps") == 0)
        make_camps();
    else
        return fprintf(stderr, "usage: make-worlds drift|shop|groceries|bots|films|camps\n"), 2;
    return fflush(stdout) != 0 || ferror(stdout) ? 74 : 0;
}
