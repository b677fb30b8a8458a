/* The front of waSCC hosts: invocations in MessagePack (contract section 7).
 *
 * Hosts read answers with a strict parser that knows no NATS headers: whatever comes in, a well-formed
 * InvocationResponse goes back, and nothing else, except that a traceparent goes back to a caller that sent
 * one.
 *
 * The worker for `system` listens on the binding's own subject, in no queue group: BindActor, RemoveActor and
 * GetCapabilityDescriptor of hosts. Those for actors listen on the subjects of bound actors, which come and
 * go.
 */
#ifndef WKV_FRONT_INVOCATIONS_H
#define WKV_FRONT_INVOCATIONS_H

#include "front/front.h"
#include "front/invocation.h"

extern const struct wkv_front wkv_front_invocations;

/* Fills the request with what the invocation brings: all but the operation, the actor and the room. Borrows.
 */
void wkv_invocation_ask(const struct wkv_invocation *invocation, struct wkv_request *request);

/* Listens, or listens no more, on the subject of a bound actor, whose queue group is the subject itself: see
 * wkv_subscriptions_add, _await and _leave. */
enum wkv_listening wkv_invocations_add_actor(struct wkv_worker *worker, struct wkv_text actor,
                                             int64_t timeout_ms);
enum wkv_listening wkv_invocations_await_actor(struct wkv_worker *worker, struct wkv_text actor,
                                               int64_t until_ns);
void wkv_invocations_drop_actor(struct wkv_worker *worker, struct wkv_text actor, int64_t timeout_ms);

#endif
