/* The walk over a request that the decoders of JSON and MessagePack share: what each field of a message must
 * be, from its descriptor. An encoding (struct wkv_notation) says what value comes next; the walk says
 * whether it is right, and puts it into the message. */
#ifndef WKV_CODEC_WALK_H
#define WKV_CODEC_WALK_H

#include "codec/decoders.h"
#include "codec/fields.h"
#include "wascc_keyvalue/text.h"

/* How deep messages may nest. */
#define WKV_WALK_MAX_DEPTH 32

enum wkv_node_kind {
    WKV_NODE_OTHER, /* one that no field takes */
    WKV_NODE_NULL,
    WKV_NODE_BOOL,
    WKV_NODE_INTEGER,
    WKV_NODE_TEXT, /* UTF-8 or not */
    WKV_NODE_ARRAY,
    WKV_NODE_MAP,
};

/* A value of a request. An array or a map is its head: what is inside is taken from it, one by one. */
struct wkv_node {
    enum wkv_node_kind kind;
    bool boolean;
    struct wkv_integer integer;
    struct wkv_text text; /* in the request, or in the encoding's own memory */
    size_t count;         /* elements of an array, pairs of a map */
    void *tree;           /* the notation's own, like the next two */
    void *pair;
    size_t taken;
};

/* Where a value stands, for the text of an error. */
struct wkv_place {
    const ProtobufCMessageDescriptor *type;
    const ProtobufCFieldDescriptor *field;
    bool is_element; /* of a repeated field, or of a map */
    bool is_base64;
};

struct wkv_walk {
    const struct wkv_notation *notation;
    const ProtobufCMessageDescriptor *request;
    struct wkv_arena *arena;
    struct wkv_error *error;
    void *source; /* the notation's own */
    unsigned depth;
};

struct wkv_notation {
    const char *name;                           /* of the encoding */
    const char *field;                          /* what it calls a field */
    const char *text, *message, *map, *variant; /* what such a field must be, as an error says it */
    bool has_checked_text;                      /* its texts are UTF-8 */
    bool skips_unknown_fields;
    bool takes_messages_in_order; /* also as an array of their fields */
    bool takes_base64;            /* a value's name may have _base64 or Base64 at its end */
    bool (*is_name)(const char *proto_name, struct wkv_text name);
    /* Each takes the next thing from an array or a map: a pair's key and then its value, or an element. */
    enum wkv_code (*key)(struct wkv_walk *walk, struct wkv_node *map, struct wkv_node *key);
    enum wkv_code (*value)(struct wkv_walk *walk, struct wkv_node *from, struct wkv_node *value);
    enum wkv_code (*skip)(struct wkv_walk *walk, struct wkv_node *from); /* a value; NULL: is never asked */
    /* Makes an integer of what stands for one, or leaves the node as it is; NULL: nothing does. */
    enum wkv_code (*integer)(struct wkv_walk *walk, ProtobufCType type, struct wkv_node *node);
    /* Makes a variant's number of what stands for it, by wkv_walk_find_variant. */
    enum wkv_code (*take_variant)(struct wkv_walk *walk, const ProtobufCEnumDescriptor *type,
                                  struct wkv_node *node);
};

/* Decodes a message from its head, a map or what takes_messages_in_order allows. */
enum wkv_code wkv_walk_message(struct wkv_walk *walk, const ProtobufCMessageDescriptor *type,
                               struct wkv_node *head, ProtobufCMessage **message);

/* Replaces a variant's number or name by its number, and anything else by WKV_NODE_OTHER. */
void wkv_walk_find_variant(const ProtobufCEnumDescriptor *type, struct wkv_node *node);

#endif
