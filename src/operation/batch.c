/* A Batch done: each item by its row's apply, its reply written in place. */
#include "operation/batch.h"

#include <string.h>

#include "keyvalue.pb-c.h"

/* A Batch on its way. */
struct run {
    const struct wkv_command *command;
    struct wkv_batch *batch;
    int64_t now_ns;
    struct wkv_sink *sink;
    struct wkv_error error; /* of the item under way */
    size_t room;            /* bytes of the whole reply at the most */
    size_t reply_at;        /* where the item's reply begins in the buffer */
    size_t work;            /* that its items were, so far */
    bool in_one_view;       /* the locks are held to its end */
    size_t share;           /* of an item whose reply shows something that the store holds, beside its own */
};

/* ---- room ---- */

static bool shares(const struct wkv_batch_item *item)
{
    return item->code == WKV_OK && item->command.operation->may_echo;
}

/* "a Pop, or the `current` of a compare: an equal share of what is left" */
static void give_room(struct run *run)
{
    const struct wkv_batch *batch = run->batch;
    size_t needed = batch->count == 0 ? 0 : batch->items[0].room + batch->items[0].later, sharing = 0;
    for (size_t i = 0; i < batch->count; i++)
        sharing += shares(&batch->items[i]);
    run->room = run->sink->sure_bytes;
    run->share = sharing > 0 && run->room > needed ? (run->room - needed) / sharing : 0;
}

/* How long the whole reply may be when the item's has been written. */
static size_t bound(const struct run *run, const struct wkv_batch_item *item)
{
    const struct wkv_sink *sink = run->sink;
    size_t most = run->room > item->later ? run->room - item->later : 0;
    size_t shared = sink->total_bytes + item->room + run->share;
    return shares(item) && shared < most ? shared : most;
}

/* ---- work ----
 *
 * A message is one of many that a worker has, and a Batch is one message. What its items look at is counted:
 * an item of a list, a member of a set or 64 bytes of a reply is one. */

/* A Batch that has looked at so much begins no other item: half a second's work at the most. */
#define MOST_WORK ((size_t)8 << 20)
/* Of one that holds its locks to its end: some milliseconds. */
#define MOST_LOCKED_WORK ((size_t)128 << 10)

/* What the item will look at beside what it shows. A range passes over the chunks of a list. */
static size_t work_ahead(struct wkv_view *view, const struct wkv_command *item)
{
    size_t work = 0;
    bool shows_all = item->operation->keys == WKV_ONE_KEY && item->operation->effect == WKV_READS;
    for (size_t i = 0; i < item->key_count; i++) {
        struct wkv_store_info info;
        if (wkv_view_inspect(view, item->first_key + i, &info) != WKV_STORE_OK)
            continue;
        if (info.kind == WKV_LIST || (info.kind == WKV_SET && !shows_all))
            work += (size_t)(shows_all ? info.length / 64 : info.length);
    }
    return work;
}

/* Counts it, or refuses the item where it is too much. */
static bool may_begin(struct run *run, struct wkv_view *view, struct wkv_batch_item *item)
{
    size_t ahead = item->command.operation->is_long ? work_ahead(view, &item->command) : 0;
    bool locked = run->in_one_view;
    if (locked ? run->work + ahead <= MOST_LOCKED_WORK : run->work <= MOST_WORK) {
        run->work += ahead;
        return true;
    }
    (void)wkv_command_fail(&item->command, &run->error, WKV_TOO_LARGE,
                           "the Batch would look at more than %zu items, members or pieces of 64 bytes; send "
                           "this item in another, or without one",
                           locked ? MOST_LOCKED_WORK : MOST_WORK);
    wkv_batch_refuse(run->batch, item, WKV_TOO_LARGE, run->error.text);
    return false;
}

/* ---- one reply ---- */

/* Why an item was refused; without words where there is no room for them. */
static bool put_error(struct run *run, const struct wkv_batch_item *item, const char *text, size_t most)
{
    struct wkv_sink *sink = run->sink;
    struct wkv_sink_frame outer, inner;
    wkv_sink_open(sink, WKV_BATCH_RESPONSE_REPLIES, 1, &outer);
    wkv_sink_open(sink, WKV_ITEM_ERROR, WKV_SINK_ALL, &inner);
    wkv_sink_int32(sink, WKV_ERROR_CODE, wkv_code_on_wire(item->code));
    (void)wkv_sink_text(sink, WKV_ERROR_DESCRIPTION, (struct wkv_text){text, strlen(text)});
    wkv_sink_close(sink, &inner);
    wkv_sink_close(sink, &outer);
    return sink->total_bytes <= most;
}

static void refuse_item(struct run *run, const struct wkv_batch_item *item, size_t most)
{
    struct wkv_sink_mark mark;
    wkv_sink_mark(run->sink, &mark);
    if (put_error(run, item, item->text == NULL ? "" : item->text, most))
        return;
    wkv_sink_back(run->sink, &mark);
    (void)put_error(run, item, "", most);
}

static void put_nothing(struct run *run)
{
    struct wkv_sink_frame frame;
    wkv_sink_open(run->sink, WKV_BATCH_RESPONSE_REPLIES, 0, &frame);
    wkv_sink_close(run->sink, &frame);
}

/* Said of a reply that has been written, or that its item did not write. */
static enum wkv_code judge(struct run *run, const struct wkv_batch_item *item, size_t most)
{
    struct wkv_sink *sink = run->sink;
    if (sink->failure != WKV_OK)
        return sink->failure;
    if (sink->encoder == NULL)
        return WKV_OK;
    if (sink->buffer->failed)
        return wkv_command_fail(&item->command, &run->error, WKV_NO_MEMORY,
                                "no memory for the reply; try again later");
    if (!sink->unfit && sink->total_bytes <= most)
        return WKV_OK;
    return wkv_command_fail(&item->command, &run->error, WKV_TOO_LARGE,
                            "the reply does not fit what the Batch's reply of at most %zu bytes has left for "
                            "it; ask for less at once, or without a Batch",
                            run->room);
}

/* Applies the item and writes its reply, which has room up to `most`. Returns WKV_STORE_CHANGED, with nothing
 * written, where it is to be begun anew; else WKV_STORE_OK, and item->code says what it came to. */
static enum wkv_store_status apply_item(struct run *run, struct wkv_view *view, struct wkv_batch_item *item,
                                        size_t most)
{
    struct wkv_sink *sink = run->sink;
    const struct wkv_operation *operation = item->command.operation;
    struct wkv_sink_frame outer, inner;
    struct wkv_sink_mark mark;
    wkv_sink_mark(sink, &mark);
    wkv_error_clear(&run->error);
    sink->error = &run->error;
    sink->who = operation->name;
    sink->max_bytes = sink->sure_bytes = most;
    sink->unfit = false;
    wkv_sink_open(sink, WKV_BATCH_RESPONSE_REPLIES, 1, &outer);
    run->reply_at = outer.begin;
    wkv_sink_open(sink, (uint32_t)(operation - wkv_operations) + 1, WKV_SINK_ALL, &inner);
    enum wkv_store_status status = operation->apply(view, &item->command, run->now_ns, sink);
    if (status != WKV_STORE_OK)
        (void)wkv_command_refuse(&item->command, status, sink);
    wkv_sink_close(sink, &inner);
    wkv_sink_close(sink, &outer);
    enum wkv_code code = judge(run, item, most);
    run->work += 1 + (sink->total_bytes - mark.sink.total_bytes) / 64;
    if (sink->buffer != NULL)
        sink->buffer->failed = false;
    sink->error = mark.sink.error;
    sink->who = mark.sink.who;
    sink->max_bytes = mark.sink.max_bytes;
    sink->sure_bytes = mark.sink.sure_bytes;
    if (code == WKV_OK)
        return WKV_STORE_OK;
    wkv_sink_back(sink, &mark);
    if (status == WKV_STORE_CHANGED)
        return status;
    wkv_batch_refuse(run->batch, item, code, run->error.text);
    return WKV_STORE_OK;
}

static void begin_run(struct run *run, const struct wkv_command *command, int64_t now_ns,
                      struct wkv_sink *sink)
{
    run->command = command;
    run->batch = command->batch;
    run->now_ns = now_ns;
    run->sink = sink;
    run->work = 0;
    for (size_t i = 0; i < run->batch->count; i++) {
        struct wkv_batch_item *item = &run->batch->items[i];
        item->code = item->refused;
        item->text = item->code == WKV_OK ? NULL : item->text;
    }
    give_room(run);
    wkv_sink_bool(sink, WKV_BATCH_RESPONSE_APPLIED, true);
}

/* ---- each for itself ---- */

/* Keys that are locked together: as many as hide each other's cache misses, in some tens of microseconds. */
#define PIECE_ITEMS 64u
/* And no longer than this takes, such as where values are large. */
#define PIECE_WORK 2048u

/* Items that are done in one view: as many as stand together and are short, or one that is long. */
static size_t piece_from(const struct wkv_batch *batch, size_t first)
{
    size_t end = first;
    for (; end < batch->count && end - first < PIECE_ITEMS; end++)
        if (batch->items[end].code == WKV_OK && batch->items[end].command.operation->is_long)
            break;
    return end == first ? first + 1 : end;
}

/* first_key: the number of its first key in the view. */
static void answer_item(struct run *run, struct wkv_view *view, struct wkv_batch_item *item, size_t first_key)
{
    size_t most = bound(run, item);
    item->command.first_key = first_key;
    if (item->code == WKV_OK && may_begin(run, view, item))
        while (apply_item(run, view, item, most) == WKV_STORE_CHANGED)
            if (!wkv_view_again(view)) {
                item->code = WKV_UNAVAILABLE;
                item->text = "what it asks for was changed again and again while it was read; try again";
                break;
            }
    if (item->code != WKV_OK)
        refuse_item(run, item, most);
}

/* Returns the item behind the last that was done: before `end` where the locks have been held for long. */
static size_t do_piece(struct run *run, struct wkv_store *store, size_t first, size_t end)
{
    struct wkv_batch_item *items = run->batch->items;
    struct wkv_view view;
    size_t first_key = items[first].offset, write_bytes = 0;
    size_t keys = items[end - 1].offset + items[end - 1].command.key_count - first_key;
    for (size_t i = first; i < end; i++)
        write_bytes += items[i].command.write_bytes;
    bool begun = wkv_store_begin(&view, store, run->command->keys + first_key, keys, write_bytes,
                                 run->now_ns) == WKV_STORE_OK;
    size_t i = first, until = run->work + PIECE_WORK;
    do {
        if (!begun && items[i].code == WKV_OK) {
            items[i].code = WKV_NO_MEMORY;
            items[i].text = "no memory for the request; try again later";
        }
        answer_item(run, &view, &items[i], items[i].offset - first_key);
    } while (++i < end && run->work < until);
    wkv_store_end(&view);
    return i;
}

enum wkv_code wkv_batch_execute(const struct wkv_command *command, struct wkv_store *store, int64_t now_ns,
                                struct wkv_sink *sink)
{
    struct run run = {.in_one_view = false};
    begin_run(&run, command, now_ns, sink);
    for (size_t first = 0; first < run.batch->count;)
        first = do_piece(&run, store, first, piece_from(run.batch, first));
    return WKV_OK;
}

/* ---- in one view ---- */

/* An atomic Batch of which an item has failed goes on, to find what else does: but nothing of it stays. */
struct attempt {
    struct run run;
    struct wkv_sink_mark begin; /* of the whole reply */
    size_t reply_at;            /* where the reply of the item under way begins in the buffer */
    bool failed;
    bool too_large; /* a read does not fit */
};

/* The reply of a compare that has not found what it expects, which is to stand elsewhere. */
static struct wkv_text copy_reply(struct attempt *attempt)
{
    const struct wkv_buffer *buffer = attempt->run.sink->buffer;
    struct wkv_text none = {NULL, 0};
    if (attempt->run.sink->encoder == NULL)
        return none;
    size_t len = buffer->len - attempt->reply_at;
    char *copy = wkv_arena_alloc(attempt->run.batch->arena, len);
    return copy == NULL ? none : (struct wkv_text){memcpy(copy, buffer->data + attempt->reply_at, len), len};
}

/* The first that has failed: what the items before it would have answered is taken back. */
static void begin_failure(struct attempt *attempt, size_t index)
{
    struct wkv_sink *sink = attempt->run.sink;
    wkv_sink_back(sink, &attempt->begin);
    wkv_sink_bool(sink, WKV_BATCH_RESPONSE_APPLIED, false);
    for (size_t i = 0; i < index; i++)
        put_nothing(&attempt->run);
    attempt->failed = true;
}

static void put_failure(struct attempt *attempt, size_t index, size_t most)
{
    struct run *run = &attempt->run;
    struct wkv_batch_item *item = &run->batch->items[index];
    struct wkv_text reply = {NULL, 0};
    if (item->code == WKV_OK) {
        reply = copy_reply(attempt);
        if (reply.data == NULL && run->sink->encoder != NULL)
            item->code = WKV_NO_MEMORY;
    }
    if (!attempt->failed)
        begin_failure(attempt, index);
    if (item->code == WKV_OK)
        wkv_sink_repeat(run->sink, WKV_BATCH_RESPONSE_REPLIES, reply);
    else
        refuse_item(run, item, most);
}

static bool is_read(const struct wkv_batch_item *item)
{
    return item->command.operation != NULL && item->command.operation->effect == WKV_READS;
}

/* Returns WKV_STORE_CHANGED where all is to be begun anew. */
static enum wkv_store_status try_item(struct attempt *attempt, struct wkv_view *view, size_t index)
{
    struct run *run = &attempt->run;
    struct wkv_batch_item *item = &run->batch->items[index];
    struct wkv_sink_mark before;
    size_t most = bound(run, item);
    wkv_sink_mark(run->sink, &before);
    run->sink->declined = false;
    item->command.first_key = run->command->first_key + item->offset;
    bool is_new = item->code == WKV_OK && may_begin(run, view, item);
    if (is_new && apply_item(run, view, item, most) != WKV_STORE_OK)
        return WKV_STORE_CHANGED;
    attempt->reply_at = run->reply_at;
    attempt->too_large |= is_new && item->code == WKV_TOO_LARGE && is_read(item);
    if (item->code == WKV_OK && !run->sink->declined) {
        if (!attempt->failed)
            return WKV_STORE_OK;
        wkv_sink_back(run->sink, &before);
        put_nothing(run);
        return WKV_STORE_OK;
    }
    if (item->code == WKV_OK && attempt->failed) {
        run->sink->declined = false;
        return WKV_STORE_OK; /* it stands where it belongs */
    }
    put_failure(attempt, index, most);
    return WKV_STORE_OK;
}

static enum wkv_store_status apply_atomic(struct attempt *attempt, struct wkv_view *view)
{
    struct run *run = &attempt->run;
    if (wkv_view_remember(view, run->batch->writes) != WKV_STORE_OK)
        return WKV_STORE_NO_MEMORY;
    enum wkv_store_status status = WKV_STORE_OK;
    for (size_t i = 0; i < run->batch->count && status == WKV_STORE_OK; i++)
        status = try_item(attempt, view, i);
    if (attempt->failed || status != WKV_STORE_OK)
        wkv_view_undo(view);
    else
        wkv_view_keep(view);
    if (attempt->too_large) {
        wkv_sink_back(run->sink, &attempt->begin);
        (void)wkv_sink_fail(run->sink, WKV_TOO_LARGE,
                            "the replies of its reads do not fit one reply of at most %zu bytes; nothing was "
                            "changed; ask for less at once",
                            run->room);
    }
    return status;
}

/* "all keys are seen and changed at one moment, and if an item is refused, or a CompareAndSet or
 * CompareAndDelete does not find what it expects, nothing is changed". One that is not atomic comes here
 * where it is done once only, in one view with its note. */
WKV_APPLY(wkv_apply_batch)
{
    struct attempt attempt = {.run.in_one_view = true};
    struct run *run = &attempt.run;
    wkv_sink_mark(sink, &attempt.begin);
    begin_run(run, command, now_ns, sink);
    if (run->batch->atomic)
        return apply_atomic(&attempt, view);
    for (size_t i = 0; i < run->batch->count; i++) {
        struct wkv_batch_item *item = &run->batch->items[i];
        answer_item(run, view, item, item->offset + command->first_key);
    }
    return WKV_STORE_OK;
}
