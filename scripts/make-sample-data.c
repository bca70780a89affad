/* SPDX-License-Identifier: Apache-2.0 */
/* Write the sample shop into sample-data/: interactions.csv, items.csv, users.csv.
 *
 * An invented shop whose customers behave for reasons a recommender can find:
 *  1. Categories come in 8 departments of 5 shelves; a user mainly likes two departments and,
 *     within each, two shelves. On a random day the second liking becomes the first (drift).
 *  2. A visit (session) stays on one shelf; with probability 0.45 the next item seen is one of the
 *     three fixed companions of the last one, else the shelf's items by a power law of their rank.
 *  3. A view leads to a cart with probability 0.22 and a cart to a purchase with 0.45 (funnel).
 *  4. The last N_NEW items were created on the last day and have no interactions.
 * Everything follows from SEED: the same bytes at every run. Usage: make-sample-data [FOLDER] */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

enum {
    N_USERS = 2000,
    N_ITEMS = 1000,
    N_NEW = 20,
    N_ROWS = 60000,
    N_DEPT = 8,
    N_SHELF = 5,
    N_SHELVES = N_DEPT * N_SHELF,
    N_DAYS = 90
};
#define SEED 20240501u
#define START_S INT64_C(1704067200) /* 2024-01-01T00:00:00Z, seconds */
#define DAY_S 86400

static const char *const dept_name[N_DEPT] = { "Kitchen", "Garden", "Books",  "Sports",
                                               "Toys",    "Music",  "Office", "Travel" };
static const char *const shelf_name[N_DEPT][N_SHELF] = {
    { "Knives", "Pans", "Baking", "Coffee", "Storage" },
    { "Seeds", "Tools", "Pots", "Lighting", "Furniture" },
    { "Crime", "History", "Cooking", "Science", "Poetry" },
    { "Running", "Climbing", "Swimming", "Cycling", "Yoga" },
    { "Puzzles", "Blocks", "Dolls", "Trains", "Games" },
    { "Guitars", "Drums", "Keyboards", "Records", "Headphones" },
    { "Paper", "Pens", "Lamps", "Desks", "Chairs" },
    { "Backpacks", "Suitcases", "Tents", "Maps", "Adapters" }
};
static const char *const adjective[10] = { "classic", "light", "sturdy",  "compact",  "bright",
                                           "quiet",   "soft",  "elegant", "everyday", "handmade" };

struct user {
    int shelf[4];  /* liked shelves: two of the main department, two of the other */
    int drift_day; /* from this day on the other department is the main one */
    double pull;   /* how often the user comes: relative weight, > 0 */
};

static struct user users[N_USERS];
static int on_shelf[N_SHELVES][N_ITEMS], n_on_shelf[N_SHELVES];
static int companion[N_ITEMS][3];
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

/* An item of the shelf; cubing a uniform number prefers low ranks strongly. */
static int pick_on_shelf(int shelf)
{
    double u = uniform();

    return on_shelf[shelf][(int)(u * u * u * n_on_shelf[shelf])];
}

static void place_items(void)
{
    for (int i = 0; i < N_ITEMS - N_NEW; i++) {
        int shelf = i % N_SHELVES;
        on_shelf[shelf][n_on_shelf[shelf]++] = i;
    }
    for (int i = 0; i < N_ITEMS - N_NEW; i++)
        for (int c = 0; c < 3; c++)
            companion[i][c] = on_shelf[i % N_SHELVES][below(n_on_shelf[i % N_SHELVES])];
}

static void make_users(void)
{
    for (int u = 0; u < N_USERS; u++) {
        int first = below(N_DEPT), second = (first + 1 + below(N_DEPT - 1)) % N_DEPT;
        for (int s = 0; s < 4; s++)
            users[u].shelf[s] = (s < 2 ? first : second) * N_SHELF + below(N_SHELF);
        users[u].drift_day = below(2 * N_DAYS);
        users[u].pull = 1.0 / (0.15 + uniform());
    }
}

/* Rejection sampling: the pull is below 1 / 0.15. */
static int pick_user(void)
{
    int u;

    do
        u = below(N_USERS);
    while (uniform() / 0.15 > users[u].pull);
    return u;
}

static int pick_shelf(const struct user *u, int day)
{
    int other = uniform() < 0.2;

    if (uniform() < 0.08)
        return below(N_SHELVES);
    if (day >= u->drift_day)
        other = !other;
    return u->shelf[2 * other + (uniform() < 0.35)];
}

static void put_row(FILE *f, int user, int item, int64_t at, const char *type, double value,
                    int session)
{
    fprintf(f, "u%04d,i%04d,%" PRId64 ",%s,%.2f,s%05d\n", user, item, at, type, value, session);
}

static double price_of(int item)
{
    return 4.0 + (item * 7919 % 9700) / 100.0;
}

/* One visit: at most `left` rows; returns how many were written. */
static int write_visit(FILE *f, int session, int64_t at, int left)
{
    int user = pick_user(), rows = 0, n_views = 1 + below(7);
    int shelf = pick_shelf(&users[user], (int)((at - START_S) / DAY_S));
    int item = pick_on_shelf(shelf);

    for (int v = 0; v < n_views && rows + 3 <= left; v++) {
        put_row(f, user, item, at, "View", 1.0, session);
        rows++;
        if (uniform() < 0.22) {
            put_row(f, user, item, at + 20, "AddToCart", price_of(item), session);
            rows++;
            if (uniform() < 0.45) {
                put_row(f, user, item, at + 90, "Purchase", price_of(item), session);
                rows++;
            }
        }
        at += 100 + below(200);
        item = uniform() < 0.45 ? companion[item][below(3)] : pick_on_shelf(shelf);
    }
    return rows;
}

static void write_interactions(FILE *f)
{
    int rows = 0, session = 0;

    fputs("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,SESSION_ID\n", f);
    while (rows + 3 <= N_ROWS) {
        int64_t at = START_S + (int64_t)((double)rows / N_ROWS * (N_DAYS - 1) * DAY_S) +
                     below(DAY_S / 2);
        rows += write_visit(f, session++, at, N_ROWS - rows);
    }
}

static void write_items(FILE *f)
{
    fputs("ITEM_ID,CATEGORY_L1,CATEGORY_L2,PRICE,STOCK,CREATION_TIMESTAMP,DESCRIPTION\n", f);
    for (int i = 0; i < N_ITEMS; i++) {
        int d = i % N_SHELVES / N_SHELF, s = i % N_SHELF,
            extra = (s + 1 + below(N_SHELF - 1)) % N_SHELF;
        int64_t made = i < N_ITEMS - N_NEW
                           ? START_S - (int64_t)below(400) * DAY_S
                           : START_S + (int64_t)(N_DAYS - 1) * DAY_S + below(DAY_S / 2);
        const char *a = adjective[below(10)], *b = adjective[below(10)];
        fprintf(f, "i%04d,%s,%s", i, dept_name[d], shelf_name[d][s]);
        if (uniform() < 0.2)
            fprintf(f, "|%s", shelf_name[d][extra]);
        fprintf(f, ",%.2f,%d,%" PRId64 ",\"A %s, %s choice from our %s shelf for %s lovers.\"\n",
                price_of(i), uniform() < 0.05 ? 0 : 1 + below(200), made, a, b, shelf_name[d][s],
                dept_name[d]);
    }
}

static void write_users(FILE *f)
{
    static const char *const age[5] = { "18-24", "25-34", "35-49", "50-64", "65+" };
    static const char *const member[3] = { "none", "silver", "gold" };

    fputs("USER_ID,AGE_BAND,MEMBERSHIP\n", f);
    for (int u = 0; u < N_USERS; u++) {
        int dept = users[u].shelf[0] / N_SHELF;
        int band = uniform() < 0.5 ? dept % 5 : below(5); /* age says a little about the taste */
        fprintf(f, "u%04d,%s,%s\n", u, age[band], member[users[u].pull > 3.0 ? 2 : below(2)]);
    }
}

static int write_file(const char *folder, const char *name, void (*write)(FILE *))
{
    char path[4096];
    FILE *f = NULL;
    int bad = snprintf(path, sizeof path, "%s/%s.csv", folder, name) >= (int)sizeof path;

    if (!bad)
        f = fopen(path, "w");
    if (f) {
        write(f);
        bad = ferror(f) != 0;
        bad |= fclose(f) != 0;
    }
    if (bad || !f)
        fprintf(stderr, "make-sample-data: cannot write %s\n", path);
    return bad || !f;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "sample-data";

    place_items();
    make_users();
    return write_file(folder, "interactions", write_interactions) ||
           write_file(folder, "items", write_items) || write_file(folder, "users", write_users);
}
