/* The operations of a batch, one behind the other in its body, as bytes and as structs.
 *
 *   u8 code | u8 flags | the fields of the code and of its flags, in the order of the table in operation.c
 *
 * What an actor asks for lies in a REQUEST as the protobuf message of its operation: the bytes that the
 * contract gives it, whatever encoding it came in. So the log has no second schema of the operations, and an
 * instance reads what it applies with the same code that a taker reads requests with.
 */
#ifndef WKV_RECORD_OPERATION_H
#define WKV_RECORD_OPERATION_H

#include "record/bytes.h"

enum wkv_op_code {
    WKV_OP_REQUEST = 1, /* an operation of actors that changes something; also an atomic Batch's reads */
    WKV_OP_BIND = 16,
    WKV_OP_UNBIND = 17,
    WKV_OP_NOTE = 18, /* an invocation's id: refuses the operation behind it where it was seen before */
};

enum wkv_op_flag {
    WKV_OP_NOTED = 1,   /* REQUEST, BIND, UNBIND: it stands or falls with the NOTE before it */
    WKV_OP_ROOM = 2,    /* REQUEST: what it does depends on whether its reply has room */
    WKV_OP_KEYED = 4,   /* REQUEST: it is done once only */
    WKV_OP_IF_NEW = 8,  /* BIND: nothing where the actor is bound, or was removed */
    WKV_OP_SIGNED = 16, /* BIND: it brought the actor's signed claims */
    WKV_OP_HOST = 32,   /* BIND: the host is known */
    WKV_OP_SPACE = 64,  /* BIND: it names a keyspace */
};

#define WKV_OP_BATCH 64u /* as a row: Batch; others have their item's number in a Batch (contract 3b) */

struct wkv_op {
    enum wkv_op_code code;
    uint8_t flags;
    /* REQUEST */
    uint8_t row;      /* which operation */
    uint8_t encoding; /* of its reply: enum wkv_encoding */
    uint32_t keyspace;
    uint32_t room;               /* ROOM: bytes that its reply may have, */
    uint32_t max_key, max_value; /* and its items' keys and values, where it is a Batch */
    unsigned char
        id[16]; /* KEYED: digest of actor, operation and Nats-Msg-Id; NOTE: of the invocation's id */
    unsigned char payload[16]; /* KEYED: digest of what was sent */
    uint32_t window_ms;        /* KEYED: so long it is remembered */
    struct wkv_text request;   /* protobuf */
    /* BIND, UNBIND */
    struct wkv_text actor;
    struct wkv_text space;    /* SPACE: the keyspace's name */
    unsigned char host[32];   /* BIND with HOST; NOTE */
    unsigned char issuer[32]; /* BIND */
    int64_t not_before_s, expires_s;
    /* NOTE */
    int64_t until_s; /* it could be sent again until then */
};

/* Reads the next operation, which borrows from what is read. Returns false, with bytes->bad set, where there
 * is none that is known. */
bool wkv_op_read(struct wkv_bytes *bytes, struct wkv_op *op);

/* Appends the operation; buffer->failed says whether there was memory. */
void wkv_op_write(const struct wkv_op *op, struct wkv_buffer *buffer);

/* Whether a batch's body is so many operations that can be read, and no more. */
bool wkv_ops_are_sound(struct wkv_text body, uint32_t count);

#endif
