/* `health --self`: a process of this machine, or of this container, is asked whether it lives, without NATS.
 *
 * A process that serves listens on Unix sockets in Linux's abstract namespace, so that nothing is written to
 * a file system and nothing is left behind. The name holds the user, the lattice namespace and the binding.
 * Where several processes have all of that in common (--allow-split, or several NATS systems), each takes the
 * next name, and whoever asks, asks them all; but those in other containers, which are heard of where
 * containers share their machine's network, only where there is none in one's own.
 *
 * Names in the abstract namespace can be taken by anyone on the machine. So each side looks at whose process
 * the other is, as the kernel tells (SO_PEERCRED), and has nothing to do with other users' but root.
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

/* Listens and starts a thread, which answers each that asks with what wkv_vitals_check says. The log and the
 * vitals are borrowed. NULL where the machine gives no name, thread or memory: that is logged, as a warning,
 * and is no reason not to serve. */
struct wkv_self *wkv_self_start(const struct wkv_self_name *name, struct wkv_vitals *vitals,
                                struct wkv_log *log);

/* Ends and frees it. NULL is allowed. */
void wkv_self_stop(struct wkv_self *self);

/* Asks every process of this user by that name. WKV_OK where there is one at least and all of them are well.
 * Errors: WKV_UNAVAILABLE (there is none; one does not answer within timeout_ms, or says
 * that a part of it does not turn: the text says which). */
enum wkv_code wkv_self_ask(const struct wkv_self_name *name, int64_t timeout_ms, struct wkv_error *error);

#endif
