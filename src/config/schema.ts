import type { z } from "zod";
import { decisionProblems } from "./decisions.ts";
import { repeatedIssuers, unknownIssuers } from "./issuers.ts";
import { ownUpstream, repeatedListeners } from "./listeners.ts";
import { admin } from "./settings/admin.ts";
import { cors, errors } from "./settings/answers.ts";
import { decisions } from "./settings/decisions.ts";
import { denylist } from "./settings/denylist.ts";
import { limits, log } from "./settings/limits.ts";
import { listen, liveConnections } from "./settings/listen.ts";
import { logout } from "./settings/logout.ts";
import { group } from "./settings/readers.ts";
import { routes, target } from "./settings/routes.ts";
import { server } from "./settings/server.ts";
import { signals } from "./settings/signals.ts";
import { tokens } from "./settings/tokens.ts";
import { upstream } from "./settings/upstream.ts";

/**
 * Every setting, with its meaning, how it is read, its default and its unit, each in the file of its group.
 *
 * config.example.yaml, docs/configuration.md and config.schema.json are written from it (`npm run docs`).
 */
export const configSchema = group({
  listen,
  server,
  upstream,
  tokens,
  target,
  routes,
  logout,
  signals,
  liveConnections,
  denylist,
  admin,
  decisions,
  errors,
  cors,
  log,
  limits,
}).superRefine((settings, context) => {
  const problems = [
    ...repeatedIssuers(settings),
    ...unknownIssuers(settings),
    ...decisionProblems(settings),
    ...repeatedListeners(settings),
    ...ownUpstream(settings),
  ];
  for (const { path, message } of problems) {
    context.addIssue({ code: "custom", message, path: [...path] });
  }
});

/** The configuration as read, before its files are. */
export type Settings = z.output<typeof configSchema>;
