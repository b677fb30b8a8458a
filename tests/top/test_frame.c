/* What `top` shows: whole frames and lines, and what never may stand in them. */
#include <stdint.h>
#include <stdio.h>

#include "lib/room.h"
#include "top/answers.h"
#include "top/format.h"
#include "top/frame.h"

static struct wkv_top_model model;
static struct wkv_buffer out;
static enum wkv_top_order order;

/* 2026-01-31T12:34:56.789Z */
#define WALL_NS (INT64_C(1769862896789) * WKV_NS_PER_MS)

static void open_model(void)
{
    wkv_top_model_init(&model, &address);
    order = WKV_TOP_BY_DEFAULT;
}

static void close_model(void)
{
    wkv_top_model_destroy(&model);
    wkv_buffer_destroy(&out);
}

static const char *text_of(struct wkv_buffer *buffer)
{
    ck_assert(wkv_buffer_append(buffer, "", 1));
    return buffer->data;
}

static const char *frame(unsigned columns, unsigned rows, const char *notice)
{
    struct wkv_top_view view = {.model = &model,
                                .notice = notice,
                                .wall_ns = WALL_NS,
                                .columns = columns,
                                .rows = rows,
                                .order = order};
    wkv_buffer_reset(&out, 0);
    ck_assert(wkv_top_frame(&view, &out));
    return text_of(&out);
}

static const char *lines(void)
{
    struct wkv_top_view view = {.model = &model, .notice = "", .wall_ns = WALL_NS};
    wkv_buffer_reset(&out, 0);
    ck_assert(wkv_top_lines(&view, &out));
    return text_of(&out);
}

/* One of two instances after a number of looks, a second each. */
static json_t *busy(const char *id, int look, int factor)
{
    json_t *answer = an_answer(id, 3600.0 * factor + look, 1000 * factor);
    with(answer, an_endpoint("Get", (100 + 250 * look) * factor, factor == 1 ? 3 + look : 0, 12000, 150000,
                             100 + 250 * look));
    with(answer, an_endpoint("Set", 50 + 1500 * look * factor, 0, 25000, 2500000, 0));
    with(answer, an_endpoint("Del", 0, 0, 0, 0, 0));
    set_number(answer, "budget_bytes", 64 << 20);
    set_number(answer, "expired", 5 * look);
    return answer;
}

/* Two looks at two instances; of the second look only those who answer. */
enum silence { BOTH_ANSWER, FIRST_FALLS_SILENT };

static void two_looks(enum silence silence)
{
    for (int look = 0; look < 2; look++) {
        wkv_top_begin(&model);
        json_t *a = busy("0AAAAAAAAAAAAAAAAAAAAAAAAA", look, 1);
        if (look == 0 || silence == BOTH_ANSWER)
            ck_assert(hear(&model, a, look * 1000));
        else
            json_decref(a);
        ck_assert(hear(&model, busy("0BBBBBBBBBBBBBBBBBBBBBBBBB", look, 2), look * 1000));
        wkv_top_end(&model);
    }
}

/* ---- frames ---- */

START_TEST(a_frame_of_an_ordinary_terminal)
{
    two_looks(BOTH_ANSWER);
    ck_assert_str_eq(frame(80, 24, ""),
                     "wascc-keyvalue top  binding default  2 instances  12:34:56 UTC  ?: help\n"
                     "requests 5250/s, 5650 in all  errors 1.0/s, 4 in all  expired 10.0/s, 10 in all\n"
                     "latency of 1m  50% 12.0us  90% 24.0us  99% 36.0us  99.9% 48.0us  max 150.0us\n"
                     "keys 3000 (scalar 2988, counter 6, list 4, set 2)\n"
                     "memory 2.9MiB of 128.0MiB (2%)  connections 6, 0 reconnects\n"
                     "last error  409: Get: error 4\n"
                     "\n"
                     "INSTANCE      UP   REQ/S   ERR/S   KEYS    MEMORY OF        P50     P90     P99\n"
                     "0AAAAAAA   1h00m    1750     1.0   1000 1000.0KiB 1m     12.0us  24.0us  36.0us\n"
                     "0BBBBBBB   2h00m    3500     0.0   2000    2.0MiB 1m     12.0us  24.0us  36.0us\n"
                     "\n"
                     "OPERATION    REQ/S   ERR/S OF        P50     P90     P99   P99.9     MAX\n"
                     "Set           4500     0.0 start  25.0us  50.0us  75.0us 100.0us   2.5ms\n"
                     "Get          750.0     1.0 1m     12.0us  24.0us  36.0us  48.0us 150.0us");
}
END_TEST

START_TEST(a_frame_of_a_wide_terminal)
{
    two_looks(BOTH_ANSWER);
    ck_assert_str_eq(
        frame(250, 50, ""),
        "wascc-keyvalue top  binding default  2 instances  12:34:56 UTC  ?: help\n"
        "requests 5250/s, 5650 in all  errors 1.0/s, 4 in all  expired 10.0/s, 10 in all\n"
        "latency of 1m  50% 12.0us  90% 24.0us  99% 36.0us  99.9% 48.0us  max 150.0us\n"
        "keys 3000 (scalar 2988, counter 6, list 4, set 2)\n"
        "memory 2.9MiB of 128.0MiB (2%)  connections 6, 0 reconnects\n"
        "last error  409: Get: error 4\n"
        "\n"
        "INSTANCE                        UP   REQ/S   ERR/S   KEYS    MEMORY OF        P50     P90     P99   "
        "P99.9     MAX   ERRORS    BUDGET  EXPIRE/S  CONN RECONN SCALARS COUNTER   LISTS    SETS LAST ERROR\n"
        "0AAAAAAAAAAAAAAAAAAAAAAAAA   1h00m    1750     1.0   1000 1000.0KiB 1m     12.0us  24.0us  36.0us  "
        "48.0us 150.0us        4   64.0MiB       5.0     3      0     994       3       2       1 409: Get: "
        "error 4\n"
        "0BBBBBBBBBBBBBBBBBBBBBBBBB   2h00m    3500     0.0   2000    2.0MiB 1m     12.0us  24.0us  36.0us  "
        "48.0us 150.0us        0   64.0MiB       5.0     3      0    1994       3       2       1\n"
        "\n"
        "OPERATION    REQ/S   ERR/S OF        P50     P90     P99   P99.9     MAX REQUESTS   ERRORS\n"
        "Set           4500     0.0 start  25.0us  50.0us  75.0us 100.0us   2.5ms     4600        0\n"
        "Get          750.0     1.0 1m     12.0us  24.0us  36.0us  48.0us 150.0us     1050        4");
}
END_TEST

/* Two looks at three instances of one log, the last of which still recovers. */
static json_t *logged(const char *id, int look, int position)
{
    json_t *answer = an_answer(id, 3600.0 + look, position * 10);
    set_number(answer, "expired", 10 + 5 * look);
    if (position > 0)
        with_log(answer, position, 100 + 40 * look, 3);
    return answer;
}

static void two_looks_at_a_log(void)
{
    for (int look = 0; look < 2; look++) {
        wkv_top_begin(&model);
        ck_assert(hear(&model, logged("A", look, 100), look * 1000));
        ck_assert(hear(&model, logged("B", look, 101), look * 1000));
        ck_assert(hear(&model, logged("C", look, 0), look * 1000));
        wkv_top_end(&model);
    }
}

/* The data is the same at each of them, so it is not added up. */
START_TEST(a_frame_of_instances_with_one_log)
{
    two_looks_at_a_log();
    ck_assert_str_eq(frame(120, 24, ""),
                     "wascc-keyvalue top  binding default  3 instances  12:34:56 UTC  ?: help\n"
                     "requests 0.0/s, 0 in all  errors 0.0/s, 0 in all  expired 5.0/s, 15 in all\n"
                     "keys 1010 (scalar 1004, counter 3, list 2, set 1)\n"
                     "memory 1010.0KiB  connections 9, 0 reconnects\n"
                     "log position 101  lag 100.0ms  members 3  snapshot 2m30s old\n"
                     "appends 80.0/s of 15.0 operations  50% 1.0ms  99% 5.0ms  resent 8.0/s, 28 in all\n"
                     "\n"
                     "INSTANCE      UP   REQ/S   ERR/S   KEYS    MEMORY POSITION     LAG OF        P50     "
                     "P90     P99   P99.9     MAX\n"
                     "A          1h00m     0.0     0.0   1000 1000.0KiB      100 100.0ms -           -       "
                     "-       -       -       -\n"
                     "B          1h00m     0.0     0.0   1010 1010.0KiB      101  99.0ms -           -       "
                     "-       -       -       -\n"
                     "C          1h00m     0.0     0.0      0        0B        -       - -           -       "
                     "-       -       -       -");
    ck_assert_ptr_nonnull(
        strstr(frame(80, 24, ""),
               "INSTANCE      UP   REQ/S   ERR/S   KEYS    MEMORY POSITION     LAG OF        P50\n"));
}
END_TEST

START_TEST(trouble_with_a_log_is_told)
{
    json_t *answer = logged("A", 0, 100), *log = json_object_get(json_object_get(answer, "data"), "log");
    ck_assert_int_eq(json_object_set_new(log, "time_ahead_s", json_integer(3600)), 0);
    ck_assert_int_eq(json_object_set_new(log, "waiting_s", json_integer(5)), 0);
    ck_assert_int_eq(json_object_set_new(log, "diverged", json_true()), 0);
    ck_assert_int_eq(json_object_set_new(log, "snapshot_position", json_integer(0)), 0);
    wkv_top_begin(&model);
    ck_assert(hear(&model, answer, 0));
    wkv_top_end(&model);
    const char *text = frame(120, 24, "");
    ck_assert_msg(strstr(text, "\nlog position 100  lag 100.0ms  members 3  no snapshot  waiting 5s  "
                               "time ahead 1h00m  DIVERGED\n") != NULL,
                  "%s", text);
    ck_assert_msg(
        strstr(text, "\nappends -/s of 15.0 operations  50% 1.0ms  99% 5.0ms  resent -/s, 10 in all\n") !=
            NULL,
        "%s", text);
}
END_TEST

START_TEST(a_frame_after_the_first_look_has_no_rates)
{
    wkv_top_begin(&model);
    ck_assert(hear(&model, busy("0AAAAAAAAAAAAAAAAAAAAAAAAA", 0, 1), 0));
    wkv_top_end(&model);
    ck_assert_str_eq(frame(80, 24, ""),
                     "wascc-keyvalue top  binding default  1 instance  12:34:56 UTC  ?: help\n"
                     "requests -/s, 150 in all  errors -/s, 3 in all  expired -/s, 0 in all\n"
                     "latency of 1m  50% 12.0us  90% 24.0us  99% 36.0us  99.9% 48.0us  max 150.0us\n"
                     "keys 1000 (scalar 994, counter 3, list 2, set 1)\n"
                     "memory 1000.0KiB of 64.0MiB (2%)  connections 3, 0 reconnects\n"
                     "last error  409: Get: error 3\n"
                     "\n"
                     "INSTANCE      UP   REQ/S   ERR/S   KEYS    MEMORY OF        P50     P90     P99\n"
                     "0AAAAAAA   1h00m       -       -   1000 1000.0KiB 1m     12.0us  24.0us  36.0us\n"
                     "\n"
                     "OPERATION    REQ/S   ERR/S OF        P50     P90     P99   P99.9     MAX\n"
                     "Get              -       - 1m     12.0us  24.0us  36.0us  48.0us 150.0us\n"
                     "Set              -       - start  25.0us  50.0us  75.0us 100.0us   2.5ms");
}
END_TEST

START_TEST(an_instance_that_is_gone_counts_no_more)
{
    two_looks(FIRST_FALLS_SILENT);
    ck_assert_str_eq(frame(80, 24, ""),
                     "wascc-keyvalue top  binding default  1 instance  12:34:56 UTC  ?: help\n"
                     "requests 3500/s, 3750 in all  errors 0.0/s, 0 in all  expired 5.0/s, 5 in all\n"
                     "latency of 1m  50% 12.0us  90% 24.0us  99% 36.0us  99.9% 48.0us  max 150.0us\n"
                     "keys 2000 (scalar 1994, counter 3, list 2, set 1)\n"
                     "memory 2.0MiB of 64.0MiB (3%)  connections 3, 0 reconnects\n"
                     "\n"
                     "INSTANCE      UP   REQ/S   ERR/S   KEYS    MEMORY OF        P50     P90     P99\n"
                     "0AAAAAAA    gone\n"
                     "0BBBBBBB   2h00m    3500     0.0   2000    2.0MiB 1m     12.0us  24.0us  36.0us\n"
                     "\n"
                     "OPERATION    REQ/S   ERR/S OF        P50     P90     P99   P99.9     MAX\n"
                     "Set           3000     0.0 start  25.0us  50.0us  75.0us 100.0us   2.5ms\n"
                     "Get          500.0     0.0 1m     12.0us  24.0us  36.0us  48.0us 150.0us");
}
END_TEST

START_TEST(without_an_instance_a_frame_is_a_notice)
{
    ck_assert_str_eq(
        frame(80, 24, "no instance answers"),
        "wascc-keyvalue top  binding default  0 instances  12:34:56 UTC  ?: help\nno instance answers");
    ck_assert_str_eq(frame(80, 1, "no instance answers"),
                     "wascc-keyvalue top  binding default  0 instances  12:34:56 UTC  ?: help");
}
END_TEST

/* An answer without `data` is that of a service which knows its endpoints only. */
START_TEST(what_an_instance_does_not_tell_is_a_dash)
{
    json_t *answer = busy("A", 0, 1);
    ck_assert_int_eq(json_object_del(answer, "data"), 0);
    wkv_top_begin(&model);
    ck_assert(hear(&model, answer, 0));
    wkv_top_end(&model);
    ck_assert_str_eq(
        frame(100, 24, ""),
        "wascc-keyvalue top  binding default  1 instance  12:34:56 UTC  ?: help\n"
        "requests -/s, 150 in all  errors -/s, 3 in all  expired -/s, 0 in all\n"
        "latency of 1m  50% 12.0us  90% 24.0us  99% 36.0us  99.9% 48.0us  max 150.0us\n"
        "last error  409: Get: error 3\n"
        "\n"
        "INSTANCE      UP   REQ/S   ERR/S   KEYS    MEMORY OF        P50     P90     P99   P99.9     MAX\n"
        "A              -       -       -      -         - 1m     12.0us  24.0us  36.0us  48.0us 150.0us\n"
        "\n"
        "OPERATION    REQ/S   ERR/S OF        P50     P90     P99   P99.9     MAX REQUESTS   ERRORS\n"
        "Get              -       - 1m     12.0us  24.0us  36.0us  48.0us 150.0us      100        3\n"
        "Set              -       - start  25.0us  50.0us  75.0us 100.0us   2.5ms       50        0");
}
END_TEST

static void check_fits(const char *text, unsigned columns, unsigned rows)
{
    unsigned row = 1, column = 0;
    for (const char *c = text; *c != '\0'; c++) {
        ck_assert_msg(*c == '\n' || (*c >= ' ' && *c <= '~'), "byte %02x", (unsigned char)*c);
        column = *c == '\n' ? 0 : column + 1;
        row += *c == '\n';
        ck_assert_msg(column <= columns && row <= rows, "%ux%u: line %u column %u: %s", columns, rows, row,
                      column, text);
    }
}

START_TEST(a_frame_fits_every_terminal)
{
    two_looks(BOTH_ANSWER);
    for (unsigned columns = 1; columns <= 600; columns += columns < 20 ? 1 : 29)
        for (unsigned rows = 1 + columns % test_stride(); rows <= 30;
             rows += test_stride() * (rows < 12 ? 1 : 6))
            check_fits(frame(columns, rows, "a notice"), columns, rows);
}
END_TEST

/* Half a number would be another number. */
START_TEST(a_line_is_cut_between_words)
{
    two_looks(BOTH_ANSWER);
    char wide[512];
    (void)snprintf(wide, sizeof wide, "%s", strstr(frame(500, 24, ""), "\nrequests") + 1);
    for (unsigned columns = 10; columns < 80; columns++) {
        const char *line = strstr(frame(columns, 24, ""), "\nrequests") + 1;
        size_t len = strcspn(line, "\n");
        ck_assert_int_eq(strncmp(line, wide, len), 0);
        ck_assert_msg(wide[len] == ' ' || wide[len] == '\n', "%u: %.*s", columns, (int)len, line);
    }
}
END_TEST

/* Figures of a busy service, which is the one that is looked at: each of them is there, on a row of its own
 * where it must be. */
START_TEST(a_full_head_goes_on_in_the_next_row)
{
    wkv_top_begin(&model);
    json_t *answer = an_answer("A", 7200, 812345);
    with(answer, an_endpoint("Set", 912345678, 123456, 123456, 2012345678, 0));
    set_number(answer, "expired", 812345678);
    ck_assert(hear(&model, answer, 0));
    wkv_top_end(&model);
    wkv_top_begin(&model);
    answer = an_answer("A", 7201, 812345);
    with(answer, an_endpoint("Set", 912469134, 224691, 123456, 2012345678, 0));
    set_number(answer, "expired", 812468134);
    ck_assert(hear(&model, answer, 1000));
    wkv_top_end(&model);
    const char *text = frame(80, 24, "");
    check_fits(text, 80, 24);
    ck_assert_msg(strstr(text, "\nrequests 123456/s, 912.5M in all  errors 101235/s, 224691 in all\n"
                               "expired 122456/s, 812.5M in all\n") != NULL,
                  "%s", text);
    text = frame(40, 24, "");
    check_fits(text, 40, 24);
    ck_assert_msg(strstr(text, "wascc-keyvalue top  binding default\n1 instance  12:34:56 UTC  ?: help\n"
                               "requests 123456/s, 912.5M in all\nerrors 101235/s, 224691 in all\n"
                               "expired 122456/s, 812.5M in all\n") != NULL,
                  "%s", text);
}
END_TEST

/* A short id is still that of one instance. */
START_TEST(ids_are_shortened_as_long_as_they_differ)
{
    wkv_top_begin(&model);
    ck_assert(hear(&model, busy("0123456789ABAAAAAAAAAAAAAA", 0, 1), 0));
    ck_assert(hear(&model, busy("0123456789ACAAAAAAAAAAAAAA", 0, 1), 0));
    wkv_top_end(&model);
    ck_assert_ptr_nonnull(strstr(frame(80, 24, ""), "\n0123456789AB   1h00m "));
    ck_assert_ptr_nonnull(strstr(frame(80, 24, ""), "\n0123456789AC   1h00m "));
    ck_assert_ptr_nonnull(strstr(frame(112, 24, ""), "\n0123456789AC   1h00m "));
    ck_assert_ptr_nonnull(strstr(frame(113, 24, ""), "\n0123456789ACAAAAAAAAAAAAAA   1h00m "));
}
END_TEST

START_TEST(many_instances_leave_room_for_the_operations)
{
    for (int look = 0; look < 2; look++) {
        wkv_top_begin(&model);
        for (int i = 0; i < 60; i++) {
            char id[16];
            (void)snprintf(id, sizeof id, "I%02d", i);
            ck_assert(hear(&model, busy(id, look, 1), look * 1000));
        }
        wkv_top_end(&model);
    }
    const char *text = frame(80, 24, "");
    check_fits(text, 80, 24);
    ck_assert_ptr_nonnull(strstr(text, "60 instances"));
    ck_assert_ptr_nonnull(strstr(text, "\nI00 "));
    ck_assert_ptr_nonnull(strstr(text, "\n... and 54 more\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nSet "));
    ck_assert_ptr_nonnull(strstr(text, "\nGet "));
}
END_TEST

/* What has no room is counted, down to none at all. */
START_TEST(operations_without_room_are_counted)
{
    json_t *answer = an_answer("A", 3600, 10);
    for (int i = 0; i < 12; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "Op%02d", i);
        with(answer, an_endpoint(name, 100, 0, 1000, 2000, 0));
    }
    wkv_top_begin(&model);
    ck_assert(hear(&model, answer, 0));
    wkv_top_end(&model);
    const char *text = frame(80, 40, "");
    ck_assert_ptr_null(strstr(text, "more"));
    size_t rows = 1;
    for (const char *c = text; *c != '\0'; c++)
        rows += *c == '\n';
    for (size_t hidden = 2; hidden <= 12; hidden++) {
        char says[64];
        size_t first = rows - 12 + (12 - hidden) + 1;
        text = frame(80, (unsigned)first, "");
        (void)snprintf(says, sizeof says, hidden < 12 ? "\n... and %zu more" : "\n... and %zu operations",
                       hidden);
        const char *found = strstr(text, says);
        ck_assert_msg(found != NULL && strcmp(found, says) == 0, "%zu rows: %s is not the end of: %s", first,
                      says, text);
        check_fits(text, 80, (unsigned)first);
    }
}
END_TEST

/* ---- the order ---- */

/* Of three instances each is first in another order, and so of three operations. */
static json_t *ranked(int i, int look)
{
    static const int requests[] = {10, 30, 20}, errors[] = {3, 2, 9}, slow[] = {500, 100, 200};
    static const char *const ids[] = {"A", "B", "C"}, *const names[] = {"Set", "Get", "Add"};
    json_t *answer = an_answer(ids[i], 3600 + look, 100 * (i + 1));
    for (int k = 0; k < 3; k++)
        with(answer,
             an_endpoint(names[k], (1 + look) * requests[k] * requests[i], (1 + look) * errors[k] * errors[i],
                         slow[k] * slow[i] * 100, slow[k] * slow[i] * 1000, 0));
    return answer;
}

static const struct {
    enum wkv_top_order order;
    char key;
    const char *instances[3], *operations[3];
    const char *says; /* in the first line */
} orders[] = {
    {WKV_TOP_BY_DEFAULT, 'd', {"A", "B", "C"}, {"Get", "Add", "Set"}, "UTC  ?: help"},
    {WKV_TOP_BY_REQUESTS, 'r', {"B", "C", "A"}, {"Get", "Add", "Set"}, "UTC  by requests\n"},
    {WKV_TOP_BY_ERRORS, 'e', {"C", "A", "B"}, {"Add", "Set", "Get"}, "UTC  by errors\n"},
    {WKV_TOP_BY_LATENCY, 'l', {"A", "C", "B"}, {"Set", "Add", "Get"}, "UTC  by latency\n"},
    {WKV_TOP_BY_MEMORY, 'm', {"C", "B", "A"}, {"Get", "Add", "Set"}, "UTC  by memory\n"},
    {WKV_TOP_BY_NAME, 'n', {"A", "B", "C"}, {"Add", "Get", "Set"}, "UTC  by name\n"},
};

static void check_order(const char *text, const char *const names[3])
{
    for (int i = 0; i < 3; i++) {
        char line[16];
        (void)snprintf(line, sizeof line, "\n%s ", names[i]);
        const char *found = strstr(text, line);
        ck_assert_msg(found != NULL, "%s is not behind what it should be: %s", names[i], text);
        text = found + 1;
    }
}

START_TEST(a_key_chooses_the_order)
{
    enum wkv_top_order none;
    for (int look = 0; look < 2; look++) {
        wkv_top_begin(&model);
        for (int i = 0; i < 3; i++)
            ck_assert(hear(&model, ranked(i, look), look * 1000));
        wkv_top_end(&model);
    }
    ck_assert(wkv_top_order_of_key(orders[_i].key, &order));
    ck_assert_int_eq(order, orders[_i].order);
    ck_assert(!wkv_top_order_of_key('x', &none));
    const char *text = frame(80, 24, "");
    check_order(text, orders[_i].instances);
    check_order(strstr(text, "OPERATION"), orders[_i].operations);
    ck_assert_msg(strstr(text, orders[_i].says) != NULL, "%s", text);
}
END_TEST

START_TEST(the_help_tells_every_key)
{
    struct wkv_top_view view = {.columns = 80, .rows = 24};
    ck_assert(wkv_top_help(&view, &out));
    const char *text = text_of(&out);
    check_fits(text, 80, 24);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        char line[8];
        (void)snprintf(line, sizeof line, "\n%c  ", orders[i].key);
        ck_assert_msg(strstr(text, line) != NULL, "silent about %c: %s", orders[i].key, text);
    }
    ck_assert_ptr_nonnull(strstr(text, "\nq  end"));
    ck_assert_ptr_nonnull(strstr(text, "\nOF is what the latencies"));
    for (view.columns = 1; view.columns < 90; view.columns += 7)
        for (view.rows = 1; view.rows < 20; view.rows += 3) {
            wkv_buffer_reset(&out, 0);
            ck_assert(wkv_top_help(&view, &out));
            check_fits(text_of(&out), view.columns, view.rows);
        }
}
END_TEST

/* ---- what a hostile service would like to have shown ---- */

#define EVIL                                                                                                 \
    "\x1b]0;owned\x07\x1b[2J\n\r\x7f\xc2\x9b"                                                                \
    "31m\xe2\x80\xae=\"\\ x"

static void hear_evil(int look)
{
    json_t *answer = an_answer("id" EVIL, look, 10);
    with(answer, an_endpoint("Op" EVIL, 10 * look, look, 5, 5, 0));
    json_t *endpoint = json_array_get(json_object_get(answer, "endpoints"), 0);
    ck_assert_int_eq(json_object_set_new(endpoint, "last_error", json_string("why" EVIL)), 0);
    wkv_top_begin(&model);
    ck_assert(hear(&model, answer, look * 1000));
    wkv_top_end(&model);
}

/* No number of an answer overflows. */
START_TEST(a_hostile_log_is_shown_as_numbers)
{
    static const char *const names[] = {
        "position", "lag_ms",    "appends",      "operations",        "append_p50_ns", "append_p99_ns",
        "resends",  "waiting_s", "time_ahead_s", "snapshot_position", "snapshot_age_s"};
    for (int look = 0; look < 2; look++) {
        wkv_top_begin(&model);
        for (int i = 0; i < 2; i++) {
            json_t *answer = logged(i == 0 ? "A" : "B", look, 100);
            json_t *log = json_object_get(json_object_get(answer, "data"), "log");
            for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
                ck_assert_int_eq(json_object_set_new(log, names[k], json_real(look == 0 ? 1 : 1e300)), 0);
            ck_assert(hear(&model, answer, look * 1000));
        }
        wkv_top_end(&model);
    }
    const char *text = frame(120, 24, "");
    check_fits(text, 120, 24);
    ck_assert_msg(strstr(text, "\nlog position 18.4E  lag 18.4Gs  members 3  snapshot 213503d23h old") !=
                      NULL,
                  "%s", text);
}
END_TEST

START_TEST(no_byte_of_an_escape_reaches_the_terminal)
{
    hear_evil(1);
    hear_evil(2);
    const char *text = frame(500, 40, "notice" EVIL);
    check_fits(text, 500, 40);
    ck_assert_ptr_nonnull(strstr(text, "id\\x1b]0;owned\\x07\\x1b[2J"));
    ck_assert_ptr_nonnull(strstr(text, "Op\\x1b]0;owned\\x07\\x1b[2J"));
    ck_assert_ptr_nonnull(strstr(text, "why\\x1b]0;owned\\x07\\x1b[2J"));
    ck_assert_ptr_nonnull(strstr(text, "notice\\x1b]0;owned\\x07\\x1b[2J"));
}
END_TEST

/* Nor does a name make a pair, or a second line, that the instance has not. */
START_TEST(a_line_of_pairs_stays_one)
{
    hear_evil(1);
    hear_evil(2);
    const char *text = lines();
    const char *end = strchr(text, '\n');
    ck_assert_str_eq(end, "\n");
    for (const char *c = text; c < end; c++)
        ck_assert_msg(*c >= ' ' && *c <= '~', "byte %02x", (unsigned char)*c);
    const char *error = strstr(text, " last_error=\"why");
    ck_assert_ptr_nonnull(strstr(text, " instance=id\\x1b]0;owned\\x07\\x1b[2J\\x0a\\x0d\\x7f"));
    ck_assert_ptr_nonnull(strstr(text, "\\xae\\x3d\\x22\\\\x20x state="));
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_eq(strchr(error + sizeof " last_error=\"" - 1, '"'), end - 1);
    for (const char *c = text; c < error; c += strcspn(c, " ") + 1) {
        size_t len = strcspn(c, " "), equal = strcspn(c, "=");
        ck_assert_msg(equal > 0 && equal < len && memchr(c + equal + 1, '=', len - equal - 1) == NULL,
                      "no pair: %.*s", (int)len, c);
    }
}
END_TEST

START_TEST(huge_numbers_stay_in_their_columns)
{
    static const char text[] =
        "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":\"A\","
        "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"default\"},"
        "\"endpoints\":[{\"name\":\"Get\",\"num_requests\":%s,\"num_errors\":%s,"
        "\"data\":{\"p50_ns\":1e300,\"p90_ns\":1e300,\"p99_ns\":1e300,\"p999_ns\":1e300,\"max_ns\":1e300}}],"
        "\"data\":{\"uptime_s\":1e308,\"keys\":1e300,\"kinds\":{\"scalar\":1e300,\"counter\":1e300,"
        "\"list\":1e300,\"set\":1e300},\"bytes\":1e300,\"budget_bytes\":1e300,\"expired\":%s,"
        "\"connections\":{\"open\":1e300,\"reconnects\":1e300}}}";
    static const char *const numbers[] = {"0", "1e300"};
    for (int look = 0; look < 2; look++) {
        char answer[2048];
        int len = snprintf(answer, sizeof answer, text, numbers[look], numbers[look], numbers[look]);
        wkv_top_begin(&model);
        ck_assert(wkv_top_hear(&model, answer, (size_t)len, 1 + look * WKV_NS_PER_MS));
        wkv_top_end(&model);
    }
    ck_assert_str_eq(
        frame(250, 24, ""),
        "wascc-keyvalue top  binding default  1 instance  12:34:56 UTC  ?: help\n"
        "requests 18.4Z/s, 18.4E in all  errors 18.4Z/s, 18.4E in all  expired 18.4Z/s, 18.4E in all\n"
        "latency of start  50% 18.4Gs  90% 18.4Gs  99% 18.4Gs  99.9% 18.4Gs  max 18.4Gs\n"
        "keys 18.4E (scalar 18.4E, counter 18.4E, list 18.4E, set 18.4E)\n"
        "memory 16.0EiB of 16.0EiB (100%)  connections 18.4E, 18.4E reconnects\n"
        "\n"
        "INSTANCE      UP   REQ/S   ERR/S   KEYS    MEMORY OF        P50     P90     P99   P99.9     MAX   "
        "ERRORS    BUDGET  EXPIRE/S  CONN RECONN SCALARS COUNTER   LISTS    SETS LAST ERROR\n"
        "A        213503d23h   18.4Z   18.4Z  18.4E   16.0EiB start  18.4Gs  18.4Gs  18.4Gs  18.4Gs  18.4Gs  "
        "  18.4E   16.0EiB     18.4Z 18.4E  18.4E   18.4E   18.4E   18.4E   18.4E\n"
        "\n"
        "OPERATION    REQ/S   ERR/S OF        P50     P90     P99   P99.9     MAX REQUESTS   ERRORS\n"
        "Get          18.4Z   18.4Z start  18.4Gs  18.4Gs  18.4Gs  18.4Gs  18.4Gs    18.4E    18.4E");
    check_fits(lines(), 4096, 2);
}
END_TEST

/* ---- onto a terminal ---- */

static const char *paint(const char *text, unsigned columns)
{
    struct wkv_buffer plain = {0};
    ck_assert(wkv_buffer_append(&plain, text, strlen(text)));
    wkv_buffer_reset(&out, 0);
    ck_assert(wkv_top_paint(&plain, columns, &out));
    wkv_buffer_destroy(&plain);
    return text_of(&out);
}

/* A full line has nothing behind it to erase, and no line feed follows the last line: it might scroll. */
START_TEST(a_frame_is_painted_over_the_last_one)
{
    ck_assert_str_eq(paint("", 5), "\x1b[H\x1b[J");
    ck_assert_str_eq(paint("ab", 5), "\x1b[H\x1b[Jab");
    ck_assert_str_eq(paint("abcde", 5), "\x1b[H\x1b[Jabcde");
    ck_assert_str_eq(paint("ab\n\nabcde\nc", 5), "\x1b[Hab\x1b[K\r\n\x1b[K\r\nabcde\r\n\x1b[Jc");
}
END_TEST

/* ---- plain lines ---- */

START_TEST(the_first_look_makes_no_line)
{
    wkv_top_begin(&model);
    ck_assert(hear(&model, busy("A", 0, 1), 0));
    wkv_top_end(&model);
    ck_assert_str_eq(lines(), "");
}
END_TEST

START_TEST(each_instance_has_a_line_of_pairs)
{
    two_looks(BOTH_ANSWER);
    ck_assert_str_eq(
        lines(),
        "time=2026-01-31T12:34:56.789Z instance=0AAAAAAAAAAAAAAAAAAAAAAAAA state=serving interval_s=1.000 "
        "requests_per_s=1750.000 requests=1900 errors_per_s=1.000 errors=4 latency_of=minute p50_ns=12001 "
        "p90_ns=24001 p99_ns=36001 p999_ns=48001 max_ns=150001 keys=1000 scalars=994 counters=3 lists=2 "
        "sets=1 memory_bytes=1024000 budget_bytes=67108864 expired_per_s=5.000 expired=5 evicted_per_s=0.000 "
        "evicted=0 connections=3 "
        "reconnects=0 uptime_s=3601.0 op_Get_per_s=250.000 op_Set_per_s=1500.000 last_error=\"409: Get: "
        "error 4\"\n"
        "time=2026-01-31T12:34:56.789Z instance=0BBBBBBBBBBBBBBBBBBBBBBBBB state=serving interval_s=1.000 "
        "requests_per_s=3500.000 requests=3750 errors_per_s=0.000 errors=0 latency_of=minute p50_ns=12001 "
        "p90_ns=24001 p99_ns=36001 p999_ns=48001 max_ns=150001 keys=2000 scalars=1994 counters=3 lists=2 "
        "sets=1 memory_bytes=2048000 budget_bytes=67108864 expired_per_s=5.000 expired=5 evicted_per_s=0.000 "
        "evicted=0 connections=3 "
        "reconnects=0 uptime_s=7201.0 op_Get_per_s=500.000 op_Set_per_s=3000.000\n");
}
END_TEST

START_TEST(a_log_is_in_the_line_of_pairs)
{
    two_looks_at_a_log();
    const char *text = lines();
    ck_assert_msg(strstr(text,
                         " uptime_s=3601.0 position=100 lag_ms=100 appends_per_s=40.000 appends=140 "
                         "operations_an_append=15.000 append_p50_ns=1000100 append_p99_ns=5000000 resends=14 "
                         "members=3 snapshot_position=90 snapshot_age_s=150 waiting_s=0 time_ahead_s=0 "
                         "diverged=0\n") != NULL,
                  "%s", text);
    text = strstr(text, "instance=C");
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(strstr(text, "position") == NULL, "%s", text);
}
END_TEST

START_TEST(one_that_is_gone_has_a_line_that_says_so)
{
    two_looks(FIRST_FALLS_SILENT);
    const char *first = "time=2026-01-31T12:34:56.789Z instance=0AAAAAAAAAAAAAAAAAAAAAAAAA state=gone\n";
    ck_assert_int_eq(strncmp(lines(), first, strlen(first)), 0);
}
END_TEST

/* ---- numbers ---- */

START_TEST(numbers_are_short)
{
    char cell[WKV_TOP_CELL_BYTES];
    ck_assert_str_eq(wkv_top_count(999999, cell), "999999");
    ck_assert_str_eq(wkv_top_count(1000000, cell), "1.0M");
    ck_assert_str_eq(wkv_top_count(UINT64_MAX, cell), "18.4E");
    ck_assert_str_eq(wkv_top_rate(0, cell), "0.0");
    ck_assert_str_eq(wkv_top_rate(999.96, cell), "1000");
    ck_assert_str_eq(wkv_top_rate(1.8e22, cell), "18.0Z");
    ck_assert_str_eq(wkv_top_bytes(1023, cell), "1023B");
    ck_assert_str_eq(wkv_top_bytes(1024, cell), "1.0KiB");
    ck_assert_str_eq(wkv_top_bytes((1 << 20) - 1, cell), "1.0MiB");
    ck_assert_str_eq(wkv_top_bytes(UINT64_MAX, cell), "16.0EiB");
    ck_assert_str_eq(wkv_top_duration(0, cell), "0ns");
    ck_assert_str_eq(wkv_top_duration(999, cell), "999ns");
    ck_assert_str_eq(wkv_top_duration(999999, cell), "1.0ms");
    ck_assert_str_eq(wkv_top_duration(1500000000, cell), "1.5s");
    ck_assert_str_eq(wkv_top_uptime(UINT64_C(59900000000), cell), "59s");
    ck_assert_str_eq(wkv_top_uptime(UINT64_C(3599000000000), cell), "59m59s");
    ck_assert_str_eq(wkv_top_uptime(UINT64_C(3660000000000), cell), "1h01m");
    ck_assert_str_eq(wkv_top_uptime(UINT64_C(90000000000000), cell), "1d01h");
}
END_TEST

Suite *frame_suite(void)
{
    Suite *suite = suite_create("top/frame");
    TCase *tests = tcase_create("frame");
    tcase_add_checked_fixture(tests, open_model, close_model);
    tcase_add_test(tests, a_frame_of_an_ordinary_terminal);
    tcase_add_test(tests, a_frame_of_a_wide_terminal);
    tcase_add_test(tests, a_frame_of_instances_with_one_log);
    tcase_add_test(tests, trouble_with_a_log_is_told);
    tcase_add_test(tests, a_hostile_log_is_shown_as_numbers);
    tcase_add_test(tests, a_frame_after_the_first_look_has_no_rates);
    tcase_add_test(tests, an_instance_that_is_gone_counts_no_more);
    tcase_add_test(tests, without_an_instance_a_frame_is_a_notice);
    tcase_add_test(tests, what_an_instance_does_not_tell_is_a_dash);
    tcase_add_test(tests, a_frame_fits_every_terminal);
    tcase_add_test(tests, a_line_is_cut_between_words);
    tcase_add_test(tests, a_full_head_goes_on_in_the_next_row);
    tcase_add_test(tests, ids_are_shortened_as_long_as_they_differ);
    tcase_add_test(tests, many_instances_leave_room_for_the_operations);
    tcase_add_test(tests, operations_without_room_are_counted);
    tcase_add_loop_test(tests, a_key_chooses_the_order, 0, sizeof orders / sizeof orders[0]);
    tcase_add_test(tests, the_help_tells_every_key);
    tcase_add_test(tests, no_byte_of_an_escape_reaches_the_terminal);
    tcase_add_test(tests, a_line_of_pairs_stays_one);
    tcase_add_test(tests, huge_numbers_stay_in_their_columns);
    tcase_add_test(tests, a_frame_is_painted_over_the_last_one);
    tcase_add_test(tests, the_first_look_makes_no_line);
    tcase_add_test(tests, each_instance_has_a_line_of_pairs);
    tcase_add_test(tests, a_log_is_in_the_line_of_pairs);
    tcase_add_test(tests, one_that_is_gone_has_a_line_that_says_so);
    tcase_add_test(tests, numbers_are_short);
    suite_add_tcase(suite, tests);
    return suite;
}
