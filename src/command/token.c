/* wascc-keyvalue token: actor claims, on stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "command/command.h"
#include "security/token.h"
#include "support/clock.h"

static int print_token(const struct wkv_config *config)
{
    struct wkv_token_actor_options options = {.subject = config->token.subject,
                                              .capabilities = config->token.capabilities.items,
                                              .capability_count = config->token.capabilities.count,
                                              .name = config->token.name,
                                              .expires_in_s = (int64_t)config->token.expires_in_s};
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
    struct wkv_error error;
    (void)arguments;
    if (config->token.issuer_seed != NULL && config->token.subject != NULL)
        return print_token(config);
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "token needs --issuer-seed FILE and --subject M...; see --help");
    return wkv_usage_error(&error);
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
