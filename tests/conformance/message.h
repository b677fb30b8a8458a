/* Requests and replies as the tests write them: JSON text. A request in protobuf or MessagePack is made of
 * the text, and a reply is turned into it, along the message's descriptor, by protobuf-c and msgpack_json.h:
 * with nothing of the provider's own codec, so that both sides are checked against somebody else.
 */
#ifndef CONFORMANCE_MESSAGE_H
#define CONFORMANCE_MESSAGE_H

#include <jansson.h>
#include <stddef.h>

/* ENCODINGS: how many a plain subject takes. MessagePack comes in invocations. */
enum encoding { PROTOBUF, JSON, ENCODINGS, MSGPACK = ENCODINGS, ALL_ENCODINGS };

/* The names of the operations that actors call, NULL at the end, and how many there are. */
extern const char *const operations[];
extern const size_t operation_count;

/* Parses JSON text; a NUL may stand in a string. Fails the test where it is none. */
json_t *json_of(const char *text, size_t len);

/* The bytes of a request, which the caller frees. A member that the message has not fails the test. */
void *message_pack(enum encoding encoding, const char *operation, const json_t *request, size_t *len);

/* The reply as a JSON object with every field of the message, which the caller releases. Fails the test where
 * the bytes are no such reply. */
json_t *message_unpack(enum encoding encoding, const char *operation, const void *bytes, size_t len);

/* Sorts the array `values` of strings where there is one: for replies that promise no order. */
void sort_values(json_t *reply);

#endif
