/* Batches beside their items one by one. Two stores are given the same: one the Batch, the other each item
 * for itself. Every item must be answered alike, and both stores must come to hold the same. An atomic Batch
 * that is not applied has left no trace, and the first item that it failed at fails alone, too, behind those
 * before it. */
#include "codec/messages.h"
#include "front/provider.h"
#include "fuzz.h"
#include "lib/dispatch.h"

#define MOST_BATCHES 64
#define MOST_ITEMS 12
#define ROOM ((size_t)1 << 20)
#define ACTOR "MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM"
#define BUDGET_BYTES (300u * 1024u)

static const char *const keys[] = {"a", "b", "c", "d", "e", "f", ""};
static const char *const values[] = {"", "x", "yy", "41", "9223372036854775807", "one that is too long"};
#define KEYS (sizeof keys / sizeof keys[0])
#define VALUES (sizeof values / sizeof values[0])

struct side {
    struct wkv_provider provider;
    struct wkv_session session;
};

static struct scene {
    struct side batched, single;
    struct wkv_log log;
    struct wkv_arena arena; /* of one Batch and all that is said of it */
    struct wkv_buffer payload;
    enum wkv_encoding encoding;
    int64_t now_ns;
    int number;  /* of the Batch */
    bool narrow; /* a Batch has little room, or the store little memory: its items alone would have more */
} scene;

/* Once: a session is large. */
static void make_side(struct side *side)
{
    if (side->provider.bindings != NULL)
        return;
    side->provider = (struct wkv_provider){.bindings = wkv_bindings_create("default"),
                                           .log = &scene.log,
                                           .binding = "default",
                                           .instance = "INSTANCE",
                                           .auth = WKV_AUTH_NONE,
                                           .duplicate_window_ns = INT64_C(1) << 60,
                                           .max_key_bytes = 300,
                                           .max_value_bytes = 19};
    struct wkv_stats_options stats = {.workers = 1, .operations = wkv_operation_count};
    side->provider.stats = wkv_stats_create(&stats);
    must(side->provider.bindings != NULL && side->provider.stats != NULL);
    must(wkv_session_init(&side->session, &side->provider));
}

static void open_side(struct side *side, size_t budget_bytes)
{
    static const unsigned char hash_seed[WKV_STORE_HASH_SEED_BYTES] = {7};
    struct wkv_store_options options = {
        .shards = 2, .hash_seed = hash_seed, .max_memory_bytes = budget_bytes};
    make_side(side);
    side->provider.store = wkv_store_create(&options, 0);
    must(side->provider.store != NULL);
}

/* ---- requests ---- */

static void *allocate(size_t bytes)
{
    void *memory = wkv_arena_alloc(&scene.arena, bytes);
    must(memory != NULL);
    return memory;
}

static ProtobufCBinaryData take_one(struct input *input, const char *const *texts, size_t count)
{
    const char *text = texts[take_byte(input) % count];
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

/* A field that the item's message has, by its descriptor. */
static void take_field(struct input *input, const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    static const int32_t numbers[] = {0, 1, -1, 2, 1000, 60000, INT32_MIN, INT32_MAX};
    void *member = (char *)message + field->offset, *quantifier = (char *)message + field->quantifier_offset;
    int32_t number = field->type == PROTOBUF_C_TYPE_BYTES ? 0 : numbers[take_byte(input) % 8];
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = take_byte(input) % 4;
        ProtobufCBinaryData *texts = allocate((count + 1) * sizeof *texts);
        for (size_t i = 0; i < count; i++)
            texts[i] = take_one(input, keys, KEYS);
        *(size_t *)quantifier = count;
        *(ProtobufCBinaryData **)member = texts;
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        bool is_key = field->id == 1, is_there = true;
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
            is_there = (*(uint32_t *)quantifier = take_byte(input) % 2 * field->id) != 0;
        if (is_there && strcmp(field->name, "cursor") != 0)
            *(ProtobufCBinaryData *)member =
                is_key ? take_one(input, keys, KEYS) : take_one(input, values, VALUES);
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)member = number > 0;
    } else if (field->type == PROTOBUF_C_TYPE_INT64) {
        *(int64_t *)member = number == INT32_MAX ? INT64_MAX : number;
    } else {
        *(int32_t *)member = number;
    }
}

/* Any operation that a Batch has, or none. */
static Keyvalue__BatchRequest__Item *take_item(struct input *input)
{
    const ProtobufCMessageDescriptor *type = &keyvalue__batch_request__item__descriptor;
    Keyvalue__BatchRequest__Item *item = allocate(sizeof *item);
    keyvalue__batch_request__item__init(item);
    unsigned which = take_byte(input) % (type->n_fields + 1);
    if (which == type->n_fields)
        return item;
    const ProtobufCMessageDescriptor *of = type->fields[which].descriptor;
    ProtobufCMessage *message = allocate(of->sizeof_message);
    protobuf_c_message_init(of, message);
    for (unsigned i = 0; i < of->n_fields; i++)
        take_field(input, &of->fields[i], message);
    item->operation_case = type->fields[which].id;
    item->get = (Keyvalue__GetRequest *)message; /* or whichever it is */
    return item;
}

/* ---- answers ---- */

struct answer {
    enum wkv_code code;
    struct wkv_text text;    /* of a refusal; else the reply's bytes */
    ProtobufCMessage *reply; /* NULL: it was refused */
};

static struct wkv_text keep(struct wkv_text text)
{
    return (struct wkv_text){text.len == 0 ? "" : memcpy(allocate(text.len), text.data, text.len), text.len};
}

static struct answer ask(struct side *side, const struct wkv_operation *operation,
                         const ProtobufCMessage *message, size_t room, const char *id)
{
    struct wkv_sink sink;
    wkv_sink_begin(&sink, message->descriptor, scene.encoding, &scene.payload, SIZE_MAX);
    wkv_sink_message(&sink, message);
    must(wkv_sink_end(&sink) == WKV_OK);
    struct wkv_request request = {.operation = operation,
                                  .form =
                                      scene.encoding == WKV_MSGPACK ? WKV_FORM_MSGPACK : WKV_FORM_DETECTED,
                                  .actor = {ACTOR, strlen(ACTOR)},
                                  .once_id = {id, strlen(id)},
                                  .payload = scene.payload.data,
                                  .payload_bytes = scene.payload.len,
                                  .max_reply_bytes = room,
                                  .now_ns = scene.now_ns};
    struct answer answer = {.code = WKV_OK};
    struct wkv_text reply;
    struct wkv_error error;
    wkv_call_prefetch(&side->session, &request, 1);
    answer.code = dispatch_request(&side->session, &request, &reply, &error);
    if (answer.code != WKV_OK) {
        must_be_error(&error, answer.code);
        answer.text = keep((struct wkv_text){error.text, strlen(error.text)});
        return answer;
    }
    must(reply.len <= room);
    answer.text = keep(reply);
    must(wkv_decode(operation->reply, scene.encoding, reply.data, reply.len, &scene.arena, &answer.reply,
                    NULL) == WKV_OK);
    return answer;
}

/* A Batch as it is put to the provider. */
struct batch {
    Keyvalue__BatchRequest__Item **items;
    size_t count, room;
    bool atomic;
    char id[16];
};

static struct answer ask_batch(const struct batch *batch)
{
    Keyvalue__BatchRequest request = KEYVALUE__BATCH_REQUEST__INIT;
    request.requests = batch->items;
    request.n_requests = batch->count;
    request.atomic = batch->atomic;
    struct answer answer =
        ask(&scene.batched, wkv_operation_find("Batch"), &request.base, batch->room, batch->id);
    must(answer.code == WKV_OK || scene.narrow);
    return answer;
}

static const Keyvalue__BatchResponse *response(const struct answer *answer)
{
    return (const Keyvalue__BatchResponse *)answer->reply;
}

static int by_bytes(const void *a, const void *b)
{
    const ProtobufCBinaryData *one = a, *other = b;
    size_t shorter = one->len < other->len ? one->len : other->len;
    int order = shorter == 0 ? 0 : memcmp(one->data, other->data, shorter);
    return order != 0 ? order : (one->len > other->len) - (one->len < other->len);
}

/* Members come in no promised order. */
static void sort_members(ProtobufCMessage *reply)
{
    Keyvalue__SetQueryResponse *members = (Keyvalue__SetQueryResponse *)reply;
    if (reply->descriptor == &keyvalue__set_query_response__descriptor && members->n_values > 1)
        qsort(members->values, members->n_values, sizeof members->values[0], by_bytes);
}

static uint64_t add_to(uint64_t sum, const struct answer *answer)
{
    size_t len = answer->reply == NULL ? 0 : protobuf_c_message_get_packed_size(answer->reply);
    uint8_t *packed = allocate(len + 1);
    packed[len] = (uint8_t)answer->code;
    must(answer->reply == NULL || protobuf_c_message_pack(answer->reply, packed) == len);
    for (size_t i = 0; i <= len; i++)
        sum = (sum ^ packed[i]) * UINT64_C(1099511628211);
    return sum;
}

/* A number of all that the store holds, as it is read. */
static uint64_t look(struct side *side)
{
    static const char *const reads[] = {"Get", "TimeToLive", "Range", "SetQuery"};
    uint64_t sum = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < (KEYS - 1) * 4; i++) {
        const struct wkv_operation *operation = wkv_operation_find(reads[i % 4]);
        ProtobufCMessage *message = allocate(operation->request->sizeof_message);
        protobuf_c_message_init(operation->request, message);
        ((Keyvalue__GetRequest *)message)->key = /* all begin with it */
            (ProtobufCBinaryData){1, (uint8_t *)(uintptr_t)keys[i / 4]};
        if (i % 4 == 2)
            ((Keyvalue__ListRangeRequest *)message)->stop = -1;
        struct answer answer = ask(side, operation, message, ROOM, "");
        if (answer.reply != NULL)
            sort_members(answer.reply);
        sum = add_to(sum, &answer);
    }
    return sum;
}

/* ---- the two beside each other ---- */

/* The item's reply in the Batch is that of the item alone. */
static void compare(const Keyvalue__BatchRequest__Item *item, const Keyvalue__BatchResponse__Item *reply)
{
    if (item->operation_case == 0) {
        must(reply->reply_case == KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_ERROR && reply->error->code == 400);
        return;
    }
    const struct wkv_operation *operation = &wkv_operations[item->operation_case - 1];
    struct answer alone = ask(&scene.single, operation, (const ProtobufCMessage *)item->get, ROOM, "");
    if (alone.code != WKV_OK) {
        must(reply->reply_case == KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_ERROR);
        must(reply->error->code == (int32_t)wkv_code_on_wire(alone.code));
        must(reply->error->description.len == alone.text.len &&
             memcmp(reply->error->description.data, alone.text.data, alone.text.len) == 0);
        return;
    }
    ProtobufCMessage *in_batch = (ProtobufCMessage *)reply->get;
    must((int)reply->reply_case == (int)item->operation_case);
    if (item->operation_case == KEYVALUE__BATCH_REQUEST__ITEM__OPERATION_SET_QUERY &&
        item->set_query->limit > 0)
        return; /* a page: where it ends is the store's own affair */
    sort_members(alone.reply);
    sort_members(in_batch);
    must(test_messages_equal(alone.reply, in_batch));
}

static bool has_failed(const Keyvalue__BatchResponse__Item *reply)
{
    switch (reply->reply_case) {
    case KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_ERROR:
        return true;
    case KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_COMPARE_AND_SET:
        return !reply->compare_and_set->swapped;
    case KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_COMPARE_AND_DELETE:
        return !reply->compare_and_delete->deleted;
    default:
        return false;
    }
}

/* "nothing is changed, and the items that failed say why; the others are empty". */
static void check_failure(const struct batch *batch, const Keyvalue__BatchResponse *reply)
{
    size_t first = 0;
    while (first < reply->n_replies && reply->replies[first]->reply_case == 0)
        first++;
    must(batch->atomic && first < reply->n_replies);
    for (size_t i = first; i < reply->n_replies; i++)
        must(reply->replies[i]->reply_case == 0 || has_failed(reply->replies[i]));
    if (scene.narrow)
        return;
    /* What stands before the first that failed does, and behind it this one fails alone, too. */
    struct batch before = {.items = batch->items, .count = first, .room = ROOM, .atomic = true};
    struct answer answer = ask_batch(&before);
    must(response(&answer)->applied);
    for (size_t i = 0; i < first; i++)
        compare(batch->items[i], response(&answer)->replies[i]);
    compare(batch->items[first], reply->replies[first]);
}

/* "answered with the first answer", and nothing is done. */
static void check_duplicate(const struct batch *batch, const struct answer *first)
{
    uint64_t before = look(&scene.batched);
    struct answer again = ask_batch(batch);
    must(again.code == WKV_OK && again.text.len == first->text.len);
    must(memcmp(again.text.data, first->text.data, first->text.len) == 0);
    must(look(&scene.batched) == before);
}

static void check_batch(const struct batch *batch)
{
    uint64_t before = look(&scene.batched);
    struct answer answer = ask_batch(batch);
    const Keyvalue__BatchResponse *reply = response(&answer);
    must(reply == NULL || reply->n_replies == batch->count);
    if (reply == NULL || !reply->applied)
        must(look(&scene.batched) == before);
    if (reply == NULL)
        return;
    if (!reply->applied)
        check_failure(batch, reply);
    else if (batch->id[0] != '\0')
        check_duplicate(batch, &answer);
    if (scene.narrow)
        return;
    for (size_t i = 0; reply->applied && i < batch->count; i++)
        compare(batch->items[i], reply->replies[i]);
    must(look(&scene.single) == look(&scene.batched));
}

static void one_batch(struct input *input)
{
    static const enum wkv_encoding encodings[] = {WKV_PROTOBUF, WKV_JSON, WKV_MSGPACK};
    unsigned flags = take_byte(input);
    struct batch batch = {.count = take_byte(input) % (MOST_ITEMS + 1), .atomic = (flags & 1) != 0};
    batch.items = allocate((batch.count + 1) * sizeof *batch.items);
    for (size_t i = 0; i < batch.count; i++)
        batch.items[i] = take_item(input);
    batch.room = scene.narrow ? (size_t)32 + take_byte(input) * 8u : ROOM;
    if ((flags & 2) != 0)
        (void)snprintf(batch.id, sizeof batch.id, "id-%d", scene.number++);
    scene.encoding = encodings[(flags >> 2) % 3];
    scene.now_ns += (int64_t)(flags >> 5) << 28; /* up to two seconds */
    check_batch(&batch);
    wkv_arena_reset(&scene.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input input = {bytes, bytes + len};
    unsigned choice = take_byte(&input);
    scene.narrow = (choice & 1) != 0;
    scene.now_ns = 1;
    scene.number = 0;
    if (scene.arena.max_bytes == 0)
        must(wkv_arena_init(&scene.arena, 65536, 64u << 20));
    wkv_log_init(&scene.log, -1, WKV_LOG_DEBUG, WKV_LOG_TEXT);
    open_side(&scene.batched, (choice & 3) == 3 ? BUDGET_BYTES : 0);
    open_side(&scene.single, 0);
    for (int i = 0; i < MOST_BATCHES && input.at < input.end; i++)
        one_batch(&input);
    wkv_store_destroy(scene.batched.provider.store);
    wkv_store_destroy(scene.single.provider.store);
    return 0;
}
