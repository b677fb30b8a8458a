#include "redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIMEOUT_NS ((int64_t)20 * 1000000000)
#define CLIENTS "64"

/* Runs a program of Redis' to its end. Its output stays in the child's log. */
static int run(struct bench_redis *redis, struct bench_child *child, char *argv[])
{
    child->name = argv[0];
    bench_stage_name_log(redis->stage, child);
    return bench_child_run(child, argv[0], argv);
}

static int await_server(struct bench_redis *redis)
{
    char *argv[] = {"redis-cli", "-p", redis->port, "ping", NULL};
    struct bench_child cli = {0};
    int64_t deadline = bench_now_ns() + START_TIMEOUT_NS;
    int code;
    while ((code = run(redis, &cli, argv)) > 0) {
        if (!bench_child_alive(&redis->server))
            return -1;
        if (bench_stage_interrupted() || bench_now_ns() > deadline) {
            bench_complain("redis-server does not answer on port %s", redis->port);
            bench_child_show_log(&redis->server);
            return -1;
        }
        bench_stage_pause();
    }
    return code;
}

/* Sets the keys as redis-benchmark names them, key:000000001234. */
int bench_redis_load(struct bench_redis *redis)
{
    char keys[24], value_bytes[24];
    char *argv[] = {"redis-cli",
                    "-p",
                    redis->port,
                    "eval",
                    "local value = string.rep('x', ARGV[2]) for i = 0, ARGV[1] - 1 do "
                    "redis.call('set', string.format('key:%012d', i), value) end",
                    "0",
                    keys,
                    value_bytes,
                    NULL};
    struct bench_child cli = {0};
    snprintf(keys, sizeof keys, "%" PRIu64, redis->keys);
    snprintf(value_bytes, sizeof value_bytes, "%zu", redis->value_bytes);
    if (run(redis, &cli, argv) == 0)
        return 0;
    bench_complain("redis-server does not take %s keys", keys);
    bench_child_show_log(&cli);
    return -1;
}

int bench_redis_start(struct bench_redis *redis)
{
    char *argv[] = {"redis-server", "--bind", "127.0.0.1", "--port", redis->port,
                    "--save",       "",       "--dir",     "/",      NULL};
    redis->server.name = "redis-server";
    bench_stage_name_log(redis->stage, &redis->server);
    uint16_t port;
    if (!bench_find_port(&port))
        return -1;
    snprintf(redis->port, sizeof redis->port, "%u", (unsigned)port);
    if (bench_child_start(&redis->server, argv[0], argv) != 0) {
        bench_complain("this needs redis-server, redis-cli and redis-benchmark on PATH: on Debian, apt-get "
                       "install redis-server redis-tools");
        return -1;
    }
    return await_server(redis) == 0 ? bench_redis_load(redis) : -1;
}

int bench_redis_count(struct bench_redis *redis, uint64_t *bytes)
{
    char *argv[] = {"redis-cli", "-p", redis->port, "info", "memory", NULL};
    struct bench_child cli = {0};
    char line[512];
    *bytes = 0;
    FILE *log = run(redis, &cli, argv) == 0 ? fopen(cli.log_path, "re") : NULL;
    while (log != NULL && fgets(line, sizeof line, log) != NULL &&
           sscanf(line, "used_memory:%" SCNu64, bytes) != 1)
        continue;
    if (log != NULL)
        fclose(log);
    if (*bytes > 0)
        return 0;
    bench_complain("redis-cli does not say how much memory is used");
    bench_child_show_log(&cli);
    return -1;
}

/* The rate in the last line that it printed: "SET","368188.50",… */
static double read_rate(const struct bench_child *child)
{
    char line[512];
    double rate = 0;
    FILE *log = fopen(child->log_path, "re");
    while (log != NULL && fgets(line, sizeof line, log) != NULL) {
        const char *second = strstr(line, "\",\"");
        rate = second == NULL ? 0 : strtod(second + 3, NULL);
    }
    if (log != NULL)
        fclose(log);
    return rate;
}

int bench_redis_measure(struct bench_redis *redis, const char *operation, unsigned pipeline, uint64_t count,
                        struct bench_result *result)
{
    char name[8], length[16], requests[24], keys[24], value_bytes[24];
    char *argv[] = {"redis-benchmark",
                    "-p",
                    redis->port,
                    "-c",
                    CLIENTS,
                    "-P",
                    length,
                    "-n",
                    requests,
                    "-r",
                    keys,
                    "-d",
                    value_bytes,
                    "-t",
                    name,
                    "--csv",
                    NULL};
    struct bench_child benchmark = {0};
    snprintf(name, sizeof name, "%s", operation);
    snprintf(length, sizeof length, "%u", pipeline);
    snprintf(requests, sizeof requests, "%" PRIu64, count);
    snprintf(keys, sizeof keys, "%" PRIu64, redis->keys);
    snprintf(value_bytes, sizeof value_bytes, "%zu", redis->value_bytes);
    int64_t before_ns = bench_child_cpu_ns(&redis->server);
    int code = run(redis, &benchmark, argv);
    double rate = code == 0 ? read_rate(&benchmark) : 0;
    if (rate <= 0) {
        bench_complain("redis-benchmark measured nothing");
        bench_child_show_log(&benchmark);
        return -1;
    }
    *result = (struct bench_result){.replies = count,
                                    .elapsed_ns = (int64_t)((double)count / rate * 1e9),
                                    .responder_cpu_ns = bench_child_cpu_ns(&redis->server) - before_ns};
    return 0;
}
