#include "command/context.h"

#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/layers.h"

#define AT(member) offsetof(struct wkv_config, member)
#define WHERE_BYTES (WKV_SHOWN_PATH_BYTES + 16)

/* A context's file while it is read. */
struct context {
    struct wkv_config *config;
    enum wkv_layer layer;
    char path[PATH_MAX];
    json_t *members;
};

/* ---- which one ---- */

/* Writes the path of a file in the folder of the nats CLI. Returns false where there is no such folder. */
static bool path_of(const char *folder, const char *name, const char *end, char out[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    bool set = config != NULL && *config != '\0';
    if (!set && (home == NULL || *home == '\0'))
        return false;
    int len = snprintf(out, PATH_MAX, "%s%s/nats/%s%s%s", set ? config : home, set ? "" : "/.config", folder,
                       name, end);
    return len > 0 && len < PATH_MAX;
}

/* Reads the name of the selected context; *name is NULL where none is. */
static enum wkv_code find_selected(struct wkv_config *config, const char **name, struct wkv_error *error)
{
    char path[PATH_MAX];
    struct wkv_text text;
    *name = NULL;
    if (!path_of("", "context", ".txt", path) || access(path, F_OK) != 0)
        return WKV_OK;
    if (wkv_config_keep_file(config, wkv_shown_path(path), path, &text, error) != WKV_OK)
        return error->code;
    text = wkv_text_trim(text);
    if (text.len == 0)
        return WKV_OK;
    *name = wkv_config_keep(config, text.data, text.len);
    return *name != NULL ? WKV_OK : wkv_fail(error, WKV_NO_MEMORY, "no memory for the context's name");
}

/* As the nats CLI: a name stays in its folder. */
static bool is_name(const char *name)
{
    return strpbrk(name, "/\\") == NULL && strstr(name, "..") == NULL;
}

/* ---- what it says ---- */

static enum wkv_code refuse(const struct context *context, const char *name, const char *why,
                            struct wkv_error *error)
{
    return wkv_fail(error, WKV_BAD_REQUEST, "%s: %s %s", wkv_shown_path(context->path), name, why);
}

/* The text of a member; NULL where it is not there, or empty. */
static enum wkv_code get_text(const struct context *context, const char *name, const char **text,
                              struct wkv_error *error)
{
    const json_t *member = json_object_get(context->members, name);
    *text = json_string_value(member);
    if (member != NULL && !json_is_null(member) && *text == NULL)
        return refuse(context, name, "must be a text", error);
    if (*text != NULL && **text == '\0')
        *text = NULL;
    return WKV_OK;
}

static bool has(const struct context *context, const char *name)
{
    const json_t *member = json_object_get(context->members, name);
    return json_is_true(member) || json_string_length(member) > 0;
}

/* Takes `~` and `file://` off the name of a file. Other schemes (op://, env://, nsc://, data:) are known to
 * the nats CLI alone. */
static enum wkv_code file_of(const struct context *context, const char *name, const char *text,
                             char out[PATH_MAX], struct wkv_error *error)
{
    const char *home = getenv("HOME");
    if (strncmp(text, "file://", 7) == 0)
        text += 7;
    if (strstr(text, "://") != NULL || strncmp(text, "data:", 5) == 0 || strchr(text, '\n') != NULL)
        return refuse(context, name, "is not the name of a file, which is all that is known here", error);
    bool from_home = text[0] == '~' && (text[1] == '/' || text[1] == '\0') && home != NULL;
    int len = snprintf(out, PATH_MAX, "%s%s", from_home ? home : "", text + from_home);
    return len < PATH_MAX ? WKV_OK : refuse(context, name, "is too long for the name of a file", error);
}

/* Takes a member as that option's value. */
static enum wkv_code take_member(const struct context *context, const char *name, size_t offset,
                                 struct wkv_error *error)
{
    const struct wkv_option *option = wkv_option_at(offset);
    const char *where = wkv_shown_path(context->path), *text;
    char source[WKV_CONFIG_SOURCE_BYTES], file[PATH_MAX];
    if (get_text(context, name, &text, error) != WKV_OK)
        return error->code;
    if (text != NULL && strcmp(option->argument, "FILE") == 0) {
        if (file_of(context, name, text, file, error) != WKV_OK)
            return error->code;
        text = file;
    }
    if (text == NULL)
        return WKV_OK;
    const char *kept = wkv_config_keep(context->config, text, strlen(text));
    if (kept == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a context");
    (void)snprintf(source, sizeof source, "%s: %s", where, name);
    struct wkv_place place = {context->layer, source, strlen(where), 0};
    return wkv_config_take(option, &place, kept, context->config, error);
}

/* ---- credentials ---- */

static struct wkv_origin *origin_of(struct wkv_config *config, size_t offset)
{
    return &config->origins[wkv_option_at(offset) - wkv_options];
}

/* Forgets what a weaker place says of who asks. */
static void forget_weaker(const struct context *context)
{
    struct wkv_connect_options *connect = &context->config->connect;
    const struct {
        size_t offset;
        const char **member;
    } rows[] = {{AT(connect.user), &connect->user},
                {AT(connect.password), &connect->password},
                {AT(connect.password_file), &connect->password_file},
                {AT(connect.creds), &connect->creds},
                {AT(connect.nkey), &connect->nkey}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wkv_origin *origin = origin_of(context->config, rows[i].offset);
        if (origin->layer >= context->layer)
            continue;
        origin->layer = WKV_LAYER_NONE;
        *rows[i].member = NULL;
    }
}

static bool is_stronger(const struct context *context, size_t offset)
{
    return origin_of(context->config, offset)->layer > context->layer;
}

static enum wkv_code take_token(const struct context *context, struct wkv_error *error)
{
    const char *token;
    enum wkv_code code = get_text(context, "token", &token, error);
    if (code != WKV_OK || token == NULL)
        return code;
    context->config->connect.token = wkv_config_keep(context->config, token, strlen(token));
    return context->config->connect.token != NULL ? WKV_OK
                                                  : wkv_fail(error, WKV_NO_MEMORY, "no memory for a token");
}

static enum wkv_code take_user(const struct context *context, struct wkv_error *error)
{
    enum wkv_code code = take_member(context, "user", AT(connect.user), error);
    return code == WKV_OK ? take_member(context, "password", AT(connect.password), error) : code;
}

static enum wkv_code take_whole_credentials(const struct context *context, struct wkv_error *error)
{
    if (has(context, "user"))
        return take_user(context, error);
    if (has(context, "creds"))
        return take_member(context, "creds", AT(connect.creds), error);
    if (has(context, "nkey"))
        return take_member(context, "nkey", AT(connect.nkey), error);
    if (has(context, "user_jwt") || has(context, "user_seed"))
        return refuse(context, "user_jwt", "is not known here: name a file of credentials as creds", error);
    return take_token(context, error);
}

/* A user or a password that is given takes the place of the context's own; any other credentials that are
 * given take the place of all that it has. */
static enum wkv_code take_credentials(const struct context *context, struct wkv_error *error)
{
    const char *server = context->config->connect.server;
    static const char *const names[] = {"user", "password", "token",    "creds",
                                        "nkey", "user_jwt", "user_seed"};
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        any = any || has(context, names[i]);
    if (!any || is_stronger(context, AT(connect.creds)) || is_stronger(context, AT(connect.nkey)) ||
        (is_stronger(context, AT(connect.server)) && strchr(server, '@') != NULL))
        return WKV_OK;
    if (is_stronger(context, AT(connect.user)) || is_stronger(context, AT(connect.password)) ||
        is_stronger(context, AT(connect.password_file)))
        return take_user(context, error);
    forget_weaker(context);
    return take_whole_credentials(context, error);
}

/* ---- all of it ---- */

static enum wkv_code refuse_unknown(const struct context *context, struct wkv_error *error)
{
    if (has(context, "nsc"))
        return refuse(context, "nsc",
                      "is not known here: name the server as url and the credentials as creds", error);
    if (has(context, "socks_proxy"))
        return refuse(context, "socks_proxy", "is not known here: name a server that can be reached as url",
                      error);
    if (has(context, "tls_first"))
        return refuse(context, "tls_first",
                      "is not known here: the server must greet first, and tls:// in url is TLS or nothing",
                      error);
    return WKV_OK;
}

static enum wkv_code take_members(const struct context *context, struct wkv_error *error)
{
    const struct {
        const char *name;
        size_t offset;
    } rows[] = {{"url", AT(connect.server)},
                {"cert", AT(connect.tlscert)},
                {"key", AT(connect.tlskey)},
                {"ca", AT(connect.tlsca)},
                {"inbox_prefix", AT(connect.inbox_prefix)}};
    if (refuse_unknown(context, error) != WKV_OK || take_credentials(context, error) != WKV_OK)
        return error->code;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (take_member(context, rows[i].name, rows[i].offset, error) != WKV_OK)
            return error->code;
    return WKV_OK;
}

/* What jansson says of bad JSON quotes it, which may be a secret. */
static enum wkv_code parse(struct context *context, struct wkv_text text, struct wkv_error *error)
{
    json_error_t place;
    context->members = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &place);
    if (context->members == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s:%d: that is no JSON, or has a member twice",
                        wkv_shown_path(context->path), place.line);
    return json_is_object(context->members)
               ? WKV_OK
               : wkv_fail(error, WKV_BAD_REQUEST,
                          "%s: that is no JSON object, as nats context save writes it",
                          wkv_shown_path(context->path));
}

/* `source` is what named the context. */
static enum wkv_code read_named(struct context *context, const char *source, const char *name,
                                struct wkv_error *error)
{
    struct wkv_text text;
    struct wkv_error cause;
    char where[WHERE_BYTES];
    if (!is_name(name) || !path_of("context/", name, ".json", context->path))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s takes the name of a context in ~/.config/nats/context, without a path", source);
    (void)snprintf(where, sizeof where, "%s", wkv_shown_path(context->path));
    if (wkv_config_keep_file(context->config, where, context->path, &text, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "%s: %s; nats context ls shows those that are there", source,
                        cause.text);
    if (parse(context, text, error) != WKV_OK)
        return error->code;
    return take_members(context, error);
}

enum wkv_code wkv_context_read(struct wkv_config *config, struct wkv_error *error)
{
    const struct wkv_origin *origin = wkv_option_origin(wkv_option_at(AT(context)), config);
    struct context context = {.config = config, .layer = WKV_LAYER_CONTEXT};
    const char *name = config->context, *source = "the selected context";
    if (origin->layer != WKV_LAYER_NONE)
        source = origin->source;
    else if (find_selected(config, &name, error) != WKV_OK)
        return error->code;
    if (origin->layer == WKV_LAYER_COMMAND_LINE)
        context.layer = WKV_LAYER_NAMED_CONTEXT;
    if (name == NULL || *name == '\0')
        return WKV_OK;
    enum wkv_code code = read_named(&context, source, name, error);
    json_decref(context.members);
    return code;
}
