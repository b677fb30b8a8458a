/* What a loop has published and the server has not taken yet. The loop's thread. */
#ifndef WKV_NATS_SENDING_H
#define WKV_NATS_SENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With so much waiting to be sent not even refusals are. */
#define WKV_UNSENT_LAST ((size_t)16 * 1024 * 1024)

struct wkv_loop;

struct wkv_sending {
    size_t unsent_bytes;       /* published since the last look at what is buffered, */
    size_t buffered_bytes;     /* which was so much then */
    size_t max_payload;        /* of the server, for this user, now */
    size_t replied_bytes;      /* of the last reply's payload */
    uint64_t refused, dropped; /* for overload, since the log was told */
    int64_t told_ns;
};

/* Bytes that wait to be sent, about. */
static inline size_t wkv_sending_bytes(const struct wkv_sending *sending)
{
    return sending->buffered_bytes + sending->unsent_bytes;
}

/* Offers what waits to be sent to the socket. */
void wkv_sending_offer(struct wkv_loop *loop);

/* Counts a message that is dropped for overload. */
void wkv_sending_drop(struct wkv_loop *loop);

/* Tells the log of what was refused and dropped, every few seconds at the most. */
void wkv_sending_tell(struct wkv_loop *loop);

#endif
