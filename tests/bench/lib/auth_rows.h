/* The table of a run of --auth. */
#ifndef WASCC_KEYVALUE_BENCH_AUTH_ROWS_H
#define WASCC_KEYVALUE_BENCH_AUTH_ROWS_H

#include <stdio.h>

#include "grid.h"
#include "options.h"

enum bench_auth_mode {
    BENCH_AUTH_NONE,
    BENCH_AUTH_BINDING,
    BENCH_AUTH_CLAIMS,
    BENCH_AUTH_INVOCATION,
    BENCH_AUTH_MODES
};

/* As `serve --auth` knows them. */
extern const char *const bench_auth_mode_names[BENCH_AUTH_MODES];

enum bench_auth_responder { BENCH_AUTH_BARE, BENCH_AUTH_READS, BENCH_AUTH_PROVIDER };

/* An echo that reads is only there where there is something to read. */
enum bench_auth_row {
    BENCH_NONE_BARE,
    BENCH_NONE_GET,
    BENCH_BINDING_BARE,
    BENCH_BINDING_GET,
    BENCH_CLAIMS_BARE,
    BENCH_CLAIMS_READS,
    BENCH_CLAIMS_GET,
    BENCH_INVOCATION_BARE,
    BENCH_INVOCATION_READS,
    BENCH_INVOCATION_GET,
    BENCH_AUTH_ROWS
};

struct bench_auth_row_kind {
    enum bench_auth_mode mode;
    enum bench_auth_responder responder;
    enum bench_auth_row bare;  /* what its ratios are to */
    enum bench_auth_row reads; /* what its difference is to */
};

extern const struct bench_auth_row_kind bench_auth_rows[BENCH_AUTH_ROWS];

/* Print every row at every load, and for each load what remembered claims cost. */
void bench_auth_table(const struct bench_grid *grid, const struct bench_options *options, FILE *out);
void bench_auth_json(const struct bench_grid *grid, const struct bench_options *options, FILE *out);

#endif
