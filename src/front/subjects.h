/* The front of plain subjects: `<base>.<actor>.<Operation>` in the queue group of the binding (contract
 * section 2), for workers that serve actors. An actor that tries an operation of the system's gets its 403
 * here; what `system` sends is left to operator.c of each instance. */
#ifndef WKV_FRONT_SUBJECTS_H
#define WKV_FRONT_SUBJECTS_H

#include "front/front.h"

extern const struct wkv_front wkv_front_subjects;

#endif
