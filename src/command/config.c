#include "command/config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "command/command.h"
#include "nats/connect.h"
#include "operation/provider.h"
#include "server/server.h"
#include "support/file.h"
#include "support/nearest.h"

#define CALL WKV_COMMAND_CALL
#define SERVE WKV_COMMAND_SERVE
#define TOKEN WKV_COMMAND_TOKEN
#define INSPECT WKV_COMMAND_INSPECT
#define TOP WKV_COMMAND_TOP
#define EVERY (WKV_COMMAND_SERVE | WKV_COMMAND_CALL | WKV_COMMAND_HEALTH | TOP)
#define ALL (EVERY | WKV_COMMAND_KEYGEN | TOKEN | INSPECT)

/* SECRET is a TEXT that must not stay where ps shows it; LIST is a TEXT that repeats. */
enum type { TEXT, SECRET, LIST, NUMBER, SIZE, DURATION, FLAG };

struct option_row {
    const char *name;
    enum type type;
    size_t offset; /* in struct wkv_config */
    unsigned commands;
    uint64_t min, max;
    const char *other_variables; /* beside WASCC_KEYVALUE_<NAME>, in order, spaces between */
    const char *argument;
    const char *initial;
    const char *help;
};

#define AT(member) offsetof(struct wkv_config, member)

static const struct option_row rows[] = {
    {"server", SECRET, AT(connect.server), EVERY, 0, 0, "NATS_URL LATTICE_HOST", "URL[,URL]",
     "nats://127.0.0.1:4222", "the NATS servers to connect to, or tls://...; each variable also with _FILE"},
    {"creds", TEXT, AT(connect.creds), EVERY, 0, 0, "NATS_CREDS LATTICE_CREDS_FILE", "FILE", NULL,
     "NATS user credentials"},
    {"user", TEXT, AT(connect.user), EVERY, 0, 0, "NATS_USER", "NAME", NULL, "NATS user"},
    {"password", SECRET, AT(connect.password), EVERY, 0, 0, "NATS_PASSWORD", "TEXT", NULL,
     "NATS password; better in the variable than on a command line"},
    {"password-file", TEXT, AT(connect.password_file), EVERY, 0, 0, "NATS_PASSWORD_FILE", "FILE", NULL,
     "file with the NATS password, read for each connection"},
    {"nkey", TEXT, AT(connect.nkey), EVERY, 0, 0, "NATS_NKEY", "FILE", NULL, "NATS user seed"},
    {"tlsca", TEXT, AT(connect.tlsca), EVERY, 0, 0, "NATS_CA", "FILE", NULL, "certificates to trust, PEM"},
    {"tlscert", TEXT, AT(connect.tlscert), EVERY, 0, 0, "NATS_CERT", "FILE", NULL, "client certificate, PEM"},
    {"tlskey", TEXT, AT(connect.tlskey), EVERY, 0, 0, "NATS_KEY", "FILE", NULL, "its private key, PEM"},
    {"inbox-prefix", TEXT, AT(connect.inbox_prefix), EVERY, 0, 0, "NATS_INBOX_PREFIX", "PREFIX", NULL,
     "where replies to this program come, in place of _INBOX"},
    {"lattice-namespace", TEXT, AT(address.lattice_namespace), EVERY, 0, 0, "LATTICE_NAMESPACE", "NS", NULL,
     "the lattice's namespace, in front of every subject"},
    {"binding", TEXT, AT(address.binding), EVERY, 0, 0, NULL, "NAME", WKV_DEFAULT_BINDING,
     "the binding to serve"},
    {"auth", TEXT, AT(auth), SERVE, 0, 0, NULL, "MODE", "claims",
     "what a request must bring: claims, invocation, binding or none"},
    {"trusted-issuer", LIST, AT(trusted_issuers), SERVE | INSPECT, 0, 0, NULL, "A...[,A...]", NULL,
     "an account whose actor claims are believed; repeats"},
    {"trusted-issuer-file", TEXT, AT(trusted_issuer_file), SERVE, 0, 0, NULL, "FILE", NULL,
     "more of them, read again on SIGHUP"},
    {"trusted-host", LIST, AT(trusted_hosts), SERVE | INSPECT, 0, 0, NULL, "N...[,N...]|any", NULL,
     "a host whose invocation claims are believed; repeats"},
    {"trusted-host-file", TEXT, AT(trusted_host_file), SERVE, 0, 0, NULL, "FILE", NULL,
     "more of them, read again on SIGHUP"},
    {"require-binding", FLAG, AT(require_binding), SERVE, 0, 0, NULL, NULL, NULL,
     "refuse actors that no host has bound"},
    {"workers", NUMBER, AT(workers), SERVE, 1, WKV_MAX_WORKERS, NULL, "N", NULL,
     "event loops, each with a connection (default: the processors that it may use)"},
    {"shards", NUMBER, AT(shards), SERVE, 1, WKV_STORE_MAX_SHARDS, NULL, "N", "64",
     "parts of the store, each with its lock; rounded up to a power of two"},
    {"max-memory", SIZE, AT(max_memory_bytes), SERVE, 0, UINT64_MAX, NULL, "SIZE", "0",
     "what the store may hold, as 512mb or 2Gi; 0: no bound"},
    {"max-key-size", SIZE, AT(max_key_bytes), SERVE, 1, WKV_STORE_MAX_KEY_BYTES, NULL, "SIZE", "16kb",
     "bytes of a key at the most"},
    {"max-value-size", SIZE, AT(max_value_bytes), SERVE, 1, WKV_STORE_MAX_VALUE_BYTES, NULL, "SIZE", "1mb",
     "bytes of a value, list item or set member at the most"},
    {"max-wait", DURATION, AT(max_wait_ms), SERVE, 1, 86400000, NULL, "TIME", "500ms",
     "refuse with 503 what has waited longer when its turn comes"},
    {"drain-timeout", DURATION, AT(drain_timeout_ms), SERVE, 0, 86400000, NULL, "TIME", "10s",
     "for answering what has been received when told to stop, as 10s or 500ms"},
    {"allow-split", FLAG, AT(allow_split), SERVE, 0, 0, NULL, NULL, NULL,
     "serve beside another instance on the same binding, each holding a part of the data"},
    {"log-level", TEXT, AT(log_level), SERVE, 0, 0, NULL, "LEVEL", "info", "error, warn, info or debug"},
    {"log-format", TEXT, AT(log_format), SERVE, 0, 0, NULL, "FORMAT", "text", "text or json"},
    {"metrics-listen", TEXT, AT(metrics_listen), SERVE, 0, 0, NULL, "[HOST]:PORT", NULL,
     "serve /metrics, /livez and /readyz over HTTP there, as 127.0.0.1:9464 or :9464 (default: off)"},
    {"actor", TEXT, AT(actor), CALL, 0, 0, NULL, "M...|system", NULL,
     "whom to speak as (default: system where only it may ask, the actor of --claims, else an example's "
     "key)"},
    {"claims", TEXT, AT(claims), CALL, 0, 0, NULL, "FILE", NULL, "actor claims to send"},
    {"host-seed", TEXT, AT(host_seed), CALL, 0, 0, NULL, "FILE", NULL,
     "sign invocation claims with this host's seed"},
    {"all", FLAG, AT(all), CALL, 0, 0, NULL, NULL, NULL,
     "ask for the next page as long as the reply has a cursor, as those of Keys and Bindings"},
    {"issuer-seed", TEXT, AT(issuer_seed), TOKEN, 0, 0, NULL, "FILE", NULL,
     "the account's seed, which signs"},
    {"subject", TEXT, AT(subject), TOKEN, 0, 0, NULL, "M...", NULL, "the actor that the claims are for"},
    {"cap", LIST, AT(capabilities), TOKEN, 0, 0, NULL, "CAPABILITY", NULL,
     "a capability that the claims hold, such as wascc:keyvalue; repeats"},
    {"name", TEXT, AT(name), TOKEN, 0, 0, NULL, "TEXT", NULL, "the actor's name, for people"},
    {"expires-in", NUMBER, AT(expires_in_s), TOKEN, 1, 9999999999, NULL, "SECONDS", NULL,
     "how long the claims hold (default: for ever)"},
    {"timeout", DURATION, AT(timeout_ms), CALL | WKV_COMMAND_HEALTH, 1, 86400000, NULL, "TIME", "2s",
     "how long to wait for the answer"},
    {"self", FLAG, AT(self), WKV_COMMAND_HEALTH, 0, 0, NULL, NULL, NULL,
     "ask the process that serves the binding on this machine, or in this container, and not NATS"},
    {"interval", DURATION, AT(interval_ms), TOP, 100, 3600000, NULL, "TIME", "1s", "between two looks"},
    {"count", NUMBER, AT(count), TOP, 0, UINT32_MAX, NULL, "N", "0", "end after so many looks; 0: never"},
    {"help", FLAG, AT(help), ALL, 0, 0, NULL, NULL, NULL, "print this"},
};

#define ROWS (sizeof rows / sizeof rows[0])

static bool parse_digits(const char *text, uint64_t *number, const char **end)
{
    struct wkv_text digits = {text, strspn(text, "0123456789")};
    *end = text + digits.len;
    return wkv_text_decimal(digits, UINT64_MAX, number);
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool parse_with_unit(const char *text, const struct unit *units, size_t count, uint64_t *result)
{
    const char *unit;
    if (!parse_digits(text, result, &unit))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(unit, units[i].name) == 0)
            return !__builtin_mul_overflow(*result, units[i].factor, result);
    return false;
}

bool wkv_parse_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1},           {"b", 1},        {"k", 1000},     {"kb", 1 << 10},  {"ki", 1 << 10},
        {"kib", 1 << 10},  {"m", 1000000},  {"mb", 1 << 20}, {"mi", 1 << 20},  {"mib", 1 << 20},
        {"g", 1000000000}, {"gb", 1 << 30}, {"gi", 1 << 30}, {"gib", 1 << 30},
    };
    return parse_with_unit(text, units, sizeof units / sizeof units[0], bytes);
}

bool wkv_parse_duration(const char *text, uint64_t *milliseconds)
{
    static const struct unit units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}};
    return parse_with_unit(text, units, sizeof units / sizeof units[0], milliseconds);
}

static bool parse_flag(const char *text, bool *flag)
{
    static const char *const yes[] = {"1", "true", "yes", "on"};
    static const char *const no[] = {"0", "false", "no", "off", ""};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (strcasecmp(text, yes[i]) == 0)
            return *flag = true;
    *flag = false;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (strcasecmp(text, no[i]) == 0)
            return true;
    return false;
}

static enum wkv_code append(struct wkv_config_list *list, const char *source, const char *value,
                            struct wkv_error *error)
{
    if (list->count == WKV_CONFIG_ITEMS)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s is given more than %d times; put several into one, with commas", source,
                        WKV_CONFIG_ITEMS);
    list->items[list->count++] = value;
    return WKV_OK;
}

/* Puts one value into the config. `source` is the option or the variable, as the error names it; the value
 * itself is never quoted: it may be a password in the wrong place. */
static enum wkv_code apply(const struct option_row *row, const char *source, const char *value,
                           struct wkv_config *config, struct wkv_error *error)
{
    void *member = (char *)config + row->offset;
    uint64_t number = 0;
    const char *end = "";
    switch (row->type) {
    case TEXT:
    case SECRET:
        memcpy(member, &value, sizeof value);
        if (row->offset == AT(connect.server))
            (void)snprintf(config->server_source, sizeof config->server_source, "%s", source);
        return WKV_OK;
    case LIST:
        return append(member, source, value, error);
    case FLAG:
        if (!parse_flag(value, member))
            return wkv_fail(error, WKV_BAD_REQUEST, "%s takes true or false", source);
        return WKV_OK;
    case NUMBER:
        if (!parse_digits(value, &number, &end) || *end != '\0' || number < row->min || number > row->max)
            return wkv_fail(error, WKV_BAD_REQUEST, "%s takes a whole number from %llu to %llu", source,
                            (unsigned long long)row->min, (unsigned long long)row->max);
        break;
    case SIZE:
        if (!wkv_parse_size(value, &number) || number < row->min || number > row->max)
            return wkv_fail(error, WKV_BAD_REQUEST,
                            "%s takes bytes from %llu to %llu, with a unit if you like: 65536, 512mb, 2Gi",
                            source, (unsigned long long)row->min, (unsigned long long)row->max);
        break;
    case DURATION:
        if (!wkv_parse_duration(value, &number) || number < row->min || number > row->max)
            return wkv_fail(error, WKV_BAD_REQUEST,
                            "%s takes seconds, or a time such as 10s, 500ms or 2m, from %llums to %llus",
                            source, (unsigned long long)row->min, (unsigned long long)row->max / 1000);
        break;
    }
    memcpy(member, &number, sizeof number);
    return WKV_OK;
}

#define VARIABLE_BYTES WKV_CONFIG_SOURCE_BYTES

static void own_variable(const struct option_row *row, char out[VARIABLE_BYTES])
{
    (void)snprintf(out, VARIABLE_BYTES, "WASCC_KEYVALUE_%s", row->name);
    for (char *c = out; *c != '\0'; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* A secret of a URL or two. */
#define SECRET_FILE_BYTES 16384

/* A copy of a secret, which the config owns. NULL: no memory, or too many. */
static char *keep_secret(struct wkv_config *config, const char *bytes, size_t len)
{
    char *copy = config->secret_count == WKV_CONFIG_SECRETS ? NULL : malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    config->secrets[config->secret_count++] = copy;
    return copy;
}

static enum wkv_code secret_of_file(const char *variable, const char *path, struct wkv_config *config,
                                    const char **value, struct wkv_error *error)
{
    struct wkv_error cause;
    size_t len;
    char *bytes = sodium_init() < 0 ? NULL : sodium_malloc(SECRET_FILE_BYTES);
    if (bytes == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no guarded memory for a secret");
    enum wkv_code code =
        wkv_file_read("that file", path, WKV_FILE_REGULAR, bytes, SECRET_FILE_BYTES, &len, &cause);
    if (code != WKV_OK) {
        sodium_free(bytes);
        return wkv_fail(error, code, "%s: %s", variable, cause.text);
    }
    struct wkv_text text = wkv_text_trim_file((struct wkv_text){bytes, len});
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL) {
        sodium_free(bytes);
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s: that file has a NUL in it: it holds the value and "
                        "nothing else",
                        variable);
    }
    *value = keep_secret(config, text.data, text.len);
    sodium_free(bytes);
    return *value == NULL ? wkv_fail(error, WKV_NO_MEMORY, "no memory for a secret") : WKV_OK;
}

static const char *variable_value(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

static bool has_file_option(const struct option_row *row)
{
    return strcmp(row->name, "password") == 0;
}

/* What a variable says, or the file that it names with _FILE behind it, and then `variable` becomes the name
 * with _FILE. *value is NULL where neither is set. */
static enum wkv_code look_up(const struct option_row *row, char variable[VARIABLE_BYTES],
                             struct wkv_config *config, const char **value, struct wkv_error *error)
{
    char file_variable[VARIABLE_BYTES + 5];
    *value = variable_value(variable);
    if (row->type != SECRET)
        return WKV_OK;
    (void)snprintf(file_variable, sizeof file_variable, "%s_FILE", variable);
    const char *path = variable_value(file_variable);
    if (path != NULL && *value != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s and %s are both set: set one", variable, file_variable);
    if (path == NULL || has_file_option(row))
        return WKV_OK;
    (void)snprintf(variable, VARIABLE_BYTES, "%.*s", VARIABLE_BYTES - 1, file_variable);
    return secret_of_file(variable, path, config, value, error);
}

/* The value of the first variable of the row that is set and not empty, and which one that is. */
static enum wkv_code from_environment(const struct option_row *row, char variable[VARIABLE_BYTES],
                                      struct wkv_config *config, const char **value, struct wkv_error *error)
{
    const char *rest = row->other_variables == NULL ? "" : row->other_variables;
    own_variable(row, variable);
    while (look_up(row, variable, config, value, error) == WKV_OK) {
        rest += strspn(rest, " ");
        if (*value != NULL || *rest == '\0')
            return WKV_OK;
        size_t len = strcspn(rest, " ");
        (void)snprintf(variable, VARIABLE_BYTES, "%.*s", (int)len, rest);
        rest += len;
    }
    return error->code;
}

static bool is_of_connection(const struct option_row *row)
{
    return row->offset - AT(connect) < sizeof(struct wkv_connect_options);
}

/* Without a connection, what a variable says of one does not matter. */
static enum wkv_code read_environment(enum wkv_command command, bool connects, struct wkv_config *config,
                                      struct wkv_error *error)
{
    for (size_t i = 0; i < ROWS; i++) {
        char variable[VARIABLE_BYTES];
        const char *value;
        if ((rows[i].commands & command) == 0 || strcmp(rows[i].name, "help") == 0 ||
            (is_of_connection(&rows[i]) && !connects))
            continue;
        if (rows[i].initial != NULL &&
            apply(&rows[i], rows[i].name, rows[i].initial, config, error) != WKV_OK)
            return error->code;
        if (from_environment(&rows[i], variable, config, &value, error) != WKV_OK ||
            (value != NULL && apply(&rows[i], variable, value, config, error) != WKV_OK))
            return error->code;
    }
    /* Our own variable wins over NATS's, also where one of them is of a file. */
    if (config->connect.password != NULL && config->connect.password_file != NULL) {
        if (variable_value("WASCC_KEYVALUE_PASSWORD") != NULL)
            config->connect.password_file = NULL;
        else
            config->connect.password = NULL;
    }
    return WKV_OK;
}

/* ---- variables that are none ---- */

static const char prefix[] = "WASCC_KEYVALUE_";

/* What Kubernetes sets in each container for a Service whose name begins as ours: its variables say
 * `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT[_PORTNAME]`, `NAME_PORT` and `NAME_PORT_<number>_<protocol>…`. */
static bool is_of_kubernetes(const char *name, size_t len)
{
    static const char host[] = "_SERVICE_HOST", port[] = "_PORT";
    const char *end = name + len;
    return (len >= sizeof host - 1 && memcmp(end - (sizeof host - 1), host, sizeof host - 1) == 0) ||
           (len >= sizeof port - 1 && memcmp(end - (sizeof port - 1), port, sizeof port - 1) == 0) ||
           memmem(name, len, "_PORT_", 6) != NULL;
}

/* Whether it is a variable of ours; if not, *nearest is the one that is most like it. */
static bool is_known(const char *name, char nearest[VARIABLE_BYTES])
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < ROWS; i++) {
        for (int file = 0; file < (rows[i].type == SECRET ? 2 : 1); file++) {
            char own[VARIABLE_BYTES];
            own_variable(&rows[i], own);
            (void)snprintf(own + strlen(own), sizeof own - strlen(own), "%s", file == 0 ? "" : "_FILE");
            size_t distance = strcmp(rows[i].name, "help") == 0 ? SIZE_MAX : wkv_edit_distance(name, own);
            if (distance < least) {
                least = distance;
                memcpy(nearest, own, VARIABLE_BYTES);
            }
        }
    }
    return strcmp(name, nearest) == 0;
}

/* A bound that is misspelt would be none, and nobody would notice. */
static enum wkv_code check_variables(struct wkv_error *error)
{
    for (char **variable = environ; *variable != NULL; variable++) {
        size_t len = strcspn(*variable, "=");
        char name[WKV_ERROR_TEXT_BYTES / 2], nearest[VARIABLE_BYTES] = "";
        if (strncmp(*variable, prefix, sizeof prefix - 1) != 0 || is_of_kubernetes(*variable, len))
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1),
                       *variable);
        if (!is_known(name, nearest))
            return wkv_fail(error, WKV_BAD_REQUEST, "there is no variable %s; do you mean %s? See --help",
                            name, nearest);
    }
    return WKV_OK;
}

/* What getopt refused, for the one clear line. An argument that is no option of ours may hold anything, so
 * only its name is shown, up to a '='. */
static enum wkv_code refuse_option(const char *argument, int reason, struct wkv_error *error)
{
    int len = (int)strcspn(argument, "=");
    if (reason == ':')
        return wkv_fail(error, WKV_BAD_REQUEST, "option %.*s needs a value; see --help", len, argument);
    return wkv_fail(error, WKV_BAD_REQUEST, "there is no option %.*s here, or it takes no value; see --help",
                    len, argument);
}

/* Takes a secret off the command line, where ps shows it: the copy is used, the original overwritten. */
static const char *hide(struct wkv_config *config, char *argument)
{
    const char *copy = keep_secret(config, argument, strlen(argument));
    if (copy != NULL)
        memset(argument, '*', strlen(argument));
    return copy;
}

void wkv_config_destroy(struct wkv_config *config)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        sodium_memzero(config->secrets[i], strlen(config->secrets[i]));
        free(config->secrets[i]);
    }
    config->secret_count = 0;
    wkv_servers_destroy(config->connect.servers);
    config->connect.servers = NULL;
}

/* An option replaces what the environment says of the same: all items of a list, and a password's file the
 * password.
 */
static void replace_environment(const struct option_row *row, const bool seen[], struct wkv_config *config)
{
    if (row->type == LIST && !seen[row - rows])
        ((struct wkv_config_list *)(void *)((char *)config + row->offset))->count = 0;
    struct wkv_connect_options *connect = &config->connect;
    for (size_t i = 0; i < ROWS; i++) {
        if (seen[i])
            continue;
        if (strcmp(row->name, "password") == 0 && strcmp(rows[i].name, "password-file") == 0)
            connect->password_file = NULL;
        if (strcmp(row->name, "password-file") == 0 && strcmp(rows[i].name, "password") == 0)
            connect->password = NULL;
    }
}

static enum wkv_code read_options(enum wkv_command command, int argc, char **argv, struct wkv_config *config,
                                  int *rest, struct wkv_error *error)
{
    struct option options[ROWS + 1] = {{0}};
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++)
        if ((rows[i].commands & command) != 0)
            options[count++] = (struct option){
                rows[i].name, rows[i].type == FLAG ? no_argument : required_argument, NULL, (int)i + 256};
    bool seen[ROWS] = {false};
    optind = 1;
    opterr = 0;
    for (;;) {
        int index = optind;
        int found = getopt_long(argc, argv, "+:", options, NULL);
        if (found == -1)
            break;
        if (found == ':' || found == '?')
            return refuse_option(argv[index], found, error);
        const struct option_row *row = &rows[found - 256];
        char source[VARIABLE_BYTES];
        (void)snprintf(source, sizeof source, "--%s", row->name);
        const char *value = row->type == FLAG ? "true" : row->type == SECRET ? hide(config, optarg) : optarg;
        if (value == NULL)
            return wkv_fail(error, WKV_NO_MEMORY, "too many options, or no memory for them");
        replace_environment(row, seen, config);
        seen[found - 256] = true;
        if (apply(row, source, value, config, error) != WKV_OK)
            return error->code;
    }
    *rest = optind;
    return WKV_OK;
}

static bool asks_for(const char *option, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

/* `health --self` does without NATS, also where a secret's file has gone since the process was started. */
static bool is_connecting(enum wkv_command command, int argc, char **argv)
{
    return (command & EVERY) != 0 && !(command == WKV_COMMAND_HEALTH && asks_for("--self", argc, argv));
}

enum wkv_code wkv_config_read(enum wkv_command command, int argc, char **argv, struct wkv_config *config,
                              int *rest, struct wkv_error *error)
{
    memset(config, 0, sizeof *config);
    *rest = argc;
    /* Whoever asks for help gets it, also where a variable in the environment is what it is needed for. */
    config->help = asks_for("--help", argc, argv);
    if (config->help)
        return WKV_OK;
    bool connects = is_connecting(command, argc, argv);
    if (check_variables(error) != WKV_OK || read_environment(command, connects, config, error) != WKV_OK ||
        read_options(command, argc, argv, config, rest, error) != WKV_OK)
        return error->code;
    if (config->help || (command & EVERY) == 0)
        return WKV_OK;
    if (wkv_address_check(&config->address, error) != WKV_OK)
        return error->code;
    if (!connects)
        return WKV_OK;
    return wkv_servers_parse(config->server_source, config->connect.server, &config->connect.servers, error);
}

void wkv_config_print_options(enum wkv_command command, FILE *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        if ((row->commands & command) == 0)
            continue;
        char variable[VARIABLE_BYTES];
        own_variable(row, variable);
        (void)fprintf(out, "  --%s%s%s\n      %s", row->name, row->argument == NULL ? "" : " ",
                      row->argument == NULL ? "" : row->argument, row->help);
        if (row->initial != NULL)
            (void)fprintf(out, " (default: %s)", row->initial);
        if (strcmp(row->name, "help") != 0)
            (void)fprintf(out, "\n      [%s%s%s]", variable, row->other_variables == NULL ? "" : " ",
                          row->other_variables == NULL ? "" : row->other_variables);
        (void)fprintf(out, "\n");
    }
}
