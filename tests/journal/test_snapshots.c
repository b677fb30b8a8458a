/* Snapshots against a real JetStream: when one is due, who may write it, what becomes of it, what is purged.
 */
#include "journal/world.h"

static struct world world;

static void setup(void)
{
    world_begin(&world, 0);
}

static void teardown(void)
{
    world_end(&world);
}

static void write_many(struct instance *instance, int keys)
{
    for (int i = 0; i < keys; i += 500)
        world_write(instance, "key ", i, keys - i < 500 ? keys - i : 500, false);
}

/* What is restored, and then fed with the rest of the log, is what the instance has. */
static void assert_restores(struct instance *instance, uint64_t position)
{
    char text[512];
    struct wkv_replica *replica;
    ck_assert_int_eq(world_restore(&world, &replica, text), WKV_RESTORED);
    ck_assert_ptr_nonnull(strstr(text, "has been read"));
    ck_assert_uint_eq(wkv_replica_applied(replica), position);
    sim_feed_all(replica, &world.log);
    world_feed(&world);
    ck_assert_uint_eq(sim_state(replica), sim_state(instance->replica));
    wkv_replica_destroy(replica);
}

/* ---- one of them ---- */

START_TEST(one_that_is_written_among_writes_is_what_the_log_comes_to)
{
    struct instance *one = world_add(&world, "one", NULL);
    write_many(one, 20000);
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    int round = 0;
    for (; one->snapshots.written == 0 && round < 100000; round++) {
        world_write(one, "key ", round * 7 % 20000, 3, round % 3 == 0);
        world_turn(one);
    }
    ck_assert_uint_eq(one->snapshots.written, 1);
    ck_assert_int_gt(round, 5);
    const struct wkv_manifest *manifest = wkv_replica_snapshots(one->replica);
    ck_assert_uint_gt(manifest->chunks, 5);
    ck_assert_uint_lt(manifest->position, world.log.count);
    for (int i = 0; i < 20; i++)
        world_write(one, "key ", i * 200, 5, true);
    assert_restores(one, manifest->position);
    ck_assert(world_said(&world, "is whole: "));
}
END_TEST

/* Chunks and their confirmations that are lost, and such as come twice. */
static enum fate lose_some(struct instance *instance, size_t sent)
{
    (void)instance;
    return sent % 5 == 2 ? LOST : SENT;
}

START_TEST(what_is_lost_on_the_way_is_sent_again_in_its_order)
{
    struct instance *one = world_add(&world, "one", NULL);
    write_many(one, 3000);
    one->fate = lose_some;
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    for (int i = 0; one->snapshots.written == 0 && i < 20000; i++) {
        world.skew_ns += 100 * WKV_NS_PER_MS; /* nobody waits 2 s for each */
        world_turn(one);
    }
    ck_assert_uint_eq(one->snapshots.written, 1);
    ck_assert_uint_gt(world_stream(&world, false).messages, wkv_replica_snapshots(one->replica)->chunks + 1);
    assert_restores(one, wkv_replica_snapshots(one->replica)->position);
}
END_TEST

static enum fate damage_third(struct instance *instance, size_t sent)
{
    (void)instance;
    return sent == 3 ? DAMAGED : SENT;
}

START_TEST(one_that_cannot_be_read_back_gets_no_manifest)
{
    struct instance *one = world_add(&world, "one", NULL);
    write_many(one, 3000);
    one->fate = damage_third;
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    world_until(one, 0, 1);
    ck_assert(world_said(&world, "it was read back, and 2 of "));
    char text[512];
    struct wkv_replica *replica;
    ck_assert_int_eq(world_restore(&world, &replica, text), WKV_RESTORED_NOTHING);
    world_snapshot(one); /* what was left unfinished is passed over */
    assert_restores(one, wkv_replica_snapshots(one->replica)->position);
}
END_TEST

START_TEST(a_value_larger_than_a_chunk_is_written_whole)
{
    struct instance *one = world_add(&world, "one", NULL);
    struct sim_ops ops = {.count = 0};
    static char value[90000];
    memset(value, 'x', sizeof value - 1);
    for (int i = 0; i < 12; i++) {
        struct wkv_buffer bytes = {.data = NULL};
        struct wkv_record record = {
            .number = ++one->number, .writer = wkv_record_writer(one->join, 0), .bindings = UINT64_MAX};
        for (int j = 0; j < 30; j++)
            sim_request(&ops, 0, NULL, "Push", "{\"key\":\"list\",\"value\":\"%.*s\"}", 3000 + i, value);
        sim_write_batch(&world.log, &record, &ops, &bytes);
        world_append(&world, (struct wkv_text){bytes.data, bytes.len});
        wkv_buffer_destroy(&bytes);
    }
    world_snapshot(one);
    ck_assert_uint_gt(wkv_replica_snapshots(one->replica)->bytes, 1000000);
    assert_restores(one, wkv_replica_snapshots(one->replica)->position);
}
END_TEST

/* ---- when ---- */

START_TEST(one_is_due_by_the_length_of_the_log_or_of_its_replay_or_by_the_time)
{
    struct instance *one = world_add(
        &world, "one", &(struct wkv_snapshots_options){.every_ns = 600 * WKV_NS_PER_S, .log_max_bytes = 0});
    struct wkv_snapshots *snapshots = &one->snapshots;
    const struct wkv_snapshots before = *snapshots;
    ck_assert(!wkv_snapshots_are_due(snapshots));
    snapshots->since.bytes = UINT64_C(64) << 20;
    ck_assert(!wkv_snapshots_are_due(snapshots));
    snapshots->since.bytes++;
    ck_assert(wkv_snapshots_are_due(snapshots));
    snapshots->since = (struct wkv_snapshots_since){.records = 250000};
    ck_assert(!wkv_snapshots_are_due(snapshots));
    snapshots->since.operations = 1;
    ck_assert(wkv_snapshots_are_due(snapshots));
    snapshots->since = (struct wkv_snapshots_since){.operations = 2000001};
    ck_assert(wkv_snapshots_are_due(snapshots));
    snapshots->since = (struct wkv_snapshots_since){.bytes = (4 << 20) + 1};
    ck_assert(!wkv_snapshots_are_due(snapshots));
    snapshots->options.log_max_bytes = 16 << 20;
    ck_assert(wkv_snapshots_are_due(snapshots));
    *snapshots = before;
    snapshots->now_ns = snapshots->last_ns + 600 * WKV_NS_PER_S;
    ck_assert(!wkv_snapshots_are_due(snapshots)); /* nothing has changed */
    snapshots->since.operations = 1;
    ck_assert(wkv_snapshots_are_due(snapshots));
    snapshots->now_ns--;
    ck_assert(!wkv_snapshots_are_due(snapshots));
    *snapshots = before;
}
END_TEST

START_TEST(one_instance_writes_it_and_the_others_count_from_there)
{
    struct instance *one = world_add(&world, "one", NULL), *two = world_add(&world, "two", NULL);
    write_many(one, 3000);
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    wkv_snapshots_count(&two->snapshots, (size_t)65 << 20);
    ck_assert(wkv_snapshots_are_due(&two->snapshots));
    while (one->snapshots.written + two->snapshots.written == 0) {
        world_turn(one);
        world_turn(two);
        world_write(one, "key ", 17, 2, true);
    }
    ck_assert_uint_eq(one->snapshots.written, 1);
    ck_assert(!wkv_snapshots_are_due(&one->snapshots));
    ck_assert(!wkv_snapshots_are_due(&two->snapshots));
    ck_assert_uint_gt(two->snapshots.since.records, 0); /* what was written meanwhile */
    ck_assert_uint_lt(two->snapshots.since.bytes, 1000000);
    assert_restores(two, wkv_replica_snapshots(two->replica)->position);
}
END_TEST

/* ---- two are kept ---- */

START_TEST(two_are_kept_and_what_is_below_them_is_purged)
{
    struct instance *one = world_add(&world, "one", NULL);
    uint64_t positions[4] = {0}, first[4] = {0};
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 1200; i++)
            world_write(one, "key ", i, 1, false);
        world_snapshot(one);
        const struct wkv_manifest *manifest = wkv_replica_snapshots(one->replica);
        positions[round] = manifest->position;
        first[round] = manifest->first;
        if (round > 0)
            ck_assert_uint_eq(manifest->before, first[round] - 1);
        uint64_t kept = round == 0 ? 1 : first[round - 1];
        ck_assert_uint_eq(world_stream(&world, false).first, kept);
        uint64_t log = round == 0 ? 1 : positions[round - 1] - WKV_REPLICA_LAG;
        ck_assert_uint_eq(world_stream(&world, true).first, log);
        ck_assert_uint_eq(world_stream(&world, true).last, world.log.count);
        assert_restores(one, positions[round]);
    }
}
END_TEST

START_TEST(a_full_log_is_purged_up_to_the_last)
{
    struct instance *one = world_add(&world, "one", NULL);
    for (int round = 0; round < 2; round++) {
        write_many(one, 3000);
        wkv_snapshots_force(&one->snapshots);
        world.skew_ns += WKV_NS_PER_S;
        world_until(one, (uint64_t)round + 1, 0);
        for (int i = 0; i < 200 && one->snapshots.state != 0; i++)
            world_turn(one);
        uint64_t position = wkv_replica_snapshots(one->replica)->position;
        ck_assert_uint_eq(world_stream(&world, true).first, position);
        assert_restores(one, position);
        ck_assert(!wkv_snapshots_are_due(&one->snapshots));
    }
}
END_TEST

/* ---- claims ---- */

/* The first has read back all and is away, with its claim, as it believes; the second writes one. */
START_TEST(who_has_lost_the_claim_cannot_write_a_manifest)
{
    struct instance *one = world_add(&world, "one", NULL), *two = world_add(&world, "two", NULL);
    write_many(one, 45000); /* more chunks than are read back at once */
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    while (one->snapshots.chunks.count == 0)
        world_turn(one);
    one->away = true;
    world_wait(two, 61 * SIM_SECOND);
    world_write(two, "other ", 0, 100, true);
    world_snapshot(two);
    uint64_t messages = world_stream(&world, false).messages;
    uint64_t position = wkv_replica_snapshots(two->replica)->position;
    world_until(one, 0, 1);
    ck_assert(world_said(&world, "a snapshot is given up: another instance has written one since"));
    ck_assert_uint_eq(world_stream(&world, false).messages, messages);
    assert_restores(two, position);
    one->away = false;
    world_feed(&world);
    world_snapshot(one);
    assert_restores(one, wkv_replica_snapshots(one->replica)->position);
}
END_TEST

START_TEST(who_sees_that_the_claim_is_lost_gives_up)
{
    struct instance *one = world_add(&world, "one", NULL), *two = world_add(&world, "two", NULL);
    write_many(one, 3000);
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    while (one->snapshots.upload.first == 0)
        world_turn(one);
    world_wait(two, 61 * SIM_SECOND);
    world_until(one, 0, 1);
    ck_assert(world_said(&world, "the claim to write it has run out, or is another instance's now"));
}
END_TEST

static enum fate lose_all(struct instance *instance, size_t sent)
{
    (void)instance;
    (void)sent;
    return LOST;
}

START_TEST(a_claim_is_renewed_each_20_s_for_as_long_as_it_takes)
{
    struct instance *one = world_add(&world, "one", NULL);
    write_many(one, 3000);
    one->fate = lose_all;
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    for (int i = 0; i < 20; i++) /* 50 s of its time and the log's */ {
        world_turn(one);
        if (i > 3) {
            world.skew_ns += 3 * WKV_NS_PER_S;
            world_wait(one, 5 * SIM_SECOND);
        }
    }
    ck_assert_uint_eq(one->snapshots.given_up, 0);
    one->fate = NULL;
    world_until(one, 1, 0);
}
END_TEST

START_TEST(who_finds_no_room_gives_up_and_says_why)
{
    world_end(&world);
    world_begin(&world, 20000);
    struct instance *one = world_add(&world, "one", NULL);
    write_many(one, 3000);
    wkv_snapshots_count(&one->snapshots, (size_t)65 << 20);
    for (int i = 0; one->snapshots.given_up == 0 && i < 1000; i++) {
        world.skew_ns += 300 * WKV_NS_PER_MS;
        world_turn(one);
    }
    ck_assert(world_said(&world, "takes nothing: maximum bytes exceeded"));
}
END_TEST

/* ---- formats ---- */

START_TEST(the_format_is_raised_when_all_instances_can_read_it)
{
    const struct wkv_snapshots_options newer = {.format = 2};
    struct instance *one = world_add(&world, "one", &newer), *two = world_add(&world, "two", &newer);
    world_beat(one, 2);
    world_turn(one);
    ck_assert_uint_eq(wkv_snapshots_raise(&one->snapshots), 0); /* the other has not said so */
    world_beat(two, 1);
    ck_assert_uint_eq(wkv_snapshots_raise(&one->snapshots), 0);
    world_beat(two, 2);
    ck_assert_uint_eq(wkv_snapshots_raise(&one->snapshots), 2);
    world.skew_ns += WKV_NS_PER_S;
    world_until(one, 1, 0);
    ck_assert_uint_eq(wkv_replica_format(one->replica), 2);
    ck_assert_uint_eq(wkv_replica_format(two->replica), 2);
    ck_assert(!wkv_snapshots_are_due(&one->snapshots));
    ck_assert(!wkv_snapshots_are_due(&two->snapshots));
    assert_restores(two, wkv_replica_snapshots(two->replica)->position);
}
END_TEST

Suite *snapshots_suite(void)
{
    Suite *suite = suite_create("snapshots");
    TCase *tcase = tcase_create("snapshots");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, one_that_is_written_among_writes_is_what_the_log_comes_to);
    tcase_add_test(tcase, what_is_lost_on_the_way_is_sent_again_in_its_order);
    tcase_add_test(tcase, one_that_cannot_be_read_back_gets_no_manifest);
    tcase_add_test(tcase, a_value_larger_than_a_chunk_is_written_whole);
    tcase_add_test(tcase, one_is_due_by_the_length_of_the_log_or_of_its_replay_or_by_the_time);
    tcase_add_test(tcase, one_instance_writes_it_and_the_others_count_from_there);
    tcase_add_test(tcase, two_are_kept_and_what_is_below_them_is_purged);
    tcase_add_test(tcase, a_full_log_is_purged_up_to_the_last);
    tcase_add_test(tcase, who_has_lost_the_claim_cannot_write_a_manifest);
    tcase_add_test(tcase, who_sees_that_the_claim_is_lost_gives_up);
    tcase_add_test(tcase, a_claim_is_renewed_each_20_s_for_as_long_as_it_takes);
    tcase_add_test(tcase, who_finds_no_room_gives_up_and_says_why);
    tcase_add_test(tcase, the_format_is_raised_when_all_instances_can_read_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
