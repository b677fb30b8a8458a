/* What INFO says of the operations (contract section 8): one endpoint each. It is the same for the whole life
 * of the process, so it is made once. */
#ifndef WKV_LATTICE_ENDPOINTS_H
#define WKV_LATTICE_ENDPOINTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "nats/subject.h"
#include "operation/operation.h"

/* Zeroed is empty. Immutable once made, but for jansson's counts of references, which are atomic. */
struct wkv_endpoints {
    json_t *all;   /* arrays in the table's order, with schemas */
    json_t *brief; /* and without */
    size_t bytes;  /* of JSON text that `all` comes to */
};

/* "with the subject it listens on, its queue group": `system`'s have none. The caller releases it. Errors:
 * NULL where memory is short. */
json_t *wkv_endpoint(const struct wkv_address *address, const struct wkv_operation *operation);

/* Returns false where memory is short; destroy takes what was made. */
bool wkv_endpoints_make(struct wkv_endpoints *endpoints, const struct wkv_address *address);
void wkv_endpoints_destroy(struct wkv_endpoints *endpoints);

/* The array for a document of so many bytes, borrowed: with schemas where these have room. */
json_t *wkv_endpoints_within(const struct wkv_endpoints *endpoints, size_t max_bytes);

#endif
