#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/parts.h"
#include "support/text.h"

/* The set of the options' lists and files, if a server in this mode can do anything with it. */
static enum wkv_code load_trust(const struct wkv_server *server, struct wkv_trust **trust,
                                struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    if (options->load_trust(options->trust_context, trust, error) != WKV_OK)
        return error->code;
    if (wkv_auth_check_trust(options->auth, *trust, error) == WKV_OK)
        return WKV_OK;
    wkv_trust_release(*trust);
    return error->code;
}

/* What a reload has changed in one list. */
struct change {
    size_t added, removed;
};

static struct change compare(const struct wkv_trust *before, const struct wkv_trust *now,
                             enum wkv_trust_list list)
{
    return (struct change){.added = wkv_trust_missing(before, now, list),
                           .removed = wkv_trust_missing(now, before, list)};
}

static void log_reload(struct wkv_server *server, const struct wkv_trust *before, const struct wkv_trust *now)
{
    struct change issuers = compare(before, now, WKV_TRUST_ISSUERS),
                  hosts = compare(before, now, WKV_TRUST_HOSTS);
    size_t issuer_count = wkv_trust_count(now, WKV_TRUST_ISSUERS),
           host_count = wkv_trust_count(now, WKV_TRUST_HOSTS), keys = issuer_count + host_count;
    size_t added = issuers.added + hosts.added, removed = issuers.removed + hosts.removed;
    bool same = added + removed == 0 && wkv_trust_any_host(before) == wkv_trust_any_host(now);
    char change[64] = "as before";
    if (!same)
        (void)snprintf(change, sizeof change, "%zu added, %zu removed", added, removed);
    const struct wkv_log_field fields[] = {{.name = "keys_read", .number = (int64_t)keys},
                                           {.name = "keys_added", .number = (int64_t)added},
                                           {.name = "keys_removed", .number = (int64_t)removed}};
    wkv_log_fields(&server->log, WKV_LOG_INFO, fields, sizeof fields / sizeof fields[0],
                   "reloaded: --auth %s, %zu trusted issuer%s, %s%zu trusted host%s: %zu key%s read, %s",
                   wkv_auth_name(server->options->auth), issuer_count, wkv_plural(issuer_count),
                   wkv_trust_any_host(now) ? "any host, " : "", host_count, wkv_plural(host_count), keys,
                   wkv_plural(keys), change);
}

static bool is_told_to_stop(const struct wkv_server *server)
{
    struct pollfd stop = {.fd = server->stop_fd, .events = POLLIN};
    return poll(&stop, 1, 0) > 0;
}

/* Returns whether all are removed, or else the process is to end, and they with it. */
static bool remove_untrusted(struct wkv_server *server)
{
    struct wkv_bindings_sweep sweep;
    bool more;
    wkv_bindings_sweep_begin(&sweep, server->provider.bindings);
    do
        more = wkv_bindings_sweep_on(&sweep);
    while (more && !is_told_to_stop(server));
    wkv_bindings_sweep_end(&sweep);
    if (sweep.removed > 0)
        wkv_log_warn(&server->log, "removed %zu binding%s of hosts that are no longer trusted%s",
                     sweep.removed, wkv_plural(sweep.removed),
                     more ? "; told to stop, with which the others end" : "");
    return !more;
}

/* Logged when it holds, so a reader of the line may rely on it. The source keeps the set until the next
 * reload. */
static void take_over(struct wkv_server *server, struct wkv_trust *trust)
{
    struct wkv_trust_reader before;
    wkv_trust_reader_init(&before, server->provider.trust);
    wkv_trust_source_publish(server->provider.trust, trust);
    if (remove_untrusted(server))
        log_reload(server, before.trust, trust);
    wkv_trust_reader_destroy(&before);
}

/* Requests go on meanwhile. What cannot be read changes nothing. */
void wkv_server_reload_trust(struct wkv_server *server)
{
    struct signalfd_siginfo info;
    struct wkv_trust *trust;
    struct wkv_error error;
    while (read(server->reload_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    }
    if (load_trust(server, &trust, &error) != WKV_OK) {
        wkv_log_error(&server->log, "not reloaded, the trusted lists stay as they were: %s", error.text);
        return;
    }
    if (server->provider.trust != NULL) {
        take_over(server, trust);
        return;
    }
    wkv_log_info(&server->log, "reloaded: --auth none: %zu keys read, and nobody is asked for one",
                 wkv_trust_count(trust, WKV_TRUST_ISSUERS) + wkv_trust_count(trust, WKV_TRUST_HOSTS));
    wkv_trust_release(trust);
}

enum wkv_code wkv_server_open_trust(struct wkv_server *server, struct wkv_error *error)
{
    struct wkv_trust *trust;
    struct wkv_replay_options options = {0};
    if (load_trust(server, &trust, error) != WKV_OK)
        return error->code;
    /* With --auth none the lists are not needed, but a mistake in them is reported all the same. */
    if (server->options->auth == WKV_AUTH_NONE) {
        wkv_trust_release(trust);
        return WKV_OK;
    }
    if (wkv_trust_source_create(trust, &server->provider.trust, error) != WKV_OK) {
        wkv_trust_release(trust);
        return error->code;
    }
    return wkv_replay_create(&options, &server->provider.replay, error);
}

/* Contract section 7: hosts of waSCC lower-case the URLs that they sign. Here names are compared as they are,
 * or what was signed for `prod` could be used at `Prod`. */
static void tell_binding(struct wkv_server *server)
{
    const char *binding = server->options->address.binding;
    if (strpbrk(binding, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
        wkv_log_warn(
            &server->log,
            "--binding %s has capitals: hosts of waSCC sign a binding's name in lower case, so their "
            "invocations will be refused; choose a name in lower case to serve them",
            binding);
}

/* Who gets in, for the log. */
void wkv_server_tell_trust(struct wkv_server *server)
{
    struct wkv_trust_reader reader;
    if (server->options->warning != NULL)
        wkv_log_warn(&server->log, "%s", server->options->warning);
    if (server->provider.trust == NULL) {
        wkv_server_tell_terms(server, NULL);
        wkv_log_warn(&server->log,
                     "--auth none: anybody who may publish on this binding's subjects may read and write "
                     "its data");
        return;
    }
    wkv_trust_reader_init(&reader, server->provider.trust);
    const struct wkv_trust *trust = wkv_trust_reader_current(&reader);
    wkv_server_tell_terms(server, trust);
    tell_binding(server);
    if (!wkv_trust_any_host(trust) && wkv_trust_count(trust, WKV_TRUST_HOSTS) == 0)
        wkv_log_info(&server->log,
                     "no --trusted-host: requests of operators and bindings of actors are refused");
    if (wkv_trust_any_host(trust))
        wkv_log_warn(&server->log, "--trusted-host any: anybody with a key pair may sign as a host");
    wkv_trust_reader_destroy(&reader);
}
