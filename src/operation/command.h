/* A command: a request that has been decoded and checked. It lies in its request's arena, and says by itself
 * what is to be done: which operation, which keys, what is written. */
#ifndef WKV_OPERATION_COMMAND_H
#define WKV_OPERATION_COMMAND_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "codec/codec.h"
#include "operation/operation.h"
#include "operation/reply_fields.h"
#include "support/arena.h"
#include "support/error.h"
#include "wascc_keyvalue/store.h"
#include "wascc_keyvalue/text.h"

/* Defaults of the limits on what a request may carry (contract section 5, code 413). */
#define WKV_DEFAULT_MAX_KEY_BYTES 16384u
#define WKV_DEFAULT_MAX_VALUE_BYTES (1u << 20)
/* Keys in one SetUnion or SetIntersection: bounds for how long it can hold its shards. */
#define WKV_MAX_KEYS_A_REQUEST 8192u
/* So many bytes there must always be room for in the memory for a reply: what has been done must be told. */
#define WKV_REPLY_FIRST_BYTES ((size_t)4 * 1024)

struct wkv_batch;
struct wkv_request; /* the front's */

/* What a command is checked against. */
struct wkv_limits {
    uint32_t max_key_bytes;    /* 1 to WKV_STORE_MAX_KEY_BYTES */
    uint32_t max_value_bytes;  /* 0 to WKV_STORE_MAX_VALUE_BYTES */
    size_t max_reply_bytes;    /* of what is sent: the server's max_payload, less */
    size_t reply_header_bytes; /* what headers go back with it */
    /* Bytes of a reply when it is sent, where its front wraps it into something; NULL: as many as it has. */
    size_t (*sent_bytes)(const struct wkv_request *request, struct wkv_text reply);
    const struct wkv_request *request; /* for sent_bytes */
    struct wkv_buffer *scratch;        /* for sent_bytes: where a reply may be written to measure it */
};

struct wkv_command {
    const struct wkv_operation *operation;
    const ProtobufCMessage *message; /* the request, of the type that the operation says */
    enum wkv_encoding encoding;      /* of the request, and so of the reply */
    uint32_t keyspace;
    const struct wkv_key *keys; /* in the arena, or &only_key: see wkv_command_move */
    size_t key_count;
    size_t first_key; /* the number, in the view that it is applied to, of its first key */
    struct wkv_key only_key;
    struct wkv_text value;   /* where operation->has_value */
    size_t write_bytes;      /* about how many bytes of keys and values it writes, for wkv_store_begin */
    size_t reply_bytes;      /* of a write's reply, where that is above WKV_REPLY_FIRST_BYTES */
    struct wkv_batch *batch; /* of a Batch: batch.h; in the arena */
};

/* Decodes the payload as a request of command->operation, in arena, whose memory it bounds by the sizes of
 * the payload and of the largest reply. Sets command->message and command->encoding; where the call fails,
 * the latter is what the sender seems to have meant. Errors, whose text begins with the operation's name, as
 * from all that follow: those of wkv_decode. */
enum wkv_code wkv_command_decode(struct wkv_command *command, struct wkv_text payload, enum wkv_form form,
                                 const struct wkv_limits *limits, struct wkv_arena *arena,
                                 struct wkv_error *error);

/* The encoding in which the sender of a request that is not decoded is told of an error. */
enum wkv_encoding wkv_command_encoding(const struct wkv_operation *operation, struct wkv_text payload,
                                       enum wkv_form form);

/* Begins a command of which no more is known yet. */
static inline void wkv_command_begin(struct wkv_command *command, const struct wkv_operation *operation,
                                     uint32_t keyspace)
{
    command->operation = operation;
    command->message = NULL;
    command->keyspace = keyspace;
    command->keys = NULL;
    command->key_count = command->first_key = 0;
    command->value = (struct wkv_text){NULL, 0};
    command->write_bytes = command->reply_bytes = 0;
    command->batch = NULL;
}

/* Copies a command to where it stays; what it points to remains where it is. */
static inline void wkv_command_move(struct wkv_command *to, const struct wkv_command *from)
{
    *to = *from;
    if (from->keys == &from->only_key)
        to->keys = &to->only_key;
}

/* Finds the keys and the value, and checks all that can be refused without a look at the store. Sets what of
 * the command follows keyspace, keys in arena. Errors: WKV_BAD_REQUEST, WKV_TOO_LARGE, WKV_NO_MEMORY. */
enum wkv_code wkv_command_check(struct wkv_command *command, const struct wkv_limits *limits,
                                struct wkv_arena *arena, struct wkv_error *error);

/* A key as it must be. Errors: WKV_BAD_REQUEST (it is empty), WKV_TOO_LARGE. */
enum wkv_code wkv_command_check_key(const struct wkv_command *command, const struct wkv_limits *limits,
                                    struct wkv_text key, struct wkv_error *error);

/* Applies the command to a view of its keys: the step of every engine. A read that shows many items lets the
 * view's locks go in between, and fails where one of the keys was changed meanwhile (WKV_STORE_CHANGED): so
 * either the view has written already, and keeps its locks, or the caller begins the view and the sink anew,
 * as wkv_command_execute does. Errors, told to the sink, which need not be ended then: what the store
 * refuses. Nothing has been changed then. */
enum wkv_code wkv_command_apply(const struct wkv_command *command, struct wkv_view *view, int64_t now_ns,
                                struct wkv_sink *sink);

/* Tells the sink, as the operation's error, what the store said. Returns its code, or WKV_OK. */
enum wkv_code wkv_command_refuse(const struct wkv_command *command, enum wkv_store_status status,
                                 struct wkv_sink *sink);

/* Bytes that any reply may have which a front wraps into `room` bytes or less. */
size_t wkv_command_sure_bytes(const struct wkv_limits *limits, size_t room);

/* wkv_command_apply with a view of its own, which is opened and closed. */
enum wkv_code wkv_command_execute(const struct wkv_command *command, struct wkv_store *store, int64_t now_ns,
                                  struct wkv_sink *sink);

/* Begins the reply to the command, of at most `room` bytes, in buffer. limits are borrowed until its end;
 * what fails is told to error. */
void wkv_command_begin_reply(const struct wkv_command *command, const struct wkv_limits *limits, size_t room,
                             struct wkv_buffer *buffer, struct wkv_error *error, struct wkv_sink *sink);

/* Ends the reply. Errors: what the sink was told; WKV_TOO_LARGE, with its size; WKV_NO_MEMORY. */
enum wkv_code wkv_command_finish(const struct wkv_command *command, const struct wkv_limits *limits,
                                 struct wkv_sink *sink);

/* How large the reply to a checked write is: exactly where it repeats something of the request, else at the
 * most, but for one that tells only that nothing was changed. */
size_t wkv_command_reply_bytes(const struct wkv_command *command);

/* WKV_TOO_LARGE for a reply of so many bytes; about: "" or "more than ". */
enum wkv_code wkv_command_too_large(const struct wkv_command *command, const struct wkv_limits *limits,
                                    const char *about, size_t bytes, struct wkv_error *error);

/* Sets the error, with the operation's name in front, and returns code. */
enum wkv_code wkv_command_fail(const struct wkv_command *command, struct wkv_error *error, enum wkv_code code,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Puts the operation's name in front of an error that has none yet. Returns its code. */
enum wkv_code wkv_command_blame(const struct wkv_command *command, struct wkv_error *error);

/* A field of a message as a text, and a string as a field. Both borrow. */
static inline struct wkv_text wkv_text_of(ProtobufCBinaryData bytes)
{
    return (struct wkv_text){(const char *)bytes.data, bytes.len};
}

static inline ProtobufCBinaryData wkv_bytes_of(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

/* Applies a change of a list or a set, and writes how many it has then. */
typedef enum wkv_store_status (*wkv_counted_change)(struct wkv_view *view, size_t key, struct wkv_text value,
                                                    int32_t *count);
static inline enum wkv_store_status wkv_apply_counted(struct wkv_view *view,
                                                      const struct wkv_command *command,
                                                      wkv_counted_change change, struct wkv_sink *sink)
{
    int32_t count = 0;
    enum wkv_store_status status = change(view, command->first_key, command->value, &count);
    wkv_sink_int32(sink, WKV_COUNT_FIELD, count);
    return status;
}

/* Writes the text to the reply: a wkv_store_visitor whose context is the sink. */
static inline bool wkv_show(void *sink, struct wkv_text text)
{
    return wkv_sink_text(sink, WKV_TEXTS_FIELD, text);
}

#endif
