/* Memory beside the store that its budget counts. */
#include "store/store.h"

bool wkv_store_reserve(struct wkv_store *store, uint64_t bytes)
{
    struct wkv_budget *budget = &store->budget;
    if (!wkv_budget_charge(budget, bytes))
        return false;
    atomic_fetch_add_explicit(&budget->reserved_bytes, bytes, memory_order_relaxed);
    wkv_pages_count(&store->pool, bytes);
    return true;
}

void wkv_store_release(struct wkv_store *store, uint64_t bytes)
{
    struct wkv_budget *budget = &store->budget;
    atomic_fetch_sub_explicit(&budget->reserved_bytes, bytes, memory_order_relaxed);
    wkv_pages_uncount(&store->pool, bytes);
    wkv_budget_discharge(budget, bytes);
}
