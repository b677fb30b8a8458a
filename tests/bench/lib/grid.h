/* What a run measures: every row of its table at every load, in every round. */
#ifndef WASCC_KEYVALUE_BENCH_GRID_H
#define WASCC_KEYVALUE_BENCH_GRID_H

#include <stddef.h>

#include "requester.h"

#define BENCH_MAX_ROUNDS 1000

enum bench_figure {
    BENCH_RATE, /* requests a second */
    BENCH_P50,  /* us */
    BENCH_P99,
    BENCH_CPU,  /* ns of the responder's processor time a request */
    BENCH_LOAD, /* the requester's share of one core */
    BENCH_FIGURES
};

struct bench_grid {
    unsigned rounds;
    size_t loads, rows;
    double (*cells)[BENCH_FIGURES]; /* by round, load, row */
};

/* Returns 0, or -1 after saying that memory is short. */
int bench_grid_init(struct bench_grid *grid, unsigned rounds, size_t loads, size_t rows);
void bench_grid_destroy(struct bench_grid *grid);

/* Measures one cell. Returns 0, or -1 after saying what went wrong; a row that was not asked for has no
 * replies. */
typedef int bench_measure(void *context, unsigned round, size_t load, size_t row,
                          struct bench_result *result);

/* Measures all cells. The rows follow each other closely, another one first in each round: whatever drifts on
 * the machine hits all alike. Returns 0, or -1 where one failed. */
int bench_grid_measure(struct bench_grid *grid, bench_measure *measure, void *context);

/* Medians over the rounds: of a figure, of its ratio to another row's, of its difference to that. What is
 * compared is compared within a round. */
double bench_grid_median(const struct bench_grid *grid, size_t load, size_t row, enum bench_figure figure);
double bench_grid_ratio(const struct bench_grid *grid, size_t load, size_t row, size_t base,
                        enum bench_figure figure);
double bench_grid_beyond(const struct bench_grid *grid, size_t load, size_t row, size_t base,
                         enum bench_figure figure);

/* The largest of the rounds. */
double bench_grid_highest(const struct bench_grid *grid, size_t load, size_t row, enum bench_figure figure);

double bench_grid_figure(const struct bench_grid *grid, unsigned round, size_t load, size_t row,
                         enum bench_figure figure);

/* Sorts the values. There is at least one. */
double bench_median(double *values, size_t count);

#endif
