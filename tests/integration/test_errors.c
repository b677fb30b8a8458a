/* Contract section 5: every code, as headers and body, and nothing changed by a request that fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void start_default(void)
{
    nats_server_start(&shared.server, "max_payload: 8388608\n");
    provider_serve(&shared.provider, shared.server.url, NULL);
}

/* "No secret is ever printed or logged, and no key's value": an error's text goes to logs of callers. */
START_TEST(no_error_quotes_a_value)
{
    static const char *const requests[] = {"{\"key\":\"a\",\"value\":\"MARKER\",\"expires_s\":-1}",
                                           "{\"key\":\"a\",\"value\":\"MARKER\",\"MARKER\":1}",
                                           "{\"key\":\"a\",\"value\":[\"MARKER\"]}",
                                           "{\"key\":\"a\",\"value\":\"MARKER\xff\"}",
                                           "{\"key\":\"a\",\"value\":\"MARKER",
                                           "{\"key\":\"a\",\"value\":MARKER}",
                                           "\012\001a\022\177MARKER"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct answer answer = client_send(&caller, "Set", requests[i], strlen(requests[i]));
        check_refusal(&answer, "Set", 400, NULL);
        ck_assert_msg(strstr(answer.text, "MARKER") == NULL, "%s", answer.text);
        answer_free(&answer);
    }
}
END_TEST

/* ---- 413 for the memory that a request takes ---- */

/* Four million empty keys are 8 MB on the wire and many times that decoded. */
START_TEST(a_request_that_takes_too_much_memory_to_decode_is_413)
{
    static const char pattern[] = "\x0a\x00";
    size_t len = 8 * 1024 * 1024 - 16;
    char *many = malloc(len);
    ck_assert_ptr_nonnull(many);
    for (size_t i = 0; i < len; i++)
        many[i] = pattern[i % 2];
    struct answer answer = client_send(&caller, "SetUnion", many, len);
    check_refusal(&answer, "SetUnion", 413, NULL);
    answer_free(&answer);
    for (size_t i = 0; i < len; i++)
        many[i] = i == 0 ? '{' : '[';
    answer = client_send(&caller, "SetUnion", many, len);
    ck_assert_msg(answer.code == 413 || answer.code == 400, "%d %s", answer.code, answer.text);
    answer_free(&answer);
    free(many);
    ck_assert(!client_exists(&caller, "still here"));
}
END_TEST

/* ---- garbage ---- */

#define GARBAGE 6000
#define IN_FLIGHT 128

/* xorshift: the same garbage each time. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Random bytes, or a good request with some bytes of it changed. */
static size_t garbage(uint64_t *state, unsigned char out[256])
{
    static const char *const seeds[] = {"{\"key\":\"a\",\"value\":\"1\",\"expires_s\":100}",
                                        "{\"keys\":[\"a\",\"b\"]}", "{\"key\":\"a\",\"start\":0,\"stop\":-1}",
                                        "\x0a\x01"
                                        "a\x12\x03xyz\x18\x05",
                                        "\x0a\x01"
                                        "a\x0a\x01"
                                        "b\x0a\x02zz"};
    uint64_t choice = random_next(state) % 8;
    if (choice >= sizeof seeds / sizeof seeds[0]) {
        size_t len = random_next(state) % 256;
        for (size_t i = 0; i < len; i++)
            out[i] = (unsigned char)random_next(state);
        return len;
    }
    size_t len = strlen(seeds[choice]);
    memcpy(out, seeds[choice], len);
    for (uint64_t changes = random_next(state) % 4; changes > 0; changes--)
        out[random_next(state) % len] = (unsigned char)random_next(state);
    return random_next(state) % 4 == 0 ? random_next(state) % (len + 1) : len;
}

/* "nothing a caller sends can end the process", and whatever it is, it is answered. */
START_TEST(garbage_on_every_operation_is_answered_and_does_no_harm)
{
    struct pipeline pipeline;
    unsigned char bytes[256];
    uint64_t state = 0x9e3779b97f4a7c15u;
    const size_t count = test_scaled_from(1000, GARBAGE);
    pipeline_open(&pipeline, &caller, count);
    for (size_t i = 0; i < count; i++) {
        size_t len = garbage(&state, bytes);
        ck_assert(pipeline_send(&pipeline, operations[i % operation_count], bytes, len));
        pipeline_settle(&pipeline, IN_FLIGHT);
    }
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.no_responders, 0);
    ck_assert_uint_eq(pipeline.repeated, 0);
    ck_assert_uint_gt(pipeline.errors, count / 4);
    ck_assert_uint_gt(pipeline.ok, count / 60);
    pipeline_close(&pipeline);
    ck_assert_int_eq(client_add(&caller, JSON, "after the garbage", 1), 1);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, SFun start)
{
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, start, shared_stop);
    tcase_add_checked_fixture(tests, caller_open, caller_close);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *errors_suite(void)
{
    Suite *suite = suite_create("integration/errors");
    TCase *tests = add_case(suite, "default limits", start_default);
    tcase_add_test(tests, no_error_quotes_a_value);
    tcase_add_test(tests, a_request_that_takes_too_much_memory_to_decode_is_413);
    tcase_add_test(tests, garbage_on_every_operation_is_answered_and_does_no_harm);
    return suite;
}
