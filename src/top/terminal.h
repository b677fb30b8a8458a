/* The terminal of `top`: the alternate screen, the cursor, single keys. All that is changed is given back. */
#ifndef WKV_TOP_TERMINAL_H
#define WKV_TOP_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct wkv_top_terminal {
    int out;    /* the terminal */
    int in;     /* where keys come from; -1: nowhere (any more) */
    bool shown; /* the alternate screen is on, and `saved` holds */
    bool keys;  /* `in` was a terminal when the screen was entered */
    struct termios saved;
};

/* Whether the descriptor is a terminal that knows the escapes of a screen; `term` is the variable TERM, or
 * NULL. Unset, empty or "dumb" says that it knows none. */
bool wkv_top_terminal_usable(int fd, const char *term);

/* Switches to the alternate screen without a cursor, and to keys that come at once and are not echoed. */
void wkv_top_terminal_enter(struct wkv_top_terminal *screen);

/* Gives everything back as it was. May be called twice. */
void wkv_top_terminal_leave(struct wkv_top_terminal *screen);

/* The size in characters; 80 by 24 where the terminal does not know. */
void wkv_top_terminal_size(const struct wkv_top_terminal *screen, unsigned *columns, unsigned *rows);

/* Reads keys that are there, at most so many, and returns how many. */
#define WKV_TOP_KEYS 64
size_t wkv_top_terminal_keys(struct wkv_top_terminal *screen, char keys[WKV_TOP_KEYS]);

/* Writes all bytes. Errors: false, errno says why; EINTR: their reader does not read, and a signal that
 * ends the program waits to be taken. */
bool wkv_top_write(int fd, const char *bytes, size_t len);

#endif
