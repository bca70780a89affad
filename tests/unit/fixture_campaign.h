/* SPDX-License-Identifier: Apache-2.0 */
/* A campaign for tests: in a folder of its own, published from one tiny model (6 users with 4
 * events each on 6 items with a price). The test's file says AROUND_ALL(group_setup,
 * group_teardown) and AROUND_EACH(fresh_campaign, remove_campaign). */
#ifndef PZ_TESTS_FIXTURE_CAMPAIGN_H
#define PZ_TESTS_FIXTURE_CAMPAIGN_H

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "campaign/campaign.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "campaign/view.h"
#include "tests/unit/fixture_model.h"

static char dir[32], model[64], campaign[64];

/* 6 users with 4 events each on 6 items with a price. */
static void make_model(void)
{
    static const char *const none[] = { NULL };
    struct pz_str events = { 0 }, items = { 0 };

    pz_str_adds(&events, "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (int k = 0; k < 24; k++)
        pz_str_addf(&events, "u%d,i%d,%d\n", k % 6, (k * 5 + k / 6) % 6, 1000 + k);
    pz_str_adds(&items, "ITEM_ID,PRICE\ni0,1\ni1,2\n");
    train_model("popularity-count", &events, &items, none, model);
    pz_str_clear(&events);
    pz_str_clear(&items);
}

static int group_setup(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-campaign.XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    snprintf(model, sizeof model, "%s/m.pzm", dir);
    snprintf(campaign, sizeof campaign, "%s/c.pzc", dir);
    make_model();
    return 0;
}

static int group_teardown(void **state __attribute__((unused)))
{
    unlink(model);
    rmdir(dir);
    return 0;
}

static uint32_t publish(uint64_t live_seen, uint64_t rows_seen)
{
    struct pz_publish_cfg job = { .live_seen = live_seen, .rows_seen = rows_seen };
    struct pz_version v;
    struct pz_err err = { 0 };
    must(pz_campaign_publish(campaign, model, &job, &v, &err), &err);
    return v.number;
}

static int fresh_campaign(void **state __attribute__((unused)))
{
    return publish(0, 0) != 1;
}

static int remove_campaign(void **state __attribute__((unused)))
{
    char text[sizeof campaign + 16];

    snprintf(text, sizeof text, "rm -rf %s", campaign);
    return system(text);
}

static void put_event(const char *user, const char *item)
{
    struct pz_event e = {
        .user_id = user, .item_id = item, .event_type = "view", .value = NAN, .time = 2000
    };
    struct pz_live_store *s = NULL;
    struct pz_err err = { 0 };
    size_t n_new = 0;
    uint64_t last = 0;
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    must(pz_live_put(s, &e, 1, &n_new, &last, &err), &err);
    pz_live_close(s);
}

static void put_price(const char *item, const char *price)
{
    const char *name[] = { "PRICE" }, *value[] = { price };
    struct pz_live_row row = { item, name, value, 1 };
    struct pz_live_store *s = NULL;
    struct pz_err err = { 0 };
    uint64_t last = 0;
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    must(pz_live_put_rows(s, PZ_LIVE_ITEMS, &row, 1, &last, &err), &err);
    pz_live_close(s);
}

#endif
