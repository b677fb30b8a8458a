/* Who is asked by `health --self`, and by whom. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/self_address.h"

#define SOON_MS 10000

static struct wkv_vitals vitals;
static struct wkv_log quiet;
static struct wkv_error error;
static char binding[64];

/* Other tests of this user may run beside this one. */
static struct wkv_self_name mine(const char *lattice_namespace)
{
    return (struct wkv_self_name){lattice_namespace, binding};
}

static void start(void)
{
    wkv_vitals_init(&vitals);
    wkv_log_init(&quiet, -1, WKV_LOG_ERROR, WKV_LOG_TEXT);
    (void)snprintf(binding, sizeof binding, "test-self-%d", (int)getpid());
}

static struct wkv_self *serve(struct wkv_self_name name)
{
    struct wkv_self *self = wkv_self_start(&name, &vitals, &quiet);
    ck_assert_ptr_nonnull(self);
    return self;
}

static void check_found(struct wkv_self_name name)
{
    enum wkv_code code = wkv_self_ask(&name, SOON_MS, &error);
    ck_assert_msg(code == WKV_OK, "%s", error.text);
}

static void check_none(struct wkv_self_name name)
{
    ck_assert_int_eq(wkv_self_ask(&name, SOON_MS, &error), WKV_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "no process of this user serves binding"));
}

START_TEST(one_of_the_same_name_is_found_and_no_other)
{
    check_none(mine("ns"));
    struct wkv_self *self = serve(mine("ns"));
    check_found(mine("ns"));
    check_none(mine("nt"));
    check_none(mine(""));
    struct wkv_self_name other = {"ns", "another-binding-of-the-test"};
    check_none(other);
    wkv_self_stop(self);
    check_none(mine("ns"));
}
END_TEST

START_TEST(no_namespace_is_the_empty_one)
{
    struct wkv_self *self = serve(mine(NULL));
    check_found(mine(""));
    wkv_self_stop(self);
}
END_TEST

/* "a" with "bc" is not "ab" with "c". */
START_TEST(names_do_not_run_into_each_other)
{
    char longer[80];
    (void)snprintf(longer, sizeof longer, "b%s", binding);
    struct wkv_self_name joined = {"a", longer};
    struct wkv_self *self = serve(joined);
    check_none(mine("ab"));
    wkv_self_stop(self);
}
END_TEST

START_TEST(one_whose_parts_do_not_turn_is_not_well)
{
    struct wkv_pulse stuck = {.name = "worker 7", .turning = true};
    wkv_vitals_add(&vitals, &stuck);
    struct wkv_self *self = serve(mine(NULL));
    struct wkv_self_name name = mine(NULL);
    ck_assert_int_eq(wkv_self_ask(&name, SOON_MS, &error), WKV_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "worker 7"));
    wkv_vitals_remove(&vitals, &stuck);
    check_found(name);
    wkv_self_stop(self);
}
END_TEST

/* Listens at a slot of the name and never answers. */
static int listen_in_silence(unsigned slot, int backlog)
{
    struct wkv_self_address at;
    struct wkv_self_name name = mine(NULL);
    wkv_self_address(&name, slot, &at);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at.address, at.len), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

START_TEST(one_that_does_not_answer_is_not_well)
{
    struct wkv_self_name name = mine(NULL);
    int fd = listen_in_silence(0, 0);
    int64_t begin_ns = wkv_monotonic_ns();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(wkv_self_ask(&name, 200, &error), WKV_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(error.text, "does not answer within 200 ms"));
    }
    ck_assert_int_lt(wkv_monotonic_ns() - begin_ns, SOON_MS * WKV_NS_PER_MS);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(of_several_all_must_be_well)
{
    struct wkv_self *one = serve(mine(NULL)), *two = serve(mine(NULL));
    check_found(mine(NULL));
    wkv_self_stop(one);
    check_found(mine(NULL));
    int fd = listen_in_silence(0, 8);
    struct wkv_self_name name = mine(NULL);
    ck_assert_int_eq(wkv_self_ask(&name, 200, &error), WKV_UNAVAILABLE);
    ck_assert_int_eq(close(fd), 0);
    check_found(mine(NULL));
    wkv_self_stop(two);
}
END_TEST

START_TEST(where_no_name_is_left_nobody_listens)
{
    struct wkv_self *all[WKV_SELF_SLOTS];
    struct wkv_self_name name = mine(NULL);
    for (unsigned i = 0; i < WKV_SELF_SLOTS; i++)
        all[i] = serve(name);
    ck_assert_ptr_null(wkv_self_start(&name, &vitals, &quiet));
    check_found(name);
    for (unsigned i = 0; i < WKV_SELF_SLOTS; i++)
        wkv_self_stop(all[i]);
    wkv_self_stop(NULL);
}
END_TEST

/* ---- other users; for root, who can become one ---- */

#define NOBODY_ELSE 65534

/* Runs it as another user and returns what it returns. The caller's name stays the one that is asked for. */
static bool as_another_user(bool (*does)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(setuid(NOBODY_ELSE) == 0 && does() ? 0 : 1);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static struct wkv_self_address address_of_root;

static bool is_answered(void)
{
    char byte;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (const struct sockaddr *)&address_of_root.address, address_of_root.len) == 0 &&
           read(fd, &byte, 1) == 1;
}

START_TEST(another_user_gets_no_answer)
{
    struct wkv_self_name name = mine(NULL);
    struct wkv_self *self = serve(name);
    wkv_self_address(&name, 0, &address_of_root);
    ck_assert(is_answered());
    ck_assert(!as_another_user(is_answered));
    wkv_self_stop(self);
}
END_TEST

static int taken;

static bool take_the_name(void)
{
    return bind(taken, (const struct sockaddr *)&address_of_root.address, address_of_root.len) == 0 &&
           listen(taken, 8) == 0;
}

/* The kernel notes who called listen. */
START_TEST(another_users_process_under_the_name_is_passed_by)
{
    struct wkv_self_name name = mine(NULL);
    wkv_self_address(&name, 0, &address_of_root);
    taken = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(as_another_user(take_the_name));
    check_none(name);
    struct wkv_self *self = serve(name);
    check_found(name);
    wkv_self_stop(self);
    ck_assert_int_eq(close(taken), 0);
}
END_TEST

Suite *self_suite(void)
{
    Suite *suite = suite_create("support/self");
    TCase *tests = tcase_create("self");
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, one_of_the_same_name_is_found_and_no_other);
    tcase_add_test(tests, no_namespace_is_the_empty_one);
    tcase_add_test(tests, names_do_not_run_into_each_other);
    tcase_add_test(tests, one_whose_parts_do_not_turn_is_not_well);
    tcase_add_test(tests, one_that_does_not_answer_is_not_well);
    tcase_add_test(tests, of_several_all_must_be_well);
    tcase_add_test(tests, where_no_name_is_left_nobody_listens);
    if (geteuid() == 0) {
        tcase_add_test(tests, another_user_gets_no_answer);
        tcase_add_test(tests, another_users_process_under_the_name_is_passed_by);
    } else {
        (void)printf("skip support/self other users: only root can become one\n");
    }
    suite_add_tcase(suite, tests);
    return suite;
}
