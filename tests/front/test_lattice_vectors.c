/* What waSCC's published crates write is read, what is written is what they read, and what is hostile is
 * refused. The vectors and the program that makes them are in tests/interop/lattice.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/codec.h"
#include "codec/msgpack_json.h"
#include "codec/vectors.h"
#include "core.pb-c.h"
#include "front/invocations.h"
#include "front/provider.h"
#include "keyvalue.pb-c.h"
#include "lib/dispatch.h"

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

static struct wkv_arena arena;
static struct wkv_error error;
static json_t *data;

static void set_up(void)
{
    ck_assert(wkv_arena_init(&arena, 4096, ARENA_MAX_BYTES));
    wkv_error_clear(&error);
    data = NULL;
}

static void tear_down(void)
{
    json_decref(data);
    wkv_arena_destroy(&arena);
}

static const char *text_in(const json_t *vector, const char *member)
{
    const char *text = json_string_value(json_object_get(vector, member));
    ck_assert_msg(text != NULL, "a vector has no %s", member);
    return text;
}

/* ---- messages ---- */

static const struct {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
} types[] = {
    {"GetRequest", &keyvalue__get_request__descriptor},
    {"GetResponse", &keyvalue__get_response__descriptor},
    {"SetRequest", &keyvalue__set_request__descriptor},
    {"SetResponse", &keyvalue__set_response__descriptor},
    {"DelRequest", &keyvalue__del_request__descriptor},
    {"DelResponse", &keyvalue__del_response__descriptor},
    {"AddRequest", &keyvalue__add_request__descriptor},
    {"AddResponse", &keyvalue__add_response__descriptor},
    {"ListPushRequest", &keyvalue__list_push_request__descriptor},
    {"ListDelItemRequest", &keyvalue__list_del_item_request__descriptor},
    {"ListClearRequest", &keyvalue__list_clear_request__descriptor},
    {"ListRangeRequest", &keyvalue__list_range_request__descriptor},
    {"ListRangeResponse", &keyvalue__list_range_response__descriptor},
    {"ListResponse", &keyvalue__list_response__descriptor},
    {"SetAddRequest", &keyvalue__set_add_request__descriptor},
    {"SetRemoveRequest", &keyvalue__set_remove_request__descriptor},
    {"SetQueryRequest", &keyvalue__set_query_request__descriptor},
    {"SetQueryResponse", &keyvalue__set_query_response__descriptor},
    {"SetIntersectionRequest", &keyvalue__set_intersection_request__descriptor},
    {"SetUnionRequest", &keyvalue__set_union_request__descriptor},
    {"SetOperationResponse", &keyvalue__set_operation_response__descriptor},
    {"KeyExistsQuery", &keyvalue__key_exists_query__descriptor},
    {"CapabilityConfiguration", &core__capability_configuration__descriptor},
    {"HealthRequest", &core__health_request__descriptor},
    {"CapabilityDescriptor", &core__capability_descriptor__descriptor},
};

#define TYPES (sizeof types / sizeof types[0])

static size_t type_of(const json_t *vector)
{
    for (size_t i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, text_in(vector, "type")) == 0)
            return i;
    ck_abort_msg("no message of the type %s", text_in(vector, "type"));
    return 0;
}

/* A field as waSCC names it. */
static const char *wascc_name(const char *proto_name)
{
    if (strcmp(proto_name, "expires_s") == 0)
        return "expires";
    return strcmp(proto_name, "new_count") == 0 ? "newCount" : proto_name;
}

static json_t *meaning(const ProtobufCMessage *message);

static json_t *value_meaning(const ProtobufCFieldDescriptor *field, const void *at)
{
    const ProtobufCBinaryData *text = at;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return json_stringn(text->len == 0 ? "" : (const char *)text->data, text->len);
    case PROTOBUF_C_TYPE_INT32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
        return json_integer(*(const int64_t *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        ck_assert_ptr_nonnull(value);
        return json_string(value->name);
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        return meaning(*(const ProtobufCMessage *const *)at);
    default:
        ck_abort_msg("a field of a type that waSCC has not");
        return NULL;
    }
}

static size_t size_of_element(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(void *);
}

/* A list, or an object where the elements are the entries of a map. */
static json_t *repeated_meaning(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    size_t count = *(const size_t *)((const char *)message + field->quantifier_offset);
    const char *elements = *(const char *const *)((const char *)message + field->offset);
    json_t *list = json_array(), *map = json_object();
    bool is_map = false;
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        const void *at = elements + i * size_of_element(field);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && strcmp(field->name, "values") == 0) {
            json_t *entry = value_meaning(field, at);
            is_map = true;
            ck_assert_int_eq(json_object_set(map, json_string_value(json_object_get(entry, "key")),
                                             json_object_get(entry, "value")),
                             0);
            json_decref(entry);
        } else {
            failed |= json_array_append_new(list, value_meaning(field, at));
        }
    }
    is_map = is_map || (field->type == PROTOBUF_C_TYPE_MESSAGE && strcmp(field->name, "values") == 0);
    ck_assert_int_eq(failed, 0);
    json_decref(is_map ? list : map);
    return is_map ? map : list;
}

/* Whether the field is an addition of ours, which waSCC's clients do not send. */
static bool is_ours(const ProtobufCFieldDescriptor *field)
{
    return strcmp(field->name, "expires_ms") == 0 || strcmp(field->name, "keep_expiry") == 0;
}

/* The message as the vectors write its fields. */
static json_t *meaning(const ProtobufCMessage *message)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (is_ours(field))
            continue;
        json_t *value = field->label == PROTOBUF_C_LABEL_REPEATED
                            ? repeated_meaning(field, message)
                            : value_meaning(field, (const char *)message + field->offset);
        ck_assert_msg(value != NULL, "%s: a text that is not UTF-8", field->name);
        ck_assert_int_eq(json_object_set_new(object, wascc_name(field->name), value), 0);
    }
    return object;
}

static enum wkv_code decode(const json_t *vector, uint8_t **bytes, ProtobufCMessage **message)
{
    size_t len;
    *bytes = vectors_bytes(vector, "hex", &len);
    wkv_arena_reset(&arena);
    return wkv_decode(types[type_of(vector)].descriptor, WKV_MSGPACK, *bytes, len, &arena, message, &error);
}

/* Takes what only we have out of what was read or written, which is its default. Returns whether there was
 * any. */
static bool drop_own_fields(json_t *read, const json_t *fields)
{
    const char *name;
    json_t *value;
    void *next;
    bool any = false;
    json_object_foreach_safe(read, next, name, value)
    {
        if (json_object_get(fields, name) != NULL)
            continue;
        ck_assert(json_is_false(value) || json_integer_value(value) == 0);
        ck_assert(!json_is_string(value) || json_string_length(value) == 0);
        ck_assert_int_eq(json_object_del(read, name), 0);
        any = true;
    }
    return any;
}

static void check_same(const json_t *got, const json_t *wanted, const json_t *vector)
{
    char *said = json_equal(got, wanted) ? NULL : json_dumps(got, JSON_COMPACT);
    ck_assert_msg(said == NULL, "%s, %s: read as %.200s", text_in(vector, "type"), text_in(vector, "name"),
                  said == NULL ? "" : said);
}

/* Returns how many there were. */
static size_t check_decoded(const char *list)
{
    size_t index;
    json_t *vector;
    bool seen[TYPES] = {false};
    json_array_foreach(json_object_get(data, list), index, vector)
    {
        uint8_t *bytes;
        ProtobufCMessage *message;
        enum wkv_code code = decode(vector, &bytes, &message);
        ck_assert_msg(code == WKV_OK, "%s, %s: %s", text_in(vector, "type"), text_in(vector, "name"),
                      error.text);
        json_t *got = meaning(message), *wanted = vectors_expand("", json_object_get(vector, "fields"));
        (void)drop_own_fields(got, wanted);
        check_same(got, wanted, vector);
        json_decref(got);
        json_decref(wanted);
        free(bytes);
        seen[type_of(vector)] = true;
    }
    for (size_t i = 0; i < TYPES && strcmp(list, "written") == 0; i++)
        ck_assert_msg(seen[i], "no vector of %s", types[i].name);
    return index;
}

START_TEST(every_message_decodes_to_exactly_its_fields)
{
    data = vectors_load("messages");
    ck_assert_uint_ge(check_decoded("written"), 484);
}
END_TEST

START_TEST(other_spellings_of_a_message_mean_the_same)
{
    data = vectors_load("messages");
    ck_assert_uint_ge(check_decoded("also_read"), 25);
}
END_TEST

/* "Messages that leave fields out get defaults, as in the other encodings": not so for hosts, which never
 * send them. */
static bool gets_a_default(const json_t *vector)
{
    static const char *const wrong[] = {"the field is missing", "only another field", "nil for a string",
                                        "nil for an integer",   "nil for an array",   "nil for the values",
                                        "the module is missing"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (strcmp(wrong[i], text_in(vector, "wrong")) == 0)
            return true;
    return false;
}

START_TEST(refused_messages_are_refused)
{
    size_t index, defaults = 0;
    json_t *vector;
    data = vectors_load("messages");
    json_array_foreach(json_object_get(data, "refused"), index, vector)
    {
        uint8_t *bytes;
        ProtobufCMessage *message;
        enum wkv_code code = decode(vector, &bytes, &message);
        free(bytes);
        if (gets_a_default(vector)) {
            defaults++;
            ck_assert_msg(code == WKV_OK, "%s: %s", text_in(vector, "wrong"), error.text);
            continue;
        }
        ck_assert_msg(code == WKV_BAD_REQUEST, "%s, %s: %d", text_in(vector, "type"),
                      text_in(vector, "wrong"), code);
        ck_assert_ptr_null(message);
        ck_assert_uint_gt(strlen(error.text), 10);
    }
    ck_assert_uint_ge(index, 55);
    ck_assert_uint_eq(defaults, 7);
}
END_TEST

/* ---- replies ---- */

static void write_value(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, const json_t *value)
{
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        wkv_sink_text(sink, field->id,
                      (struct wkv_text){json_string_value(value), json_string_length(value)});
    else if (field->type == PROTOBUF_C_TYPE_BOOL)
        wkv_sink_bool(sink, field->id, json_is_true(value));
    else
        wkv_sink_int32(sink, field->id, (int32_t)json_integer_value(value));
}

/* Field by field, as handlers write a reply. */
static void write_fields(struct wkv_sink *sink, const ProtobufCMessageDescriptor *type, json_t *fields)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        json_t *value = json_object_get(fields, wascc_name(type->fields[i].name)), *element;
        size_t index;
        if (value == NULL) /* a field that only we have */
            continue;
        if (json_is_array(value))
            json_array_foreach(value, index, element) write_value(sink, &type->fields[i], element);
        else
            write_value(sink, &type->fields[i], value);
    }
}

static ProtobufCBinaryData text_data(const json_t *value)
{
    return (ProtobufCBinaryData){json_string_length(value), (uint8_t *)(uintptr_t)json_string_value(value)};
}

/* As GetCapabilityDescriptor writes it. */
static void write_descriptor(struct wkv_sink *sink, json_t *fields)
{
    Core__CapabilityDescriptor message = CORE__CAPABILITY_DESCRIPTOR__INIT;
    Core__OperationDescriptor rows[16], *list[16];
    size_t index;
    json_t *operation;
    message.id = text_data(json_object_get(fields, "id"));
    message.name = text_data(json_object_get(fields, "name"));
    message.version = text_data(json_object_get(fields, "version"));
    message.revision = (uint32_t)json_integer_value(json_object_get(fields, "revision"));
    message.long_description = text_data(json_object_get(fields, "long_description"));
    message.supported_operations = list;
    json_array_foreach(json_object_get(fields, "supported_operations"), index, operation)
    {
        ck_assert_uint_lt(index, 16);
        core__operation_descriptor__init(&rows[index]);
        rows[index].name = text_data(json_object_get(operation, "name"));
        rows[index].direction = (Core__OperationDirection)protobuf_c_enum_descriptor_get_value_by_name(
                                    &core__operation_direction__descriptor,
                                    json_string_value(json_object_get(operation, "direction")))
                                    ->value;
        rows[index].doctext = text_data(json_object_get(operation, "doctext"));
        list[index] = &rows[index];
    }
    message.n_supported_operations = index;
    wkv_sink_message(sink, &message.base);
}

/* A direction is {1: nil} on MessagePack and a name in the vectors' fields. */
static void name_directions(json_t *reply)
{
    size_t index;
    json_t *operation;
    static const char *const names[] = {"to_actor", "to_provider", "both"};
    json_array_foreach(json_object_get(reply, "supported_operations"), index, operation)
    {
        json_t *direction = json_object_get(operation, "direction");
        const char *key = json_object_iter_key(json_object_iter(direction));
        ck_assert_uint_eq(json_object_size(direction), 1);
        ck_assert(json_is_null(json_object_get(direction, key)));
        ck_assert(key[0] >= '0' && key[0] <= '2' && key[1] == '\0');
        ck_assert_int_eq(json_object_set_new(operation, "direction", json_string(names[key[0] - '0'])), 0);
    }
}

/* But for the head of a list, which we write wider than need be, the bytes are those of the crates. */
static void check_bytes(const struct wkv_buffer *reply, const json_t *vector, const json_t *fields)
{
    size_t len, skipped = 0, head = 0, wide = 0;
    uint8_t *bytes = vectors_bytes(vector, "hex", &len);
    const char *name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)fields));
    const json_t *list = json_object_get(fields, name);
    if (strcmp(text_in(vector, "type"), "CapabilityDescriptor") == 0) {
        free(bytes);
        return;
    }
    if (json_is_array(list)) {
        skipped = 2 + strlen(name);
        head = json_array_size(list) < 16 ? 1 : json_array_size(list) < 0x10000 ? 3 : 5;
        wide = json_array_size(list) == 0 ? 1 : 5;
        ck_assert_int_eq((uint8_t)reply->data[skipped], wide == 1 ? 0x90 : 0xdd);
        ck_assert_mem_eq(reply->data, bytes, skipped);
    }
    ck_assert_msg(reply->len - wide == len - head &&
                      memcmp(reply->data + skipped + wide, bytes + skipped + head, len - head - skipped) == 0,
                  "%s, %s: the bytes are others", text_in(vector, "type"), text_in(vector, "name"));
    free(bytes);
}

static void check_written(const json_t *vector)
{
    const ProtobufCMessageDescriptor *type = types[type_of(vector)].descriptor;
    if (type->n_fields > 0 && is_ours(&type->fields[type->n_fields - 1]))
        return; /* a request with additions, and nobody sends hosts requests */
    struct wkv_buffer reply = {0};
    struct wkv_sink sink;
    json_t *fields = vectors_expand("", json_object_get(vector, "fields"));
    wkv_sink_begin(&sink, type, WKV_MSGPACK, &reply, SIZE_MAX);
    if (type == &core__capability_descriptor__descriptor)
        write_descriptor(&sink, fields);
    else
        write_fields(&sink, type, fields);
    ck_assert_msg(wkv_sink_end(&sink) == WKV_OK, "%s", text_in(vector, "name"));
    json_t *read = mp_whole_json(reply.data, reply.len);
    ck_assert_msg(read != NULL, "%s, %s: no host reads it", text_in(vector, "type"), text_in(vector, "name"));
    name_directions(read);
    bool own_fields = drop_own_fields(read, fields);
    check_same(read, fields, vector);
    if (!own_fields)
        check_bytes(&reply, vector, fields);
    json_decref(read);
    json_decref(fields);
    wkv_buffer_destroy(&reply);
}

/* All that is flat is written field by field: the replies, and the requests as well. */
START_TEST(every_message_is_written_as_hosts_read_it)
{
    size_t index, written = 0;
    json_t *vector;
    data = vectors_load("messages");
    json_array_foreach(json_object_get(data, "written"), index, vector)
    {
        if (types[type_of(vector)].descriptor == &core__capability_configuration__descriptor)
            continue; /* the sink has no maps: only hosts send it */
        check_written(vector);
        written++;
    }
    ck_assert_uint_ge(written, 460);
}
END_TEST

/* ---- invocations ---- */

static bool is(struct wkv_text slice, const char *expected)
{
    return slice.len == strlen(expected) && (slice.len == 0 || memcmp(slice.data, expected, slice.len) == 0);
}

static void check_entity(const struct wkv_entity *entity, const json_t *expected, const char *name)
{
    const char *actor = json_string_value(json_object_get(expected, "actor"));
    if (actor != NULL)
        ck_assert_msg(!entity->is_capability && is(entity->actor, actor) && entity->capid.len == 0 &&
                          entity->binding.len == 0,
                      "%s", name);
    else
        ck_assert_msg(entity->is_capability && is(entity->capid, text_in(expected, "capid")) &&
                          is(entity->binding, text_in(expected, "binding")) && entity->actor.len == 0,
                      "%s", name);
}

static void check_invocation(const json_t *vector)
{
    const char *name = text_in(vector, "name");
    size_t len, msg_len;
    uint8_t *bytes = vectors_bytes(vector, "hex", &len), *msg = vectors_bytes(vector, "msg", &msg_len);
    struct wkv_invocation got;
    wkv_arena_reset(&arena);
    ck_assert_msg(wkv_invocation_decode(bytes, len, &arena, &got, &error) == WKV_OK, "%s: %s", name,
                  error.text);
    check_entity(&got.origin, json_object_get(vector, "origin"), name);
    check_entity(&got.target, json_object_get(vector, "target"), name);
    ck_assert_msg(is(got.operation, text_in(vector, "operation")), "%s: operation", name);
    ck_assert_msg(is(got.id, text_in(vector, "id")), "%s: id", name);
    ck_assert_msg(is(got.encoded_claims, text_in(vector, "encoded_claims")), "%s: encoded_claims", name);
    ck_assert_msg(is(got.host_id, text_in(vector, "host_id")), "%s: host_id", name);
    ck_assert_msg(got.msg.len == msg_len && (msg_len == 0 || memcmp(got.msg.data, msg, msg_len) == 0),
                  "%s: msg", name);
    free(bytes);
    free(msg);
}

START_TEST(every_invocation_decodes_to_its_fields_in_every_form)
{
    static const char *const lists[] = {"written", "also_read"}, *const forms[] = {"index", "name"};
    size_t index, seen = 0;
    json_t *vector;
    bool form_seen[2] = {false};
    data = vectors_load("invocations");
    for (size_t i = 0; i < 2; i++)
        json_array_foreach(json_object_get(data, lists[i]), index, vector)
        {
            check_invocation(vector);
            seen++;
            for (size_t form = 0; form < 2; form++)
                form_seen[form] |= strcmp(text_in(vector, "enum_form"), forms[form]) == 0;
        }
    ck_assert_uint_ge(seen, 37);
    ck_assert(form_seen[0] && form_seen[1]);
}
END_TEST

/* A whole invocation but for its last bytes is none, wherever it is cut. */
START_TEST(an_invocation_cut_off_at_any_byte_is_refused)
{
    data = vectors_load("invocations");
    const json_t *vector = json_array_get(json_object_get(data, "written"), 0);
    size_t len;
    uint8_t *bytes = vectors_bytes(vector, "hex", &len);
    struct wkv_invocation got;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut > 0 ? cut : 1);
        memcpy(part, bytes, cut);
        wkv_arena_reset(&arena);
        ck_assert_int_eq(wkv_invocation_decode(part, cut, &arena, &got, &error), WKV_BAD_REQUEST);
        ck_assert_uint_eq(got.id.len, 0);
        free(part);
    }
    free(bytes);
}
END_TEST

START_TEST(every_response_is_written_byte_for_byte)
{
    size_t index;
    json_t *vector;
    data = vectors_load("invocations");
    json_array_foreach(json_object_get(data, "responses"), index, vector)
    {
        size_t len, msg_len;
        uint8_t *bytes = vectors_bytes(vector, "hex", &len), *msg = vectors_bytes(vector, "msg", &msg_len);
        json_t *text = vectors_expand("error", json_object_get(vector, "error"));
        const char *id = text_in(vector, "invocation_id");
        struct wkv_text msg_slice = {(const char *)msg, msg_len}, id_slice = {id, strlen(id)};
        struct wkv_buffer out = {0};
        ck_assert(wkv_invocation_response_write(&out, msg_slice, json_string_value(text), id_slice));
        ck_assert_msg(out.len == len && memcmp(out.data, bytes, len) == 0, "%s", text_in(vector, "name"));
        ck_assert_uint_eq(wkv_invocation_response_bytes(msg_slice, json_string_value(text), id_slice), len);
        wkv_buffer_destroy(&out);
        json_decref(text);
        free(bytes);
        free(msg);
    }
    ck_assert_uint_ge(index, 18);
}
END_TEST

/* ---- hostile ones ---- */

START_TEST(hostile_bytes_are_no_invocation)
{
    size_t index, refused = 0;
    json_t *vector;
    data = vectors_load("hostile");
    json_array_foreach(json_object_get(data, "invocations"), index, vector)
    {
        const char *wrong = text_in(vector, "wrong");
        if (strcmp(text_in(vector, "refused_for"), "bytes") != 0)
            continue;
        size_t len;
        uint8_t *bytes = vectors_bytes(vector, "hex", &len);
        struct wkv_invocation got;
        wkv_arena_reset(&arena);
        enum wkv_code code = wkv_invocation_decode(bytes, len, &arena, &got, &error);
        ck_assert_msg(code == WKV_BAD_REQUEST, "%s: %d", wrong, code);
        ck_assert_str_eq(text_in(vector, "answer_id"), "");
        ck_assert_msg(got.id.len == 0 && got.msg.len == 0 && got.operation.len == 0 &&
                          got.encoded_claims.len == 0 && got.host_id.len == 0 && got.origin.actor.len == 0 &&
                          got.target.capid.len == 0,
                      "%s: something of it is left", wrong);
        free(bytes);
        refused++;
    }
    ck_assert_uint_ge(refused, 125);
}
END_TEST

/* All that a worker has, as the server makes it. */
struct world {
    struct wkv_provider provider;
    struct wkv_session session;
};

static void trust(struct wkv_trust *trust_lists, enum wkv_trust_list list, const char *key)
{
    ck_assert_int_eq(wkv_trust_add(trust_lists, list, key, strlen(key), &error), WKV_OK);
}

/* "on the subject of `actor` at the binding `default`, where only `host` is trusted and the actor is bound"
 */
static void world_make(struct world *world)
{
    struct wkv_store_options store = {0};
    struct wkv_replay_options replay = {.max_entries = 4096, .shards = 1};
    struct wkv_trust *lists;
    struct wkv_policy_binding claims = {.bound = true};
    const char *actor = text_in(data, "actor");
    *world = (struct world){.provider = {.binding = "default",
                                         .auth = WKV_AUTH_INVOCATION,
                                         .max_key_bytes = WKV_DEFAULT_MAX_KEY_BYTES,
                                         .max_value_bytes = WKV_DEFAULT_MAX_VALUE_BYTES}};
    struct wkv_provider *provider = &world->provider;
    provider->store = wkv_store_create(&store, 0);
    provider->bindings = wkv_bindings_create("default");
    ck_assert_int_eq(wkv_trust_create(&lists, &error), WKV_OK);
    trust(lists, WKV_TRUST_ISSUERS, text_in(data, "issuer"));
    trust(lists, WKV_TRUST_HOSTS, text_in(data, "host"));
    ck_assert_int_eq(wkv_trust_source_create(lists, &provider->trust, &error), WKV_OK);
    ck_assert_int_eq(wkv_replay_create(&replay, &provider->replay, &error), WKV_OK);
    ck_assert_int_eq(wkv_bindings_bind(provider->bindings, (struct wkv_text){actor, strlen(actor)},
                                       (struct wkv_text){NULL, 0}, &claims, &error),
                     WKV_OK);
    ck_assert(wkv_session_init(&world->session, provider));
}

static void world_destroy(struct world *world)
{
    wkv_session_destroy(&world->session);
    wkv_replay_destroy(world->provider.replay);
    wkv_trust_source_destroy(world->provider.trust);
    wkv_bindings_destroy(world->provider.bindings);
    wkv_store_destroy(world->provider.store);
}

static enum wkv_code dispatch(struct world *world, const struct wkv_operation *operation,
                              const struct wkv_invocation *invocation)
{
    const char *actor = text_in(data, "actor");
    struct wkv_text reply;
    struct wkv_request request = {.operation = operation,
                                  .actor = {actor, strlen(actor)},
                                  .max_reply_bytes = 1 << 20,
                                  .now_ns = 1,
                                  .wall_s = json_integer_value(json_object_get(data, "now"))};
    wkv_invocation_ask(invocation, &request);
    return dispatch_request(&world->session, &request, &reply, &error);
}

/* An actor's subject has the operations of actors. */
static const struct wkv_operation *find_operation(struct wkv_text name)
{
    for (size_t i = 0; i < wkv_operation_count; i++)
        if (!wkv_operation_is_system(&wkv_operations[i]) && is(name, wkv_operations[i].name))
            return &wkv_operations[i];
    return NULL;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The code of a vector that reaches dispatch. The contract's section 5 tells claims that do not hold (401)
 * from those that hold for another operation, binding or actor (403), which the vectors do not. */
static enum wkv_code expected(const json_t *vector)
{
    static const char *const elsewhere[] = {"the operation is another than was signed",
                                            "target_url ",
                                            "origin_url ",
                                            "the origin is ",
                                            "the target is ",
                                            "a byte moved from msg to the operation",
                                            "the operation's first half is in the binding"};
    const char *wrong = text_in(vector, "wrong"), *refused_for = text_in(vector, "refused_for");
    /* These are about the message's own word for origin and target, which the front holds against the
     * subject; the claims are held against the subject alone. */
    static const char *const of_the_front[] = {
        "the target's binding is another than was signed", "the origin is another actor than was signed",
        "the origin is the system and was an actor", "the target is an actor spelt as the capability"};
    for (size_t i = 0; i < sizeof of_the_front / sizeof of_the_front[0]; i++)
        if (strcmp(wrong, of_the_front[i]) == 0)
            return WKV_OK;
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (starts_with(wrong, elsewhere[i]))
            return WKV_FORBIDDEN;
    if (strcmp(wrong, "Set without a value") == 0)
        return WKV_OK; /* a field that is left out has its default */
    return strcmp(refused_for, "request") == 0 ? WKV_BAD_REQUEST : WKV_UNAUTHORIZED;
}

START_TEST(hostile_invocations_are_refused_for_what_is_wrong)
{
    size_t index, refused = 0, unknown = 0;
    json_t *vector;
    struct world world;
    data = vectors_load("hostile");
    json_array_foreach(json_object_get(data, "invocations"), index, vector)
    {
        const char *wrong = text_in(vector, "wrong");
        if (strcmp(text_in(vector, "refused_for"), "bytes") == 0)
            continue;
        size_t len;
        uint8_t *bytes = vectors_bytes(vector, "hex", &len);
        struct wkv_invocation got;
        wkv_arena_reset(&arena);
        ck_assert_msg(wkv_invocation_decode(bytes, len, &arena, &got, &error) == WKV_OK, "%s: %s", wrong,
                      error.text);
        ck_assert_msg(is(got.id, text_in(vector, "answer_id")), "%s: the id is another", wrong);
        const struct wkv_operation *operation = find_operation(got.operation);
        world_make(&world);
        if (operation == NULL) {
            unknown++; /* the front says so before anything else */
        } else {
            enum wkv_code code = dispatch(&world, operation, &got);
            ck_assert_msg(code == expected(vector), "%s: %d %s", wrong, code, error.text);
            struct wkv_store_stats stats;
            wkv_store_stats(world.provider.store, &stats);
            ck_assert_msg(code == WKV_OK || stats.keys == 0, "%s: it has changed something", wrong);
        }
        world_destroy(&world);
        free(bytes);
        refused++;
    }
    ck_assert_uint_ge(refused, 130);
    ck_assert_uint_le(unknown, 16);
}
END_TEST

/* The same keys and time serve what is right: what is refused above is not refused for being old. */
START_TEST(invocations_whose_claims_hold_are_served_once)
{
    size_t index, served = 0;
    json_t *vector;
    struct world world;
    data = vectors_load("invocations");
    world_make(&world);
    json_array_foreach(json_object_get(data, "written"), index, vector)
    {
        size_t len;
        uint8_t *bytes = vectors_bytes(vector, "hex", &len);
        struct wkv_invocation got;
        wkv_arena_reset(&arena);
        ck_assert_int_eq(wkv_invocation_decode(bytes, len, &arena, &got, &error), WKV_OK);
        const struct wkv_operation *operation = find_operation(got.operation);
        if (strcmp(text_in(vector, "name"), text_in(vector, "operation")) == 0 && operation != NULL) {
            enum wkv_code code = dispatch(&world, operation, &got);
            ck_assert_msg(code == WKV_OK || code == WKV_WRONG_KIND, "%s: %s", text_in(vector, "name"),
                          error.text);
            code = dispatch(&world, operation, &got);
            ck_assert_msg(code == WKV_FORBIDDEN && strstr(error.text, "seen before") != NULL, "%s: %d %s",
                          text_in(vector, "name"), code, error.text);
            served++;
        }
        free(bytes);
    }
    ck_assert_uint_eq(served, 14);
    world_destroy(&world);
}
END_TEST

Suite *lattice_vectors_suite(void)
{
    Suite *suite = suite_create("front/lattice_vectors");
    TCase *tests = tcase_create("vectors");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, every_message_decodes_to_exactly_its_fields);
    tcase_add_test(tests, other_spellings_of_a_message_mean_the_same);
    tcase_add_test(tests, refused_messages_are_refused);
    tcase_add_test(tests, every_message_is_written_as_hosts_read_it);
    tcase_add_test(tests, every_invocation_decodes_to_its_fields_in_every_form);
    tcase_add_test(tests, an_invocation_cut_off_at_any_byte_is_refused);
    tcase_add_test(tests, every_response_is_written_byte_for_byte);
    tcase_add_test(tests, hostile_bytes_are_no_invocation);
    tcase_add_test(tests, hostile_invocations_are_refused_for_what_is_wrong);
    tcase_add_test(tests, invocations_whose_claims_hold_are_served_once);
    suite_add_tcase(suite, tests);
    return suite;
}
