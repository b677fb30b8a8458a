/* A cluster in one process: three instances that lag, wake up, write snapshots and recover from them, a
 * network that loses, doubles and delays what they append, and a log whose clock goes back and jumps. What
 * was answered as done is there once; what is answered with "nothing was changed" is never; no actor writes
 * where it is not bound; a read sees what was answered before it was asked. And each wrong rule of writers
 * and answers must be seen to be wrong. A failure prints the trace of its token. */
#include <stdarg.h>

#include "codec/codec.h"
#include "replica/flight.h"
#include "replica/log.h"

enum { INSTANCES = 3, TICKS = 400, TOKENS = 1024, ACTORS = 2, REQUESTS = 64, READS = 1024, SNAPSHOTS = 64 };

struct tokens {
    uint64_t bits[TOKENS / 64];
};

static void add(struct tokens *tokens, size_t token)
{
    tokens->bits[token / 64] |= UINT64_C(1) << token % 64;
}

static bool is_within(const struct tokens *some, const struct tokens *all)
{
    for (size_t i = 0; i < TOKENS / 64; i++)
        if ((some->bits[i] & ~all->bits[i]) != 0)
            return false;
    return true;
}

struct request {
    bool write;
    size_t token, actor;
    bool was_bound;
    uint32_t keyspace; /* when it was taken */
    struct tokens must;
};

struct work { /* of a batch */
    struct request requests[REQUESTS];
    size_t count;
};

struct instance {
    struct cluster *cluster;
    size_t number;
    struct wkv_replica *replica;
    struct wkv_replica_events events;
    struct wkv_flight flight;
    uint64_t join;
    struct work todo;
    struct tokens seen;
    int64_t slow;
    struct sim_snapshot writing; /* while its replica has one under way */
};

enum told { NOT_YET, DONE = 200, REFUSED = 403, UNCHANGED = 503, UNKNOWN = 504 };

struct cluster {
    uint64_t rng;
    int64_t tick, clock_s;
    struct sim_log log;
    struct wkv_replica *truth;
    struct wkv_replica_events events;
    struct instance all[INSTANCES];
    struct sent {
        int64_t tick;
        struct wkv_text bytes;
        struct sent *next;
    } * net;
    size_t tokens;
    struct {
        size_t actor;
        unsigned landed;
        uint32_t keyspace;
        enum told told;
    } of[TOKENS];
    struct tokens done, landed;
    struct {
        struct tokens must, seen;
    } reads[READS];
    size_t read_count;
    struct wkv_buffer trace;
    struct sim_snapshot kept[SNAPSHOTS]; /* that are whole */
    size_t kept_count, recovered_by_replay;
    uint64_t snapshot_id;
};

static const char *const actors[ACTORS] = {"MX", "MY"};
static const struct wkv_flight_times times = {.resend_ns = 3, .fence_ns = 14, .give_up_ns = 24};

static size_t below(struct cluster *cluster, size_t limit)
{
    return test_below(&cluster->rng, limit);
}

static bool in_thousand(struct cluster *cluster, size_t many)
{
    return below(cluster, 1000) < many;
}

/* What happened, for whoever has to find out why. */
static void note(struct cluster *cluster, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct cluster *cluster, const char *format, ...)
{
    char line[256];
    int len = snprintf(line, sizeof line, "%4d ", (int)cluster->tick);
    va_list args;
    va_start(args, format);
    len += vsnprintf(line + len, sizeof line - (size_t)len - 1, format, args);
    va_end(args);
    line[len++] = '\n';
    (void)wkv_buffer_append(&cluster->trace, line, (size_t)len);
}

/* ---- the log ---- */

/* Calls see for each request in the record. */
static void each_token(const struct wkv_record *record,
                       void (*see)(void *context, size_t token, uint32_t keyspace), void *context)
{
    struct wkv_bytes bytes = wkv_bytes_in(record->body);
    struct wkv_op op;
    const char *key;
    size_t len;
    for (uint32_t i = 0; i < record->operations; i++) {
        ck_assert(wkv_op_read(&bytes, &op));
        if (op.code == WKV_OP_REQUEST && wkv_peek_text(op.request.data, op.request.len, &key, &len))
            see(context, strtoul(key + 1, NULL, 10), op.keyspace);
    }
}

static void land(void *context, size_t token, uint32_t keyspace)
{
    struct cluster *cluster = context;
    struct wkv_replica_binding binding;
    bool may =
        wkv_replica_find_binding(cluster->truth, test_text(actors[cluster->of[token].actor]), &binding) &&
        binding.keyspace == keyspace;
    cluster->of[token].landed += may ? 1 : 100;
    cluster->of[token].keyspace = keyspace;
    add(&cluster->landed, token);
    note(cluster, "t%zu lands%s", token, may ? "" : " where its actor is not bound");
}

static bool truth_sees(void *context, const struct wkv_replica_batch *batch)
{
    struct cluster *cluster = context;
    if (batch->verdict == WKV_VERDICT_RUN)
        each_token(batch->record, land, cluster);
    return false;
}

static int64_t stamp(struct cluster *cluster)
{
    static const int64_t drifts[] = {0, 0, -2, 3};
    return (cluster->clock_s + drifts[below(cluster, 4)]) * SIM_SECOND;
}

static uint64_t append(struct cluster *cluster, struct wkv_text bytes)
{
    uint64_t position = sim_append(&cluster->log, stamp(cluster), bytes);
    sim_feed_all(cluster->truth, &cluster->log);
    return position;
}

static uint64_t append_join(struct cluster *cluster, const char *name)
{
    uint64_t position = sim_join(&cluster->log, stamp(cluster), name, 1);
    sim_feed_all(cluster->truth, &cluster->log);
    return position;
}

static void append_binding(struct cluster *cluster)
{
    static const char *const spaces[] = {"a", "b"};
    struct sim_ops ops = {.count = 0};
    const char *actor = actors[below(cluster, ACTORS)];
    size_t which = below(cluster, 3);
    uint64_t join = append_join(cluster, "host");
    struct wkv_record record = {
        .writer = wkv_record_writer(join, 0), .number = 1, .floor = 1, .bindings = UINT64_MAX};
    if (which == 2)
        sim_unbind(&ops, 0, actor);
    else
        sim_bind(&ops, 0, actor, spaces[which]);
    (void)sim_append_batch(&cluster->log, stamp(cluster), &record, &ops);
    sim_feed_all(cluster->truth, &cluster->log);
    note(cluster, "%s is bound to %s", actor, which == 2 ? "nothing" : spaces[which]);
}

/* ---- the network ---- */

static void publish(struct cluster *cluster, struct wkv_text bytes)
{
    static const size_t copies[] = {0, 1, 1, 1, 2};
    static const int64_t delays[] = {0, 1, 1, 2, 9, 60};
    for (size_t i = copies[below(cluster, TEST_COUNT_OF(copies))]; i > 0; i--) {
        struct sent *sent = malloc(sizeof *sent);
        char *copy = malloc(bytes.len);
        ck_assert(sent != NULL && copy != NULL);
        memcpy(copy, bytes.data, bytes.len);
        *sent = (struct sent){
            cluster->tick + delays[below(cluster, TEST_COUNT_OF(delays))], {copy, bytes.len}, NULL};
        struct sent **at = &cluster->net;
        while (*at != NULL && (*at)->tick <= sent->tick)
            at = &(*at)->next;
        sent->next = *at;
        *at = sent;
    }
}

static void deliver(struct cluster *cluster, int64_t until)
{
    while (cluster->net != NULL && cluster->net->tick <= until) {
        struct sent *sent = cluster->net;
        cluster->net = sent->next;
        (void)append(cluster, sent->bytes);
        free((char *)(uintptr_t)sent->bytes.data);
        free(sent);
    }
}

/* ---- answers ---- */

static void tell(struct cluster *cluster, const struct request *request, enum told told)
{
    cluster->of[request->token].told = told;
    if (told == DONE)
        add(&cluster->done, request->token);
    note(cluster, "t%zu is told %d", request->token, (int)told);
}

static void answer_read(struct instance *instance, const struct request *request)
{
    struct cluster *cluster = instance->cluster;
    ck_assert_uint_lt(cluster->read_count, READS);
    cluster->reads[cluster->read_count].must = request->must;
    cluster->reads[cluster->read_count++].seen = instance->seen;
}

static void settle(struct instance *instance, struct wkv_flight_batch *batch, enum told told)
{
    struct work *work = batch->work;
    for (size_t i = 0; i < work->count; i++)
        if (work->requests[i].write)
            tell(instance->cluster, &work->requests[i], told);
        else if (told == DONE)
            answer_read(instance, &work->requests[i]);
    free(work);
    wkv_flight_free(batch);
}

static void give_all_up(struct instance *instance)
{
    for (struct wkv_flight_batch *batch; (batch = wkv_flight_take(&instance->flight)) != NULL;)
        settle(instance, batch, UNKNOWN);
}

/* ---- proposing ---- */

static void send(struct instance *instance, struct wkv_flight_batch *batch)
{
    wkv_flight_sent(batch, instance->cluster->tick);
    publish(instance->cluster, (struct wkv_text){batch->bytes.data, batch->bytes.len});
}

/* The bindings are looked at when the batch is sealed, and named in it. */
static void authorize(struct instance *instance, struct work *work, struct sim_ops *ops)
{
    size_t kept = 0;
    for (size_t i = 0; i < work->count; i++) {
        struct request *request = &work->requests[i];
        struct wkv_replica_binding binding;
        if (!wkv_replica_find_binding(instance->replica, test_text(actors[request->actor]), &binding)) {
            tell(instance->cluster, request, REFUSED);
            continue;
        }
        uint32_t keyspace = WKV_WRONG(WKV_POSITION_READ_AT_THE_SEAL) && request->was_bound ? request->keyspace
                                                                                           : binding.keyspace;
        if (request->write)
            sim_request(ops, keyspace, NULL, "Increment", "{\"key\":\"t%zu\",\"delta\":1}", request->token);
        work->requests[kept++] = *request;
    }
    work->count = kept;
}

static void propose(struct instance *instance, struct work *work, const struct wkv_flight_batch *fence)
{
    struct cluster *cluster = instance->cluster;
    struct sim_ops ops = {.count = 0};
    struct wkv_record record = {
        .bindings = wkv_replica_bindings(instance->replica),
        .deadline_ns = below(cluster, 2) == 0 ? 0 : wkv_replica_now(instance->replica) + 15 * SIM_SECOND};
    struct work *kept = malloc(sizeof *kept);
    ck_assert_ptr_nonnull(kept);
    authorize(instance, work, &ops);
    *kept = *work;
    work->count = 0;
    struct wkv_flight_batch *batch = wkv_flight_open(&instance->flight, &record, fence, cluster->tick, kept);
    ck_assert_ptr_nonnull(batch);
    sim_write_batch(&cluster->log, &record, &ops, &batch->bytes);
    note(cluster, "i%zu appends %d of %d, %zu requests, floor %d", instance->number, (int)record.number,
         (int)instance->join, kept->count, (int)record.floor);
    send(instance, batch);
}

/* ---- applying ---- */

static void see_token(void *context, size_t token, uint32_t keyspace)
{
    (void)keyspace;
    add(context, token);
}

static void take_again(struct instance *instance, struct wkv_flight_batch *batch)
{
    struct work *work = batch->work, *todo = &instance->todo;
    ck_assert_uint_le(work->count + todo->count, REQUESTS);
    memmove(todo->requests + work->count, todo->requests, todo->count * sizeof todo->requests[0]);
    memcpy(todo->requests, work->requests, work->count * sizeof todo->requests[0]);
    todo->count += work->count;
    free(work);
    wkv_flight_free(batch);
    if (WKV_WRONG(WKV_NUMBER_LEFT_OPEN))
        propose(instance, todo, NULL);
}

static bool instance_sees(void *context, const struct wkv_replica_batch *applied)
{
    struct instance *instance = context;
    struct wkv_flight_batch *batch;
    if (applied->verdict == WKV_VERDICT_RUN)
        each_token(applied->record, see_token, &instance->seen);
    switch (wkv_flight_settle(&instance->flight, applied, &batch)) {
    case WKV_FLIGHT_GOES_ON:
        break;
    case WKV_FLIGHT_DONE:
        settle(instance, batch, DONE);
        break;
    case WKV_FLIGHT_LATE:
        settle(instance, batch, UNCHANGED);
        break;
    case WKV_FLIGHT_AGAIN:
        take_again(instance, batch);
        break;
    }
    return false;
}

static void join(struct instance *instance)
{
    instance->join = append_join(instance->cluster, "i");
    wkv_flight_begin(&instance->flight, wkv_record_writer(instance->join, 0), &times);
    note(instance->cluster, "i%zu joins at %d", instance->number, (int)instance->join);
}

/* The last that counts, or NULL. */
static const struct sim_snapshot *last_snapshot(const struct cluster *cluster)
{
    uint64_t id = wkv_replica_snapshots(cluster->truth)[0].snapshot;
    for (size_t i = 0; i < cluster->kept_count && id != 0; i++)
        if (cluster->kept[i].manifest.snapshot == id)
            return &cluster->kept[i];
    return NULL;
}

static struct wkv_replica *recovered(struct instance *instance, const struct sim_snapshot *snapshot)
{
    struct cluster *cluster = instance->cluster;
    struct sim_snapshot now = {.count = 0};
    if (snapshot == NULL)
        sim_snapshot_take(cluster->truth, &now, 1);
    struct wkv_replica *replica =
        sim_recover(&cluster->log, snapshot == NULL ? &now : snapshot, &instance->events, 0);
    ck_assert_ptr_nonnull(replica);
    sim_snapshot_free(&now);
    return replica;
}

/* From a snapshot, and the log behind it: what is in flight may be in it, and nothing tells. */
static void recover(struct instance *instance)
{
    struct cluster *cluster = instance->cluster;
    const struct sim_snapshot *snapshot = last_snapshot(cluster);
    if (!WKV_WRONG(WKV_IN_FLIGHT_OVER_A_RECOVERY))
        give_all_up(instance);
    wkv_replica_destroy(instance->replica);
    sim_snapshot_free(&instance->writing);
    instance->replica = recovered(instance, snapshot);
    cluster->recovered_by_replay += snapshot != NULL;
    note(cluster, "i%zu recovers from position %d", instance->number,
         (int)wkv_replica_applied(instance->replica));
    sim_feed_all(instance->replica, &cluster->log);
    instance->seen = cluster->landed;
    ck_assert_uint_eq(sim_state(instance->replica), sim_state(cluster->truth));
}

/* ---- snapshots ---- */

static void append_control(struct instance *instance, enum wkv_record_kind kind,
                           const union wkv_record_body *body)
{
    struct cluster *cluster = instance->cluster;
    struct wkv_record record = {.kind = kind, .writer = wkv_record_writer(instance->join, 0)};
    (void)sim_append_body(&cluster->log, stamp(cluster), &record, body);
    sim_feed_all(cluster->truth, &cluster->log);
}

static void keep_snapshot(struct instance *instance)
{
    struct cluster *cluster = instance->cluster;
    ck_assert_uint_lt(cluster->kept_count, SNAPSHOTS);
    sim_snapshot_end(instance->replica, &instance->writing);
    append_control(instance, WKV_RECORD_SNAPSHOT,
                   &(union wkv_record_body){.snapshot = instance->writing.manifest});
    note(cluster, "i%zu has written the snapshot %d", instance->number,
         (int)instance->writing.manifest.snapshot);
    cluster->kept[cluster->kept_count++] = instance->writing;
    instance->writing = (struct sim_snapshot){.count = 0};
}

/* Whoever has the claim writes a piece each turn. */
static void write_snapshot(struct instance *instance)
{
    struct cluster *cluster = instance->cluster;
    uint64_t id, holder = wkv_replica_claim(instance->replica, &id);
    switch (wkv_replica_snapshot(instance->replica)) {
    case WKV_SNAPSHOT_BEGUN:
        wkv_replica_snapshot_slice(instance->replica, 8);
        break;
    case WKV_SNAPSHOT_WHOLE:
        keep_snapshot(instance);
        break;
    default:
        if (holder == instance->join && instance->replica->parts.all == NULL)
            sim_snapshot_begin(instance->replica, &instance->writing, id);
        else if (holder == 0 && in_thousand(cluster, 50))
            append_control(instance, WKV_RECORD_CLAIM,
                           &(union wkv_record_body){.claim = {++cluster->snapshot_id}});
    }
}

static bool is_gone(const struct instance *instance)
{
    const struct wkv_replica *replica = instance->replica;
    const struct wkv_member *member = wkv_members_find(&replica->members, instance->join);
    return wkv_replica_applied(replica) >= instance->join &&
           (member == NULL || replica->facts.now_ns - member->heard_ns > WKV_MEMBER_IDLE_NS);
}

/* ---- a turn ---- */

static void take_request(struct instance *instance)
{
    struct cluster *cluster = instance->cluster;
    struct wkv_replica_binding binding;
    struct request request = {
        .write = in_thousand(cluster, 700), .token = cluster->tokens++, .actor = below(cluster, ACTORS)};
    ck_assert_uint_lt(request.token, TOKENS);
    cluster->of[request.token].actor = request.actor;
    request.must = cluster->done;
    request.was_bound =
        wkv_replica_find_binding(instance->replica, test_text(actors[request.actor]), &binding);
    request.keyspace = binding.keyspace;
    note(cluster, "i%zu takes t%zu of %s", instance->number, request.token, actors[request.actor]);
    if (!request.write && WKV_WRONG(WKV_READ_WITHOUT_BARRIER))
        answer_read(instance, &request);
    else if (instance->todo.count < REQUESTS / 2)
        instance->todo.requests[instance->todo.count++] = request;
}

/* A refusal that is taken for an answer. */
static void refuse(struct instance *instance, struct wkv_flight_batch *batch)
{
    struct work *work = batch->work;
    for (size_t i = 0; i < work->count; i++)
        if (work->requests[i].write)
            tell(instance->cluster, &work->requests[i], UNCHANGED);
    work->count = 0;
}

static void do_due(struct instance *instance)
{
    struct wkv_flight_batch *batch;
    enum wkv_code code;
    struct work none = {.count = 0};
    for (;;) {
        struct wkv_flight_known known = {.floor =
                                             wkv_replica_floor(instance->replica, instance->flight.writer),
                                         .log_now_ns = wkv_replica_now(instance->replica)};
        switch (wkv_flight_due(&instance->flight, &known, instance->cluster->tick, &batch, &code)) {
        case WKV_FLIGHT_NOTHING:
            return;
        case WKV_FLIGHT_SEND:
            send(instance, batch);
            if (in_thousand(instance->cluster, 100) && wkv_flight_refused(batch))
                refuse(instance, batch);
            break;
        case WKV_FLIGHT_FENCE:
            if (((struct work *)batch->work)->count > 0 && known.floor != 0)
                propose(instance, &none, batch);
            break;
        case WKV_FLIGHT_GIVE_UP:
            settle(instance, batch, code == WKV_UNAVAILABLE ? UNCHANGED : UNKNOWN);
            break;
        }
    }
}

static void turn(struct instance *instance)
{
    struct cluster *cluster = instance->cluster;
    if (in_thousand(cluster, 50))
        instance->slow = cluster->tick + (int64_t)below(cluster, 25);
    if (cluster->tick < instance->slow)
        return;
    bool behind =
        cluster->log.count - wkv_replica_applied(instance->replica) > 12 && in_thousand(cluster, 100);
    if (behind)
        recover(instance);
    while (wkv_replica_applied(instance->replica) < cluster->log.count && in_thousand(cluster, 800))
        ck_assert_int_le(
            sim_feed(instance->replica, &cluster->log, wkv_replica_applied(instance->replica) + 1),
            WKV_FEED_FOREIGN);
    if ((behind && !WKV_WRONG(WKV_IN_FLIGHT_OVER_A_RECOVERY)) || is_gone(instance)) {
        give_all_up(instance);
        join(instance);
    }
    if (cluster->tick < 300 && in_thousand(cluster, 500))
        take_request(instance);
    write_snapshot(instance);
    if (instance->todo.count > 0 && instance->flight.count < 3 &&
        wkv_replica_floor(instance->replica, instance->flight.writer) != 0)
        propose(instance, &instance->todo, NULL);
    do_due(instance);
}

/* ---- a history ---- */

static void begin(struct cluster *cluster, uint64_t seed)
{
    *cluster = (struct cluster){.rng = seed, .clock_s = 1000000};
    sim_log_begin(&cluster->log, test_random(&cluster->rng), cluster->clock_s * SIM_SECOND);
    cluster->events = (struct wkv_replica_events){.batch = truth_sees, .context = cluster};
    cluster->truth = sim_replica(&cluster->events, 0);
    sim_feed_all(cluster->truth, &cluster->log);
    for (size_t i = 0; i < INSTANCES; i++) {
        struct instance *instance = &cluster->all[i];
        instance->cluster = cluster;
        instance->number = i;
        instance->events = (struct wkv_replica_events){.batch = instance_sees, .context = instance};
        instance->replica = sim_replica(&instance->events, 0);
        join(instance);
    }
}

static void finish(struct cluster *cluster)
{
    for (size_t i = 0; i < INSTANCES; i++) {
        struct wkv_flight_batch *batch;
        while ((batch = wkv_flight_take(&cluster->all[i].flight)) != NULL) {
            free(batch->work);
            wkv_flight_free(batch);
        }
        wkv_replica_destroy(cluster->all[i].replica);
        sim_snapshot_free(&cluster->all[i].writing);
    }
    for (size_t i = 0; i < cluster->kept_count; i++)
        sim_snapshot_free(&cluster->kept[i]);
    wkv_replica_destroy(cluster->truth);
    wkv_buffer_destroy(&cluster->trace);
    sim_log_end(&cluster->log);
}

static bool copy_text(void *to, struct wkv_text text)
{
    (void)snprintf(to, 16, "%.*s", (int)text.len, text.data);
    return false;
}

/* Whether the store says so, too. */
static bool is_counted_once(struct cluster *cluster, size_t token)
{
    char name[32], value[16] = "";
    (void)snprintf(name, sizeof name, "t%zu", token);
    (void)wkv_store_get(wkv_replica_store(cluster->truth),
                        (struct wkv_key){cluster->of[token].keyspace, test_text(name)}, 0, copy_text, value);
    return strcmp(value, "1") == 0;
}

static bool token_is_fine(struct cluster *cluster, size_t token)
{
    unsigned landed = cluster->of[token].landed;
    switch (cluster->of[token].told) {
    case DONE:
        return landed == 1 && is_counted_once(cluster, token);
    case UNKNOWN:
    case NOT_YET:
        return landed < 2;
    default:
        return landed == 0;
    }
}

/* The first token that is wrong, SIZE_MAX where none is; a read's is said to be TOKENS. */
static size_t judge(struct cluster *cluster)
{
    for (size_t token = 0; token < cluster->tokens; token++)
        if (!token_is_fine(cluster, token))
            return token;
    for (size_t i = 0; i < cluster->read_count; i++)
        if (!is_within(&cluster->reads[i].must, &cluster->reads[i].seen))
            return TOKENS;
    return SIZE_MAX;
}

struct counts {
    size_t done, refused, unchanged, unknown, reads, replays;
};

static void count_answers(const struct cluster *cluster, struct counts *counts)
{
    counts->reads += cluster->read_count;
    counts->replays += cluster->recovered_by_replay;
    for (size_t token = 0; token < cluster->tokens; token++) {
        enum told told = cluster->of[token].told;
        counts->done += told == DONE;
        counts->refused += told == REFUSED;
        counts->unchanged += told == UNCHANGED;
        counts->unknown += told == UNKNOWN;
    }
}

static bool is_right(uint64_t seed, bool explain, struct counts *counts)
{
    struct cluster *cluster = malloc(sizeof *cluster);
    ck_assert_ptr_nonnull(cluster);
    begin(cluster, seed);
    for (cluster->tick = 0; cluster->tick < TICKS; cluster->tick++) {
        cluster->clock_s += in_thousand(cluster, 4) ? 700 : 1;
        deliver(cluster, cluster->tick);
        if (in_thousand(cluster, 60) || cluster->tick == 0)
            append_binding(cluster);
        for (size_t i = 0; i < INSTANCES; i++)
            turn(&cluster->all[i]);
    }
    deliver(cluster, INT64_MAX);
    size_t wrong = judge(cluster);
    if (wrong != SIZE_MAX && explain)
        printf("history %d, token %zu is wrong:\n%.*s\n", (int)seed, wrong, (int)cluster->trace.len,
               cluster->trace.data);
    count_answers(cluster, counts);
    finish(cluster);
    free(cluster);
    return wrong == SIZE_MAX;
}

START_TEST(what_is_answered_is_so)
{
    struct counts counts = {.done = 0};
    for (uint64_t seed = 0; seed < test_scaled_from(40, 400); seed++)
        ck_assert_msg(is_right(seed, true, &counts), "see the trace above");
    printf("done %zu, refused %zu, unchanged %zu, unknown %zu, reads %zu, replays %zu\n", counts.done,
           counts.refused, counts.unchanged, counts.unknown, counts.reads, counts.replays);
    ck_assert_uint_gt(counts.done, counts.unchanged + counts.unknown);
    ck_assert(counts.refused > 0 && counts.unchanged > 0 && counts.unknown > 0 && counts.reads > 0 &&
              counts.replays > 0);
}
END_TEST

static const struct {
    enum wkv_wrong_rule rule;
    const char *name;
} wrong[] = {{WKV_NUMBER_LEFT_OPEN, "a void batch is taken again under its number"},
             {WKV_UNKNOWN_WRITER_IS_NEW, "a writer that is not known is new"},
             {WKV_IN_FLIGHT_OVER_A_RECOVERY, "what is in flight is kept over a recovery"},
             {WKV_ALWAYS_SURE, "what did not come in time has changed nothing"},
             {WKV_REFUSAL_OF_A_RETRY, "the refusal of a try is an answer"},
             {WKV_BINDINGS_NOT_NAMED, "batches do not name their bindings"},
             {WKV_POSITION_READ_AT_THE_SEAL, "the bindings are named that are not those it was taken under"},
             {WKV_READ_WITHOUT_BARRIER, "a read waits for nothing"}};

START_TEST(a_wrong_rule_is_seen)
{
    struct counts counts = {.done = 0};
    wkv_wrong_rule = wrong[_i].rule;
    size_t tried = 1;
    while (tried < 2000 && is_right(tried, false, &counts))
        tried++;
    wkv_wrong_rule = WKV_RIGHT;
    printf("%s: wrong in history %zu\n", wrong[_i].name, tried);
    ck_assert_msg(tried < 2000, "%s, and no history shows that", wrong[_i].name);
}
END_TEST

Suite *answers_suite(void)
{
    Suite *suite = suite_create("replica/answers");
    TCase *right = tcase_create("right"), *rules = tcase_create("wrong");
    tcase_set_timeout(right, 300);
    tcase_set_timeout(rules, 300);
    tcase_add_test(right, what_is_answered_is_so);
    tcase_add_loop_test(rules, a_wrong_rule_is_seen, 0, TEST_COUNT_OF(wrong));
    suite_add_tcase(suite, right);
    suite_add_tcase(suite, rules);
    return suite;
}
