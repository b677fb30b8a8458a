/* Where values come from: the defaults, the environment, the command line. */
#include "command/config.h"

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/arguments.h"
#include "command/options.h"
#include "support/file.h"
#include "support/nearest.h"
#include "support/text.h"

#define AT(member) offsetof(struct wkv_config, member)

/* Of a file that holds a secret: a URL or two. */
#define SECRET_FILE_BYTES 16384

/* `source` is where the value comes from, as errors name it: the option's own name where it is the initial
 * one. */
static enum wkv_code take(const struct wkv_option *option, const char *source, const char *value,
                          struct wkv_config *config, struct wkv_error *error)
{
    if (option->offset == AT(connect.server))
        (void)snprintf(config->server_source, sizeof config->server_source, "%s", source);
    (void)snprintf(config->sources[option - wkv_options], WKV_CONFIG_SOURCE_BYTES, "%s", source);
    if (option->of_log && source != option->name)
        (void)snprintf(config->serve.log_option, sizeof config->serve.log_option, "%s", source);
    return wkv_option_read(option, source, value, config, error);
}

/* ---- secrets ---- */

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

static enum wkv_code keep_text(struct wkv_text text, struct wkv_config *config, const char **value,
                               struct wkv_error *error)
{
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "that file has a NUL in it: it must hold the value and nothing else");
    *value = keep_secret(config, text.data, text.len);
    return *value == NULL ? wkv_fail(error, WKV_NO_MEMORY, "no memory for a secret") : WKV_OK;
}

static enum wkv_code secret_of_file(const char *variable, const char *path, struct wkv_config *config,
                                    const char **value, struct wkv_error *error)
{
    struct wkv_error cause;
    char *bytes;
    size_t len;
    enum wkv_code code =
        wkv_file_read_secret("that file", path, WKV_FILE_REGULAR, SECRET_FILE_BYTES, &bytes, &len, &cause);
    if (code == WKV_OK)
        code = keep_text(wkv_text_trim_file((struct wkv_text){bytes, len}), config, value, &cause);
    sodium_free(bytes);
    return code == WKV_OK ? code : wkv_fail(error, code, "%s: %s", variable, cause.text);
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

/* ---- the environment ---- */

static const char *variable_value(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

/* The value of a variable, or of the file that the variable with _FILE behind its name says; `variable`
 * becomes that name then. *value is NULL where neither is set. A password's file is an option by itself. */
static enum wkv_code look_up(const struct wkv_option *option, char variable[WKV_VARIABLE_BYTES],
                             struct wkv_config *config, const char **value, struct wkv_error *error)
{
    char file_variable[WKV_VARIABLE_BYTES + 5];
    *value = variable_value(variable);
    if (option->kind != WKV_OPTION_SECRET)
        return WKV_OK;
    (void)snprintf(file_variable, sizeof file_variable, "%s_FILE", variable);
    const char *path = variable_value(file_variable);
    if (path != NULL && *value != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s and %s are both set: set one", variable, file_variable);
    if (path == NULL || option->offset == AT(connect.password))
        return WKV_OK;
    (void)snprintf(variable, WKV_VARIABLE_BYTES, "%.*s", WKV_VARIABLE_BYTES - 1, file_variable);
    return secret_of_file(variable, path, config, value, error);
}

/* The value of the first variable of the option that is set and not empty, and which one that is. */
static enum wkv_code from_environment(const struct wkv_option *option, char variable[WKV_VARIABLE_BYTES],
                                      struct wkv_config *config, const char **value, struct wkv_error *error)
{
    const char *rest = option->variables == NULL ? "" : option->variables;
    wkv_option_variable(option, variable);
    while (look_up(option, variable, config, value, error) == WKV_OK) {
        rest += strspn(rest, " ");
        if (*value != NULL || *rest == '\0')
            return WKV_OK;
        size_t len = strcspn(rest, " ");
        (void)snprintf(variable, WKV_VARIABLE_BYTES, "%.*s", (int)len, rest);
        rest += len;
    }
    return error->code;
}

static bool is_of_connection(const struct wkv_option *option)
{
    return option->offset - AT(connect) < sizeof(struct wkv_connect_options);
}

/* A command without a connection does not read the variables of one. */
static enum wkv_code read_environment(enum wkv_command_bit command, bool connects, struct wkv_config *config,
                                      struct wkv_error *error)
{
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++) {
        char variable[WKV_VARIABLE_BYTES];
        const char *value;
        if ((option->commands & command) == 0 || option->offset == AT(help) ||
            (is_of_connection(option) && !connects))
            continue;
        if (option->initial != NULL && take(option, option->name, option->initial, config, error) != WKV_OK)
            return error->code;
        if (from_environment(option, variable, config, &value, error) != WKV_OK ||
            (value != NULL && take(option, variable, value, config, error) != WKV_OK))
            return error->code;
    }
    /* Our own variable wins over NATS's, also where one of them is of a file. */
    struct wkv_connect_options *connect = &config->connect;
    if (connect->password != NULL && connect->password_file != NULL)
        *(variable_value(WKV_VARIABLE_PREFIX "PASSWORD") != NULL ? &connect->password_file
                                                                 : &connect->password) = NULL;
    return WKV_OK;
}

enum wkv_code wkv_config_blame(const struct wkv_config *config, struct wkv_error *error)
{
    struct wkv_error cause = *error;
    const char *name = cause.text + 2;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz-");
    for (size_t i = 0; strncmp(cause.text, "--", 2) == 0 && i < wkv_option_count; i++) {
        const char *source = config->sources[i];
        if (name[len] != '\0' && name[len + 1] != '(' && strlen(wkv_options[i].name) == len &&
            memcmp(name, wkv_options[i].name, len) == 0 && source[0] != '\0' && source[0] != '-' &&
            strcmp(source, wkv_options[i].name) != 0)
            return wkv_fail(error, cause.code, "%.*s (%s)%s", (int)len + 2, cause.text, source, name + len);
    }
    return error->code;
}

/* The variables that Kubernetes sets in each container for a Service whose name begins as ours:
 * `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT[_PORTNAME]`, `NAME_PORT` and `NAME_PORT_<number>_<protocol>...`. */
static bool is_of_kubernetes(const char *name, size_t len)
{
    static const char host[] = "_SERVICE_HOST", port[] = "_PORT";
    const char *end = name + len;
    return (len >= sizeof host - 1 && memcmp(end - (sizeof host - 1), host, sizeof host - 1) == 0) ||
           (len >= sizeof port - 1 && memcmp(end - (sizeof port - 1), port, sizeof port - 1) == 0) ||
           memmem(name, len, "_PORT_", 6) != NULL;
}

/* The variable of ours that is most like this name: the same, where it is one. */
static void find_nearest(const char *name, char nearest[WKV_VARIABLE_BYTES])
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < 2 * wkv_option_count; i++) {
        const struct wkv_option *option = &wkv_options[i / 2];
        char own[WKV_VARIABLE_BYTES];
        if (option->offset == AT(help) || (i % 2 == 1 && option->kind != WKV_OPTION_SECRET))
            continue;
        wkv_option_variable(option, own);
        if (i % 2 == 1)
            (void)snprintf(own + strlen(own), sizeof own - strlen(own), "_FILE");
        size_t distance = wkv_edit_distance(name, own);
        if (distance < least) {
            least = distance;
            memcpy(nearest, own, WKV_VARIABLE_BYTES);
        }
    }
}

/* A misspelt bound would be no bound, and nobody would notice. */
static enum wkv_code check_variables(struct wkv_error *error)
{
    for (char **variable = environ; *variable != NULL; variable++) {
        size_t len = strcspn(*variable, "=");
        char name[WKV_ERROR_TEXT_BYTES / 2], nearest[WKV_VARIABLE_BYTES] = "";
        if (strncmp(*variable, WKV_VARIABLE_PREFIX, sizeof WKV_VARIABLE_PREFIX - 1) != 0 ||
            is_of_kubernetes(*variable, len))
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1),
                       *variable);
        find_nearest(name, nearest);
        if (strcmp(name, nearest) != 0)
            return wkv_fail(error, WKV_BAD_REQUEST, "there is no variable %s; do you mean %s? See --help",
                            name, nearest);
    }
    return WKV_OK;
}

/* ---- the command line ---- */

static enum wkv_code take_argument(void *context, const struct wkv_option *option, char *argument,
                                   struct wkv_error *error)
{
    struct wkv_config *config = context;
    char source[WKV_VARIABLE_BYTES];
    const char *value = option->kind == WKV_OPTION_FLAG     ? "true"
                        : option->kind == WKV_OPTION_SECRET ? hide(config, argument)
                                                            : argument;
    if (value == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "too many options, or no memory for them");
    (void)snprintf(source, sizeof source, "--%s", option->name);
    return take(option, source, value, config, error);
}

/* A password that is given here takes the place of a file that the environment names, and the other way
 * round. */
static enum wkv_code read_options(enum wkv_command_bit command, int argc, char **argv,
                                  struct wkv_config *config, int *rest, struct wkv_error *error)
{
    struct wkv_connect_options *connect = &config->connect, before = *connect;
    struct wkv_arguments arguments = {
        .command = command, .argc = argc, .argv = argv, .take = take_argument, .context = config};
    enum wkv_code code = wkv_arguments_read(&arguments, rest, error);
    if (connect->password != before.password && connect->password_file == before.password_file)
        connect->password_file = NULL;
    else if (connect->password_file != before.password_file && connect->password == before.password)
        connect->password = NULL;
    return code;
}

static bool asks_for(const char *option, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

/* `health --self` does without NATS, also where a secret's file has gone since the process was started. */
static bool is_connecting(enum wkv_command_bit command, int argc, char **argv)
{
    return (command & WKV_CONNECTING) != 0 &&
           !(command == WKV_COMMAND_HEALTH && asks_for("--self", argc, argv));
}

enum wkv_code wkv_config_read(enum wkv_command_bit command, int argc, char **argv, struct wkv_config *config,
                              int *rest, struct wkv_error *error)
{
    memset(config, 0, sizeof *config);
    *rest = argc;
    /* Help comes first: a bad variable may be the reason for asking. */
    config->help = asks_for("--help", argc, argv);
    if (config->help)
        return WKV_OK;
    bool connects = is_connecting(command, argc, argv);
    if (check_variables(error) != WKV_OK || read_environment(command, connects, config, error) != WKV_OK ||
        read_options(command, argc, argv, config, rest, error) != WKV_OK)
        return error->code;
    if (config->help || (command & WKV_CONNECTING) == 0)
        return WKV_OK;
    if (wkv_address_check(&config->address, error) != WKV_OK)
        return wkv_config_blame(config, error);
    if (!connects)
        return WKV_OK;
    return wkv_servers_parse(config->server_source, config->connect.server, &config->connect.servers, error);
}
