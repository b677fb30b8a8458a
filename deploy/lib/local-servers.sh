# shellcheck shell=bash
# Starting and stopping servers on loopback, for scripts to source. Nothing here sleeps and hopes: each wait is for a
# line of a server's log, and ends early when that server dies.

# Debian keeps nats-server where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin

# wait_for_line PID LOG PATTERN SECONDS: succeeds as soon as the log of the process has a line that matches the
# extended regular expression; fails when the process ends without one, or the seconds are over.
wait_for_line()
{
    local pid=$1 log=$2 pattern=$3 seconds=$4
    # The process may not have opened it yet, and tail follows no file that is not there.
    : >>"$log"
    timeout "$seconds" grep -E -m 1 -q -- "$pattern" < <(tail -n +1 -f --pid="$pid" "$log" 2>/dev/null)
}

is_taken()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# are_free PORT: whether nobody listens on the six ports from this one on.
are_free()
{
    local i
    for i in 0 1 2 3 4 5; do
        ! is_taken $(($1 + i)) || return 1
    done
}

# free_ports [PORT]: prints the first of six free ones, PORT where it is that; below those that the kernel gives to clients.
free_ports()
{
    local try
    for try in ${1:+"$1"} $((RANDOM % 16000 + 10000)) $((RANDOM % 16000 + 10000)) $((RANDOM % 16000 + 10000)); do
        ! are_free "$try" || {
            printf '%d\n' "$try"
            return
        }
    done
    return 1
}

# start_nats_server PORT LOG [ARGUMENT...]: starts one on 127.0.0.1 and waits until it takes connections. Port -1 is a free
# port of the server's own choice. Sets nats_pid and nats_port. Fails where the port is taken; the log says so.
# It gets a session of its own, so that a Ctrl-C at the terminal reaches the caller alone, who then stops the servers
# in the right order.
start_nats_server()
{
    local port=$1 log=$2
    shift 2
    : >"$log"
    setsid nats-server -a 127.0.0.1 -p "$port" "$@" </dev/null >"$log" 2>&1 &
    nats_pid=$!
    if ! wait_for_line "$nats_pid" "$log" 'Server is ready' 30; then
        stop_process "$nats_pid" || true
        nats_pid=""
        return 1
    fi
    # The caller reads it.
    # shellcheck disable=SC2034
    nats_port=$(sed -n -E 's/.*Listening for client connections on 127\.0\.0\.1:([0-9]+).*/\1/p' "$log")
}

# wait_for_end PID SECONDS: waits for a child to end and returns its exit status. One that is still there when the
# seconds are over is killed, and the status is 124.
wait_for_end()
{
    if ! timeout "$2" tail -f -s 0.1 --pid="$1" /dev/null; then
        kill -KILL "$1" 2>/dev/null || true
        wait "$1" || true
        return 124
    fi
    wait "$1"
}

# stop_process PID: asks a child to end, waits for it, and returns its exit status.
stop_process()
{
    kill -TERM "$1" 2>/dev/null || true
    wait_for_end "$1" 60
}
