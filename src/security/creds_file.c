#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "security/creds.h"
#include "security/json.h"
#include "security/segment.h"
#include "support/text.h"

/* The first two lines that stand between a BEGIN and its END. */
static size_t find_parts(struct wkv_text text, struct wkv_text parts[2])
{
    size_t count = 0;
    bool inside = false;
    while (count < 2 && text.len > 0) {
        struct wkv_text line = wkv_text_trim_file(wkv_text_take(&text, '\n'));
        if (wkv_text_begins(line, "---"))
            inside = memmem(line.data, line.len, "BEGIN", strlen("BEGIN")) != NULL;
        else if (inside && line.len > 0) {
            parts[count++] = line;
            inside = false;
        }
    }
    return count;
}

/* Whether all three parts are base64url: nats.c puts the JWT into its CONNECT as it is, where a quote would
 * end the string. bytes has room for as many as the JWT has; the payload's are what it is left with. */
static bool decode_parts(const struct wkv_segments *segments, unsigned char *bytes, size_t *payload_len)
{
    size_t len;
    return wkv_segment_decode(segments->header, bytes, &len) &&
           wkv_segment_decode(segments->signature, bytes, &len) &&
           wkv_segment_decode(segments->payload, bytes, payload_len);
}

/* Reads which user's the JWT is, and whether it is a bearer's: good without a signature. */
static enum wkv_code read_jwt(struct wkv_text jwt, const char **subject, bool *bearer, json_t **claims,
                              struct wkv_error *error)
{
    static const char what[] = "the claims of the credentials' JWT";
    struct wkv_segments segments;
    size_t len;
    if (!wkv_segments_split(jwt, &segments))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the credentials' JWT is none: it has three parts with dots between");
    unsigned char *payload = malloc(jwt.len);
    if (payload == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the credentials' JWT");
    const struct wkv_member claimed = {.name = "sub", .required = true, .text = subject};
    struct wkv_error cause;
    enum wkv_code code = WKV_OK;
    if (!decode_parts(&segments, payload, &len))
        code = wkv_fail(error, WKV_BAD_REQUEST,
                        "the credentials' JWT is none: its three parts are base64url, without padding");
    else if (wkv_json_object(what, payload, len, claims, &cause) != WKV_OK ||
             wkv_json_members(what, *claims, &claimed, 1, &cause) != WKV_OK)
        code = wkv_fail(error, cause.code == WKV_NO_MEMORY ? cause.code : WKV_BAD_REQUEST, "%s", cause.text);
    else
        *bearer = json_is_true(json_object_get(json_object_get(*claims, "nats"), "bearer_token"));
    free(payload);
    return code;
}

static enum wkv_code check_pair(struct wkv_text jwt, const struct wkv_nkey_seed *seed,
                                struct wkv_error *error)
{
    char public_text[WKV_NKEY_PUBLIC_CHARS + 1];
    const char *subject = "";
    bool bearer = false;
    json_t *claims = NULL;
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    if (key.kind != WKV_NKEY_USER)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the credentials' seed is of kind %s: it is a NATS user's (SU...)",
                        wkv_nkey_kind_name(key.kind));
    wkv_nkey_encode(&key, public_text);
    enum wkv_code code = read_jwt(jwt, &subject, &bearer, &claims, error);
    if (code == WKV_OK && !bearer && strcmp(subject, public_text) != 0)
        code = wkv_fail(error, WKV_BAD_REQUEST, "the credentials' seed and JWT are not the same user's");
    json_decref(claims);
    return code;
}

static enum wkv_code parse(struct wkv_text text, struct wkv_creds *creds, struct wkv_error *error)
{
    struct wkv_text parts[2];
    struct wkv_error cause;
    if (find_parts(text, parts) < 2)
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "that file holds no credentials: a user's JWT and its seed, each between lines of BEGIN "
            "and END");
    if (wkv_nkey_seed_decode(parts[1].data, parts[1].len, &creds->seed, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "the credentials' seed: %s", cause.text);
    if (check_pair(parts[0], creds->seed, error) != WKV_OK)
        return error->code;
    creds->jwt = strndup(parts[0].data, parts[0].len);
    return creds->jwt == NULL ? wkv_fail(error, WKV_NO_MEMORY, "no memory for the credentials' JWT") : WKV_OK;
}

enum wkv_code wkv_creds_load(const char *path, struct wkv_creds *creds, struct wkv_error *error)
{
    char *bytes;
    size_t len;
    *creds = (struct wkv_creds){.jwt = NULL};
    enum wkv_code code =
        wkv_file_read_secret("that file", path, WKV_FILE_REGULAR, WKV_CREDS_FILE_BYTES, &bytes, &len, error);
    if (code == WKV_OK)
        code = parse((struct wkv_text){bytes, len}, creds, error);
    sodium_free(bytes);
    if (code != WKV_OK)
        wkv_creds_destroy(creds);
    return code;
}

void wkv_creds_destroy(struct wkv_creds *creds)
{
    if (creds->jwt != NULL)
        sodium_memzero(creds->jwt, strlen(creds->jwt));
    free(creds->jwt);
    wkv_nkey_seed_destroy(creds->seed);
    *creds = (struct wkv_creds){.jwt = NULL};
}
