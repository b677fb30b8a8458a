/* A request through admission and the engine memory in one call, for tests and benchmarks without NATS. */
#ifndef TESTS_DISPATCH_H
#define TESTS_DISPATCH_H

#include "engine/memory.h"
#include "front/call.h"

/* On WKV_OK *reply is in the session and valid until its next use; without data the request is another
 * instance's to answer. Else error says what is wrong. */
static inline enum wkv_code dispatch_request(struct wkv_session *session, const struct wkv_request *request,
                                             struct wkv_text *reply, struct wkv_error *error)
{
    struct wkv_call call;
    call.request = *request;
    enum wkv_code code = wkv_call_admit(session, &call, error);
    *reply = (struct wkv_text){NULL, 0};
    if (code != WKV_OK || request->operation->streams) /* what streams has no one reply */
        return code;
    enum wkv_outcome outcome = wkv_engine_memory.submit(NULL, &call.ticket);
    if (outcome == WKV_ANSWERED)
        *reply = call.ticket.reply;
    return outcome == WKV_REFUSED ? error->code : WKV_OK;
}

#endif
