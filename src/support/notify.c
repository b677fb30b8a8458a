#include "wascc_keyvalue/notify.h"

#ifdef WKV_SYSTEMD

#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "wascc_keyvalue/clock.h"

#define NS_PER_US 1000
#define STATUS_BYTES 200

void wkv_notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

/* The time tells the manager which of the signals that it sent this is the answer to. */
void wkv_notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, wkv_monotonic_ns() / NS_PER_US);
}

void wkv_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

/* Another line would be another message to the manager, such as READY=1. */
void wkv_notify_status(const char *text)
{
    size_t len = strcspn(text, "\r\n");
    (void)sd_notifyf(0, "STATUS=%.*s", (int)(len < STATUS_BYTES ? len : STATUS_BYTES), text);
}

#else

void wkv_notify_ready(void)
{
}

void wkv_notify_reloading(void)
{
}

void wkv_notify_stopping(void)
{
}

void wkv_notify_status(const char *text)
{
    (void)text;
}

#endif
