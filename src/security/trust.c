#include "security/trust.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/text.h"

/* Keys in ascending order of their bytes, one after the other. */
struct key_list {
    unsigned char (*keys)[WKV_NKEY_BYTES];
    size_t count;
    size_t capacity;
};

struct wkv_trust {
    _Atomic uint64_t references;
    uint64_t generation; /* written once, before the set can be seen by others */
    struct key_list lists[2];
    bool any_host;
};

struct wkv_trust_source {
    pthread_mutex_t lock; /* guards current */
    struct wkv_trust *current;
    _Atomic uint64_t generation; /* of current */
};

enum wkv_code wkv_trust_create(struct wkv_trust **trust, struct wkv_error *error)
{
    struct wkv_trust *made = sodium_init() < 0 ? NULL : calloc(1, sizeof *made);
    if (made == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the trusted keys");
    atomic_init(&made->references, 1);
    *trust = made;
    return WKV_OK;
}

/* Where key is in the list, or where it belongs. */
static size_t lower_bound(const struct key_list *list, const unsigned char key[WKV_NKEY_BYTES])
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(list->keys[middle], key, WKV_NKEY_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool list_has(const struct key_list *list, const unsigned char key[WKV_NKEY_BYTES])
{
    size_t at = lower_bound(list, key);
    return at < list->count && memcmp(list->keys[at], key, WKV_NKEY_BYTES) == 0;
}

static bool list_grow(struct key_list *list)
{
    size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
    void *keys = realloc(list->keys, capacity * sizeof *list->keys);
    if (keys == NULL)
        return false;
    list->keys = keys;
    list->capacity = capacity;
    return true;
}

/* What an entry is called in an error. */
static const char *entry_name(enum wkv_trust_list list)
{
    return list == WKV_TRUST_ISSUERS ? "trusted issuer" : "trusted host";
}

static enum wkv_code add_key(struct wkv_trust *trust, enum wkv_trust_list which, const struct wkv_nkey *key,
                             struct wkv_error *error)
{
    struct key_list *list = &trust->lists[which];
    if (list_has(list, key->bytes))
        return WKV_OK;
    if (list->count == WKV_TRUST_MAX_KEYS)
        return wkv_fail(error, WKV_BAD_REQUEST, "there are more than %d keys in the list of a %s",
                        WKV_TRUST_MAX_KEYS, entry_name(which));
    if (list->count == list->capacity && !list_grow(list))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the trusted keys");
    size_t at = lower_bound(list, key->bytes);
    memmove(list->keys + at + 1, list->keys + at, (list->count - at) * sizeof *list->keys);
    memcpy(list->keys[at], key->bytes, sizeof *list->keys);
    list->count++;
    return WKV_OK;
}

static enum wkv_code add_entry(struct wkv_trust *trust, enum wkv_trust_list which, const char *text,
                               size_t len, size_t number, struct wkv_error *error)
{
    if (which == WKV_TRUST_HOSTS && wkv_text_is((struct wkv_text){text, len}, "any")) {
        trust->any_host = true;
    } else {
        struct wkv_nkey key;
        struct wkv_error why;
        enum wkv_nkey_kind kind = which == WKV_TRUST_ISSUERS ? WKV_NKEY_ACCOUNT : WKV_NKEY_HOST;
        if (wkv_nkey_decode_kind(text, len, kind, &key, &why) != WKV_OK)
            return wkv_fail(error, WKV_BAD_REQUEST, "%s %zu: %s", entry_name(which), number, why.text);
        enum wkv_code code = add_key(trust, which, &key, error);
        if (code != WKV_OK)
            return code;
    }
    if (trust->any_host && trust->lists[WKV_TRUST_HOSTS].count > 0)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s %zu: 'any' trusts every host, so no keys belong beside it", entry_name(which),
                        number);
    return WKV_OK;
}

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum wkv_code wkv_trust_add(struct wkv_trust *trust, enum wkv_trust_list list, const char *text, size_t len,
                            struct wkv_error *error)
{
    size_t number = 0;
    struct wkv_text all = wkv_text_skip_mark((struct wkv_text){text, len});
    text = all.data;
    len = all.len;
    for (size_t at = 0; at < len;) {
        if (is_separator(text[at])) {
            at++;
            continue;
        }
        size_t start = at;
        if (text[at] == '#') {
            while (at < len && text[at] != '\n')
                at++;
            continue;
        }
        while (at < len && !is_separator(text[at]) && text[at] != '#')
            at++;
        enum wkv_code code = add_entry(trust, list, text + start, at - start, ++number, error);
        if (code != WKV_OK)
            return code;
    }
    return WKV_OK;
}

bool wkv_trust_has(const struct wkv_trust *trust, enum wkv_trust_list list,
                   const unsigned char key[WKV_NKEY_BYTES])
{
    return (list == WKV_TRUST_HOSTS && trust->any_host) || list_has(&trust->lists[list], key);
}

size_t wkv_trust_count(const struct wkv_trust *trust, enum wkv_trust_list list)
{
    return trust->lists[list].count;
}

size_t wkv_trust_missing(const struct wkv_trust *trust, const struct wkv_trust *other,
                         enum wkv_trust_list list)
{
    size_t missing = 0;
    for (size_t i = 0; i < other->lists[list].count; i++)
        missing += !list_has(&trust->lists[list], other->lists[list].keys[i]);
    return missing;
}

bool wkv_trust_any_host(const struct wkv_trust *trust)
{
    return trust->any_host;
}

uint64_t wkv_trust_generation(const struct wkv_trust *trust)
{
    return trust->generation;
}

static struct wkv_trust *retain(struct wkv_trust *trust)
{
    atomic_fetch_add_explicit(&trust->references, 1, memory_order_relaxed);
    return trust;
}

void wkv_trust_release(struct wkv_trust *trust)
{
    /* The last one must see what every other holder did before it let go. */
    if (trust == NULL || atomic_fetch_sub_explicit(&trust->references, 1, memory_order_acq_rel) != 1)
        return;
    free(trust->lists[WKV_TRUST_ISSUERS].keys);
    free(trust->lists[WKV_TRUST_HOSTS].keys);
    free(trust);
}

enum wkv_code wkv_trust_source_create(struct wkv_trust *trust, struct wkv_trust_source **source,
                                      struct wkv_error *error)
{
    struct wkv_trust_source *made = calloc(1, sizeof *made);
    if (made == NULL || pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the trusted keys");
    }
    trust->generation = 1;
    made->current = trust;
    atomic_init(&made->generation, 1);
    *source = made;
    return WKV_OK;
}

void wkv_trust_source_publish(struct wkv_trust_source *source, struct wkv_trust *trust)
{
    pthread_mutex_lock(&source->lock);
    struct wkv_trust *old = source->current;
    trust->generation = old->generation + 1;
    source->current = trust;
    atomic_store_explicit(&source->generation, trust->generation, memory_order_release);
    pthread_mutex_unlock(&source->lock);
    wkv_trust_release(old);
}

void wkv_trust_source_destroy(struct wkv_trust_source *source)
{
    if (source == NULL)
        return;
    wkv_trust_release(source->current);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

static struct wkv_trust *take_current(struct wkv_trust_source *source)
{
    pthread_mutex_lock(&source->lock);
    struct wkv_trust *trust = retain(source->current);
    pthread_mutex_unlock(&source->lock);
    return trust;
}

void wkv_trust_reader_init(struct wkv_trust_reader *reader, struct wkv_trust_source *source)
{
    reader->source = source;
    reader->trust = take_current(source);
}

const struct wkv_trust *wkv_trust_reader_current(struct wkv_trust_reader *reader)
{
    uint64_t generation = atomic_load_explicit(&reader->source->generation, memory_order_acquire);
    if (__builtin_expect(generation != reader->trust->generation, 0)) {
        wkv_trust_release(reader->trust);
        reader->trust = take_current(reader->source);
    }
    return reader->trust;
}

void wkv_trust_reader_destroy(struct wkv_trust_reader *reader)
{
    wkv_trust_release(reader->trust);
    reader->trust = NULL;
}
