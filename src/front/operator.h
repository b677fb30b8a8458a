/* The front of hosts and operators: `<base>.system.<Operation>` for the system's operations (contract
 * sections 2 and 8), in no queue group: for one worker of the process, since every instance answers, and
 * answers once.
 */
#ifndef WKV_FRONT_OPERATOR_H
#define WKV_FRONT_OPERATOR_H

#include "front/front.h"

extern const struct wkv_front wkv_front_operator;

#endif
