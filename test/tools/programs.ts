import { findExecutable } from "../../src/platform/executables.ts";

/** What tests need besides Node, and the Debian packages that bring it. */
export const neededPrograms = [
  { names: ["redis-server", "valkey-server"], packages: ["redis-server"] },
  { names: ["redis-cli", "valkey-cli"], packages: ["redis-tools"] },
  { names: ["curl"], packages: ["curl"] },
  { names: ["openssl"], packages: ["openssl"] },
  { names: ["h2load"], packages: ["nghttp2-client"] },
  { names: ["wrk"], packages: ["wrk"] },
  { names: ["cc", "gcc", "clang"], packages: ["gcc", "libc6-dev"] },
] as const;

/** What `npm run test:ops` needs beyond that. */
export const neededForOps = [
  { names: ["prometheus"], packages: ["prometheus"] },
  { names: ["promtool"], packages: ["prometheus"] },
  { names: ["chromium"], packages: ["chromium"] },
  { names: ["buildah"], packages: ["buildah"] },
  { names: ["nginx"], packages: ["nginx-light"] },
  { names: ["caddy"], packages: ["caddy"] },
  { names: ["haproxy"], packages: ["haproxy"] },
  { names: ["systemd-analyze"], packages: ["systemd"] },
] as const;

const systemFolders = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/opt/homebrew/bin"];

/** The first of several names for a program that is there, or undefined. */
export function searchProgram(names: readonly string[]): string | undefined {
  return findExecutable(names, process.env["PATH"], systemFolders);
}

/** The same, for a test that can't do without. */
export function findProgram(names: readonly string[]): string {
  const found = searchProgram(names);
  if (found === undefined) {
    throw new Error(`${names.join(" or ")} is missing: npm test installs it, or names the command`);
  }
  return found;
}
