/* How many reads of a cache find their key: the store with --evict any, beside Redis 7 with allkeys-lru and
 * allkeys-random, exact LRU and plain random, each keeping the same number of keys.
 *
 * Two traces: one asks for keys by a zipf law of exponent 1; the other does the same half of the time and
 * else passes over keys that are asked for once and never again, in runs as long as a quarter of what is
 * kept. What is not found is set. Only the zipf law's reads are counted, from when what is kept has been
 * filled. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/arguments.h"
#include "lib/process.h"
#include "lib/random.h"
#include "lib/store_once.h"

#define NOW 1
#define MAX_VALUE_BYTES 4096u
#define KEYS_A_SCRIPT 50u

struct options {
    uint32_t kept, universe, value_bytes;
    uint64_t reads, rate;
    bool redis;
};

/* ---- the traces ---- */

struct trace {
    const struct options *options;
    const double *chances; /* of a key or one before it */
    bool scans;
    uint64_t random, number;
    uint32_t once; /* the next key that is asked for once */
};

static uint32_t next_key(struct trace *trace, bool *is_scan)
{
    uint64_t run = trace->number++ / (trace->options->kept / 4);
    *is_scan = trace->scans && run % 2 == 1;
    return *is_scan ? trace->once++ : bench_zipf(trace->chances, trace->options->universe, &trace->random);
}

static struct trace make_trace(const struct options *options, const double *chances, bool scans)
{
    return (struct trace){
        .options = options, .chances = chances, .scans = scans, .random = 1, .once = options->universe};
}

/* The highest key of a trace. */
static size_t key_bound(const struct options *options)
{
    return options->universe + options->reads;
}

/* ---- caches ---- */

/* Looks for the keys, and sets those that are not there. found[i] says which were. */
struct cache {
    void (*ask)(void *context, const uint32_t *keys, size_t count, bool *found);
    void *context;
    uint64_t rate; /* keys a second; 0: as fast as it can */
};

static void wait_for_rate(const struct cache *cache, int64_t begin_ns, uint64_t number)
{
    if (cache->rate == 0)
        return;
    int64_t due_ns = begin_ns + (int64_t)(number * UINT64_C(1000000000) / cache->rate);
    int64_t left_ns = due_ns - bench_now_ns();
    if (left_ns > 0)
        (void)nanosleep(&(struct timespec){left_ns / 1000000000, left_ns % 1000000000}, NULL);
}

static double hit_rate(const struct cache *cache, struct trace trace)
{
    uint32_t keys[KEYS_A_SCRIPT];
    bool found[KEYS_A_SCRIPT], is_scan[KEYS_A_SCRIPT];
    uint64_t hits = 0, counted = 0, reads = trace.options->reads;
    int64_t begin_ns = bench_now_ns();
    for (uint64_t number = 0; number < reads; number += KEYS_A_SCRIPT) {
        for (size_t i = 0; i < KEYS_A_SCRIPT; i++)
            keys[i] = next_key(&trace, &is_scan[i]);
        cache->ask(cache->context, keys, KEYS_A_SCRIPT, found);
        for (size_t i = 0; i < KEYS_A_SCRIPT && number >= reads / 3; i++) {
            hits += !is_scan[i] && found[i];
            counted += !is_scan[i];
        }
        wait_for_rate(cache, begin_ns, number);
    }
    return counted == 0 ? 0 : 100.0 * (double)hits / (double)counted;
}

/* ---- ours ---- */

static char value[MAX_VALUE_BYTES];

static struct wkv_key key_of(char name[16], uint32_t number)
{
    return (struct wkv_key){1, {name, (size_t)snprintf(name, 16, "key:%" PRIu32, number)}};
}

static bool see(void *context, struct wkv_text text)
{
    *(size_t *)context += text.len;
    return true;
}

struct ours {
    struct wkv_store *store;
    struct wkv_text value;
};

static void ask_ours(void *context, const uint32_t *keys, size_t count, bool *found)
{
    struct ours *ours = context;
    for (size_t i = 0; i < count; i++) {
        char name[16];
        size_t bytes = 0;
        struct wkv_key key = key_of(name, keys[i]);
        found[i] = wkv_store_get(ours->store, key, NOW, see, &bytes) == WKV_STORE_OK;
        if (!found[i] && wkv_store_set(ours->store, key, ours->value, 0, NOW) != WKV_STORE_OK)
            bench_complain("a Set was refused");
    }
}

static uint64_t keys_in(struct wkv_store *store, uint64_t *evicted)
{
    struct wkv_store_stats stats;
    wkv_store_stats(store, &stats);
    *evicted = stats.evicted;
    return stats.keys;
}

/* A store that keeps about so many keys: the budget is what they take without a bound. */
static bool open_ours(struct ours *ours, const struct options *options)
{
    struct wkv_store_options plain = {.shards = 0};
    struct wkv_store_stats stats;
    char name[16];
    struct wkv_store *store = wkv_store_create(&plain, NOW);
    for (uint32_t i = 0; store != NULL && i < options->kept; i++)
        (void)wkv_store_set(store, key_of(name, i), (struct wkv_text){value, options->value_bytes}, 0, NOW);
    if (store == NULL)
        return false;
    wkv_store_stats(store, &stats);
    wkv_store_destroy(store);
    uint64_t spare = stats.bytes / 15 < 1048576 ? stats.bytes / 15 : 1048576;
    plain.max_memory_bytes = stats.bytes + spare;
    plain.evict = WKV_EVICT_ANY;
    *ours = (struct ours){wkv_store_create(&plain, NOW), {value, options->value_bytes}};
    return ours->store != NULL;
}

/* ---- exact LRU, and random: by the number of keys ---- */

struct exact {
    uint32_t kept, count;
    bool at_random;
    uint64_t random;
    uint32_t *before, *after; /* by key, a ring through `end`, the last asked for first */
    uint32_t *keys, *slots;   /* those that are kept, in any order, and where in that a key is */
    bool *there;
    uint32_t end;
};

static void unlink_key(struct exact *exact, uint32_t key)
{
    exact->after[exact->before[key]] = exact->after[key];
    exact->before[exact->after[key]] = exact->before[key];
}

static void link_first(struct exact *exact, uint32_t key)
{
    exact->before[key] = exact->end;
    exact->after[key] = exact->after[exact->end];
    exact->before[exact->after[key]] = key;
    exact->after[exact->end] = key;
}

static uint32_t let_one_go(struct exact *exact)
{
    uint32_t key = exact->at_random ? exact->keys[bench_random(&exact->random) % exact->count]
                                    : exact->before[exact->end];
    unlink_key(exact, key);
    exact->there[key] = false;
    return exact->slots[key];
}

static void ask_exact(void *context, const uint32_t *keys, size_t count, bool *found)
{
    struct exact *exact = context;
    for (size_t i = 0; i < count; i++) {
        uint32_t key = keys[i];
        found[i] = exact->there[key];
        if (found[i]) {
            unlink_key(exact, key);
        } else {
            uint32_t slot = exact->count < exact->kept ? exact->count++ : let_one_go(exact);
            exact->keys[slot] = key;
            exact->slots[key] = slot;
            exact->there[key] = true;
        }
        link_first(exact, key);
    }
}

static bool open_exact(struct exact *exact, const struct options *options, uint32_t kept, bool at_random)
{
    size_t keys = key_bound(options) + 1;
    *exact = (struct exact){.kept = kept, .at_random = at_random, .random = 2, .end = (uint32_t)keys - 1};
    exact->before = calloc(keys, sizeof *exact->before);
    exact->after = calloc(keys, sizeof *exact->after);
    exact->slots = calloc(keys, sizeof *exact->slots);
    exact->keys = calloc(kept, sizeof *exact->keys);
    exact->there = calloc(keys, sizeof *exact->there);
    if (exact->before == NULL || exact->after == NULL || exact->slots == NULL || exact->keys == NULL ||
        exact->there == NULL)
        return false;
    exact->before[exact->end] = exact->after[exact->end] = exact->end;
    return true;
}

static void close_exact(struct exact *exact)
{
    free(exact->before);
    free(exact->after);
    free(exact->slots);
    free(exact->keys);
    free(exact->there);
}

/* ---- Redis ---- */

struct redis {
    struct bench_child server;
    char socket_path[64];
    FILE *stream;
    char value_bytes[16];
};

#define SCRIPT                                                                                               \
    "local found = '' local value = string.rep('x', ARGV[1]) for i = 2, #ARGV do if redis.call('get', "      \
    "ARGV[i]) then found = found .. '1' else found = found .. '0' redis.call('set', ARGV[i], value) end "    \
    "end return found"

/* Sends a command and reads its answer: a number, or a text of which `text` gets what it holds. Returns -1
 * where there is none. */
static long long command(struct redis *redis, size_t count, const char *const *words, char *text, size_t room)
{
    char line[512];
    fprintf(redis->stream, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
        fprintf(redis->stream, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    if (fflush(redis->stream) != 0 || fgets(line, sizeof line, redis->stream) == NULL)
        return -1;
    if (line[0] == ':' || line[0] == '+')
        return atoll(line + 1);
    size_t bytes = line[0] == '$' ? (size_t)atoll(line + 1) + 2 : 0;
    if (bytes == 0 || bytes >= room || fread(text, 1, bytes, redis->stream) != bytes) {
        bench_complain("redis-server: %s", line);
        return -1;
    }
    text[bytes - 2] = '\0';
    return 0;
}

#define COMMAND(redis, text, ...)                                                                            \
    command((redis), sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__},  \
            (text), sizeof(text))

static bool connect_to(struct redis *redis)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", redis->socket_path);
    for (int tries = 0; tries < 500 && bench_child_alive(&redis->server); tries++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
            redis->stream = fdopen(fd, "r+");
            return redis->stream != NULL;
        }
        if (fd >= 0)
            close(fd);
        (void)nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return false;
}

static void ask_redis(void *context, const uint32_t *keys, size_t count, bool *found)
{
    struct redis *redis = context;
    char names[KEYS_A_SCRIPT][16], text[KEYS_A_SCRIPT + 3] = "";
    const char *words[KEYS_A_SCRIPT + 4] = {"EVAL", SCRIPT, "0", redis->value_bytes};
    for (size_t i = 0; i < count; i++) {
        (void)key_of(names[i], keys[i]);
        words[4 + i] = names[i];
    }
    if (command(redis, count + 4, words, text, sizeof text) < 0)
        exit(1);
    for (size_t i = 0; i < count; i++)
        found[i] = text[i] == '1';
}

/* Gives it the memory that so many keys take. */
static bool bound_redis(struct redis *redis, uint32_t kept, const char *policy)
{
    static char info[8192];
    bool found[KEYS_A_SCRIPT];
    char number[24], none[8];
    (void)COMMAND(redis, none, "CONFIG", "SET", "maxmemory", "0");
    (void)COMMAND(redis, none, "CONFIG", "SET", "maxmemory-policy", policy);
    (void)COMMAND(redis, none, "FLUSHALL");
    for (uint32_t key = 0; key < kept; key += KEYS_A_SCRIPT) {
        uint32_t keys[KEYS_A_SCRIPT];
        for (uint32_t i = 0; i < KEYS_A_SCRIPT; i++)
            keys[i] = key + i;
        ask_redis(redis, keys, KEYS_A_SCRIPT, found);
    }
    if (COMMAND(redis, info, "INFO", "memory") < 0)
        return false;
    const char *used = strstr(info, "used_memory:");
    (void)snprintf(number, sizeof number, "%lld", used == NULL ? 0 : atoll(used + strlen("used_memory:")));
    (void)COMMAND(redis, none, "FLUSHALL");
    return COMMAND(redis, none, "CONFIG", "SET", "maxmemory", number) >= 0;
}

static bool start_redis(struct redis *redis, const struct options *options)
{
    (void)snprintf(redis->socket_path, sizeof redis->socket_path, "/tmp/wkv-bench-evict.%d.sock",
                   (int)getpid());
    (void)snprintf(redis->server.log_path, sizeof redis->server.log_path, "/tmp/wkv-bench-evict.%d.log",
                   (int)getpid());
    (void)snprintf(redis->value_bytes, sizeof redis->value_bytes, "%u", options->value_bytes);
    char *argv[] = {"redis-server", "--port", "0", "--unixsocket", redis->socket_path, "--save", "", NULL};
    redis->server.name = "redis-server";
    return bench_child_start(&redis->server, argv[0], argv) == 0 && connect_to(redis);
}

static void stop_redis(struct redis *redis)
{
    if (redis->stream != NULL)
        fclose(redis->stream);
    bench_child_stop(&redis->server);
    (void)unlink(redis->socket_path);
    (void)unlink(redis->server.log_path);
}

/* ---- the run ---- */

static void print_row(const char *name, double zipf, double polluted, uint64_t keys)
{
    printf("%-22s %9.1f %% %9.1f %% %10" PRIu64 "\n", name, zipf, polluted, keys);
    (void)fflush(stdout);
}

static void run_exact(const struct options *options, const double *chances, uint32_t kept, bool at_random)
{
    double rates[2] = {0, 0};
    for (int scans = 0; scans < 2; scans++) {
        struct exact exact;
        struct cache cache = {.ask = ask_exact, .context = &exact};
        if (open_exact(&exact, options, kept, at_random))
            rates[scans] = hit_rate(&cache, make_trace(options, chances, scans == 1));
        close_exact(&exact);
    }
    print_row(at_random ? "random" : "exact LRU", rates[0], rates[1], kept);
}

static uint32_t run_ours(const struct options *options, const double *chances)
{
    double rates[2] = {0, 0};
    uint64_t keys = 0, evicted;
    for (int scans = 0; scans < 2; scans++) {
        struct ours ours;
        struct cache cache = {.ask = ask_ours, .context = &ours};
        if (!open_ours(&ours, options))
            return 0;
        rates[scans] = hit_rate(&cache, make_trace(options, chances, scans == 1));
        keys = keys_in(ours.store, &evicted);
        wkv_store_destroy(ours.store);
    }
    print_row("--evict any", rates[0], rates[1], keys);
    return (uint32_t)keys;
}

static void run_redis(struct redis *redis, const struct options *options, const double *chances,
                      uint32_t kept, const char *policy)
{
    char name[64], none[8];
    double rates[2] = {0, 0};
    for (int scans = 0; scans < 2; scans++) {
        struct cache cache = {.ask = ask_redis, .context = redis, .rate = options->rate};
        if (!bound_redis(redis, kept, policy))
            return;
        rates[scans] = hit_rate(&cache, make_trace(options, chances, scans == 1));
    }
    (void)snprintf(name, sizeof name, "Redis %s", policy);
    print_row(name, rates[0], rates[1], (uint64_t)COMMAND(redis, none, "DBSIZE"));
}

int main(int argc, char *argv[])
{
    struct options options = {
        .kept = 20000, .universe = 200000, .value_bytes = 100, .reads = 400000, .rate = 8000};
    const struct bench_argument table[] = {
        {"kept", BENCH_NUMBER_AT(&options.kept), .least = 1000, .most = 10000000, .shape = "N",
         .help = "keys that there is room for; default 20,000"},
        {"universe", BENCH_NUMBER_AT(&options.universe), .least = 1000, .most = 100000000, .shape = "N",
         .help = "keys that the zipf law chooses from; default 200,000"},
        {"value", BENCH_NUMBER_AT(&options.value_bytes), .least = 1, .most = MAX_VALUE_BYTES,
         .shape = "BYTES", .help = "default 100"},
        {"reads", BENCH_NUMBER_AT(&options.reads), .least = 1000, .most = 1000000000, .shape = "N",
         .help = "of which the first third is not counted; default 400,000"},
        {"rate", BENCH_NUMBER_AT(&options.rate), .least = 0, .most = 1000000000, .shape = "N",
         .help = "reads a second of Redis, whose clock for this ticks once a second; 0: as fast as it can; "
                 "default 8,000"},
        {"redis", BENCH_FLAG, .value = &options.redis, .help = "measure redis-server, too"},
        {.name = NULL}};
    int code = bench_arguments_read(table,
                                    "How many reads find their key in a cache with --evict any, in exact "
                                    "LRU, in random eviction and, with "
                                    "--redis, in redis-server, all of which keep the same number of keys: by "
                                    "a zipf law of exponent 1, and "
                                    "by the same between runs over keys that are asked for once.",
                                    argc, argv);
    double *chances = code < 0 ? bench_zipf_chances(options.universe) : NULL;
    if (code >= 0 || chances == NULL)
        return code >= 0 ? code : 1;
    printf("%-22s %11s %11s %10s\n", "", "zipf", "with scans", "keys kept");
    uint32_t kept = run_ours(&options, chances);
    run_exact(&options, chances, kept, false);
    run_exact(&options, chances, kept, true);
    struct redis redis = {.stream = NULL};
    if (options.redis && start_redis(&redis, &options)) {
        run_redis(&redis, &options, chances, kept, "allkeys-lru");
        run_redis(&redis, &options, chances, kept, "allkeys-random");
    }
    stop_redis(&redis);
    free(chances);
    return 0;
}
