import type { Denylist } from "../denylist/denylist.ts";
import { type BodyFields, isJson, readResponseFields, valuesOf } from "../http/body-fields.ts";
import { decodeCookieValue, setCookieValues } from "../http/cookies.ts";
import { HeaderList } from "../http/field-lines.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { readOpaqueToken } from "../token/opaque-token.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import { type Verifier, verifyInFull } from "../token/verifier.ts";
import type { HeldResponse, Hold } from "../upstream/held-response.ts";
import type { HandedOutSource } from "./route.ts";

/** What tokens in answers are read with. */
export interface HandedOutReading {
  readonly verifier: Verifier;
  /** How much of an answer is read, in bytes. */
  readonly bodyBytes: number;
}

/** What is looked at in the answers of a route that hands tokens out, and who is told. */
export interface HandedOutOptions extends HandedOutReading {
  readonly sources: readonly HandedOutSource[];
  readonly denylist: Pick<Denylist, "lookUp">;
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

async function look(response: HeldResponse, options: HandedOutOptions): Promise<void> {
  const { sources, verifier, denylist, onRevoked } = options;
  for (const credential of await credentialsIn(response, sources, options)) {
    // Nothing is fetched for it: its first request will see to that.
    const verification = verifier.verify(credential, { search: "none" });
    if (verification.kind !== "valid") continue;
    const { token } = verification;
    if (denylist.lookUp(token) === "revoked") onRevoked(token.id);
  }
}

/**
 * The tokens that an answer hands out, with their signatures checked; a key that is new is fetched.
 *
 * What is no token of an issuer's is left out, or taken as it stands, until then, with `opaqueUntil`.
 */
export async function readHandedOut(
  sources: readonly HandedOutSource[],
  response: HeldResponse,
  reading: HandedOutReading & { readonly opaqueUntil?: EpochSeconds | undefined },
): Promise<readonly VerifiedToken[]> {
  const { verifier, opaqueUntil } = reading;
  const credentials = await credentialsIn(response, sources, reading);
  const read = credentials.map(async (credential) => {
    const verification = await verifyInFull(verifier, credential);
    if ("token" in verification) return verification.kind === "expired" ? [] : [verification.token];
    if (opaqueUntil === undefined || !mayBeOpaque(credential)) return [];
    return [readOpaqueToken(credential, opaqueUntil, verifier.names)];
  });
  return (await Promise.all(read)).flat();
}

/** Shorter texts can be guessed or are the same in many answers, such as `deleted`, `none` or a number; longer ones are no tokens. */
const [minOpaqueLength, maxOpaqueLength] = [16, 8192];

function mayBeOpaque({ length }: string): boolean {
  return length >= minOpaqueLength && length <= maxOpaqueLength;
}

/** What stands in some places of an answer. Its body is read if one of them is there, and it says that it is JSON. */
async function credentialsIn(
  response: HeldResponse,
  sources: readonly HandedOutSource[],
  { bodyBytes }: Pick<HandedOutReading, "bodyBytes">,
): Promise<readonly string[]> {
  const headers = new HeaderList(response.headers);
  const inBody = sources.some(({ kind }) => kind === "responseJson") && isJson(headers);
  const body = inBody ? await response.readBody(bodyBytes) : undefined;
  const fields = body === undefined ? ({ kind: "none" } as const) : readResponseFields(body);
  return sources.flatMap((source) => valuesIn(source, { headers, fields }));
}

function valuesIn(
  source: HandedOutSource,
  { headers, fields }: { readonly headers: HeaderList; readonly fields: BodyFields },
): readonly string[] {
  switch (source.kind) {
    case "responseJson":
      return valuesOf(fields, { kind: "json", pointer: source.pointer }).map(withoutScheme);
    case "responseHeader":
      return headers.all(source.name).map(withoutScheme);
    case "responseCookie":
      return setCookieValues(headers, source.name).map((value) =>
        withoutScheme(decodeCookieValue(value).replace(/^bearer\++/i, "")),
      );
  }
}

/** Many applications hand out what clients have to send as it is: `Bearer` or `JWT`, and the token. No token has a space. */
function withoutScheme(text: string): string {
  return text.replace(/^[\w!#$%&'*+.^`|~-]+ +(?=[^ ]+$)/, "");
}
