/* wascc-keyvalue token: actor claims, on stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "security/token.h"
#include "support/clock.h"

#define MAX_CAPABILITIES 256

/* The capabilities of each --cap, which may have several with commas between, and blanks around them. */
struct capabilities {
    struct wkv_buffer text;
    const char *items[MAX_CAPABILITIES]; /* in it */
    size_t count;
};

/* In place: each capability ends with a NUL then. */
static enum wkv_code take_apart(struct capabilities *all, struct wkv_error *error)
{
    char *rest = all->text.data;
    for (char *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        struct wkv_text trimmed = wkv_text_trim(wkv_text_from(one));
        if (trimmed.len == 0)
            continue;
        if (all->count == MAX_CAPABILITIES)
            return wkv_fail(error, WKV_BAD_REQUEST, "--cap names more than %d capabilities",
                            MAX_CAPABILITIES);
        char *start = one + (trimmed.data - one);
        start[trimmed.len] = '\0';
        all->items[all->count++] = start;
    }
    return WKV_OK;
}

static enum wkv_code read_capabilities(const struct wkv_config_list *given, struct capabilities *all,
                                       struct wkv_error *error)
{
    bool fits = true;
    for (size_t i = 0; i < given->count; i++)
        fits = fits && wkv_buffer_append(&all->text, given->items[i], strlen(given->items[i])) &&
               wkv_buffer_append(&all->text, ",", 1);
    if (!fits || !wkv_buffer_append(&all->text, "", 1))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the capabilities");
    return take_apart(all, error);
}

static int print_token(const struct wkv_config *config, const struct capabilities *capabilities)
{
    struct wkv_token_actor_options options = {.subject = config->token.subject,
                                              .capabilities = capabilities->items,
                                              .capability_count = capabilities->count,
                                              .name = config->token.name,
                                              .expires_in_s = (int64_t)config->token.expires_in_ms / 1000};
    struct wkv_nkey_seed *seed;
    struct wkv_error error, cause;
    char *text;
    if (wkv_nkey_seed_load(config->token.issuer_seed, WKV_FILE_ANY, &seed, &cause) != WKV_OK) {
        (void)wkv_fail(&error, cause.code, "--issuer-seed: %s", cause.text);
        return wkv_usage_error(&error);
    }
    enum wkv_code code = wkv_token_mint_actor(seed, &options, wkv_wall_ns() / WKV_NS_PER_S, &text, &error);
    wkv_nkey_seed_destroy(seed);
    if (code != WKV_OK)
        return wkv_usage_error(&error);
    (void)printf("%s\n", text);
    free(text);
    return WKV_EXIT_OK;
}

static int token(const struct wkv_config *config, char **arguments)
{
    struct capabilities capabilities = {.count = 0};
    struct wkv_error error;
    (void)arguments;
    if (config->token.issuer_seed == NULL || config->token.subject == NULL) {
        (void)wkv_fail(&error, WKV_BAD_REQUEST,
                       "token needs --issuer-seed FILE and --subject M...; see --help");
        return wkv_usage_error(&error);
    }
    int status = read_capabilities(&config->token.capabilities, &capabilities, &error) == WKV_OK
                     ? print_token(config, &capabilities)
                     : wkv_failed(&error);
    wkv_buffer_destroy(&capabilities.text);
    return status;
}

const struct wkv_subcommand wkv_command_token = {
    .name = "token",
    .doc = "make an actor's claims",
    .usage = "--issuer-seed FILE --subject M... [OPTION]...",
    .about = "Prints actor claims for the subject, signed by the account whose seed the file\n"
             "holds, as keygen prints it.\n",
    .takes = "options only",
    .bit = WKV_COMMAND_TOKEN,
    .run = token,
};
