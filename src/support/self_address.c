#include "support/self_address.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Hex digits of the hash that stands for namespace and binding, which together are longer than an address. */
#define TAG_CHARS 32

/* SHA-256 of namespace NUL binding, or the beginning of it. */
static void make_tag(const struct wkv_self_name *name, char out[TAG_CHARS + 1])
{
    const char *lattice_namespace = name->lattice_namespace == NULL ? "" : name->lattice_namespace;
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)lattice_namespace,
                                    strlen(lattice_namespace) + 1);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)name->binding, strlen(name->binding));
    (void)crypto_hash_sha256_final(&state, hash);
    (void)sodium_bin2hex(out, TAG_CHARS + 1, hash, TAG_CHARS / 2);
}

/* The name begins behind a NUL and has none at its end: every byte counts. */
void wkv_self_address(const struct wkv_self_name *name, unsigned slot, struct wkv_self_address *out)
{
    char tag[TAG_CHARS + 1];
    *out = (struct wkv_self_address){.address.sun_family = AF_UNIX};
    make_tag(name, tag);
    int len = snprintf(out->address.sun_path + 1, sizeof out->address.sun_path - 1, "wascc-keyvalue/%u/%s/%u",
                       (unsigned)geteuid(), tag, slot);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

bool wkv_self_peer(int socket, struct ucred *peer)
{
    socklen_t len = sizeof *peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, peer, &len) == 0;
}
