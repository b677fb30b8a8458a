/* Memory for requests. A worker decodes each request into the current slab, which the next one begins anew.
 * Requests that are kept hold on to theirs: what they have there stays, and the next request has its memory
 * behind it. A slab of which half is held, or that has grown, is left to those that hold it:
 *
 *   current ─► [ held | held | the request in hand        ]
 *              [ held |  held   | held                    ] ─► released by all ─► spare
 *
 * Not thread-safe: a worker's own.
 */
#ifndef WKV_FRONT_SLABS_H
#define WKV_FRONT_SLABS_H

#include <stdbool.h>
#include <stddef.h>

#include "support/arena.h"

struct wkv_slab {
    struct wkv_arena arena;
    size_t holders;
    struct wkv_slab *next; /* of the spare */
};

struct wkv_slabs {
    struct wkv_slab *current;
    struct wkv_slab *spare;
    size_t spare_count;
};

/* Errors: false where memory is short; nothing is left to destroy then. */
bool wkv_slabs_init(struct wkv_slabs *slabs);

/* Everything has been released. */
void wkv_slabs_destroy(struct wkv_slabs *slabs);

/* Memory for one more request; what the last one had is gone, unless it is held. */
struct wkv_arena *wkv_slabs_begin(struct wkv_slabs *slabs);

/* Holds what the request in hand has. *bytes is how much, about. Errors: NULL where memory is short. */
struct wkv_slab *wkv_slabs_hold(struct wkv_slabs *slabs, size_t *bytes);
void wkv_slabs_release(struct wkv_slabs *slabs, struct wkv_slab *slab);

#endif
