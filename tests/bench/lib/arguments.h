/* The command line of a benchmark: one table of options, which also is their --help. */
#ifndef WASCC_KEYVALUE_BENCH_ARGUMENTS_H
#define WASCC_KEYVALUE_BENCH_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process.h"

#define BENCH_EXIT_USAGE 64
#define BENCH_MAX_LIST 16

/* What an option's value points to. */
enum bench_argument_kind {
    BENCH_FLAG,    /* bool */
    BENCH_NUMBER,  /* an integer of `bytes` bytes, from least to most */
    BENCH_SECONDS, /* double, from 0.01 to most */
    BENCH_PATH,    /* char[BENCH_PATH_BYTES] */
    BENCH_NUMBERS, /* struct bench_numbers, each from least to most */
    BENCH_NAMES,   /* bool[], one for each of `names`: the first always, the others where they are named */
};

struct bench_numbers {
    unsigned items[BENCH_MAX_LIST];
    size_t count;
};

struct bench_argument {
    const char *name; /* NULL: the table's end */
    enum bench_argument_kind kind;
    void *value;
    size_t bytes;
    uint64_t least, most;
    const char *const *names; /* up to a NULL */
    const char *shape;        /* of the value, in the help */
    const char *help;
    bool *given; /* NULL, or becomes true where it is given */
};

#define BENCH_NUMBER_AT(variable) .kind = BENCH_NUMBER, .value = (variable), .bytes = sizeof *(variable)

/* Where the provider lies unless told otherwise: beside this program. Returns false after saying that this
 * cannot be told. */
bool bench_find_provider(char path[BENCH_PATH_BYTES]);

/* Reads the command line. `about` is printed for --help above the options: paragraphs, in which a line that
 * begins with blanks hangs. Returns -1 where there is a run to do, or the code to exit with: 0 after --help,
 * BENCH_EXIT_USAGE after one clear line about a bad option. */
int bench_arguments_read(const struct bench_argument *table, const char *about, int argc, char *argv[]);

#endif
