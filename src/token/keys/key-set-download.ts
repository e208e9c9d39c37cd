import type { Dispatcher } from "undici";
import { trustedBesides } from "../../platform/trusted-certificates.ts";

/** Where a key set is, and how it is reached. */
export interface KeySetPlace {
  readonly url: URL;
  /** Certificate authorities besides those that Node trusts, in PEM. */
  readonly ca?: Buffer | undefined;
  /** The proxy that it is fetched through. */
  readonly proxy?: URL | undefined;
  /** Max size of the set. */
  readonly maxBytes: number;
}

/** Fetches a key set; rejects if anything but a whole answer 200 comes, or more than `maxBytes`. */
export async function downloadKeySet(place: KeySetPlace, signal: AbortSignal): Promise<string> {
  const { fetch } = await import("undici");
  const dispatcher = await dispatcherFor(place);
  try {
    // A redirect could lead anywhere, and what comes from there would be believed.
    const headers = { accept: "application/jwk-set+json, application/json" };
    const response = await fetch(place.url, { redirect: "error", signal, headers, dispatcher });
    if (response.status !== 200) throw new Error(`answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > place.maxBytes) throw new Error(`longer than ${place.maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    // A set is fetched once in minutes: nothing is kept open for the next time.
    await dispatcher.destroy();
  }
}

async function dispatcherFor({ ca, proxy }: KeySetPlace): Promise<Dispatcher> {
  const { Agent, ProxyAgent } = await import("undici");
  const tls = ca === undefined ? {} : { ca: trustedBesides(ca) };
  if (proxy === undefined) return new Agent({ connect: tls });
  return new ProxyAgent({ uri: proxy.href, requestTls: tls });
}
