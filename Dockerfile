# The programs `lattice-host` and `lattice` on a base without a shell, for a user without rights.
#
#   docker build -t lattice:0.1.0 .                    both programs: what the chart runs
#   docker build -t lattice-host:0.1.0 --target host . the host alone
#   docker build -t lattice-cli:0.1.0 --target cli .   the command line alone
#
# For other machines: `docker buildx build --platform linux/amd64,linux/arm64 …`.

ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches are the builder's own, and outlive a change of the sources.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package lattice-hostd --package lattice-cli \
    && install -D -t /out target/release/lattice-host target/release/lattice
# Given away with the folder: a volume mounted over it is used by 65532 too.
RUN install -d -m 0700 -o 65532 -g 65532 /var/lib/lattice

# glibc, libgcc and certificates; the programs need nothing else (`ldd`).
FROM gcr.io/distroless/cc-debian12:nonroot AS base
USER 65532:65532
COPY --from=build --chown=65532:65532 /var/lib/lattice /var/lib/lattice
ENV LATTICE_DATA_DIR=/var/lib/lattice/data LATTICE_HOME=/var/lib/lattice/home
VOLUME /var/lib/lattice

FROM base AS cli
COPY --from=build /out/lattice /usr/local/bin/lattice
ENTRYPOINT ["/usr/local/bin/lattice"]

FROM base AS host
COPY --from=build /out/lattice-host /usr/local/bin/lattice-host
# /metrics, /livez, /readyz, where --metrics-address says so.
EXPOSE 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/lattice-host"]

FROM host AS both
COPY --from=build /out/lattice /usr/local/bin/lattice
