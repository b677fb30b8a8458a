/* Figures of all rounds, and the table made of them. */
#ifndef WASCC_KEYVALUE_BENCH_REPORT_H
#define WASCC_KEYVALUE_BENCH_REPORT_H

#include <stdio.h>

#include "options.h"
#include "requester.h"

struct bench_report;

/* Returns NULL where memory is short. The options are borrowed. */
struct bench_report *bench_report_create(const struct bench_options *options);

/* NULL is allowed. */
void bench_report_destroy(struct bench_report *report);

/* Notes what one responder did at one load (an index into options->in_flight) in one round. */
void bench_report_note(struct bench_report *report, unsigned round, size_t load,
                       enum bench_responder responder, const struct bench_result *result);

/* Print every responder that was asked for at every load. */
void bench_report_table(const struct bench_report *report, FILE *out);
void bench_report_json(const struct bench_report *report, FILE *out);

/* Sorts the values. There is at least one. */
double bench_median(double *values, size_t count);

#endif
