/* The invocation ids that were seen and could still be sent again (CONTRACT section 6: "its id not seen
 * before").
 *
 * An id is kept as a keyed 128-bit digest of host and id, for as long as its invocation could pass the check
 * of `iat`. The memory is bounded, and a full window refuses rather than forgets. Ids of invocations that did
 * not verify must never get here, so only a trusted host can fill it.
 *
 * The latest time of a forgotten id is remembered too: where the clock goes back, an id that may have been
 * forgotten is refused. The window does not know the ids that another process, or this one before its start,
 * saw.
 *
 * Thread-safety: every function but create and destroy may be called from any thread. The window is in
 * shards, each with a mutex that is held for a look-up and an insertion.
 */
#ifndef WKV_SECURITY_REPLAY_H
#define WKV_SECURITY_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "security/nkey.h"
#include "support/error.h"

/* 17,000 invocations a second for the 61 s that one is kept; 40 MiB once they have all been used. */
#define WKV_REPLAY_ENTRIES (1u << 20)
#define WKV_REPLAY_MAX_ENTRIES (1u << 28)

/* How far beyond now an id may have to be kept: twice the window of `iat`, and some. Seconds. */
#define WKV_REPLAY_MAX_AHEAD_S 255

/* Zero means the default. */
struct wkv_replay_options {
    uint32_t max_entries; /* default WKV_REPLAY_ENTRIES; divided evenly among the shards */
    uint32_t shards;      /* a power of two up to 256; default 16 */
};

struct wkv_replay;

/* Errors: WKV_BAD_REQUEST (an option is out of range), WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_replay_create(const struct wkv_replay_options *options, struct wkv_replay **replay,
                                struct wkv_error *error);

/* Notes that host's invocation with that id was seen at now_s and could be sent again until expires_s, that
 * second included (both wall clock, seconds). Errors: WKV_FORBIDDEN (seen before, or so old that it may have
 * been forgotten), WKV_UNAVAILABLE (the window is full, or expires_s lies more than WKV_REPLAY_MAX_AHEAD_S
 * ahead). */
enum wkv_code wkv_replay_note(struct wkv_replay *replay, const unsigned char host[WKV_NKEY_BYTES],
                              const char *id, size_t id_len, int64_t expires_s, int64_t now_s,
                              struct wkv_error *error);

/* Frees everything. NULL is allowed. */
void wkv_replay_destroy(struct wkv_replay *replay);

#endif
