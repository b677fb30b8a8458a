/* What a log's and a snapshot's readers make of any bytes. The first byte chooses: a message as it is; the
 * operations of a batch; records with right checksums and any content, which two replicas that differ in all
 * that may differ must apply alike; or a snapshot with right checksums and any content. */
#include "fuzz.h"
#include "record/chunk.h"
#include "record/operation.h"
#include "replica/replica.h"

#define LOG_ID 1
#define TIME_NS INT64_C(1700000000000000000)

static struct wkv_record_key key;

static struct wkv_text text_of(const struct wkv_buffer *buffer)
{
    return (struct wkv_text){buffer->data, buffer->len};
}

static bool same(struct wkv_text one, struct wkv_text other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

/* ---- messages ---- */

/* A record has one form: what is read is written again as the same bytes. */
static void read_message(struct wkv_text message)
{
    struct wkv_record record;
    struct wkv_chunk chunk;
    struct wkv_manifest manifest;
    struct wkv_record_key found;
    union wkv_record_body body;
    uint64_t log_id;
    struct wkv_buffer again = {.data = NULL};
    if (wkv_record_read(message, &key, &record) == WKV_RECORD_OK) {
        must(wkv_record_write(&record, &key, &again) && same(text_of(&again), message));
        (void)wkv_record_read_body(&record, &body);
    }
    again.len = 0;
    if (wkv_chunk_read(message, &key, &chunk) == WKV_RECORD_OK)
        must(wkv_chunk_write(&chunk, &key, &again) && same(text_of(&again), message));
    (void)wkv_record_log_id(message, &log_id);
    (void)wkv_manifest_read(message, &found, &manifest);
    wkv_buffer_destroy(&again);
}

static void read_operations(struct wkv_text text)
{
    struct wkv_bytes bytes = wkv_bytes_in(text);
    struct wkv_op op;
    for (const char *begin = bytes.at; wkv_op_read(&bytes, &op); begin = bytes.at) {
        struct wkv_buffer again = {.data = NULL};
        wkv_op_write(&op, &again);
        must(same(text_of(&again), (struct wkv_text){begin, (size_t)(bytes.at - begin)}));
        wkv_buffer_destroy(&again);
    }
}

/* ---- a log ---- */

static bool wants(void *context, const struct wkv_replica_batch *batch)
{
    (void)context, (void)batch;
    return true;
}

struct pair {
    struct wkv_replica *one, *other;
    uint64_t position;
    int64_t time_ns;
    bool over;
};

static void feed(struct pair *pair, struct wkv_text bytes)
{
    struct wkv_log_message message = {
        .position = ++pair->position, .time_ns = pair->time_ns, .bytes = bytes, .confirmed = true};
    enum wkv_feed one = wkv_replica_feed(pair->one, &message);
    (void)wkv_replica_maintain(pair->one, 3);
    must(wkv_replica_feed(pair->other, &message) == one);
    must(one != WKV_FEED_BAD_SNAPSHOT && one != WKV_FEED_NO_MEMORY && one != WKV_FEED_KNOWN);
    pair->over = one > WKV_FEED_FOREIGN;
}

static void feed_record(struct pair *pair, const struct wkv_record *record)
{
    struct wkv_buffer bytes = {.data = NULL};
    must(wkv_record_write(record, &key, &bytes));
    feed(pair, text_of(&bytes));
    wkv_buffer_destroy(&bytes);
}

static void begin(struct pair *pair)
{
    static const struct wkv_replica_events events = {.batch = wants};
    struct wkv_replica_options one = {.shards = 1}, other = {.events = &events, .shards = 8};
    struct wkv_buffer bytes = {.data = NULL};
    union wkv_record_body body = {.genesis = {.shards = 2, .format = 1}};
    *pair = (struct pair){wkv_replica_create(&one), wkv_replica_create(&other), .time_ns = TIME_NS};
    must(pair->one != NULL && pair->other != NULL);
    must(wkv_record_write_body(&(struct wkv_record){.kind = WKV_RECORD_GENESIS}, &body, &key, &bytes));
    feed(pair, text_of(&bytes));
    bytes.len = 0;
    body.join = (struct wkv_join){.workers = 2, .least = 1, .most = 1};
    must(wkv_record_write_body(&(struct wkv_record){.kind = WKV_RECORD_JOIN}, &body, &key, &bytes));
    feed(pair, text_of(&bytes));
    wkv_buffer_destroy(&bytes);
    must(!pair->over && pair->position == 2);
}

static void take_bytes(struct input *input, unsigned char *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = i < 2 ? take_byte(input) : 0;
}

static void add_operation(struct input *input, struct wkv_buffer *body)
{
    static const enum wkv_op_code codes[] = {WKV_OP_REQUEST, WKV_OP_REQUEST, WKV_OP_REQUEST, WKV_OP_BIND,
                                             WKV_OP_UNBIND,  WKV_OP_NOTE,    WKV_OP_REQUEST, WKV_OP_REQUEST};
    uint8_t code = take_byte(input);
    struct wkv_op op = {.code = codes[code % 8], .flags = take_byte(input)};
    switch (op.code) {
    case WKV_OP_REQUEST:
        op.flags &= WKV_OP_NOTED | WKV_OP_ROOM | WKV_OP_KEYED;
        op.row = take_byte(input);
        op.encoding = take_byte(input) % 4;
        op.keyspace = take_byte(input) % 4;
        op.room = take_byte(input) * 8u;
        op.max_key = op.max_value = 100;
        take_bytes(input, op.id, sizeof op.id);
        take_bytes(input, op.payload, sizeof op.payload);
        op.window_ms = take_byte(input) * 100u;
        op.request = take_text(input, 300);
        break;
    case WKV_OP_NOTE:
        op.flags = 0;
        take_bytes(input, op.id, sizeof op.id);
        op.until_s = TIME_NS / 1000000000 + take_byte(input) - 100;
        break;
    default:
        op.flags &= WKV_OP_NOTED;
        op.actor = take_text(input, 3);
        if (op.code == WKV_OP_BIND && take_byte(input) % 2 == 0) {
            op.flags |= WKV_OP_SPACE;
            op.space = take_text(input, 2);
        }
    }
    wkv_op_write(&op, body);
}

static void add_record(struct input *input, struct pair *pair)
{
    struct wkv_buffer body = {.data = NULL};
    uint8_t choice = take_byte(input), number = take_byte(input), floor = take_byte(input);
    struct wkv_record record = {.kind = WKV_RECORD_BATCH,
                                .writer = wkv_record_writer(2, choice & 1),
                                .number = number,
                                .floor = floor,
                                .bindings = wkv_replica_bindings(pair->one) - (choice >> 1 & 1)};
    pair->time_ns += (take_byte(input) - INT64_C(100)) * 100000000;
    if ((choice & 0xc0) == 0xc0) {
        record.kind = (enum wkv_record_kind)(1 + choice % WKV_RECORD_LAST_KIND);
        record.body = take_text(input, 400);
    } else {
        for (record.operations = 0; record.operations < (choice >> 2 & 7u); record.operations++)
            add_operation(input, &body);
        record.body = text_of(&body);
    }
    feed_record(pair, &record);
    wkv_buffer_destroy(&body);
}

static void read_log(struct input *input)
{
    struct pair pair;
    begin(&pair);
    while (input->at < input->end && !pair.over)
        add_record(input, &pair);
    must(wkv_replica_digest(pair.one, 0, UINT64_MAX) == wkv_replica_digest(pair.other, 0, UINT64_MAX));
    must(wkv_replica_meta_digest(pair.one) == wkv_replica_meta_digest(pair.other));
    wkv_replica_destroy(pair.one);
    wkv_replica_destroy(pair.other);
}

/* ---- a snapshot ---- */

static void take_chunk(struct wkv_recovery *recovery, struct wkv_manifest *manifest,
                       const struct wkv_chunk *chunk)
{
    struct wkv_buffer bytes = {.data = NULL};
    must(wkv_chunk_write(chunk, &key, &bytes));
    manifest->digest = wkv_chunk_digest(&key, manifest->digest, text_of(&bytes));
    manifest->bytes += bytes.len;
    manifest->chunks++;
    if (recovery != NULL)
        (void)wkv_recovery_chunk(recovery, text_of(&bytes));
    wkv_buffer_destroy(&bytes);
}

/* All that a snapshot is checked by as a whole is right, so that what is in it is looked at. */
static void read_snapshot(struct input *input)
{
    struct wkv_replica_options options = {.shards = 0};
    struct wkv_text meta = take_text(input, 4096), keys = take_text(input, 4096);
    struct wkv_chunk chunks[] = {
        {.kind = WKV_PART_META, .number = 0, .body = meta},
        {.kind = WKV_PART_KEYS, .number = 1, .position = 5, .to = UINT64_MAX, .body = keys},
        {.kind = WKV_PART_OWN, .number = 2, .position = 6, .body = keys}};
    struct wkv_manifest manifest = {.position = take_byte(input)};
    for (size_t i = 0; i < 3; i++)
        take_chunk(NULL, &manifest, &chunks[i]);
    struct wkv_recovery *recovery = wkv_recovery_begin(&options, &key, &manifest);
    must(recovery != NULL);
    for (size_t i = 0; i < 3; i++)
        take_chunk(recovery, &(struct wkv_manifest){.digest = 0}, &chunks[i]);
    struct wkv_replica *replica = wkv_recovery_end(recovery);
    if (replica != NULL)
        (void)wkv_replica_digest(replica, 0, UINT64_MAX);
    wkv_replica_destroy(replica);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input input = {bytes, bytes + len};
    key = wkv_record_key_of(LOG_ID);
    uint8_t choice = take_byte(&input);
    struct wkv_text rest = {(const char *)input.at, (size_t)(input.end - input.at)};
    switch (choice % 4) {
    case 0:
        read_message(rest);
        break;
    case 1:
        read_operations(rest);
        break;
    case 2:
        read_log(&input);
        break;
    default:
        read_snapshot(&input);
    }
    return 0;
}
