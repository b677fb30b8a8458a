/* Seeds from files. What is read goes into guarded memory at once: stdio's buffers would keep a copy. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "wascc_keyvalue/nkey.h"

struct span {
    const char *start;
    const char *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trim(struct span text)
{
    while (text.start < text.end && is_space(*text.start))
        text.start++;
    while (text.start < text.end && is_space(text.end[-1]))
        text.end--;
    return text;
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

/* Reads the whole file, at most capacity bytes. Returns its length, or -1 with errno set. */
static ssize_t read_whole(const char *path, char *bytes, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t len = 0;
    while (len < capacity) {
        ssize_t got = read(fd, bytes + len, capacity - len);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        len += (size_t)got;
    }
    close(fd);
    return (ssize_t)len;
}

static enum wkv_code fail_to_read(const char *path, int reason, struct wkv_error *error)
{
    if (strlen(path) == WKV_NKEY_SEED_CHARS && path[0] == 'S' &&
        strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == WKV_NKEY_SEED_CHARS)
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "give the name of a file that holds the seed, not the seed: everybody on this machine can see "
            "a command's arguments");
    return wkv_fail(error, WKV_BAD_REQUEST, "cannot read the seed's file: %s", strerror(reason));
}

enum wkv_code wkv_nkey_seed_load(const char *path, struct wkv_nkey_seed **seed, struct wkv_error *error)
{
    char *bytes = sodium_init() < 0 ? NULL : sodium_malloc(WKV_NKEY_SEED_FILE_BYTES + 1);
    if (bytes == NULL)
        return wkv_fail(error, WKV_UNAVAILABLE, "no guarded memory for a seed");
    enum wkv_code code;
    ssize_t len = read_whole(path, bytes, WKV_NKEY_SEED_FILE_BYTES + 1);
    if (len < 0) {
        code = fail_to_read(path, errno, error);
    } else if (len > WKV_NKEY_SEED_FILE_BYTES) {
        code = wkv_fail(error, WKV_BAD_REQUEST, "the seed's file is longer than %d bytes",
                        WKV_NKEY_SEED_FILE_BYTES);
    } else {
        struct span text = trim((struct span){bytes, bytes + len});
        if (text.start < text.end && *text.start == '{')
            text = seed_member(text);
        code =
            text.start == text.end
                ? wkv_fail(error, WKV_BAD_REQUEST,
                           "the seed's file holds no seed: it has its %d characters, or what keygen prints",
                           WKV_NKEY_SEED_CHARS)
                : wkv_nkey_seed_decode(text.start, (size_t)(text.end - text.start), seed, error);
    }
    sodium_free(bytes);
    return code;
}
