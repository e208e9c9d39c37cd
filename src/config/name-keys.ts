import type { NamingOptions } from "../token/names.ts";
import type { SettingFiles } from "./key-files.ts";
import type { Settings } from "./schema.ts";

/** The secrets that names are made with, as read from their files. */
export interface NameKeys {
  readonly current: Buffer | undefined;
  readonly former: Buffer | undefined;
}

/** With fewer, a reader of the store could try all keys. */
const minKeyBytes = 32;

/** Reads the files of `denylist.nameKeyFile` and `denylist.formerNameKeyFile`. */
export async function readNameKeys(
  { denylist }: Settings,
  { read, report }: SettingFiles,
): Promise<NameKeys> {
  const keyIn = async (setting: "nameKeyFile" | "formerNameKeyFile") => {
    const path = ["denylist", setting];
    const key = withoutEnd(await read(denylist[setting], path));
    if (key !== undefined && key.length < minKeyBytes) {
      report(path, `expected ${minKeyBytes} bytes or more, such as openssl rand -base64 32 writes`);
    }
    return key;
  };
  const [current, former] = [await keyIn("nameKeyFile"), await keyIn("formerNameKeyFile")];
  if (current !== undefined && former !== undefined && current.equals(former)) {
    report(["denylist", "formerNameKeyFile"], "expected a key that differs from nameKeyFile");
  }
  return { current, former };
}

/** Editors and `echo` end a file with a line feed; the key is what stands before it. */
function withoutEnd(bytes: Buffer | undefined): Buffer | undefined {
  if (bytes === undefined) return undefined;
  const end = bytes.length - (/\r?\n$/.exec(bytes.toString("latin1"))?.[0].length ?? 0);
  return bytes.subarray(0, end);
}

/** How a configuration names what is revoked. */
export function namingOf(
  {
    settings,
    files,
  }: {
    readonly settings: Pick<Settings, "denylist">;
    readonly files: { readonly nameKeys: NameKeys };
  },
  isMainIssuer?: NamingOptions["isMainIssuer"],
): NamingOptions {
  const { current, former } = files.nameKeys;
  const { formerNames } = settings.denylist;
  return { key: current, formerKey: former, formerNames, isMainIssuer };
}
