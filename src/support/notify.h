/* Tells the service manager the state of this process by the protocol of sd_notify(3), where the manager asks
 * for that (NOTIFY_SOCKET in the environment). Otherwise these functions do nothing. A manager that does not
 * read delays a message that it waits for (ready, reloading) by half a second, and loses all others. No
 * function can fail: a manager that cannot be told is no reason to stop serving. Any thread, while no thread
 * changes the environment. */
#ifndef WKV_SUPPORT_NOTIFY_H
#define WKV_SUPPORT_NOTIFY_H

/* The service does its work: at its start, and again at the end of each reload, failed ones included. */
void wkv_notify_ready(void);

/* The configuration is being read again; wkv_notify_ready ends it. */
void wkv_notify_reloading(void);

/* The service has begun to stop. */
void wkv_notify_stopping(void);

/* One line for people, which `systemctl status` shows; the last one counts. It is cut at 200 bytes and at a
 * line's end. It must not contain a secret, or anything that came with a request. */
void wkv_notify_status(const char *text);

#endif
