import { withAgreedNames } from "../denylist/agreed-names.ts";
import type { Denylist } from "../denylist/denylist.ts";
import type { FleetLives } from "../denylist/redis/fleet-lives.ts";
import { compareNames } from "../denylist/redis/name-agreement.ts";
import type { RedisReplica } from "../denylist/redis/replica.ts";
import type { Logger } from "../observability/logger.ts";
import type { KeptReadings } from "./claim-readings.ts";
import type { KeptMainIssuer } from "./main-issuer.ts";

/** Where the forms of names are compared, and with what. */
export interface AgreedNamesOptions {
  readonly replica: Pick<
    RedisReplica,
    "exchangeNameForms" | "exchangeMainIssuer" | "exchangeReadings"
  >;
  /** The forms in which this sidecar makes names. */
  readonly forms: readonly string[];
  /** Whose names have no issuer. */
  readonly mainIssuer: Pick<KeptMainIssuer, "compare">;
  /** Which claims name subjects and sessions, and did before. */
  readonly readings: Pick<KeptReadings, "compare">;
  /** For how long all sidecars of the store remember. */
  readonly lives: Pick<FleetLives, "unread">;
  readonly whenUnavailable: "deny" | "serve-known";
  readonly logger: Logger;
}

/**
 * The shared denylist, whose word counts while its names are those of the store in Redis, and while it is
 * known for how long revocations are remembered there.
 */
export function agreeOnNames(
  denylist: Denylist,
  { replica, forms, mainIssuer, readings, lives, whenUnavailable, logger }: AgreedNamesOptions,
): Denylist {
  const isTrusting = whenUnavailable === "serve-known";
  const names = compareNames({
    forms,
    exchange: (found, wanted) => replica.exchangeNameForms(found, wanted),
    async compareMore() {
      return (
        (await readings.compare((...args) => replica.exchangeReadings(...args))) ??
        (await mainIssuer.compare((...args) => replica.exchangeMainIssuer(...args)))
      );
    },
    isTrusting,
    onTrouble(reason) {
      if (reason === undefined)
        logger.info("redis and this sidecar form names in the same way again");
      else logger.error({ reason }, "redis and this sidecar form names in different ways");
    },
  });
  return withAgreedNames(denylist, {
    get trouble() {
      return names.trouble ?? (isTrusting ? undefined : lives.unread);
    },
    close: names.close,
  });
}
