#include "lattice_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"
#include "requester.h"

#define EXIT_USAGE_LINE 64
/* They are signed before they are sent, and must all have come within a minute of that. */
#define MAX_INVOCATIONS 100000u

static const char help[] =
    "Usage: wascc-keyvalue-bench-lattice [OPTION]...\n"
    "\n"
    "Measures what an invocation of the lattice protocol costs the provider, beside libsodium's Ed25519 "
    "verification,\n"
    "which each needs: `wascc-keyvalue serve --auth invocation --workers 1` behind a nats-server (found on "
    "PATH) on a\n"
    "free loopback port. An actor is bound; then come Sets, Adds and Gets of it in turn, each signed by the "
    "host with an\n"
    "id of its own, in MessagePack as hosts of waSCC send them. Every response is checked.\n"
    "\n"
    "Signs new invocations again and again, and takes in turn, always of the same ones:\n"
    "  verification   crypto_sign_verify_detached alone on their claims\n"
    "  invocation, through NATS\n"
    "                 the provider, all its threads\n"
    "  bare echo      of nats.c, which sends each message back: what NATS costs (but its response is "
    "longer)\n"
    "  invocation, inside\n"
    "                 decoding, policy, operation and response, called directly: no NATS\n"
    "  unverified     the same with a verification that says yes at once: what is left is ours\n"
    "\n"
    "All figures are processor time (user and system), as medians over the rounds; a second of it is one "
    "core for a\n"
    "second. `rest` is what an invocation takes less the round's verification, and as a part of that: "
    "through NATS with\n"
    "the sockets, nats.c and the freeing of messages, inside without.\n"
    "\n"
    "What the figures do not say: how long a caller waits; what several workers do; what a nats-server needs "
    "for itself.\n"
    "Absolute ones are this machine's, and of the build's libsodium. A verification in a row of nothing else "
    "has its\n"
    "tables in the processor's cache, one between other work less so: that counts as rest. Where other work "
    "shares\n"
    "the cores, only the ratios within a run are worth comparing, and `rest` through NATS, a small "
    "difference of large\n"
    "figures, is the first to suffer: look at its quartiles (in brackets).\n"
    "\n";

static const char help_options[] =
    "Options:\n"
    "  --provider PATH    the program to measure (default: wascc-keyvalue beside this program)\n"
    "  --invocations N    measured in each round (default: 400)\n"
    "  --rounds N         (default: 101)\n"
    "  --in-flight N      requests in flight (default: 64)\n"
    "  --inside           only what needs no NATS\n"
    "  --unverified       only the last row and no table: for a profiler\n"
    "  --help             this\n"
    "\n"
    "Exits with 0, 1 where something failed, 64 for a bad option.\n";

enum option_name { PROVIDER = 1, INVOCATIONS, ROUNDS, IN_FLIGHT, INSIDE, UNVERIFIED, HELP };

static const struct option long_options[] = {{"provider", required_argument, NULL, PROVIDER},
                                             {"invocations", required_argument, NULL, INVOCATIONS},
                                             {"rounds", required_argument, NULL, ROUNDS},
                                             {"in-flight", required_argument, NULL, IN_FLIGHT},
                                             {"inside", no_argument, NULL, INSIDE},
                                             {"unverified", no_argument, NULL, UNVERIFIED},
                                             {"help", no_argument, NULL, HELP},
                                             {NULL, 0, NULL, 0}};

/* What each option wants, for the line about a bad one. */
static const char *const wants[] = {
    [PROVIDER] = "--provider wants a path",
    [INVOCATIONS] = "--invocations wants a number from 100 to 100000",
    [ROUNDS] = "--rounds wants a number from 1 to 1000",
    [IN_FLIGHT] = "--in-flight wants a number from 1 to 16384",
};

static bool read_number(const char *text, unsigned least, unsigned most, unsigned *value)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || errno != 0 || *end != '\0' || number < least || number > most)
        return false;
    *value = (unsigned)number;
    return true;
}

static bool take(int name, const char *value, struct bench_lattice_options *options)
{
    int len;
    switch (name) {
    case PROVIDER:
        len = snprintf(options->provider, sizeof options->provider, "%s", value);
        return len > 0 && len < (int)sizeof options->provider;
    case INVOCATIONS:
        return read_number(value, 100, MAX_INVOCATIONS, &options->invocations);
    case ROUNDS:
        return read_number(value, 1, BENCH_MAX_ROUNDS, &options->rounds);
    case IN_FLIGHT:
        return read_number(value, 1, BENCH_MAX_IN_FLIGHT, &options->in_flight);
    case UNVERIFIED:
        options->unverified = true;
        /* fall through */
    default:
        options->inside = true;
        return true;
    }
}

int bench_lattice_options_parse(int argc, char *argv[], struct bench_lattice_options *options)
{
    *options = (struct bench_lattice_options){.invocations = 400, .rounds = 101, .in_flight = 64};
    if (!bench_options_beside_us(options->provider)) {
        bench_complain("cannot tell where this program lies: name the provider with --provider");
        return 1;
    }
    for (int name; (name = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (name == HELP) {
            fputs(help, stdout);
            fputs(help_options, stdout);
            return 0;
        }
        if (name == '?') /* getopt has said it */
            return EXIT_USAGE_LINE;
        if (!take(name, optarg, options)) {
            bench_complain("%s", wants[name]);
            return EXIT_USAGE_LINE;
        }
    }
    if (optind == argc)
        return -1;
    bench_complain("'%s' is no option; see --help", argv[optind]);
    return EXIT_USAGE_LINE;
}
