/* What every room of tests stands on. A room is a folder of tests/; its test_<unit>.c files each define
 * `Suite *<unit>_suite(void)`, CMake finds them and makes the program test-<room> of them with room.c's main.
 */
#ifndef WKV_TESTS_LIB_ROOM_H
#define WKV_TESTS_LIB_ROOM_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

struct test_unit {
    const char *name;
    Suite *(*make)(void);
    bool threads; /* on CMake's list of the suites that start threads, which are those that TSan runs */
};

/* From CMake: the room's name, and its units up to one without a name. */
extern const char test_room[];
extern const struct test_unit test_units[];

/* A room may define these two. Before all suites: what its tests need in the process that they are forked
 * from. */
void test_room_begin(void);

/* After a suite: false where something failed that Check does not count, as in the teardown of an unchecked
 * fixture. The room has said what. */
bool test_room_is_sound(void);

/* The threads that this process and those that Check forked from it have started; 0 where a sanitizer counts
 * threads itself. */
size_t test_threads_started(void);

/* Before any suite runs. */
void test_threads_begin(void);

/* Whether PATH leads to that program. */
bool test_on_path(const char *program);

/* So much of count as the environment variable WKV_TEST_SCALE says, in percent; never nothing. */
size_t test_scaled(size_t count);

/* The same, but never less than `least`: what a test must do to have seen what it looks for. */
size_t test_scaled_from(size_t least, size_t count);

/* For what is tried with every value of something: the step from one to the next, 1 at full scale. It is odd,
 * so that a loop which begins elsewhere each time passes through all residues of a power of two. */
unsigned test_stride(void);

#endif
