#include "report/engine.h"

#include <inttypes.h>
#include <stdio.h>

const char *wkv_report_engine_name(const struct wkv_report_engine *engine)
{
    return engine == NULL ? WKV_ENGINE_MEMORY_NAME : engine->name;
}

/* What another instance has written into the log stands in JSON and on terminals. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

size_t wkv_report_engine_members(const struct wkv_report_engine *engine, struct wkv_report_member *out,
                                 size_t max)
{
    size_t count = engine == NULL || engine->members == NULL ? 0 : engine->members(engine->context, out, max);
    for (size_t i = 0; i < count; i++) {
        make_printable(out[i].instance);
        make_printable(out[i].version);
        if (out[i].lag_ms < 0)
            out[i].lag_ms = 0;
    }
    return count;
}

bool wkv_report_engine_unready(const struct wkv_report_engine *engine, char *out, size_t bytes)
{
    return engine != NULL && engine->unready != NULL && engine->unready(engine->context, out, bytes);
}

void wkv_report_engine_log_id(const struct wkv_report_engine *engine, char out[WKV_LOG_ID_BYTES])
{
    uint64_t id = engine == NULL || engine->log_id == NULL ? 0 : engine->log_id(engine->context);
    out[0] = '\0';
    if (id != 0)
        (void)snprintf(out, WKV_LOG_ID_BYTES, "%016" PRIx64, id);
}
