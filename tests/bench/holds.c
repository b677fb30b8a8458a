/* How long a shard's lock is held at the most, call by call, with values of millions of items: processor
 * time, which others on the machine do not lengthen, from the first lock that a thread takes to the last that
 * it lets go. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/store_once.h"
#include "operation/command.h"
#include "support/clock.h"

struct wkv_shard;
void __real_wkv_shard_lock(struct wkv_shard *shard);
void __wrap_wkv_shard_lock(struct wkv_shard *shard);
void __real_wkv_shard_unlock(struct wkv_shard *shard);
void __wrap_wkv_shard_unlock(struct wkv_shard *shard);

static unsigned held;
static int64_t since_ns, longest_ns;
static uint64_t holds;

static int64_t processor_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * WKV_NS_PER_S + now.tv_nsec;
}

void __wrap_wkv_shard_lock(struct wkv_shard *shard)
{
    __real_wkv_shard_lock(shard);
    if (held++ == 0)
        since_ns = processor_ns();
}

void __wrap_wkv_shard_unlock(struct wkv_shard *shard)
{
    if (--held == 0) {
        int64_t taken_ns = processor_ns() - since_ns;
        longest_ns = taken_ns > longest_ns ? taken_ns : longest_ns;
        holds++;
    }
    __real_wkv_shard_unlock(shard);
}

static struct wkv_store *store;

static struct wkv_key key_of(const char *name)
{
    return (struct wkv_key){0, {name, strlen(name)}};
}

static struct wkv_text item_of(char text[32], uint64_t number)
{
    return (struct wkv_text){text, (size_t)snprintf(text, 32, "an item %" PRIu64, number)};
}

static bool see(void *context, struct wkv_text text)
{
    *(size_t *)context += text.len;
    return true;
}

static void report(const char *what)
{
    printf("%-34s longest hold %8" PRId64 " us of %" PRIu64 "\n", what, longest_ns / 1000, holds);
    longest_ns = 0;
    holds = 0;
}

static void fill(uint64_t items)
{
    char text[32];
    int32_t n;
    for (uint64_t i = 0; i < items; i++)
        (void)wkv_store_set_add(store, key_of("set"), item_of(text, i), 1, &n);
    report("SetAdd, a set that grows");
    for (uint64_t i = 0; i < items; i++)
        (void)wkv_store_set_add(store, key_of("other"), item_of(text, i * 2), 1, &n);
    for (uint64_t i = 0; i < items; i++)
        (void)wkv_store_list_push(store, key_of("list"), item_of(text, i), 1, &n);
    report("Push, a list that grows");
}

static void read_all(int32_t middle)
{
    struct wkv_key keys[] = {key_of("set"), key_of("other")};
    size_t seen = 0;
    (void)wkv_store_set_members(store, keys[0], 1, see, &seen);
    report("SetQuery");
    (void)wkv_store_set_union(store, keys, 2, 1, see, &seen);
    report("SetUnion of two");
    (void)wkv_store_set_intersection(store, keys, 2, 1, see, &seen);
    report("SetIntersection of two");
    (void)wkv_store_list_range(store, key_of("list"), 0, -1, 1, see, &seen);
    report("Range of all");
    (void)wkv_store_list_range(store, key_of("list"), middle, middle, 1, see, &seen);
    report("Range of one in the middle");
}

static void maintain(const char *what)
{
    while (wkv_store_maintain(store, 1, 128))
        continue;
    report(what);
}

static void take_away(int32_t middle)
{
    char text[32];
    int32_t n;
    (void)wkv_store_list_remove(store, key_of("list"), item_of(text, UINT64_MAX), 1, &n);
    report("ListItemDelete of none");
    (void)wkv_store_list_remove(store, key_of("list"), item_of(text, (uint64_t)middle), 1, &n);
    report("ListItemDelete of one");
    for (uint64_t i = 0; i < (uint64_t)middle * 2; i += 3)
        (void)wkv_store_set_remove(store, key_of("set"), item_of(text, i), 1, &n);
    report("SetRemove of every third");
    maintain("upkeep, which moves the rest");
    (void)wkv_store_delete(store, key_of("set"), 1);
    (void)wkv_store_delete(store, key_of("list"), 1);
    report("Del of the set and the list");
    maintain("upkeep, which frees them");
}

static void large_value(size_t bytes)
{
    char *value = calloc(1, bytes);
    if (value == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        (void)wkv_store_set(store, key_of("large"), (struct wkv_text){value, bytes}, 0, 1);
        report(i == 0 ? "Set of 64 MiB" : "Set of 64 MiB in place");
    }
    (void)wkv_store_set(store, key_of("large"), (struct wkv_text){value, 20000}, 0, 1);
    report("Set of 20 kB in its place");
    (void)wkv_store_set(store, key_of("large"), (struct wkv_text){value, bytes}, 0, 1);
    longest_ns = 0;
    (void)wkv_store_delete(store, key_of("large"), 1);
    report("Del of 64 MiB");
    maintain("upkeep, which frees it");
    free(value);
}

/* A Batch as it comes and goes, its reply included: of so many times the item, each with a key of its own. */
static void batch(const char *what, const char *item, bool atomic)
{
    static char json[512 * 1024];
    struct wkv_arena arena;
    struct wkv_buffer reply, scratch;
    struct wkv_error error;
    struct wkv_sink sink;
    struct wkv_command command;
    size_t used =
        (size_t)snprintf(json, sizeof json, "{\"atomic\":%s,\"requests\":[", atomic ? "true" : "false");
    for (int i = 0; i < 4096; i++)
        used += (size_t)snprintf(json + used, sizeof json - used, item, i == 0 ? "" : ",", i);
    used += (size_t)snprintf(json + used, sizeof json - used, "]}");
    wkv_buffer_init(&reply);
    wkv_buffer_init(&scratch);
    struct wkv_limits limits = {.max_key_bytes = WKV_DEFAULT_MAX_KEY_BYTES,
                                .max_value_bytes = WKV_DEFAULT_MAX_VALUE_BYTES,
                                .max_reply_bytes = 1 << 20,
                                .scratch = &scratch};
    wkv_command_begin(&command, wkv_operation_find("Batch"), 0);
    if (!wkv_arena_init(&arena, 65536, 65536) ||
        wkv_command_decode(&command, (struct wkv_text){json, used}, WKV_FORM_JSON, &limits, &arena, &error) !=
            WKV_OK ||
        wkv_command_check(&command, &limits, &arena, &error) != WKV_OK) {
        fprintf(stderr, "%s: %s\n", what, error.text);
        exit(EXIT_FAILURE);
    }
    wkv_command_begin_reply(&command, &limits, limits.max_reply_bytes, &reply, &error, &sink);
    longest_ns = 0;
    (void)wkv_command_execute(&command, store, 1, &sink);
    if (wkv_command_finish(&command, &limits, &sink) != WKV_OK)
        printf("%s: %s\n", what, error.text);
    report(what);
    wkv_buffer_destroy(&reply);
    wkv_buffer_destroy(&scratch);
    wkv_arena_destroy(&arena);
}

static void batches(void)
{
    static const char sets[] =
        "%s{\"set\":{\"key\":\"batch-%d\",\"value\":\"01234567890123456789012345678901\"}}";
    static const char gets[] = "%s{\"get\":{\"key\":\"batch-%d\"}}";
    static const char fails[] = "%s{\"compare_and_set\":{\"key\":\"batch-%d\",\"value\":\"x\"}}";
    batch("Batch of 4,096 Sets", sets, false);
    batch("Batch of 4,096 Gets", gets, false);
    batch("atomic Batch of 4,096 Sets", sets, true);
    batch("atomic Batch of 4,096 Gets", gets, true);
    batch("atomic Batch that fails", fails, true);
}

int main(int argc, char **argv)
{
    uint64_t items = 2000000;
    if (argc == 2)
        items = strtoull(argv[1], NULL, 10);
    if (argc > 2 || items == 0 || items > INT32_MAX / 2) {
        fprintf(stderr, "usage: %s [ITEMS]\n", argv[0]);
        return 64;
    }
    store = wkv_store_create(&(struct wkv_store_options){0}, 1);
    if (store == NULL)
        return EXIT_FAILURE;
    printf("a set, another and a list of %" PRIu64 " items each\n", items);
    fill(items);
    read_all((int32_t)(items / 2));
    take_away((int32_t)(items / 2));
    large_value((size_t)64 << 20);
    batches();
    wkv_store_destroy(store);
    return EXIT_SUCCESS;
}
