/* CONTRACT section 5: "to a JSON request {"error":{"code":409,"description":"…"}}, to a protobuf request the
 * text `Failed (409): …`, which no protobuf reader takes for a message". */
#include <string.h>

#include "codec/encoding.h"

/* These write at `at` and return where they ended: printf's ways cost more than all the rest of an error. */
static char *put(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

static char *put_code(char *at, enum wkv_code code)
{
    for (unsigned unit = 100; unit > 0; unit /= 10)
        *at++ = (char)('0' + (unsigned)code / unit % 10);
    return at;
}

/* An error's text is printable ASCII, of which JSON writes two characters in another way. */
static char *put_escaped(char *at, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    return at;
}

size_t wkv_error_body(enum wkv_encoding encoding, const struct wkv_error *error,
                      char body[WKV_ERROR_BODY_BYTES])
{
    char *at = put(body, encoding == WKV_JSON ? "{\"error\":{\"code\":" : "Failed (");
    at = put_code(at, wkv_code_on_wire(error->code));
    at = put(at, encoding == WKV_JSON ? ",\"description\":\"" : "): ");
    at = encoding == WKV_JSON ? put(put_escaped(at, error->text), "\"}}") : put(at, error->text);
    return (size_t)(at - body);
}
