/* What a run is asked for on the command line. */
#ifndef WASCC_KEYVALUE_BENCH_OPTIONS_H
#define WASCC_KEYVALUE_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process.h"

#define BENCH_MAX_LOADS 16
#define BENCH_MAX_ROUNDS 1000

/* The responders, in the order of the table. The first is what the others are held against. */
enum bench_responder {
    BENCH_BARE,
    BENCH_DEFAULT,
    BENCH_GET_ROW,
    BENCH_SET_ROW,
    BENCH_ADD_ROW,
    BENCH_RESPONDERS
};

/* Their names in --responders, in the table and in JSON. */
extern const char *const bench_responder_names[BENCH_RESPONDERS];

struct bench_options {
    char provider[BENCH_PATH_BYTES];
    bool responders[BENCH_RESPONDERS]; /* those asked for; the bare echo always is */
    unsigned in_flight[BENCH_MAX_LOADS];
    size_t loads;
    double seconds;
    uint64_t requests; /* 0: by seconds */
    unsigned rounds;
    unsigned workers;
    uint64_t keys;
    size_t value_bytes;
    bool json;
    bool auth;            /* the run of --auth instead of the main one */
    unsigned actors;      /* --auth: that ask in turn */
    unsigned invocations; /* --auth: made for each measurement in mode invocation */
};

/* Where the provider lies unless told otherwise: beside this program. Returns false where that cannot be
 * told. */
bool bench_options_beside_us(char path[BENCH_PATH_BYTES]);

/* Reads the command line. Returns -1 where there is a run to do, or the code to exit with: 0 after --help, 64
 * after one clear line about a bad option. */
int bench_options_parse(int argc, char *argv[], struct bench_options *options);

#endif
