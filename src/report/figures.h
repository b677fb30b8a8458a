/* The figures that a process tells of itself, in one table: the page /metrics is written from it, the data of
 * STATS is packed from it (contract section 8), and `top` reads with it what an instance has packed. To add a
 * figure is to add a row.
 *
 * A figure lies in one of three structs: what is told of the whole process in struct wkv_report, of each
 * operation in struct wkv_stats_operation, and of the engine's log, where it has one, in struct
 * wkv_report_log.
 */
#ifndef WKV_REPORT_FIGURES_H
#define WKV_REPORT_FIGURES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "report/report.h"

enum wkv_figure_kind { WKV_FIGURE_GAUGE, WKV_FIGURE_COUNTER, WKV_FIGURE_HISTOGRAM };

enum wkv_figure_unit {
    WKV_UNIT_COUNT,        /* of bytes, too */
    WKV_UNIT_FLAG,         /* 0 or 1 at /metrics, false or true in STATS */
    WKV_UNIT_SECONDS,      /* kept in nanoseconds, told in seconds */
    WKV_UNIT_NANOSECONDS,  /* the same, but told in nanoseconds by STATS */
    WKV_UNIT_MILLISECONDS, /* kept and told by STATS in milliseconds, at /metrics in seconds */
};

enum wkv_figure_scope { WKV_OF_PROCESS, WKV_OF_OPERATION, WKV_OF_LOG };

/* A row may be several figures side by side, one for each value of a label. */
enum wkv_figure_label {
    WKV_LABEL_NONE,
    WKV_LABEL_CODE,
    WKV_LABEL_REASON,
    WKV_LABEL_KIND,
    WKV_LABEL_KEYSPACE,
    WKV_LABEL_VOID,
};

struct wkv_figure {
    const char *metric; /* its name at /metrics; NULL: not there */
    const char *help;
    const char *stats; /* in STATS' data: "name" or "object.name"; NULL: not there */
    enum wkv_figure_scope scope;
    enum wkv_figure_kind kind;
    enum wkv_figure_unit unit;
    enum wkv_figure_label label;
    size_t offset, bytes; /* of the first one in its struct, and of each */
};

/* In the order of the page. */
extern const struct wkv_figure wkv_figures[];
extern const size_t wkv_figure_count;

/* Figure i of a row. figures is the struct of the row's scope. */
uint64_t wkv_figure_value(const struct wkv_figure *figure, const void *figures, size_t i);

/* Sets it, to the largest number that its place takes where it takes no larger one. */
void wkv_figure_set(const struct wkv_figure *figure, void *figures, size_t i, uint64_t number);

/* ---- labels ---- */

#define WKV_LABEL_BYTES 16

/* The label's name; how many values it has; and value i, for which out has room where it is a number. report
 * is read for keyspaces only. */
const char *wkv_label_name(enum wkv_figure_label label);
size_t wkv_label_count(enum wkv_figure_label label, const struct wkv_report *report);
const char *wkv_label_value(enum wkv_figure_label label, const struct wkv_report *report, size_t i,
                            char out[WKV_LABEL_BYTES]);

/* ---- STATS: the figures of the log are its object `log` ---- */

/* All figures of the scope that STATS has, as a JSON object. Refusals that never occurred are left out; what
 * the kernel does not tell is 0. The caller releases it. Errors: NULL where memory is short. */
json_t *wkv_figures_pack(enum wkv_figure_scope scope, const void *figures);

/* The members as a JSON array of objects, named as in the operation Members. Likewise. */
json_t *wkv_members_pack(const struct wkv_report *report);

/* Reads what was packed, from bytes that nobody vouches for: what is not there, or has another type, stays as
 * it was, and a number is held to what its place takes. Keyspaces are not read. */
void wkv_figures_read(enum wkv_figure_scope scope, const json_t *object, void *figures);

/* Adds what was read, as far as it can be added up: numbers, to the largest that their places take. */
void wkv_figures_add(enum wkv_figure_scope scope, void *sum, const void *figures);

#endif
