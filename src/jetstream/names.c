#include "jetstream/names.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* "Other characters than A-Z a-z 0-9 _ - as `_`": a stream's name may hold no dot, blank or separator of
 * files. */
static void write_plain(const char *binding, char *out)
{
    for (; *binding != '\0'; binding++) {
        bool plain = isalnum((unsigned char)*binding) || *binding == '-';
        *out++ = plain ? *binding : '_';
    }
    *out = '\0';
}

/* "SHA-256(namespace NUL binding)". */
static void hash_address(const char *lattice_namespace, const char *binding, char hex[9])
{
    crypto_hash_sha256_state state;
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)lattice_namespace,
                                    strlen(lattice_namespace) + 1);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)binding, strlen(binding));
    (void)crypto_hash_sha256_final(&state, hash);
    (void)sodium_bin2hex(hex, 9, hash, 4);
}

void wkv_js_names_make(const struct wkv_address *address, struct wkv_js_names *names)
{
    char plain[WKV_JS_NAME_BYTES - 30], hex[9];
    const char *name = address->lattice_namespace == NULL ? "" : address->lattice_namespace;
    write_plain(address->binding, plain);
    hash_address(name, address->binding, hex);
    (void)snprintf(names->tag, sizeof names->tag, "%s-%s", plain, hex);
    (void)snprintf(names->log_stream, sizeof names->log_stream, "WKV-LOG-%s-%s", plain, hex);
    (void)snprintf(names->snap_stream, sizeof names->snap_stream, "WKV-SNAP-%s-%s", plain, hex);
    (void)snprintf(names->log_subject, sizeof names->log_subject, "wascc-kv.%s-%s.log", plain, hex);
    (void)snprintf(names->chunk_subject, sizeof names->chunk_subject, "wascc-kv.%s-%s.chunk", plain, hex);
    (void)snprintf(names->manifest_subject, sizeof names->manifest_subject, "wascc-kv.%s-%s.manifest", plain,
                   hex);
}
