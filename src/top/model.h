/* What `top` knows: the instances that answered STATS, and what happened between two answers of each.
 *
 * A look is one question and its answers: begin, hear each answer, end. All bytes of an answer are untrusted:
 * any client that may publish on this user's inbox can send them. Texts are kept as printable ASCII, cut to
 * fit: any other byte is shown as \xNN. Not thread-safe.
 */
#ifndef WKV_TOP_MODEL_H
#define WKV_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/subject.h"
#include "report/report.h"

#define WKV_TOP_INSTANCES 64 /* of one address at the most; more are not shown */
#define WKV_TOP_ENDPOINTS 48 /* of one instance; further ones are ignored */
#define WKV_TOP_ID_BYTES 64  /* NUL included; a longer id is no instance's */
#define WKV_TOP_SHOWN 4      /* characters that a byte is shown as, at the most */
#define WKV_TOP_NAME_BYTES 32
#define WKV_TOP_ERROR_BYTES 192

/* One operation. Rates are 0 until two answers are known. */
struct wkv_top_endpoint {
    char name[WKV_TOP_NAME_BYTES];
    struct wkv_stats_operation told; /* its last_error is cut to WKV_TOP_ERROR_BYTES */
    double requests_per_s, errors_per_s;
};

enum wkv_top_state {
    WKV_TOP_SERVING,
    WKV_TOP_UNREADY, /* answers, but says that it is not ready to serve */
    WKV_TOP_GONE,    /* did not answer the last question */
};

/* One instance, or the sum of several. A number that an answer does not have, or has in another type, is 0.
 */
struct wkv_top_instance {
    char id[WKV_TOP_SHOWN * WKV_TOP_ID_BYTES];
    enum wkv_top_state state;
    bool heard;                /* in this look */
    bool measured;             /* two answers are known: the rates mean something */
    bool has_service;          /* it told of more than its endpoints */
    int64_t heard_ns;          /* monotonic, when it last answered */
    double elapsed_s;          /* between its last two answers */
    uint64_t requests, errors; /* of all endpoints */
    double requests_per_s, errors_per_s, expired_per_s, evicted_per_s;
    double appends_per_s, log_operations_per_s, resends_per_s; /* of a log */
    double operations_an_append; /* between its last two answers, else since its start */
    char last_error[WKV_TOP_ERROR_BYTES];
    int64_t last_error_ns;  /* when it was first seen here */
    struct wkv_report told; /* what else it told; no names of keyspaces, and of members their number */
    size_t endpoint_count;
    struct wkv_top_endpoint endpoints[WKV_TOP_ENDPOINTS];
};

struct wkv_top_model {
    const struct wkv_address *address; /* borrowed: whose instances are of interest */
    size_t count;
    struct wkv_top_instance *instances[WKV_TOP_INSTANCES]; /* in the order of their ids */
    bool ever;                                             /* an instance has answered at some time */
};

void wkv_top_model_init(struct wkv_top_model *model, const struct wkv_address *address);
void wkv_top_model_destroy(struct wkv_top_model *model);

/* A question goes out: no instance has answered it yet. */
void wkv_top_begin(struct wkv_top_model *model);

/* Reads an answer that came at now_ns. Returns whether it was the first in this look of an instance on the
 * address; anything else, and an answer for which memory is short, changes nothing. */
bool wkv_top_hear(struct wkv_top_model *model, const char *data, size_t len, int64_t now_ns);

/* Whether all instances that answered last time have answered; false where none is known. */
bool wkv_top_all_heard(const struct wkv_top_model *model);

/* No more answers are waited for. An instance that did not answer is gone, and forgotten where it was gone
 * before. */
void wkv_top_end(struct wkv_top_model *model);

/* Adds up the instances that are not gone; id is "all". Rates are of those that are measured. */
void wkv_top_sum(const struct wkv_top_model *model, struct wkv_top_instance *out);

/* The latency of an operation (NULL: all together) at an instance (NULL: all that are not gone together): of
 * the last minute where there were requests then (*minute true), else since their start.
 *
 * Percentiles cannot be added up. Of each part is known what 50, 90, 99, 99.9 and 100 % of its requests did
 * not exceed; between these they are taken to be spread evenly, and percentiles of all the requests are read
 * off that. It is exact where there is one part, or all are alike, and an estimate else. */
void wkv_top_latency(const struct wkv_top_model *model, const struct wkv_top_instance *instance,
                     const char *operation, struct wkv_stats_latency *out, bool *minute);

#endif
