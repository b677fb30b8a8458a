/* wascc-keyvalue keygen: a key pair, as `{"public":…,"seed":…}`. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "security/nkey.h"
#include "support/shown.h"

#define KINDS "one word: account, module or host"

/* The kinds that contract section 9 names. */
static bool kind_of(const char *name, enum wkv_nkey_kind *kind)
{
    return (strcmp(name, "account") == 0 || strcmp(name, "module") == 0 || strcmp(name, "host") == 0) &&
           wkv_nkey_kind_parse(name, kind);
}

static int print_pair(enum wkv_nkey_kind kind)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    if (wkv_nkey_seed_generate(kind, &seed, &error) != WKV_OK)
        return wkv_failure(&error);
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    char public_text[WKV_NKEY_PUBLIC_CHARS + 1];
    char seed_text[WKV_NKEY_SEED_CHARS + 1];
    wkv_nkey_encode(&key, public_text);
    wkv_nkey_seed_encode(seed, seed_text);
    (void)setvbuf(stdout, NULL, _IONBF, 0); /* no copy of the seed in stdio's buffer */
    (void)printf("{\"public\":\"%s\",\"seed\":\"%s\"}\n", public_text, seed_text);
    sodium_memzero(seed_text, sizeof seed_text);
    wkv_nkey_seed_destroy(seed);
    return WKV_EXIT_OK;
}

static int keygen(const struct wkv_config *config, char **arguments)
{
    struct wkv_error error;
    enum wkv_nkey_kind kind;
    char given[WKV_SHOWN_GIVEN_BYTES];
    (void)config;
    if (kind_of(arguments[0], &kind))
        return print_pair(kind);
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "keygen takes " KINDS "%s", wkv_shown_given(arguments[0], given));
    return wkv_usage_error(&error);
}

const struct wkv_subcommand wkv_command_keygen = {
    .name = "keygen",
    .doc = "make a key pair of an account, a module or a host",
    .usage = "account|module|host",
    .about = "Prints a new key pair as JSON. The seed is a secret: keep it in a file that only\n"
             "you may read, as\n"
             "  (umask 077; wascc-keyvalue keygen account > account.json)\n",
    .takes = KINDS,
    .arguments = 1,
    .bit = WKV_COMMAND_KEYGEN,
    .run = keygen,
};
