#include "servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_NS ((int64_t)20 * 1000000000)
#define POLL_NS 10000000

/* ---- waiting ---- */

/* Finds the port in `{"nats":["nats://127.0.0.1:4222"],…}`. Returns 0 where it is not (wholly) there yet. */
static uint16_t read_port(const char *path)
{
    static const char before[] = "nats://127.0.0.1:";
    char text[1024];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    char *at = strstr(text, before);
    if (at == NULL)
        return 0;
    char *end;
    unsigned long port = strtoul(at + strlen(before), &end, 10);
    return *end == '"' && port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Whether it says on which port it takes clients, which it does in a file once it does. */
static bool says_its_port(const struct bench_servers *servers, struct bench_server *server)
{
    char path[BENCH_PATH_BYTES];
    snprintf(path, sizeof path, "%s/nats-server_%d.ports", servers->folder, (int)server->child.pid);
    server->port = read_port(path);
    return server->port != 0;
}

static int await(struct bench_servers *servers, struct bench_server *server, bool (*interrupted)(void))
{
    struct timespec pause = {.tv_nsec = POLL_NS};
    int64_t deadline = bench_now_ns() + START_TIMEOUT_NS;
    while (!says_its_port(servers, server)) {
        if (!bench_child_alive(&server->child))
            return -1;
        if (interrupted() || bench_now_ns() > deadline) {
            bench_complain("nats-server did not say its port in %s", servers->folder);
            return -1;
        }
        nanosleep(&pause, NULL);
    }
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%u", (unsigned)server->port);
    return 0;
}

/* ---- configuration ---- */

static void name_file(const struct bench_servers *servers, const struct bench_server *server, const char *end,
                      char path[BENCH_PATH_BYTES])
{
    snprintf(path, BENCH_PATH_BYTES, "%s/%s%s", servers->folder, server->name, end);
}

static void write_routes(const struct bench_servers *servers, FILE *file)
{
    for (unsigned i = 0; i < servers->plan.count; i++)
        fprintf(file, "%s\"nats://127.0.0.1:%u\"", i > 0 ? ", " : "", (unsigned)servers->each[i].route_port);
}

/* A port of 0 is any that is free: what it came to be is kept when the server is started again. */
static int write_configuration(const struct bench_servers *servers, const struct bench_server *server,
                               const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        bench_complain("cannot write %s: %s", path, strerror(errno));
        return -1;
    }
    fprintf(file, "server_name: \"%s\"\nlisten: \"127.0.0.1:%d\"\nports_file_dir: \"%s\"\n", server->name,
            server->port == 0 ? -1 : (int)server->port, servers->folder);
    if (servers->plan.jetstream)
        fprintf(file, "jetstream {\n  store_dir: \"%s/%s\"\n%s}\n", servers->folder, server->name,
                servers->plan.sync_always ? "  sync_interval: always\n" : "");
    if (servers->plan.count > 1) {
        fprintf(file, "cluster {\n  name: bench\n  listen: \"127.0.0.1:%u\"\n  routes: [",
                (unsigned)server->route_port);
        write_routes(servers, file);
        fputs("]\n}\n", file);
    }
    bool written = ferror(file) == 0;
    return fclose(file) == 0 && written ? 0 : -1;
}

/* ---- starting ---- */

static int start(struct bench_servers *servers, struct bench_server *server)
{
    char path[BENCH_PATH_BYTES];
    const char *program = servers->plan.program == NULL ? "nats-server" : servers->plan.program;
    char *argv[] = {"nats-server", "-c", path, NULL};
    name_file(servers, server, ".conf", path);
    server->child.name = "nats-server";
    name_file(servers, server, ".log", server->child.log_path);
    return write_configuration(servers, server, path) == 0 ? bench_child_start(&server->child, program, argv)
                                                           : -1;
}

/* What an older server says of an option that it does not know is not for everyone to read. */
static int try_sync_always(struct bench_servers *servers)
{
    struct bench_server *server = &servers->each[0];
    struct bench_child test = {.name = "nats-server"};
    char path[BENCH_PATH_BYTES];
    const char *program = servers->plan.program == NULL ? "nats-server" : servers->plan.program;
    char *argv[] = {"nats-server", "-t", "-c", path, NULL};
    name_file(servers, server, ".conf", path);
    name_file(servers, server, ".test.log", test.log_path);
    if (write_configuration(servers, server, path) != 0)
        return -1;
    int code = bench_child_run(&test, program, argv);
    if (code == 0)
        return 0;
    bench_child_show_log(&test);
    bench_complain("this nats-server is not content with `sync_interval: always`, which 2.10 and newer know: "
                   "name such a "
                   "one with --nats-server, or leave --sync-always out");
    return -1;
}

int bench_servers_start(struct bench_servers *servers, const struct bench_servers_plan *plan,
                        const char *folder, bool (*interrupted)(void))
{
    *servers = (struct bench_servers){.plan = *plan, .folder = folder};
    for (unsigned i = 0; i < plan->count; i++) {
        snprintf(servers->each[i].name, sizeof servers->each[i].name, "nats%u", i + 1);
        if (plan->count > 1 && !bench_find_port(&servers->each[i].route_port))
            return -1;
    }
    if (plan->sync_always && try_sync_always(servers) != 0)
        return -1;
    for (unsigned i = 0; i < plan->count; i++) {
        struct bench_server *server = &servers->each[i];
        if (start(servers, server) != 0 || await(servers, server, interrupted) != 0)
            return -1;
        snprintf(servers->urls + strlen(servers->urls), BENCH_URL_BYTES + 1, "%s%s", i > 0 ? "," : "",
                 server->url);
    }
    return 0;
}

int bench_servers_restart(struct bench_servers *servers, unsigned number)
{
    return start(servers, &servers->each[number]);
}

void bench_servers_explain(struct bench_servers *servers)
{
    for (unsigned i = 0; i < servers->plan.count; i++)
        if (servers->each[i].child.pid > 0 && bench_child_alive(&servers->each[i].child))
            bench_child_show_log(&servers->each[i].child);
}

void bench_servers_stop(struct bench_servers *servers)
{
    for (unsigned i = 0; i < servers->plan.count; i++)
        bench_child_stop(&servers->each[i].child);
}
