#include "metrics/exposition.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "codec/codec.h"
#include "support/clock.h"

static void put(struct wkv_buffer *page, const char *text)
{
    (void)wkv_buffer_append(page, text, strlen(text));
}

void wkv_expose_metric(struct wkv_buffer *page, const char *name, const char *type, const char *help)
{
    const char *const parts[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        put(page, parts[i]);
}

static void put_byte(struct wkv_buffer *page, unsigned char byte)
{
    char text[8];
    (void)snprintf(text, sizeof text, "\\\\x%02x", byte);
    put(page, text);
}

/* "label_value can be any sequence of UTF-8 characters, but the backslash, double-quote and line feed
 * characters have to be escaped." One value that is not UTF-8 would cost the scraper the whole page, so the
 * bytes of such a value are shown. */
static void put_label_value(struct wkv_buffer *page, const char *value)
{
    bool valid = wkv_utf8_valid(value, strlen(value));
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n')
            put(page, "\\n");
        else if (*c == '\\' || *c == '"')
            (void)wkv_buffer_append(page, (const char[]){'\\', *c}, 2);
        else if (!valid && (unsigned char)*c >= 0x80)
            put_byte(page, (unsigned char)*c);
        else
            (void)wkv_buffer_append(page, c, 1);
    }
}

static void put_labels(struct wkv_buffer *page, const struct wkv_label *labels)
{
    if (labels == NULL || labels->name == NULL)
        return;
    put(page, "{");
    for (const struct wkv_label *label = labels; label->name != NULL; label++) {
        put(page, label == labels ? "" : ",");
        put(page, label->name);
        put(page, "=\"");
        put_label_value(page, label->value);
        put(page, "\"");
    }
    put(page, "}");
}

static void put_sample(struct wkv_buffer *page, const char *name, const char *suffix,
                       const struct wkv_label *labels, const char *value)
{
    put(page, name);
    put(page, suffix);
    put_labels(page, labels);
    put(page, " ");
    put(page, value);
    put(page, "\n");
}

void wkv_expose(struct wkv_buffer *page, const char *name, const char *suffix, const struct wkv_label *labels,
                uint64_t value)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%" PRIu64, value);
    put_sample(page, name, suffix, labels, number);
}

void wkv_exposition_seconds(uint64_t ns, char out[WKV_EXPOSITION_SECONDS_BYTES])
{
    const uint64_t second = (uint64_t)WKV_NS_PER_S;
    (void)snprintf(out, WKV_EXPOSITION_SECONDS_BYTES, "%" PRIu64 ".%09" PRIu64, ns / second, ns % second);
}

void wkv_expose_seconds(struct wkv_buffer *page, const char *name, const char *suffix,
                        const struct wkv_label *labels, uint64_t ns)
{
    char number[WKV_EXPOSITION_SECONDS_BYTES];
    wkv_exposition_seconds(ns, number);
    put_sample(page, name, suffix, labels, number);
}
