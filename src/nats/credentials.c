#include "nats/credentials.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "security/creds.h"
#include "support/file.h"
#include "support/text.h"
#include "support/utf8.h"

/* The server reads a CONNECT of at most 4096 bytes with all of it. */
#define SECRET_MAX_BYTES 1024

static enum wkv_code no_memory(struct wkv_error *error)
{
    return wkv_fail(error, WKV_NO_MEMORY, "no memory for a connection's options");
}

/* ---- users, passwords and tokens ---- */

/* nats.c puts each into its CONNECT, which is JSON, as it is: so what would end the string there is escaped
 * here. The caller wipes and frees *escaped. */
static enum wkv_code escape(const char *what, const char *text, char **escaped, struct wkv_error *error)
{
    size_t len = strlen(text);
    *escaped = NULL;
    if (len > SECRET_MAX_BYTES)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s is longer than %d bytes", what, SECRET_MAX_BYTES);
    if (!wkv_utf8_valid(text, len))
        return wkv_fail(error, WKV_BAD_REQUEST, "%s is not UTF-8, which is all that NATS takes", what);
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return wkv_fail(
                error, WKV_BAD_REQUEST,
                "%s has a control character in it; is it the line end of the file that the secret came "
                "from? --password-file drops one",
                what);
    char *out = *escaped = malloc(2 * len + 1);
    if (out == NULL)
        return no_memory(error);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            *out++ = '\\';
        *out++ = *c;
    }
    *out = '\0';
    return WKV_OK;
}

/* Wipes and frees a text that may hold a secret. NULL is allowed. */
static void wipe(char *text)
{
    if (text != NULL)
        sodium_memzero(text, strlen(text));
    free(text);
}

static enum wkv_code set_user(const char *user, const char *password, natsOptions *out,
                              struct wkv_error *error)
{
    char *escaped_user = NULL, *escaped_password = NULL;
    enum wkv_code code = escape("the NATS user", user, &escaped_user, error);
    if (code == WKV_OK)
        code = escape("the NATS password", password, &escaped_password, error);
    if (code == WKV_OK && natsOptions_SetUserInfo(out, escaped_user, escaped_password) != NATS_OK)
        code = no_memory(error);
    wipe(escaped_user);
    wipe(escaped_password);
    return code;
}

static enum wkv_code set_token(const char *token, natsOptions *out, struct wkv_error *error)
{
    char *escaped;
    enum wkv_code code = escape("the NATS token", token, &escaped, error);
    if (code == WKV_OK && natsOptions_SetToken(out, escaped) != NATS_OK)
        code = no_memory(error);
    wipe(escaped);
    return code;
}

static enum wkv_code use_password(const char *user, char *bytes, size_t len, natsOptions *out,
                                  struct wkv_error *error)
{
    struct wkv_text whole = wkv_text_without_line_end((struct wkv_text){bytes, len});
    struct wkv_text password = wkv_text_skip_mark(whole);
    bytes[whole.len] = '\0';
    if (password.len == 0)
        return wkv_fail(error, WKV_BAD_REQUEST, "that file is empty: it holds the password");
    if (strlen(password.data) < password.len)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "that file has a NUL in it: it holds the password and nothing else");
    return set_user(user, password.data, out, error);
}

static enum wkv_code set_password_of_file(const struct wkv_connect_options *options, natsOptions *out,
                                          struct wkv_error *error)
{
    struct wkv_error cause;
    size_t len;
    char *bytes;
    enum wkv_code code = wkv_file_read_secret("that file", options->password_file, WKV_FILE_REGULAR,
                                              SECRET_MAX_BYTES + 7, &bytes, &len, &cause);
    if (code == WKV_OK)
        code = use_password(options->user, bytes, len, out, &cause);
    sodium_free(bytes);
    return code == WKV_OK ? WKV_OK : wkv_fail(error, code, "--password-file: %s", cause.text);
}

/* ---- seeds ---- */

/* Signs the server's nonce. nats.c frees the results. */
static natsStatus sign_with(const struct wkv_nkey_seed *seed, const char *nonce, char **custom_error,
                            unsigned char **signature, int *signature_bytes)
{
    if (nonce == NULL || *nonce == '\0') {
        *custom_error =
            strdup("the server knows no nkeys, it gives nothing to sign; give --user and --password");
        return NATS_CONNECTION_AUTH_FAILED;
    }
    *signature_bytes = WKV_NKEY_SIGNATURE_BYTES;
    *signature = malloc(WKV_NKEY_SIGNATURE_BYTES);
    if (*signature == NULL)
        return NATS_NO_MEMORY;
    wkv_nkey_seed_sign_without_zero(seed, nonce, strlen(nonce), *signature);
    return NATS_OK;
}

static natsStatus cannot_sign(const struct wkv_error *error, char **custom_error)
{
    *custom_error = strdup(error->text);
    return NATS_ERR;
}

/* The seed is read for each connection and stays in guarded memory. nats.c could read it itself, but keeps it
 * in ordinary memory, and does not know keygen's JSON. */
static natsStatus sign_by_nkey(char **custom_error, unsigned char **signature, int *signature_bytes,
                               const char *nonce, void *path)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    if (wkv_nkey_seed_load(path, WKV_FILE_REGULAR, &seed, &error) != WKV_OK)
        return cannot_sign(&error, custom_error);
    natsStatus status = sign_with(seed, nonce, custom_error, signature, signature_bytes);
    wkv_nkey_seed_destroy(seed);
    return status;
}

static natsStatus sign_by_creds(char **custom_error, unsigned char **signature, int *signature_bytes,
                                const char *nonce, void *path)
{
    struct wkv_creds creds;
    struct wkv_error error;
    if (wkv_creds_load(path, &creds, &error) != WKV_OK)
        return cannot_sign(&error, custom_error);
    natsStatus status = sign_with(creds.seed, nonce, custom_error, signature, signature_bytes);
    wkv_creds_destroy(&creds);
    return status;
}

static natsStatus give_jwt(char **jwt, char **custom_error, void *path)
{
    struct wkv_creds creds;
    struct wkv_error error;
    if (wkv_creds_load(path, &creds, &error) != WKV_OK)
        return cannot_sign(&error, custom_error);
    *jwt = creds.jwt; /* nats.c's now */
    creds.jwt = NULL;
    wkv_creds_destroy(&creds);
    return NATS_OK;
}

static enum wkv_code set_nkey(const char *path, natsOptions *out, struct wkv_error *error)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error cause;
    char public_text[WKV_NKEY_PUBLIC_CHARS + 1];
    if (wkv_nkey_seed_load(path, WKV_FILE_REGULAR, &seed, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "--nkey: %s", cause.text);
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_seed_destroy(seed);
    if (key.kind != WKV_NKEY_USER)
        return wkv_fail(error, WKV_BAD_REQUEST, "--nkey: the seed is of kind %s: give a NATS user's (SU...)",
                        wkv_nkey_kind_name(key.kind));
    wkv_nkey_encode(&key, public_text);
    return natsOptions_SetNKey(out, public_text, sign_by_nkey, (void *)(uintptr_t)path) == NATS_OK
               ? WKV_OK
               : no_memory(error);
}

static enum wkv_code set_creds(const char *path, natsOptions *out, struct wkv_error *error)
{
    struct wkv_creds creds;
    struct wkv_error cause;
    void *closure = (void *)(uintptr_t)path;
    if (wkv_creds_load(path, &creds, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "--creds: %s", cause.text);
    wkv_creds_destroy(&creds);
    return natsOptions_SetUserCredentialsCallbacks(out, give_jwt, closure, sign_by_creds, closure) == NATS_OK
               ? WKV_OK
               : no_memory(error);
}

enum wkv_code wkv_credentials_apply(const struct wkv_connect_options *options,
                                    const struct wkv_server_url *server, natsOptions *out,
                                    struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    if (options->creds != NULL)
        code = set_creds(options->creds, out, error);
    if (code == WKV_OK && server->user != NULL)
        return set_user(server->user, server->password, out, error);
    if (code == WKV_OK && server->token != NULL)
        return set_token(server->token, out, error);
    if (code == WKV_OK && options->token != NULL)
        code = set_token(options->token, out, error);
    if (code == WKV_OK && options->password_file != NULL)
        code = set_password_of_file(options, out, error);
    else if (code == WKV_OK && options->user != NULL)
        code = set_user(options->user, options->password, out, error);
    if (code == WKV_OK && options->nkey != NULL)
        code = set_nkey(options->nkey, out, error);
    return code;
}
