/** nginx with Lua from Debian's packages: RS256 by OpenSSL, a Redis look-up on each request, both in one worker. */

/** Where it listens, what it is in front of, and whether it remembers which tokens it has verified. */
export interface NginxOptions {
  readonly port: number;
  readonly upstreamPort: number;
  readonly redisPort: number;
  readonly publicKeyFile: string;
  readonly directory: string;
  readonly remembers: boolean;
}

/** The Debian packages it is made of. */
export const nginxPackages = [
  "nginx-light",
  "libnginx-mod-http-lua",
  "lua-nginx-redis",
  "lua-luaossl",
  "lua-cjson",
];

export function nginxConfig(options: NginxOptions): string {
  const { port, upstreamPort, redisPort, publicKeyFile, directory, remembers } = options;
  return `
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
worker_processes 1;
daemon off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log warn;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 100000000;
  upstream application { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 100000000; }
  init_by_lua_block {
    cjson = require "cjson"
    digest = require "openssl.digest"
    redis = require "nginx.redis"
    verified = require("resty.lrucache").new(10000)
    local file = io.open("${publicKeyFile}")
    key = require("openssl.pkey").new(file:read("*a"))
    file:close()
    local function decode(text)
      text = text:gsub("-", "+"):gsub("_", "/")
      return ngx.decode_base64(text .. ("="):rep(-#text % 4))
    end
    function verify(token)
      local known = ${remembers ? "verified:get(token)" : "nil"}
      if known then return known end
      local input, payload, signature = token:match("^([%w_-]+%.([%w_-]+))%.([%w_-]+)$")
      if not input then return nil end
      local header = cjson.decode(decode(input:match("^[^.]+")))
      if header.alg ~= "RS256" then return nil end
      if not key:verify(decode(signature), digest.new("sha256"):update(input)) then return nil end
      local claims = cjson.decode(decode(payload))
      ${remembers ? "verified:set(token, claims)" : ""}
      return claims
    end
  }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / {
      access_by_lua_block {
        local token = ngx.var.http_token
        local ok, claims = pcall(verify, token or "")
        if not ok or not claims or claims.exp < ngx.time() then return ngx.exit(401) end
        local store = redis:new()
        if not store:connect("127.0.0.1", ${redisPort}) then return ngx.exit(503) end
        local revoked = store:exists("revoked:" .. claims.jti)
        if ngx.var.uri == "/logout" then store:set("revoked:" .. claims.jti, "1", "EX", claims.exp - ngx.time()) end
        store:set_keepalive(60000, 512)
        if revoked == 1 then return ngx.exit(401) end
      }
      proxy_pass http://application;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}
