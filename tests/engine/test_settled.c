/* What waits for a record that is being applied, where that cannot be ended: there is no memory for the rest
 * of it. Leaks are the sanitizers' to find. */
#include <check.h>
#include <stdlib.h>

#include "journal/parts.h"

static void wake(void *context)
{
    (void)context;
}

/* A write, a read beside it, and a write that had been done before the memory was short. */
enum { WRITE, READ, DONE, TICKETS };

struct waiting {
    struct wkv_journal journal;
    struct wkv_journal_part part;
    struct wkv_ticket tickets[TICKETS];
    struct wkv_error errors[TICKETS];
};

static void begin(struct waiting *waiting)
{
    waiting->part.wake = (struct wkv_engine_wake){wake, NULL};
    wkv_tickets_init(&waiting->part.done);
    (void)pthread_mutex_init(&waiting->part.lock, NULL);
    wkv_tickets_init(&waiting->journal.waiting);
    waiting->journal.settled = wkv_journal_batch_make(1);
    ck_assert_ptr_nonnull(waiting->journal.settled);
    for (int i = 0; i < TICKETS; i++) {
        struct wkv_ticket *ticket = &waiting->tickets[i];
        wkv_command_begin(&ticket->command, &wkv_operations[0], 0);
        ticket->part = &waiting->part;
        ticket->batch = waiting->journal.settled;
        ticket->error = &waiting->errors[i];
        ticket->index = i == READ ? WKV_NO_INDEX : (uint32_t)i;
        ticket->way = i == READ ? WKV_WAY_READ : i == DONE ? WKV_WAY_ANSWERED : WKV_WAY_WRITE;
        atomic_fetch_add(&waiting->journal.settled->left, 1);
        wkv_tickets_add(&waiting->journal.settled->tickets, ticket);
    }
}

/* "504 where its fate is not known"; nobody is left without an answer. */
START_TEST(is_answered_where_the_record_cannot_be_done)
{
    static struct waiting waiting;
    struct wkv_ticket *ticket;
    int answered = 0;
    begin(&waiting);
    wkv_journal_answer_all(&waiting.journal);
    ck_assert_ptr_null(waiting.journal.settled);
    for (; (ticket = wkv_tickets_take(&waiting.part.done)) != NULL; answered++) {
        ck_assert_int_eq(ticket->way, WKV_WAY_REFUSED);
        wkv_journal_batch_release(ticket->batch);
    }
    ck_assert_int_eq(answered, TICKETS);
    ck_assert_int_eq(waiting.errors[WRITE].code, WKV_UNKNOWN_FATE);
    ck_assert_int_eq(waiting.errors[READ].code, WKV_UNAVAILABLE);
    ck_assert_int_eq(waiting.errors[DONE].code, WKV_UNKNOWN_FATE);
    (void)pthread_mutex_destroy(&waiting.part.lock);
}
END_TEST

Suite *settled_suite(void)
{
    Suite *suite = suite_create("engine/settled");
    TCase *tcase = tcase_create("settled");
    tcase_add_test(tcase, is_answered_where_the_record_cannot_be_done);
    suite_add_tcase(suite, tcase);
    return suite;
}
