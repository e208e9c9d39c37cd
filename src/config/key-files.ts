import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError, KeyUnusableError } from "../errors.ts";
import type { ClaimNames } from "../token/claims.ts";
import { type KeyMaterial, loadKey, type VerificationKey } from "../token/keys/keys.ts";
import type { SettingPath } from "./document.ts";
import type { Settings } from "./schema.ts";

/** Reads the files that settings name, and is told what is wrong with them. */
export interface SettingFiles {
  /** What a file holds; undefined where none is named, or where it can't be read, which is reported. */
  readonly read: (file: string | undefined, path: SettingPath) => Promise<Buffer | undefined>;
  readonly report: (path: SettingPath, message: string) => void;
}

/** An issuer's keys, as they are configured. */
export interface KeySettings {
  readonly keys: readonly (Settings["signals"]["transmitters"][number]["keys"][number] &
    ClaimNames)[];
  readonly algorithms: Settings["tokens"]["algorithms"];
}

/** Reads the key files of an issuer; `base` is where its settings are. */
export async function readKeys(
  { keys: listed, algorithms }: KeySettings,
  base: SettingPath,
  { read, report }: SettingFiles,
): Promise<VerificationKey[]> {
  const keys: VerificationKey[] = [];
  for (const [index, { publicKeyFile, secretFile, kid, ...claims }] of listed.entries()) {
    const [kind, setting] = secretFile ? secretSetting : publicSetting;
    const source = publicKeyFile ?? secretFile ?? "";
    const path = [...base, "keys", index, setting];
    // A key set is no file.
    const bytes = source === "" ? undefined : await read(source, path);
    const key =
      bytes &&
      loadKeyOrReport({ kind, bytes, source, kid, claims }, algorithms, (message) =>
        report(path, message),
      );
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
  const keys = await readKeys(settings, [], {
    read: async (file) => (file === undefined ? undefined : readFile(resolve(directory, file))),
    report: (_path, message) => void problems.push(message),
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return keys;
}

const publicSetting = ["public", "publicKeyFile"] as const;
const secretSetting = ["secret", "secretFile"] as const;
