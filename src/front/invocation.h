/* The envelope of the lattice protocol (CONTRACT section 7): a host's Invocation, and the InvocationResponse
 * that answers it, both in MessagePack as rmp-serde 0.14 writes it. What is in an invocation's msg is a
 * request, for wkv_decode with WKV_MSGPACK; what goes into a response's msg is a reply that a sink wrote with
 * WKV_MSGPACK.
 *
 * Nothing here checks the claims of an invocation. Thread-safe, each arena and buffer belonging to one
 * thread.
 */
#ifndef WKV_FRONT_INVOCATION_H
#define WKV_FRONT_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "support/arena.h"
#include "support/buffer.h"
#include "support/error.h"
#include "wascc_keyvalue/text.h"

/* Who calls, or who is called: an actor, or a capability by its binding. The fields of the other kind are
 * empty. */
struct wkv_entity {
    bool is_capability;
    struct wkv_text actor;   /* a public key, or "system" for the host itself */
    struct wkv_text capid;   /* such as wascc:keyvalue */
    struct wkv_text binding; /* such as default */
};

struct wkv_invocation {
    struct wkv_entity origin;
    struct wkv_entity target;
    struct wkv_text operation;
    struct wkv_text msg;
    struct wkv_text id;
    struct wkv_text encoded_claims;
    struct wkv_text host_id;
};

/* Decodes an invocation. Its texts are UTF-8 and lie in bytes; msg lies in bytes where it came as bin, and in
 * arena, which then has to have room for it, where it came as the array of integers that hosts send. bytes
 * may be NULL where len is 0.
 *
 * A struct may be a map with the fields' names (str or bin) as keys, or an array of its fields in their
 * order; an integer may have any width and sign; origin and target may be a map of one entry, its key the
 * variant's index or name, or, as rmp-serde before 0.14 wrote it, an array of the two. Unknown fields are
 * skipped. A field that is missing, nil or there twice is refused, and so is anything after the invocation.
 *
 * Errors: WKV_BAD_REQUEST (does not decode; the text names the field where one is to blame and never quotes
 * the invocation), WKV_NO_MEMORY (the arena is full, or memory is short). *out is empty then: what does not
 * decode names no invocation that the failure could be answered to (contract section 7: "also for garbage
 * (then with an empty invocation_id)"). error may be NULL. */
enum wkv_code wkv_invocation_decode(const void *bytes, size_t len, struct wkv_arena *arena,
                                    struct wkv_invocation *out, struct wkv_error *error);

/* Bytes of the response that wkv_invocation_response_write writes for the same arguments; SIZE_MAX where
 * there is none, because MessagePack holds no length over 2^32 - 1. */
size_t wkv_invocation_response_bytes(struct wkv_text msg, const char *error, struct wkv_text id);

/* Appends the response to buffer: {msg, error, invocation_id}, error being text in UTF-8, or NULL where the
 * invocation succeeded. msg becomes an array of integers, since hosts do not read bin there: up to twice as
 * many bytes, which counts against the server's max_payload. Returns false, nothing being appended, where
 * memory is short or there is no response. */
bool wkv_invocation_response_write(struct wkv_buffer *buffer, struct wkv_text msg, const char *error,
                                   struct wkv_text id);

#endif
