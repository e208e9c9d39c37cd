import type { RedisCause } from "../../observability/redis-troubles.ts";
import { commandAt, type ScriptName } from "./scripts.ts";

const maxExcerpt = 200;

/**
 * Takes out of an error what Redis repeats of the command that it does not know: of AUTH that is the password,
 * and servers without AUTH are common (old sentinels, proxies, `rename-command`).
 */
export function hideArguments<Failure>(failure: Failure): Failure {
  if (!(failure instanceof Error)) return failure;
  failure.message = failure.message.replace(/,? with args\b.*/is, "");
  const { lastNodeError } = failure as Error & { readonly lastNodeError?: unknown };
  hideArguments(lastNodeError);
  return failure;
}

/** Why a command failed: what Redis refuses in its own words, a command that the user may not use by its name. */
export function whyNot(error: unknown, script: ScriptName | undefined): string {
  const { name, message } = error as Error;
  const redirected = /^Too many Cluster redirections\. Last error: \w+: (.*)$/.exec(message)?.[1];
  if (redirected !== undefined) return whyRedirected(redirected);
  if (name !== "ReplyError") return "redis does not answer";
  // What came before was refused, and not told.
  if (message === "ERR EXEC without MULTI") return whyRefused("multi");
  const command = /^NOPERM .*run the '([^']+)'/.exec(message)?.[1] ?? refusedIn(message, script);
  if (command === undefined) return `redis refuses: ${message.slice(0, maxExcerpt)}`;
  return whyRefused(command);
}

function whyRefused(command: string): string {
  return `the redis user may not use ${command}; docs/redis.md lists what it needs (NOPERM)`;
}

/** Why a command is sent from one node of a Cluster to the next: what the last of them said. */
function whyRedirected(said: string): string {
  const slot = /^(?:MOVED|ASK) (\d+) /.exec(said)?.[1];
  if (slot === undefined) return `redis refuses: ${said.slice(0, maxExcerpt)}`;
  return `the nodes of the redis cluster do not agree which of them has slot ${slot} (redis-cli --cluster fix)`;
}

function refusedIn(message: string, script: ScriptName | undefined): string | undefined {
  const line = /can't run this command.*@user_script:\s*(\d+)/.exec(message)?.[1];
  return script && line && commandAt(script, Number(line));
}

/** Why there is no connection: what Redis, the system or TLS said last. */
export function whyNotConnected(error: Error | undefined): string {
  if (error === undefined) return "redis is not connected";
  // A Cluster says that it failed, and which node's error it met last.
  const { lastNodeError } = error as Error & { readonly lastNodeError?: Error };
  const { code, message } = (lastNodeError ?? error) as NodeJS.ErrnoException;
  // So do sentinels, and how long they wait.
  const [, atSentinel] = /^All sentinels are unreachable.*Last error: (.*)$/.exec(message) ?? [];
  const said =
    atSentinel ?? (code === undefined || message.includes(code) ? message : `${message} (${code})`);
  return `redis is not connected: ${said.slice(0, maxExcerpt)}`;
}

/** The words by which Redis, TLS and the system are known to speak of each cause. */
const words: readonly (readonly [RedisCause, RegExp])[] = [
  ["wrongpass", /WRONGPASS/],
  ["noauth", /NOAUTH/],
  ["noperm", /NOPERM/],
  ["tls", /ERR_TLS|ERR_SSL|CERT|SELF_SIGNED|certificate|EPROTO/],
  ["unreachable", /ECONN|EHOST|ENET|ENOTFOUND|EAI_AGAIN|EPIPE|unreachable|not connected$/],
  ["timeout", /ETIMEDOUT|not answer/],
];

/** What kind of failure a text from here tells of; undefined: it has not been tried yet. */
export function causeOf(why: string): RedisCause | undefined {
  if (why.startsWith("redis has not been")) return undefined;
  return words.find(([, pattern]) => pattern.test(why))?.[0] ?? "other";
}
