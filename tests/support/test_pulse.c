/* Whether the parts of a process turn. */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/pulse.h"

/* A part as a loop is one: it sleeps until it is poked, and turns. */
struct part {
    struct wkv_pulse pulse;
    pthread_t thread;
    int wake_fd;
    _Atomic bool stuck, end;
};

static struct wkv_vitals vitals;
static struct part first, second;
static char text[256];

static void poke(void *context)
{
    const struct part *part = context;
    ck_assert_int_eq(eventfd_write(part->wake_fd, 1), 0);
}

static void *run(void *argument)
{
    struct part *part = argument;
    eventfd_t pokes;
    while (!atomic_load(&part->end)) {
        if (!atomic_load(&part->stuck))
            wkv_pulse_beat(&part->pulse);
        (void)eventfd_read(part->wake_fd, &pokes);
    }
    return NULL;
}

static void start_part(struct part *part, const char *name)
{
    part->pulse = (struct wkv_pulse){.name = name, .poke = poke, .context = part, .turning = true};
    part->wake_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_eq(pthread_create(&part->thread, NULL, run, part), 0);
    wkv_vitals_add(&vitals, &part->pulse);
}

static void stop_part(struct part *part)
{
    wkv_vitals_remove(&vitals, &part->pulse);
    atomic_store(&part->end, true);
    poke(part);
    ck_assert_int_eq(pthread_join(part->thread, NULL), 0);
    ck_assert_int_eq(close(part->wake_fd), 0);
}

static void start(void)
{
    wkv_vitals_init(&vitals);
    start_part(&first, "the first");
    start_part(&second, "the second");
}

static void stop(void)
{
    stop_part(&first);
    stop_part(&second);
    wkv_vitals_destroy(&vitals);
}

START_TEST(those_that_turn_are_well_and_soon_said_to_be)
{
    int64_t begin_ns = wkv_monotonic_ns();
    for (int i = 0; i < 20; i++)
        ck_assert(wkv_vitals_check(&vitals, text, sizeof text));
    ck_assert_int_lt(wkv_monotonic_ns() - begin_ns, 20 * WKV_VITALS_CHECK_MS / 2 * WKV_NS_PER_MS);
}
END_TEST

START_TEST(one_that_does_not_turn_is_named)
{
    atomic_store(&second.stuck, true);
    int64_t begin_ns = wkv_monotonic_ns();
    /* It may be about to beat once more. */
    bool well = wkv_vitals_check(&vitals, text, sizeof text);
    ck_assert(!well || !wkv_vitals_check(&vitals, text, sizeof text));
    ck_assert_str_eq(text, "the second");
    ck_assert_int_ge(wkv_monotonic_ns() - begin_ns, WKV_VITALS_CHECK_MS * WKV_NS_PER_MS);
    atomic_store(&first.stuck, true);
    well = wkv_vitals_check(&vitals, text, sizeof text);
    ck_assert(!well || !wkv_vitals_check(&vitals, text, sizeof text));
    ck_assert_str_eq(text, "the second, the first");
    ck_assert(!wkv_vitals_check(&vitals, text, 6));
    ck_assert_str_eq(text, "the s");
    atomic_store(&first.stuck, false);
    atomic_store(&second.stuck, false);
    ck_assert(wkv_vitals_check(&vitals, text, sizeof text));
}
END_TEST

START_TEST(one_that_waits_for_others_is_excused)
{
    atomic_store(&second.stuck, true);
    wkv_pulse_rest(&second.pulse);
    ck_assert(wkv_vitals_check(&vitals, text, sizeof text));
    wkv_pulse_turn(&second.pulse);
    ck_assert(!wkv_vitals_check(&vitals, text, sizeof text));
}
END_TEST

static void *check_all_the_time(void *argument)
{
    const _Atomic bool *end = argument;
    char mine[256];
    while (!atomic_load(end))
        ck_assert(wkv_vitals_check(&vitals, mine, sizeof mine));
    return NULL;
}

START_TEST(parts_come_and_go_while_they_are_checked)
{
    pthread_t threads[2];
    _Atomic bool end = false;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, check_all_the_time, &end), 0);
    for (int i = 0; i < 50; i++) {
        struct part guest = {.stuck = false};
        start_part(&guest, "a guest");
        (void)poll(NULL, 0, i % 5);
        stop_part(&guest);
    }
    atomic_store(&end, true);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

START_TEST(who_has_no_vitals_shows_nothing)
{
    struct wkv_pulse alone = {.name = "alone", .turning = true};
    wkv_vitals_add(NULL, &alone);
    wkv_vitals_remove(NULL, &alone);
    wkv_vitals_remove(&vitals, &alone);
    ck_assert(wkv_vitals_check(&vitals, text, sizeof text));
}
END_TEST

Suite *pulse_suite(void)
{
    Suite *suite = suite_create("support/pulse");
    TCase *tests = tcase_create("pulse");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, those_that_turn_are_well_and_soon_said_to_be);
    tcase_add_test(tests, one_that_does_not_turn_is_named);
    tcase_add_test(tests, one_that_waits_for_others_is_excused);
    tcase_add_test(tests, parts_come_and_go_while_they_are_checked);
    tcase_add_test(tests, who_has_no_vitals_shows_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
