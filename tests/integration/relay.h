/* A relay between the provider and its server that can stop taking what the provider sends: a server, or a
 * network, that is too slow for the replies. It can also end as a server does, in the middle of anything, and
 * then refuse new connections or leave them without a word. And a bare NATS connection, for bytes that no
 * client library sends.
 */
#ifndef INTEGRATION_RELAY_H
#define INTEGRATION_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "servers.h"

struct relay;

/* Listens on a port of its own and relays every connection to the server's port, on a thread of its own. A
 * connection that one side closes is closed on the other. */
struct relay *relay_start(int server_port);
void relay_stop(struct relay *relay);

/* The URL to give to the provider. */
void relay_url(const struct relay *relay, char out[URL_BYTES]);

/* While held, nothing that the provider sends is taken from it. */
void relay_hold(struct relay *relay, bool held);

/* From now on what the server sends is under way for so long; 0: no longer than it takes. */
void relay_delay(struct relay *relay, int ms);

/* From now on what JetStream's consumers deliver through it was stored so many seconds later (or, below 0,
 * earlier) than it was: as where a server's clock is wrong that leads the stream. */
void relay_shift_stamps(struct relay *relay, long long s);

/* Says this to the provider on each of its connections, as if the server did, where nothing else is under
 * way. At most RELAY_SAY_BYTES. Waits until all of it has gone. */
#define RELAY_SAY_BYTES 1024
void relay_say(struct relay *relay, const void *bytes, size_t len);

/* How a connection is met. */
enum relay_door {
    RELAY_OPEN,     /* it is relayed */
    RELAY_REFUSING, /* closed at once */
    RELAY_SILENT,   /* made, and never answered */
};

/* From now on connections are met so; those that there are stay. */
void relay_set_door(struct relay *relay, enum relay_door door);

/* Closes every connection, as a server does that ends, and meets those that come afterwards so. */
void relay_cut(struct relay *relay, enum relay_door door);

/* The same for the connection that was made last only. */
void relay_cut_newest(struct relay *relay, enum relay_door door);

/* Lets so many bytes pass behind the needle, when that comes from the server on any connection, and then cuts
 * as relay_cut with RELAY_REFUSING does. Once. needle: at most RELAY_NEEDLE_BYTES. */
#define RELAY_NEEDLE_BYTES 128
void relay_cut_behind(struct relay *relay, const void *needle, size_t needle_len, size_t bytes);

/* Waits until that has happened. */
void relay_await_cut(struct relay *relay);

/* Whether a connection has come to the silent door. */
bool relay_is_waited_on(const struct relay *relay);

/* Connects to a nats-server without a client library and reads its greeting; the connection's receive
 * buffer is small. Returns the socket. */
int bare_connect(int port);

/* Sends all of the bytes. */
void bare_send(int socket, const void *bytes, size_t len);

/* Sends a PING and reads until its PONG has come: the server has taken all before. */
void bare_sync(int socket);

#endif
