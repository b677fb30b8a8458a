/* What nats.c calls on a loop, and the loop's share in the epoll set. Any of nats.c's threads may call these.
 */
#ifndef WKV_NATS_LOOP_EVENTS_H
#define WKV_NATS_LOOP_EVENTS_H

#include "nats/loop.h"

/* Event-loop callbacks (natsOptions_SetEventLoop). */
natsStatus wkv_loop_on_attach(void **user_data, void *loop, natsConnection *connection, natsSock socket);
natsStatus wkv_loop_on_read(void *user_data, bool add);
natsStatus wkv_loop_on_write(void *user_data, bool add);
natsStatus wkv_loop_on_detach(void *user_data);

/* Connection callbacks. */
void wkv_loop_on_closed(natsConnection *connection, void *closure);
void wkv_loop_on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                       void *closure);
/* Also called for what the server told when it was connected to. */
void wkv_loop_on_discovered(natsConnection *connection, void *closure);

/* Closes the socket of the last connection, where nats.c has left that to the loop. When the loop's thread
 * has ended and the connection is destroyed. */
void wkv_loop_close_left(struct wkv_loop *loop);

/* Notes that there is a connection, for statistics. */
void wkv_loop_note_up(struct wkv_loop *loop);

/* Notes what the server's max_payload is now. */
void wkv_loop_note_max_payload(struct wkv_loop *loop);

/* Makes the loop's next epoll_wait return. */
void wkv_loop_wake(struct wkv_loop *loop);

/* Asks epoll for what the loop waits for now: to read, and to write where bytes are left over. */
void wkv_loop_update_interest(struct wkv_loop *loop);

#endif
