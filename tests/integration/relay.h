/* A relay between the provider and its server that can stop taking what the provider sends: a server, or a
 * network, that is too slow for the replies. And a bare NATS connection, for bytes that no client library
 * sends.
 */
#ifndef INTEGRATION_RELAY_H
#define INTEGRATION_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "servers.h"

struct relay;

/* Listens on a port of its own and relays every connection to the server's port, on a thread of its own. */
struct relay *relay_start(int server_port);
void relay_stop(struct relay *relay);

/* The URL to give to the provider. */
void relay_url(const struct relay *relay, char out[URL_BYTES]);

/* While held, nothing that the provider sends is taken from it. */
void relay_hold(struct relay *relay, bool held);

/* Waits until the provider takes no more of what is sent to it: it has filled every buffer on the way, and
 * nothing moved for a while. Fails the test where that does not come to be. */
void relay_await_blocked(struct relay *relay);

/* Connects to a nats-server without a client library and reads its greeting; the connection's receive
 * buffer is small. Returns the socket. */
int bare_connect(int port);

/* Sends all of the bytes. */
void bare_send(int socket, const void *bytes, size_t len);

/* Sends a PING and reads until its PONG has come: the server has taken all before. */
void bare_sync(int socket);

#endif
