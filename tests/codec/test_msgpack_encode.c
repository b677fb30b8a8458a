/* Replies in MessagePack. The vectors named "real" were written by wascc-codec 0.8.1 with rmp-serde 0.14.4
 * (rmp 0.8.9), from the values that the tests write. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/hex.h"
#include "codec/messages.h"
#include "core.pb-c.h"
#include "operator.pb-c.h"

static struct wkv_buffer buffer;
static struct wkv_sink sink;

static void set_up(void)
{
    wkv_buffer_init(&buffer);
}

static void tear_down(void)
{
    wkv_buffer_destroy(&buffer);
}

static void begin(const ProtobufCMessageDescriptor *type)
{
    wkv_sink_begin(&sink, type, WKV_MSGPACK, &buffer, 1 << 20);
}

static void assert_reply(const char *hex)
{
    size_t len;
    uint8_t *expected = hex_bytes(hex, &len);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(sink.total_bytes, len);
    ck_assert_uint_eq(buffer.len, len);
    ck_assert_msg(memcmp(buffer.data, expected, len) == 0, "%s", hex);
    free(expected);
}

/* real */
static const struct {
    int32_t value;
    const char *hex;
} int32s[] = {
    {0, "81a576616c756500"},
    {127, "81a576616c75657f"},
    {128, "81a576616c7565cc80"},
    {255, "81a576616c7565ccff"},
    {256, "81a576616c7565cd0100"},
    {65535, "81a576616c7565cdffff"},
    {65536, "81a576616c7565ce00010000"},
    {INT32_MAX, "81a576616c7565ce7fffffff"},
    {-1, "81a576616c7565ff"},
    {-32, "81a576616c7565e0"},
    {-33, "81a576616c7565d0df"},
    {-128, "81a576616c7565d080"},
    {-129, "81a576616c7565d1ff7f"},
    {-32768, "81a576616c7565d18000"},
    {-32769, "81a576616c7565d2ffff7fff"},
    {INT32_MIN, "81a576616c7565d280000000"},
};

START_TEST(writes_an_int32_in_its_shortest_form)
{
    begin(&keyvalue__add_response__descriptor);
    wkv_sink_int32(&sink, 1, int32s[_i].value);
    assert_reply(int32s[_i].hex);
    Keyvalue__AddResponse response = KEYVALUE__ADD_RESPONSE__INIT;
    response.value = int32s[_i].value;
    begin(&keyvalue__add_response__descriptor);
    wkv_sink_message(&sink, &response.base);
    assert_reply(int32s[_i].hex);
}
END_TEST

START_TEST(writes_an_int64_in_its_shortest_form)
{
    static const struct {
        int64_t value;
        const char *hex;
    } cases[] = {
        {1, "01"},
        {-1, "ff"},
        {INT32_MAX, "ce7fffffff"},
        {UINT32_MAX, "ceffffffff"},
        {INT64_C(4294967296), "cf0000000100000000"},
        {INT64_MAX, "cf7fffffffffffffff"},
        {INT32_MIN, "d280000000"},
        {INT64_C(-2147483649), "d3ffffffff7fffffff"},
        {INT64_MIN, "d38000000000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&operator__inspect_reply__descriptor);
        wkv_sink_int64(&sink, 3, cases[i].value);
        char hex[256];
        snprintf(hex, sizeof hex,
                 "85 a36b6579 a0 a46b696e64 a0 a66c656e677468 %s a56279746573 00 aa65787069726573496e53 00",
                 cases[i].hex);
        assert_reply(hex);
    }
}
END_TEST

START_TEST(writes_the_real_replies)
{
    begin(&keyvalue__get_response__descriptor);
    wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
    wkv_sink_bool(&sink, 2, true);
    assert_reply("82a576616c7565a176a6657869737473c3");
    begin(&keyvalue__list_response__descriptor);
    wkv_sink_int32(&sink, 1, 7);
    assert_reply("81a86e6577436f756e7407");
    begin(&keyvalue__set_request__descriptor);
    wkv_sink_text(&sink, 1, (struct wkv_text){"k", 1});
    wkv_sink_text(&sink, 2, (struct wkv_text){"v", 1});
    wkv_sink_int32(&sink, 3, 60);
    assert_reply("85 a36b6579 a16b a576616c7565 a176 a765787069726573 3c a9657870697265734d73 00"
                 "aa6b656570457870697279 c2");
    begin(&keyvalue__list_range_response__descriptor);
    assert_reply("81a676616c75657390");
}
END_TEST

START_TEST(writes_elements_one_by_one_under_a_count_of_32_bits)
{
    begin(&keyvalue__list_range_response__descriptor);
    wkv_sink_text(&sink, 1, (struct wkv_text){"a", 1});
    wkv_sink_text(&sink, 1, (struct wkv_text){NULL, 0});
    wkv_sink_text(&sink, 1, (struct wkv_text){"ccc", 3});
    assert_reply("81 a676616c756573 dd 00000003 a161 a0 a3636363");
    begin(&keyvalue__list_range_response__descriptor);
    for (int i = 0; i < 70000; i++)
        wkv_sink_text(&sink, 1, (struct wkv_text){"x", 1});
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(buffer.len, 8 + 5 + 2 * 70000);
    ck_assert_mem_eq(buffer.data + 8, "\xdd\x00\x01\x11\x70", 5);
}
END_TEST

/* Two lists, so that the second count is not the first one's. */
START_TEST(counts_the_elements_of_each_list)
{
    begin(&operator__keys_reply__descriptor);
    wkv_sink_text(&sink, 1, (struct wkv_text){"a", 1});
    wkv_sink_text(&sink, 1, (struct wkv_text){"b", 1});
    wkv_sink_text(&sink, 2, (struct wkv_text){"c", 1});
    assert_reply("82 a46b657973 dd 00000002 a161 a162 a6637572736f72 a163");
    begin(&operator__keys_reply__descriptor);
    wkv_sink_text(&sink, 2, (struct wkv_text){"c", 1});
    assert_reply("82 a46b657973 90 a6637572736f72 a163");
    begin(&operator__keys_reply__descriptor);
    wkv_sink_text(&sink, 1, (struct wkv_text){"a", 1});
    assert_reply("82 a46b657973 dd 00000001 a161 a6637572736f72 a0");
}
END_TEST

START_TEST(has_every_field_that_was_not_written)
{
    begin(&keyvalue__get_response__descriptor);
    assert_reply("82 a576616c7565 a0 a6657869737473 c2");
    begin(&keyvalue__set_request__descriptor);
    wkv_sink_text(&sink, 2, (struct wkv_text){"v", 1});
    assert_reply("85 a36b6579 a0 a576616c7565 a176 a765787069726573 00 a9657870697265734d73 00"
                 "aa6b656570457870697279 c2");
    begin(&core__capability_descriptor__descriptor);
    assert_reply("86 a26964 a0 a46e616d65 a0 a776657273696f6e a0 a87265766973696f6e 00"
                 "b06c6f6e675f6465736372697074696f6e a0 b4737570706f727465645f6f7065726174696f6e73 90");
    begin(&core__capability_configuration__descriptor);
    assert_reply("82 a66d6f64756c65 a0 a676616c756573 80");
    begin(&core__operation_descriptor__descriptor);
    assert_reply("83 a46e616d65 a0 a9646972656374696f6e 81 00 c0 a7646f6374657874 a0");
    begin(&core__empty__descriptor);
    assert_reply("80");
}
END_TEST

START_TEST(writes_a_text_under_the_shortest_head)
{
    static const struct {
        size_t len;
        const char *head;
    } cases[] = {{0, "a0"},       {31, "bf"},        {32, "d920"},         {255, "d9ff"},
                 {256, "da0100"}, {65535, "daffff"}, {65536, "db00010000"}};
    char *text = malloc(65536);
    memset(text, 'x', 65536);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t head_len;
        uint8_t *head = hex_bytes(cases[i].head, &head_len);
        begin(&keyvalue__set_response__descriptor);
        wkv_sink_text(&sink, 1, (struct wkv_text){text, cases[i].len});
        ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
        ck_assert_uint_eq(buffer.len, 7 + head_len + cases[i].len);
        ck_assert_mem_eq(buffer.data, "\x81\xa5value", 7);
        ck_assert_mem_eq(buffer.data + 7, head, head_len);
        ck_assert(memcmp(buffer.data + 7 + head_len, text, cases[i].len) == 0);
        free(head);
    }
    free(text);
}
END_TEST

static ProtobufCBinaryData text_of(char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

/* real */
START_TEST(writes_a_descriptor_as_wascc_codec_does)
{
    Core__OperationDescriptor operations[3], *pointers[3];
    static char *const names[] = {"Get", "X", "Y"}, *const texts[] = {"doc", "", "z"};
    static const Core__OperationDirection directions[] = {CORE__OPERATION_DIRECTION__to_provider,
                                                          CORE__OPERATION_DIRECTION__to_actor,
                                                          CORE__OPERATION_DIRECTION__both};
    for (int i = 0; i < 3; i++) {
        core__operation_descriptor__init(&operations[i]);
        operations[i].name = text_of(names[i]);
        operations[i].direction = directions[i];
        operations[i].doctext = text_of(texts[i]);
        pointers[i] = &operations[i];
    }
    Core__CapabilityDescriptor descriptor = CORE__CAPABILITY_DESCRIPTOR__INIT;
    descriptor.id = text_of("wascc:keyvalue");
    descriptor.name = text_of("n");
    descriptor.version = text_of("0.1.0");
    descriptor.revision = 300;
    descriptor.long_description = text_of("long");
    descriptor.n_supported_operations = 3;
    descriptor.supported_operations = pointers;
    begin(&core__capability_descriptor__descriptor);
    wkv_sink_message(&sink, &descriptor.base);
    assert_reply(
        "86a26964ae77617363633a6b657976616c7565a46e616d65a16ea776657273696f6ea5302e312e30a87265766973"
        "696f6ecd012cb06c6f6e675f6465736372697074696f6ea46c6f6e67b4737570706f727465645f6f706572617469"
        "6f6e739383a46e616d65a3476574a9646972656374696f6e8101c0a7646f6374657874a3646f6383a46e616d65a1"
        "58a9646972656374696f6e8100c0a7646f6374657874a083a46e616d65a159a9646972656374696f6e8102c0a764"
        "6f6374657874a17a");
}
END_TEST

/* real */
START_TEST(writes_a_map_and_lists_of_known_length_in_their_shortest_form)
{
    Core__CapabilityConfiguration__ValuesEntry entry = CORE__CAPABILITY_CONFIGURATION__VALUES_ENTRY__INIT;
    Core__CapabilityConfiguration__ValuesEntry *entries[] = {&entry};
    entry.key = text_of("KEYSPACE");
    entry.value = text_of("blue");
    Core__CapabilityConfiguration configuration = CORE__CAPABILITY_CONFIGURATION__INIT;
    configuration.module = text_of("MACTOR");
    begin(&core__capability_configuration__descriptor);
    wkv_sink_message(&sink, &configuration.base);
    assert_reply("82a66d6f64756c65a64d4143544f52a676616c75657380");
    configuration.n_values = 1;
    configuration.values = entries;
    begin(&core__capability_configuration__descriptor);
    wkv_sink_message(&sink, &configuration.base);
    assert_reply("82a66d6f64756c65a64d4143544f52a676616c75657381a84b45595350414345a4626c7565");
    ProtobufCBinaryData texts[16] = {text_of("a"), text_of(""), text_of("ccc")};
    Keyvalue__ListRangeResponse range = KEYVALUE__LIST_RANGE_RESPONSE__INIT;
    range.values = texts;
    range.n_values = 3;
    begin(&keyvalue__list_range_response__descriptor);
    wkv_sink_message(&sink, &range.base);
    assert_reply("81a676616c75657393a161a0a3636363");
    for (int i = 0; i < 16; i++)
        texts[i] = text_of("x");
    range.n_values = 16;
    begin(&keyvalue__list_range_response__descriptor);
    wkv_sink_message(&sink, &range.base);
    assert_reply("81a676616c756573dc0010a178a178a178a178a178a178a178a178a178a178a178a178a178a178a178a178");
}
END_TEST

/* For every limit up to the full size and past it: the total is the same, and the buffer never holds more. */
START_TEST(says_the_exact_size_of_what_does_not_fit)
{
    size_t full = 0;
    for (size_t round = 0; round < 2; round++) {
        size_t first = round == 0 ? 1 << 20 : 0, last = round == 0 ? first : full + 2;
        for (size_t max = first; max <= last; max++) {
            struct wkv_buffer fresh = {0};
            wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_MSGPACK, &fresh, max);
            for (int i = 0; i < 40; i++)
                wkv_sink_text(&sink, 1,
                              (struct wkv_text){"text of some length, of forty-one bytes", (size_t)i});
            enum wkv_code code = wkv_sink_end(&sink);
            if (round == 0)
                full = sink.total_bytes;
            ck_assert_uint_eq(sink.total_bytes, full);
            ck_assert_int_eq(code, max >= full ? WKV_OK : WKV_TOO_LARGE);
            ck_assert_uint_le(fresh.len, max);
            if (code == WKV_OK)
                ck_assert_mem_eq(fresh.data + 8, "\xdd\x00\x00\x00\x28", 5);
            wkv_buffer_destroy(&fresh);
        }
    }
    ck_assert_uint_gt(full, 780);
}
END_TEST

START_TEST(memory_stays_near_the_limit_however_long_the_reply)
{
    char text[1000];
    memset(text, 'x', sizeof text);
    wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_MSGPACK, &buffer, 10000);
    for (int i = 0; i < 100000; i++)
        wkv_sink_text(&sink, 1, (struct wkv_text){text, sizeof text});
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_TOO_LARGE);
    ck_assert_uint_eq(sink.total_bytes, 8 + 5 + 100000u * 1003u);
    ck_assert_uint_le(buffer.capacity, 20000);
}
END_TEST

START_TEST(short_memory_is_told_at_the_end)
{
    begin(&keyvalue__list_range_response__descriptor);
    buffer.failed = true; /* as an append leaves it that found no memory */
    wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
}
END_TEST

START_TEST(a_mistake_of_the_caller_never_becomes_a_reply)
{
    begin(&keyvalue__get_response__descriptor);
    wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
    wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
    begin(&keyvalue__get_response__descriptor);
    wkv_sink_int32(&sink, 1, 1);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
    /* MessagePack has no length for it; no byte of it is read. */
    begin(&keyvalue__get_response__descriptor);
    wkv_sink_text(&sink, 1, (struct wkv_text){"v", (size_t)UINT32_MAX + 1});
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
    Keyvalue__AddResponse response = KEYVALUE__ADD_RESPONSE__INIT;
    begin(&keyvalue__get_response__descriptor);
    wkv_sink_message(&sink, &response.base);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
}
END_TEST

Suite *msgpack_encode_suite(void)
{
    Suite *suite = suite_create("codec/msgpack_encode");
    TCase *tests = tcase_create("msgpack_encode");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, writes_an_int32_in_its_shortest_form, 0,
                        (int)(sizeof int32s / sizeof int32s[0]));
    tcase_add_test(tests, writes_an_int64_in_its_shortest_form);
    tcase_add_test(tests, writes_the_real_replies);
    tcase_add_test(tests, writes_elements_one_by_one_under_a_count_of_32_bits);
    tcase_add_test(tests, counts_the_elements_of_each_list);
    tcase_add_test(tests, has_every_field_that_was_not_written);
    tcase_add_test(tests, writes_a_text_under_the_shortest_head);
    tcase_add_test(tests, writes_a_descriptor_as_wascc_codec_does);
    tcase_add_test(tests, writes_a_map_and_lists_of_known_length_in_their_shortest_form);
    tcase_add_test(tests, says_the_exact_size_of_what_does_not_fit);
    tcase_add_test(tests, memory_stays_near_the_limit_however_long_the_reply);
    tcase_add_test(tests, short_memory_is_told_at_the_end);
    tcase_add_test(tests, a_mistake_of_the_caller_never_becomes_a_reply);
    suite_add_tcase(suite, tests);
    return suite;
}
