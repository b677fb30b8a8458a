# The provider as a container image. Nothing here needs more than plain `docker build`, `podman build` or `buildah bud`
# (for the HEALTHCHECK those two want --format docker):
#
#     docker build -t wascc-keyvalue .
#     docker run --read-only --network host wascc-keyvalue serve --auth none
#
# Debian 12 and 13 both do as the base.
ARG BASE=debian:12-slim

FROM ${BASE} AS build
WORKDIR /source
COPY deploy/install-packages.sh deploy/
RUN deploy/install-packages.sh build
COPY CMakeLists.txt LICENSE ./
COPY proto proto
COPY include include
COPY src src
COPY deploy deploy
RUN cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DWKV_TESTS=OFF
RUN cmake --build build --parallel 2
RUN cmake --install build --prefix /usr/local --strip

FROM ${BASE}
# The name of nats.c's package ends with its version, which differs between the releases. The certificates are for
# servers that are reached over TLS.
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        '^libnats[0-9.]+$' libprotobuf-c1 libsodium23 libjansson4 '^libmicrohttpd[0-9]+(t64)?$' ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
COPY --from=build /usr/local/bin/wascc-keyvalue /usr/local/bin/wascc-keyvalue
COPY LICENSE /usr/share/doc/wascc-keyvalue/LICENSE

LABEL org.opencontainers.image.title="wascc-keyvalue" \
      org.opencontainers.image.description="The key-value capability provider for waSCC lattices, on NATS" \
      org.opencontainers.image.licenses="Apache-2.0"

# A number, so that Kubernetes can see that it is not root. It needs no entry in /etc/passwd, and nothing is written to
# the file system.
USER 65532:65532
# Of this very process, whether NATS is there or not: it holds the only copy of its data. It looks for the binding and the
# namespace that the environment names: options on the command line are unknown to it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["wascc-keyvalue", "health", "--self"]
# No shell in between: SIGTERM reaches the program, which drains and ends with 0.
STOPSIGNAL SIGTERM
ENTRYPOINT ["wascc-keyvalue"]
CMD ["serve"]
