/* The lattice front: real waSCC hosts call it, in MessagePack (contract section 7). One more way in to the
 * same dispatch.
 *
 * Hosts read answers with a strict parser that knows no NATS headers: whatever comes in, a well-formed
 * InvocationResponse goes back, and nothing else; but for a traceparent, which only comes back to who has
 * sent one.
 */
#ifndef WKV_FRONT_INVOCATIONS_H
#define WKV_FRONT_INVOCATIONS_H

#include "front/invocation.h"
#include "front/responder.h"
#include "nats/loop_extra.h"
#include "wascc_keyvalue/text.h"

/* What the invocation brings, as a request has it: all but the operation, the actor and the room. Borrows. */
void wkv_invocation_ask(const struct wkv_invocation *invocation, struct wkv_request *request);

/* Listens on the binding's own subject, in no queue group: BindActor, RemoveActor and GetCapabilityDescriptor
 * of hosts. For the responder of `system`. */
void wkv_lattice_listen(struct wkv_responder *responder, struct wkv_loop *loop);

/* Listens, or listens no more, on the subject of a bound actor, whose queue group is the subject itself: see
 * wkv_loop_extra_add, _await and _drop. responder is the loop's. */
enum wkv_loop_extra_state wkv_lattice_add_actor(struct wkv_responder *responder, struct wkv_loop *loop,
                                                struct wkv_text actor, int64_t timeout_ms);
enum wkv_loop_extra_state wkv_lattice_await_actor(struct wkv_responder *responder, struct wkv_loop *loop,
                                                  struct wkv_text actor, int64_t until_ns);
void wkv_lattice_drop_actor(struct wkv_responder *responder, struct wkv_loop *loop, struct wkv_text actor,
                            int64_t timeout_ms);

#endif
