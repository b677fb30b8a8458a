/* What the commands share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "command/command.h"
#include "support/shown.h"

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

void wkv_print_json(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        char one[WKV_SHOWN_ONE_BYTES];
        size_t one_len;
        at += wkv_shown_one(WKV_SHOWN_JSON, text + at, len - at, one, &one_len);
        (void)fwrite(one, 1, one_len, stdout);
    }
    (void)fputc('\n', stdout);
}

enum wkv_code wkv_read_file(const char *what, const char *path, enum wkv_file_kind kind, size_t max_bytes,
                            struct wkv_buffer *buffer, struct wkv_error *error)
{
    char block[4096];
    struct wkv_error cause;
    bool standard = strcmp(path, "-") == 0;
    int fd = STDIN_FILENO;
    ssize_t got;
    if (!standard && wkv_file_open("that file", path, kind, &fd, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "%s: %s", what, cause.text);
    bool fits = true;
    while (fits && ((got = read(fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR)))
        fits = got < 0 ||
               ((size_t)got <= max_bytes - buffer->len && wkv_buffer_append(buffer, block, (size_t)got));
    if (!standard)
        (void)close(fd);
    if (!fits)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s: that file has more than %zu bytes", what, max_bytes);
    if (got < 0)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s: cannot read that file", what);
    return WKV_OK;
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
    enum wkv_code code = wkv_read_file(source, path, WKV_FILE_REGULAR, TRUST_FILE_MAX_BYTES, &text, error);
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
