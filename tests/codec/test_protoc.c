/* The codec against another implementation: Google's protoc encodes what we decode and decodes what we write.
 * And the table of messages that the other tests run through against the proto file, which protoc reads. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec/messages.h"
#include "source_dir.h"

static char directory[] = "/tmp/wkv-protoc-XXXXXX";
static const char proto_directory[] = WKV_SOURCE_DIR "/proto";

static void write_file(const char *name, const void *bytes, size_t len)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

static size_t read_file(const char *name, char *bytes, size_t size)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t len = fread(bytes, 1, size, file);
    ck_assert_uint_lt(len, size);
    ck_assert_int_eq(fclose(file), 0);
    return len;
}

/* Runs protoc --<what>=keyvalue.<type> on in; returns the bytes in out. */
static size_t protoc(const char *what, const char *type, const void *in, size_t len, char *out, size_t size)
{
    write_file("in", in, len);
    char command[3 * PATH_MAX];
    int written = snprintf(command, sizeof command,
                           "protoc --%s=keyvalue.%s -I '%s' '%s/keyvalue.proto' <%s/in >%s/out", what, type,
                           proto_directory, proto_directory, directory, directory);
    ck_assert_int_lt(written, (int)sizeof command);
    ck_assert_int_eq(system(command), 0);
    return read_file("out", out, size);
}

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *text; /* protoc's text format */
    const char *json; /* the same */
} cases[] = {
    {&keyvalue__set_request__descriptor, "key: \"k\"\nvalue: \"v\"\nexpires_s: 60\n",
     "{\"key\":\"k\",\"value\":\"v\",\"expires_s\":60}"},
    {&keyvalue__set_request__descriptor, "key: \"a\\000b\"\nvalue: \"\\\"\\n\\303\\251\"\nexpires_s: -1\n",
     "{\"key\":\"a\\u0000b\",\"value\":\"\\\"\\n\xc3\xa9\",\"expiresS\":\"-1\"}"},
    {&keyvalue__set_request__descriptor, "", "{}"},
    {&keyvalue__set_request__descriptor, "expires_s: 2147483647\n", "{\"expires_s\":2147483647}"},
    {&keyvalue__add_request__descriptor, "key: \"n\"\nvalue: -2147483648\n",
     "{\"key\":\"n\",\"value\":-2147483648}"},
    {&keyvalue__get_response__descriptor, "value: \"v\"\nexists: true\n",
     "{\"value\":\"v\",\"exists\":true}"},
    {&keyvalue__get_response__descriptor, "exists: true\n", "{\"exists\":true}"},
    {&keyvalue__set_union_request__descriptor, "keys: \"a\"\nkeys: \"\"\nkeys: \"c\"\n",
     "{\"keys\":[\"a\",\"\",\"c\"]}"},
    {&keyvalue__list_range_request__descriptor, "key: \"l\"\nstart: -3\nstop: -1\n",
     "{\"key\":\"l\",\"start\":-3,\"stop\":-1}"},
    {&keyvalue__list_response__descriptor, "new_count: 300\n", "{\"newCount\":300}"},
};

START_TEST(protoc_and_we_agree)
{
    static char bytes[4096], text[4096];
    const ProtobufCMessageDescriptor *type = cases[_i].type;
    struct wkv_arena arena;
    struct wkv_buffer buffer = {0};
    struct wkv_sink sink;
    struct wkv_error error;
    ck_assert(wkv_arena_init(&arena, 4096, 1 << 20));
    /* What protoc encodes is what the JSON says. */
    size_t len =
        protoc("encode", type->short_name, cases[_i].text, strlen(cases[_i].text), bytes, sizeof bytes);
    ProtobufCMessage *of_protoc, *of_json;
    ck_assert_int_eq(wkv_decode(type, WKV_PROTOBUF, bytes, len, &arena, &of_protoc, &error), WKV_OK);
    ck_assert_int_eq(
        wkv_decode(type, WKV_JSON, cases[_i].json, strlen(cases[_i].json), &arena, &of_json, &error), WKV_OK);
    ck_assert(test_messages_equal(of_protoc, of_json));
    /* What we write is what protoc encodes, to the byte, and it reads it so. */
    ck_assert_int_eq(test_write(of_json, WKV_PROTOBUF, &buffer, SIZE_MAX, &sink), WKV_OK);
    ck_assert_uint_eq(buffer.len, len);
    ck_assert(len == 0 || memcmp(buffer.data, bytes, len) == 0);
    size_t text_len = protoc("decode", type->short_name, len == 0 ? "" : buffer.data, len, text, sizeof text);
    ck_assert_uint_eq(text_len, strlen(cases[_i].text));
    ck_assert_mem_eq(text, cases[_i].text, text_len);
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&arena);
}
END_TEST

START_TEST(the_tests_know_every_message_of_the_proto_file)
{
    char path[PATH_MAX + 32], line[512], name[256];
    snprintf(path, sizeof path, "%s/keyvalue.proto", proto_directory);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t found = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "message %255[A-Za-z0-9]", name) != 1)
            continue;
        bool known = false;
        for (size_t i = 0; i < ALL_MESSAGES; i++)
            known |= strcmp(all_messages[i]->short_name, name) == 0;
        for (size_t i = 0; i < NESTED_MESSAGES; i++)
            known |= strcmp(nested_messages[i]->short_name, name) == 0;
        ck_assert_msg(known, "%s is not in tests/codec/messages.h", name);
        found++;
    }
    fclose(file);
    ck_assert_uint_eq(found, ALL_MESSAGES + NESTED_MESSAGES);
}
END_TEST

/* Without a word, which the warnings of one language's generator would be. */
START_TEST(generators_take_the_files_as_they_are)
{
    static const char *const files[] = {"keyvalue", "core", "operator"};
    static const char *const languages[] = {"python", "cpp", "java", "csharp", "ruby", "php"};
    char command[4 * PATH_MAX], said[4096];
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
        int written =
            snprintf(command, sizeof command,
                     "mkdir -p '%s/%s' && protoc --%s_out='%s/%s' -I '%s' '%s/%s.proto' >'%s/out' 2>&1",
                     directory, languages[i], languages[i], directory, languages[i], proto_directory,
                     proto_directory, files[_i], directory);
        ck_assert_int_lt(written, (int)sizeof command);
        ck_assert_msg(system(command) == 0, "%s", command);
        size_t len = read_file("out", said, sizeof said);
        ck_assert_msg(len == 0, "%s: %.*s", command, (int)len, said);
    }
}
END_TEST

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void)
{
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

Suite *protoc_suite(void)
{
    Suite *suite = suite_create("codec/protoc");
    TCase *tests = tcase_create("protoc");
    tcase_add_unchecked_fixture(tests, make_directory, remove_directory);
    tcase_add_test(tests, the_tests_know_every_message_of_the_proto_file);
    if (system("protoc --version >/dev/null 2>&1") != 0)
        puts("SKIP protoc_and_we_agree: there is no protoc (Debian: protobuf-compiler)");
    else {
        tcase_add_loop_test(tests, protoc_and_we_agree, 0, (int)(sizeof cases / sizeof cases[0]));
        tcase_add_loop_test(tests, generators_take_the_files_as_they_are, 0, 3);
    }
    suite_add_tcase(suite, tests);
    return suite;
}
