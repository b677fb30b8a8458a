/* What a Watch may ask for (contract section 3b). */
#include "keyvalue.pb-c.h"
#include "operation/command.h"

/* "Without key and prefix it is the whole keyspace; both is 400." */
WKV_CHECK(wkv_check_watch)
{
    const Keyvalue__WatchRequest *request = (const Keyvalue__WatchRequest *)command->message;
    if (request->key.len > 0 && request->prefix.len > 0)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "key and prefix are both given: send one of them, or neither for all keys");
    return request->key.len == 0 ? WKV_OK
                                 : wkv_command_check_key(command, limits, wkv_text_of(request->key), error);
}
