#include "lattice_report.h"

#include "options.h"
#include "report.h"

#define FIGURE(member) (offsetof(struct bench_lattice_round, member) / sizeof(double))

enum kind { VERIFICATION, HAS_VERIFICATION, HAS_NONE };

/* What is compared is compared within a round: a row's rest is the median of what each round says. */
static const struct row {
    const char *name;
    size_t figure; /* where in a round it lies, */
    size_t verify; /* and the verification beside it */
    enum kind kind;
    bool needs_nats;
} rows[] = {
    {"verification alone", FIGURE(verify_ns), FIGURE(verify_ns), VERIFICATION, true},
    {"invocation, through NATS", FIGURE(invocation_ns), FIGURE(verify_ns), HAS_VERIFICATION, true},
    {"bare echo, through NATS", FIGURE(echo_ns), FIGURE(verify_ns), HAS_NONE, true},
    {"verification alone", FIGURE(inside.verify_ns), FIGURE(inside.verify_ns), VERIFICATION, false},
    {"invocation, inside", FIGURE(inside.whole_ns), FIGURE(inside.verify_ns), HAS_VERIFICATION, false},
    {"the same, unverified", FIGURE(inside.unverified_ns), FIGURE(inside.verify_ns), HAS_NONE, false},
};

static double figure_of(const struct bench_lattice_round *round, size_t figure)
{
    return ((const double *)round)[figure];
}

static void print_row(const struct row *row, const struct bench_lattice_round *rounds, size_t count,
                      FILE *out)
{
    double values[BENCH_MAX_ROUNDS], rests[BENCH_MAX_ROUNDS], shares[BENCH_MAX_ROUNDS];
    for (size_t i = 0; i < count; i++) {
        double verify_ns = figure_of(&rounds[i], row->verify);
        values[i] = figure_of(&rounds[i], row->figure);
        rests[i] = values[i] - (row->kind == HAS_VERIFICATION ? verify_ns : 0);
        shares[i] = rests[i] / verify_ns;
    }
    double median_ns = bench_median(values, count);
    fprintf(out, "%-26s %9.2f us %9.0f /s", row->name, median_ns / 1e3, 1e9 / median_ns);
    if (row->kind != VERIFICATION) {
        double share = bench_median(shares, count);
        fprintf(out, "   rest %6.2f us = %4.1f%% of the verification (%.1f to %.1f)",
                bench_median(rests, count) / 1e3, 100 * share, 100 * shares[count / 4],
                100 * shares[count - 1 - count / 4]);
    }
    fputc('\n', out);
}

void bench_lattice_report(const struct bench_lattice_round *rounds, size_t count, bool without_nats,
                          FILE *out)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!rows[i].needs_nats || !without_nats)
            print_row(&rows[i], rounds, count, out);
}
