/* What the commands share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "command/command.h"
#include "command/options.h"
#include "support/shown.h"

static int say(const struct wkv_error *error, int status)
{
    (void)fprintf(stderr, "wascc-keyvalue: %s\n", error->text);
    return status;
}

int wkv_usage_error(const struct wkv_error *error)
{
    return say(error, WKV_EXIT_USAGE);
}

int wkv_failure(const struct wkv_error *error)
{
    return say(error, WKV_EXIT_FAILED);
}

int wkv_failed(const struct wkv_error *error)
{
    return say(error, error->code == WKV_BAD_REQUEST ? WKV_EXIT_USAGE : WKV_EXIT_FAILED);
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

enum wkv_code wkv_read_argument(const char *what, const char *argument, size_t max_bytes,
                                struct wkv_buffer *buffer, struct wkv_error *error)
{
    if (strcmp(argument, "-") == 0)
        return wkv_read_file(what, "-", WKV_FILE_ANY, max_bytes, buffer, error);
    return wkv_buffer_append(buffer, argument, strlen(argument))
               ? WKV_OK
               : wkv_fail(error, WKV_NO_MEMORY, "%s: no memory for it", what);
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
    if (path == NULL)
        return WKV_OK;
    enum wkv_code code = wkv_read_file(source, path, WKV_FILE_REGULAR, TRUST_FILE_MAX_BYTES, &text, error);
    if (code == WKV_OK)
        code = add_keys(trust, list, source, text.data, text.len, error);
    wkv_buffer_destroy(&text);
    return code;
}

static enum wkv_code add_items(struct wkv_trust *trust, enum wkv_trust_list list, const char *source,
                               const struct wkv_config_list *given, struct wkv_error *error)
{
    for (size_t i = 0; i < given->count; i++)
        if (add_keys(trust, list, source, given->items[i], strlen(given->items[i]), error) != WKV_OK)
            return error->code;
    return WKV_OK;
}

static enum wkv_code add_all(const struct wkv_config *config, struct wkv_trust *trust,
                             struct wkv_error *error)
{
    if (add_items(trust, WKV_TRUST_ISSUERS, "--trusted-issuer", &config->trust.issuers, error) != WKV_OK ||
        add_items(trust, WKV_TRUST_HOSTS, "--trusted-host", &config->trust.hosts, error) != WKV_OK ||
        add_file(trust, WKV_TRUST_ISSUERS, "--trusted-issuer-file", config->trust.issuer_file, error) !=
            WKV_OK)
        return error->code;
    return add_file(trust, WKV_TRUST_HOSTS, "--trusted-host-file", config->trust.host_file, error);
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
    return wkv_config_blame(config, error);
}

/* There where the program is built with a leak sanitizer, which looks at the process from another one. */
extern void __lsan_do_leak_check(void) __attribute__((weak));

/* Keeps this process's memory, which has seeds and tokens in it, out of core dumps and other processes'
 * sight. */
static void protect_memory(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    if (__lsan_do_leak_check == NULL)
        (void)prctl(PR_SET_DUMPABLE, 0);
}

static int print_help(const struct wkv_subcommand *command)
{
    (void)printf("usage: wascc-keyvalue %s %s\n\n%s", command->name, command->usage, command->about);
    if (command->print_more != NULL)
        command->print_more(stdout);
    (void)printf("\nOptions:\n");
    wkv_options_print(command->bit, stdout);
    return WKV_EXIT_OK;
}

static int run(const struct wkv_subcommand *command, int argc, char **argv, struct wkv_config *config)
{
    struct wkv_error error;
    int rest;
    if (wkv_config_read(command->bit, argc, argv, config, &rest, &error) != WKV_OK)
        return wkv_usage_error(&error);
    if (config->help)
        return print_help(command);
    if (argc - rest >= command->arguments && argc - rest <= command->arguments + command->optional)
        return command->run(config, argv + rest);
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "%s takes %s; see --help", command->name, command->takes);
    return wkv_usage_error(&error);
}

int wkv_command_run(const struct wkv_subcommand *command, int argc, char **argv)
{
    struct wkv_config config;
    protect_memory();
    int status = run(command, argc, argv, &config);
    wkv_config_destroy(&config);
    return status;
}
