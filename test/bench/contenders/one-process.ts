/** What servers from Debian's packages are told in each benchmark: one process, which keeps its connections. */

/** Of nginx, before its `http`. */
export const nginxProcess = (directory: string) => `worker_processes 1;
master_process off;
daemon off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log warn;
events { worker_connections 2048; }`;

const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/** Of nginx, at the beginning of its `http`; the application is the upstream of that name. */
export const nginxConnections = (directory: string, upstreamPort: number) => `access_log off;
  ${temporary.map((each) => `${each}_temp_path ${directory}/${each};`).join("\n  ")}
  keepalive_requests 100000000;
  keepalive_timeout 3600s;
  upstream application { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 100000000; }`;

/** Of nginx, to pass a request on over HTTP/1.1. */
export const nginxPass =
  'proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection "";';

/** Of HAProxy, before its frontend. */
export const haproxyProcess = `global
  nbthread 1
  maxconn 2048
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always`;

/** Of HAProxy, behind its frontend, whose `default_backend` is `application`. */
export const haproxyBackend = (upstreamPort: number) => `backend application
  server application 127.0.0.1:${upstreamPort} pool-max-conn 512`;
