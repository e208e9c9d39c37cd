import type { Attacks } from "../attack.ts";
import { applicationFaults } from "./application.ts";
import { evading } from "./evading.ts";
import { exemptions } from "./exemptions.ts";
import { exhaustion } from "./exhaustion.ts";
import { headers } from "./headers.ts";
import { readings } from "./readings.ts";
import { secrets } from "./secrets.ts";
import { smuggling } from "./smuggling.ts";
import { tokens } from "./tokens.ts";

/** Every kind of attack that is tried. */
export const classes: readonly Attacks[] = [
  tokens,
  evading,
  readings,
  exemptions,
  smuggling,
  headers,
  applicationFaults,
  secrets,
  exhaustion,
];
