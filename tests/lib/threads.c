/* Counts the threads that are started, by whatever library: a definition of pthread_create in front of
 * libc's. A sanitizer has its own there, which must stay. */
#include "lib/room.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#ifdef IS_SANITIZED

void test_threads_begin(void)
{
}

size_t test_threads_started(void)
{
    return 0;
}

#else

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* Shared with the processes that Check forks. */
static atomic_size_t *started;

void test_threads_begin(void)
{
    void *page = mmap(NULL, sizeof *started, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        perror("test: no page for a counter");
        exit(EXIT_FAILURE);
    }
    started = page;
}

size_t test_threads_started(void)
{
    return started == NULL ? 0 : atomic_load(started);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                   void *context)
{
    create_fn *create = NULL;
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&create, &found, sizeof create); /* ISO C knows no cast from an object's address to a function's */
    if (started != NULL)
        atomic_fetch_add(started, 1);
    return create(thread, attributes, routine, context);
}

#endif
