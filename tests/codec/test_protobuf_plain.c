#include "codec/decoders.h"
#include "codec/decoding.h"
#include "lib/room.h"
#include "lib/seed.h"

/* As senders write them: what wkv_read_plain_protobuf is for. */
#define ITEMS                                                                                                \
    "\x0a\x0c\x12\x0a\x0a\x03"                                                                               \
    "key\x12\x03v\x00\xff"                                                                                   \
    "\x0a\x07\x0a\x05\x0a\x03key"                                                                            \
    "\x0a\x0d\x82\x01\x0a\x0a\x01k\x12\x01v\x1a\x00\x28\x01"                                                 \
    "\x0a\x0d\x62\x0b\x0a\x01"                                                                               \
    "a\x0a\x02\xc3\xa4\x0a\x02zz"                                                                            \
    "\x0a\x00"                                                                                               \
    "\x10\x01"

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *bytes;
    size_t len;
} plain[] = {
    {&keyvalue__batch_request__descriptor, ITEMS, sizeof ITEMS - 1},
    {&keyvalue__batch_request__descriptor, "", 0},
    {&keyvalue__set_request__descriptor, "\x0a\x03key\x12\x01\xff\x20\x80\x01\x28\x01", 13},
    {&keyvalue__add_request__descriptor, "\x0a\x01k\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 14},
    {&keyvalue__list_keys_request__descriptor, "\x0a\x01k\x18\x90\x4e", 6},
    {&keyvalue__compare_and_set_request__descriptor, "\x0a\x01k\x12\x01v\x1a\x01w\x20\x01", 11},
};
#define PLAIN (sizeof plain / sizeof plain[0])

START_TEST(reads_what_senders_write)
{
    ck_assert_ptr_nonnull(wkv_read_plain_protobuf(plain[_i].type, plain[_i].bytes, plain[_i].len, &arena));
}
END_TEST

static bool same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t len = protobuf_c_message_get_packed_size(a);
    uint8_t in_a[512], in_b[512];
    ck_assert_uint_le(len, sizeof in_a);
    if (protobuf_c_message_get_packed_size(b) != len)
        return false;
    (void)protobuf_c_message_pack(a, in_a);
    (void)protobuf_c_message_pack(b, in_b);
    return memcmp(in_a, in_b, len) == 0;
}

/* Whether protobuf-c and the codec say the same. Returns whether the bytes are plain. */
static bool compare(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message, *theirs = protobuf_c_message_unpack(type, NULL, len, bytes);
    wkv_error_clear(&error);
    enum wkv_code code = wkv_decode(type, WKV_PROTOBUF, bytes, len, &arena, &message, &error);
    bool stricter = code == WKV_BAD_REQUEST && (strstr(error.text, "is not UTF-8") != NULL ||
                                                strstr(error.text, "no field has this tag") != NULL);
    if (theirs == NULL)
        ck_assert_int_eq(code, WKV_BAD_REQUEST);
    else
        ck_assert_msg(stricter || (code == WKV_OK && same(message, theirs)), "%s", error.text);
    bool is_plain = wkv_read_plain_protobuf(type, bytes, len, &arena) != NULL;
    ck_assert(!is_plain || code == WKV_OK);
    protobuf_c_message_free_unpacked(theirs, NULL);
    wkv_arena_reset(&arena);
    return is_plain;
}

/* Each prefix, and each byte changed to each other: lengths, tags, texts and the order of the fields. */
START_TEST(says_what_protobuf_c_says)
{
    uint8_t bytes[256];
    size_t len = plain[_i].len, plain_ones = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        memcpy(bytes, plain[_i].bytes, cut);
        (void)compare(plain[_i].type, bytes, cut);
    }
    for (size_t at = 0; at < len; at++)
        for (unsigned byte = (unsigned)at % test_stride(); byte < 256; byte += test_stride()) {
            memcpy(bytes, plain[_i].bytes, len);
            bytes[at] = (uint8_t)byte;
            plain_ones += compare(plain[_i].type, bytes, len);
        }
    ck_assert(len == 0 || plain_ones > 0);
}
END_TEST

static const struct {
    const char *what;
    const char *bytes;
    size_t len;
} others[] = {
    {"fields in another order", "\x12\x01v\x0a\x01k", 6},
    {"a field twice", "\x0a\x01k\x0a\x02zz", 7},
    {"an unknown field", "\x0a\x01k\x32\x01x", 6},
    {"a tag of six bytes", "\x8a\x80\x80\x80\x80\x00\x01k", 8},
    {"a length of six bytes", "\x0a\x81\x80\x80\x80\x80\x00k", 8},
    {"a key that is not UTF-8", "\x0a\x01\xff", 3},
    {"a text sent as a number", "\x08\x01", 2},
};

START_TEST(leaves_all_else_to_protobuf_c)
{
    const ProtobufCMessageDescriptor *type = &keyvalue__set_request__descriptor;
    ck_assert_msg(!compare(type, (const uint8_t *)others[_i].bytes, others[_i].len), "%s", others[_i].what);
}
END_TEST

/* A message that is read in vain takes nothing of what protobuf-c may have. */
START_TEST(takes_back_what_was_read_in_vain)
{
    static char bytes[4096 + 16];
    struct wkv_arena tight;
    ProtobufCMessage *message;
    memcpy(bytes, "\x0a\x80\x20", 3);
    memcpy(bytes + 3 + 4096, "\x30\x01", 2);
    ck_assert(wkv_arena_init(&tight, 16, 6000));
    ck_assert_msg(wkv_decode(&keyvalue__set_request__descriptor, WKV_PROTOBUF, bytes, 3 + 4096 + 2, &tight,
                             &message, &error) == WKV_OK,
                  "%s", error.text);
    wkv_arena_destroy(&tight);
}
END_TEST

Suite *protobuf_plain_suite(void)
{
    Suite *suite = suite_create("codec/protobuf_plain");
    TCase *tcase = tcase_create("plain");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, reads_what_senders_write, 0, PLAIN);
    tcase_add_loop_test(tcase, says_what_protobuf_c_says, 0, PLAIN);
    tcase_add_loop_test(tcase, leaves_all_else_to_protobuf_c, 0, (int)(sizeof others / sizeof others[0]));
    tcase_add_test(tcase, takes_back_what_was_read_in_vain);
    suite_add_tcase(suite, tcase);
    return suite;
}
