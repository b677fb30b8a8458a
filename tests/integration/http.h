/* One HTTP request to a server on 127.0.0.1, as a scraper or a probe makes it. Fails the test where no answer
 * comes. */
#ifndef INTEGRATION_HTTP_H
#define INTEGRATION_HTTP_H

#include <stddef.h>

struct http_reply {
    int status;
    char *headers; /* with the first line; a NUL behind them */
    char *body;    /* likewise */
    size_t body_len;
};

/* A connected socket, which the caller closes; it gives up on a read that takes longer than WAIT_MS. */
int http_connect(int port);

/* GET of the path. The caller frees the reply. */
struct http_reply http_get(int port, const char *path);

/* Sends these bytes, which ask to close, and reads the reply. */
struct http_reply http_send(int port, const char *request);
void http_free(struct http_reply *reply);

/* The status of a GET of the path, which has a body in any case; and asking until it is this one, at most
 * WAIT_MS. */
int http_status(int port, const char *path);
void http_await_status(int port, const char *path, int status);

#endif
