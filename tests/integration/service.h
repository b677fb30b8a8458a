/* What an instance says of itself: the NATS service protocol on $SRV (ADR-32, contract section 8), and its
 * documents looked at member by member. */
#ifndef INTEGRATION_SERVICE_H
#define INTEGRATION_SERVICE_H

#include <jansson.h>

#include "client.h"

/* Asks `$SRV.<verb>`, with `.wascc-keyvalue.<id>` where id is not NULL. The caller releases the answer, which
 * is without headers. */
json_t *service_ask(struct client *client, const char *verb, const char *id);

/* `$SRV.STATS.wascc-keyvalue`. */
json_t *service_stats(struct client *client);

/* Asks for STATS until the number at the path is the value, and returns that document. */
json_t *service_await(struct client *client, const char *path, long long value);

/* The endpoint of that name, borrowed. Fails the test where there is none, or two. */
json_t *endpoint_of(const json_t *document, const char *name);

/* Members by a path such as "data.shards.count". Each fails the test where there is none of the type. */
json_t *member_at(const json_t *document, const char *path);
long long number_at(const json_t *document, const char *path);
const char *text_at(const json_t *document, const char *path);

/* The same for what an endpoint has. */
long long endpoint_number(const json_t *document, const char *name, const char *path);

/* Checks that the object has exactly the members of the shape, "name:type name:type …" with the types s
 * (string), i (integer), r (real), b (bool), a (array) and o (object). */
void check_shape(const json_t *object, const char *shape);

/* Checks that the text is a time of RFC 3339 in UTC. */
void check_time(const char *text);

/* Checks that a message has no headers. */
void check_no_headers(natsMsg *message);

#endif
