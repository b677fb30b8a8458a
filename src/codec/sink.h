/* A sink: where an operation writes its reply, field by field, without knowing what becomes of it. No struct
 * of the reply is built, so a value is copied once, from the store to where the reply stands. Behind the sink
 * is an encoding, or nothing (WKV_NONE: an instance whose answer nobody waits for).
 *
 * Not thread-safe: one sink belongs to one worker. Nothing here allocates but the reply's buffer.
 */
#ifndef WKV_CODEC_SINK_H
#define WKV_CODEC_SINK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/encoding.h"
#include "support/buffer.h"
#include "support/error.h"
#include "wascc_keyvalue/text.h"

struct wkv_encoder;

/* How far the writing of a message has come. */
struct wkv_sink_place {
    const ProtobufCMessageDescriptor *type;
    unsigned next_field; /* index of the first field of the descriptor that is not written yet */
    bool array_open;     /* the field before next_field is repeated, and its array not closed yet */
    size_t names;        /* fields written so far, where they have names */
    size_t elements;     /* of that array so far */
    size_t count_at;     /* where their number goes in a MessagePack array; 0: nowhere */
};

struct wkv_sink {
    /* The owner sets these after wkv_sink_begin, where somebody reads the failure. Borrowed. */
    struct wkv_error *error; /* gets the text of a failure; NULL: nobody reads it */
    const char *who;         /* stands in front of that text; NULL: nothing does */
    /* Whether a reply that is kept whole can be sent, where it is wrapped into something; NULL: it can. */
    bool (*can_send)(const void *sending, struct wkv_text reply);
    const void *sending;
    size_t sure_bytes; /* a reply of so many can be sent, wrapped or not; wkv_sink_begin: max_bytes */
    bool declined;     /* the operation has not found what it expects, and changed nothing: it says so */
    /* For reading. */
    struct wkv_buffer *buffer; /* borrowed */
    size_t max_bytes;
    size_t total_bytes; /* of the reply so far, what is not kept included */
    bool cut;           /* wkv_sink_text said stop: the reply would have more bytes than were counted */
    /* The sink's own. */
    const struct wkv_encoder *encoder;
    struct wkv_sink_place place;
    unsigned depth; /* of the message that is written: 0 is the reply */
    bool unfit;     /* wkv_sink_fits said no of a message within the reply */
    bool misused;   /* a call broke the rules below */
    struct {
        size_t at, total;  /* buffer->len and total_bytes where the elements begin */
        size_t base64;     /* bytes of the elements so far, each with its comma, in base64 */
        bool in_base64;    /* that is how they are written */
    } values;              /* of an array of values in JSON */
    enum wkv_code failure; /* of wkv_sink_fail */
    bool ended;
};

/* Starts a reply of the given type in buffer, whose bytes are dropped. Bytes past max_bytes are counted but
 * not kept. Where max_bytes is 0 the sink counts, keeps nothing and never says stop: total_bytes is then how
 * large the reply would be; buffer may be NULL. With WKV_NONE nothing is kept or counted; buffer may be NULL.
 */
void wkv_sink_begin(struct wkv_sink *sink, const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding,
                    struct wkv_buffer *buffer, size_t max_bytes);

/* Starts the reply anew, as one of another type. */
void wkv_sink_begin_again(struct wkv_sink *sink, const ProtobufCMessageDescriptor *type);

/* Each writes the field with that number: at most once for a singular field, once per element for a repeated
 * one, the elements of one field in a row, fields in the order of the descriptor (by number). Text is copied
 * and must be UTF-8 unless it is a value. Protobuf leaves out a singular field that has its default value, as
 * proto3 does. JSON has integers of 64 bits as numbers, not as strings as in proto3's mapping: its readers
 * are operators and their scripts (proto/operator.proto), for which a size in bytes is a number. MessagePack,
 * like JSON, has every field, by the name that waSCC gives it (`newCount`, CONTRACT section 7), integers in
 * their shortest form, and an enum's variant as {index: nil}.
 *
 * A call that breaks these rules, or names a number or type that the message has not, is a mistake in the
 * caller's code: it writes nothing, and wkv_sink_end fails rather than let a wrong reply go out.
 *
 * A value (a field of type bytes in proto/) may be any bytes. JSON writes one that is not UTF-8 in base64, as
 * `value_base64` beside an empty `value`, and of `values` then all. MessagePack has no way to: the reply
 * fails with 409.
 *
 * wkv_sink_text returns false where no more of a repeated field need be shown, as a visitor does: the reply
 * is well past max_bytes, or nobody reads it. A reply that passes max_bytes by little is counted to its end,
 * so that its size can be told. */
bool wkv_sink_text(struct wkv_sink *sink, uint32_t field, struct wkv_text text);
/* The same, if the reply has at most sure_bytes then and with `tail` more; else writes nothing and returns
 * false: a page that is full. */
bool wkv_sink_text_within(struct wkv_sink *sink, uint32_t field, struct wkv_text text, size_t tail);
void wkv_sink_int32(struct wkv_sink *sink, uint32_t field, int32_t value);
void wkv_sink_int64(struct wkv_sink *sink, uint32_t field, int64_t value);
void wkv_sink_bool(struct wkv_sink *sink, uint32_t field, bool value);

/* A message within the reply: a field, or an element of a repeated one. */
struct wkv_sink_frame {
    bool bare;                    /* nobody reads it: nothing was opened */
    struct wkv_sink_place around; /* the message around it */
    size_t begin;                 /* buffer->len where it begins */
    size_t at, total;             /* buffer->len and total_bytes where its content begins */
    /* Where fields have names. */
    bool array_open;
    size_t elements, count_at, names;
};

/* Opens the message of that field: what is written then are its fields, until it is closed, which must be in
 * the reverse order. members: how many of a message's fields there are, for one that is a oneof alone (0 or
 * 1); WKV_SINK_ALL for any other. A repeated field of messages is written element by element, and what the
 * message around it has of arrays must be closed then. */
#define WKV_SINK_ALL SIZE_MAX
void wkv_sink_open(struct wkv_sink *sink, uint32_t field, size_t members, struct wkv_sink_frame *frame);
void wkv_sink_close(struct wkv_sink *sink, const struct wkv_sink_frame *frame);

/* Writes a message that was written to a buffer of the same encoding as that field, from frame->begin to its
 * end. */
void wkv_sink_repeat(struct wkv_sink *sink, uint32_t field, struct wkv_text bytes);

/* Where a sink is, and back to it: what was written since, and what it failed with, is as if it had never
 * been. */
struct wkv_sink_mark {
    struct wkv_sink sink;
    size_t len;
};
void wkv_sink_mark(const struct wkv_sink *sink, struct wkv_sink_mark *mark);
void wkv_sink_back(struct wkv_sink *sink, const struct wkv_sink_mark *mark);

/* Whether fields have their names in that encoding, or else numbers. */
bool wkv_names_fields(enum wkv_encoding encoding);

/* Bytes that a reply of that type has at the least, in that encoding: with nothing written. */
size_t wkv_sink_least_bytes(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding);

/* Writes the whole reply from a message of its type, instead of the calls above: for replies that nest and
 * are rare. Knows strings (as bytes), bools, int32, uint32, int64, uint64, enums and messages, repeated or
 * not. */
void wkv_sink_message(struct wkv_sink *sink, const ProtobufCMessage *message);

/* The operation has failed: there is no reply. Sets sink->error, `who` and a colon in front of the text.
 * Returns code, which wkv_sink_end returns, too. */
enum wkv_code wkv_sink_fail(struct wkv_sink *sink, enum wkv_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the reply and says whether it can be sent: for what is done only if it can be told. Where it cannot,
 * wkv_sink_end, or its sender, says why. Within a message that is open it ends nothing, and says whether
 * what there is, and the end of its messages, has at most max_bytes; sink->unfit remembers a no. */
bool wkv_sink_fits(struct wkv_sink *sink);

/* Completes the reply: its bytes are buffer->data[0 .. buffer->len), of which there may be none. JSON and
 * MessagePack have every field of the message then, those not written with their default. Errors, the
 * buffer's bytes being worth nothing then: what wkv_sink_fail was told; WKV_TOO_LARGE (sink->total_bytes says
 * how large it would be); WKV_NO_MEMORY (memory is short, or a call above broke its rules).
 * A second call says the same. */
enum wkv_code wkv_sink_end(struct wkv_sink *sink);

#endif
