/** Plain proxies for HTTP/2 from Debian's packages: one process each, which checks nothing. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  haproxyBackend,
  haproxyProcess,
  nginxConnections,
  nginxPass,
  nginxProcess,
} from "./one-process.ts";

/** Where one listens, and what it is in front of. */
export interface Http2ProxyOptions {
  readonly port: number;
  /** Over HTTP/1.1; of `nginxForGrpc` over HTTP/2. */
  readonly upstreamPort: number;
  /** An empty directory of its own. */
  readonly directory: string;
}

/** One of them. */
export interface Http2Proxy {
  readonly name: string;
  readonly program: string;
  /** The Debian package it is. */
  readonly package: string;
  /** Its arguments; writes its configuration. */
  configure(options: Http2ProxyOptions): readonly string[];
}

const nginx = (name: string, location: string): Http2Proxy => ({
  ...{ name, program: "nginx", package: "nginx-light" },
  configure({ port, upstreamPort, directory }) {
    const file = join(directory, "nginx.conf");
    const text = `
${nginxProcess(directory)}
http {
  ${nginxConnections(directory, upstreamPort)}
  server {
    listen 127.0.0.1:${port} http2 backlog=1024;
    location / { ${location} }
  }
}
`;
    writeFileSync(file, text);
    return ["-p", directory, "-c", file];
  },
});

const haproxy: Http2Proxy = {
  ...{ name: "HAProxy", program: "haproxy", package: "haproxy" },
  configure({ port, upstreamPort, directory }) {
    const file = join(directory, "haproxy.cfg");
    const text = `
${haproxyProcess}
frontend clients
  bind 127.0.0.1:${port} proto h2
  default_backend application
${haproxyBackend(upstreamPort)}
`;
    writeFileSync(file, text);
    return ["-f", file, "-db"];
  },
};

const nghttpx: Http2Proxy = {
  ...{ name: "nghttpx", program: "nghttpx", package: "nghttp2-proxy" },
  configure: ({ port, upstreamPort }) => [
    ...["--conf=/dev/null", "--single-process", "--workers=1", "--errorlog-file=/dev/stderr"],
    ...[`--frontend=127.0.0.1,${port};no-tls`, `--backend=127.0.0.1,${upstreamPort}`],
    ...["--backend-connections-per-host=512", "--log-level=ERROR"],
  ],
};

/** In front of an application that speaks HTTP/1.1. */
export const http2Proxies: readonly Http2Proxy[] = [nginx("nginx", nginxPass), haproxy, nghttpx];

/** In front of a gRPC service. */
export const nginxForGrpc = nginx("nginx, grpc_pass", "grpc_pass grpc://application;");
