#!/usr/bin/env bash
# usage: tests/container/make_base.sh FILE.tar
# Makes the root file system that the image is built on, of this machine's own Debian release and package sources. Needs
# root, and the network most of the time; so tests/run.sh has it made beside its other steps.
set -euo pipefail

[[ "$#" -eq 1 ]] || {
    printf 'usage: tests/container/make_base.sh FILE.tar\n' >&2
    exit 64
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# This machine's own sources of Debian packages, one-line style: whatever reaches them here reaches them there too.
package_sources()
{
    # apt fills these in.
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        sed -n -e 's/^Debian //p' | sort -u
}

# What this machine's apt was told about its way to the archives, proxies included.
apt_options()
{
    apt-config dump | grep -E '^Acquire::((https?|ftp)::|Check-|ForceIPv|Retries)' || true
}

sources=$work/sources.list options=$work/apt.conf
suite=$(sed -n -e 's/^VERSION_CODENAME=//p' /etc/os-release)
package_sources >"$sources"
if [[ ! -s "$sources" ]]; then
    # No lists have been fetched yet, so that apt cannot tell whose sources are whose.
    apt-get update -q && package_sources >"$sources"
fi
apt_options >"$options"
# Without usr-is-merged apt chooses usrmerge, and that brings all of perl.
mmdebstrap --variant=minbase --include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --aptopt="$options" "$suite" "$work/base.tar" "$sources"
mv "$work/base.tar" "$1"
