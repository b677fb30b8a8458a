/* What our store's memory comes to where values are no plain ones, and after they have changed a lot. */
#ifndef WASCC_KEYVALUE_BENCH_STORE_MEMORY_H
#define WASCC_KEYVALUE_BENCH_STORE_MEMORY_H

#include <stdint.h>

/* Prints bytes an item of lists and sets of small items, of `items` items in all for each row. Returns 0, or
 * -1 after saying what went wrong. */
int bench_store_collections(uint64_t items);

/* Prints what is counted, held and resident while so many keys are updated, by a zipf law, with values that
 * grow, shrink and do both, `updates` in each step, and while they go. Returns likewise. */
int bench_store_churn(uint32_t keys, uint64_t updates);

#endif
