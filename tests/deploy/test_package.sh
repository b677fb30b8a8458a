#!/usr/bin/env bash
# The packages for Debian and for rpm: what is in them, and that what they install starts, stays over an upgrade and goes under a
# real systemd. That one is process 1 of namespaces of its own, in a root file system of this machine's release, beside Debian's
# own nats-server and no network.
# Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a test; what lies behind them is shown on failure.
# Functions are called through others here:
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

if [[ "$#" -lt 1 || "$#" -gt 2 || "$1" == -h || "$1" == --help ]]; then
    printf 'usage: tests/deploy/test_package.sh BUILD [BASE.tar]\n\n'
    printf 'BUILD is an optimised build tree; BASE.tar is what tests/container/make_base.sh has made, made now where it is not there.\n'
    printf 'What is installed needs root, mmdebstrap and namespaces: it is skipped without.\n'
    exit 0
fi
readonly BUILD=$1 BASE_TAR=${2:-}

failures=0
status=0 init_pid="" systemd_pid="" group=""
work=$(mktemp -d)
readonly work log=$work/log root=$work/root
deb="" rpm=""

clean_up()
{
    # The init of a process namespace takes all others with it, and what waits for it ends then.
    [[ -z "$init_pid" ]] || kill -KILL "${systemd_pid:-$init_pid}" || true
    [[ -z "$init_pid" ]] || wait "$init_pid" || true
    [[ -z "$group" ]] || find "$group" -depth -type d -exec rmdir {} + || true
    rm -rf --one-file-system "$work" || true
}
trap 'status=$?; clean_up >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 130' INT TERM

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

skip()
{
    printf 'skip %s\n' "$1"
}

# pack GENERATOR
pack()
{
    (cd "$BUILD" && cpack -G "$1" -B "$work")
}

# --- What is in them ----------------------------------------------------------------------------------------------------

readonly CONFFILE=/etc/wascc-keyvalue/wascc-keyvalue.env

# What both have, besides folders.
readonly FILES=(
    "-rwxr-xr-x /usr/bin/wascc-keyvalue" "-rw-r--r-- /usr/lib/systemd/system/wascc-keyvalue.service" "-rw------- $CONFFILE"
    "-rw-r--r-- /usr/share/man/man1/wascc-keyvalue.1.gz" "-rw-r--r-- /usr/share/bash-completion/completions/wascc-keyvalue"
    "-rw-r--r-- /usr/share/doc/wascc-keyvalue/jetstream.conf" "-rw-r--r-- /usr/share/wascc-keyvalue/proto/keyvalue.proto"
)

# lists_all FILE: the list has each of the files, and nothing under /usr/local or of a builder's own user.
lists_all()
{
    local file
    cat "$1"
    for file in "${FILES[@]}"; do
        grep -x -F -- "${file/ / root root }" "$1" || return 1
    done
    ! grep -v ' root root /' "$1" && ! grep -F /usr/local "$1"
}

# Prints `MODE USER GROUP PATH` a file.
files_of_deb()
{
    dpkg-deb -c "$deb" | sed -n -E 's,^(-[a-z-]+) ([^/]+)/([^ ]+) +[0-9]+ [^ ]+ [^ ]+ \./(.*)$,\1 \2 \3 /\4,p'
}

files_of_rpm()
{
    rpm -qp --qf '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]' "$rpm" | grep '^-'
}

deb_has_the_files()
{
    files_of_deb >"$work/list"
    lists_all "$work/list" && [[ "$(dpkg-deb -I "$deb" conffiles)" == "$CONFFILE" ]]
}

# What it is linked with is found out, and no more is asked for.
deb_depends_on_its_libraries()
{
    dpkg-deb -f "$deb" Depends
    [[ "$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed -E 's/^ *([a-z-]*).*/\1/' | sort | paste -s -d ' ')" == \
        "libc libjansson libmicrohttpd libnats libprotobuf-c libsodium" ]]
}

rpm_has_the_files()
{
    files_of_rpm >"$work/list"
    lists_all "$work/list" && rpm -qp --qf '[%{FILENAMES} %{FILEFLAGS:fflags}\n]' "$rpm" | grep -x -F "$CONFFILE cn"
}

# of_both FILE...: without what each of the systems wants for itself.
of_both()
{
    grep -v -E '/usr/share/(lintian/.*|doc/wascc-keyvalue/(copyright|changelog\.Debian\.gz|LICENSE))$' | sort
}

both_have_the_same()
{
    diff <(files_of_deb | of_both) <(files_of_rpm | of_both)
}

test_contents()
{
    check "package: cpack makes one for Debian" pack DEB || exit 1
    deb=$(echo "$work"/*.deb)
    check "package: Debian's has the files, with their owners and modes" deb_has_the_files || true
    check "package: Debian's names the libraries" deb_depends_on_its_libraries || true
    if command -v lintian >/dev/null; then
        check "package: lintian finds nothing" lintian --allow-root --tag-display-limit 0 --fail-on error,warning "$deb" || true
    else
        skip "package: lintian is not on this machine"
    fi
    if ! command -v rpmbuild >/dev/null; then
        skip "package: rpmbuild is not on this machine"
        return
    fi
    check "package: cpack makes one for rpm" pack RPM || return 0
    rpm=$(echo "$work"/*.rpm)
    check "package: rpm's has the files, with their owners and modes" rpm_has_the_files || true
    check "package: both have the same" both_have_the_same || true
}

# --- Under systemd ------------------------------------------------------------------------------------------------------

make_root()
{
    local tar=$BASE_TAR
    if [[ ! -s "$tar" ]]; then
        tar=$work/base.tar
        tests/container/make_base.sh "$tar" || return 1
    fi
    mkdir "$root" && tar -x -f "$tar" -C "$root"
}

# apt in the root file system, with this machine's network and nothing of its services.
install_in_root()
{
    cp "$deb" ${rpm:+"$rpm"} deploy/install-packages.sh "$root/root/" || return 1
    cp -L /etc/resolv.conf "$root/etc/" || true
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    chroot "$root" sh -c 'export DEBIAN_FRONTEND=noninteractive
        apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' sh systemd nats-server ${rpm:+rpm} \
        "/root/${deb##*/}" && rm "$root/usr/sbin/policy-rc.d"
}

# Becomes process 1's parent. The cgroup is one of its own, which the namespace takes for the root.
start_init()
{
    local groups
    groups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
    [[ -n "$groups" ]] || return 1
    group=$groups/wascc-keyvalue-test-$$
    mkdir "$group" || return 1
    : >"$work/init.log"
    # shellcheck disable=SC2016
    sh -c 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" \
        unshare --mount --propagation private --pid --net --ipc --uts --cgroup --fork --kill-child sh -c '
            root=$1
            mount --bind "$root" "$root" && cd "$root" &&
                mount -t proc proc proc && mount -t sysfs -o ro sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup &&
                mount -t tmpfs -o mode=755 tmpfs run && mount -t tmpfs -o mode=755 tmpfs dev || exit
            for name in null zero full random urandom tty ptmx; do
                cp -aL "/dev/$name" "dev/$name" || exit
            done
            ln -s /proc/self/fd dev/fd && pivot_root . mnt && umount -l mnt &&
                exec env -i PATH="$PATH" container=other /lib/systemd/systemd --system' \
        sh "$root" </dev/null >"$work/init.log" 2>&1 &
    init_pid=$!
    # What was started is unshare, which only waits; its one child is systemd.
    await 20 has_child && systemd_pid=$(tr -d ' ' <"/proc/$init_pid/task/$init_pid/children") && await 60 has_booted
}

has_child()
{
    [[ -n "$(<"/proc/$init_pid/task/$init_pid/children")" ]]
}

# Degraded is what a container's is, where one of Debian's own units does not start.
has_booted()
{
    [[ "$(inside systemctl is-system-running 2>/dev/null)" =~ ^(running|degraded)$ ]]
}

# await SECONDS COMMAND...: until it succeeds. Neither a log nor a bus tells of these.
await()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [[ "$SECONDS" -lt "$end" && -e "/proc/$init_pid" ]] || return 1
        sleep 0.1
    done
}

# inside COMMAND...: runs it in systemd's namespaces and root.
inside()
{
    nsenter --target "$systemd_pid" --mount --pid --net --ipc --uts --cgroup env -i PATH="$PATH" "$@"
}

inside_shell()
{
    inside sh -e -c "$1"
}

# Nobody is trusted yet, so that there is nothing to start, and nothing to enable.
is_not_started()
{
    [[ "$(state)" == "LoadState=loaded ActiveState=inactive UnitFileState=disabled" ]]
}

# Prints what systemd thinks of the unit.
state()
{
    inside systemctl show -p LoadState,ActiveState,UnitFileState wascc-keyvalue | paste -s -d ' ' | tee /dev/stderr
}

configure_it()
{
    # shellcheck disable=SC2016
    inside_shell 'umask 077
        cd /root
        wascc-keyvalue keygen account >account.json
        wascc-keyvalue keygen module >actor.json
        public() { sed -n -E "s/.*\"public\":\"([A-Z0-9]+)\".*/\1/p" "$1"; }
        wascc-keyvalue token --issuer-seed account.json --subject "$(public actor.json)" --cap wascc:keyvalue --expires-in 3600 >actor.jwt
        sed -i -E "s/^#(WASCC_KEYVALUE_TRUSTED_ISSUER=).*/\1$(public account.json)/" '"$CONFFILE"
}

starts()
{
    inside systemctl enable --now wascc-keyvalue || {
        inside journalctl --no-pager -n 30
        return 1
    }
    inside systemctl -q is-active wascc-keyvalue && inside systemctl -q is-enabled wascc-keyvalue
}

answers()
{
    [[ "$(inside wascc-keyvalue call --claims /root/actor.jwt Add '{"key":"a","value":1}')" == "{\"value\":$1}" ]]
}

main_pid()
{
    inside systemctl show -p MainPID --value wascc-keyvalue
}

# upgrade COMMAND...: the process, and what is in its memory, stays; so does what was configured.
upgrade()
{
    local before
    before=$(main_pid)
    inside "$@" >"$work/said" 2>&1 || return 1
    cat "$work/said"
    grep -F "systemctl restart wascc-keyvalue" "$work/said" && [[ "$(main_pid)" == "$before" ]] &&
        inside_shell "grep '^WASCC_KEYVALUE_TRUSTED_ISSUER=A' $CONFFILE"
}

is_gone()
{
    [[ "$(state)" == *ActiveState=inactive* ]] && inside_shell '! test -e /usr/bin/wascc-keyvalue'
}

purge_it()
{
    inside dpkg --purge wascc-keyvalue || return 1
    inside_shell '! test -e /etc/wascc-keyvalue && ! test -L /etc/systemd/system/multi-user.target.wants/wascc-keyvalue.service'
}

test_deb()
{
    check "package: Debian's starts nothing by itself" is_not_started || true
    check "package: Debian's is configured" configure_it || return 0
    check "package: Debian's starts" starts || return 0
    check "package: Debian's answers" answers 1 || true
    check "package: Debian's goes on over an upgrade" upgrade dpkg --install "/root/${deb##*/}" || true
    check "package: Debian's has its data over an upgrade" answers 2 || true
    check "package: Debian's is removed" inside dpkg --remove wascc-keyvalue || true
    check "package: Debian's is stopped then" is_gone || true
    check "package: Debian's leaves nothing when purged" purge_it || true
}

# Of the libraries dpkg knows, not rpm.
test_rpm()
{
    check "package: rpm's is installed" inside rpm --install --nodeps "/root/${rpm##*/}" || return 0
    check "package: rpm's starts nothing by itself" is_not_started || true
    check "package: rpm's is configured" configure_it || return 0
    check "package: rpm's starts" starts || return 0
    check "package: rpm's answers" answers 1 || true
    check "package: rpm's goes on over an upgrade" upgrade rpm --upgrade --nodeps --force "/root/${rpm##*/}" || true
    check "package: rpm's has its data over an upgrade" answers 2 || true
    check "package: rpm's is removed" inside rpm --erase wascc-keyvalue || true
    check "package: rpm's is stopped then" is_gone || true
}

# There is none in these namespaces, and nothing of what a build needs.
says_that_there_is_no_network()
{
    local status=0
    inside /root/install-packages.sh build >"$work/said" 2>&1 || status=$?
    cat "$work/said"
    [[ "$status" -eq 69 ]] && grep -E 'no network: .*(resolv|connect|reach)' "$work/said"
}

test_systemd()
{
    local tool
    [[ "$(id -u)" -eq 0 ]] || {
        skip "package under systemd: needs root"
        return
    }
    for tool in mmdebstrap findmnt unshare nsenter; do
        command -v "$tool" >/dev/null || {
            skip "package under systemd: $tool is not on this machine"
            return
        }
    done
    make_root >"$log" 2>&1 || {
        tail -n 5 "$log"
        skip "package under systemd: no root file system can be made here"
        return
    }
    check "package: apt installs Debian's with all that it needs" install_in_root || return 0
    start_init || {
        tail -n 50 "$work/init.log"
        skip "package under systemd: systemd does not start in a container here"
        return
    }
    check "install-packages.sh says that there is no network" says_that_there_is_no_network || true
    test_deb
    [[ -z "$rpm" ]] || test_rpm
}

main()
{
    test_contents
    test_systemd
    [[ "$failures" -eq 0 ]]
}

main
