/* The NATS client protocol, as much of it as the requester hears, and the few protobuf fields that it says.
 *
 * The requester speaks the protocol itself so that it costs less than any responder: what is measured must be
 * the responder. Not thread-safe in any way that matters: every function works on its arguments alone.
 */
#ifndef WASCC_KEYVALUE_BENCH_WIRE_H
#define WASCC_KEYVALUE_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest control line that a server sends but INFO; nats-server's own max_control_line. */
#define BENCH_WIRE_MAX_LINE 4096u

enum bench_wire_kind {
    BENCH_WIRE_MORE,    /* not all there yet */
    BENCH_WIRE_MESSAGE, /* MSG or HMSG */
    BENCH_WIRE_PING,
    BENCH_WIRE_OTHER, /* INFO, PONG, +OK: nothing to do */
    BENCH_WIRE_ERROR, /* -ERR: payload has its text */
    BENCH_WIRE_BROKEN /* not the NATS protocol */
};

/* One protocol message. Its parts lie in the bytes that were parsed. */
struct bench_wire {
    enum bench_wire_kind kind;
    size_t consumed; /* bytes that it took */
    const char *subject;
    size_t subject_len;
    const char *headers; /* NULL for MSG */
    size_t headers_len;
    const char *payload;
    size_t payload_len;
};

/* Parses the message at the front of len bytes. */
void bench_wire_parse(const char *bytes, size_t len, struct bench_wire *wire);

/* Appends a length-delimited protobuf field of len bytes at out and returns where the bytes go: the caller
 * fills them in. At most 6 bytes come before them. */
char *bench_proto_text(char *out, unsigned field, size_t len);

/* Appends a varint protobuf field at out and returns the end. */
char *bench_proto_varint(char *out, unsigned field, uint64_t value);

/* What a GetResponse, a SetResponse or an AddResponse says. */
struct bench_proto_reply {
    const char *text; /* field 1 where it is text, or NULL */
    size_t text_len;
    uint64_t number; /* field 1 where it is a number */
    uint64_t flag;   /* field 2 */
};

/* Reads a reply; unknown fields are passed over. Returns false for bytes that are not protobuf. */
bool bench_proto_read(const char *bytes, size_t len, struct bench_proto_reply *reply);

#endif
