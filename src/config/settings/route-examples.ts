/** The rules that most applications have. */
export const routeExample = [
  { path: "/login", methods: ["POST"], access: "public" },
  { path: "/articles/*", methods: ["GET"], access: "optional" },
  { path: "/reset-password", methods: ["POST"], access: "public", revoke: "token" },
  { path: "/change-password", methods: ["POST"], revoke: "subject" },
  { path: "/logout", methods: ["POST"], revoke: "token" },
];

/** Rules for what fewer applications have. */
export const otherRouteExamples = [
  {
    path: "/sign-out",
    methods: ["POST"],
    revoke: "token",
    success: { status: ["2xx", 302, 303] },
    alsoRevoke: [{ cookie: "refresh", lifetime: "30d" }],
    expired: "forward",
    revoked: "forward",
  },
  {
    path: "/forgotten-password",
    methods: ["POST"],
    access: "public",
    revoke: "subject",
    subjectFrom: { responseJson: "/user/id", issuer: "https://id.example.com" },
  },
  {
    path: "/refresh",
    methods: ["POST"],
    from: [{ cookie: "refresh" }],
    tokens: "opaque",
    handsOut: [{ responseJson: "/access" }, { responseCookie: "refresh" }],
    session: "continues",
    reused: "end",
  },
  {
    path: "/sessions/{token}",
    methods: ["DELETE"],
    revoke: "token",
    alsoRevoke: [{ path: "token" }],
  },
  {
    path: "/users/{id}",
    methods: ["DELETE"],
    revoke: "subject",
    subjectFrom: { path: "id", issuer: "https://id.example.com" },
  },
  {
    path: "/users/me",
    methods: ["PATCH"],
    when: { requestJson: "/password" },
    revoke: "subject",
  },
  {
    path: "/account/password",
    methods: ["POST"],
    revoke: "others",
    sparing: [{ cookie: "refresh" }, { responseJson: "/token" }],
  },
  {
    path: "/sessions",
    methods: ["POST"],
    access: "public",
    handsOut: [{ responseJson: "/access" }, { responseJson: "/refresh" }],
    only: "latest",
  },
  { path: "/graphql", graphql: { mutation: "logout" }, revoke: "token" },
  {
    path: "/subscriptions",
    methods: ["GET"],
    firstMessage: { protocol: "graphql", token: "/payload/Authorization", scheme: "Bearer" },
  },
  { path: "/events", stream: true },
];
