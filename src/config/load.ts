import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { ConfigError } from "../errors.ts";
import type { VerificationKey } from "../token/keys/verification-key.ts";
import { type ConfigDocument, readDocument, type SettingPath } from "./document.ts";
import {
  type KeySettings,
  readKeySetAuthorities,
  readKeys,
  type SettingFiles,
} from "./key-files.ts";
import { type NameKeys, readNameKeys } from "./name-keys.ts";
import type { RedisFiles } from "./redis.ts";
import { configSchema, type Settings } from "./schema.ts";
import { readAuthorities, readCertificate, readTlsFiles, type TlsFiles } from "./tls-files.ts";

/** What the files named in the configuration hold. */
export interface ConfigFiles extends TlsFiles {
  readonly keys: readonly VerificationKey[];
  /** Those of `tokens.issuers`, in the same order. */
  readonly issuerKeys: readonly (readonly VerificationKey[])[];
  /** Those of `signals.transmitters`, in the same order. */
  readonly transmitterKeys: readonly (readonly VerificationKey[])[];
  /** Certificate authorities of key sets, by the name of their file. */
  readonly keySetAuthorities: ReadonlyMap<string, Buffer>;
  readonly adminToken: string | undefined;
  readonly introspectionSecret: string | undefined;
  readonly redis: RedisFiles;
  readonly nameKeys: NameKeys;
}

/** The whole configuration: settings, and the contents of the files they name. */
export interface Config {
  readonly settings: Settings;
  readonly files: ConfigFiles;
  /** Every file that was read but for those with keys, which are read again apart; absolute paths. */
  readonly sources: readonly string[];
  /** `file:line:column` of a setting. */
  readonly place: (path: SettingPath) => string;
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
  const sources = [resolve(file)];
  const files = await readFiles(parsed.data, directory, document, sources);
  return { settings: parsed.data, files, sources, place: document.place, directory };
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
      (key) =>
        `${document.placeOfKey(path, key)} ${nameOfSetting([...path, key])}: unknown setting`,
    );
  }
  const found =
    issue.code === "custom" && typeof issue.input === "object" ? "" : gotten(issue.input);
  return [`${document.place(path)} ${nameOfSetting(path)}: ${issue.message}${found}`];
}

/** A setting as messages name it, such as `routes[0].path`. */
export function nameOfSetting(path: SettingPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

function gotten(input: unknown): string {
  if (input === undefined) return ", got nothing";
  const shown = JSON.stringify(input, (_key, value: unknown) =>
    typeof value === "string" ? withoutUserinfo(value) : value,
  );
  return `, got ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`;
}

/**
 * A URL may hold a password, and a password may hold an `@`, a `/` or a `"`: the host follows the last `@`. So it
 * does in a URL that was mistyped.
 */
function withoutUserinfo(text: string): string {
  return text.replace(/^([a-z]+:\/\/)?.*@/is, "$1…@");
}

/** Reads every file that is named; rejects with all that is wrong with any of them. */
async function readFiles(
  settings: Settings,
  directory: string,
  document: ConfigDocument,
  sources: string[],
): Promise<ConfigFiles> {
  const problems: string[] = [];
  const files = settingFiles(directory, (path, message) => {
    problems.push(`${document.place(path)} ${nameOfSetting(path)}: ${message}`);
  });
  const others: SettingFiles = {
    ...files,
    read(file, path) {
      if (file !== undefined) sources.push(resolve(directory, file));
      return files.read(file, path);
    },
  };
  const { tokens, signals } = settings;
  const read: ConfigFiles = {
    keys: await readKeys(tokens, ["tokens"], files),
    issuerKeys: await readEach(tokens.issuers, ["tokens", "issuers"], files),
    transmitterKeys: await readEach(signals.transmitters, ["signals", "transmitters"], files),
    keySetAuthorities: new Map([
      ...(await readKeySetAuthorities(tokens, ["tokens"], others)),
      ...(await readEachAuthority(tokens.issuers, ["tokens", "issuers"], others)),
      ...(await readEachAuthority(signals.transmitters, ["signals", "transmitters"], others)),
    ]),
    adminToken: await readAdminToken(settings, others),
    introspectionSecret: readText(
      await others.read(tokens.introspection?.clientSecretFile, [
        ...["tokens", "introspection", "clientSecretFile"],
      ]),
    ),
    ...(await readTlsFiles(settings, others)),
    redis: await readRedisFiles(settings, others),
    // Not read again: they stay what they are until a restart.
    nameKeys: await readNameKeys(settings, files),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return read;
}

function settingFiles(directory: string, report: SettingFiles["report"]): SettingFiles {
  return {
    report,
    async read(file, path) {
      try {
        return file === undefined ? undefined : await readFile(resolve(directory, file));
      } catch (error) {
        report(path, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
        return undefined;
      }
    },
  };
}

async function readEach(
  list: readonly KeySettings[],
  path: SettingPath,
  files: SettingFiles,
): Promise<VerificationKey[][]> {
  const keys: VerificationKey[][] = [];
  for (const [index, each] of list.entries()) {
    keys.push(await readKeys(each, [...path, index], files));
  }
  return keys;
}

async function readEachAuthority(
  list: readonly KeySettings[],
  path: SettingPath,
  files: SettingFiles,
): Promise<[string, Buffer][]> {
  const all = list.map((each, index) => readKeySetAuthorities(each, [...path, index], files));
  return (await Promise.all(all)).flatMap((each) => [...each]);
}

async function readAdminToken(
  { admin }: Settings,
  { read, report }: SettingFiles,
): Promise<string | undefined> {
  const path = ["admin", "tokenFile"];
  const secret = readText(await read(admin.tokenFile, path));
  if (secret !== undefined && !/^\S{16,}$/.test(secret)) {
    report(path, "expected a secret of 16 characters or more, without spaces");
  }
  return secret;
}

async function readRedisFiles(
  { denylist: { redis } }: Settings,
  files: SettingFiles,
): Promise<RedisFiles> {
  const path = ["denylist", "redis"];
  const { read } = files;
  const { sentinels } = redis ?? {};
  return {
    password: readText(await read(redis?.passwordFile, [...path, "passwordFile"])),
    sentinelPassword: readText(
      await read(sentinels?.passwordFile, [...path, "sentinels", "passwordFile"]),
    ),
    ca: await readAuthorities(redis?.caFile, [...path, "caFile"], files),
    certificate: redis && (await readCertificate(redis, path, files)),
  };
}

/** What a file with one secret holds. */
function readText(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString("utf8").trim();
}
