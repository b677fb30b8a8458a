/* What lattice/alone.c is made of: asking (alone_rounds.c) and telling (alone_tell.c). */
#ifndef WKV_LATTICE_ALONE_PARTS_H
#define WKV_LATTICE_ALONE_PARTS_H

#include "lattice/alone.h"
#include "operation/identity.h"

#define QUESTION_SUBJECT WKV_PING_SUBJECT "." WKV_SERVICE_NAME

static inline struct wkv_log *wkv_alone_log(const struct wkv_alone *alone)
{
    return alone->discovery->loop.options.log;
}

static inline struct wkv_stats *wkv_alone_stats(const struct wkv_alone *alone)
{
    return alone->discovery->process.sources.stats;
}

/* Begins the next round. Where that cannot be, for there is no connection, say, none begins, and
 * alone->failed says so: an instance that was not asked is not silent. */
void wkv_alone_ask(struct wkv_alone *alone, int64_t now_ns);

/* Lets the meeting hear what has come, of earlier rounds first. */
void wkv_alone_read_answers(struct wkv_alone *alone, int64_t now_ns);

/* Before it serves: another one serves, and that is allowed, or it does not answer every time. */
void wkv_alone_tell_beside(const struct wkv_alone *alone, const struct wkv_meeting_peer *other);

/* Likewise: another one serves, and this one does not start, which is the error. */
void wkv_alone_tell_taken(const struct wkv_alone *alone, const struct wkv_meeting_peer *other,
                          struct wkv_error *error);

/* While it serves. What was there before is over; another one answers, maybe; this one stays, or is to go,
 * which is the error. */
void wkv_alone_tell_end(struct wkv_alone *alone, enum wkv_meeting_state before);
void wkv_alone_tell_suspect(const struct wkv_alone *alone, const struct wkv_meeting_peer *other);
void wkv_alone_tell_stay(struct wkv_alone *alone, const struct wkv_meeting_peer *other);
void wkv_alone_tell_yield(struct wkv_alone *alone, const struct wkv_meeting_peer *other,
                          struct wkv_error *error);

#endif
