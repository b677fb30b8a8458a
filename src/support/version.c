#include "support/version.h"

#include "revision.h"

const char *wkv_revision(void)
{
    return WKV_REVISION;
}

const char *wkv_version_text(void)
{
    return sizeof WKV_REVISION == 1 ? WKV_VERSION : WKV_VERSION " (" WKV_REVISION ")";
}
