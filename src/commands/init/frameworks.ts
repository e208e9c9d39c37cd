import type { BaseFacts } from "./facts.ts";

/** What is known of the applications of a framework, or of a product. */
export interface Framework {
  /** What is asked is answered so if nothing else is said. */
  readonly standards: Partial<BaseFacts>;
  /** More settings of `tokens`. */
  readonly tokens?: Readonly<Record<string, unknown>>;
  /** Rules beside those of the questions. */
  readonly routes?: readonly Readonly<Record<string, unknown>>[];
  /** What the operator has to know, in lines of the configuration. */
  readonly notes: readonly string[];
}

const secret = "secret jwt-secret.txt";
const none = {
  ...{ login: "-", logout: "-", "change-password": "-", "reset-password": "-" },
};

const strapi: Framework = {
  standards: { upstream: "http://127.0.0.1:1337", key: secret, token: "bearer", ...none },
  tokens: { subjectClaim: "id" },
  routes: [
    { path: "/api/auth/local", methods: ["POST"], access: "public" },
    { path: "/api/auth/local/register", methods: ["POST"], access: "public" },
    { path: "/api/auth/forgot-password", methods: ["POST"], access: "public" },
    { path: "/api/auth/refresh", methods: ["POST"], access: "public" },
    {
      ...{ path: "/api/auth/reset-password", methods: ["POST"], access: "public" },
      ...{ revoke: "subject", subjectFrom: { responseJson: "/user/id" } },
    },
    {
      ...{ path: "/api/auth/change-password", methods: ["POST"], revoke: "others" },
      sparing: [{ responseJson: "/jwt" }],
    },
    { path: "/api/auth/logout", methods: ["POST"], revoke: "token" },
    { path: "/api/*", methods: ["GET"], access: "optional" },
    { path: "/uploads/*", methods: ["GET"], access: "public" },
    { path: "/admin/*", access: "public" },
  ],
  notes: [
    "The secret is JWT_SECRET, as it stands in .env. The panel below /admin has a secret and sessions of its own: revgate",
    "looks at none of its requests. API tokens of Strapi are no JWTs: clients that use them do not go through revgate.",
    "A change of the password ends all other devices' tokens; the one that Strapi hands out then stays.",
  ],
};

/** Where Directus hands a pair out: in its modes json, cookie and session. */
const directusHandsOut = {
  handsOut: [
    { responseJson: "/data/access_token" },
    { responseJson: "/data/refresh_token" },
    { responseCookie: "directus_refresh_token" },
    { responseCookie: "directus_session_token" },
  ],
};
/** Where its clients send what they refresh by, and log out with. */
const directusRefreshes = {
  from: [
    { requestJson: "/refresh_token" },
    { cookie: "directus_refresh_token" },
    { cookie: "directus_session_token" },
  ],
  tokens: "opaque",
};

const directus: Framework = {
  standards: { upstream: "http://127.0.0.1:8055", key: secret, token: "bearer", ...none },
  tokens: {
    from: [
      { header: "authorization", scheme: "Bearer" },
      { cookie: "directus_session_token" },
      { query: "access_token" },
    ],
    subjectClaim: "id",
    sessionClaim: "session",
  },
  routes: [
    {
      ...{ path: "/auth/login", methods: ["POST"], access: "public" },
      ...{ ...directusHandsOut, session: "begins" },
    },
    {
      ...{ path: "/auth/refresh", methods: ["POST"], ...directusRefreshes },
      ...{ ...directusHandsOut, session: "continues" },
    },
    {
      ...{ path: "/auth/logout", methods: ["POST"], ...directusRefreshes },
      ...{ revoke: "session", alsoRevoke: [{ header: "authorization", scheme: "Bearer" }] },
      ...{ expired: "forward", revoked: "forward" },
    },
    { path: "/auth/password/request", methods: ["POST"], access: "public" },
    { path: "/auth/password/reset", methods: ["POST"], access: "public" },
    {
      ...{ path: "/users/me", methods: ["PATCH"], revoke: "others" },
      when: { requestJson: "/password" },
    },
    {
      ...{
        path: "/users/{id}",
        methods: ["PATCH"],
        revoke: "others",
        subjectFrom: { path: "id" },
      },
      when: { requestJson: "/password" },
    },
    {
      ...{ path: "/users/{id}", methods: ["DELETE"], revoke: "subject" },
      subjectFrom: { path: "id" },
    },
    {
      ...{ path: "/graphql/system", methods: ["POST"], access: "optional", session: "begins" },
      handsOut: [
        { responseJson: "/data/auth_login/access_token" },
        { responseJson: "/data/auth_login/refresh_token" },
      ],
    },
    { path: "/graphql/system", graphql: { mutation: "auth_logout" }, revoke: "session" },
    { path: "/graphql/system", graphql: { mutation: "update_users_me" }, revoke: "others" },
    {
      path: "/graphql/system",
      graphql: {
        mutation: [
          ...["auth_refresh", "update_users_item", "update_users_items", "update_users_batch"],
          ...["delete_users_item", "delete_users_items"],
        ],
      },
      refuse: true,
    },
    {
      ...{ path: "/graphql", methods: ["GET"] },
      firstMessage: { protocol: "graphql", token: "/payload/access_token" },
    },
    {
      ...{ path: "/websocket", methods: ["GET"] },
      firstMessage: {
        ...{ protocol: "json", type: "auth", token: "/access_token" },
        refusedMembers: ["/refresh_token"],
      },
    },
    ...["/auth", "/auth/*", "/server/*", "/", "/admin", "/admin/*", "/extensions/sources/*"].map(
      (path) => ({ path, methods: ["GET"], access: "public" }),
    ),
    { path: "/assets/*", methods: ["GET"], access: "optional" },
    { path: "/items/*", methods: ["GET"], access: "optional" },
  ],
  notes: [
    "The secret is SECRET. A logout ends its session: the access token, the refresh token and what they were refreshed into,",
    "whichever of them the client sends. By GraphQL (auth_logout) it must send the access token in the header. A change of",
    "oneself by GraphQL (update_users_me) ends the user's other sessions, whatever it changes. Refreshing by GraphQL, and",
    "changes of other users by it, are refused: use REST, where the tokens and the users can be seen.",
    "The token of a password reset names an e-mail and no user, so revgate can't end that user's sessions: end them with",
    "revgate revoke --subject ID, or by POST /revocations of the admin API from a Flow of Directus.",
    "On a WebSocket, messages that log in by e-mail or refresh_token are refused: send access_token.",
  ],
};

const verdaccio: Framework = {
  standards: { upstream: "http://127.0.0.1:4873", key: secret, token: "bearer", ...none },
  tokens: { subjectClaim: "name" },
  routes: [
    {
      ...{ path: "/-/user/token/{token}", methods: ["DELETE"], revoke: "token" },
      from: [{ path: "token" }],
    },
    // npm logs in an existing user with Basic, by these three requests.
    { path: "/-/user/{user}", methods: ["GET", "PUT"], access: "public" },
    { path: "/-/user/{user}/-rev/{revision}", methods: ["PUT"], access: "public" },
    { path: "/-/v1/login", methods: ["POST"], access: "public" },
    { path: "/-/verdaccio/sec/login", methods: ["POST"], access: "public" },
    { path: "/-/static/*", methods: ["GET"], access: "public" },
    { path: "/*", methods: ["GET", "HEAD"], access: "optional", allowEncodedSlash: true },
    { path: "/*", methods: ["PUT"], access: "protected", allowEncodedSlash: true },
  ],
  notes: [
    "Needs security.api.jwt in Verdaccio's config.yaml (its older tokens are no JWTs); the secret stands in its",
    ".verdaccio-db.json. npm logout ends the token.",
  ],
};

const simplejwt: Framework = {
  standards: { upstream: "http://127.0.0.1:8000", key: secret, token: "bearer", ...none },
  tokens: { subjectClaim: "user_id" },
  routes: [
    { path: "/api/token/", methods: ["POST"], access: "public" },
    { path: "/api/token/verify/", methods: ["POST"], access: "public" },
    { path: "/api/token/refresh/", methods: ["POST"], from: [{ requestJson: "/refresh" }] },
    {
      ...{ path: "/api/token/blacklist/", methods: ["POST"], access: "public", revoke: "token" },
      alsoRevoke: [{ requestJson: "/refresh" }],
    },
  ],
  notes: [
    "The secret is SECRET_KEY, or SIMPLE_JWT's SIGNING_KEY. A logout (TokenBlacklistView) ends the refresh token in its body,",
    "and the access token if it comes with it: have clients send the header there, too.",
  ],
};

const own = { key: secret, token: "bearer" };

/** By the name that `--framework` takes. */
export const frameworks: Readonly<Record<string, Framework>> = {
  "flask-jwt-extended": {
    standards: { ...own, upstream: "http://127.0.0.1:5000", logout: "DELETE,POST /logout" },
    notes: [
      "The secret is JWT_SECRET_KEY. Refresh tokens are sent in the same header, and end by a logout with them.",
    ],
  },
  simplejwt,
  express: {
    standards: { ...own, upstream: "http://127.0.0.1:3000" },
    notes: ["For jsonwebtoken, express-jwt or passport-jwt: the secret is what they verify with."],
  },
  fastify: {
    standards: { ...own, upstream: "http://127.0.0.1:3000" },
    notes: ["For @fastify/jwt: the secret is the one that it is registered with."],
  },
  strapi,
  directus,
  verdaccio,
  spring: {
    standards: {
      ...{ upstream: "http://127.0.0.1:8081", token: "bearer", success: "2xx,302" },
      key: "https://id.example.com/oauth2/jwks",
    },
    notes: [
      "For a resource server of Spring Security: the key set is its jwk-set-uri. Spring's own port is 8080, as revgate's here:",
      "set server.port=8081 and server.address=127.0.0.1. Its logout answers 302 unless configured otherwise.",
    ],
  },
};
