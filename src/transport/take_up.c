#include "transport/take_up.h"

#include <jansson.h>
#include <string.h>

/* Binds one of the answer's bindings, unless a host has bound or removed its actor since: that is newer than
 * what others remember. Returns whether it did. */
static bool take_up(const struct wkv_discovery *discovery, const json_t *binding)
{
    const struct wkv_provider *provider = discovery->provider;
    struct wkv_policy_binding claims = {.bound = true};
    struct wkv_text keyspace = {NULL, 0};
    struct wkv_error error;
    bool bound;
    const char *actor = json_string_value(json_object_get(binding, "actor"));
    const char *capability = json_string_value(json_object_get(binding, "capability_id"));
    const char *name = json_string_value(json_object_get(binding, "binding_name"));
    const json_t *named = json_object_get(json_object_get(binding, "configuration"), "KEYSPACE");
    if (actor == NULL || capability == NULL || name == NULL || strcmp(capability, WKV_CAPABILITY) != 0 ||
        strcmp(name, discovery->address->binding) != 0)
        return false;
    if (json_is_string(named))
        keyspace = (struct wkv_text){json_string_value(named), json_string_length(named)};
    if (wkv_bindings_bind_if_new(provider->bindings, (struct wkv_text){actor, strlen(actor)}, keyspace,
                                 &claims, &bound, &error) != WKV_OK)
        wkv_log_warn(discovery->loop.log, "a binding that the lattice remembers is not taken up: %s",
                     error.text);
    return bound;
}

/* The option under which a binding is permission, and not only configuration; NULL: there is none. */
static const char *what_forbids(const struct wkv_provider *provider)
{
    if (provider->auth == WKV_AUTH_BINDING)
        return "--auth binding";
    return provider->require_binding && provider->auth != WKV_AUTH_NONE ? "--require-binding" : NULL;
}

void wkv_take_up_bindings(struct wkv_discovery *discovery, const char *data, size_t len)
{
    json_t *answer = json_loadb(data == NULL ? "" : data, len, 0, NULL);
    json_t *tagged = json_object_get(answer, "Bindings");
    const char *host = json_string_value(json_object_get(tagged, "host"));
    json_t *bindings = json_object_get(tagged, "bindings");
    const char *forbids = what_forbids(discovery->provider);
    size_t taken = 0, index;
    json_t *binding;
    /* Our own answer comes back, too. */
    bool others = host != NULL && strcmp(host, discovery->host) != 0;
    if (others && forbids == NULL)
        json_array_foreach(bindings, index, binding) taken += take_up(discovery, binding) ? 1 : 0;
    else if (others && json_array_size(bindings) > 0)
        wkv_log_warn(discovery->loop.log,
                     "bindings that the lattice remembers are not taken up under %s, since "
                     "nobody signs them: hosts must bind their actors again",
                     forbids);
    if (taken > 0)
        wkv_log_info(discovery->loop.log, "took up %zu bindings that the lattice remembers", taken);
    json_decref(answer);
}
