import type { Denylist } from "../denylist/denylist.ts";
import { readResponseFields, valuesOf } from "../http/body-fields.ts";
import type { Verifier } from "../token/verifier.ts";
import type { HeldResponse, Hold } from "../upstream/held-response.ts";

/** What is looked at in the answers of a route that hands tokens out, and who is told. */
export interface HandedOutOptions {
  /** JSON Pointers to the tokens. */
  readonly pointers: readonly string[];
  readonly verifier: Verifier;
  readonly denylist: Pick<Denylist, "lookUp">;
  /** How much of an answer is read, in bytes. */
  readonly bodyBytes: number;
  /** Told what a token is called in the denylist that was handed out although it has been revoked. */
  readonly onRevoked: (id: string) => void;
}

/**
 * Looks at the tokens that an answer hands out, and passes it on as it is.
 *
 * Tokens without `jti` come out the same, byte for byte, if somebody logs in again within the second:
 * they have been revoked before they are used for the first time. Decision note 0064.
 */
export function watchHandedOut(options: HandedOutOptions): Hold {
  return {
    onResponse: (response) =>
      response.status >= 200 && response.status < 300 ? look(response, options) : undefined,
    onLost: async () => {},
  };
}

async function look(
  response: HeldResponse,
  { pointers, verifier, denylist, bodyBytes, onRevoked }: HandedOutOptions,
): Promise<void> {
  const body = await response.readBody(bodyBytes);
  if (body === undefined) return;
  const fields = readResponseFields(body);
  for (const pointer of pointers) {
    for (const credential of valuesOf(fields, { kind: "json", pointer })) {
      // Nothing is fetched for it: its first request will see to that.
      const verification = verifier.verify(credential, { search: "none" });
      if (verification.kind !== "valid") continue;
      const { token } = verification;
      if (denylist.lookUp(token) === "revoked") onRevoked(token.id);
    }
  }
}
