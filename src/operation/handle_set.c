/* Sets (contract section 3). */
#include "keyvalue.pb-c.h"
#include "operation/call.h"

typedef enum wkv_store_status (*change_member)(struct wkv_store *store, struct wkv_key key,
                                               struct wkv_text member, int64_t now_ns, int32_t *size);

static enum wkv_code change(struct wkv_call *call, ProtobufCBinaryData name, ProtobufCBinaryData bytes,
                            change_member how)
{
    struct wkv_key key;
    struct wkv_text member;
    int32_t size;
    if (wkv_call_key(call, name, &key) != WKV_OK || wkv_call_value(call, bytes, &member) != WKV_OK)
        return call->error->code;
    if (wkv_call_status(call, how(call->provider->store, key, member, call->now_ns, &size)) != WKV_OK)
        return call->error->code;
    wkv_sink_int32(&call->sink, 1, size);
    return wkv_call_finish(call);
}

/* "SetAdd / SetRemove: new_count is the size of the set afterwards; an emptied set is gone; SetRemove on a
 * missing key creates nothing and answers 0." */
enum wkv_code wkv_handle_set_add(struct wkv_call *call)
{
    const Keyvalue__SetAddRequest *request = (const Keyvalue__SetAddRequest *)call->request;
    return change(call, request->key, request->value, wkv_store_set_add);
}

enum wkv_code wkv_handle_set_remove(struct wkv_call *call)
{
    const Keyvalue__SetRemoveRequest *request = (const Keyvalue__SetRemoveRequest *)call->request;
    return change(call, request->key, request->value, wkv_store_set_remove);
}

/* "SetQuery: members, order not promised." */
enum wkv_code wkv_handle_set_query(struct wkv_call *call)
{
    const Keyvalue__SetQueryRequest *request = (const Keyvalue__SetQueryRequest *)call->request;
    struct wkv_key key;
    if (wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    enum wkv_store_status status =
        wkv_store_set_members(call->provider->store, key, call->now_ns, wkv_call_show, call);
    if (wkv_call_status(call, status) != WKV_OK)
        return call->error->code;
    return wkv_call_finish(call);
}

typedef enum wkv_store_status (*combine_sets)(struct wkv_store *store, const struct wkv_key *keys,
                                              size_t count, int64_t now_ns, wkv_store_visitor visit,
                                              void *context);

static enum wkv_code combine(struct wkv_call *call, const ProtobufCBinaryData *names, size_t count,
                             combine_sets how)
{
    if (count > WKV_MAX_KEYS_A_REQUEST)
        return wkv_call_fail(call, WKV_TOO_LARGE, "the request names %zu keys; name at most %u at once",
                             count, WKV_MAX_KEYS_A_REQUEST);
    struct wkv_key *keys = wkv_arena_alloc(call->arena, count * sizeof *keys);
    if (keys == NULL)
        return wkv_call_fail(call, WKV_NO_MEMORY, "no memory for the request; try again later");
    for (size_t i = 0; i < count; i++)
        if (wkv_call_key(call, names[i], &keys[i]) != WKV_OK)
            return call->error->code;
    enum wkv_store_status status = how(call->provider->store, keys, count, call->now_ns, wkv_call_show, call);
    if (wkv_call_status(call, status) != WKV_OK)
        return call->error->code;
    return wkv_call_finish(call);
}

/* "SetUnion / SetIntersection: one consistent look at all the keys; a missing key is the empty set; no keys =
 * empty." */
enum wkv_code wkv_handle_set_union(struct wkv_call *call)
{
    const Keyvalue__SetUnionRequest *request = (const Keyvalue__SetUnionRequest *)call->request;
    return combine(call, request->keys, request->n_keys, wkv_store_set_union);
}

enum wkv_code wkv_handle_set_intersection(struct wkv_call *call)
{
    const Keyvalue__SetIntersectionRequest *request = (const Keyvalue__SetIntersectionRequest *)call->request;
    return combine(call, request->keys, request->n_keys, wkv_store_set_intersection);
}
