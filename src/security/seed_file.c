/* Seeds from files. What is read goes into guarded memory at once: stdio's buffers would keep a copy. */
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "security/nkey.h"
#include "support/text.h"

/* Steps over white space and what must follow it. */
static bool take(struct wkv_text *text, const char *expected)
{
    *text = wkv_text_trim(*text);
    if (!wkv_text_begins(*text, expected))
        return false;
    size_t len = strlen(expected);
    *text = (struct wkv_text){text->data + len, text->len - len};
    return true;
}

/* The text of the member "seed" of what `keygen` prints: {"public":"…","seed":"…"}. A JSON library would copy
 * the seed into memory that is not wiped. Empty where there is none. */
static struct wkv_text seed_member(struct wkv_text text)
{
    static const char name[] = "\"seed\"";
    const char *at = memmem(text.data, text.len, name, sizeof name - 1);
    if (at == NULL)
        return (struct wkv_text){NULL, 0};
    struct wkv_text rest = {at, text.len - (size_t)(at - text.data)};
    bool opened = take(&rest, name) && take(&rest, ":") && take(&rest, "\"");
    const char *close = opened && rest.len > 0 ? memchr(rest.data, '"', rest.len) : NULL;
    return (struct wkv_text){rest.data, close == NULL ? 0 : (size_t)(close - rest.data)};
}

/* Whether the seed itself is given instead of a file's name. */
static bool is_seed(const char *path)
{
    return strlen(path) == WKV_NKEY_SEED_CHARS && path[0] == 'S' &&
           strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == WKV_NKEY_SEED_CHARS;
}

static enum wkv_code parse(struct wkv_text text, struct wkv_nkey_seed **seed, struct wkv_error *error)
{
    text = wkv_text_trim_file(text);
    if (wkv_text_begins(text, "{"))
        text = seed_member(text);
    if (text.len == 0)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the seed's file holds no seed: it has its %d characters, or what keygen prints",
                        WKV_NKEY_SEED_CHARS);
    return wkv_nkey_seed_decode(text.data, text.len, seed, error);
}

enum wkv_code wkv_nkey_seed_load(const char *path, enum wkv_file_kind kind, struct wkv_nkey_seed **seed,
                                 struct wkv_error *error)
{
    char *bytes;
    size_t len;
    enum wkv_code code =
        wkv_file_read_secret("the seed's file", path, kind, WKV_NKEY_SEED_FILE_BYTES, &bytes, &len, error);
    if (code == WKV_OK)
        code = parse((struct wkv_text){bytes, len}, seed, error);
    else if (is_seed(path))
        code = wkv_fail(
            error, WKV_BAD_REQUEST,
            "give the name of a file that holds the seed, not the seed: everybody on this machine can "
            "see a command's arguments");
    sodium_free(bytes);
    return code;
}
