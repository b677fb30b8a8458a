/* Who points to a block of a shard: what a heap that moves blocks asks. */
#ifndef WKV_STORE_RELINK_H
#define WKV_STORE_RELINK_H

#include "store/heap.h"

/* A wkv_heap_relink whose context is the shard. A dead entry and what lies behind it have no owner to be
 * found, so nothing is moved while there are any. */
bool wkv_shard_relink(void *context, const struct wkv_block *word, void *old, void *fresh);

#endif
