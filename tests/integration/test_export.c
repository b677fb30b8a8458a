/* `export` and `import`: all that an instance holds, through a file, into another. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "service.h"
#include "stores.h"

#define SHOP "MSHOP"
#define GONE "MGONE"

static struct nats_server server;
static struct process from, to, command;
static struct client client, sys;
static char folder[] = "/tmp/wascc-export-XXXXXX";
static char file[64], again[64];

static void start(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(file, sizeof file, "%s/a.jsonl", folder);
    (void)snprintf(again, sizeof again, "%s/b.jsonl", folder);
    nats_server_start(&server, NULL);
    people_make();
}

static void stop(void)
{
    client_close(&client);
    client_close(&sys);
    harness_close_nats();
    process_destroy(&command);
    process_destroy(&from);
    process_destroy(&to);
    nats_server_kill(&server);
    people_free();
    (void)unlink(file);
    (void)unlink(again);
    (void)rmdir(folder);
}

/* Serves a binding, and opens clients of it: an actor and `system`. */
static void look_at(const char *binding, const char *actor)
{
    char base[128];
    (void)snprintf(base, sizeof base, "wasmbus.provider.wascc.keyvalue.%s", binding);
    client_close(&client);
    client_close(&sys);
    client_open(&client, server.url);
    client_open(&sys, server.url);
    client_call_on(&client, base, actor);
    client_call_on(&sys, base, "system");
}

static void serve_both(void)
{
    provider_serve(&from, server.url, "--binding", "from", NULL);
    provider_serve(&to, server.url, "--binding", "to", NULL);
}

/* Runs one of the two to its end, and says what it said. */
static int run(const char *what, const char *binding, const char *path)
{
    process_destroy(&command);
    return program_run(&command, NULL, NULL, what, "--server", server.url, "--binding", binding, path, NULL);
}

static void check_runs(const char *what, const char *binding, const char *path, const char *says)
{
    int status = run(what, binding, path);
    ck_assert_msg(status == 0 && strstr(command.err.bytes, says) != NULL, "%s: exit %d: %s", what, status,
                  command.err.bytes);
}

static void check_fails(const char *what, const char *binding, const char *path, int expected,
                        const char *says)
{
    int status = run(what, binding, path);
    ck_assert_msg(status == expected && strstr(command.err.bytes, says) != NULL,
                  "%s: exit %d, not %d, %s: %s", what, status, expected, says, command.err.bytes);
}

static char *read_all(const char *path)
{
    char *text = NULL;
    size_t room = 0;
    FILE *in = fopen(path, "re");
    ck_assert_ptr_nonnull(in);
    ssize_t len = getdelim(&text, &room, '\0', in);
    (void)fclose(in);
    ck_assert_int_gt(len, 0);
    return text;
}

static void write_all(const char *path, const char *text)
{
    FILE *out = fopen(path, "we");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* Everything that a file says of keys and bindings: {"keyspace/key": {kind, values, …}}. Expiries become
 * whether there is one. */
static json_t *contents(const char *path)
{
    json_t *all = json_object();
    char *text = read_all(path), *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        char name[256];
        json_t *object = json_loads(line, JSON_ALLOW_NUL, NULL);
        ck_assert_msg(object != NULL, "%s", line);
        const char *keyspace = json_string_value(json_object_get(object, "keyspace"));
        const char *key = json_string_value(json_object_get(object, "key"));
        json_t *binding = json_object_get(object, "binding");
        if (json_object_get(object, "expires_at_ms") != NULL)
            (void)json_object_set_new(object, "expires_at_ms", json_true());
        (void)snprintf(name, sizeof name, "%s/%s", keyspace == NULL ? "" : keyspace,
                       key == NULL ? json_string_value(json_object_get(binding, "actor")) : key);
        json_t *known = json_object_get(all, name);
        if (key != NULL && json_object_get(object, "from") != NULL)
            (void)json_array_extend(json_object_get(known, "values"), json_object_get(object, "values"));
        else if (key != NULL || json_is_object(binding))
            ck_assert_msg(known == NULL && json_object_set(all, name, object) == 0, "%s is there twice",
                          name);
        json_decref(object);
    }
    free(text);
    return all;
}

/* Sets have no order. */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_members(json_t *object)
{
    json_t *values = json_object_get(object, "values"), *sorted = json_array();
    size_t count = json_array_size(values);
    const char **texts = calloc(count + 1, sizeof *texts);
    ck_assert_ptr_nonnull(texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = json_string_value(json_array_get(values, i));
    qsort(texts, count, sizeof *texts, by_text);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(sorted, json_string(texts[i]));
    (void)json_object_set_new(object, "values", sorted);
    free(texts);
}

static void sort_sets(json_t *all)
{
    const char *name;
    json_t *object;
    json_object_foreach(all, name, object)
    {
        const char *kind = json_string_value(json_object_get(object, "kind"));
        if (kind != NULL && strcmp(kind, "set") == 0)
            sort_members(object);
    }
}

static void check_same(size_t keys)
{
    json_t *a = contents(file), *b = contents(again);
    sort_sets(a);
    sort_sets(b);
    ck_assert_uint_eq(json_object_size(a), keys);
    ck_assert_msg(json_equal(a, b) == 1, "what came back differs");
    json_decref(a);
    json_decref(b);
}

/* ---- filling ---- */

static void set(const char *key, const char *value, int expires_s)
{
    json_decref(client_call(&client, JSON, "Set", "{s:s, s:s, s:i}", "key", key, "value", value, "expires_s",
                            expires_s));
}

/* Many items in one list or set, by Batch. */
static void fill_many(const char *member, const char *key, int first, int count)
{
    json_t *items = json_array();
    for (int i = first; i < first + count; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "item %d", i);
        (void)json_array_append_new(items, json_pack("{s:{s:s, s:s}}", member, "key", key, "value", value));
    }
    json_decref(client_call(&client, JSON, "Batch", "{s:o}", "requests", items));
}

static void fill_keys(int first, int count)
{
    json_t *items = json_array();
    for (int i = first; i < first + count; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key %06d", i);
        (void)json_array_append_new(items, json_pack("{s:{s:s, s:s}}", "set", "key", key, "value", key));
    }
    json_decref(client_call(&client, JSON, "Batch", "{s:o}", "requests", items));
}

static void set_base64(const char *key, const char *value)
{
    json_decref(client_call(&client, JSON, "Set", "{s:s, s:s}", "key", key, "value_base64", value));
}

#define FILLED 15 /* keys, and an actor that is bound */
#define MANY 5000

/* Of each kind, in three keyspaces, of which one has no actor any more. */
static void fill(void)
{
    static char large[600001];
    memset(large, 'x', sizeof large - 1);
    look_at("from", "MOWN");
    set("own", "1", 0);
    bind_actor(&sys, JSON, (struct papers){.claims = NULL}, SHOP, "shop");
    bind_actor(&sys, JSON, (struct papers){.claims = NULL}, GONE, "gone");
    look_at("from", GONE);
    set("orphan", "o", 0);
    remove_actor(&sys, JSON, (struct papers){.claims = NULL}, GONE);
    look_at("from", SHOP);
    set("text", "h\xc3\xa9llo \"\\\n\t", 0);
    set("digits", "42", 0); /* no counter */
    set("empty", "", 0);
    set("lives", "x", 1000);
    set("large", large, 0);
    set("large too", large, 2000);
    set_base64("bytes", "/wAB");
    json_decref(client_call(&client, JSON, "Increment", "{s:s, s:I}", "key", "counter", "delta",
                            (json_int_t)9007199254740993));
    client_push(&client, JSON, "list", "b");
    client_push(&client, JSON, "list", "a");
    client_push(&client, JSON, "list", "b");
    json_decref(client_call(&client, JSON, "Expire", "{s:s, s:i}", "key", "list", "expires_ms", 900000));
    fill_many("set_add", "set", 0, 10);
    fill_many("push", "many", 0, MANY / 2);
    fill_many("push", "many", MANY / 2, MANY / 2);
    fill_many("set_add", "large set", 0, MANY / 2);
    fill_many("set_add", "large set", MANY / 2, MANY / 2);
    /* Larger than any reply: in pieces. */
    for (int i = 0; i < 3; i++)
        client_push(&client, JSON, "large list", large);
}

/* Lines of an export's file up to and with the mark of that number. */
static void cut_behind_mark(const char *path, int marks, const char *more)
{
    char *text = read_all(path), *at = text;
    for (int i = 0; i < marks; i++) {
        at = strstr(at, "{\"resume\":");
        ck_assert_ptr_nonnull(at);
        at = strchr(at, '\n') + 1;
    }
    *at = '\0';
    write_all(path, text);
    free(text);
    FILE *out = fopen(path, "ae");
    ck_assert_int_ge(fputs(more, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* ---- tests ---- */

static void there_and_back(void)
{
    fill();
    check_runs("export", "from", file, "exported 15 keys of 3 keyspaces");
    check_runs("import", "to", file, "imported 15 keys and 1 bindings");
    check_runs("export", "to", again, "exported 15 keys of 3 keyspaces");
    check_same(FILLED + 1);
    look_at("to", SHOP);
    json_t *reply = client_call(&client, JSON, "TimeToLive", "{s:s}", "key", "lives");
    ck_assert_int_gt(number_at(reply, "expires_in_ms"), 800000);
    ck_assert_int_le(number_at(reply, "expires_in_ms"), 1000000);
    json_decref(reply);
    look_at("to", "system");
    reply = client_call(&client, JSON, "Inspect", "{s:s, s:s}", "keyspace", "shop", "key", "counter");
    ck_assert_str_eq(text_at(reply, "kind"), "counter");
    json_decref(reply);
}

START_TEST(everything_comes_back)
{
    serve_both();
    there_and_back();
    /* Again, over what is there and has changed. */
    look_at("to", SHOP);
    client_push(&client, JSON, "list", "new");
    set("set", "another kind", 5);
    set("stays", "it is in no file", 0);
    check_runs("import", "to", file, "imported 15 keys and 1 bindings");
    json_decref(client_call(&client, JSON, "Del", "{s:s}", "key", "stays"));
    (void)unlink(again);
    check_runs("export", "to", again, "exported 15 keys of 3 keyspaces");
    check_same(FILLED + 1);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

/* "Moving data from a memory instance". */
START_TEST(from_memory_into_jetstream)
{
    char config[256];
    nats_server_kill(&server);
    (void)snprintf(config, sizeof config, "jetstream { store_dir: \"%s/js\", max_file_store: 64GB }\n",
                   folder);
    nats_server_start(&server, config);
    provider_serve(&from, server.url, "--binding", "from", NULL);
    provider_serve(&to, server.url, "--binding", "to", "--engine", "jetstream", NULL);
    there_and_back();
    provider_stop(&from);
    provider_stop(&to);
    nats_server_kill(&server);
    (void)snprintf(config, sizeof config, "rm -rf '%s/js'", folder);
    ck_assert_int_eq(system(config), 0);
    nats_server_start(&server, NULL);
}
END_TEST

/* "Cursors of `Keys` and `ListKeys` are good at every instance": whichever answers first. */
static void check_pages(const char *operation)
{
    char cursor[128] = "";
    size_t keys = 0, pages = 0;
    do {
        json_t *reply = client_call(strcmp(operation, "Keys") == 0 ? &sys : &client, JSON, operation,
                                    "{s:s, s:i}", "cursor", cursor, "limit", 50);
        keys += json_array_size(member_at(reply, "keys"));
        (void)snprintf(cursor, sizeof cursor, "%s", text_at(reply, "cursor"));
        json_decref(reply);
    } while (*cursor != '\0' && ++pages < 1000);
    ck_assert_uint_eq(keys, 2000);
}

START_TEST(instances_of_one_log_are_exported_as_one)
{
    struct process other;
    char config[256];
    nats_server_kill(&server);
    (void)snprintf(config, sizeof config, "jetstream { store_dir: \"%s/js\", max_file_store: 64GB }\n",
                   folder);
    nats_server_start(&server, config);
    provider_serve(&from, server.url, "--binding", "from", "--engine", "jetstream", NULL);
    provider_serve(&other, server.url, "--binding", "from", "--engine", "jetstream", NULL);
    look_at("from", ACTOR);
    fill_keys(0, 2000);
    check_pages("ListKeys");
    check_pages("Keys");
    check_runs("export", "from", file, "exported 2000 keys of 1 keyspaces");
    cut_behind_mark(file, 1, "");
    provider_stop(&from);
    check_runs("export", "from", file, "exported 2000 keys of 1 keyspaces");
    ck_assert_ptr_null(strstr(command.err.bytes, "anew"));
    json_t *all = contents(file);
    ck_assert_uint_eq(json_object_size(all), 2000);
    json_decref(all);
    provider_stop(&other);
    process_destroy(&other);
    nats_server_kill(&server);
    (void)snprintf(config, sizeof config, "rm -rf '%s/js'", folder);
    ck_assert_int_eq(system(config), 0);
    nats_server_start(&server, NULL);
}
END_TEST

START_TEST(one_keyspace_can_be_exported)
{
    serve_both();
    fill();
    int status = program_run(&command, NULL, NULL, "export", "--server", server.url, "--binding", "from",
                             "--keyspace", "gone", file, NULL);
    ck_assert_msg(status == 0 && strstr(command.err.bytes, "exported 1 keys of 1 keyspaces") != NULL, "%s",
                  command.err.bytes);
    process_destroy(&command);
    ck_assert_int_eq(program_run(&command, NULL, NULL, "export", "--server", server.url, "--binding", "from",
                                 "--keyspace", "from", NULL),
                     0);
    ck_assert_ptr_nonnull(
        strstr(command.out.bytes, "{\"key\":\"own\",\"kind\":\"scalar\",\"value\":\"1\"}\n"));
    ck_assert_ptr_null(strstr(command.out.bytes, "shop"));
    process_destroy(&command);
    status = program_run(&command, NULL, NULL, "export", "--server", server.url, "--binding", "from",
                         "--keyspace", "none", NULL);
    ck_assert_msg(status == 64 && strstr(command.err.bytes, "no such keyspace") != NULL, "%s",
                  command.err.bytes);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

/* Page by page, whether an actor is bound to them or not. */
START_TEST(all_keyspaces_are_listed)
{
    static const char *const names[] = {"from", "shop", "gone"};
    char cursor[64] = "";
    provider_serve(&from, server.url, "--binding", "from", NULL);
    fill();
    for (size_t i = 0; i < 3; i++) {
        json_t *reply = client_call(&sys, JSON, "Bindings", "{s:b, s:i, s:s}", "keyspaces", 1, "limit", 1,
                                    "cursor", cursor);
        check_shape(reply, "keyspaces:a cursor:s");
        ck_assert_uint_eq(json_array_size(member_at(reply, "keyspaces")), 1);
        ck_assert_str_eq(json_string_value(json_array_get(member_at(reply, "keyspaces"), 0)), names[i]);
        (void)snprintf(cursor, sizeof cursor, "%s", text_at(reply, "cursor"));
        ck_assert_int_eq(*cursor == '\0', i == 2);
        json_decref(reply);
    }
    client_refused(&sys, JSON, "Bindings", 400, "cursor", "{s:b, s:s}", "keyspaces", 1, "cursor", "MSHOP");
    provider_stop(&from);
}
END_TEST

/* ---- cut short ---- */

#define KEYS (provider_is_sanitized() ? 20000 : 100000)

static void fill_all_keys(void)
{
    look_at("from", ACTOR);
    for (int i = 0; i < KEYS; i += 2000)
        fill_keys(i, 2000);
}

static void check_all_keys(const char *path)
{
    json_t *all = contents(path);
    ck_assert_uint_eq(json_object_size(all), (size_t)KEYS);
    json_decref(all);
}

/* As a process does that is killed amid a line. */
START_TEST(an_export_that_was_cut_short_goes_on)
{
    serve_both();
    fill_all_keys();
    check_runs("export", "from", file, "exported ");
    check_all_keys(file);
    cut_behind_mark(file, 7,
                    "{\"key\":\"key 000001\",\"kind\":\"scalar\",\"value\":\"not this one\"}\n{\"key\":\"ke");
    check_fails("import", "to", file, 64, "is no JSON, or was cut short");
    check_runs("export", "from", file, "exported ");
    check_all_keys(file);
    check_fails("export", "from", file, 64, "a whole export already");
    check_runs("import", "to", file, "imported ");
    check_runs("export", "to", again, "exported ");
    check_same((size_t)KEYS);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

/* Stops it as ^C does, wherever it is, until it has come to its end. */
START_TEST(an_export_that_is_stopped_goes_on)
{
    int stops = 0;
    serve_both();
    fill_all_keys();
    for (int status = 1; status != 0; stops++) {
        const char *const argv[] = {provider_program(), "export", "--server", server.url,
                                    "--binding",        "from",   file,       NULL};
        process_destroy(&command);
        process_start(&command, argv, program_environment(NULL), NULL);
        if (stops < 5) {
            (void)usleep((useconds_t)(20000 + 20000 * stops));
            process_signal(&command, stops % 2 == 0 ? SIGINT : SIGKILL);
        }
        status = process_await_exit(&command);
        ck_assert_msg(status == 0 || status == 1 || status == 128 + SIGINT || status == 128 + SIGKILL,
                      "exit %d: %s", status, command.err.bytes);
    }
    check_all_keys(file);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

START_TEST(of_a_process_that_is_gone_it_begins_anew)
{
    if (engine_is_jetstream())
        return;
    serve_both();
    fill_all_keys();
    check_runs("export", "from", file, "exported ");
    cut_behind_mark(file, 2, "");
    provider_stop(&from);
    process_destroy(&from);
    provider_serve(&from, server.url, "--binding", "from", NULL);
    look_at("from", ACTOR);
    set("the only one", "1", 0);
    check_runs("export", "from", file, "it begins anew");
    json_t *all = contents(file);
    ck_assert_uint_eq(json_object_size(all), 1);
    json_decref(all);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

/* The number behind --skip of an import that stopped. */
START_TEST(an_import_goes_on_where_it_says)
{
    char skip[32] = "";
    serve_both();
    fill();
    check_runs("export", "from", file, "exported ");
    char *text = read_all(file), *end = strstr(text, "{\"end\":");
    *end = '\0';
    write_all(again, text);
    FILE *out = fopen(again, "ae");
    ck_assert_int_ge(fputs("{\"key\":\"new\",\"kind\":\"tree\"}\n{\"end\":{\"keys\":1}}\n", out), 0);
    ck_assert_int_eq(fclose(out), 0);
    check_fails("import", "to", again, 64, "its kind must be scalar, counter, list or set");
    const char *says = strstr(command.err.bytes, "--skip ");
    ck_assert_msg(says != NULL && sscanf(says, "--skip %31[0-9]", skip) == 1, "%s", command.err.bytes);
    process_destroy(&command);
    int status = program_run(&command, NULL, NULL, "import", "--server", server.url, "--binding", "to",
                             "--skip", skip, file, NULL);
    ck_assert_msg(status == 0, "%s", command.err.bytes);
    (void)unlink(again);
    check_runs("export", "to", again, "exported 15 keys of 3 keyspaces");
    check_same(FILLED + 1);
    free(text);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

/* Killed or stopped wherever it is, among pieces of lists too: all is right once one has come to its end. */
START_TEST(an_import_that_is_stopped_is_done_again)
{
    int stops = 0;
    serve_both();
    fill();
    for (int i = 0; i < 20000; i += 2000)
        fill_keys(i, 2000);
    check_runs("export", "from", file, "exported ");
    for (int status = 1; status != 0; stops++) {
        const char *const argv[] = {provider_program(), "import", "--server", server.url,
                                    "--binding",        "to",     file,       NULL};
        process_destroy(&command);
        process_start(&command, argv, program_environment(NULL), NULL);
        if (stops < 6) {
            (void)usleep((useconds_t)(10000 + 10000 * stops));
            process_signal(&command, stops % 2 == 0 ? SIGTERM : SIGKILL);
        }
        status = process_await_exit(&command);
        ck_assert_msg(status == 0 || status == 1 || status == 128 + SIGTERM || status == 128 + SIGKILL,
                      "exit %d: %s", status, command.err.bytes);
    }
    check_runs("export", "to", again, "exported ");
    check_same(FILLED + 1 + 20000);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

START_TEST(what_is_no_export_is_refused)
{
    static const struct {
        const char *text;
        int status;
        const char *says;
    } rows[] = {
        {"", 64, "empty"},
        {"{\"key\":\"a\"}\n", 64, "no export"},
        {"text\n", 64, "line 1: it is no JSON"},
        {"{\"export\":\"wascc-keyvalue\",\"format\":2}\n", 64, "format"},
        {"{\"export\":\"wascc-keyvalue\",\"format\":1}\n", 1, "cut short"},
        {"{\"export\":\"wascc-keyvalue\",\"format\":1}\n{\"kex\":1}\n", 64,
         "line 2: it is none of an export's"},
        {"{\"export\":\"wascc-keyvalue\",\"format\":1}\n{\"key\":\"\",\"kind\":\"scalar\",\"value\":\"\"}\n",
         64, "line 2: it has no key"},
        {"{\"export\":\"wascc-keyvalue\",\"format\":1}\n{\"key\":\"a\",\"kind\":\"scalar\",\"value_base64\":"
         "\"!\"}\n",
         64, "line 2: it has no value"},
        {"{\"export\":\"wascc-keyvalue\",\"format\":1}\n{\"key\":\"a\",\"kind\":\"counter\",\"value\":\"1\"}"
         "\n",
         64, "line 2: a counter's value"},
    };
    provider_serve(&to, server.url, "--binding", "to", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_all(file, rows[i].text);
        check_fails("import", "to", file, rows[i].status, rows[i].says);
    }
    write_all(file, "something else\n");
    check_fails("export", "to", file, 64, "something else than an export");
    check_fails("import", "to", "/nonexistent", 64, "cannot open FILE");
    check_fails("export", "to", "/nonexistent/a", 64, "cannot open FILE");
    provider_stop(&to);
}
END_TEST

/* A backup of yesterday does not bring back what has expired since. */
START_TEST(what_has_expired_since_stays_away)
{
    provider_serve(&to, server.url, "--binding", "to", NULL);
    write_all(file, "{\"export\":\"wascc-keyvalue\",\"format\":1}\n"
                    "{\"key\":\"a\",\"kind\":\"scalar\",\"value\":\"1\",\"expires_at_ms\":1500000000000}\n"
                    "{\"end\":{\"keys\":1}}\n");
    check_runs("import", "to", file, "imported 0 keys and 0 bindings; 1 keys have expired since");
    provider_stop(&to);
}
END_TEST

/* ---- who may ---- */

static int run_signed(const char *what, const char *seed)
{
    process_destroy(&command);
    return program_run(&command, NULL, NULL, what, "--server", server.url, "--binding", "from", "--host-seed",
                       seed, file, NULL);
}

START_TEST(outside_of_auth_none_it_needs_a_trusted_host)
{
    static const char *const modes[] = {"claims", "invocation", "binding"};
    char seed[PATH_BYTES], other[PATH_BYTES];
    int fd = seed_file(&people.host, seed), other_fd = seed_file(&people.other_host, other);
    (void)fd, (void)other_fd;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        provider_serve(&from, server.url, "--binding", "from", "--auth", modes[i], "--trusted-issuer",
                       people.account.key, "--trusted-host", people.host.key, NULL);
        write_all(file,
                  "{\"export\":\"wascc-keyvalue\",\"format\":1}\n"
                  "{\"key\":\"a\",\"kind\":\"list\",\"values\":[\"1\",\"2\"]}\n{\"end\":{\"keys\":1}}\n");
        check_fails("import", "from", file, 1, "401");
        ck_assert_int_eq(run_signed("import", other), 1);
        ck_assert_msg(run_signed("import", seed) == 0, "%s: %s", modes[i], command.err.bytes);
        (void)unlink(file);
        check_fails("export", "from", file, 1, "401");
        ck_assert_msg(run_signed("export", seed) == 0, "%s: %s", modes[i], command.err.bytes);
        char *text = read_all(file);
        ck_assert_msg(strstr(text, "\"values\":[\"1\",\"2\"]") != NULL, "%s", text);
        free(text);
        provider_stop(&from);
        process_destroy(&from);
    }
    (void)close(fd);
    (void)close(other_fd);
}
END_TEST

START_TEST(only_system_names_a_keyspace)
{
    provider_serve(&from, server.url, "--binding", "from", NULL);
    fill();
    client_refused(&client, JSON, "Batch", 403, "only `system` names a keyspace", "{s:s, s:[]}", "keyspace",
                   "gone", "requests");
    client_refused(&sys, JSON, "Batch", 400, "no such keyspace", "{s:s, s:[]}", "keyspace", "none",
                   "requests");
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        json_t *reply = client_call(&sys, encoding, "Batch", "{s:s, s:[{s:{s:s}}]}", "keyspace", "gone",
                                    "requests", "get", "key", "orphan");
        const json_t *item = json_array_get(json_object_get(reply, "replies"), 0);
        ck_assert_str_eq(text_at(json_object_get(item, "get"), "value"), "o");
        json_decref(reply);
    }
    provider_stop(&from);
}
END_TEST

/* ---- people ---- */

START_TEST(a_terminal_is_shown_how_far_it_is)
{
    char script[512];
    const char *const argv[] = {"script", "-qec", script, "/dev/null", NULL};
    if (system("command -v script >/dev/null") != 0)
        return;
    serve_both();
    fill_all_keys();
    (void)snprintf(script, sizeof script, "exec '%s' export --server %s --binding from '%s'",
                   provider_program(), server.url, file);
    int status = process_run(&command, argv, program_environment(NULL), NULL);
    ck_assert_int_eq(status, 0);
    ck_assert_msg(strstr(command.out.bytes, "\rexporting [#") != NULL &&
                      strstr(command.out.bytes, "%, ") != NULL,
                  "%s", command.out.bytes);
    (void)snprintf(script, sizeof script, "exec '%s' import --server %s --binding to '%s'",
                   provider_program(), server.url, file);
    process_destroy(&command);
    ck_assert_int_eq(process_run(&command, argv, program_environment(NULL), NULL), 0);
    ck_assert_msg(strstr(command.out.bytes, "\rimporting [#") != NULL, "%s", command.out.bytes);
    provider_stop(&from);
    provider_stop(&to);
}
END_TEST

Suite *export_suite(void)
{
    Suite *suite = suite_create("integration/export");
    TCase *tests = tcase_create("export");
    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, everything_comes_back);
    tcase_add_test(tests, from_memory_into_jetstream);
    tcase_add_test(tests, instances_of_one_log_are_exported_as_one);
    tcase_add_test(tests, one_keyspace_can_be_exported);
    tcase_add_test(tests, all_keyspaces_are_listed);
    tcase_add_test(tests, an_export_that_was_cut_short_goes_on);
    tcase_add_test(tests, an_export_that_is_stopped_goes_on);
    tcase_add_test(tests, of_a_process_that_is_gone_it_begins_anew);
    tcase_add_test(tests, an_import_goes_on_where_it_says);
    tcase_add_test(tests, an_import_that_is_stopped_is_done_again);
    tcase_add_test(tests, what_is_no_export_is_refused);
    tcase_add_test(tests, what_has_expired_since_stays_away);
    tcase_add_test(tests, outside_of_auth_none_it_needs_a_trusted_host);
    tcase_add_test(tests, only_system_names_a_keyspace);
    tcase_add_test(tests, a_terminal_is_shown_how_far_it_is);
    suite_add_tcase(suite, tests);
    return suite;
}
