#include "lattice/pong.h"

#include <jansson.h>
#include <string.h>

#include "lattice/service.h"
#include "nats/subject.h"
#include "operation/identity.h"

/* Neither is longer: nothing larger is read. */
#define MOST_QUESTION_BYTES 1024
#define MOST_PONG_BYTES 16384

static const char *const phase_names[] = {[WKV_PHASE_STARTING] = "starting",
                                          [WKV_PHASE_YIELDING] = "yielding",
                                          [WKV_PHASE_CLAIMED] = "opening",
                                          [WKV_PHASE_SERVING] = "serving",
                                          [WKV_PHASE_DRAINING] = "draining"};

const char *wkv_phase_name(enum wkv_phase phase)
{
    return phase_names[phase];
}

/* An instance that says nothing, or something new, is taken to hold data. */
static enum wkv_phase read_phase(const char *name)
{
    for (size_t i = 0; i < sizeof phase_names / sizeof phase_names[0]; i++)
        if (strcmp(phase_names[i], name) == 0)
            return (enum wkv_phase)i;
    return WKV_PHASE_SERVING;
}

/* Takes a text without spaces that may stand in a log's line. */
static bool copy_word(const char *word, char *out, size_t bytes)
{
    size_t len = strlen(word);
    if (len == 0 || len >= bytes)
        return false;
    for (size_t i = 0; i < len; i++)
        if (word[i] <= ' ' || word[i] > '~')
            return false;
    memcpy(out, word, len + 1);
    return true;
}

/* Takes a time that can be compared with ours as a text; any other is none. */
static void copy_started(const char *started, char out[WKV_TIME_TEXT_BYTES])
{
    static const char form[] = "0000-00-00T00:00:00.000000000Z";
    out[0] = '\0';
    if (strlen(started) != sizeof form - 1)
        return;
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == '0' ? started[i] < '0' || started[i] > '9' : started[i] != form[i])
            return;
    memcpy(out, started, sizeof form);
}

bool wkv_pong_read(const char *data, size_t len, const struct wkv_address *address, struct wkv_pong *pong)
{
    json_t *document = data == NULL || len > MOST_PONG_BYTES ? NULL : json_loadb(data, len, 0, NULL);
    const char *type, *name, *id, *space, *binding, *engine, *phase = "serving", *started = "", *split = "",
                                                             *log = "";
    bool ours = json_unpack(document, "{s:s, s:s, s:s, s:{s:s, s:s, s:s, s?:s, s?:s, s?:s, s?:s}}", "type",
                            &type, "name", &name, "id", &id, "metadata", "lattice_namespace", &space,
                            "binding", &binding, "engine", &engine, "phase", &phase, "started", &started,
                            "split", &split, "log", &log) == 0 &&
                strcmp(type, WKV_PING_TYPE) == 0 && strcmp(name, WKV_SERVICE_NAME) == 0 &&
                strcmp(space, wkv_service_namespace(address)) == 0 &&
                strcmp(binding, address->binding) == 0 && copy_word(id, pong->id, sizeof pong->id) &&
                copy_word(engine, pong->engine, sizeof pong->engine);
    if (ours) {
        copy_started(started, pong->started);
        pong->phase = read_phase(phase);
        if (!copy_word(log, pong->log, sizeof pong->log))
            pong->log[0] = '\0';
        pong->may_split = strcmp(split, WKV_SPLIT_ALLOWED) == 0;
    }
    json_decref(document);
    return ours;
}

bool wkv_pong_share(const struct wkv_pong *one, const struct wkv_pong *other)
{
    return strcmp(one->engine, WKV_ENGINE_MEMORY_NAME) != 0 && strcmp(one->engine, other->engine) == 0 &&
           (one->log[0] == '\0' || other->log[0] == '\0' || strcmp(one->log, other->log) == 0);
}

bool wkv_pong_is_older(const struct wkv_pong *one, const struct wkv_pong *other)
{
    int order = strcmp(one->started, other->started);
    return order != 0 ? order < 0 : strcmp(one->id, other->id) < 0;
}

struct wkv_question wkv_question_read(const char *data, size_t len, const struct wkv_address *address,
                                      const char *own_id)
{
    struct wkv_question question = {.ours = true, .also_starting = len > 0};
    json_t *document = len == 0 || len > MOST_QUESTION_BYTES ? NULL : json_loadb(data, len, 0, NULL);
    const char *id, *space, *binding;
    int starting;
    if (json_unpack(document, "{s:s, s:s, s:s, s:b}", "id", &id, "lattice_namespace", &space, "binding",
                    &binding, "starting", &starting) == 0) {
        question.ours =
            strcmp(space, wkv_service_namespace(address)) == 0 && strcmp(binding, address->binding) == 0;
        question.also_starting = starting != 0;
        question.of_other_instance = question.ours && starting == 0 && strcmp(id, own_id) != 0;
    }
    json_decref(document);
    return question;
}

char *wkv_question_make(const struct wkv_address *address, const char *own_id, bool also_starting)
{
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:b}", "id", own_id, "lattice_namespace", wkv_service_namespace(address),
                  "binding", address->binding, "starting", (int)also_starting);
    char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}
