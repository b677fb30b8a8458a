#!/usr/bin/env bash
# Makes a client of proto/*.proto in JavaScript, Python and Go, as a user would, in build/clients/LANGUAGE, and the examples of
# proto/examples in these, Java and C; Rust's are made by tests/interop/build.sh. What is needed comes from the languages' registries.
# shellcheck disable=SC2317 # fetch_LANGUAGE and make_LANGUAGE are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

readonly SOURCE=tests/interop/clients EXAMPLES=proto/examples BUILT=build/clients LANGUAGES=(javascript python go java c)
# A registry that does not answer holds nothing up for longer: seconds.
readonly PATIENCE=180

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
    cat <<'USAGE'
usage: tests/interop/clients/build.sh [LANGUAGE...]

Makes the clients of javascript, python and go that tests/interop/clients/run.sh runs, and the examples of proto/examples in
these languages, java and c. What came of each is the line in
build/clients/LANGUAGE/result: `ready`, `skip` and why it cannot be made here, or what failed.

exit: 0 all were made or skipped; 1 one cannot be made though all that it needs is there; 64 a bad argument
USAGE
    exit 0
fi

# The functions of a language: what it needs on this machine, what it asks the registry for, and the making of its client,
# where nothing is asked any more. Each ends at the first step that fails.
fetch_javascript()
{
    cp "$EXAMPLES/javascript/example.mjs" "$SOURCE/javascript/"* "$BUILT/javascript" &&
        timeout -k 5 "$PATIENCE" npm install --prefix "$BUILT/javascript" --no-audit --no-fund --ignore-scripts \
            --no-package-lock --loglevel=error
}

make_javascript()
{
    "$BUILT/javascript/node_modules/.bin/pbjs" -t static-module -w es6 -o "$BUILT/javascript/stubs.js" \
        proto/keyvalue.proto proto/core.proto
}

fetch_python()
{
    timeout -k 5 "$PATIENCE" python3 -m pip install --quiet --upgrade --target "$BUILT/python/lib" \
        -r "$SOURCE/python/requirements.txt"
}

make_python()
{
    mkdir -p "$BUILT/python/stubs" &&
        PYTHONPATH=$BUILT/python/lib python3 -m grpc_tools.protoc -I proto --python_out="$BUILT/python/stubs" \
            proto/keyvalue.proto proto/core.proto
}

fetch_go()
{
    cd "$BUILT/go" && rm -f go.mod go.sum && go mod init clients 2>/dev/null &&
        timeout -k 5 "$PATIENCE" go get google.golang.org/protobuf@v1.36.12 github.com/nats-io/nats.go@v1.55.0
}

make_go()
{
    export GOPROXY=off
    cp "$SOURCE/go/client.go" "$BUILT/go" &&
        (cd "$BUILT/go" && go build -o protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go) &&
        protoc -I proto --plugin="$BUILT/go/protoc-gen-go" --go_out="$BUILT/go" --go_opt=module=wascc \
            proto/keyvalue.proto proto/core.proto &&
        (cd "$BUILT/go" && go build -o client .) && make_go_example
}

# In a module of its own, which has the packages of the client's.
make_go_example()
{
    rm -rf "$BUILT/go-example" && mkdir -p "$BUILT/go-example" &&
        cp -r "$EXAMPLES/go/"*.go "$BUILT/go/keyvalue" "$BUILT/go/go.sum" "$BUILT/go-example" &&
        sed 's/^module .*/module example/' "$BUILT/go/go.mod" >"$BUILT/go-example/go.mod" &&
        (cd "$BUILT/go-example" && go build -o example .)
}

fetch_java()
{
    timeout -k 5 "$PATIENCE" mvn -B -q -f "$EXAMPLES/java/pom.xml" dependency:copy-dependencies \
        "-DoutputDirectory=$PWD/$BUILT/java/lib"
}

make_java()
{
    rm -rf "$BUILT/java/stubs" && mkdir -p "$BUILT/java/stubs" "$BUILT/java/classes" &&
        protoc -I proto --java_out="$BUILT/java/stubs" proto/keyvalue.proto &&
        javac -nowarn -cp "$BUILT/java/lib/*" -d "$BUILT/java/classes" "$EXAMPLES/java/"*.java "$BUILT/java/stubs/wascc/keyvalue/"*.java
}

# The library is the service's own.
fetch_c()
{
    pkg-config --exists --print-errors libnats
}

make_c()
{
    local flags
    read -r -a flags < <(pkg-config --cflags --libs libnats) &&
        cc -std=c11 -Wall -Wextra -Werror "$EXAMPLES/c/example.c" "${flags[@]}" -o "$BUILT/c/example"
}

declare -A needs=([javascript]="node npm" [python]="python3" [go]="go protoc" [java]="java javac mvn protoc" [c]="cc pkg-config")
# No other toolchain than the one that is here.
export GOTOOLCHAIN=local

# Prints the first of these tools that is not there, and fails where all are.
missing()
{
    local tool
    for tool; do
        command -v "$tool" >/dev/null || {
            printf '%s\n' "$tool"
            return
        }
    done
    return 1
}

# result_of LANGUAGE: makes that client and prints what came of it.
result_of()
{
    local log=$BUILT/$1/log tool said
    # shellcheck disable=SC2086
    if tool=$(missing ${needs[$1]}); then
        printf 'skip %s is not on this machine\n' "$tool"
    elif ! ("fetch_$1") >"$log" 2>&1 </dev/null; then
        said=$(tail -n 1 "$log" | cut -c -200)
        printf 'skip its packages cannot be fetched: %s\n' "${said:-the registry says nothing}"
    elif ("make_$1") >"$log" 2>&1 </dev/null; then
        printf 'ready\n'
    else
        printf 'its client cannot be made (%s): %s\n' "$log" "$(tail -n 1 "$log" | cut -c -200)"
        return 1
    fi
}

[[ "$#" -gt 0 ]] || set -- "${LANGUAGES[@]}"
status=0
for language; do
    [[ -n "${needs[$language]:-}" ]] || {
        printf "build: '%s' is none of: %s\n" "$language" "${LANGUAGES[*]}" >&2
        exit 64
    }
    mkdir -p "$BUILT/$language"
    rm -f "$BUILT/$language/result"
    result=$(result_of "$language") || status=1
    printf '%s\n' "$result" >"$BUILT/$language/result"
    printf '%s: %s\n' "$language" "$result"
done
exit "$status"
