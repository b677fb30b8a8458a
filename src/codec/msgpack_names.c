#include "codec/msgpack_names.h"

#include <string.h>

#include "codec/fields.h"

/* Fields by their proto name, whatever message they are in, and how wascc-codec 0.8 writes them: SetRequest
 * renames its field, and CapabilityDescriptor is no camelCase struct. */
static const struct {
    const char *proto_name;
    const char *name;
} exceptions[] = {
    {"expires_s", "expires"},
    {"long_description", "long_description"},
    {"supported_operations", "supported_operations"},
};

static const char *find_exception(const char *proto_name)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if (strcmp(exceptions[i].proto_name, proto_name) == 0)
            return exceptions[i].name;
    return NULL;
}

size_t wkv_msgpack_name(const char *proto_name, char name[WKV_MSGPACK_NAME_BYTES])
{
    const char *from = find_exception(proto_name);
    bool camel_case = from == NULL, raise = false;
    size_t len = 0;
    for (from = camel_case ? proto_name : from; *from != '\0'; from++) {
        if (camel_case && *from == '_') {
            raise = true;
            continue;
        }
        if (len == WKV_MSGPACK_NAME_BYTES - 1)
            return 0;
        name[len++] = raise && *from >= 'a' && *from <= 'z' ? (char)(*from - 'a' + 'A') : *from;
        raise = false;
    }
    name[len] = '\0';
    return len;
}

bool wkv_msgpack_is_name(const char *proto_name, struct wkv_text name)
{
    const char *exception = find_exception(proto_name);
    return wkv_is_name(proto_name, name) || (exception != NULL && wkv_is_name(exception, name));
}
