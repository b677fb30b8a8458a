/* A nats-server with a binding's two streams, the log in them, and instances that write snapshots of it. The
 * log is a simulated one (replica/log.h), of which the server has a copy. Everything asserts that it worked.
 */
#ifndef WKV_TESTS_JOURNAL_WORLD_H
#define WKV_TESTS_JOURNAL_WORLD_H

#include <nats/nats.h>

#include "integration/servers.h"
#include "journal/restore.h"
#include "journal/snapshots.h"
#include "replica/log.h"

struct world;

/* What becomes of a message to the stream of snapshots that an instance sends. */
enum fate { SENT, LOST, DAMAGED };

struct instance {
    struct world *world;
    const char *name;
    struct wkv_js_requests requests;
    char inbox[WKV_SUBJECT_BYTES];
    natsSubscription *subscription;
    struct wkv_replica_events events;
    struct wkv_replica *replica;
    struct wkv_snapshots snapshots;
    uint64_t join, number;
    bool away; /* it is fed with nothing */
    struct wkv_buffer appends[8];
    size_t append_count;
    size_t sent;                                               /* chunks and manifests */
    enum fate (*fate)(struct instance *instance, size_t sent); /* NULL: all are sent */
    char refused[160];                                         /* the last refusal */
};

#define WORLD_INSTANCES 3

struct world {
    struct nats_server server;
    char store[64];
    natsConnection *connection;
    struct wkv_js_names names;
    struct sim_log log;
    int64_t time_ns; /* of the log */
    int64_t skew_ns; /* of the instances' clock */
    struct instance instances[WORLD_INSTANCES];
    size_t count;
    struct wkv_log quiet;
    int log_fd;
};

/* snap_bytes: of the stream of snapshots; 0: no bound. */
void world_begin(struct world *world, int64_t snap_bytes);
void world_end(struct world *world);
int64_t world_now(const struct world *world);

/* Another instance, which has joined. */
struct instance *world_add(struct world *world, const char *name,
                           const struct wkv_snapshots_options *options);

/* Appends, and feeds those that are not away. */
void world_append(struct world *world, struct wkv_text bytes);
void world_feed(struct world *world);
/* A batch of so many Sets on keys with that prefix, as the instance's; group: an atomic Batch of two keys,
 * too. */
void world_write(struct instance *instance, const char *prefix, int first, int count, bool group);
void world_beat(struct instance *instance, uint8_t most);
/* Log time goes on, with a record of the instance. */
void world_wait(struct instance *instance, int64_t ns);

/* A turn of the instance: what has come, what is due, what it appends. */
void world_turn(struct instance *instance);
/* Turns until it has written so many snapshots, or given up so many. */
void world_until(struct instance *instance, uint64_t written, uint64_t given_up);
/* Makes it write one. */
void world_snapshot(struct instance *instance);

/* What STREAM.INFO says, of the snapshots' stream or the log's. */
struct wkv_js_stream_state world_stream(struct world *world, bool log);
/* Asks JetStream's API for anything. */
void world_ask(struct world *world, const char *call, const char *stream, const char *request);

/* Restores from the streams as they are now. text gets what was said. */
enum wkv_restored world_restore(struct world *world, struct wkv_replica **replica, char text[512]);

/* Whether what the instance logged, all of them, has the text. */
bool world_said(struct world *world, const char *text);

#endif
