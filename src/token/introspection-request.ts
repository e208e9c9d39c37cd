import { readJson } from "../http/json.ts";
import { trustedBesides } from "../platform/trusted-certificates.ts";

/** Where an issuer is asked about tokens, and as whom. */
export interface IntrospectionPlace {
  readonly url: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Certificate authorities besides those that Node trusts, in PEM. */
  readonly ca?: Buffer | undefined;
  readonly timeoutMs: number;
}

/** An answer is a handful of claims. */
const maxBytes = 65_536;

/** Makes what asks (RFC 7662 section 2.1), on connections that are kept; rejects if anything but a whole 200 comes. */
export function createIntrospectionClient(place: IntrospectionPlace) {
  const { url, clientId, clientSecret, ca, timeoutMs } = place;
  // RFC 6749 section 2.3.1: encoded as in a form before they are joined.
  const pair = [clientId, clientSecret].map(encodeURIComponent).join(":");
  const headers = {
    accept: "application/json",
    authorization: `Basic ${Buffer.from(pair).toString("base64")}`,
    "content-type": "application/x-www-form-urlencoded",
  };
  const agent = import("undici").then(({ Agent }) => {
    return new Agent({ connect: ca === undefined ? {} : { ca: trustedBesides(ca) } });
  });
  return {
    async ask(credential: string): Promise<unknown> {
      const { fetch } = await import("undici");
      const response = await fetch(url, {
        method: "POST",
        redirect: "error",
        body: new URLSearchParams({
          token: credential,
          token_type_hint: "access_token",
        }).toString(),
        signal: AbortSignal.timeout(timeoutMs),
        dispatcher: await agent,
        headers,
      });
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of response.body ?? []) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new Error(`longer than ${maxBytes} bytes`);
        chunks.push(chunk);
      }
      if (response.status !== 200) throw new Error(`answered ${response.status}`);
      const answer = readJson(Buffer.concat(chunks).toString("utf8"));
      // Without what it says: that may be the token.
      if (answer === undefined) throw new Error("no JSON, or JSON that is nested too deep");
      return answer;
    },
    async close(): Promise<void> {
      await (await agent).destroy();
    },
  };
}
