/* A call: one request on its way through a handler. What the handlers share. */
#ifndef WKV_OPERATION_CALL_H
#define WKV_OPERATION_CALL_H

#include <string.h>

#include "codec/codec.h"
#include "operation/provider.h"
#include "wascc_keyvalue/text.h"

struct wkv_call {
    const struct wkv_provider *provider;
    const struct wkv_operation *operation;
    struct wkv_session *session;
    const struct wkv_policy_request *asked; /* who asks, as the policy saw it */
    const struct wkv_request *front;        /* the request as it came */
    const ProtobufCMessage *request;
    uint32_t keyspace;
    int64_t now_ns;
    struct wkv_arena *arena;
    struct wkv_sink sink;
    bool silent;                        /* it is not for this instance: nothing is answered */
    unsigned char host[WKV_NKEY_BYTES]; /* that signed a system operation; not written under WKV_AUTH_NONE */
    struct wkv_error *error;
};

/* A field of a message as a text, and a string as a field. Both borrow. */
static inline struct wkv_text wkv_text_of(ProtobufCBinaryData bytes)
{
    return (struct wkv_text){(const char *)bytes.data, bytes.len};
}

static inline ProtobufCBinaryData wkv_bytes_of(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

/* Fails the call: the text gets the operation's name in front. */
enum wkv_code wkv_call_fail(struct wkv_call *call, enum wkv_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The key of a request: not empty (400) and within its limit (413). */
enum wkv_code wkv_call_key(struct wkv_call *call, ProtobufCBinaryData name, struct wkv_key *key);

/* A value, item or member of a request: within its limit (413). */
enum wkv_code wkv_call_value(struct wkv_call *call, ProtobufCBinaryData bytes, struct wkv_text *value);

/* The code, and the text, of what the store said. WKV_STORE_MISSING is for the handler to understand. */
enum wkv_code wkv_call_status(struct wkv_call *call, enum wkv_store_status status);

/* Whether the request names an instance, and that is another one: the call is silent then, and done. */
bool wkv_call_is_for_another(struct wkv_call *call, ProtobufCBinaryData instance);

/* Completes the reply: 413 with its size where it is too large. A handler that changes something and whose
 * reply can be large calls it before the change. */
enum wkv_code wkv_call_finish(struct wkv_call *call);

/* Writes the text as field 1 of the reply, a string or an element of a repeated one: a wkv_store_visitor
 * whose context is the call. Returns false where the reply is more than full: nobody walks on for a refusal.
 */
bool wkv_call_show(void *context, struct wkv_text text);

/* Bytes of the text in a JSON reply, with its quotes and a comma, at the most. */
size_t wkv_call_json_bytes(struct wkv_text text);

/* The handlers, one for each row of the table. */
enum wkv_code wkv_handle_get(struct wkv_call *call);
enum wkv_code wkv_handle_set(struct wkv_call *call);
enum wkv_code wkv_handle_del(struct wkv_call *call);
enum wkv_code wkv_handle_add(struct wkv_call *call);
enum wkv_code wkv_handle_key_exists(struct wkv_call *call);
enum wkv_code wkv_handle_push(struct wkv_call *call);
enum wkv_code wkv_handle_list_item_delete(struct wkv_call *call);
enum wkv_code wkv_handle_range(struct wkv_call *call);
enum wkv_code wkv_handle_clear(struct wkv_call *call);
enum wkv_code wkv_handle_set_add(struct wkv_call *call);
enum wkv_code wkv_handle_set_remove(struct wkv_call *call);
enum wkv_code wkv_handle_set_query(struct wkv_call *call);
enum wkv_code wkv_handle_set_union(struct wkv_call *call);
enum wkv_code wkv_handle_set_intersection(struct wkv_call *call);
enum wkv_code wkv_handle_bind_actor(struct wkv_call *call);
enum wkv_code wkv_handle_remove_actor(struct wkv_call *call);
enum wkv_code wkv_handle_get_capability_descriptor(struct wkv_call *call);
enum wkv_code wkv_handle_health_request(struct wkv_call *call);
enum wkv_code wkv_handle_keys(struct wkv_call *call);
enum wkv_code wkv_handle_inspect(struct wkv_call *call);
enum wkv_code wkv_handle_bindings(struct wkv_call *call);
enum wkv_code wkv_handle_slowlog(struct wkv_call *call);
enum wkv_code wkv_handle_log_level(struct wkv_call *call);

#endif
