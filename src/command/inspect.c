/* wascc-keyvalue inspect: what a token says and whether it holds. */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command/command.h"
#include "security/token.h"
#include "support/clock.h"

static json_t *strings(const char **items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_string(items[i]));
    return array;
}

static json_t *optional_number(int64_t number, int64_t absent)
{
    return number == absent ? json_null() : json_integer(number);
}

/* The claims as they stand, unverified. */
static json_t *describe(const struct wkv_token *token)
{
    json_t *claims = json_pack("{s:s, s:s, s:s?, s:I, s:o, s:o}", "iss", token->issuer_text, "sub",
                               token->subject, "jti", token->id, "iat", (json_int_t)token->issued_at_s, "nbf",
                               optional_number(token->not_before_s, 0), "exp",
                               optional_number(token->expires_s, WKV_TOKEN_NEVER));
    json_t *more =
        token->kind == WKV_TOKEN_ACTOR
            ? json_pack("{s:s?, s:s?, s:o, s:s?, s:o, s:o, s:b}", "name", token->actor.name, "hash",
                        token->hash, "rev", optional_number(token->actor.revision, -1), "ver",
                        token->actor.version, "caps",
                        strings(token->actor.capabilities, token->actor.capability_count), "tags",
                        strings(token->actor.tags, token->actor.tag_count), "prov", token->actor.provider)
            : json_pack("{s:s, s:s, s:s}", "origin_url", token->invocation.origin_url, "target_url",
                        token->invocation.target_url, "hash", token->hash);
    (void)json_object_set_new(claims, "wascap", more);
    return claims;
}

static bool has_trust(const struct wkv_config *config)
{
    return config->trust.issuers.count > 0 || config->trust.hosts.count > 0;
}

/* Whether it holds; the error says why not. Without lists of trusted keys only signature and times can be
 * checked. */
static enum wkv_code judge(const struct wkv_config *config, const char *text, size_t len,
                           const struct wkv_token *token, int64_t now_s, struct wkv_error *error)
{
    if (!has_trust(config)) {
        if (!wkv_token_signature_holds(token, text, len))
            return wkv_fail(error, WKV_UNAUTHORIZED,
                            "the signature is not the issuer's over this header and payload");
        return wkv_token_check_times(token, now_s, error);
    }
    struct wkv_trust *trust;
    struct wkv_token verified;
    if (wkv_load_trust(config, &trust, error) != WKV_OK)
        return error->code;
    if (wkv_token_verify(text, len, token->kind, trust, now_s, &verified, error) == WKV_OK) {
        wkv_token_destroy(&verified);
        wkv_error_clear(error);
    }
    wkv_trust_release(trust);
    return error->code;
}

static int print_verdict(const struct wkv_config *config, const char *text, size_t len)
{
    struct wkv_token token;
    struct wkv_error error;
    wkv_error_clear(&error);
    if (wkv_token_read(text, len, WKV_TOKEN_ANY, &token, &error) != WKV_OK)
        return wkv_failure(&error);
    enum wkv_code code = judge(config, text, len, &token, wkv_wall_ns() / WKV_NS_PER_S, &error);
    if (code == WKV_BAD_REQUEST) {
        wkv_token_destroy(&token);
        return wkv_usage_error(&error);
    }
    json_t *report = json_pack(
        "{s:s, s:o, s:b, s:s?, s:s}", "kind", token.kind == WKV_TOKEN_ACTOR ? "actor" : "invocation",
        "claims", describe(&token), "holds", code == WKV_OK, "why_not", code == WKV_OK ? NULL : error.text,
        "issuer", !has_trust(config) ? "not checked: give --trusted-issuer or --trusted-host" : "checked");
    char *printed = report == NULL ? NULL : json_dumps(report, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (printed != NULL)
        wkv_print_json(printed, strlen(printed));
    else
        (void)printf("no memory\n");
    free(printed);
    json_decref(report);
    wkv_token_destroy(&token);
    return code == WKV_OK ? WKV_EXIT_OK : WKV_EXIT_FAILED;
}

#define MAX_BYTES (2 * (size_t)WKV_TOKEN_MAX_BYTES)

static bool is_file(const char *argument)
{
    struct stat about;
    return stat(argument, &about) == 0 && !S_ISDIR(about.st_mode);
}

/* Three segments with dots between, or what is too long for a path. */
static bool may_be_token(const char *argument)
{
    const char *first = strchr(argument, '.'), *second = first == NULL ? NULL : strchr(first + 1, '.');
    bool three = second != NULL && strchr(second + 1, '.') == NULL && strchr(argument, '/') == NULL;
    return three || strlen(argument) >= PATH_MAX;
}

/* A file, where there is one of that name, else the token itself. */
static enum wkv_code read_token(const char *argument, struct wkv_buffer *text, struct wkv_error *error)
{
    if (strcmp(argument, "-") == 0 || is_file(argument))
        return wkv_read_file("TOKEN", argument, WKV_FILE_ANY, MAX_BYTES, text, error);
    if (may_be_token(argument))
        return wkv_read_argument("TOKEN", argument, MAX_BYTES, text, error);
    return wkv_fail(
        error, WKV_BAD_REQUEST,
        "TOKEN: there is no such file, and these are no claims, which are three segments with dots "
        "between: give a token, a file with one, or - for standard input");
}

static int inspect(const struct wkv_config *config, char **arguments)
{
    struct wkv_buffer text = {0};
    struct wkv_error error;
    if (read_token(arguments[0], &text, &error) != WKV_OK) {
        wkv_buffer_destroy(&text);
        return wkv_failure(&error);
    }
    struct wkv_text token = wkv_text_trim_file((struct wkv_text){text.data, text.len});
    int status = print_verdict(config, token.data, token.len);
    wkv_buffer_destroy(&text);
    return status;
}

const struct wkv_subcommand wkv_command_inspect = {
    .name = "inspect",
    .doc = "tell what a token says and whether it holds",
    .usage = "[OPTION]... TOKEN",
    .about = "Prints as JSON what actor or invocation claims say, and whether they hold: the\n"
             "signature, the times and, with --trusted-issuer or --trusted-host, who signed\n"
             "them. TOKEN may be a file that holds one, or - for standard input. Exits 0 where\n"
             "they hold.\n",
    .takes = "one TOKEN, a file with one, or - for standard input",
    .arguments = 1,
    .bit = WKV_COMMAND_INSPECT,
    .run = inspect,
};
