/* What was built. WKV_VERSION, the version as SemVer has it, is CMake's. */
#ifndef WKV_SUPPORT_VERSION_H
#define WKV_SUPPORT_VERSION_H

/* What `git describe` says of the source that was built: v1.0.0-3-g1a2b3c4, or the commit alone where nothing
 * is tagged, with -dirty behind it where a file was not as committed. Empty where nobody could say. For ever,
 * and for any thread. */
const char *wkv_revision(void);

/* "1.0.0 (v1.0.0-3-g1a2b3c4)", or "1.0.0" without a revision. For ever, and for any thread. */
const char *wkv_version_text(void);

#endif
