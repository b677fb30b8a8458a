/* What the commands share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "command/command.h"

int wkv_usage_error(const struct wkv_error *error)
{
    (void)fprintf(stderr, "wascc-keyvalue: %s\n", error->text);
    return WKV_EXIT_USAGE;
}

int wkv_failure(const struct wkv_error *error)
{
    (void)fprintf(stderr, "wascc-keyvalue: %s\n", error->text);
    return WKV_EXIT_FAILED;
}

bool wkv_command_begin(enum wkv_command command, const char *head, int argc, char **argv,
                       struct wkv_config *config, int *rest, int *status)
{
    struct wkv_error error;
    if (wkv_config_read(command, argc, argv, config, rest, &error) != WKV_OK) {
        *status = wkv_usage_error(&error);
        return false;
    }
    if (!config->help)
        return true;
    (void)printf("%s\n", head);
    wkv_config_print_options(command, stdout);
    *status = WKV_EXIT_OK;
    return false;
}

enum wkv_code wkv_read_file(const char *what, const char *path, size_t max_bytes, struct wkv_buffer *buffer,
                            struct wkv_error *error)
{
    char block[4096];
    size_t got;
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (file == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s: cannot read that file: %s", what, strerror(errno));
    bool fits = true;
    while (fits && (got = fread(block, 1, sizeof block, file)) > 0)
        fits = got <= max_bytes - buffer->len && wkv_buffer_append(buffer, block, got);
    bool failed = ferror(file) != 0;
    if (!standard)
        (void)fclose(file);
    if (failed)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s: cannot read that file", what);
    if (!fits)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s: that file has more than %zu bytes", what, max_bytes);
    return WKV_OK;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct wkv_text wkv_trim(struct wkv_text text)
{
    while (text.len > 0 && is_space(text.data[text.len - 1]))
        text.len--;
    while (text.len > 0 && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }
    return text;
}

/* Sixteen bytes of separators and 56 of a key for each of the keys that a list can have. */
#define TRUST_FILE_MAX_BYTES ((size_t)WKV_TRUST_MAX_KEYS * 72)

/* The trust room's error names the list and the entry; this says which option it came from. */
static enum wkv_code add_keys(struct wkv_trust *trust, enum wkv_trust_list list, const char *source,
                              const char *text, size_t len, struct wkv_error *error)
{
    struct wkv_error cause;
    if (wkv_trust_add(trust, list, text, len, &cause) == WKV_OK)
        return WKV_OK;
    return wkv_fail(error, cause.code, "%s: %s", source, cause.text);
}

static enum wkv_code add_file(struct wkv_trust *trust, enum wkv_trust_list list, const char *source,
                              const char *path, struct wkv_error *error)
{
    struct wkv_buffer text = {0};
    enum wkv_code code = wkv_read_file(source, path, TRUST_FILE_MAX_BYTES, &text, error);
    if (code == WKV_OK)
        code = add_keys(trust, list, source, text.data, text.len, error);
    wkv_buffer_destroy(&text);
    return code;
}

static enum wkv_code add_all(const struct wkv_config *config, struct wkv_trust *trust,
                             struct wkv_error *error)
{
    for (size_t i = 0; i < config->trusted_issuers.count; i++) {
        const char *item = config->trusted_issuers.items[i];
        if (add_keys(trust, WKV_TRUST_ISSUERS, "--trusted-issuer", item, strlen(item), error) != WKV_OK)
            return error->code;
    }
    for (size_t i = 0; i < config->trusted_hosts.count; i++) {
        const char *item = config->trusted_hosts.items[i];
        if (add_keys(trust, WKV_TRUST_HOSTS, "--trusted-host", item, strlen(item), error) != WKV_OK)
            return error->code;
    }
    if (config->trusted_issuer_file != NULL && add_file(trust, WKV_TRUST_ISSUERS, "--trusted-issuer-file",
                                                        config->trusted_issuer_file, error) != WKV_OK)
        return error->code;
    if (config->trusted_host_file != NULL &&
        add_file(trust, WKV_TRUST_HOSTS, "--trusted-host-file", config->trusted_host_file, error) != WKV_OK)
        return error->code;
    return WKV_OK;
}

enum wkv_code wkv_load_trust(const struct wkv_config *config, struct wkv_trust **trust,
                             struct wkv_error *error)
{
    if (wkv_trust_create(trust, error) != WKV_OK)
        return error->code;
    if (add_all(config, *trust, error) == WKV_OK)
        return WKV_OK;
    wkv_trust_release(*trust);
    *trust = NULL;
    return error->code;
}

/* The leak sanitizer looks at the process from another one, which a process that may not be dumped refuses.
 */
#if defined(__SANITIZE_ADDRESS__)
#define WKV_LEAK_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WKV_LEAK_SANITIZER 1
#endif
#endif
#ifndef WKV_LEAK_SANITIZER
#define WKV_LEAK_SANITIZER 0
#endif

void wkv_protect_memory(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#if !WKV_LEAK_SANITIZER
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}
