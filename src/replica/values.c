#include "replica/values.h"

#include <stdlib.h>

#include "support/text.h"

#define PIECE_BYTES (128u * 1024u)

/* ---- reading ---- */

static bool put_item(void *buffer, struct wkv_text item)
{
    wkv_put_text(buffer, item);
    return true;
}

/* Shows all that the view's only key holds. Upkeep may have moved what a long look was at: then it is begun
 * anew, by the caller. */
static enum wkv_store_status show(struct wkv_view *view, const struct wkv_store_info *info,
                                  wkv_store_visitor visit, void *context)
{
    switch (info->kind) {
    case WKV_LIST:
        return wkv_view_list_range(view, 0, 0, -1, visit, context);
    case WKV_SET:
        return wkv_view_set_members(view, 0, visit, context);
    default:
        return wkv_view_get(view, 0, visit, context);
    }
}

static void put_head(struct wkv_buffer *buffer, struct wkv_key key, const struct wkv_store_info *info)
{
    bool is_scalar = info != NULL && (info->kind == WKV_SCALAR || info->kind == WKV_COUNTER);
    wkv_put_fixed(buffer, info == NULL ? WKV_VALUE_ABSENT : info->kind, 1);
    wkv_put_varint(buffer, key.keyspace);
    wkv_put_varint(buffer, wkv_zigzag(info == NULL ? 0 : info->expires_at_ns));
    wkv_put_text(buffer, key.name);
    wkv_put_varint(buffer, info == NULL ? 0 : is_scalar ? 1 : info->length);
}

bool wkv_value_put(struct wkv_store *store, struct wkv_key key, int64_t now_ns, struct wkv_buffer *buffer)
{
    struct wkv_view view;
    struct wkv_store_info info;
    size_t begin = buffer->len;
    enum wkv_store_status status = wkv_store_begin(&view, store, &key, 1, WKV_STORE_READS, now_ns);
    do {
        buffer->len = begin;
        status = wkv_view_inspect(&view, 0, &info);
        put_head(buffer, key, status == WKV_STORE_OK ? &info : NULL);
        if (status == WKV_STORE_OK)
            status = show(&view, &info, put_item, buffer);
    } while (status == WKV_STORE_CHANGED && wkv_view_again(&view));
    wkv_store_end(&view);
    return !buffer->failed && status != WKV_STORE_CHANGED;
}

bool wkv_value_take(struct wkv_bytes *bytes, struct wkv_value *value)
{
    *value = (struct wkv_value){.kind = (uint8_t)wkv_bytes_fixed(bytes, 1)};
    uint64_t keyspace = wkv_bytes_varint(bytes);
    value->key.keyspace = (uint32_t)keyspace;
    value->expires_at_ns = wkv_unzigzag(wkv_bytes_varint(bytes));
    value->key.name = wkv_bytes_text(bytes);
    value->count = wkv_bytes_varint(bytes);
    value->items = *bytes;
    bool is_scalar = value->kind == WKV_SCALAR || value->kind == WKV_COUNTER;
    bytes->bad |= value->kind > WKV_VALUE_ABSENT || keyspace > UINT32_MAX || value->expires_at_ns < 0 ||
                  value->key.name.len == 0 || value->key.name.len > WKV_STORE_MAX_KEY_BYTES ||
                  (is_scalar && value->count != 1) || (value->kind == WKV_VALUE_ABSENT && value->count != 0);
    for (uint64_t i = 0; i < value->count && !bytes->bad; i++)
        (void)wkv_bytes_text(bytes);
    value->items.end = bytes->at;
    return !bytes->bad;
}

/* ---- importing ---- */

/* What a counter's text says, which the store wrote. */
static bool counter_of(struct wkv_text text, int64_t *counter)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t magnitude, most = (uint64_t)INT64_MAX + negative;
    if (!wkv_text_decimal((struct wkv_text){text.data + negative, text.len - negative}, most, &magnitude))
        return false;
    *counter = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static bool import_item(struct wkv_view *view, const struct wkv_value *value, struct wkv_text item)
{
    int64_t sum;
    int32_t count;
    switch (value->kind) {
    case WKV_SCALAR:
        return wkv_view_set(view, 0, item, value->expires_at_ns) == WKV_STORE_OK;
    case WKV_COUNTER:
        return counter_of(item, &sum) && wkv_view_add(view, 0, sum, WKV_INT64_RANGE, &sum) == WKV_STORE_OK;
    case WKV_LIST:
        return wkv_view_list_push(view, 0, item, &count) == WKV_STORE_OK;
    default:
        return wkv_view_set_add(view, 0, item, &count) == WKV_STORE_OK;
    }
}

bool wkv_value_import(struct wkv_store *store, const struct wkv_value *value, int64_t now_ns)
{
    struct wkv_view view;
    struct wkv_bytes items = value->items;
    (void)wkv_store_begin(&view, store, &value->key, 1, value->key.name.len + (size_t)(items.end - items.at),
                          now_ns);
    (void)wkv_view_delete(&view, 0);
    bool good = true;
    for (uint64_t i = 0; i < value->count && good; i++)
        good = import_item(&view, value, wkv_bytes_text(&items));
    if (good && value->expires_at_ns != 0 && value->kind != WKV_SCALAR)
        good = wkv_view_expire(&view, 0, value->expires_at_ns) == WKV_STORE_OK;
    wkv_store_end(&view);
    return good && wkv_bytes_ended(&items);
}

/* ---- many of them ---- */

static struct wkv_key key_of(const struct wkv_store_scan *scan, size_t index)
{
    return (struct wkv_key){scan->keys[index].keyspace, scan->keys[index].name};
}

/* Calls visit for each key of the range, until it returns false: then the next piece begins behind that key.
 */
static bool each(struct wkv_store *store, struct wkv_values_range *range,
                 bool (*visit)(void *context, struct wkv_key key), void *context)
{
    struct wkv_store_scan *scan = malloc(sizeof *scan);
    if (scan == NULL)
        return false;
    bool more = true;
    while (more && range->from < range->to) {
        wkv_store_scan(store, WKV_STORE_ALL_KEYSPACES, range->from, range->now_ns, scan);
        for (size_t i = 0; i < scan->count && more && scan->keys[i].cursor < range->to; i++) {
            more = visit(context, key_of(scan, i));
            range->from = i + 1 < scan->count ? scan->keys[i + 1].cursor : scan->next;
        }
        if (more)
            range->from = scan->next;
    }
    if (range->from > range->to)
        range->from = range->to;
    free(scan);
    return true;
}

struct put {
    struct wkv_store *store;
    struct wkv_values_range *range;
    struct wkv_buffer *buffer;
    size_t begin, keys;
};

static bool put_key(void *context, struct wkv_key key)
{
    struct put *put = context;
    struct wkv_values_range *range = put->range;
    if (range->passes != NULL && range->passes(range->context, key))
        return true;
    if (!wkv_value_put(put->store, key, range->now_ns, put->buffer))
        put->buffer->failed = true;
    put->keys++;
    return !put->buffer->failed && put->keys < range->keys &&
           (range->keys == SIZE_MAX || put->buffer->len - put->begin < PIECE_BYTES);
}

bool wkv_values_put(struct wkv_store *store, struct wkv_values_range *range, struct wkv_buffer *buffer)
{
    struct put put = {.store = store, .range = range, .buffer = buffer, .begin = buffer->len};
    bool done = each(store, range, put_key, &put);
    range->keys = put.keys;
    return done && !buffer->failed;
}

/* ---- digests ---- */

struct digest {
    struct wkv_store *store;
    const struct wkv_record_key *key;
    int64_t now_ns;
    struct wkv_buffer value;
    uint64_t sum;
};

/* Members stand in no order, so they are added up; a list's items each go into what those before have come
 * to. */
static uint64_t digest_items(const struct wkv_record_key *key, const struct wkv_value *value)
{
    struct wkv_bytes items = value->items;
    uint64_t all = 0;
    for (uint64_t i = 0; i < value->count; i++) {
        struct wkv_text item = wkv_bytes_text(&items);
        /* once.c: what ends a note is the digest of what was sent, and how it was answered. */
        if (value->key.keyspace == WKV_STORE_NOTES && item.len > 24)
            item = (struct wkv_text){item.data + item.len - 24, 24};
        uint64_t hash = wkv_record_hash(key, item);
        all = value->kind == WKV_SET ? all + hash
                                     : wkv_record_hash_numbers(key, (const uint64_t[]){all, hash}, 2);
    }
    return all;
}

static bool digest_key(void *context, struct wkv_key name)
{
    struct digest *digest = context;
    struct wkv_value value;
    wkv_buffer_reset(&digest->value, PIECE_BYTES);
    if (!wkv_value_put(digest->store, name, digest->now_ns, &digest->value))
        return false;
    struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){digest->value.data, digest->value.len});
    (void)wkv_value_take(&bytes, &value);
    const uint64_t parts[] = {wkv_record_hash(digest->key, name.name),
                              (uint64_t)name.keyspace << 8 | value.kind, (uint64_t)value.expires_at_ns,
                              digest_items(digest->key, &value)};
    digest->sum += wkv_record_hash_numbers(digest->key, parts, 4);
    return true;
}

bool wkv_values_digest(struct wkv_store *store, const struct wkv_record_key *key,
                       const struct wkv_values_range *range, uint64_t *sum)
{
    struct digest digest = {.store = store, .key = key, .now_ns = range->now_ns};
    struct wkv_values_range rest = *range;
    bool done = each(store, &rest, digest_key, &digest) && rest.from >= range->to;
    done &= !digest.value.failed;
    wkv_buffer_destroy(&digest.value);
    *sum = digest.sum;
    return done;
}
