# Newest LTS. Pin it by digest where builds must be repeatable:
#   docker build --build-arg NODE_IMAGE=node:26-bookworm-slim@sha256:… .
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="revgate" \
      org.opencontainers.image.description="A reverse-proxy sidecar that makes logging out real"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The directory of the journal: mount something here that outlives the container.
RUN mkdir -p /var/lib/revgate && chown 10001:10001 /var/lib/revgate
USER 10001:10001
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.REVGATE_ADMIN_PORT || 9090) + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# node is PID 1 and handles SIGTERM itself: it drains, then exits 0.
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["run", "--config", "/etc/revgate/revgate.yaml"]
