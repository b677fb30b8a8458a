#include "journal/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jetstream/api.h"
#include "nats/inbox.h"
#include "support/clock.h"

#define WAIT_NS (60 * WKV_NS_PER_S)

int64_t world_now(const struct world *world)
{
    return wkv_monotonic_ns() + world->skew_ns;
}

/* ---- the server ---- */

void world_ask(struct world *world, const char *call, const char *stream, const char *request)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    natsMsg *reply = NULL;
    (void)snprintf(subject, sizeof subject, "$JS.API.%s.%s", call, stream);
    ck_assert_int_eq(natsConnection_RequestString(&reply, world->connection, subject, request, 10000),
                     NATS_OK);
    ck_assert_msg(strstr(natsMsg_GetData(reply), "\"error\"") == NULL, "%s", natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
}

static void make_stream(struct world *world, const struct wkv_js_stream *stream)
{
    char *request = wkv_js_stream_request(stream);
    char *denied = strstr(request, "\"deny_delete\":true");
    ck_assert_ptr_nonnull(denied);
    memcpy(denied, "\"deny_delete\":null", strlen("\"deny_delete\":null")); /* tests do take messages out */
    world_ask(world, "STREAM.CREATE", stream->name, request);
    free(request);
}

void world_begin(struct world *world, int64_t snap_bytes)
{
    static const struct wkv_address address = {NULL, "default"};
    char config[256];
    *world = (struct world){.time_ns = 1000000 * SIM_SECOND};
    (void)snprintf(world->store, sizeof world->store, "/tmp/wkv-world-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(world->store));
    (void)snprintf(config, sizeof config, "jetstream { store_dir: \"%s\" }\n", world->store);
    nats_server_start(&world->server, config);
    ck_assert_int_eq(natsConnection_ConnectTo(&world->connection, world->server.url), NATS_OK);
    wkv_js_names_make(&address, &world->names);
    make_stream(world, &(struct wkv_js_stream){
                           .name = world->names.snap_stream,
                           .subjects = {world->names.chunk_subject, world->names.manifest_subject},
                           .replicas = 1,
                           .max_bytes = snap_bytes == 0 ? -1 : snap_bytes});
    make_stream(world, &(struct wkv_js_stream){.name = world->names.log_stream,
                                               .subjects = {world->names.log_subject},
                                               .replicas = 1,
                                               .max_bytes = -1});
    world->log_fd = memfd_create("log", 0);
    wkv_log_init(&world->quiet, world->log_fd, WKV_LOG_DEBUG, WKV_LOG_TEXT);
    sim_log_begin(&world->log, 7, world->time_ns);
    ck_assert_int_eq(natsConnection_Publish(world->connection, world->names.log_subject,
                                            world->log.all[0].bytes.data, (int)world->log.all[0].bytes.len),
                     NATS_OK);
}

static void remove_tree(const char *path)
{
    const char *const argv[] = {"rm", "-rf", path, NULL};
    struct process process = {.pid = 0};
    ck_assert_int_eq(process_run(&process, argv, NULL, NULL), 0);
    process_destroy(&process);
}

void world_end(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        struct instance *instance = &world->instances[i];
        wkv_js_requests_destroy(&instance->requests);
        wkv_snapshots_end(&instance->snapshots);
        wkv_replica_destroy(instance->replica);
        natsSubscription_Destroy(instance->subscription);
        for (size_t j = 0; j < instance->append_count; j++)
            wkv_buffer_destroy(&instance->appends[j]);
    }
    natsConnection_Destroy(world->connection);
    nats_Close();
    nats_server_kill(&world->server);
    sim_log_end(&world->log);
    (void)close(world->log_fd);
    remove_tree(world->store);
}

bool world_said(struct world *world, const char *text)
{
    char said[65536];
    ssize_t len = pread(world->log_fd, said, sizeof said - 1, 0);
    ck_assert_int_ge(len, 0);
    said[len] = '\0';
    return strstr(said, text) != NULL;
}

/* ---- the log ---- */

void world_feed(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        struct instance *instance = &world->instances[i];
        while (!instance->away && wkv_replica_applied(instance->replica) < world->log.count) {
            uint64_t position = wkv_replica_applied(instance->replica) + 1;
            ck_assert_int_eq(sim_feed(instance->replica, &world->log, position), WKV_FEED_APPLIED);
            wkv_snapshots_count(&instance->snapshots, sim_message(&world->log, position).len);
        }
    }
}

void world_append(struct world *world, struct wkv_text bytes)
{
    uint64_t position = sim_append(&world->log, world->time_ns, bytes);
    ck_assert_int_eq(
        natsConnection_Publish(world->connection, world->names.log_subject, bytes.data, (int)bytes.len),
        NATS_OK);
    (void)position;
    world_feed(world);
}

static void sign(const struct instance *instance, struct wkv_record *record)
{
    record->writer = wkv_record_writer(instance->join, 0);
    record->format = wkv_replica_format(instance->replica);
    record->seen = wkv_replica_applied(instance->replica);
    (void)wkv_replica_chain(instance->replica, record->seen, &record->chain);
}

static void append_body(struct instance *instance, enum wkv_record_kind kind,
                        const union wkv_record_body *body)
{
    struct wkv_record record = {.kind = kind};
    struct wkv_buffer bytes = {.data = NULL};
    sign(instance, &record);
    ck_assert(wkv_record_write_body(&record, body, &instance->world->log.key, &bytes));
    world_append(instance->world, (struct wkv_text){bytes.data, bytes.len});
    wkv_buffer_destroy(&bytes);
}

void world_beat(struct instance *instance, uint8_t most)
{
    append_body(instance, WKV_RECORD_BEAT, &(union wkv_record_body){.beat = {.least = 1, .most = most}});
}

void world_wait(struct instance *instance, int64_t ns)
{
    instance->world->time_ns += ns;
    world_beat(instance, 1);
}

void world_write(struct instance *instance, const char *prefix, int first, int count, bool group)
{
    struct world *world = instance->world;
    struct sim_ops ops = {.count = 0};
    struct wkv_buffer bytes = {.data = NULL};
    struct wkv_record record = {.number = ++instance->number, .bindings = UINT64_MAX};
    for (int i = first; i < first + count; i++)
        sim_request(&ops, 0, NULL, "Set", "{\"key\":\"%s%d\",\"value\":\"value %d of %d\"}", prefix, i, i,
                    (int)instance->number);
    if (group)
        sim_request(&ops, 0, NULL, "Batch",
                    "{\"atomic\":true,\"requests\":[{\"increment\":{\"key\":\"one\",\"delta\":1}},"
                    "{\"increment\":{\"key\":\"%d\",\"delta\":1}}]}",
                    first);
    sign(instance, &record);
    record.floor = record.number;
    sim_write_batch(&world->log, &record, &ops, &bytes);
    world->time_ns += 1000;
    world_append(world, (struct wkv_text){bytes.data, bytes.len});
    wkv_buffer_destroy(&bytes);
}

/* ---- instances ---- */

static void send_message(struct instance *instance, const struct wkv_js_outgoing *outgoing)
{
    natsMsg *message = NULL;
    ck_assert_int_eq(natsMsg_Create(&message, outgoing->subject, outgoing->reply, outgoing->bytes.data,
                                    (int)outgoing->bytes.len),
                     NATS_OK);
    if (outgoing->header != NULL)
        ck_assert_int_eq(natsMsgHeader_Set(message, outgoing->header, outgoing->value), NATS_OK);
    ck_assert_int_eq(natsConnection_PublishMsg(instance->world->connection, message), NATS_OK);
    natsMsg_Destroy(message);
}

static void send_damaged(struct instance *instance, const struct wkv_js_outgoing *outgoing)
{
    struct wkv_js_outgoing damaged = *outgoing;
    char *bytes = malloc(outgoing->bytes.len);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, outgoing->bytes.data, outgoing->bytes.len);
    bytes[outgoing->bytes.len / 2] ^= 4;
    damaged.bytes.data = bytes;
    send_message(instance, &damaged);
    free(bytes);
}

static void on_send(void *context, const struct wkv_js_outgoing *outgoing)
{
    struct instance *instance = context;
    enum fate fate = SENT;
    if (strncmp(outgoing->subject, "$JS.", 4) != 0 && instance->fate != NULL)
        fate = instance->fate(instance, ++instance->sent);
    if (fate == DAMAGED)
        send_damaged(instance, outgoing);
    else if (fate == SENT)
        send_message(instance, outgoing);
}

/* It comes back to the instance after its turn. */
static void on_append(void *context, enum wkv_record_kind kind, const union wkv_record_body *body)
{
    struct instance *instance = context;
    struct wkv_record record = {.kind = kind};
    ck_assert_uint_lt(instance->append_count, TEST_COUNT_OF(instance->appends));
    struct wkv_buffer *bytes = &instance->appends[instance->append_count++];
    *bytes = (struct wkv_buffer){.data = NULL};
    sign(instance, &record);
    ck_assert(wkv_record_write_body(&record, body, &instance->world->log.key, bytes));
}

static bool on_batch(void *context, const struct wkv_replica_batch *batch)
{
    struct instance *instance = context;
    ck_assert_int_eq(batch->verdict, WKV_VERDICT_RUN);
    wkv_snapshots_count_operations(&instance->snapshots, batch->record->operations);
    return false;
}

static void on_control(void *context, uint64_t position, const struct wkv_record *record,
                       const union wkv_record_body *body, bool accepted)
{
    struct instance *instance = context;
    if (record->kind == WKV_RECORD_JOIN && wkv_text_is(body->join.instance, instance->name)) {
        instance->join = position;
        wkv_snapshots_join(&instance->snapshots, position);
    }
    wkv_snapshots_control(&instance->snapshots, position, record, body, accepted);
}

struct instance *world_add(struct world *world, const char *name, const struct wkv_snapshots_options *options)
{
    struct instance *instance = &world->instances[world->count];
    struct wkv_snapshots_options all =
        options == NULL ? (struct wkv_snapshots_options){.requests = NULL} : *options;
    char subject[WKV_SUBJECT_BYTES + 2];
    *instance = (struct instance){.world = world, .name = name};
    ck_assert_int_eq(wkv_make_inbox(NULL, instance->inbox), NATS_OK);
    (void)snprintf(subject, sizeof subject, "%s.*", instance->inbox);
    ck_assert_int_eq(natsConnection_SubscribeSync(&instance->subscription, world->connection, subject),
                     NATS_OK);
    wkv_js_requests_init(&instance->requests, instance->inbox, on_send, instance);
    instance->events =
        (struct wkv_replica_events){.batch = on_batch, .control = on_control, .context = instance};
    instance->replica = sim_replica(&instance->events, 0);
    all.requests = &instance->requests;
    all.names = &world->names;
    all.replica = instance->replica;
    all.log = &world->quiet;
    all.append = on_append;
    all.context = instance;
    wkv_snapshots_begin(&instance->snapshots, &all, world_now(world));
    world->count++;
    world_feed(world);
    const struct wkv_record record = {.kind = WKV_RECORD_JOIN};
    const union wkv_record_body body = {
        .join = {
            .instance = test_text(name), .version = test_text("1"), .workers = 1, .least = 1, .most = 2}};
    struct wkv_buffer bytes = {.data = NULL};
    ck_assert(wkv_record_write_body(&record, &body, &world->log.key, &bytes));
    world_append(world, (struct wkv_text){bytes.data, bytes.len});
    wkv_buffer_destroy(&bytes);
    ck_assert_uint_ne(instance->join, 0);
    return instance;
}

/* ---- turns ---- */

static void take_answers(struct world *world, natsSubscription *subscription,
                         struct wkv_js_requests *requests)
{
    natsMsg *message = NULL;
    for (int64_t wait_ms = 1; natsSubscription_NextMsg(&message, subscription, wait_ms) == NATS_OK;
         wait_ms = 0) {
        struct wkv_js_incoming incoming;
        wkv_js_incoming_of(message, &incoming);
        ck_assert(wkv_js_requests_take(requests, &incoming));
        natsMsg_Destroy(message);
    }
    (void)wkv_js_requests_tick(requests, world_now(world));
}

static void append_all(struct instance *instance)
{
    for (size_t i = 0; i < instance->append_count; i++) {
        world_append(instance->world, (struct wkv_text){instance->appends[i].data, instance->appends[i].len});
        wkv_buffer_destroy(&instance->appends[i]);
    }
    instance->append_count = 0;
}

void world_turn(struct instance *instance)
{
    struct world *world = instance->world;
    take_answers(world, instance->subscription, &instance->requests);
    int64_t now_ns = world_now(world);
    int64_t due_ns = wkv_snapshots_tick(&instance->snapshots, now_ns);
    for (int i = 0; i < 100 && due_ns <= now_ns; i++)
        due_ns = wkv_snapshots_tick(&instance->snapshots, now_ns);
    ck_assert_int_gt(due_ns, now_ns);
    append_all(instance);
}

void world_until(struct instance *instance, uint64_t written, uint64_t given_up)
{
    const struct wkv_snapshots *snapshots = &instance->snapshots;
    int64_t end_ns = wkv_monotonic_ns() + WAIT_NS;
    while (snapshots->written < written || snapshots->given_up < given_up) {
        world_turn(instance);
        ck_assert_msg(wkv_monotonic_ns() < end_ns, "%s: state %u: %s", instance->name, snapshots->state,
                      snapshots->why);
    }
}

/* With what is purged behind it. */
void world_snapshot(struct instance *instance)
{
    int64_t end_ns = wkv_monotonic_ns() + WAIT_NS;
    instance->world->skew_ns += 60 * WKV_NS_PER_S; /* it looks now */
    wkv_snapshots_count(&instance->snapshots, (size_t)65 << 20);
    world_until(instance, instance->snapshots.written + 1, 0);
    while (instance->snapshots.state != 0 && wkv_monotonic_ns() < end_ns)
        world_turn(instance);
}

struct wkv_js_stream_state world_stream(struct world *world, bool log)
{
    const struct wkv_js_stream ours = {
        .name = log ? world->names.log_stream : world->names.snap_stream,
        .subjects = {log ? world->names.log_subject : world->names.chunk_subject,
                     log ? NULL : world->names.manifest_subject}};
    struct wkv_js_stream_state state;
    struct wkv_js_refusal refusal;
    char subject[WKV_JS_SUBJECT_BYTES];
    natsMsg *reply = NULL;
    (void)snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", ours.name);
    ck_assert_int_eq(natsConnection_RequestString(&reply, world->connection, subject, "", 10000), NATS_OK);
    ck_assert_int_eq(
        wkv_js_read_stream((struct wkv_text){natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)},
                           &ours, &state, &refusal),
        WKV_JS_DONE);
    natsMsg_Destroy(reply);
    return state;
}

/* ---- restoring ---- */

struct restored {
    bool is_over;
    enum wkv_restored how;
    struct wkv_replica *replica;
    char text[512];
};

static void on_restored(void *context, enum wkv_restored how, struct wkv_replica *replica, const char *text)
{
    struct restored *restored = context;
    ck_assert(!restored->is_over);
    restored->is_over = true;
    restored->how = how;
    restored->replica = replica;
    (void)snprintf(restored->text, sizeof restored->text, "%s", text);
}

static void on_plain_send(void *context, const struct wkv_js_outgoing *outgoing)
{
    struct instance sender = {.world = context};
    send_message(&sender, outgoing);
}

enum wkv_restored world_restore(struct world *world, struct wkv_replica **replica, char text[512])
{
    char inbox[WKV_SUBJECT_BYTES], subject[WKV_SUBJECT_BYTES + 2];
    struct wkv_js_requests requests;
    natsSubscription *subscription = NULL;
    struct restored restored = {.is_over = false};
    struct wkv_restore restore;
    const struct wkv_replica_options plain = {.blocks = WKV_STORE_BLOCKS_MALLOC};
    const struct wkv_restore_options options = {.requests = &requests,
                                                .names = &world->names,
                                                .replica = &plain,
                                                .log = &world->quiet,
                                                .log_first = world_stream(world, true).first,
                                                .done = on_restored,
                                                .context = &restored};
    ck_assert_int_eq(wkv_make_inbox(NULL, inbox), NATS_OK);
    (void)snprintf(subject, sizeof subject, "%s.*", inbox);
    ck_assert_int_eq(natsConnection_SubscribeSync(&subscription, world->connection, subject), NATS_OK);
    wkv_js_requests_init(&requests, inbox, on_plain_send, world);
    wkv_restore_begin(&restore, &options, world_now(world));
    for (int64_t end_ns = wkv_monotonic_ns() + WAIT_NS; !restored.is_over;) {
        (void)wkv_restore_tick(&restore, world_now(world));
        if (!restored.is_over)
            take_answers(world, subscription, &requests);
        ck_assert_int_lt(wkv_monotonic_ns(), end_ns);
    }
    wkv_js_requests_destroy(&requests);
    wkv_restore_end(&restore);
    natsSubscription_Destroy(subscription);
    *replica = restored.replica;
    (void)snprintf(text, 512, "%s", restored.text);
    return restored.how;
}
