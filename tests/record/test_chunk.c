/* Chunks of snapshots. */
#include "record/chunk.h"
#include "store/store_test.h"
#include "support/text.h"

static struct wkv_record_key key_of(uint64_t log_id)
{
    return wkv_record_key_of(log_id);
}

static struct wkv_chunk a_chunk(void)
{
    return (struct wkv_chunk){.kind = WKV_PART_KEYS,
                              .goes_on = true,
                              .snapshot = 7,
                              .number = UINT32_MAX,
                              .of_part = 3,
                              .position = 99,
                              .from = 5,
                              .to = UINT64_MAX,
                              .body = {"keys", 4}};
}

static struct wkv_text text_of(const struct wkv_buffer *buffer)
{
    return (struct wkv_text){buffer->data, buffer->len};
}

START_TEST(what_is_written_is_read)
{
    struct wkv_record_key key = key_of(4);
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_chunk chunk = a_chunk(), read;
    uint64_t log_id;
    ck_assert(wkv_chunk_write(&chunk, &key, &buffer));
    ck_assert_uint_eq(buffer.len, WKV_CHUNK_BYTES + 4);
    ck_assert_int_eq(wkv_chunk_read(text_of(&buffer), &key, &read), WKV_RECORD_OK);
    ck_assert(read.kind == chunk.kind && read.goes_on && read.snapshot == 7 && read.number == UINT32_MAX &&
              read.of_part == 3 && read.position == 99 && read.from == 5 && read.to == UINT64_MAX);
    ck_assert(wkv_text_is(read.body, "keys"));
    ck_assert(wkv_chunk_log_id(text_of(&buffer), &log_id) && log_id == 4);
    struct wkv_record_key other = key_of(5);
    ck_assert_int_eq(wkv_chunk_read(text_of(&buffer), &other, &read), WKV_RECORD_FOREIGN);
    wkv_buffer_destroy(&buffer);
}
END_TEST

START_TEST(every_truncation_and_bit_flip_is_refused)
{
    struct wkv_record_key key = key_of(4);
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_chunk chunk = a_chunk(), read;
    ck_assert(wkv_chunk_write(&chunk, &key, &buffer));
    for (size_t len = 0; len < buffer.len; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, buffer.data, len);
        ck_assert_int_ne(wkv_chunk_read((struct wkv_text){cut, len}, &key, &read), WKV_RECORD_OK);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * buffer.len; bit++) {
        buffer.data[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert_int_ne(wkv_chunk_read(text_of(&buffer), &key, &read), WKV_RECORD_OK);
        buffer.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    wkv_buffer_destroy(&buffer);
}
END_TEST

static enum wkv_record_status status_with(size_t at, unsigned char byte)
{
    struct wkv_record_key key = key_of(4);
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_chunk chunk = a_chunk(), read;
    ck_assert(wkv_chunk_write(&chunk, &key, &buffer));
    buffer.data[at] = (char)byte;
    uint64_t sum = wkv_record_hash(&key, (struct wkv_text){buffer.data, buffer.len - 8});
    for (size_t i = 0; i < 8; i++)
        buffer.data[buffer.len - 8 + i] = (char)(sum >> (8 * i));
    enum wkv_record_status status = wkv_chunk_read(text_of(&buffer), &key, &read);
    wkv_buffer_destroy(&buffer);
    return status;
}

START_TEST(what_no_writer_makes_is_refused)
{
    ck_assert_int_eq(status_with(4, WKV_RECORD_FORMAT + 1), WKV_RECORD_NEWER);
    ck_assert_int_eq(status_with(4, 0), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(5, 0), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(5, WKV_PART_MANIFEST + 1), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(6, 2), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(55, 0), WKV_RECORD_OK);
    ck_assert_int_eq(status_with(47, 0xff), WKV_RECORD_OK);
    ck_assert_int_eq(status_with(56, 5), WKV_RECORD_MALFORMED); /* a longer body */
    ck_assert_int_eq(status_with(60, 1), WKV_RECORD_MALFORMED);
}
END_TEST

START_TEST(a_body_has_a_limit)
{
    struct wkv_record_key key = key_of(4);
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_chunk chunk = a_chunk();
    char *body = calloc(1, WKV_CHUNK_MAX_BODY_BYTES + 1);
    chunk.body = (struct wkv_text){body, WKV_CHUNK_MAX_BODY_BYTES + 1};
    ck_assert(!wkv_chunk_write(&chunk, &key, &buffer));
    chunk.body.len--;
    ck_assert(wkv_chunk_write(&chunk, &key, &buffer));
    ck_assert_uint_eq(buffer.len, 256 * 1024);
    wkv_buffer_destroy(&buffer);
    free(body);
}
END_TEST

START_TEST(the_digest_is_of_all_chunks_in_their_order)
{
    struct wkv_record_key key = key_of(4);
    uint64_t ab = wkv_chunk_digest(&key, wkv_chunk_digest(&key, 0, test_text("a")), test_text("b"));
    uint64_t ba = wkv_chunk_digest(&key, wkv_chunk_digest(&key, 0, test_text("b")), test_text("a"));
    ck_assert_uint_ne(ab, ba);
    ck_assert_uint_ne(ab, wkv_chunk_digest(&key, 0, test_text("b")));
}
END_TEST

Suite *chunk_suite(void)
{
    Suite *suite = suite_create("record/chunk");
    TCase *tests = tcase_create("chunks");
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, every_truncation_and_bit_flip_is_refused);
    tcase_add_test(tests, what_no_writer_makes_is_refused);
    tcase_add_test(tests, a_body_has_a_limit);
    tcase_add_test(tests, the_digest_is_of_all_chunks_in_their_order);
    suite_add_tcase(suite, tests);
    return suite;
}
