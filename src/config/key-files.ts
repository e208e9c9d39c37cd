import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError, KeyUnusableError } from "../errors.ts";
import type { ClaimNames } from "../token/claims.ts";
import { type KeyMaterial, loadKeys } from "../token/keys/keys.ts";
import type { VerificationKey } from "../token/keys/verification-key.ts";
import type { SettingPath } from "./document.ts";
import type { Settings } from "./schema.ts";

/** Reads the files that settings name, and is told what is wrong with them. */
export interface SettingFiles {
  /** What a file holds; undefined if none is named, or if it can't be read, which is reported. */
  readonly read: (file: string | undefined, path: SettingPath) => Promise<Buffer | undefined>;
  readonly report: (path: SettingPath, message: string) => void;
}

/** An issuer's keys, as they are configured. */
export interface KeySettings {
  readonly keys: readonly (Settings["signals"]["transmitters"][number]["keys"][number] &
    ClaimNames)[];
  readonly algorithms: Settings["tokens"]["algorithms"];
}

/** Where the keys of a file stand, and what they are there. */
const places = { publicKeyFile: "public", secretFile: "secret", jwksFile: "set" } as const;

/** Reads the key files of an issuer; `base` is where its settings are. */
export async function readKeys(
  { keys: listed, algorithms }: KeySettings,
  base: SettingPath,
  { read, report }: SettingFiles,
): Promise<VerificationKey[]> {
  const keys: VerificationKey[] = [];
  for (const [index, settings] of listed.entries()) {
    const { kid, insecureShortSecret, subjectClaim, sessionClaim } = settings;
    for (const [place, kind] of Object.entries(places)) {
      const source = settings[place as keyof typeof places];
      if (source === undefined) continue;
      const path = [...base, "keys", index, place];
      const bytes = await read(source, path);
      if (bytes === undefined) continue;
      const claims = { subjectClaim, sessionClaim };
      const material: KeyMaterial = { kind, bytes, source, kid, claims, insecureShortSecret };
      keys.push(...loadKeysOrReport(material, algorithms, (message) => report(path, message)));
    }
  }
  return keys;
}

function loadKeysOrReport(
  material: KeyMaterial,
  algorithms: KeySettings["algorithms"],
  report: (message: string) => void,
): VerificationKey[] {
  try {
    return loadKeys(material, algorithms);
  } catch (error) {
    if (!(error instanceof KeyUnusableError)) throw error;
    report(error.message);
    return [];
  }
}

/** Reads the certificates of the authorities that key sets are fetched by, by the files' names. */
export async function readKeySetAuthorities(
  { keys }: Pick<KeySettings, "keys">,
  base: SettingPath,
  { read }: SettingFiles,
): Promise<Map<string, Buffer>> {
  const authorities = new Map<string, Buffer>();
  for (const [index, { caFile }] of keys.entries()) {
    const bytes = await read(caFile, [...base, "keys", index, "caFile"]);
    if (caFile !== undefined && bytes !== undefined) authorities.set(caFile, bytes);
  }
  return authorities;
}

/** Reads the key files of an issuer once more; rejects with ConfigError if one can't be used. */
export async function reloadKeys(
  settings: KeySettings,
  directory: string,
): Promise<VerificationKey[]> {
  const problems: string[] = [];
  const keys = await readKeys(settings, [], {
    read: async (file) => (file === undefined ? undefined : readFile(resolve(directory, file))),
    report: (_path, message) => void problems.push(message),
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return keys;
}
