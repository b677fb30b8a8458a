/* What the log says first: what was started, and on what terms. */
#include <inttypes.h>
#include <string.h>

#include "operation/identity.h"
#include "server/parts.h"
#include "support/text.h"
#include "support/version.h"

/* Of a list of servers; what has no room is counted. */
#define SERVERS_BYTES 384

/* The servers without what is secret, with commas between. */
static void list_servers(const struct wkv_servers *servers, char out[SERVERS_BYTES])
{
    char url[WKV_SERVER_URL_BYTES];
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < servers->count; i++) {
        wkv_server_url_text(&servers->items[i], url);
        size_t room = SERVERS_BYTES - used, wanted = strlen(url) + sizeof ", and 32 more";
        if (wanted > room) {
            (void)snprintf(out + used, room, ", and %zu more", servers->count - i);
            return;
        }
        used += (size_t)snprintf(out + used, room, "%s%s", i == 0 ? "" : ",", url);
    }
}

static const char *engine_name(enum wkv_engine_kind engine)
{
    return engine == WKV_ENGINE_JETSTREAM ? "jetstream" : "memory";
}

static const char *memory_bound(uint64_t bytes, char out[64])
{
    (void)snprintf(out, 64, bytes == 0 ? "NO BOUND" : "at most %" PRIu64 " bytes", bytes);
    return out;
}

static const char *trusted(const struct wkv_trust *trust, enum wkv_trust_list list, char out[64])
{
    const char *what = list == WKV_TRUST_ISSUERS ? "issuer" : "host";
    size_t count = trust == NULL ? 0 : wkv_trust_count(trust, list);
    bool any = list == WKV_TRUST_HOSTS && trust != NULL && wkv_trust_any_host(trust);
    (void)snprintf(out, 64, "%s%zu trusted %s%s", any ? "any host, " : "", count, what, wkv_plural(count));
    return out;
}

void wkv_server_tell_terms(struct wkv_server *server, const struct wkv_trust *trust)
{
    const struct wkv_server_options *options = server->options;
    uint64_t bytes = options->max_memory_bytes;
    char bound[64], issuers[64], hosts[64];
    memory_bound(bytes, bound);
    const struct wkv_log_field fields[] = {
        {.name = "auth", .text = wkv_auth_name(options->auth)},
        {.name = "memory", .text = bound},
        {.name = "max_memory_bytes", .number = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes}};
    wkv_log_fields(&server->log, WKV_LOG_INFO, fields, sizeof fields / sizeof fields[0],
                   "starting: --auth %s, %s, %s; memory: %s%s", wkv_auth_name(options->auth),
                   trusted(trust, WKV_TRUST_ISSUERS, issuers), trusted(trust, WKV_TRUST_HOSTS, hosts), bound,
                   bytes == 0 ? " (--max-memory sets one)" : "");
}

void wkv_server_tell_start(struct wkv_server *server)
{
    const struct wkv_server_options *options = server->options;
    char servers[SERVERS_BYTES];
    const char *space = options->address.lattice_namespace;
    list_servers(options->connect.servers, servers);
    const struct wkv_log_field fields[] = {{.name = "version", .text = WKV_VERSION},
                                           {.name = "commit", .text = wkv_revision()},
                                           {.name = "server", .text = servers},
                                           {.name = "lattice_namespace", .text = space == NULL ? "" : space},
                                           {.name = "binding", .text = options->address.binding},
                                           {.name = "engine", .text = engine_name(options->engine)},
                                           {.name = "instance", .text = server->instance}};
    wkv_log_fields(&server->log, WKV_LOG_INFO, fields, sizeof fields / sizeof fields[0],
                   "starting: %s %s with the engine %s at %s", WKV_SERVICE_NAME, wkv_version_text(),
                   engine_name(options->engine), servers);
}
