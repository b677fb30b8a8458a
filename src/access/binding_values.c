#include "access/binding_values.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const known[] = {
    "KEYSPACE", "__wascc_issuer", "__wascc_capabilities", "__wascc_name", "__wascc_expires", "__wascc_tags",
};
#define KNOWN (sizeof known / sizeof known[0])

/* Characters shown of one name, so that a long one leaves room for others. */
#define SHOWN_BYTES 40

/* Shows the name, if there is room for it and for the comma behind the one before. */
static void show(struct wkv_binding_values *values, struct wkv_text name)
{
    char quoted[SHOWN_BYTES + sizeof ", \"...\""];
    size_t used = strlen(values->names);
    size_t len = name.len < SHOWN_BYTES ? name.len : SHOWN_BYTES;
    int bytes = snprintf(quoted, sizeof quoted, "%s\"%.*s%s\"", used > 0 ? ", " : "", (int)len, name.data,
                         len < name.len ? "..." : "");
    if (bytes < 0 || (size_t)bytes >= sizeof values->names - used)
        return;
    memcpy(values->names + used, quoted, (size_t)bytes + 1);
}

enum wkv_code wkv_binding_values_look(struct wkv_binding_values *values, struct wkv_text name,
                                      struct wkv_error *error)
{
    for (size_t i = 0; i < KNOWN; i++) {
        if (name.len != strlen(known[i]) || strncasecmp(name.data, known[i], name.len) != 0)
            continue;
        if (memcmp(name.data, known[i], name.len) == 0)
            return WKV_OK;
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the value \"%.*s\" differs from %s by its case only: write %s", (int)name.len,
                        name.data, known[i], known[i]);
    }
    values->unknown++;
    show(values, name);
    return WKV_OK;
}
