/* Requests and replies as the tests write them: JSON text. For a request in protobuf the text is turned into
 * protobuf-c's message and packed, and a reply is unpacked and turned into JSON, with nothing of the
 * provider's own codec: so both sides are checked against somebody else.
 */
#ifndef INTEGRATION_MESSAGE_H
#define INTEGRATION_MESSAGE_H

#include <jansson.h>
#include <stddef.h>

enum encoding { PROTOBUF, JSON, ENCODINGS };

/* The operations' names, NULL at the end. */
extern const char *const operations[];

/* Parses JSON text; a NUL may stand in a string. Fails the test where it is none. */
json_t *json_of(const char *text, size_t len);

/* The bytes of a request, which the caller frees. */
void *message_pack(enum encoding encoding, const char *operation, const json_t *request, size_t *len);

/* The reply as a JSON object with every field of the message, which the caller releases. Fails the test where
 * the bytes are no such reply. */
json_t *message_unpack(enum encoding encoding, const char *operation, const void *bytes, size_t len);

/* Sorts the array `values` of strings where there is one: for replies that promise no order. */
void sort_values(json_t *reply);

#endif
