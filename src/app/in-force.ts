import { namespacesOf } from "../config/issuers.ts";
import type { Config } from "../config/load.ts";
import { lifetimesOf } from "../config/routes.ts";
import type { StoreCommandsOptions } from "../control/store-command.ts";
import type { OpenVerifier } from "./verification.ts";

/**
 * The configuration in force, and the checks of tokens that it made; a reload puts others in their place.
 *
 * What is constructed before the rest of revgate reads them here, each time anew.
 */
export interface InForce {
  config: Config;
  verification: OpenVerifier;
}

/** How commands read tokens: as the configuration in force says when they are carried out. */
export function tokensInForce(inForce: Readonly<InForce>): StoreCommandsOptions["tokens"] {
  return {
    get verifier() {
      return inForce.verification.verifier;
    },
    get explain() {
      return inForce.verification.explain;
    },
    get lifetimes() {
      return lifetimesOf(inForce.config.settings);
    },
    get namespaces() {
      return namespacesOf(inForce.config.settings.tokens);
    },
  };
}
