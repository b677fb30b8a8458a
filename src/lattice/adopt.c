#include "lattice/adopt.h"

#include <jansson.h>
#include <string.h>

#include "access/binding_values.h"
#include "operation/identity.h"
#include "support/clock.h"
#include "support/text.h"

/* Anybody who hears the question may answer it, and each binding costs every worker a subscription. */
#define MOST_ADOPTED 10000

/* What became of an answer's bindings. */
struct outcome {
    size_t adopted, refused, left_out;
    struct wkv_error first; /* of those refused */
    json_t *actors;         /* those adopted; NULL: no memory, then they are not confirmed */
};

/* What a binding of the answer says, as far as it is looked at. Borrows from the answer. */
struct remembered {
    const char *actor;
    struct wkv_text keyspace; /* data NULL: none */
};

/* Returns false for what is not of this capability and binding, whose name is compared as it is. */
static bool is_ours(const struct wkv_discovery *discovery, const json_t *binding)
{
    const char *capability = json_string_value(json_object_get(binding, "capability_id"));
    const char *name = json_string_value(json_object_get(binding, "binding_name"));
    return capability != NULL && name != NULL && strcmp(capability, WKV_CAPABILITY) == 0 &&
           strcmp(name, discovery->address->binding) == 0 &&
           json_is_string(json_object_get(binding, "actor"));
}

/* As for BindActor: a misspelt KEYSPACE must not bind to another one. */
static enum wkv_code read_remembered(json_t *binding, struct remembered *out, struct wkv_error *error)
{
    struct wkv_binding_values values = {.unknown = 0};
    json_t *configuration = json_object_get(binding, "configuration");
    const json_t *named = json_object_get(configuration, "KEYSPACE");
    const char *name;
    json_t *value;
    *out = (struct remembered){.actor = json_string_value(json_object_get(binding, "actor"))};
    if (json_is_string(named))
        out->keyspace = (struct wkv_text){json_string_value(named), json_string_length(named)};
    json_object_foreach(configuration, name, value)
    {
        if (wkv_binding_values_look(&values, (struct wkv_text){name, strlen(name)}, error) != WKV_OK)
            return error->code;
    }
    return WKV_OK;
}

/* Binds one of the answer's bindings, unless a host has bound or removed its actor since: that is newer than
 * what others remember. */
static void adopt(struct wkv_discovery *discovery, json_t *binding, const struct wkv_policy_binding *claims,
                  struct outcome *outcome)
{
    struct remembered one;
    struct wkv_error error;
    bool bound = false;
    wkv_loop_note_progress(&discovery->loop);
    if (!is_ours(discovery, binding))
        return;
    if (discovery->adopted == MOST_ADOPTED) {
        outcome->left_out++;
        return;
    }
    enum wkv_code code = read_remembered(binding, &one, &error);
    if (code == WKV_OK)
        code = wkv_bindings_bind_if_new(discovery->process.sources.bindings,
                                        (struct wkv_text){one.actor, strlen(one.actor)}, one.keyspace, claims,
                                        &bound, &error);
    if (code != WKV_OK && outcome->refused++ == 0)
        outcome->first = error;
    outcome->adopted += bound ? 1 : 0;
    discovery->adopted += bound ? 1 : 0;
    if (bound)
        (void)json_array_append(outcome->actors, json_object_get(binding, "actor"));
}

/* The server's refusals come a little after its answer, so one wait serves all bindings. */
static void confirm(struct wkv_discovery *discovery, struct outcome *outcome)
{
    struct wkv_bindings *bindings = discovery->process.sources.bindings;
    int64_t until_ns = wkv_monotonic_ns() + WKV_BINDINGS_CONFIRM_NS;
    struct wkv_error error;
    size_t index;
    json_t *actor;
    json_array_foreach(outcome->actors, index, actor)
    {
        struct wkv_text name = {json_string_value(actor), json_string_length(actor)};
        wkv_loop_note_progress(&discovery->loop);
        if (wkv_bindings_confirm(bindings, name, until_ns, &error) == WKV_OK)
            continue;
        wkv_bindings_remove(bindings, name);
        outcome->adopted--;
        discovery->adopted--;
        if (outcome->refused++ == 0)
            outcome->first = error;
    }
}

/* Logs a few lines for an answer, however many bindings are in it. */
static void log_outcome(struct wkv_log *log, const struct outcome *outcome)
{
    if (outcome->refused > 0)
        wkv_log_warn(log, "%zu binding%s that the lattice remembers could not be adopted, the first one: %s",
                     outcome->refused, wkv_plural(outcome->refused), outcome->first.text);
    if (outcome->left_out > 0)
        wkv_log_warn(log,
                     "%zu binding%s that the lattice remembers left out, since at most %d are adopted: hosts "
                     "must bind these actors again",
                     outcome->left_out, wkv_plural(outcome->left_out), MOST_ADOPTED);
    if (outcome->adopted > 0)
        wkv_log_info(log, "adopted %zu binding%s that the lattice remembers", outcome->adopted,
                     wkv_plural(outcome->adopted));
}

static bool trusts_a_host(const struct wkv_lattice_process *process)
{
    struct wkv_trust_reader reader;
    if (process->trust == NULL)
        return false;
    wkv_trust_reader_init(&reader, process->trust);
    const struct wkv_trust *trust = wkv_trust_reader_current(&reader);
    bool trusts = wkv_trust_any_host(trust) || wkv_trust_count(trust, WKV_TRUST_HOSTS) > 0;
    wkv_trust_reader_destroy(&reader);
    return trusts;
}

/* Why nothing is adopted: a binding is permission here and not only configuration, or no trusted host could
 * have bound anybody. NULL: bindings are adopted. */
static const char *what_forbids(const struct wkv_lattice_process *process)
{
    if (process->auth == WKV_AUTH_NONE)
        return NULL;
    if (process->auth == WKV_AUTH_BINDING)
        return "under --auth binding";
    if (process->require_binding)
        return "under --require-binding";
    return trusts_a_host(process) ? NULL : "without a --trusted-host";
}

/* A trusted host that answers is remembered with what it remembers, so that a reload which takes it away
 * takes those bindings along. The answer has no signature: one that names no trusted host is as good, and is
 * remembered without a host. */
static struct wkv_policy_binding claims_by(const struct wkv_discovery *discovery, const char *host)
{
    struct wkv_policy_binding claims = {.bound = true};
    struct wkv_trust_reader reader;
    struct wkv_nkey key;
    if (discovery->process.trust == NULL ||
        wkv_nkey_decode_kind(host, strlen(host), WKV_NKEY_HOST, &key, NULL) != WKV_OK)
        return claims;
    wkv_trust_reader_init(&reader, discovery->process.trust);
    claims.has_host = wkv_trust_has(wkv_trust_reader_current(&reader), WKV_TRUST_HOSTS, key.bytes);
    memcpy(claims.host, key.bytes, sizeof claims.host);
    wkv_trust_reader_destroy(&reader);
    return claims;
}

void wkv_adopt_bindings(struct wkv_discovery *discovery, const char *data, size_t len)
{
    json_t *answer = json_loadb(data == NULL ? "" : data, len, 0, NULL);
    json_t *tagged = json_object_get(answer, "Bindings");
    const char *host = json_string_value(json_object_get(tagged, "host"));
    json_t *bindings = json_object_get(tagged, "bindings");
    const char *forbids = what_forbids(&discovery->process);
    struct outcome outcome = {.actors = json_array()};
    size_t index;
    json_t *binding;
    /* Our own answer comes back, too. */
    bool others = host != NULL && strcmp(host, discovery->host) != 0;
    if (others && forbids == NULL) {
        struct wkv_policy_binding claims = claims_by(discovery, host);
        json_array_foreach(bindings, index, binding) adopt(discovery, binding, &claims, &outcome);
    } else if (others && json_array_size(bindings) > 0)
        wkv_log_warn(discovery->loop.options.log,
                     "bindings that the lattice remembers are not adopted %s, since "
                     "nobody signs them: hosts must bind their actors again",
                     forbids);
    confirm(discovery, &outcome);
    log_outcome(discovery->loop.options.log, &outcome);
    json_decref(outcome.actors);
    json_decref(answer);
}
