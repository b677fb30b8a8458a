#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "contenders.h"
#include "process.h"
#include "source_dir.h"

#define BENCH_SOURCES WKV_SOURCE_DIR "/tests/bench"

static int compile(const char *checkout, char *library, char log_path[BENCH_PATH_BYTES])
{
    char include[BENCH_PATH_BYTES + 8], source[BENCH_PATH_BYTES + 32];
    char *argv[] = {"cc",
                    "-O3",
                    "-shared",
                    "-fPIC",
                    include,
                    "-I" BENCH_SOURCES "/lib",
                    BENCH_SOURCES "/pogocache/adapter.c",
                    source,
                    "-o",
                    library,
                    "-lm",
                    "-lpthread",
                    NULL};
    struct bench_child compiler = {.name = "cc"};
    snprintf(include, sizeof include, "-I%s/src", checkout);
    snprintf(source, sizeof source, "%s/src/pogocache.c", checkout);
    snprintf(compiler.log_path, sizeof compiler.log_path, "%s", log_path);
    int code = bench_child_run(&compiler, argv[0], argv);
    if (code == 0)
        return 0;
    bench_complain("%s/src/pogocache.c does not compile: --pogocache wants a checkout of pogocache",
                   checkout);
    bench_child_show_log(&compiler);
    return -1;
}

static const struct bench_contender *load(const char *library)
{
    void *loaded = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const struct bench_contender *contender = loaded == NULL ? NULL : dlsym(loaded, "bench_pogocache");
    if (contender == NULL)
        bench_complain("what was made of pogocache does not load: %s", dlerror());
    return contender;
}

const struct bench_contender *bench_load_pogocache(const char *checkout)
{
    char library[BENCH_PATH_BYTES], log_path[BENCH_PATH_BYTES];
    snprintf(library, sizeof library, "/tmp/wkv-bench-store.%d.so", (int)getpid());
    snprintf(log_path, sizeof log_path, "/tmp/wkv-bench-store.%d.log", (int)getpid());
    const struct bench_contender *contender =
        compile(checkout, library, log_path) == 0 ? load(library) : NULL;
    (void)unlink(library);
    (void)unlink(log_path);
    return contender;
}
