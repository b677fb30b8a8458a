/* How much is logged (contract section 8). */
#include <string.h>

#include "operation/serve.h"
#include "operator.pb-c.h"

static bool parse_level(struct wkv_text text, enum wkv_log_level *level)
{
    char name[8] = "";
    if (text.len > 0 && text.len < sizeof name)
        memcpy(name, text.data, text.len);
    return strlen(name) == text.len && wkv_log_level_parse(name, level);
}

/* Logs the change under the louder of the two levels, so that a log that falls silent says why. */
static void set_level(struct wkv_log *log, enum wkv_log_level level)
{
    enum wkv_log_level before = wkv_log_level(log);
    enum wkv_log_level louder = level > before ? level : before;
    if (level >= before)
        wkv_log_set_level(log, level);
    wkv_log_write(log, louder < WKV_LOG_INFO ? louder : WKV_LOG_INFO, "the log level is %s now",
                  wkv_log_level_name(level));
    wkv_log_set_level(log, level);
}

static struct wkv_text wanted_of(const struct wkv_command *command)
{
    return wkv_text_of(((const Operator__LogLevelRequest *)command->message)->level);
}

WKV_CHECK(wkv_check_log_level)
{
    enum wkv_log_level level;
    struct wkv_text wanted = wanted_of(command);
    (void)limits;
    return wanted.len == 0 || parse_level(wanted, &level)
               ? WKV_OK
               : wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                  "level is not one of error, warn, info, debug");
}

WKV_SERVE(wkv_serve_log_level)
{
    (void)now_ns;
    Operator__LogLevelReply reply = OPERATOR__LOG_LEVEL_REPLY__INIT;
    enum wkv_log_level level = wkv_log_level(host->log);
    bool is_wanted = parse_level(wanted_of(command), &level);
    reply.level = wkv_bytes_of(wkv_log_level_name(level));
    wkv_sink_message(sink, &reply.base);
    if (is_wanted)
        set_level(host->log, level);
}
