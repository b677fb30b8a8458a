/* Figures of all rounds of a run of --auth, and the table made of them. */
#ifndef WASCC_KEYVALUE_BENCH_AUTH_REPORT_H
#define WASCC_KEYVALUE_BENCH_AUTH_REPORT_H

#include <stdio.h>

#include "options.h"
#include "requester.h"

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

/* The rows of the table. An echo that reads is only there where there is something to read. */
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

struct bench_auth_report;

/* Returns NULL where memory is short. The options are borrowed. */
struct bench_auth_report *bench_auth_report_create(const struct bench_options *options);

/* NULL is allowed. */
void bench_auth_report_destroy(struct bench_auth_report *report);

/* Notes one measurement; load is an index into options->in_flight. */
void bench_auth_report_note(struct bench_auth_report *report, unsigned round, size_t load,
                            enum bench_auth_row row, const struct bench_result *result);

/* Print every row at every load, and for each load what remembered claims cost. */
void bench_auth_report_table(const struct bench_auth_report *report, FILE *out);
void bench_auth_report_json(const struct bench_auth_report *report, FILE *out);

#endif
