/* The conformance suite through the dispatch in memory, in all encodings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/conformance.h"
#include "front/provider.h"
#include "lib/dispatch.h"

#define ACTOR "MACTOR"

static const struct conformance_front in_memory;
static struct wkv_provider provider;
static struct wkv_session session;
static size_t room;
static pid_t starter;

static void start(struct wkv_store_options options, size_t max_reply_bytes, uint32_t max_value_bytes)
{
    struct wkv_policy_binding claims = {.bound = true};
    struct wkv_text actor = {ACTOR, strlen(ACTOR)}, none = {NULL, 0};
    conformance_use(&in_memory);
    starter = getpid();
    room = max_reply_bytes;
    provider = (struct wkv_provider){.store = wkv_store_create(&options, 0),
                                     .bindings = wkv_bindings_create("default"),
                                     .binding = "default",
                                     .instance = "INSTANCE",
                                     .auth = WKV_AUTH_NONE,
                                     .max_key_bytes = WKV_DEFAULT_MAX_KEY_BYTES,
                                     .max_value_bytes = max_value_bytes};
    ck_assert(provider.store != NULL && provider.bindings != NULL);
    ck_assert_int_eq(wkv_bindings_bind(provider.bindings, actor, none, &claims, NULL), WKV_OK);
    ck_assert(wkv_session_init(&session, &provider));
}

static void start_plain(void)
{
    start((struct wkv_store_options){0}, (size_t)8 << 20, WKV_DEFAULT_MAX_VALUE_BYTES);
}

static void start_small(void)
{
    start((struct wkv_store_options){0}, CONFORMANCE_SMALL_REPLY, 2048);
}

static void start_tight(void)
{
    start((struct wkv_store_options){.shards = 1, .max_memory_bytes = (uint64_t)256 << 10}, (size_t)8 << 20,
          WKV_DEFAULT_MAX_VALUE_BYTES);
}

static void stop(void)
{
    wkv_session_destroy(&session);
    wkv_bindings_destroy(provider.bindings);
    wkv_store_destroy(provider.store);
}

/* A test that is forked has a copy of the store, and ends it: who looks for leaks does not see what only the
 * packed addresses of a table lead to. */
static void close_copy(void)
{
    if (getpid() != starter)
        stop();
}

static struct reply call(enum encoding encoding, const char *operation, const void *bytes, size_t len)
{
    struct wkv_request request = {.operation = wkv_operation_find(operation),
                                  .form = encoding == MSGPACK ? WKV_FORM_MSGPACK : WKV_FORM_DETECTED,
                                  .actor = {ACTOR, strlen(ACTOR)},
                                  .payload = bytes,
                                  .payload_bytes = len,
                                  .max_reply_bytes = room,
                                  .now_ns = 1};
    struct wkv_text text = {NULL, 0};
    struct wkv_error error;
    struct reply reply = {.code = (int)dispatch_request(&session, &request, &text, &error)};
    if (reply.code != 0) {
        (void)snprintf(reply.text, sizeof reply.text, "%s", error.text);
        return reply;
    }
    reply.data = malloc(text.len + 1);
    ck_assert_ptr_nonnull(reply.data);
    if (text.len > 0)
        memcpy(reply.data, text.data, text.len);
    reply.len = text.len;
    return reply;
}

static const struct conformance_front in_memory = {
    .name = "in memory",
    .start = {start_plain, start_small, start_tight},
    .stop = stop,
    .close = close_copy,
    .call = call,
    .first = PROTOBUF,
    .end = ALL_ENCODINGS,
};

Suite *conformance_suite(void)
{
    Suite *suite = suite_create("operation/conformance");
    conformance_add(suite, &in_memory);
    return suite;
}
