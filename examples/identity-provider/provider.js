// A certified OpenID provider (npm oidc-provider) with one client, the shop. It signs access tokens for the
// shop's API, tells revgate by back-channel logout when a session ends, and has a new signing key whenever
// it is sent SIGHUP; the one before stays published. Users log in with any name and password.
//
//   PORT=4000 SHOP=http://127.0.0.1:8080 BACKCHANNEL=http://127.0.0.1:9090/backchannel-logout node provider.js
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const port = Number(process.env.PORT ?? 4000);
const shop = process.env.SHOP ?? "http://127.0.0.1:8080";
const api = "https://shop.example.com/api";
const cookieKeys = [randomUUID()];

const newKey = () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = privateKey.export({ format: "jwk" });
  return { ...jwk, kid: randomUUID(), alg: "RS256", use: "sig" };
};

function configure(keys) {
  return {
    jwks: { keys },
    cookies: { keys: cookieKeys },
    clients: [
      {
        client_id: "shop",
        client_secret: "shop-secret",
        redirect_uris: [`${shop}/callback`],
        post_logout_redirect_uris: [`${shop}/bye`],
        backchannel_logout_uri: process.env.BACKCHANNEL,
        backchannel_logout_session_required: true,
      },
    ],
    pkce: { required: () => false },
    features: {
      backchannelLogout: { enabled: true },
      // Access tokens that are JWTs, for the shop's API.
      resourceIndicators: {
        enabled: true,
        defaultResource: () => api,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "orders",
          audience: api,
          accessTokenTTL: 3600,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    // revgate is on this machine, where the provider sends nothing unless it is told to.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    // The session that a token belongs to, so that revgate can end it alone.
    extraTokenClaims: ({ oidc: { entities } }) => ({ sid: entities.AuthorizationCode?.sid }),
  };
}

let keys = [newKey()];
const server = createServer((request, response) => handle(request, response));
server.listen(port, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const start = () => {
    const provider = new Provider(issuer, configure(keys));
    provider.on("backchannel.error", (_context, error) => console.error(error.message));
    return provider.callback();
  };
  handle = start();
  process.on("SIGHUP", () => {
    keys = [newKey(), ...keys].slice(0, 3);
    handle = start();
    console.log(`signing with ${keys[0].kid}`);
  });
  console.log(`listening on ${issuer}`);
});
let handle = (_request, response) => response.writeHead(503).end();
