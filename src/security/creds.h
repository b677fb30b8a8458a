/* A NATS credentials file: a user's JWT and the seed that answers for it, as `nsc` and `nats auth` write
 * them:
 *
 *   -----BEGIN NATS USER JWT-----
 *   eyJ0eXAiOi...
 *   ------END NATS USER JWT------
 *   -----BEGIN USER NKEY SEED-----
 *   SUA...
 *   ------END USER NKEY SEED------
 *
 * It is read line by line. Lines that begin with "---" set the parts apart; what stands outside of the parts
 * is for people. Blank lines, a byte order mark and Windows' line ends make no difference (nats.c 3.4
 * refuses them).
 */
#ifndef WKV_SECURITY_CREDS_H
#define WKV_SECURITY_CREDS_H

#include "security/nkey.h"
#include "support/error.h"

/* Both are the caller's, by wkv_creds_destroy. */
struct wkv_creds {
    char *jwt;
    struct wkv_nkey_seed *seed;
};

#define WKV_CREDS_FILE_BYTES 65536

/* Reads a regular file. It passes through guarded memory only; the JWT is copied out of there. Any thread.
 * Errors, *creds being empty then: WKV_BAD_REQUEST (cannot be read, is longer than WKV_CREDS_FILE_BYTES, has
 * no JWT or no user's seed, or they are not each other's; the text says which and quotes nothing),
 * WKV_NO_MEMORY. */
enum wkv_code wkv_creds_load(const char *path, struct wkv_creds *creds, struct wkv_error *error);

/* Wipes and frees; the struct is empty then. */
void wkv_creds_destroy(struct wkv_creds *creds);

#endif
