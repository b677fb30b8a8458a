#include "store_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"
#include "random.h"
#include "store_run.h"
#include "wascc_keyvalue/store.h"

#define NOW 1
#define UPKEEP_STEPS 32
#define UPKEEP_UPDATES 1024 /* a slice of upkeep after so many updates */
#define MAX_CHURN_BYTES 4096u
#define MIN_CHURN_BYTES 16u

static void settle(struct wkv_store *store)
{
    while (wkv_store_maintain(store, NOW, UPKEEP_STEPS))
        continue;
}

static struct wkv_store *open_store(void)
{
    struct wkv_store *store = wkv_store_create(&(struct wkv_store_options){0}, NOW);
    if (store == NULL)
        bench_complain("no memory for a store");
    return store;
}

static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* ---- lists and sets ---- */

struct collections {
    bool are_sets;
    unsigned items, item_bytes; /* of one */
    uint64_t count;
};

static bool add_item(struct wkv_store *store, const struct collections *plan, uint64_t number, unsigned item)
{
    char name[24], text[64];
    struct wkv_key key = {1, {name, (size_t)snprintf(name, sizeof name, "of-items:%08" PRIu64, number)}};
    struct wkv_text value = {text, plan->item_bytes};
    struct wkv_view view;
    int32_t n;
    (void)snprintf(text, sizeof text, "%0*u", (int)plan->item_bytes, item);
    (void)wkv_store_begin(&view, store, &key, 1, key.name.len + value.len, NOW);
    enum wkv_store_status status =
        plan->are_sets ? wkv_view_set_add(&view, 0, value, &n) : wkv_view_list_push(&view, 0, value, &n);
    wkv_store_end(&view);
    return status == WKV_STORE_OK;
}

/* In turn, so that they grow beside each other. */
static bool fill(struct wkv_store *store, const struct collections *plan)
{
    for (unsigned item = 0; item < plan->items; item++)
        for (uint64_t number = 0; number < plan->count; number++)
            if (!add_item(store, plan, number, item))
                return false;
    return true;
}

static int print_collections(const struct collections *plan)
{
    uint64_t before = bench_resident_bytes(getpid());
    struct wkv_store *store = open_store();
    struct wkv_store_stats stats;
    bool good = store != NULL && fill(store, plan);
    if (good) {
        double items = (double)plan->count * plan->items;
        settle(store);
        wkv_store_stats(store, &stats);
        double resident = (double)since(bench_resident_bytes(getpid()), before) / items;
        printf("%-5s of %6u items of %2u bytes %10.1f %10.1f %14.1f\n", plan->are_sets ? "sets" : "lists",
               plan->items, plan->item_bytes, (double)stats.bytes / items, resident,
               1.15 * plan->item_bytes + 8);
    }
    wkv_store_destroy(store);
    (void)fflush(stdout);
    return good ? 0 : -1;
}

int bench_store_collections(uint64_t items)
{
    static const unsigned sizes[] = {8, 64, 1024, 65536}, bytes[] = {8, 16, 32};
    printf("%-32s %10s %10s %14s\n", "bytes an item", "counted", "resident", "1.15 x data + 8");
    for (unsigned kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t j = 0; j < sizeof bytes / sizeof *bytes; j++) {
                struct collections plan = {kind == 1, sizes[i], bytes[j], items / sizes[i] + 1};
                if (print_collections(&plan) != 0)
                    return -1;
            }
    return 0;
}

/* ---- churn ---- */

struct churn {
    struct wkv_store *store;
    uint32_t keys;
    uint64_t updates, random, resident_before;
    double *chances;
    uint16_t *bytes; /* of each key's value; 0: there is none */
};

static bool update(struct churn *churn, uint32_t number, uint32_t bytes)
{
    static char value[MAX_CHURN_BYTES];
    char name[24];
    struct wkv_key key = {1, {name, (size_t)snprintf(name, sizeof name, "churn:%010" PRIu32, number)}};
    struct wkv_view view;
    enum wkv_store_status status;
    (void)wkv_store_begin(&view, churn->store, &key, 1, bytes == 0 ? 0 : key.name.len + bytes, NOW);
    if (bytes == 0)
        status = wkv_view_delete(&view, 0);
    else
        status = wkv_view_set(&view, 0, (struct wkv_text){value, bytes}, 0);
    wkv_store_end(&view);
    churn->bytes[number] = (uint16_t)bytes;
    return status == WKV_STORE_OK || status == WKV_STORE_MISSING;
}

/* Up to `most` bytes, each power of two as often as another. */
static uint32_t some_bytes(struct churn *churn, double most)
{
    uint32_t bytes = MIN_CHURN_BYTES;
    while (bytes * 2 <= most && bench_random(&churn->random) % 4 != 0)
        bytes *= 2;
    bytes += (uint32_t)(bench_random(&churn->random) % bytes);
    return bytes < most ? bytes : (uint32_t)most;
}

/* Updates of values whose longest goes from `from` to `to` bytes. */
static bool update_all(struct churn *churn, double from, double to)
{
    bool good = true;
    for (uint64_t i = 0; good && i < churn->updates; i++) {
        double most = from + (to - from) * (double)i / (double)churn->updates;
        good =
            update(churn, bench_zipf(churn->chances, churn->keys, &churn->random), some_bytes(churn, most));
        if (i % UPKEEP_UPDATES == 0)
            (void)wkv_store_maintain(churn->store, NOW, UPKEEP_STEPS);
    }
    return good;
}

/* Sets every key to so many bytes, or deletes it for 0, but for one in `sparing` (0: none). */
static bool for_each(struct churn *churn, uint32_t bytes, uint32_t sparing)
{
    bool good = true;
    for (uint32_t i = 0; good && i < churn->keys; i++)
        if (sparing == 0 || bench_random(&churn->random) % sparing != 0)
            good = update(churn, i, bytes);
    return good;
}

static bool print_step(struct churn *churn, const char *what, bool good)
{
    struct wkv_store_stats stats;
    uint64_t data = 0;
    settle(churn->store);
    for (uint32_t i = 0; i < churn->keys; i++)
        data += churn->bytes[i] == 0 ? 0 : 16 + churn->bytes[i];
    wkv_store_stats(churn->store, &stats);
    double resident = (double)since(bench_resident_bytes(getpid()), churn->resident_before);
    printf("%-32s %10" PRIu64 " %9.1f %9.1f %9.1f %9.1f %9.2f\n", what, stats.keys, (double)data / 1e6,
           (double)stats.bytes / 1e6, (double)stats.held_bytes / 1e6, resident / 1e6,
           resident / (double)stats.bytes);
    (void)fflush(stdout);
    return good;
}

static bool churn_through(struct churn *churn)
{
    printf("%-32s %10s %9s %9s %9s %9s %9s\n", "after, in MB", "keys", "data", "counted", "held", "resident",
           "/counted");
    return print_step(churn, "load, 64 bytes each", for_each(churn, 64, 0)) &&
           print_step(churn, "zipf updates, up to 64 to 4,096", update_all(churn, 64, 4096)) &&
           print_step(churn, "zipf updates, up to 4,096 to 32", update_all(churn, 4096, 32)) &&
           print_step(churn, "zipf updates, up to 1,024", update_all(churn, 1024, 1024)) &&
           print_step(churn, "all to 512 bytes", for_each(churn, 512, 0)) &&
           print_step(churn, "all to 24 bytes", for_each(churn, 24, 0)) &&
           print_step(churn, "nine in ten to 400 bytes", for_each(churn, 400, 10)) &&
           print_step(churn, "nine in ten deleted", for_each(churn, 0, 10)) &&
           print_step(churn, "all deleted", for_each(churn, 0, 0));
}

int bench_store_churn(uint32_t keys, uint64_t updates)
{
    struct churn churn = {.keys = keys,
                          .updates = updates,
                          .random = 1,
                          .chances = bench_zipf_chances(keys),
                          .bytes = malloc(keys * sizeof *churn.bytes)};
    bool good = churn.chances != NULL && churn.bytes != NULL;
    if (good) {
        memset(churn.bytes, 0, keys * sizeof *churn.bytes); /* resident from the beginning */
        churn.resident_before = bench_resident_bytes(getpid());
        churn.store = open_store();
        good = churn.store != NULL && churn_through(&churn);
        wkv_store_destroy(churn.store);
    }
    free(churn.chances);
    free(churn.bytes);
    if (!good)
        bench_complain("a call failed: there is no memory");
    return good ? 0 : -1;
}
