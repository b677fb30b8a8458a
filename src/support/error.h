/* The one status type, and the one way to report a failure.
 *
 * Every room reports with a code of CONTRACT section 5 (they are the codes that a caller sees on the wire)
 * and, unless the caller passes NULL, a line of text in a struct wkv_error that the caller owns.
 */
#ifndef WKV_SUPPORT_ERROR_H
#define WKV_SUPPORT_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The codes of contract section 5, after ADR-32: what `Nats-Service-Error-Code` carries. What a caller is
 * told of a code that is none of them is wkv_code_on_wire's to say. */
enum wkv_code {
    WKV_OK = 0,
    WKV_NO_MEMORY = 1,      /* malloc failed; not the memory budget */
    WKV_BAD_REQUEST = 400,  /* bytes that do not decode, an empty key, a negative expiry, int32 overflow */
    WKV_UNAUTHORIZED = 401, /* no claims, or claims that do not hold */
    WKV_FORBIDDEN = 403,    /* claims that hold but do not reach */
    WKV_WRONG_KIND = 409,   /* the key holds another kind */
    WKV_TOO_LARGE = 413,    /* a reply over max_payload, or a key or value over its limit */
    WKV_UNAVAILABLE = 503,  /* shutting down or overloaded */
    WKV_UNKNOWN_FATE = 504, /* a write whose outcome is not known; the engine memory never says so */
    WKV_BUDGET_SPENT = 507, /* the memory budget is spent */
};

/* The code that a caller, a metric and the log see. */
static inline enum wkv_code wkv_code_on_wire(enum wkv_code code)
{
    return code == WKV_NO_MEMORY ? WKV_UNAVAILABLE : code;
}

/* The same request may succeed later, or elsewhere: nothing is wrong with it. */
static inline bool wkv_code_may_pass(enum wkv_code code)
{
    return wkv_code_on_wire(code) == WKV_UNAVAILABLE;
}

/* Bytes of the longest error text, its NUL included. A text goes into a NATS header, so it is one line. */
#define WKV_ERROR_TEXT_BYTES 320

struct wkv_error {
    enum wkv_code code;
    char text[WKV_ERROR_TEXT_BYTES]; /* NUL-terminated, one line of printable ASCII; "" when code is WKV_OK */
};

/* Sets error to code and the formatted text, and returns code, so that a failing function ends with
 * `return wkv_fail(error, WKV_…, "…")`. A text that is too long is cut; a byte that is not printable
 * ASCII is shown as \xNN, so a caller's bytes can never break out of a header or a log line. error may be
 * NULL. */
enum wkv_code wkv_fail(struct wkv_error *error, enum wkv_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with "<who>: " in front of the text, unless who is NULL. */
enum wkv_code wkv_vfail(struct wkv_error *error, enum wkv_code code, const char *who, const char *format,
                        va_list args) __attribute__((format(printf, 4, 0)));

/* Sets error to WKV_OK with an empty text. */
static inline void wkv_error_clear(struct wkv_error *error)
{
    error->code = WKV_OK;
    error->text[0] = '\0';
}

#ifdef __cplusplus
}
#endif
#endif
