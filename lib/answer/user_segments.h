/* SPDX-License-Identifier: Apache-2.0 */
/* User segments: who is most likely to want one item, or the items of which a condition holds
 * (Personalize's item affinity and item attribute affinity).
 *
 * Threads: one a set of segments; finding uses all cores itself. */
#ifndef PZ_ANSWER_USER_SEGMENTS_H
#define PZ_ANSWER_USER_SEGMENTS_H

#include "answer/answer.h"

struct pz_segment_user {
    char *user_id; /* owned by the segment's arena */
    double share;  /* chance that the user's next item is among the segment's */
};

struct pz_user_segment {
    const char *item_id;          /* in: the item, or NULL */
    const char *where;            /* in: a condition on Items as filters have it, or NULL */
    struct pz_segment_user *user; /* out: [n] the likeliest first, equal ones in order of ids */
    size_t n;
    enum pz_status status; /* out: PZ_USAGE the item is not known, or the condition is wrong */
    struct pz_err err;
    struct pz_arena arena;
};

/* Find the users of segments in one pass over all users that the model or a live event knows; a
 * segment that cannot be answered does not harm the others. What users have met counts, too.
 * Memory: 16 bytes a user and segment.
 *
 * p        its number of results is that of users; its rules and filter are not used
 * Errors:  PZ_USAGE the recipe is not one for users; PZ_TRY_AGAIN memory; PZ_IO the live store
 * Owner:   the caller: pz_user_segments_clear, also after a failure
 * Threads: one; it uses all cores itself */
enum pz_status pz_user_segments_find(const struct pz_prepared *p, struct pz_user_segment *segment,
                                     size_t n, struct pz_err *err);

/* Free what was found. */
void pz_user_segments_clear(struct pz_user_segment *segment, size_t n);

#endif
