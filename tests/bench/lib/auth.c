#include "auth.h"

#include <stdio.h>
#include <string.h>

#include "auth_rows.h"
#include "messages.h"
#include "mint.h"
#include "stage.h"

/* So many messages of their own the echoes get in mode invocation, again and again: they do not mind a
 * replay. */
#define ECHO_INVOCATIONS 2048

/* How many invocations are made at a time to load the keys: they must reach the provider within a minute. */
#define LOADING_CHUNK 20000

#define LATTICE "wasmbus"
#define ECHO_BINDING "auth-echo"

/* The echoes. All names of a kind are of the same length, so that all subjects are. */
enum echo { BARE, READS_CLAIMS, READS_BOTH, ECHOES };

static const struct {
    char *kind;
    char *lattice;
    char *subject;
    const char *name;
} echoes[ECHOES] = {
    [BARE] = {"bare", "echo-ev", "echo-ev.provider.wascc.keyvalue." ECHO_BINDING ".*.Get", "the bare echo"},
    [READS_CLAIMS] = {"claims", "echo-rc", "echo-rc.provider.wascc.keyvalue." ECHO_BINDING ".*.Get",
                      "the echo that reads Wascc-Claims"},
    [READS_BOTH] = {"both", "echo-rb", "echo-rb.provider.wascc.keyvalue." ECHO_BINDING ".*.Get",
                    "the echo that reads both headers"},
};

static const struct {
    enum bench_headers headers;
    char *binding;
    const char *name;
} modes[BENCH_AUTH_MODES] = {
    [BENCH_AUTH_NONE] = {BENCH_HEADERS_NONE, "auth-none", "the provider with --auth none"},
    [BENCH_AUTH_BINDING] = {BENCH_HEADERS_NONE, "auth-bind", "the provider with --auth binding"},
    [BENCH_AUTH_CLAIMS] = {BENCH_HEADERS_CLAIMS, "auth-clms", "the provider with --auth claims"},
    [BENCH_AUTH_INVOCATION] = {BENCH_HEADERS_BOTH, "auth-invo", "the provider with --auth invocation"},
};

struct bench_auth {
    struct bench_options *options;
    struct bench_stage stage;
    struct bench_mint *mint;
    struct bench_child echoes[ECHOES];
    struct bench_child providers[BENCH_AUTH_MODES];
    struct bench_messages messages[BENCH_AUTH_ROWS];
    struct bench_grid grid;
};

static enum echo echo_of(enum bench_auth_row row)
{
    if (bench_auth_rows[row].responder == BENCH_AUTH_BARE)
        return BARE;
    return modes[bench_auth_rows[row].mode].headers == BENCH_HEADERS_BOTH ? READS_BOTH : READS_CLAIMS;
}

static bool is_provider(enum bench_auth_row row)
{
    return bench_auth_rows[row].responder == BENCH_AUTH_PROVIDER;
}

/* ---- the messages ---- */

/* What a mode's requests are like, to its provider. */
static struct bench_messages_wanted wanted_of(const struct bench_auth *bench, enum bench_auth_mode mode,
                                              enum bench_operation operation)
{
    return (struct bench_messages_wanted){.mint = bench->mint,
                                          .operation = operation,
                                          .lattice = LATTICE,
                                          .binding = modes[mode].binding,
                                          .headers = modes[mode].headers,
                                          .keys = bench->options->keys,
                                          .value_bytes = bench->options->value_bytes};
}

/* The window and its warm-up each overshoot by a batch of replies at the most, and at the end there are as
 * many in flight: no invocation is to be sent twice. */
static size_t invocations_of(const struct bench_options *options, unsigned in_flight)
{
    return (size_t)options->invocations + 3 * (size_t)in_flight;
}

/* Makes the Gets of a row. */
static int make_gets(struct bench_auth *bench, enum bench_auth_row row, unsigned in_flight)
{
    struct bench_messages_wanted wanted = wanted_of(bench, bench_auth_rows[row].mode, BENCH_GET);
    if (is_provider(row)) {
        wanted.count = invocations_of(bench->options, in_flight);
    } else {
        wanted.operation = BENCH_ECHO_REQUEST;
        wanted.lattice = echoes[echo_of(row)].lattice;
        wanted.binding = ECHO_BINDING;
        wanted.count = ECHO_INVOCATIONS;
    }
    return bench_messages_make(&bench->messages[row], &wanted);
}

static struct bench_work work_of(const struct bench_auth *bench, enum bench_operation operation,
                                 const struct bench_messages *messages, struct bench_child *responder)
{
    return (struct bench_work){.operation = operation,
                               .subject = responder->name,
                               .forms = messages->forms,
                               .form_count = messages->count,
                               .keys = bench->options->keys,
                               .value_bytes = bench->options->value_bytes,
                               .in_flight = 1,
                               .responder = responder};
}

/* ---- the providers ---- */

static int start_provider(struct bench_auth *bench, enum bench_auth_mode mode)
{
    struct bench_provider provider = {.path = bench->options->provider,
                                      .binding = modes[mode].binding,
                                      .auth = bench_auth_mode_names[mode],
                                      .workers = bench->options->workers,
                                      .mint = bench->mint};
    bench->providers[mode].name = modes[mode].name;
    return bench_stage_start_provider(&bench->stage, &bench->providers[mode], &provider);
}

/* Makes messages and sends each of them once. `waits`: until somebody answers, by the only one of them. */
static int send_once(struct bench_auth *bench, enum bench_auth_mode mode, enum bench_operation operation,
                     size_t first, size_t count, bool waits)
{
    struct bench_messages messages = {0};
    struct bench_messages_wanted wanted = wanted_of(bench, mode, operation);
    struct bench_result result;
    int code = -1;
    wanted.first_key = first;
    wanted.count = count;
    if (operation == BENCH_BIND)
        wanted.headers = BENCH_HEADERS_BOTH;
    if (bench_messages_make(&messages, &wanted) == 0) {
        struct bench_work work = work_of(bench, operation, &messages, &bench->providers[mode]);
        work.each_key = count;
        work.in_flight = waits ? 1 : BENCH_LOADING_IN_FLIGHT;
        code = waits ? bench_stage_await(&bench->stage, &work)
               : bench_stage_run(&bench->stage, &work, &result) == BENCH_OK ? 0
                                                                            : -1;
    }
    bench_messages_free(&messages);
    return code;
}

static int await(struct bench_auth *bench, enum bench_auth_mode mode, enum bench_operation operation)
{
    return send_once(bench, mode, operation, 0, 1, true);
}

/* Sets every key. Where that takes invocations, they are made by the chunk. */
static int load_keys(struct bench_auth *bench, enum bench_auth_mode mode)
{
    size_t keys = (size_t)bench->options->keys;
    size_t chunk = modes[mode].headers == BENCH_HEADERS_BOTH ? LOADING_CHUNK : keys;
    for (size_t first = 0; first < keys; first += chunk)
        if (send_once(bench, mode, BENCH_SET, first, keys - first < chunk ? keys - first : chunk, false) != 0)
            return -1;
    return 0;
}

static int prepare_provider(struct bench_auth *bench, enum bench_auth_mode mode)
{
    if (start_provider(bench, mode) != 0)
        return -1;
    if (mode == BENCH_AUTH_BINDING && (await(bench, mode, BENCH_BIND) != 0 ||
                                       send_once(bench, mode, BENCH_BIND, 0, bench->mint->count, false) != 0))
        return -1;
    if (await(bench, mode, BENCH_SET) != 0 || load_keys(bench, mode) != 0 ||
        await(bench, mode, BENCH_GET) != 0)
        return -1;
    fprintf(stderr, "%s: pid %d\n", modes[mode].name, (int)bench->providers[mode].pid);
    return 0;
}

static int prepare_echo(struct bench_auth *bench, enum bench_auth_row row)
{
    struct bench_child *echo = &bench->echoes[echo_of(row)];
    if (make_gets(bench, row, 0) != 0)
        return -1;
    if (echo->pid == 0) {
        echo->name = echoes[echo_of(row)].name;
        if (bench_stage_start_echo(&bench->stage, echo, echoes[echo_of(row)].kind,
                                   echoes[echo_of(row)].subject) != 0)
            return -1;
    }
    struct bench_work work = work_of(bench, BENCH_ECHO_REQUEST, &bench->messages[row], echo);
    work.each_key = 1;
    return bench_stage_await(&bench->stage, &work);
}

static int prepare(struct bench_auth *bench)
{
    bench->mint = bench_mint_create(bench->options->actors);
    if (bench->mint == NULL)
        return -1;
    fprintf(stderr, "claims of %zu bytes\n", strlen(bench->mint->actors[0].claims));
    for (enum bench_auth_mode mode = 0; mode < BENCH_AUTH_MODES; mode++)
        if (prepare_provider(bench, mode) != 0)
            return -1;
    for (enum bench_auth_row row = 0; row < BENCH_AUTH_ROWS; row++)
        if ((is_provider(row) ? make_gets(bench, row, 1) : prepare_echo(bench, row)) != 0)
            return -1;
    return 0;
}

/* ---- measuring ---- */

/* Whether each of its requests can be sent only once. */
static bool sends_once(enum bench_auth_row row)
{
    return is_provider(row) && modes[bench_auth_rows[row].mode].headers == BENCH_HEADERS_BOTH;
}

static int measure(void *context, unsigned round, size_t load, size_t number, struct bench_result *result)
{
    struct bench_auth *bench = context;
    const struct bench_options *options = bench->options;
    enum bench_auth_row row = (enum bench_auth_row)number;
    enum bench_auth_mode mode = bench_auth_rows[row].mode;
    unsigned in_flight = options->in_flight.items[load];
    /* Invocations are good for a minute: made just before. */
    if (sends_once(row) && make_gets(bench, row, in_flight) != 0)
        return -1;
    struct bench_work work =
        work_of(bench, is_provider(row) ? BENCH_GET : BENCH_ECHO_REQUEST, &bench->messages[row],
                is_provider(row) ? &bench->providers[mode] : &bench->echoes[echo_of(row)]);
    work.in_flight = in_flight;
    if (bench_stage_measure(&bench->stage, &options->limits, sends_once(row) ? options->invocations : 0,
                            &work, result) == 0)
        return 0;
    bench_complain("failed in round %u, mode %s, %s at %u in flight", round + 1, bench_auth_mode_names[mode],
                   work.responder->name, in_flight);
    return -1;
}

static void end(struct bench_auth *bench)
{
    for (int i = 0; i < BENCH_AUTH_MODES; i++)
        bench_child_stop(&bench->providers[i]);
    for (int i = 0; i < ECHOES; i++)
        bench_child_stop(&bench->echoes[i]);
    bench_stage_end(&bench->stage);
    for (int i = 0; i < BENCH_AUTH_ROWS; i++)
        bench_messages_free(&bench->messages[i]);
    bench_mint_destroy(bench->mint);
    bench_grid_destroy(&bench->grid);
}

int bench_auth_run(struct bench_options *options)
{
    struct bench_auth bench = {.options = options};
    int code = 1;
    if (bench_grid_init(&bench.grid, options->rounds, options->in_flight.count, BENCH_AUTH_ROWS) == 0 &&
        bench_stage_begin(&bench.stage) == 0 && prepare(&bench) == 0 &&
        bench_grid_measure(&bench.grid, measure, &bench) == 0) {
        bench_auth_table(&bench.grid, options, options->json ? stderr : stdout);
        if (options->json)
            bench_auth_json(&bench.grid, options, stdout);
        code = fflush(stdout) == 0 ? 0 : 1;
    }
    end(&bench);
    return code;
}
