/* wascc-keyvalue import: puts what `export` has written into a running instance. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <sys/stat.h>

#include "command/asking.h"
#include "command/batching.h"
#include "command/command.h"
#include "command/dump.h"
#include "command/progress.h"
#include "support/clock.h"

/* Of a request, whose reply repeats the values. */
#define SHARE 2
#define FRAME_BYTES 64u
/* Texts that items borrow until they are sent: three a line. */
#define KEPT (WKV_BATCHING_ITEMS * 2)

struct import {
    const struct wkv_config *config;
    struct wkv_asking asking;
    struct wkv_batching *batching;
    struct wkv_progress progress;
    FILE *in;
    uint64_t bytes, total; /* read, and of the file; 0: not known */
    uint64_t line;         /* under way, from 1 */
    uint64_t done;         /* lines that a --skip may pass by */
    uint64_t keys, bindings, expired, unbound;
    bool ended;   /* the file says that nothing is missing */
    char run[17]; /* for ids */
    unsigned sent;
    /* What waits to be sent. */
    json_t *keyspace; /* its name; NULL: the binding's own */
    size_t used;      /* about so many bytes */
    json_t *lines[KEPT];
    ProtobufCBinaryData *texts[KEPT];
    size_t line_count, text_count;
    json_t *known; /* names of keyspaces that are there, as an object */
    bool is_late;  /* one was named just now */
};

static enum wkv_code bad_line(const struct import *import, const char *why, struct wkv_error *error)
{
    return wkv_fail(error, WKV_BAD_REQUEST, "line %" PRIu64 ": %s", import->line, why);
}

/* ---- sending ---- */

static void forget(struct import *import)
{
    for (size_t i = 0; i < import->line_count; i++)
        json_decref(import->lines[i]);
    for (size_t i = 0; i < import->text_count; i++)
        free(import->texts[i]);
    import->line_count = import->text_count = import->used = 0;
    wkv_batching_begin(import->batching, import->keyspace == NULL ? "" : json_string_value(import->keyspace));
}

static enum wkv_code check_replies(const struct import *import, const Keyvalue__BatchResponse *reply,
                                   struct wkv_error *error)
{
    for (size_t i = 0; i < reply->n_replies; i++) {
        const Keyvalue__BatchResponse__Item *item = reply->replies[i];
        if (item->reply_case == KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_ERROR)
            return wkv_fail(error, WKV_UNAVAILABLE, "up to line %" PRIu64 ": %d: %.*s", import->line,
                            (int)item->error->code, (int)item->error->description.len,
                            (const char *)item->error->description.data);
    }
    return WKV_OK;
}

/* Sends what waits. Pushes are sent under an id: done again they would be there twice. */
static enum wkv_code flush(struct import *import, bool once, struct wkv_error *error)
{
    Keyvalue__BatchResponse *reply;
    struct wkv_error cause;
    int answered;
    char id[48];
    if (wkv_batching_count(import->batching) == 0)
        return WKV_OK;
    (void)snprintf(id, sizeof id, "import-%s-%u", import->run, ++import->sent);
    struct wkv_sending how = {.id = once ? id : NULL, .is_late = import->is_late};
    enum wkv_code code = wkv_batching_send(import->batching, &import->asking, how, &reply, &answered, &cause);
    if (code != WKV_OK || reply == NULL)
        return wkv_fail(error, cause.code, "up to line %" PRIu64 ": %s", import->line, cause.text);
    import->is_late = false;
    code = check_replies(import, reply, error);
    keyvalue__batch_response__free_unpacked(reply, NULL);
    if (code == WKV_OK)
        forget(import);
    return code;
}

static size_t room(const struct import *import)
{
    return wkv_asking_room(&import->asking) / SHARE;
}

/* ---- bindings and keyspaces ---- */

static enum wkv_code ask(struct import *import, const char *operation, json_t *request, json_t **reply,
                         int *answered, struct wkv_error *error)
{
    natsMsg *message = NULL;
    char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (text == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a request");
    struct wkv_question question = {.operation = operation, .payload = text, .len = strlen(text)};
    enum wkv_code code = wkv_ask(&import->asking, &question, &message, answered, error);
    if (reply != NULL)
        *reply = code != WKV_OK
                     ? NULL
                     : json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), 0, NULL);
    natsMsg_Destroy(message);
    free(text);
    return code;
}

static enum wkv_code bind(struct import *import, const char *actor, const char *keyspace, int *answered,
                          struct wkv_error *error)
{
    json_t *request = json_pack("{s:s, s:{}}", "module", actor, "values");
    if (keyspace != NULL && request != NULL)
        (void)json_object_set_new(json_object_get(request, "values"), "KEYSPACE", json_string(keyspace));
    enum wkv_code code = ask(import, "BindActor", request, NULL, answered, error);
    import->is_late = true;
    if (code == WKV_OK && *answered == 0 && keyspace != NULL)
        (void)json_object_set_new(import->known, keyspace, json_true());
    return code;
}

static enum wkv_code list_known(struct import *import, struct wkv_error *error)
{
    char cursor[64] = "";
    do {
        json_t *reply;
        int answered;
        if (ask(import, "Bindings", json_pack("{s:b, s:s}", "keyspaces", 1, "cursor", cursor), &reply,
                &answered, error) != WKV_OK)
            return error->code;
        const json_t *names = json_object_get(reply, "keyspaces");
        for (size_t i = 0; i < json_array_size(names); i++)
            (void)json_object_set_new(import->known, json_string_value(json_array_get(names, i)),
                                      json_true());
        const char *next = json_string_value(json_object_get(reply, "cursor"));
        (void)snprintf(cursor, sizeof cursor, "%s", next == NULL ? "" : next);
        json_decref(reply);
        if (answered != 0)
            return error->code;
    } while (*cursor != '\0');
    return WKV_OK;
}

/* A keyspace is there when an actor was bound to it. Where nobody is any more, one that nobody has is, for a
 * moment. */
static enum wkv_code name_keyspace(struct import *import, const char *keyspace, struct wkv_error *error)
{
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    struct wkv_nkey_seed *seed;
    struct wkv_error cause;
    int answered;
    if (json_object_get(import->known, keyspace) != NULL)
        return WKV_OK;
    if (wkv_nkey_seed_generate(WKV_NKEY_MODULE, &seed, error) != WKV_OK)
        return error->code;
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&key, actor);
    wkv_nkey_seed_destroy(seed);
    if (bind(import, actor, keyspace, &answered, &cause) != WKV_OK || answered != 0)
        return wkv_fail(error, cause.code,
                        "line %" PRIu64
                        ": its keyspace is not there yet, and a host must bind an actor to it first: %s",
                        import->line, cause.text);
    return ask(import, "RemoveActor", json_pack("{s:s}", "module", actor), NULL, &answered, error);
}

/* In --auth binding a bind must bring the actor's claims, which no export has. */
static enum wkv_code take_binding(struct import *import, const json_t *binding, struct wkv_error *error)
{
    const char *actor = json_string_value(json_object_get(binding, "actor"));
    const char *keyspace = json_string_value(json_object_get(binding, "keyspace"));
    int answered;
    if (actor == NULL)
        return bad_line(import, "the binding names no actor", error);
    if (bind(import, actor, keyspace, &answered, error) != WKV_OK)
        return error->code;
    if (answered != 0 && answered != 401)
        return error->code;
    import->bindings += answered == 0;
    import->unbound += answered != 0;
    return WKV_OK;
}

/* ---- keys ---- */

/* What a line says of a key. */
struct row {
    ProtobufCBinaryData key, *values;
    size_t count;
    enum wkv_dump_kind kind;
    int64_t in_ms; /* 0: for ever */
    bool goes_on;
};

/* Keeps what items borrow until they are sent. */
static bool keep(struct import *import, ProtobufCBinaryData *texts)
{
    if (texts != NULL)
        import->texts[import->text_count++] = texts;
    return texts != NULL;
}

/* false: it has expired. */
static bool read_expiry(const json_t *line, struct row *row)
{
    const json_t *at = json_object_get(line, "expires_at_ms");
    row->in_ms = at == NULL ? 0 : json_integer_value(at) - wkv_wall_ns() / WKV_NS_PER_MS;
    return at == NULL || row->in_ms > 0;
}

static enum wkv_code read_row(struct import *import, const json_t *line, struct row *row,
                              struct wkv_error *error)
{
    size_t keys;
    ProtobufCBinaryData *key = wkv_dump_take(line, "key", &keys);
    if (!keep(import, key) || keys != 1 || key->len == 0)
        return bad_line(import, "it has no key", error);
    row->key = *key;
    if (!wkv_dump_kind_parse(json_string_value(json_object_get(line, "kind")), &row->kind))
        return bad_line(import, "its kind must be scalar, counter, list or set", error);
    row->goes_on = json_integer_value(json_object_get(line, "from")) > 0;
    if (row->kind == WKV_DUMP_COUNTER)
        return json_is_integer(json_object_get(line, "value"))
                   ? WKV_OK
                   : bad_line(import, "a counter's value is a whole number", error);
    bool is_scalar = row->kind == WKV_DUMP_SCALAR;
    row->values = wkv_dump_take(line, is_scalar ? "value" : "values", &row->count);
    if (!keep(import, row->values) || (is_scalar && row->count != 1) || row->count == 0)
        return bad_line(import, "it has no value, or one that is neither text nor base64", error);
    return WKV_OK;
}

static void add_number(struct import *import, const json_t *line, const struct row *row)
{
    wkv_batch_del(import->batching, row->key);
    wkv_batch_increment(import->batching, row->key, json_integer_value(json_object_get(line, "value")));
    if (row->in_ms > 0)
        wkv_batch_expire(import->batching, row->key, row->in_ms);
}

/* Items of a list or members of a set, in as many requests as they need. */
static enum wkv_code add_many(struct import *import, const struct row *row, struct wkv_error *error)
{
    if (!row->goes_on)
        wkv_batch_del(import->batching, row->key);
    for (size_t i = 0; i < row->count; i++) {
        size_t bytes = row->values[i].len + row->key.len + FRAME_BYTES;
        if (wkv_batching_room(import->batching) < 2 || import->used + bytes > room(import)) {
            /* The texts of the line are kept: more of them are to come. */
            size_t lines = import->line_count, texts = import->text_count;
            import->line_count = import->text_count = 0;
            enum wkv_code code = flush(import, true, error);
            import->line_count = lines;
            import->text_count = texts;
            if (code != WKV_OK)
                return code;
        }
        import->used += bytes;
        if (row->kind == WKV_DUMP_LIST)
            wkv_batch_push(import->batching, row->key, row->values[i]);
        else
            wkv_batch_set_add(import->batching, row->key, row->values[i]);
    }
    if (row->in_ms > 0)
        wkv_batch_expire(import->batching, row->key, row->in_ms);
    return flush(import, true, error);
}

static enum wkv_code add_row(struct import *import, const json_t *line, const struct row *row,
                             struct wkv_error *error)
{
    size_t bytes = 2 * (row->key.len + FRAME_BYTES) + (row->kind == WKV_DUMP_SCALAR ? row->values->len : 0);
    import->keys += !row->goes_on;
    bool is_many = row->kind == WKV_DUMP_LIST || row->kind == WKV_DUMP_SET;
    import->used += bytes;
    if (is_many)
        return add_many(import, row, error);
    if (row->kind == WKV_DUMP_COUNTER)
        add_number(import, line, row);
    else
        wkv_batch_set(import->batching, row->key, *row->values, row->in_ms);
    return WKV_OK;
}

/* Sends what waits, where this line cannot join it. */
static enum wkv_code make_way(struct import *import, const json_t *line, struct wkv_error *error)
{
    json_t *keyspace = json_object_get(line, "keyspace");
    const char *kind = json_string_value(json_object_get(line, "kind"));
    bool is_other = json_equal(keyspace, import->keyspace) == 0 && keyspace != import->keyspace;
    bool is_many = kind != NULL && (strcmp(kind, "list") == 0 || strcmp(kind, "set") == 0);
    if (!is_other && !is_many && import->used < room(import) / 2 && import->line_count < KEPT &&
        import->text_count + 2 <= KEPT && wkv_batching_room(import->batching) >= 3)
        return WKV_OK;
    if (flush(import, false, error) != WKV_OK)
        return error->code;
    json_decref(import->keyspace);
    import->keyspace = json_incref(keyspace);
    forget(import);
    const char *name = json_string_value(keyspace);
    return name == NULL ? WKV_OK : name_keyspace(import, name, error);
}

/* A value that would not fit beside what waits goes alone. */
static enum wkv_code take_key(struct import *import, json_t *line, struct wkv_error *error)
{
    struct row row = {.values = NULL};
    bool goes_on = json_integer_value(json_object_get(line, "from")) > 0;
    size_t bytes = json_string_length(json_object_get(line, "value")) +
                   json_string_length(json_object_get(line, "value_base64"));
    if (!read_expiry(line, &row)) {
        import->expired += !goes_on;
        return WKV_OK;
    }
    if (make_way(import, line, error) != WKV_OK ||
        (import->used > 0 && import->used + bytes > room(import) && flush(import, false, error) != WKV_OK))
        return error->code;
    if (!goes_on && import->line_count == 0)
        import->done = import->line - 1;
    import->lines[import->line_count++] = json_incref(line);
    if (read_row(import, line, &row, error) != WKV_OK)
        return error->code;
    return add_row(import, line, &row, error);
}

/* ---- lines ---- */

static enum wkv_code check_head(const struct import *import, const json_t *line, struct wkv_error *error)
{
    const char *maker = json_string_value(json_object_get(line, "export"));
    if (maker == NULL || strcmp(maker, "wascc-keyvalue") != 0)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "this is no export of wascc-keyvalue: its first line must say so");
    if (json_integer_value(json_object_get(line, "format")) == WKV_DUMP_FORMAT)
        return WKV_OK;
    return bad_line(import, "this export is of another version's format", error);
}

static enum wkv_code take_line(struct import *import, json_t *line, struct wkv_error *error)
{
    if (import->line == 1)
        return check_head(import, line, error);
    import->ended = json_object_get(line, "end") != NULL;
    if (import->line <= import->config->transfer.skip)
        return WKV_OK;
    if (json_object_get(line, "binding") != NULL)
        return take_binding(import, json_object_get(line, "binding"), error);
    if (json_object_get(line, "key") != NULL || json_object_get(line, "key_base64") != NULL)
        return take_key(import, line, error);
    if (json_is_object(line) && (import->ended || json_object_get(line, "resume") != NULL))
        return WKV_OK;
    return bad_line(import, "it is none of an export's", error);
}

static enum wkv_code take_text(struct import *import, const char *text, size_t len, struct wkv_error *error)
{
    json_t *line = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    import->line++;
    import->bytes += len;
    enum wkv_code code = line == NULL ? bad_line(import, "it is no JSON, or was cut short", error)
                                      : take_line(import, line, error);
    json_decref(line);
    return code;
}

static enum wkv_code take_all(struct import *import, struct wkv_error *error)
{
    char *text = NULL;
    size_t size = 0;
    enum wkv_code code = WKV_OK;
    for (ssize_t len; code == WKV_OK && (len = getline(&text, &size, import->in)) > 0;) {
        code = take_text(import, text, (size_t)len, error);
        wkv_progress_show(&import->progress, import->bytes, import->total, import->keys);
        if (code == WKV_OK && wkv_is_told_to_stop())
            code = wkv_fail(error, WKV_UNAVAILABLE, "stopped");
    }
    free(text);
    if (code == WKV_OK)
        code = flush(import, false, error);
    if (code == WKV_OK && import->line == 0)
        code = wkv_fail(error, WKV_BAD_REQUEST, "there is nothing to import: FILE is empty");
    if (code == WKV_OK)
        import->done = import->line;
    return code;
}

/* ---- all ---- */

static enum wkv_code open_file(struct import *import, const char *path, struct wkv_error *error)
{
    struct stat status;
    import->in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (import->in == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "cannot open FILE: %s", strerror(errno));
    if (fstat(fileno(import->in), &status) == 0 && S_ISREG(status.st_mode))
        import->total = (uint64_t)status.st_size;
    return WKV_OK;
}

static enum wkv_code go(struct import *import, const char *path, struct wkv_error *error)
{
    unsigned char random[8];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(import->run, sizeof import->run, random, sizeof random);
    import->known = json_object();
    import->batching = wkv_batching_create();
    if (import->known == NULL || import->batching == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to start with");
    if (open_file(import, path, error) != WKV_OK ||
        wkv_asking_begin(&import->asking, import->config, "wascc-keyvalue import", error) != WKV_OK)
        return error->code;
    wkv_progress_begin(&import->progress, "importing");
    return list_known(import, error) == WKV_OK ? take_all(import, error) : error->code;
}

static void end(struct import *import)
{
    if (import->batching != NULL)
        forget(import);
    json_decref(import->keyspace);
    json_decref(import->known);
    wkv_batching_destroy(import->batching);
    if (import->in != NULL && import->in != stdin)
        (void)fclose(import->in);
    wkv_asking_end(&import->asking);
}

static int report(const struct import *import, enum wkv_code code, const struct wkv_error *error)
{
    struct wkv_error said;
    if (code != WKV_OK && import->done > 0) {
        (void)wkv_fail(&said, code, "%s; go on with --skip %" PRIu64, error->text, import->done);
        return wkv_failed(&said);
    }
    if (code != WKV_OK)
        return wkv_failed(error);
    (void)fprintf(stderr, "wascc-keyvalue: imported %" PRIu64 " keys and %" PRIu64 " bindings", import->keys,
                  import->bindings);
    if (import->expired > 0)
        (void)fprintf(stderr, "; %" PRIu64 " keys have expired since", import->expired);
    if (import->unbound > 0)
        (void)fprintf(stderr, "; %" PRIu64 " actors must be bound by their hosts, with their claims",
                      import->unbound);
    (void)fputc('\n', stderr);
    if (import->ended)
        return WKV_EXIT_OK;
    (void)wkv_fail(&said, WKV_UNAVAILABLE,
                   "the export was cut short: what its end would have had is missing");
    return wkv_failure(&said);
}

static int import_all(const struct wkv_config *config, char **arguments)
{
    struct import *import = calloc(1, sizeof *import);
    struct wkv_error error;
    if (import == NULL) {
        (void)wkv_fail(&error, WKV_NO_MEMORY, "no memory to start with");
        return wkv_failed(&error);
    }
    import->config = config;
    wkv_listen_for_stop();
    enum wkv_code code = go(import, arguments[0] == NULL ? "-" : arguments[0], &error);
    wkv_progress_end(&import->progress);
    int status = report(import, code, &error);
    end(import);
    free(import);
    return status;
}

const struct wkv_subcommand wkv_command_import = {
    .name = "import",
    .doc = "put what export has written into an instance",
    .usage = "[OPTION]... [FILE]",
    .about = "Puts the keys and bindings of an export, from FILE or standard input, into a\n"
             "running instance of any engine: each key becomes what it was, whatever is there;\n"
             "other keys stay. Twice is as good as once. It asks as an operator does, so\n"
             "outside of --auth none it needs --host-seed.\n",
    .takes = "one FILE at the most",
    .optional = 1,
    .bit = WKV_COMMAND_IMPORT,
    .run = import_all,
};
