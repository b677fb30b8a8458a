/* Small files that an operator names. */
#include <check.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/file.h"

static char folder[] = "/tmp/wkv-file-XXXXXX";
static char path[64];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/file", folder);
}

static void remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static char *bytes;
static size_t len;
static struct wkv_error error;

static enum wkv_code read_it(const char *what, const char *name, enum wkv_file_kind kind, size_t max_bytes)
{
    return wkv_file_read_secret(what, name, kind, max_bytes, &bytes, &len, &error);
}

START_TEST(a_file_is_read_up_to_its_bound)
{
    write_file("12345678");
    ck_assert_int_eq(read_it("that file", path, WKV_FILE_REGULAR, 8), WKV_OK);
    ck_assert_str_eq(bytes, "12345678");
    ck_assert_uint_eq(len, 8);
    sodium_free(bytes);
    ck_assert_int_eq(read_it("that file", path, WKV_FILE_ANY, 7), WKV_BAD_REQUEST);
    ck_assert_str_eq(error.text, "that file is longer than 7 bytes");
    ck_assert_ptr_null(bytes);
    write_file("");
    ck_assert_int_eq(read_it("that file", path, WKV_FILE_REGULAR, 8), WKV_OK);
    ck_assert_str_eq(bytes, "");
    ck_assert_uint_eq(len, 0);
    sodium_free(bytes);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused_at_once)
{
    const char *const others[] = {path, folder, "/dev/zero", "/nowhere/at/all"};
    const char *const says[] = {"not a regular file", "Is a directory", "not a regular file", "No such file"};
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(read_it("that", others[i], WKV_FILE_REGULAR, 1), WKV_BAD_REQUEST);
        ck_assert_msg(strstr(error.text, says[i]) != NULL &&
                          strncmp(error.text, "cannot read that: ", 18) == 0,
                      "%s", error.text);
    }
}
END_TEST

/* As with `--claims <(...)`. */
START_TEST(a_pipe_is_read_where_somebody_waits_for_it)
{
    char name[32];
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(write(ends[1], "abc", 3), 3);
    (void)close(ends[1]);
    (void)snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    ck_assert_int_eq(read_it("that", name, WKV_FILE_ANY, 8), WKV_OK);
    ck_assert_uint_eq(len, 3);
    sodium_free(bytes);
    (void)close(ends[0]);
}
END_TEST

Suite *file_suite(void)
{
    Suite *suite = suite_create("support/file");
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, a_file_is_read_up_to_its_bound);
    tcase_add_test(tests, what_is_no_regular_file_is_refused_at_once);
    tcase_add_test(tests, a_pipe_is_read_where_somebody_waits_for_it);
    suite_add_tcase(suite, tests);
    return suite;
}
