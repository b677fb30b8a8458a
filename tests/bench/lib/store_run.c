#include "store_run.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process.h"
#include "random.h"

/* A thread in a phase. */
struct worker {
    const struct bench_contender *contender;
    const struct bench_store_plan *plan;
    void *store;
    pthread_barrier_t *begin;
    enum bench_phase phase;
    unsigned number;
    uint64_t random;
    int64_t begin_ns, end_ns;
    bool failed;
};

/* ---- keys and values ---- */

/* key:000000001234, as redis-benchmark names them, without printf's price. */
static void name_key(char key[BENCH_KEY_BYTES], const char *prefix, uint64_t number)
{
    memcpy(key, prefix, 4);
    for (size_t i = BENCH_KEY_BYTES; i-- > 4; number /= 10)
        key[i] = (char)('0' + number % 10);
}

/* Begins with its key, so that a Get's answer can be checked. */
static void make_value(char *value, const char *key)
{
    memcpy(value, key, BENCH_KEY_BYTES);
}

static bool is_value_of(const struct worker *worker, const char *key, const char *value, size_t len)
{
    return len == worker->plan->value_bytes && memcmp(value, key, BENCH_KEY_BYTES) == 0;
}

static uint64_t random_key(struct worker *worker, uint64_t keys)
{
    return bench_random(&worker->random) % keys;
}

static uint64_t counters(const struct bench_store_plan *plan)
{
    return plan->keys / 4 + 1;
}

/* ---- the phases: each does a thread's part, and returns whether all went well ---- */

static uint64_t first_of(const struct worker *worker, uint64_t all)
{
    return all * worker->number / worker->plan->threads;
}

static uint64_t after_last_of(const struct worker *worker, uint64_t all)
{
    return all * (worker->number + 1) / worker->plan->threads;
}

static uint64_t share_of(const struct worker *worker, uint64_t all)
{
    return after_last_of(worker, all) - first_of(worker, all);
}

static bool load(struct worker *worker)
{
    char key[BENCH_KEY_BYTES], value[BENCH_MAX_STORED_BYTES];
    uint64_t last = after_last_of(worker, worker->plan->keys);
    bool good = true;
    memset(value, 'v', sizeof value);
    for (uint64_t i = first_of(worker, worker->plan->keys); good && i < last; i++) {
        name_key(key, "key:", i);
        make_value(value, key);
        good = worker->contender->set(worker->store, key, value, worker->plan->value_bytes);
    }
    return good;
}

static bool get(struct worker *worker)
{
    char key[BENCH_KEY_BYTES], value[BENCH_MAX_STORED_BYTES];
    bool good = true;
    for (uint64_t i = share_of(worker, worker->plan->operations); good && i > 0; i--) {
        name_key(key, "key:", random_key(worker, worker->plan->keys));
        good = is_value_of(worker, key, value, worker->contender->get(worker->store, key, value));
    }
    return good;
}

static bool get_many(struct worker *worker)
{
    char keys[BENCH_MANY_KEYS][BENCH_KEY_BYTES], value[BENCH_MAX_STORED_BYTES];
    bool good = true;
    for (uint64_t i = share_of(worker, worker->plan->operations) / BENCH_MANY_KEYS; good && i > 0; i--) {
        for (size_t j = 0; j < BENCH_MANY_KEYS; j++)
            name_key(keys[j], "key:", random_key(worker, worker->plan->keys));
        size_t len = worker->contender->get_many(worker->store, (const char(*)[BENCH_KEY_BYTES])keys, value);
        good = is_value_of(worker, keys[BENCH_MANY_KEYS - 1], value, len);
    }
    return good;
}

static bool overwrite(struct worker *worker)
{
    char key[BENCH_KEY_BYTES], value[BENCH_MAX_STORED_BYTES];
    bool good = true;
    memset(value, 'w', sizeof value);
    for (uint64_t i = share_of(worker, worker->plan->operations); good && i > 0; i--) {
        name_key(key, "key:", random_key(worker, worker->plan->keys));
        make_value(value, key);
        good = worker->contender->set(worker->store, key, value, worker->plan->value_bytes);
    }
    return good;
}

static bool count_first(struct worker *worker)
{
    char key[BENCH_KEY_BYTES];
    uint64_t last = after_last_of(worker, counters(worker->plan));
    bool good = true;
    for (uint64_t i = first_of(worker, counters(worker->plan)); good && i < last; i++) {
        name_key(key, "cnt:", i);
        good = worker->contender->add(worker->store, key, 1) == 1;
    }
    return good;
}

static bool count(struct worker *worker)
{
    char key[BENCH_KEY_BYTES];
    bool good = true;
    for (uint64_t i = share_of(worker, worker->plan->operations); good && i > 0; i--) {
        name_key(key, "cnt:", random_key(worker, counters(worker->plan)));
        good = worker->contender->add(worker->store, key, 1) > 1;
    }
    return good;
}

static bool (*const phases[BENCH_PHASES])(struct worker *worker) = {
    [BENCH_PHASE_LOAD] = load,
    [BENCH_PHASE_GET] = get,
    [BENCH_PHASE_GET_MANY] = get_many,
    [BENCH_PHASE_OVERWRITE] = overwrite,
    [BENCH_PHASE_COUNT_FIRST] = count_first,
    [BENCH_PHASE_COUNT] = count,
};

/* ---- threads ---- */

static int64_t thread_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    bool own = worker->plan->processor_time;
    (void)pthread_barrier_wait(worker->begin);
    worker->begin_ns = own ? thread_ns() : bench_now_ns();
    worker->failed = !phases[worker->phase](worker);
    worker->end_ns = own ? thread_ns() : bench_now_ns();
    return NULL;
}

/* What the phase took: from the first thread's begin to the last one's end, or the most of one's own. */
static int64_t elapsed_ns(const struct worker *workers, const struct bench_store_plan *plan)
{
    int64_t first_ns = INT64_MAX, last_ns = INT64_MIN, most_ns = 0;
    for (unsigned i = 0; i < plan->threads; i++) {
        int64_t own_ns = workers[i].end_ns - workers[i].begin_ns;
        first_ns = workers[i].begin_ns < first_ns ? workers[i].begin_ns : first_ns;
        last_ns = workers[i].end_ns > last_ns ? workers[i].end_ns : last_ns;
        most_ns = own_ns > most_ns ? own_ns : most_ns;
    }
    return plan->processor_time ? most_ns : last_ns - first_ns;
}

/* Has each thread do its part as `worker` says. Returns the nanoseconds, at least 1, or 0 where one failed.
 */
static int64_t run_phase(const struct worker *worker)
{
    struct worker workers[BENCH_MAX_THREADS];
    pthread_t threads[BENCH_MAX_THREADS];
    pthread_barrier_t begin;
    unsigned count = worker->plan->threads;
    bool failed = false;
    (void)pthread_barrier_init(&begin, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        workers[i] = *worker;
        workers[i].number = i;
        workers[i].begin = &begin;
        workers[i].random = (uint64_t)worker->phase * BENCH_MAX_THREADS + i;
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            _exit(EXIT_FAILURE); /* the others wait for it */
    }
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
        failed |= workers[i].failed;
    }
    (void)pthread_barrier_destroy(&begin);
    int64_t ns = elapsed_ns(workers, worker->plan);
    return failed ? 0 : ns > 0 ? ns : 1;
}

/* ---- memory ---- */

uint64_t bench_resident_bytes(int pid)
{
    char path[40], line[160];
    unsigned long long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           sscanf(line, "Anonymous: %llu", &kb) != 1)
        continue;
    if (file != NULL)
        fclose(file);
    return kb * 1024;
}

static void weigh(const struct worker *worker, uint64_t before, struct bench_store_figures *figures)
{
    double keys = (double)worker->plan->keys;
    if (worker->contender->settle != NULL)
        worker->contender->settle(worker->store);
    uint64_t resident = bench_resident_bytes(getpid());
    figures->counted = (double)worker->contender->count(worker->store) / keys;
    figures->resident = resident > before ? (double)(resident - before) / keys : 0;
}

/* ---- the child ---- */

/* That all threads do together. */
static uint64_t operations_of(const struct bench_store_plan *plan, enum bench_phase phase)
{
    uint64_t operations = plan->operations;
    if (phase == BENCH_PHASE_LOAD)
        operations = plan->keys;
    else if (phase == BENCH_PHASE_COUNT_FIRST)
        operations = counters(plan);
    return operations;
}

static bool run_phases(struct worker *worker, struct bench_store_figures *figures)
{
    uint64_t before = bench_resident_bytes(getpid());
    worker->store = worker->contender->open();
    for (unsigned i = 0; worker->store != NULL && i < BENCH_PHASES; i++) {
        worker->phase = (enum bench_phase)i;
        if (i == BENCH_PHASE_GET_MANY && worker->contender->get_many == NULL)
            continue;
        int64_t ns = run_phase(worker);
        if (ns == 0)
            return false;
        figures->rates[i] = 1e9 * (double)operations_of(worker->plan, worker->phase) / (double)ns;
        if (i == BENCH_PHASE_LOAD)
            weigh(worker, before, figures);
    }
    return worker->store != NULL;
}

/* What it leaves ends with the process. */
static _Noreturn void be_child(struct worker *worker, int to_parent)
{
    struct bench_store_figures figures = {{0}, 0, 0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool good =
        run_phases(worker, &figures) && write(to_parent, &figures, sizeof figures) == (ssize_t)sizeof figures;
    _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
}

static pid_t start_child(struct worker *worker, int ends[2])
{
    if (pipe(ends) != 0)
        return -1;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        be_child(worker, ends[1]);
    (void)close(ends[1]);
    if (pid < 0)
        (void)close(ends[0]);
    return pid;
}

int bench_store_run(const struct bench_contender *contender, const struct bench_store_plan *plan,
                    struct bench_store_figures *figures)
{
    struct worker worker = {.contender = contender, .plan = plan};
    int ends[2], status = -1;
    pid_t pid = start_child(&worker, ends);
    bool good = false;
    if (pid > 0) {
        good = read(ends[0], figures, sizeof *figures) == (ssize_t)sizeof *figures;
        (void)close(ends[0]);
        good &= waitpid(pid, &status, 0) == pid && status == 0;
    }
    if (!good)
        bench_complain("%s: a call failed or gave a wrong answer, or there is no memory (status %d)",
                       contender->name, status);
    return good ? 0 : -1;
}
