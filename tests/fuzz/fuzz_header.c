/* Any bytes as the headers of a message: what is found lies in them, without blanks around it, behind its
 * name; and any bytes as a traceparent. */
#include "fuzz.h"
#include "nats/header.h"
#include "support/trace.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void check_value(struct wkv_text value, const char *headers, size_t len)
{
    if (value.data == NULL)
        return;
    must(value.data >= headers && value.len <= len && value.data + value.len <= headers + len);
    must(value.len == 0 || (!is_blank(value.data[0]) && !is_blank(value.data[value.len - 1])));
}

static void check_trace(struct wkv_text value)
{
    struct wkv_trace trace;
    bool holds = wkv_trace_read(value.data, value.len, &trace);
    must(holds == trace.present);
    must(!holds || strlen(trace.id) == WKV_TRACE_ID_CHARS);
    must(!holds || strspn(trace.id, "0123456789abcdef") == WKV_TRACE_ID_CHARS);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wkv_header wanted[] = {
        {.name = "traceparent"}, {.name = "Wascc-Claims"}, {.name = "Wascc-Invocation"}};
    /* A block of its own size, so that a sanitizer sees a byte too many. */
    char *headers = malloc(len + 1);
    must(headers != NULL);
    if (len > 0)
        memcpy(headers, bytes, len);
    char *exact = realloc(headers, len > 0 ? len : 1);
    headers = exact != NULL ? exact : headers;
    wkv_headers_find(headers, len, wanted, 3);
    for (size_t i = 0; i < 3; i++)
        check_value(wanted[i].value, headers, len);
    check_trace(wanted[0].value);
    check_trace((struct wkv_text){headers, len});
    free(headers);
    return 0;
}
