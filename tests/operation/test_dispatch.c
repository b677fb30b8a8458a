/* Dispatch without NATS: what only shows from the inside. The meanings themselves are checked over the wire,
 * in tests/integration. */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/provider.h"
#include "keyvalue.pb-c.h"
#include "lib/dispatch.h"
#include "lib/store_once.h"
#include "source_dir.h"
#include "support/clock.h"

#define MAX_PAYLOAD ((size_t)1024 * 1024)

static struct wkv_provider provider;
static struct wkv_session session;
static struct wkv_error error;
static struct wkv_text reply;
static struct wkv_text caller = {"MACTOR", 6};
static const struct wkv_text of_system = {"system", 6};

static void set_up(void)
{
    struct wkv_store_options options = {0};
    provider.store = wkv_store_create(&options, 0);
    provider.max_key_bytes = WKV_DEFAULT_MAX_KEY_BYTES;
    provider.max_value_bytes = WKV_DEFAULT_MAX_VALUE_BYTES;
    ck_assert_ptr_nonnull(provider.store);
    provider.bindings = wkv_bindings_create("default");
    provider.binding = "default";
    provider.instance = "INSTANCE";
    provider.auth = WKV_AUTH_NONE;
    ck_assert_ptr_nonnull(provider.bindings);
    ck_assert(wkv_session_init(&session, &provider));
}

static void tear_down(void)
{
    wkv_session_destroy(&session);
    wkv_bindings_destroy(provider.bindings);
    wkv_store_destroy(provider.store);
}

static enum wkv_code dispatch(const char *operation, const void *payload, size_t len, size_t max_reply,
                              int64_t now_ns)
{
    struct wkv_request request = {.operation = wkv_operation_find(operation),
                                  .actor = caller,
                                  .payload = payload,
                                  .payload_bytes = len,
                                  .max_reply_bytes = max_reply,
                                  .now_ns = now_ns};
    ck_assert_ptr_nonnull(request.operation);
    return dispatch_request(&session, &request, &reply, &error);
}

/* Sends JSON and says what came back: the reply, or "<code> <text>". */
static const char *answer(const char *operation, const char *json, int64_t now_ns)
{
    static char text[4096];
    if (dispatch(operation, json, strlen(json), MAX_PAYLOAD, now_ns) == WKV_OK)
        (void)snprintf(text, sizeof text, "%.*s", (int)reply.len, reply.data);
    else
        (void)snprintf(text, sizeof text, "%d %s", (int)error.code, error.text);
    return text;
}

START_TEST(an_operation_is_a_function_of_store_request_and_now)
{
    int64_t second = WKV_NS_PER_S;
    ck_assert_str_eq(answer("Set", "{\"key\":\"a\",\"value\":\"v\",\"expires_s\":10}", 5 * second),
                     "{\"value\":\"v\"}");
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}", 15 * second - 1), "{\"value\":\"v\",\"exists\":true}");
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}", 15 * second), "{\"value\":\"\",\"exists\":false}");
}
END_TEST

START_TEST(a_time_to_live_has_milliseconds_and_can_be_kept)
{
    const int64_t ms = WKV_NS_PER_MS, start = 1000 * ms;
    static const char swapped[] = "{\"swapped\":true,\"exists\":true,\"current\":\"\"}";
    ck_assert_str_eq(answer("CompareAndSet", "{\"key\":\"a\",\"value\":\"w\",\"expires_ms\":1500}", start),
                     swapped);
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start),
                     "{\"exists\":true,\"expires_in_ms\":1500}");
    ck_assert_str_eq(answer("CompareAndSet",
                            "{\"key\":\"a\",\"value\":\"x\",\"expected\":\"w\",\"keep_expiry\":true}",
                            start + 600 * ms),
                     swapped);
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start + 1500 * ms - 1),
                     "{\"exists\":true,\"expires_in_ms\":1}");
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start + 1500 * ms),
                     "{\"exists\":false,\"expires_in_ms\":0}");
    /* What has expired is missing. */
    ck_assert_str_eq(
        answer("CompareAndSet", "{\"key\":\"a\",\"value\":\"y\",\"expected\":\"x\"}", start + 1500 * ms),
        "{\"swapped\":false,\"exists\":false,\"current\":\"\"}");
    ck_assert_str_eq(
        answer("CompareAndSet", "{\"key\":\"a\",\"value\":\"y\",\"expires_ms\":10}", start + 1500 * ms),
        swapped);
    ck_assert_str_eq(
        answer("CompareAndSet", "{\"key\":\"a\",\"value\":\"z\",\"expected\":\"y\"}", start + 1501 * ms),
        swapped);
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start + 1501 * ms),
                     "{\"exists\":true,\"expires_in_ms\":0}");
    /* As long as there can be. */
    ck_assert_str_eq(answer("CompareAndSet",
                            "{\"key\":\"b\",\"value\":\"v\",\"expires_ms\":9223372036854775807}",
                            (int64_t)1 << 60),
                     swapped);
    ck_assert_str_eq(answer("Get", "{\"key\":\"b\"}", ((int64_t)1 << 60) + ((int64_t)1 << 60)),
                     "{\"value\":\"v\",\"exists\":true}");
}
END_TEST

/* Each kind, made at `start`, lives 1500 ms from a second later on. */
START_TEST(expire_sets_the_time_to_live_of_any_kind)
{
    static const char *const makers[][2] = {{"Set", "{\"key\":\"k\",\"value\":\"v\"}"},
                                            {"Set", "{\"key\":\"k\",\"value\":\"v\",\"expires_s\":2}"},
                                            {"Increment", "{\"key\":\"k\",\"delta\":4294967296}"},
                                            {"Push", "{\"key\":\"k\",\"value\":\"v\"}"},
                                            {"SetAdd", "{\"key\":\"k\",\"value\":\"v\"}"}};
    const int64_t ms = WKV_NS_PER_MS;
    int64_t start = 1000 * ms;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++, start += 10000 * ms) {
        (void)answer(makers[i][0], makers[i][1], start);
        ck_assert_str_eq(answer("Expire", "{\"key\":\"k\",\"expires_ms\":1500}", start + 1000 * ms),
                         "{\"exists\":true}");
        ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"k\"}", start + 1000 * ms),
                         "{\"exists\":true,\"expires_in_ms\":1500}");
        ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"k\"}", start + 2500 * ms - 1),
                         "{\"exists\":true,\"expires_in_ms\":1}");
        ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"k\"}", start + 2500 * ms),
                         "{\"exists\":false,\"expires_in_ms\":0}");
        ck_assert_str_eq(answer("Expire", "{\"key\":\"k\",\"expires_ms\":1}", start + 2500 * ms),
                         "{\"exists\":false}");
    }
}
END_TEST

START_TEST(set_has_milliseconds_and_keeps_an_expiry)
{
    const int64_t ms = WKV_NS_PER_MS, start = 1000 * ms;
    (void)answer("Set", "{\"key\":\"a\",\"value\":\"1\",\"expires_ms\":1500}", start);
    (void)answer("Set", "{\"key\":\"a\",\"value\":\"a longer one\",\"keep_expiry\":true}", start + 600 * ms);
    (void)answer("Set", "{\"key\":\"a\",\"value\":\"2\",\"keep_expiry\":true}", start + 600 * ms);
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start + 600 * ms),
                     "{\"exists\":true,\"expires_in_ms\":900}");
    ck_assert_str_eq(answer("Increment", "{\"key\":\"a\",\"delta\":1}", start + 700 * ms), "{\"value\":3}");
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start + 1499 * ms),
                     "{\"exists\":true,\"expires_in_ms\":1}");
    /* The expiry of what has expired is not kept. */
    (void)answer("Set", "{\"key\":\"a\",\"value\":\"3\",\"keep_expiry\":true}", start + 1500 * ms);
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start + 1500 * ms),
                     "{\"exists\":true,\"expires_in_ms\":0}");
    /* As long as the clock runs. */
    (void)answer("Expire", "{\"key\":\"a\",\"expires_ms\":9223372036854775807}", start);
    ck_assert_str_eq(answer("TimeToLive", "{\"key\":\"a\"}", start),
                     "{\"exists\":true,\"expires_in_ms\":9223372035855}");
}
END_TEST

START_TEST(the_longest_expiry_is_no_overflow)
{
    int64_t now_ns = (int64_t)1 << 60; /* 36 years of uptime */
    ck_assert_str_eq(answer("Set", "{\"key\":\"a\",\"value\":\"v\",\"expires_s\":2147483647}", now_ns),
                     "{\"value\":\"v\"}");
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}", now_ns + (int64_t)2147483646 * WKV_NS_PER_S),
                     "{\"value\":\"v\",\"exists\":true}");
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}", now_ns + (int64_t)2147483647 * WKV_NS_PER_S),
                     "{\"value\":\"\",\"exists\":false}");
}
END_TEST

START_TEST(a_reply_that_does_not_fit_changes_nothing)
{
    ck_assert_str_eq(answer("Set", "{\"key\":\"a\",\"value\":\"old\"}", 1), "{\"value\":\"old\"}");
    const char *set = "{\"key\":\"a\",\"value\":\"0123456789\"}";
    ck_assert_int_eq(dispatch("Set", set, strlen(set), 8, 1), WKV_TOO_LARGE);
    ck_assert_ptr_nonnull(
        strstr(error.text, "Set: the reply would have 22 bytes and the server's max_payload is 8"));
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}", 1), "{\"value\":\"old\",\"exists\":true}");
    const char *del = "{\"key\":\"a\"}";
    ck_assert_int_eq(dispatch("Del", del, strlen(del), 2, 1), WKV_TOO_LARGE);
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}", 1), "{\"value\":\"old\",\"exists\":true}");
    ck_assert_str_eq(answer("Push", "{\"key\":\"l\",\"value\":\"x\"}", 1), "{\"new_count\":1}");
    const char *clear = "{\"key\":\"l\"}";
    ck_assert_int_eq(dispatch("Clear", clear, strlen(clear), 2, 1), WKV_TOO_LARGE);
    ck_assert_str_eq(answer("Range", "{\"key\":\"l\",\"stop\":-1}", 1), "{\"values\":[\"x\"]}");
}
END_TEST

#define MEMBERS 40000

/* Fills two sets with members of their own. */
static void two_sets(void)
{
    for (int set = 0; set < 2; set++) {
        char name[] = {'s', (char)('0' + set), '\0'};
        struct wkv_key key = {0, {name, 2}};
        for (int i = 0; i < MEMBERS; i++) {
            char member[16];
            int32_t size;
            int len = snprintf(member, sizeof member, "%d:%d", set, i);
            ck_assert_int_eq(
                wkv_store_set_add(provider.store, key, (struct wkv_text){member, (size_t)len}, 1, &size),
                WKV_STORE_OK);
        }
    }
}

/* A refusal says that there is more and not how much: nobody has walked on to find out. */
START_TEST(a_reply_that_is_full_ends_the_walk)
{
    static const struct {
        const char *operation, *request;
    } asks[] = {{"SetQuery", "{\"key\":\"s0\"}"},
                {"SetUnion", "{\"keys\":[\"s0\",\"s1\"]}"},
                {"SetIntersection", "{\"keys\":[\"s0\",\"s0\"]}"},
                {"Range", "{\"key\":\"l\",\"stop\":-1}"}};
    two_sets();
    for (int i = 0; i < 10000; i++)
        (void)answer("Push", "{\"key\":\"l\",\"value\":\"an item\"}", 1);
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        ck_assert_int_eq(dispatch(asks[i].operation, asks[i].request, strlen(asks[i].request), 5000, 1),
                         WKV_TOO_LARGE);
        ck_assert_ptr_nonnull(strstr(error.text, "the reply would have more than 5000 bytes and the server's "
                                                 "max_payload is 5000"));
    }
}
END_TEST

/* Half a million fields of two bytes, each of which a decoder would keep some fifty bytes for. */
START_TEST(a_request_of_tiny_fields_is_not_given_forty_times_its_size)
{
    static char tiny[1000000];
    for (size_t i = 0; i + 1 < sizeof tiny; i += 2) {
        tiny[i] = 0x0a; /* field 1, of no bytes */
        tiny[i + 1] = 0;
    }
    ck_assert_int_eq(dispatch("SetUnion", tiny, sizeof tiny, MAX_PAYLOAD, 1), WKV_TOO_LARGE);
    ck_assert_uint_le(session.memory.current->arena.total_bytes, (4u << 20) + 2 * sizeof tiny);
    for (size_t i = 0; i + 1 < sizeof tiny; i += 2)
        tiny[i] = (char)0xf8; /* field 31, a number: unknown */
    ck_assert_int_eq(dispatch("Get", tiny, sizeof tiny, MAX_PAYLOAD, 1), WKV_TOO_LARGE);
    ck_assert_uint_le(session.memory.current->arena.total_bytes, (4u << 20) + 2 * sizeof tiny);
    /* What can be meant is decoded: a value of that size, and the most keys that there may be. */
    static char large[1000000 + 100];
    int len = snprintf(large, sizeof large, "{\"key\":\"a\",\"value\":\"%0*d\"}", 1000000, 1);
    ck_assert_int_eq(dispatch("Set", large, (size_t)len, 2 * MAX_PAYLOAD, 1), WKV_OK);
    len = snprintf(large, sizeof large, "{\"keys\":[\"a key that is missing\"");
    for (int i = 1; i < (int)WKV_MAX_KEYS_A_REQUEST; i++)
        len += snprintf(large + len, sizeof large - (size_t)len, ",\"a key that is missing %d\"", i);
    len += snprintf(large + len, sizeof large - (size_t)len, "]}");
    ck_assert_int_eq(dispatch("SetUnion", large, (size_t)len, MAX_PAYLOAD, 1), WKV_OK);
}
END_TEST

START_TEST(every_error_begins_with_the_operation)
{
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const char *name = wkv_operations[i].name;
        ck_assert_int_eq(dispatch(name, "{", 1, MAX_PAYLOAD, 1),
                         wkv_operation_is_system(&wkv_operations[i]) ? WKV_FORBIDDEN : WKV_BAD_REQUEST);
        ck_assert_uint_eq(strncmp(error.text, name, strlen(name)), 0);
        ck_assert_int_eq(error.text[strlen(name)], ':');
    }
}
END_TEST

START_TEST(limits_are_on_the_byte)
{
    provider.max_key_bytes = 4;
    provider.max_value_bytes = 3;
    ck_assert_str_eq(answer("Set", "{\"key\":\"1234\",\"value\":\"123\"}", 1), "{\"value\":\"123\"}");
    ck_assert_str_eq(answer("Set", "{\"key\":\"12345\",\"value\":\"\"}", 1),
                     "413 Set: the key has 5 bytes; a key has at most 4");
    ck_assert_str_eq(answer("Push", "{\"key\":\"l\",\"value\":\"1234\"}", 1),
                     "413 Push: the value has 4 bytes; a value has at most 3");
    ck_assert_str_eq(answer("SetAdd", "{\"key\":\"s\",\"value\":\"1234\"}", 1),
                     "413 SetAdd: the value has 4 bytes; a value has at most 3");
    ck_assert_str_eq(answer("SetUnion", "{\"keys\":[\"1\",\"\"]}", 1),
                     "400 SetUnion: the key is empty; give a key of 1 to 4 bytes");
}
END_TEST

START_TEST(a_request_for_too_many_keys_is_refused)
{
    size_t count = WKV_MAX_KEYS_A_REQUEST + 1;
    unsigned char *payload = malloc(count * 3);
    ck_assert_ptr_nonnull(payload);
    for (size_t i = 0; i < count; i++)
        memcpy(payload + i * 3, "\x0a\x01k", 3);
    ck_assert_int_eq(dispatch("SetUnion", payload, (count - 1) * 3, MAX_PAYLOAD, 1), WKV_OK);
    ck_assert_int_eq(dispatch("SetUnion", payload, count * 3, MAX_PAYLOAD, 1), WKV_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(error.text, "8193 keys"));
    free(payload);
}
END_TEST

START_TEST(a_request_that_needs_more_memory_than_one_may_is_too_large)
{
    /* 8 MiB of empty keys: protobuf-c wants more than ten times that beside it. */
    size_t len = (size_t)8 * 1024 * 1024;
    unsigned char *payload = malloc(len);
    ck_assert_ptr_nonnull(payload);
    for (size_t i = 0; i < len; i += 2)
        memcpy(payload + i, "\x0a\x00", 2);
    ck_assert_int_eq(dispatch("SetUnion", payload, len, len, 1), WKV_TOO_LARGE);
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}", 1), "{\"value\":\"\",\"exists\":false}");
    free(payload);
}
END_TEST

/* ---- the hot path allocates nothing ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTING 0
#else
#define COUNTING 1
#endif
#else
#define COUNTING 1
#endif

#if COUNTING
static _Atomic unsigned long allocations;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_memalign(alignment, size);
}
#endif

/* Does one protobuf request and says how many allocations that took; Check's own are kept out. */
static unsigned long allocations_of(const char *operation, const void *payload, size_t len)
{
    struct wkv_request request = {.operation = wkv_operation_find(operation),
                                  .payload = payload,
                                  .payload_bytes = len,
                                  .max_reply_bytes = MAX_PAYLOAD,
                                  .now_ns = 1};
#if COUNTING
    unsigned long before = atomic_load(&allocations);
#endif
    enum wkv_code code = dispatch_request(&session, &request, &reply, &error);
#if COUNTING
    unsigned long after = atomic_load(&allocations);
#else
    unsigned long before = 0, after = 0;
#endif
    ck_assert_int_eq(code, WKV_OK);
    return after - before;
}

START_TEST(the_hot_path_allocates_nothing)
{
    static const char set[] = "\x0a\x01k\x12\x05value";
    static const char set_counter[] = "\x0a\x01n\x10\x01";
    static const char get[] = "\x0a\x01k";
#if COUNTING
    unsigned long before = atomic_load(&allocations);
    void *volatile counted = malloc(1); /* volatile: a compiler may leave an unused pair out */
    free(counted);
    ck_assert_msg(atomic_load(&allocations) == before + 1, "the counter counts");
#endif
    (void)allocations_of("Set", set, sizeof set - 1);
    (void)allocations_of("Add", set_counter, sizeof set_counter - 1);
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_eq(allocations_of("Get", get, sizeof get - 1), 0);
        ck_assert_uint_eq(allocations_of("KeyExists", get, sizeof get - 1), 0);
        ck_assert_uint_eq(allocations_of("Set", set, sizeof set - 1), 0);
        ck_assert_uint_eq(allocations_of("Add", set_counter, sizeof set_counter - 1), 0);
    }
}
END_TEST

/* ---- the table ---- */

START_TEST(the_table_has_the_contract_s_operations)
{
    static const char *const names[] = {"Get",
                                        "Set",
                                        "Del",
                                        "Add",
                                        "Push",
                                        "ListItemDelete",
                                        "Range",
                                        "Clear",
                                        "SetAdd",
                                        "SetRemove",
                                        "SetQuery",
                                        "SetUnion",
                                        "SetIntersection",
                                        "KeyExists",
                                        "Increment",
                                        "CompareAndSet",
                                        "CompareAndDelete",
                                        "Expire",
                                        "TimeToLive",
                                        "Pop",
                                        "SetContains",
                                        "ListKeys",
                                        "Batch",
                                        "Watch",
                                        "BindActor",
                                        "RemoveActor",
                                        "GetCapabilityDescriptor",
                                        "HealthRequest",
                                        "Keys",
                                        "Inspect",
                                        "Bindings",
                                        "Slowlog",
                                        "LogLevel",
                                        "Members",
                                        "Digest"};
    ck_assert_uint_eq(wkv_operation_count, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < wkv_operation_count; i++) {
        ck_assert_str_eq(wkv_operations[i].name, names[i]);
        ck_assert_ptr_eq(wkv_operation_find(names[i]), &wkv_operations[i]);
        ck_assert_int_eq(wkv_operation_is_system(&wkv_operations[i]), i >= 24);
        ck_assert_int_eq(wkv_operations[i].scope == WKV_SCOPE_OPERATOR, i >= 28);
    }
    ck_assert_ptr_null(wkv_operation_find("get"));
    ck_assert_ptr_null(wkv_operation_find(""));
}
END_TEST

/* ---- Members and Digest ---- */

static size_t list_three(void *context, struct wkv_report_member *out, size_t max)
{
    (void)context;
    ck_assert_uint_ge(max, 3);
    for (size_t i = 0; i < 3; i++) {
        out[i] = (struct wkv_report_member){
            .version = "1.2.3", .position = 40 + i, .lag_ms = (int64_t)i - 1, .keys = 5, .bytes = 6 * i};
        (void)snprintf(out[i].instance, sizeof out[i].instance, "I%zu\x1b", i);
    }
    return 3;
}

static const struct wkv_report_engine with_log = {.name = "logged", .members = list_three};

START_TEST(members_are_the_process_itself_or_whom_the_engine_knows)
{
    char expected[512];
    struct wkv_store_stats held;
    (void)answer("Set", "{\"key\":\"a\",\"value\":\"v\"}", 0);
    wkv_store_stats(provider.store, &held);
    caller = of_system;
    (void)snprintf(expected, sizeof expected,
                   "{\"members\":[{\"instance\":\"INSTANCE\",\"version\":\"%s\",\"position\":0,\"lag_ms\":0,"
                   "\"keys\":1,\"bytes\":%llu}]}",
                   WKV_VERSION, (unsigned long long)held.bytes);
    ck_assert_str_eq(answer("Members", "{}", 0), expected);
    provider.engine_report = &with_log;
    ck_assert_str_eq(answer("Members", "{}", 0),
                     "{\"members\":["
                     "{\"instance\":\"I0?\",\"version\":\"1.2.3\",\"position\":40,\"lag_ms\":0,\"keys\":5,"
                     "\"bytes\":0},"
                     "{\"instance\":\"I1?\",\"version\":\"1.2.3\",\"position\":41,\"lag_ms\":0,\"keys\":5,"
                     "\"bytes\":6},"
                     "{\"instance\":\"I2?\",\"version\":\"1.2.3\",\"position\":42,\"lag_ms\":1,\"keys\":5,"
                     "\"bytes\":12}]}");
    provider.engine_report = NULL;
    caller = (struct wkv_text){"MACTOR", 6};
}
END_TEST

/* An engine with a log sets the digest and has the ticket done. */
START_TEST(a_digest_is_what_the_engine_found)
{
    static const struct wkv_host_digest found = {.position = 77, .digest = 0xabc};
    struct wkv_call call = {.request = {.operation = wkv_operation_find("Digest"),
                                        .actor = of_system,
                                        .payload = "{}",
                                        .payload_bytes = 2,
                                        .max_reply_bytes = MAX_PAYLOAD}};
    ck_assert(wkv_host_asks_digest(call.request.operation));
    ck_assert(!wkv_host_asks_digest(wkv_operation_find("Members")));
    ck_assert_int_eq(wkv_call_admit(&session, &call, &error), WKV_OK);
    call.ticket.host->digest = &found;
    ck_assert_int_eq(wkv_ticket_perform(&call.ticket, 0), WKV_ANSWERED);
    static const char expected[] = "{\"position\":77,\"digest\":\"0000000000000abc\"}";
    ck_assert_uint_eq(call.ticket.reply.len, sizeof expected - 1);
    ck_assert_mem_eq(call.ticket.reply.data, expected, sizeof expected - 1);
}
END_TEST

START_TEST(without_a_log_there_is_no_digest)
{
    caller = of_system;
    ck_assert_str_eq(answer("Digest", "{}", 0),
                     "400 Digest: the engine memory keeps no log at whose positions instances could be "
                     "compared: serve with --engine jetstream");
    ck_assert_int_eq(atoi(answer("Digest", "{\"instance\":\"INSTANCE\"}", 0)), 400);
    ck_assert_str_eq(answer("Digest", "{\"instance\":\"OTHER\"}", 0), "");
    ck_assert_str_eq(answer("Members", "{\"instance\":\"OTHER\"}", 0), "");
    caller = (struct wkv_text){"MACTOR", 6};
}
END_TEST

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    char *text = calloc(1, (size_t)1 << 20);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_gt(fread(text, 1, ((size_t)1 << 20) - 1, file), 0);
    (void)fclose(file);
    return text;
}

/* A document has the operation's row, with the fields of its request and its doc text. */
static void expect_row(const char *document, const struct wkv_operation *operation)
{
    char row[1024];
    int len = snprintf(row, sizeof row, "| `%s` | ", operation->name);
    for (unsigned field = 0; field < operation->request->n_fields; field++)
        len += snprintf(row + len, sizeof row - (size_t)len, "%s%s", field == 0 ? "" : ", ",
                        operation->request->fields[field].name);
    const char *line = strstr(document, row);
    ck_assert_msg(line != NULL, "no document has a row beginning %s", row);
    const char *doc = strstr(line, operation->doc);
    ck_assert_msg(doc != NULL && doc < strchr(line, '\n'), "the row of %s does not say: %s", operation->name,
                  operation->doc);
}

/* What callers use stands in the callers' document and is named in README; what operators use, in theirs. */
START_TEST(the_documents_have_the_table)
{
    char *readme = read_file(WKV_SOURCE_DIR "/README.md");
    char *callers = read_file(WKV_SOURCE_DIR "/proto/OPERATIONS.md");
    char *operators = read_file(WKV_SOURCE_DIR "/deploy/docs/observing.md");
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        bool is_operators = operation->scope == WKV_SCOPE_OPERATOR;
        expect_row(is_operators ? operators : callers, operation);
        char name[64];
        (void)snprintf(name, sizeof name, "`%s`", operation->name);
        ck_assert_msg(is_operators || strstr(readme, name) != NULL, "README does not name %s", name);
    }
    free(readme);
    free(callers);
    free(operators);
}
END_TEST

Suite *dispatch_suite(void)
{
    Suite *suite = suite_create("operation/dispatch");
    TCase *tests = tcase_create("dispatch");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_operation_is_a_function_of_store_request_and_now);
    tcase_add_test(tests, a_time_to_live_has_milliseconds_and_can_be_kept);
    tcase_add_test(tests, expire_sets_the_time_to_live_of_any_kind);
    tcase_add_test(tests, set_has_milliseconds_and_keeps_an_expiry);
    tcase_add_test(tests, the_longest_expiry_is_no_overflow);
    tcase_add_test(tests, a_reply_that_does_not_fit_changes_nothing);
    tcase_add_test(tests, a_reply_that_is_full_ends_the_walk);
    tcase_add_test(tests, a_request_of_tiny_fields_is_not_given_forty_times_its_size);
    tcase_add_test(tests, every_error_begins_with_the_operation);
    tcase_add_test(tests, limits_are_on_the_byte);
    tcase_add_test(tests, a_request_for_too_many_keys_is_refused);
    tcase_add_test(tests, a_request_that_needs_more_memory_than_one_may_is_too_large);
    tcase_add_test(tests, the_hot_path_allocates_nothing);
    tcase_add_test(tests, the_table_has_the_contract_s_operations);
    tcase_add_test(tests, members_are_the_process_itself_or_whom_the_engine_knows);
    tcase_add_test(tests, a_digest_is_what_the_engine_found);
    tcase_add_test(tests, without_a_log_there_is_no_digest);
    tcase_add_test(tests, the_documents_have_the_table);
    suite_add_tcase(suite, tests);
    if (!COUNTING)
        (void)printf("skip allocations are not counted in this build: a sanitizer has its own malloc\n");
    return suite;
}
