/* What the program calls itself, and an instance of it. */
#ifndef WKV_OPERATION_IDENTITY_H
#define WKV_OPERATION_IDENTITY_H

#define WKV_CAPABILITY "wascc:keyvalue"
#define WKV_SERVICE_NAME "wascc-keyvalue"
#define WKV_DESCRIPTION "Keys and values in memory, with expiries, counters, lists and sets, on NATS"
#define WKV_DESCRIPTOR_REVISION 3 /* of the capability descriptor: counts up when its operations change */

#define WKV_INSTANCE_ID_BYTES 27 /* 26 characters of base32 and a NUL */

/* A fresh id for a process. Any thread. */
void wkv_make_instance_id(char out[WKV_INSTANCE_ID_BYTES]);

#endif
