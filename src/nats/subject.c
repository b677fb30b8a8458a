#include <stdio.h>
#include <string.h>

#include "support/shown.h"

#include "nats/subject.h"

#define MAX_TOKEN_BYTES 128u

/* Printable ASCII. */
static bool valid_in_token(char c)
{
    return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f && c != '.' && c != '*' && c != '>';
}

bool wkv_subject_token_valid(const char *text)
{
    size_t len = 0;
    for (; text[len] != '\0'; len++)
        if (len == MAX_TOKEN_BYTES || !valid_in_token(text[len]))
            return false;
    return len > 0;
}

/* A namespace is one token or several with dots between. */
static bool namespace_valid(const char *text)
{
    size_t len = strlen(text);
    if (len > MAX_TOKEN_BYTES || text[0] == '.' || text[len - 1] == '.' || strstr(text, "..") != NULL)
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (*c != '.' && !valid_in_token(*c))
            return false;
    return true;
}

static bool has_namespace(const struct wkv_address *address)
{
    return address->lattice_namespace != NULL && address->lattice_namespace[0] != '\0';
}

enum wkv_code wkv_address_check(const struct wkv_address *address, struct wkv_error *error)
{
    char given[WKV_SHOWN_GIVEN_BYTES];
    if (has_namespace(address) && !namespace_valid(address->lattice_namespace))
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "--lattice-namespace is not part of a NATS subject: give ASCII words with dots between, without "
            "spaces, '*' or '>', at most %u bytes%s",
            MAX_TOKEN_BYTES, wkv_shown_given(address->lattice_namespace, given));
    if (!wkv_subject_token_valid(address->binding))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--binding is not one token of a NATS subject: give ASCII without spaces, '.', '*' "
                        "or '>', 1 to %u bytes%s",
                        MAX_TOKEN_BYTES, wkv_shown_given(address->binding, given));
    return WKV_OK;
}

void wkv_subject_lattice(const struct wkv_address *address, const char *rest, char out[WKV_SUBJECT_BYTES])
{
    bool namespaced = has_namespace(address);
    (void)snprintf(out, WKV_SUBJECT_BYTES, "%s%swasmbus.%s", namespaced ? address->lattice_namespace : "",
                   namespaced ? "." : "", rest);
}

void wkv_subject_base(const struct wkv_address *address, char out[WKV_SUBJECT_BYTES])
{
    char rest[WKV_SUBJECT_BYTES];
    (void)snprintf(rest, sizeof rest, "provider.wascc.keyvalue.%s", address->binding);
    wkv_subject_lattice(address, rest, out);
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* What follows `<prefix>.` in the subject; NULL where it is none of the lattice's. */
static const char *in_lattice(const struct wkv_address *address, const char *subject)
{
    if (has_namespace(address)) {
        size_t len = strlen(address->lattice_namespace);
        if (strncmp(subject, address->lattice_namespace, len) != 0 || subject[len] != '.')
            return NULL;
        subject += len + 1;
    }
    return begins_with(subject, "wasmbus.") ? subject + strlen("wasmbus.") : NULL;
}

/* Whether a subject that begins so may be one of those that take no replies. Mostly it is an inbox. */
static bool may_be_ours(const struct wkv_address *address, char first)
{
    return first == '$' || first == 'w' || (has_namespace(address) && first == address->lattice_namespace[0]);
}

bool wkv_subject_takes_replies(const struct wkv_address *address, const char *subject)
{
    if (!may_be_ours(address, subject[0]))
        return true;
    if (subject[0] == '$' || begins_with(subject, "wascc-kv."))
        return false;
    const char *rest = in_lattice(address, subject);
    return rest == NULL || !(begins_with(rest, "provider.") || begins_with(rest, "actor.") ||
                             begins_with(rest, "inventory.") || strcmp(rest, "events") == 0);
}

struct wkv_pattern wkv_pattern_of(const char *text)
{
    const char *wildcard = strchr(text, '*');
    return wildcard == NULL
               ? (struct wkv_pattern){.text = text, .before = strlen(text)}
               : (struct wkv_pattern){text, .before = (size_t)(wildcard - text), .after = wildcard + 1};
}

bool wkv_pattern_matches(const struct wkv_pattern *pattern, const char *subject)
{
    if (strncmp(pattern->text, subject, pattern->before) != 0)
        return false;
    const char *token = subject + pattern->before;
    if (pattern->after == NULL)
        return *token == '\0';
    size_t len = wkv_subject_token_bytes(token);
    return len > 0 && strcmp(token + len, pattern->after) == 0;
}

enum wkv_code wkv_subject_operation(const struct wkv_address *address, const char *actor,
                                    const char *operation, char out[WKV_SUBJECT_BYTES],
                                    struct wkv_error *error)
{
    if (strcmp(actor, "*") != 0 && !wkv_subject_token_valid(actor))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the actor is not one token of a NATS subject: give its public key (M...) or system");
    if (!wkv_subject_token_valid(operation))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the operation is not one token of a NATS subject: give its name");
    char base[WKV_SUBJECT_BYTES];
    wkv_subject_base(address, base);
    int len = snprintf(out, WKV_SUBJECT_BYTES, "%s.%s.%s", base, actor, operation);
    if (len < 0 || len >= WKV_SUBJECT_BYTES)
        return wkv_fail(error, WKV_BAD_REQUEST, "the subject is longer than %d bytes: shorten its parts",
                        WKV_SUBJECT_BYTES - 1);
    return WKV_OK;
}
