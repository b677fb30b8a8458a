#!/usr/bin/env bash
# Installs the Debian packages that this project needs and that are not there yet. Both of the README's commands and
# the Dockerfile come here, so that the lists of packages stand in one place. Works on Debian 12 and 13.
set -euo pipefail

# One entry a package. Where releases name a package differently, the names are given as "one|other": the first
# that the release has is taken.
readonly BUILD=(
    gcc libc6-dev make cmake pkg-config
    protobuf-c-compiler protobuf-compiler libprotobuf-c-dev libprotobuf-dev
    libnats-dev libsodium-dev libjansson-dev libmicrohttpd-dev
    check # The build makes the tests too, unless it is told -DWKV_TESTS=OFF.
)
readonly RUN=(nats-server)
readonly TEST=(
    nats-server check libsubunit-dev jq openssl
    valgrind clang clang-format "libclang-rt-dev|libclang-rt-14-dev" shellcheck
    # What reads the files of deploy/ and the metrics; promtool is in prometheus.
    systemd mandoc strace docker-compose "kubernetes-client|kubectl" python3-kubernetes python3-yaml python3-matplotlib prometheus
    dpkg-dev rpm lintian # What makes and judges the packages.
    buildah netavark mmdebstrap # Debian 13's buildah does nothing without netavark, needed or not.
)

usage()
{
    cat <<'USAGE'
usage: deploy/install-packages.sh GROUP...

Installs with apt what is missing of these groups, as root or through sudo. Does nothing where nothing is missing.

  build   the compiler, CMake, protoc-c, the libraries, and Check for the tests that the build makes
  run     nats-server, which deploy/run-local.sh starts
  test    what tests/run.sh can use. A package of this group that cannot be had is no error: it is named, and the
          tests that need it are skipped

exit: 0 done or nothing to do; 64 a bad argument; 69 a package of build or run cannot be installed
USAGE
}

complain()
{
    printf 'install-packages: %s\n' "$*" >&2
}

# A tool that came another way than with apt counts as well, as long as it goes by the package's name.
is_there()
{
    local name
    for name in ${1//|/ }; do
        if [[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" == installed* ]] ||
            command -v "$name" >/dev/null; then
            return 0
        fi
    done
    return 1
}

# Prints those of the given entries that are not there, one a line.
missing_of()
{
    local entry
    for entry; do
        is_there "$entry" || printf '%s\n' "$entry"
    done
}

# Prints the first of an entry's names that the release has; an entry's first name where it has none of them.
resolve()
{
    local name
    for name in ${1//|/ }; do
        if apt-cache show "$name" >/dev/null 2>&1; then
            printf '%s\n' "$name"
            return
        fi
    done
    printf '%s\n' "${1%%|*}"
}

as_root()
{
    if [[ "$(id -u)" -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

# What apt says where it reaches nobody. Its update only warns of that, and succeeds; so it is remembered, in no_network.
readonly NO_NETWORK='Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Network is unreachable|No route to host'

# apt is quiet as long as all goes well; its output is shown when it does not.
apt_quietly()
{
    local log unreached status=0
    log=$(mktemp)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" \
        </dev/null >"$log" 2>&1 || status=$?
    unreached=$(grep -o -m 1 -E "($NO_NETWORK).*" "$log") || unreached=${no_network:-}
    no_network=$unreached
    if [[ "$status" -ne 0 && -n "$no_network" ]]; then
        grep '^E: ' "$log" >&2 || true
        complain "no network: apt does not reach this machine's package sources ($no_network)"
    elif [[ "$status" -ne 0 ]]; then
        cat "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

# Says why nothing can be installed here, or succeeds.
can_install()
{
    if ! command -v apt-get >/dev/null; then
        complain "there is no apt-get here: install what is named above with this system's own package manager"
        return 1
    fi
    if [[ "$(id -u)" -ne 0 ]] && ! command -v sudo >/dev/null; then
        complain "run this as root, or install sudo"
        return 1
    fi
}

# The lists are fetched once a run, and only where something is missing.
update_lists()
{
    [[ -z "$updated" ]] || return 0
    updated=yes
    # An update that fails is not the end: the lists that are there may do.
    apt_quietly update || complain "apt-get update failed, going on with the lists that are there"
}

# Packages that bring a service (nats-server, prometheus) start it where Debian's own way of forbidding that does not say no. We
# start ours ourselves, on ports of their own; so it says no meanwhile, unless this machine has a word of its own on that.
readonly POLICY=/usr/sbin/policy-rc.d

forbid_services()
{
    [[ ! -e "$POLICY" ]] || return 0
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
    trap 'as_root rm -f "$POLICY"' EXIT
}

# Installs what is missing of the given entries, all or nothing.
install_all()
{
    local missing=() names=() entry
    mapfile -t missing < <(missing_of "$@")
    [[ "${#missing[@]}" -gt 0 ]] || return 0
    printf 'installing: %s\n' "${missing[*]}" >&2
    can_install || return 1
    forbid_services
    update_lists
    for entry in "${missing[@]}"; do
        names+=("$(resolve "$entry")")
    done
    apt_quietly install --no-install-recommends "${names[@]}"
}

# All at once is quick. Where that fails, one at a time gets what can be had.
install_what_can_be_had()
{
    local missing=() entry
    install_all "$@" && return 0
    mapfile -t missing < <(missing_of "$@")
    for entry in "${missing[@]}"; do
        can_install 2>/dev/null && install_all "$entry" && continue
        complain "cannot install ${entry//|/ or }: what needs it will be skipped"
    done
}

main()
{
    local group groups=() updated=""
    # An ordinary user's PATH on Debian lacks the directory of nats-server.
    PATH=$PATH:/usr/sbin:/sbin
    [[ "$#" -gt 0 ]] || {
        usage >&2
        exit 64
    }
    for group; do
        case "$group" in
        -h | --help)
            usage
            exit 0
            ;;
        build | run | test) groups+=("$group") ;;
        *)
            complain "'$group' is no group: choose from build, run and test"
            exit 64
            ;;
        esac
    done
    for group in "${groups[@]}"; do
        case "$group" in
        build) install_all "${BUILD[@]}" || exit 69 ;;
        run) install_all "${RUN[@]}" || exit 69 ;;
        test) install_what_can_be_had "${TEST[@]}" ;;
        esac
    done
}

main "$@"
