#include "journal/snapshots.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/clock.h"
#include "support/text.h"

/* "A claim holds 60 s of log time and is renewed." */
#define RENEW_NS (20 * WKV_NS_PER_S)
#define CLAIM_NS (5 * WKV_NS_PER_S) /* so long one's own may be on its way */
#define LOOK_NS (250 * WKV_NS_PER_MS)
#define OTHERS_NS (1 * WKV_NS_PER_S)
#define AFTER_FAILURE_NS (30 * WKV_NS_PER_S)
#define ANSWER_NS (2 * WKV_NS_PER_S)
#define AGAIN_NS (500 * WKV_NS_PER_MS)
#define ANNOUNCE_NS (1 * WKV_NS_PER_S)
/* Without any progress for so long it is given up. */
#define STALL_NS (60 * WKV_NS_PER_S)
/* Of the time, at most a fifth is spent on slices, and in one turn no more than that. */
#define CREDIT_SHARE 5
#define MOST_CREDIT_NS (WKV_NS_PER_MS / 2)
/* A slice takes about so long: few chunks, each of which costs the server more than it costs here, and less
 * than an append takes. */
#define SLICE_NS (200 * INT64_C(1000))
#define LEAST_KEYS ((size_t)16)
#define MOST_KEYS ((size_t)2048)
/* What is written in front of records, and has not been sent yet. */
#define MOST_QUEUED_BYTES ((size_t)64 << 20)
/* What has been read back is decoded by this thread: few at once, so that no request waits for many. */
#define REHEARSED_AT_ONCE 2u
#define PURGE_TRIES 5u

enum state { IDLE, CLAIMING, LOOKING, WRITING, REHEARSING, MANIFEST, WHOSE, ANNOUNCING, PURGING, ENDING };

static void enter(struct wkv_snapshots *snapshots, enum state state)
{
    snapshots->state = state;
    snapshots->state_ns = snapshots->now_ns;
    snapshots->next_ns = 0;
}

static void give_up(struct wkv_snapshots *snapshots, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void give_up(struct wkv_snapshots *snapshots, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(snapshots->why, sizeof snapshots->why, format, args);
    va_end(args);
    wkv_log_warn(snapshots->options.log, "a snapshot is given up: %s", snapshots->why);
    snapshots->given_up++;
    wkv_replica_end_snapshot(snapshots->options.replica, NULL);
    wkv_upload_drop(&snapshots->upload);
    wkv_fetch_stop(&snapshots->fetch);
    enter(snapshots, ENDING);
}

/* ---- the claim ---- */

static bool holds_claim(const struct wkv_snapshots *snapshots)
{
    uint64_t id;
    return wkv_replica_claim(snapshots->options.replica, &id) == snapshots->join && id == snapshots->id;
}

static void append_claim(struct wkv_snapshots *snapshots)
{
    const union wkv_record_body body = {.claim = {.snapshot = snapshots->id}};
    snapshots->claimed_ns = snapshots->now_ns;
    snapshots->options.append(snapshots->options.context, WKV_RECORD_CLAIM, &body);
}

static void raise_format(struct wkv_snapshots *snapshots)
{
    const union wkv_record_body body = {.raise = {.format = wkv_snapshots_raise(snapshots)}};
    if (body.raise.format == 0 || snapshots->now_ns - snapshots->raised_ns < ANNOUNCE_NS)
        return;
    snapshots->raised_ns = snapshots->now_ns;
    snapshots->options.append(snapshots->options.context, WKV_RECORD_RAISE, &body);
}

/* Returns false where it is lost. */
static bool keep_claim(struct wkv_snapshots *snapshots)
{
    if (!holds_claim(snapshots)) {
        give_up(snapshots, "the claim to write it has run out, or is another instance's now");
        return false;
    }
    if (snapshots->now_ns - snapshots->claimed_ns >= RENEW_NS)
        append_claim(snapshots);
    raise_format(snapshots);
    return true;
}

static int64_t tick_idle(struct wkv_snapshots *snapshots)
{
    uint64_t id, holder = wkv_replica_claim(snapshots->options.replica, &id);
    if (snapshots->now_ns < snapshots->next_ns)
        return snapshots->next_ns;
    snapshots->next_ns = snapshots->now_ns + LOOK_NS;
    if (snapshots->join == 0 || !wkv_snapshots_are_due(snapshots))
        return snapshots->next_ns;
    if (holder != 0 && holder != snapshots->join) {
        snapshots->next_ns = snapshots->now_ns + OTHERS_NS;
        return snapshots->next_ns;
    }
    do
        randombytes_buf(&snapshots->id, sizeof snapshots->id);
    while (snapshots->id == 0);
    enter(snapshots, CLAIMING);
    append_claim(snapshots);
    return snapshots->now_ns + CLAIM_NS;
}

static int64_t tick_claiming(struct wkv_snapshots *snapshots)
{
    if (snapshots->now_ns - snapshots->state_ns >= CLAIM_NS)
        enter(snapshots, IDLE);
    return snapshots->state_ns + CLAIM_NS;
}

/* ---- which manifest is the last ---- */

static bool ask(struct wkv_snapshots *snapshots, enum wkv_js_call call, const char *stream, char *request,
                wkv_js_answered answered)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    bool asked = false;
    if (request != NULL &&
        wkv_js_subject(call, snapshots->options.domain, stream, NULL, subject, NULL) == WKV_OK) {
        const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {request, strlen(request)}};
        asked = wkv_js_ask(snapshots->options.requests, &outgoing, snapshots->now_ns + ANSWER_NS, answered,
                           snapshots);
    }
    free(request);
    snapshots->pending += asked;
    snapshots->next_ns = snapshots->now_ns + AGAIN_NS; /* unless it is answered */
    return asked;
}

static void ask_for_last(struct wkv_snapshots *snapshots, wkv_js_answered answered)
{
    const struct wkv_js_names *names = snapshots->options.names;
    (void)ask(snapshots, WKV_JS_MESSAGE_GET, names->snap_stream,
              wkv_js_get_last_request(names->manifest_subject), answered);
}

/* The last manifest's position, and its snapshot; zeros: there is none. Returns false where that is not
 * known. */
static bool read_last(const struct wkv_js_incoming *answer, uint64_t *position, uint64_t *snapshot)
{
    struct wkv_js_message message = {.sequence = 0};
    struct wkv_js_refusal refusal = {.number = 0};
    struct wkv_record_key key;
    struct wkv_manifest manifest;
    *position = *snapshot = 0;
    if (answer == NULL || answer->bytes.len == 0)
        return false;
    enum wkv_js_answer kind = wkv_js_read_message(answer->bytes, &message, &refusal);
    if (kind != WKV_JS_DONE)
        return kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_MESSAGE;
    *position = message.sequence;
    if (wkv_manifest_read((struct wkv_text){(const char *)message.bytes, message.len}, &key, &manifest))
        *snapshot = manifest.snapshot;
    free(message.bytes);
    return true;
}

static void on_last(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_snapshots *snapshots = context;
    uint64_t snapshot;
    snapshots->pending--;
    if (snapshots->state != LOOKING || !read_last(answer, &snapshots->expected, &snapshot))
        return;
    snapshots->looked = true;
    snapshots->next_ns = 0;
}

/* ---- writing ---- */

static bool add_chunk(void *context, struct wkv_text chunk)
{
    struct wkv_snapshots *snapshots = context;
    bool has_room = snapshots->slicing || snapshots->upload.bytes <= MOST_QUEUED_BYTES;
    return has_room && wkv_upload_add(&snapshots->upload, chunk);
}

static void begin_writing(struct wkv_snapshots *snapshots)
{
    struct wkv_replica *replica = snapshots->options.replica;
    wkv_upload_begin(&snapshots->upload, snapshots->now_ns);
    snapshots->begun_ns = snapshots->now_ns;
    snapshots->credit_ns = 0;
    snapshots->credited_ns = snapshots->now_ns;
    snapshots->keys = LEAST_KEYS;
    snapshots->manifest = (struct wkv_manifest){.position = wkv_replica_applied(replica)};
    snapshots->slicing = true;
    bool begun = wkv_replica_begin_snapshot(replica, snapshots->id, add_chunk, snapshots);
    snapshots->slicing = false;
    if (!begun) {
        give_up(snapshots, "memory is short, or what was restored has not been replayed yet");
        return;
    }
    enter(snapshots, WRITING);
    wkv_log_info(snapshots->options.log, "a snapshot of message %" PRIu64 " is being written",
                 snapshots->manifest.position);
}

static int64_t tick_looking(struct wkv_snapshots *snapshots)
{
    if (!keep_claim(snapshots))
        return snapshots->now_ns;
    if (snapshots->looked) {
        begin_writing(snapshots);
        return snapshots->now_ns;
    }
    if (snapshots->pending > 0)
        return INT64_MAX;
    if (snapshots->now_ns - snapshots->state_ns >= STALL_NS)
        give_up(snapshots, "%s does not answer", snapshots->options.names->snap_stream);
    else if (snapshots->now_ns >= snapshots->next_ns)
        ask_for_last(snapshots, on_last);
    return snapshots->next_ns;
}

/* On a busy machine a slice is not made smaller because others work. */
static void write_slice(struct wkv_snapshots *snapshots)
{
    int64_t begun_ns = wkv_fetch_worked_ns();
    snapshots->slicing = true;
    wkv_replica_snapshot_slice(snapshots->options.replica, snapshots->keys);
    snapshots->slicing = false;
    int64_t took_ns = wkv_fetch_worked_ns() - begun_ns;
    snapshots->credit_ns -= took_ns;
    if (took_ns > SLICE_NS && snapshots->keys > LEAST_KEYS)
        snapshots->keys /= 2;
    else if (took_ns < SLICE_NS / 2 && snapshots->keys < MOST_KEYS)
        snapshots->keys *= 2;
}

static void add_credit(struct wkv_snapshots *snapshots)
{
    snapshots->credit_ns += (snapshots->now_ns - snapshots->credited_ns) / CREDIT_SHARE;
    snapshots->credited_ns = snapshots->now_ns;
    if (snapshots->credit_ns > MOST_CREDIT_NS)
        snapshots->credit_ns = MOST_CREDIT_NS;
}

/* When there is credit again. */
static int64_t credited_at(const struct wkv_snapshots *snapshots)
{
    return snapshots->credit_ns > 0 ? snapshots->now_ns
                                    : snapshots->now_ns - snapshots->credit_ns * CREDIT_SHARE + 1;
}

static void write_slices(struct wkv_snapshots *snapshots)
{
    add_credit(snapshots);
    while (snapshots->credit_ns > 0 && snapshots->upload.count < WKV_UPLOAD_WINDOW &&
           wkv_replica_snapshot(snapshots->options.replica) == WKV_SNAPSHOT_BEGUN)
        write_slice(snapshots);
}

static bool is_stalled(const struct wkv_snapshots *snapshots)
{
    return snapshots->upload.count > 0 && snapshots->now_ns - snapshots->upload.moved_ns >= STALL_NS;
}

static void begin_rehearsal(struct wkv_snapshots *snapshots)
{
    struct wkv_replica *replica = snapshots->options.replica;
    wkv_replica_end_snapshot(replica, &snapshots->manifest);
    snapshots->manifest.first = snapshots->upload.first;
    snapshots->manifest.last = snapshots->upload.last;
    snapshots->manifest.before = snapshots->expected;
    wkv_chunks_begin(&snapshots->chunks, wkv_replica_key(replica), snapshots->id);
    wkv_fetch_begin(&snapshots->fetch, snapshots->upload.first, snapshots->upload.last, REHEARSED_AT_ONCE);
    snapshots->charged_ns = snapshots->fetch.worked_ns;
    enter(snapshots, REHEARSING);
}

static int64_t tick_writing(struct wkv_snapshots *snapshots)
{
    if (!keep_claim(snapshots))
        return snapshots->now_ns;
    write_slices(snapshots);
    int64_t due_ns = wkv_upload_tick(&snapshots->upload, snapshots->now_ns);
    switch (wkv_replica_snapshot(snapshots->options.replica)) {
    case WKV_SNAPSHOT_WHOLE:
        if (wkv_upload_is_done(&snapshots->upload)) {
            begin_rehearsal(snapshots);
            return snapshots->now_ns;
        }
        break;
    case WKV_SNAPSHOT_NONE:
    case WKV_SNAPSHOT_GIVEN_UP:
        give_up(snapshots, "too much had to be written at once, or memory is short");
        return snapshots->now_ns;
    case WKV_SNAPSHOT_BEGUN:
        if (snapshots->upload.count < WKV_UPLOAD_WINDOW)
            due_ns = credited_at(snapshots);
        break;
    }
    if (is_stalled(snapshots)) {
        give_up(snapshots, "%s takes nothing: %s", snapshots->options.names->snap_stream,
                snapshots->upload.refusal.text[0] == '\0' ? "no answer" : snapshots->upload.refusal.text);
        return snapshots->now_ns;
    }
    return due_ns < snapshots->now_ns + ANNOUNCE_NS ? due_ns : snapshots->now_ns + ANNOUNCE_NS;
}

/* ---- the rehearsal ---- */

static bool rehearse(void *context, uint64_t position, struct wkv_text bytes)
{
    struct wkv_snapshots *snapshots = context;
    (void)position;
    (void)wkv_chunks_take(&snapshots->chunks, bytes);
    return true;
}

static int64_t tick_rehearsing(struct wkv_snapshots *snapshots)
{
    if (!keep_claim(snapshots))
        return snapshots->now_ns;
    uint64_t before = snapshots->fetch.next;
    add_credit(snapshots);
    snapshots->credit_ns -= snapshots->fetch.worked_ns - snapshots->charged_ns;
    snapshots->charged_ns = snapshots->fetch.worked_ns;
    int64_t due_ns = credited_at(snapshots), begun_ns = wkv_fetch_worked_ns();
    if (snapshots->credit_ns > 0)
        due_ns = wkv_fetch_tick(&snapshots->fetch, snapshots->now_ns);
    snapshots->credit_ns -= wkv_fetch_worked_ns() - begun_ns;
    if (snapshots->fetch.next != before)
        snapshots->state_ns = snapshots->now_ns;
    if (!wkv_fetch_is_over(&snapshots->fetch)) {
        if (snapshots->now_ns - snapshots->state_ns >= STALL_NS)
            give_up(snapshots, "%s cannot be read back", snapshots->options.names->snap_stream);
        return due_ns < snapshots->now_ns + ANNOUNCE_NS ? due_ns : snapshots->now_ns + ANNOUNCE_NS;
    }
    if (wkv_chunks_are_whole(&snapshots->chunks, &snapshots->manifest))
        enter(snapshots, MANIFEST);
    else
        give_up(snapshots, "it was read back, and %u of %u chunks are as they were written",
                snapshots->chunks.count, snapshots->manifest.chunks);
    return snapshots->now_ns;
}

/* ---- the manifest ---- */

static void announce(struct wkv_snapshots *snapshots)
{
    wkv_log_info(snapshots->options.log,
                 "the snapshot of message %" PRIu64 " is whole: %u chunk%s, %" PRIu64 " bytes, in %.1f s",
                 snapshots->manifest.position, snapshots->manifest.chunks,
                 wkv_plural(snapshots->manifest.chunks), snapshots->manifest.bytes,
                 (double)(snapshots->now_ns - snapshots->begun_ns) / 1e9);
    enter(snapshots, ANNOUNCING);
}

/* Goes over to the other question; the time runs on. */
static void ask_next(struct wkv_snapshots *snapshots, enum state state)
{
    snapshots->state = state;
    snapshots->next_ns = 0;
}

/* The expectation may have failed because the try before this one is in the stream. */
static void on_whose(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_snapshots *snapshots = context;
    uint64_t position, snapshot;
    snapshots->pending--;
    if (snapshots->state != WHOSE || !read_last(answer, &position, &snapshot))
        return;
    if (snapshot == snapshots->id)
        announce(snapshots);
    else if (position == snapshots->expected)
        ask_next(snapshots, MANIFEST);
    else
        give_up(snapshots, "another instance has written one since");
}

static void on_manifest(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_snapshots *snapshots = context;
    struct wkv_js_ack ack;
    struct wkv_js_refusal refusal = {.number = 0};
    snapshots->pending--;
    if (snapshots->state != MANIFEST)
        return;
    enum wkv_js_answer kind = answer == NULL || answer->bytes.len == 0
                                  ? WKV_JS_GARBLED
                                  : wkv_js_read_ack(answer->bytes, &ack, &refusal);
    if (kind == WKV_JS_DONE)
        announce(snapshots);
    else if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_WRONG_LAST_SEQUENCE)
        ask_next(snapshots, WHOSE);
}

static void send_manifest(struct wkv_snapshots *snapshots)
{
    char expected[24];
    struct wkv_buffer *bytes = &snapshots->manifest_bytes;
    (void)snprintf(expected, sizeof expected, "%" PRIu64, snapshots->expected);
    wkv_buffer_reset(bytes, SIZE_MAX);
    snapshots->next_ns = snapshots->now_ns + AGAIN_NS;
    if (!wkv_manifest_write(&snapshots->manifest, wkv_replica_key(snapshots->options.replica), bytes))
        return;
    const struct wkv_js_outgoing outgoing = {.subject = snapshots->options.names->manifest_subject,
                                             .bytes = {bytes->data, bytes->len},
                                             .header = "Nats-Expected-Last-Subject-Sequence",
                                             .value = expected};
    snapshots->pending += wkv_js_ask(snapshots->options.requests, &outgoing, snapshots->now_ns + ANSWER_NS,
                                     on_manifest, snapshots);
}

static int64_t tick_manifest(struct wkv_snapshots *snapshots)
{
    if (!keep_claim(snapshots))
        return snapshots->now_ns;
    if (snapshots->pending > 0)
        return INT64_MAX;
    if (snapshots->now_ns < snapshots->next_ns)
        return snapshots->next_ns;
    if (snapshots->now_ns - snapshots->state_ns >= STALL_NS)
        give_up(snapshots, "its manifest is not taken");
    else if (snapshots->state == MANIFEST)
        send_manifest(snapshots);
    else
        ask_for_last(snapshots, on_whose);
    return snapshots->next_ns;
}

/* ---- told to all ---- */

static int64_t tick_announcing(struct wkv_snapshots *snapshots)
{
    if (!keep_claim(snapshots))
        return snapshots->now_ns;
    if (snapshots->now_ns < snapshots->next_ns)
        return snapshots->next_ns;
    const union wkv_record_body body = {.snapshot = snapshots->manifest};
    snapshots->next_ns = snapshots->now_ns + ANNOUNCE_NS;
    snapshots->options.append(snapshots->options.context, WKV_RECORD_SNAPSHOT, &body);
    return snapshots->next_ns;
}

/* ---- what is not needed any more ---- */

static void on_purged(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_snapshots *snapshots = context;
    struct wkv_js_refusal refusal = {.number = 0};
    snapshots->pending--;
    if (snapshots->state != PURGING || answer == NULL || answer->bytes.len == 0 ||
        wkv_js_read_done(answer->bytes, &refusal) != WKV_JS_DONE) {
        if (refusal.number != 0)
            wkv_log_warn(snapshots->options.log, "what is not needed any more cannot be purged: %s",
                         refusal.text);
        return;
    }
    snapshots->next_ns = 0;
    snapshots->purges = 0;
    if (snapshots->needless.log >= 2)
        snapshots->needless.log = 0;
    else
        snapshots->needless.snapshots = 0;
}

/* Never below 2, which is for all, nor above what is applied (DESIGN, 6). */
static void begin_purge(struct wkv_snapshots *snapshots)
{
    struct wkv_replica *replica = snapshots->options.replica;
    snapshots->needless = wkv_replica_needless(replica);
    if (snapshots->forced)
        snapshots->needless.log = wkv_replica_snapshots(replica)[0].position;
    if (snapshots->needless.log > wkv_replica_applied(replica))
        snapshots->needless.log = 0;
    if (snapshots->needless.snapshots > snapshots->manifest.last)
        snapshots->needless.snapshots = 0;
    snapshots->forced = false;
    snapshots->purges = 0;
    enter(snapshots, PURGING);
}

static int64_t tick_purging(struct wkv_snapshots *snapshots)
{
    const struct wkv_js_names *names = snapshots->options.names;
    struct wkv_replica_needless *needless = &snapshots->needless;
    if (snapshots->pending > 0)
        return INT64_MAX;
    if (snapshots->now_ns < snapshots->next_ns)
        return snapshots->next_ns;
    if ((needless->log < 2 && needless->snapshots < 2) || snapshots->purges++ == PURGE_TRIES) {
        enter(snapshots, IDLE);
        return snapshots->now_ns;
    }
    if (needless->log >= 2)
        (void)ask(snapshots, WKV_JS_STREAM_PURGE, names->log_stream, wkv_js_purge_request(needless->log),
                  on_purged);
    else
        (void)ask(snapshots, WKV_JS_STREAM_PURGE, names->snap_stream,
                  wkv_js_purge_request(needless->snapshots), on_purged);
    return snapshots->next_ns;
}

/* ---- records ---- */

static void take_claim(struct wkv_snapshots *snapshots, const struct wkv_claim *claim, bool own,
                       bool accepted)
{
    if (accepted && claim->snapshot != snapshots->last_claim) {
        snapshots->last_claim = claim->snapshot;
        snapshots->at_claim = snapshots->since;
        snapshots->claim_log_ns = wkv_replica_now(snapshots->options.replica);
    }
    if (!own || claim->snapshot != snapshots->id || snapshots->state != CLAIMING)
        return;
    enter(snapshots, accepted ? LOOKING : IDLE);
    snapshots->looked = false;
    if (!accepted)
        snapshots->next_ns = snapshots->now_ns + OTHERS_NS;
}

/* What has been applied since then counts from the claim: META came behind it. */
static void take_snapshot(struct wkv_snapshots *snapshots, const struct wkv_manifest *manifest)
{
    if (manifest->snapshot == snapshots->last_claim) {
        snapshots->since.bytes -= snapshots->at_claim.bytes;
        snapshots->since.records -= snapshots->at_claim.records;
        snapshots->since.operations -= snapshots->at_claim.operations;
        snapshots->taken_log_ns = snapshots->claim_log_ns;
    } else {
        snapshots->since = (struct wkv_snapshots_since){.bytes = 0};
        snapshots->taken_log_ns = wkv_replica_now(snapshots->options.replica);
    }
    snapshots->at_claim = (struct wkv_snapshots_since){.bytes = 0};
    snapshots->last_ns = snapshots->now_ns;
    if (manifest->snapshot == snapshots->id && snapshots->state == ANNOUNCING) {
        snapshots->written++;
        begin_purge(snapshots);
    } else
        snapshots->forced = false;
}

void wkv_snapshots_control(struct wkv_snapshots *snapshots, uint64_t position,
                           const struct wkv_record *record, const union wkv_record_body *body, bool accepted)
{
    bool own = snapshots->join != 0 && record->writer >> 8 == snapshots->join;
    (void)position;
    if (record->kind == WKV_RECORD_CLAIM)
        take_claim(snapshots, &body->claim, own, accepted);
    else if (record->kind == WKV_RECORD_SNAPSHOT && accepted)
        take_snapshot(snapshots, &body->snapshot);
}

/* ---- its life ---- */

void wkv_snapshots_begin(struct wkv_snapshots *snapshots, const struct wkv_snapshots_options *options,
                         int64_t now_ns)
{
    *snapshots = (struct wkv_snapshots){.options = *options, .now_ns = now_ns, .last_ns = now_ns};
    if (options->format == 0)
        snapshots->options.format = WKV_RECORD_FORMAT;
    if (wkv_replica_applied(options->replica) > 0)
        snapshots->taken_log_ns = wkv_replica_now(options->replica);
    wkv_upload_init(&snapshots->upload, options->requests, options->names->chunk_subject);
    wkv_fetch_init(&snapshots->fetch, options->requests, options->names->snap_stream, options->domain,
                   rehearse, snapshots);
}

static int64_t tick_ending(struct wkv_snapshots *snapshots)
{
    if (snapshots->pending > 0 || !wkv_upload_is_done(&snapshots->upload) ||
        !wkv_fetch_is_over(&snapshots->fetch))
        return INT64_MAX;
    wkv_fetch_end(&snapshots->fetch);
    enter(snapshots, IDLE);
    snapshots->next_ns = snapshots->now_ns + AFTER_FAILURE_NS;
    return snapshots->next_ns;
}

int64_t wkv_snapshots_tick(struct wkv_snapshots *snapshots, int64_t now_ns)
{
    static int64_t (*const ticks[])(struct wkv_snapshots *) = {
        [IDLE] = tick_idle,       [CLAIMING] = tick_claiming,     [LOOKING] = tick_looking,
        [WRITING] = tick_writing, [REHEARSING] = tick_rehearsing, [MANIFEST] = tick_manifest,
        [WHOSE] = tick_manifest,  [ANNOUNCING] = tick_announcing, [PURGING] = tick_purging,
        [ENDING] = tick_ending,
    };
    snapshots->now_ns = now_ns;
    return ticks[snapshots->state](snapshots);
}

int64_t wkv_snapshots_age_ns(const struct wkv_snapshots *snapshots)
{
    return snapshots->taken_log_ns == 0
               ? -1
               : wkv_replica_now(snapshots->options.replica) - snapshots->taken_log_ns;
}

void wkv_snapshots_end(struct wkv_snapshots *snapshots)
{
    if (snapshots->options.replica == NULL)
        return;
    wkv_replica_end_snapshot(snapshots->options.replica, NULL);
    wkv_upload_end(&snapshots->upload);
    wkv_fetch_end(&snapshots->fetch);
    wkv_buffer_destroy(&snapshots->manifest_bytes);
}
