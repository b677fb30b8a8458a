/* Seeds from files. What is read goes into guarded memory at once: stdio's buffers would keep a copy. */
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "security/nkey.h"

struct span {
    const char *start;
    const char *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_space(struct span text, const char *at)
{
    while (at < text.end && is_space(*at))
        at++;
    return at;
}

/* The text of the member "seed" of what `keygen` prints: {"public":"…","seed":"…"}. A JSON library would copy
 * the seed into memory that is not wiped. An empty span where there is none. */
static struct span seed_member(struct span text)
{
    static const char name[] = "\"seed\"";
    const struct span none = {text.end, text.end};
    const char *at = memmem(text.start, (size_t)(text.end - text.start), name, sizeof name - 1);
    if (at == NULL)
        return none;
    at = skip_space(text, at + sizeof name - 1);
    if (at == text.end || *at != ':')
        return none;
    at = skip_space(text, at + 1);
    if (at == text.end || *at != '"')
        return none;
    const char *close = memchr(at + 1, '"', (size_t)(text.end - at - 1));
    return close == NULL ? none : (struct span){at + 1, close};
}

/* Whoever gives the seed itself is told so. */
static bool is_seed(const char *path)
{
    return strlen(path) == WKV_NKEY_SEED_CHARS && path[0] == 'S' &&
           strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == WKV_NKEY_SEED_CHARS;
}

static enum wkv_code parse(const char *bytes, size_t len, struct wkv_nkey_seed **seed,
                           struct wkv_error *error)
{
    wkv_file_trim(&bytes, &len);
    struct span text = {bytes, bytes + len};
    if (len > 0 && *bytes == '{')
        text = seed_member(text);
    if (text.start == text.end)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the seed's file holds no seed: it has its %d characters, or what keygen prints",
                        WKV_NKEY_SEED_CHARS);
    return wkv_nkey_seed_decode(text.start, (size_t)(text.end - text.start), seed, error);
}

enum wkv_code wkv_nkey_seed_load(const char *path, enum wkv_file_kind kind, struct wkv_nkey_seed **seed,
                                 struct wkv_error *error)
{
    char *bytes = sodium_init() < 0 ? NULL : sodium_malloc(WKV_NKEY_SEED_FILE_BYTES);
    size_t len;
    if (bytes == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no guarded memory for a seed");
    enum wkv_code code =
        wkv_file_read("the seed's file", path, kind, bytes, WKV_NKEY_SEED_FILE_BYTES, &len, error);
    if (code == WKV_OK)
        code = parse(bytes, len, seed, error);
    else if (is_seed(path))
        code = wkv_fail(
            error, WKV_BAD_REQUEST,
            "give the name of a file that holds the seed, not the seed: everybody on this machine can "
            "see a command's arguments");
    sodium_free(bytes);
    return code;
}
