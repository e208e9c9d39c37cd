import type { Endpoints } from "../admin/endpoint.ts";
import { createSignalReceiver } from "../admin/signal-receiver.ts";
import type { SignalSource } from "../admin/signalled-entries.ts";
import { namespacesOf } from "../config/issuers.ts";
import type { Config } from "../config/load.ts";
import { lifetimesOf } from "../config/routes.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import { fixedKeys, joinRings, type KeyRing } from "../token/keys/key-ring.ts";
import type { Store } from "./store.ts";
import {
  type KeySets,
  keySetsOf,
  type OpenRing,
  type OpenVerifier,
  openKeys,
} from "./verification.ts";

/** What identity providers send their events to, with the keys that it lives on. */
export interface OpenSignals {
  readonly endpoints: Endpoints;
  /** The key sets that transmitters of events publish for themselves. */
  readonly keySets: KeySets;
  /** Stops looking for other keys. */
  close(): void;
}

/** What the receiver works with. */
export interface SignalsContext {
  readonly store: Pick<Store, "denylist" | "clock">;
  readonly verification: OpenVerifier;
  readonly metrics: Pick<Metrics<string>, "store">;
  readonly logger: Logger;
}

/** Opens the receiver of events, as configured; undefined if no one's are listened to. */
export function openSignals(
  config: Config,
  { store, verification, metrics: { store: metrics }, logger }: SignalsContext,
): OpenSignals | undefined {
  const { clock } = store;
  const { signals, tokens } = config.settings;
  if (signals.backchannelLogout.length + signals.transmitters.length === 0) return undefined;
  const [only] = [...verification.rings.keys()].filter((name) => name !== undefined);
  const logouts = signals.backchannelLogout.map(
    ({ issuer = only ?? "", audience, ends }): SignalSource => ({
      ...{ issuer, audience, ends },
      keys: verification.rings.get(issuer) ?? fixedKeys([]),
    }),
  );
  const opened: OpenRing[] = [];
  const ringOf = (index: number, settings: (typeof signals.transmitters)[number]): KeyRing => {
    const shared = settings.keys.length === 0 ? verification.rings.get(settings.issuer) : undefined;
    if (shared !== undefined) return shared;
    const own = openKeys(settings, config.files.transmitterKeys[index] ?? [], {
      config,
      context: { metrics, logger },
    });
    opened.push(...own);
    return joinRings(own);
  };
  const transmitters = signals.transmitters.map((settings, index): SignalSource => {
    const { issuer, audience, ends } = settings;
    return { issuer, audience, ends, keys: ringOf(index, settings) };
  });
  const endpoints = createSignalReceiver({
    ...{ logouts, transmitters, clock },
    denylist: store.denylist,
    lifetimes: lifetimesOf(config.settings),
    subjectClaimOf: (issuer) =>
      tokens.issuers.find((each) => each.issuer === issuer)?.subjectClaim ?? tokens.subjectClaim,
    seen: verification.verifier.seen,
    names: verification.verifier.names,
    namespaces: namespacesOf(tokens),
    requestsPerSecond: signals.requestsPerSecond,
    onRevoked: metrics.countRevoked,
    onSignal: (result) => metrics.signals[result].inc(),
  });
  return {
    endpoints,
    keySets: keySetsOf(opened),
    close() {
      for (const ring of opened) ring.close();
    },
  };
}
