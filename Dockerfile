# The newest LTS. Where builds must be repeatable, pin it by digest:
#
#   docker build --build-arg NODE_IMAGE=node:26-bookworm-slim@sha256:… -t revgate:0.1.0 .
#
# Behind a mirror: --build-arg NODE_IMAGE=… and --build-arg NPM_REGISTRY=https://registry.npmmirror.com/
#
# docker buildx imagetools inspect node:26-bookworm-slim tells the digest. With the base pinned and
# SOURCE_DATE_EPOCH set (buildah: --timestamp), two builds have the same layers, to the last byte.
ARG NODE_IMAGE=node:26-bookworm-slim
# What runs needs no shell and no npm: a distroless Node image will do.
ARG RUNTIME_IMAGE=${NODE_IMAGE}

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Another registry, if set; what npm downloads must have the lock file's hashes in any case.
ARG NPM_REGISTRY=
COPY package.json package-lock.json LICENSE ./
RUN npm ci --ignore-scripts ${NPM_REGISTRY:+"--registry=${NPM_REGISTRY}"}
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY scripts ./scripts
# The packages of OpenTelemetry and of gRPC are optional peers; here they are part of what is shipped, as the lock file has them.
RUN npm run build \
  && node scripts/image-contents.mjs dependencies \
  && npm prune --ignore-scripts \
  && rm node_modules/.package-lock.json \
  && node scripts/image-contents.mjs sbom \
  && node scripts/image-contents.mjs notices \
  && mkdir /empty

FROM ${RUNTIME_IMAGE}
LABEL org.opencontainers.image.title="revgate" \
      org.opencontainers.image.description="A reverse-proxy sidecar that makes logging out real" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# Where Node is, in its own images and in distroless ones.
ENV NODE_ENV=production \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/nodejs/bin
WORKDIR /app
COPY --from=build /app/package.json /app/sbom.cdx.json /app/THIRD-PARTY-NOTICES /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The directory of the journal: mount something here that outlives the container.
COPY --from=build --chown=10001:10001 /empty /var/lib/revgate
USER 10001:10001
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.REVGATE_ADMIN_PORT || 9090) + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# node is PID 1 and handles SIGTERM itself: it drains, then exits 0.
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["run", "--config", "/etc/revgate/revgate.yaml"]
