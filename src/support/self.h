/* `health --self`: asks a process of this machine, or of this container, whether it is alive, without NATS.
 *
 * A process that serves listens on Unix sockets in Linux's abstract namespace, so that nothing is written to
 * a file system and nothing is left behind. The name holds the user, the lattice namespace and the binding.
 * Where several processes have all three in common (--allow-split, or several NATS systems), each takes the
 * next name, and a question goes to all of them. Containers that share their machine's network see each
 * other's processes: these are asked only where there is none in the same container.
 *
 * Names in the abstract namespace can be taken by anyone on the machine. So each side asks the kernel
 * whose process the other one is (SO_PEERCRED), and ignores processes of other users than itself and root.
 */
#ifndef WKV_SUPPORT_SELF_H
#define WKV_SUPPORT_SELF_H

#include "support/error.h"
#include "support/log.h"
#include "support/pulse.h"

/* Borrowed strings. */
struct wkv_self_name {
    const char *lattice_namespace; /* NULL or "": none */
    const char *binding;
};

struct wkv_self;

/* Listens, and starts a thread that answers each question with the result of wkv_vitals_check. The log and
 * the vitals are borrowed. NULL, with a warning in the log, where the machine gives no name, thread or
 * memory; the process serves without it. */
struct wkv_self *wkv_self_start(const struct wkv_self_name *name, struct wkv_vitals *vitals,
                                struct wkv_log *log);

/* Ends and frees it. NULL is allowed. */
void wkv_self_stop(struct wkv_self *self);

/* Asks every process of this user by that name. WKV_OK where there is at least one and all are well. Errors:
 * WKV_UNAVAILABLE (there is none; one does not answer within timeout_ms, or a part of it does not turn: the
 * text says which). */
enum wkv_code wkv_self_ask(const struct wkv_self_name *name, int64_t timeout_ms, struct wkv_error *error);

#endif
