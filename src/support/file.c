#include "support/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *why_unreadable(int fd, enum wkv_file_kind kind)
{
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0)
        return strerror(errno);
    if (S_ISDIR(about.st_mode))
        return strerror(EISDIR);
    if (kind == WKV_FILE_REGULAR && !S_ISREG(about.st_mode))
        return "it is not a regular file";
    return NULL;
}

enum wkv_code wkv_file_open(const char *what, const char *path, enum wkv_file_kind kind, int *fd,
                            struct wkv_error *error)
{
    /* open(2) itself would wait for a pipe's writer. */
    int unwaited = kind == WKV_FILE_REGULAR ? O_NONBLOCK : 0;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | unwaited);
    const char *why = why_unreadable(*fd, kind);
    if (why == NULL)
        return WKV_OK;
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    return wkv_fail(error, WKV_BAD_REQUEST, "cannot read %s: %s", what, why);
}

/* Returns how many bytes there are, at most capacity, or -1. */
static ssize_t read_up_to(int fd, char *bytes, size_t capacity)
{
    size_t len = 0;
    while (len < capacity) {
        ssize_t got = read(fd, bytes + len, capacity - len);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            len += (size_t)got;
    }
    return (ssize_t)len;
}

static enum wkv_code read_whole(const char *what, int fd, char *bytes, size_t max_bytes, size_t *len,
                                struct wkv_error *error)
{
    char one_more;
    ssize_t got = read_up_to(fd, bytes, max_bytes);
    ssize_t more = got < 0 || (size_t)got < max_bytes ? 0 : read_up_to(fd, &one_more, 1);
    if (got < 0 || more < 0)
        return wkv_fail(error, WKV_BAD_REQUEST, "cannot read %s: %s", what, strerror(errno));
    if (more > 0)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s is longer than %zu bytes", what, max_bytes);
    *len = (size_t)got;
    bytes[got] = '\0';
    return WKV_OK;
}

enum wkv_code wkv_file_read_secret(const char *what, const char *path, enum wkv_file_kind kind,
                                   size_t max_bytes, char **bytes, size_t *len, struct wkv_error *error)
{
    int fd;
    *bytes = NULL;
    enum wkv_code code = wkv_file_open(what, path, kind, &fd, error);
    if (code != WKV_OK)
        return code;
    *bytes = sodium_init() < 0 ? NULL : sodium_malloc(max_bytes + 1);
    code = *bytes == NULL ? wkv_fail(error, WKV_NO_MEMORY, "no guarded memory to read %s", what)
                          : read_whole(what, fd, *bytes, max_bytes, len, error);
    (void)close(fd);
    if (code != WKV_OK) {
        sodium_free(*bytes);
        *bytes = NULL;
    }
    return code;
}
