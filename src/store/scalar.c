/* Scalars and counters. */
#include <string.h>

#include "store/store.h"

enum wkv_store_status wkv_view_get(struct wkv_view *view, size_t key, wkv_store_visitor visit, void *context)
{
    const struct wkv_entry *entry = wkv_view_find(view, key);
    if (entry == NULL)
        return WKV_STORE_MISSING;
    char decimal[WKV_DECIMAL_BYTES];
    struct wkv_text text;
    if (!wkv_entry_text(entry, decimal, &text))
        return WKV_STORE_WRONG_KIND;
    (void)visit(context, text);
    return WKV_STORE_OK;
}

/* Writes the scalar and its expiry into an entry that has room for both and whose timer is not armed. */
static void write_scalar(struct wkv_shard *shard, struct wkv_entry *entry, struct wkv_text value,
                         int64_t expires_at_ns)
{
    entry->u.value_len = (uint32_t)value.len;
    if (value.len > 0)
        memcpy(wkv_entry_scalar(entry), value.data, value.len);
    if (expires_at_ns != 0)
        wkv_wheel_arm(&shard->wheel, wkv_entry_timer(entry), expires_at_ns);
    wkv_shard_changed(shard, entry, WKV_CHANGE_PUT);
}

/* Makes the entry of another scalar, or of a counter, one for this scalar, in place. */
static void reshape(struct wkv_shard *shard, struct wkv_entry *entry, bool timed, size_t value_len)
{
    shard->keys_by_kind[entry->kind]--;
    shard->keys_by_kind[WKV_SCALAR]++;
    if (entry->timed)
        wkv_wheel_disarm(&shard->wheel, wkv_entry_timer(entry));
    wkv_entry_reshape(entry, &shard->memory, timed, value_len);
}

/* A fresh entry that will replace the old one (NULL: there is none): what that takes is as good as free, so
 * that a value can be replaced where the budget is spent. */
static struct wkv_entry *create_instead(struct wkv_place place, const struct wkv_entry *old,
                                        struct wkv_key key, bool timed, size_t value_len)
{
    struct wkv_memory *memory = &place.shard->memory;
    struct wkv_store_info info = {.bytes = 0};
    if (old != NULL)
        wkv_entry_info(old, &info);
    memory->credit_bytes = info.bytes;
    struct wkv_entry *fresh = wkv_entry_create(memory, place.hash, key, WKV_SCALAR, timed, value_len);
    memory->credit_bytes = 0;
    return fresh;
}

enum wkv_store_status wkv_view_set(struct wkv_view *view, size_t key, struct wkv_text value,
                                   int64_t expires_at_ns)
{
    struct wkv_place place;
    struct wkv_entry *old = wkv_view_claim(view, key, &place);
    struct wkv_shard *shard = place.shard;
    bool timed = expires_at_ns != 0;
    if (timed && !wkv_wheel_reserve(&shard->wheel, &shard->memory))
        return WKV_STORE_NO_MEMORY;
    if (old != NULL && wkv_entry_fits(old, timed, value.len)) {
        reshape(shard, old, timed, value.len);
        write_scalar(shard, old, value, expires_at_ns);
        return WKV_STORE_OK;
    }
    struct wkv_entry *fresh = create_instead(place, old, view->keys[key], timed, value.len);
    if (fresh == NULL)
        return WKV_STORE_NO_MEMORY;
    if (old != NULL) {
        wkv_shard_replace(shard, old, fresh);
    } else if (!wkv_shard_insert(shard, fresh)) {
        wkv_shard_discard(shard, fresh);
        return WKV_STORE_NO_MEMORY;
    }
    write_scalar(shard, fresh, value, expires_at_ns);
    return WKV_STORE_OK;
}

/* Reads text that is wholly a decimal int32: '0', or an optional '-' and digits of which the first is not 0.
 */
static bool parse_int32(const char *text, size_t len, int32_t *number)
{
    bool negative = len > 0 && text[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == len || len > 11 || (text[i] == '0' && len > 1))
        return false;
    int64_t value = 0;
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    if (negative)
        value = -value;
    if (value < INT32_MIN || value > INT32_MAX)
        return false;
    *number = (int32_t)value;
    return true;
}

enum wkv_store_status wkv_view_add(struct wkv_view *view, size_t key, int32_t delta, int32_t *sum)
{
    struct wkv_place place;
    struct wkv_entry *entry = wkv_view_claim(view, key, &place);
    bool fresh = entry == NULL;
    int32_t before = 0;
    if (entry != NULL && entry->kind == WKV_COUNTER)
        before = entry->u.counter;
    else if (entry != NULL && entry->kind != WKV_SCALAR)
        return WKV_STORE_WRONG_KIND;
    else if (entry != NULL && !parse_int32(wkv_entry_scalar(entry), entry->u.value_len, &before))
        return WKV_STORE_NOT_A_NUMBER;
    int32_t after;
    if (__builtin_add_overflow(before, delta, &after))
        return WKV_STORE_OVERFLOW;
    if (entry == NULL) {
        entry = wkv_entry_create(&place.shard->memory, place.hash, view->keys[key], WKV_COUNTER, false, 0);
        if (entry == NULL)
            return WKV_STORE_NO_MEMORY;
        if (!wkv_shard_insert(place.shard, entry)) {
            wkv_shard_discard(place.shard, entry);
            return WKV_STORE_NO_MEMORY;
        }
    } else if (entry->kind == WKV_SCALAR) {
        wkv_shard_make_counter(place.shard, entry);
    }
    entry->u.counter = after;
    if (fresh || delta != 0)
        wkv_shard_changed(place.shard, entry, WKV_CHANGE_PUT);
    *sum = after;
    return WKV_STORE_OK;
}
