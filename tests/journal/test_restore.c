/* What an instance begins with, by what is in the two streams. */
#include "journal/world.h"

static struct world world;
static struct instance *one;
static char text[512];

static void setup(void)
{
    world_begin(&world, 0);
    one = world_add(&world, "one", NULL);
}

static void teardown(void)
{
    world_end(&world);
}

/* A snapshot with some writes in front of it; returns its manifest. */
static struct wkv_manifest take(int records)
{
    for (int i = 0; i < records; i++)
        world_write(one, "key ", i * 3, 3, i % 7 == 0);
    world_snapshot(one);
    return wkv_replica_snapshots(one->replica)[0];
}

static void assert_restores(uint64_t position)
{
    struct wkv_replica *replica;
    ck_assert_int_eq(world_restore(&world, &replica, text), WKV_RESTORED);
    ck_assert_uint_eq(wkv_replica_applied(replica), position);
    sim_feed_all(replica, &world.log);
    ck_assert_uint_eq(sim_state(replica), sim_state(one->replica));
    wkv_replica_destroy(replica);
}

static void assert_none(enum wkv_restored how)
{
    struct wkv_replica *replica;
    ck_assert_int_eq(world_restore(&world, &replica, text), how);
    ck_assert_ptr_null(replica);
}

static void take_out(uint64_t position)
{
    char request[64];
    (void)snprintf(request, sizeof request, "{\"seq\":%d}", (int)position);
    world_ask(&world, "STREAM.MSG.DELETE", world.names.snap_stream, request);
}

START_TEST(without_a_snapshot_the_log_is_read_from_its_beginning)
{
    for (int i = 0; i < 50; i++)
        world_write(one, "key ", i, 3, true);
    assert_none(WKV_RESTORED_NOTHING);
    ck_assert_ptr_nonnull(strstr(text, "read from its beginning"));
}
END_TEST

START_TEST(the_newest_is_taken)
{
    (void)take(50);
    struct wkv_manifest newest = take(50);
    assert_restores(newest.position);
}
END_TEST

START_TEST(one_with_a_missing_chunk_is_told_of_and_the_one_before_is_taken)
{
    struct wkv_manifest before = take(50), newest = take(50);
    ck_assert_uint_eq(newest.before, before.last + 1);
    take_out(newest.last);
    assert_restores(before.position);
    ck_assert(world_said(&world, "cannot be read: "));
}
END_TEST

START_TEST(one_whose_manifest_is_missing_is_none)
{
    struct wkv_manifest before = take(50), newest = take(50);
    take_out(newest.last + 1);
    assert_restores(before.position);
}
END_TEST

/* Whatever may stand in the stream under the manifests' subject. */
START_TEST(what_is_no_manifest_is_passed_over)
{
    struct wkv_manifest newest = take(50);
    ck_assert_int_eq(
        natsConnection_PublishString(world.connection, world.names.manifest_subject, "a manifest"), NATS_OK);
    assert_restores(newest.position);
    ck_assert(world_said(&world, "is no manifest of a snapshot, or is damaged"));
}
END_TEST

/* A manifest of chunks that are others now. */
START_TEST(chunks_that_are_not_the_manifests_are_not_taken)
{
    struct wkv_manifest before = take(50), forged = before;
    struct wkv_buffer bytes = {.data = NULL};
    forged.digest ^= 1;
    ck_assert(wkv_manifest_write(&forged, &world.log.key, &bytes));
    ck_assert_int_eq(
        natsConnection_Publish(world.connection, world.names.manifest_subject, bytes.data, (int)bytes.len),
        NATS_OK);
    assert_restores(before.position);
    ck_assert(world_said(&world, "cannot be read: "));
    wkv_buffer_destroy(&bytes);
}
END_TEST

START_TEST(where_none_is_whole_the_log_is_read_from_its_beginning_or_is_lost)
{
    struct wkv_manifest newest = take(50);
    take_out(newest.first);
    assert_none(WKV_RESTORED_NOTHING);
    world_ask(&world, "STREAM.PURGE", world.names.log_stream, "{\"seq\":2}");
    assert_none(WKV_RESTORED_LOST);
    ck_assert_ptr_nonnull(strstr(text, "begins at message 2"));
}
END_TEST

START_TEST(one_below_which_the_log_is_cut_off_is_no_use)
{
    struct wkv_manifest before = take(50), newest = take(50);
    char request[64];
    take_out(newest.first);
    (void)snprintf(request, sizeof request, "{\"seq\":%d}", (int)before.position);
    world_ask(&world, "STREAM.PURGE", world.names.log_stream, request);
    assert_restores(before.position); /* its last message is there */
    (void)snprintf(request, sizeof request, "{\"seq\":%d}", (int)before.position + 1);
    world_ask(&world, "STREAM.PURGE", world.names.log_stream, request);
    assert_none(WKV_RESTORED_LOST);
}
END_TEST

START_TEST(one_of_a_newer_version_is_said_to_be_so)
{
    struct wkv_manifest manifest = take(50);
    struct wkv_buffer bytes = {.data = NULL};
    struct wkv_chunk chunk = {
        .kind = WKV_PART_MANIFEST, .format = 3, .snapshot = manifest.snapshot, .position = manifest.position};
    ck_assert(wkv_chunk_write(&chunk, &world.log.key, &bytes));
    take_out(manifest.last + 1);
    ck_assert_int_eq(
        natsConnection_Publish(world.connection, world.names.manifest_subject, bytes.data, (int)bytes.len),
        NATS_OK);
    assert_none(WKV_RESTORED_NEWER);
    ck_assert_ptr_nonnull(strstr(text, "newer version"));
    wkv_buffer_destroy(&bytes);
}
END_TEST

Suite *restore_suite(void)
{
    Suite *suite = suite_create("restore");
    TCase *tcase = tcase_create("restore");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, without_a_snapshot_the_log_is_read_from_its_beginning);
    tcase_add_test(tcase, the_newest_is_taken);
    tcase_add_test(tcase, one_with_a_missing_chunk_is_told_of_and_the_one_before_is_taken);
    tcase_add_test(tcase, one_whose_manifest_is_missing_is_none);
    tcase_add_test(tcase, what_is_no_manifest_is_passed_over);
    tcase_add_test(tcase, chunks_that_are_not_the_manifests_are_not_taken);
    tcase_add_test(tcase, where_none_is_whole_the_log_is_read_from_its_beginning_or_is_lost);
    tcase_add_test(tcase, one_below_which_the_log_is_cut_off_is_no_use);
    tcase_add_test(tcase, one_of_a_newer_version_is_said_to_be_so);
    suite_add_tcase(suite, tcase);
    return suite;
}
