import { setTimeout as sleep } from "node:timers/promises";
import type { NameAgreement } from "../agreed-names.ts";
import { compareForms, formatForms, parseForms, strangersReason } from "../name-forms.ts";

/** Whose forms are compared with those in Redis. */
export interface NameAgreementOptions {
  /** This sidecar's, today's first. */
  readonly forms: readonly string[];
  /**
   * Puts `wanted` in the place of the text that stands in Redis, if that is `found`; resolves to what stands
   * there then. "" is nothing.
   */
  readonly exchange: (found: string, wanted: string) => Promise<string>;
  /** Compares what else names are made of; resolves to what is wrong with it, or to undefined. */
  readonly compareMore?: (() => Promise<string | undefined>) | undefined;
  /** Whether this sidecar answers before it has reached Redis for the first time. */
  readonly isTrusting: boolean;
  /** Told when the trouble changes. */
  readonly onTrouble: (reason: string | undefined) => void;
}

const everyMs = 10_000;
const retryAfterMs = 200;

/** Compares this sidecar's forms of names with those in Redis: at the start until it can, then every 10 s. */
export function compareNames(options: NameAgreementOptions): NameAgreement {
  const stopped = new AbortController();
  let trouble = options.isTrusting ? undefined : "the names in redis have not been compared yet";

  function set(reason: string | undefined): void {
    if (reason !== trouble) options.onTrouble(reason);
    trouble = reason;
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const pauseMs = await compareOnce(options).then(
        (reason) => {
          set(reason);
          return everyMs;
        },
        // Redis is away, which is told elsewhere; what was agreed on still is.
        () => retryAfterMs,
      );
      await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    get trouble() {
      return trouble;
    },
    async close() {
      stopped.abort();
      await running;
    },
  };
}

/** Resolves to the reason why nothing is in common, or to undefined. */
async function compareOnce(options: NameAgreementOptions): Promise<string | undefined> {
  return (await compareOwnForms(options)) ?? (await options.compareMore?.());
}

async function compareOwnForms({
  forms,
  exchange,
}: NameAgreementOptions): Promise<string | undefined> {
  const own = formatForms(forms);
  let found = await exchange("", own);
  for (;;) {
    const held = parseForms(found);
    const verdict = compareForms(held, forms);
    if (verdict.kind === "strangers") return strangersReason("the store in redis", held, forms);
    if (verdict.kind === "agreed" || found === own) return undefined;
    // Somebody else may just have changed it: then that is looked at.
    found = await exchange(found, own);
  }
}
