import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repository } from "../tools/repository.ts";

/** An RSA key of 2048 bits. */
export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Made once for all runs of a checkout: each takes a fifth of a second of CPU, and most processes need one. */
const file = join(repository, "node_modules/.cache/revgate-test-keys.json");
const keptCount = 16;

/** Makes the key pairs that the processes of a run share, unless they are there. */
export function prepareKeyPairs(): void {
  if (existsSync(file)) return;
  const pems = Array.from({ length: keptCount }, () =>
    generate().privateKey.export({ type: "pkcs8", format: "pem" }),
  );
  mkdirSync(dirname(file), { recursive: true });
  const staging = `${file}.${process.pid}`;
  writeFileSync(staging, JSON.stringify(pems), { mode: 0o600 });
  renameSync(staging, file);
}

let kept: string[] | undefined;
let calls = 0;

/**
 * A key pair that the last dozen calls in this process have not had, nor the first one, whose pair is all
 * tests'. Other processes have the same ones.
 */
export function nextKeyPair(): KeyPair {
  kept ??= existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as string[]) : [];
  const pem = calls === 0 ? kept[0] : kept[1 + ((calls - 1) % (keptCount - 1))];
  calls += 1;
  if (pem === undefined) return generate();
  return { privateKey: createPrivateKey(pem), publicKey: createPublicKey(pem) };
}

function generate(): KeyPair {
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}
