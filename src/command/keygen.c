/* wascc-keyvalue keygen: a key pair, as `{"public":…,"seed":…}`. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "security/nkey.h"

static const char head[] =
    "usage: wascc-keyvalue keygen account|module|host\n\n"
    "Prints a new key pair as JSON. The seed is a secret: keep it in a file that only you may read, as\n"
    "  (umask 077; wascc-keyvalue keygen account > account.json)\n";

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

int wkv_command_keygen(int argc, char **argv)
{
    struct wkv_config config;
    struct wkv_error error;
    enum wkv_nkey_kind kind;
    int rest, status;
    wkv_protect_memory();
    if (!wkv_command_begin(WKV_COMMAND_KEYGEN, head, argc, argv, &config, &rest, &status))
        return status;
    if (argc - rest == 1 && kind_of(argv[rest], &kind))
        return print_pair(kind);
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "keygen takes one word: account, module or host");
    return wkv_usage_error(&error);
}
