#!/usr/bin/env bash
# Builds the container image for real, without a container engine, and runs the provider out of it against a real
# nats-server. The base image is made here too, of this machine's own Debian release and package sources, and carries
# the name that the Dockerfile asks for.
# Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a test; what lies behind them is shown on failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

readonly IMAGE=wascc-keyvalue:test

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
    printf 'usage: tests/container/test_image.sh [BASE.tar]\n\n'
    printf 'Needs root (or sudo), buildah, mmdebstrap and jq; skips itself without. BASE.tar is what make_base.sh has made,\n'
    printf 'made now where it is not there.\n'
    exit 0
fi
base_tar=${1:-}

# Mounting a root file system is for root alone.
if [[ "$(id -u)" -ne 0 ]]; then
    if ! sudo -n true 2>/dev/null; then
        printf 'skip container image: needs root, or sudo without a password\n'
        exit 0
    fi
    exec sudo -n --preserve-env "$0" "$@"
fi

skip_all()
{
    printf 'skip container image: %s\n' "$1"
    exit 0
}

for tool in buildah mmdebstrap jq nats-server; do
    command -v "$tool" >/dev/null || skip_all "$tool cannot be had here"
done

failures=0
nats_pid="" provider_pid=""
work=$(mktemp -d)
log=$work/log

# Everything lives below the temporary directory, so that no other image of this machine is touched.
bah()
{
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"
}

clean_up()
{
    # With --kill-child that is the provider's end too.
    [[ -z "$provider_pid" ]] || kill -KILL "$provider_pid" || true
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    bah umount --all || true
    bah rm --all || true
    rm -rf "$work" || true
}
trap 'status=$?; clean_up >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 130' INT TERM

# Releases of buildah differ in how far they move a container's limits up, or their own down, and raising them again is
# not permitted everywhere. So the limits are named: what this machine has, and no more processes than it can number.
set_limits()
{
    local processes numbers
    processes=$(ulimit -H -u)
    numbers=$(</proc/sys/kernel/pid_max)
    if [[ "$processes" == unlimited || "$processes" -gt "$numbers" ]]; then
        processes=$numbers
    fi
    limits=(--ulimit "nofile=$(ulimit -H -n)" --ulimit "nproc=$processes")
}

# check NAME COMMAND...
check()
{
    local name=$1
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'ok %s\n' "$name"
    else
        tail -n 60 "$log"
        printf 'not ok %s\n' "$name"
        failures=$((failures + 1))
        return 1
    fi
}

# make_base NAME: the image of that name, of the tar file that was given or is made now.
make_base()
{
    local tar=$base_tar container
    if [[ ! -s "$tar" ]]; then
        tar=$work/base.tar
        tests/container/make_base.sh "$tar" || return 1
    fi
    container=$(bah from scratch) &&
        bah add -q "$container" "$tar" / &&
        base_bytes=$(bytes_of "$(bah mount "$container")") &&
        bah commit -q "$container" "$1" &&
        bah rm "$container" &&
        rm -f "$work/base.tar"
}

# The Dockerfile's own base where this machine is of that release, else the same of this machine's release.
base_name()
{
    # shellcheck disable=SC1091
    (source /etc/os-release && printf '%s:%s-slim\n' "$ID" "$VERSION_ID")
}

# Whether a process can be run in a container here at all. Nothing of ours is in it.
can_run()
{
    local container status=0
    container=$(bah from --pull=never "${limits[@]}" "$1") || return 1
    bah run --isolation chroot "$container" true || status=1
    bah rm "$container"
    return "$status"
}

build_image()
{
    local arguments=()
    grep -q -x "ARG BASE=$1" Dockerfile || arguments=(--build-arg "BASE=$1")
    # Under this name it is told what buildah is told.
    mkdir "$work/bin"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\ncommand=$1\nshift\nexec buildah --root %s --runroot %s --storage-driver vfs "$command" "$@"\n' \
        "$work/storage" "$work/run" >"$work/bin/buildah"
    chmod 755 "$work/bin/buildah"
    SOURCE=git@example.org:wascc/keyvalue.git ENGINE=$work/bin/buildah deploy/build-image.sh --isolation chroot --pull=never \
        "${limits[@]}" "${arguments[@]}" -t "$IMAGE"
}

# in_config FILTER: whether the jq filter is true of the image's configuration.
in_config()
{
    bah inspect --type image "$IMAGE" | jq -e ".Docker.config | $1"
}

# The linker's own names are told apart from ldd, ldconfig and ld.so, which compile nothing.
holds_only_what_is_needed()
{
    local found
    found=$(find "$root" -xdev \( \
        -path '*/bin/*gcc*' -o -path '*/bin/cc' -o -path '*/bin/clang*' -o -path '*/bin/ld' -o -path '*/bin/ld.*' -o \
        -path '*/bin/make' -o -path '*/bin/cmake' -o -path '*/bin/protoc*' -o -path "$root/source" -o \
        -path "$root/usr/include/*" -o -name '*.[ch]' -o -name '*.proto' -o -name '*.a' -o \
        -path "$root/var/lib/apt/lists/*" \) ! -name ld.so ! -path "$root/usr/share/doc/*" -print)
    printf 'found: %s\n' "$found"
    [[ -z "$found" ]]
}

# in_image COMMAND...: becomes the command inside the image, as a container engine would start it: with the image's user
# and environment, its root file system read-only, process 1 of its own (which no signal ends that it does not handle),
# and no shell that stays in between. The network is this machine's. Only a subshell may call it.
in_image()
{
    # shellcheck disable=SC2016
    exec unshare --mount --propagation private --pid --fork --kill-child sh -c '
        root=$1 user=$2
        shift 2
        mount --bind "$root" "$root" && mount -t proc proc "$root/proc" && mount -o remount,bind,ro "$root" &&
            exec chroot --userspec="$user" "$root" "$@"' \
        sh "$root" "$user" env -i "${environment[@]}" "NATS_URL=nats://127.0.0.1:$nats_port" "$@"
}

healthy()
{
    (in_image "${healthcheck[@]}")
}

unhealthy()
{
    ! healthy
}

cannot_write()
{
    ! (in_image touch /tmp/file)
}

start_in_image()
{
    : >"$work/provider.log"
    (in_image "${entrypoint[@]}" "${command[@]}" --auth none) </dev/null >"$work/provider.log" 2>&1 &
    provider_pid=$!
    wait_for_line "$provider_pid" "$work/provider.log" ' ready: ' 30 || {
        cat "$work/provider.log"
        return 1
    }
    # What was started is unshare, which only waits; its one child is the provider.
    served_pid=$(tr -d ' ' <"/proc/$provider_pid/task/$provider_pid/children")
}

runs_as_its_user()
{
    grep -E '^(Name|Uid|Gid|NSpid):' "/proc/$served_pid/status"
    [[ "$(awk '/^[UG]id:/ { print $3 }' "/proc/$served_pid/status" | paste -s -d :)" == "$user" ]]
}

answers()
{
    local answer
    answer=$(in_image "${entrypoint[@]}" call Set '{"key":"a","value":"1"}')
    printf '%s\n' "$answer"
    [[ "$(tr -d ' ' <<<"$answer")" == '{"value":"1"}' ]]
}

ends_at_sigterm()
{
    local status=0
    kill -TERM "$served_pid" || return 1
    wait_for_end "$provider_pid" 60 || status=$?
    provider_pid=""
    cat "$work/provider.log"
    printf 'ended with %d\n' "$status"
    [[ "$status" -eq 0 ]]
}

test_configuration()
{
    check "image: the user is a number and not root" in_config '.User | test("^[1-9][0-9]*(:[1-9][0-9]*)?$")' || true
    check "image: the entrypoint is the program itself" in_config '.Entrypoint == ["wascc-keyvalue"]' || true
    check "image: it serves unless told otherwise" in_config '.Cmd == ["serve"]' || true
    check "image: it has a health check" \
        in_config '.Healthcheck.Test == ["CMD", "wascc-keyvalue", "health", "--self"]' || true
    check "image: the labels say what it is" in_config '.Labels | with_entries(.key |= ltrimstr("org.opencontainers.image.")) |
        .title == "wascc-keyvalue" and .licenses == "Apache-2.0" and .vendor == "The wascc-keyvalue authors"' || true
    check "image: the labels say from what it was built" in_config '.Labels | with_entries(.key |= ltrimstr("org.opencontainers.image.")) |
        .source == "https://example.org/wascc/keyvalue" and .documentation == .source and
        .version == "'"$(project_version)"'" and .revision == "'"$revision"'" and
        (.created | fromdateiso8601) > (now - 3600) and (.created | fromdateiso8601) <= now' || true
}

project_version()
{
    sed -n -E 's/^project\(wascc-keyvalue VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt
}

find_revision()
{
    cmake -DSOURCE="$PWD" -DOUT="$work/revision.h" -P deploy/revision.cmake && sed -n -E 's/.*"(.*)"$/\1/p' "$work/revision.h"
}

says_what_was_built()
{
    local said
    said=$(in_image "${entrypoint[@]}" --version)
    printf '%s\n' "$said"
    [[ "$said" == "wascc-keyvalue $(project_version)${revision:+ ($revision)}" ]]
}

# --- What it consists of ------------------------------------------------------------------------------------------------

readonly SBOM=usr/share/doc/wascc-keyvalue/sbom.spdx.json

# Every package that is installed is told of, and no other; and what the provider is linked with is among them.
sbom_is_complete()
{
    # shellcheck disable=SC2016
    diff <(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status} ${Package} ${Version}\n' | sed -n 's/^installed //p' | sort) \
        <(jq -r '.packages[] | select(.SPDXID | startswith("SPDXRef-deb-")) | .name + " " + .versionInfo' "$root/$SBOM" | sort) &&
        jq -e '[.packages[].name | select(test("^lib(nats|sodium|jansson|microhttpd|protobuf-c)"))] | length == 5' "$root/$SBOM"
}

# What SPDX 2.3 asks for in each place.
sbom_conforms()
{
    jq -e '
        .spdxVersion == "SPDX-2.3" and .dataLicense == "CC0-1.0" and .SPDXID == "SPDXRef-DOCUMENT" and (.name | length) > 0 and
        (.documentNamespace | test("^https://[^#]+$")) and (.creationInfo.creators | length) == 1 and
        (.creationInfo.created | fromdateiso8601) <= now and
        ([.packages[].SPDXID] | (unique | length) == length and all(test("^SPDXRef-[A-Za-z0-9.-]+$"))) and
        (.packages | all(has("name") and has("versionInfo") and .downloadLocation == "NOASSERTION" and .filesAnalyzed == false and
            (.externalRefs[0].referenceLocator | test("^pkg:(deb/debian|generic)/[a-z0-9.%B+-]+@[A-Za-z0-9.%~_-]+(\\?arch=[a-z0-9]+&distro=debian-[0-9]+)?$")))) and
        ([.relationships[] | select(.relationshipType == "DEPENDS_ON").relatedSpdxElement] | sort) ==
            ([.packages[1:][].SPDXID] | sort)' "$root/$SBOM"
}

sbom_has_the_program()
{
    local sum
    sum=$(sha256sum <"$root/usr/local/bin/wascc-keyvalue")
    jq -e --arg sum "${sum%% *}" '.packages[0] | .name == "wascc-keyvalue" and .checksums == [{algorithm: "SHA256", checksumValue: $sum}]' \
        "$root/$SBOM"
}

bytes_of()
{
    du -s --apparent-size -B 1 -x "$1" | cut -f 1
}

# Of debian:13-slim's 75 MB and what is put on it, 90 are to hold all. The base here has manuals, which Debian's slim ones lack.
adds_little()
{
    local added=$((($(bytes_of "$root") - base_bytes) / 1000))
    printf 'the image is %d kB more than its base\n' "$added"
    [[ "$added" -lt 20000 ]]
}

test_content()
{
    check "image: no compiler, no source and no header is inside" holds_only_what_is_needed || true
    check "image: it says what was built" says_what_was_built || true
    check "image: its list of packages is complete" sbom_is_complete || true
    check "image: its list of packages conforms to SPDX" sbom_conforms || true
    check "image: its list of packages has the program" sbom_has_the_program || true
    check "image: it adds little to its base" adds_little || true
}

# Everything from here on takes what it starts from the image's own configuration.
mount_image()
{
    root=$(bah mount "$(bah from --pull=never "$IMAGE")")
    bah inspect --type image "$IMAGE" | jq '.Docker.config' >"$work/config.json"
    user=$(jq -r '.User' "$work/config.json")
    mapfile -t environment < <(jq -r '.Env[]' "$work/config.json")
    mapfile -t entrypoint < <(jq -r '.Entrypoint[]' "$work/config.json")
    mapfile -t command < <(jq -r '.Cmd[]' "$work/config.json")
    mapfile -t healthcheck < <(jq -r '.Healthcheck.Test[1:][]' "$work/config.json")
}

test_running()
{
    check "image: health fails where nothing serves" unhealthy || true
    check "image: its root file system is read-only in this test" cannot_write || true
    check "image: it gets ready" start_in_image || return 0
    check "image: it runs as the image's user" runs_as_its_user || true
    check "image: its health check succeeds" healthy || true
    check "image: it answers a call" answers || true
    check "image: SIGTERM ends it with 0" ends_at_sigterm || true
}

main()
{
    local base
    set_limits
    base=$(base_name)
    make_base "$base" >"$log" 2>&1 </dev/null || {
        tail -n 5 "$log"
        skip_all "no base image can be made here"
    }
    can_run "$base" >>"$log" 2>&1 </dev/null || {
        tail -n 5 "$log"
        skip_all "buildah cannot run a process here"
    }
    revision=$(find_revision)
    check "image: the Dockerfile builds on $base" build_image "$base" || exit 1
    test_configuration
    mount_image
    start_nats_server -1 "$work/nats-server.log"
    test_content
    test_running
    [[ "$failures" -eq 0 ]]
}

main
