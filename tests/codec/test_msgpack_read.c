/* The reader of MessagePack heads, and what it makes of bytes that nobody should have sent. */
#include <check.h>
#include <stdlib.h>

#include "codec/hex.h"
#include "codec/msgpack_read.h"

static const struct {
    const char *hex;
    enum wkv_msgpack_kind kind;
    bool negative;
    uint64_t bits; /* of an integer, and 1 for true */
    uint32_t len;  /* bytes, elements, pairs */
} whole[] = {
    {"00", WKV_MSGPACK_INTEGER, false, 0, 0},
    {"7f", WKV_MSGPACK_INTEGER, false, 127, 0},
    {"e0", WKV_MSGPACK_INTEGER, true, (uint64_t)-32, 0},
    {"ff", WKV_MSGPACK_INTEGER, true, (uint64_t)-1, 0},
    {"cc 00", WKV_MSGPACK_INTEGER, false, 0, 0},
    {"cc ff", WKV_MSGPACK_INTEGER, false, 255, 0},
    {"cd 0000", WKV_MSGPACK_INTEGER, false, 0, 0},
    {"cd ffff", WKV_MSGPACK_INTEGER, false, 65535, 0},
    {"ce 00000001", WKV_MSGPACK_INTEGER, false, 1, 0},
    {"ce ffffffff", WKV_MSGPACK_INTEGER, false, UINT32_MAX, 0},
    {"cf 0000000000000001", WKV_MSGPACK_INTEGER, false, 1, 0},
    {"cf ffffffffffffffff", WKV_MSGPACK_INTEGER, false, UINT64_MAX, 0},
    {"d0 00", WKV_MSGPACK_INTEGER, false, 0, 0},
    {"d0 7f", WKV_MSGPACK_INTEGER, false, 127, 0},
    {"d0 80", WKV_MSGPACK_INTEGER, true, (uint64_t)-128, 0},
    {"d1 7fff", WKV_MSGPACK_INTEGER, false, 32767, 0},
    {"d1 8000", WKV_MSGPACK_INTEGER, true, (uint64_t)-32768, 0},
    {"d1 ffff", WKV_MSGPACK_INTEGER, true, (uint64_t)-1, 0},
    {"d2 7fffffff", WKV_MSGPACK_INTEGER, false, INT32_MAX, 0},
    {"d2 80000000", WKV_MSGPACK_INTEGER, true, (uint64_t)INT32_MIN, 0},
    {"d3 7fffffffffffffff", WKV_MSGPACK_INTEGER, false, INT64_MAX, 0},
    {"d3 8000000000000000", WKV_MSGPACK_INTEGER, true, (uint64_t)INT64_MIN, 0},
    {"d3 ffffffffffffffff", WKV_MSGPACK_INTEGER, true, (uint64_t)-1, 0},
    {"c0", WKV_MSGPACK_NIL, false, 0, 0},
    {"c2", WKV_MSGPACK_BOOL, false, 0, 0},
    {"c3", WKV_MSGPACK_BOOL, false, 1, 0},
    {"ca 3f800000", WKV_MSGPACK_FLOAT, false, 0, 0},
    {"cb 3ff0000000000000", WKV_MSGPACK_FLOAT, false, 0, 0},
    {"a0", WKV_MSGPACK_STR, false, 0, 0},
    {"a3 616263", WKV_MSGPACK_STR, false, 0, 3},
    {"d9 00", WKV_MSGPACK_STR, false, 0, 0},
    {"d9 03 616263", WKV_MSGPACK_STR, false, 0, 3},
    {"da 0003 616263", WKV_MSGPACK_STR, false, 0, 3},
    {"db 00000003 616263", WKV_MSGPACK_STR, false, 0, 3},
    {"c4 00", WKV_MSGPACK_BIN, false, 0, 0},
    {"c4 03 ff00fe", WKV_MSGPACK_BIN, false, 0, 3},
    {"c5 0003 ff00fe", WKV_MSGPACK_BIN, false, 0, 3},
    {"c6 00000003 ff00fe", WKV_MSGPACK_BIN, false, 0, 3},
    {"90", WKV_MSGPACK_ARRAY, false, 0, 0},
    {"93 000000", WKV_MSGPACK_ARRAY, false, 0, 3},
    {"dc 0003 000000", WKV_MSGPACK_ARRAY, false, 0, 3},
    {"dd 00000003 000000", WKV_MSGPACK_ARRAY, false, 0, 3},
    {"80", WKV_MSGPACK_MAP, false, 0, 0},
    {"82 00000000", WKV_MSGPACK_MAP, false, 0, 2},
    {"de 0002 00000000", WKV_MSGPACK_MAP, false, 0, 2},
    {"df 00000002 00000000", WKV_MSGPACK_MAP, false, 0, 2},
    {"d4 01 00", WKV_MSGPACK_EXT, false, 0, 2},
    {"d5 01 0000", WKV_MSGPACK_EXT, false, 0, 3},
    {"d6 01 00000000", WKV_MSGPACK_EXT, false, 0, 5},
    {"d7 01 0000000000000000", WKV_MSGPACK_EXT, false, 0, 9},
    {"d8 01 00000000000000000000000000000000", WKV_MSGPACK_EXT, false, 0, 17},
    {"c7 00 01", WKV_MSGPACK_EXT, false, 0, 1},
    {"c7 02 01 0000", WKV_MSGPACK_EXT, false, 0, 3},
    {"c8 0002 01 0000", WKV_MSGPACK_EXT, false, 0, 3},
    {"c9 00000002 01 0000", WKV_MSGPACK_EXT, false, 0, 3},
};

#define WHOLE ((int)(sizeof whole / sizeof whole[0]))

START_TEST(reads_every_form_of_a_value)
{
    size_t len;
    uint8_t *bytes = hex_bytes(whole[_i].hex, &len);
    struct wkv_msgpack_reader reader = {bytes, len, 0, NULL};
    struct wkv_msgpack_value value;
    ck_assert_msg(wkv_msgpack_next(&reader, &value), "%s: %s", whole[_i].hex, reader.wrong);
    ck_assert_int_eq(value.kind, whole[_i].kind);
    ck_assert_uint_eq(value.len, whole[_i].len);
    if (value.kind == WKV_MSGPACK_INTEGER) {
        ck_assert_int_eq(value.integer.negative, whole[_i].negative);
        ck_assert_msg(value.integer.bits == whole[_i].bits, "%s", whole[_i].hex);
    } else if (value.kind == WKV_MSGPACK_BOOL) {
        ck_assert_int_eq(value.boolean, whole[_i].bits);
    } else if (value.kind == WKV_MSGPACK_STR || value.kind == WKV_MSGPACK_BIN) {
        ck_assert_ptr_eq(value.bytes, bytes + len - value.len);
    }
    bool nests = value.kind == WKV_MSGPACK_ARRAY || value.kind == WKV_MSGPACK_MAP;
    ck_assert(nests || reader.at == len);
    reader.at = 0;
    ck_assert(wkv_msgpack_skip(&reader));
    ck_assert_uint_eq(reader.at, len);
    ck_assert(!wkv_msgpack_next(&reader, &value));
    ck_assert_str_eq(reader.wrong, "it ends too early");
    free(bytes);
}
END_TEST

START_TEST(refuses_every_value_that_is_cut_off)
{
    size_t full;
    uint8_t *bytes = hex_bytes(whole[_i].hex, &full);
    for (size_t len = 0; len < full; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, bytes, len);
        struct wkv_msgpack_reader reader = {exact, len, 0, NULL};
        struct wkv_msgpack_value value;
        ck_assert_msg(!wkv_msgpack_next(&reader, &value), "%zu of %s", len, whole[_i].hex);
        ck_assert_uint_eq(reader.at, 0);
        ck_assert_ptr_nonnull(reader.wrong);
        ck_assert(!wkv_msgpack_skip(&reader));
        free(exact);
    }
    free(bytes);
}
END_TEST

static const struct {
    const char *hex;
    size_t at;
    const char *wrong;
} hostile[] = {
    {"", 0, "it ends too early"},
    {"c1", 0, "no value begins with the byte c1"},
    {"92 00 c1", 2, "no value begins with the byte c1"},
    {"dd ffffffff", 0, "an array has more elements than bytes are left"},
    {"dd ffffffff 00", 0, "an array has more elements than bytes are left"},
    {"dc ffff 00", 0, "an array has more elements than bytes are left"},
    {"9f 00", 0, "an array has more elements than bytes are left"},
    {"df ffffffff", 0, "a map has more entries than bytes are left"},
    {"df 80000000 00", 0, "a map has more entries than bytes are left"},
    {"de ffff 00", 0, "a map has more entries than bytes are left"},
    {"81 00", 0, "a map has more entries than bytes are left"},
    {"91 dd ffffffff", 1, "an array has more elements than bytes are left"},
    {"93 92 00 00 00", 5, "it ends too early"},
    {"c6 ffffffff 00", 0, "it ends too early"},
    {"db ffffffff 00", 0, "it ends too early"},
    {"c9 ffffffff 00", 0, "it ends too early"},
    {"c9 ffffffff 01 00", 0, "it ends too early"},
    {"c7 01 01", 0, "it ends too early"},
    /* Two bytes might have been a key and a value. */
    {"81 a1 61", 3, "it ends too early"},
};

START_TEST(refuses_hostile_values_where_they_stand)
{
    size_t len;
    uint8_t *bytes = hex_bytes(hostile[_i].hex, &len);
    struct wkv_msgpack_reader reader = {bytes, len, 0, NULL};
    bool skipped = wkv_msgpack_skip(&reader);
    ck_assert_msg(!skipped, "%s", hostile[_i].hex);
    ck_assert_msg(reader.at == hostile[_i].at, "%s: %zu", hostile[_i].hex, reader.at);
    ck_assert_str_eq(reader.wrong, hostile[_i].wrong);
    free(bytes);
}
END_TEST

/* Skips depth heads of one element each, inside one another, and a number in the innermost. */
static bool skip_nested(const char *head_hex, size_t depth, const char **wrong)
{
    size_t head_len;
    uint8_t *head = hex_bytes(head_hex, &head_len);
    size_t len = head_len * depth + 1;
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; i < depth; i++)
        memcpy(bytes + i * head_len, head, head_len);
    bytes[len - 1] = 0;
    struct wkv_msgpack_reader reader = {bytes, len, 0, NULL};
    bool skipped = wkv_msgpack_skip(&reader);
    ck_assert(!skipped || reader.at == len);
    *wrong = reader.wrong;
    free(bytes);
    free(head);
    return skipped;
}

START_TEST(nesting_has_an_end)
{
    static const char *const heads[] = {"91",    "dc 0001",    "dd 00000001",
                                        "81 00", "de 0001 00", "df 00000001 00"};
    const char *wrong = NULL;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        ck_assert_msg(skip_nested(heads[i], 0, &wrong), "%s", heads[i]);
        ck_assert_msg(skip_nested(heads[i], WKV_MSGPACK_MAX_DEPTH, &wrong), "%s", heads[i]);
        ck_assert_msg(!skip_nested(heads[i], WKV_MSGPACK_MAX_DEPTH + 1, &wrong), "%s", heads[i]);
        ck_assert_str_eq(wrong, "nested too deeply");
        ck_assert_msg(!skip_nested(heads[i], 1000000, &wrong), "%s", heads[i]);
        ck_assert_str_eq(wrong, "nested too deeply");
    }
}
END_TEST

START_TEST(skips_one_value_with_all_that_is_in_it)
{
    size_t len;
    uint8_t *bytes = hex_bytes("83 a161 92 01 80 c0 93 a0 c3 81 01 90 02 cb 3ff0000000000000 2a", &len);
    struct wkv_msgpack_reader reader = {bytes, len, 0, NULL};
    struct wkv_msgpack_value value;
    ck_assert(wkv_msgpack_skip(&reader));
    ck_assert(wkv_msgpack_next(&reader, &value));
    ck_assert_uint_eq(value.integer.bits, 42);
    free(bytes);
}
END_TEST

START_TEST(knows_a_text_by_all_its_bytes)
{
    static const struct {
        const char *hex;
        bool is_abc;
    } cases[] = {{"a3 616263", true},  {"c4 03 616263", true}, {"db 00000003 616263", true},
                 {"a2 6162", false},   {"a4 61626300", false}, {"a4 61626364", false},
                 {"a3 616264", false}, {"a0", false},          {"d5 61 6263", false},
                 {"93 616263", false}, {"c0", false},          {"61", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len;
        uint8_t *bytes = hex_bytes(cases[i].hex, &len);
        struct wkv_msgpack_reader reader = {bytes, len, 0, NULL};
        struct wkv_msgpack_value value;
        ck_assert(wkv_msgpack_next(&reader, &value));
        ck_assert_msg(wkv_msgpack_is_text(&value, "abc") == cases[i].is_abc, "%s", cases[i].hex);
        free(bytes);
    }
}
END_TEST

Suite *msgpack_read_suite(void)
{
    Suite *suite = suite_create("codec/msgpack_read");
    TCase *tests = tcase_create("msgpack_read");
    tcase_add_loop_test(tests, reads_every_form_of_a_value, 0, WHOLE);
    tcase_add_loop_test(tests, refuses_every_value_that_is_cut_off, 0, WHOLE);
    tcase_add_loop_test(tests, refuses_hostile_values_where_they_stand, 0,
                        (int)(sizeof hostile / sizeof hostile[0]));
    tcase_add_test(tests, nesting_has_an_end);
    tcase_add_test(tests, skips_one_value_with_all_that_is_in_it);
    tcase_add_test(tests, knows_a_text_by_all_its_bytes);
    suite_add_tcase(suite, tests);
    return suite;
}
