/* wascc-keyvalue-bench-lattice: what an invocation costs beyond its Ed25519 verification. See --help for what
 * is measured and how. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arguments.h"
#include "lib/echo.h"
#include "lib/grid.h"
#include "lib/lattice_inside.h"
#include "lib/lattice_invocation.h"
#include "lib/stage.h"

#define BINDING "default"
/* As long as the provider's subject. */
#define ECHO_SUBJECT "echo-ev.provider.wascc.keyvalue." BINDING
#define MAX_WINDOW_S 50 /* what was signed before it must still hold */

/* They are signed before they are sent, and must all have come within a minute of that. */
#define MAX_INVOCATIONS 100000

struct options {
    char provider[BENCH_PATH_BYTES];
    unsigned invocations; /* measured in each round */
    unsigned rounds;
    unsigned in_flight;
    bool inside;     /* only the part without NATS, */
    bool unverified; /* and of that only the last row, and no table */
};

/* ns of processor time for each invocation, in one round. */
struct bench_lattice_round {
    double verify_ns; /* around what goes through NATS */
    double invocation_ns;
    double echo_ns;
    struct bench_inside_times inside;
};

struct bench {
    struct options options;
    struct bench_stage stage;
    struct bench_mint *mint;
    struct bench_lattice_parties parties;
    struct bench_inside *inside;
    struct bench_child provider, echo;
    uint64_t next_number; /* of invocations: none is ever used again */
    struct bench_invocation *invocations;
    struct bench_form *forms;
    size_t count;
    struct bench_lattice_round *rounds;
};

/* ---- the table ---- */

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

static void print_row(const struct row *row, const struct bench_lattice_round *rounds, size_t count)
{
    double values[BENCH_MAX_ROUNDS], rests[BENCH_MAX_ROUNDS], shares[BENCH_MAX_ROUNDS];
    for (size_t i = 0; i < count; i++) {
        double verify_ns = figure_of(&rounds[i], row->verify);
        values[i] = figure_of(&rounds[i], row->figure);
        rests[i] = values[i] - (row->kind == HAS_VERIFICATION ? verify_ns : 0);
        shares[i] = rests[i] / verify_ns;
    }
    double median_ns = bench_median(values, count);
    printf("%-26s %9.2f us %9.0f /s", row->name, median_ns / 1e3, 1e9 / median_ns);
    if (row->kind != VERIFICATION) {
        double share = bench_median(shares, count);
        printf("   rest %6.2f us = %4.1f%% of the verification (%.1f to %.1f)",
               bench_median(rests, count) / 1e3, 100 * share, 100 * shares[count / 4],
               100 * shares[count - 1 - count / 4]);
    }
    putchar('\n');
}

static void print_report(const struct bench_lattice_round *rounds, size_t count, bool without_nats)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!rows[i].needs_nats || !without_nats)
            print_row(&rows[i], rounds, count);
}

/* ---- invocations ---- */

/* The window of a measurement and its warm-up each overshoot by a batch of replies at the most, and at the
 * end there are as many in flight. */
static size_t count_of(const struct options *options)
{
    return (size_t)options->invocations + 3 * (size_t)options->in_flight;
}

static int make_invocations(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        bench_invocation_free(&bench->invocations[i]);
        if (!bench_invocation_make(&bench->parties, bench->next_number++, &bench->invocations[i]))
            return -1;
    }
    return 0;
}

/* The request that sends this invocation to that subject. */
static bool make_form(const struct bench_invocation *invocation, const char *subject, struct bench_form *form)
{
    struct bench_request request = {.operation = BENCH_GET,
                                    .subject = subject,
                                    .payload = invocation->bytes,
                                    .payload_len = invocation->len,
                                    .key = invocation->number};
    if (bench_form_make(form, &request))
        return true;
    bench_complain("out of memory");
    return false;
}

static int make_forms(struct bench *bench, const char *subject)
{
    for (size_t i = 0; i < bench->count; i++) {
        bench_form_free(&bench->forms[i]);
        if (!make_form(&bench->invocations[i], subject, &bench->forms[i]))
            return -1;
    }
    return 0;
}

/* ---- the provider and the echo ---- */

/* Waits until somebody answers this invocation. It is only used up where somebody does. */
static int await(struct bench *bench, struct bench_child *responder, const char *subject,
                 const struct bench_invocation *invocation,
                 bool (*is_right)(uint64_t number, const char *payload, size_t len))
{
    struct bench_form form;
    if (!make_form(invocation, subject, &form))
        return -1;
    struct bench_work work = {.operation = BENCH_GET,
                              .subject = subject,
                              .forms = &form,
                              .form_count = 1,
                              .is_right = is_right,
                              .keys = 1,
                              .in_flight = 1,
                              .each_key = 1,
                              .responder = responder};
    int result = bench_stage_await(&bench->stage, &work);
    bench_form_free(&form);
    return result;
}

static int start_provider(struct bench *bench)
{
    struct bench_provider provider = {.path = bench->options.provider,
                                      .binding = BINDING,
                                      .auth = "invocation",
                                      .workers = 1,
                                      .mint = bench->mint};
    bench->provider.name = "the provider";
    return bench_stage_start_provider(&bench->stage, &bench->provider, &provider);
}

/* Contract section 7: "A successful bind makes the provider listen on `….<binding>.<actor>`". */
static int bind_actor(struct bench *bench)
{
    struct bench_invocation bind, first;
    int result = -1;
    if (bench_invocation_bind(&bench->parties, bench->next_number++, &bind)) {
        result = await(bench, &bench->provider, bind.subject, &bind, bench_invocation_answers);
        bench_invocation_free(&bind);
    }
    if (result == 0 && bench_invocation_make(&bench->parties, bench->next_number++, &first)) {
        result = await(bench, &bench->provider, first.subject, &first, bench_invocation_answers);
        bench_invocation_free(&first);
    }
    return result;
}

static int start_echo(struct bench *bench)
{
    struct bench_invocation first;
    bench->echo.name = "the bare echo";
    if (bench_stage_start_echo(&bench->stage, &bench->echo, "bare", ECHO_SUBJECT) != 0 ||
        !bench_invocation_make(&bench->parties, bench->next_number++, &first))
        return -1;
    int result = await(bench, &bench->echo, ECHO_SUBJECT, &first, bench_invocation_echoes);
    bench_invocation_free(&first);
    return result;
}

/* ---- measuring ---- */

/* Sends the invocations to that subject. */
static int measure(struct bench *bench, struct bench_child *responder, const char *subject,
                   bool (*is_right)(uint64_t number, const char *payload, size_t len), double *each_ns)
{
    struct bench_limits limits = {.seconds = MAX_WINDOW_S};
    struct bench_result result;
    struct bench_work work = {.operation = BENCH_GET,
                              .subject = subject,
                              .forms = bench->forms,
                              .form_count = bench->count,
                              .is_right = is_right,
                              .keys = 1,
                              .in_flight = bench->options.in_flight,
                              .responder = responder};
    if (make_forms(bench, subject) != 0 ||
        bench_stage_measure(&bench->stage, &limits, bench->options.invocations, &work, &result) != 0)
        return -1;
    *each_ns = (double)result.responder_cpu_ns / (double)result.replies;
    return 0;
}

static int measure_round(struct bench *bench, struct bench_lattice_round *round)
{
    size_t half = bench->count / 2;
    double verify_ns = 0;
    if (make_invocations(bench) != 0 ||
        measure(bench, &bench->echo, ECHO_SUBJECT, bench_invocation_echoes, &round->echo_ns) != 0 ||
        !bench_verify(bench->invocations, half, &verify_ns) ||
        measure(bench, &bench->provider, bench->parties.actor_subject, bench_invocation_answers,
                &round->invocation_ns) != 0 ||
        !bench_verify(bench->invocations + half, bench->count - half, &verify_ns) ||
        !bench_inside_run(bench->inside, bench->invocations, bench->count, &round->inside))
        return -1;
    round->verify_ns = verify_ns / (double)bench->count;
    return 0;
}

static int measure_rounds(struct bench *bench)
{
    if (bench_stage_begin(&bench->stage) != 0 || start_provider(bench) != 0 || bind_actor(bench) != 0 ||
        start_echo(bench) != 0)
        return -1;
    for (unsigned i = 0; i < bench->options.rounds; i++) {
        if (measure_round(bench, &bench->rounds[i]) != 0)
            return -1;
    }
    print_report(bench->rounds, bench->options.rounds, false);
    return 0;
}

/* Only what needs no NATS; or, for a profiler, nothing but what is ours. */
static int measure_inside(struct bench *bench)
{
    bool all = !bench->options.unverified;
    for (unsigned i = 0; i < bench->options.rounds; i++) {
        struct bench_lattice_round *round = &bench->rounds[i];
        if (make_invocations(bench) != 0 ||
            !(all ? bench_inside_run : bench_inside_run_unverified)(bench->inside, bench->invocations,
                                                                    bench->count, &round->inside))
            return -1;
    }
    if (all)
        print_report(bench->rounds, bench->options.rounds, true);
    return 0;
}

static int prepare(struct bench *bench)
{
    bench->mint = bench_mint_create(1);
    if (bench->mint == NULL)
        return -1;
    bench_lattice_parties_init(&bench->parties, bench->mint, BINDING);
    bench->count = count_of(&bench->options);
    bench->invocations = calloc(bench->count, sizeof *bench->invocations);
    bench->forms = calloc(bench->count, sizeof *bench->forms);
    bench->rounds = calloc(bench->options.rounds, sizeof *bench->rounds);
    if (bench->invocations == NULL || bench->forms == NULL || bench->rounds == NULL) {
        bench_complain("out of memory");
        return -1;
    }
    bench->inside = bench_inside_create(&bench->parties);
    return bench->inside == NULL ? -1 : 0;
}

static void end(struct bench *bench)
{
    bench_child_stop(&bench->provider);
    bench_child_stop(&bench->echo);
    bench_stage_end(&bench->stage);
    bench_inside_destroy(bench->inside);
    for (size_t i = 0; i < bench->count && bench->invocations != NULL; i++)
        bench_invocation_free(&bench->invocations[i]);
    for (size_t i = 0; i < bench->count && bench->forms != NULL; i++)
        bench_form_free(&bench->forms[i]);
    free(bench->invocations);
    free(bench->forms);
    free(bench->rounds);
    bench_mint_destroy(bench->mint);
}

static const char about[] =
    "Usage: wascc-keyvalue-bench-lattice [OPTION]...\n"
    "\n"
    "Measures what an invocation of the lattice protocol costs the provider, beside libsodium's Ed25519 "
    "verification, "
    "which each needs: `wascc-keyvalue serve --auth invocation --workers 1` behind a nats-server (found on "
    "PATH) on a "
    "free loopback port. An actor is bound; then come Sets, Adds and Gets of it in turn, each signed by the "
    "host with "
    "an id of its own, in MessagePack as hosts of waSCC send them. Every response is checked.\n"
    "\n"
    "Signs new invocations again and again, and takes in turn, always of the same ones:\n"
    "  verification: crypto_sign_verify_detached alone on their claims\n"
    "  invocation, through NATS: the provider, all its threads\n"
    "  bare echo: of nats.c, which sends each message back: what NATS costs (but its response is longer)\n"
    "  invocation, inside: decoding, policy, operation and response, called directly: no NATS\n"
    "  unverified: the same with a verification that says yes at once: what is left is ours\n"
    "\n"
    "All figures are processor time (user and system), as medians over the rounds; a second of it is one "
    "core for a "
    "second. `rest` is what an invocation takes less the round's verification, and as a part of that: "
    "through NATS "
    "with the sockets, nats.c and the freeing of messages, inside without.\n"
    "\n"
    "What the figures do not say: how long a caller waits; what several workers do; what a nats-server needs "
    "for "
    "itself. Absolute ones are this machine's, and of the build's libsodium. A verification in a row of "
    "nothing else "
    "has its tables in the processor's cache, one between other work less so: that counts as rest. Where "
    "other work "
    "shares the cores, only the ratios within a run are worth comparing, and `rest` through NATS, a small "
    "difference "
    "of large figures, is the first to suffer: look at its quartiles (in brackets).\n";

static int read_options(int argc, char *argv[], struct options *options)
{
    *options = (struct options){.invocations = 400, .rounds = 101, .in_flight = 64};
    /* clang-format off */
    const struct bench_argument table[] = {
        {.name = "provider", .kind = BENCH_PATH, .value = options->provider, .shape = "PATH",
         .help = "the program to measure (default: wascc-keyvalue beside this program)"},
        {.name = "invocations", BENCH_NUMBER_AT(&options->invocations), .least = 100, .most = MAX_INVOCATIONS,
         .shape = "N", .help = "measured in each round (default: 400)"},
        {.name = "rounds", BENCH_NUMBER_AT(&options->rounds), .least = 1, .most = BENCH_MAX_ROUNDS,
         .shape = "N", .help = "(default: 101)"},
        {.name = "in-flight", BENCH_NUMBER_AT(&options->in_flight), .least = 1, .most = BENCH_MAX_IN_FLIGHT,
         .shape = "N", .help = "requests in flight (default: 64)"},
        {.name = "inside", .kind = BENCH_FLAG, .value = &options->inside, .help = "only what needs no NATS"},
        {.name = "unverified", .kind = BENCH_FLAG, .value = &options->unverified, .given = &options->inside,
         .help = "only the last row and no table: for a profiler"},
        {.name = NULL}};
    /* clang-format on */
    return bench_find_provider(options->provider) ? bench_arguments_read(table, about, argc, argv) : 1;
}

int main(int argc, char *argv[])
{
    struct bench bench = {0};
    if (argc == 5 && strcmp(argv[1], BENCH_ECHO_ARGUMENT) == 0)
        return bench_echo(argv[2], argv[3], argv[4]);
    int code = read_options(argc, argv, &bench.options);
    if (code >= 0)
        return code;
    code = prepare(&bench) == 0 && (bench.options.inside ? measure_inside : measure_rounds)(&bench) == 0 &&
                   fflush(stdout) == 0
               ? 0
               : 1;
    end(&bench);
    return code;
}
