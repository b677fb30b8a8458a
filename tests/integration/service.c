#include "service.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *service_ask(struct client *client, const char *verb, const char *id)
{
    char subject[256];
    natsMsg *message = NULL;
    (void)snprintf(subject, sizeof subject, "$SRV.%s%s%s", verb, id == NULL ? "" : ".wascc-keyvalue.",
                   id == NULL ? "" : id);
    natsStatus status = natsConnection_Request(&message, client->connection, subject, "", 0, WAIT_MS);
    ck_assert_msg(status == NATS_OK, "%s: %s", subject, natsStatus_GetText(status));
    check_no_headers(message);
    json_t *answer = json_of(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    return answer;
}

json_t *service_stats(struct client *client)
{
    return service_ask(client, "STATS.wascc-keyvalue", NULL);
}

json_t *service_await(struct client *client, const char *path, long long value)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        json_t *stats = service_stats(client);
        long long number = number_at(stats, path);
        if (number == value)
            return stats;
        json_decref(stats);
        ck_assert_msg(now_ms() < deadline_ms, "%s is %lld and does not become %lld", path, number, value);
        nats_Sleep(10);
    }
}

json_t *endpoint_of(const json_t *document, const char *name)
{
    json_t *found = NULL, *endpoint;
    size_t i;
    json_array_foreach(json_object_get(document, "endpoints"), i, endpoint)
    {
        if (strcmp(text_at(endpoint, "name"), name) != 0)
            continue;
        ck_assert_msg(found == NULL, "two endpoints are called %s", name);
        found = endpoint;
    }
    ck_assert_msg(found != NULL, "no endpoint is called %s", name);
    return found;
}

json_t *member_at(const json_t *document, const char *path)
{
    char name[64];
    json_t *value = (json_t *)(uintptr_t)document;
    for (const char *rest = path; *rest != '\0'; rest += strspn(rest, ".")) {
        size_t len = strcspn(rest, ".");
        (void)snprintf(name, sizeof name, "%.*s", (int)len, rest);
        value = json_object_get(value, name);
        ck_assert_msg(value != NULL, "%s: there is no %s", path, name);
        rest += len;
    }
    return value;
}

long long number_at(const json_t *document, const char *path)
{
    const json_t *value = member_at(document, path);
    ck_assert_msg(json_is_integer(value), "%s is no integer", path);
    return json_integer_value(value);
}

const char *text_at(const json_t *document, const char *path)
{
    const json_t *value = member_at(document, path);
    ck_assert_msg(json_is_string(value), "%s is no string", path);
    return json_string_value(value);
}

long long endpoint_number(const json_t *document, const char *name, const char *path)
{
    return number_at(endpoint_of(document, name), path);
}

static bool is_of_type(const json_t *value, char type)
{
    switch (type) {
    case 's':
        return json_is_string(value);
    case 'i':
        return json_is_integer(value);
    case 'r':
        return json_is_real(value);
    case 'b':
        return json_is_boolean(value);
    case 'a':
        return json_is_array(value);
    case 'o':
        return json_is_object(value);
    default:
        ck_abort_msg("no type: %c", type);
        return false;
    }
}

void check_shape(const json_t *object, const char *shape)
{
    size_t count = 0;
    char *said = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);
    ck_assert_msg(json_is_object(object), "no object: %.1000s", said);
    for (const char *one = shape; *one != '\0'; count++) {
        char name[64], type;
        int used = 0;
        ck_assert_int_eq(sscanf(one, " %63[^:]:%c %n", name, &type, &used), 2);
        const json_t *value = json_object_get(object, name);
        ck_assert_msg(value != NULL && is_of_type(value, type), "%s is not there, or no '%c': %.1000s", name,
                      type, said);
        one += used;
    }
    ck_assert_msg(json_object_size(object) == count, "more members than \"%s\": %.1000s", shape, said);
    free(said);
}

/* 2026-01-31T12:00:00.123456789Z, with as many digits behind the point as one likes, or no point. */
void check_time(const char *text)
{
    int year, month, day, hour, minute, second, used = 0, fraction = 0;
    int fields =
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used);
    ck_assert_msg(fields == 6 && used == 19, "no time of RFC 3339: %s", text);
    ck_assert_msg(year >= 2020 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23 &&
                      minute <= 59 && second <= 60,
                  "no time of RFC 3339: %s", text);
    if (text[used] == '.') {
        fraction = (int)strspn(text + used + 1, "0123456789");
        ck_assert_msg(fraction >= 1 && fraction <= 9, "no time of RFC 3339: %s", text);
        used += 1 + fraction;
    }
    ck_assert_msg(strcmp(text + used, "Z") == 0, "no time of RFC 3339 in UTC: %s", text);
}

void check_no_headers(natsMsg *message)
{
    const char **names = NULL;
    int count = 0;
    natsStatus status = natsMsgHeader_Keys(message, &names, &count);
    ck_assert_msg(status == NATS_NOT_FOUND || count == 0, "%s has headers", natsMsg_GetSubject(message));
    free(names);
}
