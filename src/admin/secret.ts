import { createHash, timingSafeEqual } from "node:crypto";
import { type AdminAnswer, refusal } from "./answer.ts";

/** Whether an `Authorization` header carries the secret. Takes the same time whatever was sent. */
export function carriesSecret(authorization: string | undefined, secret: string): boolean {
  const [, sent] = /^bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
  return timingSafeEqual(digest(sent ?? ""), digest(secret)) && sent !== undefined;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The answer to anyone who does not carry it. */
export const secretMissing: AdminAnswer = {
  ...refusal(401, "invalid_token"),
  headers: { "WWW-Authenticate": 'Bearer realm="revgate admin", error="invalid_token"' },
  distrust: "secret",
};
