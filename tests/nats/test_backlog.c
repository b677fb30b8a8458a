/* What waits, and in which order it comes out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "nats/backlog.h"

static struct wkv_backlog backlog;

static void set_up(void)
{
    wkv_backlog_init(&backlog);
}

static void tear_down(void)
{
    wkv_backlog_destroy(&backlog);
}

/* A message is a text whose first letter is its sender. */
static uint64_t key_of(void *context, void *message, void *from)
{
    ck_assert_ptr_eq(context, &backlog);
    ck_assert_ptr_eq(from, message);
    return (uint64_t) * (const char *)message;
}

static void push(const char *text)
{
    struct wkv_backlog_item item = {.message = (void *)text, .from = (void *)text, .bytes = strlen(text)};
    ck_assert(wkv_backlog_push(&backlog, &item, (uint64_t)*text));
}

static void check_pop(const char *expected)
{
    struct wkv_backlog_item item;
    const struct wkv_backlog_item *next[3];
    size_t ahead = wkv_backlog_look(&backlog, next, 3);
    ck_assert_uint_eq(ahead, backlog.shared ? 1 : backlog.count < 3 ? backlog.count : 3);
    ck_assert_str_eq(next[0]->message, expected);
    ck_assert(wkv_backlog_pop(&backlog, &item));
    ck_assert_str_eq(item.message, expected);
}

static void check_empty(void)
{
    struct wkv_backlog_item item;
    const struct wkv_backlog_item *next;
    ck_assert_uint_eq(wkv_backlog_look(&backlog, &next, 1), 0);
    ck_assert(!wkv_backlog_pop(&backlog, &item) && !wkv_backlog_pop_heaviest(&backlog, &item));
    ck_assert_uint_eq(backlog.count, 0);
    ck_assert_uint_eq(backlog.bytes, 0);
}

START_TEST(unshared_it_is_one_queue)
{
    static const char *const texts[] = {"a1", "a2", "b1", "a3", "c1"};
    check_empty();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 5; i++)
            push(texts[i]);
        ck_assert_uint_eq(backlog.count, 5);
        ck_assert_uint_eq(backlog.bytes, 10);
        for (size_t i = 0; i < 5; i++)
            check_pop(texts[i]);
        check_empty();
    }
}
END_TEST

START_TEST(shared_it_goes_round_the_senders)
{
    wkv_backlog_share(&backlog, key_of, &backlog);
    ck_assert(!backlog.shared); /* nothing is there to share */
    push("a1");
    push("a2");
    push("a3");
    push("b1");
    check_pop("a1");
    wkv_backlog_share(&backlog, key_of, &backlog);
    push("c1");
    push("a4");
    check_pop("a2");
    check_pop("b1");
    check_pop("c1");
    check_pop("a3");
    push("b2");
    check_pop("a4");
    check_pop("b2");
    check_empty();
    ck_assert(!backlog.shared);
}
END_TEST

START_TEST(the_oldest_of_the_heaviest_goes_first)
{
    struct wkv_backlog_item item;
    push("a1");
    push("b1 is long");
    push("c1");
    push("b2 is too");
    push("c2 is longest of them all");
    wkv_backlog_share(&backlog, key_of, &backlog);
    static const char *const order[] = {"c1", "c2 is longest of them all", "b1 is long", "b2 is too", "a1"};
    for (size_t i = 0; i < 5; i++) {
        ck_assert(wkv_backlog_pop_heaviest(&backlog, &item));
        ck_assert_str_eq(item.message, order[i]);
    }
    check_empty();
}
END_TEST

/* Beside a plain model: every item comes out once, each sender's in order, none waits more than a round. */
START_TEST(nothing_is_lost_and_nobody_is_passed_over)
{
    enum { SENDERS = 40, STEPS = 40000 };
    static size_t sent[SENDERS], seen[SENDERS], passed[SENDERS];
    static struct message {
        char sender;
        size_t number;
    } messages[STEPS];
    size_t count = 0, popped = 0;
    srand(1);
    for (size_t step = 0; step < STEPS || backlog.count > 0; step++) {
        if (count < STEPS && rand() % 8 < 5) {
            int sender = rand() % 3 == 0 ? rand() % SENDERS : 0;
            messages[count] = (struct message){(char)sender, sent[sender]++};
            struct wkv_backlog_item item = {
                .message = &messages[count], .from = &messages[count], .bytes = (size_t)rand() % 100};
            ck_assert(wkv_backlog_push(&backlog, &item, (uint64_t)sender));
            count++;
        }
        if (rand() % 50 == 0)
            wkv_backlog_share(&backlog, key_of, &backlog);
        struct wkv_backlog_item item;
        bool fair = backlog.shared;
        if (rand() % 2 == 0 || !wkv_backlog_pop(&backlog, &item))
            continue;
        const struct message *message = item.message;
        ck_assert_uint_eq(message->number, seen[(size_t)message->sender]++);
        popped++;
        for (size_t i = 0; i < SENDERS; i++)
            passed[i] = !fair || i == (size_t)message->sender || sent[i] == seen[i] ? 0 : passed[i] + 1;
        for (size_t i = 0; i < SENDERS; i++)
            ck_assert_uint_le(passed[i], SENDERS);
    }
    ck_assert_uint_eq(popped, count);
    check_empty();
}
END_TEST

Suite *backlog_suite(void)
{
    Suite *suite = suite_create("nats/backlog");
    TCase *tests = tcase_create("backlog");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, unshared_it_is_one_queue);
    tcase_add_test(tests, shared_it_goes_round_the_senders);
    tcase_add_test(tests, the_oldest_of_the_heaviest_goes_first);
    tcase_add_test(tests, nothing_is_lost_and_nobody_is_passed_over);
    suite_add_tcase(suite, tests);
    return suite;
}
