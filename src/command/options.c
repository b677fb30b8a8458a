#include "command/options.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "command/wrap.h"
#include "operation/identity.h"
#include "server/server.h"
#include "support/nearest.h"
#include "wascc_keyvalue/store.h"

#define CALL WKV_COMMAND_CALL
#define EXPORT WKV_COMMAND_EXPORT
#define HEALTH WKV_COMMAND_HEALTH
#define IMPORT WKV_COMMAND_IMPORT
#define INSPECT WKV_COMMAND_INSPECT
#define SERVE WKV_COMMAND_SERVE
#define TOKEN WKV_COMMAND_TOKEN
#define TOP WKV_COMMAND_TOP

#define ASKING (CALL | EXPORT | HEALTH | IMPORT | TOP)

#define TEXT .kind = WKV_OPTION_TEXT
#define CHOICE .kind = WKV_OPTION_CHOICE
#define SECRET .kind = WKV_OPTION_SECRET
#define LIST .kind = WKV_OPTION_LIST
#define NUMBER .kind = WKV_OPTION_NUMBER
#define SIZE .kind = WKV_OPTION_SIZE
#define DURATION .kind = WKV_OPTION_DURATION
#define FLAG .kind = WKV_OPTION_FLAG

/* Whose value it is, and which commands take it. */
#define FOR(takers, member) .commands = (takers), .offset = offsetof(struct wkv_config, member)
#define BETWEEN(low, high) .least = (low), .most = (high)

#define LOG .of_log = true
#define COMMAND .is_command = true

#define DAY_MS 86400000

/* A row is two lines or three. */
/* clang-format off */
const struct wkv_option wkv_options[] = {
    {.name = "server", SECRET, FOR(WKV_CONNECTING, connect.server), .variables = "NATS_URL LATTICE_HOST",
     .argument = "URL[,URL]", .initial = "nats://127.0.0.1:4222",
     .help = "The NATS servers to connect to, separated by commas; a tls:// URL means TLS or nothing; each "
             "variable also with _FILE behind its name"},
    {.name = "creds", TEXT, FOR(WKV_CONNECTING, connect.creds), .variables = "NATS_CREDS LATTICE_CREDS_FILE",
     .argument = "FILE", .help = "A file of NATS user credentials, as nsc writes it"},
    {.name = "user", TEXT, FOR(WKV_CONNECTING, connect.user), .variables = "NATS_USER", .argument = "NAME",
     .help = "The NATS user"},
    {.name = "password", SECRET, FOR(WKV_CONNECTING, connect.password), .variables = "NATS_PASSWORD",
     .argument = "TEXT", .help = "The user's password; the variable hides it better than a command line"},
    {.name = "password-file", TEXT, FOR(WKV_CONNECTING, connect.password_file),
     .variables = "NATS_PASSWORD_FILE", .argument = "FILE",
     .help = "A file with the password, read for each connection"},
    {.name = "nkey", TEXT, FOR(WKV_CONNECTING, connect.nkey), .variables = "NATS_NKEY", .argument = "FILE",
     .help = "A file with the NATS user's seed"},
    {.name = "tlsca", TEXT, FOR(WKV_CONNECTING, connect.tlsca), .variables = "NATS_CA", .argument = "FILE",
     .help = "The certificates to trust, PEM"},
    {.name = "tlscert", TEXT, FOR(WKV_CONNECTING, connect.tlscert), .variables = "NATS_CERT",
     .argument = "FILE", .help = "A client's certificate, PEM"},
    {.name = "tlskey", TEXT, FOR(WKV_CONNECTING, connect.tlskey), .variables = "NATS_KEY", .argument = "FILE",
     .help = "The certificate's private key, PEM"},
    {.name = "inbox-prefix", TEXT, FOR(WKV_CONNECTING, connect.inbox_prefix), .variables = "NATS_INBOX_PREFIX",
     .argument = "PREFIX", .otherwise = "_INBOX",
     .help = "How the subjects begin on which this program gets replies"},
    {.name = "context", TEXT, FOR(ASKING, context), .variables = "NATS_CONTEXT", .argument = "NAME",
     .otherwise = "the selected one",
     .help = "A context of the nats CLI, which says what these options do not: server, user and password, token, "
             "creds, nkey, certificates and inbox prefix; '' is none"},
    {.name = "lattice-namespace", TEXT, FOR(WKV_CONNECTING, address.lattice_namespace),
     .variables = "LATTICE_NAMESPACE", .argument = "NS", .otherwise = "none",
     .help = "The lattice's namespace, in front of every subject"},
    {.name = "binding", TEXT, FOR(WKV_CONNECTING, address.binding), .argument = "NAME",
     .initial = WKV_DEFAULT_BINDING, .help = "The binding that is served or asked for"},
    {.name = "auth", CHOICE, FOR(SERVE, trust.auth), .argument = "claims|invocation|binding|none",
     .initial = "claims", .help = "What a request must bring"},
    {.name = "trusted-issuer", LIST, FOR(SERVE | INSPECT, trust.issuers), .argument = "A...[,A...]",
     .help = "Accounts whose actor claims are believed, separated by commas; repeats"},
    {.name = "trusted-issuer-file", TEXT, FOR(SERVE, trust.issuer_file), .argument = "FILE",
     .help = "A file with more of them, one or more a line, read again on SIGHUP"},
    {.name = "trusted-host", LIST, FOR(SERVE | INSPECT, trust.hosts), .argument = "N...[,N...]|any",
     .help = "Hosts whose invocation claims are believed, separated by commas; repeats"},
    {.name = "trusted-host-file", TEXT, FOR(SERVE, trust.host_file), .argument = "FILE",
     .help = "A file with more of them, one or more a line, read again on SIGHUP"},
    {.name = "require-binding", FLAG, FOR(SERVE, trust.require_binding),
     .help = "Refuse actors that no host has bound"},
    {.name = "engine", CHOICE, FOR(SERVE, serve.engine), .argument = "memory|jetstream", .initial = "memory",
     .help = "Where the data is: in this process alone, or in a stream of the NATS servers, which any number of "
             "instances serve"},
    {.name = "replicas", NUMBER, LOG, FOR(SERVE, serve.replicas), BETWEEN(1, 5), .argument = "N",
     .otherwise = "3 in a cluster of three servers or more, else 1",
     .help = "How many servers are to keep the stream, said when it is made"},
    {.name = "reads", CHOICE, LOG, FOR(SERVE, serve.reads), .argument = "linearizable|local",
     .initial = "linearizable",
     .help = "Whether reads see all that was answered before, or at once what this instance has, at most 3 s old"},
    {.name = "write-timeout", DURATION, LOG, FOR(SERVE, serve.write_timeout_ms), BETWEEN(10, DAY_MS),
     .argument = "TIME", .initial = "2s",
     .help = "How long a change may wait for the stream: then it is 503, or 504 where its outcome is not known"},
    {.name = "log-max-size", SIZE, LOG, FOR(SERVE, serve.log_max_bytes), BETWEEN(WKV_LOG_LEAST_BYTES, INT64_MAX),
     .argument = "SIZE", .initial = "4gib",
     .help = "How large the stream may grow between snapshots, said when it is made"},
    {.name = "snapshot-every", DURATION, LOG, FOR(SERVE, serve.snapshot_every_ms), BETWEEN(100, DAY_MS),
     .argument = "TIME", .initial = "10m",
     .help = "The most time between two snapshots of what has changed, which let the stream be purged"},
    {.name = "js-domain", TEXT, LOG, FOR(SERVE, serve.js_domain), .argument = "NAME", .otherwise = "none",
     .help = "The JetStream domain that has the stream"},
    {.name = "workers", NUMBER, FOR(SERVE, serve.workers), BETWEEN(1, WKV_MAX_WORKERS), .argument = "N",
     .otherwise = "as many as the processors that it may use",
     .help = "Event loops, each a thread with a NATS connection of its own"},
    {.name = "shards", NUMBER, FOR(SERVE, serve.shards), BETWEEN(1, WKV_STORE_MAX_SHARDS), .argument = "N",
     .initial = "64", .help = "Parts of the store, each with its lock, rounded up to a power of two"},
    {.name = "max-memory", SIZE, FOR(SERVE, serve.max_memory_bytes), BETWEEN(0, UINT64_MAX), .argument = "SIZE",
     .initial = "0", .help = "How much the store may hold, overheads included; 0 is no bound"},
    {.name = "evict", CHOICE, FOR(SERVE, serve.evict), .argument = "none|any|expiring", .initial = "none",
     .help = "Which keys may make room for others when --max-memory is spent"},
    {.name = "max-key-size", SIZE, FOR(SERVE, serve.max_key_bytes), BETWEEN(1, WKV_STORE_MAX_KEY_BYTES),
     .argument = "SIZE", .initial = "16kb", .help = "How large a key may be"},
    {.name = "max-value-size", SIZE, FOR(SERVE, serve.max_value_bytes), BETWEEN(1, WKV_STORE_MAX_VALUE_BYTES),
     .argument = "SIZE", .initial = "1mb", .help = "How large a value, list item or set member may be"},
    {.name = "max-wait", DURATION, FOR(SERVE, serve.max_wait_ms), BETWEEN(1, DAY_MS), .argument = "TIME",
     .initial = "500ms", .help = "A request that has waited longer when its turn comes is refused with 503"},
    {.name = "duplicate-window", DURATION, FOR(SERVE, serve.duplicate_window_ms), BETWEEN(1, DAY_MS),
     .argument = "TIME", .initial = "2m",
     .help = "How long the Nats-Msg-Id of a write is remembered, which is done once in that time"},
    {.name = "drain-timeout", DURATION, FOR(SERVE, serve.drain_timeout_ms), BETWEEN(0, DAY_MS), .argument = "TIME",
     .initial = "10s", .help = "How long it may take to answer what has been received, when told to stop"},
    {.name = "allow-split", FLAG, FOR(SERVE, serve.allow_split),
     .help = "Serve beside another instance on the same binding, each holding a part of the data"},
    {.name = "log-level", CHOICE, FOR(SERVE, log.level), .argument = "error|warn|info|debug", .initial = "info",
     .help = "The least severe lines that are logged"},
    {.name = "log-format", CHOICE, FOR(SERVE, log.format), .argument = "text|json", .initial = "text",
     .help = "The log's format, one line an event, on standard error"},
    {.name = "metrics-listen", TEXT, FOR(SERVE, serve.metrics_listen), .argument = "[HOST]:PORT", .otherwise = "off",
     .help = "Where to serve /metrics, /livez and /readyz over HTTP, such as 127.0.0.1:9464 or :9464"},
    {.name = "actor", TEXT, FOR(CALL, call.actor), .argument = "M...|system",
     .otherwise = "system where only it may ask, else the actor of --claims, else an example's key",
     .help = "The actor in whose name to ask"},
    {.name = "claims", TEXT, FOR(CALL, call.claims), .argument = "FILE", .help = "The actor claims to send"},
    {.name = "host-seed", TEXT, FOR(CALL | EXPORT | IMPORT, call.host_seed), .argument = "FILE",
     .help = "Sign invocation claims with this host's seed"},
    {.name = "message-id", TEXT, FOR(CALL, call.message_id), .argument = "ID", .otherwise = "none",
     .help = "Make a change once, however often it is sent with this id, as its header Nats-Msg-Id"},
    {.name = "all", FLAG, FOR(CALL, call.all),
     .help = "Ask for the next page as long as the reply has a cursor, as those of Keys and Bindings"},
    {.name = "issuer-seed", TEXT, FOR(TOKEN, token.issuer_seed), .argument = "FILE",
     .help = "The seed of the account that signs, as keygen prints it"},
    {.name = "subject", TEXT, FOR(TOKEN, token.subject), .argument = "M...",
     .help = "The actor that the claims are for"},
    {.name = "cap", LIST, FOR(TOKEN, token.capabilities), .argument = "CAPABILITY[,CAPABILITY]",
     .help = "Capabilities that the claims hold, such as wascc:keyvalue, separated by commas; repeats"},
    {.name = "name", TEXT, FOR(TOKEN, token.name), .argument = "TEXT", .help = "The actor's name, for people"},
    {.name = "expires-in", DURATION, FOR(TOKEN, token.expires_in_ms), BETWEEN(1000, 9999999999000), .argument = "TIME",
     .otherwise = "for ever", .help = "How long the claims hold, in whole seconds: 3600, 12h, 30d"},
    {.name = "timeout", DURATION, FOR(CALL | HEALTH | EXPORT | IMPORT, timeout_ms), BETWEEN(1, DAY_MS), .argument = "TIME",
     .initial = "2s", .help = "How long to wait for the answer"},
    {.name = "keyspace", TEXT, FOR(EXPORT, transfer.keyspace), .argument = "NAME", .otherwise = "all of them",
     .help = "The only keyspace to export, and the actors that are bound to it"},
    {.name = "skip", NUMBER, FOR(IMPORT, transfer.skip), BETWEEN(0, UINT32_MAX), .argument = "LINES",
     .initial = "0", .help = "Pass by so many lines, which an import that was cut short says"},
    {.name = "self", FLAG, FOR(HEALTH, look.self),
     .help = "Ask the process that serves the binding on this machine, or in this container, and not NATS"},
    {.name = "json", FLAG, FOR(HEALTH, look.json), .help = "Print a JSON object, whatever the answer is"},
    {.name = "interval", DURATION, FOR(TOP, look.interval_ms), BETWEEN(100, 3600000), .argument = "TIME",
     .initial = "1s", .help = "The time between two looks"},
    {.name = "count", NUMBER, FOR(TOP, look.count), BETWEEN(0, UINT32_MAX), .argument = "N", .initial = "0",
     .help = "End after so many looks; 0 is never"},
    {.name = "config", TEXT, FOR(SERVE, serve.config), .argument = "FILE", .otherwise = "none",
     .help = "A file of options, one a line without its dashes: name = value; what the command line or the "
             "environment says wins over it"},
    {.name = "print-config", FLAG, COMMAND, FOR(SERVE, serve.print_config),
     .help = "Print what is in force and where each value comes from, without a secret, and end; --config reads "
             "what this prints"},
    {.name = "dev", TEXT, COMMAND, .is_optional = true, FOR(SERVE, serve.dev), .argument = "[DIR]",
     .otherwise = "~/.local/state/wascc-keyvalue/dev",
     .help = "For a desk, not for production: make an account, a host, an actor and its claims in DIR, or find "
             "them there, trust them, and print how to call the service"},
    {.name = "help", FLAG, COMMAND, FOR(WKV_COMMAND_ALL, help), .help = "Print this"},
};
/* clang-format on */

const size_t wkv_option_count = sizeof wkv_options / sizeof wkv_options[0];
_Static_assert(sizeof wkv_options / sizeof wkv_options[0] <= WKV_CONFIG_OPTIONS, "an origin for each");

const struct wkv_option *wkv_option_at(size_t offset)
{
    const struct wkv_option *option = wkv_options;
    while (option->offset != offset)
        option++;
    return option;
}

const struct wkv_option *wkv_option_find(struct wkv_text name, unsigned commands,
                                         const struct wkv_option **nearest)
{
    size_t least = name.len / 2 + 1;
    char whole[WKV_VARIABLE_BYTES];
    (void)snprintf(whole, sizeof whole, "%.*s", (int)(name.len < sizeof whole ? name.len : sizeof whole - 1),
                   name.data);
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++) {
        if ((option->commands & commands) == 0 || option->is_command)
            continue;
        if (wkv_text_is(name, option->name))
            return option;
        size_t distance = wkv_edit_distance(whole, option->name);
        if (distance < least && nearest != NULL) {
            least = distance;
            *nearest = option;
        }
    }
    return NULL;
}

const struct wkv_origin *wkv_option_origin(const struct wkv_option *option, const struct wkv_config *config)
{
    return &config->origins[option - wkv_options];
}

void wkv_option_variable(const struct wkv_option *option, char out[WKV_VARIABLE_BYTES])
{
    (void)snprintf(out, WKV_VARIABLE_BYTES, WKV_VARIABLE_PREFIX "%s", option->name);
    for (char *c = out; *c != '\0'; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

bool wkv_option_next_value(const char **rest, const char **value, size_t *len)
{
    *value = *rest + (**rest == '|');
    *len = strcspn(*value, "|");
    *rest = *value + *len;
    return *len > 0;
}

static void print_option(const struct wkv_option *option, FILE *out)
{
    char variable[WKV_VARIABLE_BYTES];
    const char *initial = option->otherwise != NULL ? option->otherwise : option->initial;
    struct wkv_wrap wrap = {.out = out, .indent = 6};
    bool takes = option->argument != NULL;
    (void)fprintf(out, "  --%s%s%s\n", option->name, takes ? " " : "", takes ? option->argument : "");
    wkv_wrap(&wrap, option->help);
    if (initial != NULL)
        wkv_wrap_all(&wrap, " (default: ", initial, ")", NULL);
    wkv_wrap_end(&wrap);
    if (option->is_command)
        return;
    wkv_option_variable(option, variable);
    (void)fprintf(out, "      [%s%s%s]\n", variable, option->variables == NULL ? "" : " ",
                  option->variables == NULL ? "" : option->variables);
}

void wkv_options_print(enum wkv_command_bit command, FILE *out)
{
    for (size_t i = 0; i < wkv_option_count; i++)
        if ((wkv_options[i].commands & command) != 0)
            print_option(&wkv_options[i], out);
}
