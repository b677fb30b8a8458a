#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/export.h"

static enum wkv_code cannot(const char *what, struct wkv_error *error)
{
    return wkv_fail(error, WKV_UNAVAILABLE, "cannot %s that file: %s", what, strerror(errno));
}

enum wkv_code wkv_export_line(struct wkv_export *export, json_t *line, struct wkv_error *error)
{
    int failed = line == NULL ? -1 : json_dumpf(line, export->out, JSON_COMPACT);
    json_decref(line);
    if (line == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a line");
    return failed == 0 && fputc('\n', export->out) != EOF ? WKV_OK : cannot("write to", error);
}

static enum wkv_code begin(struct wkv_export *export, struct wkv_error *error)
{
    return wkv_export_line(export,
                           json_pack("{s:s, s:i, s:s}", "export", "wascc-keyvalue", "format", WKV_DUMP_FORMAT,
                                     "binding", export->config->address.binding),
                           error);
}

enum wkv_code wkv_export_begin_anew(struct wkv_export *export, struct wkv_error *error)
{
    export->resumes = false;
    export->keys = 0;
    if (fflush(export->out) != 0 || ftruncate(fileno(export->out), 0) != 0 ||
        fseek(export->out, 0, SEEK_SET) != 0)
        return cannot("write to", error);
    return begin(export, error);
}

/* ---- a file that is there ---- */

/* What has been read of it. */
struct found {
    bool is_ours, is_whole;
    uint64_t keys, keys_at_mark;
    off_t mark; /* behind the last line that an export can go on from; 0: none */
};

static void note_mark(struct wkv_export *export, const json_t *mark, struct found *found, off_t behind)
{
    const char *keyspace = json_string_value(json_object_get(mark, "keyspace"));
    const char *cursor = json_string_value(json_object_get(mark, "cursor"));
    if (keyspace == NULL || cursor == NULL || strlen(keyspace) >= sizeof export->keyspace ||
        strlen(cursor) >= sizeof export->cursor)
        return;
    (void)snprintf(export->keyspace, sizeof export->keyspace, "%s", keyspace);
    (void)snprintf(export->cursor, sizeof export->cursor, "%s", cursor);
    found->mark = behind;
    found->keys_at_mark = found->keys;
}

/* Whether the line is one of an export's; the last one may have been cut. */
static bool look_at(struct wkv_export *export, const char *line, size_t len, off_t behind,
                    struct found *found)
{
    json_t *object = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
    const char *maker = json_string_value(json_object_get(object, "export"));
    if (behind == (off_t)len)
        found->is_ours = maker != NULL && strcmp(maker, "wascc-keyvalue") == 0;
    found->keys += json_object_get(object, "key") != NULL && json_object_get(object, "from") == NULL;
    found->is_whole = json_object_get(object, "end") != NULL;
    note_mark(export, json_object_get(object, "resume"), found, behind);
    json_decref(object);
    return found->is_ours;
}

static void read_file(struct wkv_export *export, struct found *found)
{
    char *line = NULL;
    size_t room = 0;
    off_t behind = 0;
    *found = (struct found){.mark = 0};
    for (ssize_t len; (len = getline(&line, &room, export->out)) > 0;) {
        behind += len;
        if (!look_at(export, line, (size_t)len, behind, found))
            break;
    }
    free(line);
}

static enum wkv_code go_on(struct wkv_export *export, const struct found *found, struct wkv_error *error)
{
    if (found->mark == 0)
        return wkv_export_begin_anew(export, error);
    if (ftruncate(fileno(export->out), found->mark) != 0 || fseek(export->out, 0, SEEK_END) != 0)
        return cannot("write to", error);
    export->resumes = true;
    export->keys = found->keys_at_mark;
    return WKV_OK;
}

static enum wkv_code look_through(struct wkv_export *export, struct wkv_error *error)
{
    struct found found;
    struct stat status;
    if (fstat(fileno(export->out), &status) != 0)
        return cannot("look at", error);
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return begin(export, error);
    read_file(export, &found);
    if (!found.is_ours)
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "FILE holds something else than an export: give another name, or none for standard output");
    if (found.is_whole)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "FILE holds a whole export already: give another name, or move it out of the way");
    return go_on(export, &found, error);
}

/* It has everybody's values in it: for its owner's eyes. */
enum wkv_code wkv_export_open(struct wkv_export *export, const char *path, struct wkv_error *error)
{
    if (strcmp(path, "-") == 0) {
        export->out = stdout;
        return begin(export, error);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EINVAL || errno == ENXIO))
        fd = open(path, O_WRONLY | O_CLOEXEC);
    export->out = fd < 0 ? NULL : fdopen(fd, "r+");
    if (export->out == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "cannot open FILE: %s", strerror(errno));
    return look_through(export, error);
}

enum wkv_code wkv_export_close(struct wkv_export *export, struct wkv_error *error)
{
    FILE *out = export->out;
    export->out = NULL;
    if (out == NULL)
        return WKV_OK;
    bool written = fflush(out) == 0 && !ferror(out);
    if (out == stdout)
        return written ? WKV_OK : cannot("write to", error);
    written = (fsync(fileno(out)) == 0 || errno == EINVAL || errno == EROFS) && written;
    return fclose(out) == 0 && written ? WKV_OK : cannot("write to", error);
}
