import type { Denylist } from "../denylist/denylist.ts";
import type { TokenCheck } from "../token/explain-token.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { StoreCommandsOptions } from "./store-command.ts";

/** Why a token would be let through on a protected route, or not: every check, the denylist last. */
export async function explain(
  { denylist, tokens }: StoreCommandsOptions,
  credential: string,
): Promise<Record<string, unknown>> {
  const { token, header, payload, checks } = await tokens.explain(credential);
  const isRight = checks.every(({ verdict }) => verdict === "passed");
  const last =
    isRight && token !== undefined
      ? await explainStanding(denylist, token)
      : { check: "denylist", verdict: "skipped", detail: "" };
  return { passes: last.verdict === "passed", header, payload, checks: [...checks, last] };
}

/** A name that nothing has, for look-ups of the others alone. */
const nobody = "A".repeat(43);

async function explainStanding(denylist: Denylist, token: VerifiedToken): Promise<TokenCheck> {
  const known = denylist.lookUp(token);
  const standing =
    known === "ask" ? await denylist.ask(token).catch(() => "unknown" as const) : known;
  if (standing === "live") return { check: "denylist", verdict: "passed", detail: "not revoked" };
  const detail =
    standing === "revoked" ? nameRevocation(denylist, token) : "the store does not answer";
  return { check: "denylist", verdict: "failed", detail };
}

/** By which of its names a token has been revoked, in words. */
export function nameRevocation(
  denylist: Pick<Denylist, "lookUp">,
  { id, jti, sid, subject, issuedAt }: VerifiedToken,
): string {
  const names = { tok: { id }, jti: { jti }, sid: { sid }, sub: { subject, issuedAt } };
  const by = Object.entries(names)
    .filter(([, name]) => denylist.lookUp({ id: nobody, ...name }) === "revoked")
    .map(([kind]) => kind);
  return by.length === 0 ? "revoked, according to the store" : `revoked by ${by.join(", ")}`;
}
