/* Tells the service manager how this process stands, as sd_notify(3) has it, where the manager asks to be
 * told (NOTIFY_SOCKET in the environment). Otherwise these do nothing. A manager that does not read holds
 * nobody up: what it waits for (ready, reloading) is given half a second, all else is lost then. None of them
 * can fail: a manager that cannot be told is no reason to stop serving. Any thread, as long as
 * nobody changes the environment at the same time. */
#ifndef WKV_SUPPORT_NOTIFY_H
#define WKV_SUPPORT_NOTIFY_H

/* The service does its work: at its start, and again at the end of each reload, failed ones included. */
void wkv_notify_ready(void);

/* The configuration is being read again; wkv_notify_ready ends it. */
void wkv_notify_reloading(void);

/* The service has begun to stop. */
void wkv_notify_stopping(void);

/* One line for people, which `systemctl status` shows; the last one counts. It is cut at 200 bytes and at a
 * line's end. No secret and nothing that came with a request belongs into it. */
void wkv_notify_status(const char *text);

#endif
