#include "command/progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/clock.h"

#define BAR 30
#define REDRAW_NS (100 * WKV_NS_PER_MS)

void wkv_progress_begin(struct wkv_progress *progress, const char *verb)
{
    *progress = (struct wkv_progress){
        .verb = verb, .is_shown = isatty(STDERR_FILENO) == 1, .began_ns = wkv_monotonic_ns()};
}

void wkv_progress_show(struct wkv_progress *progress, uint64_t done, uint64_t total, uint64_t keys)
{
    char bar[BAR + 1], left[40] = "";
    int64_t now_ns = wkv_monotonic_ns();
    if (!progress->is_shown || now_ns - progress->shown_ns < REDRAW_NS)
        return;
    progress->shown_ns = now_ns;
    double share = total == 0 ? 0 : done >= total ? 1 : (double)done / (double)total;
    int full = (int)(share * BAR);
    memset(bar, '#', (size_t)full);
    memset(bar + full, '.', (size_t)(BAR - full));
    bar[BAR] = '\0';
    double passed_s = (double)(now_ns - progress->began_ns) / WKV_NS_PER_S;
    if (share > 0.01)
        (void)snprintf(left, sizeof left, ", %.0f s to go", passed_s / share - passed_s);
    (void)fprintf(stderr, "\r%s [%s] %3.0f%%, %" PRIu64 " keys%s\033[K", progress->verb, bar, share * 100,
                  keys, left);
    (void)fflush(stderr);
}

void wkv_progress_end(struct wkv_progress *progress)
{
    if (progress->is_shown && progress->shown_ns != 0)
        (void)fprintf(stderr, "\r\033[K");
    progress->is_shown = false;
}

static void stop_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

void wkv_listen_for_stop(void)
{
    sigset_t set;
    stop_signals(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool wkv_is_told_to_stop(void)
{
    sigset_t set;
    struct timespec none = {0, 0};
    stop_signals(&set);
    return sigtimedwait(&set, NULL, &none) > 0;
}
