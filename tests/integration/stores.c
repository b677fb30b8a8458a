#include "stores.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

static char root[STORE_PATH_BYTES / 2];
static pid_t owner;

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

/* Check runs each test in a process of its own, which inherits this and leaves the folder to its owner. */
static void remove_all(void)
{
    if (getpid() == owner)
        (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_root(void)
{
    if (owner != 0)
        return;
    (void)snprintf(root, sizeof root, "/tmp/wkv-streams.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    owner = getpid();
    ck_assert_int_eq(atexit(remove_all), 0);
}

void store_path(int port, char path[STORE_PATH_BYTES])
{
    make_root();
    (void)snprintf(path, STORE_PATH_BYTES, "%s/%d", root, port);
}

static void copy(const char *from, const char *to)
{
    struct process cp;
    const char *remove[] = {"rm", "-rf", to, NULL}, *argv[] = {"cp", "-a", from, to, NULL};
    ck_assert_int_eq(process_run(&cp, remove, NULL, NULL), 0);
    process_destroy(&cp);
    ck_assert_int_eq(process_run(&cp, argv, NULL, NULL), 0);
    process_destroy(&cp);
}

void store_save(int port)
{
    char path[STORE_PATH_BYTES], saved[STORE_PATH_BYTES + 8];
    store_path(port, path);
    (void)snprintf(saved, sizeof saved, "%s.saved", path);
    copy(path, saved);
}

void store_restore(int port)
{
    char path[STORE_PATH_BYTES], saved[STORE_PATH_BYTES + 8];
    store_path(port, path);
    (void)snprintf(saved, sizeof saved, "%s.saved", path);
    copy(saved, path);
}

void store_config(int port, char config[STORE_CONFIG_BYTES])
{
    char path[STORE_PATH_BYTES];
    store_path(port, path);
    (void)snprintf(config, STORE_CONFIG_BYTES,
                   "jetstream { store_dir: \"%s\", max_memory_store: 64MB, max_file_store: 64GB }\n", path);
}

bool engine_is_jetstream(void)
{
    const char *engine = getenv("WKV_TEST_ENGINE");
    return engine != NULL && strcmp(engine, "jetstream") == 0;
}
