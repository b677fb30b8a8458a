/* What a run asks of JetStream beside what it measures: a bucket, who leads a stream, who is level with it.
 * One thread; whatever fails has said so on stderr.
 */
#ifndef WASCC_KEYVALUE_BENCH_STREAMS_H
#define WASCC_KEYVALUE_BENCH_STREAMS_H

#include <nats/nats.h>
#include <stdbool.h>

#include "stage.h"

#define BENCH_STREAM_BYTES 256

struct bench_streams {
    struct bench_stage *stage; /* borrowed */
    natsConnection *connection;
};

/* Connects, to whichever server there is. Returns 0 or -1; after either it is to be closed. */
int bench_streams_open(struct bench_streams *streams, struct bench_stage *stage);
void bench_streams_close(struct bench_streams *streams);

/* Waits until all servers keep streams, and makes BENCH_BUCKET as NATS' own clients make a bucket, with a
 * replica on each. Returns 0 or -1. */
int bench_streams_make_bucket(struct bench_streams *streams);

/* Finds the log of an engine with that binding. Returns 0 or -1. */
int bench_streams_find_log(struct bench_streams *streams, const char *binding, char log[BENCH_STREAM_BYTES]);

/* The number of the server that leads a stream, or -1, silently, where there is none (now). */
int bench_streams_leader(struct bench_streams *streams, const char *stream);

/* The name of the server that a stream's consumer is delivered from, or "" where it is not told. One
 * consumer: an instance's. */
void bench_streams_find_consumer(struct bench_streams *streams, const char *stream, char server[16]);

/* Has the stream led by that server, which may need some elections. Returns 0 or -1. */
int bench_streams_move(struct bench_streams *streams, const char *stream, unsigned server);

/* Waits until a stream has a leader and all of its replicas are level with it. Returns 0 or -1. */
int bench_streams_settle(struct bench_streams *streams, const char *stream);

#endif
