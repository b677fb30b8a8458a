/* Random UUIDs, RFC 9562's version 4: ids of invocations and of events. */
#ifndef WKV_SUPPORT_UUID_H
#define WKV_SUPPORT_UUID_H

#define WKV_UUID_BYTES 37 /* 36 characters and a NUL */

/* Any thread. */
void wkv_uuid(char out[WKV_UUID_BYTES]);

#endif
