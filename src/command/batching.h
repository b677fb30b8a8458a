/* Batches of `export` and `import`: many operations on the keys of one keyspace in one request of `system`.
 */
#ifndef WKV_COMMAND_BATCHING_H
#define WKV_COMMAND_BATCHING_H

#include <stdint.h>

#include "command/asking.h"
#include "keyvalue.pb-c.h"

#define WKV_BATCHING_ITEMS 2000u

struct wkv_batching; /* large: on the heap */

/* Errors: NULL, no memory. */
struct wkv_batching *wkv_batching_create(void);
void wkv_batching_destroy(struct wkv_batching *batching);

/* Begins anew, on that keyspace ("": the binding's own), which is borrowed like all texts that follow. */
void wkv_batching_begin(struct wkv_batching *batching, const char *keyspace);
size_t wkv_batching_count(const struct wkv_batching *batching);
/* Items that may still be added. */
static inline size_t wkv_batching_room(const struct wkv_batching *batching)
{
    return WKV_BATCHING_ITEMS - wkv_batching_count(batching);
}

/* Each adds an item, for which there is room. */
typedef ProtobufCBinaryData wkv_bytes;
void wkv_batch_get(struct wkv_batching *batching, wkv_bytes key);
void wkv_batch_range(struct wkv_batching *batching, wkv_bytes key, int32_t start, int32_t stop);
void wkv_batch_set_query(struct wkv_batching *batching, wkv_bytes key, uint32_t limit, wkv_bytes cursor);
void wkv_batch_time_to_live(struct wkv_batching *batching, wkv_bytes key);
void wkv_batch_set(struct wkv_batching *batching, wkv_bytes key, wkv_bytes value, int64_t expires_ms);
void wkv_batch_del(struct wkv_batching *batching, wkv_bytes key);
void wkv_batch_push(struct wkv_batching *batching, wkv_bytes key, wkv_bytes value);
void wkv_batch_set_add(struct wkv_batching *batching, wkv_bytes key, wkv_bytes value);
void wkv_batch_increment(struct wkv_batching *batching, wkv_bytes key, int64_t delta);
void wkv_batch_expire(struct wkv_batching *batching, wkv_bytes key, int64_t expires_ms);

struct wkv_sending {
    const char *id; /* see wkv_question */
    bool is_late;
};

/* Sends it. *reply, which has one reply an item, is the caller's to free with
 * keyvalue__batch_response__free_unpacked; NULL where the whole was refused: `answered` says with what, and
 * error why. Errors: as wkv_ask. */
enum wkv_code wkv_batching_send(struct wkv_batching *batching, struct wkv_asking *asking,
                                struct wkv_sending how, Keyvalue__BatchResponse **reply, int *answered,
                                struct wkv_error *error);

#endif
