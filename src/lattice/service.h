/* What this process says of itself as a NATS service (contract section 8, ADR-32): the documents. */
#ifndef WKV_LATTICE_SERVICE_H
#define WKV_LATTICE_SERVICE_H

#include <jansson.h>

#include "lattice/discovery.h"
#include "nats/subject.h"

#define WKV_PING_TYPE "io.nats.micro.v1.ping_response"
/* The metadata `split` of one that was started with --allow-split. */
#define WKV_SPLIT_ALLOWED "allowed"

/* The lattice namespace as the documents write it: "" where there is none. */
static inline const char *wkv_service_namespace(const struct wkv_address *address)
{
    return address->lattice_namespace == NULL ? "" : address->lattice_namespace;
}

/* The answers to PING, INFO and STATS. The caller releases them. Errors: NULL where memory is short. */
json_t *wkv_service_ping(const struct wkv_discovery *discovery);
json_t *wkv_service_info(const struct wkv_discovery *discovery);
json_t *wkv_service_stats(const struct wkv_discovery *discovery);

#endif
