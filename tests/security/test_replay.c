#include <pthread.h>
#include <stdatomic.h>

#include "helpers.h"
#include "security/replay.h"

static const unsigned char HOST[WKV_NKEY_BYTES] = {1};
static const unsigned char OTHER_HOST[WKV_NKEY_BYTES] = {2};

static struct wkv_replay *create(uint32_t entries, uint32_t shards)
{
    struct wkv_replay_options options = {.max_entries = entries, .shards = shards};
    struct wkv_replay *replay;
    ck_assert_int_eq(wkv_replay_create(&options, &replay, NULL), WKV_OK);
    return replay;
}

static enum wkv_code note_text(struct wkv_replay *replay, const char *id, int64_t expires_s, int64_t now_s)
{
    return wkv_replay_note(replay, HOST, id, strlen(id), expires_s, now_s, NULL);
}

static enum wkv_code note(struct wkv_replay *replay, unsigned id, int64_t expires_s, int64_t now_s)
{
    char text[40];
    snprintf(text, sizeof text, "id-%u", id);
    return note_text(replay, text, expires_s, now_s);
}

START_TEST(an_id_is_seen_once_in_its_window)
{
    struct wkv_replay *replay = create(3, 1);
    struct wkv_error error;
    ck_assert_int_eq(note_text(replay, "a", NOW + 60, NOW), WKV_OK);
    ck_assert_int_eq(wkv_replay_note(replay, HOST, "a", 1, NOW + 60, NOW, &error), WKV_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(error.text, "seen before"));
    ck_assert_int_eq(note_text(replay, "a", NOW + 60, NOW + 60), WKV_FORBIDDEN);
    ck_assert_int_eq(note_text(replay, "b", NOW + 60, NOW), WKV_OK);
    ck_assert_int_eq(note_text(replay, "ab", NOW + 60, NOW), WKV_OK);
    ck_assert_int_eq(note_text(replay, "c", NOW + 60, NOW), WKV_UNAVAILABLE);
    wkv_replay_destroy(replay);
    wkv_replay_destroy(NULL);
}
END_TEST

START_TEST(hosts_have_ids_of_their_own)
{
    struct wkv_replay *replay = create(0, 0);
    ck_assert_int_eq(wkv_replay_note(replay, HOST, "a", 1, NOW + 60, NOW, NULL), WKV_OK);
    ck_assert_int_eq(wkv_replay_note(replay, OTHER_HOST, "a", 1, NOW + 60, NOW, NULL), WKV_OK);
    ck_assert_int_eq(wkv_replay_note(replay, OTHER_HOST, "a", 1, NOW + 60, NOW, NULL), WKV_FORBIDDEN);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(a_full_window_refuses_and_forgets_nothing)
{
    struct wkv_replay *replay = create(100, 1);
    struct wkv_error error;
    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(note(replay, i, NOW + 60, NOW), WKV_OK);
    for (unsigned i = 100; i < 5000; i++)
        ck_assert_int_eq(note(replay, i, NOW + 60, NOW + i % 60), WKV_UNAVAILABLE);
    ck_assert_int_eq(wkv_replay_note(replay, HOST, "x", 1, NOW + 60, NOW + 59, &error), WKV_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "try again"));
    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(note(replay, i, NOW + 60, NOW + 60), WKV_FORBIDDEN);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(a_flood_over_all_shards_stays_in_bounds)
{
    struct wkv_replay *replay = create(1024, 16);
    unsigned taken = 0, refused = 0;
    for (unsigned i = 0; i < 20000; i++) {
        enum wkv_code code = note(replay, i, NOW + 60, NOW);
        ck_assert(code == WKV_OK || code == WKV_UNAVAILABLE);
        taken += code == WKV_OK;
        refused += code == WKV_UNAVAILABLE;
    }
    ck_assert_uint_eq(taken, 1024);
    ck_assert_uint_eq(refused, 20000 - 1024);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(expired_ids_make_room)
{
    struct wkv_replay *replay = create(64, 1);
    /* Each is kept for up to 59 s, so at most 60 are alive at once. */
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_int_eq(note(replay, i, NOW + i + i % 60, NOW + i), WKV_OK);
    for (unsigned i = 0; i < 64; i++)
        ck_assert_int_eq(note(replay, 20000 + i, NOW + 20060, NOW + 20000), WKV_OK);
    ck_assert_int_eq(note(replay, 30000, NOW + 20060, NOW + 20000), WKV_UNAVAILABLE);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(an_id_is_kept_through_its_last_second_and_not_longer)
{
    struct wkv_replay *replay = create(1, 1);
    ck_assert_int_eq(note(replay, 1, NOW + 60, NOW), WKV_OK);
    ck_assert_int_eq(note(replay, 2, NOW + 120, NOW + 60), WKV_UNAVAILABLE);
    ck_assert_int_eq(note(replay, 2, NOW + 121, NOW + 61), WKV_OK);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(a_forgotten_id_is_refused_where_the_clock_goes_back)
{
    struct wkv_replay *replay = create(2, 1); /* the first must go before the third has room */
    struct wkv_error error;
    ck_assert_int_eq(note(replay, 1, NOW + 60, NOW), WKV_OK);
    ck_assert_int_eq(note(replay, 2, NOW + 121, NOW + 61), WKV_OK);
    ck_assert_int_eq(wkv_replay_note(replay, HOST, "id-1", 4, NOW + 60, NOW + 60, &error), WKV_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(error.text, "so old"));
    /* What could not have been forgotten is served all the same. */
    ck_assert_int_eq(note(replay, 3, NOW + 61, NOW + 1), WKV_OK);
    ck_assert_int_eq(note(replay, 2, NOW + 121, NOW + 61), WKV_FORBIDDEN);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(a_clock_that_jumps_ahead_and_back_leaves_the_window_working)
{
    struct wkv_replay *replay = create(64, 1);
    for (unsigned i = 0; i < 30; i++)
        ck_assert_int_eq(note(replay, i, NOW + 60, NOW), WKV_OK);
    ck_assert_int_eq(note(replay, 100, NOW + 86460, NOW + 86400), WKV_OK); /* a day ahead */
    /* Back again: what was seen before the jump stays refused, and new ids are served and reclaimed. */
    ck_assert_int_eq(note(replay, 5, NOW + 60, NOW + 1), WKV_FORBIDDEN);
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_int_eq(note(replay, 1000 + i, NOW + 62 + i, NOW + 2 + i), WKV_OK);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(an_id_that_would_have_to_be_kept_too_long_is_refused)
{
    struct wkv_replay *replay = create(16, 1);
    ck_assert_int_eq(note(replay, 1, NOW + WKV_REPLAY_MAX_AHEAD_S, NOW), WKV_OK);
    ck_assert_int_eq(note(replay, 2, NOW + WKV_REPLAY_MAX_AHEAD_S + 1, NOW), WKV_UNAVAILABLE);
    ck_assert_int_eq(note(replay, 3, NOW - 1, NOW), WKV_FORBIDDEN);
    wkv_replay_destroy(replay);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
    struct wkv_replay *replay;
    const struct wkv_replay_options bad[] = {{.shards = 3},
                                             {.shards = 512},
                                             {.max_entries = 4, .shards = 8},
                                             {.max_entries = WKV_REPLAY_MAX_ENTRIES + 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(wkv_replay_create(&bad[i], &replay, NULL), WKV_BAD_REQUEST);
}
END_TEST

#define THREADS 4
#define IDS 20000
struct race {
    struct wkv_replay *replay;
    _Atomic unsigned taken;
    _Atomic unsigned other;
};

static void *send_all(void *argument)
{
    struct race *race = argument;
    for (unsigned i = 0; i < IDS; i++) {
        enum wkv_code code = note(race->replay, i, NOW + 60, NOW);
        if (code == WKV_OK)
            atomic_fetch_add(&race->taken, 1);
        else if (code != WKV_FORBIDDEN)
            atomic_fetch_add(&race->other, 1);
    }
    return NULL;
}

START_TEST(of_threads_that_send_the_same_ids_each_id_is_served_once)
{
    struct race race = {.replay = create(1 << 17, 0)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_all, &race), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&race.taken), IDS);
    ck_assert_uint_eq(atomic_load(&race.other), 0);
    wkv_replay_destroy(race.replay);
}
END_TEST

Suite *replay_suite(void)
{
    Suite *suite = suite_create("security/replay");
    TCase *tests = tcase_create("replay");
    tcase_add_test(tests, an_id_is_seen_once_in_its_window);
    tcase_add_test(tests, hosts_have_ids_of_their_own);
    tcase_add_test(tests, a_full_window_refuses_and_forgets_nothing);
    tcase_add_test(tests, a_flood_over_all_shards_stays_in_bounds);
    tcase_add_test(tests, expired_ids_make_room);
    tcase_add_test(tests, an_id_is_kept_through_its_last_second_and_not_longer);
    tcase_add_test(tests, a_forgotten_id_is_refused_where_the_clock_goes_back);
    tcase_add_test(tests, a_clock_that_jumps_ahead_and_back_leaves_the_window_working);
    tcase_add_test(tests, an_id_that_would_have_to_be_kept_too_long_is_refused);
    tcase_add_test(tests, options_out_of_range_are_refused);
    tcase_add_test(tests, of_threads_that_send_the_same_ids_each_id_is_served_once);
    suite_add_tcase(suite, tests);
    return suite;
}
