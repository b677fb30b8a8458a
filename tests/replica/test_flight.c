/* A writer's batches in flight, step by step. */
#include "replica/flight.h"
#include "replica/log.h"

static const struct wkv_flight_times times = {.resend_ns = 10, .fence_ns = 100, .give_up_ns = 200};

static struct wkv_flight_batch *open_at(struct wkv_flight *flight, int64_t now_ns, struct wkv_record *record)
{
    struct wkv_flight_batch *batch = wkv_flight_open(flight, record, NULL, now_ns, NULL);
    ck_assert_ptr_nonnull(batch);
    return batch;
}

static enum wkv_flight_end settle(struct wkv_flight *flight, uint64_t number, enum wkv_verdict verdict)
{
    struct wkv_record record = {.writer = flight->writer, .number = number};
    struct wkv_replica_batch applied = {.record = &record, .verdict = verdict};
    struct wkv_flight_batch *ended;
    enum wkv_flight_end end = wkv_flight_settle(flight, &applied, &ended);
    if (end != WKV_FLIGHT_GOES_ON) {
        ck_assert_uint_eq(ended->number, number);
        wkv_flight_free(ended);
    }
    return end;
}

static void drop_all(struct wkv_flight *flight)
{
    for (struct wkv_flight_batch *batch; (batch = wkv_flight_take(flight)) != NULL;)
        wkv_flight_free(batch);
    ck_assert_uint_eq(flight->count, 0);
}

START_TEST(numbers_go_up_and_the_floor_follows)
{
    struct wkv_flight flight;
    struct wkv_record record = {.kind = WKV_RECORD_BATCH};
    wkv_flight_begin(&flight, 77, &times);
    (void)open_at(&flight, 0, &record);
    ck_assert(record.writer == 77 && record.number == 1 && record.floor == 1);
    (void)open_at(&flight, 0, &record);
    ck_assert(record.number == 2 && record.floor == 1);
    ck_assert_int_eq(settle(&flight, 1, WKV_VERDICT_RUN), WKV_FLIGHT_DONE);
    (void)open_at(&flight, 0, &record);
    ck_assert(record.number == 3 && record.floor == 2);
    drop_all(&flight);
}
END_TEST

START_TEST(a_missing_number_stalls_the_writer)
{
    struct wkv_flight flight;
    struct wkv_record record = {.kind = WKV_RECORD_BATCH};
    wkv_flight_begin(&flight, 77, &times);
    for (uint64_t i = 1; i <= 64; i++)
        (void)open_at(&flight, 0, &record);
    ck_assert_ptr_null(wkv_flight_open(&flight, &record, NULL, 0, NULL));
    ck_assert_int_eq(settle(&flight, 2, WKV_VERDICT_RUN), WKV_FLIGHT_DONE);
    ck_assert_ptr_null(wkv_flight_open(&flight, &record, NULL, 0, NULL));
    ck_assert_int_eq(settle(&flight, 1, WKV_VERDICT_RUN), WKV_FLIGHT_DONE);
    (void)open_at(&flight, 0, &record);
    ck_assert(record.number == 65 && record.floor == 3);
    drop_all(&flight);
}
END_TEST

START_TEST(a_verdict_ends_a_batch)
{
    struct wkv_flight flight;
    struct wkv_record record = {.kind = WKV_RECORD_BATCH};
    wkv_flight_begin(&flight, 77, &times);
    for (size_t i = 0; i < 4; i++)
        (void)open_at(&flight, 0, &record);
    ck_assert_int_eq(settle(&flight, 1, WKV_VERDICT_AGAIN), WKV_FLIGHT_GOES_ON);
    ck_assert_int_eq(settle(&flight, 1, WKV_VERDICT_LATE), WKV_FLIGHT_LATE);
    ck_assert_int_eq(settle(&flight, 2, WKV_VERDICT_BINDINGS), WKV_FLIGHT_AGAIN);
    ck_assert_int_eq(settle(&flight, 3, WKV_VERDICT_GONE), WKV_FLIGHT_AGAIN);
    ck_assert_int_eq(settle(&flight, 3, WKV_VERDICT_RUN), WKV_FLIGHT_GOES_ON);
    flight.writer = 78;
    struct wkv_record other = {.writer = 77, .number = 4};
    struct wkv_replica_batch applied = {.record = &other, .verdict = WKV_VERDICT_RUN};
    struct wkv_flight_batch *ended;
    ck_assert_int_eq(wkv_flight_settle(&flight, &applied, &ended), WKV_FLIGHT_GOES_ON);
    drop_all(&flight);
}
END_TEST

static enum wkv_flight_task due(struct wkv_flight *flight, int64_t now_ns, uint64_t floor, int64_t log_now_ns,
                                struct wkv_flight_batch **batch, enum wkv_code *code)
{
    struct wkv_flight_known known = {.floor = floor, .log_now_ns = log_now_ns};
    return wkv_flight_due(flight, &known, now_ns, batch, code);
}

START_TEST(a_batch_is_sent_again_then_fenced_then_given_up)
{
    struct wkv_flight flight;
    struct wkv_record record = {.kind = WKV_RECORD_BATCH};
    struct wkv_flight_batch *batch, *found, *fence;
    enum wkv_code code;
    wkv_flight_begin(&flight, 77, &times);
    batch = open_at(&flight, 0, &record);
    wkv_flight_sent(batch, 0);
    ck_assert(!wkv_flight_refused(batch));
    ck_assert_int_eq(wkv_flight_due_at(&flight), 10);
    ck_assert_int_eq(due(&flight, 9, 1, 0, &found, &code), WKV_FLIGHT_NOTHING);
    ck_assert_int_eq(due(&flight, 10, 1, 0, &found, &code), WKV_FLIGHT_SEND);
    ck_assert_ptr_eq(found, batch);
    wkv_flight_sent(batch, 95);
    ck_assert_int_eq(wkv_flight_due_at(&flight), 100);
    ck_assert_int_eq(due(&flight, 100, 1, 0, &found, &code), WKV_FLIGHT_FENCE);
    ck_assert_int_eq(due(&flight, 150, 1, 0, &found, &code), WKV_FLIGHT_NOTHING);
    fence = wkv_flight_open(&flight, &record, batch, 150, NULL);
    ck_assert(record.number == 2 && record.floor == 2);
    wkv_flight_sent(fence, 150);
    ck_assert_int_eq(due(&flight, 199, 1, 0, &found, &code), WKV_FLIGHT_SEND); /* the fence */
    ck_assert_ptr_eq(found, fence);
    wkv_flight_sent(fence, 199);
    ck_assert_int_eq(wkv_flight_due_at(&flight), 200);
    ck_assert_int_eq(due(&flight, 200, 1, 0, &found, &code), WKV_FLIGHT_GIVE_UP);
    ck_assert_ptr_eq(found, batch);
    ck_assert_int_eq(code, WKV_UNKNOWN_FATE);
    wkv_flight_free(found);
    drop_all(&flight);
}
END_TEST

/* 503 only where it is certain that nothing was changed. */
START_TEST(what_was_not_changed_is_known_by_a_fence_or_a_deadline)
{
    static const struct {
        bool sent;
        uint64_t floor;
        int64_t deadline_ns, log_now_ns;
        enum wkv_code code;
    } ends[] = {{true, 1, 0, 1000, WKV_UNKNOWN_FATE},  {true, 2, 0, 1000, WKV_UNAVAILABLE},
                {true, 0, 0, 1000, WKV_UNKNOWN_FATE},  {true, 1, 1000, 1000, WKV_UNKNOWN_FATE},
                {true, 1, 999, 1000, WKV_UNAVAILABLE}, {false, 1, 0, 0, WKV_UNAVAILABLE}};
    for (size_t i = 0; i < TEST_COUNT_OF(ends); i++) {
        struct wkv_flight flight;
        struct wkv_record record = {.kind = WKV_RECORD_BATCH, .deadline_ns = ends[i].deadline_ns};
        struct wkv_flight_batch *batch, *found;
        enum wkv_code code;
        wkv_flight_begin(&flight, 77, &times);
        batch = open_at(&flight, 0, &record);
        if (ends[i].sent)
            wkv_flight_sent(batch, 0);
        ck_assert_int_eq(due(&flight, 200, ends[i].floor, ends[i].log_now_ns, &found, &code),
                         WKV_FLIGHT_GIVE_UP);
        ck_assert_msg(code == ends[i].code, "end %zu", i);
        wkv_flight_free(found);
    }
}
END_TEST

/* What was never sent needs no fence. */
START_TEST(what_was_never_sent_is_given_up_early)
{
    struct wkv_flight flight;
    struct wkv_record record = {.kind = WKV_RECORD_BATCH};
    struct wkv_flight_batch *batch, *found;
    enum wkv_code code;
    wkv_flight_begin(&flight, 77, &times);
    batch = open_at(&flight, 0, &record);
    ck_assert_int_eq(due(&flight, 100, 1, 0, &found, &code), WKV_FLIGHT_GIVE_UP);
    ck_assert_ptr_eq(found, batch);
    ck_assert_int_eq(code, WKV_UNAVAILABLE);
    wkv_flight_free(found);
    ck_assert_int_eq(wkv_flight_due_at(&flight), INT64_MAX);
}
END_TEST

START_TEST(a_later_number_says_that_a_copy_was_lost)
{
    struct wkv_flight flight;
    struct wkv_record record = {.kind = WKV_RECORD_BATCH};
    struct wkv_flight_batch *first, *second, *found;
    enum wkv_code code;
    wkv_flight_begin(&flight, 77, &times);
    first = open_at(&flight, 0, &record);
    second = open_at(&flight, 0, &record);
    wkv_flight_sent(first, 0);
    wkv_flight_sent(second, 0);
    ck_assert_int_eq(settle(&flight, 2, WKV_VERDICT_RUN), WKV_FLIGHT_DONE);
    ck_assert_int_eq(wkv_flight_due_at(&flight), INT64_MIN);
    ck_assert_int_eq(due(&flight, 1, 1, 0, &found, &code), WKV_FLIGHT_SEND);
    ck_assert_ptr_eq(found, first);
    drop_all(&flight);
}
END_TEST

Suite *flight_suite(void)
{
    Suite *suite = suite_create("replica/flight");
    TCase *tests = tcase_create("flight");
    tcase_add_test(tests, numbers_go_up_and_the_floor_follows);
    tcase_add_test(tests, a_missing_number_stalls_the_writer);
    tcase_add_test(tests, a_verdict_ends_a_batch);
    tcase_add_test(tests, a_batch_is_sent_again_then_fenced_then_given_up);
    tcase_add_test(tests, what_was_not_changed_is_known_by_a_fence_or_a_deadline);
    tcase_add_test(tests, what_was_never_sent_is_given_up_early);
    tcase_add_test(tests, a_later_number_says_that_a_copy_was_lost);
    suite_add_tcase(suite, tests);
    return suite;
}
