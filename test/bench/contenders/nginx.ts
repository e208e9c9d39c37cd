/** nginx with Lua from Debian's packages: RS256 by OpenSSL, a Redis look-up on each request, both in one worker. */
import { nginxConnections, nginxPass, nginxProcess } from "./one-process.ts";

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

/** One process, whose Lua does for a request only what differs from the one before with the same token. */
export function nginxConfig(options: NginxOptions): string {
  const { port, upstreamPort, redisPort, publicKeyFile, directory, remembers } = options;
  return `
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
${nginxProcess(directory)}
http {
  ${nginxConnections(directory, upstreamPort)}
  init_by_lua_block {
    cjson = require "cjson.safe"
    digest = require "openssl.digest"
    redis = require "nginx.redis"
    verified = require("resty.lrucache").new(10000)
    local file = io.open("${publicKeyFile}")
    key = require("openssl.pkey").new(file:read("*a"))
    file:close()
    local decode = require("ngx.base64").decode_base64url
    local find, sub = string.find, string.sub
    local function deny(status)
      ngx.status = status
      return ngx.exit(status)
    end
    local function verify(token)
      local first = find(token, ".", 1, true)
      local second = first and find(token, ".", first + 1, true)
      if not second then return nil end
      local header = cjson.decode(decode(sub(token, 1, first - 1)) or "")
      if not header or header.alg ~= "RS256" then return nil end
      local signature = decode(sub(token, second + 1))
      local input = digest.new("sha256"):update(sub(token, 1, second - 1))
      local ok, right = pcall(key.verify, key, signature or "", input)
      if not ok or not right then return nil end
      local claims = cjson.decode(decode(sub(token, first + 1, second - 1)) or "")
      return claims and { expiry = claims.exp, name = "revoked:" .. claims.jti }
    end
    function check(revokes)
      local token = ngx.var.http_token
      if not token then return deny(401) end
      local known = ${remembers ? "verified:get(token)" : "nil"}
      if not known then
        known = verify(token)
        if not known then return deny(401) end
        ${remembers ? "verified:set(token, known)" : ""}
      end
      if known.expiry < ngx.time() then return deny(401) end
      local store = redis:new()
      if not store:connect("127.0.0.1", ${redisPort}) then return deny(503) end
      local revoked = store:exists(known.name)
      if revokes then store:set(known.name, "1", "EX", known.expiry - ngx.time()) end
      store:set_keepalive(60000, 512)
      if revoked ~= 0 then return deny(revoked and 401 or 503) end
    end
  }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / { access_by_lua_block { check(false) } ${nginxPass} }
    location = /logout { access_by_lua_block { check(true) } ${nginxPass} }
  }
}
`;
}
