/* How long upkeep holds up a request while a million keys expire within one second.
 *
 * One thread Gets keys that stay, as fast as it can; a janitor calls wkv_store_maintain as the program does.
 * First nothing expires (the baseline), then everything that was loaded does. What is printed is time on the
 * clock; on a machine that does other things too the longest of anything may be the scheduler's doing, so
 * how long the janitor holds a lock is given in processor time as well, and Gets that waited for a lock are
 * told from those that were only made to give up the processor.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lib/arguments.h"
#include "lib/histogram.h"
#include "lib/store_once.h"
#include "support/clock.h"

#define SECOND_NS INT64_C(1000000000)
#define STAYING_KEYS 10000u
#define SLICE_PAUSE_NS 1000000 /* between two slices where nothing is left to do */
#define LOAD_AHEAD_NS (3600 * SECOND_NS)
#define SHORTEST_SLEEP_NS 3000  /* going to sleep and waking up take longer */
#define LEAD_NS (3 * SECOND_NS) /* measured before the first key expires */

struct options {
    uint64_t keys;
    uint32_t shards;
    unsigned steps;
};

struct times {
    struct bench_histogram histogram;
    int64_t longest_ns;
};

static void times_add(struct times *times, int64_t ns)
{
    bench_histogram_add(&times->histogram, ns);
    times->longest_ns = ns > times->longest_ns ? ns : times->longest_ns;
}

static double quantile(const struct times *times, double share)
{
    return bench_histogram_quantile(&times->histogram, share);
}

struct bench {
    struct options options;
    struct wkv_store *store;
    int64_t ahead_ns; /* what the store is told is this much more than the clock's time */
    atomic_bool over;
    struct times gets;
    struct times blocked_gets; /* those of them that slept: they waited for a lock */
    struct times slices;       /* calls of maintain, on the clock */
};

/* How long upkeep held the lock of one shard. The linker puts wkv_shard_maintain's calls through the function
 * below (--wrap), which runs under that lock. Only the janitor's thread writes these. */
static struct times holds, holds_processor;

static int64_t bench_now(const struct bench *bench)
{
    return wkv_monotonic_ns() + bench->ahead_ns;
}

struct wkv_shard;
bool __real_wkv_shard_maintain(struct wkv_shard *shard, int64_t now_ns, unsigned max_steps);
bool __wrap_wkv_shard_maintain(struct wkv_shard *shard, int64_t now_ns, unsigned max_steps);

static int64_t thread_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

bool __wrap_wkv_shard_maintain(struct wkv_shard *shard, int64_t now_ns, unsigned max_steps)
{
    int64_t start_ns = wkv_monotonic_ns(), start_thread_ns = thread_ns();
    bool more = __real_wkv_shard_maintain(shard, now_ns, max_steps);
    times_add(&holds_processor, thread_ns() - start_thread_ns);
    times_add(&holds, wkv_monotonic_ns() - start_ns);
    return more;
}

static struct wkv_key numbered_key(char text[32], const char *prefix, uint64_t number)
{
    int len = snprintf(text, 32, "%s%" PRIu64, prefix, number);
    return (struct wkv_key){0, {text, (size_t)len}};
}

static bool see(void *context, struct wkv_text text)
{
    *(size_t *)context += text.len;
    return true;
}

/* How often this thread has gone to sleep of its own accord, which Gets do for a lock and for nothing else.
 */
static long sleeps(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void *get_on(void *argument)
{
    struct bench *bench = argument;
    uint64_t number = 0;
    size_t seen = 0;
    long slept = sleeps();
    while (!atomic_load_explicit(&bench->over, memory_order_relaxed)) {
        char text[32];
        struct wkv_key key = numbered_key(text, "stays", number++ % STAYING_KEYS);
        int64_t start = wkv_monotonic_ns();
        (void)wkv_store_get(bench->store, key, start + bench->ahead_ns, see, &seen);
        int64_t taken_ns = wkv_monotonic_ns() - start;
        times_add(&bench->gets, taken_ns);
        if (taken_ns < SHORTEST_SLEEP_NS)
            continue;
        long slept_before = slept;
        slept = sleeps();
        if (slept != slept_before)
            times_add(&bench->blocked_gets, taken_ns);
    }
    return NULL;
}

static void *keep_up(void *argument)
{
    struct bench *bench = argument;
    while (!atomic_load_explicit(&bench->over, memory_order_relaxed)) {
        int64_t start = wkv_monotonic_ns();
        bool more = wkv_store_maintain(bench->store, start + bench->ahead_ns, bench->options.steps);
        times_add(&bench->slices, wkv_monotonic_ns() - start);
        if (!more)
            (void)nanosleep(&(struct timespec){0, SLICE_PAUSE_NS}, NULL);
    }
    return NULL;
}

static bool set_key(struct bench *bench, struct wkv_key key, int64_t expires_at_ns)
{
    if (wkv_store_set(bench->store, key, (struct wkv_text){"a value of 32 bytes ............", 32},
                      expires_at_ns, bench_now(bench)) == WKV_STORE_OK)
        return true;
    fputs("bench-expiry: no memory for the keys: use fewer with --keys\n", stderr);
    return false;
}

/* Waits for the store to hold the staying keys alone. Returns when that was, or -1 after a minute. */
static int64_t wait_for_memory(const struct bench *bench, uint64_t *bytes)
{
    int64_t give_up_ns = wkv_monotonic_ns() + 60 * SECOND_NS;
    while (wkv_monotonic_ns() < give_up_ns) {
        struct wkv_store_stats stats;
        wkv_store_stats(bench->store, &stats);
        *bytes = stats.bytes;
        if (stats.keys <= STAYING_KEYS)
            return bench_now(bench);
        (void)nanosleep(&(struct timespec){0, 2 * SLICE_PAUSE_NS}, NULL);
    }
    return -1;
}

/* Runs both threads until all that expires is gone, or for three seconds. */
static int64_t run_threads(struct bench *bench, bool expiring, uint64_t *bytes)
{
    pthread_t janitor, getter;
    int64_t back_ns = 0;
    memset(&bench->gets, 0, sizeof bench->gets);
    memset(&bench->blocked_gets, 0, sizeof bench->blocked_gets);
    memset(&bench->slices, 0, sizeof bench->slices);
    memset(&holds, 0, sizeof holds);
    memset(&holds_processor, 0, sizeof holds_processor);
    atomic_store(&bench->over, false);
    if (pthread_create(&getter, NULL, get_on, bench) != 0)
        return -1;
    if (pthread_create(&janitor, NULL, keep_up, bench) != 0) {
        atomic_store(&bench->over, true);
        (void)pthread_join(getter, NULL);
        return -1;
    }
    if (expiring)
        back_ns = wait_for_memory(bench, bytes);
    else
        (void)nanosleep(&(struct timespec){3, 0}, NULL);
    atomic_store(&bench->over, true);
    (void)pthread_join(janitor, NULL);
    (void)pthread_join(getter, NULL);
    return back_ns;
}

static void print_row(const char *name, const struct bench *bench)
{
    const struct times *gets = &bench->gets, *blocked = &bench->blocked_gets;
    printf("%-16s %10" PRIu64 " gets   p50 %6.0f ns   p99 %6.0f ns   p99.9 %7.0f ns   longest %9" PRId64
           " ns\n",
           name, gets->histogram.total, quantile(gets, 0.5), quantile(gets, 0.99), quantile(gets, 0.999),
           gets->longest_ns);
    printf("%-16s %10" PRIu64 " of them waited for a lock, p99 %.0f us, the longest %" PRId64 " us\n", "",
           blocked->histogram.total, quantile(blocked, 0.99) / 1000, blocked->longest_ns / 1000);
    printf("%-16s %10" PRIu64 " slices of upkeep, the longest %" PRId64 " us over all shards\n", "",
           bench->slices.histogram.total, bench->slices.longest_ns / 1000);
    printf("%-16s %10" PRIu64 " holds of a shard's lock, processor time p99.9 %.0f us, longest %" PRId64
           " us; on the clock p99.9 %.0f us, longest %" PRId64 " us\n",
           "", holds.histogram.total, quantile(&holds_processor, 0.999) / 1000,
           holds_processor.longest_ns / 1000, quantile(&holds, 0.999) / 1000, holds.longest_ns / 1000);
}

static double ratio(const struct times *with, const struct times *without, double share)
{
    return without->longest_ns == 0 ? 0 : quantile(with, share) / quantile(without, share);
}

static int run(const struct options *options)
{
    struct bench bench = {.options = *options};
    struct wkv_store_options store_options = {.shards = options->shards};
    uint64_t full_bytes, bytes = 0;
    char text[32];
    bench.store = wkv_store_create(&store_options, wkv_monotonic_ns());
    if (bench.store == NULL)
        return EXIT_FAILURE;
    int64_t due_ns = wkv_monotonic_ns() + LOAD_AHEAD_NS;
    for (uint64_t i = 0; i < STAYING_KEYS; i++)
        if (!set_key(&bench, numbered_key(text, "stays", i), 0))
            return EXIT_FAILURE;
    for (uint64_t i = 0; i < options->keys; i++)
        if (!set_key(&bench, numbered_key(text, "goes", i),
                     due_ns + (int64_t)(i % 1000) * (SECOND_NS / 1000)))
            return EXIT_FAILURE;
    struct wkv_store_stats stats;
    wkv_store_stats(bench.store, &stats);
    full_bytes = stats.bytes;
    bench.options.shards = stats.shards;
    printf("%" PRIu64 " keys that expire within one second, %" PRIu32 " shards, %u steps a slice\n",
           options->keys, stats.shards, options->steps);

    (void)run_threads(&bench, false, &bytes);
    print_row("nothing expires", &bench);
    struct times baseline = bench.gets;
    /* The hour until they are due passes at once; upkeep is brought up to it before anything is measured. */
    int64_t resume_ns = due_ns - LEAD_NS;
    while (wkv_store_maintain(bench.store, resume_ns, 1000))
        continue;
    bench.ahead_ns = resume_ns - wkv_monotonic_ns();
    int64_t back_ns = run_threads(&bench, true, &bytes);
    print_row("all expire", &bench);
    printf("ratio            p50 %.2f   p99 %.2f   p99.9 %.2f   longest %.2f\n",
           ratio(&bench.gets, &baseline, 0.5), ratio(&bench.gets, &baseline, 0.99),
           ratio(&bench.gets, &baseline, 0.999),
           (double)bench.gets.longest_ns / (double)(baseline.longest_ns + 1));
    if (back_ns < 0)
        puts("memory did not come back within a minute");
    else
        printf("all memory back %.0f ms after the last key expired (%.1f MB, then %.1f MB)\n",
               (double)(back_ns - due_ns - SECOND_NS) / 1e6, (double)full_bytes / 1e6, (double)bytes / 1e6);
    wkv_store_destroy(bench.store);
    return back_ns < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options = {.keys = 1000000, .shards = WKV_STORE_DEFAULT_SHARDS, .steps = 128};
    /* clang-format off */
    const struct bench_argument table[] = {
        {.name = "keys", BENCH_NUMBER_AT(&options.keys), .least = 1, .most = 100000000, .shape = "N",
         .help = "that expire (default: 1000000)"},
        {.name = "shards", BENCH_NUMBER_AT(&options.shards), .least = 1, .most = WKV_STORE_MAX_SHARDS,
         .shape = "N", .help = "of the store (default: 64)"},
        {.name = "steps", BENCH_NUMBER_AT(&options.steps), .least = 1, .most = 100000000, .shape = "N",
         .help = "of upkeep at a time (default: 128)"},
        {.name = NULL}};
    /* clang-format on */
    int code = bench_arguments_read(
        table,
        "Usage: wascc-keyvalue-bench-expiry [OPTION]...\n\nMeasures how long upkeep holds up "
        "a request while keys expire within one second, in the store alone.\n",
        argc, argv);
    return code >= 0 ? code : run(&options);
}
