/* From a connection to READY: the streams, the state that the log has come to, JOIN. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "journal/parts.h"
#include "support/text.h"

/* The stream of snapshots holds so much beside two of all that the budget allows, and one being written; or,
 * without a budget, of what the log may hold. */
#define SNAPSHOTS_MARGIN (UINT64_C(1) << 30)
#define SNAPSHOTS_KEPT UINT64_C(3)
#define SNAPSHOTS_OF_LOG UINT64_C(2)
/* "JOIN": asked again until it has come. */
#define JOIN_AGAIN_NS (300 * WKV_NS_PER_MS)
/* "Progress is logged each second". */
#define TELL_NS WKV_NS_PER_S
/* A consumer that has sent nothing for so long, though the log goes on. */
#define STUCK_NS WKV_NS_PER_S

/* ---- the log's first record ---- */

static bool write_first(struct wkv_journal *journal)
{
    struct wkv_genesis genesis = {.shards = journal->options.shards == 0 ? WKV_STORE_DEFAULT_SHARDS
                                                                         : journal->options.shards,
                                  .format = WKV_RECORD_FIRST_FORMAT,
                                  .binding = wkv_text_from(journal->options.address->binding),
                                  .space = wkv_text_from(journal->options.address->lattice_namespace)};
    union wkv_record_body body;
    uint64_t log_id;
    do
        randombytes_buf(&log_id, sizeof log_id);
    while (log_id == 0);
    randombytes_buf(genesis.hash_seed, sizeof genesis.hash_seed);
    body.genesis = genesis;
    const struct wkv_record_key key = wkv_record_key_of(log_id);
    const struct wkv_record record = {.kind = WKV_RECORD_GENESIS};
    return wkv_record_write_body(&record, &body, &key, &journal->first);
}

/* Whether the log is that of this binding: its stream is found by a name that could, by chance, be another's.
 */
static bool is_ours(struct wkv_journal *journal)
{
    struct wkv_genesis genesis;
    return !wkv_replica_genesis(journal->replica, &genesis) ||
           (wkv_text_is(genesis.binding, journal->options.address->binding) &&
            wkv_text_is(genesis.space, journal->options.address->lattice_namespace));
}

/* ---- opening ---- */

static void append_for_snapshots(void *journal, enum wkv_record_kind kind, const union wkv_record_body *body)
{
    wkv_journal_append(journal, kind, body);
}

/* ---- what a snapshot had, which comes as no event ---- */

struct names {
    struct wkv_text *all; /* by number; owned, texts too */
    size_t count;
    bool failed;
};

static bool see_name(void *context, struct wkv_text name, uint32_t number)
{
    struct names *names = context;
    if (number >= names->count) {
        size_t count = (size_t)number + 64;
        struct wkv_text *grown = realloc(names->all, count * sizeof *grown);
        names->failed = grown == NULL;
        if (names->failed)
            return false;
        memset(grown + names->count, 0, (count - names->count) * sizeof *grown);
        names->all = grown;
        names->count = count;
    }
    char *copy = malloc(name.len + 1);
    names->failed = copy == NULL;
    if (copy != NULL)
        names->all[number] = (struct wkv_text){memcpy(copy, name.data, name.len), name.len};
    return copy != NULL;
}

static bool show_keyspaces(struct wkv_journal *journal)
{
    struct names names = {.all = NULL};
    bool shown = wkv_replica_each_keyspace(journal->replica, see_name, &names) && !names.failed;
    for (size_t i = 0; i < names.count; i++) {
        if (names.all[i].data != NULL)
            shown = shown && wkv_bindings_put_keyspace(journal->options.bindings, names.all[i], (uint32_t)i);
        free((char *)(uintptr_t)names.all[i].data);
    }
    free(names.all);
    return shown;
}

static bool see_binding(void *journal, const struct wkv_replica_binding *binding)
{
    ((struct wkv_journal *)journal)->events.binding(journal, binding);
    return true;
}

/* ---- reading ---- */

static void begin_reading(struct wkv_journal *journal, int64_t now_ns)
{
    const struct wkv_snapshots_options options = {.requests = &journal->requests,
                                                  .names = &journal->names,
                                                  .domain = journal->options.domain,
                                                  .replica = journal->replica,
                                                  .log = journal->options.log,
                                                  .every_ns = journal->options.snapshot_every_ns,
                                                  .log_max_bytes = journal->options.log_max_bytes,
                                                  .append = append_for_snapshots,
                                                  .context = journal};
    wkv_snapshots_begin(&journal->snapshots, &options, now_ns);
    journal->applied_ns = now_ns;
    wkv_journal_read_on(journal, now_ns);
    wkv_js_reader_connected(&journal->reader, now_ns);
}

static void on_restored(void *context, enum wkv_restored how, struct wkv_replica *replica, const char *text)
{
    struct wkv_journal *journal = context;
    int64_t now_ns = wkv_monotonic_ns();
    journal->replica = replica;
    switch (how) {
    case WKV_RESTORED:
        wkv_log_info(journal->options.log, "%s", text);
        wkv_journal_take_key(journal);
        wkv_journal_show(journal);
        if (!show_keyspaces(journal) || !wkv_replica_each_binding(replica, see_binding, journal)) {
            wkv_journal_fail(journal, WKV_JOURNAL_LOST, "no memory for what the snapshot has");
            return;
        }
        break;
    case WKV_RESTORED_NOTHING:
        journal->replica = wkv_replica_create(&journal->replica_options);
        if (journal->replica == NULL) {
            wkv_journal_fail(journal, WKV_JOURNAL_LOST, "no memory to begin with");
            return;
        }
        break;
    case WKV_RESTORED_NEWER:
    case WKV_RESTORED_LOST:
        wkv_journal_fail(journal, WKV_JOURNAL_LOST, "%s", text);
        return;
    }
    begin_reading(journal, now_ns);
}

static void begin_restoring(struct wkv_journal *journal, const struct wkv_js_opened *opened, int64_t now_ns)
{
    journal->replica_options = (struct wkv_replica_options){
        .events = &journal->events, .advised_bytes = journal->options.max_memory_bytes};
    const struct wkv_restore_options options = {.requests = &journal->requests,
                                                .names = &journal->names,
                                                .domain = journal->options.domain,
                                                .replica = &journal->replica_options,
                                                .log = journal->options.log,
                                                .log_first = opened->log.first,
                                                .done = on_restored,
                                                .context = journal};
    journal->told_ns[WKV_TOLD_PROGRESS] = now_ns; /* what takes less than a second is not told */
    wkv_journal_move(journal, WKV_JOURNAL_RECOVERING);
    wkv_restore_begin(&journal->restore, &options, now_ns);
}

static void on_opened(void *context, const struct wkv_js_opened *opened, const struct wkv_error *error)
{
    struct wkv_journal *journal = context;
    int64_t now_ns = wkv_monotonic_ns();
    if (error->code != WKV_OK) {
        wkv_journal_fail(journal, WKV_JOURNAL_UNUSABLE, "%s", error->text);
        return;
    }
    atomic_store(&journal->target, opened->log.last);
    journal->figures.stream_bytes = opened->log.bytes;
    wkv_log_info(journal->options.log, "%s the log %s: %" PRIu64 " message%s, %u replica%s",
                 opened->began ? "began" : "found", journal->names.log_stream, opened->log.messages,
                 wkv_plural(opened->log.messages), opened->log.replicas, wkv_plural(opened->log.replicas));
    /* What decides over it only the system account may ask for. */
    wkv_log_info(journal->options.log,
                 "what is answered outlives a loss of power where the NATS servers have "
                 "sync_interval: always, which cannot be seen from here");
    begin_restoring(journal, opened, now_ns);
}

static int64_t snapshots_bytes(const struct wkv_journal_options *options)
{
    uint64_t bytes;
    bool bounded = options->max_memory_bytes > 0;
    bool fits = !__builtin_mul_overflow(bounded ? options->max_memory_bytes : options->log_max_bytes,
                                        bounded ? SNAPSHOTS_KEPT : SNAPSHOTS_OF_LOG, &bytes) &&
                !__builtin_add_overflow(bytes, bounded ? SNAPSHOTS_MARGIN : 0, &bytes);
    return fits && bytes <= INT64_MAX ? (int64_t)bytes : INT64_MAX;
}

static void begin_opening(struct wkv_journal *journal, int64_t now_ns)
{
    if (journal->first.len == 0 && !write_first(journal)) {
        wkv_journal_fail(journal, WKV_JOURNAL_UNUSABLE, "no memory to begin with");
        return;
    }
    const struct wkv_js_opening_options options = {.names = &journal->names,
                                                   .domain = journal->options.domain,
                                                   .replicas = journal->options.replicas,
                                                   .log_max_bytes = (int64_t)journal->options.log_max_bytes,
                                                   .snap_max_bytes = snapshots_bytes(&journal->options),
                                                   .first = {journal->first.data, journal->first.len}};
    wkv_journal_move(journal, WKV_JOURNAL_OPENING);
    wkv_js_open(&journal->opening, &options, &journal->requests, now_ns, on_opened, journal);
}

/* ---- a connection ---- */

void wkv_journal_connected(struct wkv_journal *journal, int64_t now_ns)
{
    wkv_js_requests_lost(&journal->requests);
    wkv_js_reader_lost(&journal->reader);
    if (wkv_journal_at(journal) == WKV_JOURNAL_CONNECTING)
        begin_opening(journal, now_ns);
    else if (journal->replica != NULL && wkv_journal_at(journal) <= WKV_JOURNAL_READY)
        wkv_js_reader_connected(&journal->reader, now_ns);
}

/* ---- turns until READY ---- */

static void tell_progress(struct wkv_journal *journal, const char *what, int64_t now_ns)
{
    if (wkv_journal_may_tell(journal, WKV_TOLD_PROGRESS, TELL_NS, now_ns))
        wkv_log_info(journal->options.log, "%s", what);
}

static void tell_recovery(struct wkv_journal *journal, int64_t now_ns)
{
    char text[128];
    uint64_t applied = wkv_replica_applied(journal->replica);
    (void)snprintf(text, sizeof text, "recovering: %u%%, message %" PRIu64 " of %" PRIu64,
                   wkv_journal_recovered_percent(journal), applied, atomic_load(&journal->target));
    tell_progress(journal, text, now_ns);
}

static void join(struct wkv_journal *journal, int64_t now_ns)
{
    union wkv_record_body body = {.join = {.instance = wkv_text_from(journal->options.instance),
                                           .version = wkv_text_from(journal->options.version),
                                           .workers = 1,
                                           .least = WKV_RECORD_FIRST_FORMAT,
                                           .most = WKV_RECORD_FORMAT}};
    if (now_ns - journal->joined_ns < JOIN_AGAIN_NS)
        return;
    journal->joined_ns = now_ns;
    wkv_journal_append(journal, WKV_RECORD_JOIN, &body);
}

/* A server that was away may lead the consumer while its own copy of the log is still short: it heartbeats,
 * and does not notice when the rest has come (seen with 2.9.10). Nobody appends as long as all are
 * recovering, so nothing wakes it. */
static void leave_stuck_consumer(struct wkv_journal *journal, int64_t now_ns)
{
    const struct wkv_js_reader *reader = &journal->reader;
    int64_t since_ns = journal->applied_ns > reader->asked_ns ? journal->applied_ns : reader->asked_ns;
    if (reader->state == WKV_JS_FOLLOWING && now_ns - since_ns >= STUCK_NS)
        wkv_js_reader_renew(&journal->reader, now_ns);
}

static int64_t replay(struct wkv_journal *journal, int64_t now_ns)
{
    if (journal->replica == NULL) {
        int64_t next_ns = wkv_restore_tick(&journal->restore, now_ns);
        atomic_store(&journal->restored_permille, wkv_restore_permille(&journal->restore));
        tell_progress(journal, "recovering: the snapshot is read", now_ns);
        return next_ns < now_ns + TELL_NS ? next_ns : now_ns + TELL_NS;
    }
    if (!is_ours(journal)) {
        wkv_journal_fail(journal, WKV_JOURNAL_UNUSABLE, "the log %s is that of another binding or namespace",
                         journal->names.log_stream);
        return INT64_MAX;
    }
    if (wkv_replica_applied(journal->replica) >= atomic_load(&journal->target)) {
        wkv_journal_move(journal, WKV_JOURNAL_JOINING);
    } else {
        tell_recovery(journal, now_ns);
        leave_stuck_consumer(journal, now_ns);
    }
    return now_ns + TELL_NS;
}

static int64_t await_join(struct wkv_journal *journal, int64_t now_ns)
{
    if (journal->join == 0) {
        join(journal, now_ns);
        return journal->joined_ns + JOIN_AGAIN_NS;
    }
    journal->served = true;
    wkv_journal_move(journal, WKV_JOURNAL_READY);
    return now_ns;
}

int64_t wkv_journal_recover(struct wkv_journal *journal, int64_t now_ns)
{
    switch (wkv_journal_at(journal)) {
    case WKV_JOURNAL_OPENING:
        if (journal->opening.waits_for[0] != '\0')
            tell_progress(journal, journal->opening.waits_for, now_ns);
        return wkv_js_opening_tick(&journal->opening, now_ns);
    case WKV_JOURNAL_RECOVERING:
        return replay(journal, now_ns);
    case WKV_JOURNAL_JOINING:
        return await_join(journal, now_ns);
    default:
        return INT64_MAX;
    }
}
