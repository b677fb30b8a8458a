# The provider as a container image. Nothing here needs more than plain `docker build`, `podman build` or `buildah bud`
# (for the HEALTHCHECK those two want --format docker):
#
#     docker build -t wascc-keyvalue .
#     docker run --read-only --network host wascc-keyvalue serve --auth none
#
# deploy/build-image.sh does the same and says in the labels what was built.
#
# Debian 12 and 13 both do as the base.
ARG BASE=debian:13-slim

FROM ${BASE} AS build
WORKDIR /source
COPY deploy/install-packages.sh deploy/
RUN deploy/install-packages.sh build
COPY CMakeLists.txt LICENSE ./
COPY proto proto
COPY include include
COPY src src
COPY deploy deploy
# There is no .git here; in what `git archive` made the revision is known without this.
ARG REVISION=
RUN cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DWKV_TESTS=OFF -DWKV_REVISION="${REVISION}"
RUN cmake --build build --parallel 2
RUN cmake --install build --prefix /usr/local --strip

FROM ${BASE}
# The name of nats.c's package ends with its version, which differs between the releases. The certificates are for
# servers that are reached over TLS.
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        '^libnats[0-9.]+$' libprotobuf-c1 libsodium23 libjansson4 '^libmicrohttpd[0-9]+(t64)?$' ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/* /var/cache/debconf/*-old \
        /var/lib/dpkg/*-old /var/log/apt /var/log/*.log
COPY --from=build /usr/local/bin/wascc-keyvalue /usr/local/bin/wascc-keyvalue
COPY LICENSE /usr/share/doc/wascc-keyvalue/LICENSE

# What the image consists of, in the image itself, and what has told so.
COPY deploy/sbom.sh /usr/share/doc/wascc-keyvalue/
RUN /usr/share/doc/wascc-keyvalue/sbom.sh > /usr/share/doc/wascc-keyvalue/sbom.spdx.json

# The version is CMakeLists.txt's.
ARG VERSION=1.0.0
ARG REVISION=
ARG CREATED=
ARG SOURCE=
ARG DOCUMENTATION=${SOURCE}
LABEL org.opencontainers.image.title="wascc-keyvalue" \
      org.opencontainers.image.description="The key-value capability provider for waSCC lattices, on NATS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The wascc-keyvalue authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.documentation="${DOCUMENTATION}"

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
