import { stringify } from "yaml";
import { UsageError } from "../../errors.ts";

/** What has to be known of an application to stand in front of it; empty: there is none. */
export interface BaseFacts {
  readonly upstream: string;
  /** A PEM file, relative to the configuration, or the address of a key set. */
  readonly key: string;
  /** `header NAME`, `bearer` or `cookie NAME`. */
  readonly token: string;
  /** Routes: a path, with methods in front where not every one is meant. */
  readonly login: string;
  readonly logout: string;
  readonly "change-password": string;
  readonly "reset-password": string;
  readonly redis: string;
  readonly "data-dir": string;
}

/** Writes a configuration with a line of why at each setting; throws UsageError where a fact can't be read. */
export function starterConfig(facts: BaseFacts): string {
  const routes = [
    rule(facts.login, "login", { access: "public" }),
    rule(facts["reset-password"], "reset-password", { access: "public", revoke: "token" }),
    rule(facts["change-password"], "change-password", { revoke: "subject" }),
    rule(facts.logout, "logout", { revoke: "token" }),
  ].flat();
  return `# yaml-language-server: $schema=config.schema.json
# revgate: config.example.yaml in the package has every setting; revgate check-config names every mistake.

# Where clients reach it. 127.0.0.1 is this machine alone: in a container, or for clients elsewhere, 0.0.0.0.
listen:
  host: 127.0.0.1
  port: 8080

# The application. Let it listen on loopback only, or close its port to everybody else.
upstream:
  url: ${yaml(facts.upstream)}

tokens:
  # Where clients send the token.
  from:
    - ${yaml(sourceOf(facts.token))}
  # What verifies it. Files and key sets are read again when they change.
  keys:
    - ${yaml(/^https?:/.test(facts.key) ? { jwksUrl: facts.key } : { publicKeyFile: facts.key })}

# What is open, and what ends a token once the application answers 2xx. Everything else needs a valid token.
# revoke: token ends the token that was carried, revoke: subject every token of its user.
# access: public checks no token. For a page that visitors and users share, use access: optional: no token is needed,
# but one that is sent must be live, such as { path: /articles/*, methods: [GET], access: optional }.
routes:${routes.length === 0 ? " []" : `\n${routes.map((route) => `  - ${yaml(route)}`).join("\n")}`}

denylist:
  # A directory for this sidecar alone; it must outlive the container.
  dataDir: ${yaml(facts["data-dir"])}
${redisOf(facts.redis)}`;
}

function redisOf(url: string): string {
  if (url === "") {
    return "  # With several sidecars, let them share their revocations:\n  #redis: { url: redis://redis:6379 }\n";
  }
  return `  # Every sidecar that shares it refuses what one of them has revoked.\n  redis:\n    url: ${yaml(url)}\n`;
}

function rule(route: string, flag: string, settings: Readonly<Record<string, string>>) {
  if (route === "") return [];
  const [, methods, path] = /^(?:([A-Z]+(?:,[A-Z]+)*)\s+)?(\/\S*)$/.exec(route) ?? [];
  if (path === undefined) {
    throw new UsageError(`--${flag}: expected a route such as "POST /${flag}", got "${route}"`);
  }
  return [{ path, ...(methods && { methods: methods.split(",") }), ...settings }];
}

function sourceOf(token: string): Readonly<Record<string, string>> {
  const [, kind, name] = /^(header|cookie)\s+(\S+)$/.exec(token) ?? [];
  if (token === "bearer") return { header: "authorization", scheme: "Bearer" };
  if (kind === undefined || name === undefined) {
    throw new UsageError(
      `--token: expected "header NAME", "bearer" or "cookie NAME", got "${token}"`,
    );
  }
  return { [kind]: name };
}

/** A value on one line. */
function yaml(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim();
}
