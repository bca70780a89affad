/* SPDX-License-Identifier: Apache-2.0 */
/* make-synthetic [ROWS [USERS [ITEMS [SEED [TOPICS]]]]] > FILE.csv
 *
 * The file that speed is measured with: by default 20,000,000 interactions (about 456 MB) of
 * 138,000 users with 27,000 items, the shape of a large public rating set. Activity of users and
 * popularity of items follow power laws; user, item and time of a row are independent, so rows come
 * in no order, which is the worst case for an import. The same arguments give the same bytes on
 * every machine: only integer arithmetic decides.
 *
 * With TOPICS, which is 0 else, nine of ten items that a user meets are of four of so many topics,
 * each as popular as the next, so that there is something to learn.
 *
 * Weights are w(r) = 2^32 / (r + c)^a in steps that need no floating point power: a = 1/2 for users
 * (integer square root) and a = 1 for items, with c chosen so that the first few do not dominate.
 * Rows are drawn by binary search in the running sums. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64, BUFFER_BYTES = 1 << 20 };

static const uint64_t first_time = 1609459200, n_seconds = 63072000; /* 2021 and 2022 */

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Uniform below n; the bias of at most n / 2^64 does no harm here. */
static uint64_t below(uint64_t *state, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)next_random(state) * n) >> 64);
}

static uint64_t square_root(uint64_t x)
{
    uint64_t r = 0, bit = (uint64_t)1 << 62;

    for (; bit > 0; bit >>= 2) {
        if (x >= r + bit) {
            x -= r + bit;
            r = (r >> 1) + bit;
        } else {
            r >>= 1;
        }
    }
    return r;
}

/* Running sums of n weights. half: exponent 1/2, else 1. */
static uint64_t *make_sums(uint64_t n, uint64_t c, int half)
{
    uint64_t *sum = malloc((n + 1) * sizeof *sum);

    if (!sum)
        return NULL;
    sum[0] = 0;
    for (uint64_t r = 0; r < n; r++) {
        uint64_t x = r + c;

        sum[r + 1] = sum[r] + (half ? ((uint64_t)1 << 40) / square_root(x << 16)
                                    : ((uint64_t)1 << 40) / (x << 8));
    }
    return sum;
}

/* The rank whose share of the sums holds a random point. */
static uint64_t draw(const uint64_t *sum, uint64_t n, uint64_t *random)
{
    uint64_t point = below(random, sum[n]);
    uint64_t from = 0, to = n;

    while (to - from > 1) {
        uint64_t middle = from + (to - from) / 2;

        if (sum[middle] <= point)
            from = middle;
        else
            to = middle;
    }
    return from;
}

/* A number for each rank, so that the active and the popular ones are not the first. */
static uint32_t *shuffle(uint64_t n, uint64_t *random)
{
    uint32_t *order = malloc((n + 1) * sizeof *order);

    for (uint32_t i = 0; order && i < n; i++)
        order[i] = i + 1;
    for (uint64_t i = n; order && i > 1; i--) {
        uint64_t j = below(random, i);
        uint32_t swap = order[i - 1];

        order[i - 1] = order[j];
        order[j] = swap;
    }
    return order;
}

static size_t put_number(char *out, uint64_t x, char end)
{
    char digits[24];
    size_t n = 0, len;

    do
        digits[n++] = (char)('0' + x % 10);
    while ((x /= 10) > 0);
    for (len = 0; len < n; len++)
        out[len] = digits[n - 1 - len];
    out[len++] = end;
    return len;
}

/* The item at a rank, or one of about that rank in a topic that the user likes; topics <= items. */
static uint64_t in_topic(uint64_t rank, uint64_t user, uint64_t items, uint64_t topics,
                         uint64_t *random)
{
    uint64_t like = user * 4 + below(random, 4), near;

    if (below(random, 10) == 0)
        return rank;
    near = rank - rank % topics + below(&like, topics);
    return near < items ? near : near - topics;
}

static int write_rows(uint64_t rows, uint64_t users, uint64_t items, uint64_t seed, uint64_t topics)
{
    static char buffer[BUFFER_BYTES + LINE_MAX_BYTES];
    uint64_t random = seed;
    uint64_t *user_sum = make_sums(users, 20, 1), *item_sum = make_sums(items, 120, 0);
    uint32_t *user_name, *item_name;
    size_t n = 0;

    user_name = shuffle(users, &random);
    item_name = shuffle(items, &random);
    if (!user_sum || !item_sum || !user_name || !item_name) {
        fprintf(stderr, "make-synthetic: out of memory\n");
        return 75;
    }
    n = (size_t)snprintf(buffer, sizeof buffer, "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (uint64_t i = 0; i < rows; i++) {
        uint64_t user = draw(user_sum, users, &random), item = draw(item_sum, items, &random);

        if (topics > 0)
            item = in_topic(item, user, items, topics, &random);
        n += put_number(buffer + n, user_name[user], ',');
        n += put_number(buffer + n, item_name[item], ',');
        n += put_number(buffer + n, first_time + below(&random, n_seconds), '\n');
        if (n >= BUFFER_BYTES || i + 1 == rows) {
            if (fwrite(buffer, 1, n, stdout) != n)
                break;
            n = 0;
        }
    }
    free(user_sum);
    free(item_sum);
    free(user_name);
    free(item_name);
    if (ferror(stdout) || fclose(stdout) != 0) {
        perror("make-synthetic: standard output");
        return 74;
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t arg[5] = { 20000000, 138000, 27000, 1, 0 };

    for (int i = 1; i < argc && i <= 5; i++) {
        char *end;

        arg[i - 1] = strtoull(argv[i], &end, 10);
        if (*end || (i < 4 && (arg[i - 1] == 0 || arg[i - 1] > 4000000000u))) {
            fprintf(stderr,
                    "usage: make-synthetic [ROWS [USERS [ITEMS [SEED [TOPICS]]]]] > FILE.csv\n");
            return 2;
        }
    }
    if (arg[4] > arg[2]) {
        fprintf(stderr, "make-synthetic: more topics than items\n");
        return 2;
    }
    return write_rows(arg[0], arg[1], arg[2], arg[3], arg[4]);
}
