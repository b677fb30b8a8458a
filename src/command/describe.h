/* What each operation takes and answers, out of the operations' table and its descriptors. */
#ifndef WKV_COMMAND_DESCRIBE_H
#define WKV_COMMAND_DESCRIBE_H

#include <protobuf-c/protobuf-c.h>

#include "command/wrap.h"

/* Adds a message as its JSON looks: {key: string, expires_s: int32}. */
void wkv_describe_message(struct wkv_wrap *wrap, const ProtobufCMessageDescriptor *message);

/* Prints every operation for --help. */
void wkv_describe_operations(FILE *out);

#endif
