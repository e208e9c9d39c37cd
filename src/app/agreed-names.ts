import { withAgreedNames } from "../denylist/agreed-names.ts";
import type { Denylist } from "../denylist/denylist.ts";
import { compareNames } from "../denylist/redis/name-agreement.ts";
import type { RedisReplica } from "../denylist/redis/replica.ts";
import type { Logger } from "../observability/logger.ts";

/** Where the forms of names are compared, and with what. */
export interface AgreedNamesOptions {
  readonly replica: Pick<RedisReplica, "exchangeNameForms">;
  /** The forms in which this sidecar makes names. */
  readonly forms: readonly string[];
  readonly whenUnavailable: "deny" | "serve-known";
  readonly logger: Logger;
}

/** The shared denylist, whose word counts while its names are those of the store in Redis. */
export function agreeOnNames(
  denylist: Denylist,
  { replica, forms, whenUnavailable, logger }: AgreedNamesOptions,
): Denylist {
  const agreement = compareNames({
    forms,
    exchange: (found, wanted) => replica.exchangeNameForms(found, wanted),
    isTrusting: whenUnavailable === "serve-known",
    onTrouble(reason) {
      if (reason === undefined) logger.info("the names in redis are made as here");
      else logger.error({ reason }, "the names in redis are made in another way");
    },
  });
  return withAgreedNames(denylist, agreement);
}
