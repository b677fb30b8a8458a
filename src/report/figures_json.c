/* The figures in the JSON of STATS: packed by an instance, read by `top`. */
#include <string.h>

#include "report/figures.h"
#include "support/clock.h"

/* 2^64 as a double; casting it or more would be undefined. */
#define TWO_TO_64 18446744073709551616.0

/* ---- packing ---- */

static json_t *pack_value(const struct wkv_figure *figure, const void *figures, size_t i)
{
    uint64_t value = wkv_figure_value(figure, figures, i);
    if (value == WKV_PROCESS_UNKNOWN)
        value = 0;
    if (figure->unit == WKV_UNIT_FLAG)
        return json_boolean(value != 0);
    if (figure->unit == WKV_UNIT_SECONDS)
        return json_real((double)value / (double)WKV_NS_PER_S);
    return json_integer((json_int_t)value);
}

static json_t *pack_labelled(const struct wkv_figure *figure, const void *figures)
{
    json_t *object = json_object();
    const struct wkv_report *report = figures;
    size_t count = wkv_label_count(figure->label, report);
    for (size_t i = 0; i < count; i++) {
        char text[WKV_LABEL_BYTES];
        if (figure->label == WKV_LABEL_CODE && wkv_figure_value(figure, figures, i) == 0)
            continue;
        if (json_object_set_new(object, wkv_label_value(figure->label, report, i, text),
                                pack_value(figure, figures, i)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

enum missing { LEAVE_OUT, MAKE };

/* The object that the last name of the path is in; *path becomes that name. */
static json_t *object_at(json_t *object, const char **path, enum missing missing)
{
    char name[WKV_LABEL_BYTES];
    for (const char *dot = strchr(*path, '.'); dot != NULL; dot = strchr(*path, '.')) {
        size_t len = (size_t)(dot - *path);
        memcpy(name, *path, len);
        name[len] = '\0';
        json_t *inner = json_object_get(object, name);
        if (inner == NULL && missing == MAKE && json_object_set_new(object, name, json_object()) == 0)
            inner = json_object_get(object, name);
        object = inner;
        *path = dot + 1;
    }
    return object;
}

json_t *wkv_figures_pack(enum wkv_figure_scope scope, const void *figures)
{
    json_t *object = json_object();
    for (size_t i = 0; i < wkv_figure_count; i++) {
        const struct wkv_figure *figure = &wkv_figures[i];
        const char *name = figure->stats;
        if (figure->scope != scope || name == NULL)
            continue;
        json_t *in = object_at(object, &name, MAKE);
        if (json_object_set_new(in, name,
                                figure->label == WKV_LABEL_NONE ? pack_value(figure, figures, 0)
                                                                : pack_labelled(figure, figures)) == 0)
            continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *wkv_members_pack(const struct wkv_report *report)
{
    json_t *members = json_array();
    for (size_t i = 0; i < report->log.members; i++) {
        const struct wkv_report_member *member = &report->members[i];
        json_t *packed = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "instance", member->instance, "version",
                                   member->version, "position", (json_int_t)member->position, "lag_ms",
                                   (json_int_t)member->lag_ms, "keys", (json_int_t)member->keys, "bytes",
                                   (json_int_t)member->bytes);
        if (json_array_append_new(members, packed) != 0) {
            json_decref(members);
            return NULL;
        }
    }
    return members;
}

/* ---- reading ---- */

static void read_value(const struct wkv_figure *figure, const json_t *value, void *figures, size_t i)
{
    double number = json_number_value(value);
    if (figure->unit == WKV_UNIT_FLAG) {
        if (json_is_boolean(value))
            wkv_figure_set(figure, figures, i, json_is_true(value));
        return;
    }
    if (figure->unit == WKV_UNIT_SECONDS)
        number *= (double)WKV_NS_PER_S;
    if (number > 0)
        wkv_figure_set(figure, figures, i, number >= TWO_TO_64 ? UINT64_MAX : (uint64_t)number);
}

static size_t values_of(const struct wkv_figure *figure)
{
    return figure->label == WKV_LABEL_KEYSPACE ? 0 : wkv_label_count(figure->label, NULL);
}

void wkv_figures_read(enum wkv_figure_scope scope, const json_t *object, void *figures)
{
    for (size_t i = 0; i < wkv_figure_count; i++) {
        const struct wkv_figure *figure = &wkv_figures[i];
        const char *name = figure->stats;
        if (figure->scope != scope || name == NULL)
            continue;
        const json_t *in = object_at((json_t *)(uintptr_t)object, &name, LEAVE_OUT);
        const json_t *value = json_object_get(in, name);
        for (size_t k = 0; k < values_of(figure); k++) {
            char text[WKV_LABEL_BYTES];
            read_value(figure,
                       figure->label == WKV_LABEL_NONE
                           ? value
                           : json_object_get(value, wkv_label_value(figure->label, NULL, k, text)),
                       figures, k);
        }
    }
}

void wkv_figures_add(enum wkv_figure_scope scope, void *sum, const void *figures)
{
    for (size_t i = 0; i < wkv_figure_count; i++) {
        const struct wkv_figure *figure = &wkv_figures[i];
        if (figure->scope != scope || figure->stats == NULL || figure->unit != WKV_UNIT_COUNT)
            continue;
        for (size_t k = 0; k < values_of(figure); k++) {
            uint64_t total, more = wkv_figure_value(figure, figures, k);
            if (__builtin_add_overflow(wkv_figure_value(figure, sum, k), more, &total))
                total = UINT64_MAX;
            wkv_figure_set(figure, sum, k, total);
        }
    }
}
