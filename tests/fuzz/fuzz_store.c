/* The store beside the model of tests/store/test_model.c, whose every choice is the input's instead of a
 * generator's: so the fuzzer looks for the order of operations that reaches something new. */
#include <stdarg.h>

#include "fuzz.h"

/* The model draws from these two. */
#define test_random seeded_random
#define test_below seeded_below
#include "store/store_test.h"
#undef test_random
#undef test_below

static struct input drawn;

static uint64_t test_random(uint64_t *state)
{
    (void)state;
    uint64_t number = 0;
    for (int i = 0; i < 4; i++)
        number = number << 8 | take_byte(&drawn);
    return number * UINT64_C(0x9e3779b97f4a7c15);
}

/* As few bytes as will do, so that a short input goes a long way. */
static size_t test_below(uint64_t *state, size_t below)
{
    (void)state;
    size_t number = take_byte(&drawn);
    for (size_t reach = 256; reach < below && reach < SIZE_MAX >> 8; reach <<= 8)
        number = number << 8 | take_byte(&drawn);
    return number % below;
}

Suite *model_suite(void);
#include "store/test_model.c"

/* Check would tell its parent process; here there is none. */
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, const char *message, ...);
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, const char *message, ...)
{
    va_list args;
    (void)fprintf(stderr, "%s:%d: %s: ", file, line, expression);
    va_start(args, message);
    if (message != NULL)
        (void)vfprintf(stderr, message, args);
    va_end(args);
    abort();
}

void __wrap__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line)
{
    (void)file;
    (void)line;
}

size_t test_scaled(size_t count)
{
    return count;
}

#define MOST_STEPS 3000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const unsigned char hash_seed[WKV_STORE_HASH_SEED_BYTES] = {7};
    struct run *run = calloc(1, sizeof *run);
    must(run != NULL);
    drawn = (struct input){bytes, bytes + len};
    unsigned choice = take_byte(&drawn);
    struct wkv_store_options options = {.shards = 1u << (choice & 3),
                                        .blocks = (choice & 32) != 0 ? WKV_STORE_BLOCKS_POOLED
                                                                     : WKV_STORE_BLOCKS_DEFAULT,
                                        .hash_seed = hash_seed};
    run->now_ns = TEST_NOW;
    run->style = choice >> 2 & (STYLES - 1);
    if ((choice & 16) != 0)
        run->budget_bytes = options.max_memory_bytes =
            40000u + (choice >> 5) * 10000u + (options.shards + 1) * CHANGES_BYTES;
    run->store = wkv_store_create(&options, TEST_NOW);
    must(run->store != NULL || run->budget_bytes != 0);
    if (run->store == NULL) {
        free(run);
        return 0;
    }
    run->changes = wkv_changes_open(run->store, &changes_options);
    must(run->changes != NULL);
    make_names(run);
    while (drawn.at < drawn.end && run->step < MOST_STEPS) {
        one_step(run);
        run->step++;
    }
    compare_all(run);
    wind_up(run);
    free(run);
    return 0;
}
