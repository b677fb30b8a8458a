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

/* What a key is to hold: a scalar's bytes, or a counter's. */
struct content {
    enum wkv_kind kind;
    struct wkv_text bytes;
    int64_t expires_at_ns;
    bool is_news; /* else Get shows what it did */
};

/* Writes it into an entry that has room for it and whose timer is not armed. */
static void write_content(struct wkv_shard *shard, struct wkv_entry *entry, const struct content *content)
{
    if (content->bytes.len > 0)
        memcpy(wkv_entry_scalar(entry), content->bytes.data, content->bytes.len);
    if (content->expires_at_ns != 0)
        wkv_wheel_arm(&shard->wheel, wkv_entry_timer(entry), content->expires_at_ns);
    if (content->is_news)
        wkv_shard_changed(shard, entry, WKV_CHANGE_PUT);
    else if (shard->undo != NULL)
        wkv_undo_silent(shard->undo);
}

static struct wkv_entry_shape shape_of(const struct content *content)
{
    return (struct wkv_entry_shape){
        .kind = content->kind, .timed = content->expires_at_ns != 0, .value_len = content->bytes.len};
}

/* Makes the entry of another scalar or counter one for this, in place. */
static void reshape(struct wkv_shard *shard, struct wkv_entry *entry, const struct content *content)
{
    shard->keys_by_kind[entry->kind]--;
    shard->keys_by_kind[content->kind]++;
    if (entry->timed)
        wkv_wheel_disarm(&shard->wheel, wkv_entry_timer(entry));
    wkv_entry_reshape(entry, &shard->memory, shape_of(content));
}

/* A fresh entry that will replace the old one (NULL: there is none): what that takes is as good as free, so
 * that a value can be replaced where the budget is spent. */
static struct wkv_entry *create_instead(struct wkv_place place, const struct wkv_entry *old,
                                        struct wkv_key key, const struct content *content)
{
    struct wkv_memory *memory = &place.shard->memory;
    struct wkv_store_info info = {.bytes = 0};
    if (old != NULL)
        wkv_entry_info(old, &info);
    memory->credit_bytes = info.bytes;
    struct wkv_entry *fresh = wkv_entry_create(memory, place.hash, key, shape_of(content));
    memory->credit_bytes = 0;
    return fresh;
}

/* Puts a fresh entry into the place of the old one (NULL: there is none), which stays hidden where it may
 * have to come back. */
static bool insert_instead(struct wkv_shard *shard, struct wkv_entry *old, struct wkv_entry *fresh)
{
    if (old != NULL)
        fresh->used = old->used;
    if (old != NULL && shard->undo == NULL) {
        wkv_shard_replace(shard, old, fresh);
        return true;
    }
    if (!wkv_shard_insert(shard, fresh))
        return false;
    if (old != NULL) {
        wkv_shard_break_walks(shard, old);
        wkv_undo_hide(shard->undo, old);
    }
    if (shard->undo != NULL)
        wkv_undo_made(shard->undo);
    return true;
}

/* Replaces what the key held (old; NULL: nothing) by content. */
static enum wkv_store_status put(struct wkv_place place, struct wkv_entry *old, struct wkv_key key,
                                 const struct content *content)
{
    struct wkv_shard *shard = place.shard;
    struct wkv_entry_shape shape = shape_of(content);
    if (shape.timed && !wkv_wheel_reserve(&shard->wheel, &shard->memory))
        return WKV_STORE_NO_MEMORY;
    if (old != NULL && shard->undo == NULL && wkv_entry_fits(old, shape)) {
        reshape(shard, old, content);
        write_content(shard, old, content);
        return WKV_STORE_OK;
    }
    struct wkv_entry *fresh = create_instead(place, shard->undo == NULL ? old : NULL, key, content);
    if (fresh == NULL)
        return WKV_STORE_NO_MEMORY;
    if (!insert_instead(shard, old, fresh)) {
        wkv_shard_discard(shard, fresh);
        return WKV_STORE_NO_MEMORY;
    }
    write_content(shard, fresh, content);
    return WKV_STORE_OK;
}

enum wkv_store_status wkv_view_set(struct wkv_view *view, size_t key, struct wkv_text value,
                                   int64_t expires_at_ns)
{
    struct wkv_place place;
    struct wkv_entry *old = wkv_view_claim(view, key, &place);
    struct content content = {WKV_SCALAR, value, expires_at_ns, .is_news = true};
    return put(place, old, view->keys[key], &content);
}

/* Reads text that is wholly a decimal int64: '0', or an optional '-' and digits of which the first is not 0.
 */
static bool parse_int64(struct wkv_text text, int64_t *number)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == text.len || (text.data[i] == '0' && text.len > 1))
        return false;
    int64_t value = 0;
    for (; i < text.len; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *number = value;
    return true;
}

static bool is_within(int64_t number, struct wkv_range range)
{
    return range.least <= number && number <= range.most;
}

/* The number that the entry (NULL: there is none) holds. */
static enum wkv_store_status read_number(const struct wkv_entry *entry, struct wkv_range range,
                                         int64_t *number)
{
    *number = 0;
    if (entry == NULL)
        return WKV_STORE_OK;
    if (entry->kind == WKV_COUNTER) {
        *number = wkv_entry_counter(entry);
        return is_within(*number, range) ? WKV_STORE_OK : WKV_STORE_OVERFLOW;
    }
    if (entry->kind != WKV_SCALAR)
        return WKV_STORE_WRONG_KIND;
    struct wkv_text text = {wkv_entry_scalar(entry), wkv_entry_value_len(entry)};
    return parse_int64(text, number) && is_within(*number, range) ? WKV_STORE_OK : WKV_STORE_NOT_A_NUMBER;
}

enum wkv_store_status wkv_view_add(struct wkv_view *view, size_t key, int64_t delta, struct wkv_range range,
                                   int64_t *sum)
{
    struct wkv_place place;
    int64_t before, after;
    struct wkv_entry *entry = wkv_view_claim(view, key, &place);
    enum wkv_store_status status = read_number(entry, range, &before);
    if (status == WKV_STORE_OK && (__builtin_add_overflow(before, delta, &after) || !is_within(after, range)))
        status = WKV_STORE_OVERFLOW;
    if (status != WKV_STORE_OK)
        return status;
    if (entry == NULL || entry->kind != WKV_COUNTER) {
        struct content content = {WKV_COUNTER,
                                  {(const char *)&after, sizeof after},
                                  entry == NULL ? 0 : wkv_entry_expires_at(entry),
                                  .is_news = entry == NULL || delta != 0};
        status = put(place, entry, view->keys[key], &content);
    } else if (delta != 0) {
        if (view->undo != NULL)
            wkv_undo_number(view->undo, before);
        memcpy(wkv_entry_scalar(entry), &after, sizeof after);
        wkv_shard_changed(place.shard, entry, WKV_CHANGE_PUT);
    }
    if (status == WKV_STORE_OK)
        *sum = after;
    return status;
}
