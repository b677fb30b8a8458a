#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "requester.h"

#define EXIT_USAGE_LINE 64
#define MAX_SECONDS 600
#define MAX_REQUESTS UINT64_C(100000000)

const char *const bench_responder_names[BENCH_RESPONDERS] = {"bare", "default", "get", "set", "add"};

/* In parts, as ISO C promises no longer literals. */
static const char help[] =
    "Usage: wascc-keyvalue-bench [OPTION]...\n"
    "       wascc-keyvalue-bench --auth [OPTION]...\n"
    "\n"
    "Measures the provider against a bare echo, at several loads, over a nats-server (found on PATH) that it "
    "starts\n"
    "on a free loopback port and stops. All processes share this machine, so absolute figures say more about "
    "it than\n"
    "about the provider: look at the ratios.\n"
    "\n"
    "Responders:\n"
    "  bare     nats.c as an event loop on one thread, a synchronous subscription, the replies of one read "
    "in one\n"
    "           write (natsOptions_SetEventLoop, natsOptions_SetSendAsap): the floor\n"
    "  default  a nats.c callback subscription with nothing but defaults\n"
    "  get, set, add\n"
    "           `wascc-keyvalue serve --auth none`; Get and Set on --keys scalars, Add on --keys counters, "
    "all of\n"
    "           them there before the measuring begins\n"
    "\n"
    "What is compared: a request goes to a subject of the same shape and length for all (an operation of an "
    "actor),\n"
    "in a queue group. The echoes answer with the request's payload, a GetResponse of --value-bytes, so "
    "their replies\n"
    "are exactly as large as Get's. Every reply is checked; a wrong one or an error fails the run.\n"
    "\n"
    "Figures, each followed by its ratio to the bare echo at the same load: requests a second; p50 and p99 "
    "of the time\n"
    "from before a request's write to after its reply's read; processor time (user and system, all threads) "
    "of the\n"
    "responder's process for each request. They are medians over the rounds; ratios are taken within a "
    "round, where\n"
    "the responders follow each other closely, and the median is of those. `load` is how much of one core "
    "the\n"
    "requester used at the most: near 100% it is the requester that was measured.\n"
    "\n";

static const char help_auth[] =
    "With --auth another table: the processor time of a Get in each mode of --auth, all in one run. In each "
    "mode\n"
    "stands first an echo that gets the very same messages and then the provider:\n"
    "  bare     the bare echo of above, which looks at no header\n"
    "  reads    the same, and it reads the headers that the mode asks for (natsMsgHeader_Get)\n"
    "  get      `wascc-keyvalue serve --auth <mode>`\n"
    "The messages are Gets of --actors actors in turn: without headers for none and binding (all actors are "
    "bound\n"
    "before the measuring), with Wascc-Claims of some 600 bytes for claims (all claims are remembered then, "
    "as "
    "they\n"
    "are in use), with Wascc-Claims and Wascc-Invocation for invocation. An echo answers with the payload; a "
    "value of\n"
    "12 bytes makes a Get's reply as long as that. `beyond` is the median difference, in nanoseconds of "
    "processor time,\n"
    "to the echo that reads the headers (to the bare one where there are none). The last lines reckon what "
    "remembered\n"
    "claims cost beyond reading the header: (claims - none) - (reading echo - bare echo without headers).\n"
    "\n"
    "An invocation is good once, so each costs a fresh Ed25519 signature by the requester, made before the "
    "measuring,\n"
    "and its verification by the provider, which is most of what mode invocation costs. A measurement there "
    "ends after\n"
    "--invocations requests where --seconds would allow more. The echoes get the same 2048 again and again.\n"
    "\n"
    "nats.c frees a message on a thread of its own, which each natsMsg_Destroy wakes if it sleeps. The "
    "provider\n"
    "destroys its messages in bulk, the echoes one by one, as a program would that is bare: so a ratio may "
    "be "
    "below 1.\n"
    "The more there is to free, as for a header that was read, the more that tells: it makes `beyond` and "
    "the "
    "last\n"
    "lines smaller than they would be beside an echo that frees as the provider does.\n"
    "\n";

static const char help_options[] =
    "Options:\n"
    "  --auth              the table of the modes of --auth\n"
    "  --provider PATH     the program to measure (default: wascc-keyvalue beside this program)\n"
    "  --responders LIST   of those above, by commas (default: all; bare is always there)\n"
    "  --in-flight LIST    requests in flight, by commas (default: 1,8,64,512; with --auth\n"
    "                      64,512)\n"
    "  --seconds S         to measure each responder at each load in each round, after a tenth of it for "
    "warming up\n"
    "                      (default: 0.5)\n"
    "  --requests N        instead of --seconds: requests to measure (it ends after 60 s in any case)\n"
    "  --rounds N          times to repeat it all (default: 5)\n"
    "  --workers N         the provider's --workers (default: 1, as the bare echo has)\n"
    "  --keys N            scalars, and as many counters (default: 1000000; with --auth 10000)\n"
    "  --value-bytes N     of each scalar (default: 32; with --auth 12)\n"
    "  --actors N          with --auth: actors that ask in turn, each with claims of its own (default: 64)\n"
    "  --invocations N     with --auth: requests to measure in mode invocation at the most (default: 20000)\n"
    "  --json              JSON lines on stdout; the table goes to stderr\n"
    "  --help              this\n"
    "\n"
    "Exits with 0, 1 where something failed, 64 for a bad option.\n";

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < least || number > most)
        return false;
    *value = number;
    return true;
}

static bool read_unsigned(const char *text, unsigned most, unsigned *value)
{
    uint64_t number;
    if (!read_number(text, 1, most, &number))
        return false;
    *value = (unsigned)number;
    return true;
}

static bool read_seconds(const char *text, double *value)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) || number < 0.01 || number > MAX_SECONDS)
        return false;
    *value = number;
    return true;
}

/* Takes the next part of a list out of it. Returns NULL at the end. */
static char *next_part(char **list)
{
    return *list == NULL ? NULL : strsep(list, ",");
}

static bool read_loads(char *list, struct bench_options *options)
{
    options->loads = 0;
    for (char *part; (part = next_part(&list)) != NULL;) {
        if (options->loads == BENCH_MAX_LOADS ||
            !read_unsigned(part, BENCH_MAX_IN_FLIGHT, &options->in_flight[options->loads]))
            return false;
        options->loads++;
    }
    return options->loads > 0;
}

static bool read_responders(char *list, struct bench_options *options)
{
    memset(options->responders, 0, sizeof options->responders);
    options->responders[BENCH_BARE] = true;
    for (char *part; (part = next_part(&list)) != NULL;) {
        size_t i = 0;
        while (i < BENCH_RESPONDERS && strcmp(part, bench_responder_names[i]) != 0)
            i++;
        if (i == BENCH_RESPONDERS)
            return false;
        options->responders[i] = true;
    }
    return true;
}

bool bench_options_beside_us(char path[BENCH_PATH_BYTES])
{
    static const char name[] = "wascc-keyvalue";
    ssize_t len = readlink("/proc/self/exe", path, BENCH_PATH_BYTES - sizeof name);
    if (len <= 0 || (size_t)len >= BENCH_PATH_BYTES - sizeof name)
        return false;
    path[len] = '\0';
    memcpy(strrchr(path, '/') + 1, name, sizeof name);
    return true;
}

static bool read_path(const char *text, char *path)
{
    int len = snprintf(path, BENCH_PATH_BYTES, "%s", text);
    return len > 0 && len < BENCH_PATH_BYTES;
}

enum option_name {
    PROVIDER = 1,
    RESPONDERS,
    IN_FLIGHT,
    SECONDS,
    REQUESTS,
    ROUNDS,
    WORKERS,
    KEYS,
    VALUE_BYTES,
    JSON,
    AUTH,
    ACTORS,
    INVOCATIONS,
    HELP,
};

static const struct option long_options[] = {{"provider", required_argument, NULL, PROVIDER},
                                             {"responders", required_argument, NULL, RESPONDERS},
                                             {"in-flight", required_argument, NULL, IN_FLIGHT},
                                             {"seconds", required_argument, NULL, SECONDS},
                                             {"requests", required_argument, NULL, REQUESTS},
                                             {"rounds", required_argument, NULL, ROUNDS},
                                             {"workers", required_argument, NULL, WORKERS},
                                             {"keys", required_argument, NULL, KEYS},
                                             {"value-bytes", required_argument, NULL, VALUE_BYTES},
                                             {"json", no_argument, NULL, JSON},
                                             {"auth", no_argument, NULL, AUTH},
                                             {"actors", required_argument, NULL, ACTORS},
                                             {"invocations", required_argument, NULL, INVOCATIONS},
                                             {"help", no_argument, NULL, HELP},
                                             {NULL, 0, NULL, 0}};

/* What each option wants, for the line about a bad one. */
static const char *const wants[] = {
    [PROVIDER] = "a path",
    [RESPONDERS] = "names out of bare, default, get, set, add, with commas between them",
    [IN_FLIGHT] = "1 to 16 numbers from 1 to 16384, with commas between them",
    [SECONDS] = "a number from 0.01 to 600",
    [REQUESTS] = "a number from 1 to 100000000",
    [ROUNDS] = "a number from 1 to 1000",
    [WORKERS] = "a number from 1 to 1024",
    [KEYS] = "a number from 1 to 100000000",
    [VALUE_BYTES] = "a number from 1 to 65536",
    [ACTORS] = "a number from 1 to 1024",
    [INVOCATIONS] = "a number from 100 to 100000",
};

static bool take(int name, char *value, struct bench_options *options)
{
    uint64_t number = 0;
    bool right = false;
    switch (name) {
    case PROVIDER:
        return read_path(value, options->provider);
    case RESPONDERS:
        return read_responders(value, options);
    case IN_FLIGHT:
        return read_loads(value, options);
    case SECONDS:
        return read_seconds(value, &options->seconds);
    case REQUESTS:
        return read_number(value, 1, MAX_REQUESTS, &options->requests);
    case ROUNDS:
        return read_unsigned(value, BENCH_MAX_ROUNDS, &options->rounds);
    case WORKERS:
        return read_unsigned(value, 1024, &options->workers);
    case KEYS:
        return read_number(value, 1, BENCH_MAX_KEYS, &options->keys);
    case VALUE_BYTES:
        right = read_number(value, 1, BENCH_MAX_VALUE_BYTES, &number);
        options->value_bytes = (size_t)number;
        return right;
    case ACTORS:
        return read_unsigned(value, 1024, &options->actors);
    case INVOCATIONS:
        return read_unsigned(value, 100000, &options->invocations) && options->invocations >= 100;
    case AUTH:
        options->auth = true;
        return true;
    default:
        options->json = true;
        return true;
    }
}

static const char *option_text(int name)
{
    size_t i = 0;
    while (long_options[i].val != name)
        i++;
    return long_options[i].name;
}

/* What depends on which table it is, where it was not given. */
static void fill_in(struct bench_options *options)
{
    static const unsigned main_loads[] = {1, 8, 64, 512};
    static const unsigned auth_loads[] = {64, 512};
    if (options->loads == 0) {
        options->loads = options->auth ? 2 : 4;
        memcpy(options->in_flight, options->auth ? auth_loads : main_loads,
               options->loads * sizeof options->in_flight[0]);
    }
    if (options->keys == 0)
        options->keys = options->auth ? 10000 : 1000000;
    if (options->value_bytes == 0)
        options->value_bytes = options->auth ? 12 : 32;
}

/* Returns -1, or the code to exit with. */
static int read_all(int argc, char *argv[], struct bench_options *options)
{
    bool responders = false;
    for (int name; (name = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (name == HELP) {
            fputs(help, stdout);
            fputs(help_auth, stdout);
            fputs(help_options, stdout);
            return 0;
        }
        if (name == '?') /* getopt has said it */
            return EXIT_USAGE_LINE;
        /* The value is taken apart where it stands, so it is not shown again. */
        if (!take(name, optarg, options)) {
            bench_complain("--%s wants %s", option_text(name), wants[name]);
            return EXIT_USAGE_LINE;
        }
        responders = responders || name == RESPONDERS;
    }
    if (optind < argc) {
        bench_complain("'%s' is no option; see --help", argv[optind]);
        return EXIT_USAGE_LINE;
    }
    if (options->auth && responders) {
        bench_complain("--auth always measures all of its responders: leave --responders out");
        return EXIT_USAGE_LINE;
    }
    return -1;
}

int bench_options_parse(int argc, char *argv[], struct bench_options *options)
{
    *options = (struct bench_options){.responders = {true, true, true, true, true},
                                      .seconds = 0.5,
                                      .rounds = 5,
                                      .workers = 1,
                                      .actors = 64,
                                      .invocations = 20000};
    if (!bench_options_beside_us(options->provider)) {
        bench_complain("cannot tell where this program lies: name the provider with --provider");
        return 1;
    }
    int code = read_all(argc, argv, options);
    fill_in(options);
    return code;
}
