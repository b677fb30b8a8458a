/* What a run of wascc-keyvalue-bench is asked for on the command line. */
#ifndef WASCC_KEYVALUE_BENCH_OPTIONS_H
#define WASCC_KEYVALUE_BENCH_OPTIONS_H

#include "arguments.h"
#include "stage.h"

/* The responders, in the order of the table. The first is what the others are held against. */
enum bench_responder {
    BENCH_BARE,
    BENCH_DEFAULT,
    BENCH_GET_ROW,
    BENCH_SET_ROW,
    BENCH_ADD_ROW,
    BENCH_RESPONDERS
};

/* The rows of --engine's tables, likewise. */
enum bench_engine_row {
    BENCH_ROW_KV_PUT,
    BENCH_ROW_KV_GET,
    BENCH_ROW_KV_MSG_GET,
    BENCH_ROW_MEMORY_SET,
    BENCH_ROW_MEMORY_GET,
    BENCH_ROW_SET,
    BENCH_ROW_GET,
    BENCH_ROW_LOCAL_GET,
    BENCH_ROWS
};

/* Their names in --rows, and a NULL. */
extern const char *const bench_row_names[BENCH_ROWS + 1];

/* The other engine than the memory engine, which is what is measured beside it. */
#define BENCH_JETSTREAM 1

/* Their names in --responders, in the table and in JSON, and a NULL. */
extern const char *const bench_responder_names[BENCH_RESPONDERS + 1];

struct bench_options {
    char provider[BENCH_PATH_BYTES];
    bool responders[BENCH_RESPONDERS]; /* those asked for; the bare echo always is */
    struct bench_numbers in_flight;
    struct bench_limits limits;
    unsigned rounds;
    unsigned workers;
    uint64_t keys;
    size_t value_bytes;
    bool json;
    bool auth;                          /* the run of --auth instead of the main one */
    bool batch;                         /* the run of --batch, likewise */
    bool engines[2];                    /* memory, which always is there; with jetstream its tables, or: */
    bool rows[BENCH_ROWS];              /* of its tables, those asked for; puts always are */
    bool failover;                      /* what a fault stops, instead */
    bool sync_always;                   /* --engine: the servers' sync_interval */
    struct bench_numbers servers;       /* --engine: a table on so many each */
    char nats_server[BENCH_PATH_BYTES]; /* --engine: "": of PATH */
    unsigned items;                     /* --batch: in a message */
    unsigned actors;                    /* --auth: that ask in turn */
    unsigned invocations;               /* --auth: made for each measurement in mode invocation */
};

/* As bench_arguments_read. */
int bench_options_read(int argc, char *argv[], struct bench_options *options);

#endif
