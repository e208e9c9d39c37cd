import type { KeyObject } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { listenOnLoopback } from "./application.ts";
import { nextKeyPair } from "./key-pairs.ts";
import { makeToken } from "./tokens.ts";

/** One of an issuer's keys. */
export interface Key {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Makes a key that nobody has. */
export function makeKey(kid: string): Key {
  return { kid, ...nextKeyPair() };
}

/** Signs a token with a key, and names it. */
export function sign({ kid, privateKey }: Key, claims: Record<string, unknown> = {}): string {
  return makeToken(claims, { key: privateKey, header: { kid } });
}

/** Starts an issuer that publishes keys; `answer` may be replaced. */
export async function startIssuer(t: TestContext, ...keys: Key[]) {
  const issuer = {
    keys,
    fetches: 0,
    answer: undefined as ((response: ServerResponse) => void) | undefined,
    url: "",
    server: createServer((_request, response) => {
      issuer.fetches += 1;
      if (issuer.answer !== undefined) return issuer.answer(response);
      const set = issuer.keys.map(({ kid, publicKey }) => ({
        ...publicKey.export({ format: "jwk" }),
        kid,
        use: "sig",
      }));
      response.end(JSON.stringify({ keys: set }));
    }),
  };
  issuer.url = `http://127.0.0.1:${await listenOnLoopback(t, issuer.server)}/jwks`;
  return issuer;
}
