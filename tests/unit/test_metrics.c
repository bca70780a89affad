/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "eval/metrics.h"
#include "tests/unit/unit.h"

#define CLOSE(a, b) assert_true(fabs((a) - (b)) < 1e-4)

/* The worked example of Amazon's guide: hits at ranks 2 and 5 of 5, two relevant items. */
static const uint8_t example[] = { 0, 1, 0, 0, 1 };

TEST(the_guide_s_example_gives_its_ndcg)
{
    CLOSE(pz_metric_ndcg(example, 5, 2, 5), 0.6241);
}

TEST(the_guide_s_example_gives_its_precision_and_rank)
{
    CLOSE(pz_metric_precision(example, 5, 5), 0.4);
    CLOSE(pz_metric_mrr(example, 5, 25), 0.5);
}

TEST(precision_divides_by_k_even_when_the_list_is_short)
{
    CLOSE(pz_metric_precision(example, 5, 10), 0.2);
}

TEST(a_perfect_list_has_ndcg_one_when_truth_is_longer_than_k)
{
    const uint8_t hit[] = { 1, 1 };

    CLOSE(pz_metric_ndcg(hit, 2, 7, 2), 1);
    CLOSE(pz_metric_recall(hit, 2, 7, 2), 2.0 / 7);
}

TEST(average_precision_of_hits_at_two_and_five)
{
    CLOSE(pz_metric_map(example, 5, 2, 5), (1.0 / 2 + 2.0 / 5) / 2);
    CLOSE(pz_metric_map(example, 5, 2, 4), 1.0 / 4);
    CLOSE(pz_metric_hit(example, 5, 1), 0);
    CLOSE(pz_metric_hit(example, 5, 2), 1);
}

/* Truth of gains 1.5 and 0.5 (weights 0.3 and 0.1 over their mean); the list has the lesser at rank
 * 1 and the greater at rank 3: (0.5/log2(2) + 1.5/log2(4)) / (1.5/log2(2) + 0.5/log2(3)). */
TEST(weighted_ndcg_of_a_purchase_behind_a_click)
{
    const float gain[] = { 0.5f, 0, 1.5f }, ideal[] = { 1.5f, 0.5f }, scaled[] = { 0.1f, 0, 0.3f };
    const float ideal_scaled[] = { 0.3f, 0.1f };

    CLOSE(pz_metric_weighted_ndcg(gain, 3, ideal, 2, 3), (0.5 + 0.75) / (1.5 + 0.5 / 1.5849625));
    CLOSE(pz_metric_weighted_ndcg(scaled, 3, ideal_scaled, 2, 3),
          (0.5 + 0.75) / (1.5 + 0.5 / 1.5849625));
    CLOSE(pz_metric_weighted_ndcg(gain, 3, ideal, 2, 1), 0.5 / 1.5);
    CLOSE(pz_metric_weighted_ndcg((const float[]){ 1.5f, 0.5f }, 2, ideal, 2, 5), 1);
}

TEST(ndcg_recall_and_mrr_at_a_k_inside_the_list)
{
    CLOSE(pz_metric_ndcg(example, 5, 2, 2), (1 / 1.5849625) / (1 + 1 / 1.5849625));
    CLOSE(pz_metric_recall(example, 5, 2, 2), 0.5);
    CLOSE(pz_metric_recall(example, 5, 2, 5), 1);
    CLOSE(pz_metric_mrr(example, 5, 1), 0);
    CLOSE(pz_metric_ndcg(example, 5, 2, 1), 0);
}

/* Two of seven users had the item: log2(8 / 3). */
TEST(novelty_is_the_surprise_in_bits)
{
    CLOSE(pz_metric_novelty(2, 7), 1.4150375);
    CLOSE(pz_metric_novelty(7, 7), 0);
    CLOSE(pz_metric_novelty(0, 7), 3);
}

TEST(gini_is_zero_when_all_alike_and_high_when_one_takes_all)
{
    uint32_t alike[] = { 3, 3, 3, 3 }, one[] = { 0, 8, 0, 0 }, none[] = { 0, 0 };

    CLOSE(pz_metric_gini(alike, 4), 0);
    CLOSE(pz_metric_gini(one, 4), 0.75);
    CLOSE(pz_metric_gini(none, 2), 0);
}
