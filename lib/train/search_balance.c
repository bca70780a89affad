/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of all parts beside each other: see tune.h.
 *
 * A part is weighed when it joins, beside the parts that are there; what is best then is not best
 * when all are there. In a round every part is tried at half, .7, 1.4 and twice its weight and
 * without it, and what a part has more while little is known of the user at .3 and 3 times and
 * without it, each alone, all of them from one scoring of the cases. The best of a part wins where
 * it gains SURE standard errors: of some thirty moves chance alone lets the best gain more than
 * one. Of what is no better than nothing less is asked: a part has to bring something. All that
 * win are taken at once, as the next round shows: where together they are worth less than the best
 * of them alone, that one is taken instead. It ends when none wins.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/tune.h"

enum { STEPS = PZ_BALANCE_STEPS, COLD_STEPS = PZ_BALANCE_COLD_STEPS, ROUNDS = 8 };

static const double step[STEPS] = { 0.7, 1.4, 0.5, 2, 0 };
static const double cold_step[COLD_STEPS] = { 0.3, 3, 0 };
static const double SURE = 2, SURE_WITHOUT = 0.3, SURE_COLD = 1;

struct balance {
    struct pz_search *s;
    struct pz_move move[PZ_MAX_PARTS * (STEPS + COLD_STEPS)];
    size_t n_moves;
    double *each;                        /* [(n_moves + 1) * users] */
    struct pz_move before[PZ_MAX_PARTS]; /* weights of the round before */
    struct pz_move best;                 /* of the moves of the round before */
    double best_mean;                    /* and what it was worth alone; below 0: there is none */
};

/* What everybody has now is judged by the newest slice alone. */
static bool moves(const struct pz_search *s, size_t p)
{
    const struct pz_scorer *scorer = s->choice[p].scorer;

    return !s->choice[p].weight_fixed && !pz_valid_hides(s->v, scorer) &&
           (s->v->sliced || !scorer->presence);
}

/* A move to these shares of the weights that a part has. */
static void add_move(struct balance *b, size_t p, double share, double cold_share)
{
    const struct pz_part *part = &b->s->part[p];

    b->move[b->n_moves++] = (struct pz_move){ p, share * part->weight,
                                              cold_share * part->cold_weight };
}

static void list_moves(struct balance *b)
{
    struct pz_search *s = b->s;

    b->n_moves = 0;
    for (size_t p = 0; p < s->n_parts; p++)
        /* The first part is what the others are measured by: it stays. */
        for (size_t k = 0; moves(s, p) && s->part[p].weight > 0 && k < STEPS - (p == 0); k++)
            add_move(b, p, step[k], 1);
    for (size_t p = 0; p < s->n_parts; p++)
        for (size_t k = 0; moves(s, p) && s->part[p].cold_weight > 0 && k < COLD_STEPS; k++)
            add_move(b, p, 1, cold_step[k]);
}

static void put(struct pz_search *s, const struct pz_move *move)
{
    s->part[move->part].weight = move->weight;
    s->part[move->part].cold_weight = move->cold_weight;
}

static double mean_of(const struct balance *b, size_t row)
{
    uint32_t n = b->s->v->n_users;

    return pz_search_mean(b->each + row * n, n);
}

/* Standard errors that a move must gain. Weights that little is known with are three moves, not
 * thirty. */
static double sure_of(const struct balance *b, const struct pz_move *move)
{
    double before = b->s->part[move->part].cold_weight;

    if (move->cold_weight < before || move->cold_weight > before)
        return SURE_COLD;
    return move->weight > 0 ? SURE : SURE_WITHOUT;
}

/* Take the best winning move of every part; returns whether any won. */
static bool take(struct balance *b)
{
    struct pz_search *s = b->s;
    uint32_t n = s->v->n_users;
    bool any = false;

    b->best_mean = -1;
    for (size_t p = 0; p < s->n_parts; p++)
        b->before[p] = (struct pz_move){ p, s->part[p].weight, s->part[p].cold_weight };
    for (size_t p = 0; p < s->n_parts; p++) {
        size_t row = 0;

        for (size_t k = 1; k <= b->n_moves; k++)
            if (b->move[k - 1].part == p && mean_of(b, k) > mean_of(b, row) + 1e-9)
                row = k;
        if (row == 0 ||
            pz_search_gain(b->each + row * n, b->each, n) <= sure_of(b, &b->move[row - 1]))
            continue;
        put(s, &b->move[row - 1]);
        any = true;
        if (mean_of(b, row) > b->best_mean) {
            b->best_mean = mean_of(b, row);
            b->best = b->move[row - 1];
        }
    }
    return any;
}

/* Judge the weights as they stand, and what they may become. */
static enum pz_status look(struct balance *b, struct pz_err *err)
{
    struct pz_search *s = b->s;
    enum pz_status st;

    list_moves(b);
    st = pz_valid_judge_moves(s->v, s->part, s->n_parts, b->move, b->n_moves, b->each, err);
    if (st == PZ_OK && mean_of(b, 0) < b->best_mean - 1e-9) { /* all at once was too much */
        for (size_t p = 0; p < s->n_parts; p++)
            put(s, &b->before[p]);
        put(s, &b->best);
        list_moves(b);
        st = pz_valid_judge_moves(s->v, s->part, s->n_parts, b->move, b->n_moves, b->each, err);
    }
    return st;
}

enum pz_status pz_search_balance(struct pz_search *s, struct pz_err *err)
{
    uint32_t n = s->v->n_users;
    struct balance b = { .s = s, .best_mean = -1 };
    bool any = true;
    enum pz_status st;

    b.each = pz_mem_array((s->n_parts * (STEPS + COLD_STEPS) + 1) * (size_t)n, sizeof *b.each);
    st = b.each ? PZ_OK : pz_err_memory(err, "weights of parts", 8.0 * n * STEPS);
    for (int round = 0; st == PZ_OK && any && round < ROUNDS; round++) {
        st = look(&b, err);
        if (st != PZ_OK)
            break;
        memcpy(s->each, b.each, n * sizeof *s->each);
        s->mean = pz_search_mean(s->each, n);
        any = round + 1 < ROUNDS && !pz_search_out_of_time(s) && take(&b);
        pz_search_note(s, &s->choice[0], s->part[0].weight, s->mean, n, any);
    }
    free(b.each);
    return st;
}
