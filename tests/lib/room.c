/* The main of a room's program: test-<room> [UNIT [CASE]]. */
#include "lib/room.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 64 };

/* The one test function that is asked for, and how often it was added; NULL for all. */
static struct {
    const char *function;
    size_t found;
} only;

/* Check runs test cases by name, but not test functions. All ways of adding one come here: `--wrap` in CMake.
 */
void __real__tcase_add_test(TCase *, const TTest *, int, int, int, int);
void __wrap__tcase_add_test(TCase *, const TTest *, int, int, int, int);
void __wrap__tcase_add_test(TCase *tests, const TTest *test, int signal, int exit_value, int start, int end)
{
    if (only.function != NULL && strcmp(test->name, only.function) != 0)
        return;
    only.found++;
    __real__tcase_add_test(tests, test, signal, exit_value, start, end);
}

/* Every assertion that holds writes its place to Check's file, with a system call, in case that the test
 * crashes after it. In a loop of a hundred thousand rounds that is what takes the time; so a line is written
 * so many times a test. */
enum { POINTS_A_LINE = 16, LINES = 4096 };
static _Atomic unsigned char points[LINES];

void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line)
{
    _Atomic unsigned char *passed = &points[(unsigned)line % LINES];
    unsigned char times = atomic_load_explicit(passed, memory_order_relaxed);
    if (times >= POINTS_A_LINE)
        return;
    atomic_store_explicit(passed, (unsigned char)(times + 1), memory_order_relaxed);
    __real__mark_point(file, line);
}

__attribute__((weak)) void test_room_begin(void)
{
}

__attribute__((weak)) bool test_room_is_sound(void)
{
    return true;
}

bool test_on_path(const char *program)
{
    char file[4096];
    const char *path = getenv("PATH");
    for (const char *one = path == NULL ? "" : path; *one != '\0'; one += strspn(one, ":")) {
        size_t len = strcspn(one, ":");
        (void)snprintf(file, sizeof file, "%.*s/%s", (int)len, one, program);
        if (access(file, X_OK) == 0)
            return true;
        one += len;
    }
    return false;
}

static size_t scale_percent(void)
{
    const char *scale = getenv("WKV_TEST_SCALE");
    return scale == NULL ? 100 : strtoul(scale, NULL, 10);
}

size_t test_scaled(size_t count)
{
    size_t percent = scale_percent();
    size_t scaled = count / 100 * percent + count % 100 * percent / 100;
    return scaled == 0 ? 1 : scaled;
}

size_t test_scaled_from(size_t least, size_t count)
{
    size_t scaled = test_scaled(count);
    return scaled < least ? least : scaled;
}

unsigned test_stride(void)
{
    size_t percent = scale_percent();
    return percent >= 100 ? 1 : (unsigned)(100 / (percent + 1)) | 1;
}

/* Those that start threads must be known, or ThreadSanitizer would never see them. */
static bool keeps_to_its_threads(const struct test_unit *unit)
{
    if (unit->threads || test_threads_started() == 0)
        return true;
    printf("not ok %s/%s starts threads: put it on the list of tests/CMakeLists.txt, so that TSan runs it\n",
           test_room, unit->name);
    return false;
}

static bool run(const struct test_unit *unit, SRunner *runner, const char *test_case)
{
    srunner_run(runner, NULL, test_case, CK_ENV);
    bool passed = srunner_ntests_failed(runner) == 0;
    return test_room_is_sound() && keeps_to_its_threads(unit) && passed;
}

static int run_unit(const struct test_unit *unit)
{
    SRunner *runner = srunner_create(unit->make());
    bool passed = run(unit, runner, NULL);
    srunner_free(runner);
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* `name` is that of a test case, or else of a test function. */
static int run_part(const struct test_unit *unit, const char *name)
{
    Suite *suite = unit->make();
    bool is_case = suite_tcase(suite, name) != 0;
    SRunner *runner = srunner_create(suite);
    if (!is_case) {
        srunner_free(runner);
        only.function = name;
        only.found = 0;
        runner = srunner_create(unit->make());
    }
    bool passed = (is_case || only.found > 0) && run(unit, runner, is_case ? name : NULL);
    if (!is_case && only.found == 0)
        (void)fprintf(stderr, "test-%s: %s has neither a test case nor a test function named '%s'\n",
                      test_room, unit->name, name);
    srunner_free(runner);
    return passed ? EXIT_SUCCESS : is_case || only.found > 0 ? EXIT_FAILURE : EXIT_USAGE;
}

static int run_all(void)
{
    int status = EXIT_SUCCESS;
    for (const struct test_unit *unit = test_units; unit->name != NULL; unit++)
        if (run_unit(unit) != EXIT_SUCCESS)
            status = EXIT_FAILURE;
    return status;
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "usage: test-%s [UNIT [CASE]]\nCASE is a test case or a test function. Units:", test_room);
    for (const struct test_unit *unit = test_units; unit->name != NULL; unit++)
        (void)fprintf(stderr, " %s", unit->name);
    (void)fputc('\n', stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    /* Check's own 4 seconds are for smaller machines than sanitizers make of ours. */
    (void)setenv("CK_DEFAULT_TIMEOUT", "120", 0);
    test_threads_begin();
    test_room_begin();
    if (argc == 1)
        return run_all();
    for (const struct test_unit *unit = test_units; unit->name != NULL; unit++)
        if (strcmp(unit->name, argv[1]) == 0 && argc <= 3)
            return argc == 2 ? run_unit(unit) : run_part(unit, argv[2]);
    return usage();
}
