/* Expiry: gone at its moment for every call, and its memory back by upkeep alone, in small pieces. */
#include "store/store_test.h"

#define SECOND_NS INT64_C(1000000000)
#define DUE (TEST_NOW + 5 * SECOND_NS)
/* All that is due at a time has been found once upkeep runs this much later. */
#define TICK_NS (INT64_C(1) << 27)

static void set_expiring(struct wkv_store *store, const char *name, const char *value, int64_t expires_at_ns)
{
    ck_assert_int_eq(wkv_store_set(store, test_key(name), test_text(value), expires_at_ns, TEST_NOW),
                     WKV_STORE_OK);
}

/* ---- gone for every call ---- */

static void by_exists(struct wkv_store *store, int64_t now_ns, bool gone)
{
    enum wkv_kind kind;
    ck_assert_int_eq(wkv_store_exists(store, test_key("k"), now_ns, &kind),
                     gone ? WKV_STORE_MISSING : WKV_STORE_OK);
}

static void by_get(struct wkv_store *store, int64_t now_ns, bool gone)
{
    ck_assert_str_eq(test_got(store, "k", now_ns), gone ? "(missing)" : "40");
}

static void by_delete(struct wkv_store *store, int64_t now_ns, bool gone)
{
    ck_assert_int_eq(wkv_store_delete(store, test_key("k"), now_ns), gone ? WKV_STORE_MISSING : WKV_STORE_OK);
}

static void by_set(struct wkv_store *store, int64_t now_ns, bool gone)
{
    (void)gone;
    ck_assert_int_eq(wkv_store_set(store, test_key("k"), test_text("new"), 0, now_ns), WKV_STORE_OK);
    ck_assert_str_eq(test_got(store, "k", INT64_MAX), "new");
}

static void by_add(struct wkv_store *store, int64_t now_ns, bool gone)
{
    int32_t sum;
    ck_assert_int_eq(wkv_store_add(store, test_key("k"), 2, now_ns, &sum), WKV_STORE_OK);
    ck_assert_int_eq(sum, gone ? 2 : 42);
    /* A counter that began anew does not expire; one that went on does. */
    ck_assert_str_eq(test_got(store, "k", DUE + SECOND_NS), gone ? "2" : "(missing)");
}

static void by_push(struct wkv_store *store, int64_t now_ns, bool gone)
{
    int32_t length = 0;
    ck_assert_int_eq(wkv_store_list_push(store, test_key("k"), test_text("x"), now_ns, &length),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
    ck_assert_int_eq(length, gone);
}

static void by_list_remove(struct wkv_store *store, int64_t now_ns, bool gone)
{
    int32_t length = 0;
    ck_assert_int_eq(wkv_store_list_remove(store, test_key("k"), test_text("x"), now_ns, &length),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
    ck_assert_int_eq(length, 0);
}

static void by_range(struct wkv_store *store, int64_t now_ns, bool gone)
{
    ck_assert_int_eq(wkv_store_list_range(store, test_key("k"), 0, -1, now_ns, test_never_visit, NULL),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
}

static void by_clear(struct wkv_store *store, int64_t now_ns, bool gone)
{
    ck_assert_int_eq(wkv_store_list_clear(store, test_key("k"), now_ns),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
}

static void by_set_add(struct wkv_store *store, int64_t now_ns, bool gone)
{
    int32_t size = 0;
    ck_assert_int_eq(wkv_store_set_add(store, test_key("k"), test_text("x"), now_ns, &size),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
    ck_assert_int_eq(size, gone);
}

static void by_set_remove(struct wkv_store *store, int64_t now_ns, bool gone)
{
    int32_t size = 0;
    ck_assert_int_eq(wkv_store_set_remove(store, test_key("k"), test_text("x"), now_ns, &size),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
    ck_assert_int_eq(size, 0);
}

static void by_members(struct wkv_store *store, int64_t now_ns, bool gone)
{
    ck_assert_int_eq(wkv_store_set_members(store, test_key("k"), now_ns, test_never_visit, NULL),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
}

static void by_union(struct wkv_store *store, int64_t now_ns, bool gone)
{
    struct wkv_key keys[] = {test_key("k"), test_key("none")};
    ck_assert_int_eq(wkv_store_set_union(store, keys, 2, now_ns, test_never_visit, NULL),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
}

static void by_intersection(struct wkv_store *store, int64_t now_ns, bool gone)
{
    struct wkv_key keys[] = {test_key("none"), test_key("k")};
    ck_assert_int_eq(wkv_store_set_intersection(store, keys, 2, now_ns, test_never_visit, NULL),
                     gone ? WKV_STORE_OK : WKV_STORE_WRONG_KIND);
}

static const struct {
    void (*call)(struct wkv_store *store, int64_t now_ns, bool gone);
    bool reads; /* and so takes nothing out */
} calls[] = {{by_exists, true}, {by_get, true},         {by_delete, false}, {by_set, false},
             {by_add, false},   {by_push, false},       {by_range, true},   {by_list_remove, false},
             {by_clear, false}, {by_set_add, false},    {by_members, true}, {by_set_remove, false},
             {by_union, true},  {by_intersection, true}};

/* A second before, the nanosecond before, at the moment itself and later; upkeep may have run, or not. */
START_TEST(a_key_is_gone_for_every_call_from_the_moment_that_it_expires)
{
    static const int64_t offsets[] = {-SECOND_NS, -1, 0, 1, TICK_NS * 2, INT64_C(3600) * SECOND_NS};
    for (size_t i = 0; i < TEST_COUNT_OF(offsets); i++) {
        for (int maintained = 0; maintained < 2; maintained++) {
            struct wkv_store *store = test_store(2, 0);
            set_expiring(store, "k", "40", DUE);
            if (maintained)
                test_maintain_all(store, DUE + offsets[i]);
            uint64_t expired = test_stats(store).expired;
            calls[_i].call(store, DUE + offsets[i], offsets[i] >= 0);
            if (!calls[_i].reads)
                expired = offsets[i] >= 0;
            ck_assert_uint_eq(test_stats(store).expired, expired);
            wkv_store_destroy(store);
        }
    }
}
END_TEST

START_TEST(upkeep_never_takes_a_key_before_its_moment)
{
    for (int64_t seconds = 1; seconds < 40; seconds++) {
        struct wkv_store *store = test_store(1, 0);
        int64_t due = TEST_NOW + seconds * SECOND_NS;
        set_expiring(store, "k", "40", due);
        for (int64_t now_ns = TEST_NOW; now_ns < due; now_ns += SECOND_NS / 3) {
            test_maintain_all(store, now_ns);
            by_get(store, now_ns, false);
        }
        test_maintain_all(store, due - 1);
        by_get(store, due - 1, false);
        wkv_store_destroy(store);
    }
}
END_TEST

/* ---- which expiry counts ---- */

START_TEST(set_without_an_expiry_clears_an_earlier_one)
{
    struct wkv_store *store = test_store(1, 0);
    set_expiring(store, "k", "40", DUE);
    set_expiring(store, "k", "41", 0);
    test_maintain_all(store, DUE + SECOND_NS);
    ck_assert_str_eq(test_got(store, "k", DUE + SECOND_NS), "41");
    wkv_store_destroy(store);
}
END_TEST

START_TEST(set_with_an_expiry_replaces_an_earlier_one)
{
    static const int64_t others[] = {DUE - 2 * SECOND_NS, DUE + 2 * SECOND_NS,
                                     DUE + INT64_C(86400) * 365 * 60 * SECOND_NS};
    static const char *const values[] = {"4", "41", "a value of quite another size"};
    for (size_t i = 0; i < TEST_COUNT_OF(others); i++) {
        for (size_t j = 0; j < TEST_COUNT_OF(values); j++) {
            struct wkv_store *store = test_store(1, 0);
            set_expiring(store, "k", "40", DUE);
            set_expiring(store, "k", values[j], others[i]);
            test_maintain_all(store, others[i] - 1);
            ck_assert_str_eq(test_got(store, "k", others[i] - 1), values[j]);
            test_maintain_all(store, others[i] + TICK_NS);
            ck_assert_uint_eq(test_stats(store).keys, 0);
            wkv_store_destroy(store);
        }
    }
}
END_TEST

START_TEST(an_expiry_comes_to_a_key_that_had_none_of_any_kind)
{
    static const char *const names[] = {"scalar", "counter", "list", "set"};
    struct wkv_store *store = test_store(4, 0);
    test_one_of_each(store);
    for (size_t i = 0; i < TEST_COUNT_OF(names); i++) {
        set_expiring(store, names[i], "new", DUE);
        ck_assert_str_eq(test_got(store, names[i], DUE - 1), "new");
    }
    test_maintain_all(store, DUE + TICK_NS);
    ck_assert_uint_eq(test_stats(store).keys, 0);
    ck_assert_uint_eq(test_stats(store).expired, 4);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(add_keeps_the_expiry)
{
    struct wkv_store *store = test_store(1, 0);
    int32_t sum;
    set_expiring(store, "k", "40", DUE);
    for (int i = 1; i <= 3; i++)
        ck_assert_int_eq(wkv_store_add(store, test_key("k"), 1, DUE - i, &sum), WKV_STORE_OK);
    ck_assert_str_eq(test_got(store, "k", DUE - 1), "43");
    test_maintain_all(store, DUE + TICK_NS);
    ck_assert_uint_eq(test_stats(store).keys, 0);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(an_add_that_is_refused_keeps_the_expiry)
{
    struct wkv_store *store = test_store(1, 0);
    int32_t sum;
    set_expiring(store, "k", "text", DUE);
    ck_assert_int_eq(wkv_store_add(store, test_key("k"), 1, TEST_NOW, &sum), WKV_STORE_NOT_A_NUMBER);
    ck_assert_str_eq(test_got(store, "k", DUE - 1), "text");
    ck_assert_str_eq(test_got(store, "k", DUE), "(missing)");
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_key_that_was_deleted_and_made_again_has_no_expiry)
{
    struct wkv_store *store = test_store(1, 0);
    set_expiring(store, "k", "40", DUE);
    ck_assert_int_eq(wkv_store_delete(store, test_key("k"), TEST_NOW), WKV_STORE_OK);
    test_set(store, "k", "41");
    test_maintain_all(store, DUE + SECOND_NS);
    ck_assert_str_eq(test_got(store, "k", DUE + SECOND_NS), "41");
    ck_assert_uint_eq(test_stats(store).expired, 0);
    wkv_store_destroy(store);
}
END_TEST

static const char *const one_of_each[] = {"scalar", "counter", "list", "set"};

START_TEST(a_key_of_any_kind_can_be_given_an_expiry_and_another_and_none)
{
    const char *name = one_of_each[_i];
    enum wkv_kind kind;
    struct wkv_store *store = test_store(1, 0);
    test_one_of_each(store);
    ck_assert_int_eq(wkv_store_expire(store, test_key("none"), DUE, TEST_NOW), WKV_STORE_MISSING);
    ck_assert_int_eq(wkv_store_expire(store, test_key(name), DUE, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_exists(store, test_key(name), DUE - 1, &kind), WKV_STORE_OK);
    ck_assert_int_eq(kind, _i);
    ck_assert_int_eq(wkv_store_exists(store, test_key(name), DUE, &kind), WKV_STORE_MISSING);
    ck_assert_int_eq(wkv_store_expire(store, test_key(name), 0, TEST_NOW), WKV_STORE_OK);
    test_maintain_all(store, DUE + TICK_NS);
    ck_assert_uint_eq(test_stats(store).keys, 4);
    ck_assert_int_eq(wkv_store_expire(store, test_key(name), DUE + SECOND_NS, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_expire(store, test_key(name), DUE, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_expire(store, test_key(name), DUE + 1, DUE), WKV_STORE_MISSING);
    test_maintain_all(store, DUE + TICK_NS);
    ck_assert_uint_eq(test_stats(store).keys, 3);
    ck_assert_uint_eq(test_stats(store).expired, 1);
    wkv_store_destroy(store);
}
END_TEST

/* A large list and a large set: what lies behind their entries stays, can be added to, and comes back. */
START_TEST(a_large_value_that_is_given_an_expiry_is_as_it_was)
{
    struct wkv_store *store = test_store(1, 0);
    struct test_name name;
    int32_t count = 0;
    uint64_t empty = test_stats(store).bytes;
    for (size_t i = 0; i < 3000; i++) {
        struct wkv_text text = test_numbered_key(&name, "item", i).name;
        ck_assert_int_eq(wkv_store_list_push(store, test_key("list"), text, TEST_NOW, &count), WKV_STORE_OK);
        ck_assert_int_eq(wkv_store_set_add(store, test_key("set"), text, TEST_NOW, &count), WKV_STORE_OK);
    }
    ck_assert_int_eq(wkv_store_expire(store, test_key("list"), DUE, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_expire(store, test_key("set"), DUE, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_list_push(store, test_key("list"), test_text("x"), TEST_NOW, &count),
                     WKV_STORE_OK);
    ck_assert_int_eq(count, 3001);
    ck_assert_int_eq(wkv_store_set_remove(store, test_key("set"), test_numbered_key(&name, "item", 17).name,
                                          TEST_NOW, &count),
                     WKV_STORE_OK);
    ck_assert_int_eq(count, 2999);
    test_maintain_all(store, DUE + TICK_NS);
    ck_assert_uint_eq(test_stats(store).keys, 0);
    /* The wheel's slots and the empty tables stay. */
    ck_assert_uint_lt(test_stats(store).bytes, empty + 16384);
    wkv_store_destroy(store);
}
END_TEST

/* Whatever there is no memory for has changed nothing; a key that had an expiry needs none. */
START_TEST(an_expiry_that_finds_no_memory_changes_nothing)
{
    struct wkv_store *store = test_store(1, 20000);
    set_expiring(store, "timed", "v", DUE);
    test_set(store, "plain", "v");
    uint64_t reserved = 0;
    while (wkv_store_reserve(store, 1))
        reserved++;
    ck_assert_int_eq(wkv_store_expire(store, test_key("plain"), DUE, TEST_NOW), WKV_STORE_NO_MEMORY);
    ck_assert_int_eq(wkv_store_expire(store, test_key("plain"), 0, TEST_NOW), WKV_STORE_OK);
    ck_assert_str_eq(test_got(store, "plain", DUE), "v");
    ck_assert_int_eq(wkv_store_expire(store, test_key("timed"), DUE + 1, TEST_NOW), WKV_STORE_OK);
    ck_assert_str_eq(test_got(store, "timed", DUE), "v");
    wkv_store_release(store, reserved);
    wkv_store_destroy(store);
}
END_TEST

/* ---- memory comes back, in small pieces ---- */

/* Makes so many keys that are due within the second that begins at due_ns. */
static void load_expiring(struct wkv_store *store, size_t count, int64_t due_ns)
{
    struct test_name name;
    size_t failures = 0;
    for (size_t i = 0; i < count; i++) {
        struct wkv_key key = test_numbered_key(&name, "key", i);
        int64_t expires_at_ns = due_ns + (int64_t)(i % 1000) * (SECOND_NS / 1000);
        failures += wkv_store_set(store, key, test_text("forty"), expires_at_ns, due_ns - 5 * SECOND_NS) !=
                    WKV_STORE_OK;
    }
    ck_assert_uint_eq(failures, 0);
}

START_TEST(upkeep_alone_brings_every_byte_back)
{
    struct wkv_store *store = test_store(4, 0);
    size_t count = test_scaled(50000);
    struct wkv_store_stats first = {0};
    /* What a shard keeps for its next use comes with the first round; the later ones leave nothing more. */
    for (int64_t round = 0; round < 4; round++) {
        int64_t due_ns = DUE + round * 10 * SECOND_NS;
        load_expiring(store, count, due_ns);
        ck_assert_uint_eq(test_stats(store).keys, count);
        test_maintain_all(store, due_ns + SECOND_NS + TICK_NS);
        struct wkv_store_stats stats = test_stats(store);
        ck_assert_uint_eq(stats.keys, 0);
        ck_assert_uint_eq(stats.expired, count * ((size_t)round + 1));
        if (round == 0)
            first = stats;
        /* The allocator's blocks for the same request may differ by a few words. */
        ck_assert_uint_le(stats.bytes, first.bytes + 4 * 128);
    }
    /* A wheel and a table's first buckets each, no more than 8 KB a shard. */
    struct wkv_store *empty = test_store(4, 0);
    ck_assert_uint_le(first.bytes - test_stats(empty).bytes, 4 * 8192);
    wkv_store_destroy(empty);
    wkv_store_destroy(store);
}
END_TEST

static void slices_are_small(uint32_t shards, unsigned max_steps, size_t count)
{
    struct wkv_store *store = test_store(shards, 0);
    load_expiring(store, count, DUE);
    uint64_t before = test_stats(store).keys;
    ck_assert_uint_eq(before, count);
    bool more = true;
    for (size_t slices = 0; more; slices++) {
        more = wkv_store_maintain(store, DUE + SECOND_NS + TICK_NS, max_steps);
        uint64_t after = test_stats(store).keys;
        ck_assert_uint_le(before - after, (uint64_t)max_steps * shards);
        ck_assert(more || after == 0);
        /* Every slice gets on: a key may take a step for each level that it falls through, and one to go. */
        ck_assert_uint_lt(slices, count * 8 / max_steps + 2000);
        before = after;
    }
    ck_assert_uint_eq(before, 0);
    wkv_store_destroy(store);
}

START_TEST(a_slice_of_upkeep_takes_out_no_more_than_its_steps_a_shard)
{
    slices_are_small(1, 1, test_scaled(5000));
    slices_are_small(1, 10, test_scaled(20000));
    slices_are_small(1, 128, test_scaled(50000));
    slices_are_small(8, 128, test_scaled(100000));
    slices_are_small(8, 7, test_scaled(20000));
}
END_TEST

START_TEST(a_million_keys_that_expire_in_one_second_come_back_in_slices)
{
    slices_are_small(64, 128, test_scaled(1000000));
}
END_TEST

START_TEST(keys_expire_on_while_the_store_is_used)
{
    struct wkv_store *store = test_store(4, 0);
    size_t count = test_scaled(20000);
    load_expiring(store, count, DUE);
    struct test_name name;
    /* Every other key is asked for, as long as it is there and after; upkeep takes what is left. */
    for (size_t i = 0; i < count; i++) {
        int64_t due = DUE + (int64_t)(i % 1000) * (SECOND_NS / 1000);
        int64_t now_ns = DUE + (int64_t)(i * (size_t)SECOND_NS / count);
        struct wkv_key key = test_numbered_key(&name, "key", i);
        if (i % 2 == 0)
            ck_assert_int_eq(wkv_store_exists(store, key, now_ns, NULL),
                             due <= now_ns ? WKV_STORE_MISSING : WKV_STORE_OK);
        if (i % 16 == 0)
            (void)wkv_store_maintain(store, now_ns, 3);
    }
    test_maintain_all(store, DUE + SECOND_NS + TICK_NS);
    ck_assert_uint_eq(test_stats(store).keys, 0);
    ck_assert_uint_eq(test_stats(store).expired, count);
    wkv_store_destroy(store);
}
END_TEST

/* ---- large values ---- */

#define ITEMS 60000

static void make_large_list(struct wkv_store *store)
{
    for (int i = 0; i < ITEMS; i++)
        (void)test_push(store, "large", "an item of some thirty bytes .");
}

static void make_large_set(struct wkv_store *store)
{
    char member[40];
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(member, sizeof member, "member %024d", i);
        (void)test_set_add(store, "large", member);
    }
}

static void by_deleting(struct wkv_store *store)
{
    ck_assert_int_eq(wkv_store_delete(store, test_key("large"), TEST_NOW), WKV_STORE_OK);
}

static void by_setting_over(struct wkv_store *store)
{
    test_set(store, "large", "small");
    ck_assert_str_eq(test_got(store, "large", TEST_NOW), "small");
    ck_assert_int_eq(wkv_store_delete(store, test_key("large"), TEST_NOW), WKV_STORE_OK);
}

static void by_clearing(struct wkv_store *store)
{
    ck_assert_int_eq(wkv_store_list_clear(store, test_key("large"), TEST_NOW), WKV_STORE_OK);
}

static void by_removing_the_only_value(struct wkv_store *store)
{
    int32_t length;
    ck_assert_int_eq(wkv_store_list_remove(store, test_key("large"),
                                           test_text("an item of some thirty bytes ."), TEST_NOW, &length),
                     WKV_STORE_OK);
}

static const struct {
    void (*make)(struct wkv_store *store);
    void (*end)(struct wkv_store *store);
    bool at_once;         /* the call itself has to look at every item */
    uint64_t piece_bytes; /* at the most, of one step */
} large_values[] = {
    {make_large_list, by_deleting, false, 2048},
    {make_large_list, by_setting_over, false, 2048},
    {make_large_list, by_clearing, false, 2048},
    {make_large_list, by_removing_the_only_value, true, 2048},
    /* A member, or with it 64 buckets of a cache line each. */
    {make_large_set, by_deleting, false, 4096 + 128},
    {make_large_set, by_setting_over, false, 4096 + 128},
};

START_TEST(a_large_value_that_is_deleted_is_freed_in_slices_and_counted_until_then)
{
    struct wkv_store *store = test_store(1, 0);
    const unsigned steps = 10;
    test_set(store, "warm", "up");
    uint64_t empty = test_stats(store).bytes;
    large_values[_i].make(store);
    uint64_t full = test_stats(store).bytes;
    ck_assert_uint_gt(full - empty, ITEMS * 30);
    large_values[_i].end(store);
    ck_assert_int_eq(wkv_store_exists(store, test_key("large"), TEST_NOW, NULL), WKV_STORE_MISSING);
    ck_assert_uint_eq(test_stats(store).keys, 1);
    uint64_t left = test_stats(store).bytes;
    if (!large_values[_i].at_once)
        ck_assert_uint_gt(left, full - 1000);
    bool more = true;
    while (more) {
        more = wkv_store_maintain(store, TEST_NOW, steps);
        uint64_t now = test_stats(store).bytes;
        ck_assert_uint_le(left - now, steps * large_values[_i].piece_bytes + 1000);
        left = now;
    }
    ck_assert_uint_eq(left, empty);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_key_can_be_made_again_while_its_old_value_is_being_freed)
{
    struct wkv_store *store = test_store(1, 0);
    for (int round = 0; round < 3; round++) {
        make_large_list(store);
        by_deleting(store);
        (void)wkv_store_maintain(store, TEST_NOW, 5);
        make_large_set(store);
        by_deleting(store);
        (void)wkv_store_maintain(store, TEST_NOW, 5);
        ck_assert_int_eq(test_push(store, "large", "first"), 1);
        ck_assert_int_eq(wkv_store_delete(store, test_key("large"), TEST_NOW), WKV_STORE_OK);
    }
    /* The destruction of the store frees what upkeep has not come to. */
    wkv_store_destroy(store);
}
END_TEST

Suite *expiry_suite(void)
{
    Suite *suite = suite_create("store/expiry");
    TCase *tests = tcase_create("expiry");
    tcase_add_loop_test(tests, a_key_is_gone_for_every_call_from_the_moment_that_it_expires, 0,
                        (int)TEST_COUNT_OF(calls));
    tcase_add_test(tests, upkeep_never_takes_a_key_before_its_moment);
    tcase_add_test(tests, set_without_an_expiry_clears_an_earlier_one);
    tcase_add_test(tests, set_with_an_expiry_replaces_an_earlier_one);
    tcase_add_test(tests, an_expiry_comes_to_a_key_that_had_none_of_any_kind);
    tcase_add_test(tests, add_keeps_the_expiry);
    tcase_add_test(tests, an_add_that_is_refused_keeps_the_expiry);
    tcase_add_test(tests, a_key_that_was_deleted_and_made_again_has_no_expiry);
    tcase_add_loop_test(tests, a_key_of_any_kind_can_be_given_an_expiry_and_another_and_none, 0,
                        (int)TEST_COUNT_OF(one_of_each));
    tcase_add_test(tests, a_large_value_that_is_given_an_expiry_is_as_it_was);
    tcase_add_test(tests, an_expiry_that_finds_no_memory_changes_nothing);
    tcase_add_test(tests, upkeep_alone_brings_every_byte_back);
    tcase_add_test(tests, a_slice_of_upkeep_takes_out_no_more_than_its_steps_a_shard);
    tcase_add_test(tests, a_million_keys_that_expire_in_one_second_come_back_in_slices);
    tcase_add_test(tests, keys_expire_on_while_the_store_is_used);
    tcase_add_loop_test(tests, a_large_value_that_is_deleted_is_freed_in_slices_and_counted_until_then, 0,
                        (int)TEST_COUNT_OF(large_values));
    tcase_add_test(tests, a_key_can_be_made_again_while_its_old_value_is_being_freed);
    suite_add_tcase(suite, tests);
    return suite;
}
