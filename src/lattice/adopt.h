/* Bindings that the lattice remembers: a provider that was started anew adopts its own again (contract
 * section 7).
 *
 * What hosts answer is JSON without a signature and without the claims' values: it says who was bound and
 * with what configuration, and no more. So nothing is adopted under --auth binding, nor under
 * --require-binding (but with --auth none), where a binding is permission; in the other modes every request
 * brings what it needs. Nor is anything adopted where no host is trusted (but with --auth none): nobody can
 * have bound an actor there, and each binding costs every worker a subscription. Who may answer
 * `inventory.bindings` is for the NATS server's permissions to say.
 */
#ifndef WKV_LATTICE_ADOPT_H
#define WKV_LATTICE_ADOPT_H

#include "lattice/discovery.h"

/* Binds the actors of one answer that are for this capability and binding and of which no host has said
 * anything since. Any bytes will do; what is no answer is left alone. */
void wkv_adopt_bindings(struct wkv_discovery *discovery, const char *data, size_t len);

#endif
