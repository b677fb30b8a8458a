#include "front/front.h"
#include "front/invocations.h"
#include "front/operator.h"
#include "front/subjects.h"

const struct wkv_front *const wkv_fronts[] = {
    &wkv_front_subjects,
    &wkv_front_operator,
    &wkv_front_invocations,
    NULL,
};
