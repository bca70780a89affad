/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: any text compiles or is refused with a reason; any values bind or are refused; what
 * compiles answers, twice the same. The input: an expression; after a byte 1, filter values. */
#include "tests/unit/fixture_filter.h"

static const char items[] =
    "ITEM_ID;CATEGORY:c;PRICE:n;GENRE:c;CREATION_TIMESTAMP:n;SALE:b;OWNER:s\n"
    "a;watch;10;comedy|drama;1000;true;me\nb;watch;20;drama;2000;false;\n"
    "c;clothing;;horror;3000;;you\nd;;5;;;true;\n";
static const char users[] = "USER_ID;AGE:n;TIER:c;LIKES:c\nann;25;gold;comedy|horror\nbob;;;\n";
static const char events[] =
    "USER_ID;ITEM_ID:s;EVENT_TYPE:s;TIMESTAMP:n;EVENT_VALUE:n;DEVICE:c\n"
    "ann;a;click;100;1;phone\nann;b;stream;200;;tv\nbob;a;purchase;900;3;\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(const struct pz_filter *f, const struct pz_filter_values *values,
                  struct pz_filter_work *work, const struct pz_live *live)
{
    struct pz_filter_env env = { .user_id = "ann", .item_id = "b", .live = live, .now = 1000 };
    uint64_t first = UINT64_MAX, second = UINT64_MAX;
    struct pz_err err = { 0 };
    enum pz_status st = pz_filter_apply(f, values, &env, work, &first, &err);

    must(st == PZ_OK || *err.text);
    must(pz_filter_apply(f, values, &env, work, &second, NULL) == st);
    must(first == second || st != PZ_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct shop *shop;
    static struct pz_filter_work *work;
    static struct pz_overlay put;
    struct pz_live_event event = { .item_id = "d",
                                   .event_type = "Click",
                                   .value = NAN,
                                   .time = 950,
                                   .properties = "{\"device\":\"tv\"}" };
    struct pz_live live = { .event = &event, .n_events = 1 };
    struct pz_filter *f = NULL;
    struct pz_filter_args args = { 0 };
    struct pz_filter_values *values = NULL;
    struct pz_err err = { 0 };
    char *text = pz_mem_strndup((const char *)data, size), *second = strchr(text, 1);

    if (!shop) {
        struct table t = read_table("ITEM_ID;PRICE:n;EXTRA:n\na;3;4\nnew;1;\n");

        shop = make_shop(items, users, events);
        put = make_overlay(&t);
        work = pz_filter_work_new();
        free_table(&t);
    }
    live.items = &put;
    if (second)
        *second++ = '\0';
    if (pz_filter_compile(text, &(struct pz_filter_schema){ .m = &shop->m, .items = &put }, &f,
                          &err) != PZ_OK) {
        must(*err.text);
    } else {
        must(!second || pz_filter_args_add(&args, second, &err) == PZ_OK || *err.text);
        err.text[0] = '\0';
        if (pz_filter_bind(f, &args, &values, &err) == PZ_OK)
            apply(f, values, work, &live);
        else
            must(*err.text);
    }
    pz_filter_values_free(values);
    pz_filter_args_clear(&args);
    pz_filter_free(f);
    free(text);
    return 0;
}
