/** What each setting is for, in a line; `[]` stands for an item of a list. */
const byPath: Readonly<Record<string, string>> = {
  listen: "Where clients connect.",
  "listen.host": "The address to listen on.",
  "listen.port": "The port that clients are pointed at.",
  "listen.tls": "TLS on this side; most pods leave it to the mesh or the ingress.",
  "listen.tls.certFile": "The certificate chain, PEM.",
  "listen.tls.keyFile": "Its private key, PEM.",
  "listen.trustedProxies":
    "Addresses or ranges whose X-Forwarded-* and Forwarded are believed and extended; from anybody else they are made anew.",
  upstream: "The application.",
  "upstream.url": "Its address: http: or https:, host and port.",
  "upstream.caFile": "Certificates to trust for https: besides the system's.",
  "upstream.connectTimeout": "How long connecting to it may take.",
  "upstream.responseTimeout": "From the request being sent to the head of the response.",
  "upstream.maxConnections": "Connections to it; requests beyond that wait for one.",
  tokens: "The tokens that the application hands out.",
  "tokens.from":
    "Where clients send them, first to last. Sources that carry different tokens are refused.",
  "tokens.algorithms":
    "Which signatures count; a key serves the algorithms of its own family only.",
  "tokens.keys": "The keys that verify them.",
  "tokens.issuer": "Tokens of another issuer are refused, where this is set.",
  "tokens.audience": "Tokens for another audience are refused, where this is set.",
  "tokens.issuers": "Further issuers, each with keys, audience and algorithms of its own.",
  "tokens.issuers[].issuer": "The iss of its tokens.",
  "tokens.jwks": "How published key sets are fetched.",
  "tokens.jwks.refresh": "How often.",
  "tokens.jwks.coolDown":
    "How soon once more, when a token names a key that is not in the set at hand.",
  "tokens.jwks.timeout": "How long a fetch may take.",
  "tokens.jwks.maxBytes": "The largest set that is read.",
  "tokens.subjectClaim": "The claim that says whose a token is, for revoke: subject.",
  "tokens.forwardClaims":
    "Headers by which the application is told of verified claims, such as { sub: x-user-id }; clients' own copies are dropped.",
  "tokens.forwardCredential": "Whether the application gets to see the token itself.",
  "tokens.clockTolerance": "By how much clocks may differ; revocations are kept that much longer.",
  "tokens.maxLifetime":
    "Tokens that live longer are refused: what is accepted must be revocable for as long as it lives.",
  "tokens.cacheEntries":
    "How many verified tokens are remembered, by hash, so that a signature is checked once.",
  target: "How paths are read.",
  "target.allowEncodedSlash":
    "Lets %2F through, on protected routes only; frameworks disagree on what it means.",
  routes: "What is open, and what ends a token. What no rule names needs a valid token.",
  "routes[].path":
    "As the application's own; * as a whole segment is one segment, or all below where it is the last.",
  "routes[].methods": "In upper case; all where it is left out.",
  "routes[].access":
    "public: no token is needed, where path and method are exactly as written here.",
  "routes[].revoke":
    "What a 2xx there ends: the token that was carried, or every token of its subject.",
  "routes[].alsoRevoke": "Further tokens that end with it, such as the refresh token.",
  "routes[].alsoRevoke[].lifetime":
    "For how long one is remembered that is no JWT of the issuer's.",
  "routes[].subjectFrom":
    "Where the subject is named, on a route that is reached without a token of theirs.",
  "routes[].subjectFrom.issuer": "Whose subject it is, where there are several issuers.",
  "routes[].from": "Where this route's token is sent, in place of tokens.from.",
  "routes[].tokens":
    "opaque: tokens there may be such as revgate can't look into; they pass unless they have been revoked.",
  "routes[].expired": "forward lets a logout be reached with a token that has expired.",
  "routes[].revoked": "forward lets a logout be reached with a token that has been revoked.",
  signals: "Identity providers that say when sessions end, by messages to the admin listener.",
  "signals.backchannelLogout":
    "OpenID Connect Back-Channel Logout 1.0, at POST /backchannel-logout.",
  "signals.backchannelLogout[].issuer":
    "One of the issuers of tokens; may be left out where there is one.",
  "signals.backchannelLogout[].audience": "The client id there.",
  "signals.transmitters": "Shared Signals by push (RFC 8935), at POST /events.",
  "signals.transmitters[].issuer": "Who sends them.",
  "signals.transmitters[].keys": "What they are signed with, where that is not an issuer's keys.",
  "signals.requestsPerSecond": "How many of them are looked at in a second.",
  liveConnections: "WebSocket connections, and responses that are still being sent.",
  "liveConnections.atExpiry": "What becomes of one whose token expires.",
  denylist: "Where revocations are kept.",
  "denylist.dataDir":
    "A directory of this sidecar's own that outlives the container: for the journal.",
  "denylist.onUnknownOutcome":
    "What a logout counts as of which nobody can know whether the application carried it out.",
  "denylist.redis": "With several sidecars they share their revocations here.",
  "denylist.redis.url": "One server.",
  "denylist.redis.sentinels": "Several servers, of which Sentinel names the primary.",
  "denylist.redis.sentinels.primary": "The name under which the sentinels know the primary.",
  "denylist.redis.sentinels.nodes": "The sentinels.",
  "denylist.redis.sentinels.username": "The user there.",
  "denylist.redis.sentinels.passwordFile": "The password there.",
  "denylist.redis.sentinels.database": "The database of the primary.",
  "denylist.redis.cluster": "A Cluster, by some of its nodes.",
  "denylist.redis.username": "The user, where the url does not name one.",
  "denylist.redis.passwordFile": "The password.",
  "denylist.redis.caFile": "Certificates to trust for rediss: besides the system's.",
  "denylist.redis.reads":
    "local: answered from memory while that is proved to be no older than staleness; every-request: Redis is asked each time.",
  "denylist.redis.staleness":
    "How old the memory of a sidecar may be, and how long each logout is held.",
  "denylist.redis.grace":
    "After a loss of data in Redis: for how long what is not there may have been. Longer than any sidecar takes to connect again and write back: seconds.",
  "denylist.redis.whenUnavailable":
    "deny: 503 while Redis does not answer; serve-known: what this sidecar knows by itself decides.",
  "denylist.redis.waitReplicas": "How many replicas must have a logout before it counts.",
  "denylist.redis.allowEviction":
    "Believes a Redis that may evict keys, and so forget revocations.",
  "denylist.redis.feedLines": "About how many revocations the feed keeps.",
  "denylist.redis.keyPrefix": "What the names of all keys begin with.",
  "denylist.redis.connectTimeout": "How long connecting may take.",
  "denylist.redis.commandTimeout": "How long an answer may take.",
  admin: "Probes, metrics, the status page and the API: not for clients.",
  "admin.host": "The address to listen on.",
  "admin.port": "The port for probes and Prometheus.",
  "admin.tokenFile":
    "A secret of 16 characters or more, with which sessions can be ended from outside.",
  "admin.requestsPerSecond": "How many requests of that kind are answered in a second.",
  errors: "What revgate answers when it says no.",
  "errors.language": "The language of the texts.",
  "errors.messages": "Other texts, by error.",
  "errors.body":
    "JSON in which ${error}, ${status} and ${message} stand where their values go, without quotes.",
  cors: "Pages of other origins.",
  "cors.allowOrigins": "Origins whose pages may read revgate's own refusals.",
  "cors.allowHeaders": "What preflight: answer allows pages to send.",
  "cors.allowCredentials": "Whether they may send cookies.",
  "cors.maxAge": "How long browsers remember the answer to a preflight.",
  "cors.preflight":
    "A preflight carries no token: refuse it, forward it to the application, or answer it here.",
  log: "JSON lines on standard output. No credential is ever in them.",
  "log.level": "How much is said.",
  "log.requests": "Which requests get a line.",
  limits: "Bounds.",
  "limits.headerBytes":
    "The longest head of a request or of a response. A request has at most 255 header lines.",
  "limits.tokenBytes": "Longer credentials are refused unseen.",
  "limits.bodyBytes": "The longest body that is read, on routes whose rules look into it.",
  "limits.headersTimeout": "How long a client may take for the head of a request.",
  "limits.requestTimeout": "How long a client may take for all of a request.",
  "limits.idleTimeout":
    "How long a connection without a request is kept; longer than the load balancer's.",
  "limits.maxConnections": "Connections of clients; more are turned away.",
  "limits.drainTimeout":
    "How long SIGTERM waits for what is under way; shorter than terminationGracePeriodSeconds.",
};

/** What settings are for that stand in several places, by their last name. */
const byName: Readonly<Record<string, string>> = {
  header: "The header that carries it.",
  scheme: "The authentication scheme in front of it there, such as Bearer.",
  cookie: "The cookie that carries it.",
  requestJson: "A JSON Pointer (RFC 6901) into the request's body.",
  form: "A field of the request's form.",
  responseJson: "A JSON Pointer (RFC 6901) into the application's answer.",
  responseHeader: "A header of the application's answer.",
  publicKeyFile: "A public key or a certificate, PEM.",
  secretFile: "A shared secret.",
  jwksUrl: "A published key set: https:, or http: on this machine.",
  insecureJwksUrl: "A published key set, over any http:.",
  kid: "Tokens with this kid alone are checked with this key.",
  audience: "Whom its tokens are for.",
  algorithms: "Which signatures count.",
  keys: "The keys that verify them.",
  ends: "What one ends: all tokens of the user, or those of the session.",
};

/** What a setting is for; undefined where nobody has said, which a test does not allow. */
export function meaningOf(path: string): string | undefined {
  if (path.startsWith("errors.messages.")) return "Another text for this error.";
  return byPath[path] ?? byName[path.slice(path.lastIndexOf(".") + 1)];
}

/** The paths that are explained by themselves, for the test that none is left over. */
export const explainedPaths: readonly string[] = Object.keys(byPath);
