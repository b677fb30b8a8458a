/* Any text as part of a subject, as a message's subject and as one that a reply would go to: what is taken
 * for a token is one and can be nothing else, only the subjects that were subscribed to match, and no reply
 * goes to NATS's own subjects or to the lattice's. */
#include "access/bindings.h"
#include "fuzz.h"
#include "nats/subject.h"

/* As a string, of which the rest is nobody's. */
static char *string_of(struct wkv_text text)
{
    char *string = malloc(text.len + 1);
    must(string != NULL);
    if (text.len > 0)
        memcpy(string, text.data, text.len);
    string[text.len] = '\0';
    return string;
}

static void check_token(const struct wkv_address *address, const char *token)
{
    char subject[WKV_SUBJECT_BYTES];
    struct wkv_error error;
    bool valid = wkv_subject_token_valid(token);
    enum wkv_code code = wkv_subject_operation(address, token, "Get", subject, &error);
    must(strcmp(token, "*") == 0 || (code == WKV_OK) == valid);
    if (code != WKV_OK) {
        must_be_error(&error, WKV_BAD_REQUEST);
        return;
    }
    must(!wkv_subject_takes_replies(address, subject));
    must(!valid || strpbrk(token, ".*> \t\r\n") == NULL);
    must(strchr(subject, ' ') == NULL && strstr(subject, "..") == NULL);
    /* Whoever can be bound has a subject, and `system` is nobody's. */
    struct wkv_text name = {token, strlen(token)};
    must((wkv_bindings_check_actor(name, NULL) == WKV_OK) == (valid && strcmp(token, "system") != 0));
}

/* One token for the wildcard, and all the rest as it was subscribed to. */
static void check_message(const struct wkv_address *address, const char *subject)
{
    static const char end[] = ".Get";
    char pattern[WKV_SUBJECT_BYTES];
    struct wkv_error error;
    if (wkv_subject_operation(address, "*", "Get", pattern, &error) != WKV_OK)
        return;
    struct wkv_pattern looked_at = wkv_pattern_of(pattern);
    if (!wkv_pattern_matches(&looked_at, subject))
        return;
    size_t before = strcspn(pattern, "*"), len = strlen(subject);
    must(len > before + strlen(end) && strncmp(subject, pattern, before) == 0);
    must(strcmp(subject + len - strlen(end), end) == 0);
    must(memchr(subject + before, '.', len - before - strlen(end)) == NULL);
}

static void check_replies(const struct wkv_address *address, const char *subject)
{
    char own[WKV_SUBJECT_BYTES * 2];
    must(subject[0] != '$' || !wkv_subject_takes_replies(address, subject));
    must(wkv_subject_takes_replies(address, "_INBOX.a.b"));
    (void)snprintf(own, sizeof own, "dev.wasmbus.provider.%s", subject);
    must(!wkv_subject_takes_replies(address, own));
    (void)snprintf(own, sizeof own, "wascc-kv.%s", subject);
    must(!wkv_subject_takes_replies(address, own));
}

static void check_address(const char *space, const char *binding, const char *other)
{
    struct wkv_address address = {.lattice_namespace = space, .binding = binding};
    struct wkv_error error;
    char base[WKV_SUBJECT_BYTES];
    if (wkv_address_check(&address, &error) != WKV_OK) {
        must_be_error(&error, WKV_BAD_REQUEST);
        return;
    }
    wkv_subject_base(&address, base);
    must(strlen(base) > strlen(binding) && !wkv_subject_takes_replies(&address, base));
    check_token(&address, other);
    check_message(&address, other);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct wkv_address common = {.lattice_namespace = "dev", .binding = "default"};
    struct input input = {bytes, bytes + len};
    char *space = string_of(take_text(&input, 200));
    char *binding = string_of(take_text(&input, 200));
    char *rest = string_of((struct wkv_text){(const char *)input.at, (size_t)(input.end - input.at)});
    check_address(space, binding, rest);
    check_address("", binding, space);
    check_token(&common, rest);
    check_message(&common, rest);
    check_replies(&common, rest);
    free(space);
    free(binding);
    free(rest);
    return 0;
}
