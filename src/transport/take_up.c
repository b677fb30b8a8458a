#include "transport/take_up.h"

#include <jansson.h>
#include <string.h>

/* Whoever hears the question may answer it, and each binding costs every worker a subscription. */
#define MOST_TAKEN_UP 10000

/* What became of an answer's bindings. */
struct outcome {
    size_t taken, refused, left_out;
    struct wkv_error first; /* of those refused */
};

/* Binds one of the answer's bindings, unless a host has bound or removed its actor since: that is newer than
 * what others remember. */
static void take_up(struct wkv_discovery *discovery, const json_t *binding, struct outcome *outcome)
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
        return;
    if (discovery->taken_up == MOST_TAKEN_UP) {
        outcome->left_out++;
        return;
    }
    if (json_is_string(named))
        keyspace = (struct wkv_text){json_string_value(named), json_string_length(named)};
    if (wkv_bindings_bind_if_new(provider->bindings, (struct wkv_text){actor, strlen(actor)}, keyspace,
                                 &claims, &bound, &error) != WKV_OK &&
        outcome->refused++ == 0)
        outcome->first = error;
    outcome->taken += bound ? 1 : 0;
    discovery->taken_up += bound ? 1 : 0;
}

/* Some lines for an answer, however many bindings whoever sends it puts into it. */
static void log_outcome(struct wkv_log *log, const struct outcome *outcome)
{
    if (outcome->refused > 0)
        wkv_log_warn(log, "%zu bindings that the lattice remembers are not taken up, the first of them: %s",
                     outcome->refused, outcome->first.text);
    if (outcome->left_out > 0)
        wkv_log_warn(log,
                     "%zu bindings that the lattice remembers are left out: %d are taken up, hosts must bind "
                     "the others",
                     outcome->left_out, MOST_TAKEN_UP);
    if (outcome->taken > 0)
        wkv_log_info(log, "took up %zu bindings that the lattice remembers", outcome->taken);
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
    struct outcome outcome = {.taken = 0};
    size_t index;
    json_t *binding;
    /* Our own answer comes back, too. */
    bool others = host != NULL && strcmp(host, discovery->host) != 0;
    if (others && forbids == NULL)
        json_array_foreach(bindings, index, binding) take_up(discovery, binding, &outcome);
    else if (others && json_array_size(bindings) > 0)
        wkv_log_warn(discovery->loop.log,
                     "bindings that the lattice remembers are not taken up under %s, since "
                     "nobody signs them: hosts must bind their actors again",
                     forbids);
    log_outcome(discovery->loop.log, &outcome);
    json_decref(answer);
}
