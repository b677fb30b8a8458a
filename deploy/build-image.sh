#!/usr/bin/env bash
# Builds the image with the labels that a plain `docker build .` cannot know: what git says of the source, when, and from where.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage()
{
    cat <<'USAGE'
usage: deploy/build-image.sh [ARGUMENT...]

Builds the Dockerfile's image with docker, podman or buildah, whichever is there first, and names it wascc-keyvalue. The arguments are
the builder's own, such as --tag NAME or --build-arg BASE=debian:12-slim.

  ENGINE  in the environment: the builder's command
  SOURCE  in the environment: the address of the source; without it that of git's remote origin
USAGE
}

# The builder: docker, podman and buildah take the same arguments.
find_engine()
{
    local engine
    for engine in ${ENGINE:-docker podman buildah}; do
        command -v "$engine" >/dev/null || continue
        printf '%s\n' "$engine"
        return
    done
    printf 'build-image: there is neither docker nor podman nor buildah here\n' >&2
    return 69
}

# What git says, or nothing: as deploy/revision.cmake finds it for the program.
find_revision()
{
    local header
    header=$(mktemp)
    cmake -DSOURCE="$PWD" -DOUT="$header" -P deploy/revision.cmake && sed -n -E 's/.*"(.*)"$/\1/p' "$header"
    rm -f "$header"
}

# git@host:owner/name.git is https://host/owner/name to a reader.
find_source()
{
    local url
    url=${SOURCE:-$(git remote get-url origin 2>/dev/null || true)}
    sed -E 's,^(ssh://)?git@([^:/]+)[:/],https://\2/,; s,://[^/@]*@,://,; s,\.git$,,' <<<"$url"
}

main()
{
    local engine arguments=()
    if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
        usage
        exit 0
    fi
    engine=$(find_engine)
    # The health check is a part of Docker's format and not of OCI's.
    [[ "$engine" == *docker* ]] || arguments+=(--format docker)
    exec "$engine" build "${arguments[@]}" \
        --build-arg "REVISION=$(find_revision)" --build-arg "SOURCE=$(find_source)" \
        --build-arg "CREATED=$(date -u ${SOURCE_DATE_EPOCH:+-d "@$SOURCE_DATE_EPOCH"} +%Y-%m-%dT%H:%M:%SZ)" \
        --tag wascc-keyvalue "$@" .
}

main "$@"
