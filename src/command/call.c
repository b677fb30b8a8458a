/* wascc-keyvalue call: one request from a terminal. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/config.h"

static void print_help(void)
{
    (void)printf("usage: wascc-keyvalue call [OPTION]... OPERATION JSON\n\n"
                 "Sends one request, as `wascc-keyvalue call Set '{\"key\":\"a\",\"value\":\"1\"}'`, and "
                 "prints the reply as JSON.\n"
                 "JSON may be - for standard input.\n\nOperations:\n");
    for (size_t i = 0; i < wkv_operation_count; i++)
        (void)printf("  %-16s %s\n", wkv_operations[i].name, wkv_operations[i].doc);
    (void)printf("\nOptions:\n");
    wkv_config_print_options(WKV_COMMAND_CALL, stdout);
}

/* Prints the error of the reply, or of the way there, and returns the exit status. */
static int failed(const char *what, const char *text)
{
    (void)fprintf(stderr, "wascc-keyvalue: %s%s%s\n", what, *what == '\0' ? "" : ": ", text);
    return WKV_EXIT_FAILED;
}

static int print_reply(natsMsg *reply)
{
    const char *code = NULL;
    const char *text = "";
    if (natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code) == NATS_OK) {
        (void)natsMsgHeader_Get(reply, "Nats-Service-Error", &text);
        return failed(code, text);
    }
    (void)fwrite(natsMsg_GetData(reply), 1, (size_t)natsMsg_GetDataLength(reply), stdout);
    (void)fputc('\n', stdout);
    return fflush(stdout) == 0 ? WKV_EXIT_OK : failed("cannot print the reply", strerror(errno));
}

static int request(natsConnection *connection, const struct wkv_config *config, const char *subject,
                   const struct wkv_buffer *payload)
{
    natsMsg *reply = NULL;
    if ((int64_t)payload->len > natsConnection_GetMaxPayload(connection))
        return failed("", "the request is larger than the server's max_payload");
    natsStatus status = natsConnection_Request(&reply, connection, subject, payload->data, (int)payload->len,
                                               (int64_t)config->timeout_ms);
    int exit_status;
    if (status == NATS_OK)
        exit_status = print_reply(reply);
    else if (status == NATS_NO_RESPONDERS)
        exit_status =
            failed("no responders",
                   "no instance serves this binding, or there is no such operation (see call --help)");
    else
        exit_status = failed("no reply", natsStatus_GetText(status));
    natsMsg_Destroy(reply);
    return exit_status;
}

/* Takes the request from the argument, or from standard input where that is "-". */
static bool read_payload(const char *argument, struct wkv_buffer *payload)
{
    if (strcmp(argument, "-") != 0)
        return wkv_buffer_append(payload, argument, strlen(argument));
    char block[4096];
    size_t got;
    while ((got = fread(block, 1, sizeof block, stdin)) > 0)
        if (!wkv_buffer_append(payload, block, got))
            return false;
    return ferror(stdin) == 0;
}

static int refuse_payload(void)
{
    struct wkv_error error;
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "the request is a JSON object, such as {\"key\":\"a\"}");
    return wkv_usage_error(&error);
}

static int call(const struct wkv_config *config, const char *operation, const char *argument)
{
    char subject[WKV_SUBJECT_BYTES];
    struct wkv_error error;
    natsConnection *connection;
    if (wkv_subject_operation(&config->address, config->actor, operation, subject, &error) != WKV_OK)
        return wkv_usage_error(&error);
    struct wkv_buffer payload = {0};
    int status = WKV_EXIT_FAILED;
    if (!read_payload(argument, &payload))
        status = failed("", "cannot read the request");
    else if (wkv_detect_encoding(payload.data, payload.len) != WKV_JSON)
        status = refuse_payload();
    else if (wkv_connect(&config->connect, "wascc-keyvalue call", &connection, &error) != WKV_OK)
        status = error.code == WKV_BAD_REQUEST ? wkv_usage_error(&error) : failed("", error.text);
    else {
        status = request(connection, config, subject, &payload);
        natsConnection_Destroy(connection);
    }
    wkv_buffer_destroy(&payload);
    return status;
}

int wkv_command_call(int argc, char **argv)
{
    struct wkv_config config;
    struct wkv_error error;
    int rest;
    if (wkv_config_read(WKV_COMMAND_CALL, argc, argv, &config, &rest, &error) != WKV_OK)
        return wkv_usage_error(&error);
    if (config.help) {
        print_help();
        return WKV_EXIT_OK;
    }
    if (argc - rest != 2) {
        (void)wkv_fail(&error, WKV_BAD_REQUEST, "call takes an OPERATION and its JSON; see call --help");
        return wkv_usage_error(&error);
    }
    int status = call(&config, argv[rest], argv[rest + 1]);
    (void)nats_CloseAndWait(1000);
    return status;
}
