/* base64url of segments: against libsodium's reading of it. */
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "security/segment.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* Decodes with both and compares. The room is as large as was promised, so that a sanitizer sees a byte
 * beyond. */
static void compare(const char *text, size_t len)
{
    unsigned char expected[64];
    char again[96];
    size_t expected_len = 0, got_len = 0;
    unsigned char *got = malloc(len == 0 ? 1 : len);
    ck_assert_ptr_nonnull(got);
    bool good =
        sodium_base642bin(expected, sizeof expected, text, len, NULL, &expected_len, NULL, VARIANT) == 0 &&
        sodium_base64_encoded_len(expected_len, VARIANT) == len + 1;
    if (good) {
        sodium_bin2base64(again, sizeof again, expected, expected_len, VARIANT);
        good = memcmp(again, text, len) == 0;
    }
    ck_assert_msg(wkv_segment_decode((struct wkv_text){text, len}, got, &got_len) == good, "%.*s", (int)len,
                  text);
    if (good) {
        ck_assert_uint_eq(got_len, expected_len);
        ck_assert_mem_eq(got, expected, got_len);
    }
    free(got);
}

START_TEST(every_byte_in_every_place_is_read_as_libsodium_reads_it)
{
    static const char right[] = "AZaz09-_AQ";
    for (size_t len = 0; len < sizeof right; len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                char text[sizeof right];
                memcpy(text, right, sizeof right);
                text[at] = (char)(unsigned char)byte;
                compare(text, len);
            }
}
END_TEST

START_TEST(what_was_encoded_comes_back)
{
    unsigned char bytes[48];
    char text[96];
    randombytes_buf(bytes, sizeof bytes);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        sodium_bin2base64(text, sizeof text, bytes, len, VARIANT);
        compare(text, strlen(text));
        if (len > 0) {
            unsigned char got[96];
            size_t got_len;
            ck_assert(wkv_segment_decode((struct wkv_text){text, strlen(text)}, got, &got_len));
            ck_assert_uint_eq(got_len, len);
            ck_assert_mem_eq(got, bytes, len);
        }
    }
}
END_TEST

Suite *segment_suite(void)
{
    Suite *suite = suite_create("segments");
    TCase *all = tcase_create("all");
    tcase_add_test(all, every_byte_in_every_place_is_read_as_libsodium_reads_it);
    tcase_add_test(all, what_was_encoded_comes_back);
    suite_add_tcase(suite, all);
    return suite;
}
