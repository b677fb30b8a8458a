/* wascc-keyvalue-bench-lattice: what an invocation costs beyond its Ed25519 verification. See --help for what
 * is measured and how. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/echo.h"
#include "lib/lattice_inside.h"
#include "lib/lattice_invocation.h"
#include "lib/lattice_options.h"
#include "lib/lattice_report.h"
#include "lib/stage.h"

#define BINDING "default"
/* As long as the provider's subject. */
#define ECHO_SUBJECT "echo-ev.provider.wascc.keyvalue." BINDING
#define MAX_WINDOW_S 50 /* what was signed before it must still hold */

struct bench {
    struct bench_lattice_options options;
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

/* ---- invocations ---- */

/* The window of a measurement and its warm-up each overshoot by a batch of replies at the most, and at the
 * end there are as many in flight. */
static size_t count_of(const struct bench_lattice_options *options)
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
    char issuer[64], host[64];
    char *argv[] = {bench->options.provider,
                    "serve",
                    "--server",
                    bench->stage.url,
                    "--binding",
                    BINDING,
                    "--auth",
                    "invocation",
                    "--workers",
                    "1",
                    "--trusted-issuer",
                    issuer,
                    "--trusted-host",
                    host,
                    NULL};
    snprintf(issuer, sizeof issuer, "%s", bench_mint_issuer(bench->mint));
    snprintf(host, sizeof host, "%s", bench_mint_host(bench->mint));
    bench->provider.name = "the provider";
    return bench_stage_start_provider(&bench->stage, &bench->provider, argv);
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
    struct bench_options limits = {.seconds = MAX_WINDOW_S};
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
    bench_lattice_report(bench->rounds, bench->options.rounds, false, stdout);
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
        bench_lattice_report(bench->rounds, bench->options.rounds, true, stdout);
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

int main(int argc, char *argv[])
{
    struct bench bench = {0};
    if (argc == 5 && strcmp(argv[1], BENCH_ECHO_ARGUMENT) == 0)
        return bench_echo_bare(argv[3], argv[4]);
    int code = bench_lattice_options_parse(argc, argv, &bench.options);
    if (code >= 0)
        return code;
    code = prepare(&bench) == 0 && (bench.options.inside ? measure_inside : measure_rounds)(&bench) == 0 &&
                   fflush(stdout) == 0
               ? 0
               : 1;
    end(&bench);
    return code;
}
