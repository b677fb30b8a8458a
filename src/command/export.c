/* wascc-keyvalue export: all keys, values, expiries and bindings of a running instance, as JSON lines. */
#include "command/export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

#define PAGE 1000

const char *wkv_export_name(const struct wkv_export *export, const char *keyspace)
{
    return strcmp(keyspace, export->own) == 0 ? "" : keyspace;
}

/* ---- questions in JSON ---- */

/* Takes the request, and gives the reply, which is the caller's, or NULL: `answered` or the code says why. */
static enum wkv_code ask_json(struct wkv_export *export, const char *operation, json_t *request,
                              json_t **reply, int *answered, struct wkv_error *error)
{
    natsMsg *message = NULL;
    char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    json_decref(request);
    *reply = NULL;
    if (text == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a request");
    struct wkv_question question = {.operation = operation, .payload = text, .len = strlen(text)};
    enum wkv_code code = wkv_ask(&export->asking, &question, &message, answered, error);
    if (code == WKV_OK && *answered == 0)
        *reply = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), JSON_ALLOW_NUL,
                            NULL);
    if (code == WKV_OK && *answered == 0 && *reply == NULL)
        code =
            wkv_fail(error, WKV_BAD_REQUEST, "the reply to %s is not JSON: no provider sent it", operation);
    natsMsg_Destroy(message);
    free(text);
    return code;
}

/* The same, where a refusal is an error. */
static enum wkv_code ask_surely(struct wkv_export *export, const char *operation, json_t *request,
                                json_t **reply, struct wkv_error *error)
{
    int answered;
    enum wkv_code code = ask_json(export, operation, request, reply, &answered, error);
    return code == WKV_OK && *reply == NULL ? error->code : code;
}

/* Only for the bar: one of an older version has no Members. */
static void find_total(struct wkv_export *export)
{
    struct wkv_error ignored;
    json_t *reply;
    if (!export->progress.is_shown ||
        ask_surely(export, "Members", json_object(), &reply, &ignored) != WKV_OK)
        return;
    export->keys_total = (uint64_t)json_integer_value(
        json_object_get(json_array_get(json_object_get(reply, "members"), 0), "keys"));
    json_decref(reply);
}

/* ---- a keyspace ---- */

/* The instance that made the cursor goes on with it; any does, where they serve one log: their cursors have
 * 16 digits in front. */
static void note_instance(struct wkv_export *export, const char *cursor)
{
    const char *point = strchr(cursor, '.');
    if (point != NULL && point - cursor > 16 && (size_t)(point - cursor) < sizeof export->instance)
        (void)snprintf(export->instance, sizeof export->instance, "%.*s", (int)(point - cursor), cursor);
}

static enum wkv_code ask_page(struct wkv_export *export, const char *keyspace, const char *cursor,
                              json_t **reply, int *answered, struct wkv_error *error)
{
    return ask_json(export, "Keys",
                    json_pack("{s:s, s:s, s:i, s:i, s:s}", "keyspace", keyspace, "cursor", cursor, "limit",
                              PAGE, "min_bytes", 1, "instance", export->instance),
                    reply, answered, error);
}

static enum wkv_code mark(struct wkv_export *export, const char *keyspace, const char *cursor,
                          struct wkv_error *error)
{
    enum wkv_code code = wkv_export_line(
        export, json_pack("{s:{s:s, s:s}}", "resume", "keyspace", keyspace, "cursor", cursor), error);
    if (code == WKV_OK && fflush(export->out) != 0)
        code = wkv_fail(error, WKV_UNAVAILABLE, "cannot write everything: is the disk full?");
    return code;
}

static enum wkv_code write_page(struct wkv_export *export, const char *keyspace, const json_t *reply,
                                struct wkv_error *error)
{
    struct wkv_export_page page = {.keys = json_object_get(reply, "keys"),
                                   .bytes = json_object_get(reply, "bytes"),
                                   .kinds = json_object_get(reply, "kinds"),
                                   .count = json_array_size(json_object_get(reply, "keys"))};
    if (json_array_size(page.kinds) != page.count)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "the instance is too old for this command: it does not tell the kinds of keys");
    return wkv_export_keys(export, keyspace, &page, error);
}

/* Writes the keys from the cursor on. *answered: 400 where the cursor is another process's. */
static enum wkv_code write_keyspace(struct wkv_export *export, const char *keyspace,
                                    char cursor[WKV_EXPORT_CURSOR_BYTES], int *answered,
                                    struct wkv_error *error)
{
    json_t *reply;
    do {
        note_instance(export, cursor);
        enum wkv_code code = ask_page(export, keyspace, cursor, &reply, answered, error);
        if (code != WKV_OK || reply == NULL)
            return code != WKV_OK ? code : error->code;
        const char *next = json_string_value(json_object_get(reply, "cursor"));
        (void)snprintf(cursor, WKV_EXPORT_CURSOR_BYTES, "%s", next == NULL ? "" : next);
        code = write_page(export, keyspace, reply, error);
        json_decref(reply);
        if (code == WKV_OK && *cursor != '\0')
            code = mark(export, keyspace, cursor, error);
        if (code != WKV_OK)
            return code;
        wkv_progress_show(&export->progress, export->keys, export->keys_total, export->keys);
        if (wkv_is_told_to_stop())
            return wkv_fail(error, WKV_UNAVAILABLE, "stopped");
    } while (*cursor != '\0');
    export->keyspaces++;
    return WKV_OK;
}

/* ---- bindings and keyspaces ---- */

static bool is_wanted(const struct wkv_export *export, const char *keyspace)
{
    const char *only = export->config->transfer.keyspace;
    return only == NULL || strcmp(only, keyspace) == 0;
}

static enum wkv_code write_binding(struct wkv_export *export, const json_t *row, struct wkv_error *error)
{
    const char *keyspace = json_string_value(json_object_get(row, "keyspace"));
    if (keyspace == NULL || !is_wanted(export, keyspace))
        return WKV_OK;
    json_t *binding = json_pack("{s:O}", "actor", json_object_get(row, "actor"));
    if (*wkv_export_name(export, keyspace) != '\0')
        (void)json_object_set_new(binding, "keyspace", json_string(keyspace));
    return wkv_export_line(export, json_pack("{s:o}", "binding", binding), error);
}

/* All pages of Bindings: rows that are objects, or the names of keyspaces. */
static enum wkv_code list(struct wkv_export *export, const char *member, bool keyspaces,
                          enum wkv_code (*take)(struct wkv_export *, const json_t *, struct wkv_error *),
                          struct wkv_error *error)
{
    char cursor[WKV_EXPORT_CURSOR_BYTES] = "";
    do {
        json_t *reply;
        json_t *request = json_pack("{s:s, s:s}", "cursor", cursor, "instance", export->instance);
        if (keyspaces)
            (void)json_object_set_new(request, "keyspaces", json_true());
        enum wkv_code code = ask_surely(export, "Bindings", request, &reply, error);
        if (code != WKV_OK)
            return code;
        const json_t *rows = json_object_get(reply, member);
        const char *next = json_string_value(json_object_get(reply, "cursor"));
        (void)snprintf(cursor, sizeof cursor, "%s", next == NULL ? "" : next);
        for (size_t i = 0; i < json_array_size(rows) && code == WKV_OK; i++)
            code = take(export, json_array_get(rows, i), error);
        json_decref(reply);
        if (code != WKV_OK)
            return code;
    } while (*cursor != '\0');
    return WKV_OK;
}

/* The first is the binding's own. */
static enum wkv_code note_own(struct wkv_export *export, const json_t *name, struct wkv_error *error)
{
    (void)error;
    if (*export->own == '\0' && json_is_string(name))
        (void)snprintf(export->own, sizeof export->own, "%s", json_string_value(name));
    return WKV_OK;
}

/* Those before the one that a resumed export is in are there already. */
static enum wkv_code take_keyspace(struct wkv_export *export, const json_t *name, struct wkv_error *error)
{
    char cursor[WKV_EXPORT_CURSOR_BYTES] = "";
    const char *text = json_string_value(name);
    int answered;
    if (text == NULL || !is_wanted(export, text))
        return WKV_OK;
    const char *keyspace = wkv_export_name(export, text);
    if (export->resumes && strcmp(keyspace, export->keyspace) != 0) {
        export->keyspaces++;
        return WKV_OK;
    }
    if (export->resumes)
        (void)snprintf(cursor, sizeof cursor, "%s", export->cursor);
    enum wkv_code code = write_keyspace(export, keyspace, cursor, &answered, error);
    export->resumes = false;
    return code;
}

/* ---- all ---- */

static enum wkv_code write_all(struct wkv_export *export, struct wkv_error *error)
{
    if (!export->resumes && list(export, "bindings", false, write_binding, error) != WKV_OK)
        return error->code;
    if (list(export, "keyspaces", true, take_keyspace, error) != WKV_OK)
        return error->code;
    if (export->resumes || (export->keyspaces == 0 && export->config->transfer.keyspace != NULL))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "there is no such keyspace: call Bindings '{\"keyspaces\":true}' "
                        "lists those that there are");
    return wkv_export_line(export, json_pack("{s:{s:I}}", "end", "keys", (json_int_t) export->keys), error);
}

/* Whether the mark still means something: the process that made it may be gone. */
static enum wkv_code check_mark(struct wkv_export *export, struct wkv_error *error)
{
    json_t *reply = NULL;
    int answered = 0;
    if (!export->resumes)
        return WKV_OK;
    enum wkv_code code = ask_page(export, export->keyspace, export->cursor, &reply, &answered, error);
    json_decref(reply);
    if (code == WKV_OK && answered == 0)
        return WKV_OK;
    (void)fprintf(stderr,
                  "wascc-keyvalue: the instance that this export was made from is gone: it begins anew\n");
    return wkv_export_begin_anew(export, error);
}

static enum wkv_code go(struct wkv_export *export, const char *path, struct wkv_error *error)
{
    if (wkv_export_open(export, path, error) != WKV_OK)
        return error->code;
    wkv_progress_begin(&export->progress, "exporting");
    find_total(export);
    if (check_mark(export, error) != WKV_OK || list(export, "keyspaces", true, note_own, error) != WKV_OK)
        return error->code;
    return write_all(export, error);
}

static int report(const struct wkv_export *export, enum wkv_code code, const char *path,
                  const struct wkv_error *error)
{
    struct wkv_error said;
    if (code != WKV_OK && strcmp(path, "-") != 0 && export->keys > 0) {
        (void)wkv_fail(&said, code, "%s; %" PRIu64 " keys are in FILE: the same command goes on from there",
                       error->text, export->keys);
        return wkv_failed(&said);
    }
    if (code != WKV_OK)
        return wkv_failed(error);
    (void)fprintf(stderr, "wascc-keyvalue: exported %" PRIu64 " keys of %" PRIu64 " keyspaces\n",
                  export->keys, export->keyspaces);
    if (export->left_out == 0)
        return WKV_EXIT_OK;
    (void)wkv_fail(&said, WKV_UNAVAILABLE,
                   "%" PRIu64
                   " keys have values that the server's max_payload has no room for, and are left out",
                   export->left_out);
    return wkv_failure(&said);
}

static int export_all(const struct wkv_config *config, char **arguments)
{
    struct wkv_export export = {.config = config, .batching = wkv_batching_create()};
    struct wkv_error error, closing;
    const char *path = arguments[0] == NULL ? "-" : arguments[0];
    wkv_listen_for_stop();
    enum wkv_code code = export.batching == NULL
                             ? wkv_fail(&error, WKV_NO_MEMORY, "no memory to start with")
                             : wkv_asking_begin(&export.asking, config, "wascc-keyvalue export", &error);
    if (code == WKV_OK)
        code = go(&export, path, &error);
    wkv_progress_end(&export.progress);
    if (wkv_export_close(&export, &closing) != WKV_OK && code == WKV_OK) {
        code = closing.code;
        error = closing;
    }
    int status = report(&export, code, path, &error);
    wkv_asking_end(&export.asking);
    wkv_batching_destroy(export.batching);
    return status;
}

const struct wkv_subcommand wkv_command_export = {
    .name = "export",
    .doc = "write all keys and bindings to a file",
    .usage = "[OPTION]... [FILE]",
    .about = "Writes all keys, values, expiries and bindings of a running instance as JSON\n"
             "lines to FILE, or to standard output. It asks as an operator does, so outside of\n"
             "--auth none it needs --host-seed. A FILE whose export was cut short is gone on\n"
             "with. Each key is as it is when it is read: an export is no one moment.\n",
    .takes = "one FILE at the most",
    .optional = 1,
    .bit = WKV_COMMAND_EXPORT,
    .run = export_all,
};
