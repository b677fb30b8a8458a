/* Once only, without NATS: what is remembered, where it is counted, and that memory never runs short between
 * a change and its note. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lib/store_once.h"
#include "operation/once.h"

#define SECOND INT64_C(1000000000)
#define NOW (1000 * SECOND)
#define ACTOR_A "MA"

static struct wkv_arena arena;
static struct wkv_buffer buffer, scratch;
static struct wkv_store *store;
static struct wkv_limits limits;
static struct wkv_error error;

static void open_store(uint64_t max_memory_bytes)
{
    struct wkv_store_options options = {.shards = 1, .max_memory_bytes = max_memory_bytes};
    wkv_store_destroy(store);
    store = wkv_store_create(&options, NOW);
    ck_assert_ptr_nonnull(store);
}

static void set_up(void)
{
    ck_assert(wkv_arena_init(&arena, 65536, 65536));
    wkv_buffer_init(&buffer);
    wkv_buffer_init(&scratch);
    limits = (struct wkv_limits){.max_key_bytes = WKV_DEFAULT_MAX_KEY_BYTES,
                                 .max_value_bytes = WKV_DEFAULT_MAX_VALUE_BYTES,
                                 .max_reply_bytes = 1 << 20,
                                 .scratch = &scratch};
    open_store(0);
}

static void tear_down(void)
{
    wkv_buffer_destroy(&buffer);
    wkv_buffer_destroy(&scratch);
    wkv_arena_destroy(&arena);
    wkv_store_destroy(store);
    store = NULL;
}

struct asked {
    const char *actor, *operation, *id, *json;
    size_t id_len; /* 0: of the string */
    int64_t now_ns;
    size_t room;
};

/* What came back: the reply, with "again " in front where it is an earlier one, or "<code> <text>". */
static const char *once(const struct asked *asked)
{
    static char text[512];
    struct wkv_command command = {.operation = wkv_operation_find(asked->operation)};
    struct wkv_once once = {.window_ns = 2 * SECOND};
    struct wkv_text payload = {asked->json, strlen(asked->json)};
    struct wkv_once_request request = {
        .actor = {asked->actor == NULL ? ACTOR_A : asked->actor,
                  strlen(asked->actor == NULL ? ACTOR_A : asked->actor)},
        .id = {asked->id, asked->id_len == 0 ? strlen(asked->id) : asked->id_len},
        .payload = payload};
    struct wkv_sink sink;
    wkv_arena_reset(&arena);
    wkv_buffer_reset(&buffer, 0);
    enum wkv_code code = wkv_command_decode(&command, payload, WKV_FORM_DETECTED, &limits, &arena, &error);
    if (code == WKV_OK)
        code = wkv_command_check(&command, &limits, &arena, &error);
    if (code == WKV_OK)
        code = wkv_once_prepare(&once, &request, &command, &arena, &error);
    if (code == WKV_OK) {
        wkv_sink_begin(&sink, command.operation->reply, command.encoding, &buffer,
                       asked->room == 0 ? limits.max_reply_bytes : asked->room);
        sink.error = &error;
        sink.who = asked->operation;
        code = wkv_once_execute(&once, &command, &limits, store, asked->now_ns == 0 ? NOW : asked->now_ns,
                                &sink);
    }
    if (code == WKV_OK)
        (void)snprintf(text, sizeof text, "%s%.*s", once.duplicate ? "again " : "", (int)buffer.len,
                       buffer.data);
    else
        (void)snprintf(text, sizeof text, "%d %s", (int)code, error.text);
    return text;
}

#define ONCE(...) once(&(struct asked){__VA_ARGS__})

static struct wkv_store_stats stats(void)
{
    struct wkv_store_stats stats;
    wkv_store_stats(store, &stats);
    return stats;
}

static bool exists(const char *key)
{
    return wkv_store_exists(store, (struct wkv_key){0, {key, strlen(key)}}, NOW, NULL) == WKV_STORE_OK;
}

static void delete_key(const char *key)
{
    (void)wkv_store_delete(store, (struct wkv_key){0, {key, strlen(key)}}, NOW);
}

#define ADD .operation = "Add", .json = "{\"key\":\"k\",\"value\":1}"

START_TEST(what_was_done_is_answered_again_until_its_time_is_over)
{
    ck_assert_str_eq(ONCE(ADD, .id = "1"), "{\"value\":1}");
    ck_assert_str_eq(ONCE(ADD, .id = "1", .now_ns = NOW + SECOND), "again {\"value\":1}");
    ck_assert_str_eq(ONCE(ADD, .id = "2"), "{\"value\":2}");
    ck_assert_str_eq(ONCE(ADD, .id = "1", .now_ns = NOW + 2 * SECOND - 1), "again {\"value\":1}");
    ck_assert_str_eq(ONCE(ADD, .id = "1", .now_ns = NOW + 2 * SECOND), "{\"value\":3}");
    while (wkv_store_maintain(store, NOW + 10 * SECOND, 1000))
        continue;
    uint64_t bytes = stats().bytes;
    (void)ONCE(ADD, .id = "3", .now_ns = NOW + 10 * SECOND);
    ck_assert_uint_gt(stats().bytes, bytes);
    while (wkv_store_maintain(store, NOW + 20 * SECOND, 1000))
        continue;
    ck_assert_uint_eq(stats().bytes, bytes);
}
END_TEST

/* Neither part of a note's key runs into the next. */
START_TEST(an_id_is_of_one_actor_and_one_operation)
{
    static const char push[] = "{\"key\":\"l\",\"value\":\"v\"}";
    ck_assert_str_eq(ONCE(.operation = "Push", .json = push, .id = "1"), "{\"new_count\":1}");
    ck_assert_str_eq(ONCE(.operation = "Push", .json = push, .id = "1", .actor = "MB"), "{\"new_count\":2}");
    ck_assert_str_eq(ONCE(.operation = "Push", .json = push, .id = "1\0", .id_len = 2), "{\"new_count\":3}");
    ck_assert_str_eq(ONCE(.operation = "ListItemDelete", .json = push, .id = "1"), "{\"new_count\":0}");
    ck_assert_str_eq(ONCE(.operation = "Push", .json = push, .id = "1"), "again {\"new_count\":1}");
    ck_assert(!exists("l"));
}
END_TEST

START_TEST(another_payload_is_refused_and_what_was_refused_is_forgotten)
{
    ck_assert_str_eq(ONCE(.operation = "Set", .json = "{\"key\":\"s\",\"value\":\"2147483647\"}", .id = "1"),
                     "{\"value\":\"2147483647\"}");
    const char *refused = ONCE(.operation = "Set", .json = "{\"key\":\"s\",\"value\":\"x\"}", .id = "1");
    ck_assert_msg(strncmp(refused, "400 Set: ", 9) == 0 && strstr(refused, "Nats-Msg-Id") != NULL, "%s",
                  refused);
    refused = ONCE(.operation = "Set", .json = "{\"key\":\"s\",\"value\":\"2147483647\" }", .id = "1");
    ck_assert_msg(strncmp(refused, "400 ", 4) == 0, "%s", refused);
    refused = ONCE(.operation = "Add", .json = "{\"key\":\"s\",\"value\":1}", .id = "1");
    ck_assert_msg(strncmp(refused, "400 ", 4) == 0, "%s", refused);
    delete_key("s");
    ck_assert_str_eq(ONCE(.operation = "Add", .json = "{\"key\":\"s\",\"value\":1}", .id = "1"),
                     "{\"value\":1}");
    refused = ONCE(.operation = "Push", .json = "{\"key\":\"s\",\"value\":\"v\"}", .id = "1");
    ck_assert_msg(strncmp(refused, "409 ", 4) == 0, "%s", refused);
}
END_TEST

/* A compare that changes nothing tells more than any write. */
START_TEST(the_answer_of_a_compare_is_remembered_whole)
{
    static char request[6000], expected[5100];
    char value[5001];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    (void)snprintf(request, sizeof request, "{\"key\":\"k\",\"value\":\"%s\"}", value);
    (void)ONCE(.operation = "Set", .json = request, .id = "1");
    for (int i = 0; i < 2; i++) {
        const char *said =
            ONCE(.operation = "CompareAndSet", .json = "{\"key\":\"k\",\"value\":\"w\"}", .id = "1");
        ck_assert_int_eq(strncmp(said, "again ", 6) == 0, i);
        (void)snprintf(expected, sizeof expected, "{\"swapped\":false,\"exists\":true,\"current\":\"%s\"}",
                       value);
        ck_assert_uint_eq(buffer.len, strlen(expected));
        ck_assert_int_eq(memcmp(buffer.data, expected, buffer.len), 0);
        delete_key("k");
    }
    /* Where it is larger than it may be it is refused, and not remembered. */
    (void)ONCE(.operation = "Set", .json = request, .id = "2");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            strncmp(ONCE(.operation = "CompareAndDelete", .json = "{\"key\":\"k\"}", .id = "2", .room = 100),
                    "413 ", 4),
            0);
    (void)ONCE(.operation = "CompareAndDelete", .json = "{\"key\":\"k\"}", .id = "3");
    ck_assert_int_eq(
        strncmp(ONCE(.operation = "CompareAndDelete", .json = "{\"key\":\"k\"}", .id = "3", .room = 100),
                "413 ", 4),
        0);
}
END_TEST

/* An item is taken only if its answer can be remembered. */
START_TEST(the_answer_of_a_pop_is_remembered_whole)
{
    static char request[6000], expected[5100];
    char value[5001];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    (void)snprintf(request, sizeof request, "{\"key\":\"l\",\"value\":\"%s\"}", value);
    (void)ONCE(.operation = "Push", .json = request, .id = "1");
    (void)ONCE(.operation = "Push", .json = request, .id = "2");
    ck_assert_int_eq(
        strncmp(ONCE(.operation = "Pop", .json = "{\"key\":\"l\"}", .id = "1", .room = 5000), "413 ", 4), 0);
    for (int i = 0; i < 2; i++) {
        const char *said = ONCE(.operation = "Pop", .json = "{\"key\":\"l\"}", .id = "1");
        ck_assert_int_eq(strncmp(said, "again ", 6) == 0, i);
        (void)snprintf(expected, sizeof expected, "{\"exists\":true,\"value\":\"%s\",\"new_count\":1}",
                       value);
        ck_assert_uint_eq(buffer.len, strlen(expected));
        ck_assert_int_eq(memcmp(buffer.data, expected, buffer.len), 0);
    }
    (void)ONCE(.operation = "Pop", .json = "{\"key\":\"l\"}", .id = "2");
    ck_assert(!exists("l"));
    ck_assert_str_eq(ONCE(.operation = "Pop", .json = "{\"key\":\"l\"}", .id = "3"),
                     "{\"exists\":false,\"value\":\"\",\"new_count\":0}");
}
END_TEST

START_TEST(notes_are_no_keys)
{
    struct wkv_changes_options options = {.values = true};
    struct wkv_changes *changes = wkv_changes_open(store, &options);
    ck_assert_ptr_nonnull(changes);
    (void)ONCE(ADD, .id = "1");
    struct wkv_store_stats now = stats();
    ck_assert_uint_eq(now.keys, 1);
    ck_assert_uint_eq(now.keys_by_kind[WKV_SCALAR], 0);
    ck_assert_uint_eq(now.keys_by_kind[WKV_COUNTER], 1);
    ck_assert_uint_eq(now.shard_keys_max, 1);
    delete_key("k");
    while (wkv_store_maintain(store, NOW + 10 * SECOND, 1000))
        continue;
    now = stats();
    ck_assert_uint_eq(now.keys, 0);
    ck_assert_uint_eq(now.keys_by_kind[WKV_SCALAR], 0);
    ck_assert_uint_eq(now.expired, 0);
    wkv_changes_close(changes);
}
END_TEST

static void count_change(void *context, const struct wkv_change *change)
{
    ck_assert_uint_eq(change->key.keyspace, 0);
    (*(int *)context)++;
}

START_TEST(notes_are_no_changes)
{
    struct wkv_changes_options options = {.values = true};
    struct wkv_changes *changes = wkv_changes_open(store, &options);
    int count = 0;
    (void)ONCE(ADD, .id = "1");
    (void)ONCE(ADD, .id = "1");
    (void)ONCE(.operation = "Push", .json = "{\"key\":\"k\",\"value\":\"v\"}", .id = "1");
    while (wkv_store_maintain(store, NOW + 10 * SECOND, 1000))
        continue;
    wkv_changes_take(changes, count_change, &count);
    ck_assert_int_eq(count, 1);
    wkv_changes_close(changes);
}
END_TEST

START_TEST(an_id_has_a_bound)
{
    static char id[WKV_ONCE_MAX_ID_BYTES + 2];
    memset(id, 'i', sizeof id - 1);
    const char *refused = ONCE(ADD, .id = id);
    ck_assert_msg(strncmp(refused, "400 Add: ", 9) == 0 && strstr(refused, "at most 32768") != NULL, "%s",
                  refused);
    ck_assert(!exists("k"));
    id[WKV_ONCE_MAX_ID_BYTES] = '\0';
    ck_assert_str_eq(ONCE(ADD, .id = id), "{\"value\":1}");
    ck_assert_str_eq(ONCE(ADD, .id = id), "again {\"value\":1}");
    static char actor[WKV_STORE_MAX_KEY_BYTES - WKV_ONCE_MAX_ID_BYTES];
    memset(actor, 'M', sizeof actor - 1);
    refused = ONCE(ADD, .id = id, .actor = actor);
    ck_assert_msg(strncmp(refused, "400 Add: ", 9) == 0, "%s", refused);
}
END_TEST

/* Each budget from one that has room for nothing to one that has for all: a write is done and remembered, or
 * refused with nothing changed. */
static const struct {
    const char *operation, *json, *before; /* before: what the key holds, put there without an id */
} tight[] = {
    {"Add", "{\"key\":\"k\",\"value\":1}", NULL},
    {"Del", "{\"key\":\"k\"}", "some value"},
    {"Set", "{\"key\":\"k\",\"value\":\"a longer one than there was\"}", "short"},
    {"Push", "{\"key\":\"k\",\"value\":\"item\"}", NULL},
    {"SetAdd", "{\"key\":\"k\",\"value\":\"member\"}", NULL},
    {"CompareAndSet", "{\"key\":\"k\",\"value\":\"w\"}",
     "what there is, more than a number takes, and more than that"},
    {"Pop", "{\"key\":\"k\"}", "an item that is larger than all the numbers of a reply would be together"},
    {"CompareAndDelete", "{\"key\":\"k\",\"expected\":\"v\"}", "v"},
};

static uint64_t empty_bytes(void)
{
    open_store(0);
    return stats().bytes;
}

START_TEST(memory_is_never_short_between_a_change_and_its_note)
{
    const char *before = tight[_i].before;
    const struct wkv_key key = {0, {"k", 1}};
    const struct wkv_text value = {before, before == NULL ? 0 : strlen(before)};
    uint64_t least = empty_bytes();
    int done = 0, refused = 0;
    bool is_pop = strcmp(tight[_i].operation, "Pop") == 0;
    for (uint64_t budget = least; done < 50; budget += 40) {
        open_store(budget);
        int32_t length;
        if (before != NULL && (is_pop ? wkv_store_list_push(store, key, value, NOW, &length)
                                      : wkv_store_set(store, key, value, 0, NOW)) != WKV_STORE_OK)
            continue;
        struct wkv_store_stats then = stats();
        const char *said = ONCE(.operation = tight[_i].operation, .json = tight[_i].json, .id = "1");
        if (strncmp(said, "507 ", 4) == 0) {
            refused++;
            ck_assert_msg(done == 0, "%s", said);
            ck_assert_uint_eq(stats().keys, then.keys);
            ck_assert_int_eq(exists("k"), before != NULL);
            continue;
        }
        done++;
        ck_assert_msg(said[0] == '{', "%s", said);
        char first[512];
        (void)snprintf(first, sizeof first, "again %s", said);
        delete_key("k");
        ck_assert_str_eq(ONCE(.operation = tight[_i].operation, .json = tight[_i].json, .id = "1"), first);
        ck_assert(!exists("k"));
    }
    ck_assert_int_gt(refused, 0);
}
END_TEST

#define POP .operation = "Pop", .json = "{\"key\":\"q\"}"

static uint64_t length_of_queue(void)
{
    struct wkv_store_info info = {.length = 0};
    (void)wkv_store_inspect(store, (struct wkv_key){0, {"q", 1}}, NOW, &info);
    return info.length;
}

/* Its reply is as large as the item, and is remembered before the item goes. */
START_TEST(an_item_whose_reply_cannot_be_remembered_is_not_popped)
{
    static char item[400 << 10];
    int32_t length;
    memset(item, 'x', sizeof item);
    open_store(1 << 20);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(wkv_store_list_push(store, (struct wkv_key){0, {"q", 1}},
                                             (struct wkv_text){item, sizeof item}, NOW, &length),
                         WKV_STORE_OK);
    ck_assert_ptr_nonnull(strstr(ONCE(POP, .id = "1"), "Nats-Msg-Id could not be remembered"));
    ck_assert_uint_eq(length_of_queue(), 2);
    limits.max_reply_bytes = sizeof item;
    ck_assert_ptr_nonnull(strstr(ONCE(POP, .id = "1"), "max_payload"));
    ck_assert_uint_eq(length_of_queue(), 2);
    limits.max_reply_bytes = 1 << 20;
    open_store(1 << 20);
    ck_assert_int_eq(wkv_store_list_push(store, (struct wkv_key){0, {"q", 1}},
                                         (struct wkv_text){item, sizeof item}, NOW, &length),
                     WKV_STORE_OK);
    ck_assert_int_eq(strncmp(ONCE(POP, .id = "1"), "{\"exists\":true,\"value\":\"xxx", 27), 0);
    ck_assert_int_eq(strncmp(ONCE(POP, .id = "1"), "again {\"exists\":true,\"value\":\"xxx", 33), 0);
    ck_assert_uint_eq(length_of_queue(), 0);
}
END_TEST

Suite *once_suite(void)
{
    Suite *suite = suite_create("operation/once");
    TCase *tests = tcase_create("once");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_was_done_is_answered_again_until_its_time_is_over);
    tcase_add_test(tests, an_id_is_of_one_actor_and_one_operation);
    tcase_add_test(tests, another_payload_is_refused_and_what_was_refused_is_forgotten);
    tcase_add_test(tests, the_answer_of_a_compare_is_remembered_whole);
    tcase_add_test(tests, the_answer_of_a_pop_is_remembered_whole);
    tcase_add_test(tests, notes_are_no_keys);
    tcase_add_test(tests, notes_are_no_changes);
    tcase_add_test(tests, an_id_has_a_bound);
    tcase_add_loop_test(tests, memory_is_never_short_between_a_change_and_its_note, 0,
                        (int)(sizeof tight / sizeof tight[0]));
    tcase_add_test(tests, an_item_whose_reply_cannot_be_remembered_is_not_popped);
    suite_add_tcase(suite, tests);
    return suite;
}
