/* The operations of a batch that runs, in their order. */
#include "codec/codec.h"
#include "operation/batch.h"
#include "replica/machine.h"
#include "replica/request.h"

/* Replies up to this size reuse the buffer. */
#define REPLY_KEEP_BYTES ((size_t)256 * 1024)

/* A batch on its way. */
struct run {
    struct wkv_replica *replica;
    uint64_t position;
    bool wanted;        /* somebody waits for replies */
    enum wkv_note note; /* what became of the last NOTE */
    struct wkv_error error;
    enum wkv_feed failure; /* WKV_FEED_APPLIED: none */
};

/* ---- what a replay has already ---- */

enum skip { SKIP_NOTHING, SKIP_ALL, SKIP_HALF };

static enum skip skip_of(const struct run *run, const struct wkv_replica_request *request)
{
    const struct wkv_parts *parts = &run->replica->parts;
    size_t skipped = 0;
    if (run->position > parts->last)
        return SKIP_NOTHING;
    for (size_t i = 0; i < request->key_count; i++)
        skipped += run->position <= wkv_parts_position(parts, run->replica->store, request->keys[i]);
    return skipped == 0 ? SKIP_NOTHING : skipped == request->key_count ? SKIP_ALL : SKIP_HALF;
}

/* ---- a request ---- */

/* What the store has no memory for was perhaps half done, and what could not be read at one moment (only
 * where others maintain the store) may have been elsewhere: the process ends, and recovers. */
static bool is_fatal(enum wkv_code code)
{
    return code == WKV_NO_MEMORY || code == WKV_BUDGET_SPENT || code == WKV_UNAVAILABLE;
}

static bool has_fatal_item(const struct wkv_command *command)
{
    const struct wkv_batch *batch = command->batch;
    for (size_t i = 0; batch != NULL && i < batch->count; i++)
        if (is_fatal(batch->items[i].code))
            return true;
    return false;
}

static bool reserve_reply(struct wkv_buffer *buffer, const struct wkv_command *command)
{
    size_t bytes = command->reply_bytes;
    wkv_buffer_reset(buffer, REPLY_KEEP_BYTES);
    return wkv_buffer_reserve(buffer, bytes > WKV_REPLY_FIRST_BYTES ? bytes : WKV_REPLY_FIRST_BYTES);
}

static enum wkv_code execute(struct run *run, struct wkv_replica_request *request)
{
    struct wkv_replica *replica = run->replica;
    struct wkv_command *command = &request->command;
    struct wkv_sink sink;
    if (!reserve_reply(&replica->reply, command))
        return WKV_NO_MEMORY;
    wkv_command_begin_reply(command, &request->limits, request->limits.max_reply_bytes, &replica->reply,
                            &run->error, &sink);
    if (request->once.keys != NULL)
        return wkv_once_execute(&request->once, command, &request->limits, replica->store,
                                replica->facts.now_ns, &sink);
    (void)wkv_command_execute(command, replica->store, replica->facts.now_ns, &sink);
    return wkv_command_finish(command, &request->limits, &sink);
}

/* Whether what is done depends on the reply: on its room, or, of one that is remembered, on all of it. By the
 * operation, not by a flag that some writer may have left out. */
static bool reply_decides(const struct wkv_replica_request *request)
{
    const struct wkv_command *command = &request->command;
    return command->batch != NULL || command->operation->may_echo || request->once.keys != NULL;
}

static void do_request(struct run *run, const struct wkv_op *op, struct wkv_replica_answer *answer)
{
    struct wkv_replica *replica = run->replica;
    struct wkv_replica_request request;
    answer->code = wkv_replica_read_request(op, &replica->arena, &request, &run->error);
    enum skip skip = answer->code == WKV_OK ? skip_of(run, &request) : SKIP_NOTHING;
    answer->skipped = skip == SKIP_ALL;
    if (skip == SKIP_HALF)
        run->failure = WKV_FEED_BAD_SNAPSHOT;
    if (answer->code == WKV_OK && skip == SKIP_NOTHING) {
        if (!run->wanted && !reply_decides(&request))
            request.command.encoding = WKV_NONE;
        answer->code = execute(run, &request);
        answer->reply = (struct wkv_text){replica->reply.data, replica->reply.len};
        answer->duplicate = request.once.duplicate;
        answer->batch = request.command.batch;
        if (has_fatal_item(&request.command))
            run->failure = WKV_FEED_NO_MEMORY;
    }
    if (is_fatal(answer->code))
        run->failure = WKV_FEED_NO_MEMORY;
}

/* ---- any operation ---- */

static void do_note(struct run *run, const struct wkv_op *op, struct wkv_replica_answer *answer)
{
    run->note = wkv_replica_note(run->replica, op);
    answer->duplicate = run->note != WKV_NOTE_NEW;
    if (run->note == WKV_NOTE_NO_MEMORY)
        run->failure = WKV_FEED_NO_MEMORY;
}

/* What a host says twice is done once, and answered alike; an actor's request is refused. */
static bool note_refuses(struct run *run, const struct wkv_op *op, struct wkv_replica_answer *answer)
{
    if ((op->flags & WKV_OP_NOTED) == 0 || run->note == WKV_NOTE_NEW)
        return false;
    if (run->note == WKV_NOTE_SEEN && op->code != WKV_OP_REQUEST)
        answer->duplicate = true;
    else
        answer->code =
            wkv_fail(&run->error, WKV_FORBIDDEN,
                     run->note == WKV_NOTE_SEEN
                         ? "the invocation was seen before: every invocation needs an id of its own"
                         : "the invocation is so old that it may have been seen before: send a new one");
    return true;
}

static void do_binding(struct run *run, const struct wkv_op *op, struct wkv_replica_answer *answer)
{
    answer->code = op->code == WKV_OP_BIND ? wkv_replica_bind(run->replica, run->position, op, &run->error)
                                           : wkv_replica_unbind(run->replica, run->position, op, &run->error);
    if (answer->code == WKV_NO_MEMORY)
        run->failure = WKV_FEED_NO_MEMORY;
}

static void do_operation(struct run *run, const struct wkv_op *op, uint32_t index)
{
    struct wkv_replica *replica = run->replica;
    struct wkv_replica_answer answer = {.code = WKV_OK};
    wkv_error_clear(&run->error);
    if (op->code == WKV_OP_NOTE)
        do_note(run, op, &answer);
    else if (!note_refuses(run, op, &answer)) {
        if (op->code == WKV_OP_REQUEST)
            do_request(run, op, &answer);
        else
            do_binding(run, op, &answer);
    }
    answer.text = run->error.text;
    if (replica->events.answer != NULL && run->failure == WKV_FEED_APPLIED)
        replica->events.answer(replica->events.context, index, &answer);
}

/* ---- what comes next ---- */

/* The one key of a request, which its message begins with. */
static bool peek_key(const struct wkv_op *op, struct wkv_key *key)
{
    *key = (struct wkv_key){.keyspace = op->keyspace};
    return op->code == WKV_OP_REQUEST && op->row != WKV_OP_BATCH &&
           wkv_peek_text(op->request.data, op->request.len, &key->name.data, &key->name.len) &&
           key->name.len > 0 && key->name.len <= WKV_STORE_MAX_KEY_BYTES;
}

/* Each entry is far away in memory; asked for together they come together. It decides nothing. */
static void look_ahead(const struct run *run, struct wkv_bytes bytes, uint32_t count)
{
    struct wkv_key keys[WKV_STORE_PREFETCH];
    size_t found = 0;
    struct wkv_op op;
    for (uint32_t i = 0; i < count && i < WKV_STORE_PREFETCH && wkv_op_read(&bytes, &op); i++)
        found += peek_key(&op, &keys[found]);
    wkv_store_prefetch(run->replica->store, keys, found);
}

/* ---- a snapshot that is under way ---- */

/* Whether the operation's keys are to be as of one position. */
static bool is_fenced(const struct wkv_op *op)
{
    bool is_keyed = (op->flags & WKV_OP_KEYED) != 0;
    return wkv_replica_is_group(op) && !(is_keyed && WKV_WRONG(WKV_KEYED_STRADDLES)) &&
           !(!is_keyed && WKV_WRONG(WKV_GROUPS_STRADDLE));
}

static void each_group(struct run *run, const struct wkv_op *op,
                       void (*see)(struct wkv_replica *replica, const struct wkv_key *keys, size_t count))
{
    struct wkv_replica_request request;
    if (is_fenced(op) && wkv_replica_read_request(op, &run->replica->arena, &request, &run->error) == WKV_OK)
        see(run->replica, request.keys, request.key_count);
}

/* In front of the whole record: its operations see what those before them have changed. */
void wkv_replica_fence(struct wkv_replica *replica, uint64_t position, const struct wkv_record *record)
{
    struct run run = {.replica = replica, .position = position};
    struct wkv_bytes bytes = wkv_bytes_in(record->body);
    struct wkv_op op;
    if (!wkv_snapshot_is_open(replica) || WKV_WRONG(WKV_AMID_THE_RECORD) || WKV_WRONG(WKV_REWRITTEN_AFTER))
        return;
    for (uint32_t i = 0; i < record->operations && wkv_op_read(&bytes, &op); i++)
        each_group(&run, &op, wkv_snapshot_fence);
    wkv_snapshot_fence_end(replica, position - 1);
}

#ifdef WKV_WRONG_RULES
static void fence_one(struct run *run, const struct wkv_op *op)
{
    if (!wkv_snapshot_is_open(run->replica) || !WKV_WRONG(WKV_AMID_THE_RECORD))
        return;
    each_group(run, op, wkv_snapshot_fence);
    wkv_snapshot_fence_end(run->replica, run->position - 1);
}

static void rewrite(struct run *run, const struct wkv_record *record)
{
    struct wkv_bytes bytes = wkv_bytes_in(record->body);
    struct wkv_op op;
    if (!wkv_snapshot_is_open(run->replica) || !WKV_WRONG(WKV_REWRITTEN_AFTER))
        return;
    for (uint32_t i = 0; i < record->operations && wkv_op_read(&bytes, &op); i++)
        each_group(run, &op, wkv_wrong_rewrite);
    wkv_snapshot_fence_end(run->replica, run->position);
}
#endif

enum wkv_feed wkv_replica_run(struct wkv_replica *replica, const struct wkv_replica_batch *batch, bool wanted)
{
    struct run run = {.replica = replica, .position = batch->position, .wanted = wanted};
    struct wkv_bytes bytes = wkv_bytes_in(batch->record->body);
    uint32_t count = batch->record->operations;
    struct wkv_op op;
    for (uint32_t i = 0; i < count && run.failure == WKV_FEED_APPLIED; i++) {
        if (count > 1 && i % WKV_STORE_PREFETCH == 0)
            look_ahead(&run, bytes, count - i);
        (void)wkv_op_read(&bytes, &op);
#ifdef WKV_WRONG_RULES
        fence_one(&run, &op);
#endif
        do_operation(&run, &op, i);
    }
#ifdef WKV_WRONG_RULES
    rewrite(&run, batch->record);
#endif
    return run.failure;
}
