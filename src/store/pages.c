#include "store/pages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "store/heap.h"

#define FIRST_CLASS_SHIFT 14 /* 16 KiB */
#define MAPPING_BYTES ((size_t)4 << 20)

/* Free slots that keep their pages, so that memory which comes and goes costs no system call each time. */
#define WARM_BYTES ((uint64_t)2 << 20)

/* A slot may keep this part of its size in pages beyond those that were asked for. */
#define SPARE_PART 4

struct wkv_pages_slot {
    void *at;
    size_t bytes; /* that have pages, from `at` on */
};

struct wkv_pages_mapping {
    struct wkv_pages_mapping *next;
    void *at;
    size_t bytes;
};

bool wkv_pages_init(struct wkv_pages *pool, uint64_t max_bytes, uint64_t spare_bytes)
{
    assert(max_bytes == 0 || spare_bytes < max_bytes);
    memset(pool, 0, sizeof *pool);
    pool->max_bytes = max_bytes == 0 ? 0 : max_bytes - spare_bytes;
    pool->spare_bytes = spare_bytes;
    atomic_init(&pool->held_bytes, 0);
    return pthread_mutex_init(&pool->lock, NULL) == 0;
}

void wkv_pages_destroy(struct wkv_pages *pool)
{
    struct wkv_pages_mapping *next;
    for (struct wkv_pages_mapping *mapping = pool->mappings; mapping != NULL; mapping = next) {
        next = mapping->next;
        (void)munmap(mapping->at, mapping->bytes);
        free(mapping);
    }
    for (unsigned i = 0; i < WKV_PAGES_CLASSES; i++) {
        free(pool->classes[i].warm);
        free(pool->classes[i].cold);
    }
    (void)pthread_mutex_destroy(&pool->lock);
}

/* The class whose slots are the smallest that hold so many bytes. */
static unsigned class_of(size_t bytes)
{
    unsigned class = 0;
    while ((size_t)1 << (FIRST_CLASS_SHIFT + class) < bytes)
        class ++;
    assert(class < WKV_PAGES_CLASSES);
    return class;
}

static size_t slot_bytes(unsigned class)
{
    return (size_t)1 << (FIRST_CLASS_SHIFT + class);
}

static void release(struct wkv_pages *pool, void *at, size_t bytes)
{
    (void)madvise(at, bytes, MADV_DONTNEED);
    wkv_pages_uncount(pool, bytes);
}

/* Makes room in both arrays of a class for so many slots. */
static bool reserve_slots(struct wkv_pages_class *class, size_t slots)
{
    struct wkv_pages_slot *warm = realloc(class->warm, slots * sizeof *warm);
    if (warm == NULL)
        return false;
    class->warm = warm;
    void **cold = realloc(class->cold, slots * sizeof *cold);
    if (cold == NULL)
        return false;
    class->cold = cold;
    return true;
}

/* Addresses without pages. Huge pages are kept out: one of them would hold two megabytes for the sake of a
 * few bytes. */
static void *map(struct wkv_pages *pool, size_t bytes)
{
    struct wkv_pages_mapping *mapping = malloc(sizeof *mapping);
    if (mapping == NULL)
        return NULL;
    mapping->at =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping->at == MAP_FAILED) {
        free(mapping);
        return NULL;
    }
    (void)madvise(mapping->at, bytes, MADV_NOHUGEPAGE);
    mapping->bytes = bytes;
    mapping->next = pool->mappings;
    pool->mappings = mapping;
    return mapping->at;
}

/* Adds cold slots to the class. */
static bool grow(struct wkv_pages *pool, unsigned number)
{
    struct wkv_pages_class *class = &pool->classes[number];
    size_t size = slot_bytes(number);
    size_t fresh = size < MAPPING_BYTES ? MAPPING_BYTES / size : 1;
    /* The heap finds a segment by the addresses in it, so that one must be aligned. */
    size_t align = size == WKV_SEGMENT_BYTES ? WKV_SEGMENT_BYTES : WKV_PAGE_BYTES;
    if (!reserve_slots(class, class->slots + fresh))
        return false;
    char *at = map(pool, fresh * size + align - WKV_PAGE_BYTES);
    if (at == NULL)
        return false;
    at += -(uintptr_t)at & (align - 1);
    for (size_t i = fresh; i > 0; i--) /* the first comes off the stack first */
        class->cold[class->cold_count++] = at + (i - 1) * size;
    class->slots += fresh;
    return true;
}

/* Takes the pages of one warm slot away. Returns false where none is warm. The lock is held. */
static bool cool_one(struct wkv_pages *pool)
{
    for (unsigned i = WKV_PAGES_CLASSES; i > 0; i--) {
        struct wkv_pages_class *class = &pool->classes[i - 1];
        if (class->warm_count == 0)
            continue;
        struct wkv_pages_slot slot = class->warm[--class->warm_count];
        pool->warm_bytes -= slot.bytes;
        release(pool, slot.at, slot.bytes);
        class->cold[class->cold_count++] = slot.at;
        return true;
    }
    return false;
}

static bool fits(const struct wkv_pages *pool, size_t bytes, uint64_t credit_bytes)
{
    uint64_t max_bytes, held = wkv_pages_held(pool); /* once: others count without the lock */
    if (pool->max_bytes == 0 || __builtin_add_overflow(pool->max_bytes, credit_bytes, &max_bytes))
        return true;
    return held <= max_bytes && bytes <= max_bytes - held;
}

/* Credit is for the case that there is no warm slot to cool either. */
static bool has_room(struct wkv_pages *pool, size_t bytes, uint64_t credit_bytes)
{
    while (!fits(pool, bytes, 0))
        if (!cool_one(pool))
            return fits(pool, bytes, credit_bytes);
    return true;
}

static void *take_cold(struct wkv_pages *pool, unsigned number, size_t bytes, uint64_t credit_bytes)
{
    struct wkv_pages_class *class = &pool->classes[number];
    if (!has_room(pool, bytes, credit_bytes) || (class->cold_count == 0 && !grow(pool, number)))
        return NULL;
    wkv_pages_count(pool, bytes);
    return class->cold[--class->cold_count];
}

/* Pages are dear to get and to give back: the slot keeps some that are too many, and gets only those that it
 * lacks. Returns NULL where it would lack some that the bound does not allow. */
static void *take_warm(struct wkv_pages *pool, unsigned number, size_t bytes, uint64_t credit_bytes,
                       size_t *has)
{
    struct wkv_pages_class *class = &pool->classes[number];
    struct wkv_pages_slot slot = class->warm[--class->warm_count];
    size_t most = wkv_pages_round(bytes + bytes / SPARE_PART);
    pool->warm_bytes -= slot.bytes;
    *has = slot.bytes < bytes ? bytes : slot.bytes > most ? most : slot.bytes;
    if (slot.bytes > *has)
        release(pool, (char *)slot.at + *has, slot.bytes - *has);
    if (slot.bytes >= bytes)
        return slot.at;
    if (has_room(pool, bytes - slot.bytes, credit_bytes)) {
        wkv_pages_count(pool, bytes - slot.bytes);
        return slot.at;
    }
    release(pool, slot.at, slot.bytes);
    class->cold[class->cold_count++] = slot.at;
    return NULL;
}

void *wkv_pages_take(struct wkv_pages *pool, size_t bytes, uint64_t credit_bytes, size_t *has)
{
    unsigned class = class_of(bytes);
    *has = bytes;
    (void)pthread_mutex_lock(&pool->lock);
    void *at = pool->classes[class].warm_count > 0 ? take_warm(pool, class, bytes, credit_bytes, has)
                                                   : take_cold(pool, class, bytes, credit_bytes);
    (void)pthread_mutex_unlock(&pool->lock);
    return at;
}

void wkv_pages_give(struct wkv_pages *pool, void *at, size_t taken, size_t has)
{
    struct wkv_pages_class *class = &pool->classes[class_of(taken)];
    (void)pthread_mutex_lock(&pool->lock);
    /* What was taken on credit goes back at once. */
    bool warm = pool->warm_bytes + has <= WARM_BYTES && fits(pool, 0, 0);
    if (warm) {
        class->warm[class->warm_count++] = (struct wkv_pages_slot){at, has};
        pool->warm_bytes += has;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (warm)
        return;
    release(pool, at, has);
    (void)pthread_mutex_lock(&pool->lock);
    class->cold[class->cold_count++] = at;
    (void)pthread_mutex_unlock(&pool->lock);
}

void wkv_pages_shrink(struct wkv_pages *pool, void *at, size_t has, size_t left)
{
    if (left < has)
        release(pool, (char *)at + left, has - left);
}

void wkv_pages_trim(struct wkv_pages *pool)
{
    bool more = true;
    while (more) {
        (void)pthread_mutex_lock(&pool->lock);
        more = cool_one(pool);
        (void)pthread_mutex_unlock(&pool->lock);
    }
}
