#include "replica/log.h"

#include <stdarg.h>

#include "codec/codec.h"

/* ---- the log ---- */

static struct wkv_text copy_of(struct wkv_text text)
{
    char *copy = malloc(text.len + 1);
    ck_assert_ptr_nonnull(copy);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return (struct wkv_text){copy, text.len};
}

uint64_t sim_append(struct sim_log *log, int64_t time_ns, struct wkv_text bytes)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? 64 : 2 * log->capacity;
        log->all = realloc(log->all, log->capacity * sizeof *log->all);
        ck_assert_ptr_nonnull(log->all);
    }
    log->all[log->count++] = (struct sim_message){time_ns, copy_of(bytes)};
    return log->count;
}

uint64_t sim_append_record(struct sim_log *log, int64_t time_ns, const struct wkv_record *record)
{
    struct wkv_buffer bytes = {.data = NULL};
    ck_assert(wkv_record_write(record, &log->key, &bytes));
    uint64_t position = sim_append(log, time_ns, (struct wkv_text){bytes.data, bytes.len});
    wkv_buffer_destroy(&bytes);
    return position;
}

uint64_t sim_append_body(struct sim_log *log, int64_t time_ns, const struct wkv_record *record,
                         const union wkv_record_body *body)
{
    struct wkv_buffer bytes = {.data = NULL};
    ck_assert(wkv_record_write_body(record, body, &log->key, &bytes));
    uint64_t position = sim_append(log, time_ns, (struct wkv_text){bytes.data, bytes.len});
    wkv_buffer_destroy(&bytes);
    return position;
}

void sim_log_begin(struct sim_log *log, uint64_t seed, int64_t time_ns)
{
    *log = (struct sim_log){.key = wkv_record_key_of(seed | 1)};
    union wkv_record_body body = {
        .genesis = {.shards = 4, .format = 1, .binding = test_text("default"), .space = test_text("")}};
    for (size_t i = 0; i < sizeof body.genesis.hash_seed; i++)
        body.genesis.hash_seed[i] = (unsigned char)test_random(&seed);
    (void)sim_append_body(log, time_ns, &(struct wkv_record){.kind = WKV_RECORD_GENESIS}, &body);
}

void sim_log_end(struct sim_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        free((char *)(uintptr_t)log->all[i].bytes.data);
    free(log->all);
}

uint64_t sim_join(struct sim_log *log, int64_t time_ns, const char *instance, uint8_t workers)
{
    union wkv_record_body body = {.join = {.instance = test_text(instance),
                                           .version = test_text("1"),
                                           .workers = workers,
                                           .least = 1,
                                           .most = 1}};
    return sim_append_body(log, time_ns, &(struct wkv_record){.kind = WKV_RECORD_JOIN}, &body);
}

struct wkv_text sim_message(const struct sim_log *log, uint64_t position)
{
    return log->all[position - 1].bytes;
}

/* ---- replicas ---- */

struct wkv_replica *sim_replica(const struct wkv_replica_events *events, uint32_t shards)
{
    struct wkv_replica_options options = {
        .events = events, .shards = shards, .blocks = WKV_STORE_BLOCKS_MALLOC};
    struct wkv_replica *replica = wkv_replica_create(&options);
    ck_assert_ptr_nonnull(replica);
    return replica;
}

enum wkv_feed sim_feed(struct wkv_replica *replica, const struct sim_log *log, uint64_t position)
{
    const struct sim_message *message = &log->all[position - 1];
    return wkv_replica_feed(replica, &(struct wkv_log_message){.position = position,
                                                               .time_ns = message->time_ns,
                                                               .bytes = message->bytes});
}

void sim_feed_all(struct wkv_replica *replica, const struct sim_log *log)
{
    while (wkv_replica_applied(replica) < log->count)
        ck_assert_int_le(sim_feed(replica, log, wkv_replica_applied(replica) + 1), WKV_FEED_FOREIGN);
}

uint64_t sim_state(struct wkv_replica *replica)
{
    const uint64_t parts[] = {wkv_replica_digest(replica, WKV_STORE_SCAN_BEGIN, WKV_STORE_SCAN_END),
                              wkv_replica_meta_digest(replica)};
    return wkv_record_hash_numbers(wkv_replica_key(replica), parts, 2);
}

/* ---- operations ---- */

void sim_op(struct sim_ops *ops, const struct wkv_op *op)
{
    wkv_op_write(op, &ops->body);
    ck_assert(!ops->body.failed);
    ops->count++;
}

void sim_request(struct sim_ops *ops, uint32_t keyspace, const struct sim_once *once, const char *operation,
                 const char *format, ...)
{
    static const struct wkv_limits limits = {
        .max_key_bytes = 1000, .max_value_bytes = 100000, .max_reply_bytes = 100000};
    char json[4096];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(json, sizeof json, format, args);
    va_end(args);
    ck_assert(len > 0 && (size_t)len < sizeof json);
    struct wkv_command command;
    struct wkv_arena arena;
    struct wkv_error error;
    struct wkv_buffer bytes = {.data = NULL};
    struct wkv_op op = {.flags = (once == NULL ? 0 : WKV_OP_KEYED) | (ops->noted ? WKV_OP_NOTED : 0)};
    ck_assert(wkv_arena_init(&arena, 16384, SIZE_MAX));
    wkv_command_begin(&command, wkv_operation_find(operation), keyspace);
    enum wkv_code code = wkv_command_decode(&command, (struct wkv_text){json, (size_t)len}, WKV_FORM_DETECTED,
                                            &limits, &arena, &error);
    if (code == WKV_OK)
        code = wkv_command_check(&command, &limits, &arena, &error);
    ck_assert_msg(code == WKV_OK, "%s: %s", json, error.text);
    ck_assert(wkv_replica_write_request(&command, &limits, &bytes, &op));
    if (once != NULL) {
        memcpy(op.id, &once->id, sizeof once->id);
        memcpy(op.payload, &once->payload, sizeof once->payload);
        op.window_ms = once->window_ms;
    }
    sim_op(ops, &op);
    ops->noted = false;
    wkv_buffer_destroy(&bytes);
    wkv_arena_destroy(&arena);
}

void sim_bind(struct sim_ops *ops, uint8_t flags, const char *actor, const char *space)
{
    sim_op(ops, &(struct wkv_op){.code = WKV_OP_BIND,
                                 .flags = flags | (space == NULL ? 0 : WKV_OP_SPACE),
                                 .actor = test_text(actor),
                                 .space = test_text(space == NULL ? "" : space)});
}

void sim_unbind(struct sim_ops *ops, uint8_t flags, const char *actor)
{
    sim_op(ops, &(struct wkv_op){.code = WKV_OP_UNBIND, .flags = flags, .actor = test_text(actor)});
}

void sim_note(struct sim_ops *ops, unsigned id, int64_t until_s)
{
    struct wkv_op op = {.code = WKV_OP_NOTE, .until_s = until_s};
    memcpy(op.id, &id, sizeof id);
    sim_op(ops, &op);
}

void sim_write_batch(const struct sim_log *log, struct wkv_record *record, struct sim_ops *ops,
                     struct wkv_buffer *bytes)
{
    record->kind = WKV_RECORD_BATCH;
    record->operations = ops->count;
    record->body = (struct wkv_text){ops->body.data, ops->body.len};
    ck_assert(wkv_record_write(record, &log->key, bytes));
    wkv_buffer_destroy(&ops->body);
    *ops = (struct sim_ops){.count = 0};
}

uint64_t sim_append_batch(struct sim_log *log, int64_t time_ns, struct wkv_record *record,
                          struct sim_ops *ops)
{
    struct wkv_buffer bytes = {.data = NULL};
    sim_write_batch(log, record, ops, &bytes);
    uint64_t position = sim_append(log, time_ns, (struct wkv_text){bytes.data, bytes.len});
    wkv_buffer_destroy(&bytes);
    return position;
}

/* ---- snapshots ---- */

/* META comes first, whatever a wrong rule says. */
static bool keep_chunk(void *context, struct wkv_text chunk)
{
    struct sim_snapshot *snapshot = context;
    if (snapshot->count == snapshot->capacity) {
        snapshot->capacity = snapshot->capacity == 0 ? 64 : 2 * snapshot->capacity;
        snapshot->chunks = realloc(snapshot->chunks, snapshot->capacity * sizeof *snapshot->chunks);
        ck_assert_ptr_nonnull(snapshot->chunks);
    }
    bool first = chunk.data[5] == WKV_PART_META && WKV_WRONG(WKV_META_LAST);
    size_t at = first ? 0 : snapshot->count;
    memmove(snapshot->chunks + at + 1, snapshot->chunks + at,
            (snapshot->count - at) * sizeof *snapshot->chunks);
    snapshot->chunks[at] = copy_of(chunk);
    snapshot->count++;
    return true;
}

void sim_snapshot_begin(struct wkv_replica *replica, struct sim_snapshot *snapshot, uint64_t id)
{
    *snapshot = (struct sim_snapshot){.count = 0};
    ck_assert(wkv_replica_begin_snapshot(replica, id, keep_chunk, snapshot));
}

void sim_snapshot_end(struct wkv_replica *replica, struct sim_snapshot *snapshot)
{
    ck_assert_int_eq(wkv_replica_snapshot(replica), WKV_SNAPSHOT_WHOLE);
    wkv_replica_end_snapshot(replica, &snapshot->manifest);
}

void sim_snapshot_take(struct wkv_replica *replica, struct sim_snapshot *snapshot, uint64_t id)
{
    sim_snapshot_begin(replica, snapshot, id);
    while (wkv_replica_snapshot(replica) == WKV_SNAPSHOT_BEGUN)
        wkv_replica_snapshot_slice(replica, 64);
    sim_snapshot_end(replica, snapshot);
}

void sim_snapshot_free(struct sim_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++)
        free((char *)(uintptr_t)snapshot->chunks[i].data);
    free(snapshot->chunks);
    *snapshot = (struct sim_snapshot){.count = 0};
}

struct wkv_replica *sim_recover(const struct sim_log *log, const struct sim_snapshot *snapshot,
                                const struct wkv_replica_events *events, uint32_t shards)
{
    struct wkv_replica_options options = {
        .events = events, .shards = shards, .blocks = WKV_STORE_BLOCKS_MALLOC};
    struct wkv_recovery *recovery = wkv_recovery_begin(&options, &log->key, &snapshot->manifest);
    ck_assert_ptr_nonnull(recovery);
    for (size_t i = 0; i < snapshot->count; i++)
        (void)wkv_recovery_chunk(recovery, snapshot->chunks[i]);
    return wkv_recovery_end(recovery);
}
