#include "grid.h"

#include <stdio.h>
#include <stdlib.h>

int bench_grid_init(struct bench_grid *grid, unsigned rounds, size_t loads, size_t rows)
{
    *grid = (struct bench_grid){.rounds = rounds, .loads = loads, .rows = rows};
    grid->cells = calloc((size_t)rounds * loads * rows, sizeof *grid->cells);
    if (grid->cells == NULL)
        bench_complain("out of memory");
    return grid->cells == NULL ? -1 : 0;
}

void bench_grid_destroy(struct bench_grid *grid)
{
    free(grid->cells);
    grid->cells = NULL;
}

static double *cell_of(const struct bench_grid *grid, unsigned round, size_t load, size_t row)
{
    return grid->cells[((size_t)round * grid->loads + load) * grid->rows + row];
}

double bench_grid_figure(const struct bench_grid *grid, unsigned round, size_t load, size_t row,
                         enum bench_figure figure)
{
    return cell_of(grid, round, load, row)[figure];
}

static void note(const struct bench_result *result, double cell[BENCH_FIGURES])
{
    double replies = (double)result->replies, elapsed_ns = (double)result->elapsed_ns;
    cell[BENCH_RATE] = replies / (elapsed_ns / 1e9);
    cell[BENCH_P50] = result->p50_ns / 1e3;
    cell[BENCH_P99] = result->p99_ns / 1e3;
    cell[BENCH_CPU] = (double)result->responder_cpu_ns / replies;
    cell[BENCH_LOAD] = (double)result->requester_cpu_ns / elapsed_ns;
}

int bench_grid_measure(struct bench_grid *grid, bench_measure *measure, void *context)
{
    for (unsigned round = 0; round < grid->rounds; round++) {
        for (size_t i = 0; i < grid->loads * grid->rows; i++) {
            size_t load = i / grid->rows, row = (i + round) % grid->rows;
            struct bench_result result = {0};
            if (measure(context, round, load, row, &result) != 0)
                return -1;
            if (result.replies > 0)
                note(&result, cell_of(grid, round, load, row));
        }
        fprintf(stderr, "round %u of %u done\n", round + 1, grid->rounds);
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

enum against { NOTHING, RATIO, DIFFERENCE };

static double median(const struct bench_grid *grid, size_t load, size_t row, enum bench_figure figure,
                     enum against against, size_t base)
{
    double values[BENCH_MAX_ROUNDS];
    for (unsigned round = 0; round < grid->rounds; round++) {
        double other = bench_grid_figure(grid, round, load, base, figure);
        double value = bench_grid_figure(grid, round, load, row, figure);
        values[round] = against == RATIO ? value / other : against == DIFFERENCE ? value - other : value;
    }
    return bench_median(values, grid->rounds);
}

double bench_grid_median(const struct bench_grid *grid, size_t load, size_t row, enum bench_figure figure)
{
    return median(grid, load, row, figure, NOTHING, row);
}

double bench_grid_ratio(const struct bench_grid *grid, size_t load, size_t row, size_t base,
                        enum bench_figure figure)
{
    return median(grid, load, row, figure, RATIO, base);
}

double bench_grid_beyond(const struct bench_grid *grid, size_t load, size_t row, size_t base,
                         enum bench_figure figure)
{
    return median(grid, load, row, figure, DIFFERENCE, base);
}

double bench_grid_highest(const struct bench_grid *grid, size_t load, size_t row, enum bench_figure figure)
{
    double highest = 0;
    for (unsigned round = 0; round < grid->rounds; round++) {
        double value = bench_grid_figure(grid, round, load, row, figure);
        highest = value > highest ? value : highest;
    }
    return highest;
}
