# The image of wok-server.  `./dev image` builds and tries it; by hand:
#
#   docker build -t wok-server . && docker run --rm -p 8080:8080 --read-only wok-server --demo
#
# It runs as a number, not a name, so that Kubernetes can verify runAsNonRoot; it writes nothing, so its
# root may be read-only; and it starts without a shell, so SIGTERM reaches the program as PID 1.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY cmake/get-llhttp.sh cmake/
# The parser's sources are fetched while the package lists are there.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      gcc libc6-dev cmake ninja-build pkg-config libssl-dev libjansson-dev zlib1g-dev \
 && sh cmake/get-llhttp.sh .cache/llhttp \
 && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY runtime runtime
COPY server server
COPY handlers handlers
ARG COMMIT=unknown
# Debug sections go; the symbol names stay for backtraces, and the unwind tables are not debug data.
RUN cmake --preset release -DWOK_COMMIT="$COMMIT" \
 && cmake --build --preset release --target wok-server \
 && strip --strip-debug -o /wok-server build/release/bin/wok-server

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libjansson4 libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /wok-server /usr/bin/wok-server
USER 65532:65532
ENV WOK_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=2s --start-period=2s --retries=3 \
  CMD ["/usr/bin/wok-server", "--health-check"]
ENTRYPOINT ["/usr/bin/wok-server"]
