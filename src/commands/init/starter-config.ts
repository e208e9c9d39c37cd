import { stringify } from "yaml";
import { UsageError } from "../../errors.ts";
import type { BaseFacts } from "./facts.ts";
import type { Framework } from "./frameworks.ts";
import type { KeyFact } from "./key-fact.ts";

type Rule = Readonly<Record<string, unknown>>;

/** Writes a configuration with a line of why at each setting; throws UsageError if a fact can't be read. */
export function starterConfig(
  facts: BaseFacts,
  { key, algorithms }: KeyFact,
  framework?: Framework,
): string {
  const tokens = { from: [sourceOf(facts.token)], ...framework?.tokens };
  const { from, ...claims } = tokens;
  return `# yaml-language-server: $schema=config.schema.json
# revgate: config.example.yaml in the package has every setting; revgate check-config names every mistake.
${comments(framework?.notes)}
# Where clients reach it. 127.0.0.1 is this machine alone: in a container, or for clients elsewhere, 0.0.0.0.
listen:
  host: 127.0.0.1
  port: 8080

# Probes, metrics and the status page. In a container 0.0.0.0 too (the default), or probes and Prometheus can't reach it.
admin:
  host: 127.0.0.1
  port: 9090

# The application. Let it listen on loopback only, or close its port to everybody else.
upstream:
  url: ${yaml(facts.upstream)}

tokens:
  # Where clients send the token.
  from:
${items(from)}
  # What verifies it. Files and key sets are read again when they change.
  keys:
    - ${yaml(key)}
${settings({ ...(algorithms && { algorithms }), ...claims })}
# What is open, and what ends a token once the application answers 2xx. Everything else needs a valid token.
# revoke: token ends the token that was carried, revoke: subject every token of its user.
# access: public checks no token. For a page that visitors and users share, use access: optional: no token is needed,
# but one that is sent must be live, such as { path: /articles/*, methods: [GET], access: optional }.
routes:${listOf(rulesOf(facts, framework))}

denylist:
  # A directory for this sidecar alone; it must outlive the container.
  dataDir: ${yaml(facts["data-dir"])}
${redisOf(facts.redis)}`;
}

function rulesOf(facts: BaseFacts, framework: Framework | undefined): Rule[] {
  const success = successOf(facts.success);
  return [
    rule(facts.login, "login", { access: "public" }),
    rule(facts["reset-password"], "reset-password", {
      access: "public",
      revoke: "token",
      ...success,
    }),
    rule(facts["change-password"], "change-password", { revoke: "subject", ...success }),
    rule(facts.logout, "logout", { revoke: "token", ...success }),
    ...facts.optional
      .split(";")
      .map((route) => rule(route.trim(), "optional", { access: "optional" })),
    ...(framework?.routes ?? []),
  ].flat();
}

/** As it is, 2xx is success. */
function successOf(statuses: string): Rule {
  const list = statuses.split(",").map((status) => status.trim());
  if (statuses === "" || list.join() === "2xx") return {};
  return { success: { status: list.map((each) => (/^\d+$/.test(each) ? Number(each) : each)) } };
}

function comments(lines: readonly string[] = []): string {
  return lines.map((line) => `# ${line}\n`).join("");
}

function items(values: unknown): string {
  return (Array.isArray(values) ? values : []).map((value) => `    - ${yaml(value)}`).join("\n");
}

function settings(values: Rule): string {
  return Object.entries(values)
    .map(([name, value]) => `  ${name}: ${yaml(value)}\n`)
    .join("");
}

function listOf(rules: readonly Rule[]): string {
  return rules.length === 0 ? " []" : `\n${rules.map((each) => `  - ${yaml(each)}`).join("\n")}`;
}

function redisOf(url: string): string {
  if (url === "") {
    return "  # With several sidecars, let them share their revocations:\n  #redis: { url: redis://redis:6379 }\n";
  }
  return `  # Every sidecar that shares it refuses what one of them has revoked.\n  redis:\n    url: ${yaml(url)}\n`;
}

function rule(route: string, flag: string, settings: Rule): Rule[] {
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
