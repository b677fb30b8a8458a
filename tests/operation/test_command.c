/* Check and apply apart: what an engine that does the second later, or elsewhere, relies on. */
#include <check.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "keyvalue.pb-c.h"
#include "operation/command.h"
#include "store/store.h"

static struct wkv_arena arena;
static struct wkv_buffer buffer;
static struct wkv_store *store;
static struct wkv_limits limits;
static struct wkv_error error;

static void set_up(void)
{
    struct wkv_store_options options = {0};
    store = wkv_store_create(&options, 0);
    ck_assert_ptr_nonnull(store);
    ck_assert(wkv_arena_init(&arena, 65536, 65536));
    wkv_buffer_init(&buffer);
    limits = (struct wkv_limits){.max_key_bytes = WKV_DEFAULT_MAX_KEY_BYTES,
                                 .max_value_bytes = WKV_DEFAULT_MAX_VALUE_BYTES,
                                 .max_reply_bytes = 1 << 20,
                                 .scratch = &buffer};
}

static void tear_down(void)
{
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&arena);
    wkv_store_destroy(store);
}

/* Decodes and checks a request in JSON; the command is good until the next one. */
static enum wkv_code read_command(const char *operation, const char *json, struct wkv_command *command)
{
    *command = (struct wkv_command){.operation = wkv_operation_find(operation)};
    ck_assert_ptr_nonnull(command->operation);
    wkv_arena_reset(&arena);
    enum wkv_code code = wkv_command_decode(command, (struct wkv_text){json, strlen(json)}, WKV_FORM_DETECTED,
                                            &limits, &arena, &error);
    return code != WKV_OK ? code : wkv_command_check(command, &limits, &arena, &error);
}

static enum wkv_code execute(const struct wkv_command *command, enum wkv_encoding encoding)
{
    struct wkv_sink sink;
    struct wkv_command asked = *command;
    asked.encoding = encoding;
    wkv_command_begin_reply(&asked, &limits, limits.max_reply_bytes, &buffer, &error, &sink);
    (void)wkv_command_execute(command, store, 1, &sink);
    return wkv_command_finish(command, &limits, &sink);
}

/* Does it and says what came back: the reply, or "<code> <text>". */
static const char *answer(const char *operation, const char *json)
{
    static char text[512];
    struct wkv_command command;
    enum wkv_code code = read_command(operation, json, &command);
    if (code == WKV_OK)
        code = execute(&command, command.encoding);
    if (code == WKV_OK)
        (void)snprintf(text, sizeof text, "%.*s", (int)buffer.len, buffer.data);
    else
        (void)snprintf(text, sizeof text, "%d %s", (int)code, error.text);
    return text;
}

/* Keys and value are found by where they stand in the generated structs. */
START_TEST(requests_begin_with_their_keys)
{
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        const ProtobufCFieldDescriptor *fields = operation->request->fields;
        if (operation->keys == WKV_NO_KEYS || operation->keys == WKV_ITEM_KEYS)
            continue;
        ck_assert_int_eq(fields[0].type, PROTOBUF_C_TYPE_BYTES);
        ck_assert_uint_eq(fields[0].id, 1);
        if (operation->keys == WKV_ONE_KEY)
            ck_assert_uint_eq(fields[0].offset, offsetof(Keyvalue__SetRequest, key));
        else
            ck_assert_uint_eq(fields[0].offset, offsetof(Keyvalue__SetUnionRequest, keys));
        ck_assert_int_eq(fields[0].label == PROTOBUF_C_LABEL_REPEATED, operation->keys == WKV_MANY_KEYS);
        bool value = operation->request->n_fields > 1 &&
                     (strcmp(fields[1].name, "value") == 0 || strcmp(fields[1].name, "expected") == 0) &&
                     fields[1].type == PROTOBUF_C_TYPE_BYTES;
        ck_assert_int_eq(operation->has_value, value);
        ck_assert(!value || fields[1].offset == offsetof(Keyvalue__SetRequest, value));
    }
}
END_TEST

/* An operation of actors is applied, unless its replies are many, one of `system` served; a reply that
 * repeats something is a write's. */
START_TEST(each_row_is_whole)
{
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        bool actors = !wkv_operation_is_system(operation);
        ck_assert_msg((operation->apply != NULL) == (actors && !operation->streams) &&
                          (operation->serve != NULL) == !actors,
                      "%s", operation->name);
        bool has_keys = operation->keys != WKV_NO_KEYS && operation->keys != WKV_ITEM_KEYS;
        ck_assert_msg((operation->works_on != NULL) == has_keys, "%s", operation->name);
        ck_assert_msg(operation->echo == WKV_ECHOES_NOTHING || operation->effect != WKV_READS, "%s",
                      operation->name);
        ck_assert_msg(operation->echo == WKV_ECHOES_NOTHING ||
                          operation->reply->fields[0].type == PROTOBUF_C_TYPE_BYTES,
                      "%s", operation->name);
    }
}
END_TEST

static const char *in_snake_case(const char *camel, char out[64])
{
    out[0] = '\0';
    for (const char *at = camel; *at != '\0'; at++)
        (void)snprintf(out + strlen(out), 64 - strlen(out), "%s%c",
                       at > camel && isupper((unsigned char)*at) ? "_" : "", tolower((unsigned char)*at));
    return out;
}

/* Fields that the operations write by number, as WKV_REPLY_FIELDS has them. */
static const struct {
    const char *message, *field;
    unsigned number;
} named_fields[] = {
#define ROW(message, field, number) {#message, #field, number},
    WKV_REPLY_FIELDS(ROW)
#undef ROW
};

static size_t count_named(const ProtobufCMessageDescriptor *reply)
{
    char name[64];
    size_t count = 0;
    for (size_t i = 0; i < sizeof named_fields / sizeof named_fields[0]; i++) {
        if (strcasecmp(in_snake_case(reply->short_name, name), named_fields[i].message) != 0)
            continue;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(reply, named_fields[i].number);
        ck_assert_msg(field != NULL && strcasecmp(field->name, named_fields[i].field) == 0, "%s.%s is not %u",
                      named_fields[i].message, named_fields[i].field, named_fields[i].number);
        count++;
    }
    return count;
}

/* Each field of each reply to actors has its name and number in the list, and the list has nothing else. */
START_TEST(reply_fields_are_those_of_the_descriptors)
{
    const ProtobufCMessageDescriptor *seen[32];
    size_t replies = 0, named = count_named(&keyvalue__batch_response__item__descriptor) +
                                count_named(&keyvalue__batch_response__error__descriptor);
    ck_assert_uint_eq(named, 3);
    for (size_t i = 0; i < wkv_operation_count && !wkv_operation_is_system(&wkv_operations[i]); i++) {
        size_t before = 0;
        if (wkv_operations[i].streams) /* its events are written whole */
            continue;
        while (before < replies && seen[before] != wkv_operations[i].reply)
            before++;
        if (before < replies)
            continue;
        seen[replies++] = wkv_operations[i].reply;
        ck_assert_msg(count_named(wkv_operations[i].reply) == wkv_operations[i].reply->n_fields, "%s",
                      wkv_operations[i].name);
        named += wkv_operations[i].reply->n_fields;
    }
    ck_assert_uint_eq(named, sizeof named_fields / sizeof named_fields[0]);
}
END_TEST

/* The members of a Batch's items have the numbers and the messages of the table's rows. */
START_TEST(the_items_of_a_batch_are_the_rows)
{
    const ProtobufCMessageDescriptor *asked = &keyvalue__batch_request__item__descriptor;
    const ProtobufCMessageDescriptor *answered = &keyvalue__batch_response__item__descriptor;
    ck_assert_uint_eq(asked->n_fields, 21);
    ck_assert_uint_eq(answered->n_fields, 22);
    for (unsigned i = 0; i < asked->n_fields; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        ck_assert_uint_eq(asked->fields[i].id, i + 1);
        ck_assert_ptr_eq(asked->fields[i].descriptor, operation->request);
        ck_assert_uint_eq(answered->fields[i].id, i + 1);
        ck_assert_ptr_eq(answered->fields[i].descriptor, operation->reply);
        ck_assert_str_eq(asked->fields[i].name, answered->fields[i].name);
        char name[64];
        ck_assert_str_eq(asked->fields[i].name, in_snake_case(operation->name, name));
    }
    ck_assert_uint_eq(answered->fields[21].id, 30);
}
END_TEST

/* A Batch of so many of these items, as JSON that the caller frees. */
static char *batch_of(size_t count, const char *item, const char *last, bool atomic)
{
    size_t room = 64 + (count + 1) * (strlen(item) + 1) + strlen(last);
    char *json = malloc(room), *at = json;
    ck_assert_ptr_nonnull(json);
    at += snprintf(at, room, "{\"atomic\":%s,\"requests\":[", atomic ? "true" : "false");
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%s%s", i == 0 ? "" : ",", item);
    (void)sprintf(at, "%s%s]}", count > 0 && last[0] != '\0' ? "," : "", last);
    return json;
}

static size_t times(const char *what)
{
    size_t count = 0;
    const char *at = buffer.data, *end = buffer.data + buffer.len;
    while ((at = memmem(at, (size_t)(end - at), what, strlen(what))) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* "Over 4,096 items: 413." */
START_TEST(a_batch_has_4096_items_at_most)
{
    struct wkv_command command;
    for (size_t count = 4095; count <= 4097; count++) {
        char *json = batch_of(count, "{\"add\":{\"key\":\"n\",\"value\":1}}", "", _i == 1);
        ck_assert_int_eq(read_command("Batch", json, &command), count <= 4096 ? WKV_OK : WKV_TOO_LARGE);
        free(json);
        if (count > 4096)
            break;
        ck_assert_int_eq(execute(&command, command.encoding), WKV_OK);
        ck_assert_uint_eq(times("{\"add\":{\"value\":"), count);
    }
    ck_assert_str_eq(answer("Get", "{\"key\":\"n\"}"), "{\"value\":\"8191\",\"exists\":true}");
}
END_TEST

/* "A read that does not fit is its own error 413 and nothing else changes by it (atomic: the whole is 413)",
 * "a Pop of more leaves the item there and is 413". */
START_TEST(a_batch_gives_its_room_out)
{
    bool atomic = _i == 1;
    struct wkv_command command;
    char value[601];
    char set_large[700], push_large[700];
    memset(value, 'v', 600);
    value[600] = '\0';
    limits.max_reply_bytes = 1000;
    (void)snprintf(set_large, sizeof set_large, "{\"key\":\"s\",\"value\":\"%s\"}", value);
    (void)snprintf(push_large, sizeof push_large, "{\"key\":\"l\",\"value\":\"%s\"}", value);
    (void)answer("Set", set_large);
    (void)answer("Push", push_large);
    (void)answer("Push", push_large);
    char *json =
        batch_of(2, "{\"get\":{\"key\":\"s\"}}", "{\"set\":{\"key\":\"a\",\"value\":\"1\"}}", atomic);
    ck_assert_int_eq(read_command("Batch", json, &command), WKV_OK);
    free(json);
    ck_assert_int_eq(execute(&command, command.encoding), atomic ? WKV_TOO_LARGE : WKV_OK);
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}"),
                     atomic ? "{\"value\":\"\",\"exists\":false}" : "{\"value\":\"1\",\"exists\":true}");
    json = batch_of(2, "{\"pop\":{\"key\":\"l\"}}", "{\"set\":{\"key\":\"b\",\"value\":\"1\"}}", atomic);
    ck_assert_int_eq(read_command("Batch", json, &command), WKV_OK);
    free(json);
    ck_assert_int_eq(execute(&command, command.encoding), WKV_OK);
    ck_assert_uint_eq(times("\"code\":413"), 2);
    ck_assert_uint_eq(times(atomic ? "\"applied\":false" : "\"applied\":true"), 1);
    ck_assert_uint_eq(times("{\"set\":"), atomic ? 0 : 1);
    ck_assert_str_eq(answer("Push", "{\"key\":\"l\",\"value\":\"x\"}"), "{\"new_count\":3}");
    /* What its writes must answer does not fit at all. */
    json = batch_of(40, "{\"set\":{\"key\":\"c\",\"value\":\"0123456789\"}}", "", atomic);
    ck_assert_int_eq(read_command("Batch", json, &command), WKV_TOO_LARGE);
    free(json);
}
END_TEST

/* No store has been asked for any of these. */
START_TEST(check_refuses_without_a_store)
{
    static const struct {
        const char *operation, *request;
        enum wkv_code code;
    } refused[] = {{"Get", "{", WKV_BAD_REQUEST},
                   {"Get", "{}", WKV_BAD_REQUEST},
                   {"Get", "{\"key\":\"12345\"}", WKV_TOO_LARGE},
                   {"Push", "{\"key\":\"1234\",\"value\":\"1234\"}", WKV_TOO_LARGE},
                   {"Set", "{\"key\":\"1234\",\"value\":\"123\",\"expires_s\":-1}", WKV_BAD_REQUEST},
                   {"SetUnion", "{\"keys\":[\"1\",\"\"]}", WKV_BAD_REQUEST},
                   {"SetIntersection", "{\"keys\":[\"1\",\"12345\"]}", WKV_TOO_LARGE},
                   {"Inspect", "{}", WKV_BAD_REQUEST},
                   {"Inspect", "{\"key\":\"12345\"}", WKV_TOO_LARGE},
                   {"Keys", "{\"prefix\":\"a\",\"glob\":\"b\"}", WKV_BAD_REQUEST},
                   {"Keys", "{\"limit\":10001}", WKV_BAD_REQUEST},
                   {"Keys", "{\"min_bytes\":-1}", WKV_BAD_REQUEST},
                   {"Keys", "{\"cursor\":\".1\"}", WKV_BAD_REQUEST},
                   {"Keys", "{\"cursor\":\"x.\"}", WKV_BAD_REQUEST},
                   {"ListKeys", "{\"limit\":10001}", WKV_BAD_REQUEST},
                   {"Bindings", "{\"limit\":-1}", WKV_BAD_REQUEST},
                   {"Bindings", "{\"cursor\":\"a.b\"}", WKV_BAD_REQUEST},
                   {"Slowlog", "{\"limit\":1025}", WKV_BAD_REQUEST},
                   {"LogLevel", "{\"level\":\"loud\"}", WKV_BAD_REQUEST},
                   {"BindActor", "{\"module\":\"M\",\"values\":{\"keyspace\":\"k\"}}", WKV_BAD_REQUEST},
                   {"RemoveActor", "{\"module\":\"system\"}", WKV_BAD_REQUEST}};
    struct wkv_command command;
    limits.max_key_bytes = 4;
    limits.max_value_bytes = 3;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ck_assert_int_eq(read_command(refused[i].operation, refused[i].request, &command), refused[i].code);
        ck_assert_int_eq(error.code, refused[i].code);
        ck_assert_msg(strncmp(error.text, refused[i].operation, strlen(refused[i].operation)) == 0, "%s",
                      error.text);
    }
    ck_assert_int_eq(read_command("Set", "{\"key\":\"1234\",\"value\":\"123\"}", &command), WKV_OK);
    ck_assert_uint_eq(command.write_bytes, 7);
}
END_TEST

/* "Nothing is changed by a request that fails": not even where a number is too large a reply. */
START_TEST(a_write_whose_reply_does_not_fit_does_not_happen)
{
    static const char *const writes[] = {"Set", "Del", "Push", "ListItemDelete", "SetAdd", "SetRemove"};
    ck_assert_str_eq(answer("Push", "{\"key\":\"l\",\"value\":\"x\"}"), "{\"new_count\":1}");
    ck_assert_str_eq(answer("SetAdd", "{\"key\":\"s\",\"value\":\"x\"}"), "{\"new_count\":1}");
    for (const char *key = "ls"; *key != '\0'; key++)
        for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
            char request[64];
            bool has_value = wkv_operation_find(writes[i])->has_value;
            (void)snprintf(request, sizeof request, "{\"key\":\"%c\"%s}", *key,
                           has_value ? ",\"value\":\"x\"" : "");
            limits.max_reply_bytes = 4;
            ck_assert_msg(strncmp(answer(writes[i], request), "413 ", 4) == 0, "%s", writes[i]);
            limits.max_reply_bytes = 1 << 20;
        }
    ck_assert_str_eq(answer("Range", "{\"key\":\"l\",\"stop\":-1}"), "{\"values\":[\"x\"]}");
    ck_assert_str_eq(answer("SetQuery", "{\"key\":\"s\"}"), "{\"values\":[\"x\"],\"cursor\":\"\"}");
}
END_TEST

/* A front that wraps a reply, so that it has three bytes for one and ten more. */
static size_t wrapped_bytes(const struct wkv_request *request, struct wkv_text reply)
{
    (void)request;
    return 10 + 3 * reply.len;
}

START_TEST(a_reply_is_measured_as_it_is_sent)
{
    static const char reply[] = "{\"value\":\"0123456789\"}";
    limits.sent_bytes = wrapped_bytes;
    limits.max_reply_bytes = 10 + 3 * (sizeof reply - 1);
    ck_assert_str_eq(answer("Set", "{\"key\":\"a\",\"value\":\"0123456789\"}"), reply);
    limits.max_reply_bytes--;
    ck_assert_str_eq(answer("Set", "{\"key\":\"a\",\"value\":\"012345678\\u0000\"}"),
                     "413 Set: the reply would have 91 bytes and the server's max_payload is 75; ask for "
                     "less at once");
    /* The room that headers take is told apart. */
    limits.reply_header_bytes = 25;
    ck_assert_str_eq(
        answer("Set", "{\"key\":\"a\",\"value\":\"012345678\\u0000\"}"),
        "413 Set: the reply would have 91 bytes and the server's max_payload is 100, of which its "
        "headers take 25; ask for less at once");
    limits.reply_header_bytes = 0;
    limits.max_reply_bytes = 1000;
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}"), "{\"value\":\"0123456789\",\"exists\":true}");
    limits.max_reply_bytes = 10 + 3 * 35;
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}"),
                     "413 Get: the reply would have 118 bytes and the server's max_payload is 115; ask for "
                     "less at once");
    /* A number: its bound is what counts, for what it will be is not known. */
    limits.max_reply_bytes = 10 + 3 * 64 - 1;
    ck_assert_msg(strncmp(answer("Add", "{\"key\":\"n\",\"value\":1}"), "413 ", 4) == 0, "%s", error.text);
    limits.max_reply_bytes++;
    ck_assert_str_eq(answer("Add", "{\"key\":\"n\",\"value\":1}"), "{\"value\":1}");
}
END_TEST

START_TEST(an_item_is_not_popped_whose_reply_cannot_be_sent)
{
    static const char reply[] = "{\"exists\":true,\"value\":\"0123456789012345678901234567890123456789\","
                                "\"new_count\":0}";
    ck_assert_str_eq(answer("Push", "{\"key\":\"q\",\"value\":\"0123456789012345678901234567890123456789\"}"),
                     "{\"new_count\":1}");
    limits.sent_bytes = wrapped_bytes;
    limits.max_reply_bytes = 10 + 3 * (sizeof reply - 1) - 1;
    ck_assert_msg(strncmp(answer("Pop", "{\"key\":\"q\"}"), "413 Pop: ", 9) == 0, "%s", error.text);
    limits.max_reply_bytes++;
    ck_assert_str_eq(answer("Pop", "{\"key\":\"q\"}"), reply);
    ck_assert_str_eq(answer("Pop", "{\"key\":\"q\"}"), "{\"exists\":false,\"value\":\"\",\"new_count\":0}");
}
END_TEST

/* An instance whose answer nobody waits for does the same. */
START_TEST(a_sink_that_keeps_nothing_changes_as_much)
{
    static const char *const writes[][2] = {{"Set", "{\"key\":\"a\",\"value\":\"1\"}"},
                                            {"Add", "{\"key\":\"a\",\"value\":41}"},
                                            {"Push", "{\"key\":\"l\",\"value\":\"x\"}"},
                                            {"Push", "{\"key\":\"l\",\"value\":\"y\"}"},
                                            {"ListItemDelete", "{\"key\":\"l\",\"value\":\"x\"}"},
                                            {"Push", "{\"key\":\"l\",\"value\":\"z\"}"},
                                            {"Pop", "{\"key\":\"l\"}"},
                                            {"SetAdd", "{\"key\":\"s\",\"value\":\"m\"}"},
                                            {"SetRemove", "{\"key\":\"s\",\"value\":\"n\"}"}};
    struct wkv_command command;
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        ck_assert_int_eq(read_command(writes[i][0], writes[i][1], &command), WKV_OK);
        ck_assert_int_eq(execute(&command, WKV_NONE), WKV_OK);
    }
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}"), "{\"value\":\"42\",\"exists\":true}");
    ck_assert_str_eq(answer("Range", "{\"key\":\"l\",\"stop\":-1}"), "{\"values\":[\"z\"]}");
    ck_assert_str_eq(answer("SetQuery", "{\"key\":\"s\"}"), "{\"values\":[\"m\"],\"cursor\":\"\"}");
    ck_assert_int_eq(read_command("Push", "{\"key\":\"a\",\"value\":\"x\"}", &command), WKV_OK);
    ck_assert_int_eq(execute(&command, WKV_NONE), WKV_WRONG_KIND);
    ck_assert_int_eq(read_command("SetQuery", "{\"key\":\"s\"}", &command), WKV_OK);
    ck_assert_int_eq(execute(&command, WKV_NONE), WKV_OK);
}
END_TEST

/* A ticket that waits takes its command along. */
START_TEST(a_command_that_was_moved_is_the_same)
{
    struct wkv_command command, moved;
    ck_assert_int_eq(read_command("Set", "{\"key\":\"a\",\"value\":\"1\"}", &command), WKV_OK);
    wkv_command_move(&moved, &command);
    memset(&command, 0xff, sizeof command);
    ck_assert_int_eq(execute(&moved, WKV_JSON), WKV_OK);
    ck_assert_str_eq(answer("Get", "{\"key\":\"a\"}"), "{\"value\":\"1\",\"exists\":true}");
}
END_TEST

/* ---- what is read while it is changed ---- */

static int tries, changes_left;

/* Reads the set, and while there are changes left another adds to it before the read is over. */
static enum wkv_store_status read_while_it_grows(struct wkv_view *view, const struct wkv_command *command,
                                                 int64_t now_ns, struct wkv_sink *sink)
{
    char member[16];
    struct wkv_view others;
    int32_t size;
    enum wkv_store_status status = wkv_apply_set_query(view, command, now_ns, sink);
    tries++;
    if (changes_left == 0)
        return status;
    changes_left--;
    ck_assert(wkv_view_let_go(view));
    int len = snprintf(member, sizeof member, "m%d", tries);
    ck_assert_int_eq(wkv_store_begin(&others, store, command->keys, 1, 1, now_ns), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_set_add(&others, 0, (struct wkv_text){member, (size_t)len}, &size),
                     WKV_STORE_OK);
    wkv_store_end(&others);
    return wkv_view_hold_again(view) ? status : WKV_STORE_CHANGED;
}

/* The eighth and last try may still answer, with nothing of those before it; then it is 503. */
START_TEST(a_read_of_what_is_changed_begins_anew_seven_times)
{
    struct wkv_operation operation = *wkv_operation_find("SetQuery");
    struct wkv_command command;
    char reply[128];
    operation.apply = read_while_it_grows;
    ck_assert_str_eq(answer("SetAdd", "{\"key\":\"s\",\"value\":\"m0\"}"), "{\"new_count\":1}");
    ck_assert_int_eq(read_command("SetQuery", "{\"key\":\"s\"}", &command), WKV_OK);
    command.operation = &operation;
    tries = 0;
    changes_left = _i;
    enum wkv_code code = execute(&command, WKV_JSON);
    ck_assert_int_eq(tries, 8);
    ck_assert_int_eq(changes_left, 0);
    if (_i == 7) {
        ck_assert_int_eq(code, WKV_OK);
        (void)snprintf(reply, sizeof reply, "%.*s", (int)buffer.len, buffer.data);
        ck_assert_str_eq(reply, "{\"values\":[\"m0\",\"m1\",\"m2\",\"m3\",\"m4\",\"m5\",\"m6\",\"m7\"],"
                                "\"cursor\":\"\"}");
    } else {
        ck_assert_int_eq(code, WKV_UNAVAILABLE);
        ck_assert_msg(strncmp(error.text, "SetQuery: ", 10) == 0 && strstr(error.text, "try again") != NULL,
                      "%s", error.text);
    }
    /* Its locks are free again. */
    ck_assert_str_eq(answer("SetContains", "{\"key\":\"s\",\"value\":\"m7\"}"), "{\"contains\":true}");
}
END_TEST

Suite *command_suite(void)
{
    Suite *suite = suite_create("operation/command");
    TCase *tests = tcase_create("command");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, requests_begin_with_their_keys);
    tcase_add_test(tests, each_row_is_whole);
    tcase_add_test(tests, reply_fields_are_those_of_the_descriptors);
    tcase_add_test(tests, the_items_of_a_batch_are_the_rows);
    tcase_add_loop_test(tests, a_batch_has_4096_items_at_most, 0, 2);
    tcase_add_loop_test(tests, a_batch_gives_its_room_out, 0, 2);
    tcase_add_test(tests, check_refuses_without_a_store);
    tcase_add_test(tests, a_write_whose_reply_does_not_fit_does_not_happen);
    tcase_add_test(tests, a_reply_is_measured_as_it_is_sent);
    tcase_add_test(tests, an_item_is_not_popped_whose_reply_cannot_be_sent);
    tcase_add_test(tests, a_sink_that_keeps_nothing_changes_as_much);
    tcase_add_test(tests, a_command_that_was_moved_is_the_same);
    tcase_add_loop_test(tests, a_read_of_what_is_changed_begins_anew_seven_times, 7, 9);
    suite_add_tcase(suite, tests);
    return suite;
}
