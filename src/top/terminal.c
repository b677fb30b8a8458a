#include "top/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ENTER "\x1b[?1049h\x1b[?25l\x1b[2J"
#define LEAVE "\x1b[?25h\x1b[?1049l"

/* What goes out at once: a pipe that has room at all has room for that. */
#define WRITE_BYTES ((size_t)512)
/* Between two looks at the signals while there is none. */
#define LOOK_MS 50

static bool is_told_to_quit(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t waiting;
    if (sigpending(&waiting) != 0)
        return false;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigismember(&waiting, numbers[i]) == 1)
            return true;
    return false;
}

/* The signals that end the program are blocked, so a write that waits would wait through all of them. */
bool wkv_top_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (poll(&room, 1, LOOK_MS) == 0) {
            errno = EINTR;
            if (is_told_to_quit())
                return false;
            continue;
        }
        ssize_t written = write(fd, bytes, len < WRITE_BYTES ? len : WRITE_BYTES);
        if (written < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (written < 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

bool wkv_top_terminal_usable(int fd, const char *term)
{
    return isatty(fd) == 1 && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

void wkv_top_terminal_enter(struct wkv_top_terminal *screen)
{
    screen->shown = true;
    screen->keys = screen->in >= 0 && tcgetattr(screen->in, &screen->saved) == 0;
    if (screen->keys) {
        struct termios raw = screen->saved;
        /* Ctrl-C and Ctrl-Z stay signals. Ctrl-S would hold up the next write, and with it every signal. */
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_iflag &= ~(tcflag_t)IXON;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        (void)tcsetattr(screen->in, TCSANOW, &raw);
    }
    (void)wkv_top_write(screen->out, ENTER, sizeof ENTER - 1);
}

void wkv_top_terminal_leave(struct wkv_top_terminal *screen)
{
    if (!screen->shown)
        return;
    screen->shown = false;
    (void)wkv_top_write(screen->out, LEAVE, sizeof LEAVE - 1);
    if (screen->keys)
        (void)tcsetattr(screen->in, TCSANOW, &screen->saved);
}

void wkv_top_terminal_size(const struct wkv_top_terminal *screen, unsigned *columns, unsigned *rows)
{
    struct winsize size = {0};
    (void)ioctl(screen->out, TIOCGWINSZ, &size);
    *columns = size.ws_col == 0 ? 80 : size.ws_col;
    *rows = size.ws_row == 0 ? 24 : size.ws_row;
}

size_t wkv_top_terminal_keys(struct wkv_top_terminal *screen, char keys[WKV_TOP_KEYS])
{
    ssize_t got = read(screen->in, keys, WKV_TOP_KEYS);
    if (got > 0)
        return (size_t)got;
    /* Nobody is there; asking again would give the same at once, for ever. */
    if (got == 0 || errno != EINTR)
        screen->in = -1;
    return 0;
}
