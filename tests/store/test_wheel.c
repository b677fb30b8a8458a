/* The timing wheel by itself, against an array of deadlines that is searched from end to end. */
#include "store/memory.h"
#include "store/store_test.h"
#include "store/wheel.h"

#define TICK_NS (INT64_C(1) << 25)
#define TIMERS 400
#define DAY_NS (INT64_C(86400) * WKV_NS_PER_S)
#define YEAR_NS (DAY_NS * 365)

struct clockwork {
    struct wkv_budget budget;
    struct wkv_memory memory;
    struct wkv_wheel wheel;
    int64_t now_ns;
    struct wkv_timer timers[TIMERS];
    int64_t deadlines[TIMERS]; /* the model: 0 is not armed */
};

static void clockwork_open(struct clockwork *work, int64_t now_ns)
{
    memset(work, 0, sizeof *work);
    work->memory.budget = &work->budget;
    work->now_ns = now_ns;
    wkv_wheel_init(&work->wheel, now_ns);
    ck_assert(wkv_wheel_reserve(&work->wheel, &work->memory));
}

static void arm(struct clockwork *work, size_t i, int64_t deadline_ns)
{
    wkv_wheel_arm(&work->wheel, &work->timers[i], deadline_ns);
    work->deadlines[i] = deadline_ns;
}

static void disarm(struct clockwork *work, size_t i)
{
    wkv_wheel_disarm(&work->wheel, &work->timers[i]);
    work->deadlines[i] = 0;
}

static void clockwork_close(struct clockwork *work)
{
    for (size_t i = 0; i < TIMERS; i++)
        disarm(work, i);
    ck_assert_uint_eq(work->wheel.armed, 0);
    wkv_wheel_destroy(&work->wheel, &work->memory);
    ck_assert_uint_eq(work->memory.used_bytes, 0);
}

/* One call's worth, `budget` steps: returns whether all that is due has come. */
static bool slice(struct clockwork *work, unsigned budget)
{
    unsigned steps = budget, came = 0;
    struct wkv_timer *timer;
    while ((timer = wkv_wheel_next_due(&work->wheel, work->now_ns, &steps)) != NULL) {
        size_t i = (size_t)(timer - work->timers);
        ck_assert_uint_lt(i, TIMERS);
        ck_assert_int_ne(work->deadlines[i], 0);
        ck_assert_int_eq(timer->deadline_ns, 0);
        if (work->deadlines[i] > work->now_ns)
            ck_abort_msg("timer %zu came %lld ns early", i, (long long)(work->deadlines[i] - work->now_ns));
        work->deadlines[i] = 0;
        came++;
    }
    ck_assert_uint_le(came, budget);
    ck_assert_uint_le(steps, budget);
    return steps > 0;
}

static void nothing_is_late(const struct clockwork *work)
{
    size_t armed = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        if (work->deadlines[i] == 0)
            continue;
        armed++;
        if (work->now_ns - work->deadlines[i] >= TICK_NS)
            ck_abort_msg("timer %zu is %lld ns late", i, (long long)(work->now_ns - work->deadlines[i]));
    }
    ck_assert_uint_eq(work->wheel.armed, armed);
}

static void run_to(struct clockwork *work, int64_t now_ns)
{
    work->now_ns = now_ns;
    while (!slice(work, 1000))
        continue;
    nothing_is_late(work);
}

/* How far off a deadline may lie: every level of the wheel, and both sides of where they meet. */
static const int64_t reaches[] = {
    1,
    TICK_NS - 1,
    TICK_NS,
    TICK_NS + 1,
    TICK_NS * 63,
    TICK_NS * 64 - 1,
    TICK_NS * 64,
    TICK_NS * 65,
    TICK_NS * 64 * 63,
    TICK_NS * 64 * 64 - 1,
    TICK_NS * 64 * 64,
    TICK_NS * 64 * 64 + TICK_NS,
    TICK_NS * 64 * 64 * 64 - 1,
    TICK_NS * 64 * 64 * 64,
    TICK_NS * 64 * 64 * 64 * 64 - 1,
    TICK_NS * 64 * 64 * 64 * 64,
    TICK_NS * 64 * 64 * 64 * 64 * 2,
    YEAR_NS,
    YEAR_NS * 68,
};

START_TEST(one_timer_comes_within_a_tick_and_never_early)
{
    for (size_t start = 0; start < 200; start++) {
        struct clockwork work;
        int64_t now_ns = TEST_NOW + (int64_t)start * (TICK_NS * 21 + 12345);
        clockwork_open(&work, now_ns);
        int64_t deadline_ns = now_ns + reaches[_i];
        arm(&work, 0, deadline_ns);
        run_to(&work, now_ns + reaches[_i] / 2);
        run_to(&work, now_ns + reaches[_i] - reaches[_i] / 64);
        run_to(&work, deadline_ns - 1);
        ck_assert_int_ne(work.deadlines[0], 0);
        run_to(&work, deadline_ns + TICK_NS);
        ck_assert_int_eq(work.deadlines[0], 0);
        clockwork_close(&work);
    }
}
END_TEST

START_TEST(one_timer_comes_after_one_jump)
{
    for (size_t start = 0; start < 200; start++) {
        struct clockwork work;
        int64_t now_ns = TEST_NOW + (int64_t)start * TICK_NS * 67;
        clockwork_open(&work, now_ns);
        arm(&work, 0, now_ns + reaches[_i]);
        arm(&work, 1, now_ns + reaches[_i] + YEAR_NS);
        run_to(&work, now_ns + reaches[_i] + TICK_NS);
        ck_assert_int_eq(work.deadlines[0], 0);
        ck_assert_int_ne(work.deadlines[1], 0);
        run_to(&work, now_ns + reaches[_i] + YEAR_NS + TICK_NS);
        ck_assert_int_eq(work.deadlines[1], 0);
        clockwork_close(&work);
    }
}
END_TEST

START_TEST(the_farthest_deadline_that_there_is_can_be_armed)
{
    struct clockwork work;
    clockwork_open(&work, 1);
    arm(&work, 0, INT64_MAX);
    arm(&work, 1, INT64_MAX - TICK_NS * 64);
    run_to(&work, INT64_MAX / 2);
    run_to(&work, INT64_MAX - TICK_NS * 64 - 1);
    ck_assert_int_ne(work.deadlines[1], 0);
    run_to(&work, INT64_MAX - TICK_NS * 62);
    ck_assert_int_eq(work.deadlines[1], 0);
    ck_assert_int_ne(work.deadlines[0], 0);
    clockwork_close(&work);
}
END_TEST

START_TEST(a_deadline_that_has_passed_comes_with_the_next_tick)
{
    struct clockwork work;
    clockwork_open(&work, TEST_NOW);
    arm(&work, 0, TEST_NOW + YEAR_NS);
    run_to(&work, TEST_NOW + DAY_NS);
    arm(&work, 1, 1);
    arm(&work, 2, TEST_NOW + DAY_NS);
    run_to(&work, TEST_NOW + DAY_NS + TICK_NS);
    ck_assert_int_eq(work.deadlines[1], 0);
    ck_assert_int_eq(work.deadlines[2], 0);
    clockwork_close(&work);
}
END_TEST

START_TEST(a_wheel_that_stood_idle_does_not_lag)
{
    struct clockwork work;
    clockwork_open(&work, TEST_NOW);
    run_to(&work, TEST_NOW + YEAR_NS);
    arm(&work, 0, work.now_ns + WKV_NS_PER_S);
    run_to(&work, work.now_ns + WKV_NS_PER_S + TICK_NS);
    ck_assert_int_eq(work.deadlines[0], 0);
    clockwork_close(&work);
}
END_TEST

START_TEST(disarming_twice_or_never_armed_does_nothing)
{
    struct clockwork work;
    clockwork_open(&work, TEST_NOW);
    disarm(&work, 0);
    arm(&work, 1, TEST_NOW + 5);
    disarm(&work, 1);
    disarm(&work, 1);
    ck_assert_uint_eq(work.wheel.armed, 0);
    run_to(&work, TEST_NOW + DAY_NS);
    clockwork_close(&work);
}
END_TEST

static int64_t random_reach(uint64_t *random)
{
    int64_t reach = reaches[test_below(random, TEST_COUNT_OF(reaches))];
    return test_below(random, 2) == 0 ? reach : 1 + (int64_t)test_below(random, (size_t)reach);
}

/* Arms, disarms, rearms, goes forward by anything from nothing to months, in slices of any size. */
START_TEST(agrees_with_the_model)
{
    struct clockwork work;
    uint64_t random = (uint64_t)_i + 1;
    clockwork_open(&work, TEST_NOW * (_i + 1));
    size_t steps = test_scaled(200000);
    size_t came = 0;
    for (size_t step = 0; step < steps; step++) {
        size_t i = test_below(&random, TIMERS);
        if (work.deadlines[i] == 0) {
            arm(&work, i, work.now_ns + random_reach(&random));
        } else if (test_below(&random, 3) == 0) {
            disarm(&work, i);
            arm(&work, i, work.now_ns + random_reach(&random));
        } else if (test_below(&random, 4) == 0) {
            disarm(&work, i);
        }
        if (test_below(&random, 4) == 0)
            work.now_ns += (int64_t)test_below(&random, (size_t)TICK_NS * 3);
        if (test_below(&random, 400) == 0)
            work.now_ns += (int64_t)test_below(&random, (size_t)TICK_NS * 64 * 130);
        if (test_below(&random, 10000) == 0)
            work.now_ns += (int64_t)test_below(&random, (size_t)DAY_NS * 90);
        uint64_t before = work.wheel.armed;
        if (test_below(&random, 3) == 0 && slice(&work, 1 + (unsigned)test_below(&random, 20)))
            nothing_is_late(&work);
        came += before - work.wheel.armed;
    }
    ck_assert_uint_gt(came, 0);
    run_to(&work, work.now_ns + YEAR_NS * 69);
    ck_assert_uint_eq(work.wheel.armed, 0);
    clockwork_close(&work);
}
END_TEST

/* A slice is short whatever the time that has passed and whatever is armed, and slices of one step get on. */
START_TEST(catching_up_after_years_comes_in_short_slices)
{
    struct clockwork work;
    clockwork_open(&work, TEST_NOW);
    arm(&work, 0, TEST_NOW + YEAR_NS * 60);
    for (size_t i = 1; i < TIMERS; i++)
        arm(&work, i, TEST_NOW + (int64_t)i * (YEAR_NS / 40) + 1);
    work.now_ns = TEST_NOW + YEAR_NS * 50;
    size_t slices = 0;
    bool done = false;
    while (!done) {
        uint64_t armed = work.wheel.armed;
        done = slice(&work, 1);
        ck_assert_uint_le(armed - work.wheel.armed, 1);
        ck_assert_uint_lt(slices++, 200000);
    }
    nothing_is_late(&work);
    ck_assert_uint_eq(work.wheel.armed, 1);
    clockwork_close(&work);
}
END_TEST

START_TEST(one_step_passes_over_no_more_than_a_round_of_slots)
{
    struct clockwork work;
    unsigned steps = 10;
    clockwork_open(&work, TEST_NOW);
    /* A timer a few ticks off keeps the lowest level from being empty. */
    arm(&work, 0, TEST_NOW + TICK_NS * 40);
    uint64_t tick = work.wheel.tick;
    ck_assert_ptr_null(wkv_wheel_next_due(&work.wheel, TEST_NOW + TICK_NS * 30, &steps));
    ck_assert_uint_le(work.wheel.tick - tick, 64);
    disarm(&work, 0);
    /* Far timers on every level: each step is one stride of at most 64 slots of one level. */
    for (size_t i = 1; i < TEST_COUNT_OF(reaches); i++)
        arm(&work, i, work.now_ns + reaches[i]);
    steps = 3;
    (void)wkv_wheel_next_due(&work.wheel, TEST_NOW + YEAR_NS * 60, &steps);
    ck_assert_uint_le(work.wheel.tick - tick, 4 * 64);
    for (size_t i = 0; i < TIMERS; i++)
        work.deadlines[i] = work.timers[i].deadline_ns;
    clockwork_close(&work);
}
END_TEST

START_TEST(each_stride_over_empty_ticks_is_a_step)
{
    struct clockwork work;
    unsigned steps = 1;
    clockwork_open(&work, TEST_NOW);
    arm(&work, 0, TEST_NOW + TICK_NS * 200);
    uint64_t tick = work.wheel.tick;
    ck_assert_ptr_null(wkv_wheel_next_due(&work.wheel, TEST_NOW + TICK_NS * 199, &steps));
    ck_assert_uint_eq(steps, 0);
    ck_assert_uint_gt(work.wheel.tick, tick);
    ck_assert_uint_lt(work.wheel.tick, tick + 199);
    run_to(&work, TEST_NOW + TICK_NS * 201);
    ck_assert_int_eq(work.deadlines[0], 0);
    clockwork_close(&work);
}
END_TEST

START_TEST(a_wheel_without_memory_says_so)
{
    struct clockwork work;
    memset(&work, 0, sizeof work);
    work.memory.budget = &work.budget;
    work.budget.max_bytes = 100;
    wkv_wheel_init(&work.wheel, TEST_NOW);
    ck_assert(!wkv_wheel_reserve(&work.wheel, &work.memory));
    ck_assert_uint_eq(work.memory.used_bytes, 0);
    work.budget.max_bytes = 10000;
    ck_assert(wkv_wheel_reserve(&work.wheel, &work.memory));
    clockwork_close(&work);
}
END_TEST

Suite *wheel_suite(void)
{
    Suite *suite = suite_create("store/wheel");
    TCase *tests = tcase_create("wheel");
    tcase_add_loop_test(tests, one_timer_comes_within_a_tick_and_never_early, 0, (int)TEST_COUNT_OF(reaches));
    tcase_add_loop_test(tests, one_timer_comes_after_one_jump, 0, (int)TEST_COUNT_OF(reaches));
    tcase_add_test(tests, the_farthest_deadline_that_there_is_can_be_armed);
    tcase_add_test(tests, a_deadline_that_has_passed_comes_with_the_next_tick);
    tcase_add_test(tests, a_wheel_that_stood_idle_does_not_lag);
    tcase_add_test(tests, disarming_twice_or_never_armed_does_nothing);
    tcase_add_loop_test(tests, agrees_with_the_model, 0, 4);
    tcase_add_test(tests, catching_up_after_years_comes_in_short_slices);
    tcase_add_test(tests, one_step_passes_over_no_more_than_a_round_of_slots);
    tcase_add_test(tests, each_stride_over_empty_ticks_is_a_step);
    tcase_add_test(tests, a_wheel_without_memory_says_so);
    suite_add_tcase(suite, tests);
    return suite;
}
