#include "http.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "process.h"

int http_connect(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    ck_assert_msg(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "port %d: %s", port,
                  strerror(errno));
    return fd;
}

static char *read_all(int fd, size_t *len)
{
    char *bytes = NULL;
    size_t room = 0;
    *len = 0;
    for (;;) {
        if (*len + 1 >= room) {
            room = room == 0 ? 65536 : room * 2;
            bytes = realloc(bytes, room);
            ck_assert_ptr_nonnull(bytes);
        }
        ssize_t got = recv(fd, bytes + *len, room - *len - 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        ck_assert_msg(got >= 0, "no answer over HTTP: %s", strerror(errno));
        if (got == 0)
            break;
        *len += (size_t)got;
    }
    bytes[*len] = '\0';
    return bytes;
}

struct http_reply http_send(int port, const char *request)
{
    struct http_reply reply = {.status = 0};
    size_t len;
    int fd = http_connect(port);
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    reply.headers = read_all(fd, &len);
    (void)close(fd);
    ck_assert_msg(sscanf(reply.headers, "HTTP/1.%*d %d", &reply.status) == 1, "no HTTP: %s", reply.headers);
    char *end = strstr(reply.headers, "\r\n\r\n");
    ck_assert_ptr_nonnull(end);
    reply.body = end + 4;
    reply.body_len = len - (size_t)(reply.body - reply.headers);
    end[2] = '\0';
    return reply;
}

struct http_reply http_get(int port, const char *path)
{
    char request[256];
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n", path, port);
    return http_send(port, request);
}

void http_free(struct http_reply *reply)
{
    free(reply->headers);
    *reply = (struct http_reply){.status = 0};
}

int http_status(int port, const char *path)
{
    struct http_reply reply = http_get(port, path);
    int status = reply.status;
    ck_assert_uint_gt(reply.body_len, 0);
    http_free(&reply);
    return status;
}

void http_await_status(int port, const char *path, int status)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    while (http_status(port, path) != status) {
        ck_assert_msg(now_ms() < deadline_ms, "%s does not become %d", path, status);
        nats_Sleep(5);
    }
}
