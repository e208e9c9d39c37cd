import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { ConfigError, KeyUnusableError } from "../errors.ts";
import { type KeyMaterial, loadKey, type VerificationKey } from "../token/keys.ts";
import { type ConfigDocument, readDocument, type SettingPath } from "./document.ts";
import type { RedisFiles } from "./redis.ts";
import { configSchema, type Settings } from "./schema.ts";

/** What the files named in the configuration hold. */
export interface ConfigFiles {
  readonly keys: readonly VerificationKey[];
  /** Those of `tokens.issuers`, in the same order. */
  readonly issuerKeys: readonly (readonly VerificationKey[])[];
  readonly adminToken: string | undefined;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly upstreamCa: Buffer | undefined;
  readonly redis: RedisFiles;
}

/** The whole configuration: settings, and the contents of the files they name. */
export interface Config {
  readonly settings: Settings;
  readonly files: ConfigFiles;
  /** Paths in the configuration are relative to this directory: the configuration file's own. */
  readonly directory: string;
}

/**
 * Reads and checks a configuration file and every file it names.
 *
 * Rejects with ConfigError, which holds all problems at once, each as `file:line:column setting: what
 * was expected, what was found`.
 */
export async function loadConfig(file: string, environment: NodeJS.ProcessEnv): Promise<Config> {
  const document = readDocument(file, await readConfigFile(file), environment);
  if (document.problems.length > 0) throw new ConfigError(document.problems);

  const parsed = configSchema.safeParse(document.value ?? {}, { reportInput: true });
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.flatMap((issue) => describeIssue(document, issue)));
  }
  const directory = dirname(resolve(file));
  const files = await readFiles(parsed.data, directory, document);
  return { settings: parsed.data, files, directory };
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError([
      `${file}: cannot be read (${code}); name the configuration with --config, config.example.yaml is one to start from`,
    ]);
  }
}

function describeIssue(document: ConfigDocument, issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map(
      (key) => `${document.placeOfKey(path, key)} ${name([...path, key])}: unknown setting`,
    );
  }
  const found =
    issue.code === "custom" && typeof issue.input === "object" ? "" : gotten(issue.input);
  return [`${document.place(path)} ${name(path)}: ${issue.message}${found}`];
}

function name(path: SettingPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

function gotten(input: unknown): string {
  if (input === undefined) return ", got nothing";
  // A URL may hold a password.
  const shown = JSON.stringify(input).replace(/(:\/\/[^/@"]*:)[^@"]*@/g, "$1…@");
  return `, got ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`;
}

/** Reads every file that is named; rejects with all that is wrong with any of them. */
async function readFiles(
  settings: Settings,
  directory: string,
  document: ConfigDocument,
): Promise<ConfigFiles> {
  const problems: string[] = [];
  const report = (path: SettingPath, message: string) => {
    problems.push(`${document.place(path)} ${name(path)}: ${message}`);
  };
  const read: ReadSetting = async (file, path) => {
    try {
      return file === undefined ? undefined : await readFile(resolve(directory, file));
    } catch (error) {
      report(path, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
      return undefined;
    }
  };

  const { tokens } = settings;
  const keys = await readKeys(tokens, ["tokens"], read, report);
  const issuerKeys: VerificationKey[][] = [];
  for (const [index, issuer] of tokens.issuers.entries()) {
    issuerKeys.push(await readKeys(issuer, ["tokens", "issuers", index], read, report));
  }
  const { listen, upstream, denylist } = settings;
  const cert = await read(listen.tls?.certFile, ["listen", "tls", "certFile"]);
  const key = await read(listen.tls?.keyFile, ["listen", "tls", "keyFile"]);
  const upstreamCa = await read(upstream.caFile, ["upstream", "caFile"]);
  const password = await read(denylist.redis?.passwordFile, ["denylist", "redis", "passwordFile"]);
  const sentinelPassword = await read(denylist.redis?.sentinels?.passwordFile, [
    "denylist",
    "redis",
    "sentinels",
    "passwordFile",
  ]);
  const redisCa = await read(denylist.redis?.caFile, ["denylist", "redis", "caFile"]);
  const adminToken = await read(settings.admin.tokenFile, ["admin", "tokenFile"]);
  const secret = adminToken?.toString("utf8").trim();
  if (secret !== undefined && !/^\S{16,}$/.test(secret)) {
    report(["admin", "tokenFile"], "expected a secret of 16 characters or more, without spaces");
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    keys,
    issuerKeys,
    adminToken: secret,
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    upstreamCa,
    redis: {
      password: password?.toString("utf8").trim(),
      sentinelPassword: sentinelPassword?.toString("utf8").trim(),
      ca: redisCa,
    },
  };
}

type ReadSetting = (file: string | undefined, path: SettingPath) => Promise<Buffer | undefined>;
type KeySettings = Pick<Settings["tokens"], "keys" | "algorithms">;

/** Reads the key files of an issuer; `base` is where its settings are. */
async function readKeys(
  { keys: listed, algorithms }: KeySettings,
  base: SettingPath,
  read: ReadSetting,
  report: (path: SettingPath, message: string) => void,
): Promise<VerificationKey[]> {
  const keys: VerificationKey[] = [];
  for (const [index, { publicKeyFile, secretFile, kid }] of listed.entries()) {
    const [kind, setting] = secretFile ? secretSetting : publicSetting;
    const source = publicKeyFile ?? secretFile ?? "";
    const path = [...base, "keys", index, setting];
    // A key set is no file.
    const bytes = source === "" ? undefined : await read(source, path);
    const key =
      bytes &&
      loadKeyOrReport({ kind, bytes, source, kid }, algorithms, (message) => report(path, message));
    if (key) keys.push(key);
  }
  return keys;
}

function loadKeyOrReport(
  material: KeyMaterial,
  algorithms: KeySettings["algorithms"],
  report: (message: string) => void,
): VerificationKey | undefined {
  try {
    return loadKey(material, algorithms);
  } catch (error) {
    if (!(error instanceof KeyUnusableError)) throw error;
    report(error.message);
    return undefined;
  }
}

/** Reads the key files of an issuer once more; rejects with ConfigError where one can't be used. */
export async function reloadKeys(
  settings: KeySettings,
  directory: string,
): Promise<VerificationKey[]> {
  const problems: string[] = [];
  const keys = await readKeys(
    settings,
    [],
    (file) =>
      file === undefined ? Promise.resolve(undefined) : readFile(resolve(directory, file)),
    (_path, message) => void problems.push(message),
  );
  if (problems.length > 0) throw new ConfigError(problems);
  return keys;
}

const publicSetting = ["public", "publicKeyFile"] as const;
const secretSetting = ["secret", "secretFile"] as const;
