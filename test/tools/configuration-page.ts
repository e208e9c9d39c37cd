import {
  describeSettings,
  type JsonSchema,
  type SettingDescription,
} from "../../src/config/json-schema.ts";

const introduction = `# Configuration

## Common tasks

| to | set |
|---|---|
| read \`Authorization: Bearer …\`, or a cookie | \`tokens.from: [ { header: authorization, scheme: Bearer }, { cookie: session } ]\` |
| read tokens of browsers' WebSockets | \`tokens.from: [ { query: access_token }, { webSocketProtocol: bearer } ]\` |
| read a token in a WebSocket's first message | \`routes: [ { path: /graphql, firstMessage: { protocol: graphql, token: /payload/Authorization, scheme: Bearer } } ]\` |
| end tokens with a mutation of GraphQL | \`routes: [ { path: /graphql, graphql: { mutation: logout }, revoke: token } ]\` |
| end sessions only if a body has a password | \`routes: [ { path: /users/me, methods: [PATCH], when: { requestJson: /password }, revoke: subject } ]\` |
| end the token of a gRPC call | \`routes: [ { path: /shop.Account/Logout, methods: [POST], revoke: token } ]\` |
| reach an application that speaks HTTP/2 only | \`upstream: { url: http://127.0.0.1:3000, protocol: http2 }\` |
| end the token in the path | \`routes: [ { path: "/sessions/{token}", methods: [DELETE], revoke: token, alsoRevoke: [ { path: token } ] } ]\` |
| share revocations among replicas | \`denylist.redis: { url: redis://redis:6379 }\` |
| reach Redis through Sentinel | \`denylist.redis: { sentinels: { primary: mymaster, nodes: [redis://sentinel:26379] }, waitReplicas: 1 }\` |
| use a Redis Cluster | \`denylist.redis: { cluster: [redis://redis-1:6379, redis://redis-2:6379] }\` |
| ask Redis on each request | \`denylist.redis: { url: redis://redis:6379, reads: every-request }\` |
| end every device of a user with a changed password | \`routes: [ { path: /password, methods: [PUT], revoke: subject } ]\` |
| the same for a password reset, which carries no token | \`routes: [ { path: /reset, access: public, revoke: subject, subjectFrom: { responseJson: /user/id } } ]\` |
| end a user's other devices with a changed password | \`routes: [ { path: /password, methods: [PUT], revoke: others } ]\` |
| end a user's other devices with each login | \`routes: [ { path: /login, access: public, handsOut: [ { responseJson: /token } ], only: latest } ]\` |
| end together what a login handed out together | \`routes: [ { path: /login, access: public, handsOut: [ { responseJson: /access }, { responseJson: /refresh } ], session: begins }, { path: /logout, revoke: session } ]\` |
| end the refresh token with the access token | \`routes: [ { path: /logout, revoke: token, alsoRevoke: [ { cookie: refresh } ] } ]\` |
| take keys from an identity provider | \`tokens.keys: [ { jwksUrl: https://id.example.com/jwks } ]\` |
| end sessions when the user logs out at the identity provider | \`signals.backchannelLogout: [ { audience: shop } ]\` |
| pass the verified user to the application | \`tokens.forwardClaims: { sub: x-user-id }\` |
| answer in Chinese, in the words of existing APIs | \`errors.language: zh\` |
| answer in Chinese that a page can show as it is | \`errors.language: zh-CN\` |
| answer in the shape of an existing API | \`errors.body: '{"code":\${status},"msg":\${message}}'\` |
| answer 200 and a code to everything | \`errors: { status: 200, codes: { token_revoked: 40101 }, body: '{"code":\${code},"msg":\${message},"data":null}' }\` |
| send browsers to the login page | \`errors.html: { redirect: /login, clearCookies: [session] }\` |
| let visitors in without a token, and check the token of those who send one | \`routes: [ { path: /articles/*, access: optional } ]\` |
| allow pages of another origin | \`cors: { allowOrigins: [https://shop.example], preflight: forward }\` |
| let nginx, Traefik, Caddy, HAProxy or Envoy ask, without traffic through revgate | \`decisions: { port: 9095, gateways: [10.0.0.0/8], question: forwarded }\` |
| take values from the environment | \`\${NAME}\`, \`\${NAME:-default}\` |

The [examples](../examples) have whole configurations: [Flask](../examples/flask), [Express](../examples/express) with an
access token and a refresh token, [gRPC](../examples/grpc), and an [OpenID provider](../examples/identity-provider) whose logouts end
sessions here.

## Every setting

Written by \`npm run docs\` from the schema of the configuration; do not edit.

One YAML file, by default \`revgate.yaml\`, or what \`--config\` or \`REVGATE_CONFIG\` names. Durations have a unit
(\`150ms\`, \`5s\`, \`10m\`, \`3d\`). \`\${NAME}\` and \`\${NAME:-default}\` take values from the environment. Paths of
files are relative to the configuration. Unknown settings are errors; \`revgate check-config\` names every mistake with
its line and column. [\`config.example.yaml\`](../config.example.yaml) has the same settings in one file, with reasons to change
them. \`[]\` stands for each item of a list.

If the first line of a configuration is

    # yaml-language-server: $schema=config.schema.json

editors complete and check it by [\`config.schema.json\`](../config.schema.json).

A change of the file, or of one that it names, takes effect while revgate runs. Only changes of \`listen.host\`, \`listen.port\`,
\`admin.host\`, \`admin.port\`, \`limits.headerBytes\` and \`denylist\` need a restart, and so does adding or removing \`listen.tls\`.
`;

/** docs/configuration.md: every setting in a table, a group a section. */
export function configurationPage(): string {
  const settings = describeSettings();
  const sections = settings.filter(isGroup).map((group) => {
    const inner = settings.filter(
      (setting) => isShown(setting) && setting.path.startsWith(group.path) && setting !== group,
    );
    const table = ["| setting | takes | default | |", "|---|---|---|---|", ...inner.map(row)];
    return `### ${group.path}\n\n${group.about?.meaning}\n\n${table.join("\n")}\n`;
  });
  return [introduction, ...sections].join("\n");
}

function isGroup({ path }: SettingDescription): boolean {
  return !/[.[]/.test(path);
}

/** Items of lists say nothing by themselves; the names of errors are in errors.md. */
function isShown({ path }: SettingDescription): boolean {
  return !path.endsWith("]") && !/^errors\.(?:messages|status|codes)\./.test(path);
}

function row({ path, schema, about }: SettingDescription): string {
  const cells = [`\`${path}\``, takes(schema), defaultOf(schema), about?.meaning ?? ""];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function takes(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(", ");
  if (schema.description) return schema.description;
  if (schema.type === "array") return `a list: ${takes(schema.items as JsonSchema)}`;
  if (schema.type === "boolean") return "`true` or `false`";
  return schema.properties === undefined ? "names and values" : "settings";
}

function defaultOf({ default: value, type, properties }: JsonSchema): string {
  if (value === undefined || (type === "object" && properties !== undefined)) return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}
