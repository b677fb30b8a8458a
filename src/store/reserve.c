/* Memory beside the store that its budget counts. */
#include "store/store.h"

bool wkv_store_reserve(struct wkv_store *store, uint64_t bytes)
{
    struct wkv_budget *budget = &store->budget;
    if (budget->max_bytes != 0) {
        uint64_t before = atomic_fetch_add_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
        if (before > budget->max_bytes || bytes > budget->max_bytes - before) {
            atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
            return false;
        }
    }
    atomic_fetch_add_explicit(&budget->reserved_bytes, bytes, memory_order_relaxed);
    wkv_pages_count(&store->pool, bytes);
    return true;
}

void wkv_store_release(struct wkv_store *store, uint64_t bytes)
{
    struct wkv_budget *budget = &store->budget;
    atomic_fetch_sub_explicit(&budget->reserved_bytes, bytes, memory_order_relaxed);
    wkv_pages_uncount(&store->pool, bytes);
    if (budget->max_bytes != 0)
        atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
}
