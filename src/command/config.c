/* Where values come from: the command line, the environment, a file, the defaults. */
#include "command/config.h"

#include <ctype.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/arguments.h"
#include "command/config_file.h"
#include "command/context.h"
#include "command/layers.h"
#include "command/options.h"
#include "support/file.h"
#include "support/nearest.h"
#include "support/text.h"

#define AT(member) offsetof(struct wkv_config, member)

/* Of a file that holds a secret: a URL or two. */
#define SECRET_FILE_BYTES 16384
#define CONFIG_FILE_BYTES 65536
#define WHERE_BYTES (WKV_SHOWN_PATH_BYTES + 16)

/* ---- layers ---- */

static struct wkv_origin *origin_of(const struct wkv_option *option, struct wkv_config *config)
{
    return &config->origins[option - wkv_options];
}

/* A weaker value than the one that counts must be right all the same. */
static enum wkv_code check_weaker(const struct wkv_option *option, const char *source, const char *value,
                                  struct wkv_error *error)
{
    struct wkv_config nobody;
    memset(&nobody, 0, sizeof nobody);
    return wkv_option_read(option, source, value, &nobody, error);
}

enum wkv_code wkv_config_take(const struct wkv_option *option, const struct wkv_place *place,
                              const char *value, struct wkv_config *config, struct wkv_error *error)
{
    struct wkv_origin *origin = origin_of(option, config);
    if (origin->layer > place->layer)
        return check_weaker(option, place->source, value, error);
    origin->layer = place->layer;
    origin->text = value;
    origin->place_len = place->place_len;
    (void)snprintf(origin->source, sizeof origin->source, "%s", place->source);
    enum wkv_code code = wkv_option_read(option, place->source, value, config, error);
    if (code == WKV_OK && option->kind == WKV_OPTION_LIST) {
        struct wkv_config_list *list = (void *)((char *)config + option->offset);
        list->lines[list->count - 1] = place->line;
    }
    return code;
}

const char *wkv_shown_path(const char *path)
{
    size_t len = strlen(path);
    return len > WKV_SHOWN_PATH_BYTES ? path + len - WKV_SHOWN_PATH_BYTES : path;
}

/* ---- secrets ---- */

char *wkv_config_keep(struct wkv_config *config, const char *bytes, size_t len)
{
    char *copy = config->secret_count == WKV_CONFIG_SECRETS ? NULL : malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    config->secrets[config->secret_count++] = (struct wkv_config_secret){copy, len};
    return copy;
}

static enum wkv_code keep_text(struct wkv_text text, struct wkv_config *config, const char **value,
                               struct wkv_error *error)
{
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "that file has a NUL in it: it must hold the value and nothing else");
    *value = wkv_config_keep(config, text.data, text.len);
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

enum wkv_code wkv_config_keep_file(struct wkv_config *config, const char *source, const char *path,
                                   struct wkv_text *text, struct wkv_error *error)
{
    struct wkv_error cause;
    char *bytes;
    size_t len;
    if (wkv_file_read_secret("that file", path, WKV_FILE_ANY, CONFIG_FILE_BYTES, &bytes, &len, &cause) !=
        WKV_OK)
        return wkv_fail(error, cause.code, "%s: %s", source, cause.text);
    struct wkv_text found = wkv_text_skip_mark((struct wkv_text){bytes, len});
    *text = (struct wkv_text){wkv_config_keep(config, found.data, found.len), found.len};
    sodium_free(bytes);
    return text->data != NULL ? WKV_OK
                              : wkv_fail(error, WKV_NO_MEMORY, "%s: no memory for that file", source);
}

/* Takes a secret off the command line, where ps shows it: the copy is used, the original overwritten. */
static const char *hide(struct wkv_config *config, char *argument)
{
    const char *copy = wkv_config_keep(config, argument, strlen(argument));
    if (copy != NULL)
        memset(argument, '*', strlen(argument));
    return copy;
}

void wkv_config_destroy(struct wkv_config *config)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        sodium_memzero(config->secrets[i].bytes, config->secrets[i].len);
        free(config->secrets[i].bytes);
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
static bool is_read(const struct wkv_option *option, enum wkv_command_bit command, bool connects)
{
    return (option->commands & command) != 0 && (connects || !is_of_connection(option));
}

static enum wkv_code read_environment(enum wkv_command_bit command, bool connects, struct wkv_config *config,
                                      struct wkv_error *error)
{
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++) {
        char variable[WKV_VARIABLE_BYTES];
        const char *value;
        if (option->is_command || !is_read(option, command, connects))
            continue;
        if (from_environment(option, variable, config, &value, error) != WKV_OK)
            return error->code;
        struct wkv_place place = {WKV_LAYER_ENVIRONMENT, variable, strlen(variable), 0};
        if (value != NULL && wkv_config_take(option, &place, value, config, error) != WKV_OK)
            return error->code;
    }
    return WKV_OK;
}

enum wkv_code wkv_config_blame(const struct wkv_config *config, struct wkv_error *error)
{
    struct wkv_error cause = *error;
    const char *name = cause.text + 2;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz-");
    for (size_t i = 0; strncmp(cause.text, "--", 2) == 0 && i < wkv_option_count; i++) {
        const struct wkv_origin *origin = &config->origins[i];
        if (name[len] != '\0' && name[len + 1] != '(' && strlen(wkv_options[i].name) == len &&
            memcmp(name, wkv_options[i].name, len) == 0 && origin->layer > WKV_LAYER_DEFAULT &&
            origin->layer < WKV_LAYER_COMMAND_LINE)
            return wkv_fail(error, cause.code, "%.*s (%.*s)%s", (int)len + 2, cause.text,
                            (int)origin->place_len, origin->source, name + len);
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
        if (option->is_command || (i % 2 == 1 && option->kind != WKV_OPTION_SECRET))
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
    struct wkv_place place = {WKV_LAYER_COMMAND_LINE, source, strlen(source), 0};
    return wkv_config_take(option, &place, value, config, error);
}

static enum wkv_code read_options(enum wkv_command_bit command, int argc, char **argv,
                                  struct wkv_config *config, int *rest, struct wkv_error *error)
{
    struct wkv_arguments arguments = {
        .command = command, .argc = argc, .argv = argv, .take = take_argument, .context = config};
    return wkv_arguments_read(&arguments, rest, error);
}

/* ---- the file ---- */

/* What the name of a variable would be as an option's. */
static void as_name(struct wkv_text text, char out[WKV_VARIABLE_BYTES])
{
    static const char prefix[] = WKV_VARIABLE_PREFIX;
    if (wkv_text_begins(text, prefix)) {
        text.data += sizeof prefix - 1;
        text.len -= sizeof prefix - 1;
    }
    (void)snprintf(out, WKV_VARIABLE_BYTES, "%.*s", (int)(text.len < WKV_VARIABLE_BYTES ? text.len : 0),
                   text.data);
    for (char *c = out; *c != '\0'; c++)
        *c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
}

static bool looks_like_name(struct wkv_text name)
{
    return name.len < WKV_VARIABLE_BYTES &&
           strspn(name.data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") >= name.len;
}

/* What is no name may be anything, also half a secret. */
static enum wkv_code refuse_name(const char *where, struct wkv_text name, unsigned command,
                                 struct wkv_error *error)
{
    char like[WKV_VARIABLE_BYTES];
    const struct wkv_option *nearest = NULL;
    if (!looks_like_name(name))
        return wkv_fail(error, WKV_BAD_REQUEST, "%s does not begin with the name of an option: name = value",
                        where);
    as_name(name, like);
    const struct wkv_option *same = wkv_option_find(wkv_text_from(like), command, &nearest);
    if (same != NULL)
        nearest = same;
    return wkv_fail(error, WKV_BAD_REQUEST, "%s: there is no option %.*s%s%s; see serve --help", where,
                    (int)name.len, name.data, nearest != NULL ? ", did you mean " : "",
                    nearest != NULL ? nearest->name : "");
}

static enum wkv_code take_setting(const char *where, unsigned line, const struct wkv_config_setting *setting,
                                  unsigned command, struct wkv_config *config, struct wkv_error *error)
{
    char source[WKV_CONFIG_SOURCE_BYTES];
    const struct wkv_option *option = wkv_option_find(setting->name, command, NULL);
    struct wkv_place place = {WKV_LAYER_FILE, source, strlen(where), line};
    if (option == NULL)
        return refuse_name(where, setting->name, command, error);
    (void)snprintf(source, sizeof source, "%s: %s", where, option->name);
    if (option->offset == AT(serve.config))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s cannot name another file: give --config on the command line", source);
    const struct wkv_origin *origin = origin_of(option, config);
    if (origin->layer == WKV_LAYER_FILE && option->kind != WKV_OPTION_LIST)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s is given a second time: leave one of them out", source);
    if (setting->value == NULL && option->kind != WKV_OPTION_FLAG)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s needs a value: %s = %s", source, option->name,
                        option->argument);
    return wkv_config_take(option, &place, setting->value == NULL ? "true" : setting->value, config, error);
}

static enum wkv_code take_settings(struct wkv_config_text text, unsigned command, struct wkv_config *config,
                                   struct wkv_error *error)
{
    char where[WHERE_BYTES];
    const char *path = wkv_shown_path(config->serve.config);
    struct wkv_config_setting setting;
    struct wkv_error cause;
    for (;;) {
        enum wkv_code code = wkv_config_text_next(&text, &setting, &cause);
        (void)snprintf(where, sizeof where, "%s:%u", path, text.line);
        if (code != WKV_OK)
            return wkv_fail(error, code, "%s %s", where, cause.text);
        if (setting.name.data == NULL)
            return WKV_OK;
        if (take_setting(where, text.line, &setting, command, config, error) != WKV_OK)
            return error->code;
    }
}

static enum wkv_code read_file(enum wkv_command_bit command, struct wkv_config *config,
                               struct wkv_error *error)
{
    struct wkv_text text;
    if (config->serve.config == NULL)
        return WKV_OK;
    const struct wkv_origin *origin = wkv_option_origin(wkv_option_at(AT(serve.config)), config);
    if (wkv_config_keep_file(config, origin->source, config->serve.config, &text, error) != WKV_OK)
        return error->code;
    char *bytes = config->secrets[config->secret_count - 1].bytes;
    return take_settings((struct wkv_config_text){bytes, text.len, 0}, command, config, error);
}

/* ---- all of them ---- */

static enum wkv_code read_defaults(enum wkv_command_bit command, bool connects, struct wkv_config *config,
                                   struct wkv_error *error)
{
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++) {
        struct wkv_place place = {WKV_LAYER_DEFAULT, option->name, strlen(option->name), 0};
        if (option->initial != NULL && is_read(option, command, connects) &&
            origin_of(option, config)->layer == WKV_LAYER_NONE &&
            wkv_config_take(option, &place, option->initial, config, error) != WKV_OK)
            return error->code;
    }
    return WKV_OK;
}

/* A password takes the place of a weaker place's file with one, and the other way round. In the environment
 * our own variable wins over NATS's; elsewhere two are one too many, which is said when they are used. */
static void settle_password(struct wkv_config *config)
{
    struct wkv_origin *text = origin_of(wkv_option_at(AT(connect.password)), config);
    struct wkv_origin *file = origin_of(wkv_option_at(AT(connect.password_file)), config);
    bool file_counts = file->layer > text->layer;
    if (text->layer == WKV_LAYER_NONE || file->layer == WKV_LAYER_NONE ||
        (text->layer == file->layer && text->layer != WKV_LAYER_ENVIRONMENT))
        return;
    if (text->layer == file->layer)
        file_counts = variable_value(WKV_VARIABLE_PREFIX "PASSWORD") == NULL;
    *(file_counts ? &config->connect.password : &config->connect.password_file) = NULL;
    (file_counts ? text : file)->layer = WKV_LAYER_NONE;
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
    if (check_variables(error) != WKV_OK ||
        read_options(command, argc, argv, config, rest, error) != WKV_OK ||
        read_environment(command, connects, config, error) != WKV_OK ||
        read_file(command, config, error) != WKV_OK ||
        (connects && command != WKV_COMMAND_SERVE && wkv_context_read(config, error) != WKV_OK) ||
        read_defaults(command, connects, config, error) != WKV_OK)
        return error->code;
    settle_password(config);
    if (config->help || (command & WKV_CONNECTING) == 0)
        return WKV_OK;
    if (wkv_address_check(&config->address, error) != WKV_OK)
        return wkv_config_blame(config, error);
    if (!connects)
        return WKV_OK;
    const struct wkv_origin *server = wkv_option_origin(wkv_option_at(AT(connect.server)), config);
    return wkv_servers_parse(server->source, config->connect.server, &config->connect.servers, error);
}
